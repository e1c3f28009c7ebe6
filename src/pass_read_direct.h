/*
 * pass_read_direct.h
 *		Reading rows straight from their table, without a query.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_READ_DIRECT_H
#define SEG_PASS_READ_DIRECT_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/rel.h"

#include "pass_read.h"

/* A setting: where it can be, rows are read directly; off: by queries. */
extern bool seg_direct_reads;

typedef struct SegReadDirect
{
	Oid			relid;
	Oid			owner;			/* of the population */
	AttrNumber	key;
	Oid			key_type;		/* int2, int4, int8 */
	int			ncolumns;
	AttrNumber *columns;		/* in the table, by column of the relation */
	AttrNumber	last;			/* of them and the key */
	Oid		   *types;			/* as they are declared */
	TupleDesc	tupdesc;
	TupleTableSlot *row;		/* as the reading query has it: the member, and the columns */
	DestReceiver *receiver;
} SegReadDirect;

/*
 * What it takes to read a relation of the program so, in the current context; NULL if its query has more to do than to
 * read columns of a plain table by keys that are integers.
 */
extern SegReadDirect *seg_read_direct_begin(SegReading *reading, int relation);

/* Is everything as it was, and may the owner see it all?  rel is the table, locked. */
extern bool seg_read_direct_is_usable(const SegReadDirect *direct, Relation rel);

/* Adds a row of the table to the reading, as if the query had found it. */
extern void seg_read_direct_give(const SegReadDirect *direct, int64 member, TupleTableSlot *found);

/*
 * Goes through the whole table, with the active snapshot; false, and nothing is added, if a query has to do it.  window: as
 * seg_pass_read_window() says.
 */
extern bool seg_read_direct_scan(SegReading *reading, int relation, SegSpan window);

#endif							/* SEG_PASS_READ_DIRECT_H */
