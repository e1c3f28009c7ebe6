/*
 * recheck.h
 *		Members whom a statement could not find.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RECHECK_H
#define SEG_RECHECK_H

#include "postgres.h"

#include "storage/itemptr.h"

#include "member_set.h"
#include "ruleset.h"
#include "track_use.h"

/* Whoever is led to by these keys has to be looked for again; NULL: everybody. */
extern void seg_recheck_note(const SegUse *use, Datum *keys, Size nkeys);

/* Is anybody to be looked for, as the active snapshot shows it? */
extern bool seg_recheck_any(int32 population);

typedef struct SegRecheck
{
	int64		id;
	uint64		horizon;		/* 0: not known yet */
	SegMemberSet *members;		/* as the active snapshot leads to them; NULL: everybody */
} SegRecheck;

/* Of SegRecheck *. */
extern List *seg_rechecks(SegRuleset *ruleset);

#endif							/* SEG_RECHECK_H */
