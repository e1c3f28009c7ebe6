/*
 * member_set_ops.c
 *		Set algebra, and the operators of SQL that take two sets.
 *
 * Both directories are walked side by side.  A chunk that only one set has is copied
 * or skipped as it is; where both have one, two arrays are merged and anything else
 * becomes bits, which is 128 words for each.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set_write.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "comparison.h"

/* An array never has more offsets than this. */
#define MAX_ARRAY		(SEG_CHUNK_BIT_UNITS - 1)

static inline bool
has_bit(const uint64 *bits, uint32 offset)
{
	return (bits[offset / 64] >> (offset % 64)) & 1;
}

/*
 * The offsets that an array shares with another chunk, or does not, into out (as many as array
 * has); returns how many.
 */
static uint32
filter_array(const SegChunk *array, const SegChunk *other, bool shared, uint16 *out)
{
	uint64		bits[SEG_CHUNK_WORDS];
	uint32		n = 0;
	uint32		i;

	seg_chunk_expand(other, bits);
	for (i = 0; i < array->nunits; i++)
	{
		out[n] = array->units[i];
		n += has_bit(bits, array->units[i]) == shared;
	}
	return n;
}

/* Merges two arrays; out has room for both. */
static uint32
merge_arrays(SegSetOp op, const SegChunk *a, const SegChunk *b, uint16 *out)
{
	bool		keep_a = (op != SEG_SET_AND);
	bool		keep_b = (op == SEG_SET_OR || op == SEG_SET_XOR);
	bool		keep_both = (op == SEG_SET_OR || op == SEG_SET_AND);
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;

	while (i < a->nunits && j < b->nunits)
	{
		uint16		x = a->units[i];
		uint16		y = b->units[j];

		if ((x < y) ? keep_a : (x > y) ? keep_b : keep_both)
			out[n++] = Min(x, y);
		i += (x <= y);
		j += (y <= x);
	}
	while (keep_a && i < a->nunits)
		out[n++] = a->units[i++];
	while (keep_b && j < b->nunits)
		out[n++] = b->units[j++];
	return n;
}

static void
combine_bits(SegSetOp op, uint64 *a, const uint64 *b)
{
	int			w;

	switch (op)
	{
		case SEG_SET_OR:
			for (w = 0; w < SEG_CHUNK_WORDS; w++)
				a[w] |= b[w];
			break;
		case SEG_SET_AND:
			for (w = 0; w < SEG_CHUNK_WORDS; w++)
				a[w] &= b[w];
			break;
		case SEG_SET_ANDNOT:
			for (w = 0; w < SEG_CHUNK_WORDS; w++)
				a[w] &= ~b[w];
			break;
		case SEG_SET_XOR:
			for (w = 0; w < SEG_CHUNK_WORDS; w++)
				a[w] ^= b[w];
			break;
	}
}

/* Two chunks of the same number. */
static void
combine_chunks(SegSetWriter *w, SegSetOp op, const SegChunk *a, const SegChunk *b)
{
	uint64		a_bits[SEG_CHUNK_WORDS];
	uint64		b_bits[SEG_CHUNK_WORDS];
	uint16		offsets[2 * MAX_ARRAY];
	bool		a_array = (a->kind == SEG_CHUNK_ARRAY);
	bool		b_array = (b->kind == SEG_CHUNK_ARRAY);
	uint32		n;

	if (a_array && b_array)
		n = merge_arrays(op, a, b, offsets);
	else if (op == SEG_SET_AND && (a_array || b_array))
		n = a_array ? filter_array(a, b, true, offsets) : filter_array(b, a, true, offsets);
	else if (op == SEG_SET_ANDNOT && a_array)
		n = filter_array(a, b, false, offsets);
	else
	{
		seg_chunk_expand(a, a_bits);
		seg_chunk_expand(b, b_bits);
		combine_bits(op, a_bits, b_bits);
		seg_set_write_bits(w, a->number, a_bits);
		return;
	}
	seg_set_write_offsets(w, a->number, offsets, n);
}

SegMemberSet *
seg_set_combine(SegSetOp op, const SegMemberSet *a, const SegMemberSet *b)
{
	bool		keep_a = (op != SEG_SET_AND);
	bool		keep_b = (op == SEG_SET_OR || op == SEG_SET_XOR);
	SegSetWriter w;
	SegMemberSet *result;
	SegChunk	x;
	SegChunk	y;
	uint32		i = 0;
	uint32		j = 0;

	seg_set_writer_init(&w);
	while (i < a->nchunks && j < b->nchunks)
	{
		CHECK_FOR_INTERRUPTS();
		x = seg_set_chunk(a, i);
		y = seg_set_chunk(b, j);
		if (x.number == y.number)
		{
			combine_chunks(&w, op, &x, &y);
			i++;
			j++;
		}
		else if (x.number < y.number)
		{
			if (keep_a)
				seg_set_write_chunk(&w, &x);
			i = keep_a ? i + 1 : seg_set_seek(a, i, y.number);
		}
		else
		{
			if (keep_b)
				seg_set_write_chunk(&w, &y);
			j = keep_b ? j + 1 : seg_set_seek(b, j, x.number);
		}
	}
	for (; keep_a && i < a->nchunks; i++)
	{
		x = seg_set_chunk(a, i);
		seg_set_write_chunk(&w, &x);
	}
	for (; keep_b && j < b->nchunks; j++)
	{
		y = seg_set_chunk(b, j);
		seg_set_write_chunk(&w, &y);
	}
	result = seg_set_write_finish(&w);
	seg_set_writer_free(&w);
	return result;
}

/* Counting without making a set. */

static uint32
count_bits(const SegChunk *array, const uint64 *bits)
{
	uint32		n = 0;

	for (uint32 i = 0; i < array->nunits; i++)
		n += has_bit(bits, array->units[i]);
	return n;
}

/* Two arrays with fewer offsets together are merged sooner than one is made bits. */
#define FEW_OFFSETS		64

static uint32
count_shared(const SegChunk *a, const SegChunk *b)
{
	uint64		a_bits[SEG_CHUNK_WORDS];
	uint64		b_bits[SEG_CHUNK_WORDS];
	uint16		offsets[2 * MAX_ARRAY];
	bool		a_array = (a->kind == SEG_CHUNK_ARRAY);
	bool		b_array = (b->kind == SEG_CHUNK_ARRAY);

	if (a_array && b_array && a->nunits + b->nunits < FEW_OFFSETS)
		return merge_arrays(SEG_SET_AND, a, b, offsets);
	if (!a_array)
		seg_chunk_expand(a, a_bits);
	if (!b_array || a_array)
		seg_chunk_expand(b, b_bits);
	if (a_array)
		return count_bits(a, b_bits);
	if (b_array)
		return count_bits(b, a_bits);
	combine_bits(SEG_SET_AND, a_bits, b_bits);
	return (uint32) pg_popcount((const char *) a_bits, sizeof(a_bits));
}

/* The next pair of chunks with the same number from *i and *j on. */
static bool
next_pair(const SegMemberSet *a, uint32 *i, const SegMemberSet *b, uint32 *j)
{
	while (*i < a->nchunks && *j < b->nchunks)
	{
		int64		x = seg_set_chunk_number(a, *i);
		int64		y = seg_set_chunk_number(b, *j);

		CHECK_FOR_INTERRUPTS();
		if (x == y)
			return true;
		if (x < y)
			*i = seg_set_seek(a, *i, y);
		else
			*j = seg_set_seek(b, *j, x);
	}
	return false;
}

/* Stops counting when there are enough. */
static int64
count_and(const SegMemberSet *a, const SegMemberSet *b, int64 enough)
{
	int64		n = 0;
	uint32		i;
	uint32		j;

	for (i = j = 0; n < enough && next_pair(a, &i, b, &j); i++, j++)
	{
		SegChunk	x = seg_set_chunk(a, i);
		SegChunk	y = seg_set_chunk(b, j);

		n += count_shared(&x, &y);
	}
	return n;
}

static int64
and_cardinality(const SegMemberSet *a, const SegMemberSet *b)
{
	return count_and(a, b, PG_INT64_MAX);
}

static bool
overlaps(const SegMemberSet *a, const SegMemberSet *b)
{
	return count_and(a, b, 1) > 0;
}

static bool
includes(const SegMemberSet *set, const SegMemberSet *part)
{
	uint32		i = 0;
	uint32		j;

	if (part->cardinality > set->cardinality)
		return false;
	for (j = 0; j < part->nchunks; j++)
	{
		SegChunk	y = seg_set_chunk(part, j);
		SegChunk	x;

		CHECK_FOR_INTERRUPTS();
		i = seg_set_seek(set, i, y.number);
		if (i == set->nchunks)
			return false;
		x = seg_set_chunk(set, i);
		if (x.number != y.number || x.cardinality < y.cardinality ||
			count_shared(&x, &y) != y.cardinality)
			return false;
	}
	return true;
}

/* Algebra in SQL. */

static Datum
combine_arguments(FunctionCallInfo fcinfo, SegSetOp op)
{
	SegMemberSet *a = PG_GETARG_SEG_MEMBER_SET_P(0);
	SegMemberSet *b = PG_GETARG_SEG_MEMBER_SET_P(1);

	PG_RETURN_SEG_MEMBER_SET_P(seg_set_combine(op, a, b));
}

PG_FUNCTION_INFO_V1(member_set_union);
Datum
member_set_union(PG_FUNCTION_ARGS)
{
	return combine_arguments(fcinfo, SEG_SET_OR);
}

PG_FUNCTION_INFO_V1(member_set_intersection);
Datum
member_set_intersection(PG_FUNCTION_ARGS)
{
	return combine_arguments(fcinfo, SEG_SET_AND);
}

PG_FUNCTION_INFO_V1(member_set_difference);
Datum
member_set_difference(PG_FUNCTION_ARGS)
{
	return combine_arguments(fcinfo, SEG_SET_ANDNOT);
}

PG_FUNCTION_INFO_V1(member_set_symmetric_difference);
Datum
member_set_symmetric_difference(PG_FUNCTION_ARGS)
{
	return combine_arguments(fcinfo, SEG_SET_XOR);
}

PG_FUNCTION_INFO_V1(intersection_cardinality);
Datum
intersection_cardinality(PG_FUNCTION_ARGS)
{
	SegMemberSet *a = PG_GETARG_SEG_MEMBER_SET_P(0);
	SegMemberSet *b = PG_GETARG_SEG_MEMBER_SET_P(1);

	PG_RETURN_INT64(and_cardinality(a, b));
}

/* SQL: predicates. */

SEG_COMPARISON(member_set_contains, includes(PG_GETARG_SEG_MEMBER_SET_P(0), PG_GETARG_SEG_MEMBER_SET_P(1)));
SEG_COMPARISON(member_set_contained, includes(PG_GETARG_SEG_MEMBER_SET_P(1), PG_GETARG_SEG_MEMBER_SET_P(0)));
SEG_COMPARISON(member_set_overlaps, overlaps(PG_GETARG_SEG_MEMBER_SET_P(0), PG_GETARG_SEG_MEMBER_SET_P(1)));
SEG_COMPARISON(member_set_has, seg_set_contains(PG_GETARG_SEG_MEMBER_SET_P(0), PG_GETARG_INT64(1)));
SEG_COMPARISON(member_set_has_commuted, seg_set_contains(PG_GETARG_SEG_MEMBER_SET_P(1), PG_GETARG_INT64(0)));

/* SQL: equality, order, hash; copies are freed because index code leaks them. */

static bool
arguments_equal(FunctionCallInfo fcinfo)
{
	SegMemberSet *a = PG_GETARG_SEG_MEMBER_SET_P(0);
	SegMemberSet *b = PG_GETARG_SEG_MEMBER_SET_P(1);
	bool		result = seg_set_equal(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

static int
compare_arguments(FunctionCallInfo fcinfo)
{
	SegMemberSet *a = PG_GETARG_SEG_MEMBER_SET_P(0);
	SegMemberSet *b = PG_GETARG_SEG_MEMBER_SET_P(1);
	int			result = seg_set_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

SEG_COMPARISON(member_set_eq, arguments_equal(fcinfo));
SEG_COMPARISON(member_set_ne, !arguments_equal(fcinfo));
SEG_COMPARISON(member_set_lt, compare_arguments(fcinfo) < 0);
SEG_COMPARISON(member_set_le, compare_arguments(fcinfo) <= 0);
SEG_COMPARISON(member_set_gt, compare_arguments(fcinfo) > 0);
SEG_COMPARISON(member_set_ge, compare_arguments(fcinfo) >= 0);

PG_FUNCTION_INFO_V1(member_set_cmp);
Datum
member_set_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}

PG_FUNCTION_INFO_V1(member_set_hash);
Datum
member_set_hash(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	uint32		hash = hash_bytes((unsigned char *) VARDATA(set), VARSIZE(set) - VARHDRSZ);

	PG_FREE_IF_COPY(set, 0);
	PG_RETURN_UINT32(hash);
}

PG_FUNCTION_INFO_V1(member_set_hash_extended);
Datum
member_set_hash_extended(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	uint64		hash = hash_bytes_extended((unsigned char *) VARDATA(set),
										   VARSIZE(set) - VARHDRSZ, PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(set, 0);
	PG_RETURN_UINT64(hash);
}
