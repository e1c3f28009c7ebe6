/*
 * eval.c
 *		Evaluating a bound program for one member at a time.
 *
 * Every expression's value is remembered until the row it depends on changes: each
 * scope carries the stamp of its current row, stamps are never used twice, and a value
 * is good while its own stamp is that of its expression's innermost scope (the rows in
 * outer scopes cannot change without the inner one being walked anew).
 *
 * Values are computed in the memory context of their scope, which is reset when the
 * scope's row changes; what a fold keeps from its rows is copied out.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval_fold.h"
#include "program.h"

static const SegValue *eval(SegEval *e, const SegExpr *expr);
static void compute(SegEval *e, const SegExpr *expr, SegValue *out);

SegEval *
seg_eval_begin(const SegProgram *program, const SegReader *reader, TimestampTz now)
{
	SegEval    *e = palloc0(sizeof(SegEval));
	int			nexprs = list_length(program->exprs);

	e->program = program;
	e->reader = *reader;
	e->memo = palloc0(sizeof(SegValue) * nexprs);
	e->stamps = palloc0(sizeof(uint64) * nexprs);
	e->spans = palloc0(sizeof(SegRunSpan) * nexprs);
	e->scopes = (SegEvalScope *) palloc0(sizeof(SegEvalScope) * (program->nscopes + 1)) + 1;
	for (int i = -1; i < program->nscopes; i++)
		e->scopes[i].context = AllocSetContextCreate(CurrentMemoryContext, "segments scope",
													 ALLOCSET_DEFAULT_SIZES);
	e->folds = seg_folds_begin(program);
	seg_eval_set_now(e, now);
	return e;
}

static void
new_row(SegEval *e, int scope, const void *row)
{
	MemoryContextReset(e->scopes[scope].context);
	e->scopes[scope].row = row;
	e->scopes[scope].stamp = ++e->last_stamp;
}

void
seg_eval_set_now(SegEval *e, TimestampTz now)
{
	seg_clock_set(&e->clock, now, e->program->zone);
	new_row(e, SEG_SCOPE_RUN, NULL);
}

const SegClock *
seg_eval_clock(const SegEval *e)
{
	return &e->clock;
}

void
seg_eval_member(SegEval *e, const void *member)
{
	new_row(e, SEG_SCOPE_MEMBER, member);
}

void
seg_eval_row(SegEval *e, int scope, const void *row)
{
	Assert(scope > SEG_SCOPE_MEMBER && scope < e->program->nscopes);
	new_row(e, scope, row);
}

bool
seg_eval_rule(SegEval *e, int rule)
{
	return seg_eval_condition(e, e->program->rules[rule]);
}

void
seg_eval_end(SegEval *e)
{
	for (int i = -1; i < e->program->nscopes; i++)
		MemoryContextDelete(e->scopes[i].context);
}

const SegValue *
seg_eval_value(SegEval *e, const SegExpr *expr)
{
	return eval(e, expr);
}

bool
seg_eval_condition(SegEval *e, const SegExpr *expr)
{
	const SegValue *value = eval(e, expr);

	Assert(value->tag == SEG_V_BOOL);
	return value->v.b;
}

static const SegValue *
eval(SegEval *e, const SegExpr *expr)
{
	SegEvalScope *scope;
	MemoryContext caller;

	if (expr->op == SEG_X_CONST)
		return &expr->constant;
	scope = &e->scopes[expr->depth];
	if (e->stamps[expr->id] == scope->stamp)
		return &e->memo[expr->id];

	check_stack_depth();
	caller = MemoryContextSwitchTo(scope->context);
	compute(e, expr, &e->memo[expr->id]);
	MemoryContextSwitchTo(caller);
	e->stamps[expr->id] = scope->stamp;
	return &e->memo[expr->id];
}

/* Conditions, one kind each. */

/* What the row at hand tells comes first: often no other has to be looked at then. */
static bool
any_arg(SegEval *e, const SegExpr *expr, bool wanted)
{
	for (int i = 0; i < expr->nargs; i++)
		if (!expr->args[i]->folds && seg_eval_condition(e, expr->args[i]) == wanted)
			return true;
	if (!expr->folds)
		return false;
	for (int i = 0; i < expr->nargs; i++)
		if (expr->args[i]->folds && seg_eval_condition(e, expr->args[i]) == wanted)
			return true;
	return false;
}

/* Gates look at arguments in an order that makes no use of aggregates where this says that none is needed. */
static bool
needs_rows(SegEval *e, const SegExpr *expr)
{
	bool		is_gate = expr->op == SEG_X_AND || expr->op == SEG_X_OR;

	check_stack_depth();
	if (!expr->folds)
		return false;
	if (!is_gate && expr->op != SEG_X_NOT)
		return true;
	for (int i = 0; is_gate && i < expr->nargs; i++)
		if (!expr->args[i]->folds && !expr->args[i]->moves &&
			seg_eval_condition(e, expr->args[i]) == (expr->op == SEG_X_OR))
			return false;
	for (int i = 0; i < expr->nargs; i++)
		if (needs_rows(e, expr->args[i]))
			return true;
	return false;
}

bool
seg_eval_needs_rows(SegEval *e, int rule)
{
	return needs_rows(e, e->program->rules[rule]);
}

/* a compared with b, as expr says. */
bool
seg_eval_compare(SegEval *e, const SegExpr *expr, const SegValue *a, const SegValue *b)
{
	SegCompareHow how;

	/* what is asked most is answered at once */
	if (a->tag == b->tag && (a->tag == SEG_V_INT || a->tag == SEG_V_MOMENT))
		return seg_compare_holds(expr->detail, (a->v.i > b->v.i) - (a->v.i < b->v.i));
	how = expr->how;
	how.clock = &e->clock;
	return seg_value_test(a, expr->detail, b, &how);
}

static bool
in_elements(SegEval *e, const SegExpr *expr, const SegValue *value)
{
	SegCompareHow how = expr->how;

	how.clock = &e->clock;
	for (int i = 1; i < expr->nargs; i++)
		if (seg_value_equal(value, eval(e, expr->args[i]), &how))
			return true;
	return false;
}

static bool
has_any(SegEval *e, const SegExpr *expr, const SegValue *list)
{
	if (list->tag != SEG_V_LIST)
		return false;
	for (int i = 0; i < list->v.list->nelems; i++)
		if (in_elements(e, expr, &list->v.list->elems[i]))
			return true;
	return false;
}

static bool
list_has(const SegList *list, const SegValue *value, const SegCompareHow *how)
{
	for (int i = 0; i < list->nelems; i++)
		if (seg_value_equal(&list->elems[i], value, how))
			return true;
	return false;
}

static bool
has_all(SegEval *e, const SegExpr *expr, const SegValue *list)
{
	SegCompareHow how = expr->how;

	how.clock = &e->clock;
	if (list->tag != SEG_V_LIST)
		return false;
	for (int i = 1; i < expr->nargs; i++)
		if (!list_has(list->v.list, eval(e, expr->args[i]), &how))
			return false;
	return true;
}

static bool
is_empty(const SegValue *value)
{
	return value->tag == SEG_V_MISSING ||
		(value->tag == SEG_V_LIST && value->v.list->nelems == 0) ||
		(value->tag == SEG_V_TEXT && value->len == 0);
}

static bool
text_predicate(const SegExpr *expr, const SegValue *text, const SegValue *part)
{
	bool		fold = expr->how.other != NULL && expr->how.other->is_citext;

	switch (expr->op)
	{
		case SEG_X_LIKE:
			return seg_value_like(text, part, SEG_NODE_LIKE, expr->how.collation, fold);
		case SEG_X_ILIKE:
			return seg_value_like(text, part, SEG_NODE_ILIKE, expr->how.collation, fold);
		case SEG_X_MATCHES:
			return seg_value_like(text, part, SEG_NODE_MATCHES, expr->how.collation, fold);
		case SEG_X_STARTS:
			return seg_value_starts(text, part);
		case SEG_X_ENDS:
			return seg_value_ends(text, part);
		default:
			return seg_value_contains(text, part);
	}
}

/* What a window or a period covers is worked out once a run. */
const SegEvalSpan *
seg_eval_span(SegEval *e, const SegExpr *expr)
{
	SegRunSpan *run = &e->spans[expr->id];
	bool		anniversary = expr->op == SEG_X_ANNIVERSARY_WITHIN || expr->op == SEG_X_ANNIVERSARY_DURING;

	if (run->stamp != e->scopes[SEG_SCOPE_RUN].stamp)
	{
		run->stamp = e->scopes[SEG_SCOPE_RUN].stamp;
		seg_span_set(&run->span, expr->node, expr->detail != 0, anniversary, &e->clock);
	}
	return &run->span;
}

/*
 * A condition on its first argument: does it hold for this value?  The other arguments are
 * evaluated.
 */
bool
seg_eval_test(SegEval *e, const SegExpr *expr, const SegValue *value)
{
	switch (expr->op)
	{
		case SEG_X_TRUTH:
			return value->tag == SEG_V_BOOL && value->v.b;
		case SEG_X_COMPARE:
			return seg_eval_compare(e, expr, value, eval(e, expr->args[1]));
		case SEG_X_IN:
			return in_elements(e, expr, value);
		case SEG_X_LIKE:
		case SEG_X_ILIKE:
		case SEG_X_MATCHES:
		case SEG_X_STARTS:
		case SEG_X_ENDS:
		case SEG_X_CONTAINS:
			return text_predicate(expr, value, eval(e, expr->args[1]));
		case SEG_X_HAS_ANY:
			return has_any(e, expr, value);
		case SEG_X_HAS_ALL:
			return has_all(e, expr, value);
		case SEG_X_IS_NULL:
			return value->tag == SEG_V_MISSING;
		case SEG_X_IS_EMPTY:
			return is_empty(value);
		default:
			return seg_span_holds(seg_eval_span(e, expr), value, &e->clock);
	}
}

static bool
condition(SegEval *e, const SegExpr *expr)
{
	switch (expr->op)
	{
		case SEG_X_AND:
			return !any_arg(e, expr, false);
		case SEG_X_OR:
			return any_arg(e, expr, true);
		case SEG_X_NOT:
			return !seg_eval_condition(e, expr->args[0]);
		case SEG_X_MEMBER_OF:
			return e->reader.member_of(e->reader.arg, expr->detail, e->scopes[SEG_SCOPE_MEMBER].row);
		default:
			return seg_eval_test(e, expr, eval(e, expr->args[0]));
	}
}

/* Values. */

/* The first that is not missing; a day among moments is its local midnight. */
static void
coalesce(SegEval *e, const SegExpr *expr, SegValue *out)
{
	seg_value_missing(out);
	for (int i = 0; i < expr->nargs && out->tag == SEG_V_MISSING; i++)
		*out = *eval(e, expr->args[i]);
	if (out->tag == SEG_V_WHOLE_DAY)
		out->tag = SEG_V_DAY;
	if (out->tag == SEG_V_DAY && expr->type.type == SEG_T_MOMENT)
	{
		out->tag = SEG_V_MOMENT;
		if (!seg_clock_day_start(&e->clock, (DateADT) out->v.i, &out->v.i))
			seg_value_missing(out);
	}
}

static void
compute(SegEval *e, const SegExpr *expr, SegValue *out)
{
	switch (expr->op)
	{
		case SEG_X_CONST:
			*out = expr->constant;
			break;
		case SEG_X_CLOCK:
			seg_value_from_literal(out, expr->node, &e->clock);
			break;
		case SEG_X_COLUMN:
			e->reader.column(e->reader.arg, list_nth(e->program->relations, expr->relation),
							 e->scopes[expr->scope].row, expr->column, out);
			if (out->tag == SEG_V_ABSENT)
			{
				seg_value_missing(out);
				if (expr->nargs > 0)
					*out = *eval(e, expr->args[0]);
			}
			break;
		case SEG_X_ARITH:
			seg_value_arith(out, expr->detail, eval(e, expr->args[0]), eval(e, expr->args[1]), &e->clock);
			break;
		case SEG_X_NEGATE:
			seg_value_negate(out, eval(e, expr->args[0]));
			break;
		case SEG_X_FUNCTION:
			if (expr->detail == SEG_FUNC_COALESCE)
				coalesce(e, expr, out);
			else
				seg_value_function(out, expr->detail, eval(e, expr->args[0]), &expr->args[0]->type, &e->clock);
			break;
		case SEG_X_AGGREGATE:
			*out = *seg_fold_value(e, expr->fold, expr->item);
			break;
		default:
			{
				bool		holds = condition(e, expr);

				out->tag = SEG_V_BOOL;
				out->v.b = holds;
			}
	}
}
