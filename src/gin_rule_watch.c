/*
 * gin_rule_watch.c
 *		Frequencies that are too long for the parameter of an index.
 *
 * PostgreSQL writes the parameters of operator classes down before it lets the operator class
 * see them, and fails with an internal error where that makes a row too large.  So an
 * event trigger looks at them first.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"

#include "gin_rule.h"

PG_FUNCTION_INFO_V1(watch_index);

static void
check_options(const IndexElem *column)
{
	ListCell   *lc;

	/* who has an operator class of that name and a parameter as long is out of luck anyway */
	if (column->opclass == NIL || strcmp(strVal(llast(column->opclass)), "segment_rule_ops") != 0)
		return;
	foreach(lc, column->opclassopts)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "frequencies") == 0 && option->arg != NULL &&
			seg_frequencies_too_long(defGetString(option)))
			seg_frequencies_refuse(defGetString(option));
	}
}

/*
 * watch_index()
 */
Datum
watch_index(PG_FUNCTION_ARGS)
{
	const Node *command;
	ListCell   *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("segments.watch_index() is the function of an event trigger")));
	command = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (IsA(command, IndexStmt))
		foreach(lc, ((const IndexStmt *) command)->indexParams)
			check_options(lfirst_node(IndexElem, lc));
	return (Datum) 0;
}
