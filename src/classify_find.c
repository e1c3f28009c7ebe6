/*
 * classify_find.c
 *		Which of many rules hold for a document.
 *
 * Names that no rule mentions are passed over with all their values.  What a call leaves
 * behind (codes that are set) is listed and undone by the next, so nothing in a call
 * takes longer because there are more rules, but for those that share a key with it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "classify_rules.h"
#include "value.h"

/* An attribute whose keys are taken. */
typedef struct Taking
{
	SegRuleSet *set;
	uint32		name;
	uint64		path;
} Taking;

static void
set_code(SegRuleSet *set, uint32 slot, uint32 code)
{
	*(uint32 *) seg_array_add(&set->touched, sizeof(uint32)) = slot;
	set->codes[slot] = code;
}

/* The document. */

/*
 * Where a number lies among the constants.  Doubles keep the order of what they stand for;
 * only where they are equal the numbers themselves are compared.
 */
static uint32
code_of_number(const SegNumberSlot *slot, Numeric number)
{
	double		size = seg_numeric_double(number);
	const Numeric *numbers = slot->numbers.elements;
	uint32		low = 0;
	uint32		high = slot->n;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		int			order = slot->sizes[middle] < size ? -1 : slot->sizes[middle] > size ? 1 :
			seg_numeric_compare(numbers[middle], number);

		if (order == 0)
			return 2 * middle + 2;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 2 * low + 1;
}

static bool
is_constant(const SegConstant *constant, const JsonbValue *json)
{
	const SegNode *literal = constant->literal;

	switch (constant->kind)
	{
		case SEG_KEY_TEXT:
		case SEG_KEY_HAS_TEXT:
			return literal->len == (uint32) json->val.string.len &&
				memcmp(seg_node_text(literal), json->val.string.val, literal->len) == 0;
		case SEG_KEY_HAS_NUMBER:
			return seg_numeric_compare(seg_node_number(literal), json->val.numeric) == 0;
		default:
			return (literal->op != 0) == json->val.boolean;
	}
}

static void
take_key(void *arg, SegKeyKind kind, uint64 value, const JsonbValue *json)
{
	Taking	   *taking = arg;
	SegRuleSet *set = taking->set;
	SegKeyEntry *entry = seg_rules_key(set, seg_key(taking->path, kind, value));
	const SegConstant *constant;

	if (entry == NULL)
		return;
	for (uint32 i = entry->constant; i != 0; i = constant->next)
	{
		constant = seg_array_at(&set->constants, SegConstant, i);
		if (constant->name == taking->name && constant->kind == kind && is_constant(constant, json))
			set_code(set, constant->slot, constant->code);
	}
	if (entry->count > 0)
		*(SegKeyEntry **) seg_array_add(&set->found, sizeof(SegKeyEntry *)) = entry;
}

static void
take_attribute(void *arg, SegAttributeName *name, const JsonbValue *value)
{
	SegRuleSet *set = arg;
	Taking		taking = {.set = set,.path = name->path};
	const SegRuleName *known;

	/* an object that no rule mentions has no attributes that any mentions */
	if (name->object != NULL && name->object->number == 0)
		return;
	name->number = seg_rules_name(set, name->path, name->object != NULL ? name->object->number : 0, name->key, name->len);
	if (name->number == 0)
		return;
	taking.name = name->number;
	known = seg_array_at(&set->names, SegRuleName, name->number);
	if (value->type == jbvNumeric && known->numbers != SEG_NO_SLOT)
	{
		const SegNumberSlot *slot = seg_array_at(&set->number_slots, SegNumberSlot, known->numbers);

		set_code(set, slot->slot, code_of_number(slot, value->val.numeric));
	}
	else if (value->type == jbvBool && known->bools != SEG_NO_SLOT)
		set_code(set, known->bools, value->val.boolean ? 2 : 1);
	seg_value_keys(value, take_key, &taking);
}

void
seg_rules_document(SegRuleSet *set, const JsonbContainer *document)
{
	MemoryContext caller = MemoryContextSwitchTo(set->context);

	for (uint32 i = 0; i < set->touched.n; i++)
	{
		uint32		slot = *seg_array_at(&set->touched, uint32, i);

		set->codes[slot] = seg_array_at(&set->slots, SegSlot, slot)->kind >= SEG_SLOT_LEAF ? SEG_CODE_UNKNOWN : 0;
	}
	set->touched.n = 0;
	set->found.n = 0;
	set->document = document;
	set->remembered = false;
	*(SegKeyEntry **) seg_array_add(&set->found, sizeof(SegKeyEntry *)) = seg_rules_key(set, seg_key(0, SEG_KEY_ALL, 0));
	seg_document_visit(document, take_attribute, set);
	MemoryContextSwitchTo(caller);
}

/* Rules. */

/* What no code tells: asked for once. */
static uint32
find_out(SegRuleSet *set, uint32 number)
{
	const SegSlot *slot = seg_array_at(&set->slots, SegSlot, number);
	MemoryContext caller;
	bool		holds;

	if (slot->kind == SEG_SLOT_RULE)
		holds = set->ask(set->arg, slot->index);
	else
	{
		if (!set->remembered)
			seg_direct_document(set->direct, set->document, true);
		set->remembered = true;
		holds = seg_direct_holds(set->direct, slot->leaf);
	}
	caller = MemoryContextSwitchTo(set->context);
	set_code(set, number, holds ? 1 : 0);
	MemoryContextSwitchTo(caller);
	return set->codes[number];
}

static inline bool
is_met(const SegRuleSet *set, const SegCodeTest *test)
{
	return set->codes[test->slot] - test->low <= test->span;
}

static bool
steps_hold(SegRuleSet *set, uint32 first)
{
	const SegStep *steps = seg_array_at(&set->steps, SegStep, first);
	uint16		at = 0;

	while (at < SEG_GO_FALSE)
	{
		const SegStep *step = &steps[at];

		if (unlikely(set->codes[step->test.slot] == SEG_CODE_UNKNOWN))
			(void) find_out(set, step->test.slot);
		at = step->go[is_met(set, &step->test)];
	}
	return at == SEG_GO_TRUE;
}

bool
seg_rules_hold(SegRuleSet *set, uint32 rule)
{
	return steps_hold(set, seg_array_at(&set->rules, SegCompiled, rule)->first);
}

/*
 * Rules that a look-up found.  Their steps are anywhere in memory, and what they cost is
 * that they are waited for: so they are asked for when a rule is found, and the rule is
 * tried when some more have been.
 */
#define MAX_WAITING		32

typedef struct Waiting
{
	int			n;
	const SegPosting *postings[MAX_WAITING];
} Waiting;

static void
try_waiting(SegRuleSet *set, Waiting *waiting, void (*take) (void *arg, uint32 rule), void *arg)
{
	for (int i = 0; i < waiting->n; i++)
	{
		const SegPosting *posting = waiting->postings[i];

		if (set->seen[posting->rule] == set->look_up)
			continue;
		set->seen[posting->rule] = set->look_up;
		if (steps_hold(set, posting->first))
			take(arg, posting->rule);
	}
	waiting->n = 0;
}

void
seg_rules_find(SegRuleSet *set, void (*take) (void *arg, uint32 rule), void *arg)
{
	Waiting		waiting = {0};

	/* a number that comes again is 2^32 look-ups old */
	if (++set->look_up == 0)
	{
		memset(set->seen, 0, sizeof(uint32) * (Size) set->rules.n);
		set->look_up = 1;
	}
	for (uint32 i = 0; i < set->found.n; i++)
	{
		const SegKeyEntry *entry = *seg_array_at(&set->found, SegKeyEntry *, i);
		const SegPosting *posting = &set->postings[entry->first];

		CHECK_FOR_INTERRUPTS();
		for (const SegPosting *end = posting + entry->count; posting < end; posting++)
		{
			if (!is_met(set, &posting->tests[0]) || !is_met(set, &posting->tests[1]))
				continue;
			seg_prefetch(&set->seen[posting->rule]);
			seg_prefetch(seg_array_at(&set->steps, SegStep, posting->first));
			seg_prefetch(seg_array_at(&set->steps, SegStep, posting->first + 4));
			waiting.postings[waiting.n++] = posting;
			if (waiting.n == MAX_WAITING)
				try_waiting(set, &waiting, take, arg);
		}
	}
	try_waiting(set, &waiting, take, arg);
}
