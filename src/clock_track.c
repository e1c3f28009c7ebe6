/*
 * clock_track.c
 *		When a bound that moves with the clock passes a given point.
 *
 * A track is cut into pieces on each of which the bound is the clock plus a constant.
 * Where it can jump is known beforehand:
 *	- where the zone's offset changes, at the moment itself;
 *	- where the wall clock that a span leads to meets such a change: there its reading as a
 *	  moment changes;
 *	- with months in the span, where months begin, and in the days of a month that are cut off
 *	  because the other month is shorter.
 * Cutting once too often does no harm: neighbours that are alike become one piece.
 *
 * The greatest bound so far is kept with each piece, so that the first piece in which the bound
 * passes a point is found by a binary search.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock_track.h"

/* Tracks look ahead so far, and begin anew if they would be much longer. */
#define HORIZON			(30 * (int64) DAYS_PER_YEAR * USECS_PER_DAY)

/* So many tracks are kept for the process. */
#define MOST_TRACKS		1024

typedef struct Piece
{
	TimestampTz start;			/* it goes to the start of the next one */
	int64		ahead;			/* the bound is the moment plus this */
	int64		peak;			/* the greatest bound up to the end of this piece */
} Piece;

typedef struct TrackKey
{
	pg_tz	   *zone;
	Interval	span;
	int32		sign;			/* 0: the wall clock */
	int32		unused;			/* no bytes without a value */
} TrackKey;

struct SegTrack
{
	TrackKey	key;			/* first, for the table */
	SegClock	clock;			/* only its zone matters */
	MemoryContext context;
	Piece	   *pieces;
	int			npieces;
	int			room;
	TimestampTz end;			/* of the last piece */
	bool		closed;			/* beyond is out of the calendar */
};

/* Zones. */

static pg_time_t
seconds_of(TimestampTz moment)
{
	int64		seconds = moment / USECS_PER_SEC - (moment % USECS_PER_SEC < 0 ? 1 : 0);

	return seconds + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

static TimestampTz
moment_of(pg_time_t seconds)
{
	return (seconds - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) * USECS_PER_SEC;
}

/* A change of a zone's offset. */
typedef struct Change
{
	TimestampTz at;
	int64		before;			/* offsets, positive in the east */
	int64		after;
} Change;

/* The first change after a moment. */
static bool
next_change(pg_tz *zone, TimestampTz moment, Change *change)
{
	pg_time_t	seconds = seconds_of(moment);
	pg_time_t	boundary;
	long		before;
	long		after;
	int			ignore;

	if (pg_next_dst_boundary(&seconds, &before, &ignore, &boundary, &after, &ignore, zone) != 1)
		return false;
	change->at = moment_of(boundary);
	change->before = before * USECS_PER_SEC;
	change->after = after * USECS_PER_SEC;
	return change->at > moment;
}

/* Where pieces end. */

/*
 * The next point of the wall clock at which its reading as a moment may jump.  What PostgreSQL
 * decides by (DetermineTimeZoneOffset) is where the wall clock stands to both sides of the change that
 * comes first after it, read as UTC, less a day.
 */
static Timestamp
next_reading(pg_tz *zone, Timestamp local)
{
	TimestampTz from = local - USECS_PER_DAY;
	Timestamp	next = DT_NOEND;
	Change		change;

	/* the second change can come before the last point of the first */
	for (int i = 0; i < 2 && next_change(zone, from, &change); i++)
	{
		Timestamp	points[3] = {change.at + change.before, change.at + change.after, change.at + USECS_PER_DAY};

		for (int j = 0; j < 3; j++)
			if (points[j] > local)
				next = Min(next, points[j]);
		from = change.at;
	}
	return next;
}

/* The next point of the wall clock at which the months of a span lead another number of days away. */
static Timestamp
next_month_cut(const Interval *span, int sign, Timestamp local)
{
	Timestamp	first = local;
	Timestamp	next = local;
	Timestamp	other;
	Timestamp	other_next;
	Timestamp	cut;
	Interval	months = {.month = span->month};

	if (!seg_clock_unit_start(SEG_MONTH, 0, &first) || !seg_clock_unit_start(SEG_MONTH, 1, &next))
		return DT_NOEND;
	other = first;
	if (!seg_clock_step(&other, &months, sign))
		return next;
	other_next = other;
	if (!seg_clock_unit_start(SEG_MONTH, 1, &other_next))
		return next;
	/* the end of the last day that the other month has, then the end of each day */
	cut = first + (other_next - other);
	while (cut <= local)
		cut += USECS_PER_DAY;
	return Min(cut, next);
}

/* When what is at point now, and goes with the clock, is out of the calendar. */
static TimestampTz
end_of_calendar(TimestampTz now, int64 point)
{
	return point > now ? END_TIMESTAMP - (point - now) : END_TIMESTAMP;
}

static TimestampTz
piece_end(const SegTrack *track, TimestampTz start)
{
	const Interval *span = &track->key.span;
	TimestampTz end = END_TIMESTAMP;
	Timestamp	local;
	Timestamp	target;
	Timestamp	cut;
	Change		change;

	if (track->key.sign != 0 && span->month == 0 && span->day == 0)
		return end;
	if (next_change(track->key.zone, start, &change))
		end = Min(end, change.at);
	if (track->key.sign == 0 || !seg_clock_wall(&track->clock, start, &local))
		return end;
	if (span->month != 0)
	{
		cut = next_month_cut(span, track->key.sign, local);
		if (!TIMESTAMP_IS_NOEND(cut))
			end = Min(end, start + (cut - local));
	}
	target = local;
	if (!seg_clock_step(&target, span, track->key.sign))
		return end;
	/* the calendar may end within the piece, for the wall clock */
	end = Min(end, end_of_calendar(start, local));
	end = Min(end, end_of_calendar(start, target));
	cut = next_reading(track->key.zone, target);
	if (!TIMESTAMP_IS_NOEND(cut))
		end = Min(end, start + (cut - target));
	return end;
}

/* Growing. */

static bool
bound_at(const SegTrack *track, TimestampTz moment, int64 *bound)
{
	if (track->key.sign == 0)
		return seg_clock_wall(&track->clock, moment, bound);
	return seg_clock_add(&track->clock, moment, &track->key.span, track->key.sign, bound);
}

/* One piece more; false at the end of the calendar. */
static bool
grow(SegTrack *track)
{
	TimestampTz start = track->end;
	TimestampTz end;
	Piece	   *last = track->npieces > 0 ? &track->pieces[track->npieces - 1] : NULL;
	int64		bound;
	int64		peak;

	if (track->closed)
		return false;
	if (start >= END_TIMESTAMP || !bound_at(track, start, &bound))
	{
		track->closed = true;
		return false;
	}
	end = piece_end(track, start);
	/* or for the bound */
	end = Min(end, end_of_calendar(start, bound));
	Assert(end > start);
	peak = bound + (end - 1 - start);
	if (last != NULL && last->ahead == bound - start)
		last->peak = Max(last->peak, peak);
	else
	{
		if (track->npieces == track->room)
		{
			int			room = Max(track->room * 2, 8);

			track->pieces = track->pieces == NULL ?
				MemoryContextAlloc(track->context, sizeof(Piece) * room) :
				repalloc(track->pieces, sizeof(Piece) * room);
			track->room = room;
		}
		track->pieces[track->npieces].start = start;
		track->pieces[track->npieces].ahead = bound - start;
		track->pieces[track->npieces].peak = last == NULL ? peak : Max(track->pieces[track->npieces - 1].peak, peak);
		track->npieces++;
	}
	track->end = end;
	return true;
}

static TimestampTz
end_of(const SegTrack *track, int piece)
{
	return piece + 1 < track->npieces ? track->pieces[piece + 1].start : track->end;
}

/* The piece that a moment lies in; -1 where the bound is out of the calendar. */
static int
piece_at(SegTrack *track, TimestampTz moment)
{
	int			low = 0;
	int			high;

	if (track->npieces == 0 || moment < track->pieces[0].start || moment > track->pieces[0].start + 2 * HORIZON)
	{
		track->npieces = 0;
		track->end = moment;
		track->closed = false;
	}
	while (track->end <= moment)
		if (!grow(track))
			return -1;
	high = track->npieces - 1;
	while (low < high)
	{
		int			middle = high - (high - low) / 2;

		if (track->pieces[middle].start <= moment)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

bool
seg_track_piece(SegTrack *track, TimestampTz moment, int64 *ahead, TimestampTz *end)
{
	int			piece = piece_at(track, moment);

	if (piece < 0)
		return false;
	*ahead = track->pieces[piece].ahead;
	*end = end_of(track, piece);
	return true;
}

/* Making. */

static void
init_track(SegTrack *track, const TrackKey *key, MemoryContext context)
{
	memset(track, 0, sizeof(SegTrack));
	track->key = *key;
	track->clock.zone = key->zone;
	track->context = context;
}

static SegTrack *
find_track(const TrackKey *key, bool keep)
{
	static HTAB *tracks = NULL;
	SegTrack   *track = NULL;
	bool		found = false;

	if (tracks == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(TrackKey),.entrysize = sizeof(SegTrack),.hcxt = TopMemoryContext};

		tracks = hash_create("segments tracks", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (keep)
		track = hash_search(tracks, key, hash_get_num_entries(tracks) < MOST_TRACKS ? HASH_ENTER : HASH_FIND, &found);
	if (track == NULL)
	{
		track = palloc(sizeof(SegTrack));
		init_track(track, key, CurrentMemoryContext);
	}
	else if (!found)
		init_track(track, key, TopMemoryContext);
	return track;
}

SegTrack *
seg_track_wall(pg_tz *zone)
{
	TrackKey	key;

	memset(&key, 0, sizeof(key));
	key.zone = zone;
	return find_track(&key, true);
}

SegTrack *
seg_track_span(pg_tz *zone, const Interval *span, int sign, bool keep)
{
	TrackKey	key;

	memset(&key, 0, sizeof(key));
	key.zone = zone;
	key.span.time = span->time;
	key.span.day = span->day;
	key.span.month = span->month;
	key.sign = sign;
	return find_track(&key, keep);
}

/* Asking. */

/* Out of the calendar it stays for another year, if it is there beyond that too. */
static TimestampTz
comes_back(const SegTrack *track, TimestampTz now)
{
	int64		year = (int64) DAYS_PER_YEAR * USECS_PER_DAY;
	int64		bound;
	TimestampTz later;

	if (pg_add_s64_overflow(now, year + SEG_TRACK_SLACK, &later) || later >= END_TIMESTAMP ||
		bound_at(track, later, &bound))
		return now + 1;
	return now + year;
}

/* The bound is not beyond y: when is it? */
static TimestampTz
rises(SegTrack *track, int piece, TimestampTz now, int64 y)
{
	TimestampTz limit = now + HORIZON;

	for (;;)
	{
		/* where y was passed before now already, the peaks do not tell */
		if (piece == 0 || track->pieces[piece - 1].peak <= y)
		{
			int			high = track->npieces;

			while (piece < high)
			{
				int			middle = piece + (high - piece) / 2;

				if (track->pieces[middle].peak > y)
					high = middle;
				else
					piece = middle + 1;
			}
		}
		for (; piece < track->npieces; piece++)
			if (end_of(track, piece) - 1 + track->pieces[piece].ahead > y)
				return Max(track->pieces[piece].start, y + 1 - track->pieces[piece].ahead);
		/* the last piece may become longer */
		piece = track->npieces - 1;
		if (track->end >= limit || !grow(track))
			return track->end;
		CHECK_FOR_INTERRUPTS();
	}
}

/* The bound is beyond y: when is it not? */
static TimestampTz
falls(SegTrack *track, int piece, TimestampTz now, int64 y)
{
	const Interval *span = &track->key.span;

	if ((track->key.sign != 0 && span->month == 0 && span->day == 0) ||
		y < now + track->pieces[piece].ahead - SEG_TRACK_SLACK)
		return DT_NOEND;
	for (piece++;; piece++)
	{
		while (piece >= track->npieces)
			if (track->end > now + SEG_TRACK_SLACK)
				return DT_NOEND;
			else if (!grow(track))
				return track->end;
		if (track->pieces[piece].start > now + SEG_TRACK_SLACK)
			return DT_NOEND;
		if (track->pieces[piece].start + track->pieces[piece].ahead <= y)
			return track->pieces[piece].start;
	}
}

TimestampTz
seg_track_passes(SegTrack *track, TimestampTz now, int64 y)
{
	int			piece = piece_at(track, now);

	if (piece < 0)
		return comes_back(track, now);
	if (now + track->pieces[piece].ahead > y)
		return falls(track, piece, now, y);
	return rises(track, piece, now, y);
}

TimestampTz
seg_track_unit_end(SegTrack *wall, TimestampTz moment, SegUnit unit)
{
	Timestamp	start;
	Timestamp	next;
	TimestampTz end;
	int64		ahead;

	if (!seg_track_piece(wall, moment, &ahead, &end))
		return moment + 1;
	start = next = moment + ahead;
	if (!seg_clock_unit_start(unit, 0, &start) || !seg_clock_unit_start(unit, 1, &next))
		return moment + 1;
	/* shorter units begin where the offset has them begin */
	if (unit >= SEG_DAY)
		end = seg_track_passes(wall, moment, start - 1);
	return Min(end, seg_track_passes(wall, moment, next - 1));
}
