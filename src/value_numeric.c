/*
 * value_numeric.c
 *		Numerics as doubles, and compared, without their being unpacked.
 *
 * Read from their stored form (see utils/adt/numeric.c, "Numeric storage formats"): base-10000
 * digits behind a header of two or four bytes.  PostgreSQL makes a text of a numeric to get
 * at a double, which takes ten times as long.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "value.h"

#define NUMERIC_SIGN_BITS		0xC000
#define NUMERIC_IS_SHORT		0x8000
#define NUMERIC_IS_SPECIAL		0xC000
#define NUMERIC_LONG_NEGATIVE	0x4000
#define NUMERIC_SHORT_NEGATIVE	0x2000
#define NUMERIC_SHORT_WEIGHT_NEGATIVE	0x0040
#define NUMERIC_SHORT_WEIGHT	0x003F
#define NUMERIC_BASE			10000

/* More digits than these are left to PostgreSQL. */
#define MAX_DIGITS				4

typedef struct Digits
{
	bool		negative;
	int			n;
	int			weight;			/* the first digit stands for NUMERIC_BASE ^ weight */
	int16		digit[MAX_DIGITS];
} Digits;

/* False: it is not finite or has too many digits. */
static bool
read_digits(Numeric number, Digits *digits)
{
	const char *data = VARDATA_ANY(number);
	int			len = VARSIZE_ANY_EXHDR(number);
	uint16		header;

	memcpy(&header, data, sizeof(header));
	if ((header & NUMERIC_SIGN_BITS) == NUMERIC_IS_SPECIAL)
		return false;
	data += sizeof(header);
	len -= sizeof(header);
	if (header & NUMERIC_IS_SHORT)
	{
		digits->weight = header & NUMERIC_SHORT_WEIGHT;
		if (header & NUMERIC_SHORT_WEIGHT_NEGATIVE)
			digits->weight |= ~NUMERIC_SHORT_WEIGHT;
		digits->negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
	}
	else
	{
		int16		weight;

		memcpy(&weight, data, sizeof(weight));
		digits->weight = weight;
		digits->negative = (header & NUMERIC_SIGN_BITS) == NUMERIC_LONG_NEGATIVE;
		data += sizeof(weight);
		len -= sizeof(weight);
	}
	digits->n = len / (int) sizeof(int16);
	if (digits->n > MAX_DIGITS)
		return false;
	memcpy(digits->digit, data, digits->n * sizeof(int16));
	return true;
}

/*
 * The double that is nearest, as strtod would find it: a whole number that a double holds,
 * once multiplied or divided by a power of ten that it holds, too, is rounded once.
 */
double
seg_numeric_double(Numeric number)
{
	static const double powers[] = {1, 1e4, 1e8, 1e12, 1e16, 1e20};
	Digits		digits;
	int64		whole = 0;
	int			exponent;
	double		result;

	if (read_digits(number, &digits))
	{
		for (int i = 0; i < digits.n; i++)
			whole = whole * NUMERIC_BASE + digits.digit[i];
		exponent = digits.n == 0 ? 0 : digits.weight - digits.n + 1;
		if (whole <= INT64CONST(1) << 53 && abs(exponent) < (int) lengthof(powers))
		{
			result = exponent < 0 ? whole / powers[-exponent] : whole * powers[exponent];
			return digits.negative ? -result : result;
		}
	}
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(number)));
}

int
seg_numeric_compare(Numeric a, Numeric b)
{
	Digits		x;
	Digits		y;
	int			order = 0;

	/* zero has no digits and no sign */
	if (!read_digits(a, &x) || !read_digits(b, &y) || x.n == 0 || y.n == 0)
		return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a), NumericGetDatum(b)));
	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	if (x.weight != y.weight)
		order = x.weight < y.weight ? -1 : 1;
	for (int i = 0; i < Min(x.n, y.n) && order == 0; i++)
		order = x.digit[i] - y.digit[i];
	/* stored digits do not end in zeros */
	if (order == 0)
		order = x.n - y.n;
	return x.negative ? -order : order;
}
