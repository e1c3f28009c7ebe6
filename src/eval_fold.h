/*
 * eval_fold.h
 *		What eval.c, eval_fold.c and the batch evaluator share: the state of an evaluation.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_EVAL_FOLD_H
#define SEG_EVAL_FOLD_H

#include "postgres.h"

#include "eval_span.h"
#include "program.h"

/* Scopes below the rows of folds. */
#define SEG_SCOPE_RUN		(-1)	/* what is the same for all members */
#define SEG_SCOPE_MEMBER	0

typedef struct SegEvalScope
{
	const void *row;
	uint64		stamp;			/* of the current row; never used twice */
	MemoryContext context;		/* lives as long as the row is current */
} SegEvalScope;

/* What a WITHIN or DURING covers in this run. */
typedef struct SegRunSpan
{
	uint64		stamp;
	SegEvalSpan span;
} SegRunSpan;

typedef struct SegFoldState SegFoldState;
typedef struct SegUntilState SegUntilState;

struct SegEval
{
	const SegProgram *program;
	SegReader	reader;
	SegClock	clock;
	SegValue   *memo;			/* by expression id, with the stamps they hold for */
	uint64	   *stamps;
	SegRunSpan *spans;			/* by expression id */
	SegEvalScope *scopes;		/* from SEG_SCOPE_RUN on */
	uint64		last_stamp;
	SegFoldState *folds;
	const Bitmapset *wanted;	/* items that will be asked about; NULL: all */
	SegUntilState *until;		/* eval_until.c's; NULL as long as nobody asks */
};

/* The rows that a fold walks over for one outer row. */
typedef struct SegFoldRows
{
	const void **rows;
	int			nrows;
	SegValue	parent;			/* what a row of a row refers to */
} SegFoldRows;

/* eval.c */
extern const SegValue *seg_eval_value(SegEval *e, const SegExpr *expr);
extern bool seg_eval_condition(SegEval *e, const SegExpr *expr);
extern bool seg_eval_test(SegEval *e, const SegExpr *expr, const SegValue *value);
extern bool seg_eval_compare(SegEval *e, const SegExpr *expr, const SegValue *a, const SegValue *b);
extern const SegEvalSpan *seg_eval_span(SegEval *e, const SegExpr *expr);
extern void seg_eval_row(SegEval *e, int scope, const void *row);

/* eval_fold.c */
extern SegFoldState *seg_folds_begin(const SegProgram *program);

/*
 * Those among the items of a fold that are looked at when one of them is asked about; NULL: all.
 * Whether one is among them; and the next of them after one, -1 to begin with and at the end.
 */
extern const Bitmapset *seg_fold_wanted(const SegEval *e, int fold, int item);
extern bool seg_fold_is_wanted(const SegEval *e, const Bitmapset *wanted, int fold, int item);
extern int	seg_fold_next_wanted(const SegEval *e, const Bitmapset *wanted, int fold, int item);
extern const SegValue *seg_fold_value(SegEval *e, int fold, int item);

/*
 * The same in steps, for who walks over the rows for another reason too: is it known for the outer row
 * at hand, and if not, begin, take each row that seg_fold_row() has made the current one, and end.  Taking
 * tells whether further rows can still change anything.
 */
extern bool seg_fold_is_known(const SegEval *e, int fold, int item);
extern void seg_fold_begin(SegEval *e, int fold, int item);
extern bool seg_fold_take(SegEval *e, int fold);
extern void seg_fold_end(SegEval *e, int fold);

extern void seg_fold_rows(SegEval *e, const SegFold *fold, SegFoldRows *rows);
extern bool seg_fold_row(SegEval *e, const SegFold *fold, const SegFoldRows *rows, int i);

#endif							/* SEG_EVAL_FOLD_H */
