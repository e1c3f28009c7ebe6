-- The queries that are written for rules, and what they call.
\set VERBOSITY terse
SET TimeZone = 'UTC';
CREATE SCHEMA "my shop";
CREATE SCHEMA other;
CREATE EXTENSION citext SCHEMA other;
CREATE EXTENSION ltree SCHEMA other;
SET search_path = "my shop", pg_catalog;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE city (id int PRIMARY KEY, name text, country_id int);
CREATE TABLE country (id int PRIMARY KEY, name text);
CREATE TABLE "Customers" (
	id int PRIMARY KEY, name text, nick text COLLATE "C", "Big ""Spender""" bool, email other.citext, code char(3),
	age int, score real, balance numeric, birth_date date, seen timestamptz, created timestamp, span interval,
	tags text[], stamps timestamp[], data jsonb, notes json, uid uuid, path other.ltree, mood mood, city_id int);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, placed timestamptz, due date, total numeric, status text, token uuid);
CREATE TABLE lines (order_id int, quantity int, price float8, product text);
SELECT segments.create_population('customers', '"Customers"', time_zone => 'Europe/Berlin');
SELECT segments.add_lookup('customers', 'city', 'city', 'city_id');
SELECT segments.add_lookup('customers', 'country', 'country', 'country_id', of => 'city');
SELECT segments.add_source('customers', 'orders', 'orders', 'customer_id', at => 'placed', filter => 'status != ''test''');
SELECT segments.add_source('customers', 'lines', 'lines', 'order_id', parent => 'orders');
SELECT segments.add_attribute('customers', 'half', 'age / 2.0');
SELECT segments.create_segment('frozen', 'age > 40');
SELECT segments.alter_segment('frozen', active => false);
SELECT segments.create_segment('adults', 'age >= 18');

-- Shown as a person reads it; run to see that it can be, under no search_path.
CREATE FUNCTION show(rule segments.segment_rule, as_of timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
	written text = segments.sql(rule, as_of => as_of);
BEGIN
	EXECUTE written;
	RETURN written;
END $$;
\pset format unaligned
\pset tuples_only on

-- Conditions are as plain as they can be where NOT has to be exact.
SELECT show('name = ''it''''s'' and not "Big ""Spender""" and age != 30 and nick is not null');
SELECT show('(age > 30 or name in (''a'', ''b'')) and not (age < 50 and name = nick)');
SELECT show('age between 20 and 30 or true');
SELECT show('(age > 3) = "Big ""Spender"""');

-- A literal stays on its line.
SELECT show(E'name = ''two\nlines\tand \\ more''');

-- Numbers.
SELECT show('(age + 1) / age * 2 > balance / 4 and abs(-score) < 0.5 and 3 / 2 = 1.5 and half >= -2');

-- Texts.
SELECT show('lower(name) like ''a%'' and name ilike ''_b'' and name matches ''^x'' and name starts with ''a'' and name ends with nick and name contains ''c''');
SELECT show('email = ''A@B.C'' and email like ''a%'' and email contains ''@'' and code = ''ab'' and length(name) > 3 and name is empty');
SELECT show('name < nick and nick = ''x''');

-- Other types, by their own operators.
SELECT show('uid = ''00000000-0000-4000-8000-000000000001'' and mood > ''sad'' and path <= ''a.b'' and path in (''a'', ''b'')');

-- Lookups and attributes.
SELECT show('city.name = ''Bonn'' and city.country.name != ''DE'' and half > 20.5');

-- Days and moments.
SELECT show('birth_date = 2000-02-29 and seen = 2024-05-30 and seen <= 2024-05-30 and seen > 2024-05-30T16:00 and created >= 2024-05-30T16:00Z');
SELECT show('seen < 90 days ago and created > 1 month 2 hours ago and seen between yesterday and tomorrow', '2024-05-30 16:00+00');
SELECT show('birth_date >= start of this month and birth_date <= end of last week and seen >= start of next hour');
SELECT show('seen within last 6 months and birth_date within next 2 weeks and created within next 36 hours');
SELECT show('seen during this week and seen during 2024-12 and birth_date during 2000 and created during 2024-02-28 and birth_date during 3 quarters ago and seen during May');
SELECT show('anniversary of birth_date within next 30 days and anniversary of seen during next month and anniversary of created during May');
SELECT show('age(birth_date) >= 18 and year(seen) = 2024 and weekday(created) = 1 and hour(seen) < 12');
SELECT show('days(now - seen) > 3 and birth_date + 18 years <= today and seen + span > now and seen - created < span * 2');

-- Lists and json.
SELECT show('tags has ''VIP'' and tags has any (''a'', ''b'') and tags has all (''c'', ''d'') and tags has none (''e'') and stamps has today and lower(tags) has ''x'' and tags is empty');
SELECT show('data.country = ''DE'' and data.age > 30 and data.flags.vip = true and data.seen within last 3 days and data.list has any (1, ''a'') and data.x is null and notes.a = data.b');
SELECT show('data.a < data.b and length(data.a) = 2 and coalesce(data.a, 3) = 3 and lower(data.a) = ''x'' and data.a is empty');

-- Rows.
SELECT show('count(orders within last 6 months where status = ''express'') > 5');
SELECT show('sum(orders.total during last quarter) >= 1000 and max(orders.due) < today and min(orders.token) is null and avg(orders.total) > 3 and count(distinct orders.status) = 2');
SELECT show('sum(quantity * price from lines where product = ''own'') / sum(quantity * price from lines) > 0.5');
SELECT show('exists(orders o where exists(o.lines where product = o.status and quantity > 3)) and every(lines since 2024-01-01 satisfies quantity > 0)');
SELECT show('sum(age from orders) > 100');

-- Segments: an active one is its rule, the members of another are what they were.
SELECT show('in segment ''adults'' and not in segment ''frozen''');

-- What is needed more than once is written once, however deep a rule is.
SELECT length(show(('seen' || repeat(' + span', 30) || ' > now')::segments.segment_rule)) < 10000;
SELECT length(show((repeat('lower(', 10) || 'data.a' || repeat(')', 10) || ' = ''x''')::segments.segment_rule)) < 10000;

-- Moments in json: nothing raises an error.
SELECT value, segments.json_moment(to_jsonb(value), 'Europe/Berlin')
FROM unnest(ARRAY['2024-05-30', '2024-02-29', '2023-02-29', '2024-13-01', '2024-04-31', '0000-01-01', '2024-5-30', '12024-05-30',
	'2024-05-30T16:00', '2024-05-30 16:00:59', '2024-05-30T16:00:00.123456789', '2024-05-30T16:00Z', '2024-05-30T16:00+02',
	'2024-05-30T16:00:00-0530', '2024-05-30T16:00:00+15:59', '2024-05-30T16:00+16:00', '2024-05-30T24:00', '2024-05-30T16:60',
	'2024-05-30T16:00:60', '2024-05-30T16', '2024-05-30T16:00:00.', '2024-05-30x', 'today', 'infinity', '', '2024-03-31T02:30']) AS value;
SELECT value, segments.json_moment(value, 'UTC') FROM unnest(ARRAY['20240530', 'true', 'null', '["2024-05-30"]']::jsonb[]) AS value;
