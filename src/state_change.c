/*
 * state_change.c
 *		The tail: who entered and left since the sets were written.
 *
 * Of the rows that speak of a member and a segment, ids give the order, and each says the opposite of
 * what held before it.  So the last one says what holds now, and how many members a segment has more
 * than its sets is the number of those who entered less that of those who left.
 *
 * Where many members of a chunk enter or leave together, one row says it of all of them.  It stands
 * where one of the chunk's first key would: whoever looks for a member looks in two places.  A row
 * costs two entries in indexes, which is most of what a statement about many rows costs here.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/timestamp.h"

#include "state.h"

/* Fewer than these have a row each: who looks for a member reads all rows of several. */
#define LEAST_TOGETHER	4

static void
scan_members(SegScan *scan, int32 population, int64 first, int64 last)
{
	ScanKeyData keys[3];

	seg_key_int4(&keys[0], SEG_COL_CHANGE_POPULATION, population);
	seg_key_int8(&keys[1], SEG_COL_CHANGE_MEMBER, BTGreaterEqualStrategyNumber, first);
	seg_key_int8(&keys[2], SEG_COL_CHANGE_MEMBER, BTLessEqualStrategyNumber, last);
	seg_scan_begin(scan, SEG_REL_CHANGE, SEG_REL_CHANGE_MEMBER, lengthof(keys), keys);
}

/* One member. */

static void
take(SegTail *tail, const SegScan *scan)
{
	int32		segment = seg_scan_int4(scan, SEG_COL_CHANGE_SEGMENT);
	int64		id = seg_scan_int8(scan, SEG_COL_CHANGE_ID);
	SegTailEntry *entry = unconstify(SegTailEntry *, seg_tail_find(tail, segment));

	if (entry == NULL)
	{
		if (tail->n == tail->room)
		{
			tail->room = Max(tail->room * 2, 16);
			tail->entries = tail->entries == NULL ? palloc(sizeof(SegTailEntry) * tail->room) :
				repalloc(tail->entries, sizeof(SegTailEntry) * tail->room);
		}
		entry = &tail->entries[tail->n++];
		*entry = (SegTailEntry) {.segment = segment,.id = PG_INT64_MIN};
	}
	if (id < entry->id)
		return;
	entry->id = id;
	entry->entered = seg_scan_bool(scan, SEG_COL_CHANGE_ENTERED);
}

static void
take_rows(SegTail *tail, SegScan *scan, int64 member)
{
	while (seg_scan_next(scan))
	{
		SegMemberSet *members = seg_state_scanned(scan, SEG_COL_CHANGE_MEMBERS);

		CHECK_FOR_INTERRUPTS();
		if (members == NULL ? seg_scan_int8(scan, SEG_COL_CHANGE_MEMBER) == member : seg_set_contains(members, member))
			take(tail, scan);
		if (members != NULL)
			pfree(members);
	}
}

void
seg_tail_of_member(int32 population, int64 member, SegTail *tail)
{
	int64		first = seg_chunk_first_key(seg_chunk_of(member));
	ScanKeyData keys[2];
	SegScan		scan;

	tail->n = 0;
	seg_key_int4(&keys[0], SEG_COL_CHANGE_POPULATION, population);
	seg_key_int8(&keys[1], SEG_COL_CHANGE_MEMBER, BTEqualStrategyNumber, member);
	seg_scan_begin(&scan, SEG_REL_CHANGE, SEG_REL_CHANGE_MEMBER, lengthof(keys), keys);
	take_rows(tail, &scan, member);
	if (member != first)
	{
		seg_key_int4(&keys[0], SEG_COL_CHANGE_POPULATION, population);
		seg_key_int8(&keys[1], SEG_COL_CHANGE_MEMBER, BTEqualStrategyNumber, first);
		seg_scan_again(&scan, lengthof(keys), keys);
		take_rows(tail, &scan, member);
	}
	seg_scan_end(&scan);
}

const SegTailEntry *
seg_tail_find(const SegTail *tail, int32 segment)
{
	for (int i = 0; i < tail->n; i++)
		if (tail->entries[i].segment == segment)
			return &tail->entries[i];
	return NULL;
}

/* Chunks. */

/* What a row says, the last so far. */
static void
apply_row(SegTailChunk *tail, const SegTailRow *row)
{
	int			offset = (int) (row->member & SEG_CHUNK_MASK);
	uint64		bits[SEG_CHUNK_WORDS];
	uint64	   *come = row->entered ? tail->entered : tail->left;
	uint64	   *gone = row->entered ? tail->left : tail->entered;

	tail->net += row->entered ? seg_tail_row_count(row) : -seg_tail_row_count(row);
	if (row->members == NULL)
	{
		uint64		bit = UINT64CONST(1) << (offset % 64);

		come[offset / 64] |= bit;
		gone[offset / 64] &= ~bit;
		return;
	}
	seg_set_bits_of_chunk(row->members, seg_chunk_of(row->member), bits);
	for (int w = 0; w < SEG_CHUNK_WORDS; w++)
	{
		come[w] |= bits[w];
		gone[w] &= ~bits[w];
	}
}

/* The rows of a scan, which is ended; palloc'd, NULL if there are none. */
static SegTailRow *
read_rows(SegScan *scan, Size *n)
{
	Size		room = 0;
	SegTailRow *rows = NULL;

	*n = 0;
	while (seg_scan_next(scan))
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (*n == room)
		{
			room = Max(room * 2, 64);
			rows = rows == NULL ? palloc(sizeof(SegTailRow) * room) : repalloc_huge(rows, sizeof(SegTailRow) * room);
		}
		rows[(*n)++] = (SegTailRow) {
			.id = seg_scan_int8(scan, SEG_COL_CHANGE_ID),
			.member = seg_scan_int8(scan, SEG_COL_CHANGE_MEMBER),
			.members = seg_state_scanned(scan, SEG_COL_CHANGE_MEMBERS),
			.at = DatumGetTimestampTz(seg_scan_datum(scan, SEG_COL_CHANGE_AT, &isnull)),
			.segment = seg_scan_int4(scan, SEG_COL_CHANGE_SEGMENT),
			.entered = seg_scan_bool(scan, SEG_COL_CHANGE_ENTERED)
		};
	}
	seg_scan_end(scan);
	return rows;
}

static void
free_rows(SegTailRow *rows, Size n)
{
	for (Size i = 0; i < n; i++)
		if (rows[i].members != NULL)
			pfree(rows[i].members);
	if (rows != NULL)
		pfree(rows);
}

SegTailRow *
seg_tail_rows(int32 population, int64 chunk, Size *n)
{
	int64		first = seg_chunk_first_key(chunk);
	SegScan		scan;

	scan_members(&scan, population, first, first + SEG_CHUNK_MASK);
	return read_rows(&scan, n);
}

/* By segment; in each, the rows of a member as they came. */
static int
compare_rows(const void *a, const void *b)
{
	const SegTailRow *x = a;
	const SegTailRow *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

SegTailChunk *
seg_tail_of_rows(SegTailRow *rows, Size nrows, int *n)
{
	SegTailChunk *tails;
	int			nsegments = 0;

	qsort(rows, nrows, sizeof(SegTailRow), compare_rows);
	for (Size i = 0; i < nrows; i++)
		nsegments += i == 0 || rows[i].segment != rows[i - 1].segment;
	tails = palloc_extended(sizeof(SegTailChunk) * nsegments, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	*n = 0;
	for (Size i = 0; i < nrows; i++)
	{
		if (i == 0 || rows[i].segment != rows[i - 1].segment)
			tails[(*n)++].segment = rows[i].segment;
		apply_row(&tails[*n - 1], &rows[i]);
	}
	return tails;
}

SegTailChunk *
seg_tail_of_chunk(int32 population, int64 chunk, int *n)
{
	Size		nrows;
	SegTailRow *rows = seg_tail_rows(population, chunk, &nrows);
	SegTailChunk *tails = seg_tail_of_rows(rows, nrows, n);

	free_rows(rows, nrows);
	return tails;
}

static void
scan_segment(SegScan *scan, int32 segment, int64 first, int64 last)
{
	ScanKeyData keys[3];

	seg_key_int4(&keys[0], SEG_COL_CHANGE_SEGMENT, segment);
	seg_key_int8(&keys[1], SEG_COL_CHANGE_MEMBER, BTGreaterEqualStrategyNumber, first);
	seg_key_int8(&keys[2], SEG_COL_CHANGE_MEMBER, BTLessEqualStrategyNumber, last);
	seg_scan_begin(scan, SEG_REL_CHANGE, SEG_REL_CHANGE_SEGMENT, lengthof(keys), keys);
}

bool
seg_tail_of_segment(int32 segment, int64 chunk, SegTailChunk *tail)
{
	int64		first = seg_chunk_first_key(chunk);
	SegTailRow *rows;
	Size		n;
	SegScan		scan;

	memset(tail, 0, sizeof(SegTailChunk));
	tail->segment = segment;
	scan_segment(&scan, segment, first, first + SEG_CHUNK_MASK);
	rows = read_rows(&scan, &n);
	qsort(rows, n, sizeof(SegTailRow), compare_rows);
	for (Size i = 0; i < n; i++)
		apply_row(tail, &rows[i]);
	free_rows(rows, n);
	return n > 0;
}

/* The chunk of the first row of a scan, which is ended. */
static bool
first_chunk(SegScan *scan, int64 *chunk)
{
	bool		found = seg_scan_next(scan);

	if (found)
		*chunk = seg_chunk_of(seg_scan_int8(scan, SEG_COL_CHANGE_MEMBER));
	seg_scan_end(scan);
	return found;
}

bool
seg_tail_next_chunk(int32 segment, int64 from, int64 *chunk)
{
	SegScan		scan;

	if (from > SEG_LAST_CHUNK)
		return false;
	scan_segment(&scan, segment, seg_chunk_first_key(from), PG_INT64_MAX);
	return first_chunk(&scan, chunk);
}

bool
seg_tail_next_chunk_of_any(int32 population, int64 from, int64 *chunk)
{
	SegScan		scan;

	if (from > SEG_LAST_CHUNK)
		return false;
	scan_members(&scan, population, seg_chunk_first_key(from), PG_INT64_MAX);
	return first_chunk(&scan, chunk);
}

int64
seg_tail_net(int32 segment)
{
	int64		net = 0;
	SegScan		scan;

	scan_segment(&scan, segment, PG_INT64_MIN, PG_INT64_MAX);
	while (seg_scan_next(&scan))
	{
		SegMemberSet *members = seg_state_scanned(&scan, SEG_COL_CHANGE_MEMBERS);
		int64		n = members == NULL ? 1 : seg_set_cardinality(members);

		CHECK_FOR_INTERRUPTS();
		net += seg_scan_bool(&scan, SEG_COL_CHANGE_ENTERED) ? n : -n;
		if (members != NULL)
			pfree(members);
	}
	seg_scan_end(&scan);
	return net;
}

SegMemberSet *
seg_tail_apply(const SegTailChunk *tail, int64 chunk, const SegMemberSet *old)
{
	uint64		bits[SEG_CHUNK_WORDS] = {0};
	uint64		any = 0;

	if (old != NULL)
	{
		SegChunk	c = seg_set_chunk(old, 0);

		seg_chunk_expand(&c, bits);
	}
	for (int w = 0; w < SEG_CHUNK_WORDS; w++)
		any |= bits[w] = (bits[w] | tail->entered[w]) & ~tail->left[w];
	return any == 0 ? NULL : seg_set_from_bits(chunk, bits);
}

/* Writing. */

void
seg_tail_writer_init(SegTailWriter *w, int32 population)
{
	w->open = false;
	w->population = population;
	w->context = CurrentMemoryContext;
}

static void
append(SegTailWriter *w, int64 member, const SegMemberSet *members, int32 segment, bool entered, TimestampTz at,
	   SegReason reason)
{
	Datum		values[SEG_COL_CHANGE_MEMBERS] = {0};
	bool		nulls[SEG_COL_CHANGE_MEMBERS] = {false};

	if (!w->open)
	{
		MemoryContext caller = MemoryContextSwitchTo(w->context);

		seg_writer_begin(&w->writer, SEG_REL_CHANGE);
		MemoryContextSwitchTo(caller);
	}
	w->open = true;
	values[SEG_COL_CHANGE_ID - 1] = Int64GetDatum(seg_next_number(SEG_REL_CHANGE_ID_SEQ));
	values[SEG_COL_CHANGE_POPULATION - 1] = Int32GetDatum(w->population);
	values[SEG_COL_CHANGE_MEMBER - 1] = Int64GetDatum(member);
	values[SEG_COL_CHANGE_SEGMENT - 1] = Int32GetDatum(segment);
	values[SEG_COL_CHANGE_ENTERED - 1] = BoolGetDatum(entered);
	values[SEG_COL_CHANGE_AT - 1] = TimestampTzGetDatum(at);
	values[SEG_COL_CHANGE_REASON - 1] = CharGetDatum(reason);
	nulls[SEG_COL_CHANGE_NUMBER - 1] = true;
	values[SEG_COL_CHANGE_MEMBERS - 1] = PointerGetDatum(members);
	nulls[SEG_COL_CHANGE_MEMBERS - 1] = members == NULL;
	seg_writer_insert(&w->writer, values, nulls);
}

void
seg_tail_append(SegTailWriter *w, int64 member, int32 segment, bool entered, TimestampTz at, SegReason reason)
{
	append(w, member, NULL, segment, entered, at, reason);
}

void
seg_tail_append_bits(SegTailWriter *w, int64 chunk, const uint64 bits[SEG_CHUNK_WORDS], int32 segment, bool entered,
					 TimestampTz at, SegReason reason)
{
	int64		first = seg_chunk_first_key(chunk);

	if (pg_popcount((const char *) bits, sizeof(uint64) * SEG_CHUNK_WORDS) >= LEAST_TOGETHER)
	{
		SegMemberSet *members = seg_set_from_bits(chunk, bits);

		append(w, first, members, segment, entered, at, reason);
		pfree(members);
		return;
	}
	for (int word = 0; word < SEG_CHUNK_WORDS; word++)
		for (uint64 left = bits[word]; left != 0; left &= left - 1)
			append(w, first + word * 64 + pg_rightmost_one_pos64(left), NULL, segment, entered, at, reason);
}

void
seg_tail_writer_end(SegTailWriter *w)
{
	if (w->open)
		seg_writer_end(&w->writer);
	w->open = false;
}
