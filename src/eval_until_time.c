/*
 * eval_until_time.c
 *		How long what does not move itself stands to the clock as it does.
 *
 * A test of a value against something that moves is one or two questions of the form
 * "has the bound passed this point?", where the bound is the moment some span from now, or the wall
 * clock: a day, a month or another unit is at hand from one reading of the wall clock to another.
 * The track of the bound (clock_track.c) tells when that changes.
 *
 * What has no place in the calendar is never reached.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "eval_until.h"

/* A year, which may be a leap year. */
#define LONGEST_UNIT		(366 * USECS_PER_DAY)

/* Points of the wall clock. */

static TimestampTz
wall_passes(SegEval *e, Timestamp local)
{
	return seg_track_passes(e->until->wall, e->clock.now, local - 1);
}

/* When does it become the day, or cease to be it or a later one? */
static TimestampTz
day_passes(SegEval *e, int64 day)
{
	if (day < DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE || day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return DT_NOEND;
	return wall_passes(e, day * USECS_PER_DAY);
}

/* Until when the local day is today or a later one before this. */
static TimestampTz
days_last(SegEval *e, int64 day)
{
	return Min(day_passes(e, day), day_passes(e, e->clock.today));
}

/* A condition that two hold together: of those that do not hold, both have to come. */
static TimestampTz
both_last(bool first, TimestampTz first_until, bool second, TimestampTz second_until)
{
	if (first && second)
		return Min(first_until, second_until);
	if (first)
		return second_until;
	return second ? first_until : Max(first_until, second_until);
}

/* The track of the bound that an expression's span makes. */
SegTrack *
seg_until_track(SegEval *e, const SegExpr *expr)
{
	SegTrack  **track = &e->until->tracks[expr->id];
	Interval	span = {0};
	int			sign = 1;
	MemoryContext caller;

	if (*track != NULL)
		return *track;
	if (expr->op == SEG_X_WITHIN)
	{
		span = seg_node_duration(expr->node);
		sign = expr->detail ? 1 : -1;
	}
	else if (expr->node->kind == SEG_NODE_AGO)
	{
		span = seg_node_duration(seg_node_child(expr->node, 0));
		sign = expr->node->op ? 1 : -1;
	}
	caller = MemoryContextSwitchTo(e->until->context);
	*track = seg_track_span(e->clock.zone, &span, sign, true);
	MemoryContextSwitchTo(caller);
	return *track;
}

/* Comparisons with clock words. */

/* The day that a value is, or that begins as the last one not after it. */
static bool
day_at(const SegClock *clock, const SegValue *value, int64 *day)
{
	TimestampTz start;
	DateADT		found;

	*day = value->v.i;
	if (seg_value_is_day(value))
		return !DATE_NOT_FINITE((DateADT) value->v.i);
	if (TIMESTAMP_NOT_FINITE(value->v.i) || !seg_clock_day_of(clock, value->v.i, &found))
		return false;
	while (seg_clock_day_start(clock, found, &start) && start > value->v.i)
		found--;
	while (seg_clock_day_start(clock, found + 1, &start) && start <= value->v.i)
		found++;
	*day = found;
	return true;
}

/* The moment that a moment has to pass to be greater than the value, or not less; false: it never is. */
static bool
point_of(SegEval *e, const SegValue *value, bool greater, TimestampTz *point)
{
	if (!seg_value_moment(value, &e->clock, point))
		return false;
	if (greater && value->tag == SEG_V_WHOLE_DAY)
	{
		/* behind the whole day */
		if (!seg_clock_day_start(&e->clock, (DateADT) value->v.i + 1, point))
			return false;
		(*point)--;
	}
	if (TIMESTAMP_NOT_FINITE(*point))
		return false;
	if (!greater)
		(*point)--;
	return true;
}

/* When does the moment pass the value (greater) or reach it? */
static TimestampTz
moment_passes(SegEval *e, const SegExpr *clock, const SegValue *value, bool greater)
{
	TimestampTz point;

	if (!point_of(e, value, greater, &point))
		return DT_NOEND;
	return seg_track_passes(seg_until_track(e, clock), e->clock.now, point);
}

/* The same for START OF and END OF a unit of a day or more: they are whole days. */
static TimestampTz
edge_passes(SegEval *e, const SegNode *edge, int64 day, bool greater)
{
	SegUnit		unit = SEG_FLAGS_UNIT(edge->flags);
	Timestamp	local;

	/* the end of a unit is the day before the start of the next */
	day += edge->op - (greater ? 0 : 1);
	if (day <= DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE || day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return DT_NOEND;
	local = day * USECS_PER_DAY;
	/* greater than all days of the unit that this day is in */
	if (!seg_clock_unit_start(unit, 1 - edge->op - seg_clock_shift(SEG_FLAGS_WHICH(edge->flags)), &local))
		return DT_NOEND;
	return wall_passes(e, local);
}

static TimestampTz
word_passes(SegEval *e, const SegNode *word, int64 day, bool greater)
{
	int			shift = word->op == SEG_TOMORROW ? 1 : word->op == SEG_YESTERDAY ? -1 : 0;

	return day_passes(e, day - shift + (greater ? 1 : 0));
}

#define MOST_OFFSETS	16

/*
 * Hours and shorter units begin on a grid of the wall clock, and every change of the zone's offset
 * lays the grid anew.  When does the one that is shift units from the one at hand begin behind the
 * point, or cease to?
 */
static TimestampTz
short_unit_passes(SegEval *e, SegUnit unit, int64 shift, TimestampTz point)
{
	TimestampTz start = e->clock.now;
	bool		passed = false;
	int64		ahead;
	TimestampTz end;

	if (pg_mul_s64_overflow(shift, seg_clock_unit_length(unit), &shift) || pg_sub_s64_overflow(point, shift, &point))
		return DT_NOEND;
	/* one offset after the other; only so many changes ahead */
	for (int i = 0; i < MOST_OFFSETS; i++)
	{
		Timestamp	next;

		if (!seg_track_piece(e->until->wall, start, &ahead, &end))
			return Max(start, e->clock.now + 1);
		if (pg_add_s64_overflow(point, ahead, &next) || !seg_clock_unit_start(unit, 1, &next))
			return DT_NOEND;
		if (i == 0)
			passed = next - ahead <= start;
		else if (passed != (next - ahead <= start))
			return start;
		if (!passed && next - ahead < end)
			return next - ahead;
		/* no change takes the wall clock back that far */
		if (passed && point < end - SEG_TRACK_SLACK)
			return DT_NOEND;
		start = end;
	}
	return start;
}

static TimestampTz
short_edge_passes(SegEval *e, const SegNode *edge, const SegValue *value, bool greater)
{
	TimestampTz point;

	if (!point_of(e, value, greater, &point))
		return DT_NOEND;
	return short_unit_passes(e, SEG_FLAGS_UNIT(edge->flags), seg_clock_shift(SEG_FLAGS_WHICH(edge->flags)) + edge->op,
							 point);
}

/* When does the clock word become greater than the value, or not less; or cease to be? */
static TimestampTz
clock_passes(SegEval *e, const SegExpr *clock, const SegValue *value, bool greater)
{
	const SegNode *node = clock->node;
	int64		day;

	if (node->kind == SEG_NODE_AGO || (node->kind == SEG_NODE_CLOCK && node->op == SEG_NOW))
		return moment_passes(e, clock, value, greater);
	if (node->kind == SEG_NODE_EDGE && SEG_FLAGS_UNIT(node->flags) < SEG_DAY)
		return short_edge_passes(e, node, value, greater);
	if (!day_at(&e->clock, value, &day))
		return DT_NOEND;
	return node->kind == SEG_NODE_EDGE ? edge_passes(e, node, day, greater) : word_passes(e, node, day, greater);
}

/* Until when "value op clock" is what it is. */
TimestampTz
seg_until_clock(SegEval *e, SegCompare op, const SegValue *value, const SegExpr *clock)
{
	SegValue	parsed;
	TimestampTz until = DT_NOEND;

	if (value->tag == SEG_V_TEXT && seg_value_from_iso(&parsed, value, &e->clock))
		value = &parsed;
	if (!seg_value_is_time(value))
		return DT_NOEND;
	if (op != SEG_GT && op != SEG_LE)
		until = clock_passes(e, clock, value, true);
	if (op != SEG_LT && op != SEG_GE)
		until = Min(until, clock_passes(e, clock, value, false));
	return until;
}

/* How a clock word's own value moves: all go with the clock on the whole. */
SegDrift
seg_until_clock_word(SegEval *e, const SegExpr *clock)
{
	const SegNode *node = clock->node;
	SegDrift	drift = {.steady = true,.trend = 1,.slack = SEG_TRACK_SLACK};
	int64		ahead;

	if (node->kind == SEG_NODE_EDGE)
	{
		drift.end = seg_track_unit_end(e->until->wall, e->clock.now, SEG_FLAGS_UNIT(node->flags));
		drift.slack += LONGEST_UNIT;
	}
	else if (node->kind == SEG_NODE_CLOCK && node->op != SEG_NOW)
		drift.end = days_last(e, (int64) e->clock.today + 1);
	else if (seg_track_piece(seg_until_track(e, clock), e->clock.now, &ahead, &drift.end))
		drift.rate = 1;
	else
		return (SegDrift) {.end = e->clock.now + 1};
	return drift;
}

/* Windows and periods. */

/* The unit that a period is of and its distance from the one at hand; false: it does not move. */
bool
seg_until_unit(const SegNode *period, SegUnit *unit, int64 *shift)
{
	*unit = SEG_DAY;
	*shift = 0;
	switch ((SegPeriod) period->op)
	{
		case SEG_PERIOD_TODAY:
			return true;
		case SEG_PERIOD_YESTERDAY:
			*shift = -1;
			return true;
		case SEG_PERIOD_TOMORROW:
			*shift = 1;
			return true;
		case SEG_PERIOD_UNIT:
			*unit = SEG_FLAGS_UNIT(period->flags);
			*shift = seg_clock_shift(SEG_FLAGS_WHICH(period->flags));
			return true;
		case SEG_PERIOD_AGO:
			*unit = SEG_FLAGS_UNIT(period->flags);
			*shift = -(int64) seg_node_int(period);
			return true;
		default:
			return false;
	}
}

static TimestampTz
within(SegEval *e, const SegExpr *expr, TimestampTz moment)
{
	TimestampTz now = e->clock.now;
	TimestampTz from_now = now > moment ? DT_NOEND : moment + 1;
	SegTrack   *track = seg_until_track(e, expr);
	TimestampTz until;
	int64		ahead;
	TimestampTz end;

	if (!seg_track_piece(track, now, &ahead, &end))
		return seg_track_passes(track, now, moment);
	/* most lie in the window, which begins behind them before the bound's next jump */
	if (!expr->detail && now > moment && now + ahead <= moment && moment - ahead < end - 1)
		return moment - ahead + 1;
	until = seg_track_passes(track, now, moment);
	if (expr->detail)			/* from now on, and before the bound */
		return both_last(now <= moment, from_now, now + ahead > moment, until);
	return both_last(now + ahead <= moment, until, now > moment, from_now);
}

/* The wall clock where the unit begins that a moment lies in. */
static bool
unit_of(const SegClock *clock, SegUnit unit, TimestampTz moment, Timestamp *local)
{
	Timestamp	next;
	TimestampTz start;

	if (!seg_clock_wall(clock, moment, local) || !seg_clock_unit_start(unit, 0, local) ||
		!seg_clock_from_local(clock, *local, &start))
		return false;
	/* around changes of the offset the wall clock may say another */
	if (start > moment)
		return seg_clock_unit_start(unit, -1, local);
	next = *local;
	if (!seg_clock_unit_start(unit, 1, &next) || !seg_clock_from_local(clock, next, &start))
		return false;
	if (start <= moment)
		*local = next;
	return true;
}

static TimestampTz
during(SegEval *e, const SegExpr *expr, TimestampTz moment)
{
	SegUnit		unit;
	int64		shift;
	Timestamp	from;
	Timestamp	to;
	Timestamp	wall;

	if (!seg_until_unit(expr->node, &unit, &shift))
		return DT_NOEND;
	if (unit < SEG_DAY)
		return Min(short_unit_passes(e, unit, shift, moment), short_unit_passes(e, unit, shift + 1, moment));
	if (!unit_of(&e->clock, unit, moment, &from) ||
		!seg_clock_wall(&e->clock, e->clock.now, &wall))
		return seg_track_unit_end(e->until->wall, e->clock.now, unit);
	to = from;
	if (!seg_clock_unit_start(unit, -shift, &from) || !seg_clock_unit_start(unit, 1 - shift, &to))
		return DT_NOEND;
	return both_last(wall >= from, wall_passes(e, from), wall < to, wall_passes(e, to));
}

/*
 * Anniversaries.
 *
 * Whether one lies in the window depends on the local day at hand and on the month and day of the
 * date.  So there is one answer for each day of the year, found by trying day after day.
 */

#define DAYS_OF_YEAR	(MONTHS_PER_YEAR * 31)

struct SegAnniversaries
{
	uint64		stamp;			/* of the run */
	int			room;
	int			ndays;			/* the windows of so many days are known, today's first */
	SegEvalSpan *spans;
	int			changes[DAYS_OF_YEAR];	/* by month and day: in how many days the answer changes; 0: not known */
};

static SegAnniversaries *
get_anniversaries(SegEval *e, const SegExpr *expr)
{
	SegUntilState *state = e->until;
	SegAnniversaries *a = state->anniversaries[expr->id];

	if (a == NULL)
	{
		a = state->anniversaries[expr->id] = MemoryContextAllocZero(state->context, sizeof(SegAnniversaries));
		a->room = state->anniversary_days;
		a->spans = MemoryContextAlloc(state->context, sizeof(SegEvalSpan) * a->room);
	}
	if (a->stamp != e->scopes[SEG_SCOPE_RUN].stamp)
	{
		a->stamp = e->scopes[SEG_SCOPE_RUN].stamp;
		a->ndays = 0;
		memset(a->changes, 0, sizeof(a->changes));
	}
	return a;
}

/* The window of a day, as far from today as given, a noon of whose is its clock. */
static const SegEvalSpan *
span_of_day(SegEval *e, const SegExpr *expr, SegAnniversaries *a, int ahead)
{
	while (a->ndays <= ahead)
	{
		SegClock	clock = e->clock;

		clock.today += a->ndays;
		if (!seg_clock_day_start(&clock, clock.today, &clock.now))
			a->spans[a->ndays].valid = false;
		else
		{
			clock.now += USECS_PER_DAY / 2;
			seg_span_set(&a->spans[a->ndays], expr->node, expr->detail != 0, true, &clock);
		}
		a->ndays++;
	}
	return &a->spans[ahead];
}

static bool
day_holds(SegEval *e, const SegExpr *expr, SegAnniversaries *a, int ahead, DateADT birth)
{
	const SegEvalSpan *span = span_of_day(e, expr, a, ahead);

	return span->valid && seg_clock_anniversary(birth, span->first, span->last);
}

static TimestampTz
anniversary(SegEval *e, const SegExpr *expr, const SegValue *value)
{
	SegAnniversaries *a;
	DateADT		birth;
	SegUnit		unit;
	int64		shift;
	int			year,
				month,
				day,
				ahead = 1;
	int		   *change;

	if (!seg_value_day(value, &e->clock, &birth) || DATE_NOT_FINITE(birth))
		return DT_NOEND;
	if (expr->op == SEG_X_ANNIVERSARY_DURING)
	{
		if (!seg_until_unit(expr->node, &unit, &shift))
			return DT_NOEND;
		if (unit < SEG_DAY)
			return seg_track_unit_end(e->until->wall, e->clock.now, unit);
	}
	a = get_anniversaries(e, expr);
	j2date(birth + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	change = &a->changes[(month - 1) * 31 + day - 1];
	if (*change == 0)
	{
		bool		holds = day_holds(e, expr, a, 0, birth);

		while (ahead < a->room && day_holds(e, expr, a, ahead, birth) == holds)
			ahead++;
		*change = ahead;
	}
	return days_last(e, (int64) e->clock.today + *change);
}

/* Until when a WITHIN or DURING is for the value what it is. */
TimestampTz
seg_until_span(SegEval *e, const SegExpr *expr, const SegValue *value)
{
	TimestampTz moment;

	if (expr->op == SEG_X_ANNIVERSARY_WITHIN || expr->op == SEG_X_ANNIVERSARY_DURING)
		return anniversary(e, expr, value);
	if (!seg_value_moment(value, &e->clock, &moment) || TIMESTAMP_NOT_FINITE(moment))
		return DT_NOEND;
	return expr->op == SEG_X_WITHIN ? within(e, expr, moment) : during(e, expr, moment);
}

/* As many as the calendar has, and nobody gets that old. */
#define MOST_YEARS	200000

/* Until when the age of somebody born on the value's day is what it is. */
TimestampTz
seg_until_age(SegEval *e, const SegValue *value)
{
	DateADT		birth;
	int			year,
				month,
				day,
				ignore;
	bool		future;

	if (!seg_value_day(value, &e->clock, &birth) || DATE_NOT_FINITE(birth))
		return DT_NOEND;
	future = birth > e->clock.today;
	j2date(birth + POSTGRES_EPOCH_JDATE, &ignore, &month, &day);
	j2date(e->clock.today + POSTGRES_EPOCH_JDATE, &year, &ignore, &ignore);
	for (;; year++)
	{
		bool		moved = month == 2 && day == 29 && !isleap(year);
		DateADT		next = (moved ? date2j(year, 3, 1) : date2j(year, month, day)) - POSTGRES_EPOCH_JDATE;

		/* on the way to a day in the future, a year is over behind it */
		if (future && !moved)
			next++;
		if (next > e->clock.today)
			return days_last(e, next);
	}
}

/* Until when an age compares so with a number: birthdays are a year apart, and this is the next. */
TimestampTz
seg_until_age_test(int64 age, TimestampTz birthday, SegCompare op, int64 number)
{
	int64		years;

	if (op == SEG_EQ)
		return Min(seg_until_age_test(age, birthday, SEG_GE, number), seg_until_age_test(age, birthday, SEG_GT, number));
	if (TIMESTAMP_IS_NOEND(birthday) || pg_sub_s64_overflow(number, age, &years))
		return DT_NOEND;
	/* it is never less again than it has been */
	if (op == SEG_GT || op == SEG_LE)
		years++;
	if (years <= 0 || years > MOST_YEARS ||
		pg_add_s64_overflow(birthday, (years - 1) * 365 * USECS_PER_DAY, &birthday))
		return DT_NOEND;
	return birthday;
}
