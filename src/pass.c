/*
 * pass.c
 *		A pass over a population: every rule of a program for every member.
 *
 * Each relation is read once, all under one snapshot (pass_read.c), into partitions by chunk of
 * members (partition.c).  Partition by partition the members are taken in order; the rows of
 * sources lie in the same order beside them.  Members for whom a rule holds are
 * collected in a bitmap a rule, of the chunk at hand.
 *
 * Reading and evaluating are done with the rights of the population's owner, since rules may
 * call operators of the user's.  Results are handed out with the caller's rights, many
 * at a time, because changing rights has its price.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "dictionary.h"
#include "partition.h"
#include "pass.h"
#include "pass_read.h"
#include "store.h"

/* Results are handed out when they take so many bytes. */
#define HELD_BYTES	(1024 * 1024)

/* The members of the chunk at hand for whom a rule holds; they come in ascending order. */
typedef struct Holds
{
	uint64	   *bits;			/* SEG_CHUNK_WORDS, or NULL: never any */
	int			first;			/* words that are not zero lie from here, */
	int			last;			/* to here; none if less */
} Holds;

typedef struct Result
{
	int			rule;
	int64		chunk;
	SegMemberSet *members;
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
	Size	   *begin;			/* by relation: the rows of the current member, */
	Size	   *end;			/* found when they are first asked for: */
	int64	   *found_for;		/* ordinal of the member they were found for */
	int64		ordinal;		/* of the current member, from 1 on */
	List	   *stored;			/* of Stored * */

	int64		chunk;			/* at hand */
	Holds	   *holds;			/* by rule */

	SegUser		user;
	MemoryContext caller;		/* in which results are handed out */
	SegPassEmit emit;
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
	Pass	   *pass = arg;
	const SegRow **all = pass->partition.rows[relation];
	Size		n = pass->partition.nrows[relation];
	int64		key = ((const SegRow *) member)->member;

	if (pass->found_for[relation] != pass->ordinal)
	{
		Size		i = pass->end[relation];

		while (i < n && all[i]->member < key)
			i++;
		pass->begin[relation] = i;
		while (i < n && all[i]->member == key)
			i++;
		pass->end[relation] = i;
		pass->found_for[relation] = pass->ordinal;
		if (i - pass->begin[relation] > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a member has too many rows in a source"),
					 errdetail("Member " INT64_FORMAT " has more than %d.", key, PG_INT32_MAX)));
	}
	*rows = (const void **) (all + pass->begin[relation]);
	return (int) (pass->end[relation] - pass->begin[relation]);
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
	stored->members = seg_store_chunk(pass->program->population->id, segment, pass->chunk);
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
	MemoryContextSwitchTo(pass->caller);
	for (int i = 0; i < pass->nheld; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pass->emit(pass->arg, pass->held[i].rule, pass->held[i].chunk, pass->held[i].members);
	}
	MemoryContextSwitchTo(pass->context);
	seg_user_become_owner(&pass->user, pass->program->population);
	pass->nheld = 0;
	pass->held_bytes = 0;
	MemoryContextReset(pass->held_context);
}

static void
hold(Pass *pass, int rule, const uint64 *bits)
{
	MemoryContext caller = MemoryContextSwitchTo(pass->held_context);
	Result	   *result;

	if (pass->nheld == pass->maxheld)
	{
		pass->maxheld *= 2;
		pass->held = repalloc_huge(pass->held, sizeof(Result) * pass->maxheld);
	}
	result = &pass->held[pass->nheld++];
	result->rule = rule;
	result->chunk = pass->chunk;
	result->members = seg_set_from_bits(pass->chunk, bits);
	pass->held_bytes += VARSIZE(result->members);
	MemoryContextSwitchTo(caller);
}

static void
end_chunk(Pass *pass)
{
	for (int rule = 0; rule < pass->program->nrules; rule++)
	{
		Holds	   *holds = &pass->holds[rule];

		if (holds->last < holds->first)
			continue;
		hold(pass, rule, holds->bits);
		memset(holds->bits + holds->first, 0, sizeof(uint64) * (holds->last - holds->first + 1));
		holds->first = SEG_CHUNK_WORDS;
		holds->last = -1;
	}
	if (pass->held_bytes >= HELD_BYTES)
		hand_out(pass);
}

static void
set_bit(Pass *pass, int rule, int64 member)
{
	Holds	   *holds = &pass->holds[rule];
	int			offset = (int) (member & SEG_CHUNK_MASK);
	int			word = offset / 64;

	if (holds->bits == NULL)
		holds->bits = MemoryContextAllocZero(pass->context, sizeof(uint64) * SEG_CHUNK_WORDS);
	holds->bits[word] |= UINT64CONST(1) << (offset % 64);
	holds->first = Min(holds->first, word);
	holds->last = word;
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

static void
evaluate_partition(Pass *pass)
{
	const SegRow **members = pass->partition.rows[0];
	Size		n = pass->partition.nrows[0];

	memset(pass->end, 0, sizeof(Size) * list_length(pass->program->relations));
	for (Size i = 0; i < n; i++)
	{
		int64		member = members[i]->member;

		CHECK_FOR_INTERRUPTS();
		if (i > 0 && member == members[i - 1]->member)
			refuse_duplicate(pass, member);
		if (i > 0 && seg_chunk_of(member) != pass->chunk)
			end_chunk(pass);
		pass->chunk = seg_chunk_of(member);
		pass->ordinal++;
		seg_eval_member(pass->eval, members[i]);
		for (int rule = 0; rule < pass->program->nrules; rule++)
			if (seg_eval_rule(pass->eval, rule))
				set_bit(pass, rule, member);
	}
	end_chunk(pass);
}

static void
evaluate(Pass *pass, TimestampTz now)
{
	SegReader	reader = {.arg = pass,.column = get_column,.rows = get_rows,.member_of = is_member_of};

	seg_user_become_owner(&pass->user, pass->program->population);
	pass->eval = seg_eval_begin(pass->program, &reader, now);
	while (seg_partitions_next(pass->reading->partitions, &pass->partition))
		evaluate_partition(pass);
	hand_out(pass);
	seg_eval_end(pass->eval);
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
init_pass(Pass *pass, const SegProgram *program)
{
	int			nrelations = list_length(program->relations);

	memset(pass, 0, sizeof(Pass));
	pass->program = program;
	pass->context = CurrentMemoryContext;
	pass->begin = palloc0(sizeof(Size) * nrelations);
	pass->end = palloc0(sizeof(Size) * nrelations);
	pass->found_for = palloc0(sizeof(int64) * nrelations);
	pass->holds = palloc_extended(sizeof(Holds) * program->nrules, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int rule = 0; rule < program->nrules; rule++)
	{
		pass->holds[rule].first = SEG_CHUNK_WORDS;
		pass->holds[rule].last = -1;
	}
	pass->maxheld = 1024;
	pass->held = palloc(sizeof(Result) * pass->maxheld);
	pass->held_context = AllocSetContextCreate(pass->context, "segments results", ALLOCSET_DEFAULT_SIZES);
}

int64
seg_pass_run(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
			 const SegMemberSet *only, SegPassEmit emit, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "segments pass", ALLOCSET_DEFAULT_SIZES);
	Pass		pass;

	MemoryContextSwitchTo(context);
	init_pass(&pass, program);
	pass.caller = caller;
	pass.emit = emit;
	pass.arg = arg;
	push_snapshot(program, only);
	pass.reading = seg_pass_read(program, now, hide_from, only);
	evaluate(&pass, now);
	PopActiveSnapshot();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return pass.ordinal;
}
