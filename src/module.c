/*
 * module.c
 *		The shared library's entry point.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "anchor.h"
#include "batch.h"
#include "live_direct.h"
#include "now.h"
#include "state.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("segments.batch_rows",
							"Rows of a source that are evaluated together; 0: everything one by one.",
							"Who fulfils a rule does not depend on it.",
							&seg_batch_rows, 2048, 0, 65536,
							PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomIntVariable("segments.cache_memory",
							"Memory in which a session keeps sets of members.",
							"What was used longest ago goes first.",
							&seg_state_cache_memory, 128 * 1024, 1024, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomBoolVariable("segments.direct_reads",
							 "Rows are read straight from their table where that can be.",
							 "Who fulfils a rule does not depend on it.",
							 &seg_direct_reads, true,
							 PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomIntVariable("segments.group_rules",
							"Rules from which on each is asked only about members for whom it can hold.",
							"Who fulfils a rule does not depend on it.",
							&seg_group_rules, 1000, 1, PG_INT32_MAX,
							PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	seg_now_init();
	MarkGUCPrefixReserved("segments");
}
