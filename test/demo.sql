-- demo.sql: a tour of the extension over the shop of shop.sql, to be read.
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset null ''
SET search_path = shop;
SET datestyle = iso;

\echo
\echo '1. A shop'
\echo '========='
\echo
SELECT what, to_char(count, '999,999') AS rows, remark
FROM (VALUES
	(1, 'customers', (SELECT count(*) FROM customer), 'with tags, a birth date, a city'),
	(2, 'orders', (SELECT count(*) FROM orders), 'of a product, by some service'),
	(3, 'tickets', (SELECT count(*) FROM ticket), 'opened with our support'))
	AS t (nr, what, count, remark)
ORDER BY nr;

\echo '2. Tell the extension what belongs together'
\echo '==========================================='
\echo
\o /dev/null
\set ECHO queries
CREATE EXTENSION segments;
SET search_path = shop, segments;
SELECT create_population('customers', 'customer');
SELECT add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at');
SELECT add_source('customers', 'tickets', 'ticket', key => 'customer_id', at => 'opened_at');
SELECT add_lookup('customers', 'city', 'city', key => 'city_id');
SELECT add_lookup('customers', 'product', 'product', key => 'product_id', of => 'orders');
\set ECHO none
\o

\echo
\echo '3. Say who is meant'
\echo '==================='
\echo
\echo 'SELECT create_segment(name, rule), sixteen times:'
\echo

-- Creates a segment and says so.
CREATE FUNCTION pg_temp.create_and_tell(name text, rule text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
	members bigint := create_segment(name, rule::segment_rule);
BEGIN
	RETURN format(E'%-20s %s\n%21s%s customers in %s ms\n', name,
		replace(rule, E'\n', E'\n' || repeat(' ', 21)), '',
		to_char(members, 'FM999,990'),
		round(1000 * extract(epoch FROM clock_timestamp() - start)));
END $$;

CREATE TEMP TABLE wanted (nr int GENERATED ALWAYS AS IDENTITY, name text, rule text);
INSERT INTO wanted (name, rule) VALUES
	('express regulars',
	 'count(orders within last 6 months where service = ''express'') > 5'),
	('young and hurried',
	 E'age(birth_date) between 20 and 30\nand exists(orders where service = ''express'')'),
	('northern gold',
	 E'city.region = ''North''\nand sum(orders.total within last 1 year) >= 1000'),
	('VIP truckers',
	 E'tags has ''VIP'' and exists(orders\n    where product.department = ''Accessories'' and product.name = ''TRUCK'')'),
	('lapsed',
	 'count(orders) >= 3 and not exists(orders within last 6 months)'),
	('first-time buyers',
	 'count(orders) = 1 and exists(orders within last 30 days)'),
	('just looking',
	 'not exists(orders) and signed_up_at >= 60 days ago'),
	('birthday soon',
	 'anniversary of birth_date within next 30 days'),
	('new to support',
	 E'exists(tickets within last 14 days)\nand not exists(tickets before 14 days ago)'),
	('kept waiting',
	 E'exists(tickets\n    where status in (''open'', ''pending'') and opened_at < 3 days ago)'),
	('all-rounders',
	 'count(distinct product.department from orders within last 1 year) = 5'),
	('good last quarter',
	 'sum(orders.total during last quarter) >= 500'),
	('always content',
	 'count(tickets) >= 2 and every(tickets satisfies rating >= 4)'),
	('business basket',
	 'tags has ''business'' and avg(orders.total) > 200'),
	('may be mailed',
	 E'newsletter and email is not null\nand not tags has ''do not mail'''),
	('win back',
	 E'in segment ''lapsed'' and in segment ''may be mailed''\nand not in segment ''kept waiting''');

\pset format unaligned
\pset tuples_only on
SELECT format('SELECT pg_temp.create_and_tell(%L, %L)', name, rule) FROM wanted ORDER BY nr
\gexec
\pset tuples_only off
\pset format aligned

\echo '4. The overview'
\echo '==============='
\echo
\set ECHO queries
SELECT segment, members, percent, repeat('=', round(percent / 2)::int) AS "2 % each"
FROM overview ORDER BY members DESC;
\set ECHO none

\echo '5. Who they are'
\echo '==============='
\echo
\set ECHO queries
SELECT c.id, c.name, city.name AS city, c.tags
FROM members('express regulars') AS m
JOIN customer c ON c.id = m
JOIN city ON city.id = c.city_id
ORDER BY c.id LIMIT 5;
\set ECHO none
SELECT min(m) AS id FROM members('express regulars') AS m \gset
\set ECHO queries
SELECT segments_of(:id);
\set ECHO none

\echo '6. Why the first of them is one of them'
\echo '======================================='
\echo
\echo 'Every rule can be had as one plain query; the tests compare the two.'
\echo
\pset format unaligned
\pset tuples_only on
\set ECHO queries
SELECT sql(rule) FROM segment WHERE name = 'express regulars';
\set ECHO none
\pset tuples_only off
\pset format aligned
\echo
\echo 'The orders that it counts for customer' :id':'
\echo
\set ECHO queries
SELECT placed_at::timestamptz(0), service, product.name AS product, total
FROM orders JOIN product ON product.id = product_id
WHERE customer_id = :id AND service = 'express' AND placed_at >= now() - interval '6 months'
ORDER BY placed_at;
\set ECHO none

\echo '7. Ask once, without keeping a segment'
\echo '======================================'
\echo
\set ECHO queries
SELECT city.region, count(*) AS idle_vips
FROM matching('tags has ''VIP'' and not exists(orders within last 90 days)') AS m
JOIN customer c ON c.id = m JOIN city ON city.id = c.city_id
GROUP BY city.region ORDER BY city.region;
\set ECHO none

\echo '8. Members are sets'
\echo '==================='
\echo
\set ECHO queries
SELECT cardinality(as_set('lapsed') & as_set('birthday soon')) AS lapsed_and_birthday_soon,
	cardinality(as_set('lapsed') - as_set('may be mailed')) AS lapsed_and_out_of_reach;
\set ECHO none

\echo '9. A rule needs no table'
\echo '========================'
\echo
\set ECHO queries
SELECT segment_rule 'tags has ''VIP'' and sum(orders.total) > 100'
	@> jsonb '{"name": "Ada", "tags": ["VIP"], "orders": [{"total": 80}, {"total": 40}]}' AS matches;
\set ECHO none

\echo '10. Slips of the pen'
\echo '===================='
\echo
\set ON_ERROR_STOP off
\set ECHO queries
SELECT create_segment('northerners', 'city.regoin = ''North''');
\echo
SELECT create_segment('weekly', 'count(orders last 7 days) > 1');
\set ECHO none
\set ON_ERROR_STOP on

\echo
\echo '11. Customers come and go'
\echo '========================='
\echo
SELECT m AS id FROM members('first-time buyers') AS m ORDER BY is_member('may be mailed', m) DESC, m LIMIT 1 \gset
\echo 'Nothing is refreshed. Customer' :id', a first-time buyer, orders once more, and wants no mails:'
\echo
\set ECHO queries
INSERT INTO orders (customer_id, product_id, placed_at, service, quantity, total)
VALUES (:id, 1, now(), 'express', 1, 39.90);
UPDATE customer SET tags = array_append(tags, 'do not mail') WHERE id = :id;
SELECT is_member('first-time buyers', :id), is_member('may be mailed', :id);
\set ECHO none
\echo 'Time goes by, and nobody writes a row. The same segments, today and in 45 days:'
\echo
CREATE TEMP TABLE today AS SELECT segment, members FROM overview
WHERE segment IN ('lapsed', 'birthday soon', 'first-time buyers', 'just looking', 'express regulars');
SELECT set_config('segments.now', (now() + interval '45 days')::text, false) AS later \gset
\set ECHO queries
SELECT segment, today.members AS today, overview.members AS "in 45 days" FROM today JOIN overview USING (segment) ORDER BY 1;
RESET segments.now;
\set ECHO none
\echo
\echo 'Upkeep, and what has happened so far:'
\echo
\set ECHO queries
CALL maintain();
SELECT segment, key, event, reason FROM changes ORDER BY number;
\set ECHO none
\echo 'Is everything that is stored what a full evaluation finds? No difference, so it is:'
\echo
\set ECHO queries
SELECT * FROM segments.check();
\set ECHO none

\echo
\echo '12. All sixteen again, in one pass over the data'
\echo '==============================================='
\echo
\o /dev/null
\set ECHO queries
\timing on
SELECT refresh('customers');
\timing off
\set ECHO none
\o
\echo
