/*
 * check.c
 *		Comparing all that is stored with a full evaluation.
 *
 * Whoever is due is left out: what is stored of him is known to be out of date.  For everybody
 * else the sets and the tail have to say what the rules say at this moment, and the next moment at
 * which a rule may say something else has to be known.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "current.h"
#include "define.h"
#include "now.h"
#include "pass.h"
#include "store.h"

PG_FUNCTION_INFO_V1(check);

typedef struct Report
{
	ReturnSetInfo *result;
	const SegRuleset *ruleset;
} Report;

static void
put(const Report *report, const char *segment, const int64 *member, const char *problem)
{
	Datum		values[3] = {0};
	bool		nulls[3] = {segment == NULL, member == NULL, false};

	if (segment != NULL)
		values[0] = CStringGetTextDatum(segment);
	if (member != NULL)
		values[1] = Int64GetDatum(*member);
	values[2] = CStringGetTextDatum(problem);
	tuplestore_putvalues(report->result->setResult, report->result->setDesc, values, nulls);
}

static void
put_difference(void *arg, int rule, int64 member, bool holds)
{
	const Report *report = arg;

	put(report, report->ruleset->segments[rule]->name, &member,
		holds ? "is a member, but not stored as one" : "is stored as a member, but is none");
}

static void
put_unknown(void *arg, int64 member, TimestampTz until)
{
	put(arg, NULL, &member, psprintf("has to be evaluated again at %s, which is not known", timestamptz_to_str(until)));
}

static void
store_members(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	seg_store_put(arg, rule, chunk, members);
}

static void
store_until(void *arg, int64 chunk, int n, const int64 *members, const TimestampTz *until)
{
	seg_store_until(arg, chunk, n, members, until);
}

static void
check_members(Report *report, bool current)
{
	const SegRuleset *ruleset = report->ruleset;
	const SegPopulation *population = ruleset->population;
	SegStoreListener listener = {.differs = put_difference,.unknown = put_unknown,.arg = report};
	SegStoreTask task = {.population = population,.nsegments = ruleset->nsegments,.segments = ruleset->segments,
	.listener = &listener};
	SegStoreWriter *writer;

	task.now = seg_not_before_settled(population, seg_now());
	task.except = current ? seg_due_of_all(population->id, task.now) : NULL;
	writer = seg_store_begin(&task);
	(void) seg_pass_run(ruleset->program, task.now, DT_NOEND, NULL, store_members, current ? store_until : NULL, writer);
	(void) seg_store_end(writer);
}

/* Does the number that is stored with a segment count its sets? */
static void
check_count(const Report *report, const SegSegment *segment)
{
	int64		counted = 0;
	ScanKeyData key;
	SegScan		scan;

	seg_key_int4(&key, SEG_COL_MEMBERSHIP_SEGMENT, segment->id);
	seg_scan_begin(&scan, "membership", "membership_segment_chunk", 1, &key);
	while (seg_scan_next(&scan))
	{
		SegMemberSet *set = seg_state_scanned(&scan);

		CHECK_FOR_INTERRUPTS();
		counted += seg_set_cardinality(set);
		pfree(set);
	}
	seg_scan_end(&scan);
	if (counted != segment->members)
		put(report, segment->name, NULL,
			psprintf("has " INT64_FORMAT " stored members, and counts " INT64_FORMAT, counted, segment->members));
}

/*
 * check(population) -> table (segment, member, problem)
 */
Datum
check(PG_FUNCTION_ARGS)
{
	SegPopulation *population;
	Report		report = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	population = seg_population_get(seg_arg_text(fcinfo, 0));
	seg_check_manage(population);
	report.ruleset = seg_ruleset_of_snapshot(population->id);
	check_members(&report, population->maintenance != SEG_SCHEDULED);
	foreach(lc, seg_segments_of_population(population->id))
		check_count(&report, lfirst(lc));
	return (Datum) 0;
}
