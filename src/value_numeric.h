/*
 * value_numeric.h
 *		The stored form of a numeric, read in place.
 *
 * See utils/adt/numeric.c, "Numeric storage formats": base-10000 digits behind a header of two or
 * four bytes.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_VALUE_NUMERIC_H
#define SEG_VALUE_NUMERIC_H

#include "postgres.h"

#include "utils/numeric.h"

#include "compat.h"

#define SEG_NUMERIC_BASE	10000

typedef struct SegNumericParts
{
	bool		negative;
	int			weight;			/* the first digit stands for SEG_NUMERIC_BASE ^ weight */
	int			n;				/* digits; none: zero */
	const char *digits;			/* int16 each, not aligned */
} SegNumericParts;

/* False: it is not finite. */
static inline bool
seg_numeric_parts(Numeric number, SegNumericParts *parts)
{
	enum
	{
		SIGN_BITS = 0xC000, IS_SHORT = 0x8000, IS_SPECIAL = 0xC000, LONG_NEGATIVE = 0x4000,
		SHORT_NEGATIVE = 0x2000, SHORT_WEIGHT_NEGATIVE = 0x0040, SHORT_WEIGHT = 0x003F
	};
	const char *data = VARDATA_ANY(number);
	int			len = VARSIZE_ANY_EXHDR(number);
	uint16		header;

	memcpy(&header, data, sizeof(header));
	if ((header & SIGN_BITS) == IS_SPECIAL)
		return false;
	data += sizeof(header);
	len -= sizeof(header);
	if (header & IS_SHORT)
	{
		parts->weight = header & SHORT_WEIGHT;
		if (header & SHORT_WEIGHT_NEGATIVE)
			parts->weight |= ~SHORT_WEIGHT;
		parts->negative = (header & SHORT_NEGATIVE) != 0;
	}
	else
	{
		int16		weight;

		memcpy(&weight, data, sizeof(weight));
		parts->weight = weight;
		parts->negative = (header & SIGN_BITS) == LONG_NEGATIVE;
		data += sizeof(weight);
		len -= sizeof(weight);
	}
	parts->n = len / (int) sizeof(int16);
	parts->digits = data;
	return true;
}

static inline int16
seg_numeric_digit(const SegNumericParts *parts, int i)
{
	int16		digit;

	memcpy(&digit, parts->digits + i * sizeof(int16), sizeof(digit));
	return digit;
}

#endif							/* SEG_VALUE_NUMERIC_H */
