-- A rule on a document and on a row: what each construct means.
SET search_path = segments, public;
SET timezone = 'Europe/Berlin';
SET datestyle = iso, ymd;

CREATE TABLE case_document (profile jsonb);
INSERT INTO case_document VALUES ('{
	"country": "DE", "age": 31, "score": 2.50, "active": true, "nothing": null, "empty": "", "name": "Äpfel & Birnen",
	"tags": ["VIP", "b2b", null, 7], "no_tags": [], "born": "1996-02-29", "seen": "2024-03-31T01:30:00Z",
	"local": "2024-03-30T23:59:59", "bad_date": "2024-02-30", "number_text": "31", "big": 123456789012345678901234567890,
	"address": {"city": "Berlin", "geo": {"lat": 52.5}}, "Mixed": "case",
	"orders": [
		{"at": "2024-03-01T10:00:00+01:00", "total": 100, "status": "paid", "lines": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}]},
		{"at": "2024-01-15", "total": 50.5, "status": "open", "lines": []},
		{"at": null, "total": null, "status": "paid", "country": null},
		"no object", 5
	]}');

CREATE FUNCTION holds(rules text[]) RETURNS TABLE (rule text, holds boolean, complement boolean)
LANGUAGE sql AS $$
	SELECT r, r::segment_rule @> profile, profile <@ ('not (' || r || ')')::segment_rule
	FROM case_document, unnest(rules) WITH ORDINALITY AS u (r, n) ORDER BY n
$$;

-- comparisons; a literal decides what a json value can be
SELECT * FROM holds(ARRAY[
	'country = ''DE''', 'country != ''DE''', 'country < ''DF''', 'country = 5',
	'age = 31', 'age = 31.0', 'age > 30 and age < 32', 'age between 31 and 31', 'number_text = 31', 'number_text = ''31''',
	'score = 2.5', 'score >= 2.51', 'big = 123456789012345678901234567890', 'active', 'active = true', 'active = false',
	'Mixed = ''case''', 'mixed = ''case''', 'address.city = ''Berlin''', 'address.geo.lat > 52', 'address.geo.lat.x = 1', 'address = ''Berlin''']);

-- missing: absent, null, a wrong kind
SELECT * FROM holds(ARRAY[
	'nobody = 1', 'nobody != 1', 'nothing is null', 'nobody is null', 'country is null', 'nothing = nobody',
	'nobody > 1 or nobody <= 1', 'age + nobody > 0', 'age / 0 = 1', 'age / (age - 31) > 0', 'coalesce(nobody, 5) = 5', 'coalesce(nobody, nothing) is null',
	'empty is empty', 'empty is null', 'no_tags is empty', 'nobody is empty', 'tags is empty']);

-- texts and lists
SELECT * FROM holds(ARRAY[
	'name like ''Ä%''', 'name ilike ''ä%''', 'name starts with ''Äp''', 'name ends with ''Birnen''', 'name contains '' & ''', 'name matches ''^.pfel''',
	'age like ''3%''', 'lower(name) = ''äpfel & birnen''', 'length(name) = 14', 'length(tags) = 3', 'length(nobody) = 0',
	'country in (''AT'', ''DE'')', 'country not in (''AT'', ''DE'')', 'age in (30, 31)', 'tags has ''VIP''', 'tags has ''vip''', 'lower(tags) has ''vip''',
	'tags has 7', 'tags has any (''x'', ''b2b'')', 'tags has all (''VIP'', ''b2b'')', 'tags has all (''VIP'', ''x'')', 'tags has none (''x'', ''y'')', 'country has ''DE''']);

-- days and moments, in the session's time zone
SELECT * FROM holds(ARRAY[
	'seen = 2024-03-31', 'seen < 2024-03-31', 'seen <= 2024-03-31', 'seen > 2024-03-31', 'seen >= 2024-03-31', 'seen between 2024-03-30 and 2024-03-31',
	'seen = 2024-03-31T03:30', 'seen = 2024-03-31T01:30Z', 'local = 2024-03-30', 'local < 2024-03-31', 'hour(seen) = 3', 'hour(local) = 23', 'weekday(seen) = 7',
	'born = 1996-02-29', 'year(born) = 1996 and month(born) = 2 and day(born) = 29', 'hour(born) = 0', 'born < 1996-02-29T00:00:01', 'anniversary of born during february',
	'born during 1996', 'born during 1996-02', 'born during february', 'bad_date is null', 'bad_date = 2024-02-29', 'bad_date < 2030-01-01', 'days(seen - local) > 0',
	'days(2024-03-31 - 2024-03-01) = 30', 'seen + 1 day = 2024-04-01', 'born + 28 years = 2024-02-29', 'age(born) >= 28']);

-- rows
SELECT * FROM holds(ARRAY[
	'count(orders) = 3', 'count(orders where status = ''paid'') = 2', 'exists(orders where total > 99)', 'exists(orders where total > 100)', 'every(orders satisfies status in (''paid'', ''open''))',
	'every(orders satisfies total > 0)', 'sum(orders.total) = 150.5', 'avg(orders.total) = 75.25', 'min(orders.total) = 50.5', 'max(orders.at) = 2024-03-01',
	'count(distinct orders.status) = 2', 'sum(orders.nobody) = 0', 'avg(orders.nobody) is null', 'count(nobody) = 0', 'every(nobody satisfies false)', 'exists(nobody)',
	'count(orders between 2024-01-01 and 2024-03-01) = 2', 'count(orders since 2024-01-15 before 2024-03-01) = 1', 'count(orders before 2030-01-01) = 2', 'count(orders during 2024-03) = 1',
	'exists(orders where country = ''DE'')', 'exists(orders where country is null)', 'count(orders where country = ''DE'') = 2', 'exists(orders o where exists(o.lines where sku = ''a'' and n = 2))',
	'sum(n from lines) = 0', 'exists(orders o where sum(l.n from o.lines l) = 3 and o.total = 100)', 'exists(orders o where exists(orders p where p.total < o.total))', 'exists(orders o where count(o.lines) = 0 and status = ''open'')']);

-- the clock
SELECT matches('a within last 1 day and b within next 1 day and not (a within next 1 day) and c = today and d = yesterday and e > 2 hours ago',
	jsonb_build_object('a', now() - interval '1 second', 'b', now(), 'c', current_date, 'd', current_date - 1, 'e', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));

-- rows of any table: columns by name, with their types
CREATE TYPE case_mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN case_email AS text;
CREATE TABLE case_customer (id int, "Name" varchar(20), email case_email, mood case_mood, code char(5), tags text[], scores int[], key uuid,
	born date, seen timestamptz, local_time timestamp, paid interval, rate float8, price numeric, active boolean, profile json, orders jsonb, gone point, old_column int);
ALTER TABLE case_customer DROP COLUMN old_column;
INSERT INTO case_customer VALUES (1, 'Ann', 'ann@example.org', 'ok', 'ab', '{VIP,NULL}', '{1,2,3}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
	'2000-02-29', '2024-05-30 16:00+02', '2024-05-30 16:00', '36 hours', 0.1, 10.50, true, '{"a": {"b": 1}}', '[{"at": "2024-01-01", "total": 5}]', '(1,2)');
INSERT INTO case_customer (id) VALUES (2);
SELECT r, array_agg(matches(r::segment_rule, c) ORDER BY id) FROM case_customer c, unnest(ARRAY[
	'name = ''Ann''', '"Name" = ''Ann''', 'email ends with ''.org''', 'mood >= ''ok''', 'mood in (''ok'', ''happy'')', 'code = ''ab''', 'tags has ''VIP''', 'scores has all (1, 3)', 'scores has 4', 'scores is empty',
	'key = ''A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11''', 'born = 2000-02-29', 'born = ''2000-02-29''', 'born < 2000-02-29T00:00:01', 'seen = 2024-05-30T16:00', 'local_time = 2024-05-30T14:00Z', 'seen = local_time',
	'paid > 1 day', 'days(paid) = 1.5', 'rate * 10 = 1', 'price + rate > 10.5', 'id / 2 = 0.5', 'active', 'not active', 'profile.a.b = 1', 'count(orders) = 1', 'sum(orders.total) = 5', 'exists(orders where id = 1)', 'gone is null', 'length(scores) = 0'
	]) WITH ORDINALITY u (r, n) GROUP BY r, n ORDER BY n;

-- a join's row has no named type
SELECT matches('a = 1 and b = ''x''', t) FROM (VALUES (1, 'x'), (2, 'x')) t (a, b);

-- nothing from nothing
SELECT matches(NULL::segment_rule, '{}'::jsonb) IS NULL AS rule, 'a = 1'::segment_rule @> NULL::jsonb IS NULL AS document;

-- what is refused, and why
SELECT matches('nam = ''Ann''', c) FROM case_customer c;
SELECT matches('id > ''x''', c) FROM case_customer c;
SELECT matches('"Name" > 3', c) FROM case_customer c;
SELECT matches('tags = ''VIP''', c) FROM case_customer c;
SELECT matches('"Name" has ''A''', c) FROM case_customer c;
SELECT matches('tags contains ''VIP''', c) FROM case_customer c;
SELECT matches('id like ''1%''', c) FROM case_customer c;
SELECT matches('"Name"', c) FROM case_customer c;
SELECT matches('gone = gone', c) FROM case_customer c;
SELECT matches('born + 3 > today', c) FROM case_customer c;
SELECT matches('born = ''soon''', c) FROM case_customer c;
SELECT matches('mood = ''furious''', c) FROM case_customer c;
SELECT matches('id within last 3 days', c) FROM case_customer c;
SELECT matches('id is empty', c) FROM case_customer c;
SELECT matches('lower(id) = ''a''', c) FROM case_customer c;
SELECT matches('days(born) > 3', c) FROM case_customer c;
SELECT matches('email.part = ''a''', c) FROM case_customer c;
SELECT matches('exists(tags)', c) FROM case_customer c;
SELECT matches('"Name" like ''a\''', c) FROM case_customer c;
SELECT matches('"Name" matches ''(''', c) FROM case_customer c;
SELECT matches('coalesce(id, "Name") = 1', c) FROM case_customer c;
SELECT matches('in segment ''vip''', '{}'::jsonb);
SELECT matches('exists(o.lines)', '{}'::jsonb);

-- what the language knows and this version does not compute
SELECT matches('exists(views followed by orders)', '{}'::jsonb);
SELECT matches('first(orders.total) = 1', '{}'::jsonb);
SELECT matches('last(orders.total) = 1', '{}'::jsonb);
SELECT matches('mode(orders.status) = ''a''', '{}'::jsonb);
SELECT matches('percentile(age) >= 0.9', '{}'::jsonb);
SELECT matches('share(age) <= 0.1', '{}'::jsonb);
SELECT matches('bucket(''spring'') < 1000', '{}'::jsonb);
SELECT matches('distance(place, (52.5, 13.4)) < 10', '{}'::jsonb);
SELECT matches('tagged ''VIP''', '{}'::jsonb);
SELECT matches('joined segment ''a'' within last 3 days', '{}'::jsonb);
SELECT matches('left segment ''a'' within last 3 days', '{}'::jsonb);
SELECT matches('in segment ''a'' for 3 days', '{}'::jsonb);

DROP TABLE case_customer, case_document CASCADE;
DROP FUNCTION holds;
DROP TYPE case_mood;
DROP DOMAIN case_email;
