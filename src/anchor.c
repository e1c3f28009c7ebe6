/*
 * anchor.c
 *		Many rules that each speak of few members: which come into question for whom.
 *
 * A thousand tenants with a hundred segments each are rules that begin with
 * "tenant = 'x' and ...".  Where a column is compared for equality with many different constants,
 * each in rules that hold nowhere else, members are in groups by that column, and only the
 * rules of his group, and those that are about nobody in particular, are asked about a member.
 * What an evaluation takes then grows with the rules of a tenant and not with those of all.
 *
 * One column serves all rules: the one that is compared with most constants.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "anchor.h"
#include "eval_fold.h"

int			seg_group_rules = 1000;

/* With fewer constants, most rules come into question for most members anyway. */
#define LEAST_CONSTANTS 64

typedef struct Group
{
	SegValue	constant;
	int			nrules;
	int			room;
	int		   *rules;
} Group;

struct SegAnchors
{
	const SegExpr *column;
	int			ngroups;
	Group	   *groups;
	uint32		mask;
	int		   *slots;			/* open addressing: index in groups, or -1 */
	int			nrest;
	int		   *rest;			/* rules that fit in no group */
};

/* Is it a comparison of a column with a constant, as equal bytes or numbers? */
static bool
is_anchor(const SegExpr *expr)
{
	const SegExpr *column;
	SegTag		tag;

	if (expr->op != SEG_X_COMPARE || expr->detail != SEG_EQ || OidIsValid(expr->how.collation))
		return false;
	column = expr->args[0];
	if (column->op != SEG_X_COLUMN || column->scope != SEG_SCOPE_MEMBER || expr->args[1]->op != SEG_X_CONST)
		return false;
	tag = expr->args[1]->constant.tag;
	return (column->type.type == SEG_T_TEXT && tag == SEG_V_TEXT) || (column->type.type == SEG_T_INT && tag == SEG_V_INT);
}

/*
 * The comparison of this column (NULL: of any) without which a rule does not hold.  Calls
 * see, if given, with every one there is.
 */
static const SegExpr *
find_anchor(const SegExpr *expr, const SegExpr *column, void (*see) (void *, const SegExpr *), void *arg)
{
	const SegExpr *found = NULL;

	check_stack_depth();
	if (is_anchor(expr))
	{
		if (see)
			see(arg, expr);
		return column == NULL || expr->args[0] == column ? expr : NULL;
	}
	if (expr->op == SEG_X_AND)
		for (int i = 0; i < expr->nargs && (found == NULL || see); i++)
			found = find_anchor(expr->args[i], column, see, arg);
	return found;
}

typedef struct Tally
{
	bool	   *seen;			/* by id of the comparison */
	int		   *constants;		/* by id of the column */
} Tally;

static void
count_constant(void *arg, const SegExpr *anchor)
{
	Tally	   *tally = arg;

	if (tally->seen[anchor->id])
		return;
	tally->seen[anchor->id] = true;
	tally->constants[anchor->args[0]->id]++;
}

/* The column that is compared with most constants; NULL if these are few. */
static const SegExpr *
choose_column(const SegProgram *program)
{
	int			n = list_length(program->exprs);
	Tally		tally = {.seen = palloc0(sizeof(bool) * n),.constants = palloc0(sizeof(int) * n)};
	int			best = 0;

	for (int i = 0; i < program->nrules; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) find_anchor(program->rules[i], NULL, count_constant, &tally);
	}
	for (int i = 0; i < n; i++)
		if (tally.constants[i] > tally.constants[best])
			best = i;
	if (tally.constants[best] < Min(LEAST_CONSTANTS, seg_group_rules))
		return NULL;
	return list_nth(program->exprs, best);
}

static uint32
hash_value(const SegValue *value)
{
	if (value->tag == SEG_V_TEXT)
		return hash_bytes((const unsigned char *) value->v.s, value->len);
	return hash_bytes((const unsigned char *) &value->v.i, sizeof(value->v.i));
}

static bool
same_value(const SegValue *a, const SegValue *b)
{
	if (a->tag != SEG_V_TEXT)
		return a->v.i == b->v.i;
	return a->len == b->len && memcmp(a->v.s, b->v.s, a->len) == 0;
}

/* Where a constant is or would be. */
static int *
slot_of(const SegAnchors *anchors, const SegValue *value)
{
	uint32		slot = hash_value(value) & anchors->mask;

	while (anchors->slots[slot] >= 0 && !same_value(&anchors->groups[anchors->slots[slot]].constant, value))
		slot = (slot + 1) & anchors->mask;
	return &anchors->slots[slot];
}

static void
add_rule(SegAnchors *anchors, int rule, const SegExpr *anchor)
{
	int		   *slot;
	Group	   *group;

	if (anchor == NULL)
	{
		anchors->rest[anchors->nrest++] = rule;
		return;
	}
	slot = slot_of(anchors, &anchor->args[1]->constant);
	if (*slot < 0)
	{
		*slot = anchors->ngroups++;
		anchors->groups[*slot] = (Group) {.constant = anchor->args[1]->constant};
	}
	group = &anchors->groups[*slot];
	if (group->nrules == group->room)
	{
		group->room = Max(group->room * 2, 8);
		group->rules = group->rules ? repalloc(group->rules, sizeof(int) * group->room) : palloc(sizeof(int) * group->room);
	}
	group->rules[group->nrules++] = rule;
}

SegAnchors *
seg_anchors_plan(const SegProgram *program)
{
	SegAnchors *anchors;
	const SegExpr *column;
	uint32		size;

	if (program->nrules < seg_group_rules || list_length(program->exprs) == 0 ||
		(column = choose_column(program)) == NULL)
		return NULL;
	anchors = palloc0(sizeof(SegAnchors));
	anchors->column = column;
	anchors->groups = palloc_extended(sizeof(Group) * program->nrules, MCXT_ALLOC_HUGE);
	size = pg_nextpower2_32(program->nrules) * 2;
	anchors->mask = size - 1;
	anchors->slots = palloc(sizeof(int) * size);
	memset(anchors->slots, 0xff, sizeof(int) * size);
	anchors->rest = palloc(sizeof(int) * program->nrules);
	for (int i = 0; i < program->nrules; i++)
		add_rule(anchors, i, find_anchor(program->rules[i], column, NULL, NULL));
	return anchors;
}

const SegExpr *
seg_anchors_column(const SegAnchors *anchors)
{
	return anchors->column;
}

int
seg_anchors_ngroups(const SegAnchors *anchors)
{
	return anchors->ngroups;
}

int
seg_anchors_group(const SegAnchors *anchors, const SegValue *value)
{
	SegTag		tag = anchors->column->type.type == SEG_T_TEXT ? SEG_V_TEXT : SEG_V_INT;

	return value->tag == tag ? *slot_of(anchors, value) : -1;
}

SegRuleList
seg_anchors_rules(const SegAnchors *anchors, int group)
{
	if (group < 0)
		return (SegRuleList) {anchors->nrest, anchors->rest};
	return (SegRuleList) {anchors->groups[group].nrules, anchors->groups[group].rules};
}
