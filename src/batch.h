/*
 * batch.h
 *		Evaluating a program for the members of a chunk together.
 *
 * The same answers as eval.c gives for one member at a time, reached another way: an
 * expression is computed for all members, or for a batch of rows, in one loop over a
 * vector.  Conditions are bitmaps, and gates are bitwise operations.  Numbers, days and
 * moments are vectors of int64 on which every comparison with a constant, every
 * window and every period is one range test.  Aggregates add rows up by the number of
 * their member within the chunk.
 *
 * What has no such loop is computed by eval.c, value by value, so that there is nothing
 * which only one of the two can do.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_BATCH_H
#define SEG_BATCH_H

#include "postgres.h"

#include "member_set.h"
#include "pass_read.h"
#include "program.h"

typedef struct SegBatch SegBatch;

/* Rows of sources evaluated together; 0: members one by one, by eval.c.  A setting for developers. */
extern int	seg_batch_rows;

/*
 * Everything is allocated in the current memory context.  The eval's reader must find the rows of
 * a member through seg_batch_member_rows().  until: seg_batch_until() will be asked.
 */
extern SegBatch *seg_batch_begin(const SegProgram *program, SegEval *eval, const SegLayout *layouts, bool until);

/*
 * Takes the members of a chunk, in order, and the rows of all relations that belong to
 * them (rows of others may be among them), each in order of members.  They must stay
 * in memory until the next call.
 */
extern void seg_batch_load(SegBatch *batch, const SegRow **members, int nmembers,
						   const SegRow ***rows, const Size *nrows);

/*
 * Says which rules will be asked about the members loaded, where these are few of the program's.
 * Nothing is computed for the others then, and memory is as much as these members take.
 */
extern void seg_batch_want(SegBatch *batch, const int *rules, int nrules);

/* The members for whom a rule holds: a bit for each, in their order. */
extern const uint64 *seg_batch_rule(SegBatch *batch, int rule);

/*
 * For each member, in their order: the first moment after that of the evaluation at which the answer of
 * any rule may be another one, the data staying as they are; DT_NOEND if none.  It may be
 * earlier than seg_eval_until() says, never later than the truth.
 */
extern const TimestampTz *seg_batch_until(SegBatch *batch);

/* The rows of a relation that belong to the member whom eval.c is asking about. */
extern int	seg_batch_member_rows(const SegBatch *batch, int relation, const void ***rows);

#endif							/* SEG_BATCH_H */
