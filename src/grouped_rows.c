/*
 * grouped_rows.c
 *		The value member_rows: rows of one member in one source.
 *
 * It keeps the rows themselves, not what forty aggregates make of them.  A member has a handful
 * of rows in a source, in five or six columns; accumulators for every count, sum, and
 * distinct set would take more, and another program to fill and read them.  So the rows are evaluated
 * at the end, by the evaluator that everybody uses, and the answer does not depend on which part of them
 * came from where.  What no rule can want is left out on arrival (grouped_facts.c).
 *
 * The value is flat: an aggregate by member has as many of them as there are members.  It grows
 * by doubling, with the room behind the rows, so a member with a million rows costs a million times
 * what one row costs.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "grouped.h"

SegMemberRows *
seg_member_rows_create(uint64 fingerprint, TimestampTz as_of, int relation, int ncolumns, const uint8 *types, Size room)
{
	Size		head = seg_member_rows_head(ncolumns);
	SegMemberRows *rows = palloc0(head + room);

	SET_VARSIZE(rows, head + room);
	rows->version = SEG_MEMBER_ROWS_VERSION;
	rows->ncolumns = ncolumns;
	rows->fingerprint = fingerprint;
	rows->as_of = as_of;
	rows->relation = relation;
	rows->used = head;
	memcpy(rows->types, types, ncolumns);
	return rows;
}

SegMemberRows *
seg_member_rows_enlarge(SegMemberRows *rows, Size more)
{
	Size		needed = add_size(rows->used, more);
	Size		size;
	SegMemberRows *larger;

	if (needed <= VARSIZE(rows))
		return rows;
	if (needed > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows of one member take more than 1 GB"),
				 errdetail("There are %u rows already.", rows->nrows),
				 errhint("Windows in all rules about the source, or a filter of the source, leave out what is not wanted.")));
	size = Min(Max(needed, (Size) rows->used * 2), MaxAllocSize);
	larger = palloc(size);
	memcpy(larger, rows, rows->used);
	SET_VARSIZE(larger, size);
	return larger;
}

SegRow *
seg_member_rows_add(SegMemberRows *rows, Size size)
{
	SegRow	   *row = seg_member_rows_end(rows);

	Assert(rows->used + MAXALIGN(size) <= VARSIZE(rows));
	memset(row, 0, MAXALIGN(size));
	row->size = size;
	row->relation = rows->relation;
	rows->used += MAXALIGN(size);
	rows->nrows++;
	return row;
}

/* Equal texts are to be equal bytes, whichever header they come with. */
Datum
seg_shortened_text(Datum value)
{
	struct varlena *text = PG_DETOAST_DATUM_PACKED(value);
	struct varlena *copy;
	Size		size;

	if (VARATT_IS_SHORT(text) || !VARATT_CAN_MAKE_SHORT(text))
		return PointerGetDatum(text);
	size = VARATT_CONVERTED_SHORT_SIZE(text);
	copy = palloc(size);
	SET_VARSIZE_SHORT(copy, size);
	memcpy(VARDATA_SHORT(copy), VARDATA(text), size - VARHDRSZ_SHORT);
	return PointerGetDatum(copy);
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const SegRow *x = *(const SegRow *const *) a;
	const SegRow *y = *(const SegRow *const *) b;
	int			result = memcmp(x, y, Min(x->size, y->size));

	return result != 0 ? result : (x->size > y->size) - (x->size < y->size);
}

SegMemberRows *
seg_member_rows_sorted(const SegMemberRows *rows)
{
	const SegRow **all = palloc_extended(sizeof(SegRow *) * Max(rows->nrows, 1), MCXT_ALLOC_HUGE);
	SegMemberRows *sorted = palloc(rows->used);
	const SegRow *row = seg_member_rows_first(rows);
	char	   *to;

	for (uint32 i = 0; i < rows->nrows; i++, row = seg_member_rows_next(row))
		all[i] = row;
	if (rows->nrows > 1)
		qsort_interruptible(all, rows->nrows, sizeof(SegRow *), compare_rows, NULL);
	memcpy(sorted, rows, seg_member_rows_head(rows->ncolumns));
	SET_VARSIZE(sorted, rows->used);
	to = (char *) seg_member_rows_first(sorted);
	for (uint32 i = 0; i < rows->nrows; i++)
	{
		memcpy(to, all[i], MAXALIGN(all[i]->size));
		to += MAXALIGN(all[i]->size);
	}
	pfree(all);
	return sorted;
}

void
seg_member_rows_check_same(const SegMemberRows *a, const SegMemberRows *b)
{
	if (a->fingerprint != b->fingerprint || a->as_of != b->as_of || a->relation != b->relation ||
		a->ncolumns != b->ncolumns || memcmp(a->types, b->types, a->ncolumns) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows that were gathered for different questions cannot be combined"),
				 errdetail("They differ in the ruleset, the moment or the source.")));
}

void
seg_member_rows_check(const SegMemberRows *rows, const SegGrouped *grouped, TimestampTz as_of, int relation)
{
	int			ncolumns = grouped->layouts[relation].ncolumns;
	/* whoever wrote the bytes may have made up the fingerprint, so the types count, too */
	bool		fits = rows->version == SEG_MEMBER_ROWS_VERSION && rows->fingerprint == grouped->fingerprint &&
		rows->as_of == as_of && rows->relation == (uint32) relation && rows->ncolumns == ncolumns &&
		memcmp(rows->types, grouped->types[relation], ncolumns) == 0;

	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows were gathered for another question"),
				 errdetail("Those of \"%s\" are wanted, for the same ruleset and moment.",
						   ((SegRelation *) list_nth(grouped->program->relations, relation))->name)));
}
