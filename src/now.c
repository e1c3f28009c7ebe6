/*
 * now.c
 *		Which moment is the present.
 *
 * The setting segments.now stands in for the clock: for tests that live through years in
 * seconds, and for whoever wants to see who will have left by then.  It decides about what
 * triggers store, so it is the superuser's.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "now.h"

static char *now_text = NULL;
static TimestampTz now_set = DT_NOBEGIN;	/* -infinity: the clock counts */

/* Like the check of recovery_target_time: says no, and raises nothing. */
static bool
parse_moment(const char *text, TimestampTz *moment)
{
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	struct pg_tm tm;
	fsec_t		fsec;
	int			nfields;
	int			dtype;
	int			zone;

	if (ParseDateTime(text, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &nfields) != 0 ||
		seg_decode_datetime(field, ftype, nfields, &dtype, &tm, &fsec, &zone) != 0)
		return false;
	return dtype == DTK_DATE && tm.tm_year > 0 && tm2timestamp(&tm, fsec, &zone, moment) == 0;
}

/*
 * The value as numbers alone.  A parallel worker takes settings over in the order of their names, and
 * must read this one before it has the abbreviations of time zones, for which letters are tried.
 */
static bool
write_moment(TimestampTz moment, char **value)
{
	char	   *text;
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(moment, NULL, &tm, &fsec, NULL, NULL) != 0 ||
		(text = seg_guc_malloc(MAXDATELEN + 1)) == NULL)
		return false;
	tm.tm_isdst = 0;
	EncodeDateTime(&tm, fsec, true, 0, NULL, USE_ISO_DATES, text);
	seg_guc_free(*value);
	*value = text;
	return true;
}

static bool
check_now(char **newval, void **extra, GucSource source)
{
	TimestampTz moment = DT_NOBEGIN;

	if (*newval != NULL && **newval != '\0' &&
		(!parse_moment(*newval, &moment) || !write_moment(moment, newval)))
	{
		GUC_check_errdetail("It must be a moment, as in \"2024-05-30 12:00:00+00\", or empty: the clock counts.");
		return false;
	}
	*extra = seg_guc_malloc(sizeof(TimestampTz));
	if (*extra == NULL)
		return false;
	*(TimestampTz *) *extra = moment;
	return true;
}

static void
assign_now(const char *newval, void *extra)
{
	now_set = *(TimestampTz *) extra;
}

TimestampTz
seg_now(void)
{
	return TIMESTAMP_IS_NOBEGIN(now_set) ? GetCurrentStatementStartTimestamp() : now_set;
}

TimestampTz
seg_now_latest(void)
{
	return TIMESTAMP_IS_NOBEGIN(now_set) ? GetCurrentTimestamp() : now_set;
}

int64
seg_now_lag(void)
{
	return TIMESTAMP_IS_NOBEGIN(now_set) ? USECS_PER_HOUR : USECS_PER_DAY;
}

void
seg_now_init(void)
{
	DefineCustomStringVariable("segments.now",
							   "The moment that counts as the present.",
							   "Empty: the clock counts.",
							   &now_text, "", PGC_SUSET, GUC_NOT_IN_SAMPLE, check_now, assign_now, NULL);
}
