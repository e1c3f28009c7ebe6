/*
 * store_build.c
 *		Storing what a pass over the population finds.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pass.h"
#include "store.h"

static void
store_members(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	seg_store_put(arg, rule, chunk, members);
}

void
seg_store_build(const SegPopulation *population, int nsegments, const int32 *segment_ids,
				const SegProgram *program, TimestampTz now)
{
	SegStoreWriter *writer = seg_store_begin(population, nsegments, segment_ids);

	Assert(nsegments == program->nrules);
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) seg_pass_run(program, now, DT_NOEND, NULL, store_members, NULL, writer);
	seg_store_end(writer, now);
	PopActiveSnapshot();
}
