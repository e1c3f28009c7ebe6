/*
 * rule_print.h
 *		What the parts of the printer share.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_PRINT_H
#define SEG_RULE_PRINT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "rule.h"

/* A number, day, moment, duration or period. */
extern void seg_print_literal(StringInfo out, const SegNode *node);

/* "last month": the flags of SEG_NODE_EDGE and SEG_PERIOD_UNIT */
extern void seg_print_which_unit(StringInfo out, uint16 flags);

#endif							/* SEG_RULE_PRINT_H */
