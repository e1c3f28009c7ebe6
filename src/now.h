/*
 * now.h
 *		Which moment is the present.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_NOW_H
#define SEG_NOW_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "compat.h"

/*
 * Of a statement that reads: the moment at which it began.  Of somebody who writes what others
 * will read: this very moment.  Both are what segments.now says, if it says anything.
 */
extern TimestampTz seg_now(void);
extern TimestampTz seg_now_latest(void);

/*
 * By how much it may be behind the present of somebody who has evaluated members before: clocks are set back now and
 * then, and one that the setting stands in for stands still while others go on.
 */
extern int64 seg_now_lag(void);

/* Defines the setting. */
extern void seg_now_init(void);

#endif							/* SEG_NOW_H */
