/*
 * sqlgen_fold.c
 *		Aggregates over the rows of sources, as correlated subqueries.
 *
 * A subquery walks from the source up through its parents, so that a row without its
 * parents is nobody's; where the fold is about the rows of another row, only up to that.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_collation.h"

#include "sqlgen.h"

/*
 * FROM and the correlation for the rows of a fold.  Sets the aliases of its scope: the
 * source's own and those of its parents.
 */
static void
fold_from(SegSql *g, const SegFold *fold, StringInfo from, StringInfo where)
{
	const SegPopulation *population = g->program->population;
	const SegSource *sources = population->sources;
	const SegRelation *relation = list_nth(g->program->relations, fold->relation);
	char	  **aliases = g->aliases[fold->scope];
	int			source = relation->source;
	int			top = -1;
	const char *outer = SEG_POPULATION_ALIAS;

	memset(aliases, 0, sizeof(char *) * population->nsources);
	if (fold->parent_scope > 0)
	{
		memcpy(aliases, g->aliases[fold->parent_scope], sizeof(char *) * population->nsources);
		top = ((SegRelation *) list_nth(g->program->relations, fold->parent_relation))->source;
		outer = aliases[top];
	}
	aliases[source] = seg_sql_alias(g, "s");
	appendStringInfo(from, "FROM %s AS %s", seg_sql_relation(sources[source].relid), aliases[source]);
	while (sources[source].parent != top)
	{
		int			parent = sources[source].parent;

		aliases[parent] = seg_sql_alias(g, "s");
		seg_sql_newline(g, from);
		appendStringInfo(from, "JOIN %s AS %s ON %s = %s",
						 seg_sql_relation(sources[parent].relid), aliases[parent],
						 seg_sql_qualified(aliases[parent], sources[source].parent_key),
						 seg_sql_qualified(aliases[source], sources[source].key));
		source = parent;
	}
	appendStringInfo(where, "WHERE %s = %s",
					 seg_sql_qualified(aliases[source], sources[source].key),
					 seg_sql_qualified(outer, sources[source].parent_key));
}

/* One more condition of WHERE, which stands a step deeper than its lines. */
static void
append_and(SegSql *g, StringInfo where, const char *condition)
{
	g->level++;
	seg_sql_newline(g, where);
	appendStringInfo(where, "AND %s", condition);
	g->level--;
}

static void
append_condition(SegSql *g, StringInfo where, const SegExpr *expr)
{
	char	   *condition;

	if (expr == NULL)
		return;
	g->level++;
	condition = seg_sql_condition(g, expr, SEG_SQL_IN_AND);
	g->level--;
	append_and(g, where, condition);
}

/* The measure, collated as the aggregate asks. */
static char *
collated(const SegSqlTerm *measure, Oid collation)
{
	if (measure->type.type != SEG_T_TEXT || measure->type.collation == collation)
		return seg_sql_bare(measure->sql);
	return psprintf("%s COLLATE %s", measure->sql, seg_sql_collation(collation, false));
}

/* Numbers and durations; what else json holds does not count. */
static void
sum(SegSql *g, const SegFoldItem *item, SegSqlTerm *measure, StringInfo head)
{
	char	   *sql = measure->type.type == SEG_T_DURATION ? seg_sql_duration(measure) :
		seg_sql_json_as(g, measure, SEG_T_NUMERIC);

	sql = seg_sql_bare(sql);
	if (item->kind == SEG_FOLD_AVG)
		appendStringInfo(head, "avg(%s)", sql);
	else
		appendStringInfo(head, "coalesce(sum(%s), %s)", sql,
						 measure->type.type == SEG_T_DURATION ? "interval '0'" : "0");
}

/* Lists and objects do not compare, so they are left out. */
static char *
json_scalar(SegSqlTerm *measure)
{
	return psprintf("jsonb_typeof(%s) IN ('boolean', 'number', 'string')", seg_sql_bare(measure->sql));
}

static void
count_distinct(SegSqlTerm *measure, const SegFoldItem *item, StringInfo head)
{
	/* where binding leaves the collation out, every one tells the same texts apart */
	appendStringInfo(head, "count(DISTINCT %s)",
					 collated(measure, OidIsValid(item->how.collation) ? item->how.collation : measure->type.collation));
	if (measure->type.type == SEG_T_JSON)
		appendStringInfo(head, " FILTER (WHERE %s)", json_scalar(measure));
}

/*
 * MIN and MAX.  Types for which there is no such aggregate are sorted instead; of json
 * values booleans come first, then numbers, then texts.
 */
static void
extreme(SegSql *g, SegSqlTerm *measure, const SegFoldItem *item, StringInfo head, StringInfo where, StringInfo tail)
{
	const char *direction = item->kind == SEG_FOLD_MIN ? "" : " DESC";

	switch (measure->type.type)
	{
		case SEG_T_BOOL:
		case SEG_T_OTHER:
			appendStringInfoString(head, measure->sql);
			append_and(g, where, psprintf("%s IS NOT NULL", measure->sql));
			seg_sql_newline(g, tail);
			appendStringInfo(tail, "ORDER BY %s%s LIMIT 1", measure->sql, direction);
			break;
		case SEG_T_JSON:
			appendStringInfoString(head, measure->sql);
			append_and(g, where, json_scalar(measure));
			seg_sql_newline(g, tail);
			appendStringInfo(tail, "ORDER BY jsonb_typeof(%s)%s, %s%s, %s%s, %s%s LIMIT 1", seg_sql_bare(measure->sql), direction,
							 seg_sql_json_as(g, measure, SEG_T_BOOL), direction,
							 seg_sql_json_as(g, measure, SEG_T_NUMERIC), direction,
							 seg_sql_json_as(g, measure, SEG_T_TEXT), direction);
			break;
		default:
			appendStringInfo(head, "%s(%s)", item->kind == SEG_FOLD_MIN ? "min" : "max",
							 collated(measure, OidIsValid(item->how.collation) ? item->how.collation : C_COLLATION_OID));
	}
}

/*
 * The rows of the outer queries alone would make an aggregate theirs: a measure that
 * reads no column of this one is computed by a subquery of its own.
 */
static void
make_ours(SegSql *g, const SegFold *fold, const SegExpr *expr, SegSqlTerm *measure, StringInfo from)
{
	char	   *alias;

	if ((expr->reads & (1U << fold->scope)) != 0 || expr->reads == 0)
		return;
	alias = seg_sql_alias(g, "v");
	seg_sql_newline(g, from);
	appendStringInfo(from, "CROSS JOIN (SELECT %s AS x) AS %s", seg_sql_bare(measure->sql), alias);
	measure->sql = psprintf("%s.x", alias);
}

/* What is selected.  The result has the type of the measure, or is a count. */
static void
aggregate_head(SegSql *g, const SegFoldItem *item, SegSqlTerm *measure, StringInfo head, StringInfo where,
			   StringInfo tail, SegSqlTerm *out)
{
	SegTypeInfo count = {.type = SEG_T_INT};
	SegTypeInfo number = {.type = SEG_T_NUMERIC};

	out->type = count;
	switch (item->kind)
	{
		case SEG_FOLD_EXISTS:
			out->type.type = SEG_T_BOOL;
			appendStringInfoString(head, "1");
			break;
		case SEG_FOLD_COUNT:
			appendStringInfoString(head, "count(*)");
			break;
		case SEG_FOLD_COUNT_DISTINCT:
			count_distinct(measure, item, head);
			break;
		case SEG_FOLD_SUM:
		case SEG_FOLD_AVG:
			out->type = measure->type.type == SEG_T_FLOAT || measure->type.type == SEG_T_DURATION ? measure->type : number;
			sum(g, item, measure, head);
			break;
		case SEG_FOLD_MIN:
		case SEG_FOLD_MAX:
			out->type = measure->type;
			out->whole_day = measure->whole_day;
			out->finite = measure->finite;
			out->elapsed = measure->elapsed;
			extreme(g, measure, item, head, where, tail);
			break;
	}
}

void
seg_sql_aggregate(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	const SegFold *fold = list_nth(g->program->folds, expr->fold);
	const SegFoldItem *item = list_nth(fold->items, expr->item);
	SegSqlTerm	measure = {0};
	StringInfoData head;
	StringInfoData from;
	StringInfoData where;
	StringInfoData tail;

	initStringInfo(&head);
	initStringInfo(&from);
	initStringInfo(&where);
	initStringInfo(&tail);
	memset(out, 0, sizeof(*out));

	g->level++;
	fold_from(g, fold, &from, &where);
	if (item->measure != NULL)
	{
		seg_sql_value(g, item->measure, &measure);
		make_ours(g, fold, item->measure, &measure, &from);
	}
	aggregate_head(g, item, &measure, &head, &where, &tail, out);
	append_condition(g, &where, fold->filter);
	append_condition(g, &where, item->window);
	append_condition(g, &where, item->where);
	/* the rest of the subquery stands below its SELECT */
	seg_sql_newline(g, &head);
	seg_sql_newline(g, &from);
	g->level--;

	out->sql = psprintf("%s(SELECT %s%s%s%s)", item->kind == SEG_FOLD_EXISTS ? "EXISTS " : "",
						head.data, from.data, where.data, tail.data);
}
