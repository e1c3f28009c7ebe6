/*
 * state_chunk.c
 *		The sets of a chunk, kept in memory.
 *
 * Sets change only when the tail is folded or a segment is built, and then the chunk gets another
 * version, one that was never given before.  So a session keeps what it has read, filed under
 * the chunk, for as long as the version is the one that its snapshot sees: one
 * look-up of a short row instead of one for each segment.
 *
 * Sets are read when they are asked for, one by one at first; who asks for many gets all.
 *
 * The same goes for when members are due: rows of segments.due whose time has not come, on anybody's clock, are
 * deleted only with a new version.  What others have added since is not known, and of what this
 * session adds only what was committed: too little is harmless, since one row too many is.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "now.h"
#include "state.h"

/* Sets that are read one by one before all are. */
#define ONE_BY_ONE	8

typedef struct ChunkKey
{
	int64		chunk;
	int64		population;
} ChunkKey;

struct SegStateChunk
{
	ChunkKey	key;
	dlist_node	used;			/* in order of use, the latest first */
	int64		version;
	TimestampTz settled;		/* as read last */
	MemoryContext context;		/* of the sets; a child of the cache's */
	bool		complete;
	int			nsets;
	int			room;
	SegStateSet *sets;			/* in order of segments; members NULL: read, there are none */
	uint32	   *due;			/* by member: minutes, rounded up; or NULL */
	Size		bytes;
};

#define NEVER			PG_UINT32_MAX
#define DUE_BYTES		(sizeof(uint32) * SEG_CHUNK_KEYS)

/* A moment that was added in this transaction. */
typedef struct Added
{
	ChunkKey	key;
	int64		version;
	int64		member;
	TimestampTz at;
} Added;

int			seg_state_cache_memory = 128 * 1024;

static HTAB *chunks = NULL;
static MemoryContext cache = NULL;
static dlist_head used = DLIST_STATIC_INIT(used);
static Size cached_bytes = 0;
static List *added = NIL;		/* of Added *, in TopTransactionContext */

SegMemberSet *
seg_state_scanned(const SegScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		datum = seg_scan_datum(scan, column, &isnull);

	return isnull ? NULL : (SegMemberSet *) PG_DETOAST_DATUM_COPY(datum);
}

/* The cache. */

static void
forget_sets(SegStateChunk *c)
{
	cached_bytes -= c->bytes;
	c->bytes = 0;
	c->nsets = c->room = 0;
	c->sets = NULL;
	c->due = NULL;
	c->complete = false;
	MemoryContextReset(c->context);
}

static void
remove_chunk(SegStateChunk *c)
{
	forget_sets(c);
	MemoryContextDelete(c->context);
	dlist_delete(&c->used);
	(void) hash_search(chunks, &c->key, HASH_REMOVE, NULL);
}

/* Makes room, but for the one that was used last. */
static void
shrink_cache(void)
{
	Size		most = (Size) seg_state_cache_memory * 1024;

	while (cached_bytes > most)
	{
		SegStateChunk *oldest = dlist_tail_element(SegStateChunk, used, &used);

		if (&oldest->used == dlist_head_node(&used))
			break;
		remove_chunk(oldest);
	}
}

static SegStateChunk *
find_chunk(int32 population, int64 number)
{
	ChunkKey	key = {.chunk = number,.population = population};
	SegStateChunk *c;
	bool		found;

	if (chunks == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(ChunkKey),.entrysize = sizeof(SegStateChunk)};

		cache = AllocSetContextCreate(CacheMemoryContext, "segments chunks", ALLOCSET_DEFAULT_SIZES);
		control.hcxt = cache;
		chunks = hash_create("segments chunks", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	c = hash_search(chunks, &key, HASH_FIND, NULL);
	if (c != NULL)
	{
		dlist_move_head(&used, &c->used);
		return c;
	}
	/* made before it is entered: an error must not leave half an entry */
	{
		MemoryContext context = AllocSetContextCreate(cache, "segments chunk", ALLOCSET_SMALL_SIZES);

		c = hash_search(chunks, &key, HASH_ENTER, &found);
		memset((char *) c + sizeof(ChunkKey), 0, sizeof(SegStateChunk) - sizeof(ChunkKey));
		c->context = context;
		dlist_push_head(&used, &c->used);
	}
	return c;
}

/* The row that says which version it is, if there is one. */
static SegChunkVersion
read_version(int32 population, int64 number)
{
	SegChunkVersion v = {.version = 0,.settled = DT_NOBEGIN};
	SegScan		scan;
	ScanKeyData keys[2];
	bool		isnull;

	seg_key_int4(&keys[0], SEG_COL_CHUNK_POPULATION, population);
	seg_key_int8(&keys[1], SEG_COL_CHUNK_CHUNK, BTEqualStrategyNumber, number);
	seg_scan_begin(&scan, SEG_REL_CHUNK, SEG_REL_CHUNK_PKEY, lengthof(keys), keys);
	if (seg_scan_next(&scan))
	{
		v.version = seg_scan_int8(&scan, SEG_COL_CHUNK_VERSION);
		v.settled = DatumGetTimestampTz(seg_scan_datum(&scan, SEG_COL_CHUNK_SETTLED, &isnull));
	}
	seg_scan_end(&scan);
	return v;
}

SegStateChunk *
seg_state_chunk_again(int32 population, int64 number, SegChunkVersion version)
{
	SegStateChunk *c = find_chunk(population, number);

	if (c->version != version.version)
		forget_sets(c);
	c->version = version.version;
	c->settled = version.settled;
	shrink_cache();
	return c;
}

SegStateChunk *
seg_state_chunk(int32 population, int64 number)
{
	return seg_state_chunk_again(population, number, read_version(population, number));
}

SegChunkVersion
seg_state_version(const SegStateChunk *chunk)
{
	return (SegChunkVersion) {.version = chunk->version,.settled = chunk->settled};
}

int64
seg_state_number(const SegStateChunk *chunk)
{
	return chunk->key.chunk;
}

TimestampTz
seg_state_settled(const SegStateChunk *chunk)
{
	return chunk->settled;
}

/* Sets. */

/* Where the segment's set is, or belongs. */
static int
position_of(const SegStateChunk *c, int32 segment)
{
	int			low = 0;
	int			high = c->nsets;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (c->sets[middle].segment < segment)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What a set in the cache takes; that is more than its own size. */
static int64
set_bytes(const SegMemberSet *members)
{
	return (members ? GetMemoryChunkSpace(unconstify(SegMemberSet *, members)) : 0) + sizeof(SegStateSet);
}

static void
count_bytes(SegStateChunk *c, int64 bytes)
{
	c->bytes += bytes;
	cached_bytes += bytes;
}

static void
insert_set(SegStateChunk *c, int at, int32 segment, const SegMemberSet *members)
{
	if (c->nsets == c->room)
	{
		int			room = Max(c->room * 2, 16);

		c->sets = c->sets == NULL ? MemoryContextAlloc(c->context, sizeof(SegStateSet) * room) :
			repalloc(c->sets, sizeof(SegStateSet) * room);
		c->room = room;
	}
	memmove(&c->sets[at + 1], &c->sets[at], sizeof(SegStateSet) * (c->nsets - at));
	c->sets[at].segment = segment;
	c->sets[at].members = members;
	c->nsets++;
	count_bytes(c, set_bytes(members));
}

static void
begin_scan(const SegStateChunk *c, SegScan *scan, const int32 *segment)
{
	ScanKeyData keys[3];

	seg_key_int4(&keys[0], SEG_COL_MEMBERSHIP_POPULATION, (int32) c->key.population);
	seg_key_int8(&keys[1], SEG_COL_MEMBERSHIP_CHUNK, BTEqualStrategyNumber, c->key.chunk);
	if (segment != NULL)
		seg_key_int4(&keys[2], SEG_COL_MEMBERSHIP_SEGMENT, *segment);
	seg_scan_begin(scan, SEG_REL_MEMBERSHIP, SEG_REL_MEMBERSHIP_PKEY, segment != NULL ? 3 : 2, keys);
}

static SegMemberSet *
scanned_into(const SegStateChunk *c, const SegScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(c->context);
	SegMemberSet *set = seg_state_scanned(scan, SEG_COL_MEMBERSHIP_MEMBERS);

	MemoryContextSwitchTo(caller);
	return set;
}

static void
read_all(SegStateChunk *c)
{
	SegScan		scan;

	/* those read one by one, too */
	for (int i = 0; i < c->nsets; i++)
	{
		count_bytes(c, -set_bytes(c->sets[i].members));
		if (c->sets[i].members != NULL)
			pfree(unconstify(SegMemberSet *, c->sets[i].members));
	}
	c->nsets = 0;
	begin_scan(c, &scan, NULL);
	while (seg_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		insert_set(c, c->nsets, seg_scan_int4(&scan, SEG_COL_MEMBERSHIP_SEGMENT), scanned_into(c, &scan));
	}
	seg_scan_end(&scan);
	c->complete = true;
}

static const SegMemberSet *
read_one(SegStateChunk *c, int at, int32 segment)
{
	SegScan		scan;
	SegMemberSet *set = NULL;

	begin_scan(c, &scan, &segment);
	if (seg_scan_next(&scan))
		set = scanned_into(c, &scan);
	seg_scan_end(&scan);
	insert_set(c, at, segment, set);
	return set;
}

const SegMemberSet *
seg_state_set(SegStateChunk *c, int32 segment)
{
	int			at = position_of(c, segment);

	if (c->version == 0)
		return NULL;
	if (at < c->nsets && c->sets[at].segment == segment)
		return c->sets[at].members;
	if (c->complete)
		return NULL;
	if (c->nsets < ONE_BY_ONE)
		return read_one(c, at, segment);
	read_all(c);
	at = position_of(c, segment);
	return at < c->nsets && c->sets[at].segment == segment ? c->sets[at].members : NULL;
}

const SegStateSet *
seg_state_sets(SegStateChunk *c, int *n)
{
	if (!c->complete && c->version != 0)
		read_all(c);
	*n = c->nsets;
	return c->sets;
}

/* When members are due. */

/* From a moment to minutes, never earlier; NEVER where they do not reach. */
static uint32
minutes_of(TimestampTz at)
{
	int64		minutes = at / USECS_PER_MINUTE + (at % USECS_PER_MINUTE > 0 ? 1 : 0);

	return at < 0 || minutes >= NEVER ? NEVER : (uint32) minutes;
}

static void
read_due(SegStateChunk *c, TimestampTz now)
{
	TimestampTz *earliest = palloc(sizeof(TimestampTz) * SEG_CHUNK_KEYS);
	uint32	   *due = MemoryContextAlloc(c->context, DUE_BYTES);

	seg_due_earliest((int32) c->key.population, c->key.chunk, now, true, earliest);
	for (int i = 0; i < SEG_CHUNK_KEYS; i++)
		due[i] = minutes_of(earliest[i]);
	pfree(earliest);
	c->due = due;
	count_bytes(c, DUE_BYTES);
}

bool
seg_state_due_later(SegStateChunk *c, int64 member, TimestampTz now, TimestampTz at)
{
	uint32		minutes;
	TimestampTz known;

	if (c->version == 0)
		return seg_due_later((int32) c->key.population, member, now, at);
	if (c->due == NULL)
		read_due(c, now);
	minutes = c->due[member & SEG_CHUNK_MASK];
	if (minutes == NEVER)
		return false;
	known = minutes * USECS_PER_MINUTE;
	/* what was known may be over, also for somebody whose clock is ahead and who has done with it */
	if (known - seg_now_lag() < Max(now, seg_now_latest()))
		return seg_due_later((int32) c->key.population, member, now, at);
	return known <= at;
}

/* What was committed is there for good, as long as the version is. */
static void
transaction_ends(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (event == XACT_EVENT_COMMIT)
		foreach(lc, added)
		{
			const Added *a = lfirst(lc);
			SegStateChunk *c = hash_search(chunks, &a->key, HASH_FIND, NULL);

			if (c != NULL && c->due != NULL && c->version == a->version)
				c->due[a->member & SEG_CHUNK_MASK] = Min(c->due[a->member & SEG_CHUNK_MASK], minutes_of(a->at));
		}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		added = NIL;
}

/* Some of it may have been rolled back: who knows which. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		added = NIL;
}

void
seg_state_due_added(SegStateChunk *c, int64 member, TimestampTz at)
{
	static bool watching = false;
	MemoryContext caller;
	Added	   *a;

	if (c->version == 0 || c->due == NULL)
		return;
	if (!watching)
	{
		RegisterXactCallback(transaction_ends, NULL);
		RegisterSubXactCallback(subtransaction_ends, NULL);
		watching = true;
	}
	caller = MemoryContextSwitchTo(TopTransactionContext);
	a = palloc(sizeof(Added));
	*a = (Added) {.key = c->key,.version = c->version,.member = member,.at = at};
	added = lappend(added, a);
	MemoryContextSwitchTo(caller);
}

SegMemberSet *
seg_state_members(int32 population, int64 chunk, int32 segment)
{
	const SegMemberSet *set = seg_state_set(seg_state_chunk(population, chunk), segment);
	SegTailChunk tail;

	if (seg_tail_of_segment(segment, chunk, &tail))
		return seg_tail_apply(&tail, chunk, set);
	return set == NULL ? NULL : seg_set_copy(set);
}

void
seg_state_touch(int32 population, int64 chunk, TimestampTz settled, bool keep_version)
{
	Oid			argtypes[] = {INT4OID, INT8OID, TIMESTAMPTZOID, BOOLOID};
	Datum		values[] = {Int32GetDatum(population), Int64GetDatum(chunk), TimestampTzGetDatum(settled),
	BoolGetDatum(keep_version)};

	if (SPI_execute_with_args("INSERT INTO segments.chunk AS c (population, chunk, version, settled)"
							  " VALUES ($1, $2, pg_catalog.nextval('segments.chunk_version'), $3)"
							  " ON CONFLICT (population, chunk) DO UPDATE SET settled = greatest(c.settled, excluded.settled),"
							  " version = CASE WHEN $4 THEN c.version ELSE excluded.version END",
							  lengthof(argtypes), argtypes, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write segments.chunk");
}
