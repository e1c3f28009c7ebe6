-- Reading segments, for every kind of key; rules that are asked once; what the planner
-- is told; views.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(171);
CREATE SCHEMA seg_read;
SET search_path = seg_read, public, segments;

-- One population for each kind of key, with the same 20,000 people.
CREATE TABLE person AS SELECT i AS n, i % 3 = 0 AS third, i % 1000 = 7 AS rare FROM generate_series(1, 20000) i;
CREATE TABLE by_int AS SELECT n AS id, n, third, rare FROM person;
CREATE TABLE by_negative AS SELECT n::bigint * 3 - 30000 AS id, n, third, rare FROM person;
CREATE TABLE by_snowflake AS SELECT 1000000000000000000 + n * 4194304::bigint AS id, n, third, rare FROM person;
CREATE TABLE by_uuid AS SELECT md5(n::text)::uuid AS id, n, third, rare FROM person;
CREATE TABLE by_text AS SELECT 'Kunde ''"' || n || 'ß' COLLATE "C" AS id, n, third, rare FROM person;
CREATE TABLE by_varchar AS SELECT ('k' || n)::varchar AS id, n, third, rare FROM person;
CREATE TABLE kind (kind text PRIMARY KEY);
INSERT INTO kind VALUES ('by_int'), ('by_negative'), ('by_snowflake'), ('by_uuid'), ('by_text'), ('by_varchar');
DO $$
DECLARE k text;
BEGIN
	FOR k IN SELECT kind FROM kind LOOP
		EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', k);
		PERFORM segments.create_population(k, k::regclass, maintenance => 'scheduled');
		PERFORM segments.create_segment('thirds', 'third', k);
		PERFORM segments.create_segment('rare', 'rare', k);
		PERFORM segments.create_segment('nobody', 'n < 0', k);
		PERFORM segments.create_segment('everybody', 'n > 0', k);
	END LOOP;
END $$;
CREATE TEMP VIEW expected AS
SELECT kind, s.segment, CASE s.segment WHEN 'thirds' THEN 'third' WHEN 'rare' THEN 'rare' WHEN 'nobody' THEN 'false' ELSE 'true' END AS condition
FROM kind, (VALUES ('thirds'), ('rare'), ('nobody'), ('everybody')) AS s (segment);

SELECT bag_eq(format('SELECT segments.member_keys(%L, %L)', segment, kind), format('SELECT id::text FROM %I WHERE %s', kind, condition),
	format('%s: the keys of %s', kind, segment)) FROM expected;
SELECT is(segments.count_members(segment, kind), (SELECT count(*) FROM segments.members(segment, kind)),
	format('%s: as many members as %s counts', kind, segment)) FROM expected;
SELECT ok(segments.as_set(segment, kind) = (SELECT coalesce(segments.member_set_agg(m), '{}') FROM segments.members(segment, kind) m),
	format('%s: %s as a set', kind, segment)) FROM expected;
SELECT is_empty(format($$SELECT FROM %I WHERE n %% 10 = 7
	AND (segments.is_member('rare', id, %L) <> rare OR segments.is_member('rare', id::text, %2$L) <> rare)$$, kind, kind),
	kind || ': members one by one') FROM kind WHERE kind NOT IN ('by_text', 'by_varchar');
SELECT is_empty(format($$SELECT FROM %I WHERE n %% 10 = 7 AND segments.is_member('rare', id, %L) <> rare$$, kind, kind), kind || ': members one by one')
FROM kind WHERE kind IN ('by_text', 'by_varchar');
SELECT bag_eq(format('SELECT segments.segments_of(id, %L) FROM %I WHERE n = 7', kind, kind), $$VALUES ('everybody'), ('rare')$$, kind || ': the segments of one')
FROM kind;

SELECT is(segments.is_member('rare', 99999999999999, 'by_int'), false, 'a key beyond the type is nobody''s');
SELECT is(segments.is_member('rare', gen_random_uuid(), 'by_uuid'), false, 'nor is an unknown uuid');
SELECT is(segments.is_member('rare', 'nobody', 'by_text'), false, 'nor an unknown text');
SELECT is_empty($$SELECT segments.segments_of('nobody', 'by_text')$$, 'who is in no segment');
SELECT is(segments.is_member('rare', upper(md5('7')), 'by_uuid'), true, 'a uuid in another spelling');
SELECT is(segments.is_member('rare', ' 7 ', 'by_int'), true, 'a number in another spelling');
SELECT throws_ok($$SELECT segments.is_member('rare', 1, 'by_uuid')$$, '42804', 'population "by_uuid" has keys of type uuid, not bigint', 'a number for a uuid');
SELECT throws_ok($$SELECT segments.segments_of(gen_random_uuid(), 'by_int')$$, '42804', 'population "by_int" has keys of type integer, not uuid', 'a uuid for a number');
SELECT throws_ok($$SELECT segments.is_member('rare', 'x', 'by_int')$$, '22P02', NULL, 'no number');
SELECT throws_ok($$SELECT segments.is_member('rare', 'x', 'by_uuid')$$, '22P02', NULL, 'no uuid');
SELECT throws_ok($$SELECT segments.members('rare')$$, '22023', 'segment "rare" exists in several populations', 'an ambiguous name');
SELECT throws_ok($$SELECT segments.members('raer', 'by_int')$$, '42704', 'segment "raer" does not exist in population "by_int"', 'an unknown name');
SELECT throws_ok($$SELECT segments.members('rare', 'by_in')$$, '42704', 'population "by_in" does not exist', 'an unknown population');
SELECT throws_ok($$SELECT segments.segments_of(1)$$, '22023', 'there are several populations', 'no population given');
SELECT is_empty($$SELECT segments.members(NULL, 'by_int')$$, 'no segment has no members');
SELECT is(segments.is_member(NULL, 1, 'by_int'), NULL, 'who knows');
SELECT lives_ok($$SELECT segments.create_segment('unbuilt', 'third', 'by_int', build => false)$$, 'a segment that is not built');
SELECT throws_ok($$SELECT segments.members('unbuilt')$$, '55000', 'segment "unbuilt" has not been built', 'has no members to read');
SELECT bag_eq($$SELECT members, percent FROM segments.overview WHERE segment = 'unbuilt'$$, 'VALUES (NULL::bigint, NULL::numeric)', 'nor to count');
SELECT bag_eq($$SELECT members, percent FROM segments.overview WHERE segment = 'thirds' AND population = 'by_int'$$, 'VALUES (6666::bigint, 33.33)', 'the others have shares');

-- A reader sees his snapshot, and need not read to the end.
DECLARE reader CURSOR FOR SELECT m FROM segments.members('everybody', 'by_int') m;
DECLARE slow CURSOR FOR SELECT segments.members('everybody', 'by_int');
FETCH 1 FROM reader \gset
FETCH 1 FROM slow \gset
SELECT lives_ok($$SELECT segments.alter_segment('everybody', rule => 'n = 5', population => 'by_int')$$, 'meanwhile the segment changes');
MOVE 10000 FROM reader;
MOVE 10000 FROM slow;
FETCH 1 FROM reader \gset
SELECT is(:m, 10002, 'one who reads already sees it as it was');
FETCH 1 FROM slow \gset
SELECT is(:members, 10002, 'also where it is read bit by bit');
SELECT is((SELECT count(*) FROM (SELECT segments.members('thirds', 'by_int') LIMIT 3) x), 3::bigint, 'reading can stop');

-- The planner.
CREATE FUNCTION planned(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || statement INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT is(planned($$SELECT FROM segments.members('thirds', 'by_int')$$), 6666::bigint, 'the planner knows how many members there are');
SELECT is(planned($$SELECT FROM segments.members(population => 'by_int', segment => 'rare')$$), 20::bigint, 'with named arguments, too');
SELECT is(planned($$SELECT FROM segments.member_keys('rare', 'by_text')$$), 20::bigint, 'and keys');
SELECT is(planned($$SELECT segments.members('thirds', 'by_int')$$), 6666::bigint, 'also in a list of results');
SELECT is(planned($$SELECT FROM segments.members('no such')$$), 1000::bigint, 'an unknown segment is no error yet');
PREPARE known (text) AS SELECT FROM segments.members($1, 'by_int');
SELECT is(planned($$EXECUTE known('thirds')$$), 6666::bigint, 'a parameter is known when it is planned for');
ANALYZE by_int;
CREATE FUNCTION plan_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || statement LOOP plan := plan || line || E'\n'; END LOOP;
	RETURN plan;
END $$;
SELECT matches(plan_of($$SELECT * FROM by_int p JOIN segments.members('rare', 'by_int') m ON p.id = m$$), 'Nested Loop.*Index Scan', 'few members: by the index');
SELECT matches(plan_of($$SELECT * FROM by_int p JOIN segments.members('thirds', 'by_int') m ON p.id = m$$), 'Hash Join', 'many members: a hash join');

-- Rules asked once.
SELECT bag_eq($$SELECT segments.matching('n between 5 and 8', 'by_int')$$, 'SELECT generate_series(5, 8)::bigint', 'whom a rule matches');
SELECT is((SELECT count(*) FROM segments.matching('third', kind)), 6666::bigint, kind || ': matching') FROM kind;
SELECT bag_eq($$SELECT key, profile FROM segments.preview('n < 4', 'by_uuid')$$, $$SELECT id::text, to_jsonb(p) FROM by_uuid p WHERE n < 4$$, 'with their rows');
SELECT bag_eq($$SELECT key, profile FROM segments.preview('n < 4', 'by_text')$$, $$SELECT id::text, to_jsonb(p) FROM by_text p WHERE n < 4$$, 'by texts');
SELECT bag_eq($$SELECT member, key FROM segments.preview('third', 'by_int', max_rows => 2)$$, $$VALUES (3::bigint, '3'), (6, '6')$$, 'the first few');
SELECT is_empty($$SELECT segments.preview('third', 'by_int', max_rows => 0)$$, 'or none');
SELECT throws_ok($$SELECT segments.preview('third', 'by_int', max_rows => -1)$$, '22023', 'argument "max_rows" must not be negative', 'but not fewer');
SELECT bag_eq(segments.sql('third', kind), format('SELECT id FROM %I WHERE third', kind), kind || ': as a query') FROM kind;
SELECT is(segments.estimate('third', 'by_int'), 6666::bigint, 'small populations are counted');
CREATE TABLE big AS SELECT i AS id FROM generate_series(1, 150000) i;
ALTER TABLE big ADD PRIMARY KEY (id);
SELECT segments.create_population('big', 'big');
SELECT cmp_ok(abs(segments.estimate('id <= 75000', 'big') - 75000), '<', 1500::bigint, 'large ones are sampled');
SELECT is(segments.estimate('id < 0', 'big'), 0::bigint, 'nobody is nobody');
SELECT is(segments.estimate('id > 0', 'big'), 150000::bigint, 'everybody is everybody');

CREATE TABLE visit (person int, at timestamptz);
INSERT INTO visit VALUES (1, '2024-03-01'), (1, '2024-03-10'), (2, '2024-03-05');
SELECT segments.add_source('by_int', 'visits', 'visit', key => 'person', at => 'at');
SELECT bag_eq($$SELECT segments.matching('exists(visits within last 7 days)', 'by_int', as_of => '2024-03-07')$$, 'VALUES (1::bigint), (2)', 'at another moment');
SELECT bag_eq($$SELECT segments.matching('count(visits) = 1', 'by_int', as_of => '2024-03-07')$$, 'VALUES (2::bigint)', 'what comes later counts');
SELECT bag_eq($$SELECT segments.matching('count(visits) = 1', 'by_int', as_of => '2024-03-07', hide_later => true)$$, 'VALUES (1::bigint), (2)', 'unless it is hidden');
SELECT throws_ok($$SELECT segments.matching('third', 'by_int', as_of => 'infinity')$$, '22008', 'argument "as_of" must be finite', 'no moment');
SELECT lives_ok($$SELECT segments.create_segment('recent', 'exists(visits within last 7 days)', 'by_int')$$, 'a segment that depends on the clock');
SELECT is(segments.count_members('recent'), 0::bigint, 'is empty now');
SELECT lives_ok($$SELECT segments.refresh('by_int', as_of => '2024-03-07')$$, 'refreshed as of a moment');
SELECT is(segments.count_members('recent'), 2::bigint, 'it has the members of that moment');
SELECT is((SELECT built_at FROM segments.overview WHERE segment = 'recent'), '2024-03-07'::timestamptz, 'and says so');

-- New rows come with the next refresh.
INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-000000000000', 20001, true, true);
SELECT is(segments.is_member('rare', '00000000-0000-0000-0000-000000000000'::uuid, 'by_uuid'), false, 'a new key is not known yet');
SELECT results_eq($$SELECT key, profile FROM segments.preview('n = 20001', 'by_uuid')$$,
	$$SELECT id::text, to_jsonb(p) FROM by_uuid p WHERE n = 20001$$, 'a preview gives it a number, and shows it');
SELECT lives_ok($$SELECT segments.refresh('by_uuid')$$, 'refreshed');
SELECT is(segments.is_member('rare', '00000000-0000-0000-0000-000000000000'::uuid, 'by_uuid'), true, 'and there it is');

-- What a session keeps takes no more memory than it may, of which sets take more than their size: 60 chunks of 60 sets, half a kilobyte each.
CREATE TABLE sparse AS SELECT c * 8192 + i * 2 AS id FROM generate_series(0, 59) AS c, generate_series(1, 260) AS i;
ALTER TABLE sparse ADD PRIMARY KEY (id);
SELECT lives_ok($$SELECT segments.create_population('sparse', 'sparse', maintenance => 'scheduled');
	SELECT segments.create_segment('s' || i, format('id > -%s', i)::segments.segment_rule, 'sparse', build => false) FROM generate_series(1, 60) AS i;
	SELECT segments.refresh('sparse')$$, 'many sets');
SELECT is(current_setting('segments.cache_memory'), '128MB', 'as much as the documentation says');
SET segments.cache_memory = '1MB';
SELECT ok((SELECT count(*) = 60 * 60 FROM generate_series(0, 59) AS c, LATERAL segments.segments_of(c * 8192 + 2, 'sparse')) AND
	(SELECT sum(total_bytes) < 1.5 * 1024 * 1024 FROM pg_catalog.pg_backend_memory_contexts WHERE name LIKE 'segments chunk%'), 'of which few are kept');
RESET segments.cache_memory;

-- Views.
CREATE SCHEMA "The views";
SELECT lives_ok(format($$SELECT segments.create_views('The views', %L)$$, 'by_uuid'), 'views');
SELECT bag_eq('SELECT * FROM "The views".rare', 'SELECT * FROM by_uuid WHERE rare', 'by uuid');
SELECT lives_ok($$SELECT segments.drop_views('by_uuid'), segments.create_views('The views', 'by_text')$$, 'others');
SELECT bag_eq('SELECT * FROM "The views".rare', 'SELECT * FROM by_text WHERE rare', 'by text');
SELECT lives_ok($$SELECT segments.drop_views('by_text'), segments.create_views('The views', 'by_snowflake')$$, 'others');
SELECT bag_eq('SELECT * FROM "The views".thirds', 'SELECT * FROM by_snowflake WHERE third', 'by sparse numbers');
SELECT lives_ok($$SELECT segments.create_segment('it''s "new"', 'n < 3', 'by_snowflake')$$, 'a new segment');
SELECT bag_eq('SELECT n FROM "The views"."it''s ""new"""', 'VALUES (1), (2)', 'has its view');
SELECT lives_ok($$SELECT segments.alter_segment('it''s "new"', new_name => 'old', population => 'by_snowflake')$$, 'under another name');
SELECT bag_eq('SELECT n FROM "The views".old', 'VALUES (1), (2)', 'as well');
SELECT lives_ok($$SELECT segments.alter_population('by_snowflake', new_name => 'flakes')$$, 'another name for the population');
SELECT bag_eq('SELECT n FROM "The views".old', 'VALUES (1), (2)', 'does not matter to it');
SELECT lives_ok($$SELECT segments.drop_segment('old', 'flakes')$$, 'dropped');
SELECT hasnt_view('The views'::name, 'old'::name, 'with its view');
SELECT lives_ok($$SELECT segments.drop_population('flakes', cascade => true)$$, 'all of them');
SELECT is_empty($$SELECT FROM pg_catalog.pg_views WHERE schemaname = 'The views'$$, 'with all views');
SELECT throws_ok($$SELECT segments.create_views('no such schema', 'by_int')$$, '3F000', NULL, 'an unknown schema');

SELECT * FROM finish();
ROLLBACK;
