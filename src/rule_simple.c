/*
 * rule_simple.c
 *		Which rules are simple: gates over leaves that compare a name with literals.
 *
 * What such a rule means for a document does not depend on anything outside the rule and
 * the document, and binding it never fails, so it need not be bound.  Whether a rule is
 * simple is found out once, when it is made, and kept in its flags.  Functions, arithmetic
 * and rows are not simple; neither are regular expressions, which binding checks.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"

#include "rule.h"

static bool
is_literal(const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
		case SEG_NODE_NUMBER:
		case SEG_NODE_BOOL:
		case SEG_NODE_DAY:
		case SEG_NODE_MOMENT:
		case SEG_NODE_CLOCK:
		case SEG_NODE_AGO:
		case SEG_NODE_EDGE:
			return true;
		default:
			return false;
	}
}

static bool
are_literals(const SegNode *node)
{
	for (uint32 i = 1; i < node->nchild; i++)
		if (!is_literal(seg_node_child(node, i)))
			return false;
	return true;
}

static bool
are_simple(const SegNode *gate)
{
	for (uint32 i = 0; i < gate->nchild; i++)
		if (!seg_node_is_simple(seg_node_child(gate, i)))
			return false;
	return true;
}

bool
seg_node_is_simple(const SegNode *node)
{
	const SegNode *first;

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_AND:
		case SEG_NODE_OR:
		case SEG_NODE_NOT:
			check_stack_depth();
			return are_simple(node);
		case SEG_NODE_NAME:
		case SEG_NODE_BOOL:
			return true;
		case SEG_NODE_COMPARE:
			first = seg_node_child(node, 0);
			if (is_literal(first))
				return seg_node_child(node, 1)->kind == SEG_NODE_NAME;
			return first->kind == SEG_NODE_NAME && are_literals(node);
		case SEG_NODE_BETWEEN:
		case SEG_NODE_IN:
		case SEG_NODE_HAS_ANY:
		case SEG_NODE_HAS_ALL:
			return seg_node_child(node, 0)->kind == SEG_NODE_NAME && are_literals(node);
		case SEG_NODE_LIKE:
		case SEG_NODE_ILIKE:
		case SEG_NODE_STARTS:
		case SEG_NODE_ENDS:
		case SEG_NODE_CONTAINS:
			return seg_node_child(node, 0)->kind == SEG_NODE_NAME &&
				seg_node_child(node, 1)->kind == SEG_NODE_TEXT;
		case SEG_NODE_IS_NULL:
		case SEG_NODE_IS_EMPTY:
			return seg_node_child(node, 0)->kind == SEG_NODE_NAME;
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			first = seg_node_child(node, 0);
			if (first->kind == SEG_NODE_ANNIVERSARY)
				first = seg_node_child(first, 0);
			return first->kind == SEG_NODE_NAME;
		default:
			return false;
	}
}
