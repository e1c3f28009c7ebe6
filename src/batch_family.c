/*
 * batch_family.c
 *		Comparisons of texts, and of lists of texts, with literals.
 *
 * All literals that any rule compares a column with, by their bytes, are the column's family.
 * They are numbered; each row's text is looked up among them once, and each list's texts
 * become a word with a bit for each literal in it.  Then = and IN ask a table by number,
 * HAS tests the word against its own.
 *
 * Columns are taken from where they lie in the rows, without making values of them.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "batch_vector.h"

struct SegFamily
{
	const SegExpr *column;
	int			ntexts;
	SegValue   *texts;			/* their numbers are from 1; 0 is any other text */
	uint32		mask;
	uint16	   *slots;			/* open addressing, number or 0 */
	uint64		stamp;			/* of the frame's rows that the following are for */
	uint16	   *numbers;		/* of a text column */
	uint64	   *words;			/* of a list: bit n - 1 says that text n is in it */
	List	   *users;			/* of SegFamilyUser * */
};

/* A condition that is answered by a family. */
struct SegFamilyUser
{
	const SegExpr *expr;
	bool	   *accepts;		/* of = and IN: by number */
	uint64		wanted;			/* of HAS */
};

/* A list's word has room for so many texts; numbers are 16 bits wide. */
#define MOST_IN_LISTS	64
#define MOST_TEXTS		PG_UINT16_MAX

static inline uint32
hash_text(const char *s, uint32 len)
{
	uint64		head = len;
	uint64		tail = 0;
	uint32		part;

	if (len >= sizeof(head))
	{
		memcpy(&head, s, sizeof(head));
		memcpy(&tail, s + len - sizeof(tail), sizeof(tail));
	}
	else if (len >= sizeof(part))
	{
		memcpy(&part, s, sizeof(part));
		head = part;
		memcpy(&part, s + len - sizeof(part), sizeof(part));
		tail = part;
	}
	else if (len > 0)
		head = (uint64) (uint8) s[0] << 16 | (uint64) (uint8) s[len / 2] << 8 | (uint8) s[len - 1];
	head = (head ^ len) * UINT64CONST(0x9E3779B97F4A7C15);
	head = (head ^ tail ^ (head >> 29)) * UINT64CONST(0xBF58476D1CE4E5B9);
	return (uint32) (head >> 32);
}

static inline uint16
family_number(const SegFamily *family, const char *s, uint32 len)
{
	uint32		slot;

	for (slot = hash_text(s, len) & family->mask; family->slots[slot] != 0; slot = (slot + 1) & family->mask)
	{
		const SegValue *known = &family->texts[family->slots[slot] - 1];

		if (known->len == len && memcmp(known->v.s, s, len) == 0)
			return family->slots[slot];
	}
	return 0;
}

static uint16
number_of(const SegFamily *family, const SegValue *value)
{
	return value->tag == SEG_V_TEXT ? family_number(family, value->v.s, value->len) : 0;
}

/* Planning. */

static bool
is_list(const SegExpr *column)
{
	return column->type.type == SEG_T_LIST;
}

/* Is it a comparison of a column with texts, by bytes? */
static bool
asks_family(const SegExpr *expr)
{
	const SegTypeInfo *type;

	if (OidIsValid(expr->how.collation) || expr->nargs == 0 || expr->args[0]->op != SEG_X_COLUMN)
		return false;
	type = &expr->args[0]->type;
	if (expr->op == SEG_X_IN || (expr->op == SEG_X_COMPARE && expr->detail == SEG_EQ))
	{
		if (type->type != SEG_T_TEXT)
			return false;
	}
	else if ((expr->op != SEG_X_HAS_ANY && expr->op != SEG_X_HAS_ALL) || type->type != SEG_T_LIST ||
			 (type->elem_typid != TEXTOID && type->elem_typid != VARCHAROID))
		return false;
	for (int i = 1; i < expr->nargs; i++)
		if (expr->args[i]->op != SEG_X_CONST || expr->args[i]->constant.tag != SEG_V_TEXT)
			return false;
	return true;
}

static bool
is_known(const SegFamily *family, const SegValue *text)
{
	for (int i = 0; i < family->ntexts; i++)
		if (family->texts[i].len == text->len && memcmp(family->texts[i].v.s, text->v.s, text->len) == 0)
			return true;
	return false;
}

/* Takes up the texts of one who asks; false if that would be too many. */
static bool
add_texts(SegFamily *family, const SegExpr *expr)
{
	bool		list = is_list(family->column);
	int			most = list ? MOST_IN_LISTS : MOST_TEXTS;
	int			n = family->ntexts;

	family->texts = family->texts == NULL ? palloc(sizeof(SegValue) * expr->nargs) :
		repalloc(family->texts, sizeof(SegValue) * (family->ntexts + expr->nargs));
	for (int i = 1; i < expr->nargs; i++)
	{
		const SegValue *text = &expr->args[i]->constant;

		/* others' doubles are found when all have been collected */
		if (list && is_known(family, text))
			continue;
		if (family->ntexts == most)
		{
			family->ntexts = n;
			return false;
		}
		family->texts[family->ntexts++] = *text;
	}
	return true;
}

static void
family_build(SegFamily *family)
{
	uint32		size = 16;
	ListCell   *lc;

	while (size < (uint32) family->ntexts * 4)
		size *= 2;
	family->mask = size - 1;
	family->slots = palloc0(sizeof(uint16) * size);
	for (int i = 0; i < family->ntexts; i++)
	{
		const SegValue *text = &family->texts[i];
		uint32		slot = hash_text(text->v.s, text->len) & family->mask;

		if (number_of(family, text) != 0)
			continue;
		while (family->slots[slot] != 0)
			slot = (slot + 1) & family->mask;
		family->slots[slot] = i + 1;
	}
	foreach(lc, family->users)
	{
		SegFamilyUser *user = lfirst(lc);

		if (!is_list(family->column))
			user->accepts = palloc0(sizeof(bool) * (family->ntexts + 1));
		for (int i = 1; i < user->expr->nargs; i++)
		{
			uint16		number = number_of(family, &user->expr->args[i]->constant);

			if (is_list(family->column))
				user->wanted |= UINT64CONST(1) << (number - 1);
			else
				user->accepts[number] = true;
		}
	}
}

void
seg_batch_plan_families(SegBatch *b)
{
	int			n = list_length(b->program->exprs);

	for (int i = 0; i < n; i++)
	{
		const SegExpr *expr = b->exprs[i];
		SegFamily  *family;
		SegFamilyUser *user;

		if (!asks_family(expr))
			continue;
		family = b->families[expr->args[0]->id];
		if (family == NULL)
		{
			family = b->families[expr->args[0]->id] = palloc0(sizeof(SegFamily));
			family->column = expr->args[0];
		}
		/* who comes late goes the long way */
		if (!add_texts(family, expr))
			continue;
		user = palloc0(sizeof(SegFamilyUser));
		user->expr = expr;
		family->users = lappend(family->users, user);
		b->family_users[i] = user;
	}
	for (int i = 0; i < n; i++)
		if (b->families[i] != NULL)
			family_build(b->families[i]);
}

/* Looking up. */

static void
look_up_texts(SegBatch *b, SegFrame *frame, SegFamily *family)
{
	const SegLayout *layout = &b->layouts[family->column->relation];
	int			column = family->column->column;
	Oid			typid = layout->columns[column].type.typid;
	bool		plain = typid == TEXTOID || typid == VARCHAROID;

	if (family->numbers == NULL)
		family->numbers = MemoryContextAlloc(GetMemoryChunkContext(b), sizeof(uint16) * frame->room);
	for (int i = 0; i < frame->n; i++)
	{
		bool		isnull;
		Datum		datum = seg_layout_datum(layout, frame->rows[i], column, &isnull);

		if (isnull)
			family->numbers[i] = 0;
		else if (plain)
			family->numbers[i] = family_number(family, VARDATA_ANY(DatumGetPointer(datum)),
											   VARSIZE_ANY_EXHDR(DatumGetPointer(datum)));
		else
		{
			SegValue	value;

			seg_layout_value(layout, frame->rows[i], column, seg_eval_clock(b->eval), &value);
			family->numbers[i] = number_of(family, &value);
		}
	}
}

/* The elements lie one after the other, those that are null left out. */
static uint64
word_of_list(const SegFamily *family, ArrayType *array)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const bits8 *present = ARR_NULLBITMAP(array);
	const char *element = (const char *) array +
		(ARR_HASNULL(array) ? (Size) array->dataoffset : (Size) ARR_OVERHEAD_NONULLS(ARR_NDIM(array)));
	uint64		word = 0;

	for (int i = 0; i < n; i++)
	{
		uint16		number;

		if (present != NULL && !(present[i / 8] & (1 << (i % 8))))
			continue;
		number = family_number(family, VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element));
		if (number != 0)
			word |= UINT64CONST(1) << (number - 1);
		element += VARSIZE_ANY(element);
		element = (const char *) att_align_nominal(element, TYPALIGN_INT);
	}
	return word;
}

static void
look_up_lists(SegBatch *b, SegFrame *frame, SegFamily *family)
{
	const SegLayout *layout = &b->layouts[family->column->relation];

	if (family->words == NULL)
		family->words = MemoryContextAlloc(GetMemoryChunkContext(b), sizeof(uint64) * frame->room);
	for (int i = 0; i < frame->n; i++)
	{
		bool		isnull;
		Datum		datum = seg_layout_datum(layout, frame->rows[i], family->column->column, &isnull);

		family->words[i] = isnull ? 0 : word_of_list(family, (ArrayType *) DatumGetPointer(datum));
	}
}

static void
test_numbers(const SegFamily *family, const SegFamilyUser *user, int n, uint64 *bits)
{
	for (int first = 0; first < n; first += 64)
	{
		const uint16 *numbers = family->numbers + first;
		int			count = Min(64, n - first);
		uint64		word = 0;

		for (int i = 0; i < count; i++)
			word |= (uint64) user->accepts[numbers[i]] << i;
		bits[first / 64] = word;
	}
}

static void
test_words(const SegFamily *family, const SegFamilyUser *user, int n, uint64 *bits)
{
	/* any: one of the wanted is enough; all: none may lack */
	bool		any = user->expr->op == SEG_X_HAS_ANY;

	for (int first = 0; first < n; first += 64)
	{
		const uint64 *words = family->words + first;
		int			count = Min(64, n - first);
		uint64		word = 0;

		if (any)
			for (int i = 0; i < count; i++)
				word |= (uint64) ((words[i] & user->wanted) != 0) << i;
		else
			for (int i = 0; i < count; i++)
				word |= (uint64) ((~words[i] & user->wanted) == 0) << i;
		bits[first / 64] = word;
	}
}

bool
seg_batch_test_family(SegBatch *b, SegFrame *frame, const SegExpr *expr, SegVector *out)
{
	const SegFamilyUser *user = b->family_users[expr->id];
	SegFamily  *family;
	uint64	   *bits;

	if (user == NULL)
		return false;
	family = b->families[expr->args[0]->id];
	if (family->stamp != frame->stamp)
	{
		if (is_list(family->column))
			look_up_lists(b, frame, family);
		else
			look_up_texts(b, frame, family);
		family->stamp = frame->stamp;
	}
	out->kind = SEG_VECTOR_BITS;
	bits = seg_vector_bits(frame, out);
	if (is_list(family->column))
		test_words(family, user, frame->n, bits);
	else
		test_numbers(family, user, frame->n, bits);
	return true;
}
