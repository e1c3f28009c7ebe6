/*
 * json.c
 *		Reading jsonb in place: one key.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "json.h"

/* Keys are sorted by length, then by bytes. */
static inline int
compare_key(const JsonbContainer *container, const char *base, uint32 index, const char *key, uint32 len)
{
	uint32		own = getJsonbLength(container, index);

	if (own != len)
		return own < len ? -1 : 1;
	return memcmp(base + getJsonbOffset(container, index), key, len);
}

bool
seg_json_get(const JsonbContainer *container, const char *key, uint32 len, uint32 *hint, JsonbValue *out)
{
	uint32		count = JsonContainerSize(container);
	uint32		low = 0;
	uint32		high = count;
	uint32		middle;
	char	   *base;

	if (!JsonContainerIsObject(container))
		return false;
	base = (char *) &container->children[count * 2];
	middle = hint != NULL && *hint < count ? *hint : count / 2;
	while (low < high)
	{
		int			order = compare_key(container, base, middle, key, len);

		if (order == 0)
		{
			if (hint != NULL)
				*hint = middle;
			seg_json_fill(container, count + middle, base, getJsonbOffset(container, count + middle), out);
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
		middle = low + (high - low) / 2;
	}
	return false;
}
