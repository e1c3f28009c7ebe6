/*
 * member_set_roaring.c
 *		Sets from and to the portable Roaring formats.
 *
 * The format is described at https://github.com/RoaringBitmap/RoaringFormatSpec.
 * All numbers are little-endian.  A bitmap of 32-bit keys has containers of 2^16 keys,
 * which is eight of our chunks:
 *
 *		without runs	cookie 12346 : uint32 | n : uint32 |
 *		with runs		cookie 12347 : uint16 | n - 1 : uint16 | a bit for each container |
 *		then			key, cardinality - 1 : uint16 for each container
 *						where the container begins : uint32 for each, from the cookie on;
 *							left out if there are runs and fewer than four containers
 *						containers:
 *							runs		number : uint16, (first, length - 1) : uint16 for each
 *							array		uint16 for each member; at most 4096 of them
 *							bits		1024 words : uint64; more than 4096 members
 *
 * A bitmap of 64-bit keys is n : uint64, and for each n the upper half : uint32 and a
 * bitmap of 32-bit keys.  The upper halves ascend as unsigned numbers, so our negative
 * keys come last.
 *
 * Export chooses the kind of a container by size, as run_optimize() of the libraries
 * does.  Import accepts exactly what the specification allows: whatever else the bytes
 * may be, they are refused.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "member_set_write.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "port/pg_bitutils.h"

#define COOKIE_NO_RUNS		12346
#define COOKIE_RUNS			12347
#define NO_OFFSETS_BELOW	4

#define CONTAINER_KEYS		65536
#define CONTAINER_WORDS		(CONTAINER_KEYS / 64)
#define CONTAINER_CHUNKS	(CONTAINER_KEYS / SEG_CHUNK_KEYS)
#define MAX_ARRAY			4096
#define BITS_SIZE			8192

/* The chunk numbers of one container, and of all those with one upper half of keys. */
#define CONTAINER_SHIFT		(16 - SEG_CHUNK_SHIFT)
#define HALF_SHIFT			(32 - SEG_CHUNK_SHIFT)
#define CHUNK_MASK			(CONTAINER_CHUNKS - 1)

#ifdef WORDS_BIGENDIAN
#define little16(x)		pg_bswap16(x)
#define little32(x)		pg_bswap32(x)
#define little64(x)		pg_bswap64(x)
#else
#define little16(x)		(x)
#define little32(x)		(x)
#define little64(x)		(x)
#endif

/* Export. */

typedef struct ContainerHead
{
	uint16		key;
	bool		has_runs;
	uint32		cardinality;
	uint32		size;
} ContainerHead;

typedef struct Container
{
	ContainerHead head;
	uint32		nruns;
	uint32		first_word;		/* all bits are in nwords words from here */
	uint32		nwords;
	uint64		bits[CONTAINER_WORDS];
} Container;

static void
put16(StringInfo out, uint16 n)
{
	uint16		little = little16(n);

	appendBinaryStringInfo(out, (char *) &little, sizeof(little));
}

static void
put32(StringInfo out, uint32 n)
{
	uint32		little = little32(n);

	appendBinaryStringInfo(out, (char *) &little, sizeof(little));
}

static void
put64(StringInfo out, uint64 n)
{
	uint64		little = little64(n);

	appendBinaryStringInfo(out, (char *) &little, sizeof(little));
}

static bool
is_in_container(const SegMemberSet *set, uint32 i, int64 container)
{
	return i < set->nchunks && seg_set_chunk_number(set, i) >> CONTAINER_SHIFT == container;
}

/* The first of a chunk's words among those of its container. */
static uint32
word_of_chunk(int64 number)
{
	return SEG_CHUNK_WORDS * (uint32) (number & CHUNK_MASK);
}

/* Gathers the container that begins with chunk i; returns the chunk behind it. */
static uint32
gather_container(const SegMemberSet *set, uint32 i, Container *c)
{
	int64		container = seg_set_chunk_number(set, i) >> CONTAINER_SHIFT;

	memset(c->bits, 0, sizeof(c->bits));
	c->first_word = word_of_chunk(seg_set_chunk_number(set, i));
	for (; is_in_container(set, i, container); i++)
	{
		SegChunk	chunk = seg_set_chunk(set, i);

		seg_chunk_expand(&chunk, c->bits + word_of_chunk(chunk.number));
		c->nwords = word_of_chunk(chunk.number) + SEG_CHUNK_WORDS - c->first_word;
	}
	c->head.key = (uint16) container;
	c->head.cardinality = seg_bits_count(c->bits + c->first_word, (int) c->nwords, &c->nruns);
	c->head.size = c->head.cardinality <= MAX_ARRAY ? 2 * c->head.cardinality : BITS_SIZE;
	c->head.has_runs = 2 + 4 * c->nruns < c->head.size;
	if (c->head.has_runs)
		c->head.size = 2 + 4 * c->nruns;
	return i;
}

static void
put_container(StringInfo out, const Container *c)
{
	uint16		runs[BITS_SIZE / sizeof(uint16)];
	uint32		nunits;
	uint32		w;

	if (c->head.has_runs)
	{
		nunits = seg_bits_runs(c->bits, CONTAINER_WORDS, runs);
		put16(out, (uint16) c->nruns);
		for (w = 0; w < nunits; w++)
			put16(out, runs[w]);
		return;
	}
	if (c->head.cardinality > MAX_ARRAY)
	{
		for (w = 0; w < CONTAINER_WORDS; w++)
			put64(out, c->bits[w]);
		return;
	}
	for (w = c->first_word; w < c->first_word + c->nwords; w++)
	{
		uint64		word;

		for (word = c->bits[w]; word != 0; word &= word - 1)
			put16(out, (uint16) (w * 64 + pg_rightmost_one_pos64(word)));
	}
}

/*
 * Everything before the containers.  Where they begin is counted from the cookie,
 * which is where the directory begins.
 */
static void
put_directory(StringInfo out, const ContainerHead *head, uint32 n)
{
	uint32		position;
	bool		has_runs = false;
	uint8		flags = 0;
	uint32		i;

	for (i = 0; i < n; i++)
		has_runs |= head[i].has_runs;
	position = has_runs ? 4 + (n + 7) / 8 : 8;
	position += 4 * n;
	if (!has_runs || n >= NO_OFFSETS_BELOW)
		position += 4 * n;

	if (!has_runs)
	{
		put32(out, COOKIE_NO_RUNS);
		put32(out, n);
	}
	else
	{
		put32(out, COOKIE_RUNS | (n - 1) << 16);
		for (i = 0; i < n; i++)
		{
			flags |= head[i].has_runs << (i % 8);
			if (i % 8 == 7 || i == n - 1)
			{
				appendStringInfoChar(out, (char) flags);
				flags = 0;
			}
		}
	}
	for (i = 0; i < n; i++)
	{
		put16(out, head[i].key);
		put16(out, (uint16) (head[i].cardinality - 1));
	}
	for (i = 0; i < n && (!has_runs || n >= NO_OFFSETS_BELOW); i++)
	{
		put32(out, position);
		position += head[i].size;
	}
}

/* The chunks from number i to before end, whose keys have one upper half. */
static void
put_bitmap(StringInfo out, const SegMemberSet *set, uint32 i, uint32 end)
{
	Container  *c = palloc(sizeof(Container));
	ContainerHead *head = palloc(sizeof(ContainerHead) * Min(end - i, CONTAINER_KEYS));
	StringInfoData containers;
	uint32		n = 0;

	initStringInfo(&containers);
	while (i < end)
	{
		CHECK_FOR_INTERRUPTS();
		i = gather_container(set, i, c);
		put_container(&containers, c);
		head[n++] = c->head;
	}
	put_directory(out, head, n);
	appendBinaryStringInfo(out, containers.data, containers.len);
	pfree(containers.data);
	pfree(head);
	pfree(c);
}

static void
begin_bytea(StringInfo out)
{
	initStringInfo(out);
	appendStringInfoSpaces(out, VARHDRSZ);
}

static bytea *
end_bytea(StringInfo out)
{
	SET_VARSIZE(out->data, out->len);
	return (bytea *) out->data;
}

PG_FUNCTION_INFO_V1(to_roaring);
Datum
to_roaring(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	StringInfoData out;

	if (set->nchunks > 0)
	{
		int64		min = seg_set_min(set);
		int64		max = seg_set_max(set);

		if (min < 0 || max > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("member %lld does not fit into a Roaring bitmap of 32-bit keys",
							(long long) (min < 0 ? min : max)),
					 errdetail("The keys of such a bitmap are 0 to %u.", PG_UINT32_MAX),
					 errhint("Use segments.to_roaring64().")));
	}
	begin_bytea(&out);
	put_bitmap(&out, set, 0, set->nchunks);
	PG_RETURN_BYTEA_P(end_bytea(&out));
}

PG_FUNCTION_INFO_V1(to_roaring64);
Datum
to_roaring64(PG_FUNCTION_ARGS)
{
	SegMemberSet *set = PG_GETARG_SEG_MEMBER_SET_P(0);
	uint32		first = seg_set_seek(set, 0, 0);
	uint64		nhalves = 0;
	uint64		count;
	StringInfoData out;
	uint32		done;
	uint32		i;
	uint32		end;

	begin_bytea(&out);
	put64(&out, nhalves);

	/* from the first chunk that is not negative to the last, then the negative ones */
	for (done = 0; done < set->nchunks; done += end - i)
	{
		int64		half;

		i = (done + first) % set->nchunks;
		half = seg_set_chunk_number(set, i) >> HALF_SHIFT;
		end = seg_set_seek(set, i, (half + 1) * (INT64CONST(1) << HALF_SHIFT));
		put32(&out, (uint32) half);
		put_bitmap(&out, set, i, end);
		nhalves++;
	}
	count = little64(nhalves);
	memcpy(out.data + VARHDRSZ, &count, sizeof(count));
	PG_RETURN_BYTEA_P(end_bytea(&out));
}

/* Import. */

typedef struct Reader
{
	const char *start;			/* of the 32-bit bitmap at hand */
	const char *at;
	const char *end;
} Reader;

static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid Roaring bitmap"),
			 errdetail("%s", detail)));
}

/* Every read goes through this. */
static void
get(Reader *in, void *to, Size size)
{
	if ((Size) (in->end - in->at) < size)
		refuse("The bitmap ends too early.");
	memcpy(to, in->at, size);
	in->at += size;
}

static uint16
get16(Reader *in)
{
	uint16		n;

	get(in, &n, sizeof(n));
	return little16(n);
}

static uint32
get32(Reader *in)
{
	uint32		n;

	get(in, &n, sizeof(n));
	return little32(n);
}

static uint64
get64(Reader *in)
{
	uint64		n;

	get(in, &n, sizeof(n));
	return little64(n);
}

/* The three kinds of container, whose keys begin with base. */

static void
get_array(Reader *in, uint32 cardinality, int64 base, SegSetBuilder *b)
{
	int			previous = -1;

	for (; cardinality > 0; cardinality--)
	{
		int			offset = get16(in);

		if (offset <= previous)
			refuse("The members of a container are not in ascending order.");
		seg_set_builder_add(b, base + offset);
		previous = offset;
	}
}

/* Hands on the words from first to last, as chunks. */
static void
add_words(const uint64 *bits, int first, int last, int64 base, SegSetBuilder *b)
{
	int			chunk;

	for (chunk = first / SEG_CHUNK_WORDS; chunk <= last / SEG_CHUNK_WORDS; chunk++)
		seg_set_builder_add_chunk_bits(b, seg_chunk_of(base) + chunk,
									   bits + chunk * SEG_CHUNK_WORDS);
}

static void
get_runs(Reader *in, uint32 cardinality, int64 base, SegSetBuilder *b)
{
	uint64		bits[CONTAINER_WORDS] = {0};
	int			start = -1;
	int			previous = -1;
	uint32		n = get16(in);

	for (; n > 0; n--)
	{
		int			first = get16(in);
		int			last = first + get16(in);

		if (first <= previous)
			refuse("The runs of a container are not in ascending order.");
		if (last >= CONTAINER_KEYS)
			refuse("A run leaves its container.");
		if (start < 0)
			start = first;
		seg_bits_set_range(bits, first, last);
		cardinality -= last - first + 1;
		previous = last;
	}
	if (cardinality != 0)
		refuse("The cardinality of a container is wrong.");
	add_words(bits, start / 64, previous / 64, base, b);
}

static void
get_bits(Reader *in, uint32 cardinality, int64 base, SegSetBuilder *b)
{
	uint64		bits[CONTAINER_WORDS];
	uint32		nruns;
	int			w;

	for (w = 0; w < CONTAINER_WORDS; w++)
		bits[w] = get64(in);
	if (seg_bits_count(bits, CONTAINER_WORDS, &nruns) != cardinality)
		refuse("The cardinality of a container is wrong.");
	add_words(bits, 0, CONTAINER_WORDS - 1, base, b);
}

/* The number of containers; *flags says which have runs, and is NULL where none has. */
static uint32
get_cookie(Reader *in, const uint8 **flags)
{
	uint32		cookie = get32(in);
	uint32		n;

	*flags = NULL;
	if (cookie == COOKIE_NO_RUNS)
	{
		n = get32(in);
		if (n > CONTAINER_KEYS)
			refuse("There are too many containers.");
		return n;
	}
	if ((cookie & PG_UINT16_MAX) != COOKIE_RUNS)
		refuse("It does not begin with the cookie of the format.");
	n = (cookie >> 16) + 1;
	*flags = (const uint8 *) in->at;
	if ((n + 7) / 8 > in->end - in->at)
		refuse("The bitmap ends too early.");
	in->at += (n + 7) / 8;
	if (n % 8 != 0 && (*flags)[n / 8] >> (n % 8) != 0)
		refuse("There are flags for more containers than there are.");
	return n;
}

/* A bitmap of 32-bit keys, whose upper half is given. */
static void
get_bitmap(Reader *in, uint32 half, SegSetBuilder *b)
{
	const uint8 *flags;
	Reader		heads;
	Reader		positions;
	bool		has_positions;
	int			previous = -1;
	uint32		n;
	uint32		i;

	in->start = in->at;
	n = get_cookie(in, &flags);
	has_positions = (flags == NULL || n >= NO_OFFSETS_BELOW);
	if (n * (has_positions ? 8 : 4) > in->end - in->at)
		refuse("The bitmap ends too early.");
	heads = *in;
	in->at += 4 * n;
	positions = *in;
	in->at += has_positions ? 4 * n : 0;
	for (i = 0; i < n; i++)
	{
		int			key = get16(&heads);
		uint32		cardinality = get16(&heads) + 1;
		int64		base = (int64) ((uint64) half << 32 | (uint64) key << 16);

		CHECK_FOR_INTERRUPTS();
		if (key <= previous)
			refuse("The containers are not in ascending order.");
		if (has_positions && get32(&positions) != in->at - in->start)
			refuse("A container is not where the directory says.");
		if (flags != NULL && (flags[i / 8] >> (i % 8) & 1))
			get_runs(in, cardinality, base, b);
		else if (cardinality <= MAX_ARRAY)
			get_array(in, cardinality, base, b);
		else
			get_bits(in, cardinality, base, b);
		previous = key;
	}
}

static void
open_bytea(Reader *in, bytea *bytes)
{
	in->start = in->at = VARDATA_ANY(bytes);
	in->end = in->at + VARSIZE_ANY_EXHDR(bytes);
}

static void
expect_end(const Reader *in)
{
	if (in->at != in->end)
		refuse("There are bytes behind its end.");
}

PG_FUNCTION_INFO_V1(from_roaring);
Datum
from_roaring(PG_FUNCTION_ARGS)
{
	SegSetBuilder *b = seg_set_builder_create();
	Reader		in;

	open_bytea(&in, PG_GETARG_BYTEA_PP(0));
	get_bitmap(&in, 0, b);
	expect_end(&in);
	PG_RETURN_SEG_MEMBER_SET_P(seg_set_builder_finish(b));
}

PG_FUNCTION_INFO_V1(from_roaring64);
Datum
from_roaring64(PG_FUNCTION_ARGS)
{
	/* the negative keys come last, and are gathered apart so that both parts ascend */
	SegSetBuilder *positive = seg_set_builder_create();
	SegSetBuilder *negative = seg_set_builder_create();
	Reader		in;
	int64		previous = -1;
	uint64		n;

	open_bytea(&in, PG_GETARG_BYTEA_PP(0));
	for (n = get64(&in); n > 0; n--)
	{
		uint32		half = get32(&in);

		if (half <= previous)
			refuse("The upper halves are not in ascending order.");
		get_bitmap(&in, half, half > PG_INT32_MAX ? negative : positive);
		previous = half;
	}
	expect_end(&in);
	PG_RETURN_SEG_MEMBER_SET_P(seg_set_combine(SEG_SET_OR, seg_set_builder_finish(negative),
										  seg_set_builder_finish(positive)));
}
