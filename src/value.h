/*
 * value.h
 *		A value while a rule is evaluated, and what can be done with it.
 *
 * Values carry their type in a tag, because one evaluator serves typed columns and
 * json documents.  A missing value (SQL NULL, an absent json key, json null, the
 * result of a division by zero) is a value of its own; nothing here raises an error
 * for what the data hold.
 *
 * Values do not own memory.  Bytes belong to the row, to the rule or to the memory
 * context that was current when the value was computed.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_VALUE_H
#define SEG_VALUE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "clock.h"
#include "compat.h"
#include "rule.h"

/* What a column or an expression is, as far as it is known at binding. */
typedef enum SegType
{
	SEG_T_BOOL,
	SEG_T_INT,					/* smallint, integer, bigint, oid */
	SEG_T_NUMERIC,
	SEG_T_FLOAT,				/* real, double precision */
	SEG_T_TEXT,					/* text, varchar, char(n), name */
	SEG_T_DAY,					/* date */
	SEG_T_MOMENT,				/* timestamptz; timestamp in the population's zone */
	SEG_T_DURATION,				/* interval */
	SEG_T_LIST,					/* an array; elem says of what */
	SEG_T_OTHER,				/* any type with a default btree operator class */
	SEG_T_OPAQUE,				/* any type without: only IS NULL applies */
	SEG_T_JSON					/* json, jsonb: what it is shows at run time */
} SegType;

/* For SEG_T_OTHER (and lists of it): how two Datums compare.  For citext: that it is. */
typedef struct SegOtherType
{
	Oid			typid;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	bool		is_citext;		/* SEG_T_TEXT whose comparisons and predicates fold case */
	bool		is_foreign;		/* comparing may run functions that are not PostgreSQL's own */
	FmgrInfo	compare;		/* btree support function 1 */
} SegOtherType;

typedef struct SegTypeInfo
{
	SegType		type;
	SegType		elem;			/* of SEG_T_LIST */
	Oid			typid;			/* the column's own type, domains looked through; InvalidOid for an
								 * expression that is no column */
	Oid			elem_typid;		/* of SEG_T_LIST */
	Oid			collation;		/* of text (or of a list's texts); InvalidOid: by bytes */
	SegOtherType *other;		/* of SEG_T_OTHER and lists of it */
} SegTypeInfo;

/* Types in groups. */

static inline bool
seg_type_is_number(const SegTypeInfo *type)
{
	return type->type == SEG_T_INT || type->type == SEG_T_NUMERIC || type->type == SEG_T_FLOAT;
}

static inline bool
seg_type_is_time(const SegTypeInfo *type)
{
	return type->type == SEG_T_DAY || type->type == SEG_T_MOMENT;
}

static inline bool
seg_type_is_citext(const SegTypeInfo *type)
{
	return type->type == SEG_T_TEXT && type->other != NULL && type->other->is_citext;
}

typedef enum SegTag
{
	SEG_V_MISSING,
	SEG_V_ABSENT,				/* missing, and not even there: no such key (seen by eval.c only) */
	SEG_V_BOOL,
	SEG_V_INT,
	SEG_V_NUMERIC,
	SEG_V_FLOAT,
	SEG_V_TEXT,
	SEG_V_DAY,					/* a date column: counts from its local midnight */
	SEG_V_WHOLE_DAY,			/* a day literal or word: compared with a moment, the whole local day */
	SEG_V_MOMENT,
	SEG_V_DURATION,
	SEG_V_LIST,
	SEG_V_OTHER,
	SEG_V_OBJECT				/* a json object: neither missing nor comparable */
} SegTag;

typedef struct SegList SegList;

typedef struct SegValue
{
	SegTag		tag;
	uint32		len;			/* of SEG_V_TEXT */
	union
	{
		bool		b;
		int64		i;			/* INT; DAY and WHOLE_DAY as DateADT; MOMENT as TimestampTz */
		double		f;
		const char *s;			/* TEXT: not NUL-terminated */
		Numeric		n;
		const Interval *span;
		const SegList *list;
		const JsonbContainer *object;
		Datum		d;			/* OTHER */
	}			v;
} SegValue;

struct SegList
{
	int			nelems;
	SegValue	elems[FLEXIBLE_ARRAY_MEMBER];	/* no missing ones among them */
};

/* Values in groups. */

static inline bool
seg_value_is_number(const SegValue *value)
{
	return value->tag == SEG_V_INT || value->tag == SEG_V_NUMERIC || value->tag == SEG_V_FLOAT;
}

static inline bool
seg_value_is_day(const SegValue *value)
{
	return value->tag == SEG_V_DAY || value->tag == SEG_V_WHOLE_DAY;
}

static inline bool
seg_value_is_time(const SegValue *value)
{
	return value->tag == SEG_V_MOMENT || seg_value_is_day(value);
}

/* Making values. */
extern void seg_type_lookup(SegTypeInfo *info, Oid typid, Oid collation);
extern void seg_value_from_datum(SegValue *out, const SegTypeInfo *info, Datum datum, bool isnull,
								 const SegClock *clock);
extern void seg_value_from_jsonb(SegValue *out, const JsonbValue *json);
extern void seg_value_from_literal(SegValue *out, const SegNode *node, const SegClock *clock);

static inline void
seg_value_missing(SegValue *out)
{
	out->tag = SEG_V_MISSING;
}

static inline void
seg_value_text(SegValue *out, const char *s, uint32 len)
{
	out->tag = SEG_V_TEXT;
	out->len = len;
	out->v.s = s;
}

/*
 * A copy in the current memory context, for a value that outlives its row.  other: of an
 * OTHER, or of a list of them.  What is in an object is left behind.
 */
extern void seg_value_copy(SegValue *out, const SegValue *value, const SegOtherType *other);

/* A number (INT, NUMERIC; the second also FLOAT) in one form. */
extern Numeric seg_value_numeric(const SegValue *value);
extern double seg_value_double(const SegValue *value);

/* value_numeric.c: as PostgreSQL's own, and sooner. */
extern double seg_numeric_double(Numeric number);
extern int	seg_numeric_compare(Numeric a, Numeric b);

/*
 * Comparing.  Returns false where the two cannot be compared (missing, or of kinds that
 * differ), which makes every comparison false; otherwise *result is <0, 0 or >0.
 * A WHOLE_DAY on one side and a MOMENT on the other compare 0 within that local day.
 */
typedef struct SegCompareHow
{
	Oid			collation;		/* for texts; InvalidOid: by bytes */
	SegOtherType *other;		/* for SEG_V_OTHER */
	const SegClock *clock;
} SegCompareHow;

extern bool seg_value_compare(const SegValue *a, const SegValue *b, const SegCompareHow *how, int *result);
extern bool seg_value_equal(const SegValue *a, const SegValue *b, const SegCompareHow *how);

/* Does a stand to b as op says? */
extern bool seg_value_test(const SegValue *a, SegCompare op, const SegValue *b, const SegCompareHow *how);

/* A total order for sorting and DISTINCT, missing values last. */
extern int	seg_value_order(const SegValue *a, const SegValue *b, const SegCompareHow *how);

/* An ISO 8601 text as a DAY or a MOMENT; false if it is neither. */
extern bool seg_value_from_iso(SegValue *out, const SegValue *iso, const SegClock *clock);

/* The moment that a MOMENT, a DAY (its local midnight) or an ISO text is; false if none. */
extern bool seg_value_moment(const SegValue *value, const SegClock *clock, TimestampTz *moment);

/* The local day that a MOMENT, a DAY or an ISO text falls on; false if none. */
extern bool seg_value_day(const SegValue *value, const SegClock *clock, DateADT *day);

/* Arithmetic and functions (value_math.c): missing in, missing out; overflow gives missing. */
extern void seg_value_arith(SegValue *out, SegNodeKind op, const SegValue *a, const SegValue *b,
							const SegClock *clock);
extern void seg_value_negate(SegValue *out, const SegValue *a);
extern void seg_value_function(SegValue *out, SegFunction function, const SegValue *a,
							   const SegTypeInfo *type, const SegClock *clock);

/* Text predicates (value_text.c): false unless both sides are texts. */
extern bool seg_value_like(const SegValue *text, const SegValue *pattern, SegNodeKind op, Oid collation, bool fold);
extern bool seg_value_starts(const SegValue *text, const SegValue *part);
extern bool seg_value_ends(const SegValue *text, const SegValue *part);
extern bool seg_value_contains(const SegValue *text, const SegValue *part);
extern void seg_value_lower(SegValue *out, const SegValue *a, Oid collation);

#endif							/* SEG_VALUE_H */
