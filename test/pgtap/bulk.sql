-- COPY of 100,000 rows into a source: its members are evaluated in a pass, within bounds of memory and
-- locks, or noted where statements are queued. Both come to the same.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
BEGIN;
SELECT plan(31);

CREATE SCHEMA seg_shop;
SET search_path = seg_shop, public, pg_catalog;
SET segments.now = '2024-06-15 12:00+00';
SET LOCAL work_mem = '2MB';
CREATE TABLE customer (id int PRIMARY KEY, income int);
INSERT INTO customer SELECT i, i FROM generate_series(1, 30000) i;
CREATE TABLE orders (id int, customer_id int, placed_at timestamptz, total int);
CREATE INDEX ON orders (customer_id);
CREATE FUNCTION define(name text, mode text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM segments.create_population(name, 'seg_shop.customer', maintenance => mode);
	PERFORM segments.add_source(name, 'orders', 'seg_shop.orders', key => 'customer_id', at => 'placed_at');
	PERFORM segments.create_segment('buyers', 'exists(orders within last 30 days)', name),
		segments.create_segment('spenders', 'sum(orders.total) > 300', name),
		segments.create_segment('rich', 'income > 29000', name),
		segments.create_segment('rich buyers', 'in segment ''rich'' and in segment ''buyers''', name);
END $$;
CREATE FUNCTION counts(name text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(segment || ' ' || members, ', ' ORDER BY segment) FROM segments.overview WHERE population = $1 $$;
-- As a pass finds them, at the moment.
CREATE FUNCTION matching(name text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(s.name || ' ' || (SELECT count(*) FROM segments.matching(s.rule, $1, current_setting('segments.now')::timestamptz)), ', ' ORDER BY s.name)
		FROM segments.segment s JOIN segments.population p ON p.id = s.population WHERE p.name = $1 $$;
CREATE FUNCTION buckets() RETURNS bigint LANGUAGE sql AS
	$$ SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 101 $$;
-- The most memory that this process ever had, in MB; null where /proc does not tell.
CREATE FUNCTION peak() RETURNS numeric LANGUAGE sql AS
	$$ SELECT round(substring(pg_read_file('/proc/self/status', 0, 100000, true) FROM 'VmHWM:\s*(\d+)')::numeric / 1024) $$;

SELECT define('now', 'immediate'), define('later', 'queued') \g /dev/null
SELECT is(counts('now'), 'buyers 0, everyone 30000, rich 1000, rich buyers 0, spenders 0', 'nobody has ordered');
SELECT peak() AS before \gset
COPY orders FROM PROGRAM 'awk ''BEGIN { for (i = 1; i <= 100000; i++) print i "\t" i * 7919 % 20000 + 1 "\t2024-06-" 1 + i % 14 "\t" i % 100 }''';
SELECT is((SELECT count(*) FROM orders), 100000::bigint, '100,000 orders are copied');
SELECT cmp_ok(buckets(), '<=', 1024::bigint, 'with a lock for each bucket at most');
SELECT ok(coalesce(peak() - :before < 100, true), 'and in so much memory: ' || coalesce(peak() - :before || ' MB', 'unknown'));
SELECT is((SELECT count(*) FROM segments.change c JOIN segments.population p ON p.id = c.population WHERE p.name = 'later'), 0::bigint,
	'queued, nobody is evaluated');
SELECT is((SELECT sum(segments.cardinality(members)) FROM segments.due d JOIN segments.population p ON p.id = d.population
	WHERE p.name = 'later' AND at = '-infinity'), 20000::numeric, 'all are noted');
SELECT is((SELECT count(*) < 20 FROM segments.due d JOIN segments.population p ON p.id = d.population WHERE p.name = 'later'), true, 'in some rows');
SELECT is(counts('now'), matching('now'), 'members are those that a pass finds');
SELECT is(counts('later'), matching('later'), 'for readers there is no difference');
SELECT is_empty($$SELECT * FROM segments.check('now')$$, 'nothing is wrong with one');
CALL segments.maintain(population => 'later');
SELECT is(counts('later'), matching('later'), 'nor after upkeep');
SELECT is_empty($$SELECT * FROM segments.check('later')$$, 'with the other');
SELECT is((SELECT count(*) FROM segments.due WHERE at = '-infinity'), 0::bigint, 'nobody is in doubt');
UPDATE orders SET total = total + 1, placed_at = placed_at - interval '20 days';
SELECT cmp_ok(buckets(), '<=', 2048::bigint, 'an update of all takes as many for each of the two');
DELETE FROM orders WHERE id % 10 > 0;
SELECT is(counts('now'), matching('now'), 'and so on');
SELECT is(counts('later'), matching('later'), 'in both');

-- Upkeep in several batches.

CREATE TABLE visitor (id int PRIMARY KEY, pages int);
INSERT INTO visitor SELECT i, i % 10 FROM generate_series(1, 200000) i;
SELECT segments.create_population('visitors', 'visitor') \g /dev/null
SELECT segments.create_segment('readers', 'pages > 5', 'visitors') \g /dev/null
UPDATE visitor SET pages = 9 - pages WHERE id % 50 = 0;
INSERT INTO segments.due SELECT p.id, v.id >> 13, '-infinity', segments.member_set_agg(v.id)
	FROM visitor v, segments.population p WHERE p.name = 'visitors' GROUP BY 1, 2;
CREATE FUNCTION read_of_changes() RETURNS bigint LANGUAGE sql VOLATILE AS
	$$ SELECT idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relid = 'segments.change'::regclass $$;
SELECT count(*) AS changes, read_of_changes() AS before FROM segments.change c JOIN segments.population p ON p.id = c.population WHERE p.name = 'visitors' \gset
CALL segments.maintain(population => 'visitors');
SELECT cmp_ok(read_of_changes() - :before, '<=', 3 * :changes::bigint, 'changes that are not worth a fold are read by who evaluates, and once more');
SELECT is((SELECT count(*) FROM segments.change c JOIN segments.population p ON p.id = c.population WHERE p.name = 'visitors'), :changes::bigint,
	'and are left alone');

-- Many who enter or leave together stand in one row of the tail; what happened to one of them stands beside it, before and
-- after. Keys below zero, and the first of their chunk.

CREATE TABLE guest (id bigint PRIMARY KEY, pages int);
INSERT INTO guest SELECT i, 0 FROM generate_series(-9000, 9000, 3) i UNION SELECT unnest('{-8192,0,8192}'::int[]), 0;
SELECT segments.create_population('guests', 'guest', key => 'id') \g /dev/null
SELECT segments.create_segment('avid', 'pages > 5', 'guests') \g /dev/null
SELECT segments.create_consumer('listener', 'guests') \g /dev/null
CREATE FUNCTION tail(OUT together bigint, OUT alone bigint) LANGUAGE sql VOLATILE AS
	$$ SELECT count(c.members), count(*) - count(c.members) FROM segments.change c JOIN segments.population p ON p.id = c.population WHERE p.name = 'guests' $$;
-- Everything that reads the tail, each in its own way, against the table.
CREATE FUNCTION wrong() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	n bigint = (SELECT count(*) FROM guest WHERE pages > 5);
BEGIN
	RETURN concat_ws(', ',
		(SELECT 'is_member' FROM guest WHERE segments.is_member('avid', id) <> (pages > 5) LIMIT 1),
		(SELECT 'segments_of' FROM guest WHERE ('avid' IN (SELECT segments.segments_of(id, 'guests'))) <> (pages > 5) LIMIT 1),
		(SELECT 'members' WHERE ARRAY(SELECT segments.members('avid') ORDER BY 1) <> ARRAY(SELECT id FROM guest WHERE pages > 5 ORDER BY 1)),
		(SELECT 'count' WHERE segments.count_members('avid') <> n),
		(SELECT 'check' WHERE EXISTS (SELECT FROM segments.check('guests'))),
		(SELECT 'feed' WHERE (SELECT sum(CASE WHEN entered THEN 1 ELSE -1 END) FROM segments.poll('listener', 1000000)) <> n));
END $$;
UPDATE guest SET pages = 9 WHERE id IN (-8190, -8192, 0, 3);
SELECT is((SELECT together || ' ' || alone FROM tail()), '0 4', 'a few have a row each');
UPDATE guest SET pages = 9;
SELECT is((SELECT together > 0 FROM tail()), true, 'many have one');
SELECT is(wrong(), '', 'who was there before them');
UPDATE guest SET pages = 0 WHERE id IN (-8190, -8192, -3, 0, 9, 8192);
SELECT is(wrong(), '', 'who leaves after them');
UPDATE guest SET pages = 9 - pages;
SELECT is(wrong(), '', 'many once more');
UPDATE guest SET pages = 9 - pages WHERE id BETWEEN -10 AND 10;
SELECT is(wrong(), '', 'and some');
SELECT segments.poll('listener', 1000000) \g /dev/null
CREATE TEMP TABLE polled AS SELECT * FROM segments.poll('listener', 1000000);
UPDATE guest SET pages = 9 - pages WHERE id > 4000;
CALL segments.maintain(population => 'guests', fold_all => true);
SELECT is((SELECT together || ' ' || alone FROM tail()), '0 0', 'all is folded');
SELECT is(wrong(), '', 'which changes nothing');
SELECT results_eq(format('SELECT * FROM segments.poll(''listener'', %s)', (SELECT count(*) FROM polled)), 'SELECT * FROM polled ORDER BY number', 'nor in what has been polled');
SELECT is((SELECT count(DISTINCT number) FROM segments.changes WHERE population = 'guests'), (SELECT count(*) FROM segments.changes WHERE population = 'guests'), 'no number is given twice');

-- Whoever looks for a member reads all rows about many in his chunk, so upkeep leaves only some of them.

CREATE TABLE reader (id int PRIMARY KEY, pages int);
INSERT INTO reader SELECT i, 0 FROM generate_series(1, 5) i UNION ALL SELECT i, 0 FROM generate_series(10001, 10600) i;
SELECT segments.create_population('readers', 'reader') \g /dev/null
SELECT segments.create_segment('more than ' || i, format('pages > %s', i)::segments.segment_rule, 'readers') FROM generate_series(1, 16) i \g /dev/null
CREATE FUNCTION left_in_tail() RETURNS bigint LANGUAGE sql VOLATILE AS
	$$ SELECT count(c.members) FROM segments.change c JOIN segments.population p ON p.id = c.population WHERE p.name = 'readers' $$;
-- those who make it a statement about many are in another chunk
UPDATE reader SET pages = CASE WHEN id <= 5 THEN 16 ELSE 2 END;
CALL segments.maintain(population => 'readers');
SELECT is(left_in_tail(), 15::bigint, 'some are left alone');
UPDATE reader SET pages = CASE WHEN id <= 5 THEN 17 ELSE 0 END;
CALL segments.maintain(population => 'readers');
SELECT is(left_in_tail(), 0::bigint, 'one more, and they are folded');
SELECT is(segments.count_members('more than 15'), 5::bigint, 'with those who entered');

SELECT * FROM finish();
ROLLBACK;
