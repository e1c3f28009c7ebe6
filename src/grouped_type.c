/*
 * grouped_type.c
 *		The types that values travel in between servers.
 *
 * They are PostgreSQL's own, so that they are the same everywhere.  Others are cast to one of them
 * where the rules cannot tell the difference: texts of all kinds to text, an enum whose
 * values are only told apart.  citext is text that a rule compares in lower case.  Of
 * a value that a rule asks only whether it is there, that travels.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "grouped.h"
#include "nearest.h"

typedef struct TravelType
{
	const char *name;
	Oid			typid;
	Oid			array;
	bool		is_citext;
} TravelType;

/* Their codes are their places: new ones go to the end. */
static const TravelType types[] = {
	{"boolean", BOOLOID, BOOLARRAYOID, false},
	{"smallint", INT2OID, INT2ARRAYOID, false},
	{"integer", INT4OID, INT4ARRAYOID, false},
	{"bigint", INT8OID, INT8ARRAYOID, false},
	{"oid", OIDOID, OIDARRAYOID, false},
	{"numeric", NUMERICOID, NUMERICARRAYOID, false},
	{"real", FLOAT4OID, FLOAT4ARRAYOID, false},
	{"double precision", FLOAT8OID, FLOAT8ARRAYOID, false},
	{"text", TEXTOID, TEXTARRAYOID, false},
	{"citext", TEXTOID, TEXTARRAYOID, true},
	{"date", DATEOID, DATEARRAYOID, false},
	{"timestamp", TIMESTAMPOID, TIMESTAMPARRAYOID, false},
	{"timestamptz", TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, false},
	{"interval", INTERVALOID, INTERVALARRAYOID, false},
	{"jsonb", JSONBOID, JSONBARRAYOID, false},
	{"uuid", UUIDOID, UUIDARRAYOID, false},
	{"inet", INETOID, INETARRAYOID, false},
	{"cidr", CIDROID, CIDRARRAYOID, false},
	{"macaddr", MACADDROID, MACADDRARRAYOID, false},
	{"bytea", BYTEAOID, BYTEAARRAYOID, false},
	{"time", TIMEOID, TIMEARRAYOID, false},
};

#define COLLATE		" collate "

/* Of a type, or of an array's elements. */
static bool
find_type(Oid typid, bool is_citext, int *found, bool *cast)
{
	*cast = is_citext || typid == VARCHAROID || typid == BPCHAROID || typid == NAMEOID || typid == JSONOID ||
		type_is_enum(typid);
	if (typid == JSONOID)
		typid = JSONBOID;
	else if (*cast)
		typid = TEXTOID;
	for (*found = 0; *found < (int) lengthof(types); (*found)++)
		if (types[*found].typid == typid && types[*found].is_citext == is_citext)
			return true;
	return false;
}

bool
seg_travel_of(const SegTypeInfo *type, SegTravel *travel)
{
	bool		is_list = type->type == SEG_T_LIST;
	Oid			typid = is_list ? type->elem_typid : type->typid;
	bool		is_citext = type->other != NULL && type->other->is_citext;
	const char *name;
	Oid			collation = type->collation;
	int			found;
	bool		cast;

	memset(travel, 0, sizeof(SegTravel));
	if (type->type == SEG_T_OPAQUE)
	{
		travel->type = types[0].name;
		travel->presence = true;
		return true;
	}
	if (!find_type(typid, is_citext, &found, &cast))
		return false;
	name = is_citext ? "text" : types[found].name;
	travel->is_enum = type_is_enum(typid);
	travel->cast = cast ? psprintf("%s%s", name, is_list ? "[]" : "") : NULL;
	/* values of an enum are told apart by their bytes */
	if (travel->is_enum)
		collation = C_COLLATION_OID;
	travel->type = psprintf("%s%s", types[found].name, is_list ? "[]" : "");
	if (collation != get_typcollation(types[found].typid))
		travel->type = psprintf("%s" COLLATE "%s", travel->type, seg_sql_collation(collation, true));
	return true;
}

static void
take_type(SegTypeInfo *type, const TravelType *found, bool is_list, Oid collation)
{
	SegOtherType *other;

	seg_type_lookup(type, is_list ? found->array : found->typid,
					OidIsValid(collation) ? collation : get_typcollation(found->typid));
	if (!found->is_citext)
		return;
	other = palloc0(sizeof(SegOtherType));
	other->typid = TEXTOID;
	other->typlen = -1;
	other->typalign = TYPALIGN_INT;
	other->is_citext = true;
	type->other = other;
}

void
seg_travel_type(const char *name, SegTypeInfo *type)
{
	const char *collate = strstr(name, COLLATE);
	int			len = collate != NULL ? collate - name : (int) strlen(name);
	bool		is_list = len > 2 && strncmp(name + len - 2, "[]", 2) == 0;
	Oid			collation = InvalidOid;
	List	   *names = NIL;

	if (collate != NULL)
		collation = get_collation_oid(seg_qualified_name_list(collate + strlen(COLLATE)), false);
	if (is_list)
		len -= 2;
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		if ((int) strlen(types[i].name) == len && memcmp(types[i].name, name, len) == 0)
		{
			take_type(type, &types[i], is_list, collation);
			return;
		}
		names = lappend(names, unconstify(char *, types[i].name));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("values of type \"%.*s\" do not travel in a ruleset", len, name),
			 errhint("%s", seg_nearest_hint(pnstrdup(name, len), names, "The types are"))));
}

uint8
seg_travel_code(const SegTypeInfo *type)
{
	bool		is_list = type->type == SEG_T_LIST;
	bool		cast;
	int			found;

	if (!find_type(is_list ? type->elem_typid : type->typid, type->other != NULL && type->other->is_citext, &found, &cast))
		elog(ERROR, "type %u does not travel", type->typid);
	return found * 2 + is_list;
}

bool
seg_travel_of_code(uint8 code, SegTypeInfo *type)
{
	if (code / 2 >= (int) lengthof(types))
		return false;
	take_type(type, &types[code / 2], code % 2 != 0, InvalidOid);
	return true;
}
