/*
 * eval_doc_leaf.c
 *		What a leaf of a simple rule says about a value of a document.
 *
 * In a document there are no types to find out: what a leaf such as country = 'DE' means does
 * not depend on anything else, so it can be evaluated as it is stored.  Values, literals,
 * spans and comparisons are those of value.c and eval_span.c, which eval.c uses too; this
 * file only brings them together as bind_condition.c does, and the two must agree.
 *
 * What clock words and windows come to is kept as long as the clock stands.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "bind.h"
#include "eval_doc_leaf.h"
#include "eval_span.h"
#include "json.h"

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

struct SegLeaves
{
	SegClock	clock;
	SegCompareHow equality;
	SegCompareHow order;
	TimeEntry	times[TIME_ENTRIES];
};

SegLeaves *
seg_leaves_begin(void)
{
	SegLeaves  *d = palloc0(sizeof(SegLeaves));
	SegTypeInfo json = {.type = SEG_T_JSON};

	seg_compare_how(&d->equality, &json, true);
	seg_compare_how(&d->order, &json, false);
	d->equality.clock = &d->clock;
	d->order.clock = &d->clock;
	return d;
}

bool
seg_leaves_set_clock(SegLeaves *d, TimestampTz now, pg_tz *zone)
{
	bool		moved = d->clock.zone != zone;

	if (moved || d->clock.now != now)
	{
		seg_clock_set(&d->clock, now, zone);
		memset(d->times, 0, sizeof(d->times));
	}
	return moved;
}

/* As a point in time where it is to be one: what seg_value_compare() would read from a text. */
static const SegValue *
as_time(const SegLeaves *d, SegDocumentValue *value)
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
find_time(SegLeaves *d, const TimeKey *key)
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
literal_of_time(SegLeaves *d, SegValue *out, const SegNode *node)
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
literal(SegLeaves *d, SegValue *out, const SegNode *node)
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
test(SegLeaves *d, SegDocumentValue *value, SegCompare op, const SegNode *node)
{
	SegValue	other;
	const SegValue *own = &value->value;

	literal(d, &other, node);
	if (seg_value_is_time(&other))
		own = as_time(d, value);
	return seg_value_test(own, op, &other, op == SEG_EQ ? &d->equality : &d->order);
}

static bool
compare(SegLeaves *d, const SegNode *node, SegDocumentValue *value)
{
	const SegNode *left = seg_node_child(node, 0);

	if (left->kind == SEG_NODE_NAME)
		return test(d, value, node->op, seg_node_child(node, 1));
	return test(d, value, seg_compare_mirrored(node->op), left);
}

static bool
in_elements(SegLeaves *d, const SegNode *node, SegDocumentValue *value)
{
	for (uint32 i = 1; i < node->nchild; i++)
		if (test(d, value, SEG_EQ, seg_node_child(node, i)))
			return true;
	return false;
}

/* Is one of an array's scalars equal to it?  Arrays and objects equal nothing. */
static bool
array_has(SegLeaves *d, const JsonbContainer *array, const SegNode *element)
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
has(SegLeaves *d, const SegNode *node, const SegDocumentValue *value, bool all)
{
	if (value->value.tag != SEG_V_LIST)
		return false;
	for (uint32 i = 1; i < node->nchild; i++)
		if (array_has(d, value->array, seg_node_child(node, i)) != all)
			return !all;
	return all;
}

static bool
is_empty(const SegDocumentValue *value)
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
text_predicate(SegLeaves *d, const SegNode *node, const SegValue *text)
{
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
in_span(SegLeaves *d, const SegNode *node, SegDocumentValue *value)
{
	const SegNode *what = seg_node_child(node, 1);
	bool		anniversary = seg_node_child(node, 0)->kind == SEG_NODE_ANNIVERSARY;
	TimeKey		key = time_key(node, what);
	TimeEntry  *entry;

	key.anniversary = anniversary;
	entry = find_time(d, &key);
	if (!entry->used)
	{
		seg_span_set(&entry->span, what, node->kind == SEG_NODE_WITHIN && node->op != 0, anniversary, &d->clock);
		entry->used = true;
	}
	return seg_span_holds(&entry->span, as_time(d, value), &d->clock);
}

const SegNode *
seg_leaf_name(const SegNode *leaf)
{
	const SegNode *first;

	if (leaf->kind == SEG_NODE_NAME)
		return leaf;
	if (leaf->kind == SEG_NODE_BOOL)
		return NULL;
	first = seg_node_child(leaf, 0);
	if (first->kind == SEG_NODE_NAME)
		return first;
	return first->kind == SEG_NODE_ANNIVERSARY ? seg_node_child(first, 0) : seg_node_child(leaf, 1);
}

bool
seg_leaf_holds(SegLeaves *d, const SegNode *leaf, SegDocumentValue *value)
{
	switch ((SegNodeKind) leaf->kind)
	{
		case SEG_NODE_BOOL:
			return leaf->op != 0;
		case SEG_NODE_NAME:
			return value->value.tag == SEG_V_BOOL && value->value.v.b;
		case SEG_NODE_COMPARE:
			return compare(d, leaf, value);
		case SEG_NODE_BETWEEN:
			return test(d, value, SEG_GE, seg_node_child(leaf, 1)) &&
				test(d, value, SEG_LE, seg_node_child(leaf, 2));
		case SEG_NODE_IN:
			return in_elements(d, leaf, value);
		case SEG_NODE_HAS_ANY:
			return has(d, leaf, value, false);
		case SEG_NODE_HAS_ALL:
			return has(d, leaf, value, true);
		case SEG_NODE_IS_NULL:
			return value->value.tag == SEG_V_MISSING;
		case SEG_NODE_IS_EMPTY:
			return is_empty(value);
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			return in_span(d, leaf, value);
		default:
			return text_predicate(d, leaf, &value->value);
	}
}
