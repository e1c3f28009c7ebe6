/*
 * pass_read_window.h
 *		Which rows some rule can want: of a source by their moment, of the population by their columns.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_READ_WINDOW_H
#define SEG_PASS_READ_WINDOW_H

#include "postgres.h"

#include "clock.h"
#include "program.h"

/*
 * Rows whose moment lies outside, and those without a moment if either bound is finite, change no
 * answer; with until, not at any later moment either.
 */
extern SegSpan seg_pass_read_window(SegEval *eval, int relation, bool until);

/*
 * For each item of the program's folds, as seg_eval_want() numbers them: rows from before that
 * moment do not count in it, nor will they, from now on.  DT_NOBEGIN: all rows may.
 */
extern void seg_read_starts(SegEval *eval, TimestampTz now, TimestampTz *starts);

/*
 * What every member fulfils for whom the program's only rule holds, of SegReadCondition *: rows of
 * the population that do not may be left out.  None where there are more rules.  With until, only what
 * the clock does not change.
 */
extern List *seg_pass_read_conditions(SegEval *eval, bool until);

#endif							/* SEG_PASS_READ_WINDOW_H */
