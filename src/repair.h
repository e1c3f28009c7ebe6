/*
 * repair.h
 *		Going on when rules fail.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_REPAIR_H
#define SEG_REPAIR_H

#include "postgres.h"

#include "settle.h"

/*
 * seg_settle() with the latest ruleset, whatever becomes of single rules: a segment whose rule
 * cannot be bound or evaluated any more is deactivated, with a warning, and the others go on.
 * rules are those of the ruleset; NULL: all that there are.  False where that does not help: then
 * the members are in doubt.
 */
extern bool seg_settle_safely(SegRuleset *ruleset, const SegMemberSet *members, const Bitmapset *rules,
							  SegReason reason, TimestampTz now, bool exclusive);

/*
 * Deactivates segments whose rules cannot be evaluated, and says so; message tells why.  False where somebody else has
 * the row of one.
 */
extern bool seg_repair_rules(SegRuleset *ruleset, const Bitmapset *rules, char *message);

#endif							/* SEG_REPAIR_H */
