/*
 * rule.h
 *		The value of type segment_rule: a flat tree, readable in place.
 *
 * A rule is a varlena that holds the syntax tree of one condition in pre-order.
 * Every node is 4-byte aligned; a child is found at a positive offset from its
 * parent's first byte, so that a rule can be copied anywhere and walked without
 * being decoded.
 *
 *		SegRule		| vl_len_ | version | flags | root node ...
 *		SegNode		| kind op flags | nchild | len | child offsets ... | payload, padded to 4 |
 *
 * The tree is canonical: two texts that say the same in the same words (but for
 * case, blanks, comments, redundant parentheses and the spelling of an operator)
 * give the same bytes.  So equality, hash and order are those of the bytes, no
 * positions of the source text are kept, and an error that is found later points
 * into the canonical text instead (seg_rule_locate).
 *
 * What the parser makes canonical:
 *	- a negated predicate (!=, <>, NOT IN, NOT LIKE, IS NOT NULL, HAS NONE ...) is
 *	  SEG_NODE_NOT over the plain one; NOT over NOT vanishes;
 *	- AND and OR are n-ary and flat; an operand of one is never of its own kind;
 *	- HAS x is SEG_NODE_HAS_ANY with one element;
 *	- numbers have no trailing zeros after the point; durations are an Interval;
 *	- the short aggregate sum(orders.total within last 90 days) is the long one,
 *	  sum(orders.total from orders within last 90 days), and printed short.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_H
#define SEG_RULE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "utils/date.h"
#include "utils/numeric.h"

#include "compat.h"

#define SEG_RULE_VERSION	1

/* flags: gates over leaves that compare a name with literals (rule_simple.c) */
#define SEG_RULE_SIMPLE		1

/* Texts longer than this are refused (ERRCODE_PROGRAM_LIMIT_EXCEEDED). */
#define SEG_RULE_MAX_TEXT	(1024 * 1024)

/* So are rules nested deeper than this. */
#define SEG_RULE_MAX_DEPTH	1000

typedef enum SegNodeKind
{
	/* literals */
	SEG_NODE_TEXT = 1,			/* payload: bytes, a NUL behind them */
	SEG_NODE_NUMBER,			/* payload: a Numeric */
	SEG_NODE_BOOL,				/* op: 0 or 1 */
	SEG_NODE_DAY,				/* payload: DateADT */
	SEG_NODE_MOMENT,			/* payload: Timestamp; op: 1 if the zone was given (then it is a
								 * TimestampTz), 0 if local to the population's zone */
	SEG_NODE_DURATION,			/* payload: Interval */
	SEG_NODE_CLOCK,				/* op: SegClockWord */
	SEG_NODE_AGO,				/* (duration) op: 0 = AGO, 1 = FROM NOW */
	SEG_NODE_EDGE,				/* START|END OF ... op: 0 = START, 1 = END; flags: SEG_WHICH_UNIT */

	/* values */
	SEG_NODE_NAME,				/* payload: the parts, each with a NUL behind; op: their number */
	SEG_NODE_NEGATE,			/* (x) */
	SEG_NODE_ADD,				/* (a, b) */
	SEG_NODE_SUBTRACT,
	SEG_NODE_MULTIPLY,
	SEG_NODE_DIVIDE,
	SEG_NODE_FUNCTION,			/* (args ...) op: SegFunction */
	SEG_NODE_PLACE,				/* (latitude, longitude): an argument of DISTANCE */
	SEG_NODE_AGGREGATE,			/* (measure or absent, rows) op: SegAggregate */

	/* conditions */
	SEG_NODE_AND,				/* (two or more) */
	SEG_NODE_OR,				/* (two or more) */
	SEG_NODE_NOT,				/* (x) */
	SEG_NODE_COMPARE,			/* (a, b) op: SegCompare */
	SEG_NODE_BETWEEN,			/* (x, low, high) */
	SEG_NODE_IN,				/* (x, elements ...) */
	SEG_NODE_LIKE,				/* (x, text) */
	SEG_NODE_ILIKE,				/* (x, text) */
	SEG_NODE_MATCHES,			/* (x, text) */
	SEG_NODE_STARTS,			/* (x, prefix) */
	SEG_NODE_ENDS,				/* (x, suffix) */
	SEG_NODE_CONTAINS,			/* (x, infix) */
	SEG_NODE_HAS_ANY,			/* (list, elements ...) */
	SEG_NODE_HAS_ALL,			/* (list, elements ...) */
	SEG_NODE_IS_NULL,			/* (x) */
	SEG_NODE_IS_EMPTY,			/* (x) */
	SEG_NODE_WITHIN,			/* (moment or anniversary, duration) op: 0 = LAST, 1 = NEXT */
	SEG_NODE_DURING,			/* (moment or anniversary, period) */
	SEG_NODE_ANNIVERSARY,		/* (x): only as the first child of WITHIN and DURING */
	SEG_NODE_EXISTS,			/* (rows) */
	SEG_NODE_EVERY,				/* (rows, condition) */
	SEG_NODE_IN_SEGMENT,		/* (duration or absent) payload: name */
	SEG_NODE_JOINED_SEGMENT,	/* (duration) payload: name */
	SEG_NODE_LEFT_SEGMENT,		/* (duration) payload: name */
	SEG_NODE_TAGGED,			/* payload: name */

	/* parts of aggregates and quantifiers */
	SEG_NODE_ROWS,				/* (step, ...) */
	SEG_NODE_STEP,				/* (source name, alias name or absent, window or absent, WITHIN
								 * duration or absent, condition or absent) op: 1 = NO */
	SEG_NODE_WINDOW,			/* op: SegWindow; children as said there */
	SEG_NODE_PERIOD,			/* op: SegPeriod; payload and flags as said there */

	SEG_NODE_LAST_KIND = SEG_NODE_PERIOD
} SegNodeKind;

/* the children of SEG_NODE_STEP and SEG_NODE_AGGREGATE */
#define SEG_STEP_SOURCE		0
#define SEG_STEP_ALIAS		1
#define SEG_STEP_WINDOW		2
#define SEG_STEP_WITHIN		3
#define SEG_STEP_WHERE		4
#define SEG_AGGREGATE_MEASURE	0
#define SEG_AGGREGATE_ROWS		1

typedef enum SegCompare
{
	SEG_EQ, SEG_LT, SEG_LE, SEG_GT, SEG_GE
} SegCompare;

/* Does the left side stand to the right one so, if it is less (below 0), equal (0) or greater? */
static inline bool
seg_compare_holds(SegCompare op, int order)
{
	switch (op)
	{
		case SEG_EQ:
			return order == 0;
		case SEG_LT:
			return order < 0;
		case SEG_LE:
			return order <= 0;
		case SEG_GT:
			return order > 0;
		default:
			return order >= 0;
	}
}

/* The same comparison with its sides exchanged. */
static inline SegCompare
seg_compare_mirrored(SegCompare op)
{
	switch (op)
	{
		case SEG_LT:
			return SEG_GT;
		case SEG_LE:
			return SEG_GE;
		case SEG_GT:
			return SEG_LT;
		case SEG_GE:
			return SEG_LE;
		default:
			return op;
	}
}

typedef enum SegClockWord
{
	SEG_NOW, SEG_TODAY, SEG_YESTERDAY, SEG_TOMORROW
} SegClockWord;

typedef enum SegUnit
{
	SEG_SECOND, SEG_MINUTE, SEG_HOUR, SEG_DAY, SEG_WEEK, SEG_MONTH, SEG_QUARTER, SEG_YEAR
} SegUnit;

typedef enum SegWhich
{
	SEG_THIS, SEG_LAST, SEG_NEXT
} SegWhich;

/* flags of SEG_NODE_EDGE and of SEG_PERIOD_UNIT: which unit is meant */
#define SEG_WHICH_UNIT(which, unit)	((uint16) (((which) << 8) | (unit)))
#define SEG_FLAGS_WHICH(flags)		((SegWhich) ((flags) >> 8))
#define SEG_FLAGS_UNIT(flags)		((SegUnit) ((flags) & 0xff))

typedef enum SegPeriod
{
	SEG_PERIOD_TODAY, SEG_PERIOD_YESTERDAY, SEG_PERIOD_TOMORROW,
	SEG_PERIOD_UNIT,			/* THIS|LAST|NEXT unit; flags: SEG_WHICH_UNIT */
	SEG_PERIOD_AGO,				/* n units AGO; flags: SegUnit; payload: int32 n */
	SEG_PERIOD_DAY,				/* payload: DateADT */
	SEG_PERIOD_MONTH,			/* payload: int32, year * 12 + month - 1 */
	SEG_PERIOD_YEAR,			/* payload: int32 */
	SEG_PERIOD_MONTH_NAME		/* payload: int32, 1 to 12: that month of any year */
} SegPeriod;

typedef enum SegWindow
{
	SEG_WINDOW_LAST,			/* (duration) */
	SEG_WINDOW_NEXT,			/* (duration) */
	SEG_WINDOW_DURING,			/* (period) */
	SEG_WINDOW_SINCE,			/* (from, before or absent) */
	SEG_WINDOW_BEFORE,			/* (before) */
	SEG_WINDOW_BETWEEN			/* (low, high) */
} SegWindow;

typedef enum SegAggregate
{
	SEG_COUNT, SEG_COUNT_DISTINCT, SEG_SUM, SEG_AVG, SEG_MIN, SEG_MAX,
	SEG_FIRST, SEG_LAST_VALUE, SEG_MODE
} SegAggregate;

typedef enum SegFunction
{
	SEG_FUNC_LOWER, SEG_FUNC_LENGTH, SEG_FUNC_COALESCE, SEG_FUNC_ABS, SEG_FUNC_AGE,
	SEG_FUNC_YEAR, SEG_FUNC_MONTH, SEG_FUNC_DAY, SEG_FUNC_WEEKDAY, SEG_FUNC_HOUR, SEG_FUNC_DAYS,
	SEG_FUNC_DISTANCE, SEG_FUNC_BUCKET,
	SEG_FUNC_PERCENTILE,		/* (x, BY name or absent) */
	SEG_FUNC_SHARE
} SegFunction;

typedef struct SegNode
{
	uint8		kind;			/* SegNodeKind */
	uint8		op;				/* its meaning depends on kind */
	uint16		flags;			/* likewise; zero where nothing is said */
	uint32		nchild;
	uint32		len;			/* bytes of payload, padding and closing NUL not counted */
	uint32		child[FLEXIBLE_ARRAY_MEMBER];	/* offsets from this node; 0 = absent */
} SegNode;

typedef struct SegRule
{
	int32		vl_len_;
	uint16		version;		/* SEG_RULE_VERSION */
	uint16		flags;			/* SEG_RULE_SIMPLE where it is; the other bits are zero */
	SegNode		root;
} SegRule;

#define DatumGetSegRuleP(d)		((SegRule *) PG_DETOAST_DATUM(d))
#define PG_GETARG_SEG_RULE_P(n)	DatumGetSegRuleP(PG_GETARG_DATUM(n))

/* Reading in place. */

static inline const SegNode *
seg_rule_root(const SegRule *rule)
{
	return &rule->root;
}

/* The i-th child, or NULL where it is absent. */
static inline const SegNode *
seg_node_child(const SegNode *node, uint32 i)
{
	Assert(i < node->nchild);
	if (node->child[i] == 0)
		return NULL;
	return (const SegNode *) ((const char *) node + node->child[i]);
}

static inline const char *
seg_node_payload(const SegNode *node)
{
	return (const char *) node + offsetof(SegNode, child) + sizeof(uint32) * (Size) node->nchild;
}

/* Text, segment names: NUL-terminated, node->len bytes long. */
static inline const char *
seg_node_text(const SegNode *node)
{
	return seg_node_payload(node);
}

static inline int32
seg_node_int(const SegNode *node)
{
	int32		n;

	memcpy(&n, seg_node_payload(node), sizeof(n));
	return n;
}

static inline int64
seg_node_moment(const SegNode *node)
{
	int64		n;

	memcpy(&n, seg_node_payload(node), sizeof(n));
	return n;
}

static inline Interval
seg_node_duration(const SegNode *node)
{
	Interval	span;

	memcpy(&span, seg_node_payload(node), sizeof(span));
	return span;
}

/* 4-byte aligned, as numeric wants it; not to be modified. */
static inline Numeric
seg_node_number(const SegNode *node)
{
	return (Numeric) seg_node_payload(node);
}

/* The i-th part of a dotted name. */
extern const char *seg_node_name_part(const SegNode *node, int i);

/* The bytes of a node without its descendants. */
extern Size seg_node_size(uint8 kind, uint32 nchild, uint32 len);

/* rule_simple.c */
extern bool seg_node_is_simple(const SegNode *node);

/* rule.c: building */

/*
 * The tree as the parser (and the json reader) makes it, before it is made flat.
 * A child may be NULL.  location is a byte offset in the source text, or -1.
 */
typedef struct SegTree
{
	uint8		kind;
	uint8		op;
	uint16		flags;
	int			nchild;
	struct SegTree **child;
	uint32		len;
	const char *payload;
	int			location;
} SegTree;

extern SegRule *seg_rule_flatten(const SegTree *tree);
extern bool seg_tree_too_deep(const SegTree *tree);

/*
 * Whether the bytes of rule are a rule as described above, for bytes that do not come
 * from the parser.  Nothing that it accepts makes a reader leave the value.
 */
extern bool seg_rule_is_sound(const SegRule *rule);

/*
 * The children that a node of this kind has, one letter each: v value, c condition (or a
 * value that may be one), x either, q value or place, a value or anniversary, t text, n
 * name, d duration, p period, w window, r rows, s step.  A ? behind a letter: may be
 * absent.  A * behind the last: none or more of it.  NULL where op is none of the kind's.
 */
extern const char *seg_node_signature(SegNodeKind kind, int op);
extern const char *seg_function_signature(SegFunction function);

/* Reading a signature, child by child. */
extern char seg_signature_next(const char **signature, bool absent);
extern bool seg_signature_at_end(const char *signature);
extern bool seg_signature_fits(char letter, uint8 kind);

/*
 * rule_parse.c: reports a syntax error by ereport with position, detail and hint.  The
 * longer form can raise NOTICEs for what is legal but surprising, and report errors
 * softly (from PostgreSQL 16 on), returning NULL then.
 */
extern SegRule *seg_rule_parse(const char *text, Size len);
extern SegRule *seg_rule_parse_input(const char *text, Size len, bool notices, Node *escontext);

/* rule_print.c */
extern char *seg_rule_print(const SegRule *rule);
extern void seg_node_print(StringInfo out, const SegNode *node);

/*
 * For errors found after parsing: makes ereport() show the canonical text of rule as
 * internal query with the caret at node.  Use inside ereport(), as errposition().
 */
extern int	seg_rule_errposition(const SegRule *rule, const SegNode *node);

/* The word for a function, an aggregate or a unit, as it is written in rules. */
extern const char *seg_function_name(SegFunction function);
extern const char *seg_aggregate_name(SegAggregate aggregate);
extern const char *seg_unit_name(SegUnit unit);

#endif							/* SEG_RULE_H */
