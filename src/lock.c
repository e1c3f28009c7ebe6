/*
 * lock.c
 *		Locks of our own.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/resowner.h"

#include "lock.h"

/* The fourth field of an advisory lock's tag; those of PostgreSQL's functions are 1 and 2. */
#define BUCKET_CLASS	101
#define FEED_CLASS		102
#define BUILDER_CLASS	103
#define KEY_CLASS		104

static bool
lock_in_mode(int32 population, uint32 number, uint16 class, LOCKMODE mode, bool session, bool wait)
{
	LOCKTAG		tag;
	ResourceOwner owner = CurrentResourceOwner;
	LockAcquireResult result;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) population, number, class);
	/* not what is given back early (borrow.h) */
	CurrentResourceOwner = CurTransactionResourceOwner;
	result = LockAcquire(&tag, mode, session, !wait);
	CurrentResourceOwner = owner;
	return result != LOCKACQUIRE_NOT_AVAIL;
}

static bool
lock(int32 population, uint32 number, uint16 class, bool session, bool wait)
{
	return lock_in_mode(population, number, class, ExclusiveLock, session, wait);
}

int
seg_bucket_of(int64 member)
{
	return (int) (hash_bytes((const unsigned char *) &member, sizeof(member)) % SEG_BUCKETS);
}

bool
seg_lock_bucket(int32 population, int bucket)
{
	return lock(population, (uint32) bucket, BUCKET_CLASS, false, false);
}

bool
seg_lock_buckets(int32 population)
{
	for (int bucket = 0; bucket < SEG_BUCKETS; bucket++)
		if (!seg_lock_bucket(population, bucket))
			return false;
	return true;
}

bool
seg_lock_key(int32 population, const char *key, bool give)
{
	uint32		bucket = hash_bytes((const unsigned char *) key, (int) strlen(key)) % SEG_KEY_BUCKETS;

	/* each has no conflict with itself, and one with the other */
	return lock_in_mode(population, bucket, KEY_CLASS, give ? RowExclusiveLock : ShareLock, false, false);
}

bool
seg_lock_feed(int32 population, bool wait)
{
	return lock(population, 0, FEED_CLASS, false, wait);
}

bool
seg_lock_builder(int32 population, bool session)
{
	return lock(population, 0, BUILDER_CLASS, session, false);
}

void
seg_unlock_builder(int32 population)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) population, 0, BUILDER_CLASS);
	(void) LockRelease(&tag, ExclusiveLock, true);
}
