/*
 * live_direct.c
 *		Reading a few members' rows straight from their table, through an index.
 *
 * A statement that touches one member makes us read a row or a dozen.  Setting out a query for
 * that costs several times what finding them does.  Where the query would be "these columns of a
 * plain table, by a key that an index has", it is not needed: nothing of the user's code would
 * run in it, and nobody's eyes matter, since the owner may see all rows.
 *
 * What can change from one statement to the next is looked at each time.  Wherever anything is
 * out of the ordinary, the query has the last word, and the errors.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "live_direct.h"

bool		seg_direct_reads = true;

struct SegLiveDirect
{
	Oid			relid;
	Oid			owner;			/* of the population */
	Oid			index;
	AttrNumber	key;
	Oid			key_type;		/* int2, int4, int8 */
	RegProcedure equal;			/* of the index's keys with an int8 */
	bool		by_moment;		/* the index's second key is the row's moment, a timestamptz */
	int			ncolumns;
	AttrNumber *columns;		/* in the table, by column of the relation */
	Oid		   *types;			/* as they are declared */
	TupleDesc	tupdesc;
	TupleTableSlot *row;		/* as the reading query has it: the member, and the columns */
	DestReceiver *receiver;
};

/* The column of the relation's own table, or NULL if it takes more to get at it. */
static const char *
own_column(const SegRelation *relation, const SegColumn *column)
{
	if (column->nlookups > 0 || column->npath > 0 || column->base.typid == JSONOID)
		return NULL;
	if (column->kind == SEG_COLUMN_EXPRESSION || (column->kind == SEG_COLUMN_MOMENT && column->source != relation->source))
		return NULL;
	return column->name;
}

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
		if (!leads_with(lfirst_oid(lc), d->key))
			continue;
		d->index = lfirst_oid(lc);
		d->by_moment = AttributeNumberIsValid(moment) && goes_on_with(d->index, moment);
		if (d->by_moment)
			break;
	}
}

static bool
find_columns(SegLiveDirect *d, Relation rel, const SegRelation *relation)
{
	ListCell   *lc;

	d->ncolumns = list_length(relation->columns);
	/* that many come in records */
	if (d->ncolumns > SEG_READ_COLUMNS)
		return false;
	d->columns = palloc(sizeof(AttrNumber) * Max(d->ncolumns, 1));
	d->types = palloc(sizeof(Oid) * Max(d->ncolumns, 1));
	d->tupdesc = CreateTemplateTupleDesc(d->ncolumns + 1);
	TupleDescInitEntry(d->tupdesc, 1, "member", INT8OID, -1, 0);
	foreach(lc, relation->columns)
	{
		int			i = foreach_current_index(lc);
		const char *name = own_column(relation, lfirst(lc));
		AttrNumber	attnum = name == NULL ? InvalidAttrNumber : get_attnum(d->relid, name);

		if (attnum <= 0 || seg_is_virtual(TupleDescAttr(RelationGetDescr(rel), attnum - 1)))
			return false;
		d->columns[i] = attnum;
		d->types[i] = TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid;
		TupleDescCopyEntry(d->tupdesc, i + 2, RelationGetDescr(rel), attnum);
	}
	return true;
}

/* Is there such a way?  It is kept in the current context. */
static bool
find_way(SegLiveDirect *d, Relation rel, const SegRelation *relation, const char *key, const char *moment)
{
	d->key = get_attnum(d->relid, key);
	if (d->key <= 0)
		return false;
	d->key_type = getBaseType(TupleDescAttr(RelationGetDescr(rel), d->key - 1)->atttypid);
	if (d->key_type != INT2OID && d->key_type != INT4OID && d->key_type != INT8OID)
		return false;
	d->equal = equal_to_int8(d->key_type);
	find_index(d, rel, moment == NULL ? InvalidAttrNumber : get_attnum(d->relid, moment));
	return OidIsValid(d->index) && find_columns(d, rel, relation);
}

SegLiveDirect *
seg_live_direct_begin(SegReading *reading, int relationno)
{
	const SegPopulation *population = reading->program->population;
	const SegRelation *relation = list_nth(reading->program->relations, relationno);
	const SegSource *source = relation->source < 0 ? NULL : &population->sources[relation->source];
	SegLiveDirect *d;
	Relation	rel;

	if (population->dictionary || (source != NULL && source->parent >= 0))
		return NULL;
	d = palloc0(sizeof(SegLiveDirect));
	d->owner = population->owner;
	d->relid = source == NULL ? population->relid : source->relid;
	rel = try_table_open(d->relid, AccessShareLock);
	if (rel == NULL)
		return NULL;
	if (rel->rd_rel->relkind != RELKIND_RELATION ||
		!find_way(d, rel, relation, source == NULL ? population->key : source->key, source == NULL ? NULL : source->at))
		d = NULL;
	table_close(rel, NoLock);
	if (d == NULL)
		return NULL;
	d->row = MakeSingleTupleTableSlot(d->tupdesc, &TTSOpsVirtual);
	d->receiver = seg_reading_receiver(reading, relationno);
	d->receiver->rStartup(d->receiver, CMD_SELECT, d->tupdesc);
	return d;
}

/* Is everything as it was, and may the owner see it all? */
static bool
is_usable(const SegLiveDirect *d, Relation rel)
{
	List	   *indexes;
	bool		there;

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relhassubclass || rel->rd_rel->relrowsecurity ||
		pg_class_aclcheck(d->relid, d->owner, ACL_SELECT) != ACLCHECK_OK)
		return false;
	for (int i = 0; i < d->ncolumns; i++)
		if (TupleDescAttr(RelationGetDescr(rel), d->columns[i] - 1)->atttypid != d->types[i])
			return false;
	indexes = RelationGetIndexList(rel);
	there = list_member_oid(indexes, d->index);
	list_free(indexes);
	return there;
}

static void
give_row(const SegLiveDirect *d, int64 member, TupleTableSlot *found)
{
	TupleTableSlot *row = d->row;

	ExecClearTuple(row);
	row->tts_values[0] = Int64GetDatum(member);
	row->tts_isnull[0] = false;
	for (int i = 0; i < d->ncolumns; i++)
		row->tts_values[i + 1] = slot_getattr(found, d->columns[i], &row->tts_isnull[i + 1]);
	ExecStoreVirtualTuple(row);
	(void) d->receiver->receiveSlot(row, d->receiver);
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
			give_row(d, members[i], found);
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
	rel = try_table_open(d->relid, AccessShareLock);
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
