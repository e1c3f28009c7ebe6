/*
 * eval_doc_direct.h
 *		Simple rules on documents, without binding.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_DOC_DIRECT_H
#define SEG_EVAL_DOC_DIRECT_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "eval_doc_leaf.h"
#include "rule.h"

typedef struct SegDirect SegDirect;

/* In the current memory context, which must outlive it. */
extern SegDirect *seg_direct_begin(void);

/* Before every evaluation: what NOW means, and whose calendar counts. */
extern void seg_direct_set_clock(SegDirect *d, TimestampTz now, pg_tz *zone);

/* What it reads leaves with, for others that ask under the same clock. */
extern SegLeaves *seg_direct_leaves(SegDirect *d);

/*
 * Which document is asked about.  remember: it will be asked about again, so its keys are
 * put in a table; it must then stay where it is.
 */
extern void seg_direct_document(SegDirect *d, const JsonbContainer *document, bool remember);

/* Does a simple rule, or a condition in one, hold for it? */
extern bool seg_direct_holds(SegDirect *d, const SegNode *node);

#endif							/* SEG_EVAL_DOC_DIRECT_H */
