/*
 * value_text.c
 *		Text predicates on values.
 *
 * STARTS, ENDS and CONTAINS compare bytes; LIKE, ILIKE and MATCHES are PostgreSQL's own.
 * fold is set for citext, whose predicates ignore case.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"

#include "value.h"

static inline bool
both_texts(const SegValue *a, const SegValue *b)
{
	return a->tag == SEG_V_TEXT && b->tag == SEG_V_TEXT;
}

bool
seg_value_like(const SegValue *text, const SegValue *pattern, SegNodeKind op, Oid collation, bool fold)
{
	PGFunction	match;

	if (!both_texts(text, pattern))
		return false;
	if (op == SEG_NODE_MATCHES)
		match = fold ? texticregexeq : textregexeq;
	else
		match = op == SEG_NODE_ILIKE || fold ? texticlike : textlike;
	return DatumGetBool(DirectFunctionCall2Coll(match,
												OidIsValid(collation) ? collation : DEFAULT_COLLATION_OID,
												PointerGetDatum(cstring_to_text_with_len(text->v.s, text->len)),
												PointerGetDatum(cstring_to_text_with_len(pattern->v.s, pattern->len))));
}

/*
 * Does a character begin at offset?  Where the encoding keeps lead and trail bytes
 * apart, equal bytes are equal characters.
 */
static bool
on_character(const SegValue *text, uint32 offset)
{
	const char *s = text->v.s;
	const char *at = s + offset;

	if (pg_database_encoding_max_length() == 1 || GetDatabaseEncoding() == PG_UTF8)
		return true;
	while (s < at)
		s += pg_mblen(s);
	return s == at;
}

static bool
same_at(const SegValue *text, const SegValue *part, uint32 offset)
{
	return memcmp(text->v.s + offset, part->v.s, part->len) == 0 && on_character(text, offset);
}

bool
seg_value_starts(const SegValue *text, const SegValue *part)
{
	return both_texts(text, part) && part->len <= text->len && same_at(text, part, 0);
}

bool
seg_value_ends(const SegValue *text, const SegValue *part)
{
	return both_texts(text, part) && part->len <= text->len && same_at(text, part, text->len - part->len);
}

bool
seg_value_contains(const SegValue *text, const SegValue *part)
{
	const char *s;
	const char *last;

	if (!both_texts(text, part) || part->len > text->len)
		return false;
	if (part->len == 0)
		return true;
	last = text->v.s + (text->len - part->len);
	for (s = text->v.s; s <= last; s++)
	{
		s = memchr(s, part->v.s[0], last - s + 1);
		if (s == NULL)
			return false;
		if (same_at(text, part, s - text->v.s))
			return true;
	}
	return false;
}

static void
lower_text(SegValue *out, const SegValue *a, Oid collation)
{
	char	   *lower = str_tolower(a->v.s, a->len, OidIsValid(collation) ? collation : DEFAULT_COLLATION_OID);

	seg_value_text(out, lower, strlen(lower));
}

/* A text in lower case, or a list with its texts so. */
void
seg_value_lower(SegValue *out, const SegValue *a, Oid collation)
{
	SegList    *list;

	if (a->tag == SEG_V_TEXT)
		lower_text(out, a, collation);
	else if (a->tag == SEG_V_LIST)
	{
		list = palloc(offsetof(SegList, elems) + sizeof(SegValue) * (Size) a->v.list->nelems);
		list->nelems = a->v.list->nelems;
		for (int i = 0; i < list->nelems; i++)
		{
			list->elems[i] = a->v.list->elems[i];
			if (list->elems[i].tag == SEG_V_TEXT)
				lower_text(&list->elems[i], &a->v.list->elems[i], collation);
		}
		out->tag = SEG_V_LIST;
		out->v.list = list;
	}
	else
		seg_value_missing(out);
}
