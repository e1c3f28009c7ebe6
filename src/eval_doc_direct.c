/*
 * eval_doc_direct.c
 *		Simple rules on a document, without binding.
 *
 * Binding a rule costs some microseconds.  That is nothing where one rule meets many
 * documents, and nearly everything where one document meets many rules, each once: here
 * the flat tree is evaluated as it is.  rule_simple.c says which rules are simple; others
 * are bound.
 *
 * A document that comes again is put in a table by its keys, and what its texts are as
 * moments is kept with them.  A rule that comes again is compiled (eval_doc_compile.c).
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "eval_doc_direct.h"
#include "eval_doc_leaf.h"
#include "json.h"
#include "value.h"

/* An attribute of a document that is remembered. */
typedef struct Attribute
{
	const char *key;			/* NULL: free */
	uint32		len;
	uint32		hash;
	SegDocumentValue value;
} Attribute;

struct SegDirect
{
	SegLeaves  *leaves;
	const JsonbContainer *document;
	MemoryContext context;		/* of the attributes */
	Attribute  *attributes;		/* NULL: not remembered */
	uint32		mask;
};

SegDirect *
seg_direct_begin(void)
{
	SegDirect  *d = palloc0(sizeof(SegDirect));

	d->leaves = seg_leaves_begin();
	d->context = AllocSetContextCreate(CurrentMemoryContext, "segments document", ALLOCSET_SMALL_SIZES);
	return d;
}

void
seg_direct_set_clock(SegDirect *d, TimestampTz now, pg_tz *zone)
{
	/* texts without a zone are other moments now */
	if (seg_leaves_set_clock(d->leaves, now, zone))
		d->attributes = NULL;
}

SegLeaves *
seg_direct_leaves(SegDirect *d)
{
	return d->leaves;
}

/* The document. */

static inline uint32
hash_key(const char *key, uint32 len)
{
	uint64		hash = len;
	uint64		word;

	for (; len >= sizeof(word); len -= sizeof(word), key += sizeof(word))
	{
		memcpy(&word, key, sizeof(word));
		hash = (hash ^ word) * UINT64CONST(0x9E3779B97F4A7C15);
		hash ^= hash >> 32;
	}
	for (word = 0; len > 0; len--)
		word = word << 8 | (uint8) *key++;
	hash = (hash ^ word) * UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (hash >> 32);
}

static Attribute *
find_attribute(const SegDirect *d, const char *key, uint32 len)
{
	uint32		hash = hash_key(key, len);
	uint32		i = hash & d->mask;

	while (d->attributes[i].key != NULL &&
		   (d->attributes[i].hash != hash || d->attributes[i].len != len ||
			!seg_same_bytes(d->attributes[i].key, key, len)))
		i = (i + 1) & d->mask;
	return &d->attributes[i];
}

static void
remember_attributes(SegDirect *d)
{
	uint32		count = JsonContainerIsObject(d->document) ? JsonContainerSize(d->document) : 0;
	uint32		size = pg_nextpower2_32(count * 2 + 2);
	Attribute **in_order;
	SegJsonWalk walk;
	JsonbValue	json;

	d->attributes = MemoryContextAllocExtended(d->context, sizeof(Attribute) * (Size) size,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	d->mask = size - 1;
	in_order = MemoryContextAlloc(d->context, sizeof(Attribute *) * (Size) (count + 1));
	if (count == 0)
		return;
	seg_json_walk(&walk, d->document);
	while (walk.index < count && seg_json_next(&walk, &json))
	{
		Attribute  *attribute = find_attribute(d, json.val.string.val, json.val.string.len);

		attribute->key = json.val.string.val;
		attribute->len = json.val.string.len;
		attribute->hash = hash_key(attribute->key, attribute->len);
		in_order[walk.index - 1] = attribute;
	}
	while (seg_json_next(&walk, &json))
		seg_document_value(&in_order[walk.index - 1 - count]->value, &json);
}

void
seg_direct_document(SegDirect *d, const JsonbContainer *document, bool remember)
{
	d->document = document;
	d->attributes = NULL;
	if (remember)
	{
		MemoryContextReset(d->context);
		remember_attributes(d);
	}
}

/* What a name of several parts leads to, from the document or from an object in it. */
static SegDocumentValue *
value_of_path(const SegDirect *d, const SegNode *name, SegDocumentValue *room)
{
	const JsonbContainer *container = d->document;
	const char *part = seg_node_payload(name);
	JsonbValue	json;

	for (int i = 0; i < name->op; i++, part += strlen(part) + 1)
	{
		if (container == NULL || !seg_json_get(container, part, strlen(part), NULL, &json))
		{
			seg_value_missing(&room->value);
			return room;
		}
		container = json.type == jbvBinary ? json.val.binary.data : NULL;
	}
	seg_document_value(room, &json);
	return room;
}

/* What a name stands for; room is memory for it. */
static SegDocumentValue *
value_of_name(const SegDirect *d, const SegNode *name, SegDocumentValue *room)
{
	const char *key = seg_node_payload(name);
	JsonbValue	json;

	if (name->op > 1)
		return value_of_path(d, name, room);
	if (d->attributes != NULL)
	{
		Attribute  *attribute = find_attribute(d, key, name->len);

		if (attribute->key != NULL)
			return &attribute->value;
		seg_value_missing(&room->value);
		return room;
	}
	if (seg_json_get(d->document, key, name->len, NULL, &json))
		seg_document_value(room, &json);
	else
		seg_value_missing(&room->value);
	return room;
}

/* Gates. */

static bool
leaf_holds(const SegDirect *d, const SegNode *leaf)
{
	SegDocumentValue room;
	const SegNode *name = seg_leaf_name(leaf);

	return seg_leaf_holds(d->leaves, leaf, name == NULL ? NULL : value_of_name(d, name, &room));
}

bool
seg_direct_holds(SegDirect *d, const SegNode *node)
{
	bool		any = node->kind == SEG_NODE_OR;

	if (node->kind == SEG_NODE_NOT)
		return !seg_direct_holds(d, seg_node_child(node, 0));
	if (!any && node->kind != SEG_NODE_AND)
		return leaf_holds(d, node);
	check_stack_depth();
	for (uint32 i = 0; i < node->nchild; i++)
		if (seg_direct_holds(d, seg_node_child(node, i)) == any)
			return any;
	return !any;
}
