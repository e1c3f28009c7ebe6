/*
 * pass_parallel.h
 *		A pass in shares, each in a process of its own.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_PARALLEL_H
#define SEG_PASS_PARALLEL_H

#include "postgres.h"

#include "pass.h"

/* pass.c: what seg_pass_run does, for a share of the members or (NULL) all, with the active snapshot. */
extern int64 seg_pass_share(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
							const SegMemberSet *only, const SegShare *share,
							SegPassEmit emit, SegPassUntil until, void *arg);

/*
 * The same for all members, with parallel workers.  False if it is too little for that, must not be,
 * or there is no worker; then nothing has been done.
 */
extern bool seg_pass_parallel(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
							  SegPassEmit emit, SegPassUntil until, void *arg, int64 *nmembers);

#endif							/* SEG_PASS_PARALLEL_H */
