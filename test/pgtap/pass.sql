-- The pass over a population, and what it stores: the answers are those of plain
-- SQL, whatever the memory; each relation is read once; only what differs is
-- written; bad keys are refused; an interrupted pass leaves everything as it was.
BEGIN;
SELECT plan(50);
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, segments;
SET LOCAL max_parallel_workers_per_gather = 0;

CREATE TABLE customers (
	id integer PRIMARY KEY, country text, age integer, score numeric, tags text[],
	profile jsonb, born date, essay text);
INSERT INTO customers
SELECT i, (ARRAY['DE', 'FR', NULL])[1 + abs(i) % 3], abs(i) % 90, (abs(i) % 1000) / 7.0,
	CASE WHEN i % 5 = 0 THEN ARRAY['VIP', NULL, 'x'] WHEN i % 3 = 0 THEN ARRAY['press'] END,
	CASE WHEN i % 7 <> 0 THEN jsonb_build_object('plan', jsonb_build_object('level', i % 3)) END,
	date '1960-01-01' + abs(i) % 15000,
	CASE WHEN i % 1000 = 0 THEN repeat('long ', 20000) || i WHEN i % 2 = 0 THEN 'essay ' || i END
FROM generate_series(-12000, 15000) AS i;

CREATE TABLE orders (
	id integer, customer_id integer, total numeric(10, 2), service text, placed timestamptz);
INSERT INTO orders
SELECT i, CASE WHEN i % 50 <> 0 THEN (i::bigint * 7919) % 40000 - 15000 END, i % 500 / 3.0,
	(ARRAY['express', 'normal', NULL])[1 + i % 3], timestamptz '2026-01-01' - (i % 400) * interval '1 day'
FROM generate_series(1, 60000) AS i;
-- more rows of one member than fit in the smallest memory
INSERT INTO orders
SELECT i, 77, 1, 'express', timestamptz '2025-12-31' FROM generate_series(60001, 75000) AS i;
ANALYZE customers, orders;

SELECT segments.create_population('customers', 'customers', maintenance => 'scheduled');
SELECT segments.add_source('customers', 'orders', 'orders', 'customer_id', 'placed');

CREATE TABLE wanted (name text PRIMARY KEY, rule segments.segment_rule, query text);
INSERT INTO wanted VALUES
	('all', 'true', 'SELECT id FROM customers'),
	('none', 'age > 1000', 'SELECT id FROM customers WHERE false'),
	('german', 'country = ''DE'' and age > 30',
		'SELECT id FROM customers WHERE country = ''DE'' AND age > 30'),
	('score', 'score > 100.5', 'SELECT id FROM customers WHERE score > 100.5'),
	('vip', 'tags has ''VIP''', 'SELECT id FROM customers WHERE ''VIP'' = ANY (tags)'),
	('small letters', 'lower(tags) has ''vip''', 'SELECT id FROM customers WHERE ''VIP'' = ANY (tags)'),
	('level', 'profile.plan.level = 1',
		'SELECT id FROM customers WHERE (profile #>> ''{plan,level}'')::int = 1'),
	('born', 'born < 1970-05-05', 'SELECT id FROM customers WHERE born < ''1970-05-05'''),
	('writer', 'length(essay) > 100', 'SELECT id FROM customers WHERE length(essay) > 100'),
	('idle', 'not exists(orders)',
		'SELECT id FROM customers c WHERE NOT EXISTS (SELECT FROM orders WHERE customer_id = c.id)'),
	('express', 'count(orders within last 3 months where service = ''express'') > 1',
		'SELECT customer_id FROM orders JOIN customers c ON c.id = customer_id
		WHERE service = ''express'' AND placed >= timestamptz ''2026-01-01'' - interval ''3 months''
			AND placed < ''2026-01-01'' GROUP BY 1 HAVING count(*) > 1'),
	('spender', 'sum(orders.total) > 250',
		'SELECT customer_id FROM orders JOIN customers c ON c.id = customer_id
		GROUP BY 1 HAVING sum(total) > 250'),
	('both', 'in segment ''express'' and not in segment ''vip''',
		'SELECT customer_id FROM orders JOIN customers c ON c.id = customer_id
		WHERE service = ''express'' AND placed >= timestamptz ''2026-01-01'' - interval ''3 months''
			AND placed < ''2026-01-01'' AND (tags IS NULL OR NOT tags @> ''{VIP}'')
		GROUP BY 1 HAVING count(*) > 1');
SELECT segments.create_segment(name, rule, build => false) FROM wanted ORDER BY name = 'both';

CREATE FUNCTION by_hand(query text) RETURNS segments.member_set LANGUAGE plpgsql AS $$
DECLARE
	result segments.member_set;
BEGIN
	EXECUTE format('SELECT segments.member_set(array_agg(q.m)) FROM (%s) AS q (m)', query) INTO result;
	RETURN coalesce(result, '{}');
END
$$;

CREATE VIEW stored AS
SELECT m.chunk, s.name, m.members, m.ctid AS place
FROM segments.membership m JOIN segments.segment s ON s.id = m.segment
WHERE s.population = (SELECT id FROM segments.population WHERE name = 'customers');

-- Answers.
SELECT pg_stat_get_xact_numscans('orders'::regclass) AS before \gset
SET LOCAL work_mem = '256MB';
SELECT segments.refresh('customers', '2026-01-01');
SELECT is(pg_stat_get_xact_numscans('orders'::regclass), :before + 1::bigint,
	'a source is read once for all segments');
SELECT is(segments.as_set(name), by_hand(query), name || ': as by hand') FROM wanted ORDER BY name;
SELECT is(segments.count_members(name), segments.cardinality(segments.as_set(name)),
	name || ': counted as stored') FROM wanted WHERE name IN ('all', 'none', 'spender') ORDER BY name;
SELECT is(segments.as_set('everyone'), by_hand('SELECT id FROM customers'), 'everyone, negative keys among them');
SELECT is_empty($$ SELECT FROM stored WHERE members = '{}' $$, 'no empty set is stored');
SELECT is_empty($$ SELECT FROM stored WHERE segments.min_member(members) >> 13 <> chunk
	OR segments.max_member(members) >> 13 <> chunk $$, 'a stored set lies in its chunk');

-- Memory.
CREATE TABLE first_build AS SELECT * FROM stored;
CREATE FUNCTION refresh_within(memory text, file_limit text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('work_mem', memory, true), set_config('temp_file_limit', file_limit, true);
	RETURN segments.refresh('customers', '2026-01-01');
END
$$;
SELECT lives_ok($$ SELECT refresh_within('256MB', '1kB') $$, 'what fits in memory needs no file');
SELECT throws_ok($$ SELECT refresh_within('64kB', '1kB') $$, '53400', NULL, 'what does not fit goes to files');
SELECT set_eq('TABLE stored', 'TABLE first_build', 'a refresh that fails leaves what was stored');
SELECT lives_ok(format($$ SELECT refresh_within(%L, '-1') $$, memory), 'a refresh within ' || memory)
FROM unnest(ARRAY['64kB', '300kB', '2MB']) AS memory;
SELECT set_eq('TABLE stored', 'TABLE first_build', 'all find the same, and write nothing then');
SELECT set_config('work_mem', '300kB', true);
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SELECT segments.refresh('customers', '2026-01-01');
SELECT set_eq('TABLE stored', 'TABLE first_build', 'the same with parallel workers');
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL segments.batch_rows = 0;
SELECT segments.refresh('customers', '2026-01-01');
SELECT set_eq('TABLE stored', 'TABLE first_build', 'the same one by one');
RESET segments.batch_rows;

-- Differences.
DELETE FROM customers WHERE id BETWEEN 0 AND 8191;
UPDATE customers SET age = 31, country = 'DE' WHERE id = -1;
SELECT segments.refresh('customers', '2026-01-01');
SELECT is(segments.as_set(name), by_hand(query), name || ': right after changes')
FROM wanted WHERE name IN ('all', 'german') ORDER BY name;
SELECT is_empty('SELECT FROM stored WHERE chunk = 0', 'a chunk without members is not stored');
SELECT set_eq(
	$$ SELECT chunk, name FROM stored EXCEPT SELECT chunk, name FROM first_build WHERE (chunk, name, place)
		IN (SELECT chunk, name, place FROM stored) $$,
	$$ VALUES (-1::bigint, 'german') $$,
	'only what differs is written');

-- The clock, and what happened later.
SELECT is((SELECT count(*) FROM segments.matching('exists(orders)', as_of => '2025-06-01', hide_later => true)),
	(SELECT count(DISTINCT customer_id) FROM orders JOIN customers c ON c.id = customer_id
	WHERE placed < '2025-06-01'), 'rows from a moment on can be hidden');
SELECT is((SELECT count(*) FROM segments.matching('exists(orders)', as_of => '2025-06-01')),
	(SELECT count(DISTINCT customer_id) FROM orders JOIN customers c ON c.id = customer_id),
	'rows of the future are there unless hidden');

-- A frozen segment is what is stored of it.
SELECT segments.alter_segment('vip', active => false);
UPDATE customers SET tags = NULL;
SELECT is((SELECT count(*) FROM segments.matching('in segment ''vip''')),
	segments.count_members('vip'), 'a frozen segment keeps its members');

-- Keys.
CREATE TABLE keyed (k uuid, a integer);
INSERT INTO keyed SELECT md5(i::text)::uuid, i FROM generate_series(1, 3000) AS i;
CREATE TABLE keyed_rows (k uuid);
INSERT INTO keyed_rows SELECT md5(i::text)::uuid FROM generate_series(2001, 4000) AS i;
INSERT INTO keyed_rows VALUES (NULL);
CREATE VIEW keyed_view AS SELECT * FROM keyed;
SELECT segments.create_population('keyed', 'keyed_view', 'k');
SELECT segments.add_source('keyed', 'rows', 'keyed_rows', 'k');
SELECT is(segments.create_segment('some', 'a > 1000 and exists(rows)', 'keyed'), 1000::bigint, 'keys are uuids');
SELECT set_eq($$ SELECT segments.member_keys('some', 'keyed') $$,
	'SELECT k::text FROM keyed WHERE a > 2000', 'the members have their keys');
CREATE TABLE numbers AS
SELECT member, key FROM segments.dictionary
WHERE population = (SELECT id FROM segments.population WHERE name = 'keyed');
INSERT INTO keyed VALUES (md5('new')::uuid, 5000);
INSERT INTO keyed_rows VALUES (md5('new')::uuid);
SELECT is(segments.rebuild('some', 'keyed'), 1001::bigint, 'a new key gets a number');
SELECT is_empty($$ SELECT FROM numbers n WHERE NOT EXISTS (
	SELECT FROM segments.dictionary d WHERE d.member = n.member AND d.key = n.key) $$,
	'the other keys keep theirs');

INSERT INTO keyed VALUES (md5('newer')::uuid, 6000);
SELECT is((SELECT count(*) FROM segments.matching('a = 6000', 'keyed')), 1::bigint,
	'a rule that is asked once finds a member without a number, too');

INSERT INTO keyed VALUES (md5('1')::uuid, 1);
SELECT throws_ok($$ SELECT segments.refresh('keyed') $$, '21000',
	'key c4ca4238-a0b9-2382-0dcc-509a6f75849b stands in more than one row of population "keyed"',
	'a key twice, with a dictionary');
UPDATE keyed SET k = NULL WHERE k = md5('1')::uuid;
SELECT lives_ok($$ SELECT segments.refresh('keyed') $$, 'rows without a key, with a dictionary');

CREATE TABLE plain (k bigint);
CREATE VIEW plain_view AS SELECT * FROM plain;
SELECT segments.create_population('plain', 'plain_view', 'k');
SELECT is(segments.create_segment('p', 'k > 0 or k < -1', 'plain'), 0::bigint, 'an empty population');
INSERT INTO plain VALUES (-9223372036854775808), (9223372036854775807), (-1), (0), (1), (-8193), (8192);
SELECT segments.rebuild('p', 'plain');
SELECT is(segments.as_set('p', 'plain'), '{-9223372036854775808,-8193,1,8192,9223372036854775807}',
	'the smallest and the largest key');
INSERT INTO plain VALUES (8192);
SELECT throws_ok($$ SELECT segments.refresh('plain') $$, '21000',
	'key 8192 stands in more than one row of population "plain"', 'a key twice');
UPDATE plain SET k = NULL WHERE k = 8192;
SELECT segments.refresh('plain');
SELECT is(segments.as_set('p', 'plain'), '{-9223372036854775808,-8193,1,9223372036854775807}', 'rows without a key are nobody''s');

-- Whose rights, and an interruption.
CREATE ROLE pass_owner;
GRANT CREATE ON SCHEMA public TO pass_owner;
SET LOCAL ROLE pass_owner;
CREATE FUNCTION slow(n integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(n / 1000.0);
	RETURN n;
END
$$;
CREATE TABLE owned (k integer, n integer);
INSERT INTO owned SELECT i, 0 FROM generate_series(1, 200) AS i;
CREATE VIEW owned_view AS SELECT k, current_user::text AS who, public.slow(n) AS slow FROM owned;
SELECT segments.create_population('owned', 'owned_view', 'k');
RESET ROLE;
SELECT is(segments.create_segment('mine', 'who = ''pass_owner'' and slow >= 0', 'owned'), 200::bigint,
	'data are read as the population''s owner');
UPDATE owned SET n = 20;
SET LOCAL work_mem = '64kB';
CREATE TABLE interrupted AS SELECT current_user AS role, current_setting('search_path') AS path, 0 AS times;
SET LOCAL statement_timeout = '300ms';
DO $$
BEGIN
	PERFORM segments.refresh('owned');
EXCEPTION WHEN query_canceled THEN
	UPDATE interrupted SET times = times + 1
	WHERE role = current_user AND path = current_setting('search_path');
END
$$;
SET LOCAL statement_timeout = 0;
SELECT is((SELECT times FROM interrupted), 1, 'a pass can be interrupted, and its rights end with it');
UPDATE owned SET n = 0;
SELECT is(segments.rebuild('mine', 'owned'), 200::bigint, 'the next one finds everything as it was');

SELECT * FROM finish();
ROLLBACK;
