/*
 * define_attribute.c
 *		Adding computed attributes to a population.
 *
 * The expression is parsed as its author wrote it, with the author's search_path, and
 * kept as PostgreSQL prints it with none: every name in it is qualified, and its
 * columns are those of SEG_POPULATION_ALIAS.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "define.h"

PG_FUNCTION_INFO_V1(add_attribute);

/* The caret points into the expression, not into the statement that calls us. */
static void
point_into_expression(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
	errcontext("SQL expression of an attribute");
}

/* An expression, and nothing that could follow one in a SELECT. */
static Node *
parse(const char *text)
{
	List	   *statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	ResTarget  *target = list_length(select->targetList) == 1 ? linitial(select->targetList) : NULL;

	if (target == NULL || target->name != NULL || select->distinctClause != NIL ||
		select->fromClause != NIL || select->whereClause != NULL || select->groupClause != NIL ||
		select->havingClause != NULL || select->windowClause != NIL || select->sortClause != NIL ||
		select->limitOffset != NULL || select->limitCount != NULL || select->lockingClause != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("an attribute is a single SQL expression")));
	return target->val;
}

static Node *
analyze(const SegPopulation *population, Relation rel, const char *text)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expr = parse(text);

	pstate->p_sourcetext = text;
	item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock,
										 makeAlias(SEG_POPULATION_ALIAS, NIL), false, true);
	addNSItemToQuery(pstate, item, false, true, true);

	/* refuses subqueries, aggregates, window and set-returning functions */
	expr = transformExpr(pstate, expr, EXPR_KIND_GENERATED_COLUMN);
	if (exprType(expr) == UNKNOWNOID)
		expr = coerce_to_specific_type(pstate, expr, TEXTOID, "attribute");
	assign_expr_collations(pstate, expr);
	free_parsestate(pstate);

	if (get_typtype(exprType(expr)) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("an attribute cannot be of pseudo-type %s", format_type_be(exprType(expr)))));
	return expr;
}

/*
 * Default arguments are filled in by the planner, which computes what is constant: with the
 * rights that the expression will always be evaluated with.
 */
static void
check_immutable(const SegPopulation *population, Node *expr)
{
	SegUser		user;
	bool		is_mutable;

	seg_user_become_owner(&user, population);
	is_mutable = contain_mutable_functions((Node *) expression_planner((Expr *) copyObject(expr)));
	seg_user_restore(&user);
	if (is_mutable)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("the expression of an attribute must be immutable"),
				 errdetail("It must depend on nothing but the row: not on the clock, settings or other tables."),
				 errhint("In a rule, NOW and TODAY say what depends on the clock.")));
}

/* The text to keep.  Reading as the owner pins search_path, which is all that is wanted here. */
static char *
deparse(const SegPopulation *population, Relation rel, Node *expr)
{
	SegUser		user;
	char	   *text;

	seg_user_become_owner(&user, population);
	text = deparse_expression(expr, deparse_context_for(SEG_POPULATION_ALIAS, RelationGetRelid(rel)),
							  true, false);
	seg_user_restore(&user);
	return text;
}

/* The columns that the expression reads: all of them, where it reads the row as a whole. */
static List *
columns_read(Relation rel, Node *expr)
{
	Bitmapset  *attnums = NULL;
	List	   *names = NIL;
	TupleDesc	tupdesc = RelationGetDescr(rel);
	bool		all;

	pull_varattnos(expr, 1, &attnums);
	all = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attnums);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		const FormData_pg_attribute *attribute = TupleDescAttr(tupdesc, i);

		if (!attribute->attisdropped &&
			(all || bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, attnums)))
			names = lappend(names, pstrdup(NameStr(attribute->attname)));
	}
	return names;
}

/*
 * add_attribute(population, name, expression)
 */
Datum
add_attribute(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	char	   *name = seg_arg_required_text(fcinfo, 1, "name");
	char	   *text = seg_arg_required_text(fcinfo, 2, "expression");
	ErrorContextCallback callback;
	Relation	rel;
	Node	   *expr;
	List	   *columns;
	Oid			collation;
	SegParam	params[6];

	seg_check_name("attribute", name);
	seg_check_name_is_free(population, SEG_LOOKUP_OF_POPULATION, 0, name);

	callback.callback = point_into_expression;
	callback.arg = text;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	rel = relation_open(population->relid, AccessShareLock);
	expr = analyze(population, rel, text);
	check_immutable(population, expr);
	error_context_stack = callback.previous;

	collation = exprCollation(expr);
	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_text(name);
	params[2] = seg_param_text(deparse(population, rel, expr));
	params[3] = seg_param_oid(REGTYPEOID, exprType(expr));
	params[4] = seg_param_int4(exprTypmod(expr));
	params[5] = seg_param_text(OidIsValid(collation) ? seg_sql_collation(collation, true) : NULL);
	columns = columns_read(rel, expr);
	relation_close(rel, NoLock);
	(void) seg_define_write("INSERT INTO segments.attribute"
							" (population, name, expression, type, typmod, \"collation\")"
							" VALUES ($1, $2, $3, $4, $5, $6)", 6, params);
	seg_depend_attribute(seg_define_again(population), name, columns);
	seg_define_end();
	PG_RETURN_VOID();
}
