/*
 * consumer.c
 *		Consumers of a population's feed of changes: making and dropping them, polling, acknowledging.
 *
 * A consumer is a position in the feed: the number of the last change that was dealt
 * with.  Polling reads what lies behind it and moves nothing, so that what was handed out
 * to somebody who crashed is handed out again.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "catalog.h"
#include "define.h"
#include "dictionary.h"
#include "feed.h"
#include "nearest.h"
#include "state.h"

#define END_OF_FEED \
	"coalesce(greatest((SELECT max(number) FROM segments.history WHERE population = $1)," \
	" (SELECT max(number + coalesce(segments.cardinality(members), 1) - 1) FROM segments.change" \
	" WHERE population = $1)), 0)"

PG_FUNCTION_INFO_V1(create_consumer);
PG_FUNCTION_INFO_V1(drop_consumer);
PG_FUNCTION_INFO_V1(poll_changes);
PG_FUNCTION_INFO_V1(acknowledge);

typedef struct Consumer
{
	char	   *name;
	Oid			owner;
	int64		position;
	SegPopulation *population;
} Consumer;

static bool
is_own(const Consumer *consumer)
{
	return has_privs_of_role(GetUserId(), consumer->owner);
}

/* Of Consumer *, of one population or (NULL) of all, those that the current user may know of. */
static List *
known_consumers(SegPopulation *population)
{
	SegScan		scan;
	ScanKeyData key;
	List	   *list = NIL;

	if (population != NULL)
		seg_key_int4(&key, SEG_COL_CONSUMER_POPULATION, population->id);
	seg_scan_begin(&scan, SEG_REL_CONSUMER, SEG_REL_CONSUMER_PKEY, population ? 1 : 0, &key);
	while (seg_scan_next(&scan))
	{
		Consumer   *consumer = palloc(sizeof(Consumer));

		consumer->name = seg_scan_text(&scan, SEG_COL_CONSUMER_NAME);
		consumer->owner = seg_scan_oid(&scan, SEG_COL_CONSUMER_OWNER);
		consumer->position = seg_scan_int8(&scan, SEG_COL_CONSUMER_POSITION);
		consumer->population = population ? population :
			seg_population_bare_by_id(seg_scan_int4(&scan, SEG_COL_CONSUMER_POPULATION));
		if (is_own(consumer) || seg_may_manage(consumer->population) || seg_may_read(consumer->population))
			list = lappend(list, consumer);
	}
	seg_scan_end(&scan);
	return list;
}

static void
report_missing(const char *name, const SegPopulation *population, List *known)
{
	List	   *names = NIL;
	ListCell   *lc;
	char	   *hint;

	foreach(lc, known)
		names = lappend(names, ((Consumer *) lfirst(lc))->name);
	hint = names ? seg_nearest_hint(name, names, "The consumers are") :
		pstrdup("Make one with segments.create_consumer().");
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 population ? errmsg("consumer \"%s\" does not exist in population \"%s\"", name, population->name) :
			 errmsg("consumer \"%s\" does not exist", name),
			 errhint("%s", hint)));
}

/* As with segments, a name alone will do where it is unambiguous. */
static Consumer *
consumer_resolve(const char *name, const char *in)
{
	SegPopulation *population = in ? seg_population_get_bare(in) : NULL;
	List	   *known = known_consumers(population);
	List	   *found_in = NIL;
	Consumer   *found = NULL;
	ListCell   *lc;

	foreach(lc, known)
	{
		Consumer   *consumer = lfirst(lc);

		if (strcmp(consumer->name, name) == 0)
		{
			found = consumer;
			found_in = lappend(found_in, consumer->population->name);
		}
	}
	if (list_length(found_in) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("consumer \"%s\" exists in several populations", name),
				 errhint("Say which with population => ...: %s.", seg_list_names(found_in))));
	if (found == NULL)
	{
		/* which consumers there are is for readers to know */
		if (population != NULL && !seg_may_manage(population))
			seg_check_read(population);
		report_missing(name, population, known);
	}
	return found;
}

static void
check_own(const Consumer *consumer)
{
	if (!is_own(consumer))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for consumer \"%s\"", consumer->name),
				 errdetail("It takes the privileges of its owner, role \"%s\".",
						   GetUserNameFromId(consumer->owner, true) ?
						   GetUserNameFromId(consumer->owner, true) : "?")));
}

/* The consumer that the arguments name, for somebody who reads the feed. */
static Consumer *
consumer_to_use(FunctionCallInfo fcinfo, int name_arg, int population_arg)
{
	Consumer   *consumer = consumer_resolve(seg_arg_required_text(fcinfo, name_arg, "consumer"),
											seg_arg_text(fcinfo, population_arg));

	seg_check_read(consumer->population);
	check_own(consumer);
	return consumer;
}

/*
 * create_consumer(name, population)
 *		It will be handed out what happens from now on.  The population's row is locked
 *		against being dropped meanwhile.
 */
Datum
create_consumer(PG_FUNCTION_ARGS)
{
	char	   *name = seg_arg_required_text(fcinfo, 0, "name");
	SegPopulation *population = seg_population_get_bare(seg_arg_text(fcinfo, 1));
	SegParam	params[3];

	seg_check_read(population);
	seg_check_name("consumer", name);
	seg_feed_publish(population->id);
	params[0] = seg_param_int4(population->id);
	params[1] = seg_param_text(name);
	params[2] = seg_param_oid(REGROLEOID, GetUserId());
	if (seg_define_write_quietly("INSERT INTO segments.consumer (population, name, owner, \"position\")"
								 " SELECT id, $2, $3, " END_OF_FEED
								 " FROM segments.population WHERE id = $1 FOR KEY SHARE"
								 " ON CONFLICT (population, name) DO NOTHING", 3, params) == 0)
	{
		seg_define_push_snapshot();
		population = seg_population_bare_by_id(population->id);
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("consumer \"%s\" already exists in population \"%s\"", name, population->name)));
	}
	PG_RETURN_VOID();
}

/*
 * drop_consumer(name, population)
 *		Whoever manages the population may clear up.
 */
Datum
drop_consumer(PG_FUNCTION_ARGS)
{
	Consumer   *consumer = consumer_resolve(seg_arg_required_text(fcinfo, 0, "name"),
											seg_arg_text(fcinfo, 1));
	SegParam	params[2];

	if (!seg_may_manage(consumer->population))
		check_own(consumer);
	params[0] = seg_param_int4(consumer->population->id);
	params[1] = seg_param_text(consumer->name);
	(void) seg_define_write_quietly("DELETE FROM segments.consumer WHERE population = $1 AND name = $2", 2, params);
	PG_RETURN_VOID();
}

/* A change to be handed out. */
typedef struct Change
{
	int64		number;
	const char *segment;
	int64		member;
	bool		entered;
	TimestampTz at;
	char		reason;
} Change;

/* The lowest max_changes of all that are offered; up to twice as many are held meanwhile. */
typedef struct Batch
{
	HTAB	   *segments;		/* of SegmentName */
	int64		max_changes;
	int64		n;
	int64		allocated;
	Change	   *changes;
} Batch;

typedef struct SegmentName
{
	int32		id;
	char	   *name;			/* NULL: it does not exist any more */
} SegmentName;

static void
batch_begin(Batch *batch, int64 max_changes)
{
	HASHCTL		ctl = {.keysize = sizeof(int32),.entrysize = sizeof(SegmentName),.hcxt = CurrentMemoryContext};

	batch->segments = hash_create("segments of changes", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	batch->max_changes = max_changes;
	batch->n = 0;
	batch->allocated = 64;
	batch->changes = palloc(batch->allocated * sizeof(Change));
}

static const char *
batch_segment(Batch *batch, int32 id)
{
	bool		found;
	SegmentName *entry = hash_search(batch->segments, &id, HASH_ENTER, &found);

	if (!found)
		entry->name = seg_segment_name(id);
	return entry->name;
}

static int
compare_changes(const void *a, const void *b)
{
	int64		x = ((const Change *) a)->number;
	int64		y = ((const Change *) b)->number;

	return (x > y) - (x < y);
}

static void
batch_sort(Batch *batch)
{
	qsort(batch->changes, batch->n, sizeof(Change), compare_changes);
	batch->n = Min(batch->n, batch->max_changes);
}

/* A change that the row at hand tells of; false if it is of a segment that does not exist any more. */
static bool
batch_offer(Batch *batch, const SegScan *scan, int64 member, int64 number)
{
	const char *segment = batch_segment(batch, seg_scan_int4(scan, SEG_COL_CHANGE_SEGMENT));
	bool		isnull;
	Change	   *change;

	if (segment == NULL)
		return false;
	if (batch->n == 2 * batch->max_changes)
		batch_sort(batch);
	if (batch->n == batch->allocated)
	{
		batch->allocated *= 2;
		batch->changes = repalloc_huge(batch->changes, batch->allocated * sizeof(Change));
	}
	change = &batch->changes[batch->n++];
	change->number = number;
	change->segment = segment;
	change->member = member;
	change->entered = seg_scan_bool(scan, SEG_COL_CHANGE_ENTERED);
	change->at = DatumGetTimestampTz(seg_scan_datum(scan, SEG_COL_CHANGE_AT, &isnull));
	change->reason = DatumGetChar(seg_scan_datum(scan, SEG_COL_CHANGE_REASON, &isnull));
	return true;
}

/* Behind the position, in order of number: no more is read than there is room for. */
static void
read_history(Batch *batch, const Consumer *consumer)
{
	SegScan		scan;
	ScanKeyData keys[2];
	int64		left = batch->max_changes;

	seg_key_int4(&keys[0], SEG_COL_HISTORY_POPULATION, consumer->population->id);
	seg_key_int8(&keys[1], SEG_COL_HISTORY_NUMBER, BTGreaterStrategyNumber, consumer->position);
	seg_scan_begin(&scan, SEG_REL_HISTORY, SEG_REL_HISTORY_NUMBER, 2, keys);
	while (left > 0 && seg_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (batch_offer(batch, &scan, seg_scan_int8(&scan, SEG_COL_CHANGE_MEMBER),
						seg_scan_int8(&scan, SEG_COL_HISTORY_NUMBER)))
			left--;
	}
	seg_scan_end(&scan);
}

/* What a row of the tail tells behind a position: its members have the numbers from that of the row on. */
static void
offer_row(Batch *batch, const SegScan *scan, int64 number, int64 position)
{
	SegMemberSet *members = seg_state_scanned(scan, SEG_COL_CHANGE_MEMBERS);
	SegSetIter	it;
	int64		member;

	if (members == NULL)
	{
		if (number > position)
			(void) batch_offer(batch, scan, seg_scan_int8(scan, SEG_COL_CHANGE_MEMBER), number);
		return;
	}
	seg_set_iter_init(&it, members);
	for (; seg_set_next(&it, &member); number++)
		if (number > position)
			(void) batch_offer(batch, scan, member, number);
	pfree(members);
}

/* The tail has no order of numbers, but upkeep keeps it short. */
static void
read_tail(Batch *batch, const Consumer *consumer)
{
	SegScan		scan;
	ScanKeyData key;

	seg_key_int4(&key, SEG_COL_CHANGE_POPULATION, consumer->population->id);
	seg_scan_begin(&scan, SEG_REL_CHANGE, SEG_REL_CHANGE_MEMBER, 1, &key);
	while (seg_scan_next(&scan))
	{
		bool		isnull;
		int64		number = DatumGetInt64(seg_scan_datum(&scan, SEG_COL_CHANGE_NUMBER, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
			offer_row(batch, &scan, number, consumer->position);
	}
	seg_scan_end(&scan);
}

/* The words of view segments.changes. */
static const char *
word_of_reason(char reason)
{
	switch (reason)
	{
		case 'd':
			return "data";
		case 'c':
			return "clock";
		case 'r':
			return "rule";
		default:
			return "hand";
	}
}

static void
put_change(ReturnSetInfo *result, const SegPopulation *population, const Change *change)
{
	Datum		values[7];
	bool		nulls[7] = {0};

	values[0] = Int64GetDatum(change->number);
	values[1] = CStringGetTextDatum(change->segment);
	values[2] = Int64GetDatum(change->member);
	values[3] = CStringGetTextDatum(seg_dictionary_key(population, change->member));
	values[4] = BoolGetDatum(change->entered);
	values[5] = TimestampTzGetDatum(change->at);
	values[6] = CStringGetTextDatum(word_of_reason(change->reason));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static int32
max_rows_argument(FunctionCallInfo fcinfo, int n)
{
	int32		max_rows;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "max_rows")));
	max_rows = PG_GETARG_INT32(n);
	if (max_rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be negative", "max_rows")));
	return max_rows;
}

/*
 * poll(consumer, max_rows, population) -> table (number, segment, member, key, entered, at, reason)
 *		Named otherwise in C, where poll() is the operating system's.
 */
Datum
poll_changes(PG_FUNCTION_ARGS)
{
	Consumer   *consumer = consumer_to_use(fcinfo, 0, 2);
	int32		max_rows = max_rows_argument(fcinfo, 1);
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "change", ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	Batch		batch;

	InitMaterializedSRF(fcinfo, 0);
	seg_feed_publish(consumer->population->id);
	seg_define_push_snapshot();
	batch_begin(&batch, max_rows);
	if (max_rows > 0)
	{
		read_history(&batch, consumer);
		read_tail(&batch, consumer);
	}
	batch_sort(&batch);
	old = MemoryContextSwitchTo(row_context);
	for (int64 i = 0; i < batch.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_change((ReturnSetInfo *) fcinfo->resultinfo, consumer->population, &batch.changes[i]);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
	seg_define_end();
	return (Datum) 0;
}

/*
 * acknowledge(consumer, number, population)
 *		What a transaction still running has numbered lies behind all that can be seen, so the
 *		position goes no further than that: not every number up to the one given need
 *		be of this population, or still there.
 */
Datum
acknowledge(PG_FUNCTION_ARGS)
{
	Consumer   *consumer = consumer_to_use(fcinfo, 0, 2);
	SegParam	params[3];
	int64		number;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "number")));
	number = PG_GETARG_INT64(1);
	if (number < consumer->position)
		ereport(NOTICE,
				(errmsg("consumer \"%s\" has acknowledged all up to " INT64_FORMAT " already",
						consumer->name, consumer->position)));
	if (number <= consumer->position)
		PG_RETURN_VOID();
	params[0] = seg_param_int4(consumer->population->id);
	params[1] = seg_param_text(consumer->name);
	params[2] = seg_param_int8(number);
	if (seg_define_write_quietly("UPDATE segments.consumer"
								 " SET \"position\" = greatest(\"position\", least($3, " END_OF_FEED "))"
								 " WHERE population = $1 AND name = $2"
								 " AND $3 <= (SELECT last_value FROM segments.change_number WHERE is_called)",
								 3, params) == 0)
	{
		seg_define_push_snapshot();
		(void) consumer_resolve(consumer->name, consumer->population->name);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no change has number " INT64_FORMAT " yet", number),
				 errhint("Acknowledge the last number from segments.poll() that has been dealt with.")));
	}
	PG_RETURN_VOID();
}
