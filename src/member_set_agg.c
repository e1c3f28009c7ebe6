/*
 * member_set_agg.c
 *		The aggregates member_set_agg and union_agg.
 *
 * Both build up one state, a builder, and differ in what they add to it.  A partial
 * state travels between processes as the bytes of a set.  intersection_agg needs none
 * of this: its state is a set and its transition the operator &.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set.h"

/* The state of an aggregate, made in the aggregate's context if there is none yet. */
static SegSetBuilder *
state_of(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	MemoryContext old;
	SegSetBuilder *b;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (!PG_ARGISNULL(0))
		return (SegSetBuilder *) PG_GETARG_POINTER(0);
	old = MemoryContextSwitchTo(context);
	b = seg_set_builder_create();
	MemoryContextSwitchTo(old);
	return b;
}

/* The state as it came, which may be none. */
static Datum
unchanged_state(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(member_set_agg_add);
Datum
member_set_agg_add(PG_FUNCTION_ARGS)
{
	SegSetBuilder *b;

	if (PG_ARGISNULL(1))
		return unchanged_state(fcinfo);
	b = state_of(fcinfo);
	seg_set_builder_add(b, PG_GETARG_INT64(1));
	PG_RETURN_POINTER(b);
}

PG_FUNCTION_INFO_V1(union_agg_add);
Datum
union_agg_add(PG_FUNCTION_ARGS)
{
	SegSetBuilder *b;

	if (PG_ARGISNULL(1))
		return unchanged_state(fcinfo);
	b = state_of(fcinfo);
	seg_set_builder_add_set(b, PG_GETARG_SEG_MEMBER_SET_P(1));
	PG_RETURN_POINTER(b);
}

/*
 * The set that a state stands for.  The state must stay what it was, since a window
 * goes on adding to it, and the builder is empty after finishing.
 */
static SegMemberSet *
set_of_state(SegSetBuilder *b)
{
	SegMemberSet *set = seg_set_builder_finish(b);

	seg_set_builder_add_set(b, set);
	return set;
}

PG_FUNCTION_INFO_V1(member_set_agg_combine);
Datum
member_set_agg_combine(PG_FUNCTION_ARGS)
{
	SegSetBuilder *b;

	if (PG_ARGISNULL(1))
		return unchanged_state(fcinfo);
	b = state_of(fcinfo);
	seg_set_builder_add_set(b, set_of_state((SegSetBuilder *) PG_GETARG_POINTER(1)));
	PG_RETURN_POINTER(b);
}

PG_FUNCTION_INFO_V1(member_set_agg_final);
Datum
member_set_agg_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_SEG_MEMBER_SET_P(set_of_state((SegSetBuilder *) PG_GETARG_POINTER(0)));
}

/* A set is a varlena already, and its bytes go to a process of the same server. */
PG_FUNCTION_INFO_V1(member_set_agg_serialize);
Datum
member_set_agg_serialize(PG_FUNCTION_ARGS)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	PG_RETURN_SEG_MEMBER_SET_P(set_of_state((SegSetBuilder *) PG_GETARG_POINTER(0)));
}

PG_FUNCTION_INFO_V1(member_set_agg_deserialize);
Datum
member_set_agg_deserialize(PG_FUNCTION_ARGS)
{
	SegMemberSet *set;
	SegSetBuilder *b;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	set = DatumGetSegMemberSetP(PG_GETARG_DATUM(0));
	if (seg_set_check(set, VARSIZE(set)) != NULL)
		elog(ERROR, "invalid partial state of a member_set aggregate");
	b = seg_set_builder_create();
	seg_set_builder_add_set(b, set);
	PG_RETURN_POINTER(b);
}
