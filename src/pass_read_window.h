/*
 * pass_read_window.h
 *		Which rows of a source some rule can want, by their moment.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_READ_WINDOW_H
#define SEG_PASS_READ_WINDOW_H

#include "postgres.h"

#include "clock.h"
#include "program.h"

/* Rows whose moment lies outside, and those without a moment if either bound is finite, change no answer. */
extern SegSpan seg_pass_read_window(SegEval *eval, int relation);

#endif							/* SEG_PASS_READ_WINDOW_H */
