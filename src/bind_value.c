/*
 * bind_value.c
 *		Values: literals, arithmetic and functions, and what types go together.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "bind.h"

/* A type's name for a message. */
const char *
seg_bind_type_name(const SegTypeInfo *type)
{
	if (OidIsValid(type->typid))
		return format_type_be(type->typid);
	switch (type->type)
	{
		case SEG_T_BOOL:
			return "boolean";
		case SEG_T_INT:
		case SEG_T_NUMERIC:
		case SEG_T_FLOAT:
			return "a number";
		case SEG_T_TEXT:
			return "text";
		case SEG_T_DAY:
			return "a day";
		case SEG_T_MOMENT:
			return "a moment";
		case SEG_T_DURATION:
			return "a duration";
		case SEG_T_LIST:
			return "a list";
		default:
			return "json";
	}
}

static SegTypeInfo
plain_type(SegType type)
{
	SegTypeInfo info = {.type = type};

	if (type == SEG_T_TEXT)
		info.collation = DEFAULT_COLLATION_OID;
	return info;
}

static void
no_such_type(SegBinder *b, const SegNode *node, const char *what, const SegTypeInfo *type, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s does not apply to %s", what, seg_bind_type_name(type)),
			 hint ? errhint("%s", hint) : 0,
			 seg_rule_errposition(b->rule, node)));
}

/* Literals. */

static SegExpr *
bind_literal(SegBinder *b, const SegNode *node)
{
	SegTypeInfo type;
	SegValue	value;

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
			type = plain_type(SEG_T_TEXT);
			break;
		case SEG_NODE_NUMBER:
			type = plain_type(SEG_T_NUMERIC);
			break;
		case SEG_NODE_BOOL:
			type = plain_type(SEG_T_BOOL);
			break;
		case SEG_NODE_DAY:
			type = plain_type(SEG_T_DAY);
			break;
		case SEG_NODE_MOMENT:
			type = plain_type(SEG_T_MOMENT);
			break;
		default:
			type = plain_type(SEG_T_DURATION);
	}
	seg_value_from_literal(&value, node, &b->clock);
	return seg_expr_const(b, &value, &type, node);
}

static SegExpr *
bind_clock(SegBinder *b, const SegNode *node)
{
	bool		day = (node->kind == SEG_NODE_CLOCK && node->op != SEG_NOW) ||
		(node->kind == SEG_NODE_EDGE && SEG_FLAGS_UNIT(node->flags) >= SEG_DAY);
	SegExpr		expr = {.op = SEG_X_CLOCK,.node = node,.type = plain_type(day ? SEG_T_DAY : SEG_T_MOMENT)};

	return seg_expr_make(b, &expr);
}

/* A text literal for a value of a type that is read by its own input function. */
static SegExpr *
literal_as_other(SegBinder *b, SegExpr *literal, const SegTypeInfo *target)
{
	Oid			input;
	Oid			param;
	SegValue	value = {.tag = SEG_V_OTHER};
	SegTypeInfo type = {.type = SEG_T_OTHER,.typid = target->other->typid,
	.collation = target->collation,.other = target->other};
	char	   *text = pnstrdup(literal->constant.v.s, literal->constant.len);

	getTypeInputInfo(target->other->typid, &input, &param);
	value.v.d = OidInputFunctionCall(input, text, param, -1);
	return seg_expr_const(b, &value, &type, literal->node);
}

/* A text literal where the other side is a day or a moment: a date in quotes. */
static SegExpr *
literal_as_time(SegBinder *b, SegExpr *literal, const SegNode *node)
{
	SegValue	value;
	SegTypeInfo type;

	if (!seg_value_from_iso(&value, &literal->constant, &b->clock))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
				 errmsg("'%s' is no day and no moment", pnstrdup(literal->constant.v.s, literal->constant.len)),
				 errhint("Write a day as 2024-05-30 and a moment as 2024-05-30T16:00."),
				 seg_rule_errposition(b->rule, node)));
	if (value.tag == SEG_V_DAY)
		value.tag = SEG_V_WHOLE_DAY;
	type = plain_type(value.tag == SEG_V_MOMENT ? SEG_T_MOMENT : SEG_T_DAY);
	return seg_expr_const(b, &value, &type, literal->node);
}

/* A number that no float comes near equals none; a plain query refuses it, too. */
static void
check_fits_float(SegBinder *b, const SegExpr *literal, const SegNode *node)
{
	double		size;

	if (literal->op != SEG_X_CONST || literal->constant.tag != SEG_V_NUMERIC)
		return;
	size = seg_value_double(&literal->constant);
	/* zero is an integer among constants */
	if (isinf(size) || size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the number is out of range for a floating point value"),
				 errdetail("It is compared with one."),
				 seg_rule_errposition(b->rule, literal->node != NULL ? literal->node : node)));
}

/*
 * A text literal next to something of type target becomes what that type needs; any
 * other expression, and any other target, is left as it is.
 */
SegExpr *
seg_bind_as(SegBinder *b, SegExpr *literal, const SegTypeInfo *target, const SegNode *node)
{
	if (target->type == SEG_T_FLOAT)
		check_fits_float(b, literal, node);
	if (!seg_expr_is_literal_text(literal))
		return literal;
	if (seg_type_is_time(target))
		return literal_as_time(b, literal, node);
	if (target->type == SEG_T_OTHER)
		return literal_as_other(b, literal, target);
	return literal;
}

/* citext compares in lower case, and so does what it is compared with. */
SegExpr *
seg_bind_fold_case(SegBinder *b, SegExpr *expr)
{
	SegTypeInfo type = plain_type(SEG_T_TEXT);

	if (expr->type.type == SEG_T_LIST)
		type = expr->type;
	else if (expr->type.type != SEG_T_TEXT)
		return expr;
	type.other = NULL;
	return seg_expr_of_type(b, SEG_X_FUNCTION, SEG_FUNC_LOWER, &type, 1, &expr);
}

/* Arithmetic. */

static const char *
arith_name(SegNodeKind op)
{
	return op == SEG_NODE_ADD ? "+" : op == SEG_NODE_SUBTRACT ? "-" : op == SEG_NODE_MULTIPLY ? "*" : "/";
}

static bool
may_be_number(const SegTypeInfo *type)
{
	return seg_type_is_number(type) || type->type == SEG_T_JSON;
}

static bool
may_be_time(const SegTypeInfo *type)
{
	return seg_type_is_time(type) || type->type == SEG_T_JSON;
}

/* The type of a op b; false if they do not go together. */
static bool
arith_type(SegNodeKind op, const SegTypeInfo *left, const SegTypeInfo *right, SegTypeInfo *result)
{
	bool		additive = op == SEG_NODE_ADD || op == SEG_NODE_SUBTRACT;

	if (may_be_number(left) && may_be_number(right))
		*result = plain_type(left->type == SEG_T_FLOAT || right->type == SEG_T_FLOAT ? SEG_T_FLOAT :
							 left->type == SEG_T_JSON || right->type == SEG_T_JSON ? SEG_T_JSON : SEG_T_NUMERIC);
	else if (left->type == SEG_T_DURATION && right->type == SEG_T_DURATION && additive)
		*result = plain_type(SEG_T_DURATION);
	else if (left->type == SEG_T_DURATION && may_be_number(right) && !additive)
		*result = plain_type(SEG_T_DURATION);
	else if (may_be_number(left) && right->type == SEG_T_DURATION && op == SEG_NODE_MULTIPLY)
		*result = plain_type(SEG_T_DURATION);
	else if (may_be_time(left) && right->type == SEG_T_DURATION && additive)
		*result = plain_type(SEG_T_MOMENT);
	else if (left->type == SEG_T_DURATION && may_be_time(right) && op == SEG_NODE_ADD)
		*result = plain_type(SEG_T_MOMENT);
	else if (may_be_time(left) && may_be_time(right) && op == SEG_NODE_SUBTRACT)
		*result = plain_type(SEG_T_DURATION);
	else
		return false;
	return true;
}

static SegExpr *
bind_arith(SegBinder *b, const SegNode *node)
{
	SegExpr    *args[2];
	SegTypeInfo type;

	args[0] = seg_bind_value(b, seg_node_child(node, 0));
	args[1] = seg_bind_value(b, seg_node_child(node, 1));
	args[0] = seg_type_is_time(&args[1]->type) ? seg_bind_as(b, args[0], &args[1]->type, node) : args[0];
	args[1] = seg_type_is_time(&args[0]->type) ? seg_bind_as(b, args[1], &args[0]->type, node) : args[1];
	if (!arith_type(node->kind, &args[0]->type, &args[1]->type, &type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"%s\" does not go with %s and %s", arith_name(node->kind),
						seg_bind_type_name(&args[0]->type), seg_bind_type_name(&args[1]->type)),
				 seg_type_is_time(&args[0]->type) && seg_type_is_number(&args[1]->type) ?
				 errhint("Add a duration with its unit, such as 30 days.") : 0,
				 seg_rule_errposition(b->rule, node)));
	return seg_expr_of_type(b, SEG_X_ARITH, node->kind, &type, 2, args);
}

static SegExpr *
bind_negate(SegBinder *b, const SegNode *node)
{
	SegExpr    *arg = seg_bind_value(b, seg_node_child(node, 0));

	if (!may_be_number(&arg->type) && arg->type.type != SEG_T_DURATION)
		no_such_type(b, node, "a minus sign", &arg->type, NULL);
	return seg_expr_of_type(b, SEG_X_NEGATE, 0, &arg->type, 1, &arg);
}

/* Functions. */

static SegExpr *
bind_coalesce(SegBinder *b, const SegNode *node)
{
	SegExpr   **args = palloc(sizeof(SegExpr *) * node->nchild);
	SegTypeInfo type;

	for (uint32 i = 0; i < node->nchild; i++)
		args[i] = seg_bind_value(b, seg_node_child(node, i));
	/* the first that is no literal says what the literals are */
	type = args[0]->type;
	for (uint32 i = 0; i < node->nchild; i++)
		if (args[i]->op != SEG_X_CONST)
		{
			type = args[i]->type;
			break;
		}
	for (uint32 i = 0; i < node->nchild; i++)
	{
		const SegTypeInfo *other;

		args[i] = seg_bind_as(b, args[i], &type, seg_node_child(node, i));
		other = &args[i]->type;
		if (other->type == type.type && (type.type != SEG_T_OTHER || other->other->typid == type.other->typid))
			continue;
		if (seg_type_is_number(other) && seg_type_is_number(&type))
			type = plain_type(other->type == SEG_T_FLOAT || type.type == SEG_T_FLOAT ? SEG_T_FLOAT : SEG_T_NUMERIC);
		else if (seg_type_is_time(other) && seg_type_is_time(&type))
			type = plain_type(SEG_T_MOMENT);
		else if (other->type == SEG_T_JSON || type.type == SEG_T_JSON)
			seg_type_lookup(&type, JSONBOID, InvalidOid);
		else
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("coalesce cannot choose between %s and %s",
							seg_bind_type_name(&type), seg_bind_type_name(other)),
					 seg_rule_errposition(b->rule, seg_node_child(node, i))));
	}
	return seg_expr_of_type(b, SEG_X_FUNCTION, SEG_FUNC_COALESCE, &type, node->nchild, args);
}

static bool
function_takes(SegFunction function, const SegTypeInfo *type)
{
	if (type->type == SEG_T_JSON)
		return true;
	switch (function)
	{
		case SEG_FUNC_LOWER:
			return type->type == SEG_T_TEXT || (type->type == SEG_T_LIST && type->elem == SEG_T_TEXT);
		case SEG_FUNC_LENGTH:
			return type->type == SEG_T_TEXT || type->type == SEG_T_LIST;
		case SEG_FUNC_ABS:
			return seg_type_is_number(type);
		case SEG_FUNC_DAYS:
			return type->type == SEG_T_DURATION;
		default:
			return seg_type_is_time(type);
	}
}

static SegExpr *
bind_function(SegBinder *b, const SegNode *node)
{
	SegFunction function = node->op;
	SegExpr    *arg;
	SegTypeInfo type;

	switch (function)
	{
		case SEG_FUNC_DISTANCE:
		case SEG_FUNC_BUCKET:
		case SEG_FUNC_PERCENTILE:
		case SEG_FUNC_SHARE:
			seg_bind_unsupported(b, node, seg_function_name(function));
		case SEG_FUNC_COALESCE:
			return bind_coalesce(b, node);
		default:
			break;
	}
	arg = seg_bind_value(b, seg_node_child(node, 0));
	if (!function_takes(function, &arg->type))
		no_such_type(b, node, seg_function_name(function), &arg->type,
					 function == SEG_FUNC_DAYS && seg_type_is_time(&arg->type) ?
					 "days() counts the days of a duration, such as days(now - signed_up)." : NULL);
	type = plain_type(SEG_T_INT);
	if (function == SEG_FUNC_LOWER || function == SEG_FUNC_ABS)
		type = arg->type;
	else if (function == SEG_FUNC_DAYS)
		type = plain_type(SEG_T_NUMERIC);
	/* what is in lower case already compares as plain text */
	if (function == SEG_FUNC_LOWER && seg_type_is_citext(&type))
		type = plain_type(SEG_T_TEXT);
	return seg_expr_of_type(b, SEG_X_FUNCTION, function, &type, 1, &arg);
}

SegExpr *
seg_bind_value(SegBinder *b, const SegNode *node)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
		case SEG_NODE_NUMBER:
		case SEG_NODE_BOOL:
		case SEG_NODE_DAY:
		case SEG_NODE_MOMENT:
		case SEG_NODE_DURATION:
			return bind_literal(b, node);
		case SEG_NODE_CLOCK:
		case SEG_NODE_AGO:
		case SEG_NODE_EDGE:
			return bind_clock(b, node);
		case SEG_NODE_NAME:
			return seg_bind_name(b, node);
		case SEG_NODE_NEGATE:
			return bind_negate(b, node);
		case SEG_NODE_ADD:
		case SEG_NODE_SUBTRACT:
		case SEG_NODE_MULTIPLY:
		case SEG_NODE_DIVIDE:
			return bind_arith(b, node);
		case SEG_NODE_FUNCTION:
			return bind_function(b, node);
		case SEG_NODE_PLACE:
			seg_bind_unsupported(b, node, "distance");
		case SEG_NODE_AGGREGATE:
			return seg_bind_aggregate(b, node);
		case SEG_NODE_ANNIVERSARY:
		case SEG_NODE_ROWS:
		case SEG_NODE_STEP:
		case SEG_NODE_WINDOW:
		case SEG_NODE_PERIOD:
			elog(ERROR, "rule node of kind %d is no value", node->kind);
			return NULL;
		default:
			/* a condition is a boolean value that is never missing */
			return seg_bind_condition(b, node);
	}
}
