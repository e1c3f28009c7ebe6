/*
 * rule_parse_predicate.c
 *		Predicates: a value and what is said of it, and what is said of the member itself.
 *
 *		predicate   = sum [ tail ]
 *					| IN SEGMENT text [FOR duration]
 *					| ( JOINED | LEFT ) SEGMENT text WITHIN LAST duration
 *					| TAGGED text
 *		tail        = ( = | != | <> | < | <= | > | >= ) sum
 *					| [NOT] BETWEEN sum AND sum
 *					| [NOT] IN ( sum {, sum} )
 *					| [NOT] ( LIKE | ILIKE | MATCHES ) text
 *					| [NOT] ( STARTS WITH | ENDS WITH | CONTAINS ) sum
 *					| HAS sum | HAS ( ANY | ALL | NONE ) ( sum {, sum} )
 *					| IS [NOT] ( NULL | EMPTY )
 *					| [NOT] WITHIN ( LAST | NEXT ) duration | [NOT] DURING period
 *
 * A negated tail is SEG_NODE_NOT over the plain one.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "rule_parse.h"

/* A sum that must be a value. */
static SegTree *
parse_operand(SegParser *p)
{
	SegTree    *tree = seg_parse_sum(p);

	seg_need_value(p, tree);
	return tree;
}

/* Behind = or !=: NULL is a mistake that everybody makes. */
static void
refuse_null(SegParser *p, bool equals)
{
	if (seg_at_word(p, SEG_W_NULL))
		seg_parse_unexpected(p, "A value", equals ? "Write IS NULL." : "Write IS NOT NULL.");
}

static int
compare_number(Datum number, int n)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, number,
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(n))));
}

/* percentile(x) >= 90: a rank and a number that no rank can be. */
static void
check_rank(SegParser *p, const SegTree *rank, const SegTree *number)
{
	Datum		value = PointerGetDatum(number->payload);
	const char *hint = NULL;

	if (p->failed || rank->kind != SEG_NODE_FUNCTION || number->kind != SEG_NODE_NUMBER ||
		(rank->op != SEG_FUNC_PERCENTILE && rank->op != SEG_FUNC_SHARE))
		return;
	if (compare_number(value, 0) >= 0 && compare_number(value, 1) <= 0)
		return;
	if (compare_number(value, 1) > 0 && compare_number(value, 100) <= 0)
	{
		double		percent = DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));

		hint = psprintf("Write %g instead of %g.", percent / 100, percent);
	}
	seg_parse_error_at(p, number->location, ERRCODE_SYNTAX_ERROR,
					   psprintf("A %s is a number from 0 to 1.", seg_function_name(rank->op)), hint);
}

static bool
may_be_truth(const SegTree *tree)
{
	SegTreeKind kind = seg_tree_kind(tree);

	return kind == SEG_KIND_CONDITION || kind == SEG_KIND_BOOL || kind == SEG_KIND_UNKNOWN;
}

/* Either side may be a condition, if the other can be true or false and they are not ordered. */
static void
check_comparison(SegParser *p, const SegTree *left, const SegTree *right, SegCompare op)
{
	const SegTree *condition;

	if (p->failed)
		return;
	check_rank(p, left, right);
	check_rank(p, right, left);
	condition = seg_tree_kind(left) == SEG_KIND_CONDITION ? left :
		seg_tree_kind(right) == SEG_KIND_CONDITION ? right : NULL;
	if (condition == NULL)
	{
		seg_need_value(p, left);
		seg_need_value(p, right);
	}
	else if (op != SEG_EQ)
		seg_parse_error_at(p, condition->location, ERRCODE_SYNTAX_ERROR,
						   "A value was expected here, not a condition.",
						   "Conditions have no order; combine comparisons with AND or OR.");
	else if (!may_be_truth(left) || !may_be_truth(right))
		seg_parse_error_at(p, condition->location, ERRCODE_SYNTAX_ERROR,
						   "A condition is compared with a value that is neither true nor false.",
						   "Combine comparisons with AND or OR.");
}

static SegTree *
parse_comparison(SegParser *p, SegTree *left)
{
	SegTokenKind sign = p->tok.kind;
	SegCompare	op;
	SegTree    *right;
	SegTree    *tree;

	switch (sign)
	{
		case SEG_TOK_LT:
			op = SEG_LT;
			break;
		case SEG_TOK_LE:
			op = SEG_LE;
			break;
		case SEG_TOK_GT:
			op = SEG_GT;
			break;
		case SEG_TOK_GE:
			op = SEG_GE;
			break;
		default:
			op = SEG_EQ;
			break;
	}
	seg_parse_advance(p);
	if (op == SEG_EQ)
		refuse_null(p, sign == SEG_TOK_EQ);
	right = seg_parse_sum(p);
	check_comparison(p, left, right, op);
	tree = seg_tree_make(SEG_NODE_COMPARE, left->location, 2, left, right);
	tree->op = op;
	return sign == SEG_TOK_NE ? seg_tree_make_not(tree) : tree;
}

static SegTree *
parse_between(SegParser *p, SegTree *left)
{
	SegTree    *low = parse_operand(p);
	SegTree    *high;

	if (!seg_parse_take_word(p, SEG_W_AND))
		seg_parse_unexpected(p, "AND", p->tok.kind == SEG_TOK_COMMA ?
							 "Write AND between the two ends: between 1 and 10." : NULL);
	high = parse_operand(p);
	check_rank(p, left, low);
	check_rank(p, left, high);
	return seg_tree_make(SEG_NODE_BETWEEN, left->location, 3, left, low, high);
}

/* ( sum {, sum} ) behind first, which becomes the first child. */
static SegTree *
parse_list(SegParser *p, uint8 kind, SegTree *first, const char *hint)
{
	List	   *children = list_make1(first);

	if (!seg_parse_take(p, SEG_TOK_OPEN))
		seg_parse_unexpected(p, "A list in parentheses", hint);
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (p->tok.kind == SEG_TOK_CLOSE && list_length(children) == 1)
			seg_parse_unexpected(p, "A value", "A list has one element at least; a condition that never holds is: false.");
		children = lappend(children, parse_operand(p));
	} while (seg_parse_take(p, SEG_TOK_COMMA));
	seg_parse_expect(p, SEG_TOK_CLOSE, "A comma or \")\"");
	return seg_tree_make_list(kind, first->location, children);
}

static SegTree *
parse_in(SegParser *p, SegTree *left)
{
	const char *hint = "Write the elements in parentheses: in ('a', 'b').";

	if (seg_at_word(p, SEG_W_SEGMENT))
		hint = "IN SEGMENT is about the member itself: write it without a value before it.";
	else if (seg_at_word(p, SEG_W_LAST) || seg_at_word(p, SEG_W_NEXT))
		hint = "Write WITHIN before a duration, such as within last 30 days, and DURING before a period of the calendar.";
	return parse_list(p, SEG_NODE_IN, left, hint);
}

static SegTree *
parse_has(SegParser *p, SegTree *left)
{
	uint8		kind = SEG_NODE_HAS_ANY;
	bool		none = false;
	SegTree    *element;

	/* a literal cannot follow a name, so a list without parentheses was meant */
	if ((p->next.kind == SEG_TOK_OPEN || p->next.kind == SEG_TOK_TEXT || p->next.kind == SEG_TOK_NUMBER) &&
		(seg_at_word(p, SEG_W_ANY) || seg_at_word(p, SEG_W_ALL) || seg_at_word(p, SEG_W_NONE_OF)))
	{
		SegTree    *tree;

		if (seg_at_word(p, SEG_W_ALL))
			kind = SEG_NODE_HAS_ALL;
		none = seg_at_word(p, SEG_W_NONE_OF);
		seg_parse_advance(p);
		tree = parse_list(p, kind, left, "Write the elements in parentheses: has any ('a', 'b').");
		return none ? seg_tree_make_not(tree) : tree;
	}
	element = seg_parse_sum(p);
	if (!p->failed && element->kind == SEG_NODE_PLACE)
		seg_parse_error_at(p, element->location, ERRCODE_SYNTAX_ERROR,
						   "HAS alone is followed by one value.",
						   "Write HAS ANY, HAS ALL or HAS NONE before a list.");
	seg_need_value(p, element);
	return seg_tree_make(kind, left->location, 2, left, element);
}

static SegTree *
parse_is(SegParser *p, SegTree *left)
{
	bool		negated = seg_parse_take_word(p, SEG_W_NOT);
	SegTree    *tree;

	if (seg_parse_take_word(p, SEG_W_NULL))
		tree = seg_tree_make(SEG_NODE_IS_NULL, left->location, 1, left);
	else if (seg_parse_take_word(p, SEG_W_EMPTY))
		tree = seg_tree_make(SEG_NODE_IS_EMPTY, left->location, 1, left);
	else
	{
		seg_parse_unexpected(p, "NULL or EMPTY", negated ? "Compare values with \"!=\"." : "Compare values with \"=\".");
		return left;
	}
	return negated ? seg_tree_make_not(tree) : tree;
}

static SegTree *
parse_pattern(SegParser *p, uint8 kind, SegTree *left)
{
	SegTree    *pattern = seg_parse_text(p, "A text in single quotes");

	if (!p->failed && kind != SEG_NODE_MATCHES)
	{
		/* An escape character escapes something. */
		uint32		i = 0;

		while (i < pattern->len)
			i += pattern->payload[i] == '\\' ? 2 : 1;
		if (i > pattern->len)
			seg_parse_error_at(p, pattern->location, ERRCODE_INVALID_ESCAPE_SEQUENCE,
							   "A pattern must not end with the escape character.",
							   "Double a backslash that is meant as itself.");
	}
	return seg_tree_make(kind, left->location, 2, left, pattern);
}

static SegTree *
parse_affix(SegParser *p, uint8 kind, SegTree *left)
{
	if (kind != SEG_NODE_CONTAINS && !seg_parse_take_word(p, SEG_W_WITH))
		seg_parse_unexpected(p, "WITH", NULL);
	return seg_tree_make(kind, left->location, 2, left, parse_operand(p));
}

static SegTree *
parse_within(SegParser *p, SegTree *left)
{
	bool		next;
	SegTree    *tree;

	if (!seg_parse_window_kind(p, &next))
		return left;
	tree = seg_tree_make(SEG_NODE_WITHIN, left->location, 2, left, seg_parse_duration(p));
	tree->op = next;
	return tree;
}

/* The tail of a predicate that is written with a word; the word is taken. */
static SegTree *
parse_word_tail(SegParser *p, SegWord word, SegTree *left)
{
	if (word != SEG_W_WITHIN && word != SEG_W_DURING)
		seg_need_value(p, left);
	else if (!p->failed && left->kind != SEG_NODE_ANNIVERSARY)
		seg_need_value(p, left);
	switch (word)
	{
		case SEG_W_BETWEEN:
			return parse_between(p, left);
		case SEG_W_IN:
			return parse_in(p, left);
		case SEG_W_LIKE:
			return parse_pattern(p, SEG_NODE_LIKE, left);
		case SEG_W_ILIKE:
			return parse_pattern(p, SEG_NODE_ILIKE, left);
		case SEG_W_MATCHES:
			return parse_pattern(p, SEG_NODE_MATCHES, left);
		case SEG_W_STARTS:
			return parse_affix(p, SEG_NODE_STARTS, left);
		case SEG_W_ENDS:
			return parse_affix(p, SEG_NODE_ENDS, left);
		case SEG_W_CONTAINS:
			return parse_affix(p, SEG_NODE_CONTAINS, left);
		case SEG_W_WITHIN:
			return parse_within(p, left);
		default:
			Assert(word == SEG_W_DURING);
			return seg_tree_make(SEG_NODE_DURING, left->location, 2, left, seg_parse_period(p));
	}
}

/* The words that begin a tail and may have NOT before them. */
static bool
begins_tail(const SegToken *token)
{
	if (token->kind != SEG_TOK_WORD)
		return false;
	switch (token->word)
	{
		case SEG_W_BETWEEN:
		case SEG_W_IN:
		case SEG_W_LIKE:
		case SEG_W_ILIKE:
		case SEG_W_MATCHES:
		case SEG_W_STARTS:
		case SEG_W_ENDS:
		case SEG_W_CONTAINS:
		case SEG_W_WITHIN:
		case SEG_W_DURING:
			return true;
		default:
			return false;
	}
}

static SegTree *
parse_tail(SegParser *p, SegTree *left)
{
	bool		negated = seg_at_word(p, SEG_W_NOT) && begins_tail(&p->next);
	SegWord		word;
	SegTree    *tree;

	if (p->tok.kind >= SEG_TOK_EQ && p->tok.kind <= SEG_TOK_GE)
		return parse_comparison(p, left);
	if (seg_at_word(p, SEG_W_HAS) || seg_at_word(p, SEG_W_IS))
	{
		word = p->tok.word;
		seg_need_value(p, left);
		seg_parse_advance(p);
		return word == SEG_W_HAS ? parse_has(p, left) : parse_is(p, left);
	}
	if (!negated && !begins_tail(&p->tok))
		return left;
	if (negated)
		seg_parse_advance(p);
	word = p->tok.word;
	seg_parse_advance(p);
	tree = parse_word_tail(p, word, left);
	return negated ? seg_tree_make_not(tree) : tree;
}

/* IN SEGMENT, JOINED SEGMENT, LEFT SEGMENT: both words are seen, none is taken. */
static SegTree *
parse_segment(SegParser *p)
{
	SegWord		word = p->tok.word;
	int			start = p->tok.start;
	SegTree    *name;
	SegTree    *tree;
	bool		next = false;

	seg_parse_advance(p);
	seg_parse_advance(p);
	name = seg_parse_text(p, "The name of a segment in single quotes");
	if (p->failed)
		return name;
	tree = seg_tree_make(word == SEG_W_IN ? SEG_NODE_IN_SEGMENT :
						 word == SEG_W_JOINED ? SEG_NODE_JOINED_SEGMENT : SEG_NODE_LEFT_SEGMENT,
						 start, 1, NULL);
	tree->payload = name->payload;
	tree->len = name->len;
	if (word == SEG_W_IN)
	{
		if (seg_parse_take_word(p, SEG_W_FOR))
			tree->child[0] = seg_parse_duration(p);
		return tree;
	}
	if (!seg_parse_take_word(p, SEG_W_WITHIN))
		seg_parse_unexpected(p, "WITHIN LAST", NULL);
	else if (seg_parse_window_kind(p, &next) && next)
		seg_parse_error_at(p, start, ERRCODE_SYNTAX_ERROR,
						   "Who joins or leaves a segment in future is not known.", "Write WITHIN LAST.");
	tree->child[0] = seg_parse_duration(p);
	return tree;
}

static SegTree *
parse_tagged(SegParser *p)
{
	int			start = p->tok.start;
	SegTree    *name;

	seg_parse_advance(p);
	name = seg_parse_text(p, "A tag in single quotes");
	return p->failed ? name : seg_tree_make_bytes(SEG_NODE_TAGGED, start, name->payload, name->len);
}

SegTree *
seg_parse_predicate(SegParser *p)
{
	if (seg_next_is_word(p, SEG_W_SEGMENT) &&
		(seg_at_word(p, SEG_W_IN) || seg_at_word(p, SEG_W_JOINED) || seg_at_word(p, SEG_W_LEFT)))
		return parse_segment(p);
	if (seg_at_word(p, SEG_W_TAGGED) && p->next.kind == SEG_TOK_TEXT)
		return parse_tagged(p);
	return parse_tail(p, seg_parse_sum(p));
}
