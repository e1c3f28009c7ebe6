/*
 * catalog.c
 *		Reading the extension's own tables, row by row, through their indexes.
 *
 * Locks are kept to the end of the transaction, as those of a query are.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog.h"

#define SCHEMA	"segments"

static const char *const names[SEG_RELS] = {
	[SEG_REL_POPULATION] = "population",
	[SEG_REL_POPULATION_NAME_KEY] = "population_name_key",
	[SEG_REL_POPULATION_PKEY] = "population_pkey",
	[SEG_REL_SOURCE] = "source",
	[SEG_REL_SOURCE_POPULATION_NAME_KEY] = "source_population_name_key",
	[SEG_REL_LOOKUP] = "lookup",
	[SEG_REL_LOOKUP_POPULATION_NAME_OF_SOURCE_OF_LOOKUP_KEY] = "lookup_population_name_of_source_of_lookup_key",
	[SEG_REL_ATTRIBUTE] = "attribute",
	[SEG_REL_ATTRIBUTE_POPULATION_NAME_KEY] = "attribute_population_name_key",
	[SEG_REL_SEGMENT] = "segment",
	[SEG_REL_SEGMENT_PKEY] = "segment_pkey",
	[SEG_REL_SEGMENT_POPULATION_NAME_KEY] = "segment_population_name_key",
	[SEG_REL_MEMBERSHIP] = "membership",
	[SEG_REL_MEMBERSHIP_PKEY] = "membership_pkey",
	[SEG_REL_MEMBERSHIP_SEGMENT_CHUNK] = "membership_segment_chunk",
	[SEG_REL_DICTIONARY] = "dictionary",
	[SEG_REL_DICTIONARY_MEMBER_SEQ] = "dictionary_member_seq",
	[SEG_REL_DICTIONARY_PKEY] = "dictionary_pkey",
	[SEG_REL_DICTIONARY_POPULATION_KEY_KEY] = "dictionary_population_key_key",
	[SEG_REL_CHUNK] = "chunk",
	[SEG_REL_CHUNK_PKEY] = "chunk_pkey",
	[SEG_REL_DUE] = "due",
	[SEG_REL_DUE_AT] = "due_at",
	[SEG_REL_DUE_CHUNK_AT] = "due_chunk_at",
	[SEG_REL_CHANGE] = "change",
	[SEG_REL_CHANGE_ID_SEQ] = "change_id_seq",
	[SEG_REL_CHANGE_MEMBER] = "change_member",
	[SEG_REL_CHANGE_SEGMENT] = "change_segment",
	[SEG_REL_HISTORY] = "history",
	[SEG_REL_HISTORY_NUMBER] = "history_number",
	[SEG_REL_CONSUMER] = "consumer",
	[SEG_REL_CONSUMER_PKEY] = "consumer_pkey",
	[SEG_REL_RECHECK] = "recheck",
	[SEG_REL_RECHECK_ID_SEQ] = "recheck_id_seq",
	[SEG_REL_RECHECK_POPULATION] = "recheck_population",
	[SEG_REL_BUILDING] = "building",
	[SEG_REL_BUILDING_PKEY] = "building_pkey"
};

/* Those that were looked up.  Forgotten when any relation or schema changes. */
static Oid	known[SEG_RELS];

static void
forget_relations(Datum arg, int cacheid, uint32 hash)
{
	memset(known, 0, sizeof(known));
}

Oid
seg_catalog_relation(SegCatalog which)
{
	static bool watching = false;
	Oid			relid = known[which];

	if (OidIsValid(relid))
		return relid;
	if (!watching)
	{
		CacheRegisterSyscacheCallback(RELOID, forget_relations, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, forget_relations, (Datum) 0);
		watching = true;
	}
	relid = get_relname_relid(names[which], get_namespace_oid(SCHEMA, false));
	if (!OidIsValid(relid))
		elog(ERROR, "relation %s.%s is missing", SCHEMA, names[which]);
	return known[which] = relid;
}

Oid
seg_catalog_type(const char *name)
{
	Oid			typid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
										ObjectIdGetDatum(get_namespace_oid(SCHEMA, false)));

	if (!OidIsValid(typid))
		elog(ERROR, "type %s.%s is missing", SCHEMA, name);
	return typid;
}

void
seg_key_int4(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(value));
}

void
seg_key_int8(ScanKey key, AttrNumber column, StrategyNumber strategy, int64 value)
{
	static const RegProcedure compare[] = {
		InvalidOid, F_INT8LT, F_INT8LE, F_INT8EQ, F_INT8GE, F_INT8GT
	};

	ScanKeyInit(key, column, strategy, compare[strategy], Int64GetDatum(value));
}

/* Texts in indexes are COLLATE "C", which is what ScanKeyInit takes. */
void
seg_key_text(ScanKey key, AttrNumber column, const char *value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(value));
}

/* What a snapshot says; hidden rows of running subtransactions are told by their parents, or there are too many. */
static void
look(SegSeen *seen, Snapshot snapshot)
{
	uint32		n = snapshot->xcnt + (uint32) snapshot->subxcnt;

	memset(seen, 0, sizeof(SegSeen));
	seen->user = GetUserId();
	seen->subid = GetCurrentSubTransactionId();
	seen->curcid = snapshot->curcid;
	seen->xmin = snapshot->xmin;
	seen->xmax = snapshot->xmax;
	seen->nrunning = snapshot->suboverflowed || n > SEG_SEEN_MOST ? PG_UINT32_MAX : n;
	if (seen->nrunning == PG_UINT32_MAX)
		return;
	/* a snapshot without any has no arrays */
	if (snapshot->xcnt > 0)
		memcpy(seen->running, snapshot->xip, sizeof(TransactionId) * snapshot->xcnt);
	if (snapshot->subxcnt > 0)
		memcpy(seen->running + snapshot->xcnt, snapshot->subxip, sizeof(TransactionId) * snapshot->subxcnt);
}

bool
seg_seen_same(SegSeen *seen)
{
	SegSeen		now;
	bool		same;

	if (!ActiveSnapshotSet())
	{
		seen->nrunning = PG_UINT32_MAX;
		return false;
	}
	look(&now, GetActiveSnapshot());
	same = now.nrunning != PG_UINT32_MAX && memcmp(seen, &now, sizeof(SegSeen)) == 0;
	*seen = now;
	return same;
}

static void
scan_begin(SegScan *scan, SegCatalog table, SegCatalog index, Snapshot snapshot, int nkeys, ScanKey keys)
{
	scan->rel = table_open(seg_catalog_relation(table), AccessShareLock);
	scan->index = index_open(seg_catalog_relation(index), AccessShareLock);
	scan->scan = systable_beginscan_ordered(scan->rel, scan->index, snapshot, nkeys, keys);
	scan->tuple = NULL;
}

void
seg_scan_begin(SegScan *scan, SegCatalog table, SegCatalog index, int nkeys, ScanKey keys)
{
	scan_begin(scan, table, index, ActiveSnapshotSet() ? GetActiveSnapshot() : GetTransactionSnapshot(), nkeys, keys);
}

void
seg_scan_begin_self(SegScan *scan, SegCatalog table, SegCatalog index, int nkeys, ScanKey keys)
{
	scan_begin(scan, table, index, SnapshotSelf, nkeys, keys);
}

bool
seg_scan_next(SegScan *scan)
{
	scan->tuple = systable_getnext_ordered(scan->scan, ForwardScanDirection);
	return HeapTupleIsValid(scan->tuple);
}

void
seg_scan_again(SegScan *scan, int nkeys, ScanKey keys)
{
	const Form_pg_index form = scan->index->rd_index;

	for (int i = 0; i < nkeys; i++)
	{
		int			column = 0;

		while (form->indkey.values[column] != keys[i].sk_attno)
			column++;
		Assert(column < form->indnkeyatts);
		keys[i].sk_attno = column + 1;
	}
	index_rescan(scan->scan->iscan, keys, nkeys, NULL, 0);
	scan->tuple = NULL;
}

void
seg_scan_end(SegScan *scan)
{
	systable_endscan_ordered(scan->scan);
	index_close(scan->index, NoLock);
	table_close(scan->rel, NoLock);
}

Datum
seg_scan_datum(const SegScan *scan, AttrNumber column, bool *isnull)
{
	return heap_getattr(scan->tuple, column, RelationGetDescr(scan->rel), isnull);
}

/* The value of a column that is never null. */
static Datum
get_value(const SegScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		value = seg_scan_datum(scan, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d of %s", column, RelationGetRelationName(scan->rel));
	return value;
}

int32
seg_scan_int4(const SegScan *scan, AttrNumber column)
{
	return DatumGetInt32(get_value(scan, column));
}

int64
seg_scan_int8(const SegScan *scan, AttrNumber column)
{
	return DatumGetInt64(get_value(scan, column));
}

Oid
seg_scan_oid(const SegScan *scan, AttrNumber column)
{
	return DatumGetObjectId(get_value(scan, column));
}

bool
seg_scan_bool(const SegScan *scan, AttrNumber column)
{
	return DatumGetBool(get_value(scan, column));
}

char *
seg_scan_text(const SegScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		value = seg_scan_datum(scan, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

char *
seg_scan_name(const SegScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		value = seg_scan_datum(scan, column, &isnull);

	return isnull ? NULL : pstrdup(NameStr(*DatumGetName(value)));
}

void
seg_writer_begin(SegWriter *writer, SegCatalog table)
{
	writer->rel = table_open(seg_catalog_relation(table), RowExclusiveLock);
	writer->indexes = CatalogOpenIndexes(writer->rel);
}

void
seg_writer_insert(SegWriter *writer, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(writer->rel), values, nulls);

	CatalogTupleInsertWithInfo(writer->rel, tuple, writer->indexes);
	heap_freetuple(tuple);
}

void
seg_writer_delete(SegWriter *writer, ItemPointer tid)
{
	CatalogTupleDelete(writer->rel, tid);
}

void
seg_writer_end(SegWriter *writer)
{
	CatalogCloseIndexes(writer->indexes);
	table_close(writer->rel, NoLock);
}

int64
seg_next_number(SegCatalog sequence)
{
	return nextval_internal(seg_catalog_relation(sequence), false);
}
