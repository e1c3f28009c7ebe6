/*
 * batch_fold.c
 *		Aggregates for all members of a chunk: the rows of a source go by once, in batches.
 *
 * A row's contribution is added to the accumulator of its member.  Where one cannot be
 * kept in ints (a sum that overflows, digits behind the fourth, a measure of another
 * kind) the aggregate is left to eval.c, for this chunk.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/fmgrprotos.h"

#include "batch_vector.h"

typedef struct SegBatchItem
{
	uint64		stamp;			/* of the members that the rest is for */
	bool		given_up;		/* for them */
	SegTag		tag;			/* of the measure */
	int64	   *counts;			/* by member: rows, or values that are not missing */
	int64	   *sums;			/* by member: the sum, least or greatest so far */
	SegItemRows rows;			/* who comes and goes, if that is wanted and anybody does */
} SegBatchItem;

SegBatchFold *
seg_batch_folds(const SegProgram *program)
{
	SegBatchFold *folds = palloc0(sizeof(SegBatchFold) * Max(list_length(program->folds), 1));
	ListCell   *lc;

	foreach(lc, program->folds)
	{
		SegBatchFold *state = &folds[foreach_current_index(lc)];
		int			nitems = list_length(((SegFold *) lfirst(lc))->items);

		state->items = palloc0(sizeof(SegBatchItem) * nitems);
		state->wanted = palloc(sizeof(int) * nitems);
		for (int i = 0; i < nitems; i++)
			state->wanted[state->nwanted++] = i;
	}
	return folds;
}

/* Notes the items that an expression asks for, itself or for its arguments. */
static void
want(SegBatch *b, const SegExpr *expr)
{
	const SegFold *fold;
	const SegFoldItem *item;
	SegBatchFold *state;

	if (expr == NULL || b->visited[expr->id] == b->members.stamp)
		return;
	check_stack_depth();
	b->visited[expr->id] = b->members.stamp;
	for (int i = 0; i < expr->nargs; i++)
		want(b, expr->args[i]);
	if (expr->op != SEG_X_AGGREGATE)
		return;
	fold = list_nth(b->program->folds, expr->fold);
	item = list_nth(fold->items, expr->item);
	state = &b->folds[expr->fold];
	state->wanted[state->nwanted++] = expr->item;
	want(b, fold->filter);
	want(b, item->window);
	want(b, item->where);
	want(b, item->measure);
}

/* The rows of a source are walked for these rules, and no others. */
void
seg_batch_want_rules(SegBatch *b, const int *rules, int nrules)
{
	for (int i = 0; i < list_length(b->program->folds); i++)
		b->folds[i].nwanted = 0;
	for (int i = 0; i < nrules; i++)
		want(b, b->program->rules[rules[i]]);
}

/* Can it be added up in ints, as far as the types tell? */
static bool
is_additive(const SegFoldItem *item)
{
	SegType		type;

	if (item->measure == NULL)
		return true;
	type = item->measure->type.type;
	if (item->kind == SEG_FOLD_SUM || item->kind == SEG_FOLD_AVG)
		return type == SEG_T_INT || type == SEG_T_NUMERIC;
	return item->kind != SEG_FOLD_COUNT_DISTINCT;
}

/* Kept from chunk to chunk, but not where there are many items and few members. */
int64 *
seg_batch_item_memory(SegBatch *b, int64 *kept)
{
	if (b->members.tight)
		return palloc(sizeof(int64) * Max(b->members.n, 1));
	if (kept == NULL)
		kept = MemoryContextAlloc(GetMemoryChunkContext(b), sizeof(int64) * SEG_CHUNK_KEYS);
	return kept;
}

static int64 *
zeroes(SegBatch *b, int64 *kept)
{
	return memset(seg_batch_item_memory(b, kept), 0, sizeof(int64) * b->members.n);
}

static void
item_begin(SegBatch *b, const SegFoldItem *item, SegBatchItem *state)
{
	state->stamp = b->members.stamp;
	state->given_up = !is_additive(item);
	state->tag = SEG_V_MISSING;
	if (state->given_up)
		return;
	state->counts = zeroes(b, state->counts);
	if (item->measure != NULL)
		state->sums = zeroes(b, state->sums);
}

static void
count_rows(const SegFrame *frame, const uint64 *bits, SegBatchItem *state)
{
	for (int w = 0; w < SEG_WORDS(frame->n); w++)
		for (uint64 word = bits[w]; word != 0; word &= word - 1)
			state->counts[frame->member[w * 64 + pg_rightmost_one_pos64(word)]]++;
}

static inline bool
add_value(const SegFoldItem *item, SegBatchItem *state, int member, int64 value)
{
	int64	   *sum = &state->sums[member];

	switch (item->kind)
	{
		case SEG_FOLD_MIN:
			if (state->counts[member] == 0 || value < *sum)
				*sum = value;
			break;
		case SEG_FOLD_MAX:
			if (state->counts[member] == 0 || value > *sum)
				*sum = value;
			break;
		default:
			if (pg_add_s64_overflow(*sum, value, sum))
				return false;
	}
	state->counts[member]++;
	return true;
}

static void
add_values(const SegFrame *frame, const uint64 *bits, const SegVector *v, const SegFoldItem *item, SegBatchItem *state)
{
	for (int w = 0; w < SEG_WORDS(frame->n); w++)
		for (uint64 word = bits[w] & v->bits[w]; word != 0; word &= word - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(word);

			if (!add_value(item, state, frame->member[i], v->ints[i]))
			{
				state->given_up = true;
				return;
			}
		}
}

/* Can the measure be kept in ints? */
static bool
takes(const SegFoldItem *item, const SegVector *v)
{
	bool		number = v->tag == SEG_V_INT || v->tag == SEG_V_NUMERIC;

	return v->kind == SEG_VECTOR_INTS &&
		(number || item->kind == SEG_FOLD_MIN || item->kind == SEG_FOLD_MAX);
}

static void
add_batch(SegBatch *b, const uint64 *filter, const SegFoldItem *item, SegBatchItem *state)
{
	SegFrame   *frame = &b->rows;
	int			nwords = SEG_WORDS(frame->n);
	uint64	   *bits = palloc(sizeof(uint64) * nwords);
	const uint64 *more[2] = {NULL, NULL};
	SegVector  *v;

	if (item->window != NULL)
		more[0] = seg_batch_bits(b, frame, item->window);
	if (item->where != NULL)
		more[1] = seg_batch_bits(b, frame, item->where);
	memcpy(bits, filter, sizeof(uint64) * nwords);
	for (int m = 0; m < 2; m++)
		if (more[m] != NULL)
			for (int w = 0; w < nwords; w++)
				bits[w] &= more[m][w];
	if (item->measure == NULL)
		count_rows(frame, bits, state);
	else
	{
		v = seg_batch_vector(b, frame, item->measure);
		if (!takes(item, v) || (state->tag != SEG_V_MISSING && state->tag != v->tag))
			state->given_up = true;
		else
		{
			state->tag = v->tag;
			add_values(frame, bits, v, item, state);
		}
	}
	pfree(bits);
}

/* The rows that count at all. */
static uint64 *
filter_bits(SegBatch *b, const SegFold *fold)
{
	SegFrame   *frame = &b->rows;
	uint64	   *bits = palloc(sizeof(uint64) * SEG_WORDS(frame->n));

	if (fold->filter != NULL)
		return memcpy(bits, seg_batch_bits(b, frame, fold->filter), sizeof(uint64) * SEG_WORDS(frame->n));
	memset(bits, 0xff, sizeof(uint64) * SEG_WORDS(frame->n));
	seg_bits_cut(bits, frame->n);
	return bits;
}

static void
walk(SegBatch *b, const SegFold *fold, SegBatchFold *state)
{
	const SegBatchRelation *relation = seg_batch_relation(b, fold->relation);

	for (int i = 0; i < state->nwanted; i++)
	{
		const SegFoldItem *item = list_nth(fold->items, state->wanted[i]);

		item_begin(b, item, &state->items[state->wanted[i]]);
		if (b->rows.untils != NULL)
			seg_batch_rows_begin(b, fold, item, &state->items[state->wanted[i]].rows);
	}
	for (Size first = 0; first < relation->n; first += b->rows.room)
	{
		uint64	   *filter;

		CHECK_FOR_INTERRUPTS();
		seg_batch_new_rows(b, &b->rows, relation->rows + first, relation->member + first,
						   (int) Min(relation->n - first, (Size) b->rows.room));
		filter = filter_bits(b, fold);
		for (int i = 0; i < state->nwanted; i++)
		{
			SegBatchItem *item = &state->items[state->wanted[i]];

			if (!item->given_up)
				add_batch(b, filter, list_nth(fold->items, state->wanted[i]), item);
			if (b->rows.untils != NULL)
				seg_batch_rows_add(b, fold, list_nth(fold->items, state->wanted[i]), &item->rows);
		}
		pfree(filter);
	}
}

/* An average is a quotient, which eval.c's arithmetic makes. */
static void
averages(SegBatch *b, const SegBatchItem *state, SegVector *out)
{
	SegFrame   *frame = &b->members;
	SegValue   *values = seg_vector_values(frame, out);
	MemoryContext caller = MemoryContextSwitchTo(frame->context);

	out->kind = SEG_VECTOR_VALUES;
	for (int i = 0; i < frame->n; i++)
	{
		SegValue	count = {.tag = SEG_V_INT,.v.i = state->counts[i]};
		SegValue	sum = {.tag = SEG_V_INT,.v.i = state->sums[i]};

		if (state->counts[i] == 0)
			seg_value_missing(&values[i]);
		else
		{
			if (state->tag == SEG_V_NUMERIC)
			{
				sum.tag = SEG_V_NUMERIC;
				sum.v.n = int64_div_fast_to_numeric(state->sums[i], SEG_DECIMAL_DIGITS);
			}
			seg_value_arith(&values[i], SEG_NODE_DIVIDE, &sum, &count, seg_eval_clock(b->eval));
		}
	}
	MemoryContextSwitchTo(caller);
}

static void
finish(SegBatch *b, const SegFoldItem *item, const SegBatchItem *state, SegVector *out)
{
	SegFrame   *frame = &b->members;
	uint64	   *bits = seg_vector_bits(frame, out);
	bool		count = item->measure == NULL;
	bool		always = item->kind == SEG_FOLD_COUNT || item->kind == SEG_FOLD_SUM;

	if (item->kind == SEG_FOLD_AVG)
	{
		averages(b, state, out);
		return;
	}
	memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
	for (int i = 0; i < frame->n; i++)
		bits[i / 64] |= (uint64) (always || state->counts[i] > 0) << (i % 64);
	if (item->kind == SEG_FOLD_EXISTS)
	{
		out->kind = SEG_VECTOR_BITS;
		return;
	}
	out->kind = SEG_VECTOR_INTS;
	out->tag = count || state->tag == SEG_V_MISSING ? SEG_V_INT : state->tag;
	memcpy(seg_vector_ints(frame, out), count ? state->counts : state->sums, sizeof(int64) * frame->n);
}

/* What the rows of the chunk come to; NULL where eval.c has to do it. */
static SegBatchItem *
get_item(SegBatch *b, const SegExpr *expr)
{
	SegFold    *fold = list_nth(b->program->folds, expr->fold);
	SegBatchFold *state = &b->folds[expr->fold];
	MemoryContext caller;

	/* only rows of members are in a frame, not rows of rows */
	if (fold->scope != 1 || fold->parent_scope != SEG_SCOPE_MEMBER)
		return NULL;
	if (state->stamp != b->members.stamp)
	{
		caller = MemoryContextSwitchTo(b->members.context);
		walk(b, fold, state);
		MemoryContextSwitchTo(caller);
		state->stamp = b->members.stamp;
	}
	return state->items[expr->item].stamp == b->members.stamp ? &state->items[expr->item] : NULL;
}

/* False where eval.c has to do it. */
bool
seg_batch_aggregate(SegBatch *b, const SegExpr *expr, SegVector *out)
{
	SegFold    *fold = list_nth(b->program->folds, expr->fold);
	SegBatchItem *item = get_item(b, expr);

	if (item == NULL || item->given_up)
		return false;
	finish(b, list_nth(fold->items, expr->item), item, out);
	return true;
}

/* Who comes and goes among the rows of an aggregate that moves; NULL where eval.c has to tell. */
SegItemRows *
seg_batch_item_rows(SegBatch *b, const SegExpr *expr)
{
	SegFold    *fold = list_nth(b->program->folds, expr->fold);
	SegFoldItem *aggregate = list_nth(fold->items, expr->item);
	SegBatchItem *item;

	if (aggregate->measure != NULL && aggregate->measure->moves)
		return NULL;
	item = get_item(b, expr);
	return item == NULL ? NULL : &item->rows;
}
