/*
 * sqlgen_time.c
 *		Days and moments in SQL: clock words, periods, windows, anniversaries.
 *
 * A local calendar is walked on timestamps without a zone, (now() AT TIME ZONE zone), and
 * what comes out becomes a moment by the same operator the other way.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "sqlgen.h"

/* Literals. */

static char *
iso(Datum value, Oid type)
{
	char	   *buffer = palloc(MAXDATELEN + 1);
	int			utc = 0;

	return JsonEncodeDateTime(buffer, value, type, &utc);
}

char *
seg_sql_day_text(DateADT day)
{
	return iso(DateADTGetDatum(day), DATEOID);
}

char *
seg_sql_moment_text(TimestampTz moment)
{
	return psprintf("timestamptz '%s'", iso(TimestampTzGetDatum(moment), TIMESTAMPTZOID));
}

/* A moment that was written in local time stays so. */
void
seg_sql_moment_literal(SegSql *g, const SegExpr *expr, SegSqlTerm *out)
{
	if (expr->node != NULL && expr->node->kind == SEG_NODE_MOMENT && expr->node->op == 0)
		out->sql = psprintf("(timestamp '%s' AT TIME ZONE %s)",
							iso(TimestampGetDatum(seg_node_moment(expr->node)), TIMESTAMPOID), g->zone);
	else
		out->sql = seg_sql_moment_text(expr->constant.v.i);
}

static void
append_part(StringInfo out, int64 number, const char *unit)
{
	if (number != 0)
		appendStringInfo(out, "%s" INT64_FORMAT " %s%s", out->len > 0 ? " " : "", number, unit,
						 number == 1 ? "" : "s");
}

static char *
interval_text(const Interval *span)
{
	StringInfoData out;
	int64		time = span->time;
	int			usecs = (int) (time % USECS_PER_SEC);

	initStringInfo(&out);
	append_part(&out, span->month / MONTHS_PER_YEAR, "year");
	append_part(&out, span->month % MONTHS_PER_YEAR, "month");
	append_part(&out, span->day, "day");
	append_part(&out, time / USECS_PER_HOUR, "hour");
	append_part(&out, time % USECS_PER_HOUR / USECS_PER_MINUTE, "minute");
	append_part(&out, time % USECS_PER_MINUTE / USECS_PER_SEC, "second");
	append_part(&out, usecs, "microsecond");
	return out.len > 0 ? out.data : "0";
}

char *
seg_sql_interval(const Interval *span)
{
	return psprintf("interval '%s'", interval_text(span));
}

/* Days and moments. */

char *
seg_sql_local_now(SegSql *g)
{
	return psprintf("%s AT TIME ZONE %s", g->now, g->zone);
}

static char *
today(SegSql *g)
{
	return psprintf("(%s)::date", seg_sql_local_now(g));
}

/* The moment at which a day begins, or one some days later. */
char *
seg_sql_day_start(SegSql *g, const SegSqlTerm *day, int plus)
{
	if (day->constant != NULL && !DATE_NOT_FINITE((DateADT) day->constant->constant.v.i))
		return psprintf("(timestamp '%s' AT TIME ZONE %s)",
						seg_sql_day_text((DateADT) day->constant->constant.v.i + plus), g->zone);
	if (plus != 0)
		return psprintf("((%s + %d)::timestamp AT TIME ZONE %s)", day->sql, plus, g->zone);
	return psprintf("(%s::timestamp AT TIME ZONE %s)", day->sql, g->zone);
}

/* The moment that a value is, or where it begins. */
char *
seg_sql_moment(SegSql *g, const SegSqlTerm *term)
{
	if (term->type.type == SEG_T_DAY)
		return seg_sql_day_start(g, term, 0);
	if (term->type.type == SEG_T_JSON)
		return psprintf("segments.json_moment(%s, %s)", seg_sql_bare(term->sql), g->zone);
	return term->sql;
}

/* The local day or timestamp of a day or a moment. */
char *
seg_sql_local(SegSql *g, const SegSqlTerm *term)
{
	if (term->type.type == SEG_T_DAY)
		return term->sql;
	return psprintf("(%s AT TIME ZONE %s)", seg_sql_moment(g, term), g->zone);
}

/* A moment plus or minus a duration that is known. */
char *
seg_sql_moment_plus(SegSql *g, char *moment, int sign, const Interval *span)
{
	Interval	calendar = {.month = span->month,.day = span->day};
	Interval	clock = {.time = span->time};
	char		symbol = sign < 0 ? '-' : '+';

	if (span->month != 0 || span->day != 0)
		moment = psprintf("((%s AT TIME ZONE %s %c %s) AT TIME ZONE %s)",
						  moment, g->zone, symbol, seg_sql_interval(&calendar), g->zone);
	if (span->time != 0)
		moment = psprintf("(%s %c %s)", moment, symbol, seg_sql_interval(&clock));
	return moment;
}

/* Clock words. */

static int
which_shift(SegWhich which)
{
	return which == SEG_LAST ? -1 : which == SEG_NEXT ? 1 : 0;
}

static Interval
units(SegUnit unit, int64 n)
{
	Interval	span = {0};

	switch (unit)
	{
		case SEG_SECOND:
			span.time = n * USECS_PER_SEC;
			break;
		case SEG_MINUTE:
			span.time = n * USECS_PER_MINUTE;
			break;
		case SEG_HOUR:
			span.time = n * USECS_PER_HOUR;
			break;
		case SEG_DAY:
			span.day = n;
			break;
		case SEG_WEEK:
			span.day = n * 7;
			break;
		case SEG_MONTH:
			span.month = n;
			break;
		case SEG_QUARTER:
			span.month = n * 3;
			break;
		case SEG_YEAR:
			span.month = n * MONTHS_PER_YEAR;
			break;
	}
	return span;
}

/*
 * The beginning of the unit that lies shift units after the one at hand: a local timestamp
 * for days and longer units, a moment for the shorter ones.
 */
static char *
unit_start(SegSql *g, SegUnit unit, int64 shift)
{
	Interval	span = units(unit, shift < 0 ? -shift : shift);
	char	   *start;

	if (unit >= SEG_DAY)
		start = psprintf("date_trunc('%s', %s)", seg_unit_name(unit), seg_sql_local_now(g));
	else
		start = psprintf("date_trunc('%s', %s, %s)", seg_unit_name(unit), g->now, g->zone);
	if (shift == 0)
		return start;
	return psprintf("(%s %c %s)", start, shift < 0 ? '-' : '+', seg_sql_interval(&span));
}

static void
edge(SegSql *g, const SegNode *node, SegSqlTerm *out)
{
	SegUnit		unit = SEG_FLAGS_UNIT(node->flags);
	char	   *start = unit_start(g, unit, which_shift(SEG_FLAGS_WHICH(node->flags)) + node->op);

	if (unit < SEG_DAY)
		out->sql = start;
	else
	{
		out->whole_day = true;
		/* the last day is the one before the next unit's first */
		out->sql = psprintf(node->op ? "(%s::date - 1)" : "%s::date", start);
	}
}

/* NOW, TODAY ..., AGO, FROM NOW, START OF, END OF */
void
seg_sql_clock(SegSql *g, const SegNode *node, SegSqlTerm *out)
{
	out->finite = true;
	if (node->kind == SEG_NODE_EDGE)
		edge(g, node, out);
	else if (node->kind == SEG_NODE_AGO)
	{
		Interval	span = seg_node_duration(seg_node_child(node, 0));

		out->sql = seg_sql_moment_plus(g, pstrdup(g->now), node->op ? 1 : -1, &span);
	}
	else if (node->op == SEG_NOW)
		out->sql = pstrdup(g->now);
	else
	{
		out->whole_day = true;
		out->sql = node->op == SEG_TODAY ? today(g) :
			psprintf("(%s %c 1)", today(g), node->op == SEG_TOMORROW ? '+' : '-');
	}
}

/* Windows and periods. */

/* Two conditions, on two lines where that is clear. */
static char *
both(SegSql *g, SegSqlBeside beside, const char *first, const char *second)
{
	StringInfoData out;

	if (beside == SEG_SQL_IN_OR)
		return psprintf("(%s AND %s)", first, second);
	initStringInfo(&out);
	appendStringInfoString(&out, first);
	seg_sql_newline(g, &out);
	appendStringInfo(&out, "AND %s", second);
	return out.data;
}

/* value >= start AND value < end */
char *
seg_sql_in_range(SegSql *g, SegSqlBeside beside, char *value, const char *start, const char *end)
{
	char	   *let = seg_sql_let(g, &value);
	char	   *range = both(g, let ? SEG_SQL_IN_OR : beside,
									 psprintf("%s >= %s", value, start), psprintf("%s < %s", value, end));

	return let ? psprintf("(SELECT %s%s)", range, let) : range;
}

char *
seg_sql_within(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	SegSqlTerm	term;
	Interval	span = seg_node_duration(expr->node);
	char	   *other = seg_sql_moment_plus(g, pstrdup(g->now), expr->detail ? 1 : -1, &span);

	seg_sql_value(g, expr->args[0], &term);
	return seg_sql_in_range(g, beside, seg_sql_moment(g, &term), expr->detail ? g->now : other, expr->detail ? other : g->now);
}

/* What a period covers: moments, or local timestamps, which may be literals. */
typedef struct Period
{
	char	   *start;
	char	   *end;
	bool		moments;
	bool		literals;		/* as days */
} Period;

static void
month_period(Period *period, int month, int count)
{
	period->literals = true;
	period->start = psprintf("%04d-%02d-01", month / MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1);
	month += count;
	period->end = psprintf("%04d-%02d-01", month / MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1);
}

static void
unit_period(SegSql *g, Period *period, SegUnit unit, int64 shift)
{
	period->moments = unit < SEG_DAY;
	period->start = unit_start(g, unit, shift);
	period->end = unit_start(g, unit, shift + 1);
}

static Period
period_of(SegSql *g, const SegNode *node)
{
	Period		period = {0};

	switch ((SegPeriod) node->op)
	{
		case SEG_PERIOD_TODAY:
			unit_period(g, &period, SEG_DAY, 0);
			break;
		case SEG_PERIOD_YESTERDAY:
			unit_period(g, &period, SEG_DAY, -1);
			break;
		case SEG_PERIOD_TOMORROW:
			unit_period(g, &period, SEG_DAY, 1);
			break;
		case SEG_PERIOD_UNIT:
			unit_period(g, &period, SEG_FLAGS_UNIT(node->flags), which_shift(SEG_FLAGS_WHICH(node->flags)));
			break;
		case SEG_PERIOD_AGO:
			unit_period(g, &period, SEG_FLAGS_UNIT(node->flags), -(int64) seg_node_int(node));
			break;
		case SEG_PERIOD_DAY:
			period.literals = true;
			period.start = seg_sql_day_text(seg_node_int(node));
			period.end = seg_sql_day_text(seg_node_int(node) + 1);
			break;
		case SEG_PERIOD_MONTH:
			month_period(&period, seg_node_int(node), 1);
			break;
		case SEG_PERIOD_YEAR:
			month_period(&period, seg_node_int(node) * MONTHS_PER_YEAR, MONTHS_PER_YEAR);
			break;
		case SEG_PERIOD_MONTH_NAME:
			break;
	}
	return period;
}

/* A bound of a period of whole days, as a date. */
static char *
bound_as_day(const Period *period, char *bound)
{
	return psprintf(period->literals ? "date '%s'" : "%s::date", bound);
}

static char *
bound_as_moment(SegSql *g, const Period *period, char *bound)
{
	if (period->moments)
		return bound;
	return psprintf(period->literals ? "(timestamp '%s' AT TIME ZONE %s)" : "(%s AT TIME ZONE %s)", bound, g->zone);
}

/* The month of any year. */
static char *
in_month(SegSql *g, const SegSqlTerm *term, int month)
{
	return psprintf("extract(month FROM %s) = %d", seg_sql_bare(seg_sql_local(g, term)), month);
}

static bool
is_month_name(const SegNode *node)
{
	return node->kind == SEG_NODE_PERIOD && node->op == SEG_PERIOD_MONTH_NAME;
}

char *
seg_sql_during(SegSql *g, const SegExpr *expr, SegSqlBeside beside)
{
	SegSqlTerm	term;
	Period		period;

	seg_sql_value(g, expr->args[0], &term);
	if (is_month_name(expr->node))
		return in_month(g, &term, seg_node_int(expr->node));
	period = period_of(g, expr->node);
	if (term.type.type == SEG_T_DAY && !period.moments)
		return seg_sql_in_range(g, beside, term.sql, bound_as_day(&period, period.start), bound_as_day(&period, period.end));
	return seg_sql_in_range(g, beside, seg_sql_moment(g, &term),
					bound_as_moment(g, &period, period.start), bound_as_moment(g, &period, period.end));
}

/* Anniversaries. */

/* today + d, as a day */
static char *
day_after(SegSql *g, int sign, const Interval *span)
{
	SegSqlTerm	day = {.sql = today(g)};

	if (span->time == 0)
		return psprintf("(date_trunc('day', %s) %c %s)::date", seg_sql_local_now(g), sign < 0 ? '-' : '+',
						seg_sql_interval(span));
	return psprintf("(%s AT TIME ZONE %s)::date",
					seg_sql_moment_plus(g, seg_sql_day_start(g, &day, 0), sign, span), g->zone);
}

static void
anniversary_days(SegSql *g, const SegExpr *expr, char **first, char **end)
{
	if (expr->op == SEG_X_ANNIVERSARY_WITHIN)
	{
		Interval	span = seg_node_duration(expr->node);

		*first = expr->detail ? today(g) : day_after(g, -1, &span);
		*end = expr->detail ? day_after(g, 1, &span) : today(g);
	}
	else
	{
		Period		period = period_of(g, expr->node);

		if (period.moments)
		{
			*first = psprintf("(%s AT TIME ZONE %s)::date", period.start, g->zone);
			*end = psprintf("((%s - interval '1 microsecond') AT TIME ZONE %s)::date + 1", period.end, g->zone);
		}
		else
		{
			*first = bound_as_day(&period, period.start);
			*end = bound_as_day(&period, period.end);
		}
	}
}

/*
 * The anniversaries of the first year of the span and of the next: a span that goes beyond
 * these holds all of the second.  The 29th day from the first of February is the first
 * of March where that month is short.
 */
char *
seg_sql_anniversary(SegSql *g, const SegExpr *expr)
{
	SegSqlTerm	term;
	char	   *first;
	char	   *end;
	char	   *local;
	char	   *year;

	seg_sql_value(g, expr->args[0], &term);
	if (is_month_name(expr->node))
		return in_month(g, &term, seg_node_int(expr->node));
	anniversary_days(g, expr, &first, &end);
	local = seg_sql_bare(seg_sql_local(g, &term));
	year = seg_sql_alias(g, "y");
	return psprintf("EXISTS (SELECT 1 FROM generate_series(0, 1) AS %s"
					" WHERE make_date(extract(year FROM %s)::integer + %s, extract(month FROM %s)::integer, 1)"
					" + extract(day FROM %s)::integer - 1 <@ daterange(%s, %s))",
					year, first, year, local, local, first, end);
}
