/*
 * member_set_build.c
 *		Building a set from keys, ranges, chunks and sets in any order.
 *
 * What comes in ascending order goes through a writer: keys are gathered as offsets
 * of the open chunk, which is written when a higher chunk begins.  Keys that come too
 * late for that are pending; when there are many of them they are sorted and made a
 * set of their own.  Such sets, and sets and chunks that come too late, are merged
 * pairwise like the digits of a binary counter, so each takes part in as many
 * unions as the logarithm of their number.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set_write.h"

#include "miscadmin.h"

#define ST_SORT sort_keys
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

/* Pending keys are made a set when there are so many: 512 kB. */
#define MAX_PENDING		65536

/* level[i] is the union of 2^i late sets; a level more would take 2^32 of them. */
#define MAX_LEVELS		32

struct SegSetBuilder
{
	MemoryContext context;
	SegSetWriter ascending;
	bool		started;		/* something went to the writer or the open chunk */
	int64		last_chunk;		/* the highest such chunk */
	uint32		noffsets;		/* of last_chunk, if it is open; else 0 */
	uint32		max_offsets;
	uint16	   *offsets;
	uint32		npending;
	uint32		max_pending;
	int64	   *pending;
	SegMemberSet *level[MAX_LEVELS];
};

static void
start_empty(SegSetBuilder *b)
{
	MemoryContext context = b->context;
	MemoryContext old = MemoryContextSwitchTo(context);

	memset(b, 0, sizeof(*b));
	b->context = context;
	seg_set_writer_init(&b->ascending);
	MemoryContextSwitchTo(old);
}

SegSetBuilder *
seg_set_builder_create(void)
{
	SegSetBuilder *b = palloc(sizeof(SegSetBuilder));

	b->context = AllocSetContextCreate(CurrentMemoryContext, "member set builder",
									   ALLOCSET_SMALL_SIZES);
	start_empty(b);
	return b;
}

void
seg_set_builder_free(SegSetBuilder *b)
{
	MemoryContextDelete(b->context);
	pfree(b);
}

/* Adds one to a buffer's capacity by doubling it. */
static void *
double_buffer(SegSetBuilder *b, void *buffer, uint32 *max, Size width)
{
	*max = Max(*max * 2, 16);
	if (buffer == NULL)
		return MemoryContextAlloc(b->context, *max * width);
	return repalloc(buffer, *max * width);
}

static void
close_chunk(SegSetBuilder *b)
{
	seg_set_write_offsets(&b->ascending, b->last_chunk, b->offsets, b->noffsets);
	b->noffsets = 0;
}

/* Whether a chunk of this number can be written next. If so, it will be. */
static bool
advance_to(SegSetBuilder *b, int64 number)
{
	if (b->started && number <= b->last_chunk)
		return false;
	close_chunk(b);
	b->started = true;
	b->last_chunk = number;
	return true;
}

/* Takes a set in the builder's context that came too late. */
static void
add_late(SegSetBuilder *b, SegMemberSet *set)
{
	MemoryContext old = MemoryContextSwitchTo(b->context);
	int			i;

	for (i = 0; i < MAX_LEVELS - 1 && b->level[i] != NULL; i++)
	{
		SegMemberSet *both = seg_set_combine(SEG_SET_OR, b->level[i], set);

		pfree(b->level[i]);
		pfree(set);
		b->level[i] = NULL;
		set = both;
	}
	Assert(b->level[i] == NULL);
	b->level[i] = set;
	MemoryContextSwitchTo(old);
}

/* What was written, and no writer any more. */
static SegMemberSet *
finish_writer(SegSetWriter *w)
{
	SegMemberSet *set = seg_set_write_finish(w);

	seg_set_writer_free(w);
	return set;
}

/* The set of n > 0 sorted keys, which may be repeated. */
static SegMemberSet *
set_of_sorted(const int64 *keys, uint32 n)
{
	uint16		offsets[SEG_CHUNK_KEYS];
	uint32		noffsets = 0;
	SegSetWriter w;
	uint32		i;

	seg_set_writer_init(&w);
	for (i = 0; i < n; i++)
	{
		if (i > 0 && keys[i] == keys[i - 1])
			continue;
		if (i > 0 && seg_chunk_of(keys[i]) != seg_chunk_of(keys[i - 1]))
		{
			seg_set_write_offsets(&w, seg_chunk_of(keys[i - 1]), offsets, noffsets);
			noffsets = 0;
		}
		offsets[noffsets++] = (uint16) (keys[i] & SEG_CHUNK_MASK);
	}
	seg_set_write_offsets(&w, seg_chunk_of(keys[n - 1]), offsets, noffsets);
	return finish_writer(&w);
}

static void
merge_pending(SegSetBuilder *b)
{
	MemoryContext old;

	if (b->npending == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(b->context);
	sort_keys(b->pending, b->npending);
	add_late(b, set_of_sorted(b->pending, b->npending));
	b->npending = 0;
	MemoryContextSwitchTo(old);
}

static void
add_pending(SegSetBuilder *b, int64 key)
{
	if (b->npending == MAX_PENDING)
		merge_pending(b);
	if (b->npending == b->max_pending)
		b->pending = double_buffer(b, b->pending, &b->max_pending, sizeof(int64));
	b->pending[b->npending++] = key;
}

void
seg_set_builder_add(SegSetBuilder *b, int64 key)
{
	uint16		offset = (uint16) (key & SEG_CHUNK_MASK);

	if (!advance_to(b, seg_chunk_of(key)))
	{
		if (b->noffsets == 0 || b->last_chunk != seg_chunk_of(key) ||
			b->offsets[b->noffsets - 1] > offset)
		{
			add_pending(b, key);
			return;
		}
		if (b->offsets[b->noffsets - 1] == offset)
			return;
	}
	if (b->noffsets == b->max_offsets)
		b->offsets = double_buffer(b, b->offsets, &b->max_offsets, sizeof(uint16));
	b->offsets[b->noffsets++] = offset;
}

/* Some keys of one chunk, from offset first to offset last. */
static void
add_offsets(SegSetBuilder *b, int64 number, uint32 first, uint32 last)
{
	uint32		offset;

	for (offset = first; offset <= last; offset++)
		seg_set_builder_add(b, seg_chunk_first_key(number) + offset);
}

/* All keys of the chunks from number first to number last, if there are any. */
static void
add_whole_chunks(SegSetBuilder *b, int64 first, int64 last)
{
	SegSetWriter own;
	SegSetWriter *w = &b->ascending;
	MemoryContext old;
	int64		number;

	if (first > last)
		return;
	seg_set_check_size((Size) (last - first) + 1, 0);
	old = MemoryContextSwitchTo(b->context);
	if (advance_to(b, first))
		b->last_chunk = last;
	else
	{
		seg_set_writer_init(&own);
		w = &own;
	}
	for (number = first; number <= last; number++)
	{
		CHECK_FOR_INTERRUPTS();
		seg_set_write_run(w, number, 0, SEG_CHUNK_KEYS - 1);
	}
	if (w == &own)
	{
		add_late(b, finish_writer(&own));
	}
	MemoryContextSwitchTo(old);
}

void
seg_set_builder_add_range(SegSetBuilder *b, int64 first, int64 last)
{
	int64		first_chunk = seg_chunk_of(first);
	int64		last_chunk = seg_chunk_of(last);
	uint32		first_offset = (uint32) (first & SEG_CHUNK_MASK);
	uint32		last_offset = (uint32) (last & SEG_CHUNK_MASK);

	if (first > last)
		return;
	if (first_chunk == last_chunk)
	{
		add_offsets(b, first_chunk, first_offset, last_offset);
		return;
	}
	if (first_offset > 0)
		add_offsets(b, first_chunk++, first_offset, SEG_CHUNK_KEYS - 1);
	if (last_offset == SEG_CHUNK_KEYS - 1)
		add_whole_chunks(b, first_chunk, last_chunk);
	else
	{
		add_whole_chunks(b, first_chunk, last_chunk - 1);
		add_offsets(b, last_chunk, 0, last_offset);
	}
}

void
seg_set_builder_add_chunk_bits(SegSetBuilder *b, int64 number, const uint64 bits[SEG_CHUNK_WORDS])
{
	MemoryContext old;

	if (advance_to(b, number))
	{
		seg_set_write_bits(&b->ascending, number, bits);
		return;
	}
	old = MemoryContextSwitchTo(b->context);
	add_late(b, seg_set_from_bits(number, bits));
	MemoryContextSwitchTo(old);
}

void
seg_set_builder_add_set(SegSetBuilder *b, const SegMemberSet *set)
{
	MemoryContext old;

	if (set->nchunks == 0)
		return;
	if (advance_to(b, seg_set_chunk_number(set, 0)))
	{
		seg_set_write_set(&b->ascending, set);
		b->last_chunk = seg_set_chunk_number(set, set->nchunks - 1);
		return;
	}
	old = MemoryContextSwitchTo(b->context);
	add_late(b, seg_set_copy(set));
	MemoryContextSwitchTo(old);
}

SegMemberSet *
seg_set_builder_finish(SegSetBuilder *b)
{
	SegMemberSet *set;
	int			i;

	close_chunk(b);
	merge_pending(b);
	set = seg_set_write_finish(&b->ascending);
	for (i = 0; i < MAX_LEVELS; i++)
	{
		SegMemberSet *part = set;

		if (b->level[i] == NULL)
			continue;
		set = seg_set_combine(SEG_SET_OR, part, b->level[i]);
		pfree(part);
	}
	MemoryContextReset(b->context);
	start_empty(b);
	return set;
}

/* Ready-made cases. */

SegMemberSet *
seg_set_copy(const SegMemberSet *set)
{
	SegMemberSet *copy = palloc(VARSIZE(set));

	memcpy(copy, set, VARSIZE(set));
	return copy;
}

SegMemberSet *
seg_set_from_bits(int64 number, const uint64 bits[SEG_CHUNK_WORDS])
{
	SegSetWriter w;

	seg_set_writer_init(&w);
	seg_set_write_bits(&w, number, bits);
	return finish_writer(&w);
}
