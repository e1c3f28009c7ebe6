/*
 * eval_doc.h
 *		Documents as what a bound rule reads.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_DOC_H
#define SEG_EVAL_DOC_H

#include "postgres.h"

#include "program.h"

/*
 * Sets what reads columns and rows; a member is then a document's JsonbContainer.  They need no
 * argument, so that arg and member_of are the caller's.
 */
extern void seg_document_reader(SegReader *reader);

#endif							/* SEG_EVAL_DOC_H */
