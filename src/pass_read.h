/*
 * pass_read.h
 *		What reading and evaluating in a pass share: how rows lie in partitions.
 *
 *		SegRow | nulls : a bit for each column | value[ncolumns] : 8 bytes each | bytes ...
 *
 * A value passed by value stands in its slot; of another the slot says where in the row it
 * begins.  Nothing is compressed or kept elsewhere; only texts may have a short header.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PASS_READ_H
#define SEG_PASS_READ_H

#include "postgres.h"

#include "nodes/params.h"
#include "tcop/dest.h"

#include "member_set.h"
#include "partition.h"
#include "program.h"

typedef struct SegLayoutColumn
{
	SegTypeInfo type;			/* as the reading query gives it */
	int16		len;
	bool		byval;
	char		align;
	bool		is_short;		/* may have a short header */
} SegLayoutColumn;

/* Of one relation; known once its reading has begun. */
typedef struct SegLayout
{
	int			ncolumns;
	SegLayoutColumn *columns;
	int			moment;			/* the column with the row's moment, or -1 */
	Size		values;			/* where the slots begin */
	Size		bytes;			/* where they end */
} SegLayout;

typedef struct SegReading SegReading;

/* Of so many shares, the member's: by the golden ratio, so that chunks that follow each other spread evenly. */
static inline int64
seg_share_of(int64 member, int of)
{
	uint32		hash = (uint32) (((uint64) seg_chunk_of(member) * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);

	return (int64) (((uint64) hash * (uint32) of) >> 32);
}

struct SegReading
{
	const SegProgram *program;
	SegEval    *eval;
	TimestampTz hide_from;		/* rows of sources from this moment on do not exist */
	bool		until;			/* rows matter that some rule can want later */
	const SegMemberSet *only;	/* rows of other members do not matter; or NULL */
	const SegSetLookup *lookup; /* the same, to be asked row by row; or NULL */
	bool		looks;			/* the queries look for them, rather than read everything */
	const SegShare *share;		/* and of members of other shares; or NULL */
	SegLayout  *layouts;		/* by relation */
	SegPartitions *partitions;
	MemoryContext row_context;	/* for what is taken out of TOAST */

	/* Room for a row with so many bytes of data; of a pass, in the partitions. */
	SegRow	   *(*add) (SegReading *reading, int relation, int64 member, Size data);
	void	   *arg;			/* for add */
};

/*
 * Reads all relations of the program with the active snapshot, each once, as the owner.  The
 * eval knows the moment of the run.  until: what can come to matter at a later moment is read too.
 */
extern SegReading *seg_pass_read(SegEval *eval, TimestampTz hide_from, bool until,
								 const SegMemberSet *only, const SegShare *share);

/*
 * What the planner says of reading everything: the bytes that all rows will take.  False if a
 * parallel worker must not do it.
 */
extern bool seg_pass_read_estimate(SegEval *eval, bool until, double *bytes);

/*
 * The same for a few members, again and again: each relation has a plan that is kept.  All of
 * it as the owner, whom the caller has become, connected to SPI.  add is set by the caller.
 */
extern SegReading *seg_reading_begin(const SegProgram *program, SegEval *eval);
extern struct _SPI_plan *seg_reading_plan(const SegReading *reading, int relation);
extern ParamListInfo seg_reading_members(const SegPopulation *population, int n, const int64 *members);
extern void seg_reading_run(SegReading *reading, int relation, struct _SPI_plan *plan, ParamListInfo members);

/* What takes the rows of such a query, for whoever has them from elsewhere; palloc'd. */
extern DestReceiver *seg_reading_receiver(SegReading *reading, int relation);

/* pass_read_row.c */

/* A value that is not passed by value, on its way into a row. */
typedef struct SegLayoutPart
{
	const char *bytes;
	Size		size;
	Size		at;				/* where in the row it goes */
} SegLayoutPart;

/* The columns of a relation; how their types are passed is to be told. */
extern void seg_layout_init(SegLayout *layout, const SegRelation *relation);

/* As the catalog says of the types that they were bound with. */
extern void seg_layout_take_types(SegLayout *layout);

/*
 * The bytes that a row takes, header and all; the parts, one for each column, say what goes where.
 * Then it can be written.  What was toasted is left in the current memory context.
 */
extern Size seg_layout_measure(const SegLayout *layout, const Datum *values, const bool *isnull, SegLayoutPart *parts);
extern void seg_layout_write(const SegLayout *layout, const Datum *values, const bool *isnull,
							 const SegLayoutPart *parts, SegRow *row);

/* Where the parts of a row are. */

static inline uint8 *
seg_layout_nulls(const SegRow *row)
{
	return (uint8 *) row + SEG_ROW_DATA;
}

static inline Datum *
seg_layout_slots(const SegLayout *layout, const SegRow *row)
{
	return (Datum *) ((char *) row + layout->values);
}

/* A column of a row; what is not passed by value points into the row. */
static inline Datum
seg_layout_datum(const SegLayout *layout, const SegRow *row, int column, bool *isnull)
{
	Datum		value = seg_layout_slots(layout, row)[column];

	*isnull = (seg_layout_nulls(row)[column / 8] >> (column % 8)) & 1;
	if (!*isnull && !layout->columns[column].byval)
		value = PointerGetDatum((char *) row + value);
	return value;
}

/* The same as a value. */
extern void seg_layout_value(const SegLayout *layout, const SegRow *row, int column, const SegClock *clock,
							 SegValue *out);

#endif							/* SEG_PASS_READ_H */
