-- Rows of a population without a key: they are nobody's, wherever one looks, and fail nothing.
\set QUIET on
SET client_min_messages = error;
BEGIN;
SELECT plan(28);
CREATE SCHEMA seg_keyless;
SET search_path = seg_keyless, public;

CREATE TABLE guest (n int UNIQUE, name text UNIQUE, age int);
INSERT INTO guest VALUES (1, 'a', 10), (NULL, NULL, 20), (NULL, NULL, 30), (4, 'd', NULL), (5, 'e', 50);
CREATE TABLE visit (n int, name text, nights int);
INSERT INTO visit VALUES (1, 'a', 2), (NULL, NULL, 9), (5, 'e', 7);
CREATE VIEW sparse AS SELECT CASE n WHEN 5 THEN 5000000000 ELSE n END AS n, age FROM guest;
SELECT segments.create_population('numbers', 'guest', key => 'n');
SELECT segments.create_population('names', 'guest', key => 'name');
SELECT segments.create_population('sparse', 'sparse', key => 'n');
SELECT segments.add_source('numbers', 'visits', 'visit', key => 'n');
SELECT segments.add_source('names', 'visits', 'visit', key => 'name');

-- Members, and the same three times in other ways: at once, by PostgreSQL, and as stored.
CREATE FUNCTION are(population text, keys text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	rule segments.segment_rule = CASE population WHEN 'sparse' THEN 'age > 5 or age is null' ELSE 'age > 5 or age is null or count(visits) = 0' END;
	found text;
BEGIN
	RETURN NEXT is((SELECT string_agg(k, ' ' ORDER BY k) FROM segments.member_keys('all', population) k), keys, population || ': ' || keys);
	EXECUTE format('SELECT string_agg(k::text, '' '' ORDER BY k::text) FROM (%s) AS q (k)', segments.sql(rule, population)) INTO found;
	RETURN NEXT is(found, keys, 'PostgreSQL finds the same');
	RETURN NEXT is(concat_ws(' ', (SELECT count(*) FROM segments.matching(rule, population)), segments.count_members('everyone', population)),
		concat_ws(' ', cardinality(string_to_array(keys, ' ')), cardinality(string_to_array(keys, ' '))), 'so many are there');
	RETURN NEXT is_empty(format('SELECT * FROM segments.check(%L)', population), 'and so it is stored');
END $$;
SELECT segments.create_segment('all', 'age > 5 or age is null or count(visits) = 0', 'numbers');
SELECT segments.create_segment('all', 'age > 5 or age is null or count(visits) = 0', 'names');
SELECT segments.create_segment('all', 'age > 5 or age is null', 'sparse');
SELECT are('numbers', '1 4 5');
SELECT are('names', 'a d e');
SELECT are('sparse', '1 4 5000000000');

SELECT lives_ok($$INSERT INTO guest VALUES (NULL, NULL, 60), (7, 'g', 70)$$, 'more of them');
SELECT lives_ok($$UPDATE guest SET n = NULL, name = NULL WHERE n = 1$$, 'one loses his');
SELECT are('numbers', '4 5 7');
SELECT are('names', 'd e g');
SELECT lives_ok($$INSERT INTO guest SELECT NULL, NULL, i FROM generate_series(1, 1000) AS i$$, 'many');
SELECT is(segments.alter_segment('all', rule => 'true', population => 'names'), 3::bigint, 'a build');
SELECT lives_ok($$UPDATE guest SET n = age, name = age WHERE n IS NULL AND age > 900$$, 'some get one');
SELECT is(segments.count_members('all', 'numbers'), 103::bigint, 'and are members');
SELECT is(segments.count_members('all', 'names'), 103::bigint, 'in either population');
SELECT is_empty($$SELECT * FROM segments.check('numbers') UNION ALL SELECT * FROM segments.check('names')$$, 'exactly');

SELECT * FROM finish();
ROLLBACK;
