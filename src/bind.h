/*
 * bind.h
 *		What the parts of the binder share.
 *
 *		bind.c				the rules of a run, segments of segments, the three schemas
 *		bind_expr.c			equal expressions are one
 *		bind_name.c			names to columns
 *		bind_value.c		values and their types
 *		bind_condition.c	conditions
 *		bind_rows.c			aggregates and quantifiers
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_BIND_H
#define SEG_BIND_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "program.h"

typedef enum SegSchemaKind
{
	SEG_SCHEMA_POPULATION,		/* tables, by the registry or as somebody describes them */
	SEG_SCHEMA_DOCUMENT,		/* json: any name may be there */
	SEG_SCHEMA_ROW				/* a row's own columns */
} SegSchemaKind;

/* A row that names can refer to. */
typedef struct SegBindScope
{
	int			relation;		/* index in program->relations */
	const char *alias;			/* NULL: none */
} SegBindScope;

#define SEG_MAX_SCOPES 30

typedef struct SegBinder
{
	SegSchemaKind schema;
	const SegPopulation *population;
	const SegDescription *description;	/* of SEG_SCHEMA_POPULATION: what would be read else; or NULL */
	SegTable	row;			/* of SEG_SCHEMA_ROW */
	SegProgram *program;
	HTAB	   *known;			/* expressions by hash */
	SegClock	clock;			/* its zone reads local literals */
	const SegRule *rule;		/* being bound, for error positions */

	/*
	 * Scopes in use, the member's first; names see those from visible on, and the
	 * member's.  A rule that is bound inside another's WHERE (IN SEGMENT) sees none of
	 * the rows around it.
	 */
	SegBindScope scopes[SEG_MAX_SCOPES];
	int			nscopes;
	int			visible;

	List	   *relations_known;	/* of SegTable * */
	List	   *segments;		/* of the population, of SegSegment *; read when first asked for */
	HTAB	   *segments_named; /* the same by name */
	bool		segments_read;
	SegSegment **by_id;			/* the same in order of their ids; made when first asked for */
	List	   *path;			/* ids of the segments being bound, outermost first */
	HTAB	   *bound_segments; /* of SegBoundSegment, by id and scopes around */
	HTAB	   *given;			/* the rules given, by the segment that they are of */
} SegBinder;

/* bind.c */
extern SegExpr *seg_bind_segment(SegBinder *b, const SegNode *node);
extern void seg_bind_notice(SegBinder *b, char *notice);
pg_noreturn extern void seg_bind_unsupported(SegBinder *b, const SegNode *node, const char *what);

/* bind_expr.c */
extern HTAB *seg_expr_table(void);
extern SegExpr *seg_expr_make(SegBinder *b, SegExpr *expr);
extern SegExpr *seg_expr_op(SegBinder *b, SegExprOp op, int detail, int nargs, SegExpr **args);
extern SegExpr *seg_expr_of_type(SegBinder *b, SegExprOp op, int detail, const SegTypeInfo *type,
								 int nargs, SegExpr **args);
extern SegExpr *seg_expr_with_node(SegBinder *b, SegExprOp op, int detail, SegExpr *arg, const SegNode *node);
extern SegExpr *seg_expr_const(SegBinder *b, const SegValue *value, const SegTypeInfo *type, const SegNode *node);
extern SegExpr *seg_expr_bool(SegBinder *b, bool value);
extern SegExpr *seg_expr_not(SegBinder *b, SegExpr *arg);
extern SegExpr *seg_expr_and(SegBinder *b, SegExpr *left, SegExpr *right);
extern bool seg_expr_is_literal_text(const SegExpr *expr);

/* bind_name.c */
extern SegExpr *seg_bind_name(SegBinder *b, const SegNode *node);
extern int	seg_bind_add_column(SegBinder *b, int relation, SegColumn *column);
extern int	seg_bind_relation(SegBinder *b, int source, const char *name);
extern int	seg_bind_find_source(SegBinder *b, const char *name);
extern bool seg_bind_row_array(SegBinder *b, const char *name);
extern int	seg_bind_find_scope(SegBinder *b, const char *name);
extern SegExpr *seg_bind_moment(SegBinder *b, int scope, const SegNode *node);
/* Is the population's key what it was when it was registered? */
extern void seg_bind_check_key(SegBinder *b);
extern void seg_bind_column_type(SegBinder *b, Oid relid, const char *name, SegColumn *column);
pg_noreturn extern void seg_bind_unknown_source(SegBinder *b, const SegNode *node, const char *name);

/* bind_value.c */
extern SegExpr *seg_bind_value(SegBinder *b, const SegNode *node);
extern SegExpr *seg_bind_as(SegBinder *b, SegExpr *literal, const SegTypeInfo *target, const SegNode *node);
extern SegExpr *seg_bind_fold_case(SegBinder *b, SegExpr *expr);
extern const char *seg_bind_type_name(const SegTypeInfo *type);

/* bind_condition.c */
extern SegExpr *seg_bind_condition(SegBinder *b, const SegNode *node);
extern SegExpr *seg_bind_compare(SegBinder *b, SegCompare compare, SegExpr *left, SegExpr *right,
								 const SegNode *node);
extern void seg_compare_how(SegCompareHow *how, const SegTypeInfo *type, bool equality);

/* bind_rows.c */
extern SegExpr *seg_bind_aggregate(SegBinder *b, const SegNode *node);
extern SegExpr *seg_bind_exists(SegBinder *b, const SegNode *node);
extern SegExpr *seg_bind_every(SegBinder *b, const SegNode *node);

#endif							/* SEG_BIND_H */
