-- The type member_set: text, errors, operators, casts, aggregates, sizes.
SET search_path = public, segments;

-- What is read, and how it is written.
SELECT text AS input, text::member_set AS output
FROM unnest(ARRAY['{}', ' { } ', '{7}', '{1,2,5-9,12}', '{3,1,2,2,1}', '{1-1}', '{1,2}', '{1,2,3}',
	'{5-9,1-6,2}', '{-5--2,3}', '{-5 - -2 , 3 -4 }', '{0007,-0}',
	'{8190-8193}', '{-8193--8190}', '{100000,5,0-50000}', '{20000,0-16383}', '{-3-3}', '{8191,8192}',
	'{-9223372036854775808,9223372036854775807}',
	'{-9223372036854775808--9223372036854775806,9223372036854775800-9223372036854775807}'])
	WITH ORDINALITY AS t (text, nr)
ORDER BY nr;

-- What is not.
SELECT member_set ''; -- fails
SELECT member_set '1,2'; -- fails
SELECT member_set '{'; -- fails
SELECT member_set '{1'; -- fails
SELECT member_set '{1,'; -- fails
SELECT member_set '{1,}'; -- fails
SELECT member_set '{,1}'; -- fails
SELECT member_set '{1 2}'; -- fails
SELECT member_set '{1}{2}'; -- fails
SELECT member_set '{1--}'; -- fails
SELECT member_set '{- 1}'; -- fails
SELECT member_set '{+1}'; -- fails
SELECT member_set '{1.5}'; -- fails
SELECT member_set '{1-2-3}'; -- fails
SELECT member_set '{é}'; -- fails
SELECT member_set '{9-5}'; -- fails
SELECT member_set '{9223372036854775808}'; -- fails
SELECT member_set '{-9223372036854775809}'; -- fails
SELECT member_set '{1-99999999999999999999999999999999}'; -- fails

-- A value has a limit of 1 GB; whole ranges take little of it.
SELECT cardinality(member_set '{0-9999999999}');
SELECT pg_column_size(member_set '{0-81919}');
SELECT member_set '{1-9223372036854775807}'; -- fails
SELECT member_set '{-9223372036854775808-9223372036854775807}'; -- fails
SELECT member_set '{5,1-9223372036854775807}'; -- fails

-- Operators.
SELECT a | b AS union, a & b AS intersection, a - b AS difference, a # b AS symmetric,
	intersection_cardinality(a, b), a && b AS overlaps, a @> b AS contains, a <@ b AS contained
FROM (VALUES
	(member_set '{1-10,20}', member_set '{5-15,20,30}'),
	('{1-10}', '{2,4}'),
	('{2,4}', '{1-10}'),
	('{}', '{1}'),
	('{}', '{}'),
	('{1,100000}', '{2,100001}'),
	('{1-3,5000000000}', '{-5,5000000000}'),
	('{0-8191}', '{4096-12287}')) AS t (a, b);

SELECT member_set '{1-10,20}' @> 20::bigint AS yes, member_set '{1-10,20}' @> 11 AS no,
	5 <@ member_set '{1-10}' AS yes, -5 <@ member_set '{1-10}' AS no,
	member_set '{1-3}' @> '{2,3}' AS yes, '{2,4}' <@ member_set '{1-3}' AS no;

SELECT s, cardinality(s), is_empty(s), min_member(s), max_member(s)
FROM (VALUES (member_set '{}'), ('{-7}'), ('{5-9,100000-200000}'),
	('{-9223372036854775808,9223372036854775807}')) AS t (s);

-- Order: as of sorted arrays.
SELECT s FROM (VALUES (member_set '{}'), ('{1}'), ('{1,2}'), ('{1-3}'), ('{1,3}'), ('{2}'), ('{-1}'), ('{-1,9}'),
	('{1,9000}'), ('{1,2,9000}'), ('{9000}'), ('{9000-9999}'), ('{1-8192}'), ('{1-8191}'), (NULL)) AS t (s)
ORDER BY s;
SELECT a, b, a = b AS eq, a <> b AS ne, a < b AS lt, a <= b AS le, a > b AS gt, a >= b AS ge,
	member_set_cmp(a, b), member_set_hash(a) = member_set_hash(b) AS hash,
	member_set_hash_extended(a, 7) = member_set_hash_extended(b, 7) AS hash_extended
FROM (VALUES (member_set '{1-3}', member_set '{3,2,1}'), ('{1,2}', '{1,3}'), ('{1,3}', '{1}')) AS t (a, b);

-- They sort, group, join and index.
CREATE TABLE sets (id int PRIMARY KEY, s member_set);
INSERT INTO sets SELECT i, ARRAY[i % 10, i % 7]::member_set FROM generate_series(1, 1000) AS i;
SELECT count(DISTINCT s) FROM sets;
SELECT count(*) FROM (SELECT s FROM sets GROUP BY s) AS g;
CREATE INDEX sets_btree ON sets (s);
CREATE INDEX sets_hash ON sets USING hash (s);
SET enable_seqscan = off;
SELECT count(*) FROM sets WHERE s = '{1,5}';
SELECT count(*) FROM sets WHERE s < '{1,2}';
DROP INDEX sets_btree;
EXPLAIN (COSTS OFF) SELECT count(*) FROM sets WHERE s = '{1,5}';
SELECT count(*) FROM sets WHERE s = '{1,5}';
RESET enable_seqscan;
SET enable_hashjoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM sets AS a JOIN sets AS b USING (s);
SELECT count(*) FROM sets AS a JOIN sets AS b USING (s);
RESET enable_hashjoin;
SET enable_mergejoin = off;
SELECT count(*) FROM sets AS a JOIN sets AS b USING (s);
RESET enable_mergejoin;
RESET enable_nestloop;
EXPLAIN (COSTS OFF) SELECT * FROM sets WHERE 5::bigint <@ s AND NOT s = '{}';

-- Arrays.
SELECT ARRAY[5, 1, 1, 3]::member_set, ARRAY[5, 1, 1, 3]::bigint[]::member_set, '{}'::bigint[]::member_set,
	ARRAY[[1, 2], [9, -4]]::member_set, '[5:6]={7,8}'::int[]::member_set;
SELECT '{1-5,9}'::member_set::bigint[], '{}'::member_set::bigint[], ('{-3,7}'::member_set::bigint[])[2];
SELECT array_remove(ARRAY[1, NULL, 2], NULL)::member_set;
SELECT ARRAY[1, NULL]::member_set; -- fails
SELECT '{0-9999999999}'::member_set::bigint[]; -- fails
INSERT INTO sets VALUES (0, ARRAY[1, 2, 3]::bigint[]);
SELECT s FROM sets WHERE id = 0;

-- The rows of a set, as many as the planner is told where it can be known.
SELECT * FROM unnest('{3-5,-2}'::member_set);
SELECT unnest('{1-9000000000}'::member_set) LIMIT 3;
SELECT count(*), min(m), max(m), sum(m) FROM unnest('{-100000-200000,400000}'::member_set) AS m;
SELECT id, m FROM sets, unnest(s) AS m WHERE id = 0;
CREATE FUNCTION planned_rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	EXECUTE 'EXPLAIN ' || query INTO line;
	RETURN substring(line FROM 'rows=\d+');
END
$$;
SELECT planned_rows($$SELECT * FROM segments.unnest('{1-1234567}'::segments.member_set)$$),
	planned_rows($$SELECT * FROM segments.unnest('{}'::segments.member_set)$$),
	planned_rows($$SELECT * FROM segments.unnest(ARRAY[1, 2, 7]::segments.member_set)$$),
	planned_rows($$SELECT * FROM segments.unnest((SELECT s FROM sets WHERE id = 1))$$);

-- Aggregates.  Nulls are passed over.
SELECT member_set_agg(x), union_agg(s), intersection_agg(s)
FROM (VALUES (3::bigint, member_set '{1-10}'), (NULL, '{5-20}'), (1, NULL), (3, '{9,10,30}')) AS t (x, s);
SELECT member_set_agg(NULL), union_agg(NULL), intersection_agg(NULL) FROM generate_series(1, 2);
SELECT member_set_agg(id), union_agg(s), intersection_agg(s) FROM sets WHERE id < 0;
SELECT intersection_agg(s) FROM sets;
SELECT id % 3 AS rest, cardinality(member_set_agg(id)), union_agg(s) FROM sets GROUP BY 1 ORDER BY 1;
SELECT id, member_set_agg(id) OVER (ORDER BY id), union_agg(s) OVER (ORDER BY id ROWS 1 PRECEDING)
FROM sets WHERE id BETWEEN 1 AND 5 ORDER BY id;
SELECT id, member_set_agg(id % 3) OVER w, union_agg(s) OVER w
FROM sets WHERE id BETWEEN 1 AND 5 WINDOW w AS (ORDER BY id DESC) ORDER BY id DESC;

-- In any order, and in parallel.
CREATE TABLE keys AS
SELECT i AS nr, (i * 7919) % 200003 - 100000 AS key FROM generate_series(1::bigint, 200002) AS i;
ALTER TABLE keys SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT member_set_agg(key) FROM keys;
SELECT member_set_agg(key) FROM keys;
SELECT cardinality(member_set_agg(key)) FROM keys WHERE nr % 2 = 0;
SELECT count(*) FROM (SELECT member_set_agg(key) AS s FROM keys WHERE nr % 3 = 0) AS a
WHERE s::bigint[] = ARRAY(SELECT key FROM keys WHERE nr % 3 = 0 ORDER BY key);
SELECT cardinality(union_agg(s)), union_agg(s) = (SELECT member_set_agg(key) FROM keys) AS same
FROM (SELECT nr % 100 AS part, member_set_agg(key) AS s FROM keys GROUP BY 1) AS parts;
CREATE TABLE parts AS SELECT part, '{0-9}'::member_set | ARRAY[part * 1000]::member_set AS s
FROM generate_series(-500, 500) AS part;
ALTER TABLE parts SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT union_agg(s), intersection_agg(s) FROM parts;
SELECT cardinality(union_agg(s)), min_member(union_agg(s)), max_member(union_agg(s)), intersection_agg(s) FROM parts;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Values that are stored out of line, compressed or not; one chunk never is.
CREATE TABLE large (nr int, s member_set);
INSERT INTO large SELECT 1, member_set_agg(key) FROM keys WHERE nr % 5 = 0;
INSERT INTO large SELECT 2, member_set_agg(i * 3) FROM generate_series(1::bigint, 100000) AS i;
ALTER TABLE large ALTER s SET STORAGE external;
INSERT INTO large SELECT nr + 2, s FROM large WHERE nr <= 2;
INSERT INTO large SELECT 5, s | '{}' FROM large WHERE nr = 1;
SELECT nr, cardinality(s), is_empty(s), min_member(s), max_member(s), pg_column_size(s) > 2000 AS large,
	s @> 300 AS has_300, cardinality(s & '{0-299}') AS below_300
FROM large ORDER BY nr;
SELECT a.nr, b.nr FROM large AS a JOIN large AS b ON a.s = b.s AND a.nr < b.nr ORDER BY 1, 2;
SELECT max(pg_column_size(s)) FROM (
	SELECT member_set_agg(i * i * 12347 % 8192) AS s FROM generate_series(1, 100) AS n, generate_series(1::bigint, n * 100) AS i
	GROUP BY n) AS chunks;

SELECT union_agg(s), union_agg('{}'::member_set), union_agg(s | '{}') = union_agg(s) AS same
FROM (VALUES (member_set '{}'), ('{5}'), ('{}'), ('{1-3}')) AS t (s);

-- Roaring: the bytes that the specification says.
SELECT to_roaring('{}'), to_roaring('{1,2,5}'), to_roaring('{1-100}'), to_roaring('{65535,65536}');
SELECT to_roaring64('{}'), to_roaring64('{1,4294967296}'), to_roaring64('{-1,1}');
SELECT from_roaring(to_roaring('{0,5-70000,4294967295}')), from_roaring64(to_roaring64('{-9223372036854775808,-1,0,9223372036854775807}'));
SELECT from_roaring('\x3a300000010000000000020010000000010002000500');
SELECT from_roaring('\x3b3000000100000200010001000200');
SELECT from_roaring('\x3b300000010000030002000100010003000100');
SELECT to_roaring('{-1}'); -- fails
SELECT to_roaring('{5,4294967296}'); -- fails

-- What is wrong with others is said.
SELECT from_roaring(''); -- fails
SELECT from_roaring('\x3c30000000000000'); -- fails
SELECT from_roaring('\x3a30000001000100'); -- fails
SELECT from_roaring('\x3a30000000000000ff'); -- fails
SELECT from_roaring('\x3a3000000100000000000100100000000500'); -- fails
SELECT from_roaring('\x3a30000001000000000001001000000005000500'); -- fails
SELECT from_roaring('\x3a30000001000000000001001000000005000400'); -- fails
SELECT from_roaring('\x3a30000001000000000001001100000004000500'); -- fails
SELECT from_roaring('\x3a300000020000000500000005000000180000001a00000001000200'); -- fails
SELECT from_roaring('\x3b30000003000000000100ffff0100'); -- fails
SELECT from_roaring('\x3b300000010000030002000100010002000100'); -- fails, they overlap
SELECT from_roaring('\x3b30000001000000000000'); -- fails, there is no run
SELECT from_roaring('\x3b3000000100000300010001000200'); -- fails, three are not four
SELECT from_roaring('\x3b30000001000002000100ffff0200'); -- fails
SELECT from_roaring64('\x00'); -- fails
SELECT from_roaring64('\x0100000000000000'); -- fails
SELECT from_roaring64('\x0200000000000000050000003a30000000000000050000003a30000000000000'); -- fails
SELECT from_roaring64('\x000000000000000000'); -- fails
SELECT from_roaring64('\x0200000000000000050000003a30000000000000060000003a30000000000000');

DROP TABLE sets, keys, parts, large;
DROP FUNCTION planned_rows;
