/*
 * clock_track.h
 *		When a bound that moves with the clock passes a given point.
 *
 * The bound is the wall clock of a zone, or the moment some span before or after now.  It
 * mostly goes forward as fast as time does, but not always: where daylight saving ends the
 * wall clock goes back, and on 30 March "1 month ago" is back at the midnight where it was on
 * 28 February.  A track holds where it jumps, so that the passing can be told exactly.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_CLOCK_TRACK_H
#define SEG_CLOCK_TRACK_H

#include "postgres.h"

#include "clock.h"

/*
 * However a track jumps, it never falls back by more than this: a day where the end of a shorter month has been
 * cut off, some more for the days that months differ by, and a day for each of the two walls
 * that a zone may move.
 */
#define SEG_TRACK_SLACK		(10 * USECS_PER_DAY)

typedef struct SegTrack SegTrack;

/*
 * The tracks of a zone's wall clock and of moment + sign * span.  They grow where they are asked.
 * Those that are to be kept live as long as the process, unless there are very many; others, in the
 * current memory context.
 */
extern SegTrack *seg_track_wall(pg_tz *zone);
extern SegTrack *seg_track_span(pg_tz *zone, const Interval *span, int sign, bool keep);

/*
 * The first moment after now at which "the bound is greater than y" is no longer what it is
 * at now; DT_NOEND if there is none.  What lies decades ahead may be answered with an earlier
 * moment, up to which nothing happens.
 */
extern TimestampTz seg_track_passes(SegTrack *track, TimestampTz now, int64 y);

/*
 * How far the bound is ahead of the clock at a moment, and until when it stays so; false where it is out of
 * the calendar.
 */
extern bool seg_track_piece(SegTrack *track, TimestampTz moment, int64 *ahead, TimestampTz *end);

/* The first moment after this one at which the wall clock is in another unit. */
extern TimestampTz seg_track_unit_end(SegTrack *wall, TimestampTz moment, SegUnit unit);

#endif							/* SEG_CLOCK_TRACK_H */
