-- Who may do what: a role that owns the data, roles that may read them in whole or in
-- part, one that may nothing, and one that lays traps.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(93);

CREATE ROLE seg_owner;
CREATE ROLE seg_staff;
GRANT seg_owner TO seg_staff;
CREATE ROLE seg_reader;
CREATE ROLE seg_key_reader;
CREATE ROLE seg_row_reader;
CREATE ROLE seg_stranger;
CREATE ROLE seg_hostile;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
CREATE SCHEMA seg_evil AUTHORIZATION seg_hostile;
GRANT USAGE ON SCHEMA seg_shop TO PUBLIC;
GRANT USAGE ON SCHEMA seg_evil TO seg_owner;

SET ROLE seg_owner;
CREATE TABLE seg_shop.customer (id int PRIMARY KEY, country text, secret text);
INSERT INTO seg_shop.customer SELECT i, CASE WHEN i <= 30 THEN 'DE' ELSE 'FR' END, 's' || i FROM generate_series(1, 100) i;
CREATE TABLE seg_shop.orders (customer_id int, total int);
CREATE TABLE seg_shop.guarded (id uuid PRIMARY KEY, owner text);
INSERT INTO seg_shop.guarded SELECT gen_random_uuid(), 'seg_row_reader' FROM generate_series(1, 3);
INSERT INTO seg_shop.guarded SELECT gen_random_uuid(), 'somebody' FROM generate_series(1, 4);
ALTER TABLE seg_shop.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON seg_shop.guarded FOR SELECT USING (owner = current_user);
GRANT SELECT ON seg_shop.customer TO seg_reader;
GRANT SELECT (id) ON seg_shop.customer TO seg_key_reader;
GRANT SELECT ON seg_shop.guarded TO seg_row_reader;
SELECT segments.create_population('customers', 'seg_shop.customer');
SELECT segments.create_population('guarded', 'seg_shop.guarded');
SELECT segments.create_segment('germans', 'country = ''DE''', 'customers') \gset
SELECT segments.create_segment('all of them', 'true', 'guarded') \gset

-- Nobody writes the tables, not even the owner of a population.
SELECT throws_ok(format('INSERT INTO segments.%I OVERRIDING SYSTEM VALUE SELECT * FROM segments.%1$I', t), '42501', NULL, 'no INSERT into ' || t)
FROM unnest('{population,source,lookup,attribute,segment,membership,dictionary,dependency}'::text[]) t;
SELECT throws_ok('DELETE FROM segments.segment', '42501', NULL, 'no DELETE');
SELECT throws_ok('UPDATE segments.population SET owner = current_user::regrole', '42501', NULL, 'no UPDATE');
SELECT throws_ok('TRUNCATE segments.membership', '42501', NULL, 'no TRUNCATE');

-- A stranger sees nothing and may nothing.
SET ROLE seg_stranger;
SELECT is_empty(format('SELECT FROM segments.%I', t), 'a stranger sees nothing in ' || t)
FROM unnest('{population,source,lookup,attribute,segment,membership,dictionary,dependency,registered,overview}'::text[]) t;
SELECT throws_ok(statement, '42501', 'permission denied for population "customers"', 'a stranger may not: ' || statement) FROM unnest(ARRAY[
	$$SELECT segments.members('germans', 'customers')$$,
	$$SELECT segments.members('no such segment', 'customers')$$,
	$$SELECT segments.member_keys('germans', 'customers')$$,
	$$SELECT segments.as_set('germans', 'customers')$$,
	$$SELECT segments.count_members('germans', 'customers')$$,
	$$SELECT segments.is_member('germans', 1, 'customers')$$,
	$$SELECT segments.segments_of(1, 'customers')$$,
	$$SELECT segments.matching('true', 'customers')$$,
	$$SELECT segments.preview('true', 'customers')$$,
	$$SELECT segments.estimate('true', 'customers')$$,
	$$SELECT segments.sql('true', 'customers')$$,
	$$SELECT segments.create_segment('s', 'true', 'customers')$$,
	$$SELECT segments.alter_segment('germans', rule => 'true', population => 'customers')$$,
	$$SELECT segments.drop_segment('germans', 'customers')$$,
	$$SELECT segments.rebuild('germans', 'customers')$$,
	$$SELECT segments.refresh('customers')$$,
	$$SELECT segments.add_source('customers', 'o', 'seg_shop.orders', 'customer_id')$$,
	$$SELECT segments.drop_source('customers', 'o')$$,
	$$SELECT segments.add_lookup('customers', 'o', 'seg_shop.orders', 'id')$$,
	$$SELECT segments.drop_lookup('customers', 'o')$$,
	$$SELECT segments.add_attribute('customers', 'o', 'id')$$,
	$$SELECT segments.drop_attribute('customers', 'o')$$,
	$$SELECT segments.alter_population('customers', owner => 'seg_stranger')$$,
	$$SELECT segments.drop_population('customers', cascade => true)$$,
	$$SELECT segments.create_views('seg_evil', 'customers')$$,
	$$SELECT segments.drop_views('customers')$$]) AS statement;
SELECT throws_ok($$SELECT segments.members('germans')$$, '42704', 'segment "germans" does not exist', 'nor does the name alone tell a stranger');
SELECT throws_ok($$SELECT segments.refresh()$$, '42704', 'there is no population', 'for whom there is no population at all');
SELECT throws_ok($$SELECT segments.create_population('mine', 'seg_shop.customer')$$, '42501', NULL, 'nor can he register what he may not read');
SELECT throws_ok($$SELECT segments.create_population('mine', 'seg_shop.orders', key => 'nmae')$$, '42703', NULL, 'whatever he says');

-- Readers read, but define nothing.
SET ROLE seg_key_reader;
SELECT is((SELECT count(*) FROM segments.members('germans')), 30::bigint, 'who may read the key may read segments');
SELECT bag_eq('SELECT population, segment, members FROM segments.overview',
	$$VALUES ('customers', 'everyone', 100::bigint), ('customers', 'germans', 30)$$, 'and sees them');
SELECT throws_ok($$SELECT segments.matching('true', 'customers')$$, '42501', NULL, 'but asks no rules');
SELECT throws_ok($$SELECT segments.next_changes('true', 'customers')$$, '42501', NULL, 'nor when they change');
SELECT throws_ok($$SELECT segments.create_segment('s', 'true')$$, '42501', NULL, 'and makes no segments');
SELECT lives_ok($$SELECT segments.create_population('mine', 'seg_shop.customer', maintenance => 'scheduled')$$, 'but registers what he may read');
SELECT lives_ok($$SELECT segments.create_segment('first', 'id < 10', 'mine')$$, 'and segments it');
SELECT throws_ok($$SELECT segments.create_segment('spy', 'secret = ''s1''', 'mine')$$, '42501', NULL, 'by what he may read');
SELECT throws_ok($$SELECT segments.add_source('mine', 'orders', 'seg_shop.orders', 'customer_id')$$, '42501', NULL, 'and nothing else');
SELECT throws_ok($$SELECT segments.add_attribute('mine', 'x', 'secret'), segments.create_segment('spy', 'x = ''s1''', 'mine')$$, '42501', NULL,
	'not by a detour either');
SELECT throws_ok($$SELECT segments.preview('id < 10', 'mine')$$, '42501', NULL, 'a preview shows whole rows');
SELECT throws_ok($$SELECT segments.alter_population('mine', owner => 'seg_owner')$$, '42501', NULL, 'and nobody else is made to evaluate');
RESET ROLE;
REVOKE SELECT (id) ON seg_shop.customer FROM seg_key_reader;
SET ROLE seg_key_reader;
SELECT throws_ok($$SELECT segments.members('first', 'mine')$$, '42501', NULL, 'what was granted can be revoked');
SELECT throws_ok($$SELECT segments.refresh('mine')$$, '42501', NULL, 'also for the owner of a population');
SELECT lives_ok($$SELECT segments.drop_population('mine', cascade => true)$$, 'who can still drop it');
RESET ROLE;

-- A segment tells of all rows, so row security counts.
SET ROLE seg_row_reader;
SELECT is((SELECT count(*) FROM seg_shop.guarded), 3::bigint, 'who sees some rows');
SELECT throws_ok($$SELECT segments.members('all of them', 'guarded')$$, '42501', NULL, 'does not read segments of all');
SELECT is_empty('SELECT FROM segments.dictionary', 'nor their keys');
SELECT lives_ok($$SELECT segments.create_population('mine', 'seg_shop.guarded', maintenance => 'scheduled')$$, 'but may have a population of his own');
SELECT is(segments.count_members('everyone', 'mine'), 3::bigint, 'of what he sees');
SET ROLE seg_reader;
SELECT throws_ok($$SELECT segments.members('everyone', 'mine')$$, '42501', NULL, 'which others do not');
SET ROLE seg_owner;
CREATE VIEW seg_shop.through AS SELECT * FROM seg_shop.customer;
CREATE VIEW seg_shop.mirror WITH (security_invoker = true) AS SELECT * FROM seg_shop.customer;
GRANT SELECT ON seg_shop.through, seg_shop.mirror TO seg_stranger;
SELECT segments.create_population('through', 'seg_shop.through', key => 'id'), segments.create_population('mirror', 'seg_shop.mirror', key => 'id') \gset
SET ROLE seg_stranger;
SELECT is(segments.count_members('everyone', 'through'), 100::bigint, 'a view shows everybody the same');
SELECT throws_ok($$SELECT segments.count_members('everyone', 'mirror')$$, '42501', NULL, 'unless it has the reader''s rights');

-- A member of the owner's role manages.
SET ROLE seg_staff;
SELECT lives_ok($$SELECT segments.create_segment('French', 'country = ''FR''', 'customers')$$, 'who has the owner''s privileges manages');
SELECT throws_ok($$SELECT segments.create_views('seg_evil', 'customers')$$, '42501', NULL, 'but makes views only where he may');
RESET ROLE;

-- Traps. Whatever lies in the caller's search_path, we do not step into it.
SET ROLE seg_hostile;
CREATE FUNCTION seg_evil.trap(int, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION seg_evil.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE OPERATOR seg_evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = seg_evil.trap);
CREATE OPERATOR seg_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = seg_evil.trap);
CREATE OPERATOR seg_evil.< (LEFTARG = int, RIGHTARG = int, FUNCTION = seg_evil.trap);
CREATE FUNCTION seg_evil.coalesce(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION seg_evil.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION seg_evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION seg_evil.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE AGGREGATE seg_evil.count(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '1000');
CREATE TABLE seg_evil.segment (id int);
CREATE DOMAIN seg_evil.int8 AS text;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA seg_evil TO PUBLIC;
SET ROLE seg_owner;
CREATE FUNCTION seg_shop.among_traps(statement text) RETURNS void LANGUAGE plpgsql
	SET search_path = seg_evil, seg_shop, pg_catalog AS $$BEGIN EXECUTE statement; END$$;
SELECT throws_ok($$SELECT seg_shop.among_traps('SELECT 1 WHERE 1 = 1')$$, 'P0001', 'trapped', 'the traps work');
SELECT lives_ok(format('SELECT seg_shop.among_traps(%L)', statement), 'among traps: ' || statement) FROM unnest(ARRAY[
	$$SELECT segments.create_population('trapped', 'customer')$$,
	$$SELECT segments.add_source('trapped', 'orders', 'orders', 'customer_id')$$,
	$$SELECT segments.create_segment('some', 'id < 10 and country = ''DE'' and count(orders) = 0', 'trapped')$$,
	$$SELECT segments.alter_segment('some', new_name => 'others', population => 'trapped')$$,
	$$SELECT segments.refresh('trapped'), segments.rebuild('others', 'trapped')$$,
	$$SELECT segments.preview('id < 10', 'trapped'), segments.estimate('id < 10', 'trapped'), segments.matching('id < 10', 'trapped')$$,
	$$SELECT segments.is_member('others', 1, 'trapped'), segments.segments_of(1, 'trapped'), segments.as_set('others', 'trapped')$$,
	$$SELECT segments.create_views('seg_shop', 'trapped')$$,
	$$SELECT id FROM seg_shop.others$$,
	$$SELECT segments.drop_population('trapped', cascade => true)$$]) AS statement;
RESET ROLE;

-- The owner's functions run as the owner, whoever starts them, and get no further.
SET ROLE seg_hostile;
CREATE FUNCTION seg_evil.who() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT current_user::text';
CREATE FUNCTION seg_evil.climb() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM set_config('role', 'none', false);
	RETURN 'climbed';
EXCEPTION WHEN insufficient_privilege THEN RETURN 'held';
END$$;
CREATE TABLE seg_evil.base (id int PRIMARY KEY);
INSERT INTO seg_evil.base VALUES (1), (2);
CREATE VIEW seg_evil.prey AS SELECT id, seg_evil.who() AS who, seg_evil.climb() AS climb FROM seg_evil.base;
SELECT segments.create_population('prey', 'seg_evil.prey', key => 'id');
SELECT segments.add_attribute('prey', 'also', 'seg_evil.who()');
SELECT segments.create_segment('as the owner', 'who = ''seg_hostile'' and also = ''seg_hostile'' and climb = ''held''', 'prey') \gset
RESET ROLE;
SELECT segments.refresh('prey') \gset
SELECT is(segments.count_members('as the owner', 'prey'), 2::bigint, 'what a superuser starts runs as the owner');
SELECT is(segments.estimate('who = ''seg_hostile'' and climb = ''held''', 'prey'), 2::bigint, 'also what he asks');
SELECT is((SELECT count(*) FROM segments.preview('true', 'prey') WHERE profile ->> 'who' = 'seg_hostile' AND profile ->> 'climb' = 'held'), 2::bigint,
	'and sees');
SELECT is(current_user::text, session_user::text, 'and he is himself afterwards');
SELECT throws_ok($$SELECT segments.create_segment('fails', 'who = 1', 'prey')$$, '42804', NULL, 'also after an error');
SELECT is(current_user::text || current_setting('search_path'), session_user::text || '"$user", public', 'he is himself, with his search_path');

SELECT * FROM finish();
ROLLBACK;
