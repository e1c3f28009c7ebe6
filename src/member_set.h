/*
 * member_set.h
 *		The value of type member_set: a compressed set of bigint, readable in place.
 *
 * The members are cut into chunks of 2^13 consecutive keys; a chunk's number is
 * key >> 13, so negative keys work and chunks sort as their keys do.  Chunks
 * without members are not stored.
 *
 *		SegMemberSet | vl_len_ | version | flags | cardinality | nchunks | zero |
 *					 | head[nchunks] : int64 | body[nchunks] : uint32 | units : uint16 ... |
 *
 *		head[i]		chunk number << 13 | cardinality of the chunk - 1
 *		body[i]		kind << 30 | where the chunk begins, in units
 *
 * head is sorted by itself, is all that counting reads, and all that a search for
 * a chunk reads.  The chunks' units lie one after the other in the same order:
 *
 *		SEG_CHUNK_ARRAY		the offsets in the chunk, ascending; a unit each
 *		SEG_CHUNK_RUNS		pairs (first offset, length - 1), ascending, not touching
 *		SEG_CHUNK_BITS		512 units = 128 words of 64 bits; offset o is bit o & 63 of
 *							word o >> 6.  Read words with seg_chunk_word(): a chunk
 *							is aligned to a unit, no more.
 *
 * A chunk has the kind that takes least space: bits where the others take 512
 * units or more, else an array unless runs are shorter.  With that the form is
 * canonical: equal sets have equal bytes, which = and hash rely on.  Bytes from
 * outside are held against all of the above by seg_set_check().
 *
 * The type has alignment 'd', so a detoasted value is aligned for head.  A set
 * with one chunk takes 36 bytes and at most 1 kB for the members, which keeps it
 * below the TOAST threshold.
 *
 * member_set.c			reading and checking a value, comparing two
 * member_set_write.c		writing one chunk by chunk
 * member_set_build.c		building one from anything in any order
 * member_set_lookup.c		asking one about a great many keys
 * member_set_ops.c		set algebra
 * member_set_func.c		functions of one set, casts from and to arrays
 * member_set_io.c			text and binary forms
 * member_set_roaring.c	the portable Roaring formats
 * member_set_agg.c		aggregates
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_MEMBER_SET_H
#define SEG_MEMBER_SET_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "compat.h"

#define SEG_SET_VERSION		1

#define SEG_CHUNK_SHIFT		13
#define SEG_CHUNK_KEYS		(1 << SEG_CHUNK_SHIFT)	/* 8192 */
#define SEG_CHUNK_MASK		(SEG_CHUNK_KEYS - 1)
#define SEG_CHUNK_WORDS		(SEG_CHUNK_KEYS / 64)	/* 128 */
#define SEG_CHUNK_BIT_UNITS	(SEG_CHUNK_KEYS / 16)	/* 512 */

typedef enum SegChunkKind
{
	SEG_CHUNK_ARRAY,
	SEG_CHUNK_RUNS,
	SEG_CHUNK_BITS
} SegChunkKind;

typedef struct SegMemberSet
{
	int32		vl_len_;
	uint16		version;		/* SEG_SET_VERSION */
	uint16		flags;			/* zero */
	int64		cardinality;
	uint32		nchunks;
	uint32		reserved;		/* zero */
	int64		head[FLEXIBLE_ARRAY_MEMBER];
} SegMemberSet;

#define SEG_SET_HEADER_SIZE		offsetof(SegMemberSet, head)
#define SEG_SET_BODY_SHIFT		30
#define SEG_SET_BODY_MASK		(((uint32) 1 << SEG_SET_BODY_SHIFT) - 1)

#define DatumGetSegMemberSetP(d)	((SegMemberSet *) PG_DETOAST_DATUM(d))
#define PG_GETARG_SEG_MEMBER_SET_P(n)	DatumGetSegMemberSetP(PG_GETARG_DATUM(n))
#define PG_RETURN_SEG_MEMBER_SET_P(x)	PG_RETURN_POINTER(x)

/* One chunk of a set, as seg_set_chunk() finds it. */
typedef struct SegChunk
{
	int64		number;			/* key >> SEG_CHUNK_SHIFT */
	uint32		cardinality;	/* 1 to SEG_CHUNK_KEYS */
	SegChunkKind kind;
	uint32		nunits;
	const uint16 *units;
} SegChunk;

/* Keys and chunk numbers.  Shifting to the left is defined for unsigned alone. */

static inline int64
seg_chunk_of(int64 key)
{
	return key >> SEG_CHUNK_SHIFT;
}

static inline int64
seg_chunk_first_key(int64 number)
{
	return (int64) ((uint64) number << SEG_CHUNK_SHIFT);
}

#define SEG_FIRST_CHUNK		seg_chunk_of(PG_INT64_MIN)
#define SEG_LAST_CHUNK		seg_chunk_of(PG_INT64_MAX)

/* Reading in place. */

static inline int64
seg_set_cardinality(const SegMemberSet *set)
{
	return set->cardinality;
}

static inline uint32
seg_set_nchunks(const SegMemberSet *set)
{
	return set->nchunks;
}

static inline int64
seg_set_chunk_number(const SegMemberSet *set, uint32 i)
{
	return seg_chunk_of(set->head[i]);
}

static inline uint32
seg_set_chunk_cardinality(const SegMemberSet *set, uint32 i)
{
	return (uint32) (set->head[i] & SEG_CHUNK_MASK) + 1;
}

static inline const uint32 *
seg_set_bodies(const SegMemberSet *set)
{
	return (const uint32 *) (set->head + set->nchunks);
}

static inline const uint16 *
seg_set_units(const SegMemberSet *set)
{
	return (const uint16 *) (seg_set_bodies(set) + set->nchunks);
}

/* The bytes that a set of so many chunks and units takes. */
static inline Size
seg_set_size(Size nchunks, Size nunits)
{
	return SEG_SET_HEADER_SIZE + nchunks * (sizeof(int64) + sizeof(uint32)) +
		nunits * sizeof(uint16);
}

static inline uint64
seg_chunk_word(const uint16 *units, int word)
{
	uint64		w;

	memcpy(&w, units + 4 * word, sizeof(w));
	return w;
}

/* The i-th chunk; i < seg_set_nchunks(). */
extern SegChunk seg_set_chunk(const SegMemberSet *set, uint32 i);

/*
 * The first chunk at or behind position from whose number is at least number;
 * seg_set_nchunks() if there is none.  Takes time in the logarithm of the distance.
 */
extern uint32 seg_set_seek(const SegMemberSet *set, uint32 from, int64 number);

/* Writes all of a chunk's bits. */
extern void seg_chunk_expand(const SegChunk *chunk, uint64 bits[SEG_CHUNK_WORDS]);

/* The same of a set's chunk of that number, which it need not have. */
extern void seg_set_bits_of_chunk(const SegMemberSet *set, int64 number, uint64 bits[SEG_CHUNK_WORDS]);

extern bool seg_chunk_contains(const SegChunk *chunk, uint32 offset);
extern bool seg_set_contains(const SegMemberSet *set, int64 key);

/* The lowest and the highest member.  The set must not be empty. */
extern int64 seg_set_min(const SegMemberSet *set);
extern int64 seg_set_max(const SegMemberSet *set);

/*
 * Whether size bytes at set, suitably aligned, are a set in every particular.  Returns
 * NULL, or a sentence for errdetail that says what is wrong.  Reads no byte outside.
 */
extern const char *seg_set_check(const SegMemberSet *set, Size size);

/* Members in ascending order:  seg_set_iter_init(&it, set); while (seg_set_next(&it, &key)) */
typedef struct SegSetIter
{
	const SegMemberSet *set;
	uint32		next_chunk;
	uint32		pos;			/* unit (array), pair (runs) or word (bits) */
	uint32		within;			/* runs: members of the pair already returned */
	uint64		word;			/* bits: what is left of the current word */
	int64		base;
	SegChunk	chunk;
} SegSetIter;

extern void seg_set_iter_init(SegSetIter *it, const SegMemberSet *set);
extern bool seg_set_next(SegSetIter *it, int64 *key);

/*
 * The order of two sets is that of their members in ascending order, as of sorted
 * arrays: the first member that differs decides, and a set that ends comes first.
 */
extern bool seg_set_equal(const SegMemberSet *a, const SegMemberSet *b);
extern int	seg_set_compare(const SegMemberSet *a, const SegMemberSet *b);

/* member_set_build.c: building */

typedef struct SegSetBuilder SegSetBuilder;

/* A builder keeps its memory in a context of its own under the current one; 2 kB at first. */
extern SegSetBuilder *seg_set_builder_create(void);

/*
 * Everything may be added in any order and more than once.  What comes in ascending
 * order (of keys, of chunks) is written at once; the rest is collected and merged,
 * at a cost of O(n log n), with memory in proportion to the sets' compressed size.
 */
extern void seg_set_builder_add(SegSetBuilder *b, int64 key);
extern void seg_set_builder_add_range(SegSetBuilder *b, int64 first, int64 last);
extern void seg_set_builder_add_chunk_bits(SegSetBuilder *b, int64 number,
										   const uint64 bits[SEG_CHUNK_WORDS]);
extern void seg_set_builder_add_set(SegSetBuilder *b, const SegMemberSet *set);

/*
 * The set of all that was added, palloc'd in the current context.  The builder is
 * empty again afterwards; seg_set_builder_free() gives its memory back.
 */
extern SegMemberSet *seg_set_builder_finish(SegSetBuilder *b);
extern void seg_set_builder_free(SegSetBuilder *b);

/* Ready-made cases. */
extern SegMemberSet *seg_set_copy(const SegMemberSet *set);
extern SegMemberSet *seg_set_from_bits(int64 number, const uint64 bits[SEG_CHUNK_WORDS]);

/* member_set_lookup.c: asking about many keys, in any order.  The set stays with the caller; palloc'd. */

typedef struct SegSetLookup SegSetLookup;

extern SegSetLookup *seg_set_lookup_create(const SegMemberSet *set);
extern bool seg_set_lookup_contains(const SegSetLookup *lookup, int64 key);

/* member_set_io.c: the binary form, for values that hold sets. */
extern Datum member_set_send(PG_FUNCTION_ARGS);
extern Datum member_set_recv(PG_FUNCTION_ARGS);

/* member_set_ops.c: algebra.  Results are palloc'd, and never one of the arguments. */

typedef enum SegSetOp
{
	SEG_SET_OR, SEG_SET_AND, SEG_SET_ANDNOT, SEG_SET_XOR
} SegSetOp;

extern SegMemberSet *seg_set_combine(SegSetOp op, const SegMemberSet *a, const SegMemberSet *b);

#endif							/* SEG_MEMBER_SET_H */
