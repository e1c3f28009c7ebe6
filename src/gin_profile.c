/*
 * gin_profile.c
 *		segment_profile_ops: documents in a GIN index, found by a rule.
 *
 * What a rule asks is a tree of AND and OR over keys and ranges of keys.  That a key is
 * there makes a leaf possible, that it is not excludes it: keys are coarser than values.
 * So every answer is "no" or "perhaps", and rows that are found are checked.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/gin.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgtime.h"

#include "gin_profile.h"

PG_FUNCTION_INFO_V1(segment_profile_extract_value);
PG_FUNCTION_INFO_V1(segment_profile_extract_query);
PG_FUNCTION_INFO_V1(segment_profile_compare_partial);
PG_FUNCTION_INFO_V1(segment_profile_consistent);
PG_FUNCTION_INFO_V1(segment_profile_triconsistent);

/* What each key of a query carries along. */
typedef struct QueryKey
{
	const SegProfileNeed *need; /* of the whole rule */
	SegProfileRange *range;
} QueryKey;

Datum
segment_profile_extract_value(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(seg_profile_keys(&PG_GETARG_JSONB_P(0)->root, (int32 *) PG_GETARG_POINTER(1)));
}

Datum
segment_profile_extract_query(PG_FUNCTION_ARGS)
{
	SegRule    *rule = PG_GETARG_SEG_RULE_P(0);
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	int32	   *mode = (int32 *) PG_GETARG_POINTER(6);
	SegClock	clock;
	SegProfileRange *ranges;
	SegProfileNeed *need;
	Datum	   *datums;

	seg_clock_set(&clock, GetCurrentTransactionStartTimestamp(), session_timezone);
	need = seg_profile_need(rule, &clock, &ranges, nkeys);
	if (need == NULL)
	{
		*nkeys = 0;
		*mode = GIN_SEARCH_MODE_ALL;
		PG_RETURN_POINTER(NULL);
	}
	datums = palloc(sizeof(Datum) * Max(*nkeys, 1));
	*partial = palloc(sizeof(bool) * Max(*nkeys, 1));
	*extra = palloc(sizeof(Pointer) * Max(*nkeys, 1));
	for (int i = 0; i < *nkeys; i++)
	{
		QueryKey   *key = palloc(sizeof(QueryKey));

		key->need = need;
		key->range = &ranges[i];
		datums[i] = PointerGetDatum(seg_profile_bytea(&ranges[i].low));
		(*partial)[i] = ranges[i].is_range;
		(*extra)[i] = (Pointer) key;
	}
	PG_RETURN_POINTER(datums);
}

/* The scan begins at the range's low end. */
Datum
segment_profile_compare_partial(PG_FUNCTION_ARGS)
{
	const QueryKey *key = (const QueryKey *) PG_GETARG_POINTER(3);

	PG_RETURN_INT32(seg_profile_is_behind(PG_GETARG_BYTEA_PP(1), &key->range->high) ? 1 : 0);
}

/* Can it be met?  present[i] is false (0) where key i is surely not there. */
static bool
can_be_met(const SegProfileNeed *need, const char *present)
{
	check_stack_depth();
	if (need->nchild < 0)
		return present[need->key] != GIN_FALSE;
	for (int i = 0; i < need->nchild; i++)
		if (can_be_met(need->child[i], present) != need->all)
			return !need->all;
	return need->all;
}

static bool
is_possible(FunctionCallInfo fcinfo)
{
	const char *present = (const char *) PG_GETARG_POINTER(0);
	int32		nkeys = PG_GETARG_INT32(3);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);

	return nkeys == 0 || can_be_met(((const QueryKey *) extra[0])->need, present);
}

Datum
segment_profile_consistent(PG_FUNCTION_ARGS)
{
	*(bool *) PG_GETARG_POINTER(5) = true;
	PG_RETURN_BOOL(is_possible(fcinfo));
}

Datum
segment_profile_triconsistent(PG_FUNCTION_ARGS)
{
	PG_RETURN_GIN_TERNARY_VALUE(is_possible(fcinfo) ? GIN_MAYBE : GIN_FALSE);
}
