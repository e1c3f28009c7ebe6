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
} Tokens;

static void tokens_of_object(Tokens *t, uint64 path, const JsonbContainer *object);

static void
add(Tokens *t, uint64 path, SegKeyKind kind, uint64 value)
{
	if (t->n == t->room)
	{
		t->room *= 2;
		t->keys = repalloc_huge(t->keys, sizeof(int64) * (Size) t->room);
	}
	t->keys[t->n++] = seg_key(path, kind, value);
}

static void
add_cells(Tokens *t, uint64 path, SegKeyKind kind, int code, int levels)
{
	for (int level = 0; level < levels; level++)
		add(t, path, kind, seg_cell(code, level));
}

static void
tokens_of_text(Tokens *t, uint64 path, const JsonbValue *json)
{
	SegValue	text;
	SegValue	time;

	add(t, path, SEG_KEY_IS_TEXT, 0);
	add(t, path, SEG_KEY_TEXT, seg_key_hash_text(json->val.string.val, json->val.string.len));
	seg_value_text(&text, json->val.string.val, json->val.string.len);
	if (!seg_value_from_iso(&time, &text, seg_key_clock()))
		return;
	if (time.tag == SEG_V_MOMENT)
		time.v.i = seg_day_of_moment(time.v.i);
	add_cells(t, path, SEG_KEY_DAY, seg_day_code(time.v.i), SEG_DAY_LEVELS);
}

static void
tokens_of_list(Tokens *t, uint64 path, const JsonbContainer *list)
{
	SegJsonWalk walk;
	JsonbValue	json;

	add(t, path, SEG_KEY_IS_LIST, 0);
	seg_json_walk(&walk, list);
	while (seg_json_next(&walk, &json))
	{
		CHECK_FOR_INTERRUPTS();
		if (json.type == jbvString)
			add(t, path, SEG_KEY_HAS_TEXT, seg_key_hash_text(json.val.string.val, json.val.string.len));
		else if (json.type == jbvNumeric)
			add(t, path, SEG_KEY_HAS_NUMBER, seg_key_hash_number(json.val.numeric));
		else if (json.type == jbvBool)
			add(t, path, SEG_KEY_HAS_BOOL, json.val.boolean);
	}
}

static void
tokens_of_value(Tokens *t, uint64 path, const JsonbValue *json)
{
	switch (json->type)
	{
		case jbvString:
			tokens_of_text(t, path, json);
			break;
		case jbvNumeric:
			add_cells(t, path, SEG_KEY_NUMBER, seg_number_code(json->val.numeric), SEG_NUMBER_LEVELS);
			break;
		case jbvBool:
			add(t, path, SEG_KEY_BOOL, json->val.boolean);
			break;
		case jbvBinary:
			if (JsonContainerIsArray(json->val.binary.data))
				tokens_of_list(t, path, json->val.binary.data);
			else
			{
				add(t, path, SEG_KEY_IS_OBJECT, 0);
				tokens_of_object(t, path, json->val.binary.data);
			}
			break;
		default:
			break;
	}
}

static void
tokens_of_object(Tokens *t, uint64 path, const JsonbContainer *object)
{
	uint32		count = JsonContainerSize(object);
	uint64	   *paths = palloc_extended(sizeof(uint64) * ((Size) count + 1), MCXT_ALLOC_HUGE);
	SegJsonWalk walk;
	JsonbValue	json = {.type = jbvNull};

	check_stack_depth();
	seg_json_walk(&walk, object);
	while (walk.index < count && seg_json_next(&walk, &json))
		paths[walk.index - 1] = seg_key_path(path, json.val.string.val, json.val.string.len);
	while (seg_json_next(&walk, &json))
	{
		CHECK_FOR_INTERRUPTS();
		tokens_of_value(t, paths[walk.index - 1 - count], &json);
	}
	pfree(paths);
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
	add(&t, 0, SEG_KEY_ALL, 0);
	if (JsonContainerIsObject(document))
		tokens_of_object(&t, 0, document);
	qsort(t.keys, t.n, sizeof(int64), compare_keys);
	*keys = t.keys;
	return (int) qunique(t.keys, t.n, sizeof(int64), compare_keys);
}
