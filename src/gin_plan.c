/*
 * gin_plan.c
 *		What the planner asks about rule @> document, document <@ rule and matches().
 *
 * How an index helps: over rules, as rule @# ANY (look_ups(document)), after which the
 * condition itself is checked; over documents, as document <@ rule where a call of
 * matches() is not written as the operator.
 *
 * How many rows fulfil it: the condition is tried on the rules or documents that ANALYZE
 * has sampled, once for each condition.  Where there are none, a known rule's own shape tells roughly how many
 * documents fulfil it, and of unknown rules one in two hundred holds.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "gin_profile.h"
#include "gin_rule.h"

#define DEFAULT_MATCH_SELECTIVITY	0.005

PG_FUNCTION_INFO_V1(matches_support);
PG_FUNCTION_INFO_V1(matches_selectivity);
PG_FUNCTION_INFO_V1(matches_join_selectivity);

static List *
arguments_of(Node *node)
{
	return IsA(node, OpExpr) ? ((OpExpr *) node)->args : ((FuncExpr *) node)->args;
}

/*
 * look_ups(document), in the schema of the function that the planner asks about.  It stays a call
 * where the document is known: a plan is not to hold the bytes that it comes to, nor EXPLAIN to
 * show them.
 */
static Expr *
look_ups_of(Oid matches, Node *document)
{
	Oid			types[1] = {JSONBOID};
	Oid			look_ups = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("look_ups"),
										   PointerGetDatum(buildoidvector(types, 1)),
										   ObjectIdGetDatum(get_func_namespace(matches)));

	if (!OidIsValid(look_ups))
		elog(ERROR, "function look_ups(jsonb) is missing");
	return (Expr *) makeFuncExpr(look_ups, BYTEAARRAYOID, list_make1(document), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

static List *
condition_on_rules(SupportRequestIndexCondition *request, Oid operator, Node *rule, Node *document)
{
	ScalarArrayOpExpr *any = makeNode(ScalarArrayOpExpr);

	any->opno = operator;
	any->opfuncid = get_opcode(operator);
	any->useOr = true;
	any->args = list_make2(rule, look_ups_of(request->funcid, document));
	any->location = -1;
	request->lossy = true;
	return list_make1(any);
}

static List *
condition_on_documents(SupportRequestIndexCondition *request, Oid operator, Node *document, Node *rule)
{
	request->lossy = false;
	return list_make1(make_opclause(operator, BOOLOID, false, (Expr *) document, (Expr *) rule, InvalidOid, InvalidOid));
}

static List *
index_condition(SupportRequestIndexCondition *request)
{
	List	   *args = arguments_of(request->node);
	Node	   *column = list_nth(args, request->indexarg);
	Node	   *other = list_nth(args, 1 - request->indexarg);
	Oid			column_type = exprType(column);
	bool		documents = column_type == JSONBOID;
	Oid			operator = get_opfamily_member(request->opfamily, column_type,
											   documents ? exprType(other) : BYTEAOID, 1);

	if (!OidIsValid(operator) || !is_pseudo_constant_for_index(request->root, other, request->index))
		return NIL;
	return documents ? condition_on_documents(request, operator, column, other) :
		condition_on_rules(request, operator, column, other);
}

/* The operator whose statistics a call of the function has too. */
static Oid
operator_of(Oid matches, List *args)
{
	Oid			left = exprType(linitial(args));
	Oid			right = exprType(lsecond(args));
	char	   *schema = get_namespace_name(get_func_namespace(matches));

	return OpernameGetOprid(list_make2(makeString(schema), makeString(left == JSONBOID ? "<@" : "@>")), left, right);
}

/* Without statistics. */
static double
guess(List *args)
{
	Node	   *left = linitial(args);
	Node	   *rule = exprType(left) == JSONBOID ? lsecond(args) : left;
	SegProfileRange *ranges;
	SegProfileNeed *need;
	int			nranges;

	if (!IsA(rule, Const) || ((Const *) rule)->constisnull)
		return DEFAULT_MATCH_SELECTIVITY;
	need = seg_profile_need(DatumGetSegRuleP(((Const *) rule)->constvalue), seg_key_clock(), &ranges, &nranges);
	return need == NULL ? SEG_MASS_PRESENT : need->mass;
}

/* What comes with a condition that the same backend has planned with, under the same statistics. */
typedef struct Estimate
{
	uint64		key;			/* 0: none */
	double		selectivity;
} Estimate;

/* Whose estimate it is, but for the rule; without padding, since it is hashed. */
typedef struct EstimateSite
{
	Oid			operator;
	Oid			role;
	TransactionId xmin;			/* of the row of pg_statistic, and where it is */
	ItemPointerData row;
	uint16		on_left;
	int32		hour;			/* rules may speak of NOW */
} EstimateSite;

#define ESTIMATES	256			/* a power of two */

static Estimate estimates[ESTIMATES];

/*
 * Which column's statistics, of when and for whom, and which condition, as a hash: another one
 * with the same would get a wrong estimate.  0: nothing is remembered.
 */
static uint64
key_of_estimate(PlannerInfo *root, Oid operator, List *args, int varRelid)
{
	VariableStatData variable;
	Node	   *other;
	bool		on_left;
	uint64		key = 0;

	if (!get_restriction_variable(root, args, varRelid, &variable, &other, &on_left))
		return 0;
	if (HeapTupleIsValid(variable.statsTuple) && IsA(other, Const) && !((Const *) other)->constisnull)
	{
		struct varlena *value = (struct varlena *) DatumGetPointer(((Const *) other)->constvalue);
		EstimateSite site = {operator, GetUserId(), HeapTupleHeaderGetRawXmin(variable.statsTuple->t_data),
			variable.statsTuple->t_self, on_left, GetCurrentTransactionStartTimestamp() / USECS_PER_HOUR};

		if (!VARATT_IS_EXTERNAL(value))
			key = hash_bytes_extended((const unsigned char *) value, VARSIZE_ANY(value),
									  hash_bytes_extended((const unsigned char *) &site, sizeof(site), 0));
	}
	ReleaseVariableStats(variable);
	return key;
}

/*
 * The sample is large, and to unpack it takes longer than many a look-up: so the answers are
 * remembered.
 */
static double
selectivity_of(PlannerInfo *root, Oid operator, Oid collation, List *args, int varRelid)
{
	uint64		key = key_of_estimate(root, operator, args, varRelid);
	Estimate   *estimate = &estimates[key & (ESTIMATES - 1)];
	double		selectivity;

	if (key != 0 && estimate->key == key)
		return estimate->selectivity;
	selectivity = generic_restriction_selectivity(root, operator, collation, args, varRelid, guess(args));
	*estimate = (Estimate) {key, selectivity};
	return selectivity;
}

Datum
matches_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestIndexCondition))
		PG_RETURN_POINTER(index_condition((SupportRequestIndexCondition *) request));
	if (IsA(request, SupportRequestSelectivity))
	{
		SupportRequestSelectivity *selectivity = (SupportRequestSelectivity *) request;

		selectivity->selectivity = selectivity->is_join ? DEFAULT_MATCH_SELECTIVITY :
			selectivity_of(selectivity->root, operator_of(selectivity->funcid, selectivity->args),
						   selectivity->inputcollid, selectivity->args, selectivity->varRelid);
		PG_RETURN_POINTER(selectivity);
	}
	PG_RETURN_POINTER(NULL);
}

Datum
matches_selectivity(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(selectivity_of((PlannerInfo *) PG_GETARG_POINTER(0), PG_GETARG_OID(1), PG_GET_COLLATION(),
									(List *) PG_GETARG_POINTER(2), PG_GETARG_INT32(3)));
}

Datum
matches_join_selectivity(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(DEFAULT_MATCH_SELECTIVITY);
}
