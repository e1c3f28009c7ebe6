/*
 * rule_parse_tree.c
 *		Making trees, and telling what kind of thing a tree is.
 *
 * Only what needs no catalog is told here.  A name may turn out to be anything, so
 * binding checks the rest.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "rule_parse.h"

static SegTree *
make_tree(uint8 kind, int location, int nchild)
{
	SegTree    *tree = palloc0(sizeof(SegTree));

	tree->kind = kind;
	tree->location = location;
	tree->nchild = nchild;
	if (nchild > 0)
		tree->child = palloc0(sizeof(SegTree *) * (Size) nchild);
	return tree;
}

SegTree *
seg_tree_make(uint8 kind, int location, int nchild,...)
{
	SegTree    *tree = make_tree(kind, location, nchild);
	va_list		args;

	va_start(args, nchild);
	for (int i = 0; i < nchild; i++)
		tree->child[i] = va_arg(args, SegTree *);
	va_end(args);
	return tree;
}

SegTree *
seg_tree_make_list(uint8 kind, int location, List *children)
{
	SegTree    *tree = make_tree(kind, location, list_length(children));

	for (int i = 0; i < tree->nchild; i++)
		tree->child[i] = list_nth(children, i);
	return tree;
}

SegTree *
seg_tree_make_bytes(uint8 kind, int location, const void *payload, uint32 len)
{
	SegTree    *tree = make_tree(kind, location, 0);
	char	   *copy = palloc(len + 1);

	memcpy(copy, payload, len);
	copy[len] = '\0';
	tree->payload = copy;
	tree->len = len;
	return tree;
}

SegTree *
seg_tree_make_not(SegTree *tree)
{
	if (tree->kind == SEG_NODE_NOT)
		return tree->child[0];
	return seg_tree_make(SEG_NODE_NOT, tree->location, 1, tree);
}

SegTreeKind
seg_tree_kind(const SegTree *tree)
{
	switch ((SegNodeKind) tree->kind)
	{
		case SEG_NODE_TEXT:
			return SEG_KIND_TEXT;
		case SEG_NODE_NUMBER:
			return SEG_KIND_NUMBER;
		case SEG_NODE_BOOL:
			return SEG_KIND_BOOL;
		case SEG_NODE_DAY:
		case SEG_NODE_MOMENT:
		case SEG_NODE_CLOCK:
		case SEG_NODE_AGO:
		case SEG_NODE_EDGE:
			return SEG_KIND_TIME;
		case SEG_NODE_DURATION:
			return SEG_KIND_DURATION;
		case SEG_NODE_NAME:
			return SEG_KIND_UNKNOWN;
		case SEG_NODE_NEGATE:
		case SEG_NODE_ADD:
		case SEG_NODE_SUBTRACT:
		case SEG_NODE_MULTIPLY:
		case SEG_NODE_DIVIDE:
			return SEG_KIND_CALCULATED;
		case SEG_NODE_FUNCTION:
			return tree->op == SEG_FUNC_COALESCE ? SEG_KIND_UNKNOWN : SEG_KIND_CALCULATED;
		case SEG_NODE_PLACE:
			return SEG_KIND_PLACE;
		case SEG_NODE_AGGREGATE:
			return tree->op == SEG_COUNT || tree->op == SEG_COUNT_DISTINCT || tree->op == SEG_SUM || tree->op == SEG_AVG ?
				SEG_KIND_CALCULATED : SEG_KIND_UNKNOWN;
		case SEG_NODE_ANNIVERSARY:
			return SEG_KIND_ANNIVERSARY;
		default:
			return SEG_KIND_CONDITION;
	}
}

static const char *
kind_text(SegTreeKind kind)
{
	switch (kind)
	{
		case SEG_KIND_CONDITION:
			return "a condition";
		case SEG_KIND_BOOL:
			return "a truth value";
		case SEG_KIND_TEXT:
			return "a text";
		case SEG_KIND_NUMBER:
			return "a number";
		case SEG_KIND_TIME:
			return "a point in time";
		case SEG_KIND_DURATION:
			return "a duration";
		case SEG_KIND_CALCULATED:
			return "a calculated value";
		case SEG_KIND_PLACE:
			return "a pair of values";
		case SEG_KIND_ANNIVERSARY:
			return "an anniversary";
		case SEG_KIND_UNKNOWN:
			break;
	}
	return "a value";
}

static const char *
kind_hint(SegTreeKind kind)
{
	switch (kind)
	{
		case SEG_KIND_PLACE:
			return "A pair in parentheses stands in DISTANCE only; a list stands after IN, HAS ANY, HAS ALL or HAS NONE.";
		case SEG_KIND_ANNIVERSARY:
			return "ANNIVERSARY OF a day is followed by WITHIN LAST, WITHIN NEXT or DURING.";
		default:
			return NULL;
	}
}

/* AND, OR, NOT, WHERE and the rule as a whole take conditions, and values that may be true or false. */
void
seg_need_condition(SegParser *p, const SegTree *tree, const char *hint)
{
	SegTreeKind kind;

	if (p->failed)
		return;
	kind = seg_tree_kind(tree);
	if (kind == SEG_KIND_CONDITION || kind == SEG_KIND_UNKNOWN || kind == SEG_KIND_BOOL)
		return;
	seg_parse_error_at(p, tree->location, ERRCODE_SYNTAX_ERROR,
					   psprintf("A condition was expected here, not %s.", kind_text(kind)),
					   hint ? hint : kind_hint(kind));
}

void
seg_need_value(SegParser *p, const SegTree *tree)
{
	SegTreeKind kind;

	if (p->failed)
		return;
	kind = seg_tree_kind(tree);
	if (kind != SEG_KIND_CONDITION && kind != SEG_KIND_PLACE && kind != SEG_KIND_ANNIVERSARY)
		return;
	seg_parse_error_at(p, tree->location, ERRCODE_SYNTAX_ERROR,
					   psprintf("A value was expected here, not %s.", kind_text(kind)), kind_hint(kind));
}
