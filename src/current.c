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
	ruleset = seg_ruleset_of_snapshot(population);
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

	for (int i = -1; (i = bms_next_member(rules, i)) >= 0; k++)
	{
		given[k] = ruleset->rules[i];
		ids[k] = ruleset->segments[i]->id;
		pass.numbers[k] = i;
	}
	program = seg_ruleset_bind(ruleset->population, n, given, ids);
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
	ruleset = seg_ruleset_of_snapshot(population);
	rule = seg_ruleset_find(ruleset, segment->id);
	if (rule < 0)
		current->due = NULL;
	else
		current->holds = seg_current_evaluate(ruleset, current->due, bms_make_singleton(rule),
											  moment_for(population->id, current->due))[rule];
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

/* Going through the chunks of a segment, in order: what is stored, the tail, and who is due. */
typedef struct Chunks
{
	const SegCurrent *current;
	MemoryContext context;		/* of the scan */
	SegScan		sets;
	bool		used;			/* the set at hand, so the next has to be read */
	int64		set_chunk;		/* where it is; PG_INT64_MAX: there is none */
	int64		tail_chunk;		/* where the tail speaks of the segment next */
	int64		from;
} Chunks;

static int64
next_of_tail(const SegCurrent *c, int64 from)
{
	int64		chunk;

	return seg_tail_next_chunk(c->segment->id, from, &chunk) ? chunk : PG_INT64_MAX;
}

static void
chunks_begin(Chunks *chunks, const SegCurrent *c, int64 from)
{
	ScanKeyData keys[2];

	*chunks = (Chunks) {.current = c,.context = CurrentMemoryContext,.used = true,.from = from};
	seg_key_int4(&keys[0], SEG_COL_MEMBERSHIP_SEGMENT, c->segment->id);
	seg_key_int8(&keys[1], SEG_COL_MEMBERSHIP_CHUNK, BTGreaterEqualStrategyNumber, from);
	seg_scan_begin(&chunks->sets, SEG_REL_MEMBERSHIP, SEG_REL_MEMBERSHIP_SEGMENT_CHUNK, lengthof(keys), keys);
	chunks->tail_chunk = next_of_tail(c, from);
}

static void
read_set(Chunks *chunks)
{
	MemoryContext caller;
	bool		found;

	if (!chunks->used)
		return;
	/* a scan may keep what it allocates on the way */
	caller = MemoryContextSwitchTo(chunks->context);
	found = seg_scan_next(&chunks->sets);
	MemoryContextSwitchTo(caller);
	chunks->set_chunk = found ? seg_scan_int8(&chunks->sets, SEG_COL_MEMBERSHIP_CHUNK) : PG_INT64_MAX;
	chunks->used = false;
}

static int64
next_of_due(const SegCurrent *c, int64 from)
{
	uint32		at;

	if (c->holds == NULL)
		return PG_INT64_MAX;
	at = seg_set_seek(c->holds, 0, from);
	return at < seg_set_nchunks(c->holds) ? seg_set_chunk_number(c->holds, at) : PG_INT64_MAX;
}

/* The members in the next chunk that has any, palloc'd; NULL: that was the last. */
static SegMemberSet *
chunks_next(Chunks *chunks)
{
	const SegCurrent *c = chunks->current;

	for (;;)
	{
		SegMemberSet *members = NULL;
		SegTailChunk tail;
		int64		chunk;

		CHECK_FOR_INTERRUPTS();
		read_set(chunks);
		chunk = Min(chunks->set_chunk, Min(chunks->tail_chunk, next_of_due(c, chunks->from)));
		if (chunk == PG_INT64_MAX)
			return NULL;
		chunks->from = chunk + 1;
		if (chunks->set_chunk == chunk)
		{
			members = seg_state_scanned(&chunks->sets, SEG_COL_MEMBERSHIP_MEMBERS);
			chunks->used = true;
		}
		if (chunks->tail_chunk == chunk)
		{
			if (seg_tail_of_segment(c->segment->id, chunk, &tail))
				members = seg_tail_apply(&tail, chunk, members);
			chunks->tail_chunk = next_of_tail(c, chunk + 1);
		}
		members = correct(c, chunk, members);
		if (members != NULL)
			return members;
	}
}

static void
chunks_end(Chunks *chunks)
{
	seg_scan_end(&chunks->sets);
}

SegMemberSet *
seg_current_next(const SegCurrent *c, int64 from)
{
	Chunks		chunks;
	SegMemberSet *members;

	chunks_begin(&chunks, c, from);
	members = chunks_next(&chunks);
	chunks_end(&chunks);
	return members;
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
	Chunks		chunks;
	SegMemberSet *set;

	chunks_begin(&chunks, c, SEG_FIRST_CHUNK);
	for (;;)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		set = chunks_next(&chunks);
		MemoryContextSwitchTo(caller);
		if (set == NULL)
			break;
		seg_set_builder_add_set(builder, set);
		MemoryContextReset(context);
	}
	chunks_end(&chunks);
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
		SegRuleset *ruleset = seg_ruleset_of_snapshot(population);
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
	SegRuleset *ruleset = due || !IsolationUsesXactSnapshot() ? seg_ruleset_of_snapshot(population) : NULL;
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
	SegRuleset *ruleset = due == NULL ? NULL : seg_ruleset_of_snapshot(population);
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
