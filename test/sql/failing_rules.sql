-- What is said when a rule fails: to whom may read the segments, and to nobody else.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA failing_rules;
GRANT USAGE ON SCHEMA failing_rules TO PUBLIC;
SET search_path = failing_rules;
CREATE ROLE seg_failing_owner;
CREATE ROLE seg_failing_clerk;
CREATE TABLE customer (id int PRIMARY KEY, note text);
CREATE TABLE place (id int PRIMARY KEY, name text);
CREATE TABLE visit (customer_id int, place_id int);
INSERT INTO customer VALUES (1, '12'), (2, '200');
GRANT SELECT, TRIGGER ON customer, place, visit TO seg_failing_owner;
GRANT INSERT, UPDATE ON customer, place TO seg_failing_clerk;
GRANT SELECT (id) ON place TO seg_failing_clerk;
SELECT segments.create_population('customers', 'customer');
SELECT segments.add_source('customers', 'visits', 'visit', key => 'customer_id');
SELECT segments.add_lookup('customers', 'place', 'place', key => 'place_id', of => 'visits');
SELECT segments.add_attribute('customers', 'number', 'note::int');
SELECT segments.create_segment('secret plans', 'number > 100');
SELECT segments.create_segment('at sea', 'exists(visits where place.name = ''sea'')');
SELECT segments.alter_population('customers', owner => 'seg_failing_owner');

SET ROLE seg_failing_clerk;
INSERT INTO customer VALUES (3, 'x');
RESET ROLE;
SELECT segment, active, problem FROM segments.overview WHERE NOT active;
UPDATE customer SET note = '300' WHERE id = 3;
SELECT segments.alter_segment('secret plans', active => true);
INSERT INTO customer VALUES (4, 'y');

REVOKE SELECT ON visit FROM seg_failing_owner;
INSERT INTO place VALUES (1, 'sea');
SELECT segments.alter_segment('at sea', active => true);
GRANT SELECT ON visit TO seg_failing_owner;
SELECT segments.alter_segment('at sea', active => true);
REVOKE SELECT ON visit FROM seg_failing_owner;
SET ROLE seg_failing_clerk;
UPDATE place SET name = 'lake' WHERE id = 1;
RESET ROLE;
SELECT segment, active, problem FROM segments.overview WHERE NOT active ORDER BY 1;

REVOKE SELECT ON customer FROM seg_failing_owner;
GRANT DELETE ON customer TO seg_failing_owner;
GRANT USAGE ON SCHEMA failing_rules TO seg_failing_owner;
SET ROLE seg_failing_owner;
DELETE FROM customer;
RESET ROLE;
GRANT SELECT ON customer TO seg_failing_owner;
SELECT segments.refresh();
DROP OWNED BY seg_failing_owner;
DROP ROLE seg_failing_owner;
INSERT INTO customer VALUES (5, '5');

SELECT segments.drop_population('customers', cascade => true);
DROP OWNED BY seg_failing_clerk;
DROP ROLE seg_failing_clerk;
DROP TABLE customer, place, visit;
DROP SCHEMA failing_rules;
