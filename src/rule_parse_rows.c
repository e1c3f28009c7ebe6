/*
 * rule_parse_rows.c
 *		Aggregates, quantifiers, and the rows of sources that they are about.
 *
 *		quantifier  = EXISTS ( rows ) | EVERY ( rows SATISFIES rule )
 *		aggregate   = COUNT ( rows ) | COUNT ( DISTINCT measure )
 *					| ( SUM | AVG | MIN | MAX | FIRST | LAST | MODE ) ( measure )
 *		measure     = sum FROM rows
 *					| source . name { . name } [window] [WHERE rule]
 *		rows        = from [[AS] alias] [window] [WHERE rule]
 *					  { FOLLOWED BY [NO] from [[AS] alias] [WITHIN duration] [WHERE rule] }
 *		from        = source | alias . source
 *		window      = WITHIN ( LAST | NEXT ) duration | DURING period
 *					| SINCE sum [BEFORE sum] | BEFORE sum | BETWEEN sum AND sum
 *
 * The short measure is made long here: its rows are those of the source that its name
 * begins with.  The printer writes it short again.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"

#include "rule_parse.h"
#include "rule_words.h"

static bool
at_window(SegParser *p)
{
	return seg_at_word(p, SEG_W_WITHIN) || seg_at_word(p, SEG_W_DURING) || seg_at_word(p, SEG_W_SINCE) ||
		seg_at_word(p, SEG_W_BEFORE) || seg_at_word(p, SEG_W_BETWEEN);
}

/* Words that go on behind the name of a source, so that none is an alias unless quoted. */
static bool
at_clause(SegParser *p)
{
	return at_window(p) || seg_at_word(p, SEG_W_WHERE) || seg_at_word(p, SEG_W_FOLLOWED) ||
		seg_at_word(p, SEG_W_SATISFIES) || seg_at_word(p, SEG_W_AS);
}

static SegTree *
parse_bound(SegParser *p)
{
	SegTree    *tree = seg_parse_sum(p);

	seg_need_value(p, tree);
	return tree;
}

/* The current token begins a window. */
static SegTree *
parse_window(SegParser *p)
{
	int			start = p->tok.start;
	SegTree    *tree;
	bool		next;

	if (seg_parse_take_word(p, SEG_W_WITHIN))
	{
		SegWindow	op = SEG_WINDOW_LAST;

		if (seg_parse_window_kind(p, &next))
			op = next ? SEG_WINDOW_NEXT : SEG_WINDOW_LAST;
		tree = seg_tree_make(SEG_NODE_WINDOW, start, 1, seg_parse_duration(p));
		tree->op = op;
	}
	else if (seg_parse_take_word(p, SEG_W_DURING))
	{
		tree = seg_tree_make(SEG_NODE_WINDOW, start, 1, seg_parse_period(p));
		tree->op = SEG_WINDOW_DURING;
	}
	else if (seg_parse_take_word(p, SEG_W_SINCE))
	{
		SegTree    *from = parse_bound(p);

		tree = seg_tree_make(SEG_NODE_WINDOW, start, 2, from,
							 seg_parse_take_word(p, SEG_W_BEFORE) ? parse_bound(p) : NULL);
		tree->op = SEG_WINDOW_SINCE;
	}
	else if (seg_parse_take_word(p, SEG_W_BEFORE))
	{
		tree = seg_tree_make(SEG_NODE_WINDOW, start, 1, parse_bound(p));
		tree->op = SEG_WINDOW_BEFORE;
	}
	else
	{
		SegTree    *low;

		seg_parse_advance(p);
		low = parse_bound(p);
		if (!seg_parse_take_word(p, SEG_W_AND))
			seg_parse_unexpected(p, "AND", p->tok.kind == SEG_TOK_COMMA ?
								 "Write AND between the two ends." : NULL);
		tree = seg_tree_make(SEG_NODE_WINDOW, start, 2, low, parse_bound(p));
		tree->op = SEG_WINDOW_BETWEEN;
	}
	return tree;
}

static SegTree *
parse_where(SegParser *p)
{
	SegTree    *tree;

	if (!seg_parse_take_word(p, SEG_W_WHERE))
		return NULL;
	tree = seg_parse_condition(p);
	seg_need_condition(p, tree, NULL);
	if (at_window(p))
		seg_parse_unexpected(p, "AND, OR or \")\"",
							 "The window stands before WHERE: exists(orders within last 30 days where paid).");
	return tree;
}

/* What follows the name of a source in each step but the first. */
static SegTree *
parse_step_within(SegParser *p)
{
	SegTree    *tree = NULL;

	if (seg_at_word(p, SEG_W_WITHIN) && !seg_next_is_word(p, SEG_W_LAST) && !seg_next_is_word(p, SEG_W_NEXT))
	{
		seg_parse_advance(p);
		tree = seg_parse_duration(p);
	}
	if (at_window(p))
		seg_parse_unexpected(p, "WHERE, FOLLOWED BY or \")\"",
							 "A later step is bound to the step before it: followed by orders within 7 days.");
	return tree;
}

static SegTree *
parse_step(SegParser *p, bool first)
{
	int			start = p->tok.start;
	bool		no = !first && seg_parse_take_word(p, SEG_W_NO);
	SegTree    *step = seg_tree_make(SEG_NODE_STEP, start, 5, NULL, NULL, NULL, NULL, NULL);
	SegTree    *source;
	int			source_at = p->tok.start;

	step->op = no;
	if (seg_at_word(p, SEG_W_SELECT))
		p->select_at = p->tok.start;
	if (p->tok.kind == SEG_TOK_STAR)
		seg_parse_unexpected(p, "A source", "Name the source whose rows are counted: count(orders).");
	source = seg_parse_name(p, "A source");
	if (p->failed)
		return step;
	if (source->op > 2)
		seg_parse_error_at(p, source_at, ERRCODE_SYNTAX_ERROR,
						   "A source is one name, or two: an alias and a source of its rows.", NULL);
	step->child[SEG_STEP_SOURCE] = source;

	if ((seg_at_word(p, SEG_W_LAST) || seg_at_word(p, SEG_W_NEXT)) && p->next.kind == SEG_TOK_NUMBER)
		seg_parse_unexpected(p, "A window, WHERE or \")\"", seg_after_value_hint(p));
	if (seg_parse_take_word(p, SEG_W_AS) || (seg_at_name(p) && !at_clause(p)))
	{
		SegTree    *alias = seg_parse_name(p, "An alias");

		if (!p->failed && alias->op > 1)
			seg_parse_error_at(p, alias->location, ERRCODE_SYNTAX_ERROR, "An alias is one name.", NULL);
		step->child[SEG_STEP_ALIAS] = alias;
	}
	if (!first)
		step->child[SEG_STEP_WITHIN] = parse_step_within(p);
	else if (at_window(p))
		step->child[SEG_STEP_WINDOW] = parse_window(p);
	step->child[SEG_STEP_WHERE] = parse_where(p);
	return step;
}

static SegTree *
parse_rows(SegParser *p)
{
	int			start = p->tok.start;
	List	   *steps = list_make1(parse_step(p, true));

	while (seg_at_word(p, SEG_W_FOLLOWED))
	{
		CHECK_FOR_INTERRUPTS();
		seg_parse_advance(p);
		if (!seg_parse_take_word(p, SEG_W_BY))
			seg_parse_unexpected(p, "BY", NULL);
		steps = lappend(steps, parse_step(p, false));
	}
	return seg_tree_make_list(SEG_NODE_ROWS, start, steps);
}

/* The rows of the short measure: those of the source that name begins with. */
static SegTree *
parse_short_rows(SegParser *p, const SegTree *name)
{
	SegTree    *source = seg_tree_make_bytes(SEG_NODE_NAME, name->location, name->payload, strlen(name->payload));
	SegTree    *step;

	source->op = 1;
	step = seg_tree_make(SEG_NODE_STEP, name->location, 5, source, NULL, NULL, NULL, NULL);
	if (at_window(p))
		step->child[SEG_STEP_WINDOW] = parse_window(p);
	step->child[SEG_STEP_WHERE] = parse_where(p);
	return seg_tree_make(SEG_NODE_ROWS, name->location, 1, step);
}

static SegTree *
parse_measure(SegParser *p, SegAggregate aggregate, int start)
{
	SegTree    *measure = seg_parse_sum(p);
	SegTree    *rows;
	SegTree    *tree;

	seg_need_value(p, measure);
	if (p->failed)
		return measure;
	if (seg_parse_take_word(p, SEG_W_FROM))
		rows = parse_rows(p);
	else if (measure->kind == SEG_NODE_NAME && measure->op > 1)
		rows = parse_short_rows(p, measure);
	else
	{
		const char *name = seg_aggregate_name(aggregate);

		if (p->tok.kind == SEG_TOK_CLOSE || at_window(p) || seg_at_word(p, SEG_W_WHERE))
			seg_parse_error_at(p, start, ERRCODE_SYNTAX_ERROR,
							   "An aggregate names the source whose rows it takes.",
							   psprintf("Write %s(orders.total), or %s(%s from orders).", name, name, seg_tree_text(measure)));
		seg_parse_unexpected(p, "FROM", seg_after_value_hint(p));
		return measure;
	}
	tree = seg_tree_make(SEG_NODE_AGGREGATE, start, 2, measure, rows);
	tree->op = aggregate;
	return tree;
}

/* Behind the rows of an aggregate or a quantifier. */
static void
close_rows(SegParser *p)
{
	if (p->tok.kind != SEG_TOK_CLOSE)
		seg_parse_unexpected(p, "AND, OR, WHERE, a window or \")\"", seg_after_value_hint(p));
	seg_parse_advance(p);
}

/* The word is the current token and "(" the next. */
SegTree *
seg_parse_aggregate(SegParser *p, SegAggregate aggregate)
{
	int			start = p->tok.start;
	SegTree    *tree;

	seg_parse_enter(p);
	seg_parse_advance(p);
	seg_parse_advance(p);
	if (p->tok.kind == SEG_TOK_CLOSE)
		seg_parse_error_at(p, start, ERRCODE_SYNTAX_ERROR,
						   "An aggregate names the source whose rows it takes.",
						   aggregate == SEG_COUNT ? "Write count(orders)." :
						   psprintf("Write %s(orders.total), for example.", seg_aggregate_name(aggregate)));
	if (aggregate != SEG_COUNT)
		tree = parse_measure(p, aggregate, start);
	else if (seg_parse_take_word(p, SEG_W_DISTINCT))
		tree = parse_measure(p, SEG_COUNT_DISTINCT, start);
	else
		tree = seg_tree_make(SEG_NODE_AGGREGATE, start, 2, NULL, parse_rows(p));
	close_rows(p);
	seg_parse_leave(p);
	return tree;
}

SegTree *
seg_parse_quantifier(SegParser *p)
{
	int			start = p->tok.start;
	bool		every = seg_at_word(p, SEG_W_EVERY);
	SegTree    *rows;
	SegTree    *tree;

	seg_parse_enter(p);
	seg_parse_advance(p);
	seg_parse_advance(p);
	rows = parse_rows(p);
	if (every)
	{
		SegTree    *condition;

		if (!seg_parse_take_word(p, SEG_W_SATISFIES))
			seg_parse_unexpected(p, "SATISFIES", "Write every(orders satisfies total > 10).");
		condition = seg_parse_condition(p);
		seg_need_condition(p, condition, NULL);
		tree = seg_tree_make(SEG_NODE_EVERY, start, 2, rows, condition);
	}
	else
		tree = seg_tree_make(SEG_NODE_EXISTS, start, 1, rows);
	close_rows(p);
	seg_parse_leave(p);
	return tree;
}
