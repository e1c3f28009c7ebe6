-- A simple rule is evaluated as it is, any other is bound: the answers are the same.
-- A condition that always holds and is not simple (length('x') = 1) makes a rule be bound.
BEGIN;
\set ON_ERROR_STOP on
SELECT plan(12);
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

-- A rule that is a constant is compiled. Keys are found among few others and among many, in places that differ.
CREATE TEMP TABLE wide AS
SELECT n, d || coalesce((SELECT jsonb_object_agg(left(md5(i::text), 1 + i % 8), i) FROM generate_series(1, n * n / 500) i), '{}') AS d
FROM document WHERE jsonb_typeof(d) = 'object';
SELECT cmp_ok((SELECT count(*) FROM wide WHERE (SELECT count(*) FROM jsonb_object_keys(d)) > 128), '>', 50::bigint, 'there are documents of many keys');
CREATE FUNCTION pg_temp.differences(how_many int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	pair record;
	n bigint;
	result bigint := 0;
BEGIN
	FOR pair IN SELECT direct, bound FROM rule ORDER BY hashtext(direct::text) LIMIT how_many LOOP
		EXECUTE format('SELECT count(*) FROM (SELECT d FROM wide UNION ALL SELECT d FROM document OFFSET 0) d WHERE (%1$L::segment_rule @> d) <> (d <@ %2$L::segment_rule)',
			pair.direct, pair.bound) INTO n;
		result := result + n;
	END LOOP;
	RETURN result;
END $$;
SELECT is(pg_temp.differences(400), 0::bigint, 'one constant rule meets many documents');

-- Numbers that differ by less than a double tells, on either side of each end.
CREATE TEMP TABLE near AS
SELECT to_jsonb(x) AS x, x AS n FROM unnest('{0.3, 0.30000000000000000001, 0.29999999999999999999, 9007199254740993, 9007199254740992, -0.3,
	-0.30000000000000000001, 0, 1e-400, -1e-400, 1e400, 1.0e400, -1e400, 10000, 9999.9999, 100000000}'::numeric[]) x;
CREATE FUNCTION pg_temp.far() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	y numeric;
	op text;
	n bigint;
	result bigint := 0;
BEGIN
	FOR y, op IN SELECT near.n, o FROM near, unnest('{=,!=,<,<=,>,>=}'::text[]) o LOOP
		EXECUTE format('SELECT count(*) FROM near WHERE (jsonb_build_object(''x'', x) <@ %L::segment_rule) IS DISTINCT FROM (n %s %s)',
			format('x %s %s', op, y), op, y) INTO n;
		result := result + n;
		EXECUTE format('SELECT count(*) FROM near WHERE (jsonb_build_object(''x'', x) <@ %L::segment_rule) IS DISTINCT FROM (n BETWEEN %s AND 20000)',
			format('x between %s and 20000', y), y) INTO n;
		result := result + n;
	END LOOP;
	RETURN result;
END $$;
SELECT is(pg_temp.far(), 0::bigint, 'numbers that are the same double are told apart');

-- A call site in a function meets one rule twice and then another.
CREATE FUNCTION pg_temp.at_one_site(rule segment_rule, d jsonb) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN rule @> d; END $$;
SELECT is((SELECT string_agg(left(pg_temp.at_one_site(r::segment_rule, d::jsonb)::text, 1), '' ORDER BY n)
	FROM ROWS FROM (unnest('{a = 1,a = 1,a = 1,a = 2,a = 2,a = 1,a = 3,a = 1,length(''x'') = 1 and a = 2,length(''x'') = 1 and a = 2,a = 2}'::text[]),
		unnest(ARRAY['{"a":1}','{"a":2}','{"a":1}','{"a":2}','{"a":1}','{"a":1}','{"a":1}','{"a":1}','{"a":2}','{"a":1}','{"a":2}'])) WITH ORDINALITY AS s(r, d, n)),
	'tfttftfttft'::text, 'what is kept of a rule is not taken for another one''s');

-- Documents out of line.
CREATE TEMP TABLE big AS
SELECT n, jsonb_build_object('n', n, 'pad', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 300))) AS d
FROM generate_series(1, 3) n;
SELECT results_eq('SELECT n, count(*) FILTER (WHERE rule @> d) FROM big,
		(SELECT (''n = '' || i)::segment_rule AS rule FROM generate_series(1, 10) i) r GROUP BY n ORDER BY n',
	'VALUES (1, 1::bigint), (2, 1), (3, 1)', 'TOASTed documents');

SELECT * FROM finish();
ROLLBACK;
