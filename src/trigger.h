/*
 * trigger.h
 *		Our statement triggers on the tables that populations are made of.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_TRIGGER_H
#define SEG_TRIGGER_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "registry.h"

/* What the transition tables are called. */
#define SEG_TRANSITION_OLD	"segments_old"
#define SEG_TRANSITION_NEW	"segments_new"

/* Can the relation, with all that is below it, have such triggers? */
extern bool seg_triggers_possible(Oid relid);

/*
 * An error if triggers are to maintain the population, and cannot: the relation cannot have them, or the
 * population's owner may not put them there.  relid InvalidOid: all of its relations.
 */
extern void seg_triggers_check(const SegPopulation *population, Oid relid);

/* The same of a relation that is registered, for what is above it. */
extern void seg_triggers_check_root(Oid relid);

/*
 * Makes the triggers of the relations of a population what they have to be, going by what the tables
 * say now: population itself may be as it was before.  Of seg_triggers_sync_tree: those
 * of a relation and of what is below it.
 */
extern void seg_triggers_sync(const SegPopulation *population);
extern void seg_triggers_sync_tree(Oid relid);

/* Texts (char *) that say which triggers of the population are missing or disabled. */
extern List *seg_triggers_problems(const SegPopulation *population);

/*
 * The registered relations (oids) of populations that triggers maintain, among these relations and
 * those above them.
 */
extern List *seg_triggers_roots(List *relids);

#endif							/* SEG_TRIGGER_H */
