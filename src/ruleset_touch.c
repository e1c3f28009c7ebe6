/*
 * ruleset_touch.c
 *		Which rules a row can turn that came, went or changed, as far as the row itself tells.
 *
 * A rule need not be evaluated, now or later, if it says the same of the row before and after at
 * every moment, whatever all other rows are.  So conditions that read nothing but columns of the
 * row, and no clock, are evaluated for both; everything else is unknown, and may differ if it
 * reads a column that changed.  A row of a source that no aggregate of a rule accepts
 * is as good as not there; nor does it count where only the greatest row can bring a rule across, and
 * it is not that great.  Of windows it is only known where they begin: what they have left behind does not come
 * back, as long as no clock lags by more than it may (now.h).
 *
 * This runs before anybody's rights are looked at and outside of every attempt.  So only what
 * can neither fail nor call a function of the user's counts as known.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "eval_fold.h"
#include "ruleset.h"

/* The row before and after, as indexes. */
enum
{
	BEFORE, AFTER
};

/* What is known of a condition before and after. */
typedef enum Told
{
	STAYS_FALSE, STAYS_TRUE,	/* both times, for good */
	STAYS,						/* whatever it is */
	DIFFERS						/* perhaps */
} Told;

/* An aggregate over the rows of the source. */
typedef struct Counted
{
	const SegFold *fold;
	const SegFoldItem *item;
	int			number;			/* of the item, as seg_eval_want() counts */
	const SegExpr *test;		/* that alone reads it: rows whose own value fails it do not count; or NULL */
	Bitmapset  *rules;
} Counted;

/* What is known of an expression. */
typedef struct About
{
	bool		seen;
	bool		own;			/* the row alone tells its value */
	Bitmapset  *columns;		/* that it reads of the object, SEG_ANY_COLUMN or SEG_TOUCHED_COLUMN() */
} About;

struct SegTouch
{
	const SegProgram *program;
	const SegReads *reads;
	int			relation;
	int		   *columns;		/* by column of the relation: index in reads->columns; -1: the row does not tell it */
	int			moment;			/* the column with the row's own moment, or -1 */
	About	   *about;			/* by expression */
	SegEval    *evals[2];		/* BEFORE, AFTER */
	int			nitems;
	Counted	   *items;
	int			ncounted;		/* so many of them, the first, have counted a row of the statement's */
	const TimestampTz *starts;	/* where windows begin, by number of the item (seg_live_starts) */
	const SegUseColumn *at;		/* of the rows at hand */
	TimestampTz row_moment;		/* of the row of a source at hand */
};

/* Reading the row, which is a slot. */

static void
get_column(void *arg, const SegRelation *relation, const void *row, int column, SegValue *out)
{
	const SegTouch *touch = arg;
	const SegColumn *c = list_nth(relation->columns, column);
	bool		isnull;
	Datum		value = slot_getattr(unconstify(void *, row), touch->at[touch->columns[column]].attnum, &isnull);

	seg_value_from_datum(out, &c->type, value, isnull, seg_eval_clock(touch->evals[BEFORE]));
}

/* What expressions read. */

/* Can its values be looked at without a function of the user's? */
static bool
is_plain_type(const SegTypeInfo *type)
{
	return type->type != SEG_T_JSON && type->type != SEG_T_OPAQUE &&
		(type->other == NULL || !type->other->is_foreign);
}

/* The index of a column in what rules read, or -1. */
static int
find_column(const SegReads *reads, const char *name)
{
	ListCell   *lc;

	foreach(lc, reads->columns)
		if (strcmp(((const SegReadColumn *) lfirst(lc))->name, name) == 0)
			return foreach_current_index(lc);
	return -1;
}

/* The one that is a column's value, or -1. */
static int
own_column(const SegTouch *touch, const SegRelation *relation, const SegColumn *column)
{
	Oid			relid = touch->reads->relid;

	if (column->nlookups > 0 || column->npath > 0 || !is_plain_type(&column->type))
		return -1;
	if (column->kind != SEG_COLUMN_ATTRIBUTE &&
		!(column->kind == SEG_COLUMN_MOMENT && column->source == relation->source))
		return -1;
	if (getBaseType(get_atttype(relid, get_attnum(relid, column->name))) != column->type.typid)
		return -1;
	return find_column(touch->reads, column->name);
}

/* What a column's value depends on. */
static int
read_column(const SegTouch *touch, const SegColumn *column)
{
	int			index;

	if (column->kind == SEG_COLUMN_EXPRESSION)
		return SEG_ANY_COLUMN;
	index = find_column(touch->reads, column->nlookups > 0 ?
						touch->program->population->lookups[column->lookups[0]].key : column->name);
	return index < 0 ? SEG_ANY_COLUMN : SEG_TOUCHED_COLUMN(index);
}

static const About *look(SegTouch *touch, const SegExpr *expr);

static void
look_at(SegTouch *touch, About *about, const SegExpr *expr)
{
	if (expr != NULL)
		about->columns = bms_add_members(about->columns, look(touch, expr)->columns);
}

static void
look_at_aggregate(SegTouch *touch, About *about, const SegExpr *expr)
{
	const SegFold *fold = list_nth(touch->program->folds, expr->fold);
	const SegFoldItem *item = list_nth(fold->items, expr->item);

	look_at(touch, about, fold->filter);
	look_at(touch, about, item->window);
	look_at(touch, about, item->where);
	look_at(touch, about, item->measure);
}

static bool
is_known_op(const SegExpr *expr)
{
	switch (expr->op)
	{
		case SEG_X_CONST:
		case SEG_X_AND:
		case SEG_X_OR:
		case SEG_X_NOT:
		case SEG_X_TRUTH:
		case SEG_X_COMPARE:
		case SEG_X_IN:
		case SEG_X_STARTS:
		case SEG_X_ENDS:
		case SEG_X_CONTAINS:
		case SEG_X_HAS_ANY:
		case SEG_X_HAS_ALL:
		case SEG_X_IS_NULL:
		case SEG_X_IS_EMPTY:
			return true;
		default:
			return false;
	}
}

static const About *
look(SegTouch *touch, const SegExpr *expr)
{
	About	   *about = &touch->about[expr->id];

	check_stack_depth();
	if (about->seen)
		return about;
	about->own = is_known_op(expr) && !expr->moves;
	if (expr->op == SEG_X_COLUMN && expr->relation == touch->relation)
	{
		const SegRelation *relation = list_nth(touch->program->relations, expr->relation);

		about->own = touch->columns[expr->column] >= 0;
		about->columns = bms_make_singleton(read_column(touch, list_nth(relation->columns, expr->column)));
	}
	else if (expr->op == SEG_X_AGGREGATE)
		look_at_aggregate(touch, about, expr);
	for (int i = 0; i < expr->nargs; i++)
	{
		look_at(touch, about, expr->args[i]);
		about->own &= look(touch, expr->args[i])->own;
	}
	about->seen = true;
	return about;
}

/* Which aggregates over the rows of the source a rule has. */

typedef struct Walk
{
	SegTouch   *touch;
	int		   *first_items;	/* by fold */
	int			rule;
	Bitmapset  *exprs;			/* seen already, in this rule */
} Walk;

static void
add_item(SegTouch *touch, const Counted *item, int rule)
{
	Counted	   *found = NULL;

	for (int i = 0; i < touch->nitems && found == NULL; i++)
		if (touch->items[i].number == item->number && touch->items[i].test == item->test)
			found = &touch->items[i];
	if (found == NULL)
	{
		touch->items = touch->items == NULL ? palloc(sizeof(Counted)) :
			repalloc(touch->items, sizeof(Counted) * (touch->nitems + 1));
		found = &touch->items[touch->nitems++];
		*found = *item;
	}
	found->rules = bms_add_member(found->rules, rule);
}

static const SegFoldItem *
item_of(const SegTouch *touch, const SegExpr *aggregate)
{
	const SegFold *fold = list_nth(touch->program->folds, aggregate->fold);

	return list_nth(fold->items, aggregate->item);
}

/*
 * "max(x) > c" holds if it does for one of the rows, and "min(x) < c".  Of what compares in one way
 * only, so that what is less than the greatest cannot be more than c.
 */
static bool
is_test_of_one(const SegTouch *touch, const SegExpr *expr)
{
	const SegFoldItem *item;

	if (expr->op != SEG_X_COMPARE || expr->args[0]->op != SEG_X_AGGREGATE || expr->args[1]->op != SEG_X_CONST)
		return false;
	item = item_of(touch, expr->args[0]);
	if (item->kind == SEG_FOLD_MAX ? expr->detail != SEG_GT && expr->detail != SEG_GE :
		item->kind != SEG_FOLD_MIN || (expr->detail != SEG_LT && expr->detail != SEG_LE))
		return false;
	return item->measure->type.type == SEG_T_INT || item->measure->type.type == SEG_T_NUMERIC ||
		seg_type_is_time(&item->measure->type);
}

static void find_items(Walk *w, const SegExpr *expr);

static void
find_items_of(Walk *w, const SegExpr *aggregate, const SegExpr *test)
{
	const SegFold *fold = list_nth(w->touch->program->folds, aggregate->fold);
	const SegFoldItem *item = item_of(w->touch, aggregate);
	Counted		counted = {.fold = fold,.item = item,.number = w->first_items[aggregate->fold] + aggregate->item,.test = test};

	if (fold->relation == w->touch->relation)
		add_item(w->touch, &counted, w->rule);
	find_items(w, fold->filter);
	find_items(w, item->window);
	find_items(w, item->where);
	find_items(w, item->measure);
}

static void
find_items(Walk *w, const SegExpr *expr)
{
	check_stack_depth();
	if (expr == NULL || bms_is_member(expr->id, w->exprs))
		return;
	w->exprs = bms_add_member(w->exprs, expr->id);
	if (is_test_of_one(w->touch, expr))
	{
		find_items_of(w, expr->args[0], expr);
		return;
	}
	if (expr->op == SEG_X_AGGREGATE)
		find_items_of(w, expr, NULL);
	for (int i = 0; i < expr->nargs; i++)
		find_items(w, expr->args[i]);
}

/* Making it. */

static int
relation_of(const SegProgram *program, int object)
{
	ListCell   *lc;

	foreach(lc, program->relations)
		if (((const SegRelation *) lfirst(lc))->source == object - 1)
			return foreach_current_index(lc);
	return -1;
}

static void
find_columns(SegTouch *touch, const SegRelation *relation)
{
	ListCell   *lc;

	touch->moment = -1;
	touch->columns = palloc(sizeof(int) * Max(list_length(relation->columns), 1));
	foreach(lc, relation->columns)
	{
		const SegColumn *column = lfirst(lc);
		int			i = foreach_current_index(lc);

		touch->columns[i] = own_column(touch, relation, column);
		if (column->kind == SEG_COLUMN_MOMENT && touch->columns[i] >= 0)
			touch->moment = i;
	}
}

static SegTouch *
make(const SegRuleset *ruleset, int object, int relationno)
{
	const SegProgram *program = ruleset->program;
	SegTouch   *touch = palloc0(sizeof(SegTouch));
	SegReader	reader = {.arg = touch,.column = get_column};
	int		   *first_items = seg_first_items(program);

	touch->program = program;
	touch->reads = &ruleset->reads[object];
	touch->relation = relationno;
	find_columns(touch, list_nth(program->relations, relationno));
	touch->about = palloc0(sizeof(About) * Max(list_length(program->exprs), 1));
	for (int i = 0; i < program->nrules; i++)
	{
		Walk		w = {.touch = touch,.first_items = first_items,.rule = i};

		(void) look(touch, program->rules[i]);
		if (object > 0)
			find_items(&w, program->rules[i]);
		bms_free(w.exprs);
	}
	pfree(first_items);
	for (int i = 0; i < (int) lengthof(touch->evals); i++)
		touch->evals[i] = seg_eval_begin(program, &reader, 0);
	return touch;
}

SegTouch *
seg_touch_begin(SegRuleset *ruleset, int object, TimestampTz now)
{
	SegReads   *reads = &ruleset->reads[object];
	int			relation = relation_of(ruleset->program, object);
	MemoryContext caller;

	Assert(object < seg_object_of_lookup(ruleset->population, 0));
	if (reads->touch == NULL && relation >= 0)
	{
		caller = MemoryContextSwitchTo(ruleset->context);
		reads->touch = make(ruleset, object, relation);
		MemoryContextSwitchTo(caller);
	}
	if (reads->touch != NULL)
	{
		reads->touch->ncounted = 0;
		if (reads->touch->moment >= 0)
			reads->touch->starts = seg_live_starts(ruleset->live, now);
	}
	return reads->touch;
}

/* Members' own rows. */

static bool
changes(const SegTouch *touch, const SegExpr *expr, const Bitmapset *changed)
{
	return bms_overlap(touch->about[expr->id].columns, changed);
}

static Told tell(SegTouch *touch, const SegExpr *expr, const Bitmapset *changed);

/* A condition that the row alone tells.  What is compared with a constant is not worth remembering. */
static bool
holds(SegEval *e, const SegExpr *expr)
{
	bool		decisive = expr->op == SEG_X_OR;

	check_stack_depth();
	if (expr->op == SEG_X_COMPARE && expr->args[1]->op == SEG_X_CONST)
		return seg_eval_compare(e, expr, seg_eval_value(e, expr->args[0]), &expr->args[1]->constant);
	if (expr->op != SEG_X_AND && expr->op != SEG_X_OR)
		return seg_eval_condition(e, expr);
	for (int i = 0; i < expr->nargs; i++)
		if (holds(e, expr->args[i]) == decisive)
			return decisive;
	return !decisive;
}

/*
 * What a gate's arguments say together that changed columns have a say in.  They come first: for
 * most rows nothing of that differs, and then the rest does not matter.
 */
static Told
tell_changed(SegTouch *touch, const SegExpr *gate, const Bitmapset *changed, Told decisive)
{
	bool		neutral = decisive == STAYS_FALSE;
	bool		before = neutral;
	bool		after = neutral;
	bool		differs = false;

	for (int i = 0; i < gate->nargs; i++)
	{
		const SegExpr *arg = gate->args[i];
		Told		told;

		if (!changes(touch, arg, changed))
			continue;
		if (touch->about[arg->id].own)
		{
			if (before == neutral)
				before = holds(touch->evals[BEFORE], arg);
			if (after == neutral)
				after = holds(touch->evals[AFTER], arg);
			if (before != neutral && after != neutral)
				return decisive;
			continue;
		}
		told = tell(touch, arg, changed);
		if (told == decisive)
			return decisive;
		differs |= told == DIFFERS;
	}
	return differs || before != after ? DIFFERS : STAYS;
}

static Told
tell_gate(SegTouch *touch, const SegExpr *expr, const Bitmapset *changed)
{
	Told		decisive = expr->op == SEG_X_AND ? STAYS_FALSE : STAYS_TRUE;
	Told		told = tell_changed(touch, expr, changed, decisive);

	for (int i = 0; told == DIFFERS && i < expr->nargs; i++)
		if (!changes(touch, expr->args[i], changed) && tell(touch, expr->args[i], changed) == decisive)
			return decisive;
	return told;
}

static Told
tell(SegTouch *touch, const SegExpr *expr, const Bitmapset *changed)
{
	Told		told;
	bool		after;

	check_stack_depth();
	if (!changes(touch, expr, changed))
	{
		if (!touch->about[expr->id].own)
			return STAYS;
		return holds(touch->evals[AFTER], expr) ? STAYS_TRUE : STAYS_FALSE;
	}
	if (expr->op == SEG_X_AND || expr->op == SEG_X_OR)
		return tell_gate(touch, expr, changed);
	if (expr->op == SEG_X_NOT)
	{
		told = tell(touch, expr->args[0], changed);
		return told == STAYS_TRUE ? STAYS_FALSE : told == STAYS_FALSE ? STAYS_TRUE : told;
	}
	if (!touch->about[expr->id].own)
		return DIFFERS;
	after = holds(touch->evals[AFTER], expr);
	if (holds(touch->evals[BEFORE], expr) != after)
		return DIFFERS;
	return after ? STAYS_TRUE : STAYS_FALSE;
}

Bitmapset *
seg_touch_member(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *before, TupleTableSlot *after,
				 const Bitmapset *changed, Bitmapset *rules)
{
	touch->at = columns;
	seg_eval_member(touch->evals[BEFORE], before);
	seg_eval_member(touch->evals[AFTER], after);
	for (int i = -1; (i = bms_next_member(rules, i)) >= 0;)
		if (tell(touch, touch->program->rules[i], changed) != DIFFERS)
			rules = bms_del_member(rules, i);
	return rules;
}

/* Rows of a source. */

/* The row that is to be asked about next. */
static void
turn_to(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *row)
{
	SegEval    *e = touch->evals[AFTER];
	SegValue	value;

	touch->at = columns;
	/* one that is not known may lie anywhere */
	touch->row_moment = DT_NOEND;
	if (touch->moment < 0)
		return;
	get_column(touch, list_nth(touch->program->relations, touch->relation), row, touch->moment, &value);
	/* without a moment it is in no window, but with one that is out of the calendar */
	if (value.tag == SEG_V_MISSING)
		touch->row_moment = DT_NOBEGIN;
	else
		(void) seg_value_moment(&value, seg_eval_clock(e), &touch->row_moment);
}

/* Have the windows of an aggregate left the row at hand behind for good? */
static bool
is_behind(const SegTouch *touch, const Counted *item)
{
	return touch->starts != NULL && touch->row_moment < touch->starts[item->number];
}

/* Can the row's own value pass a test of the greatest or the least? */
static bool
can_pass(SegTouch *touch, const Counted *item)
{
	const SegExpr *measure = item->item->measure;

	if (item->test == NULL || !touch->about[measure->id].own || (measure->reads & ~(1U << item->fold->scope)) != 0)
		return true;
	return seg_eval_compare(touch->evals[AFTER], item->test, seg_eval_value(touch->evals[AFTER], measure),
							&item->test->args[1]->constant);
}

/* Can a condition hold for the row at hand, of the fold, at some moment and together with some other rows? */
static bool
can_hold(SegTouch *touch, const SegFold *fold, const SegExpr *expr, bool wanted)
{
	check_stack_depth();
	/* a row around this one may be of the same source, and is not at hand */
	if (touch->about[expr->id].own && (expr->reads & ~(1U << fold->scope)) == 0)
		return holds(touch->evals[AFTER], expr) == wanted;
	if (expr->op == SEG_X_NOT)
		return can_hold(touch, fold, expr->args[0], !wanted);
	if (expr->op != (wanted ? SEG_X_AND : SEG_X_OR))
		return true;
	for (int i = 0; i < expr->nargs; i++)
		if (!can_hold(touch, fold, expr->args[i], wanted))
			return false;
	return true;
}

/* Can an aggregate count the row at hand, at some moment from now on?  scopes: in which the row stands already. */
static bool
counts(SegTouch *touch, const Counted *item, TupleTableSlot *row, uint32 *scopes)
{
	int			scope = item->fold->scope;

	if (is_behind(touch, item))
		return false;
	if ((*scopes & (1U << scope)) == 0)
		seg_eval_row(touch->evals[AFTER], scope, row);
	*scopes |= 1U << scope;
	return (item->fold->filter == NULL || can_hold(touch, item->fold, item->fold->filter, true)) &&
		(item->item->where == NULL || can_hold(touch, item->fold, item->item->where, true)) &&
		can_pass(touch, item);
}

Bitmapset *
seg_touch_row(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *row, Bitmapset *rules)
{
	uint32		scopes = 0;

	turn_to(touch, columns, row);
	for (int i = 0; i < touch->nitems; i++)
		if (!bms_is_subset(touch->items[i].rules, rules) && counts(touch, &touch->items[i], row, &scopes))
			rules = bms_add_members(rules, touch->items[i].rules);
	return rules;
}

bool
seg_touch_has_all(const SegTouch *touch)
{
	return touch->ncounted == touch->nitems;
}

static void
swap_items(SegTouch *touch, int i, int k)
{
	Counted		item = touch->items[i];

	touch->items[i] = touch->items[k];
	touch->items[k] = item;
}

/* Aggregates that have counted a row stand first.  For further rows it is enough if one of them does. */
bool
seg_touch_one_of_rows(SegTouch *touch, const SegUseColumn *columns, TupleTableSlot *row, Bitmapset **rules)
{
	int			known = touch->ncounted;
	uint32		scopes = 0;

	turn_to(touch, columns, row);
	for (int i = known; i < touch->nitems; i++)
		if (counts(touch, &touch->items[i], row, &scopes))
		{
			*rules = bms_add_members(*rules, touch->items[i].rules);
			swap_items(touch, i, touch->ncounted++);
		}
	if (touch->ncounted > known)
		return true;
	for (int i = 0; i < known; i++)
		if (counts(touch, &touch->items[i], row, &scopes))
		{
			/* so does it for the next one, perhaps */
			if (i > 0)
				swap_items(touch, i, i / 2);
			return true;
		}
	return false;
}
