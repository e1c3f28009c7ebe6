/*
 * rule_json.c
 *		Rules as json trees, for programs that show and build them.
 *
 *		text, number, truth		the json scalar
 *		name					{"name": ["orders", "total"]}
 *		day, moment, clock		{"time": "2024-05-30"}, {"time": "90 days ago"}
 *		duration, period		{"duration": "30 days"}, {"period": "last month"}
 *		operator				{"op": "and", "args": [...]}, the words in operators[] below
 *		function				{"function": "lower", "args": [...]}
 *		aggregate				{"aggregate": "sum", "of": value, "rows": [step, ...]}
 *		quantifier				{"exists": [step, ...]}, {"every": [step, ...], "satisfies": condition}
 *		segments				{"in segment": "vip", "for": "30 days"}, {"tagged": "x"},
 *								{"joined segment": "vip", "within last": "30 days"}, {"left segment": ...}
 *
 *		step					{"source": ["orders"], "alias": "o", "window": {"op": ..., "args": [...]},
 *								 "within": "7 days", "where": condition, "no": true}
 *
 * What may be absent in a rule is an absent key.  Durations, periods and points in time
 * are written as in the rule's text.  The tree is the canonical one: != is "not" over
 * "=".  Keys may be added in later versions; the ones here keep their meaning.
 * rule_json_read.c is the inverse, and the two must agree.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "rule_json.h"
#include "rule_words.h"

static const SegJsonOperator operators[] = {
	{"and", SEG_NODE_AND, 0},
	{"or", SEG_NODE_OR, 0},
	{"not", SEG_NODE_NOT, 0},
	{"=", SEG_NODE_COMPARE, SEG_EQ},
	{"<", SEG_NODE_COMPARE, SEG_LT},
	{"<=", SEG_NODE_COMPARE, SEG_LE},
	{">", SEG_NODE_COMPARE, SEG_GT},
	{">=", SEG_NODE_COMPARE, SEG_GE},
	{"between", SEG_NODE_BETWEEN, 0},
	{"in", SEG_NODE_IN, 0},
	{"like", SEG_NODE_LIKE, 0},
	{"ilike", SEG_NODE_ILIKE, 0},
	{"matches", SEG_NODE_MATCHES, 0},
	{"starts with", SEG_NODE_STARTS, 0},
	{"ends with", SEG_NODE_ENDS, 0},
	{"contains", SEG_NODE_CONTAINS, 0},
	{"has any", SEG_NODE_HAS_ANY, 0},
	{"has all", SEG_NODE_HAS_ALL, 0},
	{"is null", SEG_NODE_IS_NULL, 0},
	{"is empty", SEG_NODE_IS_EMPTY, 0},
	{"within last", SEG_NODE_WITHIN, 0},
	{"within next", SEG_NODE_WITHIN, 1},
	{"during", SEG_NODE_DURING, 0},
	{"anniversary of", SEG_NODE_ANNIVERSARY, 0},
	{"+", SEG_NODE_ADD, 0},
	{"-", SEG_NODE_SUBTRACT, 0},
	{"*", SEG_NODE_MULTIPLY, 0},
	{"/", SEG_NODE_DIVIDE, 0},
	{"negate", SEG_NODE_NEGATE, 0},
	{"place", SEG_NODE_PLACE, 0},
	{"within last", SEG_NODE_WINDOW, SEG_WINDOW_LAST},
	{"within next", SEG_NODE_WINDOW, SEG_WINDOW_NEXT},
	{"during", SEG_NODE_WINDOW, SEG_WINDOW_DURING},
	{"since", SEG_NODE_WINDOW, SEG_WINDOW_SINCE},
	{"before", SEG_NODE_WINDOW, SEG_WINDOW_BEFORE},
	{"between", SEG_NODE_WINDOW, SEG_WINDOW_BETWEEN},
};

const SegJsonOperator *
seg_json_operator(const char *word, int len, bool windows)
{
	for (size_t i = 0; i < lengthof(operators); i++)
	{
		if ((operators[i].kind == SEG_NODE_WINDOW) == windows &&
			(int) strlen(operators[i].word) == len && memcmp(operators[i].word, word, len) == 0)
			return &operators[i];
	}
	return NULL;
}

/* The state of a jsonb value that is being built, and its finished root. */
typedef struct Writer
{
	JsonbParseState *state;
	JsonbValue *root;
} Writer;

static void write_node(Writer *writer, const SegNode *node, JsonbIteratorToken place);

static void
write_token(Writer *writer, JsonbIteratorToken token)
{
	writer->root = pushJsonbValue(&writer->state, token, NULL);
}

static void
write_string(Writer *writer, const char *text, JsonbIteratorToken place)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	pushJsonbValue(&writer->state, place, &value);
}

static void
write_key(Writer *writer, const char *key)
{
	write_string(writer, key, WJB_KEY);
}

/* The canonical text of a duration, a period or a point in time. */
static void
write_text_of(Writer *writer, const SegNode *node)
{
	StringInfoData text;

	initStringInfo(&text);
	seg_node_print(&text, node);
	write_string(writer, text.data, WJB_VALUE);
}

static void
write_parts(Writer *writer, const SegNode *name)
{
	write_token(writer, WJB_BEGIN_ARRAY);
	for (int i = 0; i < name->op; i++)
		write_string(writer, seg_node_name_part(name, i), WJB_ELEM);
	write_token(writer, WJB_END_ARRAY);
}

/* The present children. */
static void
write_children(Writer *writer, const SegNode *node)
{
	write_token(writer, WJB_BEGIN_ARRAY);
	for (uint32 i = 0; i < node->nchild; i++)
	{
		if (seg_node_child(node, i) != NULL)
			write_node(writer, seg_node_child(node, i), WJB_ELEM);
	}
	write_token(writer, WJB_END_ARRAY);
}

static void
write_step(Writer *writer, const SegNode *step)
{
	const SegNode *child;

	write_token(writer, WJB_BEGIN_OBJECT);
	write_key(writer, "source");
	write_parts(writer, seg_node_child(step, SEG_STEP_SOURCE));
	if ((child = seg_node_child(step, SEG_STEP_ALIAS)) != NULL)
	{
		write_key(writer, "alias");
		write_string(writer, seg_node_name_part(child, 0), WJB_VALUE);
	}
	if ((child = seg_node_child(step, SEG_STEP_WINDOW)) != NULL)
	{
		write_key(writer, "window");
		write_node(writer, child, WJB_VALUE);
	}
	if ((child = seg_node_child(step, SEG_STEP_WITHIN)) != NULL)
	{
		write_key(writer, "within");
		write_text_of(writer, child);
	}
	if ((child = seg_node_child(step, SEG_STEP_WHERE)) != NULL)
	{
		write_key(writer, "where");
		write_node(writer, child, WJB_VALUE);
	}
	if (step->op == 1)
	{
		JsonbValue	yes;

		yes.type = jbvBool;
		yes.val.boolean = true;
		write_key(writer, "no");
		pushJsonbValue(&writer->state, WJB_VALUE, &yes);
	}
	write_token(writer, WJB_END_OBJECT);
}

static void
write_rows(Writer *writer, const char *key, const SegNode *rows)
{
	write_key(writer, key);
	write_token(writer, WJB_BEGIN_ARRAY);
	for (uint32 i = 0; i < rows->nchild; i++)
		write_step(writer, seg_node_child(rows, i));
	write_token(writer, WJB_END_ARRAY);
}

static void
write_aggregate(Writer *writer, const SegNode *node)
{
	const SegNode *measure = seg_node_child(node, SEG_AGGREGATE_MEASURE);

	write_key(writer, "aggregate");
	write_string(writer, node->op == SEG_COUNT_DISTINCT ? "count distinct" : seg_aggregate_name(node->op), WJB_VALUE);
	if (measure != NULL)
	{
		write_key(writer, "of");
		write_node(writer, measure, WJB_VALUE);
	}
	write_rows(writer, "rows", seg_node_child(node, SEG_AGGREGATE_ROWS));
}

static void
write_segment(Writer *writer, const SegNode *node)
{
	write_key(writer, node->kind == SEG_NODE_IN_SEGMENT ? "in segment" :
			  node->kind == SEG_NODE_JOINED_SEGMENT ? "joined segment" : "left segment");
	write_string(writer, seg_node_text(node), WJB_VALUE);
	if (seg_node_child(node, 0) != NULL)
	{
		write_key(writer, node->kind == SEG_NODE_IN_SEGMENT ? "for" : "within last");
		write_text_of(writer, seg_node_child(node, 0));
	}
}

static void
write_operator(Writer *writer, const SegNode *node)
{
	for (size_t i = 0; i < lengthof(operators); i++)
	{
		if (operators[i].kind == node->kind && operators[i].op == node->op)
		{
			write_key(writer, "op");
			write_string(writer, operators[i].word, WJB_VALUE);
			write_key(writer, "args");
			write_children(writer, node);
			return;
		}
	}
	elog(ERROR, "node of kind %d has no form in json", node->kind);
}

/* The keys and values of a node that is an object. */
static void
write_members(Writer *writer, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
			write_key(writer, "name");
			write_parts(writer, node);
			break;
		case SEG_NODE_DAY:
		case SEG_NODE_MOMENT:
		case SEG_NODE_CLOCK:
		case SEG_NODE_AGO:
		case SEG_NODE_EDGE:
			write_key(writer, "time");
			write_text_of(writer, node);
			break;
		case SEG_NODE_DURATION:
		case SEG_NODE_PERIOD:
			write_key(writer, node->kind == SEG_NODE_DURATION ? "duration" : "period");
			write_text_of(writer, node);
			break;
		case SEG_NODE_FUNCTION:
			write_key(writer, "function");
			write_string(writer, seg_function_name(node->op), WJB_VALUE);
			write_key(writer, "args");
			write_children(writer, node);
			break;
		case SEG_NODE_AGGREGATE:
			write_aggregate(writer, node);
			break;
		case SEG_NODE_EXISTS:
			write_rows(writer, "exists", seg_node_child(node, 0));
			break;
		case SEG_NODE_EVERY:
			write_rows(writer, "every", seg_node_child(node, 0));
			write_key(writer, "satisfies");
			write_node(writer, seg_node_child(node, 1), WJB_VALUE);
			break;
		case SEG_NODE_IN_SEGMENT:
		case SEG_NODE_JOINED_SEGMENT:
		case SEG_NODE_LEFT_SEGMENT:
			write_segment(writer, node);
			break;
		case SEG_NODE_TAGGED:
			write_key(writer, "tagged");
			write_string(writer, seg_node_text(node), WJB_VALUE);
			break;
		default:
			write_operator(writer, node);
			break;
	}
}

/* place: WJB_ELEM in an array, WJB_VALUE in an object */
static void
write_node(Writer *writer, const SegNode *node, JsonbIteratorToken place)
{
	JsonbValue	value;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_TEXT:
			write_string(writer, seg_node_text(node), place);
			break;
		case SEG_NODE_NUMBER:
			value.type = jbvNumeric;
			value.val.numeric = seg_node_number(node);
			pushJsonbValue(&writer->state, place, &value);
			break;
		case SEG_NODE_BOOL:
			value.type = jbvBool;
			value.val.boolean = node->op == 1;
			pushJsonbValue(&writer->state, place, &value);
			break;
		default:
			write_token(writer, WJB_BEGIN_OBJECT);
			write_members(writer, node);
			write_token(writer, WJB_END_OBJECT);
			break;
	}
}

Jsonb *
seg_rule_to_jsonb(const SegRule *rule)
{
	const SegNode *root = seg_rule_root(rule);
	Writer		writer = {0};

	/* A rule that is a scalar is true or false. */
	if (root->kind == SEG_NODE_BOOL)
	{
		JsonbValue	value;

		value.type = jbvBool;
		value.val.boolean = root->op == 1;
		return JsonbValueToJsonb(&value);
	}
	write_node(&writer, root, WJB_VALUE);
	return JsonbValueToJsonb(writer.root);
}

PG_FUNCTION_INFO_V1(segment_rule_to_jsonb);
Datum
segment_rule_to_jsonb(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(seg_rule_to_jsonb(PG_GETARG_SEG_RULE_P(0)));
}

PG_FUNCTION_INFO_V1(segment_rule_to_json);
Datum
segment_rule_to_json(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = seg_rule_to_jsonb(PG_GETARG_SEG_RULE_P(0));

	PG_RETURN_TEXT_P(cstring_to_text(JsonbToCString(NULL, &json->root, VARSIZE(json))));
}

PG_FUNCTION_INFO_V1(jsonb_to_segment_rule);
Datum
jsonb_to_segment_rule(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(seg_rule_from_jsonb(PG_GETARG_JSONB_P(0)));
}

PG_FUNCTION_INFO_V1(json_to_segment_rule);
Datum
json_to_segment_rule(PG_FUNCTION_ARGS)
{
	Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(PG_GETARG_TEXT_PP(0))));

	PG_RETURN_POINTER(seg_rule_from_jsonb(DatumGetJsonbP(json)));
}
