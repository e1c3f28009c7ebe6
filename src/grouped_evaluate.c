/*
 * grouped_evaluate.c
 *		evaluate(ruleset, as_of, VARIADIC columns and rows): the segments that one member is in.
 *
 * The arguments are those of collect() without the key, so keys may be of any type.  The answer is there at
 * once, by eval.c.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "grouped.h"

PG_FUNCTION_INFO_V1(evaluate);

/* The rows of one relation, of the member at hand. */
typedef struct Gathered
{
	int			n;
	int			room;
	const void **rows;
} Gathered;

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
	const Gathered *gathered = ((const SegGroupedCall *) arg)->rest;

	*rows = gathered[relation].rows;
	return gathered[relation].n;
}

static void
gather(const SegGroupedCall *call, Gathered *gathered, const SegMemberRows *rows)
{
	const SegRow *row = seg_member_rows_first(rows);

	if ((int64) rows->nrows > gathered->room)
	{
		if (gathered->rows != NULL)
			pfree(gathered->rows);
		gathered->rows = NULL;
		gathered->room = rows->nrows;
		gathered->rows = MemoryContextAllocHuge(call->grouped->context, sizeof(void *) * gathered->room);
	}
	for (uint32 i = 0; i < rows->nrows; i++, row = seg_member_rows_next(row))
		gathered->rows[i] = row;
	gathered->n = rows->nrows;
}

/*
 * evaluate(ruleset, as_of, VARIADIC columns and rows) -> text[]
 */
Datum
evaluate(PG_FUNCTION_ARGS)
{
	SegReader	reader = {.column = get_column,.rows = get_rows};
	SegGroupedCall *call = seg_grouped_call(fcinfo, 0, 1, &reader);
	const SegGrouped *grouped = call->grouped;
	Gathered   *gathered = call->rest;
	Datum	   *names = palloc(sizeof(Datum) * (grouped->nsegments + 1));
	int			n = 0;

	CHECK_FOR_INTERRUPTS();
	if (gathered == NULL)
	{
		seg_grouped_take_member(fcinfo, call, 2);
		gathered = MemoryContextAllocZero(grouped->context, sizeof(Gathered) * grouped->nrelations);
		call->rest = gathered;
	}
	seg_grouped_take_values(fcinfo, call);
	for (int relation = 1; relation < grouped->nrelations; relation++)
	{
		const SegMemberRows *rows = seg_grouped_rows(fcinfo, call, relation);

		gathered[relation].n = 0;
		if (rows != NULL)
			gather(call, &gathered[relation], rows);
	}
	seg_eval_member(call->eval, call);
	for (int i = 0; i < grouped->nsegments; i++)
		if (seg_eval_rule(call->eval, i))
			names[n++] = CStringGetTextDatum(grouped->names[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}
