/*
 * eval_until_fold.c
 *		How long an aggregate stays what it is when only the clock moves.
 *
 * A row counts in an aggregate while the source's filter, the window and the condition hold.
 * Each row says how long its part in this lasts: one that counts until any of them may fail,
 * one that does not until the last that fails may hold.  An aggregate lasts until the first
 * of all rows; but where it is compared with something fixed, only that matters which can
 * bring it across: as long as more than five rows count, rows that come do not, nor does
 * one that goes as long as six are left.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "eval_until.h"

/* Moments of rows that count, or of those that do not; DT_NOEND left out. */
typedef struct Moments
{
	TimestampTz *at;
	int			n;
	int			room;
	bool		sorted;
} Moments;

typedef struct ItemUntil
{
	SegItemUntil rows;
	Moments		entering;		/* of COUNT only */
	Moments		leaving;
	int64		count;
	double		rate;			/* of the measure; of SUM: of all together */
	bool		rounded;
	bool		uneven;			/* measures move, and not all alike */
} ItemUntil;

struct SegFoldUntil
{
	uint64		stamp;			/* of the outer row that the items are for */
	const Bitmapset *wanted;	/* those that were looked at; NULL: all */
	ItemUntil  *items;
};

SegFoldUntil *
seg_until_folds(SegEval *e)
{
	SegFoldUntil *folds = palloc0(sizeof(SegFoldUntil) * Max(list_length(e->program->folds), 1));
	ListCell   *lc;

	foreach(lc, e->program->folds)
		folds[foreach_current_index(lc)].items =
			palloc0(sizeof(ItemUntil) * list_length(((SegFold *) lfirst(lc))->items));
	return folds;
}

static void
add_moment(Moments *moments, TimestampTz at, MemoryContext outer)
{
	if (TIMESTAMP_IS_NOEND(at))
		return;
	if (moments->n == moments->room)
	{
		moments->room = Max(moments->room * 2, 16);
		moments->at = moments->at == NULL ? MemoryContextAlloc(outer, sizeof(TimestampTz) * moments->room) :
			repalloc_huge(moments->at, sizeof(TimestampTz) * moments->room);
	}
	moments->at[moments->n++] = at;
}

static int
order_moments(const void *a, const void *b)
{
	TimestampTz x = *(const TimestampTz *) a;
	TimestampTz y = *(const TimestampTz *) b;

	return x < y ? -1 : x > y;
}

/* The k-th of them, from 1 on. */
static TimestampTz
moment_at(Moments *moments, int64 k)
{
	if (k > moments->n)
		return DT_NOEND;
	if (!moments->sorted)
		qsort(moments->at, moments->n, sizeof(TimestampTz), order_moments);
	moments->sorted = true;
	return moments->at[k - 1];
}

/* Does the row count, and until when is that so? */
static bool
row_lasts(SegEval *e, const SegFold *fold, const SegFoldItem *item, TimestampTz *until)
{
	const SegExpr *conditions[3] = {fold->filter, item->window, item->where};
	TimestampTz first = DT_NOEND;
	TimestampTz last = DT_NOBEGIN;
	bool		counts = true;

	/* for most rows a condition that does not move fails, and then the windows do not matter */
	*until = DT_NOEND;
	for (int i = 0; i < 3; i++)
		if (conditions[i] != NULL && !conditions[i]->moves && !seg_eval_condition(e, conditions[i]))
			return false;
	for (int i = 0; i < 3; i++)
	{
		TimestampTz end;

		if (conditions[i] == NULL || !conditions[i]->moves)
			continue;
		end = seg_until(e, conditions[i]);
		if (seg_eval_condition(e, conditions[i]))
			first = Min(first, end);
		else
		{
			counts = false;
			last = Max(last, end);
		}
	}
	*until = counts ? first : last;
	return counts;
}

static void
add_measure(SegEval *e, const SegFoldItem *item, ItemUntil *state, TimestampTz *until)
{
	SegDrift	drift = seg_until_drift(e, item->measure);

	*until = Min(*until, drift.end);
	state->rounded |= drift.rounded || item->kind == SEG_FOLD_AVG;
	if (seg_eval_value(e, item->measure)->tag == SEG_V_MISSING)
		return;
	if (item->kind == SEG_FOLD_SUM)
		state->rate += drift.rate;
	else if (state->count == 0)
		state->rate = drift.rate;
	else if (state->rate != drift.rate)
		state->uneven = true;
	state->count++;
}

static void
add_row(SegEval *e, const SegFold *fold, const SegFoldItem *item, ItemUntil *state, MemoryContext outer)
{
	TimestampTz until;

	if (!row_lasts(e, fold, item, &until))
	{
		state->rows.enters = Min(state->rows.enters, until);
		if (item->kind == SEG_FOLD_COUNT)
			add_moment(&state->entering, until, outer);
		return;
	}
	if (item->measure != NULL)
		add_measure(e, item, state, &until);
	else
		state->count++;
	state->rows.leaves = Min(state->rows.leaves, until);
	state->rows.last = Max(state->rows.last, until);
	if (item->kind == SEG_FOLD_COUNT)
		add_moment(&state->leaving, until, outer);
}

/* What is asked next is what the aggregates are; most of what that takes has been worked out for the row then. */
static ItemUntil *
get_item(SegEval *e, const SegExpr *expr)
{
	SegFold    *fold = list_nth(e->program->folds, expr->fold);
	SegFoldUntil *state = &e->until->folds[expr->fold];
	SegEvalScope *outer = &e->scopes[fold->depth];
	bool		known = seg_fold_is_known(e, expr->fold, expr->item);
	SegFoldRows rows;

	if (state->stamp == outer->stamp && seg_fold_is_wanted(e, state->wanted, expr->fold, expr->item))
		return &state->items[expr->item];
	state->wanted = seg_fold_wanted(e, expr->fold, expr->item);
	for (int item = -1; (item = seg_fold_next_wanted(e, state->wanted, expr->fold, item)) >= 0;)
		state->items[item] = (ItemUntil) {.rows = {DT_NOEND, DT_NOEND, DT_NOBEGIN}};
	if (!known)
		seg_fold_begin(e, expr->fold, expr->item);
	seg_fold_rows(e, fold, &rows);
	for (int i = 0; i < rows.nrows; i++)
	{
		if (!seg_fold_row(e, fold, &rows, i))
			continue;
		for (int item = -1; (item = seg_fold_next_wanted(e, state->wanted, expr->fold, item)) >= 0;)
			add_row(e, fold, list_nth(fold->items, item), &state->items[item], outer->context);
		if (!known)
			(void) seg_fold_take(e, expr->fold);
	}
	if (!known)
		seg_fold_end(e, expr->fold);
	state->stamp = outer->stamp;
	return &state->items[expr->item];
}

SegDrift
seg_until_aggregate(SegEval *e, const SegExpr *expr)
{
	SegFold    *fold = list_nth(e->program->folds, expr->fold);
	SegFoldItem *item = list_nth(fold->items, expr->item);
	ItemUntil  *state = get_item(e, expr);
	TimestampTz end = Min(state->rows.enters, state->rows.leaves);
	SegDrift	unknown = {.end = e->clock.now + 1};

	if (item->kind == SEG_FOLD_EXISTS)
		return (SegDrift) {.end = state->count > 0 ? state->rows.last : state->rows.enters};
	if (state->uneven ||
		(state->rate != 0 && seg_eval_value(e, expr)->tag == SEG_V_MISSING))
		return unknown;
	/* equal ones stay equal if all move alike */
	return (SegDrift) {.end = end,.rate = item->kind == SEG_FOLD_COUNT_DISTINCT ? 0 : state->rate,.rounded = state->rounded};
}

/*
 * Until when an aggregate of what does not move compares so with something fixed.  More rows
 * bring counts and MAX up, MIN down; only those rows matter that bring it across.
 */
TimestampTz
seg_until_rows(SegCompare op, const SegFoldItem *item, bool holds, const SegItemUntil *rows)
{
	bool		greater = op == SEG_GT || op == SEG_GE;
	bool		counts = item->kind == SEG_FOLD_COUNT || item->kind == SEG_FOLD_COUNT_DISTINCT;
	bool		more_holds = item->kind == SEG_FOLD_MIN ? !greater : greater;

	/* sums go either way, and in json the greatest may be one that compares with nothing */
	if (op == SEG_EQ || item->kind == SEG_FOLD_SUM || item->kind == SEG_FOLD_AVG ||
		(!counts && item->measure->type.type == SEG_T_JSON))
		return Min(rows->enters, rows->leaves);
	if (more_holds)
		return holds ? rows->leaves : rows->enters;
	if (counts)
		return holds ? rows->enters : rows->leaves;
	/* of no rows there is no least or greatest, and then no comparison holds */
	return holds ? Min(rows->enters, rows->last) : Min(rows->enters, rows->leaves);
}

static bool
count_test(int64 count, SegCompare op, const SegValue *value, const SegCompareHow *how)
{
	SegValue	number = {.tag = SEG_V_INT,.v.i = count};

	return seg_value_test(&number, op, value, how);
}

/* As many as it takes to bring the count across. */
static TimestampTz
count_lasts(ItemUntil *state, SegCompare op, const SegValue *value, const SegCompareHow *how)
{
	bool		holds = count_test(state->count, op, value, how);
	int64		down = 1;
	int64		up = 1;

	while (down <= state->leaving.n && count_test(state->count - down, op, value, how) == holds)
		down++;
	while (up <= state->entering.n && count_test(state->count + up, op, value, how) == holds)
		up++;
	return Min(moment_at(&state->leaving, down), moment_at(&state->entering, up));
}

TimestampTz
seg_until_aggregate_test(SegEval *e, const SegExpr *expr, SegCompare op, const SegValue *value,
						 const SegCompareHow *how)
{
	SegFold    *fold = list_nth(e->program->folds, expr->fold);
	SegFoldItem *item = list_nth(fold->items, expr->item);
	ItemUntil  *state = get_item(e, expr);

	if (item->kind == SEG_FOLD_COUNT)
		return count_lasts(state, op, value, how);
	if (item->kind == SEG_FOLD_EXISTS || (item->measure != NULL && item->measure->moves))
	{
		SegDrift	drift = seg_until_drift(e, expr);

		return drift.rate == 0 ? drift.end : e->clock.now + 1;
	}
	return seg_until_rows(op, item, seg_value_test(seg_eval_value(e, expr), op, value, how), &state->rows);
}
