-- direct_reads.sql: what a statement touched is read straight through an index where that can
-- be, and by a query everywhere else; the members are the same.
BEGIN;
SET client_min_messages = warning;
SET search_path = public, segments;
SET segments.now = '2024-05-15 12:00+00';
SELECT plan(22);

CREATE DOMAIN short AS smallint;
CREATE TABLE customer (id short PRIMARY KEY, gone int, income int, name text, seen timestamptz, doc jsonb, old json, tags text[]);
CREATE TABLE orders (id int PRIMARY KEY, customer_id bigint, at timestamptz, total numeric, note text);
CREATE INDEX orders_customer ON orders (customer_id, at);
ALTER TABLE customer DROP COLUMN gone;
INSERT INTO customer SELECT i, i * 10, repeat(chr(97 + i % 26), i % 9 * 700), '2024-05-15'::timestamptz - i * interval '1 day', jsonb_build_object('a', i % 5),
	json_build_object('a', i % 4), CASE WHEN i % 3 > 0 THEN ARRAY['x', 'y' || i % 2] END FROM generate_series(1, 60) AS i;
ALTER TABLE customer ADD COLUMN added numeric DEFAULT 7.50;
INSERT INTO orders SELECT i, nullif(i % 70, 0), '2024-05-15'::timestamptz - i * interval '11 hours', i % 13 / 3.0, repeat('n', i % 4000) FROM generate_series(1, 400) AS i;

SELECT create_population('c', 'customer');
SELECT add_source('c', 'orders', 'orders', 'customer_id', 'at');
SELECT create_segment('rich', 'income > 300 and added = 7.5');
SELECT create_segment('named', 'name starts with ''bb'' or tags has ''y1''');
SELECT create_segment('away', 'seen < 20 days ago and doc is not null');
SELECT create_segment('recent', 'count(orders within last 60 days where total > 2) >= 2');
SELECT create_segment('noted', 'sum(orders.total where note ends with ''nnn'') > 5');

-- Sequential scans of customer and orders in a statement, with queries forbidden to use indexes.
CREATE FUNCTION queries(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint[];
	after bigint[];
BEGIN
	SELECT array_agg(seq_scan ORDER BY relname) INTO before FROM pg_stat_xact_user_tables WHERE relid IN ('customer'::regclass, 'orders'::regclass);
	EXECUTE statement;
	SELECT array_agg(seq_scan ORDER BY relname) INTO after FROM pg_stat_xact_user_tables WHERE relid IN ('customer'::regclass, 'orders'::regclass);
	RETURN format('customer %s, orders %s', after[1] - before[1], after[2] - before[2]);
END
$$;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;

CREATE FUNCTION touch(id int) RETURNS text LANGUAGE sql AS $$ SELECT format('INSERT INTO orders VALUES (1000 + %s, %1$s, %L, 3, ''nnnn'')', id, '2024-05-14') $$;
SELECT is(queries(touch(1)), 'customer 0, orders 0', 'plain tables with an index are read directly');
SET segments.direct_reads = off;
SELECT is(queries(touch(2)), 'customer 1, orders 1', 'unless queries are asked for');
RESET segments.direct_reads;
SELECT is_empty('SELECT * FROM segments.check()', 'either way finds the same');

-- Random changes, each one read either way.
SELECT setseed(0.3);
DO $$
DECLARE
	k int;
BEGIN
	FOR i IN 1 .. 150 LOOP
		k := 1 + random() * 70;
		PERFORM set_config('segments.direct_reads', (random() < 0.6)::text, true);
		CASE i % 6
			WHEN 0 THEN UPDATE customer SET income = random() * 600, added = CASE WHEN random() < 0.8 THEN 7.5 END WHERE id % 8 = k % 8;
			WHEN 1 THEN INSERT INTO orders VALUES (2000 + i, k, '2024-05-15'::timestamptz - random() * interval '90 days', random() * 5, repeat('n', k * 60));
			WHEN 2 THEN DELETE FROM orders WHERE id % 50 = k % 50;
			WHEN 3 THEN UPDATE customer SET name = repeat('b', k % 4), tags = ARRAY['y' || k % 2, NULL], doc = jsonb_build_object('a', k % 4) WHERE id = k;
			WHEN 4 THEN UPDATE orders SET customer_id = k, total = NULL WHERE id % 37 = k % 37;
			ELSE DELETE FROM customer WHERE id = k; INSERT INTO customer (id, income, seen, doc) VALUES (k, k * 9, '2024-01-01', '{"a": 3}') ON CONFLICT DO NOTHING;
		END CASE;
		IF EXISTS (SELECT FROM segments.check()) THEN
			RAISE 'step %', i;
		END IF;
	END LOOP;
END
$$;
SELECT is_empty('SELECT * FROM segments.check()', 'so it does after random changes');

-- No more is read than what can matter.
RESET segments.direct_reads;
CREATE TABLE buyer (id int PRIMARY KEY, vip boolean);
CREATE TABLE purchase (buyer_id int, at timestamptz, total numeric, note text);
CREATE INDEX ON purchase (buyer_id, at);
INSERT INTO buyer SELECT i, i > 5 FROM generate_series(1, 10) AS i;
INSERT INTO purchase SELECT 1 + i % 10, '2024-05-15'::timestamptz - i / 10 * interval '10 days', 1, 'old' FROM generate_series(0, 199) AS i;
SELECT create_population('b', 'buyer');
SELECT add_source('b', 'purchases', 'purchase', 'buyer_id', 'at');
SELECT create_segment('often', 'count(purchases within last 30 days where note = ''new'') >= 2', 'b');
SELECT create_segment('very often', 'vip and count(purchases within last 40 days where note = ''vip'') >= 2', 'b');
SELECT create_segment('loyal', 'count(purchases where note = ''all'') >= 2', 'b');
SELECT create_segment('generous', 'max(purchases.total) > 100 and min(purchases.total) < 0', 'b');
SELECT create_segment('modest', 'max(purchases.total) < 3', 'b');
SELECT drop_segment('modest', 'b');
-- Rows that a statement has made the trigger read through an index.
CREATE FUNCTION fetched(index regclass, statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint = pg_stat_get_xact_tuples_fetched(index);
BEGIN
	EXECUTE statement;
	RETURN pg_stat_get_xact_tuples_fetched(index) - before;
END
$$;
CREATE FUNCTION buy(buyer int, note text, total numeric DEFAULT 1) RETURNS text LANGUAGE sql AS $$
SELECT format('INSERT INTO purchase VALUES (%s, ''2024-05-15 10:00+00'', %s, %L)', buyer, total, note)
$$;
-- eleven days more than the window: months differ in length, and clocks lag
SELECT is(fetched('purchase_buyer_id_at_idx', buy(1, 'new')), 6::bigint, 'rows that are in no window any more are not read');
SELECT is(fetched('purchase_buyer_id_at_idx', buy(1, 'all')), 22::bigint, 'all are where there is no window');
SELECT is(fetched('purchase_buyer_id_at_idx', buy(2, 'vip')), 0::bigint, 'nor are any where the member''s own row decides');
SELECT is(fetched('purchase_buyer_id_at_idx', buy(6, 'vip')), 7::bigint, 'unless it leaves it to them');
SELECT is(fetched('buyer_pkey', buy(2, 'other', 100)), 0::bigint, 'what is not greater than the greatest has to be is nobody''s concern');
SELECT is(fetched('buyer_pkey', buy(2, 'other', 100.5)), 1::bigint, 'what is greater is');
SELECT is(fetched('buyer_pkey', buy(2, 'other', -0.5)), 1::bigint, 'so is what is less than the least has to be');
SET segments.now = '2024-05-26 09:00+00';
SELECT is(fetched('purchase_buyer_id_at_idx', 'INSERT INTO purchase VALUES (1, ''2024-05-26 00:00+00'', 1, ''new'')'), 6::bigint, 'windows begin later as time goes by');
-- each for another rule, of one member
INSERT INTO purchase SELECT 3, '2024-05-25 10:00+00', 1, note FROM unnest(ARRAY['new', 'all', 'new', 'all']) AS note;
SELECT is_empty('SELECT * FROM segments.check(''b'')', 'all with the same members');
SET segments.now = '2024-05-15 12:00+00';
SELECT drop_population('b', cascade => true);

-- What is out of the ordinary.
SET segments.direct_reads = on;
SELECT create_segment('json', 'old.a = 2');
SELECT is(queries('UPDATE customer SET old = ''{"a": 2}'' WHERE id = 4'), 'customer 2, orders 0', 'json takes a query');
SELECT drop_segment('json');
SELECT is(queries(touch(3)), 'customer 0, orders 0', 'only as long as a rule reads it');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
SELECT is(queries(touch(4)), 'customer 0, orders 1', 'where there is row security, queries are asked');
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SELECT is(queries(touch(5)), 'customer 0, orders 0', 'as long as there is');
DROP INDEX orders_customer;
SELECT is(queries(touch(6)), 'customer 0, orders 1', 'without an index a query is asked');
CREATE INDEX ON orders (customer_id) WHERE total > 1;
SELECT is(queries(touch(7)), 'customer 0, orders 1', 'so with an index of some rows');
SELECT is_empty('SELECT * FROM segments.check()', 'all with the same members');
CREATE TABLE more_customers () INHERITS (customer);
SELECT is(queries('INSERT INTO more_customers (id, income, added) VALUES (99, 500, 7.5)'), 'customer 1, orders 1', 'rows of tables that inherit are read');
SELECT is_empty('SELECT * FROM segments.check()', 'and count');

SELECT * FROM finish();
ROLLBACK;
