/*
 * batch_until.c
 *		Until when the answers for the members of a chunk last if only the clock moves.
 *
 * The same as eval_until.c tells for one member, in vectors over the frames of the batch
 * evaluator.  A vector has a bit for each row whose value can change at all, and the moment for
 * those.  Tests of a value against the clock are asked of eval_until_time.c, except for values
 * that the clock has left behind for good, which are most in what lies in the past.
 * What has no vector here is asked of eval_until.c, row by row.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "batch_vector.h"

static void
set_until(SegUntilVector *out, int i, TimestampTz at)
{
	if (TIMESTAMP_IS_NOEND(at))
		return;
	out->at[i] = at;
	seg_bit_set(out->bits, i);
}

/* What is known already, or another; of no value is anything known yet. */
static void
set_earlier(SegUntilVector *out, int i, TimestampTz at)
{
	set_until(out, i, seg_bit(out->bits, i) ? Min(out->at[i], at) : at);
}

/* Row by row, as eval_until.c tells it. */
static void
scalar(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	for (int i = 0; i < frame->n; i++)
	{
		seg_batch_place(b, frame, i);
		set_until(out, i, seg_until(b->eval, expr));
	}
}

/* What is known of members, for their rows. */
static void
gather(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	const SegUntilVector *v = seg_batch_until_vector(b, &b->members, expr);

	for (int i = 0; i < frame->n; i++)
		if (seg_bit(v->bits, frame->member[i]))
			set_until(out, i, v->at[frame->member[i]]);
}

/* What is the same for all. */
static void
constant(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	TimestampTz at = seg_until(b->eval, expr);

	for (int i = 0; i < frame->n; i++)
		set_until(out, i, at);
}

/* Gates: what decides alone holds alone. */

typedef struct Gate
{
	int			nmoving;
	const uint64 **holds;
	const SegUntilVector **until;
	uint64		decisive;		/* the value that decides, in all bits */
} Gate;

static TimestampTz
gate_lasts(const Gate *gate, int i)
{
	TimestampTz first = DT_NOEND;
	TimestampTz last = DT_NOBEGIN;
	bool		decided = false;

	for (int m = 0; m < gate->nmoving; m++)
	{
		TimestampTz at = seg_bit(gate->until[m]->bits, i) ? gate->until[m]->at[i] : DT_NOEND;

		if (seg_bit(gate->holds[m], i) == (gate->decisive & 1))
		{
			decided = true;
			last = Max(last, at);
		}
		else
			first = Min(first, at);
	}
	return decided ? last : first;
}

static void
gate(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	Gate		gate = {.decisive = expr->op == SEG_X_OR ? ~UINT64CONST(0) : 0};
	int			nwords = SEG_WORDS(frame->n);
	uint64	   *open = palloc0(sizeof(uint64) * nwords);

	gate.holds = palloc(sizeof(uint64 *) * expr->nargs);
	gate.until = palloc(sizeof(SegUntilVector *) * expr->nargs);
	for (int i = 0; i < expr->nargs; i++)
		if (expr->args[i]->moves)
		{
			const SegUntilVector *v = seg_batch_until_vector(b, frame, expr->args[i]);

			gate.holds[gate.nmoving] = seg_batch_bits(b, frame, expr->args[i]);
			gate.until[gate.nmoving++] = v;
			for (int w = 0; w < nwords; w++)
				open[w] |= v->bits[w];
		}
	/* what is decided by what does not move is decided for ever */
	for (int i = 0; i < expr->nargs; i++)
		if (!expr->args[i]->moves)
		{
			const uint64 *holds = seg_batch_bits(b, frame, expr->args[i]);

			for (int w = 0; w < nwords; w++)
				open[w] &= holds[w] ^ gate.decisive;
		}
	for (int w = 0; w < nwords; w++)
		for (uint64 word = open[w]; word != 0; word &= word - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(word);

			set_until(out, i, gate_lasts(&gate, i));
		}
}

/* Tests against the clock. */

/* Values of this vector below the result are behind wherever the clock will lead. */
static int64
left_behind(const SegBatch *b, const SegExpr *expr, const SegExpr *word, SegTag tag)
{
	SegClock	past = b->eval->clock;
	Interval	duration;
	SegSpan		span;
	SegValue	value;
	DateADT		day;

	past.now -= SEG_TRACK_SLACK;
	if ((tag != SEG_V_MOMENT && tag != SEG_V_DAY) || past.now < MIN_TIMESTAMP ||
		!seg_clock_day_of(&past, past.now, &past.today))
		return PG_INT64_MIN;
	if (word != NULL)
	{
		seg_value_from_literal(&value, word->node, &past);
		if (!seg_value_moment(&value, &past, &span.start))
			return PG_INT64_MIN;
	}
	else if (expr->op == SEG_X_WITHIN)
	{
		duration = seg_node_duration(expr->node);
		if (!seg_clock_window(&past, expr->detail != 0, &duration, &span))
			return PG_INT64_MIN;
	}
	else if (expr->op != SEG_X_DURING || !seg_clock_period(&past, expr->node, &span))
		return PG_INT64_MIN;
	if (tag == SEG_V_MOMENT)
		return span.start;
	return seg_clock_day_of(&past, span.start, &day) && !DATE_NOT_FINITE(day) ? day - 1 : PG_INT64_MIN;
}

typedef struct Window
{
	TimestampTz now;
	int64		ahead;			/* its start, from now */
	TimestampTz end;			/* until then */
	TimestampTz start;
} Window;

static TimestampTz
test_lasts(SegBatch *b, const SegExpr *expr, const SegExpr *word, SegCompare op, const SegValue *value)
{
	if (word != NULL)
		return seg_until_clock(b->eval, op, value, word);
	return expr->op == SEG_X_FUNCTION ? seg_until_age(b->eval, value) : seg_until_span(b->eval, expr, value);
}

/*
 * Moments in a window that goes back from now: one that lies in it leaves when its start passes, as
 * long as the start keeps its distance.  False: it has to be told otherwise.
 */
static inline bool
window_lasts(const Window *window, TimestampTz moment, TimestampTz *until)
{
	if (moment < window->start || moment >= window->end)
		return false;
	*until = moment >= window->now ? moment + 1 : moment + 1 - window->ahead;
	return *until < window->end;
}

static bool
get_window(SegBatch *b, const SegExpr *expr, SegTag tag, Window *window)
{
	window->now = b->eval->clock.now;
	if (expr->op != SEG_X_WITHIN || expr->detail != 0 || tag != SEG_V_MOMENT ||
		!seg_track_piece(seg_until_track(b->eval, expr), window->now, &window->ahead, &window->end))
		return false;
	window->start = window->now + window->ahead;
	return true;
}

/* A test of what stays for a while; false where its elements are not known. */
static bool
test(SegBatch *b, SegFrame *frame, const SegExpr *expr, const SegExpr *arg, const SegExpr *word, SegCompare op,
	 SegUntilVector *out)
{
	const SegVector *v = seg_batch_vector(b, frame, arg);
	int64		behind = PG_INT64_MIN;
	bool		windowed = false;
	Window		window;

	if (v->kind == SEG_VECTOR_INTS)
	{
		if (v->tag == SEG_V_NUMERIC)
			return false;
		behind = left_behind(b, expr, word, v->tag);
		windowed = get_window(b, expr, v->tag, &window);
	}
	for (int i = 0; i < frame->n; i++)
	{
		SegValue	value;
		TimestampTz until;

		if (v->kind == SEG_VECTOR_INTS && (v->ints[i] < behind || !seg_bit(v->bits, i)))
			continue;
		if (windowed && window_lasts(&window, v->ints[i], &until))
		{
			set_until(out, i, until);
			continue;
		}
		if (!seg_vector_element(v, i, &value))
			return false;
		if (value.tag != SEG_V_MISSING)
			set_until(out, i, test_lasts(b, expr, word, op, &value));
	}
	return true;
}

/* Aggregates. */

static void
aggregate(SegBatch *b, const SegExpr *expr, const SegItemRows *rows, SegUntilVector *out)
{
	SegFold    *fold = list_nth(b->program->folds, expr->fold);
	SegFoldItem *item = list_nth(fold->items, expr->item);

	for (int i = 0; i < b->members.n; i++)
	{
		bool		any = !TIMESTAMP_IS_NOBEGIN(rows->last[i]);

		if (item->kind == SEG_FOLD_EXISTS)
			set_until(out, i, any ? rows->last[i] : rows->enters[i]);
		else
			set_until(out, i, Min(rows->enters[i], rows->leaves[i]));
	}
}

/* One that is compared with something fixed. */
static void
aggregate_test(SegBatch *b, const SegExpr *expr, const SegExpr *arg, SegCompare op, const SegItemRows *rows,
			   SegUntilVector *out)
{
	SegFold    *fold = list_nth(b->program->folds, arg->fold);
	SegFoldItem *item = list_nth(fold->items, arg->item);
	const uint64 *holds = seg_batch_bits(b, &b->members, expr);

	for (int i = 0; i < b->members.n; i++)
	{
		SegItemUntil until = {rows->enters[i], rows->leaves[i], rows->last[i]};

		set_until(out, i, seg_until_rows(op, item, seg_bit(holds, i), &until));
	}
}

/* Does a value stay, if only for a while, and is that known in vectors? */
static bool
stays(SegBatch *b, const SegFrame *frame, const SegExpr *expr)
{
	if (!expr->moves)
		return true;
	if (expr->op == SEG_X_FUNCTION)
		return expr->detail == SEG_FUNC_AGE && !expr->args[0]->moves;
	return expr->op == SEG_X_AGGREGATE && frame->scope == SEG_SCOPE_MEMBER && seg_batch_item_rows(b, expr) != NULL;
}

/* A value's own end ends what is said of it. */
static void
add_ends(SegBatch *b, SegFrame *frame, const SegExpr *arg, SegUntilVector *out)
{
	const SegUntilVector *v;

	if (!arg->moves)
		return;
	v = seg_batch_until_vector(b, frame, arg);
	for (int w = 0; w < SEG_WORDS(frame->n); w++)
		for (uint64 word = v->bits[w]; word != 0; word &= word - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(word);

			set_earlier(out, i, v->at[i]);
		}
}

/* An age and a number. */
static bool
age_test(SegBatch *b, SegFrame *frame, const SegExpr *age, SegCompare op, int64 number, SegUntilVector *out)
{
	const SegVector *v = seg_batch_vector(b, frame, age);
	const SegUntilVector *birthdays = seg_batch_until_vector(b, frame, age);

	if (v->kind != SEG_VECTOR_INTS)
		return false;
	for (int w = 0; w < SEG_WORDS(frame->n); w++)
		for (uint64 word = birthdays->bits[w]; word != 0; word &= word - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(word);

			set_until(out, i, seg_until_age_test(v->ints[i], birthdays->at[i], op, number));
		}
	return true;
}

/* False where there is no loop for it. */
static bool
compare(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	const SegExpr *a = expr->args[0];
	const SegExpr *other = expr->args[1];
	SegCompare	op = expr->detail;

	if (a->op == SEG_X_CLOCK || (other->op == SEG_X_AGGREGATE && !a->moves))
	{
		a = other;
		other = expr->args[0];
		op = seg_compare_mirrored(op);
	}
	if (a->op == SEG_X_FUNCTION && other->op == SEG_X_CONST && other->constant.tag == SEG_V_INT && stays(b, frame, a))
		return age_test(b, frame, a, op, other->constant.v.i, out);
	if (!stays(b, frame, a) || (other->op != SEG_X_CLOCK && !stays(b, frame, other)))
		return false;
	if (a->op == SEG_X_AGGREGATE && a->moves && !other->moves &&
		((SegFoldItem *) list_nth(((SegFold *) list_nth(b->program->folds, a->fold))->items, a->item))->kind != SEG_FOLD_EXISTS)
	{
		aggregate_test(b, expr, a, op, seg_batch_item_rows(b, a), out);
		return true;
	}
	if (other->op == SEG_X_CLOCK)
	{
		if (a->depth < SEG_SCOPE_MEMBER || !test(b, frame, expr, a, other, op, out))
			return false;
	}
	else
		add_ends(b, frame, other, out);
	add_ends(b, frame, a, out);
	return true;
}

/* Tells it in a loop; false where there is none. */
static bool
in_loop(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	const SegItemRows *rows;

	switch (expr->op)
	{
		case SEG_X_AND:
		case SEG_X_OR:
			gate(b, frame, expr, out);
			return true;
		case SEG_X_NOT:
			add_ends(b, frame, expr->args[0], out);
			return true;
		case SEG_X_COMPARE:
			return compare(b, frame, expr, out);
		case SEG_X_WITHIN:
		case SEG_X_DURING:
		case SEG_X_ANNIVERSARY_WITHIN:
		case SEG_X_ANNIVERSARY_DURING:
			if (!stays(b, frame, expr->args[0]) || !test(b, frame, expr, expr->args[0], NULL, SEG_EQ, out))
				return false;
			add_ends(b, frame, expr->args[0], out);
			return true;
		case SEG_X_FUNCTION:
			return stays(b, frame, expr) && test(b, frame, expr, expr->args[0], NULL, SEG_EQ, out);
		case SEG_X_AGGREGATE:
			rows = frame->scope == SEG_SCOPE_MEMBER ? seg_batch_item_rows(b, expr) : NULL;
			if (rows != NULL)
				aggregate(b, expr, rows, out);
			return rows != NULL;
		default:
			return false;
	}
}

static void
compute(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegUntilVector *out)
{
	Size		size = sizeof(uint64) * SEG_WORDS(frame->n);

	memset(out->bits, 0, size);
	if (b->rows.room == 0)
		scalar(b, frame, expr, out);
	else if (expr->depth < SEG_SCOPE_MEMBER)
		constant(b, frame, expr, out);
	else if (frame->scope > SEG_SCOPE_MEMBER && expr->depth == SEG_SCOPE_MEMBER)
		gather(b, frame, expr, out);
	else if (!in_loop(b, frame, expr, out))
	{
		memset(out->bits, 0, size);
		scalar(b, frame, expr, out);
	}
}

const SegUntilVector *
seg_batch_until_vector(SegBatch *b, SegFrame *frame, const SegExpr *expr)
{
	SegUntilVector *v = &frame->untils[expr->id];
	MemoryContext caller;

	Assert(expr->moves);
	if (v->stamp == frame->stamp)
		return v;
	check_stack_depth();
	if (v->bits == NULL)
	{
		v->bits = seg_vector_memory(frame, expr->id, sizeof(uint64) * SEG_WORDS(frame->size));
		v->at = seg_vector_memory(frame, expr->id, sizeof(TimestampTz) * frame->size);
	}
	caller = MemoryContextSwitchTo(frame->context);
	compute(b, frame, expr, v);
	MemoryContextSwitchTo(caller);
	v->stamp = frame->stamp;
	return v;
}

const TimestampTz *
seg_batch_until(SegBatch *b)
{
	int			n = b->members.n;
	int			nrules = b->rules != NULL ? b->nrules : b->program->nrules;
	TimestampTz *until = MemoryContextAlloc(b->members.context, sizeof(TimestampTz) * Max(n, 1));

	for (int i = 0; i < n; i++)
		until[i] = DT_NOEND;
	for (int r = 0; r < nrules; r++)
	{
		int			rule = b->rules != NULL ? b->rules[r] : r;
		const SegUntilVector *v;

		if (!seg_program_reads_clock(b->program, rule))
			continue;
		v = seg_batch_until_vector(b, &b->members, b->program->rules[rule]);
		for (int w = 0; w < SEG_WORDS(n); w++)
			for (uint64 word = v->bits[w]; word != 0; word &= word - 1)
			{
				int			i = w * 64 + pg_rightmost_one_pos64(word);

				until[i] = Min(until[i], v->at[i]);
			}
	}
	/* the end of the calendar is not seen by anyone */
	for (int i = 0; i < n; i++)
		if (until[i] >= END_TIMESTAMP)
			until[i] = DT_NOEND;
	return until;
}
