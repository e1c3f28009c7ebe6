/*
 * eval_span.c
 *		What a WITHIN or DURING covers, and what falls into it.
 *
 * A span is worked out once for a moment of evaluation and then asked about many values.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "eval_span.h"

static bool
anniversaries_in_period(SegEvalSpan *span, const SegNode *period, const SegClock *clock)
{
	SegSpan		moments;
	DateADT		end;

	if (!seg_clock_period(clock, period, &moments) ||
		!seg_clock_day_of(clock, moments.start, &span->first) ||
		!seg_clock_day_of(clock, moments.end, &end))
		return false;
	/* not the day of the moment before: where midnight comes twice, it is the next day already */
	span->last = Max(end - 1, span->first);
	return true;
}

static bool
anniversaries_in_window(SegEvalSpan *span, const Interval *duration, bool next, const SegClock *clock)
{
	TimestampTz today;
	TimestampTz other;
	DateADT		day;

	if (!seg_clock_day_start(clock, clock->today, &today) ||
		!seg_clock_add(clock, today, duration, next ? 1 : -1, &other) ||
		!seg_clock_day_of(clock, other, &day))
		return false;
	span->first = next ? clock->today : day;
	span->last = (next ? day : clock->today) - 1;
	return true;
}

void
seg_span_set(SegEvalSpan *span, const SegNode *what, bool next, bool anniversary, const SegClock *clock)
{
	Interval	duration;

	span->valid = true;
	span->anniversary = anniversary;
	span->month = 0;
	if (what->kind == SEG_NODE_PERIOD)
	{
		if (what->op == SEG_PERIOD_MONTH_NAME)
			span->month = seg_node_int(what);
		else if (anniversary)
			span->valid = anniversaries_in_period(span, what, clock);
		else
			span->valid = seg_clock_period(clock, what, &span->moments);
		return;
	}
	duration = seg_node_duration(what);
	if (anniversary)
		span->valid = anniversaries_in_window(span, &duration, next, clock);
	else
		span->valid = seg_clock_window(clock, next, &duration, &span->moments);
}

static bool
in_month(const SegValue *value, int month, const SegClock *clock)
{
	SegValue	actual;
	SegTypeInfo type = {.type = SEG_T_MOMENT};

	seg_value_function(&actual, SEG_FUNC_MONTH, value, &type, clock);
	return actual.tag == SEG_V_INT && actual.v.i == month;
}

bool
seg_span_holds(const SegEvalSpan *span, const SegValue *value, const SegClock *clock)
{
	TimestampTz moment;
	DateADT		day;

	if (!span->valid || value->tag == SEG_V_MISSING)
		return false;
	if (span->month != 0)
		return in_month(value, span->month, clock);
	if (span->anniversary)
		return seg_value_day(value, clock, &day) && seg_clock_anniversary(day, span->first, span->last);
	return seg_value_moment(value, clock, &moment) &&
		moment >= span->moments.start && moment < span->moments.end;
}
