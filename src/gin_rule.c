/*
 * gin_rule.c
 *		segment_rule_ops: rules in a GIN index, found by a document.
 *
 * The operator class knows one operator, rule @# look-up: is the rule filed where the look-up
 * looks?  A look-up is of one key (gin_rule_entry.c).  A condition rule @> document is looked
 * up as rule @# ANY (look_ups(document)), which the planner is told by gin_plan.c.  That is
 * one scan of a range of entries for each look-up.  One scan for all, with a consistent
 * function over a hundred of them, would ask each of them about every rule that is found.
 *
 * An index may have been told how often documents have a key (gin_rule_frequency.c), and
 * then files rules under other keys than the function keys(rule) tells.  The operator
 * serves look-ups only, which do not mind.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/gin.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "gin_rule.h"

PG_FUNCTION_INFO_V1(document_tokens);
PG_FUNCTION_INFO_V1(segment_rule_keys);
PG_FUNCTION_INFO_V1(segment_rule_extract_value);
PG_FUNCTION_INFO_V1(segment_rule_consistent);
PG_FUNCTION_INFO_V1(segment_rule_triconsistent);

static ArrayType *
keys_array(const int64 *keys, int n)
{
	Datum	   *datums = palloc_extended(sizeof(Datum) * Max(n, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(keys[i]);
	return construct_array(datums, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

Datum
document_tokens(PG_FUNCTION_ARGS)
{
	int64	   *keys;
	int			n = seg_document_keys(&PG_GETARG_JSONB_P(0)->root, &keys);

	PG_RETURN_ARRAYTYPE_P(keys_array(keys, n));
}

/*
 * keys(rule), keys(rule, frequencies)
 */
Datum
segment_rule_keys(PG_FUNCTION_ARGS)
{
	const SegFrequencies *f = PG_NARGS() < 2 ? NULL : seg_frequencies_from_text(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	int64		keys[SEG_RULE_MAX_KEYS];
	int			n = seg_rule_keys(PG_GETARG_SEG_RULE_P(0), f, keys);

	PG_RETURN_ARRAYTYPE_P(keys_array(keys, n));
}

Datum
segment_rule_extract_value(PG_FUNCTION_ARGS)
{
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	int64		entries[SEG_RULE_MAX_KEYS];
	Datum	   *datums;

	*nkeys = seg_rule_entries(PG_GETARG_SEG_RULE_P(0), seg_frequencies_of_index(fcinfo), entries);
	datums = palloc(sizeof(Datum) * Max(*nkeys, 1));
	for (int i = 0; i < *nkeys; i++)
		datums[i] = Int64GetDatum(entries[i]);
	PG_RETURN_POINTER(datums);
}

Datum
segment_rule_consistent(PG_FUNCTION_ARGS)
{
	bool	   *check = (bool *) PG_GETARG_POINTER(0);
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);

	*recheck = false;
	PG_RETURN_BOOL(check[0]);
}

Datum
segment_rule_triconsistent(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);

	PG_RETURN_GIN_TERNARY_VALUE(check[0]);
}
