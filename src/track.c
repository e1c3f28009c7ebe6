/*
 * track.c
 *		Whom did a statement touch?
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

#include "track.h"

PG_FUNCTION_INFO_V1(track);

Datum
track(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("segments.track() is the function of triggers")));
	return PointerGetDatum(NULL);
}

void
seg_track_whole(Oid root, Oid partition)
{
}
