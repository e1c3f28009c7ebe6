/*
 * track.c
 *		The trigger: brings the segments of whom a statement touched up to date.
 *
 * After a statement its transition tables tell which rows came, went and changed.  A row that
 * changed in no column that a rule reads is nobody's concern.  The others lead to members, whose
 * buckets are tried for (lock.h): who is got is evaluated here and now, on the basis of
 * all that is committed, whatever the transaction's own snapshot; who is not, because
 * somebody else is at it, is in doubt, and so is everybody where statements are to be queued.
 * Nobody waits, not for a table either, and where the rules cannot even be bound, every row that is another one
 * concerns all of them.  A reader evaluates the doubted himself, so that it makes no difference to him.
 *
 * A serializable transaction only notes whom it touched.  Its reads would be taken for the user's,
 * and two transactions that have nothing to do with each other could fail.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "attempt.h"
#include "current.h"
#include "lock.h"
#include "now.h"
#include "recheck.h"
#include "repair.h"
#include "track.h"
#include "track_use.h"

PG_FUNCTION_INFO_V1(track);

/* What is known of a statement, for one use of its table. */
typedef struct Touched
{
	SegUse	   *use;
	const SegReads *reads;		/* NULL: which rules read what is not known (seg_use_prepare) */
	SegTouch   *touch;			/* what rows themselves tell; or NULL */
	TupleDesc	tupdesc;
	Bitmapset  *rules;			/* that may have another answer now */
	Datum	   *keys;			/* of the rows concerned */
	Size		nkeys;
	Size		room;
	bool		way;			/* rows came, went, or lead elsewhere now */
	bool		missed;			/* somebody does not find them from the other end (seg_use_members), or does not
								 * know yet that they are all gone */
	int16		len;			/* of the key's type */
	bool		byval;
} Touched;

static void
add_key(Touched *t, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		key = slot_getattr(slot, t->use->key, &isnull);

	if (isnull)
		return;
	if (t->nkeys == t->room)
	{
		t->room = Max(t->room * 2, 8);
		t->keys = t->keys == NULL ? palloc(sizeof(Datum) * t->room) :
			repalloc_huge(t->keys, sizeof(Datum) * t->room);
	}
	t->keys[t->nkeys++] = datumCopy(key, t->byval, t->len);
}

/* Rows that came or went. */
static void
add_row(Touched *t, TupleTableSlot *slot)
{
	if (t->touch == NULL || t->use->object == 0)
	{
		if (t->reads != NULL)
			t->rules = bms_add_members(t->rules, t->reads->rules);
		t->way = true;
		add_key(t, slot);
		return;
	}
	if (seg_touch_one_of_rows(t->touch, t->use->columns, slot, &t->rules))
		add_key(t, slot);
}

static bool
differs(TupleDesc tupdesc, AttrNumber attnum, TupleTableSlot *a, TupleTableSlot *b)
{
	Form_pg_attribute attribute = TupleDescAttr(tupdesc, attnum - 1);
	bool		a_null;
	bool		b_null;
	Datum		x = slot_getattr(a, attnum, &a_null);
	Datum		y = slot_getattr(b, attnum, &b_null);

	if (a_null || b_null)
		return a_null != b_null;
	return !datum_image_eq(x, y, attribute->attbyval, attribute->attlen);
}

static bool
differs_at_all(TupleDesc tupdesc, TupleTableSlot *a, TupleTableSlot *b)
{
	for (int i = 0; i < tupdesc->natts; i++)
		if (!TupleDescAttr(tupdesc, i)->attisdropped && differs(tupdesc, i + 1, a, b))
			return true;
	return false;
}

/* The rules that read a column which changed, and those columns. */
static Bitmapset *
readers(const Touched *t, TupleTableSlot *old_row, TupleTableSlot *new_row, Bitmapset **changed)
{
	Bitmapset  *rules = NULL;

	*changed = NULL;
	for (int i = 0; i < t->use->ncolumns; i++)
	{
		const SegUseColumn *column = &t->use->columns[i];

		if (column->is_virtual ? !differs_at_all(t->tupdesc, old_row, new_row) :
			!differs(t->tupdesc, column->attnum, old_row, new_row))
			continue;
		rules = bms_add_members(rules, column->rules);
		*changed = bms_add_member(*changed, SEG_TOUCHED_COLUMN(i));
	}
	if (t->reads->whole != NULL && (rules != NULL || differs_at_all(t->tupdesc, old_row, new_row)))
		rules = bms_add_members(rules, t->reads->whole);
	if (rules != NULL)
		*changed = bms_add_member(*changed, SEG_ANY_COLUMN);
	return rules;
}

/* Of rules that read it, those that the row can have turned. */
static Bitmapset *
turned(const Touched *t, TupleTableSlot *old_row, TupleTableSlot *new_row, const Bitmapset *changed, Bitmapset *rules)
{
	Bitmapset  *counting;

	if (t->touch == NULL)
		return rules;
	if (t->use->object == 0)
		return seg_touch_member(t->touch, t->use->columns, old_row, new_row, changed, rules);
	counting = seg_touch_row(t->touch, t->use->columns, old_row, NULL);
	counting = seg_touch_row(t->touch, t->use->columns, new_row, counting);
	rules = bms_int_members(rules, counting);
	bms_free(counting);
	return rules;
}

static void
add_changed(Touched *t, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	t->way |= t->use->referred != InvalidAttrNumber && differs(t->tupdesc, t->use->referred, old_row, new_row);
	add_key(t, new_row);
}

/* A row that was updated. */
static void
add_update(Touched *t, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	Bitmapset  *changed;
	Bitmapset  *rules;

	if (differs(t->tupdesc, t->use->key, old_row, new_row))
	{
		add_row(t, old_row);
		add_row(t, new_row);
		return;
	}
	if (t->reads == NULL)
	{
		if (differs_at_all(t->tupdesc, old_row, new_row))
			add_changed(t, old_row, new_row);
		return;
	}
	rules = readers(t, old_row, new_row, &changed);
	if (rules != NULL)
		rules = turned(t, old_row, new_row, changed, rules);
	if (!bms_is_empty(rules))
	{
		t->rules = bms_add_members(t->rules, rules);
		add_changed(t, old_row, new_row);
	}
	bms_free(rules);
	bms_free(changed);
}

/* Transition tables. */

typedef struct Rows
{
	Tuplestorestate *store;
	int			pointer;
	TupleTableSlot *slot;
} Rows;

static void
rows_begin(Rows *rows, Tuplestorestate *store, TupleDesc tupdesc)
{
	rows->store = store;
	rows->pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, rows->pointer);
	tuplestore_rescan(store);
	rows->slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsMinimalTuple);
}

static bool
rows_next(Rows *rows)
{
	CHECK_FOR_INTERRUPTS();
	tuplestore_select_read_pointer(rows->store, rows->pointer);
	return tuplestore_gettupleslot(rows->store, true, false, rows->slot);
}

static void
rows_end(Rows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
}

static void
require(const Tuplestorestate *store, const char *which)
{
	if (store == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger function \"%s\" needs the %s transition table", "segments.track", which)));
}

static void
read_rows(Touched *t, Tuplestorestate *store, const char *which)
{
	Rows		rows;

	require(store, which);
	rows_begin(&rows, store, t->tupdesc);
	while (rows_next(&rows))
		add_row(t, rows.slot);
	rows_end(&rows);
}

/* Both tables have the rows in the same order. */
static void
read_updates(Touched *t, TriggerData *trigger)
{
	Rows		old_rows;
	Rows		new_rows;

	require(trigger->tg_oldtable, "OLD");
	require(trigger->tg_newtable, "NEW");
	if (tuplestore_tuple_count(trigger->tg_oldtable) != tuplestore_tuple_count(trigger->tg_newtable))
	{
		read_rows(t, trigger->tg_oldtable, "OLD");
		read_rows(t, trigger->tg_newtable, "NEW");
		return;
	}
	rows_begin(&old_rows, trigger->tg_oldtable, t->tupdesc);
	rows_begin(&new_rows, trigger->tg_newtable, t->tupdesc);
	while (rows_next(&old_rows) && rows_next(&new_rows))
		add_update(t, old_rows.slot, new_rows.slot);
	rows_end(&old_rows);
	rows_end(&new_rows);
}

/* Members. */

/* Are members evaluated now? */
static bool
is_immediate(const SegRuleset *ruleset)
{
	return ruleset->population->maintenance != SEG_QUEUED && !ruleset->building && !IsolationIsSerializable();
}

static void
settle(int32 population, SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules, bool may_read)
{
	SegMemberSet *got;
	SegMemberSet *others;

	if (seg_set_cardinality(members) == 0)
		return;
	if (!may_read || !is_immediate(ruleset))
	{
		seg_settle_doubt(population, members);
		return;
	}
	got = seg_settle_lock(population, members, &others);
	if (others != NULL)
		seg_settle_doubt(population, others);
	if (seg_set_cardinality(got) == 0)
		return;
	(void) seg_settle_safely(ruleset, got, rules, SEG_BY_DATA, seg_now_latest(), false);
}

static bool
is_lookup(const SegUse *use)
{
	return use->leads && !AttributeNumberIsValid(use->referred);
}

/*
 * Rows that are not committed yet may be led by these to members whom nobody could find: rows
 * of a lookup to those who refer to it, rows of a source to the members of the rows below.  A foreign
 * key keeps rows from referring to what comes or goes meanwhile.
 */
static void
note_recheck(const Touched *t, TriggerEvent event)
{
	if (t->missed)
	{
		seg_recheck_note(t->use, t->keys, t->nkeys);
		return;
	}
	if (!t->use->leads || (!is_lookup(t->use) && !t->way))
		return;
	if (TRIGGER_FIRED_BY_TRUNCATE(event))
		seg_recheck_note(t->use, NULL, 0);
	else if (TRIGGER_FIRED_BY_UPDATE(event) || !t->use->guarded)
		seg_recheck_note(t->use, t->keys, t->nkeys);
}

/*
 * Members whom this could not find without reading the user's tables, which somebody has locked, or where it would count
 * as reading by a serializable transaction.  What a foreign key guards leads to nobody when it comes or goes.
 */
static void
note_unread(const Touched *t, TriggerEvent event)
{
	if (!is_lookup(t->use) || TRIGGER_FIRED_BY_UPDATE(event) || !t->use->guarded)
		seg_recheck_note(t->use, t->keys, t->nkeys);
}

/* What leads from keys to members. */
typedef struct Way
{
	SegUse	   *use;
	Touched    *touched;
	SegMemberSet *members;
} Way;

static void
follow_way(void *arg)
{
	Way		   *way = arg;

	way->members = seg_use_members(way->use, way->touched->keys, way->touched->nkeys, &way->touched->missed);
}

/*
 * The members behind the keys.  Where a query leads to them, it can fail, and with it all rules that read these rows by
 * way of it.  Those segments are deactivated, and nobody is touched: NULL.
 */
static SegMemberSet *
touched_members(SegRuleset *ruleset, Touched *touched)
{
	Way			way = {.use = touched->use,.touched = touched};
	char	   *message = NULL;

	PushActiveSnapshot(GetLatestSnapshot());
	if (touched->use->members_query == NULL)
		follow_way(&way);
	else
		message = seg_attempt(follow_way, &way);
	PopActiveSnapshot();
	if (message == NULL)
		return way.members;
	if (!seg_repair_rules(ruleset, touched->rules, message))
		seg_recheck_note(touched->use, touched->keys, touched->nkeys);
	return NULL;
}

static SegMemberSet *
everybody(SegRuleset *ruleset)
{
	SegMemberSet *members;

	PushActiveSnapshot(GetLatestSnapshot());
	members = seg_current_everybody(ruleset);
	PopActiveSnapshot();
	return members;
}

/* The members, and what is noted of those who cannot be found. */
static void
track_members(SegUse *use, SegRuleset *ruleset, Touched *touched, TriggerEvent event)
{
	bool		truncated = TRIGGER_FIRED_BY_TRUNCATE(event);
	bool		asks = use->members_query != NULL && !truncated;
	bool		may_read = ruleset != NULL && !IsolationIsSerializable();
	List	   *locked = NIL;
	SegMemberSet *members;

	CommandCounterIncrement();
	if (may_read && (asks || is_immediate(ruleset)))
		may_read = seg_ruleset_lock(ruleset, &locked);
	if (asks && !may_read)
	{
		note_unread(touched, event);
		return;
	}
	if (truncated && ruleset == NULL)
	{
		seg_recheck_note(use, NULL, 0);
		return;
	}
	if (truncated)
		touched->missed = !use->leads && !seg_lock_buckets(use->population);
	members = truncated ? everybody(ruleset) : touched_members(ruleset, touched);
	if (members != NULL)
	{
		settle(use->population, ruleset, members, touched->rules, may_read);
		note_recheck(touched, event);
	}
	if (may_read)
		seg_ruleset_unlock(locked);
}

static void
track_use(SegUse *use, TriggerData *trigger)
{
	Relation	rel = trigger->tg_relation;
	SegRuleset *ruleset = seg_use_prepare(use, rel);
	Touched		touched = {.use = use,.tupdesc = RelationGetDescr(rel)};

	if (ruleset != NULL)
		touched.reads = &ruleset->reads[use->object];
	get_typlenbyval(TupleDescAttr(touched.tupdesc, use->key - 1)->atttypid, &touched.len, &touched.byval);
	/*
	 * What leads to others can turn their rules, too.  Where there are rules in groups, it is sooner told
	 * by the group.  A rule that is coming has a program of its own.  Virtual columns stand in no row.
	 */
	if (ruleset != NULL && !use->leads && ruleset->anchors == NULL && ruleset->coming == NULL && !use->any_virtual)
		touched.touch = seg_touch_begin(ruleset, use->object, seg_now_latest());
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		read_rows(&touched, trigger->tg_newtable, "NEW");
	else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		read_rows(&touched, trigger->tg_oldtable, "OLD");
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		read_updates(&touched, trigger);
	else
	{
		touched.rules = ruleset != NULL ? touched.reads->rules : NULL;
		touched.way = true;
	}
	if (touched.rules != NULL ||
		(ruleset == NULL && (touched.nkeys > 0 || TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))))
		track_members(use, ruleset, &touched, trigger->tg_event);
}

/* Tables as a whole. */

/* The keys, in a column of that name, in all rows of a table and its own parts, as they are now. */
static void
add_all_rows(Touched *t, Oid relid, const char *key)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation	rel = table_open(lfirst_oid(lc), NoLock);
		TableScanDesc scan;
		TupleTableSlot *slot;

		if (RELKIND_HAS_STORAGE(rel->rd_rel->relkind))
		{
			t->use->key = get_attnum(RelationGetRelid(rel), key);
			slot = table_slot_create(rel, NULL);
			scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
			while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
			{
				CHECK_FOR_INTERRUPTS();
				add_key(t, slot);
			}
			table_endscan(scan);
			ExecDropSingleTupleTableSlot(slot);
		}
		table_close(rel, NoLock);
	}
}

static void
doubt_rows(SegUse *use, SegRuleset *ruleset, Relation root, Oid partition)
{
	Touched		touched = {.use = use,.reads = &ruleset->reads[use->object],.tupdesc = RelationGetDescr(root)};
	Way			way = {.use = use,.touched = &touched};
	SegMemberSet *members;

	get_typlenbyval(TupleDescAttr(touched.tupdesc, use->key - 1)->atttypid, &touched.len, &touched.byval);
	CommandCounterIncrement();
	if (!OidIsValid(partition))
		touched.missed = !seg_lock_buckets(use->population);
	PushActiveSnapshot(GetLatestSnapshot());
	if (OidIsValid(partition))
		add_all_rows(&touched, partition, get_attname(RelationGetRelid(root), use->key, false));
	/* whoever cannot be found is one of all */
	if (OidIsValid(partition) && seg_attempt(follow_way, &way) == NULL)
		members = way.members;
	else
		members = seg_current_everybody(ruleset);
	PopActiveSnapshot();
	seg_settle_doubt(ruleset->population->id, members);
	if (touched.missed || use->leads)
		seg_recheck_note(use, touched.keys, touched.nkeys);
}

/* Where tables cannot be read, everybody is. */
static void
doubt_whole(SegUse *use, Oid root, Oid partition)
{
	SegRuleset *ruleset = IsolationIsSerializable() ? NULL : seg_ruleset_latest(use->population);
	Relation	rel;
	List	   *locked;

	if (ruleset == NULL || !seg_ruleset_lock(ruleset, &locked))
	{
		seg_use_define(use);
		seg_recheck_note(use, NULL, 0);
		return;
	}
	if (ruleset->reads[use->object].rules != NULL)
	{
		rel = table_open(root, AccessShareLock);
		seg_use_prepare_for(use, rel, ruleset);
		doubt_rows(use, ruleset, rel, partition);
		table_close(rel, AccessShareLock);
	}
	seg_ruleset_unlock(locked);
}

void
seg_track_whole(Oid root, Oid partition)
{
	int			n;
	SegUse	   *shared = seg_uses_of(root, &n);
	SegUse	   *uses = palloc(sizeof(SegUse) * Max(n, 1));

	/* what is prepared for the partition is not for those who come later */
	memcpy(uses, shared, sizeof(SegUse) * n);
	for (int i = 0; i < n; i++)
		doubt_whole(&uses[i], root, partition);
}

/* No other table is looked at, since somebody may have it locked and want the one that the caller has. */
void
seg_track_population(const SegPopulation *population, bool rows)
{
	SegUse		use = {.population = population->id,.definition = population,.key_type = population->key_type};
	Touched		touched = {.use = &use};

	seg_recheck_note(&use, NULL, 0);
	if (!rows)
		return;
	get_typlenbyval(use.key_type, &touched.len, &touched.byval);
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	add_all_rows(&touched, population->relid, population->key);
	seg_settle_doubt(population->id, seg_use_members(&use, touched.keys, touched.nkeys, &touched.missed));
	PopActiveSnapshot();
	if (touched.missed)
		seg_recheck_note(&use, touched.keys, touched.nkeys);
}

/*
 * track() -> trigger
 */
Datum
track(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	MemoryContext context;
	MemoryContext caller;
	SegUse	   *uses;
	int			n;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired AFTER a STATEMENT", "segments.track")));
	uses = seg_uses_of(RelationGetRelid(trigger->tg_relation), &n);
	if (n == 0)
		PG_RETURN_POINTER(NULL);
	context = AllocSetContextCreate(CurrentMemoryContext, "segments track", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	for (int i = 0; i < n; i++)
		track_use(&uses[i], trigger);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	PG_RETURN_POINTER(NULL);
}
