/*
 * gin_rule_token.c
 *		The keys that a document looks under.
 *
 * They are those of every value that a name of a rule can stand for: of the document's
 * attributes, and of those of objects in it.  What kinds of keys a value has must agree
 * with what gin_rule_anchor.c files a rule under that holds for it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "miscadmin.h"

#include "gin_rule.h"
#include "json.h"
#include "value.h"

typedef struct Tokens
{
	int64	   *keys;
	int			n;
	int			room;
	uint64		path;			/* of the attribute at hand */
} Tokens;

/* Attributes. */

static void
visit_object(const SegAttributeName *own, const JsonbContainer *object, SegAttributeVisitor visit, void *arg)
{
	uint32		count = JsonContainerSize(object);
	SegAttributeName *names = palloc_extended(sizeof(SegAttributeName) * ((Size) count + 1), MCXT_ALLOC_HUGE);
	SegJsonWalk walk;
	JsonbValue	json = {.type = jbvNull};

	check_stack_depth();
	seg_json_walk(&walk, object);
	while (walk.index < count && seg_json_next(&walk, &json))
		names[walk.index - 1] = (SegAttributeName)
		{
			.object = own,.key = json.val.string.val,.len = json.val.string.len,
				.path = seg_key_path(own != NULL ? own->path : 0, json.val.string.val, json.val.string.len)
		};
	while (seg_json_next(&walk, &json))
	{
		SegAttributeName *name = &names[walk.index - 1 - count];

		CHECK_FOR_INTERRUPTS();
		visit(arg, name, &json);
		if (json.type == jbvBinary && JsonContainerIsObject(json.val.binary.data))
			visit_object(name, json.val.binary.data, visit, arg);
	}
	pfree(names);
}

void
seg_document_visit(const JsonbContainer *document, SegAttributeVisitor visit, void *arg)
{
	if (JsonContainerIsObject(document))
		visit_object(NULL, document, visit, arg);
}

/* Keys of a value. */

static void
take_cells(SegKeyKind kind, int code, int levels, SegKeyTaker take, void *arg, const JsonbValue *json)
{
	for (int level = 0; level < levels; level++)
		take(arg, kind, seg_cell(code, level), json);
}

static void
keys_of_text(const JsonbValue *json, SegKeyTaker take, void *arg)
{
	SegValue	text;
	SegValue	time;

	take(arg, SEG_KEY_IS_TEXT, 0, json);
	take(arg, SEG_KEY_TEXT, seg_key_hash_text(json->val.string.val, json->val.string.len), json);
	seg_value_text(&text, json->val.string.val, json->val.string.len);
	if (!seg_value_from_iso(&time, &text, seg_key_clock()))
		return;
	if (time.tag == SEG_V_MOMENT)
		time.v.i = seg_day_of_moment(time.v.i);
	take_cells(SEG_KEY_DAY, seg_day_code(time.v.i), SEG_DAY_LEVELS, take, arg, json);
}

static void
keys_of_list(const JsonbValue *list, SegKeyTaker take, void *arg)
{
	SegJsonWalk walk;
	JsonbValue	json;

	take(arg, SEG_KEY_IS_LIST, 0, list);
	seg_json_walk(&walk, list->val.binary.data);
	while (seg_json_next(&walk, &json))
	{
		CHECK_FOR_INTERRUPTS();
		if (json.type == jbvString)
			take(arg, SEG_KEY_HAS_TEXT, seg_key_hash_text(json.val.string.val, json.val.string.len), &json);
		else if (json.type == jbvNumeric)
			take(arg, SEG_KEY_HAS_NUMBER, seg_key_hash_number(json.val.numeric), &json);
		else if (json.type == jbvBool)
			take(arg, SEG_KEY_HAS_BOOL, json.val.boolean, &json);
	}
}

void
seg_value_keys(const JsonbValue *json, SegKeyTaker take, void *arg)
{
	switch (json->type)
	{
		case jbvString:
			keys_of_text(json, take, arg);
			break;
		case jbvNumeric:
			take_cells(SEG_KEY_NUMBER, seg_number_code(json->val.numeric), SEG_NUMBER_LEVELS, take, arg, json);
			break;
		case jbvBool:
			take(arg, SEG_KEY_BOOL, json->val.boolean, json);
			break;
		case jbvBinary:
			if (JsonContainerIsArray(json->val.binary.data))
				keys_of_list(json, take, arg);
			else
				take(arg, SEG_KEY_IS_OBJECT, 0, json);
			break;
		default:
			break;
	}
}

/* Keys of a document. */

static void
add_key(void *arg, SegKeyKind kind, uint64 value, const JsonbValue *json)
{
	Tokens	   *t = arg;

	if (t->n == t->room)
	{
		t->room *= 2;
		t->keys = repalloc_huge(t->keys, sizeof(int64) * (Size) t->room);
	}
	t->keys[t->n++] = seg_key(t->path, kind, value);
}

static void
add_keys(void *arg, SegAttributeName *name, const JsonbValue *value)
{
	((Tokens *) arg)->path = name->path;
	seg_value_keys(value, add_key, arg);
}

static int
compare_keys(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

int
seg_document_keys(const JsonbContainer *document, int64 **keys)
{
	Tokens		t = {.room = 128};

	t.keys = palloc(sizeof(int64) * t.room);
	add_key(&t, SEG_KEY_ALL, 0, NULL);
	seg_document_visit(document, add_keys, &t);
	qsort(t.keys, t.n, sizeof(int64), compare_keys);
	*keys = t.keys;
	return (int) qunique(t.keys, t.n, sizeof(int64), compare_keys);
}
