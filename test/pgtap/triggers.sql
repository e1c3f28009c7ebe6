-- Our triggers on the tables that populations are made of: which have them, when they go
-- again, who may put them there, and where there can be none.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
BEGIN;
SELECT plan(56);

CREATE ROLE seg_owner;
CREATE ROLE seg_analyst;
CREATE ROLE seg_nobody;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
GRANT USAGE ON SCHEMA seg_shop TO PUBLIC;
SET ROLE seg_owner;
SET search_path = seg_shop, public, pg_catalog;

CREATE TABLE customer (id int, country text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE customer_1 PARTITION OF customer FOR VALUES FROM (0) TO (100);
CREATE TABLE customer_2 PARTITION OF customer FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE customer_2a PARTITION OF customer_2 FOR VALUES FROM (100) TO (150);
CREATE TABLE customer_2b PARTITION OF customer_2 DEFAULT;
INSERT INTO customer SELECT i, 'DE' FROM generate_series(1, 180) i;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, product_id int);
CREATE TABLE web_orders (url text) INHERITS (orders);
CREATE TABLE line (id int PRIMARY KEY, order_id int);
CREATE TABLE product (id int PRIMARY KEY, name text);
CREATE TABLE person (id int PRIMARY KEY, age int);
CREATE VIEW grown_up AS SELECT * FROM person WHERE age >= 18;
CREATE MATERIALIZED VIEW seen_once AS SELECT * FROM person;

-- Which tables have which of them; four is all.
CREATE FUNCTION triggers() RETURNS TABLE (relation text, n bigint) LANGUAGE sql AS $$
	SELECT tgrelid::regclass::text, count(*) FROM pg_trigger
	WHERE tgfoid = 'segments.track'::regproc AND NOT tgisinternal AND tgenabled = 'O'
	GROUP BY 1 ORDER BY 1
$$;
CREATE FUNCTION maintenance(text) RETURNS text LANGUAGE sql AS
	'SELECT maintenance FROM segments.population WHERE name = $1';

-- What has them

SELECT lives_ok($$SELECT segments.create_population('customers', 'customer')$$, 'a partitioned table');
SELECT is(maintenance('customers'), 'immediate', 'is kept current by triggers');
SELECT bag_eq('SELECT * FROM triggers()',
	$$VALUES ('customer', 4::bigint), ('customer_1', 4), ('customer_2', 4), ('customer_2a', 4), ('customer_2b', 4)$$,
	'which it has, and so has each of its partitions');
SELECT bag_eq($$SELECT tgname::text, tgtype::int, tgoldtable::text, tgnewtable::text FROM pg_trigger
	WHERE tgrelid = 'customer_2a'::regclass AND tgfoid = 'segments.track'::regproc$$,
	$$VALUES ('segments_insert', 4, NULL, 'segments_new'), ('segments_update', 16, 'segments_old', 'segments_new'),
		('segments_delete', 8, 'segments_old', NULL), ('segments_truncate', 32, NULL, NULL)$$,
	'for each statement, with its transition tables');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id');
SELECT segments.add_source('customers', 'lines', 'line', key => 'order_id', parent => 'orders');
SELECT segments.add_lookup('customers', 'product', 'product', key => 'product_id', of => 'orders');
SELECT bag_eq($$SELECT * FROM triggers() WHERE relation NOT LIKE 'customer%'$$,
	$$VALUES ('orders', 4::bigint), ('web_orders', 4), ('line', 4), ('product', 4)$$,
	'sources, what inherits from them, sources of sources and lookups');
SELECT lives_ok($$
	INSERT INTO customer VALUES (181, 'FR');
	UPDATE customer_2 SET country = 'AT' WHERE id > 170;
	DELETE FROM customer_2b WHERE id = 180;
	INSERT INTO customer_1 VALUES (1, 'IT') ON CONFLICT (id) DO UPDATE SET country = excluded.country;
	MERGE INTO customer c USING (VALUES (2)) v(id) ON c.id = v.id WHEN MATCHED THEN DELETE;
	UPDATE customer SET id = 199 WHERE id = 3;
	INSERT INTO web_orders VALUES (1, 1, 1, 'x');
	UPDATE orders SET product_id = 2;
	TRUNCATE customer_1, orders;
	TRUNCATE customer;
$$, 'statements on any of them go through');

-- A population more, a population less

SELECT segments.create_population('buyers', 'orders', maintenance => 'queued');
SELECT is(maintenance('buyers'), 'queued', 'as was said');
SELECT segments.add_source('buyers', 'lines', 'line', key => 'order_id');
SELECT segments.create_population('goods', 'product', maintenance => 'scheduled');
SELECT is(maintenance('goods'), 'scheduled', 'as was said');
SELECT segments.create_population('part', 'customer_2a');
SELECT is(maintenance('part'), 'scheduled', 'a part of another table');
SELECT throws_ok($$SELECT segments.alter_population('part', maintenance => 'immediate')$$, '0A000',
	'segments cannot be kept current with "customer_2a"', 'whose statements do not fire its triggers');
SELECT throws_ok($$SELECT segments.add_source('buyers', 'web', 'web_orders', key => 'id')$$, '0A000',
	'segments cannot be kept current with "web_orders"', 'nor those of one that it inherits from');
SELECT segments.drop_source('customers', 'orders', cascade => true);
SELECT bag_eq($$SELECT * FROM triggers() WHERE relation NOT LIKE 'customer%'$$,
	$$VALUES ('orders', 4::bigint), ('web_orders', 4), ('line', 4)$$,
	'what another population uses keeps them, unless that is scheduled');
SELECT segments.drop_source('buyers', 'lines');
SELECT is_empty($$SELECT * FROM triggers() WHERE relation = 'line'$$, 'until it goes there, too');
SELECT segments.add_lookup('customers', 'product', 'product', key => 'id');
SELECT isnt_empty($$SELECT * FROM triggers() WHERE relation = 'product'$$, 'a lookup');
SELECT segments.drop_lookup('customers', 'product');
SELECT is_empty($$SELECT * FROM triggers() WHERE relation = 'product'$$, 'goes');
SELECT segments.drop_population('customers');
SELECT bag_eq('SELECT * FROM triggers()', $$VALUES ('orders', 4::bigint), ('web_orders', 4)$$, 'a population goes, with its partitions');
SELECT segments.drop_population('part');
SELECT segments.drop_population('buyers');
SELECT segments.drop_population('goods');
SELECT is_empty('SELECT * FROM triggers()', 'nothing is left behind');

-- Switching

SELECT segments.create_population('people', 'person', maintenance => 'scheduled');
SELECT segments.add_source('people', 'orders', 'orders', key => 'customer_id');
SELECT is_empty('SELECT * FROM triggers()', 'scheduled: none');
INSERT INTO person SELECT i, i FROM generate_series(1, 30) i;
SELECT segments.create_segment('adults', 'age >= 18') \gset
INSERT INTO person SELECT i, i FROM generate_series(31, 40) i;
SELECT lives_ok($$SELECT segments.alter_population('people', maintenance => 'immediate')$$, 'from now on immediate');
SELECT is(maintenance('people'), 'immediate', 'is kept');
SELECT bag_eq('SELECT * FROM triggers()', $$VALUES ('person', 4::bigint), ('orders', 4), ('web_orders', 4)$$, 'all get them');
SELECT is(segments.count_members('adults'), 23::bigint, 'what happened before is caught up with');
SELECT lives_ok($$SELECT segments.alter_population('people', maintenance => 'queued')$$, 'queued');
SELECT is(maintenance('people'), 'queued', 'is kept');
SELECT bag_eq('SELECT * FROM triggers()', $$VALUES ('person', 4::bigint), ('orders', 4), ('web_orders', 4)$$, 'as before');
SELECT segments.alter_population('people', new_name => 'folk', maintenance => 'scheduled');
SELECT is(maintenance('folk'), 'scheduled', 'scheduled again, under another name');
SELECT is_empty('SELECT * FROM triggers()', 'and they are gone');
SELECT throws_ok($$SELECT segments.alter_population('folk', maintenance => 'sometimes')$$, '22023',
	'maintenance cannot be "sometimes"', 'an unknown word');
SELECT throws_ok($$SELECT segments.create_population('x', 'person', maintenance => '')$$, '22023',
	'maintenance cannot be ""', 'an empty one');
SELECT segments.drop_population('folk', cascade => true);

-- Where there can be none

SELECT segments.create_population('views', 'grown_up', key => 'id');
SELECT is(maintenance('views'), 'scheduled', 'a view is scheduled');
SELECT throws_ok($$SELECT segments.alter_population('views', maintenance => 'immediate')$$, '0A000',
	'segments cannot be kept current with "grown_up"', 'and stays so');
SELECT is(maintenance('views'), 'scheduled', 'as it was');
SELECT throws_ok($$SELECT segments.create_population('x', 'seen_once', key => 'id', maintenance => 'queued')$$, '0A000',
	'segments cannot be kept current with "seen_once"', 'so does a materialized view');
SELECT segments.create_population('people', 'person');
SELECT throws_ok($$SELECT segments.add_source('people', 'views', 'grown_up', key => 'id')$$, '0A000',
	'segments cannot be kept current with "grown_up"', 'a view as a source');
SELECT throws_ok($$SELECT segments.add_lookup('people', 'views', 'grown_up', key => 'id', "references" => 'id')$$, '0A000',
	'segments cannot be kept current with "grown_up"', 'a view as a lookup');
SELECT is_empty($$SELECT FROM segments.source UNION ALL SELECT FROM segments.lookup$$, 'nothing came of it');
SELECT lives_ok($$SELECT segments.add_source('views', 'views', 'grown_up', key => 'id'),
	segments.add_lookup('views', 'again', 'grown_up', key => 'id', "references" => 'id')$$, 'scheduled it can be both');
RESET ROLE;
CREATE FOREIGN DATA WRAPPER seg_wrapper;
CREATE SERVER seg_server FOREIGN DATA WRAPPER seg_wrapper;
GRANT USAGE ON FOREIGN SERVER seg_server TO seg_owner;
SET ROLE seg_owner;
CREATE TABLE split (id int, a int) PARTITION BY RANGE (id);
CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE split_2 PARTITION OF split FOR VALUES FROM (10) TO (20) SERVER seg_server;
SELECT throws_ok($$SELECT segments.add_source('people', 'split', 'split', key => 'a')$$, '0A000',
	'segments cannot be kept current with "split_2"', 'one foreign partition is enough');
ALTER TABLE split DETACH PARTITION split_2;
SELECT lives_ok($$SELECT segments.add_source('people', 'split', 'split', key => 'a')$$, 'without it');
SELECT throws_ok($$ALTER TABLE split ATTACH PARTITION split_2 FOR VALUES FROM (10) TO (20)$$, '0A000',
	'segments cannot be kept current with "split_2"', 'it cannot come back');
SELECT throws_ok($$CREATE FOREIGN TABLE split_3 PARTITION OF split FOR VALUES FROM (10) TO (20) SERVER seg_server$$, '0A000',
	'segments cannot be kept current with "split_3"', 'nor can another one come');
SELECT segments.drop_source('people', 'split');
RESET ROLE;
SELECT throws_ok($$SELECT segments.create_population('x', 'pg_catalog.pg_namespace', key => 'nspname', maintenance => 'immediate')$$,
	'42804', NULL, 'a key of a system catalog');
SELECT throws_ok($$SELECT segments.add_source('people', 'x', 'pg_catalog.pg_attribute', key => 'attnum')$$, '0A000',
	'segments cannot be kept current with "pg_attribute"', 'system catalogs');

-- Who may

SET ROLE seg_owner;
GRANT SELECT ON person, orders TO seg_analyst;
SET ROLE seg_analyst;
SELECT throws_ok($$SELECT segments.create_population('mine', 'person')$$, '42501',
	'permission denied to put triggers on "person"', 'who may only read a table, puts no triggers there, though they are there');
SELECT lives_ok($$SELECT segments.create_population('mine', 'person', maintenance => 'scheduled')$$, 'but may segment it');
SELECT throws_ok($$SELECT segments.alter_population('mine', maintenance => 'queued')$$, '42501', NULL, 'and not think of it later');
SELECT segments.drop_population('mine');
SET ROLE seg_owner;
GRANT TRIGGER ON person TO seg_analyst;
SELECT segments.drop_population('people');
SELECT is_empty('SELECT * FROM triggers()', 'there are none');
SET ROLE seg_analyst;
SELECT lives_ok($$SELECT segments.create_population('mine', 'person')$$, 'with privilege TRIGGER');
SELECT is(maintenance('mine'), 'immediate', 'it is immediate');
SELECT isnt_empty($$SELECT * FROM triggers() WHERE relation = 'person'$$, 'on another one''s table');
SELECT throws_ok($$SELECT segments.add_source('mine', 'orders', 'orders', key => 'customer_id')$$, '42501',
	'permission denied to put triggers on "orders"', 'which holds for sources');
RESET ROLE;
GRANT SELECT ON person TO seg_nobody;
SELECT throws_ok($$SELECT segments.alter_population('mine', owner => 'seg_nobody')$$, '42501',
	'permission denied to put triggers on "person"', 'and for the next owner');
SELECT is((SELECT owner::text FROM segments.population WHERE name = 'mine'), 'seg_analyst', 'who does not get it');
SET ROLE seg_nobody;
SELECT throws_ok('SELECT segments.track()', '39P01', NULL, 'only triggers call their function');
RESET ROLE;

-- The extension takes them along.

SELECT throws_ok('DROP EXTENSION segments', '2BP01', NULL, 'the extension does not go as long as there are some');
DROP EXTENSION segments CASCADE;
SELECT is_empty($$SELECT FROM pg_trigger WHERE tgname LIKE 'segments%'$$, 'and takes them along');

SELECT * FROM finish();
ROLLBACK;
