-- member_set against plain SQL: random sets of several densities, and for each
-- whatever the type can do done to a sorted array as well.
BEGIN;
SELECT plan(25);
SET LOCAL search_path = public, segments;
SELECT setseed(0.4242);

-- Two sets of each universe, so that they have something in common.  The universes
-- lie where chunks, halves of keys and the range of bigint end.
CREATE TEMP TABLE universe AS
SELECT u AS id, base, width, shape,
	CASE WHEN u % 40 = 0 THEN 30000 WHEN u % 7 = 0 THEN 3000 ELSE 60 END AS most
FROM (
	SELECT u,
		(ARRAY[0, -30000, 4294960000, 2147480000, -4294990000, 8191, -1, 9223372036854700000,
			-9223372036854775808, (random() * 1e15)::bigint])[1 + floor(random() * 10)] AS base,
		(ARRAY[10, 300, 8192, 20000, 70000])[1 + floor(random() * 5)] AS width,
		(ARRAY['points', 'runs', 'steps', 'holes', 'far'])[1 + floor(random() * 5)] AS shape
	FROM generate_series(1, 1500) AS u) AS u;

CREATE FUNCTION pg_temp.random_keys(base bigint, width int, shape text, most int) RETURNS bigint[]
LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(key ORDER BY random()) FROM (
		SELECT DISTINCT key FROM (
			SELECT base + floor(random() * width)::bigint AS key
			FROM generate_series(1, floor(random() * most)::int)
			WHERE shape = 'points'
			UNION ALL
			SELECT base + (first + i) % width
			FROM (SELECT floor(random() * width)::bigint AS first, floor(random() * most / 5)::int AS length
				FROM generate_series(1, 5)) AS r, generate_series(0, length) AS i
			WHERE shape = 'runs'
			UNION ALL
			SELECT base + i
			FROM (SELECT 1 + floor(random() * 4)::int AS step) AS s, generate_series(0, least(width, most) - 1, step) AS i
			WHERE shape = 'steps'
			UNION ALL
			SELECT base + i FROM generate_series(0, least(width, most) - 1) AS i
			WHERE shape = 'holes' AND random() < 0.9
			UNION ALL
			SELECT (sign(base) * floor(random() * 50)::bigint * 100000000000 + i)::bigint
			FROM generate_series(1, least(most, 300)) AS i
			WHERE shape = 'far'
		) AS k) AS k
$$;

CREATE TEMP TABLE sample AS
SELECT row_number() OVER () AS id, universe, keys, member_set(keys) AS s,
	ARRAY(SELECT k FROM unnest(keys) AS k ORDER BY k) AS a
FROM (
	SELECT id AS universe, coalesce(pg_temp.random_keys(base, width, shape, most), '{}') AS keys
	FROM universe, generate_series(1, 2)) AS k;
CREATE TEMP TABLE pair AS
SELECT x.id, x.s AS xs, x.a AS xa, y.s AS ys, y.a AS ya FROM sample AS x JOIN sample AS y USING (universe)
WHERE x.id < y.id
UNION ALL
SELECT -x.id, x.s, x.a, y.s, y.a FROM sample AS x JOIN sample AS y ON y.id = x.id + 5
WHERE x.id % 10 = 0 AND cardinality(x.a) < 1000 AND cardinality(y.a) < 1000;
ANALYZE sample;

SELECT cmp_ok(count(*), '>', 2900::bigint, 'there are some three thousand sets') FROM sample;
SELECT cmp_ok(count(*), '>', 30::bigint, 'of which some are large') FROM sample WHERE cardinality(a) > 8000;
SELECT cmp_ok(count(*), '>', 1700::bigint, 'and as many pairs') FROM pair;

-- One set.
SELECT is_empty('SELECT id FROM sample WHERE s::bigint[] <> a', 'to array');
SELECT is_empty('SELECT id FROM sample WHERE ARRAY(SELECT m FROM unnest(s) AS m) <> a', 'unnest');
SELECT is_empty('SELECT id FROM sample WHERE segments.cardinality(s) <> pg_catalog.cardinality(a)
	OR is_empty(s) <> (a = ''{}'')', 'cardinality');
SELECT is_empty('SELECT id FROM sample WHERE min_member(s) IS DISTINCT FROM a[1]
	OR max_member(s) IS DISTINCT FROM a[pg_catalog.cardinality(a)]', 'lowest and highest member');

-- Three keys in a row or more are a range.
CREATE TEMP TABLE canonical AS
SELECT id, '{' || coalesce(string_agg(CASE last - first WHEN 0 THEN first::text WHEN 1 THEN first || ',' || last
	ELSE first || '-' || last END, ',' ORDER BY first), '') || '}' AS text
FROM sample LEFT JOIN (
	SELECT id, min(k) AS first, max(k) AS last
	FROM (SELECT id, k, k::numeric - row_number() OVER (PARTITION BY id ORDER BY k) AS island
		FROM sample, unnest(a) AS k) AS i
	GROUP BY id, island) AS run USING (id)
GROUP BY id;
SELECT is_empty('SELECT id FROM sample JOIN canonical USING (id) WHERE s::text <> text', 'text output is canonical');
SELECT is_empty('SELECT id FROM sample JOIN canonical USING (id) WHERE text::member_set <> s', 'and read back');
SELECT is_empty('SELECT id FROM sample WHERE a::text::member_set <> s', 'a list of members is read');
SELECT is_empty('SELECT id FROM sample WHERE keys::text::member_set <> s', 'also one without order');

SELECT is_empty($$
	SELECT id FROM sample, LATERAL (
		SELECT member_set_agg(k) AS ascending, (SELECT member_set_agg(k) FROM unnest(keys) AS k) AS any_order
		FROM unnest(a) AS k) AS g
	WHERE ascending IS DISTINCT FROM nullif(s, '{}') OR any_order IS DISTINCT FROM nullif(s, '{}')
$$, 'the aggregate of the keys, in whatever order');
SELECT is_empty($$
	SELECT id FROM sample,
		LATERAL (SELECT union_agg(ARRAY[k]::member_set) AS u FROM unnest(keys) AS k) AS g
	WHERE u IS DISTINCT FROM nullif(s, '{}') AND pg_catalog.cardinality(a) < 3000
$$, 'the union of one set a key');
SELECT is_empty($$
	SELECT id FROM sample WHERE from_roaring64(to_roaring64(s)) <> s
$$, 'Roaring bitmaps of 64-bit keys');
SELECT is_empty($$
	SELECT id FROM sample
	WHERE a <> '{}' AND a[1] >= 0 AND a[pg_catalog.cardinality(a)] < 4294967296
		AND (from_roaring(to_roaring(s)) <> s
			OR to_roaring64(s) <> '\x010000000000000000000000'::bytea || to_roaring(s))
$$, 'Roaring bitmaps of 32-bit keys');

-- Two sets.
SELECT is_empty('SELECT id FROM pair WHERE (xs | ys)::bigint[] <>
	ARRAY(SELECT k FROM unnest(xa) AS k UNION SELECT k FROM unnest(ya) AS k ORDER BY k)', 'union');
SELECT is_empty('SELECT id FROM pair WHERE (xs & ys)::bigint[] <>
	ARRAY(SELECT k FROM unnest(xa) AS k INTERSECT SELECT k FROM unnest(ya) AS k ORDER BY k)', 'intersection');
SELECT is_empty('SELECT id FROM pair WHERE (xs - ys)::bigint[] <>
	ARRAY(SELECT k FROM unnest(xa) AS k EXCEPT SELECT k FROM unnest(ya) AS k ORDER BY k)', 'difference');
SELECT is_empty('SELECT id FROM pair WHERE (xs # ys) <> (xs - ys | ys - xs)', 'symmetric difference');
SELECT is_empty('SELECT id FROM pair WHERE xs | ys <> (xs::bigint[] || ya)::member_set', 'results are canonical');
SELECT is_empty('SELECT id FROM pair WHERE intersection_cardinality(xs, ys) <> segments.cardinality(xs & ys)
	OR (xs && ys) <> NOT is_empty(xs & ys)', 'intersection_cardinality and &&');
SELECT is_empty('SELECT id FROM pair WHERE (xs @> ys) <> ((xs | ys) = xs) OR (xs <@ ys) <> ((xs | ys) = ys)
	OR NOT xs @> (xs & ys) OR NOT xs <@ (xs | ys)', '@> and <@');
SELECT is_empty('SELECT id FROM pair WHERE (xs < ys) <> (xa < ya) OR (xs <= ys) <> (xa <= ya)
	OR (xs = ys) <> (xa = ya) OR member_set_cmp(xs, ys) <> btarraycmp(xa, ya)
	OR member_set_cmp(ys, xs) <> btarraycmp(ya, xa)', 'order is that of sorted arrays');

-- Keys, those around the members too.
SELECT is_empty($$
	SELECT x.id, k FROM sample AS x JOIN sample AS y USING (universe),
		LATERAL (SELECT k + d AS k FROM (SELECT k FROM unnest(y.a[1:20]) AS k WHERE abs(k::numeric) < 9e18) AS k,
			generate_series(-1, 1) AS d) AS p
	WHERE (x.s @> k) <> (k = ANY (x.a)) OR (k <@ x.s) <> (x.s @> k)
$$, '@> and <@ with a key');

-- Equal sets have equal hashes, others hardly ever.
SELECT is((SELECT count(DISTINCT member_set_hash(s)) FROM sample), (SELECT count(DISTINCT a) FROM sample), 'hash');

SELECT * FROM finish();
ROLLBACK;
