/*
 * guard.c
 *		Changes of the tables that populations are made of: refused, or followed.
 *
 * The functions of two event triggers.  What something needs (segments.dependency) must be
 * there after a command as it was before it: a column of that name and type.  Only the relations
 * that the command changed are looked at, so that whatever is amiss elsewhere is in nobody's
 * way.  A table or its schema may have another name: that is kept by OID.
 *
 * Partitions that come and go, and tables that begin or cease to inherit, bring and take
 * rows without a trigger being fired: our triggers are put on them or taken off, and the members
 * that have rows there are in doubt.  The same goes for columns that are rewritten with their type
 * unchanged, and for everybody where row security shows a population's owner other rows than before.
 * A restore loads our tables after it has made all tables as they are to be, so nothing is followed there.
 *
 * Populations of roles that may only read a table are not guarded: they would be in its owner's way.
 *
 * What a dropped partition belonged to is seen with the snapshot that the command began with.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "nearest.h"
#include "registry.h"
#include "track.h"
#include "trigger.h"

PG_FUNCTION_INFO_V1(watch_ddl);
PG_FUNCTION_INFO_V1(watch_drop);

/* Most databases that have the extension have populations, but while they are restored they do not. */
static bool
nothing_is_registered(void)
{
	SegScan		scan;
	bool		none;

	seg_scan_begin(&scan, SEG_REL_POPULATION, SEG_REL_POPULATION_PKEY, 0, NULL);
	none = !seg_scan_next(&scan);
	seg_scan_end(&scan);
	return none;
}

/* Of rows (..., kind, name, population) from first on: what needs something, for a detail. */
static char *
describe_users(const SegRows *rows, uint64 first, uint64 end, int kind, bool *segments)
{
	StringInfoData out;
	StringInfoData others;
	List	   *names = NIL;
	int			nothers = 0;

	initStringInfo(&out);
	initStringInfo(&others);
	for (uint64 i = first; i < end; i++)
	{
		char	  **row = rows->values[i];

		if (row[kind + 1] == NULL)
			continue;
		if (strcmp(row[kind], "segment") == 0)
			names = lappend(names, row[kind + 1]);
		else if (strcmp(row[kind], "population") == 0)
			appendStringInfo(&others, "%spopulation \"%s\"", nothers++ > 0 ? ", " : "", row[kind + 1]);
		else
			appendStringInfo(&others, "%s%s \"%s\" of population \"%s\"", nothers++ > 0 ? ", " : "", row[kind],
							 row[kind + 1], row[kind + 2]);
	}
	*segments = names != NIL;
	if (names != NIL)
		appendStringInfo(&out, "Segments: %s.", seg_list_names(names));
	if (nothers > 0)
		appendStringInfo(&out, "%sDefinitions: %s.", names != NIL ? " " : "", others.data);
	return out.data;
}

#define OF_DEPENDENCY \
	" LEFT JOIN segments.population p ON p.id = d.population" \
	" LEFT JOIN segments.segment g ON g.id = d.segment" \
	" LEFT JOIN segments.source s ON s.id = d.source" \
	" LEFT JOIN segments.lookup l ON l.id = d.lookup" \
	" LEFT JOIN segments.attribute t ON t.id = d.attribute"

#define KIND_AND_NAME \
	" CASE WHEN d.segment IS NOT NULL THEN 'segment' WHEN d.source IS NOT NULL THEN 'source'" \
	" WHEN d.lookup IS NOT NULL THEN 'lookup' WHEN d.attribute IS NOT NULL THEN 'attribute'" \
	" ELSE 'population' END," \
	" CASE WHEN d.segment IS NOT NULL THEN g.name WHEN d.source IS NOT NULL THEN s.name" \
	" WHEN d.lookup IS NOT NULL THEN l.name WHEN d.attribute IS NOT NULL THEN t.name ELSE p.name END, p.name"

/*
 * Of population p and relation c (as in pg_class): could its owner put triggers there?  Who may only
 * read a table must not keep its owner from changing it.
 */
#define IS_ENTITLED \
	" (pg_catalog.pg_has_role(p.owner, c.relowner, 'USAGE') OR EXISTS (" \
	"SELECT FROM pg_catalog.aclexplode(c.relacl) a WHERE a.privilege_type = 'TRIGGER'" \
	" AND (a.grantee = 0 OR pg_catalog.pg_has_role(p.owner, a.grantee, 'USAGE'))))"

#define COLUMN_IS_GONE		" a.attname IS NULL"
#define COLUMN_HAS_CHANGED	" (a.attname IS NULL OR a.atttypid <> d.type)"

/* An error if a column of these relations is not any more what something needs. */
static void
check_columns(List *relids, bool dropped)
{
	SegRows		rows = seg_query(psprintf("SELECT DISTINCT d.relation::pg_catalog.oid, d.\"column\", a.attname IS NULL,"
							 " c.relname," KIND_AND_NAME
							 " FROM segments.dependency d"
							 " JOIN pg_catalog.pg_class c ON c.oid = d.relation"
							 " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.relation"
							 " AND a.attname = d.\"column\" AND a.attnum > 0 AND NOT a.attisdropped"
							 OF_DEPENDENCY
							 " WHERE d.relation = ANY ($1) AND" IS_ENTITLED " AND%s"
							 " ORDER BY 1, 2, 3, 4, 5, 6", dropped ? COLUMN_IS_GONE : COLUMN_HAS_CHANGED),
							relids, NIL, false);
	uint64		end = 0;
	char	   *users;
	bool		segments;

	if (rows.n == 0)
		return;
	while (end < rows.n && strcmp(rows.values[end][0], rows.values[0][0]) == 0 &&
		   strcmp(rows.values[end][1], rows.values[0][1]) == 0)
		end++;
	users = describe_users(&rows, 0, end, 4, &segments);
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot %s column \"%s\" of \"%s\" because %s it",
					dropped ? "drop" : rows.values[0][2][0] == 't' ? "rename" : "change the type of",
					rows.values[0][1], rows.values[0][3], segments ? "segments use" : "a population needs"),
			 errdetail("%s", users),
			 errhint("Alter or drop them first. segments.drop_source(), drop_lookup() and drop_attribute() with cascade => true"
					 " also drop the segments that stand on a definition.")));
}

/* An error if a registered relation is gone: what it was is seen with the snapshot from before. */
static void
check_relations(void)
{
	SegRows		rows = seg_query("SELECT r.relation::pg_catalog.oid, o.object_type, o.object_identity, r.kind, r.name,"
							 " r.population_name"
							 " FROM pg_catalog.pg_event_trigger_dropped_objects() o"
							 " JOIN segments.registered r ON r.relation = o.objid"
							 " JOIN segments.population p ON p.id = r.population"
							 " JOIN pg_catalog.pg_class c ON c.oid = o.objid"
							 " WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objsubid = 0 AND"
							 IS_ENTITLED " ORDER BY r.kind = 'population' DESC, 3, 4, 5", NIL, NIL, true);
	SegRows		users;
	char	  **row;
	bool		segments;
	char	   *described;

	if (rows.n == 0)
		return;
	row = rows.values[0];
	users = seg_query("SELECT DISTINCT" KIND_AND_NAME " FROM segments.dependency d" OF_DEPENDENCY
				  " WHERE d.relation = ANY ($1) ORDER BY 1, 2, 3",
				  list_make1_oid(DatumGetObjectId(DirectFunctionCall1(oidin, CStringGetDatum(row[0])))), NIL, false);
	described = describe_users(&users, 0, users.n, 0, &segments);
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot drop %s %s because %s it", row[1], row[2],
					segments ? "segments use" : "a population needs"),
			 errdetail("%s", described),
			 strcmp(row[3], "population") == 0 ?
			 errhint("Drop the population first, with segments.drop_population(%s, cascade => true).",
					 quote_literal_cstr(row[4])) :
			 errhint("Drop the %s first, with segments.drop_%s(%s, %s, cascade => true).", row[3], row[3],
					 quote_literal_cstr(row[5]), quote_literal_cstr(row[4]))));
}

static void
doubt(List *roots, Oid partition)
{
	ListCell   *lc;

	foreach(lc, roots)
		seg_track_whole(lfirst_oid(lc), partition);
}

/* A partition, or a table that inherits, came or went: parent is what it came to or went from. */
static void
follow(Oid parent, Oid child)
{
	List	   *roots = seg_triggers_roots(list_make1_oid(parent));

	if (roots == NIL)
		return;
	seg_triggers_sync_tree(child);
	/* for those who keep in memory what a table is a part of: track_use.c */
	CacheInvalidateRelcacheByRelid(seg_catalog_relation(SEG_REL_SEGMENT));
	doubt(roots, child);
}

/*
 * Which rows the owner of a population sees of one of its tables may have changed: rules of row security
 * came, or went (loosened).  Nobody can tell who is behind those that were seen before; members who were not
 * are found in their table itself.
 */
static void
follow_security(Oid relid, bool loosened)
{
	SegRows		rows = seg_query(psprintf("SELECT p.id, pg_catalog.bool_or(r.kind = 'population') FROM segments.registered r"
									  " JOIN segments.population p ON p.id = r.population"
									  " JOIN pg_catalog.pg_roles o ON o.oid = p.owner"
									  " JOIN pg_catalog.pg_class c ON c.oid = r.relation"
									  " WHERE r.relation = ANY ($1) AND r.maintenance <> 'scheduled'"
									  " AND NOT o.rolsuper AND NOT o.rolbypassrls AND (%s OR (c.relrowsecurity AND"
									  " (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(p.owner, c.relowner, 'USAGE'))))"
									  " GROUP BY p.id ORDER BY p.id", loosened ? "true" : "false"),
							 list_make1_oid(relid), NIL, false);

	for (uint64 i = 0; i < rows.n; i++)
		seg_track_population(seg_population_by_id(pg_strtoint32(rows.values[i][0])), rows.values[i][1][0] == 't');
}

static void
follow_policy(const RangeVar *table)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);

	if (OidIsValid(relid))
		follow_security(relid, false);
}

static void
follow_named(const RangeVar *parent, const RangeVar *child)
{
	Oid			parent_relid = RangeVarGetRelid(parent, NoLock, true);
	Oid			child_relid = RangeVarGetRelid(child, NoLock, true);

	if (!OidIsValid(parent_relid) || !OidIsValid(child_relid))
		return;
	/* registered by itself, and still a part of another one? */
	if (has_superclass(child_relid) && list_member_oid(seg_triggers_roots(list_make1_oid(child_relid)), child_relid))
		seg_triggers_check_root(child_relid);
	follow(parent_relid, child_relid);
}

static void
follow_command(const AlterTableStmt *stmt, List *changed)
{
	List	   *rewritten = NIL;
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (seg_rewrites_column(cmd->subtype))
			rewritten = lappend(rewritten, cmd->name);
		switch (cmd->subtype)
		{
			case AT_AttachPartition:
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
				/* indexes have partitions, too */
				if (stmt->objtype == OBJECT_TABLE)
					follow_named(stmt->relation, castNode(PartitionCmd, cmd->def)->name);
				break;
			case AT_AddInherit:
			case AT_DropInherit:
				follow_named(castNode(RangeVar, cmd->def), stmt->relation);
				break;
			case AT_EnableRowSecurity:
			case AT_ForceRowSecurity:
				follow_policy(stmt->relation);
				break;
			case AT_DisableRowSecurity:
			case AT_NoForceRowSecurity:
				follow_security(RangeVarGetRelid(stmt->relation, NoLock, false), true);
				break;
			default:
				break;
		}
	}

	/* the type is the same, but perhaps not its length, the collation or the values */
	if (rewritten != NIL && changed != NIL)
	{
		foreach(lc, seg_query_oids("SELECT DISTINCT d.relation::pg_catalog.oid FROM segments.dependency d"
							   " JOIN segments.registered r USING (relation)"
							   " WHERE d.relation = ANY ($1) AND d.\"column\" = ANY ($2::pg_catalog.name[])"
							   " AND r.maintenance <> 'scheduled'", changed, rewritten, false))
			seg_track_whole(lfirst_oid(lc), lfirst_oid(lc));
	}
}

static EventTriggerData *
event_of(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("segments.%s() is the function of an event trigger", function)));
	return (EventTriggerData *) fcinfo->context;
}

/* A table that is made by itself, perhaps a temporary one, concerns nobody. */
static bool
is_harmless(const Node *parsetree)
{
	if (IsA(parsetree, CreateStmt))
		return ((const CreateStmt *) parsetree)->inhRelations == NIL;
	if (IsA(parsetree, CreateForeignTableStmt))
		return ((const CreateForeignTableStmt *) parsetree)->base.inhRelations == NIL;
	return false;
}

/* The relations that a command changed or made. */
#define COMMANDS \
	" FROM pg_catalog.pg_event_trigger_ddl_commands() c" \
	" WHERE c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"

/*
 * watch_ddl()
 */
Datum
watch_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *event = event_of(fcinfo, "watch_ddl");
	List	   *changed;
	ListCell   *lc;

	if (is_harmless(event->parsetree))
		return (Datum) 0;

	/* DETACH PARTITION CONCURRENTLY leaves none */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (nothing_is_registered())
	{
		PopActiveSnapshot();
		return (Datum) 0;
	}

	/* registered relations, where they, one above them or the type that they are of was changed */
	changed = seg_query_oids("WITH RECURSIVE changed AS (SELECT c.objid" COMMANDS "),"
						 " up(relation, above) AS ("
						 "SELECT r.relation::pg_catalog.oid, r.relation::pg_catalog.oid FROM segments.registered r"
						 " UNION SELECT up.relation, i.inhparent FROM up"
						 " JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.above)"
						 " SELECT DISTINCT up.relation FROM up"
						 " LEFT JOIN pg_catalog.pg_class c ON c.oid = up.above AND c.reloftype <> 0"
						 " LEFT JOIN pg_catalog.pg_type t ON t.oid = c.reloftype"
						 " WHERE up.above IN (TABLE changed) OR t.typrelid IN (TABLE changed)", NIL, NIL, false);
	if (changed != NIL)
		check_columns(changed, false);
	if (IsA(event->parsetree, AlterTableStmt))
		follow_command(castNode(AlterTableStmt, event->parsetree), changed);
	else if (IsA(event->parsetree, CreatePolicyStmt))
		follow_policy(castNode(CreatePolicyStmt, event->parsetree)->table);
	else if (IsA(event->parsetree, AlterPolicyStmt))
		follow_policy(castNode(AlterPolicyStmt, event->parsetree)->table);

	/* a new partition has no rows yet */
	foreach(lc, seg_query_oids("SELECT DISTINCT c.objid" COMMANDS
						   " AND c.command_tag IN ('CREATE TABLE', 'CREATE FOREIGN TABLE')"
						   " AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.objid)",
						   NIL, NIL, false))
	{
		if (seg_triggers_roots(list_make1_oid(lfirst_oid(lc))) != NIL)
			seg_triggers_sync_tree(lfirst_oid(lc));
	}
	PopActiveSnapshot();
	return (Datum) 0;
}

/* Policies that were dropped by themselves. */
static void
follow_dropped_policies(void)
{
	ListCell   *lc;

	foreach(lc, seg_query_oids("SELECT DISTINCT r.relation::pg_catalog.oid"
							   " FROM pg_catalog.pg_event_trigger_dropped_objects() o"
							   " JOIN pg_catalog.pg_policy y ON y.oid = o.objid"
							   " JOIN segments.registered r ON r.relation = y.polrelid"
							   " WHERE o.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND o.original",
							   NIL, NIL, true))
		follow_security(lfirst_oid(lc), false);
}

/* Was a registered relation or a column of one dropped, a table that had a parent, or a policy? */
static bool
drop_concerns_us(void)
{
	return seg_query("SELECT FROM pg_catalog.pg_event_trigger_dropped_objects() o"
					 " WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
					 " AND (EXISTS (SELECT FROM segments.registered r WHERE r.relation = o.objid)"
					 " OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = o.objid))"
					 " OR o.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass LIMIT 1",
					 NIL, NIL, true).n > 0;
}

/*
 * watch_drop()
 */
Datum
watch_drop(PG_FUNCTION_ARGS)
{
	List	   *changed;

	(void) event_of(fcinfo, "watch_drop");
	if (!ActiveSnapshotSet() || nothing_is_registered() || !drop_concerns_us())
		return (Datum) 0;
	follow_dropped_policies();
	check_relations();
	changed = seg_query_oids("SELECT DISTINCT r.relation::pg_catalog.oid"
						 " FROM pg_catalog.pg_event_trigger_dropped_objects() o"
						 " JOIN segments.registered r ON r.relation = o.objid"
						 " WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objsubid > 0",
						 NIL, NIL, false);
	if (changed != NIL)
		check_columns(changed, true);

	/* nobody can tell any more whose rows a partition held */
	doubt(seg_query_oids("WITH RECURSIVE up(relid) AS (SELECT o.objid"
					 " FROM pg_catalog.pg_event_trigger_dropped_objects() o"
					 " WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objsubid = 0"
					 " AND o.object_type IN ('table', 'foreign table')"
					 " UNION SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.relid)"
					 " SELECT DISTINCT r.relation::pg_catalog.oid FROM up"
					 " JOIN segments.registered r ON r.relation = up.relid WHERE r.maintenance <> 'scheduled'",
					 NIL, NIL, true), InvalidOid);
	return (Datum) 0;
}
