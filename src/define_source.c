/*
 * define_source.c
 *		Adding sources and lookups to a population.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "define.h"
#include "nearest.h"
#include "trigger.h"

PG_FUNCTION_INFO_V1(add_source);
PG_FUNCTION_INFO_V1(add_lookup);

static void
report_taken(const char *name, const char *what, const char *of)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("name \"%s\" is already taken", name),
			 errdetail("It is the name of a %s of %s.", what, of)));
}

void
seg_check_name_is_free(const SegPopulation *population, SegLookupOf of, int of_index, const char *name)
{
	Oid			relid;
	char	   *where;

	if (of == SEG_LOOKUP_OF_POPULATION)
	{
		relid = population->relid;
		where = psprintf("population \"%s\"", population->name);
	}
	else if (of == SEG_LOOKUP_OF_SOURCE)
	{
		relid = population->sources[of_index].relid;
		where = psprintf("source \"%s\"", population->sources[of_index].name);
	}
	else
	{
		relid = population->lookups[of_index].relid;
		where = psprintf("lookup \"%s\"", population->lookups[of_index].name);
	}

	if (get_attnum(relid, name) != InvalidAttrNumber)
		report_taken(name, "column", where);
	for (int i = 0; i < population->nlookups; i++)
	{
		const SegLookup *lookup = &population->lookups[i];

		if (strcmp(lookup->name, name) == 0 && seg_lookup_is_of(lookup, of, of_index))
			report_taken(name, "lookup", where);
	}
	for (int i = 0; i < population->nsources; i++)
	{
		const SegSource *source = &population->sources[i];

		if (strcmp(source->name, name) == 0 &&
			(of == SEG_LOOKUP_OF_POPULATION || (of == SEG_LOOKUP_OF_SOURCE && source->parent == of_index)))
			report_taken(name, "source", where);
	}
	for (int i = 0; i < population->nattributes && of == SEG_LOOKUP_OF_POPULATION; i++)
	{
		if (strcmp(population->attributes[i].name, name) == 0)
			report_taken(name, "computed attribute", where);
	}
}

/* -1 if there is none of that name. */
static int
find_source(const SegPopulation *population, const char *name)
{
	for (int i = 0; i < population->nsources; i++)
	{
		if (strcmp(population->sources[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* How many lookups have that name; *index is the last of them. */
static int
find_lookups(const SegPopulation *population, const char *name, int *index)
{
	int			found = 0;

	for (int i = 0; i < population->nlookups; i++)
	{
		if (strcmp(population->lookups[i].name, name) == 0)
		{
			*index = i;
			found++;
		}
	}
	return found;
}

static void
check_reference(Oid relid, const char *column, Oid to_relid, const char *to_column, Oid to_type)
{
	Oid			type = seg_column_type(relid, column);

	if (!seg_key_types_match(type, to_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of \"%s\" cannot refer to column \"%s\" of \"%s\"", column,
						get_rel_name(relid), to_column, get_rel_name(to_relid)),
				 errdetail("One is %s, the other is %s.", format_type_be(type), format_type_be(to_type)),
				 errhint("Register a view that casts one of them.")));
}

static char *
require_primary_key(Oid relid, const char *hint)
{
	char	   *column = seg_primary_key(relid);

	if (column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" has no primary key of one column", get_rel_name(relid)),
				 errhint("%s", hint)));
	return column;
}

static void
check_moment(Oid relid, const char *column)
{
	Oid			type = seg_column_type(relid, column);

	if (type != DATEOID && type != TIMESTAMPOID && type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of \"%s\" is not a moment", column, get_rel_name(relid)),
				 errdetail("It is %s, and must be date, timestamp or timestamptz.", format_type_be(type))));
}

/* Fills in where the rows of the source belong to, and checks that they can. */
static void
resolve_parent(const SegPopulation *population, SegSource *source, const char *parent)
{
	Oid			parent_relid = population->relid;
	Oid			parent_type = population->key_type;

	source->parent = -1;
	source->parent_key = population->key;
	if (parent != NULL)
	{
		source->parent = find_source(population, parent);
		if (source->parent < 0)
		{
			char	   *hint = seg_nearest_hint(parent, seg_source_names(population), "The sources are");

			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("source \"%s\" does not exist in population \"%s\"", parent, population->name),
					 hint ? errhint("%s", hint) : 0));
		}
		parent_relid = population->sources[source->parent].relid;
		source->parent_key = require_primary_key(parent_relid,
												 "The rows of a source can belong to those of another if that has a primary key.");
		parent_type = seg_column_type(parent_relid, source->parent_key);
		seg_check_select(parent_relid, source->parent_key, population->owner);
	}
	check_reference(source->relid, source->key, parent_relid, source->parent_key, parent_type);
	seg_check_stored(source->relid, source->key);
}

SegRule *
seg_source_rule(const char *source)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "exists(\"");
	for (const char *c = source; *c != '\0'; c++)
	{
		if (*c == '"')
			appendStringInfoChar(&text, '"');
		appendStringInfoChar(&text, *c);
	}
	appendStringInfoString(&text, "\")");
	return seg_rule_parse(text.data, text.len);
}

/*
 * add_source(population, name, relation, key, at, parent, filter)
 */
Datum
add_source(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	SegSource	source = {0};
	SegParam	params[8];

	source.name = seg_arg_required_text(fcinfo, 1, "name");
	source.relid = seg_arg_required_oid(fcinfo, 2, "relation");
	source.key = seg_arg_required_name(fcinfo, 3, "key");
	source.at = seg_arg_name(fcinfo, 4);
	source.filter = seg_arg_rule(fcinfo, 6);

	seg_check_name("source", source.name);
	if (find_source(population, source.name) >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("source \"%s\" already exists in population \"%s\"", source.name, population->name)));
	seg_check_name_is_free(population, SEG_LOOKUP_OF_POPULATION, 0, source.name);
	LockRelationOid(source.relid, AccessShareLock);
	seg_check_relation(source.relid);
	resolve_parent(population, &source, seg_arg_text(fcinfo, 5));
	if (source.parent >= 0)
		seg_check_name_is_free(population, SEG_LOOKUP_OF_SOURCE, source.parent, source.name);
	seg_check_select(source.relid, source.key, population->owner);
	if (source.at != NULL)
	{
		check_moment(source.relid, source.at);
		seg_check_select(source.relid, source.at, population->owner);
	}
	seg_triggers_check(population, source.relid);

	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_text(source.name);
	params[2] = seg_param_oid(REGCLASSOID, source.relid);
	params[3] = seg_param_name(source.key);
	params[4] = seg_param_name(source.at);
	params[5] = seg_param_id(source.parent < 0 ? 0 : population->sources[source.parent].id);
	params[6] = seg_param_name(source.parent_key);
	params[7] = seg_param_rule(source.filter);
	(void) seg_define_write("INSERT INTO segments.source"
							" (population, name, relation, key, at, parent, parent_key, filter)"
							" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", 8, params);
	population = seg_define_again(population);
	seg_depend_source(population, source.name);
	seg_triggers_sync(population);
	seg_define_end();
	PG_RETURN_VOID();
}

/* Whose rows it is looked up for: of is the name of a source or of a lookup, or NULL. */
static Oid
resolve_of(const SegPopulation *population, SegLookup *lookup, const char *of)
{
	int			source;
	int			index = 0;
	int			nlookups;

	if (of == NULL)
	{
		lookup->of = SEG_LOOKUP_OF_POPULATION;
		return population->relid;
	}
	source = find_source(population, of);
	nlookups = find_lookups(population, of, &index);
	if (nlookups + (source >= 0 ? 1 : 0) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is the name of several sources and lookups", of),
				 errhint("Give lookups that others hang on names of their own.")));
	if (source >= 0)
	{
		lookup->of = SEG_LOOKUP_OF_SOURCE;
		lookup->of_index = source;
		return population->sources[source].relid;
	}
	if (nlookups == 0)
	{
		List	   *names = seg_source_names(population);
		char	   *hint;

		for (int i = 0; i < population->nlookups; i++)
			names = lappend(names, population->lookups[i].name);
		hint = seg_nearest_hint(of, names, "The sources and lookups are");
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("population \"%s\" has no source or lookup \"%s\"", population->name, of),
				 hint ? errhint("%s", hint) : 0));
	}
	lookup->of = SEG_LOOKUP_OF_LOOKUP;
	lookup->of_index = index;
	return population->lookups[index].relid;
}

/*
 * At most one row may be found.  A table vouches for that by an index; of what
 * cannot have one, the data as they are must do.
 */
static void
check_unique(const SegPopulation *population, const SegLookup *lookup)
{
	char		relkind = get_rel_relkind(lookup->relid);

	if (seg_column_unique(lookup->relid, lookup->references))
		return;
	if (relkind == RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FOREIGN_KEY),
				 errmsg("column \"%s\" of \"%s\" is not known to be unique", lookup->references,
						get_rel_name(lookup->relid)),
				 errhint("Create a unique index on it.")));
	seg_check_unique_data(population, lookup->relid, lookup->references);
}

/*
 * add_lookup(population, name, relation, key, of, references)
 */
Datum
add_lookup(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_define_begin(seg_arg_text(fcinfo, 0));
	SegLookup	lookup = {0};
	Oid			of_relid;
	SegParam	params[7];

	lookup.name = seg_arg_required_text(fcinfo, 1, "name");
	lookup.relid = seg_arg_required_oid(fcinfo, 2, "relation");
	lookup.key = seg_arg_required_name(fcinfo, 3, "key");
	lookup.references = seg_arg_name(fcinfo, 5);

	seg_check_name("lookup", lookup.name);
	of_relid = resolve_of(population, &lookup, seg_arg_text(fcinfo, 4));
	seg_check_name_is_free(population, lookup.of, lookup.of_index, lookup.name);
	LockRelationOid(lookup.relid, AccessShareLock);
	seg_check_relation(lookup.relid);
	if (lookup.references == NULL)
		lookup.references = require_primary_key(lookup.relid,
												"Say which column is looked up, as in \"references\" => 'id'.");
	check_reference(of_relid, lookup.key, lookup.relid, lookup.references,
					seg_column_type(lookup.relid, lookup.references));
	seg_check_stored(lookup.relid, lookup.references);
	seg_check_select(of_relid, lookup.key, population->owner);
	seg_check_select(lookup.relid, lookup.references, population->owner);
	check_unique(population, &lookup);
	seg_triggers_check(population, lookup.relid);

	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_text(lookup.name);
	params[2] = seg_param_oid(REGCLASSOID, lookup.relid);
	params[3] = seg_param_name(lookup.key);
	params[4] = seg_param_name(lookup.references);
	params[5] = seg_param_id(lookup.of == SEG_LOOKUP_OF_SOURCE ? population->sources[lookup.of_index].id : 0);
	params[6] = seg_param_id(lookup.of == SEG_LOOKUP_OF_LOOKUP ? population->lookups[lookup.of_index].id : 0);
	lookup.id = seg_define_write("INSERT INTO segments.lookup"
								 " (population, name, relation, key, \"references\", of_source, of_lookup)"
								 " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id", 7, params);
	seg_depend_lookup(population, &lookup);
	seg_triggers_sync(seg_define_again(population));
	seg_define_end();
	PG_RETURN_VOID();
}
