-- Where every use of a source is windowed, only the window is read, and for a single rule
-- only those of the population who can fulfil it, by an index if there is one; the
-- answers are those of plain SQL, whatever type the moment has.
BEGIN;
SELECT plan(54);
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, segments;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;

CREATE TABLE people (id integer PRIMARY KEY);
INSERT INTO people SELECT generate_series(1, 20);
SELECT segments.create_population('people', 'people', time_zone => 'Europe/Berlin');

-- an hour apart, from 2025-12-31 12:00 backwards; some without a moment, some infinite
CREATE TABLE by_instant (id integer PRIMARY KEY, person integer, at timestamptz);
INSERT INTO by_instant
SELECT i, 1 + i % 20, CASE i % 500 WHEN 1 THEN NULL WHEN 2 THEN 'infinity' WHEN 3 THEN '-infinity'
	ELSE timestamptz '2025-12-31 12:00+00' - i * interval '1 hour' END
FROM generate_series(0, 9999) AS i;
CREATE TABLE by_clock AS SELECT id, person, at AT TIME ZONE 'Europe/Berlin' AS at FROM by_instant;
CREATE TABLE by_day AS SELECT id, person, (at AT TIME ZONE 'Europe/Berlin')::date AS at FROM by_instant;
CREATE TABLE children (parent integer, amount integer);
INSERT INTO children SELECT id, id % 7 FROM by_instant;
CREATE INDEX ON by_instant (at);
CREATE INDEX ON by_clock (at);
CREATE INDEX ON by_day (at);
ANALYZE people, by_instant, by_clock, by_day, children;
SELECT segments.add_source('people', 'instant', 'by_instant', 'person', 'at');
SELECT segments.add_source('people', 'clock', 'by_clock', 'person', 'at');
SELECT segments.add_source('people', 'day', 'by_day', 'person', 'at');
SELECT segments.add_source('people', 'children', 'children', 'parent', parent => 'instant');

-- How many rows of a table a pass reads.
CREATE FUNCTION rows_read(relation regclass, rule text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint = pg_stat_get_xact_tuples_fetched(relation) + pg_stat_get_xact_tuples_returned(relation);
BEGIN
	PERFORM segments.matching(rule::segments.segment_rule, 'people', as_of => '2026-01-01 00:00+00');
	RETURN pg_stat_get_xact_tuples_fetched(relation) + pg_stat_get_xact_tuples_returned(relation) - before;
END
$$;
CREATE FUNCTION same_answer(rule text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	theirs bigint[];
BEGIN
	EXECUTE format('SELECT array_agg(q.id::bigint ORDER BY q.id) FROM (%s) AS q (id)',
		segments.sql(rule::segments.segment_rule, 'people', '2026-01-01 00:00+00')) INTO theirs;
	RETURN theirs IS NOT DISTINCT FROM
		(SELECT array_agg(m ORDER BY m) FROM segments.matching(rule::segments.segment_rule, 'people', as_of => '2026-01-01 00:00+00') AS m);
END
$$;

SELECT cmp_ok(rows_read('by_instant', rule), '<=', expected::bigint, rule || ' reads the window')
FROM (VALUES
	('count(instant within last 3 days) > 1', 72),
	('count(instant within last 3 days) > 1 and not exists(instant within last 1 day where id > 5)', 72),
	('exists(instant within last 1 day) or sum(instant.id during 2025-12) > 9', 31 * 24 + 1),
	('count(instant since 2025-12-20 before 2025-12-22) > 1', 48),
	('count(instant between 2025-12-20 and 2025-12-22) > 1', 72),
	('count(instant since 2025-12-20T10:00) > 1', 12 * 24 + 20),
	('count(instant before 2024-12-01) > 1', 700),
	('count(instant within next 3 days) > 1', 0),
	('every (instant within last 2 days satisfies id < 30)', 48),
	('count(instant since 2025-12-30 where id > 7) > 0', 60)) AS v (rule, expected);
SELECT cmp_ok(rows_read(relation::regclass, rule), '<=', 5 * 24::bigint, rule || ' reads the window and a day more')
FROM (VALUES
	('by_clock', 'count(clock within last 3 days) > 1'),
	('by_day', 'count(day within last 3 days) > 1')) AS v (relation, rule);
SELECT cmp_ok(rows_read('by_instant', rule), '>=', 9900::bigint, rule || ' reads everything')
FROM (VALUES
	('count(instant) > 1'),
	('count(instant within last 3 days) > 1 and exists(instant where id = 9000)'),
	('count(instant during december) > 1'),
	('count(instant since start of this month where id > 7) > 0 or count(instant during january) > 0')) AS v (rule);
SELECT ok(same_answer(rule), rule || ': the same answer')
FROM (SELECT replace(rule, 'instant', source) AS rule
	FROM unnest(ARRAY['instant', 'clock', 'day']) AS source,
		(VALUES
			('count(instant within last 3 days) >= 4'),
			('count(instant within last 3 days) = 3 or exists(instant within last 30 hours where id in (4, 13, 28))'),
			('count(instant since 2025-12-20 before 2025-12-22) >= 3'),
			('count(instant between 2025-12-20 and 2025-12-22) >= 4'),
			('count(instant before 2024-12-01) > 27'),
			('count(instant since 2025-12-20T10:00) >= 15'),
			('count(instant during 2025-10) >= 37')) AS v (rule)) AS r
UNION ALL
SELECT ok(same_answer(rule), rule || ': the same answer')
FROM (VALUES
	('sum(children.amount within last 10 days) > 36'),
	('exists(instant i within last 10 days where exists(i.children where amount = 3 and i.id > 100))'),
	('count(instant since 2025-12-30 where id > 7) > 2')) AS v (rule);

CREATE TABLE guests (id integer PRIMARY KEY, country text, age integer, born date, seen timestamptz, local timestamp, tags text[]);
INSERT INTO guests
SELECT i, 'C' || i % 100, i % 90, date '1990-01-01' + i % 3000, timestamptz '2026-01-01 00:00+00' - i * interval '1 hour',
	timestamp '2026-01-01 00:00' - i * interval '1 hour', ARRAY['t' || i % 50]
FROM generate_series(1, 5000) AS i;
CREATE INDEX ON guests (country);
CREATE INDEX ON guests (age);
CREATE INDEX ON guests (born);
CREATE INDEX ON guests (seen);
CREATE INDEX ON guests (local);
ANALYZE guests;
SELECT segments.create_population('guests', 'guests');
CREATE FUNCTION guests_read(rule text, OUT read bigint, OUT ours bigint, OUT theirs bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint = pg_stat_get_xact_tuples_fetched('guests'::regclass) + pg_stat_get_xact_tuples_returned('guests'::regclass);
BEGIN
	ours = count(*) FROM segments.matching(rule::segments.segment_rule, 'guests', as_of => '2026-01-01 00:00+00');
	read = pg_stat_get_xact_tuples_fetched('guests'::regclass) + pg_stat_get_xact_tuples_returned('guests'::regclass) - before;
	EXECUTE format('SELECT count(*) FROM (%s) AS q',
		segments.sql(rule::segments.segment_rule, 'guests', '2026-01-01 00:00+00')) INTO theirs;
END
$$;
SELECT cmp_ok(r.read, '<=', v.most::bigint, v.rule || ' reads few rows') || E'\n' ||
	is(r.ours, r.theirs, v.rule || ' finds the same')
FROM (VALUES
	('country = ''C7'' and age > 30', 50),
	('country in (''C7'', ''C8'') and not (age > 30)', 100),
	('seen < 2025-06-10 and age < 80', 200),
	('age between 3 and 4 and born > 1990-01-01', 112),
	('born between 1990-01-05 and 1990-01-07 and tags has any (''t4'', ''t5'')', 14),
	('seen within last 2 days', 49),
	('local within last 2 days and country is not null', 97)) AS v (rule, most), LATERAL guests_read(v.rule) AS r;
SELECT * FROM finish();
ROLLBACK;
