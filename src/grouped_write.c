/*
 * grouped_write.c
 *		Making a ruleset of a population.
 *
 * The rules are bound to the population, which says what they read: only that goes into the value.
 * So that a name means the same in it, a column comes with those that differ from it in case
 * alone.  A rule may say what only this database can answer, or of a type that
 * does not travel; then there is no ruleset.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "define.h"
#include "grouped.h"
#include "nearest.h"
#include "rule_info.h"

PG_FUNCTION_INFO_V1(ruleset_of);

/* Which segments, in the order of their names. */

static List *
chosen_segments(const SegPopulation *population, List *names)
{
	List	   *chosen = NIL;
	ListCell   *lc;

	if (names == NIL)
		return seg_active_segments(population->id);
	foreach(lc, names)
	{
		SegSegment *segment = seg_segment_get(population->id, lfirst(lc), false);

		if (segment->everyone)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("segment \"%s\" has no rule", segment->name),
					 errhint("Its members are all rows of the population.")));
		chosen = lappend(chosen, segment);
	}
	return chosen;
}

static bool
is_among(List *segments, const SegSegment *segment)
{
	ListCell   *lc;

	foreach(lc, segments)
		if (((SegSegment *) lfirst(lc))->id == segment->id)
			return true;
	return false;
}

static bool
is_referred_to(const SegSegment *segment, List *segments)
{
	ListCell   *lc;

	foreach(lc, segments)
		if (seg_rule_names_segment(((SegSegment *) lfirst(lc))->rule, segment->name))
			return true;
	return false;
}

/* The segments that the chosen ones refer to, and what those refer to. */
static List *
referred_segments(const SegPopulation *population, List *chosen)
{
	List	   *others = seg_active_segments(population->id);
	List	   *known = list_copy(chosen);
	List	   *referred = NIL;
	bool		more = true;
	ListCell   *lc;

	while (more)
	{
		more = false;
		foreach(lc, others)
		{
			SegSegment *segment = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (is_among(known, segment) || !is_referred_to(segment, known))
				continue;
			known = lappend(known, segment);
			referred = lappend(referred, segment);
			more = true;
		}
	}
	return referred;
}

/* What cannot be said elsewhere. */

static bool
asks_members(const SegProgram *program, const SegExpr *expr, bool *seen)
{
	check_stack_depth();
	if (seen[expr->id])
		return false;
	seen[expr->id] = true;
	if (expr->op == SEG_X_MEMBER_OF)
		return true;
	for (int i = 0; i < expr->nargs; i++)
		if (asks_members(program, expr->args[i], seen))
			return true;
	if (expr->op == SEG_X_AGGREGATE)
	{
		const SegFold *fold = list_nth(program->folds, expr->fold);
		const SegFoldItem *item = list_nth(fold->items, expr->item);

		return (fold->filter != NULL && asks_members(program, fold->filter, seen)) ||
			(item->where != NULL && asks_members(program, item->where, seen)) ||
			(item->window != NULL && asks_members(program, item->window, seen)) ||
			(item->measure != NULL && asks_members(program, item->measure, seen));
	}
	return false;
}

static void
refuse_members(const SegProgram *program, List *chosen)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, chosen)
	{
		bool	   *seen = palloc0(list_length(program->exprs) + 1);

		CHECK_FOR_INTERRUPTS();
		if (asks_members(program, program->rules[foreach_current_index(lc)], seen))
			names = lappend(names, ((SegSegment *) lfirst(lc))->name);
		pfree(seen);
	}
	if (names != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the stored members of a segment cannot be asked elsewhere"),
				 errdetail("Rules that refer to inactive segments: %s.", seg_list_names(names)),
				 errhint("Name the segments that are wanted without these.")));
}

static bool
is_enum(const SegTypeInfo *type)
{
	return type->other != NULL && type_is_enum(type->other->typid);
}

/* Values of an enum travel as texts, which are in another order. */
static void
refuse_order_of_enums(const SegProgram *program)
{
	ListCell   *lc;
	ListCell   *lc2;
	bool		ordered = false;

	foreach(lc, program->exprs)
	{
		const SegExpr *expr = lfirst(lc);
		bool		beside_others = false;
		bool		any = false;

		for (int i = 0; i < expr->nargs; i++)
		{
			any |= is_enum(&expr->args[i]->type);
			beside_others |= !is_enum(&expr->args[i]->type);
		}
		ordered |= any && (beside_others || (expr->op == SEG_X_COMPARE && expr->detail != SEG_EQ));
	}
	foreach(lc, program->folds)
		foreach(lc2, ((const SegFold *) lfirst(lc))->items)
	{
		const SegFoldItem *item = lfirst(lc2);

		ordered |= (item->kind == SEG_FOLD_MIN || item->kind == SEG_FOLD_MAX) && is_enum(&item->measure->type);
	}
	if (ordered)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the order of an enum's values is not known elsewhere"),
				 errdetail("A rule puts them in order or holds them against something else."),
				 errhint("Say which values are meant, with IN.")));
}

/* The json. */

static void
write_string(StringInfo out, const char *key, const char *value)
{
	appendStringInfo(out, "%s\"%s\": ", out->data[out->len - 1] == '{' ? "" : ", ", key);
	escape_json(out, value);
}

static void
write_position(StringInfo out, const char *key, int position)
{
	appendStringInfo(out, "%s\"%s\": %d", out->data[out->len - 1] == '{' ? "" : ", ", key, position);
}

/* What a column's type is called where it travels to. */
static const char *
travel_type(const SegTypeInfo *type, const char *name)
{
	SegTravel	travel;

	if (!seg_travel_of(type, &travel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("values of type %s do not travel in a ruleset", format_type_be(type->typid)),
				 errdetail("A rule reads \"%s\".", name),
				 errhint("A view, or a computed attribute of the population, can cast them to text.")));
	return travel.type;
}

/* The relation, and the lookup or source, that a column is of; of neither: the population's own. */
static void
place_of(const SegRelation *relation, const SegColumn *column, int *source, int *lookup)
{
	*lookup = column->nlookups > 0 ? column->lookups[column->nlookups - 1] : -1;
	*source = column->kind == SEG_COLUMN_MOMENT ? column->source : relation->source;
	if (*lookup >= 0)
		*source = -1;
}

/* The columns that are read of a table; an attribute is not one of them. */
static List *
columns_read(const SegProgram *program, int source, int lookup)
{
	List	   *columns = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, program->relations)
		foreach(lc2, ((const SegRelation *) lfirst(lc))->columns)
	{
		SegColumn  *column = lfirst(lc2);
		int			of_source;
		int			of_lookup;

		place_of(lfirst(lc), column, &of_source, &of_lookup);
		if (column->kind != SEG_COLUMN_EXPRESSION && of_source == source && of_lookup == lookup)
			columns = lappend(columns, column);
	}
	return columns;
}

/* With names that differ in case alone; nobody asks what those are. */
static void
write_columns(StringInfo out, const SegProgram *program, Oid relid, int source, int lookup)
{
	List	   *columns = columns_read(program, source, lookup);
	Relation	relation;
	ListCell   *lc;

	appendStringInfo(out, "%s\"columns\": {", out->data[out->len - 1] == '{' ? "" : ", ");
	if (columns != NIL)
	{
		relation = relation_open(relid, AccessShareLock);
		foreach(lc, columns)
			for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
			{
				const char *name = NameStr(TupleDescAttr(RelationGetDescr(relation), i)->attname);

				if (!TupleDescAttr(RelationGetDescr(relation), i)->attisdropped &&
					strcmp(name, ((SegColumn *) lfirst(lc))->name) != 0 &&
					pg_strcasecmp(name, ((SegColumn *) lfirst(lc))->name) == 0)
					write_string(out, name, "boolean");
			}
		relation_close(relation, NoLock);
	}
	foreach(lc, columns)
	{
		const SegColumn *column = lfirst(lc);

		write_string(out, column->name, travel_type(&column->base, column->name));
	}
	appendStringInfoChar(out, '}');
}

static bool
reads_attribute(const SegProgram *program, const SegAttribute *attribute)
{
	ListCell   *lc;

	foreach(lc, ((const SegRelation *) linitial(program->relations))->columns)
	{
		const SegColumn *column = lfirst(lc);

		if (column->kind == SEG_COLUMN_EXPRESSION && strcmp(column->name, attribute->expression) == 0)
			return true;
	}
	return false;
}

static void
write_attributes(StringInfo out, const SegProgram *program)
{
	const SegPopulation *population = program->population;

	appendStringInfoString(out, ", \"attributes\": [");
	for (int i = 0; i < population->nattributes; i++)
	{
		const SegAttribute *attribute = &population->attributes[i];
		SegTypeInfo type;

		appendStringInfoString(out, i > 0 ? ", {" : "{");
		seg_type_lookup(&type, attribute->typid, attribute->collation);
		write_string(out, "name", attribute->name);
		write_string(out, "type", reads_attribute(program, attribute) ? travel_type(&type, attribute->name) : "boolean");
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
}

static void
write_sources(StringInfo out, const SegProgram *program)
{
	const SegPopulation *population = program->population;

	appendStringInfoString(out, ", \"sources\": [");
	for (int i = 0; i < population->nsources; i++)
	{
		const SegSource *source = &population->sources[i];

		appendStringInfoString(out, i > 0 ? ", {" : "{");
		write_string(out, "name", source->name);
		if (source->at != NULL)
			write_string(out, "at", source->at);
		if (source->parent >= 0)
		{
			write_position(out, "parent", source->parent);
			write_string(out, "key", source->key);
			write_string(out, "parent_key", source->parent_key);
		}
		if (source->filter != NULL)
			write_string(out, "filter", seg_rule_print(source->filter));
		write_columns(out, program, source->relid, i, -1);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
}

static void
write_lookups(StringInfo out, const SegProgram *program)
{
	const SegPopulation *population = program->population;

	appendStringInfoString(out, ", \"lookups\": [");
	for (int i = 0; i < population->nlookups; i++)
	{
		const SegLookup *lookup = &population->lookups[i];

		appendStringInfoString(out, i > 0 ? ", {" : "{");
		write_string(out, "name", lookup->name);
		if (lookup->of != SEG_LOOKUP_OF_POPULATION)
			write_position(out, lookup->of == SEG_LOOKUP_OF_SOURCE ? "of_source" : "of_lookup", lookup->of_index);
		write_columns(out, program, lookup->relid, -1, i);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
}

static void
write_segments(StringInfo out, const char *key, List *segments)
{
	ListCell   *lc;

	appendStringInfo(out, ", \"%s\": [", key);
	foreach(lc, segments)
	{
		const SegSegment *segment = lfirst(lc);
		char		moment[MAXDATELEN + 1];
		int			zone = 0;

		appendStringInfoString(out, foreach_current_index(lc) > 0 ? ", {" : "{");
		write_string(out, "name", segment->name);
		write_string(out, "rule", seg_rule_print(segment->rule));
		if (!TIMESTAMP_IS_NOEND(segment->valid_until))
			write_string(out, "valid_until",
						 JsonEncodeDateTime(moment, TimestampTzGetDatum(segment->valid_until), TIMESTAMPTZOID, &zone));
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
}

static char *
write_ruleset(const SegProgram *program, List *chosen, List *referred)
{
	const SegPopulation *population = program->population;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	write_string(&out, "population", population->name);
	write_string(&out, "time_zone", population->time_zone);
	write_columns(&out, program, population->relid, -1, -1);
	write_attributes(&out, program);
	write_sources(&out, program);
	write_lookups(&out, program);
	write_segments(&out, "segments", chosen);
	write_segments(&out, "referred", referred);
	appendStringInfoChar(&out, '}');
	return out.data;
}

static SegProgram *
bind_segments(const SegPopulation *population, List *segments)
{
	int			n = list_length(segments);
	const SegRule **rules = palloc(sizeof(SegRule *) * (n + 1));
	int32	   *ids = palloc(sizeof(int32) * (n + 1));
	ListCell   *lc;

	foreach(lc, segments)
	{
		rules[foreach_current_index(lc)] = ((SegSegment *) lfirst(lc))->rule;
		ids[foreach_current_index(lc)] = ((SegSegment *) lfirst(lc))->id;
	}
	return seg_define_bind(population, n, rules, ids);
}

SegRulesetText *
seg_ruleset_of(const SegPopulation *population, List *names, SegProgram **program)
{
	List	   *chosen = chosen_segments(population, names);

	*program = bind_segments(population, chosen);
	refuse_members(*program, chosen);
	refuse_order_of_enums(*program);
	return seg_ruleset_make(write_ruleset(*program, chosen, referred_segments(population, chosen)));
}

List *
seg_arg_names(FunctionCallInfo fcinfo, int n, const char *argument)
{
	List	   *names = NIL;
	Datum	   *datums;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(n))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &datums, &nulls, &count);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", argument)));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not hold a null", argument)));
		names = lappend(names, TextDatumGetCString(datums[i]));
	}
	return names;
}

/*
 * ruleset_of(population, segments) -> ruleset
 */
Datum
ruleset_of(PG_FUNCTION_ARGS)
{
	SegPopulation *population = seg_population_get(seg_arg_text(fcinfo, 0));
	SegProgram *program;

	seg_check_manage(population);
	PG_RETURN_POINTER(seg_ruleset_of(population, seg_arg_names(fcinfo, 1, "segments"), &program));
}
