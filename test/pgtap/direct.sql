-- A simple rule is evaluated as it is, any other is bound: the answers are the same.
-- A condition that always holds and is not simple (length('x') = 1) makes a rule be bound.
BEGIN;
\set ON_ERROR_STOP on
SELECT plan(8);
\ir ../random_rules.sql
SET LOCAL search_path = segments, public, pg_catalog;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
SELECT setseed(0.25);

CREATE TEMP TABLE rule AS
SELECT text::segment_rule AS direct, ('(' || text || ') and length(''x'') = 1')::segment_rule AS bound
FROM (SELECT DISTINCT pg_temp.random_rule(2, true) AS text FROM generate_series(1, 4000)) t;
CREATE TEMP TABLE document AS
SELECT n, pg_temp.random_document() AS d FROM generate_series(1, 400) n;
CREATE TEMP TABLE pair AS
SELECT direct, bound, d FROM rule, document WHERE random() < 0.04;

SELECT cmp_ok((SELECT count(*) FROM pair), '>', 40000::bigint, 'tens of thousands of pairs');
SELECT is_empty('SELECT direct, d FROM pair WHERE (direct @> d) <> (bound @> d)', 'rule and document change with every call');
SELECT cmp_ok((SELECT count(*) FILTER (WHERE direct @> d)::float / count(*) FROM pair), '>', 0.1::float, 'many rules hold');
SELECT cmp_ok((SELECT count(*) FILTER (WHERE direct @> d)::float / count(*) FROM pair), '<', 0.9::float, 'and many do not');

SET LOCAL timezone = 'Asia/Kathmandu';
SELECT is_empty('SELECT direct, d FROM (SELECT * FROM pair ORDER BY direct LIMIT 20000) p WHERE (direct @> d) <> (bound @> d)',
	'one rule meets many documents');
SET LOCAL timezone = 'America/St_Johns';
SELECT is_empty('SELECT direct, d FROM (SELECT * FROM pair ORDER BY d LIMIT 20000) p WHERE (direct @> d) <> (bound @> d)',
	'one document meets many rules');

-- The same site in another calendar.
CREATE FUNCTION pg_temp.in_zone(zone text, rule segment_rule, d jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('timezone', zone, true);
	RETURN rule @> d;
END $$;
SELECT results_eq($$
	SELECT pg_temp.in_zone(zone, 'seen during 2024-05-30', '{"seen": "2024-05-30T23:30:00Z"}')
	FROM unnest('{UTC,UTC,Asia/Tokyo,Asia/Tokyo,UTC}'::text[]) WITH ORDINALITY z(zone, n) ORDER BY n
$$, 'VALUES (true), (true), (false), (false), (true)', 'a change of the time zone is noticed');

-- Documents out of line.
CREATE TEMP TABLE big AS
SELECT n, jsonb_build_object('n', n, 'pad', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 300))) AS d
FROM generate_series(1, 3) n;
SELECT results_eq('SELECT n, count(*) FILTER (WHERE rule @> d) FROM big,
		(SELECT (''n = '' || i)::segment_rule AS rule FROM generate_series(1, 10) i) r GROUP BY n ORDER BY n',
	'VALUES (1, 1::bigint), (2, 1), (3, 1)', 'TOASTed documents');

SELECT * FROM finish();
ROLLBACK;
