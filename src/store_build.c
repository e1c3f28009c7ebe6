/*
 * store_build.c
 *		Recording what a pass over the population finds.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pass.h"
#include "store.h"

typedef struct Build
{
	const SegStoreTask *task;
	SegStoreWriter *writer;
} Build;

static void
store_members(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	const Build *build = arg;

	seg_store_put(build->writer, rule, chunk, members);
}

static void
store_until(void *arg, int64 chunk, int n, const int64 *members, const TimestampTz *until)
{
	seg_store_until(((const Build *) arg)->writer, chunk, n, members, until);
}

/* Is there a rule that the clock can turn, and somebody who keeps up with it? */
static bool
wants_until(const SegStoreTask *task, const SegProgram *program)
{
	bool		reads_clock = false;

	for (int i = 0; i < program->nrules; i++)
		reads_clock |= seg_program_reads_clock(program, i);
	return reads_clock && task->population->maintenance != SEG_SCHEDULED;
}

int64
seg_store_build(const SegStoreTask *task, const SegProgram *program)
{
	Build		build = {.task = task,.writer = seg_store_begin(task)};

	Assert(task->nsegments == program->nrules);
	(void) seg_pass_run(program, task->now, DT_NOEND, task->only, store_members,
						wants_until(task, program) ? store_until : NULL, &build);
	return seg_store_end(build.writer);
}
