/*
 * pass_group.c
 *		Many rules that each speak of few members: which of them to ask about whom.
 *
 * A thousand tenants with a hundred segments each are rules that begin with
 * "tenant = 'x' and ...".  Where a column is compared for equality with many different constants,
 * each in rules that hold nowhere else, the members of a chunk are cut into groups by that
 * column, and only the rules of a group are asked about it.  What a pass takes then grows with
 * the rules of a tenant and not with those of all.
 *
 * One column serves all rules: the one that is compared with most constants.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "eval_fold.h"
#include "member_set.h"
#include "pass_group.h"

int			seg_group_rules = 1000;

/* With fewer constants, most rules come into question in most groups of a chunk anyway. */
#define LEAST_CONSTANTS 64

typedef struct Kind
{
	SegValue	constant;
	int			nrules;
	int			room;
	int		   *rules;
	int			nmembers;		/* in the chunk at hand */
	int			at;				/* where they begin among the sorted ones */
} Kind;

struct SegGroups
{
	const SegExpr *column;
	int			nkinds;
	Kind	   *kinds;
	uint32		mask;
	int		   *slots;			/* open addressing: index in kinds, or -1 */
	int			nrest;
	int		   *rest;			/* rules that fit in no group */
	int		   *kind_of;		/* of the chunk at hand, by member; or -1 */
	int		   *present;		/* kinds in it */
	const SegRow **sorted;
	SegGroup   *found;
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
slot_of(const SegGroups *groups, const SegValue *value)
{
	uint32		slot = hash_value(value) & groups->mask;

	while (groups->slots[slot] >= 0 && !same_value(&groups->kinds[groups->slots[slot]].constant, value))
		slot = (slot + 1) & groups->mask;
	return &groups->slots[slot];
}

static void
add_rule(SegGroups *groups, int rule, const SegExpr *anchor)
{
	int		   *slot;
	Kind	   *kind;

	if (anchor == NULL)
	{
		groups->rest[groups->nrest++] = rule;
		return;
	}
	slot = slot_of(groups, &anchor->args[1]->constant);
	if (*slot < 0)
	{
		*slot = groups->nkinds++;
		groups->kinds[*slot] = (Kind) {.constant = anchor->args[1]->constant};
	}
	kind = &groups->kinds[*slot];
	if (kind->nrules == kind->room)
	{
		kind->room = Max(kind->room * 2, 8);
		kind->rules = kind->rules ? repalloc(kind->rules, sizeof(int) * kind->room) : palloc(sizeof(int) * kind->room);
	}
	kind->rules[kind->nrules++] = rule;
}

SegGroups *
seg_groups_plan(const SegProgram *program)
{
	SegGroups  *groups;
	const SegExpr *column;
	uint32		size;

	if (program->nrules < seg_group_rules || list_length(program->exprs) == 0 ||
		(column = choose_column(program)) == NULL)
		return NULL;
	groups = palloc0(sizeof(SegGroups));
	groups->column = column;
	groups->kinds = palloc(sizeof(Kind) * program->nrules);
	size = pg_nextpower2_32(program->nrules) * 2;
	groups->mask = size - 1;
	groups->slots = palloc(sizeof(int) * size);
	memset(groups->slots, 0xff, sizeof(int) * size);
	groups->rest = palloc(sizeof(int) * program->nrules);
	for (int i = 0; i < program->nrules; i++)
		add_rule(groups, i, find_anchor(program->rules[i], column, NULL, NULL));
	groups->kind_of = palloc(sizeof(int) * SEG_CHUNK_KEYS);
	groups->present = palloc(sizeof(int) * SEG_CHUNK_KEYS);
	groups->sorted = palloc(sizeof(SegRow *) * SEG_CHUNK_KEYS);
	groups->found = palloc(sizeof(SegGroup) * (SEG_CHUNK_KEYS + 1));
	return groups;
}

/* What kinds of members there are, and how many of each. */
static int
count_kinds(SegGroups *groups, const SegLayout *layout, const SegClock *clock, const SegRow **members, int n)
{
	SegTag		tag = groups->column->type.type == SEG_T_TEXT ? SEG_V_TEXT : SEG_V_INT;
	int			npresent = 0;

	for (int i = 0; i < n; i++)
	{
		SegValue	value;

		seg_layout_value(layout, members[i], groups->column->column, clock, &value);
		groups->kind_of[i] = value.tag == tag ? *slot_of(groups, &value) : -1;
		if (groups->kind_of[i] >= 0 && groups->kinds[groups->kind_of[i]].nmembers++ == 0)
			groups->present[npresent++] = groups->kind_of[i];
	}
	return npresent;
}

int
seg_groups_of(SegGroups *groups, const SegLayout *layout, const SegClock *clock,
			  const SegRow **members, int n, const SegGroup **found)
{
	int			npresent = count_kinds(groups, layout, clock, members, n);
	int			at = 0;

	groups->found[0] = (SegGroup) {.nmembers = n,.members = members,.nrules = groups->nrest,.rules = groups->rest};
	for (int i = 0; i < npresent; i++)
	{
		Kind	   *kind = &groups->kinds[groups->present[i]];

		groups->found[i + 1] = (SegGroup) {.nmembers = kind->nmembers,.members = groups->sorted + at,
		.nrules = kind->nrules,.rules = kind->rules};
		kind->at = at;
		at += kind->nmembers;
		kind->nmembers = 0;
	}
	for (int i = 0; i < n; i++)
		if (groups->kind_of[i] >= 0)
			groups->sorted[groups->kinds[groups->kind_of[i]].at++] = members[i];
	*found = groups->found;
	return npresent + 1;
}
