/*
 * batch_vector.h
 *		What the parts of the batch evaluator share: frames and vectors.
 *
 *		batch.c			frames, and how each expression becomes a vector
 *		batch_column.c	columns to vectors
 *		batch_test.c	comparisons and other tests of one vector
 *		batch_family.c	comparisons of texts with literals
 *		batch_fold.c	aggregates
 *		batch_until.c	until when answers last
 *		batch_until_fold.c	until when aggregates do
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_BATCH_VECTOR_H
#define SEG_BATCH_VECTOR_H

#include "postgres.h"

#include "batch.h"
#include "eval_until.h"

#define SEG_WORDS(n)		(((n) + 63) / 64)

/* Numerics with at most four digits behind the point are kept as ten-thousandths. */
#define SEG_DECIMAL_DIGITS	4
#define SEG_DECIMAL_UNIT	10000

typedef enum SegVectorKind
{
	SEG_VECTOR_BITS,			/* a condition */
	SEG_VECTOR_INTS,			/* numbers of one tag; NUMERIC: in ten-thousandths */
	SEG_VECTOR_VALUES			/* anything */
} SegVectorKind;

typedef struct SegVector
{
	uint64		stamp;			/* of the frame's rows that it is for */
	bool		touched;		/* does the expression have memory in the frame? */
	SegVectorKind kind;
	SegTag		tag;			/* of INTS: BOOL, INT, NUMERIC, DAY or MOMENT */
	uint64	   *bits;			/* BITS: who fulfils it; INTS: which are not missing */
	int64	   *ints;
	SegValue   *values;
} SegVector;

/* Until when an expression's values last, for the rows of a frame. */
typedef struct SegUntilVector
{
	uint64		stamp;			/* of the frame's rows that it is for */
	uint64	   *bits;			/* for whom it can change at all */
	TimestampTz *at;			/* when, for those */
} SegUntilVector;

/* The texts that a column is compared with, and who compares it. */
typedef struct SegFamily SegFamily;
typedef struct SegFamilyUser SegFamilyUser;

/* Rows that are computed together: the members of a chunk, or some rows of a source. */
typedef struct SegFrame
{
	int			scope;			/* 0 or 1 */
	int			n;
	int			room;
	const SegRow **rows;
	const uint16 *member;		/* of rows: the number of the member they belong to */
	uint64		stamp;			/* of these rows; never used twice */
	SegVector  *vectors;		/* by expression id */
	SegUntilVector *untils;		/* by expression id; NULL: not wanted */
	MemoryContext memory;		/* of vectors */
	bool		tight;			/* vectors are as large as the rows want, not as there is room */
	int			size;			/* for so many rows there is memory in a vector */
	Size		bytes;			/* of all vectors' memory */
	int			ntouched;		/* expressions that have any, */
	int		   *touched;		/* by id */
	MemoryContext context;		/* lives as long as these rows are in the frame */
} SegFrame;

/* The rows of a source in the chunk, those of nobody left out. */
typedef struct SegBatchRelation
{
	bool		loaded;
	Size		n;
	Size		room;
	const SegRow **rows;
	uint16	   *member;
	Size	   *start;			/* by member: where its rows begin; one more at the end */
} SegBatchRelation;

/* Who comes and goes among the rows of an aggregate, by member, as in SegItemUntil. */
typedef struct SegItemRows
{
	TimestampTz *enters;
	TimestampTz *leaves;
	TimestampTz *last;
} SegItemRows;

typedef struct SegBatchFold
{
	uint64		stamp;
	struct SegBatchItem *items;
	int			nwanted;
	int		   *wanted;			/* indexes of the items that rules in question ask for */
} SegBatchFold;

struct SegBatch
{
	const SegProgram *program;
	SegEval    *eval;
	const SegLayout *layouts;
	SegExpr   **exprs;			/* by id */
	SegFrame	members;
	SegFrame	rows;
	const SegRow ***source_rows;	/* as given, by relation */
	const Size *source_nrows;
	SegBatchRelation *relations;
	SegBatchFold *folds;
	SegFamily **families;		/* by id of the column that is compared; or NULL */
	SegFamilyUser **family_users;	/* by id of the comparison; or NULL */
	const int  *rules;			/* those in question; NULL: all */
	int			nrules;
	uint64	   *visited;		/* by expression id: the stamp for which it is known to be wanted */
	int			current;		/* number of the member that eval.c is asked about */
	uint64		last_stamp;
};

/* batch.c */
extern SegVector *seg_batch_vector(SegBatch *b, SegFrame *frame, const SegExpr *expr);
extern const uint64 *seg_batch_bits(SegBatch *b, SegFrame *frame, const SegExpr *expr);
extern void seg_batch_new_rows(SegBatch *b, SegFrame *frame, const SegRow **rows, const uint16 *member, int n);
extern const SegBatchRelation *seg_batch_relation(SegBatch *b, int relation);
extern void *seg_vector_memory(SegFrame *frame, int expr, Size size);
extern uint64 *seg_vector_bits(SegFrame *frame, SegVector *v);
extern int64 *seg_vector_ints(SegFrame *frame, SegVector *v);
extern SegValue *seg_vector_values(SegFrame *frame, SegVector *v);
extern void seg_batch_place(SegBatch *b, const SegFrame *frame, int i);
extern bool seg_vector_element(const SegVector *v, int i, SegValue *out);

/* batch_column.c */
extern void seg_batch_column(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out);
extern bool seg_numeric_floor(Numeric n, int digits, int64 *result, bool *exact, int *beyond);

/* batch_test.c: false where there is no loop for it */
extern bool seg_batch_test(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out);

/* batch_family.c: false where the texts have no family */
extern void seg_batch_plan_families(SegBatch *b);
extern bool seg_batch_test_family(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out);

/* batch_fold.c; memory by member is uninitialized, and kept is what the caller has of it already */
extern SegBatchFold *seg_batch_folds(const SegProgram *program);
extern void seg_batch_want_rules(SegBatch *b, const int *rules, int nrules);
extern int64 *seg_batch_item_memory(SegBatch *b, int64 *kept);
extern bool seg_batch_aggregate(SegBatch *b, const SegExpr *expr, SegVector *out);
extern SegItemRows *seg_batch_item_rows(SegBatch *b, const SegExpr *expr);

/* batch_until.c; NULL for what does not move */
extern const SegUntilVector *seg_batch_until_vector(SegBatch *b, SegFrame *frame, const SegExpr *expr);

/* batch_until_fold.c */
extern void seg_batch_rows_begin(SegBatch *b, const SegFold *fold, const SegFoldItem *item, SegItemRows *rows);
extern void seg_batch_rows_add(SegBatch *b, const SegFold *fold, const SegFoldItem *item, SegItemRows *rows);

static inline bool
seg_bit(const uint64 *bits, int i)
{
	return (bits[i / 64] >> (i % 64)) & 1;
}

static inline void
seg_bit_set(uint64 *bits, int i)
{
	bits[i / 64] |= UINT64CONST(1) << (i % 64);
}

/* Clears what the last word has behind bit n - 1. */
static inline void
seg_bits_cut(uint64 *bits, int n)
{
	if (n % 64 != 0)
		bits[n / 64] &= (UINT64CONST(1) << (n % 64)) - 1;
}

#endif							/* SEG_BATCH_VECTOR_H */
