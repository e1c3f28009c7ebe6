/*
 * batch_test.c
 *		Comparisons and other tests of one vector against what is the same for all.
 *
 * On a vector of ints every comparison with a constant, every window and every period
 * is one range test; value.c and eval_span.c say the same of single values.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "batch_vector.h"

/* Ints that fulfil a condition: from low to high, both included; none if low > high. */
typedef struct Range
{
	int64		low;
	int64		high;
} Range;

static const Range nothing = {1, 0};

static void
test_range(SegFrame *frame, const SegVector *v, Range range, SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);
	const int64 *ints = v->ints;
	int			nwords = SEG_WORDS(frame->n);
	uint64		span = (uint64) range.high - (uint64) range.low;

	out->kind = SEG_VECTOR_BITS;
	if (range.low > range.high)
	{
		memset(bits, 0, sizeof(uint64) * nwords);
		return;
	}
	for (int w = 0; w < nwords; w++)
	{
		int			n = Min(64, frame->n - w * 64);
		uint64		word = 0;

		for (int j = 0; j < n; j++)
			word |= (uint64) ((uint64) ints[w * 64 + j] - (uint64) range.low <= span) << j;
		bits[w] = word & v->bits[w];
	}
}

/* Comparisons to ranges. */

/*
 * All ints x for which x op c, where floor <= c < floor + 1 and exact says that c = floor.
 */
static Range
range_of(SegCompare op, int64 floor, bool exact)
{
	switch (op)
	{
		case SEG_EQ:
			return exact ? (Range) {floor, floor} : nothing;
		case SEG_LE:
			return (Range) {PG_INT64_MIN, floor};
		case SEG_LT:
			if (!exact)
				return (Range) {PG_INT64_MIN, floor};
			return floor == PG_INT64_MIN ? nothing : (Range) {PG_INT64_MIN, floor - 1};
		case SEG_GT:
			return floor == PG_INT64_MAX ? nothing : (Range) {floor + 1, PG_INT64_MAX};
		case SEG_GE:
			if (exact)
				return (Range) {floor, PG_INT64_MAX};
			return floor == PG_INT64_MAX ? nothing : (Range) {floor + 1, PG_INT64_MAX};
	}
	return nothing;
}

/* The same where c lies beyond all ints, on the side that the sign says. */
static Range
range_beyond(SegCompare op, int side)
{
	bool		less = op == SEG_LT || op == SEG_LE;

	if (op == SEG_EQ || less != (side > 0))
		return nothing;
	return (Range) {PG_INT64_MIN, PG_INT64_MAX};
}

static bool
range_of_number(SegCompare op, SegTag tag, const SegValue *c, Range *range)
{
	int64		floor;
	bool		exact;
	int			beyond;

	if (tag == SEG_V_INT && c->tag == SEG_V_INT)
	{
		*range = range_of(op, c->v.i, true);
		return true;
	}
	if (c->tag != SEG_V_INT && c->tag != SEG_V_NUMERIC)
		return false;
	if (!seg_numeric_floor(seg_value_numeric(c), tag == SEG_V_NUMERIC ? SEG_DECIMAL_DIGITS : 0,
						   &floor, &exact, &beyond))
		return false;
	*range = beyond != 0 ? range_beyond(op, beyond) : range_of(op, floor, exact);
	return true;
}

static bool
range_of_moment(SegCompare op, const SegValue *c, const SegClock *clock, Range *range)
{
	TimestampTz start;
	TimestampTz end;

	if (c->tag == SEG_V_WHOLE_DAY)
	{
		if (!seg_clock_day_start(clock, (DateADT) c->v.i, &start) ||
			!seg_clock_day_start(clock, (DateADT) c->v.i + 1, &end))
			return false;
		if (op == SEG_EQ)
			*range = (Range) {start, end - 1};
		else
			*range = range_of(op, op == SEG_LT || op == SEG_GE ? start : end - 1, true);
		return true;
	}
	if (!seg_value_moment(c, clock, &start) || c->tag == SEG_V_TEXT)
		return false;
	*range = range_of(op, start, true);
	return true;
}

/* A date column counts from its local midnight. */
static bool
range_of_day(SegCompare op, const SegValue *c, const SegClock *clock, Range *range)
{
	DateADT		day;
	TimestampTz midnight;

	if (c->tag == SEG_V_DAY || c->tag == SEG_V_WHOLE_DAY)
	{
		*range = range_of(op, c->v.i, true);
		return true;
	}
	if (c->tag != SEG_V_MOMENT || TIMESTAMP_NOT_FINITE(c->v.i) ||
		!seg_clock_day_of(clock, c->v.i, &day) ||
		!seg_clock_day_start(clock, day, &midnight) || midnight > c->v.i)
		return false;
	*range = range_of(op, day, midnight == c->v.i);
	return true;
}

/* What ints of this tag fulfil "x op c"; false if that is no range. */
static bool
comparison_range(SegBatch *b, SegCompare op, SegTag tag, const SegValue *c, Range *range)
{
	const SegClock *clock = seg_eval_clock(b->eval);

	switch (tag)
	{
		case SEG_V_BOOL:
			if (c->tag == SEG_V_BOOL)
				*range = range_of(op, c->v.b, true);
			return c->tag == SEG_V_BOOL;
		case SEG_V_INT:
		case SEG_V_NUMERIC:
			return range_of_number(op, tag, c, range);
		case SEG_V_DAY:
			return range_of_day(op, c, clock, range);
		default:
			return range_of_moment(op, c, clock, range);
	}
}

/* What ints of this tag lie in a window or period. */
static bool
span_range(SegBatch *b, const SegExpr *expr, SegTag tag, Range *range)
{
	const SegEvalSpan *span;
	SegValue	start = {.tag = SEG_V_MOMENT};
	SegValue	end = {.tag = SEG_V_MOMENT};
	Range		before;

	if (expr->op != SEG_X_WITHIN && expr->op != SEG_X_DURING)
		return false;
	span = seg_eval_span(b->eval, expr);
	if (span->month != 0)
		return false;
	*range = nothing;
	if (!span->valid)
		return true;
	start.v.i = span->moments.start;
	end.v.i = span->moments.end;
	if (!comparison_range(b, SEG_GE, tag, &start, range) || !comparison_range(b, SEG_LT, tag, &end, &before))
		return false;
	range->high = before.low <= before.high ? before.high : PG_INT64_MIN;
	return true;
}

/* IN, for ints: some ranges. */
static bool
test_in_ints(SegBatch *b, SegFrame *frame, const SegExpr *expr, const SegVector *v, SegVector *out)
{
	uint64	   *bits;
	SegVector	one = {0};
	int			nwords = SEG_WORDS(frame->n);

	if (expr->nargs > 17)
		return false;
	bits = seg_vector_bits(frame, out);
	one.bits = palloc(sizeof(uint64) * SEG_WORDS(frame->room));
	memset(bits, 0, sizeof(uint64) * nwords);
	for (int i = 1; i < expr->nargs; i++)
	{
		Range		range;

		if (!comparison_range(b, SEG_EQ, v->tag, seg_eval_value(b->eval, expr->args[i]), &range))
			return false;
		test_range(frame, v, range, &one);
		for (int w = 0; w < nwords; w++)
			bits[w] |= one.bits[w];
	}
	pfree(one.bits);
	out->kind = SEG_VECTOR_BITS;
	return true;
}

static bool
test_ints(SegBatch *b, SegFrame *frame, const SegExpr *expr, const SegVector *v, SegVector *out)
{
	Range		range;
	uint64	   *bits;

	switch (expr->op)
	{
		case SEG_X_TRUTH:
			range = (Range) {1, 1};
			break;
		case SEG_X_COMPARE:
			if (!comparison_range(b, expr->detail, v->tag, seg_eval_value(b->eval, expr->args[1]), &range))
				return false;
			break;
		case SEG_X_WITHIN:
		case SEG_X_DURING:
			if (!span_range(b, expr, v->tag, &range))
				return false;
			break;
		case SEG_X_IN:
			return test_in_ints(b, frame, expr, v, out);
		case SEG_X_IS_NULL:
			bits = seg_vector_bits(frame, out);
			for (int w = 0; w < SEG_WORDS(frame->n); w++)
				bits[w] = ~v->bits[w];
			seg_bits_cut(bits, frame->n);
			out->kind = SEG_VECTOR_BITS;
			return true;
		default:
			return false;
	}
	test_range(frame, v, range, out);
	return true;
}

/* Everything else, element by element. */

static bool
is_test(SegExprOp op)
{
	return op >= SEG_X_TRUTH && op < SEG_X_MEMBER_OF;
}

/* False if an element is not known well enough. */
static bool
test_each(SegBatch *b, SegFrame *frame, const SegExpr *expr, const SegVector *v, SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);

	memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
	for (int i = 0; i < frame->n; i++)
	{
		SegValue	value;

		CHECK_FOR_INTERRUPTS();
		if (!seg_vector_element(v, i, &value))
			return false;
		if (seg_eval_test(b->eval, expr, &value))
			seg_bit_set(bits, i);
	}
	out->kind = SEG_VECTOR_BITS;
	return true;
}

static bool
compare_each(SegBatch *b, SegFrame *frame, const SegExpr *expr, const SegVector *left, const SegVector *right,
			 SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);

	memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
	for (int i = 0; i < frame->n; i++)
	{
		SegValue	x;
		SegValue	y;

		CHECK_FOR_INTERRUPTS();
		if (!seg_vector_element(left, i, &x) || !seg_vector_element(right, i, &y))
			return false;
		if (seg_eval_compare(b->eval, expr, &x, &y))
			seg_bit_set(bits, i);
	}
	out->kind = SEG_VECTOR_BITS;
	return true;
}

/* A function of one value. */
static bool
apply_each(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	const SegVector *v;
	uint64	   *bits;
	int64	   *ints;

	/* functions whose results are counts; the others' are few */
	if (expr->type.type != SEG_T_INT)
		return false;
	v = seg_batch_vector(b, frame, expr->args[0]);
	bits = seg_vector_bits(frame, out);
	ints = seg_vector_ints(frame, out);
	memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
	for (int i = 0; i < frame->n; i++)
	{
		SegValue	value;
		SegValue	result;

		if (!seg_vector_element(v, i, &value))
			return false;
		seg_value_function(&result, expr->detail, &value, &expr->args[0]->type, seg_eval_clock(b->eval));
		ints[i] = result.tag == SEG_V_INT ? result.v.i : 0;
		if (result.tag == SEG_V_INT)
			seg_bit_set(bits, i);
	}
	out->kind = SEG_VECTOR_INTS;
	out->tag = SEG_V_INT;
	return true;
}

/* + - * of ints and decimals. */
static bool
arith_ints(SegFrame *frame, const SegExpr *expr, const SegVector *x, const SegVector *y, SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);
	int64	   *ints = seg_vector_ints(frame, out);
	bool		decimal = x->tag == SEG_V_NUMERIC || y->tag == SEG_V_NUMERIC;
	bool		multiply = expr->detail == SEG_NODE_MULTIPLY;
	int64		x_unit = decimal && !multiply && x->tag == SEG_V_INT ? SEG_DECIMAL_UNIT : 1;
	int64		y_unit = decimal && !multiply && y->tag == SEG_V_INT ? SEG_DECIMAL_UNIT : 1;

	if (x->kind != SEG_VECTOR_INTS || y->kind != SEG_VECTOR_INTS ||
		(x->tag != SEG_V_INT && x->tag != SEG_V_NUMERIC) || (y->tag != SEG_V_INT && y->tag != SEG_V_NUMERIC) ||
		(multiply && x->tag == SEG_V_NUMERIC && y->tag == SEG_V_NUMERIC) || expr->detail == SEG_NODE_DIVIDE)
		return false;
	for (int w = 0; w < SEG_WORDS(frame->n); w++)
		bits[w] = x->bits[w] & y->bits[w];
	for (int i = 0; i < frame->n; i++)
	{
		int64		left;
		int64		right;
		bool		overflow = pg_mul_s64_overflow(x->ints[i], x_unit, &left);

		overflow |= pg_mul_s64_overflow(y->ints[i], y_unit, &right);
		if (multiply)
			overflow |= pg_mul_s64_overflow(left, right, &ints[i]);
		else if (expr->detail == SEG_NODE_ADD)
			overflow |= pg_add_s64_overflow(left, right, &ints[i]);
		else
			overflow |= pg_sub_s64_overflow(left, right, &ints[i]);
		if (overflow && seg_bit(bits, i))
			return false;
	}
	out->kind = SEG_VECTOR_INTS;
	out->tag = decimal ? SEG_V_NUMERIC : SEG_V_INT;
	return true;
}

static bool
arith_each(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	const SegVector *x;
	const SegVector *y;

	/* with a constant: few enough to go the long way */
	if (expr->args[0]->depth < SEG_SCOPE_MEMBER || expr->args[1]->depth < SEG_SCOPE_MEMBER)
		return false;
	x = seg_batch_vector(b, frame, expr->args[0]);
	y = seg_batch_vector(b, frame, expr->args[1]);
	return arith_ints(frame, expr, x, y, out);
}

/* Are all arguments but the first the same for everybody? */
static bool
rest_is_constant(const SegExpr *expr)
{
	for (int i = 1; i < expr->nargs; i++)
		if (expr->args[i]->depth >= SEG_SCOPE_MEMBER)
			return false;
	return true;
}

static bool
test(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	const SegVector *v;

	if (expr->op == SEG_X_FUNCTION)
		return expr->nargs == 1 && apply_each(b, frame, expr, out);
	if (expr->op == SEG_X_ARITH)
		return arith_each(b, frame, expr, out);
	if (!is_test(expr->op))
		return false;
	if (!rest_is_constant(expr))
		return expr->op == SEG_X_COMPARE && expr->args[0]->depth >= SEG_SCOPE_MEMBER &&
			compare_each(b, frame, expr, seg_batch_vector(b, frame, expr->args[0]),
						 seg_batch_vector(b, frame, expr->args[1]), out);
	if (seg_batch_test_family(b, frame, expr, out))
		return true;
	v = seg_batch_vector(b, frame, expr->args[0]);
	if (v->kind == SEG_VECTOR_INTS && test_ints(b, frame, expr, v, out))
		return true;
	return test_each(b, frame, expr, v, out);
}

bool
seg_batch_test(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	MemoryContext caller = MemoryContextSwitchTo(frame->context);
	bool		done = test(b, frame, expr, out);

	MemoryContextSwitchTo(caller);
	return done;
}
