-- shop.sql: a shop that never was, the same every time.
--
-- Nothing here is random: every choice is a hash of the row's number and of a
-- number for the question, so two runs differ only in that all moments hang on
-- the day of the run. psql's variable customers says how many there are
-- (50,000); there are some six orders for each.
\if :{?customers}
\else
\set customers 50000
\endif

CREATE SCHEMA shop;
SET search_path = shop, pg_catalog;

-- A number from 0 up to 1 for row i and question q.
CREATE FUNCTION chance(i bigint, q int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(i, q) & 9007199254740991) / 9007199254740992.0::float8;

-- One of the elements. The earlier ones are chosen more often the larger lean is.
CREATE FUNCTION choice(elements text[], i bigint, q int, lean float8 = 1) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN elements[1 + floor(cardinality(elements) * chance(i, q) ^ lean)];

CREATE TABLE city (
	id int PRIMARY KEY,
	name text NOT NULL,
	region text NOT NULL
);
INSERT INTO city
SELECT i, name, region
FROM (VALUES
	(1, 'Harbour Cross', 'North'), (2, 'Eastwick', 'East'), (3, 'Millbrook', 'West'),
	(4, 'Saltmarsh', 'North'), (5, 'Highfield', 'South'), (6, 'Ostend Mills', 'East'),
	(7, 'Linden', 'South'), (8, 'Norwood', 'North'), (9, 'Quarry Bank', 'West'),
	(10, 'Sundale', 'South')) AS c (i, name, region);

CREATE TABLE product (
	id int PRIMARY KEY,
	name text NOT NULL,
	department text NOT NULL,
	price numeric(8, 2) NOT NULL
);
INSERT INTO product
SELECT i, name, department, price
FROM (VALUES
	(1, 'Kettle', 'Kitchen', 39.90), (2, 'Toaster', 'Kitchen', 49.00),
	(3, 'Pan', 'Kitchen', 64.50), (4, 'Knife set', 'Kitchen', 119.00),
	(5, 'Lamp', 'Home', 45.00), (6, 'Blanket', 'Home', 34.90),
	(7, 'Bookshelf', 'Home', 189.00), (8, 'Armchair', 'Home', 349.00),
	(9, 'Spade', 'Garden', 29.90), (10, 'Hose', 'Garden', 24.50),
	(11, 'Mower', 'Garden', 279.00), (12, 'Bench', 'Garden', 159.00),
	(13, 'Blocks', 'Toys', 27.90), (14, 'Puzzle', 'Toys', 17.50),
	(15, 'Kite', 'Toys', 22.00), (16, 'Train', 'Toys', 74.00),
	(17, 'Helmet', 'Accessories', 59.00), (18, 'Basket', 'Accessories', 36.00),
	(19, 'Trolley', 'Accessories', 84.00), (20, 'TRUCK', 'Accessories', 129.00))
	AS p (i, name, department, price);

CREATE TABLE customer (
	id int PRIMARY KEY,
	name text NOT NULL,
	email text,
	newsletter boolean NOT NULL,
	birth_date date,
	city_id int NOT NULL REFERENCES city,
	tags text[] NOT NULL,
	signed_up_at timestamptz NOT NULL
);
INSERT INTO customer
SELECT i,
	first || ' ' || last,
	CASE WHEN chance(i, 3) < 0.93
		THEN lower(first || '.' || last) || i || '@example.' ||
			choice('{com,org,net}', i, 4, 2) END,
	chance(i, 5) < 0.6,
	-- Nine in ten say when they were born; most are between 18 and 80.
	CASE WHEN chance(i, 6) < 0.9
		THEN current_date - (18 * 365.25 + 62 * 365.25 * chance(i, 7) ^ 1.4)::int END,
	1 + floor(10 * chance(i, 8) ^ 1.3),
	array_remove(ARRAY[
		CASE WHEN chance(i, 9) < 0.04 THEN 'VIP' END,
		CASE WHEN chance(i, 10) < 0.10 THEN 'business' END,
		CASE WHEN chance(i, 11) < 0.03 THEN 'do not mail' END,
		CASE WHEN chance(i, 12) < 0.15 THEN 'loyalty card' END], NULL),
	current_date - interval '1 day' * (1 + 1200 * chance(i, 13) ^ 0.8)
FROM generate_series(1, :customers) AS i,
	LATERAL (SELECT
		choice('{Ada,Ben,Clara,David,Emma,Felix,Grace,Hugo,Iris,Jonas,Kim,Lena,Milo,Nora,Oscar,Paula,Quinn,Rosa,Sam,Tilda,Uma,Viktor,Wanda,Xenia,Yara,Zoe}', i, 1),
		choice('{Adler,Becker,Castle,Dahl,Ekman,Fischer,Garcia,Holm,Ivory,Jansen,Keller,Lindt,Moreau,Novak,Olsen,Petit,Quist,Rossi,Sanders,Thorn,Ulrich,Vance,Weber,Young,Zeman}', i, 2))
		AS n (first, last);

-- A customer orders now and then between signing up and today, or a last day.
CREATE TABLE orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer_id int NOT NULL REFERENCES customer,
	product_id int NOT NULL REFERENCES product,
	placed_at timestamptz NOT NULL,
	service text NOT NULL,
	quantity int NOT NULL,
	total numeric(10, 2) NOT NULL
);
INSERT INTO orders (customer_id, product_id, placed_at, service, quantity, total)
SELECT customer_id, p.id, placed_at,
	-- Some are always in a hurry.
	CASE WHEN chance(o, 25) < CASE WHEN chance(customer_id, 26) < 0.08 THEN 0.8 ELSE 0.12 END
		THEN 'express' ELSE choice('{standard,pick-up}', o, 27, 2) END,
	quantity, p.price * quantity
FROM (
	SELECT c.id AS customer_id, c.id::bigint * 1000 + n AS o,
		c.signed_up_at + (last_day - c.signed_up_at) * chance(c.id::bigint * 1000 + n, 22) AS placed_at,
		1 + floor(20 * chance(c.id::bigint * 1000 + n, 23))::int AS product_id,
		1 + floor(4 * chance(c.id::bigint * 1000 + n, 24) ^ 3)::int AS quantity
	FROM customer c,
		LATERAL (SELECT CASE WHEN chance(c.id, 20) < 0.35
			THEN c.signed_up_at + (current_date - c.signed_up_at) * chance(c.id, 21)
			ELSE current_date END) AS l (last_day),
		-- One in five never ordered; few order very often.
		generate_series(1, least(floor(chance(c.id, 19) ^ -0.6 * 7 * (chance(c.id, 18) - 0.11))::int, 150)) AS n
	) AS o
JOIN product p ON p.id = o.product_id
ORDER BY placed_at, o;
CREATE INDEX ON orders (customer_id);

CREATE TABLE ticket (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer_id int NOT NULL REFERENCES customer,
	opened_at timestamptz NOT NULL,
	subject text NOT NULL,
	status text NOT NULL,
	rating int
);
INSERT INTO ticket (customer_id, opened_at, subject, status, rating)
SELECT customer_id, opened_at,
	choice('{delivery,return,invoice,warranty}', id, 30, 1.5),
	CASE WHEN opened_at < current_date - 10 OR chance(id, 31) < 0.6 THEN 'solved'
		ELSE choice('{open,pending}', id, 32) END,
	CASE WHEN chance(id, 33) < 0.5 THEN 1 + floor(5 * chance(id, 34) ^ 0.6)::int END
FROM (
	SELECT id, customer_id,
		least(placed_at + interval '1 day' * (1 + 20 * chance(id, 35)), current_date - interval '1 hour')
			AS opened_at
	FROM orders WHERE chance(id, 36) < 0.09) AS t
ORDER BY opened_at, id;
CREATE INDEX ON ticket (customer_id);

ANALYZE;
