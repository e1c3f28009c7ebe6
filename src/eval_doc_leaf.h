/*
 * eval_doc_leaf.h
 *		What a leaf of a simple rule says about a value of a document.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_DOC_LEAF_H
#define SEG_EVAL_DOC_LEAF_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "rule.h"
#include "value.h"

/* A value of the document.  Arrays are read in place: value has no list then. */
typedef struct SegDocumentValue
{
	SegValue	value;
	const JsonbContainer *array;
	bool		read;			/* iso is known */
	SegValue	iso;			/* what a text is as a day or moment; MISSING: neither */
} SegDocumentValue;

static inline void
seg_document_value(SegDocumentValue *out, const JsonbValue *json)
{
	out->read = false;
	switch (json->type)
	{
		case jbvString:
			seg_value_text(&out->value, json->val.string.val, json->val.string.len);
			break;
		case jbvNumeric:
			out->value.tag = SEG_V_NUMERIC;
			out->value.v.n = json->val.numeric;
			break;
		case jbvBinary:
			if (JsonContainerIsArray(json->val.binary.data))
			{
				out->value.tag = SEG_V_LIST;
				out->value.v.list = NULL;
				out->array = json->val.binary.data;
				break;
			}
			/* FALLTHROUGH */
		default:
			seg_value_from_jsonb(&out->value, json);
	}
}

/* What leaves are read with: the clock, and what clock words and windows come to. */
typedef struct SegLeaves SegLeaves;

/* In the current memory context. */
extern SegLeaves *seg_leaves_begin(void);

/* Before every evaluation; true where the time zone is another one than before. */
extern bool seg_leaves_set_clock(SegLeaves *d, TimestampTz now, pg_tz *zone);

/* The name that a leaf asks about; NULL: it is TRUE or FALSE. */
extern const SegNode *seg_leaf_name(const SegNode *leaf);

/* value: of its name. */
extern bool seg_leaf_holds(SegLeaves *d, const SegNode *leaf, SegDocumentValue *value);

#endif							/* SEG_EVAL_DOC_LEAF_H */
