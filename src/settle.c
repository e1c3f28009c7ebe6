/*
 * settle.c
 *		Evaluating members, and recording how they differ from what is stored.
 *
 * A few members are evaluated one by one (live.h), many in a pass.  Either way the answer is
 * compared with what is stored, so that whatever was wrong there is mended by the next touch.
 *
 * When somebody has to be evaluated again is written where nothing earlier is: of the rules that
 * were evaluated alone, since what the others wait for was written when they were.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "borrow.h"
#include "feed.h"
#include "lock.h"
#include "settle.h"
#include "store.h"

/* What was found of one member. */
typedef struct Finding
{
	int64		member;
	SegChunkVersion chunk;		/* his chunk's */
	SegTail		tail;			/* what it says of him */
	bool		due;			/* he was due; all rules were evaluated */
	bool		exists;
	TimestampTz now;
	TimestampTz until;
	Bitmapset  *rules;			/* that were evaluated */
	Bitmapset  *holds;			/* that hold */
} Finding;

/* A few. */

static Bitmapset *
add_rule(Bitmapset *rules, const SegRuleset *ruleset, int32 segment)
{
	int			rule = seg_ruleset_find(ruleset, segment);

	return rule < 0 ? rules : bms_add_member(rules, rule);
}

/* The rules of whose segments he is a member as far as that is stored. */
static Bitmapset *
stored_rules(const SegRuleset *ruleset, const Finding *f)
{
	int32		population = ruleset->population->id;
	const SegStateSet *sets;
	Bitmapset  *rules = NULL;
	int			n;

	for (int i = 0; i < f->tail.n; i++)
		rules = add_rule(rules, ruleset, f->tail.entries[i].segment);
	sets = seg_state_sets(seg_state_chunk_again(population, seg_chunk_of(f->member), f->chunk), &n);
	for (int i = 0; i < n; i++)
		if (sets[i].members != NULL && seg_set_contains(sets[i].members, f->member))
			rules = add_rule(rules, ruleset, sets[i].segment);
	return rules;
}

/* Where there are many rules, those alone that he can come to fulfil, or to fulfil no more. */
static Bitmapset *
rules_in_question(const SegRuleset *ruleset, const Finding *f)
{
	Bitmapset  *rules;
	Bitmapset  *stored;

	if (ruleset->anchors == NULL)
		return f->rules;
	rules = f->exists ? seg_ruleset_candidates(ruleset, f->rules) : NULL;
	if (!f->exists || seg_ruleset_may_regroup(ruleset, f->rules))
	{
		stored = stored_rules(ruleset, f);
		rules = bms_add_members(rules, bms_int_members(stored, f->rules));
	}
	return rules;
}

static void
evaluate(SegRuleset *ruleset, Finding *f)
{
	f->until = DT_NOEND;
	f->holds = NULL;
	if (!seg_live_member(ruleset->live, f->member, f->now))
		return;
	for (int i = -1; (i = bms_next_member(f->rules, i)) >= 0;)
	{
		TimestampTz until = seg_live_until(ruleset->live, i);

		if (seg_live_rule(ruleset->live, i))
			f->holds = bms_add_member(f->holds, i);
		f->until = Min(f->until, until);
	}
}

static int64
record_changes(SegRuleset *ruleset, const Finding *f, SegStateChunk *chunk, SegTailWriter *writer, SegReason reason)
{
	int64		changes = 0;

	for (int i = -1; (i = bms_next_member(f->rules, i)) >= 0;)
	{
		int32		segment = ruleset->segments[i]->id;
		const SegTailEntry *last = seg_tail_find(&f->tail, segment);
		bool		holds = bms_is_member(i, f->holds);
		bool		was;

		if (last != NULL)
			was = last->entered;
		else
		{
			const SegMemberSet *set = seg_state_set(chunk, segment);

			was = set != NULL && seg_set_contains(set, f->member);
		}
		if (holds == was)
			continue;
		seg_tail_append(writer, f->member, segment, holds, f->now, reason);
		if (ruleset->segments[i]->notify)
			seg_feed_notify(ruleset->population, ruleset->segments[i]);
		changes++;
	}
	return changes;
}

static void
record_until(int32 population, const Finding *f, SegStateChunk *chunk, bool exclusive)
{
	TimestampTz at = seg_due_round(f->until, f->now);
	SegSetBuilder *builder;

	if (f->due && !exclusive)
		seg_due_settle_one(population, f->member, f->now);
	if (TIMESTAMP_IS_NOEND(f->until) || seg_state_due_later(chunk, f->member, f->now, at))
		return;
	builder = seg_set_builder_create();
	seg_set_builder_add(builder, f->member);
	seg_due_add(population, seg_chunk_of(f->member), at, seg_set_builder_finish(builder));
	seg_set_builder_free(builder);
	seg_state_due_added(chunk, f->member, at);
}

/* A few members, what is asked about them, and what was found. */
typedef struct Few
{
	SegRuleset *ruleset;
	int			n;
	Finding    *findings;
	int64	   *members;
	TimestampTz now;			/* the earliest of theirs */
} Few;

static void
evaluate_few(void *arg)
{
	Few		   *few = arg;
	Bitmapset  *needy = NULL;
	SegBorrow	borrow;
	SegUser		user;

	seg_borrow_begin(&borrow);
	seg_ruleset_load(few->ruleset, &user, few->n, few->members);
	for (int i = 0; i < few->n; i++)
	{
		Finding    *f = &few->findings[i];

		f->exists = seg_live_member(few->ruleset->live, f->member, f->now);
		f->rules = rules_in_question(few->ruleset, f);
		if (f->exists)
			needy = seg_ruleset_add_needy(few->ruleset, f->rules, needy);
	}
	seg_ruleset_load_rows(few->ruleset, few->n, few->members, few->now, needy);
	for (int i = 0; i < few->n; i++)
		evaluate(few->ruleset, &few->findings[i]);
	seg_user_restore(&user);
	seg_borrow_end(&borrow);
}

static void
begin_few(Few *few, const SegMemberSet *members, const Bitmapset *rules, TimestampTz now)
{
	int32		population = few->ruleset->population->id;
	SegStateChunk *chunk = NULL;
	SegSetIter	it;
	int64		member;

	few->n = (int) seg_set_cardinality(members);
	few->findings = palloc0(sizeof(Finding) * few->n);
	few->members = palloc(sizeof(int64) * few->n);
	few->now = DT_NOEND;
	seg_set_iter_init(&it, members);
	for (int i = 0; seg_set_next(&it, &member); i++)
	{
		Finding    *f = &few->findings[i];

		few->members[i] = f->member = member;
		if (chunk == NULL || seg_state_number(chunk) != seg_chunk_of(member))
			chunk = seg_state_chunk(population, seg_chunk_of(member));
		f->chunk = seg_state_version(chunk);
		f->now = Max(now, seg_state_settled(chunk));
		f->due = seg_due_by(population, member, f->now);
		seg_tail_of_member(population, member, &f->tail);
		f->rules = f->due ? few->ruleset->all : unconstify(Bitmapset *, rules);
		few->now = Min(few->now, f->now);
	}
}

static int64
settle_few(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, SegReason reason, bool exclusive,
		   TimestampTz now)
{
	int32		population = ruleset->population->id;
	Few			few = {.ruleset = ruleset};
	SegTailWriter writer;
	int64		changes = 0;

	begin_few(&few, members, rules, now);
	if (seg_attempt(evaluate_few, &few) != NULL)
		return -1;
	seg_tail_writer_init(&writer, population);
	for (int i = 0; i < few.n; i++)
	{
		const Finding *f = &few.findings[i];
		SegStateChunk *chunk = seg_state_chunk_again(population, seg_chunk_of(f->member), f->chunk);

		changes += record_changes(ruleset, f, chunk, &writer, reason);
		record_until(population, f, chunk, exclusive);
	}
	seg_tail_writer_end(&writer);
	return changes;
}

/* Many. */

/* The latest moment that any of their chunks was settled for, or now. */
static TimestampTz
moment_for(int32 population, const SegMemberSet *members, TimestampTz now)
{
	for (uint32 i = 0; i < seg_set_nchunks(members); i++)
	{
		CHECK_FOR_INTERRUPTS();
		now = Max(now, seg_state_settled(seg_state_chunk(population, seg_set_chunk_number(members, i))));
	}
	return now;
}

static int64
settle_set(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, SegReason reason, TimestampTz now)
{
	int			n = bms_num_members(rules);
	const SegSegment **segments = palloc(sizeof(SegSegment *) * n);
	const SegRule **given = palloc(sizeof(SegRule *) * n);
	int32	   *ids = palloc(sizeof(int32) * n);
	SegStoreTask task = {.population = ruleset->population,.nsegments = n,.segments = segments,.only = members,
	.reason = reason,.now = now};
	const SegProgram *program = ruleset->program;
	int			k = 0;

	for (int i = -1; (i = bms_next_member(rules, i)) >= 0; k++)
	{
		segments[k] = ruleset->segments[i];
		given[k] = ruleset->rules[i];
		ids[k] = segments[k]->id;
	}
	if (n < ruleset->nsegments)
		program = seg_ruleset_bind(ruleset->population, n, given, ids);
	return seg_store_build(&task, program);
}

/* Of the members, those who are due, and the rest. */
static void
divide(int32 population, const SegMemberSet *members, TimestampTz now, SegMemberSet **due, SegMemberSet **rest)
{
	SegMemberSet *all = seg_due_of_all(population, now);

	*due = all == NULL ? NULL : seg_set_combine(SEG_SET_AND, all, members);
	*rest = all == NULL ? unconstify(SegMemberSet *, members) : seg_set_combine(SEG_SET_ANDNOT, members, all);
}

/* Many members, and how many changes there were. */
typedef struct Many
{
	SegRuleset *ruleset;
	const SegMemberSet *members;
	const Bitmapset *rules;
	SegReason	reason;
	TimestampTz now;
	int64		changes;
} Many;

static void
settle_many(void *arg)
{
	Many	   *many = arg;
	int32		population = many->ruleset->population->id;
	TimestampTz now = moment_for(population, many->members, many->now);
	SegMemberSet *due;
	SegMemberSet *rest;

	divide(population, many->members, now, &due, &rest);
	if (due != NULL && seg_set_cardinality(due) > 0)
		many->changes += settle_set(many->ruleset, due, many->ruleset->all, many->reason, now);
	if (seg_set_cardinality(rest) > 0)
		many->changes += settle_set(many->ruleset, rest, many->rules, many->reason, now);
}

/* They were evaluated for now, or for what their chunks were settled for, if that is later. */
static void
end_due(int32 population, const SegMemberSet *members, TimestampTz now)
{
	SegUser		user;

	seg_user_become_extension(&user);
	SPI_connect();
	for (uint32 i = 0; i < seg_set_nchunks(members); i++)
	{
		int64		chunk = seg_set_chunk_number(members, i);
		TimestampTz moment = Max(now, seg_state_settled(seg_state_chunk(population, chunk)));

		seg_due_settle(population, chunk, moment, members);
		seg_state_touch(population, chunk, moment, true);
	}
	SPI_finish();
	seg_user_restore(&user);
}

int64
seg_settle(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, SegReason reason, TimestampTz now,
		   bool exclusive)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments settle", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Many		many = {.ruleset = ruleset,.members = members,.rules = rules,.reason = reason,.now = now};
	int64		changes;

	if (seg_set_cardinality(members) <= SEG_LIVE_MOST)
		changes = settle_few(ruleset, members, rules, reason, exclusive, now);
	else
		changes = seg_attempt(settle_many, &many) == NULL ? many.changes : -1;
	if (exclusive && changes >= 0)
		end_due(ruleset->population->id, members, now);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return changes;
}

/* Buckets. */

SegMemberSet *
seg_settle_lock(int32 population, const SegMemberSet *members, SegMemberSet **others)
{
	/* 0: not tried, 1: got, 2: somebody else has it */
	char		buckets[SEG_BUCKETS] = {0};
	SegSetBuilder *got = seg_set_builder_create();
	SegSetBuilder *missed = NULL;
	SegSetIter	it;
	int64		member;

	seg_set_iter_init(&it, members);
	while (seg_set_next(&it, &member))
	{
		int			bucket = seg_bucket_of(member);

		if (buckets[bucket] == 0)
			buckets[bucket] = seg_lock_bucket(population, bucket) ? 1 : 2;
		if (buckets[bucket] == 2 && missed == NULL)
			missed = seg_set_builder_create();
		seg_set_builder_add(buckets[bucket] == 1 ? got : missed, member);
	}
	*others = missed == NULL ? NULL : seg_set_builder_finish(missed);
	return seg_set_builder_finish(got);
}

void
seg_settle_doubt(int32 population, const SegMemberSet *members)
{
	for (uint32 i = 0; i < seg_set_nchunks(members); i++)
	{
		int64		chunk = seg_set_chunk_number(members, i);
		SegChunk	c = seg_set_chunk(members, i);
		uint64		bits[SEG_CHUNK_WORDS];

		CHECK_FOR_INTERRUPTS();
		seg_chunk_expand(&c, bits);
		seg_due_add(population, chunk, SEG_IN_DOUBT, seg_set_from_bits(chunk, bits));
	}
}
