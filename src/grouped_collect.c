/*
 * grouped_collect.c
 *		The aggregate collect(ruleset, as_of, key, VARIADIC columns and rows): who is in which segment.
 *
 * Each call has all of a member: the columns of his row, and then what facts() gathered of each
 * source, NULL where there is nothing.  So he is evaluated at once, by eval.c.  evaluate() is the same
 * without gathering, for keys of any type: the names of the segments that he is in.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "grouped.h"

PG_FUNCTION_INFO_V1(collect_add);
PG_FUNCTION_INFO_V1(collect_combine);
PG_FUNCTION_INFO_V1(collect_final);
PG_FUNCTION_INFO_V1(evaluate);
PG_FUNCTION_INFO_V1(memberships_unnest);

/* The rows of one relation, of the member at hand. */
typedef struct Gathered
{
	int			n;
	int			room;
	const void **rows;
} Gathered;

typedef struct Collect
{
	int			first;			/* argument with rows of a source */
	Gathered   *gathered;		/* by relation */
	int			nwords;
	uint64	   *bits;			/* of the member at hand, by segment */
} Collect;

/* What the evaluator reads through. */

static void
get_column(void *arg, const SegRelation *relation, const void *row, int column, SegValue *out)
{
	const SegGroupedCall *call = arg;
	const SegRow *r = row;

	/* the member's own row is in the arguments */
	if (relation->source < 0)
		seg_grouped_column(call, column, out);
	else
		seg_layout_value(&call->grouped->layouts[r->relation], r, column, seg_eval_clock(call->eval), out);
}

static int
get_rows(void *arg, const SegProgram *program, int relation, const void *member, const void *parent,
		 const void ***rows)
{
	const SegGroupedCall *call = arg;
	const Collect *collect = call->rest;

	*rows = collect->gathered[relation].rows;
	return collect->gathered[relation].n;
}

/* Arguments. */

/* Behind the columns stand the rows of each source that is read. */
static void
check_arguments(FunctionCallInfo fcinfo, const SegGrouped *grouped, int first)
{
	if (PG_NARGS() - first != grouped->nrelations - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of %d sources are wanted behind the columns, not %d arguments", grouped->nrelations - 1,
						PG_NARGS() - first),
				 errhint("segments.grouped_sql() writes the query with all columns in their order.")));
	for (int i = first; i < PG_NARGS(); i++)
		if (get_fn_expr_argtype(fcinfo->flinfo, i) != seg_catalog_type("member_rows"))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the rows of source \"%s\" must be of type member_rows",
							((SegRelation *) list_nth(grouped->program->relations, 1 + i - first))->name),
					 errhint("The aggregate segments.facts() gathers them.")));
}

/* The call at hand, its member's columns being arguments from first on. */
static SegGroupedCall *
begin(FunctionCallInfo fcinfo, int ruleset, int first)
{
	SegReader	reader = {.column = get_column,.rows = get_rows};
	SegGroupedCall *call = seg_grouped_call(fcinfo, ruleset, ruleset + 1, &reader);
	Collect    *collect;
	MemoryContext caller;

	if (call->rest != NULL)
		return call;
	caller = MemoryContextSwitchTo(call->grouped->context);
	collect = palloc0(sizeof(Collect));
	collect->first = seg_grouped_take_columns(fcinfo, call, 0, first);
	check_arguments(fcinfo, call->grouped, collect->first);
	collect->gathered = palloc0(sizeof(Gathered) * call->grouped->nrelations);
	collect->nwords = seg_memberships_words(call->grouped->nsegments);
	collect->bits = palloc0(sizeof(uint64) * (collect->nwords + 1));
	call->rest = collect;
	MemoryContextSwitchTo(caller);
	return call;
}

static void
gather(SegGroupedCall *call, int relation, const SegMemberRows *rows)
{
	Gathered   *gathered = &((Collect *) call->rest)->gathered[relation];
	const SegRow *row = seg_member_rows_first(rows);

	if ((int64) rows->nrows > gathered->room)
	{
		gathered->room = Max((int64) rows->nrows, Min((int64) gathered->room * 2, PG_INT32_MAX));
		if (gathered->rows != NULL)
			pfree(gathered->rows);
		gathered->rows = NULL;
		gathered->rows = MemoryContextAllocHuge(call->grouped->context, sizeof(void *) * gathered->room);
	}
	for (uint32 i = 0; i < rows->nrows; i++, row = seg_member_rows_next(row))
		gathered->rows[i] = row;
	gathered->n = rows->nrows;
}

/* Evaluates the member; the bits are in the call's rest. */
static void
evaluate_member(FunctionCallInfo fcinfo, SegGroupedCall *call)
{
	const SegGrouped *grouped = call->grouped;
	Collect    *collect = call->rest;

	CHECK_FOR_INTERRUPTS();
	seg_grouped_take_values(fcinfo, call);
	for (int relation = 1; relation < grouped->nrelations; relation++)
	{
		int			n = collect->first + relation - 1;
		const SegMemberRows *rows;

		collect->gathered[relation].n = 0;
		if (PG_ARGISNULL(n))
			continue;
		rows = DatumGetSegMemberRowsP(PG_GETARG_DATUM(n));
		seg_member_rows_check(rows, grouped, seg_eval_clock(call->eval)->now, relation);
		gather(call, relation, rows);
	}
	memset(collect->bits, 0, sizeof(uint64) * collect->nwords);
	seg_eval_member(call->eval, call);
	for (int i = 0; i < grouped->nsegments; i++)
		if (seg_eval_rule(call->eval, i))
			collect->bits[i / 64] |= UINT64CONST(1) << (i % 64);
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

/*
 * collect_add(memberships, ruleset, as_of, key, VARIADIC columns and rows) -> memberships
 */
Datum
collect_add(PG_FUNCTION_ARGS)
{
	SegMemberships *m = seg_grouped_state(fcinfo);
	SegGroupedCall *call = begin(fcinfo, 1, 4);

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("population \"%s\" has a row without a key", call->grouped->program->population->name)));
	if (m == NULL)
		m = no_members(call->grouped, seg_eval_clock(call->eval)->now);
	check_same(m, call);
	evaluate_member(fcinfo, call);
	PG_RETURN_POINTER(seg_memberships_add(m, PG_GETARG_INT64(3), ((Collect *) call->rest)->bits));
}

/*
 * collect_combine(memberships, memberships) -> memberships
 */
Datum
collect_combine(PG_FUNCTION_ARGS)
{
	SegMemberships *m = seg_grouped_state(fcinfo);

	if (PG_ARGISNULL(1))
	{
		if (m == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(m);
	}
	if (m == NULL)
		PG_RETURN_POINTER(DatumGetSegMembershipsP(PG_GETARG_DATUM(1)));
	PG_RETURN_POINTER(seg_memberships_union(m, DatumGetSegMembershipsP(PG_GETARG_DATUM(1))));
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
	PG_RETURN_POINTER(seg_memberships_sealed(m));
}

/*
 * evaluate(ruleset, as_of, VARIADIC columns and rows) -> text[]
 */
Datum
evaluate(PG_FUNCTION_ARGS)
{
	SegGroupedCall *call = begin(fcinfo, 0, 2);
	const SegGrouped *grouped = call->grouped;
	const Collect *collect = call->rest;
	Datum	   *names = palloc(sizeof(Datum) * (grouped->nsegments + 1));
	int			n = 0;

	evaluate_member(fcinfo, call);
	for (int i = 0; i < grouped->nsegments; i++)
		if ((collect->bits[i / 64] >> (i % 64)) & 1)
			names[n++] = CStringGetTextDatum(grouped->names[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * unnest(memberships) -> table (segment, members)
 */
Datum
memberships_unnest(PG_FUNCTION_ARGS)
{
	const SegMemberships *m = seg_memberships_sealed(DatumGetSegMembershipsP(PG_GETARG_DATUM(0)));
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
