/*
 * rule_words.c
 *		The names of functions, aggregates, units and months in rules.
 *
 * These words are names everywhere but in the places where the grammar looks them up
 * here, so they are kept apart from the scanner's own words.  The tables are in the
 * order of the enums in rule.h.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "nearest.h"
#include "rule_words.h"

typedef struct FunctionWord
{
	const char *name;
	const char *signature;
} FunctionWord;

static const FunctionWord functions[] = {
	[SEG_FUNC_LOWER] = {"lower", "v"},
	[SEG_FUNC_LENGTH] = {"length", "v"},
	[SEG_FUNC_COALESCE] = {"coalesce", "vvv*"},
	[SEG_FUNC_ABS] = {"abs", "v"},
	[SEG_FUNC_AGE] = {"age", "v"},
	[SEG_FUNC_YEAR] = {"year", "v"},
	[SEG_FUNC_MONTH] = {"month", "v"},
	[SEG_FUNC_DAY] = {"day", "v"},
	[SEG_FUNC_WEEKDAY] = {"weekday", "v"},
	[SEG_FUNC_HOUR] = {"hour", "v"},
	[SEG_FUNC_DAYS] = {"days", "v"},
	[SEG_FUNC_DISTANCE] = {"distance", "qq"},
	[SEG_FUNC_BUCKET] = {"bucket", "t"},
	[SEG_FUNC_PERCENTILE] = {"percentile", "vn?"},
	[SEG_FUNC_SHARE] = {"share", "v"},
};

static const char *const aggregates[] = {
	[SEG_COUNT] = "count",
	[SEG_COUNT_DISTINCT] = "count",
	[SEG_SUM] = "sum",
	[SEG_AVG] = "avg",
	[SEG_MIN] = "min",
	[SEG_MAX] = "max",
	[SEG_FIRST] = "first",
	[SEG_LAST_VALUE] = "last",
	[SEG_MODE] = "mode",
};

static const char *const units[] = {
	[SEG_SECOND] = "second",
	[SEG_MINUTE] = "minute",
	[SEG_HOUR] = "hour",
	[SEG_DAY] = "day",
	[SEG_WEEK] = "week",
	[SEG_MONTH] = "month",
	[SEG_QUARTER] = "quarter",
	[SEG_YEAR] = "year",
};

static const char *const months[] = {
	"january", "february", "march", "april", "may", "june", "july", "august",
	"september", "october", "november", "december"
};

static const char *const whichs[] = {
	[SEG_THIS] = "this",
	[SEG_LAST] = "last",
	[SEG_NEXT] = "next",
};

static bool
same_word(const char *name, const char *word, int len)
{
	return (int) strlen(name) == len && pg_strncasecmp(name, word, len) == 0;
}

int
seg_function_lookup(const char *word, int len)
{
	for (size_t i = 0; i < lengthof(functions); i++)
	{
		if (same_word(functions[i].name, word, len))
			return (int) i;
	}
	return -1;
}

int
seg_aggregate_lookup(const char *word, int len)
{
	for (size_t i = 0; i < lengthof(aggregates); i++)
	{
		if (same_word(aggregates[i], word, len))
			return (int) i;
	}
	return -1;
}

int
seg_unit_lookup(const char *word, int len)
{
	bool		plural = len > 1 && (word[len - 1] == 's' || word[len - 1] == 'S');

	for (size_t i = 0; i < lengthof(units); i++)
	{
		if (same_word(units[i], word, len) || (plural && same_word(units[i], word, len - 1)))
			return (int) i;
	}
	return -1;
}

int
seg_month_lookup(const char *word, int len)
{
	for (size_t i = 0; i < lengthof(months); i++)
	{
		if (same_word(months[i], word, len))
			return (int) i + 1;
	}
	return -1;
}

const char *
seg_function_name(SegFunction function)
{
	Assert(function < lengthof(functions));
	return functions[function].name;
}

const char *
seg_aggregate_name(SegAggregate aggregate)
{
	Assert(aggregate < lengthof(aggregates));
	return aggregates[aggregate];
}

const char *
seg_unit_name(SegUnit unit)
{
	Assert(unit < lengthof(units));
	return units[unit];
}

const char *
seg_month_name(int month)
{
	Assert(month >= 1 && month <= (int) lengthof(months));
	return months[month - 1];
}

const char *
seg_which_name(SegWhich which)
{
	Assert(which < lengthof(whichs));
	return whichs[which];
}

const char *
seg_function_signature(SegFunction function)
{
	Assert(function < lengthof(functions));
	return functions[function].signature;
}

const char *
seg_function_nearest(const char *word)
{
	List	   *candidates = NIL;

	for (size_t i = 0; i < lengthof(functions); i++)
		candidates = lappend(candidates, unconstify(char *, functions[i].name));
	for (size_t i = 0; i < lengthof(aggregates); i++)
		candidates = lappend(candidates, unconstify(char *, aggregates[i]));
	return seg_nearest(word, candidates);
}
