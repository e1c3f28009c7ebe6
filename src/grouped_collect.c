/*
 * grouped_collect.c
 *		The aggregate collect(ruleset, as_of, key, VARIADIC columns and rows): who is in which segment.
 *
 * Each call has all of a member: the columns of his row, and then what facts() gathered of each
 * source, NULL where there is nothing.  He could be evaluated at once, but some thousand together take a
 * fraction of that (grouped_answer.c).
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "grouped.h"

PG_FUNCTION_INFO_V1(collect_add);
PG_FUNCTION_INFO_V1(collect_combine);
PG_FUNCTION_INFO_V1(collect_final);
PG_FUNCTION_INFO_V1(memberships_unnest);

/* So many members are asked about together, or fewer where their rows take as much. */
#define MOST_ASKED			SEG_CHUNK_KEYS
#define MOST_ASKED_BYTES	(16 * 1024 * 1024)

typedef struct Collect
{
	TimestampTz as_of;			/* that the answering is for */
	SegAnswering *answering;	/* NULL: not needed yet */
	SegLayoutPart *parts;
	const SegMemberRows **rows; /* by relation, of the member at hand */
} Collect;

static SegGroupedCall *
begin(FunctionCallInfo fcinfo)
{
	SegReader	reader = {0};
	SegGroupedCall *call = seg_grouped_call(fcinfo, 1, 2, &reader);
	MemoryContext caller;
	Collect    *collect;

	if (call->rest != NULL)
		return call;
	caller = MemoryContextSwitchTo(call->grouped->context);
	seg_grouped_take_member(fcinfo, call, 4);
	collect = palloc0(sizeof(Collect));
	collect->parts = palloc0(sizeof(SegLayoutPart) * (call->nvalues + 1));
	collect->rows = palloc0(sizeof(SegMemberRows *) * call->grouped->nrelations);
	call->rest = collect;
	MemoryContextSwitchTo(caller);
	return call;
}

static SegMemberships *
no_members(const SegGrouped *grouped, TimestampTz as_of)
{
	SegSetOf   *sets = palloc(sizeof(SegSetOf) * (grouped->nsegments + 1));
	SegSetBuilder *builder = seg_set_builder_create();
	const SegMemberSet *none = seg_set_builder_finish(builder);

	for (int i = 0; i < grouped->nsegments; i++)
		sets[i] = (SegSetOf) {.name = grouped->names[i],.members = none};
	return seg_memberships_make(grouped->fingerprint, as_of, grouped->nsegments, sets, 0);
}

static void
check_same(const SegMemberships *m, const SegGroupedCall *call)
{
	if (m->fingerprint != call->grouped->fingerprint || m->as_of != seg_eval_clock(call->eval)->now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one collect() cannot answer for several rulesets or moments")));
}

/* The rows that facts() gathered, as rows of the member with that number. */
static char *
copy_rows(char *to, const SegMemberRows *rows, int64 member)
{
	Size		bytes = rows->used - seg_member_rows_head(rows->ncolumns);
	SegRow	   *row = (SegRow *) to;

	memcpy(to, seg_member_rows_first(rows), bytes);
	for (uint32 i = 0; i < rows->nrows; i++, row = seg_member_rows_next(row))
		row->member = member;
	return to + bytes;
}

/* Takes the member at hand among those to be asked about. */
static SegMemberships *
ask(FunctionCallInfo fcinfo, SegGroupedCall *call, SegMemberships *m)
{
	const SegGrouped *grouped = call->grouped;
	Collect    *collect = call->rest;
	Size		own = seg_layout_measure(&grouped->layouts[0], call->values, call->isnull, collect->parts);
	Size		size = MAXALIGN(own);
	SegAsked   *asked;
	SegRow	   *row;
	char	   *to;

	for (int relation = 1; relation < grouped->nrelations; relation++)
	{
		const SegMemberRows *rows = seg_grouped_rows(fcinfo, call, relation);

		collect->rows[relation] = rows;
		if (rows != NULL)
			size = add_size(size, rows->used - seg_member_rows_head(rows->ncolumns));
	}
	m = seg_memberships_ask(m, call->ruleset, PG_GETARG_INT64(3), size, &asked);
	row = (SegRow *) (asked + 1);
	memset(row, 0, MAXALIGN(own));
	row->size = own;
	row->member = m->nasked - 1;
	seg_layout_write(&grouped->layouts[0], call->values, call->isnull, collect->parts, row);
	to = (char *) row + MAXALIGN(own);
	for (int relation = 1; relation < grouped->nrelations; relation++)
		if (collect->rows[relation] != NULL)
			to = copy_rows(to, collect->rows[relation], row->member);
	return m;
}

static SegMemberships *
answer(const SegGroupedCall *call, SegMemberships *m)
{
	Collect    *collect = call->rest;

	if (collect->answering != NULL && collect->as_of != m->as_of)
	{
		seg_answering_end(collect->answering);
		collect->answering = NULL;
	}
	if (collect->answering == NULL)
		collect->answering = seg_answering_begin(call->grouped, m->as_of);
	collect->as_of = m->as_of;
	return seg_answering_answer(collect->answering, m);
}

/*
 * collect_add(memberships, ruleset, as_of, key, VARIADIC columns and rows) -> memberships
 */
Datum
collect_add(PG_FUNCTION_ARGS)
{
	SegMemberships *m = seg_grouped_state(fcinfo);
	SegGroupedCall *call = begin(fcinfo);

	CHECK_FOR_INTERRUPTS();
	/* a row without a key is nobody's */
	if (PG_ARGISNULL(3) && m != NULL)
		PG_RETURN_POINTER(m);
	if (PG_ARGISNULL(3))
		PG_RETURN_NULL();
	if (m == NULL)
		m = no_members(call->grouped, seg_eval_clock(call->eval)->now);
	check_same(m, call);
	seg_grouped_take_values(fcinfo, call);
	m = ask(fcinfo, call, m);
	if (m->nasked >= MOST_ASKED || m->used - m->answered > MOST_ASKED_BYTES)
		m = answer(call, m);
	PG_RETURN_POINTER(m);
}

/*
 * collect_combine(memberships, memberships) -> memberships
 */
Datum
collect_combine(PG_FUNCTION_ARGS)
{
	SegMemberships *m = seg_grouped_state(fcinfo);
	const SegMemberships *more;

	if (PG_ARGISNULL(1))
	{
		if (m == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(m);
	}
	more = DatumGetSegMembershipsP(PG_GETARG_DATUM(1));
	if (m == NULL)
		PG_RETURN_POINTER(more);
	PG_RETURN_POINTER(seg_memberships_union(seg_memberships_answered(fcinfo, m), seg_memberships_answered(fcinfo, more)));
}

/*
 * collect_final(memberships) -> memberships
 */
Datum
collect_final(PG_FUNCTION_ARGS)
{
	const SegMemberships *m = seg_grouped_state(fcinfo);

	if (m == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(seg_memberships_sealed(seg_memberships_answered(fcinfo, m)));
}

/*
 * unnest(memberships) -> table (segment, members)
 */
Datum
memberships_unnest(PG_FUNCTION_ARGS)
{
	const SegMemberships *m =
		seg_memberships_sealed(seg_memberships_answered(fcinfo, DatumGetSegMembershipsP(PG_GETARG_DATUM(0))));
	const SegSetOf *sets = seg_memberships_sets(m);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 i = 0; i < m->nsegments; i++)
	{
		Datum		values[2] = {CStringGetTextDatum(sets[i].name), PointerGetDatum(sets[i].members)};
		bool		nulls[2] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
