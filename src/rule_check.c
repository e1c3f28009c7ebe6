/*
 * rule_check.c
 *		The shape of a rule: which children, payload and flags a node of each kind has.
 *
 * seg_node_signature() is the one description of the children, used by the check below
 * and by the json reader.  seg_rule_is_sound() walks bytes that nobody vouches for: it
 * reads nothing before it knows that it lies inside the value.  Whether a sound tree also
 * makes sense (a number is no condition, a segment has a name) is the parser's business.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"

#include "rule.h"

static const char *const windows[] = {
	[SEG_WINDOW_LAST] = "d",
	[SEG_WINDOW_NEXT] = "d",
	[SEG_WINDOW_DURING] = "p",
	[SEG_WINDOW_SINCE] = "vv?",
	[SEG_WINDOW_BEFORE] = "v",
	[SEG_WINDOW_BETWEEN] = "vv",
};

/* The kinds whose op is zero. */
static const char *const plain[] = {
	[SEG_NODE_TEXT] = "",
	[SEG_NODE_NUMBER] = "",
	[SEG_NODE_DAY] = "",
	[SEG_NODE_DURATION] = "",
	[SEG_NODE_NEGATE] = "v",
	[SEG_NODE_ADD] = "vv",
	[SEG_NODE_SUBTRACT] = "vv",
	[SEG_NODE_MULTIPLY] = "vv",
	[SEG_NODE_DIVIDE] = "vv",
	[SEG_NODE_PLACE] = "vv",
	[SEG_NODE_AND] = "ccc*",
	[SEG_NODE_OR] = "ccc*",
	[SEG_NODE_NOT] = "c",
	[SEG_NODE_BETWEEN] = "vvv",
	[SEG_NODE_IN] = "vvv*",
	[SEG_NODE_LIKE] = "vt",
	[SEG_NODE_ILIKE] = "vt",
	[SEG_NODE_MATCHES] = "vt",
	[SEG_NODE_STARTS] = "vv",
	[SEG_NODE_ENDS] = "vv",
	[SEG_NODE_CONTAINS] = "vv",
	[SEG_NODE_HAS_ANY] = "vvv*",
	[SEG_NODE_HAS_ALL] = "vvv*",
	[SEG_NODE_IS_NULL] = "v",
	[SEG_NODE_IS_EMPTY] = "v",
	[SEG_NODE_DURING] = "ap",
	[SEG_NODE_ANNIVERSARY] = "v",
	[SEG_NODE_EXISTS] = "r",
	[SEG_NODE_EVERY] = "rc",
	[SEG_NODE_IN_SEGMENT] = "d?",
	[SEG_NODE_JOINED_SEGMENT] = "d",
	[SEG_NODE_LEFT_SEGMENT] = "d",
	[SEG_NODE_TAGGED] = "",
	[SEG_NODE_ROWS] = "ss*",
};

const char *
seg_node_signature(SegNodeKind kind, int op)
{
	switch (kind)
	{
		case SEG_NODE_BOOL:
		case SEG_NODE_MOMENT:
		case SEG_NODE_EDGE:
			return op <= 1 ? "" : NULL;
		case SEG_NODE_CLOCK:
			return op <= SEG_TOMORROW ? "" : NULL;
		case SEG_NODE_NAME:
			return op >= 1 ? "" : NULL;
		case SEG_NODE_PERIOD:
			return op <= SEG_PERIOD_MONTH_NAME ? "" : NULL;
		case SEG_NODE_AGO:
			return op <= 1 ? "d" : NULL;
		case SEG_NODE_WITHIN:
			return op <= 1 ? "ad" : NULL;
		case SEG_NODE_STEP:
			return op <= 1 ? "nn?w?d?c?" : NULL;
		case SEG_NODE_COMPARE:
			return op <= SEG_GE ? "xx" : NULL;
		case SEG_NODE_AGGREGATE:
			return op == SEG_COUNT ? "v?r" : op <= SEG_MODE ? "vr" : NULL;
		case SEG_NODE_FUNCTION:
			return op <= SEG_FUNC_SHARE ? seg_function_signature(op) : NULL;
		case SEG_NODE_WINDOW:
			return op <= SEG_WINDOW_BETWEEN ? windows[op] : NULL;
		default:
			break;
	}

	/* The rest has no op. */
	if (op != 0 || kind >= lengthof(plain))
		return NULL;
	return plain[kind];
}

static bool
is_value(uint8 kind)
{
	return kind <= SEG_NODE_AGGREGATE && kind != SEG_NODE_PLACE;
}

static bool
is_condition(uint8 kind)
{
	return kind >= SEG_NODE_AND && kind <= SEG_NODE_TAGGED && kind != SEG_NODE_ANNIVERSARY;
}

bool
seg_signature_fits(char letter, uint8 kind)
{
	switch (letter)
	{
		case 'v':
			return is_value(kind);
		case 'c':
		case 'x':
			return is_value(kind) || is_condition(kind);
		case 'q':
			return is_value(kind) || kind == SEG_NODE_PLACE;
		case 'a':
			return is_value(kind) || kind == SEG_NODE_ANNIVERSARY;
		case 't':
			return kind == SEG_NODE_TEXT;
		case 'n':
			return kind == SEG_NODE_NAME;
		case 'd':
			return kind == SEG_NODE_DURATION;
		case 'p':
			return kind == SEG_NODE_PERIOD;
		case 'w':
			return kind == SEG_NODE_WINDOW;
		case 'r':
			return kind == SEG_NODE_ROWS;
		case 's':
			return kind == SEG_NODE_STEP;
		default:
			return false;
	}
}

/*
 * What the next child may be, as the signature says; NUL if there can be none.  The
 * signature is moved on behind it.  absent: there is no child in this place.
 */
char
seg_signature_next(const char **signature, bool absent)
{
	char		letter = (*signature)[0];

	if (letter == '\0')
		return '\0';
	if ((*signature)[1] == '*')
		return absent ? '\0' : letter;
	(*signature)++;
	if (**signature == '?')
		(*signature)++;
	else if (absent)
		return '\0';
	return letter;
}

/* May the children end here? */
bool
seg_signature_at_end(const char *signature)
{
	return signature[0] == '\0' || signature[1] == '*';
}

/* Bytes of text, without a NUL among them and with one behind; a name has op parts. */
static bool
check_text(const SegNode *node)
{
	const char *text = seg_node_payload(node);
	int			nuls = 0;

	for (uint32 i = 0; i < node->len; i++)
	{
		if (text[i] != '\0')
			continue;
		/* no empty parts */
		if (node->kind != SEG_NODE_NAME || i == 0 || text[i + 1] == '\0')
			return false;
		nuls++;
	}
	if (text[node->len] != '\0')
		return false;
	return node->kind != SEG_NODE_NAME || (node->len > 0 && nuls == node->op - 1);
}

/* A unit, and THIS, LAST or NEXT. */
static bool
check_which(uint16 flags)
{
	return SEG_FLAGS_WHICH(flags) <= SEG_NEXT && SEG_FLAGS_UNIT(flags) <= SEG_YEAR;
}

static bool
check_period(const SegNode *node)
{
	int32		n = node->len == sizeof(int32) ? seg_node_int(node) : -1;

	switch ((SegPeriod) node->op)
	{
		case SEG_PERIOD_TODAY:
		case SEG_PERIOD_YESTERDAY:
		case SEG_PERIOD_TOMORROW:
			return node->len == 0 && node->flags == 0;
		case SEG_PERIOD_UNIT:
			return node->len == 0 && check_which(node->flags);
		case SEG_PERIOD_AGO:
			return n >= 0 && node->flags <= SEG_YEAR;
		case SEG_PERIOD_DAY:
			return node->len == sizeof(DateADT) && node->flags == 0;
		case SEG_PERIOD_MONTH:
			return n >= 12 && n < 10000 * 12 && node->flags == 0;
		case SEG_PERIOD_YEAR:
			return n >= 1 && n <= 9999 && node->flags == 0;
		case SEG_PERIOD_MONTH_NAME:
			return n >= 1 && n <= 12 && node->flags == 0;
	}
	return false;
}

/* The payload's bytes are known to lie inside the value. */
static bool
check_payload(const SegNode *node)
{
	if (node->kind == SEG_NODE_PERIOD)
		return check_period(node);
	if (node->kind == SEG_NODE_EDGE)
		return node->len == 0 && check_which(node->flags);
	if (node->flags != 0)
		return false;
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
		case SEG_NODE_NAME:
		case SEG_NODE_IN_SEGMENT:
		case SEG_NODE_JOINED_SEGMENT:
		case SEG_NODE_LEFT_SEGMENT:
		case SEG_NODE_TAGGED:
			return check_text(node);
		case SEG_NODE_NUMBER:
			return node->len >= VARHDRSZ + sizeof(uint16) && VARATT_IS_4B_U(seg_node_payload(node)) &&
				VARSIZE(seg_node_payload(node)) == node->len;
		case SEG_NODE_DAY:
			return node->len == sizeof(DateADT);
		case SEG_NODE_MOMENT:
			return node->len == sizeof(int64);
		case SEG_NODE_DURATION:
			return node->len == sizeof(Interval);
		default:
			return node->len == 0;
	}
}

static bool check_node(const char *at, const char *end, int levels, const char **behind);

/* The children of a node, which follow it one behind the other. */
static bool
check_children(const SegNode *node, const char *end, int levels, const char **behind)
{
	const char *signature = seg_node_signature(node->kind, node->op);

	if (signature == NULL)
		return false;
	for (uint32 i = 0; i < node->nchild; i++)
	{
		char		letter = seg_signature_next(&signature, node->child[i] == 0);

		if (letter == '\0')
			return false;
		if (node->child[i] == 0)
			continue;
		if (node->child[i] != (uint32) (*behind - (const char *) node) ||
			end - *behind < (ptrdiff_t) offsetof(SegNode, child) ||
			!seg_signature_fits(letter, ((const SegNode *) *behind)->kind) ||
			!check_node(*behind, end, levels - 1, behind))
			return false;
	}
	return seg_signature_at_end(signature);
}

/* At least the fixed part of a node lies between at and end. */
static bool
check_node(const char *at, const char *end, int levels, const char **behind)
{
	const SegNode *node = (const SegNode *) at;
	Size		room = end - at;
	Size		size = offsetof(SegNode, child);

	check_stack_depth();
	if (levels == 0 || node->kind == 0 || node->kind > SEG_NODE_LAST_KIND)
		return false;
	if (node->nchild > (room - size) / sizeof(uint32) || node->len > room)
		return false;
	size = seg_node_size(node->kind, node->nchild, node->len);
	if (size > room || !check_payload(node))
		return false;
	*behind = at + size;
	return check_children(node, end, levels, behind);
}

bool
seg_rule_is_sound(const SegRule *rule)
{
	const char *end = (const char *) rule + VARSIZE(rule);
	const char *behind;

	if (VARSIZE(rule) < offsetof(SegRule, root) + offsetof(SegNode, child) ||
		rule->version != SEG_RULE_VERSION)
		return false;
	if (!is_value(rule->root.kind) && !is_condition(rule->root.kind))
		return false;
	return check_node((const char *) &rule->root, end, SEG_RULE_MAX_DEPTH, &behind) && behind == end &&
		rule->flags == (seg_node_is_simple(&rule->root) ? SEG_RULE_SIMPLE : 0);
}
