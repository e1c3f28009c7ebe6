/*
 * comparison.h
 *		SQL functions that compare two values, each told by its test.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_COMPARISON_H
#define SEG_COMPARISON_H

#include "postgres.h"

#include "fmgr.h"

/* test: of fcinfo.  The declaration at the end takes the semicolon. */
#define SEG_COMPARISON(function, test) \
PG_FUNCTION_INFO_V1(function); \
Datum \
function(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_BOOL(test); \
} \
extern Datum function(PG_FUNCTION_ARGS)

#endif							/* SEG_COMPARISON_H */
