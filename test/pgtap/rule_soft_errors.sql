-- Errors in rules are soft where the server can take them so (PostgreSQL 16 on):
-- pg_input_is_valid() says no, and pg_input_error_info() why.
\set QUIET on
SET client_min_messages = warning;
SELECT current_setting('server_version_num')::int >= 160000 AS soft \gset
BEGIN;
SET search_path = segments, public;
SELECT plan(4);
\if :soft
\ir ../include/random_rule.sql
SELECT setseed(0.4711) \gset
CREATE TEMP TABLE written AS SELECT pg_temp.random_rule(i % 5) AS rule FROM generate_series(1, 1000) i;

SELECT is_empty($$ SELECT rule FROM written WHERE NOT pg_input_is_valid(rule, 'segment_rule') $$, 'rules are valid');
SELECT results_eq($$ SELECT message, detail, hint, sql_error_code FROM pg_input_error_info('a == 1', 'segment_rule') $$,
	$$ VALUES ('syntax error in rule at or near "=="', 'The rule language has no "==".', 'Write "=" to compare.', '42601') $$,
	'a soft error says what a hard one says');
SELECT results_eq($$ SELECT message, sql_error_code FROM pg_input_error_info(repeat('(', 2000) || 'a', 'segment_rule') $$,
	$$ VALUES ('rule is nested too deeply', '54000') $$, 'so does a limit');
-- Cut anywhere, a rule leaves the parser in every possible place; hard and soft errors agree.
CREATE FUNCTION pg_temp.hard_error(rule text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM rule::segment_rule;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SELECT is_empty($$
	SELECT cut, pg_temp.hard_error(cut), message FROM written,
		LATERAL (SELECT left(rule, n) AS cut FROM generate_series(0, least(length(rule), 60)) n) c,
		LATERAL pg_input_error_info(cut, 'segment_rule')
	WHERE pg_temp.hard_error(cut) IS DISTINCT FROM message
$$, 'hard and soft errors agree');
\else
SELECT skip('errors are always hard in this version', 4);
\endif
SELECT * FROM finish();
ROLLBACK;
