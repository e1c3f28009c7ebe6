/*
 * sqlgen_compare.c
 *		Comparisons in SQL: of two values, of lists, of texts, of what json holds.
 *
 * Two values of one kind are compared by an operator.  A day and a moment are
 * compared by where the day begins and ends.  A json value is first taken for what the
 * other side is: it is NULL where it holds something else.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "sqlgen.h"

static const char *
symbol(SegCompare op)
{
	switch (op)
	{
		case SEG_LT:
			return "<";
		case SEG_LE:
			return "<=";
		case SEG_GT:
			return ">";
		case SEG_GE:
			return ">=";
		default:
			return "=";
	}
}

static bool
is_json(const SegSqlTerm *term)
{
	return term->type.type == SEG_T_JSON;
}

/*
 * A json value as a number, a text or a boolean, or NULL if it holds none.  Any other
 * value is returned as it is.
 */
char *
seg_sql_json_as(SegSql *g, const SegSqlTerm *term, SegType type)
{
	char	   *sql = term->sql;
	char	   *let;

	if (!is_json(term))
		return sql;
	let = seg_sql_let(g, &sql);
	sql = psprintf(type == SEG_T_BOOL ? "CASE WHEN jsonb_typeof(%s) = 'boolean' THEN %s::boolean END" :
				   type == SEG_T_TEXT ? "CASE WHEN jsonb_typeof(%s) = 'string' THEN %s #>> '{}' END" :
				   "CASE WHEN jsonb_typeof(%s) = 'number' THEN %s::numeric END", seg_sql_bare(sql), sql);
	return seg_sql_with_let(sql, let);
}

/*
 * A value among json ones; json's own null is none.  What json does not have, such as NaN or
 * infinity, becomes a text there, unlike for the evaluator.
 */
char *
seg_sql_to_json(const SegSqlTerm *term)
{
	if (is_json(term))
		return psprintf("nullif(%s, 'null')", seg_sql_bare(term->sql));
	if (term->type.type == SEG_T_TEXT)
		return psprintf("to_jsonb(%s::text)", term->sql);
	return psprintf("to_jsonb(%s)", seg_sql_bare(term->sql));
}

/* Kinds that compare with each other. */
static bool
same_kind(const SegSqlTerm *a, const SegSqlTerm *b)
{
	return a->type.type == b->type.type || (seg_type_is_number(&a->type) && seg_type_is_number(&b->type));
}

/* COLLATE where the two sides alone would not come to the collation that is wanted. */
static const char *
collate(const SegSqlTerm *a, const SegSqlTerm *b, const SegCompareHow *how, bool equality)
{
	Oid			x = a->constant ? InvalidOid : a->type.collation;
	Oid			y = b->constant ? InvalidOid : b->type.collation;
	Oid			wanted = how->collation;

	if (!OidIsValid(x) || x == DEFAULT_COLLATION_OID)
		x = OidIsValid(y) ? y : DEFAULT_COLLATION_OID;
	/* equality by bytes is that of every collation that is left out at binding */
	if (x == wanted || (equality && !OidIsValid(wanted)))
		return "";
	return psprintf(" COLLATE %s", seg_sql_collation(OidIsValid(wanted) ? wanted : C_COLLATION_OID, false));
}

/* An operator of a type that may be defined outside pg_catalog. */
static const char *
other_operator(const SegTypeInfo *type, SegCompare op)
{
	static const int strategies[] = {BTEqualStrategyNumber, BTLessStrategyNumber, BTLessEqualStrategyNumber,
	BTGreaterStrategyNumber, BTGreaterEqualStrategyNumber};
	TypeCacheEntry *entry = lookup_type_cache(type->other->typid, TYPECACHE_BTREE_OPFAMILY);
	Oid			operator = get_opfamily_member(entry->btree_opf, entry->btree_opintype,
											   entry->btree_opintype, strategies[op]);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	const char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	name = pstrdup(NameStr(((Form_pg_operator) GETSTRUCT(tuple))->oprname));
	if (((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace != PG_CATALOG_NAMESPACE)
		name = psprintf("OPERATOR(%s.%s)",
						quote_identifier(get_namespace_name(((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace)), name);
	ReleaseSysCache(tuple);
	return name;
}

/* A constant as jsonb, for a json value to be equal to; NULL for what json cannot hold. */
static char *
json_literal(const SegSqlTerm *term)
{
	StringInfoData json;

	if (term->constant == NULL)
		return NULL;
	if (seg_type_is_number(&term->type) || term->type.type == SEG_T_BOOL)
		return psprintf("'%s'::jsonb", seg_sql_bare(term->sql));
	if (term->type.type != SEG_T_TEXT)
		return NULL;
	initStringInfo(&json);
	escape_json(&json, pnstrdup(term->constant->constant.v.s, term->constant->constant.len));
	return psprintf("%s::jsonb", seg_sql_literal(json.data));
}

/* What can stand behind a plain "a =" for the same as b; NULL if it takes more. */
static char *
plainly_equal(const SegSqlTerm *a, const SegSqlTerm *b, const SegCompareHow *how)
{
	if (is_json(a))
		return OidIsValid(how->collation) ? NULL : json_literal(b);
	if (!same_kind(a, b) || is_json(b))
		return NULL;
	if (a->type.type == SEG_T_OTHER && strcmp(other_operator(&a->type, SEG_EQ), "=") != 0)
		return NULL;
	if (a->type.type == SEG_T_TEXT && *collate(a, b, how, true) != '\0')
		return NULL;
	return b->sql;
}

/* A moment and a whole day. */
static char *
compare_with_day(SegSql *g, SegSqlBeside beside, SegCompare op, const SegSqlTerm *moment, const SegSqlTerm *day)
{
	char	   *start = seg_sql_day_start(g, day, 0);
	char	   *end = seg_sql_day_start(g, day, 1);

	switch (op)
	{
		case SEG_EQ:
			return seg_sql_in_range(g, beside, moment->sql, start, end);
		case SEG_LT:
		case SEG_GE:
			return psprintf("%s %s %s", moment->sql, symbol(op), start);
		case SEG_LE:
			return psprintf("%s < %s", moment->sql, end);
		default:
			return psprintf("%s >= %s", moment->sql, end);
	}
}

static char *
compare_times(SegSql *g, SegSqlBeside beside, SegCompare op, const SegSqlTerm *a, const SegSqlTerm *b)
{
	if (a->type.type == SEG_T_MOMENT && b->whole_day)
		return compare_with_day(g, beside, op, a, b);
	if (b->type.type == SEG_T_MOMENT && a->whole_day)
		return compare_with_day(g, beside, seg_compare_mirrored(op), b, a);
	if (a->type.type == SEG_T_DAY && b->type.type == SEG_T_DAY)
		return psprintf("%s %s %s", a->sql, symbol(op), b->sql);
	return psprintf("%s %s %s", seg_sql_moment(g, a), symbol(op), seg_sql_moment(g, b));
}

/* Two json values: of the same kind, or they do not compare. */
static char *
compare_json(SegSql *g, SegCompare op, SegSqlTerm *a, SegSqlTerm *b)
{
	char	   *let = seg_sql_let(g, &a->sql);
	char	   *sql;

	let = seg_sql_lets(let, seg_sql_let(g, &b->sql));
	if (op == SEG_EQ)
		sql = psprintf("%s = %s AND jsonb_typeof(%s) IN ('boolean', 'number', 'string')", a->sql, b->sql,
					   seg_sql_bare(a->sql));
	else
		sql = psprintf("CASE jsonb_typeof(%s) WHEN 'boolean' THEN %s %s %s WHEN 'number' THEN %s %s %s WHEN 'string' THEN %s %s %s END",
					   seg_sql_bare(a->sql),
					   seg_sql_json_as(g, a, SEG_T_BOOL), symbol(op), seg_sql_json_as(g, b, SEG_T_BOOL),
					   seg_sql_json_as(g, a, SEG_T_NUMERIC), symbol(op), seg_sql_json_as(g, b, SEG_T_NUMERIC),
					   seg_sql_json_as(g, a, SEG_T_TEXT), symbol(op), seg_sql_json_as(g, b, SEG_T_TEXT));
	return seg_sql_with_let(sql, let);
}

/* Takes a json value for what the other side is; false if json has nothing like it. */
static bool
take_json_as(SegSql *g, SegSqlTerm *json, const SegSqlTerm *other)
{
	SegSqlTerm	taken = {.finite = true};

	if (seg_type_is_time(&other->type))
	{
		taken.type.type = SEG_T_MOMENT;
		taken.sql = seg_sql_moment(g, json);
	}
	else if (seg_type_is_number(&other->type) || other->type.type == SEG_T_TEXT || other->type.type == SEG_T_BOOL)
	{
		taken.type.type = seg_type_is_number(&other->type) ? SEG_T_NUMERIC : other->type.type;
		taken.sql = seg_sql_json_as(g, json, taken.type.type);
	}
	else
		return false;
	*json = taken;
	return true;
}

char *
seg_sql_compare(SegSql *g, SegSqlBeside beside, SegCompare op, const SegSqlTerm *left, const SegSqlTerm *right,
				const SegCompareHow *how)
{
	SegSqlTerm	a = *left;
	SegSqlTerm	b = *right;
	char	   *plain = op == SEG_EQ ? plainly_equal(&a, &b, how) : NULL;

	if (plain != NULL)
		return psprintf("%s = %s", a.sql, plain);
	if (is_json(&a) && is_json(&b))
		return compare_json(g, op, &a, &b);
	if ((is_json(&a) && !take_json_as(g, &a, &b)) || (is_json(&b) && !take_json_as(g, &b, &a)))
		return "false";
	if (seg_type_is_time(&a.type) && seg_type_is_time(&b.type))
		return compare_times(g, beside, op, &a, &b);
	if (!same_kind(&a, &b))
		return "false";
	return psprintf("%s%s %s %s", a.sql, a.type.type == SEG_T_TEXT ? collate(&a, &b, how, op == SEG_EQ) : "",
					a.type.type == SEG_T_OTHER ? other_operator(&a.type, op) : symbol(op), b.sql);
}

/* The complement of an equality with a constant, or NULL if it takes more. */
char *
seg_sql_distinct(SegSql *g, const SegExpr *expr)
{
	SegSqlTerm	a;
	SegSqlTerm	b;
	char	   *plain;

	if (expr->detail != SEG_EQ || expr->args[1]->op != SEG_X_CONST || expr->args[1]->constant.tag == SEG_V_MISSING)
		return NULL;
	seg_sql_value(g, expr->args[0], &a);
	seg_sql_value(g, expr->args[1], &b);
	plain = plainly_equal(&a, &b, &expr->how);
	return plain == NULL ? NULL : psprintf("%s IS DISTINCT FROM %s", a.sql, plain);
}

/* IN and lists. */

/* value equals one of the arguments of expr behind the first */
static char *
one_of(SegSql *g, SegSqlBeside beside, const SegExpr *expr, SegSqlTerm *value)
{
	StringInfoData list;
	StringInfoData any;
	bool		plainly = true;

	initStringInfo(&list);
	initStringInfo(&any);
	for (int i = 1; i < expr->nargs; i++)
	{
		SegSqlTerm	element;
		char	   *plain;

		CHECK_FOR_INTERRUPTS();
		seg_sql_value(g, expr->args[i], &element);
		plain = plainly_equal(value, &element, &expr->how);
		plainly &= plain != NULL;
		appendStringInfo(&list, "%s%s", i > 1 ? ", " : "", plain ? plain : "");
		appendStringInfo(&any, "%s%s", i > 1 ? " OR " : "",
						 seg_sql_compare(g, SEG_SQL_IN_OR, SEG_EQ, value, &element, &expr->how));
	}
	if (expr->nargs == 2)
		return any.data;
	if (plainly)
		return psprintf("%s IN (%s)", value->sql, list.data);
	return beside == SEG_SQL_IN_AND ? psprintf("(%s)", any.data) : any.data;
}

char *
seg_sql_in(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	SegSqlTerm	value;

	seg_sql_value(g, expr->args[0], &value);
	return one_of(g, beside, expr, &value);
}

/*
 * "FROM elements AS alias" of an array or a json array, and the element.  A missing list
 * has no elements, and what is no list neither.
 */
static char *
elements(SegSql *g, const SegSqlTerm *list, SegSqlTerm *element)
{
	memset(element, 0, sizeof(*element));
	element->sql = seg_sql_alias(g, "e");
	if (is_json(list))
	{
		element->type.type = SEG_T_JSON;
		return psprintf("FROM jsonb_array_elements(CASE WHEN jsonb_typeof(%s) = 'array' THEN %s END) AS %s",
						seg_sql_bare(list->sql), list->sql, element->sql);
	}
	element->type = list->type;
	element->type.type = list->type.elem;
	element->type.typid = list->type.elem_typid;
	return psprintf("FROM unnest(%s) AS %s", seg_sql_bare(list->sql), element->sql);
}

/* Elements of timestamp arrays are still local. */
static void
finish_element(SegSql *g, SegSqlTerm *element)
{
	if (element->type.type == SEG_T_MOMENT)
		element->sql = seg_sql_plain(g, &element->type, element->sql);
}

/* One element that is equal to one value. */
static char *
has_value(SegSql *g, const SegExpr *expr, const SegSqlTerm *list, const SegSqlTerm *value)
{
	SegSqlTerm	element;
	char	   *from = elements(g, list, &element);

	finish_element(g, &element);
	if (!is_json(&element) && element.type.type != SEG_T_MOMENT && plainly_equal(&element, value, &expr->how) != NULL)
		return psprintf("%s = ANY (%s)", value->sql, list->sql);
	return psprintf("EXISTS (SELECT 1 %s WHERE %s)", from,
					seg_sql_compare(g, SEG_SQL_IN_OR, SEG_EQ, &element, value, &expr->how));
}

char *
seg_sql_has(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	SegSqlTerm	list;
	SegSqlTerm	element;
	SegSqlTerm	value;
	char	   *from;
	char	   *all = NULL;

	seg_sql_value(g, expr->args[0], &list);
	if (expr->op == SEG_X_HAS_ANY && expr->nargs > 2)
	{
		from = elements(g, &list, &element);
		finish_element(g, &element);
		return psprintf("EXISTS (SELECT 1 %s WHERE %s)", from, one_of(g, SEG_SQL_ALONE, expr, &element));
	}
	for (int i = 1; i < expr->nargs; i++)
	{
		char	   *has;

		CHECK_FOR_INTERRUPTS();
		seg_sql_value(g, expr->args[i], &value);
		has = has_value(g, expr, &list, &value);
		all = all == NULL ? has : psprintf("%s AND %s", all, has);
	}
	return beside == SEG_SQL_IN_OR && expr->nargs > 2 ? psprintf("(%s)", all) : all;
}

/* Texts. */

/*
 * The text to be searched byte by byte: COLLATE "C" where its collation might see more
 * in it, or might not go with that of the other text.
 */
static char *
by_bytes(SegSql *g, const SegSqlTerm *text, const SegSqlTerm *part)
{
	char	   *sql = seg_sql_json_as(g, text, SEG_T_TEXT);
	Oid			collation = text->type.collation;
	bool		differ = part->constant == NULL && part->type.collation != collation;

	if (!differ && (!OidIsValid(collation) || get_collation_isdeterministic(collation)))
		return sql;
	return psprintf("%s COLLATE \"C\"", sql);
}

char *
seg_sql_text_predicate(SegSql *g, const SegExpr *expr)
{
	bool		fold = expr->how.other != NULL && expr->how.other->is_citext;
	SegSqlTerm	text;
	SegSqlTerm	part;
	char	   *a;
	char	   *b;
	const char *collation;

	seg_sql_value(g, expr->args[0], &text);
	seg_sql_value(g, expr->args[1], &part);
	a = seg_sql_json_as(g, &text, SEG_T_TEXT);
	b = seg_sql_json_as(g, &part, SEG_T_TEXT);
	collation = part.constant ? "" : collate(&text, &part, &expr->how, false);
	switch (expr->op)
	{
		case SEG_X_LIKE:
			return psprintf("%s%s %s %s", a, collation, fold ? "ILIKE" : "LIKE", b);
		case SEG_X_ILIKE:
			return psprintf("%s%s ILIKE %s", a, collation, b);
		case SEG_X_MATCHES:
			return psprintf("%s%s %s %s", a, collation, fold ? "~*" : "~", b);
		case SEG_X_STARTS:
			return psprintf("starts_with(%s, %s)", seg_sql_bare(by_bytes(g, &text, &part)), seg_sql_bare(b));
		case SEG_X_ENDS:
			return psprintf("right(%s, length(%s)) = %s", seg_sql_bare(by_bytes(g, &text, &part)), seg_sql_bare(b), b);
		default:
			return psprintf("strpos(%s, %s) > 0", seg_sql_bare(by_bytes(g, &text, &part)), seg_sql_bare(b));
	}
}

char *
seg_sql_lower(SegSql *g, SegSqlTerm *term)
{
	SegSqlTerm	element;
	char	   *let;
	char	   *from;

	switch (term->type.type)
	{
		case SEG_T_LIST:
			/* letters are all there is to be lowered in an array's text */
			return psprintf("lower(%s::text)::text[]", term->sql);
		case SEG_T_JSON:
			let = seg_sql_let(g, &term->sql);
			from = elements(g, term, &element);
			return seg_sql_with_let(psprintf("CASE jsonb_typeof(%s) WHEN 'string' THEN to_jsonb(lower(%s #>> '{}'))"
											 " WHEN 'array' THEN (SELECT coalesce(jsonb_agg("
											 "CASE WHEN jsonb_typeof(%s) = 'string' THEN to_jsonb(lower(%s #>> '{}')) ELSE %s END), '[]') %s) END",
											 seg_sql_bare(term->sql), term->sql, element.sql, element.sql, element.sql, from),
									let);
		default:
			return psprintf("lower(%s)", seg_sql_bare(term->sql));
	}
}

/* Elements that are there. */
static char *
count_elements(SegSql *g, const SegSqlTerm *list)
{
	SegSqlTerm	element;
	char	   *from = elements(g, list, &element);

	return psprintf(is_json(&element) ? "(SELECT count(nullif(%s, 'null')) %s)" : "(SELECT count(%s) %s)", element.sql, from);
}

/* Characters of a text, elements of a list. */
char *
seg_sql_length(SegSql *g, SegSqlTerm *term)
{
	char	   *let;

	switch (term->type.type)
	{
		case SEG_T_LIST:
			return count_elements(g, term);
		case SEG_T_JSON:
			let = seg_sql_let(g, &term->sql);
			return seg_sql_with_let(psprintf("CASE jsonb_typeof(%s) WHEN 'string' THEN length(%s #>> '{}') WHEN 'array' THEN %s END",
											 seg_sql_bare(term->sql), term->sql, count_elements(g, term)), let);
		default:
			return psprintf("length(%s)", seg_sql_bare(term->sql));
	}
}

/* Missing values. */

char *
seg_sql_is_null(SegSql *g, const SegExpr *expr, bool negated)
{
	SegSqlTerm	term;

	seg_sql_value(g, expr->args[0], &term);
	if (is_json(&term))
		return psprintf(negated ? "jsonb_typeof(%s) <> 'null'" : "coalesce(jsonb_typeof(%s), 'null') = 'null'",
						seg_sql_bare(term.sql));
	/* a row of NULLs is there */
	if (OidIsValid(term.type.typid) && type_is_rowtype(term.type.typid))
		return psprintf("%s IS %sDISTINCT FROM NULL", term.sql, negated ? "" : "NOT ");
	return psprintf("%s IS %sNULL", term.sql, negated ? "NOT " : "");
}

char *
seg_sql_is_empty(SegSql *g, const SegExpr *expr)
{
	SegSqlTerm	term;

	seg_sql_value(g, expr->args[0], &term);
	if (is_json(&term))
	{
		char	   *let = seg_sql_let(g, &term.sql);

		return seg_sql_with_let(psprintf("CASE coalesce(jsonb_typeof(%s), 'null') WHEN 'null' THEN true"
										 " WHEN 'string' THEN length(%s #>> '{}') = 0 WHEN 'array' THEN %s = 0 END",
										 seg_sql_bare(term.sql), term.sql, count_elements(g, &term)), let);
	}
	if (term.type.type == SEG_T_LIST)
		return psprintf("%s = 0", count_elements(g, &term));
	return psprintf("coalesce(length(%s), 0) = 0", seg_sql_bare(term.sql));
}
