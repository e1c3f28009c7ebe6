/*
 * eval_doc_compile.h
 *		A simple rule, compiled for many documents.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_DOC_COMPILE_H
#define SEG_EVAL_DOC_COMPILE_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "eval_doc_leaf.h"
#include "rule.h"

typedef struct SegDocumentRule SegDocumentRule;

/* In the current memory context.  The rule must stay where it is. */
extern SegDocumentRule *seg_document_rule(const SegRule *rule, SegLeaves *leaves);

extern bool seg_document_rule_holds(SegDocumentRule *r, const JsonbContainer *document);

#endif							/* SEG_EVAL_DOC_COMPILE_H */
