/*
 * nearest.h
 *		The name that somebody probably meant.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_NEAREST_H
#define SEG_NEAREST_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "compat.h"

/* Which of candidates (char *) is nearest to name; NULL if none is near. */
extern const char *seg_nearest(const char *name, List *candidates);

/* For a hint: 'Did you mean "x"?', else fallback with the candidates listed; NULL if there are none. */
extern char *seg_nearest_hint(const char *name, List *candidates, const char *fallback);

/* For a hint or a detail: "a", "b" and 3 more */
extern char *seg_list_names(List *names);

#endif							/* SEG_NEAREST_H */
