/*
 * eval_doc.c
 *		A rule on a json document, and on a row of any table.
 *
 *		rule @> document, document <@ rule, matches(rule, document), matches(rule, row)
 *
 * Either side may be the same in many calls: one rule meets the documents of a table, or
 * one document the rules of a table.  A call site tells which by comparing with the call
 * before, and keeps what can be kept for the side that stays.  A simple rule that meets many
 * documents is compiled (eval_doc_compile.c), of many rules each is evaluated as it is
 * (eval_doc_direct.c).  Others are bound; the bound program is kept as long as the same
 * rule comes again.  The moment is that of the transaction, the time zone
 * the session's.
 *
 * In a document a source is an array of objects under its name, an object's moment is
 * under the key "at", and the rows of a row (alias.source) are an array within it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "eval_doc.h"
#include "eval_doc_compile.h"
#include "eval_doc_direct.h"
#include "json.h"
#include "program.h"

PG_FUNCTION_INFO_V1(segment_rule_matches_document);
PG_FUNCTION_INFO_V1(document_matches_segment_rule);
PG_FUNCTION_INFO_V1(segment_rule_matches_row);

/* An argument of the call before, as it was given: packed, compressed, or a TOAST pointer. */
typedef struct KeptDatum
{
	struct varlena *bytes;		/* NULL: none */
	Size		size;
	Size		room;
} KeptDatum;

/* What a call site keeps. */
typedef struct DocumentCache
{
	MemoryContext site;			/* of what lasts as long as the call site */

	KeptDatum	last_rule;
	KeptDatum	last_document;
	SegDirect  *direct;
	bool		constant_rule;	/* the rule is always the same */
	MemoryContext rule_context; /* of the two below */
	SegRule    *plain_rule;		/* the last rule where it came twice, or NULL, and */
	SegDocumentRule *compiled;	/* NULL: it is not simple */
	MemoryContext document_context;
	Jsonb	   *plain_document; /* the last document where it came twice, or NULL */
	uintptr_t	value_at;		/* where the last value lay of the side that changes */

	MemoryContext context;		/* of everything below, emptied when rule or row type change */
	SegRule    *rule;
	pg_tz	   *zone;
	TimestampTz now;
	SegEval    *eval;
	TupleDesc	tupdesc;		/* of rows; NULL: documents */
	Oid			type_id;
	int32		type_mod;
	Datum	   *values;			/* of the current row */
	bool	   *nulls;
} DocumentCache;

/* Reading documents: a row is a JsonbContainer. */

static void
value_at_path(const SegColumn *column, int from, JsonbContainer *container, SegValue *out)
{
	JsonbValue	json;

	for (int i = from; i < column->npath; i++)
	{
		if (!seg_json_get(container, column->path[i], strlen(column->path[i]), NULL, &json))
		{
			out->tag = i == 0 ? SEG_V_ABSENT : SEG_V_MISSING;
			return;
		}
		if (i == column->npath - 1)
		{
			seg_value_from_jsonb(out, &json);
			return;
		}
		if (json.type != jbvBinary)
		{
			seg_value_missing(out);
			return;
		}
		container = json.val.binary.data;
	}
	json.type = jbvBinary;
	json.val.binary.data = container;
	seg_value_from_jsonb(out, &json);
}

static void
document_column(void *arg, const SegRelation *relation, const void *row, int columnno, SegValue *out)
{
	value_at_path(list_nth(relation->columns, columnno), 0, (JsonbContainer *) row, out);
}

/* The objects of an array. */
static int
objects_of(const SegValue *value, const void ***rows)
{
	const SegList *list;
	int			n = 0;

	*rows = NULL;
	if (value->tag != SEG_V_LIST)
		return 0;
	list = value->v.list;
	*rows = palloc(sizeof(void *) * Max(list->nelems, 1));
	for (int i = 0; i < list->nelems; i++)
		if (list->elems[i].tag == SEG_V_OBJECT)
			(*rows)[n++] = list->elems[i].v.object;
	return n;
}

static int
rows_under_key(const JsonbContainer *container, const char *key, const void ***rows)
{
	SegColumn	column = {.npath = 1,.path = &key};
	SegValue	value;

	value_at_path(&column, 0, unconstify(JsonbContainer *, container), &value);
	return objects_of(&value, rows);
}

static int
document_rows(void *arg, const SegProgram *program, int relationno, const void *member,
			  const void *parent, const void ***rows)
{
	const SegRelation *relation = list_nth(program->relations, relationno);

	return rows_under_key(parent ? parent : member, relation->name, rows);
}

void
seg_document_reader(SegReader *reader)
{
	reader->column = document_column;
	reader->rows = document_rows;
}

/* Reading rows: the member is the deformed row in the cache, its rows are in json columns. */

static void
row_attribute(const DocumentCache *cache, const SegColumn *column, SegValue *out)
{
	int			i = column->attnum - 1;

	seg_value_from_datum(out, &column->base, cache->values[i], cache->nulls[i], seg_eval_clock(cache->eval));
	if (column->npath == 0)
		return;
	if (out->tag == SEG_V_OBJECT)
		value_at_path(column, 0, unconstify(JsonbContainer *, out->v.object), out);
	else
		seg_value_missing(out);
	if (out->tag == SEG_V_ABSENT)
		seg_value_missing(out);
}

static void
row_column(void *arg, const SegRelation *relation, const void *row, int columnno, SegValue *out)
{
	const DocumentCache *cache = arg;

	if (row == cache)
		row_attribute(cache, list_nth(relation->columns, columnno), out);
	else
		document_column(NULL, relation, row, columnno, out);
}

static int
row_rows(void *arg, const SegProgram *program, int relationno, const void *member,
		 const void *parent, const void ***rows)
{
	const DocumentCache *cache = arg;
	const SegRelation *relation = list_nth(program->relations, relationno);
	SegColumn	column = {.kind = SEG_COLUMN_ATTRIBUTE};
	SegValue	value;

	if (parent != NULL)
		return rows_under_key(parent, relation->name, rows);
	for (int i = 0; i < cache->tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(cache->tupdesc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), relation->name) != 0)
			continue;
		column.attnum = attribute->attnum;
		seg_type_lookup(&column.base, attribute->atttypid, InvalidOid);
		row_attribute(cache, &column, &value);
		return objects_of(&value, rows);
	}
	return 0;
}

static bool
no_segments(void *arg, int32 segment, const void *member)
{
	elog(ERROR, "a document is in no segment");
	return false;
}

/* The call site's cache. */

static DocumentCache *
cache_of(FunctionCallInfo fcinfo)
{
	DocumentCache *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(DocumentCache));
		cache->site = fcinfo->flinfo->fn_mcxt;
		cache->context = AllocSetContextCreate(cache->site, "segments rule", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	return cache;
}

static bool
is_bound(const DocumentCache *cache, const SegRule *rule)
{
	return cache->eval != NULL && cache->zone == session_timezone &&
		VARSIZE(cache->rule) == VARSIZE(rule) && memcmp(cache->rule, rule, VARSIZE(rule)) == 0;
}

/* Binds the rule anew; tupdesc NULL: for documents. */
static void
bind(DocumentCache *cache, const SegRule *rule, TupleDesc tupdesc)
{
	SegReader	reader = {.arg = cache,.member_of = no_segments};
	MemoryContext caller;
	SegProgram *program;

	cache->eval = NULL;
	MemoryContextReset(cache->context);
	caller = MemoryContextSwitchTo(cache->context);
	cache->rule = palloc(VARSIZE(rule));
	memcpy(cache->rule, rule, VARSIZE(rule));
	cache->zone = session_timezone;
	cache->tupdesc = NULL;
	if (tupdesc == NULL)
	{
		program = seg_bind_document(cache->rule, cache->zone, NULL);
		seg_document_reader(&reader);
	}
	else
	{
		cache->tupdesc = CreateTupleDescCopy(tupdesc);
		cache->type_id = tupdesc->tdtypeid;
		cache->type_mod = tupdesc->tdtypmod;
		cache->values = palloc(sizeof(Datum) * tupdesc->natts);
		cache->nulls = palloc(sizeof(bool) * tupdesc->natts);
		program = seg_bind_row(cache->rule, cache->tupdesc, cache->zone);
		reader.column = row_column;
		reader.rows = row_rows;
	}
	cache->now = GetCurrentTransactionStartTimestamp();
	cache->eval = seg_eval_begin(program, &reader, cache->now);
	MemoryContextSwitchTo(caller);
}

static bool
holds(DocumentCache *cache, const void *member)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (now != cache->now)
	{
		seg_eval_set_now(cache->eval, now);
		cache->now = now;
	}
	seg_eval_member(cache->eval, member);
	return seg_eval_rule(cache->eval, 0);
}

/* Documents: which side is the same as in the call before? */

/*
 * Equal bytes are equal values, compressed or not.  A TOAST pointer names its value as
 * long as the snapshot lasts that it was read with.
 */
static bool
is_same(const KeptDatum *kept, Datum datum)
{
	struct varlena *bytes = (struct varlena *) DatumGetPointer(datum);

	return kept->bytes != NULL && VARSIZE_ANY(bytes) == kept->size &&
		memcmp(kept->bytes, bytes, kept->size) == 0 &&
		(!VARATT_IS_EXTERNAL(bytes) || VARATT_IS_EXTERNAL_ONDISK(bytes));
}

static void
keep(DocumentCache *cache, KeptDatum *kept, Datum datum)
{
	struct varlena *bytes = (struct varlena *) DatumGetPointer(datum);

	kept->size = VARSIZE_ANY(bytes);
	if (kept->size > kept->room)
	{
		if (kept->bytes != NULL)
			pfree(kept->bytes);
		kept->bytes = NULL;
		kept->room = kept->size + kept->size / 2;
		kept->bytes = MemoryContextAllocHuge(cache->site, kept->room);
	}
	memcpy(kept->bytes, bytes, kept->size);
}

/* Is the argument one constant for as long as the call site lasts? */
static bool
is_constant(FunctionCallInfo fcinfo, int argument)
{
	Node	   *call = fcinfo->flinfo->fn_expr;
	List	   *args = NIL;

	if (call != NULL && IsA(call, OpExpr))
		args = ((OpExpr *) call)->args;
	else if (call != NULL && IsA(call, FuncExpr))
		args = ((FuncExpr *) call)->args;
	return argument < list_length(args) && IsA(list_nth(args, argument), Const);
}

static void
begin_direct(DocumentCache *cache, FunctionCallInfo fcinfo, int rule_argument)
{
	MemoryContext caller = MemoryContextSwitchTo(cache->site);

	cache->constant_rule = is_constant(fcinfo, rule_argument);
	cache->rule_context = AllocSetContextCreate(cache->site, "segments plain rule", ALLOCSET_SMALL_SIZES);
	cache->document_context = AllocSetContextCreate(cache->site, "segments plain document", ALLOCSET_SMALL_SIZES);
	cache->direct = seg_direct_begin();
	MemoryContextSwitchTo(caller);
}

static void
forget(DocumentCache *cache)
{
	cache->plain_rule = NULL;
	cache->plain_document = NULL;
	MemoryContextReset(cache->rule_context);
	MemoryContextReset(cache->document_context);
}

static void
keep_rule(DocumentCache *cache)
{
	MemoryContext caller = MemoryContextSwitchTo(cache->rule_context);

	cache->plain_rule = (SegRule *) PG_DETOAST_DATUM_COPY(PointerGetDatum(cache->last_rule.bytes));
	cache->compiled = NULL;
	if (cache->plain_rule->flags & SEG_RULE_SIMPLE)
		cache->compiled = seg_document_rule(cache->plain_rule, seg_direct_leaves(cache->direct));
	MemoryContextSwitchTo(caller);
}

static void
keep_document(DocumentCache *cache)
{
	MemoryContext caller = MemoryContextSwitchTo(cache->document_context);

	cache->plain_document = (Jsonb *) PG_DETOAST_DATUM_COPY(PointerGetDatum(cache->last_document.bytes));
	MemoryContextSwitchTo(caller);
	seg_direct_document(cache->direct, &cache->plain_document->root, true);
}

static bool
holds_bound(DocumentCache *cache, const SegRule *rule, Jsonb *document)
{
	if (!is_bound(cache, rule))
		bind(cache, rule, NULL);
	return holds(cache, &document->root);
}

/*
 * What costs most about the side that changes is that it is not in the processor's cache.
 * Rows of a page lie from its end to its beginning.  So where a value lies just below the one
 * before, a scan is on its way there, and what is two below is asked for already.
 */
#define FETCH_AHEAD		1024
#define CACHE_LINE		64

static inline void
fetch_ahead(DocumentCache *cache, const void *value)
{
	uintptr_t	here = (uintptr_t) value;
	Size		size = Min(VARSIZE(value), FETCH_AHEAD);

	if (cache->value_at - here < 2 * FETCH_AHEAD)
		for (uintptr_t at = here - 2 * size; at < here - size; at += CACHE_LINE)
			seg_prefetch((const void *) at);
	cache->value_at = here;
}

/* Both sides are others than in the call before, or it is the first. */
static bool
holds_once(DocumentCache *cache, const SegRule *rule, Jsonb *document)
{
	if ((rule->flags & SEG_RULE_SIMPLE) == 0)
		return holds_bound(cache, rule, document);
	return seg_direct_holds(cache->direct, seg_rule_root(rule));
}

static bool
rule_holds_again(DocumentCache *cache, Jsonb *document)
{
	if (cache->compiled == NULL)
		return holds_bound(cache, cache->plain_rule, document);
	fetch_ahead(cache, document);
	return seg_document_rule_holds(cache->compiled, &document->root);
}

static bool
matches_document(FunctionCallInfo fcinfo, int rule_argument)
{
	DocumentCache *cache = cache_of(fcinfo);
	Datum		rule_datum = PG_GETARG_DATUM(rule_argument);
	Datum		document_datum = PG_GETARG_DATUM(1 - rule_argument);
	SegRule    *rule;
	Jsonb	   *document;

	if (cache->direct == NULL)
		begin_direct(cache, fcinfo, rule_argument);
	seg_direct_set_clock(cache->direct, GetCurrentTransactionStartTimestamp(), session_timezone);

	if (cache->plain_rule != NULL && (cache->constant_rule || is_same(&cache->last_rule, rule_datum)))
		return rule_holds_again(cache, DatumGetJsonbP(document_datum));
	if (is_same(&cache->last_document, document_datum))
	{
		if (cache->plain_document == NULL)
			keep_document(cache);
		rule = DatumGetSegRuleP(rule_datum);
		fetch_ahead(cache, rule);
		return holds_once(cache, rule, cache->plain_document);
	}

	/* from here on an error leaves nothing that would be taken for the current call's */
	forget(cache);
	if (cache->constant_rule || is_same(&cache->last_rule, rule_datum))
	{
		keep(cache, &cache->last_rule, rule_datum);
		keep_rule(cache);
		return rule_holds_again(cache, DatumGetJsonbP(document_datum));
	}
	keep(cache, &cache->last_rule, rule_datum);
	keep(cache, &cache->last_document, document_datum);
	rule = DatumGetSegRuleP(rule_datum);
	document = DatumGetJsonbP(document_datum);
	seg_direct_document(cache->direct, &document->root, false);
	return holds_once(cache, rule, document);
}

Datum
segment_rule_matches_document(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(matches_document(fcinfo, 0));
}

Datum
document_matches_segment_rule(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(matches_document(fcinfo, 1));
}

Datum
segment_rule_matches_row(PG_FUNCTION_ARGS)
{
	SegRule    *rule = PG_GETARG_SEG_RULE_P(0);
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	DocumentCache *cache = cache_of(fcinfo);
	Oid			type_id = HeapTupleHeaderGetTypeId(row);
	int32		type_mod = HeapTupleHeaderGetTypMod(row);
	HeapTupleData tuple;

	if (!is_bound(cache, rule) || cache->type_id != type_id || cache->type_mod != type_mod)
	{
		TupleDesc	tupdesc = lookup_rowtype_tupdesc(type_id, type_mod);

		bind(cache, rule, tupdesc);
		ReleaseTupleDesc(tupdesc);
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, cache->tupdesc, cache->values, cache->nulls);
	PG_RETURN_BOOL(holds(cache, cache));
}
