/*
 * json.c
 *		Reading jsonb in place: one key.
 *
 * Documents of one table mostly look alike, so a key is looked for where it was found in
 * the one before, then a few places on: keys that are not in all of them move the others.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "json.h"

/* So many places are tried next to the first one, before the search is one by halves. */
#define MAX_STEPS	4

/* As getJsonbOffset(), without a call. */
static inline uint32
offset_of(const JsonbContainer *container, uint32 index)
{
	uint32		offset = 0;

	while (index-- > 0)
	{
		offset += JBE_OFFLENFLD(container->children[index]);
		if (JBE_HAS_OFF(container->children[index]))
			break;
	}
	return offset;
}

/* Keys are sorted by length, then by bytes. */
static inline int
compare_key(const char *own, uint32 own_len, const char *key, uint32 len)
{
	if (own_len != len)
		return own_len < len ? -1 : 1;
	return seg_same_bytes(own, key, len) ? 0 : memcmp(own, key, len);
}

static inline int
compare_at(const JsonbContainer *container, const char *base, const uint32 *offsets, uint32 index, const char *key, uint32 len)
{
	uint32		offset = offsets != NULL ? offsets[index] : offset_of(container, index);
	JEntry		entry = container->children[index];
	uint32		own_len = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) - offset : JBE_OFFLENFLD(entry);

	return compare_key(base + offset, own_len, key, len);
}

/* offsets: where entries begin, or NULL. */
static inline bool
find(const JsonbContainer *container, uint32 count, char *base, const uint32 *offsets,
	 const char *key, uint32 len, uint32 *hint, JsonbValue *out)
{
	uint32		low = 0;
	uint32		high = count;
	uint32		at = hint != NULL && *hint < count ? *hint : count / 2;
	int			steps = hint != NULL ? MAX_STEPS : 0;

	while (low < high)
	{
		int			order = compare_at(container, base, offsets, at, key, len);

		if (order == 0)
		{
			if (hint != NULL)
				*hint = at;
			seg_json_fill(container, count + at, base,
						  offsets != NULL ? offsets[count + at] : offset_of(container, count + at), out);
			return true;
		}
		if (order < 0)
			low = at + 1;
		else
			high = at;
		if (steps-- > 0)
			at = order < 0 ? low : high - 1;
		else
			at = low + (high - low) / 2;
	}
	return false;
}

bool
seg_json_get(const JsonbContainer *container, const char *key, uint32 len, uint32 *hint, JsonbValue *out)
{
	uint32		count = JsonContainerSize(container);

	if (!JsonContainerIsObject(container))
		return false;
	return find(container, count, (char *) &container->children[count * 2], NULL, key, len, hint, out);
}

static uint32
locate_some(const JEntry *entries, uint32 from, uint32 to, uint32 offset, uint32 *offsets)
{
	for (uint32 i = from; i < to; i++)
	{
		offsets[i] = offset;
		JBE_ADVANCE_OFFSET(offset, entries[i]);
	}
	return offset;
}

/*
 * Sums of four entries at a time, so that few wait for the one before.  Every 32nd entry from
 * the first on says where it ends, which is the last of a four.
 */
static void
locate(const JEntry *entries, uint32 n, uint32 *offsets)
{
	uint32		i = Min(n, 1);
	uint32		offset = locate_some(entries, 0, i, 0, offsets);

	for (; i + 4 <= n; i += 4)
	{
		const JEntry *e = &entries[i];
		uint32		two = JBE_OFFLENFLD(e[0]) + JBE_OFFLENFLD(e[1]);
		uint32		three = two + JBE_OFFLENFLD(e[2]);

		if (unlikely(((e[0] | e[1] | e[2]) & JENTRY_HAS_OFF) != 0))
		{
			offset = locate_some(entries, i, i + 4, offset, offsets);
			continue;
		}
		offsets[i] = offset;
		offsets[i + 1] = offset + JBE_OFFLENFLD(e[0]);
		offsets[i + 2] = offset + two;
		offsets[i + 3] = offset + three;
		offset = (JBE_HAS_OFF(e[3]) ? 0 : offset + three) + JBE_OFFLENFLD(e[3]);
	}
	(void) locate_some(entries, i, n, offset, offsets);
}

void
seg_json_open(SegJsonObject *object, const JsonbContainer *container)
{
	uint32		count = JsonContainerSize(container);

	object->container = JsonContainerIsObject(container) ? container : NULL;
	object->count = count;
	object->base = (char *) &container->children[count * 2];
	object->located = object->container != NULL && count <= SEG_JSON_MAX_PAIRS;
	if (object->located)
		locate(container->children, count * 2, object->offsets);
}

bool
seg_json_find(const SegJsonObject *object, const char *key, uint32 len, uint32 *hint, JsonbValue *out)
{
	if (object->container == NULL)
		return false;
	return find(object->container, object->count, object->base, object->located ? object->offsets : NULL, key, len, hint, out);
}
