/*
 * pass_group.h
 *		Cutting the members of a chunk into groups that are asked about different rules.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_GROUP_H
#define SEG_PASS_GROUP_H

#include "postgres.h"

#include "anchor.h"
#include "clock.h"
#include "pass_read.h"
#include "program.h"

/* Members, in order, and the rules that can hold for any of them. */
typedef struct SegGroup
{
	int			nmembers;
	const SegRow **members;
	SegRuleList rules;
} SegGroup;

typedef struct SegGroups SegGroups;

/* NULL if it is not worth it.  Everything is allocated in the current memory context. */
extern SegGroups *seg_groups_plan(const SegProgram *program);

/*
 * The groups of the members of a chunk, with rules for which no other member of the chunk comes
 * into question.  The first is of all members, with the rules that fit in no other.
 */
extern int	seg_groups_of(SegGroups *groups, const SegLayout *layout, const SegClock *clock,
						  const SegRow **members, int n, const SegGroup **found);

#endif							/* SEG_PASS_GROUP_H */
