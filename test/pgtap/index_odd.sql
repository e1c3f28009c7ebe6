-- Documents and rules as nobody means them: evaluated, looked up through either index, and in memory.
\set ON_ERROR_STOP on
BEGIN;
SELECT plan(10);
SET LOCAL search_path = segments, public, pg_catalog;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;

-- holds NULL: as the other ways have it.
CREATE TEMP TABLE odd (n serial, rule segment_rule, d jsonb, holds boolean);
INSERT INTO odd (rule, d, holds) VALUES
	-- numbers that are texts, texts that are numbers, and neither
	('a = 5', '{"a": "5"}', false), ('a = ''5''', '{"a": "5"}', true), ('a = ''5''', '{"a": 5}', false), ('a > 1', '{"a": "5"}', false), ('not a > 1', '{"a": "5"}', true),
	('a = 5', '{"a": 5.000}', true), ('a = 5', '{"a": 50e-1}', true), ('a', '{"a": "true"}', false), ('a', '{"a": true}', true), ('a', '{"a": 1}', false),
	('a = true', '{"a": 1}', false), ('a = false', '{"a": null}', false), ('a = ''''', '{"a": ""}', true), ('a is empty', '{"a": ""}', true), ('a = ''true''', '{"a": true}', false),
	-- lists in lists, and what is no list
	('a has 5', '{"a": [5.0]}', true), ('a has 5', '{"a": ["5"]}', false), ('a has 5', '{"a": [[5]]}', false), ('a has 5', '{"a": 5}', false), ('a = 5', '{"a": [5]}', false),
	('a has ''x''', '{"a": [null, {"x": 1}, ["x"]]}', false), ('a has true', '{"a": [null, true]}', true), ('a has all (''x'', 5)', '{"a": [5, "x"]}', true),
	('a has any (''x'', 5)', '{"a": {"x": 5}}', false), ('a is empty', '{"a": []}', true), ('a is empty', '{"a": [null]}', true), ('a is empty', '{"a": [[]]}', false),
	('a is not empty', '{"a": {}}', NULL), ('a has none (''x'')', '{"a": "x"}', true),
	-- null, nothing there, and keys that come twice
	('a is null', '{"a": null}', true), ('a is null', '{}', true), ('a is not null', '{"a": null}', false), ('a is not null', '{"a": []}', true), ('a is null', '{"A": 1}', true),
	('a = 2', '{"a": 1, "a": 2}', true), ('a = 1', '{"a": 1, "a": 2}', false), ('a != 1', '{"a": 1, "a": null}', true), ('a has 1', '{"a": [1], "a": [2]}', false),
	-- numbers beyond what floats hold
	('a > 1000', '{"a": 1e400}', true), ('a < 1', '{"a": -1e400}', true), ('a between -1 and 1', '{"a": 1e-400}', true), ('a = 0', '{"a": 1e-400}', false), ('a = 0', '{"a": -0.0}', true),
	('a > 0', '{"a": 1e-400}', true), ('a < 0', '{"a": -1e-400}', true), ('a = 9007199254740993', '{"a": 9007199254740993}', true), ('a = 9007199254740993', '{"a": 9007199254740992}', false),
	('a > 9007199254740992', '{"a": 9007199254740993}', true), ('a >= 9007199254740993', '{"a": 9007199254740992}', false),
	(('a = 1' || repeat('0', 400))::segment_rule, '{"a": 1e400}', true), (('a < 1' || repeat('0', 400))::segment_rule, '{"a": 1e400}', false),
	-- days that there are not
	('a > 2020-01-01', '{"a": "2024-02-30"}', false), ('not a > 2020-01-01', '{"a": "2024-02-30"}', true), ('a = ''2024-02-30''', '{"a": "2024-02-30"}', true),
	('a > 2020-01-01', '{"a": "2024-02-29"}', true), ('a > 2020-01-01', '{"a": "2023-02-29"}', false), ('a > 2020-01-01', '{"a": "2024-05-30T25:00Z"}', false),
	('a > 2020-01-01', '{"a": "infinity"}', false), ('a > 2020-01-01', '{"a": "tomorrow"}', false), ('a < 2020-01-01', '{"a": "0001-01-01"}', true), ('a > 2020-01-01', '{"a": 20240101}', false),
	('a during 2024', '{"a": "2024-12-31T23:59:60"}', NULL), ('a < 9999-12-31', '{"a": "9999-12-31T23:59:59-15:00"}', NULL), ('a is not null', '{"a": "2024-02-30"}', true),
	('a starts with ''2024''', '{"a": "2024-02-29"}', true), ('a like ''2024%''', '{"a": "2024-02-30"}', true), ('a > 2020-01-01', '{"a": ["2024-02-29"]}', false),
	-- documents that are no objects, objects where there should be none
	('a = 5', '5', false), ('a = 5', '[{"a": 5}]', false), ('a is null', '"a"', true), ('not a = 5', 'null', true), ('a has 5', '[5]', false),
	('a.b = 1', '{"a": {"b": 1}}', true), ('a.b = 1', '{"a": [{"b": 1}]}', false), ('a.b = 1', '{"a.b": 1}', false), ('"a.b" = 1', '{"a.b": 1}', true), ('a.b is null', '{"a": 5}', true),
	('a = 1', '{"a": {"a": 1}}', false), ('exists(a)', '{"a": [{}]}', true), ('exists(a)', '{"a": [5]}', false), ('count(a) = 0', '{"a": {"b": 1}}', true),
	-- names and texts that are longer than a key of an index, or as long
	(format('%I = 1', repeat('k', 20000))::segment_rule, jsonb_build_object(repeat('k', 20000), 1), true),
	(format('%I = 1', repeat('k', 20000) || 'x')::segment_rule, jsonb_build_object(repeat('k', 20000) || 'y', 1), false),
	(format('%I.b has ''x''', repeat('k', 9000))::segment_rule, jsonb_build_object(repeat('k', 9000), '{"b": ["x"]}'::jsonb), true);
INSERT INTO odd (rule, d, holds)
SELECT format(f, repeat('ä', len) || 'x')::segment_rule, jsonb_build_object('a', CASE WHEN f ~ 'has' THEN to_jsonb(ARRAY[text]) ELSE to_jsonb(text) END), right(text, 1) = 'x'
FROM unnest('{15, 16, 19, 20, 21, 5000}'::int[]) len, unnest(ARRAY['a = %L', 'a has %L', 'a in (''q'', %L)', 'a starts with %L']) f, LATERAL unnest(ARRAY[repeat('ä', len) || 'x', repeat('ä', len) || 'y']) text;
-- objects in objects, as deep as a name can be, and deeper
INSERT INTO odd (rule, d, holds)
SELECT format('%s = 1', array_to_string(array_fill('a'::text, ARRAY[parts]), '.'))::segment_rule, (repeat('{"a": ', deep) || '1' || repeat('}', deep))::jsonb, parts = deep
FROM unnest('{1, 2, 60}'::int[]) parts, unnest('{1, 2, 60, 1500}'::int[]) deep;

SELECT is_empty('SELECT n, rule, left(d::text, 100) FROM odd WHERE (rule @> d) <> holds', 'what is meant');
SELECT is_empty($$SELECT n, rule, left(d::text, 100) FROM odd WHERE (d <@ ('(' || rule::text || ') and length(''x'') = 1')::segment_rule) <> (rule @> d)$$,
	'the same where the rule is bound');
SELECT cmp_ok((SELECT count(*) FROM odd), '>', 120::bigint, 'of each kind some');

-- All rules and all documents.
CREATE TABLE pg_temp.rules AS SELECT n, rule FROM odd;
CREATE TABLE pg_temp.documents AS SELECT n, d FROM odd;
CREATE TEMP TABLE expected AS SELECT r.n AS rule, d.n AS document FROM rules r, documents d WHERE r.rule @> d.d;
CREATE INDEX ON pg_temp.rules USING gin (rule);
CREATE INDEX ON pg_temp.documents USING gin (d segment_profile_ops);
SET LOCAL enable_seqscan = off;
CREATE TEMP TABLE by_rules AS SELECT r.n AS rule, d.n AS document FROM documents d CROSS JOIN LATERAL (SELECT n FROM rules r WHERE r.rule @> d.d OFFSET 0) r;
CREATE TEMP TABLE by_documents AS SELECT r.n AS rule, d.n AS document FROM rules r CROSS JOIN LATERAL (SELECT n FROM documents d WHERE d.d <@ r.rule OFFSET 0) d;
SET LOCAL enable_seqscan = on;
SELECT bag_eq('TABLE by_rules', 'TABLE expected', 'through the index over rules');
SELECT bag_eq('TABLE by_documents', 'TABLE expected', 'through the index over documents');
SELECT cmp_ok((SELECT count(*) FROM expected), '>', 2000::bigint, 'many hold');

-- The same in memory: a segment for each rule that the population can have.
CREATE TABLE public.member (id int PRIMARY KEY, a jsonb);
SELECT FROM create_population('members', 'member');
INSERT INTO segment (population, name, rule) SELECT p.id, 'r' || r.n, r.rule FROM population p, rules r WHERE p.name = 'members';
SELECT bag_eq($$SELECT substr(s, 2)::int, d.n FROM documents d, matching_segments(d.d, 'members') s WHERE s <> 'everyone'$$, 'TABLE expected', 'in memory');

-- Rules that cannot hold, and ones that hold for nearly all.
SELECT is((SELECT count(*) FROM documents WHERE d <@ 'a > 5 and a < 1'::segment_rule), 0::bigint, 'what cannot be holds for nobody');
SELECT is((SELECT count(*) FROM documents WHERE d <@ 'not (a > 5 and a < 1)'::segment_rule), (SELECT count(*) FROM documents), 'and its complement for all');
SELECT is((SELECT count(*) FROM rules WHERE rule @> '{"a": 1e131071}'), (SELECT count(*) FROM (SELECT rule FROM rules OFFSET 0) r WHERE rule @> '{"a": 1e131071}'), 'the largest number');

SELECT * FROM finish();
ROLLBACK;
