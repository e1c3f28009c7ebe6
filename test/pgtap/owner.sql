-- A population's owner, as whom rules are evaluated: what he may read no more, what row security
-- shows him, and when he is gone.
\set QUIET on
SET client_min_messages = error;
BEGIN;
SELECT plan(44);

CREATE ROLE seg_owner;
CREATE ROLE seg_heir;
CREATE ROLE seg_clerk;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
GRANT USAGE ON SCHEMA seg_shop TO PUBLIC;
SET search_path = seg_shop, public;
CREATE TABLE customer (id int PRIMARY KEY, country text, divisor int NOT NULL DEFAULT 1);
INSERT INTO customer SELECT i, CASE i % 2 WHEN 0 THEN 'DE' ELSE 'FR' END FROM generate_series(1, 20) AS i;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, product_id int, total int);
INSERT INTO orders SELECT i, i, i % 3, i FROM generate_series(1, 10) AS i;
CREATE TABLE product (id int PRIMARY KEY, category text);
INSERT INTO product VALUES (0, 'tea'), (1, 'pot'), (2, 'cup');
GRANT SELECT, TRIGGER ON customer, orders, product TO seg_owner, seg_heir;
GRANT ALL ON customer, orders, product TO seg_clerk;
SELECT segments.create_population('c', 'customer');
SELECT segments.add_source('c', 'orders', 'orders', 'customer_id');
SELECT segments.add_lookup('c', 'product', 'product', 'product_id', of => 'orders');
SELECT segments.add_attribute('c', 'ratio', '1 / divisor');
SELECT segments.create_segment('germans', 'country = ''DE''');
SELECT segments.create_segment('buyers', 'sum(orders.total) > 5');
SELECT segments.create_segment('tea', 'exists(orders where product.category = ''tea'')');
SELECT segments.create_segment('by hand', 'country = ''FR''');
SELECT segments.alter_segment('by hand', active => false);
SELECT segments.alter_population('c', owner => 'seg_owner');

CREATE FUNCTION active() RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(name, ', ' ORDER BY name) FROM segments.segment WHERE active$$;
CREATE FUNCTION problems() RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(DISTINCT problem, ', ') FROM segments.segment$$;
CREATE FUNCTION members(segment text) RETURNS text LANGUAGE sql AS 'SELECT segments.as_set(segment)::text';

-- He may not read any more what leads from a changed row to its members.
REVOKE SELECT ON orders FROM seg_owner;
SET ROLE seg_clerk;
SELECT lives_ok($$UPDATE product SET category = 'tea' WHERE id = 1$$, 'a row that leads nowhere fails no statement');
RESET ROLE;
SELECT is(active(), 'everyone, germans', 'what needs the way is deactivated');
SELECT is(problems(), 'permission denied for table orders', 'which it says');
SET ROLE seg_clerk;
SELECT lives_ok('INSERT INTO orders VALUES (11, 11, 0, 11)', 'nor does a row that cannot be read');
SELECT lives_ok('TRUNCATE product', 'nor one that removes what was led to');
RESET ROLE;
INSERT INTO product VALUES (0, 'tea'), (1, 'tea'), (2, 'cup');
SELECT is(active(), 'everyone, germans', 'nothing else is deactivated');
GRANT SELECT ON orders TO seg_owner;
SELECT segments.alter_population('c', owner => 'seg_owner');
SELECT is(active(), 'buyers, everyone, germans, tea', 'when he is told to own it again, what had failed comes back');
SELECT is(problems(), NULL, 'without problems');
SELECT is(members('buyers'), '{6-11}', 'and catches up');
SELECT is(members('tea'), '{1,3,4,6,7,9-11}', 'with all that happened');
SELECT is_empty('SELECT * FROM segments.check()', 'exactly');

-- A note that cannot be followed is everybody's.
SELECT segments.alter_population('c', maintenance => 'queued');
UPDATE product SET category = 'tea' WHERE id = 2;
SELECT isnt_empty('SELECT FROM segments.recheck', 'there is a note');
REVOKE SELECT ON orders FROM seg_owner;
UPDATE customer SET country = 'DE' WHERE id = 1;
SELECT is(segments.count_members('germans'), 11::bigint, 'others are read all the same');
SELECT throws_ok($$SELECT segments.count_members('tea')$$, '42501', NULL, 'whose rule needs the way is not');
SELECT lives_ok('SELECT segments.maintain_step()', 'upkeep goes on');
SELECT is(active(), 'everyone, germans', 'and deactivates what cannot be evaluated');
GRANT SELECT ON orders TO seg_owner;
SELECT segments.alter_population('c', owner => 'seg_owner', maintenance => 'immediate');
SELECT is(active(), 'buyers, everyone, germans, tea', 'in any mode it comes back');

-- Who may write but not read.
SELECT segments.create_segment('ratio', 'ratio > 0');
REVOKE SELECT ON customer FROM seg_clerk;
SET ROLE seg_clerk;
SELECT lives_ok('INSERT INTO customer VALUES (21, ''FR'', 0)', 'who may only write does');
RESET ROLE;
SELECT is(problems(), 'division by zero', 'a rule fails');

-- He loses the table itself.
REVOKE SELECT ON customer FROM seg_owner;
UPDATE customer SET country = 'DE' WHERE id = 3;
SELECT is(active(), NULL, 'all segments are deactivated, that of everyone, too');
GRANT SELECT ON customer TO seg_owner;
SELECT lives_ok('SELECT segments.refresh()', 'a refresh');
SELECT is(active(), 'everyone', 'brings everyone back, whom nobody else can');
SELECT is(segments.count_members('everyone'), 21::bigint, 'which is all');
INSERT INTO customer VALUES (22, 'DE');
SELECT is(segments.count_members('everyone'), 22::bigint, 'and current');

-- He is gone.
REASSIGN OWNED BY seg_owner TO seg_heir;
DROP OWNED BY seg_owner;
DROP ROLE seg_owner;
SELECT lives_ok($$INSERT INTO customer VALUES (23, 'DE')$$, 'statements go on without an owner');
SELECT is(active(), NULL, 'segments do not');
SELECT is((SELECT problem FROM segments.overview WHERE segment = 'everyone'), 'the owner of population "c" does not exist any more', 'and say why');
SELECT segments.alter_population('c', owner => 'seg_heir');
SELECT is(active(), 'buyers, everyone, germans, tea', 'another owner brings back all that can be evaluated');
SELECT is((SELECT problem FROM segments.overview WHERE segment = 'ratio'), 'division by zero', 'and not what cannot');
SELECT is(segments.count_members('germans'), 14::bigint, 'they catch up');
SELECT is((SELECT active FROM segments.overview WHERE segment = 'by hand'), false, 'what was deactivated by hand stays so');
SELECT is_empty('SELECT * FROM segments.check()', 'all is exact');
SELECT segments.drop_segment('ratio');

-- Row security decides what he sees.
ALTER TABLE customer OWNER TO seg_heir;
ALTER TABLE orders OWNER TO seg_heir;
CREATE FUNCTION sees(statement text, people text, buyers text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NEXT is(members('everyone') || ' ' || members('buyers'), people || ' ' || buyers, statement);
	PERFORM segments.maintain_step();
	IF EXISTS (SELECT FROM segments.check()) OR members('everyone') <> people OR members('buyers') <> buyers THEN
		RETURN NEXT fail('and upkeep finds the same');
	END IF;
END $$;
SELECT sees('CREATE POLICY few ON customer USING (id <= 8)', '{1-23}', '{6-11}');
SELECT sees('ALTER TABLE customer ENABLE ROW LEVEL SECURITY', '{1-23}', '{6-11}');
SELECT is_empty('SELECT FROM segments.due WHERE at = ''-infinity'' UNION ALL SELECT FROM segments.recheck', 'what does not concern him leaves nobody in doubt');
SELECT sees('ALTER TABLE customer FORCE ROW LEVEL SECURITY', '{1-8}', '{6-8}');
SELECT sees('ALTER POLICY few ON customer USING (id <= 10)', '{1-10}', '{6-10}');
SELECT sees('CREATE POLICY more ON customer USING (id > 20)', '{1-10,21-23}', '{6-10}');
SELECT sees('DROP POLICY few ON customer', '{21-23}', '{}');
SELECT sees('ALTER TABLE customer NO FORCE ROW LEVEL SECURITY', '{1-23}', '{6-11}');
SELECT sees('ALTER TABLE customer FORCE ROW LEVEL SECURITY', '{21-23}', '{}');
SELECT sees('ALTER TABLE customer NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', '{1-23}', '{6-11}');
SELECT sees('ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', '{1-23}', '{}');
SELECT sees('ALTER TABLE orders DISABLE ROW LEVEL SECURITY', '{1-23}', '{6-11}');

SELECT * FROM finish();
ROLLBACK;
