/*
 * nearest.c
 *		The name that somebody probably meant.
 *
 * Near is what differs in case alone, or in at most a third of its letters and
 * never in more than three, or in two neighbours that changed places.  The distance is
 * counted between the lower-case forms.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/varlena.h"

#include "nearest.h"

#define MAX_DISTANCE	3
#define MAX_LISTED		10

/* What PostgreSQL's Levenshtein distance accepts, in bytes to be on the safe side. */
#define MAX_LENGTH		255

/* Are two names equal but for two neighbouring bytes that changed places? */
static bool
is_swapped(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
	{
		a++;
		b++;
	}
	return a[0] != '\0' && a[0] == b[1] && a[1] == b[0] && a[1] != '\0' && strcmp(a + 2, b + 2) == 0;
}

const char *
seg_nearest(const char *name, List *candidates)
{
	const char *best = NULL;
	char	   *folded = str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
	int			length = strlen(folded);
	int			allowed = Min(MAX_DISTANCE, (length + 1) / 3);
	ListCell   *lc;

	if (length > MAX_LENGTH)
		return NULL;
	foreach(lc, candidates)
	{
		const char *candidate = lfirst(lc);
		char	   *other = str_tolower(candidate, strlen(candidate), DEFAULT_COLLATION_OID);
		int			other_length = strlen(other);
		int			distance;

		if (other_length > MAX_LENGTH)
			continue;
		if (is_swapped(folded, other))
			distance = Min(allowed, 1);
		else
			distance = varstr_levenshtein_less_equal(folded, length, other, other_length,
													 1, 1, 1, allowed, true);
		if (distance <= allowed)
		{
			best = candidate;
			allowed = distance - 1;
			if (distance == 0)
				break;
		}
		pfree(other);
	}
	return best;
}

char *
seg_nearest_hint(const char *name, List *candidates, const char *fallback)
{
	const char *near = seg_nearest(name, candidates);

	if (near != NULL)
		return psprintf("Did you mean \"%s\"?", near);
	if (candidates == NIL)
		return NULL;
	return psprintf("%s: %s.", fallback, seg_list_names(candidates));
}

char *
seg_list_names(List *names)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, names)
	{
		int			i = foreach_current_index(lc);

		if (i == MAX_LISTED)
		{
			appendStringInfo(&out, " and %d more", list_length(names) - i);
			break;
		}
		appendStringInfo(&out, "%s\"%s\"", i > 0 ? ", " : "", (const char *) lfirst(lc));
	}
	return out.data;
}
