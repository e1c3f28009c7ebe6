-- summary.sql: the measurements as Markdown tables. Variables: customers, rounds, cores.
\set ON_ERROR_STOP on
SET search_path = bench, pg_catalog;
-- one question has one answer, whoever is asked
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT what FROM bench.result WHERE part IN ('Reading', 'One rule') GROUP BY what HAVING count(DISTINCT answer) > 1 LOOP
		RAISE 'The ways differ about "%".', r.what;
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.shown(ms float) RETURNS text LANGUAGE sql AS $$
SELECT CASE WHEN ms < 1 THEN round((ms * 1000)::numeric, CASE WHEN ms < 0.01 THEN 1 ELSE 0 END) || ' us'
	WHEN ms < 10000 THEN round(ms::numeric, CASE WHEN ms < 10 THEN 1 ELSE 0 END) || ' ms' ELSE round(ms::numeric / 1000, 1) || ' s' END
$$;
SELECT format(E'# Measured\n\n%s customers, %s orders, medians of %s round(s), ours and theirs in turn. %s, %s cores.\nTimes are those of the processor that the session used, except where they are elapsed. "Of ours" is how many times as long as segments it takes.\n',
	to_char(:customers, 'FM999,999,999'), to_char(5 * :customers, 'FM999,999,999'), :rounds, split_part(version(), ' on ', 1), :cores);
CREATE TEMP TABLE median AS
SELECT part, what, way, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms FROM result GROUP BY 1, 2, 3;
SELECT line FROM (
	SELECT p.n, 0 AS o, NULL::float AS f, '' AS what, 0 AS w, format(E'## %s\n\n| what | how | time | of ours |\n|---|---|---|---|', p.part) AS line
	FROM unnest(ARRAY['Building 100 segments', 'Building with a worker', 'Building some', 'One rule', 'Reading', 'Writing one row', 'Writing one row, elapsed', 'Writing many rows', 'A day passes']) WITH ORDINALITY AS p (part, n)
	UNION ALL
	SELECT p.n, 1, NULL, m.what, CASE m.way WHEN 'segments' THEN 0 ELSE 1 END, format('| %s | %s | %s | %s |', replace(m.what, '|', '\|'), m.way, pg_temp.shown(m.ms),
		CASE WHEN m.way <> 'segments' THEN round((m.ms / ours.ms)::numeric, 2) END)
	FROM unnest(ARRAY['Building 100 segments', 'Building with a worker', 'Building some', 'One rule', 'Reading', 'Writing one row', 'Writing one row, elapsed', 'Writing many rows', 'A day passes']) WITH ORDINALITY AS p (part, n)
		JOIN median m USING (part) JOIN median ours ON ours.part = m.part AND ours.what = m.what AND ours.way = 'segments'
	UNION ALL
	SELECT n, 2, NULL, '', 0, '' FROM generate_series(1, 9) AS n) AS l
ORDER BY n, o, what COLLATE "C", w, line;
SELECT line FROM (
	SELECT 0::bigint AS bytes, E'## Size\n\n| what | MB | of ours |\n|---|---|---|' AS line
	UNION ALL
	SELECT s.bytes, format('| %s | %s | %s |', s.way, round(s.bytes / 1e6, 1), CASE WHEN s.way <> 'segments' THEN round(s.bytes::numeric / ours.bytes, 1) END)
	FROM size s, size ours WHERE ours.way = 'segments') AS l
ORDER BY bytes;
