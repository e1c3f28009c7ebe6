-- Columns that are generated when they are read (PostgreSQL 18): no row that a trigger or an index leads to
-- has them, and rules read them all the same. Where there are none, stored ones stand in for them.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SET search_path = public, segments;
SET segments.now = '2024-05-15 12:00+00';
SELECT plan(20);
SELECT current_setting('server_version_num')::int >= 180000 AS virtual \gset
\if :virtual
\set stored VIRTUAL
\else
\set stored STORED
\endif
CREATE TABLE city (id int PRIMARY KEY, people int, size int GENERATED ALWAYS AS (people / 1000) :stored);
CREATE TABLE customer (id int PRIMARY KEY, income int, city_id int, class int GENERATED ALWAYS AS (income / 1000) :stored);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, net int, day date, total int GENERATED ALWAYS AS (net * 2) :stored,
	at date GENERATED ALWAYS AS (day + 1) :stored);
CREATE INDEX ON orders (customer_id);
INSERT INTO city SELECT i, i * 100 FROM generate_series(1, 20) i;
INSERT INTO customer SELECT i, i * 100, i FROM generate_series(1, 20) i;
INSERT INTO orders SELECT i, i % 20 + 1, i, '2024-05-10' FROM generate_series(1, 60) i;
SELECT create_population('c', 'customer');
SELECT add_source('c', 'orders', 'orders', 'customer_id', 'at');
SELECT add_lookup('c', 'city', 'city', 'city_id');
SELECT create_segment('first class', 'class >= 1') + create_segment('second class', 'class >= 2 and id > 3') + create_segment('urban', 'city.size >= 1') +
	create_segment('payers', 'sum(orders.total) > 200') + create_segment('late', 'count(orders within last 7 days) >= 3') AS members \gset

CREATE FUNCTION after(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	was text = (SELECT string_agg(as_set(name)::text, ' ' ORDER BY name) FROM segment);
BEGIN
	EXECUTE statement;
	RETURN NEXT is((SELECT string_agg(as_set(name)::text, ' ' ORDER BY name) FROM segment WHERE kind = 'dynamic'),
		(SELECT string_agg(coalesce((SELECT member_set_agg(m) FROM matching(rule, as_of => '2024-05-15 12:00+00') m), '{}')::text, ' ' ORDER BY name) FROM segment WHERE kind = 'dynamic'), statement);
	RETURN NEXT isnt((SELECT string_agg(as_set(name)::text, ' ' ORDER BY name) FROM segment), was, 'somebody moves');
END $$;
SELECT after('UPDATE customer SET income = 2500 WHERE id = 1');
SELECT after('UPDATE customer SET income = 2500 WHERE id = 7');
SELECT after('UPDATE customer SET income = 0 WHERE id > 10');
SELECT after('INSERT INTO customer VALUES (21, 5000, 3)');
SELECT after('UPDATE orders SET net = net + 100 WHERE customer_id = 4');
SELECT after('DELETE FROM orders WHERE customer_id = 4');
SELECT after('UPDATE orders SET day = ''2024-05-01'' WHERE customer_id = 5');
SELECT after('INSERT INTO orders VALUES (100, 4, 200, ''2024-05-14'')');
SELECT after('UPDATE city SET people = 3000 WHERE id = 1; UPDATE city SET people = 0 WHERE id = 20');
SELECT is_empty('SELECT * FROM "check"()', 'nothing is wrong');

CREATE TABLE note (customer_id int, half int GENERATED ALWAYS AS (customer_id / 2) :stored);
\if :virtual
SELECT throws_ok($$SELECT segments.add_source('c', 'notes', 'note', 'half')$$, '0A000', 'column "half" of "note" cannot be a key', 'nobody finds it in a row');
\else
SELECT lives_ok($$SELECT segments.add_source('c', 'notes', 'note', 'half')$$, 'a stored one can be a key');
\endif
SELECT * FROM finish();
ROLLBACK;
