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
#include "pass_group.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("segments.batch_rows",
							"Rows of a source that are evaluated together.",
							"What comes out does not depend on it.",
							&seg_batch_rows, 2048, 1, 65536,
							PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomIntVariable("segments.group_rules",
							"Rules from which on a pass asks each about the members it is for.",
							"What comes out does not depend on it.",
							&seg_group_rules, 1000, 1, PG_INT32_MAX,
							PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	MarkGUCPrefixReserved("segments");
}
