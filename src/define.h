/*
 * define.h
 *		What the functions that define things share.
 *
 * A definition goes: seg_define_begin locks the population's row, so that two
 * definitions of one population come one after the other, and gives the population as it
 * is then; checks; seg_define_write; seg_define_again gives the population with
 * what was written; seg_define_end.  An error on the way leaves nothing behind.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_DEFINE_H
#define SEG_DEFINE_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"

#include "compat.h"
#include "program.h"
#include "registry.h"
#include "state.h"

/* Arguments of SQL functions: copied; NULL for null, which "required" refuses. */
extern char *seg_arg_text(FunctionCallInfo fcinfo, int n);
extern char *seg_arg_name(FunctionCallInfo fcinfo, int n);
extern bool seg_arg_flag(FunctionCallInfo fcinfo, int n, bool if_null);
extern char *seg_arg_required_name(FunctionCallInfo fcinfo, int n, const char *argument);
extern char *seg_arg_required_text(FunctionCallInfo fcinfo, int n, const char *argument);
extern Oid	seg_arg_required_oid(FunctionCallInfo fcinfo, int n, const char *argument);
extern TimestampTz seg_arg_moment(FunctionCallInfo fcinfo, int n, const char *argument);
extern SegRule *seg_arg_rule(FunctionCallInfo fcinfo, int n);
extern SegRule *seg_arg_required_rule(FunctionCallInfo fcinfo, int n, const char *argument);

/* Also checks that the current user may manage it. */
extern SegPopulation *seg_define_begin(const char *name);
extern SegPopulation *seg_define_begin_found(SegPopulation *population);	/* by name before, maybe long ago */
extern SegPopulation *seg_define_again(const SegPopulation *population);
extern void seg_define_end(void);

/*
 * The same for the population of a segment, which must not be the one of everyone.
 * population: its name, or NULL; *found is the population.
 */
extern SegSegment *seg_define_begin_segment(const char *name, const char *population, SegPopulation **found);

/* A snapshot that shows what this transaction has done so far.  Popped by seg_define_end. */
extern void seg_define_push_snapshot(void);

typedef struct SegParam
{
	Oid			type;
	Datum		value;
	bool		isnull;
} SegParam;

extern SegParam seg_param_int4(int32 value);
extern SegParam seg_param_int8(int64 value);
extern SegParam seg_param_id(int32 value);	/* 0 is null */
extern SegParam seg_param_oid(Oid type, Oid value);
extern SegParam seg_param_bool(bool value);
extern SegParam seg_param_text(const char *value);	/* NULL is null */
extern SegParam seg_param_name(const char *value);
extern SegParam seg_param_rule(const SegRule *value);
extern SegParam seg_param_moment(TimestampTz value);	/* DT_NOEND is null */

/*
 * Run a statement on our own tables, with the extension's rights.  Returns the integer in
 * the first column of the first row that it returns, else the number of rows.
 */
extern int32 seg_define_write(const char *sql, int nparams, const SegParam *params);

/* The same where no definition changes: those who keep them in memory hear nothing of it. */
extern int32 seg_define_write_quietly(const char *sql, int nparams, const SegParam *params);

/*
 * Binds rules as the population's owner, since the literals of a type are read by that type's
 * own function.
 */
extern SegProgram *seg_define_bind(const SegPopulation *population, int nrules, const SegRule **rules,
								   const int32 *self);

/* Names that we keep are like identifiers.  what: "population", "source", ... */
extern void seg_check_name(const char *what, const char *name);

/* Can the relation be read at all, and may role select the column? */
extern void seg_check_relation(Oid relid);
extern void seg_check_select(Oid relid, const char *column, Oid role);

/* The names of its columns, for a hint and for clashes. */
extern List *seg_column_names(Oid relid);

/* The column's type, domains looked through; an error if there is none of that name. */
extern Oid	seg_column_type(Oid relid, const char *column);

/* An error if rows do not have it: triggers look for keys there. */
extern void seg_check_stored(Oid relid, const char *column);

/* The single column of the primary key; NULL if there is none. */
extern char *seg_primary_key(Oid relid);

/* Does an index guarantee that a value of the column stands in one row only? */
extern bool seg_column_unique(Oid relid, const char *column);

/* An error unless each value of the column stands in one row; nulls do not count. */
extern void seg_check_unique_data(const SegPopulation *population, Oid relid, const char *column);

/* Is a new name free where it will be looked up: at the members, or at the rows of a source or lookup? */
extern void seg_check_name_is_free(const SegPopulation *population, SegLookupOf of, int of_index,
								   const char *name);

/*
 * define_build.c: evaluates segments (SegSegment *) and everyone, as of a moment or one that was
 * settled already, and records their members.  Where triggers keep them current, nobody can
 * write what is read from here to the end of the transaction.
 */
extern void seg_define_build(const SegPopulation *population, List *segments, TimestampTz as_of, SegReason reason);

/*
 * The same for one segment alone, which is new, while others write: they note whom they touch,
 * since they know of it, and those who did not know are waited for before.
 */
extern void seg_define_build_unlocked(const SegPopulation *population, SegSegment *segment);
extern void seg_define_wait_for_writers(const SegPopulation *population);

/* The same for all that is kept current. */
extern void seg_define_refresh(const SegPopulation *population, List *segments, TimestampTz as_of);

/* A moment, or a later one that was settled for: no evaluation goes back behind it. */
extern TimestampTz seg_not_before_settled(const SegPopulation *population, TimestampTz moment);

/* Evaluates whoever is due, so that what is stored is exact. */
extern void seg_define_settle(const SegPopulation *population);

/* The rule exists(source), which reads its filter. */
extern SegRule *seg_source_rule(const char *source);

/* The condition that joins the population's rows (m) with members (s.member) or their keys (s.key). */
extern char *seg_key_condition(const SegPopulation *population);

/*
 * define_dependency.c: notes which columns a definition needs as they are, for guard.c to keep
 * them so.  columns: names in the population's relation.  Of the segments (SegSegment *) what was
 * noted before is forgotten.
 */
extern void seg_depend_population(const SegPopulation *population);
extern void seg_depend_source(const SegPopulation *population, const char *source);
extern void seg_depend_lookup(const SegPopulation *population, const SegLookup *lookup);
extern void seg_depend_attribute(const SegPopulation *population, const char *attribute, List *columns);
extern void seg_depend_segments(const SegPopulation *population, List *segments);

/*
 * define_segment.c: a new segment, with all that belongs to it, but not built; name and rule are
 * checked.
 */
typedef struct SegNewSegment
{
	const char *name;
	const SegRule *rule;
	const char *description;
	TimestampTz valid_until;
	bool		notify;
} SegNewSegment;

extern void seg_check_new_segment(const SegPopulation *population, const SegNewSegment *new_segment);
extern SegSegment *seg_define_segment(SegPopulation **population, const SegNewSegment *new_segment);
extern TimestampTz seg_arg_valid_until(FunctionCallInfo fcinfo, int n, TimestampTz if_null);

/*
 * define_view.c: the view of a segment, where the population has a schema for them; else
 * nothing happens.  With the rights of the current user.
 */
extern void seg_view_create(const SegPopulation *population, const char *segment);
extern void seg_view_drop(const SegPopulation *population, const char *segment);
extern void seg_views_create(const SegPopulation *population);
extern void seg_views_drop(const SegPopulation *population);

#endif							/* SEG_DEFINE_H */
