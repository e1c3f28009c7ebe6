/*
 * eval_doc_compile.c
 *		A simple rule, compiled for many documents.
 *
 * The tree becomes a run of steps, one for each leaf, each of which says where to go on.  An
 * operand that costs less is asked before one that costs more.  What the commonest leaves
 * compare with is made ready: texts and their lengths, numbers as doubles, which keep the
 * order of what they stand for, so that numerics are compared only where doubles are equal.
 * All other leaves are asked as they are (eval_doc_leaf.c).
 *
 * A name is looked up in a document when the first leaf asks for it, and once.  Where its
 * key was found is kept for the next document.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"

#include "eval_doc_compile.h"
#include "json.h"
#include "value.h"

/* What a step asks of the value of its name. */
typedef enum StepKind
{
	STEP_BOOL,					/* is it this one? */
	STEP_TEXT,					/* one of these? */
	STEP_NUMBER,				/* in this range? */
	STEP_HAS_TEXT,				/* a list with one of these? */
	STEP_LEAF					/* what the leaf says */
} StepKind;

typedef struct Text
{
	const char *s;
	uint32		len;
} Text;

/* An end of a range. */
typedef struct End
{
	Numeric		number;			/* NULL: none */
	double		size;
	bool		in;				/* is the end itself in the range? */
} End;

/* Where steps lead. */
#define GO_FALSE	(-2)
#define GO_TRUE		(-1)

typedef struct Step
{
	StepKind	kind;
	int			go[2];			/* where it is false, where it is true */
	int			name;			/* -1: none */
	const SegNode *leaf;
	bool		wanted;			/* of STEP_BOOL */
	uint32		ntexts;
	Text	   *texts;
	End			low;
	End			high;
} Step;

typedef struct DocumentName
{
	int			object;			/* the name whose object it is in; -1: the document's */
	Text		key;
	uint32		place;			/* where the key was found before */
	uint64		document;		/* that value is of */
	SegDocumentValue value;
	const JsonbContainer *container;	/* if it is one */
} DocumentName;

struct SegDocumentRule
{
	SegLeaves  *leaves;
	int			first;			/* step, or where none is left */
	int			nsteps;
	Step	   *steps;
	int			nnames;
	DocumentName *names;
	uint64		document;		/* the number of this one */
	SegJsonObject object;
};

/* Compiling. */

static int
count_leaves(const SegNode *node, int *parts)
{
	int			n = 0;

	check_stack_depth();
	if (node->kind != SEG_NODE_AND && node->kind != SEG_NODE_OR && node->kind != SEG_NODE_NOT)
	{
		const SegNode *name = seg_leaf_name(node);

		*parts += name == NULL ? 0 : name->op;
		return 1;
	}
	for (uint32 i = 0; i < node->nchild; i++)
		n += count_leaves(seg_node_child(node, i), parts);
	return n;
}

static int
add_name(SegDocumentRule *r, int object, const char *key, uint32 len)
{
	/* a rule of thousands of names is searched for its last ones only */
	for (int i = r->nnames - 1; i >= Max(0, r->nnames - 64); i--)
		if (r->names[i].object == object && r->names[i].key.len == len && memcmp(r->names[i].key.s, key, len) == 0)
			return i;
	r->names[r->nnames] = (DocumentName) {.object = object,.key = {key, len}};
	return r->nnames++;
}

static int
name_of(SegDocumentRule *r, const SegNode *leaf)
{
	const SegNode *node = seg_leaf_name(leaf);
	const char *part;
	int			name = -1;

	if (node == NULL)
		return name;
	part = seg_node_payload(node);
	for (int i = 0; i < node->op; i++, part += strlen(part) + 1)
		name = add_name(r, name, part, strlen(part));
	return name;
}

static void
take_texts(Step *step, StepKind kind, const SegNode *leaf)
{
	for (uint32 i = 1; i < leaf->nchild; i++)
		if (seg_node_child(leaf, i)->kind != SEG_NODE_TEXT)
			return;
	step->kind = kind;
	step->ntexts = leaf->nchild - 1;
	step->texts = palloc_extended(sizeof(Text) * (Size) Max(step->ntexts, 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 1; i < leaf->nchild; i++)
		step->texts[i - 1] = (Text) {seg_node_text(seg_node_child(leaf, i)), seg_node_child(leaf, i)->len};
}

static End
end_of(const SegNode *number, bool in)
{
	return (End) {seg_node_number(number), seg_numeric_double(seg_node_number(number)), in};
}

static void
take_comparison(Step *step, const SegNode *leaf)
{
	bool		mirrored = seg_node_child(leaf, 0)->kind != SEG_NODE_NAME;
	const SegNode *literal = seg_node_child(leaf, mirrored ? 0 : 1);
	SegCompare	op = mirrored ? seg_compare_mirrored(leaf->op) : leaf->op;

	if (literal->kind == SEG_NODE_NUMBER)
	{
		step->kind = STEP_NUMBER;
		if (op == SEG_EQ || op == SEG_GE || op == SEG_GT)
			step->low = end_of(literal, op != SEG_GT);
		if (op == SEG_EQ || op == SEG_LE || op == SEG_LT)
			step->high = end_of(literal, op != SEG_LT);
	}
	else if (op == SEG_EQ && literal->kind == SEG_NODE_BOOL)
	{
		step->kind = STEP_BOOL;
		step->wanted = literal->op != 0;
	}
	else if (op == SEG_EQ && literal->kind == SEG_NODE_TEXT)
	{
		step->kind = STEP_TEXT;
		step->ntexts = 1;
		step->texts = palloc(sizeof(Text));
		step->texts[0] = (Text) {seg_node_text(literal), literal->len};
	}
}

static void
take_leaf(Step *step, const SegNode *leaf)
{
	switch ((SegNodeKind) leaf->kind)
	{
		case SEG_NODE_NAME:
			step->kind = STEP_BOOL;
			step->wanted = true;
			break;
		case SEG_NODE_COMPARE:
			take_comparison(step, leaf);
			break;
		case SEG_NODE_BETWEEN:
			if (seg_node_child(leaf, 1)->kind != SEG_NODE_NUMBER || seg_node_child(leaf, 2)->kind != SEG_NODE_NUMBER)
				break;
			step->kind = STEP_NUMBER;
			step->low = end_of(seg_node_child(leaf, 1), true);
			step->high = end_of(seg_node_child(leaf, 2), true);
			break;
		case SEG_NODE_IN:
			take_texts(step, STEP_TEXT, leaf);
			break;
		case SEG_NODE_HAS_ANY:
			take_texts(step, STEP_HAS_TEXT, leaf);
			break;
		default:
			break;
	}
}

/* What a condition costs, roughly; 1 to MAX_COST. */
#define MAX_COST	3

static int
cost_of(const SegNode *node)
{
	switch ((SegNodeKind) node->kind)
	{
		case SEG_NODE_NAME:
		case SEG_NODE_BOOL:
		case SEG_NODE_COMPARE:
		case SEG_NODE_BETWEEN:
		case SEG_NODE_IS_NULL:
			return 1;
		case SEG_NODE_AND:
		case SEG_NODE_OR:
		case SEG_NODE_NOT:
		case SEG_NODE_IN:
		case SEG_NODE_STARTS:
		case SEG_NODE_ENDS:
			return 2;
		default:
			return MAX_COST;
	}
}

/* From the last operand to the first, so that it is known where each leads. Returns where to begin. */
static int
compile(SegDocumentRule *r, const SegNode *node, int if_false, int if_true)
{
	bool		all = node->kind == SEG_NODE_AND;
	int			next = all ? if_true : if_false;
	Step	   *step;

	check_stack_depth();
	if (node->kind == SEG_NODE_NOT)
		return compile(r, seg_node_child(node, 0), if_true, if_false);
	if (all || node->kind == SEG_NODE_OR)
	{
		for (int cost = MAX_COST; cost > 0; cost--)
			for (uint32 i = node->nchild; i-- > 0;)
				if (cost_of(seg_node_child(node, i)) == cost)
					next = compile(r, seg_node_child(node, i), all ? if_false : next, all ? next : if_true);
		return next;
	}
	step = &r->steps[r->nsteps];
	*step = (Step) {.kind = STEP_LEAF,.go = {if_false, if_true},.name = name_of(r, node),.leaf = node};
	take_leaf(step, node);
	return r->nsteps++;
}

SegDocumentRule *
seg_document_rule(const SegRule *rule, SegLeaves *leaves)
{
	SegDocumentRule *r = palloc0(sizeof(SegDocumentRule));
	int			nnames = 0;
	int			nsteps = count_leaves(seg_rule_root(rule), &nnames);

	r->leaves = leaves;
	r->steps = palloc_extended(sizeof(Step) * (Size) nsteps, MCXT_ALLOC_HUGE);
	r->names = palloc_extended(sizeof(DocumentName) * (Size) Max(nnames, 1), MCXT_ALLOC_HUGE);
	r->first = compile(r, seg_rule_root(rule), GO_FALSE, GO_TRUE);
	return r;
}

/* Asking. */

static SegDocumentValue *value_of(SegDocumentRule *r, DocumentName *name);

static bool
look_up(SegDocumentRule *r, DocumentName *name, JsonbValue *json)
{
	DocumentName *object;

	if (name->object < 0)
		return seg_json_find(&r->object, name->key.s, name->key.len, &name->place, json);
	object = &r->names[name->object];
	if (object->document != r->document)
		(void) value_of(r, object);
	return object->container != NULL &&
		seg_json_get(object->container, name->key.s, name->key.len, &name->place, json);
}

/* What a name stands for in this document. */
static SegDocumentValue *
value_of(SegDocumentRule *r, DocumentName *name)
{
	JsonbValue	json;

	if (name->document == r->document)
		return &name->value;
	name->document = r->document;
	name->container = NULL;
	if (!look_up(r, name, &json))
		seg_value_missing(&name->value.value);
	else
	{
		seg_document_value(&name->value, &json);
		if (json.type == jbvBinary)
			name->container = json.val.binary.data;
	}
	return &name->value;
}

static inline bool
is_text(const Step *step, const char *s, uint32 len)
{
	for (uint32 i = 0; i < step->ntexts; i++)
		if (step->texts[i].len == len && seg_same_bytes(step->texts[i].s, s, len))
			return true;
	return false;
}

/* sign: 1 for the low end of a range, -1 for the high one. */
static inline bool
is_inside(const End *end, double size, Numeric number, int sign)
{
	int			order;

	if (end->number == NULL)
		return true;
	if (size != end->size)
		return (size > end->size) == (sign > 0);
	order = seg_numeric_compare(number, end->number) * sign;
	return order > 0 || (order == 0 && end->in);
}

static inline bool
is_in_range(const Step *step, Numeric number)
{
	double		size = seg_numeric_double(number);

	return is_inside(&step->low, size, number, 1) && is_inside(&step->high, size, number, -1);
}

static bool
has_text(const Step *step, const JsonbContainer *array)
{
	SegJsonWalk walk;
	JsonbValue	json;

	seg_json_walk(&walk, array);
	while (seg_json_next(&walk, &json))
		if (json.type == jbvString && is_text(step, json.val.string.val, json.val.string.len))
			return true;
	return false;
}

static bool
step_holds(SegDocumentRule *r, const Step *step)
{
	SegDocumentValue *own = step->name < 0 ? NULL : value_of(r, &r->names[step->name]);

	switch (step->kind)
	{
		case STEP_BOOL:
			return own->value.tag == SEG_V_BOOL && own->value.v.b == step->wanted;
		case STEP_TEXT:
			return own->value.tag == SEG_V_TEXT && is_text(step, own->value.v.s, own->value.len);
		case STEP_NUMBER:
			return own->value.tag == SEG_V_NUMERIC && is_in_range(step, own->value.v.n);
		case STEP_HAS_TEXT:
			return own->value.tag == SEG_V_LIST && has_text(step, own->array);
		default:
			return seg_leaf_holds(r->leaves, step->leaf, own);
	}
}

bool
seg_document_rule_holds(SegDocumentRule *r, const JsonbContainer *document)
{
	int			at = r->first;

	r->document++;
	seg_json_open(&r->object, document);
	while (at >= 0)
	{
		const Step *step = &r->steps[at];

		at = step->go[step_holds(r, step)];
	}
	return at == GO_TRUE;
}
