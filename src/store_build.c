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

static void
store_members(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	seg_store_put(arg, rule, chunk, members);
}

int64
seg_store_build(const SegStoreTask *task, const SegProgram *program)
{
	SegStoreWriter *writer = seg_store_begin(task);

	Assert(task->nsegments == program->nrules);
	(void) seg_pass_run(program, task->now, DT_NOEND, task->only, store_members, writer);
	return seg_store_end(writer);
}
