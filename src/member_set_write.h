/*
 * member_set_write.h
 *		Writing a set chunk by chunk, for the files of member_set alone.
 *
 * A writer takes whole chunks in ascending order and gives each its canonical kind.
 * The builder puts a writer to use for keys in any order; set algebra uses it as it is.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_MEMBER_SET_WRITE_H
#define SEG_MEMBER_SET_WRITE_H

#include "member_set.h"

typedef struct SegSetWriter
{
	MemoryContext context;		/* of the three arrays */
	int64	   *head;
	uint32	   *body;
	uint16	   *units;
	Size		nchunks;
	Size		max_chunks;
	Size		nunits;
	Size		max_units;
	int64		cardinality;
} SegSetWriter;

/* The kind that takes least space for a chunk; the one place that decides. */
static inline SegChunkKind
seg_chunk_best_kind(uint32 cardinality, uint32 nruns)
{
	uint32		least = Min(cardinality, 2 * nruns);

	if (least >= SEG_CHUNK_BIT_UNITS)
		return SEG_CHUNK_BITS;
	return (cardinality == least) ? SEG_CHUNK_ARRAY : SEG_CHUNK_RUNS;
}

/* Sets the bits from first to last. */
extern void seg_bits_set_range(uint64 *bits, uint32 first, uint32 last);

/* How many bits are set, and in how many runs. */
extern uint32 seg_bits_count(const uint64 *bits, int nwords, uint32 *nruns);

/*
 * The runs of up to 65536 bits as SEG_CHUNK_RUNS has them, two units each; returns how
 * many units, which may be as many as there are bits.
 */
extern uint32 seg_bits_runs(const uint64 *bits, int nwords, uint16 *units);

/* Raises an error where a set of so many chunks and units would be too large a value. */
extern void seg_set_check_size(Size nchunks, Size nunits);

/* Memory comes from the current context as it is needed. */
extern void seg_set_writer_init(SegSetWriter *w);

/* Chunks in ascending order.  Bits may all be zero, and offsets none: nothing is written. */
extern void seg_set_write_chunk(SegSetWriter *w, const SegChunk *chunk);
extern void seg_set_write_bits(SegSetWriter *w, int64 number, const uint64 bits[SEG_CHUNK_WORDS]);
extern void seg_set_write_offsets(SegSetWriter *w, int64 number, const uint16 *offsets, uint32 n);
extern void seg_set_write_run(SegSetWriter *w, int64 number, uint32 first, uint32 last);

/* All chunks of a set that lies behind what has been written. */
extern void seg_set_write_set(SegSetWriter *w, const SegMemberSet *set);

/* A set in the current context; the writer is empty afterwards and can be used again. */
extern SegMemberSet *seg_set_write_finish(SegSetWriter *w);

extern void seg_set_writer_free(SegSetWriter *w);

#endif							/* SEG_MEMBER_SET_WRITE_H */
