/*
 * classify.c
 *		Which segments does a document belong to, whoever it is about?
 *
 * A backend keeps the rules of a population's active segments in memory, filed under the
 * keys that an index would file them under (gin_rule.h).  A document is asked about the
 * rules that share a key with it, and about nothing else.  This is the look-up that
 * percolators do; here it costs no page.
 *
 *		slots		an open hash table: key, where its postings begin, how many they are
 *		postings	numbers of entries
 *		entries		a segment each, with its rule
 *
 * Definitions that change send a relcache message for segments.segment; the callback only
 * counts it, and the next look-up builds anew with the latest snapshot.  So an answer may
 * know of definitions that are younger than the statement's snapshot, never of older ones
 * than it.  Where a transaction keeps one snapshot throughout, nothing is kept: every
 * call builds from that snapshot.
 *
 * IN SEGMENT holds for a document if the other segment's rule does.  A document is not among
 * the members that an inactive segment keeps.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "catalog.h"
#include "clock.h"
#include "eval_doc.h"
#include "eval_doc_direct.h"
#include "gin_rule.h"
#include "program.h"
#include "registry.h"

PG_FUNCTION_INFO_V1(matching_segments);

typedef struct Entry
{
	const SegSegment *segment;
	SegEval    *eval;			/* of a rule that is not simple, once it was asked for */
	uint64		found;			/* the call in which it was a candidate last */
	uint64		answered;		/* the call that the answer is for */
	bool		holds;
} Entry;

typedef struct Slot
{
	int64		key;
	uint32		first;			/* in postings */
	uint32		count;			/* 0: the slot is free */
} Slot;

typedef struct Classifier
{
	SegPopulation *population;
	pg_tz	   *zone;
	uint64		generation;		/* of the definitions it was built from */
	MemoryContext context;
	int			nentries;
	Entry	   *entries;		/* by segment id */
	uint32		mask;
	Slot	   *slots;
	uint32	   *postings;
	SegDirect  *direct;
	uint64		call;			/* counts calls */
	const JsonbContainer *document; /* of this call */
} Classifier;

typedef struct Posting
{
	int64		key;
	uint32		entry;
} Posting;

static List *classifiers = NIL; /* one for each population that was asked about */
static uint64 generation = 1;	/* counts changes of definitions */
static bool watching = false;
static Oid	watched = InvalidOid;	/* segments.segment */

static bool entry_holds(Classifier *c, Entry *entry);
static bool is_member_of(void *arg, int32 segment, const void *member);

static void
definitions_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == watched)
		generation++;
}

/* Building. */

static int
compare_ids(const void *a, const void *b)
{
	return ((const Entry *) a)->segment->id - ((const Entry *) b)->segment->id;
}

static int
compare_postings(const void *a, const void *b)
{
	const Posting *x = a;
	const Posting *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry ? 1 : 0;
}

static void
collect_entries(Classifier *c)
{
	List	   *segments = seg_segments_of_population(c->population->id);
	ListCell   *lc;

	c->entries = palloc_extended(sizeof(Entry) * (Size) Max(list_length(segments), 1),
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	foreach(lc, segments)
	{
		SegSegment *segment = lfirst(lc);

		if (segment->active && !segment->everyone)
			c->entries[c->nentries++].segment = segment;
	}
	qsort(c->entries, c->nentries, sizeof(Entry), compare_ids);
}

static Posting *
collect_postings(const Classifier *c, Size *npostings)
{
	Size		room = 1024;
	Posting    *postings = palloc(sizeof(Posting) * room);
	int64		keys[SEG_RULE_MAX_KEYS];

	*npostings = 0;
	for (int i = 0; i < c->nentries; i++)
	{
		int			n = seg_rule_keys(c->entries[i].segment->rule, NULL, keys);

		CHECK_FOR_INTERRUPTS();
		if (*npostings + n > room)
		{
			room *= 2;
			postings = repalloc_huge(postings, sizeof(Posting) * room);
		}
		for (int k = 0; k < n; k++)
			postings[(*npostings)++] = (Posting) {keys[k], (uint32) i};
	}
	if (*npostings > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rules of population \"%s\" have too many keys", c->population->name)));
	qsort(postings, *npostings, sizeof(Posting), compare_postings);
	return postings;
}

static inline uint32
slot_of(const Classifier *c, int64 key)
{
	/* a key is a hash already */
	return (uint32) (key ^ (key >> 32)) & c->mask;
}

static void
file_entries(Classifier *c)
{
	Size		n;
	Posting    *postings = collect_postings(c, &n);
	uint32		nslots = 64;

	while (nslots < n * 2)
		nslots *= 2;
	c->mask = nslots - 1;
	c->slots = palloc_extended(sizeof(Slot) * (Size) nslots, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	c->postings = palloc_extended(sizeof(uint32) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (Size i = 0; i < n;)
	{
		uint32		at = slot_of(c, postings[i].key);
		Size		first = i;

		while (c->slots[at].count > 0)
			at = (at + 1) & c->mask;
		for (; i < n && postings[i].key == postings[first].key; i++)
			c->postings[i] = postings[i].entry;
		c->slots[at] = (Slot) {postings[first].key, (uint32) first, (uint32) (i - first)};
	}
	pfree(postings);
}

/* From the definitions as the active snapshot shows them. */
static Classifier *
build(int32 population)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments classifier",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Classifier *c = palloc0(sizeof(Classifier));

	c->context = context;
	c->generation = generation;
	c->population = seg_population_bare_by_id(population);
	c->zone = seg_clock_zone(c->population->time_zone);
	collect_entries(c);
	file_entries(c);
	c->direct = seg_direct_begin();
	MemoryContextSwitchTo(caller);
	return c;
}

static Classifier *
build_latest(int32 population)
{
	Classifier *c;
	MemoryContext caller;

	PushActiveSnapshot(GetLatestSnapshot());
	c = build(population);
	PopActiveSnapshot();

	caller = MemoryContextSwitchTo(CacheMemoryContext);
	classifiers = lappend(classifiers, c);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(c->context, CacheMemoryContext);
	return c;
}

static Classifier *
classifier_of(int32 population)
{
	ListCell   *lc;

	if (!watching)
		CacheRegisterRelcacheCallback(definitions_changed, (Datum) 0);
	watching = true;
	watched = seg_catalog_relation("segment");
	if (IsolationUsesXactSnapshot())
		return build(population);
	foreach(lc, classifiers)
	{
		Classifier *c = lfirst(lc);

		if (c->population->id != population)
			continue;
		if (c->generation == generation)
			return c;
		classifiers = foreach_delete_current(classifiers, lc);
		MemoryContextDelete(c->context);
	}
	return build_latest(population);
}

/* Asking. */

/* Binding looks other segments up by name, as they were when the rules were read or later. */
static SegEval *
bind_entry(Classifier *c, const Entry *entry, TimestampTz now)
{
	MemoryContext caller = MemoryContextSwitchTo(c->context);
	SegReader	reader = {.arg = c,.member_of = is_member_of};
	SegProgram *program;
	SegEval    *eval;

	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
	program = seg_bind_document(entry->segment->rule, c->zone, c->population);
	PopActiveSnapshot();
	seg_document_reader(&reader);
	eval = seg_eval_begin(program, &reader, now);
	MemoryContextSwitchTo(caller);
	return eval;
}

static bool
is_member_of(void *arg, int32 segment, const void *member)
{
	Classifier *c = arg;
	SegSegment	wanted = {.id = segment};
	Entry		key = {.segment = &wanted};
	Entry	   *entry = bsearch(&key, c->entries, c->nentries, sizeof(Entry), compare_ids);

	check_stack_depth();
	return entry != NULL && entry_holds(c, entry);
}

static bool
bound_holds(Classifier *c, Entry *entry)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (entry->eval == NULL)
		entry->eval = bind_entry(c, entry, now);
	else if (seg_eval_clock(entry->eval)->now != now)
		seg_eval_set_now(entry->eval, now);
	seg_eval_member(entry->eval, c->document);
	return seg_eval_rule(entry->eval, 0);
}

static bool
entry_holds(Classifier *c, Entry *entry)
{
	const SegRule *rule = entry->segment->rule;

	if (entry->answered != c->call)
	{
		entry->holds = (rule->flags & SEG_RULE_SIMPLE) != 0 ?
			seg_direct_holds(c->direct, rule, NULL) : bound_holds(c, entry);
		entry->answered = c->call;
	}
	return entry->holds;
}

static void
put_name(ReturnSetInfo *result, const char *name)
{
	Datum		value = CStringGetTextDatum(name);
	bool		isnull = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	pfree(DatumGetPointer(value));
}

/* The entries under one key that were not found under another. */
static void
look_under(Classifier *c, int64 key, ReturnSetInfo *result)
{
	const Slot *slot;

	for (uint32 at = slot_of(c, key);; at = (at + 1) & c->mask)
	{
		slot = &c->slots[at];
		if (slot->count == 0)
			return;
		if (slot->key == key)
			break;
	}
	for (uint32 i = 0; i < slot->count; i++)
	{
		Entry	   *entry = &c->entries[c->postings[slot->first + i]];

		CHECK_FOR_INTERRUPTS();
		if (entry->found == c->call)
			continue;
		entry->found = c->call;
		if (entry_holds(c, entry))
			put_name(result, entry->segment->name);
	}
}

/*
 * matching_segments(document, population)
 */
Datum
matching_segments(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SegPopulation *population;
	Classifier *c;
	Jsonb	   *document;
	int64	   *keys;
	int			nkeys;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	population = seg_population_get_bare(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	seg_check_read(population);
	document = PG_GETARG_JSONB_P(0);

	c = classifier_of(population->id);
	c->call++;
	c->document = &document->root;
	seg_direct_set_clock(c->direct, GetCurrentTransactionStartTimestamp(), c->zone);
	seg_direct_document(c->direct, c->document, true);
	nkeys = seg_document_keys(c->document, &keys);
	for (int i = 0; i < nkeys; i++)
		look_under(c, keys[i], result);
	return (Datum) 0;
}
