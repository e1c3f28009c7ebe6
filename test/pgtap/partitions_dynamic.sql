-- Members stay exact whatever happens to partitions: statements aimed at the parent, at a partition
-- and at one in between, rows that move, partitions that come, go and are emptied; and the
-- same for tables that inherit. After each step all that is stored is compared.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
BEGIN;
SELECT plan(59);

CREATE SCHEMA seg_shop;
SET search_path = seg_shop, public, pg_catalog;
CREATE TABLE customer (id int PRIMARY KEY, country text, city_id int) PARTITION BY RANGE (id);
CREATE TABLE customer_1 PARTITION OF customer FOR VALUES FROM (0) TO (100);
CREATE TABLE customer_2 PARTITION OF customer FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
-- columns in another order, and one that is gone
CREATE TABLE customer_2a (gone int, city_id int, id int NOT NULL, country text);
ALTER TABLE customer_2a DROP gone;
ALTER TABLE customer_2 ATTACH PARTITION customer_2a FOR VALUES FROM (100) TO (150);
CREATE TABLE customer_2b PARTITION OF customer_2 DEFAULT;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, placed_at timestamptz, total int) PARTITION BY RANGE (id);
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (MINVALUE) TO (100);
CREATE TABLE orders_new (total int, placed_at timestamptz, customer_id int, id int NOT NULL);
ALTER TABLE orders ATTACH PARTITION orders_new FOR VALUES FROM (100) TO (MAXVALUE);
CREATE TABLE line (order_id int, quantity int) PARTITION BY HASH (order_id);
CREATE TABLE line_0 PARTITION OF line FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE line_1 PARTITION OF line FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE city (id int, name text) PARTITION BY LIST (id);
CREATE TABLE city_1 PARTITION OF city FOR VALUES IN (1, 2, 3);
CREATE TABLE city_2 PARTITION OF city DEFAULT;
CREATE TABLE visit (customer_id int, page text);
CREATE TABLE web_visit (agent text) INHERITS (visit);
CREATE TABLE app_visit (customer_id int, version int, page text);
INSERT INTO city SELECT i, CASE WHEN i % 2 = 0 THEN 'Even' ELSE 'Odd' END FROM generate_series(1, 6) i;
INSERT INTO customer SELECT i, CASE WHEN i % 3 = 0 THEN 'DE' ELSE 'FR' END, i % 7 FROM generate_series(1, 180) i;
INSERT INTO orders SELECT i, i, timestamptz '2023-07-01' + i * interval '2 days', i FROM generate_series(1, 190) i;
INSERT INTO line SELECT i, i % 4 FROM generate_series(1, 190) i;
INSERT INTO visit SELECT i, 'a' FROM generate_series(1, 20) i;
INSERT INTO web_visit SELECT i, 'b' FROM generate_series(15, 40) i;

SELECT segments.create_population('c', 'customer', key => 'id');
SELECT segments.add_source('c', 'orders', 'orders', key => 'customer_id', at => 'placed_at');
SELECT segments.add_source('c', 'lines', 'line', key => 'order_id', parent => 'orders');
SELECT segments.add_source('c', 'visits', 'visit', key => 'customer_id');
SELECT segments.add_lookup('c', 'city', 'city', key => 'city_id', "references" => 'id');
SELECT segments.create_segment('germans', 'country = ''DE'''), segments.create_segment('buyers', 'count(orders where total > 10) >= 1'),
	segments.create_segment('late', 'exists(orders since 2024-03-01)'), segments.create_segment('gatherers', 'sum(lines.quantity) >= 2'),
	segments.create_segment('even', 'city.name = ''Even'''), segments.create_segment('visitors', 'exists(visits where page = ''b'')'),
	segments.create_segment('idle', 'not exists(visits) and not exists(orders)') \gset

-- Members by segment as a pass finds them, unless what is stored differs from it.
CREATE FUNCTION counts() RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT string_agg(c::text, ' ') FROM segments.check() c),
		(SELECT string_agg('reads of ' || s.name, ' ') FROM segments.segment s
			WHERE segments.as_set(s.name) OPERATOR(segments.<>) (SELECT coalesce(segments.member_set_agg(m), '{}') FROM segments.matching(s.rule) m)),
		(SELECT string_agg(s.name || ' ' || segments.count_members(s.name), ', ' ORDER BY s.name) FROM segments.segment s))
$$;
-- after(STATEMENT, MOVES): it is exact, and moves somebody or nobody.
CREATE FUNCTION after(statement text, moves bool DEFAULT true) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	before text = counts();
	now text;
BEGIN
	EXECUTE statement;
	now = counts();
	RETURN NEXT is(CASE WHEN now !~ '^buyers' THEN now END, NULL, 'exact: ' || statement);
	RETURN NEXT is(now <> before, moves, CASE WHEN moves THEN 'somebody moves' ELSE 'nobody moves' END);
END $$;

SELECT matches(counts(), '^buyers 1[0-9]+, ', 'exact at first');

-- The population
SELECT after($$INSERT INTO customer VALUES (199, 'DE', 2), (0, 'DE', 2)$$);
SELECT after($$INSERT INTO customer_2a VALUES (2, 149, 'DE') ON CONFLICT (id) DO UPDATE SET country = 'DE', city_id = 4$$);
SELECT after($$UPDATE customer_1 SET country = 'DE' WHERE id < 20; DELETE FROM customer_2 WHERE id > 170$$);
SELECT after($$UPDATE customer SET id = 198 WHERE id = 3$$);
SELECT after($$UPDATE customer_2 SET id = 197 WHERE id = 141$$);
SELECT after($$ALTER TABLE customer DETACH PARTITION customer_1$$);
SELECT after($$UPDATE customer_1 SET country = 'DE'; DELETE FROM customer_1 WHERE id < 10$$, false);
SELECT after($$ALTER TABLE customer ATTACH PARTITION customer_1 FOR VALUES FROM (0) TO (100)$$);
SELECT after($$TRUNCATE customer_2b$$);
SELECT after($$DROP TABLE customer_2a$$);
SELECT after($$CREATE TABLE customer_3 PARTITION OF customer FOR VALUES FROM (200) TO (300); INSERT INTO customer_3 VALUES (200, 'DE', 2)$$);

-- Sources, and what hangs on them
SELECT after($$INSERT INTO orders VALUES (500, 200, '2024-05-01', 100)$$);
SELECT after($$UPDATE orders SET id = 0, placed_at = '2023-05-01' WHERE id = 500; UPDATE orders SET id = 600, customer_id = 99, placed_at = '2024-05-01' WHERE id = 20$$);
SELECT after($$UPDATE orders_new SET customer_id = 12 WHERE id = 120; INSERT INTO line VALUES (120, 7)$$);
SELECT after($$ALTER TABLE orders DETACH PARTITION orders_old$$);
SELECT after($$ALTER TABLE orders ATTACH PARTITION orders_old FOR VALUES FROM (MINVALUE) TO (100)$$);
SELECT after($$TRUNCATE line_1$$);
SELECT after($$INSERT INTO line SELECT i, 3 FROM generate_series(1, 100) i; UPDATE line SET order_id = order_id + 1$$);
SELECT after($$DROP TABLE orders_old$$);
SELECT after($$TRUNCATE orders$$);

-- Lookups
SELECT after($$UPDATE city SET name = 'Even' WHERE id = 1; UPDATE city_2 SET name = 'Odd'$$);
SELECT after($$UPDATE city SET id = 9 WHERE id = 1$$);
SELECT after($$ALTER TABLE city DETACH PARTITION city_1$$);

-- One that goes from one population's table to another's
CREATE TABLE guest (id int PRIMARY KEY, country text, city_id int) PARTITION BY RANGE (id);
SELECT segments.create_population('guests', 'guest');
SELECT segments.create_segment('german guests', 'country = ''DE''', 'guests') \gset
INSERT INTO customer_3 VALUES (201, 'DE', 2);
SELECT is(segments.count_members('german guests'), 0::bigint, 'a partition of another table');
ALTER TABLE customer DETACH PARTITION customer_3;
ALTER TABLE guest ATTACH PARTITION customer_3 FOR VALUES FROM (200) TO (300);
INSERT INTO customer_3 VALUES (202, 'DE', 2);
SELECT is((SELECT array_agg(m ORDER BY m) FROM segments.members('german guests') m), ARRAY[200, 201, 202]::bigint[],
	'statements on it concern the one that it belongs to now');
SELECT segments.drop_population('guests', cascade => true);

-- Tables that inherit
SELECT after($$INSERT INTO web_visit VALUES (99, 'b'); UPDATE visit SET page = 'b' WHERE customer_id = 12; DELETE FROM ONLY visit WHERE customer_id = 13$$);
SELECT after($$INSERT INTO app_visit VALUES (98, 1, 'b'); ALTER TABLE app_visit INHERIT visit; INSERT INTO app_visit VALUES (97, 1, 'b')$$);
SELECT after($$ALTER TABLE web_visit NO INHERIT visit$$);
SELECT after($$DROP TABLE app_visit$$);
SELECT after($$TRUNCATE visit, customer$$);

SELECT * FROM finish();
ROLLBACK;
