/*
 * pass_read_direct.c
 *		Reading rows straight from their table, without a query.
 *
 * Where a reading query would be "these columns of a plain table", it is not needed: nothing of the
 * user's code would run in it, and nobody's eyes matter, since the owner may see all rows.  A few
 * members are found through an index (live_direct.c), many by going through the table: most rows
 * are then of somebody who does not matter, and only their keys are looked at.
 *
 * What can change from one statement to the next is looked at each time.  Wherever anything is
 * out of the ordinary, the query has the last word, and the errors.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pass_read_direct.h"

bool		seg_direct_reads = true;

/* Finding the way. */

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

static bool
find_columns(SegReadDirect *d, Relation rel, const SegRelation *relation)
{
	ListCell   *lc;

	d->ncolumns = list_length(relation->columns);
	d->last = d->key;
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
		d->last = Max(d->last, attnum);
		d->types[i] = TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid;
		TupleDescCopyEntry(d->tupdesc, i + 2, RelationGetDescr(rel), attnum);
	}
	return true;
}

static bool
find_way(SegReadDirect *d, Relation rel, const SegRelation *relation, const char *key)
{
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		return false;
	d->key = get_attnum(d->relid, key);
	if (d->key <= 0 || seg_is_virtual(TupleDescAttr(RelationGetDescr(rel), d->key - 1)))
		return false;
	d->key_type = getBaseType(TupleDescAttr(RelationGetDescr(rel), d->key - 1)->atttypid);
	if (d->key_type != INT2OID && d->key_type != INT4OID && d->key_type != INT8OID)
		return false;
	return find_columns(d, rel, relation);
}

SegReadDirect *
seg_read_direct_begin(SegReading *reading, int relationno)
{
	const SegPopulation *population = reading->program->population;
	const SegRelation *relation = list_nth(reading->program->relations, relationno);
	const SegSource *source = relation->source < 0 ? NULL : &population->sources[relation->source];
	SegReadDirect *d;
	Relation	rel;

	if (population->dictionary || (source != NULL && source->parent >= 0))
		return NULL;
	d = palloc0(sizeof(SegReadDirect));
	d->owner = population->owner;
	d->relid = source == NULL ? population->relid : source->relid;
	rel = try_table_open(d->relid, AccessShareLock);
	if (rel == NULL)
		return NULL;
	if (!find_way(d, rel, relation, source == NULL ? population->key : source->key))
		d = NULL;
	table_close(rel, NoLock);
	if (d == NULL)
		return NULL;
	d->row = MakeSingleTupleTableSlot(d->tupdesc, &TTSOpsVirtual);
	d->receiver = seg_reading_receiver(reading, relationno);
	d->receiver->rStartup(d->receiver, CMD_SELECT, d->tupdesc);
	return d;
}

bool
seg_read_direct_is_usable(const SegReadDirect *d, Relation rel)
{
	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relhassubclass || rel->rd_rel->relrowsecurity ||
		pg_class_aclcheck(d->relid, d->owner, ACL_SELECT) != ACLCHECK_OK)
		return false;
	for (int i = 0; i < d->ncolumns; i++)
		if (TupleDescAttr(RelationGetDescr(rel), d->columns[i] - 1)->atttypid != d->types[i])
			return false;
	return true;
}

/* Rows. */

void
seg_read_direct_give(const SegReadDirect *d, int64 member, TupleTableSlot *found)
{
	TupleTableSlot *row = d->row;

	slot_getsomeattrs(found, d->last);
	ExecClearTuple(row);
	row->tts_values[0] = Int64GetDatum(member);
	row->tts_isnull[0] = false;
	for (int i = 0; i < d->ncolumns; i++)
	{
		row->tts_values[i + 1] = found->tts_values[d->columns[i] - 1];
		row->tts_isnull[i + 1] = found->tts_isnull[d->columns[i] - 1];
	}
	ExecStoreVirtualTuple(row);
	(void) d->receiver->receiveSlot(row, d->receiver);
}

/* Going through a table. */

static bool
is_wanted(const SegReading *reading, int64 member)
{
	const SegShare *share = reading->share;

	return (share == NULL || seg_share_of(member, share->of) == share->number) &&
		(reading->lookup == NULL || seg_set_lookup_contains(reading->lookup, member));
}

/* Days are compared as days, and one of them may not exist where the population is. */
static bool
is_outside(const SegReading *reading, const SegReadDirect *d, const SegLayout *layout, TupleTableSlot *found,
		   SegSpan window)
{
	const SegClock *clock = seg_eval_clock(reading->eval);
	TimestampTz end = window.end;
	TimestampTz moment;
	SegValue	value;
	Datum		datum;
	bool		isnull;

	if (layout->moment < 0 || (TIMESTAMP_IS_NOBEGIN(window.start) && TIMESTAMP_IS_NOEND(window.end)))
		return false;
	datum = slot_getattr(found, d->columns[layout->moment], &isnull);
	if (isnull)
		return true;
	seg_value_from_datum(&value, &layout->columns[layout->moment].type, datum, isnull, clock);
	if (value.tag != SEG_V_MOMENT && !TIMESTAMP_NOT_FINITE(end))
		end += USECS_PER_DAY;
	return seg_value_moment(&value, clock, &moment) && (moment < window.start || moment >= end);
}

static void
scan_table(SegReading *reading, const SegReadDirect *d, Relation rel, const SegLayout *layout, SegSpan window)
{
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *found = table_slot_create(rel, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, found))
	{
		bool		isnull;
		Datum		key = slot_getattr(found, d->key, &isnull);
		int64		member = isnull ? 0 : seg_integer_key(key, d->key_type);

		CHECK_FOR_INTERRUPTS();
		if (!isnull && is_wanted(reading, member) && !is_outside(reading, d, layout, found, window))
			seg_read_direct_give(d, member, found);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(found);
}

bool
seg_read_direct_scan(SegReading *reading, int relation, SegSpan window)
{
	SegReadDirect *d = seg_direct_reads ? seg_read_direct_begin(reading, relation) : NULL;
	Relation	rel;
	bool		usable;

	if (d == NULL)
		return false;
	rel = table_open(d->relid, NoLock);
	usable = seg_read_direct_is_usable(d, rel);
	if (usable)
		scan_table(reading, d, rel, &reading->layouts[relation], window);
	table_close(rel, NoLock);
	return usable;
}
