/*
 * gin_profile.h
 *		The keys of documents in an index, and what a rule asks of them.
 *
 *		gin_profile.c		the operator class
 *		gin_profile_key.c	keys, as the bytes that are stored
 *		gin_profile_query.c	what a rule asks
 *
 * A key is four bytes of a hash of a path in the document, a class and a value of that
 * class, such that keys of a class are in the order of their values:
 *
 *		| path hash, 4 bytes | class | value, up to 40 bytes |
 *
 *		text		its first bytes; a longer text: 32 of them and a hash of all
 *		time		the day and the hour in UTC, of a text that is a day (no hour) or a moment
 *		number		the first five bytes of a double, zeros at the end left out
 *		bool		0 or 1
 *
 * An array has a key for each scalar in it, or one that says that it is an array; an object
 * one that says so, and the keys of what is in it.  Null has none.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_GIN_PROFILE_H
#define SEG_GIN_PROFILE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "clock.h"
#include "rule.h"
#include "value.h"

/* In this order, since ranges over several classes are looked up. */
typedef enum SegProfileClass
{
	SEG_PROFILE_TEXT = 1,
	SEG_PROFILE_TIME,
	SEG_PROFILE_NUMBER,
	SEG_PROFILE_BOOL,
	SEG_PROFILE_OBJECT,
	SEG_PROFILE_LIST,			/* without scalars in it */
	SEG_PROFILE_HAS_TEXT,
	SEG_PROFILE_HAS_NUMBER,
	SEG_PROFILE_HAS_BOOL
} SegProfileClass;

#define SEG_PROFILE_PREFIX	32	/* bytes of a long text that are kept as they are */
#define SEG_PROFILE_NUMBER_BYTES	5
#define SEG_PROFILE_MAX_VALUE	40
#define SEG_PROFILE_MAX_KEY	(5 + SEG_PROFILE_MAX_VALUE)

typedef struct SegProfileKey
{
	int			len;
	uint8		bytes[SEG_PROFILE_MAX_KEY];
} SegProfileKey;

/* gin_profile_key.c */
extern void seg_profile_key(SegProfileKey *key, uint64 path, SegProfileClass class, const void *value, int len);
extern void seg_profile_text(SegProfileKey *key, uint64 path, SegProfileClass class, const char *text, uint32 len);
extern void seg_profile_number(SegProfileKey *key, uint64 path, SegProfileClass class, Numeric number);
extern void seg_profile_bool(SegProfileKey *key, uint64 path, SegProfileClass class, bool value);
extern void seg_profile_day(SegProfileKey *key, uint64 path, int64 day);
extern void seg_profile_attribute(SegProfileKey *key, uint64 path, const char *s, uint32 len);
extern bytea *seg_profile_bytea(const SegProfileKey *key);
extern Datum *seg_profile_keys(const JsonbContainer *document, int *nkeys);

/* Is a stored key, known not to lie before the range, behind it?  Keys that high begins are in the range. */
extern bool seg_profile_is_behind(const bytea *stored, const SegProfileKey *high);

/* gin_profile_query.c */

/* One thing that is looked up: a key, or the range from low to all that high begins. */
typedef struct SegProfileRange
{
	SegProfileKey low;
	SegProfileKey high;
	bool		is_range;
} SegProfileRange;

/* What must hold: a range that is met (nchild 0), or all or any of several. */
typedef struct SegProfileNeed
{
	bool		all;
	int			nchild;			/* -1: this is a range */
	struct SegProfileNeed **child;
	SegProfileRange range;
	double		mass;			/* how often it is expected to be met */
	int			key;			/* of a range: its number in the query */
} SegProfileNeed;

#define SEG_PROFILE_MAX_KEYS 512

/*
 * What a document must have for the rule to hold for it; NULL: nothing that keys tell.
 * ranges has room for SEG_PROFILE_MAX_KEYS.
 */
extern SegProfileNeed *seg_profile_need(const SegRule *rule, const SegClock *clock,
										SegProfileRange **ranges, int *nranges);

#endif							/* SEG_GIN_PROFILE_H */
