/*
 * gin_profile_query.c
 *		What a rule asks of the keys of documents.
 *
 * NOT is pushed down to the leaves before anything is left out.  A leaf becomes a key or a
 * range of keys that every document has for which it holds; the complement of a leaf, which
 * holds for documents without the name too, asks nothing.  An AND drops operands that ask
 * nothing, an OR with such an operand asks nothing itself.
 *
 * A range is read from end to end before the first row is found.  So an AND also drops wide
 * ranges next to something more selective.
 *
 * Where a rule comes to too many keys it is done again with presence in place of values.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "eval_span.h"
#include "gin_profile.h"
#include "gin_rule.h"

/* Ranges that are expected to hold more than this part of the rows are dropped where they may be. */
#define MASS_NARROW		0.15

/* path and class */
#define HEAD	5

typedef struct Query
{
	const SegClock *clock;
	bool		broad;			/* presence in place of values */
	SegProfileRange *ranges;
	int			nranges;		/* may be more than there is room for */
} Query;

static SegProfileNeed *need_of(Query *q, const SegNode *node, bool negated);

static SegProfileNeed *
make_range(const SegProfileKey *low, const SegProfileKey *high, double mass)
{
	SegProfileNeed *need = palloc0(sizeof(SegProfileNeed));

	need->nchild = -1;
	need->range.low = *low;
	need->range.is_range = high != NULL;
	if (high != NULL)
		need->range.high = *high;
	need->mass = mass;
	return need;
}

static SegProfileNeed *
make_gate(bool all, int nchild)
{
	SegProfileNeed *need = palloc0(sizeof(SegProfileNeed));

	need->all = all;
	need->child = palloc(sizeof(SegProfileNeed *) * Max(nchild, 1));
	return need;
}

/* Everything of some classes under a name. */
static SegProfileNeed *
classes(const SegNode *name, SegProfileClass first, SegProfileClass last, double mass)
{
	uint64		path = seg_key_path_of(name);
	SegProfileKey low;
	SegProfileKey high;

	seg_profile_key(&low, path, first, NULL, 0);
	seg_profile_key(&high, path, last, NULL, 0);
	return make_range(&low, &high, mass);
}

static SegProfileNeed *
present(const SegNode *name)
{
	return classes(name, SEG_PROFILE_TEXT, SEG_PROFILE_HAS_BOOL, SEG_MASS_PRESENT);
}

static SegProfileNeed *
strict_value(const SegNode *value)
{
	const SegNode *name = seg_strict_name(value);

	return name == NULL ? NULL : present(name);
}

/* Leaves. */

static SegProfileNeed *
days(const SegNode *name, int64 first, int64 last)
{
	uint64		path = seg_key_path_of(name);
	SegProfileKey low;
	SegProfileKey high;

	seg_profile_day(&low, path, first - SEG_ZONE_DAYS);
	seg_profile_day(&high, path, last + SEG_ZONE_DAYS);
	return make_range(&low, &high, seg_range_mass(SEG_KEY_DAY, seg_day_code(first), seg_day_code(last)));
}

/* An upper end has all its bytes, so that it does not stand for everything that begins alike. */
static void
number_end(SegProfileKey *key, const SegNode *name, const SegNode *number)
{
	seg_profile_number(key, seg_key_path_of(name), SEG_PROFILE_NUMBER, seg_node_number(number));
	while (key->len < HEAD + SEG_PROFILE_NUMBER_BYTES)
		key->bytes[key->len++] = 0;
}

/* Between two numbers, either of which may be absent. */
static SegProfileNeed *
numbers(const SegNode *name, const SegNode *first, const SegNode *last)
{
	uint64		path = seg_key_path_of(name);
	SegProfileKey low;
	SegProfileKey high;

	seg_profile_key(&low, path, SEG_PROFILE_NUMBER, NULL, 0);
	seg_profile_key(&high, path, SEG_PROFILE_NUMBER, NULL, 0);
	if (first != NULL)
		seg_profile_number(&low, path, SEG_PROFILE_NUMBER, seg_node_number(first));
	if (last != NULL)
		number_end(&high, name, last);
	return make_range(&low, &high,
					  seg_range_mass(SEG_KEY_NUMBER, first ? seg_number_code(seg_node_number(first)) : 0,
									 last ? seg_number_code(seg_node_number(last)) : SEG_NUMBER_CODES - 1));
}

/* The day of a literal that is a point in time; false for other ones. */
static bool
literal_day(Query *q, const SegNode *literal, int64 *day)
{
	SegValue	value;

	switch ((SegNodeKind) literal->kind)
	{
		case SEG_NODE_DAY:
		case SEG_NODE_MOMENT:
		case SEG_NODE_CLOCK:
		case SEG_NODE_AGO:
		case SEG_NODE_EDGE:
			seg_value_from_literal(&value, literal, q->clock);
			if (value.tag != SEG_V_MOMENT && value.tag != SEG_V_WHOLE_DAY)
				return false;
			*day = value.tag == SEG_V_MOMENT ? seg_day_of_moment(value.v.i) : value.v.i;
			return true;
		default:
			return false;
	}
}

static SegProfileNeed *
equal_to(Query *q, const SegNode *name, const SegNode *literal)
{
	uint64		path = seg_key_path_of(name);
	SegProfileKey key;
	int64		day;

	if (q->broad)
		return present(name);
	switch ((SegNodeKind) literal->kind)
	{
		case SEG_NODE_TEXT:
			seg_profile_attribute(&key, path, seg_node_text(literal), literal->len);
			return make_range(&key, NULL, SEG_MASS_TEXT);
		case SEG_NODE_NUMBER:
			seg_profile_number(&key, path, SEG_PROFILE_NUMBER, seg_node_number(literal));
			return make_range(&key, NULL, SEG_MASS_NUMBER);
		case SEG_NODE_BOOL:
			seg_profile_bool(&key, path, SEG_PROFILE_BOOL, literal->op != 0);
			return make_range(&key, NULL, SEG_MASS_BOOL);
		default:
			return literal_day(q, literal, &day) ? days(name, day, day) : present(name);
	}
}

static SegProfileNeed *
has(Query *q, const SegNode *name, const SegNode *literal)
{
	uint64		path = seg_key_path_of(name);
	SegProfileKey key;

	if (q->broad)
		return present(name);
	switch ((SegNodeKind) literal->kind)
	{
		case SEG_NODE_TEXT:
			seg_profile_text(&key, path, SEG_PROFILE_HAS_TEXT, seg_node_text(literal), literal->len);
			return make_range(&key, NULL, SEG_MASS_HAS);
		case SEG_NODE_NUMBER:
			seg_profile_number(&key, path, SEG_PROFILE_HAS_NUMBER, seg_node_number(literal));
			return make_range(&key, NULL, SEG_MASS_HAS);
		case SEG_NODE_BOOL:
			seg_profile_bool(&key, path, SEG_PROFILE_HAS_BOOL, literal->op != 0);
			return make_range(&key, NULL, SEG_MASS_BOOL);
		default:
			return classes(name, SEG_PROFILE_LIST, SEG_PROFILE_HAS_BOOL, SEG_MASS_PRESENT);
	}
}

static SegProfileNeed *
comparison(Query *q, const SegNode *node)
{
	const SegNode *left = seg_node_child(node, 0);
	const SegNode *right = seg_node_child(node, 1);
	const SegNode *name = left->kind == SEG_NODE_NAME ? left : right;
	const SegNode *literal = name == left ? right : left;
	bool		below = (node->op == SEG_LT || node->op == SEG_LE) == (name == left);
	SegProfileNeed *need;
	int64		day;

	/* conditions are never missing */
	if (left->kind >= SEG_NODE_AND || right->kind >= SEG_NODE_AND)
		return NULL;
	if (name->kind != SEG_NODE_NAME)
	{
		need = strict_value(left);
		return need != NULL ? need : strict_value(right);
	}
	if (q->broad)
		return present(name);
	if (node->op == SEG_EQ)
		return equal_to(q, name, literal);
	if (literal->kind == SEG_NODE_NUMBER)
		return numbers(name, below ? NULL : literal, below ? literal : NULL);
	if (literal->kind == SEG_NODE_TEXT)
		return classes(name, SEG_PROFILE_TEXT, SEG_PROFILE_TIME, SEG_MASS_PRESENT);
	if (literal_day(q, literal, &day))
		return days(name, below ? PG_INT32_MIN : day, below ? day : PG_INT32_MAX);
	return present(name);
}

static SegProfileNeed *
between(Query *q, const SegNode *node)
{
	const SegNode *name = seg_node_child(node, 0);
	const SegNode *low = seg_node_child(node, 1);
	const SegNode *high = seg_node_child(node, 2);
	int64		first;
	int64		last;

	if (name->kind != SEG_NODE_NAME)
		return strict_value(name);
	if (q->broad)
		return present(name);
	if (low->kind == SEG_NODE_NUMBER && high->kind == SEG_NODE_NUMBER)
		return numbers(name, low, high);
	if (literal_day(q, low, &first) && literal_day(q, high, &last))
		return days(name, first, last);
	return present(name);
}

static SegProfileNeed *
elements(Query *q, const SegNode *node, SegProfileNeed *(*one) (Query *, const SegNode *, const SegNode *))
{
	const SegNode *name = seg_node_child(node, 0);
	SegProfileNeed *need;

	if (name->kind != SEG_NODE_NAME)
		return strict_value(name);
	if (q->broad)
		return present(name);
	need = make_gate(node->kind == SEG_NODE_HAS_ALL, node->nchild);
	need->mass = need->all ? 1 : 0;
	for (uint32 i = 1; i < node->nchild; i++)
	{
		SegProfileNeed *child = one(q, name, seg_node_child(node, i));

		need->child[need->nchild++] = child;
		need->mass = need->all ? Min(need->mass, child->mass) : Min(1, need->mass + child->mass);
	}
	return need;
}

/* Texts that begin with a part of a pattern.  What begins with a digit may be a day. */
static SegProfileNeed *
text_predicate(Query *q, const SegNode *node)
{
	const SegNode *name = seg_node_child(node, 0);
	const SegNode *part = seg_node_child(node, 1);
	const char *s = seg_node_text(part);
	int			len = 0;
	SegProfileKey key;

	if (name->kind != SEG_NODE_NAME)
		return strict_value(name);
	if (q->broad)
		return present(name);
	if (part->kind == SEG_NODE_TEXT && node->kind == SEG_NODE_STARTS)
		len = Min(part->len, SEG_PROFILE_PREFIX);
	else if (part->kind == SEG_NODE_TEXT && node->kind == SEG_NODE_LIKE)
		len = Min(strcspn(s, "%_\\"), SEG_PROFILE_PREFIX);
	if (len == 0 || (*s >= '0' && *s <= '9'))
		return classes(name, SEG_PROFILE_TEXT, SEG_PROFILE_TIME, SEG_MASS_PRESENT);
	seg_profile_key(&key, seg_key_path_of(name), SEG_PROFILE_TEXT, s, len);
	return make_range(&key, &key, SEG_MASS_TEXT);
}

static SegProfileNeed *
within(Query *q, const SegNode *node)
{
	const SegNode *name = seg_node_child(node, 0);
	SegEvalSpan span;

	if (name->kind == SEG_NODE_ANNIVERSARY)
		name = seg_node_child(name, 0);
	if (name->kind != SEG_NODE_NAME)
		return strict_value(name);
	if (q->broad)
		return present(name);
	seg_span_set(&span, seg_node_child(node, 1), node->kind == SEG_NODE_WITHIN && node->op != 0,
				 name != seg_node_child(node, 0), q->clock);
	if (!span.valid)
		return make_gate(false, 0);
	if (span.month != 0 || span.anniversary)
		return classes(name, SEG_PROFILE_TIME, SEG_PROFILE_TIME, SEG_MASS_TIME);
	return days(name, seg_day_of_moment(span.moments.start), seg_day_of_moment(span.moments.end));
}

static SegProfileNeed *
need_of_leaf(Query *q, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
			{
				SegProfileKey key;

				if (q->broad)
					return present(node);
				seg_profile_bool(&key, seg_key_path_of(node), SEG_PROFILE_BOOL, true);
				return make_range(&key, NULL, SEG_MASS_BOOL);
			}
		case SEG_NODE_COMPARE:
			return comparison(q, node);
		case SEG_NODE_BETWEEN:
			return between(q, node);
		case SEG_NODE_IN:
			return elements(q, node, equal_to);
		case SEG_NODE_HAS_ANY:
		case SEG_NODE_HAS_ALL:
			return elements(q, node, has);
		case SEG_NODE_LIKE:
		case SEG_NODE_ILIKE:
		case SEG_NODE_MATCHES:
		case SEG_NODE_STARTS:
		case SEG_NODE_ENDS:
		case SEG_NODE_CONTAINS:
			return text_predicate(q, node);
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			return within(q, node);
		default:
			return NULL;
	}
}

/* Gates. */

static bool
same_head(const SegProfileRange *a, const SegProfileRange *b)
{
	return a->is_range && b->is_range &&
		memcmp(a->low.bytes, a->high.bytes, HEAD) == 0 &&
		memcmp(a->low.bytes, b->low.bytes, HEAD) == 0 &&
		memcmp(a->low.bytes, b->high.bytes, HEAD) == 0;
}

/* Two ranges over one name: what lies in both, which may be nothing. */
static void
intersect(SegProfileRange *range, const SegProfileRange *other)
{
	int			order = memcmp(range->low.bytes, other->low.bytes, Min(range->low.len, other->low.len));

	if (order < 0 || (order == 0 && range->low.len < other->low.len))
		range->low = other->low;
	/* an end stands for all that it begins: the longer one is the nearer */
	order = memcmp(range->high.bytes, other->high.bytes, Min(range->high.len, other->high.len));
	if (order > 0 || (order == 0 && range->high.len < other->high.len))
		range->high = other->high;
}

/* Adds an operand to an AND, or makes a range in it narrower. */
static void
add_to_all(SegProfileNeed *gate, SegProfileNeed *need)
{
	if (need->nchild < 0)
		for (int i = 0; i < gate->nchild; i++)
			if (gate->child[i]->nchild < 0 && same_head(&gate->child[i]->range, &need->range))
			{
				intersect(&gate->child[i]->range, &need->range);
				/* what two ends leave is taken for a tenth of what there is */
				gate->child[i]->mass = Min(Min(gate->child[i]->mass, need->mass), 0.1);
				return;
			}
	gate->child[gate->nchild++] = need;
}

static bool
has_range(const SegProfileNeed *need)
{
	if (need->nchild < 0)
		return need->range.is_range;
	for (int i = 0; i < need->nchild; i++)
		if (has_range(need->child[i]))
			return true;
	return false;
}

static SegProfileNeed *
need_of_all(Query *q, const SegNode *node, bool negated)
{
	SegProfileNeed *gate = make_gate(true, node->nchild);
	int			n = 0;
	int			best = 0;

	for (uint32 i = 0; i < node->nchild; i++)
	{
		SegProfileNeed *need = need_of(q, seg_node_child(node, i), negated);

		if (need != NULL)
			add_to_all(gate, need);
	}
	if (gate->nchild == 0)
		return NULL;
	for (int i = 1; i < gate->nchild; i++)
		if (gate->child[i]->mass < gate->child[best]->mass)
			best = i;
	gate->mass = gate->child[best]->mass;
	for (int i = 0; i < gate->nchild; i++)
		if (i == best || gate->child[i]->mass <= MASS_NARROW || !has_range(gate->child[i]))
			gate->child[n++] = gate->child[i];
	gate->nchild = n;
	return gate;
}

static bool
same_range(const SegProfileRange *a, const SegProfileRange *b)
{
	return a->low.len == b->low.len && a->high.len == b->high.len &&
		memcmp(a->low.bytes, b->low.bytes, a->low.len) == 0 &&
		memcmp(a->high.bytes, b->high.bytes, a->high.len) == 0;
}

static SegProfileNeed *
need_of_any(Query *q, const SegNode *node, bool negated)
{
	SegProfileNeed *gate = make_gate(false, node->nchild);

	for (uint32 i = 0; i < node->nchild; i++)
	{
		SegProfileNeed *need = need_of(q, seg_node_child(node, i), negated);
		bool		known = false;

		if (need == NULL)
			return NULL;
		/* presence is often asked many times */
		for (int j = 0; q->broad && need->nchild < 0 && j < gate->nchild && !known; j++)
			known = gate->child[j]->nchild < 0 && same_range(&gate->child[j]->range, &need->range);
		if (known)
			continue;
		gate->child[gate->nchild++] = need;
		gate->mass = Min(1, gate->mass + need->mass);
	}
	return gate;
}

static SegProfileNeed *
need_of(Query *q, const SegNode *node, bool negated)
{
	const SegNode *source;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NOT:
			return need_of(q, seg_node_child(node, 0), !negated);
		case SEG_NODE_AND:
		case SEG_NODE_OR:
			return (node->kind == SEG_NODE_AND) != negated ?
				need_of_all(q, node, negated) : need_of_any(q, node, negated);
		case SEG_NODE_BOOL:
			return (node->op != 0) == negated ? make_gate(false, 0) : NULL;
		default:
			source = seg_needed_source(node, negated);
			if (source != NULL)
				return classes(source, SEG_PROFILE_LIST, SEG_PROFILE_HAS_BOOL, SEG_MASS_PRESENT);
			if (!negated)
				return need_of_leaf(q, node);
			if (node->kind == SEG_NODE_IS_NULL || node->kind == SEG_NODE_IS_EMPTY)
				return strict_value(seg_node_child(node, 0));
			return NULL;
	}
}

static void
number_ranges(Query *q, SegProfileNeed *need)
{
	if (need->nchild < 0)
	{
		if (q->nranges < SEG_PROFILE_MAX_KEYS)
			q->ranges[q->nranges] = need->range;
		need->key = q->nranges++;
	}
	for (int i = 0; i < need->nchild; i++)
		number_ranges(q, need->child[i]);
}

SegProfileNeed *
seg_profile_need(const SegRule *rule, const SegClock *clock, SegProfileRange **ranges, int *nranges)
{
	Query		q = {.clock = clock};

	q.ranges = *ranges = palloc(sizeof(SegProfileRange) * SEG_PROFILE_MAX_KEYS);
	for (int broad = 0; broad <= 1; broad++)
	{
		SegProfileNeed *need;

		q.broad = broad;
		q.nranges = 0;
		need = need_of(&q, seg_rule_root(rule), false);
		if (need == NULL)
			return NULL;
		number_ranges(&q, need);
		*nranges = q.nranges;
		if (q.nranges <= SEG_PROFILE_MAX_KEYS)
			return need;
	}
	return NULL;
}
