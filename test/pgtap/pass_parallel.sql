-- A pass in parallel: the same members as without workers, also of what this transaction
-- has not committed; by the same rights; not where a worker must not; and errors and
-- interruptions end all of it.
BEGIN;
SELECT plan(28);
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, segments;

CREATE ROLE parallel_owner;
GRANT CREATE ON SCHEMA public TO parallel_owner;
SET LOCAL ROLE parallel_owner;
-- Which process asks: declared safe, so that the planner lets workers ask it.
CREATE FUNCTION asks() RETURNS integer LANGUAGE plpgsql PARALLEL SAFE COST 0.01 AS 'BEGIN RETURN pg_backend_pid(); END';
CREATE FUNCTION asks_unsafe() RETURNS integer LANGUAGE plpgsql PARALLEL UNSAFE AS 'BEGIN RETURN pg_backend_pid(); END';
CREATE FUNCTION fails(n integer) RETURNS integer LANGUAGE plpgsql PARALLEL SAFE AS
	'BEGIN IF n = 99999 THEN RAISE EXCEPTION ''no such number''; END IF; RETURN n; END';
CREATE TABLE person (id bigint PRIMARY KEY, age integer, name text, score numeric);
INSERT INTO person SELECT (i - 20000) * 37, i % 90, 'name ' || i % 1000, i % 77 / 7.0 FROM generate_series(1, 40000) AS i;
CREATE TABLE visit (who bigint, at timestamptz, pages integer);
INSERT INTO visit SELECT (i % 45000 - 20000) * 37, timestamptz '2026-01-01' - i % 400 * interval '1 day', i % 13
FROM generate_series(1, 100000) AS i;
ANALYZE person, visit;
CREATE VIEW asked AS SELECT id, age, public.asks() AS process, current_user::text AS who FROM person;
CREATE VIEW asked_unsafe AS SELECT id, age, public.asks_unsafe() AS process FROM person;
CREATE VIEW failing AS SELECT id, public.fails(age) AS age FROM person;
SELECT segments.create_population('person', 'person', time_zone => 'Asia/Tokyo', maintenance => 'scheduled');
SELECT segments.add_source('person', 'visits', 'visit', 'who', 'at');
SELECT segments.create_population('asked', 'asked', 'id');
SELECT segments.create_population('asked unsafe', 'asked_unsafe', 'id');
SELECT segments.create_population('failing', 'failing', 'id');
SELECT segments.create_segment(format('s%s', i), replace(rule, '@', i::text)::segments.segment_rule, 'person', build => false)
FROM (VALUES (1, 'age > @0'), (2, 'name = ''name @'' or score > @.5'), (3, 'count(visits where pages > @) > 1'),
	(4, 'sum(visits.pages within last @ months) > 7'), (5, 'exists(visits during today) or age < @'),
	(6, 'not in segment ''s3'' and in segment ''s1'''), (7, 'true'), (8, 'age > 1000')) AS v (i, rule);
RESET ROLE;

CREATE VIEW stored AS
SELECT name, segments.as_set(name, 'person') AS members FROM segments.segment
WHERE population = (SELECT id FROM segments.population WHERE name = 'person');
CREATE VIEW moving AS SELECT * FROM segments.next_changes('exists(visits within last 3 months) or age < 20', 'person', as_of => '2025-11-01');
CREATE FUNCTION parallel(workers integer) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('max_parallel_workers_per_gather', workers::text, true),
		set_config('min_parallel_table_scan_size', '0', true)
$$;
CREATE FUNCTION here(population text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM segments.matching(format('process + 0 = %s', pg_backend_pid())::segments.segment_rule, population)
$$;

-- Who does it.
SELECT parallel(0);
SELECT is(here('asked'), 40000::bigint, 'without workers, one process does it all');
SELECT parallel(1);
SELECT ok(here('asked') BETWEEN 10000 AND 30000, 'with a worker it does a part');
SELECT parallel(3);
SELECT cmp_ok(here('asked'), '<', 16000::bigint, 'with three a smaller one');
SELECT is(here('asked unsafe'), 40000::bigint, 'but not where a function of a view must not be called by a worker');
SET LOCAL min_parallel_table_scan_size = '1GB';
SELECT is(here('asked'), 40000::bigint, 'nor where there is little to do');
SELECT parallel(2);
SELECT is((SELECT count(*) FROM segments.matching('who = ''parallel_owner''', 'asked')), 40000::bigint,
	'workers read as the population''s owner');
SELECT is((SELECT count(*) FROM segments.matching('age > 50', 'person', as_of => '2026-01-01')),
	(SELECT count(*) FROM person WHERE age > 50), 'a single rule');

-- The same members.
SELECT parallel(0);
SELECT segments.refresh('person', '2026-01-01');
CREATE TABLE serial AS TABLE stored;
CREATE TABLE serially_moving AS TABLE moving;
SELECT cmp_ok((SELECT count(DISTINCT chunk) FROM segments.membership), '>', 100::bigint, 'many chunks');
SELECT cmp_ok((SELECT count(*) FROM serially_moving), '>', 1000::bigint, 'and many who move');
CREATE FUNCTION again(workers integer, memory text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM parallel(workers), set_config('work_mem', memory, true);
	PERFORM segments.refresh('person', '2026-01-01');
	RETURN NEXT set_eq('TABLE stored', 'TABLE serial', format('%s workers, %s of memory: the same', workers, memory));
	RETURN NEXT bag_eq('TABLE moving', 'TABLE serially_moving', 'at the same moments');
	RETURN NEXT is((SELECT members FROM segments.segment WHERE name = 's1'), (SELECT count(*) FROM person WHERE age > 10), 'and as many');
END
$$;
SELECT again(workers, memory) FROM (VALUES (1, '16MB'), (2, '64kB'), (5, '1MB')) AS v (workers, memory);
DELETE FROM person WHERE age = 50;
INSERT INTO visit SELECT id, '2025-12-31', 100 FROM person WHERE age = 51;
SELECT is((SELECT count(*) FROM segments.matching('age between 50 and 51 and sum(visits.pages) >= 100', 'person')),
	(SELECT count(*) FROM person WHERE age = 51), 'workers see what this transaction has changed');

-- A moment with letters in it, which a worker could not read yet when it takes settings over.
SET LOCAL segments.now = '2026-01-01T12:00:00.5Z';
SELECT is(current_setting('segments.now'), '2026-01-01 12:00:00.5+00', 'the setting is kept in numbers');
SELECT is((SELECT count(*) FROM segments.matching('age = 51', 'person')), (SELECT count(*) FROM person WHERE age = 51), 'and workers have it');
SELECT throws_ok($$SET LOCAL segments.now = '2026-01-01 BC'$$, '22023', NULL, 'nobody simulates that');
SET LOCAL segments.now = '';

-- Errors.
SELECT parallel(2);
UPDATE person SET age = 99999 WHERE id = 37;
SELECT throws_ok($$SELECT segments.matching('age > 3', 'failing')$$, 'P0001', 'no such number', 'an error in any process');
UPDATE person SET age = 3 WHERE id = 37;
ALTER TABLE person DROP CONSTRAINT person_pkey, ALTER id DROP NOT NULL;
INSERT INTO person VALUES (NULL, 30);
SELECT is((SELECT count(*) FROM segments.matching('age > 3', 'failing')), (SELECT count(id) FROM person WHERE age > 3), 'a row without a key is of no share');
UPDATE person SET id = 37 WHERE id IS NULL;
SELECT throws_ok($$SELECT segments.refresh('person', '2026-01-01')$$, '21000', 'key 37 stands in more than one row of population "person"',
	'a key twice is in one share');
SELECT set_eq('TABLE stored', 'TABLE serial', 'what was stored is left as it was');

-- An interruption.
DELETE FROM person WHERE ctid = (SELECT max(ctid) FROM person WHERE id = 37);
UPDATE person SET age = 1;
CREATE OR REPLACE FUNCTION public.fails(n integer) RETURNS integer LANGUAGE plpgsql PARALLEL SAFE AS
	'BEGIN PERFORM pg_sleep(0.01); RETURN n; END';
SET LOCAL statement_timeout = '300ms';
DO $$
BEGIN
	PERFORM segments.matching('age > 3', 'failing');
EXCEPTION WHEN query_canceled THEN
	PERFORM set_config('segments_test.interrupted', (clock_timestamp() - statement_timestamp() < interval '5 s')::text, true);
END
$$;
SET LOCAL statement_timeout = 0;
SELECT is(current_setting('segments_test.interrupted'), 'true', 'a pass in parallel can be interrupted');
SELECT is((SELECT count(*) FROM segments.matching('age < 1000', 'person')), (SELECT count(*) FROM person),
	'the next one finds everything as it was');

SELECT * FROM finish();
ROLLBACK;
