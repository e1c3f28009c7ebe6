/*
 * registry.c
 *		Populations, sources, lookups, attributes and segments, as read from their tables.
 *
 * In the tables they refer to each other by id, in memory by index.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "nearest.h"
#include "registry.h"

PG_FUNCTION_INFO_V1(readable_populations);

static SegRule *
scan_rule(const SegScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		value = seg_scan_datum(scan, column, &isnull);

	return isnull ? NULL : (SegRule *) PG_DETOAST_DATUM_COPY(value);
}

/* An id that may be null; then 0. */
static int32
scan_id(const SegScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		value = seg_scan_datum(scan, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static void
scan_begin_of(SegScan *scan, SegCatalog table, SegCatalog index, AttrNumber column, int32 population)
{
	ScanKeyData key;

	seg_key_int4(&key, column, population);
	seg_scan_begin(scan, table, index, 1, &key);
}

/* What is read of the first row, NULL if there is none. */
static void *
read_first(SegCatalog table, SegCatalog index, int nkeys, ScanKey keys, void *(*read) (const SegScan *scan))
{
	/* not on the stack: for all that is known here, read() may return a part of it */
	SegScan    *scan = palloc(sizeof(SegScan));
	void	   *found = NULL;

	seg_scan_begin(scan, table, index, nkeys, keys);
	if (seg_scan_next(scan))
		found = read(scan);
	seg_scan_end(scan);
	pfree(scan);
	return found;
}

static void *
read_by_id(SegCatalog table, SegCatalog index, AttrNumber column, int32 id, void *(*read) (const SegScan *scan))
{
	ScanKeyData key;

	seg_key_int4(&key, column, id);
	return read_first(table, index, 1, &key, read);
}

static int
compare_sources(const void *a, const void *b)
{
	return ((const SegSource *) a)->id - ((const SegSource *) b)->id;
}

static int
compare_lookups(const void *a, const void *b)
{
	return ((const SegLookup *) a)->id - ((const SegLookup *) b)->id;
}

static int
source_index(const SegPopulation *population, int32 id)
{
	for (int i = 0; i < population->nsources; i++)
	{
		if (population->sources[i].id == id)
			return i;
	}
	elog(ERROR, "source %d of population %d is missing", id, population->id);
}

static int
lookup_index(const SegPopulation *population, int32 id)
{
	for (int i = 0; i < population->nlookups; i++)
	{
		if (population->lookups[i].id == id)
			return i;
	}
	elog(ERROR, "lookup %d of population %d is missing", id, population->id);
}

/* By id, so that a parent comes before its children. */
static void
read_sources(SegPopulation *population)
{
	SegScan		scan;
	int			allocated = 8;

	population->sources = palloc(allocated * sizeof(SegSource));
	scan_begin_of(&scan, SEG_REL_SOURCE, SEG_REL_SOURCE_POPULATION_NAME_KEY, SEG_COL_SOURCE_POPULATION, population->id);
	while (seg_scan_next(&scan))
	{
		SegSource  *source;

		if (population->nsources == allocated)
		{
			allocated *= 2;
			population->sources = repalloc(population->sources, allocated * sizeof(SegSource));
		}
		source = &population->sources[population->nsources++];
		source->id = seg_scan_int4(&scan, SEG_COL_SOURCE_ID);
		source->name = seg_scan_text(&scan, SEG_COL_SOURCE_NAME);
		source->relid = seg_scan_oid(&scan, SEG_COL_SOURCE_RELATION);
		source->key = seg_scan_name(&scan, SEG_COL_SOURCE_KEY);
		source->at = seg_scan_name(&scan, SEG_COL_SOURCE_AT);
		source->parent = scan_id(&scan, SEG_COL_SOURCE_PARENT);
		source->parent_key = seg_scan_name(&scan, SEG_COL_SOURCE_PARENT_KEY);
		source->filter = scan_rule(&scan, SEG_COL_SOURCE_FILTER);
	}
	seg_scan_end(&scan);

	qsort(population->sources, population->nsources, sizeof(SegSource), compare_sources);
	for (int i = 0; i < population->nsources; i++)
	{
		SegSource  *source = &population->sources[i];

		source->parent = source->parent == 0 ? -1 : source_index(population, source->parent);
	}
}

/* By id, so that a lookup comes before those that hang on it. */
static void
read_lookups(SegPopulation *population)
{
	SegScan		scan;
	int			allocated = 8;

	population->lookups = palloc(allocated * sizeof(SegLookup));
	scan_begin_of(&scan, SEG_REL_LOOKUP, SEG_REL_LOOKUP_POPULATION_NAME_OF_SOURCE_OF_LOOKUP_KEY,
				  SEG_COL_LOOKUP_POPULATION, population->id);
	while (seg_scan_next(&scan))
	{
		SegLookup  *lookup;
		int32		of_source = scan_id(&scan, SEG_COL_LOOKUP_OF_SOURCE);
		int32		of_lookup = scan_id(&scan, SEG_COL_LOOKUP_OF_LOOKUP);

		if (population->nlookups == allocated)
		{
			allocated *= 2;
			population->lookups = repalloc(population->lookups, allocated * sizeof(SegLookup));
		}
		lookup = &population->lookups[population->nlookups++];
		lookup->id = seg_scan_int4(&scan, SEG_COL_LOOKUP_ID);
		lookup->name = seg_scan_text(&scan, SEG_COL_LOOKUP_NAME);
		lookup->relid = seg_scan_oid(&scan, SEG_COL_LOOKUP_RELATION);
		lookup->key = seg_scan_name(&scan, SEG_COL_LOOKUP_KEY);
		lookup->references = seg_scan_name(&scan, SEG_COL_LOOKUP_REFERENCES);
		lookup->of = of_source != 0 ? SEG_LOOKUP_OF_SOURCE :
			of_lookup != 0 ? SEG_LOOKUP_OF_LOOKUP : SEG_LOOKUP_OF_POPULATION;
		lookup->of_index = of_source + of_lookup;
	}
	seg_scan_end(&scan);

	qsort(population->lookups, population->nlookups, sizeof(SegLookup), compare_lookups);
	for (int i = 0; i < population->nlookups; i++)
	{
		SegLookup  *lookup = &population->lookups[i];

		if (lookup->of == SEG_LOOKUP_OF_SOURCE)
			lookup->of_index = source_index(population, lookup->of_index);
		else if (lookup->of == SEG_LOOKUP_OF_LOOKUP)
			lookup->of_index = lookup_index(population, lookup->of_index);
	}
}

static void
read_attributes(SegPopulation *population)
{
	SegScan		scan;
	int			allocated = 8;

	population->attributes = palloc(allocated * sizeof(SegAttribute));
	scan_begin_of(&scan, SEG_REL_ATTRIBUTE, SEG_REL_ATTRIBUTE_POPULATION_NAME_KEY, SEG_COL_ATTRIBUTE_POPULATION,
				  population->id);
	while (seg_scan_next(&scan))
	{
		SegAttribute *attribute;
		char	   *collation = seg_scan_text(&scan, SEG_COL_ATTRIBUTE_COLLATION);

		if (population->nattributes == allocated)
		{
			allocated *= 2;
			population->attributes = repalloc(population->attributes, allocated * sizeof(SegAttribute));
		}
		attribute = &population->attributes[population->nattributes++];
		attribute->id = seg_scan_int4(&scan, SEG_COL_ATTRIBUTE_ID);
		attribute->name = seg_scan_text(&scan, SEG_COL_ATTRIBUTE_NAME);
		attribute->expression = seg_scan_text(&scan, SEG_COL_ATTRIBUTE_EXPRESSION);
		attribute->typid = seg_scan_oid(&scan, SEG_COL_ATTRIBUTE_TYPE);
		attribute->collation = collation == NULL ? InvalidOid :
			get_collation_oid(seg_qualified_name_list(collation), true);
	}
	seg_scan_end(&scan);
}

static const char *const maintenance_words[] = {
	[SEG_IMMEDIATE] = "immediate",[SEG_QUEUED] = "queued",[SEG_SCHEDULED] = "scheduled"
};

bool
seg_maintenance_of(const char *word, SegMaintenance *maintenance)
{
	for (Size i = 0; i < lengthof(maintenance_words); i++)
	{
		*maintenance = i;
		if (strcmp(word, maintenance_words[i]) == 0)
			return true;
	}
	return false;
}

const char *
seg_maintenance_word(SegMaintenance maintenance)
{
	return maintenance_words[maintenance];
}

static void *
read_population(const SegScan *scan)
{
	SegPopulation *population = palloc0(sizeof(SegPopulation));

	population->id = seg_scan_int4(scan, SEG_COL_POPULATION_ID);
	population->name = seg_scan_text(scan, SEG_COL_POPULATION_NAME);
	population->relid = seg_scan_oid(scan, SEG_COL_POPULATION_RELATION);
	population->key = seg_scan_name(scan, SEG_COL_POPULATION_KEY);
	population->key_type = seg_scan_oid(scan, SEG_COL_POPULATION_KEY_TYPE);
	population->dictionary = seg_scan_bool(scan, SEG_COL_POPULATION_DICTIONARY);
	population->owner = seg_scan_oid(scan, SEG_COL_POPULATION_OWNER);
	population->time_zone = seg_scan_text(scan, SEG_COL_POPULATION_TIME_ZONE);
	population->view_schema = seg_scan_name(scan, SEG_COL_POPULATION_VIEW_SCHEMA);
	(void) seg_maintenance_of(seg_scan_text(scan, SEG_COL_POPULATION_MAINTENANCE), &population->maintenance);
	population->definition = seg_scan_int8(scan, SEG_COL_POPULATION_DEFINITION);
	return population;
}

static SegPopulation *
complete(SegPopulation *population)
{
	read_sources(population);
	read_lookups(population);
	read_attributes(population);
	return population;
}

/* Of SegPopulation *, bare, by id: those that the current user may read. */
static List *
readable(void)
{
	SegScan		scan;
	List	   *list = NIL;

	seg_scan_begin(&scan, SEG_REL_POPULATION, SEG_REL_POPULATION_PKEY, 0, NULL);
	while (seg_scan_next(&scan))
	{
		SegPopulation *population = read_population(&scan);

		if (seg_may_read(population))
			list = lappend(list, population);
	}
	seg_scan_end(&scan);
	return list;
}

static List *
names_of(List *populations)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, populations)
		names = lappend(names, ((SegPopulation *) lfirst(lc))->name);
	return names;
}

static SegPopulation *
only_population(void)
{
	List	   *populations = readable();

	if (populations == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no population"),
				 errhint("Register a table with segments.create_population().")));
	if (list_length(populations) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are several populations"),
				 errhint("Say which with population => ...: %s.", seg_list_names(names_of(populations)))));
	return linitial(populations);
}

static SegPopulation *
find_population(const char *name)
{
	ScanKeyData key;

	seg_key_text(&key, SEG_COL_POPULATION_NAME, name);
	return read_first(SEG_REL_POPULATION, SEG_REL_POPULATION_NAME_KEY, 1, &key, read_population);
}

SegPopulation *
seg_population_get_bare(const char *name)
{
	SegPopulation *population;

	if (name == NULL)
		return only_population();
	population = find_population(name);
	if (population == NULL)
	{
		char	   *hint = seg_nearest_hint(name, names_of(readable()),
											"The populations are");

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("population \"%s\" does not exist", name),
				 hint ? errhint("%s", hint) : 0));
	}
	return population;
}

SegPopulation *
seg_population_get(const char *name)
{
	return complete(seg_population_get_bare(name));
}

SegPopulation *
seg_population_bare_by_id(int32 id)
{
	SegPopulation *population = read_by_id(SEG_REL_POPULATION, SEG_REL_POPULATION_PKEY, SEG_COL_POPULATION_ID, id,
										   read_population);

	if (population == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("population %d does not exist any more", id)));
	return population;
}

SegPopulation *
seg_population_by_id(int32 id)
{
	return complete(seg_population_bare_by_id(id));
}

List *
seg_source_names(const SegPopulation *population)
{
	List	   *names = NIL;

	for (int i = 0; i < population->nsources; i++)
		names = lappend(names, population->sources[i].name);
	return names;
}

/* Types that differ in name alone, as far as keys go, have the same family. */
static Oid
key_family(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return INT8OID;
		case VARCHAROID:
			return TEXTOID;
		default:
			return type;
	}
}

bool
seg_key_types_match(Oid a, Oid b)
{
	return key_family(a) == key_family(b);
}

static void *
read_segment(const SegScan *scan)
{
	SegSegment *segment = palloc0(sizeof(SegSegment));
	bool		unlimited;
	Datum		valid_until = seg_scan_datum(scan, SEG_COL_SEGMENT_VALID_UNTIL, &unlimited);

	segment->id = seg_scan_int4(scan, SEG_COL_SEGMENT_ID);
	segment->name = seg_scan_text(scan, SEG_COL_SEGMENT_NAME);
	segment->rule = scan_rule(scan, SEG_COL_SEGMENT_RULE);
	segment->everyone = strcmp(seg_scan_text(scan, SEG_COL_SEGMENT_KIND), "everyone") == 0;
	segment->active = seg_scan_bool(scan, SEG_COL_SEGMENT_ACTIVE);
	segment->built = seg_scan_bool(scan, SEG_COL_SEGMENT_BUILT);
	segment->members = seg_scan_int8(scan, SEG_COL_SEGMENT_MEMBERS);
	segment->valid_until = unlimited ? DT_NOEND : DatumGetTimestampTz(valid_until);
	segment->notify = seg_scan_bool(scan, SEG_COL_SEGMENT_NOTIFY);
	segment->failed = !segment->active && seg_scan_text(scan, SEG_COL_SEGMENT_PROBLEM) != NULL;
	return segment;
}

List *
seg_segments_of_population(int32 population)
{
	SegScan		scan;
	List	   *list = NIL;

	scan_begin_of(&scan, SEG_REL_SEGMENT, SEG_REL_SEGMENT_POPULATION_NAME_KEY, SEG_COL_SEGMENT_POPULATION, population);
	while (seg_scan_next(&scan))
		list = lappend(list, read_segment(&scan));
	seg_scan_end(&scan);
	return list;
}

List *
seg_active_segments(int32 population)
{
	List	   *active = NIL;
	ListCell   *lc;

	foreach(lc, seg_segments_of_population(population))
	{
		SegSegment *segment = lfirst(lc);

		if (segment->active && !segment->everyone)
			active = lappend(active, segment);
	}
	return active;
}

/* The names of all segments of these populations, for a hint. */
static List *
segment_names(List *populations)
{
	List	   *names = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, populations)
	{
		foreach(lc2, seg_segments_of_population(((SegPopulation *) lfirst(lc))->id))
			names = lappend(names, ((SegSegment *) lfirst(lc2))->name);
	}
	return names;
}

static SegSegment *
find_segment(int32 population, const char *name)
{
	ScanKeyData keys[2];

	seg_key_int4(&keys[0], SEG_COL_SEGMENT_POPULATION, population);
	seg_key_text(&keys[1], SEG_COL_SEGMENT_NAME, name);
	return read_first(SEG_REL_SEGMENT, SEG_REL_SEGMENT_POPULATION_NAME_KEY, 2, keys, read_segment);
}

SegSegment *
seg_segment_by_id(int32 id)
{
	return read_by_id(SEG_REL_SEGMENT, SEG_REL_SEGMENT_PKEY, SEG_COL_SEGMENT_ID, id, read_segment);
}

static void *
read_segment_name(const SegScan *scan)
{
	return seg_scan_text(scan, SEG_COL_SEGMENT_NAME);
}

char *
seg_segment_name(int32 id)
{
	return read_by_id(SEG_REL_SEGMENT, SEG_REL_SEGMENT_PKEY, SEG_COL_SEGMENT_ID, id, read_segment_name);
}

static void *
read_building_rule(const SegScan *scan)
{
	return scan_rule(scan, SEG_COL_BUILDING_RULE);
}

SegRule *
seg_building_rule(int32 population)
{
	return read_by_id(SEG_REL_BUILDING, SEG_REL_BUILDING_PKEY, SEG_COL_BUILDING_POPULATION, population,
					  read_building_rule);
}

/* populations: where it was looked for. */
static void
report_missing_segment(const char *name, const char *population, List *populations)
{
	char	   *hint = seg_nearest_hint(name, segment_names(populations), "The segments are");

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 population ? errmsg("segment \"%s\" does not exist in population \"%s\"", name, population) :
			 errmsg("segment \"%s\" does not exist", name),
			 hint ? errhint("%s", hint) : 0));
}

SegSegment *
seg_segment_get(int32 population, const char *name, bool missing_ok)
{
	SegSegment *segment = find_segment(population, name);

	if (segment == NULL && !missing_ok)
	{
		SegPopulation *bare = seg_population_bare_by_id(population);

		report_missing_segment(name, bare->name, seg_may_read(bare) ? list_make1(bare) : NIL);
	}
	return segment;
}

SegSegment *
seg_segment_resolve(const char *name, const char *population, bool missing_ok, SegPopulation **found)
{
	List	   *populations;
	List	   *found_in = NIL;
	SegSegment *segment = NULL;
	ListCell   *lc;

	if (population != NULL)
	{
		*found = missing_ok ? find_population(population) : seg_population_get_bare(population);

		/* which segments there are is for readers to know */
		if (!missing_ok && !seg_may_manage(*found))
			seg_check_read(*found);
		return *found ? seg_segment_get((*found)->id, name, missing_ok) : NULL;
	}

	populations = readable();
	foreach(lc, populations)
	{
		SegPopulation *candidate = lfirst(lc);
		SegSegment *one = find_segment(candidate->id, name);

		if (one != NULL)
		{
			segment = one;
			*found = candidate;
			found_in = lappend(found_in, candidate);
		}
	}
	if (list_length(found_in) == 1 || missing_ok)
		return list_length(found_in) == 1 ? segment : NULL;
	if (segment == NULL)
		report_missing_segment(name, NULL, populations);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("segment \"%s\" exists in several populations", name),
			 errhint("Say which with population => ...: %s.", seg_list_names(names_of(found_in)))));
}

/*
 * readable_populations() -> integer[]
 *		Whose rows a policy shows the current role.
 */
Datum
readable_populations(PG_FUNCTION_ARGS)
{
	List	   *populations = readable();
	Datum	   *ids = palloc(sizeof(Datum) * (list_length(populations) + 1));
	ListCell   *lc;

	foreach(lc, populations)
		ids[foreach_current_index(lc)] = Int32GetDatum(((SegPopulation *) lfirst(lc))->id);
	PG_RETURN_ARRAYTYPE_P(construct_array(ids, list_length(populations), INT4OID, sizeof(int32), true,
										  TYPALIGN_INT));
}
