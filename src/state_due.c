/*
 * state_due.c
 *		Who has to be evaluated again, and when.
 *
 * One table says it for the clock and for doubt: from a moment on, what is stored of some members
 * of a chunk need not be right.  Doubt is due at once.  A row may say it too early, and of too
 * many; that costs an evaluation.  It must never be missing.  So whoever finds a moment
 * adds a row, unless there is an earlier one, and nobody has to change what others wrote.
 *
 * What is far away is kept by the day, many members to a row; the day's own moments are kept
 * when the day has come and they are found again.  A population in which everybody is due
 * some time within a year takes a few bytes for each.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "state.h"

static TimestampTz
scanned_at(const SegScan *scan)
{
	bool		isnull;

	return DatumGetTimestampTz(seg_scan_datum(scan, SEG_COL_DUE_AT, &isnull));
}

/* The rows of a chunk after a moment and up to another, the earliest first. */
static void
scan_between(SegScan *scan, int32 population, int64 chunk, TimestampTz after, TimestampTz until)
{
	ScanKeyData keys[4];

	seg_key_int4(&keys[0], SEG_COL_DUE_POPULATION, population);
	seg_key_int8(&keys[1], SEG_COL_DUE_CHUNK, BTEqualStrategyNumber, chunk);
	ScanKeyInit(&keys[2], SEG_COL_DUE_AT, BTLessEqualStrategyNumber, F_TIMESTAMP_LE, TimestampTzGetDatum(until));
	ScanKeyInit(&keys[3], SEG_COL_DUE_AT, BTGreaterStrategyNumber, F_TIMESTAMP_GT, TimestampTzGetDatum(after));
	seg_scan_begin(scan, SEG_REL_DUE, SEG_REL_DUE_CHUNK_AT, TIMESTAMP_IS_NOBEGIN(after) ? 3 : 4, keys);
}

/* All up to a moment, doubt among them. */
static void
scan_chunk(SegScan *scan, int32 population, int64 chunk, TimestampTz until)
{
	scan_between(scan, population, chunk, DT_NOBEGIN, until);
}

/* Is the member in one of the rows of a scan, which is ended? */
static bool
find(SegScan *scan, int64 member)
{
	bool		found = false;

	while (!found && seg_scan_next(scan))
	{
		SegMemberSet *members = seg_state_scanned(scan, SEG_COL_DUE_MEMBERS);

		CHECK_FOR_INTERRUPTS();
		found = seg_set_contains(members, member);
		pfree(members);
	}
	seg_scan_end(scan);
	return found;
}

bool
seg_due_by(int32 population, int64 member, TimestampTz at)
{
	SegScan		scan;

	scan_chunk(&scan, population, seg_chunk_of(member), at);
	return find(&scan, member);
}

bool
seg_due_later(int32 population, int64 member, TimestampTz now, TimestampTz at)
{
	SegScan		scan;

	scan_between(&scan, population, seg_chunk_of(member), now, at);
	return find(&scan, member);
}

/* All members in the rows of a scan, which is ended. */
static SegMemberSet *
collect(SegScan *scan)
{
	SegSetBuilder *builder = NULL;
	SegMemberSet *result;

	while (seg_scan_next(scan))
	{
		SegMemberSet *members = seg_state_scanned(scan, SEG_COL_DUE_MEMBERS);

		CHECK_FOR_INTERRUPTS();
		if (builder == NULL)
			builder = seg_set_builder_create();
		seg_set_builder_add_set(builder, members);
		pfree(members);
	}
	seg_scan_end(scan);
	if (builder == NULL)
		return NULL;
	result = seg_set_builder_finish(builder);
	seg_set_builder_free(builder);
	return result;
}

SegMemberSet *
seg_due_of_chunk(int32 population, int64 chunk, TimestampTz now)
{
	SegScan		scan;

	scan_chunk(&scan, population, chunk, now);
	return collect(&scan);
}

/* The rows of all chunks up to a moment, the earliest first. */
static void
scan_all(SegScan *scan, int32 population, TimestampTz until)
{
	ScanKeyData keys[2];

	seg_key_int4(&keys[0], SEG_COL_DUE_POPULATION, population);
	ScanKeyInit(&keys[1], SEG_COL_DUE_AT, BTLessEqualStrategyNumber, F_TIMESTAMP_LE, TimestampTzGetDatum(until));
	seg_scan_begin(scan, SEG_REL_DUE, SEG_REL_DUE_AT, lengthof(keys), keys);
}

SegMemberSet *
seg_due_of_all(int32 population, TimestampTz now)
{
	SegScan		scan;

	scan_all(&scan, population, now);
	return collect(&scan);
}

void
seg_due_some(int32 population, TimestampTz now, int64 most, SegMemberSet **doubted, SegMemberSet **due)
{
	SegSetBuilder *builders[2] = {NULL, NULL};
	SegMemberSet **results[2] = {doubted, due};
	SegScan		scan;

	scan_all(&scan, population, now);
	while (most > 0 && seg_scan_next(&scan))
	{
		SegMemberSet *members = seg_state_scanned(&scan, SEG_COL_DUE_MEMBERS);
		SegSetBuilder **builder = &builders[scanned_at(&scan) == SEG_IN_DOUBT ? 0 : 1];

		CHECK_FOR_INTERRUPTS();
		if (*builder == NULL)
			*builder = seg_set_builder_create();
		seg_set_builder_add_set(*builder, members);
		most -= seg_set_cardinality(members);
		pfree(members);
	}
	seg_scan_end(&scan);
	for (int i = 0; i < 2; i++)
		*results[i] = builders[i] == NULL ? NULL : seg_set_builder_finish(builders[i]);
}

void
seg_due_earliest(int32 population, int64 chunk, TimestampTz now, bool committed,
				 TimestampTz earliest[SEG_CHUNK_KEYS])
{
	SegScan		scan;

	for (int i = 0; i < SEG_CHUNK_KEYS; i++)
		earliest[i] = DT_NOEND;
	scan_between(&scan, population, chunk, now, DT_NOEND);
	while (seg_scan_next(&scan))
	{
		SegMemberSet *members;
		TimestampTz at = scanned_at(&scan);
		SegSetIter	it;
		int64		member;

		CHECK_FOR_INTERRUPTS();
		if (committed && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(scan.tuple->t_data)))
			continue;
		members = seg_state_scanned(&scan, SEG_COL_DUE_MEMBERS);
		seg_set_iter_init(&it, members);
		while (seg_set_next(&it, &member))
			earliest[member & SEG_CHUNK_MASK] = Min(earliest[member & SEG_CHUNK_MASK], at);
		pfree(members);
	}
	seg_scan_end(&scan);
}

/* Writing. */

static void
insert_row(SegWriter *writer, int32 population, int64 chunk, TimestampTz at, const SegMemberSet *members)
{
	Datum		values[SEG_COL_DUE_MEMBERS];
	bool		nulls[SEG_COL_DUE_MEMBERS] = {false};

	values[SEG_COL_DUE_POPULATION - 1] = Int32GetDatum(population);
	values[SEG_COL_DUE_CHUNK - 1] = Int64GetDatum(chunk);
	values[SEG_COL_DUE_AT - 1] = TimestampTzGetDatum(at);
	values[SEG_COL_DUE_MEMBERS - 1] = PointerGetDatum(members);
	seg_writer_insert(writer, values, nulls);
}

void
seg_due_add(int32 population, int64 chunk, TimestampTz at, const SegMemberSet *members)
{
	SegWriter	writer;

	seg_writer_begin(&writer, SEG_REL_DUE);
	insert_row(&writer, population, chunk, at, members);
	seg_writer_end(&writer);
}

TimestampTz
seg_due_round(TimestampTz at, TimestampTz now)
{
	TimestampTz into_day = at % USECS_PER_DAY;

	if (TIMESTAMP_NOT_FINITE(at) || at - now <= USECS_PER_DAY)
		return at;
	return at - (into_day < 0 ? into_day + USECS_PER_DAY : into_day);
}

/* Members by moment and chunk, until they are written. */

typedef struct DueKey
{
	TimestampTz at;
	int64		chunk;
} DueKey;

typedef struct DueEntry
{
	DueKey		key;
	int			n;
	int			room;
	uint16	   *offsets;
} DueEntry;

struct SegDueWriter
{
	int32		population;
	MemoryContext context;
	HTAB	   *entries;
	Size		n;				/* offsets in all */
};

/* So many are written at once. */
#define DUE_AT_ONCE		(4 * 1024 * 1024)

static void
make_entries(SegDueWriter *w)
{
	HASHCTL		control = {.keysize = sizeof(DueKey),.entrysize = sizeof(DueEntry),.hcxt = w->context};

	w->entries = hash_create("segments due", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	w->n = 0;
}

SegDueWriter *
seg_due_writer_begin(int32 population)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments due", ALLOCSET_DEFAULT_SIZES);
	SegDueWriter *w = palloc0(sizeof(SegDueWriter));

	w->population = population;
	w->context = context;
	make_entries(w);
	return w;
}

static void
write_entries(SegDueWriter *w)
{
	SegWriter	writer;
	HASH_SEQ_STATUS status;
	DueEntry   *entry;
	SegSetBuilder *builder = seg_set_builder_create();

	seg_writer_begin(&writer, SEG_REL_DUE);
	hash_seq_init(&status, w->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		SegMemberSet *members;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < entry->n; i++)
			seg_set_builder_add(builder, seg_chunk_first_key(entry->key.chunk) + entry->offsets[i]);
		members = seg_set_builder_finish(builder);
		insert_row(&writer, w->population, entry->key.chunk, entry->key.at, members);
		pfree(members);
	}
	seg_writer_end(&writer);
	seg_set_builder_free(builder);
}

void
seg_due_put(SegDueWriter *w, int64 member, TimestampTz at)
{
	DueKey		key = {.at = at,.chunk = seg_chunk_of(member)};
	DueEntry   *entry;
	bool		found;

	if (w->n >= DUE_AT_ONCE)
	{
		write_entries(w);
		MemoryContextReset(w->context);
		make_entries(w);
	}
	entry = hash_search(w->entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->n = 0;
		entry->room = 0;
		entry->offsets = NULL;
	}
	if (entry->n == entry->room)
	{
		entry->room = Max(entry->room * 2, 4);
		entry->offsets = entry->offsets == NULL ?
			MemoryContextAlloc(w->context, sizeof(uint16) * entry->room) :
			repalloc(entry->offsets, sizeof(uint16) * entry->room);
	}
	entry->offsets[entry->n++] = (uint16) (member & SEG_CHUNK_MASK);
	w->n++;
}

void
seg_due_writer_end(SegDueWriter *w)
{
	write_entries(w);
	MemoryContextDelete(w->context);
	pfree(w);
}

void
seg_due_settle(int32 population, int64 chunk, TimestampTz now, const SegMemberSet *members)
{
	SegWriter	writer;
	SegScan		scan;

	seg_writer_begin(&writer, SEG_REL_DUE);
	scan_chunk(&scan, population, chunk, now);
	while (seg_scan_next(&scan))
	{
		SegMemberSet *old = seg_state_scanned(&scan, SEG_COL_DUE_MEMBERS);
		SegMemberSet *left = seg_set_combine(SEG_SET_ANDNOT, old, members);

		CHECK_FOR_INTERRUPTS();
		if (seg_set_cardinality(left) < seg_set_cardinality(old))
		{
			/* the scan's snapshot does not see the new row */
			if (seg_set_cardinality(left) > 0)
				insert_row(&writer, population, chunk, scanned_at(&scan), left);
			seg_writer_delete(&writer, &scan.tuple->t_self);
		}
		pfree(left);
		pfree(old);
	}
	seg_scan_end(&scan);
	seg_writer_end(&writer);
}

void
seg_due_settle_one(int32 population, int64 member, TimestampTz now)
{
	SegWriter	writer;
	SegScan		scan;

	seg_writer_begin(&writer, SEG_REL_DUE);
	scan_chunk(&scan, population, seg_chunk_of(member), now);
	while (seg_scan_next(&scan))
	{
		SegMemberSet *members = seg_state_scanned(&scan, SEG_COL_DUE_MEMBERS);

		if (seg_set_cardinality(members) == 1 && seg_set_contains(members, member))
			seg_writer_delete(&writer, &scan.tuple->t_self);
		pfree(members);
	}
	seg_scan_end(&scan);
	seg_writer_end(&writer);
}
