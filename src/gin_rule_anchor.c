/*
 * gin_rule_anchor.c
 *		The keys of a rule: those of its most selective necessary condition.
 *
 * A rule that holds for a document shares a key with it.  Of an AND one operand is enough,
 * the one that is expected to hold most rarely (by the frequencies of its keys where they
 * are known, else by its kind); an OR needs the keys of all operands.  NOT
 * is pushed down to the leaves before anything is left out.  A leaf has keys if it can
 * hold only for documents that have a certain value, or a value at all, under a name;
 * the complement of such a leaf also holds for documents that lack the name and has none.
 * A rule without keys is filed under SEG_KEY_ALL.
 *
 * Nothing depends on the clock or the time zone, which are known at a look-up only.  What
 * is relative to the clock is filed under: is a day or moment.  A literal day is widened
 * by two days on both sides, which is more than zones can make a difference.
 *
 * Ranges over one name in one AND are intersected, so that age >= 18 and age < 25 is found
 * as a range of seven years.
 *
 * An index keeps more of a rule than its keys (gin_rule_entry.c): of each AND that is in no
 * other AND, the next two operands that are expected to hold most rarely go with the keys of the
 * first, where they come to one span each, or one of them to two.
 *
 * Where a rule comes to too many keys it is done again with presence in place of values:
 * each attempt takes time linear in the rule, but for ANDs of many ranges, of which only
 * the first MAX_RANGES are intersected.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "gin_rule.h"

#define MAX_RANGES		32

typedef struct Anchor
{
	bool		found;			/* false: nothing is necessary */
	double		mass;
	int			n;				/* keys, the last on the stack */
} Anchor;

/* What is put on the stack. */
typedef enum FilingForm
{
	KEYS,
	ENTRIES,					/* keys, each with what must hold besides */
	SPANS						/* what must hold besides (gin_rule_entry.c) */
} FilingForm;

typedef struct Filing
{
	const SegFrequencies *frequencies;	/* NULL: not known */
	FilingForm form;
	bool		broad;			/* presence in place of values */
	bool		within_all;		/* below an AND whose operands are told apart */
	bool		overflow;		/* there were too many keys somewhere */
	int			n;
	int64		keys[SEG_RULE_MAX_KEYS];
} Filing;

/* A condition that a number or a day lies between two codes. */
typedef struct Range
{
	const SegNode *name;
	SegKeyKind	kind;			/* SEG_KEY_NUMBER or SEG_KEY_DAY */
	int			low;
	int			high;
} Range;

static const Anchor unanchored = {.found = false};

static Anchor anchor_of(Filing *f, const SegNode *node, bool negated);

static Anchor
push(Filing *f, int64 key, double mass)
{
	Anchor		anchor = {.found = true,.mass = mass,.n = 1};

	if (f->n == SEG_RULE_MAX_KEYS)
	{
		f->overflow = true;
		return unanchored;
	}
	f->keys[f->n++] = key;
	return anchor;
}

/* The keys of two conditions, which are the last on the stack, next's behind those of so_far. */
static Anchor
either(Filing *f, Anchor so_far, Anchor next)
{
	int64	   *keys = f->keys + f->n - so_far.n - next.n;
	int			n = so_far.n;
	Anchor		anchor = {.found = so_far.found && next.found,.mass = Min(so_far.mass + next.mass, 1)};

	if (!anchor.found)
		return unanchored;
	for (int i = 0; i < next.n; i++)
	{
		int64		key = keys[so_far.n + i];
		int			known = 0;

		while (known < n && keys[known] != key)
			known++;
		if (known == n)
			keys[n++] = key;
	}
	f->n -= so_far.n + next.n - n;
	anchor.n = n;
	return anchor;
}

static Anchor
push_value(Filing *f, const SegNode *name, SegKeyKind kind, uint64 value, double mass)
{
	uint64		path = seg_key_path_of(name);
	int64		key = seg_key(path, kind, value);

	if (f->frequencies != NULL)
		mass = seg_frequency_of(f->frequencies, key);
	if (f->form == ENTRIES)
		key = seg_key_is_presence(kind, value) ? seg_entry_of_presence(path, kind) : seg_entry_of_key(key);
	else if (f->form == SPANS)
		key = seg_span(path, kind, value, value);
	return push(f, key, mass);
}

static Anchor
push_range(Filing *f, const Range *range)
{
	int64		keys[SEG_MAX_CELLS];
	uint64		path = seg_key_path_of(range->name);
	Anchor		anchor = {.found = true};
	bool		number = range->kind == SEG_KEY_NUMBER;
	int			last = (number ? SEG_NUMBER_CODES : SEG_DAY_CODES) - 1;
	int			low = f->broad ? 0 : range->low;
	int			high = f->broad ? last : range->high;
	uint64		whole = seg_cell(0, (number ? SEG_NUMBER_LEVELS : SEG_DAY_LEVELS) - 1);

	if (low > high)
		return anchor;
	anchor.n = seg_key_range(path, range->kind, low, high, keys);
	if (f->frequencies == NULL)
		anchor.mass = seg_range_mass(range->kind, low, high);
	for (int i = 0; i < anchor.n && f->frequencies != NULL; i++)
		anchor.mass += seg_frequency_of(f->frequencies, keys[i]);
	if (f->form == SPANS)
		return push(f, seg_span(path, range->kind, low, high), anchor.mass);
	if (anchor.n > SEG_RULE_MAX_KEYS - f->n)
	{
		f->overflow = true;
		return unanchored;
	}
	if (f->form == ENTRIES && keys[0] == seg_key(path, range->kind, whole))
		return push(f, seg_entry_of_presence(path, range->kind), anchor.mass);
	for (int i = 0; i < anchor.n; i++)
		f->keys[f->n++] = f->form == ENTRIES ? seg_entry_of_key(keys[i]) : keys[i];
	return anchor;
}

static Anchor
push_is_time(Filing *f, const SegNode *name)
{
	Range		range = {.name = name,.kind = SEG_KEY_DAY,.high = SEG_DAY_CODES - 1};

	return push_range(f, &range);
}

/* The name stands for anything that is not missing. */
static Anchor
push_present(Filing *f, const SegNode *name)
{
	Range		number = {.name = name,.kind = SEG_KEY_NUMBER,.high = SEG_NUMBER_CODES - 1};
	Anchor		anchor = push_range(f, &number);

	anchor = either(f, anchor, push_value(f, name, SEG_KEY_BOOL, false, 0));
	anchor = either(f, anchor, push_value(f, name, SEG_KEY_BOOL, true, 0));
	anchor = either(f, anchor, push_value(f, name, SEG_KEY_IS_TEXT, 0, 0));
	anchor = either(f, anchor, push_value(f, name, SEG_KEY_IS_LIST, 0, 0));
	return either(f, anchor, push_value(f, name, SEG_KEY_IS_OBJECT, 0, 0));
}

/* Ranges. */

/* The codes around a literal; false if it is no number and no day or moment. */
static bool
literal_codes(const SegNode *literal, Range *range)
{
	int64		day;

	switch ((SegNodeKind) literal->kind)
	{
		case SEG_NODE_NUMBER:
			range->kind = SEG_KEY_NUMBER;
			range->low = range->high = seg_number_code(seg_node_number(literal));
			return true;
		case SEG_NODE_DAY:
			day = seg_node_int(literal);
			break;
		case SEG_NODE_MOMENT:
			day = seg_day_of_moment(seg_node_moment(literal));
			break;
		case SEG_NODE_CLOCK:
		case SEG_NODE_AGO:
		case SEG_NODE_EDGE:
			range->kind = SEG_KEY_DAY;
			range->low = 0;
			range->high = SEG_DAY_CODES - 1;
			return true;
		default:
			return false;
	}
	range->kind = SEG_KEY_DAY;
	range->low = seg_day_code(day - SEG_ZONE_DAYS);
	range->high = seg_day_code(day + SEG_ZONE_DAYS);
	return true;
}

static bool
range_of_comparison(const SegNode *node, Range *range)
{
	const SegNode *left = seg_node_child(node, 0);
	const SegNode *right = seg_node_child(node, 1);
	bool		named_first = left->kind == SEG_NODE_NAME;
	SegCompare	op = node->op;

	range->name = named_first ? left : right;
	if (range->name->kind != SEG_NODE_NAME || !literal_codes(named_first ? right : left, range))
		return false;
	if (op == SEG_EQ)
		return true;
	if ((op == SEG_LT || op == SEG_LE) == named_first)
		range->low = 0;
	else
		range->high = (range->kind == SEG_KEY_NUMBER ? SEG_NUMBER_CODES : SEG_DAY_CODES) - 1;
	return true;
}

static bool
range_of_period(const SegNode *node, Range *range)
{
	const SegNode *period = seg_node_child(node, 1);
	SegSpan		span;

	range->name = seg_node_child(node, 0);
	if (range->name->kind != SEG_NODE_NAME ||
		(period->op != SEG_PERIOD_DAY && period->op != SEG_PERIOD_MONTH && period->op != SEG_PERIOD_YEAR) ||
		!seg_clock_period(seg_key_clock(), period, &span))
		return false;
	range->kind = SEG_KEY_DAY;
	range->low = seg_day_code(seg_day_of_moment(span.start) - SEG_ZONE_DAYS);
	range->high = seg_day_code(seg_day_of_moment(span.end) + SEG_ZONE_DAYS);
	return true;
}

/* Is the condition that a number or a day lies in one range? */
static bool
range_of(const SegNode *node, Range *range)
{
	Range		high;

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_COMPARE:
			return range_of_comparison(node, range);
		case SEG_NODE_BETWEEN:
			range->name = seg_node_child(node, 0);
			if (range->name->kind != SEG_NODE_NAME ||
				!literal_codes(seg_node_child(node, 1), range) ||
				!literal_codes(seg_node_child(node, 2), &high) || high.kind != range->kind)
				return false;
			range->high = high.high;
			return true;
		case SEG_NODE_DURING:
			return range_of_period(node, range);
		default:
			return false;
	}
}

static bool
same_name(const SegNode *a, const SegNode *b)
{
	return a->op == b->op && a->len == b->len &&
		memcmp(seg_node_payload(a), seg_node_payload(b), a->len) == 0;
}

/* A range in an AND, narrowed by the others over the same name. */
static bool
range_in_gate(const SegNode *gate, uint32 i, Range *range)
{
	Range		other;

	if (!range_of(seg_node_child(gate, i), range))
		return false;
	for (uint32 j = 0; j < Min(gate->nchild, MAX_RANGES); j++)
	{
		if (!range_of(seg_node_child(gate, j), &other) ||
			other.kind != range->kind || !same_name(other.name, range->name))
			continue;
		range->low = Max(range->low, other.low);
		range->high = Min(range->high, other.high);
	}
	return true;
}

/* Leaves. */

/* A name without which the value is missing; NULL: none. */
const SegNode *
seg_strict_name(const SegNode *node)
{
	const SegNode *name;

	check_stack_depth();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
			return node;
		case SEG_NODE_ADD:
		case SEG_NODE_SUBTRACT:
		case SEG_NODE_MULTIPLY:
		case SEG_NODE_DIVIDE:
			name = seg_strict_name(seg_node_child(node, 0));
			return name != NULL ? name : seg_strict_name(seg_node_child(node, 1));
		case SEG_NODE_NEGATE:
			return seg_strict_name(seg_node_child(node, 0));
		case SEG_NODE_FUNCTION:
			switch ((SegFunction) node->op)
			{
				case SEG_FUNC_LOWER:
				case SEG_FUNC_ABS:
				case SEG_FUNC_AGE:
				case SEG_FUNC_YEAR:
				case SEG_FUNC_MONTH:
				case SEG_FUNC_DAY:
				case SEG_FUNC_WEEKDAY:
				case SEG_FUNC_HOUR:
				case SEG_FUNC_DAYS:
					return seg_strict_name(seg_node_child(node, 0));
				default:
					return NULL;
			}
		default:
			return NULL;
	}
}

static Anchor
push_strict_name(Filing *f, const SegNode *value)
{
	const SegNode *name = seg_strict_name(value);

	return name == NULL ? unanchored : push_present(f, name);
}

/* A name is equal to a literal. */
static Anchor
push_equal(Filing *f, const SegNode *name, const SegNode *literal)
{
	Range		range = {.name = name};

	if (literal->kind == SEG_NODE_BOOL)
		return push_value(f, name, SEG_KEY_BOOL, literal->op != 0, SEG_MASS_BOOL);
	if (literal->kind == SEG_NODE_TEXT && f->broad)
		return push_value(f, name, SEG_KEY_IS_TEXT, 0, SEG_MASS_PRESENT);
	if (literal->kind == SEG_NODE_TEXT)
		return push_value(f, name, SEG_KEY_TEXT, seg_key_hash_text(seg_node_text(literal), literal->len), SEG_MASS_TEXT);
	if (literal_codes(literal, &range))
		return push_range(f, &range);
	return push_present(f, name);
}

/* The source of rows that come from one. */
static const SegNode *
source_of(const SegNode *rows)
{
	const SegNode *source = seg_node_child(seg_node_child(rows, 0), SEG_STEP_SOURCE);

	return rows->nchild == 1 && source->op == 1 ? source : NULL;
}

/* Where there are no rows, COUNT and SUM are 0 and the others are missing. */
static const SegNode *
source_of_aggregate(const SegNode *node, bool aggregate_first)
{
	const SegNode *aggregate = seg_node_child(node, aggregate_first ? 0 : 1);
	const SegNode *other = seg_node_child(node, aggregate_first ? 1 : 0);
	SegAggregate function = aggregate->op;
	int			order;

	if (function == SEG_COUNT || function == SEG_COUNT_DISTINCT || function == SEG_SUM)
	{
		if (other->kind != SEG_NODE_NUMBER)
			return NULL;
		order = -DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(seg_node_number(other)),
												   NumericGetDatum(int64_to_numeric(0))));
		order = aggregate_first ? order : -order;
		if (node->op == SEG_EQ ? order == 0 : node->op == SEG_LT ? order < 0 : node->op == SEG_LE ? order <= 0 :
			node->op == SEG_GT ? order > 0 : order >= 0)
			return NULL;
	}
	return source_of(seg_node_child(aggregate, SEG_AGGREGATE_ROWS));
}

/* The source without rows of which a leaf, or its complement, does not hold; NULL: none. */
const SegNode *
seg_needed_source(const SegNode *leaf, bool negated)
{
	if (leaf->kind == SEG_NODE_EVERY && negated)
		return source_of(seg_node_child(leaf, 0));
	if (leaf->kind == SEG_NODE_EXISTS && !negated)
		return source_of(seg_node_child(leaf, 0));
	if (leaf->kind != SEG_NODE_COMPARE || negated)
		return NULL;
	if (seg_node_child(leaf, 0)->kind == SEG_NODE_AGGREGATE)
		return source_of_aggregate(leaf, true);
	if (seg_node_child(leaf, 1)->kind == SEG_NODE_AGGREGATE)
		return source_of_aggregate(leaf, false);
	return NULL;
}

static Anchor
anchor_of_comparison(Filing *f, const SegNode *node)
{
	const SegNode *left = seg_node_child(node, 0);
	const SegNode *right = seg_node_child(node, 1);
	const SegNode *name = left->kind == SEG_NODE_NAME ? left : right;
	const SegNode *other = name == left ? right : left;
	Range		range;
	Anchor		anchor;

	if (name->kind == SEG_NODE_NAME && node->op == SEG_EQ &&
		(other->kind == SEG_NODE_TEXT || other->kind == SEG_NODE_BOOL))
		return push_equal(f, name, other);
	if (name->kind == SEG_NODE_NAME && other->kind == SEG_NODE_TEXT)
		return push_value(f, name, SEG_KEY_IS_TEXT, 0, SEG_MASS_PRESENT);
	if (range_of_comparison(node, &range))
		return push_range(f, &range);
	/* conditions are never missing */
	if (left->kind >= SEG_NODE_AND || right->kind >= SEG_NODE_AND)
		return unanchored;
	anchor = push_strict_name(f, left);
	return anchor.found ? anchor : push_strict_name(f, right);
}

/* Any of several: what follows the first child. */
static Anchor
anchor_of_elements(Filing *f, const SegNode *node, Anchor (*push_element) (Filing *, const SegNode *, const SegNode *))
{
	const SegNode *name = seg_node_child(node, 0);
	Anchor		anchor = {.found = true};
	int			before = f->n;

	if (name->kind != SEG_NODE_NAME)
		return push_strict_name(f, name);
	for (uint32 i = 1; i < node->nchild && anchor.found; i++)
		anchor = either(f, anchor, push_element(f, name, seg_node_child(node, i)));
	if (!anchor.found)
		f->n = before;
	return anchor;
}

static Anchor
push_has(Filing *f, const SegNode *name, const SegNode *literal)
{
	if (!f->broad)
		switch ((SegNodeKind) literal->kind)
		{
			case SEG_NODE_TEXT:
				return push_value(f, name, SEG_KEY_HAS_TEXT,
								  seg_key_hash_text(seg_node_text(literal), literal->len), SEG_MASS_HAS);
			case SEG_NODE_NUMBER:
				return push_value(f, name, SEG_KEY_HAS_NUMBER,
								  seg_key_hash_number(seg_node_number(literal)), SEG_MASS_HAS);
			case SEG_NODE_BOOL:
				return push_value(f, name, SEG_KEY_HAS_BOOL, literal->op != 0, SEG_MASS_BOOL);
			default:
				break;
		}
	return push_value(f, name, SEG_KEY_IS_LIST, 0, SEG_MASS_PRESENT);
}

/* The rarest of several elements, all of which must be there. */
static Anchor
anchor_of_all_elements(Filing *f, const SegNode *node)
{
	const SegNode *name = seg_node_child(node, 0);
	Anchor		best = unanchored;

	if (name->kind != SEG_NODE_NAME)
		return push_strict_name(f, name);
	for (uint32 i = 1; i < node->nchild; i++)
	{
		Anchor		anchor = push_has(f, name, seg_node_child(node, i));

		if (!anchor.found)
			break;
		if (!best.found || anchor.mass < best.mass)
		{
			f->keys[f->n - 1 - best.n] = f->keys[f->n - 1];
			f->n -= best.n;
			best = anchor;
		}
		else
			f->n--;
	}
	return best;
}

static Anchor
anchor_of_negated_leaf(Filing *f, const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_IS_NULL:
		case SEG_NODE_IS_EMPTY:
			return push_strict_name(f, seg_node_child(node, 0));
		default:
			return unanchored;
	}
}

static Anchor
anchor_of_leaf(Filing *f, const SegNode *node)
{
	const SegNode *first = node->nchild > 0 ? seg_node_child(node, 0) : NULL;
	Range		range;

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
			return push_value(f, node, SEG_KEY_BOOL, true, SEG_MASS_BOOL);
		case SEG_NODE_COMPARE:
			return anchor_of_comparison(f, node);
		case SEG_NODE_IN:
			return anchor_of_elements(f, node, push_equal);
		case SEG_NODE_HAS_ANY:
			return anchor_of_elements(f, node, push_has);
		case SEG_NODE_HAS_ALL:
			return anchor_of_all_elements(f, node);
		case SEG_NODE_LIKE:
		case SEG_NODE_ILIKE:
		case SEG_NODE_MATCHES:
		case SEG_NODE_STARTS:
		case SEG_NODE_ENDS:
		case SEG_NODE_CONTAINS:
			if (first->kind == SEG_NODE_NAME)
				return push_value(f, first, SEG_KEY_IS_TEXT, 0, SEG_MASS_PRESENT);
			return push_strict_name(f, first);
		case SEG_NODE_BETWEEN:
		case SEG_NODE_WITHIN:
		case SEG_NODE_DURING:
			if (range_of(node, &range))
				return push_range(f, &range);
			if (first->kind == SEG_NODE_ANNIVERSARY)
				first = seg_node_child(first, 0);
			if (first->kind == SEG_NODE_NAME && node->kind != SEG_NODE_BETWEEN)
				return push_is_time(f, first);
			return push_strict_name(f, first);
		default:
			return unanchored;
	}
}

/* Gates. */

static Anchor
anchor_of_operand(Filing *f, const SegNode *gate, uint32 i, bool negated)
{
	Range		range;

	if (!negated && range_in_gate(gate, i, &range))
		return push_range(f, &range);
	return anchor_of(f, seg_node_child(gate, i), negated);
}

/* What must hold besides the operand that a rule is filed under. */
typedef struct Besides
{
	uint32		operand;
	double		cost;			/* how often it holds, for each of the spans */
	int			n;
	int64		spans[SEG_ENTRIES_BESIDES];
} Besides;

/* Ranges over one name have been intersected, so that one tells nothing besides the other. */
static bool
is_same(const SegNode *gate, bool negated, uint32 i, uint32 j)
{
	Range		a;
	Range		b;

	return i == j || (!negated && range_of(seg_node_child(gate, i), &a) && range_of(seg_node_child(gate, j), &b) &&
					  a.kind == b.kind && same_name(a.name, b.name));
}

/* Keeps an operand if it is better than one of those so far, which are in the order of their costs. */
static void
keep_besides(Besides *besides, Besides *next)
{
	for (int i = 0; i < SEG_ENTRY_SPANS; i++)
		if (next->cost < besides[i].cost)
		{
			Besides		worse = besides[i];

			besides[i] = *next;
			*next = worse;
		}
}

/*
 * The operands of an AND that are expected to hold most rarely besides the first; limit: how many
 * spans one may have, SEG_ENTRIES_BESIDES at most.
 */
static void
find_besides(Filing *f, const SegNode *gate, bool negated, uint32 first, int limit, Besides *besides)
{
	bool		overflow = f->overflow;
	int			before = f->n;

	f->form = SPANS;
	for (uint32 i = 0; i < gate->nchild; i++)
	{
		Besides		next = {.operand = i};
		Anchor		anchor;

		if (is_same(gate, negated, first, i) || (besides[0].n > 0 && is_same(gate, negated, besides[0].operand, i)))
			continue;
		anchor = anchor_of_operand(f, gate, i, negated);
		if (anchor.found && anchor.n <= limit)
		{
			next.cost = anchor.mass * anchor.n;
			next.n = anchor.n;
			memcpy(next.spans, f->keys + f->n - anchor.n, sizeof(int64) * anchor.n);
			keep_besides(besides, &next);
		}
		f->n = before;
	}
	f->form = ENTRIES;
	f->overflow = overflow;
}

/* Adds what must hold besides the first operand, whose entries are the last on the stack. */
static Anchor
file_besides(Filing *f, const SegNode *gate, bool negated, uint32 first, Anchor anchor)
{
	Besides		besides[SEG_ENTRY_SPANS] = {{.cost = SEG_MASS_BESIDES}, {.cost = SEG_MASS_BESIDES}};
	int64	   *entries = f->keys + f->n - anchor.n;
	int			room = Min(Max(anchor.n, SEG_ENTRIES_BESIDES), SEG_RULE_MAX_KEYS - (f->n - anchor.n));

	find_besides(f, gate, negated, first, room / anchor.n, besides);
	for (int k = 0; k < SEG_ENTRY_SPANS; k++)
	{
		int			n = besides[k].n;

		if (n == 0 || n * anchor.n > room)
			continue;
		for (int i = anchor.n - 1; i >= 0; i--)
			for (int j = n - 1; j >= 0; j--)
				entries[i * n + j] = seg_entry_add_span(entries[i], besides[k].spans[j]);
		f->n += anchor.n * (n - 1);
		anchor.n *= n;
	}
	return anchor;
}

/* All must hold: one operand's keys are enough. */
static Anchor
anchor_of_all(Filing *f, const SegNode *gate, bool negated)
{
	Anchor		best = unanchored;
	uint32		first = 0;
	int			before = f->n;
	bool		outermost = f->form == ENTRIES && !f->within_all;

	f->within_all = true;
	for (uint32 i = 0; i < gate->nchild; i++)
	{
		Anchor		anchor = anchor_of_operand(f, gate, i, negated);

		if (anchor.found && (!best.found || anchor.mass < best.mass))
		{
			memmove(f->keys + before, f->keys + f->n - anchor.n, sizeof(int64) * anchor.n);
			best = anchor;
			first = i;
		}
		f->n = before + best.n;
	}
	if (!outermost)
		return best;
	if (best.n > 0 && !f->broad)
		best = file_besides(f, gate, negated, first, best);
	f->within_all = false;
	return best;
}

/* One must hold: the keys of all operands. */
static Anchor
anchor_of_any(Filing *f, const SegNode *gate, bool negated)
{
	Anchor		anchor = {.found = true};
	int			before = f->n;

	for (uint32 i = 0; i < gate->nchild && anchor.found; i++)
		anchor = either(f, anchor, anchor_of(f, seg_node_child(gate, i), negated));
	if (!anchor.found)
		f->n = before;
	return anchor;
}

static Anchor
anchor_of(Filing *f, const SegNode *node, bool negated)
{
	Anchor		never = {.found = true};
	const SegNode *source;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NOT:
			return anchor_of(f, seg_node_child(node, 0), !negated);
		case SEG_NODE_AND:
		case SEG_NODE_OR:
			return (node->kind == SEG_NODE_AND) != negated ?
				anchor_of_all(f, node, negated) : anchor_of_any(f, node, negated);
		case SEG_NODE_BOOL:
			return (node->op != 0) == negated ? never : unanchored;
		default:
			source = seg_needed_source(node, negated);
			if (source != NULL)
				return push_value(f, source, SEG_KEY_IS_LIST, 0, SEG_MASS_PRESENT);
			return negated ? anchor_of_negated_leaf(f, node) : anchor_of_leaf(f, node);
	}
}

static int
file_rule(const SegRule *rule, const SegFrequencies *frequencies, FilingForm form, int64 *keys)
{
	Filing		f = {.frequencies = frequencies,.form = form};
	Anchor		anchor = anchor_of(&f, seg_rule_root(rule), false);

	if (f.overflow)
	{
		f.n = 0;
		f.overflow = false;
		f.broad = true;
		anchor = anchor_of(&f, seg_rule_root(rule), false);
	}
	if (!anchor.found)
	{
		keys[0] = seg_key(0, SEG_KEY_ALL, 0);
		if (form == ENTRIES)
			keys[0] = seg_entry_of_key(keys[0]);
		return 1;
	}
	memcpy(keys, f.keys, sizeof(int64) * anchor.n);
	return anchor.n;
}

int
seg_rule_keys(const SegRule *rule, const SegFrequencies *frequencies, int64 *keys)
{
	return file_rule(rule, frequencies, KEYS, keys);
}

int
seg_rule_entries(const SegRule *rule, const SegFrequencies *frequencies, int64 *entries)
{
	return file_rule(rule, frequencies, ENTRIES, entries);
}

double
seg_condition_mass(const SegNode *node, const SegFrequencies *frequencies)
{
	Filing		f = {.frequencies = frequencies};
	Anchor		anchor = anchor_of(&f, node, false);

	return anchor.found && !f.overflow ? anchor.mass : 1;
}
