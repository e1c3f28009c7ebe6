/*
 * value_iso.c
 *		ISO 8601 texts, as documents hold days and moments.
 *
 * json_moment() in sql/55-sql.sql reads the same texts in SQL; the two must agree.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "value.h"

static bool
digits(const char **s, const char *end, int count, int *number)
{
	if (end - *s < count)
		return false;
	*number = 0;
	for (; count > 0; count--, (*s)++)
	{
		if (**s < '0' || **s > '9')
			return false;
		*number = *number * 10 + (**s - '0');
	}
	return true;
}

static bool
literal_char(const char **s, const char *end, char c)
{
	if (*s < end && **s == c)
	{
		(*s)++;
		return true;
	}
	return false;
}

/* Z, +hh, +hhmm or +hh:mm; *offset in seconds east of Greenwich. */
static bool
iso_zone(const char **s, const char *end, int *offset)
{
	int			hours;
	int			minutes = 0;
	int			sign;

	*offset = 0;
	if (literal_char(s, end, 'Z'))
		return true;
	sign = literal_char(s, end, '+') ? 1 : literal_char(s, end, '-') ? -1 : 0;
	if (sign == 0 || !digits(s, end, 2, &hours))
		return false;
	if (*s < end)
	{
		(void) literal_char(s, end, ':');
		if (!digits(s, end, 2, &minutes))
			return false;
	}
	if (hours > 15 || minutes > 59)
		return false;
	*offset = sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MINUTE);
	return true;
}

/* Behind the T: hh:mm[:ss[.ffffff]]; digits past the sixth are cut off. */
static bool
iso_time(const char **s, const char *end, int64 *usecs)
{
	int			hour;
	int			minute;
	int			second = 0;
	int64		fraction = 0;

	if (!digits(s, end, 2, &hour) || !literal_char(s, end, ':') || !digits(s, end, 2, &minute))
		return false;
	if (literal_char(s, end, ':'))
	{
		if (!digits(s, end, 2, &second))
			return false;
		if (literal_char(s, end, '.'))
		{
			int64		scale = USECS_PER_SEC;
			const char *first = *s;

			for (; *s < end && **s >= '0' && **s <= '9'; (*s)++)
			{
				scale /= 10;
				fraction += scale * (**s - '0');
			}
			if (*s == first)
				return false;
		}
	}
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	*usecs = hour * USECS_PER_HOUR + minute * USECS_PER_MINUTE + second * USECS_PER_SEC + fraction;
	return true;
}

/* A day gives a DAY, a moment a MOMENT, anything else false. */
bool
seg_value_from_iso(SegValue *out, const SegValue *iso, const SegClock *clock)
{
	const char *s = iso->v.s;
	const char *end = s + iso->len;
	int			year,
				month,
				day,
				offset;
	int64		time;

	if (!digits(&s, end, 4, &year) || !literal_char(&s, end, '-') ||
		!digits(&s, end, 2, &month) || !literal_char(&s, end, '-') ||
		!digits(&s, end, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > day_tab[isleap(year)][month - 1])
		return false;
	out->tag = SEG_V_DAY;
	out->v.i = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	if (s == end)
		return true;
	if (!literal_char(&s, end, 'T') && !literal_char(&s, end, ' '))
		return false;
	if (!iso_time(&s, end, &time))
		return false;
	out->tag = SEG_V_MOMENT;
	out->v.i = out->v.i * USECS_PER_DAY + time;
	if (s == end)
		return seg_clock_from_local(clock, out->v.i, &out->v.i);
	if (!iso_zone(&s, end, &offset) || s != end)
		return false;
	out->v.i -= offset * USECS_PER_SEC;
	return IS_VALID_TIMESTAMP(out->v.i);
}
