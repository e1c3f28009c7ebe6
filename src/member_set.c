/*
 * member_set.c
 *		Reading, checking and comparing sets of members.
 *
 * Nothing here allocates.  All functions but seg_set_check() trust the bytes they
 * read: a value comes from this extension's own writer, or has been checked.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set_write.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

static const char *check_chunk(const SegChunk *chunk);
static const char *check_array(const SegChunk *chunk);
static const char *check_runs(const SegChunk *chunk);
static const char *check_bits(const SegChunk *chunk);

/* Chunks. */

static inline uint32
body_kind(uint32 body)
{
	return body >> SEG_SET_BODY_SHIFT;
}

static inline uint32
body_start(uint32 body)
{
	return body & SEG_SET_BODY_MASK;
}

SegChunk
seg_set_chunk(const SegMemberSet *set, uint32 i)
{
	const uint32 *body = seg_set_bodies(set);
	const uint16 *units = seg_set_units(set);
	SegChunk	chunk;

	Assert(i < set->nchunks);
	chunk.number = seg_set_chunk_number(set, i);
	chunk.cardinality = seg_set_chunk_cardinality(set, i);
	chunk.kind = (SegChunkKind) body_kind(body[i]);
	chunk.units = units + body_start(body[i]);
	if (i + 1 < set->nchunks)
		chunk.nunits = body_start(body[i + 1]) - body_start(body[i]);
	else
		chunk.nunits = (uint32) ((const uint16 *) ((const char *) set + VARSIZE(set)) - chunk.units);
	return chunk;
}

uint32
seg_set_seek(const SegMemberSet *set, uint32 from, int64 number)
{
	uint32		low = from;
	uint32		high = from;
	uint32		step = 1;

	/* ahead in growing steps: the answer is usually near */
	while (high < set->nchunks && seg_set_chunk_number(set, high) < number)
	{
		low = high + 1;
		high = (set->nchunks - high > step) ? high + step : set->nchunks;
		step *= 2;
	}
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (seg_set_chunk_number(set, middle) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The chunk with this very number, or -1. */
static int64
find_chunk(const SegMemberSet *set, int64 number)
{
	uint32		i = seg_set_seek(set, 0, number);

	if (i < set->nchunks && seg_set_chunk_number(set, i) == number)
		return i;
	return -1;
}

void
seg_chunk_expand(const SegChunk *chunk, uint64 bits[SEG_CHUNK_WORDS])
{
	const uint16 *units = chunk->units;
	uint32		i;

	if (chunk->kind == SEG_CHUNK_BITS)
	{
		memcpy(bits, units, SEG_CHUNK_WORDS * sizeof(uint64));
		return;
	}
	memset(bits, 0, SEG_CHUNK_WORDS * sizeof(uint64));
	if (chunk->kind == SEG_CHUNK_ARRAY)
	{
		for (i = 0; i < chunk->nunits; i++)
			bits[units[i] / 64] |= UINT64CONST(1) << (units[i] % 64);
	}
	else
	{
		for (i = 0; i < chunk->nunits; i += 2)
			seg_bits_set_range(bits, units[i], units[i] + units[i + 1]);
	}
}

void
seg_set_bits_of_chunk(const SegMemberSet *set, int64 number, uint64 bits[SEG_CHUNK_WORDS])
{
	uint32		at = seg_set_seek(set, 0, number);

	if (at < seg_set_nchunks(set) && seg_set_chunk_number(set, at) == number)
	{
		SegChunk	chunk = seg_set_chunk(set, at);

		seg_chunk_expand(&chunk, bits);
	}
	else
		memset(bits, 0, sizeof(uint64) * SEG_CHUNK_WORDS);
}

bool
seg_chunk_contains(const SegChunk *chunk, uint32 offset)
{
	uint32		width = (chunk->kind == SEG_CHUNK_RUNS) ? 2 : 1;
	uint32		low = 0;
	uint32		high = chunk->nunits / width;

	if (chunk->kind == SEG_CHUNK_BITS)
		return (seg_chunk_word(chunk->units, offset / 64) >> (offset % 64)) & 1;

	/* the first array element or run that begins behind offset */
	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (chunk->units[middle * width] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	low = (low - 1) * width;
	if (chunk->kind == SEG_CHUNK_ARRAY)
		return chunk->units[low] == offset;
	return offset - chunk->units[low] <= chunk->units[low + 1];
}

bool
seg_set_contains(const SegMemberSet *set, int64 key)
{
	int64		i = find_chunk(set, seg_chunk_of(key));
	SegChunk	chunk;

	if (i < 0)
		return false;
	chunk = seg_set_chunk(set, (uint32) i);
	return seg_chunk_contains(&chunk, (uint32) (key & SEG_CHUNK_MASK));
}

static uint32
lowest_offset(const SegChunk *chunk)
{
	int			w = 0;
	uint64		word;

	if (chunk->kind != SEG_CHUNK_BITS)
		return chunk->units[0];
	while ((word = seg_chunk_word(chunk->units, w)) == 0)
		w++;
	return w * 64 + pg_rightmost_one_pos64(word);
}

static uint32
highest_offset(const SegChunk *chunk)
{
	int			w = SEG_CHUNK_WORDS - 1;
	uint64		word;

	if (chunk->kind == SEG_CHUNK_ARRAY)
		return chunk->units[chunk->nunits - 1];
	if (chunk->kind == SEG_CHUNK_RUNS)
		return chunk->units[chunk->nunits - 2] + chunk->units[chunk->nunits - 1];
	while ((word = seg_chunk_word(chunk->units, w)) == 0)
		w--;
	return w * 64 + pg_leftmost_one_pos64(word);
}

int64
seg_set_min(const SegMemberSet *set)
{
	SegChunk	chunk = seg_set_chunk(set, 0);

	return seg_chunk_first_key(chunk.number) + lowest_offset(&chunk);
}

int64
seg_set_max(const SegMemberSet *set)
{
	SegChunk	chunk = seg_set_chunk(set, set->nchunks - 1);

	return seg_chunk_first_key(chunk.number) + highest_offset(&chunk);
}

/* Iteration. */

void
seg_set_iter_init(SegSetIter *it, const SegMemberSet *set)
{
	memset(it, 0, sizeof(*it));
	it->set = set;
}

static inline bool
next_in_chunk(SegSetIter *it, int64 *key)
{
	const uint16 *units = it->chunk.units;

	switch (it->chunk.kind)
	{
		case SEG_CHUNK_ARRAY:
			if (it->pos == it->chunk.nunits)
				return false;
			*key = it->base + units[it->pos++];
			return true;

		case SEG_CHUNK_RUNS:
			if (it->pos == it->chunk.nunits)
				return false;
			*key = it->base + units[it->pos] + it->within;
			if (it->within++ == units[it->pos + 1])
			{
				it->within = 0;
				it->pos += 2;
			}
			return true;

		case SEG_CHUNK_BITS:
			while (it->word == 0)
			{
				if (it->pos == SEG_CHUNK_WORDS)
					return false;
				it->word = seg_chunk_word(units, it->pos++);
			}
			*key = it->base + (it->pos - 1) * 64 + pg_rightmost_one_pos64(it->word);
			it->word &= it->word - 1;
			return true;
	}
	return false;
}

bool
seg_set_next(SegSetIter *it, int64 *key)
{
	while (it->chunk.units == NULL || !next_in_chunk(it, key))
	{
		CHECK_FOR_INTERRUPTS();
		if (it->next_chunk == it->set->nchunks)
			return false;
		it->chunk = seg_set_chunk(it->set, it->next_chunk++);
		it->base = seg_chunk_first_key(it->chunk.number);
		it->pos = 0;
	}
	return true;
}

/* Comparison. */

bool
seg_set_equal(const SegMemberSet *a, const SegMemberSet *b)
{
	return VARSIZE(a) == VARSIZE(b) &&
		memcmp(VARDATA(a), VARDATA(b), VARSIZE(a) - VARHDRSZ) == 0;
}

/* Whether chunk has a member above offset. */
static bool
continues_above(const SegChunk *chunk, uint32 offset)
{
	return highest_offset(chunk) > offset;
}

/*
 * Two different chunks of the same number; each set may go on behind its chunk.  At
 * the first difference one set has a member that the other lacks.  The other's next
 * member is higher, so the one with the member comes first, unless the other set has
 * ended.
 */
static int
compare_chunks(const SegChunk *a, bool a_goes_on, const SegChunk *b, bool b_goes_on)
{
	uint64		a_bits[SEG_CHUNK_WORDS];
	uint64		b_bits[SEG_CHUNK_WORDS];
	uint32		offset;
	int			w = 0;

	seg_chunk_expand(a, a_bits);
	seg_chunk_expand(b, b_bits);
	while (a_bits[w] == b_bits[w])
		w++;
	offset = w * 64 + pg_rightmost_one_pos64(a_bits[w] ^ b_bits[w]);
	if (seg_chunk_contains(a, offset))
		return (b_goes_on || continues_above(b, offset)) ? -1 : 1;
	return (a_goes_on || continues_above(a, offset)) ? 1 : -1;
}

int
seg_set_compare(const SegMemberSet *a, const SegMemberSet *b)
{
	uint32		n = Min(a->nchunks, b->nchunks);
	uint32		i;

	for (i = 0; i < n; i++)
	{
		SegChunk	x = seg_set_chunk(a, i);
		SegChunk	y = seg_set_chunk(b, i);

		CHECK_FOR_INTERRUPTS();
		if (x.number != y.number)
			return x.number < y.number ? -1 : 1;
		if (x.kind != y.kind || x.nunits != y.nunits ||
			memcmp(x.units, y.units, x.nunits * sizeof(uint16)) != 0)
			return compare_chunks(&x, i + 1 < a->nchunks, &y, i + 1 < b->nchunks);
	}
	if (a->nchunks == b->nchunks)
		return 0;
	return a->nchunks < b->nchunks ? -1 : 1;
}

/* Checking. */

const char *
seg_set_check(const SegMemberSet *set, Size size)
{
	const uint32 *body;
	Size		space;
	int64		cardinality = 0;
	uint32		start = 0;
	uint32		i;

	if (size < SEG_SET_HEADER_SIZE || VARSIZE(set) != size)
		return "The header is incomplete.";
	if (set->version != SEG_SET_VERSION)
		return "The version is not known.";
	if (set->flags != 0 || set->reserved != 0)
		return "Reserved bits are set.";
	if (set->nchunks > (size - SEG_SET_HEADER_SIZE) / (sizeof(int64) + sizeof(uint32)))
		return "The directory is incomplete.";
	space = size - seg_set_size(set->nchunks, 0);
	if (space % sizeof(uint16) != 0)
		return "The length is odd.";
	space /= sizeof(uint16);
	if (set->nchunks == 0 && space != 0)
		return "There are bytes behind the last chunk.";

	/* Where each chunk begins must hold before chunks are looked at. */
	body = seg_set_bodies(set);
	for (i = 0; i < set->nchunks; i++)
	{
		uint32		end = (i + 1 < set->nchunks) ? body_start(body[i + 1]) : (uint32) space;

		if (body_start(body[i]) != start || end <= start || end > space)
			return "A chunk is not where the previous one ends.";
		start = end;
	}
	for (i = 0; i < set->nchunks; i++)
	{
		SegChunk	chunk = seg_set_chunk(set, i);
		const char *complaint;

		CHECK_FOR_INTERRUPTS();
		if (i > 0 && chunk.number <= seg_set_chunk_number(set, i - 1))
			return "The chunks are not in ascending order.";
		complaint = check_chunk(&chunk);
		if (complaint != NULL)
			return complaint;
		cardinality += chunk.cardinality;
	}
	if (cardinality != set->cardinality)
		return "The cardinality is not the sum of the chunks'.";
	return NULL;
}

static const char *
check_chunk(const SegChunk *chunk)
{
	switch (chunk->kind)
	{
		case SEG_CHUNK_ARRAY:
			return check_array(chunk);
		case SEG_CHUNK_RUNS:
			return check_runs(chunk);
		case SEG_CHUNK_BITS:
			return check_bits(chunk);
	}
	return "A chunk is of an unknown kind.";
}

static const char *
check_choice(const SegChunk *chunk, uint32 nruns)
{
	if (chunk->kind != seg_chunk_best_kind(chunk->cardinality, nruns))
		return "A chunk is not of the kind that takes least space.";
	return NULL;
}

static const char *
check_array(const SegChunk *chunk)
{
	const uint16 *units = chunk->units;
	uint32		nruns = 1;
	uint32		i;

	if (chunk->nunits != chunk->cardinality)
		return "The cardinality of a chunk is wrong.";
	for (i = 1; i < chunk->nunits; i++)
	{
		if (units[i] <= units[i - 1])
			return "The members of a chunk are not in ascending order.";
		if (units[i] != units[i - 1] + 1)
			nruns++;
	}
	if (units[chunk->nunits - 1] >= SEG_CHUNK_KEYS)
		return "A member lies outside its chunk.";
	return check_choice(chunk, nruns);
}

static const char *
check_runs(const SegChunk *chunk)
{
	const uint16 *units = chunk->units;
	uint32		cardinality = 0;
	uint32		i;

	if (chunk->nunits % 2 != 0)
		return "A run is incomplete.";
	for (i = 0; i < chunk->nunits; i += 2)
	{
		if (i > 0 && units[i] <= units[i - 2] + units[i - 1] + 1)
			return "The runs of a chunk are not apart and in ascending order.";
		if (units[i] + units[i + 1] >= SEG_CHUNK_KEYS)
			return "A member lies outside its chunk.";
		cardinality += units[i + 1] + 1;
	}
	if (cardinality != chunk->cardinality)
		return "The cardinality of a chunk is wrong.";
	return check_choice(chunk, chunk->nunits / 2);
}

static const char *
check_bits(const SegChunk *chunk)
{
	uint64		bits[SEG_CHUNK_WORDS];
	uint32		cardinality;
	uint32		nruns;

	if (chunk->nunits != SEG_CHUNK_BIT_UNITS)
		return "A chunk of bits has the wrong length.";
	seg_chunk_expand(chunk, bits);
	cardinality = seg_bits_count(bits, SEG_CHUNK_WORDS, &nruns);
	if (cardinality != chunk->cardinality)
		return "The cardinality of a chunk is wrong.";
	return check_choice(chunk, nruns);
}
