/*
 * batch_column.c
 *		Columns to vectors.
 *
 * Numerics are decoded from their stored form (see utils/adt/numeric.c, "Numeric storage
 * formats"): base-10000 digits behind a header of two or four bytes.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "batch_vector.h"
#include "value_numeric.h"

/*
 * A numeric in ten-thousandths; false if it has more digits behind the point, is not
 * finite or does not fit.
 */
static bool
to_decimal(Numeric n, int64 *decimal)
{
	SegNumericParts parts;
	int64		sum = 0;

	if (!seg_numeric_parts(n, &parts))
		return false;
	if (parts.n == 0)
	{
		*decimal = 0;
		return true;
	}
	/* the last digit stands for SEG_NUMERIC_BASE ^ (weight - n + 1) */
	if (parts.weight > 3 || parts.weight - parts.n + 1 < -1)
		return false;
	for (int i = 0; i <= parts.weight + 1; i++)
	{
		int16		digit = i < parts.n ? seg_numeric_digit(&parts, i) : 0;

		if (pg_mul_s64_overflow(sum, SEG_NUMERIC_BASE, &sum) || pg_add_s64_overflow(sum, digit, &sum))
			return false;
	}
	*decimal = parts.negative ? -sum : sum;
	return true;
}

/*
 * The largest whole number of 10^-digits that is not above n.  Where that is out of range,
 * *beyond says on which side.
 */
bool
seg_numeric_floor(Numeric n, int digits, int64 *result, bool *exact, int *beyond)
{
	Datum		scaled = NumericGetDatum(n);
	Datum		whole;
	char	   *s;
	char	   *end;

	if (numeric_is_nan(n) || numeric_is_inf(n))
		return false;
	for (; digits > 0; digits--)
		scaled = DirectFunctionCall2(numeric_mul, scaled, NumericGetDatum(int64_to_numeric(10)));
	whole = DirectFunctionCall1(numeric_floor, scaled);
	*exact = DatumGetBool(DirectFunctionCall2(numeric_eq, whole, scaled));
	s = DatumGetCString(DirectFunctionCall1(numeric_out, whole));
	errno = 0;
	*result = strtoll(s, &end, 10);
	*beyond = errno == ERANGE ? (s[0] == '-' ? -1 : 1) : 0;
	return true;
}

/* Types whose values are int64 as they are, or nearly. */
static bool
is_int_like(const SegTypeInfo *type, SegTag *tag)
{
	switch (type->type)
	{
		case SEG_T_BOOL:
			*tag = SEG_V_BOOL;
			return true;
		case SEG_T_INT:
			*tag = SEG_V_INT;
			return true;
		case SEG_T_DAY:
			*tag = SEG_V_DAY;
			return true;
		case SEG_T_MOMENT:
			*tag = SEG_V_MOMENT;
			return true;
		case SEG_T_NUMERIC:
			*tag = SEG_V_NUMERIC;
			return true;
		default:
			return false;
	}
}

/* One Datum of an int-like type; false if it is not known, or has no place in the vector. */
static inline bool
as_int(Oid typid, Datum datum, const SegClock *clock, int64 *out)
{
	switch (typid)
	{
		case BOOLOID:
			*out = DatumGetBool(datum);
			return true;
		case INT2OID:
			*out = DatumGetInt16(datum);
			return true;
		case INT4OID:
		case DATEOID:
			*out = DatumGetInt32(datum);
			return true;
		case OIDOID:
			*out = DatumGetObjectId(datum);
			return true;
		case TIMESTAMPOID:
			return seg_clock_from_local(clock, DatumGetTimestamp(datum), out);
		case NUMERICOID:
			return to_decimal((Numeric) DatumGetPointer(datum), out);
		default:
			*out = DatumGetInt64(datum);
			return true;
	}
}

/* The column's loop, made for each type of its own. */
static pg_attribute_always_inline bool
ints_of_type(const SegFrame *frame, const SegLayout *layout, int column, Oid typid, const SegClock *clock,
			 int64 *ints, uint64 *bits)
{
	for (int i = 0; i < frame->n; i++)
	{
		bool		isnull;
		Datum		datum = seg_layout_datum(layout, frame->rows[i], column, &isnull);

		ints[i] = 0;
		if (isnull)
			continue;
		if (as_int(typid, datum, clock, &ints[i]))
			bits[i / 64] |= UINT64CONST(1) << (i % 64);
		else if (typid == NUMERICOID)
			return false;
	}
	return true;
}

/* False if a value turned up that is no int. */
static bool
column_of_ints(SegBatch *b, SegFrame *frame, const SegLayout *layout, int column, SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);
	int64	   *ints = seg_vector_ints(frame, out);
	Oid			typid = layout->columns[column].type.typid;
	const SegClock *clock = seg_eval_clock(b->eval);

	memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
	switch (typid)
	{
		case INT4OID:
			return ints_of_type(frame, layout, column, INT4OID, clock, ints, bits);
		case INT8OID:
		case TIMESTAMPTZOID:
			return ints_of_type(frame, layout, column, INT8OID, clock, ints, bits);
		case NUMERICOID:
			return ints_of_type(frame, layout, column, NUMERICOID, clock, ints, bits);
		default:
			return ints_of_type(frame, layout, column, typid, clock, ints, bits);
	}
}

void
seg_batch_column(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	const SegLayout *layout = &b->layouts[expr->relation];
	SegValue   *values;
	MemoryContext caller;

	if (is_int_like(&expr->type, &out->tag) &&
		column_of_ints(b, frame, layout, expr->column, out))
	{
		out->kind = SEG_VECTOR_INTS;
		return;
	}
	out->kind = SEG_VECTOR_VALUES;
	values = seg_vector_values(frame, out);
	caller = MemoryContextSwitchTo(frame->context);
	for (int i = 0; i < frame->n; i++)
		seg_layout_value(layout, frame->rows[i], expr->column, seg_eval_clock(b->eval), &values[i]);
	MemoryContextSwitchTo(caller);
}
