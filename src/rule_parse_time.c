/*
 * rule_parse_time.c
 *		Numbers, durations, the clock's words and periods of the calendar.
 *
 *		duration    = number unit { number unit }
 *		clock       = NOW | TODAY | YESTERDAY | TOMORROW | duration AGO | duration FROM NOW
 *					| ( START | END ) OF ( THIS | LAST | NEXT ) unit
 *		period      = TODAY | YESTERDAY | TOMORROW | ( THIS | LAST | NEXT ) unit
 *					| number unit AGO | day | 2020-05 | 2020 | a month's English name
 *
 * A duration is an Interval: months and longer in its months, days and weeks in its days,
 * the rest in its time.  Only the latter may have a fraction.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "rule_parse.h"
#include "rule_words.h"

/* A canonical number has at most this many digits, before the point and behind it together. */
#define MAX_DIGITS		1000

/* No field of a duration goes beyond this many years, so that none overflows. */
#define MAX_YEARS		10000

#define UNIT_LIST "second, minute, hour, day, week, month, quarter or year"

/* What one unit is worth in the field of an Interval that it belongs to. */
static int64
unit_worth(SegUnit unit)
{
	switch (unit)
	{
		case SEG_SECOND:
			return USECS_PER_SEC;
		case SEG_MINUTE:
			return USECS_PER_MINUTE;
		case SEG_HOUR:
			return USECS_PER_HOUR;
		case SEG_DAY:
			return 1;
		case SEG_WEEK:
			return 7;
		case SEG_MONTH:
			return 1;
		case SEG_QUARTER:
			return 3;
		case SEG_YEAR:
			break;
	}
	return 12;
}

static Numeric
dummy_number(void)
{
	return DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(0)));
}

/*
 * The current token as a number without trailing zeros.  Its size is bounded before
 * numeric_in sees it, which would raise an error without a position.
 */
static Numeric
read_number(SegParser *p)
{
	const char *text = p->scanner.text + p->tok.start;
	int			len = p->tok.end - p->tok.start;
	const char *exponent = memchr(text, 'e', len);
	Numeric		number;
	char	   *printed;

	if (exponent == NULL)
		exponent = memchr(text, 'E', len);
	/* 1e1000 is the largest exponent of use; five characters hold it, and its sign. */
	if (len > 2 * MAX_DIGITS || (exponent != NULL && abs(atoi(pnstrdup(exponent + 1, Min(text + len - exponent - 1, 9)))) > MAX_DIGITS))
	{
		seg_parse_limit(p, p->tok.start, "number is too long",
						psprintf("A number may have %d digits.", MAX_DIGITS), "Round the number.");
		return dummy_number();
	}
	number = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text, len)),
												 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	number = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(number)));
	printed = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	if (strlen(printed) > MAX_DIGITS)
	{
		seg_parse_limit(p, p->tok.start, "number is too long",
						psprintf("A number may have %d digits.", MAX_DIGITS), "Round the number.");
		return dummy_number();
	}
	return number;
}

SegTree *
seg_parse_number(SegParser *p)
{
	int			start = p->tok.start;
	Numeric		number = read_number(p);

	seg_parse_advance(p);
	return seg_tree_make_bytes(SEG_NODE_NUMBER, start, number, VARSIZE(number));
}

/* A number and a unit behind it: a duration. */
static bool
at_unit(SegParser *p)
{
	return p->tok.kind == SEG_TOK_NUMBER && p->next.kind == SEG_TOK_WORD &&
		seg_unit_lookup(p->scanner.text + p->next.start, p->next.end - p->next.start) >= 0;
}

/* The current token as a unit, or -1. */
static int
unit_at(SegParser *p)
{
	if (p->tok.kind != SEG_TOK_WORD)
		return -1;
	return seg_unit_lookup(p->scanner.text + p->tok.start, p->tok.end - p->tok.start);
}

/* number times worth, if that is a whole number up to limit. */
static bool
scale_number(Numeric number, int64 worth, int64 limit, int64 *result, bool *fraction)
{
	Datum		product = DirectFunctionCall2(numeric_mul, NumericGetDatum(number),
											  DirectFunctionCall1(int8_numeric, Int64GetDatum(worth)));

	*fraction = false;
	if (DatumGetBool(DirectFunctionCall2(numeric_gt, product, DirectFunctionCall1(int8_numeric, Int64GetDatum(limit)))))
		return false;
	*result = DatumGetInt64(DirectFunctionCall1(numeric_int8, product));
	*fraction = !DatumGetBool(DirectFunctionCall2(numeric_eq, product,
												  DirectFunctionCall1(int8_numeric, Int64GetDatum(*result))));
	return !*fraction;
}

/* Adds one number and unit, both seen, to span. */
static void
read_duration_part(SegParser *p, Interval *span)
{
	int			start = p->tok.start;
	Numeric		number = read_number(p);
	SegUnit		unit;
	int64		worth;
	int64		limit;
	int64		sum;
	int64		amount = 0;
	bool		fraction;

	seg_parse_advance(p);
	if (p->failed)
		return;
	unit = unit_at(p);
	worth = unit_worth(unit);
	if (unit >= SEG_MONTH)
	{
		limit = MAX_YEARS * 12;
		sum = span->month;
	}
	else if (unit >= SEG_DAY)
	{
		limit = MAX_YEARS * INT64CONST(366);
		sum = span->day;
	}
	else
	{
		limit = MAX_YEARS * 366 * USECS_PER_DAY;
		sum = span->time;
	}
	if (!scale_number(number, worth, limit, &amount, &fraction) || sum + amount > limit)
	{
		if (fraction)
			seg_parse_error_at(p, start, ERRCODE_INVALID_DATETIME_FORMAT,
							   "Seconds, minutes and hours may have a fraction, down to the microsecond; longer units may not.",
							   "Write a smaller unit, such as 36 hours for 1.5 days or 6 months for half a year.");
		else
			seg_parse_error_at(p, start, ERRCODE_DATETIME_FIELD_OVERFLOW,
							   psprintf("A duration may have %d years at most.", MAX_YEARS), NULL);
		return;
	}
	sum += amount;
	if (unit >= SEG_MONTH)
		span->month = (int32) sum;
	else if (unit >= SEG_DAY)
		span->day = (int32) sum;
	else
		span->time = sum;
	seg_parse_advance(p);
}

SegTree *
seg_parse_duration(SegParser *p)
{
	int			start = p->tok.start;
	Interval	span = {0};

	if (!at_unit(p))
	{
		const char *hint = NULL;

		if (p->tok.kind == SEG_TOK_NUMBER)
		{
			seg_parse_advance(p);
			seg_parse_unexpected(p, "A unit of time", "The units are " UNIT_LIST ", singular or plural.");
		}
		else if (p->tok.kind == SEG_TOK_WORD && unit_at(p) >= 0)
			hint = psprintf("Write a number before the unit: 1 %s.", seg_unit_name(unit_at(p)));
		else if (p->tok.kind == SEG_TOK_TEXT)
			hint = "Write a duration without quotes: 30 days.";
		seg_parse_unexpected(p, "A duration such as 30 days", hint);
	}
	while (at_unit(p))
		read_duration_part(p, &span);
	return seg_tree_make_bytes(SEG_NODE_DURATION, start, &span, sizeof(span));
}

/* THIS, LAST or NEXT, seen, and the unit behind it. */
static uint16
parse_which_unit(SegParser *p)
{
	SegWhich	which = seg_at_word(p, SEG_W_THIS) ? SEG_THIS : seg_at_word(p, SEG_W_LAST) ? SEG_LAST : SEG_NEXT;
	int			unit;

	seg_parse_advance(p);
	unit = unit_at(p);
	if (unit < 0)
	{
		seg_parse_unexpected(p, "A unit such as month", p->tok.kind == SEG_TOK_NUMBER ?
							 psprintf("Write WITHIN for a number of units: within %s 30 days.", seg_which_name(which)) :
							 "The units are " UNIT_LIST ".");
		return 0;
	}
	seg_parse_advance(p);
	return SEG_WHICH_UNIT(which, unit);
}

static bool
at_which(SegParser *p)
{
	return seg_at_word(p, SEG_W_THIS) || seg_at_word(p, SEG_W_LAST) || seg_at_word(p, SEG_W_NEXT);
}

/* A point in time or a duration, or NULL (and nothing taken) if none starts here. */
SegTree *
seg_parse_clock(SegParser *p)
{
	static const SegWord words[] = {SEG_W_NOW, SEG_W_TODAY, SEG_W_YESTERDAY, SEG_W_TOMORROW};
	int			start = p->tok.start;
	SegTree    *tree;

	for (size_t i = 0; i < lengthof(words); i++)
	{
		if (!seg_at_word(p, words[i]))
			continue;
		seg_parse_advance(p);
		if (p->tok.kind == SEG_TOK_OPEN)
			seg_parse_unexpected(p, "An operator", "NOW, TODAY, YESTERDAY and TOMORROW stand without parentheses.");
		tree = seg_tree_make(SEG_NODE_CLOCK, start, 0);
		tree->op = i;			/* in the order of SegClockWord */
		return tree;
	}

	if (seg_next_is_word(p, SEG_W_OF) && (seg_at_word(p, SEG_W_START) || seg_at_word(p, SEG_W_END)))
	{
		tree = seg_tree_make(SEG_NODE_EDGE, start, 0);
		tree->op = seg_at_word(p, SEG_W_END);
		seg_parse_advance(p);
		seg_parse_advance(p);
		if (at_which(p))
			tree->flags = parse_which_unit(p);
		else
			seg_parse_unexpected(p, "THIS, LAST or NEXT", "Write START OF THIS MONTH, for example.");
		return tree;
	}

	if (!at_unit(p))
		return NULL;
	tree = seg_parse_duration(p);
	if (seg_at_word(p, SEG_W_AGO) || (seg_at_word(p, SEG_W_FROM) && seg_next_is_word(p, SEG_W_NOW)))
	{
		bool		from_now = seg_at_word(p, SEG_W_FROM);

		seg_parse_advance(p);
		if (from_now)
			seg_parse_advance(p);
		tree = seg_tree_make(SEG_NODE_AGO, start, 1, tree);
		tree->op = from_now;
	}
	return tree;
}

/* Behind WITHIN: LAST or NEXT, which a duration must follow.  False after an error. */
bool
seg_parse_window_kind(SegParser *p, bool *next)
{
	*next = seg_at_word(p, SEG_W_NEXT);
	if (seg_parse_take_word(p, SEG_W_LAST) || seg_parse_take_word(p, SEG_W_NEXT))
	{
		int			unit = unit_at(p);

		if (unit >= 0)
			seg_parse_unexpected(p, "A duration such as 30 days",
								 psprintf("Write \"within %s 1 %s\" for the time up to now, \"during %s %s\" for the period of the calendar.",
										  *next ? "next" : "last", seg_unit_name(unit),
										  *next ? "next" : "last", seg_unit_name(unit)));
		return !p->failed;
	}
	seg_parse_unexpected(p, "LAST or NEXT", at_unit(p) ?
						 psprintf("Write \"within last %.*s\" or \"within next %.*s\".",
								  p->next.end - p->tok.start, p->scanner.text + p->tok.start,
								  p->next.end - p->tok.start, p->scanner.text + p->tok.start) :
						 at_which(p) || seg_at_word(p, SEG_W_TODAY) || seg_at_word(p, SEG_W_YESTERDAY) ?
						 "Write DURING before a period of the calendar." : NULL);
	return false;
}

/* A number: n units ago, or a year. */
static SegTree *
parse_number_period(SegParser *p, int start)
{
	SegTree    *tree;
	bool		is_year = p->tok.end - p->tok.start == 4;
	char	   *digits = pnstrdup(p->scanner.text + start, p->tok.end - p->tok.start);
	int32		n = 0;

	if (strspn(digits, "0123456789") != strlen(digits))
	{
		seg_parse_unexpected(p, "A period", "The number of units is a whole number.");
		return NULL;
	}
	if (at_unit(p))
	{
		is_year = false;
		/* Leading zeros are harmless, ten digits too many are not. */
		if (strlen(digits + strspn(digits, "0")) > 9)
		{
			seg_parse_error_at(p, start, ERRCODE_DATETIME_FIELD_OVERFLOW, "That is too long ago.", NULL);
			return NULL;
		}
	}
	else if (!is_year)
	{
		seg_parse_unexpected(p, "A period", "Write a year with four digits.");
		return NULL;
	}
	n = atoi(digits);
	tree = seg_tree_make_bytes(SEG_NODE_PERIOD, start, &n, sizeof(n));
	seg_parse_advance(p);
	if (is_year)
	{
		tree->op = SEG_PERIOD_YEAR;
		if (n == 0)
			seg_parse_error_at(p, start, ERRCODE_DATETIME_FIELD_OVERFLOW, "There is no year 0.", NULL);
		return tree;
	}
	tree->op = SEG_PERIOD_AGO;
	tree->flags = p->failed ? 0 : unit_at(p);
	seg_parse_advance(p);
	if (!seg_parse_take_word(p, SEG_W_AGO))
		seg_parse_unexpected(p, "AGO", "DURING takes a period of the calendar: during 2 months ago, during last month; a time that ends now is WITHIN LAST 30 DAYS.");
	return tree;
}

static SegTree *
parse_month_period(SegParser *p, int start)
{
	int32		month = (int32) p->tok.value;
	SegTree    *tree = seg_tree_make_bytes(SEG_NODE_PERIOD, start, &month, sizeof(month));
	int			written;

	tree->op = SEG_PERIOD_MONTH;
	written = atoi(pnstrdup(p->scanner.text + start + 5, 2));
	if (month < 12 || written < 1 || written > 12)
		seg_parse_error_at(p, start, ERRCODE_DATETIME_FIELD_OVERFLOW, "There is no such month in the calendar.", NULL);
	seg_parse_advance(p);
	return tree;
}

SegTree *
seg_parse_period(SegParser *p)
{
	static const SegWord words[] = {SEG_W_TODAY, SEG_W_YESTERDAY, SEG_W_TOMORROW};
	int			start = p->tok.start;
	SegTree    *tree;
	int32		month;

	for (size_t i = 0; i < lengthof(words); i++)
	{
		if (!seg_parse_take_word(p, words[i]))
			continue;
		tree = seg_tree_make(SEG_NODE_PERIOD, start, 0);
		tree->op = i;			/* in the order of SegPeriod */
		return tree;
	}
	if (at_which(p))
	{
		tree = seg_tree_make(SEG_NODE_PERIOD, start, 0);
		tree->op = SEG_PERIOD_UNIT;
		tree->flags = parse_which_unit(p);
		return tree;
	}
	if (p->tok.kind == SEG_TOK_NUMBER)
		return parse_number_period(p, start);
	if (p->tok.kind == SEG_TOK_MONTH)
		return parse_month_period(p, start);
	if (p->tok.kind == SEG_TOK_DAY)
	{
		DateADT		day = (DateADT) p->tok.value;

		seg_parse_advance(p);
		tree = seg_tree_make_bytes(SEG_NODE_PERIOD, start, &day, sizeof(day));
		tree->op = SEG_PERIOD_DAY;
		return tree;
	}
	month = p->tok.kind == SEG_TOK_WORD ?
		seg_month_lookup(p->scanner.text + start, p->tok.end - start) : -1;
	if (month > 0)
	{
		seg_parse_advance(p);
		tree = seg_tree_make_bytes(SEG_NODE_PERIOD, start, &month, sizeof(month));
		tree->op = SEG_PERIOD_MONTH_NAME;
		return tree;
	}
	seg_parse_unexpected(p, "A period", "A period is TODAY, LAST MONTH, 2 MONTHS AGO, 2024-05-30, 2024-05, 2024 or the English name of a month, for example.");
	return NULL;
}
