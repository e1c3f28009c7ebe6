/*
 * rule_parse.c
 *		Text to tree: the entry, and the ladder of precedence.
 *
 *		rule        = or
 *		or          = and { OR and }
 *		and         = not { AND not }
 *		not         = NOT not | predicate
 *		predicate   = sum [ tail ] | IN SEGMENT ...			rule_parse_predicate.c
 *		sum         = product { ( + | - ) product }
 *		product     = unary { ( * | / ) unary }
 *		unary       = - unary | value						rule_parse_value.c
 *
 * Conditions and values go through the same functions and are told apart by kind when
 * they are combined (seg_need_condition, seg_need_value), so that a parenthesis needs no
 * lookahead.  The tree is made canonical as it is built; rule_print.c is the inverse, and
 * the two must agree.
 *
 * Depth is bounded twice.  Parentheses, NOT, minus signs and calls count as the parser
 * descends; and the finished tree is measured, since a long sum is a deep tree.  What
 * the second admits can be printed and parsed again within the first, because the
 * printer writes at most one of these for each level of the tree.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/fmgrprotos.h"

#include "rule_parse.h"

/*
 * A flat rule smaller than this cannot have a canonical text above SEG_RULE_MAX_TEXT:
 * at worst twenty bytes of a node print as a number of a thousand digits.
 */
#define SMALL_RULE	(16 * 1024)

/* Token handling. */

void
seg_parse_advance(SegParser *p)
{
	if (p->failed)
		return;
	p->tok = p->next;
	if (p->next.kind != SEG_TOK_BAD)
		seg_scanner_next(&p->scanner, &p->next);
	if (p->tok.kind == SEG_TOK_BAD)
		seg_parse_error_at(p, p->tok.start, p->tok.sqlcode, p->tok.detail, p->tok.hint);
}

bool
seg_parse_take(SegParser *p, SegTokenKind kind)
{
	if (p->tok.kind != kind)
		return false;
	seg_parse_advance(p);
	return true;
}

bool
seg_parse_take_word(SegParser *p, SegWord word)
{
	if (!seg_at_word(p, word))
		return false;
	seg_parse_advance(p);
	return true;
}

void
seg_parse_expect(SegParser *p, SegTokenKind kind, const char *what)
{
	if (!seg_parse_take(p, kind))
		seg_parse_unexpected(p, what, NULL);
}

/* Around everything that nests. */
void
seg_parse_enter(SegParser *p)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (++p->depth > SEG_RULE_MAX_DEPTH)
		seg_parse_limit(p, p->tok.start, "rule is nested too deeply",
						psprintf("A rule may be nested up to %d levels deep.", SEG_RULE_MAX_DEPTH),
						"Make a segment of a part of the rule, and refer to it with IN SEGMENT.");
}

void
seg_parse_leave(SegParser *p)
{
	p->depth--;
}

/* The ladder. */

static SegTree *
parse_unary(SegParser *p)
{
	int			start = p->tok.start;
	SegTree    *operand;

	if (!seg_parse_take(p, SEG_TOK_MINUS))
		return seg_parse_value(p);

	seg_parse_enter(p);
	operand = parse_unary(p);
	seg_parse_leave(p);
	seg_need_value(p, operand);
	if (operand->kind == SEG_NODE_NUMBER)
	{
		Datum		negated = DirectFunctionCall1(numeric_uminus, PointerGetDatum(operand->payload));

		return seg_tree_make_bytes(SEG_NODE_NUMBER, start, DatumGetPointer(negated),
								   VARSIZE(DatumGetPointer(negated)));
	}
	return seg_tree_make(SEG_NODE_NEGATE, start, 1, operand);
}

static SegTree *
parse_product(SegParser *p)
{
	SegTree    *left = parse_unary(p);

	while (p->tok.kind == SEG_TOK_STAR || p->tok.kind == SEG_TOK_SLASH)
	{
		uint8		kind = p->tok.kind == SEG_TOK_STAR ? SEG_NODE_MULTIPLY : SEG_NODE_DIVIDE;
		SegTree    *right;

		seg_parse_advance(p);
		right = parse_unary(p);
		seg_need_value(p, left);
		seg_need_value(p, right);
		left = seg_tree_make(kind, left->location, 2, left, right);
	}
	return left;
}

SegTree *
seg_parse_sum(SegParser *p)
{
	SegTree    *left = parse_product(p);

	while (p->tok.kind == SEG_TOK_PLUS || p->tok.kind == SEG_TOK_MINUS)
	{
		uint8		kind = p->tok.kind == SEG_TOK_PLUS ? SEG_NODE_ADD : SEG_NODE_SUBTRACT;
		SegTree    *right;

		seg_parse_advance(p);
		right = parse_product(p);
		seg_need_value(p, left);
		seg_need_value(p, right);
		left = seg_tree_make(kind, left->location, 2, left, right);
	}
	return left;
}

static SegTree *
parse_not(SegParser *p)
{
	SegTree    *operand;

	if (!seg_parse_take_word(p, SEG_W_NOT))
		return seg_parse_predicate(p);

	seg_parse_enter(p);
	operand = parse_not(p);
	seg_parse_leave(p);
	seg_need_condition(p, operand, NULL);
	return seg_tree_make_not(operand);
}

/*
 * "x = 'a' or 'b'", "x != 'a' and 'b'": the list that was meant, if operand is a literal
 * behind such a comparison.
 */
static const char *
list_hint(SegParser *p, const SegTree *before, const SegTree *operand, bool is_or)
{
	const char *not_word = "";

	if (p->failed)
		return NULL;
	if (before->kind == SEG_NODE_NOT && !is_or)
	{
		before = before->child[0];
		not_word = "not ";
	}
	else if (!is_or)
		return NULL;
	if (before->kind != SEG_NODE_COMPARE || before->op != SEG_EQ ||
		(operand->kind != SEG_NODE_TEXT && operand->kind != SEG_NODE_NUMBER && operand->kind != SEG_NODE_DAY))
		return NULL;
	return psprintf("Write \"%s %sin (%s, %s)\".", seg_tree_text(before->child[0]), not_word,
					seg_tree_text(before->child[1]), seg_tree_text(operand));
}

/* A flat list of operands; a parenthesized operand of the same kind is taken in. */
static List *
append_operand(List *operands, SegTree *operand, uint8 kind)
{
	if (operand->kind != kind)
		return lappend(operands, operand);
	for (int i = 0; i < operand->nchild; i++)
		operands = lappend(operands, operand->child[i]);
	return operands;
}

/* On return *bare says whether an AND stood here that no parenthesis encloses. */
static SegTree *
parse_and(SegParser *p, bool *bare)
{
	SegTree    *first = parse_not(p);
	SegTree    *before = first;
	List	   *operands;

	*bare = false;
	if (!seg_at_word(p, SEG_W_AND))
		return first;

	*bare = true;
	seg_need_condition(p, first, NULL);
	operands = append_operand(NIL, first, SEG_NODE_AND);
	while (seg_parse_take_word(p, SEG_W_AND))
	{
		SegTree    *operand = parse_not(p);

		CHECK_FOR_INTERRUPTS();
		seg_need_condition(p, operand, list_hint(p, before, operand, false));
		operands = append_operand(operands, operand, SEG_NODE_AND);
		before = operand;
	}
	return seg_tree_make_list(SEG_NODE_AND, first->location, operands);
}

/* A rule, or a value where the caller can use one. */
SegTree *
seg_parse_condition(SegParser *p)
{
	bool		bare;
	SegTree    *first = parse_and(p, &bare);
	SegTree    *before = first;
	List	   *operands;

	if (!seg_at_word(p, SEG_W_OR))
		return first;

	p->mixed |= bare;
	seg_need_condition(p, first, NULL);
	operands = append_operand(NIL, first, SEG_NODE_OR);
	while (seg_parse_take_word(p, SEG_W_OR))
	{
		SegTree    *operand = parse_and(p, &bare);

		CHECK_FOR_INTERRUPTS();
		p->mixed |= bare;
		seg_need_condition(p, operand, list_hint(p, before, operand, true));
		operands = append_operand(operands, operand, SEG_NODE_OR);
		before = operand;
	}
	return seg_tree_make_list(SEG_NODE_OR, first->location, operands);
}

/* The whole text. */
static SegTree *
parse_rule(SegParser *p)
{
	SegTree    *tree;

	if (p->tok.kind == SEG_TOK_END)
	{
		seg_parse_unexpected(p, "A condition", "The rule that holds for everyone is: true.");
		return NULL;
	}
	tree = seg_parse_condition(p);
	if (p->tok.kind != SEG_TOK_END)
		seg_parse_unexpected(p, "An operator, AND, OR or the end of the rule", seg_after_value_hint(p));
	seg_need_condition(p, tree, NULL);
	return tree;
}

/* Text that is a duration (letter d), a period (p) or a point in time (m) and nothing else. */
SegTree *
seg_parse_fragment(char letter, const char *text, int len)
{
	SegParser	p = {.select_at = -1, .caller = CurrentMemoryContext};
	SegTree    *tree;

	seg_scanner_init(&p.scanner, text, len);
	seg_scanner_next(&p.scanner, &p.next);
	seg_parse_advance(&p);
	if (letter == 'd')
		tree = seg_parse_duration(&p);
	else if (letter == 'p')
		tree = seg_parse_period(&p);
	else
	{
		tree = seg_parse_value(&p);
		if (seg_tree_kind(tree) != SEG_KIND_TIME)
			seg_parse_error_at(&p, 0, ERRCODE_SYNTAX_ERROR, "A point in time was expected here.",
							   "A point in time is NOW, TODAY, 90 DAYS AGO, START OF THIS MONTH, 2024-05-30 or 2024-05-30T16:00, for example.");
	}
	if (p.tok.kind != SEG_TOK_END)
		seg_parse_unexpected(&p, "The end of the text", NULL);
	return tree;
}

static void
notice_mixed(const SegRule *rule)
{
	/* The tree is known, so print the parentheses that the writer may not have meant. */
	ereport(NOTICE,
			(errmsg("AND binds more tightly than OR"),
			 errdetail("The rule is read as: %s", seg_rule_print(rule)),
			 errhint("Write parentheses to say which is meant.")));
}

SegRule *
seg_rule_parse_input(const char *text, Size len, bool notices, Node *escontext)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	SegParser	p = {.select_at = -1, .escontext = escontext, .caller = caller};
	SegTree    *tree;
	SegRule    *rule = NULL;

	if (len > SEG_RULE_MAX_TEXT)
	{
		seg_parse_limit(&p, -1, "rule is too long",
						psprintf("The text has %zu bytes; a rule may have %d.", len, SEG_RULE_MAX_TEXT),
						"Keep long lists in a table, and refer to it as a source or a lookup.");
		return NULL;
	}

	context = AllocSetContextCreate(caller, "segment_rule parser", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	seg_scanner_init(&p.scanner, text, (int) len);
	seg_scanner_next(&p.scanner, &p.next);
	seg_parse_advance(&p);
	tree = parse_rule(&p);
	if (!p.failed && seg_tree_too_deep(tree))
		seg_parse_limit(&p, -1, "rule is nested too deeply",
						psprintf("Its tree may be %d levels deep; a long sum counts as deep.", SEG_RULE_MAX_DEPTH),
						"Make a segment of a part of the rule, and refer to it with IN SEGMENT.");
	if (!p.failed)
	{
		rule = seg_rule_flatten(tree);
		if (VARSIZE(rule) > SMALL_RULE && strlen(seg_rule_print(rule)) > SEG_RULE_MAX_TEXT)
			seg_parse_limit(&p, -1, "rule is too long",
							psprintf("Its canonical text would have more than %d bytes.", SEG_RULE_MAX_TEXT),
							"Keep long lists in a table, and refer to it as a source or a lookup.");
	}
	if (!p.failed && notices && p.mixed)
		notice_mixed(rule);
	MemoryContextSwitchTo(caller);
	if (p.failed)
		rule = NULL;
	else
		rule = memcpy(palloc(VARSIZE(rule)), rule, VARSIZE(rule));
	MemoryContextDelete(context);
	return rule;
}

SegRule *
seg_rule_parse(const char *text, Size len)
{
	return seg_rule_parse_input(text, len, false, NULL);
}
