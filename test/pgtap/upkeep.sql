-- What keeps members current, statement by statement and moment by moment: what it writes, and what
-- it does not have to. Counted is what was written to the tables of the extension.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
BEGIN;
SELECT plan(109);

CREATE ROLE seg_owner;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
SET search_path = seg_shop, public, pg_catalog;
SET segments.now = '2024-06-15 12:00+00';
CREATE TABLE customer (id int PRIMARY KEY, age int, income int, seen timestamptz, note text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, placed_at timestamptz, total int, remark text);
CREATE TABLE product (id int PRIMARY KEY, name text);
INSERT INTO customer SELECT i, i % 80, i * 10, '2024-06-01 00:00+00', 'n' FROM generate_series(1, 200) i;
SELECT segments.create_population('c', 'customer');
SELECT segments.add_source('c', 'orders', 'orders', key => 'customer_id', at => 'placed_at');
SELECT segments.create_segment('old', 'age >= 60'), segments.create_segment('rich', 'income > 1500'),
	segments.create_segment('buyers', 'count(orders within last 30 days where total > 5) >= 1'),
	segments.create_segment('away', 'seen < 30 days ago') \gset

CREATE FUNCTION id_of(segment text) RETURNS int LANGUAGE sql AS 'SELECT id FROM segments.segment WHERE name = $1';
CREATE FUNCTION clean() RETURNS bool LANGUAGE sql AS 'SELECT NOT EXISTS (SELECT FROM segments.check())';
-- What was written in this transaction so far: rows inserted, updated and deleted.
CREATE FUNCTION written() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_xact_all_tables WHERE schemaname = 'segments'
$$;
CREATE FUNCTION writes(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint = written();
BEGIN
	EXECUTE statement;
	RETURN written() - before;
END $$;
-- What is new in the feed since it was asked last.
CREATE TABLE seen_changes (id bigint);
CREATE FUNCTION news() RETURNS TABLE (member bigint, segment text, entered bool, reason text) LANGUAGE sql AS $$
	WITH new AS (SELECT * FROM (SELECT id, member, segment, entered, reason FROM segments.change
			UNION ALL SELECT id, member, segment, entered, reason FROM segments.history) AS u WHERE id NOT IN (SELECT id FROM seen_changes)),
		seen AS (INSERT INTO seen_changes SELECT id FROM new)
	SELECT member, s.name, entered, reason::text FROM new JOIN segments.segment s ON s.id = new.segment ORDER BY new.id
$$;
CREATE FUNCTION doubted() RETURNS bigint LANGUAGE sql AS
	$$ SELECT coalesce(sum(segments.cardinality(members)), 0)::bigint FROM segments.due WHERE at = '-infinity' $$;

SELECT is((SELECT count(*) FROM news()), 0::bigint, 'segments that are built for the first time flood nobody');
SELECT ok(clean(), 'nothing is wrong with them');

-- Immediate: a statement leaves its segments exact.

INSERT INTO orders VALUES (1, 7, '2024-06-14 12:00+00', 10);
SELECT bag_eq('SELECT * FROM news()', $$VALUES (7::bigint, 'buyers', true, 'd')$$, 'an order brings a member in');
SELECT is(doubted(), 0::bigint, 'nobody is in doubt');
UPDATE customer SET income = 9999, age = 61 WHERE id = 7;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (7::bigint, 'rich', true, 'd'), (7, 'old', true, 'd')$$, 'an update into two more');
DELETE FROM orders;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (7::bigint, 'buyers', false, 'd')$$, 'no order, no member');
INSERT INTO orders VALUES (1, 7, '2024-06-14 12:00+00', 10), (2, 9, '2024-06-14 12:00+00', 1), (3, 9, '2024-06-14 12:00+00', 6);
SAVEPOINT s;
UPDATE orders SET customer_id = 8 WHERE id = 1;
SELECT bag_eq('SELECT member, segment, entered FROM news() WHERE member < 9', $$VALUES (7::bigint, 'buyers', true), (7, 'buyers', false), (8, 'buyers', true)$$,
	'rows that move from one to the other concern both');
ROLLBACK TO s;
SELECT bag_eq('SELECT member, segment, entered FROM news()', $$VALUES (7::bigint, 'buyers', true), (9, 'buyers', true)$$, 'what is rolled back never was');
SELECT bag_eq($$SELECT * FROM segments.members('buyers')$$, '{7,9}'::bigint[], 'neither for those who read');
DELETE FROM customer WHERE id = 9;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (9::bigint, 'buyers', false, 'd'), (9, 'everyone', false, 'd')$$, 'who is gone leaves all');
INSERT INTO customer VALUES (9, 70, 0, '2024-06-14 12:00+00');
SELECT bag_eq('SELECT * FROM news()', $$VALUES (9::bigint, 'buyers', true, 'd'), (9, 'everyone', true, 'd'), (9, 'old', true, 'd')$$, 'who comes finds his orders');
UPDATE customer SET id = 900 WHERE id = 9;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (9::bigint, 'buyers', false, 'd'), (9, 'everyone', false, 'd'), (9, 'old', false, 'd'),
	(900, 'everyone', true, 'd'), (900, 'old', true, 'd')$$, 'another key is another member');
SELECT ok(clean(), 'all of it is exact');

-- What changes nothing that a rule reads writes nothing.

SELECT is(writes(statement), 0::bigint, statement) FROM (VALUES
	($$UPDATE customer SET note = 'other'$$),
	($$UPDATE customer SET age = age, income = income, note = note$$),
	($$UPDATE customer SET age = 1 WHERE false$$),
	($$DELETE FROM customer WHERE id = -1$$),
	($$INSERT INTO orders SELECT 1 WHERE false$$),
	($$UPDATE orders SET remark = 'new'$$),
	($$INSERT INTO orders VALUES (50, NULL, '2024-06-14 12:00+00', 100, '')$$)) AS s (statement);
SELECT is(writes('UPDATE customer SET age = 62 WHERE id = 7'), 0::bigint, 'nor does one that a rule reads, if it says the same');
SELECT is(writes('INSERT INTO orders VALUES (51, 30, NULL, 100, '''')'), 0::bigint, 'nor a row that is in no window');
SELECT is_empty('SELECT * FROM news()', 'so nothing is told');

-- Only rules that read what changed are evaluated: what is wrong in others stays wrong, until
-- somebody touches it. (Whoever writes the tables by hand does such things.)

INSERT INTO segments.change (population, member, segment, entered, at, reason)
	SELECT population, 20, id, true, '2024-06-15 12:00+00', 'h' FROM segments.segment WHERE name IN ('old', 'buyers', 'away');
SELECT * FROM news() \g /dev/null
UPDATE customer SET income = 5000 WHERE id = 20;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (20::bigint, 'rich', true, 'd')$$, 'income is read by one rule');
INSERT INTO orders VALUES (60, 20, '2024-01-01', 100);
SELECT is_empty('SELECT * FROM news()', 'orders by another, if they can be in its window');
INSERT INTO orders VALUES (61, 20, '2024-05-10', 100);
SELECT bag_eq('SELECT * FROM news()', $$VALUES (20::bigint, 'buyers', false, 'd')$$, 'orders by another');
UPDATE orders SET total = 101 WHERE id = 60;
SELECT is_empty('SELECT * FROM news()', 'which is right now');
UPDATE customer SET age = 21, note = 'x' WHERE id = 20;
SELECT is_empty('SELECT * FROM news()', 'but not where it says the same of the row before and after');
UPDATE customer SET age = 62 WHERE id = 20;
UPDATE customer SET age = 21 WHERE id = 20;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (20::bigint, 'old', false, 'd')$$, 'age by a third');
UPDATE customer SET seen = '2024-06-02' WHERE id = 20;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (20::bigint, 'away', false, 'd')$$, 'and seen by the fourth');
SELECT ok(clean(), 'nothing is left to mend');

-- Queued: a statement only notes whom it touched.

SELECT segments.alter_population('c', maintenance => 'queued');
SELECT is(writes('UPDATE customer SET income = 1 WHERE id = 7'), 1::bigint, 'queued, one row is written');
SELECT is(writes('UPDATE customer SET note = '''' WHERE id = 7'), 0::bigint, 'none where no rule reads');
SELECT is(writes('UPDATE customer SET income = 2, age = 11 WHERE id = 8'), 0::bigint, 'none where none says otherwise than before');
SELECT is(writes('INSERT INTO orders VALUES (72, 72, ''2024-06-10'', 5)'), 0::bigint, 'nor of a row that no rule counts');
INSERT INTO orders VALUES (70, 70, '2024-06-10', 10), (71, 71, '2024-06-10', 10);
SELECT is_empty('SELECT * FROM news()', 'nothing is evaluated');
SELECT is(doubted(), 3::bigint, 'three are in doubt');
SELECT is(segments.is_member('rich', 7), false, 'who asks for one has him evaluated');
SELECT is(segments.count_members('buyers'), 3::bigint, 'or counts all the same');
SELECT set_eq($$SELECT * FROM segments.segments_of(70)$$, '{buyers,old}'::text[], 'segments of one');
SELECT ok(clean(), 'nothing is wrong');
SELECT cmp_ok((SELECT doubted FROM segments.maintain_step(max_members => 1)), '<', 3::bigint, 'upkeep goes in batches');
CALL segments.maintain(fold_all => true);
SELECT is(doubted(), 0::bigint, 'until nobody is in doubt');
SELECT bag_eq('SELECT * FROM news()', $$VALUES (7::bigint, 'rich', false, 'd'), (70, 'buyers', true, 'd'), (71, 'buyers', true, 'd')$$, 'the reason is their data');
SELECT is((SELECT count(*) FROM segments.change), 0::bigint, 'and all is folded');
SELECT is(writes('CALL segments.maintain()'), 0::bigint, 'what is done is done');
UPDATE customer SET income = 2 WHERE id < 100;
SELECT segments.alter_population('c', maintenance => 'immediate');
UPDATE customer SET income = 9000 WHERE id = 1;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (1::bigint, 'rich', true, 'd')$$, 'immediate again: statements evaluate whom they touch');
SELECT is(segments.is_member('rich', 20), false, 'of others nobody is misled');
CALL segments.maintain();
SELECT bag_eq('SELECT * FROM news()', $$VALUES (20::bigint, 'rich', false, 'd')$$, 'and upkeep has the rest');
SELECT ok(clean(), 'without a difference');
UPDATE customer SET income = 1 WHERE id = 1;
CALL segments.maintain();
SELECT cmp_ok((SELECT count(*) FROM segments.change), '>', 0::bigint, 'a few changes are not worth a fold');
SELECT set_config('segments.now', '2024-06-15 12:10+00', false) \g /dev/null
CALL segments.maintain();
SELECT is((SELECT count(*) FROM segments.change), 0::bigint, 'until they have waited for long');
UPDATE customer SET income = CASE WHEN income > 1500 THEN 1 ELSE 2000 END;
UPDATE customer SET income = CASE WHEN income > 1500 THEN 1 ELSE 2000 END;
UPDATE customer SET income = CASE WHEN income > 1500 THEN 1 ELSE 2000 END;
CALL segments.maintain();
SELECT is((SELECT count(*) FROM segments.change), 0::bigint, 'or are many');
SELECT * FROM news() \g /dev/null
UPDATE customer SET income = 1;
SELECT * FROM news() \g /dev/null

-- A row of a row of the same source: the condition on the inner one reads the outer one, too.
SELECT segments.create_segment('risen', 'exists(orders p where p.total > 5 and exists(orders q where q.total < p.total and p.total > 8))') \gset
INSERT INTO orders VALUES (80, 80, '2024-06-10', 7), (81, 80, '2024-06-10', 9), (82, 81, '2024-06-10', 9), (83, 81, '2024-06-10', 9);
SELECT bag_eq('SELECT * FROM news()', $$VALUES (80::bigint, 'risen', true, 'd'), (80, 'buyers', true, 'd'), (81, 'buyers', true, 'd')$$, 'one order is less than another');
SELECT ok(clean(), 'and nothing is wrong');
SELECT segments.drop_segment('risen') \gset

-- Scheduled: nothing but refresh() moves anybody, and tells whom.

SELECT segments.alter_population('c', maintenance => 'scheduled');
UPDATE customer SET income = 9000 WHERE id = 2;
DELETE FROM customer WHERE id = 3;
SELECT is(segments.is_member('rich', 2), false, 'scheduled, a member stays out');
SELECT is_empty('SELECT * FROM news()', 'nothing is noted');
SELECT is(segments.refresh('c'), 4::bigint, 'refresh() evaluates all');
SELECT bag_eq('SELECT * FROM news()', $$VALUES (2::bigint, 'rich', true, 'd'), (3, 'everyone', false, 'd')$$, 'and records who moved');
SELECT is(segments.refresh('c'), 4::bigint, 'once more');
SELECT is_empty('SELECT * FROM news()', 'there is nobody');
UPDATE customer SET income = 9000 WHERE id = 4;
SELECT segments.alter_population('c', maintenance => 'immediate');
SELECT bag_eq('SELECT * FROM news()', $$VALUES (4::bigint, 'rich', true, 'd')$$, 'immediate again: what was missed is caught up with');
SELECT ok(clean(), 'and exact');

-- Definitions

SELECT segments.alter_segment('old', active => false) \gset
UPDATE customer SET age = 70 WHERE id = 1;
UPDATE customer SET age = 1 WHERE id = 65;
SELECT is_empty('SELECT * FROM news()', 'a segment that is not active is frozen');
SELECT is(segments.is_member('old', 65), true, 'its members stay');
SELECT ok(clean(), 'which is not wrong');
SELECT segments.alter_segment('old', active => true) \gset
SELECT bag_eq('SELECT member, entered FROM news()', $$VALUES (1::bigint, true), (65, false)$$, 'it catches up, and only differences are told');
SELECT segments.alter_segment('old', rule => 'age >= 78') \gset
SELECT bag_eq('SELECT member, segment, entered, reason FROM news()', $$SELECT id::bigint, 'old', false AS entered, 'r' AS reason FROM seg_shop.customer WHERE age BETWEEN 60 AND 77$$,
	'another rule moves those whose answer changed');
SELECT is(writes($$SELECT segments.alter_segment('old', description => 'x')$$) < 5, true, 'another description moves nobody');
SELECT segments.create_segment('new', 'income > 0') \gset
SELECT is_empty('SELECT * FROM news()', 'a new one floods nobody');
SELECT segments.alter_segment('new', valid_until => '2024-06-15 18:00+00') \gset
SELECT is(segments.count_members('new') > 100, true, 'before its end it has members');
SET segments.now = '2024-06-15 18:00+00';
SELECT is(segments.count_members('new'), 0::bigint, 'from its end on it has none');
CALL segments.maintain();
SELECT is((SELECT count(*) || ' ' || string_agg(DISTINCT reason || entered, ',') FROM news() WHERE segment = 'new'),
	(SELECT count(*) || ' cfalse' FROM customer WHERE income > 0), 'they leave by the clock');
SELECT ok(clean(), 'which is right');
SELECT segments.alter_segment('new', valid_until => 'infinity') \gset
SELECT is(segments.count_members('new') > 100, true, 'without an end they are back');
SELECT segments.drop_segment('new');
SELECT * FROM news() \g /dev/null

-- The clock

TRUNCATE orders;
INSERT INTO customer SELECT i, 20, 10, '2024-06-01 00:00+00' FROM generate_series(1001, 11000) i;
UPDATE customer SET seen = timestamptz '2024-05-16 20:00+00' + id % 10 * interval '1 hour' WHERE id BETWEEN 2001 AND 2010;
CALL segments.maintain();
SELECT * FROM news() \g /dev/null
SELECT set_config('segments.now', '2024-06-16 18:00+00', false) \g /dev/null
SELECT is(segments.count_members('away'), 10::bigint, 'a read is exact, upkeep or not');
SELECT is_empty('SELECT * FROM news()', 'and writes nothing');
SELECT written() AS before \gset
SELECT is((SELECT due || ' ' || doubted FROM segments.maintain_step()), '10 0', 'of 10,000 ten are due');
SELECT cmp_ok(written() - :before, '<', 60::bigint, 'and some rows for each of them are written');
SELECT is((SELECT count(*) || string_agg(DISTINCT reason || entered, ',') FROM news()), '10ctrue', 'who flip by the clock');
SELECT is(segments.count_members('away'), 10::bigint, 'the same as before');
SELECT is((SELECT due FROM segments.maintain_step()), 0::bigint, 'nobody is due any more');
SELECT ok(clean(), 'nothing is wrong');
SELECT segments.maintain_step(as_of => '2024-07-02 00:00:01+00', max_members => 20000) \g /dev/null
SELECT is((SELECT count(*) FROM news() WHERE segment = 'away'), (SELECT count(*) - 10 FROM customer WHERE seen < '2024-06-02 00:00:01'), 'upkeep for a moment to come is ahead of the clock');
SELECT is(segments.count_members('away'), (SELECT count(*) FROM customer WHERE seen < '2024-06-02 00:00:01'), 'and members are never older than that');
SELECT ok(clean(), 'which is consistent');
UPDATE customer SET seen = '2024-06-20 00:00+00' WHERE id = 2001;
SELECT bag_eq('SELECT * FROM news()', $$VALUES (2001::bigint, 'away', false, 'd')$$, 'statements go on from there');
SELECT throws_ok($$SET segments.now = 'tomorrow or so'$$, '22023', NULL, 'the clock is a moment');
SET ROLE seg_owner;
SELECT throws_ok($$SET segments.now = '2024-06-15 12:00+00'$$, '42501', NULL, 'that only a superuser sets');
RESET ROLE;
SELECT segments.refresh('c', as_of => '2024-08-01 12:00+00') \g /dev/null
SELECT is(segments.is_member('away', 2001), true, 'refresh() can be ahead, too');
SELECT ok(clean(), 'and leave nothing wrong');
SET segments.now = '';

-- check() finds what somebody broke, and that alone.

CREATE FUNCTION problems(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	BEGIN
		EXECUTE damage;
		UPDATE segments.chunk SET version = nextval('segments.chunk_version');
		SELECT string_agg(concat_ws(' ', segment, member, problem), '; ' ORDER BY member, problem) INTO found FROM segments.check();
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		RETURN found;
	END;
END $$;
-- Nothing is ahead of the clock any more: a population of its own.
SELECT segments.drop_population('c', cascade => true);
DELETE FROM customer WHERE id > 200;
UPDATE customer SET seen = now() - interval '29 days', age = id % 80, income = id * 10;
SELECT segments.create_population('c', 'customer');
SELECT segments.add_source('c', 'orders', 'orders', key => 'customer_id', at => 'placed_at');
SELECT segments.create_segment('old', 'age >= 60'), segments.create_segment('away', 'seen < 30 days ago') \gset
UPDATE customer SET age = 60 WHERE id = 1;
SELECT ok(clean(), 'nothing is broken yet');
SELECT is(problems($$UPDATE segments.membership SET members = members OPERATOR(segments.|) '{5}' WHERE segment = seg_shop.id_of('old')$$),
	'old 5 is stored as a member, but is none; old has 41 stored members, and counts 40', 'a member too many');
SELECT is(problems($$UPDATE segments.membership SET members = members OPERATOR(segments.-) '{61}' WHERE segment = seg_shop.id_of('old')$$),
	'old 61 is a member, but not stored as one; old has 39 stored members, and counts 40', 'one too few');
SELECT is(problems('DELETE FROM segments.change'), 'old 1 is a member, but not stored as one', 'a change that is lost');
SELECT is(problems('DELETE FROM segments.membership WHERE segment = seg_shop.id_of(''old'')') ~ '^old 60 is a member.*old has 0 stored members, and counts 40$', true, 'a set that is');
SELECT is(problems($$UPDATE segments.segment SET members = 7 WHERE name = 'away'$$), 'away has 0 stored members, and counts 7', 'a wrong count');
SELECT is(problems('DELETE FROM segments.due') ~ '^1 has to be evaluated again at .*, which is not known; 2 has', true, 'moments that are not known');
SELECT is(problems('ALTER TABLE customer DISABLE TRIGGER segments_update'), 'trigger "segments_update" of "customer" is disabled', 'a trigger that does not fire');
SELECT is(problems('ALTER TABLE orders DISABLE TRIGGER USER') , 'trigger "segments_delete" of "orders" is disabled; trigger "segments_insert" of "orders" is disabled; '
	'trigger "segments_truncate" of "orders" is disabled; trigger "segments_update" of "orders" is disabled', 'all of them');
SELECT is(problems('DROP TRIGGER segments_insert ON orders'), 'trigger "segments_insert" of "orders" is missing', 'one that is gone');
SELECT is(problems('ALTER TABLE customer DISABLE TRIGGER USER; UPDATE customer SET age = 79 WHERE id = 2') ~ 'old 2 is a member, but not stored as one', true, 'and what it has missed');
SELECT ok(clean(), 'nothing else');

-- Triggers that are switched off and on again: what they have missed is wrong until somebody touches the member, or all
-- are refreshed.

CREATE FUNCTION wrong() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', segment, member, problem), '; ' ORDER BY segment, member, problem) FROM segments.check()
$$;
INSERT INTO orders VALUES (99, 7, now(), 10);
SELECT segments.create_segment('buyers', 'exists(orders)') \g /dev/null
ALTER TABLE customer DISABLE TRIGGER segments_update;
UPDATE customer SET age = 79 WHERE id IN (2, 5);
SELECT is(wrong(), 'old 2 is a member, but not stored as one; old 5 is a member, but not stored as one; '
	'trigger "segments_update" of "customer" is disabled', 'off: what it misses, and that it does');
ALTER TABLE customer ENABLE TRIGGER segments_update;
SELECT is(wrong(), 'old 2 is a member, but not stored as one; old 5 is a member, but not stored as one', 'on again: what it has missed');
UPDATE customer SET age = 1 WHERE id = 2;
UPDATE customer SET age = 78 WHERE id = 2;
SELECT is(wrong(), 'old 5 is a member, but not stored as one', 'who is turned is right again');
ALTER TABLE orders DISABLE TRIGGER ALL;
INSERT INTO orders VALUES (100, 4, now(), 10);
DELETE FROM orders WHERE id = 99;
ALTER TABLE orders ENABLE TRIGGER ALL;
SELECT is(wrong(), 'buyers 4 is a member, but not stored as one; buyers 7 is stored as a member, but is none; '
	'old 5 is a member, but not stored as one', 'rows of a source that were missed');
ALTER TABLE orders ENABLE ALWAYS TRIGGER segments_insert;
ALTER TABLE orders ENABLE REPLICA TRIGGER segments_update;
SELECT ok(wrong() LIKE '%; trigger "segments_update" of "orders" is disabled', 'one that fires on replicas alone is as good as off, one that always fires is not');
ALTER TABLE orders ENABLE TRIGGER USER;
SELECT segments.refresh('c') \g /dev/null
SELECT ok(clean(), 'refresh() puts everything right');

SELECT * FROM finish();
ROLLBACK;
