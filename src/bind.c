/*
 * bind.c
 *		Binding rules: to a population, to documents, to a row type.
 *
 * A reference to an active segment is that segment's rule, bound in its place: a
 * ruleset is evaluated whole, in one program, and equal parts of it once.  The path of
 * segments that are being bound tells cycles.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/formatting.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "bind.h"
#include "nearest.h"

/* A segment that is bound already. */
typedef struct SegBoundSegment
{
	int32		id;
	int			nscopes;		/* rows inside it lie in scopes from here on */
	SegExpr    *expr;
} SegBoundSegment;

/* Those of the rule itself, not of segments that it refers to. */
void
seg_bind_notice(SegBinder *b, char *notice)
{
	ListCell   *lc;

	if (list_length(b->path) > 1)
		return;
	foreach(lc, b->program->notices)
		if (strcmp(lfirst(lc), notice) == 0)
			return;
	b->program->notices = lappend(b->program->notices, notice);
}

void
seg_bind_unsupported(SegBinder *b, const SegNode *node, const char *what)
{
	char	   *shown = asc_toupper(what, strlen(what));

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s cannot be evaluated yet", shown),
			 errdetail("The rule language knows it, this version does not compute it."),
			 seg_rule_errposition(b->rule, node)));
}

/* Segments of segments. */

#define MANY_RULES	64

typedef struct NamedSegment
{
	char		name[NAMEDATALEN];
	SegSegment *segment;
} NamedSegment;

static List *
segments_of(SegBinder *b)
{
	HASHCTL		control = {.keysize = NAMEDATALEN,.entrysize = sizeof(NamedSegment),.hcxt = CurrentMemoryContext};
	ListCell   *lc;

	if (b->segments_read)
		return b->segments;
	b->segments = b->description != NULL ? b->description->segments : seg_segments_of_population(b->population->id);
	b->segments_read = true;
	b->segments_named = hash_create("segments named", Max(list_length(b->segments), 16), &control,
									HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, b->segments)
	{
		SegSegment *segment = lfirst(lc);
		NamedSegment *entry = hash_search(b->segments_named, segment->name, HASH_ENTER, NULL);

		entry->segment = segment;
	}
	return b->segments;
}

/*
 * A few rules look up the segments that they want, which may be few of very many; many rules want
 * them all in memory.
 */
static bool
looks_up_segments(const SegBinder *b)
{
	return b->description == NULL && !b->segments_read && b->program->nrules < MANY_RULES;
}

static SegSegment *
segment_named(SegBinder *b, const char *name)
{
	NamedSegment *named;

	if (strlen(name) >= NAMEDATALEN)
		return NULL;
	if (looks_up_segments(b))
		return seg_segment_get(b->population->id, name, true);
	(void) segments_of(b);
	named = hash_search(b->segments_named, name, HASH_FIND, NULL);
	return named == NULL ? NULL : named->segment;
}

static SegSegment *
find_segment(SegBinder *b, const SegNode *node)
{
	const char *name = seg_node_text(node);
	List	   *names = NIL;
	SegSegment *segment = segment_named(b, name);
	ListCell   *lc;

	if (segment != NULL)
		return segment;
	foreach(lc, segments_of(b))
		names = lappend(names, ((SegSegment *) lfirst(lc))->name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("segment \"%s\" does not exist in population \"%s\"", name, b->population->name),
			 errhint("%s", names == NIL ? "The population has no segments." : seg_nearest_hint(name, names, "Known are")),
			 seg_rule_errposition(b->rule, node)));
}

static const char *
name_of(SegBinder *b, int32 id)
{
	ListCell   *lc;

	foreach(lc, segments_of(b))
		if (((SegSegment *) lfirst(lc))->id == id)
			return ((SegSegment *) lfirst(lc))->name;
	return "?";
}

static void
refuse_cycle(SegBinder *b, const SegNode *node, const SegSegment *segment)
{
	StringInfoData path;
	bool		within = false;
	ListCell   *lc;

	initStringInfo(&path);
	foreach(lc, b->path)
	{
		within |= lfirst_int(lc) == segment->id;
		if (within)
			appendStringInfo(&path, "\"%s\" -> ", name_of(b, lfirst_int(lc)));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_RECURSION),
			 errmsg("segment \"%s\" would refer to itself", segment->name),
			 errdetail("The path is %s\"%s\".", path.data, segment->name),
			 seg_rule_errposition(b->rule, node)));
}

typedef struct GivenRule
{
	int32		id;				/* of the segment */
	const SegRule *rule;
} GivenRule;

/* The rule of a segment in this run: one that was given goes before the stored one. */
static const SegRule *
rule_of(SegBinder *b, const SegSegment *segment)
{
	GivenRule  *given = hash_search(b->given, &segment->id, HASH_FIND, NULL);

	return given != NULL ? given->rule : segment->rule;
}

static HTAB *
given_rules(int nrules, const SegRule **rules, const int32 *self)
{
	HASHCTL		control = {.keysize = sizeof(int32),.entrysize = sizeof(GivenRule),.hcxt = CurrentMemoryContext};
	HTAB	   *given = hash_create("segments given", Max(nrules, 16), &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; self != NULL && i < nrules; i++)
	{
		bool		found;
		GivenRule  *entry = hash_search(given, &self[i], HASH_ENTER, &found);

		if (!found)
			entry->rule = rules[i];
	}
	return given;
}

static int
compare_ids(const void *a, const void *b)
{
	return (*(SegSegment *const *) a)->id - (*(SegSegment *const *) b)->id;
}

/* A segment of the population by its id; NULL if there is none. */
static const SegSegment *
segment_of(SegBinder *b, int32 id)
{
	SegSegment	wanted = {.id = id};
	const SegSegment *key = &wanted;
	const SegSegment **found;
	ListCell   *lc;

	if (looks_up_segments(b))
		return seg_segment_by_id(id);
	if (b->by_id == NULL)
	{
		b->by_id = palloc(sizeof(SegSegment *) * (list_length(segments_of(b)) + 1));
		foreach(lc, segments_of(b))
			b->by_id[foreach_current_index(lc)] = lfirst(lc);
		qsort(b->by_id, list_length(b->segments), sizeof(SegSegment *), compare_ids);
	}
	found = bsearch(&key, b->by_id, list_length(b->segments), sizeof(SegSegment *), compare_ids);
	return found == NULL ? NULL : *found;
}

/* The condition that a segment has not come to its end; NULL where it has none. */
static SegExpr *
bind_end(SegBinder *b, int32 id)
{
	const SegSegment *segment = segment_of(b, id);
	char		moment[MAXDATELEN + 1];
	int			zone = 0;
	char	   *text;
	SegExpr    *end;

	if (segment == NULL || TIMESTAMP_IS_NOEND(segment->valid_until))
		return NULL;
	if (TIMESTAMP_IS_NOBEGIN(segment->valid_until))
		return seg_expr_bool(b, false);
	JsonEncodeDateTime(moment, TimestampTzGetDatum(segment->valid_until), TIMESTAMPTZOID, &zone);
	text = psprintf("now < %s", moment);
	b->rule = seg_rule_parse(text, strlen(text));
	end = seg_bind_condition(b, seg_rule_root(b->rule));
	return end;
}

static SegExpr *
bind_rule_of_segment(SegBinder *b, int32 id, const SegRule *rule)
{
	SegBoundSegment key = {.id = id,.nscopes = b->nscopes};
	SegBoundSegment *bound = hash_search(b->bound_segments, &key, HASH_FIND, NULL);
	const SegRule *outer = b->rule;
	int			visible = b->visible;
	SegExpr    *end;

	if (bound != NULL)
		return bound->expr;
	b->path = lappend_int(b->path, id);
	b->rule = rule;
	b->visible = b->nscopes;
	key.expr = seg_bind_condition(b, seg_rule_root(rule));
	end = bind_end(b, id);
	if (end != NULL)
		key.expr = seg_expr_and(b, end, key.expr);
	b->visible = visible;
	b->rule = outer;
	b->path = list_delete_last(b->path);
	bound = hash_search(b->bound_segments, &key, HASH_ENTER, NULL);
	bound->expr = key.expr;
	return key.expr;
}

SegExpr *
seg_bind_segment(SegBinder *b, const SegNode *node)
{
	SegSegment *segment;

	if (seg_node_child(node, 0) != NULL)
		seg_bind_unsupported(b, node, "IN SEGMENT ... FOR");
	if (b->population == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a rule about segments needs a population"),
				 errdetail("A document or a row alone is not a member of anything."),
				 errhint("segments.matching_segments() asks all segments of a population about a document."),
				 seg_rule_errposition(b->rule, node)));
	segment = find_segment(b, node);
	if (list_member_int(b->path, segment->id))
		refuse_cycle(b, node, segment);
	if (segment->everyone)
		return seg_expr_bool(b, true);
	if (!segment->active || b->schema == SEG_SCHEMA_DOCUMENT)
	{
		SegExpr		expr = {.op = SEG_X_MEMBER_OF,.detail = segment->id,.type.type = SEG_T_BOOL,.reads = 1};

		return seg_expr_make(b, &expr);
	}
	return bind_rule_of_segment(b, segment->id, rule_of(b, segment));
}

/* The three schemas. */

static SegBinder *
begin(SegSchemaKind schema, const SegPopulation *population, pg_tz *zone)
{
	SegBinder  *b = palloc0(sizeof(SegBinder));
	SegRelation *member = palloc0(sizeof(SegRelation));

	b->schema = schema;
	b->population = population;
	b->program = palloc0(sizeof(SegProgram));
	b->program->population = population;
	b->program->zone = zone;
	b->program->nscopes = 1;
	b->clock.zone = zone;
	b->known = seg_expr_table();
	member->source = -1;
	member->name = population ? population->name : NULL;
	b->program->relations = list_make1(member);
	b->nscopes = 1;
	b->visible = 1;
	return b;
}

static SegProgram *
bind_one(SegBinder *b, const SegRule *rule)
{
	b->program->nrules = 1;
	b->program->rules = palloc(sizeof(SegExpr *));
	b->rule = rule;
	b->program->rules[0] = seg_bind_condition(b, seg_rule_root(rule));
	return b->program;
}

SegProgram *
seg_bind_document(const SegRule *rule, pg_tz *zone, const SegPopulation *population)
{
	return bind_one(begin(SEG_SCHEMA_DOCUMENT, population, zone), rule);
}

SegProgram *
seg_bind_row(const SegRule *rule, TupleDesc tupdesc, pg_tz *zone)
{
	SegBinder  *b = begin(SEG_SCHEMA_ROW, NULL, zone);

	b->row.tupdesc = tupdesc;
	return bind_one(b, rule);
}

static SegProgram *
bind_rules(SegBinder *b, int nrules, const SegRule **rules, const int32 *self)
{
	HASHCTL		control = {.keysize = offsetof(SegBoundSegment, expr),.entrysize = sizeof(SegBoundSegment),
	.hcxt = CurrentMemoryContext};

	b->bound_segments = hash_create("segments bound", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	b->given = given_rules(nrules, rules, self);
	b->program->nrules = nrules;
	b->program->rules = palloc0(sizeof(SegExpr *) * Max(nrules, 1));
	b->program->given = memcpy(palloc(sizeof(SegRule *) * (nrules + 1)), rules, sizeof(SegRule *) * nrules);
	if (self != NULL)
		b->program->self = memcpy(palloc(sizeof(int32) * (nrules + 1)), self, sizeof(int32) * nrules);
	for (int i = 0; i < nrules; i++)
	{
		if (self != NULL && self[i] != 0)
			b->program->rules[i] = bind_rule_of_segment(b, self[i], rules[i]);
		else
		{
			b->rule = rules[i];
			b->program->rules[i] = seg_bind_condition(b, seg_rule_root(rules[i]));
		}
	}
	return b->program;
}

SegProgram *
seg_bind_population(const SegPopulation *population, int nrules, const SegRule **rules, const int32 *self)
{
	SegBinder  *b = begin(SEG_SCHEMA_POPULATION, population, seg_clock_zone(population->time_zone));

	seg_bind_check_key(b);
	return bind_rules(b, nrules, rules, self);
}

SegProgram *
seg_bind_described(const SegPopulation *population, const SegDescription *description,
				   int nrules, const SegRule **rules, const int32 *self)
{
	SegBinder  *b = begin(SEG_SCHEMA_POPULATION, population, seg_clock_zone(population->time_zone));

	b->description = description;
	b->relations_known = list_copy(description->tables);
	return bind_rules(b, nrules, rules, self);
}
