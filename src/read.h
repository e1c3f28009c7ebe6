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
#include "registry.h"

/* All stored members of a segment; whether the caller may read it is the caller's affair. */
extern SegMemberSet *seg_read_set(int32 segment);

/* The key of a member as text. */
extern char *seg_read_key(const SegPopulation *population, int64 member);

#endif							/* SEG_READ_H */
