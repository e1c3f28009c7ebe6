-- Reading segments.

CREATE FUNCTION segments.members_support(internal) RETURNS internal
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'members_support';
COMMENT ON FUNCTION segments.members_support(internal) IS
	'tells the planner how many members a segment has';

CREATE FUNCTION segments.members(segment text, population text DEFAULT NULL)
	RETURNS SETOF bigint LANGUAGE c STABLE PARALLEL SAFE
	SUPPORT segments.members_support
	AS 'MODULE_PATHNAME', 'members';
COMMENT ON FUNCTION segments.members(text, text) IS
	'the members of a segment: the keys of the population, or the numbers that stand for them in segments.dictionary';

CREATE FUNCTION segments.member_keys(segment text, population text DEFAULT NULL)
	RETURNS SETOF text LANGUAGE c STABLE PARALLEL SAFE
	SUPPORT segments.members_support
	AS 'MODULE_PATHNAME', 'member_keys';
COMMENT ON FUNCTION segments.member_keys(text, text) IS
	'the members of a segment by their keys, as text';

CREATE FUNCTION segments.as_set(segment text, population text DEFAULT NULL)
	RETURNS segments.member_set LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'as_set';
COMMENT ON FUNCTION segments.as_set(text, text) IS
	'the members of a segment as one value';

CREATE FUNCTION segments.count_members(segment text, population text DEFAULT NULL)
	RETURNS bigint LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'count_members';
COMMENT ON FUNCTION segments.count_members(text, text) IS
	'how many members a segment has; nothing is counted';

CREATE FUNCTION segments.segment_counts(population integer, OUT segment integer, OUT members bigint, OUT everyone bigint)
	RETURNS SETOF record LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 100
	AS 'MODULE_PATHNAME', 'segment_counts';
COMMENT ON FUNCTION segments.segment_counts(integer) IS
	'how many members each segment of a population has, and how many the population has; null: it has not been built';

CREATE FUNCTION segments.is_member(segment text, key bigint, population text DEFAULT NULL)
	RETURNS boolean LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'is_member_bigint';
COMMENT ON FUNCTION segments.is_member(text, bigint, text) IS
	'is the one with this key a member of the segment?';

CREATE FUNCTION segments.is_member(segment text, key uuid, population text DEFAULT NULL)
	RETURNS boolean LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'is_member_uuid';
COMMENT ON FUNCTION segments.is_member(text, uuid, text) IS
	'is the one with this key a member of the segment?';

CREATE FUNCTION segments.is_member(segment text, key text, population text DEFAULT NULL)
	RETURNS boolean LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'is_member_text';
COMMENT ON FUNCTION segments.is_member(text, text, text) IS
	'is the one with this key a member of the segment? The text of a key of any type will do';

CREATE FUNCTION segments.segments_of(key bigint, population text DEFAULT NULL)
	RETURNS SETOF text LANGUAGE c STABLE PARALLEL SAFE ROWS 10
	AS 'MODULE_PATHNAME', 'segments_of_bigint';
COMMENT ON FUNCTION segments.segments_of(bigint, text) IS
	'the segments that the one with this key is a member of, by name';

CREATE FUNCTION segments.segments_of(key uuid, population text DEFAULT NULL)
	RETURNS SETOF text LANGUAGE c STABLE PARALLEL SAFE ROWS 10
	AS 'MODULE_PATHNAME', 'segments_of_uuid';
COMMENT ON FUNCTION segments.segments_of(uuid, text) IS
	'the segments that the one with this key is a member of, by name';

CREATE FUNCTION segments.segments_of(key text, population text DEFAULT NULL)
	RETURNS SETOF text LANGUAGE c STABLE PARALLEL SAFE ROWS 10
	AS 'MODULE_PATHNAME', 'segments_of_text';
COMMENT ON FUNCTION segments.segments_of(text, text) IS
	'the segments that the one with this key is a member of, by name; the text of a key of any type will do';

CREATE VIEW segments.overlap WITH (security_invoker = true) AS
WITH sets AS MATERIALIZED (
	SELECT p.name AS population, s.name AS segment, segments.as_set(s.name, p.name) AS members
	FROM segments.segment s
		JOIN segments.population p ON p.id = s.population
	WHERE s.built AND s.kind <> 'everyone')
SELECT a.population, a.segment AS segment_a, b.segment AS segment_b,
	segments.intersection_cardinality(a.members, b.members) AS members
FROM sets a
	JOIN sets b ON b.population = a.population AND b.segment > a.segment;
COMMENT ON VIEW segments.overlap IS 'how many are members of both of two segments, for all pairs';

-- Rules that are asked once. They may give numbers to new keys, so they are
-- volatile.

CREATE FUNCTION segments.matching(
	rule segments.segment_rule, population text DEFAULT NULL,
	as_of timestamptz DEFAULT pg_catalog.now(), hide_later boolean DEFAULT false)
	RETURNS SETOF bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'matching';
COMMENT ON FUNCTION segments.matching(segments.segment_rule, text, timestamptz, boolean) IS
	'for whom a rule holds; as_of: at another moment; hide_later: without rows of sources from that moment on';

CREATE FUNCTION segments.next_changes(
	rule segments.segment_rule, population text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
	RETURNS TABLE (member bigint, at timestamptz) LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'next_changes';
COMMENT ON FUNCTION segments.next_changes(segments.segment_rule, text, timestamptz) IS
	'for whom a rule can change its answer by the clock alone, the data staying as they are, and the moment before which that does not happen';

CREATE FUNCTION segments.preview(
	rule segments.segment_rule, population text DEFAULT NULL, max_rows integer DEFAULT 20)
	RETURNS TABLE (member bigint, key text, profile jsonb) LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
	AS 'MODULE_PATHNAME', 'preview';
COMMENT ON FUNCTION segments.preview(segments.segment_rule, text, integer) IS
	'the first of those for whom a rule holds, with their rows';

CREATE FUNCTION segments.estimate(rule segments.segment_rule, population text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'estimate';
COMMENT ON FUNCTION segments.estimate(segments.segment_rule, text) IS
	'for how many a rule holds: exactly for a population of up to 100,000, from a sample for a larger one';

CREATE FUNCTION segments.sql(
	rule segments.segment_rule, population text DEFAULT NULL, as_of timestamptz DEFAULT NULL)
	RETURNS text LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'sql';
COMMENT ON FUNCTION segments.sql(segments.segment_rule, text, timestamptz) IS
	'a rule as one plain SQL query for the keys of those for whom it holds; as_of null: the query says now()';

CREATE VIEW segments.overview WITH (security_invoker = true) AS
SELECT p.name AS population, s.name AS segment, s.rule, c.members,
	pg_catalog.round(100.0 * c.members / NULLIF(c.everyone, 0), 2) AS percent,
	s.active, s.built_at, s.valid_until, s.description, s.problem
FROM segments.population p
	CROSS JOIN LATERAL segments.segment_counts(p.id) AS c
	JOIN segments.segment s ON s.id = c.segment
ORDER BY p.name, s.kind DESC, s.name;
COMMENT ON VIEW segments.overview IS 'every segment with its size and its share of the population';
COMMENT ON COLUMN segments.overview.members IS 'null: not built yet';
COMMENT ON COLUMN segments.overview.percent IS 'of the members of the population';
COMMENT ON COLUMN segments.overview.problem IS 'why it was deactivated, where its rule could not be evaluated any more';
