/*
 * read_support.c
 *		What the planner is told of members() and member_keys(): how many rows will come.
 *
 * Where the arguments are known when a query is planned, the number that is stored with the
 * segment is the estimate.  Nothing is told to those who may not read the segment, and
 * nothing is an error here: the function itself will say what is wrong.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"

#include "registry.h"

PG_FUNCTION_INFO_V1(members_support);

/* A text argument; false if it is not known yet, NULL if it is null. */
static bool
known_text(PlannerInfo *root, Node *arg, char **result)
{
	Node	   *value = root ? estimate_expression_value(root, arg) : arg;

	if (!IsA(value, Const))
		return false;
	*result = ((Const *) value)->constisnull ? NULL : TextDatumGetCString(((Const *) value)->constvalue);
	return true;
}

/* -1 if it is not known. */
static int64
stored_count(PlannerInfo *root, Node *call)
{
	List	   *args;
	char	   *name;
	char	   *population;
	SegPopulation *found;
	SegSegment *segment;

	if (call == NULL || !IsA(call, FuncExpr))
		return -1;
	args = ((FuncExpr *) call)->args;
	if (list_length(args) != 2 || !known_text(root, linitial(args), &name) ||
		!known_text(root, lsecond(args), &population))
		return -1;
	if (name == NULL)
		return 0;
	segment = seg_segment_resolve(name, population, true, &found);
	if (segment == NULL || !seg_may_read(found))
		return -1;
	return segment->members;
}

/*
 * members_support(internal) -> internal
 */
Datum
members_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	int64		count;

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		count = stored_count(rows->root, rows->node);
		if (count < 0)
			PG_RETURN_POINTER(NULL);
		rows->rows = count;
		PG_RETURN_POINTER(rows);
	}
	if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *cost = (SupportRequestCost *) request;

		count = stored_count(cost->root, cost->node);
		if (count < 0)
			PG_RETURN_POINTER(NULL);
		cost->startup = 0;
		cost->per_tuple = cpu_operator_cost * (count + 1);
		PG_RETURN_POINTER(cost);
	}
	PG_RETURN_POINTER(NULL);
}
