/*
 * pass_parallel.c
 *		A pass in shares, each in a process of its own.
 *
 * The members are cut into shares by a hash of their chunks.  Every process, the leader among
 * them, does the whole pass for its share: it binds the rules anew, since a program is full of
 * pointers, reads every relation with the condition that the row is of its share, and evaluates.
 * So two processes read everything twice; but a row that is not of the share costs a third of one
 * that is, and nothing of what comes after it.  To let the rows come from workers (PostgreSQL's own
 * parallel plans) costs more for each row than reading it.
 *
 * Workers write what they find into shared files, the leader into one of its own, and it
 * hands out everything when they have finished: nothing can be written to a table before.
 *
 * Workers have the leader's snapshot, user and settings, and become the owner as it does.
 * Whether they may read is what the planner says of the reading queries; whether they
 * may evaluate, what is declared of the functions that compare values.  The planner is not asked
 * where the tables are so small that nobody would want workers: planning is most of a small pass.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <fcntl.h>

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "storage/buffile.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "storage/sharedfileset.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#include "member_set.h"
#include "pass_parallel.h"
#include "pass_read.h"

PG_FUNCTION_INFO_V1(in_share);

enum
{
	KEY_SHARED = 1, KEY_RULES, KEY_SELF
};

/* How much is copied at a time. */
#define COPY_BYTES	BLCKSZ

/* What is to be done. */
typedef struct Task
{
	TimestampTz now;
	TimestampTz hide_from;
	bool		members;		/* wanted? */
	bool		until;			/* wanted? */
	double		bytes;			/* of the rows of all shares */
} Task;

/* What the leader tells the workers, and they tell it. */
typedef struct Shared
{
	SharedFileSet files;
	int32		population;
	uint32		fingerprint;	/* of the leader's program */
	int			nrules;
	bool		has_self;
	Task		task;
	pg_atomic_uint32 shares;	/* how many; 0 as long as it is not known how many workers there are */
	ConditionVariable shares_known;
	int64		nmembers[FLEXIBLE_ARRAY_MEMBER];	/* by worker */
} Shared;

/* Before what is found in a chunk. */
typedef struct Record
{
	int			rule;			/* whose members follow, as a set; or UNTIL */
	int			n;				/* UNTIL: so many keys of members follow, and as many moments */
	int64		chunk;
	Size		size;			/* of what follows */
} Record;

#define UNTIL	(-1)

/*
 * in_share(member bigint, share integer, shares integer) -> boolean
 *		Rows without a key are of the first share.
 */
Datum
in_share(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(PG_GETARG_INT32(1) == 0);
	PG_RETURN_BOOL(seg_share_of(PG_GETARG_INT64(0), PG_GETARG_INT32(2)) == PG_GETARG_INT32(1));
}

/* Results on their way. */

static void
write_members(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	Record		record = {.rule = rule,.chunk = chunk,.size = VARSIZE(members)};

	BufFileWrite(arg, &record, sizeof(record));
	BufFileWrite(arg, unconstify(SegMemberSet *, members), record.size);
}

static void
write_until(void *arg, int64 chunk, int n, const int64 *members, const TimestampTz *until)
{
	Record		record = {.rule = UNTIL,.n = n,.chunk = chunk,.size = 2 * sizeof(int64) * n};

	BufFileWrite(arg, &record, sizeof(record));
	BufFileWrite(arg, unconstify(int64 *, members), record.size / 2);
	BufFileWrite(arg, unconstify(TimestampTz *, until), record.size / 2);
}

static void
hand_out(BufFile *file, SegPassEmit emit, SegPassUntil until, void *arg)
{
	Record		record;
	char	   *found = palloc(COPY_BYTES);
	Size		room = COPY_BYTES;

	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind temporary file: %m")));
	while (BufFileReadMaybeEOF(file, &record, sizeof(record), true) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (record.size > room)
			found = repalloc(found, room = record.size);
		BufFileReadMaybeEOF(file, found, record.size, false);
		if (record.rule == UNTIL)
			until(arg, record.chunk, record.n, (int64 *) found, (TimestampTz *) found + record.n);
		else
			emit(arg, record.rule, record.chunk, (SegMemberSet *) found);
	}
	pfree(found);
}

static char *
file_name(int worker)
{
	return psprintf("%d", worker);
}

/* What the workers found goes behind what the leader found; their files end with them. */
static void
take_over(Shared *shared, int worker, BufFile *to)
{
	BufFile    *from = BufFileOpenFileSet(&shared->files.fs, file_name(worker), O_RDONLY, false);
	char	   *buffer = palloc(COPY_BYTES);
	size_t		n;

	while ((n = BufFileRead(from, buffer, COPY_BYTES)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		BufFileWrite(to, buffer, n);
	}
	BufFileClose(from);
	pfree(buffer);
}

/* May it be, and is it worth it? */

static bool
is_safe_function(Oid function)
{
	return func_parallel(function) == PROPARALLEL_SAFE;
}

/* Workers read literals of the type and compare its values. */
static bool
is_safe_type(const SegOtherType *other)
{
	Oid			input;
	Oid			param;

	if (other == NULL)
		return true;
	getTypeInputInfo(other->typid, &input, &param);
	return is_safe_function(input) && (other->is_citext || is_safe_function(other->compare.fn_oid));
}

static bool
is_safe_program(const SegProgram *program)
{
	ListCell   *lc;

	foreach(lc, program->exprs)
	{
		const SegExpr *expr = lfirst(lc);

		if (!is_safe_type(expr->type.other) || !is_safe_type(expr->how.other))
			return false;
	}
	return true;
}

/* As many as PostgreSQL would plan for a scan of a table of this size. */
static int
workers_for(double bytes)
{
	double		pages = bytes / BLCKSZ;
	double		step = Max(min_parallel_table_scan_size, 1);
	int			workers = pages < min_parallel_table_scan_size ? 0 : 1;

	while (workers > 0 && workers < max_parallel_workers_per_gather && pages >= (step *= 3))
		workers++;
	return Min(workers, max_parallel_workers_per_gather);
}

/* Of a table and all that inherit from it; of what has no pages of its own nobody knows. */
static double
pages_of(Oid relid)
{
	double		pages = 0;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation	rel = try_table_open(lfirst_oid(lc), AccessShareLock);

		if (rel == NULL)
			return get_float8_infinity();
		if (RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind))
			pages += RelationGetNumberOfBlocks(rel);
		else if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
			pages = get_float8_infinity();
		table_close(rel, NoLock);
	}
	return pages;
}

/* Far too little for a worker?  Rows may take some times as much while they are evaluated as in their tables. */
static bool
is_little(const SegProgram *program)
{
	const SegPopulation *population = program->population;
	double		pages = 0;
	ListCell   *lc;

	foreach(lc, program->relations)
	{
		int			source = ((const SegRelation *) lfirst(lc))->source;

		pages += pages_of(source < 0 ? population->relid : population->sources[source].relid);
	}
	return 8 * pages < min_parallel_table_scan_size;
}

/* The workers wanted; also notes how large it all is. */
static int
plan_workers(const SegProgram *program, Task *task)
{
	SegReader	reader = {0};
	SegEval    *eval;
	bool		safe;

	if (max_parallel_workers_per_gather == 0 || IsInParallelMode() || is_little(program) || !is_safe_program(program))
		return 0;
	eval = seg_eval_begin(program, &reader, task->now);
	safe = seg_pass_read_estimate(eval, task->until, &task->bytes);
	seg_eval_end(eval);
	return safe ? workers_for(task->bytes) : 0;
}

/* The leader. */

static Size
rules_size(const SegProgram *program)
{
	Size		size = 0;

	for (int i = 0; i < program->nrules; i++)
		size = add_size(size, MAXALIGN(VARSIZE(program->given[i])));
	return size;
}

static void
put_rules(const SegProgram *program, char *to)
{
	for (int i = 0; i < program->nrules; i++)
	{
		memcpy(to, program->given[i], VARSIZE(program->given[i]));
		to += MAXALIGN(VARSIZE(program->given[i]));
	}
}

static Shared *
share_out(ParallelContext *context, const SegProgram *program, const Task *task)
{
	Size		size = offsetof(Shared, nmembers) + sizeof(int64) * context->nworkers;
	Size		self_size = sizeof(int32) * program->nrules;
	Shared	   *shared;
	char	   *part;

	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_chunk(&context->estimator, rules_size(program));
	shm_toc_estimate_chunk(&context->estimator, self_size);
	shm_toc_estimate_keys(&context->estimator, 3);
	InitializeParallelDSM(context);
	/* without shared memory there are no workers */
	if (context->seg == NULL)
		return NULL;
	shared = shm_toc_allocate(context->toc, size);
	memset(shared, 0, size);
	SharedFileSetInit(&shared->files, context->seg);
	shared->population = program->population->id;
	shared->fingerprint = program->fingerprint;
	shared->nrules = program->nrules;
	shared->has_self = program->self != NULL;
	shared->task = *task;
	pg_atomic_init_u32(&shared->shares, 0);
	ConditionVariableInit(&shared->shares_known);
	shm_toc_insert(context->toc, KEY_SHARED, shared);
	part = shm_toc_allocate(context->toc, rules_size(program));
	put_rules(program, part);
	shm_toc_insert(context->toc, KEY_RULES, part);
	part = shm_toc_allocate(context->toc, self_size);
	if (program->self != NULL)
		memcpy(part, program->self, self_size);
	shm_toc_insert(context->toc, KEY_SELF, part);
	return shared;
}

static int64
run_share(Shared *shared, const SegProgram *program, int number, int of, BufFile *file)
{
	const Task *task = &shared->task;
	SegShare	share = {.number = number,.of = of,.bytes = task->bytes / of};

	return seg_pass_share(program, task->now, task->hide_from, NULL, &share,
						  task->members ? write_members : NULL, task->until ? write_until : NULL, file);
}

/* The leader's part, when there are workers. */
static int64
lead(ParallelContext *context, Shared *shared, const SegProgram *program, BufFile *file)
{
	int			shares = context->nworkers_launched + 1;
	int64		nmembers;

	pg_atomic_write_u32(&shared->shares, shares);
	ConditionVariableBroadcast(&shared->shares_known);
	nmembers = run_share(shared, program, 0, shares, file);
	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
	{
		take_over(shared, i, file);
		nmembers += shared->nmembers[i];
	}
	return nmembers;
}

bool
seg_pass_parallel(const SegProgram *program, TimestampTz now, TimestampTz hide_from,
				  SegPassEmit emit, SegPassUntil until, void *arg, int64 *nmembers)
{
	Task		task = {.now = now,.hide_from = hide_from,.members = emit != NULL,.until = until != NULL};
	int			nworkers = plan_workers(program, &task);
	ParallelContext *context;
	Shared	   *shared;
	BufFile    *file = NULL;
	int			launched;

	if (nworkers == 0)
		return false;
	EnterParallelMode();
	context = CreateParallelContext("segments", "seg_pass_worker", nworkers);
	shared = share_out(context, program, &task);
	if (shared != NULL)
		LaunchParallelWorkers(context);
	launched = context->nworkers_launched;
	if (launched > 0)
	{
		file = BufFileCreateTemp(false);
		*nmembers = lead(context, shared, program, file);
	}
	DestroyParallelContext(context);
	ExitParallelMode();
	if (launched == 0)
		return false;
	ereport(DEBUG1,
			(errmsg_internal("pass over population \"%s\" with %d parallel workers", program->population->name, launched)));
	hand_out(file, emit, until, arg);
	BufFileClose(file);
	return true;
}

/* The workers. */

static SegProgram *
bind_shared(const Shared *shared, shm_toc *toc)
{
	SegPopulation *population = seg_population_by_id(shared->population);
	const SegRule **rules = palloc(sizeof(SegRule *) * (shared->nrules + 1));
	const char *next = shm_toc_lookup(toc, KEY_RULES, false);
	SegProgram *program;
	SegUser		user;

	for (int i = 0; i < shared->nrules; i++)
	{
		rules[i] = (const SegRule *) next;
		next += MAXALIGN(VARSIZE(rules[i]));
	}
	seg_user_become_owner(&user, population);
	program = seg_bind_population(population, shared->nrules, rules,
								  shared->has_self ? shm_toc_lookup(toc, KEY_SELF, false) : NULL);
	seg_user_restore(&user);
	if (program->fingerprint != shared->fingerprint)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("population \"%s\" was changed while its rules were evaluated", population->name)));
	return program;
}

static int
wait_for_shares(Shared *shared)
{
	int			shares;

	ConditionVariablePrepareToSleep(&shared->shares_known);
	while ((shares = (int) pg_atomic_read_u32(&shared->shares)) == 0)
		ConditionVariableSleep(&shared->shares_known, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
	return shares;
}

extern PGDLLEXPORT void seg_pass_worker(dsm_segment *segment, shm_toc *toc);

/* Where a worker begins. */
void
seg_pass_worker(dsm_segment *segment, shm_toc *toc)
{
	Shared	   *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	SegProgram *program = bind_shared(shared, toc);
	int			shares = wait_for_shares(shared);
	BufFile    *file;

	SharedFileSetAttach(&shared->files, segment);
	file = BufFileCreateFileSet(&shared->files.fs, file_name(ParallelWorkerNumber));
	shared->nmembers[ParallelWorkerNumber] =
		run_share(shared, program, ParallelWorkerNumber + 1, shares, file);
	BufFileExportFileSet(file);
	BufFileClose(file);
}
