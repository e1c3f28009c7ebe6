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
 * Evaluates the program for the whole population, or for the members in only.  Data are read as
 * the active snapshot sees them, or, where new keys got numbers, a newer one of the transaction.
 * Rows of sources whose moment is at or after hide_from do not exist; DT_NOEND hides none.
 * Returns how many members there are (of those in only).
 */
extern int64 seg_pass_run(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
						  const SegMemberSet *only, SegPassEmit emit, void *arg);

#endif							/* SEG_PASS_H */
