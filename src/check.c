/*
 * check.c
 *		Comparing all that is stored with a full evaluation.
 *
 * A pass may expect somebody to change sooner than he can, since it looks at many at once.  So
 * before he is reported he is looked at alone.
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
#include "store.h"
#include "trigger.h"

PG_FUNCTION_INFO_V1(check);

/* Members that are looked at alone, so many together. */
#define AT_ONCE		256

typedef struct Report
{
	ReturnSetInfo *result;
	SegRuleset *ruleset;
	TimestampTz now;
	SegSetBuilder *suspects;	/* when they have to be evaluated again may not be known */
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
add_suspect(void *arg, int64 member, TimestampTz until)
{
	seg_set_builder_add(((Report *) arg)->suspects, member);
}

static void
check_members(Report *report)
{
	const SegRuleset *ruleset = report->ruleset;
	SegStoreListener listener = {.differs = put_difference,.unknown = add_suspect,.arg = report};
	SegStoreTask task = {.population = ruleset->population,.nsegments = ruleset->nsegments,
	.segments = ruleset->segments,.listener = &listener,.now = report->now};

	task.except = seg_current_due(ruleset->population, report->now);
	(void) seg_store_build(&task, ruleset->program);
}

static void
check_suspects(const Report *report, int n, const int64 *members)
{
	SegRuleset *ruleset = report->ruleset;
	TimestampTz *until = palloc(sizeof(TimestampTz) * n);
	SegUser		user;

	seg_ruleset_load(ruleset, &user, n, members);
	seg_ruleset_load_rows(ruleset, n, members, report->now, ruleset->all);
	for (int m = 0; m < n; m++)
	{
		until[m] = DT_NOEND;
		if (seg_live_member(ruleset->live, members[m], report->now))
			for (int i = 0; i < ruleset->nsegments; i++)
				until[m] = Min(until[m], seg_live_until(ruleset->live, i));
	}
	seg_user_restore(&user);
	for (int m = 0; m < n; m++)
		if (!TIMESTAMP_IS_NOEND(until[m]) && !seg_due_by(ruleset->population->id, members[m], until[m]))
			put(report, NULL, &members[m],
				psprintf("has to be evaluated again at %s, which is not known", timestamptz_to_str(until[m])));
	pfree(until);
}

static void
check_all_suspects(const Report *report)
{
	int64		members[AT_ONCE];
	SegSetIter	it;
	int			n = 0;

	seg_set_iter_init(&it, seg_set_builder_finish(report->suspects));
	while (seg_set_next(&it, &members[n]))
	{
		CHECK_FOR_INTERRUPTS();
		if (++n < AT_ONCE)
			continue;
		check_suspects(report, n, members);
		n = 0;
	}
	if (n > 0)
		check_suspects(report, n, members);
}

/* Does the number that is stored with a segment count its sets? */
static void
check_count(const Report *report, const SegSegment *segment)
{
	int64		counted = 0;
	ScanKeyData key;
	SegScan		scan;

	seg_key_int4(&key, SEG_COL_MEMBERSHIP_SEGMENT, segment->id);
	seg_scan_begin(&scan, SEG_REL_MEMBERSHIP, SEG_REL_MEMBERSHIP_SEGMENT_CHUNK, 1, &key);
	while (seg_scan_next(&scan))
	{
		SegMemberSet *set = seg_state_scanned(&scan, SEG_COL_MEMBERSHIP_MEMBERS);

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
	report.ruleset = seg_ruleset_of_snapshot(population);
	report.now = seg_not_before_settled(population, seg_now());
	report.suspects = seg_set_builder_create();
	check_members(&report);
	check_all_suspects(&report);
	foreach(lc, seg_triggers_problems(population))
		put(&report, NULL, NULL, lfirst(lc));
	foreach(lc, seg_segments_of_population(population->id))
		check_count(&report, lfirst(lc));
	return (Datum) 0;
}
