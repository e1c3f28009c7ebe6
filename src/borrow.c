/*
 * borrow.c
 *		Locks that are given back early.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "borrow.h"

void
seg_borrow_begin(SegBorrow *borrow)
{
	borrow->lender = CurrentResourceOwner;
	borrow->own = ResourceOwnerCreate(borrow->lender, "segments borrow");
	seg_borrow_return(borrow);
}

void
seg_borrow_leave(const SegBorrow *borrow)
{
	CurrentResourceOwner = borrow->lender;
}

void
seg_borrow_return(const SegBorrow *borrow)
{
	CurrentResourceOwner = borrow->own;
}

/* All else should be gone; at a commit locks would go on to the lender. */
void
seg_borrow_end(const SegBorrow *borrow)
{
	seg_borrow_leave(borrow);
	ResourceOwnerRelease(borrow->own, RESOURCE_RELEASE_BEFORE_LOCKS, true, false);
	ResourceOwnerRelease(borrow->own, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(borrow->own, RESOURCE_RELEASE_AFTER_LOCKS, true, false);
	ResourceOwnerDelete(borrow->own);
}
