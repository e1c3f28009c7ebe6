/*
 * bind_condition.c
 *		Conditions: what is compared must go together.
 *
 * BETWEEN becomes two comparisons; everything else keeps its shape.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "bind.h"

/* An expression for a message: what the rule calls it, and of what type it is. */
static const char *
describe(SegBinder *b, const SegExpr *expr)
{
	const SegRelation *relation;
	const SegColumn *column;

	if (expr->op != SEG_X_COLUMN)
		return seg_bind_type_name(&expr->type);
	relation = list_nth(b->program->relations, expr->relation);
	column = list_nth(relation->columns, expr->column);
	if (column->name == NULL || column->npath > 0 || column->kind == SEG_COLUMN_EXPRESSION)
		return seg_bind_type_name(&expr->type);
	return psprintf("\"%s\" (%s)", column->name, seg_bind_type_name(&expr->type));
}

static void
mismatch(SegBinder *b, const SegNode *node, const SegExpr *left, const SegExpr *right)
{
	bool		list = left->type.type == SEG_T_LIST || right->type.type == SEG_T_LIST;

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s cannot be compared with %s", describe(b, left), describe(b, right)),
			 b->population ? errdetail("The rule is about population \"%s\".", b->population->name) : 0,
			 list ? errhint("Ask a list what it holds with HAS, as in: tags has 'VIP'.") : 0,
			 seg_rule_errposition(b->rule, node)));
}

/* The collation of a comparison, by PostgreSQL's rule: one that is not the default prevails. */
static Oid
common_collation(SegBinder *b, const SegTypeInfo *left, const SegTypeInfo *right, const SegNode *node)
{
	Oid			x = left->type == SEG_T_TEXT || left->type == SEG_T_LIST || left->type == SEG_T_OTHER ? left->collation : InvalidOid;
	Oid			y = right->type == SEG_T_TEXT || right->type == SEG_T_LIST || right->type == SEG_T_OTHER ? right->collation : InvalidOid;

	if (!OidIsValid(x) || x == DEFAULT_COLLATION_OID)
		return OidIsValid(y) ? y : OidIsValid(x) ? x : DEFAULT_COLLATION_OID;
	if (OidIsValid(y) && y != DEFAULT_COLLATION_OID && x != y)
		ereport(ERROR,
				(errcode(ERRCODE_COLLATION_MISMATCH),
				 errmsg("texts of collations \"%s\" and \"%s\" cannot be compared",
						get_collation_name(x), get_collation_name(y)),
				 seg_rule_errposition(b->rule, node)));
	return x;
}

/* How values of a type compare; by bytes where equality allows it. */
void
seg_compare_how(SegCompareHow *how, const SegTypeInfo *type, bool equality)
{
	memset(how, 0, sizeof(*how));
	how->other = type->other;
	how->collation = type->type == SEG_T_JSON ? DEFAULT_COLLATION_OID : type->collation;
	if (equality && type->type != SEG_T_OTHER && OidIsValid(how->collation) &&
		get_collation_isdeterministic(how->collation))
		how->collation = InvalidOid;
}

static bool
comparable(const SegTypeInfo *left, const SegTypeInfo *right)
{
	SegType		x = left->type;
	SegType		y = right->type;

	if (x == SEG_T_LIST || y == SEG_T_LIST || x == SEG_T_OPAQUE || y == SEG_T_OPAQUE)
		return false;
	if (x == SEG_T_JSON || y == SEG_T_JSON)
		return x != SEG_T_OTHER && y != SEG_T_OTHER;
	if (x == SEG_T_OTHER || y == SEG_T_OTHER)
		return x == y && left->other->typid == right->other->typid;
	return x == y ||
		(seg_type_is_number(left) && seg_type_is_number(right)) ||
		(seg_type_is_time(left) && seg_type_is_time(right));
}

/*
 * Makes two sides comparable, and says how they compare.  Used for one pair of a
 * comparison, of IN and of HAS, where left is the list's element.
 */
static void
agree(SegBinder *b, SegExpr **left, SegExpr **right, SegCompareHow *how, bool equality, const SegNode *node)
{
	SegTypeInfo type;

	*left = seg_bind_as(b, *left, &(*right)->type, node);
	*right = seg_bind_as(b, *right, &(*left)->type, node);
	if (!comparable(&(*left)->type, &(*right)->type))
		mismatch(b, node, *left, *right);
	if (seg_type_is_citext(&(*left)->type) || seg_type_is_citext(&(*right)->type))
	{
		*left = seg_bind_fold_case(b, *left);
		*right = seg_bind_fold_case(b, *right);
	}
	type = (*left)->type.type == SEG_T_JSON ? (*right)->type : (*left)->type;
	if (type.type == SEG_T_TEXT || type.type == SEG_T_OTHER)
		type.collation = common_collation(b, &(*left)->type, &(*right)->type, node);
	seg_compare_how(how, &type, equality);
}

SegExpr *
seg_bind_compare(SegBinder *b, SegCompare compare, SegExpr *left, SegExpr *right, const SegNode *node)
{
	SegExpr		expr = {.op = SEG_X_COMPARE,.detail = compare,.type.type = SEG_T_BOOL};
	SegExpr    *args[2];

	agree(b, &left, &right, &expr.how, compare == SEG_EQ, node);
	/* what is the same for all members stands on the right */
	if (left->reads == 0 && right->reads != 0)
	{
		SegExpr    *swap = left;

		left = right;
		right = swap;
		expr.detail = seg_compare_mirrored(compare);
	}
	args[0] = left;
	args[1] = right;
	expr.nargs = 2;
	expr.args = args;
	return seg_expr_make(b, &expr);
}

static SegExpr *
bind_between(SegBinder *b, const SegNode *node)
{
	SegExpr    *x = seg_bind_value(b, seg_node_child(node, 0));
	SegExpr    *low = seg_bind_value(b, seg_node_child(node, 1));
	SegExpr    *high = seg_bind_value(b, seg_node_child(node, 2));

	return seg_expr_and(b, seg_bind_compare(b, SEG_GE, x, low, node),
						seg_bind_compare(b, SEG_LE, x, high, node));
}

/* IN, HAS ANY, HAS ALL: a value or a list, and elements. */
static SegExpr *
bind_elements(SegBinder *b, const SegNode *node, SegExprOp op)
{
	SegExpr		expr = {.op = op,.type.type = SEG_T_BOOL};
	SegExpr   **args = palloc(sizeof(SegExpr *) * node->nchild);
	SegExpr    *first = seg_bind_value(b, seg_node_child(node, 0));
	SegExpr		element = *first;
	SegExpr    *left = first;

	if (op != SEG_X_IN)
	{
		if (first->type.type != SEG_T_LIST && first->type.type != SEG_T_JSON)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("HAS asks a list, and this is %s", seg_bind_type_name(&first->type)),
					 first->type.type == SEG_T_TEXT ? errhint("For a part of a text, use CONTAINS.") : 0,
					 seg_rule_errposition(b->rule, node)));
		if (first->type.type == SEG_T_LIST)
		{
			/* stands for one element while types are compared */
			element.type.type = first->type.elem;
			element.type.typid = first->type.elem_typid;
			element.op = SEG_X_COLUMN;
			left = &element;
		}
	}
	args[0] = first;
	for (uint32 i = 1; i < node->nchild; i++)
	{
		CHECK_FOR_INTERRUPTS();
		args[i] = seg_bind_value(b, seg_node_child(node, i));
		if (left == &element && seg_type_is_citext(&element.type))
		{
			args[0] = seg_bind_fold_case(b, first);
			args[i] = seg_bind_fold_case(b, args[i]);
			seg_compare_how(&expr.how, &args[0]->type, true);
			continue;
		}
		agree(b, &left, &args[i], &expr.how, true, seg_node_child(node, i));
		if (left != &element)
			args[0] = left;
	}
	expr.nargs = node->nchild;
	expr.args = args;
	return seg_expr_make(b, &expr);
}

/* Text predicates. */

static const char *
predicate_name(const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_LIKE:
			return "LIKE";
		case SEG_NODE_ILIKE:
			return "ILIKE";
		case SEG_NODE_MATCHES:
			return "MATCHES";
		case SEG_NODE_STARTS:
			return "STARTS WITH";
		case SEG_NODE_ENDS:
			return "ENDS WITH";
		case SEG_NODE_CONTAINS:
			return "CONTAINS";
		case SEG_NODE_WITHIN:
			return "WITHIN";
		case SEG_NODE_DURING:
			return "DURING";
		default:
			return "IS EMPTY";
	}
}

static void
require_text(SegBinder *b, const SegNode *node, const SegExpr *expr)
{
	if (expr->type.type == SEG_T_TEXT || expr->type.type == SEG_T_JSON)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s needs text, and this is %s", predicate_name(node), seg_bind_type_name(&expr->type)),
			 expr->type.type == SEG_T_LIST ? errhint("Ask a list what it holds with HAS, as in: tags has 'VIP'.") : 0,
			 seg_rule_errposition(b->rule, node)));
}

/* A regular expression that PostgreSQL refuses is refused now: data would decide when. */
static void
check_regexp(const SegExpr *pattern, Oid collation, bool fold)
{
	SegValue	probe;

	seg_value_text(&probe, "x", 1);
	(void) seg_value_like(&probe, &pattern->constant, SEG_NODE_MATCHES, collation, fold);
}

static SegExpr *
bind_text_predicate(SegBinder *b, const SegNode *node, SegExprOp op)
{
	SegExpr		expr = {.op = op,.type.type = SEG_T_BOOL};
	SegExpr    *args[2];
	bool		fold;

	args[0] = seg_bind_value(b, seg_node_child(node, 0));
	args[1] = seg_bind_value(b, seg_node_child(node, 1));
	require_text(b, node, args[0]);
	require_text(b, seg_node_child(node, 1), args[1]);
	expr.how.collation = args[0]->type.type == SEG_T_JSON ? DEFAULT_COLLATION_OID : args[0]->type.collation;
	expr.how.other = args[0]->type.other;
	fold = seg_type_is_citext(&args[0]->type);
	if (op == SEG_X_MATCHES)
		check_regexp(args[1], expr.how.collation, fold);
	else if (fold && op != SEG_X_LIKE && op != SEG_X_ILIKE)
	{
		args[0] = seg_bind_fold_case(b, args[0]);
		args[1] = seg_bind_fold_case(b, args[1]);
	}
	expr.nargs = 2;
	expr.args = args;
	return seg_expr_make(b, &expr);
}

static SegExpr *
bind_test(SegBinder *b, const SegNode *node)
{
	SegExpr    *arg = seg_bind_value(b, seg_node_child(node, 0));

	if (node->kind == SEG_NODE_IS_NULL)
		return seg_expr_op(b, SEG_X_IS_NULL, 0, 1, &arg);
	if (arg->type.type != SEG_T_TEXT && arg->type.type != SEG_T_LIST && arg->type.type != SEG_T_JSON)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("IS EMPTY asks a list or a text, and this is %s", seg_bind_type_name(&arg->type)),
				 errhint("For a missing value, use IS NULL."),
				 seg_rule_errposition(b->rule, node)));
	return seg_expr_op(b, SEG_X_IS_EMPTY, 0, 1, &arg);
}

/* WITHIN and DURING, of a moment or of its anniversaries. */
static SegExpr *
bind_span(SegBinder *b, const SegNode *node)
{
	const SegNode *value = seg_node_child(node, 0);
	bool		anniversary = value->kind == SEG_NODE_ANNIVERSARY;
	SegExpr    *arg = seg_bind_value(b, anniversary ? seg_node_child(value, 0) : value);
	SegExprOp	op;

	if (!seg_type_is_time(&arg->type) && arg->type.type != SEG_T_JSON)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s needs a day or a moment, and this is %s", predicate_name(node), seg_bind_type_name(&arg->type)),
				 arg->type.type == SEG_T_BOOL && b->nscopes > 1 ?
				 errhint("The window stands before WHERE: exists(orders within last 30 days where paid).") : 0,
				 seg_rule_errposition(b->rule, node)));
	if (node->kind == SEG_NODE_WITHIN)
		op = anniversary ? SEG_X_ANNIVERSARY_WITHIN : SEG_X_WITHIN;
	else
		op = anniversary ? SEG_X_ANNIVERSARY_DURING : SEG_X_DURING;
	return seg_expr_with_node(b, op, node->kind == SEG_NODE_WITHIN ? node->op : 0, arg, seg_node_child(node, 1));
}

static SegExpr *
bind_gate(SegBinder *b, const SegNode *node, SegExprOp op)
{
	SegExpr   **args = palloc(sizeof(SegExpr *) * node->nchild);

	for (uint32 i = 0; i < node->nchild; i++)
		args[i] = seg_bind_condition(b, seg_node_child(node, i));
	return seg_expr_op(b, op, 0, node->nchild, args);
}

/* x != y is true where x is missing; that surprises those who come from SQL. */
static void
notice_missing(SegBinder *b, const SegNode *node)
{
	const SegNode *child = seg_node_child(node, 0);
	SegExpr    *expr;
	SegRelation *relation;
	SegColumn  *column;
	HeapTuple	tuple;

	if (b->schema != SEG_SCHEMA_POPULATION || child->kind != SEG_NODE_COMPARE || child->op != SEG_EQ)
		return;
	expr = seg_bind_value(b, seg_node_child(child, 0));
	if (expr->op != SEG_X_COLUMN || expr->relation != 0)
		return;
	relation = list_nth(b->program->relations, 0);
	column = list_nth(relation->columns, expr->column);
	if (column->kind != SEG_COLUMN_ATTRIBUTE || column->nlookups > 0)
		return;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(b->population->relid),
							Int16GetDatum(column->attnum), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple))
		return;
	if (((Form_pg_statistic) GETSTRUCT(tuple))->stanullfrac > 0)
		seg_bind_notice(b, psprintf("\"%s\" has missing values: != holds for those members too", column->name));
	ReleaseSysCache(tuple);
}

static SegExpr *
bind_truth(SegBinder *b, const SegNode *node)
{
	SegExpr    *arg = seg_bind_value(b, node);

	if (arg->type.type != SEG_T_BOOL && arg->type.type != SEG_T_JSON)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a condition is wanted, and this is %s", seg_bind_type_name(&arg->type)),
				 errhint("Compare it with something, as in: country = 'DE'."),
				 seg_rule_errposition(b->rule, node)));
	return seg_expr_op(b, SEG_X_TRUTH, 0, 1, &arg);
}

SegExpr *
seg_bind_condition(SegBinder *b, const SegNode *node)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_AND:
			return bind_gate(b, node, SEG_X_AND);
		case SEG_NODE_OR:
			return bind_gate(b, node, SEG_X_OR);
		case SEG_NODE_NOT:
			notice_missing(b, node);
			return seg_expr_not(b, seg_bind_condition(b, seg_node_child(node, 0)));
		case SEG_NODE_COMPARE:
			{
				SegExpr    *left = seg_bind_value(b, seg_node_child(node, 0));
				SegExpr    *right = seg_bind_value(b, seg_node_child(node, 1));

				return seg_bind_compare(b, node->op, left, right, node);
			}
		case SEG_NODE_BETWEEN:
			return bind_between(b, node);
		case SEG_NODE_IN:
			return bind_elements(b, node, SEG_X_IN);
		case SEG_NODE_LIKE:
			return bind_text_predicate(b, node, SEG_X_LIKE);
		case SEG_NODE_ILIKE:
			return bind_text_predicate(b, node, SEG_X_ILIKE);
		case SEG_NODE_MATCHES:
			return bind_text_predicate(b, node, SEG_X_MATCHES);
		case SEG_NODE_STARTS:
			return bind_text_predicate(b, node, SEG_X_STARTS);
		case SEG_NODE_ENDS:
			return bind_text_predicate(b, node, SEG_X_ENDS);
		case SEG_NODE_CONTAINS:
			return bind_text_predicate(b, node, SEG_X_CONTAINS);
		case SEG_NODE_HAS_ANY:
			return bind_elements(b, node, SEG_X_HAS_ANY);
		case SEG_NODE_HAS_ALL:
			return bind_elements(b, node, SEG_X_HAS_ALL);
		case SEG_NODE_IS_NULL:
		case SEG_NODE_IS_EMPTY:
			return bind_test(b, node);
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			return bind_span(b, node);
		case SEG_NODE_EXISTS:
			return seg_bind_exists(b, node);
		case SEG_NODE_EVERY:
			return seg_bind_every(b, node);
		case SEG_NODE_IN_SEGMENT:
			return seg_bind_segment(b, node);
		case SEG_NODE_JOINED_SEGMENT:
			seg_bind_unsupported(b, node, "JOINED SEGMENT");
		case SEG_NODE_LEFT_SEGMENT:
			seg_bind_unsupported(b, node, "LEFT SEGMENT");
		case SEG_NODE_TAGGED:
			seg_bind_unsupported(b, node, "TAGGED");
		case SEG_NODE_BOOL:
			return seg_expr_bool(b, node->op != 0);
		default:
			return bind_truth(b, node);
	}
}
