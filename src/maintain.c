/*
 * maintain.c
 *		Upkeep: evaluates who is due, and folds the tail.
 *
 * Nothing depends on it but speed: what it has not done, readers do on the spot.  It goes in
 * batches, each complete in itself, so that it can be stopped at any point, and it takes
 * nothing that somebody else has: not a population that is being defined or kept up, not a table that is locked, not a
 * member whom a statement is evaluating.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "catalog.h"
#include "current.h"
#include "define.h"
#include "lock.h"
#include "now.h"
#include "recheck.h"
#include "repair.h"
#include "store.h"

PG_FUNCTION_INFO_V1(maintain);
PG_FUNCTION_INFO_V1(maintain_step);

/* Members in a batch of maintain(), and rows of the tail for each of them. */
#define BATCH_MEMBERS	50000
#define ROWS_PER_MEMBER 10

/* So many batches in a row may evaluate before one folds. */
#define PATIENCE		20

/*
 * Folding, chunk after chunk.  What is not worth a fold is read in vain, so a sweep goes on where the
 * batch before ended, and does not begin anew as long as somebody is due.
 */
typedef struct Sweep
{
	int			patience;		/* batches that it may still be put off for */
	int64		next;			/* chunk */
	bool		again;			/* somebody was evaluated since it began */
} Sweep;

typedef struct Done
{
	int64		due;			/* members */
	int64		doubted;		/* members */
	int64		folded;			/* rows */
	bool		waiting;		/* for this transaction to end */
} Done;

/* Those of them whom nobody else is evaluating. */
static int64
settle(SegRuleset *ruleset, const SegMemberSet *members, SegReason reason, TimestampTz as_of)
{
	SegMemberSet *got;
	SegMemberSet *others;

	if (members == NULL)
		return 0;
	got = seg_settle_lock(ruleset->population->id, members, &others);
	if (seg_set_cardinality(got) == 0)
		return 0;
	return seg_settle_safely(ruleset, got, NULL, reason, as_of, true) ? seg_set_cardinality(got) : 0;
}

/* A note that is new: from the next transaction on all know of it. */
static void
set_horizon(const SegRecheck *recheck, FullTransactionId next)
{
	SegParam	params[2];

	params[0] = seg_param_int8(recheck->id);
	params[1] = (SegParam) {XID8OID, FullTransactionIdGetDatum(next), false};
	(void) seg_define_write_quietly("UPDATE segments.recheck SET horizon = $2 WHERE id = $1", 2, params);
}

/* Follows a note for the last time: whoever somebody else is evaluating is in doubt. */
static int64
follow(SegRuleset *ruleset, const SegRecheck *recheck, TimestampTz as_of)
{
	int32		population = ruleset->population->id;
	SegMemberSet *members = recheck->members ? recheck->members : seg_current_everybody(ruleset);
	SegParam	id = seg_param_int8(recheck->id);
	SegMemberSet *others;
	SegMemberSet *got = seg_settle_lock(population, members, &others);

	if (others != NULL)
		seg_settle_doubt(population, others);
	if (seg_set_cardinality(got) > 0 && !seg_settle_safely(ruleset, got, NULL, SEG_BY_DATA, as_of, true))
		seg_settle_doubt(population, got);
	(void) seg_define_write_quietly("DELETE FROM segments.recheck WHERE id = $1", 1, &id);
	return seg_set_cardinality(members);
}

/*
 * The notes of members who could not be found.  *waiting: there is one whose time may have come
 * when this transaction has ended.
 */
static int64
follow_rechecks(SegRuleset *ruleset, TimestampTz as_of, bool *waiting)
{
	FullTransactionId next = ReadNextFullTransactionId();
	int64		followed = 0;
	List	   *rechecks;
	uint64		oldest;
	ListCell   *lc;

	PushActiveSnapshot(GetLatestSnapshot());
	rechecks = seg_rechecks(ruleset);
	oldest = DatumGetUInt64(OidFunctionCall1(F_PG_SNAPSHOT_XMIN, OidFunctionCall0(F_PG_CURRENT_SNAPSHOT)));
	PopActiveSnapshot();
	foreach(lc, rechecks)
	{
		const SegRecheck *recheck = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		/* one from the future was restored from another server */
		if (recheck->horizon == 0 || recheck->horizon > U64FromFullTransactionId(next))
		{
			set_horizon(recheck, next);
			*waiting = true;
		}
		else if (recheck->horizon <= oldest)
			followed += follow(ruleset, recheck, as_of);
	}
	return followed;
}

/* Those who are due or in doubt, and whom notes lead to. */
static void
evaluate(SegRuleset *ruleset, TimestampTz as_of, int64 max_members, Done *done)
{
	SegMemberSet *doubted;
	SegMemberSet *due;

	PushActiveSnapshot(GetLatestSnapshot());
	seg_due_some(ruleset->population->id, as_of, max_members, &doubted, &due);
	PopActiveSnapshot();
	done->doubted += settle(ruleset, doubted, SEG_BY_DATA, as_of);
	done->due += settle(ruleset, due, SEG_BY_CLOCK, as_of);
	done->doubted += follow_rechecks(ruleset, as_of, &done->waiting);
}

/* Whoever was building did not come to an end.  As seg_ruleset_locked() returns. */
static SegRuleset *
clear_building(int32 id)
{
	SegParam	param = seg_param_int4(id);

	(void) seg_define_write("DELETE FROM segments.building WHERE population = $1", 1, &param);
	CommandCounterIncrement();
	return seg_ruleset_locked(id, false);
}

/* settled: how many this batch has evaluated. */
static int64
fold(const SegPopulation *population, Sweep *sweep, int64 settled, int64 most, TimestampTz now)
{
	sweep->again |= settled > 0;
	if (settled > 0 && sweep->patience-- > 0)
		return 0;
	sweep->patience = PATIENCE;
	if (sweep->again && sweep->next > SEG_LAST_CHUNK)
		sweep->next = SEG_FIRST_CHUNK;
	if (sweep->next == SEG_FIRST_CHUNK)
		sweep->again = false;
	return seg_store_fold_some(population, most, now, &sweep->next);
}

/* One batch, if nobody else is at it. */
static void
step(int32 id, TimestampTz as_of, int64 max_members, bool fold_all, Sweep *sweep, Done *done)
{
	SegPopulation population = {.id = id};
	SegRuleset *ruleset;
	List	   *locked;

	if (!seg_store_lock(&population, false))
		return;
	ruleset = seg_ruleset_locked(id, false);
	if (ruleset != NULL && ruleset->building && seg_lock_builder(id, false))
		ruleset = clear_building(id);
	if (ruleset != NULL && ruleset->population->maintenance != SEG_SCHEDULED && !ruleset->building &&
		seg_ruleset_lock(ruleset, &locked))
	{
		evaluate(ruleset, as_of, max_members, done);
		seg_ruleset_unlock(locked);
	}
	done->folded += fold(ruleset != NULL ? ruleset->population : seg_population_by_id(id), sweep,
						 done->due + done->doubted, max_members * ROWS_PER_MEMBER, fold_all ? DT_NOEND : as_of);
}

/* The populations to be kept up: the one named, or all that the current user may manage. */
static List *
populations(const char *name)
{
	List	   *ids = NIL;
	SegScan		scan;

	if (name != NULL)
	{
		SegPopulation *population = seg_population_get_bare(name);

		seg_check_manage(population);
		return list_make1_int(population->id);
	}
	seg_scan_begin(&scan, SEG_REL_POPULATION, SEG_REL_POPULATION_PKEY, 0, NULL);
	while (seg_scan_next(&scan))
		if (has_privs_of_role(GetUserId(), seg_scan_oid(&scan, SEG_COL_POPULATION_OWNER)))
			ids = lappend_int(ids, seg_scan_int4(&scan, SEG_COL_POPULATION_ID));
	seg_scan_end(&scan);
	return ids;
}

static TimestampTz
moment_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? seg_now_latest() : seg_arg_moment(fcinfo, n, "as_of");
}

/*
 * maintain_step(as_of, max_members, population, fold_all) -> (due, doubted, folded)
 */
Datum
maintain_step(PG_FUNCTION_ARGS)
{
	TimestampTz as_of = moment_arg(fcinfo, 0);
	int32		max_members = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	bool		fold_all = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	Done		done = {0};
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false};
	ListCell   *lc;

	if (max_members < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be positive", "max_members")));
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	foreach(lc, populations(seg_arg_text(fcinfo, 2)))
	{
		Sweep		sweep = {.next = SEG_FIRST_CHUNK};

		step(lfirst_int(lc), as_of, max_members, fold_all, &sweep, &done);
	}
	values[0] = Int64GetDatum(done.due);
	values[1] = Int64GetDatum(done.doubted);
	values[2] = Int64GetDatum(done.folded);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}

/*
 * maintain(as_of, population, fold_all)
 *		Batch by batch until nothing is left, with a commit after each where it may.
 */
Datum
maintain(PG_FUNCTION_ARGS)
{
	bool		atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic;
	TimestampTz as_of = moment_arg(fcinfo, 0);
	char	   *name = seg_arg_text(fcinfo, 1);
	bool		fold_all = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	List	   *ids;
	ListCell   *lc;

	SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
	ids = populations(name);
	foreach(lc, ids)
	{
		Sweep		sweep = {.patience = PATIENCE,.next = SEG_FIRST_CHUNK};
		Done		done;

		do
		{
			CHECK_FOR_INTERRUPTS();
			memset(&done, 0, sizeof(done));
			PushActiveSnapshot(GetTransactionSnapshot());
			step(lfirst_int(lc), as_of, BATCH_MEMBERS, fold_all, &sweep, &done);
			PopActiveSnapshot();
			if (!atomic)
				SPI_commit();
		} while (done.due + done.doubted + done.folded > 0 || (done.waiting && !atomic));
	}
	SPI_finish();
	PG_RETURN_VOID();
}
