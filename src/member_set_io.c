/*
 * member_set_io.c
 *		The text and the binary form of a set.
 *
 * Text:	{}   {7}   {-5--2,1,3,5-9}
 *
 *		set		= "{" [ item { "," item } ] "}"
 *		item	= number [ "-" number ]
 *		number	= [ "-" ] digit { digit }
 *
 * Blanks may stand around numbers and signs, and items in any order, more than once and
 * overlapping.  A "-" behind a number is always that of a range, which keeps
 * negative numbers apart.  Output is ascending, and three keys in a row or more are a
 * range.
 *
 * Binary:	all numbers in network byte order
 *
 *		version : uint8		SEG_SET_WIRE_VERSION
 *		nchunks : uint32
 *		head[nchunks] : int64, body[nchunks] : uint32, units ... : uint16
 *
 * as in the value itself, but that the words of a chunk of bits are uint64.  What is
 * received is put together as it claims to be, and held against seg_set_check().
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set_write.h"

#include "common/int.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "utils/builtins.h"

#define SEG_SET_WIRE_VERSION	1

/* Text input. */

typedef struct SetText
{
	const char *text;
	const char *at;
	bool		after_range;	/* so no "-" can follow */
	Node	   *escontext;
} SetText;

static void
skip_blanks(SetText *in)
{
	while (scanner_isspace(*in->at))
		in->at++;
}

/* Always false, for callers to return. */
static bool
complain(SetText *in, const char *expected)
{
	const char *found = in->at;

	if (*found == '\0')
		ereturn(in->escontext, false,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "member_set", in->text),
				 errdetail("Expected %s, found the end of the input.", expected),
				 errhint("A set is written as {1,2,5-9}.")));

	/* a whole character, not the first byte of one */
	ereturn(in->escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "member_set", in->text),
			 errdetail("Expected %s at character %d, found \"%.*s\".", expected,
					   pg_mbstrlen_with_len(in->text, (int) (found - in->text)) + 1,
					   pg_mblen(found), found),
			 errhint("A set is written as {1,2,5-9}.")));
}

/* Consumes one sign if it is there, and blanks before it. */
static bool
accept_sign(SetText *in, char sign)
{
	skip_blanks(in);
	if (*in->at != sign)
		return false;
	in->at++;
	return true;
}

static bool
read_number(SetText *in, int64 *number)
{
	const char *start;
	bool		fits = true;
	bool		negative;
	int64		n = 0;

	skip_blanks(in);
	start = in->at;
	negative = (*in->at == '-');
	if (negative)
		in->at++;
	if (*in->at < '0' || *in->at > '9')
		return complain(in, "a number");

	/* downwards, since there is one negative number more */
	for (; *in->at >= '0' && *in->at <= '9'; in->at++)
	{
		fits = fits && !pg_mul_s64_overflow(n, 10, &n) &&
			!pg_sub_s64_overflow(n, *in->at - '0', &n);
	}
	if (!negative)
		fits = fits && !pg_sub_s64_overflow(0, n, &n);
	if (!fits)
		ereturn(in->escontext, false,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value \"%.*s\" is out of range for type %s",
						(int) Min(in->at - start, 100), start, "bigint"),
				 errdetail("The members of a set are of type bigint.")));
	*number = n;
	return true;
}

static bool
read_item(SetText *in, SegSetBuilder *b)
{
	int64		first;
	int64		last;

	if (!read_number(in, &first))
		return false;
	in->after_range = accept_sign(in, '-');
	if (!in->after_range)
	{
		seg_set_builder_add(b, first);
		return true;
	}
	if (!read_number(in, &last))
		return false;
	if (first > last)
		ereturn(in->escontext, false,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "member_set", in->text),
				 errdetail("The range %lld-%lld runs backwards.",
						   (long long) first, (long long) last),
				 errhint("Write the lower end of a range first.")));
	seg_set_builder_add_range(b, first, last);
	return true;
}

static bool
read_set(SetText *in, SegSetBuilder *b)
{
	if (!accept_sign(in, '{'))
		return complain(in, "\"{\"");
	if (!accept_sign(in, '}'))
	{
		do
		{
			CHECK_FOR_INTERRUPTS();
			if (!read_item(in, b))
				return false;
		} while (accept_sign(in, ','));
		if (!accept_sign(in, '}'))
			return complain(in, in->after_range ? "\",\" or \"}\"" : "\",\", \"-\" or \"}\"");
	}
	skip_blanks(in);
	if (*in->at != '\0')
		return complain(in, "nothing behind \"}\"");
	return true;
}

PG_FUNCTION_INFO_V1(member_set_in);
Datum
member_set_in(PG_FUNCTION_ARGS)
{
	SetText		in;
	SegSetBuilder *b = seg_set_builder_create();

	in.text = PG_GETARG_CSTRING(0);
	in.at = in.text;
	in.after_range = false;
	in.escontext = fcinfo->context;
	if (!read_set(&in, b))
		PG_RETURN_NULL();
	PG_RETURN_SEG_MEMBER_SET_P(seg_set_builder_finish(b));
}

/* Text output. */

static void
append_number(StringInfo out, int64 number)
{
	char		digits[MAXINT8LEN + 1];

	appendBinaryStringInfo(out, digits, pg_lltoa(number, digits));
}

/* The keys from first to last; two are no range. */
static void
append_item(StringInfo out, int64 first, int64 last)
{
	if (out->len > 1)
		appendStringInfoChar(out, ',');
	append_number(out, first);
	if (first == last)
		return;
	appendStringInfoChar(out, last == first + 1 ? ',' : '-');
	append_number(out, last);
}

/*
 * Extends the item at hand with the keys from first to last, or writes it and begins
 * another.  Runs that meet at the edge of a chunk make one item.
 */
static void
join_item(StringInfo out, bool *pending, int64 item[2], int64 first, int64 last)
{
	if (*pending && item[1] + 1 == first)
	{
		item[1] = last;
		return;
	}
	if (*pending)
		append_item(out, item[0], item[1]);
	*pending = true;
	item[0] = first;
	item[1] = last;
}

PG_FUNCTION_INFO_V1(member_set_out);
Datum
member_set_out(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	StringInfoData out;
	uint64		bits[SEG_CHUNK_WORDS];
	uint16		runs[SEG_CHUNK_KEYS];
	bool		pending = false;
	int64		item[2];
	uint32		i;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (i = 0; i < set->nchunks; i++)
	{
		SegChunk	chunk = seg_set_chunk(set, i);
		int64		base = seg_chunk_first_key(chunk.number);
		uint32		nunits;
		uint32		k;

		CHECK_FOR_INTERRUPTS();
		seg_chunk_expand(&chunk, bits);
		nunits = seg_bits_runs(bits, SEG_CHUNK_WORDS, runs);
		for (k = 0; k < nunits; k += 2)
			join_item(&out, &pending, item, base + runs[k], base + runs[k] + runs[k + 1]);
	}
	if (pending)
		append_item(&out, item[0], item[1]);
	appendStringInfoChar(&out, '}');
	PG_RETURN_CSTRING(out.data);
}

/* Binary. */

PG_FUNCTION_INFO_V1(member_set_send);
Datum
member_set_send(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	const uint32 *body = seg_set_bodies(set);
	StringInfoData out;
	uint32		i;
	uint32		k;

	pq_begintypsend(&out);
	pq_sendint8(&out, SEG_SET_WIRE_VERSION);
	pq_sendint32(&out, set->nchunks);
	for (i = 0; i < set->nchunks; i++)
		pq_sendint64(&out, (uint64) set->head[i]);
	for (i = 0; i < set->nchunks; i++)
		pq_sendint32(&out, body[i]);
	for (i = 0; i < set->nchunks; i++)
	{
		SegChunk	chunk = seg_set_chunk(set, i);

		CHECK_FOR_INTERRUPTS();
		if (chunk.kind == SEG_CHUNK_BITS)
		{
			for (k = 0; k < SEG_CHUNK_WORDS; k++)
				pq_sendint64(&out, seg_chunk_word(chunk.units, (int) k));
		}
		else
		{
			for (k = 0; k < chunk.nunits; k++)
				pq_sendint16(&out, chunk.units[k]);
		}
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

static void
refuse_binary(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of type %s", "member_set"),
			 errdetail("%s", detail)));
}

/*
 * The units of the set at hand, whose heads and bodies are there but not checked: a
 * chunk is read as words where it claims to be bits and has the length for it.
 */
static void
receive_units(StringInfo in, SegMemberSet *set, Size nunits)
{
	const uint32 *body = seg_set_bodies(set);
	uint16	   *units = unconstify(uint16 *, seg_set_units(set));
	Size		at = 0;
	uint32		i;

	for (i = 0; i < set->nchunks; i++)
	{
		Size		end = nunits;
		bool		is_bits = (body[i] >> SEG_SET_BODY_SHIFT) == SEG_CHUNK_BITS;

		CHECK_FOR_INTERRUPTS();
		if (i + 1 < set->nchunks)
			end = body[i + 1] & SEG_SET_BODY_MASK;
		if (end > nunits || end <= at)
			refuse_binary("A chunk is not where the previous one ends.");
		if (is_bits && end - at != SEG_CHUNK_BIT_UNITS)
			refuse_binary("A chunk of bits has the wrong length.");
		while (at < end)
		{
			if (is_bits)
			{
				uint64		word = (uint64) pq_getmsgint64(in);

				memcpy(units + at, &word, sizeof(word));
				at += sizeof(word) / sizeof(uint16);
			}
			else
				units[at++] = (uint16) pq_getmsgint(in, sizeof(uint16));
		}
	}
}

PG_FUNCTION_INFO_V1(member_set_recv);
Datum
member_set_recv(PG_FUNCTION_ARGS)
{
	StringInfo	in = (StringInfo) PG_GETARG_POINTER(0);
	SegMemberSet *set;
	const char *complaint;
	Size		nchunks;
	Size		rest;
	Size		size;
	uint32	   *body;
	uint32		i;

	if (pq_getmsgbyte(in) != SEG_SET_WIRE_VERSION)
		refuse_binary("The version is not known.");
	nchunks = pq_getmsgint(in, sizeof(uint32));
	rest = in->len - in->cursor;
	if (nchunks > rest / (sizeof(int64) + sizeof(uint32)))
		refuse_binary("The directory is incomplete.");
	rest -= nchunks * (sizeof(int64) + sizeof(uint32));
	if (rest % sizeof(uint16) != 0 || (nchunks == 0 && rest > 0))
		refuse_binary("There are bytes behind the last chunk.");
	size = seg_set_size(nchunks, rest / sizeof(uint16));
	seg_set_check_size(nchunks, rest / sizeof(uint16));

	set = palloc0(size);
	SET_VARSIZE(set, size);
	set->version = SEG_SET_VERSION;
	set->nchunks = (uint32) nchunks;
	body = unconstify(uint32 *, seg_set_bodies(set));
	for (i = 0; i < nchunks; i++)
		set->head[i] = pq_getmsgint64(in);
	for (i = 0; i < nchunks; i++)
	{
		body[i] = (uint32) pq_getmsgint(in, sizeof(uint32));
		set->cardinality += seg_set_chunk_cardinality(set, i);
	}
	receive_units(in, set, rest / sizeof(uint16));
	complaint = seg_set_check(set, size);
	if (complaint != NULL)
		refuse_binary(complaint);
	PG_RETURN_SEG_MEMBER_SET_P(set);
}
