/*
 * pass.h
 *		A pass over a population: every rule of a program for every member.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_H
#define SEG_PASS_H

#include "postgres.h"

#include "member_set.h"
#include "program.h"

/*
 * Takes the members of one chunk for whom a rule holds, at least one.  The sets of a chunk come
 * one after the other, chunks in no particular order.  The set is gone afterwards.  Called
 * with the rights of whoever started the pass.
 */
typedef void (*SegPassEmit) (void *arg, int rule, int64 chunk, const SegMemberSet *members);

/*
 * Takes for each member of a chunk, in order, the first moment after now at which a rule's answer may
 * be another one by the clock alone (batch.h); DT_NOEND if never.  Called after the results of the
 * chunk, otherwise as they are.  Members for whom no rule can ever hold, whatever the clock says, may be
 * left out.
 */
typedef void (*SegPassUntil) (void *arg, int64 chunk, int n, const int64 *members, const TimestampTz *until);

/*
 * Evaluates the program for the whole population, or for the members in only.  Data are read as
 * the active snapshot sees them, or, where new keys got numbers, a newer one of the transaction.
 * Rows of sources whose moment is at or after hide_from do not exist; DT_NOEND hides none.
 * emit or until may be NULL: not wanted.
 * Returns how many members there are (of those in only).
 */
extern int64 seg_pass_run(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
						  const SegMemberSet *only, SegPassEmit emit, SegPassUntil until, void *arg);

#endif							/* SEG_PASS_H */
