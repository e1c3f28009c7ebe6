/*
 * rule_info.h
 *		What a rule says of other segments.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_INFO_H
#define SEG_RULE_INFO_H

#include "postgres.h"

#include "rule.h"

/* Does the rule mention a segment of that name? */
extern bool seg_rule_names_segment(const SegRule *rule, const char *name);

/* The same rule with the new name wherever it mentions the old one. */
extern SegRule *seg_rule_rename_segment(const SegRule *rule, const char *name, const char *new_name);

#endif							/* SEG_RULE_INFO_H */
