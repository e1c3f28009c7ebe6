/*
 * eval_span.h
 *		What a WITHIN or DURING covers, and what falls into it.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_SPAN_H
#define SEG_EVAL_SPAN_H

#include "postgres.h"

#include "clock.h"
#include "rule.h"
#include "value.h"

typedef struct SegEvalSpan
{
	bool		valid;			/* false: out of the calendar, covers nothing */
	bool		anniversary;	/* first and last count, not moments */
	int			month;			/* not 0: this month of any year */
	SegSpan		moments;
	DateADT		first;			/* whole days, both included */
	DateADT		last;
} SegEvalSpan;

/* what: the duration of a WITHIN (next says which way it goes) or the period of a DURING */
extern void seg_span_set(SegEvalSpan *span, const SegNode *what, bool next, bool anniversary, const SegClock *clock);
extern bool seg_span_holds(const SegEvalSpan *span, const SegValue *value, const SegClock *clock);

#endif							/* SEG_EVAL_SPAN_H */
