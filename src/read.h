/*
 * read.h
 *		Reading the stored members of segments.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_READ_H
#define SEG_READ_H

#include "postgres.h"

#include "compat.h"
#include "member_set.h"

/* All stored members of a segment; whether the caller may read it is the caller's affair. */
extern SegMemberSet *seg_read_set(int32 segment);

#endif							/* SEG_READ_H */
