/*
 * current.h
 *		Who is a member now.
 *
 * What is stored, and an evaluation on the spot for those who are due.  Nothing is written, so
 * it goes on a standby as well.  Everything is as the active snapshot sees it, at the moment at
 * which the statement began.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_CURRENT_H
#define SEG_CURRENT_H

#include "postgres.h"

#include "member_set.h"
#include "registry.h"
#include "ruleset.h"

/* For whom what is stored does not count at a moment; NULL: for nobody. */
extern SegMemberSet *seg_current_due(const SegPopulation *population, TimestampTz now);

/* Everybody who is stored. */
extern SegMemberSet *seg_current_everybody(const SegRuleset *ruleset);

/* Of one segment. */
typedef struct SegCurrent
{
	const SegSegment *segment;
	int32		population;
	SegMemberSet *due;			/* for whom what is stored does not count; NULL: nobody */
	SegMemberSet *holds;		/* those of them who are members */
} SegCurrent;

/* population may be bare. */
extern void seg_current_begin(SegCurrent *current, const SegPopulation *population, const SegSegment *segment);

/* The members in the first chunk from a number on that has any, palloc'd; NULL: there are none. */
extern SegMemberSet *seg_current_next(const SegCurrent *current, int64 from);
extern int64 seg_current_count(const SegCurrent *current);
extern SegMemberSet *seg_current_all(const SegCurrent *current);

/*
 * Is somebody a member?  notes: there are some that may lead to him, as seg_current_notes() says for all of
 * the population.
 */
extern bool seg_current_notes(const SegPopulation *population);
extern bool seg_current_is(const SegPopulation *population, const SegSegment *segment, int64 member, bool notes);

/* Of which segments, but for everyone?  Of char *, by name. */
extern List *seg_current_segments(const SegPopulation *population, int64 member);

/* How many members has each of these segments (SegSegment *)?  In their order. */
extern int64 *seg_current_counts(const SegPopulation *population, const List *segments);

/*
 * For whom of the members do rules of a ruleset hold at a moment?  An array by rule; NULL: for
 * nobody, or not asked.
 */
extern SegMemberSet **seg_current_evaluate(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules,
										   TimestampTz now);

/* The same with these rules alone: nothing is read for the others. */
extern SegMemberSet **seg_current_evaluate_alone(SegRuleset *ruleset, const SegMemberSet *members,
												 const Bitmapset *rules, TimestampTz now);

#endif							/* SEG_CURRENT_H */
