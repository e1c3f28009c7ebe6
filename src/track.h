/*
 * track.h
 *		Whom a statement touched.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_TRACK_H
#define SEG_TRACK_H

#include "postgres.h"

#include "registry.h"

/*
 * Everybody with rows in this partition of a registered relation is in doubt; a relation is a
 * partition of itself, and one that was taken off counts still.  InvalidOid: one whose rows
 * are gone, so everybody.
 */
extern void seg_track_whole(Oid root, Oid partition);

/*
 * Everybody is in doubt, and with rows whoever has one in the population's table, shown to its owner or not.
 */
extern void seg_track_population(const SegPopulation *population, bool rows);

#endif							/* SEG_TRACK_H */
