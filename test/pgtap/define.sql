-- Defining populations, sources, lookups, attributes and segments: what is kept,
-- what is refused, and who may do what. Everything but the last part is done by
-- roles without any special rights.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
BEGIN;
SELECT plan(141);

CREATE ROLE seg_owner;
CREATE SCHEMA seg_shop AUTHORIZATION seg_owner;
SET ROLE seg_owner;
SET search_path = seg_shop, public, pg_catalog;

CREATE TABLE customer (id int PRIMARY KEY, name text, country text, age int, born date,
	city_id int, profile jsonb, score numeric(10, 2), tags text[]);
INSERT INTO customer SELECT i, 'c' || i, CASE WHEN i % 2 = 0 THEN 'DE' ELSE 'FR' END, i % 80,
	date '1960-01-01' + i, i % 5, '{}', i, '{}' FROM generate_series(1, 100) i;
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, placed_at timestamptz, day date, total numeric, product_id int);
INSERT INTO orders SELECT i, 1 + i % 50, now() - i * interval '1 day', current_date - i, i, i % 10
	FROM generate_series(1, 200) i;
CREATE TABLE line (id int PRIMARY KEY, order_id int, price numeric);
INSERT INTO line SELECT i, 1 + i % 200, i % 7 FROM generate_series(1, 400) i;
CREATE TABLE product (id int PRIMARY KEY, category text, code text UNIQUE, maker_id int);
INSERT INTO product SELECT i, 'cat' || i % 3, 'p' || i, i % 3 FROM generate_series(0, 9) i;
CREATE TABLE city (id int PRIMARY KEY, country text);
INSERT INTO city SELECT i, 'X' || i FROM generate_series(0, 4) i;

-- Populations

SELECT lives_ok($$SELECT segments.create_population('customers', 'customer')$$, 'a population over one''s own table');
SELECT bag_eq($$SELECT name, relation::text, key::text, key_type::text, dictionary, owner::text, time_zone FROM segments.population$$,
	$$VALUES ('customers', 'customer', 'id', 'integer', false, 'seg_owner', 'UTC')$$, 'is kept with its defaults');
SELECT bag_eq($$SELECT segment, members, percent FROM segments.overview$$,
	$$VALUES ('everyone', 100::bigint, 100.00)$$, 'and has everyone as a segment');
SELECT throws_ok($$SELECT segments.create_population('customers', 'customer')$$, '42710',
	'population "customers" already exists', 'a name is taken once');
SELECT throws_ok($$SELECT segments.create_population('p', 'customer', time_zone => 'Mars/Olympus')$$, '22023',
	'time zone "Mars/Olympus" is not known', 'an unknown time zone');
SELECT throws_ok($$SELECT segments.create_population('', 'customer')$$, '42602',
	'the name of a population must not be empty', 'an empty name');
SELECT throws_ok($$SELECT segments.create_population(repeat('x', 64), 'customer')$$, '42622', NULL, 'a name that is too long');
SELECT throws_ok($$SELECT segments.create_population(NULL, 'customer')$$, '22004',
	'argument "name" must not be null', 'no name');
SELECT throws_ok($$SELECT segments.create_population('p', NULL)$$, '22004',
	'argument "relation" must not be null', 'no table');
SELECT throws_ok($$SELECT segments.create_population('p', 'customer', key => 'nmae')$$, '42703',
	'column "nmae" of "customer" does not exist', 'a key column that does not exist');
SELECT throws_ok($$SELECT segments.create_population('p', 'customer', key => 'ctid')$$, '42703',
	'column "ctid" of "customer" does not exist', 'a system column is no key');
SELECT throws_ok($$SELECT segments.create_population('p', 'customer', key => 'country')$$, '23505',
	'column "country" of "customer" is not unique', 'a key column that is not unique');
SELECT throws_ok($$SELECT segments.create_population('p', 'customer', key => 'born')$$, '42804',
	'column "born" of type date cannot be the key of a population', 'a date as a key');
SELECT throws_ok($$SELECT segments.create_population('p', 'customer_pkey')$$, '42809',
	'"customer_pkey" is not a table or view', 'an index is no population');
CREATE TABLE keyless (a int, b int);
INSERT INTO keyless VALUES (1, 1), (2, NULL), (3, 3);
SELECT throws_ok($$SELECT segments.create_population('p', 'keyless')$$, '42704',
	'"keyless" has no primary key of one column', 'a table without a primary key');
SELECT lives_ok($$SELECT segments.create_population('p', 'keyless', key => 'b')$$, 'a key column with nulls');
SELECT segments.drop_population('p');
SELECT lives_ok($$SELECT segments.create_population('p', 'keyless', key => 'a')$$, 'a column that happens to be unique');
SELECT segments.drop_population('p');
CREATE TABLE two_keys (a int, b int, PRIMARY KEY (a, b));
SELECT throws_ok($$SELECT segments.create_population('p', 'two_keys')$$, '42704', NULL, 'a primary key of two columns');
CREATE TABLE partial_key (a int);
CREATE UNIQUE INDEX ON partial_key (a) WHERE a > 10;
INSERT INTO partial_key VALUES (1), (1);
SELECT throws_ok($$SELECT segments.create_population('p', 'partial_key', key => 'a')$$, '23505',
	'column "a" of "partial_key" is not unique', 'a partial index vouches for nothing');
CREATE TABLE heir () INHERITS (customer);
INSERT INTO heir (id) VALUES (1);
SELECT throws_ok($$SELECT segments.create_population('p', 'customer')$$, '23505',
	'column "id" of "customer" is not unique', 'nor does an index of a table that others inherit from');
DROP TABLE heir;
CREATE TEMP TABLE short_lived (id int PRIMARY KEY);
SELECT throws_ok($$SELECT segments.create_population('p', 'short_lived')$$, '42P16',
	'"short_lived" is temporary', 'a temporary table');
SELECT throws_ok($$SELECT segments.create_population('p', 0)$$, '42P01', NULL, 'no such table');

-- Kinds of relations and keys

CREATE VIEW grown_up AS SELECT id::bigint AS id, name FROM customer WHERE age >= 18;
CREATE MATERIALIZED VIEW seen_once AS SELECT id, name FROM customer;
CREATE TABLE parted (id int, region text, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT i FROM generate_series(1, 10) i;
CREATE DOMAIN customer_number AS int8;
CREATE TABLE domained (id customer_number PRIMARY KEY);
INSERT INTO domained VALUES (1), (-5);
CREATE TABLE small (id int2 PRIMARY KEY);
CREATE TABLE snowflake (id int8 PRIMARY KEY);
INSERT INTO snowflake SELECT 9000000000000000000 + i * 4194304 FROM generate_series(1, 10) i;
INSERT INTO snowflake VALUES (-9000000000000000000);
CREATE TABLE by_uuid (id uuid PRIMARY KEY);
INSERT INTO by_uuid SELECT gen_random_uuid() FROM generate_series(1, 10) i;
CREATE TABLE by_text (id varchar(10) PRIMARY KEY);
INSERT INTO by_text VALUES ('a'), ('B'), ('ä'), ('');
SELECT lives_ok(format($$SELECT segments.create_population(%L, %L, key => 'id')$$, 'p_' || r, r), 'a population over ' || r)
FROM unnest('{grown_up,seen_once,parted,domained,small,snowflake,by_uuid,by_text}'::text[]) r;
SELECT bag_eq($$SELECT name, key_type::text, dictionary FROM segments.population WHERE name LIKE 'p\_%' ORDER BY name$$,
	$$VALUES ('p_by_text', 'character varying', true), ('p_by_uuid', 'uuid', true), ('p_domained', 'bigint', false),
		('p_grown_up', 'bigint', false), ('p_parted', 'integer', false), ('p_seen_once', 'integer', false),
		('p_small', 'smallint', false), ('p_snowflake', 'bigint', true)$$, 'keys are numbered where they are no dense integers');
SELECT bag_eq($$SELECT population, members FROM segments.overview WHERE population LIKE 'p\_%' ORDER BY population$$,
	$$VALUES ('p_by_text', 4::bigint), ('p_by_uuid', 10), ('p_domained', 2), ('p_grown_up', 65), ('p_parted', 10),
		('p_seen_once', 100), ('p_small', 0), ('p_snowflake', 11)$$, 'all of them have their members');
SELECT lives_ok(format('SELECT segments.drop_population(%L)', 'p_' || r), 'dropped again: ' || r)
FROM unnest('{grown_up,seen_once,parted,domained,small,snowflake,by_uuid,by_text}'::text[]) r;
SELECT is_empty('SELECT FROM segments.dictionary', 'and their keys with them');

-- Sources

SELECT lives_ok($$SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at')$$, 'a source');
SELECT lives_ok($$SELECT segments.add_source('customers', 'lines', 'line', key => 'order_id', parent => 'orders', filter => 'price > 0')$$,
	'a source of a source, filtered');
SELECT lives_ok($$SELECT segments.add_source('customers', 'by day', 'orders', key => 'customer_id', at => 'day')$$, 'a day is a moment');
SELECT bag_eq($$SELECT s.name, s.relation::text, s.key::text, s.at::text, p.name AS parent, s.parent_key::text, s.filter::text
	FROM segments.source s LEFT JOIN segments.source p ON p.id = s.parent ORDER BY s.id$$,
	$$VALUES ('orders', 'orders', 'customer_id', 'placed_at', NULL, 'id', NULL), ('lines', 'line', 'order_id', NULL, 'orders', 'id', 'price > 0'),
		('by day', 'orders', 'customer_id', 'day', NULL, 'id', NULL)$$, 'are kept');
SELECT throws_ok($$SELECT segments.add_source('custmers', 'o', 'orders', key => 'customer_id')$$, '42704',
	'population "custmers" does not exist', 'an unknown population');
SELECT throws_ok($$SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id')$$, '42710',
	'source "orders" already exists in population "customers"', 'a source of that name exists');
SELECT throws_ok($$SELECT segments.add_source('customers', 'country', 'orders', key => 'customer_id')$$, '42710',
	'name "country" is already taken', 'a column of that name exists');
SELECT throws_ok($$SELECT segments.add_source('customers', 'total', 'line', key => 'order_id', parent => 'orders')$$, '42710',
	'name "total" is already taken', 'a column of the parent has that name');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'orders', key => 'customer')$$, '42703',
	'column "customer" of "orders" does not exist', 'a source without the key column');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'orders', key => 'customer_id', at => 'placed')$$, '42703',
	'column "placed" of "orders" does not exist', 'a source without the moment');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'orders', key => 'total')$$, '42804',
	'column "total" of "orders" cannot refer to column "id" of "customer"', 'a key of another type');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'orders', key => 'customer_id', at => 'total')$$, '42804',
	'column "total" of "orders" is not a moment', 'a moment that is none');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'orders', key => 'id', parent => 'order')$$, '42704',
	'source "order" does not exist in population "customers"', 'an unknown parent');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'line', key => 'order_id', parent => 'orders', filter => 'prise > 0')$$, '42703',
	NULL, 'a filter that reads what is not there');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'line', key => 'order_id', parent => 'orders', filter => 'price > ''x''')$$, '42804',
	NULL, 'a filter that compares what cannot be');
SELECT throws_ok($$SELECT segments.add_source('customers', 'o', 'line', key => NULL)$$, '22004', 'argument "key" must not be null', 'no key');
SELECT is((SELECT count(*) FROM segments.source), 3::bigint, 'nothing half-done is left');

-- Lookups

SELECT lives_ok($$SELECT segments.add_lookup('customers', 'city', 'city', key => 'city_id')$$, 'a lookup of the population');
SELECT lives_ok($$SELECT segments.add_lookup('customers', 'product', 'product', key => 'product_id', of => 'orders')$$, 'of a source');
SELECT lives_ok($$SELECT segments.add_lookup('customers', 'maker', 'city', key => 'maker_id', of => 'product')$$, 'of a lookup');
SELECT lives_ok($$SELECT segments.add_lookup('customers', 'product', 'product', key => 'product_id', of => 'by day')$$, 'of the same name, elsewhere');
SELECT bag_eq($$SELECT l.name, l.relation::text, l.key::text, l."references"::text, s.name AS source, o.name AS lookup FROM segments.lookup l
	LEFT JOIN segments.source s ON s.id = l.of_source LEFT JOIN segments.lookup o ON o.id = l.of_lookup ORDER BY l.id$$,
	$$VALUES ('city', 'city', 'city_id', 'id', NULL, NULL), ('product', 'product', 'product_id', 'id', 'orders', NULL),
		('maker', 'city', 'maker_id', 'id', NULL, 'product'), ('product', 'product', 'product_id', 'id', 'by day', NULL)$$, 'are kept');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'x', 'city', key => 'id', of => 'product')$$, '22023',
	'"product" is the name of several sources and lookups', 'of something ambiguous');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'x', 'city', key => 'city_id', of => 'prodct')$$, '42704',
	'population "customers" has no source or lookup "prodct"', 'of something unknown');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'city', 'city', key => 'city_id')$$, '42710', 'name "city" is already taken', 'twice');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'orders', 'city', key => 'city_id')$$, '42710', 'name "orders" is already taken', 'a source has that name');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'total', 'product', key => 'product_id', of => 'orders')$$, '42710',
	'name "total" is already taken', 'a column of the source has that name');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'x', 'city', key => 'town_id')$$, '42703',
	'column "town_id" of "customer" does not exist', 'an unknown column');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'x', 'product', key => 'city_id', "references" => 'code')$$, '42804',
	'column "city_id" of "customer" cannot refer to column "code" of "product"', 'types that differ');
SELECT lives_ok($$SELECT segments.add_lookup('customers', 'x', 'product', key => 'name', "references" => 'code')$$, 'a unique column that is not the primary key');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'y', 'product', key => 'name', "references" => 'category')$$, '42830',
	'column "category" of "product" is not known to be unique', 'a column that is not unique');
SELECT segments.alter_population('customers', maintenance => 'scheduled');
CREATE VIEW categories AS SELECT category, count(*) AS n FROM product GROUP BY category;
SELECT lives_ok($$SELECT segments.add_lookup('customers', 'y', 'categories', key => 'name', "references" => 'category')$$, 'of a view, its rows are looked at');
SELECT throws_ok($$SELECT segments.add_lookup('customers', 'z', 'categories', key => 'name')$$, '42704',
	'"categories" has no primary key of one column', 'a view has no primary key');

-- Attributes

CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1) || ''!''';
SELECT lives_ok($$SELECT segments.add_attribute('customers', 'loud', 'shout(name) || ''x''')$$, 'an attribute');
SELECT lives_ok($$SELECT segments.add_attribute('customers', 'plain', '''word''')$$, 'a constant');
SELECT lives_ok($$SELECT segments.add_attribute('customers', 'rounded', 'score::numeric(4, 0)')$$, 'a type modifier');
SELECT lives_ok($$SELECT segments.add_attribute('customers', 'sorted', 'name COLLATE "C"')$$, 'a collation');
SELECT bag_eq($$SELECT name, expression, type::text, typmod > 0, "collation" FROM segments.attribute ORDER BY id$$,
	$$VALUES ('loud', '(seg_shop.shout(m.name) || ''x''::text)', 'text', false, 'pg_catalog."default"'), ('plain', '''word''::text', 'text', false, 'pg_catalog."default"'),
		('rounded', '(m.score)::numeric(4,0)', 'numeric', true, NULL), ('sorted', '(m.name COLLATE "C")', 'text', false, 'pg_catalog."C"')$$,
	'are kept with every name in them qualified');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'a', 'now()')$$, '42P17', 'the expression of an attribute must be immutable', 'the clock');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'a', 'count(*)')$$, '42803', NULL, 'an aggregate');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'a', '(SELECT 1)')$$, '0A000', NULL, 'a subquery');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'a', 'generate_series(1, 2)')$$, '0A000', NULL, 'a set');
SELECT throws_ok(format($$SELECT segments.add_attribute('customers', 'a', %L)$$, e), '42601', NULL, 'not an expression: ' || e)
FROM unnest('{"1, 2","1 AS x","name FROM orders","name WHERE true","1 ORDER BY 1","name); DROP TABLE city; SELECT (name",""}'::text[]) e;
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'a', 'nam')$$, '42703', NULL, 'an unknown column');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'a', 'row(1, 2)')$$, '42804', NULL, 'a row');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'name', 'name')$$, '42710', 'name "name" is already taken', 'a column has that name');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'lines', 'name')$$, '42710', 'name "lines" is already taken', 'a source has that name');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'city', 'name')$$, '42710', 'name "city" is already taken', 'a lookup has that name');
SELECT throws_ok($$SELECT segments.add_attribute('customers', 'loud', 'name')$$, '42710', 'name "loud" is already taken', 'an attribute has that name');

-- Segments

SELECT is(segments.create_segment('germans', 'country = ''DE'''), 50::bigint, 'a segment says how many members it has');
SELECT is(segments.create_segment('buyers', 'exists(orders where product.category = ''cat1'')', description => 'of something'), 15::bigint, 'with a lookup');
SELECT is(segments.create_segment('loud', 'loud = ''C7!x'''), 1::bigint, 'with an attribute');
SELECT is(segments.create_segment('both', 'in segment ''germans'' and in segment ''buyers'''), (SELECT count(*) FROM
	segments.members('germans') g JOIN segments.members('buyers') b ON g = b), 'of segments');
SELECT is(segments.create_segment('Weird "näme"'' ', 'not in segment ''both'''), 100 - segments.count_members('both'), 'of any name');
SELECT is(segments.create_segment('later', 'age = 7', build => false), NULL, 'not built yet');
SELECT throws_ok($$SELECT segments.create_segment('germans', 'true')$$, '42710', 'segment "germans" already exists in population "customers"', 'a duplicate name');
SELECT throws_ok($$SELECT segments.create_segment('everyone', 'true')$$, '42939', 'segment name "everyone" is reserved', 'a reserved name');
SELECT throws_ok($$SELECT segments.create_segment('', 'true')$$, '42602', NULL, 'an empty name');
SELECT throws_ok($$SELECT segments.create_segment('s', NULL)$$, '22004', 'argument "rule" must not be null', 'no rule');
SELECT throws_ok($$SELECT segments.create_segment('s', 'contry = ''DE''')$$, '42703',
	'attribute "contry" does not exist in population "customers"', 'an unknown attribute');
SELECT throws_ok($$SELECT segments.create_segment('s', 'age > ''x''')$$, '42804', NULL, 'a type clash');
SELECT throws_ok($$SELECT segments.create_segment('s', 'country > 3')$$, '42804', NULL, 'another');
SELECT throws_ok($$SELECT segments.create_segment('s', 'in segment ''germnas''')$$, '42704', NULL, 'an unknown segment');
SELECT throws_ok($$SELECT segments.create_segment('s', 'in segment ''s''')$$, '42P19', 'segment "s" would refer to itself', 'a cycle of one');
SELECT throws_ok($$SELECT segments.alter_segment('germans', rule => 'in segment ''both''')$$, '42P19', 'segment "germans" would refer to itself', 'a cycle');
SELECT is((SELECT count(*) FROM segments.segment), 7::bigint, 'nothing half-done is left');

SELECT is(segments.alter_segment('germans', rule => 'country = ''FR'' and age < 30'), (SELECT count(*) FROM customer
	WHERE country = 'FR' AND age < 30), 'a rule is changed');
SELECT is(segments.count_members('both'), (SELECT count(*) FROM segments.members('germans') g JOIN segments.members('buyers') b ON g = b),
	'and those who refer to it follow');
SELECT lives_ok($$SELECT segments.alter_segment('germans', new_name => 'it''s French')$$, 'a segment is renamed');
SELECT is((SELECT rule::text FROM segments.segment WHERE name = 'both'), 'in segment ''it''''s French'' and in segment ''buyers''',
	'and those who refer to it still do');
SELECT throws_ok($$SELECT segments.alter_segment('both', new_name => 'buyers')$$, '42710', NULL, 'to a name that is taken');
SELECT throws_ok($$SELECT segments.alter_segment('everyone', new_name => 'all')$$, '55000', NULL, 'everyone stays');
SELECT throws_ok($$SELECT segments.drop_segment('everyone')$$, '55000', NULL, 'and is not dropped');
SELECT lives_ok($$SELECT segments.alter_segment('buyers', active => false)$$, 'a segment is frozen');
DELETE FROM orders;
SELECT is(segments.refresh(), 5::bigint, 'the others are refreshed');
SELECT is(segments.count_members('buyers'), 15::bigint, 'its members stay');
SELECT throws_ok($$SELECT segments.rebuild('buyers')$$, '55000', 'segment "buyers" is not active', 'it cannot be rebuilt');
SELECT is(segments.alter_segment('buyers', active => true), 0::bigint, 'until it is active again');
SELECT throws_ok($$SELECT segments.drop_segment('no such')$$, '42704', 'segment "no such" does not exist', 'an unknown segment');

-- Dropping

SELECT throws_ok($$SELECT segments.drop_segment('buyers')$$, '2BP01', 'cannot drop segment "buyers" because other definitions need it', 'a segment that others need');
SELECT throws_ok($$SELECT segments.drop_source('customers', 'orders')$$, '2BP01', 'cannot drop source "orders" because other definitions need it', 'a source');
SELECT throws_ok($$SELECT segments.drop_lookup('customers', 'product')$$, '22023', 'there are several lookups "product"', 'one lookup of several');
SELECT throws_ok($$SELECT segments.drop_lookup('customers', 'product', of => 'orders')$$, '2BP01', NULL, 'a lookup');
SELECT throws_ok($$SELECT segments.drop_attribute('customers', 'loud')$$, '2BP01', NULL, 'an attribute');
SELECT throws_ok($$SELECT segments.drop_population('customers')$$, '2BP01', 'cannot drop population "customers" because it has segments', 'a population');
SELECT lives_ok($$SELECT segments.drop_attribute('customers', 'plain'), segments.drop_lookup('customers', 'product', of => 'by day'),
	segments.drop_source('customers', 'by day')$$, 'what nobody needs');
SELECT lives_ok($$SELECT segments.drop_attribute('customers', 'loud', cascade => true)$$, 'an attribute with its segment');
SELECT lives_ok($$SELECT segments.drop_source('customers', 'orders', cascade => true)$$, 'a source with all that hangs on it');
SELECT bag_eq($$SELECT name FROM segments.segment ORDER BY name$$,
	$$VALUES ('everyone'), ('it''s French'), ('later')$$, 'the segments that needed it are gone');
SELECT bag_eq('SELECT name FROM segments.source UNION ALL SELECT name FROM segments.lookup', $$VALUES ('city'), ('x'), ('y')$$, 'and sources and lookups');
SELECT throws_ok($$SELECT segments.drop_source('customers', 'orders')$$, '42704', 'source "orders" does not exist in population "customers"', 'it is gone');
RESET ROLE;
SET session_replication_role = replica;
ALTER TABLE customer DROP COLUMN age CASCADE;
RESET session_replication_role;
SET ROLE seg_owner;
SELECT lives_ok($$SELECT segments.drop_attribute('customers', 'rounded')$$, 'a segment that cannot be bound any more is not in the way');
SELECT throws_ok($$SELECT segments.refresh()$$, '42703', 'attribute "age" does not exist in population "customers"', 'but it is noticed');
SELECT lives_ok($$SELECT segments.drop_segment('later'), segments.drop_segment('it''s French')$$, 'and can be dropped');

SELECT * FROM finish();
ROLLBACK;
