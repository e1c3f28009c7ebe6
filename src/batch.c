/*
 * batch.c
 *		Evaluating a program for the members of a chunk together.
 *
 * There are two frames: the members of the chunk, and a batch of rows of one source.
 * An expression that reads a row is a vector over the rows' frame, every other one a vector over
 * the members'; where a condition on rows needs what is known of the member, that is
 * gathered by the rows' member numbers.
 *
 * Vectors are remembered until their frame gets other rows, like values in eval.c.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "batch_vector.h"

int			seg_batch_rows = 2048;

/* Anniversaries are looked for more than a year ahead. */
#define ANNIVERSARY_DAYS	400

/* When the vectors of a frame take so much, they are made anew for the next rows. */
#define MOST_VECTOR_BYTES	(256 * 1024 * 1024)
#define MOST_TIGHT_BYTES	(32 * 1024 * 1024)

static void
frame_init(SegFrame *frame, const SegProgram *program, int scope, int room)
{
	frame->scope = scope;
	frame->room = room;
	frame->size = room;
	frame->vectors = palloc0(sizeof(SegVector) * list_length(program->exprs));
	frame->touched = palloc(sizeof(int) * (list_length(program->exprs) + 1));
	frame->memory = AllocSetContextCreate(CurrentMemoryContext, "segments vectors", ALLOCSET_DEFAULT_SIZES);
	frame->context = AllocSetContextCreate(CurrentMemoryContext, "segments batch", ALLOCSET_DEFAULT_SIZES);
}

SegBatch *
seg_batch_begin(const SegProgram *program, SegEval *eval, const SegLayout *layouts, bool until)
{
	SegBatch   *b = palloc0(sizeof(SegBatch));
	int			nrelations = list_length(program->relations);
	ListCell   *lc;

	b->program = program;
	b->eval = eval;
	b->layouts = layouts;
	b->exprs = palloc(sizeof(SegExpr *) * Max(list_length(program->exprs), 1));
	foreach(lc, program->exprs)
		b->exprs[foreach_current_index(lc)] = lfirst(lc);
	frame_init(&b->members, program, SEG_SCOPE_MEMBER, SEG_CHUNK_KEYS);
	frame_init(&b->rows, program, 1, seg_batch_rows);
	b->relations = palloc0(sizeof(SegBatchRelation) * nrelations);
	b->folds = seg_batch_folds(program);
	b->visited = palloc0(sizeof(uint64) * Max(list_length(program->exprs), 1));
	b->families = palloc0(sizeof(SegFamily *) * Max(list_length(program->exprs), 1));
	b->family_users = palloc0(sizeof(SegFamilyUser *) * Max(list_length(program->exprs), 1));
	seg_batch_plan_families(b);
	if (until)
	{
		b->members.untils = palloc0(sizeof(SegUntilVector) * Max(list_length(program->exprs), 1));
		b->rows.untils = palloc0(sizeof(SegUntilVector) * Max(list_length(program->exprs), 1));
		/* one search serves all who are born on a day */
		seg_until_begin(eval)->anniversary_days = ANNIVERSARY_DAYS;
	}
	return b;
}

static void
forget_vectors(SegFrame *frame)
{
	for (int i = 0; i < frame->ntouched; i++)
	{
		memset(&frame->vectors[frame->touched[i]], 0, sizeof(SegVector));
		if (frame->untils != NULL)
			memset(&frame->untils[frame->touched[i]], 0, sizeof(SegUntilVector));
	}
	frame->ntouched = 0;
	frame->bytes = 0;
	MemoryContextReset(frame->memory);
}

/*
 * Vectors keep their memory, but not if that of all gets too much, or if they are to be of
 * another size.
 */
static void
fit_vectors(SegFrame *frame, int n)
{
	int			size = frame->tight ? Min((int) pg_nextpower2_32(Max(n, 64)), frame->room) : frame->room;

	if (frame->bytes < (frame->tight ? MOST_TIGHT_BYTES : MOST_VECTOR_BYTES) && n <= frame->size && frame->size <= 4 * size)
		return;
	forget_vectors(frame);
	frame->size = size;
}

/* Other rows for a frame. */
void
seg_batch_new_rows(SegBatch *b, SegFrame *frame, const SegRow **rows, const uint16 *member, int n)
{
	Assert(n <= frame->room);
	fit_vectors(frame, n);
	MemoryContextReset(frame->context);
	frame->rows = rows;
	frame->member = member;
	frame->n = n;
	frame->stamp = ++b->last_stamp;
}

void
seg_batch_load(SegBatch *b, const SegRow **members, int nmembers, const SegRow ***rows, const Size *nrows)
{
	for (int i = 0; i < list_length(b->program->relations); i++)
		b->relations[i].loaded = false;
	b->source_rows = rows;
	b->source_nrows = nrows;
	seg_batch_new_rows(b, &b->members, members, NULL, nmembers);
}

void
seg_batch_want(SegBatch *b, const int *rules, int nrules)
{
	b->members.tight = true;
	b->rules = rules;
	b->nrules = nrules;
	seg_batch_want_rules(b, rules, nrules);
}

const uint64 *
seg_batch_rule(SegBatch *b, int rule)
{
	return seg_batch_bits(b, &b->members, b->program->rules[rule]);
}

/* The first row from here on that is not of a member before; by strides that double, then halve. */
static Size
skip_rows(const SegRow **rows, Size next, Size nrows, int64 key)
{
	Size		stride = 1;

	if (next >= nrows || rows[next]->member >= key)
		return next;
	while (stride < nrows - next && rows[next + stride]->member < key)
	{
		next += stride;
		stride *= 2;
	}
	for (; stride > 0; stride /= 2)
		if (stride < nrows - next && rows[next + stride]->member < key)
			next += stride;
	return next + 1;
}

/* Lays out the rows of a source by member, when they are first needed. */
static void
load_relation(SegBatch *b, int relationno)
{
	SegBatchRelation *r = &b->relations[relationno];
	const SegRow **rows = b->source_rows[relationno];
	Size		nrows = b->source_nrows[relationno];
	Size		next = 0;

	if (r->start == NULL)
		r->start = palloc(sizeof(Size) * (SEG_CHUNK_KEYS + 1));
	if (nrows > r->room)
	{
		if (r->rows)
		{
			pfree(r->rows);
			pfree(r->member);
		}
		r->room = nrows;
		r->rows = MemoryContextAllocHuge(GetMemoryChunkContext(b), sizeof(SegRow *) * nrows);
		r->member = MemoryContextAllocHuge(GetMemoryChunkContext(b), sizeof(uint16) * nrows);
	}
	r->n = 0;
	for (int i = 0; i < b->members.n; i++)
	{
		int64		key = b->members.rows[i]->member;

		CHECK_FOR_INTERRUPTS();
		next = skip_rows(rows, next, nrows, key);
		r->start[i] = r->n;
		for (; next < nrows && rows[next]->member == key; next++)
		{
			r->rows[r->n] = rows[next];
			r->member[r->n++] = (uint16) i;
		}
	}
	r->start[b->members.n] = r->n;
	r->loaded = true;
}

const SegBatchRelation *
seg_batch_relation(SegBatch *b, int relationno)
{
	MemoryContext caller;

	if (!b->relations[relationno].loaded)
	{
		caller = MemoryContextSwitchTo(GetMemoryChunkContext(b));
		load_relation(b, relationno);
		MemoryContextSwitchTo(caller);
	}
	return &b->relations[relationno];
}

int
seg_batch_member_rows(const SegBatch *batch, int relationno, const void ***rows)
{
	const SegBatchRelation *r = seg_batch_relation(unconstify(SegBatch *, batch), relationno);
	Size		n = r->start[batch->current + 1] - r->start[batch->current];

	if (n > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a member has too many rows in a source"),
				 errdetail("Member " INT64_FORMAT " has more than %d.",
						   batch->members.rows[batch->current]->member, PG_INT32_MAX)));
	*rows = (const void **) (r->rows + r->start[batch->current]);
	return (int) n;
}

/* Vectors' memory is made once, for as many rows as the frame will have. */
void *
seg_vector_memory(SegFrame *frame, int expr, Size size)
{
	SegVector  *v = &frame->vectors[expr];

	if (!v->touched)
		frame->touched[frame->ntouched++] = expr;
	v->touched = true;
	frame->bytes += size;
	return MemoryContextAllocZero(frame->memory, size);
}

uint64 *
seg_vector_bits(SegFrame *frame, SegVector *v)
{
	if (v->bits == NULL)
		v->bits = seg_vector_memory(frame, v - frame->vectors, sizeof(uint64) * SEG_WORDS(frame->size));
	return v->bits;
}

int64 *
seg_vector_ints(SegFrame *frame, SegVector *v)
{
	if (v->ints == NULL)
		v->ints = seg_vector_memory(frame, v - frame->vectors, sizeof(int64) * frame->size);
	return v->ints;
}

SegValue *
seg_vector_values(SegFrame *frame, SegVector *v)
{
	if (v->values == NULL)
		v->values = seg_vector_memory(frame, v - frame->vectors, sizeof(SegValue) * frame->size);
	return v->values;
}

/*
 * One element as a value.  False for a numeric that is kept in ten-thousandths: its own digits
 * are not known any more.
 */
bool
seg_vector_element(const SegVector *v, int i, SegValue *out)
{
	switch (v->kind)
	{
		case SEG_VECTOR_BITS:
			out->tag = SEG_V_BOOL;
			out->v.b = seg_bit(v->bits, i);
			break;
		case SEG_VECTOR_INTS:
			if (!seg_bit(v->bits, i))
				seg_value_missing(out);
			else if (v->tag == SEG_V_NUMERIC)
				return false;
			else
			{
				out->tag = v->tag;
				if (v->tag == SEG_V_BOOL)
					out->v.b = v->ints[i] != 0;
				else
					out->v.i = v->ints[i];
			}
			break;
		case SEG_VECTOR_VALUES:
			*out = v->values[i];
			break;
	}
	return true;
}

/* Is the expression's vector one of bits? */
static bool
is_condition(SegBatch *b, const SegExpr *expr)
{
	const SegFold *fold;

	if (expr->op != SEG_X_AGGREGATE)
		return expr->op >= SEG_X_AND;
	fold = list_nth(b->program->folds, expr->fold);
	return ((SegFoldItem *) list_nth(fold->items, expr->item))->kind == SEG_FOLD_EXISTS;
}

/* Has eval.c look at one of the frame's rows. */
void
seg_batch_place(SegBatch *b, const SegFrame *frame, int i)
{
	int			member = frame->member ? frame->member[i] : i;

	CHECK_FOR_INTERRUPTS();
	if (i == 0 || frame->member == NULL || member != b->current)
	{
		b->current = member;
		seg_eval_member(b->eval, b->members.rows[member]);
	}
	if (frame->scope > SEG_SCOPE_MEMBER)
		seg_eval_row(b->eval, frame->scope, frame->rows[i]);
}

/* Value by value, as eval.c computes it. */
static void
scalar(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	bool		condition = is_condition(b, expr);
	uint64	   *bits = condition ? seg_vector_bits(frame, out) : NULL;
	SegValue   *values = condition ? NULL : seg_vector_values(frame, out);
	MemoryContext caller = MemoryContextSwitchTo(frame->context);

	out->kind = condition ? SEG_VECTOR_BITS : SEG_VECTOR_VALUES;
	if (condition)
		memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
	for (int i = 0; i < frame->n; i++)
	{
		seg_batch_place(b, frame, i);
		if (!condition)
			seg_value_copy(&values[i], seg_eval_value(b->eval, expr), expr->type.other);
		else if (seg_eval_condition(b->eval, expr))
			seg_bit_set(bits, i);
	}
	MemoryContextSwitchTo(caller);
}

/* What is known of members, for their rows. */
static void
gather(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	const SegVector *v = seg_batch_vector(b, &b->members, expr);

	out->kind = v->kind;
	out->tag = v->tag;
	if (v->kind != SEG_VECTOR_VALUES)
	{
		uint64	   *bits = seg_vector_bits(frame, out);

		memset(bits, 0, sizeof(uint64) * SEG_WORDS(frame->n));
		for (int i = 0; i < frame->n; i++)
			bits[i / 64] |= (uint64) seg_bit(v->bits, frame->member[i]) << (i % 64);
	}
	if (v->kind == SEG_VECTOR_INTS)
	{
		int64	   *ints = seg_vector_ints(frame, out);

		for (int i = 0; i < frame->n; i++)
			ints[i] = v->ints[frame->member[i]];
	}
	else if (v->kind == SEG_VECTOR_VALUES)
	{
		SegValue   *values = seg_vector_values(frame, out);

		for (int i = 0; i < frame->n; i++)
			values[i] = v->values[frame->member[i]];
	}
}

static bool
any_bit(const uint64 *bits, int nwords)
{
	for (int w = 0; w < nwords; w++)
		if (bits[w] != 0)
			return true;
	return false;
}

/* AND, OR, NOT.  An AND that nobody fulfils any more asks no further. */
static void
gate(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);
	int			nwords = SEG_WORDS(frame->n);
	const uint64 *arg = seg_batch_bits(b, frame, expr->args[0]);

	out->kind = SEG_VECTOR_BITS;
	if (expr->op == SEG_X_NOT)
	{
		for (int w = 0; w < nwords; w++)
			bits[w] = ~arg[w];
		seg_bits_cut(bits, frame->n);
		return;
	}
	memcpy(bits, arg, sizeof(uint64) * nwords);
	for (int i = 1; i < expr->nargs; i++)
	{
		if (expr->op == SEG_X_AND && !any_bit(bits, nwords))
			return;
		arg = seg_batch_bits(b, frame, expr->args[i]);
		if (expr->op == SEG_X_AND)
			for (int w = 0; w < nwords; w++)
				bits[w] &= arg[w];
		else
			for (int w = 0; w < nwords; w++)
				bits[w] |= arg[w];
	}
}

/* A condition that is the same for all. */
static void
constant_condition(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	uint64	   *bits = seg_vector_bits(frame, out);
	int			nwords = SEG_WORDS(frame->n);

	out->kind = SEG_VECTOR_BITS;
	memset(bits, seg_eval_condition(b->eval, expr) ? 0xff : 0, sizeof(uint64) * nwords);
	seg_bits_cut(bits, frame->n);
}

static void
compute(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	if (b->rows.room == 0)
	{
		if (expr->depth < SEG_SCOPE_MEMBER && expr->type.type == SEG_T_BOOL)
			constant_condition(b, frame, expr, out);
		else
			scalar(b, frame, expr, out);
		return;
	}
	if (frame->scope > SEG_SCOPE_MEMBER && expr->depth == SEG_SCOPE_MEMBER)
	{
		gather(b, frame, expr, out);
		return;
	}
	switch (expr->op)
	{
		case SEG_X_AND:
		case SEG_X_OR:
		case SEG_X_NOT:
			gate(b, frame, expr, out);
			return;
		case SEG_X_COLUMN:
			seg_batch_column(b, frame, expr, out);
			return;
		case SEG_X_AGGREGATE:
			if (frame->scope == SEG_SCOPE_MEMBER && seg_batch_aggregate(b, expr, out))
				return;
			break;
		default:
			if (expr->depth < SEG_SCOPE_MEMBER && expr->type.type == SEG_T_BOOL)
			{
				constant_condition(b, frame, expr, out);
				return;
			}
			if (seg_batch_test(b, frame, expr, out))
				return;
	}
	scalar(b, frame, expr, out);
}

SegVector *
seg_batch_vector(SegBatch *b, SegFrame *frame, const SegExpr *expr)
{
	SegVector  *v = &frame->vectors[expr->id];

	if (v->stamp != frame->stamp)
	{
		check_stack_depth();
		CHECK_FOR_INTERRUPTS();
		compute(b, frame, expr, v);
		v->stamp = frame->stamp;
	}
	return v;
}

/* The vector of a condition, of an aggregate that is one, or of a boolean column's truth. */
const uint64 *
seg_batch_bits(SegBatch *b, SegFrame *frame, const SegExpr *expr)
{
	SegVector  *v = seg_batch_vector(b, frame, expr);

	Assert(v->kind == SEG_VECTOR_BITS);
	return v->bits;
}
