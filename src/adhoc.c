/*
 * adhoc.c
 *		Rules that are asked once: matching, next_changes, preview, estimate, sql.
 *
 * They read what the population's owner can read, so they are for those who have the
 * owner's privileges.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "current.h"
#include "define.h"
#include "dictionary.h"
#include "member_set.h"
#include "pass.h"

/* Populations up to this size are not sampled, and a sample has about as many. */
#define SAMPLE_SIZE		50000

PG_FUNCTION_INFO_V1(matching);
PG_FUNCTION_INFO_V1(next_changes);
PG_FUNCTION_INFO_V1(preview);
PG_FUNCTION_INFO_V1(estimate);
PG_FUNCTION_INFO_V1(sql);

static SegProgram *
bind_one(FunctionCallInfo fcinfo, int rule_arg, int population_arg)
{
	const SegRule *rule = seg_arg_required_rule(fcinfo, rule_arg, "rule");
	SegPopulation *population = seg_population_get(seg_arg_text(fcinfo, population_arg));

	seg_check_manage(population);
	return seg_define_bind(population, 1, &rule, NULL);
}

static void
emit_members(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	ReturnSetInfo *result = arg;
	SegSetIter	iter;
	int64		member;

	seg_set_iter_init(&iter, members);
	while (seg_set_next(&iter, &member))
	{
		Datum		value = Int64GetDatum(member);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
}

/*
 * matching(rule, population, as_of, hide_later) -> setof bigint
 */
Datum
matching(PG_FUNCTION_ARGS)
{
	SegProgram *program = bind_one(fcinfo, 0, 1);
	TimestampTz as_of = seg_arg_moment(fcinfo, 2, "as_of");
	bool		hide_later = seg_arg_flag(fcinfo, 3, false);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	(void) seg_pass_run(program, as_of, hide_later ? as_of : DT_NOEND, NULL, emit_members, NULL, fcinfo->resultinfo);
	return (Datum) 0;
}

static void
emit_changes(void *arg, int64 chunk, int n, const int64 *members, const TimestampTz *until)
{
	ReturnSetInfo *result = arg;

	for (int i = 0; i < n; i++)
	{
		Datum		values[2] = {Int64GetDatum(members[i]), TimestampTzGetDatum(until[i])};
		bool		nulls[2] = {false, false};

		if (!TIMESTAMP_IS_NOEND(until[i]))
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * next_changes(rule, population, as_of) -> table (member, at)
 */
Datum
next_changes(PG_FUNCTION_ARGS)
{
	SegProgram *program = bind_one(fcinfo, 0, 1);
	TimestampTz as_of = seg_arg_moment(fcinfo, 2, "as_of");

	InitMaterializedSRF(fcinfo, 0);
	(void) seg_pass_run(program, as_of, DT_NOEND, NULL, NULL, emit_changes, fcinfo->resultinfo);
	return (Datum) 0;
}

static void
emit_to_builder(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	seg_set_builder_add_set((SegSetBuilder *) arg, members);
}

static void
emit_count(void *arg, int rule, int64 chunk, const SegMemberSet *members)
{
	*(int64 *) arg += seg_set_cardinality(members);
}

static TimestampTz
now_of_transaction(void)
{
	return GetCurrentTransactionStartTimestamp();
}

/* The rows of some members, given with their keys, into the result. */
static void
put_rows(ReturnSetInfo *result, const SegPopulation *population, int n, Datum *members, Datum *keys)
{
	Oid			types[2] = {INT8ARRAYOID, TEXTARRAYOID};
	Datum		values[2];
	StringInfoData sql;
	SegUser		user;

	values[0] = PointerGetDatum(construct_array(members, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	values[1] = PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT s.member, s.key, pg_catalog.to_jsonb(m.*)"
					 " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS s(member, key)"
					 " JOIN %s AS m ON %s ORDER BY s.member",
					 seg_sql_relation(population->relid), seg_key_condition(population));
	seg_user_become_owner(&user, population);
	SPI_connect();
	if (SPI_execute_with_args(sql.data, 2, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot execute: %s", sql.data);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	seg_user_restore(&user);
}

/*
 * preview(rule, population, max_rows) -> table (member, key, profile)
 */
Datum
preview(PG_FUNCTION_ARGS)
{
	SegProgram *program = bind_one(fcinfo, 0, 1);
	int32		max_rows = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	SegSetBuilder *builder = seg_set_builder_create();
	SegSetIter	iter;
	Datum	   *members;
	Datum	   *keys;
	SegMemberSet *set;
	int64		member;
	int			n = 0;

	if (max_rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be negative", "max_rows")));
	InitMaterializedSRF(fcinfo, 0);
	(void) seg_pass_run(program, now_of_transaction(), DT_NOEND, NULL, emit_to_builder, NULL, builder);
	set = seg_set_builder_finish(builder);
	/* keys that were given numbers just now are not in the query's snapshot */
	seg_define_push_snapshot();
	max_rows = Min(max_rows, seg_set_cardinality(set));
	members = palloc_extended(sizeof(Datum) * Max(max_rows, 1), MCXT_ALLOC_HUGE);
	keys = palloc_extended(sizeof(Datum) * Max(max_rows, 1), MCXT_ALLOC_HUGE);
	seg_set_iter_init(&iter, set);
	while (n < max_rows && seg_set_next(&iter, &member))
	{
		members[n] = Int64GetDatum(member);
		keys[n++] = CStringGetTextDatum(seg_dictionary_key(program->population, member));
	}
	put_rows((ReturnSetInfo *) fcinfo->resultinfo, program->population, n, members, keys);
	seg_define_end();
	return (Datum) 0;
}

/*
 * About SAMPLE_SIZE members of a larger set.  Which they are is decided by a hash, so that
 * the same question has the same answer, and no regularity in the keys can spoil it.
 */
static SegMemberSet *
sample(const SegMemberSet *set)
{
	SegSetBuilder *builder = seg_set_builder_create();
	uint64		limit = (uint64) ((double) SAMPLE_SIZE / seg_set_cardinality(set) * PG_UINT32_MAX);
	SegSetIter	iter;
	int64		member;

	seg_set_iter_init(&iter, set);
	while (seg_set_next(&iter, &member))
	{
		if ((uint32) hash_bytes_extended((unsigned char *) &member, sizeof(member), 0) < limit)
			seg_set_builder_add(builder, member);
	}
	return seg_set_builder_finish(builder);
}

/*
 * estimate(rule, population) -> bigint
 *		Exact for small populations; for large ones from a sample of those who were members when
 *		the population was last built.
 */
Datum
estimate(PG_FUNCTION_ARGS)
{
	SegProgram *program = bind_one(fcinfo, 0, 1);
	SegSegment *everyone = seg_segment_get(program->population->id, SEG_EVERYONE, false);
	bool		sampled = everyone->built && everyone->members > 2 * SAMPLE_SIZE;
	SegMemberSet *only = NULL;
	SegCurrent	current;
	int64		matched = 0;
	int64		seen;

	if (sampled)
	{
		seg_current_begin(&current, program->population, everyone);
		only = sample(seg_current_all(&current));
	}
	seen = seg_pass_run(program, now_of_transaction(), DT_NOEND, only, emit_count, NULL, &matched);
	if (!sampled)
		PG_RETURN_INT64(matched);
	if (seen == 0)
		PG_RETURN_INT64(0);
	PG_RETURN_INT64((int64) rint((double) matched / seen * everyone->members));
}

/*
 * sql(rule, population, as_of) -> text
 */
Datum
sql(PG_FUNCTION_ARGS)
{
	SegProgram *program = bind_one(fcinfo, 0, 1);
	TimestampTz as_of;

	if (PG_ARGISNULL(2))
		PG_RETURN_TEXT_P(cstring_to_text(seg_sql_rule(program, 0, NULL)));
	as_of = seg_arg_moment(fcinfo, 2, "as_of");
	PG_RETURN_TEXT_P(cstring_to_text(seg_sql_rule(program, 0, &as_of)));
}
