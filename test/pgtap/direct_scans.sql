-- direct_scans.sql: where many are touched, plain tables are gone through without a query; the
-- members are the same as with one.
BEGIN;
SET client_min_messages = warning;
SET search_path = public, segments;
SET segments.now = '2024-05-15 12:00+00';
SELECT plan(16);

CREATE DOMAIN number AS int;
CREATE TABLE customer (gone int, id number PRIMARY KEY, income int, name text, since date);
CREATE TABLE orders (note text, customer_id bigint, at timestamptz, total numeric);
CREATE TABLE event (day date, customer_id int, kind text);
CREATE TABLE visit (customer_id smallint, entered timestamp);
ALTER TABLE customer DROP COLUMN gone;
INSERT INTO customer SELECT i, i % 100, repeat(chr(97 + i % 26), i % 40), date '2024-05-15' - i % 60 FROM generate_series(-1500, 1500) AS i;
ALTER TABLE customer ADD COLUMN added numeric DEFAULT 7.50;
INSERT INTO orders SELECT CASE WHEN i % 3 > 0 THEN repeat('n', i % 50) END, nullif(i % 3000 - 1400, 5), CASE WHEN i % 11 > 0 THEN timestamptz '2024-05-15 12:00+00' - i * interval '13 minutes' END, i % 7
FROM generate_series(1, 9000) AS i;
INSERT INTO event SELECT CASE WHEN i % 50 = 0 THEN 'infinity' WHEN i % 51 = 0 THEN '-infinity' ELSE date '2024-05-15' - i % 70 END, i % 1600 - 50, chr(97 + i % 3) FROM generate_series(1, 4000) AS i;
INSERT INTO visit SELECT i % 1600 - 50, timestamp '2024-05-15 14:00' - i * interval '1 hour' FROM generate_series(1, 4000) AS i;

-- where midnight is not UTC's, and one day was left out
SELECT create_population('c', 'customer', time_zone => 'Pacific/Apia');
SELECT add_source('c', 'orders', 'orders', 'customer_id', 'at');
SELECT add_source('c', 'events', 'event', 'customer_id', 'day');
SELECT add_source('c', 'visits', 'visit', 'customer_id', 'entered');
SELECT create_segment('rich', 'income > 50 and added = 7.5');
SELECT create_segment('bought', 'count(orders within last 20 days where total > 2) >= 1');
SELECT create_segment('noted', 'max(orders.total where note starts with ''nn'') >= 6');
SELECT create_segment('seen', 'exists(visits since 2024-05-01 before 2024-05-12) and name is not null');
SELECT create_segment('busy', 'count(events during this month) >= 1 and not exists(events before 2011-12-31)');

-- What the segments have, after an evaluation of everything read by queries.
CREATE FUNCTION differs() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL segments.direct_reads = off;
	RETURN QUERY SELECT s::text FROM segments.check('c') AS s LIMIT 5;
	SET LOCAL segments.direct_reads = on;
	RETURN QUERY SELECT 'scanned, ' || s::text FROM segments.check('c') AS s LIMIT 5;
END
$$;
-- Sequential scans of customers and orders in a statement, and how many rows were fetched through indexes.
CREATE FUNCTION reads(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint[];
	after bigint[];
BEGIN
	SELECT array_agg(seq_scan ORDER BY relname) || sum(coalesce(idx_tup_fetch, 0))::bigint INTO before FROM pg_stat_xact_user_tables WHERE relid IN ('customer'::regclass, 'orders'::regclass);
	EXECUTE statement;
	SELECT array_agg(seq_scan ORDER BY relname) || sum(coalesce(idx_tup_fetch, 0))::bigint INTO after FROM pg_stat_xact_user_tables WHERE relid IN ('customer'::regclass, 'orders'::regclass);
	RETURN format('customer %s, orders %s, found %s', after[1] - before[1], after[2] - before[2], CASE WHEN after[3] > before[3] + 100 THEN 'many' ELSE 'few' END);
END
$$;
CREATE INDEX ON orders (customer_id);
SELECT is_empty('SELECT * FROM differs()', 'a build finds the same either way');
-- the statement's own scan is one of them
SELECT is(reads('UPDATE customer SET income = 100 - income WHERE income + 0 BETWEEN 20 AND 80'), 'customer 2, orders 0, found few', 'where many of few are touched, the table is gone through');
SELECT is_empty('SELECT * FROM differs()', 'and members are right');
SELECT is(reads('INSERT INTO orders SELECT ''nnn'', i, ''2024-05-14 10:00+00'', 6 FROM generate_series(-700, 700) AS i'), 'customer 1, orders 1, found few', 'so is a source');
SELECT is_empty('SELECT * FROM differs()', 'with the same members');
INSERT INTO customer SELECT i, i % 100, 'more', '2024-01-01' FROM generate_series(10000, 29999) AS i;
ANALYZE customer;
SELECT alike(reads('INSERT INTO orders SELECT ''nnn'', i, ''2024-05-14 10:00+00'', 6 FROM generate_series(-300, 299) AS i'), 'customer 0, %found many', 'few of many are looked for');
SELECT is_empty('SELECT * FROM differs()', 'with the same members');

-- Random statements about hundreds, in every chunk of keys.
SELECT setseed(0.4);
INSERT INTO customer SELECT (i - 500) * 4000000 + 7000, i, 'far', '2024-05-01' FROM generate_series(1, 1000) AS i;
DO $$
BEGIN
	FOR step IN 1 .. 24 LOOP
		CASE step % 8
			WHEN 0 THEN UPDATE customer SET income = random() * 100, added = CASE WHEN random() < 0.8 THEN 7.5 END WHERE random() < 0.6;
			WHEN 1 THEN INSERT INTO orders SELECT repeat('n', (random() * 3)::int), id, '2024-05-15'::timestamptz - random() * interval '50 days', random() * 7 FROM customer WHERE random() < 0.6;
			WHEN 2 THEN DELETE FROM orders WHERE random() < 0.3;
			WHEN 3 THEN UPDATE event SET day = day - (random() * 40)::int, customer_id = random() * 1600 WHERE isfinite(day);
			WHEN 4 THEN UPDATE orders SET at = CASE WHEN random() < 0.9 THEN at + interval '20 days' END, customer_id = random() * 3000 - 1500;
			WHEN 5 THEN INSERT INTO visit SELECT i, timestamp '2024-05-12 00:00' + random() * interval '20 days' - interval '15 days' FROM generate_series(-800, 800) AS i;
			WHEN 6 THEN INSERT INTO event SELECT CASE WHEN random() < 0.5 THEN date '2024-05-01' ELSE '2011-12-30' END - (random() * 2)::int, id, 'x' FROM customer WHERE id BETWEEN -1500 AND 1500 AND random() < 0.6;
			ELSE DELETE FROM customer WHERE random() < 0.02;
		END CASE;
		IF EXISTS (SELECT FROM differs()) THEN
			RAISE 'step %', step;
		END IF;
	END LOOP;
END
$$;
SELECT is_empty('SELECT * FROM differs()', 'random statements leave the members right');

-- What is out of the ordinary.
CREATE FUNCTION touch() RETURNS text LANGUAGE sql AS $$ SELECT reads('UPDATE customer SET income = 100 - income WHERE income + 0 BETWEEN 0 AND 100') $$;
CREATE ROLE part_owner;
GRANT SELECT, TRIGGER ON customer, orders, event, visit TO part_owner;
GRANT part_owner TO CURRENT_USER;
SELECT alter_population('c', owner => 'part_owner');
SELECT is_empty('SELECT * FROM differs()', 'another owner reads the same');
REVOKE SELECT ON orders FROM part_owner;
GRANT SELECT (customer_id, at, total, note) ON orders TO part_owner;
SELECT refresh('c');
SELECT is_empty('SELECT * FROM differs()', 'who may see some columns reads those');
GRANT SELECT ON orders TO part_owner;
CREATE POLICY small ON orders USING (total < 5);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
SELECT refresh('c');
SELECT is_empty('SELECT * FROM differs()', 'who may see some rows reads those');
SELECT is(count_members('noted', 'c'), 0::bigint, 'and no others');
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SELECT refresh('c');
CREATE TABLE more_orders () INHERITS (orders);
INSERT INTO more_orders SELECT 'nnnn', i, '2024-05-15 01:00+00', 6.5 FROM generate_series(-1500, 1500) AS i;
SELECT cmp_ok(count_members('noted', 'c'), '>', 2500::bigint, 'rows of tables that inherit are read');
SELECT is_empty('SELECT * FROM differs()', 'and count');
ALTER TABLE customer DROP CONSTRAINT customer_pkey, ALTER id DROP NOT NULL;
INSERT INTO customer (income) VALUES (60);
SELECT lives_ok('SELECT touch()', 'a row without a key is nobody''s');
SELECT is_empty('SELECT * FROM differs()', 'and changes nothing');

SELECT * FROM finish();
ROLLBACK;
