/*
 * store.h
 *		Recording what an evaluation found.
 *
 * Whatever evaluates many members (a build, upkeep, a statement that touched thousands) hands what
 * it finds to a writer, chunk by chunk.  The writer compares with what is stored, as the active
 * snapshot shows it, and appends the differences to the tail.  A segment that is built for the
 * first time has nothing to differ from: its sets are written as they are, and nobody enters.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_STORE_H
#define SEG_STORE_H

#include "postgres.h"

#include "member_set.h"
#include "program.h"
#include "registry.h"
#include "state.h"

typedef struct SegStoreWriter SegStoreWriter;

/* segments[i] holds for a member or not, and the opposite is stored; he is due at a moment, and it is not known. */
typedef struct SegStoreListener
{
	void		(*differs) (void *arg, int i, int64 member, bool holds);
	void		(*unknown) (void *arg, int64 member, TimestampTz until);
	void	   *arg;
} SegStoreListener;

typedef struct SegStoreTask
{
	const SegPopulation *population;
	int			nsegments;
	const SegSegment **segments;	/* those that are not built are built for the first time */
	const SegMemberSet *only;	/* what is found is about these members alone; NULL: about all */
	SegReason	reason;
	TimestampTz now;			/* the moment that it was evaluated for */

	/* Who wants to hear of differences instead has them told, and nothing is written. */
	const SegStoreListener *listener;	/* or NULL */
	const SegMemberSet *except; /* members that do not matter; NULL: all do */
} SegStoreTask;

/* The task has to live as long as the writer. */
extern SegStoreWriter *seg_store_begin(const SegStoreTask *task);

/*
 * The members of segments[i] in a chunk, at least one.  The sets of a chunk are put one after
 * the other, and each chunk once.
 */
extern void seg_store_put(SegStoreWriter *w, int i, int64 chunk, const SegMemberSet *members);

/* When members of a chunk have to be evaluated again; after its sets. */
extern void seg_store_until(SegStoreWriter *w, int64 chunk, int n, const int64 *members, const TimestampTz *until);

/* Who was not put is not a member.  Returns how many entered and left. */
extern int64 seg_store_end(SegStoreWriter *w);

/*
 * From here to the end of the transaction nobody else builds, defines or keeps up the population.
 * False where somebody else does, and wait is not wanted.
 */
extern bool seg_store_lock(const SegPopulation *population, bool wait);

/*
 * store_build.c: evaluates the program, rule i of which belongs to segments[i], for whom the task
 * says, and records what is found.  The task's now is the moment.
 */
extern int64 seg_store_build(const SegStoreTask *task, const SegProgram *program);

/*
 * store_fold.c: makes sets of what the tail says of chunks, and history of the tail, chunk after
 * chunk, until there were about so many changes; nothing where somebody else has locked the feed.
 * Chunks for which it is worth it at a moment, DT_NOEND: all.  *next is the first to be looked at,
 * and then the one after the last that was.  The caller has locked the population.
 * Returns how many changes that were.
 */
extern int64 seg_store_fold_some(const SegPopulation *population, int64 most, TimestampTz now, int64 *next);

#endif							/* SEG_STORE_H */
