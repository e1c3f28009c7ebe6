/*
 * grouped_facts.c
 *		The aggregate facts(ruleset, as_of, source, VARIADIC columns): what a member's rows of a source tell.
 *
 * A row is kept if some aggregate can count it: it lies in the window, and what can be said of the row
 * alone, of the source's filter and of the aggregate's condition, holds.  Whatever takes more
 * than the row to say (the member, rows of the row) is left for later.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "define.h"
#include "eval_fold.h"
#include "grouped.h"
#include "nearest.h"
#include "pass_read_window.h"

PG_FUNCTION_INFO_V1(facts_add);
PG_FUNCTION_INFO_V1(facts_combine);
PG_FUNCTION_INFO_V1(facts_final);

/* One aggregate over the source's rows: the conditions that a row alone can fail. */
typedef struct Wish
{
	int			scope;			/* of the row in them */
	int			n;
	const SegExpr *conditions[3];
} Wish;

typedef struct Facts
{
	char	   *source;
	int			moment;			/* the column with the row's moment, or -1 */
	TimestampTz now;			/* that the window is for */
	SegSpan		window;			/* no row outside of it is wanted */
	int			nwishes;
	Wish	   *wishes;
	SegLayoutPart *parts;
} Facts;

/* Is it a condition that needs nothing but the row in a scope? */
static bool
is_of_row(const SegExpr *expr, int scope)
{
	check_stack_depth();
	if (expr->op == SEG_X_AGGREGATE || expr->op == SEG_X_MEMBER_OF ||
		(expr->op == SEG_X_COLUMN && expr->scope != scope))
		return false;
	for (int i = 0; i < expr->nargs; i++)
		if (!is_of_row(expr->args[i], scope))
			return false;
	return true;
}

static void
add_condition(Wish *wish, const SegExpr *condition)
{
	if (condition != NULL && is_of_row(condition, wish->scope))
		wish->conditions[wish->n++] = condition;
}

static void
find_wishes(Facts *facts, const SegProgram *program, int relation)
{
	ListCell   *lc;
	ListCell   *lc2;
	int			n = 0;

	foreach(lc, program->folds)
		n += list_length(((const SegFold *) lfirst(lc))->items);
	facts->wishes = palloc0(sizeof(Wish) * (n + 1));
	foreach(lc, program->folds)
	{
		const SegFold *fold = lfirst(lc);

		if (fold->relation != relation)
			continue;
		foreach(lc2, fold->items)
		{
			const SegFoldItem *item = lfirst(lc2);
			Wish	   *wish = &facts->wishes[facts->nwishes++];

			wish->scope = fold->scope;
			add_condition(wish, fold->filter);
			add_condition(wish, item->window);
			add_condition(wish, item->where);
		}
	}
}

static int
find_relation(const SegGrouped *grouped, const char *source)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, grouped->program->relations)
	{
		const SegRelation *relation = lfirst(lc);

		if (relation->source < 0)
			continue;
		if (strcmp(relation->name, source) == 0)
			return foreach_current_index(lc);
		names = lappend(names, unconstify(char *, relation->name));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("no rule of the ruleset reads a source \"%s\"", source),
			 names == NIL ? errhint("None reads any source.") :
			 errhint("%s", seg_nearest_hint(source, names, "They read"))));
}

/* Makes the call ready for a source. */
static Facts *
begin(FunctionCallInfo fcinfo, SegGroupedCall *call, char *source)
{
	MemoryContext caller = MemoryContextSwitchTo(call->grouped->context);
	Facts	   *facts = palloc0(sizeof(Facts));
	int			relation = find_relation(call->grouped, source);

	seg_grouped_take_columns(fcinfo, call, relation, 4);
	facts->source = pstrdup(source);
	facts->moment = call->grouped->layouts[relation].moment;
	facts->now = DT_NOEND;
	facts->parts = palloc0(sizeof(SegLayoutPart) * (call->nvalues + 1));
	find_wishes(facts, call->grouped->program, relation);
	MemoryContextSwitchTo(caller);
	call->rest = facts;
	return facts;
}

static bool
is_source(const char *source, const text *argument)
{
	return strlen(source) == VARSIZE_ANY_EXHDR(argument) &&
		memcmp(source, VARDATA_ANY(argument), VARSIZE_ANY_EXHDR(argument)) == 0;
}

/* What the evaluator reads through: the row at hand is the only one. */
static void
get_column(void *arg, const SegRelation *relation, const void *row, int column, SegValue *out)
{
	seg_grouped_column(arg, column, out);
}

static bool
lies_outside(SegGroupedCall *call, Facts *facts)
{
	const SegClock *clock = seg_eval_clock(call->eval);
	SegValue	value;
	TimestampTz moment;

	if (facts->now != clock->now)
	{
		facts->window = seg_pass_read_window(call->eval, call->relation, false);
		facts->now = clock->now;
	}
	if (facts->moment < 0)
		return false;
	seg_grouped_column(call, facts->moment, &value);
	if (!seg_value_moment(&value, clock, &moment))
		return false;
	/* an infinite end leaves out nothing, not even what is infinite */
	return moment < facts->window.start || (moment >= facts->window.end && !TIMESTAMP_IS_NOEND(facts->window.end));
}

static bool
is_wanted(SegGroupedCall *call, const Facts *facts)
{
	int			scope = -1;

	for (int i = 0; i < facts->nwishes; i++)
	{
		const Wish *wish = &facts->wishes[i];
		bool		wanted = true;

		if (wish->n > 0 && wish->scope != scope)
		{
			scope = wish->scope;
			seg_eval_row(call->eval, scope, call);
		}
		for (int k = 0; wanted && k < wish->n; k++)
			wanted = seg_eval_condition(call->eval, wish->conditions[k]);
		if (wanted)
			return true;
	}
	return false;
}

static void
shorten_texts(SegGroupedCall *call)
{
	const SegLayout *layout = &call->grouped->layouts[call->relation];

	for (int i = 0; i < call->nvalues; i++)
		if (!call->isnull[i] && layout->columns[i].is_short)
			call->values[i] = seg_shortened_text(call->values[i]);
}

static SegMemberRows *
keep_row(SegGroupedCall *call, Facts *facts, SegMemberRows *rows)
{
	const SegGrouped *grouped = call->grouped;
	const SegLayout *layout = &grouped->layouts[call->relation];
	TimestampTz now = seg_eval_clock(call->eval)->now;
	Size		size;

	shorten_texts(call);
	size = seg_layout_measure(layout, call->values, call->isnull, facts->parts);
	if (rows == NULL)
		rows = seg_member_rows_create(grouped->fingerprint, now, call->relation, call->nvalues,
									  grouped->types[call->relation], MAXALIGN(size));
	else
	{
		seg_member_rows_check(rows, grouped, now, call->relation);
		rows = seg_member_rows_enlarge(rows, MAXALIGN(size));
	}
	seg_layout_write(layout, call->values, call->isnull, facts->parts, seg_member_rows_add(rows, size));
	return rows;
}

/*
 * facts_add(member_rows, ruleset, as_of, source, VARIADIC columns) -> member_rows
 */
Datum
facts_add(PG_FUNCTION_ARGS)
{
	SegReader	reader = {.column = get_column};
	SegMemberRows *rows = seg_grouped_state(fcinfo);
	SegGroupedCall *call = seg_grouped_call(fcinfo, 1, 2, &reader);
	Facts	   *facts = call->rest;

	if (PG_ARGISNULL(3) || facts == NULL || !is_source(facts->source, PG_GETARG_TEXT_PP(3)))
		facts = begin(fcinfo, call, seg_arg_required_text(fcinfo, 3, "source"));
	seg_grouped_take_values(fcinfo, call);
	if (!lies_outside(call, facts) && is_wanted(call, facts))
		rows = keep_row(call, facts, rows);
	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(rows);
}

/*
 * facts_combine(member_rows, member_rows) -> member_rows
 */
Datum
facts_combine(PG_FUNCTION_ARGS)
{
	SegMemberRows *rows = seg_grouped_state(fcinfo);
	const SegMemberRows *more;
	Size		bytes;

	if (PG_ARGISNULL(1))
	{
		if (rows == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(rows);
	}
	more = DatumGetSegMemberRowsP(PG_GETARG_DATUM(1));
	if (rows == NULL)
		PG_RETURN_POINTER(more);
	seg_member_rows_check_same(rows, more);
	bytes = more->used - seg_member_rows_head(more->ncolumns);
	rows = seg_member_rows_enlarge(rows, bytes);
	memcpy(seg_member_rows_end(rows), seg_member_rows_first(more), bytes);
	rows->used += bytes;
	rows->nrows += more->nrows;
	PG_RETURN_POINTER(rows);
}

/*
 * facts_final(member_rows) -> member_rows
 */
Datum
facts_final(PG_FUNCTION_ARGS)
{
	const SegMemberRows *rows = seg_grouped_state(fcinfo);

	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(seg_member_rows_sorted(rows));
}
