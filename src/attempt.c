/*
 * attempt.c
 *		Trying what may fail.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "attempt.h"

/* What a rule may use of the stack, in bytes. */
#define STACK_OF_RULES	(256 * 1024)

/*
 * Has somebody used so much of the stack that it is not the rule's fault if the rest is too little?  What is on it
 * here is there in order to be below it.
 */
static pg_noinline bool
stack_is_short(void)
{
	volatile char room[STACK_OF_RULES];

	room[0] = 0;
	return stack_is_too_deep() || room[0] != 0;
}

/* Whose fault is it? */
static bool
is_of_data(int sqlstate)
{
	if (sqlstate == ERRCODE_STATEMENT_TOO_COMPLEX)
		return !stack_is_short();
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_SYSTEM_ERROR:
			return false;
		default:
			return sqlstate != ERRCODE_LOCK_NOT_AVAILABLE && sqlstate != ERRCODE_DATA_CORRUPTED &&
				sqlstate != ERRCODE_INDEX_CORRUPTED;
	}
}

char *
seg_attempt(SegAttempt what, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile message = NULL;

	if (IsInParallelMode())
	{
		what(arg);
		return NULL;
	}
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		what(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (!is_of_data(error->sqlerrcode))
			ReThrowError(error);
		message = error->message ? error->message : pstrdup("");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return message;
}
