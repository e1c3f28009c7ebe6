-- Rules in a GIN index: a look-up finds what the sequential scan finds.
\set ON_ERROR_STOP on
BEGIN;
SELECT plan(46);
\ir ../random_rules.sql
SET LOCAL search_path = segments, public, pg_catalog;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
SELECT setseed(0.75);

CREATE TEMP TABLE source AS
SELECT row_number() OVER () AS n, text::segment_rule AS rule
FROM (SELECT pg_temp.random_rule(CASE WHEN i % 3 = 0 THEN 1 ELSE 2 END, i % 10 <> 0) AS text FROM generate_series(1, 5000) i) t;
CREATE TEMP TABLE document AS
SELECT n, pg_temp.random_document() AS d FROM generate_series(1, 40) n;

CREATE TABLE pg_temp.rules (n int, active bool, rule segment_rule);
CREATE INDEX rules_rule ON pg_temp.rules USING gin (rule) WITH (fastupdate = off);
INSERT INTO rules SELECT n, n % 2 = 0, rule FROM source;

\set asked 'document d'
\set searched r
\set condition 'r.rule @> d.d'
\ir ../include/index_lookups.sql

SELECT cmp_ok((SELECT avg((r.rule @> d.d)::int) FROM rules r, document d), '>', 0.1, 'many pairs match');
SET LOCAL enable_seqscan = off;
SELECT is(pg_temp.plan_of('SELECT d.n FROM document d CROSS JOIN LATERAL (SELECT n FROM rules r WHERE r.rule @> d.d OFFSET 0) r'),
	'/Seq Scan on document d/Bitmap Heap Scan on rules r/Bitmap Index Scan on rules_rule', 'look-ups are what is tested');
SET LOCAL enable_seqscan = on;
SET LOCAL timezone = 'Pacific/Kiritimati';
SELECT is(pg_temp.pairs('rules', true), pg_temp.pairs('rules', false), 'far in the east');
SET LOCAL timezone = 'Etc/GMT+12';
SELECT is(pg_temp.pairs('rules', true), pg_temp.pairs('rules', false), 'far in the west');
SET LOCAL timezone = 'UTC';
SELECT pg_temp.pairs('rules', false) AS expected \gset
SELECT is(pg_temp.pairs('rules', true, 'd.d <@ r.rule'), :expected, 'document <@ rule');
SELECT is(pg_temp.pairs('rules', true, 'matches(r.rule, d.d)'), :expected, 'matches(rule, document)');
SELECT is(pg_temp.pairs('rules', true, 'r.active AND (r.rule @> d.d OR r.rule @> ''{"country": "DE", "age": 20}'')'),
	pg_temp.pairs('rules', false, 'r.active AND (r.rule @> d.d OR r.rule @> ''{"country": "DE", "age": 20}'')'), 'bitmaps of two look-ups');

-- Rules of several conditions, which go into the index together. All of the second kind share a key, so that it is the others that tell.
CREATE TEMP TABLE several (n int, rule segment_rule);
INSERT INTO several
SELECT n, string_agg('(' || pg_temp.random_rule(1, true) || ')', ' and ')::segment_rule FROM generate_series(1, 2000) n, generate_series(1, 2 + n % 3) GROUP BY n;
INSERT INTO several
SELECT n, format('k = ''a'' and x %s %s and t %s %s and not (z is null and x = %2$s)', op[1 + n % 5], x, op[1 + n / 5 % 5], t)::segment_rule
FROM (SELECT n, '{=,<,<=,>,>=}'::text[] AS op, round(((random() - 0.5) * 10 ^ (random() * 8 - 3))::numeric, 3) AS x,
	date '1890-01-01' + (random() * 80000)::int AS t FROM generate_series(2001, 4000) n) v;
CREATE INDEX several_rule ON several USING gin (rule) WITH (fastupdate = off);
CREATE TEMP TABLE asked AS SELECT n, d FROM document UNION ALL
SELECT 1000 + row_number() OVER (), format('{"k": "a", "z": 1, "x": %s, "t": "%s"}', x, t)::jsonb
FROM (SELECT substr(rule::text, position(' x ' in rule::text) + 3) AS rest, rule::text FROM several WHERE n > 2000 ORDER BY n LIMIT 150) r,
	LATERAL (SELECT (regexp_match(rest, '-?[0-9.]+'))[1]::numeric + (random() * 3)::int - 1 AS x, (regexp_match(rest, '[0-9]{4}-[0-9]{2}-[0-9]{2}'))[1]::date + (random() * 600)::int - 300 AS t) v;
SELECT is(pg_temp.pairs('several', true, 'r.rule @> d.d', 'asked d'), pg_temp.pairs('several', false, 'r.rule @> d.d', 'asked d'), 'rules of several conditions');
SELECT cmp_ok((SELECT count(*) FROM several r, asked d WHERE r.n > 2000 AND r.rule @> d.d), '>', 15000::bigint, 'many of which hold');

-- What an index is asked, as an operator.
SELECT is((SELECT count(*) FROM several r, asked d WHERE r.n % 19 = 0 AND d.n % 19 = 0 AND r.rule @> d.d AND NOT r.rule @# ANY (look_ups(d.d))), 0::bigint,
	'a rule that holds is filed where a look-up looks');
SELECT is(pg_temp.pairs('several', true, 'r.n % 19 = 0 AND r.rule @# ANY (look_ups(d.d))', '(SELECT * FROM asked WHERE n % 19 = 0) d'),
	pg_temp.pairs('several', false, 'r.n % 19 = 0 AND r.rule @# ANY (look_ups(d.d))', '(SELECT * FROM asked WHERE n % 19 = 0) d'), 'the index and the operator agree');
SELECT cmp_ok((SELECT count(*) FROM several r, asked d WHERE r.n % 19 = 0 AND d.n % 19 = 0 AND r.rule @# ANY (look_ups(d.d))), '<',
	(SELECT count(*) / 2 FROM several r, asked d WHERE r.n % 19 = 0 AND d.n % 19 = 0 AND keys(r.rule) && tokens(d.d)), 'on less than half of those that share a key with the document');
PREPARE too_short AS SELECT 'a = 1'::segment_rule @# '\x00'::bytea;
SELECT throws_ok('EXECUTE too_short', '22023', 'invalid look-up of rules', 'what is no look-up');
SELECT lives_ok('SELECT count(*) FROM several r, generate_series(1, 100) i WHERE r.n <= 100 AND r.rule @# decode(left(repeat(md5(i::text), 4), 4 + i / 2 * 2), ''hex'')',
	'other bytes');
SET LOCAL enable_seqscan = off;
SELECT lives_ok('SELECT count(*) FROM generate_series(1, 100) i, several r WHERE r.rule @# decode(left(repeat(md5(i::text), 4), 4 + i / 2 * 2), ''hex'')',
	'which an index is asked');
SET LOCAL enable_seqscan = on;

-- With another index, both ways.
CREATE INDEX rules_n ON pg_temp.rules (n);
SET LOCAL enable_seqscan = off;
SELECT matches(pg_temp.plan_of('SELECT d.n FROM document d CROSS JOIN LATERAL (SELECT n FROM rules r WHERE r.rule @> d.d OR r.n < 50 OFFSET 0) r'),
	'BitmapOr.*Bitmap Index Scan on rules_', 'either of two indexes');
SET LOCAL enable_seqscan = on;
SELECT is(pg_temp.pairs('rules', true, 'r.rule @> d.d OR r.n < 50'), pg_temp.pairs('rules', false, 'r.rule @> d.d OR r.n < 50'), 'finds the same');
SELECT is(pg_temp.pairs('rules', true, 'r.rule @> d.d AND r.n BETWEEN 1000 AND 2500'),
	pg_temp.pairs('rules', false, 'r.rule @> d.d AND r.n BETWEEN 1000 AND 2500'), 'and so do both');
DROP INDEX rules_n;

-- An index that was told how often documents have a key, other indexes that were told otherwise.
CREATE TEMP TABLE sample AS SELECT pg_temp.random_document() AS d FROM generate_series(1, 300);
CREATE TEMP TABLE told AS SELECT frequencies(d) AS text FROM sample;
CREATE TABLE pg_temp.told_rules (n int, rule segment_rule);
INSERT INTO told_rules SELECT n, rule FROM source;
SELECT format('CREATE INDEX told_rule ON pg_temp.told_rules USING gin (rule segment_rule_ops (frequencies = %L))', text) FROM told \gexec
SELECT is(pg_temp.pairs('told_rules', true), pg_temp.pairs('rules', false), 'with frequencies');
SELECT cmp_ok((SELECT count(*) FROM told, rules WHERE keys(rule, text) <> keys(rule)), '>', 500::bigint,
	'which choose other keys');
SELECT cmp_ok((SELECT count(*) FROM told, rules r, document d WHERE keys(r.rule, text) && tokens(d.d)), '<',
	(SELECT count(*) FROM rules r, document d WHERE keys(r.rule) && tokens(d.d)), 'that find fewer rules in vain');
UPDATE told_rules SET rule = (SELECT s.rule FROM source s WHERE s.n = told_rules.n % 997 + 1) WHERE n % 5 = 0;
SELECT is(pg_temp.pairs('told_rules', true), pg_temp.pairs('told_rules', false), 'after changes');
DROP INDEX told_rule;
SELECT format('CREATE INDEX told_rule ON pg_temp.told_rules USING gin (rule segment_rule_ops (frequencies = %L))', frequencies(d))
FROM (VALUES ('{"age": 20, "country": "DE"}'::jsonb), ('[]')) v(d) \gexec
SELECT is(pg_temp.pairs('told_rules', true), pg_temp.pairs('told_rules', false), 'frequencies that have nothing to do with the documents');
SELECT is((SELECT frequencies(d) FROM document d WHERE false), NULL, 'no documents, no frequencies');
PREPARE told_rubbish AS SELECT keys('a = 1', 'rubbish!');
SELECT throws_ok('EXECUTE told_rubbish', '22023', 'invalid frequencies of keys', 'what is none');
SELECT throws_ok('CREATE INDEX ON pg_temp.told_rules USING gin (rule segment_rule_ops (frequencies = ''AA''))', '22023', NULL, 'nor is that');
SELECT throws_ok(format('CREATE INDEX ON pg_temp.told_rules USING gin (rule segment_rule_ops (frequencies = %L))', repeat('A', n)),
	'22023', 'invalid frequencies of keys', format('nor are %s characters', n)) FROM unnest('{1684, 1685, 2100, 20000, 1000000}'::int[]) n;
SELECT lives_ok(format('CREATE INDEX too_many ON pg_temp.told_rules USING gin (rule segment_rule_ops (frequencies = %L))', (SELECT frequencies(jsonb_build_object('k' || i, i)) FROM generate_series(1, 3000) i, generate_series(1, 2))),
	'however many keys documents have, their frequencies are a parameter');
DROP INDEX too_many;

-- After changes, and with a list of what is still to be put into the index.
UPDATE rules SET rule = (SELECT s.rule FROM source s WHERE s.n = rules.n % 997 + 1) WHERE n % 5 = 0;
DELETE FROM rules WHERE n % 7 = 0;
SELECT is(pg_temp.pairs('rules', true), pg_temp.pairs('rules', false), 'after UPDATE and DELETE');
ALTER INDEX rules_rule SET (fastupdate = on);
UPDATE rules SET rule = (SELECT s.rule FROM source s WHERE s.n = rules.n % 1999 + 1) WHERE n % 11 = 0;
SELECT pg_temp.pairs('rules', false) AS expected \gset
SELECT is(pg_temp.pairs('rules', true), :expected, 'with pending insertions');
SELECT cmp_ok(gin_clean_pending_list('rules_rule'), '>', 0::bigint, 'there were some');
SELECT is(pg_temp.pairs('rules', true), :expected, 'and without');

-- Other kinds of tables.
CREATE TABLE parts (n int, rule segment_rule) PARTITION BY RANGE (n);
CREATE UNLOGGED TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (1500);
CREATE UNLOGGED TABLE part_2 PARTITION OF parts FOR VALUES FROM (1500) TO (100000);
INSERT INTO parts SELECT n, rule FROM source WHERE n <= 3000;
CREATE INDEX ON parts USING gin (rule);
SELECT is(pg_temp.pairs('parts', true), pg_temp.pairs('parts', false), 'partitions, unlogged');

-- Rules with thousands of alternatives, and long texts.
CREATE TABLE pg_temp.long_rules (n int, rule segment_rule);
CREATE INDEX ON pg_temp.long_rules USING gin (rule);
INSERT INTO long_rules
SELECT 1, string_agg(format('(country = ''DE'' and age > %s)', i), ' or ')::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 2, string_agg(format('a%s = %s', i, i), ' or ')::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 3, format('age in (%s)', string_agg(i::text, ', '))::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 4, format('tags has any (%s)', string_agg(format('''t%s''', i), ', '))::segment_rule FROM generate_series(1, 3000) i UNION ALL
SELECT 5, format('not (%s)', string_agg(format('(age < %s or a%s is null)', i, i), ' and '))::segment_rule FROM generate_series(1, 1000) i UNION ALL
SELECT 6, string_agg(format('(b%s = 1 or c%s = 1)', i, i), ' and ')::segment_rule FROM generate_series(1, 2000) i UNION ALL
SELECT 7, format('city = %L', repeat('long', 100000))::segment_rule;
SELECT cmp_ok((SELECT max(cardinality(keys(rule))) FROM long_rules), '<=', 256, 'the number of keys is bounded');
INSERT INTO document VALUES (101, '{"country": "DE", "age": 17}'), (102, '{"a2999": 2999, "age": 2999}'), (103, '{"tags": ["t2500"]}'),
	(104, jsonb_build_object('city', repeat('long', 100000))),
	(105, (SELECT jsonb_object_agg('c' || i, 1) FROM generate_series(1, 2000) i)), (106, '{"a7": 1, "age": 7}');
SELECT is(pg_temp.pairs('long_rules', true), pg_temp.pairs('long_rules', false), 'rules with thousands of parts');
SELECT is((SELECT count(*) FROM long_rules r, document d WHERE d.n > 100 AND r.rule @> d.d), 9::bigint, 'which hold where they should');

-- The plan, with statistics.
TRUNCATE rules;
INSERT INTO rules SELECT i, i % 2 = 0, format('country = ''c%s'' and age > %s', i % 3000, i % 60)::segment_rule FROM generate_series(1, 6000) i;
ANALYZE rules;
ANALYZE long_rules;
SELECT is(pg_temp.plan_of($$SELECT n FROM rules WHERE rule @> '{"country": "c7", "age": 50}'$$),
	'/Bitmap Heap Scan on rules/Bitmap Index Scan on rules_rule', 'the index is used where it wins');
SELECT is(pg_temp.plan_of($$SELECT n FROM rules WHERE '{"country": "c7", "age": 50}'::jsonb <@ rule AND active$$),
	'/Bitmap Heap Scan on rules/Bitmap Index Scan on rules_rule', 'for <@ too');
SELECT is(pg_temp.plan_of($$SELECT n FROM rules WHERE matches(rule, '{"country": "c7", "age": 50}'::jsonb)$$),
	'/Bitmap Heap Scan on rules/Bitmap Index Scan on rules_rule', 'and for matches()');
SELECT is(pg_temp.plan_of($$SELECT n FROM long_rules WHERE rule @> '{"country": "c7", "age": 50}'$$),
	'/Seq Scan on long_rules', 'a scan where that wins');
SELECT is(pg_temp.plan_of($$SELECT r.n FROM document d, rules r WHERE r.rule @> d.d AND d.n = 106$$),
	'/Seq Scan on document d/Bitmap Heap Scan on rules r/Bitmap Index Scan on rules_rule', 'in a join');
PREPARE of_document(jsonb) AS SELECT n FROM rules WHERE rule @> $1;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT is(pg_temp.plan_of($$EXECUTE of_document('{"country": "c7", "age": 50}')$$),
	'/Bitmap Heap Scan on rules/Bitmap Index Scan on rules_rule', 'with a parameter');

SELECT * FROM finish();
ROLLBACK;
