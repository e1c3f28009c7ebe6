/*
 * sqlgen.c
 *		A whole rule as one plain SQL query.
 *
 * The query is for people to read and for tests to trust: it comes to the answer of
 * eval.c by another way, so nothing is computed here that PostgreSQL can compute
 * when it runs the query, not even what TODAY is.
 *
 * Rules know two truth values, SQL three.  A condition's text is true where the condition
 * holds and false or NULL where it does not.  AND and OR keep that up, and NOT is
 * written IS NOT TRUE; so no comparison needs a guard of its own.
 *
 * A source's rows are a subquery, correlated with the member through the parents of the
 * source, or with the row that they belong to.  Rows of sources are named s1, s2 ...,
 * lookups l1 ..., other values v1 ..., the member SEG_POPULATION_ALIAS.
 *
 * Where the evaluator finds a value missing because a number or a moment is too large
 * for its type, the query fails instead.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "sqlgen.h"

/* Texts longer than this are not written twice. */
#define LONGEST_TWICE 100

/* Segments that refer to each other many times over would make a text without end. */
#define MOST_CONDITIONS 100000

void
seg_sql_newline(SegSql *g, StringInfo out)
{
	appendStringInfoChar(out, '\n');
	appendStringInfoSpaces(out, 4 * g->level);
}

char *
seg_sql_alias(SegSql *g, const char *prefix)
{
	return psprintf("%s%d", prefix, ++g->naliases);
}

/*
 * For a text that is needed more than once in an expression.  A long one is given a name:
 * *sql becomes the name, and what is returned goes to seg_sql_with_let with the
 * expression.  Otherwise NULL.
 */
char *
seg_sql_let(SegSql *g, char **sql)
{
	char	   *alias;
	char	   *from;

	if (strlen(*sql) <= LONGEST_TWICE && strchr(*sql, '\n') == NULL)
		return NULL;
	alias = seg_sql_alias(g, "v");
	/* OFFSET keeps the planner from writing it out again */
	from = psprintf(" FROM (SELECT %s AS x OFFSET 0) AS %s", seg_sql_bare(*sql), alias);
	*sql = psprintf("%s.x", alias);
	return from;
}

/* What seg_sql_let has returned for two values. */
char *
seg_sql_lets(char *first, char *second)
{
	if (first == NULL || second == NULL)
		return first ? first : second;
	return psprintf("%s,%s", first, second + strlen(" FROM"));
}

char *
seg_sql_with_let(const char *expression, const char *let)
{
	return let ? psprintf("(SELECT %s%s)", expression, let) : psprintf("(%s)", expression);
}

/*
 * A text without the parentheses around all of it, for where nothing stands beside it.
 * Those of a subquery stay.
 */
char *
seg_sql_bare(char *sql)
{
	int			depth = 0;
	char		quote = '\0';
	Size		len = strlen(sql);

	if (sql[0] != '(' || sql[len - 1] != ')' || strncmp(sql, "(SELECT ", 8) == 0)
		return sql;
	for (Size i = 0; i < len; i++)
	{
		if (quote != '\0')
			quote = sql[i] == quote ? '\0' : quote;
		else if (sql[i] == '\'' || sql[i] == '"')
			quote = sql[i];
		else if (sql[i] == '(')
			depth++;
		else if (sql[i] == ')' && --depth == 0 && i < len - 1)
			return sql;
	}
	return pnstrdup(sql + 1, len - 2);
}

/* A text literal on one line, whatever it holds. */
char *
seg_sql_literal(const char *text)
{
	StringInfoData out;

	if (strpbrk(text, "\n\r\t\b\f") == NULL)
		return quote_literal_cstr(text);
	initStringInfo(&out);
	appendStringInfoString(&out, "E'");
	for (; *text; text++)
	{
		if (*text == '\'' || *text == '\\')
			appendStringInfoChar(&out, *text);
		if ((unsigned char) *text < ' ')
			appendStringInfo(&out, "\\x%02x", *text);
		else
			appendStringInfoChar(&out, *text);
	}
	appendStringInfoChar(&out, '\'');
	return out.data;
}

char *
seg_sql_relation(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist any more", relid)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

char *
seg_sql_qualified(const char *alias, const char *column)
{
	return psprintf("%s.%s", alias, quote_identifier(column));
}

/* Conditions. */

/* The operands, each on a line of its own. */
static char *
gate(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	bool		is_and = expr->op == SEG_X_AND;
	bool		parentheses = beside != SEG_SQL_ALONE && beside != (is_and ? SEG_SQL_IN_AND : SEG_SQL_IN_OR);
	StringInfoData out;

	initStringInfo(&out);
	if (parentheses)
	{
		appendStringInfoChar(&out, '(');
		g->level++;
	}
	for (int i = 0; i < expr->nargs; i++)
	{
		if (i > 0)
		{
			seg_sql_newline(g, &out);
			appendStringInfoString(&out, is_and ? "AND " : "OR ");
		}
		appendStringInfoString(&out, seg_sql_condition(g, expr->args[i], is_and ? SEG_SQL_IN_AND : SEG_SQL_IN_OR));
	}
	if (parentheses)
	{
		appendStringInfoChar(&out, ')');
		g->level--;
	}
	return out.data;
}

/* The complement, in the words that a person would use for it where there are any. */
static char *
negation(SegSql *g, const SegExpr *arg)
{
	char	   *condition;

	switch (arg->op)
	{
		case SEG_X_IS_NULL:
			return seg_sql_is_null(g, arg, true);
		case SEG_X_AGGREGATE:
			return psprintf("NOT %s", seg_sql_condition(g, arg, SEG_SQL_IN_AND));
		case SEG_X_COMPARE:
			if ((condition = seg_sql_distinct(g, arg)) != NULL)
				return condition;
			break;
		default:
			break;
	}
	g->level++;
	condition = seg_sql_condition(g, arg, SEG_SQL_ALONE);
	g->level--;
	return psprintf(strchr(condition, ' ') == NULL ? "%s IS NOT TRUE" : "(%s) IS NOT TRUE", condition);
}

static char *
member_of(SegSql *g, int32 segment)
{
	const SegPopulation *population = g->program->population;
	const char *key = seg_sql_qualified(SEG_POPULATION_ALIAS, population->key);
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(population->id))
	{
		const SegSegment *candidate = lfirst(lc);

		if (candidate->id == segment)
			return psprintf(population->dictionary ?
							"%s::text IN (SELECT segments.member_keys(%s, %s))" :
							"%s IN (SELECT segments.members(%s, %s))",
							key, seg_sql_literal(candidate->name), seg_sql_literal(population->name));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("segment %d does not exist any more", segment)));
}

static char *
truth(SegSql *g, const SegExpr *expr)
{
	SegSqlTerm	term;

	seg_sql_value(g, expr, &term);
	return seg_sql_json_as(g, &term, SEG_T_BOOL);
}

static char *
compare(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	SegSqlTerm	a;
	SegSqlTerm	b;

	seg_sql_value(g, expr->args[0], &a);
	seg_sql_value(g, expr->args[1], &b);
	return seg_sql_compare(g, beside, expr->detail, &a, &b, &expr->how);
}

/*
 * The text of a condition: true where it holds, false or NULL where not.
 */
char *
seg_sql_condition(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	check_stack_depth();
	if (++g->nconditions > MOST_CONDITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rule is too large to be shown as one query"),
				 errdetail("The rule of a segment is written out wherever the segment is referred to.")));
	CHECK_FOR_INTERRUPTS();
	switch (expr->op)
	{
		case SEG_X_AND:
		case SEG_X_OR:
			return gate(g, expr, beside);
		case SEG_X_NOT:
			return negation(g, expr->args[0]);
		case SEG_X_COMPARE:
			return compare(g, expr, beside);
		case SEG_X_TRUTH:
			return truth(g, expr->args[0]);
		case SEG_X_IN:
			return seg_sql_in(g, expr, beside);
		case SEG_X_HAS_ANY:
		case SEG_X_HAS_ALL:
			return seg_sql_has(g, expr, beside);
		case SEG_X_LIKE:
		case SEG_X_ILIKE:
		case SEG_X_MATCHES:
		case SEG_X_STARTS:
		case SEG_X_ENDS:
		case SEG_X_CONTAINS:
			return seg_sql_text_predicate(g, expr);
		case SEG_X_IS_NULL:
			return seg_sql_is_null(g, expr, false);
		case SEG_X_IS_EMPTY:
			return seg_sql_is_empty(g, expr);
		case SEG_X_WITHIN:
			return seg_sql_within(g, expr, beside);
		case SEG_X_DURING:
			return seg_sql_during(g, expr, beside);
		case SEG_X_ANNIVERSARY_WITHIN:
		case SEG_X_ANNIVERSARY_DURING:
			return seg_sql_anniversary(g, expr);
		case SEG_X_MEMBER_OF:
			return member_of(g, expr->detail);
		default:
			/* a constant, EXISTS */
			return truth(g, expr);
	}
}

/* A condition as a value: it is never missing. */
char *
seg_sql_condition_value(SegSql *g, const SegExpr *expr)
{
	char	   *condition;

	g->level++;
	condition = seg_sql_condition(g, expr, SEG_SQL_ALONE);
	g->level--;
	return psprintf(strchr(condition, ' ') == NULL ? "(%s IS TRUE)" : "((%s) IS TRUE)", condition);
}

/* Can there be rows without a key?  They are nobody's. */
static bool
is_nullable(const SegPopulation *population)
{
	HeapTuple	tuple = SearchSysCacheAttName(population->relid, population->key);
	bool		nullable = HeapTupleIsValid(tuple) && !((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return nullable;
}

char *
seg_sql_rule(const SegProgram *program, int rule, const TimestampTz *now)
{
	const SegPopulation *population = program->population;
	SegSql		g = {.program = program,.level = 1};
	char	   *key = seg_sql_qualified(SEG_POPULATION_ALIAS, population->key);
	SegSqlBeside beside = SEG_SQL_ALONE;
	StringInfoData out;

	g.zone = seg_sql_literal(population->time_zone);
	g.now = now == NULL ? "now()" : seg_sql_moment_text(*now);
	g.aliases = palloc(sizeof(char **) * program->nscopes);
	for (int i = 0; i < program->nscopes; i++)
		g.aliases[i] = palloc0(sizeof(char *) * (population->nsources + 1));

	initStringInfo(&out);
	appendStringInfo(&out, "SELECT %s\nFROM %s AS %s\nWHERE ", key, seg_sql_relation(population->relid),
					 SEG_POPULATION_ALIAS);
	if (is_nullable(population))
	{
		appendStringInfo(&out, "%s IS NOT NULL", key);
		seg_sql_newline(&g, &out);
		appendStringInfoString(&out, "AND ");
		beside = SEG_SQL_IN_AND;
	}
	appendStringInfoString(&out, seg_sql_condition(&g, program->rules[rule], beside));
	return out.data;
}
