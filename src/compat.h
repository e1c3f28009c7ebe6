/*
 * compat.h
 *		What differs between PostgreSQL 15 and 18, in one place.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_COMPAT_H
#define SEG_COMPAT_H

#include "postgres.h"

#include "storage/buffile.h"

#if PG_VERSION_NUM < 150000
#error "segments needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "varatt.h"
#else
/* Errors are soft from 16 on; before, they are hard whatever the context. */
#define errsave(context, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#define ereturn(context, dummy, ...) \
	do { \
		errsave(context, __VA_ARGS__); \
		return dummy; \
	} while (0)

/* From 16 on, this is PostgreSQL's own. */
static inline size_t
BufFileReadMaybeEOF(BufFile *file, void *ptr, size_t size, bool eofOK)
{
	size_t		nread = BufFileRead(file, ptr, size);

	if (nread != size && !(nread == 0 && eofOK))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file: read only %zu of %zu bytes", nread, size)));
	return nread;
}
#endif

/* The setting that has every plan run in a worker. */
#if PG_VERSION_NUM < 160000
#define SEG_FORCED_PARALLEL	"force_parallel_mode"
#else
#define SEG_FORCED_PARALLEL	"debug_parallel_query"
#endif

#if PG_VERSION_NUM < 160000
#define check_can_set_role(member, role)	check_is_member_of_role(member, role)
#define seg_qualified_name_list(name)	stringToQualifiedNameList(name)
#else
#define seg_qualified_name_list(name)	stringToQualifiedNameList(name, NULL)
#endif

#if PG_VERSION_NUM < 160000
#define seg_decode_datetime(field, ftype, nf, dtype, tm, fsec, zone) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, zone)
#define seg_guc_malloc(size)	malloc(size)
#define seg_guc_free(p)		free(p)
#else
#define seg_decode_datetime(field, ftype, nf, dtype, tm, fsec, zone) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, zone, &(DateTimeErrorExtra) {0})
#define seg_guc_malloc(size)	guc_malloc(LOG, size)
#define seg_guc_free(p)		guc_free(p)
#endif

/* Does ALTER TABLE write a column anew?  A generated one can get another expression from 17 on. */
#if PG_VERSION_NUM >= 170000
#define seg_rewrites_column(subtype)	((subtype) == AT_AlterColumnType || (subtype) == AT_SetExpression)
#else
#define seg_rewrites_column(subtype)	((subtype) == AT_AlterColumnType)
#endif

/* Is a column computed when it is read?  No row has it then. */
#if PG_VERSION_NUM < 180000
#define seg_is_virtual(attribute)	((void) (attribute), false)
#else
#define seg_is_virtual(attribute)	((attribute)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#endif

#if PG_VERSION_NUM < 180000
#define seg_index_beginscan(table, index, snapshot, nkeys)	index_beginscan(table, index, snapshot, nkeys, 0)
#else
#define seg_index_beginscan(table, index, snapshot, nkeys)	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#endif

#if PG_VERSION_NUM < 180000
#define pg_noreturn		pg_attribute_noreturn()
#endif

/* Brings memory into the processor's cache; the address need not be a good one. */
#ifdef __GNUC__
#define seg_prefetch(address)	__builtin_prefetch(address)
#else
#define seg_prefetch(address)	((void) (address))
#endif

#endif							/* SEG_COMPAT_H */
