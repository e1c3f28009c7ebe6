/*
 * sqlgen_value.c
 *		Values in SQL: columns, constants and functions.
 *
 * A column is brought to the SQL type that stands for its kind (SegSqlTerm) where it is
 * read, so that nothing later has to ask what it was declared as.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "sqlgen.h"

/* Names that mean the same under any search_path; those of pg_catalog do anyway. */

static char *
type_name(Oid typid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	Oid			namespace;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	namespace = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	return format_type_extended(typid, -1, namespace == PG_CATALOG_NAMESPACE ? 0 : FORMAT_TYPE_FORCE_QUALIFY);
}

char *
seg_sql_collation(Oid collation, bool qualify)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *namespace = NULL;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	if (qualify || form->collnamespace != PG_CATALOG_NAMESPACE)
		namespace = get_namespace_name(form->collnamespace);
	name = quote_qualified_identifier(namespace, NameStr(form->collname));
	ReleaseSysCache(tuple);
	return name;
}

/* Columns. */

/* A column's text, or an array's, in the SQL type that stands for its kind. */
static char *
plain(SegSql *g, const SegTypeInfo *type, Oid typid, const char *array, char *sql)
{
	switch (typid)
	{
		case BPCHAROID:
		case NAMEOID:
			return psprintf("%s::text%s", sql, array);
		case OIDOID:
			return psprintf("%s::bigint%s", sql, array);
		case FLOAT4OID:
			return psprintf("%s::double precision%s", sql, array);
		case JSONOID:
			return psprintf("%s::jsonb%s", sql, array);
	}
	/* citext compares in lower case, which the rule asks for by name */
	if (type->other != NULL && type->other->is_citext)
		return psprintf("%s::text%s", sql, array);
	return sql;
}

char *
seg_sql_plain(SegSql *g, const SegTypeInfo *type, char *sql)
{
	if (type->type == SEG_T_LIST)
		return plain(g, type, type->elem_typid, "[]", sql);
	if (type->typid == TIMESTAMPOID)
		return psprintf("(%s AT TIME ZONE %s)", sql, g->zone);
	return plain(g, type, type->typid, "", sql);
}

/* The way into a json value; only keys of objects, never positions in arrays. */
char *
seg_sql_path(const SegColumn *column, char *sql)
{
	StringInfoData out;

	if (column->npath == 0)
		return sql;
	initStringInfo(&out);
	appendStringInfo(&out, "(%s", sql);
	for (int i = 0; i < column->npath; i++)
		appendStringInfo(&out, " -> %s", seg_sql_literal(column->path[i]));
	appendStringInfoChar(&out, ')');
	return out.data;
}

/* A computed attribute's expression, in parentheses. */
char *
seg_sql_expression(const char *expression)
{
	char	   *sql = pstrdup(expression);

	return seg_sql_bare(sql) != sql ? sql : psprintf("(%s)", sql);
}

/* A column of a lookup: a subquery that walks from lookup to lookup. */
static char *
lookup_column(SegSql *g, const SegColumn *column, const char *alias)
{
	const SegLookup *lookups = g->program->population->lookups;
	StringInfoData from;
	char	   *where = NULL;

	initStringInfo(&from);
	for (int i = 0; i < column->nlookups; i++)
	{
		const SegLookup *lookup = &lookups[column->lookups[i]];
		char	   *next = seg_sql_alias(g, "l");
		char	   *condition = psprintf("%s = %s", seg_sql_qualified(next, lookup->references),
										 seg_sql_qualified(alias, lookup->key));

		appendStringInfo(&from, "%s %s AS %s", i == 0 ? " FROM" : " JOIN", seg_sql_relation(lookup->relid), next);
		if (i == 0)
			where = condition;
		else
			appendStringInfo(&from, " ON %s", condition);
		alias = next;
	}
	return psprintf("(SELECT %s%s WHERE %s)", seg_sql_qualified(alias, column->name), from.data, where);
}

static void
column(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	const SegRelation *relation = list_nth(g->program->relations, expr->relation);
	const SegColumn *column = list_nth(relation->columns, expr->column);
	const char *alias = SEG_POPULATION_ALIAS;
	char	   *sql;

	if (expr->scope > 0)
		alias = g->aliases[expr->scope][column->kind == SEG_COLUMN_MOMENT ? column->source : relation->source];
	if (column->kind == SEG_COLUMN_EXPRESSION)
		sql = seg_sql_expression(column->name);
	else if (column->nlookups > 0)
		sql = lookup_column(g, column, alias);
	else
		sql = seg_sql_qualified(alias, column->name);
	out->sql = seg_sql_path(column, seg_sql_plain(g, &column->base, sql));
}

/* Constants. */

/* A number; negative ones in parentheses, as a sign binds less than a cast. */
static char *
number_literal(const SegValue *value)
{
	char	   *text;

	if (value->tag == SEG_V_INT)
		text = psprintf(INT64_FORMAT, value->v.i);
	else
		text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->v.n)));
	return text[0] == '-' ? psprintf("(%s)", text) : text;
}

static char *
other_literal(const SegExpr *expr)
{
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(expr->type.other->typid, &output, &varlena);
	return psprintf("%s::%s", seg_sql_literal(OidOutputFunctionCall(output, expr->constant.v.d)),
					type_name(expr->type.other->typid));
}

static void
constant(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	const SegValue *value = &expr->constant;

	out->constant = expr;
	out->finite = true;
	switch (value->tag)
	{
		case SEG_V_BOOL:
			out->sql = value->v.b ? "true" : "false";
			break;
		case SEG_V_INT:
		case SEG_V_NUMERIC:
			out->sql = number_literal(value);
			out->type.type = value->tag == SEG_V_INT ? SEG_T_INT : SEG_T_NUMERIC;
			break;
		case SEG_V_TEXT:
			out->sql = seg_sql_literal(pnstrdup(value->v.s, value->len));
			break;
		case SEG_V_DAY:
		case SEG_V_WHOLE_DAY:
			out->sql = psprintf("date '%s'", seg_sql_day_text((DateADT) value->v.i));
			out->whole_day = value->tag == SEG_V_WHOLE_DAY;
			break;
		case SEG_V_MOMENT:
			seg_sql_moment_literal(g, expr, out);
			break;
		case SEG_V_DURATION:
			out->sql = seg_sql_interval(value->v.span);
			break;
		case SEG_V_OTHER:
			out->sql = other_literal(expr);
			break;
		default:
			/* missing: a local moment that is out of range */
			out->sql = "NULL::timestamptz";
	}
}

/* Functions. */

/* What a function of the calendar says of a local day or timestamp. */
static char *
calendar(SegSql *g, SegFunction function, char *local, bool is_day)
{
	switch (function)
	{
		case SEG_FUNC_AGE:
			return psprintf(is_day ? "extract(year FROM age(date_trunc('day', %s), %s::timestamp))" :
							"extract(year FROM age(date_trunc('day', %s), date_trunc('day', %s)))",
							seg_sql_local_now(g), is_day ? local : seg_sql_bare(local));
		case SEG_FUNC_WEEKDAY:
			return psprintf("extract(isodow FROM %s)", seg_sql_bare(local));
		case SEG_FUNC_HOUR:
			return psprintf(is_day ? "(0 * extract(day FROM %s))" : "extract(hour FROM %s)", seg_sql_bare(local));
		default:
			return psprintf("extract(%s FROM %s)", seg_function_name(function), seg_sql_bare(local));
	}
}

/*
 * Functions of a local day or moment.  Infinite ones have no fields; PostgreSQL says so
 * itself but of the year, which it has infinite, too.
 */
static void
calendar_function(SegSql *g, SegFunction function, SegSqlTerm *term, SegSqlTerm *out)
{
	bool		is_json = term->type.type == SEG_T_JSON;
	bool		is_day = term->type.type == SEG_T_DAY;
	char	   *text = term->sql;
	char	   *let;

	out->type.type = SEG_T_INT;
	if (term->finite || is_json || (function != SEG_FUNC_AGE && function != SEG_FUNC_YEAR))
		out->sql = calendar(g, function, seg_sql_local(g, term), is_day);
	else
	{
		let = seg_sql_let(g, &term->sql);
		out->sql = psprintf("CASE WHEN isfinite(%s) THEN %s END", seg_sql_bare(term->sql),
							calendar(g, function, seg_sql_local(g, term), is_day));
		out->sql = seg_sql_with_let(out->sql, let);
	}
	/* the hour of a day is 0 even where its midnight does not exist */
	if (is_json && function == SEG_FUNC_HOUR)
		out->sql = psprintf("(CASE length(%s #>> '{}') WHEN 10 THEN 0 * %s ELSE %s END)", text, out->sql, out->sql);
}

/* The first that is there; a day among moments is its midnight. */
static void
coalesce(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	bool		collations_differ = false;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "coalesce(");
	out->finite = true;
	/* integers and numerics together are numeric, but integers alone stay so */
	if (out->type.type == SEG_T_NUMERIC)
		out->type.type = SEG_T_INT;
	for (int i = 0; i < expr->nargs; i++)
	{
		SegSqlTerm	term;

		seg_sql_value(g, expr->args[i], &term);
		out->finite &= term.finite;
		collations_differ |= expr->type.type == SEG_T_TEXT && term.constant == NULL &&
			term.type.collation != expr->type.collation;
		if (expr->type.type == SEG_T_MOMENT)
			term.sql = seg_sql_moment(g, &term);
		else if (expr->type.type == SEG_T_DURATION)
			term.sql = seg_sql_duration(&term);
		else if (expr->type.type == SEG_T_JSON)
			term.sql = seg_sql_to_json(&term);
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", seg_sql_bare(term.sql));
	}
	appendStringInfoChar(&sql, ')');
	out->sql = sql.data;
	if (collations_differ)
		out->sql = psprintf("(%s COLLATE %s)", sql.data, seg_sql_collation(expr->type.collation, false));
}

static void
function(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	SegFunction function = expr->detail;
	SegSqlTerm	term;

	if (function == SEG_FUNC_COALESCE)
	{
		coalesce(g, expr, out);
		return;
	}
	seg_sql_value(g, expr->args[0], &term);
	switch (function)
	{
		case SEG_FUNC_LOWER:
			out->sql = seg_sql_lower(g, &term);
			break;
		case SEG_FUNC_LENGTH:
			out->sql = seg_sql_length(g, &term);
			break;
		case SEG_FUNC_ABS:
			seg_sql_as_number(g, &term);
			out->type = term.type;
			out->sql = psprintf("abs(%s)", seg_sql_bare(term.sql));
			break;
		case SEG_FUNC_DAYS:
			out->sql = seg_sql_days(g, &term);
			break;
		default:
			calendar_function(g, function, &term, out);
	}
}

void
seg_sql_value(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	SegSqlTerm	a;
	SegSqlTerm	b;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	memset(out, 0, sizeof(*out));
	out->type = expr->type;
	switch (expr->op)
	{
		case SEG_X_CONST:
			constant(g, expr, out);
			break;
		case SEG_X_CLOCK:
			seg_sql_clock(g, expr->node, out);
			break;
		case SEG_X_COLUMN:
			column(g, expr, out);
			break;
		case SEG_X_ARITH:
			seg_sql_value(g, expr->args[0], &a);
			seg_sql_value(g, expr->args[1], &b);
			seg_sql_arith(g, expr->detail, &a, &b, out);
			break;
		case SEG_X_NEGATE:
			seg_sql_value(g, expr->args[0], &a);
			seg_sql_negate(g, &a, out);
			break;
		case SEG_X_FUNCTION:
			function(g, expr, out);
			break;
		case SEG_X_AGGREGATE:
			seg_sql_aggregate(g, expr, out);
			break;
		default:
			out->sql = seg_sql_condition_value(g, expr);
	}
}
