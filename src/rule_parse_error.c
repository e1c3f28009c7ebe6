/*
 * rule_parse_error.c
 *		How the parser reports what is wrong: place, what was found and expected, hint.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "rule_parse.h"
#include "rule_words.h"

/* Tokens are quoted in messages up to this many bytes. */
#define SHOWN_TOKEN	40

/* The first error counts; after it the parser sees nothing but the end of the text. */
static bool
start_failing(SegParser *p)
{
	if (p->failed)
		return false;
	p->failed = true;
	p->tok.kind = SEG_TOK_END;
	p->next.kind = SEG_TOK_END;
	return true;
}

static char *
clip(const char *text, int len)
{
	int			shown = pg_mbcliplen(text, len, SHOWN_TOKEN);

	return psprintf("%.*s%s", shown, text, shown < len ? "..." : "");
}

/* Points at the token at location, which the message quotes. */
void
seg_parse_error_at(SegParser *p, int location, int sqlcode, const char *detail, const char *hint)
{
	const char *text = p->scanner.text;
	SegScanner	scanner = p->scanner;
	SegToken	token;
	const char *near;
	char	   *query;
	MemoryContext parser;

	if (!start_failing(p))
		return;
	if (hint == NULL && p->select_at >= 0)
		hint = "A rule is one condition, such as stands after WHERE; rows of a source are reached with EXISTS or an aggregate.";
	scanner.pos = location;
	seg_scanner_next(&scanner, &token);
	near = token.kind == SEG_TOK_END ? "end of input" :
		psprintf("or near \"%s\"", clip(text + token.start, token.end - token.start));
	query = pnstrdup(text, p->scanner.len);
	parser = MemoryContextSwitchTo(p->caller);
	errsave(p->escontext,
			(errcode(sqlcode),
			 errmsg("%s in rule at %s", sqlcode == ERRCODE_SYNTAX_ERROR ? "syntax error" : "invalid value", near),
			 errdetail_internal("%s", detail),
			 hint ? errhint("%s", hint) : 0,
			 internalerrposition(pg_mbstrlen_with_len(text, token.start) + 1),
			 internalerrquery(query)));
	MemoryContextSwitchTo(parser);
}

static const char *
describe_token(const SegParser *p, const SegToken *token)
{
	const char *shown = clip(p->scanner.text + token->start, token->end - token->start);

	switch (token->kind)
	{
		case SEG_TOK_END:
			return "the end of the rule";
		case SEG_TOK_QUOTED:
			return psprintf("the name %s", shown);
		case SEG_TOK_TEXT:
			return psprintf("the text %s", shown);
		case SEG_TOK_NUMBER:
			return psprintf("the number %s", shown);
		case SEG_TOK_DAY:
			return psprintf("the day %s", shown);
		case SEG_TOK_MOMENT:
			return psprintf("the moment %s", shown);
		case SEG_TOK_MONTH:
			return psprintf("the month %s", shown);
		default:
			return psprintf("\"%s\"", shown);
	}
}

/* The current token is not what the grammar wants here. */
void
seg_parse_unexpected(SegParser *p, const char *expected, const char *hint)
{
	if (p->failed)
		return;
	if (hint == NULL && p->tok.kind == SEG_TOK_MONTH)
		hint = "A month such as 2020-05 stands after DURING only; put spaces round a minus.";
	seg_parse_error_at(p, p->tok.start, ERRCODE_SYNTAX_ERROR,
					   psprintf("%s was expected here, not %s.", expected, describe_token(p, &p->tok)), hint);
}

/* The rule is too large in some way; location -1 stands for all of it. */
void
seg_parse_limit(SegParser *p, int location, const char *message, const char *detail, const char *hint)
{
	const char *text = p->scanner.text;
	MemoryContext parser;

	if (!start_failing(p))
		return;
	parser = MemoryContextSwitchTo(p->caller);
	errsave(p->escontext,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s", message),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint),
			 location < 0 ? 0 : internalerrposition(pg_mbstrlen_with_len(text, location) + 1),
			 location < 0 ? 0 : internalerrquery(pnstrdup(text, p->scanner.len))));
	MemoryContextSwitchTo(parser);
}

/* The canonical text of a part of the rule, for use in a hint. */
const char *
seg_tree_text(const SegTree *tree)
{
	if (seg_tree_too_deep(tree))
		return "...";
	return clip(seg_rule_print(seg_rule_flatten(tree)), strlen(seg_rule_print(seg_rule_flatten(tree))));
}

/* The current token stands behind a complete value or condition and does not continue it. */
const char *
seg_after_value_hint(SegParser *p)
{
	if (p->failed || p->select_at >= 0)
		return NULL;
	/* 'it's' */
	if (p->tok.start > 0 && p->scanner.text[p->tok.start - 1] == '\'' && p->tok.kind != SEG_TOK_CLOSE)
		return "Double a single quote that belongs to the text: 'it''s'.";
	switch (p->tok.kind)
	{
		case SEG_TOK_EQ:
		case SEG_TOK_NE:
		case SEG_TOK_LT:
		case SEG_TOK_LE:
		case SEG_TOK_GT:
		case SEG_TOK_GE:
			return "Comparisons are not chained: write a < b and b < c.";
		case SEG_TOK_CLOSE:
			return "There is no opening parenthesis for it.";
		case SEG_TOK_COMMA:
			return "Write AND or OR between conditions, and lists in parentheses after IN.";
		case SEG_TOK_DOT:
			return "Quote a name that is also a word of the language.";
		case SEG_TOK_NUMBER:
			/* 2024-05-30 16:00 */
			if (p->next.kind == SEG_TOK_BAD && p->scanner.text[p->next.start] == ':')
				return p->next.hint;
			return "Write an operator such as \"=\" before a value.";
		case SEG_TOK_TEXT:
			return "Write an operator such as \"=\" before a value.";
		case SEG_TOK_WORD:
			break;
		default:
			return NULL;
	}

	switch (p->tok.word)
	{
		case SEG_W_LAST:
		case SEG_W_NEXT:
			return psprintf("Write WITHIN before it: within %s 30 days.",
							p->tok.word == SEG_W_LAST ? "last" : "next");
		case SEG_W_AFTER:
			return "Compare moments with \">\" or \">=\".";
		case SEG_W_BEFORE:
			return "Compare moments with \"<\"; BEFORE belongs to the window of a source.";
		case SEG_W_SINCE:
			return "Compare moments with \">=\"; SINCE belongs to the window of a source.";
		case SEG_W_WHERE:
			return "WHERE belongs to the rows of a source, inside EXISTS, EVERY or an aggregate.";
		case SEG_W_NOT:
			return "Compare values with \"!=\".";
		case SEG_W_AGO:
			return "AGO stands behind a duration, such as 90 days ago.";
		default:
			return NULL;
	}
}
