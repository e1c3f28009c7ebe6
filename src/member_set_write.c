/*
 * member_set_write.c
 *		Writing a set chunk by chunk.
 *
 * Heads, bodies and units grow in three arrays, since the length of none is known
 * before the end, and are joined then.  The size of the result is checked whenever a
 * chunk is added, so a set that grows too large fails early and cleanly.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set_write.h"

#include "port/pg_bitutils.h"

void
seg_set_writer_init(SegSetWriter *w)
{
	memset(w, 0, sizeof(*w));
	w->context = CurrentMemoryContext;
}

void
seg_set_writer_free(SegSetWriter *w)
{
	if (w->head != NULL)
	{
		pfree(w->head);
		pfree(w->body);
	}
	if (w->units != NULL)
		pfree(w->units);
	seg_set_writer_init(w);
}

/* Grows an array to hold n elements or more. */
static void *
grow(SegSetWriter *w, void *array, Size *max, Size n, Size width)
{
	Size		new_max = Max(*max * 2, Max(n, 16));

	*max = new_max;
	if (array == NULL)
		return MemoryContextAllocHuge(w->context, new_max * width);
	return repalloc_huge(array, new_max * width);
}

void
seg_set_check_size(Size nchunks, Size nunits)
{
	if (seg_set_size(nchunks, nunits) > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("member set is too large"),
				 errdetail("A value of type member_set can take at most %zu bytes.",
						   (Size) MaxAllocSize),
				 errhint("Split the set by ranges of keys.")));
}

/* Makes room for so many chunks and units; returns where the units go. */
static uint16 *
reserve(SegSetWriter *w, Size nchunks, Size nunits)
{
	seg_set_check_size(w->nchunks + nchunks, w->nunits + nunits);
	if (w->nchunks + nchunks > w->max_chunks)
	{
		Size		max = w->max_chunks;

		w->head = grow(w, w->head, &max, w->nchunks + nchunks, sizeof(int64));
		w->body = grow(w, w->body, &w->max_chunks, w->nchunks + nchunks, sizeof(uint32));
	}
	if (w->nunits + nunits > w->max_units)
		w->units = grow(w, w->units, &w->max_units, w->nunits + nunits, sizeof(uint16));
	return w->units + w->nunits;
}

/* Enters a chunk whose units have been put where reserve() said. */
static void
enter(SegSetWriter *w, int64 number, uint32 cardinality, SegChunkKind kind, Size nunits)
{
	Assert(w->nchunks == 0 || seg_chunk_of(w->head[w->nchunks - 1]) < number);
	w->head[w->nchunks] = seg_chunk_first_key(number) | (int64) (cardinality - 1);
	w->body[w->nchunks] = ((uint32) kind << SEG_SET_BODY_SHIFT) | (uint32) w->nunits;
	w->nchunks++;
	w->nunits += nunits;
	w->cardinality += cardinality;
}

void
seg_bits_set_range(uint64 *bits, uint32 first, uint32 last)
{
	uint32		w = first / 64;
	uint32		last_w = last / 64;
	uint64		head = ~UINT64CONST(0) << (first % 64);
	uint64		tail = ~UINT64CONST(0) >> (63 - last % 64);

	if (w == last_w)
	{
		bits[w] |= head & tail;
		return;
	}
	bits[w++] |= head;
	while (w < last_w)
		bits[w++] = ~UINT64CONST(0);
	bits[w] |= tail;
}

uint32
seg_bits_count(const uint64 *bits, int nwords, uint32 *nruns)
{
	uint64		starts[SEG_CHUNK_WORDS];
	uint64		carry = 0;
	int			n = 0;

	*nruns = 0;
	for (int w = 0; w < nwords; w++)
	{
		/* a run starts at a bit whose lower neighbour is not set */
		starts[n++] = bits[w] & ~((bits[w] << 1) | carry);
		carry = bits[w] >> 63;
		/* many words are counted sooner together */
		if (n == SEG_CHUNK_WORDS || w + 1 == nwords)
		{
			*nruns += (uint32) pg_popcount((const char *) starts, n * sizeof(uint64));
			n = 0;
		}
	}
	return (uint32) pg_popcount((const char *) bits, nwords * sizeof(uint64));
}

static void
put_offsets_of_bits(uint16 *units, const uint64 bits[SEG_CHUNK_WORDS])
{
	int			w;

	for (w = 0; w < SEG_CHUNK_WORDS; w++)
	{
		uint64		word = bits[w];

		while (word != 0)
		{
			*units++ = (uint16) (w * 64 + pg_rightmost_one_pos64(word));
			word &= word - 1;
		}
	}
}

/*
 * The bits that differ from their lower neighbour say, in turn, where a run begins and
 * where it has ended.
 */
uint32
seg_bits_runs(const uint64 *bits, int nwords, uint16 *units)
{
	uint64		carry = 0;
	uint32		first = 0;
	uint32		n = 0;
	bool		inside = false;
	int			w;

	for (w = 0; w < nwords; w++)
	{
		uint64		edges = bits[w] ^ ((bits[w] << 1) | carry);

		for (; edges != 0; edges &= edges - 1)
		{
			uint32		edge = w * 64 + pg_rightmost_one_pos64(edges);

			if (inside)
			{
				units[n++] = (uint16) first;
				units[n++] = (uint16) (edge - 1 - first);
			}
			first = edge;
			inside = !inside;
		}
		carry = bits[w] >> 63;
	}
	if (inside)
	{
		units[n++] = (uint16) first;
		units[n++] = (uint16) (nwords * 64 - 1 - first);
	}
	return n;
}

void
seg_set_write_bits(SegSetWriter *w, int64 number, const uint64 bits[SEG_CHUNK_WORDS])
{
	uint32		nruns;
	uint32		cardinality = seg_bits_count(bits, SEG_CHUNK_WORDS, &nruns);
	SegChunkKind kind = seg_chunk_best_kind(cardinality, nruns);

	if (cardinality == 0)
		return;
	switch (kind)
	{
		case SEG_CHUNK_ARRAY:
			put_offsets_of_bits(reserve(w, 1, cardinality), bits);
			enter(w, number, cardinality, kind, cardinality);
			break;
		case SEG_CHUNK_RUNS:
			seg_bits_runs(bits, SEG_CHUNK_WORDS, reserve(w, 1, 2 * nruns));
			enter(w, number, cardinality, kind, 2 * nruns);
			break;
		case SEG_CHUNK_BITS:
			memcpy(reserve(w, 1, SEG_CHUNK_BIT_UNITS), bits,
				   SEG_CHUNK_WORDS * sizeof(uint64));
			enter(w, number, cardinality, kind, SEG_CHUNK_BIT_UNITS);
			break;
	}
}

static void
put_runs_of_offsets(uint16 *units, const uint16 *offsets, uint32 n)
{
	uint32		first = 0;
	uint32		i;

	for (i = 1; i <= n; i++)
	{
		if (i < n && offsets[i] == offsets[i - 1] + 1)
			continue;
		*units++ = offsets[first];
		*units++ = (uint16) (i - 1 - first);
		first = i;
	}
}

void
seg_set_write_offsets(SegSetWriter *w, int64 number, const uint16 *offsets, uint32 n)
{
	uint64		bits[SEG_CHUNK_WORDS];
	uint32		nruns = 1;
	uint32		i;

	if (n == 0)
		return;
	for (i = 1; i < n; i++)
		nruns += (offsets[i] != offsets[i - 1] + 1);
	switch (seg_chunk_best_kind(n, nruns))
	{
		case SEG_CHUNK_ARRAY:
			memcpy(reserve(w, 1, n), offsets, n * sizeof(uint16));
			enter(w, number, n, SEG_CHUNK_ARRAY, n);
			break;
		case SEG_CHUNK_RUNS:
			put_runs_of_offsets(reserve(w, 1, 2 * nruns), offsets, n);
			enter(w, number, n, SEG_CHUNK_RUNS, 2 * nruns);
			break;
		case SEG_CHUNK_BITS:
			memset(bits, 0, sizeof(bits));
			for (i = 0; i < n; i++)
				bits[offsets[i] / 64] |= UINT64CONST(1) << (offsets[i] % 64);
			seg_set_write_bits(w, number, bits);
			break;
	}
}

void
seg_set_write_run(SegSetWriter *w, int64 number, uint32 first, uint32 last)
{
	uint32		n = last - first + 1;
	bool		is_array = seg_chunk_best_kind(n, 1) == SEG_CHUNK_ARRAY;
	uint16	   *units = reserve(w, 1, 2);

	/* one key or two make an array, which has as many units as keys */
	units[0] = (uint16) first;
	if (is_array)
	{
		if (n > 1)
			units[1] = (uint16) last;
		enter(w, number, n, SEG_CHUNK_ARRAY, n);
	}
	else
	{
		units[1] = (uint16) (last - first);
		enter(w, number, n, SEG_CHUNK_RUNS, 2);
	}
}

void
seg_set_write_chunk(SegSetWriter *w, const SegChunk *chunk)
{
	memcpy(reserve(w, 1, chunk->nunits), chunk->units, chunk->nunits * sizeof(uint16));
	enter(w, chunk->number, chunk->cardinality, chunk->kind, chunk->nunits);
}

void
seg_set_write_set(SegSetWriter *w, const SegMemberSet *set)
{
	const uint32 *body = seg_set_bodies(set);
	const uint16 *units = seg_set_units(set);
	Size		nunits = (const uint16 *) ((const char *) set + VARSIZE(set)) - units;
	uint32		i;

	if (set->nchunks == 0)
		return;
	memcpy(reserve(w, set->nchunks, nunits), units, nunits * sizeof(uint16));
	Assert(w->nchunks == 0 ||
		   seg_chunk_of(w->head[w->nchunks - 1]) < seg_set_chunk_number(set, 0));
	memcpy(w->head + w->nchunks, set->head, set->nchunks * sizeof(int64));

	/* moving a chunk cannot carry into the kind: reserve() has seen to the size */
	for (i = 0; i < set->nchunks; i++)
		w->body[w->nchunks + i] = body[i] + (uint32) w->nunits;
	w->nchunks += set->nchunks;
	w->nunits += nunits;
	w->cardinality += set->cardinality;
}

SegMemberSet *
seg_set_write_finish(SegSetWriter *w)
{
	Size		size = seg_set_size(w->nchunks, w->nunits);
	SegMemberSet *set = palloc(size);

	memset(set, 0, SEG_SET_HEADER_SIZE);
	SET_VARSIZE(set, size);
	set->version = SEG_SET_VERSION;
	set->cardinality = w->cardinality;
	set->nchunks = (uint32) w->nchunks;
	if (w->nchunks > 0)
	{
		memcpy(set->head, w->head, w->nchunks * sizeof(int64));
		memcpy(set->head + w->nchunks, w->body, w->nchunks * sizeof(uint32));
		memcpy(unconstify(uint16 *, seg_set_units(set)), w->units, w->nunits * sizeof(uint16));
	}
	Assert(seg_set_check(set, size) == NULL);
	w->nchunks = 0;
	w->nunits = 0;
	w->cardinality = 0;
	return set;
}
