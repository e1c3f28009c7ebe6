/*
 * ruleset_reads.c
 *		Which rules read what: so that a changed row is no concern of the others.
 *
 * A rule reads the columns in its expressions, and those that lead from a row to its member and
 * to its lookups.  Rows that come or go concern every rule that walks the rows of their source,
 * or of a source below it, and every rule that looks something up behind them.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"

#include "ruleset.h"

typedef struct Walk
{
	SegRuleset *ruleset;
	const SegPopulation *population;
	const SegProgram *program;
	int			rule;
	int		   *seen;			/* by expression: the last rule in which it was met */
	int		   *first_items;	/* by fold */
} Walk;

static void walk_expr(Walk *w, const SegExpr *expr);

static void
reads_relation(Walk *w, int relation)
{
	Bitmapset **readers = &w->ruleset->readers[relation];

	if (w->program == w->ruleset->program)
		*readers = bms_add_member(*readers, w->rule);
}

static void
reads_rows(Walk *w, int object)
{
	SegReads   *reads = &w->ruleset->reads[object];

	reads->rules = bms_add_member(reads->rules, w->rule);
}

static void
reads_column(Walk *w, int object, const char *name)
{
	SegReads   *reads = &w->ruleset->reads[object];
	SegReadColumn *column = NULL;
	ListCell   *lc;

	if (name == NULL)
		return;
	foreach(lc, reads->columns)
		if (strcmp(((SegReadColumn *) lfirst(lc))->name, name) == 0)
			column = lfirst(lc);
	if (column == NULL)
	{
		column = palloc0(sizeof(SegReadColumn));
		column->name = name;
		reads->columns = lappend(reads->columns, column);
	}
	column->rules = bms_add_member(column->rules, w->rule);
}

/* A source, and what its rows hang on. */
static void
reads_source(Walk *w, int source)
{
	for (; source >= 0; source = w->population->sources[source].parent)
	{
		const SegSource *s = &w->population->sources[source];

		reads_rows(w, seg_object_of_source(source));
		reads_column(w, seg_object_of_source(source), s->key);
		if (s->parent >= 0)
			reads_column(w, seg_object_of_source(s->parent), s->parent_key);
	}
}

static void
walk_column(Walk *w, const SegRelation *relation, const SegColumn *column)
{
	int			object = relation->source < 0 ? 0 : seg_object_of_source(relation->source);

	if (column->kind == SEG_COLUMN_EXPRESSION)
	{
		w->ruleset->reads[0].whole = bms_add_member(w->ruleset->reads[0].whole, w->rule);
		return;
	}
	if (column->kind == SEG_COLUMN_MOMENT)
		object = seg_object_of_source(column->source);
	for (int i = 0; i < column->nlookups; i++)
	{
		const SegLookup *lookup = &w->population->lookups[column->lookups[i]];

		reads_column(w, object, lookup->key);
		object = seg_object_of_lookup(w->population, column->lookups[i]);
		reads_rows(w, object);
		reads_column(w, object, lookup->references);
	}
	reads_column(w, object, column->name);
}

static void
walk_fold(Walk *w, const SegFold *fold)
{
	const SegRelation *relation = list_nth(w->program->relations, fold->relation);
	ListCell   *lc;

	reads_relation(w, fold->relation);
	reads_source(w, relation->source);
	if (fold->filter != NULL)
		walk_expr(w, fold->filter);
	foreach(lc, fold->items)
	{
		const SegFoldItem *item = lfirst(lc);

		if (item->window != NULL)
			walk_expr(w, item->window);
		if (item->where != NULL)
			walk_expr(w, item->where);
		if (item->measure != NULL)
			walk_expr(w, item->measure);
	}
}

static void
walk_expr(Walk *w, const SegExpr *expr)
{
	check_stack_depth();
	if (w->seen[expr->id] == w->rule)
		return;
	w->seen[expr->id] = w->rule;
	if (expr->op == SEG_X_COLUMN)
	{
		const SegRelation *relation = list_nth(w->program->relations, expr->relation);

		reads_relation(w, expr->relation);
		walk_column(w, relation, list_nth(relation->columns, expr->column));
	}
	else if (expr->op == SEG_X_AGGREGATE)
	{
		/* of those that are evaluated */
		if (w->program == w->ruleset->program)
			w->ruleset->items[w->rule] = lappend_int(w->ruleset->items[w->rule], w->first_items[expr->fold] + expr->item);
		walk_fold(w, list_nth(w->program->folds, expr->fold));
	}
	for (int i = 0; i < expr->nargs; i++)
		walk_expr(w, expr->args[i]);
}

/* The rules of a program, which are those of the ruleset from one on. */
static void
walk_rules(SegRuleset *r, const SegProgram *program, int first)
{
	Size		size = sizeof(int) * (list_length(program->exprs) + 1);
	Walk		w = {.ruleset = r,.population = r->population,.program = program,
	.seen = palloc_extended(size, MCXT_ALLOC_HUGE),.first_items = seg_first_items(program)};

	memset(w.seen, 0xff, size);
	for (int i = 0; i < program->nrules; i++)
	{
		CHECK_FOR_INTERRUPTS();
		w.rule = first + i;
		reads_relation(&w, 0);
		/* whoever comes or goes enters or leaves everything */
		reads_rows(&w, 0);
		reads_column(&w, 0, r->population->key);
		walk_expr(&w, program->rules[i]);
	}
	pfree(w.seen);
	pfree(w.first_items);
}

void
seg_ruleset_find_reads(SegRuleset *r)
{
	const SegPopulation *p = r->population;

	r->reads = palloc0(sizeof(SegReads) * seg_object_count(p));
	r->readers = palloc0(sizeof(Bitmapset *) * list_length(r->program->relations));
	r->items = palloc0(sizeof(List *) * Max(r->program->nrules, 1));
	r->reads[0].relid = p->relid;
	for (int i = 0; i < p->nsources; i++)
		r->reads[seg_object_of_source(i)].relid = p->sources[i].relid;
	for (int i = 0; i < p->nlookups; i++)
		r->reads[seg_object_of_lookup(p, i)].relid = p->lookups[i].relid;
	walk_rules(r, r->program, 0);
	if (r->coming != NULL)
		walk_rules(r, r->coming, r->nsegments);
}
