/*
 * cppcheck.h
 *		As much of PostgreSQL's headers as cppcheck needs: that an error does not return.
 *
 * Copyright (c) 2026, the segments authors
 */
#define PG_VERSION_NUM 150000
#define USE_ASSERT_CHECKING 1
#define ERROR 21
#define ereport(level, ...) do { if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) do { if ((level) >= ERROR) abort(); } while (0)
#define pg_attribute_noreturn() __attribute__((noreturn))
