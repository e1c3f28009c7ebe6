/*
 * read.c
 *		The functions that answer who is a member.
 *
 * A segment is read chunk by chunk, each found through the index by itself, so that
 * a reader who stops early has read no more than he saw, and nothing has to be cleared
 * up.  The snapshot is that of the query, in every call.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "catalog.h"
#include "current.h"
#include "dictionary.h"
#include "member_set.h"
#include "registry.h"

PG_FUNCTION_INFO_V1(members);
PG_FUNCTION_INFO_V1(member_keys);
PG_FUNCTION_INFO_V1(as_set);
PG_FUNCTION_INFO_V1(count_members);
PG_FUNCTION_INFO_V1(segment_counts);
PG_FUNCTION_INFO_V1(is_member_bigint);
PG_FUNCTION_INFO_V1(is_member_uuid);
PG_FUNCTION_INFO_V1(is_member_text);
PG_FUNCTION_INFO_V1(segments_of_bigint);
PG_FUNCTION_INFO_V1(segments_of_uuid);
PG_FUNCTION_INFO_V1(segments_of_text);

/* A segment that is read chunk by chunk. */
typedef struct ChunkReader
{
	SegCurrent	current;
	int64		next;			/* number of the first chunk that was not looked at */
	MemoryContext context;		/* of a chunk alone */
} ChunkReader;

/* The next chunk, good until the one after it is asked for; NULL at the end. */
static SegMemberSet *
chunks_next(ChunkReader *reader)
{
	MemoryContext caller;
	SegMemberSet *set;

	MemoryContextReset(reader->context);
	caller = MemoryContextSwitchTo(reader->context);
	set = seg_current_next(&reader->current, reader->next);
	if (set != NULL)
		reader->next = seg_set_chunk_number(set, 0) + 1;
	MemoryContextSwitchTo(caller);
	return set;
}

/* The segment that an argument names; the caller may read it, and it has been built. */
static SegSegment *
segment_to_read(FunctionCallInfo fcinfo, int segment_arg, int population_arg, SegPopulation **population)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(segment_arg));
	char	   *in = PG_ARGISNULL(population_arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(population_arg));
	SegSegment *segment = seg_segment_resolve(name, in, false, population);

	seg_check_read(*population);
	if (!segment->built)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("segment \"%s\" has not been built", name),
				 errhint("Build it with segments.rebuild() or segments.refresh().")));
	return segment;
}

/* Begins to read the segment that the first two arguments name; returns its population. */
static SegPopulation *
begin_current(FunctionCallInfo fcinfo, SegCurrent *current)
{
	SegPopulation *population;
	SegSegment *segment = segment_to_read(fcinfo, 0, 1, &population);

	seg_current_begin(current, population, segment);
	return population;
}

static SegPopulation *
begin_chunks(FunctionCallInfo fcinfo, ChunkReader *reader)
{
	reader->next = SEG_FIRST_CHUNK;
	reader->context = AllocSetContextCreate(CurrentMemoryContext, "chunk of a segment",
											ALLOCSET_DEFAULT_SIZES);
	return begin_current(fcinfo, &reader->current);
}

typedef struct MembersState
{
	ChunkReader reader;
	SegMemberSet *set;
	SegSetIter	iter;
} MembersState;

/*
 * members(segment, population) -> setof bigint
 */
Datum
members(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	MembersState *state;
	int64		member;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		if (PG_ARGISNULL(0))
			SRF_RETURN_DONE(call);
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		state = palloc0(sizeof(MembersState));
		(void) begin_chunks(fcinfo, &state->reader);
		call->user_fctx = state;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	while (state->set == NULL || !seg_set_next(&state->iter, &member))
	{
		CHECK_FOR_INTERRUPTS();
		state->set = chunks_next(&state->reader);
		if (state->set == NULL)
			SRF_RETURN_DONE(call);
		seg_set_iter_init(&state->iter, state->set);
	}
	SRF_RETURN_NEXT(call, Int64GetDatum(member));
}

typedef struct KeysState
{
	ChunkReader reader;
	int32		dictionary;		/* id of the population; 0: keys are members */
	Datum	   *keys;			/* of the chunk read last, in its context */
	int			nkeys;
	int			next;
} KeysState;

/* The keys of a chunk: those of all its numbers lie together in the dictionary. */
static void
read_keys(KeysState *state, const SegMemberSet *set)
{
	SegScan		scan;
	ScanKeyData keys[3];

	seg_key_int4(&keys[0], SEG_COL_DICTIONARY_POPULATION, state->dictionary);
	seg_key_int8(&keys[1], SEG_COL_DICTIONARY_MEMBER, BTGreaterEqualStrategyNumber, seg_set_min(set));
	seg_key_int8(&keys[2], SEG_COL_DICTIONARY_MEMBER, BTLessEqualStrategyNumber, seg_set_max(set));
	seg_scan_begin(&scan, SEG_REL_DICTIONARY, SEG_REL_DICTIONARY_PKEY, 3, keys);
	while (seg_scan_next(&scan))
	{
		if (seg_set_contains(set, seg_scan_int8(&scan, SEG_COL_DICTIONARY_MEMBER)))
			state->keys[state->nkeys++] = CStringGetTextDatum(seg_scan_text(&scan, SEG_COL_DICTIONARY_KEY));
	}
	seg_scan_end(&scan);
}

static bool
next_chunk_of_keys(KeysState *state)
{
	SegMemberSet *set = chunks_next(&state->reader);
	MemoryContext old;

	if (set == NULL)
		return false;
	old = MemoryContextSwitchTo(state->reader.context);
	state->keys = palloc(sizeof(Datum) * Max(seg_set_cardinality(set), 1));
	state->nkeys = 0;
	state->next = 0;
	if (state->dictionary != 0)
		read_keys(state, set);
	else
	{
		SegSetIter	iter;
		int64		member;
		char		text[MAXINT8LEN + 1];

		seg_set_iter_init(&iter, set);
		while (seg_set_next(&iter, &member))
		{
			pg_lltoa(member, text);
			state->keys[state->nkeys++] = CStringGetTextDatum(text);
		}
	}
	MemoryContextSwitchTo(old);
	return true;
}

/*
 * member_keys(segment, population) -> setof text
 */
Datum
member_keys(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	KeysState  *state;

	if (SRF_IS_FIRSTCALL())
	{
		const SegPopulation *population;
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		if (PG_ARGISNULL(0))
			SRF_RETURN_DONE(call);
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		state = palloc0(sizeof(KeysState));
		population = begin_chunks(fcinfo, &state->reader);
		state->dictionary = population->dictionary ? population->id : 0;
		call->user_fctx = state;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	while (state->next == state->nkeys)
	{
		CHECK_FOR_INTERRUPTS();
		if (!next_chunk_of_keys(state))
			SRF_RETURN_DONE(call);
	}
	SRF_RETURN_NEXT(call, state->keys[state->next++]);
}

/*
 * as_set(segment, population) -> member_set
 *		A set that would not fit into a value is an error of its builder.
 */
Datum
as_set(PG_FUNCTION_ARGS)
{
	SegCurrent	current;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	(void) begin_current(fcinfo, &current);
	PG_RETURN_SEG_MEMBER_SET_P(seg_current_all(&current));
}

/*
 * count_members(segment, population) -> bigint
 */
Datum
count_members(PG_FUNCTION_ARGS)
{
	SegCurrent	current;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	(void) begin_current(fcinfo, &current);
	PG_RETURN_INT64(seg_current_count(&current));
}

/*
 * segment_counts(population) -> table (segment, members, everyone)
 *		All at once, for views.
 */
Datum
segment_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SegPopulation *population;
	List	   *segments;
	int64	   *counts;
	int64		everyone = 0;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	population = seg_population_bare_by_id(PG_GETARG_INT32(0));
	seg_check_read(population);
	segments = seg_segments_of_population(population->id);
	counts = seg_current_counts(population, segments);
	foreach(lc, segments)
		if (((SegSegment *) lfirst(lc))->everyone)
			everyone = counts[foreach_current_index(lc)];
	foreach(lc, segments)
	{
		SegSegment *segment = lfirst(lc);
		Datum		values[3];
		bool		nulls[3] = {false, !segment->built, false};

		values[0] = Int32GetDatum(segment->id);
		values[1] = Int64GetDatum(counts[foreach_current_index(lc)]);
		values[2] = Int64GetDatum(everyone);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* A key as an argument gives it, and what it is in the population. */

static void
report_key_type(const SegPopulation *population, const char *given)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("population \"%s\" has keys of type %s, not %s", population->name,
					format_type_be(population->key_type), given)));
}

static bool
member_of_bigint(const SegPopulation *population, Datum key, int64 *member)
{
	char		text[MAXINT8LEN + 1];

	if (!seg_key_is_integer(population))
		report_key_type(population, "bigint");
	*member = DatumGetInt64(key);
	if (!population->dictionary)
		return true;
	pg_lltoa(*member, text);
	return seg_dictionary_find(population, text, member);
}

static bool
member_of_uuid(const SegPopulation *population, Datum key, int64 *member)
{
	if (population->key_type != UUIDOID)
		report_key_type(population, "uuid");
	return seg_dictionary_find(population, DatumGetCString(DirectFunctionCall1(uuid_out, key)), member);
}

/* The text of any key will do. */
static bool
member_of_text(const SegPopulation *population, Datum key, int64 *member)
{
	char	   *name = TextDatumGetCString(key);

	if (seg_key_is_integer(population))
		return member_of_bigint(population, DirectFunctionCall1(int8in, CStringGetDatum(name)), member);
	if (population->key_type == UUIDOID)
		return member_of_uuid(population, DirectFunctionCall1(uuid_in, CStringGetDatum(name)), member);
	return seg_dictionary_find(population, name, member);
}

typedef bool (*MemberOf) (const SegPopulation *population, Datum key, int64 *member);

/* A query asks about many members of one segment: which it is, is looked up once for its snapshot. */
typedef struct Asked
{
	MemoryContext context;		/* of what was found */
	SegSeen		seen;
	text	   *names[2];		/* as given: the segment and, or NULL, the population */
	SegPopulation *population;
	SegSegment *segment;
	bool		notes;
} Asked;

static bool
is_named(const text *name, FunctionCallInfo fcinfo, int arg)
{
	text	   *given;

	if (PG_ARGISNULL(arg) || name == NULL)
		return PG_ARGISNULL(arg) && name == NULL;
	given = PG_GETARG_TEXT_PP(arg);
	return VARSIZE_ANY_EXHDR(given) == VARSIZE_ANY_EXHDR(name) &&
		memcmp(VARDATA_ANY(given), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0;
}

static const Asked *
asked_about(FunctionCallInfo fcinfo, int segment_arg, int population_arg)
{
	Asked	   *asked = fcinfo->flinfo->fn_extra;
	MemoryContext caller;

	if (asked == NULL)
	{
		asked = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Asked));
		asked->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "segment asked about", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = asked;
	}
	if (seg_seen_same(&asked->seen) && asked->segment != NULL && is_named(asked->names[0], fcinfo, segment_arg) &&
		is_named(asked->names[1], fcinfo, population_arg))
		return asked;
	asked->segment = NULL;
	MemoryContextReset(asked->context);
	caller = MemoryContextSwitchTo(asked->context);
	asked->names[0] = PG_GETARG_TEXT_P_COPY(segment_arg);
	asked->names[1] = PG_ARGISNULL(population_arg) ? NULL : PG_GETARG_TEXT_P_COPY(population_arg);
	asked->segment = segment_to_read(fcinfo, segment_arg, population_arg, &asked->population);
	asked->notes = seg_current_notes(asked->population);
	MemoryContextSwitchTo(caller);
	return asked;
}

static Datum
is_member(FunctionCallInfo fcinfo, MemberOf member_of)
{
	const Asked *asked;
	int64		member;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	asked = asked_about(fcinfo, 0, 2);
	if (!member_of(asked->population, PG_GETARG_DATUM(1), &member))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(seg_current_is(asked->population, asked->segment, member, asked->notes));
}

/*
 * is_member(segment, key, population) -> boolean
 */
Datum
is_member_bigint(PG_FUNCTION_ARGS)
{
	return is_member(fcinfo, member_of_bigint);
}

Datum
is_member_uuid(PG_FUNCTION_ARGS)
{
	return is_member(fcinfo, member_of_uuid);
}

Datum
is_member_text(PG_FUNCTION_ARGS)
{
	return is_member(fcinfo, member_of_text);
}

static Datum
segments_of(FunctionCallInfo fcinfo, MemberOf member_of)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SegPopulation *population;
	int64		member;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	population = seg_population_get_bare(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	seg_check_read(population);
	if (!member_of(population, PG_GETARG_DATUM(0), &member))
		return (Datum) 0;
	foreach(lc, seg_current_segments(population, member))
	{
		Datum		value = CStringGetTextDatum(lfirst(lc));
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/*
 * segments_of(key, population) -> setof text
 */
Datum
segments_of_bigint(PG_FUNCTION_ARGS)
{
	return segments_of(fcinfo, member_of_bigint);
}

Datum
segments_of_uuid(PG_FUNCTION_ARGS)
{
	return segments_of(fcinfo, member_of_uuid);
}

Datum
segments_of_text(PG_FUNCTION_ARGS)
{
	return segments_of(fcinfo, member_of_text);
}
