/*
 * gin_rule.h
 *		The keys under which rules are filed, and look-ups find them.
 *
 *		gin_rule.c			the operator class
 *		gin_rule_key.c		keys of single values and of ranges
 *		gin_rule_entry.c	what an index keeps: a key, and what must hold besides
 *		gin_rule_anchor.c	the keys of a rule
 *		gin_rule_token.c	the keys that a document looks under
 *		gin_rule_frequency.c	how often documents have a key
 *		gin_rule_watch.c	such counts that no index can hold
 *
 * A key is a hash of a path in the document, a kind and a value of that kind.  Two keys
 * that collide only make a look-up find a rule that it need not have found.  Their first bits
 * are stored in indexes: whatever is changed here, in gin_rule_key.c or in gin_rule_entry.c must not
 * change them.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_GIN_RULE_H
#define SEG_GIN_RULE_H

#include "postgres.h"

#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "clock.h"
#include "rule.h"

typedef enum SegKeyKind
{
	SEG_KEY_ALL,				/* every look-up looks here */
	SEG_KEY_TEXT,				/* value: its hash */
	SEG_KEY_BOOL,				/* value: 0 or 1 */
	SEG_KEY_NUMBER,				/* value: a cell of numbers; the highest level says: is a number */
	SEG_KEY_DAY,				/* value: a cell of days; the highest level says: is a day or moment */
	SEG_KEY_IS_TEXT,
	SEG_KEY_IS_LIST,
	SEG_KEY_IS_OBJECT,
	SEG_KEY_HAS_TEXT,			/* a list with such an element; value: its hash */
	SEG_KEY_HAS_NUMBER,			/* value: its hash */
	SEG_KEY_HAS_BOOL			/* value: 0 or 1 */
} SegKeyKind;

/* A rule has no more keys, or entries, than this; it is filed more broadly then. */
#define SEG_RULE_MAX_KEYS 256

/* Numbers and days as small integers that are in the same order. */
#define SEG_NUMBER_CODES	4096
#define SEG_DAY_CODES		65536

/*
 * A cell of level l is SEG_CELL_WIDTH^l codes wide.  The highest level has one cell.
 */
#define SEG_CELL_BITS		4
#define SEG_NUMBER_LEVELS	4
#define SEG_DAY_LEVELS		5

/* A range is covered with so many cells at most. */
#define SEG_MAX_CELLS		20

/* An entry asks for so many spans besides its key; they do not make more than so many entries of a rule. */
#define SEG_ENTRY_SPANS		2
#define SEG_ENTRIES_BESIDES	2

/* A local day is widened by so many days in UTC, which is more than zones can make a difference. */
#define SEG_ZONE_DAYS		2

/* How often a condition is expected to hold. */
#define SEG_MASS_NUMBER		0.03
#define SEG_MASS_HAS		0.04
#define SEG_MASS_TEXT		0.05
#define SEG_MASS_HALF_OPEN	0.30
#define SEG_MASS_BOOL		0.40
#define SEG_MASS_TIME		0.60
#define SEG_MASS_PRESENT	0.90
#define SEG_MASS_BESIDES	0.85	/* less than this, or it is of no use besides a key */

/* between two codes of SEG_KEY_NUMBER or SEG_KEY_DAY */
extern double seg_range_mass(SegKeyKind kind, int low, int high);

extern uint64 seg_key_path(uint64 parent, const char *part, Size len);
extern uint64 seg_key_path_of(const SegNode *name);
extern int64 seg_key(uint64 path, SegKeyKind kind, uint64 value);
extern uint64 seg_key_hash_text(const char *text, Size len);
extern uint64 seg_key_hash_number(Numeric number);
extern int	seg_number_code(Numeric number);
extern int	seg_day_code(int64 day);
extern int64 seg_day_of_moment(TimestampTz moment);	/* in UTC */
extern uint64 seg_cell(int code, int level);

/* The keys of a set of cells that covers low to high; keys has room for SEG_MAX_CELLS. */
extern int	seg_key_range(uint64 path, SegKeyKind kind, int low, int high, int64 *keys);

/* Does the key tell only that there is a value of the kind? */
extern bool seg_key_is_presence(SegKeyKind kind, uint64 value);

/* Entries of an index (gin_rule_entry.c), which may ask for a span besides their key. */
extern int64 seg_entry_of_key(int64 key);
extern int64 seg_entry_of_presence(uint64 path, SegKeyKind kind);

/* low and high: codes of numbers or days, else twice the value of a key */
extern int64 seg_span(uint64 path, SegKeyKind kind, uint64 low, uint64 high);
extern int64 seg_entry_add_span(int64 entry, int64 span);

/* UTC's calendar: what a document says without a zone is at most 16 hours off. */
extern const SegClock *seg_key_clock(void);

/* How often documents have a key, and the counts that this comes from. */
typedef struct SegFrequencies SegFrequencies;
typedef struct SegKeyCounts SegKeyCounts;

extern SegKeyCounts *seg_key_counts_begin(void);
extern void seg_key_counts_add(SegKeyCounts *counts, const int64 *keys, int n);
extern SegFrequencies *seg_key_counts_write(const SegKeyCounts *counts);
extern double seg_frequency_of(const SegFrequencies *f, int64 key);
extern SegFrequencies *seg_frequencies_copy(const SegFrequencies *f);
extern SegFrequencies *seg_frequencies_from_text(const char *text);
extern bool seg_frequencies_too_long(const char *text);
pg_noreturn extern void seg_frequencies_refuse(const char *text);

/* Those that the index has which a support function is called for; NULL: none. */
extern const SegFrequencies *seg_frequencies_of_index(FunctionCallInfo fcinfo);

/*
 * keys has room for SEG_RULE_MAX_KEYS; returns how many there are.  f: what says which
 * condition holds most rarely; NULL: its kind.
 */
extern int	seg_rule_keys(const SegRule *rule, const SegFrequencies *f, int64 *keys);

/* The same, each with what must hold besides where that is known. */
extern int	seg_rule_entries(const SegRule *rule, const SegFrequencies *f, int64 *entries);

/* How often a condition is expected to hold; 1 if its keys do not tell. */
extern double seg_condition_mass(const SegNode *node, const SegFrequencies *f);

/* A name without which the value is missing; NULL: none. */
extern const SegNode *seg_strict_name(const SegNode *node);

/* The source without rows of which a leaf, or its complement, does not hold; NULL: none. */
extern const SegNode *seg_needed_source(const SegNode *leaf, bool negated);

/* An attribute of a document, or of an object in it. */
typedef struct SegAttributeName
{
	const struct SegAttributeName *object;	/* whose attribute it is; NULL: the document's */
	const char *key;
	uint32		len;
	uint64		path;
	uint32		number;			/* for whoever visits */
} SegAttributeName;

/* Visits every attribute, an object before what is in it. */
typedef void (*SegAttributeVisitor) (void *arg, SegAttributeName *name, const JsonbValue *value);
extern void seg_document_visit(const JsonbContainer *document, SegAttributeVisitor visit, void *arg);

/* Takes the keys of a value; json is the value, or the element of it that the key is of. */
typedef void (*SegKeyTaker) (void *arg, SegKeyKind kind, uint64 value, const JsonbValue *json);
extern void seg_value_keys(const JsonbValue *json, SegKeyTaker take, void *arg);

/* in order, none twice */
extern int	seg_document_keys(const JsonbContainer *document, int64 **keys);

#endif							/* SEG_GIN_RULE_H */
