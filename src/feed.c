/*
 * feed.c
 *		The order in which the changes of a population are handed out.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"

#include "feed.h"
#include "lock.h"

#define CHANNEL		"segments"

void
seg_feed_publish(int32 population)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(population);
	SegUser		user;

	if (XactReadOnly || IsolationUsesXactSnapshot() || !seg_lock_feed(population, false))
		return;
	seg_user_become_extension(&user);
	SPI_connect();
	/* not read-only: SPI takes a snapshot for it now, under the lock */
	if (SPI_execute_with_args("UPDATE segments.change AS c SET number = n.number"
							  " FROM (SELECT o.place, " SEG_FEED_PLACES("o.members") " AS number"
							  " FROM (SELECT ctid AS place, members FROM segments.change"
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
