/*
 * registry_user.c
 *		Switching users for a while, and who may do what.
 *
 * Functions run with the rights of whoever calls them.  For as long as they need others
 * they switch, which PostgreSQL undoes by itself when the transaction aborts.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/attnum.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "registry.h"

/* pg_temp last: what somebody creates there hides nothing. */
#define SAFE_PATH	"pg_catalog, pg_temp"

void
seg_user_set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
become(SegUser *user, Oid role, int sec_context)
{
	GetUserIdAndSecContext(&user->save_user, &user->save_sec_context);
	SetUserIdAndSecContext(role, user->save_sec_context | sec_context);
	user->guc_level = NewGUCNestLevel();
	seg_user_set("search_path", SAFE_PATH);
}

/* Whoever owns the tables. */
static Oid
extension_owner(void)
{
	Oid			relid = seg_catalog_relation(SEG_REL_POPULATION);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
seg_user_become_extension(SegUser *user)
{
	become(user, extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
}

/*
 * The session's time zone is set aside, too: what a view shows must not depend on who asked
 * for the evaluation.  Nor must it depend on him how expressions and constants are read, and whether row security
 * filters or fails.
 */
void
seg_user_become_owner(SegUser *user, const SegPopulation *population)
{
	become(user, population->owner, SECURITY_RESTRICTED_OPERATION);
	seg_user_set("timezone", population->time_zone);
	if (!row_security)
		seg_user_set("row_security", "on");
	if (!standard_conforming_strings)
		seg_user_set("standard_conforming_strings", "on");
	if (!Array_nulls)
		seg_user_set("array_nulls", "on");
}

void
seg_user_restore(const SegUser *user)
{
	if (user->guc_level == 0)
		return;
	AtEOXact_GUC(false, user->guc_level);
	SetUserIdAndSecContext(user->save_user, user->save_sec_context);
}

bool
seg_may_manage(const SegPopulation *population)
{
	return has_privs_of_role(GetUserId(), population->owner);
}

/* Does the role see other rows than others do?  Of a view with the reader's rights, who knows. */
static bool
sees_its_own(Oid relid, Oid role)
{
	if (get_rel_relkind(relid) == RELKIND_VIEW)
	{
		Relation	rel = relation_open(relid, AccessShareLock);
		bool		is_invoker = RelationHasSecurityInvoker(rel);

		relation_close(rel, NoLock);
		return is_invoker;
	}
	return check_enable_rls(relid, role, true) == RLS_ENABLED;
}

/*
 * A segment tells all its members.  So those who see only some rows of the table, because of
 * its row security, may not read it, unless it was evaluated with their own eyes.
 */
bool
seg_may_read(const SegPopulation *population)
{
	Oid			role = GetUserId();
	AttrNumber	attnum;
	bool		missing = false;

	if (pg_class_aclcheck_ext(population->relid, role, ACL_SELECT, &missing) != ACLCHECK_OK)
	{
		if (missing)
			return false;
		attnum = get_attnum(population->relid, population->key);
		if (attnum == InvalidAttrNumber ||
			pg_attribute_aclcheck_ext(population->relid, attnum, role, ACL_SELECT, &missing) != ACLCHECK_OK)
			return false;
	}
	return seg_may_manage(population) || !sees_its_own(population->relid, role);
}

void
seg_check_manage(const SegPopulation *population)
{
	if (!seg_may_manage(population))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for population \"%s\"", population->name),
				 errdetail("It takes the privileges of its owner, role \"%s\".",
						   GetUserNameFromId(population->owner, true) ?
						   GetUserNameFromId(population->owner, true) : "?")));
}

void
seg_check_read(const SegPopulation *population)
{
	char	   *relname = get_rel_name(population->relid);

	if (relname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the relation of population \"%s\" does not exist any more", population->name),
				 errhint("Drop the population with segments.drop_population(), cascade => true.")));
	if (!seg_may_read(population))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for population \"%s\"", population->name),
				 errdetail("Its segments can be read by roles that may select column \"%s\" of all rows of \"%s\".",
						   population->key, relname)));
}
