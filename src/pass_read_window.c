/*
 * pass_read_window.c
 *		Which rows some rule can want: of a source by their moment, of the population by their columns.
 *
 * Each aggregate over the source's rows reaches as far as its window.  What all of them reach
 * together is read, from the least start to the greatest end.  One aggregate without a
 * window makes that everything.
 *
 * Where there is only one rule, what it demands of a column of the population is asked of the
 * table, which may have an index for it: comparisons that cannot fail in SQL.
 *
 * A reach may be too wide, never too narrow: the evaluator still tests every row.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "clock_track.h"
#include "eval_fold.h"
#include "pass_read_window.h"

static const SegSpan everything = {DT_NOBEGIN, DT_NOEND};
static const SegSpan nothing = {DT_NOEND, DT_NOBEGIN};

static SegSpan
both(SegSpan a, SegSpan b)
{
	return (SegSpan) {Max(a.start, b.start), Min(a.end, b.end)};
}

static SegSpan
either(SegSpan a, SegSpan b)
{
	if (a.start >= a.end)
		return b;
	if (b.start >= b.end)
		return a;
	return (SegSpan) {Min(a.start, b.start), Max(a.end, b.end)};
}

/* Moments that compare so with something that is the same for everybody. */
static SegSpan
reach_of_comparison(SegEval *eval, const SegExpr *expr)
{
	const SegValue *value = seg_eval_value(eval, expr->args[1]);
	const SegClock *clock = seg_eval_clock(eval);
	SegSpan		span = everything;
	TimestampTz start;
	TimestampTz end;

	if ((value->tag != SEG_V_MOMENT && value->tag != SEG_V_DAY && value->tag != SEG_V_WHOLE_DAY) ||
		!seg_value_moment(value, clock, &start) || TIMESTAMP_NOT_FINITE(start))
		return everything;
	end = start + 1;
	if (value->tag == SEG_V_WHOLE_DAY && !seg_clock_day_start(clock, (DateADT) value->v.i + 1, &end))
		return everything;
	if (expr->detail != SEG_LT && expr->detail != SEG_LE)
		span.start = start;
	if (expr->detail != SEG_GT && expr->detail != SEG_GE)
		span.end = end;
	return span;
}

/*
 * Outside of it, no row is in the window, which is a condition on the row's moment (see bind_rows.c).  With
 * until, also none that lies behind will be: what moves only ever moves on.
 */
static SegSpan
reach_of(SegEval *eval, const SegExpr *expr, bool until)
{
	const SegEvalSpan *span;
	SegSpan		reach = everything;

	check_stack_depth();
	switch (expr->op)
	{
		case SEG_X_AND:
			for (int i = 0; i < expr->nargs; i++)
				reach = both(reach, reach_of(eval, expr->args[i], until));
			return reach;
		case SEG_X_COMPARE:
			if (expr->args[1]->depth == SEG_SCOPE_RUN)
				reach = reach_of_comparison(eval, expr);
			break;
		case SEG_X_WITHIN:
		case SEG_X_DURING:
			span = seg_eval_span(eval, expr);
			if (until && expr->moves && !span->valid)
				return everything;
			if (span->month == 0)
				reach = span->valid ? span->moments : nothing;
			break;
		default:
			break;
	}
	if (until && expr->moves)
		reach.end = DT_NOEND;
	return reach;
}

static SegSpan
reach_of_items(SegEval *eval, int relation, bool until)
{
	SegSpan		window = nothing;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, eval->program->folds)
	{
		const SegFold *fold = lfirst(lc);

		if (fold->relation != relation)
			continue;
		foreach(lc2, fold->items)
		{
			const SegFoldItem *item = lfirst(lc2);

			window = either(window, item->window ? reach_of(eval, item->window, until) : everything);
		}
	}
	return window;
}

SegSpan
seg_pass_read_window(SegEval *eval, int relation, bool until)
{
	TimestampTz now = seg_eval_clock(eval)->now;
	SegSpan		window;

	if (!until)
		return reach_of_items(eval, relation, false);
	/* where windows began a while ago is before wherever they will begin */
	if (now < MIN_TIMESTAMP + SEG_TRACK_SLACK)
		return everything;
	seg_eval_set_now(eval, now - SEG_TRACK_SLACK);
	window = reach_of_items(eval, relation, true);
	seg_eval_set_now(eval, now);
	return window;
}

void
seg_read_starts(SegEval *eval, TimestampTz now, TimestampTz *starts)
{
	bool		early = now < MIN_TIMESTAMP + SEG_TRACK_SLACK;
	ListCell   *lc;
	ListCell   *lc2;

	seg_eval_set_now(eval, early ? now : now - SEG_TRACK_SLACK);
	foreach(lc, eval->program->folds)
		foreach(lc2, ((const SegFold *) lfirst(lc))->items)
		{
			const SegFoldItem *item = lfirst(lc2);

			*starts++ = early || item->window == NULL ? DT_NOBEGIN : reach_of(eval, item->window, true).start;
		}
	seg_eval_set_now(eval, now);
}

/* The type of a column of the population's own row, or InvalidOid. */
static Oid
own_column_type(const SegEval *eval, const SegExpr *expr)
{
	const SegRelation *relation;
	const SegColumn *column;

	if (expr->op != SEG_X_COLUMN || expr->scope != SEG_SCOPE_MEMBER || expr->relation != 0)
		return InvalidOid;
	relation = linitial(eval->program->relations);
	column = list_nth(relation->columns, expr->column);
	if (column->kind != SEG_COLUMN_ATTRIBUTE || column->nlookups > 0 || column->npath > 0)
		return InvalidOid;
	return column->base.typid;
}

static bool
are_constants(const SegExpr *expr, SegTag tag, SegTag other)
{
	for (int i = 1; i < expr->nargs; i++)
		if (expr->args[i]->op != SEG_X_CONST ||
			(expr->args[i]->constant.tag != tag && expr->args[i]->constant.tag != other))
			return false;
	return true;
}

/* Is it a comparison that SQL makes as we do, and without an error? */
static bool
is_safe(const SegExpr *expr, Oid typid)
{
	bool		equality = expr->op == SEG_X_IN || (expr->op == SEG_X_COMPARE && expr->detail == SEG_EQ);

	switch (typid)
	{
		case BOOLOID:
			return expr->op == SEG_X_TRUTH;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
			return (equality || expr->op == SEG_X_COMPARE) && are_constants(expr, SEG_V_INT, SEG_V_NUMERIC);
		case TEXTOID:
		case VARCHAROID:
			return equality && !OidIsValid(expr->how.collation) && are_constants(expr, SEG_V_TEXT, SEG_V_TEXT);
		case TEXTARRAYOID:
			return (expr->op == SEG_X_HAS_ANY || expr->op == SEG_X_HAS_ALL) && !OidIsValid(expr->how.collation) &&
				are_constants(expr, SEG_V_TEXT, SEG_V_TEXT);
		default:
			return false;
	}
}

static List *
add_conditions(SegEval *eval, const SegExpr *expr, bool until, List *conditions)
{
	SegReadCondition condition = {.expr = expr};
	SegReadCondition *copy;
	Oid			typid;

	check_stack_depth();
	if (expr->op == SEG_X_AND)
	{
		for (int i = 0; i < expr->nargs; i++)
			conditions = add_conditions(eval, expr->args[i], until, conditions);
		return conditions;
	}
	if (expr->nargs == 0 || (until && expr->moves))
		return conditions;
	typid = own_column_type(eval, expr->args[0]);
	if (typid == DATEOID || typid == TIMESTAMPOID || typid == TIMESTAMPTZOID)
	{
		condition.in_span = true;
		condition.span = reach_of(eval, expr, false);
	}
	else if (!is_safe(expr, typid))
		return conditions;
	copy = palloc(sizeof(SegReadCondition));
	*copy = condition;
	return lappend(conditions, copy);
}

List *
seg_pass_read_conditions(SegEval *eval, bool until)
{
	return eval->program->nrules == 1 ? add_conditions(eval, eval->program->rules[0], until, NIL) : NIL;
}
