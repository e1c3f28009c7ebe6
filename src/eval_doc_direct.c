/*
 * eval_doc_direct.c
 *		Simple rules on documents, without binding.
 *
 * Binding a rule costs some microseconds.  That is nothing where one rule meets many
 * documents, and nearly everything where one document meets many rules, each once.  In a
 * document there are no types to find out: what a leaf such as country = 'DE' means does
 * not depend on anything else, so the flat tree can be evaluated as it is.
 *
 * rule_simple.c says which rules are simple; others are bound.  Values, literals, spans
 * and comparisons are those of value.c and eval_span.c, which eval.c uses too; this file
 * only brings them together as bind_condition.c does, and the two must agree.
 *
 * A document that comes again is put in a table by its keys, and what its texts are as
 * moments is kept with them.  What clock words and windows come to is kept as long as
 * the clock stands.  For a rule that comes again it is kept where the keys were found,
 * since documents of one table mostly look alike.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "bind.h"
#include "eval_doc_direct.h"
#include "eval_span.h"
#include "json.h"
#include "value.h"

/* A value of the document.  Arrays are read in place: value has no list then. */
typedef struct DocumentValue
{
	SegValue	value;
	const JsonbContainer *array;
	bool		read;			/* iso is known */
	SegValue	iso;			/* what a text is as a day or moment; MISSING: neither */
} DocumentValue;

/* An attribute of a document that is remembered. */
typedef struct Attribute
{
	const char *key;			/* NULL: free */
	uint32		len;
	uint32		hash;
	DocumentValue value;
} Attribute;

/* What distinguishes two clock words, local moments, windows or periods. */
typedef struct TimeKey
{
	uint8		kind;
	uint8		op;
	uint8		part;			/* op of what a predicate has behind it */
	uint8		anniversary;
	uint32		flags;
	char		payload[sizeof(Interval)];
} TimeKey;

typedef struct TimeEntry
{
	bool		used;
	TimeKey		key;
	SegValue	value;
	SegEvalSpan span;
} TimeEntry;

#define TIME_ENTRIES 64			/* a power of two */

struct SegDirect
{
	SegClock	clock;
	SegCompareHow equality;
	SegCompareHow order;
	TimeEntry	times[TIME_ENTRIES];
	const JsonbContainer *document;
	const SegRule *rule;
	uint32	   *hints;
	MemoryContext context;		/* of the attributes */
	Attribute  *attributes;		/* NULL: not remembered */
	uint32		mask;
};

SegDirect *
seg_direct_begin(void)
{
	SegDirect  *d = palloc0(sizeof(SegDirect));
	SegTypeInfo json = {.type = SEG_T_JSON};

	seg_compare_how(&d->equality, &json, true);
	seg_compare_how(&d->order, &json, false);
	d->equality.clock = &d->clock;
	d->order.clock = &d->clock;
	d->context = AllocSetContextCreate(CurrentMemoryContext, "segments document", ALLOCSET_SMALL_SIZES);
	return d;
}

void
seg_direct_set_clock(SegDirect *d, TimestampTz now, pg_tz *zone)
{
	if (d->clock.zone == zone && d->clock.now == now)
		return;
	/* texts without a zone are other moments now */
	if (d->clock.zone != zone)
		d->attributes = NULL;
	seg_clock_set(&d->clock, now, zone);
	memset(d->times, 0, sizeof(d->times));
}

/* The document. */

static void
take_value(DocumentValue *out, const JsonbValue *json)
{
	out->read = false;
	if (json->type == jbvBinary && JsonContainerIsArray(json->val.binary.data))
	{
		out->value.tag = SEG_V_LIST;
		out->value.v.list = NULL;
		out->array = json->val.binary.data;
	}
	else
		seg_value_from_jsonb(&out->value, json);
}

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
			memcmp(d->attributes[i].key, key, len) != 0))
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
		take_value(&in_order[walk.index - 1 - count]->value, &json);
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
static DocumentValue *
value_of_path(const SegDirect *d, const SegNode *name, DocumentValue *room)
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
	take_value(room, &json);
	return room;
}

/* What a name stands for; room is memory for it. */
static DocumentValue *
value_of_name(const SegDirect *d, const SegNode *name, DocumentValue *room)
{
	const char *key = seg_node_payload(name);
	uint32	   *hint;
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
	hint = d->hints == NULL ? NULL : &d->hints[((const char *) name - (const char *) d->rule) / 4];
	if (seg_json_get(d->document, key, name->len, hint, &json))
		take_value(room, &json);
	else
		seg_value_missing(&room->value);
	return room;
}

/* As a point in time where it is to be one: what seg_value_compare() would read from a text. */
static const SegValue *
as_time(const SegDirect *d, DocumentValue *value)
{
	if (value->value.tag != SEG_V_TEXT)
		return &value->value;
	if (!value->read)
	{
		if (!seg_value_from_iso(&value->iso, &value->value, &d->clock))
			seg_value_missing(&value->iso);
		value->read = true;
	}
	return &value->iso;
}

/* Literals. */

static TimeEntry *
find_time(SegDirect *d, const TimeKey *key)
{
	TimeEntry  *entry = &d->times[hash_bytes((const unsigned char *) key, sizeof(*key)) & (TIME_ENTRIES - 1)];

	if (entry->used && memcmp(&entry->key, key, sizeof(*key)) == 0)
		return entry;
	entry->used = false;
	entry->key = *key;
	return entry;
}

static TimeKey
time_key(const SegNode *node, const SegNode *part)
{
	TimeKey		key = {.kind = node->kind,.op = node->op,.flags = node->flags};

	if (part != NULL)
	{
		key.part = part->op;
		key.flags = part->flags;
		node = part;
	}
	Assert(node->len <= sizeof(key.payload));
	memcpy(key.payload, seg_node_payload(node), node->len);
	return key;
}

static void
literal_of_time(SegDirect *d, SegValue *out, const SegNode *node)
{
	TimeKey		key = time_key(node, node->nchild > 0 ? seg_node_child(node, 0) : NULL);
	TimeEntry  *entry = find_time(d, &key);

	if (!entry->used)
	{
		seg_value_from_literal(&entry->value, node, &d->clock);
		entry->used = true;
	}
	*out = entry->value;
}

static void
literal(SegDirect *d, SegValue *out, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NUMBER:
			/* json numbers are compared as numerics, so it need not become an integer */
			out->tag = SEG_V_NUMERIC;
			out->v.n = seg_node_number(node);
			break;
		case SEG_NODE_TEXT:
		case SEG_NODE_BOOL:
		case SEG_NODE_DAY:
			seg_value_from_literal(out, node, &d->clock);
			break;
		default:
			literal_of_time(d, out, node);
	}
}

/* Leaves. */

static bool
test(SegDirect *d, DocumentValue *value, SegCompare op, const SegNode *node)
{
	SegValue	other;
	const SegValue *own = &value->value;

	literal(d, &other, node);
	if (seg_value_is_time(&other))
		own = as_time(d, value);
	return seg_value_test(own, op, &other, op == SEG_EQ ? &d->equality : &d->order);
}

static bool
compare(SegDirect *d, const SegNode *node)
{
	const SegNode *left = seg_node_child(node, 0);
	const SegNode *right = seg_node_child(node, 1);
	DocumentValue room;

	if (left->kind == SEG_NODE_NAME)
		return test(d, value_of_name(d, left, &room), node->op, right);
	return test(d, value_of_name(d, right, &room), seg_compare_mirrored(node->op), left);
}

static bool
in_elements(SegDirect *d, const SegNode *node)
{
	DocumentValue room;
	DocumentValue *value = value_of_name(d, seg_node_child(node, 0), &room);

	for (uint32 i = 1; i < node->nchild; i++)
		if (test(d, value, SEG_EQ, seg_node_child(node, i)))
			return true;
	return false;
}

/* Is one of an array's scalars equal to it?  Arrays and objects equal nothing. */
static bool
array_has(SegDirect *d, const JsonbContainer *array, const SegNode *element)
{
	SegJsonWalk walk;
	JsonbValue	json;
	SegValue	value;
	SegValue	wanted;

	literal(d, &wanted, element);
	seg_json_walk(&walk, array);
	while (seg_json_next(&walk, &json))
	{
		if (json.type == jbvBinary || json.type == jbvNull)
			continue;
		seg_value_from_jsonb(&value, &json);
		if (seg_value_equal(&value, &wanted, &d->equality))
			return true;
	}
	return false;
}

static bool
has(SegDirect *d, const SegNode *node, bool all)
{
	DocumentValue room;
	DocumentValue *value = value_of_name(d, seg_node_child(node, 0), &room);

	if (value->value.tag != SEG_V_LIST)
		return false;
	for (uint32 i = 1; i < node->nchild; i++)
		if (array_has(d, value->array, seg_node_child(node, i)) != all)
			return !all;
	return all;
}

static bool
is_empty(const DocumentValue *value)
{
	SegJsonWalk walk;
	JsonbValue	json;

	if (value->value.tag != SEG_V_LIST)
		return value->value.tag == SEG_V_MISSING || (value->value.tag == SEG_V_TEXT && value->value.len == 0);
	seg_json_walk(&walk, value->array);
	while (seg_json_next(&walk, &json))
		if (json.type != jbvNull)
			return false;
	return true;
}

static bool
text_predicate(SegDirect *d, const SegNode *node)
{
	DocumentValue room;
	const SegValue *text = &value_of_name(d, seg_node_child(node, 0), &room)->value;
	SegValue	part;

	literal(d, &part, seg_node_child(node, 1));
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_STARTS:
			return seg_value_starts(text, &part);
		case SEG_NODE_ENDS:
			return seg_value_ends(text, &part);
		case SEG_NODE_CONTAINS:
			return seg_value_contains(text, &part);
		default:
			return seg_value_like(text, &part, node->kind, d->order.collation, false);
	}
}

static bool
in_span(SegDirect *d, const SegNode *node)
{
	const SegNode *name = seg_node_child(node, 0);
	const SegNode *what = seg_node_child(node, 1);
	bool		anniversary = name->kind == SEG_NODE_ANNIVERSARY;
	TimeKey		key = time_key(node, what);
	DocumentValue room;
	TimeEntry  *entry;

	key.anniversary = anniversary;
	entry = find_time(d, &key);
	if (!entry->used)
	{
		seg_span_set(&entry->span, what, node->kind == SEG_NODE_WITHIN && node->op != 0, anniversary, &d->clock);
		entry->used = true;
	}
	if (anniversary)
		name = seg_node_child(name, 0);
	return seg_span_holds(&entry->span, as_time(d, value_of_name(d, name, &room)), &d->clock);
}

static bool
holds(SegDirect *d, const SegNode *node)
{
	DocumentValue room;
	const SegValue *value;

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_AND:
		case SEG_NODE_OR:
			for (uint32 i = 0; i < node->nchild; i++)
				if (holds(d, seg_node_child(node, i)) == (node->kind == SEG_NODE_OR))
					return node->kind == SEG_NODE_OR;
			return node->kind == SEG_NODE_AND;
		case SEG_NODE_NOT:
			return !holds(d, seg_node_child(node, 0));
		case SEG_NODE_BOOL:
			return node->op != 0;
		case SEG_NODE_NAME:
			value = &value_of_name(d, node, &room)->value;
			return value->tag == SEG_V_BOOL && value->v.b;
		case SEG_NODE_COMPARE:
			return compare(d, node);
		case SEG_NODE_BETWEEN:
			{
				DocumentValue *own = value_of_name(d, seg_node_child(node, 0), &room);

				return test(d, own, SEG_GE, seg_node_child(node, 1)) &&
					test(d, own, SEG_LE, seg_node_child(node, 2));
			}
		case SEG_NODE_IN:
			return in_elements(d, node);
		case SEG_NODE_HAS_ANY:
			return has(d, node, false);
		case SEG_NODE_HAS_ALL:
			return has(d, node, true);
		case SEG_NODE_IS_NULL:
			return value_of_name(d, seg_node_child(node, 0), &room)->value.tag == SEG_V_MISSING;
		case SEG_NODE_IS_EMPTY:
			return is_empty(value_of_name(d, seg_node_child(node, 0), &room));
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			return in_span(d, node);
		default:
			return text_predicate(d, node);
	}
}

bool
seg_direct_holds(SegDirect *d, const SegRule *rule, uint32 *hints)
{
	d->rule = rule;
	d->hints = hints;
	return holds(d, seg_rule_root(rule));
}

bool
seg_direct_node_holds(SegDirect *d, const SegNode *node)
{
	d->hints = NULL;
	return holds(d, node);
}
