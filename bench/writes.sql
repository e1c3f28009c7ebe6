-- writes.sql: tables that are written to, twice: with segments kept current on them, and bare.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = bench, pg_catalog;

CREATE FUNCTION make_copy(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE bench.%1$s_customers AS SELECT * FROM bench.customers; ALTER TABLE bench.%1$s_customers ADD PRIMARY KEY (id);
		CREATE TABLE bench.%1$s_orders AS SELECT * FROM bench.orders; CREATE INDEX ON bench.%1$s_orders (customer_id, ordered_at)', name);
END
$$;
SELECT make_copy('kept'), make_copy('bare');
VACUUM ANALYZE kept_customers, kept_orders, bare_customers, bare_orders;
CREATE SEQUENCE new_order START 1000000000 CACHE 1000;

-- What is copied from: a tenth as many orders as there are, by anybody. (Next to ORDER BY random(), a random() would be that very number.)
CREATE TABLE delivery AS SELECT nextval('bench.new_order') AS id, 1 + floor(random() * :customers)::int AS customer_id, ordered_at, total, status, category, product
FROM (SELECT * FROM orders ORDER BY random() LIMIT :customers / 2) AS o;

-- populations of 10, 100, 1,000 segments, and of 1,000 of which ten read the income and ten the orders
SELECT segments.create_population(p, 'bench.kept_customers', maintenance => 'scheduled') FROM unnest(ARRAY['kept 10', 'kept 100', 'kept 1,000', 'kept 1,000, ten concerned']) AS p;
SELECT segments.add_source(name, 'orders', 'bench.kept_orders', 'customer_id', 'ordered_at') FROM segments.population WHERE name LIKE 'kept %';
SELECT count(segments.create_segment(name, rule::segments.segment_rule, 'kept 10', build => false)) FROM segments WHERE nr % 10 = 1;
SELECT count(segments.create_segment(name, rule::segments.segment_rule, 'kept 100', build => false)) FROM segments;
SELECT count(segments.create_segment(format('%s variant %s', name, v), variant(rule, v), 'kept 1,000', build => false)) FROM segments, generate_series(0, 9) AS v;
SELECT count(segments.create_segment(format('%s variant %s', name, v), variant(rule, v), 'kept 1,000, ten concerned', build => false))
FROM (
	(SELECT name, rule, 0 AS v FROM segments WHERE nr <= 60 AND rule LIKE '%income%' ORDER BY nr LIMIT 10) UNION ALL
	(SELECT name, rule, 0 FROM segments WHERE nr > 60 ORDER BY nr LIMIT 10) UNION ALL
	(SELECT name, rule, v FROM segments, generate_series(0, 99) AS v WHERE nr <= 60 AND rule NOT LIKE '%income%' ORDER BY v, nr LIMIT 980)) AS s;

-- Where a session of pgbench stands: the first and the last of what is counted.
CREATE TABLE mark (what text, way text, round int, n int, ms float, elapsed float);
CREATE FUNCTION mark(what text, way text, round int, n int) RETURNS void LANGUAGE sql AS $$ INSERT INTO bench.mark VALUES (what, way, round, n, bench.ms(), bench.ms(elapsed => true)) $$;

CREATE FUNCTION bulk(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;

-- How many change by the clock alone up to a moment, upkeep batch by batch.
CREATE FUNCTION upkeep(population text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	step record;
	n bigint = 0;
BEGIN
	LOOP
		SELECT * INTO step FROM segments.maintain_step(max_members => 100000, population => upkeep.population);
		EXIT WHEN step.due + step.doubted + step.folded = 0;
		n := n + step.folded;
	END LOOP;
	RETURN n;
END
$$;
-- The windowed segments one by one, as of a moment.
CREATE FUNCTION recompute(as_of timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	s bench.segments;
	n bigint;
	total bigint = 0;
BEGIN
	FOR s IN SELECT * FROM bench.segments WHERE aggregate IS NOT NULL LOOP
		EXECUTE format('SELECT count(*) FROM (%s) AS q', replace(replace(replace(replace(bench.query(s), 'bench.customers', 'bench.kept_customers'), 'bench.orders', 'bench.kept_orders'),
			'2026-06-15 12:00+00', as_of::text), '2026-06-15 12:00', (as_of AT TIME ZONE 'UTC')::text)) INTO n;
		total := total + n;
	END LOOP;
	RETURN total;
END
$$;
