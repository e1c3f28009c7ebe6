/*
 * live_direct.h
 *		Reading a few members' rows straight from their table, through an index.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_LIVE_DIRECT_H
#define SEG_LIVE_DIRECT_H

#include "postgres.h"

#include "pass_read_direct.h"

typedef struct SegLiveDirect SegLiveDirect;

/* The way to the rows of a relation of the program, in the current context; NULL: there is none. */
extern SegLiveDirect *seg_live_direct_begin(SegReading *reading, int relation);

/*
 * Adds what the relation has of the members to the reading, with the active snapshot, as the
 * population's owner; false, and nothing is added, if this time a query has to do it.  Rows from before start
 * may be left out.
 */
extern bool seg_live_direct_read(SegLiveDirect *direct, int n, const int64 *members, TimestampTz start);

#endif							/* SEG_LIVE_DIRECT_H */
