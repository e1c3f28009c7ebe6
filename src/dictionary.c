/*
 * dictionary.c
 *		Numbers for keys that are not dense integers.
 *
 * A population's keys are read with its owner's rights, the dictionary is written with the
 * extension's: through a cursor, so that neither has the other's.
 *
 * Keys are added in their order.  So two transactions that add the same ones wait for each
 * other, and not both for both.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "dictionary.h"
#include "program.h"

#define KEYS_AT_ONCE 10000

static char *
missing_query(const SegPopulation *population)
{
	const char *key = quote_identifier(population->key);

	return psprintf("SELECT m.%s::pg_catalog.text FROM %s AS m"
					" LEFT JOIN segments.dictionary AS d"
					" ON d.population = %d AND d.key = m.%s::pg_catalog.text COLLATE pg_catalog.\"C\""
					" WHERE d.key IS NULL AND m.%s IS NOT NULL"
					" ORDER BY m.%s::pg_catalog.text COLLATE pg_catalog.\"C\"",
					key,
					seg_sql_relation(population->relid),
					population->id, key, key, key);
}

/* The keys fetched, as an array in the current context. */
static ArrayType *
fetched_keys(void)
{
	int			n = (int) SPI_processed;
	Datum	   *keys = palloc(sizeof(Datum) * n);
	ArrayType  *array;

	for (int i = 0; i < n; i++)
	{
		bool		isnull;

		keys[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
	}
	array = construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT);
	pfree(keys);
	return array;
}

static void
add_keys(const SegPopulation *population, ArrayType *keys)
{
	Oid			argtypes[] = {INT4OID, TEXTARRAYOID};
	Datum		values[] = {Int32GetDatum(population->id), PointerGetDatum(keys)};
	SegUser		user;

	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("population \"%s\" has new members, which cannot be given numbers in a read-only transaction",
						population->name),
				 errhint("Run segments.refresh() for the population where it can write.")));
	seg_user_become_extension(&user);
	if (SPI_execute_with_args("INSERT INTO segments.dictionary (population, key)"
							  " SELECT $1, k FROM pg_catalog.unnest($2) AS k"
							  " ON CONFLICT (population, key) DO NOTHING",
							  lengthof(argtypes), argtypes, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write segments.dictionary");
	seg_user_restore(&user);
}

uint64
seg_dictionary_complete(const SegPopulation *population)
{
	uint64		total = 0;
	uint64		n;
	Portal		portal;
	SPIPlanPtr	plan;
	SegUser		user;

	SPI_connect();
	seg_user_become_owner(&user, population);
	plan = SPI_prepare(missing_query(population), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare the reading of keys: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		ArrayType  *keys;

		SPI_cursor_fetch(portal, true, KEYS_AT_ONCE);
		seg_user_restore(&user);
		n = SPI_processed;
		if (n == 0)
			break;
		keys = fetched_keys();
		SPI_freetuptable(SPI_tuptable);
		add_keys(population, keys);
		pfree(keys);
		total += n;
		seg_user_become_owner(&user, population);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return total;
}

typedef void (*ScanBegin) (SegScan *scan, SegCatalog table, SegCatalog index, int nkeys, ScanKey keys);

static bool
find(const SegPopulation *population, const char *key, ScanBegin scan_begin, int64 *member)
{
	SegScan		scan;
	ScanKeyData keys[2];
	bool		found;

	seg_key_int4(&keys[0], SEG_COL_DICTIONARY_POPULATION, population->id);
	seg_key_text(&keys[1], SEG_COL_DICTIONARY_KEY, key);
	scan_begin(&scan, SEG_REL_DICTIONARY, SEG_REL_DICTIONARY_POPULATION_KEY_KEY, lengthof(keys), keys);
	found = seg_scan_next(&scan);
	if (found)
		*member = seg_scan_int8(&scan, SEG_COL_DICTIONARY_MEMBER);
	seg_scan_end(&scan);
	return found;
}

bool
seg_dictionary_find(const SegPopulation *population, const char *key, int64 *member)
{
	return find(population, key, seg_scan_begin, member);
}

bool
seg_dictionary_find_latest(const SegPopulation *population, const char *key, int64 *member)
{
	return find(population, key, seg_scan_begin_self, member);
}

/* Nobody else can be giving one to the same key: he would have the row that has it. */
int64
seg_dictionary_give(const SegPopulation *population, const char *key)
{
	Datum		values[SEG_COL_DICTIONARY_KEY];
	bool		nulls[SEG_COL_DICTIONARY_KEY] = {false};
	SegWriter	writer;
	int64		member = seg_next_number(SEG_REL_DICTIONARY_MEMBER_SEQ);

	values[SEG_COL_DICTIONARY_POPULATION - 1] = Int32GetDatum(population->id);
	values[SEG_COL_DICTIONARY_MEMBER - 1] = Int64GetDatum(member);
	values[SEG_COL_DICTIONARY_KEY - 1] = CStringGetTextDatum(key);
	seg_writer_begin(&writer, SEG_REL_DICTIONARY);
	seg_writer_insert(&writer, values, nulls);
	seg_writer_end(&writer);
	return member;
}

char *
seg_dictionary_key(const SegPopulation *population, int64 member)
{
	SegScan		scan;
	ScanKeyData keys[2];
	char	   *key = NULL;

	if (population->dictionary)
	{
		seg_key_int4(&keys[0], SEG_COL_DICTIONARY_POPULATION, population->id);
		seg_key_int8(&keys[1], SEG_COL_DICTIONARY_MEMBER, BTEqualStrategyNumber, member);
		seg_scan_begin(&scan, SEG_REL_DICTIONARY, SEG_REL_DICTIONARY_PKEY, lengthof(keys), keys);
		if (seg_scan_next(&scan))
			key = seg_scan_text(&scan, SEG_COL_DICTIONARY_KEY);
		seg_scan_end(&scan);
	}
	return key ? key : psprintf(INT64_FORMAT, member);
}
