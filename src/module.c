/*
 * module.c
 *		The shared library's entry point.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "batch.h"

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
	MarkGUCPrefixReserved("segments");
}
