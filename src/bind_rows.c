/*
 * bind_rows.c
 *		Aggregates and quantifiers: which rows, and what of them.
 *
 * All aggregates over the same rows at the same place share a fold, so that the rows are
 * walked once.  Two folds are the same if they walk the same relation, for the same
 * outer row, in the same scope, and their answers last equally long.
 *
 * EVERY (rows SATISFIES r) is that no row exists for which r does not hold.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "bind.h"

/* The rows of one aggregate while it is bound. */
typedef struct RowsContext
{
	SegFold		fold;			/* without depth and items */
	SegFoldItem item;
} RowsContext;

static const SegNode *
single_step(SegBinder *b, const SegNode *rows)
{
	const SegNode *step = seg_node_child(rows, 0);

	if (rows->nchild > 1)
		seg_bind_unsupported(b, seg_node_child(rows, 1), "FOLLOWED BY");
	return step;
}

/* alias.source: the rows whose parent is the row that the alias names. */
static void
open_child_rows(SegBinder *b, const SegNode *name, SegFold *fold)
{
	const char *child = seg_node_name_part(name, 1);
	int			scope = seg_bind_find_scope(b, seg_node_name_part(name, 0));
	SegRelation *parent;
	const SegSource *source;
	SegColumn  *column;
	int			index;

	if (scope <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" names no row here", seg_node_name_part(name, 0)),
				 errdetail("In front of a source stands the alias of a row around it, as in: exists(orders o where exists(o.lines where ...))."),
				 seg_rule_errposition(b->rule, name)));
	fold->parent_scope = scope;
	fold->parent_relation = b->scopes[scope].relation;
	parent = list_nth(b->program->relations, fold->parent_relation);
	if (b->schema != SEG_SCHEMA_POPULATION)
	{
		fold->relation = seg_bind_relation(b, -1, child);
		fold->parent_column = -1;
		return;
	}
	index = seg_bind_find_source(b, child);
	if (index < 0)
		seg_bind_unknown_source(b, name, child);
	source = &b->population->sources[index];
	if (source->parent != parent->source)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source \"%s\" does not hang on source \"%s\"", source->name, parent->name),
				 seg_rule_errposition(b->rule, name)));
	fold->relation = seg_bind_relation(b, index, source->name);

	column = palloc0(sizeof(SegColumn));
	column->kind = SEG_COLUMN_SELF;
	column->name = source->parent_key;
	seg_bind_column_type(b, b->population->sources[parent->source].relid, source->parent_key, column);
	fold->parent_column = seg_bind_add_column(b, fold->parent_relation, column);
	column = palloc0(sizeof(SegColumn));
	column->kind = SEG_COLUMN_PARENT;
	column->name = source->key;
	seg_bind_column_type(b, source->relid, source->key, column);
	fold->child_column = seg_bind_add_column(b, fold->relation, column);
}

static void
open_rows(SegBinder *b, const SegNode *name, SegFold *fold)
{
	const char *source = seg_node_name_part(name, 0);
	int			index;

	if (name->op > 1)
	{
		open_child_rows(b, name, fold);
		return;
	}
	if (b->schema == SEG_SCHEMA_DOCUMENT)
	{
		fold->relation = seg_bind_relation(b, -1, source);
		return;
	}
	if (b->schema == SEG_SCHEMA_ROW)
	{
		if (!seg_bind_row_array(b, source))
			seg_bind_unknown_source(b, name, source);
		fold->relation = seg_bind_relation(b, -1, source);
		return;
	}
	index = seg_bind_find_source(b, source);
	if (index < 0)
		seg_bind_unknown_source(b, name, source);
	fold->relation = seg_bind_relation(b, index, b->population->sources[index].name);
}

static void
push_scope(SegBinder *b, const SegNode *node, int relation, const char *alias)
{
	if (b->nscopes == SEG_MAX_SCOPES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rows are nested more than %d deep", SEG_MAX_SCOPES - 1),
				 seg_rule_errposition(b->rule, node)));
	b->scopes[b->nscopes].relation = relation;
	b->scopes[b->nscopes].alias = alias;
	b->nscopes++;
	b->program->nscopes = Max(b->program->nscopes, b->nscopes);
}

/* A source's own filter speaks about its rows; it was given with the source. */
static SegExpr *
bind_filter(SegBinder *b, int relation)
{
	int			source = ((SegRelation *) list_nth(b->program->relations, relation))->source;
	const SegRule *rule = b->rule;
	int			visible = b->visible;
	SegExpr    *filter;

	if (source < 0 || b->population->sources[source].filter == NULL)
		return NULL;
	b->rule = b->population->sources[source].filter;
	b->visible = b->nscopes - 1;
	filter = seg_bind_condition(b, seg_rule_root(b->rule));
	b->visible = visible;
	b->rule = rule;
	return filter;
}

static SegExpr *
bind_window(SegBinder *b, const SegNode *window)
{
	int			scope = b->nscopes - 1;
	SegExpr    *moment = seg_bind_moment(b, scope, window);
	const SegNode *first = seg_node_child(window, 0);
	SegExpr    *condition;

	switch ((SegWindow) window->op)
	{
		case SEG_WINDOW_LAST:
		case SEG_WINDOW_NEXT:
			return seg_expr_with_node(b, SEG_X_WITHIN, window->op == SEG_WINDOW_NEXT, moment, first);
		case SEG_WINDOW_DURING:
			return seg_expr_with_node(b, SEG_X_DURING, 0, moment, first);
		case SEG_WINDOW_SINCE:
			condition = seg_bind_compare(b, SEG_GE, moment, seg_bind_value(b, first), window);
			if (window->nchild > 1 && seg_node_child(window, 1) != NULL)
				condition = seg_expr_and(b, condition,
										 seg_bind_compare(b, SEG_LT, moment,
														  seg_bind_value(b, seg_node_child(window, 1)), window));
			return condition;
		case SEG_WINDOW_BEFORE:
			return seg_bind_compare(b, SEG_LT, moment, seg_bind_value(b, first), window);
		case SEG_WINDOW_BETWEEN:
			return seg_expr_and(b, seg_bind_compare(b, SEG_GE, moment, seg_bind_value(b, first), window),
								seg_bind_compare(b, SEG_LE, moment,
												 seg_bind_value(b, seg_node_child(window, 1)), window));
	}
	elog(ERROR, "unknown window %d", window->op);
}

/* Opens the rows' scope and binds what they all share. */
static void
begin_rows(SegBinder *b, RowsContext *context, const SegNode *rows)
{
	const SegNode *step = single_step(b, rows);
	const SegNode *alias = seg_node_child(step, SEG_STEP_ALIAS);
	const SegNode *window = seg_node_child(step, SEG_STEP_WINDOW);
	const SegNode *where = seg_node_child(step, SEG_STEP_WHERE);

	memset(context, 0, sizeof(*context));
	open_rows(b, seg_node_child(step, SEG_STEP_SOURCE), &context->fold);
	push_scope(b, step, context->fold.relation, alias ? seg_node_name_part(alias, 0) : NULL);
	context->fold.scope = b->nscopes - 1;
	context->fold.filter = bind_filter(b, context->fold.relation);
	if (window != NULL)
		context->item.window = bind_window(b, window);
	if (where != NULL)
		context->item.where = seg_bind_condition(b, where);
}

static bool
same_item(const SegFoldItem *a, const SegFoldItem *b)
{
	return a->kind == b->kind && a->window == b->window && a->where == b->where && a->measure == b->measure;
}

static int
add_item(SegFold *fold, const SegFoldItem *item)
{
	ListCell   *lc;
	SegFoldItem *copy;

	foreach(lc, fold->items)
		if (same_item(item, lfirst(lc)))
			return foreach_current_index(lc);
	copy = palloc(sizeof(SegFoldItem));
	*copy = *item;
	fold->items = lappend(fold->items, copy);
	return list_length(fold->items) - 1;
}

static int
find_fold(SegBinder *b, const SegFold *fold)
{
	ListCell   *lc;
	SegFold    *copy;

	foreach(lc, b->program->folds)
	{
		SegFold    *known = lfirst(lc);

		if (known->relation == fold->relation && known->parent_scope == fold->parent_scope &&
			known->parent_relation == fold->parent_relation &&
			known->scope == fold->scope && known->depth == fold->depth)
			return foreach_current_index(lc);
	}
	copy = palloc(sizeof(SegFold));
	*copy = *fold;
	b->program->folds = lappend(b->program->folds, copy);
	return list_length(b->program->folds) - 1;
}

static uint32
reads_of(const SegExpr *expr)
{
	return expr == NULL ? 0 : expr->reads;
}

static bool
moves(const SegExpr *expr)
{
	return expr != NULL && expr->moves;
}

/* Closes the scope and gives the aggregate's value. */
static SegExpr *
end_rows(SegBinder *b, RowsContext *context, const SegTypeInfo *type)
{
	SegFold    *fold = &context->fold;
	SegFoldItem *item = &context->item;
	SegExpr		expr = {.op = SEG_X_AGGREGATE,.type = *type};

	b->nscopes--;
	expr.reads = reads_of(item->window) | reads_of(item->where) | reads_of(item->measure) | reads_of(fold->filter);
	expr.reads &= ~(1U << fold->scope);
	expr.reads |= 1U << fold->parent_scope;
	expr.reads |= 1U;			/* whose rows they are */
	expr.moves = moves(item->window) || moves(item->where) || moves(item->measure) || moves(fold->filter);
	fold->depth = pg_leftmost_one_pos32(expr.reads);
	expr.fold = find_fold(b, fold);
	expr.item = add_item(list_nth(b->program->folds, expr.fold), item);
	return seg_expr_make(b, &expr);
}

static SegExpr *
exists_rows(SegBinder *b, RowsContext *context)
{
	SegTypeInfo type = {.type = SEG_T_BOOL};

	context->item.kind = SEG_FOLD_EXISTS;
	return end_rows(b, context, &type);
}

SegExpr *
seg_bind_exists(SegBinder *b, const SegNode *node)
{
	RowsContext context;

	begin_rows(b, &context, seg_node_child(node, 0));
	return exists_rows(b, &context);
}

SegExpr *
seg_bind_every(SegBinder *b, const SegNode *node)
{
	RowsContext context;
	SegExpr    *fails;

	begin_rows(b, &context, seg_node_child(node, 0));
	fails = seg_expr_not(b, seg_bind_condition(b, seg_node_child(node, 1)));
	context.item.where = context.item.where == NULL ? fails : seg_expr_and(b, context.item.where, fails);
	return seg_expr_not(b, exists_rows(b, &context));
}

static void
not_aggregable(SegBinder *b, const SegNode *node, const SegTypeInfo *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s does not apply to %s", seg_aggregate_name(node->op), seg_bind_type_name(type)),
			 seg_rule_errposition(b->rule, node)));
}

/* What kind of fold an aggregate is, and the type of its value. */
static SegTypeInfo
aggregate_type(SegBinder *b, const SegNode *node, SegFoldItem *item)
{
	SegTypeInfo type = {.type = SEG_T_INT};
	const SegTypeInfo *measure = item->measure ? &item->measure->type : NULL;

	switch ((SegAggregate) node->op)
	{
		case SEG_COUNT:
			item->kind = SEG_FOLD_COUNT;
			return type;
		case SEG_COUNT_DISTINCT:
			item->kind = SEG_FOLD_COUNT_DISTINCT;
			break;
		case SEG_SUM:
		case SEG_AVG:
			item->kind = node->op == SEG_SUM ? SEG_FOLD_SUM : SEG_FOLD_AVG;
			if (!seg_type_is_number(measure) && measure->type != SEG_T_DURATION && measure->type != SEG_T_JSON)
				not_aggregable(b, node, measure);
			type.type = measure->type == SEG_T_INT || measure->type == SEG_T_JSON ? SEG_T_NUMERIC : measure->type;
			return type;
		case SEG_MIN:
		case SEG_MAX:
			item->kind = node->op == SEG_MIN ? SEG_FOLD_MIN : SEG_FOLD_MAX;
			type = *measure;
			break;
		default:
			seg_bind_unsupported(b, node, seg_aggregate_name(node->op));
	}
	if (measure->type == SEG_T_LIST || measure->type == SEG_T_OPAQUE)
		not_aggregable(b, node, measure);
	return type;
}

SegExpr *
seg_bind_aggregate(SegBinder *b, const SegNode *node)
{
	const SegNode *measure = seg_node_child(node, SEG_AGGREGATE_MEASURE);
	RowsContext context;
	SegTypeInfo type;

	/* refused before anything of it is bound */
	if (node->op == SEG_FIRST || node->op == SEG_LAST_VALUE || node->op == SEG_MODE)
		seg_bind_unsupported(b, node, seg_aggregate_name(node->op));
	begin_rows(b, &context, seg_node_child(node, SEG_AGGREGATE_ROWS));
	if (measure != NULL)
	{
		context.item.measure = seg_bind_value(b, measure);
		if (seg_type_is_citext(&context.item.measure->type))
			context.item.measure = seg_bind_fold_case(b, context.item.measure);
	}
	type = aggregate_type(b, node, &context.item);
	if (context.item.measure != NULL)
		seg_compare_how(&context.item.how, &context.item.measure->type,
						context.item.kind == SEG_FOLD_COUNT_DISTINCT);
	return end_rows(b, &context, &type);
}
