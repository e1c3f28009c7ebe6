/*
 * define_segment.c
 *		Making and changing segments.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "current.h"
#include "define.h"
#include "now.h"
#include "rule_info.h"

PG_FUNCTION_INFO_V1(create_segment);
PG_FUNCTION_INFO_V1(alter_segment);
PG_FUNCTION_INFO_V1(rebuild);
PG_FUNCTION_INFO_V1(refresh);

static SegProgram *
bind(const SegPopulation *population, List *segments, int32 **ids)
{
	const SegRule **rules = palloc(sizeof(SegRule *) * list_length(segments));
	ListCell   *lc;

	*ids = palloc(sizeof(int32) * list_length(segments));
	foreach(lc, segments)
	{
		SegSegment *segment = lfirst(lc);

		rules[foreach_current_index(lc)] = segment->rule;
		(*ids)[foreach_current_index(lc)] = segment->id;
	}
	return seg_define_bind(population, list_length(segments), rules, *ids);
}

/* Binds a rule that was just given, and says what is legal but surprising in it. */
static void
check_rule(const SegPopulation *population, SegSegment *segment)
{
	int32	   *ids;
	SegProgram *program = bind(population, list_make1(segment), &ids);
	ListCell   *lc;

	foreach(lc, program->notices)
		ereport(NOTICE, (errmsg("%s", (char *) lfirst(lc))));
}

static void
check_segment_name(const SegPopulation *population, const char *name)
{
	seg_check_name("segment", name);
	if (strcmp(name, SEG_EVERYONE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("segment name \"%s\" is reserved", name),
				 errdetail("It is the segment of the whole population.")));
	if (seg_segment_get(population->id, name, true) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("segment \"%s\" already exists in population \"%s\"", name, population->name)));
}

/* How many members it has, as this transaction sees it. */
static int64
count_members_of(SegPopulation **population, const char *name)
{
	SegCurrent	current;

	*population = seg_define_again(*population);
	seg_current_begin(&current, *population, seg_segment_get((*population)->id, name, false));
	return seg_current_count(&current);
}

/* Rules know no moment after this one. */
#define LAST_MOMENT		((TimestampTz) (date2j(10000, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY)

/* Null: the segment has no end, or that which it has. */
TimestampTz
seg_arg_valid_until(FunctionCallInfo fcinfo, int n, TimestampTz if_null)
{
	TimestampTz moment = PG_ARGISNULL(n) ? if_null : PG_GETARG_TIMESTAMPTZ(n);

	if (!TIMESTAMP_IS_NOEND(moment) && moment >= LAST_MOMENT)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" is out of range", "valid_until"),
				 errhint("A segment that does not end is valid until infinity.")));
	return moment;
}

void
seg_check_new_segment(const SegPopulation *population, const SegNewSegment *new_segment)
{
	check_segment_name(population, new_segment->name);
}

SegSegment *
seg_define_segment(SegPopulation **population, const SegNewSegment *new_segment)
{
	SegSegment *segment;
	SegParam	params[6];

	check_segment_name(*population, new_segment->name);
	params[0] = seg_param_int4((*population)->id);
	params[1] = seg_param_text(new_segment->name);
	params[2] = seg_param_rule(new_segment->rule);
	params[3] = seg_param_text(new_segment->description ? new_segment->description : "");
	params[4] = seg_param_moment(new_segment->valid_until);
	params[5] = seg_param_bool(new_segment->notify);
	(void) seg_define_write("INSERT INTO segments.segment (population, name, rule, description, valid_until, notify)"
							" VALUES ($1, $2, $3, $4, $5, $6)", 6, params);
	*population = seg_define_again(*population);
	segment = seg_segment_get((*population)->id, new_segment->name, false);
	check_rule(*population, segment);
	seg_depend_segments(*population, list_make1(segment));
	return segment;
}

/*
 * create_segment(name, rule, population, description, build, valid_until, notify)
 */
Datum
create_segment(PG_FUNCTION_ARGS)
{
	SegNewSegment new_segment = {.name = seg_arg_required_text(fcinfo, 0, "name")};
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 2));
	bool		build = seg_arg_flag(fcinfo, 4, true);
	SegSegment *segment;
	int64		members = 0;

	new_segment.rule = seg_arg_required_rule(fcinfo, 1, "rule");
	new_segment.description = seg_arg_text(fcinfo, 3);
	new_segment.valid_until = seg_arg_valid_until(fcinfo, 5, DT_NOEND);
	new_segment.notify = seg_arg_flag(fcinfo, 6, false);
	segment = seg_define_segment(&population, &new_segment);
	if (build)
	{
		seg_define_build(population, list_make1(segment), seg_now_latest(), SEG_BY_RULE);
		members = count_members_of(&population, segment->name);
	}
	seg_view_create(population, segment->name);
	seg_define_end();
	if (!build)
		PG_RETURN_NULL();
	PG_RETURN_INT64(members);
}

/* The segment, and the active ones whose rules refer to it, and so on. */
static List *
with_dependents(const SegPopulation *population, SegSegment *segment)
{
	List	   *all = seg_segments_of_population(population->id);
	List	   *affected = list_make1(segment);
	ListCell   *lc;
	ListCell   *lc2;

	/* the list grows while it is walked */
	foreach(lc, affected)
	{
		foreach(lc2, all)
		{
			SegSegment *other = lfirst(lc2);

			if (other->id != segment->id && other->active &&
				seg_rule_names_segment(other->rule, ((SegSegment *) lfirst(lc))->name))
				affected = list_append_unique_ptr(affected, other);
		}
	}
	return affected;
}

/* Rules go on referring to a segment that is renamed. */
static void
rename_in_rules(const SegPopulation *population, const char *name, const char *new_name)
{
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(population->id))
	{
		SegSegment *segment = lfirst(lc);
		SegParam	params[2];

		if (!seg_rule_names_segment(segment->rule, name))
			continue;
		params[0] = seg_param_int4(segment->id);
		params[1] = seg_param_rule(seg_rule_rename_segment(segment->rule, name, new_name));
		(void) seg_define_write("UPDATE segments.segment SET rule = $2 WHERE id = $1", 2, params);
	}
}

/*
 * alter_segment(name, rule, new_name, description, active, population, valid_until, notify)
 *		What is null stays as it is.  Where the rule changes, or is in force again, it and those
 *		that refer to it are built anew, unless it was never built.
 */
Datum
alter_segment(PG_FUNCTION_ARGS)
{
	char	   *name = seg_arg_required_text(fcinfo, 0, "name");
	SegRule    *rule = seg_arg_rule(fcinfo, 1);
	char	   *new_name = seg_arg_text(fcinfo, 2);
	char	   *description = seg_arg_text(fcinfo, 3);
	SegPopulation *population;
	SegSegment *segment = seg_define_begin_segment(name, seg_arg_text(fcinfo, 5), &population);
	bool		active = seg_arg_flag(fcinfo, 4, segment->active);
	bool		renamed = new_name != NULL && strcmp(new_name, name) != 0;
	bool		evaluate = active && (rule != NULL || !segment->active || !PG_ARGISNULL(6));
	int64		members;
	SegParam	params[7];

	if (renamed)
		check_segment_name(population, new_name);
	if (!active && !segment->built)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("segment \"%s\" has no members yet that could stay as they are", name),
				 errhint("Build it first with segments.rebuild().")));

	params[0] = seg_param_int4(segment->id);
	params[1] = seg_param_rule(rule);
	params[2] = seg_param_text(new_name);
	params[3] = seg_param_text(description);
	params[4] = seg_param_bool(active);
	params[5] = seg_param_moment(seg_arg_valid_until(fcinfo, 6, segment->valid_until));
	params[6] = seg_param_bool(seg_arg_flag(fcinfo, 7, segment->notify));
	if (!active && segment->active)
		seg_define_settle(population);
	(void) seg_define_write("UPDATE segments.segment SET rule = coalesce($2, rule),"
							" name = coalesce($3, name), description = coalesce($4, description),"
							" active = $5, valid_until = $6, notify = $7, problem = CASE WHEN $5 THEN NULL ELSE problem END"
							" WHERE id = $1", 7, params);
	if (renamed)
	{
		rename_in_rules(population, name, new_name);
		seg_view_drop(population, name);
		seg_view_create(population, new_name);
		name = new_name;
	}

	population = seg_define_again(population);
	segment = seg_segment_get(population->id, name, false);
	if (rule != NULL)
		check_rule(population, segment);
	if (evaluate || rule != NULL)
	{
		List	   *affected = with_dependents(population, segment);
		int32	   *ids;

		if (evaluate && segment->built)
			seg_define_build(population, affected, seg_now_latest(), SEG_BY_RULE);
		else
			(void) bind(population, affected, &ids);
		seg_depend_segments(population, affected);
	}
	members = count_members_of(&population, name);
	seg_define_end();
	if (!segment->built)
		PG_RETURN_NULL();
	PG_RETURN_INT64(members);
}

/*
 * rebuild(segment, population)
 */
Datum
rebuild(PG_FUNCTION_ARGS)
{
	char	   *name = seg_arg_required_text(fcinfo, 0, "segment");
	SegPopulation *population;
	SegSegment *segment = seg_define_begin_segment(name, seg_arg_text(fcinfo, 1), &population);
	int64		members;

	if (!segment->active)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("segment \"%s\" is not active", name),
				 errdetail("Its members stay as they are."),
				 errhint("Activate it with segments.alter_segment(), active => true.")));
	seg_define_build(population, list_make1(segment), seg_now_latest(), SEG_BY_DATA);
	members = count_members_of(&population, name);
	seg_define_end();
	PG_RETURN_INT64(members);
}

/*
 * refresh(population, as_of)
 *		All active segments in one pass; returns how many there are.
 */
Datum
refresh(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	TimestampTz as_of = PG_ARGISNULL(1) ? seg_now_latest() : seg_arg_moment(fcinfo, 1, "as_of");
	List	   *segments = seg_active_segments(population->id);

	seg_define_refresh(population, segments, as_of);
	seg_define_end();
	PG_RETURN_INT64(list_length(segments));
}
