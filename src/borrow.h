/*
 * borrow.h
 *		Locks that are given back early.
 *
 * What a statement of the user's locks stays locked to the end of his transaction.  What we look at on the
 * way must not: somebody who waits for it could have locked what the transaction comes to next.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_BORROW_H
#define SEG_BORROW_H

#include "postgres.h"

#include "utils/resowner.h"

typedef struct SegBorrow
{
	ResourceOwner lender;
	ResourceOwner own;
} SegBorrow;

/*
 * From here to the end whatever is locked is given back then, but by subtransactions.  Nothing may be written in
 * between, unless it is left for that.  An error gives it back as well.
 */
extern void seg_borrow_begin(SegBorrow *borrow);
extern void seg_borrow_leave(const SegBorrow *borrow);
extern void seg_borrow_return(const SegBorrow *borrow);
extern void seg_borrow_end(const SegBorrow *borrow);

#endif							/* SEG_BORROW_H */
