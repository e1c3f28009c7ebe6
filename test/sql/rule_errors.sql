-- What is said when a text is no rule: place, what was found, what was expected, hint.
\set SHOW_CONTEXT never
SET search_path = segments;

-- At a literal the server points at the statement and shows the rule as query.
SELECT 'country == ''DE'''::segment_rule;
-- Elsewhere it points into the rule, counted in characters and lines.
SELECT 'ländername = ''Größe'' && x'::text::segment_rule;
SELECT E'country = ''DE''\n  and -- the area\n  city = = ''Köln'''::text::segment_rule;

-- From here on the input function is called, for short.
\set VERBOSITY sqlstate
SELECT segment_rule_in('country == ''DE''');
SELECT segment_rule_in('seen > 2024-02-30');
SELECT segment_rule_in('seen > 2024-05-30T16');
SELECT segment_rule_in('name like ''50\''');
SELECT segment_rule_in(('a = ''' || repeat('x', 1024 * 1024) || '''')::cstring);
\set VERBOSITY default

-- Operators of other languages
SELECT segment_rule_in('a = 1 && b = 2');
SELECT segment_rule_in('a = 1 & b = 2');
SELECT segment_rule_in('a = 1 || b = 2');
SELECT segment_rule_in('a = 1 | b = 2');
SELECT segment_rule_in('! a');
SELECT segment_rule_in('!(a = 1)');
SELECT segment_rule_in('a => 1');
SELECT segment_rule_in('a =< 1');
SELECT segment_rule_in('a === 1');
SELECT segment_rule_in('a !== 1');
SELECT segment_rule_in('a ~ ''x''');
SELECT segment_rule_in('a !~ ''x''');
SELECT segment_rule_in('a::text = ''x''');
SELECT segment_rule_in('a = 10%');
SELECT segment_rule_in('a = $1');
SELECT segment_rule_in('a = ?');
SELECT segment_rule_in('a[1] = 1');
SELECT segment_rule_in('`a` = 1');
SELECT segment_rule_in('a = 1;');
SELECT segment_rule_in('a = 1 /* one */');
SELECT segment_rule_in('a = {1}');

-- Typographic characters
SELECT segment_rule_in('country = ‘DE’');
SELECT segment_rule_in('country = “DE”');
SELECT segment_rule_in('country = „DE“');
SELECT segment_rule_in('country = «DE»');
SELECT segment_rule_in('a = 3 – 4');
SELECT segment_rule_in('a − b > 0');
SELECT segment_rule_in(U&'a =\00A01');
SELECT segment_rule_in('a ≤ 1');
SELECT segment_rule_in('a ≥ 1');
SELECT segment_rule_in('a ≠ 1');
SELECT segment_rule_in('a × b > 1');

-- Quotes
SELECT segment_rule_in('country = ''DE');
SELECT segment_rule_in('country = "DE');
SELECT segment_rule_in('country = ""');
SELECT segment_rule_in('name = ''it''s''');
SELECT segment_rule_in('in segment "vip"');
SELECT segment_rule_in('in segment vip');
SELECT segment_rule_in('name like "A%"');

-- Numbers, units, durations
SELECT segment_rule_in('seen > 30d ago');
SELECT segment_rule_in('seen within last 6m');
SELECT segment_rule_in('seen within last 12h');
SELECT segment_rule_in('seen within last 30days');
SELECT segment_rule_in('a > 3x');
SELECT segment_rule_in('seen within last 30');
SELECT segment_rule_in('seen within last 30 dayz');
SELECT segment_rule_in('seen < 3 moons ago');
SELECT segment_rule_in('seen within last month');
SELECT segment_rule_in('seen within last days');
SELECT segment_rule_in('seen within last ''30 days''');
SELECT segment_rule_in('seen within last 1.5 months');
SELECT segment_rule_in('seen within last 0.0000001 seconds');
SELECT segment_rule_in('seen within last 20000 years');
SELECT segment_rule_in('seen within last 9999 years 12 months 1 month');
SELECT segment_rule_in('seen within 30 days');
SELECT segment_rule_in('exists(orders within 30 days)');
SELECT segment_rule_in('seen within this month');
SELECT segment_rule_in('seen last 30 days');
SELECT segment_rule_in('count(orders last 30 days) > 1');
SELECT segment_rule_in('sum(orders.total last 30 days) > 1');
SELECT segment_rule_in('seen in last 30 days');
SELECT segment_rule_in('seen during last 30 days');
SELECT segment_rule_in('seen during 30 days');
SELECT segment_rule_in('seen > interval ''30 days''');
SELECT segment_rule_in('seen > date ''2024-05-30''');
SELECT segment_rule_in('seen ago');
SELECT segment_rule_in('seen after 2024-05-30');
SELECT segment_rule_in('seen before 2024-05-30');
SELECT segment_rule_in('seen since 2024-05-30');

-- Days, moments, periods
SELECT segment_rule_in('seen > 2024-02-30');
SELECT segment_rule_in('seen > 2023-02-29');
SELECT segment_rule_in('seen > 2024-13-01');
SELECT segment_rule_in('seen > 0000-01-01');
SELECT segment_rule_in('seen > 2024-5-30');
SELECT segment_rule_in('seen > 2024-05-30T25:00');
SELECT segment_rule_in('seen > 2024-05-30T16');
SELECT segment_rule_in('seen > 2024-05-30T16:00+25:00');
SELECT segment_rule_in('seen > 2024-05-30T16:00CET');
SELECT segment_rule_in('seen > 2024-05-30 16:00');
SELECT segment_rule_in('seen > 0001-01-01T00:00+02:00');
SELECT segment_rule_in('seen > 2020-05');
SELECT segment_rule_in('a = 2020-5');
SELECT segment_rule_in('a = 2020-05 - 1');
SELECT segment_rule_in('a > 3 or 2020-05');
SELECT segment_rule_in('seen during 2020-13');
SELECT segment_rule_in('seen during 0000');
SELECT segment_rule_in('seen during 20');
SELECT segment_rule_in('seen during 1.5 months ago');
SELECT segment_rule_in('seen during 9999999999 days ago');
SELECT segment_rule_in('seen during summer');
SELECT segment_rule_in('seen during last fortnight');
SELECT segment_rule_in('seen > start of may');
SELECT segment_rule_in('seen > start of this fortnight');
SELECT segment_rule_in('seen > now()');
SELECT segment_rule_in('seen > today()');

-- NULL
SELECT segment_rule_in('a = null');
SELECT segment_rule_in('a != null');
SELECT segment_rule_in('a <> NULL');
SELECT segment_rule_in('a > null');
SELECT segment_rule_in('a in (1, null)');
SELECT segment_rule_in('coalesce(a, null) = 1');
SELECT segment_rule_in('a is 1');
SELECT segment_rule_in('a is not 1');

-- Conditions and values
SELECT segment_rule_in('country = ''DE'' or ''AT''');
SELECT segment_rule_in('country != ''DE'' and ''AT''');
SELECT segment_rule_in('a = 1 or 2');
SELECT segment_rule_in('a > 1 or 2');
SELECT segment_rule_in('a > 3 and < 5');
SELECT segment_rule_in('''DE''');
SELECT segment_rule_in('30 days');
SELECT segment_rule_in('today');
SELECT segment_rule_in('a + b');
SELECT segment_rule_in('lower(a)');
SELECT segment_rule_in('count(orders)');
SELECT segment_rule_in('not 3');
SELECT segment_rule_in('a and (b + 1)');
SELECT segment_rule_in('(a > 3) > 2');
SELECT segment_rule_in('2 < (a > 3)');
SELECT segment_rule_in('(a > 3) = 2');
SELECT segment_rule_in('(a > 3) != ''x''');
SELECT segment_rule_in('(a > 3) + 2 > 4');
SELECT segment_rule_in('-(a > 3) > 4');
SELECT segment_rule_in('(a or b) * 2 > 4');
SELECT segment_rule_in('(a > 3) between 1 and 2');
SELECT segment_rule_in('(a > 3) is null');
SELECT segment_rule_in('(a > 3) in (true)');
SELECT segment_rule_in('b in (a > 3, true)');
SELECT segment_rule_in('lower(a = 1) = ''x''');
SELECT segment_rule_in('a < b < c');
SELECT segment_rule_in('1 < a <= 5');
SELECT segment_rule_in('a = b = c');
SELECT segment_rule_in('a between 1 and 2 = true');
SELECT segment_rule_in('a between 1, 2');
SELECT segment_rule_in('a between 1 or 2');
SELECT segment_rule_in('exists(orders between 2024-01-01, 2024-02-01)');

-- Lists
SELECT segment_rule_in('a in 1, 2');
SELECT segment_rule_in('a in ()');
SELECT segment_rule_in('a in (1, 2');
SELECT segment_rule_in('a in (1 2)');
SELECT segment_rule_in('a = (1, 2)');
SELECT segment_rule_in('a = (1, 2, 3)');
SELECT segment_rule_in('tags has (''a'', ''b'')');
SELECT segment_rule_in('tags has any ''a''');
SELECT segment_rule_in('any(tags) = ''a''');
SELECT segment_rule_in('customers in segment ''vip''');
SELECT segment_rule_in('in segment ''vip'' for');
SELECT segment_rule_in('joined segment ''vip''');
SELECT segment_rule_in('joined segment ''vip'' within next 3 days');
SELECT segment_rule_in('name like lower(x)');
SELECT segment_rule_in('name like ''50\''');
SELECT segment_rule_in('name starts ''A''');

-- Sources
SELECT segment_rule_in('count(*) > 5');
SELECT segment_rule_in('count() > 5');
SELECT segment_rule_in('sum() > 5');
SELECT segment_rule_in('sum(total) > 5');
SELECT segment_rule_in('sum(total where paid) > 5');
SELECT segment_rule_in('max(quantity * price) > 5');
SELECT segment_rule_in('max(a, b) > 5');
SELECT segment_rule_in('sum(orders.total from) > 5');
SELECT segment_rule_in('exists(orders where status = ''open'' within last 30 days)');
SELECT segment_rule_in('sum(orders.total where paid = true during last month) > 5');
SELECT segment_rule_in('exists(a followed b)');
SELECT segment_rule_in('exists(a followed by b within last 3 days)');
SELECT segment_rule_in('exists(a followed by b since today)');
SELECT segment_rule_in('exists(a.b.c)');
SELECT segment_rule_in('exists(a as b.c)');
SELECT segment_rule_in('exists(a b c)');
SELECT segment_rule_in('exists(orders where total)');
SELECT segment_rule_in('exists(orders where total +)');
SELECT segment_rule_in('exists(orders where 5)');
SELECT segment_rule_in('every(orders)');
SELECT segment_rule_in('every(orders where a satisfies 3)');
SELECT segment_rule_in('a = 1 where b = 2');

-- SELECT in a rule
SELECT segment_rule_in('select * from customers where a = 1');
SELECT segment_rule_in('select id from customers');
SELECT segment_rule_in('exists(select 1 from orders where a = 1)');
SELECT segment_rule_in('id in (select id from orders)');

-- Functions
SELECT segment_rule_in('upper(a) = ''X''');
SELECT segment_rule_in('lowr(a) = ''x''');
SELECT segment_rule_in('substring(a) = ''x''');
SELECT segment_rule_in('lower() = ''x''');
SELECT segment_rule_in('lower(a, b) = ''x''');
SELECT segment_rule_in('coalesce(a) = 1');
SELECT segment_rule_in('distance(a) < 1');
SELECT segment_rule_in('distance(1, 2, 3, 4) < 1');
SELECT segment_rule_in('distance(a, (1, 2, 3)) < 1');
SELECT segment_rule_in('bucket(a) < 1');
SELECT segment_rule_in('percentile(a by 3) > 0.5');
SELECT segment_rule_in('percentile(a) >= 90');
SELECT segment_rule_in('90 <= percentile(a)');
SELECT segment_rule_in('percentile(a) between 0.5 and 75');
SELECT segment_rule_in('share(a) < 1000');
SELECT segment_rule_in('percentile(a) > -0.5');
SELECT segment_rule_in('anniversary of birth_date');
SELECT segment_rule_in('anniversary of birth_date = today');
SELECT segment_rule_in('anniversary of birth_date is null');

-- Names
SELECT segment_rule_in('now.x = 1');
SELECT segment_rule_in('a.true = 1');
SELECT segment_rule_in('a. = 1');
SELECT segment_rule_in('a b = 1');
SELECT segment_rule_in('exists(not)');
SELECT segment_rule_in('exists(orders as and)');

-- Ends and parentheses
SELECT segment_rule_in('');
SELECT segment_rule_in('   -- nothing');
SELECT segment_rule_in('a =');
SELECT segment_rule_in('a = 1 and');
SELECT segment_rule_in('(a = 1');
SELECT segment_rule_in('a = 1)');
SELECT segment_rule_in('()');
SELECT segment_rule_in('a = 1, b = 2');
SELECT segment_rule_in('a 1');
SELECT segment_rule_in('a ''x''');
SELECT segment_rule_in('not');
SELECT segment_rule_in('and a');
SELECT segment_rule_in(',');
SELECT segment_rule_in('a is');
SELECT segment_rule_in('a not 3');

-- Legal but surprising: one notice, however often it happens
SELECT segment_rule_in('a = 1 or b = 2 and c = 3');
SELECT segment_rule_in('(a or b and c) and (d or e and f)');
SELECT segment_rule_in('a or (b and c)');
SELECT segment_rule_in('exists(orders where a and b or c)');

-- Limits
SELECT segment_rule_in(('a = ''' || repeat('x', 1024 * 1024) || '''')::cstring);
SELECT length(segment_rule_in(('a = ''' || repeat('x', 1000 * 1000) || '''')::cstring)::text);
-- short, but long when printed
SELECT segment_rule_in(('a in (' || repeat('1e900, ', 2000) || '1)')::cstring);
SELECT segment_rule_in('a = 1e1001');
SELECT segment_rule_in('a = 1e-99999999999');
SELECT length(segment_rule_in('a = 1e999')::text);
\set VERBOSITY terse
SELECT segment_rule_in((repeat('(', 1001) || 'a' || repeat(')', 1001))::cstring);
SELECT segment_rule_in((repeat('(', 100000) || 'a' || repeat(')', 100000))::cstring);
SELECT segment_rule_in((repeat('not ', 1001) || 'a')::cstring);
SELECT segment_rule_in(('a > ' || repeat('- ', 1001) || 'a')::cstring);
SELECT segment_rule_in((repeat('lower(', 1001) || 'a' || repeat(')', 1001) || ' = 1')::cstring);
SELECT segment_rule_in((repeat('exists(a where ', 1001) || 'b' || repeat(')', 1001))::cstring);
SELECT segment_rule_in(('a > 0' || repeat(' + b', 1000))::cstring);
\set VERBOSITY default
SELECT segment_rule_in((repeat('(', 999) || 'a' || repeat(')', 999))::cstring);
SELECT length(segment_rule_in(('a > 0' || repeat(' + b', 990))::cstring)::text);
SELECT length(segment_rule_in(('a > ' || repeat('-(b + ', 490) || 'c' || repeat(')', 490))::cstring)::text);
SELECT segment_rule_in((repeat('a.', 255) || 'a = 1')::cstring);
SELECT length(segment_rule_in((repeat('a.', 254) || 'a = 1')::cstring)::text);
