/*
 * value.c
 *		Values: from Datums, json and literals; how two of them compare.
 *
 * sqlgen_compare.c writes the same comparisons in SQL; the two must agree.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "json.h"
#include "value.h"

static SegType scalar_type(Oid typid);
static void take_other_type(SegTypeInfo *info, Oid typid);

/*
 * What a type is to us.  The caller gives the collation of the column.
 */
void
seg_type_lookup(SegTypeInfo *info, Oid typid, Oid collation)
{
	Oid			elem;

	memset(info, 0, sizeof(*info));
	typid = getBaseType(typid);
	elem = get_element_type(typid);
	info->typid = typid;
	info->collation = collation;
	if (OidIsValid(elem))
	{
		elem = getBaseType(elem);
		info->type = SEG_T_LIST;
		info->elem = scalar_type(elem);
		info->elem_typid = elem;
	}
	else
		info->type = scalar_type(typid);
	if ((OidIsValid(elem) ? info->elem : info->type) == SEG_T_OTHER)
		take_other_type(info, OidIsValid(elem) ? elem : typid);
}

static SegType
scalar_type(Oid typid)
{
	switch (typid)
	{
		case BOOLOID:
			return SEG_T_BOOL;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
			return SEG_T_INT;
		case NUMERICOID:
			return SEG_T_NUMERIC;
		case FLOAT4OID:
		case FLOAT8OID:
			return SEG_T_FLOAT;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
			return SEG_T_TEXT;
		case DATEOID:
			return SEG_T_DAY;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return SEG_T_MOMENT;
		case INTERVALOID:
			return SEG_T_DURATION;
		case JSONOID:
		case JSONBOID:
			return SEG_T_JSON;
	}
	return OidIsValid(lookup_type_cache(typid, TYPECACHE_CMP_PROC)->cmp_proc) ? SEG_T_OTHER : SEG_T_OPAQUE;
}

static bool
is_citext(Oid typid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	Form_pg_type type;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	type = (Form_pg_type) GETSTRUCT(tuple);
	result = type->typcategory == TYPCATEGORY_STRING && strcmp(NameStr(type->typname), "citext") == 0;
	ReleaseSysCache(tuple);
	return result;
}

/* Enums are the user's, but not what compares them. */
static bool
is_foreign(Oid typid, Oid compare)
{
	return compare >= FirstNormalObjectId || typid == RECORDOID ||
		(typid >= FirstNormalObjectId && get_typtype(typid) != TYPTYPE_ENUM);
}

/* A type outside our list: one that compares by its btree operators, or citext. */
static void
take_other_type(SegTypeInfo *info, Oid typid)
{
	TypeCacheEntry *entry = lookup_type_cache(typid, TYPECACHE_CMP_PROC_FINFO);
	SegOtherType *other = palloc0(sizeof(SegOtherType));

	other->typid = typid;
	other->typlen = entry->typlen;
	other->typbyval = entry->typbyval;
	other->typalign = entry->typalign;
	fmgr_info(entry->cmp_proc_finfo.fn_oid, &other->compare);
	other->is_citext = is_citext(typid);
	other->is_foreign = is_foreign(typid, entry->cmp_proc_finfo.fn_oid);
	info->other = other;
	if (other->is_citext && info->type == SEG_T_LIST)
		info->elem = SEG_T_TEXT;
	else if (other->is_citext)
		info->type = SEG_T_TEXT;
}

static void
value_from_array(SegValue *out, const SegTypeInfo *info, ArrayType *array, const SegClock *clock)
{
	SegTypeInfo elem = {.type = info->elem, .typid = info->elem_typid,
	.collation = info->collation, .other = info->other};
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *datums;
	bool	   *nulls;
	int			n;
	SegList    *list;

	get_typlenbyvalalign(info->elem_typid, &typlen, &typbyval, &typalign);
	deconstruct_array(array, info->elem_typid, typlen, typbyval, typalign, &datums, &nulls, &n);
	list = palloc(offsetof(SegList, elems) + sizeof(SegValue) * (Size) n);
	list->nelems = 0;
	for (int i = 0; i < n; i++)
	{
		SegValue   *value = &list->elems[list->nelems];

		seg_value_from_datum(value, &elem, datums[i], nulls[i], clock);
		if (value->tag != SEG_V_MISSING)
			list->nelems++;
	}
	out->tag = SEG_V_LIST;
	out->v.list = list;
}

static void
value_from_text(SegValue *out, Oid typid, Datum datum)
{
	text	   *t;
	int			len;

	if (typid == NAMEOID)
	{
		seg_value_text(out, NameStr(*DatumGetName(datum)), strlen(NameStr(*DatumGetName(datum))));
		return;
	}
	t = DatumGetTextPP(datum);
	len = VARSIZE_ANY_EXHDR(t);
	/* the blanks that char(n) pads with do not count */
	if (typid == BPCHAROID)
		len = bpchartruelen(VARDATA_ANY(t), len);
	seg_value_text(out, VARDATA_ANY(t), len);
}

static void
value_from_int(SegValue *out, Oid typid, Datum datum)
{
	out->tag = SEG_V_INT;
	switch (typid)
	{
		case INT2OID:
			out->v.i = DatumGetInt16(datum);
			break;
		case INT4OID:
			out->v.i = DatumGetInt32(datum);
			break;
		case OIDOID:
			out->v.i = DatumGetObjectId(datum);
			break;
		default:
			out->v.i = DatumGetInt64(datum);
	}
}

static void
value_from_moment(SegValue *out, Oid typid, Datum datum, const SegClock *clock)
{
	out->tag = SEG_V_MOMENT;
	if (typid != TIMESTAMPOID)
		out->v.i = DatumGetTimestampTz(datum);
	else if (!seg_clock_from_local(clock, DatumGetTimestamp(datum), &out->v.i))
		seg_value_missing(out);
}

/*
 * A column's Datum, in the column's own type.  Texts, numerics and the like are not
 * copied: the Datum must live as long as the value.
 */
void
seg_value_from_datum(SegValue *out, const SegTypeInfo *info, Datum datum, bool isnull, const SegClock *clock)
{
	if (isnull)
	{
		seg_value_missing(out);
		return;
	}
	switch (info->type)
	{
		case SEG_T_BOOL:
			out->tag = SEG_V_BOOL;
			out->v.b = DatumGetBool(datum);
			break;
		case SEG_T_INT:
			value_from_int(out, info->typid, datum);
			break;
		case SEG_T_NUMERIC:
			out->tag = SEG_V_NUMERIC;
			out->v.n = DatumGetNumeric(datum);
			break;
		case SEG_T_FLOAT:
			out->tag = SEG_V_FLOAT;
			out->v.f = info->typid == FLOAT4OID ? DatumGetFloat4(datum) : DatumGetFloat8(datum);
			break;
		case SEG_T_TEXT:
			value_from_text(out, info->typid, datum);
			break;
		case SEG_T_DAY:
			out->tag = SEG_V_DAY;
			out->v.i = DatumGetDateADT(datum);
			break;
		case SEG_T_MOMENT:
			value_from_moment(out, info->typid, datum, clock);
			break;
		case SEG_T_DURATION:
			out->tag = SEG_V_DURATION;
			out->v.span = DatumGetIntervalP(datum);
			break;
		case SEG_T_LIST:
			value_from_array(out, info, DatumGetArrayTypeP(datum), clock);
			break;
		case SEG_T_JSON:
			{
				JsonbValue	json;

				if (info->typid == JSONOID)
					datum = DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(datum)));
				json.type = jbvBinary;
				json.val.binary.data = &DatumGetJsonbP(datum)->root;
				seg_value_from_jsonb(out, &json);
			}
			break;
		case SEG_T_OTHER:
		case SEG_T_OPAQUE:
			out->tag = SEG_V_OTHER;
			out->v.d = datum;
			break;
	}
}

static void
value_from_container(SegValue *out, JsonbContainer *container)
{
	SegJsonWalk walk;
	JsonbValue	json;
	SegList    *list;

	check_stack_depth();
	if (JsonContainerIsObject(container))
	{
		out->tag = SEG_V_OBJECT;
		out->v.object = container;
		return;
	}
	seg_json_walk(&walk, container);
	if (JsonContainerIsScalar(container))
	{
		(void) seg_json_next(&walk, &json);
		seg_value_from_jsonb(out, &json);
		return;
	}
	list = palloc(offsetof(SegList, elems) + sizeof(SegValue) * (Size) walk.count);
	list->nelems = 0;
	while (seg_json_next(&walk, &json))
	{
		SegValue   *value = &list->elems[list->nelems];

		seg_value_from_jsonb(value, &json);
		if (value->tag != SEG_V_MISSING)
			list->nelems++;
	}
	out->tag = SEG_V_LIST;
	out->v.list = list;
}

void
seg_value_from_jsonb(SegValue *out, const JsonbValue *json)
{
	switch (json->type)
	{
		case jbvString:
			seg_value_text(out, json->val.string.val, json->val.string.len);
			break;
		case jbvNumeric:
			out->tag = SEG_V_NUMERIC;
			out->v.n = json->val.numeric;
			break;
		case jbvBool:
			out->tag = SEG_V_BOOL;
			out->v.b = json->val.boolean;
			break;
		case jbvBinary:
			value_from_container(out, json->val.binary.data);
			break;
		default:
			seg_value_missing(out);
	}
}

/* A numeric that is a whole number within bigint, as such. */
static bool
numeric_as_int(Numeric n, int64 *i)
{
	char	   *s;
	char	   *end;

	if (numeric_is_nan(n) || numeric_is_inf(n))
		return false;
	s = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(n)));
	errno = 0;
	*i = strtoll(s, &end, 10);
	return errno == 0 && *end == '\0';
}

static void
value_from_edge(SegValue *out, const SegNode *node, const SegClock *clock)
{
	SegUnit		unit = SEG_FLAGS_UNIT(node->flags);
	DateADT		day;

	if (unit >= SEG_DAY)
	{
		if (!seg_clock_edge_day(clock, node->op, SEG_FLAGS_WHICH(node->flags), unit, &day))
			seg_value_missing(out);
		else
		{
			out->tag = SEG_V_WHOLE_DAY;
			out->v.i = day;
		}
	}
	else
	{
		SegNode		period = {.kind = SEG_NODE_PERIOD, .op = SEG_PERIOD_UNIT, .flags = node->flags};
		SegSpan		span;

		if (!seg_clock_period(clock, &period, &span))
			seg_value_missing(out);
		else
		{
			out->tag = SEG_V_MOMENT;
			out->v.i = node->op ? span.end : span.start;
		}
	}
}

/* A literal or a clock word.  The node must live as long as the value. */
void
seg_value_from_literal(SegValue *out, const SegNode *node, const SegClock *clock)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
			seg_value_text(out, seg_node_text(node), node->len);
			break;
		case SEG_NODE_NUMBER:
			out->tag = SEG_V_INT;
			if (!numeric_as_int(seg_node_number(node), &out->v.i))
			{
				out->tag = SEG_V_NUMERIC;
				out->v.n = seg_node_number(node);
			}
			break;
		case SEG_NODE_BOOL:
			out->tag = SEG_V_BOOL;
			out->v.b = node->op != 0;
			break;
		case SEG_NODE_DAY:
			out->tag = SEG_V_WHOLE_DAY;
			out->v.i = seg_node_int(node);
			break;
		case SEG_NODE_MOMENT:
			out->tag = SEG_V_MOMENT;
			out->v.i = seg_node_moment(node);
			if (node->op == 0 && !seg_clock_from_local(clock, seg_node_moment(node), &out->v.i))
				seg_value_missing(out);
			break;
		case SEG_NODE_DURATION:
			{
				Interval   *span = palloc(sizeof(Interval));

				*span = seg_node_duration(node);
				out->tag = SEG_V_DURATION;
				out->v.span = span;
			}
			break;
		case SEG_NODE_CLOCK:
			out->tag = node->op == SEG_NOW ? SEG_V_MOMENT : SEG_V_WHOLE_DAY;
			out->v.i = node->op == SEG_NOW ? clock->now :
				clock->today + (node->op == SEG_TOMORROW ? 1 : node->op == SEG_YESTERDAY ? -1 : 0);
			break;
		case SEG_NODE_AGO:
			{
				Interval	span = seg_node_duration(seg_node_child(node, 0));

				out->tag = SEG_V_MOMENT;
				if (!seg_clock_add(clock, clock->now, &span, node->op ? 1 : -1, &out->v.i))
					seg_value_missing(out);
			}
			break;
		case SEG_NODE_EDGE:
			value_from_edge(out, node, clock);
			break;
		default:
			elog(ERROR, "rule node of kind %d is no literal", node->kind);
	}
}

static const SegList *
copy_list(const SegList *list, const SegOtherType *other)
{
	SegList    *copy = palloc(offsetof(SegList, elems) + sizeof(SegValue) * (Size) list->nelems);

	copy->nelems = list->nelems;
	for (int i = 0; i < list->nelems; i++)
		seg_value_copy(&copy->elems[i], &list->elems[i], other);
	return copy;
}

void
seg_value_copy(SegValue *out, const SegValue *value, const SegOtherType *other)
{
	check_stack_depth();
	*out = *value;
	switch (value->tag)
	{
		case SEG_V_TEXT:
			out->v.s = memcpy(palloc(value->len + 1), value->v.s, value->len);
			break;
		case SEG_V_NUMERIC:
			out->v.n = DatumGetNumericCopy(NumericGetDatum(value->v.n));
			break;
		case SEG_V_DURATION:
			{
				Interval   *span = palloc(sizeof(Interval));

				*span = *value->v.span;
				out->v.span = span;
			}
			break;
		case SEG_V_OTHER:
			if (other != NULL)
				out->v.d = datumCopy(value->v.d, other->typbyval, other->typlen);
			break;
		case SEG_V_LIST:
			out->v.list = copy_list(value->v.list, other);
			break;
		case SEG_V_OBJECT:
			/* what it holds is not asked for through a value */
			out->v.object = NULL;
			break;
		default:
			break;
	}
}

Numeric
seg_value_numeric(const SegValue *value)
{
	return value->tag == SEG_V_INT ? int64_to_numeric(value->v.i) : value->v.n;
}

double
seg_value_double(const SegValue *value)
{
	switch (value->tag)
	{
		case SEG_V_FLOAT:
			return value->v.f;
		case SEG_V_INT:
			return (double) value->v.i;
		default:
			return seg_numeric_double(value->v.n);
	}
}

bool
seg_value_moment(const SegValue *value, const SegClock *clock, TimestampTz *moment)
{
	SegValue	parsed;

	switch (value->tag)
	{
		case SEG_V_MOMENT:
			*moment = value->v.i;
			return true;
		case SEG_V_DAY:
		case SEG_V_WHOLE_DAY:
			return seg_clock_day_start(clock, (DateADT) value->v.i, moment);
		case SEG_V_TEXT:
			return seg_value_from_iso(&parsed, value, clock) && seg_value_moment(&parsed, clock, moment);
		default:
			return false;
	}
}

bool
seg_value_day(const SegValue *value, const SegClock *clock, DateADT *day)
{
	SegValue	parsed;

	switch (value->tag)
	{
		case SEG_V_MOMENT:
			return seg_clock_day_of(clock, value->v.i, day);
		case SEG_V_DAY:
		case SEG_V_WHOLE_DAY:
			*day = (DateADT) value->v.i;
			return true;
		case SEG_V_TEXT:
			return seg_value_from_iso(&parsed, value, clock) && seg_value_day(&parsed, clock, day);
		default:
			return false;
	}
}

#define THREE_WAY(a, b) ((a) < (b) ? -1 : (a) > (b) ? 1 : 0)

static int
compare_numbers(const SegValue *a, const SegValue *b)
{
	if (a->tag == SEG_V_INT && b->tag == SEG_V_INT)
		return THREE_WAY(a->v.i, b->v.i);
	if (a->tag == SEG_V_FLOAT || b->tag == SEG_V_FLOAT)
		return float8_cmp_internal(seg_value_double(a), seg_value_double(b));
	return seg_numeric_compare(seg_value_numeric(a), seg_value_numeric(b));
}

static int
compare_texts(const SegValue *a, const SegValue *b, Oid collation)
{
	int			result;

	if (OidIsValid(collation))
		return varstr_cmp(a->v.s, a->len, b->v.s, b->len, collation);
	result = memcmp(a->v.s, b->v.s, Min(a->len, b->len));
	return result != 0 ? result : THREE_WAY(a->len, b->len);
}

/* A moment before, within or after a whole local day. */
static bool
compare_with_day(TimestampTz moment, DateADT day, const SegClock *clock, int *result)
{
	TimestampTz start;
	TimestampTz end;

	if (!seg_clock_day_start(clock, day, &start) || !seg_clock_day_start(clock, day + 1, &end))
		return false;
	*result = moment < start ? -1 : moment >= end ? 1 : 0;
	return true;
}

static bool
compare_times(const SegValue *a, const SegValue *b, const SegClock *clock, int *result)
{
	TimestampTz moment_a;
	TimestampTz moment_b;

	if (a->tag != SEG_V_MOMENT && b->tag != SEG_V_MOMENT)
	{
		*result = THREE_WAY(a->v.i, b->v.i);
		return true;
	}
	if (b->tag == SEG_V_WHOLE_DAY)
		return compare_with_day(a->v.i, (DateADT) b->v.i, clock, result);
	if (a->tag == SEG_V_WHOLE_DAY)
	{
		if (!compare_with_day(b->v.i, (DateADT) a->v.i, clock, result))
			return false;
		*result = -*result;
		return true;
	}
	if (!seg_value_moment(a, clock, &moment_a) || !seg_value_moment(b, clock, &moment_b))
		return false;
	*result = THREE_WAY(moment_a, moment_b);
	return true;
}

bool
seg_value_compare(const SegValue *a, const SegValue *b, const SegCompareHow *how, int *result)
{
	SegValue	parsed;

	if (seg_value_is_number(a) && seg_value_is_number(b))
	{
		*result = compare_numbers(a, b);
		return true;
	}
	if (seg_value_is_time(a) && seg_value_is_time(b))
		return compare_times(a, b, how->clock, result);
	if (a->tag == SEG_V_TEXT && seg_value_is_time(b))
		return seg_value_from_iso(&parsed, a, how->clock) && compare_times(&parsed, b, how->clock, result);
	if (seg_value_is_time(a) && b->tag == SEG_V_TEXT)
		return seg_value_from_iso(&parsed, b, how->clock) && compare_times(a, &parsed, how->clock, result);
	if (a->tag != b->tag)
		return false;
	switch (a->tag)
	{
		case SEG_V_BOOL:
			*result = THREE_WAY(a->v.b, b->v.b);
			return true;
		case SEG_V_TEXT:
			*result = compare_texts(a, b, how->collation);
			return true;
		case SEG_V_DURATION:
			*result = DatumGetInt32(DirectFunctionCall2(interval_cmp,
														IntervalPGetDatum(a->v.span),
														IntervalPGetDatum(b->v.span)));
			return true;
		case SEG_V_OTHER:
			if (how->other == NULL)
				return false;
			*result = DatumGetInt32(FunctionCall2Coll(&how->other->compare, how->collation, a->v.d, b->v.d));
			return true;
		default:
			return false;
	}
}

bool
seg_value_equal(const SegValue *a, const SegValue *b, const SegCompareHow *how)
{
	int			result;

	/* binding leaves the collation out where equality is that of the bytes */
	if (a->tag == SEG_V_TEXT && b->tag == SEG_V_TEXT && !OidIsValid(how->collation))
		return a->len == b->len && memcmp(a->v.s, b->v.s, a->len) == 0;
	return seg_value_compare(a, b, how, &result) && result == 0;
}

bool
seg_value_test(const SegValue *a, SegCompare op, const SegValue *b, const SegCompareHow *how)
{
	int			result;

	if (op == SEG_EQ)
		return seg_value_equal(a, b, how);
	return seg_value_compare(a, b, how, &result) && seg_compare_holds(op, result);
}

int
seg_value_order(const SegValue *a, const SegValue *b, const SegCompareHow *how)
{
	int			result;

	if (a->tag == b->tag || (seg_value_is_number(a) && seg_value_is_number(b)) || (seg_value_is_time(a) && seg_value_is_time(b)))
	{
		if (seg_value_compare(a, b, how, &result))
			return result;
		return 0;
	}
	/* missing values have the lowest tag and come last */
	if (a->tag == SEG_V_MISSING || b->tag == SEG_V_MISSING)
		return a->tag == SEG_V_MISSING ? 1 : -1;
	return THREE_WAY(a->tag, b->tag);
}
