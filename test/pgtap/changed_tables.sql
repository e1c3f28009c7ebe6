-- Tables that change after they were registered, while nothing keeps them from it: an error
-- says what is amiss, nothing is misread.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(19);
ALTER EVENT TRIGGER segments_ddl DISABLE;
ALTER EVENT TRIGGER segments_drop DISABLE;
CREATE SCHEMA altered;
SET search_path = altered, public;
CREATE TABLE person (id int PRIMARY KEY, score int, pin char(4), seen timestamp);
INSERT INTO person SELECT i, i, i, timestamp '2024-01-01' + i * interval '1 day' FROM generate_series(1, 100) i;
CREATE TABLE parcel (id int PRIMARY KEY, person_id int, sent timestamptz, kind_id int);
INSERT INTO parcel SELECT i, i % 10 + 1, timestamptz '2024-01-01 00:00+00' + i * interval '1 day', i % 3 FROM generate_series(1, 30) i;
CREATE TABLE item (id int PRIMARY KEY, parcel_id int);
INSERT INTO item SELECT i, i FROM generate_series(1, 30) i;
CREATE TABLE kind (id int PRIMARY KEY, name text);
INSERT INTO kind VALUES (1, 'box'), (2, 'bag');
SELECT segments.create_population('people', 'person');
SELECT segments.add_source('people', 'parcels', 'parcel', 'person_id', 'sent');
SELECT segments.add_source('people', 'items', 'item', 'parcel_id', parent => 'parcels');
SELECT segments.add_lookup('people', 'kind', 'kind', 'kind_id', of => 'parcels');
SELECT segments.add_attribute('people', 'next', 'score + 1');
SELECT is(segments.create_segment('high', 'next > 51'), 50::bigint, 'a segment');

SELECT lives_ok('ALTER TABLE person ALTER id TYPE bigint', 'a key grows');
SELECT is(segments.rebuild('high'), 50::bigint, 'and is read as before');
ALTER TABLE person ADD filler int, DROP COLUMN pin;
SELECT is(segments.rebuild('high'), 50::bigint, 'columns come and go');

-- a numeric is no integer
ALTER TABLE person ALTER score TYPE numeric;
SELECT throws_ok($$SELECT segments.rebuild('high')$$, '42804', 'a computed attribute is of type numeric now', 'an attribute of another type');
SELECT throws_ok($$SELECT * FROM segments.matching('next > 1')$$, '42804', NULL, 'asked once, too');
SELECT is(segments.count_members('high'), 50::bigint, 'its members stay as they are');
ALTER TABLE person ALTER score TYPE bigint;
SELECT throws_ok($$SELECT segments.rebuild('high')$$, '42804', 'a computed attribute is of type bigint now', 'also if it takes as many bytes');
ALTER TABLE person ALTER score TYPE int;
SELECT is(segments.rebuild('high'), 50::bigint, 'as it was');
SELECT is((SELECT count(*) FROM segments.matching('seen > 2024-01-31')), 70::bigint, 'a column');
ALTER TABLE person ALTER seen TYPE text;
SELECT throws_ok($$SELECT * FROM segments.matching('seen > 2024-01-31')$$, '42804', NULL, 'is bound anew');

-- keys
ALTER TABLE person ALTER id TYPE text;
SELECT throws_ok($$SELECT segments.rebuild('high')$$, '42804', 'key "id" of population "people" is text now', 'a key of another type');
ALTER TABLE person ALTER id TYPE int USING id::int;
ALTER TABLE person RENAME id TO number;
SELECT throws_ok($$SELECT segments.rebuild('high')$$, '42703', 'table "person" has lost its column "id"', 'a key of another name');
ALTER TABLE person RENAME number TO id;
ALTER TABLE parcel RENAME person_id TO to_whom;
SELECT throws_ok($$SELECT * FROM segments.matching('exists(items)')$$, '42703', 'table "parcel" has lost its column "person_id"', 'a source''s way to the member');
SELECT is(segments.rebuild('high'), 50::bigint, 'matters to those who go it');
ALTER TABLE parcel RENAME to_whom TO person_id;

-- tables
DROP TABLE kind;
SELECT throws_ok($$SELECT * FROM segments.matching('exists(parcels where kind.name = ''box'')')$$, '42P01',
	'a relation of population "people" does not exist any more', 'a lookup without its table');
DROP TABLE item;
SELECT throws_ok($$SELECT * FROM segments.matching('exists(items)')$$, '42P01', NULL, 'a source without its table');
DROP TABLE person;
SELECT throws_ok($$SELECT segments.refresh('people')$$, '42P01', NULL, 'a population without its table');
SELECT lives_ok($$SELECT segments.drop_population('people', cascade => true)$$, 'can be dropped');

SELECT * FROM finish();
ROLLBACK;
