/*
 * catalog.h
 *		Reading the extension's own tables, row by row, through their indexes.
 *
 * The tables are read as PostgreSQL reads its catalogs: without a query, so without
 * privileges being looked at and without a search_path that could mislead.  What is seen
 * is what the active snapshot sees.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_CATALOG_H
#define SEG_CATALOG_H

#include "postgres.h"

#include "access/genam.h"
#include "access/htup.h"
#include "access/skey.h"
#include "utils/relcache.h"

#include "compat.h"

typedef struct SegScan
{
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
	HeapTuple	tuple;			/* the row at hand */
} SegScan;

/* What is read and written of schema segments: tables, each with its indexes and sequences. */
typedef enum SegCatalog
{
	SEG_REL_POPULATION, SEG_REL_POPULATION_NAME_KEY, SEG_REL_POPULATION_PKEY,
	SEG_REL_SOURCE, SEG_REL_SOURCE_POPULATION_NAME_KEY,
	SEG_REL_LOOKUP, SEG_REL_LOOKUP_POPULATION_NAME_OF_SOURCE_OF_LOOKUP_KEY,
	SEG_REL_ATTRIBUTE, SEG_REL_ATTRIBUTE_POPULATION_NAME_KEY,
	SEG_REL_SEGMENT, SEG_REL_SEGMENT_PKEY, SEG_REL_SEGMENT_POPULATION_NAME_KEY,
	SEG_REL_MEMBERSHIP, SEG_REL_MEMBERSHIP_PKEY, SEG_REL_MEMBERSHIP_SEGMENT_CHUNK,
	SEG_REL_DICTIONARY, SEG_REL_DICTIONARY_MEMBER_SEQ, SEG_REL_DICTIONARY_PKEY,
	SEG_REL_DICTIONARY_POPULATION_KEY_KEY,
	SEG_REL_CHUNK, SEG_REL_CHUNK_PKEY,
	SEG_REL_DUE, SEG_REL_DUE_AT, SEG_REL_DUE_CHUNK_AT,
	SEG_REL_CHANGE, SEG_REL_CHANGE_ID_SEQ, SEG_REL_CHANGE_MEMBER, SEG_REL_CHANGE_SEGMENT,
	SEG_REL_HISTORY, SEG_REL_HISTORY_NUMBER,
	SEG_REL_CONSUMER, SEG_REL_CONSUMER_PKEY,
	SEG_REL_RECHECK, SEG_REL_RECHECK_ID_SEQ, SEG_REL_RECHECK_POPULATION,
	SEG_REL_BUILDING, SEG_REL_BUILDING_PKEY,
	SEG_RELS
} SegCatalog;

/* Column numbers, as in sql/30-catalog.sql. */
enum
{
	SEG_COL_POPULATION_ID = 1, SEG_COL_POPULATION_NAME, SEG_COL_POPULATION_RELATION, SEG_COL_POPULATION_KEY,
	SEG_COL_POPULATION_KEY_TYPE, SEG_COL_POPULATION_DICTIONARY, SEG_COL_POPULATION_OWNER,
	SEG_COL_POPULATION_TIME_ZONE, SEG_COL_POPULATION_VIEW_SCHEMA, SEG_COL_POPULATION_MAINTENANCE,
	SEG_COL_POPULATION_DEFINITION
};

enum
{
	SEG_COL_SOURCE_ID = 1, SEG_COL_SOURCE_POPULATION, SEG_COL_SOURCE_NAME, SEG_COL_SOURCE_RELATION, SEG_COL_SOURCE_KEY,
	SEG_COL_SOURCE_AT, SEG_COL_SOURCE_PARENT, SEG_COL_SOURCE_PARENT_KEY, SEG_COL_SOURCE_FILTER
};

enum
{
	SEG_COL_LOOKUP_ID = 1, SEG_COL_LOOKUP_POPULATION, SEG_COL_LOOKUP_NAME, SEG_COL_LOOKUP_RELATION, SEG_COL_LOOKUP_KEY,
	SEG_COL_LOOKUP_REFERENCES, SEG_COL_LOOKUP_OF_SOURCE, SEG_COL_LOOKUP_OF_LOOKUP
};

enum
{
	SEG_COL_ATTRIBUTE_ID = 1, SEG_COL_ATTRIBUTE_POPULATION, SEG_COL_ATTRIBUTE_NAME, SEG_COL_ATTRIBUTE_EXPRESSION,
	SEG_COL_ATTRIBUTE_TYPE, SEG_COL_ATTRIBUTE_TYPMOD, SEG_COL_ATTRIBUTE_COLLATION
};

enum
{
	SEG_COL_SEGMENT_ID = 1, SEG_COL_SEGMENT_POPULATION, SEG_COL_SEGMENT_NAME, SEG_COL_SEGMENT_RULE, SEG_COL_SEGMENT_KIND,
	SEG_COL_SEGMENT_DESCRIPTION, SEG_COL_SEGMENT_ACTIVE, SEG_COL_SEGMENT_BUILT, SEG_COL_SEGMENT_BUILT_AT,
	SEG_COL_SEGMENT_MEMBERS, SEG_COL_SEGMENT_VALID_UNTIL, SEG_COL_SEGMENT_NOTIFY, SEG_COL_SEGMENT_PROBLEM
};

enum
{
	SEG_COL_MEMBERSHIP_POPULATION = 1, SEG_COL_MEMBERSHIP_CHUNK, SEG_COL_MEMBERSHIP_SEGMENT,
	SEG_COL_MEMBERSHIP_MEMBERS
};

enum
{
	SEG_COL_DICTIONARY_POPULATION = 1, SEG_COL_DICTIONARY_MEMBER, SEG_COL_DICTIONARY_KEY
};

/* Column numbers, as in sql/33-upkeep.sql. */
enum
{
	SEG_COL_CHUNK_POPULATION = 1, SEG_COL_CHUNK_CHUNK, SEG_COL_CHUNK_VERSION, SEG_COL_CHUNK_SETTLED
};

enum
{
	SEG_COL_DUE_POPULATION = 1, SEG_COL_DUE_CHUNK, SEG_COL_DUE_AT, SEG_COL_DUE_MEMBERS
};

enum
{
	SEG_COL_CHANGE_ID = 1, SEG_COL_CHANGE_POPULATION, SEG_COL_CHANGE_MEMBER, SEG_COL_CHANGE_SEGMENT,
	SEG_COL_CHANGE_ENTERED, SEG_COL_CHANGE_AT, SEG_COL_CHANGE_REASON, SEG_COL_CHANGE_NUMBER, SEG_COL_CHANGE_MEMBERS
};

/* The columns of segments.history are those of segments.change, without the last. */
#define SEG_COL_HISTORY_POPULATION	SEG_COL_CHANGE_POPULATION
#define SEG_COL_HISTORY_NUMBER		SEG_COL_CHANGE_NUMBER

enum
{
	SEG_COL_CONSUMER_POPULATION = 1, SEG_COL_CONSUMER_NAME, SEG_COL_CONSUMER_OWNER, SEG_COL_CONSUMER_POSITION
};

enum
{
	SEG_COL_RECHECK_ID = 1, SEG_COL_RECHECK_POPULATION, SEG_COL_RECHECK_SOURCE, SEG_COL_RECHECK_LOOKUP,
	SEG_COL_RECHECK_KEYS, SEG_COL_RECHECK_HORIZON
};

enum
{
	SEG_COL_BUILDING_POPULATION = 1, SEG_COL_BUILDING_RULE
};

/* A relation or a type of schema segments, which must exist. */
extern Oid	seg_catalog_relation(SegCatalog which);
extern Oid	seg_catalog_type(const char *name);

/* Scan keys for ScanKeyInit's usual cases; column is a column of the table. */
extern void seg_key_int4(ScanKey key, AttrNumber column, int32 value);
extern void seg_key_int8(ScanKey key, AttrNumber column, StrategyNumber strategy, int64 value);
extern void seg_key_text(ScanKey key, AttrNumber column, const char *value);

/* Rows in the order of the index.  An unfinished scan is ended by its owner or by an abort. */
extern void seg_scan_begin(SegScan *scan, SegCatalog table, SegCatalog index, int nkeys, ScanKey keys);

/*
 * The same of a table whose rows are never changed: all that are committed and all of one's own, whatever the
 * active snapshot.  It does not count as reading where transactions are serializable.
 */
extern void seg_scan_begin_self(SegScan *scan, SegCatalog table, SegCatalog index, int nkeys, ScanKey keys);
extern bool seg_scan_next(SegScan *scan);

/* From here on it is a scan for these keys instead. */
extern void seg_scan_again(SegScan *scan, int nkeys, ScanKey keys);
extern void seg_scan_end(SegScan *scan);

/*
 * Does the active snapshot see just what that of the call before with this mark saw, for the same user?
 * What was read then is still so.  Where there is much to compare the answer is no.
 */
#define SEG_SEEN_MOST	32

typedef struct SegSeen
{
	Oid			user;
	SubTransactionId subid;
	CommandId	curcid;
	TransactionId xmin;
	TransactionId xmax;
	uint32		nrunning;		/* PG_UINT32_MAX: too many, or none seen yet */
	TransactionId running[SEG_SEEN_MOST];
} SegSeen;

extern bool seg_seen_same(SegSeen *seen);

/* Columns of the row at hand; texts and names are copied, NULL for null. */
extern Datum seg_scan_datum(const SegScan *scan, AttrNumber column, bool *isnull);
extern int32 seg_scan_int4(const SegScan *scan, AttrNumber column);
extern int64 seg_scan_int8(const SegScan *scan, AttrNumber column);
extern Oid	seg_scan_oid(const SegScan *scan, AttrNumber column);
extern bool seg_scan_bool(const SegScan *scan, AttrNumber column);
extern char *seg_scan_text(const SegScan *scan, AttrNumber column);
extern char *seg_scan_name(const SegScan *scan, AttrNumber column);

/*
 * Writing rows one by one, as PostgreSQL writes its catalogs: without a query, a trigger or a
 * privilege.  For what has to be quick, and for what must not fail where a query would, since
 * the transaction's snapshot is older than the row.  Sequences are those of the schema.
 */
typedef struct SegWriter
{
	Relation	rel;
	struct ResultRelInfo *indexes;
} SegWriter;

extern void seg_writer_begin(SegWriter *writer, SegCatalog table);
extern void seg_writer_insert(SegWriter *writer, Datum *values, bool *nulls);
extern void seg_writer_delete(SegWriter *writer, ItemPointer tid);
extern void seg_writer_end(SegWriter *writer);
extern int64 seg_next_number(SegCatalog sequence);

#endif							/* SEG_CATALOG_H */
