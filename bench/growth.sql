-- growth.sql: what round.sql measures of building, alone. Variable: rounds.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = bench, pg_catalog;
SELECT format(step, round) FROM generate_series(1, :rounds) AS round, unnest(ARRAY[
	'SELECT unbuild()',
	$$CALL take('Building 100 segments', 'all, nothing built before', 'segments', %s, 'SELECT segments.refresh(''hundred'', ''2026-06-15 12:00+00'')')$$,
	'SELECT drop_tables()',
	$$CALL take('Building 100 segments', 'all, nothing built before', 'one CREATE TABLE AS each', %s, 'SELECT bench.make_tables()')$$,
	$$CALL take('Building some', '10 segments', 'segments', %s, 'SELECT segments.refresh(''ten'', ''2026-06-15 12:00+00'')')$$,
	$$CALL take('Building some', '1,000 segments', 'segments', %s, 'SELECT segments.refresh(''thousand'', ''2026-06-15 12:00+00'')')$$
	]) WITH ORDINALITY AS s (step, n)
ORDER BY round, n \gexec
