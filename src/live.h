/*
 * live.h
 *		Evaluating a program for a few members, on the spot.
 *
 * What a pass does for a population, this does for the members that a statement touched or that a
 * query asks about.  It is kept from call to call: plans are made once, and rows lie in memory
 * for as long as their members are asked about.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_LIVE_H
#define SEG_LIVE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/bitmapset.h"

#include "program.h"

typedef struct SegLive SegLive;

/* For more members than these a pass costs less. */
#define SEG_LIVE_MOST	512

/* Everything is in a context of its own under the current one, but for plans, which are freed. */
extern SegLive *seg_live_begin(const SegProgram *program);
extern void seg_live_free(SegLive *live);

/*
 * Reads the members' own rows with the active snapshot, as the population's owner.  Members are
 * given in order.
 */
extern void seg_live_load(SegLive *live, int n, const int64 *members);

/*
 * Reads what other relations of the program have of the same members.  Items are the aggregates
 * that will be asked about, for moments from now on.
 */
extern void seg_live_load_rows(SegLive *live, int n, const int64 *members, TimestampTz now,
							   const Bitmapset *relations, const Bitmapset *items);

/*
 * By item: a row from before that moment does not count in it, for nobody whose present is now or later, or
 * earlier by as much as clocks may lag (now.h).  DT_NOBEGIN: all rows may.
 */
extern const TimestampTz *seg_live_starts(SegLive *live, TimestampTz now);

/* Has to be evaluated as the owner, too: functions may run that are not PostgreSQL's own. */
extern bool seg_live_runs_foreign(const SegLive *live);

/* Turns to a member, at a moment; false: he is not in the population. */
extern bool seg_live_member(SegLive *live, int64 member, TimestampTz now);

/* What one of his columns, an expression of the program, has. */
extern const SegValue *seg_live_value(SegLive *live, const SegExpr *column);

/* Does it take rows of other relations to tell whether a rule holds for him, now and later? */
extern bool seg_live_needs_rows(SegLive *live, int rule);

/* Does a rule hold for him; and until when, if his rows stay as they are? */
extern bool seg_live_rule(SegLive *live, int rule);
extern TimestampTz seg_live_until(SegLive *live, int rule);

#endif							/* SEG_LIVE_H */
