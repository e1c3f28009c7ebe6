-- Random rules and documents, from a seed: SELECT setseed(0.5) first.
-- For tests that include this file; everything in it is temporary.

CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;

CREATE FUNCTION pg_temp.random_name() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT pg_temp.pick('{country,city,plan,age,income,score,vip,active,tags,bought,born,seen,address,address.city,address.geo.lat,nick,orders,nothing}') $$;

CREATE FUNCTION pg_temp.random_text() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT quote_literal(pg_temp.pick('{DE,FR,AT,Berlin,Bonn,free,pro,VIP,new,old,a,b,5,true,"",2024-02-29,2024-05-30T10:00Z,äöü,x%}'::text[] || repeat('long', 40))) $$;

CREATE FUNCTION pg_temp.random_number() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT pg_temp.pick(ARRAY['0', '-1', '1', '5', '18', '42', '42.0', '0.25', '1000', '99999.99', '-0.001', '1' || repeat('0', 400),
	floor(random() * 100)::text, round((random() * 10000)::numeric, 2)::text]) $$;

CREATE FUNCTION pg_temp.random_day() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT pg_temp.pick(ARRAY['2024-02-29', '1990-06-15', '0001-01-01', '9999-12-31', ('2020-01-01'::date + floor(random() * 2500)::int)::text,
	('1960-01-01'::date + floor(random() * 18000)::int)::text]) $$;

CREATE FUNCTION pg_temp.random_time() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT pg_temp.pick(ARRAY[pg_temp.random_day(), pg_temp.random_day(), pg_temp.random_day() || 'T16:30', pg_temp.random_day() || 'T00:00:00Z',
	pg_temp.random_day() || 'T23:59:59+02:00', 'today', 'now', '90 days ago', '2 months from now', 'start of this year', 'end of last month', 'start of this hour']) $$;

CREATE FUNCTION pg_temp.random_literal() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT CASE floor(random() * 10)
	WHEN 0 THEN pg_temp.pick('{true,false}') WHEN 1 THEN pg_temp.random_time() WHEN 2 THEN pg_temp.random_time()
	WHEN 3 THEN pg_temp.random_number() WHEN 4 THEN pg_temp.random_number() WHEN 5 THEN pg_temp.random_number()
	ELSE pg_temp.random_text() END $$;

CREATE FUNCTION pg_temp.random_op() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT pg_temp.pick('{=,=,!=,<,<=,>,>=}') $$;

CREATE FUNCTION pg_temp.random_list() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT string_agg(pg_temp.random_literal(), ', ') FROM generate_series(1, 1 + floor(random() * 4)::int) $$;

-- A condition on one name (leaf), or one that has to be bound.
CREATE FUNCTION pg_temp.random_leaf(simple boolean) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT CASE floor(random() * CASE WHEN simple THEN 27 ELSE 35 END)
	WHEN 0 THEN 'country ' || pg_temp.pick('{=,!=}') || ' ' || pg_temp.random_text()
	WHEN 1 THEN 'city = ' || pg_temp.random_text()
	WHEN 2 THEN 'country in (' || pg_temp.random_text() || ', ' || pg_temp.random_text() || ')'
	WHEN 3 THEN 'age ' || pg_temp.random_op() || ' ' || pg_temp.random_number()
	WHEN 4 THEN 'income ' || pg_temp.random_op() || ' ' || pg_temp.random_number()
	WHEN 5 THEN 'age between ' || pg_temp.random_number() || ' and ' || pg_temp.random_number()
	WHEN 6 THEN 'age >= ' || pg_temp.random_number() || ' and age < ' || pg_temp.random_number()
	WHEN 7 THEN 'tags has ' || pg_temp.random_text()
	WHEN 8 THEN 'tags has any (' || pg_temp.random_list() || ')'
	WHEN 9 THEN 'tags has all (' || pg_temp.random_text() || ', ' || pg_temp.random_literal() || ')'
	WHEN 10 THEN 'bought has none (' || pg_temp.random_list() || ')'
	WHEN 11 THEN 'born ' || pg_temp.random_op() || ' ' || pg_temp.random_day()
	WHEN 12 THEN 'seen ' || pg_temp.random_op() || ' ' || pg_temp.random_time()
	WHEN 13 THEN 'seen between ' || pg_temp.random_time() || ' and ' || pg_temp.random_time()
	WHEN 14 THEN pg_temp.pick('{seen,born}') || ' ' || pg_temp.pick('{"",not}') || ' within ' || pg_temp.pick('{last,next}') || ' ' || pg_temp.pick('{30 days,2 years,6 months,1 hour}')
	WHEN 15 THEN pg_temp.pick('{seen,born}') || ' during ' || pg_temp.pick('{this year,last month,2024,2024-02,may,2 years ago,today}')
	WHEN 16 THEN 'anniversary of born ' || pg_temp.pick('{within next 60 days,within last 7 days,during this month,during may,during 2024-02}')
	WHEN 17 THEN pg_temp.pick('{vip,active,nick}')
	WHEN 18 THEN pg_temp.pick('{vip,active}') || ' = ' || pg_temp.pick('{true,false}')
	WHEN 19 THEN pg_temp.random_name() || ' is ' || pg_temp.pick('{null,not null,empty,not empty}')
	WHEN 20 THEN pg_temp.random_name() || ' ' || pg_temp.pick('{starts with,ends with,contains,like,ilike,not like}') || ' ' || pg_temp.random_text()
	WHEN 21 THEN pg_temp.random_name() || ' ' || pg_temp.random_op() || ' ' || pg_temp.random_literal()
	WHEN 22 THEN pg_temp.random_name() || ' in (' || pg_temp.random_list() || ')'
	WHEN 23 THEN pg_temp.random_name() || ' has any (' || pg_temp.random_list() || ')'
	WHEN 24 THEN pg_temp.random_literal() || ' ' || pg_temp.random_op() || ' ' || pg_temp.random_name()
	WHEN 25 THEN pg_temp.random_name() || ' between ' || pg_temp.random_literal() || ' and ' || pg_temp.random_literal()
	WHEN 26 THEN CASE WHEN random() < 0.2 THEN pg_temp.pick('{true,false}') ELSE 'address.' || pg_temp.pick('{city,zip,geo.lat}') || ' ' || pg_temp.random_op() || ' ' || pg_temp.random_literal() END
	WHEN 27 THEN 'count(orders) ' || pg_temp.random_op() || ' ' || pg_temp.pick('{0,1,2}')
	WHEN 28 THEN 'exists(orders where status = ' || pg_temp.pick('{''open'',''paid''}') || ' and total > ' || pg_temp.random_number() || ')'
	WHEN 29 THEN 'sum(orders.total) ' || pg_temp.random_op() || ' ' || pg_temp.random_number()
	WHEN 30 THEN pg_temp.pick('{max,min,avg}') || '(orders.total within last ' || pg_temp.pick('{90 days,10 years}') || ') ' || pg_temp.random_op() || ' ' || pg_temp.random_number()
	WHEN 31 THEN 'every(orders satisfies status = ''paid'')'
	WHEN 32 THEN 'lower(country) = ' || pg_temp.pick('{''de'',''fr''}')
	WHEN 33 THEN 'age(born) ' || pg_temp.random_op() || ' ' || pg_temp.pick('{20,40,60}')
	ELSE 'coalesce(age, 0) + length(tags) ' || pg_temp.random_op() || ' ' || pg_temp.pick('{1,20,50}')
	END $$;

CREATE FUNCTION pg_temp.random_rule(depth int, simple boolean) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	which float := random();
	gate text := CASE WHEN random() < 0.6 THEN ' and ' ELSE ' or ' END;
	rule text;
BEGIN
	IF depth = 0 OR which < 0.25 THEN
		RETURN pg_temp.random_leaf(simple);
	ELSIF which < 0.4 THEN
		RETURN 'not (' || pg_temp.random_rule(depth - 1, simple) || ')';
	END IF;
	FOR i IN 1 .. 2 + floor(random() * 3)::int LOOP
		rule := coalesce(rule || gate, '') || '(' || pg_temp.random_rule(depth - 1, simple) || ')';
	END LOOP;
	RETURN rule;
END $$;

-- A value that may be anything.
CREATE FUNCTION pg_temp.odd_value() RETURNS jsonb LANGUAGE sql VOLATILE AS
$$ SELECT pg_temp.pick(ARRAY['null', 'true', 'false', '""', '"5"', '"DE"', '5', '42', '1e400', '-1e-400', '0.25', '[]', '{}', '[null]', '[[]]', '[["VIP"]]', '{"city": {"a": 1}}',
	'"2024-02-30"', '"2024-13-01"', '"2024-02-29"', '"2024-05-30T16:30"', '"2024-05-30T25:00Z"', '"9999-12-31T23:59:59-15:00"', '"0001-01-01"', '"infinity"',
	'["VIP", 5, true, null, {"a": 1}]', '[5, 42.0, "2024-02-29"]', '"x%"', to_json(repeat('long', 40))::text])::jsonb $$;

CREATE FUNCTION pg_temp.random_document() RETURNS jsonb LANGUAGE sql VOLATILE AS
$$ SELECT CASE WHEN random() < 0.02 THEN pg_temp.pick(ARRAY['[]', '5', 'null', '["VIP"]', '"DE"', '{}'])::jsonb ELSE (
	SELECT coalesce(jsonb_object_agg(key, CASE WHEN random() < 0.1 THEN pg_temp.odd_value() ELSE value END) FILTER (WHERE random() < 0.9), '{}')
	FROM jsonb_each(jsonb_build_object(
		'country', pg_temp.pick('{DE,FR,AT,US,äöü}'), 'city', pg_temp.pick('{Berlin,Bonn,Paris,Wien}'), 'plan', pg_temp.pick('{free,pro,2024-02-29}'),
		'age', floor(random() * 100), 'income', round((random() * 100000)::numeric, 2), 'score', round((random() * 2 - 1)::numeric, 3),
		'vip', random() < 0.3, 'active', random() < 0.7,
		'tags', to_jsonb(ARRAY[pg_temp.pick('{VIP,new,old,a,b}'), pg_temp.pick('{VIP,new,old,a,b}')]),
		'bought', CASE WHEN random() < 0.5 THEN '[]' ELSE jsonb_build_array(floor(random() * 5), pg_temp.odd_value()) END,
		'born', '1940-01-01'::date + floor(random() * 25000)::int,
		'seen', pg_temp.pick(ARRAY[(now() - random() * interval '3 years')::text, replace((now() - random() * interval '60 days')::timestamp(0)::text, ' ', 'T'),
			('2020-01-01'::date + floor(random() * 2500)::int)::text || 'T12:00:00Z']),
		'address', jsonb_build_object('city', pg_temp.pick('{Berlin,Bonn}'), 'zip', floor(random() * 100)::text, 'geo', jsonb_build_object('lat', round((random() * 90)::numeric, 1))),
		'nick', pg_temp.odd_value(),
		'orders', (SELECT coalesce(jsonb_agg(jsonb_build_object('status', pg_temp.pick('{open,paid}'), 'total', floor(random() * 100), 'at', now() - random() * interval '1 year')), '[]')
			FROM generate_series(1, floor(random() * 3)::int))))
	) END $$;
