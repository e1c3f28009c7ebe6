/*
 * define_dependency.c
 *		Which columns of which tables a definition needs as they are.
 *
 * They are noted in segments.dependency when a definition is made, with their types, since
 * after they have changed nobody can tell.  What a rule reads is found out by binding it, that
 * is, in the same way in which it will be evaluated; so what it reads of other segments'
 * rules is among it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "define.h"

/* Columns, each as members of three lists at one place, and attributes. */
typedef struct Columns
{
	List	   *relids;			/* oids */
	List	   *names;			/* of char * */
	List	   *types;			/* oids */
	Bitmapset  *attributes;		/* indexes in the population's: what these need is needed */
} Columns;

static void
add(Columns *columns, Oid relid, const char *name)
{
	AttrNumber	attnum = get_attnum(relid, name);

	if (attnum <= 0)
		return;
	for (int i = 0; i < list_length(columns->relids); i++)
	{
		if (list_nth_oid(columns->relids, i) == relid && strcmp(list_nth(columns->names, i), name) == 0)
			return;
	}
	columns->relids = lappend_oid(columns->relids, relid);
	columns->names = lappend(columns->names, unconstify(char *, name));
	columns->types = lappend_oid(columns->types, get_atttype(relid, attnum));
}

static Oid
relation_of_source(const SegPopulation *population, int source)
{
	return source < 0 ? population->relid : population->sources[source].relid;
}

/* How the rows of a source are found. */
static void
add_source_keys(Columns *columns, const SegPopulation *population, const SegSource *source)
{
	add(columns, source->relid, source->key);
	add(columns, relation_of_source(population, source->parent), source->parent_key);
}

/* How the row of a lookup is found. */
static void
add_lookup_keys(Columns *columns, const SegPopulation *population, const SegLookup *lookup)
{
	Oid			of_relid = lookup->of == SEG_LOOKUP_OF_LOOKUP ? population->lookups[lookup->of_index].relid :
		relation_of_source(population, lookup->of == SEG_LOOKUP_OF_SOURCE ? lookup->of_index : -1);

	add(columns, of_relid, lookup->key);
	add(columns, lookup->relid, lookup->references);
}

static void
add_column(Columns *columns, const SegPopulation *population, Oid relid, const SegColumn *column)
{
	for (int i = 0; i < population->nattributes && column->kind == SEG_COLUMN_EXPRESSION; i++)
	{
		if (column->name == population->attributes[i].expression)
			columns->attributes = bms_add_member(columns->attributes, i);
	}
	for (int i = 0; i < column->nlookups; i++)
	{
		const SegLookup *lookup = &population->lookups[column->lookups[i]];

		add_lookup_keys(columns, population, lookup);
		relid = lookup->relid;
	}
	if (column->kind == SEG_COLUMN_MOMENT)
		relid = population->sources[column->source].relid;
	if (column->kind == SEG_COLUMN_ATTRIBUTE || column->kind == SEG_COLUMN_MOMENT)
		add(columns, relid, column->name);
}

/* What a program reads, but for the population's key. */
static void
add_program(Columns *columns, const SegProgram *program)
{
	const SegPopulation *population = program->population;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, program->relations)
	{
		const SegRelation *relation = lfirst(lc);

		for (int i = relation->source; i >= 0; i = population->sources[i].parent)
			add_source_keys(columns, population, &population->sources[i]);
		foreach(lc2, relation->columns)
			add_column(columns, population, relation_of_source(population, relation->source), lfirst(lc2));
	}
}

static SegParam
oid_array(Oid array_type, Oid type, List *oids)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(oids), 1));
	ListCell   *lc;

	foreach(lc, oids)
		elements[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));
	return (SegParam)
	{
		array_type, PointerGetDatum(construct_array(elements, list_length(oids), type, sizeof(Oid), true,
													TYPALIGN_INT)), false
	};
}

static SegParam
name_array(List *names)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;

	foreach(lc, names)
		elements[foreach_current_index(lc)] = seg_param_name(lfirst(lc)).value;
	return (SegParam)
	{
		NAMEARRAYOID, PointerGetDatum(construct_array(elements, list_length(names), NAMEOID, NAMEDATALEN, false,
													  TYPALIGN_CHAR)), false
	};
}

static void
write_through_attribute(const SegPopulation *population, const char *kind, int32 id, int32 attribute)
{
	SegParam	params[3];

	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_int4(id);
	params[2] = seg_param_int4(attribute);
	(void) seg_define_write(psprintf("INSERT INTO segments.dependency (population, %s, relation, \"column\", type)"
									 " SELECT $1, $2, relation, \"column\", type FROM segments.dependency"
									 " WHERE population = $1 AND attribute = $3", kind), 3, params);
}

/* kind: the column that says who needs them, filled with id; of a population NULL. */
static void
write_columns(const SegPopulation *population, const char *kind, int32 id, const Columns *columns)
{
	SegParam	params[5];

	params[0] = seg_param_int4(population->id);
	params[1] = oid_array(REGCLASSARRAYOID, REGCLASSOID, columns->relids);
	params[2] = name_array(columns->names);
	params[3] = oid_array(REGTYPEARRAYOID, REGTYPEOID, columns->types);
	params[4] = seg_param_int4(id);
	(void) seg_define_write(psprintf("INSERT INTO segments.dependency (population, relation, \"column\", type%s%s)"
									 " SELECT $1, r, c, t%s"
									 " FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3),"
									 " pg_catalog.unnest($4)) AS u(r, c, t)",
									 kind ? ", " : "", kind ? kind : "", kind ? ", $5" : ""),
							kind ? 5 : 4, params);
	for (int i = -1; (i = bms_next_member(columns->attributes, i)) >= 0;)
		write_through_attribute(population, kind, id, population->attributes[i].id);
}

void
seg_depend_population(const SegPopulation *population)
{
	Columns		columns = {0};

	add(&columns, population->relid, population->key);
	write_columns(population, NULL, 0, &columns);
}

void
seg_depend_source(const SegPopulation *population, const char *name)
{
	const SegRule *rule = seg_source_rule(name);
	Columns		columns = {0};

	add_program(&columns, seg_define_bind(population, 1, &rule, NULL));
	for (int i = 0; i < population->nsources; i++)
	{
		if (strcmp(population->sources[i].name, name) == 0)
			write_columns(population, "source", population->sources[i].id, &columns);
	}
}

void
seg_depend_lookup(const SegPopulation *population, const SegLookup *lookup)
{
	Columns		columns = {0};

	add_lookup_keys(&columns, population, lookup);
	write_columns(population, "lookup", lookup->id, &columns);
}

void
seg_depend_attribute(const SegPopulation *population, const char *name, List *names)
{
	Columns		columns = {0};
	ListCell   *lc;

	foreach(lc, names)
		add(&columns, population->relid, lfirst(lc));
	for (int i = 0; i < population->nattributes; i++)
	{
		if (strcmp(population->attributes[i].name, name) == 0)
			write_columns(population, "attribute", population->attributes[i].id, &columns);
	}
}

void
seg_depend_segments(const SegPopulation *population, List *segments)
{
	ListCell   *lc;

	foreach(lc, segments)
	{
		const SegSegment *segment = lfirst(lc);
		const SegRule *rule = segment->rule;
		Columns		columns = {0};
		SegParam	params[2];

		params[0] = seg_param_int4(population->id);
		params[1] = seg_param_int4(segment->id);
		(void) seg_define_write("DELETE FROM segments.dependency WHERE population = $1 AND segment = $2", 2, params);
		add_program(&columns, seg_define_bind(population, 1, &rule, &segment->id));
		write_columns(population, "segment", segment->id, &columns);
	}
}
