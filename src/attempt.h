/*
 * attempt.h
 *		Trying what may fail.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_ATTEMPT_H
#define SEG_ATTEMPT_H

#include "postgres.h"

#include "compat.h"

/*
 * Does something in a subtransaction.  Returns NULL, or, where it failed because of data or of a
 * definition, the message, and nothing of it was done.  What somebody wanted (a cancel, a
 * timeout), what the server lacks, and a stack that was nearly used up before is thrown on.  Where no subtransaction can be had,
 * in a parallel query, everything is.
 */
typedef void (*SegAttempt) (void *arg);

extern char *seg_attempt(SegAttempt what, void *arg);

#endif							/* SEG_ATTEMPT_H */
