/*
 * clock.h
 *		The moment of an evaluation, and the local calendar around it.
 *
 * All calendar arithmetic of rules is here: days, months and years are counted in the
 * clock's time zone, with PostgreSQL's rules (a month's end is clamped; a local time
 * that does not exist or exists twice is resolved as timestamptz input does).
 * A result out of the range of timestamps makes a function return false.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_CLOCK_H
#define SEG_CLOCK_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/date.h"

#include "rule.h"

typedef struct SegClock
{
	TimestampTz now;			/* what NOW means; finite */
	DateADT		today;			/* its local day */
	pg_tz	   *zone;
} SegClock;

/* A half-open range of moments; a bound may be infinite. */
typedef struct SegSpan
{
	TimestampTz start;			/* included */
	TimestampTz end;			/* excluded */
} SegSpan;

/* Raises invalid_parameter_value for an unknown zone. */
extern pg_tz *seg_clock_zone(const char *name);
extern void seg_clock_set(SegClock *clock, TimestampTz now, pg_tz *zone);

extern bool seg_clock_day_start(const SegClock *clock, DateADT day, TimestampTz *start);
extern bool seg_clock_day_of(const SegClock *clock, TimestampTz moment, DateADT *day);
extern bool seg_clock_from_local(const SegClock *clock, Timestamp local, TimestampTz *moment);
extern bool seg_clock_to_local(const SegClock *clock, TimestampTz moment, struct pg_tm *tm, fsec_t *fsec);
extern bool seg_clock_wall(const SegClock *clock, TimestampTz moment, Timestamp *local);
extern bool seg_clock_step(Timestamp *local, const Interval *span, int sign);
extern bool seg_clock_add(const SegClock *clock, TimestampTz moment, const Interval *span, int sign,
						  TimestampTz *result);

/* Units of time: how far LAST, THIS, NEXT are from the one at hand, and where one begins. */
extern int	seg_clock_shift(SegWhich which);
extern int64 seg_clock_unit_length(SegUnit unit);
extern bool seg_clock_unit_start(SegUnit unit, int64 shift, Timestamp *local);

/* What a SEG_NODE_PERIOD covers; false for a month's name, which has no single span. */
extern bool seg_clock_period(const SegClock *clock, const SegNode *period, SegSpan *span);

/* [now - d, now) or [now, now + d) */
extern bool seg_clock_window(const SegClock *clock, bool next, const Interval *duration, SegSpan *span);

/* The first (edge 0) or last (edge 1) day of the unit, for units of a day and longer. */
extern bool seg_clock_edge_day(const SegClock *clock, int edge, SegWhich which, SegUnit unit, DateADT *day);

/*
 * Does an anniversary of birth fall on a day in [first, last]?  29 February counts as
 * 1 March in other years.  A span of a year or more holds every anniversary.
 */
extern bool seg_clock_anniversary(DateADT birth, DateADT first, DateADT last);

#endif							/* SEG_CLOCK_H */
