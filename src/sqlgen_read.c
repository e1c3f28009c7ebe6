/*
 * sqlgen_read.c
 *		The reading query of a relation, for a pass over the population.
 *
 * A source is read once, whatever the rules want of it.  Its parents are joined to tell
 * whose row it is, lookups are joined outwards, each once for a path:
 *
 *		SELECT s2.customer_id::bigint, s1.quantity, l1.category
 *		FROM shop.lines AS s1
 *			JOIN shop.orders AS s2 ON s2.id = s1.order_id
 *			LEFT JOIN shop.products AS l1 ON l1.id = s1.product_id
 *		WHERE s2.customer_id IS NOT NULL
 *			AND s2.ordered_at >= timestamptz '...' AND s2.ordered_at < timestamptz '...'
 *
 * The population itself is not needed for that: its key is what the topmost source refers
 * to.  A dictionary is joined where members are numbers given to keys.  Who looks for members
 * whose numbers were given to keys says both, so that the table is asked for its own keys.
 *
 * Columns come as they are declared (the reader of the pass knows their types); nothing is
 * computed here but the way into json.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "sqlgen.h"

/* A lookup that is joined already: for whose row, and which. */
typedef struct JoinedLookup
{
	const char *of;				/* alias of the row that it is looked up for */
	int			lookup;
	char	   *alias;
} JoinedLookup;

typedef struct ReadQuery
{
	SegSql		g;
	StringInfoData columns;
	StringInfoData from;
	List	   *lookups;		/* of JoinedLookup * */
	const List *renamed;		/* of SegRenamed * */
	char	   *key;			/* refers to the member */
} ReadQuery;

static const char *
relation_name(const ReadQuery *q, Oid relid)
{
	ListCell   *lc;

	foreach(lc, q->renamed)
	{
		const SegRenamed *renamed = lfirst(lc);

		if (renamed->relid == relid)
			return renamed->name;
	}
	return seg_sql_relation(relid);
}

static void
join(ReadQuery *q, const char *kind, Oid relid, const char *alias, const char *condition)
{
	seg_sql_newline(&q->g, &q->from);
	appendStringInfo(&q->from, "%s %s AS %s ON %s", kind, relation_name(q, relid), alias, condition);
}

/* The alias of the row behind the lookups of a column. */
static const char *
follow_lookups(ReadQuery *q, const SegColumn *column, const char *alias)
{
	for (int i = 0; i < column->nlookups; i++)
	{
		const SegLookup *lookup = &q->g.program->population->lookups[column->lookups[i]];
		JoinedLookup *joined = NULL;
		ListCell   *lc;

		foreach(lc, q->lookups)
		{
			JoinedLookup *known = lfirst(lc);

			if (known->lookup == column->lookups[i] && strcmp(known->of, alias) == 0)
				joined = known;
		}
		if (joined == NULL)
		{
			joined = palloc(sizeof(JoinedLookup));
			joined->of = alias;
			joined->lookup = column->lookups[i];
			joined->alias = seg_sql_alias(&q->g, "l");
			q->lookups = lappend(q->lookups, joined);
			join(q, "LEFT JOIN", lookup->relid, joined->alias,
				 psprintf("%s = %s", seg_sql_qualified(joined->alias, lookup->references),
						  seg_sql_qualified(alias, lookup->key)));
		}
		alias = joined->alias;
	}
	return alias;
}

static char *
column_sql(ReadQuery *q, const SegRelation *relation, const SegColumn *column)
{
	const char *alias = SEG_POPULATION_ALIAS;
	char	   *sql;

	if (relation->source >= 0)
		alias = q->g.aliases[0][column->kind == SEG_COLUMN_MOMENT ? column->source : relation->source];
	if (column->kind == SEG_COLUMN_EXPRESSION)
		sql = seg_sql_expression(column->name);
	else
		sql = seg_sql_qualified(follow_lookups(q, column, alias), column->name);
	if (column->base.typid == JSONOID)
		sql = psprintf("%s::jsonb", sql);
	return seg_sql_path(column, sql);
}

static void
append_columns(ReadQuery *q, const SegRelation *relation)
{
	int			n = list_length(relation->columns);
	bool		records = n > SEG_READ_COLUMNS;
	ListCell   *lc;

	foreach(lc, relation->columns)
	{
		int			i = foreach_current_index(lc);
		bool		first = records && i % SEG_READ_COLUMNS == 0;
		bool		last = records && (i % SEG_READ_COLUMNS == SEG_READ_COLUMNS - 1 || i == n - 1);

		appendStringInfo(&q->columns, ", %s%s%s", first ? "ROW(" : "", column_sql(q, relation, lfirst(lc)), last ? ")" : "");
	}
}

/* FROM a source and its parents, up to the reference to the member. */
static void
from_source(ReadQuery *q, int source)
{
	const SegPopulation *population = q->g.program->population;
	const SegSource *sources = population->sources;
	char	  **aliases = q->g.aliases[0];

	aliases[source] = seg_sql_alias(&q->g, "s");
	appendStringInfo(&q->from, "%s AS %s", relation_name(q, sources[source].relid), aliases[source]);
	while (sources[source].parent >= 0)
	{
		int			parent = sources[source].parent;

		aliases[parent] = seg_sql_alias(&q->g, "s");
		join(q, "JOIN", sources[parent].relid, aliases[parent],
			 psprintf("%s = %s", seg_sql_qualified(aliases[parent], sources[source].parent_key),
					  seg_sql_qualified(aliases[source], sources[source].key)));
		source = parent;
	}
	q->key = seg_sql_qualified(aliases[source], sources[source].key);
}

/* A bound of a local column, a day further out: local time jumps, and may stand still or come twice. */
static char *
local_bound(const SegProgram *program, TimestampTz moment, int further)
{
	SegClock	clock = {.zone = program->zone};
	DateADT		day;

	if (TIMESTAMP_NOT_FINITE(moment) || !seg_clock_day_of(&clock, moment, &day) || !IS_VALID_DATE(day + further))
		return NULL;
	return psprintf("date '%s'", seg_sql_day_text(day + further));
}

/* The condition that a column lies in a span, in a form that an index can be asked. */
static void
append_span(const SegProgram *program, const char *column, Oid typid, SegSpan span, StringInfo out)
{
	char	   *start = NULL;
	char	   *end = NULL;

	if (span.start >= span.end)
	{
		appendStringInfoString(out, " AND false");
		return;
	}
	if (typid != TIMESTAMPTZOID)
	{
		start = local_bound(program, span.start, -1);
		end = local_bound(program, span.end, 2);
	}
	else
	{
		if (!TIMESTAMP_NOT_FINITE(span.start))
			start = seg_sql_moment_text(span.start);
		if (!TIMESTAMP_NOT_FINITE(span.end))
			end = seg_sql_moment_text(span.end);
	}
	if (start != NULL)
		appendStringInfo(out, " AND %s >= %s", column, start);
	if (end != NULL)
		appendStringInfo(out, " AND %s < %s", column, end);
}

/* The condition that the row of a source lies in the window. */
static void
append_window(ReadQuery *q, const SegRelation *relation, SegSpan window, StringInfo out)
{
	ListCell   *lc;

	foreach(lc, relation->columns)
	{
		const SegColumn *column = lfirst(lc);

		if (column->kind != SEG_COLUMN_MOMENT)
			continue;
		append_span(q->g.program, seg_sql_qualified(q->g.aliases[0][column->source], column->name),
					column->base.typid, window, out);
		return;
	}
	if (window.start >= window.end)
		appendStringInfoString(out, " AND false");
}

static void
append_conditions(ReadQuery *q, const SegRelation *relation, const List *conditions, StringInfo out)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		const SegReadCondition *condition = lfirst(lc);
		const SegColumn *column = list_nth(relation->columns, condition->expr->args[0]->column);

		if (condition->in_span)
			append_span(q->g.program, seg_sql_qualified(SEG_POPULATION_ALIAS, column->name), column->base.typid,
						condition->span, out);
		else
			appendStringInfo(out, " AND %s", seg_sql_condition(&q->g, condition->expr, SEG_SQL_IN_AND));
	}
}

/* FROM the relation; its key is known then. */
static void
begin(ReadQuery *q, const SegProgram *program, const SegRelation *relation, int level)
{
	const SegPopulation *population = program->population;

	q->g.program = program;
	q->g.level = level;
	initStringInfo(&q->columns);
	initStringInfo(&q->from);
	q->g.aliases = palloc(sizeof(char **));
	q->g.aliases[0] = palloc0(sizeof(char *) * (population->nsources + 1));
	if (relation->source >= 0)
		from_source(q, relation->source);
	else
	{
		appendStringInfo(&q->from, "%s AS %s", relation_name(q, population->relid), SEG_POPULATION_ALIAS);
		q->key = seg_sql_qualified(SEG_POPULATION_ALIAS, population->key);
	}
}

void
seg_sql_read_parts(const SegProgram *program, int relationno, SegSpan window, const List *renamed,
				   int level, SegReadParts *parts)
{
	const SegRelation *relation = list_nth(program->relations, relationno);
	ReadQuery	q = {.renamed = renamed};
	StringInfoData where;
	ListCell   *lc;

	begin(&q, program, relation, level);
	parts->key = q.key;
	parts->columns = NIL;
	foreach(lc, relation->columns)
		parts->columns = lappend(parts->columns, column_sql(&q, relation, lfirst(lc)));
	initStringInfo(&where);
	if (relation->source >= 0)
	{
		appendStringInfo(&where, " AND %s IS NOT NULL", q.key);
		append_window(&q, relation, window, &where);
	}
	parts->from = q.from.data;
	parts->where = where.data;
}

char *
seg_sql_read(const SegProgram *program, int relationno, bool members, SegSpan window,
			 const List *conditions, const SegShare *share)
{
	const SegPopulation *population = program->population;
	const SegRelation *relation = list_nth(program->relations, relationno);
	ReadQuery	q = {0};
	StringInfoData where;
	char	   *member;

	begin(&q, program, relation, 1);
	member = population->dictionary ? "d.member" : psprintf("%s::bigint", q.key);
	if (population->dictionary)
	{
		seg_sql_newline(&q.g, &q.from);
		if (members)
			appendStringInfo(&q.from, "JOIN ROWS FROM (unnest($1), unnest($2)) AS d (member, key) ON d.key = %s", q.key);
		else
			appendStringInfo(&q.from, "JOIN segments.dictionary AS d ON d.population = %d AND d.key = %s::text COLLATE \"C\"",
							 population->id, q.key);
	}
	append_columns(&q, relation);
	initStringInfo(&where);
	if (members && !population->dictionary)
		appendStringInfo(&where, " AND %s = ANY ($1)", q.key);
	/* those of the population are few; the receiver leaves them out */
	else if (!members && relation->source >= 0)
		appendStringInfo(&where, " AND %s IS NOT NULL", population->dictionary ? member : q.key);
	if (share != NULL)
		appendStringInfo(&where, " AND segments.in_share(%s, %d, %d)", member, share->number, share->of);
	if (relation->source >= 0)
		append_window(&q, relation, window, &where);
	else
		append_conditions(&q, relation, conditions, &where);
	return psprintf("SELECT %s%s\nFROM %s%s%s", member, q.columns.data, q.from.data,
					where.len > 0 ? "\nWHERE" : "", where.data + (where.len > 0 ? strlen(" AND") : 0));
}
