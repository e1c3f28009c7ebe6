/*
 * gin_rule_key.c
 *		Keys of single values and of ranges.
 *
 * Ranges are looked up through cells.  A value is in one cell of every level, a range is
 * covered by a few cells of several levels, and what is in the range shares a cell with
 * it.  Numbers have a code that follows their logarithm (32 codes for each doubling, so
 * whole numbers up to 64 have codes of their own), days one that counts them from 1900 on.
 * What lies beyond the codes' ends has the first or the last code.  Codes never decrease
 * where values increase; that is all that soundness needs.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "gin_rule.h"
#include "value.h"

/* The powers of two that number codes tell apart begin here. */
#define FIRST_EXPONENT	(-20)
#define CODES_PER_OCTAVE_BITS	5

/* Of the double's 52 bits of mantissa those that count, behind its 11 of exponent. */
#define DROPPED_BITS	(52 - CODES_PER_OCTAVE_BITS)
#define EXPONENT_BIAS	1023

uint64
seg_key_path(uint64 parent, const char *part, Size len)
{
	return hash_bytes_extended((const unsigned char *) part, len, parent + 1);
}

uint64
seg_key_path_of(const SegNode *name)
{
	const char *part = seg_node_payload(name);
	uint64		path = 0;

	for (int i = 0; i < name->op; i++, part += strlen(part) + 1)
		path = seg_key_path(path, part, strlen(part));
	return path;
}

static uint64
mix(uint64 x)
{
	x ^= x >> 33;
	x *= UINT64CONST(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64CONST(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

int64
seg_key(uint64 path, SegKeyKind kind, uint64 value)
{
	return (int64) mix(mix(path + (uint64) kind) + value);
}

uint64
seg_key_hash_text(const char *text, Size len)
{
	return hash_bytes_extended((const unsigned char *) text, len, 0);
}

/* Equal numerics have equal hashes, however many zeros they end in. */
uint64
seg_key_hash_number(Numeric number)
{
	return DatumGetUInt64(DirectFunctionCall2(hash_numeric_extended, NumericGetDatum(number), Int64GetDatum(0)));
}

int
seg_number_code(Numeric number)
{
	double		x = seg_numeric_double(number);
	double		size = fabs(x);
	uint64		bits;
	int			steps = 0;

	if (isnan(x))
		return SEG_NUMBER_CODES - 1;
	memcpy(&bits, &size, sizeof(bits));
	bits >>= DROPPED_BITS;
	if (bits >= (uint64) (EXPONENT_BIAS + FIRST_EXPONENT) << CODES_PER_OCTAVE_BITS)
		steps = Min(bits - ((uint64) (EXPONENT_BIAS + FIRST_EXPONENT) << CODES_PER_OCTAVE_BITS) + 1,
					SEG_NUMBER_CODES / 2 - 1);
	return x < 0 ? SEG_NUMBER_CODES / 2 - 1 - steps : SEG_NUMBER_CODES / 2 + steps;
}

int
seg_day_code(int64 day)
{
	int64		code = day - (date2j(1900, 1, 1) - POSTGRES_EPOCH_JDATE);

	return (int) Max(0, Min(code, SEG_DAY_CODES - 1));
}

int64
seg_day_of_moment(TimestampTz moment)
{
	return moment / USECS_PER_DAY - (moment % USECS_PER_DAY < 0 ? 1 : 0);
}

double
seg_range_mass(SegKeyKind kind, int low, int high)
{
	bool		number = kind == SEG_KEY_NUMBER;
	int			last = (number ? SEG_NUMBER_CODES : SEG_DAY_CODES) - 1;

	if (low == 0 && high == last)
		return number ? SEG_MASS_PRESENT : SEG_MASS_TIME;
	if (low == 0 || high == last)
		return SEG_MASS_HALF_OPEN;
	/* five doublings, or ten years, of whatever there is */
	return Min(SEG_MASS_HALF_OPEN, number ? SEG_MASS_NUMBER + (high - low) / 160.0 : (high - low) / 3650.0);
}

uint64
seg_cell(int code, int level)
{
	return (uint64) level << 32 | (uint32) (code >> SEG_CELL_BITS * level);
}

/* The cells from level first on that cover low to high; keys NULL: only counts them. */
static int
cover(uint64 path, SegKeyKind kind, int low, int high, int first, int levels, int64 *keys)
{
	const int	last_in_parent = (1 << SEG_CELL_BITS) - 1;
	int			n = 0;

	low >>= SEG_CELL_BITS * first;
	high >>= SEG_CELL_BITS * first;
	for (int level = first;; level++)
	{
		bool		top = level == levels - 1;

		/* what does not fill a cell of the next level, from both ends */
		while (low <= high && (top || (low & last_in_parent) != 0))
		{
			if (keys != NULL)
				keys[n] = seg_key(path, kind, (uint64) level << 32 | (uint32) low);
			n++;
			low++;
		}
		while (low <= high && (high & last_in_parent) != last_in_parent)
		{
			if (keys != NULL)
				keys[n] = seg_key(path, kind, (uint64) level << 32 | (uint32) high);
			n++;
			high--;
		}
		if (low > high)
			return n;
		low >>= SEG_CELL_BITS;
		high >>= SEG_CELL_BITS;
	}
}

/* Finer cells at the ends of the range are given up until there are few enough. */
int
seg_key_range(uint64 path, SegKeyKind kind, int low, int high, int64 *keys)
{
	int			levels = kind == SEG_KEY_NUMBER ? SEG_NUMBER_LEVELS : SEG_DAY_LEVELS;
	int			first = 0;

	while (cover(path, kind, low, high, first, levels, NULL) > SEG_MAX_CELLS)
		first++;
	return cover(path, kind, low, high, first, levels, keys);
}

const SegClock *
seg_key_clock(void)
{
	static SegClock clock;

	if (clock.zone == NULL)
		seg_clock_set(&clock, 0, seg_clock_zone("GMT"));
	return &clock;
}
