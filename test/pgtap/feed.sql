-- The feed of changes: consumers, polling, acknowledging, the views of it, and what
-- dropping leaves behind. The rows are written here, in order, by a superuser.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(114);

CREATE ROLE seg_owner;
CREATE ROLE seg_crm;
CREATE ROLE seg_crm_staff;
GRANT seg_crm TO seg_crm_staff;
CREATE ROLE seg_reader;
CREATE ROLE seg_stranger;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
GRANT USAGE ON SCHEMA seg_shop TO PUBLIC;
SET ROLE seg_owner;
CREATE TABLE seg_shop.customer (id int PRIMARY KEY, age int, odd boolean);
INSERT INTO seg_shop.customer SELECT i, i, i % 2 = 1 FROM generate_series(1, 100) i;
CREATE TABLE seg_shop.account (id text PRIMARY KEY, age int);
INSERT INTO seg_shop.account SELECT 'a' || i, i FROM generate_series(1, 100) i;
GRANT SELECT ON seg_shop.customer, seg_shop.account TO seg_crm, seg_reader;
SELECT segments.create_population('customers', 'seg_shop.customer', time_zone => 'Europe/Berlin');
SELECT segments.create_population('accounts', 'seg_shop.account');
SELECT segments.create_segment('old', 'age > 50', 'customers'), segments.create_segment('odd', 'odd', 'customers'),
	segments.create_segment('gone', 'age > 99', 'customers'), segments.create_segment('adults', 'age >= 18', 'accounts') \gset
RESET ROLE;

-- write(): a change, as a trigger would leave it; fold(): what upkeep does with all there are.
CREATE FUNCTION segment_id(name text) RETURNS int LANGUAGE sql AS 'SELECT id FROM segments.segment s WHERE s.name = $1';
CREATE FUNCTION write(member bigint, segment text, entered boolean, reason "char" DEFAULT 'd', at timestamptz DEFAULT '2026-03-01 12:00+00')
	RETURNS void LANGUAGE sql AS
$$INSERT INTO segments.change (population, member, segment, entered, at, reason)
	SELECT s.population, $1, s.id, $3, $5, $4 FROM segments.segment s WHERE s.name = $2$$;
CREATE FUNCTION fold() RETURNS void LANGUAGE sql AS
$$WITH folded AS (DELETE FROM segments.change WHERE number IS NOT NULL RETURNING *)
	INSERT INTO segments.history SELECT id, population, member, segment, entered, at, reason, number FROM folded$$;
-- Numbers come from a sequence that nobody sets back: place in the feed from 1 on.
SELECT coalesce((SELECT last_value FROM segments.change_number WHERE is_called), 0) AS base \gset
CREATE FUNCTION position_of(name text) RETURNS bigint LANGUAGE sql AS 'SELECT "position" FROM segments.consumer c WHERE c.name = $1';

-- The population has to be readable, the name new and a name.
SET ROLE seg_crm;
SELECT throws_ok($$SELECT segments.create_consumer('crm')$$, '22023', 'there are several populations', 'which population?');
SELECT throws_ok($$SELECT segments.create_consumer('', 'customers')$$, '42602', 'the name of a consumer must not be empty', 'a name');
SELECT throws_ok($$SELECT segments.create_consumer(repeat('x', 64), 'customers')$$, '42622', NULL, 'not a long one');
SELECT throws_ok($$SELECT segments.create_consumer(NULL, 'customers')$$, '22004', 'argument "name" must not be null', 'nor none');
SELECT throws_ok($$SELECT segments.create_consumer('crm', 'custmers')$$, '42704', 'population "custmers" does not exist', 'of what?');
RESET ROLE;
SELECT write(1, 'old', true);
SET ROLE seg_crm;
SELECT lives_ok($$SELECT segments.create_consumer('crm', 'customers')$$, 'who reads the population may make a consumer');
SELECT throws_ok($$SELECT segments.create_consumer('crm', 'customers')$$, '42710', 'consumer "crm" already exists in population "customers"', 'once');
SELECT is((SELECT owner::text FROM segments.consumer), 'seg_crm', 'it is his');
SELECT is_empty($$SELECT segments.poll('crm')$$, 'and begins at the end');
RESET ROLE;

-- What happens from then on comes in order, and again until it is acknowledged.
SELECT write(2, 'old', true), write(2, 'odd', false, 'c'), write(3, 'old', false, 'r', '2026-03-02 12:00+00'), write(7, 'adults', true), write(3, 'old', true, 'h');
CREATE FUNCTION polled(consumer text, max_rows int DEFAULT 1000) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(format('%s %s %s', member, CASE WHEN entered THEN 'into' ELSE 'out of' END, segment), ', ' ORDER BY number) FROM segments.poll($1, $2)$$;
SET ROLE seg_crm;
SELECT results_eq($$SELECT number, segment, member, key, entered, at, reason FROM segments.poll('crm')$$,
	format($$SELECT number + %s, segment, member, key, entered, at::timestamptz, reason FROM (VALUES
	(2::bigint, 'old', 2::bigint, '2', true, '2026-03-01 12:00+00', 'data'),
	(3, 'odd', 2, '2', false, '2026-03-01 12:00+00', 'clock'),
	(4, 'old', 3, '3', false, '2026-03-02 12:00+00', 'rule'),
	(5, 'old', 3, '3', true, '2026-03-01 12:00+00', 'hand')) AS c(number, segment, member, key, entered, at, reason)$$, :base), 'all that changed in the population');
SELECT is(polled('crm'), '2 into old, 2 out of odd, 3 out of old, 3 into old', 'once more');
SELECT is(polled('crm', 2), '2 into old, 2 out of odd', 'the first two');
SELECT is(polled('crm', 0), NULL, 'none');
SELECT is(position_of('crm'), :base + 1::bigint, 'polling moves nothing');
SELECT lives_ok(format($$SELECT segments.acknowledge('crm', %s + 3)$$, :base), 'two are dealt with');
SELECT is(polled('crm'), '3 out of old, 3 into old', 'the others come');
RESET ROLE;

-- Rows that upkeep has moved, and rows that it has not.
SELECT fold();
SELECT write(4, 'odd', true), write(5, 'odd', true);
SELECT is(polled('crm'), '3 out of old, 3 into old, 4 into odd, 5 into odd', 'from both tables');
SELECT is(polled('crm', 3), '3 out of old, 3 into old, 4 into odd', 'with one limit');
SELECT is((SELECT count(*) FROM segments.change WHERE number IS NULL), 1::bigint, 'only the feed that is asked for gets numbers');
-- upkeep may move a part, not the one with the lowest numbers
WITH folded AS (DELETE FROM segments.change WHERE member = 5 RETURNING *)
INSERT INTO segments.history SELECT id, population, member, segment, entered, at, reason, number FROM folded;
SELECT is(polled('crm', 3), '3 out of old, 3 into old, 4 into odd', 'in order, whatever has been moved');
SELECT is(polled('crm'), '3 out of old, 3 into old, 4 into odd, 5 into odd', 'and all of them');
SELECT is(polled('crm', 1), '3 out of old', 'one');

-- A long tail, against a plain query.
INSERT INTO segments.change (population, member, segment, entered, at, reason)
SELECT s.population, 1000 + (i * 7919) % 5000, s.id, i % 3 = 0, '2026-03-05', 'd' FROM generate_series(1, 5000) i, segments.segment s WHERE s.name = 'old';
SELECT results_eq(format($$SELECT number, member, entered FROM segments.poll('crm', %s)$$, n),
	format($$SELECT c.number, c.member, event = 'entered' FROM segments.changes c, segments.consumer k
	WHERE c.population = 'customers' AND k.name = 'crm' AND c.number > k.position ORDER BY c.number LIMIT %s$$, n), 'the first ' || n)
FROM unnest('{1,63,64,65,700,5003,5004,2147483647}'::int[]) n;
SELECT is((SELECT count(*) FROM segments.poll('crm')), 1000::bigint, 'a thousand unless it is said otherwise');
SELECT is_empty($$SELECT FROM (SELECT id, lag(id) OVER (ORDER BY number) AS before FROM segments.change WHERE number IS NOT NULL) c WHERE id < before$$, 'numbers rise with ids');
DELETE FROM segments.change WHERE at = '2026-03-05';

-- Several in one row, each with a number of his own; a row begins and ends anywhere in what is polled.
INSERT INTO segments.change (population, member, segment, entered, at, reason, members)
SELECT s.population, 0, s.id, i % 2 = 0, '2026-03-05', 'd', array_agg(m ORDER BY m)::int[]::segments.member_set
FROM generate_series(1, 20) i, generate_series(i, 50 * i, i) m, segments.segment s WHERE s.name = 'old' GROUP BY s.id, i ORDER BY i;
SELECT write(7, 'odd', true, 'd', '2026-03-05'), write(8, 'odd', true, 'd', '2026-03-05');
SELECT results_eq(format($$SELECT number, member, entered FROM segments.poll('crm', %s)$$, n),
	format($$SELECT c.number, c.member, event = 'entered' FROM segments.changes c, segments.consumer k
	WHERE c.population = 'customers' AND k.name = 'crm' AND c.number > k.position ORDER BY c.number LIMIT %s$$, n), 'the first ' || n || ' of those who come together')
FROM unnest('{1,49,50,51,700,1005,1006,1007}'::int[]) n;
SELECT results_eq($$SELECT segment, member, entered FROM segments.poll('crm', 2000) WHERE at = '2026-03-05'$$,
	$$SELECT 'old', m::bigint, i % 2 = 0 FROM generate_series(1, 20) i, generate_series(i, 50 * i, i) m UNION ALL VALUES ('odd', 7::bigint, true), ('odd', 8, true)$$, 'all of them, in order');
SELECT number AS within, member AS last_one FROM segments.poll('crm', 75) ORDER BY number DESC LIMIT 1 \gset
SAVEPOINT within;
SELECT segments.acknowledge('crm', :within);
SELECT results_eq($$SELECT member FROM segments.poll('crm', 3)$$, format('SELECT (%s + 2 * i)::bigint FROM generate_series(1, 3) i', :last_one), 'some of a row may be acknowledged');
SELECT segments.acknowledge('crm', (SELECT max(number) FROM segments.poll('crm', 10000)));
SELECT segments.create_consumer('late', 'customers');
SELECT is(position_of('late'), position_of('crm'), 'the end of the feed is behind the last of a row');
ROLLBACK TO within;
DELETE FROM segments.change WHERE at = '2026-03-05';

-- Acknowledging.
SET ROLE seg_crm;
SELECT lives_ok(format($$SELECT segments.acknowledge('crm', %s + 5)$$, :base), 'acknowledged');
SELECT lives_ok(format($$SELECT segments.acknowledge('crm', %s + 5)$$, :base), 'twice');
SELECT lives_ok(format($$SELECT segments.acknowledge('crm', %s + 2)$$, :base), 'what was before is, too');
SELECT is(position_of('crm'), :base + 5::bigint, 'the position does not go back');
SELECT throws_ok(format($$SELECT segments.acknowledge('crm', %s)$$, :base + 1000000), '22023', format('no change has number %s yet', :base + 1000000), 'nor beyond the end');
SELECT throws_ok($$SELECT segments.acknowledge('crm', NULL)$$, '22004', 'argument "number" must not be null', 'no number');
SELECT throws_ok($$SELECT segments.acknowledge(NULL, 1)$$, '22004', 'argument "consumer" must not be null', 'nobody');
SELECT throws_ok($$SELECT segments.poll(NULL)$$, '22004', 'argument "consumer" must not be null', 'polls');
SELECT throws_ok($$SELECT segments.poll('crm', NULL)$$, '22004', 'argument "max_rows" must not be null', 'how many?');
SELECT throws_ok($$SELECT segments.poll('crm', -1)$$, '22023', 'argument "max_rows" must not be negative', 'less than none');
RESET ROLE;
-- a number that was given to somebody else, or whose row was deleted, is no mistake
SELECT is((SELECT count(*) FROM segments.poll('crm')), 2::bigint, 'two are left');
DELETE FROM segments.history WHERE member = 5;
SELECT lives_ok(format($$SELECT segments.acknowledge('crm', %s)$$, (SELECT last_value FROM segments.change_number)), 'the last one has been deleted meanwhile');
SELECT is_empty($$SELECT segments.poll('crm')$$, 'all is dealt with');
SELECT write(6, 'odd', true);
SELECT is(polled('crm'), '6 into odd', 'and what follows comes');

-- Keys that are not the members themselves.
SET ROLE seg_crm;
SELECT lives_ok($$SELECT segments.create_consumer('accountant', 'accounts')$$, 'a consumer of another population');
RESET ROLE;
SELECT write(member, 'adults', false) FROM segments.dictionary WHERE key IN ('a17', 'a18');
SELECT bag_eq($$SELECT key FROM segments.poll('accountant')$$, $$VALUES ('a17'), ('a18')$$, 'keys as text');
SELECT bag_eq($$SELECT key FROM segments.changes WHERE population = 'accounts' AND event = 'left'$$, $$VALUES ('a17'), ('a18')$$, 'also in the view');

-- Names.
SET ROLE seg_crm;
SELECT throws_ok($$SELECT segments.poll('cmr')$$, '42704', 'consumer "cmr" does not exist', 'an unknown name');
SELECT throws_ok($$SELECT segments.poll('crm', population => 'accounts')$$, '42704', 'consumer "crm" does not exist in population "accounts"', 'in the wrong place');
CREATE FUNCTION pg_temp.hint_of(statement text) RETURNS text LANGUAGE plpgsql AS
$$DECLARE h text; BEGIN EXECUTE statement; RETURN NULL; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT; RETURN h; END$$;
SELECT is(pg_temp.hint_of($$SELECT segments.poll('cmr')$$), 'Did you mean "crm"?', 'which one is near');
SELECT is(pg_temp.hint_of($$SELECT segments.poll('x', population => 'accounts')$$), 'The consumers are: "accountant".', 'which ones there are');
SELECT is(pg_temp.hint_of(format($$SELECT segments.acknowledge('crm', %s)$$, :base + 1000000)),
	'Acknowledge the last number from segments.poll() that has been dealt with.', 'what can be acknowledged');
SELECT lives_ok($$SELECT segments.create_consumer('crm', 'accounts')$$, 'a name is of a population');
SELECT throws_ok($$SELECT segments.poll('crm')$$, '22023', 'consumer "crm" exists in several populations', 'so it may be ambiguous');
SELECT is(pg_temp.hint_of($$SELECT segments.poll('crm')$$), 'Say which with population => ...: "customers", "accounts".', 'which they are');
SELECT is_empty($$SELECT segments.poll('crm', population => 'accounts')$$, 'and can be said');
SELECT lives_ok($$SELECT segments.drop_consumer('crm', 'accounts')$$, 'dropped');
SELECT throws_ok($$SELECT segments.drop_consumer('crm', 'accounts')$$, '42704', NULL, 'once');
SELECT segments.drop_consumer('accountant', 'accounts');
SELECT is(pg_temp.hint_of($$SELECT segments.poll('x', population => 'accounts')$$),
	'Make one with segments.create_consumer().', 'there is none');

-- Privileges.
SET ROLE seg_crm_staff;
SELECT is(polled('crm'), '6 into odd', 'a member of the owner polls');
SELECT lives_ok(format($$SELECT segments.acknowledge('crm', %s)$$, (SELECT max(number) FROM segments.changes)), 'and acknowledges');
SET ROLE seg_reader;
SELECT throws_ok(statement, '42501', 'permission denied for consumer "crm"', 'who only reads the population does not: ' || statement) FROM unnest(ARRAY[
	$$SELECT segments.poll('crm')$$, $$SELECT segments.acknowledge('crm', 1)$$, $$SELECT segments.drop_consumer('crm')$$]) AS statement;
SELECT isnt_empty('SELECT FROM segments.changes', 'but sees what changed');
SELECT throws_ok($$UPDATE segments.consumer SET "position" = 0$$, '42501', NULL, 'nobody sets a position');
SELECT throws_ok($$UPDATE segments.change SET number = 0$$, '42501', NULL, 'nor a number');
SET ROLE seg_stranger;
SELECT throws_ok(statement, '42501', 'permission denied for population "customers"', 'a stranger may not: ' || statement) FROM unnest(ARRAY[
	$$SELECT segments.create_consumer('mine', 'customers')$$, $$SELECT segments.poll('crm', 10, 'customers')$$,
	$$SELECT segments.poll('no such one', 10, 'customers')$$, $$SELECT segments.acknowledge('crm', 1, 'customers')$$,
	$$SELECT segments.drop_consumer('crm', 'customers')$$]) AS statement;
SELECT throws_ok($$SELECT segments.poll('crm')$$, '42704', 'consumer "crm" does not exist', 'nor is he told of one');
SELECT is_empty(format('SELECT FROM segments.%I', t), 'a stranger sees nothing in ' || t) FROM unnest('{change,history,consumer,changes,growth,overlap}'::text[]) t;
RESET ROLE;
REVOKE SELECT ON seg_shop.customer FROM seg_crm;
SET ROLE seg_crm;
SELECT throws_ok($$SELECT segments.poll('crm')$$, '42501', 'permission denied for population "customers"', 'what was granted can be revoked');
SELECT lives_ok($$SELECT segments.drop_consumer('crm')$$, 'a consumer can still be dropped');
SET ROLE seg_reader;
SELECT segments.create_consumer('reader', 'customers'), segments.create_consumer('reader', 'accounts');
SET ROLE seg_owner;
SELECT throws_ok($$SELECT segments.poll('reader', population => 'customers')$$, '42501', 'permission denied for consumer "reader"', 'not even the population''s owner polls for others');
SELECT lives_ok($$SELECT segments.drop_consumer('reader', 'customers')$$, 'but he clears up');
RESET ROLE;

-- The views.
SELECT bag_eq($$SELECT segment, member, key, event, at, reason FROM segments.changes WHERE population = 'customers' AND member < 4$$,
	$$VALUES ('old', 1::bigint, '1', 'entered', '2026-03-01 12:00+00'::timestamptz, 'data'),
	('old', 2, '2', 'entered', '2026-03-01 12:00+00', 'data'), ('odd', 2, '2', 'left', '2026-03-01 12:00+00', 'clock'),
	('old', 3, '3', 'left', '2026-03-02 12:00+00', 'rule'), ('old', 3, '3', 'entered', '2026-03-01 12:00+00', 'hand')$$, 'changes from both tables');
SELECT write(50, 'gone', true, 'd', '2026-06-01 21:59+00'), write(51, 'gone', true, 'd', '2026-06-01 22:01+00'), write(52, 'gone', false, 'd', '2026-06-01 23:01+00'),
	write(53, 'gone', false, 'd', '2026-06-02 21:01+00');
SELECT results_eq($$SELECT day, entered, departed, net FROM segments.growth WHERE segment = 'gone' ORDER BY day$$,
	$$VALUES ('2026-06-01'::date, 1::bigint, 0::bigint, 1::bigint), ('2026-06-02', 1, 2, -1)$$, 'days are those of the population');
SELECT bag_eq('SELECT population, segment_a, segment_b, members FROM segments.overlap',
	$$VALUES ('customers', 'odd', 'old', 25::bigint), ('customers', 'gone', 'odd', 1), ('customers', 'gone', 'old', 2)$$, 'overlap of all pairs of a population');
SET ROLE seg_owner;
SELECT segments.create_segment('later', 'age < 10', 'customers', build => false) \gset
RESET ROLE;
SELECT is((SELECT count(*) FROM segments.overlap), 3::bigint, 'but for segments not built');

-- What is dropped leaves nothing behind.
SELECT fold();
SELECT write(60, 'gone', true), write(60, 'old', true);
SELECT segment_id('gone') AS gone, (SELECT id FROM segments.population WHERE name = 'customers') AS customers \gset
SELECT segments.create_consumer('last', 'customers');
SELECT write(61, 'gone', true), write(61, 'old', true);
SELECT is(polled('last'), '61 into gone, 61 into old', 'before a segment is dropped');
UPDATE segments.change SET segment = -segment WHERE segment = :gone;
SELECT is(polled('last', 1), '61 into old', 'a segment that does not exist takes no place');
UPDATE segments.change SET segment = -segment WHERE segment = -:gone;
SELECT fold();
UPDATE segments.history SET segment = -segment WHERE segment = :gone;
SELECT is(polled('last', 1), '61 into old', 'not in history either');
UPDATE segments.history SET segment = -segment WHERE segment = -:gone;
SELECT write(62, 'gone', true), write(62, 'old', true);
SELECT segments.drop_segment('gone', 'customers');
SELECT is_empty(format('SELECT FROM segments.%I WHERE segment = %s', t, :gone), 'no segment, nothing in ' || t) FROM unnest('{change,history}'::text[]) t;
SELECT is(polled('last'), '61 into old, 62 into old', 'the changes of others stay');
INSERT INTO segments.due VALUES (:customers, 0, 'infinity', '{1}');
INSERT INTO segments.chunk VALUES (:customers, 0, 1, now()) ON CONFLICT DO NOTHING;
SELECT segments.drop_population('customers', cascade => true);
SELECT is_empty(format('SELECT FROM segments.%I WHERE population = %s', t, :customers), 'no population, nothing in ' || t)
FROM unnest('{change,history,consumer,due,chunk}'::text[]) t;
SELECT isnt_empty('SELECT FROM segments.changes', 'nothing of others is gone');
SELECT is((SELECT count(*) FROM segments.consumer), 1::bigint, 'no consumer either');

-- Where nothing can be written, what has numbers comes.
SELECT write(70, 'adults', true);
SET ROLE seg_reader;
SET transaction_read_only = on;
SELECT is_empty($$SELECT segments.poll('reader')$$, 'a read-only transaction gives no numbers');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
