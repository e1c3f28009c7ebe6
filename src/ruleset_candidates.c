/*
 * ruleset_candidates.c
 *		Which of many rules come into question for a member.
 *
 * Where there are so many rules that they are in groups (anchor.h), a member fulfils none but those
 * of the group of his row and those of no group; of the others no clock makes him a member.
 * Those that he may leave are others: he may have been of another group before.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "ruleset.h"

void
seg_ruleset_plan_candidates(SegRuleset *r)
{
	SegRuleList loose;

	r->anchors = seg_anchors_plan(r->program);
	if (r->anchors == NULL)
		return;
	loose = seg_anchors_rules(r->anchors, -1);
	for (int i = 0; i < loose.n; i++)
		r->loose = bms_add_member(r->loose, loose.rules[i]);
	r->anchored = bms_difference(r->all, r->loose);
}

Bitmapset *
seg_ruleset_candidates(const SegRuleset *r, const Bitmapset *rules)
{
	Bitmapset  *candidates;
	int			group;

	if (r->anchors == NULL)
		return bms_copy(rules);
	candidates = bms_intersect(r->loose, rules);
	group = seg_anchors_group(r->anchors, seg_live_value(r->live, seg_anchors_column(r->anchors)));
	if (group >= 0)
	{
		SegRuleList own = seg_anchors_rules(r->anchors, group);

		for (int i = 0; i < own.n; i++)
			if (bms_is_member(own.rules[i], rules))
				candidates = bms_add_member(candidates, own.rules[i]);
	}
	return candidates;
}

bool
seg_ruleset_may_regroup(const SegRuleset *r, const Bitmapset *rules)
{
	return r->anchors == NULL || bms_is_subset(r->anchored, rules);
}
