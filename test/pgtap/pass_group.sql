-- Many rules that are each about a part of the population: the members are those that
-- every rule finds when it is asked about everybody.
BEGIN;
SELECT plan(12);
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, segments;

CREATE TABLE person (id integer PRIMARY KEY, tenant text, region integer, age integer, name text);
INSERT INTO person
SELECT i, CASE WHEN i % 50 <> 0 THEN 'tenant ' || i * 7919::bigint % 97 END, CASE WHEN i % 60 <> 0 THEN i % 70 END, i % 90, 'name ' || i % 11
FROM generate_series(-9000, 12000) AS i;
CREATE TABLE visit (who integer, pages numeric);
INSERT INTO visit SELECT i * 7919::bigint % 24000 - 10000, i % 17 / 4.0 FROM generate_series(1, 60000) AS i;
INSERT INTO visit SELECT 33, 1 FROM generate_series(1, 5000);
ANALYZE person, visit;
SELECT segments.create_population('person', 'person', maintenance => 'scheduled');
SELECT segments.add_source('person', 'visits', 'visit', 'who');
CREATE TABLE wanted AS
SELECT format('%s %s', kind, t) AS name, format(rule, t)::segments.segment_rule AS rule
FROM generate_series(0, 99) AS t, LATERAL (VALUES
	('age', 'tenant = ''tenant %1$s'' and age > %1$s'), ('also', 'age < 70 and (tenant = ''tenant %1$s'' and name != ''name 3'')'),
	('number', 'region = %1$s and name in (''name 1'', ''name 7'')'), ('both', 'region = 5 and tenant = ''tenant %1$s'''),
	('rows', 'tenant = ''tenant %1$s'' and count(visits where pages > 0.%1$s) > 1'),
	('sum', 'tenant = ''tenant %1$s'' and sum(visits.pages) > age'), ('above', 'tenant = ''tenant %1$s'' and exists(visits where pages * 2 > sum(visits.pages))'),
	('either', 'tenant = ''tenant %1$s'' or region = %1$s'), ('none', 'not (tenant = ''tenant %1$s'') and age = %1$s')) AS v (kind, rule)
WHERE t < 20 OR kind IN ('age', 'number');
INSERT INTO wanted VALUES ('all', 'true'), ('old', 'age > 80'), ('of old', 'in segment ''old'' and in segment ''age 12''');
SELECT segments.create_segment(name, rule, build => false) FROM wanted ORDER BY name = 'of old';
CREATE VIEW stored AS SELECT name, segments.as_set(name) AS members FROM segments.segment;
CREATE FUNCTION refresh_by(group_rules integer, workers integer) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('segments.group_rules', group_rules::text, true), set_config('max_parallel_workers_per_gather', workers::text, true);
	SET LOCAL min_parallel_table_scan_size = 0;
	RETURN segments.refresh();
END
$$;

SELECT refresh_by(1000000, 0);
CREATE TABLE plain AS SELECT * FROM stored;
SELECT cmp_ok((SELECT count(*) FROM plain WHERE members <> '{}'), '>', 300::bigint, 'most segments have members');
SELECT refresh_by(1, 0);
SELECT set_eq('TABLE stored', 'TABLE plain', 'asked group by group, the rules find the same');
SELECT refresh_by(1, 2);
SELECT set_eq('TABLE stored', 'TABLE plain', 'in parallel, too');
SET LOCAL segments.batch_rows = 7;
SELECT refresh_by(1, 0);
SELECT set_eq('TABLE stored', 'TABLE plain', 'in small batches, too');
SET LOCAL segments.batch_rows = 0;
SELECT refresh_by(1, 0);
SELECT set_eq('TABLE stored', 'TABLE plain', 'and one by one');
RESET segments.batch_rows;
SELECT set_eq($$ SELECT unnest(segments.as_set('sum 12')) $$, $$ SELECT id FROM person WHERE tenant = 'tenant 12'
	AND (SELECT coalesce(sum(pages), 0) FROM visit WHERE who = id) > age $$, 'as by hand');

-- When the clock moves.
CREATE TABLE patient (id integer PRIMARY KEY, ward text, seen timestamptz, born date);
INSERT INTO patient SELECT i, 'ward ' || i % 80, now() - i % 50 * interval '1 day', date '1950-01-01' + i % 20000 FROM generate_series(1, 20000) AS i;
CREATE TABLE call (who integer, at timestamptz);
INSERT INTO call SELECT i % 21000, now() - i % 45 * interval '1 day' FROM generate_series(1, 40000) AS i;
SELECT segments.create_population('patient', 'patient');
SELECT segments.add_source('patient', 'calls', 'call', 'who', 'at');
SELECT segments.create_segment(format('p%s', i), format('ward = ''ward %s'' and (seen within last %s days or count(calls within last %s days) > 1)', i, i + 1, i + 2)::segments.segment_rule, 'patient', build => false)
FROM generate_series(0, 79) AS i;
SELECT segments.create_segment('all', 'anniversary of born within next 7 days', 'patient', build => false);
SET LOCAL segments.group_rules = 1;
SELECT segments.refresh('patient');
SET LOCAL segments.group_rules = 1000000;
SELECT is_empty($$SELECT * FROM segments.check('patient')$$, 'members of groups and the moments at which they move');

-- When rows change: rules of other groups are no concern of a member, unless he comes from there.
SET LOCAL segments.group_rules = 1;
SELECT segments.alter_segment('p7', population => 'patient', rule => 'ward = ''ward 7'' and seen within last 9 days and count(calls) > 1');
UPDATE patient SET seen = now() WHERE id % 900 = 5;
INSERT INTO call SELECT i * 7, now() FROM generate_series(1, 300) AS i;
UPDATE patient SET ward = 'ward ' || (id + 3) % 80 WHERE id % 1000 = 6;
UPDATE patient SET ward = NULL, seen = NULL WHERE id % 1000 = 7;
UPDATE patient SET ward = 'ward of none' WHERE id = 8;
WITH moved AS (UPDATE patient SET ward = 'ward 11' WHERE id = 9), called AS (INSERT INTO call VALUES (9, now()), (9, now()))
DELETE FROM call WHERE who = 10;
UPDATE patient SET id = -id WHERE id % 1000 = 11;
DELETE FROM patient WHERE id % 1000 = 12;
DELETE FROM call WHERE who % 1000 IN (12, 13);
INSERT INTO patient VALUES (30000, 'ward 3', now(), '1999-09-09'), (30001, 'ward 4', now(), NULL);
SELECT isnt_empty('SELECT FROM segments.change', 'members have come and gone');
SELECT set_eq($$SELECT segments.segments_of(30000, 'patient')$$, ARRAY['p3'], 'one who came is where he belongs');
SET LOCAL segments.group_rules = 1000000;
SELECT is_empty($$SELECT * FROM segments.check('patient')$$, 'and so is everybody');

-- Another kind of many: columns.
CREATE TABLE wide (id integer PRIMARY KEY, profile jsonb);
INSERT INTO wide SELECT i, jsonb_build_object('p' || i, i, 'all', 1) FROM generate_series(1, 2000) AS i;
SELECT segments.create_population('wide', 'wide');
SELECT segments.create_segment('w' || i, format('profile.p%s = %s', i, i)::segments.segment_rule, 'wide', build => false)
FROM generate_series(1, 2000) AS i;
SELECT lives_ok($$SELECT segments.refresh('wide')$$, 'more columns than a query can have');
SELECT is_empty($$SELECT FROM segments.overview WHERE population = 'wide' AND segment <> 'everyone' AND members <> 1$$, 'each found where it is');

SELECT * FROM finish();
ROLLBACK;
