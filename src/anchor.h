/*
 * anchor.h
 *		Many rules that each speak of few members: which come into question for whom.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_ANCHOR_H
#define SEG_ANCHOR_H

#include "postgres.h"

#include "program.h"
#include "value.h"

/* So many rules are worth it; a setting for developers. */
extern int	seg_group_rules;

typedef struct SegAnchors SegAnchors;

/* Rules of a program. */
typedef struct SegRuleList
{
	int			n;
	const int  *rules;			/* ascending */
} SegRuleList;

/* NULL if it is not worth it.  Everything is allocated in the current memory context. */
extern SegAnchors *seg_anchors_plan(const SegProgram *program);

/* The column of members that tells them apart; an expression of the program. */
extern const SegExpr *seg_anchors_column(const SegAnchors *anchors);

/* Members with the same value in it are of one group, numbered from 0; -1: of none. */
extern int	seg_anchors_ngroups(const SegAnchors *anchors);
extern int	seg_anchors_group(const SegAnchors *anchors, const SegValue *value);

/* The rules that can hold for members of one group alone; of none (-1): for those of any group. */
extern SegRuleList seg_anchors_rules(const SegAnchors *anchors, int group);

#endif							/* SEG_ANCHOR_H */
