/*
 * track_use.c
 *		What a table is to the populations that are kept current, and whose its rows are.
 *
 * A row of the population has its member's key, a row of a source refers to a member or to a row
 * of its parent, and the row of a lookup is referred to.  From there a query leads to
 * the members, the way that rows are read by (sqlgen_read.c), backwards.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "borrow.h"
#include "catalog.h"
#include "compat.h"
#include "dictionary.h"
#include "lock.h"
#include "program.h"
#include "track_use.h"

/* Keys are looked up so many at once. */
#define KEYS_AT_ONCE	10000

typedef struct Table
{
	Oid			relid;			/* the hash key */
	uint64		generation;		/* of the definitions */
	MemoryContext context;
	int			nuses;
	SegUse	   *uses;
} Table;

static HTAB *tables = NULL;

/* Which uses there are. */

static void
add_use(Table *table, int32 population, int object)
{
	table->uses = table->uses == NULL ? palloc0(sizeof(SegUse)) :
		repalloc(table->uses, sizeof(SegUse) * (table->nuses + 1));
	memset(&table->uses[table->nuses], 0, sizeof(SegUse));
	table->uses[table->nuses].population = population;
	table->uses[table->nuses++].object = object;
}

static bool
is_part_of(Oid relid, Oid of)
{
	return relid == of || (get_rel_relkind(of) != '\0' && has_superclass(relid) &&
						   list_member_oid(find_all_inheritors(of, NoLock, NULL), relid));
}

static void
add_uses_by(Table *table, const SegPopulation *p)
{
	if (is_part_of(table->relid, p->relid))
		add_use(table, p->id, 0);
	for (int i = 0; i < p->nsources; i++)
		if (is_part_of(table->relid, p->sources[i].relid))
			add_use(table, p->id, seg_object_of_source(i));
	for (int i = 0; i < p->nlookups; i++)
		if (is_part_of(table->relid, p->lookups[i].relid))
			add_use(table, p->id, seg_object_of_lookup(p, i));
}

static void
find_uses(Table *table)
{
	List	   *ids = NIL;
	ListCell   *lc;
	SegScan		scan;

	PushActiveSnapshot(GetLatestSnapshot());
	seg_scan_begin(&scan, SEG_REL_POPULATION, SEG_REL_POPULATION_PKEY, 0, NULL);
	while (seg_scan_next(&scan))
		ids = lappend_int(ids, seg_scan_int4(&scan, SEG_COL_POPULATION_ID));
	seg_scan_end(&scan);
	foreach(lc, ids)
	{
		const SegPopulation *population = seg_population_by_id(lfirst_int(lc));

		if (population->maintenance != SEG_SCHEDULED)
			add_uses_by(table, population);
	}
	PopActiveSnapshot();
}

SegUse *
seg_uses_of(Oid relid, int *n)
{
	uint64		generation = seg_definitions_generation();
	MemoryContext caller;
	Table		made = {.relid = relid,.generation = generation};
	Table	   *table;
	bool		found;

	if (tables == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid),.entrysize = sizeof(Table),.hcxt = CacheMemoryContext};

		tables = hash_create("segments tables", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	table = hash_search(tables, &relid, HASH_FIND, NULL);
	if (table == NULL || table->generation != generation)
	{
		made.context = AllocSetContextCreate(CurrentMemoryContext, "segments table", ALLOCSET_SMALL_SIZES);
		caller = MemoryContextSwitchTo(made.context);
		find_uses(&made);
		MemoryContextSwitchTo(caller);
		table = hash_search(tables, &relid, HASH_ENTER, &found);
		if (found)
			MemoryContextDelete(table->context);
		*table = made;
		MemoryContextSetParent(table->context, CacheMemoryContext);
	}
	*n = table->nuses;
	return table->uses;
}

/* From keys to members. */

/* JOIN the rows that a source's rows belong to, up to those that refer to the member; s is its alias. */
static char *
join_parents(const SegPopulation *p, int source, StringInfo from)
{
	char	   *alias = "s";

	for (; p->sources[source].parent >= 0; source = p->sources[source].parent)
	{
		int			parent = p->sources[source].parent;
		char	   *next = psprintf("p%d", parent);

		appendStringInfo(from, " JOIN %s AS %s ON %s.%s = %s.%s", seg_sql_relation(p->sources[parent].relid), next,
						 next, quote_identifier(p->sources[source].parent_key),
						 alias, quote_identifier(p->sources[source].key));
		alias = next;
	}
	return psprintf("%s.%s", alias, quote_identifier(p->sources[source].key));
}

static char *
query_of_parent(const SegPopulation *p, int source)
{
	StringInfoData from;
	int			parent = p->sources[source].parent;
	char	   *key;

	initStringInfo(&from);
	appendStringInfo(&from, " FROM %s AS s", seg_sql_relation(p->sources[parent].relid));
	key = join_parents(p, parent, &from);
	return psprintf("SELECT DISTINCT %s%s WHERE s.%s = ANY ($1)", key, from.data,
					quote_identifier(p->sources[source].parent_key));
}

/* The lookups from a row outwards that end in this one; the row's alias is of. */
static char *
join_lookups(const SegPopulation *p, const SegLookup *lookup, const char *of, StringInfo joins)
{
	const SegLookup *before;
	char	   *alias;
	char	   *key;

	check_stack_depth();
	if (lookup->of != SEG_LOOKUP_OF_LOOKUP)
		return psprintf("%s.%s", of, quote_identifier(lookup->key));
	before = &p->lookups[lookup->of_index];
	key = join_lookups(p, before, of, joins);
	alias = psprintf("l%d", lookup->of_index);
	appendStringInfo(joins, " JOIN %s AS %s ON %s.%s = %s", seg_sql_relation(before->relid), alias, alias,
					 quote_identifier(before->references), key);
	return psprintf("%s.%s", alias, quote_identifier(lookup->key));
}

static char *
query_of_lookup(const SegPopulation *p, const SegLookup *lookup)
{
	const SegLookup *first = lookup;
	StringInfoData from;
	char	   *key;
	char	   *reference;

	while (first->of == SEG_LOOKUP_OF_LOOKUP)
		first = &p->lookups[first->of_index];
	initStringInfo(&from);
	if (first->of == SEG_LOOKUP_OF_SOURCE)
	{
		appendStringInfo(&from, " FROM %s AS s", seg_sql_relation(p->sources[first->of_index].relid));
		key = join_parents(p, first->of_index, &from);
	}
	else
	{
		appendStringInfo(&from, " FROM %s AS s", seg_sql_relation(p->relid));
		key = psprintf("s.%s", quote_identifier(p->key));
	}
	reference = join_lookups(p, lookup, "s", &from);
	return psprintf("SELECT DISTINCT %s%s WHERE %s = ANY ($1)", key, from.data, reference);
}

/* The column that leads to the member, and the query from there on. */
static const char *
way_to_members(const SegUse *use, const SegPopulation *p, char **query)
{
	const SegLookup *lookup;

	*query = NULL;
	if (use->object == 0)
		return p->key;
	if (use->object < seg_object_of_lookup(p, 0))
	{
		int			source = use->object - 1;

		if (p->sources[source].parent >= 0)
			*query = query_of_parent(p, source);
		return p->sources[source].key;
	}
	lookup = &p->lookups[use->object - seg_object_of_lookup(p, 0)];
	*query = query_of_lookup(p, lookup);
	return lookup->references;
}

/* Does a foreign key, checked at once, see to it that a column refers only to rows that are there? */
static bool
has_foreign_key(Oid relid, const char *column, Oid to, const char *to_column)
{
	/* not locked: who has done that is not waited for, and what he changes is told by a message */
	Relation	rel = RelationIdGetRelation(relid);
	AttrNumber	from = get_attnum(relid, column);
	AttrNumber	referred = get_attnum(to, to_column);
	bool		found = false;
	ListCell   *lc;

	if (!RelationIsValid(rel))
		return false;
	foreach(lc, RelationGetFKeyList(rel))
	{
		const ForeignKeyCacheInfo *key = lfirst(lc);
		HeapTuple	tuple;

		if (key->confrelid != to || key->nkeys != 1 || key->conkey[0] != from || key->confkey[0] != referred)
			continue;
		tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key->conoid));
		if (!HeapTupleIsValid(tuple))
			continue;
		found |= !((Form_pg_constraint) GETSTRUCT(tuple))->condeferrable;
		ReleaseSysCache(tuple);
	}
	RelationClose(rel);
	return found;
}

static void
find_led(SegUse *use, const SegPopulation *p, Oid relid)
{
	int			source = use->object - 1;

	use->leads = false;
	use->guarded = true;
	use->referred = InvalidAttrNumber;
	if (use->object >= seg_object_of_lookup(p, 0))
	{
		const SegLookup *lookup = &p->lookups[use->object - seg_object_of_lookup(p, 0)];
		Oid			of = lookup->of == SEG_LOOKUP_OF_POPULATION ? p->relid :
			lookup->of == SEG_LOOKUP_OF_SOURCE ? p->sources[lookup->of_index].relid : p->lookups[lookup->of_index].relid;

		use->leads = true;
		use->guarded = has_foreign_key(of, lookup->key, lookup->relid, lookup->references);
		return;
	}
	for (int i = 0; i < p->nsources && source >= 0; i++)
	{
		const SegSource *child = &p->sources[i];

		if (child->parent != source)
			continue;
		use->leads = true;
		use->guarded &= has_foreign_key(child->relid, child->key, p->sources[source].relid, child->parent_key);
		use->referred = get_attnum(relid, child->parent_key);
	}
}

/* The way to the members, in the current context. */
static void
prepare_way(SegUse *use, Relation rel, const SegPopulation *definition)
{
	use->definition = definition;
	use->serial = 0;
	use->key = get_attnum(RelationGetRelid(rel), way_to_members(use, definition, &use->members_query));
	use->key_type = getBaseType(get_atttype(RelationGetRelid(rel), use->key));
	find_led(use, definition, RelationGetRelid(rel));
}

void
seg_use_define(SegUse *use)
{
	PushActiveSnapshot(GetLatestSnapshot());
	use->definition = seg_population_by_id(use->population);
	use->serial = 0;
	PopActiveSnapshot();
}

SegRuleset *
seg_use_prepare(SegUse *use, Relation rel)
{
	SegRuleset *ruleset = seg_ruleset_latest(use->population);
	MemoryContext caller;

	if (ruleset == NULL)
	{
		seg_use_define(use);
		prepare_way(use, rel, use->definition);
		return NULL;
	}
	if (use->serial == ruleset->serial)
		return ruleset;
	/* in the ruleset's memory: it goes when that goes */
	caller = MemoryContextSwitchTo(ruleset->context);
	seg_use_prepare_for(use, rel, ruleset);
	MemoryContextSwitchTo(caller);
	return ruleset;
}

void
seg_use_prepare_for(SegUse *use, Relation rel, SegRuleset *ruleset)
{
	const SegReads *reads = &ruleset->reads[use->object];
	ListCell   *lc;

	prepare_way(use, rel, ruleset->population);
	use->ncolumns = list_length(reads->columns);
	use->columns = palloc(sizeof(SegUseColumn) * Max(use->ncolumns, 1));
	use->any_virtual = false;
	foreach(lc, reads->columns)
	{
		const SegReadColumn *column = lfirst(lc);
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), column->name);
		bool		is_virtual = attnum > 0 && seg_is_virtual(TupleDescAttr(RelationGetDescr(rel), attnum - 1));

		use->columns[foreach_current_index(lc)] = (SegUseColumn)
		{
			attnum, is_virtual, column->rules
		};
		use->any_virtual |= is_virtual;
	}
	use->serial = ruleset->serial;
}

/* Members by their keys. */

static char *
text_of(Datum key, Oid type)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, key);
}

/* A reader goes by his snapshot.  Of a key that nobody else seems to have: somebody may be giving it a number. */
static bool
find_member(const SegPopulation *population, const char *key, int64 *member, bool *missed)
{
	if (missed == NULL)
		return seg_dictionary_find(population, key, member);
	if (seg_dictionary_find_latest(population, key, member))
		return true;
	*missed |= !seg_lock_key(population->id, key, false);
	return seg_dictionary_find_latest(population, key, member);
}

static void
add_member(const SegUse *use, SegSetBuilder *builder, Datum key, Oid type, bool *missed)
{
	const SegPopulation *population = use->definition;
	int64		member;
	char	   *text;

	if (!population->dictionary)
	{
		seg_set_builder_add(builder, seg_integer_key(key, type));
		return;
	}
	text = text_of(key, type);
	if (find_member(population, text, &member, missed))
		seg_set_builder_add(builder, member);
	pfree(text);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Keys of the population's own rows, which may be new. */
static void
add_new_members(const SegUse *use, SegSetBuilder *builder, Datum *keys, Size nkeys, bool *missed)
{
	const SegPopulation *population = use->definition;
	char	  **texts = palloc_extended(sizeof(char *) * Max(nkeys, 1), MCXT_ALLOC_HUGE);

	for (Size i = 0; i < nkeys; i++)
		texts[i] = text_of(keys[i], use->key_type);
	qsort(texts, nkeys, sizeof(char *), compare_texts);
	for (Size i = 0; i < nkeys; i++)
	{
		int64		member;

		CHECK_FOR_INTERRUPTS();
		if (!seg_dictionary_find_latest(population, texts[i], &member))
		{
			*missed |= !seg_lock_key(population->id, texts[i], true);
			member = seg_dictionary_give(population, texts[i]);
		}
		seg_set_builder_add(builder, member);
	}
}

/* Where the query's rows go. */
typedef struct Receiver
{
	DestReceiver dest;
	const SegUse *use;
	SegSetBuilder *builder;
	Oid			type;			/* of the members' keys, domains looked through */
	bool	   *missed;
} Receiver;

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	((Receiver *) self)->type = getBaseType(TupleDescAttr(tupdesc, 0)->atttypid);
}

static bool
receiver_slot(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *r = (Receiver *) self;
	bool		isnull;
	Datum		key = slot_getattr(slot, 1, &isnull);

	CHECK_FOR_INTERRUPTS();
	if (!isnull)
		add_member(r->use, r->builder, key, r->type, r->missed);
	return true;
}

static void
receiver_nothing(DestReceiver *self)
{
}

static ParamListInfo
keys_param(const SegUse *use, Datum *keys, int nkeys)
{
	ParamListInfo params = makeParamList(1);
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(use->key_type, &len, &byval, &align);
	params->params[0] = (ParamExternData)
	{
		.value = PointerGetDatum(construct_array(keys, nkeys, use->key_type, len, byval, align)),
			.pflags = PARAM_FLAG_CONST,.ptype = get_array_type(use->key_type)
	};
	return params;
}

static void
run_members_query(const SegUse *use, SegSetBuilder *builder, Datum *keys, int nkeys, bool *missed)
{
	Receiver	receiver = {.use = use,.builder = builder,.missed = missed};
	SPIExecuteOptions options = {.params = keys_param(use, keys, nkeys),.read_only = true,.dest = &receiver.dest};
	SegBorrow	borrow;
	SegUser		user;
	int			result;

	receiver.dest = (DestReceiver)
	{
		.receiveSlot = receiver_slot,.rStartup = receiver_startup,.rShutdown = receiver_nothing,
			.rDestroy = receiver_nothing,.mydest = DestTuplestore
	};
	seg_borrow_begin(&borrow);
	seg_user_become_owner(&user, use->definition);
	SPI_connect();
	result = SPI_execute_extended(use->members_query, &options);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", use->members_query, SPI_result_code_string(result));
	SPI_finish();
	seg_user_restore(&user);
	seg_borrow_end(&borrow);
}

SegMemberSet *
seg_use_members(const SegUse *use, Datum *keys, Size nkeys, bool *missed)
{
	SegSetBuilder *builder = seg_set_builder_create();
	SegMemberSet *members;

	if (use->object == 0 && use->definition->dictionary && missed != NULL)
		add_new_members(use, builder, keys, nkeys, missed);
	else if (use->members_query == NULL)
		for (Size i = 0; i < nkeys; i++)
		{
			CHECK_FOR_INTERRUPTS();
			add_member(use, builder, keys[i], use->key_type, missed);
		}
	else
		for (Size i = 0; i < nkeys; i += KEYS_AT_ONCE)
			run_members_query(use, builder, keys + i, (int) Min(nkeys - i, KEYS_AT_ONCE), missed);
	members = seg_set_builder_finish(builder);
	seg_set_builder_free(builder);
	return members;
}
