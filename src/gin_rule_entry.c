/*
 * gin_rule_entry.c
 *		What an index of rules keeps: a key, and what must hold besides.
 *
 * Most rules that share a key with a document do not hold for it, and to look at each in its
 * table is what costs most.  So a key is kept together with up to two more conditions of the
 * rule, which are tested in the index:
 *
 *		entry	| key, its first 16 bits | span, 24 bits | span, 24 bits |
 *		span	| name, 8 bits | low, 8 bits | high, 8 bits |
 *
 * A document has marks, each a name with the kind of its value, and a value: the first bits of the
 * code of a number or day, or else a hash.  The condition is that there is a mark of this name
 * from low to high.  Zero in place of a name: there is no condition.
 *
 * A look-up is of one key, with all marks of the document.  Entries of one key are next to each
 * other, so GIN reads those of a key from the first to the last, and finds those whose
 * conditions the document fulfils.
 *
 * That there is a value under a name at all, which nearly every document would look up for each of
 * its names, is no key here, but a span of SEG_KEY_ALL.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/gin.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/qunique.h"
#include "utils/array.h"

#include "gin_rule.h"

#define KEY_SHIFT		48
#define SPAN_BITS		24
#define PART_BITS		8		/* of a name, of low and of high */
#define PART_MASK		0xff

/* What codes are too long by. */
#define NUMBER_SHIFT	4
#define DAY_SHIFT		8

/*
 * Every look-up has all marks with it.  A document with more of them than this is looked up without,
 * which finds all rules that share a key with it.
 */
#define MAX_MARKS		500

typedef struct LookUp
{
	int32		vl_len_;
	uint16		key;
	uint16		marks[FLEXIBLE_ARRAY_MEMBER];	/* in order; none: not known */
} LookUp;

PG_FUNCTION_INFO_V1(document_look_ups);
PG_FUNCTION_INFO_V1(segment_rule_filed_under);
PG_FUNCTION_INFO_V1(segment_rule_extract_query);
PG_FUNCTION_INFO_V1(segment_rule_compare_partial);

/* Entries. */

bool
seg_key_is_presence(SegKeyKind kind, uint64 value)
{
	switch (kind)
	{
		case SEG_KEY_IS_TEXT:
		case SEG_KEY_IS_LIST:
		case SEG_KEY_IS_OBJECT:
			return true;
		case SEG_KEY_NUMBER:
			return value == seg_cell(0, SEG_NUMBER_LEVELS - 1);
		case SEG_KEY_DAY:
			return value == seg_cell(0, SEG_DAY_LEVELS - 1);
		default:
			return false;
	}
}

/* A text's own mark tells that there is one. */
static uint32
name_of(uint64 path, SegKeyKind kind)
{
	uint64		key = seg_key(path, kind == SEG_KEY_IS_TEXT ? SEG_KEY_TEXT : kind, PG_UINT64_MAX);

	return 1 + key % PART_MASK;
}

static uint32
part_of(uint64 path, SegKeyKind kind, uint64 value)
{
	switch (kind)
	{
		case SEG_KEY_NUMBER:
			return value >> NUMBER_SHIFT;
		case SEG_KEY_DAY:
			return value >> DAY_SHIFT;
		default:
			return seg_key(path, kind, value) & PART_MASK;
	}
}

static int64
span_of(uint32 name, uint32 low, uint32 high)
{
	return (int64) name << 2 * PART_BITS | low << PART_BITS | high;
}

int64
seg_span(uint64 path, SegKeyKind kind, uint64 low, uint64 high)
{
	if (kind == SEG_KEY_IS_TEXT)
		return span_of(name_of(path, kind), 0, PART_MASK);
	return span_of(name_of(path, kind), part_of(path, kind, low), part_of(path, kind, high));
}

int64
seg_entry_of_key(int64 key)
{
	return (int64) ((uint64) key >> KEY_SHIFT << KEY_SHIFT);
}

int64
seg_entry_of_presence(uint64 path, SegKeyKind kind)
{
	return seg_entry_of_key(seg_key(0, SEG_KEY_ALL, 0)) | span_of(name_of(path, kind), 0, PART_MASK);
}

/* Unchanged if there is no place in it. */
int64
seg_entry_add_span(int64 entry, int64 span)
{
	if ((entry & PART_MASK << 2 * PART_BITS) == 0)
		return entry | span;
	if ((entry & (int64) PART_MASK << (SPAN_BITS + 2 * PART_BITS)) == 0)
		return entry | span << SPAN_BITS;
	return entry;
}

static inline uint16
key_of(int64 entry)
{
	return (uint16) ((uint64) entry >> KEY_SHIFT);
}

/* Look-ups. */

typedef struct Collected
{
	uint64		path;			/* of the attribute at hand */
	int			room;
	int			nkeys;
	int			nmarks;
	uint16	   *keys;
	uint16	   *marks;
} Collected;

static void
add_value(void *arg, SegKeyKind kind, uint64 value, const JsonbValue *json)
{
	Collected  *c = arg;
	bool		cell = kind == SEG_KEY_NUMBER || kind == SEG_KEY_DAY;

	if (c->nkeys == c->room || c->nmarks == c->room)
	{
		c->room *= 2;
		c->keys = repalloc_huge(c->keys, sizeof(uint16) * (Size) c->room);
		c->marks = repalloc_huge(c->marks, sizeof(uint16) * (Size) c->room);
	}
	if (!seg_key_is_presence(kind, value))
		c->keys[c->nkeys++] = key_of(seg_key(c->path, kind, value));
	/* the smallest cell is that of the code itself */
	if (cell ? value < seg_cell(0, 1) : kind != SEG_KEY_IS_TEXT)
		c->marks[c->nmarks++] = name_of(c->path, kind) << PART_BITS | part_of(c->path, kind, value);
}

static void
add_attribute(void *arg, SegAttributeName *name, const JsonbValue *value)
{
	((Collected *) arg)->path = name->path;
	seg_value_keys(value, add_value, arg);
}

static int
compare_numbers(const void *a, const void *b)
{
	return (int) *(const uint16 *) a - (int) *(const uint16 *) b;
}

static int
sort_numbers(uint16 *numbers, int n)
{
	qsort(numbers, n, sizeof(uint16), compare_numbers);
	return (int) qunique(numbers, n, sizeof(uint16), compare_numbers);
}

static void
collect(Collected *c, const JsonbContainer *document)
{
	c->room = 128;
	c->keys = palloc(sizeof(uint16) * c->room);
	c->marks = palloc(sizeof(uint16) * c->room);
	c->keys[c->nkeys++] = key_of(seg_key(0, SEG_KEY_ALL, 0));
	seg_document_visit(document, add_attribute, c);
	c->nkeys = sort_numbers(c->keys, c->nkeys);
	c->nmarks = sort_numbers(c->marks, c->nmarks);
	if (c->nmarks > MAX_MARKS)
		c->nmarks = 0;
}

/*
 * look_ups(document)
 *		All are of one size, so the array is written in place.
 */
Datum
document_look_ups(PG_FUNCTION_ARGS)
{
	Collected	c = {0};
	Size		size;
	Size		place;
	Size		total;
	ArrayType  *array;
	char	   *at;

	collect(&c, &PG_GETARG_JSONB_P(0)->root);
	size = offsetof(LookUp, marks) + sizeof(uint16) * c.nmarks;
	place = INTALIGN(size);
	total = ARR_OVERHEAD_NONULLS(1) + place * c.nkeys;
	array = palloc0(total);
	SET_VARSIZE(array, total);
	array->ndim = 1;
	array->elemtype = BYTEAOID;
	ARR_DIMS(array)[0] = c.nkeys;
	ARR_LBOUND(array)[0] = 1;
	at = (char *) array + ARR_OVERHEAD_NONULLS(1);
	for (int i = 0; i < c.nkeys; i++, at += place)
	{
		LookUp	   *look_up = (LookUp *) at;

		SET_VARSIZE(look_up, size);
		look_up->key = c.keys[i];
		memcpy(look_up->marks, c.marks, sizeof(uint16) * c.nmarks);
	}
	PG_RETURN_ARRAYTYPE_P(array);
}

/* Has the document a mark in the span?  marks: n of them, one at least. */
static bool
has_mark(const uint16 *marks, int n, uint32 span)
{
	uint16		low = (uint16) (span >> PART_BITS);
	uint16		high = (low & PART_MASK << PART_BITS) | (span & PART_MASK);
	int			first = 0;
	int			last = n;

	while (first < last)
	{
		int			middle = (first + last) / 2;

		if (marks[middle] < low)
			first = middle + 1;
		else
			last = middle;
	}
	return first < n && marks[first] <= high;
}

/* Has the document what the entry asks for besides its key? */
static bool
has_spans(const LookUp *look_up, int64 entry)
{
	int			n = (int) ((VARSIZE(look_up) - offsetof(LookUp, marks)) / sizeof(uint16));
	uint32		first = entry & ((1 << SPAN_BITS) - 1);
	uint32		second = (entry >> SPAN_BITS) & ((1 << SPAN_BITS) - 1);

	if (n == 0)
		return true;
	return (first == 0 || has_mark(look_up->marks, n, first)) &&
		(second == 0 || has_mark(look_up->marks, n, second));
}

static const LookUp *
look_up_of(struct varlena *bytes)
{
	if (VARSIZE(bytes) < offsetof(LookUp, marks))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid look-up of rules"),
				 errhint("Look-ups are what segments.look_ups(document) returns.")));
	return (const LookUp *) bytes;
}

/*
 * rule @# look-up
 */
Datum
segment_rule_filed_under(PG_FUNCTION_ARGS)
{
	const LookUp *look_up = look_up_of((struct varlena *) PG_GETARG_BYTEA_P(1));
	int64		entries[SEG_RULE_MAX_KEYS];
	int			n = seg_rule_entries(PG_GETARG_SEG_RULE_P(0), NULL, entries);

	for (int i = 0; i < n; i++)
		if (key_of(entries[i]) == look_up->key && has_spans(look_up, entries[i]))
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}

Datum
segment_rule_extract_query(PG_FUNCTION_ARGS)
{
	const LookUp *look_up = look_up_of((struct varlena *) PG_GETARG_BYTEA_P(0));
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	Datum	   *datums = palloc(sizeof(Datum));

	*nkeys = 1;
	datums[0] = Int64GetDatum((int64) ((uint64) look_up->key << KEY_SHIFT));
	*partial = palloc(sizeof(bool));
	**partial = true;
	*extra = palloc(sizeof(Pointer));
	**extra = (Pointer) unconstify(LookUp *, look_up);
	PG_RETURN_POINTER(datums);
}

/* Zero: it is found; below: go on; above: the key's entries are at an end. */
Datum
segment_rule_compare_partial(PG_FUNCTION_ARGS)
{
	int64		entry = PG_GETARG_INT64(1);
	const LookUp *look_up = (const LookUp *) PG_GETARG_POINTER(3);

	if (key_of(entry) != look_up->key)
		PG_RETURN_INT32(1);
	PG_RETURN_INT32(has_spans(look_up, entry) ? 0 : -1);
}
