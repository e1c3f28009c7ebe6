/*
 * bind_expr.c
 *		Expressions: equal ones are one, whichever rules they come from.
 *
 * Arguments are made before those who use them, so two expressions are equal when they
 * are alike and their arguments are the same objects.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"

#include "bind.h"

typedef struct KnownEntry
{
	uint32		hash;
	List	   *exprs;			/* of SegExpr * */
} KnownEntry;

HTAB *
seg_expr_table(void)
{
	HASHCTL		control = {.keysize = sizeof(uint32),.entrysize = sizeof(KnownEntry),.hcxt = CurrentMemoryContext};

	return hash_create("segments expressions", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static uint32
hash_node(const SegNode *node)
{
	uint32		hash;

	if (node == NULL)
		return 0;
	hash = hash_bytes((const unsigned char *) seg_node_payload(node), node->len);
	return hash_combine(hash, hash_uint32(node->kind << 24 | node->op << 16 | node->flags));
}

static bool
same_node(const SegNode *a, const SegNode *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind != b->kind || a->op != b->op || a->flags != b->flags ||
		a->nchild != b->nchild || a->len != b->len ||
		memcmp(seg_node_payload(a), seg_node_payload(b), a->len) != 0)
		return false;
	for (uint32 i = 0; i < a->nchild; i++)
		if (!same_node(seg_node_child(a, i), seg_node_child(b, i)))
			return false;
	return true;
}

static uint32
hash_expr(const SegExpr *expr)
{
	uint32		hash = hash_uint32((uint32) expr->op << 16 ^ (uint32) expr->detail);

	hash = hash_combine(hash, hash_node(expr->node));
	hash = hash_combine(hash, hash_uint32((uint32) expr->scope << 16 ^ (uint32) expr->relation));
	hash = hash_combine(hash, hash_uint32((uint32) expr->column));
	hash = hash_combine(hash, hash_uint32((uint32) expr->fold << 16 ^ (uint32) expr->item));
	for (int i = 0; i < expr->nargs; i++)
		hash = hash_combine(hash, hash_uint32((uint32) expr->args[i]->id));
	return hash;
}

static bool
same_expr(const SegExpr *a, const SegExpr *b)
{
	return a->op == b->op && a->detail == b->detail &&
		a->type.type == b->type.type && a->type.typid == b->type.typid &&
		a->type.collation == b->type.collation &&
		a->how.collation == b->how.collation &&
		a->scope == b->scope && a->relation == b->relation && a->column == b->column &&
		a->fold == b->fold && a->item == b->item &&
		a->nargs == b->nargs &&
		(a->nargs == 0 || memcmp(a->args, b->args, sizeof(SegExpr *) * a->nargs) == 0) &&
		same_node(a->node, b->node);
}

/* Does it ask the clock itself? */
static bool
asks_clock(const SegExpr *expr)
{
	switch (expr->op)
	{
		case SEG_X_CLOCK:
		case SEG_X_WITHIN:
		case SEG_X_ANNIVERSARY_WITHIN:
			return true;
		case SEG_X_DURING:
		case SEG_X_ANNIVERSARY_DURING:
			return expr->node->op < SEG_PERIOD_DAY;
		case SEG_X_FUNCTION:
			return expr->detail == SEG_FUNC_AGE;
		default:
			return false;
	}
}

/*
 * The expression like this one: an older one, or a copy of this.  Sets what follows
 * from its arguments; a column has set reads itself, a fold reads and moves.
 */
SegExpr *
seg_expr_make(SegBinder *b, SegExpr *expr)
{
	uint32		hash = hash_expr(expr);
	KnownEntry *entry;
	bool		found;
	ListCell   *lc;
	SegExpr    *copy;

	entry = hash_search(b->known, &hash, HASH_ENTER, &found);
	if (!found)
		entry->exprs = NIL;
	foreach(lc, entry->exprs)
		if (same_expr(expr, lfirst(lc)))
			return lfirst(lc);

	copy = palloc(sizeof(SegExpr));
	*copy = *expr;
	copy->id = list_length(b->program->exprs);
	if (copy->nargs > 0)
	{
		copy->args = palloc(sizeof(SegExpr *) * copy->nargs);
		memcpy(copy->args, expr->args, sizeof(SegExpr *) * copy->nargs);
	}
	copy->moves |= asks_clock(copy);
	copy->folds = copy->op == SEG_X_AGGREGATE;
	for (int i = 0; i < copy->nargs; i++)
	{
		copy->reads |= copy->args[i]->reads;
		copy->moves |= copy->args[i]->moves;
		copy->folds |= copy->args[i]->folds;
	}
	copy->depth = copy->reads == 0 ? -1 : pg_leftmost_one_pos32(copy->reads);
	b->program->exprs = lappend(b->program->exprs, copy);
	b->program->fingerprint = hash_combine(b->program->fingerprint, hash);
	entry->exprs = lappend(entry->exprs, copy);
	return copy;
}

SegExpr *
seg_expr_of_type(SegBinder *b, SegExprOp op, int detail, const SegTypeInfo *type, int nargs, SegExpr **args)
{
	SegExpr		expr = {.op = op,.detail = detail,.type = *type,.nargs = nargs,.args = args};

	return seg_expr_make(b, &expr);
}

/* A condition. */
SegExpr *
seg_expr_op(SegBinder *b, SegExprOp op, int detail, int nargs, SegExpr **args)
{
	SegTypeInfo type = {.type = SEG_T_BOOL};

	return seg_expr_of_type(b, op, detail, &type, nargs, args);
}

/* A condition on one value that a node describes further. */
SegExpr *
seg_expr_with_node(SegBinder *b, SegExprOp op, int detail, SegExpr *arg, const SegNode *node)
{
	SegExpr		expr = {.op = op,.detail = detail,.type.type = SEG_T_BOOL,.node = node,.nargs = 1,.args = &arg};

	return seg_expr_make(b, &expr);
}

SegExpr *
seg_expr_const(SegBinder *b, const SegValue *value, const SegTypeInfo *type, const SegNode *node)
{
	SegExpr		expr = {.op = SEG_X_CONST,.type = *type,.constant = *value,.node = node};

	return seg_expr_make(b, &expr);
}

SegExpr *
seg_expr_bool(SegBinder *b, bool holds)
{
	SegValue	value = {.tag = SEG_V_BOOL,.v.b = holds};
	SegTypeInfo type = {.type = SEG_T_BOOL};
	SegExpr		expr = {.op = SEG_X_CONST,.type = type,.constant = value,.detail = holds};

	return seg_expr_make(b, &expr);
}

SegExpr *
seg_expr_not(SegBinder *b, SegExpr *arg)
{
	if (arg->op == SEG_X_NOT)
		return arg->args[0];
	return seg_expr_op(b, SEG_X_NOT, 0, 1, &arg);
}

SegExpr *
seg_expr_and(SegBinder *b, SegExpr *left, SegExpr *right)
{
	SegExpr    *args[2] = {left, right};

	return seg_expr_op(b, SEG_X_AND, 0, 2, args);
}

/* A text as it stands in the rule: what it is of depends on what it meets. */
bool
seg_expr_is_literal_text(const SegExpr *expr)
{
	return expr->op == SEG_X_CONST && expr->constant.tag == SEG_V_TEXT && expr->type.type == SEG_T_TEXT;
}
