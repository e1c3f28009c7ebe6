/*
 * rule_words.h
 *		The names of functions, aggregates, units and months in rules.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_WORDS_H
#define SEG_RULE_WORDS_H

#include "postgres.h"

#include "rule.h"

/* Each returns -1 for a word that is none.  Case does not matter. */
extern int	seg_function_lookup(const char *word, int len);
extern int	seg_aggregate_lookup(const char *word, int len);
extern int	seg_unit_lookup(const char *word, int len);
extern int	seg_month_lookup(const char *word, int len);	/* 1 to 12 */

extern const char *seg_month_name(int month);
extern const char *seg_which_name(SegWhich which);

/* The function or aggregate whose name is nearest to word, or NULL if none is near. */
extern const char *seg_function_nearest(const char *word);

#endif							/* SEG_RULE_WORDS_H */
