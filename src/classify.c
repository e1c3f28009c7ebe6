/*
 * classify.c
 *		Which segments does a document belong to, whoever it is about?
 *
 * A backend keeps the rules of a population's active segments in memory, filed under the
 * keys that an index would file them under (gin_rule.h), and compiled (classify_rules.h).  A
 * document is asked about the rules that share a key with it, and about nothing else.  This
 * is the look-up that percolators do; here it costs no page.
 *
 * Which keys documents rarely have is learned from the first that are asked about, after
 * which the rules are filed anew.
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

#include "classify_rules.h"
#include "clock.h"
#include "eval_doc.h"
#include "eval_doc_direct.h"
#include "gin_rule.h"
#include "now.h"
#include "program.h"
#include "registry.h"
#include "ruleset.h"

PG_FUNCTION_INFO_V1(matching_segments);

typedef struct Entry
{
	int32		id;				/* of the segment */
	text	   *name;
	TimestampTz valid_until;
	const SegRule *rule;		/* NULL: it was compiled and is not needed */
	SegEval    *eval;			/* of a rule that is bound, once it was asked for */
} Entry;

typedef struct Classifier
{
	SegPopulation *population;
	pg_tz	   *zone;
	uint64		generation;		/* of the definitions it was built from */
	MemoryContext context;
	int			nentries;
	Entry	   *entries;		/* by segment id; an entry's place is its number among the rules */
	SegRuleSet *rules;
	SegDirect  *direct;
	const SegFrequencies *frequencies;	/* NULL: not learned yet */
	SegKeyCounts *counts;		/* while they are learned */
	int			learned;		/* from so many documents */
	const JsonbContainer *document; /* of this call */
	uint32		nfound;
	uint32	   *found;			/* the rules that hold, in this call */
} Classifier;

/* How many documents tell what keys they have. */
#define LEARN_FROM	100

static List *classifiers = NIL; /* one for each population that was asked about */

static bool is_member_of(void *arg, int32 segment, const void *member);
static bool bound_holds(void *arg, uint32 rule);

/* Building. */

static int
compare_ids(const void *a, const void *b)
{
	return ((const Entry *) a)->id - ((const Entry *) b)->id;
}

/* segments: what is kept of them is copied. */
static void
collect_entries(Classifier *c, List *segments)
{
	ListCell   *lc;

	c->entries = palloc_extended(sizeof(Entry) * (Size) Max(list_length(segments), 1),
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	foreach(lc, segments)
	{
		SegSegment *segment = lfirst(lc);

		if (segment->active && !segment->everyone)
			c->entries[c->nentries++] = (Entry) {segment->id, cstring_to_text(segment->name), segment->valid_until, segment->rule, NULL};
	}
	qsort(c->entries, c->nentries, sizeof(Entry), compare_ids);
}

static void
compile_entries(Classifier *c)
{
	c->rules = seg_rules_begin(c->direct, bound_holds, c);
	for (int i = 0; i < c->nentries; i++)
	{
		Entry	   *entry = &c->entries[i];

		CHECK_FOR_INTERRUPTS();
		entry->rule = seg_rules_add(c->rules, entry->rule, c->frequencies);
	}
	seg_rules_finish(c->rules);
}

/* From the definitions as the active snapshot shows them; f: NULL, or what was learned. */
static Classifier *
build(int32 population, const SegFrequencies *f)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments classifier",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext aside = AllocSetContextCreate(CurrentMemoryContext, "segments definitions",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(aside);
	List	   *segments = seg_segments_of_population(population);
	Classifier *c;

	MemoryContextSwitchTo(context);
	c = palloc0(sizeof(Classifier));
	c->context = context;
	c->generation = seg_definitions_generation();
	c->population = seg_population_bare_by_id(population);
	c->zone = seg_clock_zone(c->population->time_zone);
	c->direct = seg_direct_begin();
	if (f != NULL)
		c->frequencies = seg_frequencies_copy(f);
	else
		c->counts = seg_key_counts_begin();
	collect_entries(c, segments);
	c->found = palloc_extended(sizeof(uint32) * (Size) Max(c->nentries, 1), MCXT_ALLOC_HUGE);
	compile_entries(c);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(aside);
	return c;
}

static Classifier *
build_latest(int32 population, const SegFrequencies *f)
{
	Classifier *c;
	MemoryContext caller;

	PushActiveSnapshot(GetLatestSnapshot());
	c = build(population, f);
	PopActiveSnapshot();

	caller = MemoryContextSwitchTo(CacheMemoryContext);
	classifiers = lappend(classifiers, c);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(c->context, CacheMemoryContext);
	return c;
}

static Classifier *
replace(Classifier *old, const SegFrequencies *f)
{
	Classifier *c = build_latest(old->population->id, f);

	classifiers = list_delete_ptr(classifiers, old);
	MemoryContextDelete(old->context);
	return c;
}

/* One that is kept; name NULL: by id. */
static Classifier *
kept_classifier(int32 population, const char *name)
{
	ListCell   *lc;

	foreach(lc, classifiers)
	{
		Classifier *c = lfirst(lc);

		if (name != NULL ? strcmp(c->population->name, name) == 0 : c->population->id == population)
			return c;
	}
	return NULL;
}

static Classifier *
classifier_of(int32 population)
{
	Classifier *c = kept_classifier(population, NULL);

	if (IsolationUsesXactSnapshot())
		return build(population, NULL);
	if (c != NULL && c->generation == seg_definitions_generation())
		return c;
	if (c == NULL)
		return build_latest(population, NULL);
	return replace(c, c->frequencies);
}

/* Counts the document's keys; when there are enough, what replaces the classifier. */
static Classifier *
learn(Classifier *c, const JsonbContainer *document)
{
	int64	   *keys;
	int			n;

	n = seg_document_keys(document, &keys);
	seg_key_counts_add(c->counts, keys, n);
	pfree(keys);
	if (++c->learned < LEARN_FROM)
		return c;
	return replace(c, seg_key_counts_write(c->counts));
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
	program = seg_bind_document(entry->rule, c->zone, c->population);
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
	Entry		key = {.id = segment};
	Entry	   *entry = bsearch(&key, c->entries, c->nentries, sizeof(Entry), compare_ids);

	check_stack_depth();
	return entry != NULL && entry->valid_until > seg_now() && seg_rules_hold(c->rules, entry - c->entries);
}

/* A rule that was not compiled. */
static bool
bound_holds(void *arg, uint32 rule)
{
	Classifier *c = arg;
	Entry	   *entry = &c->entries[rule];
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (entry->eval == NULL)
		entry->eval = bind_entry(c, entry, now);
	else if (seg_eval_clock(entry->eval)->now != now)
		seg_eval_set_now(entry->eval, now);
	seg_eval_member(entry->eval, c->document);
	return seg_eval_rule(entry->eval, 0);
}

/* Names are anywhere in memory and are asked for ahead. */
#define FETCH_AHEAD		8

static void
add_found(void *arg, uint32 rule)
{
	Classifier *c = arg;

	seg_prefetch(&c->entries[rule]);
	c->found[c->nfound++] = rule;
}

static void
put_names(const Classifier *c, ReturnSetInfo *result)
{
	TimestampTz now = seg_now();
	bool		isnull = false;

	for (uint32 i = 0; i < c->nfound; i++)
	{
		const Entry *entry = &c->entries[c->found[i]];
		Datum		value = PointerGetDatum(entry->name);

		if (i + FETCH_AHEAD < c->nfound)
			seg_prefetch(c->entries[c->found[i + FETCH_AHEAD]].name);
		if (entry->valid_until > now)
			tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
}

static Classifier *
classifier_to_ask(const char *name)
{
	Classifier *c = name == NULL || IsolationUsesXactSnapshot() ? NULL : kept_classifier(0, name);
	SegPopulation *population;

	if (c != NULL && c->generation == seg_definitions_generation())
	{
		seg_check_read(c->population);
		return c;
	}
	population = seg_population_get_bare(name);
	seg_check_read(population);
	return classifier_of(population->id);
}

/*
 * matching_segments(document, population)
 */
Datum
matching_segments(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Classifier *c;
	Jsonb	   *document;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	/* a transaction that goes on for long asks nobody else for them */
	AcceptInvalidationMessages();
	c = classifier_to_ask(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	document = PG_GETARG_JSONB_P(0);
	if (c->counts != NULL && !IsolationUsesXactSnapshot())
		c = learn(c, &document->root);
	c->document = &document->root;
	seg_direct_set_clock(c->direct, GetCurrentTransactionStartTimestamp(), c->zone);
	seg_rules_document(c->rules, c->document);
	c->nfound = 0;
	seg_rules_find(c->rules, add_found, c);
	put_names(c, result);
	return (Datum) 0;
}
