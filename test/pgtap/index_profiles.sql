-- Documents in a GIN index: a look-up finds what the sequential scan finds.
\set ON_ERROR_STOP on
BEGIN;
SELECT plan(26);
\ir ../random_rules.sql
SET LOCAL search_path = segments, public, pg_catalog;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
SELECT setseed(0.125);

CREATE TEMP TABLE rule AS
SELECT row_number() OVER () AS n, text::segment_rule AS rule
FROM (SELECT pg_temp.random_rule(i % 3, i % 10 <> 0) AS text FROM generate_series(1, 900) i) t;
CREATE TEMP TABLE source AS
SELECT n, pg_temp.random_document() AS d FROM generate_series(1, 2000) n;

CREATE TABLE pg_temp.profiles (n int, active bool, d jsonb);
CREATE INDEX profiles_d ON pg_temp.profiles USING gin (d segment_profile_ops) WITH (fastupdate = off);
INSERT INTO profiles SELECT n, n % 2 = 0, d FROM source;

\set asked 'rule r'
\set searched d
\set condition 'd.d <@ r.rule'
\ir ../include/index_lookups.sql

SELECT cmp_ok((SELECT avg((r.rule @> d.d)::int) FROM rule r, source d WHERE d.n < 50), '>', 0.1, 'many pairs match');
SET LOCAL enable_seqscan = off;
SELECT is(pg_temp.plan_of('SELECT r.n FROM rule r CROSS JOIN LATERAL (SELECT n FROM profiles d WHERE d.d <@ r.rule OFFSET 0) d'),
	'/Seq Scan on rule r/Bitmap Heap Scan on profiles d/Bitmap Index Scan on profiles_d', 'look-ups are what is tested');
SET LOCAL enable_seqscan = on;
SET LOCAL timezone = 'Pacific/Kiritimati';
SELECT is(pg_temp.pairs('profiles', true), pg_temp.pairs('profiles', false), 'far in the east');
SET LOCAL timezone = 'Etc/GMT+12';
SELECT is(pg_temp.pairs('profiles', true), pg_temp.pairs('profiles', false), 'far in the west');
SET LOCAL timezone = 'UTC';
SELECT pg_temp.pairs('profiles', false) AS expected \gset
SELECT is(pg_temp.pairs('profiles', true, 'r.rule @> d.d'), :expected, 'rule @> document');
SELECT is(pg_temp.pairs('profiles', true, 'matches(r.rule, d.d)'), :expected, 'matches(rule, document)');
SELECT is(pg_temp.pairs('profiles', true, 'd.active AND (d.d <@ r.rule OR d.d <@ ''age > 50''::segment_rule)'),
	pg_temp.pairs('profiles', false, 'd.active AND (d.d <@ r.rule OR d.d <@ ''age > 50''::segment_rule)'), 'bitmaps of two look-ups');

-- With another index, both ways.
CREATE INDEX profiles_n ON pg_temp.profiles (n);
SELECT is(pg_temp.pairs('profiles', true, 'd.d <@ r.rule OR d.n < 50'), pg_temp.pairs('profiles', false, 'd.d <@ r.rule OR d.n < 50'), 'either of two indexes');
SELECT is(pg_temp.pairs('profiles', true, 'd.d <@ r.rule AND d.n BETWEEN 300 AND 900'),
	pg_temp.pairs('profiles', false, 'd.d <@ r.rule AND d.n BETWEEN 300 AND 900'), 'and both');
DROP INDEX profiles_n;

-- After changes, and with a list of what is still to be put into the index.
UPDATE profiles SET d = (SELECT s.d FROM source s WHERE s.n = profiles.n % 997 + 1) WHERE n % 5 = 0;
DELETE FROM profiles WHERE n % 7 = 0;
ALTER INDEX profiles_d SET (fastupdate = on);
UPDATE profiles SET d = (SELECT s.d FROM source s WHERE s.n = profiles.n % 1499 + 1) WHERE n % 11 = 0;
SELECT pg_temp.pairs('profiles', false) AS expected \gset
SELECT is(pg_temp.pairs('profiles', true), :expected, 'with pending insertions');
SELECT cmp_ok(gin_clean_pending_list('profiles_d'), '>', 0::bigint, 'there were some');
SELECT is(pg_temp.pairs('profiles', true), :expected, 'and without');

-- Other kinds of tables.
CREATE TABLE parts (n int, d jsonb) PARTITION BY RANGE (n);
CREATE UNLOGGED TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (300);
CREATE UNLOGGED TABLE part_2 PARTITION OF parts FOR VALUES FROM (300) TO (100000);
INSERT INTO parts SELECT n, d FROM source WHERE n <= 600;
CREATE INDEX ON parts USING gin (d segment_profile_ops);
SELECT is(pg_temp.pairs('parts', true), pg_temp.pairs('parts', false), 'partitions, unlogged');

-- Rules with thousands of alternatives, and long texts and keys.
TRUNCATE rule;
INSERT INTO rule
SELECT 1, string_agg(format('(country = ''DE'' and age > %s)', i), ' or ')::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 2, string_agg(format('a%s = %s', i, i), ' or ')::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 3, format('age in (%s)', string_agg(i::text, ', '))::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 4, format('tags has any (%s)', string_agg(format('''t%s''', i), ', '))::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 5, format('not (%s)', string_agg(format('(age < %s or a%s is null)', i, i), ' and '))::segment_rule FROM generate_series(1, 1000) i UNION ALL
SELECT 6, string_agg(format('(b%s = 1 or c%s = 1)', i, i), ' and ')::segment_rule FROM generate_series(1, 2000) i UNION ALL
SELECT 7, format('city = %L', repeat('long', 100000))::segment_rule UNION ALL
SELECT 8, format('city starts with %L', repeat('long', 1000))::segment_rule UNION ALL
SELECT 9, 'age between 1 and 2 and age > 5' UNION ALL SELECT 10, 'false' UNION ALL SELECT 11, 'true' UNION ALL SELECT 12, 'not age > 5';
INSERT INTO profiles (n, d) VALUES (10001, '{"country": "DE", "age": 17}'), (10002, '{"a2999": 2999, "age": 2999}'), (10003, '{"tags": ["t2500"]}'),
	(10004, jsonb_build_object('city', repeat('long', 100000))), (10005, '{}'), (10006, '7'),
	(10007, (SELECT jsonb_object_agg('c' || i, 1) FROM generate_series(1, 2000) i)), (10008, jsonb_build_object(repeat('key', 10000), 1));
SELECT is(pg_temp.pairs('profiles', true), pg_temp.pairs('profiles', false), 'rules with thousands of parts');
SELECT is((SELECT count(*) FROM rule r, profiles d WHERE d.n > 10000 AND r.n < 9 AND r.rule @> d.d), 8::bigint, 'which hold where they should');

-- How many rows are expected, without statistics and with.
CREATE FUNCTION pg_temp.expected(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::int;
END $$;
CREATE TABLE pg_temp.plain AS SELECT jsonb_build_object('age', i % 100) AS d FROM generate_series(1, 10000) i;
SELECT cmp_ok(pg_temp.expected('SELECT * FROM plain WHERE d <@ ''not age = 7''::segment_rule'), '>',
	5 * pg_temp.expected('SELECT * FROM plain WHERE d <@ ''age = 7''::segment_rule'), 'a rule''s shape tells roughly');
ANALYZE plain;
SELECT cmp_ok(abs(pg_temp.expected('SELECT * FROM plain WHERE matches(''age < 50''::segment_rule, d)') - 5000), '<', 1000, 'sampled documents tell better');
SELECT is(pg_temp.expected('SELECT * FROM plain WHERE matches(''age < 50''::segment_rule, d)'),
	pg_temp.expected('SELECT * FROM plain WHERE ''age < 50''::segment_rule @> d'), 'in whatever way it is said, and again');
UPDATE plain SET d = '{"age": 70}';
ANALYZE plain;
SELECT cmp_ok(pg_temp.expected('SELECT * FROM plain WHERE matches(''age < 50''::segment_rule, d)'), '<', 100, 'and what was sampled anew is noticed');

-- The plan, with statistics.
TRUNCATE profiles;
INSERT INTO profiles SELECT i, i % 2 = 0, format('{"country": "c%s", "age": %s, "seen": "%s"}', i % 100, i % 60, now() - i * interval '1 hour')::jsonb
FROM generate_series(1, 20000) i;
ANALYZE profiles;
SELECT is(pg_temp.plan_of($$SELECT n FROM profiles WHERE d <@ 'country = ''c7'' and age > 5'::segment_rule$$),
	'/Bitmap Heap Scan on profiles/Bitmap Index Scan on profiles_d', 'the index is used where it wins');
SELECT is(pg_temp.plan_of($$SELECT n FROM profiles WHERE 'seen within last 2 days'::segment_rule @> d$$),
	'/Bitmap Heap Scan on profiles/Bitmap Index Scan on profiles_d', 'for @> too');
SELECT is(pg_temp.plan_of($$SELECT n FROM profiles WHERE matches('country = ''c7'''::segment_rule, d)$$),
	'/Bitmap Heap Scan on profiles/Bitmap Index Scan on profiles_d', 'and for matches()');
SELECT is(pg_temp.plan_of($$SELECT n FROM profiles WHERE d <@ 'not country = ''c7'''::segment_rule$$),
	'/Seq Scan on profiles', 'a scan where that wins');
SELECT is((SELECT count(*) FROM profiles WHERE d <@ 'seen within last 30 days'::segment_rule), 720::bigint, 'a window that ends now');
PREPARE of_rule(segment_rule) AS SELECT n FROM profiles WHERE d <@ $1;
SET LOCAL plan_cache_mode = force_generic_plan;
-- nothing is known of the rule, so it is the planner's luck which it prefers
SET LOCAL enable_seqscan = off;
SELECT is(pg_temp.plan_of($$EXECUTE of_rule('country = ''c7''')$$),
	'/Bitmap Heap Scan on profiles/Bitmap Index Scan on profiles_d', 'with a parameter');
SET LOCAL enable_seqscan = on;
SELECT is(pg_temp.plan_of($$SELECT d.n FROM rule r, profiles d WHERE d.d <@ r.rule AND r.n = 9$$),
	'/Seq Scan on rule r/Bitmap Heap Scan on profiles d/Bitmap Index Scan on profiles_d', 'in a join');

SELECT * FROM finish();
ROLLBACK;
