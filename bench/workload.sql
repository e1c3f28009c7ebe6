-- workload.sql: customers, orders, and a hundred mixed segments, each as a rule and as hand-written SQL.
--
-- psql -v customers=100000 -f workload.sql; five orders to a customer, over three years that end at the moment
-- in bench.clock. Everything comes from a seed.
\set ON_ERROR_STOP on
SELECT setseed(0.42);
CREATE SCHEMA bench;
SET search_path = bench, pg_catalog;

CREATE TABLE clock AS SELECT timestamptz '2026-06-15 12:00+00' AS now;

CREATE TABLE customers AS
SELECT n AS id,
	(ARRAY['DE', 'DE', 'DE', 'FR', 'FR', 'GB', 'GB', 'ES', 'IT', 'NL', 'PL', 'AT', 'CH', 'SE', 'DK'])[1 + floor(random() * 15)] AS country,
	'city ' || floor(500 * random() ^ 2) AS city,
	date '1945-01-01' + floor(random() * 23000)::int AS birth_date,
	(ARRAY['f', 'm', 'f', 'm', NULL])[1 + floor(random() * 5)] AS gender,
	(20000 + 80000 * random() ^ 3)::int AS income,
	timestamptz '2020-01-01 00:00+00' + random() * interval '2300 days' AS signed_up,
	CASE WHEN random() < 0.95 THEN timestamptz '2026-06-15 12:00+00' - random() ^ 2 * interval '900 days' END AS last_seen,
	(random() ^ 4 * 5000)::numeric(10, 2) AS total_spent,
	floor(random() ^ 2 * 20)::int AS order_count,
	ARRAY(SELECT (ARRAY['VIP', 'newsletter', 'b2b', 'student', 'returns', 'app', 'web', 'store'])[1 + floor(random() * 8)]
		FROM generate_series(1, (n + floor(random() * 4)::int) % 4)) AS tags,
	random() < 0.6 AS consent,
	(ARRAY['free', 'free', 'free', 'basic', 'basic', 'pro'])[1 + floor(random() * 6)] AS plan
FROM generate_series(1, :customers) AS n;
ALTER TABLE customers ADD PRIMARY KEY (id);

CREATE TABLE orders AS
SELECT n AS id, 1 + floor(random() * :customers)::int AS customer_id,
	timestamptz '2026-06-15 12:00+00' - random() * interval '1095 days' AS ordered_at,
	(5 + 300 * random() ^ 3)::numeric(10, 2) AS total,
	(ARRAY['paid', 'paid', 'paid', 'paid', 'open', 'returned', 'cancelled'])[1 + floor(random() * 7)] AS status,
	(ARRAY['books', 'music', 'garden', 'toys', 'food', 'fashion', 'sports', 'tools', 'pets', 'travel'])[1 + floor(10 * random() ^ 1.5)] AS category,
	floor(5000 * random() ^ 2)::int AS product
FROM generate_series(1, 5 * :customers) AS n;
CREATE INDEX ON orders (customer_id, ordered_at);
VACUUM ANALYZE customers, orders;

-- A segment as a rule, and as SQL: a condition on a customer c; for behavioural ones also an aggregate over the
-- orders o that pass a filter, and what it is compared with.
CREATE TABLE segments (nr int PRIMARY KEY, name text, rule text, condition text, aggregate text, filter text, comparison text);

-- sixty on attributes, two to five predicates each
INSERT INTO segments (nr, name, rule, condition)
SELECT nr, 'attributes ' || nr, string_agg(rule, ' and ' ORDER BY k), string_agg(condition, ' AND ' ORDER BY k)
FROM (
	SELECT nr, k, v.rule, v.condition
	FROM generate_series(1, 60) AS nr, generate_series(0, 1 + nr % 4) AS k,
	LATERAL (VALUES
		(0, format('country = %L', (ARRAY['DE', 'FR', 'GB', 'ES', 'IT'])[1 + nr % 5]), format('c.country = %L', (ARRAY['DE', 'FR', 'GB', 'ES', 'IT'])[1 + nr % 5])),
		(1, format('income between %s and %s', 20000 + nr * 300, 40000 + nr * 700), format('c.income BETWEEN %s AND %s', 20000 + nr * 300, 40000 + nr * 700)),
		(2, format('age(birth_date) between %s and %s', 18 + nr / 3, 35 + nr / 2),
			format('c.birth_date > ((SELECT now FROM bench.clock)::date - interval %L)::date AND c.birth_date <= ((SELECT now FROM bench.clock)::date - interval %L)::date', (36 + nr / 2) || ' years', (18 + nr / 3) || ' years')),
		(3, format('tags has any (%L, %L)', (ARRAY['VIP', 'b2b', 'student', 'app'])[1 + nr % 4], (ARRAY['web', 'store', 'returns'])[1 + nr % 3]),
			format('c.tags && ARRAY[%L, %L]', (ARRAY['VIP', 'b2b', 'student', 'app'])[1 + nr % 4], (ARRAY['web', 'store', 'returns'])[1 + nr % 3])),
		(4, format('last_seen within last %s days', 20 + nr * 3), format('c.last_seen >= (SELECT now FROM bench.clock) - interval %L AND c.last_seen < (SELECT now FROM bench.clock)', (20 + nr * 3) || ' days')),
		(5, 'consent', 'c.consent'),
		(6, format('plan in (%L, ''pro'')', (ARRAY['free', 'basic'])[1 + nr % 2]), format('c.plan IN (%L, ''pro'')', (ARRAY['free', 'basic'])[1 + nr % 2])),
		(7, format('total_spent > %s', nr * 10), format('c.total_spent > %s', nr * 10)),
		(8, format('(order_count >= %s or gender = %L)', 3 + nr % 9, (ARRAY['f', 'm'])[1 + nr % 2]), format('(c.order_count >= %s OR c.gender = %L)', 3 + nr % 9, (ARRAY['f', 'm'])[1 + nr % 2])),
		(9, format('city starts with ''city %s''', nr % 10), format('starts_with(c.city, ''city %s'')', nr % 10))
	) AS v (kind, rule, condition)
	WHERE v.kind = (nr * 7 + k * 3) % 10
) AS predicate GROUP BY nr;

-- forty on behaviour
INSERT INTO segments (nr, name, rule, condition, aggregate, filter, comparison)
SELECT 60 + nr, 'behaviour ' || nr,
	format('%s(%s%s%s) %s', v.f, v.measure, v.windowed, v.filtered, v.comparison) || CASE nr % 3 WHEN 0 THEN ' and consent' WHEN 1 THEN ' and plan = ''free''' ELSE '' END,
	CASE nr % 3 WHEN 0 THEN 'c.consent' WHEN 1 THEN 'c.plan = ''free''' ELSE 'true' END,
	v.aggregate, v.filter, v.comparison
FROM generate_series(1, 40) AS nr,
LATERAL (SELECT (ARRAY['books', 'music', 'garden', 'toys', 'food', 'fashion', 'sports'])[1 + nr % 7] AS category, (ARRAY[30, 60, 90, 180, 365])[1 + nr % 5] AS days) AS p,
LATERAL (VALUES
	(0, 'count', 'orders', format(' within last %s days', days), ' where status = ''paid''', format('>= %s', 1 + nr % 3), 'count(*)',
		format('o.ordered_at >= (SELECT now FROM bench.clock) - interval %L AND o.ordered_at < (SELECT now FROM bench.clock) AND o.status = ''paid''', days || ' days')),
	(1, 'sum', 'orders.total', format(' within last %s days', days), format(' where category = %L', category), format('> %s', 20 + nr * 2), 'coalesce(sum(o.total), 0)',
		format('o.ordered_at >= (SELECT now FROM bench.clock) - interval %L AND o.ordered_at < (SELECT now FROM bench.clock) AND o.category = %L', days || ' days', category)),
	(2, 'max', 'orders.total', '', format(' where category = %L', category), format('> %s', 100 + nr * 3), 'max(o.total)', format('o.category = %L', category)),
	(3, 'count', 'orders', '', format(' where status in (''returned'', ''cancelled'') and total > %s', nr), '>= 2', 'count(*)', format('o.status IN (''returned'', ''cancelled'') AND o.total > %s', nr))
) AS v (kind, f, measure, windowed, filtered, comparison, aggregate, filter)
WHERE v.kind = nr % 4;
