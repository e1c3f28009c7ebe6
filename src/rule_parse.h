/*
 * rule_parse.h
 *		What the parts of the parser share, and what the json reader takes from it.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_PARSE_H
#define SEG_RULE_PARSE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "rule.h"
#include "rule_scan.h"

/*
 * The parser sees the current token and the one after it.  After an error that is
 * reported softly, failed is set and every further token is SEG_TOK_END, so that all
 * loops end and the parser runs out without a special case; what it builds then is
 * thrown away.
 */
typedef struct SegParser
{
	SegScanner	scanner;
	SegToken	tok;
	SegToken	next;
	int			depth;			/* how deep the parser is nested */
	int			select_at;		/* where a SELECT was seen, or -1: explains a later error */
	bool		mixed;			/* AND and OR were mixed without parentheses */
	bool		failed;
	Node	   *escontext;
	MemoryContext caller;		/* what a soft error says must outlive the parser */
} SegParser;

/* What can be said of a tree's type without a catalog. */
typedef enum SegTreeKind
{
	SEG_KIND_CONDITION,
	SEG_KIND_UNKNOWN,			/* a name, an aggregate: may be anything */
	SEG_KIND_BOOL,
	SEG_KIND_TEXT,
	SEG_KIND_NUMBER,
	SEG_KIND_TIME,				/* a day or a moment */
	SEG_KIND_DURATION,
	SEG_KIND_CALCULATED,		/* the result of arithmetic or of a function */
	SEG_KIND_PLACE,
	SEG_KIND_ANNIVERSARY
} SegTreeKind;

/* rule_parse.c */
extern SegTree *seg_parse_fragment(char letter, const char *text, int len);
extern SegTree *seg_parse_condition(SegParser *p);
extern SegTree *seg_parse_sum(SegParser *p);
extern void seg_parse_advance(SegParser *p);
extern bool seg_parse_take(SegParser *p, SegTokenKind kind);
extern bool seg_parse_take_word(SegParser *p, SegWord word);
extern void seg_parse_expect(SegParser *p, SegTokenKind kind, const char *what);
extern void seg_parse_enter(SegParser *p);
extern void seg_parse_leave(SegParser *p);

/* rule_parse_predicate.c */
extern SegTree *seg_parse_predicate(SegParser *p);

/* rule_parse_value.c */
extern SegTree *seg_parse_value(SegParser *p);
extern SegTree *seg_parse_name(SegParser *p, const char *what);
extern SegTree *seg_parse_text(SegParser *p, const char *what);

/* rule_parse_time.c */
extern SegTree *seg_parse_duration(SegParser *p);
extern SegTree *seg_parse_clock(SegParser *p);
extern SegTree *seg_parse_period(SegParser *p);
extern bool seg_parse_window_kind(SegParser *p, bool *next);
extern SegTree *seg_parse_number(SegParser *p);

/* rule_parse_rows.c */
extern SegTree *seg_parse_aggregate(SegParser *p, SegAggregate aggregate);
extern SegTree *seg_parse_quantifier(SegParser *p);

/* rule_parse_tree.c: making trees, and what kind they are of */
extern SegTree *seg_tree_make(uint8 kind, int location, int nchild, ...);
extern SegTree *seg_tree_make_list(uint8 kind, int location, List *children);
extern SegTree *seg_tree_make_bytes(uint8 kind, int location, const void *payload, uint32 len);
extern SegTree *seg_tree_make_not(SegTree *tree);
extern SegTreeKind seg_tree_kind(const SegTree *tree);
extern void seg_need_condition(SegParser *p, const SegTree *tree, const char *hint);
extern void seg_need_value(SegParser *p, const SegTree *tree);

/* rule_parse_error.c */
extern void seg_parse_unexpected(SegParser *p, const char *expected, const char *hint);
extern void seg_parse_error_at(SegParser *p, int location, int sqlcode, const char *detail, const char *hint);
extern void seg_parse_limit(SegParser *p, int location, const char *message, const char *detail, const char *hint);
extern const char *seg_tree_text(const SegTree *tree);
extern const char *seg_after_value_hint(SegParser *p);

static inline bool
seg_at_word(const SegParser *p, SegWord word)
{
	return p->tok.kind == SEG_TOK_WORD && p->tok.word == word;
}

static inline bool
seg_next_is_word(const SegParser *p, SegWord word)
{
	return p->next.kind == SEG_TOK_WORD && p->next.word == word;
}

/* Is the current token a name (or could be one, were it not for its place)? */
static inline bool
seg_at_name(const SegParser *p)
{
	return p->tok.kind == SEG_TOK_QUOTED ||
		(p->tok.kind == SEG_TOK_WORD && !seg_word_is_reserved(p->tok.word));
}

#endif							/* SEG_RULE_PARSE_H */
