/*
 * classify_compile.c
 *		Rules to tests of codes.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "classify_rules.h"
#include "value.h"

/* A rule has fewer steps.  What lies above stands for the step behind an operand, by its gate's depth. */
#define MAX_STEPS		0xF000

/* What a test of numbers says until they are sorted: the comparison, or BETWEEN with the next number. */
#define OP_BETWEEN		(SEG_GE + 1)

/* Where a condition leads. */
typedef struct Exits
{
	uint16		go[2];			/* where it is false, where it is true */
	uint16		next;			/* stands for the step behind an operand of it */
} Exits;

static void compile(SegRuleSet *set, const SegNode *node, Exits exits);

void *
seg_array_add(SegArray *array, Size size)
{
	if (array->n == array->room)
	{
		Size		room = Max(16, (Size) array->room * 2);

		if (room > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("there are too many rules to keep them in memory")));
		array->elements = array->elements == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext, room * size) : repalloc_huge(array->elements, room * size);
		array->room = room;
	}
	return (char *) array->elements + array->n++ * size;
}

/* Names. */

uint32
seg_rules_name(const SegRuleSet *set, uint64 path, uint32 object, const char *part, uint32 len)
{
	for (uint32 at = (uint32) path & set->name_mask;; at = (at + 1) & set->name_mask)
	{
		uint32		number = set->name_table[at];
		const SegRuleName *name = seg_array_at(&set->names, SegRuleName, number);

		if (number == 0 ||
			(name->path == path && name->object == object && name->len == len && memcmp(name->part, part, len) == 0))
			return number;
	}
}

static void
grow_name_table(SegRuleSet *set)
{
	uint32		size = set->name_table == NULL ? 64 : (set->name_mask + 1) * 2;

	if (set->name_table != NULL && set->names.n * 2 <= set->name_mask)
		return;
	if (set->name_table != NULL)
		pfree(set->name_table);
	set->name_table = palloc_extended(sizeof(uint32) * (Size) size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	set->name_mask = size - 1;
	for (uint32 number = 1; number < set->names.n; number++)
	{
		uint32		at = (uint32) seg_array_at(&set->names, SegRuleName, number)->path & set->name_mask;

		while (set->name_table[at] != 0)
			at = (at + 1) & set->name_mask;
		set->name_table[at] = number;
	}
}

static uint32
add_name(SegRuleSet *set, uint64 path, uint32 object, const char *part)
{
	uint32		len = strlen(part);
	uint32		number = seg_rules_name(set, path, object, part, len);
	uint32		at;

	if (number != 0)
		return number;
	number = set->names.n;
	*(SegRuleName *) seg_array_add(&set->names, sizeof(SegRuleName)) = (SegRuleName)
	{
		.path = path,.object = object,.part = pstrdup(part),.len = len,
			.numbers = SEG_NO_SLOT,.texts = SEG_NO_SLOT,.bools = SEG_NO_SLOT
	};
	at = (uint32) path & set->name_mask;
	while (set->name_table[at] != 0)
		at = (at + 1) & set->name_mask;
	set->name_table[at] = number;
	grow_name_table(set);
	return number;
}

/* What the document has under a name; the objects on the way there are names, too. */
static uint32
number_of_name(SegRuleSet *set, const SegNode *node)
{
	const char *part = seg_node_payload(node);
	uint64		path = 0;
	uint32		number = 0;

	for (int i = 0; i < node->op; i++, part += strlen(part) + 1)
	{
		path = seg_key_path(path, part, strlen(part));
		number = add_name(set, path, number, part);
	}
	return number;
}

/* All names in a rule, wherever: keys that it is filed under belong to some of them. */
static void
add_names(SegRuleSet *set, const SegNode *node)
{
	check_stack_depth();
	if (node->kind == SEG_NODE_NAME)
		(void) number_of_name(set, node);
	for (uint32 i = 0; i < node->nchild; i++)
		if (seg_node_child(node, i) != NULL)
			add_names(set, seg_node_child(node, i));
}

/* Slots, keys and constants. */

static uint32
add_slot(SegRuleSet *set, SegSlotKind kind, uint32 index, const SegNode *leaf)
{
	*(SegSlot *) seg_array_add(&set->slots, sizeof(SegSlot)) = (SegSlot) {kind, index, leaf};
	return set->slots.n - 1;
}

static inline uint32
place_of_key(const SegRuleSet *set, int64 key)
{
	/* a key is a hash already */
	uint32		at = (uint32) (key ^ (key >> 32)) & set->key_mask;

	while (set->keys[at].used && set->keys[at].key != key)
		at = (at + 1) & set->key_mask;
	return at;
}

SegKeyEntry *
seg_rules_key(const SegRuleSet *set, int64 key)
{
	SegKeyEntry *entry = &set->keys[place_of_key(set, key)];

	return entry->used ? entry : NULL;
}

static SegKeyEntry *
add_key(SegRuleSet *set, int64 key)
{
	SegKeyEntry *entry;

	if (set->keys == NULL || set->nkeys * 2 > set->key_mask)
	{
		SegKeyEntry *old = set->keys;
		uint32		old_size = old == NULL ? 0 : set->key_mask + 1;
		uint32		size = Max(64, old_size * 2);

		if (size > PG_INT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("there are too many rules to keep them in memory")));
		set->keys = palloc_extended(sizeof(SegKeyEntry) * (Size) size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		set->key_mask = size - 1;
		for (uint32 i = 0; i < old_size; i++)
			if (old[i].used)
				set->keys[place_of_key(set, old[i].key)] = old[i];
		if (old != NULL)
			pfree(old);
	}
	entry = &set->keys[place_of_key(set, key)];
	if (!entry->used)
	{
		entry->used = true;
		entry->key = key;
		set->nkeys++;
	}
	return entry;
}

static bool
same_literal(const SegNode *a, const SegNode *b)
{
	return a->kind == b->kind && a->op == b->op && a->len == b->len &&
		memcmp(seg_node_payload(a), seg_node_payload(b), a->len) == 0;
}

static const SegNode *
copy_literal(const SegNode *node)
{
	Size		size = seg_node_size(node->kind, 0, node->len);

	return memcpy(palloc(size), node, size);
}

/* Of a list's element: a slot of its own.  Of a text: a code of the name's slot. */
static const SegConstant *
add_constant(SegRuleSet *set, uint32 number, SegKeyKind kind, uint64 value, const SegNode *literal)
{
	SegRuleName *name = seg_array_at(&set->names, SegRuleName, number);
	SegKeyEntry *entry = add_key(set, seg_key(name->path, kind, value));
	SegConstant constant = {.next = entry->constant,.name = number,.kind = kind,.code = 1};

	for (uint32 i = entry->constant; i != 0;)
	{
		const SegConstant *known = seg_array_at(&set->constants, SegConstant, i);

		if (known->name == number && known->kind == kind && same_literal(known->literal, literal))
			return known;
		i = known->next;
	}
	constant.literal = copy_literal(literal);
	if (kind != SEG_KEY_TEXT)
		constant.slot = add_slot(set, SEG_SLOT_PLAIN, 0, NULL);
	else
	{
		if (name->texts == SEG_NO_SLOT)
			name->texts = add_slot(set, SEG_SLOT_PLAIN, 0, NULL);
		constant.slot = name->texts;
		constant.code = ++name->ntexts;
	}
	entry->constant = set->constants.n;
	*(SegConstant *) seg_array_add(&set->constants, sizeof(SegConstant)) = constant;
	return seg_array_at(&set->constants, SegConstant, set->constants.n - 1);
}

/* Its place among the numbers that the name is compared with, until they are sorted. */
static uint32
add_number(SegRuleSet *set, uint32 number, const SegNode *literal, uint32 *slot)
{
	SegRuleName *name = seg_array_at(&set->names, SegRuleName, number);
	SegNumberSlot *numbers;

	if (name->numbers == SEG_NO_SLOT)
	{
		name->numbers = set->number_slots.n;
		numbers = seg_array_add(&set->number_slots, sizeof(SegNumberSlot));
		*numbers = (SegNumberSlot) {.slot = add_slot(set, SEG_SLOT_NUMBERS, name->numbers, NULL)};
	}
	numbers = seg_array_at(&set->number_slots, SegNumberSlot, name->numbers);
	*slot = numbers->slot;
	*(Numeric *) seg_array_add(&numbers->numbers, sizeof(Numeric)) = seg_node_number(copy_literal(literal));
	return numbers->numbers.n - 1;
}

/* Leaves. */

/* Is a name equal to the literal?  False: no code tells. */
static bool
test_equal(SegRuleSet *set, uint32 name, const SegNode *literal, SegCodeTest *test)
{
	const SegConstant *constant;
	SegRuleName *of;

	switch ((SegNodeKind) literal->kind)
	{
		case SEG_NODE_TEXT:
			constant = add_constant(set, name, SEG_KEY_TEXT,
									seg_key_hash_text(seg_node_text(literal), literal->len), literal);
			*test = (SegCodeTest) {constant->slot, constant->code, 0};
			return true;
		case SEG_NODE_BOOL:
			of = seg_array_at(&set->names, SegRuleName, name);
			if (of->bools == SEG_NO_SLOT)
				of->bools = add_slot(set, SEG_SLOT_PLAIN, 0, NULL);
			*test = (SegCodeTest) {of->bools, literal->op != 0 ? 2 : 1, 0};
			return true;
		case SEG_NODE_NUMBER:
			test->low = add_number(set, name, literal, &test->slot);
			test->span = SEG_EQ;
			return true;
		default:
			return false;
	}
}

static bool
test_has(SegRuleSet *set, uint32 name, const SegNode *literal, SegCodeTest *test)
{
	const SegConstant *constant;

	switch ((SegNodeKind) literal->kind)
	{
		case SEG_NODE_TEXT:
			constant = add_constant(set, name, SEG_KEY_HAS_TEXT,
									seg_key_hash_text(seg_node_text(literal), literal->len), literal);
			break;
		case SEG_NODE_NUMBER:
			constant = add_constant(set, name, SEG_KEY_HAS_NUMBER,
									seg_key_hash_number(seg_node_number(literal)), literal);
			break;
		case SEG_NODE_BOOL:
			constant = add_constant(set, name, SEG_KEY_HAS_BOOL, literal->op != 0, literal);
			break;
		default:
			return false;
	}
	*test = (SegCodeTest) {constant->slot, 1, 0};
	return true;
}

static bool
test_comparison(SegRuleSet *set, const SegNode *node, SegCodeTest *test)
{
	bool		named_first = seg_node_child(node, 0)->kind == SEG_NODE_NAME;
	const SegNode *name = seg_node_child(node, named_first ? 0 : 1);
	const SegNode *literal = seg_node_child(node, named_first ? 1 : 0);

	if (node->op == SEG_EQ)
		return test_equal(set, number_of_name(set, name), literal, test);
	if (literal->kind != SEG_NODE_NUMBER)
		return false;
	test->low = add_number(set, number_of_name(set, name), literal, &test->slot);
	test->span = named_first ? node->op : seg_compare_mirrored(node->op);
	return true;
}

/* A leaf of a simple rule as one test; false: it takes several, or no code tells. */
static bool
test_of(SegRuleSet *set, const SegNode *node, SegCodeTest *test)
{
	SegNode		holds = {.kind = SEG_NODE_BOOL,.op = 1};
	uint32		name;

	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
			return test_equal(set, number_of_name(set, node), &holds, test);
		case SEG_NODE_BOOL:
			*test = (SegCodeTest) {0, node->op != 0 ? 0 : 1, 0};
			return true;
		case SEG_NODE_COMPARE:
			return test_comparison(set, node, test);
		case SEG_NODE_BETWEEN:
			if (seg_node_child(node, 1)->kind != SEG_NODE_NUMBER || seg_node_child(node, 2)->kind != SEG_NODE_NUMBER)
				return false;
			name = number_of_name(set, seg_node_child(node, 0));
			test->low = add_number(set, name, seg_node_child(node, 1), &test->slot);
			(void) add_number(set, name, seg_node_child(node, 2), &test->slot);
			test->span = OP_BETWEEN;
			return true;
		case SEG_NODE_HAS_ANY:
		case SEG_NODE_HAS_ALL:
			return node->nchild == 2 && test_has(set, number_of_name(set, seg_node_child(node, 0)), seg_node_child(node, 1), test);
		default:
			return false;
	}
}

/* Steps. */

static void
add_step(SegRuleSet *set, SegCodeTest test, Exits exits)
{
	SegStep    *step = seg_array_add(&set->steps, sizeof(SegStep));

	step->test = test;
	memcpy(step->go, exits.go, sizeof(step->go));
}

/* One of several operands: the next one is asked where it does not decide. */
static Exits
exits_of_operand(Exits exits, bool all, bool last)
{
	exits.next++;
	if (!last)
		exits.go[all] = exits.next - 1;
	return exits;
}

/* What was to lead behind the operand that begins with step first leads to the next step. */
static void
land_here(SegRuleSet *set, uint32 first, uint16 label)
{
	uint32		here = set->steps.n - seg_array_at(&set->rules, SegCompiled, set->rules.n - 1)->first;

	if (here >= MAX_STEPS)
		return;
	for (uint32 i = first; i < set->steps.n; i++)
		for (int way = 0; way <= 1; way++)
			if (seg_array_at(&set->steps, SegStep, i)->go[way] == label)
				seg_array_at(&set->steps, SegStep, i)->go[way] = here;
}

/* steps: NULL, or where each operand begins. */
static void
compile_gate(SegRuleSet *set, const SegNode *gate, Exits exits, uint32 *steps)
{
	for (uint32 i = 0; i < gate->nchild; i++)
	{
		uint32		first = set->steps.n;

		CHECK_FOR_INTERRUPTS();
		if (steps != NULL)
			steps[i] = first;
		compile(set, seg_node_child(gate, i), exits_of_operand(exits, gate->kind == SEG_NODE_AND, i == gate->nchild - 1));
		land_here(set, first, exits.next);
	}
}

static bool
have_codes(const SegNode *node)
{
	for (uint32 i = 1; i < node->nchild; i++)
	{
		uint8		kind = seg_node_child(node, i)->kind;

		if (kind != SEG_NODE_TEXT && kind != SEG_NODE_NUMBER && kind != SEG_NODE_BOOL)
			return false;
	}
	return true;
}

/* IN, HAS ANY, HAS ALL: a test for each element. */
static void
compile_elements(SegRuleSet *set, const SegNode *node, Exits exits)
{
	uint32		name = number_of_name(set, seg_node_child(node, 0));

	for (uint32 i = 1; i < node->nchild; i++)
	{
		uint32		first = set->steps.n;
		SegCodeTest test;

		CHECK_FOR_INTERRUPTS();
		if (node->kind == SEG_NODE_IN)
			(void) test_equal(set, name, seg_node_child(node, i), &test);
		else
			(void) test_has(set, name, seg_node_child(node, i), &test);
		add_step(set, test, exits_of_operand(exits, node->kind == SEG_NODE_HAS_ALL, i == node->nchild - 1));
		land_here(set, first, exits.next);
	}
}

static void
compile_leaf(SegRuleSet *set, const SegNode *node, Exits exits)
{
	SegCodeTest test;

	if (test_of(set, node, &test))
		add_step(set, test, exits);
	else if ((node->kind == SEG_NODE_IN || node->kind == SEG_NODE_HAS_ANY || node->kind == SEG_NODE_HAS_ALL) && have_codes(node))
		compile_elements(set, node, exits);
	else
		add_step(set, (SegCodeTest) {add_slot(set, SEG_SLOT_LEAF, 0, node), 1, 0}, exits);
}

static void
compile(SegRuleSet *set, const SegNode *node, Exits exits)
{
	Exits		complement = {{exits.go[1], exits.go[0]}, exits.next};

	check_stack_depth();
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NOT:
			compile(set, seg_node_child(node, 0), complement);
			return;
		case SEG_NODE_AND:
		case SEG_NODE_OR:
			compile_gate(set, node, exits, NULL);
			return;
		default:
			compile_leaf(set, node, exits);
	}
}

/* Rules. */

/*
 * Which operands of an AND its postings repeat: those of one step that are expected to hold
 * most rarely.  Of the rarest one the key tells already, unless it is a range, of which
 * keys tell roughly.
 */
static void
choose_repeated(SegRuleSet *set, SegCompiled *rule, const SegNode *root, const uint32 *steps, const SegFrequencies *f)
{
	double		masses[SEG_POSTING_TESTS];
	double	   *mass = palloc(sizeof(double) * root->nchild);
	uint32		rarest = 0;

	for (uint32 i = 0; i < root->nchild; i++)
	{
		mass[i] = seg_condition_mass(seg_node_child(root, i), f);
		if (mass[i] < mass[rarest])
			rarest = i;
	}
	for (uint32 i = 0; i < root->nchild; i++)
	{
		const SegStep *step = seg_array_at(&set->steps, SegStep, steps[i]);
		SegSlotKind kind = seg_array_at(&set->slots, SegSlot, step->test.slot)->kind;
		uint32		end = i + 1 < root->nchild ? steps[i + 1] : set->steps.n;
		int			at = SEG_POSTING_TESTS;

		if (end != steps[i] + 1 || step->go[0] != SEG_GO_FALSE ||
			(kind != SEG_SLOT_NUMBERS && (kind != SEG_SLOT_PLAIN || i == rarest)))
			continue;
		while (at > 0 && (rule->repeated[at - 1] == SEG_NO_STEP || mass[i] < masses[at - 1]))
			at--;
		if (at == SEG_POSTING_TESTS)
			continue;
		for (int k = SEG_POSTING_TESTS - 1; k > at; k--)
		{
			rule->repeated[k] = rule->repeated[k - 1];
			masses[k] = masses[k - 1];
		}
		rule->repeated[at] = steps[i];
		masses[at] = mass[i];
	}
	pfree(mass);
}

/* False: it has too many steps. */
static bool
compile_rule(SegRuleSet *set, SegCompiled *compiled, const SegNode *root, const SegFrequencies *f)
{
	Exits		exits = {{SEG_GO_FALSE, SEG_GO_TRUE}, MAX_STEPS};
	uint32	   *steps;

	if (root->kind != SEG_NODE_AND)
		compile(set, root, exits);
	else
	{
		steps = palloc_extended(sizeof(uint32) * (Size) root->nchild, MCXT_ALLOC_HUGE);
		compile_gate(set, root, exits, steps);
		choose_repeated(set, compiled, root, steps, f);
		pfree(steps);
	}
	return set->steps.n - compiled->first < MAX_STEPS;
}

static bool
has_lazy_slots(const SegRuleSet *set, uint32 first)
{
	for (uint32 i = first; i < set->slots.n; i++)
		if (seg_array_at(&set->slots, SegSlot, i)->kind >= SEG_SLOT_LEAF)
			return true;
	return false;
}

/* Leaves that are asked as they are point into the copy. */
static void
move_leaves(SegRuleSet *set, uint32 first, const SegRule *rule, const SegRule *copy)
{
	for (uint32 i = first; i < set->slots.n; i++)
	{
		SegSlot    *slot = seg_array_at(&set->slots, SegSlot, i);

		if (slot->kind == SEG_SLOT_LEAF)
			slot->leaf = (const SegNode *) ((const char *) copy + ((const char *) slot->leaf - (const char *) rule));
	}
}

static void
file_rule(SegRuleSet *set, uint32 number, const SegRule *rule, const SegFrequencies *f)
{
	int64		keys[SEG_RULE_MAX_KEYS];
	int			n = seg_rule_keys(rule, f, keys);

	for (int i = 0; i < n; i++)
		*(SegFiling *) seg_array_add(&set->filings, sizeof(SegFiling)) = (SegFiling) {keys[i], number};
	add_names(set, seg_rule_root(rule));
}

const SegRule *
seg_rules_add(SegRuleSet *set, const SegRule *rule, const SegFrequencies *f)
{
	MemoryContext caller = MemoryContextSwitchTo(set->context);
	uint32		number = set->rules.n;
	SegCompiled *compiled = seg_array_add(&set->rules, sizeof(SegCompiled));
	uint32		first_slot = set->slots.n;
	SegRule    *copy = NULL;

	*compiled = (SegCompiled) {set->steps.n, {SEG_NO_STEP, SEG_NO_STEP}};
	file_rule(set, number, rule, f);
	if ((rule->flags & SEG_RULE_SIMPLE) == 0 || !compile_rule(set, compiled, seg_rule_root(rule), f))
	{
		*compiled = (SegCompiled) {compiled->first, {SEG_NO_STEP, SEG_NO_STEP}};
		set->steps.n = compiled->first;
		add_step(set, (SegCodeTest) {add_slot(set, SEG_SLOT_RULE, number, NULL), 1, 0},
				 (Exits) {{SEG_GO_FALSE, SEG_GO_TRUE}, 0});
	}
	if (has_lazy_slots(set, first_slot))
	{
		copy = memcpy(palloc(VARSIZE(rule)), rule, VARSIZE(rule));
		move_leaves(set, first_slot, rule, copy);
	}
	MemoryContextSwitchTo(caller);
	return copy;
}

/* When all rules are there. */

typedef struct NumberedNumber
{
	Numeric		number;
	double		size;			/* as near as doubles come */
	uint32		i;
} NumberedNumber;

/* Doubles keep the order of what they stand for. */
static int
compare_numbers(const void *a, const void *b)
{
	const NumberedNumber *x = a;
	const NumberedNumber *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return seg_numeric_compare(x->number, y->number);
}

static void
sort_numbers(SegNumberSlot *slot)
{
	uint32		n = slot->numbers.n;
	NumberedNumber *sorted = palloc_extended(sizeof(NumberedNumber) * (Size) n, MCXT_ALLOC_HUGE);
	Numeric    *numbers = slot->numbers.elements;

	for (uint32 i = 0; i < n; i++)
		sorted[i] = (NumberedNumber) {numbers[i], seg_numeric_double(numbers[i]), i};
	qsort(sorted, n, sizeof(NumberedNumber), compare_numbers);
	slot->sizes = palloc_extended(sizeof(double) * (Size) n, MCXT_ALLOC_HUGE);
	slot->ranks = palloc_extended(sizeof(uint32) * (Size) n, MCXT_ALLOC_HUGE);
	slot->n = 0;
	for (uint32 i = 0; i < n; i++)
	{
		if (i == 0 || compare_numbers(&sorted[i - 1], &sorted[i]) != 0)
		{
			numbers[slot->n] = sorted[i].number;
			slot->sizes[slot->n++] = sorted[i].size;
		}
		slot->ranks[sorted[i].i] = slot->n - 1;
	}
	pfree(sorted);
}

/* Comparisons with numbers become ranges of codes. */
static void
finish_test(const SegRuleSet *set, SegCodeTest *test)
{
	const SegSlot *slot = seg_array_at(&set->slots, SegSlot, test->slot);
	const uint32 *ranks;
	uint32		low;
	uint32		high;

	if (slot->kind != SEG_SLOT_NUMBERS)
		return;
	ranks = seg_array_at(&set->number_slots, SegNumberSlot, slot->index)->ranks;
	low = high = 2 * ranks[test->low] + 2;
	switch (test->span)
	{
		case SEG_EQ:
			break;
		case SEG_LT:
		case SEG_LE:
			high = test->span == SEG_LT ? high - 1 : high;
			low = 1;
			break;
		case OP_BETWEEN:
			high = 2 * ranks[test->low + 1] + 2;
			break;
		default:
			low = test->span == SEG_GT ? low + 1 : low;
			high = SEG_CODE_UNKNOWN - 1;
	}
	/* no code is unknown where values are numbers */
	if (low > high)
		low = high = SEG_CODE_UNKNOWN;
	test->low = low;
	test->span = high - low;
}

static int
compare_filings(const void *a, const void *b)
{
	const SegFiling *x = a;
	const SegFiling *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule ? 1 : 0;
}

static void
make_postings(SegRuleSet *set)
{
	SegFiling  *filings = set->filings.elements;
	uint32		n = set->filings.n;

	if (n > 0)
		qsort(filings, n, sizeof(SegFiling), compare_filings);
	set->postings = palloc_extended(sizeof(SegPosting) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
	{
		SegKeyEntry *entry = add_key(set, filings[i].key);
		const SegCompiled *rule = seg_array_at(&set->rules, SegCompiled, filings[i].rule);

		CHECK_FOR_INTERRUPTS();
		if (entry->count++ == 0)
			entry->first = i;
		set->postings[i].rule = filings[i].rule;
		set->postings[i].first = rule->first;
		for (int k = 0; k < SEG_POSTING_TESTS; k++)
			set->postings[i].tests[k] = rule->repeated[k] == SEG_NO_STEP ? (SegCodeTest) {0, 0, 0} :
				seg_array_at(&set->steps, SegStep, rule->repeated[k])->test;
	}
	if (filings != NULL)
		pfree(filings);
	set->filings = (SegArray) {0};
}

SegRuleSet *
seg_rules_begin(SegDirect *direct, bool (*ask) (void *arg, uint32 rule), void *arg)
{
	SegRuleSet *set = palloc0(sizeof(SegRuleSet));

	set->context = CurrentMemoryContext;
	set->direct = direct;
	set->ask = ask;
	set->arg = arg;
	(void) add_slot(set, SEG_SLOT_PLAIN, 0, NULL);
	memset(seg_array_add(&set->names, sizeof(SegRuleName)), 0, sizeof(SegRuleName));
	memset(seg_array_add(&set->constants, sizeof(SegConstant)), 0, sizeof(SegConstant));
	grow_name_table(set);
	(void) add_key(set, seg_key(0, SEG_KEY_ALL, 0));
	return set;
}

void
seg_rules_finish(SegRuleSet *set)
{
	MemoryContext caller = MemoryContextSwitchTo(set->context);

	for (uint32 i = 0; i < set->number_slots.n; i++)
		sort_numbers(seg_array_at(&set->number_slots, SegNumberSlot, i));
	for (uint32 i = 0; i < set->steps.n; i++)
		finish_test(set, &seg_array_at(&set->steps, SegStep, i)->test);
	make_postings(set);
	set->codes = palloc_extended(sizeof(uint32) * (Size) set->slots.n, MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < set->slots.n; i++)
		set->codes[i] = seg_array_at(&set->slots, SegSlot, i)->kind >= SEG_SLOT_LEAF ? SEG_CODE_UNKNOWN : 0;
	set->seen = palloc_extended(sizeof(uint32) * (Size) Max(set->rules.n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	MemoryContextSwitchTo(caller);
}
