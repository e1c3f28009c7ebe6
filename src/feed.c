/*
 * feed.c
 *		The order in which the changes of a population are handed out.
 *
 * The lock is one of PostgreSQL's advisory locks, in a class of its own: no advisory lock of a
 * user's meets it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "feed.h"

/* PostgreSQL's own functions use classes 1 and 2. */
#define LOCK_CLASS	0x5346

#define CHANNEL		"segments"

bool
seg_feed_lock(int32 population, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) population, 0, LOCK_CLASS);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

void
seg_feed_publish(int32 population)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(population);
	SegUser		user;

	if (XactReadOnly || IsolationUsesXactSnapshot() || !seg_feed_lock(population, false))
		return;
	seg_user_become_extension(&user);
	SPI_connect();
	/* not read-only: SPI takes a snapshot for it now, under the lock */
	if (SPI_execute_with_args("UPDATE segments.change AS c SET number = n.number"
							  " FROM (SELECT o.place, nextval('segments.change_number') AS number"
							  " FROM (SELECT ctid AS place FROM segments.change"
							  " WHERE population = $1 AND number IS NULL ORDER BY id) AS o) AS n"
							  " WHERE c.ctid = n.place",
							  1, &type, &value, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not number the changes of population %d", population);
	SPI_finish();
	seg_user_restore(&user);
}

void
seg_feed_notify(const SegPopulation *population, const SegSegment *segment)
{
	Async_Notify(CHANNEL, psprintf("%s/%s", population->name, segment->name));
}
