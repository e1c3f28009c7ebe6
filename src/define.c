/*
 * define.c
 *		What the functions that define things share: arguments, locking, writing, checks.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "compat.h"
#include "define.h"
#include "nearest.h"

#define MAX_PARAMS	12

char *
seg_arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
seg_arg_name(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(n)));
}

bool
seg_arg_flag(FunctionCallInfo fcinfo, int n, bool if_null)
{
	return PG_ARGISNULL(n) ? if_null : PG_GETARG_BOOL(n);
}

static void
require(FunctionCallInfo fcinfo, int n, const char *argument)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", argument)));
}

char *
seg_arg_required_text(FunctionCallInfo fcinfo, int n, const char *argument)
{
	require(fcinfo, n, argument);
	return seg_arg_text(fcinfo, n);
}

char *
seg_arg_required_name(FunctionCallInfo fcinfo, int n, const char *argument)
{
	require(fcinfo, n, argument);
	return seg_arg_name(fcinfo, n);
}

Oid
seg_arg_required_oid(FunctionCallInfo fcinfo, int n, const char *argument)
{
	require(fcinfo, n, argument);
	return PG_GETARG_OID(n);
}

TimestampTz
seg_arg_moment(FunctionCallInfo fcinfo, int n, const char *argument)
{
	TimestampTz moment;

	require(fcinfo, n, argument);
	moment = PG_GETARG_TIMESTAMPTZ(n);
	if (TIMESTAMP_NOT_FINITE(moment))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" must be finite", argument)));
	return moment;
}

SegRule *
seg_arg_rule(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : (SegRule *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(n));
}

SegRule *
seg_arg_required_rule(FunctionCallInfo fcinfo, int n, const char *argument)
{
	require(fcinfo, n, argument);
	return seg_arg_rule(fcinfo, n);
}

SegParam
seg_param_int4(int32 value)
{
	return (SegParam) {INT4OID, Int32GetDatum(value), false};
}

SegParam
seg_param_int8(int64 value)
{
	return (SegParam) {INT8OID, Int64GetDatum(value), false};
}

SegParam
seg_param_id(int32 value)
{
	return (SegParam) {INT4OID, Int32GetDatum(value), value == 0};
}

SegParam
seg_param_oid(Oid type, Oid value)
{
	return (SegParam) {type, ObjectIdGetDatum(value), false};
}

SegParam
seg_param_bool(bool value)
{
	return (SegParam) {BOOLOID, BoolGetDatum(value), false};
}

SegParam
seg_param_text(const char *value)
{
	return (SegParam) {TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL};
}

SegParam
seg_param_name(const char *value)
{
	return (SegParam)
	{
		NAMEOID, value ? DirectFunctionCall1(namein, CStringGetDatum(value)) : (Datum) 0, value == NULL
	};
}

SegParam
seg_param_rule(const SegRule *value)
{
	return (SegParam) {seg_catalog_type("segment_rule"), PointerGetDatum(value), value == NULL};
}

SegParam
seg_param_moment(TimestampTz value)
{
	return (SegParam) {TIMESTAMPTZOID, TimestampTzGetDatum(value), TIMESTAMP_IS_NOEND(value)};
}

static int32
write_as_extension(const char *sql, int nparams, const SegParam *params, bool definition)
{
	SegUser		user;
	Oid			types[MAX_PARAMS];
	Datum		values[MAX_PARAMS];
	char		nulls[MAX_PARAMS];
	int32		result;
	int			done;

	Assert(nparams <= MAX_PARAMS);
	for (int i = 0; i < nparams; i++)
	{
		types[i] = params[i].type;
		values[i] = params[i].value;
		nulls[i] = params[i].isnull ? 'n' : ' ';
	}
	seg_user_become_extension(&user);
	SPI_connect();
	done = SPI_execute_with_args(sql, nparams, types, values, nulls, false, 0);
	if (done < 0)
		elog(ERROR, "cannot execute: %s", sql);
	/* for those who keep definitions in memory: classify.c */
	if (definition && done != SPI_OK_SELECT)
		CacheInvalidateRelcacheByRelid(seg_catalog_relation(SEG_REL_SEGMENT));
	result = (int32) SPI_processed;
	if (SPI_tuptable != NULL && SPI_processed > 0)
	{
		bool		isnull;

		result = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
	seg_user_restore(&user);
	return result;
}

int32
seg_define_write(const char *sql, int nparams, const SegParam *params)
{
	return write_as_extension(sql, nparams, params, true);
}

int32
seg_define_write_quietly(const char *sql, int nparams, const SegParam *params)
{
	return write_as_extension(sql, nparams, params, false);
}

void
seg_define_push_snapshot(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

SegPopulation *
seg_define_begin_found(SegPopulation *population)
{
	SegParam	param = seg_param_int4(population->id);

	seg_check_manage(population);

	/* somebody else may drop or change it while we wait; whoever reads what we define knows it by the number */
	if (seg_define_write("UPDATE segments.population SET definition = pg_catalog.nextval('segments.chunk_version')"
						 " WHERE id = $1", 1, &param) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("population \"%s\" does not exist any more", population->name)));
	seg_define_push_snapshot();
	population = seg_population_by_id(population->id);
	seg_check_manage(population);
	return population;
}

SegPopulation *
seg_define_begin(const char *name)
{
	return seg_define_begin_found(seg_population_get_bare(name));
}

SegSegment *
seg_define_begin_segment(const char *name, const char *population, SegPopulation **found)
{
	SegSegment *segment;

	(void) seg_segment_resolve(name, population, false, found);
	*found = seg_define_begin_found(*found);
	segment = seg_segment_get((*found)->id, name, false);
	if (segment->everyone)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("segment \"%s\" cannot be altered or dropped", name),
				 errdetail("It is made and dropped with its population.")));
	return segment;
}

SegPopulation *
seg_define_again(const SegPopulation *population)
{
	PopActiveSnapshot();
	seg_define_push_snapshot();
	return seg_population_by_id(population->id);
}

void
seg_define_end(void)
{
	PopActiveSnapshot();
}

SegProgram *
seg_define_bind(const SegPopulation *population, int nrules, const SegRule **rules, const int32 *self)
{
	SegUser		user;
	SegProgram *program;

	seg_user_become_owner(&user, population);
	program = seg_bind_population(population, nrules, rules, self);
	seg_user_restore(&user);
	return program;
}

void
seg_check_name(const char *what, const char *name)
{
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a %s must not be empty", what)));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("%s name \"%.*s...\" is too long", what, pg_mbcliplen(name, strlen(name), 40), name),
				 errdetail("Names have at most %d bytes.", NAMEDATALEN - 1)));
}

void
seg_check_relation(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE &&
		form->relkind != RELKIND_VIEW && form->relkind != RELKIND_MATVIEW &&
		form->relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or view", NameStr(form->relname))));
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("\"%s\" is temporary", NameStr(form->relname)),
				 errdetail("A population outlives the session, and so must what it is made of.")));
	ReleaseSysCache(tuple);
}

void
seg_check_select(Oid relid, const char *column, Oid role)
{
	if (pg_class_aclcheck(relid, role, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck(relid, get_attnum(relid, column), role, ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for column \"%s\" of \"%s\"", column, get_rel_name(relid)),
				 errdetail("Rules are evaluated as role \"%s\", which must be able to select it.",
						   GetUserNameFromId(role, false))));
}

List *
seg_column_names(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleDesc	tupdesc = RelationGetDescr(rel);
	List	   *names = NIL;

	for (int i = 0; i < tupdesc->natts; i++)
	{
		if (!TupleDescAttr(tupdesc, i)->attisdropped)
			names = lappend(names, pstrdup(NameStr(TupleDescAttr(tupdesc, i)->attname)));
	}
	relation_close(rel, NoLock);
	return names;
}

Oid
seg_column_type(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);

	if (attnum <= 0)
	{
		char	   *hint = seg_nearest_hint(column, seg_column_names(relid), "The columns are");

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of \"%s\" does not exist", column, get_rel_name(relid)),
				 hint ? errhint("%s", hint) : 0));
	}
	return getBaseType(get_atttype(relid, attnum));
}

void
seg_check_stored(Oid relid, const char *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column);
	bool		is_virtual = HeapTupleIsValid(tuple) && seg_is_virtual((Form_pg_attribute) GETSTRUCT(tuple));

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (is_virtual)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of \"%s\" cannot be a key", column, get_rel_name(relid)),
				 errdetail("It is generated when it is read, and stands in no row."),
				 errhint("Have it STORED.")));
}

/* What an index says of uniqueness, if it is of one plain column; else 0. */
static AttrNumber
unique_column(Oid indexid, bool primary_only)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	Form_pg_index index;
	AttrNumber	attnum = 0;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", indexid);
	index = (Form_pg_index) GETSTRUCT(tuple);
	if (index->indisunique && index->indisvalid && index->indnkeyatts == 1 &&
		(index->indisprimary || !primary_only) &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
		attnum = Max(index->indkey.values[0], 0);
	ReleaseSysCache(tuple);
	return attnum;
}

char *
seg_primary_key(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	char	   *column = NULL;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		AttrNumber	attnum = unique_column(lfirst_oid(lc), true);

		if (attnum > 0)
			column = get_attname(relid, attnum, false);
	}
	relation_close(rel, NoLock);
	return column;
}

bool
seg_column_unique(Oid relid, const char *column)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	AttrNumber	attnum = get_attnum(relid, column);
	bool		unique = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		if (unique_column(lfirst_oid(lc), false) == attnum)
			unique = true;
	}
	/* an index of a table says nothing of those that inherit from it */
	if (rel->rd_rel->relkind == RELKIND_RELATION && has_subclass(relid))
		unique = false;
	relation_close(rel, NoLock);
	return unique;
}

void
seg_check_unique_data(const SegPopulation *population, Oid relid, const char *column)
{
	SegUser		user;
	StringInfoData sql;
	char	   *duplicate = NULL;
	MemoryContext context = CurrentMemoryContext;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT r.%s::pg_catalog.text FROM %s AS r WHERE r.%s IS NOT NULL"
					 " GROUP BY r.%s HAVING pg_catalog.count(*) > 1 LIMIT 1",
					 quote_identifier(column), seg_sql_relation(relid), quote_identifier(column),
					 quote_identifier(column));
	seg_user_become_owner(&user, population);
	SPI_connect();
	if (SPI_execute(sql.data, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "cannot execute: %s", sql.data);
	if (SPI_processed > 0)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		duplicate = MemoryContextStrdup(context, value);
	}
	SPI_finish();
	seg_user_restore(&user);

	if (duplicate != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("column \"%s\" of \"%s\" is not unique", column, get_rel_name(relid)),
				 errdetail("(%s)=(%s) is in more than one row.", column, duplicate)));
}
