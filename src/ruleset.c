/*
 * ruleset.c
 *		The segments of a population that are kept current, bound and ready.
 *
 * Definitions that change send a relcache message for segments.segment (define.c), and tables that
 * change send their own.  The callback only marks what is stale; it is taken away when the
 * transaction is over, since somebody may be in the middle of using it.
 *
 * Triggers want the latest definitions, even where the transaction's snapshot is older: what
 * they write is for those who read later.  Readers want those of their snapshot.
 *
 * To bind rules their tables have to be locked for a moment.  Readers wait for that, as any SELECT would; a
 * trigger does without a ruleset, and leaves to others what it would have needed one for.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "attempt.h"
#include "borrow.h"
#include "catalog.h"
#include "ruleset.h"

static List *rulesets = NIL;	/* one for each population, at most; in CacheMemoryContext */
static List *retired = NIL;		/* to be freed when the transaction is over */
static uint64 generation = 1;
static uint64 messages = 0;		/* of any kind */
static Oid	watched = InvalidOid;	/* segments.segment */

static void
relation_changed(Datum arg, Oid relid)
{
	ListCell   *lc;

	messages++;
	if (relid == InvalidOid || relid == watched)
		generation++;
	foreach(lc, rulesets)
	{
		SegRuleset *ruleset = lfirst(lc);

		for (int i = 0; i < seg_object_count(ruleset->population); i++)
			if (ruleset->reads[i].relid == relid)
				ruleset->stale = true;
	}
}

static void
free_retired(XactEvent event, void *arg)
{
	if (retired == NIL || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	while (retired != NIL)
	{
		SegRuleset *ruleset = llast(retired);

		retired = list_delete_last(retired);
		seg_live_free(ruleset->live);
		MemoryContextDelete(ruleset->context);
	}
}

static void
watch(void)
{
	if (!OidIsValid(watched))
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		RegisterXactCallback(free_retired, NULL);
	}
	/* the extension may have been dropped and created again */
	watched = seg_catalog_relation(SEG_REL_SEGMENT);
}

uint64
seg_definitions_generation(void)
{
	watch();
	return generation;
}

static int
compare_ids(const ListCell *a, const ListCell *b)
{
	return ((const SegSegment *) lfirst(a))->id - ((const SegSegment *) lfirst(b))->id;
}

/* Those that are kept current, everyone among them. */
static void
collect_segments(SegRuleset *r)
{
	List	   *segments = seg_segments_of_population(r->population->id);
	ListCell   *lc;

	list_sort(segments, compare_ids);
	r->segments = palloc(sizeof(SegSegment *) * list_length(segments));
	r->rules = palloc(sizeof(SegRule *) * list_length(segments));
	foreach(lc, segments)
	{
		SegSegment *segment = lfirst(lc);

		if (segment->active && segment->built)
			r->segments[r->nsegments++] = segment;
	}
}

/* Locks that are not waited for. */

static bool
lock_table(Oid relid, List **locked)
{
	if (list_member_oid(*locked, relid))
		return true;
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	*locked = lappend_oid(*locked, relid);
	return true;
}

/* A table to be read: who plans a query locks its indexes, too, and REINDEX may have locked one. */
static bool
lock_to_read(Oid relid, List **locked)
{
	Relation	rel;
	bool		got = true;
	ListCell   *lc;

	if (list_member_oid(*locked, relid))
		return true;
	if (!lock_table(relid, locked))
		return false;
	rel = RelationIdGetRelation(relid);
	if (!RelationIsValid(rel))
		return true;
	foreach(lc, RelationGetIndexList(rel))
		got = got && lock_table(lfirst_oid(lc), locked);
	RelationClose(rel);
	return got;
}

static bool
lock_parts(Oid relid, List **locked)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		if (!lock_to_read(lfirst_oid(lc), locked))
			return false;
	}
	return true;
}

/* Whatever rules of the population may read. */
static bool
lock_registered(const SegPopulation *p)
{
	List	   *locked = NIL;
	bool		got = lock_table(p->relid, &locked);

	for (int i = 0; i < p->nsources; i++)
		got = got && lock_table(p->sources[i].relid, &locked);
	for (int i = 0; i < p->nlookups; i++)
		got = got && lock_table(p->lookups[i].relid, &locked);
	return got;
}

SegProgram *
seg_ruleset_bind(const SegPopulation *population, int n, const SegRule **rules, const int32 *ids)
{
	SegProgram *program;
	SegBorrow	borrow;
	SegUser		user;

	seg_borrow_begin(&borrow);
	seg_user_become_owner(&user, population);
	program = seg_bind_population(population, n, rules, ids);
	seg_user_restore(&user);
	seg_borrow_end(&borrow);
	return program;
}

/* Rules bound together, in the current context. */
typedef struct Binding
{
	const SegPopulation *population;
	int			n;
	const SegRule **rules;
	const int32 *ids;
	const SegProgram *program;
} Binding;

static void
bind(void *arg)
{
	Binding    *b = arg;

	b->program = seg_ruleset_bind(b->population, b->n, b->rules, b->ids);
}

/* Leaves out segments whose rules cannot be bound alone. */
static void
remove_broken(SegRuleset *r, int32 *ids)
{
	int			n = 0;

	for (int i = 0; i < r->nsegments; i++)
	{
		const SegSegment *segment = r->segments[i];
		Binding		binding = {.population = r->population,.n = 1,.rules = &r->rules[i],.ids = &ids[i]};
		char	   *message = seg_attempt(bind, &binding);

		if (message == NULL)
		{
			r->segments[n] = segment;
			r->rules[n] = r->rules[i];
			ids[n++] = ids[i];
		}
		else
		{
			SegBroken  *broken = palloc(sizeof(SegBroken));

			*broken = (SegBroken) {.segment = segment,.message = message};
			r->broken = lappend(r->broken, broken);
		}
	}
	r->nsegments = n;
}

static void
bind_all(SegRuleset *r)
{
	int32	   *ids = palloc0(sizeof(int32) * r->nsegments);
	Binding		binding = {.population = r->population,.n = r->nsegments,.rules = r->rules,.ids = ids};

	for (int i = 0; i < r->nsegments; i++)
	{
		ids[i] = r->segments[i]->id;
		r->rules[i] = r->segments[i]->rule;
	}
	if (seg_attempt(bind, &binding) != NULL)
	{
		remove_broken(r, ids);
		binding.n = r->nsegments;
		bind(&binding);
	}
	r->program = binding.program;
	for (int i = 0; i < r->nsegments; i++)
		r->all = bms_add_member(r->all, i);
}

/* Apart from the others, so that nothing else fails where it does.  If it cannot be bound, neither can its builder. */
static void
bind_coming(SegRuleset *r)
{
	const SegRule *rule = seg_building_rule(r->population->id);
	int32		id = 0;
	Binding		binding = {.population = r->population,.n = 1,.rules = &rule,.ids = &id};

	r->building = rule != NULL;
	if (r->building && seg_attempt(bind, &binding) == NULL)
		r->coming = binding.program;
}

/* From the definitions that the active snapshot shows; the tables are locked, or may be waited for. */
static void
bind_ruleset(SegRuleset *r)
{
	collect_segments(r);
	bind_all(r);
	bind_coming(r);
	seg_ruleset_find_reads(r);
	seg_ruleset_plan_candidates(r);
	r->live = seg_live_begin(r->program);
}

/* In the current context; NULL: somebody has locked a table, and is not to be waited for. */
static SegRuleset *
build(int32 population, bool wait)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments ruleset", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SegRuleset *r = palloc0(sizeof(SegRuleset));
	static uint64 last_serial = 0;
	uint64		before;
	SegBorrow	borrow;
	bool		bound;

	r->serial = ++last_serial;
	r->context = context;
	r->generation = seg_definitions_generation();
	before = messages;
	r->population = seg_population_by_id(population);
	seg_borrow_begin(&borrow);
	bound = wait || lock_registered(r->population);
	if (bound)
		bind_ruleset(r);
	seg_borrow_end(&borrow);
	/* what changed meanwhile may have been read before */
	r->stale = messages != before;
	MemoryContextSwitchTo(caller);
	if (bound)
		return r;
	MemoryContextDelete(context);
	return NULL;
}

static SegRuleset *
latest(int32 population, bool wait)
{
	ListCell   *lc;
	SegRuleset *r;
	MemoryContext caller;

	foreach(lc, rulesets)
	{
		r = lfirst(lc);
		if (r->population->id != population)
			continue;
		if (!r->stale && r->generation == seg_definitions_generation())
			return r;
		caller = MemoryContextSwitchTo(CacheMemoryContext);
		retired = lappend(retired, r);
		rulesets = foreach_delete_current(rulesets, lc);
		MemoryContextSwitchTo(caller);
		break;
	}
	PushActiveSnapshot(GetLatestSnapshot());
	r = build(population, wait);
	PopActiveSnapshot();
	if (r == NULL)
		return NULL;
	caller = MemoryContextSwitchTo(CacheMemoryContext);
	rulesets = lappend(rulesets, r);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(r->context, CacheMemoryContext);
	return r;
}

SegRuleset *
seg_ruleset_latest(int32 population)
{
	return latest(population, false);
}

/* Definitions are compared, since a commit is seen before it has told everybody. */

SegRuleset *
seg_ruleset_locked(int32 population, bool wait)
{
	SegRuleset *r = latest(population, wait);

	if (r == NULL)
		return NULL;
	PushActiveSnapshot(GetLatestSnapshot());
	r->stale |= r->population->definition != seg_population_bare_by_id(population)->definition;
	PopActiveSnapshot();
	return latest(population, wait);
}

/*
 * A transaction that keeps its snapshot keeps the ruleset, too; so does one that has met a newer
 * or an older definition than its snapshot shows, and a parallel query.
 */
SegRuleset *
seg_ruleset_of_snapshot(const SegPopulation *population)
{
	SegRuleset *r;
	MemoryContext caller;
	ListCell   *lc;

	if (!IsolationUsesXactSnapshot() && !IsInParallelMode())
	{
		r = latest(population->id, true);
		if (r->population->definition == population->definition)
			return r;
	}
	foreach(lc, retired)
	{
		r = lfirst(lc);
		if (r->of_snapshot && r->population->id == population->id && r->generation == generation &&
			r->population->definition == population->definition)
			return r;
	}
	caller = MemoryContextSwitchTo(TopTransactionContext);
	r = build(population->id, true);
	r->of_snapshot = true;
	MemoryContextSwitchTo(CacheMemoryContext);
	retired = lappend(retired, r);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(r->context, CacheMemoryContext);
	return r;
}

int
seg_ruleset_find(const SegRuleset *ruleset, int32 segment)
{
	int			low = 0;
	int			high = ruleset->nsegments;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (ruleset->segments[middle]->id < segment)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ruleset->nsegments && ruleset->segments[low]->id == segment ? low : -1;
}

bool
seg_ruleset_lock(const SegRuleset *ruleset, List **locked)
{
	*locked = NIL;
	for (int i = 0; i < seg_object_count(ruleset->population); i++)
	{
		const SegReads *reads = &ruleset->reads[i];

		if (reads->rules == NULL)
			continue;
		if (!lock_to_read(reads->relid, locked) ||
			(get_rel_relkind(reads->relid) != '\0' && has_subclass(reads->relid) && !lock_parts(reads->relid, locked)))
		{
			seg_ruleset_unlock(*locked);
			return false;
		}
	}
	return true;
}

void
seg_ruleset_unlock(const List *locked)
{
	ListCell   *lc;

	foreach(lc, locked)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
}

void
seg_ruleset_load(const SegRuleset *ruleset, SegUser *user, int n, const int64 *members)
{
	seg_live_load(ruleset->live, n, members);
	user->guc_level = 0;
	if (seg_live_runs_foreign(ruleset->live))
		seg_user_become_owner(user, ruleset->population);
}

Bitmapset *
seg_ruleset_add_needy(const SegRuleset *ruleset, const Bitmapset *rules, Bitmapset *needy)
{
	for (int i = -1; (i = bms_next_member(rules, i)) >= 0;)
		if (!bms_is_member(i, needy) && seg_live_needs_rows(ruleset->live, i))
			needy = bms_add_member(needy, i);
	return needy;
}

void
seg_ruleset_load_rows(const SegRuleset *ruleset, int n, const int64 *members, TimestampTz now,
					  const Bitmapset *rules)
{
	Bitmapset  *relations = NULL;
	Bitmapset  *items = NULL;
	ListCell   *lc;

	if (bms_is_empty(rules))
		return;
	for (int i = 1; i < list_length(ruleset->program->relations); i++)
		if (bms_overlap(ruleset->readers[i], rules))
			relations = bms_add_member(relations, i);
	for (int i = -1; (i = bms_next_member(rules, i)) >= 0;)
		foreach(lc, ruleset->items[i])
			items = bms_add_member(items, lfirst_int(lc));
	seg_live_load_rows(ruleset->live, n, members, now, relations, items);
	bms_free(relations);
	bms_free(items);
}
