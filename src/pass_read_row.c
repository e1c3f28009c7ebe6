/*
 * pass_read_row.c
 *		Writing rows as pass_read.h lays them out, and reading them.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "utils/lsyscache.h"

#include "pass_read.h"

void
seg_layout_init(SegLayout *layout, const SegRelation *relation)
{
	ListCell   *lc;

	layout->ncolumns = list_length(relation->columns);
	layout->columns = palloc0(sizeof(SegLayoutColumn) * (layout->ncolumns + 1));
	layout->moment = -1;
	layout->values = SEG_ROW_DATA + MAXALIGN((layout->ncolumns + 7) / 8);
	layout->bytes = layout->values + sizeof(Datum) * layout->ncolumns;
	foreach(lc, relation->columns)
	{
		const SegColumn *column = lfirst(lc);
		int			i = foreach_current_index(lc);

		layout->columns[i].type = column->type;
		layout->columns[i].is_short = column->type.type == SEG_T_TEXT;
		if (column->kind == SEG_COLUMN_MOMENT && layout->moment < 0)
			layout->moment = i;
	}
}

void
seg_layout_take_types(SegLayout *layout)
{
	for (int i = 0; i < layout->ncolumns; i++)
	{
		SegLayoutColumn *column = &layout->columns[i];

		get_typlenbyvalalign(column->type.typid, &column->len, &column->byval, &column->align);
	}
}

/* The value as it will stand in the row, from at on. */
static SegLayoutPart
measure_value(const SegLayoutColumn *column, Datum value, Size at)
{
	SegLayoutPart part;
	struct varlena *plain;

	if (column->len > 0)
	{
		part.bytes = DatumGetPointer(value);
		part.size = column->len;
		part.at = att_align_nominal(at, column->align);
		return part;
	}
	/* there are no columns of pseudo-type cstring */
	Assert(column->len == -1);
	plain = column->is_short ? PG_DETOAST_DATUM_PACKED(value) : PG_DETOAST_DATUM(value);
	part.bytes = (const char *) plain;
	part.size = VARSIZE_ANY(plain);
	part.at = VARATT_IS_SHORT(plain) ? at : att_align_nominal(at, column->align);
	return part;
}

Size
seg_layout_measure(const SegLayout *layout, const Datum *values, const bool *isnull, SegLayoutPart *parts)
{
	Size		at = layout->bytes;

	for (int i = 0; i < layout->ncolumns; i++)
	{
		if (isnull[i] || layout->columns[i].byval)
			continue;
		parts[i] = measure_value(&layout->columns[i], values[i], at);
		at = parts[i].at + parts[i].size;
	}
	return at;
}

void
seg_layout_write(const SegLayout *layout, const Datum *values, const bool *isnull, const SegLayoutPart *parts,
				 SegRow *row)
{
	Datum	   *slots = seg_layout_slots(layout, row);

	memset(seg_layout_nulls(row), 0, layout->values - SEG_ROW_DATA);
	for (int i = 0; i < layout->ncolumns; i++)
	{
		slots[i] = 0;
		if (isnull[i])
			seg_layout_nulls(row)[i / 8] |= 1 << (i % 8);
		else if (layout->columns[i].byval)
			slots[i] = values[i];
		else
		{
			slots[i] = parts[i].at;
			memcpy((char *) row + parts[i].at, parts[i].bytes, parts[i].size);
		}
	}
}

void
seg_layout_value(const SegLayout *layout, const SegRow *row, int column, const SegClock *clock, SegValue *out)
{
	bool		isnull;
	Datum		datum = seg_layout_datum(layout, row, column, &isnull);

	seg_value_from_datum(out, &layout->columns[column].type, datum, isnull, clock);
}
