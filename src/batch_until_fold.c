/*
 * batch_until_fold.c
 *		Which rows come to count in an aggregate, or cease to, and when: for a chunk's members.
 *
 * As eval_until_fold.c tells it of one member, but only the first and the last moment are kept.
 * Most rows have nothing to tell: they lie behind the window, or fail a condition that does not
 * move.  They are left out by bitwise operations.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "batch_vector.h"

/* The conditions of an item that move, and the rows that fulfil all the others. */
typedef struct Conditions
{
	int			nmoving;
	const uint64 *holds[3];
	const SegUntilVector *until[3];
	uint64	   *others;
} Conditions;

static bool
moves(const SegFold *fold, const SegFoldItem *item)
{
	return (fold->filter != NULL && fold->filter->moves) || (item->window != NULL && item->window->moves) ||
		(item->where != NULL && item->where->moves);
}

void
seg_batch_rows_begin(SegBatch *b, const SegFold *fold, const SegFoldItem *item, SegItemRows *rows)
{
	if (!moves(fold, item))
		return;
	rows->enters = seg_batch_item_memory(b, rows->enters);
	rows->leaves = seg_batch_item_memory(b, rows->leaves);
	rows->last = seg_batch_item_memory(b, rows->last);
	for (int i = 0; i < b->members.n; i++)
	{
		rows->enters[i] = rows->leaves[i] = DT_NOEND;
		rows->last[i] = DT_NOBEGIN;
	}
}

static void
get_conditions(SegBatch *b, const SegFold *fold, const SegFoldItem *item, Conditions *conditions)
{
	const SegExpr *exprs[3] = {fold->filter, item->window, item->where};
	SegFrame   *frame = &b->rows;
	int			nwords = SEG_WORDS(frame->n);

	conditions->nmoving = 0;
	conditions->others = palloc(sizeof(uint64) * nwords);
	memset(conditions->others, 0xff, sizeof(uint64) * nwords);
	seg_bits_cut(conditions->others, frame->n);
	for (int i = 0; i < 3; i++)
	{
		const uint64 *holds;

		if (exprs[i] == NULL)
			continue;
		holds = seg_batch_bits(b, frame, exprs[i]);
		if (exprs[i]->moves)
		{
			conditions->holds[conditions->nmoving] = holds;
			conditions->until[conditions->nmoving++] = seg_batch_until_vector(b, frame, exprs[i]);
		}
		else
			for (int w = 0; w < nwords; w++)
				conditions->others[w] &= holds[w];
	}
}

/* A row some of whose conditions may change. */
static void
add_row(const Conditions *conditions, int i, int member, SegItemRows *rows)
{
	TimestampTz first = DT_NOEND;
	TimestampTz last = DT_NOBEGIN;
	bool		counts = true;

	for (int m = 0; m < conditions->nmoving; m++)
	{
		TimestampTz at = seg_bit(conditions->until[m]->bits, i) ? conditions->until[m]->at[i] : DT_NOEND;

		if (seg_bit(conditions->holds[m], i))
			first = Min(first, at);
		else
		{
			counts = false;
			last = Max(last, at);
		}
	}
	if (counts)
	{
		rows->leaves[member] = Min(rows->leaves[member], first);
		rows->last[member] = Max(rows->last[member], first);
	}
	else
		rows->enters[member] = Min(rows->enters[member], last);
}

/* The rows in the frame. */
void
seg_batch_rows_add(SegBatch *b, const SegFold *fold, const SegFoldItem *item, SegItemRows *rows)
{
	const SegFrame *frame = &b->rows;
	Conditions	conditions;

	if (!moves(fold, item))
		return;
	get_conditions(b, fold, item, &conditions);
	for (int w = 0; w < SEG_WORDS(frame->n); w++)
	{
		uint64		changing = 0;
		uint64		counting = conditions.others[w];

		for (int m = 0; m < conditions.nmoving; m++)
		{
			changing |= conditions.until[m]->bits[w];
			counting &= conditions.holds[m][w];
		}
		for (uint64 word = changing & conditions.others[w]; word != 0; word &= word - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(word);

			add_row(&conditions, i, frame->member[i], rows);
		}
		/* these count for ever */
		for (uint64 word = counting & ~changing; word != 0; word &= word - 1)
			rows->last[frame->member[w * 64 + pg_rightmost_one_pos64(word)]] = DT_NOEND;
	}
	pfree(conditions.others);
}
