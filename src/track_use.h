/*
 * track_use.h
 *		What a table is to the populations that are kept current.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_TRACK_USE_H
#define SEG_TRACK_USE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "utils/relcache.h"

#include "member_set.h"
#include "ruleset.h"

/* One population's use of a table: as the population itself, a source or a lookup. */
typedef struct SegUse
{
	int32		population;
	int			object;			/* as in SegRuleset.reads */
	const SegPopulation *definition;	/* that the rest was made for, and by what ruleset it was read, */
	uint64		serial;			/* which may be gone, and another one where it was; 0: by none */
	AttrNumber	key;			/* of the rows' own reference towards the member */
	Oid			key_type;		/* its type, domains looked through */
	int			ncolumns;
	SegUseColumn *columns;
	bool		any_virtual;	/* among them */
	char	   *members_query;	/* from an array of keys to those of members; NULL: they are the members' keys */
	bool		leads;			/* rows of other tables are led to their members by its rows, */
	bool		guarded;		/* and refer only to those that are there: foreign keys see to it */
	AttrNumber	referred;		/* of a source that leads: the column that rows of others refer to */
} SegUse;

/* The uses of a table, or of what it is a part of. */
extern SegUse *seg_uses_of(Oid relid, int *n);

/*
 * The use, made ready for the latest ruleset.  NULL: there is none, since somebody has locked a table (seg_ruleset_latest);
 * then it is ready for all that takes none, and not for its columns, and good for as long as the current context.
 */
extern SegRuleset *seg_use_prepare(SegUse *use, Relation rel);

/* The same for another ruleset, in the current context. */
extern void seg_use_prepare_for(SegUse *use, Relation rel, SegRuleset *ruleset);

/* So far only that notes can be left about everybody (recheck.h). */
extern void seg_use_define(SegUse *use);

/*
 * The members behind keys.  Where these are new to the population (it is its own rows that have
 * them), they get their numbers.  With the active snapshot.  *missed: somebody is writing a row with one of the
 * keys whom this does not lead to, or who does not find it.  NULL: for who only reads.
 */
extern SegMemberSet *seg_use_members(const SegUse *use, Datum *keys, Size nkeys, bool *missed);

#endif							/* SEG_TRACK_USE_H */
