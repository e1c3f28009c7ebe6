/*
 * gin_rule_frequency.c
 *		How often documents have a key, counted in a sample of them.
 *
 *		frequencies(document)	the aggregate that counts
 *
 * A rule is best filed under what documents rarely have, and only the documents tell what
 * that is.  The counts are given to an index as a parameter of its operator class and so are
 * part of its definition: what a rule is filed under depends on the rule and the index
 * alone, and a dump takes them along.  A look-up asks for all keys of a document, so
 * it finds a rule whichever of its conditions it is filed under; other counts make it try
 * more or fewer rules, and old ones are never wrong.
 *
 * Written down are the keys that most documents have, in the order of their hashes:
 *
 *		| rareness of all other keys, 1 byte | hash, 2 bytes, rareness, 1 byte | ...
 *
 * Rareness is the logarithm of a frequency, RARENESS_STEPS for each halving.  Keys whose
 * hashes are equal have the frequency of the commoner one.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "access/reloptions.h"
#include "common/base64.h"
#include "fmgr.h"
#include "lib/qunique.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "gin_rule.h"

#define RARENESS_STEPS	16
#define RARENESS_MAX	255

/*
 * A row of pg_attribute holds the text.  It must stay below the size from which rows are
 * compressed: PostgreSQL does not expect that of rows that it inserts there.  What a user
 * gives that is longer is refused before it comes there (gin_rule_watch.c).
 */
#define MAX_COMMON		420

/* The bytes that are written down of n common keys. */
#define TEXT_SIZE(n)	(1 + (n) * (int) sizeof(SegFrequency))

/* The characters that they become, in base64. */
#define MAX_TEXT		((TEXT_SIZE(MAX_COMMON) + 2) / 3 * 4)

/* While counting: the rarest keys are forgotten when there are more. */
#define MAX_COUNTED		131072

PG_FUNCTION_INFO_V1(frequencies_count);
PG_FUNCTION_INFO_V1(frequencies_text);
PG_FUNCTION_INFO_V1(segment_rule_options);

/* All of bytes, since a place among an index's parameters is not aligned. */
typedef struct SegFrequency
{
	uint8		hash[2];
	uint8		rareness;
} SegFrequency;

struct SegFrequencies
{
	uint8		n[2];
	uint8		rareness;		/* of all other keys */
	SegFrequency common[FLEXIBLE_ARRAY_MEMBER];	/* by hash */
};

typedef struct KeyCount
{
	int64		key;
	int64		count;
} KeyCount;

struct SegKeyCounts
{
	HTAB	   *keys;
	int64		documents;
	int64		forgotten;		/* a key that is not there was counted so often at most */
};

/* Counting. */

SegKeyCounts *
seg_key_counts_begin(void)
{
	SegKeyCounts *counts = palloc0(sizeof(SegKeyCounts));
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(KeyCount),.hcxt = CurrentMemoryContext};

	counts->keys = hash_create("segments key counts", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return counts;
}

static void
forget_rarest(SegKeyCounts *counts)
{
	HASH_SEQ_STATUS scan;
	KeyCount   *entry;

	counts->forgotten++;
	hash_seq_init(&scan, counts->keys);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->count <= counts->forgotten)
			(void) hash_search(counts->keys, &entry->key, HASH_REMOVE, NULL);
}

void
seg_key_counts_add(SegKeyCounts *counts, const int64 *keys, int n)
{
	counts->documents++;
	for (int i = 0; i < n; i++)
	{
		bool		found;
		KeyCount   *entry;

		entry = hash_search(counts->keys, &keys[i], HASH_ENTER, &found);
		entry->count = found ? entry->count + 1 : counts->forgotten + 1;
	}
	while (hash_get_num_entries(counts->keys) > MAX_COUNTED)
		forget_rarest(counts);
}

/* Writing down. */

static inline void
hash_of(int64 key, uint8 *hash)
{
	hash[0] = (uint8) ((uint64) key >> 56);
	hash[1] = (uint8) ((uint64) key >> 48);
}

static uint8
rareness(double frequency)
{
	return (uint8) Max(0, Min(RARENESS_MAX, lrint(-log2(frequency) * RARENESS_STEPS)));
}

static int
compare_counts(const void *a, const void *b)
{
	const KeyCount *x = a;
	const KeyCount *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key ? 1 : 0;
}

/* The commoner one of two keys whose hashes are equal comes first. */
static int
compare_frequencies(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(SegFrequency));
}

static int
compare_hashes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((SegFrequency *) NULL)->hash));
}

/* The commonest keys, counts[0] first; returns how many there are. */
static int
sort_counts(const SegKeyCounts *counts, KeyCount **sorted)
{
	HASH_SEQ_STATUS scan;
	KeyCount   *entry;
	int			n = 0;

	*sorted = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(KeyCount) * (Size) (hash_get_num_entries(counts->keys) + 1));
	hash_seq_init(&scan, counts->keys);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->count > 1)
			(*sorted)[n++] = *entry;
	qsort(*sorted, n, sizeof(KeyCount), compare_counts);
	return Min(n, MAX_COMMON);
}

static void
set_number(SegFrequencies *f, int n)
{
	uint16		number = (uint16) n;

	memcpy(f->n, &number, sizeof(number));
}

SegFrequencies *
seg_key_counts_write(const SegKeyCounts *counts)
{
	double		documents = Max(counts->documents, 1);
	KeyCount   *sorted;
	int			n = sort_counts(counts, &sorted);
	SegFrequencies *f = palloc0(sizeof(SegFrequencies) + sizeof(SegFrequency) * n);

	for (int i = 0; i < n; i++)
	{
		hash_of(sorted[i].key, f->common[i].hash);
		f->common[i].rareness = rareness(sorted[i].count / documents);
	}
	/* others are half as frequent as the rarest of these */
	f->rareness = rareness((n > 0 ? sorted[n - 1].count : 1) / 2.0 / documents);
	pfree(sorted);
	qsort(f->common, n, sizeof(SegFrequency), compare_frequencies);
	n = (int) qunique(f->common, n, sizeof(SegFrequency), compare_hashes);
	set_number(f, n);
	return f;
}

static int
number_of(const SegFrequencies *f)
{
	uint16		n;

	memcpy(&n, f->n, sizeof(n));
	return n;
}

static Size
size_of(const SegFrequencies *f)
{
	return sizeof(SegFrequencies) + sizeof(SegFrequency) * number_of(f);
}

SegFrequencies *
seg_frequencies_copy(const SegFrequencies *f)
{
	return memcpy(palloc(size_of(f)), f, size_of(f));
}

static double
frequency(uint8 rareness)
{
	static double frequencies[RARENESS_MAX + 1];

	if (frequencies[rareness] == 0)
		frequencies[rareness] = exp2(-(double) rareness / RARENESS_STEPS);
	return frequencies[rareness];
}

/* A rule that is filed asks for some dozens. */
double
seg_frequency_of(const SegFrequencies *f, int64 key)
{
	uint32		wanted = (uint64) key >> 48;
	int			first = 0;
	int			last = number_of(f);

	while (first < last)
	{
		int			middle = (first + last) / 2;
		const SegFrequency *common = &f->common[middle];
		uint32		hash = common->hash[0] << 8 | common->hash[1];

		if (hash == wanted)
			return frequency(common->rareness);
		if (hash < wanted)
			first = middle + 1;
		else
			last = middle;
	}
	return frequency(f->rareness);
}

/* As a parameter. */

static text *
to_text(const SegFrequencies *f)
{
	int			size = TEXT_SIZE(number_of(f));
	int			room = pg_b64_enc_len(size);
	text	   *result = palloc(VARHDRSZ + room);
	int			len = pg_b64_encode((const void *) &f->rareness, size, VARDATA(result), room);

	Assert(len >= 0);
	SET_VARSIZE(result, VARHDRSZ + len);
	return result;
}

/* NULL if they are none. */
static SegFrequencies *
read_text(const char *text)
{
	SegFrequencies *f = palloc0(sizeof(SegFrequencies) + sizeof(SegFrequency) * MAX_COMMON);
	int			size = seg_frequencies_too_long(text) ? -1 :
		pg_b64_decode(text, strlen(text), (void *) &f->rareness, TEXT_SIZE(MAX_COMMON));

	if (size < TEXT_SIZE(0) || (size - TEXT_SIZE(0)) % (int) sizeof(SegFrequency) != 0)
		return NULL;
	set_number(f, (size - TEXT_SIZE(0)) / (int) sizeof(SegFrequency));
	return f;
}

void
seg_frequencies_refuse(const char *text)
{
	Size		len = strlen(text);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid frequencies of keys"),
			 len > MAX_TEXT ?
			 errdetail("A text of %zu characters was given; frequencies have no more than %d.", len, (int) MAX_TEXT) :
			 errdetail("They are base64 of a rareness and of hashes with theirs."),
			 errhint("They are what segments.frequencies(document) returns for a sample of documents.")));
}

bool
seg_frequencies_too_long(const char *text)
{
	return strlen(text) > MAX_TEXT;
}

SegFrequencies *
seg_frequencies_from_text(const char *text)
{
	SegFrequencies *f = read_text(text);

	if (f == NULL)
		seg_frequencies_refuse(text);
	return f;
}

static void
check_parameter(const char *text)
{
	if (text != NULL)
		pfree(seg_frequencies_from_text(text));
}

/* PostgreSQL asks for the size first. */
static Size
fill_parameter(const char *text, void *place)
{
	SegFrequencies *f;
	Size		size;

	if (text == NULL)
		return 0;
	f = seg_frequencies_from_text(text);
	size = size_of(f);
	if (place != NULL)
		memcpy(place, f, size);
	pfree(f);
	return size;
}

/* The parameters of the operator class. */
typedef struct RuleOptions
{
	int32		vl_len_;
	int			frequencies;	/* where they are, for GET_STRING_RELOPTION */
} RuleOptions;

Datum
segment_rule_options(PG_FUNCTION_ARGS)
{
	local_relopts *options = (local_relopts *) PG_GETARG_POINTER(0);

	init_local_reloptions(options, sizeof(RuleOptions));
	add_local_string_reloption(options, "frequencies", "how often documents have a key: what segments.frequencies() returns",
							   NULL, check_parameter, fill_parameter, offsetof(RuleOptions, frequencies));
	PG_RETURN_VOID();
}

const SegFrequencies *
seg_frequencies_of_index(FunctionCallInfo fcinfo)
{
	RuleOptions *options;

	if (!PG_HAS_OPCLASS_OPTIONS())
		return NULL;
	options = (RuleOptions *) PG_GET_OPCLASS_OPTIONS();
	return options->frequencies == 0 ? NULL : (const SegFrequencies *) GET_STRING_RELOPTION(options, frequencies);
}

/* The aggregate. */

Datum
frequencies_count(PG_FUNCTION_ARGS)
{
	SegKeyCounts *counts = PG_ARGISNULL(0) ? NULL : (SegKeyCounts *) PG_GETARG_POINTER(0);
	MemoryContext context;
	int64	   *keys;
	int			n;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "frequencies_count was not called by an aggregate");
	if (counts == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		counts = seg_key_counts_begin();
		MemoryContextSwitchTo(caller);
	}
	if (!PG_ARGISNULL(1))
	{
		n = seg_document_keys(&PG_GETARG_JSONB_P(1)->root, &keys);
		seg_key_counts_add(counts, keys, n);
		pfree(keys);
	}
	PG_RETURN_POINTER(counts);
}

Datum
frequencies_text(PG_FUNCTION_ARGS)
{
	const SegKeyCounts *counts;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	counts = (const SegKeyCounts *) PG_GETARG_POINTER(0);
	if (counts->documents == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(to_text(seg_key_counts_write(counts)));
}
