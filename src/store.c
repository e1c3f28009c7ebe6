/*
 * store.c
 *		The members of segments as they are stored.
 *
 * Rows of segments.membership are compared with what is put, chunk by chunk, and only those that
 * differ are written, many at a time.  In memory are the old sets of one chunk, the new
 * ones that are to be written, and the numbers of all chunks put, as a compressed set.
 *
 * Equal sets have equal bytes (member_set.h), so that comparing is comparing bytes.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "store.h"

/* Rows are written when there are so many of a kind, or bytes in all. */
#define ROWS_AT_ONCE	10000
#define BYTES_AT_ONCE	(1024 * 1024)

typedef enum Change
{
	INSERTED, UPDATED, DELETED
} Change;

#define NCHANGES	(DELETED + 1)

/* Rows to be written, by column. */
typedef struct Batch
{
	int			n;
	Datum	   *chunks;			/* ROWS_AT_ONCE each */
	Datum	   *segments;
	Datum	   *members;
} Batch;

typedef struct Segment
{
	int32		id;
	int			at;				/* in segment_ids */
} Segment;

struct SegStoreWriter
{
	int32		population;
	MemoryContext context;
	int			nsegments;
	int32	   *ids;
	Segment    *by_id;			/* the same segments in order of their ids */
	int64	   *cardinality;	/* by segment, of what was put */
	SegSetBuilder *seen;		/* numbers of the chunks put, the current one included */

	MemoryContext chunk_context;	/* of what is stored in the current chunk */
	bool		in_chunk;
	int64		chunk;
	SegMemberSet **old;			/* by segment; NULL: none, or replaced already */
	List	   *old_segments;	/* integers: those with anything in old */

	MemoryContext batch_context;
	Batch		batches[NCHANGES];
	Size		bytes;			/* of all batches */
	Oid			set_type;
	Oid			set_array_type;
};

SegMemberSet *
seg_store_scanned(const SegScan *scan)
{
	bool		isnull;
	Datum		datum = seg_scan_datum(scan, SEG_COL_MEMBERSHIP_MEMBERS, &isnull);

	Assert(!isnull);
	return (SegMemberSet *) PG_DETOAST_DATUM_COPY(datum);
}

SegMemberSet *
seg_store_chunk(int32 population, int32 segment, int64 chunk)
{
	SegScan		scan;
	ScanKeyData keys[3];
	SegMemberSet *set = NULL;

	seg_key_int4(&keys[0], SEG_COL_MEMBERSHIP_POPULATION, population);
	seg_key_int8(&keys[1], SEG_COL_MEMBERSHIP_CHUNK, BTEqualStrategyNumber, chunk);
	seg_key_int4(&keys[2], SEG_COL_MEMBERSHIP_SEGMENT, segment);
	seg_scan_begin(&scan, "membership", "membership_pkey", lengthof(keys), keys);
	if (seg_scan_next(&scan))
		set = seg_store_scanned(&scan);
	seg_scan_end(&scan);
	return set;
}

/* Writing. */

static int
compare_segments(const void *a, const void *b)
{
	int32		x = ((const Segment *) a)->id;
	int32		y = ((const Segment *) b)->id;

	return (x > y) - (x < y);
}

/* All builds of a population follow each other. */
static void
lock_population(const SegPopulation *population)
{
	Oid			argtypes[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(population->id)};
	SegUser		user;

	seg_user_become_extension(&user);
	SPI_connect();
	if (SPI_execute_with_args("SELECT FROM segments.population WHERE id = $1 FOR NO KEY UPDATE",
							  1, argtypes, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not lock population %d", population->id);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("population \"%s\" does not exist any more", population->name)));
	SPI_finish();
	seg_user_restore(&user);
}

SegStoreWriter *
seg_store_begin(const SegPopulation *population, int nsegments, const int32 *segment_ids)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "segments store", ALLOCSET_DEFAULT_SIZES);
	SegStoreWriter *w;

	lock_population(population);
	MemoryContextSwitchTo(context);
	w = palloc0(sizeof(SegStoreWriter));
	w->population = population->id;
	w->context = context;
	w->nsegments = nsegments;
	w->ids = palloc(sizeof(int32) * (nsegments + 1));
	w->by_id = palloc(sizeof(Segment) * (nsegments + 1));
	w->cardinality = palloc0(sizeof(int64) * (nsegments + 1));
	w->old = palloc0(sizeof(SegMemberSet *) * (nsegments + 1));
	for (int i = 0; i < nsegments; i++)
	{
		w->ids[i] = segment_ids[i];
		w->by_id[i] = (Segment) {.id = segment_ids[i],.at = i};
	}
	qsort(w->by_id, nsegments, sizeof(Segment), compare_segments);
	w->seen = seg_set_builder_create();
	w->chunk_context = AllocSetContextCreate(context, "segments stored chunk", ALLOCSET_DEFAULT_SIZES);
	w->batch_context = AllocSetContextCreate(context, "segments batch", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < NCHANGES; i++)
	{
		w->batches[i].chunks = palloc(sizeof(Datum) * ROWS_AT_ONCE);
		w->batches[i].segments = palloc(sizeof(Datum) * ROWS_AT_ONCE);
		w->batches[i].members = palloc(sizeof(Datum) * ROWS_AT_ONCE);
	}
	w->set_type = seg_catalog_type("member_set");
	w->set_array_type = get_array_type(w->set_type);
	MemoryContextSwitchTo(caller);
	return w;
}

/* Batches. */

static const char *const statements[NCHANGES] = {
	"INSERT INTO segments.membership (population, chunk, segment, members)"
	" SELECT $1, n.chunk, n.segment, n.members"
	" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) AS n (chunk, segment, members)",
	"UPDATE segments.membership AS m SET members = n.members"
	" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) AS n (chunk, segment, members)"
	" WHERE m.population = $1 AND m.chunk = n.chunk AND m.segment = n.segment",
	"DELETE FROM segments.membership AS m"
	" USING ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS n (chunk, segment)"
	" WHERE m.population = $1 AND m.chunk = n.chunk AND m.segment = n.segment"
};
static const int results[NCHANGES] = {SPI_OK_INSERT, SPI_OK_UPDATE, SPI_OK_DELETE};

static Datum
int8_array(Datum *values, int n)
{
	return PointerGetDatum(construct_array(values, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
int4_array(Datum *values, int n)
{
	return PointerGetDatum(construct_array(values, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

static void
write_batch(SegStoreWriter *w, Change change)
{
	Batch	   *batch = &w->batches[change];
	Oid			argtypes[] = {INT4OID, INT8ARRAYOID, INT4ARRAYOID, w->set_array_type};
	int			nargs = change == DELETED ? 3 : 4;
	Datum		values[4];

	if (batch->n == 0)
		return;
	values[0] = Int32GetDatum(w->population);
	values[1] = int8_array(batch->chunks, batch->n);
	values[2] = int4_array(batch->segments, batch->n);
	if (nargs == 4)
		values[3] = PointerGetDatum(construct_array(batch->members, batch->n, w->set_type, -1, false,
													TYPALIGN_DOUBLE));
	if (SPI_execute_with_args(statements[change], nargs, argtypes, values, NULL, false, 0) != results[change])
		elog(ERROR, "could not write segments.membership");
	batch->n = 0;
}

static void
write_batches(SegStoreWriter *w)
{
	SegUser		user;

	seg_user_become_extension(&user);
	SPI_connect();
	for (int i = 0; i < NCHANGES; i++)
		write_batch(w, i);
	SPI_finish();
	seg_user_restore(&user);
	MemoryContextReset(w->batch_context);
	w->bytes = 0;
}

static void
add_change(SegStoreWriter *w, Change change, int64 chunk, int32 segment, const SegMemberSet *members)
{
	MemoryContext caller = MemoryContextSwitchTo(w->batch_context);
	Batch	   *batch = &w->batches[change];

	batch->chunks[batch->n] = Int64GetDatum(chunk);
	batch->segments[batch->n] = Int32GetDatum(segment);
	if (members)
	{
		batch->members[batch->n] = PointerGetDatum(seg_set_copy(members));
		w->bytes += VARSIZE(members);
	}
	batch->n++;
	MemoryContextSwitchTo(caller);
	if (batch->n == ROWS_AT_ONCE || w->bytes >= BYTES_AT_ONCE)
		write_batches(w);
}

/* Chunks. */

/* What is stored of our segments in the chunk. */
static void
read_old(SegStoreWriter *w)
{
	MemoryContext caller = MemoryContextSwitchTo(w->chunk_context);
	SegScan		scan;
	ScanKeyData keys[4];

	seg_key_int4(&keys[0], SEG_COL_MEMBERSHIP_POPULATION, w->population);
	seg_key_int8(&keys[1], SEG_COL_MEMBERSHIP_CHUNK, BTEqualStrategyNumber, w->chunk);
	ScanKeyInit(&keys[2], SEG_COL_MEMBERSHIP_SEGMENT, BTGreaterEqualStrategyNumber, F_INT4GE,
				Int32GetDatum(w->by_id[0].id));
	ScanKeyInit(&keys[3], SEG_COL_MEMBERSHIP_SEGMENT, BTLessEqualStrategyNumber, F_INT4LE,
				Int32GetDatum(w->by_id[w->nsegments - 1].id));
	seg_scan_begin(&scan, "membership", "membership_pkey", lengthof(keys), keys);
	while (seg_scan_next(&scan))
	{
		Segment		key = {.id = seg_scan_int4(&scan, SEG_COL_MEMBERSHIP_SEGMENT)};
		Segment    *segment = bsearch(&key, w->by_id, w->nsegments, sizeof(Segment), compare_segments);

		CHECK_FOR_INTERRUPTS();
		if (segment == NULL)
			continue;
		w->old[segment->at] = seg_store_scanned(&scan);
		w->old_segments = lappend_int(w->old_segments, segment->at);
	}
	seg_scan_end(&scan);
	MemoryContextSwitchTo(caller);
}

static void
end_chunk(SegStoreWriter *w)
{
	ListCell   *lc;

	if (!w->in_chunk)
		return;
	foreach(lc, w->old_segments)
	{
		int			i = lfirst_int(lc);

		if (w->old[i] != NULL)
			add_change(w, DELETED, w->chunk, w->ids[i], NULL);
		w->old[i] = NULL;
	}
	w->old_segments = NIL;
	w->in_chunk = false;
	MemoryContextReset(w->chunk_context);
}

void
seg_store_put(SegStoreWriter *w, int i, int64 chunk, const SegMemberSet *members)
{
	const SegMemberSet *old;

	Assert(i >= 0 && i < w->nsegments && seg_set_cardinality(members) > 0);
	if (!w->in_chunk || chunk != w->chunk)
	{
		end_chunk(w);
		w->chunk = chunk;
		w->in_chunk = true;
		seg_set_builder_add(w->seen, chunk);
		read_old(w);
	}
	w->cardinality[i] += seg_set_cardinality(members);
	old = w->old[i];
	w->old[i] = NULL;
	if (old == NULL)
		add_change(w, INSERTED, chunk, w->ids[i], members);
	else if (VARSIZE(old) != VARSIZE(members) || memcmp(old, members, VARSIZE(old)) != 0)
		add_change(w, UPDATED, chunk, w->ids[i], members);
}

/* Where nobody is a member of anything any more, nothing was put. */
static void
delete_other_chunks(SegStoreWriter *w)
{
	SegMemberSet *seen = seg_set_builder_finish(w->seen);

	for (int i = 0; i < w->nsegments; i++)
	{
		SegScan		scan;
		ScanKeyData key;

		seg_key_int4(&key, SEG_COL_MEMBERSHIP_SEGMENT, w->ids[i]);
		seg_scan_begin(&scan, "membership", "membership_segment_chunk", 1, &key);
		while (seg_scan_next(&scan))
		{
			int64		chunk = seg_scan_int8(&scan, SEG_COL_MEMBERSHIP_CHUNK);

			CHECK_FOR_INTERRUPTS();
			if (!seg_set_contains(seen, chunk))
				add_change(w, DELETED, chunk, w->ids[i], NULL);
		}
		seg_scan_end(&scan);
	}
}

static void
update_segments(SegStoreWriter *w, TimestampTz now)
{
	Oid			argtypes[] = {INT4ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID};
	Datum		values[3];
	Datum	   *ids = palloc(sizeof(Datum) * (w->nsegments + 1));
	Datum	   *members = palloc(sizeof(Datum) * (w->nsegments + 1));
	SegUser		user;

	for (int i = 0; i < w->nsegments; i++)
	{
		ids[i] = Int32GetDatum(w->ids[i]);
		members[i] = Int64GetDatum(w->cardinality[i]);
	}
	values[0] = int4_array(ids, w->nsegments);
	values[1] = int8_array(members, w->nsegments);
	values[2] = TimestampTzGetDatum(now);
	seg_user_become_extension(&user);
	SPI_connect();
	if (SPI_execute_with_args("UPDATE segments.segment AS s"
							  " SET members = n.members, built = true, built_at = $3"
							  " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n (id, members) WHERE s.id = n.id",
							  lengthof(argtypes), argtypes, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write segments.segment");
	SPI_finish();
	seg_user_restore(&user);
}

void
seg_store_end(SegStoreWriter *w, TimestampTz now)
{
	MemoryContext caller = MemoryContextSwitchTo(w->context);

	end_chunk(w);
	delete_other_chunks(w);
	write_batches(w);
	update_segments(w, now);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(w->context);
}
