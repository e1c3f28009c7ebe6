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

#include "rule.h"

typedef struct SegDirect SegDirect;

/* In the current memory context, which must outlive it. */
extern SegDirect *seg_direct_begin(void);

/* Before every evaluation: what NOW means, and whose calendar counts. */
extern void seg_direct_set_clock(SegDirect *d, TimestampTz now, pg_tz *zone);

/*
 * Which document is asked about.  remember: it will be asked about again, so its keys are
 * put in a table; it must then stay where it is.
 */
extern void seg_direct_document(SegDirect *d, const JsonbContainer *document, bool remember);

/*
 * Does a simple rule hold for the document?  hints: NULL, or for a rule
 * that comes again zeroed memory, an element for every four bytes of it.
 */
extern bool seg_direct_holds(SegDirect *d, const SegRule *rule, uint32 *hints);

/* Does a condition in a simple rule hold? */
extern bool seg_direct_node_holds(SegDirect *d, const SegNode *node);

#endif							/* SEG_EVAL_DOC_DIRECT_H */
