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

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "eval_until.h"

/* How far ahead an evaluator of one member looks for anniversaries: further would not pay. */
#define ANNIVERSARY_DAYS	32

/* Doubles tell microseconds from each other up to here. */
#define EXACT_DOUBLE		4503599627370496.0

static const SegDrift for_ever = {DT_NOEND, 0, false};

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
	return (SegDrift) {end, 0, false};
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

/* Is a gate decided by something that does not move?  Then nothing else has to be looked at. */
static bool
is_decided_for_good(SegEval *e, const SegExpr *expr, bool decisive)
{
	for (int i = 0; i < expr->nargs; i++)
		if (!expr->args[i]->moves && seg_eval_condition(e, expr->args[i]) == decisive)
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

static double
microseconds(const Interval *span)
{
	return (double) span->time + ((double) span->month * DAYS_PER_MONTH + span->day) * USECS_PER_DAY;
}

/* By how much a is greater than b; false if that cannot be told. */
static bool
difference(const SegEval *e, const SegValue *a, const SegValue *b, double *gap)
{
	SegValue	result;
	TimestampTz a_first,
				a_last,
				b_first,
				b_last;

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
		*gap = microseconds(a->v.span) - microseconds(b->v.span);
		return true;
	}
	if (!covers(e, a, &a_first, &a_last) || !covers(e, b, &b_first, &b_last))
		return false;
	*gap = (double) a_first - (double) b_last;
	return true;
}

/* Until when "a op b" is what it is, for any two values. */
static TimestampTz
drifting_compare(SegEval *e, SegCompare op, const SegExpr *a, const SegExpr *b, const SegCompareHow *how)
{
	SegDrift	drift_a = seg_until_drift(e, a);
	SegDrift	drift_b = seg_until_drift(e, b);
	const SegValue *value_a = seg_eval_value(e, a);
	const SegValue *value_b = seg_eval_value(e, b);
	TimestampTz end = Min(drift_a.end, drift_b.end);
	double		rate = drift_a.rate - drift_b.rate;
	bool		rounded = drift_a.rounded || drift_b.rounded;
	double		gap;
	int			ignore;

	if ((drift_a.rate == 0 && drift_b.rate == 0) || !seg_value_compare(value_a, value_b, how, &ignore))
		return end;
	if (rate == 0 && !rounded)
		return end;
	if (op != SEG_LT && op != SEG_GE)
	{
		if (!difference(e, value_a, value_b, &gap))
			return e->clock.now + 1;
		end = Min(end, crosses_zero(e, gap, rate, rounded));
	}
	if (op != SEG_GT && op != SEG_LE)
	{
		if (!difference(e, value_b, value_a, &gap))
			return e->clock.now + 1;
		end = Min(end, crosses_zero(e, gap, -rate, rounded));
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

static SegDrift
arith_numbers(SegEval *e, const SegExpr *expr, SegDrift a, SegDrift b, TimestampTz end)
{
	double		x = seg_value_double(seg_eval_value(e, expr->args[0]));
	double		y = seg_value_double(seg_eval_value(e, expr->args[1]));

	switch (expr->detail)
	{
		case SEG_NODE_ADD:
			return (SegDrift) {end, a.rate + b.rate, true};
		case SEG_NODE_SUBTRACT:
			return (SegDrift) {end, a.rate - b.rate, true};
		case SEG_NODE_MULTIPLY:
			if (a.rate != 0 && b.rate != 0)
				return unknown(e);
			return (SegDrift) {end, a.rate * y + b.rate * x, true};
		default:
			return b.rate != 0 ? unknown(e) : (SegDrift) {end, a.rate / y, true};
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
	SegTrack   *track;
	int64		ahead;
	TimestampTz piece;

	if (moment.rate != 0 && (interval->month != 0 || interval->day != 0))
	{
		/* steps of the calendar go with the clock only up to the next irregularity */
		if (moment.rate != 1 || span.rate != 0 || time->tag != SEG_V_MOMENT)
			return unknown(e);
		track = seg_track_span(e->clock.zone, interval, sign, false);
		if (!seg_track_piece(track, time->v.i, &ahead, &piece))
			return unknown(e);
		end = Min(end, e->clock.now + (piece - time->v.i));
	}
	return (SegDrift) {end, moment.rate + sign * span.rate, moment.rounded || span.rounded};
}

/* A duration that moves, times a number or divided by it. */
static SegDrift
scaled(double rate, double factor, bool divide, TimestampTz end)
{
	return (SegDrift) {end, divide ? rate / factor : rate * factor, true};
}

static SegDrift
arith(SegEval *e, const SegExpr *expr)
{
	SegDrift	a = seg_until_drift(e, expr->args[0]);
	SegDrift	b = seg_until_drift(e, expr->args[1]);
	const SegValue *x = seg_eval_value(e, expr->args[0]);
	const SegValue *y = seg_eval_value(e, expr->args[1]);
	TimestampTz end = Min(a.end, b.end);
	int			sign = expr->detail == SEG_NODE_SUBTRACT ? -1 : 1;

	if (a.rate == 0 && b.rate == 0)
		return stays(end);
	if (a.rate == 0 && adds_nothing(e, x))
		return stays(a.end);
	if (b.rate == 0 && adds_nothing(e, y))
		return stays(b.end);
	if (seg_eval_value(e, expr)->tag == SEG_V_MISSING || x->tag == SEG_V_FLOAT || y->tag == SEG_V_FLOAT)
		return unknown(e);
	if (seg_value_is_number(x) && seg_value_is_number(y))
		return arith_numbers(e, expr, a, b, end);
	if (expr->detail == SEG_NODE_MULTIPLY || expr->detail == SEG_NODE_DIVIDE)
	{
		/* a duration that moves and a number that does not */
		if (x->tag == SEG_V_DURATION && b.rate == 0)
			return scaled(a.rate, seg_value_double(y), expr->detail == SEG_NODE_DIVIDE, end);
		if (y->tag == SEG_V_DURATION && a.rate == 0)
			return scaled(b.rate, seg_value_double(x), false, end);
		return unknown(e);
	}
	if (y->tag == SEG_V_DURATION && x->tag != SEG_V_DURATION)
		return arith_moment(e, a, x, b, y->v.span, sign, end);
	if (x->tag == SEG_V_DURATION && y->tag != SEG_V_DURATION)
		return arith_moment(e, b, y, a, x->v.span, 1, end);
	return (SegDrift) {end, a.rate + sign * b.rate, a.rounded || b.rounded};
}

/* The first that is not missing. */
static SegDrift
coalesce(SegEval *e, const SegExpr *expr)
{
	TimestampTz end = DT_NOEND;

	for (int i = 0; i < expr->nargs; i++)
	{
		SegDrift	drift = seg_until_drift(e, expr->args[i]);

		end = Min(end, drift.end);
		if (seg_eval_value(e, expr->args[i])->tag != SEG_V_MISSING)
			return (SegDrift) {end, drift.rate, drift.rounded};
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
	if (arg.rate == 0)
		return stays(expr->detail == SEG_FUNC_AGE ? Min(arg.end, seg_until_age(e, value)) : arg.end);
	switch (expr->detail)
	{
		case SEG_FUNC_DAYS:
			return (SegDrift) {arg.end, arg.rate / USECS_PER_DAY, true};
		case SEG_FUNC_ABS:
			if (!difference(e, value, &zero, &gap))
				return unknown(e);
			negative = gap < 0 || (gap == 0 && arg.rate < 0);
			if (negative ? arg.rate > 0 : arg.rate < 0)
				arg.end = Min(arg.end, crosses_zero(e, negative ? -gap : gap, -fabs(arg.rate), true));
			return (SegDrift) {arg.end, negative ? -arg.rate : arg.rate, true};
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
	SegDrift	drift = {0};
	SegCompareHow how;

	switch (expr->op)
	{
		case SEG_X_CLOCK:
			drift.end = seg_until_clock_word(e, expr, &drift.rate);
			return drift;
		case SEG_X_ARITH:
			return arith(e, expr);
		case SEG_X_NEGATE:
			drift = seg_until_drift(e, expr->args[0]);
			return (SegDrift) {drift.end, -drift.rate, drift.rounded};
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
			/* what moves evenly is there all the time */
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
