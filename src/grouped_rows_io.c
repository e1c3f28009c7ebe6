/*
 * grouped_rows_io.c
 *		The text and the binary form of member_rows.
 *
 *		head, relation : int32, ncolumns : int16, type : uint8 ..., nrows : int32, value ...
 *
 * Values stand row by row, in the binary form of their types, each with its length.  So they are
 * checked by the functions that check such values from any client.  Texts, json's
 * among them, are as grouped_text.c has them; of lists it is the elements that count.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "grouped.h"

PG_FUNCTION_INFO_V1(member_rows_in);
PG_FUNCTION_INFO_V1(member_rows_out);
PG_FUNCTION_INFO_V1(member_rows_recv);
PG_FUNCTION_INFO_V1(member_rows_send);

#define TYPE	"member_rows"

/* How values of a type are written and read. */
typedef struct Wire
{
	Oid			typid;
	int			encoding;		/* of texts that are read */
	int16		len;
	bool		byval;
	char		align;
	FmgrInfo	send;
	FmgrInfo	receive;
	Oid			param;			/* for receive */
	struct Wire *elem;			/* of a list */
} Wire;

static void
open_wire(Wire *wire, Oid typid, int encoding)
{
	Oid			elem = get_element_type(typid);
	Oid			function;
	bool		varlena;

	wire->typid = typid;
	wire->encoding = encoding;
	wire->elem = NULL;
	get_typlenbyvalalign(typid, &wire->len, &wire->byval, &wire->align);
	if (OidIsValid(elem))
	{
		wire->elem = palloc(sizeof(Wire));
		open_wire(wire->elem, elem, encoding);
		return;
	}
	getTypeBinaryOutputInfo(typid, &function, &varlena);
	fmgr_info(function, &wire->send);
	getTypeBinaryInputInfo(typid, &function, &wire->param);
	fmgr_info(function, &wire->receive);
}

/* The layout of rows whose columns have these types, and how they are written and read. */
static Wire *
open_columns(int n, const uint8 *types, int encoding, SegLayout *layout)
{
	SegRelation relation = {0};
	Wire	   *wires = palloc(sizeof(Wire) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		SegColumn  *column = palloc0(sizeof(SegColumn));

		if (!seg_travel_of_code(types[i], &column->type))
			seg_grouped_refuse(TYPE, "The type of a column is not known.");
		relation.columns = lappend(relation.columns, column);
		open_wire(&wires[i], column->type.typid, encoding);
	}
	seg_layout_init(layout, &relation);
	seg_layout_take_types(layout);
	return wires;
}

/* Writing. */

static void send_value(StringInfo out, Wire *wire, Datum value, bool isnull);

static void
send_list(StringInfo out, Wire *wire, ArrayType *array)
{
	StringInfoData elems;
	Datum	   *datums;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, wire->elem->typid, wire->elem->len, wire->elem->byval, wire->elem->align, &datums, &nulls, &n);
	initStringInfo(&elems);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			send_value(&elems, wire->elem, datums[i], false);
	seg_grouped_send_bytes(out, elems.data, elems.len);
}

static void
send_value(StringInfo out, Wire *wire, Datum value, bool isnull)
{
	bytea	   *bytes;

	if (isnull)
		seg_grouped_send_null(out);
	else if (wire->elem != NULL)
		send_list(out, wire, DatumGetArrayTypeP(value));
	else if (wire->typid == TEXTOID)
	{
		text	   *t = DatumGetTextPP(value);

		seg_grouped_send_bytes(out, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	}
	else if (wire->typid == JSONBOID)
	{
		Jsonb	   *json = DatumGetJsonbP(value);
		char	   *t = JsonbToCString(NULL, &json->root, VARSIZE(json));

		seg_grouped_send_bytes(out, t, strlen(t));
	}
	else
	{
		bytes = SendFunctionCall(&wire->send, value);
		seg_grouped_send_bytes(out, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	}
}

static void
send_rows(StringInfo out, const SegMemberRows *given)
{
	const SegMemberRows *rows = seg_member_rows_sorted(given);
	SegLayout	layout;
	Wire	   *wires = open_columns(rows->ncolumns, rows->types, GetDatabaseEncoding(), &layout);
	const SegRow *row = seg_member_rows_first(rows);

	seg_grouped_send_head(out, SEG_MEMBER_ROWS_VERSION, rows->fingerprint, rows->as_of);
	pq_sendint32(out, rows->relation);
	pq_sendint16(out, rows->ncolumns);
	pq_sendbytes(out, (const char *) rows->types, rows->ncolumns);
	pq_sendint32(out, rows->nrows);
	for (uint32 i = 0; i < rows->nrows; i++, row = seg_member_rows_next(row))
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < layout.ncolumns; k++)
		{
			bool		isnull;
			Datum		value = seg_layout_datum(&layout, row, k, &isnull);

			send_value(out, &wires[k], value, isnull);
		}
	}
}

/* Reading. */

static Datum get_value(StringInfo in, Wire *wire, bool *isnull);

static Datum
get_list(StringInfo elems, Wire *wire)
{
	int			room = 8;
	int			n = 0;
	Datum	   *datums = palloc(sizeof(Datum) * room);

	while (elems->cursor < elems->len)
	{
		bool		isnull;

		if (n == room)
		{
			room *= 2;
			datums = repalloc(datums, sizeof(Datum) * room);
		}
		datums[n++] = get_value(elems, wire->elem, &isnull);
		if (isnull)
			seg_grouped_refuse(TYPE, "There is a null in a list.");
	}
	return PointerGetDatum(construct_array(datums, n, wire->elem->typid, wire->elem->len, wire->elem->byval,
										   wire->elem->align));
}

static Datum
get_value(StringInfo in, Wire *wire, bool *isnull)
{
	StringInfoData bytes;
	Datum		value;

	*isnull = !seg_grouped_get_bytes(in, TYPE, &bytes);
	if (*isnull)
		return (Datum) 0;
	if (wire->elem != NULL)
		return get_list(&bytes, wire);
	if (wire->typid == TEXTOID)
	{
		char	   *t = seg_grouped_convert(&bytes, wire->encoding);

		return PointerGetDatum(t == bytes.data ? cstring_to_text_with_len(t, bytes.len) : cstring_to_text(t));
	}
	if (wire->typid == JSONBOID)
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(seg_grouped_convert(&bytes, wire->encoding)));
	value = ReceiveFunctionCall(&wire->receive, &bytes, wire->param, -1);
	if (bytes.cursor != bytes.len)
		seg_grouped_refuse(TYPE, "There are bytes behind a value.");
	return value;
}

static SegMemberRows *
get_row(StringInfo in, SegMemberRows *rows, const SegLayout *layout, Wire *wires, Datum *values, bool *isnull,
		SegLayoutPart *parts)
{
	Size		size;

	for (int k = 0; k < layout->ncolumns; k++)
	{
		values[k] = get_value(in, &wires[k], &isnull[k]);
		if (!isnull[k] && layout->columns[k].is_short)
			values[k] = seg_shortened_text(values[k]);
	}
	size = seg_layout_measure(layout, values, isnull, parts);
	rows = seg_member_rows_enlarge(rows, MAXALIGN(size));
	seg_layout_write(layout, values, isnull, parts, seg_member_rows_add(rows, size));
	return rows;
}

static SegMemberRows *
get_rows(StringInfo in)
{
	SegGrouped	head = {0};
	TimestampTz as_of;
	int			encoding;
	uint32		relation;
	int			ncolumns;
	uint32		nrows;
	uint8	   *types;
	SegLayout	layout;
	Wire	   *wires;
	SegMemberRows *rows;
	Datum	   *values;
	bool	   *isnull;
	SegLayoutPart *parts;

	seg_grouped_get_head(in, TYPE, SEG_MEMBER_ROWS_VERSION, &encoding, &head.fingerprint, &as_of);
	relation = pq_getmsgint(in, sizeof(int32));
	ncolumns = pq_getmsgint(in, sizeof(int16));
	if (ncolumns > MaxTupleAttributeNumber || relation > PG_INT16_MAX)
		seg_grouped_refuse(TYPE, "The columns are not those of a relation.");
	types = memcpy(palloc(ncolumns + 1), pq_getmsgbytes(in, ncolumns), ncolumns);
	nrows = pq_getmsgint(in, sizeof(int32));
	wires = open_columns(ncolumns, types, encoding, &layout);
	rows = seg_member_rows_create(head.fingerprint, as_of, relation, ncolumns, types, 0);
	values = palloc(sizeof(Datum) * (ncolumns + 1));
	isnull = palloc(sizeof(bool) * (ncolumns + 1));
	parts = palloc(sizeof(SegLayoutPart) * (ncolumns + 1));
	for (uint32 i = 0; i < nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rows = get_row(in, rows, &layout, wires, values, isnull, parts);
	}
	if (in->cursor != in->len)
		seg_grouped_refuse(TYPE, "There are bytes behind the last row.");
	return seg_member_rows_sorted(rows);
}

Datum
member_rows_in(PG_FUNCTION_ARGS)
{
	StringInfoData binary;

	seg_grouped_from_text(PG_GETARG_CSTRING(0), TYPE, &binary);
	PG_RETURN_POINTER(get_rows(&binary));
}

Datum
member_rows_out(PG_FUNCTION_ARGS)
{
	StringInfoData binary;

	initStringInfo(&binary);
	send_rows(&binary, DatumGetSegMemberRowsP(PG_GETARG_DATUM(0)));
	PG_RETURN_CSTRING(seg_grouped_text(&binary));
}

Datum
member_rows_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(get_rows((StringInfo) PG_GETARG_POINTER(0)));
}

Datum
member_rows_send(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	pq_begintypsend(&out);
	send_rows(&out, DatumGetSegMemberRowsP(PG_GETARG_DATUM(0)));
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}
