/*
 * pass_group.c
 *		Cutting the members of a chunk into groups that are asked about different rules.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "anchor.h"
#include "member_set.h"
#include "pass_group.h"

/* The members of a group in the chunk at hand. */
typedef struct Part
{
	int			n;
	int			at;				/* where they begin among the sorted ones */
} Part;

struct SegGroups
{
	const SegAnchors *anchors;
	Part	   *parts;			/* by group */
	int		   *group_of;		/* by member of the chunk at hand */
	int		   *present;		/* groups in it */
	const SegRow **sorted;
	SegGroup   *found;
};

SegGroups *
seg_groups_plan(const SegProgram *program)
{
	const SegAnchors *anchors = seg_anchors_plan(program);
	SegGroups  *groups;

	if (anchors == NULL)
		return NULL;
	groups = palloc0(sizeof(SegGroups));
	groups->anchors = anchors;
	groups->parts = palloc0(sizeof(Part) * seg_anchors_ngroups(anchors));
	groups->group_of = palloc(sizeof(int) * SEG_CHUNK_KEYS);
	groups->present = palloc(sizeof(int) * SEG_CHUNK_KEYS);
	groups->sorted = palloc(sizeof(SegRow *) * SEG_CHUNK_KEYS);
	groups->found = palloc(sizeof(SegGroup) * (SEG_CHUNK_KEYS + 1));
	return groups;
}

/* What groups there are, and how many members of each. */
static int
count_groups(SegGroups *groups, const SegLayout *layout, const SegClock *clock, const SegRow **members, int n)
{
	int			column = seg_anchors_column(groups->anchors)->column;
	int			npresent = 0;

	for (int i = 0; i < n; i++)
	{
		SegValue	value;
		int			group;

		seg_layout_value(layout, members[i], column, clock, &value);
		group = groups->group_of[i] = seg_anchors_group(groups->anchors, &value);
		if (group >= 0 && groups->parts[group].n++ == 0)
			groups->present[npresent++] = group;
	}
	return npresent;
}

int
seg_groups_of(SegGroups *groups, const SegLayout *layout, const SegClock *clock,
			  const SegRow **members, int n, const SegGroup **found)
{
	int			npresent = count_groups(groups, layout, clock, members, n);
	int			at = 0;

	groups->found[0] = (SegGroup) {.nmembers = n,.members = members,.rules = seg_anchors_rules(groups->anchors, -1)};
	for (int i = 0; i < npresent; i++)
	{
		Part	   *part = &groups->parts[groups->present[i]];

		groups->found[i + 1] = (SegGroup) {.nmembers = part->n,.members = groups->sorted + at,
		.rules = seg_anchors_rules(groups->anchors, groups->present[i])};
		part->at = at;
		at += part->n;
		part->n = 0;
	}
	for (int i = 0; i < n; i++)
		if (groups->group_of[i] >= 0)
			groups->sorted[groups->parts[groups->group_of[i]].at++] = members[i];
	*found = groups->found;
	return npresent + 1;
}
