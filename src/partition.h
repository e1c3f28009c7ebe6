/*
 * partition.h
 *		Rows of several relations, cut into partitions that fit in memory.
 *
 * A row belongs to a member; all rows of the members of a chunk of keys come to lie in the
 * same partition.  Rows are added in any order; afterwards the partitions are loaded
 * one after the other, the rows of each relation in order of their members, and in the
 * order in which they were added within a member.
 *
 * A row is a header and bytes that only the caller understands.  It is written into the
 * partition's own memory and, while that lasts, read from there.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PARTITION_H
#define SEG_PARTITION_H

#include "postgres.h"

#include "compat.h"

typedef struct SegRow
{
	uint32		size;			/* bytes, this header among them */
	int32		relation;
	int64		member;
} SegRow;

#define SEG_ROW_DATA	MAXALIGN(sizeof(SegRow))	/* where the caller's bytes begin */

typedef struct SegPartitions SegPartitions;

/* One partition in memory; good until the next is loaded. */
typedef struct SegPartition
{
	Size	   *nrows;			/* by relation */
	const SegRow ***rows;		/* by relation, in order of members */
} SegPartition;

/*
 * expected: bytes of all rows, as far as that can be foreseen.  budget: bytes of memory,
 * which are exceeded only by the rows of a single chunk of keys.
 */
extern SegPartitions *seg_partitions_create(int nrelations, Size expected, Size budget);

/* Room for a row with so many bytes of data, for the caller to fill before the next call. */
extern SegRow *seg_partitions_add(SegPartitions *p, int relation, int64 member, Size data);

/*
 * Loads the next partition in which relation 0 has rows; false after the last.  Nothing can
 * be added any more.
 */
extern bool seg_partitions_next(SegPartitions *p, SegPartition *partition);

extern void seg_partitions_free(SegPartitions *p);

#endif							/* SEG_PARTITION_H */
