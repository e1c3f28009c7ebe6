/*
 * current.c
 *		Who is a member now.
 *
 * A segment comes chunk by chunk from three sides: the sets, the tail, and those who are due and
 * for whom its rule holds.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "current.h"
#include "now.h"
#include "pass.h"
#include "recheck.h"
#include "state.h"

/* Whatever is stored of a segment, due or not. */
static SegMemberSet *
stored_members(int32 population, const SegSegment *segment)
{
	SegCurrent	stored = {.segment = segment,.population = population};

	return seg_current_all(&stored);
}

SegMemberSet *
seg_current_everybody(const SegRuleset *ruleset)
{
	for (int i = 0; i < ruleset->nsegments; i++)
		if (ruleset->segments[i]->everyone)
			return stored_members(ruleset->population->id, ruleset->segments[i]);
	return seg_set_builder_finish(seg_set_builder_create());
}

SegMemberSet *
seg_current_due(const SegPopulation *population, TimestampTz now)
{
	SegMemberSet *due;
	SegRuleset *ruleset;
	ListCell   *lc;

	if (population->maintenance == SEG_SCHEDULED)
		return NULL;
	due = seg_due_of_all(population->id, now);
	if (!seg_recheck_any(population->id))
		return due;
	ruleset = seg_ruleset_of_snapshot(population->id);
	foreach(lc, seg_rechecks(ruleset))
	{
		const SegRecheck *recheck = lfirst(lc);
		SegMemberSet *members = recheck->members ? recheck->members : seg_current_everybody(ruleset);

		due = due == NULL ? members : seg_set_combine(SEG_SET_OR, due, members);
	}
	return due;
}

/* No evaluation goes back behind what upkeep has done. */
static TimestampTz
moment_for(int32 population, const SegMemberSet *members)
{
	TimestampTz now = seg_now();

	for (uint32 i = 0; i < seg_set_nchunks(members); i++)
		now = Max(now, seg_state_settled(seg_state_chunk(population, seg_set_chunk_number(members, i))));
	return now;
}

/* Evaluating on the spot. */

/* Of a rule; most rules never have any members. */
static SegSetBuilder *
builder_of(SegSetBuilder **builders, int rule)
{
	if (builders[rule] == NULL)
		builders[rule] = seg_set_builder_create();
	return builders[rule];
}

static void
evaluate_few(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, TimestampTz now,
			 SegSetBuilder **builders)
{
	int			n = (int) seg_set_cardinality(members);
	int64	   *numbers = palloc(sizeof(int64) * n);
	Bitmapset **candidates = palloc0(sizeof(Bitmapset *) * n);
	Bitmapset  *needy = NULL;
	SegSetIter	it;
	SegUser		user;
	int			k = 0;

	seg_set_iter_init(&it, members);
	while (seg_set_next(&it, &numbers[k]))
		if (++k == n)
			break;
	seg_ruleset_load(ruleset, &user, n, numbers);
	for (int m = 0; m < n; m++)
		if (seg_live_member(ruleset->live, numbers[m], now))
		{
			candidates[m] = seg_ruleset_candidates(ruleset, rules);
			needy = seg_ruleset_add_needy(ruleset, candidates[m], needy);
		}
	seg_ruleset_load_rows(ruleset, n, numbers, now, needy);
	for (int m = 0; m < n; m++)
		if (seg_live_member(ruleset->live, numbers[m], now))
			for (int i = -1; (i = bms_next_member(candidates[m], i)) >= 0;)
				if (seg_live_rule(ruleset->live, i))
					seg_set_builder_add(builder_of(builders, i), numbers[m]);
	seg_user_restore(&user);
}

/* Rules of a pass, and whose builders they belong to. */
typedef struct PassRules
{
	SegSetBuilder **builders;	/* by rule of the ruleset */
	int		   *numbers;		/* by rule of the pass */
} PassRules;

static void
emit(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	PassRules  *rules = arg;

	seg_set_builder_add_set(builder_of(rules->builders, rules->numbers[rule]), members);
}

static void
evaluate_many(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, TimestampTz now,
			  SegSetBuilder **builders)
{
	int			n = bms_num_members(rules);
	const SegRule **given = palloc(sizeof(SegRule *) * n);
	int32	   *ids = palloc(sizeof(int32) * n);
	PassRules	pass = {.builders = builders,.numbers = palloc(sizeof(int) * n)};
	const SegProgram *program;
	int			k = 0;
	SegUser		user;

	for (int i = -1; (i = bms_next_member(rules, i)) >= 0; k++)
	{
		given[k] = ruleset->rules[i];
		ids[k] = ruleset->segments[i]->id;
		pass.numbers[k] = i;
	}
	seg_user_become_owner(&user, ruleset->population);
	program = seg_bind_population(ruleset->population, n, given, ids);
	seg_user_restore(&user);
	(void) seg_pass_run(program, now, DT_NOEND, members, emit, NULL, &pass);
}

/* What is to be evaluated, and what for. */
typedef struct Evaluation
{
	SegRuleset *ruleset;
	const SegMemberSet *members;
	const Bitmapset *rules;
	TimestampTz now;
	SegSetBuilder **builders;	/* by rule */
} Evaluation;

static void
begin_evaluation(Evaluation *e)
{
	e->builders = palloc0(sizeof(SegSetBuilder *) * e->ruleset->nsegments);
}

static SegMemberSet **
end_evaluation(Evaluation *e)
{
	SegMemberSet **sets = palloc0(sizeof(SegMemberSet *) * e->ruleset->nsegments);
	SegMemberSet *nobody = seg_set_builder_finish(seg_set_builder_create());

	for (int i = -1; (i = bms_next_member(e->rules, i)) >= 0;)
	{
		if (e->builders[i] == NULL)
		{
			sets[i] = nobody;
			continue;
		}
		sets[i] = seg_set_builder_finish(e->builders[i]);
		seg_set_builder_free(e->builders[i]);
	}
	return sets;
}

static void
try_few(void *arg)
{
	Evaluation *e = arg;

	evaluate_few(e->ruleset, e->members, e->rules, e->now, e->builders);
}

SegMemberSet **
seg_current_evaluate_alone(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, TimestampTz now)
{
	Evaluation	e = {.ruleset = ruleset,.members = members,.rules = rules,.now = now};

	begin_evaluation(&e);
	evaluate_many(ruleset, members, rules, now, e.builders);
	return end_evaluation(&e);
}

/* A few are read with all that any rule wants; that can fail for a rule that was not asked for. */
SegMemberSet **
seg_current_evaluate(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, TimestampTz now)
{
	Evaluation	e = {.ruleset = ruleset,.members = members,.rules = rules,.now = now};

	begin_evaluation(&e);
	if (seg_set_cardinality(members) <= SEG_LIVE_MOST && seg_attempt(try_few, &e) == NULL)
		return end_evaluation(&e);
	return seg_current_evaluate_alone(ruleset, members, rules, now);
}

/* One segment. */

void
seg_current_begin(SegCurrent *current, const SegPopulation *population, const SegSegment *segment)
{
	SegRuleset *ruleset;
	int			rule;

	current->segment = segment;
	current->population = population->id;
	current->due = seg_current_due(population, seg_now());
	current->holds = NULL;
	if (current->due == NULL)
		return;
	ruleset = seg_ruleset_of_snapshot(population->id);
	rule = seg_ruleset_find(ruleset, segment->id);
	if (rule < 0)
		current->due = NULL;
	else
		current->holds = seg_current_evaluate(ruleset, current->due, bms_make_singleton(rule),
											  moment_for(population->id, current->due))[rule];
}

/* The row of the first set from a chunk on. */
static SegMemberSet *
next_set(int32 segment, int64 from, int64 *chunk)
{
	SegMemberSet *set = NULL;
	ScanKeyData keys[2];
	SegScan		scan;

	seg_key_int4(&keys[0], SEG_COL_MEMBERSHIP_SEGMENT, segment);
	seg_key_int8(&keys[1], SEG_COL_MEMBERSHIP_CHUNK, BTGreaterEqualStrategyNumber, from);
	seg_scan_begin(&scan, "membership", "membership_segment_chunk", lengthof(keys), keys);
	if (seg_scan_next(&scan))
	{
		set = seg_state_scanned(&scan);
		*chunk = seg_scan_int8(&scan, SEG_COL_MEMBERSHIP_CHUNK);
	}
	seg_scan_end(&scan);
	return set;
}

/* The stored members of a chunk, but for those who are due, and those of them who hold. */
static SegMemberSet *
correct(const SegCurrent *c, int64 chunk, SegMemberSet *stored)
{
	uint64		bits[SEG_CHUNK_WORDS] = {0};
	uint64		other[SEG_CHUNK_WORDS] = {0};
	uint64		any = 0;

	if (c->due == NULL)
		return stored;
	if (stored != NULL)
		seg_set_bits_of_chunk(stored, chunk, bits);
	seg_set_bits_of_chunk(c->due, chunk, other);
	for (int w = 0; w < SEG_CHUNK_WORDS; w++)
		bits[w] &= ~other[w];
	seg_set_bits_of_chunk(c->holds, chunk, other);
	for (int w = 0; w < SEG_CHUNK_WORDS; w++)
		any |= bits[w] |= other[w];
	return any == 0 ? NULL : seg_set_from_bits(chunk, bits);
}

SegMemberSet *
seg_current_next(const SegCurrent *c, int64 from)
{
	for (;;)
	{
		int64		set_chunk = PG_INT64_MAX;
		int64		tail_chunk = PG_INT64_MAX;
		int64		due_chunk = PG_INT64_MAX;
		int64		chunk;
		SegMemberSet *set = next_set(c->segment->id, from, &set_chunk);
		SegTailChunk tail;
		SegMemberSet *members;

		CHECK_FOR_INTERRUPTS();
		(void) seg_tail_next_chunk(c->segment->id, from, &tail_chunk);
		if (c->holds != NULL)
		{
			uint32		at = seg_set_seek(c->holds, 0, from);

			if (at < seg_set_nchunks(c->holds))
				due_chunk = seg_set_chunk_number(c->holds, at);
		}
		chunk = Min(set_chunk, Min(tail_chunk, due_chunk));
		if (chunk == PG_INT64_MAX)
			return NULL;
		members = set_chunk == chunk ? set : NULL;
		if (tail_chunk == chunk && seg_tail_of_segment(c->segment->id, chunk, &tail))
			members = seg_tail_apply(&tail, chunk, members);
		members = correct(c, chunk, members);
		if (members != NULL)
			return members;
		from = chunk + 1;
	}
}

/* How many of those who are due are stored as members. */
static int64
stored_of_due(const SegCurrent *c)
{
	int64		n = 0;

	for (uint32 i = 0; i < seg_set_nchunks(c->due); i++)
	{
		SegMemberSet *stored = seg_state_members(c->population, seg_set_chunk_number(c->due, i), c->segment->id);

		CHECK_FOR_INTERRUPTS();
		if (stored != NULL)
			n += seg_set_cardinality(seg_set_combine(SEG_SET_AND, stored, c->due));
	}
	return n;
}

int64
seg_current_count(const SegCurrent *c)
{
	int64		n = c->segment->members + seg_tail_net(c->segment->id);

	if (c->due != NULL)
		n += seg_set_cardinality(c->holds) - stored_of_due(c);
	return n;
}

SegMemberSet *
seg_current_all(const SegCurrent *c)
{
	SegSetBuilder *builder = seg_set_builder_create();
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "chunk of a segment", ALLOCSET_DEFAULT_SIZES);
	int64		from = SEG_FIRST_CHUNK;
	SegMemberSet *set;

	for (;;)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		set = seg_current_next(c, from);
		MemoryContextSwitchTo(caller);
		if (set == NULL)
			break;
		seg_set_builder_add_set(builder, set);
		from = seg_set_chunk_number(set, 0) + 1;
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	set = seg_set_builder_finish(builder);
	seg_set_builder_free(builder);
	return set;
}

/* One member. */

bool
seg_current_notes(const SegPopulation *population)
{
	return population->maintenance != SEG_SCHEDULED && seg_recheck_any(population->id);
}

/* His chunk; *due: what is stored of him does not count, at *now. */
static SegStateChunk *
look_at(const SegPopulation *population, int64 member, bool notes, bool *due, TimestampTz *now)
{
	SegStateChunk *chunk = seg_state_chunk(population->id, seg_chunk_of(member));

	*now = Max(seg_now(), seg_state_settled(chunk));
	*due = notes || (population->maintenance != SEG_SCHEDULED && seg_due_by(population->id, member, *now));
	return chunk;
}

static SegMemberSet *
only_him(int64 member)
{
	SegSetBuilder *builder = seg_set_builder_create();
	SegMemberSet *set;

	seg_set_builder_add(builder, member);
	set = seg_set_builder_finish(builder);
	seg_set_builder_free(builder);
	return set;
}

bool
seg_current_is(const SegPopulation *population, const SegSegment *segment, int64 member, bool notes)
{
	TimestampTz now;
	bool		due;
	SegStateChunk *chunk = look_at(population, member, notes, &due, &now);
	SegTail		tail = {0};
	const SegTailEntry *last;
	const SegMemberSet *set;

	if (due)
	{
		SegRuleset *ruleset = seg_ruleset_of_snapshot(population->id);
		int			rule = seg_ruleset_find(ruleset, segment->id);

		if (rule >= 0)
			return seg_set_cardinality(seg_current_evaluate(ruleset, only_him(member), bms_make_singleton(rule),
															now)[rule]) > 0;
	}
	seg_tail_of_member(population->id, member, &tail);
	last = seg_tail_find(&tail, segment->id);
	if (last != NULL)
		return last->entered;
	set = seg_state_set(chunk, segment->id);
	return set != NULL && seg_set_contains(set, member);
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static List *
add_name(List *names, SegRuleset *ruleset, int32 segment)
{
	int			rule = ruleset == NULL ? -1 : seg_ruleset_find(ruleset, segment);
	const char *name = rule >= 0 ? ruleset->segments[rule]->name : seg_segment_name(segment);

	/* somebody may have dropped it, or it is that of everyone */
	if (name == NULL || strcmp(name, SEG_EVERYONE) == 0)
		return names;
	return lappend(names, unconstify(char *, name));
}

List *
seg_current_segments(const SegPopulation *population, int64 member)
{
	TimestampTz now;
	bool		due;
	SegStateChunk *chunk = look_at(population, member, seg_current_notes(population), &due, &now);
	SegRuleset *ruleset = due || !IsolationUsesXactSnapshot() ? seg_ruleset_of_snapshot(population->id) : NULL;
	SegTail		tail = {0};
	const SegStateSet *sets;
	List	   *names = NIL;
	int			n;

	seg_tail_of_member(population->id, member, &tail);
	sets = seg_state_sets(chunk, &n);
	for (int i = 0; i < n; i++)
		if (sets[i].members != NULL && seg_set_contains(sets[i].members, member) &&
			seg_tail_find(&tail, sets[i].segment) == NULL &&
			!(due && seg_ruleset_find(ruleset, sets[i].segment) >= 0))
			names = add_name(names, ruleset, sets[i].segment);
	for (int i = 0; i < tail.n; i++)
		if (tail.entries[i].entered && !(due && seg_ruleset_find(ruleset, tail.entries[i].segment) >= 0))
			names = add_name(names, ruleset, tail.entries[i].segment);
	if (due)
	{
		SegMemberSet **holds = seg_current_evaluate(ruleset, only_him(member), ruleset->all, now);

		for (int i = 0; i < ruleset->nsegments; i++)
			if (seg_set_cardinality(holds[i]) > 0)
				names = add_name(names, ruleset, ruleset->segments[i]->id);
	}
	list_sort(names, compare_names);
	return names;
}

int64 *
seg_current_counts(const SegPopulation *population, const List *segments)
{
	int64	   *counts = palloc(sizeof(int64) * Max(list_length(segments), 1));
	SegMemberSet *due = seg_current_due(population, seg_now());
	SegRuleset *ruleset = due == NULL ? NULL : seg_ruleset_of_snapshot(population->id);
	SegMemberSet **holds = due == NULL ? NULL :
		seg_current_evaluate(ruleset, due, ruleset->all, moment_for(population->id, due));
	ListCell   *lc;

	foreach(lc, segments)
	{
		SegCurrent	current = {.segment = lfirst(lc),.population = population->id};
		int			rule = due == NULL ? -1 : seg_ruleset_find(ruleset, current.segment->id);

		if (rule >= 0)
		{
			current.due = due;
			current.holds = holds[rule];
		}
		counts[foreach_current_index(lc)] = seg_current_count(&current);
	}
	return counts;
}
