/*
 * pass_read.c
 *		Reading the relations of a pass into partitions.
 *
 * The rows go from the executor straight into the partitions: no tuple is stored anywhere else.
 * All queries are planned first, since the planner's estimates say how many partitions there
 * have to be.  Where one is planned as a scan of its whole table, that is done without it (pass_read_direct.c).
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "dictionary.h"
#include "eval_fold.h"
#include "pass_read.h"
#include "pass_read_direct.h"
#include "pass_read_window.h"

/* Up to so many members the queries look for them, if there are so many times as many: finding a row takes that much longer. */
#define MOST_LOOKED_FOR 65536
#define SCANNED_PER_LOOKUP 16

/* How a relation is to be read. */
typedef struct ReadPlan
{
	SPIPlanPtr	query;
	SegSpan		window;
	bool		scans;			/* its table, whole, with no condition but that it is in the window */
} ReadPlan;

/* Receives the rows of one relation. */
typedef struct Receiver
{
	DestReceiver dest;
	SegReading *reading;
	int			relation;
	SegLayout  *layout;
	SegLayoutPart *parts;		/* of the row at hand, by column */
	Datum	   *values;			/* the same, as they arrive */
	bool	   *isnull;
	int			nrecords;		/* columns come in so many records; 0: by themselves */
	bool		known;			/* are their types? */
} Receiver;

/* Rows as they come. */

/*
 * Columns arrive as they were bound, except for a computed attribute: its type was stored
 * when it was added, and the columns in it may have got other types since.
 */
static void
check_type(const SegColumn *column, Oid typid)
{
	Oid			bound = column->type.typid;

	typid = getBaseType(typid);
	if (typid == bound || (typid == JSONBOID && bound == JSONOID))
		return;
	if (column->kind != SEG_COLUMN_EXPRESSION)
		elog(ERROR, "column \"%s\" arrives with type %u instead of %u", column->name, typid, bound);
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("a computed attribute is of type %s now", format_type_be(typid)),
			 errdetail("Its expression %s was of type %s when it was added.", column->name, format_type_be(bound)),
			 errhint("Drop the attribute and add it again.")));
}

/* Columns from first on, as they arrive. */
static void
learn_columns(Receiver *r, int first, int n, TupleDesc tupdesc, int at)
{
	SegRelation *relation = list_nth(r->reading->program->relations, r->relation);

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, at + i);
		SegLayoutColumn *column = &r->layout->columns[first + i];

		check_type(list_nth(relation->columns, first + i), attribute->atttypid);
		column->len = attribute->attlen;
		column->byval = attribute->attbyval;
		column->align = attribute->attalign;
		/* json arrives as jsonb */
		if (column->type.type == SEG_T_JSON)
			column->type.typid = JSONBOID;
	}
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	Receiver   *r = (Receiver *) self;
	int			ncolumns = r->nrecords > 0 ? r->nrecords : r->layout->ncolumns;

	if (tupdesc->natts != ncolumns + 1)
		elog(ERROR, "reading query has %d columns instead of %d", tupdesc->natts, ncolumns + 1);
	if (r->nrecords == 0)
		learn_columns(r, 0, ncolumns, tupdesc, 1);
}

/* The columns in a record; what they are, the first of all tells. */
static void
open_record(Receiver *r, int record, HeapTupleHeader header)
{
	TupleDesc	tupdesc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	int			first = record * SEG_READ_COLUMNS;
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header),.t_data = header};

	if (tupdesc->natts != Min(r->layout->ncolumns - first, SEG_READ_COLUMNS))
		elog(ERROR, "record of the reading query has %d columns", tupdesc->natts);
	if (!r->known)
		learn_columns(r, first, tupdesc->natts, tupdesc, 0);
	heap_deform_tuple(&tuple, tupdesc, r->values + first, r->isnull + first);
	ReleaseTupleDesc(tupdesc);
}

static void
take_columns(Receiver *r, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	if (r->nrecords == 0)
	{
		r->values = slot->tts_values + 1;
		r->isnull = slot->tts_isnull + 1;
		return;
	}
	for (int i = 0; i < r->nrecords; i++)
		open_record(r, i, DatumGetHeapTupleHeader(slot->tts_values[i + 1]));
	r->known = true;
}

/* Is the row of somebody who does not matter?  Without a key it is nobody's. */
static bool
is_nobody(const Receiver *r, const TupleTableSlot *slot)
{
	const SegSetLookup *lookup = r->reading->lookup;

	return slot->tts_isnull[0] || (lookup != NULL && !seg_set_lookup_contains(lookup, DatumGetInt64(slot->tts_values[0])));
}

static bool
is_hidden(const Receiver *r)
{
	const SegReading *reading = r->reading;
	int			column = r->layout->moment;
	SegValue	value;
	TimestampTz moment;

	if (column < 0 || TIMESTAMP_IS_NOEND(reading->hide_from))
		return false;
	seg_value_from_datum(&value, &r->layout->columns[column].type, r->values[column], r->isnull[column],
						 seg_eval_clock(reading->eval));
	return seg_value_moment(&value, seg_eval_clock(reading->eval), &moment) && moment >= reading->hide_from;
}

static bool
receiver_slot(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *r = (Receiver *) self;
	MemoryContext caller;
	SegRow	   *row;
	Size		size;

	CHECK_FOR_INTERRUPTS();
	caller = MemoryContextSwitchTo(r->reading->row_context);
	take_columns(r, slot);
	if (is_nobody(r, slot) || is_hidden(r))
	{
		MemoryContextSwitchTo(caller);
		MemoryContextReset(r->reading->row_context);
		return true;
	}
	size = seg_layout_measure(r->layout, r->values, r->isnull, r->parts);
	row = r->reading->add(r->reading, r->relation, DatumGetInt64(slot->tts_values[0]), size - SEG_ROW_DATA);
	seg_layout_write(r->layout, r->values, r->isnull, r->parts, row);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(r->reading->row_context);
	return true;
}

static void
receiver_nothing(DestReceiver *self)
{
}

static void
init_receiver(Receiver *r, SegReading *reading, int relation)
{
	memset(r, 0, sizeof(Receiver));
	r->dest.receiveSlot = receiver_slot;
	r->dest.rStartup = receiver_startup;
	r->dest.rShutdown = receiver_nothing;
	r->dest.rDestroy = receiver_nothing;
	r->dest.mydest = DestTuplestore;
	r->reading = reading;
	r->relation = relation;
	r->layout = &reading->layouts[relation];
	r->parts = palloc(sizeof(SegLayoutPart) * (r->layout->ncolumns + 1));
	if (r->layout->ncolumns <= SEG_READ_COLUMNS)
		return;
	r->nrecords = (r->layout->ncolumns + SEG_READ_COLUMNS - 1) / SEG_READ_COLUMNS;
	r->values = palloc(sizeof(Datum) * r->layout->ncolumns);
	r->isnull = palloc(sizeof(bool) * r->layout->ncolumns);
}

DestReceiver *
seg_reading_receiver(SegReading *reading, int relation)
{
	Receiver   *r = palloc(sizeof(Receiver));

	init_receiver(r, reading, relation);
	return &r->dest;
}

/* The reading queries. */

/* A member's key, as the population's table has it. */
static Datum
key_of(const SegPopulation *population, int64 member)
{
	char	   *key = seg_dictionary_key(population, member);

	if (seg_key_is_integer(population))
		return DirectFunctionCall1(int8in, CStringGetDatum(key));
	if (population->key_type == UUIDOID)
		return DirectFunctionCall1(uuid_in, CStringGetDatum(key));
	return CStringGetTextDatum(key);
}

/* The type of the second parameter's elements. */
static Oid
keys_type(const SegPopulation *population)
{
	return seg_key_is_integer(population) ? INT8OID : population->key_type == UUIDOID ? UUIDOID : TEXTOID;
}

static void
set_param(ParamExternData *param, Datum *values, int n, Oid type)
{
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	param->value = PointerGetDatum(construct_array(values, n, type, len, byval, align));
	param->isnull = false;
	param->pflags = PARAM_FLAG_CONST;
	param->ptype = get_array_type(type);
}

/* The parameters of a query that looks for members. */
ParamListInfo
seg_reading_members(const SegPopulation *population, int n, const int64 *members)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));
	ParamListInfo params = makeParamList(population->dictionary ? 2 : 1);

	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(members[i]);
	set_param(&params->params[0], values, n, INT8OID);
	if (population->dictionary)
	{
		for (int i = 0; i < n; i++)
			values[i] = key_of(population, members[i]);
		set_param(&params->params[1], values, n, keys_type(population));
	}
	pfree(values);
	return params;
}

/* The members to look for, as the parameters of the queries; or NULL. */
static ParamListInfo
members_param(const SegReading *reading)
{
	int64	   *members;
	SegSetIter	it;
	int64		member;
	int			n = 0;

	if (!reading->looks)
		return NULL;
	members = palloc(sizeof(int64) * (seg_set_cardinality(reading->only) + 1));
	seg_set_iter_init(&it, reading->only);
	while (seg_set_next(&it, &member))
		members[n++] = member;
	return seg_reading_members(reading->program->population, n, members);
}

static SPIPlanPtr
plan_query(const SegReading *reading, int relation, bool looks, SegSpan window, List *conditions, int options)
{
	const SegPopulation *population = reading->program->population;
	Oid			argtypes[] = {INT8ARRAYOID, get_array_type(keys_type(population))};
	int			nargs = !looks ? 0 : population->dictionary ? 2 : 1;
	char	   *query = seg_sql_read(reading->program, relation, looks, window, conditions, reading->share);
	SPIPlanPtr	plan = SPI_prepare_cursor(query, nargs, argtypes, options);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
	pfree(query);
	return plan;
}

static ReadPlan
plan_reading(const SegReading *reading, int relation)
{
	List	   *conditions = relation == 0 && reading->only == NULL ?
		seg_pass_read_conditions(reading->eval, reading->until) : NIL;
	ReadPlan	plan = {.window = seg_pass_read_window(reading->eval, relation, reading->until)};

	plan.query = plan_query(reading, relation, reading->looks, plan.window, conditions,
							reading->share == NULL ? CURSOR_OPT_PARALLEL_OK : 0);
	plan.scans = !reading->looks && conditions == NIL;
	return plan;
}

SPIPlanPtr
seg_reading_plan(const SegReading *reading, int relation)
{
	SegSpan		everything = {DT_NOBEGIN, DT_NOEND};

	return plan_query(reading, relation, true, everything, NIL, CURSOR_OPT_GENERIC_PLAN);
}

/* Bytes that the rows of a relation will take, by the planner's estimate; and does it scan? */
static double
estimate_bytes(ReadPlan *plan, const SegLayout *layout, bool *parallel_safe)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan->query);
	const Plan *tree;
	double		bytes;

	plan->scans &= cached != NULL;
	if (cached == NULL)
		return 0;
	tree = linitial_node(PlannedStmt, cached->stmt_list)->planTree;
	bytes = tree->plan_rows * (layout->bytes + tree->plan_width);
	*parallel_safe &= tree->parallel_safe;
	plan->scans &= IsA(tree, SeqScan);
	ReleaseCachedPlan(cached, NULL);
	return bytes;
}

/* Are there so few who matter that they are looked for?  The planner says how many members there are. */
static bool
is_few(const SegReading *reading)
{
	SegSpan		everything = {DT_NOBEGIN, DT_NOEND};
	int64		n = seg_set_cardinality(reading->only);
	CachedPlan *cached;
	double		rows;

	if (n > MOST_LOOKED_FOR)
		return false;
	cached = SPI_plan_get_cached_plan(plan_query(reading, 0, false, everything, NIL, 0));
	if (cached == NULL)
		return true;
	rows = linitial_node(PlannedStmt, cached->stmt_list)->planTree->plan_rows;
	ReleaseCachedPlan(cached, NULL);
	return (double) n * SCANNED_PER_LOOKUP <= rows;
}

void
seg_reading_run(SegReading *reading, int relation, SPIPlanPtr plan, ParamListInfo members)
{
	SPIExecuteOptions options = {.params = members,.read_only = true};
	Receiver	receiver;
	int			result;

	init_receiver(&receiver, reading, relation);
	options.dest = &receiver.dest;
	result = SPI_execute_plan_extended(plan, &options);
	if (result < 0)
		elog(ERROR, "could not read relation %d: %s", relation, SPI_result_code_string(result));
}

static SegRow *
add_to_partitions(SegReading *reading, int relation, int64 member, Size data)
{
	return seg_partitions_add(reading->partitions, relation, member, data);
}

SegReading *
seg_reading_begin(const SegProgram *program, SegEval *eval)
{
	SegReading *reading = palloc0(sizeof(SegReading));
	int			n = list_length(program->relations);

	reading->program = program;
	reading->eval = eval;
	reading->hide_from = DT_NOEND;
	reading->layouts = palloc0(sizeof(SegLayout) * n);
	reading->row_context = AllocSetContextCreate(CurrentMemoryContext, "segments row", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n; i++)
		seg_layout_init(&reading->layouts[i], list_nth(program->relations, i));
	return reading;
}

/* Plans the reading of all relations, and adds up what the planner expects. */
static ReadPlan *
plan_relations(const SegReading *reading, double *bytes, bool *parallel_safe)
{
	int			n = list_length(reading->program->relations);
	ReadPlan   *plans = palloc(sizeof(ReadPlan) * n);

	*bytes = 0;
	*parallel_safe = true;
	for (int i = 0; i < n; i++)
	{
		plans[i] = plan_reading(reading, i);
		if (!reading->looks)
			*bytes += estimate_bytes(&plans[i], &reading->layouts[i], parallel_safe);
	}
	return plans;
}

SegReading *
seg_pass_read(SegEval *eval, TimestampTz hide_from, bool until, const SegMemberSet *only, const SegShare *share)
{
	MemoryContext context = CurrentMemoryContext;
	SegReading *reading = seg_reading_begin(eval->program, eval);
	int			n = list_length(reading->program->relations);
	ReadPlan   *plans;
	ParamListInfo members;
	double		expected;
	bool		parallel_safe;
	SegUser		user;

	reading->hide_from = hide_from;
	reading->until = until;
	reading->only = only;
	reading->lookup = only == NULL ? NULL : seg_set_lookup_create(only);
	reading->share = share;
	reading->add = add_to_partitions;

	seg_user_become_owner(&user, reading->program->population);
	SPI_connect();
	reading->looks = only != NULL && is_few(reading);
	members = members_param(reading);
	plans = plan_relations(reading, &expected, &parallel_safe);
	if (share != NULL)
		expected = share->bytes;
	MemoryContextSwitchTo(context);
	/* all shares together take what one pass may take */
	reading->partitions = seg_partitions_create(n, (Size) Min(expected, (double) MaxAllocHugeSize / 2),
												get_hash_memory_limit() / (share != NULL ? share->of : 1));
	for (int i = 0; i < n; i++)
		if (!plans[i].scans || !seg_read_direct_scan(reading, i, plans[i].window))
			seg_reading_run(reading, i, plans[i].query, members);
	SPI_finish();
	seg_user_restore(&user);
	MemoryContextSwitchTo(context);
	return reading;
}

/*
 * What may be read in a worker is a question that the planner asks of every plan.  One that
 * starts workers of its own may not, so it is kept from that.
 */
bool
seg_pass_read_estimate(SegEval *eval, bool until, double *bytes)
{
	MemoryContext context = CurrentMemoryContext;
	SegReading *reading = seg_reading_begin(eval->program, eval);
	bool		parallel_safe;
	SegUser		user;

	reading->until = until;
	seg_user_become_owner(&user, eval->program->population);
	seg_user_set("parallel_setup_cost", "1e300");
	seg_user_set(SEG_FORCED_PARALLEL, "off");
	SPI_connect();
	(void) plan_relations(reading, bytes, &parallel_safe);
	SPI_finish();
	seg_user_restore(&user);
	MemoryContextSwitchTo(context);
	return parallel_safe;
}
