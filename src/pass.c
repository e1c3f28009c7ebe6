/*
 * pass.c
 *		A pass over a population: every rule of a program for every member.
 *
 * Each relation is read once, all under one snapshot (pass_read.c), into partitions by chunk of
 * members (partition.c).  Partition by partition the members are taken in order, a chunk at a
 * time; the rows of sources lie in the same order beside them, and both are evaluated
 * together (batch.c).
 *
 * Reading and evaluating are done with the rights of the population's owner, since rules may
 * call operators of the user's.  Results are handed out with the caller's rights, many
 * at a time, because changing rights has its price.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "batch.h"
#include "borrow.h"
#include "dictionary.h"
#include "partition.h"
#include "pass.h"
#include "pass_group.h"
#include "pass_parallel.h"
#include "pass_read.h"
#include "state.h"

/* Results are handed out when they take so many bytes. */
#define HELD_BYTES	(1024 * 1024)

/* Of a rule, or until when the answers of all rules last. */
typedef struct Result
{
	int			rule;
	int64		chunk;
	SegMemberSet *members;		/* NULL: the latter */
	int			n;
	int64	   *keys;
	TimestampTz *until;
} Result;

/* Stored members of a segment in one chunk. */
typedef struct Stored
{
	int32		segment;
	int64		chunk;
	SegMemberSet *members;		/* NULL: none */
} Stored;

typedef struct Pass
{
	const SegProgram *program;
	SegReading *reading;
	SegPartition partition;
	SegEval    *eval;
	MemoryContext context;
	SegBatch   *batch;
	SegGroups  *groups;			/* NULL: every rule is asked about everybody */
	Size	   *next;			/* by relation: the first row that is not of a chunk before */
	const SegRow ***rows;		/* by relation: the rows from there on */
	Size	   *nrows;
	int64		nmembers;
	List	   *stored;			/* of Stored * */

	int64		chunk;			/* at hand */
	TimestampTz *ends;			/* by member of the chunk: until when answers last, as far as asked */

	SegUser		user;
	SegBorrow	borrow;			/* tables are locked for as long as they are read */
	MemoryContext caller;		/* in which results are handed out */
	SegPassEmit emit;
	SegPassUntil until;
	void	   *arg;
	MemoryContext held_context;
	Result	   *held;
	int			nheld;
	int			maxheld;
	Size		held_bytes;
} Pass;

/* What the evaluator reads through. */

static void
get_column(void *arg, const SegRelation *relation, const void *row, int column, SegValue *out)
{
	Pass	   *pass = arg;
	const SegRow *r = row;

	seg_layout_value(&pass->reading->layouts[r->relation], r, column, seg_eval_clock(pass->eval), out);
}

static int
get_rows(void *arg, const SegProgram *program, int relation, const void *member, const void *parent,
		 const void ***rows)
{
	return seg_batch_member_rows(((Pass *) arg)->batch, relation, rows);
}

/* The entry for a segment's stored members, with those of the chunk at hand. */
static Stored *
get_stored(Pass *pass, int32 segment)
{
	Stored	   *stored = NULL;
	MemoryContext caller;
	ListCell   *lc;

	foreach(lc, pass->stored)
		if (((Stored *) lfirst(lc))->segment == segment)
			stored = lfirst(lc);
	if (stored != NULL && stored->chunk == pass->chunk)
		return stored;

	caller = MemoryContextSwitchTo(pass->context);
	if (stored == NULL)
	{
		stored = palloc0(sizeof(Stored));
		stored->segment = segment;
		pass->stored = lappend(pass->stored, stored);
	}
	else if (stored->members)
		pfree(stored->members);
	stored->chunk = pass->chunk;
	stored->members = seg_state_members(pass->program->population->id, pass->chunk, segment);
	MemoryContextSwitchTo(caller);
	return stored;
}

static bool
is_member_of(void *arg, int32 segment, const void *member)
{
	Stored	   *stored = get_stored(arg, segment);

	return stored->members != NULL && seg_set_contains(stored->members, ((const SegRow *) member)->member);
}

/* Results. */

/* Hands out what is held. */
static void
hand_out(Pass *pass)
{
	seg_user_restore(&pass->user);
	seg_borrow_leave(&pass->borrow);
	MemoryContextSwitchTo(pass->caller);
	for (int i = 0; i < pass->nheld; i++)
	{
		const Result *result = &pass->held[i];

		CHECK_FOR_INTERRUPTS();
		if (result->members != NULL)
			pass->emit(pass->arg, result->rule, result->chunk, result->members);
		else
			pass->until(pass->arg, result->chunk, result->n, result->keys, result->until);
	}
	MemoryContextSwitchTo(pass->context);
	seg_borrow_return(&pass->borrow);
	seg_user_become_owner(&pass->user, pass->program->population);
	pass->nheld = 0;
	pass->held_bytes = 0;
	MemoryContextReset(pass->held_context);
}

/* A place for one more. */
static Result *
new_result(Pass *pass)
{
	Result	   *result;

	if (pass->nheld == pass->maxheld)
	{
		pass->maxheld *= 2;
		pass->held = repalloc_huge(pass->held, sizeof(Result) * pass->maxheld);
	}
	result = &pass->held[pass->nheld++];
	memset(result, 0, sizeof(Result));
	result->chunk = pass->chunk;
	return result;
}

static void
hold(Pass *pass, int rule, const uint64 *bits)
{
	Result	   *result = new_result(pass);
	MemoryContext caller = MemoryContextSwitchTo(pass->held_context);

	result->rule = rule;
	result->members = seg_set_from_bits(pass->chunk, bits);
	pass->held_bytes += sizeof(Result) + VARSIZE(result->members);
	MemoryContextSwitchTo(caller);
}

static inline TimestampTz *
end_of(const Pass *pass, const SegRow *member)
{
	return &pass->ends[member->member & SEG_CHUNK_MASK];
}

static void
hold_until(Pass *pass, const SegRow **members, int n)
{
	Result	   *result = new_result(pass);
	Size		size = sizeof(int64) * n;

	result->n = n;
	result->keys = MemoryContextAlloc(pass->held_context, size);
	result->until = MemoryContextAlloc(pass->held_context, size);
	for (int i = 0; i < n; i++)
	{
		result->keys[i] = members[i]->member;
		result->until[i] = *end_of(pass, members[i]);
	}
	pass->held_bytes += 2 * size;
}

/* Evaluating. */

static void
refuse_duplicate(const Pass *pass, int64 member)
{
	const SegPopulation *population = pass->program->population;

	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("key %s stands in more than one row of population \"%s\"",
					seg_dictionary_key(population, member), population->name),
			 errdetail("Column \"%s\" has to be unique.", population->key)));
}

/* The members from first on that lie in one chunk, and the rows of sources that may be theirs. */
static int
take_chunk(Pass *pass, Size first)
{
	const SegRow **members = pass->partition.rows[0] + first;
	Size		left = pass->partition.nrows[0] - first;
	Size		n;

	pass->chunk = seg_chunk_of(members[0]->member);
	for (n = 1; n < left && seg_chunk_of(members[n]->member) == pass->chunk; n++)
		if (members[n]->member == members[n - 1]->member)
			refuse_duplicate(pass, members[n]->member);
	for (int r = 1; r < list_length(pass->program->relations); r++)
	{
		const SegRow **rows = pass->partition.rows[r];
		Size		end = pass->partition.nrows[r];
		Size		next = pass->next[r];

		while (next < end && seg_chunk_of(rows[next]->member) < pass->chunk)
			next++;
		pass->rows[r] = rows + next;
		pass->nrows[r] = next;
		while (next < end && seg_chunk_of(rows[next]->member) == pass->chunk)
			next++;
		pass->nrows[r] = next - pass->nrows[r];
		pass->next[r] = next;
	}
	return (int) n;
}

/* From the numbers of members within the chunk at hand to their keys. */
static bool
to_chunk_bits(const SegRow **members, int n, const uint64 *holds, uint64 bits[SEG_CHUNK_WORDS])
{
	uint64		any = 0;

	for (int w = 0; w < (n + 63) / 64; w++)
		any |= holds[w];
	if (any == 0)
		return false;
	if (n == SEG_CHUNK_KEYS)
	{
		memcpy(bits, holds, sizeof(uint64) * SEG_CHUNK_WORDS);
		return true;
	}
	memset(bits, 0, sizeof(uint64) * SEG_CHUNK_WORDS);
	for (int w = 0; w < (n + 63) / 64; w++)
	{
		for (uint64 word = holds[w]; word != 0; word &= word - 1)
		{
			int			offset = (int) (members[w * 64 + pg_rightmost_one_pos64(word)]->member & SEG_CHUNK_MASK);

			bits[offset / 64] |= UINT64CONST(1) << (offset % 64);
		}
	}
	return true;
}

/* One rule, for the members loaded. */
static void
evaluate_rule(Pass *pass, int rule, const SegRow **members, int n)
{
	uint64		bits[SEG_CHUNK_WORDS];

	if (to_chunk_bits(members, n, seg_batch_rule(pass->batch, rule), bits))
		hold(pass, rule, bits);
	if (pass->held_bytes >= HELD_BYTES)
		hand_out(pass);
}

/* The end of the answers of the rules in question, for the members loaded. */
static void
evaluate_until(Pass *pass, const SegRow **members, int n)
{
	const TimestampTz *until = seg_batch_until(pass->batch);

	for (int i = 0; i < n; i++)
	{
		TimestampTz *end = end_of(pass, members[i]);

		*end = Min(*end, until[i]);
	}
}

static void
evaluate_groups(Pass *pass, const SegRow **members, int count)
{
	const SegGroup *groups;
	int			ngroups = seg_groups_of(pass->groups, &pass->reading->layouts[0], seg_eval_clock(pass->eval),
										members, count, &groups);

	for (int i = 0; i < ngroups; i++)
	{
		const SegGroup *group = &groups[i];

		if (group->rules.n == 0)
			continue;
		seg_batch_load(pass->batch, group->members, group->nmembers, pass->rows, pass->nrows);
		seg_batch_want(pass->batch, group->rules.rules, group->rules.n);
		for (int k = 0; pass->emit != NULL && k < group->rules.n; k++)
			evaluate_rule(pass, group->rules.rules[k], group->members, group->nmembers);
		if (pass->until != NULL)
			evaluate_until(pass, group->members, group->nmembers);
	}
}

static void
evaluate_together(Pass *pass, const SegRow **members, int count)
{
	seg_batch_load(pass->batch, members, count, pass->rows, pass->nrows);
	for (int rule = 0; pass->emit != NULL && rule < pass->program->nrules; rule++)
		evaluate_rule(pass, rule, members, count);
	if (pass->until != NULL)
		evaluate_until(pass, members, count);
}

/* The members of a chunk. */
static void
evaluate_chunk(Pass *pass, const SegRow **members, int count)
{
	for (int i = 0; pass->until != NULL && i < count; i++)
		*end_of(pass, members[i]) = DT_NOEND;
	if (pass->groups != NULL)
		evaluate_groups(pass, members, count);
	else
		evaluate_together(pass, members, count);
	if (pass->until != NULL)
		hold_until(pass, members, count);
	if (pass->held_bytes >= HELD_BYTES)
		hand_out(pass);
}

static void
evaluate_partition(Pass *pass)
{
	const SegRow **members = pass->partition.rows[0];
	Size		n = pass->partition.nrows[0];

	memset(pass->next, 0, sizeof(Size) * list_length(pass->program->relations));
	for (Size first = 0; first < n;)
	{
		int			count = take_chunk(pass, first);

		evaluate_chunk(pass, members + first, count);
		first += count;
		pass->nmembers += count;
	}
}

static void
evaluate(Pass *pass)
{
	seg_user_become_owner(&pass->user, pass->program->population);
	pass->batch = seg_batch_begin(pass->program, pass->eval, pass->reading->layouts, pass->until != NULL);
	pass->groups = seg_groups_plan(pass->program);
	while (seg_partitions_next(pass->reading->partitions, &pass->partition))
		evaluate_partition(pass);
	hand_out(pass);
	seg_user_restore(&pass->user);
	seg_partitions_free(pass->reading->partitions);
}

/* The snapshot to read with: it sees a number for every key that it sees. */
static void
push_snapshot(const SegProgram *program, const SegMemberSet *only)
{
	PushActiveSnapshot(GetActiveSnapshot());
	if (!program->population->dictionary || only != NULL)
		return;
	while (seg_dictionary_complete(program->population) > 0)
	{
		PopActiveSnapshot();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
}

static void
init_pass(Pass *pass, const SegProgram *program, TimestampTz now)
{
	SegReader	reader = {.arg = pass,.column = get_column,.rows = get_rows,.member_of = is_member_of};
	int			nrelations = list_length(program->relations);

	memset(pass, 0, sizeof(Pass));
	pass->program = program;
	pass->context = CurrentMemoryContext;
	pass->eval = seg_eval_begin(program, &reader, now);
	pass->next = palloc0(sizeof(Size) * nrelations);
	pass->rows = palloc0(sizeof(SegRow **) * nrelations);
	pass->nrows = palloc0(sizeof(Size) * nrelations);
	pass->ends = palloc(sizeof(TimestampTz) * SEG_CHUNK_KEYS);
	pass->maxheld = 1024;
	pass->held = palloc(sizeof(Result) * pass->maxheld);
	pass->held_context = AllocSetContextCreate(pass->context, "segments results", ALLOCSET_DEFAULT_SIZES);
}

int64
seg_pass_share(const SegProgram *program, TimestampTz now, TimestampTz hide_from, const SegMemberSet *only,
			   const SegShare *share, SegPassEmit emit, SegPassUntil until, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "segments pass", ALLOCSET_DEFAULT_SIZES);
	Pass		pass;

	MemoryContextSwitchTo(context);
	init_pass(&pass, program, now);
	pass.caller = caller;
	pass.emit = emit;
	pass.until = until;
	pass.arg = arg;
	seg_borrow_begin(&pass.borrow);
	pass.reading = seg_pass_read(pass.eval, hide_from, until != NULL, only, share);
	evaluate(&pass);
	seg_borrow_end(&pass.borrow);
	seg_eval_end(pass.eval);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return pass.nmembers;
}

int64
seg_pass_run(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
			 const SegMemberSet *only, SegPassEmit emit, SegPassUntil until, void *arg)
{
	int64		nmembers;

	push_snapshot(program, only);
	if (only != NULL || !seg_pass_parallel(program, now, hide_from, emit, until, arg, &nmembers))
		nmembers = seg_pass_share(program, now, hide_from, only, NULL, emit, until, arg);
	PopActiveSnapshot();
	return nmembers;
}
