/*
 * store_fold.c
 *		Folding: what the tail says becomes part of the sets, and history.
 *
 * It happens in one transaction, for all rows of a chunk that one snapshot sees; so a reader finds
 * each change in the tail or in the sets, never in both or neither.  Rows that a transaction
 * appends meanwhile stay behind: they were appended by somebody who saw the ones before them.
 *
 * It rewrites every set that the tail speaks of, be it for one member.  So a chunk is left alone
 * until there are enough rows to share the cost, or one that has waited long enough: all who
 * read a segment read the rows of its tail, too.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "feed.h"
#include "lock.h"
#include "store.h"

/* Worth a fold: so many changes, so many rows that whoever looks for any member has to read, or one row so old. */
#define ENOUGH_CHANGES	500
#define ENOUGH_SETS		16
#define OLD_ENOUGH		(10 * USECS_PER_MINUTE)

static ArrayType *
to_array(Datum *values, int n, Oid type)
{
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	return construct_array(values, n, type, len, byval, align);
}

static void
execute(const char *sql, int n, Oid *types, Datum *values, int expected)
{
	if (SPI_execute_with_args(sql, n, types, values, NULL, false, 0) != expected)
		elog(ERROR, "cannot execute: %s", sql);
}

/* Are they worth a fold?  What is dated ahead was found for a moment to come, who knows when. */
static bool
is_worth(const SegTailRow *rows, Size n, int64 changes, TimestampTz now)
{
	int			sets = 0;

	if (TIMESTAMP_IS_NOEND(now) || changes >= ENOUGH_CHANGES)
		return n > 0;
	for (Size i = 0; i < n; i++)
	{
		sets += rows[i].members != NULL;
		if (sets >= ENOUGH_SETS || rows[i].at > now || rows[i].at <= now - OLD_ENOUGH)
			return true;
	}
	return false;
}

static int64
count_changes(const SegTailRow *rows, Size n)
{
	int64		changes = 0;

	for (Size i = 0; i < n; i++)
		changes += seg_tail_row_count(&rows[i]);
	return changes;
}

static ArrayType *
ids_of(const SegTailRow *rows, Size n)
{
	Datum	   *ids = palloc_extended(sizeof(Datum) * n, MCXT_ALLOC_HUGE);
	ArrayType  *array;

	for (Size i = 0; i < n; i++)
		ids[i] = Int64GetDatum(rows[i].id);
	array = to_array(ids, n, INT8OID);
	pfree(ids);
	return array;
}

/* Writes what becomes of the sets that the tail speaks of. */
static void
write_sets(const SegPopulation *population, int64 chunk, const SegTailChunk *tails, int n)
{
	SegStateChunk *stored = seg_state_chunk(population->id, chunk);
	Oid			set_type = seg_catalog_type("member_set");
	Oid			types[] = {INT4OID, INT8OID, INT4ARRAYOID, get_array_type(set_type)};
	Datum		values[4];
	Datum	   *all = palloc(sizeof(Datum) * n);
	Datum	   *ids = palloc(sizeof(Datum) * n);
	Datum	   *sets = palloc(sizeof(Datum) * n);
	int			nsets = 0;

	for (int i = 0; i < n; i++)
	{
		SegMemberSet *set = seg_tail_apply(&tails[i], chunk, seg_state_set(stored, tails[i].segment));

		all[i] = Int32GetDatum(tails[i].segment);
		if (set == NULL)
			continue;
		ids[nsets] = Int32GetDatum(tails[i].segment);
		sets[nsets++] = PointerGetDatum(set);
	}
	values[0] = Int32GetDatum(population->id);
	values[1] = Int64GetDatum(chunk);
	values[2] = PointerGetDatum(to_array(all, n, INT4OID));
	execute("DELETE FROM segments.membership WHERE population = $1 AND chunk = $2 AND segment = ANY ($3)",
			3, types, values, SPI_OK_DELETE);
	values[2] = PointerGetDatum(to_array(ids, nsets, INT4OID));
	values[3] = PointerGetDatum(construct_array(sets, nsets, set_type, -1, false, TYPALIGN_DOUBLE));
	execute("INSERT INTO segments.membership (population, chunk, segment, members)"
			" SELECT $1, $2, n.segment, n.members"
			" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS n (segment, members)"
			" JOIN segments.segment AS s ON s.id = n.segment",
			4, types, values, SPI_OK_INSERT);
}

static void
write_counts(const SegTailChunk *tails, int n)
{
	Oid			types[] = {INT4ARRAYOID, INT4ARRAYOID};
	Datum	   *ids = palloc(sizeof(Datum) * n);
	Datum	   *nets = palloc(sizeof(Datum) * n);
	Datum		values[2];

	for (int i = 0; i < n; i++)
	{
		ids[i] = Int32GetDatum(tails[i].segment);
		nets[i] = Int32GetDatum(tails[i].net);
	}
	values[0] = PointerGetDatum(to_array(ids, n, INT4OID));
	values[1] = PointerGetDatum(to_array(nets, n, INT4OID));
	execute("UPDATE segments.segment AS s SET members = s.members + n.net"
			" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n (id, net)"
			" WHERE s.id = n.id AND n.net <> 0",
			2, types, values, SPI_OK_UPDATE);
}

/*
 * Rows get their places in the feed, if they have none, in the order of their ids.  In history each
 * member has a row of his own, so that his are found.
 */
static void
move_to_history(int32 population, int64 chunk, ArrayType *ids)
{
	Oid			types[] = {INT4OID, INT8OID, INT8OID, INT8ARRAYOID};
	int64		first = seg_chunk_first_key(chunk);
	Datum		values[4];

	values[0] = Int32GetDatum(population);
	values[1] = Int64GetDatum(first);
	values[2] = Int64GetDatum(first + SEG_CHUNK_MASK);
	values[3] = PointerGetDatum(ids);
	execute("WITH moved AS (DELETE FROM segments.change WHERE population = $1 AND member BETWEEN $2 AND $3"
			" AND id = ANY ($4) RETURNING *)"
			", placed AS (SELECT m.*, coalesce(m.number, " SEG_FEED_PLACES("m.members") ") AS place"
			" FROM (SELECT * FROM moved ORDER BY id) AS m)"
			" INSERT INTO segments.history (id, population, member, segment, entered, at, reason, number)"
			" SELECT id, population, member, segment, entered, at, reason, place FROM placed WHERE members IS NULL"
			" UNION ALL"
			" SELECT p.id, p.population, m.member, p.segment, p.entered, p.at, p.reason, p.place + m.nth - 1"
			" FROM placed AS p, segments.unnest(p.members) WITH ORDINALITY AS m (member, nth)"
			" WHERE p.members IS NOT NULL",
			4, types, values, SPI_OK_INSERT);
}

static int64
fold(const SegPopulation *population, int64 chunk, TimestampTz now)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments fold", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Size		nrows;
	SegTailRow *rows = seg_tail_rows(population->id, chunk, &nrows);
	int64		changes = count_changes(rows, nrows);
	bool		worth = is_worth(rows, nrows, changes, now);
	SegTailChunk *tails;
	int			n;
	SegUser		user;

	if (worth)
	{
		tails = seg_tail_of_rows(rows, nrows, &n);
		seg_user_become_extension(&user);
		SPI_connect();
		write_sets(population, chunk, tails, n);
		write_counts(tails, n);
		move_to_history(population->id, chunk, ids_of(rows, nrows));
		seg_state_touch(population->id, chunk, DT_NOBEGIN, false);
		SPI_finish();
		seg_user_restore(&user);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return worth ? changes : 0;
}

int64
seg_store_fold_some(const SegPopulation *population, int64 most, TimestampTz now, int64 *next)
{
	int64		folded = 0;
	int64		chunk;

	if (!seg_lock_feed(population->id, false))
		return 0;
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	while (folded < most && *next <= SEG_LAST_CHUNK)
	{
		CHECK_FOR_INTERRUPTS();
		if (!seg_tail_next_chunk_of_any(population->id, *next, &chunk))
			chunk = SEG_LAST_CHUNK;
		else
			folded += fold(population, chunk, now);
		*next = chunk + 1;
	}
	PopActiveSnapshot();
	return folded;
}
