/*
 * sqlgen_math.c
 *		Arithmetic in SQL, of numbers, durations and moments.
 *
 * Integers are computed as numeric, so that they neither overflow nor lose fractions,
 * and a division by zero is missing.
 *
 * PostgreSQL shows the difference of two moments in days and hours, while to a rule
 * it is the time that has passed.  The two compare alike, so it is only made time
 * again where one computes with it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "sqlgen.h"

/* A number to compute with: numeric or double precision. */
void
seg_sql_as_number(SegSql *g, SegSqlTerm *term)
{
	if (term->type.type == SEG_T_INT)
		term->sql = psprintf("%s::numeric", term->sql);
	else if (term->type.type == SEG_T_JSON)
		term->sql = seg_sql_json_as(g, term, SEG_T_NUMERIC);
	if (term->type.type != SEG_T_FLOAT)
		term->type.type = SEG_T_NUMERIC;
	term->constant = NULL;
}

char *
seg_sql_duration(const SegSqlTerm *term)
{
	if (!term->elapsed)
		return term->sql;
	return psprintf("make_interval(secs => extract(epoch FROM %s)::double precision)", seg_sql_bare(term->sql));
}

/*
 * A month counts as 30 days, as PostgreSQL has it, but a year as 12 of them, which to
 * PostgreSQL is 365.25 days.
 */
char *
seg_sql_days(SegSql *g, const SegSqlTerm *duration)
{
	char	   *sql = duration->sql;
	char	   *let;

	if (duration->type.type == SEG_T_JSON)
		return "NULL::numeric";
	if (duration->elapsed)
		return psprintf("(extract(epoch FROM %s) / 86400)", seg_sql_bare(sql));
	let = seg_sql_let(g, &sql);
	sql = seg_sql_bare(sql);
	sql = psprintf("extract(epoch FROM %s) / 86400 - extract(year FROM %s) * 5.25", sql, sql);
	return seg_sql_with_let(sql, let);
}

static const char *
symbol(SegNodeKind op)
{
	return op == SEG_NODE_ADD ? "+" : op == SEG_NODE_SUBTRACT ? "-" : op == SEG_NODE_MULTIPLY ? "*" : "/";
}

/* A division by zero is missing. */
static char *
divisor(const SegSqlTerm *term)
{
	if (term->constant != NULL && term->constant->constant.tag == SEG_V_INT && term->constant->constant.v.i != 0)
		return term->sql;
	return psprintf("NULLIF(%s, 0)", seg_sql_bare(term->sql));
}

static void
number_arith(SegSql *g, SegNodeKind op, SegSqlTerm *a, SegSqlTerm *b, SegSqlTerm *out)
{
	/* an integer literal takes the type of what it meets */
	if (a->type.type != SEG_T_INT || a->constant == NULL || b->constant != NULL)
		seg_sql_as_number(g, a);
	if (b->type.type != SEG_T_INT || b->constant == NULL)
		seg_sql_as_number(g, b);
	out->type.type = a->type.type == SEG_T_FLOAT || b->type.type == SEG_T_FLOAT ? SEG_T_FLOAT : SEG_T_NUMERIC;
	out->sql = psprintf("(%s %s %s)", a->sql, symbol(op), op == SEG_NODE_DIVIDE ? divisor(b) : b->sql);
}

static void
duration_scale(SegSql *g, SegNodeKind op, SegSqlTerm *duration, SegSqlTerm *factor, SegSqlTerm *out)
{
	factor->sql = seg_sql_json_as(g, factor, SEG_T_NUMERIC);
	out->sql = psprintf("(%s %s %s)", seg_sql_duration(duration), symbol(op),
						op == SEG_NODE_DIVIDE ? divisor(factor) : factor->sql);
}

/*
 * A moment some time later or earlier.  Months and days are counted in the local
 * calendar, the rest in the time that passes.  Without months and days the calendar is not
 * consulted: where the clock is put back, local times come twice.
 */
static void
moment_plus(SegSql *g, const SegSqlTerm *time, int sign, const SegSqlTerm *duration, SegSqlTerm *out)
{
	char	   *moment = seg_sql_moment(g, time);
	char	   *span = duration->sql;
	char	   *let;
	char		symbol = sign < 0 ? '-' : '+';

	out->finite = time->finite || time->type.type == SEG_T_JSON;
	if (duration->constant != NULL)
		out->sql = seg_sql_moment_plus(g, moment, sign, duration->constant->constant.v.span);
	else if (duration->elapsed)
		out->sql = psprintf("(%s %c %s)", moment, symbol, seg_sql_duration(duration));
	else
	{
		let = seg_sql_let(g, &span);
		let = seg_sql_lets(let, seg_sql_let(g, &moment));
		span = seg_sql_bare(span);
		out->sql = psprintf("CASE WHEN date_trunc('day', %s) = interval '0' THEN %s"
							" ELSE (%s AT TIME ZONE %s %c date_trunc('day', %s)) AT TIME ZONE %s END %c (%s - date_trunc('day', %s))",
							span, moment, moment, g->zone, symbol, span, g->zone, symbol, span, span);
		out->sql = seg_sql_with_let(out->sql, let);
	}
}

/* The moment that a day or a json value is. */
static void
take_as_moment(SegSql *g, SegSqlTerm *term)
{
	term->sql = seg_sql_moment(g, term);
	term->finite |= term->type.type == SEG_T_JSON;
	term->type.type = SEG_T_MOMENT;
}

/* The days between two days, the time between two moments; none where one is infinite. */
static void
moment_minus(SegSql *g, SegSqlTerm *a, SegSqlTerm *b, SegSqlTerm *out)
{
	bool		days = a->type.type == SEG_T_DAY && b->type.type == SEG_T_DAY;
	char	   *let_a = NULL;
	char	   *let_b = NULL;
	char	   *let;

	if (!days)
	{
		take_as_moment(g, a);
		take_as_moment(g, b);
		out->elapsed = true;
	}
	if (!a->finite)
		let_a = seg_sql_let(g, &a->sql);
	if (!b->finite)
		let_b = seg_sql_let(g, &b->sql);
	out->sql = psprintf(days ? "make_interval(days => %s - %s)" : "%s - %s", a->sql, b->sql);
	if (!a->finite || !b->finite)
		out->sql = psprintf("CASE WHEN %s%s%s THEN %s END",
							a->finite ? "" : psprintf("isfinite(%s)", seg_sql_bare(a->sql)),
							a->finite || b->finite ? "" : " AND ",
							b->finite ? "" : psprintf("isfinite(%s)", seg_sql_bare(b->sql)), out->sql);
	let = seg_sql_lets(let_a, let_b);
	out->sql = seg_sql_with_let(out->sql, let);
}

/* A json value is what the other side makes of it; two of them are numbers. */
static bool
is_timelike(const SegSqlTerm *term)
{
	return seg_type_is_time(&term->type) || term->type.type == SEG_T_JSON;
}

void
seg_sql_arith(SegSql *g, SegNodeKind op, SegSqlTerm *a, SegSqlTerm *b, SegSqlTerm *out)
{
	bool		additive = op == SEG_NODE_ADD || op == SEG_NODE_SUBTRACT;
	int			sign = op == SEG_NODE_SUBTRACT ? -1 : 1;
	bool		duration_a = a->type.type == SEG_T_DURATION;
	bool		duration_b = b->type.type == SEG_T_DURATION;

	if (duration_a && duration_b)
		out->sql = psprintf("(%s %s %s)", seg_sql_duration(a), symbol(op), seg_sql_duration(b));
	else if (duration_a && !additive)
		duration_scale(g, op, a, b, out);
	else if (duration_b && !additive)
		duration_scale(g, op, b, a, out);
	else if (duration_b)
		moment_plus(g, a, sign, b, out);
	else if (duration_a)
		moment_plus(g, b, sign, a, out);
	else if (is_timelike(a) && is_timelike(b) && (seg_type_is_time(&a->type) || seg_type_is_time(&b->type)))
		moment_minus(g, a, b, out);
	else
		number_arith(g, op, a, b, out);
}

void
seg_sql_negate(SegSql *g, SegSqlTerm *a, SegSqlTerm *out)
{
	if (a->type.type == SEG_T_DURATION)
		out->sql = psprintf("(- %s)", seg_sql_duration(a));
	else
	{
		seg_sql_as_number(g, a);
		out->type = a->type;
		out->sql = psprintf("(- %s)", a->sql);
	}
}
