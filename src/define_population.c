/*
 * define_population.c
 *		Making and dropping populations.
 *
 * A member is known by a bigint.  Where keys are integers that lie fairly dense, the
 * key itself is that number; else segments.dictionary gives one to each key.  Which it
 * is, is decided when the population is made, and stays.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "attempt.h"
#include "catalog.h"
#include "clock.h"
#include "define.h"
#include "lock.h"
#include "nearest.h"
#include "now.h"
#include "trigger.h"

/* Dense: this many numbers for each key and these on top may lie unused. */
#define SPAN_PER_KEY	64
#define SPAN_FREE		(1 << 20)

PG_FUNCTION_INFO_V1(create_population);
PG_FUNCTION_INFO_V1(alter_population);
PG_FUNCTION_INFO_V1(drop_population);

static void
check_key_type(const SegPopulation *population)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (!seg_key_is_integer(population) && population->key_type != UUIDOID &&
		population->key_type != TEXTOID && population->key_type != VARCHAROID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be the key of a population", population->key,
						format_type_be(population->key_type)),
				 errdetail("A key is smallint, integer, bigint, uuid, text or varchar."),
				 errhint("Register a view that casts it.")));
	get_atttypetypmodcoll(population->relid, get_attnum(population->relid, population->key),
						  &type, &typmod, &collation);
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" cannot be the key of a population", population->key),
				 errdetail("Its collation is not deterministic: keys that differ count as equal.")));
}

/*
 * Are members numbers given to keys?  Integers are their own, unless they are spread too far.
 */
static bool
needs_dictionary(const SegPopulation *population)
{
	const char *key = quote_identifier(population->key);
	SegUser		user;
	StringInfoData sql;
	int64		n[3] = {0, 0, 0};	/* keys, least, greatest */

	if (!seg_key_is_integer(population))
		return true;
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(m.%s), pg_catalog.min(m.%s)::pg_catalog.int8,"
					 " pg_catalog.max(m.%s)::pg_catalog.int8 FROM %s AS m",
					 key, key, key, seg_sql_relation(population->relid));
	seg_user_become_owner(&user, population);
	SPI_connect();
	if (SPI_execute(sql.data, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "cannot execute: %s", sql.data);
	for (int i = 0; i < (int) lengthof(n); i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		n[i] = isnull ? 0 : DatumGetInt64(value);
	}
	SPI_finish();
	seg_user_restore(&user);

	/* the subtraction cannot overflow an unsigned number */
	return ((uint64) n[2] - (uint64) n[1]) / SPAN_PER_KEY > (uint64) n[0] + SPAN_FREE / SPAN_PER_KEY;
}

static void
check_key(SegPopulation *population)
{
	if (population->key == NULL)
	{
		population->key = seg_primary_key(population->relid);
		if (population->key == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("\"%s\" has no primary key of one column", get_rel_name(population->relid)),
					 errhint("Say which column is the key, as in key => 'id'. The columns are: %s.",
							 seg_list_names(seg_column_names(population->relid)))));
	}
	population->key_type = seg_column_type(population->relid, population->key);
	seg_check_select(population->relid, population->key, population->owner);
	check_key_type(population);
	seg_check_stored(population->relid, population->key);
	if (!seg_column_unique(population->relid, population->key))
		seg_check_unique_data(population, population->relid, population->key);
	population->dictionary = needs_dictionary(population);
}

static void
check_population_is_new(const char *name)
{
	SegScan		scan;
	ScanKeyData key;

	seg_key_text(&key, SEG_COL_POPULATION_NAME, name);
	seg_scan_begin(&scan, SEG_REL_POPULATION, SEG_REL_POPULATION_NAME_KEY, 1, &key);
	if (seg_scan_next(&scan))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("population \"%s\" already exists", name)));
	seg_scan_end(&scan);
}

/* What a word for maintenance means; NULL is what the relation can have. */
static SegMaintenance
parse_maintenance(const char *word, Oid relid)
{
	SegMaintenance maintenance;

	if (word == NULL)
		return seg_triggers_possible(relid) ? SEG_IMMEDIATE : SEG_SCHEDULED;
	if (!seg_maintenance_of(word, &maintenance))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("maintenance cannot be \"%s\"", word),
				 errhint("It is 'immediate', 'queued' or 'scheduled'.")));
	return maintenance;
}

/*
 * create_population(name, relation, key, time_zone, maintenance)
 */
Datum
create_population(PG_FUNCTION_ARGS)
{
	SegPopulation population = {0};
	SegPopulation *made;
	SegParam	params[8];
	SegParam	id;

	population.name = seg_arg_required_text(fcinfo, 0, "name");
	population.relid = seg_arg_required_oid(fcinfo, 1, "relation");
	population.key = seg_arg_name(fcinfo, 2);
	population.time_zone = seg_arg_required_text(fcinfo, 3, "time_zone");
	population.owner = GetUserId();

	seg_check_name("population", population.name);
	(void) seg_clock_zone(population.time_zone);

	/* names are settled one at a time; readers and other definitions go on */
	LockRelationOid(seg_catalog_relation(SEG_REL_POPULATION), ShareUpdateExclusiveLock);
	seg_define_push_snapshot();
	check_population_is_new(population.name);
	LockRelationOid(population.relid, AccessShareLock);
	seg_check_relation(population.relid);
	population.maintenance = parse_maintenance(seg_arg_text(fcinfo, 4), population.relid);
	check_key(&population);
	seg_triggers_check(&population, population.relid);

	params[0] = seg_param_text(population.name);
	params[1] = seg_param_oid(REGCLASSOID, population.relid);
	params[2] = seg_param_name(population.key);
	params[3] = seg_param_oid(REGTYPEOID, population.key_type);
	params[4] = seg_param_bool(population.dictionary);
	params[5] = seg_param_oid(REGROLEOID, population.owner);
	params[6] = seg_param_text(population.time_zone);
	params[7] = seg_param_text(seg_maintenance_word(population.maintenance));
	id = seg_param_int4(seg_define_write("INSERT INTO segments.population"
										 " (name, relation, key, key_type, dictionary, owner, time_zone,"
										 " maintenance)"
										 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
										 8, params));
	(void) seg_define_write("INSERT INTO segments.segment (population, name, rule, kind, description)"
							" VALUES ($1, '" SEG_EVERYONE "', 'true', 'everyone', 'the whole population')",
							1, &id);
	population.id = DatumGetInt32(id.value);
	made = seg_define_again(&population);
	seg_depend_population(made);
	seg_triggers_sync(made);

	/* whoever wrote before we could put triggers there is finished now, and seen */
	made = seg_define_again(made);
	seg_define_build(made, NIL, seg_now_latest(), SEG_BY_RULE);
	seg_define_end();
	PG_RETURN_VOID();
}

/* Nobody noticed what happened while there were no triggers. */
static void
catch_up(const SegPopulation *population)
{
	seg_define_refresh(population, seg_active_segments(population->id), seg_now_latest());
}

/* Segments that were deactivated since they could not be evaluated; segment 0: all of them. */
typedef struct Revival
{
	const SegPopulation *population;
	int32		segment;
} Revival;

static void
revive(void *arg)
{
	const Revival *revival = arg;
	SegParam	params[2];
	SegPopulation *population;

	params[0] = seg_param_int4(revival->population->id);
	params[1] = seg_param_id(revival->segment);
	(void) seg_define_write("UPDATE segments.segment SET active = true, problem = NULL WHERE population = $1"
							" AND NOT active AND problem IS NOT NULL AND id = coalesce($2, id)", 2, params);
	seg_define_push_snapshot();
	population = seg_population_by_id(revival->population->id);
	if (revival->segment == 0)
		catch_up(population);
	else
		seg_define_build(population, list_make1(seg_segment_by_id(revival->segment)), seg_now_latest(), SEG_BY_DATA);
	PopActiveSnapshot();
}

static void
revive_each(Revival *revival, const List *segments)
{
	ListCell   *lc;

	foreach(lc, segments)
	{
		revival->segment = ((const SegSegment *) lfirst(lc))->id;
		(void) seg_attempt(revive, revival);
	}
}

/* Other eyes look: what could not be evaluated perhaps can.  Together; else one by one, as many as will. */
static SegPopulation *
revive_all(const SegPopulation *population)
{
	Revival		revival = {.population = population};
	List	   *failed = NIL;
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(population->id))
		if (((const SegSegment *) lfirst(lc))->failed)
			failed = lappend(failed, lfirst(lc));
	if (failed != NIL && seg_attempt(revive, &revival) != NULL)
		revive_each(&revival, failed);
	return seg_define_again(population);
}

static SegPopulation *
set_maintenance(const SegPopulation *population, SegMaintenance maintenance)
{
	SegPopulation *altered;
	SegParam	params[2];

	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_text(seg_maintenance_word(maintenance));
	if (population->maintenance != SEG_SCHEDULED && maintenance == SEG_SCHEDULED)
	{
		seg_define_settle(population);
		(void) seg_define_write("DELETE FROM segments.due WHERE population = $1", 1, params);
		(void) seg_define_write("DELETE FROM segments.recheck WHERE population = $1", 1, params);
	}
	(void) seg_define_write("UPDATE segments.population SET maintenance = $2 WHERE id = $1", 2, params);
	altered = seg_define_again(population);
	seg_triggers_check(altered, InvalidOid);
	seg_triggers_sync(altered);
	if (population->maintenance == SEG_SCHEDULED && maintenance != SEG_SCHEDULED)
	{
		altered = seg_define_again(altered);
		catch_up(altered);
	}
	return seg_define_again(altered);
}

/*
 * alter_population(name, new_name, time_zone, owner, maintenance)
 *		What is null stays as it is.
 */
Datum
alter_population(PG_FUNCTION_ARGS)
{
	char	   *new_name = seg_arg_text(fcinfo, 1);
	char	   *time_zone = seg_arg_text(fcinfo, 2);
	char	   *maintenance = seg_arg_text(fcinfo, 4);
	SegPopulation *population;
	SegPopulation *altered;
	SegParam	params[4];

	LockRelationOid(seg_catalog_relation(SEG_REL_POPULATION), ShareUpdateExclusiveLock);
	population = seg_define_begin(seg_arg_required_text(fcinfo, 0, "name"));
	if (new_name != NULL && strcmp(new_name, population->name) != 0)
	{
		seg_check_name("population", new_name);
		check_population_is_new(new_name);
	}
	if (time_zone != NULL)
		(void) seg_clock_zone(time_zone);
	if (!PG_ARGISNULL(3))
	{
		population->owner = PG_GETARG_OID(3);
		check_can_set_role(GetUserId(), population->owner);
		seg_check_select(population->relid, population->key, population->owner);
	}

	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_text(new_name);
	params[2] = seg_param_text(time_zone);
	params[3] = seg_param_oid(REGROLEOID, population->owner);
	(void) seg_define_write("UPDATE segments.population SET name = coalesce($2, name),"
							" time_zone = coalesce($3, time_zone), owner = $4 WHERE id = $1", 4, params);
	altered = seg_define_again(population);
	if (maintenance != NULL)
		altered = set_maintenance(altered, parse_maintenance(maintenance, altered->relid));
	if (!PG_ARGISNULL(3))
	{
		seg_triggers_check(altered, InvalidOid);
		altered = revive_all(altered);
	}
	/* days begin elsewhere, or other eyes look */
	if ((time_zone != NULL || !PG_ARGISNULL(3)) && altered->maintenance != SEG_SCHEDULED)
		catch_up(altered);
	if (new_name != NULL)
	{
		/* they mention the population by name */
		seg_views_drop(population);
		seg_views_create(altered);
	}
	seg_define_end();
	PG_RETURN_VOID();
}

/*
 * drop_population(name, cascade)
 */
Datum
drop_population(PG_FUNCTION_ARGS)
{
	static const char *const delete_from[] = {
		"DELETE FROM segments.consumer WHERE population = $1",
		"DELETE FROM segments.change WHERE population = $1",
		"DELETE FROM segments.history WHERE population = $1",
		"DELETE FROM segments.due WHERE population = $1",
		"DELETE FROM segments.chunk WHERE population = $1",
		"DELETE FROM segments.membership WHERE population = $1",
		"DELETE FROM segments.recheck WHERE population = $1",
		"DELETE FROM segments.building WHERE population = $1",
		"DELETE FROM segments.dependency WHERE population = $1",
		"DELETE FROM segments.dictionary WHERE population = $1",
		"DELETE FROM segments.segment WHERE population = $1",
		"DELETE FROM segments.attribute WHERE population = $1",
		"DELETE FROM segments.lookup WHERE population = $1",
		"DELETE FROM segments.source WHERE population = $1",
		"DELETE FROM segments.population WHERE id = $1"
	};
	SegPopulation *population = seg_define_begin(seg_arg_required_text(fcinfo, 0, "name"));
	bool		cascade = seg_arg_flag(fcinfo, 1, false);
	SegParam	id = seg_param_int4(population->id);
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(population->id))
	{
		SegSegment *segment = lfirst(lc);

		if (!segment->everyone)
			names = lappend(names, segment->name);
	}
	if (names != NIL && !cascade)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop population \"%s\" because it has segments", population->name),
				 errdetail("They are: %s.", seg_list_names(names)),
				 errhint("Use cascade => true to drop them, too.")));
	seg_views_drop(population);
	(void) seg_lock_feed(population->id, true);
	for (Size i = 0; i < lengthof(delete_from); i++)
		(void) seg_define_write(delete_from[i], 1, &id);
	seg_triggers_sync(population);
	seg_define_end();
	PG_RETURN_VOID();
}
