/*
 * define_view.c
 *		A view for each segment, with the columns of the population.
 *
 * The views are the user's: made and dropped with the rights of whoever calls, read with the
 * rights of whoever reads (security_invoker), and dumped as any other view.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "define.h"

PG_FUNCTION_INFO_V1(create_views);
PG_FUNCTION_INFO_V1(drop_views);

/* As the current user, but with every name qualified, nothing depends on search_path. */
static void
execute(const char *sql)
{
	SPI_connect();
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "cannot execute: %s", sql);
	SPI_finish();
}

char *
seg_key_condition(const SegPopulation *population)
{
	const char *key = quote_identifier(population->key);
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (!population->dictionary)
		return psprintf("m.%s OPERATOR(pg_catalog.=) s.member", key);
	get_atttypetypmodcoll(population->relid, get_attnum(population->relid, population->key),
						  &type, &typmod, &collation);
	if (!OidIsValid(collation))
		return psprintf("m.%s OPERATOR(pg_catalog.=) s.key::%s", key,
						format_type_extended(population->key_type, -1, FORMAT_TYPE_FORCE_QUALIFY));
	return psprintf("m.%s OPERATOR(pg_catalog.=) s.key COLLATE %s", key, seg_sql_collation(collation, true));
}

static char *
view_name(const SegPopulation *population, const char *segment)
{
	return quote_qualified_identifier(population->view_schema, segment);
}

void
seg_view_create(const SegPopulation *population, const char *segment)
{
	StringInfoData sql;
	ListCell   *lc;

	if (population->view_schema == NULL)
		return;
	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE VIEW %s WITH (security_invoker = true) AS SELECT ",
					 view_name(population, segment));
	foreach(lc, seg_column_names(population->relid))
		appendStringInfo(&sql, "%sm.%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_identifier(lfirst(lc)));
	appendStringInfo(&sql, " FROM %s AS m JOIN segments.%s(%s, population => %s) AS s(%s) ON %s",
					 seg_sql_relation(population->relid),
					 population->dictionary ? "member_keys" : "members",
					 quote_literal_cstr(segment), quote_literal_cstr(population->name),
					 population->dictionary ? "key" : "member", seg_key_condition(population));
	execute(sql.data);
}

void
seg_view_drop(const SegPopulation *population, const char *segment)
{
	if (population->view_schema != NULL)
		execute(psprintf("DROP VIEW IF EXISTS %s", view_name(population, segment)));
}

/* Calls one of the above for each segment. */
static void
for_each_segment(const SegPopulation *population,
				 void (*function) (const SegPopulation *population, const char *segment))
{
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(population->id))
	{
		SegSegment *segment = lfirst(lc);

		if (!segment->everyone)
			function(population, segment->name);
	}
}

static SegPopulation *
set_view_schema(const SegPopulation *population, const char *schema)
{
	SegParam	params[2];

	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_name(schema);
	(void) seg_define_write("UPDATE segments.population SET view_schema = $2 WHERE id = $1", 2, params);
	return seg_define_again(population);
}

void
seg_views_drop(const SegPopulation *population)
{
	for_each_segment(population, seg_view_drop);
}

void
seg_views_create(const SegPopulation *population)
{
	for_each_segment(population, seg_view_create);
}

/*
 * create_views(schema, population)
 *		Also makes them anew, with the columns that the population has now.
 */
Datum
create_views(PG_FUNCTION_ARGS)
{
	char	   *schema = seg_arg_required_name(fcinfo, 0, "schema");
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 1));

	(void) get_namespace_oid(schema, false);
	seg_views_drop(population);
	seg_views_create(set_view_schema(population, schema));
	seg_define_end();
	PG_RETURN_VOID();
}

/*
 * drop_views(population)
 */
Datum
drop_views(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));

	seg_views_drop(population);
	(void) set_view_schema(population, NULL);
	seg_define_end();
	PG_RETURN_VOID();
}
