-- growth_line.sql: what was measured of building at one size, as a line of a table. Variable: customers.
\set ON_ERROR_STOP on
SET search_path = bench, pg_catalog;
WITH median AS (
	SELECT what, way, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) / 1000)::numeric, 2) AS s
	FROM result WHERE part IN ('Building 100 segments', 'Building some') GROUP BY 1, 2
), taken AS (
	SELECT max(s) FILTER (WHERE way = 'segments' AND what = '10 segments') AS ten,
		max(s) FILTER (WHERE way = 'segments' AND what = 'all, nothing built before') AS hundred,
		max(s) FILTER (WHERE way = 'segments' AND what = '1,000 segments') AS thousand,
		max(s) FILTER (WHERE way = 'one CREATE TABLE AS each') AS tables
	FROM median
)
SELECT format('| %s | %s s | %s s | %s s | %s s | %s |', :customers, ten, hundred, thousand, tables, round(tables / hundred, 1)) FROM taken;
