/*
 * trigger.c
 *		Our statement triggers on the tables that populations are made of.
 *
 * A statement fires the statement triggers of the one table that it names: not those of
 * its partitions, and not those of a parent.  So a registered table has them, and so have all
 * that are below it, partitions as well as tables that inherit from it.  A trigger with transition
 * tables is for one event, so there are four.
 *
 * Whether a table needs them is looked up each time: it does if it, or one above it, belongs to a
 * population that is not maintained by schedule alone.  Several populations share them.
 *
 * What is above a registered table has none of our triggers, so a table that is a part of another one
 * cannot be maintained by them.
 *
 * Triggers are put there with the extension's rights, after a look at those of the population's
 * owner.  They are ordinary triggers, so pg_dump takes them along.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "trigger.h"

typedef struct Kind
{
	const char *name;
	int16		event;
	bool		has_old;
	bool		has_new;
} Kind;

static const Kind kinds[] = {
	{"segments_insert", TRIGGER_TYPE_INSERT, false, true},
	{"segments_update", TRIGGER_TYPE_UPDATE, true, true},
	{"segments_delete", TRIGGER_TYPE_DELETE, true, false},
	{"segments_truncate", TRIGGER_TYPE_TRUNCATE, false, false}
};

/* A bit for each kind. */
#define ALL_KINDS	((1 << lengthof(kinds)) - 1)

static Oid
track_function(void)
{
	return LookupFuncName(list_make2(makeString("segments"), makeString("track")), 0, NULL, false);
}

/*
 * The relation and all below it, by OID, locked against being dropped.  None if it is gone.  Another
 * session's temporary table may inherit from it, but nobody else sees its rows.
 */
static List *
tree_of(Oid relid)
{
	List	   *tree = NIL;
	ListCell   *lc;

	LockRelationOid(relid, AccessShareLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return NIL;
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		if (get_rel_persistence(lfirst_oid(lc)) != RELPERSISTENCE_TEMP)
			tree = lappend_oid(tree, lfirst_oid(lc));
	}
	list_sort(tree, list_oid_cmp);
	return tree;
}

/* The registered relations of a population. */
static List *
relations_of(const SegPopulation *population)
{
	List	   *relids = list_make1_oid(population->relid);

	for (int i = 0; i < population->nsources; i++)
		relids = list_append_unique_oid(relids, population->sources[i].relid);
	for (int i = 0; i < population->nlookups; i++)
		relids = list_append_unique_oid(relids, population->lookups[i].relid);
	return relids;
}

static List *
trees_of(const SegPopulation *population)
{
	List	   *all = NIL;
	ListCell   *lc;

	foreach(lc, relations_of(population))
		all = list_concat_unique_oid(all, tree_of(lfirst_oid(lc)));
	list_sort(all, list_oid_cmp);
	return all;
}

/* Each relation with itself and all that are above it. */
#define ABOVE \
	"WITH RECURSIVE up(relid, above) AS (" \
	"SELECT r, r FROM pg_catalog.unnest($1) r" \
	" UNION SELECT up.relid, i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.above) "

#define IS_TRACKED \
	" FROM up JOIN segments.registered r ON r.relation = up.above WHERE r.maintenance <> 'scheduled' ORDER BY 1"

static List *
needing(List *relids)
{
	if (relids == NIL)
		return NIL;
	return seg_query_oids(ABOVE "SELECT DISTINCT up.relid" IS_TRACKED, relids, NIL, false);
}

List *
seg_triggers_roots(List *relids)
{
	return seg_query_oids(ABOVE "SELECT DISTINCT r.relation::pg_catalog.oid" IS_TRACKED, relids, NIL, false);
}

/* Why a relation cannot have our triggers; NULL if it can. */
static const char *
obstacle(Oid relid)
{
	switch (get_rel_relkind(relid))
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			return IsCatalogRelationOid(relid) ? "Triggers cannot be put on system catalogs." : NULL;
		case RELKIND_FOREIGN_TABLE:
			return "What happens to the rows of a foreign table is not noticed here.";
		default:
			return "What happens to the rows behind a view is not noticed.";
	}
}

/* The same of a registered one. */
static const char *
obstacle_of_root(Oid relid)
{
	if (has_superclass(relid))
		return "It is a part of another table, whose statements do not fire its triggers.";
	return obstacle(relid);
}

bool
seg_triggers_possible(Oid relid)
{
	ListCell   *lc;

	foreach(lc, tree_of(relid))
	{
		if (obstacle(lfirst_oid(lc)) != NULL)
			return false;
	}
	return obstacle_of_root(relid) == NULL;
}

static void
check_obstacle(Oid relid, const char *obstacle)
{
	if (obstacle != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("segments cannot be kept current with \"%s\"", get_rel_name(relid)),
				 errdetail("%s", obstacle),
				 errhint("Give the population maintenance => 'scheduled' and call segments.refresh().")));
}

static void
check_possible(List *tree)
{
	ListCell   *lc;

	foreach(lc, tree)
		check_obstacle(lfirst_oid(lc), obstacle(lfirst_oid(lc)));
}

void
seg_triggers_check_root(Oid relid)
{
	check_obstacle(relid, obstacle_of_root(relid));
}

/* Which of our triggers a relation has, as bits; *disabled are those among them that do not fire. */
static int
triggers_of(Oid relid, int *disabled)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			function = track_function();
	int			present = 0;

	*disabled = 0;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		for (Size kind = 0; kind < lengthof(kinds); kind++)
		{
			if (trigger->tgfoid != function || strcmp(trigger->tgname, kinds[kind].name) != 0)
				continue;
			present |= 1 << kind;
			if (trigger->tgenabled != TRIGGER_FIRES_ON_ORIGIN && trigger->tgenabled != TRIGGER_FIRES_ALWAYS)
				*disabled |= 1 << kind;
		}
	}
	table_close(rel, AccessShareLock);
	return present;
}

static void
check_privilege(Oid relid, const SegPopulation *population)
{
	if (pg_class_aclcheck(relid, population->owner, ACL_TRIGGER) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to put triggers on \"%s\"", get_rel_name(relid)),
				 errdetail("Role \"%s\" owns population \"%s\", and needs the privilege TRIGGER.",
						   GetUserNameFromId(population->owner, false), population->name),
				 errhint("Grant it, or give the population maintenance => 'scheduled' and call segments.refresh().")));
}

void
seg_triggers_check(const SegPopulation *population, Oid relid)
{
	List	   *relids = OidIsValid(relid) ? list_make1_oid(relid) : relations_of(population);
	ListCell   *lc;

	if (population->maintenance == SEG_SCHEDULED)
		return;
	foreach(lc, relids)
	{
		check_possible(tree_of(lfirst_oid(lc)));
		seg_triggers_check_root(lfirst_oid(lc));
		check_privilege(lfirst_oid(lc), population);
	}
}

static List *
transition(const char *name, bool is_new)
{
	TriggerTransition *table = makeNode(TriggerTransition);

	table->name = pstrdup(name);
	table->isNew = is_new;
	table->isTable = true;
	return list_make1(table);
}

static void
put_on(Oid relid)
{
	int			disabled;
	int			missing = ALL_KINDS & ~triggers_of(relid, &disabled);
	SegUser		user;

	if (missing == 0)
		return;
	seg_user_become_extension(&user);
	for (Size kind = 0; kind < lengthof(kinds); kind++)
	{
		CreateTrigStmt *stmt;

		if ((missing & (1 << kind)) == 0)
			continue;
		stmt = makeNode(CreateTrigStmt);
		stmt->trigname = pstrdup(kinds[kind].name);
		stmt->timing = TRIGGER_TYPE_AFTER;
		stmt->events = kinds[kind].event;
		if (kinds[kind].has_old)
			stmt->transitionRels = transition(SEG_TRANSITION_OLD, false);
		if (kinds[kind].has_new)
			stmt->transitionRels = list_concat(stmt->transitionRels, transition(SEG_TRANSITION_NEW, true));
		(void) CreateTrigger(stmt, NULL, relid, InvalidOid, InvalidOid, InvalidOid, track_function(),
							 InvalidOid, NULL, false, false);
		CommandCounterIncrement();
	}
	seg_user_restore(&user);
}

static void
take_off(Oid relid)
{
	int			disabled;

	if (triggers_of(relid, &disabled) == 0)
		return;
	for (Size kind = 0; kind < lengthof(kinds); kind++)
	{
		ObjectAddress address;

		if ((triggers_of(relid, &disabled) & (1 << kind)) == 0)
			continue;
		ObjectAddressSet(address, TriggerRelationId, get_trigger_oid(relid, kinds[kind].name, false));
		performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
		CommandCounterIncrement();
	}
}

/*
 * Who takes triggers off waits for whoever is about to rely on them, and the other way round; writers
 * go on meanwhile.  In the order of their OIDs, so that two who do this do not wait for each other.
 */
static void
adjust(List *relids)
{
	List	   *needed;
	ListCell   *lc;

	foreach(lc, relids)
		LockRelationOid(lfirst_oid(lc), ShareUpdateExclusiveLock);
	needed = needing(relids);
	foreach(lc, relids)
	{
		Oid			relid = lfirst_oid(lc);

		if (obstacle(relid) != NULL)
			continue;
		if (list_member_oid(needed, relid))
			put_on(relid);
		else
			take_off(relid);
	}
}

void
seg_triggers_sync(const SegPopulation *population)
{
	adjust(trees_of(population));
}

void
seg_triggers_sync_tree(Oid relid)
{
	List	   *tree = tree_of(relid);

	if (needing(list_make1_oid(relid)) != NIL)
		check_possible(tree);
	adjust(tree);
}

List *
seg_triggers_problems(const SegPopulation *population)
{
	List	   *problems = NIL;
	ListCell   *lc;

	if (population->maintenance == SEG_SCHEDULED)
		return NIL;
	foreach(lc, relations_of(population))
	{
		if (has_superclass(lfirst_oid(lc)))
			problems = lappend(problems, psprintf("\"%s\" is a part of another table, whose statements do not fire its triggers",
												  get_rel_name(lfirst_oid(lc))));
	}
	foreach(lc, trees_of(population))
	{
		Oid			relid = lfirst_oid(lc);
		int			disabled;
		int			present;

		if (obstacle(relid) != NULL)
		{
			problems = lappend(problems, psprintf("\"%s\" cannot have triggers", get_rel_name(relid)));
			continue;
		}
		present = triggers_of(relid, &disabled);
		for (Size kind = 0; kind < lengthof(kinds); kind++)
		{
			if ((present & (1 << kind)) == 0)
				problems = lappend(problems, psprintf("trigger \"%s\" of \"%s\" is missing", kinds[kind].name,
													  get_rel_name(relid)));
			else if ((disabled & (1 << kind)) != 0)
				problems = lappend(problems, psprintf("trigger \"%s\" of \"%s\" is disabled", kinds[kind].name,
													  get_rel_name(relid)));
		}
	}
	return problems;
}
