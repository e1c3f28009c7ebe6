/*
 * grouped_answer.c
 *		Asking a ruleset's questions about many members at once.
 *
 * Members who are to be asked about wait in the value that collect() makes, with all their rows, until
 * they are enough for a batch (batch.h).  The value may be sent away before that: so it has the
 * ruleset with it, and whoever wants to know binds it there.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "batch.h"
#include "grouped.h"

struct SegAnswering
{
	const SegGrouped *grouped;
	SegEval    *eval;
	SegBatch   *batch;
	int		   *rules;			/* all of them */
	const SegRow ***rows;		/* by relation, of those who are asked about */
	Size	   *nrows;
	Size	   *room;
};

/* What a call keeps that has nothing but values. */
typedef struct Kept
{
	uint64		fingerprint;
	TimestampTz as_of;
	SegGrouped *grouped;
	SegAnswering *answering;
} Kept;

static void
get_column(void *arg, const SegRelation *relation, const void *row, int column, SegValue *out)
{
	const SegAnswering *a = arg;
	const SegRow *r = row;

	seg_layout_value(&a->grouped->layouts[r->relation], r, column, seg_eval_clock(a->eval), out);
}

static int
get_rows(void *arg, const SegProgram *program, int relation, const void *member, const void *parent,
		 const void ***rows)
{
	return seg_batch_member_rows(((const SegAnswering *) arg)->batch, relation, rows);
}

SegAnswering *
seg_answering_begin(const SegGrouped *grouped, TimestampTz as_of)
{
	MemoryContext context = AllocSetContextCreate(grouped->context, "segments answering", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SegAnswering *a = palloc0(sizeof(SegAnswering));
	SegReader	reader = {.arg = a,.column = get_column,.rows = get_rows};

	a->grouped = grouped;
	a->eval = seg_eval_begin(grouped->program, &reader, as_of);
	a->batch = seg_batch_begin(grouped->program, a->eval, grouped->layouts, false);
	a->rules = palloc(sizeof(int) * (grouped->nsegments + 1));
	for (int i = 0; i < grouped->nsegments; i++)
		a->rules[i] = i;
	a->rows = palloc0(sizeof(SegRow **) * grouped->nrelations);
	a->nrows = palloc0(sizeof(Size) * grouped->nrelations);
	a->room = palloc0(sizeof(Size) * grouped->nrelations);
	MemoryContextSwitchTo(caller);
	return a;
}

void
seg_answering_end(SegAnswering *a)
{
	MemoryContextDelete(GetMemoryChunkContext(a));
}

static void
add_row(SegAnswering *a, const SegRow *row)
{
	int			relation = row->relation;

	if (a->nrows[relation] == a->room[relation])
	{
		a->room[relation] = Max(a->room[relation] * 2, 1024);
		a->rows[relation] = a->rows[relation] == NULL ?
			MemoryContextAlloc(GetMemoryChunkContext(a), sizeof(SegRow *) * a->room[relation]) :
			repalloc_huge(a->rows[relation], sizeof(SegRow *) * a->room[relation]);
	}
	a->rows[relation][a->nrows[relation]++] = row;
}

/* Sorts their rows by relation; the keys of all. */
static int64 *
take_rows(SegAnswering *a, const SegMemberships *m)
{
	int64	   *keys = palloc(sizeof(int64) * m->nasked);
	const SegAsked *asked = seg_memberships_first_asked(m);

	memset(a->nrows, 0, sizeof(Size) * a->grouped->nrelations);
	for (uint32 i = 0; i < m->nasked; i++)
	{
		const char *end = (const char *) asked + asked->size;
		const SegRow *row = (const SegRow *) (asked + 1);

		keys[i] = asked->key;
		for (; (const char *) row < end; row = seg_member_rows_next(row))
			add_row(a, row);
		asked = (const SegAsked *) end;
	}
	return keys;
}

SegMemberships *
seg_answering_answer(SegAnswering *a, SegMemberships *m)
{
	int			n = m->nasked;
	int			nwords = seg_memberships_words(m->nsegments);
	int64	   *keys = take_rows(a, m);
	uint64	   *answers = palloc_extended(sizeof(uint64) * nwords * (n + 1), MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE);

	seg_batch_load(a->batch, a->rows[0], n, a->rows, a->nrows);
	seg_batch_want(a->batch, a->rules, a->grouped->nsegments);
	for (int rule = 0; rule < a->grouped->nsegments; rule++)
	{
		const uint64 *holds = seg_batch_rule(a->batch, rule);

		CHECK_FOR_INTERRUPTS();
		for (int w = 0; w < (n + 63) / 64; w++)
			for (uint64 word = holds[w]; word != 0; word &= word - 1)
				answers[(Size) (w * 64 + pg_rightmost_one_pos64(word)) * nwords + rule / 64] |= UINT64CONST(1) << (rule % 64);
	}
	m->used = m->answered;
	m->nasked = 0;
	for (int i = 0; i < n; i++)
		m = seg_memberships_add(m, keys[i], answers + (Size) i * nwords);
	pfree(answers);
	pfree(keys);
	return m;
}

SegMemberships *
seg_memberships_answered(FunctionCallInfo fcinfo, const SegMemberships *m)
{
	SegMemberships *copy = memcpy(palloc(m->used), m, m->used);
	Kept	   *kept;

	SET_VARSIZE(copy, m->used);
	if (m->nasked == 0)
		return copy;
	kept = fcinfo->flinfo->fn_extra;
	if (kept == NULL)
		kept = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Kept));
	if (kept->grouped == NULL || kept->fingerprint != m->fingerprint || kept->as_of != m->as_of)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		SegGrouped *before = kept->grouped;

		kept->grouped = NULL;
		if (before != NULL)
			MemoryContextDelete(before->context);
		kept->grouped = seg_grouped_load(seg_memberships_ruleset(m));
		kept->answering = seg_answering_begin(kept->grouped, m->as_of);
		kept->fingerprint = m->fingerprint;
		kept->as_of = m->as_of;
		MemoryContextSwitchTo(caller);
	}
	return seg_answering_answer(kept->answering, copy);
}
