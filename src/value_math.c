/*
 * value_math.c
 *		Arithmetic and scalar functions on values.
 *
 * Numbers are exact unless a side is floating point: integers that overflow go on as
 * numeric, and a division of integers is a numeric one.  What has no answer (a
 * division by zero, an overflow, a day out of range) is missing, never an error.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "value.h"

#define DAYS_PER_INTERVAL_MONTH 30

static void
float_arith(SegValue *out, SegNodeKind op, double a, double b)
{
	double		result;

	seg_value_missing(out);
	switch (op)
	{
		case SEG_NODE_ADD:
			result = a + b;
			break;
		case SEG_NODE_SUBTRACT:
			result = a - b;
			break;
		case SEG_NODE_MULTIPLY:
			result = a * b;
			break;
		default:
			if (b == 0)
				return;
			result = a / b;
	}
	if (isinf(result) && !isinf(a) && !isinf(b))
		return;
	out->tag = SEG_V_FLOAT;
	out->v.f = result;
}

static void
numeric_arith(SegValue *out, SegNodeKind op, const SegValue *a, const SegValue *b)
{
	Numeric		x = seg_value_numeric(a);
	Numeric		y = seg_value_numeric(b);
	Numeric		result;
	bool		failed = false;

	switch (op)
	{
		case SEG_NODE_ADD:
			result = numeric_add_opt_error(x, y, &failed);
			break;
		case SEG_NODE_SUBTRACT:
			result = numeric_sub_opt_error(x, y, &failed);
			break;
		case SEG_NODE_MULTIPLY:
			result = numeric_mul_opt_error(x, y, &failed);
			break;
		default:
			/* PostgreSQL divides NaN even by zero */
			failed = numeric_is_nan(x) &&
				DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(y),
												  NumericGetDatum(int64_to_numeric(0)))) == 0;
			result = failed ? NULL : numeric_div_opt_error(x, y, &failed);
	}
	if (failed)
		seg_value_missing(out);
	else
	{
		out->tag = SEG_V_NUMERIC;
		out->v.n = result;
	}
}

static void
number_arith(SegValue *out, SegNodeKind op, const SegValue *a, const SegValue *b)
{
	bool		overflow = true;
	int64		result = 0;

	if (a->tag == SEG_V_FLOAT || b->tag == SEG_V_FLOAT)
	{
		float_arith(out, op, seg_value_double(a), seg_value_double(b));
		return;
	}
	if (a->tag == SEG_V_INT && b->tag == SEG_V_INT)
	{
		if (op == SEG_NODE_ADD)
			overflow = pg_add_s64_overflow(a->v.i, b->v.i, &result);
		else if (op == SEG_NODE_SUBTRACT)
			overflow = pg_sub_s64_overflow(a->v.i, b->v.i, &result);
		else if (op == SEG_NODE_MULTIPLY)
			overflow = pg_mul_s64_overflow(a->v.i, b->v.i, &result);
	}
	if (overflow)
		numeric_arith(out, op, a, b);
	else
	{
		out->tag = SEG_V_INT;
		out->v.i = result;
	}
}

static void
duration_result(SegValue *out, int64 month, int64 day, int64 time)
{
	Interval   *span;

	if (month != (int32) month || day != (int32) day)
	{
		seg_value_missing(out);
		return;
	}
	span = palloc(sizeof(Interval));
	span->month = (int32) month;
	span->day = (int32) day;
	span->time = time;
	out->tag = SEG_V_DURATION;
	out->v.span = span;
}

static void
duration_add(SegValue *out, const Interval *a, const Interval *b, int sign)
{
	int64		time;

	if (sign > 0 ? pg_add_s64_overflow(a->time, b->time, &time) : pg_sub_s64_overflow(a->time, b->time, &time))
		seg_value_missing(out);
	else
		duration_result(out, (int64) a->month + sign * (int64) b->month,
						(int64) a->day + sign * (int64) b->day, time);
}

/* PostgreSQL's own rules for fractions, behind a guard against its overflow errors. */
static void
duration_scale(SegValue *out, const Interval *a, double factor, bool divide)
{
	double		scale = divide ? 1 / factor : factor;
	double		months = fabs(a->month * scale);
	double		days = fabs(a->day * scale) + months * DAYS_PER_INTERVAL_MONTH;
	double		usecs = fabs(a->time * scale) + days * USECS_PER_DAY;

	if (isnan(scale) || isinf(scale) || !(days < PG_INT32_MAX / 2) || !(usecs < (double) PG_INT64_MAX / 2))
	{
		seg_value_missing(out);
		return;
	}
	out->tag = SEG_V_DURATION;
	out->v.span = DatumGetIntervalP(DirectFunctionCall2(divide ? interval_div : interval_mul,
														IntervalPGetDatum(a), Float8GetDatum(factor)));
}

static void
moment_plus(SegValue *out, const SegValue *time, const Interval *span, int sign, const SegClock *clock)
{
	TimestampTz moment;
	TimestampTz result;

	if (!seg_value_moment(time, clock, &moment) || !seg_clock_add(clock, moment, span, sign, &result))
	{
		seg_value_missing(out);
		return;
	}
	out->tag = SEG_V_MOMENT;
	out->v.i = result;
}

static void
moment_minus(SegValue *out, const SegValue *a, const SegValue *b, const SegClock *clock)
{
	TimestampTz x;
	TimestampTz y;
	int64		time;

	if (seg_value_is_day(a) && seg_value_is_day(b))
	{
		/* days reach further than moments do */
		if (DATE_NOT_FINITE((DateADT) a->v.i) || DATE_NOT_FINITE((DateADT) b->v.i))
			seg_value_missing(out);
		else
			duration_result(out, 0, a->v.i - b->v.i, 0);
	}
	else if ((a->tag == SEG_V_TEXT && b->tag == SEG_V_TEXT) ||
			 !seg_value_moment(a, clock, &x) || !seg_value_moment(b, clock, &y) ||
			 TIMESTAMP_NOT_FINITE(x) || TIMESTAMP_NOT_FINITE(y))
		seg_value_missing(out);
	else if (pg_sub_s64_overflow(x, y, &time))
		seg_value_missing(out);
	else
		duration_result(out, 0, 0, time);
}

/*
 * a op b, for numbers, durations and times; anything else is missing.
 */
void
seg_value_arith(SegValue *out, SegNodeKind op, const SegValue *a, const SegValue *b, const SegClock *clock)
{
	int			sign = op == SEG_NODE_SUBTRACT ? -1 : 1;
	bool		additive = op == SEG_NODE_ADD || op == SEG_NODE_SUBTRACT;

	if (seg_value_is_number(a) && seg_value_is_number(b))
		number_arith(out, op, a, b);
	else if (a->tag == SEG_V_DURATION && b->tag == SEG_V_DURATION && additive)
		duration_add(out, a->v.span, b->v.span, sign);
	else if (a->tag == SEG_V_DURATION && seg_value_is_number(b) && !additive)
		duration_scale(out, a->v.span, seg_value_double(b), op == SEG_NODE_DIVIDE);
	else if (seg_value_is_number(a) && b->tag == SEG_V_DURATION && op == SEG_NODE_MULTIPLY)
		duration_scale(out, b->v.span, seg_value_double(a), false);
	else if (b->tag == SEG_V_DURATION && additive)
		moment_plus(out, a, b->v.span, sign, clock);
	else if (a->tag == SEG_V_DURATION && op == SEG_NODE_ADD)
		moment_plus(out, b, a->v.span, 1, clock);
	else if (op == SEG_NODE_SUBTRACT)
		moment_minus(out, a, b, clock);
	else
		seg_value_missing(out);
}

void
seg_value_negate(SegValue *out, const SegValue *a)
{
	static const Interval none = {0};
	SegValue	zero = {.tag = SEG_V_INT};

	if (a->tag == SEG_V_DURATION)
		duration_add(out, &none, a->v.span, -1);
	else if (a->tag == SEG_V_FLOAT)
	{
		out->tag = SEG_V_FLOAT;
		out->v.f = -a->v.f;
	}
	else if (seg_value_is_number(a))
		number_arith(out, SEG_NODE_SUBTRACT, &zero, a);
	else
		seg_value_missing(out);
}

static void
int_result(SegValue *out, int64 i)
{
	out->tag = SEG_V_INT;
	out->v.i = i;
}

static void
value_abs(SegValue *out, const SegValue *a)
{
	SegValue	zero = {.tag = SEG_V_INT};
	SegCompareHow how = {0};
	int			result;

	if (!seg_value_is_number(a) || !seg_value_compare(a, &zero, &how, &result))
		seg_value_missing(out);
	else if (result < 0)
		seg_value_negate(out, a);
	else
		*out = *a;
}

/* Whole years from a day to today, towards zero. */
static void
value_age(SegValue *out, DateADT from, DateADT today)
{
	int			y1,
				m1,
				d1,
				y2,
				m2,
				d2;
	bool		future = from > today;

	j2date((future ? today : from) + POSTGRES_EPOCH_JDATE, &y1, &m1, &d1);
	j2date((future ? from : today) + POSTGRES_EPOCH_JDATE, &y2, &m2, &d2);
	y2 -= y1 + (m2 < m1 || (m2 == m1 && d2 < d1) ? 1 : 0);
	int_result(out, future ? -y2 : y2);
}

static void
value_hour(SegValue *out, const SegValue *a, const SegClock *clock)
{
	TimestampTz moment;
	struct pg_tm tm;
	fsec_t		fsec;

	/* a day's hour is 0, whether or not its midnight exists */
	if (seg_value_is_day(a))
		int_result(out, 0);
	else if (!seg_value_moment(a, clock, &moment) || !seg_clock_to_local(clock, moment, &tm, &fsec))
		seg_value_missing(out);
	else
		int_result(out, tm.tm_hour);
}

/* Functions of a local day. */
static void
value_calendar(SegValue *out, SegFunction function, const SegValue *a, const SegClock *clock)
{
	DateADT		date;
	int			year,
				month,
				day;

	if (!seg_value_day(a, clock, &date) || DATE_NOT_FINITE(date))
	{
		seg_value_missing(out);
		return;
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	switch (function)
	{
		case SEG_FUNC_HOUR:
			value_hour(out, a, clock);
			break;
		case SEG_FUNC_AGE:
			value_age(out, date, clock->today);
			break;
		case SEG_FUNC_YEAR:
			/* as PostgreSQL counts: before the year 1 is the year -1 */
			int_result(out, year > 0 ? year : year - 1);
			break;
		case SEG_FUNC_MONTH:
			int_result(out, month);
			break;
		case SEG_FUNC_DAY:
			int_result(out, day);
			break;
		default:
			{
				/* ISO: Monday is 1, Sunday 7 */
				int			weekday = j2day(date + POSTGRES_EPOCH_JDATE);

				int_result(out, weekday == 0 ? 7 : weekday);
			}
	}
}

/* A duration in days, with a fraction; a month counts as 30 days. */
static void
value_days(SegValue *out, const SegValue *a)
{
	SegValue	time = {.tag = SEG_V_INT};
	SegValue	day = {.tag = SEG_V_INT,.v.i = USECS_PER_DAY};
	SegValue	whole = {.tag = SEG_V_INT};
	SegValue	fraction;

	if (a->tag != SEG_V_DURATION)
	{
		seg_value_missing(out);
		return;
	}
	whole.v.i = (int64) a->v.span->month * DAYS_PER_INTERVAL_MONTH + a->v.span->day;
	time.v.i = a->v.span->time;
	if (time.v.i == 0)
	{
		*out = whole;
		return;
	}
	number_arith(&fraction, SEG_NODE_DIVIDE, &time, &day);
	number_arith(out, SEG_NODE_ADD, &whole, &fraction);
}

static void
value_length(SegValue *out, const SegValue *a, const SegTypeInfo *type)
{
	if (a->tag == SEG_V_TEXT)
		int_result(out, pg_mbstrlen_with_len(a->v.s, a->len));
	else if (a->tag == SEG_V_LIST)
		int_result(out, a->v.list->nelems);
	else if (a->tag == SEG_V_MISSING && type->type == SEG_T_LIST)
		int_result(out, 0);
	else
		seg_value_missing(out);
}

/*
 * The functions of one argument (COALESCE is the evaluator's).  type is the argument's.
 */
void
seg_value_function(SegValue *out, SegFunction function, const SegValue *a, const SegTypeInfo *type,
				   const SegClock *clock)
{
	switch (function)
	{
		case SEG_FUNC_LOWER:
			seg_value_lower(out, a, type->collation);
			break;
		case SEG_FUNC_LENGTH:
			value_length(out, a, type);
			break;
		case SEG_FUNC_ABS:
			value_abs(out, a);
			break;
		case SEG_FUNC_DAYS:
			value_days(out, a);
			break;
		case SEG_FUNC_AGE:
		case SEG_FUNC_YEAR:
		case SEG_FUNC_MONTH:
		case SEG_FUNC_DAY:
		case SEG_FUNC_WEEKDAY:
		case SEG_FUNC_HOUR:
			value_calendar(out, function, a, clock);
			break;
		default:
			elog(ERROR, "function %d takes more than a value", function);
	}
}
