/*
 * state.h
 *		What is stored of members: the sets, the tail of changes, who is due.
 *
 *		state_chunk.c		segments.membership and segments.chunk, kept in memory by version
 *		state_change.c		segments.change, the tail
 *		state_due.c			segments.due, the clock and doubt
 *
 * Everything is read with the active snapshot, and without asking who may.  Who is a member
 * of a segment, as far as that is stored: the last row of the tail says it, else the set.
 * Neither counts for those who are due.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_STATE_H
#define SEG_STATE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "catalog.h"
#include "member_set.h"

/* state_chunk.c */

/* kB; a setting */
extern int	seg_state_cache_memory;

/* A chunk of keys.  Good until the next chunk is asked for. */
typedef struct SegStateChunk SegStateChunk;

typedef struct SegStateSet
{
	int32		segment;
	const SegMemberSet *members;	/* at least one */
} SegStateSet;

extern SegStateChunk *seg_state_chunk(int32 population, int64 chunk);
extern int64 seg_state_number(const SegStateChunk *chunk);

/* What the row of a chunk says; and the chunk again, for the snapshot that it was read with. */
typedef struct SegChunkVersion
{
	int64		version;
	TimestampTz settled;
} SegChunkVersion;

extern SegChunkVersion seg_state_version(const SegStateChunk *chunk);
extern SegStateChunk *seg_state_chunk_again(int32 population, int64 chunk, SegChunkVersion version);

/* The moment that members were last evaluated for by the clock; DT_NOBEGIN: never. */
extern TimestampTz seg_state_settled(const SegStateChunk *chunk);

/* The set of one segment, or NULL; and all sets, by segment. */
extern const SegMemberSet *seg_state_set(SegStateChunk *chunk, int32 segment);
extern const SegStateSet *seg_state_sets(SegStateChunk *chunk, int *n);

/*
 * Will a member be due by then, but not yet?  seg_due_later(), from memory: it may miss what
 * others have written since, but knows of nothing that is not there.
 */
extern bool seg_state_due_later(SegStateChunk *chunk, int64 member, TimestampTz now, TimestampTz at);

/* This transaction writes that he will be. */
extern void seg_state_due_added(SegStateChunk *chunk, int64 member, TimestampTz at);

/* Those of a segment in a chunk, the tail included; palloc'd, NULL if there are none. */
extern SegMemberSet *seg_state_members(int32 population, int64 chunk, int32 segment);

/*
 * Says that sets of the chunk have changed, or, where keep_version, only when it was settled.
 * Writes as whoever runs; the caller sees to it that he is the only one.
 */
extern void seg_state_touch(int32 population, int64 chunk, TimestampTz settled, bool keep_version);

/* The set in a column of the row at hand, palloc'd; NULL for null. */
extern SegMemberSet *seg_state_scanned(const SegScan *scan, AttrNumber column);

/* state_change.c */

typedef enum SegReason
{
	SEG_BY_DATA = 'd', SEG_BY_CLOCK = 'c', SEG_BY_RULE = 'r', SEG_BY_HAND = 'h'
} SegReason;

/* What the tail says of one member: one entry for each segment that it speaks of. */
typedef struct SegTailEntry
{
	int32		segment;
	bool		entered;
	int64		id;				/* of the row that says so */
} SegTailEntry;

typedef struct SegTail
{
	int			n;
	int			room;
	SegTailEntry *entries;
} SegTail;

extern void seg_tail_of_member(int32 population, int64 member, SegTail *tail);

/* NULL: the tail does not speak of it. */
extern const SegTailEntry *seg_tail_find(const SegTail *tail, int32 segment);

/* What it says of the members in one chunk, segment by segment. */
typedef struct SegTailChunk
{
	int32		segment;
	int			net;			/* members more than before */
	uint64		entered[SEG_CHUNK_WORDS];
	uint64		left[SEG_CHUNK_WORDS];
} SegTailChunk;

/* In order of segments. */
extern SegTailChunk *seg_tail_of_chunk(int32 population, int64 chunk, int *n);

/* The same in two steps: its rows, and what they say; the second puts them in another order. */
typedef struct SegTailRow
{
	int64		id;
	int64		member;			/* or the first key of the chunk */
	SegMemberSet *members;		/* several; NULL: he alone */
	TimestampTz at;
	int32		segment;
	bool		entered;
} SegTailRow;

static inline int
seg_tail_row_count(const SegTailRow *row)
{
	return row->members == NULL ? 1 : (int) seg_set_cardinality(row->members);
}

extern SegTailRow *seg_tail_rows(int32 population, int64 chunk, Size *n);	/* palloc'd; NULL: none */
extern SegTailChunk *seg_tail_of_rows(SegTailRow *rows, Size nrows, int *n);

/* Of one segment alone; false if the tail says nothing. */
extern bool seg_tail_of_segment(int32 segment, int64 chunk, SegTailChunk *tail);

/* The number of the first chunk from one on in which the tail speaks of a segment; from may be behind the last. */
extern bool seg_tail_next_chunk(int32 segment, int64 from, int64 *chunk);

/* The same, of any segment of a population. */
extern bool seg_tail_next_chunk_of_any(int32 population, int64 from, int64 *chunk);

/* By how many members the tail changes a segment. */
extern int64 seg_tail_net(int32 segment);

/* old, or NULL, as the tail changes it; palloc'd, NULL if nobody is left. */
extern SegMemberSet *seg_tail_apply(const SegTailChunk *tail, int64 chunk, const SegMemberSet *old);

/* Appending to it. */
typedef struct SegTailWriter
{
	SegWriter	writer;
	bool		open;
	int32		population;
	MemoryContext context;		/* for what is kept while it is open */
} SegTailWriter;

/* Uses the current context until its end. */
extern void seg_tail_writer_init(SegTailWriter *w, int32 population);
extern void seg_tail_append(SegTailWriter *w, int64 member, int32 segment, bool entered,
							TimestampTz at, SegReason reason);

/* Members of one chunk, a bit for each. */
extern void seg_tail_append_bits(SegTailWriter *w, int64 chunk, const uint64 bits[SEG_CHUNK_WORDS], int32 segment,
								 bool entered, TimestampTz at, SegReason reason);
extern void seg_tail_writer_end(SegTailWriter *w);

/* state_due.c */

/* Data have changed that were not evaluated. */
#define SEG_IN_DOUBT	DT_NOBEGIN

/* Is he due by then; who is, of a chunk or of all?  NULL: nobody. */
extern bool seg_due_by(int32 population, int64 member, TimestampTz at);

/* Is he due by then, but not yet? */
extern bool seg_due_later(int32 population, int64 member, TimestampTz now, TimestampTz at);
extern SegMemberSet *seg_due_of_chunk(int32 population, int64 chunk, TimestampTz now);
extern SegMemberSet *seg_due_of_all(int32 population, TimestampTz now);

/*
 * Some of those who are due, the earliest first, about so many: those in doubt, and those whose
 * time has come.  NULL: nobody.
 */
extern void seg_due_some(int32 population, TimestampTz now, int64 most, SegMemberSet **doubted, SegMemberSet **due);

/*
 * When each member of a chunk is due, of what is due after now; DT_NOEND: not at all.  committed:
 * as far as other transactions have written it.
 */
extern void seg_due_earliest(int32 population, int64 chunk, TimestampTz now, bool committed,
							 TimestampTz earliest[SEG_CHUNK_KEYS]);

/* Members of one chunk will be due from at on. */
extern void seg_due_add(int32 population, int64 chunk, TimestampTz at, const SegMemberSet *members);

/* What is kept of a moment: from a day ahead of now on, the day that it lies in. */
extern TimestampTz seg_due_round(TimestampTz at, TimestampTz now);

/* Collects members by moments, and adds them chunk by chunk. */
typedef struct SegDueWriter SegDueWriter;

extern SegDueWriter *seg_due_writer_begin(int32 population);
extern void seg_due_put(SegDueWriter *w, int64 member, TimestampTz at);
extern void seg_due_writer_end(SegDueWriter *w);

/* Members of one chunk were evaluated as of now: they are not due any more, until later. */
extern void seg_due_settle(int32 population, int64 chunk, TimestampTz now, const SegMemberSet *members);

/* The same for one, by somebody who may meet others: leaves rows that speak of others, too. */
extern void seg_due_settle_one(int32 population, int64 member, TimestampTz now);

#endif							/* SEG_STATE_H */
