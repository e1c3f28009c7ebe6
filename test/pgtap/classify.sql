-- matching_segments: which segments does a document belong to?
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_ROLLBACK off
\set ON_ERROR_STOP on
BEGIN;
SET search_path = public, segments;
SET client_min_messages = warning;
SELECT plan(31);

CREATE TABLE customer (id int PRIMARY KEY, country text, age int, tags text[], plan text, spent numeric, seen timestamptz);
INSERT INTO customer VALUES (1, 'DE', 30, '{a}', 'pro', 10, now());
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, at timestamptz, total numeric);
SELECT create_population('customers', 'customer', time_zone => 'Europe/Berlin');
SELECT add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'at');
CREATE FUNCTION found(document jsonb) RETURNS text LANGUAGE sql AS
	$$ SELECT coalesce(string_agg(s, ', ' ORDER BY s), '') FROM segments.matching_segments(document, 'customers') s $$;

SELECT is(found('{"country": "DE"}'), '', 'no segments, none found');
SELECT create_segment('germans', 'country = ''DE''');
SELECT create_segment('rich', 'spent > 1000 or sum(orders.total) > 500', build => false);
SELECT create_segment('rich germans', 'in segment ''rich'' and in segment ''germans''');
SELECT create_segment('others', 'not in segment ''germans''');
SELECT create_segment('anybody', 'in segment ''everyone''');
SELECT is(found('{"country": "DE"}'), 'anybody, germans', 'by a key');
SELECT is(found('{"country": "AT", "spent": 1500}'), 'anybody, others, rich', 'a number, and a complement');
SELECT is(found('{"country": "DE", "orders": [{"total": 300}, {"total": 201}]}'), 'anybody, germans, rich, rich germans',
	'rows of the document, segments of segments');
SELECT is(found('{}'), 'anybody, others', 'an empty document');
SELECT is(found('[]'), 'anybody, others', 'a document that is no object');
SELECT is((SELECT count(*) FROM matching_segments(NULL)), 0::bigint, 'no document');

-- definitions change
SELECT alter_segment('germans', rule => 'country in (''DE'', ''AT'')');
SELECT is(found('{"country": "AT", "spent": 1500}'), 'anybody, germans, rich, rich germans', 'a rule that was altered');
SELECT alter_segment('germans', active => false);
SELECT is(found('{"country": "DE", "spent": 1500}'), 'anybody, others, rich', 'an inactive segment has no visitors');
SELECT alter_segment('germans', active => true, new_name => 'german speakers');
SELECT is(found('{"country": "AT"}'), 'anybody, german speakers', 'active again, under another name');
SAVEPOINT before_change;
SELECT create_segment('late', 'country = ''AT''');
SELECT is(found('{"country": "AT"}'), 'anybody, german speakers, late', 'a new one');
ROLLBACK TO before_change;
SELECT is(found('{"country": "AT"}'), 'anybody, german speakers', 'which was taken back');
SELECT drop_segment('others');
SELECT is(found('{}'), 'anybody', 'one that was dropped');

-- the clock and the calendar are the population's
SELECT create_segment('seen today', 'seen = today');
SELECT create_segment('seen lately', 'seen within last 7 days');
SET timezone = 'Pacific/Kiritimati';
SELECT is(found(jsonb_build_object('seen', to_char(date_trunc('day', now() AT TIME ZONE 'Europe/Berlin'), 'YYYY-MM-DD"T"HH24:MI:SS'))),
	'anybody, seen lately, seen today', 'midnight in the population''s time zone');
RESET timezone;
SELECT is(found(jsonb_build_object('seen', now() - interval '8 days')), 'anybody', 'long ago');

-- another population has its own
CREATE TABLE device (id int PRIMARY KEY, country text);
SELECT create_population('devices', 'device');
SELECT create_segment('here', 'country = ''DE''', population => 'devices');
SELECT is((SELECT array_agg(s) FROM matching_segments('{"country": "DE"}', 'devices') s), ARRAY['here'], 'a population of its own');
SELECT throws_ok($$ SELECT matching_segments('{}') $$, '22023', NULL, 'which population is meant');
SELECT throws_ok($$ SELECT matching_segments('{}', 'nobody') $$, '42704', NULL, 'an unknown population');
SELECT drop_population('devices', cascade => true);
SELECT throws_ok($$ SELECT matching_segments('{}', 'devices') $$, '42704', NULL, 'a dropped population');

-- who may ask
CREATE ROLE segments_test_visitor;
SELECT set_config('role', 'segments_test_visitor', true);
SELECT throws_ok($$ SELECT segments.matching_segments('{}', 'customers') $$, '42501', NULL, 'those who may not read the key may not ask');
RESET ROLE;
GRANT SELECT (id) ON customer TO segments_test_visitor;
SELECT set_config('role', 'segments_test_visitor', true);
SELECT lives_ok($$ SELECT segments.matching_segments('{}', 'customers') $$, 'those who may read it may ask');
RESET ROLE;

-- the same as asking every rule, for random rules and documents
SELECT drop_segment('rich germans'), drop_segment('german speakers');
CREATE FUNCTION pick(seed int, choices anyarray) RETURNS anyelement IMMUTABLE LANGUAGE sql AS
	$$ SELECT choices[1 + abs(hashint4(seed)) % array_length(choices, 1)] $$;
CREATE FUNCTION random_leaf(seed int) RETURNS text LANGUAGE sql AS $$
	SELECT pick(seed, ARRAY[
		format('country = %L', pick(seed + 1, ARRAY['DE', 'AT', 'FR'])),
		format('country in (%L, %L)', pick(seed + 1, ARRAY['DE', 'AT', 'FR']), pick(seed + 2, ARRAY['IT', 'ES'])),
		format('country != %L', pick(seed + 1, ARRAY['DE', 'AT', 'FR'])),
		format('age %s %s', pick(seed + 1, ARRAY['<', '<=', '>', '>=', '=', '!=']), 20 + abs(hashint4(seed + 2)) % 40),
		format('age between %s and %s', 20 + abs(hashint4(seed + 2)) % 30, 30 + abs(hashint4(seed + 3)) % 30),
		format('tags has %L', pick(seed + 1, ARRAY['a', 'b', 'c'])),
		format('tags has all (%L, %L)', pick(seed + 1, ARRAY['a', 'b']), pick(seed + 2, ARRAY['b', 'c'])),
		format('plan starts with %L', pick(seed + 1, ARRAY['p', 'f', 'b'])),
		'plan is null', 'tags is empty', 'age is not null',
		format('seen > 2024-0%s-01', 1 + abs(hashint4(seed + 1)) % 9),
		format('sum(orders.total) > %s', abs(hashint4(seed + 1)) % 200),
		format('spent * 2 > %s', abs(hashint4(seed + 1)) % 200)]) $$;
CREATE FUNCTION random_rule(seed int, depth int) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN depth = 0 OR abs(hashint4(seed)) % 4 = 0 THEN random_leaf(seed * 7)
		WHEN abs(hashint4(seed)) % 4 = 1 THEN format('not (%s)', random_rule(seed * 5 + 1, depth - 1))
		ELSE format('(%s %s %s)', random_rule(seed * 3 + 1, depth - 1), pick(seed + 9, ARRAY['and', 'and', 'or']), random_rule(seed * 11 + 2, depth - 1)) END $$;
CREATE FUNCTION random_document(seed int) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'country', pick(seed, ARRAY['DE', 'AT', 'FR', 'IT', NULL]),
		'age', CASE WHEN seed % 7 > 0 THEN 18 + abs(hashint4(seed + 1)) % 45 END,
		'tags', CASE WHEN seed % 5 > 0 THEN to_jsonb(string_to_array(pick(seed + 2, ARRAY['a', 'a,b', 'b,c', 'c', '']), ',')) END,
		'plan', pick(seed + 3, ARRAY['pro', 'free', 'basic', NULL]),
		'spent', abs(hashint4(seed + 4)) % 150,
		'seen', '2024-0' || 1 + abs(hashint4(seed + 5)) % 9 || '-0' || 1 + abs(hashint4(seed + 6)) % 9,
		'orders', jsonb_build_array(jsonb_build_object('total', abs(hashint4(seed + 7)) % 120), jsonb_build_object('total', seed % 90)))) $$;
SELECT count(create_segment('random ' || n, random_rule(n, 3)::segment_rule, build => false)) FROM generate_series(1, 400) n;
CREATE TEMP TABLE visitor AS SELECT n, random_document(n) AS document FROM generate_series(1, 300) n;
CREATE TEMP TABLE answer AS SELECT n, s FROM visitor, matching_segments(document) s WHERE s LIKE 'random%';
CREATE TEMP TABLE truth AS SELECT v.n, s.name AS s FROM visitor v JOIN segment s ON s.rule @> v.document WHERE s.name LIKE 'random%';
SELECT cmp_ok((SELECT count(*) FROM truth), '>', 20000::bigint, 'random rules hold often enough');
SELECT cmp_ok((SELECT count(*) FROM truth), '<', 100000::bigint, 'and not always');
SELECT set_eq('TABLE answer', 'TABLE truth', 'look-ups find what asking every rule finds');
SELECT is((SELECT count(*) FROM answer), (SELECT count(*) FROM truth), 'each once');

-- rules of every kind, on documents with odd values, before and after it was learned which keys documents have
SELECT count(drop_segment(name)) FROM segment WHERE kind = 'dynamic';
\ir ../random_rules.sql
SELECT setseed(0.375);
INSERT INTO segment (population, name, rule)
SELECT p.id, 'odd ' || i, rule::segment_rule
FROM population p, (SELECT i, pg_temp.random_rule(i % 3, i % 10 <> 0) AS rule FROM generate_series(1, 2000) i) r WHERE p.name = 'customers' AND rule IS NOT NULL;
INSERT INTO segment (population, name, rule)
SELECT p.id, 'odd long ' || i, text::segment_rule FROM population p, (VALUES
	(1, (SELECT string_agg(format('(country = ''DE'' and age > %s)', i), ' or ') FROM generate_series(1, 3000) i)),
	(2, (SELECT format('age in (%s)', string_agg(i::text, ', ')) FROM generate_series(1, 70000) i)),
	(3, (SELECT format('not tags has all (%s)', string_agg(quote_literal(i), ', ')) FROM generate_series(1, 3000) i)),
	(4, 'age between 5 and 1'), (5, 'false'), (6, 'not age > 1' || repeat('0', 400)), (7, 'address.geo.lat > 45 or address is null')) v(i, text)
WHERE p.name = 'customers';
-- whoever writes to the table says so; the calendar is the population's
SELECT create_segment('another', 'age = 5', build => false);
DROP TABLE visitor, answer, truth;
SET LOCAL timezone = 'Europe/Berlin';
CREATE TEMP TABLE visitor AS SELECT n, pg_temp.random_document() AS document FROM generate_series(1, 160) n;
CREATE TEMP TABLE answer AS SELECT n, s FROM visitor, matching_segments(document, 'customers') s;
CREATE TEMP TABLE truth AS SELECT v.n, s.name AS s FROM visitor v JOIN segment s ON s.rule @> v.document WHERE s.name LIKE 'odd%' OR s.name = 'another';
SELECT cmp_ok((SELECT count(*) FROM truth), '>', 30000::bigint, 'odd rules hold often enough');
SELECT set_eq('TABLE answer', 'TABLE truth', 'look-ups find what asking every rule finds');
SELECT is((SELECT count(*) FROM answer), (SELECT count(*) FROM truth), 'each once');
SELECT set_eq($$ SELECT n, s FROM visitor, matching_segments(document, 'customers') s $$, 'TABLE truth', 'and find it again');

-- the table of segments carries an index for the plain query
SET LOCAL enable_seqscan = off;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query; END $$;
SELECT cmp_ok((SELECT count(*) FROM plan_of('SELECT name FROM segment WHERE rule @> ''{"country": "DE"}''') p WHERE p ~ 'segment_rule_idx'),
	'=', 1::bigint, 'the index is used');
SELECT set_eq($$ SELECT name FROM segment WHERE rule @> '{"country": "DE", "age": 33, "tags": ["a"]}' AND kind = 'dynamic' $$,
	$$ SELECT s FROM matching_segments('{"country": "DE", "age": 33, "tags": ["a"]}') s $$, 'and finds the same');
SELECT * FROM finish();
ROLLBACK;
