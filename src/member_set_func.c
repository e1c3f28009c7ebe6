/*
 * member_set_func.c
 *		SQL functions of one set: counting, edges, listing, and the casts from and to
 *		arrays.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"

/* Reads the header alone, which spares large values their detoasting. */
static int64
cardinality_of_datum(Datum value)
{
	SegMemberSet *head = (SegMemberSet *)
		PG_DETOAST_DATUM_SLICE(value, 0, SEG_SET_HEADER_SIZE - VARHDRSZ);
	int64		cardinality = head->cardinality;

	if ((Pointer) head != DatumGetPointer(value))
		pfree(head);
	return cardinality;
}

PG_FUNCTION_INFO_V1(member_set_cardinality);
Datum
member_set_cardinality(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(cardinality_of_datum(PG_GETARG_DATUM(0)));
}

PG_FUNCTION_INFO_V1(member_set_is_empty);
Datum
member_set_is_empty(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cardinality_of_datum(PG_GETARG_DATUM(0)) == 0);
}

PG_FUNCTION_INFO_V1(min_member);
Datum
min_member(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);

	if (set->nchunks == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(seg_set_min(set));
}

PG_FUNCTION_INFO_V1(max_member);
Datum
max_member(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);

	if (set->nchunks == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(seg_set_max(set));
}

/* One member a call, so that a LIMIT ends the work. */
PG_FUNCTION_INFO_V1(member_set_unnest);
Datum
member_set_unnest(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	int64		key;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		SegSetIter *it;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		it = palloc(sizeof(SegSetIter));
		seg_set_iter_init(it, (SegMemberSet *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)));
		call->user_fctx = it;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	if (!seg_set_next(call->user_fctx, &key))
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, Int64GetDatum(key));
}

/* Tells the planner the number of rows where the argument is known when planning. */
PG_FUNCTION_INFO_V1(member_set_unnest_support);
Datum
member_set_unnest_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;
	List	   *args;
	Node	   *arg;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	args = ((FuncExpr *) rows->node)->args;
	arg = estimate_expression_value(rows->root, linitial(args));
	if (!IsA(arg, Const))
		PG_RETURN_POINTER(NULL);
	if (((Const *) arg)->constisnull)
		rows->rows = 0;
	else
		rows->rows = cardinality_of_datum(((Const *) arg)->constvalue);
	PG_RETURN_POINTER(rows);
}

/* Arrays. */

/* ARR_DATA_PTR, but for its mixture of signed and unsigned. */
static char *
array_data(ArrayType *array)
{
	Size		offset = ARR_HASNULL(array) ? (Size) array->dataoffset :
		ARR_OVERHEAD_NONULLS(ARR_NDIM(array));

	return (char *) array + offset;
}

/* From bigint[] or integer[], of any dimensions. */
PG_FUNCTION_INFO_V1(array_to_member_set);
Datum
array_to_member_set(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	bool		is_bigint = (ARR_ELEMTYPE(array) == INT8OID);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const char *data = array_data(array);
	SegSetBuilder *b;
	int			i;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a member set cannot hold a null"),
				 errdetail("The array to be cast to member_set has a null element."),
				 errhint("Remove nulls first, for example with array_remove(array, NULL).")));
	b = seg_set_builder_create();
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_bigint)
			seg_set_builder_add(b, ((const int64 *) data)[i]);
		else
			seg_set_builder_add(b, ((const int32 *) data)[i]);
	}
	PG_RETURN_SEG_MEMBER_SET_P(seg_set_builder_finish(b));
}

PG_FUNCTION_INFO_V1(member_set_to_array);
Datum
member_set_to_array(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	Size		max = (MaxAllocSize - ARR_OVERHEAD_NONULLS(1)) / sizeof(int64);
	ArrayType  *array;
	int64	   *element;
	SegSetIter	it;
	Size		size;

	if (set->nchunks == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT8OID));
	if (set->cardinality > (int64) max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("member set has too many members for an array"),
				 errdetail("It has %lld members, and an array of bigint at most %zu elements.",
						   (long long) set->cardinality, max),
				 errhint("List the members with segments.unnest().")));
	size = ARR_OVERHEAD_NONULLS(1) + (Size) set->cardinality * sizeof(int64);
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) set->cardinality;
	ARR_LBOUND(array)[0] = 1;
	element = (int64 *) array_data(array);
	seg_set_iter_init(&it, set);
	while (seg_set_next(&it, element))
		element++;
	PG_RETURN_ARRAYTYPE_P(array);
}
