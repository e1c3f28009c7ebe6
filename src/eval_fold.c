/*
 * eval_fold.c
 *		Folds: one walk over the rows of a source answers all its aggregates.
 *
 * A fold is walked when the first of its aggregates is asked for, and its answers stay
 * good until a row that it depends on changes.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval_fold.h"

typedef struct SegAccumulator
{
	int64		count;			/* rows, or values that are not missing */
	SegValue	best;			/* SUM, AVG, MIN, MAX so far */
	bool		failed;			/* SUM overflowed */
	SegValue   *values;			/* COUNT_DISTINCT: all of them */
	int64		room;
	SegValue	result;
} SegAccumulator;

struct SegFoldState
{
	uint64		stamp;			/* of the outer row that the results are for */
	const Bitmapset *wanted;	/* items that there are results of; NULL: all */
	int			nitems;
	int			first;			/* number of the first item in the program */
	SegAccumulator *items;
};

int *
seg_first_items(const SegProgram *program)
{
	int		   *firsts = palloc(sizeof(int) * Max(list_length(program->folds), 1));
	int			first = 0;
	ListCell   *lc;

	foreach(lc, program->folds)
	{
		firsts[foreach_current_index(lc)] = first;
		first += list_length(((const SegFold *) lfirst(lc))->items);
	}
	return firsts;
}

SegFoldState *
seg_folds_begin(const SegProgram *program)
{
	int			nfolds = list_length(program->folds);
	SegFoldState *states = palloc0(sizeof(SegFoldState) * Max(nfolds, 1));
	int		   *firsts = seg_first_items(program);

	for (int i = 0; i < nfolds; i++)
	{
		SegFold    *fold = list_nth(program->folds, i);

		states[i].first = firsts[i];
		states[i].nitems = list_length(fold->items);
		states[i].items = palloc0(sizeof(SegAccumulator) * list_length(fold->items));
	}
	pfree(firsts);
	return states;
}

bool
seg_fold_is_wanted(const SegEval *e, const Bitmapset *wanted, int fold, int item)
{
	return wanted == NULL || bms_is_member(e->folds[fold].first + item, wanted);
}

int
seg_fold_next_wanted(const SegEval *e, const Bitmapset *wanted, int fold, int item)
{
	const SegFoldState *state = &e->folds[fold];

	item = wanted == NULL ? item + 1 : bms_next_member(wanted, state->first + item) - state->first;
	return item >= 0 && item < state->nitems ? item : -1;
}

const Bitmapset *
seg_fold_wanted(const SegEval *e, int fold, int item)
{
	/* its rows need not have been read */
	if (!seg_fold_is_wanted(e, e->wanted, fold, item))
		elog(ERROR, "aggregate %d of fold %d was not to be asked about", item, fold);
	return e->wanted;
}

void
seg_eval_want(SegEval *e, const Bitmapset *items)
{
	e->wanted = items;
}

static void
add_to_sum(SegEval *e, SegAccumulator *acc, const SegFoldItem *item, const SegValue *value)
{
	SegValue	sum;

	if (!seg_value_is_number(value) && value->tag != SEG_V_DURATION)
		return;
	acc->count++;
	if (acc->count == 1)
		seg_value_copy(&acc->best, value, item->how.other);
	else if (!acc->failed)
	{
		seg_value_arith(&sum, SEG_NODE_ADD, &acc->best, value, &e->clock);
		acc->failed = sum.tag == SEG_V_MISSING;
		acc->best = sum;
	}
}

static void
add_to_extreme(SegEval *e, SegAccumulator *acc, const SegFoldItem *item, const SegValue *value)
{
	SegCompareHow how = item->how;
	int			order;

	how.clock = &e->clock;
	if (value->tag == SEG_V_LIST || value->tag == SEG_V_OBJECT)
		return;
	if (acc->count++ > 0)
	{
		order = seg_value_order(value, &acc->best, &how);
		if (item->kind == SEG_FOLD_MIN ? order >= 0 : order <= 0)
			return;
	}
	seg_value_copy(&acc->best, value, item->how.other);
}

static void
add_to_distinct(SegAccumulator *acc, const SegFoldItem *item, const SegValue *value)
{
	if (value->tag == SEG_V_LIST || value->tag == SEG_V_OBJECT)
		return;
	if (acc->count == acc->room)
	{
		acc->room = Max(acc->room * 2, 16);
		acc->values = acc->count == 0 ? palloc(sizeof(SegValue) * acc->room) :
			repalloc_huge(acc->values, sizeof(SegValue) * acc->room);
	}
	seg_value_copy(&acc->values[acc->count++], value, item->how.other);
}

/* One row.  Returns whether further rows can still change the answer. */
static bool
accumulate(SegEval *e, const SegFoldItem *item, SegAccumulator *acc, MemoryContext outer)
{
	const SegValue *value;
	MemoryContext caller;

	if (item->kind == SEG_FOLD_EXISTS && acc->count > 0)
		return false;
	if ((item->window != NULL && !seg_eval_condition(e, item->window)) ||
		(item->where != NULL && !seg_eval_condition(e, item->where)))
		return true;
	if (item->measure == NULL)
	{
		acc->count++;
		return item->kind != SEG_FOLD_EXISTS;
	}
	value = seg_eval_value(e, item->measure);
	if (value->tag == SEG_V_MISSING)
		return true;
	caller = MemoryContextSwitchTo(outer);
	if (item->kind == SEG_FOLD_COUNT_DISTINCT)
		add_to_distinct(acc, item, value);
	else if (item->kind == SEG_FOLD_SUM || item->kind == SEG_FOLD_AVG)
		add_to_sum(e, acc, item, value);
	else
		add_to_extreme(e, acc, item, value);
	MemoryContextSwitchTo(caller);
	return true;
}

static int
order_values(const void *a, const void *b, void *how)
{
	return seg_value_order(a, b, how);
}

static int64
count_distinct(SegEval *e, SegAccumulator *acc, const SegFoldItem *item)
{
	SegCompareHow how = item->how;

	how.clock = &e->clock;
	qsort_arg(acc->values, acc->count, sizeof(SegValue), order_values, &how);
	return qunique_arg(acc->values, acc->count, sizeof(SegValue), order_values, &how);
}

/* Nothing sums up to 0, of the kind that the measure is. */
static void
empty_sum(SegValue *out, const SegFoldItem *item)
{
	static const Interval none = {0};

	if (item->measure->type.type == SEG_T_DURATION)
	{
		out->tag = SEG_V_DURATION;
		out->v.span = &none;
	}
	else
	{
		out->tag = SEG_V_INT;
		out->v.i = 0;
	}
}

static void
finish(SegEval *e, const SegFoldItem *item, SegAccumulator *acc)
{
	SegValue	count = {.tag = SEG_V_INT,.v.i = acc->count};

	switch (item->kind)
	{
		case SEG_FOLD_EXISTS:
			acc->result.tag = SEG_V_BOOL;
			acc->result.v.b = acc->count > 0;
			break;
		case SEG_FOLD_COUNT:
			acc->result = count;
			break;
		case SEG_FOLD_COUNT_DISTINCT:
			acc->result = count;
			acc->result.v.i = acc->count > 1 ? count_distinct(e, acc, item) : acc->count;
			break;
		case SEG_FOLD_SUM:
			if (acc->count == 0)
				empty_sum(&acc->result, item);
			else
				acc->result = acc->best;
			break;
		case SEG_FOLD_AVG:
			if (acc->count == 0 || acc->failed)
				seg_value_missing(&acc->result);
			else
				seg_value_arith(&acc->result, SEG_NODE_DIVIDE, &acc->best, &count, &e->clock);
			break;
		case SEG_FOLD_MIN:
		case SEG_FOLD_MAX:
			if (acc->count == 0)
				seg_value_missing(&acc->result);
			else
				acc->result = acc->best;
			break;
	}
}

/* Is the row a child of the row in the fold's parent scope? */
static bool
is_child(SegEval *e, const SegFold *fold, const void *row, const SegValue *parent)
{
	const SegRelation *parents;
	const SegColumn *column;
	SegCompareHow how;
	SegValue	reference;

	if (fold->parent_scope == SEG_SCOPE_MEMBER || fold->parent_column < 0)
		return true;
	parents = list_nth(e->program->relations, fold->parent_relation);
	column = list_nth(parents->columns, fold->parent_column);
	how = (SegCompareHow) {.other = column->type.other,.clock = &e->clock};
	e->reader.column(e->reader.arg, list_nth(e->program->relations, fold->relation), row, fold->child_column, &reference);
	return seg_value_equal(&reference, parent, &how);
}

void
seg_fold_rows(SegEval *e, const SegFold *fold, SegFoldRows *rows)
{
	bool		of_row = fold->parent_scope > SEG_SCOPE_MEMBER;

	if (of_row && fold->parent_column >= 0)
		e->reader.column(e->reader.arg, list_nth(e->program->relations, fold->parent_relation),
						 e->scopes[fold->parent_scope].row, fold->parent_column, &rows->parent);
	rows->nrows = e->reader.rows(e->reader.arg, e->program, fold->relation, e->scopes[SEG_SCOPE_MEMBER].row,
								 of_row ? e->scopes[fold->parent_scope].row : NULL, &rows->rows);
}

/* Makes one of the rows the current one; false if it is another row's. */
bool
seg_fold_row(SegEval *e, const SegFold *fold, const SegFoldRows *rows, int i)
{
	CHECK_FOR_INTERRUPTS();
	seg_eval_row(e, fold->scope, rows->rows[i]);
	return is_child(e, fold, rows->rows[i], &rows->parent);
}

bool
seg_fold_is_known(const SegEval *e, int foldno, int item)
{
	const SegFold *fold = list_nth(e->program->folds, foldno);
	const SegFoldState *state = &e->folds[foldno];

	return state->stamp == e->scopes[fold->depth].stamp && seg_fold_is_wanted(e, state->wanted, foldno, item);
}

void
seg_fold_begin(SegEval *e, int foldno, int item)
{
	SegFoldState *state = &e->folds[foldno];

	state->wanted = seg_fold_wanted(e, foldno, item);
	for (int i = -1; (i = seg_fold_next_wanted(e, state->wanted, foldno, i)) >= 0;)
		state->items[i] = (SegAccumulator) {0};
}

bool
seg_fold_take(SegEval *e, int foldno)
{
	const SegFold *fold = list_nth(e->program->folds, foldno);
	SegFoldState *state = &e->folds[foldno];
	bool		open = false;

	if (fold->filter != NULL && !seg_eval_condition(e, fold->filter))
		return true;
	for (int item = -1; (item = seg_fold_next_wanted(e, state->wanted, foldno, item)) >= 0;)
		open |= accumulate(e, list_nth(fold->items, item), &state->items[item], e->scopes[fold->depth].context);
	return open;
}

void
seg_fold_end(SegEval *e, int foldno)
{
	const SegFold *fold = list_nth(e->program->folds, foldno);
	SegFoldState *state = &e->folds[foldno];
	MemoryContext caller = MemoryContextSwitchTo(e->scopes[fold->depth].context);

	for (int item = -1; (item = seg_fold_next_wanted(e, state->wanted, foldno, item)) >= 0;)
		finish(e, list_nth(fold->items, item), &state->items[item]);
	MemoryContextSwitchTo(caller);
	state->stamp = e->scopes[fold->depth].stamp;
}

static void
walk(SegEval *e, int foldno, const SegFold *fold)
{
	SegFoldRows rows;

	seg_fold_rows(e, fold, &rows);
	for (int i = 0; i < rows.nrows; i++)
		if (seg_fold_row(e, fold, &rows, i) && !seg_fold_take(e, foldno))
			break;
}

const SegValue *
seg_fold_value(SegEval *e, int foldno, int item)
{
	SegFold    *fold = list_nth(e->program->folds, foldno);
	MemoryContext caller;

	if (!seg_fold_is_known(e, foldno, item))
	{
		caller = MemoryContextSwitchTo(e->scopes[fold->depth].context);
		seg_fold_begin(e, foldno, item);
		walk(e, foldno, fold);
		seg_fold_end(e, foldno);
		MemoryContextSwitchTo(caller);
	}
	return &e->folds[foldno].items[item].result;
}
