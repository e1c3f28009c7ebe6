/*
 * recheck.c
 *		Members whom a statement could not find.
 *
 * Buckets let two transactions meet at a member.  They cannot meet where one of them does not know
 * the member: a customer moves to a city, and before that is committed, somebody else changes
 * the city and finds those who live there already.  So whoever changes a row that leads to
 * members leaves a note of what leads to them.  As long as the note is there, readers follow it
 * and evaluate whom they come to.
 *
 * It is done with when all who may have evaluated a member before the note was committed have
 * ended.  Upkeep finds the note, and remembers which transaction will be the next to begin; once
 * all before that one have ended, it follows the note itself, for the last time (maintain.c).
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/xid8.h"

#include "attempt.h"
#include "catalog.h"
#include "recheck.h"

/* More keys are everybody's. */
#define MOST_KEYS	10000

static Datum
to_texts(const SegUse *use, Datum *keys, int nkeys)
{
	Datum	   *texts = palloc(sizeof(Datum) * Max(nkeys, 1));
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(use->key_type, &output, &is_varlena);
	for (int i = 0; i < nkeys; i++)
		texts[i] = CStringGetTextDatum(OidOutputFunctionCall(output, keys[i]));
	return PointerGetDatum(construct_array(texts, nkeys, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set_id(Datum *value, bool *isnull, int32 id)
{
	*value = Int32GetDatum(id);
	*isnull = id == 0;
}

void
seg_recheck_note(const SegUse *use, Datum *keys, Size nkeys)
{
	const SegPopulation *p = use->definition;
	bool		is_lookup = use->object >= seg_object_of_lookup(p, 0);
	bool		is_source = use->object > 0 && !is_lookup;
	Datum		values[SEG_COL_RECHECK_HORIZON] = {0};
	bool		nulls[SEG_COL_RECHECK_HORIZON] = {false};
	SegWriter	writer;

	values[SEG_COL_RECHECK_ID - 1] = Int64GetDatum(seg_next_number(SEG_REL_RECHECK_ID_SEQ));
	values[SEG_COL_RECHECK_POPULATION - 1] = Int32GetDatum(p->id);
	set_id(&values[SEG_COL_RECHECK_SOURCE - 1], &nulls[SEG_COL_RECHECK_SOURCE - 1],
		   is_source ? p->sources[use->object - seg_object_of_source(0)].id : 0);
	set_id(&values[SEG_COL_RECHECK_LOOKUP - 1], &nulls[SEG_COL_RECHECK_LOOKUP - 1],
		   is_lookup ? p->lookups[use->object - seg_object_of_lookup(p, 0)].id : 0);
	nulls[SEG_COL_RECHECK_KEYS - 1] = keys == NULL || nkeys > MOST_KEYS;
	if (!nulls[SEG_COL_RECHECK_KEYS - 1])
		values[SEG_COL_RECHECK_KEYS - 1] = to_texts(use, keys, (int) nkeys);
	nulls[SEG_COL_RECHECK_HORIZON - 1] = true;
	seg_writer_begin(&writer, SEG_REL_RECHECK);
	seg_writer_insert(&writer, values, nulls);
	seg_writer_end(&writer);
}

static void
scan_population(SegScan *scan, int32 population)
{
	ScanKeyData key;

	seg_key_int4(&key, SEG_COL_RECHECK_POPULATION, population);
	seg_scan_begin(scan, SEG_REL_RECHECK, SEG_REL_RECHECK_POPULATION, 1, &key);
}

bool
seg_recheck_any(int32 population)
{
	SegScan		scan;
	bool		found;

	scan_population(&scan, population);
	found = seg_scan_next(&scan);
	seg_scan_end(&scan);
	return found;
}

/* What the row at hand is about, in the ruleset; -1: it has been taken away. */
static int
object_of(const SegScan *scan, const SegPopulation *p)
{
	bool		no_source;
	bool		no_lookup;
	int32		source = DatumGetInt32(seg_scan_datum(scan, SEG_COL_RECHECK_SOURCE, &no_source));
	int32		lookup = DatumGetInt32(seg_scan_datum(scan, SEG_COL_RECHECK_LOOKUP, &no_lookup));

	for (int i = 0; i < p->nsources && !no_source; i++)
		if (p->sources[i].id == source)
			return seg_object_of_source(i);
	for (int i = 0; i < p->nlookups && !no_lookup; i++)
		if (p->lookups[i].id == lookup)
			return seg_object_of_lookup(p, i);
	return no_source && no_lookup ? 0 : -1;
}

/* A note to be followed. */
typedef struct Note
{
	SegRuleset *ruleset;
	int			object;
	Datum		array;
	SegMemberSet *members;
} Note;

/* Whom keys lead to; nobody, where the table is gone, or no rule reads it any more. */
static SegMemberSet *
follow(SegRuleset *ruleset, int object, Datum array)
{
	SegUse		use = {.population = ruleset->population->id,.object = object};
	bool		is_read = object >= 0 && ruleset->reads[object].rules != NULL;
	Relation	rel = is_read ? try_table_open(ruleset->reads[object].relid, AccessShareLock) : NULL;
	Datum	   *keys;
	int			n = 0;
	Oid			input;
	Oid			ioparam;
	SegMemberSet *members;

	if (rel == NULL)
		return seg_set_builder_finish(seg_set_builder_create());
	seg_use_prepare_for(&use, rel, ruleset);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &keys, NULL, &n);
	getTypeInputInfo(use.key_type, &input, &ioparam);
	for (int i = 0; i < n; i++)
		keys[i] = OidInputFunctionCall(input, TextDatumGetCString(keys[i]), ioparam, -1);
	members = seg_use_members(&use, keys, n, NULL);
	table_close(rel, NoLock);
	return members;
}

static void
try_follow(void *arg)
{
	Note	   *note = arg;

	note->members = follow(note->ruleset, note->object, note->array);
}

List *
seg_rechecks(SegRuleset *ruleset)
{
	List	   *list = NIL;
	SegScan		scan;

	scan_population(&scan, ruleset->population->id);
	while (seg_scan_next(&scan))
	{
		SegRecheck *recheck = palloc0(sizeof(SegRecheck));
		bool		isnull;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		recheck->id = seg_scan_int8(&scan, SEG_COL_RECHECK_ID);
		value = seg_scan_datum(&scan, SEG_COL_RECHECK_HORIZON, &isnull);
		if (!isnull)
			recheck->horizon = U64FromFullTransactionId(DatumGetFullTransactionId(value));
		value = seg_scan_datum(&scan, SEG_COL_RECHECK_KEYS, &isnull);
		if (!isnull)
		{
			Note		note = {.ruleset = ruleset,.object = object_of(&scan, ruleset->population),.array = value};

			/* whatever keeps us from finding them, rules that need it will say so: it may be anybody */
			if (seg_attempt(try_follow, &note) == NULL)
				recheck->members = note.members;
		}
		list = lappend(list, recheck);
	}
	seg_scan_end(&scan);
	return list;
}
