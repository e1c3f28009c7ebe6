/*
 * rule_json.h
 *		The form that rules have in json.  See rule_json.c for a description.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_RULE_JSON_H
#define SEG_RULE_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "rule.h"

/* What stands behind "op" for a kind of node and the op in it. */
typedef struct SegJsonOperator
{
	const char *word;
	uint8		kind;
	uint8		op;
} SegJsonOperator;

/* windows: those of SEG_NODE_WINDOW, whose words are also operators. */
extern const SegJsonOperator *seg_json_operator(const char *word, int len, bool windows);

extern SegRule *seg_rule_from_jsonb(Jsonb *json);
extern Jsonb *seg_rule_to_jsonb(const SegRule *rule);

#endif							/* SEG_RULE_JSON_H */
