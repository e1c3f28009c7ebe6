/*
 * live_direct.c
 *		Reading a few members' rows straight from their table, through an index.
 *
 * A statement that touches one member makes us read a row or a dozen.  Setting out a query for
 * that costs several times what finding them does.  Where an index has the key of a table that can
 * be read directly (pass_read_direct.c), it is not needed.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "live_direct.h"

struct SegLiveDirect
{
	SegReadDirect *table;
	Oid			index;
	RegProcedure equal;			/* of the index's keys with an int8 */
	bool		by_moment;		/* the index's second key is the row's moment, a timestamptz */
};

/* The operator that finds an int8 among the index's keys. */
static RegProcedure
equal_to_int8(Oid type)
{
	return type == INT2OID ? F_INT28EQ : type == INT4OID ? F_INT48EQ : F_INT8EQ;
}

static bool
leads_with(Oid indexid, AttrNumber key)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	bool		good = index->rd_rel->relam == BTREE_AM_OID && form->indisvalid && !form->indcheckxmin &&
		form->indkey.values[0] == key && index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID &&
		RelationGetIndexPredicate(index) == NIL;

	index_close(index, NoLock);
	return good;
}

static bool
goes_on_with(Oid indexid, AttrNumber moment)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	bool		good = form->indnkeyatts > 1 && form->indkey.values[1] == moment &&
		index->rd_opcintype[1] == TIMESTAMPTZOID &&
		index->rd_opfamily[1] == get_opclass_family(GetDefaultOpClass(TIMESTAMPTZOID, BTREE_AM_OID));

	index_close(index, NoLock);
	return good;
}

/* One that goes on with the row's moment, rather than another. */
static void
find_index(SegLiveDirect *d, Relation rel, AttrNumber moment)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		if (!leads_with(lfirst_oid(lc), d->table->key))
			continue;
		d->index = lfirst_oid(lc);
		d->by_moment = AttributeNumberIsValid(moment) && goes_on_with(d->index, moment);
		if (d->by_moment)
			break;
	}
}

SegLiveDirect *
seg_live_direct_begin(SegReading *reading, int relationno)
{
	const SegPopulation *population = reading->program->population;
	const SegRelation *relation = list_nth(reading->program->relations, relationno);
	const char *at = relation->source < 0 ? NULL : population->sources[relation->source].at;
	SegReadDirect *table = seg_read_direct_begin(reading, relationno);
	SegLiveDirect *d;
	Relation	rel;

	if (table == NULL)
		return NULL;
	d = palloc0(sizeof(SegLiveDirect));
	d->table = table;
	d->equal = equal_to_int8(table->key_type);
	rel = table_open(table->relid, NoLock);
	find_index(d, rel, at == NULL ? InvalidAttrNumber : get_attnum(table->relid, at));
	table_close(rel, NoLock);
	return OidIsValid(d->index) ? d : NULL;
}

/* Is everything as it was, and may the owner see it all? */
static bool
is_usable(const SegLiveDirect *d, Relation rel)
{
	List	   *indexes;
	bool		there;

	if (!seg_read_direct_is_usable(d->table, rel))
		return false;
	indexes = RelationGetIndexList(rel);
	there = list_member_oid(indexes, d->index);
	list_free(indexes);
	return there;
}

static void
read_members(const SegLiveDirect *d, Relation rel, Relation index, int n, const int64 *members, TimestampTz start)
{
	int			nkeys = d->by_moment && !TIMESTAMP_IS_NOBEGIN(start) ? 2 : 1;
	IndexScanDesc scan = seg_index_beginscan(rel, index, GetActiveSnapshot(), nkeys);
	TupleTableSlot *found = table_slot_create(rel, NULL);

	for (int i = 0; i < n; i++)
	{
		ScanKeyData keys[2];

		ScanKeyEntryInitialize(&keys[0], 0, 1, BTEqualStrategyNumber, INT8OID, InvalidOid, d->equal,
							   Int64GetDatum(members[i]));
		ScanKeyEntryInitialize(&keys[1], 0, 2, BTGreaterEqualStrategyNumber, TIMESTAMPTZOID, InvalidOid,
							   F_TIMESTAMPTZ_GE, TimestampTzGetDatum(start));
		index_rescan(scan, keys, nkeys, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, found))
		{
			CHECK_FOR_INTERRUPTS();
			seg_read_direct_give(d->table, members[i], found);
		}
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(found);
}

bool
seg_live_direct_read(SegLiveDirect *d, int n, const int64 *members, TimestampTz start)
{
	Relation	rel;
	Relation	index;
	bool		usable;

	if (!seg_direct_reads)
		return false;
	rel = try_table_open(d->table->relid, AccessShareLock);
	if (rel == NULL)
		return false;
	usable = is_usable(d, rel);
	if (usable)
	{
		index = index_open(d->index, AccessShareLock);
		usable = index->rd_index->indisvalid && !index->rd_index->indcheckxmin;
		if (usable)
			read_members(d, rel, index, n, members, start);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	return usable;
}
