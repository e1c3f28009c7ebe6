-- setup.sql: populations and segments over what workload.sql made, and the means to measure.
-- Milliseconds are those of the processor where the kernel tells (/proc/self/schedstat), so that
-- a busy machine disturbs little; elsewhere they are those of the clock.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TABLE bench.result (part text, what text, way text, round int, ms float, answer text);
CREATE TABLE bench.size (way text, bytes bigint);

CREATE FUNCTION bench.ms(elapsed boolean DEFAULT false) RETURNS float LANGUAGE plpgsql AS $$
BEGIN
	IF elapsed THEN
		RETURN extract(epoch FROM clock_timestamp()) * 1000;
	END IF;
	-- reading this brings the other up to date
	PERFORM pg_read_file('/proc/self/stat');
	RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float / 1e6;
EXCEPTION WHEN undefined_file THEN
	RETURN extract(epoch FROM clock_timestamp()) * 1000;
END
$$;

-- Runs a statement that gives one value, and notes how long it took to do one of so many things;
-- elapsed: by the clock on the wall, for what several processes do.
CREATE PROCEDURE bench.take(part text, what text, way text, round int, statement text, things int DEFAULT 1, elapsed boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
	started float = bench.ms(elapsed);
	answer text;
BEGIN
	EXECUTE statement INTO answer;
	INSERT INTO bench.result VALUES (part, what, way, round, (bench.ms(elapsed) - started) / things, answer);
END
$$;

SELECT segments.create_population(p, 'bench.customers', maintenance => 'scheduled') FROM unnest(ARRAY['hundred', 'attributes', 'ten', 'thousand']) AS p;
SELECT segments.add_source(p, 'orders', 'bench.orders', 'customer_id', 'ordered_at')
FROM unnest(ARRAY['hundred', 'attributes', 'ten', 'thousand']) AS p;
SELECT count(segments.create_segment(name, rule::segments.segment_rule, 'hundred', build => false)) FROM bench.segments;
SELECT count(segments.create_segment(name, rule::segments.segment_rule, 'attributes', build => false)) FROM bench.segments WHERE nr <= 60;
SELECT count(segments.create_segment(name, rule::segments.segment_rule, 'ten', build => false)) FROM bench.segments WHERE nr % 10 = 1;
-- variants of a rule, with other numbers in them
CREATE FUNCTION bench.variant(rule text, v int) RETURNS segments.segment_rule LANGUAGE sql AS $$
SELECT string_agg(CASE WHEN t.token[1] ~ '^\d\d+$' THEN (t.token[1]::int + v)::text ELSE t.token[1] END, '' ORDER BY t.n)::segments.segment_rule
FROM regexp_matches(rule, '\d+|\D+', 'g') WITH ORDINALITY AS t (token, n)
$$;
SELECT count(segments.create_segment(format('%s variant %s', name, v), bench.variant(rule, v), 'thousand', build => false)) FROM bench.segments, generate_series(0, 9) AS v;
-- as if nothing had been built
CREATE FUNCTION bench.unbuild() RETURNS void LANGUAGE sql AS $$
TRUNCATE segments.membership, segments.chunk, segments.due, segments.change, segments.history;
UPDATE segments.segment SET built = false, built_at = NULL, members = 0;
$$;

-- By hand, moments would be constants, so that the planner folds and estimates them.
UPDATE bench.segments SET (condition, filter) = (
	SELECT replace(t[1], old, new), replace(t[2], old, new)
	FROM (SELECT ARRAY[regexp_replace(condition, spans, becomes, 'g'), regexp_replace(filter, spans, becomes, 'g')] AS t, old, new
		FROM (VALUES ('\(SELECT now FROM bench.clock\) - interval (''[^'']*'')', '(timestamp ''2026-06-15 12:00'' - interval \1) AT TIME ZONE ''UTC''',
			'(SELECT now FROM bench.clock)', 'timestamptz ''2026-06-15 12:00+00''')) AS v (spans, becomes, old, new)) AS u);
UPDATE bench.segments SET condition = replace(condition, 'timestamptz ''2026-06-15 12:00+00''::date', 'date ''2026-06-15''');

-- The hand-written query of a segment.
CREATE FUNCTION bench.query(s bench.segments) RETURNS text LANGUAGE sql AS $$
SELECT CASE WHEN s.aggregate IS NULL THEN format('SELECT c.id FROM bench.customers c WHERE %s', s.condition)
	ELSE format('SELECT c.id FROM bench.customers c JOIN (SELECT o.customer_id, %s AS value FROM bench.orders o WHERE %s GROUP BY 1) a'
		' ON a.customer_id = c.id WHERE %s AND a.value %s', s.aggregate, s.filter, s.condition, s.comparison) END
$$;

-- One table for each segment.
CREATE FUNCTION bench.make_tables() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	s bench.segments;
BEGIN
	FOR s IN SELECT * FROM bench.segments LOOP
		EXECUTE format('CREATE TABLE bench.member_%s AS %s', s.nr, bench.query(s));
	END LOOP;
	RETURN 100;
END
$$;
CREATE FUNCTION bench.drop_tables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	FOR nr IN 1 .. 100 LOOP
		EXECUTE format('DROP TABLE IF EXISTS bench.member_%s', nr);
	END LOOP;
	RETURN 100;
END
$$;

-- All segments in one query, as an array for each customer.
CREATE FUNCTION bench.arrays_query() RETURNS text LANGUAGE sql AS $$
SELECT format('SELECT c.id, array_remove(ARRAY[%s], NULL) AS segments FROM bench.customers c LEFT JOIN (SELECT o.customer_id, %s FROM bench.orders o GROUP BY 1) a ON a.customer_id = c.id',
	string_agg(format('CASE WHEN %s%s THEN %s END', condition, CASE WHEN aggregate IS NOT NULL THEN format(' AND a.value_%s %s', nr, comparison) END, nr), ', ' ORDER BY nr),
	string_agg(format('%s FILTER (WHERE %s) AS value_%s', replace(replace(aggregate, 'coalesce(', ''), ', 0)', ''), filter, nr), ', ' ORDER BY nr)
		FILTER (WHERE aggregate IS NOT NULL))
FROM bench.segments
$$;
CREATE FUNCTION bench.make_arrays() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE TABLE bench.arrays AS ' || bench.arrays_query();
	RETURN 100;
END
$$;

-- Segments by how many members they have.
CREATE FUNCTION bench.ranked(n int) RETURNS text LANGUAGE sql STABLE AS $$
SELECT name FROM segments.segment WHERE name <> 'everyone' AND members > 0
	AND population = (SELECT id FROM segments.population WHERE name = 'hundred') ORDER BY members DESC, name OFFSET n - 1 LIMIT 1
$$;
CREATE FUNCTION bench.nr(name text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT s.nr FROM bench.segments s WHERE s.name = $1 $$;
