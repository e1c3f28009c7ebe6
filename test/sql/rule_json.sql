-- Rules as json trees.
\set SHOW_CONTEXT never
SET search_path = segments;
\pset format unaligned
\pset tuples_only on

SELECT rule || E'\n' || rule::segment_rule::json FROM (VALUES
	(1, $$country = 'DE' and age(birth_date) between 20 and 30$$),
	(2, $$a or (not b.c and d != 1.50)$$),
	(3, $$true$$),
	(4, $$a in (1, 'x', false, 2024-05-30) and b not like 'x%'$$),
	(5, $$a is null and b is not empty and tags has 'x' and tags has all (a, b)$$),
	(6, $$a within last 90 minutes and a not during last month and anniversary of b within next 30 days$$),
	(7, $$a < 90 days ago and b > start of this year and c >= 2024-05-30T16:00+02:00 and d = now - 3 days$$),
	(8, $$-(a + b) * c / 2 > -5$$),
	(9, $$coalesce(a, lower(b)) = 'x' and distance(home, (52.5, 13.4)) < 10 and bucket('s') < 10$$),
	(10, $$percentile(a) >= 0.9 and percentile(a by b.c) >= 0.9 and share(a) < 0.2$$),
	(11, $$count(orders within last 6 months where service = 'express') > 5 and count(distinct orders.product) > 2$$),
	(12, $$sum(orders.total during 2020-05) > 1 and sum(a * b from o.lines l where paid) > 1 and last(o.x since today before now) = 1$$),
	(13, $$exists(a followed by no b x within 3 days where p followed by c) and every(o before today satisfies p > 1)$$),
	(14, $$exists(o between 2024-01-01 and today) and exists(o within next 3 days)$$),
	(15, $$in segment 'vip' and in segment 'x' for 3 days and joined segment 'x' within last 1 year and left segment 'x' within last 1 day and tagged 'y'$$)
) v(id, rule) ORDER BY id;

-- a tree need not be canonical; the rule is
SELECT tree::jsonb::segment_rule FROM (VALUES
	(1, '{"op": "not", "args": [{"op": "not", "args": [{"name": ["a"]}]}]}'),
	(2, '{"op": "and", "args": [{"name": ["a"]}, {"op": "and", "args": [{"name": ["b"]}, {"name": ["c"]}]}]}'),
	(3, '{"op": "=", "args": [{"name": ["a"]}, {"op": "negate", "args": [5.00]}]}'),
	(4, '{"op": "has any", "args": [{"name": ["now", "a b"]}, "it''s"]}'),
	(5, '{"op": ">", "args": [{"aggregate": "SUM", "of": {"name": ["o", "x"]}, "rows": [{"source": ["o"]}]}, {"duration": "18 months"}]}'),
	(6, '{"op": "=", "args": [{"op": "=", "args": [{"name": ["a"]}, 1]}, false]}'),
	(7, '{"exists": [{"source": ["where"], "alias": "where", "no": false}]}'),
	(8, '{"op": "=", "args": [{"name": ["a"]}, {"time": " NOW "}]}')
) v(id, tree) ORDER BY id;
SELECT '{"op": "=", "args": [{"name": ["a"]}, "\u00e4"]}'::json::segment_rule;
\pset format aligned
\pset tuples_only off

-- Trees that are none
SELECT 'null'::jsonb::segment_rule;
SELECT '"a"'::jsonb::segment_rule;
SELECT '3'::jsonb::segment_rule;
SELECT '[]'::jsonb::segment_rule;
SELECT '{}'::jsonb::segment_rule;
SELECT '{"operator": "and"}'::jsonb::segment_rule;
SELECT '{"op": "and"}'::jsonb::segment_rule;
SELECT '{"op": 3, "args": []}'::jsonb::segment_rule;
SELECT '{"op": "xor", "args": []}'::jsonb::segment_rule;
SELECT '{"op": "!=", "args": [1, 2]}'::jsonb::segment_rule;
SELECT '{"op": "and", "args": []}'::jsonb::segment_rule;
SELECT '{"op": "and", "args": [true]}'::jsonb::segment_rule;
SELECT '{"op": "and", "args": [true, [true]]}'::jsonb::segment_rule;
SELECT '{"op": "and", "args": [true, true], "comment": "x"}'::jsonb::segment_rule;
SELECT '{"op": "=", "args": [1, 2, 3]}'::jsonb::segment_rule;
SELECT '{"op": "=", "args": [{"name": ["a"]}, null]}'::jsonb::segment_rule;
SELECT '{"op": "like", "args": [{"name": ["a"]}, {"name": ["b"]}]}'::jsonb::segment_rule;
SELECT '{"op": "<", "args": [{"op": "and", "args": [true, {"period": "today"}]}, 1]}'::jsonb::segment_rule;
SELECT '{"op": "not", "args": [{"op": "place", "args": [1, 2]}]}'::jsonb::segment_rule;
SELECT '{"op": "anniversary of", "args": [{"name": ["a"]}]}'::jsonb::segment_rule;
SELECT '{"op": "since", "args": [{"name": ["a"]}]}'::jsonb::segment_rule;
SELECT '{"name": []}'::jsonb::segment_rule;
SELECT '{"name": "a"}'::jsonb::segment_rule;
SELECT '{"name": ["a", ""]}'::jsonb::segment_rule;
SELECT '{"name": ["a", 3]}'::jsonb::segment_rule;
SELECT '{"function": "upper", "args": []}'::jsonb::segment_rule;
SELECT '{"function": "lower", "args": []}'::jsonb::segment_rule;
SELECT '{"aggregate": "median", "rows": []}'::jsonb::segment_rule;
SELECT '{"aggregate": "sum", "rows": []}'::jsonb::segment_rule;
SELECT '{"aggregate": "count", "of": 1, "rows": []}'::jsonb::segment_rule;
SELECT '{"exists": []}'::jsonb::segment_rule;
SELECT '{"exists": [{}]}'::jsonb::segment_rule;
SELECT '{"exists": [3]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a"], "no": true}]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a"], "within": "3 days"}]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a"]}, {"source": ["a"], "window": {}}]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a"], "window": {"op": "and", "args": []}}]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a"], "window": {"op": "within last", "args": ["3 days"]}}]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a"], "where": {"period": "today"}}]}'::jsonb::segment_rule;
SELECT '{"exists": [{"source": ["a", "b", "c"]}]}'::jsonb::segment_rule;
SELECT '{"every": [{"source": ["a"]}]}'::jsonb::segment_rule;
SELECT '{"in segment": 3}'::jsonb::segment_rule;
SELECT '{"in segment": "x", "within last": "3 days"}'::jsonb::segment_rule;
SELECT '{"joined segment": "x"}'::jsonb::segment_rule;

-- Texts in a tree are what they should be and nothing else; the rule is one that could be written
SELECT '{"in segment": "x", "for": "3 days or true"}'::jsonb::segment_rule;
SELECT '{"op": "=", "args": [{"name": ["a"]}, {"time": "now or true"}]}'::jsonb::segment_rule;
SELECT '{"op": "=", "args": [{"name": ["a"]}, {"time": "3 days"}]}'::jsonb::segment_rule;
SELECT '{"op": "during", "args": [{"name": ["a"]}, {"period": "2020-13"}]}'::jsonb::segment_rule;
SELECT '{"op": "or", "args": [{"name": ["a"]}, "x"]}'::jsonb::segment_rule;
SELECT '{"op": ">", "args": [{"function": "percentile", "args": [{"name": ["a"]}]}, 90]}'::jsonb::segment_rule;
SELECT (repeat('{"op": "not", "args": [', 3000) || 'true' || repeat(']}', 3000))::jsonb::segment_rule;
