/*
 * partition.c
 *		Rows of several relations, cut into partitions that fit in memory.
 *
 * Chunks of keys are spread over partitions by a hash of their number, so that keys with a
 * stride fill all partitions alike.  Each partition is a list of blocks, which hold
 * whole rows one after the other.  When the blocks of all partitions together pass their
 * share of the budget, the largest partition's are written to its temporary file.
 *
 * A partition that turns out to be too large to be loaded is cut again, by another
 * hash, unless it is a single chunk; so a wrong estimate costs time, but no memory.
 *
 * A third of the budget is for blocks that wait, a third for the rows of the partition
 * that is loaded, a third for sorting them.
 *
 * Temporary files belong to the resource owner, memory to the context that was current
 * at creation: an error in between leaves nothing behind.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "member_set.h"
#include "partition.h"

#define BLOCK_BYTES		8192

/* A partition that waits keeps a block and, once it has spilled, the buffer of a file. */
#define WAITING_BYTES	(BLOCK_BYTES + BLCKSZ)
#define MIN_FANOUT		4
#define MAX_FANOUT		1024

typedef struct Block
{
	struct Block *next;
	Size		used;
	Size		size;
} Block;

#define BLOCK_HEADER	MAXALIGN(sizeof(Block))
#define BLOCK_DATA(b)	((char *) (b) + BLOCK_HEADER)

typedef struct Bucket
{
	struct Bucket *next;		/* the next one that waits */
	int			level;			/* how often its rows have been cut */
	Block	   *first;			/* blocks in memory, as they were filled */
	Block	   *last;
	Size		in_blocks;		/* bytes allocated for them */
	BufFile    *file;			/* blocks before them: used, then as many bytes; or NULL */
	Size		bytes;			/* of rows, here and in the file */
	int64		first_chunk;	/* the lowest and the highest there are */
	int64		last_chunk;
	Size		nrows[FLEXIBLE_ARRAY_MEMBER];	/* by relation */
} Bucket;

struct SegPartitions
{
	MemoryContext context;		/* buckets, blocks, files */
	MemoryContext loaded;		/* what is loaded or made for the partition at hand */
	int			nrelations;
	Size		share;			/* a third of the budget */
	Size		in_blocks;		/* bytes of all blocks that wait */
	Bucket	   *waiting;		/* all buckets but the current one */
	int			level;			/* of the buckets that rows are added to, */
	int			fanout;			/* their number, a power of two, */
	Bucket	  **buckets;		/* and they themselves */
	Bucket	   *current;		/* what is loaded */
};

static void
open_buckets(SegPartitions *p, int level, Size expected)
{
	Size		most = Min(Max(p->share / WAITING_BYTES, MIN_FANOUT), MAX_FANOUT);
	Size		wanted = expected <= p->share ? 1 : expected / (p->share / 2) + 1;
	MemoryContext caller = MemoryContextSwitchTo(p->context);

	p->level = level;
	p->fanout = pg_nextpower2_32(Min(wanted, most));
	p->buckets = palloc(sizeof(Bucket *) * p->fanout);
	for (int i = 0; i < p->fanout; i++)
	{
		Bucket	   *bucket = palloc0(offsetof(Bucket, nrows) + sizeof(Size) * p->nrelations);

		bucket->level = level;
		bucket->first_chunk = PG_INT64_MAX;
		bucket->last_chunk = PG_INT64_MIN;
		bucket->next = p->waiting;
		p->waiting = p->buckets[i] = bucket;
	}
	MemoryContextSwitchTo(caller);
}

static void
close_buckets(SegPartitions *p)
{
	pfree(p->buckets);
	p->buckets = NULL;
}

SegPartitions *
seg_partitions_create(int nrelations, Size expected, Size budget)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments partitions",
												  ALLOCSET_DEFAULT_SIZES);
	SegPartitions *p = MemoryContextAllocZero(context, sizeof(SegPartitions));

	p->context = context;
	p->loaded = AllocSetContextCreate(context, "segments partition", ALLOCSET_DEFAULT_SIZES);
	p->nrelations = nrelations;
	p->share = Max(budget / 3, BLOCK_BYTES);
	open_buckets(p, 0, expected);
	return p;
}

/* The finalizer of splitmix64; each level is another hash. */
static int
bucket_of(const SegPartitions *p, int64 chunk)
{
	uint64		h = (uint64) chunk + UINT64CONST(0x9e3779b97f4a7c15) * (p->level + 1);

	h = (h ^ (h >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return (int) ((h ^ (h >> 31)) & (p->fanout - 1));
}

/* Blocks. */

static Block *
alloc_block(MemoryContext context, Size size)
{
	Block	   *block = MemoryContextAllocHuge(context, BLOCK_HEADER + size);

	block->next = NULL;
	block->used = 0;
	block->size = size;
	return block;
}

static void
free_blocks(SegPartitions *p, Bucket *bucket)
{
	while (bucket->first)
	{
		Block	   *next = bucket->first->next;

		pfree(bucket->first);
		bucket->first = next;
	}
	bucket->last = NULL;
	p->in_blocks -= bucket->in_blocks;
	bucket->in_blocks = 0;
}

static void
spill(SegPartitions *p, Bucket *bucket)
{
	MemoryContext caller = MemoryContextSwitchTo(p->context);

	if (bucket->file == NULL)
		bucket->file = BufFileCreateTemp(false);
	for (Block *block = bucket->first; block; block = block->next)
	{
		CHECK_FOR_INTERRUPTS();
		BufFileWrite(bucket->file, &block->used, sizeof(block->used));
		BufFileWrite(bucket->file, BLOCK_DATA(block), block->used);
	}
	free_blocks(p, bucket);
	MemoryContextSwitchTo(caller);
}

static Bucket *
largest_in_memory(SegPartitions *p)
{
	Bucket	   *largest = p->waiting;

	for (Bucket *bucket = p->waiting; bucket; bucket = bucket->next)
		if (bucket->in_blocks > largest->in_blocks)
			largest = bucket;
	return largest;
}

/* A block with room for a row of this size, at the end of the bucket. */
static Block *
new_block(SegPartitions *p, Bucket *bucket, Size row)
{
	Size		size = Max(row, BLOCK_BYTES - BLOCK_HEADER);
	Block	   *block;

	while (p->in_blocks + BLOCK_HEADER + size > p->share)
	{
		Bucket	   *largest = largest_in_memory(p);

		if (largest->in_blocks == 0)
			break;
		spill(p, largest);
	}
	block = alloc_block(p->context, size);
	if (bucket->last)
		bucket->last->next = block;
	else
		bucket->first = block;
	bucket->last = block;
	bucket->in_blocks += BLOCK_HEADER + size;
	p->in_blocks += BLOCK_HEADER + size;
	return block;
}

static SegRow *
add_row(SegPartitions *p, int relation, int64 member, Size size)
{
	int64		chunk = seg_chunk_of(member);
	Bucket	   *bucket = p->buckets[bucket_of(p, chunk)];
	Block	   *block = bucket->last;
	SegRow	   *row;

	if (block == NULL || block->size - block->used < size)
		block = new_block(p, bucket, size);
	row = (SegRow *) (BLOCK_DATA(block) + block->used);
	block->used += size;
	bucket->bytes += size;
	bucket->nrows[relation]++;
	bucket->first_chunk = Min(bucket->first_chunk, chunk);
	bucket->last_chunk = Max(bucket->last_chunk, chunk);
	return row;
}

SegRow *
seg_partitions_add(SegPartitions *p, int relation, int64 member, Size data)
{
	Size		size = MAXALIGN(SEG_ROW_DATA + data);
	SegRow	   *row;

	if (size > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the columns of a row that rules read exceed 4 GB")));
	row = add_row(p, relation, member, size);
	row->size = (uint32) size;
	row->relation = relation;
	row->member = member;
	return row;
}

/* Reading a bucket's blocks: first those of the file, then those in memory. */
typedef struct BlockReader
{
	Bucket	   *bucket;
	Block	   *next;			/* in memory */
	bool		in_file;
} BlockReader;

static void
begin_blocks(BlockReader *reader, Bucket *bucket)
{
	reader->bucket = bucket;
	reader->next = bucket->first;
	reader->in_file = bucket->file != NULL;
	if (reader->in_file && BufFileSeek(bucket->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind temporary file: %m")));
}

static Block *
read_block(BlockReader *reader, MemoryContext context)
{
	Block	   *block;
	Size		used;

	CHECK_FOR_INTERRUPTS();
	if (reader->in_file)
	{
		if (BufFileReadMaybeEOF(reader->bucket->file, &used, sizeof(used), true) > 0)
		{
			block = alloc_block(context, used);
			block->used = used;
			BufFileReadMaybeEOF(reader->bucket->file, BLOCK_DATA(block), used, false);
			return block;
		}
		reader->in_file = false;
	}
	block = reader->next;
	if (block)
		reader->next = block->next;
	return block;
}

static inline const SegRow *
first_row(const Block *block)
{
	return block->used > 0 ? (const SegRow *) BLOCK_DATA(block) : NULL;
}

static inline const SegRow *
next_row(const Block *block, const SegRow *row)
{
	const char *next = (const char *) row + row->size;

	return next < BLOCK_DATA(block) + block->used ? (const SegRow *) next : NULL;
}

static void
discard(SegPartitions *p, Bucket *bucket)
{
	free_blocks(p, bucket);
	if (bucket->file)
		BufFileClose(bucket->file);
	pfree(bucket);
}

/* Cut a bucket again. */
static void
split(SegPartitions *p, Bucket *bucket)
{
	BlockReader reader;
	Block	   *block;

	spill(p, bucket);
	open_buckets(p, bucket->level + 1, bucket->bytes);
	begin_blocks(&reader, bucket);
	while ((block = read_block(&reader, p->loaded)) != NULL)
	{
		for (const SegRow *row = first_row(block); row; row = next_row(block, row))
			memcpy(add_row(p, row->relation, row->member, row->size), row, row->size);
		MemoryContextReset(p->loaded);
	}
	discard(p, bucket);
	close_buckets(p);
}

/*
 * Sorting: by digits, the lowest first, which keeps rows of one member in the order they
 * came in.  Digits in which all keys agree are left out; what comes in order is left alone.
 */
#define DIGIT_BITS	11
#define DIGIT_VALUES (1 << DIGIT_BITS)
#define NDIGITS		((64 + DIGIT_BITS - 1) / DIGIT_BITS)

typedef struct Entry
{
	uint64		key;			/* the member, negative ones first */
	const SegRow *row;
} Entry;

/* Interrupts are looked for every so many entries. */
#define BREATH(i) \
	do { \
		if (((i) & 0xffff) == 0) \
			CHECK_FOR_INTERRUPTS(); \
	} while (0)

#define DIGIT(key, i)	(((key) >> ((i) * DIGIT_BITS)) & (DIGIT_VALUES - 1))

static inline uint64
sort_key(int64 member)
{
	return (uint64) member ^ (UINT64CONST(1) << 63);
}

/* One digit: from entries to other. */
static void
sort_digit(const Entry *entries, Entry *other, Size n, int digit, Size *counts)
{
	Size		at = 0;

	for (int i = 0; i < DIGIT_VALUES; i++)
	{
		Size		count = counts[i];

		counts[i] = at;
		at += count;
	}
	for (Size i = 0; i < n; i++)
	{
		BREATH(i);
		other[counts[DIGIT(entries[i].key, digit)]++] = entries[i];
	}
}

/* Returns the sorted entries: entries itself or a copy. */
static Entry *
sort_entries(Entry *entries, Size n)
{
	Size		(*counts)[DIGIT_VALUES] = palloc0(sizeof(*counts) * NDIGITS);
	Entry	   *other = palloc_extended(sizeof(Entry) * n, MCXT_ALLOC_HUGE);

	for (Size i = 0; i < n; i++)
	{
		BREATH(i);
		for (int digit = 0; digit < NDIGITS; digit++)
			counts[digit][DIGIT(entries[i].key, digit)]++;
	}
	for (int digit = 0; digit < NDIGITS; digit++)
	{
		Entry	   *sorted = other;

		if (counts[digit][DIGIT(entries[0].key, digit)] == n)
			continue;
		sort_digit(entries, other, n, digit, counts[digit]);
		other = entries;
		entries = sorted;
	}
	pfree(counts);
	pfree(other);
	return entries;
}

static const SegRow **
sorted_rows(Entry *entries, Size n)
{
	const SegRow **rows = palloc_extended(sizeof(SegRow *) * n, MCXT_ALLOC_HUGE);
	Size		i = 1;

	while (i < n && entries[i - 1].key <= entries[i].key)
		i++;
	if (i < n)
		entries = sort_entries(entries, n);
	for (i = 0; i < n; i++)
	{
		BREATH(i);
		rows[i] = entries[i].row;
	}
	pfree(entries);
	return rows;
}

/* Loading. */

static void
load(SegPartitions *p, Bucket *bucket, SegPartition *partition)
{
	Entry	  **entries = palloc(sizeof(Entry *) * p->nrelations);
	BlockReader reader;
	Block	   *block;

	partition->nrows = palloc0(sizeof(Size) * p->nrelations);
	partition->rows = palloc0(sizeof(SegRow **) * p->nrelations);
	for (int i = 0; i < p->nrelations; i++)
		entries[i] = palloc_extended(sizeof(Entry) * bucket->nrows[i], MCXT_ALLOC_HUGE);
	begin_blocks(&reader, bucket);
	while ((block = read_block(&reader, p->loaded)) != NULL)
		for (const SegRow *row = first_row(block); row; row = next_row(block, row))
		{
			Entry	   *entry = &entries[row->relation][partition->nrows[row->relation]++];

			entry->key = sort_key(row->member);
			entry->row = row;
		}
	for (int i = 0; i < p->nrelations; i++)
	{
		Assert(partition->nrows[i] == bucket->nrows[i]);
		partition->rows[i] = sorted_rows(entries[i], bucket->nrows[i]);
	}
}

bool
seg_partitions_next(SegPartitions *p, SegPartition *partition)
{
	MemoryContext caller;
	Bucket	   *bucket;

	if (p->buckets)
		close_buckets(p);
	MemoryContextReset(p->loaded);
	if (p->current)
		discard(p, p->current);
	p->current = NULL;
	while ((bucket = p->waiting) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		p->waiting = bucket->next;
		if (bucket->nrows[0] == 0)
			discard(p, bucket);
		else if (bucket->bytes > p->share && bucket->first_chunk < bucket->last_chunk)
			split(p, bucket);
		else
		{
			p->current = bucket;
			caller = MemoryContextSwitchTo(p->loaded);
			load(p, bucket, partition);
			MemoryContextSwitchTo(caller);
			return true;
		}
	}
	return false;
}

void
seg_partitions_free(SegPartitions *p)
{
	if (p->current)
		discard(p, p->current);
	while (p->waiting)
	{
		Bucket	   *next = p->waiting->next;

		discard(p, p->waiting);
		p->waiting = next;
	}
	MemoryContextDelete(p->context);
}
