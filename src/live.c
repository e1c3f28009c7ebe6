/*
 * live.c
 *		Evaluating a program for a few members, on the spot.
 *
 * Each relation has a query that looks for members, planned once and for all; where it would only
 * look into an index of a plain table, that is done without it (live_direct.c).  Rows are laid
 * out like those of a pass (pass_read.h), and evaluated by eval.c.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval_fold.h"
#include "live.h"
#include "live_direct.h"
#include "now.h"
#include "pass_read.h"
#include "pass_read_window.h"
#include "state.h"

/* Rows of one relation, in order of their members. */
typedef struct LiveRows
{
	bool		known;			/* the way to them has been looked for */
	SegLiveDirect *direct;			/* the short way, or NULL */
	SPIPlanPtr	plan;			/* NULL: not asked for yet */
	bool		loaded;
	int			n;
	int			room;
	const SegRow **rows;
} LiveRows;

struct SegLive
{
	const SegProgram *program;
	MemoryContext context;
	MemoryContext rows_context; /* of the members at hand */
	SegReading *reading;
	SegEval    *eval;
	bool		runs_foreign;	/* functions that are not PostgreSQL's own, when values are compared */
	int			nrelations;
	LiveRows   *relations;
	int		   *item_relations; /* whose rows they count, by item */
	TimestampTz *starts;		/* which rows are in no window any more (seg_read_starts) */
	TimestampTz starts_from;	/* from when on; DT_NOEND: not known */
	int64		member;			/* at hand */
};

/* The first row of a relation that is not of a member before this one. */
static int
first_row(const LiveRows *rows, int64 member)
{
	int			low = 0;
	int			high = rows->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (rows->rows[middle]->member < member)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What the evaluator reads through. */

static void
get_column(void *arg, const SegRelation *relation, const void *row, int column, SegValue *out)
{
	SegLive    *live = arg;
	const SegRow *r = row;

	seg_layout_value(&live->reading->layouts[r->relation], r, column, seg_eval_clock(live->eval), out);
}

static int
get_rows(void *arg, const SegProgram *program, int relation, const void *member, const void *parent,
		 const void ***rows)
{
	SegLive    *live = arg;
	const LiveRows *all = &live->relations[relation];
	int			first = first_row(all, live->member);
	int			n = 0;

	Assert(all->loaded);
	*rows = (const void **) (all->rows + first);
	while (first + n < all->n && all->rows[first + n]->member == live->member)
		n++;
	return n;
}

static bool
is_member_of(void *arg, int32 segment, const void *member)
{
	SegLive    *live = arg;
	SegMemberSet *members = seg_state_members(live->program->population->id, seg_chunk_of(live->member), segment);

	return members != NULL && seg_set_contains(members, live->member);
}

/* Reading. */

static SegRow *
add_row(SegReading *reading, int relation, int64 member, Size data)
{
	SegLive    *live = reading->arg;
	LiveRows   *rows = &live->relations[relation];
	SegRow	   *row = MemoryContextAlloc(live->rows_context, SEG_ROW_DATA + data);

	if (rows->n == rows->room)
	{
		rows->room = Max(rows->room * 2, 16);
		rows->rows = rows->rows == NULL ?
			MemoryContextAlloc(live->rows_context, sizeof(SegRow *) * rows->room) :
			repalloc_huge(rows->rows, sizeof(SegRow *) * rows->room);
	}
	rows->rows[rows->n++] = row;
	row->size = SEG_ROW_DATA + data;
	row->relation = relation;
	row->member = member;
	return row;
}

static int
compare_rows(const void *a, const void *b)
{
	int64		x = (*(SegRow *const *) a)->member;
	int64		y = (*(SegRow *const *) b)->member;

	return (x > y) - (x < y);
}

static void
query_relation(SegLive *live, int relation, ParamListInfo members)
{
	LiveRows   *rows = &live->relations[relation];
	SPIPlanPtr	plan = rows->plan;

	if (plan == NULL)
	{
		plan = seg_reading_plan(live->reading, relation);
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "could not keep the plan of relation %d", relation);
		rows->plan = plan;
	}
	seg_reading_run(live->reading, relation, plan, members);
	if (rows->n > 1)
		qsort(rows->rows, rows->n, sizeof(SegRow *), compare_rows);
	rows->loaded = true;
}

static bool
read_directly(SegLive *live, int relation, int n, const int64 *members, TimestampTz start)
{
	LiveRows   *rows = &live->relations[relation];

	if (!rows->known)
	{
		MemoryContext caller = MemoryContextSwitchTo(live->context);

		rows->direct = seg_live_direct_begin(live->reading, relation);
		rows->known = true;
		MemoryContextSwitchTo(caller);
	}
	rows->loaded = rows->direct != NULL && seg_live_direct_read(rows->direct, n, members, start);
	return rows->loaded;
}

static void
forget_rows(SegLive *live)
{
	for (int i = 0; i < live->nrelations; i++)
	{
		live->relations[i].loaded = false;
		live->relations[i].n = 0;
		live->relations[i].room = 0;
		live->relations[i].rows = NULL;
	}
	MemoryContextReset(live->rows_context);
}

/* Windows begin later as time goes by; once a day is often enough to find out. */
const TimestampTz *
seg_live_starts(SegLive *live, TimestampTz now)
{
	TimestampTz from = Max(now - seg_now_lag(), MIN_TIMESTAMP);

	if (from < live->starts_from || from - live->starts_from >= USECS_PER_DAY)
	{
		seg_read_starts(live->eval, from, live->starts);
		live->starts_from = from;
	}
	return live->starts;
}

/* The moment before which none of the items counts any rows of a relation. */
static TimestampTz
start_of(const SegLive *live, int relation, const Bitmapset *items)
{
	TimestampTz start = DT_NOEND;

	for (int i = -1; (i = bms_next_member(items, i)) >= 0;)
		if (live->item_relations[i] == relation)
			start = Min(start, live->starts[i]);
	return start;
}

static void
find_items(SegLive *live)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, live->program->folds)
		n += list_length(((const SegFold *) lfirst(lc))->items);
	live->starts = palloc(sizeof(TimestampTz) * Max(n, 1));
	live->starts_from = DT_NOEND;
	live->item_relations = palloc(sizeof(int) * Max(n, 1));
	n = 0;
	foreach(lc, live->program->folds)
	{
		const SegFold *fold = lfirst(lc);

		for (int i = 0; i < list_length(fold->items); i++)
			live->item_relations[n++] = fold->relation;
	}
}

static bool
is_foreign(const SegOtherType *other)
{
	return other != NULL && other->is_foreign;
}

static bool
runs_foreign(const SegProgram *program)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, program->relations)
		foreach(lc2, ((const SegRelation *) lfirst(lc))->columns)
			if (is_foreign(((const SegColumn *) lfirst(lc2))->type.other))
				return true;
	foreach(lc, program->exprs)
	{
		const SegExpr *expr = lfirst(lc);

		if (is_foreign(expr->how.other) || is_foreign(expr->type.other))
			return true;
	}
	return false;
}

SegLive *
seg_live_begin(const SegProgram *program)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segments live", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SegLive    *live = palloc0(sizeof(SegLive));
	SegReader	reader = {.arg = live,.column = get_column,.rows = get_rows,.member_of = is_member_of};

	live->program = program;
	live->runs_foreign = runs_foreign(program);
	live->context = context;
	live->rows_context = AllocSetContextCreate(context, "segments live rows", ALLOCSET_DEFAULT_SIZES);
	live->nrelations = list_length(program->relations);
	live->relations = palloc0(sizeof(LiveRows) * live->nrelations);
	live->eval = seg_eval_begin(program, &reader, 0);
	live->reading = seg_reading_begin(program, live->eval);
	live->reading->add = add_row;
	live->reading->arg = live;
	find_items(live);
	MemoryContextSwitchTo(caller);
	return live;
}

void
seg_live_free(SegLive *live)
{
	for (int i = 0; i < live->nrelations; i++)
		if (live->relations[i].plan != NULL)
			SPI_freeplan(live->relations[i].plan);
	MemoryContextDelete(live->context);
}

/* What lies before a moment need not be read. */
static void
load_relation(SegLive *live, int relation, int n, const int64 *members, TimestampTz start)
{
	SegUser		user;

	if (read_directly(live, relation, n, members, start))
		return;
	seg_user_become_owner(&user, live->program->population);
	SPI_connect();
	query_relation(live, relation, seg_reading_members(live->program->population, n, members));
	SPI_finish();
	seg_user_restore(&user);
}

void
seg_live_load(SegLive *live, int n, const int64 *members)
{
	forget_rows(live);
	seg_eval_want(live->eval, NULL);
	load_relation(live, 0, n, members, DT_NOBEGIN);
}

void
seg_live_load_rows(SegLive *live, int n, const int64 *members, TimestampTz now, const Bitmapset *relations,
				   const Bitmapset *items)
{
	MemoryContext caller = MemoryContextSwitchTo(live->rows_context);

	seg_eval_want(live->eval, bms_copy(items));
	MemoryContextSwitchTo(caller);
	(void) seg_live_starts(live, now);
	for (int i = 0; (i = bms_next_member(relations, i)) >= 0;)
		load_relation(live, i, n, members, start_of(live, i, items));
}

bool
seg_live_runs_foreign(const SegLive *live)
{
	return live->runs_foreign;
}

bool
seg_live_member(SegLive *live, int64 member, TimestampTz now)
{
	const LiveRows *rows = &live->relations[0];
	int			at = first_row(rows, member);

	Assert(rows->loaded);
	if (at == rows->n || rows->rows[at]->member != member)
		return false;
	if (seg_eval_clock(live->eval)->now != now)
		seg_eval_set_now(live->eval, now);
	live->member = member;
	seg_eval_member(live->eval, rows->rows[at]);
	return true;
}

const SegValue *
seg_live_value(SegLive *live, const SegExpr *column)
{
	return seg_eval_value(live->eval, column);
}

bool
seg_live_needs_rows(SegLive *live, int rule)
{
	return seg_eval_needs_rows(live->eval, rule);
}

bool
seg_live_rule(SegLive *live, int rule)
{
	return seg_eval_rule(live->eval, rule);
}

TimestampTz
seg_live_until(SegLive *live, int rule)
{
	return seg_eval_until(live->eval, rule);
}
