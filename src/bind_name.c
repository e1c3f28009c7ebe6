/*
 * bind_name.c
 *		Names to columns.
 *
 * A name is looked for in the innermost row first, then in the rows around it, then in
 * the member; an alias or a source's name in front says which row is meant, the
 * population's name that it is the member.  Within a relation a name is a column, a
 * computed attribute, or the way over lookups to a column; what follows a json
 * column is a path into it.  Names match exactly, else the only one that differs in
 * case alone.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "bind.h"
#include "nearest.h"

static const SegTable *
table_columns(SegBinder *b, Oid relid)
{
	ListCell   *lc;
	Relation	relation;
	SegTable   *table;

	foreach(lc, b->relations_known)
	{
		table = lfirst(lc);
		if (table->relid == relid)
			return table;
	}
	if (b->description != NULL)
		elog(ERROR, "table %u is not described", relid);
	relation = try_relation_open(relid, AccessShareLock);
	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a relation of population \"%s\" does not exist any more", b->population->name),
				 errdetail("It had the OID %u.", relid),
				 errhint("Drop the source or lookup that it was, or the population, with cascade => true.")));
	table = palloc0(sizeof(SegTable));
	table->relid = relid;
	table->tupdesc = CreateTupleDescCopy(RelationGetDescr(relation));
	relation_close(relation, NoLock);
	b->relations_known = lappend(b->relations_known, table);
	return table;
}

/* What the i-th column is, from 0 on. */
static void
take_column_type(const SegTable *table, int i, SegTypeInfo *type)
{
	Form_pg_attribute attribute = TupleDescAttr(table->tupdesc, i);

	if (table->types != NULL)
		*type = table->types[i];
	else
		seg_type_lookup(type, attribute->atttypid, attribute->attcollation);
}

static List *
column_names(TupleDesc tupdesc)
{
	List	   *names = NIL;

	for (int i = 0; i < tupdesc->natts; i++)
		names = lappend(names, TupleDescAttr(tupdesc, i)->attisdropped ? "" :
						NameStr(TupleDescAttr(tupdesc, i)->attname));
	return names;
}

/* Position of the name meant, or -1. */
static int
match(const char *name, List *names)
{
	int			found = -1;
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(name, lfirst(lc)) == 0)
			return foreach_current_index(lc);
	foreach(lc, names)
	{
		if (pg_strcasecmp(name, lfirst(lc)) != 0)
			continue;
		if (found >= 0)
			return -1;
		found = foreach_current_index(lc);
	}
	return found;
}

static List *
attribute_names(const SegPopulation *population)
{
	List	   *names = NIL;

	for (int i = 0; i < population->nattributes; i++)
		names = lappend(names, population->attributes[i].name);
	return names;
}

int
seg_bind_find_source(SegBinder *b, const char *name)
{
	return b->population == NULL ? -1 : match(name, seg_source_names(b->population));
}

/* Relations and their columns in the program. */

static SegColumn *
moment_column(SegBinder *b, int source)
{
	const SegSource *sources = b->population->sources;
	SegColumn  *column;

	while (source >= 0 && sources[source].at == NULL)
		source = sources[source].parent;
	if (source < 0)
		return NULL;
	column = palloc0(sizeof(SegColumn));
	column->kind = SEG_COLUMN_MOMENT;
	column->source = source;
	column->name = sources[source].at;
	seg_bind_column_type(b, sources[source].relid, column->name, column);
	return column;
}

/* Registered columns may have gone since: those that lead from a source to the member. */
static void
check_way_to_member(SegBinder *b, int source)
{
	const SegSource *sources = b->population->sources;
	SegColumn	column;

	if (b->description != NULL)
		return;
	for (; source >= 0; source = sources[source].parent)
	{
		seg_bind_column_type(b, sources[source].relid, sources[source].key, &column);
		if (sources[source].parent >= 0)
			seg_bind_column_type(b, sources[sources[source].parent].relid, sources[source].parent_key, &column);
	}
}

void
seg_bind_check_key(SegBinder *b)
{
	const SegPopulation *population = b->population;
	SegColumn	column;

	seg_bind_column_type(b, population->relid, population->key, &column);
	if (!seg_key_types_match(column.type.typid, population->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("key \"%s\" of population \"%s\" is %s now", population->key, population->name,
						format_type_be(column.type.typid)),
				 errdetail("It was %s when the population was created.", format_type_be(population->key_type)),
				 errhint("Create the population anew, or over a view that casts its key.")));
}

int
seg_bind_relation(SegBinder *b, int source, const char *name)
{
	ListCell   *lc;
	SegRelation *relation;
	SegColumn  *moment;

	foreach(lc, b->program->relations)
	{
		relation = lfirst(lc);
		if (foreach_current_index(lc) > 0 && relation->source == source && strcmp(relation->name, name) == 0)
			return foreach_current_index(lc);
	}
	/* an array in a document is no source */
	if (source >= 0)
		check_way_to_member(b, source);
	relation = palloc0(sizeof(SegRelation));
	relation->source = source;
	relation->name = name;
	b->program->relations = lappend(b->program->relations, relation);
	/* a pass that hides what happened later needs the moment of every row */
	if (source >= 0 && (moment = moment_column(b, source)) != NULL)
		(void) seg_bind_add_column(b, list_length(b->program->relations) - 1, moment);
	return list_length(b->program->relations) - 1;
}

static bool
same_path(int n, const char **a, int m, const char **b)
{
	if (n != m)
		return false;
	for (int i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool
same_column(const SegColumn *a, const SegColumn *b)
{
	return a->kind == b->kind && a->source == b->source && a->nlookups == b->nlookups &&
		(a->nlookups == 0 || memcmp(a->lookups, b->lookups, sizeof(int) * a->nlookups) == 0) &&
		(a->name == NULL) == (b->name == NULL) &&
		(a->name == NULL || strcmp(a->name, b->name) == 0) &&
		same_path(a->npath, a->path, b->npath, b->path);
}

int
seg_bind_add_column(SegBinder *b, int relationno, SegColumn *column)
{
	SegRelation *relation = list_nth(b->program->relations, relationno);
	ListCell   *lc;

	foreach(lc, relation->columns)
		if (same_column(column, lfirst(lc)))
			return foreach_current_index(lc);
	relation->columns = lappend(relation->columns, column);
	return list_length(relation->columns) - 1;
}

static SegExpr *
column_expr(SegBinder *b, int scope, SegColumn *column, SegExpr *fallback)
{
	SegExpr		expr = {.op = SEG_X_COLUMN};

	expr.type = column->type;
	expr.scope = scope;
	expr.relation = b->scopes[scope].relation;
	expr.column = seg_bind_add_column(b, expr.relation, column);
	expr.reads = 1U << scope;
	expr.nargs = fallback ? 1 : 0;
	expr.args = &fallback;
	return seg_expr_make(b, &expr);
}

/* Scopes. */

static SegRelation *
relation_of(SegBinder *b, int scope)
{
	return list_nth(b->program->relations, b->scopes[scope].relation);
}

static const char *
scope_name(SegBinder *b, int scope)
{
	SegRelation *relation = relation_of(b, scope);

	return b->scopes[scope].alias ? b->scopes[scope].alias : relation->name;
}

static bool
is_visible(SegBinder *b, int scope)
{
	return scope == 0 || scope >= b->visible;
}

/* The scope whose alias, source or population has this name; -1 if none. */
int
seg_bind_find_scope(SegBinder *b, const char *name)
{
	for (int exact = 1; exact >= 0; exact--)
		for (int scope = b->nscopes - 1; scope >= 0; scope--)
		{
			const char *own = scope_name(b, scope);
			SegRelation *relation = relation_of(b, scope);

			if (!is_visible(b, scope))
				continue;
			if (own != NULL && (exact ? strcmp(own, name) : pg_strcasecmp(own, name)) == 0)
				return scope;
			if (relation->name != NULL &&
				(exact ? strcmp(relation->name, name) : pg_strcasecmp(relation->name, name)) == 0)
				return scope;
		}
	return -1;
}

/* What a name is of, in a message. */
static char *
scope_description(SegBinder *b, int scope)
{
	if (scope > 0)
		return psprintf("source \"%s\"", relation_of(b, scope)->name);
	if (b->population != NULL)
		return psprintf("population \"%s\"", b->population->name);
	return pstrdup("the row");
}

/* Names within a relation of tables. */

/* Where the search stands: in the row of a relation, or of a lookup behind it. */
typedef struct Place
{
	SegLookupOf of;
	int			index;			/* in sources or lookups */
	const SegTable *table;
} Place;

static Place
place_of_scope(SegBinder *b, int scope)
{
	SegRelation *relation = relation_of(b, scope);
	Place		place;

	place.of = relation->source < 0 ? SEG_LOOKUP_OF_POPULATION : SEG_LOOKUP_OF_SOURCE;
	place.index = relation->source;
	if (b->schema == SEG_SCHEMA_ROW)
		place.table = &b->row;
	else
		place.table = table_columns(b, relation->source < 0 ? b->population->relid :
									b->population->sources[relation->source].relid);
	return place;
}

/* The lookups that start at a place, by name, each with its index. */
static int
find_lookup(SegBinder *b, const Place *place, const char *name)
{
	List	   *names = NIL;
	List	   *indexes = NIL;
	int			found;

	if (b->population == NULL)
		return -1;
	for (int i = 0; i < b->population->nlookups; i++)
	{
		const SegLookup *lookup = &b->population->lookups[i];

		if (!seg_lookup_is_of(lookup, place->of, place->index))
			continue;
		names = lappend(names, lookup->name);
		indexes = lappend_int(indexes, i);
	}
	found = match(name, names);
	return found < 0 ? -1 : list_nth_int(indexes, found);
}

static List *
names_at(SegBinder *b, const Place *place)
{
	List	   *names = column_names(place->table->tupdesc);
	List	   *known = NIL;
	ListCell   *lc;

	foreach(lc, names)
		if (*(char *) lfirst(lc) != '\0')
			known = lappend(known, lfirst(lc));
	if (b->population == NULL)
		return known;
	if (place->of == SEG_LOOKUP_OF_POPULATION)
		known = list_concat(known, attribute_names(b->population));
	for (int i = 0; i < b->population->nlookups; i++)
	{
		const SegLookup *lookup = &b->population->lookups[i];

		if (seg_lookup_is_of(lookup, place->of, place->index))
			known = lappend(known, lookup->name);
	}
	return known;
}

/* The column or attribute of this name at a place, or NULL. */
static SegColumn *
column_at(SegBinder *b, const Place *place, const char *name)
{
	SegColumn  *column = palloc0(sizeof(SegColumn));
	int			i = match(name, column_names(place->table->tupdesc));

	if (i >= 0)
	{
		Form_pg_attribute attribute = TupleDescAttr(place->table->tupdesc, i);

		column->kind = SEG_COLUMN_ATTRIBUTE;
		column->name = NameStr(attribute->attname);
		column->attnum = attribute->attnum;
		take_column_type(place->table, i, &column->base);
		return column;
	}
	if (b->population == NULL || place->of != SEG_LOOKUP_OF_POPULATION)
		return NULL;
	i = match(name, attribute_names(b->population));
	if (i < 0)
		return NULL;
	column->kind = SEG_COLUMN_EXPRESSION;
	column->name = b->population->attributes[i].expression;
	if (b->description != NULL)
		column->base = b->description->attributes[i];
	else
		seg_type_lookup(&column->base, b->population->attributes[i].typid, b->population->attributes[i].collation);
	return column;
}

static void
unknown_name(SegBinder *b, const SegNode *node, const char *name, const char *where, List *known)
{
	int			source = seg_bind_find_source(b, name);

	if (source >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" is a source, which has many rows for a member", name),
				 errhint("Say what is meant of them: an aggregate such as count(%s) or sum(%s.column), or exists(%s where ...).",
						 name, name, name),
				 seg_rule_errposition(b->rule, node)));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("attribute \"%s\" does not exist in %s", name, where),
			 errhint("%s A text stands in single quotes: '%s'.",
					 seg_nearest_hint(name, known, "Known are"), name),
			 seg_rule_errposition(b->rule, node)));
}

/* The rest of a dotted name behind a column: keys into json. */
static void
take_path(SegBinder *b, const SegNode *node, SegColumn *column, int from)
{
	column->type = column->base;
	column->npath = node->op - from;
	if (column->npath == 0)
		return;
	if (column->base.type != SEG_T_JSON)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" is of type %s and has no part \"%s\"",
						seg_node_name_part(node, from - 1), seg_bind_type_name(&column->base),
						seg_node_name_part(node, from)),
				 errdetail("Only json and jsonb columns have parts."),
				 seg_rule_errposition(b->rule, node)));
	column->path = palloc(sizeof(char *) * column->npath);
	for (int i = 0; i < column->npath; i++)
		column->path[i] = seg_node_name_part(node, from + i);
	seg_type_lookup(&column->type, JSONBOID, InvalidOid);
}

/* The parts of a name from first on, in one scope.  NULL if its first part is not there. */
static SegColumn *
name_in_tables(SegBinder *b, const SegNode *node, int first, int scope, bool missing_ok)
{
	Place		place = place_of_scope(b, scope);
	char	   *where = scope_description(b, scope);
	List	   *lookups = NIL;
	SegColumn  *column;

	for (int i = first; i < node->op; i++)
	{
		const char *name = seg_node_name_part(node, i);
		int			lookup;

		if ((column = column_at(b, &place, name)) != NULL)
		{
			ListCell   *lc;

			take_path(b, node, column, i + 1);
			column->lookups = palloc(sizeof(int) * Max(list_length(lookups), 1));
			foreach(lc, lookups)
				column->lookups[column->nlookups++] = lfirst_int(lc);
			return column;
		}
		lookup = find_lookup(b, &place, name);
		if (lookup < 0)
		{
			if (missing_ok && i == first)
				return NULL;
			unknown_name(b, node, name, where, names_at(b, &place));
		}
		lookups = lappend_int(lookups, lookup);
		place.of = SEG_LOOKUP_OF_LOOKUP;
		place.index = lookup;
		place.table = table_columns(b, b->population->lookups[lookup].relid);
		where = psprintf("lookup \"%s\"", b->population->lookups[lookup].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" is a lookup, not a value", seg_node_name_part(node, node->op - 1)),
			 errhint("%s", seg_nearest_hint("", names_at(b, &place), "Say which column of it is meant; it has")),
			 seg_rule_errposition(b->rule, node)));
}

/* Names in documents, and in the rows that a json array holds. */

/* The value at the end of a path of so many keys, which the caller fills in. */
static SegColumn *
json_column(int npath)
{
	SegColumn  *column = palloc0(sizeof(SegColumn));

	column->kind = SEG_COLUMN_ATTRIBUTE;
	column->npath = npath;
	column->path = palloc(sizeof(char *) * npath);
	seg_type_lookup(&column->base, JSONBOID, InvalidOid);
	column->type = column->base;
	return column;
}

static SegColumn *
path_column(const SegNode *node, int first)
{
	SegColumn  *column = json_column(node->op - first);

	for (int i = 0; i < column->npath; i++)
		column->path[i] = seg_node_name_part(node, first + i);
	return column;
}

static bool
scope_is_json(SegBinder *b, int scope)
{
	return b->schema == SEG_SCHEMA_DOCUMENT || (b->schema == SEG_SCHEMA_ROW && scope > 0);
}

/* A bare name: the innermost row that has it, decided for json while evaluating. */
static SegExpr *
name_from(SegBinder *b, const SegNode *node, int scope)
{
	SegColumn  *column;
	int			outer = scope - 1;

	while (outer > 0 && !is_visible(b, outer))
		outer--;
	if (scope_is_json(b, scope))
	{
		SegExpr    *fallback = NULL;

		if (scope > 0 && (scope_is_json(b, outer) || name_in_tables(b, node, 0, 0, true) != NULL))
			fallback = name_from(b, node, outer);
		return column_expr(b, scope, path_column(node, 0), fallback);
	}
	column = name_in_tables(b, node, 0, scope, scope > 0);
	if (column == NULL)
	{
		SegExpr    *expr;

		expr = name_from(b, node, outer);
		if (outer == 0 && b->population != NULL)
			seg_bind_notice(b, psprintf("\"%s\" is not in source \"%s\": it is taken from the member",
										seg_node_name_part(node, 0), relation_of(b, scope)->name));
		return expr;
	}
	return column_expr(b, scope, column, NULL);
}

SegExpr *
seg_bind_name(SegBinder *b, const SegNode *node)
{
	int			scope = node->op > 1 ? seg_bind_find_scope(b, seg_node_name_part(node, 0)) : -1;

	if (scope >= 0)
	{
		/* a column or lookup of the row in hand goes before the scope's name */
		SegColumn  *column = NULL;

		if (!scope_is_json(b, b->nscopes - 1))
			column = name_in_tables(b, node, 0, b->nscopes - 1, true);
		if (column != NULL)
			return column_expr(b, b->nscopes - 1, column, NULL);
		if (scope_is_json(b, scope))
			return column_expr(b, scope, path_column(node, 1), NULL);
		return column_expr(b, scope, name_in_tables(b, node, 1, scope, false), NULL);
	}
	return name_from(b, node, b->nscopes - 1);
}

/* The moment of the row in a scope. */
SegExpr *
seg_bind_moment(SegBinder *b, int scope, const SegNode *node)
{
	SegRelation *relation = relation_of(b, scope);
	SegColumn  *column;

	if (scope_is_json(b, scope))
	{
		column = json_column(1);
		column->path[0] = "at";
		return column_expr(b, scope, column, NULL);
	}
	column = moment_column(b, relation->source);
	if (column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("source \"%s\" has no moment, so it has no windows", relation->name),
				 errhint("Name its time column when you add the source: add_source(..., at => 'column')."),
				 seg_rule_errposition(b->rule, node)));
	return column_expr(b, scope, column, NULL);
}

/* The type of a column that the registry names. */
void
seg_bind_column_type(SegBinder *b, Oid relid, const char *name, SegColumn *column)
{
	const SegTable *table = table_columns(b, relid);
	int			i = match(name, column_names(table->tupdesc));

	if (i < 0 && b->description != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" is not described", name)));
	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has lost its column \"%s\"", get_rel_name(relid), name)));
	take_column_type(table, i, &column->base);
	column->type = column->base;
}

/* Is there a json column of this name in the row, to take an array of objects from? */
bool
seg_bind_row_array(SegBinder *b, const char *name)
{
	Place		place = place_of_scope(b, 0);
	SegColumn  *column = column_at(b, &place, name);

	return column != NULL && column->base.type == SEG_T_JSON;
}

void
seg_bind_unknown_source(SegBinder *b, const SegNode *node, const char *name)
{
	if (b->population == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the row has no column \"%s\" of type json or jsonb to take rows from", name),
				 seg_rule_errposition(b->rule, node)));
	if (seg_bind_find_scope(b, name) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" is one row here, not a source", name),
				 errhint("The rows of that row stand behind FROM, as in: sum(quantity from %s.lines).", name),
				 seg_rule_errposition(b->rule, node)));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("source \"%s\" does not exist in population \"%s\"", name, b->population->name),
			 errhint("%s", b->population->nsources == 0 ?
					 "The population has no sources; add one with segments.add_source()." :
					 seg_nearest_hint(name, seg_source_names(b->population), "Known are")),
			 seg_rule_errposition(b->rule, node)));
}
