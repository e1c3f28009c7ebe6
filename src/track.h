/*
 * track.h
 *		Whom a statement touched.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_TRACK_H
#define SEG_TRACK_H

#include "postgres.h"

#include "compat.h"

/*
 * Everybody who has rows in a table, a part of a relation that is registered, is in doubt: the
 * part comes or goes as a whole.
 */
extern void seg_track_whole(Oid root, Oid part);

#endif							/* SEG_TRACK_H */
