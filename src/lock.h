/*
 * lock.h
 *		Locks of our own.
 *
 * They look like advisory locks in pg_locks, and meet none of the user's.  All are held to the
 * end of the transaction, or of the subtransaction that took them, if that is rolled back.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_LOCK_H
#define SEG_LOCK_H

#include "postgres.h"

#include "compat.h"

/*
 * Members are spread over so many buckets.  Whoever holds a member's bucket is the only one who
 * evaluates him, and nobody waits for one: what he then reads is all that was committed, and what he writes is seen by
 * the next holder.
 */
#define SEG_BUCKETS		1024

extern int	seg_bucket_of(int64 member);
extern bool seg_lock_bucket(int32 population, int bucket);

/* All of them; false: somebody is evaluating members who may not be stored anywhere yet. */
extern bool seg_lock_buckets(int32 population);

/*
 * Keys that have no number yet (dictionary.h), spread over so many buckets.  Who gives a number to one does not see what
 * others are writing about it, and they do not find its number.  So both take the lock that the others of
 * their kind can have at the same time, and the other kind cannot; who does not get it has to leave a note (recheck.h).
 */
#define SEG_KEY_BUCKETS	16

extern bool seg_lock_key(int32 population, const char *key, bool give);

/* The lock of a population's feed (feed.h); false where somebody else has it, and wait is not wanted. */
extern bool seg_lock_feed(int32 population, bool wait);

/*
 * Whoever creates a segment while others write holds this one, for as long as his session lives
 * or until he gives it back: what he leaves behind is told by nobody holding it.  Not waited for.
 */
extern bool seg_lock_builder(int32 population, bool session);
extern void seg_unlock_builder(int32 population);

#endif							/* SEG_LOCK_H */
