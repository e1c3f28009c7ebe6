/*
 * repair.c
 *		Going on when rules fail.
 *
 * What the data cannot answer is a missing value.  But an attribute's expression can divide by zero,
 * a view can refuse, a privilege can be taken away.  No statement of a user fails for that: the
 * segments that are to blame are found one by one and deactivated, and their members stay as
 * they are.
 *
 * Nobody waits here either.  A segment whose row is being changed by somebody else is left out this
 * time, and those who were to be evaluated are in doubt.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "attempt.h"
#include "current.h"
#include "repair.h"

/* How often rules may fail in one go, each time others. */
#define MOST_ROUNDS		10

static void
write_problem(void *arg)
{
	const SegBroken *broken = arg;
	Oid			argtypes[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(broken->segment->id), CStringGetTextDatum(broken->message)};
	SegUser		user;

	seg_user_become_extension(&user);
	SPI_connect();
	if (SPI_execute_with_args("UPDATE segments.segment SET active = false, problem = $2 WHERE id ="
							  " (SELECT id FROM segments.segment WHERE id = $1 FOR UPDATE SKIP LOCKED)",
							  lengthof(argtypes), argtypes, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write segments.segment");
	SPI_finish();
	seg_user_restore(&user);
	CacheInvalidateRelcacheByRelid(seg_catalog_relation(SEG_REL_SEGMENT));
}

/* Is there nobody any more as whom rules could be evaluated? */
static bool
owner_is_gone(const SegRuleset *ruleset)
{
	return !SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(ruleset->population->owner));
}

/* Whoever may not read segments must not hear of them, nor of data that make them fail: then the log alone does. */
static void
deactivate(const SegRuleset *ruleset, SegBroken *broken)
{
	const SegPopulation *population = ruleset->population;
	bool		gone = owner_is_gone(ruleset);

	if (gone)
		broken->message = psprintf("the owner of population \"%s\" does not exist any more", population->name);
	ereport(seg_may_manage(population) || seg_may_read(population) ? WARNING : LOG_SERVER_ONLY,
			(errmsg("segment \"%s\" of population \"%s\" is deactivated", broken->segment->name,
					population->name),
			 errdetail("Its rule cannot be evaluated: %s.", broken->message),
			 gone ? errhint("Its members stay as they are until segments.alter_population() gives the population another owner.") :
			 broken->segment->everyone ? errhint("Its members stay as they are until segments.refresh() can read them.") :
			 errhint("Its members stay as they are until segments.alter_segment() gives it another rule, or active => true.")));
	/* where even that fails, somebody else will find out */
	(void) seg_attempt(write_problem, broken);
}

static void
deactivate_all(const SegRuleset *ruleset, List *broken)
{
	ListCell   *lc;

	foreach(lc, broken)
		deactivate(ruleset, lfirst(lc));
}

/* One rule, asked about members, by itself. */
typedef struct Alone
{
	SegRuleset *ruleset;
	int			rule;
	const SegMemberSet *members;
	TimestampTz now;
} Alone;

static void
evaluate_alone(void *arg)
{
	Alone	   *alone = arg;
	Bitmapset  *rules = bms_make_singleton(alone->rule);

	(void) seg_current_evaluate_alone(alone->ruleset, alone->members, rules, alone->now);
}

/* Those of the rules that fail. */
static List *
find_broken(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, TimestampTz now)
{
	List	   *broken = NIL;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	for (int i = -1; (i = bms_next_member(rules, i)) >= 0;)
	{
		Alone		alone = {.ruleset = ruleset,.rule = i,.members = members,.now = now};
		char	   *message = seg_attempt(evaluate_alone, &alone);

		if (message != NULL)
		{
			SegBroken  *b = palloc(sizeof(SegBroken));

			*b = (SegBroken) {.segment = ruleset->segments[i],.message = message};
			broken = lappend(broken, b);
		}
	}
	PopActiveSnapshot();
	return broken;
}

/* The same rules in another ruleset, as far as it has them. */
static Bitmapset *
rules_in(const SegRuleset *from, const Bitmapset *rules, const SegRuleset *to)
{
	Bitmapset  *result = NULL;

	for (int i = -1; (i = bms_next_member(rules, i)) >= 0;)
	{
		int			rule = seg_ruleset_find(to, from->segments[i]->id);

		if (rule >= 0)
			result = bms_add_member(result, rule);
	}
	return result;
}

/* Is one of them still there, since somebody else has its row? */
static bool
has_any(const SegRuleset *ruleset, const List *broken)
{
	ListCell   *lc;

	foreach(lc, broken)
		if (seg_ruleset_find(ruleset, ((const SegBroken *) lfirst(lc))->segment->id) >= 0)
			return true;
	return false;
}

bool
seg_repair_rules(SegRuleset *ruleset, const Bitmapset *rules, char *message)
{
	List	   *broken = NIL;

	for (int i = -1; (i = bms_next_member(rules, i)) >= 0;)
	{
		SegBroken  *b = palloc(sizeof(SegBroken));

		*b = (SegBroken) {.segment = ruleset->segments[i],.message = message};
		broken = lappend(broken, b);
	}
	deactivate_all(ruleset, broken);
	CommandCounterIncrement();
	return !has_any(seg_ruleset_latest(ruleset->population->id), broken);
}

/* On the basis of all that is committed now, and of what this transaction has done. */
static int64
settle_again(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, SegReason reason,
			 TimestampTz now, bool exclusive)
{
	int64		changes;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	changes = seg_settle(ruleset, members, rules, reason, now, exclusive);
	PopActiveSnapshot();
	return changes;
}

bool
seg_settle_safely(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, SegReason reason,
				  TimestampTz now, bool exclusive)
{
	int32		population = ruleset->population->id;

	deactivate_all(ruleset, ruleset->broken);
	for (int round = 0; round < MOST_ROUNDS; round++)
	{
		SegRuleset *next;
		List	   *broken;

		if (settle_again(ruleset, members, rules ? rules : ruleset->all, reason, now, exclusive) >= 0)
			return true;
		broken = find_broken(ruleset, members, ruleset->all, now);
		if (broken == NIL)
			break;
		deactivate_all(ruleset, broken);
		CommandCounterIncrement();
		next = seg_ruleset_latest(population);
		if (has_any(next, broken))
			break;
		rules = rules_in(ruleset, rules ? rules : ruleset->all, next);
		ruleset = next;
		if (rules == NULL)
			return true;
	}
	/* whoever keeps the population up found them in segments.due, and leaves them there */
	if (!exclusive)
		seg_settle_doubt(population, members);
	return false;
}
