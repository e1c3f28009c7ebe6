/*
 * grouped_ruleset.c
 *		The value ruleset: the rules of a population, and what binding them needs to know.
 *
 *		{"population": "customers", "time_zone": "Europe/Berlin",
 *		 "columns": {"country": "text", "born": "date"},
 *		 "attributes": [{"name": "initial", "type": "text"}],
 *		 "sources": [{"name": "orders", "at": "ordered_at", "key": "customer_id", "parent_key": "id",
 *					  "parent": 0, "filter": "...", "columns": {"total": "numeric"}}],
 *		 "lookups": [{"name": "address", "of_source": 0, "of_lookup": 0, "columns": {"city": "text"}}],
 *		 "segments": [{"name": "big", "rule": "sum(orders.total) > 100", "valid_until": "..."}],
 *		 "referred": [... the same, of segments that these refer to]}
 *
 * What is absent is an absent key.  Columns are those that some rule reads, by the names and types
 * that they are bound with.  parent, of_source and of_lookup are positions in their arrays.  Nothing in
 * it is a number of this database: it means the same wherever its collations and time zone exist.
 *
 * It is kept as the text that PostgreSQL prints of this json, so equal ones have equal bytes.  What
 * comes from outside is bound before it is a value, and so is whatever is read again: there is
 * nothing in it that could be taken for granted.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "bind.h"
#include "grouped.h"
#include "json.h"

PG_FUNCTION_INFO_V1(ruleset_in);
PG_FUNCTION_INFO_V1(ruleset_out);
PG_FUNCTION_INFO_V1(ruleset_recv);
PG_FUNCTION_INFO_V1(ruleset_send);

/* Its tables, in place of OIDs. */
#define MEMBER_TABLE	1
#define SOURCE_TABLE(i)	((Oid) (2 + (i)))

/* Reading json. */

pg_noreturn static void
refuse(const char *key, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid ruleset"),
			 errdetail("\"%s\" is not %s.", key, expected),
			 errhint("segments.ruleset_of() makes rulesets.")));
}

static bool
get(const JsonbContainer *object, const char *key, JsonbValue *out)
{
	return seg_json_get(object, key, strlen(key), NULL, out) && out->type != jbvNull;
}

static char *
string_of(const JsonbValue *value, const char *key)
{
	if (value->type != jbvString)
		refuse(key, "a text");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static char *
get_string(const JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	return get(object, key, &value) ? string_of(&value, key) : NULL;
}

static char *
required_string(const JsonbContainer *object, const char *key)
{
	char	   *string = get_string(object, key);

	if (string == NULL)
		refuse(key, "there");
	return string;
}

/* Names become those of columns and keys of hash tables. */
static char *
check_name(char *name, const char *key)
{
	if (name != NULL && (name[0] == '\0' || strlen(name) >= NAMEDATALEN))
		refuse(key, "a name");
	return name;
}

static char *
required_name(const JsonbContainer *object, const char *key)
{
	return check_name(required_string(object, key), key);
}

static char *
get_name(const JsonbContainer *object, const char *key)
{
	return check_name(get_string(object, key), key);
}

/* A position before limit; -1 if absent. */
static int
get_position(const JsonbContainer *object, const char *key, int limit)
{
	JsonbValue	value;
	int32		position;

	if (!get(object, key, &value))
		return -1;
	if (value.type != jbvNumeric)
		refuse(key, "a number");
	position = DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value.val.numeric)));
	if (position < 0 || position >= limit)
		refuse(key, "a position in the array");
	return position;
}

static SegRule *
get_rule(const JsonbContainer *object, const char *key)
{
	char	   *text = get_string(object, key);

	return text == NULL ? NULL : seg_rule_parse(text, strlen(text));
}

/* The objects in an array. */
static List *
get_objects(const JsonbContainer *object, const char *key)
{
	List	   *objects = NIL;
	SegJsonWalk walk;
	JsonbValue	value;

	if (!get(object, key, &value))
		return NIL;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		refuse(key, "an array");
	seg_json_walk(&walk, value.val.binary.data);
	while (seg_json_next(&walk, &value))
	{
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			refuse(key, "an array of objects");
		objects = lappend(objects, value.val.binary.data);
	}
	return objects;
}

/* The tables. */

static void
add_table(SegDescription *description, Oid number, const JsonbContainer *object)
{
	SegTable   *table = palloc0(sizeof(SegTable));
	SegTypeInfo *types;
	SegJsonWalk walk;
	JsonbValue	value;
	int			n;

	if (!get(object, "columns", &value))
		n = 0;
	else if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
		n = JsonContainerSize(value.val.binary.data);
	else
		refuse("columns", "an object");
	if (n > MaxTupleAttributeNumber)
		refuse("columns", "an object with that many keys");
	types = palloc0(sizeof(SegTypeInfo) * (n + 1));
	table->relid = number;
	table->tupdesc = CreateTemplateTupleDesc(n);
	table->types = types;
	description->tables = lappend(description->tables, table);
	if (n == 0)
		return;
	seg_json_walk(&walk, value.val.binary.data);
	for (int i = 0; i < 2 * n && seg_json_next(&walk, &value); i++)
	{
		/* all keys come first */
		if (i < n)
			TupleDescInitEntry(table->tupdesc, i + 1, check_name(string_of(&value, "columns"), "columns"), TEXTOID, -1, 0);
		else
			seg_travel_type(string_of(&value, "columns"), &types[i - n]);
	}
}

static void
read_attributes(SegPopulation *population, SegDescription *description, const JsonbContainer *root)
{
	List	   *objects = get_objects(root, "attributes");
	SegTypeInfo *types = palloc0(sizeof(SegTypeInfo) * (list_length(objects) + 1));
	ListCell   *lc;

	population->attributes = palloc0(sizeof(SegAttribute) * (list_length(objects) + 1));
	description->attributes = types;
	foreach(lc, objects)
	{
		SegAttribute *attribute = &population->attributes[population->nattributes];

		attribute->name = required_name(lfirst(lc), "name");
		/* who binds here does not compute it; the name tells it from others */
		attribute->expression = attribute->name;
		seg_travel_type(required_string(lfirst(lc), "type"), &types[population->nattributes++]);
	}
}

static void
read_sources(SegPopulation *population, SegDescription *description, const JsonbContainer *root)
{
	List	   *objects = get_objects(root, "sources");
	ListCell   *lc;

	population->sources = palloc0(sizeof(SegSource) * (list_length(objects) + 1));
	foreach(lc, objects)
	{
		SegSource  *source = &population->sources[population->nsources];

		source->name = required_name(lfirst(lc), "name");
		source->relid = SOURCE_TABLE(population->nsources);
		source->at = get_name(lfirst(lc), "at");
		source->key = get_name(lfirst(lc), "key");
		source->parent_key = get_name(lfirst(lc), "parent_key");
		source->parent = get_position(lfirst(lc), "parent", population->nsources);
		if (source->parent >= 0 && (source->key == NULL || source->parent_key == NULL))
			refuse("parent", "told with its keys");
		source->filter = get_rule(lfirst(lc), "filter");
		add_table(description, source->relid, lfirst(lc));
		population->nsources++;
	}
}

static void
read_lookups(SegPopulation *population, SegDescription *description, const JsonbContainer *root)
{
	List	   *objects = get_objects(root, "lookups");
	ListCell   *lc;

	population->lookups = palloc0(sizeof(SegLookup) * (list_length(objects) + 1));
	foreach(lc, objects)
	{
		SegLookup  *lookup = &population->lookups[population->nlookups];
		int			source = get_position(lfirst(lc), "of_source", population->nsources);
		int			other = get_position(lfirst(lc), "of_lookup", population->nlookups);

		lookup->name = required_name(lfirst(lc), "name");
		lookup->relid = SOURCE_TABLE(population->nsources + population->nlookups);
		lookup->of = other >= 0 ? SEG_LOOKUP_OF_LOOKUP : source >= 0 ? SEG_LOOKUP_OF_SOURCE : SEG_LOOKUP_OF_POPULATION;
		lookup->of_index = other >= 0 ? other : source;
		add_table(description, lookup->relid, lfirst(lc));
		population->nlookups++;
	}
}

/* The segments. */

static TimestampTz
get_moment(const JsonbContainer *object, const char *key)
{
	char	   *text = get_string(object, key);

	if (text == NULL)
		return DT_NOEND;
	/* no words that mean another moment every day */
	if (!isdigit((unsigned char) text[0]) && strcmp(text, "-infinity") != 0)
		refuse(key, "a moment");
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

static void
add_segment(SegDescription *description, SegSegment *segment)
{
	segment->id = list_length(description->segments) + 1;
	segment->active = true;
	description->segments = lappend(description->segments, segment);
}

static void
read_segments(SegDescription *description, const JsonbContainer *root, const char *key)
{
	ListCell   *lc;

	foreach(lc, get_objects(root, key))
	{
		SegSegment *segment = palloc0(sizeof(SegSegment));

		CHECK_FOR_INTERRUPTS();
		segment->name = required_name(lfirst(lc), "name");
		segment->rule = get_rule(lfirst(lc), "rule");
		if (segment->rule == NULL)
			refuse("rule", "there");
		segment->valid_until = get_moment(lfirst(lc), "valid_until");
		add_segment(description, segment);
	}
}

static void
add_everyone(SegDescription *description)
{
	SegSegment *segment = palloc0(sizeof(SegSegment));

	segment->name = SEG_EVERYONE;
	segment->everyone = true;
	segment->valid_until = DT_NOEND;
	add_segment(description, segment);
}

static void
bind_segments(SegGrouped *grouped, const SegPopulation *population, const SegDescription *description)
{
	int			n = grouped->nsegments;
	const SegRule **rules = palloc(sizeof(SegRule *) * (n + 1));
	int32	   *ids = palloc(sizeof(int32) * (n + 1));

	grouped->names = palloc(sizeof(char *) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		const SegSegment *segment = list_nth(description->segments, i);

		grouped->names[i] = segment->name;
		rules[i] = segment->rule;
		ids[i] = segment->id;
	}
	grouped->program = seg_bind_described(population, description, n, rules, ids);
}

static void
lay_out(SegGrouped *grouped)
{
	ListCell   *lc;

	grouped->nrelations = list_length(grouped->program->relations);
	grouped->layouts = palloc0(sizeof(SegLayout) * grouped->nrelations);
	grouped->types = palloc0(sizeof(uint8 *) * grouped->nrelations);
	foreach(lc, grouped->program->relations)
	{
		int			relation = foreach_current_index(lc);
		SegLayout  *layout = &grouped->layouts[relation];

		seg_layout_init(layout, lfirst(lc));
		seg_layout_take_types(layout);
		grouped->types[relation] = palloc0(layout->ncolumns + 1);
		for (int i = 0; i < layout->ncolumns; i++)
			grouped->types[relation][i] = seg_travel_code(&layout->columns[i].type);
	}
}

static void
load(SegGrouped *grouped, const JsonbContainer *root)
{
	SegPopulation *population = palloc0(sizeof(SegPopulation));
	SegDescription *description = palloc0(sizeof(SegDescription));

	population->name = required_name(root, "population");
	population->time_zone = required_string(root, "time_zone");
	population->relid = MEMBER_TABLE;
	add_table(description, MEMBER_TABLE, root);
	read_attributes(population, description, root);
	read_sources(population, description, root);
	read_lookups(population, description, root);
	read_segments(description, root, "segments");
	grouped->nsegments = list_length(description->segments);
	read_segments(description, root, "referred");
	add_everyone(description);
	bind_segments(grouped, population, description);
	lay_out(grouped);
}

static Jsonb *
parse_json(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

SegGrouped *
seg_grouped_load(const SegRulesetText *ruleset)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments grouped", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SegGrouped *grouped = palloc0(sizeof(SegGrouped));
	Jsonb	   *json = parse_json(text_to_cstring((text *) ruleset));

	grouped->context = context;
	grouped->fingerprint = hash_bytes_extended((unsigned char *) VARDATA_ANY(ruleset), VARSIZE_ANY_EXHDR(ruleset), 0);
	if (!JB_ROOT_IS_OBJECT(json))
		refuse("ruleset", "an object");
	load(grouped, &json->root);
	MemoryContextSwitchTo(caller);
	return grouped;
}

SegRulesetText *
seg_ruleset_make(const char *json)
{
	Jsonb	   *parsed = parse_json(json);
	SegRulesetText *ruleset = (SegRulesetText *)
		cstring_to_text(JsonbToCString(NULL, &parsed->root, VARSIZE(parsed)));

	MemoryContextDelete(seg_grouped_load(ruleset)->context);
	return ruleset;
}

Datum
ruleset_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(seg_ruleset_make(PG_GETARG_CSTRING(0)));
}

Datum
ruleset_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

Datum
ruleset_recv(PG_FUNCTION_ARGS)
{
	StringInfo	in = (StringInfo) PG_GETARG_POINTER(0);
	int			len;

	PG_RETURN_POINTER(seg_ruleset_make(pq_getmsgtext(in, in->len - in->cursor, &len)));
}

Datum
ruleset_send(PG_FUNCTION_ARGS)
{
	return textsend(fcinfo);
}
