/*
 * registry.h
 *		Populations, sources, lookups, attributes and segments, as read from their tables.
 *
 * Everything is read in one go for a population, whoever asks, with the active snapshot,
 * into the current memory context.  Nothing that reads by name or id checks whether the
 * caller may see it: that is the job of the functions declared at the end.  But names
 * that are left out, and names in hints, are those of populations that the current
 * user may read; so look names up before switching users.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_REGISTRY_H
#define SEG_REGISTRY_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "compat.h"
#include "rule.h"

/* In generated SQL, the population's row; the expressions of attributes are stored with it. */
#define SEG_POPULATION_ALIAS "m"

typedef struct SegSource
{
	int32		id;
	char	   *name;
	Oid			relid;
	char	   *key;			/* column that refers to the parent's key */
	char	   *at;				/* column of the row's moment; NULL: the parent's moment, if any */
	int			parent;			/* index in sources; -1: the population */
	char	   *parent_key;		/* column of the parent that key refers to (its primary key) */
	SegRule    *filter;			/* rows that do not fulfil it do not exist; or NULL */
} SegSource;

typedef enum SegLookupOf
{
	SEG_LOOKUP_OF_POPULATION, SEG_LOOKUP_OF_SOURCE, SEG_LOOKUP_OF_LOOKUP
} SegLookupOf;

typedef struct SegLookup
{
	int32		id;
	char	   *name;
	Oid			relid;
	SegLookupOf of;
	int			of_index;		/* in sources or lookups */
	char	   *key;			/* column of the row it is looked up for */
	char	   *references;		/* column of relid, unique */
} SegLookup;

/* A computed attribute: an immutable SQL expression over the population's row. */
typedef struct SegAttribute
{
	int32		id;
	char	   *name;
	char	   *expression;		/* SQL, columns written SEG_POPULATION_ALIAS.column */
	Oid			typid;
	Oid			collation;
} SegAttribute;

/* How members are kept current; sql/33-upkeep.sql tells more. */
typedef enum SegMaintenance
{
	SEG_IMMEDIATE,				/* triggers evaluate whom a statement touched */
	SEG_QUEUED,					/* triggers note whom a statement touched */
	SEG_SCHEDULED				/* nobody notices; members are those of the last refresh */
} SegMaintenance;

typedef struct SegPopulation
{
	int32		id;
	char	   *name;
	Oid			relid;
	char	   *key;			/* key column */
	Oid			key_type;		/* int2, int4, int8, uuid, text, varchar */
	bool		dictionary;		/* members are numbers given in segments.dictionary; else the keys themselves */
	Oid			owner;			/* role that evaluation runs as */
	char	   *time_zone;
	char	   *view_schema;	/* where each segment has a view; NULL: nowhere */
	SegMaintenance maintenance;
	int64		definition;		/* another one whenever something of it, or of its segments, is defined anew */
	int			nsources;
	SegSource  *sources;
	int			nlookups;
	SegLookup  *lookups;
	int			nattributes;
	SegAttribute *attributes;
} SegPopulation;

/* Is it looked up for the rows of the population, of a source or of a lookup? */
static inline bool
seg_lookup_is_of(const SegLookup *lookup, SegLookupOf of, int of_index)
{
	return lookup->of == of && (of == SEG_LOOKUP_OF_POPULATION || lookup->of_index == of_index);
}

static inline bool
seg_key_is_integer(const SegPopulation *population)
{
	return population->key_type == INT2OID || population->key_type == INT4OID || population->key_type == INT8OID;
}

/* A key of such a type, as a member. */
static inline int64
seg_integer_key(Datum key, Oid type)
{
	return type == INT2OID ? DatumGetInt16(key) : type == INT4OID ? DatumGetInt32(key) : DatumGetInt64(key);
}

typedef struct SegSegment
{
	int32		id;
	char	   *name;
	SegRule    *rule;
	bool		everyone;		/* the whole population; made and dropped with it */
	bool		active;			/* false: its members are frozen */
	bool		built;			/* false: created with build => false and not refreshed since */
	int64		members;		/* cardinality as stored */
	TimestampTz valid_until;	/* from here on nobody is a member; DT_NOEND: never */
	bool		notify;			/* changes of its members notify */
	bool		failed;			/* it is not active since its rule could not be evaluated */
} SegSegment;

/* name NULL: the only population there is.  Errors say which populations there are. */
extern SegPopulation *seg_population_get(const char *name);
extern SegPopulation *seg_population_by_id(int32 id);

/* The same without sources, lookups and attributes: all that reading members takes. */
extern SegPopulation *seg_population_get_bare(const char *name);
extern SegPopulation *seg_population_bare_by_id(int32 id);

/* "immediate" and the like; false for another word. */
extern bool seg_maintenance_of(const char *word, SegMaintenance *maintenance);
extern const char *seg_maintenance_word(SegMaintenance maintenance);

/* Of char *, for hints. */
extern List *seg_source_names(const SegPopulation *population);

/* Can a column of one type refer to a column of the other? */
extern bool seg_key_types_match(Oid a, Oid b);

/* Of SegSegment *, by name; and one, or NULL where missing_ok. */
extern List *seg_segments_of_population(int32 population);

/* Those that are active, but for everyone. */
extern List *seg_active_segments(int32 population);
extern SegSegment *seg_segment_get(int32 population, const char *name, bool missing_ok);

/* NULL if there is none of that id. */
extern SegSegment *seg_segment_by_id(int32 id);
extern char *seg_segment_name(int32 id);

/* The rule of a segment that is being created while others write; NULL: there is none. */
extern SegRule *seg_building_rule(int32 population);

/* The segment of everyone in each population; its name is taken. */
#define SEG_EVERYONE	"everyone"

/*
 * A segment by name; population NULL: wherever the name is unambiguous.  What is missing or
 * ambiguous is an error, or NULL where missing_ok.  *found is its population, bare.
 */
extern SegSegment *seg_segment_resolve(const char *name, const char *population, bool missing_ok,
									   SegPopulation **found);

/* registry_user.c */

/*
 * Privileges.  Managing (definitions, ad hoc rules) needs the privileges of the
 * population's owner; reading needs SELECT on the population's key column.
 */
extern bool seg_may_manage(const SegPopulation *population);
extern bool seg_may_read(const SegPopulation *population);
extern void seg_check_manage(const SegPopulation *population);
extern void seg_check_read(const SegPopulation *population);

/*
 * Switching users.  As the extension's owner our own tables are written, as the
 * population's owner the user's tables are read, in a security-restricted operation and in the
 * population's time zone.  Both pin search_path.  Undone by seg_user_restore, and by
 * transaction abort.  A user with guc_level 0 is nobody to go back to.
 */
typedef struct SegUser
{
	Oid			save_user;
	int			save_sec_context;
	int			guc_level;
} SegUser;

extern void seg_user_become_extension(SegUser *user);
extern void seg_user_become_owner(SegUser *user, const SegPopulation *population);
extern void seg_user_restore(const SegUser *user);

/* registry_query.c */

typedef struct SegRows
{
	uint64		n;
	char	 ***values;			/* as texts, row by row; NULL for null */
} SegRows;

/*
 * A query with the extension's rights.  Its parameters are the relations, an oid[], and the texts, a
 * text[]; NIL if it has none (only the last ones).  active_snapshot: it sees what the active snapshot
 * sees, else also what this command has done.  The second one is for a column of OIDs.
 */
extern SegRows seg_query(const char *sql, List *relids, List *texts, bool active_snapshot);
extern List *seg_query_oids(const char *sql, List *relids, List *texts, bool active_snapshot);
/* A setting of the user switched to, until that is undone. */
extern void seg_user_set(const char *name, const char *value);

#endif							/* SEG_REGISTRY_H */
