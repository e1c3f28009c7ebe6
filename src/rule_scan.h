/*
 * rule_scan.h
 *		The tokens of the rule language.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_SCAN_H
#define SEG_RULE_SCAN_H

#include "postgres.h"

typedef enum SegTokenKind
{
	SEG_TOK_END,
	SEG_TOK_WORD,				/* a bare word; token.word says which, if the grammar knows it */
	SEG_TOK_QUOTED,				/* "a name" */
	SEG_TOK_TEXT,				/* 'a text' */
	SEG_TOK_NUMBER,
	SEG_TOK_DAY,				/* value: DateADT */
	SEG_TOK_MOMENT,				/* value: Timestamp; zoned: it is a TimestampTz */
	SEG_TOK_MONTH,				/* 2020-05; value: year * 12 + month - 1, the month unchecked */
	SEG_TOK_OPEN,
	SEG_TOK_CLOSE,
	SEG_TOK_COMMA,
	SEG_TOK_DOT,
	SEG_TOK_PLUS,
	SEG_TOK_MINUS,
	SEG_TOK_STAR,
	SEG_TOK_SLASH,
	SEG_TOK_EQ,
	SEG_TOK_NE,
	SEG_TOK_LT,
	SEG_TOK_LE,
	SEG_TOK_GT,
	SEG_TOK_GE,
	SEG_TOK_BAD					/* detail and hint say what is wrong */
} SegTokenKind;

/* The words that the grammar knows, in the order of the alphabet. */
typedef enum SegWord
{
	SEG_W_NONE,
	SEG_W_AFTER, SEG_W_AGO, SEG_W_ALL, SEG_W_AND, SEG_W_ANNIVERSARY, SEG_W_ANY, SEG_W_AS,
	SEG_W_BEFORE, SEG_W_BETWEEN, SEG_W_BY, SEG_W_CONTAINS, SEG_W_DISTINCT, SEG_W_DURING,
	SEG_W_EMPTY, SEG_W_END, SEG_W_ENDS, SEG_W_EVERY, SEG_W_EXISTS, SEG_W_FALSE, SEG_W_FOLLOWED,
	SEG_W_FOR, SEG_W_FROM, SEG_W_HAS, SEG_W_ILIKE, SEG_W_IN, SEG_W_IS, SEG_W_JOINED,
	SEG_W_LAST, SEG_W_LEFT, SEG_W_LIKE, SEG_W_MATCHES, SEG_W_NEXT, SEG_W_NO, SEG_W_NONE_OF,
	SEG_W_NOT, SEG_W_NOW, SEG_W_NULL, SEG_W_OF, SEG_W_OR, SEG_W_SATISFIES, SEG_W_SEGMENT,
	SEG_W_SELECT, SEG_W_SINCE, SEG_W_START, SEG_W_STARTS, SEG_W_TAGGED, SEG_W_THIS,
	SEG_W_TODAY, SEG_W_TOMORROW, SEG_W_TRUE, SEG_W_WHERE, SEG_W_WITH, SEG_W_WITHIN,
	SEG_W_YESTERDAY
} SegWord;

typedef struct SegToken
{
	SegTokenKind kind;
	SegWord		word;			/* of SEG_TOK_WORD */
	int			start;			/* byte offsets in the text */
	int			end;
	bool		zoned;
	int64		value;
	int			sqlcode;		/* of SEG_TOK_BAD */
	const char *detail;
	const char *hint;			/* or NULL */
} SegToken;

typedef struct SegScanner
{
	const char *text;
	int			len;
	int			pos;			/* where the next token is looked for */
} SegScanner;

extern void seg_scanner_init(SegScanner *scanner, const char *text, int len);
extern void seg_scanner_next(SegScanner *scanner, SegToken *token);

/* What stands between the quotes of a text or a quoted name, doubled quotes undone. */
extern char *seg_token_unquote(const SegScanner *scanner, const SegToken *token);

/* Does name, written bare, scan as one word?  If so, says which word of the grammar it is. */
extern bool seg_token_is_word(const char *name, int len, SegWord *word);

/* Words that are never names unless quoted. */
extern bool seg_word_is_reserved(SegWord word);

#endif							/* SEG_RULE_SCAN_H */
