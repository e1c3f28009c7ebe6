/*
 * module.c
 *		The shared library's entry point.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;
