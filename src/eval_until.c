/*
 * eval_until.c
 *		How long an answer lasts when only the clock moves.
 *
 * Every expression's value stays what it is, or moves evenly, from now until some moment;
 * that of an expression follows from those of its arguments.  What decides a gate alone holds
 * it alone: an AND that is false stays false until the last of its false arguments may
 * change.  A test of something that stays against a clock word, a window or a period
 * lasts exactly as long as eval_until_time.c says.
 *
 * All moments are lower bounds.  Where nothing is known of how a value moves, it is the next
 * microsecond.
 *
 * They are remembered as the values are (eval.c), and for as long.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "eval_until.h"

/* How far ahead an evaluator of one member looks for anniversaries: further would not pay. */
#define ANNIVERSARY_DAYS	32

/* Doubles tell microseconds from each other up to here. */
#define EXACT_DOUBLE		4503599627370496.0

static const SegDrift for_ever = {.end = DT_NOEND,.steady = true};

SegUntilState *
seg_until_begin(SegEval *e)
{
	MemoryContext context = GetMemoryChunkContext(e);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SegUntilState *state = palloc0(sizeof(SegUntilState));
	int			nexprs = Max(list_length(e->program->exprs), 1);

	state->context = context;
	state->stamps = palloc0(sizeof(uint64) * nexprs);
	state->drifts = palloc0(sizeof(SegDrift) * nexprs);
	state->wall = seg_track_wall(e->clock.zone);
	state->tracks = palloc0(sizeof(SegTrack *) * nexprs);
	state->anniversaries = palloc0(sizeof(SegAnniversaries *) * nexprs);
	state->anniversary_days = ANNIVERSARY_DAYS;
	e->until = state;
	state->folds = seg_until_folds(e);
	MemoryContextSwitchTo(caller);
	return state;
}

TimestampTz
seg_eval_until(SegEval *e, int rule)
{
	TimestampTz until;

	if (!seg_program_reads_clock(e->program, rule))
		return DT_NOEND;
	if (e->until == NULL)
		(void) seg_until_begin(e);
	until = seg_until(e, e->program->rules[rule]);
	/* the end of the calendar is not seen by anyone */
	return until >= END_TIMESTAMP ? DT_NOEND : until;
}

TimestampTz
seg_until(SegEval *e, const SegExpr *expr)
{
	SegDrift	drift = seg_until_drift(e, expr);

	return drift.rate == 0 ? drift.end : e->clock.now + 1;
}

static SegDrift
stays(TimestampTz end)
{
	return (SegDrift) {.end = end};
}

static SegDrift
unknown(const SegEval *e)
{
	return stays(e->clock.now + 1);
}

/* The least end of all arguments. */
static SegDrift
args_stay(SegEval *e, const SegExpr *expr)
{
	TimestampTz end = DT_NOEND;

	for (int i = 0; i < expr->nargs; i++)
		end = Min(end, seg_until(e, expr->args[i]));
	return stays(end);
}

/*
 * Is a gate decided by something that does not move?  Then nothing else has to be looked at, and
 * aggregates least of all (seg_eval_needs_rows).
 */
static bool
is_decided_for_good(SegEval *e, const SegExpr *expr, bool decisive)
{
	for (int i = 0; i < expr->nargs; i++)
		if (!expr->args[i]->folds && !expr->args[i]->moves && seg_eval_condition(e, expr->args[i]) == decisive)
			return true;
	for (int i = 0; expr->folds && i < expr->nargs; i++)
		if (expr->args[i]->folds && !expr->args[i]->moves && seg_eval_condition(e, expr->args[i]) == decisive)
			return true;
	return false;
}

static TimestampTz
gate(SegEval *e, const SegExpr *expr)
{
	bool		decisive = expr->op == SEG_X_OR;
	bool		decided = false;
	TimestampTz end = DT_NOBEGIN;

	if (is_decided_for_good(e, expr, decisive))
		return DT_NOEND;
	for (int i = 0; i < expr->nargs; i++)
	{
		if (expr->args[i]->moves && seg_eval_condition(e, expr->args[i]) == decisive)
		{
			decided = true;
			end = Max(end, seg_until(e, expr->args[i]));
		}
	}
	if (decided)
		return end;
	end = DT_NOEND;
	for (int i = 0; i < expr->nargs; i++)
		end = Min(end, seg_until(e, expr->args[i]));
	return end;
}

/* Comparisons of what moves evenly. */

/*
 * When does "gap is greater than 0" change if it grows so?  Early by more than values are
 * rounded, if they are.
 */
static TimestampTz
crosses_zero(const SegEval *e, double gap, double rate, bool rounded)
{
	double		steps;

	/* the same course: they meet only by being rounded */
	if (rate == 0)
		return gap == 0 ? e->clock.now + 1 : DT_NOEND;
	if ((gap > 0) == (rate > 0) && gap != 0)
		return DT_NOEND;
	if (gap == 0 && rate < 0)
		return DT_NOEND;
	steps = fabs(gap / rate);
	if (rounded || fabs(rate) != 1 || steps >= EXACT_DOUBLE)
		steps = steps * (1 - 1e-9) - 2;
	if (gap <= 0)
		steps += 1;
	if (!(steps < (double) (END_TIMESTAMP - e->clock.now)))
		return DT_NOEND;
	return e->clock.now + Max((int64) steps, 1);
}

/*
 * Until when a value that moves evenly stays from least to greatest.  Beyond, there is none: neither moments nor
 * durations reach further than their types do.
 */
static TimestampTz
range_lasts(const SegEval *e, int64 value, const SegDrift *course, int64 least, int64 greatest)
{
	bool		rises = course->rate > 0;
	int64		room;
	TimestampTz end;

	if (fabs(course->rate) != 1 || course->rounded)
		return crosses_zero(e, rises ? (double) value - (double) greatest : (double) least - (double) value,
							fabs(course->rate), true);
	if (pg_sub_s64_overflow(rises ? greatest : value, rises ? value : least, &room) ||
		pg_add_s64_overflow(e->clock.now, room, &end) || end >= END_TIMESTAMP)
		return DT_NOEND;
	return end + 1;
}

/* The moments that a time covers, both included; false if it has none. */
static bool
covers(const SegEval *e, const SegValue *time, TimestampTz *first, TimestampTz *last)
{
	SegValue	parsed;

	if (time->tag == SEG_V_TEXT && seg_value_from_iso(&parsed, time, &e->clock))
		time = &parsed;
	if (!seg_value_moment(time, &e->clock, first))
		return false;
	*last = *first;
	if (time->tag == SEG_V_WHOLE_DAY)
	{
		if (!seg_clock_day_start(&e->clock, (DateADT) time->v.i + 1, last))
			return false;
		(*last)--;
	}
	return true;
}

/* What a duration is compared by; false if it is too long. */
static bool
microseconds(const Interval *span, int64 *result)
{
	int64		days = (int64) span->month * DAYS_PER_MONTH + span->day;

	return !pg_mul_s64_overflow(days, USECS_PER_DAY, result) && !pg_add_s64_overflow(*result, span->time, result);
}

/* By how much a is greater than b; false if that cannot be told. */
static bool
difference(const SegEval *e, const SegValue *a, const SegValue *b, double *gap)
{
	SegValue	result;
	int64		x,
				y,
				ignore;

	if (seg_value_is_number(a) && seg_value_is_number(b))
	{
		/* floats are rounded in ways that nobody can foresee */
		if (a->tag == SEG_V_FLOAT || b->tag == SEG_V_FLOAT)
			return false;
		seg_value_arith(&result, SEG_NODE_SUBTRACT, a, b, &e->clock);
		if (!seg_value_is_number(&result))
			return false;
		*gap = seg_value_double(&result);
		return true;
	}
	if (a->tag == SEG_V_DURATION && b->tag == SEG_V_DURATION)
	{
		if (!microseconds(a->v.span, &x) || !microseconds(b->v.span, &y))
			return false;
	}
	else if (!covers(e, a, &x, &ignore) || !covers(e, b, &ignore, &y))
		return false;
	/* beyond all that can be, the exact distance does not matter */
	*gap = pg_sub_s64_overflow(x, y, &ignore) ? (double) x - (double) y : (double) ignore;
	return true;
}

/* The trend of both together, the second turned round by sign -1. */
static void
add_trends(SegDrift *out, const SegDrift *a, const SegDrift *b, int sign)
{
	out->steady = a->steady && b->steady;
	out->trend = a->trend + sign * b->trend;
	out->slack = a->slack + b->slack;
}

static void
scale_trend(SegDrift *out, const SegDrift *arg, double factor)
{
	out->steady = arg->steady;
	out->trend = arg->trend * factor;
	out->slack = arg->slack * fabs(factor);
}

/*
 * The same on the whole: not before what goes in steps can have come across.  That a value is not there any more at the
 * end of the calendar is left out here: everybody would be due then, for nothing.
 */
static TimestampTz
comes_across(const SegEval *e, double gap, const SegDrift *difference)
{
	double		distance = fabs(gap) - difference->slack;
	double		steps;

	if (!difference->steady || !(distance > 0))
		return e->clock.now + 1;
	if (difference->trend == 0 || (gap > 0) == (difference->trend > 0))
		return DT_NOEND;
	/* slack is wide enough for everything that is rounded here */
	steps = distance / fabs(difference->trend);
	if (!(steps < (double) (END_TIMESTAMP - e->clock.now)))
		return DT_NOEND;
	return e->clock.now + Max((int64) steps, 1);
}

/* Until when "gap is greater than 0" is what it is, of a difference that moves so. */
static TimestampTz
gap_lasts(const SegEval *e, double gap, const SegDrift *difference)
{
	TimestampTz even = difference->end;

	if (difference->rate != 0 || difference->rounded)
		even = Min(even, crosses_zero(e, gap, difference->rate, difference->rounded));
	return Max(even, comes_across(e, gap, difference));
}

/* Until when "a op b" is what it is, for any two values. */
static TimestampTz
drifting_compare(SegEval *e, SegCompare op, const SegExpr *a, const SegExpr *b, const SegCompareHow *how)
{
	SegDrift	drift_a = seg_until_drift(e, a);
	SegDrift	drift_b = seg_until_drift(e, b);
	const SegValue *value_a = seg_eval_value(e, a);
	const SegValue *value_b = seg_eval_value(e, b);
	SegDrift	away = {.end = Min(drift_a.end, drift_b.end)};
	SegDrift	back;
	bool		moves = drift_a.rate != 0 || drift_b.rate != 0;
	TimestampTz end = DT_NOEND;
	double		gap;
	int			ignore;

	add_trends(&away, &drift_a, &drift_b, -1);
	if ((!moves && !away.steady) || !seg_value_compare(value_a, value_b, how, &ignore))
		return away.end;
	away.rate = drift_a.rate - drift_b.rate;
	away.rounded = moves && (drift_a.rounded || drift_b.rounded);
	back = away;
	back.rate = -away.rate;
	back.trend = -away.trend;
	if (op != SEG_LT && op != SEG_GE)
	{
		if (!difference(e, value_a, value_b, &gap))
			return moves ? e->clock.now + 1 : away.end;
		end = gap_lasts(e, gap, &away);
	}
	if (op != SEG_GT && op != SEG_LE)
	{
		if (!difference(e, value_b, value_a, &gap))
			return moves ? e->clock.now + 1 : away.end;
		end = Min(end, gap_lasts(e, gap, &back));
	}
	return end;
}

static TimestampTz
compare(SegEval *e, SegCompare op, const SegExpr *a, const SegExpr *b, const SegCompareHow *how)
{
	const SegExpr *other = b;
	SegDrift	drift;

	/* what can be told best stands on the right, or on the left against a constant */
	if (a->op == SEG_X_CLOCK || (b->op == SEG_X_AGGREGATE && !a->moves))
	{
		b = a;
		a = other;
		op = seg_compare_mirrored(op);
	}
	if (a->op == SEG_X_AGGREGATE && !b->moves)
		return seg_until_aggregate_test(e, a, op, seg_eval_value(e, b), how);
	if (a->op == SEG_X_FUNCTION && a->detail == SEG_FUNC_AGE && !a->args[0]->moves &&
		b->op == SEG_X_CONST && b->constant.tag == SEG_V_INT)
	{
		const SegValue *age = seg_eval_value(e, a);

		return age->tag == SEG_V_INT ? seg_until_age_test(age->v.i, seg_until(e, a), op, b->constant.v.i) : DT_NOEND;
	}
	drift = seg_until_drift(e, a);
	if (b->op == SEG_X_CLOCK && drift.rate == 0)
		return Min(drift.end, seg_until_clock(e, op, seg_eval_value(e, a), b));
	return drifting_compare(e, op, a, b, how);
}

/* One of them equal: while it stays so, the others do not matter. */
static TimestampTz
in_elements(SegEval *e, const SegExpr *expr)
{
	SegCompareHow how = expr->how;
	bool		decided = false;
	TimestampTz last = DT_NOBEGIN;
	TimestampTz first = DT_NOEND;

	how.clock = &e->clock;
	for (int i = 1; i < expr->nargs; i++)
	{
		TimestampTz until = compare(e, SEG_EQ, expr->args[0], expr->args[i], &how);

		if (seg_value_equal(seg_eval_value(e, expr->args[0]), seg_eval_value(e, expr->args[i]), &how))
		{
			decided = true;
			last = Max(last, until);
		}
		else
			first = Min(first, until);
	}
	return decided ? last : first;
}

/* Windows and periods around what moves as the clock does. */

/* The end of the unit that a moment lies in which goes with the clock. */
static TimestampTz
moving_unit_end(SegEval *e, const SegValue *moment, SegUnit unit)
{
	return e->clock.now + (seg_track_unit_end(e->until->wall, moment->v.i, unit) - moment->v.i);
}

static TimestampTz
moving_span(SegEval *e, const SegExpr *expr, const SegValue *value)
{
	TimestampTz now = e->clock.now;
	TimestampTz end = DT_NOEND;
	const SegEvalSpan *span;
	SegUnit		unit;
	int64		shift;
	int64		ahead;

	if (value->tag != SEG_V_MOMENT)
		return now + 1;
	span = expr->op == SEG_X_ANNIVERSARY_WITHIN || expr->op == SEG_X_ANNIVERSARY_DURING ? NULL : seg_eval_span(e, expr);
	if (span == NULL || span->month != 0)
	{
		if (expr->op != SEG_X_ANNIVERSARY_DURING || !seg_until_unit(expr->node, &unit, &shift))
			unit = SEG_DAY;
		return Min(moving_unit_end(e, value, SEG_DAY), seg_track_unit_end(e->until->wall, now, Min(unit, SEG_DAY)));
	}
	if (!span->valid)
		return now + 1;
	/* the bounds go with it too, or they stand still */
	if (expr->op == SEG_X_WITHIN)
		return seg_track_piece(seg_until_track(e, expr), now, &ahead, &end) ? end : now + 1;
	if (seg_until_unit(expr->node, &unit, &shift))
		end = seg_track_unit_end(e->until->wall, now, unit);
	if (value->v.i < span->moments.start)
		return Min(end, now + (span->moments.start - value->v.i));
	return value->v.i < span->moments.end ? Min(end, now + (span->moments.end - value->v.i)) : end;
}

static TimestampTz
span_lasts(SegEval *e, const SegExpr *expr)
{
	SegDrift	drift = seg_until_drift(e, expr->args[0]);
	const SegValue *value = seg_eval_value(e, expr->args[0]);

	if (drift.rate == 0)
		return Min(drift.end, seg_until_span(e, expr, value));
	return drift.rate == 1 ? Min(drift.end, moving_span(e, expr, value)) : e->clock.now + 1;
}

/* Values. */

static bool
is_fixed(const SegDrift *drift)
{
	return drift->rate == 0 && TIMESTAMP_IS_NOEND(drift->end);
}

/* A moment or a duration that an expression comes to; durations move in their time alone. */
static SegDrift
within_type(SegEval *e, const SegExpr *expr, SegDrift drift)
{
	const SegValue *value = seg_eval_value(e, expr);

	if (drift.rate != 0 && value->tag == SEG_V_MOMENT)
		drift.end = Min(drift.end, range_lasts(e, value->v.i, &drift, MIN_TIMESTAMP, END_TIMESTAMP - 1));
	else if (drift.rate != 0 && value->tag == SEG_V_DURATION)
		drift.end = Min(drift.end, range_lasts(e, value->v.span->time, &drift, PG_INT64_MIN, PG_INT64_MAX));
	return drift;
}

static SegDrift
sum_of(const SegDrift *a, const SegDrift *b, int sign, TimestampTz end)
{
	SegDrift	drift = {.end = end,.rate = a->rate + sign * b->rate,.rounded = true};

	add_trends(&drift, a, b, sign);
	return drift;
}

/* What moves, times a number that stays for ever (or the end comes first). */
static SegDrift
scaled(const SegDrift *moving, double factor, TimestampTz end)
{
	SegDrift	drift = {.end = end,.rate = moving->rate * factor,.rounded = true};

	scale_trend(&drift, moving, factor);
	return drift;
}

/* The same of a duration, which is there only as far as duration_scale() goes (value_math.c). */
static SegDrift
scaled_duration(const SegEval *e, const SegDrift *moving, const Interval *span, double factor, TimestampTz end)
{
	SegDrift	drift = scaled(moving, factor, end);
	double		days = fabs(span->month * factor) * DAYS_PER_MONTH + fabs(span->day * factor);
	double		greatest = (double) (PG_INT64_MAX / 2) - days * USECS_PER_DAY;
	double		time = span->time * factor;

	if (drift.rate != 0)
		drift.end = Min(end, crosses_zero(e, (drift.rate > 0 ? time : -time) - greatest, fabs(drift.rate), true));
	return drift;
}

static SegDrift
arith_numbers(SegEval *e, const SegExpr *expr, SegDrift a, SegDrift b, TimestampTz end)
{
	double		x = seg_value_double(seg_eval_value(e, expr->args[0]));
	double		y = seg_value_double(seg_eval_value(e, expr->args[1]));

	switch (expr->detail)
	{
		case SEG_NODE_ADD:
			return sum_of(&a, &b, 1, end);
		case SEG_NODE_SUBTRACT:
			return sum_of(&a, &b, -1, end);
		case SEG_NODE_MULTIPLY:
			if (!is_fixed(&a) && !is_fixed(&b))
				return a.rate == 0 && b.rate == 0 ? stays(end) : unknown(e);
			return is_fixed(&b) ? scaled(&a, y, end) : scaled(&b, x, end);
		default:
			if (!is_fixed(&b))
				return a.rate == 0 && b.rate == 0 ? stays(end) : unknown(e);
			return scaled(&a, 1 / y, end);
	}
}

/* Nothing can be added to it, nor can it be taken from anything, whatever the other is. */
static bool
adds_nothing(const SegEval *e, const SegValue *value)
{
	TimestampTz first;
	TimestampTz last;

	if (value->tag == SEG_V_MISSING)
		return true;
	return !seg_value_is_number(value) && value->tag != SEG_V_DURATION &&
		(!covers(e, value, &first, &last) || TIMESTAMP_NOT_FINITE(first));
}

/* A moment and a duration. */
static SegDrift
arith_moment(SegEval *e, SegDrift moment, const SegValue *time, SegDrift span, const Interval *interval, int sign,
			 TimestampTz end)
{
	SegDrift	drift = {.end = end,.rate = moment.rate + sign * span.rate,.rounded = moment.rounded || span.rounded};
	SegTrack   *track;
	int64		ahead;
	TimestampTz piece;

	/* days and months differ in length */
	add_trends(&drift, &moment, &span, sign);
	drift.slack += SEG_TRACK_SLACK;
	if (moment.rate != 0 && (interval->month != 0 || interval->day != 0))
	{
		/* steps of the calendar go with the clock only up to the next irregularity */
		if (moment.rate != 1 || span.rate != 0 || time->tag != SEG_V_MOMENT)
			return unknown(e);
		track = seg_track_span(e->clock.zone, interval, sign, false);
		if (!seg_track_piece(track, time->v.i, &ahead, &piece))
			return unknown(e);
		drift.end = Min(end, e->clock.now + (piece - time->v.i));
	}
	return drift;
}

static SegDrift
arith(SegEval *e, const SegExpr *expr)
{
	SegDrift	a = seg_until_drift(e, expr->args[0]);
	SegDrift	b = seg_until_drift(e, expr->args[1]);
	const SegValue *x = seg_eval_value(e, expr->args[0]);
	const SegValue *y = seg_eval_value(e, expr->args[1]);
	TimestampTz end = Min(a.end, b.end);
	SegDrift	drift;
	int			sign = expr->detail == SEG_NODE_SUBTRACT ? -1 : 1;

	if (a.rate == 0 && b.rate == 0 && !(a.steady && b.steady))
		return stays(end);
	if (a.rate == 0 && adds_nothing(e, x))
		return stays(a.end);
	if (b.rate == 0 && adds_nothing(e, y))
		return stays(b.end);
	if (seg_eval_value(e, expr)->tag == SEG_V_MISSING || x->tag == SEG_V_FLOAT || y->tag == SEG_V_FLOAT)
		return a.rate == 0 && b.rate == 0 ? stays(end) : unknown(e);
	if (seg_value_is_number(x) && seg_value_is_number(y))
		return arith_numbers(e, expr, a, b, end);
	if (expr->detail == SEG_NODE_MULTIPLY || expr->detail == SEG_NODE_DIVIDE)
	{
		/* a duration that moves and a number that does not */
		if (x->tag == SEG_V_DURATION && is_fixed(&b))
			return scaled_duration(e, &a, x->v.span,
								   expr->detail == SEG_NODE_DIVIDE ? 1 / seg_value_double(y) : seg_value_double(y), end);
		if (y->tag == SEG_V_DURATION && is_fixed(&a))
			return scaled_duration(e, &b, y->v.span, seg_value_double(x), end);
		return a.rate == 0 && b.rate == 0 ? stays(end) : unknown(e);
	}
	if (y->tag == SEG_V_DURATION && x->tag != SEG_V_DURATION)
		return within_type(e, expr, arith_moment(e, a, x, b, y->v.span, sign, end));
	if (x->tag == SEG_V_DURATION && y->tag != SEG_V_DURATION)
		return within_type(e, expr, arith_moment(e, b, y, a, x->v.span, 1, end));
	drift = sum_of(&a, &b, sign, end);
	drift.rounded = a.rounded || b.rounded;
	/* days count as of one length, or their midnights do not */
	drift.slack += SEG_TRACK_SLACK;
	return within_type(e, expr, drift);
}

/* The first that is not missing. */
static SegDrift
coalesce(SegEval *e, const SegExpr *expr)
{
	TimestampTz end = DT_NOEND;

	for (int i = 0; i < expr->nargs; i++)
	{
		SegDrift	drift = seg_until_drift(e, expr->args[i]);

		drift.steady &= TIMESTAMP_IS_NOEND(end);
		drift.end = end = Min(end, drift.end);
		if (seg_eval_value(e, expr->args[i])->tag != SEG_V_MISSING)
			return drift;
	}
	return stays(end);
}

/* A part of the date of a moment that goes with the clock. */
static SegDrift
moving_calendar(SegEval *e, SegFunction function, SegDrift arg, const SegValue *value)
{
	SegUnit		unit = function == SEG_FUNC_HOUR ? SEG_HOUR : function == SEG_FUNC_MONTH ? SEG_MONTH :
		function == SEG_FUNC_YEAR ? SEG_YEAR : SEG_DAY;
	TimestampTz end;

	if (arg.rate != 1 || value->tag != SEG_V_MOMENT)
		return unknown(e);
	end = Min(arg.end, moving_unit_end(e, value, unit));
	return stays(function == SEG_FUNC_AGE ? Min(end, seg_track_unit_end(e->until->wall, e->clock.now, unit)) : end);
}

/* The month and the year of TODAY last longer than the day. */
static bool
is_today(const SegExpr *expr)
{
	return expr->op == SEG_X_CLOCK && expr->node->kind == SEG_NODE_CLOCK && expr->node->op == SEG_TODAY;
}

static SegDrift
function(SegEval *e, const SegExpr *expr)
{
	SegDrift	arg = seg_until_drift(e, expr->args[0]);
	const SegValue *value = seg_eval_value(e, expr->args[0]);
	bool		negative;
	double		gap;
	SegValue	zero = {.tag = SEG_V_INT};

	if (expr->detail == SEG_FUNC_COALESCE)
		return coalesce(e, expr);
	if (is_today(expr->args[0]) && (expr->detail == SEG_FUNC_MONTH || expr->detail == SEG_FUNC_YEAR))
		return stays(seg_track_unit_end(e->until->wall, e->clock.now, expr->detail == SEG_FUNC_MONTH ? SEG_MONTH : SEG_YEAR));
	if (expr->detail == SEG_FUNC_DAYS && arg.steady)
		return scaled(&arg, 1.0 / USECS_PER_DAY, arg.end);
	if (arg.rate == 0)
		return stays(expr->detail == SEG_FUNC_AGE ? Min(arg.end, seg_until_age(e, value)) : arg.end);
	switch (expr->detail)
	{
		case SEG_FUNC_DAYS:
			return scaled(&arg, 1.0 / USECS_PER_DAY, arg.end);
		case SEG_FUNC_ABS:
			if (!difference(e, value, &zero, &gap))
				return unknown(e);
			negative = gap < 0 || (gap == 0 && arg.rate < 0);
			if (negative ? arg.rate > 0 : arg.rate < 0)
				arg.end = Min(arg.end, crosses_zero(e, negative ? -gap : gap, -fabs(arg.rate), true));
			return (SegDrift) {.end = arg.end,.rate = negative ? -arg.rate : arg.rate,.rounded = true};
		case SEG_FUNC_AGE:
		case SEG_FUNC_YEAR:
		case SEG_FUNC_MONTH:
		case SEG_FUNC_DAY:
		case SEG_FUNC_WEEKDAY:
		case SEG_FUNC_HOUR:
			return moving_calendar(e, expr->detail, arg, value);
		default:
			return unknown(e);
	}
}

static SegDrift
compute(SegEval *e, const SegExpr *expr)
{
	SegDrift	drift;
	SegDrift	negative;
	SegCompareHow how;

	switch (expr->op)
	{
		case SEG_X_CLOCK:
			return seg_until_clock_word(e, expr);
		case SEG_X_ARITH:
			return arith(e, expr);
		case SEG_X_NEGATE:
			drift = seg_until_drift(e, expr->args[0]);
			negative = drift;
			negative.rate = -drift.rate;
			negative.trend = -drift.trend;
			return within_type(e, expr, negative);
		case SEG_X_FUNCTION:
			return function(e, expr);
		case SEG_X_AGGREGATE:
			return seg_until_aggregate(e, expr);
		case SEG_X_AND:
		case SEG_X_OR:
			return stays(gate(e, expr));
		case SEG_X_COMPARE:
			how = expr->how;
			how.clock = &e->clock;
			return stays(compare(e, expr->detail, expr->args[0], expr->args[1], &how));
		case SEG_X_IN:
			return stays(in_elements(e, expr));
		case SEG_X_IS_NULL:
			/* what moves evenly is there until its end */
			return stays(seg_until_drift(e, expr->args[0]).end);
		case SEG_X_WITHIN:
		case SEG_X_DURING:
		case SEG_X_ANNIVERSARY_WITHIN:
		case SEG_X_ANNIVERSARY_DURING:
			return stays(span_lasts(e, expr));
		default:
			return args_stay(e, expr);
	}
}

SegDrift
seg_until_drift(SegEval *e, const SegExpr *expr)
{
	SegUntilState *state = e->until;
	SegEvalScope *scope;
	MemoryContext caller;

	if (!expr->moves)
		return for_ever;
	scope = &e->scopes[expr->depth];
	if (state->stamps[expr->id] == scope->stamp)
		return state->drifts[expr->id];

	check_stack_depth();
	caller = MemoryContextSwitchTo(scope->context);
	state->drifts[expr->id] = compute(e, expr);
	MemoryContextSwitchTo(caller);
	Assert(state->drifts[expr->id].end > e->clock.now);
	state->stamps[expr->id] = scope->stamp;
	return state->drifts[expr->id];
}
