/*
 * sqlgen.h
 *		What the parts of the SQL generator share.
 *
 *		sqlgen.c			a whole rule and its conditions
 *		sqlgen_fold.c		aggregates over the rows of sources
 *		sqlgen_value.c		columns, constants, functions
 *		sqlgen_math.c		arithmetic, durations among it
 *		sqlgen_time.c		days, moments, clock words, periods, windows, anniversaries
 *		sqlgen_compare.c	comparisons of two values, lists, json
 *		sqlgen_read.c		the reading queries of a pass
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_SQLGEN_H
#define SEG_SQLGEN_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "program.h"

/*
 * A value as SQL text.  The text can stand beside any operator: it is a name, a
 * literal, a call or in parentheses.  Its SQL type is that of type.type:
 *
 *		INT			smallint, integer or bigint		DAY			date
 *		NUMERIC		numeric							MOMENT		timestamptz
 *		FLOAT		double precision				DURATION	interval
 *		TEXT		text or varchar					JSON		jsonb
 *		LIST		an array of these, elements of timestamp columns as they are
 */
typedef struct SegSqlTerm
{
	char	   *sql;
	SegTypeInfo type;
	const SegExpr *constant;	/* the CONST that it is, or NULL */
	bool		whole_day;		/* DAY: compared with a moment, the whole local day */
	bool		finite;			/* DAY, MOMENT: cannot be infinite */
	bool		elapsed;		/* DURATION: a difference of moments, which PostgreSQL shows in days */
} SegSqlTerm;

typedef struct SegSql
{
	const SegProgram *program;
	const char *now;			/* the moment of evaluation, as SQL */
	const char *zone;			/* the time zone, as a literal */
	char	 ***aliases;		/* [scope][source]: alias of the source's row, where there is one */
	int			naliases;		/* aliases given out so far */
	int			nconditions;	/* conditions written so far */
	int			level;			/* of indentation */
} SegSql;

/* What the text of a condition is to be beside. */
typedef enum SegSqlBeside
{
	SEG_SQL_ALONE, SEG_SQL_IN_OR, SEG_SQL_IN_AND
} SegSqlBeside;

/* sqlgen.c */
extern char *seg_sql_condition(SegSql *g, const SegExpr *expr, SegSqlBeside beside);
extern char *seg_sql_condition_value(SegSql *g, const SegExpr *expr);
extern void seg_sql_newline(SegSql *g, StringInfo out);
extern char *seg_sql_alias(SegSql *g, const char *prefix);
extern char *seg_sql_let(SegSql *g, char **sql);
extern char *seg_sql_lets(char *first, char *second);
extern char *seg_sql_with_let(const char *expression, const char *let);
extern char *seg_sql_bare(char *sql);
extern char *seg_sql_literal(const char *text);
extern char *seg_sql_qualified(const char *alias, const char *column);

/* sqlgen_fold.c */
extern void seg_sql_aggregate(SegSql *g, const SegExpr *expr, SegSqlTerm *out);

/* sqlgen_value.c */
extern void seg_sql_value(SegSql *g, const SegExpr *expr, SegSqlTerm *out);
extern char *seg_sql_plain(SegSql *g, const SegTypeInfo *type, char *sql);
extern char *seg_sql_expression(const char *expression);
extern char *seg_sql_path(const SegColumn *column, char *sql);

/* sqlgen_math.c */
extern void seg_sql_arith(SegSql *g, SegNodeKind op, SegSqlTerm *a, SegSqlTerm *b, SegSqlTerm *out);
extern void seg_sql_negate(SegSql *g, SegSqlTerm *a, SegSqlTerm *out);
extern void seg_sql_as_number(SegSql *g, SegSqlTerm *term);
extern char *seg_sql_duration(const SegSqlTerm *term);
extern char *seg_sql_days(SegSql *g, const SegSqlTerm *duration);

/* sqlgen_time.c */
extern char *seg_sql_local_now(SegSql *g);
extern char *seg_sql_moment(SegSql *g, const SegSqlTerm *term);
extern char *seg_sql_local(SegSql *g, const SegSqlTerm *term);
extern char *seg_sql_day_start(SegSql *g, const SegSqlTerm *day, int plus);
extern char *seg_sql_interval(const Interval *span);
extern char *seg_sql_moment_plus(SegSql *g, char *moment, int sign, const Interval *span);
extern char *seg_sql_day_text(DateADT day);
extern char *seg_sql_moment_text(TimestampTz moment);
extern void seg_sql_moment_literal(SegSql *g, const SegExpr *expr, SegSqlTerm *out);
extern void seg_sql_clock(SegSql *g, const SegNode *node, SegSqlTerm *out);
extern char *seg_sql_in_range(SegSql *g, SegSqlBeside beside, char *value, const char *start, const char *end);
extern char *seg_sql_within(SegSql *g, const SegExpr *expr, SegSqlBeside beside);
extern char *seg_sql_during(SegSql *g, const SegExpr *expr, SegSqlBeside beside);
extern char *seg_sql_anniversary(SegSql *g, const SegExpr *expr);

/* sqlgen_compare.c */
extern char *seg_sql_compare(SegSql *g, SegSqlBeside beside, SegCompare op, const SegSqlTerm *left,
							 const SegSqlTerm *right, const SegCompareHow *how);
extern char *seg_sql_distinct(SegSql *g, const SegExpr *expr);
extern char *seg_sql_in(SegSql *g, const SegExpr *expr, SegSqlBeside beside);
extern char *seg_sql_has(SegSql *g, const SegExpr *expr, SegSqlBeside beside);
extern char *seg_sql_text_predicate(SegSql *g, const SegExpr *expr);
extern char *seg_sql_is_null(SegSql *g, const SegExpr *expr, bool negated);
extern char *seg_sql_is_empty(SegSql *g, const SegExpr *expr);
extern char *seg_sql_json_as(SegSql *g, const SegSqlTerm *term, SegType type);
extern char *seg_sql_to_json(const SegSqlTerm *term);
extern char *seg_sql_length(SegSql *g, SegSqlTerm *term);
extern char *seg_sql_lower(SegSql *g, SegSqlTerm *term);

#endif							/* SEG_SQLGEN_H */
