/*
 * program.h
 *		The bound ruleset: what all rules of one run compute, each distinct thing once.
 *
 * Binding (bind.c) turns rule trees into expressions over columns.  Equal expressions
 * are one SegExpr, whichever rules they come from, so that a predicate which a hundred
 * rules share is computed once for a member.  Expressions are numbered, arguments
 * before those who use them.
 *
 * Relations are what rows come from: relation 0 is the population (or the document),
 * the others are the sources that some rule reads.  A relation lists the columns that
 * are read of it, those of its lookups among them.  In a document every name is a path
 * and every source an array of objects, whose moments are under the key "at".
 *
 * A fold is one walk over the rows of a source, for one member or for one outer row.  All
 * aggregates and quantifiers over the same rows at the same place share it.
 *
 * Scopes: while a rule is evaluated, scope 0 is the member's row; the rows of a fold
 * that stands at depth d are scope d + 1.  An expression's depth is the innermost scope
 * it reads; its value stays good until the row in that scope changes.
 *
 * Two entrances (a pass over tables, a document) differ only in the SegReader through
 * which rows and columns arrive.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_PROGRAM_H
#define SEG_PROGRAM_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

#include "clock.h"
#include "registry.h"
#include "rule.h"
#include "value.h"

typedef enum SegColumnKind
{
	SEG_COLUMN_ATTRIBUTE,		/* a column of the relation, or of a lookup behind it */
	SEG_COLUMN_EXPRESSION,		/* a computed attribute of the population */
	SEG_COLUMN_MOMENT,			/* the row's moment: its own or an ancestor's (relation > 0) */
	SEG_COLUMN_SELF,			/* what the rows of a child source refer to */
	SEG_COLUMN_PARENT			/* the row's reference to its parent row */
} SegColumnKind;

typedef struct SegColumn
{
	SegColumnKind kind;
	int			nlookups;		/* the way to it: indexes in population->lookups, */
	int		   *lookups;		/* from the relation outwards */
	const char *name;			/* column; for EXPRESSION the SQL; NULL for a document as a whole */
	int			source;			/* of MOMENT: whose "at" it is (index in sources) */
	AttrNumber	attnum;			/* column number of a row bound by seg_bind_row */
	int			npath;			/* keys into a json value */
	const char **path;
	SegTypeInfo type;			/* what arrives at the end of the path */
	SegTypeInfo base;			/* the column itself; differs where there is a path */
} SegColumn;

typedef struct SegRelation
{
	int			source;			/* index in population->sources; -1: the population, or a document's array */
	const char *name;			/* source name (for documents: the key of the array) */
	List	   *columns;		/* of SegColumn * */
} SegRelation;

typedef enum SegExprOp
{
	/* values */
	SEG_X_CONST,				/* constant */
	SEG_X_CLOCK,				/* node: NOW, TODAY ..., AGO, START OF; fixed for a run */
	SEG_X_COLUMN,				/* scope, relation, column; (fallback) of documents: the value where the
								 * row has no such key */
	SEG_X_ARITH,				/* (a, b) detail: SegNodeKind */
	SEG_X_NEGATE,				/* (a) */
	SEG_X_FUNCTION,				/* (a ...) detail: SegFunction */
	SEG_X_AGGREGATE,			/* fold, item */
	/* conditions; their value is a BOOL, never missing */
	SEG_X_AND, SEG_X_OR, SEG_X_NOT,
	SEG_X_TRUTH,				/* (a) a boolean value is true */
	SEG_X_COMPARE,				/* (a, b) detail: SegCompare */
	SEG_X_IN,					/* (a, elements ...) equal to one of them */
	SEG_X_LIKE, SEG_X_ILIKE, SEG_X_MATCHES, SEG_X_STARTS, SEG_X_ENDS, SEG_X_CONTAINS,	/* (a, b) */
	SEG_X_HAS_ANY, SEG_X_HAS_ALL,	/* (list, elements ...) */
	SEG_X_IS_NULL, SEG_X_IS_EMPTY,	/* (a) */
	SEG_X_WITHIN,				/* (a) node: duration; detail: 0 LAST, 1 NEXT */
	SEG_X_DURING,				/* (a) node: period */
	SEG_X_ANNIVERSARY_WITHIN,	/* (a) node: duration; detail: 0 LAST, 1 NEXT */
	SEG_X_ANNIVERSARY_DURING,	/* (a) node: period */
	SEG_X_MEMBER_OF				/* detail: id of a segment whose stored members count */
} SegExprOp;

typedef struct SegExpr
{
	SegExprOp	op;
	int			id;				/* its number in the program */
	int			depth;			/* innermost scope read; -1: none, the same for all members */
	uint32		reads;			/* all scopes read, a bit each */
	bool		moves;			/* can have another value at another moment, with the same data */
	bool		folds;			/* an aggregate has a say in it */
	int			detail;
	SegTypeInfo type;			/* SEG_T_BOOL for conditions */
	const SegNode *node;		/* where op says so; always in memory of the program */
	int			nargs;
	struct SegExpr **args;
	SegValue	constant;		/* of CONST */
	int			scope;			/* of COLUMN */
	int			relation;		/* of COLUMN */
	int			column;			/* of COLUMN: index in the relation's columns */
	int			fold;			/* of AGGREGATE */
	int			item;			/* of AGGREGATE: index in the fold's items */
	SegCompareHow how;			/* of COMPARE, IN, HAS: how texts and other types compare (clock unset) */
} SegExpr;

typedef enum SegFoldKind
{
	SEG_FOLD_EXISTS, SEG_FOLD_COUNT, SEG_FOLD_COUNT_DISTINCT,
	SEG_FOLD_SUM, SEG_FOLD_AVG, SEG_FOLD_MIN, SEG_FOLD_MAX
} SegFoldKind;

/* One aggregate: of the rows that lie in the window and fulfil the condition. */
typedef struct SegFoldItem
{
	SegFoldKind kind;
	SegExpr    *window;			/* condition on the row's moment; or NULL */
	SegExpr    *where;			/* or NULL */
	SegExpr    *measure;		/* NULL for EXISTS and COUNT */
	SegCompareHow how;			/* of MIN, MAX, COUNT_DISTINCT (clock unset) */
} SegFoldItem;

typedef struct SegFold
{
	int			relation;		/* index in program->relations */
	int			parent_scope;	/* 0: all rows of the member; else: the rows whose parent is the row in that scope */
	int			parent_relation;	/* where parent_scope > 0: the relation of the row there, */
	int			parent_column;	/* its SELF column, (-1 in documents, whose rows hold their rows) */
	int			child_column;	/* and the PARENT column in this one */
	int			scope;			/* where its rows are */
	int			depth;			/* innermost outer scope that its items read; at least parent_scope */
	SegExpr    *filter;			/* the source's own filter, in scope; or NULL */
	List	   *items;			/* of SegFoldItem * */
} SegFold;

typedef struct SegProgram
{
	const SegPopulation *population;	/* NULL: documents */
	pg_tz	   *zone;
	int			nscopes;		/* scopes in use, the member's included */
	List	   *relations;		/* of SegRelation *; the first is the population */
	List	   *exprs;			/* of SegExpr *, in order of their ids */
	List	   *folds;			/* of SegFold * */
	int			nrules;
	SegExpr   **rules;			/* the condition of each rule, as given */
	const SegRule **given;		/* of a population: what was bound, to be bound again elsewhere, */
	const int32 *self;			/* and whose rules they are; NULL: nobody's */
	uint32		fingerprint;	/* of all expressions: binding the same gives the same */
	List	   *notices;		/* of char *: legal but surprising */
} SegProgram;

/*
 * bind.c: binding.  Everything is allocated in the current memory context and refers to the
 * rules given, which must live as long as the program.
 *
 * Against a population: rules[i] are bound in order; IN SEGMENT of an active segment of
 * the population is that segment's own rule in the same program (cycles are refused
 * with their path), IN SEGMENT of a frozen one is SEG_X_MEMBER_OF.  self[i] is the id of
 * the segment that rules[i] belongs to, or 0 (self NULL: all 0); it is what cycles are told by.
 *
 * Against a document: every name is a path.  With a population the document is that of
 * somebody who may be in no table of it, and IN SEGMENT is SEG_X_MEMBER_OF for every
 * segment; without one it is refused.
 */
extern SegProgram *seg_bind_population(const SegPopulation *population, int nrules, const SegRule **rules,
									   const int32 *self);

/* The columns of a table, read once. */
typedef struct SegTable
{
	Oid			relid;
	TupleDesc	tupdesc;
	const SegTypeInfo *types;	/* by column, where they are told; NULL: as the catalog says */
} SegTable;

/*
 * What binding against a population reads, told instead: then nothing is read, and the
 * population need not exist here.  Its tables are known by any numbers in place of their OIDs.
 */
typedef struct SegDescription
{
	List	   *tables;			/* of SegTable * */
	const SegTypeInfo *attributes;	/* types of the population's computed attributes */
	List	   *segments;		/* of SegSegment *, by name */
} SegDescription;

extern SegProgram *seg_bind_described(const SegPopulation *population, const SegDescription *description,
									  int nrules, const SegRule **rules, const int32 *self);
extern SegProgram *seg_bind_document(const SegRule *rule, pg_tz *zone, const SegPopulation *population);
extern SegProgram *seg_bind_row(const SegRule *rule, TupleDesc tupdesc, pg_tz *zone);

/* Can the rule's answer change by the clock alone? */
static inline bool
seg_program_reads_clock(const SegProgram *program, int rule)
{
	return program->rules[rule]->moves;
}

/* eval.c: evaluating. */
typedef struct SegReader
{
	void	   *arg;

	/*
	 * A column of a row; row is what eval was given for a member or what rows() returned.
	 * Gives SEG_V_ABSENT where a document lacks the key.
	 */
	void		(*column) (void *arg, const SegRelation *relation, const void *row, int column, SegValue *out);

	/*
	 * All rows of a relation for the current member; the array stays until the next member.
	 * parent: NULL, or the row whose rows are meant.  A document gives those; a table may
	 * give all of the member's, the evaluator compares the reference.
	 */
	int			(*rows) (void *arg, const SegProgram *program, int relation, const void *member,
						 const void *parent, const void ***rows);

	/* is the current member among the stored members of a segment? */
	bool		(*member_of) (void *arg, int32 segment, const void *member);
} SegReader;

typedef struct SegEval SegEval;

extern SegEval *seg_eval_begin(const SegProgram *program, const SegReader *reader, TimestampTz now);

/* Fix the clock anew (for a document evaluator that is kept over statements). */
extern void seg_eval_set_now(SegEval *eval, TimestampTz now);
extern const SegClock *seg_eval_clock(const SegEval *eval);

/* Forgets everything about the member before. */
extern void seg_eval_member(SegEval *eval, const void *member);
extern bool seg_eval_rule(SegEval *eval, int rule);

/*
 * Does it take rows of sources to answer a rule for the current member, now and at all later moments?
 * Where it does not, neither seg_eval_rule() nor seg_eval_until() asks for any.
 */
extern bool seg_eval_needs_rows(SegEval *eval, int rule);

/*
 * Which items of folds may be asked about: others are not worked out along with them.  NULL: all.  They
 * are numbered through all folds; seg_first_items() has the number of each fold's first one.  The
 * set is the caller's, and has to stay for as long as it is in force.
 */
extern void seg_eval_want(SegEval *eval, const Bitmapset *items);
extern int *seg_first_items(const SegProgram *program);

/*
 * eval_until.c: the clock alone.  The first moment after that of the evaluation at which a rule's
 * answer for the current member may be another one, the data staying as they are; DT_NOEND if it
 * stays for ever.  It may be too early, never too late.
 */
extern TimestampTz seg_eval_until(SegEval *eval, int rule);
extern void seg_eval_end(SegEval *eval);

/* sqlgen.c: the same in SQL. */

/*
 * One plain SELECT for a rule of a program: the keys (in the key's own type) of all members
 * for whom it holds.  now is a moment, or NULL: the query then says now().
 */
extern char *seg_sql_rule(const SegProgram *program, int rule, const TimestampTz *now);

/* A test of a column of the population's own; for days and moments: that it lies in the span. */
typedef struct SegReadCondition
{
	const SegExpr *expr;
	bool		in_span;
	SegSpan		span;
} SegReadCondition;

/*
 * A query has at most 1,664 columns.  Where a relation has more than this many, the reading
 * query gives them as records of so many each.
 */
#define SEG_READ_COLUMNS	1000

/* A part of the population, by a hash of the members' chunks. */
typedef struct SegShare
{
	int			number;			/* from 0 */
	int			of;				/* how many shares there are */
	double		bytes;			/* of its rows, as far as that can be foreseen */
} SegShare;

/*
 * The reading query of a relation, for a pass: (member bigint, column ...) of every row, columns
 * in the order of the relation, each in its base type (json ones as jsonb, at the end
 * of their path).  members: those alone whose numbers are in $1, a bigint[]; where there is a
 * dictionary $2 has their keys, in the same order.  window: of a source, the moments outside of
 * which no rows are wanted; the query may give some of them.  Infinite bounds mean all rows.
 * conditions: of the population, SegReadCondition *, without which no row is wanted.
 * share: whose rows are wanted; NULL for everybody's.
 */
extern char *seg_sql_read(const SegProgram *program, int relation, bool members, SegSpan window,
						  const List *conditions, const SegShare *share);

/* A relation that has another name where a query is to run. */
typedef struct SegRenamed
{
	Oid			relid;
	const char *name;			/* as it is to be written */
} SegRenamed;

/*
 * What a reading query consists of, for whoever writes another one: of all members, keys as they are.
 * level: of indentation.
 */
typedef struct SegReadParts
{
	const char *key;			/* refers to the member */
	List	   *columns;		/* of char *, in the order of the relation */
	const char *from;
	const char *where;			/* conditions, each with " AND " before it */
} SegReadParts;

extern void seg_sql_read_parts(const SegProgram *program, int relation, SegSpan window, const List *renamed,
							   int level, SegReadParts *parts);

/*
 * Names as they are to be written in SQL, whatever the search_path: schema.table, and a
 * collation, with the schema pg_catalog or without it.
 */
extern char *seg_sql_relation(Oid relid);
extern char *seg_sql_collation(Oid collation, bool qualify);

#endif							/* SEG_PROGRAM_H */
