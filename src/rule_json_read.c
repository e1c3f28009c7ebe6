/*
 * rule_json_read.c
 *		Json trees to rules.  rule_json.c describes the form, and is the inverse.
 *
 * What comes in is anybody's.  Here every object is checked for its form: known keys,
 * the right number and kinds of arguments.  What a rule may say beyond that (a number is
 * no condition, a name needs quotes, NOT over NOT vanishes) is left to the parser: the
 * tree is printed and its text parsed, so that there is one judge of rules.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "rule_json.h"
#include "rule_parse.h"
#include "rule_words.h"

/* Where in the tree we are, for messages: a chain of keys and indexes up to the root. */
typedef struct Place
{
	const struct Place *parent;
	const char *key;			/* NULL: an element of an array */
	int			index;
	int			depth;
} Place;

static SegTree *read_node(const JsonbValue *value, const Place *place);
pg_noreturn static void refuse(const Place *place, const char *detail, const char *hint);

static void
print_place(StringInfo out, const Place *place)
{
	if (place->parent == NULL)
		return;
	print_place(out, place->parent);
	if (place->key == NULL)
		appendStringInfo(out, "[%d]", place->index);
	else
		appendStringInfo(out, "%s%s", out->len > 0 ? "." : "", place->key);
}

/* detail is a sentence about what is wrong at place. */
static void
refuse(const Place *place, const char *detail, const char *hint)
{
	StringInfoData where;

	initStringInfo(&where);
	print_place(&where, place);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 where.len > 0 ? errmsg("invalid json tree of a rule at %s", where.data) :
			 errmsg("invalid json tree of a rule"),
			 errdetail_internal("%s", detail),
			 hint ? errhint("%s", hint) : 0));
}

static Place
place_below(const Place *parent, const char *key, int index)
{
	Place		place = {parent, key, index, parent->depth + 1};

	return place;
}

static bool
is_container(const JsonbValue *value, bool array)
{
	return value->type == jbvBinary &&
		(array ? JsonContainerIsArray(value->val.binary.data) : JsonContainerIsObject(value->val.binary.data));
}

/* The value of a key, or NULL. */
static JsonbValue *
get_member(JsonbContainer *object, const char *key)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

/* Refuses an object with a key that is none of keys, which ends with a NULL. */
static void
check_keys(JsonbContainer *object, const char *const *keys, const Place *place)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		bool		known = token != WJB_KEY;

		for (int i = 0; keys[i] != NULL && !known; i++)
			known = (int) strlen(keys[i]) == value.val.string.len &&
				memcmp(keys[i], value.val.string.val, value.val.string.len) == 0;
		if (!known)
			refuse(place, psprintf("The key \"%.*s\" is unknown, or does not belong to the others.",
								   value.val.string.len, value.val.string.val), NULL);
	}
}

static const JsonbValue *
need_string(const JsonbValue *value, const Place *place)
{
	if (value == NULL || value->type != jbvString)
		refuse(place, "A string was expected.", NULL);
	return value;
}

static JsonbContainer *
need_array(const JsonbValue *value, const Place *place)
{
	if (value == NULL || !is_container(value, true))
		refuse(place, "An array was expected.", NULL);
	return value->val.binary.data;
}

/* Is the text of value the same as word? */
static bool
is_word(const JsonbValue *value, const char *word)
{
	return (int) strlen(word) == value->val.string.len &&
		memcmp(word, value->val.string.val, value->val.string.len) == 0;
}

static SegTree *
read_fragment(const JsonbValue *value, char letter, const Place *place)
{
	need_string(value, place);
	return seg_parse_fragment(letter, pnstrdup(value->val.string.val, value->val.string.len),
							  value->val.string.len);
}

/* The string of value as the payload of a tree. */
static SegTree *
read_string(const JsonbValue *value, uint8 kind, const Place *place)
{
	need_string(value, place);
	return seg_tree_make_bytes(kind, -1, value->val.string.val, value->val.string.len);
}

/* An array of strings, none of them empty, as a name. */
static SegTree *
read_name(const JsonbValue *value, const Place *place)
{
	JsonbContainer *array = need_array(value, place);
	uint32		n = JsonContainerSize(array);
	StringInfoData parts;
	SegTree    *tree;

	if (n < 1 || n > 255)
		refuse(place, "A name has 1 to 255 parts.", NULL);
	initStringInfo(&parts);
	for (uint32 i = 0; i < n; i++)
	{
		Place		below = place_below(place, NULL, i);
		const JsonbValue *part = need_string(getIthJsonbValueFromContainer(array, i), &below);

		if (part->val.string.len == 0)
			refuse(&below, "A part of a name is empty.", NULL);
		if (i > 0)
			appendStringInfoChar(&parts, '\0');
		appendBinaryStringInfo(&parts, part->val.string.val, part->val.string.len);
	}
	tree = seg_tree_make_bytes(SEG_NODE_NAME, -1, parts.data, parts.len);
	tree->op = n;
	return tree;
}

/*
 * The number and kinds of a tree's children are those that its kind demands.  keys: those
 * that the children stand behind; NULL if they are elements of an array.
 */
static void
check_children(const SegTree *tree, const char *const *keys, const Place *place)
{
	const char *signature = seg_node_signature(tree->kind, tree->op);

	for (int i = 0; i < tree->nchild; i++)
	{
		const SegTree *child = tree->child[i];
		char		letter = seg_signature_next(&signature, child == NULL);
		Place		below = place_below(place, keys ? keys[i] : NULL, i);

		if (letter == '\0')
			refuse(place, "There are too many arguments.", NULL);
		if (child != NULL && !seg_signature_fits(letter, child->kind))
			refuse(&below, "An argument of this kind cannot stand here.", NULL);
	}
	if (!seg_signature_at_end(signature))
		refuse(place, "There are too few arguments.", NULL);
}

/* "args": the children of a tree of this kind, at least atleast of them, absent ones behind */
static SegTree *
read_arguments(JsonbContainer *object, uint8 kind, uint8 op, int atleast, const Place *place)
{
	Place		below = place_below(place, "args", 0);
	JsonbContainer *array = need_array(get_member(object, "args"), &below);
	uint32		n = JsonContainerSize(array);
	List	   *children = NIL;
	SegTree    *tree;

	for (uint32 i = 0; i < n; i++)
	{
		Place		element = place_below(&below, NULL, i);

		CHECK_FOR_INTERRUPTS();
		children = lappend(children, read_node(getIthJsonbValueFromContainer(array, i), &element));
	}
	while (list_length(children) < atleast)
		children = lappend(children, NULL);
	tree = seg_tree_make_list(kind, -1, children);
	tree->op = op;
	check_children(tree, NULL, &below);
	return tree;
}

static SegTree *
read_operator(JsonbContainer *object, const JsonbValue *word, bool windows, const Place *place)
{
	const SegJsonOperator *operator;
	bool		since;

	need_string(word, place);
	operator = seg_json_operator(word->val.string.val, word->val.string.len, windows);
	if (operator == NULL)
		refuse(place, psprintf("There is no operator \"%.*s\".", word->val.string.len, word->val.string.val),
			   is_word(word, "!=") || is_word(word, "<>") ? "Write \"not\" over \"=\"." : NULL);
	since = operator->kind == SEG_NODE_WINDOW && operator->op == SEG_WINDOW_SINCE;
	return read_arguments(object, operator->kind, operator->op, since ? 2 : 0, place);
}

static SegTree *
read_function(JsonbContainer *object, const JsonbValue *word, const Place *place)
{
	int			function;

	need_string(word, place);
	function = seg_function_lookup(word->val.string.val, word->val.string.len);
	if (function < 0)
		refuse(place, psprintf("There is no function \"%.*s\".", word->val.string.len, word->val.string.val), NULL);
	return read_arguments(object, SEG_NODE_FUNCTION, function, function == SEG_FUNC_PERCENTILE ? 2 : 0, place);
}

static SegTree *
read_window(const JsonbValue *value, const Place *place)
{
	static const char *const keys[] = {"op", "args", NULL};
	JsonbContainer *object;

	if (!is_container(value, false))
		refuse(place, "A window is an object with op and args.", NULL);
	object = value->val.binary.data;
	check_keys(object, keys, place);
	return read_operator(object, get_member(object, "op"), true, place);
}

static SegTree *
read_step(const JsonbValue *value, const Place *place, bool first)
{
	/* in the order of the children of SEG_NODE_STEP */
	static const char *const keys[] = {"source", "alias", "window", "within", "where", "no", NULL};
	JsonbContainer *object;
	SegTree    *step = seg_tree_make(SEG_NODE_STEP, -1, 5, NULL, NULL, NULL, NULL, NULL);
	const JsonbValue *member;
	Place		below;

	if (!is_container(value, false))
		refuse(place, "A step is an object with a source.", NULL);
	object = value->val.binary.data;
	check_keys(object, keys, place);

	below = place_below(place, "source", 0);
	step->child[SEG_STEP_SOURCE] = read_name(get_member(object, "source"), &below);
	if ((member = get_member(object, "alias")) != NULL)
	{
		below = place_below(place, "alias", 0);
		if (need_string(member, &below)->val.string.len == 0)
			refuse(&below, "An alias is not empty.", NULL);
		step->child[SEG_STEP_ALIAS] = read_string(member, SEG_NODE_NAME, &below);
		step->child[SEG_STEP_ALIAS]->op = 1;
	}
	if ((member = get_member(object, "window")) != NULL)
	{
		below = place_below(place, "window", 0);
		if (!first)
			refuse(&below, "Only the first step has a window.", NULL);
		step->child[SEG_STEP_WINDOW] = read_window(member, &below);
	}
	if ((member = get_member(object, "within")) != NULL)
	{
		below = place_below(place, "within", 0);
		if (first)
			refuse(&below, "The first step has no step before it.", NULL);
		step->child[SEG_STEP_WITHIN] = read_fragment(member, 'd', &below);
	}
	if ((member = get_member(object, "where")) != NULL)
	{
		below = place_below(place, "where", 0);
		step->child[SEG_STEP_WHERE] = read_node(member, &below);
	}
	if ((member = get_member(object, "no")) != NULL)
	{
		below = place_below(place, "no", 0);
		if (member->type != jbvBool || (first && member->val.boolean))
			refuse(&below, "A step but the first may have true or false here.", NULL);
		step->op = member->val.boolean;
	}
	check_children(step, keys, place);
	return step;
}

static SegTree *
read_rows(const JsonbValue *value, const Place *place)
{
	JsonbContainer *array = need_array(value, place);
	uint32		n = JsonContainerSize(array);
	List	   *steps = NIL;

	if (n == 0)
		refuse(place, "There is no step, so no source.", NULL);
	for (uint32 i = 0; i < n; i++)
	{
		Place		below = place_below(place, NULL, i);

		CHECK_FOR_INTERRUPTS();
		steps = lappend(steps, read_step(getIthJsonbValueFromContainer(array, i), &below, i == 0));
	}
	return seg_tree_make_list(SEG_NODE_ROWS, -1, steps);
}

static SegTree *
read_aggregate(JsonbContainer *object, const JsonbValue *word, const Place *place)
{
	static const char *const keys[] = {"of", "rows"};
	const JsonbValue *measure = get_member(object, keys[0]);
	Place		of = place_below(place, keys[0], 0);
	Place		rows = place_below(place, keys[1], 0);
	int			aggregate;
	SegTree    *tree;

	need_string(word, place);
	aggregate = is_word(word, "count distinct") ? SEG_COUNT_DISTINCT :
		seg_aggregate_lookup(word->val.string.val, word->val.string.len);
	if (aggregate < 0)
		refuse(place, psprintf("There is no aggregate \"%.*s\".", word->val.string.len, word->val.string.val), NULL);
	if ((aggregate == SEG_COUNT) != (measure == NULL))
		refuse(place, aggregate == SEG_COUNT ? "The aggregate \"count\" has no \"of\"." :
			   "All aggregates but \"count\" have an \"of\".", NULL);
	tree = seg_tree_make(SEG_NODE_AGGREGATE, -1, 2, measure ? read_node(measure, &of) : NULL,
						 read_rows(get_member(object, keys[1]), &rows));
	tree->op = aggregate;
	check_children(tree, keys, place);
	return tree;
}

static SegTree *
read_every(JsonbContainer *object, const JsonbValue *value, const Place *place)
{
	static const char *const keys[] = {"every", "satisfies"};
	Place		every = place_below(place, keys[0], 0);
	Place		satisfies = place_below(place, keys[1], 0);
	const JsonbValue *condition = get_member(object, keys[1]);
	SegTree    *tree;

	if (condition == NULL)
		refuse(place, "The key \"satisfies\" is missing.", NULL);
	tree = seg_tree_make(SEG_NODE_EVERY, -1, 2, read_rows(value, &every), read_node(condition, &satisfies));
	check_children(tree, keys, place);
	return tree;
}

/* key: of the duration, which only IN SEGMENT may lack */
static SegTree *
read_segment(JsonbContainer *object, const JsonbValue *name, uint8 kind, const char *key, const Place *place)
{
	SegTree    *text = read_string(name, SEG_NODE_TEXT, place);
	SegTree    *tree = seg_tree_make(kind, -1, 1, NULL);
	const JsonbValue *duration = get_member(object, key);
	Place		below = place_below(place, key, 0);

	tree->payload = text->payload;
	tree->len = text->len;
	if (duration != NULL)
		tree->child[0] = read_fragment(duration, 'd', &below);
	else if (kind != SEG_NODE_IN_SEGMENT)
		refuse(place, "The key \"within last\" is missing.", NULL);
	return tree;
}

/* Which form an object has: by the key that none of the others has. */
typedef enum Form
{
	FORM_OPERATOR, FORM_FUNCTION, FORM_AGGREGATE, FORM_EXISTS, FORM_EVERY, FORM_NAME, FORM_TIME,
	FORM_DURATION, FORM_PERIOD, FORM_IN, FORM_JOINED, FORM_LEFT, FORM_TAGGED
} Form;

static const char *const forms[][4] = {
	[FORM_OPERATOR] = {"op", "args", NULL},
	[FORM_FUNCTION] = {"function", "args", NULL},
	[FORM_AGGREGATE] = {"aggregate", "of", "rows", NULL},
	[FORM_EXISTS] = {"exists", NULL},
	[FORM_EVERY] = {"every", "satisfies", NULL},
	[FORM_NAME] = {"name", NULL},
	[FORM_TIME] = {"time", NULL},
	[FORM_DURATION] = {"duration", NULL},
	[FORM_PERIOD] = {"period", NULL},
	[FORM_IN] = {"in segment", "for", NULL},
	[FORM_JOINED] = {"joined segment", "within last", NULL},
	[FORM_LEFT] = {"left segment", "within last", NULL},
	[FORM_TAGGED] = {"tagged", NULL},
};

static SegTree *
read_object(JsonbContainer *object, const Place *place)
{
	const JsonbValue *value = NULL;
	Place		below;
	size_t		form;

	for (form = 0; form < lengthof(forms); form++)
	{
		if ((value = get_member(object, forms[form][0])) != NULL)
			break;
	}
	if (value == NULL)
		refuse(place, "An object has one of the keys op, function, aggregate, exists, every, name, time, duration, period, in segment, joined segment, left segment and tagged.", NULL);
	check_keys(object, forms[form], place);
	switch ((Form) form)
	{
		case FORM_OPERATOR:
			return read_operator(object, value, false, place);
		case FORM_FUNCTION:
			return read_function(object, value, place);
		case FORM_AGGREGATE:
			return read_aggregate(object, value, place);
		case FORM_EXISTS:
			below = place_below(place, "exists", 0);
			return seg_tree_make(SEG_NODE_EXISTS, -1, 1, read_rows(value, &below));
		case FORM_EVERY:
			return read_every(object, value, place);
		case FORM_NAME:
			return read_name(value, place);
		case FORM_TIME:
			return read_fragment(value, 'm', place);
		case FORM_DURATION:
			return read_fragment(value, 'd', place);
		case FORM_PERIOD:
			return read_fragment(value, 'p', place);
		case FORM_IN:
			return read_segment(object, value, SEG_NODE_IN_SEGMENT, "for", place);
		case FORM_JOINED:
			return read_segment(object, value, SEG_NODE_JOINED_SEGMENT, "within last", place);
		case FORM_LEFT:
			return read_segment(object, value, SEG_NODE_LEFT_SEGMENT, "within last", place);
		case FORM_TAGGED:
			break;
	}
	return read_string(value, SEG_NODE_TAGGED, place);
}

static SegTree *
read_node(const JsonbValue *value, const Place *place)
{
	SegTree    *tree;
	Datum		number;

	check_stack_depth();
	/* A place is at least half a level of the rule's tree. */
	if (place->depth > 2 * SEG_RULE_MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rule is nested too deeply"),
				 errdetail("A rule may be nested up to %d levels deep.", SEG_RULE_MAX_DEPTH)));
	switch (value->type)
	{
		case jbvString:
			return read_string(value, SEG_NODE_TEXT, place);
		case jbvNumeric:
			number = DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value->val.numeric));
			return seg_tree_make_bytes(SEG_NODE_NUMBER, -1, DatumGetPointer(number), VARSIZE(DatumGetPointer(number)));
		case jbvBool:
			tree = seg_tree_make(SEG_NODE_BOOL, -1, 0);
			tree->op = value->val.boolean;
			return tree;
		case jbvBinary:
			if (is_container(value, false))
				return read_object(value->val.binary.data, place);
			refuse(place, "An array is no part of a rule by itself.", "A list stands behind \"args\".");
			break;
		default:
			refuse(place, "There is no null in a rule.", "A missing value is found with the operator \"is null\".");
			break;
	}
	return NULL;				/* not reached */
}

SegRule *
seg_rule_from_jsonb(Jsonb *json)
{
	Place		root = {0};
	JsonbValue	value;
	SegTree    *tree;
	char	   *text;

	if (JB_ROOT_IS_SCALAR(json))
		value = *getIthJsonbValueFromContainer(&json->root, 0);
	else
	{
		value.type = jbvBinary;
		value.val.binary.data = &json->root;
		value.val.binary.len = VARSIZE(json) - VARHDRSZ;
	}
	tree = read_node(&value, &root);
	if (!seg_signature_fits('c', tree->kind))
		refuse(&root, "A rule is a condition.", NULL);
	text = seg_rule_print(seg_rule_flatten(tree));
	return seg_rule_parse(text, strlen(text));
}
