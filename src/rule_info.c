/*
 * rule_info.c
 *		What a rule says of other segments.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"

#include "rule_info.h"

/* Is it an IN SEGMENT, JOINED SEGMENT or LEFT SEGMENT of that name? */
static bool
is_of_segment(const SegNode *node, const char *name)
{
	return (node->kind == SEG_NODE_IN_SEGMENT || node->kind == SEG_NODE_JOINED_SEGMENT ||
			node->kind == SEG_NODE_LEFT_SEGMENT) && strcmp(seg_node_text(node), name) == 0;
}

static bool
names_segment(const SegNode *node, const char *name)
{
	check_stack_depth();
	if (is_of_segment(node, name))
		return true;
	for (uint32 i = 0; i < node->nchild; i++)
	{
		const SegNode *child = seg_node_child(node, i);

		if (child != NULL && names_segment(child, name))
			return true;
	}
	return false;
}

bool
seg_rule_names_segment(const SegRule *rule, const char *name)
{
	return names_segment(seg_rule_root(rule), name);
}

/* The tree of a node, with one segment's name replaced by another. */
static SegTree *
renamed_tree(const SegNode *node, const char *name, const char *new_name)
{
	SegTree    *tree = palloc0(sizeof(SegTree));

	check_stack_depth();
	tree->kind = node->kind;
	tree->op = node->op;
	tree->flags = node->flags;
	tree->nchild = node->nchild;
	tree->len = node->len;
	tree->payload = seg_node_payload(node);
	tree->location = -1;
	tree->child = palloc0(sizeof(SegTree *) * Max(node->nchild, 1));
	for (uint32 i = 0; i < node->nchild; i++)
	{
		const SegNode *child = seg_node_child(node, i);

		if (child != NULL)
			tree->child[i] = renamed_tree(child, name, new_name);
	}
	if (is_of_segment(node, name))
	{
		tree->payload = new_name;
		tree->len = strlen(new_name);
	}
	return tree;
}

SegRule *
seg_rule_rename_segment(const SegRule *rule, const char *name, const char *new_name)
{
	return seg_rule_flatten(renamed_tree(seg_rule_root(rule), name, new_name));
}
