-- Rules and their canonical texts.
SET search_path = segments;

-- print(parse(x)), and whether it parses to the same value and prints the same again
CREATE FUNCTION pg_temp.canonical(texts text[]) RETURNS TABLE (canonical text, same bool)
LANGUAGE sql AS $$
	SELECT r::text, r::text::segment_rule = r AND r::text::segment_rule::text = r::text
	FROM unnest(texts) WITH ORDINALITY t(x, n), LATERAL (SELECT x::segment_rule) s(r)
	ORDER BY n
$$;
\pset format unaligned
\pset tuples_only on

\echo === the examples of the language
SELECT * FROM pg_temp.canonical(ARRAY[
	$$country = 'DE' and age(birth_date) between 20 and 30$$,
	$$tags has 'VIP' and exists(orders where department = 'Accessories' and product = 'TRUCK')$$,
	$$count(orders within last 6 months where service = 'express') > 5$$,
	$$sum(orders.total during last quarter) >= 1000 and not exists(tickets where status in ('open', 'pending'))$$,
	$$last_seen_at < 90 days ago or count(orders) = 0$$,
	$$sum(quantity * price from lines where brand = 'own') / sum(quantity * price from lines) > 0.5$$,
	$$anniversary of birth_date within next 30 days$$,
	$$exists(views v within last 7 days followed by no orders o where o.product_id = v.product_id)$$,
	$$percentile(sum(orders.total)) >= 0.9 and bucket('spring') < 1000$$,
	$$in segment 'vip' and not in segment 'churning'$$]);

\echo === case, blanks, comments
SELECT * FROM pg_temp.canonical(ARRAY[
	$$COUNTRY='DE' AND Not Exists(Orders WHERE Total>5)$$,
	E'\t a\n=\r\n1 -- one\n  and b -- two',
	E'a = 1 -- the end',
	$$a=-1$$, $$a--1
	= 1$$,
	$$(a=1)and((b=2)or(c=3))$$]);

\echo === parentheses
SELECT * FROM pg_temp.canonical(ARRAY[
	$$((a)) and ((b and c)) and d$$,
	$$a or ((b or c) or d)$$,
	$$(a or b) and c$$,
	$$a or (b and c)$$,
	$$not (a and b)$$,
	$$not (a or not (b))$$,
	$$(((a + b))) > (3)$$,
	$$(a + b) - (c - d) > (a * b) / (c / d)$$,
	$$a + (b + c) > a * (b * c)$$,
	$$(a + b) * (c - d) > 0$$,
	$$(a > 3) = true and (a in (1)) != b$$,
	$$(a or b) = (c and d)$$,
	$$exists(orders) = exists(tickets)$$,
	$$(not a) = b$$,
	$$exists(o where ((a or b)))$$,
	$$anniversary of (birth_date) within last 3 days$$,
	$$anniversary of (a + 3 days) during today$$]);

\echo === signs
SELECT * FROM pg_temp.canonical(ARRAY[
	$$a = -1$$, $$a = - 1$$, $$a = -(1)$$, $$a = -(-1)$$, $$a = - - - 1$$, $$a = -0$$,
	$$a = -b$$, $$a = - -b$$, $$a = -(b + c)$$, $$a = -b + c$$, $$a = -(b * c)$$, $$a = -b * c$$,
	$$a - -1 = b - -c$$, $$a * -1 = 0$$, $$-1 * a = 0$$, $$a > -30 days$$, $$x = -(30 days)$$]);

\echo === negation
SELECT * FROM pg_temp.canonical(ARRAY[
	$$not not a$$, $$not (not (a = 1))$$, $$not a = 1$$, $$not (a != 1)$$, $$a <> 1$$,
	$$not a < 1$$, $$not a is null$$, $$a is not null$$, $$a is not empty$$,
	$$not a in (1)$$, $$not a not in (1)$$, $$a not between 1 and 2$$,
	$$a not like 'x%' and a not ilike 'x%' and a not matches '^x'$$,
	$$a not starts with 'x' and a not ends with 'x' and a not contains 'x'$$,
	$$a not within last 3 days and a not during today$$,
	$$not a has 'x'$$, $$a has none ('x')$$, $$a has none ('x', 'y')$$, $$not a has any ('x', 'y')$$,
	$$not a has none ('x', 'y')$$, $$not a has all ('x', 'y')$$,
	$$not true$$, $$not exists(a)$$, $$not in segment 'x'$$, $$not tagged 'x'$$]);

\echo === literals
SELECT * FROM pg_temp.canonical(ARRAY[
	$$a in ('', 'it''s', '"', '\', 'Größe', '日本', ' x ')$$,
	E'a = ''two\nlines''',
	$$a in (0, 00, 007, 1.50, 0.0, .5, 1e3, 1.5E-3, 1e+2, 123456789012345678901234567890.12)$$,
	$$TRUE and FALSE$$,
	$$a = 2024-02-29 or a = 0001-01-01 or a = 9999-12-31$$,
	$$a > 2024-05-30T16:00 and a > 2024-05-30t16:00:00 and a > 2024-05-30T16:00:01 and a > 2024-05-30T16:00:01.250$$,
	$$a > 2024-05-30T16:00Z and a > 2024-05-30T16:00+02 and a > 2024-05-30T16:00+0200 and a > 2024-01-01T00:30+05:30$$,
	$$a > 1969-12-31T23:59:59.999999 and a > 0001-01-01T00:00$$,
	$$a = now or a = Today or a = YESTERDAY or a = tomorrow$$,
	$$a = 3 days ago or a = 1 month from now or a = 36 hours ago$$,
	$$a > start of this month and a < end of last year and a = START OF NEXT week$$]);

\echo === durations
SELECT * FROM pg_temp.canonical(ARRAY[
	$$a = 1 second or a = 2 seconds or a = 1 minute or a = 1 hour or a = 1 day$$,
	$$a = 7 days or a = 1 week or a = 2 weeks or a = 30 days or a = 365 days$$,
	$$a = 1 month or a = 12 months or a = 18 months or a = 1 quarter or a = 1 year$$,
	$$a = 90 minutes or a = 36 hours or a = 61 seconds$$,
	$$a = 1.5 hours or a = 0.5 seconds or a = 1.000001 seconds or a = 1.0 days$$,
	$$a = 6 months 1 year 3 days 2 years$$,
	$$a = 0 days$$, $$a = 10000 years$$, $$a = 1 Days$$]);

\echo === periods
SELECT * FROM pg_temp.canonical(ARRAY[
	$$a during today or a during yesterday or a during tomorrow$$,
	$$a during this week or a during last month or a during next quarter or a during last years$$,
	$$a during 2 months ago or a during 1 year ago or a during 0 days ago$$,
	$$a during 2024-02-29 or a during 2024-02 or a during 2024 or a during 0999$$,
	$$a during may or a during December$$]);

\echo === predicates
SELECT * FROM pg_temp.canonical(ARRAY[
	$$a = 1 and b != 2 and c <> 3 and d < 4 and e <= 5 and f > 6 and g >= 7$$,
	$$3 < a and 'x' = b$$,
	$$a between 1 and 2 and b between c + 1 and d - 1$$,
	$$a in (1, b, lower(c))$$,
	$$a like 'x\%' and a ilike '_' and a matches '^a|b$'$$,
	$$a starts with 'x' and a ends with b and a contains lower(c)$$,
	$$a has 1 and a has b and a has any (1) and a has any (1, 2) and a has all (1)$$,
	$$a is null and b is empty$$,
	$$a within last 3 days and b within next 1 hour$$,
	$$in segment 'it''s' and in segment 'x' for 3 days and joined segment 'x' within last 1 day and left segment 'x' within last 1 year$$,
	$$tagged 'x'$$, $$a$$, $$a.b.c$$, $$coalesce(a, b)$$, $$max(o.flag)$$]);

\echo === functions
SELECT * FROM pg_temp.canonical(ARRAY[
	$$LOWER(a) = 'x' and Length(a) > 3 and coalesce(a, b, c, 'x') = 'x' and abs(-a) > 1$$,
	$$age(a) > 1 and year(a) = 2024 and month(a) = 5 and day(a) = 1 and weekday(a) = 1 and hour(a) = 1$$,
	$$days(now - a) > 1.5$$,
	$$distance(home, (52.5, 13.4)) < 10 and distance((a, b), (c + 1, -d)) > 1$$,
	$$bucket('it''s') < 500$$,
	$$percentile(a) > 0.5 and percentile(a + b by region) <= 1 and share(a) <= 0.2 and percentile(a) between 0 and 1$$]);

\echo === aggregates and rows
SELECT * FROM pg_temp.canonical(ARRAY[
	$$count(orders) > 1 and count(orders o) > 1 and count(orders as o where o.a) > 1$$,
	$$count(distinct orders.a) > 1 and count(distinct a + b from orders) > 1$$,
	$$sum(orders.a) > 1 and sum(a from orders) > 1 and sum(orders.a from orders) > 1$$,
	$$sum(orders.a from orders o) > 1 and sum(o.a from orders o) > 1 and sum(orders.a from lines) > 1$$,
	$$avg(o.a) > 1 and min(o.a) > 1 and max(o.a) > 1 and first(o.a) = 'x' and last(o.a) = 'x' and mode(o.a) = 'x'$$,
	$$sum(orders.a.b within last 3 days where c) > 1 and sum(orders.a from orders within last 3 days where c) > 1$$,
	$$exists(o within next 3 days) and exists(o during last month) and exists(o since 2024-01-01)$$,
	$$exists(o since a before b) and exists(o before today) and exists(o between 2024-01-01 and today)$$,
	$$every(o satisfies a > 1) and every(o x since today where a satisfies b or c)$$,
	$$exists(a followed by b) and exists(a x within last 1 day where p followed by no b y within 3 days where q followed by c)$$,
	$$exists(orders o where exists(o.lines l where l.a > o.a))$$,
	$$exists(a where x or y followed by b)$$,
	$$sum(case_ * 2 from o) > sum(sum(l.x) from o)$$]);

\echo === names
SELECT * FROM pg_temp.canonical(ARRAY[
	$$Country = 1 and "Country" = 1 and "country name" = 1 and "say ""hi""" = 1$$,
	$$größe = 1 and 日本 = 1 and a$1 = 1 and _a = 1 and "1a" = 1 and "a-b"."c.d" = 1$$,
	$$"and" or "NOT" or "true" or "null" or "now" or "Today" or "yesterday" or "tomorrow"$$,
	$$count = 1 and sum = 1 and start = 1 and "end" = 1 and last = 1 and first = 1 and month = 1 and may = 1$$,
	$$within = 1 and within within last 1 day and during during may and has has has and is is null$$,
	$$in in (in) and between between between and between and like like 'x'$$,
	$$exists and every and in and segment and tagged and joined and left and anniversary$$,
	$$lower = lower(lower) and any has any and none has none (none, all) and a has all$$,
	$$select = 1 and where and from and distinct and interval = 1 and date = 1$$,
	$$exists(where where where) and exists(orders "where" where "where".a) and exists("as" as "as")$$,
	$$count(distinct d.x) > 1 and count("distinct" d) > 1 and exists(distinct)$$,
	$$exists(no followed by no no followed by "no" no)$$,
	$$sum("a.b".c) > 1 and sum("a b"."c d" where "e f") > 1$$,
	$$30 days < day and 3 days ago < days$$]);

-- Equality, order and hash
\pset format aligned
\pset tuples_only off
SELECT a, b, a::segment_rule = b::segment_rule AS eq, a::segment_rule <> b::segment_rule AS ne
FROM (VALUES
	('a = 1', 'A = 1'), ('a = 1', '  (a)  =  1.0'), ('a <> 1', 'not a = 1'), ('a and (b and c)', '(a and b) and c'),
	('a = 1', '1 = a'), ('a = 30 days', 'a = 1 month'), ('a = 7 days', 'a = 1 week'),
	('sum(orders.total) > 1', 'sum(orders.total from orders) > 1'), ('sum(total from orders) > 1', 'sum(orders.total) > 1')) v(a, b);

CREATE TEMP TABLE rules (id int, rule segment_rule);
INSERT INTO rules SELECT i, 'a = ' || i % 10 || ' and b > ' || i % 7 FROM generate_series(1, 1000) i;
SELECT count(*), count(DISTINCT rule) FROM rules;
SELECT count(*) FROM (SELECT rule FROM rules GROUP BY rule) s;
SELECT count(*) FROM rules x JOIN rules y USING (rule);
SELECT bool_and(NOT (x.rule < y.rule AND x.rule >= y.rule) AND (x.rule < y.rule) = (y.rule > x.rule)
	AND (x.rule <= y.rule) = (x.rule < y.rule OR x.rule = y.rule)
	AND segment_rule_cmp(x.rule, y.rule) = - segment_rule_cmp(y.rule, x.rule)
	AND (x.rule <> y.rule OR segment_rule_hash(x.rule) = segment_rule_hash(y.rule))
	AND (x.rule <> y.rule OR segment_rule_hash_extended(x.rule, 42) = segment_rule_hash_extended(y.rule, 42)))
FROM (SELECT * FROM rules LIMIT 100) x, rules y;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE INDEX rules_btree ON rules (rule);
EXPLAIN (COSTS OFF) SELECT id FROM rules WHERE rule = 'a = 3 and b > 3';
SELECT count(*) FROM rules WHERE rule = 'a = 3.0 AND (b > 3)';
DROP INDEX rules_btree;
CREATE INDEX rules_hash ON rules USING hash (rule);
EXPLAIN (COSTS OFF) SELECT id FROM rules WHERE rule = 'a = 3 and b > 3';
SELECT count(*) FROM rules WHERE rule = 'a = 3.0 AND (b > 3)';
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Casts, NULL, long values
SELECT CAST('a = 1' AS segment_rule)::text, NULL::segment_rule IS NULL AS is_null;
INSERT INTO rules SELECT 0, x FROM (VALUES ('a=1'::text)) v(x);
SELECT rule FROM rules WHERE id = 0;
CREATE TEMP TABLE long_rules (rule segment_rule);
INSERT INTO long_rules SELECT 'a in (' || string_agg(i::text, ',' ORDER BY i) || ')' FROM generate_series(1, 50000) i;
INSERT INTO long_rules SELECT 'b in (' || string_agg(quote_literal(md5(i::text)), ',' ORDER BY i) || ')' FROM generate_series(1, 20000) i;
SELECT length(rule::text), left(rule::text, 30), rule = rule::text::segment_rule AS same FROM long_rules;

-- The binary form: a version and the text
SELECT segment_rule_send('a = 1');
