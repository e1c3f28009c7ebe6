-- Much of everything: what is too much is refused, and soon.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(12);
CREATE SCHEMA large;
SET search_path = large, public;
CREATE TABLE thing (id int PRIMARY KEY, x int, t text);
INSERT INTO thing SELECT i, i % 10, 't' || i FROM generate_series(1, 100) i;
CREATE TABLE part (id int PRIMARY KEY, thing_id int);
SELECT segments.create_population('things', 'thing');
SELECT segments.add_source('things', 'parts', 'part', 'thing_id');
SET LOCAL statement_timeout = '60s';

CREATE FUNCTION make(prefix text, n int, rule text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM segments.create_segment(prefix || 0, 'x > 5', build => false);
	FOR i IN 1 .. n LOOP
		PERFORM segments.create_segment(prefix || i, format(rule, prefix || i - 1, i % 10)::segments.segment_rule, build => false);
	END LOOP;
END
$$;

-- segments of segments
SELECT make('link', 500, 'in segment %L or x = %s');
SELECT is(segments.rebuild('link500'), 100::bigint, 'a chain of segments');
SELECT throws_ok($$SELECT segments.alter_segment('link0', rule => 'in segment ''link500''')$$, '42P19', NULL, 'that must not be closed');
SELECT make('diamond', 40, '(in segment %1$L or x = %2$s) and (in segment %1$L or x != %2$s)');
SELECT is(segments.rebuild('diamond40'), 40::bigint, 'two ways at each of forty segments, but each is evaluated once');
SELECT is((SELECT count(*) FROM segments.matching('in segment ''diamond40'' and x = 6')), 10::bigint, 'whoever asks');
SELECT bag_eq(segments.sql('in segment ''diamond6'''), $$SELECT id FROM thing WHERE x > 5$$, 'a query writes them out');
SELECT throws_ok($$SELECT segments.sql('in segment ''diamond40''')$$, '54000', 'the rule is too large to be shown as one query', 'while they are not too many');
SELECT throws_ok($$SELECT make('deep', 60, 'exists(parts where in segment %L)')$$, '54000', 'rows are nested more than 29 deep', 'rows in rows in rows');

-- rules
SELECT throws_ok(format('SELECT %L::segments.segment_rule', repeat(deeper, 10000) || 'x = 1'), '54000', 'rule is nested too deeply', 'nested ' || deeper)
FROM unnest('{(,"not ","exists(parts where "}'::text[]) AS deeper;
SELECT throws_ok(format('SELECT %L::segments.segment_rule', 't = ''' || repeat('a', 10000000) || ''''), '54000', 'rule is too long', 'ten million letters');
SELECT is((SELECT count(*) FROM segments.matching((SELECT 'x in (' || string_agg(i::text, ',') || ')' FROM generate_series(5, 20000) i)::segments.segment_rule)),
	50::bigint, 'a long list');

SELECT * FROM finish();
ROLLBACK;
