/*
 * gin_profile_key.c
 *		The keys of documents, as the bytes that are stored.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/timestamp.h"

#include "gin_profile.h"
#include "gin_rule.h"
#include "json.h"

#define HEAD	5				/* path and class */

typedef struct Keys
{
	Datum	   *datums;
	int			n;
	int			room;
} Keys;

void
seg_profile_key(SegProfileKey *key, uint64 path, SegProfileClass class, const void *value, int len)
{
	uint32		head = pg_hton32((uint32) (path ^ path >> 32));

	Assert(len <= SEG_PROFILE_MAX_VALUE);
	memcpy(key->bytes, &head, sizeof(head));
	key->bytes[HEAD - 1] = class;
	if (len > 0)
		memcpy(key->bytes + HEAD, value, len);
	key->len = HEAD + len;
}

void
seg_profile_text(SegProfileKey *key, uint64 path, SegProfileClass class, const char *text, uint32 len)
{
	uint64		hash;

	if (len <= SEG_PROFILE_MAX_VALUE)
	{
		seg_profile_key(key, path, class, text, len);
		return;
	}
	hash = hash_bytes_extended((const unsigned char *) text, len, 0);
	seg_profile_key(key, path, class, text, SEG_PROFILE_PREFIX);
	memcpy(key->bytes + key->len, &hash, sizeof(hash));
	key->len += sizeof(hash);
}

/* The bits of a double are in the order of the positive ones; negative ones are turned round. */
void
seg_profile_number(SegProfileKey *key, uint64 path, SegProfileClass class, Numeric number)
{
	double		x = seg_numeric_double(number) + 0.0;
	uint64		bits;

	memcpy(&bits, &x, sizeof(bits));
	bits = bits >> 63 ? ~bits : bits | UINT64CONST(1) << 63;
	bits = pg_hton64(bits);
	seg_profile_key(key, path, class, &bits, SEG_PROFILE_NUMBER_BYTES);
	while (key->len > HEAD && key->bytes[key->len - 1] == 0)
		key->len--;
}

void
seg_profile_bool(SegProfileKey *key, uint64 path, SegProfileClass class, bool value)
{
	uint8		byte = value;

	seg_profile_key(key, path, class, &byte, 1);
}

/* Days that documents can say (years 1 to 9999) fit in three bytes. */
void
seg_profile_day(SegProfileKey *key, uint64 path, int64 day)
{
	uint32		code = pg_hton32((uint32) Max(0, Min(day + (1 << 23), (1 << 24) - 1)));

	seg_profile_key(key, path, SEG_PROFILE_TIME, (char *) &code + 1, 3);
}

/* A text under a name: under its day and hour where it is a day or a moment. */
void
seg_profile_attribute(SegProfileKey *key, uint64 path, const char *s, uint32 len)
{
	SegValue	text;
	SegValue	time;
	int64		day;

	seg_value_text(&text, s, len);
	if (!seg_value_from_iso(&time, &text, seg_key_clock()))
		seg_profile_text(key, path, SEG_PROFILE_TEXT, s, len);
	else if (time.tag != SEG_V_MOMENT)
		seg_profile_day(key, path, time.v.i);
	else
	{
		day = seg_day_of_moment(time.v.i);
		seg_profile_day(key, path, day);
		key->bytes[key->len++] = (uint8) ((time.v.i - day * USECS_PER_DAY) / USECS_PER_HOUR);
	}
}

bytea *
seg_profile_bytea(const SegProfileKey *key)
{
	bytea	   *stored = palloc(VARHDRSZ + key->len);

	SET_VARSIZE(stored, VARHDRSZ + key->len);
	memcpy(VARDATA(stored), key->bytes, key->len);
	return stored;
}

bool
seg_profile_is_behind(const bytea *stored, const SegProfileKey *high)
{
	return memcmp(VARDATA_ANY(stored), high->bytes, Min((int) VARSIZE_ANY_EXHDR(stored), high->len)) > 0;
}

/* The keys of a document. */

static void
add(Keys *keys, const SegProfileKey *key)
{
	if (keys->n == keys->room)
	{
		keys->room *= 2;
		keys->datums = repalloc_huge(keys->datums, sizeof(Datum) * (Size) keys->room);
	}
	keys->datums[keys->n++] = PointerGetDatum(seg_profile_bytea(key));
}

static void
keys_of_list(Keys *keys, uint64 path, const JsonbContainer *list)
{
	SegJsonWalk walk;
	JsonbValue	json;
	SegProfileKey key;
	int			before = keys->n;

	seg_json_walk(&walk, list);
	while (seg_json_next(&walk, &json))
	{
		CHECK_FOR_INTERRUPTS();
		if (json.type == jbvString)
			seg_profile_text(&key, path, SEG_PROFILE_HAS_TEXT, json.val.string.val, json.val.string.len);
		else if (json.type == jbvNumeric)
			seg_profile_number(&key, path, SEG_PROFILE_HAS_NUMBER, json.val.numeric);
		else if (json.type == jbvBool)
			seg_profile_bool(&key, path, SEG_PROFILE_HAS_BOOL, json.val.boolean);
		else
			continue;
		add(keys, &key);
	}
	if (keys->n == before)
	{
		seg_profile_key(&key, path, SEG_PROFILE_LIST, NULL, 0);
		add(keys, &key);
	}
}

static void
add_keys(void *arg, SegAttributeName *name, const JsonbValue *json)
{
	Keys	   *keys = arg;
	SegProfileKey key;

	switch (json->type)
	{
		case jbvString:
			seg_profile_attribute(&key, name->path, json->val.string.val, json->val.string.len);
			break;
		case jbvNumeric:
			seg_profile_number(&key, name->path, SEG_PROFILE_NUMBER, json->val.numeric);
			break;
		case jbvBool:
			seg_profile_bool(&key, name->path, SEG_PROFILE_BOOL, json->val.boolean);
			break;
		case jbvBinary:
			if (JsonContainerIsArray(json->val.binary.data))
			{
				keys_of_list(keys, name->path, json->val.binary.data);
				return;
			}
			seg_profile_key(&key, name->path, SEG_PROFILE_OBJECT, NULL, 0);
			break;
		default:
			return;
	}
	add(keys, &key);
}

Datum *
seg_profile_keys(const JsonbContainer *document, int *nkeys)
{
	Keys		keys = {.room = 32};

	keys.datums = palloc(sizeof(Datum) * keys.room);
	seg_document_visit(document, add_keys, &keys);
	*nkeys = keys.n;
	return keys.datums;
}
