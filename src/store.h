/*
 * store.h
 *		The members of segments as they are stored.
 *
 * A segment's members lie in segments.membership, a set for each chunk of keys in which it has
 * any.  They are written as the extension's owner, and read without asking who may.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_STORE_H
#define SEG_STORE_H

#include "postgres.h"

#include "catalog.h"
#include "member_set.h"
#include "program.h"
#include "registry.h"

/*
 * Reading: the members of a segment in one chunk as the active snapshot sees them, palloc'd;
 * NULL if there are none.
 */
extern SegMemberSet *seg_store_chunk(int32 population, int32 segment, int64 chunk);

/* The members in the row of segments.membership at hand, palloc'd. */
extern SegMemberSet *seg_store_scanned(const SegScan *scan);

/*
 * Writing: what is put replaces what is stored of some segments.  From the beginning to the end
 * of the transaction nobody else can write members of the population.
 */
typedef struct SegStoreWriter SegStoreWriter;

extern SegStoreWriter *seg_store_begin(const SegPopulation *population, int nsegments,
									   const int32 *segment_ids);

/*
 * The members of segment_ids[i] in a chunk, at least one.  The sets of a chunk are put one after
 * the other, and each chunk once.
 */
extern void seg_store_put(SegStoreWriter *w, int i, int64 chunk, const SegMemberSet *members);

/* What was not put is deleted.  The segments are built, exactly as of now. */
extern void seg_store_end(SegStoreWriter *w, TimestampTz now);

/*
 * store_build.c: evaluates the program for the whole population and stores for whom rule i holds
 * as the members of segment_ids[i].  Reads with a snapshot of its own, taken when nobody
 * else can write members of the population any more.
 */
extern void seg_store_build(const SegPopulation *population, int nsegments, const int32 *segment_ids,
							const SegProgram *program, TimestampTz now);

#endif							/* SEG_STORE_H */
