/*
 * rule_parse_value.c
 *		Values: literals, names, functions, and whatever stands in parentheses.
 *
 *		value       = literal | ( rule ) | aggregate | quantifier | function | name { . name }
 *					| ANNIVERSARY OF value
 *		function    = name ( sum {, sum} ), DISTANCE ( place , place ), PERCENTILE ( sum [BY name] )
 *		place       = sum | ( sum , sum )
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/scansup.h"

#include "rule_parse.h"
#include "rule_words.h"

/* So many parts are counted in one byte. */
#define MAX_NAME_PARTS	255

static SegTree *
dummy_value(SegParser *p)
{
	return seg_tree_make(SEG_NODE_BOOL, p->tok.start, 0);
}

SegTree *
seg_parse_text(SegParser *p, const char *what)
{
	int			start = p->tok.start;
	char	   *text;

	if (p->tok.kind != SEG_TOK_TEXT)
	{
		const char *hint = NULL;

		if (p->tok.kind == SEG_TOK_QUOTED)
			hint = "Double quotes are for names; write texts in single quotes.";
		else if (p->tok.kind == SEG_TOK_WORD)
			hint = "A text that is not a constant is not possible here; constants stand in single quotes.";
		seg_parse_unexpected(p, what, hint);
		return seg_tree_make_bytes(SEG_NODE_TEXT, start, "", 0);
	}
	text = seg_token_unquote(&p->scanner, &p->tok);
	seg_parse_advance(p);
	return seg_tree_make_bytes(SEG_NODE_TEXT, start, text, strlen(text));
}

/* Takes one part of a name and appends it, with a NUL behind. */
static bool
take_name_part(SegParser *p, StringInfo parts, const char *what)
{
	if (!seg_at_name(p))
	{
		seg_parse_unexpected(p, what, p->tok.kind == SEG_TOK_WORD ?
							 psprintf("Quote a name that is also a word of the language: \"%.*s\".",
									  p->tok.end - p->tok.start, p->scanner.text + p->tok.start) : NULL);
		return false;
	}
	if (p->tok.kind == SEG_TOK_QUOTED)
		appendStringInfoString(parts, seg_token_unquote(&p->scanner, &p->tok));
	else
		appendBinaryStringInfo(parts, p->scanner.text + p->tok.start, p->tok.end - p->tok.start);
	appendStringInfoChar(parts, '\0');
	seg_parse_advance(p);
	return true;
}

/* name { . name } */
SegTree *
seg_parse_name(SegParser *p, const char *what)
{
	int			start = p->tok.start;
	StringInfoData parts;
	SegTree    *tree;
	int			n = 1;

	initStringInfo(&parts);
	if (!take_name_part(p, &parts, what))
		return dummy_value(p);
	while (p->tok.kind == SEG_TOK_DOT)
	{
		if (++n > MAX_NAME_PARTS)
		{
			seg_parse_limit(p, start, "name has too many parts",
							psprintf("A name may have %d parts.", MAX_NAME_PARTS),
							"Store what is nested so deeply in an attribute of its own.");
			return dummy_value(p);
		}
		seg_parse_advance(p);
		if (!take_name_part(p, &parts, "A name"))
			return dummy_value(p);
	}
	tree = seg_tree_make_bytes(SEG_NODE_NAME, start, parts.data, parts.len - 1);
	tree->op = n;
	return tree;
}

static int
count_letters(const char *signature)
{
	int			n = 0;

	for (; *signature; signature++)
	{
		if (*signature >= 'a' && *signature <= 'z')
			n++;
	}
	return n;
}

/* The arguments are too few or too many. */
static void
wrong_arity(SegParser *p, SegFunction function, int start)
{
	static const char *const numbers[] = {"no argument", "one argument", "two arguments"};
	const char *name = seg_function_name(function);
	int			n = 1;

	if (function == SEG_FUNC_COALESCE)
		seg_parse_error_at(p, start, ERRCODE_SYNTAX_ERROR, "COALESCE takes two arguments or more.", NULL);
	if (function == SEG_FUNC_DISTANCE)
		n = 2;
	seg_parse_error_at(p, start, ERRCODE_SYNTAX_ERROR,
					   psprintf("The function %s takes %s.", name, numbers[n]),
					   function == SEG_FUNC_DISTANCE ?
					   "A place is a value, or latitude and longitude in parentheses: distance(home, (52.5, 13.4))." : NULL);
}

static SegTree *
parse_argument(SegParser *p, char letter)
{
	SegTree    *tree;

	if (letter == 't')
		return seg_parse_text(p, "A text in single quotes");
	tree = seg_parse_sum(p);
	if (letter != 'q' || p->failed || tree->kind != SEG_NODE_PLACE)
		seg_need_value(p, tree);
	return tree;
}

/* The name is the current token and "(" the next. */
static SegTree *
parse_function(SegParser *p, SegFunction function)
{
	int			start = p->tok.start;
	const char *signature = seg_function_signature(function);
	int			wanted = function == SEG_FUNC_PERCENTILE ? 1 : count_letters(signature);
	List	   *arguments = NIL;
	SegTree    *tree;

	seg_parse_enter(p);
	seg_parse_advance(p);
	seg_parse_advance(p);
	if (p->tok.kind == SEG_TOK_CLOSE)
		wrong_arity(p, function, start);
	do
	{
		CHECK_FOR_INTERRUPTS();
		arguments = lappend(arguments, parse_argument(p, signature[0]));
	} while (seg_parse_take(p, SEG_TOK_COMMA));
	if (function == SEG_FUNC_PERCENTILE)
		arguments = lappend(arguments, seg_parse_take_word(p, SEG_W_BY) ? seg_parse_name(p, "A name") : NULL);
	if (function == SEG_FUNC_COALESCE ? list_length(arguments) < 2 :
		list_length(arguments) != (function == SEG_FUNC_PERCENTILE ? 2 : wanted))
		wrong_arity(p, function, start);
	seg_parse_expect(p, SEG_TOK_CLOSE, "A comma or \")\"");
	seg_parse_leave(p);
	tree = seg_tree_make_list(SEG_NODE_FUNCTION, start, arguments);
	tree->op = function;
	return tree;
}

static SegTree *
unknown_function(SegParser *p)
{
	const char *word = p->scanner.text + p->tok.start;
	int			len = p->tok.end - p->tok.start;
	char	   *lower = downcase_identifier(word, len, false, false);
	const char *nearest;
	const char *hint = "The functions are lower, length, coalesce, abs, age, year, month, day, weekday, hour, days, distance, bucket, percentile, share; the aggregates count, sum, avg, min, max, first, last, mode.";

	if (strcmp(lower, "upper") == 0)
		hint = "Compare with lower(...).";
	else if (strcmp(lower, "any") == 0 || strcmp(lower, "all") == 0)
		hint = "Lists are asked with HAS: tags has any ('a', 'b').";
	else if (strcmp(lower, "average") == 0 || strcmp(lower, "mean") == 0)
		hint = "The average is avg(...).";
	else if ((nearest = seg_function_nearest(lower)) != NULL)
		hint = psprintf("Perhaps you meant %s(...).", nearest);
	seg_parse_error_at(p, p->tok.start, ERRCODE_SYNTAX_ERROR, "There is no such function.", hint);
	return dummy_value(p);
}

/* A word or quoted name that is none of the language's own in this place. */
static SegTree *
parse_name_value(SegParser *p)
{
	if (p->next.kind == SEG_TOK_OPEN && p->tok.kind == SEG_TOK_WORD)
	{
		const char *word = p->scanner.text + p->tok.start;
		int			len = p->tok.end - p->tok.start;
		int			found;

		if (seg_at_word(p, SEG_W_EXISTS) || seg_at_word(p, SEG_W_EVERY))
			return seg_parse_quantifier(p);
		if ((found = seg_aggregate_lookup(word, len)) >= 0)
			return seg_parse_aggregate(p, found);
		if ((found = seg_function_lookup(word, len)) >= 0)
			return parse_function(p, found);
		return unknown_function(p);
	}
	if (p->next.kind == SEG_TOK_TEXT && p->tok.kind == SEG_TOK_WORD)
	{
		char	   *lower = downcase_identifier(p->scanner.text + p->tok.start, p->tok.end - p->tok.start,
											   false, false);

		if (strcmp(lower, "interval") == 0)
			seg_parse_error_at(p, p->tok.start, ERRCODE_SYNTAX_ERROR, "A duration is written without INTERVAL.",
							   "Write a duration bare: 30 days.");
		else if (strcmp(lower, "date") == 0 || strcmp(lower, "timestamp") == 0 || strcmp(lower, "timestamptz") == 0)
			seg_parse_error_at(p, p->tok.start, ERRCODE_SYNTAX_ERROR, "A literal is written without its type.",
							   "Write a day as 2024-05-30, a moment as 2024-05-30T16:00.");
	}
	if (seg_at_word(p, SEG_W_SELECT) && p->select_at < 0)
		p->select_at = p->tok.start;
	return seg_parse_name(p, "A value");
}

/* "(" seen: a rule, a value, or the two values of a place. */
static SegTree *
parse_parentheses(SegParser *p)
{
	int			start = p->tok.start;
	SegTree    *tree;

	seg_parse_enter(p);
	seg_parse_advance(p);
	tree = seg_parse_condition(p);
	if (seg_parse_take(p, SEG_TOK_COMMA))
	{
		SegTree    *second = seg_parse_sum(p);

		seg_need_value(p, tree);
		seg_need_value(p, second);
		tree = seg_tree_make(SEG_NODE_PLACE, start, 2, tree, second);
	}
	seg_parse_leave(p);
	if (p->tok.kind != SEG_TOK_CLOSE)
	{
		const char *hint = p->tok.kind == SEG_TOK_COMMA ?
			"A list stands after IN, HAS ANY, HAS ALL or HAS NONE." : seg_after_value_hint(p);

		seg_parse_unexpected(p, tree->kind == SEG_NODE_PLACE ? "\")\"" : "An operator or \")\"", hint);
	}
	seg_parse_advance(p);
	return tree;
}

static SegTree *
parse_anniversary(SegParser *p)
{
	int			start = p->tok.start;
	SegTree    *value;

	seg_parse_advance(p);
	seg_parse_advance(p);
	seg_parse_enter(p);
	value = seg_parse_value(p);
	seg_parse_leave(p);
	seg_need_value(p, value);
	return seg_tree_make(SEG_NODE_ANNIVERSARY, start, 1, value);
}

static SegTree *
parse_moment(SegParser *p)
{
	int64		moment = p->tok.value;
	SegTree    *tree = seg_tree_make_bytes(SEG_NODE_MOMENT, p->tok.start, &moment, sizeof(moment));

	tree->op = p->tok.zoned;
	seg_parse_advance(p);
	return tree;
}

static SegTree *
parse_day(SegParser *p)
{
	DateADT		day = (DateADT) p->tok.value;
	SegTree    *tree = seg_tree_make_bytes(SEG_NODE_DAY, p->tok.start, &day, sizeof(day));

	seg_parse_advance(p);
	return tree;
}

/* Nothing that a value starts with. */
static SegTree *
no_value(SegParser *p)
{
	const char *hint = NULL;

	switch (p->tok.kind)
	{
		case SEG_TOK_EQ:
		case SEG_TOK_NE:
		case SEG_TOK_LT:
		case SEG_TOK_LE:
		case SEG_TOK_GT:
		case SEG_TOK_GE:
			hint = "Write the value before every comparison: x > 3 and x < 5.";
			break;
		case SEG_TOK_WORD:
			if (seg_at_word(p, SEG_W_NULL))
				hint = "NULL stands after IS only; a missing value is found with IS NULL.";
			break;
		default:
			break;
	}
	seg_parse_unexpected(p, "A value", hint);
	return dummy_value(p);
}

SegTree *
seg_parse_value(SegParser *p)
{
	SegTree    *tree;

	switch (p->tok.kind)
	{
		case SEG_TOK_OPEN:
			return parse_parentheses(p);
		case SEG_TOK_TEXT:
			return seg_parse_text(p, "A text");
		case SEG_TOK_DAY:
			return parse_day(p);
		case SEG_TOK_MOMENT:
			return parse_moment(p);
		case SEG_TOK_QUOTED:
			return parse_name_value(p);
		case SEG_TOK_NUMBER:
			tree = seg_parse_clock(p);
			if (tree != NULL)
				return tree;
			tree = seg_parse_number(p);
			if (p->tok.kind == SEG_TOK_WORD && p->tok.word == SEG_W_NONE)
				seg_parse_unexpected(p, "An operator, AND, OR or the end of the rule",
									 "The units of time are second, minute, hour, day, week, month, quarter and year, singular or plural.");
			return tree;
		case SEG_TOK_WORD:
			break;
		default:
			return no_value(p);
	}

	if (seg_at_word(p, SEG_W_TRUE) || seg_at_word(p, SEG_W_FALSE))
	{
		tree = seg_tree_make(SEG_NODE_BOOL, p->tok.start, 0);
		tree->op = seg_at_word(p, SEG_W_TRUE);
		seg_parse_advance(p);
		return tree;
	}
	tree = seg_parse_clock(p);
	if (tree != NULL)
		return tree;
	if (seg_at_word(p, SEG_W_ANNIVERSARY) && seg_next_is_word(p, SEG_W_OF))
		return parse_anniversary(p);
	if (seg_word_is_reserved(p->tok.word))
		return no_value(p);
	return parse_name_value(p);
}
