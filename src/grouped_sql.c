/*
 * grouped_sql.c
 *		The query that asks a ruleset's questions.
 *
 *		SELECT u.segment, u.members
 *		FROM (
 *			SELECT segments.collect('...'::segments.ruleset, now(), m.id::bigint, m.country, f1.rows) AS memberships
 *			FROM shop.customers AS m
 *				LEFT JOIN (
 *					SELECT s1.customer_id AS key,
 *						segments.facts('...'::segments.ruleset, now(), 'orders', s1.ordered_at, s1.total) AS rows
 *					FROM shop.orders AS s1
 *					WHERE s1.customer_id IS NOT NULL
 *					GROUP BY s1.customer_id) AS f1 ON f1.key = m.id) AS c
 *			CROSS JOIN LATERAL segments.unnest(c.memberships) AS u
 *
 * Each source is grouped by the key before it meets the population by the key, which is what an
 * engine that distributes tables by that key can do where the rows are.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/regproc.h"

#include "define.h"
#include "grouped.h"
#include "json.h"
#include "pass_read_window.h"
#include "sqlgen.h"

PG_FUNCTION_INFO_V1(grouped_sql);

/* A function has 100 arguments; collect() has these beside the columns. */
#define MOST_SOURCES	36

typedef enum Form
{
	FORM_SEGMENTS, FORM_MEMBERSHIPS, FORM_KEYS
} Form;

typedef struct Writer
{
	const SegProgram *program;
	SegEval    *eval;			/* at the moment asked for; NULL: that is when the query runs */
	const List *renamed;
	const char *ruleset;		/* as SQL */
	const char *now;
	Form		form;
} Writer;

static Form
form_of(const char *word)
{
	static const char *const words[] = {"segments", "memberships", "keys"};

	for (int i = 0; i < (int) lengthof(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (Form) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown form \"%s\"", word),
			 errhint("The forms are segments, memberships and keys.")));
}

/* Relations that have another name where the query runs. */

static bool
is_read(const SegPopulation *population, Oid relid)
{
	bool		found = population->relid == relid;

	for (int i = 0; i < population->nsources; i++)
		found |= population->sources[i].relid == relid;
	for (int i = 0; i < population->nlookups; i++)
		found |= population->lookups[i].relid == relid;
	return found;
}

static char *
quote_name(const char *name)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, seg_qualified_name_list(name))
		appendStringInfo(&out, "%s%s", out.len > 0 ? "." : "", quote_identifier(strVal(lfirst(lc))));
	return out.data;
}

static SegRenamed *
rename_relation(const SegPopulation *population, const char *name, const JsonbValue *value)
{
	SegRenamed *renamed = palloc(sizeof(SegRenamed));
	RangeVar   *given = makeRangeVarFromNameList(seg_qualified_name_list(name));

	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must hold names", "relations")));
	renamed->relid = RangeVarGetRelid(given, NoLock, false);
	if (!is_read(population, renamed->relid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation \"%s\" does not belong to population \"%s\"", name, population->name),
				 errhint("The names to be replaced are those of its table and of the tables of its sources and lookups.")));
	renamed->name = quote_name(pnstrdup(value->val.string.val, value->val.string.len));
	return renamed;
}

static List *
renamed_relations(const SegPopulation *population, const Jsonb *relations)
{
	List	   *names = NIL;
	List	   *renamed = NIL;
	SegJsonWalk walk;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(relations))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be an object", "relations"),
				 errhint("Write {\"schema.table\": \"schema.table of that place\"}.")));
	seg_json_walk(&walk, &relations->root);
	for (uint32 i = 0; seg_json_next(&walk, &value); i++)
	{
		/* all keys come first */
		if (i < walk.count / 2 && value.type == jbvString)
			names = lappend(names, pnstrdup(value.val.string.val, value.val.string.len));
		else
			renamed = lappend(renamed, rename_relation(population, list_nth(names, i - walk.count / 2), &value));
	}
	return renamed;
}

/* The query. */

static char *
travelling(const SegColumn *column, char *sql)
{
	SegTravel	travel;

	if (!seg_travel_of(&column->type, &travel))
		elog(ERROR, "column \"%s\" does not travel", column->name);
	if (travel.presence)
		return psprintf("NULLIF(num_nonnulls(%s), 0) = 1", sql);
	/* json has been cast on the way to its parts */
	if (travel.cast == NULL || column->base.typid == JSONOID)
		return sql;
	return psprintf("%s::%s", sql, travel.cast);
}

/* The columns of a relation as arguments, in records where they are many. */
static void
append_columns(StringInfo out, const SegRelation *relation, const List *columns)
{
	int			n = list_length(columns);
	bool		records = n > SEG_GROUPED_COLUMNS;
	ListCell   *lc;

	foreach(lc, columns)
	{
		int			i = foreach_current_index(lc);
		bool		first = records && i % SEG_READ_COLUMNS == 0;
		bool		last = records && (i % SEG_READ_COLUMNS == SEG_READ_COLUMNS - 1 || i == n - 1);

		appendStringInfo(out, ", %s%s%s", first ? "ROW(" : "", travelling(list_nth(relation->columns, i), lfirst(lc)),
						 last ? ")" : "");
	}
}

/* The rows of a source, gathered by the key. */
static void
append_facts(StringInfo out, const Writer *w, int relationno)
{
	const SegRelation *relation = list_nth(w->program->relations, relationno);
	SegSpan		window = {DT_NOBEGIN, DT_NOEND};
	SegReadParts parts;

	if (w->eval != NULL)
		window = seg_pass_read_window(w->eval, relationno, false);
	seg_sql_read_parts(w->program, relationno, window, w->renamed, 4, &parts);
	appendStringInfo(out,
					 "\n        LEFT JOIN ("
					 "\n            SELECT %s AS key,"
					 "\n                segments.facts(%s, %s, %s",
					 parts.key, w->ruleset, w->now, seg_sql_literal(relation->name));
	append_columns(out, relation, parts.columns);
	appendStringInfo(out,
					 ") AS rows"
					 "\n            FROM %s"
					 "\n            WHERE%s"
					 "\n            GROUP BY %s) AS f%d ON f%d.key = %s",
					 parts.from, parts.where + strlen(" AND"), parts.key, relationno, relationno,
					 seg_sql_qualified(SEG_POPULATION_ALIAS, w->program->population->key));
}

/* Each member with all that there is of him. */
static void
append_members(StringInfo out, const Writer *w)
{
	const SegRelation *relation = linitial(w->program->relations);
	int			nrelations = list_length(w->program->relations);
	SegSpan		everything = {DT_NOBEGIN, DT_NOEND};
	SegReadParts parts;

	seg_sql_read_parts(w->program, 0, everything, w->renamed, 2, &parts);
	if (w->form == FORM_KEYS)
		appendStringInfo(out, "    SELECT %s AS key,\n        segments.evaluate(%s, %s", parts.key, w->ruleset, w->now);
	else
		appendStringInfo(out, "    SELECT segments.collect(%s, %s, %s::bigint", w->ruleset, w->now, parts.key);
	append_columns(out, relation, parts.columns);
	for (int i = 1; i < nrelations; i++)
		appendStringInfo(out, ", f%d.rows", i);
	appendStringInfo(out, ") AS %s\n    FROM %s", w->form == FORM_KEYS ? "segments" : "memberships", parts.from);
	for (int i = 1; i < nrelations; i++)
		append_facts(out, w, i);
}

static char *
write_query(const Writer *w)
{
	StringInfoData out;

	if (list_length(w->program->relations) - 1 > MOST_SOURCES)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the rules read more than %d sources", MOST_SOURCES),
				 errhint("Ask for fewer segments at a time.")));
	initStringInfo(&out);
	if (w->form == FORM_SEGMENTS)
		appendStringInfoString(&out, "SELECT u.segment, u.members\nFROM (\n");
	append_members(&out, w);
	if (w->form == FORM_SEGMENTS)
		appendStringInfoString(&out, ") AS c\n    CROSS JOIN LATERAL segments.unnest(c.memberships) AS u");
	return out.data;
}

static void
check_keys(const SegPopulation *population, Form form)
{
	if (form == FORM_KEYS || seg_key_is_integer(population))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the keys of population \"%s\" are no integers", population->name),
			 errdetail("Sets hold integers, and the numbers that stand for other keys are known in this database alone."),
			 errhint("form => 'keys' gives each member's key with the segments that he is in.")));
}

/*
 * grouped_sql(population, segments, as_of, relations, form) -> text
 */
Datum
grouped_sql(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_population_get(seg_arg_text(fcinfo, 0));
	Writer		w = {.now = "now()"};
	SegReader	reader = {0};
	SegProgram *program;

	seg_check_manage(population);
	w.form = form_of(seg_arg_required_text(fcinfo, 4, "form"));
	check_keys(population, w.form);
	w.ruleset = psprintf("%s::segments.ruleset",
						 seg_sql_literal(text_to_cstring((text *) seg_ruleset_of(population,
																				  seg_arg_names(fcinfo, 1, "segments"),
																				  &program))));
	w.program = program;
	if (!PG_ARGISNULL(2))
	{
		TimestampTz as_of = seg_arg_moment(fcinfo, 2, "as_of");

		w.now = seg_sql_moment_text(as_of);
		w.eval = seg_eval_begin(program, &reader, as_of);
	}
	if (!PG_ARGISNULL(3))
		w.renamed = renamed_relations(population, PG_GETARG_JSONB_P(3));
	PG_RETURN_TEXT_P(cstring_to_text(write_query(&w)));
}
