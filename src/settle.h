/*
 * settle.h
 *		Evaluating members, and recording how they differ from what is stored.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_SETTLE_H
#define SEG_SETTLE_H

#include "postgres.h"

#include "nodes/bitmapset.h"

#include "member_set.h"
#include "ruleset.h"
#include "state.h"

/*
 * What rules say of members now, or as of what upkeep has settled, on the basis of what this transaction and all that are committed
 * have done.  The caller holds the members' buckets (lock.h), and the active snapshot is one taken
 * after he got them.  Who is due is asked about all rules, whatever rules are given.  He is not
 * due any more afterwards: if the caller has locked the population (exclusive); else unless
 * others are due in the same row.  Returns how many entered and left; -1 where a rule could not
 * be evaluated, and nothing was done.
 */
extern int64 seg_settle(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, SegReason reason,
						TimestampTz now, bool exclusive);

/* Tries for the buckets of members.  Returns those that were got; *others are the rest, or NULL. */
extern SegMemberSet *seg_settle_lock(int32 population, const SegMemberSet *members, SegMemberSet **others);

/* Notes members in doubt. */
extern void seg_settle_doubt(int32 population, const SegMemberSet *members);

#endif							/* SEG_SETTLE_H */
