/*
 * grouped_text.c
 *		What the binary forms of member_rows and memberships are made of, and their text forms.
 *
 *		version : uint8, encoding : uint8, fingerprint : uint64, as_of : int64, ...
 *
 * Texts in them stay in the encoding of the server that wrote them, whatever client carries
 * them, and are converted by the one that reads.  The text form is the same in base64: it is the
 * same under all settings, and nobody reads it.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "common/base64.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "grouped.h"

/* Lengths up to this take one byte. */
#define SHORT_LENGTH	250
#define NOTHING			251
#define LONG_LENGTH		252

void
seg_grouped_refuse(const char *type, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid value of type %s", type),
			 errdetail("%s", detail)));
}

void
seg_grouped_send_bytes(StringInfo out, const void *bytes, Size len)
{
	if (len <= SHORT_LENGTH)
		pq_sendint8(out, len);
	else
	{
		pq_sendint8(out, LONG_LENGTH);
		pq_sendint32(out, len);
	}
	appendBinaryStringInfo(out, bytes, len);
}

void
seg_grouped_send_null(StringInfo out)
{
	pq_sendint8(out, NOTHING);
}

bool
seg_grouped_get_bytes(StringInfo in, const char *type, StringInfo bytes)
{
	uint32		len = pq_getmsgbyte(in);

	if (len == NOTHING)
		return false;
	if (len == LONG_LENGTH)
		len = pq_getmsgint(in, sizeof(uint32));
	else if (len > SHORT_LENGTH)
		seg_grouped_refuse(type, "A length is none.");
	if (len > (uint32) (in->len - in->cursor))
		seg_grouped_refuse(type, "It ends too early.");
	initStringInfo(bytes);
	appendBinaryStringInfo(bytes, pq_getmsgbytes(in, len), len);
	return true;
}

void
seg_grouped_send_head(StringInfo out, uint8 version, uint64 fingerprint, TimestampTz as_of)
{
	pq_sendint8(out, version);
	pq_sendint8(out, GetDatabaseEncoding());
	pq_sendint64(out, fingerprint);
	pq_sendint64(out, as_of);
}

void
seg_grouped_get_head(StringInfo in, const char *type, uint8 version, int *encoding, uint64 *fingerprint,
					 TimestampTz *as_of)
{
	if (pq_getmsgbyte(in) != version)
		seg_grouped_refuse(type, "The version is not known.");
	*encoding = pq_getmsgbyte(in);
	if (!PG_VALID_BE_ENCODING(*encoding))
		seg_grouped_refuse(type, "The encoding is not known.");
	*fingerprint = pq_getmsgint64(in);
	*as_of = pq_getmsgint64(in);
	if (TIMESTAMP_NOT_FINITE(*as_of) || !IS_VALID_TIMESTAMP(*as_of))
		seg_grouped_refuse(type, "The moment is out of range.");
}

char *
seg_grouped_convert(const StringInfo bytes, int encoding)
{
	return pg_any_to_server(bytes->data, bytes->len, encoding);
}

char *
seg_grouped_text(StringInfo binary)
{
	int			size = pg_b64_enc_len(binary->len);
	char	   *text = palloc(size + 1);
	int			len = pg_b64_encode((void *) binary->data, binary->len, text, size);

	if (len < 0)
		elog(ERROR, "could not write base64");
	text[len] = '\0';
	return text;
}

void
seg_grouped_from_text(const char *text, const char *type, StringInfo binary)
{
	int			size = pg_b64_dec_len(strlen(text));

	initStringInfo(binary);
	enlargeStringInfo(binary, size);
	binary->len = pg_b64_decode(text, strlen(text), (void *) binary->data, size);
	if (binary->len < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%.40s\"", type, text),
				 errdetail("Its text is base64.")));
}
