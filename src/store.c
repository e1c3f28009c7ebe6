/*
 * store.c
 *		Recording what an evaluation found.
 *
 * In memory are the new sets of one chunk, and what is about to be written.  Equal sets have equal
 * bytes (member_set.h), so that most comparisons are those of bytes.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "feed.h"
#include "store.h"

/* Sets are written when there are so many, or bytes in all. */
#define SETS_AT_ONCE	10000
#define BYTES_AT_ONCE	(1024 * 1024)

struct SegStoreWriter
{
	const SegStoreTask *task;
	MemoryContext context;
	int64	   *cardinality;	/* by segment, of those that are built for the first time */
	SegSetBuilder *seen;		/* numbers of the chunks put */
	int64		changes;
	bool	   *notified;		/* by segment: whoever listens is told */
	SegTailWriter tail;
	SegDueWriter *due;			/* NULL: nobody is kept due */

	MemoryContext chunk_context;	/* of the chunk at hand */
	bool		in_chunk;
	int64		chunk;
	SegMemberSet **found;		/* by segment; NULL: nobody */

	MemoryContext batch_context;	/* of sets to be written */
	int			nsets;
	Datum	   *chunks;			/* SETS_AT_ONCE each */
	Datum	   *ids;
	Datum	   *members;
	Size		bytes;
	List	   *touched;		/* int64 *: chunks that get another version */
	Oid			set_type;
};

bool
seg_store_lock(const SegPopulation *population, bool wait)
{
	Oid			argtypes[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(population->id)};
	bool		locked;
	SegUser		user;

	seg_user_become_extension(&user);
	SPI_connect();
	if (SPI_execute_with_args(wait ? "SELECT FROM segments.population WHERE id = $1 FOR NO KEY UPDATE" :
							  "SELECT FROM segments.population WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED",
							  1, argtypes, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not lock population %d", population->id);
	locked = SPI_processed > 0;
	if (!locked && wait)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("population \"%s\" does not exist any more", population->name)));
	SPI_finish();
	seg_user_restore(&user);
	return locked;
}

SegStoreWriter *
seg_store_begin(const SegStoreTask *task)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "segments store", ALLOCSET_DEFAULT_SIZES);
	SegStoreWriter *w;

	MemoryContextSwitchTo(context);
	w = palloc0(sizeof(SegStoreWriter));
	w->task = task;
	w->context = context;
	w->cardinality = palloc0(sizeof(int64) * (task->nsegments + 1));
	w->notified = palloc0(sizeof(bool) * (task->nsegments + 1));
	w->found = palloc0(sizeof(SegMemberSet *) * (task->nsegments + 1));
	w->seen = seg_set_builder_create();
	w->chunk_context = AllocSetContextCreate(context, "segments found chunk", ALLOCSET_DEFAULT_SIZES);
	w->batch_context = AllocSetContextCreate(context, "segments batch", ALLOCSET_DEFAULT_SIZES);
	w->chunks = palloc(sizeof(Datum) * SETS_AT_ONCE);
	w->ids = palloc(sizeof(Datum) * SETS_AT_ONCE);
	w->members = palloc(sizeof(Datum) * SETS_AT_ONCE);
	w->set_type = seg_catalog_type("member_set");
	seg_tail_writer_init(&w->tail, task->population->id);
	if (task->listener == NULL && task->population->maintenance != SEG_SCHEDULED)
		w->due = seg_due_writer_begin(task->population->id);
	MemoryContextSwitchTo(caller);
	return w;
}

/* Sets that are written as they are. */

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
write_sets(SegStoreWriter *w)
{
	Oid			argtypes[] = {INT4OID, INT8ARRAYOID, INT4ARRAYOID, get_array_type(w->set_type)};
	Datum		values[4];
	ListCell   *lc;
	SegUser		user;

	if (w->nsets == 0)
		return;
	seg_user_become_extension(&user);
	SPI_connect();
	values[0] = Int32GetDatum(w->task->population->id);
	values[1] = int8_array(w->chunks, w->nsets);
	values[2] = int4_array(w->ids, w->nsets);
	values[3] = PointerGetDatum(construct_array(w->members, w->nsets, w->set_type, -1, false, TYPALIGN_DOUBLE));
	if (SPI_execute_with_args("INSERT INTO segments.membership (population, chunk, segment, members)"
							  " SELECT $1, n.chunk, n.segment, n.members FROM ROWS FROM (pg_catalog.unnest($2),"
							  " pg_catalog.unnest($3), pg_catalog.unnest($4)) AS n (chunk, segment, members)",
							  lengthof(argtypes), argtypes, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write segments.membership");
	foreach(lc, w->touched)
		seg_state_touch(w->task->population->id, *(int64 *) lfirst(lc), w->task->now, false);
	SPI_finish();
	seg_user_restore(&user);
	MemoryContextReset(w->batch_context);
	w->touched = NIL;
	w->nsets = 0;
	w->bytes = 0;
}

static void
add_set(SegStoreWriter *w, int i, const SegMemberSet *members)
{
	MemoryContext caller = MemoryContextSwitchTo(w->batch_context);

	w->chunks[w->nsets] = Int64GetDatum(w->chunk);
	w->ids[w->nsets] = Int32GetDatum(w->task->segments[i]->id);
	w->members[w->nsets++] = PointerGetDatum(seg_set_copy(members));
	w->bytes += VARSIZE(members);
	w->cardinality[i] += seg_set_cardinality(members);
	if (w->touched == NIL || *(int64 *) llast(w->touched) != w->chunk)
	{
		int64	   *chunk = palloc(sizeof(int64));

		*chunk = w->chunk;
		w->touched = lappend(w->touched, chunk);
	}
	MemoryContextSwitchTo(caller);
	if (w->nsets == SETS_AT_ONCE || w->bytes >= BYTES_AT_ONCE)
		write_sets(w);
}

/* Differences. */

static void
expand(const SegMemberSet *set, int64 chunk, uint64 bits[SEG_CHUNK_WORDS])
{
	if (set == NULL)
		memset(bits, 0, sizeof(uint64) * SEG_CHUNK_WORDS);
	else
		seg_set_bits_of_chunk(set, chunk, bits);
}

static bool
is_same(const SegMemberSet *a, const SegMemberSet *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static void
tell_listener(const SegStoreWriter *w, int i, const uint64 *bits, bool holds)
{
	const SegStoreListener *listener = w->task->listener;

	for (int word = 0; word < SEG_CHUNK_WORDS; word++)
		for (uint64 left = bits[word]; left != 0; left &= left - 1)
		{
			CHECK_FOR_INTERRUPTS();
			listener->differs(listener->arg, i, seg_chunk_first_key(w->chunk) + word * 64 + pg_rightmost_one_pos64(left),
							  holds);
		}
}

/* Members of the chunk at hand, n of them. */
static void
put_changes(SegStoreWriter *w, int i, const uint64 *bits, int n, bool holds)
{
	const SegStoreTask *task = w->task;
	const SegSegment *segment = task->segments[i];

	if (n == 0)
		return;
	w->changes += n;
	if (task->listener != NULL)
	{
		tell_listener(w, i, bits, holds);
		return;
	}
	seg_tail_append_bits(&w->tail, w->chunk, bits, segment->id, holds, task->now, task->reason);
	if (segment->notify && !w->notified[i])
		seg_feed_notify(task->population, segment);
	w->notified[i] = true;
}

/* Finds whoever is found otherwise than what is stored says, of those who matter. */
static void
compare(SegStoreWriter *w, int i, const SegMemberSet *stored, const SegTailChunk *tail, const uint64 *only)
{
	uint64		found[SEG_CHUNK_WORDS];
	uint64		old[SEG_CHUNK_WORDS];
	uint64		entered[SEG_CHUNK_WORDS];
	uint64		left[SEG_CHUNK_WORDS];
	int			nentered = 0;
	int			nleft = 0;

	CHECK_FOR_INTERRUPTS();
	if (tail == NULL && only == NULL && is_same(w->found[i], stored))
		return;
	expand(w->found[i], w->chunk, found);
	expand(stored, w->chunk, old);
	for (int word = 0; word < SEG_CHUNK_WORDS; word++)
	{
		uint64		was = tail == NULL ? old[word] : (old[word] | tail->entered[word]) & ~tail->left[word];
		uint64		differ = (found[word] ^ was) & (only == NULL ? PG_UINT64_MAX : only[word]);

		nentered += pg_popcount64(entered[word] = differ & found[word]);
		nleft += pg_popcount64(left[word] = differ & ~found[word]);
	}
	put_changes(w, i, entered, nentered, true);
	put_changes(w, i, left, nleft, false);
}

static const SegTailChunk *
find_tail(const SegTailChunk *tails, int n, int32 segment)
{
	int			low = 0;
	int			high = n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (tails[middle].segment < segment)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && tails[low].segment == segment ? &tails[low] : NULL;
}

/* The members of a chunk who matter. */
static void
who_matters(const SegStoreTask *task, int64 chunk, uint64 bits[SEG_CHUNK_WORDS])
{
	uint64		except[SEG_CHUNK_WORDS];

	if (task->only != NULL)
		expand(task->only, chunk, bits);
	else
		memset(bits, 0xff, sizeof(uint64) * SEG_CHUNK_WORDS);
	expand(task->except, chunk, except);
	for (int w = 0; w < SEG_CHUNK_WORDS; w++)
		bits[w] &= ~except[w];
}

static void
end_chunk(SegStoreWriter *w)
{
	const SegStoreTask *task = w->task;
	MemoryContext caller;
	SegStateChunk *stored;
	SegTailChunk *tails;
	int			ntails;
	uint64		bits[SEG_CHUNK_WORDS];
	uint64	   *matters = task->only == NULL && task->except == NULL ? NULL : bits;

	if (!w->in_chunk)
		return;
	w->in_chunk = false;
	caller = MemoryContextSwitchTo(w->chunk_context);
	stored = seg_state_chunk(task->population->id, w->chunk);
	tails = seg_tail_of_chunk(task->population->id, w->chunk, &ntails);
	if (matters != NULL)
		who_matters(task, w->chunk, matters);
	for (int i = 0; i < task->nsegments; i++)
	{
		int32		id = task->segments[i]->id;

		if (task->segments[i]->built)
			compare(w, i, seg_state_set(stored, id), find_tail(tails, ntails, id), matters);
		else if (w->found[i] != NULL)
			add_set(w, i, w->found[i]);
		w->found[i] = NULL;
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(w->chunk_context);
}

static void
begin_chunk(SegStoreWriter *w, int64 chunk)
{
	if (w->in_chunk && chunk == w->chunk)
		return;
	end_chunk(w);
	w->chunk = chunk;
	w->in_chunk = true;
	seg_set_builder_add(w->seen, chunk);
}

void
seg_store_put(SegStoreWriter *w, int i, int64 chunk, const SegMemberSet *members)
{
	MemoryContext caller;

	Assert(i >= 0 && i < w->task->nsegments && seg_set_cardinality(members) > 0);
	begin_chunk(w, chunk);
	caller = MemoryContextSwitchTo(w->chunk_context);
	w->found[i] = seg_set_copy(members);
	MemoryContextSwitchTo(caller);
}

void
seg_store_until(SegStoreWriter *w, int64 chunk, int n, const int64 *members, const TimestampTz *until)
{
	const SegStoreListener *listener = w->task->listener;
	TimestampTz *earliest = palloc(sizeof(TimestampTz) * SEG_CHUNK_KEYS);

	seg_due_earliest(w->task->population->id, chunk, listener ? SEG_IN_DOUBT : w->task->now, false, earliest);
	for (int i = 0; i < n; i++)
	{
		TimestampTz known = earliest[members[i] & SEG_CHUNK_MASK];

		if (TIMESTAMP_IS_NOEND(until[i]))
			continue;
		if (listener == NULL && seg_due_round(until[i], w->task->now) < known)
			seg_due_put(w->due, members[i], seg_due_round(until[i], w->task->now));
		else if (listener != NULL && until[i] < known &&
				 !(w->task->except != NULL && seg_set_contains(w->task->except, members[i])))
			listener->unknown(listener->arg, members[i], until[i]);
	}
	pfree(earliest);
}

/* Chunks in which nobody was put, but somebody is stored. */

static void
end_other_chunks_of(SegStoreWriter *w, const SegMemberSet *chunks, const SegMemberSet *seen)
{
	SegSetIter	it;
	int64		chunk;

	seg_set_iter_init(&it, chunks);
	while (seg_set_next(&it, &chunk))
	{
		if (seg_set_contains(seen, chunk))
			continue;
		begin_chunk(w, chunk);
		end_chunk(w);
	}
}

static void
add_stored_chunks(SegSetBuilder *chunks, int32 segment)
{
	SegScan		scan;
	ScanKeyData key;
	int64		chunk;

	seg_key_int4(&key, SEG_COL_MEMBERSHIP_SEGMENT, segment);
	seg_scan_begin(&scan, SEG_REL_MEMBERSHIP, SEG_REL_MEMBERSHIP_SEGMENT_CHUNK, 1, &key);
	while (seg_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		seg_set_builder_add(chunks, seg_scan_int8(&scan, SEG_COL_MEMBERSHIP_CHUNK));
	}
	seg_scan_end(&scan);
	for (int64 from = SEG_FIRST_CHUNK; seg_tail_next_chunk(segment, from, &chunk); from = chunk + 1)
	{
		CHECK_FOR_INTERRUPTS();
		seg_set_builder_add(chunks, chunk);
	}
}

static void
end_other_chunks(SegStoreWriter *w)
{
	const SegStoreTask *task = w->task;
	SegSetBuilder *chunks = seg_set_builder_create();
	SegMemberSet *seen;

	end_chunk(w);
	seen = seg_set_builder_finish(w->seen);
	if (task->only != NULL)
	{
		for (uint32 i = 0; i < seg_set_nchunks(task->only); i++)
			seg_set_builder_add(chunks, seg_set_chunk_number(task->only, i));
	}
	else
	{
		for (int i = 0; i < task->nsegments; i++)
			if (task->segments[i]->built)
				add_stored_chunks(chunks, task->segments[i]->id);
	}
	end_other_chunks_of(w, seg_set_builder_finish(chunks), seen);
}

/* What the segments' own rows say of a build. */
static void
update_segments(SegStoreWriter *w)
{
	const SegStoreTask *task = w->task;
	Oid			argtypes[] = {INT4ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID};
	Datum		values[3];
	Datum	   *ids = palloc(sizeof(Datum) * (task->nsegments + 1));
	Datum	   *members = palloc(sizeof(Datum) * (task->nsegments + 1));
	SegUser		user;

	for (int i = 0; i < task->nsegments; i++)
	{
		ids[i] = Int32GetDatum(task->segments[i]->id);
		members[i] = Int64GetDatum(w->cardinality[i]);
	}
	values[0] = int4_array(ids, task->nsegments);
	values[1] = int8_array(members, task->nsegments);
	values[2] = TimestampTzGetDatum(task->now);
	seg_user_become_extension(&user);
	SPI_connect();
	/* nobody but a failure deactivates the segment of everyone, and it did not fail */
	if (SPI_execute_with_args("UPDATE segments.segment AS s"
							  " SET members = CASE WHEN s.built THEN s.members ELSE n.members END, built = true, built_at = $3,"
							  " active = s.active OR s.kind = 'everyone',"
							  " problem = CASE WHEN s.kind = 'everyone' THEN NULL ELSE s.problem END"
							  " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n (id, members) WHERE s.id = n.id",
							  lengthof(argtypes), argtypes, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write segments.segment");
	SPI_finish();
	seg_user_restore(&user);
}

int64
seg_store_end(SegStoreWriter *w)
{
	MemoryContext caller = MemoryContextSwitchTo(w->context);
	int64		changes;

	end_other_chunks(w);
	write_sets(w);
	seg_tail_writer_end(&w->tail);
	if (w->due != NULL)
		seg_due_writer_end(w->due);
	if (w->task->only == NULL && w->task->listener == NULL)
		update_segments(w);
	changes = w->changes;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(w->context);
	return changes;
}
