/*
 * define_build.c
 *		Building segments.
 *
 * Where triggers keep a population current, a build locks out the writers of all tables that the
 * population reads, as CREATE INDEX does, takes its snapshot after the locks, and
 * evaluates for a moment after both: whoever wrote before is in what it reads, and
 * whoever writes after finds the segment.
 *
 * Whatever is built, the segment of everyone is built along with it, so that shares are
 * those of one moment.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "define.h"
#include "now.h"
#include "current.h"
#include "settle.h"
#include "store.h"

/* How often the tables are tried for all together. */
#define LOCK_ROUNDS		100

static void
add_with_parts(List **relids, Oid relid)
{
	seg_check_relation(relid);
	*relids = list_concat_unique_oid(*relids, find_all_inheritors(relid, NoLock, NULL));
}

/* In order, so that those who lock them do not meet. */
static List *
relations_read(const SegPopulation *p)
{
	List	   *relids = NIL;

	add_with_parts(&relids, p->relid);
	for (int i = 0; i < p->nsources; i++)
		add_with_parts(&relids, p->sources[i].relid);
	for (int i = 0; i < p->nlookups; i++)
		add_with_parts(&relids, p->lookups[i].relid);
	list_sort(relids, list_oid_cmp);
	return relids;
}

/* Locks the others, too, if nobody is in the way; else none of them, and says who was. */
static int
lock_others(Oid *relids, int n, int first)
{
	for (int i = 0; i < n; i++)
	{
		if (i == first || ConditionalLockRelationOid(relids[i], ShareLock))
			continue;
		for (int k = 0; k < i; k++)
			if (k != first)
				UnlockRelationOid(relids[k], ShareLock);
		return i;
	}
	return -1;
}

/*
 * A transaction that writes one of the tables and goes on to another must not meet us half-way.  So
 * we wait for one table at a time, holding no other; if that does not come to an end, in order.
 */
static void
lock_writers(const SegPopulation *population)
{
	List	   *list = relations_read(population);
	int			n = list_length(list);
	Oid		   *relids = palloc(sizeof(Oid) * n);
	int			first = 0;
	ListCell   *lc;

	foreach(lc, list)
		relids[foreach_current_index(lc)] = lfirst_oid(lc);
	for (int round = 0; round < LOCK_ROUNDS; round++)
	{
		int			busy;

		LockRelationOid(relids[first], ShareLock);
		busy = lock_others(relids, n, first);
		if (busy < 0)
			return;
		UnlockRelationOid(relids[first], ShareLock);
		first = busy;
	}
	for (int i = 0; i < n; i++)
		LockRelationOid(relids[i], ShareLock);
}

TimestampTz
seg_not_before_settled(const SegPopulation *population, TimestampTz moment)
{
	SegScan		scan;
	ScanKeyData key;
	bool		isnull;

	seg_key_int4(&key, SEG_COL_CHUNK_POPULATION, population->id);
	seg_scan_begin(&scan, SEG_REL_CHUNK, SEG_REL_CHUNK_PKEY, 1, &key);
	while (seg_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		moment = Max(moment, DatumGetTimestampTz(seg_scan_datum(&scan, SEG_COL_CHUNK_SETTLED, &isnull)));
	}
	seg_scan_end(&scan);
	return moment;
}

static void
build(const SegPopulation *population, List *segments, TimestampTz as_of, SegReason reason, bool all)
{
	int			n = list_length(segments);
	const SegSegment **built = palloc(sizeof(SegSegment *) * n);
	const SegRule **rules = palloc(sizeof(SegRule *) * n);
	int32	   *ids = palloc(sizeof(int32) * n);
	SegStoreTask task = {.population = population,.nsegments = n,.segments = built,.reason = reason};
	bool		current = population->maintenance != SEG_SCHEDULED;
	int64		first = SEG_FIRST_CHUNK;
	SegParam	params[2];
	ListCell   *lc;

	foreach(lc, segments)
	{
		int			i = foreach_current_index(lc);

		built[i] = lfirst(lc);
		rules[i] = built[i]->rule;
		ids[i] = built[i]->id;
	}
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	task.now = current ? seg_not_before_settled(population, as_of) : as_of;
	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_moment(task.now);
	if (all && current)
	{
		(void) seg_define_write("DELETE FROM segments.due WHERE population = $1", 1, params);
		(void) seg_define_write("DELETE FROM segments.recheck WHERE population = $1", 1, params);
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
	}
	(void) seg_store_build(&task, seg_define_bind(population, n, rules, ids));
	if (all && current)
		(void) seg_define_write("UPDATE segments.chunk SET settled = greatest(settled, $2),"
								" version = pg_catalog.nextval('segments.chunk_version') WHERE population = $1", 2, params);
	(void) seg_store_fold_some(population, PG_INT64_MAX, DT_NOEND, &first);
	PopActiveSnapshot();
}

static List *
with_everyone(const SegPopulation *population, List *segments)
{
	return lappend(list_copy(segments), seg_segment_get(population->id, SEG_EVERYONE, false));
}

void
seg_define_build(const SegPopulation *population, List *segments, TimestampTz as_of, SegReason reason)
{
	if (population->maintenance != SEG_SCHEDULED)
		lock_writers(population);
	build(population, with_everyone(population, segments), as_of, reason, false);
}

void
seg_define_build_unlocked(const SegPopulation *population, SegSegment *segment)
{
	build(population, list_make1(segment), seg_now_latest(), SEG_BY_RULE, false);
}

void
seg_define_refresh(const SegPopulation *population, List *segments, TimestampTz as_of)
{
	if (population->maintenance != SEG_SCHEDULED)
		lock_writers(population);
	build(population, with_everyone(population, segments), as_of, SEG_BY_DATA, true);
}

void
seg_define_wait_for_writers(const SegPopulation *population)
{
	List	   *relids = relations_read(population);
	List	   *tags = NIL;
	ListCell   *lc;

	foreach(lc, relids)
	{
		LOCKTAG    *tag = palloc(sizeof(LOCKTAG));

		SET_LOCKTAG_RELATION(*tag, MyDatabaseId, lfirst_oid(lc));
		tags = lappend(tags, tag);
	}
	WaitForLockersMultiple(tags, ShareLock, false);
}

void
seg_define_settle(const SegPopulation *population)
{
	SegMemberSet *due;
	TimestampTz now;

	if (population->maintenance == SEG_SCHEDULED)
		return;
	lock_writers(population);
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	now = seg_not_before_settled(population, seg_now_latest());
	due = seg_current_due(population, now);
	if (due != NULL)
	{
		SegRuleset *ruleset = seg_ruleset_locked(population->id, true);

		(void) seg_settle(ruleset, due, ruleset->all, SEG_BY_DATA, now, true);
	}
	PopActiveSnapshot();
}
