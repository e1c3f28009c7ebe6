/*
 * track.h
 *		Whom did a statement touch?
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_TRACK_H
#define SEG_TRACK_H

#include "postgres.h"

/*
 * Everybody with rows in this partition of a registered relation is in doubt; a relation is
 * a partition of itself.  partition InvalidOid: one whose rows are gone, so everybody.
 */
extern void seg_track_whole(Oid root, Oid partition);

#endif							/* SEG_TRACK_H */
