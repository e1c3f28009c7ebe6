/*
 * batch_until.c
 *		Until when the answers for the members of a chunk last if only the clock moves.
 */
#include "postgres.h"

#include "batch_vector.h"

const TimestampTz *
seg_batch_until(SegBatch *b)
{
	TimestampTz *until = MemoryContextAlloc(b->members.context, sizeof(TimestampTz) * Max(b->members.n, 1));

	for (int i = 0; i < b->members.n; i++)
	{
		until[i] = DT_NOEND;
		b->current = i;
		seg_eval_member(b->eval, b->members.rows[i]);
		for (int rule = 0; rule < b->program->nrules; rule++)
			until[i] = Min(until[i], seg_eval_until(b->eval, rule));
	}
	return until;
}
