/*
 * clock.c
 *		The moment of an evaluation, and the local calendar around it.
 *
 * Calendar steps are taken on the local wall clock (a Timestamp without zone) and the
 * result is brought back to a moment once, so that "3 months and 2 days ago" cannot stop
 * half way in an hour that daylight saving skips.  sqlgen_time.c writes the same in SQL:
 * ((x AT TIME ZONE z) - interval '3 months 2 days') AT TIME ZONE z.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "clock.h"

#define MONTHS_PER_QUARTER	3

pg_tz *
seg_clock_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errhint("Names are in the view pg_timezone_names, for example 'Europe/Berlin'.")));
	return zone;
}

void
seg_clock_set(SegClock *clock, TimestampTz now, pg_tz *zone)
{
	clock->now = now;
	clock->zone = zone;
	if (TIMESTAMP_NOT_FINITE(now) || !seg_clock_day_of(clock, now, &clock->today))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a rule cannot be evaluated as of an infinite moment")));
}

/* Wall clock to moment. */
bool
seg_clock_from_local(const SegClock *clock, Timestamp local, TimestampTz *moment)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (TIMESTAMP_NOT_FINITE(local))
	{
		*moment = local;
		return true;
	}
	if (!IS_VALID_TIMESTAMP(local) || timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		return false;
	offset = DetermineTimeZoneOffset(&tm, clock->zone);
	*moment = local + (int64) offset * USECS_PER_SEC;
	return IS_VALID_TIMESTAMP(*moment);
}

bool
seg_clock_to_local(const SegClock *clock, TimestampTz moment, struct pg_tm *tm, fsec_t *fsec)
{
	int			offset;

	return timestamp2tm(moment, &offset, tm, fsec, NULL, clock->zone) == 0;
}

bool
seg_clock_wall(const SegClock *clock, TimestampTz moment, Timestamp *local)
{
	struct pg_tm tm;
	fsec_t		fsec;

	return seg_clock_to_local(clock, moment, &tm, &fsec) &&
		tm2timestamp(&tm, fsec, NULL, local) == 0;
}

bool
seg_clock_day_start(const SegClock *clock, DateADT day, TimestampTz *start)
{
	if (DATE_NOT_FINITE(day))
	{
		*start = DATE_IS_NOBEGIN(day) ? DT_NOBEGIN : DT_NOEND;
		return true;
	}
	/* dates reach further than timestamps do */
	if (day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return false;
	return seg_clock_from_local(clock, (int64) day * USECS_PER_DAY, start);
}

bool
seg_clock_day_of(const SegClock *clock, TimestampTz moment, DateADT *day)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(moment))
	{
		if (TIMESTAMP_IS_NOBEGIN(moment))
			DATE_NOBEGIN(*day);
		else
			DATE_NOEND(*day);
		return true;
	}
	if (!seg_clock_to_local(clock, moment, &tm, &fsec))
		return false;
	*day = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
	return true;
}

/* The first of a month, counted from year 0, as a local timestamp. */
static bool
month_start(int64 month, Timestamp *local)
{
	int64		year = month >= 0 ? month / MONTHS_PER_YEAR : -((-month + MONTHS_PER_YEAR - 1) / MONTHS_PER_YEAR);
	int			mon = (int) (month - year * MONTHS_PER_YEAR) + 1;

	if (year < JULIAN_MINYEAR + 1 || year > JULIAN_MAXYEAR ||
		!IS_VALID_JULIAN((int) year, mon, 1))
		return false;
	*local = (int64) (date2j((int) year, mon, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
	return IS_VALID_TIMESTAMP(*local);
}

/* Adds months to a wall clock as PostgreSQL does: the day is clamped to the month's end. */
static bool
add_months(Timestamp *local, int64 months)
{
	struct pg_tm tm;
	fsec_t		fsec;
	Timestamp	first;
	Timestamp	next;
	int64		days;

	if (timestamp2tm(*local, NULL, &tm, &fsec, NULL, NULL) != 0)
		return false;
	months += (int64) tm.tm_year * MONTHS_PER_YEAR + tm.tm_mon - 1;
	if (!month_start(months, &first) || !month_start(months + 1, &next))
		return false;
	days = (next - first) / USECS_PER_DAY;
	*local = first + (Min(tm.tm_mday, days) - 1) * USECS_PER_DAY +
		(*local - (int64) (date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY);
	return IS_VALID_TIMESTAMP(*local);
}

/* Months and days of a span, on the wall clock. */
bool
seg_clock_step(Timestamp *local, const Interval *span, int sign)
{
	int64		days;

	return (span->month == 0 || add_months(local, (int64) sign * span->month)) &&
		!pg_mul_s64_overflow((int64) sign * span->day, USECS_PER_DAY, &days) &&
		!pg_add_s64_overflow(*local, days, local) &&
		IS_VALID_TIMESTAMP(*local);
}

bool
seg_clock_add(const SegClock *clock, TimestampTz moment, const Interval *span, int sign, TimestampTz *result)
{
	int64		time = sign < 0 ? -span->time : span->time;

	if (TIMESTAMP_NOT_FINITE(moment))
	{
		*result = moment;
		return true;
	}
	if (span->month != 0 || span->day != 0)
	{
		Timestamp	local;

		if (!seg_clock_wall(clock, moment, &local) ||
			!seg_clock_step(&local, span, sign) ||
			!seg_clock_from_local(clock, local, &moment))
			return false;
	}
	return !pg_add_s64_overflow(moment, time, result) && IS_VALID_TIMESTAMP(*result);
}

/* The largest multiple of step that is not above t. */
static Timestamp
round_down(Timestamp t, int64 step)
{
	int64		rest = t % step;

	return t - (rest < 0 ? rest + step : rest);
}

/* 0: it has no length of its own */
int64
seg_clock_unit_length(SegUnit unit)
{
	switch (unit)
	{
		case SEG_SECOND:
			return USECS_PER_SEC;
		case SEG_MINUTE:
			return USECS_PER_MINUTE;
		case SEG_HOUR:
			return USECS_PER_HOUR;
		case SEG_DAY:
			return USECS_PER_DAY;
		case SEG_WEEK:
			return 7 * USECS_PER_DAY;
		case SEG_MONTH:
		case SEG_QUARTER:
		case SEG_YEAR:
			break;
	}
	return 0;
}

static int
unit_months(SegUnit unit)
{
	return unit == SEG_YEAR ? MONTHS_PER_YEAR : unit == SEG_QUARTER ? MONTHS_PER_QUARTER : 1;
}

/* The wall clock at which the unit begins that lies shift units after the one around local. */
bool
seg_clock_unit_start(SegUnit unit, int64 shift, Timestamp *local)
{
	int64		step = seg_clock_unit_length(unit);

	if (step == 0)
	{
		struct pg_tm tm;
		fsec_t		fsec;
		int			per = unit_months(unit);
		int64		month;

		if (timestamp2tm(*local, NULL, &tm, &fsec, NULL, NULL) != 0)
			return false;
		month = (int64) tm.tm_year * MONTHS_PER_YEAR + tm.tm_mon - 1;
		month -= (tm.tm_mon - 1) % per;
		return month_start(month + shift * per, local);
	}
	if (unit == SEG_WEEK)
	{
		/* weeks begin on Monday; 2000-01-01, where timestamps begin, was a Saturday */
		int64		monday = 2 * USECS_PER_DAY;

		*local = round_down(*local - monday, step) + monday;
	}
	else
		*local = round_down(*local, step);
	if (pg_mul_s64_overflow(shift, step, &shift) || pg_add_s64_overflow(*local, shift, local))
		return false;
	return IS_VALID_TIMESTAMP(*local);
}

static bool
unit_start(const SegClock *clock, SegUnit unit, int64 shift, Timestamp *local)
{
	return seg_clock_wall(clock, clock->now, local) && seg_clock_unit_start(unit, shift, local);
}

/*
 * Hours and shorter units are time that passes: the one at hand begins where its part of
 * the wall clock's does, the others before and after it whatever the clock then shows.
 */
static bool
short_unit_span(const SegClock *clock, SegUnit unit, int64 shift, SegSpan *span)
{
	int64		step = seg_clock_unit_length(unit);
	Timestamp	local;

	if (!seg_clock_wall(clock, clock->now, &local) || pg_mul_s64_overflow(shift, step, &shift) ||
		pg_add_s64_overflow(clock->now - (local - round_down(local, step)), shift, &span->start) ||
		pg_add_s64_overflow(span->start, step, &span->end))
		return false;
	return IS_VALID_TIMESTAMP(span->start) && IS_VALID_TIMESTAMP(span->end);
}

static bool
unit_span(const SegClock *clock, SegUnit unit, int64 shift, SegSpan *span)
{
	Timestamp	start;
	Timestamp	end;

	if (unit < SEG_DAY)
		return short_unit_span(clock, unit, shift, span);
	return unit_start(clock, unit, shift, &start) &&
		unit_start(clock, unit, shift + 1, &end) &&
		seg_clock_from_local(clock, start, &span->start) &&
		seg_clock_from_local(clock, end, &span->end);
}

static bool
months_span(const SegClock *clock, int64 month, int count, SegSpan *span)
{
	Timestamp	start;
	Timestamp	end;

	return month_start(month, &start) && month_start(month + count, &end) &&
		seg_clock_from_local(clock, start, &span->start) &&
		seg_clock_from_local(clock, end, &span->end);
}

static bool
day_span(const SegClock *clock, DateADT day, SegSpan *span)
{
	return seg_clock_day_start(clock, day, &span->start) &&
		seg_clock_day_start(clock, DATE_NOT_FINITE(day) ? day : day + 1, &span->end);
}

int
seg_clock_shift(SegWhich which)
{
	return which == SEG_LAST ? -1 : which == SEG_NEXT ? 1 : 0;
}

bool
seg_clock_period(const SegClock *clock, const SegNode *period, SegSpan *span)
{
	switch ((SegPeriod) period->op)
	{
		case SEG_PERIOD_TODAY:
			return day_span(clock, clock->today, span);
		case SEG_PERIOD_YESTERDAY:
			return day_span(clock, clock->today - 1, span);
		case SEG_PERIOD_TOMORROW:
			return day_span(clock, clock->today + 1, span);
		case SEG_PERIOD_UNIT:
			return unit_span(clock, SEG_FLAGS_UNIT(period->flags),
							 seg_clock_shift(SEG_FLAGS_WHICH(period->flags)), span);
		case SEG_PERIOD_AGO:
			return unit_span(clock, SEG_FLAGS_UNIT(period->flags), -(int64) seg_node_int(period), span);
		case SEG_PERIOD_DAY:
			return day_span(clock, seg_node_int(period), span);
		case SEG_PERIOD_MONTH:
			return months_span(clock, seg_node_int(period), 1, span);
		case SEG_PERIOD_YEAR:
			return months_span(clock, (int64) seg_node_int(period) * MONTHS_PER_YEAR, MONTHS_PER_YEAR, span);
		case SEG_PERIOD_MONTH_NAME:
			break;
	}
	return false;
}

bool
seg_clock_window(const SegClock *clock, bool next, const Interval *duration, SegSpan *span)
{
	span->start = span->end = clock->now;
	return seg_clock_add(clock, clock->now, duration, next ? 1 : -1, next ? &span->end : &span->start);
}

bool
seg_clock_edge_day(const SegClock *clock, int edge, SegWhich which, SegUnit unit, DateADT *day)
{
	Timestamp	local;

	Assert(unit >= SEG_DAY);
	if (!unit_start(clock, unit, seg_clock_shift(which) + edge, &local))
		return false;
	*day = (DateADT) (local / USECS_PER_DAY) - (local % USECS_PER_DAY < 0 ? 1 : 0) - edge;
	return true;
}

bool
seg_clock_anniversary(DateADT birth, DateADT first, DateADT last)
{
	int			year,
				month,
				day,
				first_year,
				last_year,
				ignore;

	if (DATE_NOT_FINITE(birth) || last < first)
		return false;
	if (DATE_NOT_FINITE(first) || DATE_NOT_FINITE(last))
		return true;
	j2date(birth + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	j2date(first + POSTGRES_EPOCH_JDATE, &first_year, &ignore, &ignore);
	j2date(last + POSTGRES_EPOCH_JDATE, &last_year, &ignore, &ignore);
	if (last_year - first_year > 1)
		return true;
	for (year = first_year; year <= last_year; year++)
	{
		bool		moved = month == 2 && day == 29 && !isleap(year);
		DateADT		that = (moved ? date2j(year, 3, 1) : date2j(year, month, day)) - POSTGRES_EPOCH_JDATE;

		if (that >= first && that <= last)
			return true;
	}
	return false;
}
