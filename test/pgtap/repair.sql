-- Rules that start to fail: no statement fails for it, the segments to blame are deactivated, the others
-- go on.
\set QUIET on
SET client_min_messages = error;
BEGIN;
SELECT plan(22);
CREATE SCHEMA seg_repair;
SET search_path = seg_repair, public;

CREATE TABLE customer (id int PRIMARY KEY, income int, divisor int DEFAULT 1);
INSERT INTO customer SELECT i, i * 10 FROM generate_series(1, 1000) AS i;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total int);
SELECT segments.create_population('c', 'customer');
SELECT segments.add_source('c', 'orders', 'orders', 'customer_id');
SELECT segments.add_attribute('c', 'ratio', 'income / divisor');
SELECT segments.create_segment('ratio', 'ratio > 5000');
SELECT segments.create_segment('of ratio', 'in segment ''ratio'' and income < 6000');
SELECT segments.create_segment('rich', 'income > 5000');
SELECT segments.create_segment('buyers', 'exists(orders)');

SELECT lives_ok('UPDATE customer SET divisor = 0, income = 9990 WHERE id = 5', 'a rule that fails does not fail the statement');
SELECT bag_eq('SELECT segment, members, active, problem FROM segments.overview WHERE segment <> ''everyone''', $$VALUES
	('ratio', 500::bigint, false, 'division by zero'), ('of ratio', 99, false, 'division by zero'),
	('rich', 501, true, NULL), ('buyers', 0, true, NULL)$$, 'it is deactivated with what refers to it, and says why');
SELECT is(segments.is_member('rich', 5), true, 'the others are current');
SELECT is_empty('SELECT * FROM segments.check()', 'and exact');
SELECT lives_ok('INSERT INTO orders VALUES (1, 5, 1)', 'statements go on');
SELECT is(segments.is_member('buyers', 5), true, 'and so do segments');

SELECT throws_ok($$SELECT segments.alter_segment('ratio', active => true)$$, '22012', NULL, 'as long as it fails it cannot be activated');
UPDATE customer SET divisor = 1 WHERE id = 5;
SELECT is(segments.alter_segment('ratio', active => true), 501::bigint, 'then it catches up');
SELECT is((SELECT problem FROM segments.overview WHERE segment = 'ratio'), NULL, 'and has no problem any more');

-- Many at once go another way.
SELECT lives_ok('UPDATE customer SET divisor = 0, income = income + 1', 'nor does a large statement fail');
SELECT is((SELECT active FROM segments.overview WHERE segment = 'ratio'), false, 'the segment is deactivated');
SELECT is_empty('SELECT * FROM segments.check()', 'and all is exact');

-- Neither does upkeep.
UPDATE customer SET divisor = 1;
SELECT segments.alter_segment('ratio', active => true);
SELECT segments.alter_population('c', maintenance => 'queued');
UPDATE customer SET divisor = 0 WHERE id < 10;
SELECT lives_ok('SELECT segments.maintain_step()', 'upkeep goes on');
SELECT is((SELECT problem FROM segments.overview WHERE segment = 'ratio'), 'division by zero', 'and deactivates it');

-- A session's own settings and its own depth are no fault of a rule.
CREATE ROLE seg_repair_owner;
GRANT USAGE ON SCHEMA seg_repair TO seg_repair_owner;
ALTER TABLE customer OWNER TO seg_repair_owner;
ALTER TABLE orders OWNER TO seg_repair_owner;
ALTER TABLE customer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY small ON customer USING (id <= 100);
SELECT segments.drop_segment('ratio', cascade => true);
SELECT segments.alter_population('c', owner => 'seg_repair_owner', maintenance => 'immediate');
SELECT segments.add_attribute('c', 'odd', 'length(''a\b'') = 3 AND (''{NULL}''::text[])[1] IS NULL');
SET segments.direct_reads = off;
CREATE FUNCTION survives(setting text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM segments.create_segment('odd', 'odd and divisor = 1');
	PERFORM set_config(setting, 'off', true);
	EXECUTE 'UPDATE seg_repair.customer SET divisor = 3 - divisor WHERE id < 10';
	EXECUTE 'UPDATE seg_repair.customer SET divisor = 3 - divisor WHERE id < 10';
	PERFORM set_config(setting, 'on', true);
	RETURN NEXT is((SELECT concat_ws(' ', active, members) FROM segments.overview WHERE segment = 'odd'), 't 100', setting || ' is nothing to a rule');
	RETURN NEXT is_empty('SELECT * FROM segments.check()', 'exactly');
	PERFORM segments.drop_segment('odd');
END $$;
UPDATE customer SET divisor = 1;
SELECT survives('row_security');
SELECT survives('standard_conforming_strings');
SELECT survives('array_nulls');

CREATE FUNCTION dive(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		UPDATE customer SET income = n WHERE id = 5;
		INSERT INTO orders VALUES (n + 100, 5, n);
	EXCEPTION WHEN statement_too_complex THEN
		RETURN n;
	END;
	RETURN dive(n + 1);
END $$;
SELECT segments.create_segment('deep', (repeat('((', 400) || 'count(orders) > 1'
	|| repeat(' or income + count(orders) > income * 2) and income + 1 < divisor * 7000)', 400))::segments.segment_rule);
SELECT lives_ok('SELECT dive(1)', 'somebody uses up the stack');
SELECT is_empty('SELECT segment, problem FROM segments.overview WHERE NOT active', 'which deactivates nothing');

SELECT * FROM finish();
ROLLBACK;
