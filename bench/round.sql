-- round.sql: one round of measurements, ours and theirs in turn. Variables: round, customers.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = bench, pg_catalog;
\set moment '''2026-06-15 12:00+00'''

-- Building.
\set part 'Building 100 segments'
SELECT unbuild() \g /dev/null
CALL take(:'part', 'all, nothing built before', 'segments', :round, format('SELECT segments.refresh(%L, %L)', 'hundred', :moment));
SELECT drop_tables() \g /dev/null
CALL take(:'part', 'all, nothing built before', 'one CREATE TABLE AS each', :round, 'SELECT bench.make_tables()');
INSERT INTO size SELECT v.* FROM (VALUES
	('segments', pg_total_relation_size('segments.membership')),
	('one table each', (SELECT sum(pg_total_relation_size(format('bench.member_%s', nr)::regclass)) FROM segments))) AS v WHERE :round = 1;
DROP TABLE IF EXISTS arrays;
CALL take(:'part', 'all, nothing built before', 'one tuned SELECT to int[]', :round, 'SELECT bench.make_arrays()');
DROP TABLE arrays;
SET enable_hashagg = off;
CALL take(:'part', 'all, nothing built before', 'the same, sorted', :round, 'SELECT bench.make_arrays()');
RESET enable_hashagg;
DROP TABLE arrays;
SET jit = on;
CALL take(:'part', 'all, nothing built before', 'the same, JIT', :round, 'SELECT bench.make_arrays()');
SET jit = off;
SET enable_indexscan = off;
SET enable_mergejoin = off;
CALL take(:'part', 'all, nothing built before', 'floor: scan, join, two aggregates', :round,
	'SELECT count(*) + sum(o.n) + sum(o.total) FROM bench.customers c LEFT JOIN (SELECT customer_id, count(*) AS n, sum(total) AS total FROM bench.orders GROUP BY 1) o ON o.customer_id = c.id');
RESET enable_indexscan;
RESET enable_mergejoin;
CALL take(:'part', 'all, nothing has changed', 'segments', :round, format('SELECT segments.refresh(%L, %L)', 'hundred', :moment));

-- With a parallel worker, for us and for them.
\set part 'Building with a worker'
SELECT unbuild() \g /dev/null
CALL take(:'part', 'all, elapsed', 'segments, no worker', :round, format('SELECT segments.refresh(%L, %L)', 'hundred', :moment), elapsed => true);
SET max_parallel_workers_per_gather = 1;
SELECT unbuild() \g /dev/null
CALL take(:'part', 'all, elapsed', 'segments', :round, format('SELECT segments.refresh(%L, %L)', 'hundred', :moment), elapsed => true);
SELECT drop_tables() \g /dev/null
CALL take(:'part', 'all, elapsed', 'one CREATE TABLE AS each', :round, 'SELECT bench.make_tables()', elapsed => true);
SET max_parallel_workers_per_gather = 0;

\set part 'Building some'
SELECT unbuild() \g /dev/null
CALL take(:'part', '60 on attributes', 'segments', :round, format('SELECT segments.refresh(%L, %L)', 'attributes', :moment));
SELECT format('SELECT (%s) FROM bench.customers c', string_agg(format('count(*) FILTER (WHERE %s)', condition), ' + ' ORDER BY nr)) AS counting
FROM segments WHERE nr <= 60 \gset
CALL take(:'part', '60 on attributes', 'one SELECT counting', :round, :'counting');
SET jit = on;
CALL take(:'part', '60 on attributes', 'one SELECT counting, JIT', :round, :'counting');
SET jit = off;
CALL take(:'part', '10 segments', 'segments', :round, format('SELECT segments.refresh(%L, %L)', 'ten', :moment));
CALL take(:'part', '1,000 segments', 'segments', :round, format('SELECT segments.refresh(%L, %L)', 'thousand', :moment));
SELECT format('1 + (i * 7919::bigint) %% %s', :customers) AS key \gset
CALL take('Reading', 'segments of one customer among 1,000', 'segments', :round, format('SELECT count(*) FROM generate_series(1, 2000) AS i, LATERAL segments.segments_of(%s, %L)', :'key', 'thousand'), 2000);

-- One rule.
SELECT format('CALL bench.take(%L, %L, %L, %s, %L)', 'One rule', rule, 'segments', :round,
	format('SELECT count(*) FROM segments.matching(%L, %L, %L)', rule, 'hundred', :moment)),
	format('CALL bench.take(%L, %L, %L, %s, %L)', 'One rule', rule, 'query', :round,
	format('SELECT count(*) FROM (%s) AS q', query(segments)))
FROM segments WHERE nr IN (14, 22, 61, 64, 67) ORDER BY nr \gexec

-- Reading.
SELECT unbuild() \g /dev/null
SELECT segments.refresh('hundred', :moment) \g /dev/null
SELECT :round = 1 AS first \gset
\if :first
	CREATE TABLE member AS SELECT nr AS segment, m::int AS customer FROM segments, LATERAL (SELECT m FROM segments.members(name, 'hundred') AS m) AS m;
	ALTER TABLE member ADD PRIMARY KEY (segment, customer);
	CREATE INDEX ON member (customer, segment);
	CREATE TABLE array_index AS SELECT * FROM arrays;
	CREATE INDEX ON array_index USING gin (segments);
	ALTER TABLE array_index ADD PRIMARY KEY (id);
	VACUUM ANALYZE member, array_index;
	INSERT INTO size VALUES ('membership table', pg_total_relation_size('bench.member')), ('int[] with GIN', pg_total_relation_size('bench.array_index'));
\endif
SELECT ranked(1) AS a, ranked(2) AS b, ranked(3) AS c, nr(ranked(1)) AS nr_a, nr(ranked(2)) AS nr_b, nr(ranked(3)) AS nr_c \gset
\set part 'Reading'
CALL take(:'part', 'segments of one customer', 'segments', :round, format('SELECT count(*) FROM generate_series(1, 2000) AS i, LATERAL segments.segments_of(%s, %L)', :'key', 'hundred') || ' WHERE segments_of <> ''everyone''', 2000);
CALL take(:'part', 'segments of one customer', 'membership table', :round, format('SELECT count(*) FROM generate_series(1, 2000) AS i, LATERAL (SELECT segment FROM bench.member WHERE customer = (%s) OFFSET 0) AS s', :'key'), 2000);
CALL take(:'part', 'segments of one customer', 'int[]', :round, format('SELECT sum(cardinality(segments)) FROM generate_series(1, 2000) AS i, LATERAL (SELECT segments FROM bench.array_index WHERE id = (%s) OFFSET 0) AS s', :'key'), 2000);
CALL take(:'part', 'is X in A', 'segments', :round, format('SELECT count(*) FROM generate_series(1, 5000) AS i WHERE segments.is_member(%L, %s, %L)', :'a', :'key', 'hundred'), 5000);
CALL take(:'part', 'is X in A', 'membership table', :round, format('SELECT count(*) FROM generate_series(1, 5000) AS i, LATERAL (SELECT FROM bench.member WHERE segment = %s AND customer = (%s) OFFSET 0) AS s', :nr_a, :'key'), 5000);
CALL take(:'part', 'is X in A', 'int[]', :round, format('SELECT count(*) FROM generate_series(1, 5000) AS i, LATERAL (SELECT FROM bench.array_index WHERE id = (%s) AND segments @> ARRAY[%s] OFFSET 0) AS s', :'key', :nr_a), 5000);
CALL take(:'part', 'count A', 'segments', :round, format('SELECT max(segments.count_members(%L, %L)) FROM generate_series(1, 2000)', :'a', 'hundred'), 2000);
CALL take(:'part', 'count A', 'membership table', :round, format('SELECT count(*) FROM bench.member WHERE segment = %s', :nr_a));
CALL take(:'part', 'count A', 'int[]', :round, format('SELECT count(*) FROM bench.array_index WHERE segments @> ARRAY[%s]', :nr_a));
CALL take(:'part', 'A and B and not C: count', 'segments', :round, format('SELECT segments.cardinality(segments.as_set(%L, %L) OPERATOR(segments.&) segments.as_set(%L, %L) OPERATOR(segments.-) segments.as_set(%L, %L))', :'a', 'hundred', :'b', 'hundred', :'c', 'hundred'));
CALL take(:'part', 'A and B and not C: count', 'membership table', :round, format('SELECT count(*) FROM bench.member a JOIN bench.member b USING (customer) WHERE a.segment = %s AND b.segment = %s AND NOT EXISTS (SELECT FROM bench.member c WHERE c.segment = %s AND c.customer = a.customer)', :nr_a, :nr_b, :nr_c));
CALL take(:'part', 'A and B and not C: count', 'int[]', :round, format('SELECT count(*) FROM bench.array_index WHERE segments @> ARRAY[%s, %s] AND NOT segments @> ARRAY[%s]', :nr_a, :nr_b, :nr_c));
CALL take(:'part', 'A and B and not C: list', 'segments', :round, format('SELECT sum(m) FROM segments.unnest(segments.as_set(%L, %L) OPERATOR(segments.&) segments.as_set(%L, %L) OPERATOR(segments.-) segments.as_set(%L, %L)) AS m', :'a', 'hundred', :'b', 'hundred', :'c', 'hundred'));
CALL take(:'part', 'A and B and not C: list', 'membership table', :round, format('SELECT sum(customer) FROM bench.member a JOIN bench.member b USING (customer) WHERE a.segment = %s AND b.segment = %s AND NOT EXISTS (SELECT FROM bench.member c WHERE c.segment = %s AND c.customer = a.customer)', :nr_a, :nr_b, :nr_c));
CALL take(:'part', 'A and B and not C: list', 'int[]', :round, format('SELECT sum(id) FROM bench.array_index WHERE segments @> ARRAY[%s, %s] AND NOT segments @> ARRAY[%s]', :nr_a, :nr_b, :nr_c));
CALL take(:'part', 'list A', 'segments', :round, format('SELECT sum(m) FROM segments.members(%L, %L) AS m', :'a', 'hundred'));
CALL take(:'part', 'list A', 'membership table', :round, format('SELECT sum(customer) FROM bench.member WHERE segment = %s', :nr_a));
CALL take(:'part', 'list A', 'int[]', :round, format('SELECT sum(id) FROM bench.array_index WHERE segments @> ARRAY[%s]', :nr_a));
CALL take(:'part', 'overlap of all pairs', 'segments', :round, 'WITH s AS MATERIALIZED (SELECT nr, segments.as_set(name, ''hundred'') AS members FROM bench.segments) SELECT sum(segments.intersection_cardinality(a.members, b.members)) FROM s a JOIN s b ON a.nr < b.nr');
CALL take(:'part', 'overlap of all pairs', 'int[]', :round, 'SELECT sum(n) FROM (SELECT a, b, count(*) AS n FROM bench.array_index, unnest(segments) AS a, unnest(segments) AS b WHERE a < b GROUP BY 1, 2) AS pair');
\if :first
	CALL take(:'part', 'overlap of all pairs', 'membership table', :round, 'SELECT sum(n) FROM (SELECT a.segment, b.segment, count(*) AS n FROM bench.member a JOIN bench.member b USING (customer) WHERE a.segment < b.segment GROUP BY 1, 2) AS pair');
\endif

-- All ways have built the same.
DO $$
DECLARE
	s bench.segments;
	by_table segments.member_set;
	by_array segments.member_set;
BEGIN
	CREATE TEMP TABLE by_array AS
	SELECT segment, segments.member_set(array_agg(id::bigint)) AS members FROM bench.arrays, unnest(segments) AS segment GROUP BY 1;
	FOR s IN SELECT * FROM bench.segments LOOP
		EXECUTE format('SELECT segments.member_set(array_agg(id::bigint)) FROM bench.member_%s', s.nr) INTO by_table;
		SELECT members INTO by_array FROM pg_temp.by_array WHERE segment = s.nr;
		IF segments.as_set(s.name, 'hundred') OPERATOR(segments.<>) coalesce(by_table, '{}') OR
			segments.as_set(s.name, 'hundred') OPERATOR(segments.<>) coalesce(by_array, '{}') THEN
			RAISE 'The ways differ about segment "%": %', s.name, s.rule;
		END IF;
	END LOOP;
END
$$;
