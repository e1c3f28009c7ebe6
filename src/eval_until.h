/*
 * eval_until.h
 *		What the parts that tell how long an answer lasts share.
 *
 *		eval_until.c		expressions
 *		eval_until_time.c	what does not move, against the clock
 *		eval_until_fold.c	aggregates
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_UNTIL_H
#define SEG_EVAL_UNTIL_H

#include "postgres.h"

#include "clock_track.h"
#include "eval_fold.h"

/*
 * How a value moves from now on: until end it grows by rate in every microsecond; a moment
 * and a duration by microseconds, a number by ones.  Most values have rate 0: they stay.
 *
 * What goes in steps, like TODAY, goes its way on the whole: if it is steady, it never is further than
 * slack from where trend leads, whatever the end.
 */
typedef struct SegDrift
{
	TimestampTz end;
	double		rate;
	bool		rounded;		/* it may be beside its course by as little as a value is rounded */
	bool		steady;
	double		trend;
	double		slack;
} SegDrift;

/* Which rows can come to count in an aggregate, or cease to, and when at the earliest. */
typedef struct SegItemUntil
{
	TimestampTz enters;			/* the first of those that do not count */
	TimestampTz leaves;			/* the first of those that count */
	TimestampTz last;			/* the last of those that count; DT_NOBEGIN: none does */
} SegItemUntil;

typedef struct SegAnniversaries SegAnniversaries;
typedef struct SegFoldUntil SegFoldUntil;

struct SegUntilState
{
	MemoryContext context;
	uint64	   *stamps;			/* by expression id, as those of eval.c */
	SegDrift   *drifts;			/* by expression id */
	SegTrack   *wall;
	SegTrack  **tracks;			/* of spans, by expression id */
	SegAnniversaries **anniversaries;	/* by expression id */
	int			anniversary_days;	/* how far ahead they are looked for */
	SegFoldUntil *folds;
};

/* eval_until.c */
extern SegUntilState *seg_until_begin(SegEval *e);
extern SegDrift seg_until_drift(SegEval *e, const SegExpr *expr);
extern TimestampTz seg_until(SegEval *e, const SegExpr *expr);

/* eval_until_time.c: value does not move */
extern TimestampTz seg_until_clock(SegEval *e, SegCompare op, const SegValue *value, const SegExpr *clock);
extern TimestampTz seg_until_span(SegEval *e, const SegExpr *expr, const SegValue *value);
extern TimestampTz seg_until_age(SegEval *e, const SegValue *value);
extern TimestampTz seg_until_age_test(int64 age, TimestampTz birthday, SegCompare op, int64 number);
extern SegDrift seg_until_clock_word(SegEval *e, const SegExpr *clock);
extern bool seg_until_unit(const SegNode *period, SegUnit *unit, int64 *shift);
extern SegTrack *seg_until_track(SegEval *e, const SegExpr *expr);

/* eval_until_fold.c */
extern SegFoldUntil *seg_until_folds(SegEval *e);
extern TimestampTz seg_until_rows(SegCompare op, const SegFoldItem *item, bool holds, const SegItemUntil *rows);
extern SegDrift seg_until_aggregate(SegEval *e, const SegExpr *expr);
extern TimestampTz seg_until_aggregate_test(SegEval *e, const SegExpr *expr, SegCompare op, const SegValue *value,
											 const SegCompareHow *how);

#endif							/* SEG_EVAL_UNTIL_H */
