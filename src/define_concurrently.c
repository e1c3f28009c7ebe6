/*
 * define_concurrently.c
 *		Creating a segment while others write.
 *
 * As CREATE INDEX CONCURRENTLY does, it goes in several transactions.  The first makes the rule
 * known (segments.building): from then on statements that touch what it reads only note
 * their members in doubt, and nobody settles doubt.  The second waits for all who may not have
 * heard of it.  The third evaluates the rule on the basis of what is committed then, and makes the
 * segment: whoever was touched since is in doubt, so that it is exact from the moment
 * at which it appears.
 *
 * Who is killed on the way leaves the rule behind, which nobody sees, and statements go on
 * noting.  Nobody holds the builder's lock then, by which upkeep and the next builder tell.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "define.h"
#include "lock.h"
#include "now.h"

PG_FUNCTION_INFO_V1(create_segment_concurrently);

static void
delete_rule(const SegPopulation *population)
{
	SegParam	param = seg_param_int4(population->id);

	(void) seg_define_write("DELETE FROM segments.building WHERE population = $1", 1, &param);
}

/*
 * Makes the rule known; the population, whose builder's lock is held from here on.  Up to the end it
 * is a lock of the transaction, so that nothing is left of it where this fails.
 */
static SegPopulation *
announce(const char *name, const SegNewSegment *new_segment)
{
	const SegRule *rule = new_segment->rule;
	SegPopulation *population;
	SegParam	params[2];

	PushActiveSnapshot(GetTransactionSnapshot());
	population = seg_define_begin(name);
	seg_check_new_segment(population, new_segment);
	(void) seg_define_bind(population, 1, &rule, NULL);
	if (!seg_lock_builder(population->id, false))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another segment of population \"%s\" is being created concurrently", population->name),
				 errhint("Wait until that is done.")));
	delete_rule(population);
	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_rule(rule);
	(void) seg_define_write("INSERT INTO segments.building (population, rule) VALUES ($1, $2)", 2, params);
	seg_define_end();
	PopActiveSnapshot();
	(void) seg_lock_builder(population->id, true);
	return population;
}

static void
make(SegPopulation *population, const SegNewSegment *new_segment)
{
	SegSegment *segment;

	PushActiveSnapshot(GetTransactionSnapshot());
	population = seg_define_begin_found(population);
	segment = seg_define_segment(&population, new_segment);
	seg_define_build_unlocked(population, segment);
	delete_rule(population);
	seg_view_create(population, segment->name);
	seg_define_end();
	PopActiveSnapshot();
}

static void
build_after(SegPopulation *population, const SegNewSegment *new_segment)
{
	PG_TRY();
	{
		SPI_commit();
		seg_define_wait_for_writers(population);
		SPI_commit();
		make(population, new_segment);
		SPI_commit();
	}
	PG_CATCH();
	{
		seg_unlock_builder(population->id);
		PG_RE_THROW();
	}
	PG_END_TRY();
	seg_unlock_builder(population->id);
}

/*
 * create_segment_concurrently(name, rule, population, description, valid_until, notify)
 */
Datum
create_segment_concurrently(PG_FUNCTION_ARGS)
{
	SegNewSegment new_segment = {.name = seg_arg_required_text(fcinfo, 0, "name")};
	const char *population = seg_arg_text(fcinfo, 2);

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block", "segments.create_segment_concurrently()"),
				 errhint("Call it by itself, or use segments.create_segment().")));
	new_segment.rule = seg_arg_required_rule(fcinfo, 1, "rule");
	new_segment.description = seg_arg_text(fcinfo, 3);
	new_segment.valid_until = seg_arg_valid_until(fcinfo, 4, DT_NOEND);
	new_segment.notify = seg_arg_flag(fcinfo, 5, false);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	build_after(announce(population, &new_segment), &new_segment);
	SPI_finish();
	PG_RETURN_VOID();
}
