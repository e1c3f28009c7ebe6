/*
 * classify_rules.h
 *		Many rules in memory, compiled together, for one document at a time.
 *
 *		classify_compile.c	rules to tests
 *		classify_find.c		which of them hold for a document
 *
 * What rules compare a name with is numbered, in order where order counts.  A document's
 * values become such numbers once (codes, one for each slot); then every condition is a
 * test whether a code lies in a range, however large the rules' texts and numbers are:
 *
 *		number	0 none; 2 i + 2 if equal to the i-th constant, odd between two
 *		text	0 other; i + 1 if equal to the i-th constant
 *		bool	0 none; 1 false; 2 true
 *		has		1 if the list has the element; a slot for each element
 *		leaf	0 or 1, found out by eval_doc_direct.c when it is asked for
 *		rule	0 or 1, found out by the caller when it is asked for
 *
 * A rule is a run of tests, each of which says where to go on.  Under each key that it is
 * filed under there is a posting, which holds two tests that have to hold for the rule to: most
 * rules that a look-up finds are dropped there, without another access to memory.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_CLASSIFY_RULES_H
#define SEG_CLASSIFY_RULES_H

#include "postgres.h"

#include "eval_doc_direct.h"
#include "gin_rule.h"
#include "rule.h"

/* The code of a slot of leaves or rules that was not asked for. */
#define SEG_CODE_UNKNOWN	PG_UINT32_MAX

/* Is the code of the slot one of low to low + span? */
typedef struct SegCodeTest
{
	uint32		slot;
	uint32		low;
	uint32		span;
} SegCodeTest;

typedef struct SegStep
{
	SegCodeTest test;
	uint16		go[2];			/* where false and true lead: a step of the rule, or */
} SegStep;

#define SEG_GO_FALSE	0xFFFE
#define SEG_GO_TRUE		0xFFFF

#define SEG_POSTING_TESTS	2

/* A rule, and which of its steps its postings repeat (SEG_NO_STEP: none). */
#define SEG_NO_STEP		PG_UINT32_MAX

typedef struct SegCompiled
{
	uint32		first;			/* step */
	uint32		repeated[SEG_POSTING_TESTS];
} SegCompiled;

typedef struct SegFiling
{
	int64		key;
	uint32		rule;
} SegFiling;

typedef struct SegPosting
{
	uint32		rule;
	uint32		first;			/* of its steps */
	SegCodeTest tests[SEG_POSTING_TESTS];
} SegPosting;

/* A constant that values are compared with for equality. */
typedef struct SegConstant
{
	uint32		next;			/* the next with the same key; 0: none */
	uint32		name;
	SegKeyKind	kind;			/* SEG_KEY_TEXT, or one of SEG_KEY_HAS_... */
	uint32		slot;
	uint32		code;
	const SegNode *literal;
} SegConstant;

/* What is known of a key: what is filed there, and the constants that have it. */
typedef struct SegKeyEntry
{
	int64		key;
	bool		used;
	uint32		constant;		/* 0: none */
	uint32		first;			/* in postings */
	uint32		count;
} SegKeyEntry;

/* Where a name is compared with none of the kind. */
#define SEG_NO_SLOT		PG_UINT32_MAX

/* A name that rules mention, or what an object has under one. */
typedef struct SegRuleName
{
	uint64		path;
	uint32		object;			/* 0: the document; else the name of the object */
	const char *part;
	uint32		len;
	uint32		numbers;		/* in number_slots */
	uint32		texts;			/* slot */
	uint32		ntexts;
	uint32		bools;			/* slot */
} SegRuleName;

/* An array that grows. */
typedef struct SegArray
{
	void	   *elements;
	uint32		n;
	uint32		room;
} SegArray;

typedef struct SegNumberSlot
{
	uint32		slot;
	SegArray	numbers;		/* Numeric: as they were added; once finished, n in order */
	uint32		n;
	double	   *sizes;			/* of each of the n, as near as doubles come */
	uint32	   *ranks;			/* of each as they were added */
} SegNumberSlot;

typedef enum SegSlotKind
{
	SEG_SLOT_PLAIN,				/* texts, bools, elements */
	SEG_SLOT_NUMBERS,
	SEG_SLOT_LEAF,
	SEG_SLOT_RULE
} SegSlotKind;

typedef struct SegSlot
{
	SegSlotKind kind;
	uint32		index;			/* in number_slots; or the number of the rule */
	const SegNode *leaf;
} SegSlot;

typedef struct SegRuleSet
{
	MemoryContext context;
	SegDirect  *direct;
	bool		(*ask) (void *arg, uint32 rule);	/* a rule that is not compiled */
	void	   *arg;

	SegArray	rules;			/* SegCompiled */
	SegArray	steps;			/* SegStep */
	SegArray	slots;			/* SegSlot; the code of the first is always 0 */
	SegArray	names;			/* SegRuleName, from 1 */
	uint32	   *name_table;
	uint32		name_mask;
	SegArray	number_slots;	/* SegNumberSlot */
	SegArray	constants;		/* SegConstant, from 1 */
	SegKeyEntry *keys;
	uint32		nkeys;
	uint32		key_mask;
	SegPosting *postings;
	SegArray	filings;		/* until it is finished: SegFiling */

	/* the document at hand */
	const JsonbContainer *document;
	bool		remembered;		/* by direct */
	uint32	   *codes;
	SegArray	touched;		/* uint32: slots with a code */
	SegArray	found;			/* SegKeyEntry *: keys that it has and rules are filed under */
	uint32	   *seen;			/* of each rule, the look-up that found it */
	uint32		look_up;
} SegRuleSet;

/* In the current memory context.  Rules are numbered as they are added, from 0. */
extern SegRuleSet *seg_rules_begin(SegDirect *direct, bool (*ask) (void *arg, uint32 rule), void *arg);

/* Returns a copy of the rule if more than the compiled form will be needed, or NULL. */
extern const SegRule *seg_rules_add(SegRuleSet *set, const SegRule *rule, const SegFrequencies *f);
extern void seg_rules_finish(SegRuleSet *set);

/* A name's number, 0: no rule mentions it; a key, NULL: there is none. */
extern uint32 seg_rules_name(const SegRuleSet *set, uint64 path, uint32 object, const char *part, uint32 len);
extern SegKeyEntry *seg_rules_key(const SegRuleSet *set, int64 key);

/* The document that is asked about. */
extern void seg_rules_document(SegRuleSet *set, const JsonbContainer *document);
extern bool seg_rules_hold(SegRuleSet *set, uint32 rule);

/* Calls take for each rule that holds. */
extern void seg_rules_find(SegRuleSet *set, void (*take) (void *arg, uint32 rule), void *arg);

#define seg_array_at(array, type, i)	(&((type *) (array)->elements)[i])
extern void *seg_array_add(SegArray *array, Size size);

#endif							/* SEG_CLASSIFY_RULES_H */
