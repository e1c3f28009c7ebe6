/*
 * ruleset.h
 *		The segments of a population that are kept current, bound and ready.
 *
 * A backend keeps one for each population that it works with.  Definitions that change, its own
 * tables and the user's, make it stale; the next who asks gets a new one.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULESET_H
#define SEG_RULESET_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "nodes/bitmapset.h"

#include "anchor.h"
#include "live.h"
#include "program.h"
#include "registry.h"

/*
 * What rows can change an answer: those of the population, of its sources and of its lookups, in
 * this order.
 */
static inline int
seg_object_of_source(int source)
{
	return 1 + source;
}

static inline int
seg_object_of_lookup(const SegPopulation *population, int lookup)
{
	return 1 + population->nsources + lookup;
}

static inline int
seg_object_count(const SegPopulation *population)
{
	return 1 + population->nsources + population->nlookups;
}

/* A column, and the rules that read it. */
typedef struct SegReadColumn
{
	const char *name;
	Bitmapset  *rules;
} SegReadColumn;

/* The same as it stands in the rows of one table, in the order of SegReads.columns. */
typedef struct SegUseColumn
{
	AttrNumber	attnum;
	bool		is_virtual;		/* no row has it: it may differ where any other column does */
	Bitmapset  *rules;
} SegUseColumn;

typedef struct SegTouch SegTouch;

/* Who reads what of an object. */
typedef struct SegReads
{
	Oid			relid;
	Bitmapset  *rules;			/* those that rows which come or go can change */
	Bitmapset  *whole;			/* those that may read any of its columns */
	List	   *columns;		/* of SegReadColumn * */
	SegTouch   *touch;			/* NULL: not asked for yet, or nothing can be told */
} SegReads;

/* A segment whose rule cannot be bound any more, or evaluated. */
typedef struct SegBroken
{
	const SegSegment *segment;
	const char *message;
} SegBroken;

typedef struct SegRuleset
{
	const SegPopulation *population;
	MemoryContext context;
	uint64		serial;			/* never given twice, as its address may be */
	uint64		generation;
	bool		stale;
	bool		of_snapshot;	/* made for a snapshot; kept by this transaction */
	int			nsegments;
	const SegSegment **segments;	/* active and built, everyone among them; by id */
	const SegRule **rules;		/* theirs */
	bool		building;		/* a segment is being created while others write */
	const SegProgram *program;	/* rule i is that of segments[i] */
	const SegProgram *coming;	/* the rule that is being built, of which only is known what it reads; NULL: none */
	Bitmapset  *all;			/* all rules of segments */
	SegReads   *reads;			/* by object; the rule that is being built counts as another behind all */
	Bitmapset **readers;		/* by relation of the program: the rules that need it; the first all do */
	List	  **items;			/* by rule: the items of folds that it has, as seg_eval_want() numbers them */
	SegAnchors *anchors;		/* NULL: there are not so many rules */
	Bitmapset  *anchored;		/* rules of groups */
	Bitmapset  *loose;			/* the others */
	SegLive    *live;
	List	   *broken;			/* of SegBroken *: left out, since they cannot be bound any more */
} SegRuleset;

/*
 * With the latest definitions, whatever the snapshot.  It stays good to the end of the
 * transaction.  NULL: rules have to be bound anew, and somebody has locked a table that they may read.
 */
extern SegRuleset *seg_ruleset_latest(int32 population);

/*
 * The same for who holds the population's lock (store.h), which tells of no definition by itself.  Never NULL for who
 * waits.
 */
extern SegRuleset *seg_ruleset_locked(int32 population, bool wait);

/* With those that the active snapshot shows, with which the population was read. */
extern SegRuleset *seg_ruleset_of_snapshot(const SegPopulation *population);

/* Rules of segments bound by themselves, as the population's owner; no table stays locked. */
extern SegProgram *seg_ruleset_bind(const SegPopulation *population, int n, const SegRule **rules, const int32 *ids);

/* The number of a segment's rule, or -1. */
extern int	seg_ruleset_find(const SegRuleset *ruleset, int32 segment);

/*
 * Reads members' own rows (live.h), and after that the rows of sources that rules need, for moments from
 * now on.  Then they can be asked about these rules, and before that whether there is need for more.  All by the
 * user who runs from here on; afterwards he has to be restored.
 */
extern void seg_ruleset_load(const SegRuleset *ruleset, SegUser *user, int n, const int64 *members);
extern void seg_ruleset_load_rows(const SegRuleset *ruleset, int n, const int64 *members, TimestampTz now,
								  const Bitmapset *rules);

/*
 * Locks the tables that rules read, with all their parts and indexes, as readers do, and waits for none: false, if one
 * cannot be had.  *locked: to be given back when they have been read.
 */
extern bool seg_ruleset_lock(const SegRuleset *ruleset, List **locked);
extern void seg_ruleset_unlock(const List *locked);

/* Adds those of rules that need more than the row of the member to whom ruleset->live has turned. */
extern Bitmapset *seg_ruleset_add_needy(const SegRuleset *ruleset, const Bitmapset *rules, Bitmapset *needy);

/* A count that rises when definitions change, as far as this backend has heard. */
extern uint64 seg_definitions_generation(void);

/* ruleset_reads.c */
extern void seg_ruleset_find_reads(SegRuleset *ruleset);

/*
 * ruleset_touch.c: what a row itself tells, to a statement at that moment.  Of the population or a source; NULL: nothing.
 */
extern SegTouch *seg_touch_begin(SegRuleset *ruleset, int object, TimestampTz now);

/* Columns that changed, in a set. */
#define SEG_ANY_COLUMN				0
#define SEG_TOUCHED_COLUMN(index)	((index) + 1)

/*
 * Takes from rules those that a member's own row cannot have turned.  changed has the columns
 * that changed, SEG_ANY_COLUMN among them.
 */
extern Bitmapset *seg_touch_member(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *before,
								   TupleTableSlot *after, const Bitmapset *changed, Bitmapset *rules);

/* Adds to rules those that a row of a source without sources below can turn by coming or going. */
extern Bitmapset *seg_touch_row(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *row, Bitmapset *rules);

/* The same of the many rows of a statement, which all add to the same rules; false: that row can turn none. */
extern bool seg_touch_one_of_rows(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *row,
								  Bitmapset **rules);

/* Have they added all rules that any row could add? */
extern bool seg_touch_has_all(const SegTouch *touch);

/* ruleset_candidates.c */
extern void seg_ruleset_plan_candidates(SegRuleset *ruleset);

/* Of the rules, those that can hold for the member to whom ruleset->live has turned; a new set. */
extern Bitmapset *seg_ruleset_candidates(const SegRuleset *ruleset, const Bitmapset *rules);

/*
 * Given the rules that read what has changed: can somebody be of another group than before?  False: of
 * the segments in which he was, those that are not candidates now are not among the rules.
 */
extern bool seg_ruleset_may_regroup(const SegRuleset *ruleset, const Bitmapset *rules);

#endif							/* SEG_RULESET_H */
