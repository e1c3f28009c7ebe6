/*
 * feed.h
 *		The order in which the changes of a population are handed out.
 *
 * A change gets its place, a number, when somebody first publishes it, not when it is
 * written: the transaction that wrote it may commit later than others whose changes
 * have been handed out by then.  Who publishes holds the lock of the population's feed (lock.h) until
 * his transaction ends, and numbers what a snapshot taken under the lock sees.  So
 * numbers become visible in their order, one transaction's after the other's, and who has
 * seen a number has seen all lower ones that will ever be.  Of one member's changes, those with the
 * lower ids were committed first, and among those seen, ids give the order; so its
 * numbers rise with its ids.  A row about several members takes a place for each.
 *
 * Whoever else writes numbers, or deletes rows of segments.change that others may be about to
 * number, takes the same lock.
 *
 * Copyright (c) 2026, the segments authors
 */
#ifndef SEG_FEED_H
#define SEG_FEED_H

#include "postgres.h"

#include "compat.h"
#include "registry.h"

/*
 * Numbers the changes of a population that have no number.  Does nothing where another
 * transaction is at it, and where this one cannot see what is committed by now, or cannot write.
 */
extern void seg_feed_publish(int32 population);

/*
 * SQL: as many new places as a row of segments.change takes, one for each of members; the first of
 * them.  Nobody else numbers changes of the population meanwhile, so none of its own lie between.
 */
#define SEG_FEED_PLACES(members) \
	"CASE WHEN " members " IS NULL THEN pg_catalog.nextval('segments.change_number') ELSE" \
	" (SELECT pg_catalog.max(pg_catalog.nextval('segments.change_number'))" \
	" - pg_catalog.count(*) + 1 FROM pg_catalog.generate_series(1, segments.cardinality(" members "))) END"

/* Those who LISTEN on channel "segments" hear, once for a transaction, whose members changed. */
extern void seg_feed_notify(const SegPopulation *population, const SegSegment *segment);

#endif							/* SEG_FEED_H */
