/*
 * json.h
 *		Reading jsonb in place: one key, or the elements of an array.
 *
 * PostgreSQL's own look-up and iterator allocate memory for every call; these do not.
 * The layout is drawn in utils/jsonb.h: an object's keys are sorted by length and then
 * by bytes, the keys' entries stand before those of their values, the bytes of all of
 * them follow.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_JSON_H
#define SEG_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "compat.h"

/* The elements of an array or, as keys and values by turns, the pairs of an object. */
typedef struct SegJsonWalk
{
	const JsonbContainer *container;
	char	   *base;			/* the bytes behind the entries */
	uint32		count;
	uint32		index;
	uint32		offset;			/* of element index */
} SegJsonWalk;

/* What stands at an entry whose bytes begin at base + offset. */
static inline void
seg_json_fill(const JsonbContainer *container, uint32 index, char *base, uint32 offset, JsonbValue *out)
{
	JEntry		entry = container->children[index];

	if (JBE_ISSTRING(entry))
	{
		out->type = jbvString;
		out->val.string.val = base + offset;
		out->val.string.len = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) - offset : JBE_OFFLENFLD(entry);
	}
	else if (JBE_ISNUMERIC(entry))
	{
		out->type = jbvNumeric;
		out->val.numeric = (Numeric) (base + INTALIGN(offset));
	}
	else if (JBE_ISBOOL(entry))
	{
		out->type = jbvBool;
		out->val.boolean = JBE_ISBOOL_TRUE(entry);
	}
	else if (JBE_ISCONTAINER(entry))
	{
		uint32		len = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) - offset : JBE_OFFLENFLD(entry);

		out->type = jbvBinary;
		out->val.binary.data = (JsonbContainer *) (base + INTALIGN(offset));
		out->val.binary.len = len - (INTALIGN(offset) - offset);
	}
	else
		out->type = jbvNull;
}

/* Begins with the first element of an array, or with the first key of an object. */
static inline void
seg_json_walk(SegJsonWalk *walk, const JsonbContainer *container)
{
	walk->container = container;
	walk->count = JsonContainerSize(container) * (JsonContainerIsObject(container) ? 2 : 1);
	walk->base = (char *) &container->children[walk->count];
	walk->index = 0;
	walk->offset = 0;
}

/* The next one, in the order of their entries: an object's keys all come before its values. */
static inline bool
seg_json_next(SegJsonWalk *walk, JsonbValue *out)
{
	if (walk->index == walk->count)
		return false;
	seg_json_fill(walk->container, walk->index, walk->base, walk->offset, out);
	JBE_ADVANCE_OFFSET(walk->offset, walk->container->children[walk->index]);
	walk->index++;
	return true;
}

/* Keys and texts are mostly short: what a call of memcmp() costs is more than what it does. */
static inline bool
seg_same_bytes(const char *a, const char *b, uint32 len)
{
	uint32		x[2];
	uint32		y[2];

	if (len > 8)
		return memcmp(a, b, len) == 0;
	if (len < 4)
	{
		for (uint32 i = 0; i < len; i++)
			if (a[i] != b[i])
				return false;
		return true;
	}
	memcpy(&x[0], a, 4);
	memcpy(&y[0], b, 4);
	memcpy(&x[1], a + len - 4, 4);
	memcpy(&y[1], b + len - 4, 4);
	return x[0] == y[0] && x[1] == y[1];
}

/*
 * The value under a key; false if container is no object or lacks it.  hint: NULL, or
 * where the key was found in another document, which is where it is looked for first.
 */
extern bool seg_json_get(const JsonbContainer *container, const char *key, uint32 len, uint32 *hint, JsonbValue *out);

/*
 * An object that is asked for several keys.  An entry mostly says how long it is, and where
 * it begins is the sum of what stands before it; here all sums are taken at once.
 */
#define SEG_JSON_MAX_PAIRS	128

typedef struct SegJsonObject
{
	const JsonbContainer *container;	/* NULL: no object */
	uint32		count;
	char	   *base;
	bool		located;		/* offsets are known; there are too many pairs otherwise */
	uint32		offsets[SEG_JSON_MAX_PAIRS * 2];
} SegJsonObject;

extern void seg_json_open(SegJsonObject *object, const JsonbContainer *container);

/* As seg_json_get(). */
extern bool seg_json_find(const SegJsonObject *object, const char *key, uint32 len, uint32 *hint, JsonbValue *out);

#endif							/* SEG_JSON_H */
