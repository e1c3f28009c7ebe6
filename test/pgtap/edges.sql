-- Edges that random rules have found: of calendars, of types, of a batch.
BEGIN;
SELECT plan(21);
CREATE SCHEMA edges;
SET search_path = edges, public;
CREATE TABLE person (id int PRIMARY KEY, at timestamptz, day date, balance numeric, tags text[], data jsonb, span interval);
INSERT INTO person VALUES
	(1, '2024-03-31 00:30+00', '2024-11-02', 'NaN', '{A,b}', '{"list": ["A"], "none": null}', '300000000 days'),
	(2, '2024-03-31 01:30+00', '2024-11-03', 1, '{C,d}', '{"list": ["C"], "none": 7}', '1 month 300000000 days'),
	(3, '2024-03-30 23:30+00', '5874897-12-31', 2, '{E,f}', '{"list": ["E"]}', '1 day'),
	(4, NULL, '0044-03-15 BC', 3, NULL, NULL, '1 day');
SELECT segments.create_population('berlin', 'person', time_zone => 'Europe/Berlin');
SELECT segments.create_population('havana', 'person', time_zone => 'America/Havana');

CREATE FUNCTION who(rule segments.segment_rule, population text DEFAULT 'berlin', as_of timestamptz DEFAULT now()) RETURNS text
LANGUAGE sql AS $$
	SELECT coalesce(string_agg(member::text, ' ' ORDER BY member), '')
	FROM segments.matching(rule, population => population, as_of => as_of) AS member
$$;

-- what a float cannot hold equals none, nearly
CREATE TABLE measured (id int PRIMARY KEY, f8 float8, f4 float4);
INSERT INTO measured VALUES (1, 'Infinity', 0), (2, 0, 'Infinity');
SELECT segments.create_population('measured', 'measured');
SELECT throws_ok($$ SELECT who('f8 = 1e400', 'measured') $$, '22003', NULL, 'a number that no float holds');
SELECT throws_ok($$ SELECT who('1e-400 < f8', 'measured') $$, '22003', NULL, 'nor this one');
SELECT is(who('f8 < 1e300 or f4 in (0, 1)', 'measured'), '1 2', 'others are fine');

-- at 03:15 there has been no hour from 02:00 to 03:00: the one before began at 01:00
SELECT is(who('at during last hour', as_of => '2024-03-31 01:15+00'), '1', 'the last hour is the one that has passed');
SELECT is(who('at during this hour', as_of => '2024-03-31 01:15+00'), '2', 'this hour goes on');
SELECT is(who('at during 2 hours ago', as_of => '2024-03-31 01:15+00'), '3', 'two hours ago are two hours');
SELECT is(who('at >= start of last hour', as_of => '2024-03-31 01:15+00'), '1 2', 'an hour starts where it does in a period');

-- in Havana it is twice from 0:00 to 1:00 on 2024-11-03
SELECT is(who('anniversary of day during yesterday', 'havana', '2024-11-03 04:30+00'), '1', 'where midnight comes twice, yesterday does not hold today');
SELECT is(who('anniversary of day during today', 'havana', '2024-11-03 04:30+00'), '2', 'and today holds only today');

SELECT is(who('balance / 0 is null'), '1 2 3 4', 'a division by zero is missing, even that of NaN');
SELECT is(who('day - 2024-01-01 > 1000000 days'), '3', 'days subtract further than moments reach');
SELECT is(who('year(day) = -44'), '4', 'years before Christ count as in PostgreSQL');
SELECT is(who('lower(tags) has all (''a'', ''b'') or lower(data.list) has ''c'''), '1 2', 'lists made for one row outlive the next');
SELECT is(who('at + span is null and at - span is null'), '1 2 4', 'a moment that is out of range is missing, however far');
SELECT is(who('coalesce(data.none, 5) = 5'), '1 3 4', 'null in json is missing');

-- a collation of the user's is named so that it is found under any search_path
CREATE COLLATION sorted (locale = 'C');
CREATE TABLE worded (id int PRIMARY KEY, a text COLLATE sorted, b text);
SELECT segments.create_population('worded', 'worded');
SELECT matches(segments.sql('coalesce(a, b) > ''x''', 'worded'), 'COLLATE edges.sorted', 'collations are qualified');

-- a foreign table is a population as any other
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') THEN
		CREATE EXTENSION file_fdw;
		CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
		CREATE FOREIGN TABLE abroad (id int, age int) SERVER files
			OPTIONS (program 'echo 1,10; echo 2,20', format 'csv');
		PERFORM segments.create_population('abroad', 'abroad', key => 'id');
	END IF;
END $$;
SELECT CASE WHEN to_regclass('abroad') IS NULL THEN skip('there is no file_fdw')
	ELSE is(who('age > 15', 'abroad'), '2', 'a foreign table') END;

-- arrays of json, whose nulls are no elements
CREATE TABLE boxed (id int PRIMARY KEY, things jsonb[], at timestamp);
INSERT INTO boxed VALUES (1, ARRAY['1', '"a"', 'null', NULL]::jsonb[], '294276-12-31'), (2, ARRAY['"b"']::jsonb[], 'infinity');
SELECT segments.create_population('boxed', 'boxed');
CREATE FUNCTION who_by_sql(rule segments.segment_rule) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE 'SELECT coalesce(string_agg(m.id::text, '' '' ORDER BY m.id), '''') FROM (' || segments.sql(rule, 'boxed') || ') AS m' INTO result;
	RETURN result;
END
$$;
SELECT is(ARRAY[who(rule, 'boxed'), who_by_sql(rule)], '{1,1}', rule::text)
FROM unnest(ARRAY['length(things) = 2', 'things has ''a'' and things has 1', 'things has all (''a'', 1)']::segments.segment_rule[]) AS rule;
SELECT is(ARRAY[who(rule, 'boxed'), who_by_sql(rule)], '{1 2,1 2}', 'the last month that there is has an end')
FROM CAST('at - 30 days > 9999-12-31' AS segments.segment_rule) AS rule;

SELECT * FROM finish();
ROLLBACK;
