-- Changes of the tables that populations are made of: what is refused, what is not, and what is
-- followed.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
BEGIN;
SELECT plan(107);

CREATE ROLE seg_owner;
CREATE ROLE seg_analyst;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
CREATE SCHEMA seg_attic AUTHORIZATION seg_owner;
GRANT USAGE ON SCHEMA seg_shop TO PUBLIC;
SET ROLE seg_owner;
SET search_path = seg_shop, public, pg_catalog;

CREATE TABLE customer (id int PRIMARY KEY, country text, age int, name varchar(20), city_id int, free int, newsletter boolean);
INSERT INTO customer SELECT i, 'DE', i, 'n' || i, i % 3 FROM generate_series(1, 50) i;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, placed_at timestamptz, total numeric(10, 2), status text, product_id int, free int);
CREATE TABLE line (id int PRIMARY KEY, order_id int, price numeric);
CREATE TABLE product (id int PRIMARY KEY, category text, maker_id int);
CREATE TABLE maker (id int PRIMARY KEY, country text);
CREATE TABLE city (id int PRIMARY KEY, name text);
CREATE TABLE other (id int PRIMARY KEY, a int);
SELECT segments.create_population('customers', 'customer');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at', filter => 'status != ''cancelled''');
SELECT segments.add_source('customers', 'lines', 'line', key => 'order_id', parent => 'orders');
SELECT segments.add_lookup('customers', 'product', 'product', key => 'product_id', of => 'orders');
SELECT segments.add_lookup('customers', 'maker', 'maker', key => 'maker_id', of => 'product');
SELECT segments.add_lookup('customers', 'city', 'city', key => 'city_id');
SELECT segments.add_attribute('customers', 'loud', 'upper(name)');
SELECT segments.create_segment('germans', 'country = ''DE''') \gset
SELECT segments.create_segment('young germans', 'in segment ''germans'' and age < 30') \gset
SELECT segments.create_segment('buyers', 'count(orders within last 30 days where total > 10) > 1') \gset
SELECT segments.create_segment('shoppers', 'exists(orders where product.maker.country = ''FR'')') \gset
SELECT segments.create_segment('loud', 'loud = ''N1''', build => false) \gset
SELECT segments.create_segment('payers', 'sum(lines.price) > 1') \gset

-- throws(STATEMENT, MESSAGE, DETAIL): the hint is always there
CREATE FUNCTION throws(statement text, message text, detail text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	state text; said text; told text; hint text;
BEGIN
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, told = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;
	RETURN NEXT is(concat_ws(' / ', state, said, told, hint <> ''), concat_ws(' / ', '2BP01', message, detail, true), statement);
END $$;

-- Columns that rules read

SELECT throws('ALTER TABLE customer DROP COLUMN country', 'cannot drop column "country" of "customer" because segments use it',
	'Segments: "germans", "young germans".');
SELECT throws('ALTER TABLE customer DROP COLUMN country CASCADE', 'cannot drop column "country" of "customer" because segments use it',
	'Segments: "germans", "young germans".');
SELECT throws('ALTER TABLE customer RENAME country TO land', 'cannot rename column "country" of "customer" because segments use it',
	'Segments: "germans", "young germans".');
SELECT throws('ALTER TABLE customer ALTER age TYPE bigint', 'cannot change the type of column "age" of "customer" because segments use it',
	'Segments: "young germans".');
SELECT throws('ALTER TABLE customer ADD more int, ALTER age TYPE text, DROP free', 'cannot change the type of column "age" of "customer" because segments use it',
	'Segments: "young germans".');
SELECT throws('ALTER TABLE orders DROP COLUMN total', 'cannot drop column "total" of "orders" because segments use it',
	'Segments: "buyers".');
SELECT throws('ALTER TABLE line RENAME price TO cost', 'cannot rename column "price" of "line" because segments use it',
	'Segments: "payers".');
SELECT throws('ALTER TABLE maker DROP country', 'cannot drop column "country" of "maker" because segments use it',
	'Segments: "shoppers".');
SELECT throws('ALTER TABLE product DROP maker_id', 'cannot drop column "maker_id" of "product" because segments use it',
	'Segments: "shoppers". Definitions: lookup "maker" of population "customers".');

-- and those that definitions stand on

SELECT throws('ALTER TABLE customer RENAME id TO number', 'cannot rename column "id" of "customer" because segments use it',
	'Segments: "buyers", "payers", "shoppers". Definitions: population "customers", source "lines" of population "customers", source "orders" of population "customers".');
SELECT throws('ALTER TABLE customer ALTER id TYPE bigint', 'cannot change the type of column "id" of "customer" because segments use it',
	'Segments: "buyers", "payers", "shoppers". Definitions: population "customers", source "lines" of population "customers", source "orders" of population "customers".');
SELECT throws('ALTER TABLE customer ALTER name TYPE text', 'cannot change the type of column "name" of "customer" because segments use it',
	'Segments: "loud". Definitions: attribute "loud" of population "customers".');
SELECT throws('ALTER TABLE customer DROP city_id', 'cannot drop column "city_id" of "customer" because a population needs it',
	'Definitions: lookup "city" of population "customers".');
SELECT throws('ALTER TABLE city DROP id CASCADE', 'cannot drop column "id" of "city" because a population needs it',
	'Definitions: lookup "city" of population "customers".');
SELECT throws('ALTER TABLE orders RENAME placed_at TO at', 'cannot rename column "placed_at" of "orders" because segments use it',
	'Segments: "buyers", "payers", "shoppers". Definitions: source "lines" of population "customers", source "orders" of population "customers".');
SELECT throws('ALTER TABLE orders DROP status', 'cannot drop column "status" of "orders" because segments use it',
	'Segments: "buyers", "shoppers". Definitions: source "orders" of population "customers".');

-- Tables

SELECT throws('DROP TABLE customer', 'cannot drop table seg_shop.customer because segments use it',
	'Segments: "buyers", "germans", "loud", "payers", "shoppers", "young germans". Definitions: attribute "loud" of population "customers", lookup "city" of population "customers", population "customers", source "lines" of population "customers", source "orders" of population "customers".');
SELECT throws('DROP TABLE line', 'cannot drop table seg_shop.line because segments use it',
	'Segments: "payers". Definitions: source "lines" of population "customers".');
SELECT throws('DROP TABLE city CASCADE', 'cannot drop table seg_shop.city because a population needs it',
	'Definitions: lookup "city" of population "customers".');
SELECT throws('DROP TABLE other, maker', 'cannot drop table seg_shop.maker because segments use it',
	'Segments: "shoppers". Definitions: lookup "maker" of population "customers".');
SELECT throws_ok('DROP SCHEMA seg_shop CASCADE', '2BP01', 'cannot drop table seg_shop.customer because segments use it', 'a schema');
SELECT throws_ok('DROP OWNED BY seg_owner CASCADE', '2BP01', 'cannot drop table seg_shop.customer because segments use it', 'all that one owns');

-- What nobody reads, and what does no harm

SELECT lives_ok(statement, statement) FROM unnest('{
	ALTER TABLE customer DROP free,
	ALTER TABLE customer ADD free text DEFAULT 1,
	ALTER TABLE customer RENAME free TO gratis,
	ALTER TABLE customer ALTER gratis TYPE varchar,
	ALTER TABLE customer DROP newsletter CASCADE,
	ALTER TABLE customer ALTER age SET NOT NULL,
	ALTER TABLE customer ALTER age SET DEFAULT 1,
	ALTER TABLE customer ADD CHECK (age < 100),
	ALTER TABLE customer ALTER name TYPE varchar(30),
	ALTER TABLE orders ALTER total TYPE numeric,
	ALTER TABLE orders ALTER total TYPE numeric USING total * 2,
	ALTER TABLE orders RENAME free TO gratis,
	ALTER TABLE orders SET UNLOGGED,
	ALTER TABLE city ALTER name TYPE varchar,
	ALTER TABLE city RENAME name TO nom,
	ALTER TABLE city RENAME nom TO name,
	ALTER TABLE other DROP a,
	DROP TABLE other,
	ALTER TABLE customer RENAME TO client,
	ALTER TABLE client SET SCHEMA seg_attic,
	ALTER TABLE seg_attic.client RENAME CONSTRAINT customer_pkey TO client_pkey,
	CREATE INDEX client_age ON seg_attic.client (age),
	DROP INDEX seg_attic.client_age
}'::text[]) statement;
RESET ROLE;
SELECT lives_ok('ALTER SCHEMA seg_attic RENAME TO seg_cellar', 'a schema has another name');
SET ROLE seg_owner;
SELECT lives_ok('SELECT segments.refresh()', 'a table has another name in another schema');
SELECT throws('ALTER TABLE seg_cellar.client RENAME country TO land', 'cannot rename column "country" of "client" because segments use it',
	'Segments: "germans", "young germans".');
ALTER TABLE seg_cellar.client SET SCHEMA seg_shop;
ALTER TABLE client RENAME TO customer;

-- Definitions change

SELECT segments.alter_segment('germans', rule => 'city.name = ''Bonn''', new_name => 'from Bonn') \gset
SELECT lives_ok('ALTER TABLE customer RENAME country TO land', 'what no rule reads any more');
SELECT throws('ALTER TABLE city RENAME name TO nom', 'cannot rename column "name" of "city" because segments use it',
	'Segments: "from Bonn", "young germans".');
SELECT segments.alter_segment('from Bonn', active => false) \gset
SELECT throws('ALTER TABLE city RENAME name TO nom', 'cannot rename column "name" of "city" because segments use it',
	'Segments: "from Bonn", "young germans".');
SELECT segments.drop_segment('from Bonn', cascade => true);
SELECT lives_ok('ALTER TABLE customer ALTER age TYPE bigint', 'its segment is gone');
SELECT segments.drop_source('customers', 'orders', cascade => true);
SELECT lives_ok('ALTER TABLE orders DROP total', 'its source is gone');
SELECT lives_ok('DROP TABLE line, product', 'and so are those that hung on it');
SELECT segments.drop_attribute('customers', 'loud', cascade => true);
SELECT segments.drop_lookup('customers', 'city');
SELECT lives_ok('ALTER TABLE customer DROP name, ALTER city_id TYPE bigint', 'an attribute and a lookup');
SELECT is_empty($$SELECT FROM segments.dependency WHERE "column" <> 'id'$$, 'nothing else is needed');
SELECT segments.drop_population('customers');
SELECT is_empty('SELECT FROM segments.dependency', 'nothing at all');
SELECT lives_ok('DROP TABLE customer, city, maker, orders', 'now they can go');

-- Views

CREATE TABLE person (id int PRIMARY KEY, age int, name text);
CREATE VIEW adult AS SELECT id, age, name FROM person WHERE age >= 18;
CREATE MATERIALIZED VIEW seen AS SELECT * FROM person;
SELECT segments.create_population('adults', 'adult', key => 'id');
SELECT segments.create_population('seen', 'seen', key => 'id');
SELECT segments.create_segment('old', 'age > 60', 'adults') \gset
SELECT segments.create_segment('old', 'age > 60', 'seen') \gset
SELECT throws('ALTER VIEW adult RENAME age TO years', 'cannot rename column "age" of "adult" because segments use it', 'Segments: "old".');
SELECT throws('ALTER TABLE adult RENAME age TO years', 'cannot rename column "age" of "adult" because segments use it', 'Segments: "old".');
SELECT throws('ALTER MATERIALIZED VIEW seen RENAME age TO years', 'cannot rename column "age" of "seen" because segments use it', 'Segments: "old".');
SELECT throws('DROP VIEW adult', 'cannot drop view seg_shop.adult because segments use it', 'Segments: "old". Definitions: population "adults".');
SELECT throws('DROP MATERIALIZED VIEW seen', 'cannot drop materialized view seg_shop.seen because segments use it', 'Segments: "old". Definitions: population "seen".');
SELECT throws_ok('ALTER TABLE person ALTER age TYPE bigint', '0A000', NULL, 'what a view reads cannot be retyped anyway');
SELECT throws_ok('CREATE OR REPLACE VIEW adult AS SELECT id, age AS years, name FROM person', '42P16', NULL, 'nor can a view be replaced by another');
SELECT lives_ok('CREATE OR REPLACE VIEW adult AS SELECT id, age, name, 1 AS more FROM person', 'columns more');
SELECT lives_ok('ALTER VIEW adult RENAME name TO called', 'columns that nobody reads');
SELECT lives_ok('ALTER TABLE person RENAME age TO years', 'names behind a view');
SELECT lives_ok('ALTER VIEW adult RENAME TO grown', 'a view has another name');
SELECT segments.drop_population('adults', cascade => true), segments.drop_population('seen', cascade => true);
SELECT lives_ok('DROP TABLE person CASCADE', 'and goes');

-- By other ways

CREATE TYPE pair AS (id int, a int);
CREATE TABLE typed OF pair (PRIMARY KEY (id));
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE base (id int, feels mood);
CREATE TABLE derived (more int, PRIMARY KEY (id)) INHERITS (base);
SELECT segments.create_population('typed', 'typed');
SELECT segments.create_segment('few', 'a < 3', 'typed') \gset
SELECT segments.create_population('derived', 'derived');
SELECT segments.create_segment('fine', 'feels = ''fine''', 'derived') \gset
SELECT throws('ALTER TYPE pair RENAME ATTRIBUTE a TO b CASCADE', 'cannot rename column "a" of "typed" because segments use it', 'Segments: "few".');
SELECT throws('ALTER TYPE pair ALTER ATTRIBUTE a TYPE bigint CASCADE', 'cannot change the type of column "a" of "typed" because segments use it', 'Segments: "few".');
SELECT throws('ALTER TYPE pair DROP ATTRIBUTE a CASCADE', 'cannot drop column "a" of "typed" because segments use it', 'Segments: "few".');
SELECT throws('DROP TYPE mood CASCADE', 'cannot drop column "feels" of "derived" because segments use it', 'Segments: "fine".');
SELECT throws('ALTER TABLE base RENAME feels TO is_feeling', 'cannot rename column "feels" of "derived" because segments use it', 'Segments: "fine".');
SELECT throws('ALTER TABLE base ALTER feels TYPE text', 'cannot change the type of column "feels" of "derived" because segments use it', 'Segments: "fine".');
SELECT throws('ALTER TABLE base DROP feels', 'cannot drop column "feels" of "derived" because segments use it', 'Segments: "fine".');
SELECT throws('DROP TABLE base CASCADE', 'cannot drop table seg_shop.derived because segments use it', 'Segments: "fine". Definitions: population "derived".');
SELECT lives_ok('ALTER TYPE mood ADD VALUE ''great''; ALTER TYPE mood RENAME VALUE ''bad'' TO ''worse''; ALTER TYPE pair ADD ATTRIBUTE c int CASCADE; ALTER TABLE base ADD other int', 'other changes of types and parents');
SELECT segments.drop_population('typed', cascade => true), segments.drop_population('derived', cascade => true);

-- Who may only read a table cannot keep its owner from changing it.

CREATE TABLE lent (id int PRIMARY KEY, a int, b int);
GRANT SELECT ON lent TO seg_analyst;
SET ROLE seg_analyst;
SELECT segments.create_population('lent', 'lent', maintenance => 'scheduled');
SELECT segments.create_segment('some', 'a > 1') \gset
SET ROLE seg_owner;
SELECT lives_ok('ALTER TABLE lent RENAME a TO c', 'a reader''s segment is in nobody''s way');
ALTER TABLE lent RENAME c TO a;
GRANT TRIGGER ON lent TO seg_analyst;
SELECT throws('ALTER TABLE lent RENAME a TO c', 'cannot rename column "a" of "lent" because segments use it', 'Segments: "some".');
SELECT throws('DROP TABLE lent', 'cannot drop table seg_shop.lent because segments use it', 'Segments: "some". Definitions: population "lent".');
REVOKE TRIGGER ON lent FROM seg_analyst;
SELECT lives_ok('DROP TABLE lent', 'the owner drops it');
RESET ROLE;
SELECT lives_ok($$SELECT segments.drop_population('lent', cascade => true)$$, 'and the population can go afterwards');

-- What is amiss with one table is in nobody's way at another.

SET ROLE seg_owner;
CREATE TABLE broken (id int PRIMARY KEY, a int);
CREATE TABLE whole (id int PRIMARY KEY, a int, b int);
SELECT segments.create_population('broken', 'broken'), segments.create_population('whole', 'whole');
SELECT segments.create_segment('s', 'a > 1', 'broken'), segments.create_segment('s', 'a > 1', 'whole') \gset
RESET ROLE;
SET session_replication_role = replica;
ALTER TABLE broken DROP a;
DROP TABLE derived;
RESET session_replication_role;
SET ROLE seg_owner;
SELECT lives_ok('ALTER TABLE whole RENAME b TO c; CREATE TABLE new (a int); ALTER TABLE new ADD b int; DROP TABLE new', 'what is amiss elsewhere is in nobody''s way');
SELECT throws('ALTER TABLE whole RENAME a TO x', 'cannot rename column "a" of "whole" because segments use it', 'Segments: "s".');
SELECT lives_ok('ALTER TABLE broken ADD a int', 'what is amiss can be mended');
SELECT segments.drop_population('broken', cascade => true), segments.drop_population('whole', cascade => true);

-- Partitions come and go

CREATE TABLE event (id int, member int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE event_2023 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE actor (id int PRIMARY KEY);
CREATE FUNCTION triggers() RETURNS TABLE (relation text, n bigint) LANGUAGE sql AS $$
	SELECT tgrelid::regclass::text, count(*) FROM pg_trigger
	WHERE tgfoid = 'segments.track'::regproc AND NOT tgisinternal
	GROUP BY 1 ORDER BY 1
$$;
SELECT segments.create_population('actors', 'actor');
SELECT segments.add_source('actors', 'events', 'event', key => 'member', at => 'at');
SELECT bag_eq('SELECT * FROM triggers()', $$VALUES ('actor', 4::bigint), ('event', 4), ('event_2023', 4)$$, 'before');
CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (at);
CREATE TABLE event_2024_1 PARTITION OF event_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
SELECT bag_eq('SELECT * FROM triggers()', $$VALUES ('actor', 4::bigint), ('event', 4), ('event_2023', 4), ('event_2024', 4), ('event_2024_1', 4)$$,
	'a new partition, and one of it');
CREATE TABLE event_2024_2 (at timestamptz, id int, member int);
CREATE TABLE event_2025 (LIKE event) PARTITION BY RANGE (at);
CREATE TABLE event_2025_all PARTITION OF event_2025 DEFAULT;
SELECT is_empty($$SELECT FROM triggers() WHERE relation IN ('event_2024_2', 'event_2025', 'event_2025_all')$$, 'tables by themselves');
ALTER TABLE event_2024 ATTACH PARTITION event_2024_2 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
ALTER TABLE event ATTACH PARTITION event_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
SELECT is((SELECT count(*) FROM triggers() WHERE n = 4), 8::bigint, 'are attached, with what is below them');
ALTER TABLE event DETACH PARTITION event_2024;
SELECT bag_eq('SELECT * FROM triggers()', $$VALUES ('actor', 4::bigint), ('event', 4), ('event_2023', 4), ('event_2025', 4), ('event_2025_all', 4)$$,
	'and detached');
SELECT lives_ok('DROP TABLE event_2023', 'or dropped');
SELECT throws('ALTER TABLE event RENAME member TO m', 'cannot rename column "member" of "event" because a population needs it',
	'Definitions: source "events" of population "actors".');
CREATE TABLE event_old PARTITION OF event FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
CREATE INDEX event_old_member ON event_old (member);
CREATE INDEX event_member ON ONLY event (member);
SELECT lives_ok('ALTER INDEX event_member ATTACH PARTITION event_old_member', 'indexes have partitions, too');
RESET ROLE;
SELECT lives_ok('CREATE SCHEMA seg_parts CREATE TABLE event_1999 PARTITION OF seg_shop.event FOR VALUES FROM (''1999-01-01'') TO (''2000-01-01'')', 'a partition that comes with its schema');
SELECT is((SELECT n FROM triggers() WHERE relation = 'seg_parts.event_1999'), 4::bigint, 'has triggers');
SET ROLE seg_owner;

-- and so do tables that inherit.

CREATE TABLE actor_child (more int) INHERITS (actor);
SELECT is((SELECT n FROM triggers() WHERE relation = 'actor_child'), 4::bigint, 'a table that inherits');
ALTER TABLE actor_child NO INHERIT actor;
SELECT is_empty($$SELECT FROM triggers() WHERE relation = 'actor_child'$$, 'does no more');
CREATE TABLE actor_other (id int NOT NULL);
ALTER TABLE actor_other INHERIT actor;
SELECT is((SELECT n FROM triggers() WHERE relation = 'actor_other'), 4::bigint, 'another one begins to');
CREATE TEMP TABLE actor_temp () INHERITS (actor);
SELECT is_empty($$SELECT FROM triggers() WHERE relation = 'actor_temp'$$, 'a temporary one stays by itself');
ALTER TABLE actor_other NO INHERIT actor;
SELECT segments.create_population('others', 'actor_other', key => 'id');
SELECT is((SELECT n FROM triggers() WHERE relation = 'actor_other'), 4::bigint, 'what is a population by itself');
SELECT throws_ok('ALTER TABLE actor_other INHERIT actor', '0A000', 'segments cannot be kept current with "actor_other"', 'does not become a part of another table');
CREATE TABLE troupe (id int NOT NULL) PARTITION BY RANGE (id);
SELECT throws_ok('ALTER TABLE troupe ATTACH PARTITION actor_other DEFAULT', '0A000', 'segments cannot be kept current with "actor_other"', 'nor a partition');
SELECT segments.alter_population('others', maintenance => 'scheduled');
SELECT lives_ok('ALTER TABLE troupe ATTACH PARTITION actor_other DEFAULT', 'but where nothing keeps it current');
ALTER TABLE troupe DETACH PARTITION actor_other;
SELECT segments.alter_population('others', maintenance => 'queued');
RESET ROLE;
SET session_replication_role = replica;
ALTER TABLE actor_other INHERIT actor;
RESET session_replication_role;
SELECT is((SELECT string_agg(problem, '; ') FROM segments.check('others')), '"actor_other" is a part of another table, whose statements do not fire its triggers', 'which is noticed');
ALTER TABLE actor_other NO INHERIT actor;
SET ROLE seg_owner;

-- Somebody else's triggers

SELECT segments.drop_population('others');
CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER own AFTER INSERT ON actor_other FOR EACH STATEMENT EXECUTE FUNCTION own();
SELECT segments.drop_population('actors', cascade => true);
SELECT bag_eq($$SELECT tgname::text FROM pg_trigger WHERE tgrelid IN ('actor'::regclass, 'actor_other'::regclass, 'event'::regclass)
	AND NOT tgisinternal$$, $$VALUES ('own')$$, 'other triggers stay');

SELECT * FROM finish();
ROLLBACK;
