-- What is said when a definition or a question is wrong: message, detail, hint and place.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA api_errors;
SET search_path = api_errors;
SELECT segments.refresh();

CREATE TABLE customer (id int PRIMARY KEY, name text, country text, age int);
INSERT INTO customer SELECT i, 'c' || i, 'DE', i FROM generate_series(1, 20) i;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, placed_at timestamptz, total numeric);
CREATE TABLE product (id int PRIMARY KEY, category text);
CREATE TABLE log (at timestamptz, what text);

-- Populations
SELECT segments.create_population('customers', 'customer', time_zone => 'Berlin');
SELECT segments.create_population('customers', 'customer', key => 'ide');
SELECT segments.create_population('customers', 'customer', key => 'elephant');
SELECT segments.create_population('customers', 'customer', key => 'country');
SELECT segments.create_population('customers', 'log');
SELECT segments.create_population('customers', 'log', key => 'at');
SELECT segments.create_population(repeat('ä', 40), 'customer');
SELECT segments.create_population('customers', 'customer');
SELECT segments.create_population('customers', 'customer');
SELECT segments.alter_population('customer', new_name => 'x');

-- What hangs on them
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer', at => 'placed_at');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'total', at => 'placed_at');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'total');
SELECT segments.add_source('customers', 'name', 'orders', key => 'customer_id');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at', filter => 'totl > 0');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at', filter => 'total > ''a''');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at');
SELECT segments.add_source('customers', 'events', 'log', key => 'what', parent => 'oders');
SELECT segments.add_source('customers', 'events', 'log', key => 'what', parent => 'orders');
SELECT segments.add_lookup('customers', 'product', 'product', key => 'id', "references" => 'category', of => 'orders');
SELECT segments.add_lookup('customers', 'product', 'product', key => 'name', "references" => 'category');
SELECT segments.add_lookup('customers', 'happening', 'log', key => 'name');
SELECT segments.add_attribute('customers', 'loud', 'upper(nmae)');
SELECT segments.add_attribute('customers', 'loud', 'upper(name');
SELECT segments.add_attribute('customers', 'loud', 'name, name');
SELECT segments.add_attribute('customers', 'loud', 'random()');
SELECT segments.add_attribute('customers', 'loud', 'upper(name)');

-- Segments
SELECT segments.create_segment('adults', 'aeg >= 18');
SELECT segments.create_segment('adults', 'age > ''x''');
SELECT segments.create_segment('adults', 'country > 3');
SELECT segments.create_segment('adults', 'in segment ''grown-ups''');
SELECT segments.create_segment('everyone', 'true');
SELECT segments.create_segment('adults', 'age >= 18');
SELECT segments.create_segment('adults', 'age >= 18');
SELECT segments.create_segment('loud adults', 'in segment ''adults'' and loud = ''C19'' and count(orders) = 0');
SELECT segments.alter_segment('adults', rule => 'age >= 18 and not in segment ''loud adults''');
SELECT segments.alter_segment('everyone', description => 'all');
SELECT segments.create_segment('unbuilt', 'age = 3', build => false);
SELECT segments.alter_segment('unbuilt', active => false);
SELECT segments.create_segment('later', 'percentile(age) > 0.5');

ALTER TABLE orders ADD paid boolean;
SELECT segments.create_segment('a window behind', 'count(orders where paid within last 30 days) > 1');
ALTER TABLE orders DROP paid;
SELECT segments.create_segment('minus a text', 'age > -name');
SELECT segments.create_segment('row of a row', 'exists(orders o where sum(o.lines.quantity) > 1)');

-- Legal, but surprising
UPDATE customer SET name = NULL WHERE id = 3;
ANALYZE customer;
SELECT segments.create_segment('with missing', 'name != ''c1''');
SELECT segments.create_segment('with the member', 'exists(orders where age > 5 and total > 1)', build => false);
SELECT segments.create_segment('with another', 'in segment ''with missing''');
SELECT segments.alter_segment('with another', rule => 'name != ''c2''');
SELECT segments.drop_segment(s) FROM unnest(ARRAY['with another', 'with the member', 'with missing']) s;

-- Dropping
SELECT segments.drop_segment('adults');
SELECT segments.drop_source('customers', 'orders');
SELECT segments.drop_attribute('customers', 'loud');
SELECT segments.drop_attribute('customers', 'lout');
SELECT segments.drop_lookup('customers', 'product');
SELECT segments.drop_population('customers');

-- Reading
SELECT segments.members('adlts');
SELECT segments.members('zebras');
SELECT segments.members('unbuilt');
SELECT segments.is_member('adults', 'one');
SELECT segments.segments_of('00000000-0000-0000-0000-000000000001'::uuid);
SELECT segments.matching('age > 5', as_of => '-infinity');
SELECT segments.matching('agee > 5');
SELECT segments.preview('age > 5', max_rows => -1);
SELECT segments.create_views('no such schema');
SELECT segments.create_population('others', 'product');
SELECT segments.members('everyone');
SELECT segments.refresh();

-- What is needed, and what is gone
DROP TABLE product;
ALTER TABLE customer DROP COLUMN age;
SET session_replication_role = replica;
DROP TABLE product;
SELECT segments.members('everyone', 'others');
SELECT segments.drop_population('others');
ALTER TABLE customer DROP COLUMN age;
RESET session_replication_role;
SELECT segments.refresh();
SELECT segments.drop_population('customers', cascade => true);
TABLE segments.population;
TABLE segments.segment;
DROP SCHEMA api_errors CASCADE;
