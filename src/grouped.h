/*
 * grouped.h
 *		The grouped form: all segments of a population by plain SQL, wherever its tables are.
 *
 * The rules of a population travel as a value, a ruleset.  An aggregate by member gathers the rows
 * of one source (facts, a member_rows); another takes each member with his rows and says
 * who is in which segment (collect, a memberships).  Nothing else is needed to evaluate:
 * no table of ours, no setting, no clock.  segments.grouped_sql() writes the query.
 *
 *		grouped_type.c		the types that values travel in
 *		grouped_ruleset.c	the value ruleset, and what it is bound to
 *		grouped_write.c		making one of a population
 *		grouped_call.c		rulesets and rows as arguments of a call
 *		grouped_rows.c		the value member_rows
 *		grouped_rows_io.c	its text and binary form
 *		grouped_facts.c		the aggregate that makes one
 *		grouped_sets.c		the value memberships
 *		grouped_sets_io.c	its text and binary form
 *		grouped_answer.c	asking about many members at once
 *		grouped_collect.c	the aggregate that makes one
 *		grouped_evaluate.c	the same for one member alone
 *		grouped_text.c		what both text and binary forms have in common
 *		grouped_sql.c		the query
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_GROUPED_H
#define SEG_GROUPED_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "member_set.h"
#include "pass_read.h"
#include "program.h"

/* grouped_type.c */

/*
 * How a column's values travel.  What is no type of PostgreSQL's own, or has a modifier, is cast:
 * cast is the type to write behind "::"; NULL: none is needed.
 */
typedef struct SegTravel
{
	const char *type;			/* as a ruleset names it, its collation included */
	const char *cast;
	bool		presence;		/* only whether there is a value: as a boolean, true or missing */
	bool		is_enum;		/* its values can be told apart, not put in order */
} SegTravel;

/* False for a type whose values cannot travel. */
extern bool seg_travel_of(const SegTypeInfo *type, SegTravel *travel);

/* The type that a ruleset names; an error if there is none of that name. */
extern void seg_travel_type(const char *name, SegTypeInfo *type);

/* A number for each such type, for the heads of values; the same in all versions. */
extern uint8 seg_travel_code(const SegTypeInfo *type);
extern bool seg_travel_of_code(uint8 code, SegTypeInfo *type);

/* grouped_ruleset.c */

/* A ruleset's text is json, in the one form that PostgreSQL prints of it. */
typedef struct varlena SegRulesetText;

typedef struct SegGrouped
{
	MemoryContext context;		/* of all of it */
	uint64		fingerprint;	/* of the ruleset's text */
	const SegProgram *program;
	int			nsegments;		/* asked for: the first so many rules, in this order */
	const char **names;
	int			nrelations;
	SegLayout  *layouts;		/* by relation */
	uint8	  **types;			/* by relation and column, seg_travel_code() */
} SegGrouped;

/* In a context of its own under the current one. */
extern SegGrouped *seg_grouped_load(const SegRulesetText *ruleset);

/* The value for such a text, or an error that says what is wrong with it. */
extern SegRulesetText *seg_ruleset_make(const char *json);

/* grouped_write.c */

/*
 * The rules of a population's segments: of those named, or of all that are active (NIL), in the order
 * of names.  The program is the same bound to the population, whose columns are in the
 * same order.
 */
extern SegRulesetText *seg_ruleset_of(const SegPopulation *population, List *names, SegProgram **program);

/* Of arguments: a text[] as List of char *; NULL is NIL. */
extern List *seg_arg_names(FunctionCallInfo fcinfo, int n, const char *argument);

typedef struct SegMemberRows SegMemberRows;

/* grouped_call.c */

/* Where a relation has more columns than this, they are given as records of SEG_READ_COLUMNS each. */
#define SEG_GROUPED_COLUMNS	60

/* What a call of the aggregates keeps from row to row. */
typedef struct SegGroupedCall
{
	MemoryContext context;		/* as long as the call */
	bool		constant;		/* the ruleset is the same in every row */
	SegRulesetText *ruleset;	/* a copy of the one at hand */
	SegGrouped *grouped;
	SegEval    *eval;
	int			relation;		/* whose columns are the arguments */
	int			first;			/* their first argument */
	int			next;			/* the argument behind them */
	int			nvalues;
	Datum	   *values;			/* of the row at hand, records opened */
	bool	   *isnull;
	SegReader	reader;			/* set by whoever makes calls */
	void	   *rest;			/* more that belongs to the ruleset, made anew with it; or NULL */
} SegGroupedCall;

/*
 * The call at hand, with the ruleset of argument 1 and the moment of argument 2.  What is new with
 * another ruleset has a rest of NULL.  The reader's argument is the call.
 */
extern SegGroupedCall *seg_grouped_call(FunctionCallInfo fcinfo, int ruleset, int as_of, const SegReader *reader);

/* Says which arguments are the columns of a relation: those from first on. */
extern void seg_grouped_take_columns(FunctionCallInfo fcinfo, SegGroupedCall *call, int relation, int first);

/* Takes over their values. */
extern void seg_grouped_take_values(FunctionCallInfo fcinfo, SegGroupedCall *call);

/*
 * The same for a member: the columns of his row, behind which stand the rows of each source.  What
 * is given of a source is NULL where there is nothing.
 */
extern void seg_grouped_take_member(FunctionCallInfo fcinfo, SegGroupedCall *call, int first);
extern SegMemberRows *seg_grouped_rows(FunctionCallInfo fcinfo, const SegGroupedCall *call, int relation);

/* The state at hand, for it to be changed, detoasted; NULL if there is none. */
extern void *seg_grouped_state(FunctionCallInfo fcinfo);

/* A column of the row at hand. */
extern void seg_grouped_column(const SegGroupedCall *call, int column, SegValue *out);

/* grouped_rows.c */

/*
 * Rows of one member in one source, as many as some rule can want.  They follow the head as
 * pass_read.h lays them out, each aligned; what lies behind used is room for more.
 */
struct SegMemberRows
{
	int32		vl_len_;
	uint8		version;
	uint8		zero;
	uint16		ncolumns;
	uint64		fingerprint;	/* of the ruleset */
	TimestampTz as_of;
	uint32		relation;
	uint32		nrows;
	uint32		used;			/* bytes, the head included */
	uint8		types[FLEXIBLE_ARRAY_MEMBER];	/* of the columns, seg_travel_code() */
};

#define SEG_MEMBER_ROWS_VERSION	1

#define DatumGetSegMemberRowsP(d)	((SegMemberRows *) PG_DETOAST_DATUM(d))

static inline Size
seg_member_rows_head(int ncolumns)
{
	return MAXALIGN(offsetof(SegMemberRows, types) + ncolumns);
}

/* for (row = first; row < end; row = next) */
static inline SegRow *
seg_member_rows_first(const SegMemberRows *rows)
{
	return (SegRow *) ((char *) rows + seg_member_rows_head(rows->ncolumns));
}

static inline SegRow *
seg_member_rows_end(const SegMemberRows *rows)
{
	return (SegRow *) ((char *) rows + rows->used);
}

static inline SegRow *
seg_member_rows_next(const SegRow *row)
{
	return (SegRow *) ((char *) row + MAXALIGN(row->size));
}

extern SegMemberRows *seg_member_rows_create(uint64 fingerprint, TimestampTz as_of, int relation, int ncolumns,
											 const uint8 *types, Size room);

/*
 * Room for so many bytes more: the same value, or a larger copy in the current context.  In place only
 * where the caller owns the value.
 */
extern SegMemberRows *seg_member_rows_enlarge(SegMemberRows *rows, Size more);

/* A row of so many bytes at the end of one with room for it, all zero but the header. */
extern SegRow *seg_member_rows_add(SegMemberRows *rows, Size size);

/* A text in the shortest form, in the current context if it was in another. */
extern Datum seg_shortened_text(Datum value);

/* A copy without room, its rows in an order that does not tell in which they came. */
extern SegMemberRows *seg_member_rows_sorted(const SegMemberRows *rows);

/* Errors where two values do not belong together, or one not to a ruleset. */
extern void seg_member_rows_check_same(const SegMemberRows *a, const SegMemberRows *b);
extern void seg_member_rows_check(const SegMemberRows *rows, const SegGrouped *grouped, TimestampTz as_of, int relation);

/* grouped_sets.c */

/*
 * Who is in which segment.  Segments stand one after the other, each aligned:
 *
 *		name, with a zero behind it | member_set
 *
 * Behind them are members who are not in the sets yet, each with a bit for every segment; and
 * behind those, while the value is being made, the ruleset and members who are to be asked about.
 */
typedef struct SegMemberships
{
	int32		vl_len_;
	uint8		version;
	uint8		zero[3];
	uint64		fingerprint;	/* of the ruleset */
	TimestampTz as_of;
	uint32		nsegments;
	uint32		sealed;			/* bytes: head and segments; */
	uint32		answered;		/* those who are not in the sets yet included; */
	uint32		used;			/* those who are to be asked about included */
	uint32		nasked;			/* how many these are */
	uint32		padding;
	char		segments[FLEXIBLE_ARRAY_MEMBER];
} SegMemberships;

#define SEG_MEMBERSHIPS_VERSION	1

#define DatumGetSegMembershipsP(d)	((SegMemberships *) PG_DETOAST_DATUM(d))

/* One segment of it. */
typedef struct SegSetOf
{
	const char *name;
	const SegMemberSet *members;
} SegSetOf;

/* A member who is to be asked about, with all his rows, his own first; their member is his number among these. */
typedef struct SegAsked
{
	int64		key;
	uint64		size;			/* bytes, this header included */
} SegAsked;

extern SegMemberships *seg_memberships_make(uint64 fingerprint, TimestampTz as_of, int n, const SegSetOf *sets, Size room);
extern SegSetOf *seg_memberships_sets(const SegMemberships *m);

/*
 * These give the same value, where it has room and the caller owns it, or another in the current context.
 * A member with a bit for each segment, 64 in a word, where nobody is to be asked about; and one to be
 * asked about, whose rows, so many bytes, are for the caller to write behind the header.
 */
extern SegMemberships *seg_memberships_add(SegMemberships *m, int64 member, const uint64 *bits);
extern SegMemberships *seg_memberships_ask(SegMemberships *m, const SegRulesetText *ruleset, int64 member, Size size,
										   SegAsked **asked);

/* Who is to be asked about. */
extern const SegRulesetText *seg_memberships_ruleset(const SegMemberships *m);
extern const SegAsked *seg_memberships_first_asked(const SegMemberships *m);

/* A copy in which all are in the sets, without room for more; nobody is to be asked about. */
extern SegMemberships *seg_memberships_sealed(const SegMemberships *m);
extern SegMemberships *seg_memberships_union(const SegMemberships *a, const SegMemberships *b);

static inline int
seg_memberships_words(int nsegments)
{
	return (nsegments + 63) / 64;
}

/* grouped_answer.c */

typedef struct SegAnswering SegAnswering;

/* With memory of its own, which goes with the ruleset. */
extern SegAnswering *seg_answering_begin(const SegGrouped *grouped, TimestampTz as_of);
extern void seg_answering_end(SegAnswering *a);

/* Asks about all who are to be asked about; the same value or another, as above. */
extern SegMemberships *seg_answering_answer(SegAnswering *a, SegMemberships *m);

/* The same for whoever has nothing but the value, and may not change it; kept for a call in a query. */
extern SegMemberships *seg_memberships_answered(FunctionCallInfo fcinfo, const SegMemberships *m);

/*
 * grouped_text.c: what the binary forms of both are made of, and the text forms, which are the same in base64.
 * Numbers are in network byte order.  Bytes come with their length, nothing with a length of its own.
 */
extern void seg_grouped_send_bytes(StringInfo out, const void *bytes, Size len);
extern void seg_grouped_send_null(StringInfo out);

/* False for nothing; else a copy, with a zero behind it. */
extern bool seg_grouped_get_bytes(StringInfo in, const char *type, StringInfo bytes);

/* The head, up to the moment. */
extern void seg_grouped_send_head(StringInfo out, uint8 version, uint64 fingerprint, TimestampTz as_of);
extern void seg_grouped_get_head(StringInfo in, const char *type, uint8 version, int *encoding, uint64 *fingerprint,
								 TimestampTz *as_of);

/* Text that was in another server's encoding. */
extern char *seg_grouped_convert(const StringInfo bytes, int encoding);

extern char *seg_grouped_text(StringInfo binary);
extern void seg_grouped_from_text(const char *text, const char *type, StringInfo binary);
pg_noreturn extern void seg_grouped_refuse(const char *type, const char *detail);

#endif							/* SEG_GROUPED_H */
