-- The grouped form: rulesets as values, what is refused, privileges, many columns, many rows of one
-- member, and values that somebody has tampered with. That it comes to the members
-- of a pass on random rules and data is for grouped.t.
BEGIN;
SELECT plan(57);
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, segments;
SET LOCAL TimeZone = 'UTC';

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE customers (
	id integer PRIMARY KEY, country varchar(2), "Name" text, NAME text COLLATE "C", mood mood, score percent, spot point,
	tags text[], days date[], data jsonb, since timestamptz, range int4range, home_id integer);
CREATE TABLE homes (id integer PRIMARY KEY, city text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer, total numeric, note text, placed timestamptz);
CREATE TABLE lines (order_id bigint, quantity integer);
INSERT INTO homes VALUES (1, 'Köln'), (2, 'Wien');
INSERT INTO customers
SELECT i, (ARRAY['DE', 'FR', NULL])[1 + i % 3], 'N' || i, 'n' || i % 5, (ARRAY['sad', 'ok', 'happy', NULL]::mood[])[1 + i % 4], i % 101,
	CASE WHEN i % 2 = 0 THEN point(i, i) END,
	ARRAY['a', NULL, 'ü' || i % 7], ARRAY[date '2025-01-01' + i % 9],
	jsonb_build_object('a', jsonb_build_object('b', i % 4)), timestamptz '2025-01-01' + i * interval '1 hour', int4range(1, i), 1 + i % 3
FROM generate_series(1, 300) AS i;
INSERT INTO orders
SELECT i, (i * 7919) % 400, i % 50 / 3.0, CASE WHEN i % 4 > 0 THEN repeat('ß', i % 90) END, timestamptz '2026-01-01' - i * interval '3 hours'
FROM generate_series(1, 2000) AS i;
INSERT INTO orders SELECT 2000 + i, NULL, 1, 'nobody', timestamptz '2025-12-01' FROM generate_series(1, 10) AS i;
INSERT INTO lines SELECT 1 + (i * 31) % 2100, i % 9 FROM generate_series(1, 4000) AS i;

SELECT segments.create_population('customers', 'customers', maintenance => 'scheduled', time_zone => 'Europe/Berlin');
SELECT segments.add_lookup('customers', 'home', 'homes', 'home_id');
SELECT segments.add_source('customers', 'orders', 'orders', 'customer_id', 'placed', filter => 'note is null or note != ''nobody''');
SELECT segments.add_source('customers', 'lines', 'lines', 'order_id', parent => 'orders');
SELECT segments.add_attribute('customers', 'half', 'score / 2.0');

CREATE TABLE wanted (name text, rule segments.segment_rule);
INSERT INTO wanted VALUES
	('german', 'country = ''DE'' and home.city = ''Köln'''),
	('small', 'name = ''n3'' and "Name" > ''N2'''),
	('glad', 'mood in (''ok'', ''happy'') and half > 10'),
	('placed', 'spot is not null and data.a.b = 2'),
	('tagged', 'tags has ''ü3'' and days has 2025-01-04'),
	('recent', 'count(orders within last 3 months where total > 5) > 1'),
	('lines', 'exists(orders o where sum(quantity from o.lines) > 9)'),
	('idle', 'not exists(orders)'),
	('now', 'now - since > 12 months'),
	('both', 'in segment ''glad'' and not in segment ''recent''');
SELECT segments.create_segment(name, rule, build => false) FROM wanted ORDER BY name = 'both';
SELECT segments.create_segment('ended', 'true', valid_until => '2025-06-01', build => false);
SELECT segments.refresh('customers', as_of => '2026-01-01');

CREATE FUNCTION asked(query text) RETURNS TABLE (segment text, members segments.member_set) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE query;
END $$;
CREATE FUNCTION differing(query text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(coalesce(a.segment, s.name)) FROM asked(query) AS a
		FULL JOIN (SELECT name FROM segments.segment WHERE active AND kind <> 'everyone') AS s ON s.name = a.segment
	WHERE a.members IS NULL OR NOT a.members OPERATOR(segments.=) segments.as_set(s.name)
$$;

-- The ruleset.
SELECT is(differing(segments.grouped_sql(as_of => '2026-01-01')), NULL, 'the query comes to the members of a pass');
SELECT is((SELECT count(*) FROM asked(segments.grouped_sql(segments => '{both,idle}', as_of => '2026-01-01'))), 2::bigint, 'only the segments that are named');
SELECT is(segments.ruleset_of()::text::segments.ruleset::text, segments.ruleset_of()::text, 'its text can be read back');
SELECT is(segments.ruleset_of('customers', '{both}')::text::jsonb -> 'referred' @> '[{"name": "glad"}, {"name": "recent"}]', true, 'segments that others refer to go along');
SELECT is(segments.ruleset_of('customers', '{german}')::text::jsonb -> 'columns', '{"country": "text"}', 'no more columns than are read');
SELECT is(segments.ruleset_of('customers', '{small}')::text::jsonb -> 'columns' ->> 'name', 'text collate pg_catalog."C"', 'with their collations');
SELECT is(segments.ruleset_of('customers', '{ended}')::text::jsonb #>> '{segments,0,valid_until}', '2025-06-01T00:00:00+00:00', 'and the ends of segments');
SELECT matches(segments.grouped_sql('customers', '{german}'), 'now\(\)', 'without a moment the query says now()');
SELECT unalike(segments.grouped_sql('customers', '{german}'), '%facts%', 'a source that no rule reads is not read');
SELECT matches(segments.grouped_sql('customers', '{recent}', '2026-01-01'), 'placed >= timestamptz', 'windows are asked of the source');

-- Elsewhere.
CREATE SCHEMA "Shard 1";
CREATE TABLE "Shard 1".customers AS SELECT * FROM customers WHERE id % 2 = 0;
CREATE TABLE "Shard 1"."the orders" AS SELECT * FROM orders;
SELECT is((SELECT members FROM asked(segments.grouped_sql(as_of => '2026-01-01', segments => '{recent}',
		relations => '{"customers": "\"Shard 1\".customers", "public.orders": "\"Shard 1\".\"the orders\""}'))),
	(SELECT segments.member_set_agg(m) FROM segments.members('recent') AS m WHERE m % 2 = 0), 'tables can have other names');
SELECT throws_ok($$SELECT segments.grouped_sql(relations => '{"wanted": "x"}')$$, '22023', 'relation "wanted" does not belong to population "customers"', 'only those of the population');
SELECT throws_ok($$SELECT segments.grouped_sql(relations => '["wanted"]')$$, '22023', 'argument "relations" must be an object', 'an object');
SELECT throws_ok($$SELECT segments.grouped_sql(relations => '{"orders": 1}')$$, '22023', 'argument "relations" must hold names', 'of names');
SELECT throws_ok($$SELECT segments.grouped_sql(form => 'x')$$, '22023', 'unknown form "x"', 'forms are known');
SELECT throws_ok($$SELECT segments.ruleset_of('customers', '{}')$$, '22023', 'argument "segments" must not be empty', 'some segments are wanted');
SELECT throws_ok($$SELECT segments.ruleset_of('customers', '{nobody}')$$, '42704', NULL, 'segments exist');
SELECT throws_ok($$SELECT segments.ruleset_of('customers', '{everyone}')$$, '22023', 'segment "everyone" has no rule', 'and have rules');

-- What only this database knows.
CREATE FUNCTION refused(rule segments.segment_rule) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM segments.create_segment('refused', rule, build => false);
	PERFORM segments.ruleset_of('customers', '{refused}');
	RAISE 'taken' USING ERRCODE = 'P0002';
EXCEPTION WHEN feature_not_supported OR no_data_found THEN
	RETURN sqlerrm;
END $$;
SELECT is(refused('mood > ''sad'''), 'the order of an enum''s values is not known elsewhere', 'the order of an enum');
SELECT is(refused('range = ''[1,5)'''), 'values of type int4range do not travel in a ruleset', 'other types');
SAVEPOINT s;
SELECT segments.alter_segment('glad', active => false);
SELECT throws_matching($$SELECT segments.ruleset_of()$$, 'stored members', 'the members of an inactive segment');
ROLLBACK TO s;
CREATE TABLE people (key uuid PRIMARY KEY, age integer);
INSERT INTO people SELECT format('00000000-0000-4000-8000-%s', lpad(i::text, 12, '0'))::uuid, i FROM generate_series(1, 50) AS i;
SELECT segments.create_population('people', 'people', maintenance => 'scheduled');
SELECT segments.create_segment('adults', 'age >= 18', population => 'people');
SELECT throws_ok($$SELECT segments.grouped_sql('people')$$, '0A000', 'the keys of population "people" are no integers', 'numbers that stand for keys');
SELECT segments.grouped_sql('people', form => 'keys') AS query \gset
SELECT is((SELECT count(*) FROM (:query) AS q WHERE q.segments = '{adults}'), 33::bigint, 'keys of any type, with the names of their segments');

-- Privileges.
CREATE ROLE stranger;
GRANT USAGE ON SCHEMA segments TO stranger;
SET LOCAL ROLE stranger;
SELECT throws_ok($$SELECT segments.ruleset_of('customers')$$, '42501', NULL, 'a ruleset takes the owner''s privileges');
SELECT throws_ok($$SELECT segments.grouped_sql('customers')$$, '42501', NULL, 'and so does a query');
RESET ROLE;

-- Arguments.
SELECT segments.ruleset_of('customers', '{recent}') AS recent \gset
SELECT throws_ok(format($$SELECT segments.facts(%L, '2026-01-01', 'parcels', 1)$$, :'recent'), '42704', 'no rule of the ruleset reads a source "parcels"', 'sources are known');
SELECT throws_ok(format($$SELECT segments.facts(%L, '2026-01-01', 'orders', now())$$, :'recent'), '22023', NULL, 'all columns are wanted');
SELECT throws_ok(format($$SELECT segments.facts(%L, '2026-01-01', 'orders', now(), 1::numeric, 1)$$, :'recent'), '42804', NULL, 'of their types');
SELECT throws_ok(format($$SELECT segments.facts(%L, 'infinity', 'orders', now(), 1::numeric, ''::text)$$, :'recent'), '22008', NULL, 'at a finite moment');
SELECT throws_ok(format($$SELECT segments.collect(%L, '2026-01-01', 1)$$, :'recent'), '22023', NULL, 'the rows of all sources are wanted');
SELECT throws_ok(format($$SELECT segments.collect(%L, '2026-01-01', 1, 7)$$, :'recent'), '42804', NULL, 'gathered by facts()');
SELECT is((SELECT segments.collect(:'recent', '2026-01-01', key, NULL::segments.member_rows ORDER BY key NULLS FIRST) FROM (VALUES (NULL::int), (1), (NULL)) AS v (key))::text,
	(SELECT segments.collect(:'recent', '2026-01-01', 1, NULL::segments.member_rows))::text, 'rows without a key are nobody''s');
CREATE TABLE pieces AS
SELECT customer_id AS key, segments.facts(:'recent', '2026-01-01', 'orders', placed, note, total) AS rows FROM orders GROUP BY 1;
SELECT throws_ok(format($$SELECT segments.collect(%L, '2026-01-02', key, rows) FROM pieces WHERE key > 0$$, :'recent'), '22023', 'rows were gathered for another question', 'for the same moment');
SELECT throws_ok(format($$SELECT segments.collect(%L, '2026-01-01', key, NULL::text, NULL::text, rows) FROM pieces WHERE key > 0$$,
	segments.ruleset_of('customers', '{recent,small}')), '22023', 'rows were gathered for another question', 'and ruleset');
SELECT is((SELECT segments.collect(r::segments.ruleset, '2026-01-01', key, rows) FROM pieces, (VALUES (:'recent')) AS v (r) WHERE key BETWEEN 1 AND 300)::text,
	(SELECT segments.collect(:'recent', '2026-01-01', key, rows ORDER BY -key) FROM pieces WHERE key BETWEEN 1 AND 300)::text, 'a ruleset need be no constant; the order does not matter');
CREATE FUNCTION one_after_the_other() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	ruleset segments.ruleset;
	found text[] = '{}';
BEGIN
	FOR i IN 1..3 LOOP
		ruleset = format('{"population": "p", "time_zone": "UTC", "segments": [{"name": "s%s", "rule": "true"}]}', i);
		found = found || segments.evaluate(ruleset, now());
	END LOOP;
	RETURN found;
END $$;
SELECT is(one_after_the_other(), '{s1,s2,s3}', 'it may be another one in the next call');

-- Empty groups, and nobody.
SELECT is((SELECT count(*) FROM pieces WHERE rows IS NULL AND key IS NULL), 1::bigint, 'rows that a source''s filter leaves out are not kept');
SELECT is((SELECT segments.collect(:'recent', '2026-01-01', key, rows) FROM pieces WHERE false)::text, NULL, 'of nobody nothing is known');

-- No columns at all.
SELECT segments.create_population('bare', 'customers', maintenance => 'scheduled');
SELECT segments.add_source('bare', 'notes', 'orders', 'customer_id');
SELECT segments.create_segment('any', 'true', population => 'bare');
SELECT results_eq(segments.grouped_sql('bare'), $$SELECT 'any'::text, segments.as_set('any', 'bare')$$, 'where no columns are read');
SELECT segments.create_segment('some', 'count(notes) > 5', population => 'bare');
SELECT results_eq(segments.grouped_sql('bare'), $$SELECT s, segments.as_set(s, 'bare') FROM unnest('{any,some}'::text[]) AS s$$, 'nor of a source');

-- More members than are asked about at once, and by parallel workers.
CREATE TABLE many AS SELECT i AS id, i % 90 AS age, (ARRAY['DE', 'FR', NULL])[1 + i % 3] AS country FROM generate_series(1, 30000) AS i;
CREATE TABLE many_orders AS SELECT i, (i::bigint * 7919) % 33000 AS customer_id, i % 50 AS total FROM generate_series(1, 60000) AS i;
ALTER TABLE many ADD PRIMARY KEY (id);
ANALYZE many, many_orders;
SELECT segments.create_population('many', 'many', maintenance => 'scheduled');
SELECT segments.add_source('many', 'orders', 'many_orders', 'customer_id');
SELECT segments.create_segment(format('%s or more', i), format('count(orders where total > %s) > 1 or (age > %s and country = ''FR'')', i, 2 * i)::segments.segment_rule, population => 'many', build => false)
FROM generate_series(0, 69) AS i;
SELECT segments.refresh('many');
SELECT segments.grouped_sql('many', form => 'memberships') AS query \gset
CREATE FUNCTION wrong(m segments.memberships) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM segments.unnest(m) AS u WHERE NOT u.members OPERATOR(segments.=) segments.as_set(u.segment, 'many')
$$;
SELECT is(wrong(q.memberships), 0::bigint, 'many members') FROM (:query) AS q;
SELECT is(wrong(segments.combine(q.memberships)), 0::bigint, 'in many groups') FROM (:query GROUP BY m.id % 100) AS q;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query;
END $$;
SELECT ok((SELECT bool_or(line ~ 'Partial HashAggregate') FROM plan_of(:'query') AS line), 'workers gather rows');
SELECT is(wrong(q.memberships), 0::bigint, 'with the same result') FROM (:query) AS q;
SELECT segments.create_segment('old', 'age > 60 and country = ''DE''', population => 'many');
SELECT segments.grouped_sql('many', '{old}', form => 'memberships') AS query \gset
SELECT ok((SELECT bool_or(line ~ 'Partial Aggregate') FROM plan_of(:'query') AS line), 'workers collect members');
SELECT is(wrong(q.memberships), 0::bigint, 'with the same result') FROM (:query) AS q;
RESET max_parallel_workers_per_gather;

-- States as they are before they are finished, as a server may send them to another one.
CREATE AGGREGATE unfinished_facts(segments.ruleset, timestamptz, text, VARIADIC "any") (SFUNC = segments.facts_add, STYPE = segments.member_rows);
CREATE AGGREGATE unfinished(segments.ruleset, timestamptz, bigint, VARIADIC "any") (SFUNC = segments.collect_add, STYPE = segments.memberships);
SELECT is((SELECT count(*) FROM (SELECT customer_id AS key, unfinished_facts(:'recent', '2026-01-01', 'orders', placed, note, total) AS rows FROM orders GROUP BY 1) AS u
	JOIN pieces AS p USING (key) WHERE u.rows::text <> p.rows::text), 0::bigint, 'rows are in order, finished or not');
SELECT segments.grouped_sql('many', form => 'memberships') AS query \gset
SELECT replace(:'query', 'segments.collect', 'unfinished') || ' GROUP BY m.id % 3' AS query \gset
SELECT is(wrong(segments.combine(q.memberships)), 0::bigint, 'members who have not been asked about') FROM (:query) AS q;
SELECT is(wrong(segments.combine(q.memberships::text::segments.memberships)), 0::bigint, 'are before they are sent') FROM (:query) AS q;

-- Many columns, in records.
DO $$
BEGIN
	EXECUTE (SELECT format('CREATE TABLE wide (id integer PRIMARY KEY, %s)', string_agg('c' || i || ' integer', ', ')) FROM generate_series(1, 1200) AS i);
	EXECUTE (SELECT format('INSERT INTO wide SELECT g, %s FROM generate_series(1, 20) AS g', string_agg('g * ' || i || ' % 1000', ', ')) FROM generate_series(1, 1200) AS i);
	EXECUTE 'CREATE TABLE wide_rows AS SELECT * FROM wide';
END $$;
SELECT segments.create_population('wide', 'wide', maintenance => 'scheduled');
SELECT segments.add_source('wide', 'rows', 'wide_rows', 'id');
SELECT segments.create_segment('sum', (SELECT string_agg('c' || i || ' = -1', ' or ') || ' or c1100 = 300' FROM generate_series(1, 1100) AS i)::segments.segment_rule, population => 'wide');
SELECT segments.create_segment('rows', (SELECT string_agg('max(rows.c' || i || ') = -1', ' or ') || ' or max(rows.c1100) = 400' FROM generate_series(1, 1100) AS i)::segments.segment_rule, population => 'wide');
SELECT results_eq(segments.grouped_sql('wide'), $$SELECT s, segments.as_set(s, 'wide') FROM unnest('{rows,sum}'::text[]) AS s$$, 'more columns than a function has arguments');

-- One member with very many rows: each costs the same.
CREATE FUNCTION gathering(n integer) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	ruleset segments.ruleset = segments.ruleset_of('customers', '{recent}');
	started timestamptz = clock_timestamp();
BEGIN
	PERFORM segments.facts(ruleset, '2026-01-01', 'orders', timestamptz '2025-12-31', text 'note', i::numeric) FROM generate_series(6, 5 + n) AS i;
	RETURN extract(epoch FROM clock_timestamp() - started);
END $$;
SELECT gathering(1000) AS first_call \gset
SELECT cmp_ok(gathering(400000), '<', 150 * gathering(20000), 'a member with twenty times as many rows takes about twenty times as long');

-- What somebody has tampered with is refused, or a value; never more than that.
SELECT is((SELECT count(*) FROM pieces WHERE rows::text::segments.member_rows::text <> rows::text), 0::bigint, 'rows can be read back');
CREATE TABLE whole AS
SELECT 'member_rows' AS type, segments.member_rows_send(rows) AS bytes FROM pieces WHERE key IN (1, 7)
UNION ALL SELECT 'memberships', segments.memberships_send(segments.collect(:'recent', '2026-01-01', key, rows)) FROM pieces WHERE key BETWEEN 1 AND 300;
-- rows of every type that travels
CREATE TABLE odd AS SELECT 1 AS who, now() AS at, true AS b, 1::smallint AS i2, 2 AS i4, 3::bigint AS i8, 4::oid AS o, 1.5 AS n, 1.5::real AS f4,
	1.5::float8 AS f8, 't'::text AS t, date '2026-01-01' AS d, timestamp '2026-01-01' AS ts, interval '1 day' AS iv, jsonb '{"a": [1, "ü"]}' AS j,
	'00000000-0000-4000-8000-000000000000'::uuid AS u, inet '10.0.0.1' AS ip, cidr '10.0.0.0/8' AS net, macaddr '08:00:2b:01:02:03' AS mac,
	'\x00ff'::bytea AS bytes, time '10:00' AS tm, ARRAY['x', NULL, 'y'] AS l, ARRAY[1.5, NULL] AS ln, ARRAY[timestamptz '2026-01-01'] AS lt;
SELECT segments.create_population('odd', 'customers', maintenance => 'scheduled');
SELECT segments.add_source('odd', 'odd', 'odd', 'who', 'at');
SELECT segments.create_segment('all', (SELECT string_agg(format('exists(odd where %I is not null)', attname), ' or ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = 'odd'::regclass AND attnum > 0)::segments.segment_rule, population => 'odd');
SELECT substring(segments.grouped_sql('odd') FROM '(segments\.facts\(.*?\) AS rows)\n') AS facts \gset
INSERT INTO whole SELECT 'member_rows', segments.member_rows_send(rows) FROM (SELECT :facts FROM odd AS s1) AS f;
CREATE FUNCTION tampered(bytes bytea, n integer) RETURNS SETOF bytea LANGUAGE sql AS $$
	SELECT set_byte(bytes, i, (get_byte(bytes, i) + d) % 256) FROM generate_series(0, least(length(bytes), n) - 1) AS i, unnest(ARRAY[1, 7, 128, 255]) AS d
	UNION ALL SELECT substr(bytes, 1, i) FROM generate_series(0, least(length(bytes), n)) AS i
	UNION ALL SELECT bytes || substr(bytes, i) FROM generate_series(1, least(length(bytes), n), 3) AS i
$$;
CREATE FUNCTION tried(type text, bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	read text;
BEGIN
	IF type = 'member_rows' THEN
		read = encode(bytes, 'base64')::segments.member_rows;
		PERFORM segments.evaluate(segments.ruleset_of('customers', '{recent}'), '2026-01-01', read::segments.member_rows);
	ELSE
		read = encode(bytes, 'base64')::segments.memberships;
		PERFORM count(segments.cardinality(u.members)) FROM segments.unnest(read::segments.memberships) AS u;
	END IF;
	RETURN 'taken';
EXCEPTION WHEN data_exception OR invalid_parameter_value OR protocol_violation OR program_limit_exceeded OR untranslatable_character THEN
	RETURN sqlstate;
END $$;
SELECT cmp_ok((SELECT count(*) FROM whole, tampered(bytes, 400) AS t (b), tried(type, b) AS r WHERE r <> 'taken'), '>', 1000::bigint, 'values with another byte, or with fewer or more, are refused or read');
CREATE FUNCTION tried_ruleset(ruleset text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM ruleset::segments.ruleset;
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN sqlstate IN ('XX000', 'XX001') THEN sqlerrm ELSE 'refused' END;
END $$;
SELECT set_eq($$SELECT tried_ruleset(overlay(r PLACING c FROM i FOR length(c))) FROM (SELECT segments.ruleset_of('customers')::text AS r) AS q,
	generate_series(1, 2500) AS i, unnest(ARRAY['x', '"', '}', '7', '']) AS c$$, '{taken,refused}'::text[], 'rulesets with another character, too');
SELECT throws_ok($$SELECT '{"population": "p", "time_zone": "UTC", "sources": [{"name": "a", "parent": 0, "key": "k", "parent_key": "k"}]}'::segments.ruleset$$, '22P02', 'invalid ruleset', 'no source is its own parent');
SELECT throws_ok($$SELECT '{"population": "p", "time_zone": "UTC", "segments": [{"name": "a", "rule": "in segment ''a''"}]}'::segments.ruleset$$, '42P19', NULL, 'no segment refers to itself');
SELECT throws_ok($$SELECT '{"population": "p", "time_zone": "UTC", "columns": {"a": "money"}}'::segments.ruleset$$, '42704', 'values of type "money" do not travel in a ruleset', 'types are known');

SELECT * FROM finish();
ROLLBACK;
