/*
 * member_set_lookup.c
 *		Asking one set about a great many keys, in any order.
 *
 * The chunks are spread out as bits, where that takes little memory, and found by their numbers:
 *
 *		places : for each number from the first chunk's to the last one's, where its bits are
 *		bits   : of no chunk, which are all zero, and of each chunk
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "member_set.h"

/* Of more chunks, or of such as are further apart, the set itself is asked. */
#define MOST_CHUNKS		8192	/* 8 MB */
#define MOST_PLACES		65536

struct SegSetLookup
{
	const SegMemberSet *set;
	int64		first_chunk;
	uint64		nplaces;		/* 0: the set is asked */
	uint32	   *places;
	uint64	   *bits;			/* SEG_CHUNK_WORDS for each */
};

SegSetLookup *
seg_set_lookup_create(const SegMemberSet *set)
{
	SegSetLookup *lookup = palloc0(sizeof(SegSetLookup));
	uint32		n = seg_set_nchunks(set);
	uint64		nplaces;

	lookup->set = set;
	if (n == 0 || n > MOST_CHUNKS)
		return lookup;
	lookup->first_chunk = seg_set_chunk_number(set, 0);
	nplaces = (uint64) (seg_set_chunk_number(set, n - 1) - lookup->first_chunk) + 1;
	if (nplaces > MOST_PLACES)
		return lookup;
	lookup->nplaces = nplaces;
	lookup->places = palloc0(sizeof(uint32) * nplaces);
	lookup->bits = palloc0(sizeof(uint64) * SEG_CHUNK_WORDS * (n + 1));
	for (uint32 i = 0; i < n; i++)
	{
		SegChunk	chunk = seg_set_chunk(set, i);

		lookup->places[chunk.number - lookup->first_chunk] = i + 1;
		seg_chunk_expand(&chunk, lookup->bits + (Size) SEG_CHUNK_WORDS * (i + 1));
	}
	return lookup;
}

bool
seg_set_lookup_contains(const SegSetLookup *lookup, int64 key)
{
	uint64		place = (uint64) seg_chunk_of(key) - (uint64) lookup->first_chunk;
	uint32		offset = (uint32) (key & SEG_CHUNK_MASK);

	if (lookup->nplaces == 0)
		return seg_set_contains(lookup->set, key);
	if (place >= lookup->nplaces)
		return false;
	return (lookup->bits[(Size) SEG_CHUNK_WORDS * lookup->places[place] + offset / 64] >> (offset % 64)) & 1;
}
