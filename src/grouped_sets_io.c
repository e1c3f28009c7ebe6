/*
 * grouped_sets_io.c
 *		The text and the binary form of memberships.
 *
 *		head, nsegments : int32, (name, member_set) ...
 *
 * Names are texts as grouped_text.c has them, and sets as member_set_io.c writes them.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "grouped.h"

PG_FUNCTION_INFO_V1(memberships_in);
PG_FUNCTION_INFO_V1(memberships_out);
PG_FUNCTION_INFO_V1(memberships_recv);
PG_FUNCTION_INFO_V1(memberships_send);

#define TYPE	"memberships"

static void
send_sets(FunctionCallInfo fcinfo, StringInfo out)
{
	const SegMemberships *given = DatumGetSegMembershipsP(PG_GETARG_DATUM(0));
	const SegMemberships *m = seg_memberships_sealed(seg_memberships_answered(fcinfo, given));
	const SegSetOf *sets = seg_memberships_sets(m);

	seg_grouped_send_head(out, SEG_MEMBERSHIPS_VERSION, m->fingerprint, m->as_of);
	pq_sendint32(out, m->nsegments);
	for (uint32 i = 0; i < m->nsegments; i++)
	{
		bytea	   *set = DatumGetByteaPP(DirectFunctionCall1(member_set_send, PointerGetDatum(sets[i].members)));

		CHECK_FOR_INTERRUPTS();
		seg_grouped_send_bytes(out, sets[i].name, strlen(sets[i].name));
		seg_grouped_send_bytes(out, VARDATA_ANY(set), VARSIZE_ANY_EXHDR(set));
	}
}

static void
get_set(StringInfo in, int encoding, SegSetOf *set)
{
	StringInfoData bytes;
	char	   *name;

	if (!seg_grouped_get_bytes(in, TYPE, &bytes))
		seg_grouped_refuse(TYPE, "A name is missing.");
	name = seg_grouped_convert(&bytes, encoding);
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		seg_grouped_refuse(TYPE, "A name is none.");
	set->name = name;
	if (!seg_grouped_get_bytes(in, TYPE, &bytes))
		seg_grouped_refuse(TYPE, "A set is missing.");
	set->members = (const SegMemberSet *) DatumGetPointer(DirectFunctionCall1(member_set_recv, PointerGetDatum(&bytes)));
	if (bytes.cursor != bytes.len)
		seg_grouped_refuse(TYPE, "There are bytes behind a set.");
}

static SegMemberships *
get_sets(StringInfo in)
{
	uint64		fingerprint;
	TimestampTz as_of;
	int			encoding;
	uint32		n;
	SegSetOf   *sets;

	seg_grouped_get_head(in, TYPE, SEG_MEMBERSHIPS_VERSION, &encoding, &fingerprint, &as_of);
	n = pq_getmsgint(in, sizeof(int32));
	/* each takes some bytes */
	if (n > (uint32) (in->len - in->cursor))
		seg_grouped_refuse(TYPE, "It ends too early.");
	sets = palloc_extended(sizeof(SegSetOf) * (Size) (n + 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		get_set(in, encoding, &sets[i]);
	}
	if (in->cursor != in->len)
		seg_grouped_refuse(TYPE, "There are bytes behind the last set.");
	return seg_memberships_make(fingerprint, as_of, n, sets, 0);
}

Datum
memberships_in(PG_FUNCTION_ARGS)
{
	StringInfoData binary;

	seg_grouped_from_text(PG_GETARG_CSTRING(0), TYPE, &binary);
	PG_RETURN_POINTER(get_sets(&binary));
}

Datum
memberships_out(PG_FUNCTION_ARGS)
{
	StringInfoData binary;

	initStringInfo(&binary);
	send_sets(fcinfo, &binary);
	PG_RETURN_CSTRING(seg_grouped_text(&binary));
}

Datum
memberships_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(get_sets((StringInfo) PG_GETARG_POINTER(0)));
}

Datum
memberships_send(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	pq_begintypsend(&out);
	send_sets(fcinfo, &out);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}
