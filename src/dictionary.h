/*
 * dictionary.h
 *		Numbers for keys that are not dense integers.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_DICTIONARY_H
#define SEG_DICTIONARY_H

#include "postgres.h"

#include "registry.h"

/*
 * Gives numbers to the keys of a population that have none, as the active snapshot sees
 * them; says how many these were.  A later snapshot sees the numbers.
 */
extern uint64 seg_dictionary_complete(const SegPopulation *population);

/*
 * The number of a key, if it has one as the active snapshot sees it: of a number that came later, a reader could not tell
 * the key.  And for who writes, as it is now; and one for a key that has none.
 */
extern bool seg_dictionary_find(const SegPopulation *population, const char *key, int64 *member);
extern bool seg_dictionary_find_latest(const SegPopulation *population, const char *key, int64 *member);
extern int64 seg_dictionary_give(const SegPopulation *population, const char *key);

/* A member's key as text; of a member without one, its number. */
extern char *seg_dictionary_key(const SegPopulation *population, int64 member);

#endif							/* SEG_DICTIONARY_H */
