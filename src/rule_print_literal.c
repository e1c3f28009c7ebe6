/*
 * rule_print_literal.c
 *		The canonical texts of literals and of periods.
 *
 * Days and moments are printed in the years 1 to 9999, which is all that the scanner
 * lets in; moments with a zone in UTC.  Durations are printed field by field, so that
 * 36 hours stay 36 hours and 7 days are no week.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"

#include "rule_print.h"
#include "rule_words.h"

static void
print_day(StringInfo out, DateADT day)
{
	int			year,
				month,
				mday;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	appendStringInfo(out, "%04d-%02d-%02d", year, month, mday);
}

/* micros, below a second, as a decimal fraction without trailing zeros */
static void
print_fraction(StringInfo out, int micros)
{
	char		digits[8];
	int			n;

	if (micros == 0)
		return;
	snprintf(digits, sizeof(digits), ".%06d", micros);
	for (n = 7; digits[n - 1] == '0';)
		n--;
	appendBinaryStringInfo(out, digits, n);
}

static void
print_moment(StringInfo out, int64 moment, bool zoned)
{
	int64		day = moment / USECS_PER_DAY;
	int64		time = moment % USECS_PER_DAY;
	int			second;

	if (time < 0)
	{
		time += USECS_PER_DAY;
		day--;
	}
	print_day(out, (DateADT) day);
	appendStringInfo(out, "T%02d:%02d", (int) (time / USECS_PER_HOUR),
					 (int) (time % USECS_PER_HOUR / USECS_PER_MINUTE));
	second = (int) (time % USECS_PER_MINUTE / USECS_PER_SEC);
	if (time % USECS_PER_MINUTE != 0)
	{
		appendStringInfo(out, ":%02d", second);
		print_fraction(out, (int) (time % USECS_PER_SEC));
	}
	if (zoned)
		appendStringInfoString(out, "Z");
}

/* One number and unit of a duration, if the number is not zero. */
static void
print_part(StringInfo out, int64 n, int micros, SegUnit unit, bool *first)
{
	if (n == 0 && micros == 0)
		return;
	if (!*first)
		appendStringInfoString(out, " ");
	*first = false;
	appendStringInfo(out, INT64_FORMAT, n);
	print_fraction(out, micros);
	appendStringInfo(out, " %s%s", seg_unit_name(unit), n == 1 && micros == 0 ? "" : "s");
}

static void
print_duration(StringInfo out, const SegNode *node)
{
	Interval	span = seg_node_duration(node);
	bool		first = true;

	print_part(out, span.month / 12, 0, SEG_YEAR, &first);
	print_part(out, span.month % 12, 0, SEG_MONTH, &first);
	print_part(out, span.day, 0, SEG_DAY, &first);
	print_part(out, span.time / USECS_PER_HOUR, 0, SEG_HOUR, &first);
	print_part(out, span.time % USECS_PER_HOUR / USECS_PER_MINUTE, 0, SEG_MINUTE, &first);
	print_part(out, span.time % USECS_PER_MINUTE / USECS_PER_SEC, (int) (span.time % USECS_PER_SEC),
			   SEG_SECOND, &first);
	if (first)
		appendStringInfoString(out, "0 seconds");
}

static void
print_number(StringInfo out, const SegNode *node)
{
	appendStringInfoString(out, DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(seg_node_number(node)))));
}

void
seg_print_which_unit(StringInfo out, uint16 flags)
{
	appendStringInfo(out, "%s %s", seg_which_name(SEG_FLAGS_WHICH(flags)), seg_unit_name(SEG_FLAGS_UNIT(flags)));
}

static void
print_period(StringInfo out, const SegNode *node)
{
	int32		n = node->len == sizeof(int32) ? seg_node_int(node) : 0;

	switch ((SegPeriod) node->op)
	{
		case SEG_PERIOD_TODAY:
			appendStringInfoString(out, "today");
			break;
		case SEG_PERIOD_YESTERDAY:
			appendStringInfoString(out, "yesterday");
			break;
		case SEG_PERIOD_TOMORROW:
			appendStringInfoString(out, "tomorrow");
			break;
		case SEG_PERIOD_UNIT:
			seg_print_which_unit(out, node->flags);
			break;
		case SEG_PERIOD_AGO:
			appendStringInfo(out, "%d %s%s ago", n, seg_unit_name(node->flags), n == 1 ? "" : "s");
			break;
		case SEG_PERIOD_DAY:
			print_day(out, n);
			break;
		case SEG_PERIOD_MONTH:
			appendStringInfo(out, "%04d-%02d", n / 12, n % 12 + 1);
			break;
		case SEG_PERIOD_YEAR:
			appendStringInfo(out, "%04d", n);
			break;
		case SEG_PERIOD_MONTH_NAME:
			appendStringInfoString(out, seg_month_name(n));
			break;
	}
}

void
seg_print_literal(StringInfo out, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NUMBER:
			print_number(out, node);
			break;
		case SEG_NODE_DAY:
			print_day(out, seg_node_int(node));
			break;
		case SEG_NODE_MOMENT:
			print_moment(out, seg_node_moment(node), node->op == 1);
			break;
		case SEG_NODE_DURATION:
			print_duration(out, node);
			break;
		default:
			Assert(node->kind == SEG_NODE_PERIOD);
			print_period(out, node);
			break;
	}
}
