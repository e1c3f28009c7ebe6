/*
 * rule.c
 *		The value of type segment_rule: making it flat, comparing it, and the type itself.
 *
 * The layout is drawn in rule.h.  Nodes follow each other in pre-order without a gap, so
 * a node's descendants are the bytes behind it, and the first child of a node starts
 * where the node's own payload ends.  write_node() makes that so, seg_rule_is_sound()
 * (rule_check.c) insists on it: what passes has no cycles, no overlaps, no bytes unread.
 *
 * On the wire a rule is a version and its text (segment_rule_send), so that the flat
 * form stays an affair of the server and everything from outside goes through the parser.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "comparison.h"
#include "rule.h"

/* The version of the wire format, not of the flat form. */
#define WIRE_VERSION	1

#define ROOT_OFFSET		offsetof(SegRule, root)

/* Payloads that are bytes of text have a NUL behind them. */
static bool
has_text_payload(uint8 kind)
{
	switch (kind)
	{
		case SEG_NODE_TEXT:
		case SEG_NODE_NAME:
		case SEG_NODE_IN_SEGMENT:
		case SEG_NODE_JOINED_SEGMENT:
		case SEG_NODE_LEFT_SEGMENT:
		case SEG_NODE_TAGGED:
			return true;
		default:
			return false;
	}
}

Size
seg_node_size(uint8 kind, uint32 nchild, uint32 len)
{
	return offsetof(SegNode, child) + sizeof(uint32) * (Size) nchild +
		TYPEALIGN(4, (Size) len + (has_text_payload(kind) ? 1 : 0));
}

const char *
seg_node_name_part(const SegNode *node, int i)
{
	const char *part = seg_node_payload(node);

	Assert(node->kind == SEG_NODE_NAME && i < node->op);
	while (i-- > 0)
		part += strlen(part) + 1;
	return part;
}

/* Making it flat. */

static bool
deeper_than(const SegTree *tree, int levels)
{
	if (levels == 0)
		return true;
	for (int i = 0; i < tree->nchild; i++)
	{
		if (tree->child[i] != NULL && deeper_than(tree->child[i], levels - 1))
			return true;
	}
	return false;
}

bool
seg_tree_too_deep(const SegTree *tree)
{
	return deeper_than(tree, SEG_RULE_MAX_DEPTH);
}

static Size
tree_size(const SegTree *tree)
{
	Size		size = seg_node_size(tree->kind, tree->nchild, tree->len);

	check_stack_depth();
	for (int i = 0; i < tree->nchild; i++)
	{
		if (tree->child[i] != NULL)
			size += tree_size(tree->child[i]);
	}
	return size;
}

/* Returns the first byte behind the subtree.  The memory is zero. */
static char *
write_node(char *at, const SegTree *tree)
{
	SegNode    *node = (SegNode *) at;
	char	   *end = at + seg_node_size(tree->kind, tree->nchild, tree->len);

	check_stack_depth();
	node->kind = tree->kind;
	node->op = tree->op;
	node->flags = tree->flags;
	node->nchild = tree->nchild;
	node->len = tree->len;
	if (tree->len > 0)
		memcpy(at + offsetof(SegNode, child) + sizeof(uint32) * (Size) tree->nchild, tree->payload, tree->len);
	for (int i = 0; i < tree->nchild; i++)
	{
		if (tree->child[i] == NULL)
			continue;
		node->child[i] = (uint32) (end - at);
		end = write_node(end, tree->child[i]);
	}
	return end;
}

static SegRule *
make_rule(Size root_size)
{
	SegRule    *rule;

	if (root_size > MaxAllocSize - ROOT_OFFSET)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rule is too long")));
	rule = palloc0(ROOT_OFFSET + root_size);
	SET_VARSIZE(rule, ROOT_OFFSET + root_size);
	rule->version = SEG_RULE_VERSION;
	return rule;
}

static uint16
flags_of(const SegNode *root)
{
	return seg_node_is_simple(root) ? SEG_RULE_SIMPLE : 0;
}

SegRule *
seg_rule_flatten(const SegTree *tree)
{
	SegRule    *rule;

	if (seg_tree_too_deep(tree))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rule is nested too deeply"),
				 errdetail("A rule may be nested up to %d levels deep.", SEG_RULE_MAX_DEPTH)));
	rule = make_rule(tree_size(tree));
	write_node((char *) &rule->root, tree);
	rule->flags = flags_of(&rule->root);
	Assert(seg_rule_is_sound(rule));
	return rule;
}

static int
compare(const SegRule *a, const SegRule *b)
{
	Size		a_size = VARSIZE(a) - VARHDRSZ;
	Size		b_size = VARSIZE(b) - VARHDRSZ;
	int			cmp = memcmp(VARDATA(a), VARDATA(b), Min(a_size, b_size));

	if (cmp == 0 && a_size != b_size)
		cmp = a_size < b_size ? -1 : 1;
	return cmp;
}

/* A rule that this version of the library can read. */
static SegRule *
get_rule(Datum datum)
{
	SegRule    *rule = DatumGetSegRuleP(datum);

	if (VARSIZE(rule) < ROOT_OFFSET + offsetof(SegNode, child) || rule->version != SEG_RULE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unsupported version of segment_rule"),
				 errdetail("The value is of version %u, this library reads version %u.",
						   rule->version, SEG_RULE_VERSION)));
	return rule;
}

/* The type. */

PG_FUNCTION_INFO_V1(segment_rule_in);
Datum
segment_rule_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	SegRule    *rule = seg_rule_parse_input(text, strlen(text), true, fcinfo->context);

	if (rule == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(rule);
}

PG_FUNCTION_INFO_V1(segment_rule_out);
Datum
segment_rule_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(seg_rule_print(get_rule(PG_GETARG_DATUM(0))));
}

PG_FUNCTION_INFO_V1(segment_rule_recv);
Datum
segment_rule_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	char	   *text;
	int			len;

	if (version != WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version of segment_rule: %d", version)));
	text = pq_getmsgtext(buf, buf->len - buf->cursor, &len);
	PG_RETURN_POINTER(seg_rule_parse(text, len));
}

PG_FUNCTION_INFO_V1(segment_rule_send);
Datum
segment_rule_send(PG_FUNCTION_ARGS)
{
	char	   *text = seg_rule_print(get_rule(PG_GETARG_DATUM(0)));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint8(&buf, WIRE_VERSION);
	pq_sendtext(&buf, text, strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

static int
compare_arguments(FunctionCallInfo fcinfo)
{
	SegRule    *a = PG_GETARG_SEG_RULE_P(0);
	SegRule    *b = PG_GETARG_SEG_RULE_P(1);
	int			cmp = compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return cmp;
}

PG_FUNCTION_INFO_V1(segment_rule_cmp);
Datum
segment_rule_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}

SEG_COMPARISON(segment_rule_eq, compare_arguments(fcinfo) == 0);
SEG_COMPARISON(segment_rule_ne, compare_arguments(fcinfo) != 0);
SEG_COMPARISON(segment_rule_lt, compare_arguments(fcinfo) < 0);
SEG_COMPARISON(segment_rule_le, compare_arguments(fcinfo) <= 0);
SEG_COMPARISON(segment_rule_gt, compare_arguments(fcinfo) > 0);
SEG_COMPARISON(segment_rule_ge, compare_arguments(fcinfo) >= 0);

PG_FUNCTION_INFO_V1(segment_rule_hash);
Datum
segment_rule_hash(PG_FUNCTION_ARGS)
{
	SegRule    *rule = PG_GETARG_SEG_RULE_P(0);
	Datum		hash = hash_any((unsigned char *) VARDATA(rule), VARSIZE(rule) - VARHDRSZ);

	PG_FREE_IF_COPY(rule, 0);
	return hash;
}

PG_FUNCTION_INFO_V1(segment_rule_hash_extended);
Datum
segment_rule_hash_extended(PG_FUNCTION_ARGS)
{
	SegRule    *rule = PG_GETARG_SEG_RULE_P(0);
	Datum		hash = hash_any_extended((unsigned char *) VARDATA(rule), VARSIZE(rule) - VARHDRSZ,
										 PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(rule, 0);
	return hash;
}
