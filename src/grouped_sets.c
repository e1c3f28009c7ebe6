/*
 * grouped_sets.c
 *		The value memberships: a member_set for each segment of a ruleset.
 *
 * Members come one by one, in any order, and a compressed set is no place to add one to.  So they wait
 * behind the sets, each with a bit for every segment, and go into them when they take as much
 * room as the sets do: what all of that costs is in proportion to what there is.  Before that they wait to
 * be asked about (grouped_answer.c).
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "grouped.h"

/* Those who wait take at least so much before they are worth being put into the sets. */
#define LEAST_WAITING	((Size) 64 * 1024)

typedef struct Waiting
{
	int64		member;
	uint64		bits[FLEXIBLE_ARRAY_MEMBER];
} Waiting;

static Size
waiting_size(const SegMemberships *m)
{
	return offsetof(Waiting, bits) + sizeof(uint64) * seg_memberships_words(m->nsegments);
}

static uint32
count_waiting(const SegMemberships *m)
{
	return (m->answered - m->sealed) / waiting_size(m);
}

static void
refuse_size(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the members of all segments take more than 1 GB"),
			 errhint("Ask for fewer segments at a time, or for ranges of keys.")));
}

SegMemberships *
seg_memberships_make(uint64 fingerprint, TimestampTz as_of, int n, const SegSetOf *sets, Size room)
{
	Size		size = offsetof(SegMemberships, segments);
	SegMemberships *m;
	char	   *to;

	for (int i = 0; i < n; i++)
		size = add_size(size, add_size(MAXALIGN(strlen(sets[i].name) + 1), MAXALIGN(VARSIZE(sets[i].members))));
	if (size > MaxAllocSize)
		refuse_size();
	m = palloc0(Min(add_size(size, room), MaxAllocSize));
	SET_VARSIZE(m, Min(add_size(size, room), MaxAllocSize));
	m->version = SEG_MEMBERSHIPS_VERSION;
	m->fingerprint = fingerprint;
	m->as_of = as_of;
	m->nsegments = n;
	m->sealed = size;
	m->answered = size;
	m->used = size;
	to = m->segments;
	for (int i = 0; i < n; i++)
	{
		strcpy(to, sets[i].name);
		to += MAXALIGN(strlen(sets[i].name) + 1);
		memcpy(to, sets[i].members, VARSIZE(sets[i].members));
		to += MAXALIGN(VARSIZE(sets[i].members));
	}
	return m;
}

SegSetOf *
seg_memberships_sets(const SegMemberships *m)
{
	SegSetOf   *sets = palloc(sizeof(SegSetOf) * (m->nsegments + 1));
	const char *at = m->segments;

	for (uint32 i = 0; i < m->nsegments; i++)
	{
		sets[i].name = at;
		at += MAXALIGN(strlen(at) + 1);
		sets[i].members = (const SegMemberSet *) at;
		at += MAXALIGN(VARSIZE(sets[i].members));
	}
	return sets;
}

static int
compare_waiting(const void *a, const void *b, void *arg)
{
	int64		x = (*(const Waiting *const *) a)->member;
	int64		y = (*(const Waiting *const *) b)->member;

	return (x > y) - (x < y);
}

/* Those who wait, in order. */
static const Waiting **
sort_waiting(const SegMemberships *m, uint32 n)
{
	const Waiting **all = palloc_extended(sizeof(Waiting *) * Max(n, 1), MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < n; i++)
		all[i] = (const Waiting *) ((const char *) m + m->sealed + i * waiting_size(m));
	qsort_interruptible(all, n, sizeof(Waiting *), compare_waiting, NULL);
	return all;
}

/* A word of bits at a time, 64 builders at a time: segments may be very many. */
static void
add_waiting(SegSetOf *sets, int word, int n, const Waiting **waiting, uint32 nwaiting)
{
	SegSetBuilder *builders[64];

	for (int i = 0; i < n; i++)
		builders[i] = seg_set_builder_create();
	for (uint32 k = 0; k < nwaiting; k++)
		for (uint64 bits = waiting[k]->bits[word]; bits != 0; bits &= bits - 1)
			seg_set_builder_add(builders[pg_rightmost_one_pos64(bits)], waiting[k]->member);
	for (int i = 0; i < n; i++)
	{
		sets[i].members = seg_set_combine(SEG_SET_OR, sets[i].members, seg_set_builder_finish(builders[i]));
		seg_set_builder_free(builders[i]);
	}
}

static SegMemberships *
seal(const SegMemberships *m, Size room)
{
	SegSetOf   *sets = seg_memberships_sets(m);
	uint32		n = count_waiting(m);
	const Waiting **waiting = sort_waiting(m, n);
	int			nwords = n == 0 ? 0 : seg_memberships_words(m->nsegments);

	for (int word = 0; word < nwords; word++)
	{
		CHECK_FOR_INTERRUPTS();
		add_waiting(sets + word * 64, word, Min(m->nsegments - word * 64, 64), waiting, n);
	}
	pfree(waiting);
	return seg_memberships_make(m->fingerprint, m->as_of, m->nsegments, sets, room);
}

/* Room for so many bytes more, twice as much behind the sets as there was. */
static SegMemberships *
enlarge(SegMemberships *m, Size more)
{
	Size		needed = add_size(m->used, more);
	Size		size = m->used + Max(more, Max(LEAST_WAITING / 16, m->used - m->sealed));
	SegMemberships *larger;

	if (needed <= VARSIZE(m))
		return m;
	if (needed > MaxAllocSize)
		refuse_size();
	size = Min(size, MaxAllocSize);
	larger = palloc(size);
	memcpy(larger, m, m->used);
	SET_VARSIZE(larger, size);
	return larger;
}

SegMemberships *
seg_memberships_add(SegMemberships *m, int64 member, const uint64 *bits)
{
	Size		waits = m->answered - m->sealed;
	Waiting    *waiting;

	Assert(m->used == m->answered);
	if (m->used + waiting_size(m) > VARSIZE(m) &&
		(waits >= Max(LEAST_WAITING, m->sealed) || m->used + 2 * waits > MaxAllocSize))
		m = seal(m, Max(LEAST_WAITING, m->sealed));
	m = enlarge(m, waiting_size(m));
	waiting = (Waiting *) ((char *) m + m->used);
	waiting->member = member;
	memcpy(waiting->bits, bits, sizeof(uint64) * seg_memberships_words(m->nsegments));
	m->used += waiting_size(m);
	m->answered = m->used;
	return m;
}

SegMemberships *
seg_memberships_ask(SegMemberships *m, const SegRulesetText *ruleset, int64 member, Size size, SegAsked **asked)
{
	Size		text = m->nasked > 0 ? 0 : MAXALIGN(VARHDRSZ + VARSIZE_ANY_EXHDR(ruleset));

	m = enlarge(m, add_size(add_size(text, sizeof(SegAsked)), size));
	if (text > 0)
	{
		SegRulesetText *copy = (SegRulesetText *) ((char *) m + m->used);

		SET_VARSIZE(copy, VARHDRSZ + VARSIZE_ANY_EXHDR(ruleset));
		memcpy(VARDATA(copy), VARDATA_ANY(ruleset), VARSIZE_ANY_EXHDR(ruleset));
		m->used += text;
	}
	*asked = (SegAsked *) ((char *) m + m->used);
	(*asked)->key = member;
	(*asked)->size = sizeof(SegAsked) + size;
	m->used += (*asked)->size;
	m->nasked++;
	return m;
}

const SegRulesetText *
seg_memberships_ruleset(const SegMemberships *m)
{
	return (const SegRulesetText *) ((const char *) m + m->answered);
}

const SegAsked *
seg_memberships_first_asked(const SegMemberships *m)
{
	return (const SegAsked *) ((const char *) m + m->answered + MAXALIGN(VARSIZE(seg_memberships_ruleset(m))));
}

SegMemberships *
seg_memberships_sealed(const SegMemberships *m)
{
	Assert(m->nasked == 0);
	return seal(m, 0);
}

SegMemberships *
seg_memberships_union(const SegMemberships *a, const SegMemberships *b)
{
	SegSetOf   *sets = seg_memberships_sets(seal(a, 0));
	SegSetOf   *more = seg_memberships_sets(seal(b, 0));
	bool		same = a->fingerprint == b->fingerprint && a->as_of == b->as_of && a->nsegments == b->nsegments;

	for (uint32 i = 0; same && i < a->nsegments; i++)
		same = strcmp(sets[i].name, more[i].name) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("memberships of different questions cannot be combined"),
				 errdetail("They differ in the ruleset or in the moment.")));
	for (uint32 i = 0; i < a->nsegments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sets[i].members = seg_set_combine(SEG_SET_OR, sets[i].members, more[i].members);
	}
	return seg_memberships_make(a->fingerprint, a->as_of, a->nsegments, sets, 0);
}
