/*
 * rule_print.c
 *		The canonical text of a rule.
 *
 * The inverse of the parser: parsing what is printed here gives the same bytes.  Words
 * are in lower case, one blank stands between tokens, a parenthesis stands only where
 * the tree needs it.  The one exception is AND below OR, which is written with
 * parentheses although it binds more tightly, so that no reader has to know.
 *
 * For seg_rule_errposition() the printer notes where the text of one node begins.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "rule_print.h"
#include "rule_scan.h"
#include "rule_words.h"

/* How tightly the text of a node holds together, loosest first. */
typedef enum Level
{
	LEVEL_OR,
	LEVEL_AND,
	LEVEL_NOT,
	LEVEL_PREDICATE,
	LEVEL_SUM,
	LEVEL_PRODUCT,
	LEVEL_UNARY,
	LEVEL_VALUE
} Level;

/* Where a name stands, which decides the words that need quotes. */
typedef enum NamePlace
{
	NAME_VALUE,
	NAME_SOURCE,
	NAME_COUNTED,				/* the first source in COUNT, where DISTINCT is a word */
	NAME_LATER,					/* the source of a later step, where NO is a word */
	NAME_ALIAS
} NamePlace;

typedef struct Printer
{
	StringInfo	out;
	const SegNode *target;		/* the node that is looked for, or NULL */
	int			target_at;		/* where its text begins, in bytes; -1: not seen */
} Printer;

static void print_node(Printer *printer, const SegNode *node, Level level);

static void
print(Printer *printer, const char *text)
{
	appendStringInfoString(printer->out, text);
}

/* text between quotes, those in it doubled */
static void
print_quoted(Printer *printer, const char *text, char quote)
{
	appendStringInfoChar(printer->out, quote);
	for (; *text; text++)
	{
		if (*text == quote)
			appendStringInfoChar(printer->out, quote);
		appendStringInfoChar(printer->out, *text);
	}
	appendStringInfoChar(printer->out, quote);
}

/* Would the parser take this word for something else than a name here? */
static bool
needs_quotes(const char *part, NamePlace place)
{
	SegWord		word;

	if (!seg_token_is_word(part, strlen(part), &word) || seg_word_is_reserved(word))
		return true;
	switch (place)
	{
		case NAME_COUNTED:
			return word == SEG_W_DISTINCT;
		case NAME_LATER:
			return word == SEG_W_NO;
		case NAME_ALIAS:
			return word == SEG_W_AS || word == SEG_W_WITHIN || word == SEG_W_DURING || word == SEG_W_SINCE ||
				word == SEG_W_BEFORE || word == SEG_W_BETWEEN || word == SEG_W_WHERE ||
				word == SEG_W_FOLLOWED || word == SEG_W_SATISFIES;
		default:
			return false;
	}
}

static void
print_name(Printer *printer, const SegNode *name, NamePlace place)
{
	if (name == printer->target)
		printer->target_at = printer->out->len;
	for (int i = 0; i < name->op; i++)
	{
		const char *part = seg_node_name_part(name, i);

		if (i > 0)
			print(printer, ".");
		if (needs_quotes(part, i == 0 ? place : NAME_VALUE))
			print_quoted(printer, part, '"');
		else
			print(printer, part);
	}
}

static bool
is_negative(const SegNode *node)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(seg_node_number(node))))[0] == '-';
}

/* The children from i on, with separator between them. */
static void
print_children(Printer *printer, const SegNode *node, uint32 i, const char *separator, Level level)
{
	for (uint32 start = i; i < node->nchild; i++)
	{
		if (i > start)
			print(printer, separator);
		print_node(printer, seg_node_child(node, i), level);
	}
}

static void
print_binary(Printer *printer, const SegNode *node, const char *sign, Level left, Level right)
{
	print_node(printer, seg_node_child(node, 0), left);
	print(printer, sign);
	print_node(printer, seg_node_child(node, 1), right);
}

/* Rows, and what is computed from them. */

static void
print_window(Printer *printer, const SegNode *window)
{
	switch ((SegWindow) window->op)
	{
		case SEG_WINDOW_LAST:
			print(printer, "within last ");
			break;
		case SEG_WINDOW_NEXT:
			print(printer, "within next ");
			break;
		case SEG_WINDOW_DURING:
			print(printer, "during ");
			break;
		case SEG_WINDOW_SINCE:
			print(printer, "since ");
			break;
		case SEG_WINDOW_BEFORE:
			print(printer, "before ");
			break;
		case SEG_WINDOW_BETWEEN:
			print(printer, "between ");
			break;
	}
	print_node(printer, seg_node_child(window, 0), LEVEL_SUM);
	if (window->nchild > 1 && seg_node_child(window, 1) != NULL)
	{
		print(printer, window->op == SEG_WINDOW_SINCE ? " before " : " and ");
		print_node(printer, seg_node_child(window, 1), LEVEL_SUM);
	}
}

/* What stands behind a step's source and alias. */
static void
print_step_rest(Printer *printer, const SegNode *step)
{
	const SegNode *child;

	if ((child = seg_node_child(step, SEG_STEP_WINDOW)) != NULL)
	{
		print(printer, " ");
		print_node(printer, child, LEVEL_VALUE);
	}
	if ((child = seg_node_child(step, SEG_STEP_WITHIN)) != NULL)
	{
		print(printer, " within ");
		print_node(printer, child, LEVEL_VALUE);
	}
	if ((child = seg_node_child(step, SEG_STEP_WHERE)) != NULL)
	{
		print(printer, " where ");
		print_node(printer, child, LEVEL_OR);
	}
}

static void
print_step(Printer *printer, const SegNode *step, NamePlace place)
{
	const SegNode *alias = seg_node_child(step, SEG_STEP_ALIAS);

	if (step == printer->target)
		printer->target_at = printer->out->len;
	if (step->op == 1)
		print(printer, "no ");
	print_name(printer, seg_node_child(step, SEG_STEP_SOURCE), place);
	if (alias != NULL)
	{
		print(printer, " ");
		print_name(printer, alias, NAME_ALIAS);
	}
	print_step_rest(printer, step);
}

static void
print_rows(Printer *printer, const SegNode *rows, NamePlace place)
{
	if (rows == printer->target)
		printer->target_at = printer->out->len;
	for (uint32 i = 0; i < rows->nchild; i++)
	{
		if (i > 0)
			print(printer, " followed by ");
		print_step(printer, seg_node_child(rows, i), i == 0 ? place : NAME_LATER);
	}
}

/* Was the short form written, or could it have been: sum(orders.total within last 90 days)? */
static bool
is_short(const SegNode *measure, const SegNode *rows)
{
	const SegNode *step = seg_node_child(rows, 0);
	const SegNode *source = seg_node_child(step, SEG_STEP_SOURCE);

	return measure->kind == SEG_NODE_NAME && measure->op > 1 && rows->nchild == 1 &&
		seg_node_child(step, SEG_STEP_ALIAS) == NULL && source->op == 1 &&
		strcmp(seg_node_name_part(measure, 0), seg_node_name_part(source, 0)) == 0;
}

static void
print_aggregate(Printer *printer, const SegNode *node)
{
	const SegNode *measure = seg_node_child(node, SEG_AGGREGATE_MEASURE);
	const SegNode *rows = seg_node_child(node, SEG_AGGREGATE_ROWS);

	appendStringInfo(printer->out, "%s(", seg_aggregate_name(node->op));
	if (node->op == SEG_COUNT_DISTINCT)
		print(printer, "distinct ");
	if (measure == NULL)
		print_rows(printer, rows, NAME_COUNTED);
	else if (is_short(measure, rows))
	{
		const SegNode *step = seg_node_child(rows, 0);

		/* the source's name is the first part of the measure's */
		if (printer->target == rows || printer->target == step ||
			printer->target == seg_node_child(step, SEG_STEP_SOURCE))
			printer->target_at = printer->out->len;
		print_name(printer, measure, NAME_VALUE);
		print_step_rest(printer, step);
	}
	else
	{
		print_node(printer, measure, LEVEL_SUM);
		print(printer, " from ");
		print_rows(printer, rows, NAME_SOURCE);
	}
	print(printer, ")");
}

static void
print_function(Printer *printer, const SegNode *node)
{
	appendStringInfo(printer->out, "%s(", seg_function_name(node->op));
	if (node->op == SEG_FUNC_PERCENTILE)
	{
		print_node(printer, seg_node_child(node, 0), LEVEL_SUM);
		if (seg_node_child(node, 1) != NULL)
		{
			print(printer, " by ");
			print_node(printer, seg_node_child(node, 1), LEVEL_VALUE);
		}
	}
	else
		print_children(printer, node, 0, ", ", LEVEL_SUM);
	print(printer, ")");
}

static void
print_segment(Printer *printer, const SegNode *node)
{
	const SegNode *duration = node->kind == SEG_NODE_TAGGED ? NULL : seg_node_child(node, 0);

	print(printer, node->kind == SEG_NODE_TAGGED ? "tagged " :
		  node->kind == SEG_NODE_IN_SEGMENT ? "in segment " :
		  node->kind == SEG_NODE_JOINED_SEGMENT ? "joined segment " : "left segment ");
	print_quoted(printer, seg_node_text(node), '\'');
	if (duration != NULL)
	{
		print(printer, node->kind == SEG_NODE_IN_SEGMENT ? " for " : " within last ");
		print_node(printer, duration, LEVEL_VALUE);
	}
}

/* Predicates with a tail, which can be negated in their middle. */

static bool
has_tail(const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_COMPARE:
			return node->op == SEG_EQ;
		case SEG_NODE_HAS_ANY:
			return node->nchild > 2;
		case SEG_NODE_BETWEEN:
		case SEG_NODE_IN:
		case SEG_NODE_LIKE:
		case SEG_NODE_ILIKE:
		case SEG_NODE_MATCHES:
		case SEG_NODE_STARTS:
		case SEG_NODE_ENDS:
		case SEG_NODE_CONTAINS:
		case SEG_NODE_IS_NULL:
		case SEG_NODE_IS_EMPTY:
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			return true;
		default:
			return false;
	}
}

static void
print_comparison(Printer *printer, const SegNode *node, bool negated)
{
	static const char *const signs[] = {
		[SEG_EQ] = " = ",
		[SEG_LT] = " < ",
		[SEG_LE] = " <= ",
		[SEG_GT] = " > ",
		[SEG_GE] = " >= ",
	};

	print_binary(printer, node, negated ? " != " : signs[node->op], LEVEL_SUM, LEVEL_SUM);
}

static void
print_list(Printer *printer, const SegNode *node, const char *word)
{
	appendStringInfo(printer->out, " %s (", word);
	print_children(printer, node, 1, ", ", LEVEL_SUM);
	print(printer, ")");
}

/* The word between a value and what it is compared with. */
static const char *
tail_word(const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_BETWEEN:
			return "between ";
		case SEG_NODE_LIKE:
			return "like ";
		case SEG_NODE_ILIKE:
			return "ilike ";
		case SEG_NODE_MATCHES:
			return "matches ";
		case SEG_NODE_STARTS:
			return "starts with ";
		case SEG_NODE_ENDS:
			return "ends with ";
		case SEG_NODE_CONTAINS:
			return "contains ";
		case SEG_NODE_WITHIN:
			return node->op == 1 ? "within next " : "within last ";
		default:
			Assert(node->kind == SEG_NODE_DURING);
			return "during ";
	}
}

static void
print_tail(Printer *printer, const SegNode *node, bool negated)
{
	if (node->kind == SEG_NODE_COMPARE)
	{
		print_comparison(printer, node, negated);
		return;
	}
	print_node(printer, seg_node_child(node, 0), LEVEL_SUM);
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_IN:
			print_list(printer, node, negated ? "not in" : "in");
			break;
		case SEG_NODE_HAS_ALL:
			print_list(printer, node, "has all");
			break;
		case SEG_NODE_HAS_ANY:
			if (node->nchild > 2)
				print_list(printer, node, negated ? "has none" : "has any");
			else
			{
				print(printer, " has ");
				print_node(printer, seg_node_child(node, 1), LEVEL_SUM);
			}
			break;
		case SEG_NODE_IS_NULL:
			print(printer, negated ? " is not null" : " is null");
			break;
		case SEG_NODE_IS_EMPTY:
			print(printer, negated ? " is not empty" : " is empty");
			break;
		default:
			print(printer, negated ? " not " : " ");
			print(printer, tail_word(node));
			print_children(printer, node, 1, " and ", LEVEL_SUM);
			break;
	}
}

/* Any node. */

static Level
node_level(const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_OR:
			return LEVEL_OR;
		case SEG_NODE_AND:
			return LEVEL_AND;
		case SEG_NODE_NOT:
			return LEVEL_NOT;
		case SEG_NODE_ADD:
		case SEG_NODE_SUBTRACT:
			return LEVEL_SUM;
		case SEG_NODE_MULTIPLY:
		case SEG_NODE_DIVIDE:
			return LEVEL_PRODUCT;
		case SEG_NODE_NEGATE:
			return LEVEL_UNARY;
		case SEG_NODE_NUMBER:
			return is_negative(node) ? LEVEL_UNARY : LEVEL_VALUE;
		case SEG_NODE_EXISTS:
		case SEG_NODE_EVERY:
			return LEVEL_VALUE;
		default:
			return node->kind >= SEG_NODE_COMPARE && node->kind <= SEG_NODE_TAGGED &&
				node->kind != SEG_NODE_ANNIVERSARY ? LEVEL_PREDICATE : LEVEL_VALUE;
	}
}

static void
print_not(Printer *printer, const SegNode *node)
{
	const SegNode *operand = seg_node_child(node, 0);

	if (has_tail(operand))
	{
		if (operand == printer->target)
			printer->target_at = printer->out->len;
		print_tail(printer, operand, true);
	}
	else
	{
		print(printer, "not ");
		print_node(printer, operand, LEVEL_NOT);
	}
}

static void
print_literal(Printer *printer, const SegNode *node)
{
	static const char *const clock[] = {
		[SEG_NOW] = "now",
		[SEG_TODAY] = "today",
		[SEG_YESTERDAY] = "yesterday",
		[SEG_TOMORROW] = "tomorrow",
	};

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
			print_quoted(printer, seg_node_text(node), '\'');
			break;
		case SEG_NODE_BOOL:
			print(printer, node->op ? "true" : "false");
			break;
		case SEG_NODE_NUMBER:
		case SEG_NODE_DAY:
		case SEG_NODE_MOMENT:
		case SEG_NODE_DURATION:
			seg_print_literal(printer->out, node);
			break;
		case SEG_NODE_CLOCK:
			print(printer, clock[node->op]);
			break;
		case SEG_NODE_AGO:
			print_node(printer, seg_node_child(node, 0), LEVEL_VALUE);
			print(printer, node->op ? " from now" : " ago");
			break;
		default:
			Assert(node->kind == SEG_NODE_EDGE);
			print(printer, node->op ? "end of " : "start of ");
			seg_print_which_unit(printer->out, node->flags);
			break;
	}
}

static void
print_arithmetic(Printer *printer, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_ADD:
			print_binary(printer, node, " + ", LEVEL_SUM, LEVEL_PRODUCT);
			break;
		case SEG_NODE_SUBTRACT:
			print_binary(printer, node, " - ", LEVEL_SUM, LEVEL_PRODUCT);
			break;
		case SEG_NODE_MULTIPLY:
			print_binary(printer, node, " * ", LEVEL_PRODUCT, LEVEL_UNARY);
			break;
		case SEG_NODE_DIVIDE:
			print_binary(printer, node, " / ", LEVEL_PRODUCT, LEVEL_UNARY);
			break;
		default:
			Assert(node->kind == SEG_NODE_NEGATE);
			/* two minus signs in a row would begin a comment */
			print(printer, node_level(seg_node_child(node, 0)) == LEVEL_UNARY ? "- " : "-");
			print_node(printer, seg_node_child(node, 0), LEVEL_UNARY);
			break;
	}
}

static void
print_plain(Printer *printer, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
			print_name(printer, node, NAME_VALUE);
			break;
		case SEG_NODE_NEGATE:
		case SEG_NODE_ADD:
		case SEG_NODE_SUBTRACT:
		case SEG_NODE_MULTIPLY:
		case SEG_NODE_DIVIDE:
			print_arithmetic(printer, node);
			break;
		case SEG_NODE_FUNCTION:
			print_function(printer, node);
			break;
		case SEG_NODE_PLACE:
			print(printer, "(");
			print_children(printer, node, 0, ", ", LEVEL_SUM);
			print(printer, ")");
			break;
		case SEG_NODE_AGGREGATE:
			print_aggregate(printer, node);
			break;
		case SEG_NODE_AND:
			print_children(printer, node, 0, " and ", LEVEL_NOT);
			break;
		case SEG_NODE_OR:
			print_children(printer, node, 0, " or ", LEVEL_NOT);
			break;
		case SEG_NODE_NOT:
			print_not(printer, node);
			break;
		case SEG_NODE_ANNIVERSARY:
			print(printer, "anniversary of ");
			print_node(printer, seg_node_child(node, 0), LEVEL_VALUE);
			break;
		case SEG_NODE_EXISTS:
		case SEG_NODE_EVERY:
			print(printer, node->kind == SEG_NODE_EXISTS ? "exists(" : "every(");
			print_rows(printer, seg_node_child(node, 0), NAME_SOURCE);
			if (node->kind == SEG_NODE_EVERY)
			{
				print(printer, " satisfies ");
				print_node(printer, seg_node_child(node, 1), LEVEL_OR);
			}
			print(printer, ")");
			break;
		case SEG_NODE_IN_SEGMENT:
		case SEG_NODE_JOINED_SEGMENT:
		case SEG_NODE_LEFT_SEGMENT:
		case SEG_NODE_TAGGED:
			print_segment(printer, node);
			break;
		case SEG_NODE_ROWS:
			print_rows(printer, node, NAME_SOURCE);
			break;
		case SEG_NODE_STEP:
			print_step(printer, node, NAME_SOURCE);
			break;
		case SEG_NODE_WINDOW:
			print_window(printer, node);
			break;
		case SEG_NODE_PERIOD:
			seg_print_literal(printer->out, node);
			break;
		default:
			if (node->kind <= SEG_NODE_EDGE)
				print_literal(printer, node);
			else
				print_tail(printer, node, false);
			break;
	}
}

/* In parentheses, if it does not hold together as tightly as its place demands. */
static void
print_node(Printer *printer, const SegNode *node, Level level)
{
	bool		enclose = node_level(node) < level;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (enclose)
		print(printer, "(");
	if (node == printer->target)
		printer->target_at = printer->out->len;
	print_plain(printer, node);
	if (enclose)
		print(printer, ")");
}

void
seg_node_print(StringInfo out, const SegNode *node)
{
	Printer		printer = {.out = out};

	print_node(&printer, node, LEVEL_OR);
}

char *
seg_rule_print(const SegRule *rule)
{
	StringInfoData out;

	initStringInfo(&out);
	seg_node_print(&out, seg_rule_root(rule));
	return out.data;
}

int
seg_rule_errposition(const SegRule *rule, const SegNode *node)
{
	StringInfoData out;
	Printer		printer = {.out = &out, .target = node, .target_at = -1};

	initStringInfo(&out);
	print_node(&printer, seg_rule_root(rule), LEVEL_OR);
	internalerrquery(out.data);
	if (printer.target_at >= 0)
		internalerrposition(pg_mbstrlen_with_len(out.data, printer.target_at) + 1);
	return 0;
}
