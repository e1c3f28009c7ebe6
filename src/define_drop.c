/*
 * define_drop.c
 *		Dropping sources, lookups, attributes and segments, and what stands on them.
 *
 * What a segment stands on is found out by binding its rule, that is, in the same way in
 * which it will be evaluated.  What stands on what is dropped is dropped, too, where the
 * caller says so, else it is why nothing is.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"

#include "attempt.h"
#include "define.h"
#include "lock.h"
#include "nearest.h"
#include "rule_info.h"
#include "trigger.h"

PG_FUNCTION_INFO_V1(drop_source);
PG_FUNCTION_INFO_V1(drop_lookup);
PG_FUNCTION_INFO_V1(drop_attribute);
PG_FUNCTION_INFO_V1(drop_segment);

/* Indexes in the population's arrays, and segments. */
typedef struct Doomed
{
	const SegPopulation *population;
	List	   *all_segments;	/* of SegSegment *, but for everyone */
	Bitmapset  *sources;
	Bitmapset  *lookups;
	Bitmapset  *attributes;
	List	   *segments;		/* of SegSegment * */
} Doomed;

static bool
program_stands_on(const SegProgram *program, const Doomed *doomed)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, program->relations)
	{
		const SegRelation *relation = lfirst(lc);

		if (relation->source >= 0 && bms_is_member(relation->source, doomed->sources))
			return true;
		foreach(lc2, relation->columns)
		{
			const SegColumn *column = lfirst(lc2);

			for (int i = 0; i < column->nlookups; i++)
			{
				if (bms_is_member(column->lookups[i], doomed->lookups))
					return true;
			}
			for (int i = 0; i < doomed->population->nattributes && column->kind == SEG_COLUMN_EXPRESSION; i++)
			{
				if (bms_is_member(i, doomed->attributes) &&
					column->name == doomed->population->attributes[i].expression)
					return true;
			}
		}
	}
	return false;
}

/* Does a rule stand on it?  segment: whose it is, or 0. */
typedef struct Standing
{
	const SegRule *rule;
	int32		segment;
	const Doomed *doomed;
	bool		result;
} Standing;

static void
find_standing(void *arg)
{
	Standing   *s = arg;

	s->result = program_stands_on(seg_define_bind(s->doomed->population, 1, &s->rule, &s->segment), s->doomed);
}

/*
 * A rule that cannot be bound any more, say because somebody dropped a column, stands on
 * nothing; it must not be in the way of clearing up.
 */
static bool
rule_stands_on(const SegRule *rule, int32 segment, const Doomed *doomed)
{
	Standing	standing = {.rule = rule,.segment = segment,.doomed = doomed};

	return seg_attempt(find_standing, &standing) == NULL && standing.result;
}

/* Other sources, lookups: until there are no more of them. */
static void
doom_definitions(Doomed *doomed)
{
	const SegPopulation *population = doomed->population;
	int			before;
	int			after = 0;

	do
	{
		before = after;
		for (int i = 0; i < population->nsources; i++)
		{
			const SegSource *source = &population->sources[i];

			if (bms_is_member(i, doomed->sources))
				continue;
			if ((source->parent >= 0 && bms_is_member(source->parent, doomed->sources)) ||
				(source->filter != NULL && rule_stands_on(seg_source_rule(source->name), 0, doomed)))
				doomed->sources = bms_add_member(doomed->sources, i);
		}
		for (int i = 0; i < population->nlookups; i++)
		{
			const SegLookup *lookup = &population->lookups[i];

			if ((lookup->of == SEG_LOOKUP_OF_SOURCE && bms_is_member(lookup->of_index, doomed->sources)) ||
				(lookup->of == SEG_LOOKUP_OF_LOOKUP && bms_is_member(lookup->of_index, doomed->lookups)))
				doomed->lookups = bms_add_member(doomed->lookups, i);
		}
		after = bms_num_members(doomed->sources) + bms_num_members(doomed->lookups);
	} while (after > before);
}

/* Segments that stand on definitions, and those that name them. */
static void
doom_segments(Doomed *doomed)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (doomed->sources != NULL || doomed->lookups != NULL || doomed->attributes != NULL)
	{
		foreach(lc, doomed->all_segments)
		{
			SegSegment *segment = lfirst(lc);

			if (rule_stands_on(segment->rule, segment->id, doomed))
				doomed->segments = lappend(doomed->segments, segment);
		}
	}

	/* the list grows while it is walked */
	foreach(lc, doomed->segments)
	{
		SegSegment *segment = lfirst(lc);

		foreach(lc2, doomed->all_segments)
		{
			SegSegment *other = lfirst(lc2);

			if (seg_rule_names_segment(other->rule, segment->name))
				doomed->segments = list_append_unique_ptr(doomed->segments, other);
		}
	}
}

/* "source", "name" and so on, for all but the first one that was asked for. */
static char *
describe_others(const Doomed *doomed, const char *asked_for)
{
	const SegPopulation *population = doomed->population;
	StringInfoData out;
	List	   *names = NIL;
	ListCell   *lc;
	int			i;

	initStringInfo(&out);
	for (i = -1; (i = bms_next_member(doomed->sources, i)) >= 0;)
		names = lappend(names, psprintf("source \"%s\"", population->sources[i].name));
	for (i = -1; (i = bms_next_member(doomed->lookups, i)) >= 0;)
		names = lappend(names, psprintf("lookup \"%s\"", population->lookups[i].name));
	for (i = -1; (i = bms_next_member(doomed->attributes, i)) >= 0;)
		names = lappend(names, psprintf("attribute \"%s\"", population->attributes[i].name));
	foreach(lc, doomed->segments)
		names = lappend(names, psprintf("segment \"%s\"", ((SegSegment *) lfirst(lc))->name));

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), asked_for) != 0)
			appendStringInfo(&out, "%s%s", out.len > 0 ? ", " : "", (char *) lfirst(lc));
	}
	return out.data;
}

/* kind: also the name of its table, and of its column in segments.dependency. */
static void
delete_definition(const SegPopulation *population, const char *kind, int32 id)
{
	SegParam	params[2];

	params[0] = seg_param_int4(id);
	params[1] = seg_param_int4(population->id);
	(void) seg_define_write(psprintf("DELETE FROM segments.dependency WHERE %s = $1 AND population = $2", kind),
							2, params);
	(void) seg_define_write(psprintf("DELETE FROM segments.%s WHERE id = $1", kind), 1, params);
}

static void
delete_doomed(const Doomed *doomed)
{
	const SegPopulation *population = doomed->population;
	ListCell   *lc;
	int			i;

	if (doomed->segments != NIL)
		(void) seg_lock_feed(population->id, true);
	foreach(lc, doomed->segments)
	{
		SegSegment *segment = lfirst(lc);
		SegParam	id;

		seg_view_drop(population, segment->name);
		id = seg_param_int4(segment->id);
		(void) seg_define_write("DELETE FROM segments.change WHERE segment = $1", 1, &id);
		(void) seg_define_write("DELETE FROM segments.history WHERE segment = $1", 1, &id);
		(void) seg_define_write("DELETE FROM segments.membership WHERE segment = $1", 1, &id);
		delete_definition(population, "segment", segment->id);
	}
	for (i = -1; (i = bms_next_member(doomed->attributes, i)) >= 0;)
		delete_definition(population, "attribute", population->attributes[i].id);
	for (i = -1; (i = bms_next_member(doomed->lookups, i)) >= 0;)
		delete_definition(population, "lookup", population->lookups[i].id);
	for (i = -1; (i = bms_next_member(doomed->sources, i)) >= 0;)
		delete_definition(population, "source", population->sources[i].id);
	if (doomed->sources != NULL || doomed->lookups != NULL)
		seg_triggers_sync(population);
}

/* asked_for: what the caller wants to drop, as describe_others puts it; it is in doomed already. */
static void
drop(Doomed *doomed, const char *asked_for, bool cascade)
{
	char	   *others;
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(doomed->population->id))
	{
		SegSegment *segment = lfirst(lc);

		if (!segment->everyone)
			doomed->all_segments = lappend(doomed->all_segments, segment);
	}
	doom_definitions(doomed);
	doom_segments(doomed);
	others = describe_others(doomed, asked_for);
	if (others[0] != '\0' && !cascade)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop %s because other definitions need it", asked_for),
				 errdetail("They are: %s.", others),
				 errhint("Use cascade => true to drop them, too.")));
	delete_doomed(doomed);
	seg_define_end();
}

static void
report_missing(const SegPopulation *population, const char *what, const char *name, List *names)
{
	char	   *hint = seg_nearest_hint(name, names, "There are");

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s \"%s\" does not exist in population \"%s\"", what, name, population->name),
			 hint ? errhint("%s", hint) : 0));
}

/*
 * drop_source(population, name, cascade)
 */
Datum
drop_source(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	char	   *name = seg_arg_required_text(fcinfo, 1, "name");
	Doomed		doomed = {.population = population};
	List	   *names = NIL;

	for (int i = 0; i < population->nsources; i++)
	{
		names = lappend(names, population->sources[i].name);
		if (strcmp(population->sources[i].name, name) == 0)
			doomed.sources = bms_make_singleton(i);
	}
	if (doomed.sources == NULL)
		report_missing(population, "source", name, names);
	drop(&doomed, psprintf("source \"%s\"", name), seg_arg_flag(fcinfo, 2, false));
	PG_RETURN_VOID();
}

static const char *
name_of_owner(const SegPopulation *population, const SegLookup *lookup)
{
	switch (lookup->of)
	{
		case SEG_LOOKUP_OF_SOURCE:
			return population->sources[lookup->of_index].name;
		case SEG_LOOKUP_OF_LOOKUP:
			return population->lookups[lookup->of_index].name;
		default:
			return population->name;
	}
}

/*
 * drop_lookup(population, name, cascade, of)
 *		Two lookups may have one name if they are of different rows; "of" tells them apart.
 */
Datum
drop_lookup(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	char	   *name = seg_arg_required_text(fcinfo, 1, "name");
	char	   *of = seg_arg_text(fcinfo, 3);
	Doomed		doomed = {.population = population};
	List	   *names = NIL;
	List	   *owners = NIL;

	for (int i = 0; i < population->nlookups; i++)
	{
		const SegLookup *lookup = &population->lookups[i];
		const char *owner = name_of_owner(population, lookup);

		names = lappend(names, lookup->name);
		if (strcmp(lookup->name, name) == 0 && (of == NULL || strcmp(owner, of) == 0))
		{
			doomed.lookups = bms_add_member(doomed.lookups, i);
			owners = lappend(owners, unconstify(char *, owner));
		}
	}
	if (doomed.lookups == NULL)
		report_missing(population, "lookup", name, names);
	if (list_length(owners) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are several lookups \"%s\"", name),
				 errhint("Say which with of => ...: %s.", seg_list_names(owners))));
	drop(&doomed, psprintf("lookup \"%s\"", name), seg_arg_flag(fcinfo, 2, false));
	PG_RETURN_VOID();
}

/*
 * drop_attribute(population, name, cascade)
 */
Datum
drop_attribute(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	char	   *name = seg_arg_required_text(fcinfo, 1, "name");
	Doomed		doomed = {.population = population};
	List	   *names = NIL;

	for (int i = 0; i < population->nattributes; i++)
	{
		names = lappend(names, population->attributes[i].name);
		if (strcmp(population->attributes[i].name, name) == 0)
			doomed.attributes = bms_make_singleton(i);
	}
	if (doomed.attributes == NULL)
		report_missing(population, "attribute", name, names);
	drop(&doomed, psprintf("attribute \"%s\"", name), seg_arg_flag(fcinfo, 2, false));
	PG_RETURN_VOID();
}

/*
 * drop_segment(name, population, cascade)
 */
Datum
drop_segment(PG_FUNCTION_ARGS)
{
	char	   *name = seg_arg_required_text(fcinfo, 0, "name");
	SegPopulation *population;
	SegSegment *segment = seg_define_begin_segment(name, seg_arg_text(fcinfo, 1), &population);
	Doomed		doomed = {.population = population,.segments = list_make1(segment)};

	drop(&doomed, psprintf("segment \"%s\"", name), seg_arg_flag(fcinfo, 2, false));
	PG_RETURN_VOID();
}
