/*
 * grouped_call.c
 *		Rulesets and rows as arguments of a call.
 *
 * A ruleset is bound once for a call in a query.  Mostly it is a constant there; where it comes from a
 * column, its bytes are compared row by row.
 *
 * A function has at most 100 arguments.  Where a relation has more columns than go beside the others, they
 * come in records.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "catalog.h"
#include "define.h"
#include "grouped.h"

/*
 * Is an argument the same in all calls?  A parameter is for an aggregate, which is begun anew with each
 * execution; an expression of PL/pgSQL keeps its call while parameters change.
 */
static bool
is_constant(FunctionCallInfo fcinfo, int n)
{
	Aggref	   *aggref = AggGetAggref(fcinfo);
	Node	   *call = fcinfo->flinfo->fn_expr;
	Node	   *expr = NULL;

	/* the first argument of a transition is its state */
	if (aggref != NULL && list_length(aggref->args) >= n)
		expr = (Node *) ((TargetEntry *) list_nth(aggref->args, n - 1))->expr;
	else if (call != NULL && IsA(call, FuncExpr) && list_length(((FuncExpr *) call)->args) > n)
		expr = list_nth(((FuncExpr *) call)->args, n);
	if (expr == NULL)
		return false;
	return IsA(expr, Const) || (aggref != NULL && IsA(expr, Param) && ((Param *) expr)->paramkind == PARAM_EXTERN);
}

static bool
same_ruleset(const SegRulesetText *a, const SegRulesetText *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* Everything but the call itself belongs to the ruleset's context. */
static void
load(SegGroupedCall *call, const SegRulesetText *ruleset, TimestampTz as_of, const SegReader *reader)
{
	MemoryContext caller = MemoryContextSwitchTo(call->context);
	SegGrouped *grouped = call->grouped;

	call->grouped = NULL;
	call->rest = NULL;
	if (grouped != NULL)
		MemoryContextDelete(grouped->context);
	grouped = seg_grouped_load(ruleset);
	MemoryContextSwitchTo(grouped->context);
	call->ruleset = memcpy(palloc(VARSIZE_ANY(ruleset)), ruleset, VARSIZE_ANY(ruleset));
	call->reader = *reader;
	call->reader.arg = call;
	call->eval = seg_eval_begin(grouped->program, &call->reader, as_of);
	call->grouped = grouped;
	MemoryContextSwitchTo(caller);
}

SegGroupedCall *
seg_grouped_call(FunctionCallInfo fcinfo, int ruleset, int as_of, const SegReader *reader)
{
	SegGroupedCall *call = fcinfo->flinfo->fn_extra;
	TimestampTz now = seg_arg_moment(fcinfo, as_of, "as_of");

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SegGroupedCall));
		call->context = fcinfo->flinfo->fn_mcxt;
		call->constant = is_constant(fcinfo, ruleset);
		fcinfo->flinfo->fn_extra = call;
	}
	if (call->grouped == NULL || !call->constant)
	{
		SegRulesetText *text;

		if (PG_ARGISNULL(ruleset))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null", "ruleset")));
		text = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(ruleset));
		if (call->grouped == NULL || !same_ruleset(text, call->ruleset))
			load(call, text, now, reader);
	}
	if (seg_eval_clock(call->eval)->now != now)
		seg_eval_set_now(call->eval, now);
	return call;
}

/* Records in which the columns of a relation come; 0: they come by themselves. */
static int
records_of(const SegLayout *layout)
{
	return layout->ncolumns <= SEG_GROUPED_COLUMNS ? 0 : (layout->ncolumns + SEG_READ_COLUMNS - 1) / SEG_READ_COLUMNS;
}

static void
check_type(const SegRelation *relation, int column, Oid wanted, Oid found)
{
	if (OidIsValid(found) && getBaseType(found) == wanted)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of \"%s\" must be of type %s, not %s",
					((SegColumn *) list_nth(relation->columns, column))->name, relation->name, format_type_be(wanted),
					OidIsValid(found) ? format_type_be(found) : "unknown"),
			 errhint("segments.grouped_sql() writes the query with all columns in their order.")));
}

void
seg_grouped_take_columns(FunctionCallInfo fcinfo, SegGroupedCall *call, int relationno, int first)
{
	const SegRelation *relation = list_nth(call->grouped->program->relations, relationno);
	const SegLayout *layout = &call->grouped->layouts[relationno];
	int			nrecords = records_of(layout);
	int			n = nrecords > 0 ? nrecords : layout->ncolumns;

	if (PG_NARGS() < first + n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d columns of \"%s\" are wanted%s", layout->ncolumns, relation->name,
						nrecords > 0 ? psprintf(", in records of %d each", SEG_READ_COLUMNS) : ""),
				 errhint("segments.grouped_sql() writes the query with all columns in their order.")));
	for (int i = 0; i < n; i++)
		check_type(relation, nrecords > 0 ? i * SEG_READ_COLUMNS : i,
				   nrecords > 0 ? RECORDOID : layout->columns[i].type.typid, get_fn_expr_argtype(fcinfo->flinfo, first + i));
	call->relation = relationno;
	call->first = first;
	call->next = first + n;
	call->nvalues = layout->ncolumns;
	call->values = MemoryContextAlloc(call->grouped->context, sizeof(Datum) * (call->nvalues + 1));
	call->isnull = MemoryContextAlloc(call->grouped->context, sizeof(bool) * (call->nvalues + 1));
}

static void
open_record(SegGroupedCall *call, int first, HeapTupleHeader header)
{
	const SegRelation *relation = list_nth(call->grouped->program->relations, call->relation);
	const SegLayout *layout = &call->grouped->layouts[call->relation];
	TupleDesc	tupdesc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header),.t_data = header};

	if (tupdesc->natts != Min(call->nvalues - first, SEG_READ_COLUMNS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a record of columns of \"%s\" has %d columns", relation->name, tupdesc->natts)));
	for (int i = 0; i < tupdesc->natts; i++)
		check_type(relation, first + i, layout->columns[first + i].type.typid, TupleDescAttr(tupdesc, i)->atttypid);
	heap_deform_tuple(&tuple, tupdesc, call->values + first, call->isnull + first);
	ReleaseTupleDesc(tupdesc);
}

void
seg_grouped_take_values(FunctionCallInfo fcinfo, SegGroupedCall *call)
{
	int			nrecords = records_of(&call->grouped->layouts[call->relation]);

	for (int i = 0; i < nrecords; i++)
	{
		if (PG_ARGISNULL(call->first + i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a record of columns must not be null")));
		open_record(call, i * SEG_READ_COLUMNS, PG_GETARG_HEAPTUPLEHEADER(call->first + i));
	}
	for (int i = 0; nrecords == 0 && i < call->nvalues; i++)
	{
		call->values[i] = PG_GETARG_DATUM(call->first + i);
		call->isnull[i] = PG_ARGISNULL(call->first + i);
	}
}

void
seg_grouped_take_member(FunctionCallInfo fcinfo, SegGroupedCall *call, int first)
{
	const SegGrouped *grouped = call->grouped;

	seg_grouped_take_columns(fcinfo, call, 0, first);
	if (PG_NARGS() - call->next != grouped->nrelations - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of %d sources are wanted behind the columns, not %d arguments", grouped->nrelations - 1,
						PG_NARGS() - call->next),
				 errhint("segments.grouped_sql() writes the query with all columns in their order.")));
	for (int i = call->next; i < PG_NARGS(); i++)
		if (get_fn_expr_argtype(fcinfo->flinfo, i) != seg_catalog_type("member_rows"))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the rows of source \"%s\" must be of type member_rows",
							((SegRelation *) list_nth(grouped->program->relations, 1 + i - call->next))->name),
					 errhint("The aggregate segments.facts() gathers them.")));
}

SegMemberRows *
seg_grouped_rows(FunctionCallInfo fcinfo, const SegGroupedCall *call, int relation)
{
	int			n = call->next + relation - 1;
	SegMemberRows *rows;

	if (PG_ARGISNULL(n))
		return NULL;
	rows = DatumGetSegMemberRowsP(PG_GETARG_DATUM(n));
	seg_member_rows_check(rows, call->grouped, seg_eval_clock(call->eval)->now, relation);
	return rows;
}

void
seg_grouped_column(const SegGroupedCall *call, int column, SegValue *out)
{
	seg_value_from_datum(out, &call->grouped->layouts[call->relation].columns[column].type, call->values[column],
						 call->isnull[column], seg_eval_clock(call->eval));
}

void *
seg_grouped_state(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return PG_ARGISNULL(0) ? NULL : PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
}
