/*
 * registry_query.c
 *		Queries on the extension's own tables, where reading them row by row is not enough.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "registry.h"

static Datum
oid_array(List *oids)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(oids), 1));
	ListCell   *lc;

	foreach(lc, oids)
		elements[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));
	return PointerGetDatum(construct_array(elements, list_length(oids), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

static Datum
text_array(List *texts)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(texts), 1));
	ListCell   *lc;

	foreach(lc, texts)
		elements[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elements, list_length(texts), TEXTOID, -1, false, TYPALIGN_INT));
}

SegRows
seg_query(const char *sql, List *relids, List *texts, bool active_snapshot)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[2] = {OIDARRAYOID, TEXTARRAYOID};
	Datum		params[2] = {oid_array(relids), text_array(texts)};
	SegUser		user;
	SegRows		rows;

	seg_user_become_extension(&user);
	SPI_connect();
	if (SPI_execute_with_args(sql, texts != NIL ? 2 : relids != NIL ? 1 : 0, types, params, NULL,
							  active_snapshot, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot execute: %s", sql);
	rows.n = SPI_processed;
	rows.values = MemoryContextAllocHuge(context, sizeof(char **) * (rows.n + 1));
	for (uint64 i = 0; i < rows.n; i++)
	{
		int			natts = SPI_tuptable->tupdesc->natts;

		rows.values[i] = MemoryContextAllocZero(context, sizeof(char *) * natts);
		for (int j = 0; j < natts; j++)
		{
			char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1);

			if (value != NULL)
				rows.values[i][j] = MemoryContextStrdup(context, value);
		}
	}
	SPI_finish();
	seg_user_restore(&user);
	return rows;
}

List *
seg_query_oids(const char *sql, List *relids, List *texts, bool active_snapshot)
{
	SegRows		rows = seg_query(sql, relids, texts, active_snapshot);
	List	   *oids = NIL;

	for (uint64 i = 0; i < rows.n; i++)
		oids = lappend_oid(oids, DatumGetObjectId(DirectFunctionCall1(oidin, CStringGetDatum(rows.values[i][0]))));
	return oids;
}
