-- Random rules: every construct of the grammar, by chance.  Call setseed() first.
--
-- pg_temp.random_rule(depth) is the text of a rule that parses.  Words come in any
-- case, blanks and superfluous parentheses where they may stand.

CREATE FUNCTION pg_temp.r(n int) RETURNS int LANGUAGE sql VOLATILE AS
	$$ SELECT floor(random() * n)::int $$;

CREATE FUNCTION pg_temp.pick(VARIADIC choices text[]) RETURNS text LANGUAGE plpgsql VOLATILE AS
	$$ BEGIN RETURN choices[1 + floor(random() * cardinality(choices))::int]; END $$;

-- a keyword, in any case
CREATE FUNCTION pg_temp.kw(word text) RETURNS text LANGUAGE plpgsql VOLATILE AS
	$$ BEGIN RETURN CASE floor(random() * 8)::int WHEN 0 THEN upper(word) WHEN 1 THEN initcap(word) ELSE word END; END $$;

CREATE FUNCTION pg_temp.blank() RETURNS text LANGUAGE plpgsql VOLATILE AS
	$$ BEGIN RETURN CASE floor(random() * 12)::int WHEN 0 THEN E'\n' WHEN 1 THEN '   ' WHEN 2 THEN E'\t-- comment\n' ELSE ' ' END; END $$;

CREATE FUNCTION pg_temp.random_name() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE floor(random() * 6)::int
		WHEN 0 THEN pg_temp.pick('"a b"', '"a""b"', '"a.b"', '"1"', '"É"', 'É', '"x-y"', '"now"', '"NOT"', '"as"')
		WHEN 1 THEN '"' || pg_temp.pick('and', 'where', 'a', 'within', 'select', 'no', 'distinct', 'Null', 'since', 'satisfies') || '"'
		WHEN 2 THEN pg_temp.pick('Country', 'größe', 'x$1', '_y', 'COUNT', 'last', 'start', 'month', 'tagged', 'segment', 'any', 'interval', 'every')
		ELSE pg_temp.pick('country', 'age', 'total', 'status', 'created_at', 'price')
	END;
END $$;

CREATE FUNCTION pg_temp.random_names() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text := pg_temp.random_name();
BEGIN
	WHILE random() < 0.2 LOOP
		result := result || '.' || pg_temp.random_name();
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION pg_temp.random_text() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN '''' || pg_temp.pick('', 'DE', 'it''''s', 'a "b"', '100%', 'äöü €', '日本', 'x_y', '-- no', E'two\nlines') || '''';
END $$;

CREATE FUNCTION pg_temp.random_number() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN pg_temp.pick('0', '1', '007', '3.50', '.5', '1e3', '2.5E-2', '12345678901234567890.123', floor(random() * 1000)::text);
END $$;

CREATE FUNCTION pg_temp.random_unit() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN pg_temp.kw(pg_temp.pick('second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year') || pg_temp.pick('', 's'));
END $$;

CREATE FUNCTION pg_temp.random_duration() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text := '';
BEGIN
	LOOP
		result := result || CASE WHEN random() < 0.1
			THEN pg_temp.pick('1.5', '0.25', '10.000001') || ' ' || pg_temp.pick('seconds', 'hours')
			ELSE floor(random() * 40)::text || pg_temp.blank() || pg_temp.random_unit() END;
		EXIT WHEN random() < 0.8;
		result := result || pg_temp.blank();
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION pg_temp.random_day() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN pg_temp.pick('2024-02-29', '0001-01-01', '9999-12-31', to_char(date '2000-01-01' + floor(random() * 10000)::int, 'YYYY-MM-DD'));
END $$;

CREATE FUNCTION pg_temp.random_time() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE floor(random() * 6)::int
		WHEN 0 THEN pg_temp.random_day()
		WHEN 1 THEN to_char(timestamp '1990-01-01' + random() * interval '60 years', 'YYYY-MM-DD"T"HH24:MI')
			|| pg_temp.pick('', ':59', ':00', ':07.5', ':01.123456') || pg_temp.pick('', 'Z', '+02:00', '-11', '+0530', 'z')
		WHEN 2 THEN pg_temp.kw(pg_temp.pick('now', 'today', 'yesterday', 'tomorrow'))
		WHEN 3 THEN pg_temp.random_duration() || ' ' || pg_temp.kw('ago')
		WHEN 4 THEN pg_temp.random_duration() || pg_temp.blank() || pg_temp.kw('from') || ' ' || pg_temp.kw('now')
		ELSE pg_temp.kw(pg_temp.pick('start', 'end')) || ' ' || pg_temp.kw('of') || ' '
			|| pg_temp.kw(pg_temp.pick('this', 'last', 'next')) || ' ' || pg_temp.random_unit()
	END;
END $$;

CREATE FUNCTION pg_temp.random_period() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE floor(random() * 6)::int
		WHEN 0 THEN pg_temp.kw(pg_temp.pick('today', 'yesterday', 'tomorrow'))
		WHEN 1 THEN pg_temp.kw(pg_temp.pick('this', 'last', 'next')) || ' ' || pg_temp.random_unit()
		WHEN 2 THEN floor(random() * 30)::text || ' ' || pg_temp.random_unit() || ' ' || pg_temp.kw('ago')
		WHEN 3 THEN pg_temp.random_day()
		WHEN 4 THEN pg_temp.pick('2024', '0999', '2020-05', '1999-12')
		ELSE pg_temp.kw(pg_temp.pick('january', 'may', 'december'))
	END;
END $$;

CREATE FUNCTION pg_temp.random_window(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE floor(random() * 5)::int
		WHEN 0 THEN pg_temp.kw('within') || ' ' || pg_temp.kw(pg_temp.pick('last', 'next')) || ' ' || pg_temp.random_duration()
		WHEN 1 THEN pg_temp.kw('during') || ' ' || pg_temp.random_period()
		WHEN 2 THEN pg_temp.kw('since') || ' ' || pg_temp.random_value(depth)
			|| CASE WHEN random() < 0.5 THEN ' ' || pg_temp.kw('before') || ' ' || pg_temp.random_value(depth) ELSE '' END
		WHEN 3 THEN pg_temp.kw('before') || ' ' || pg_temp.random_value(depth)
		ELSE pg_temp.kw('between') || ' ' || pg_temp.random_value(depth) || ' ' || pg_temp.kw('and') || ' ' || pg_temp.random_value(depth)
	END;
END $$;

CREATE FUNCTION pg_temp.random_where(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE WHEN random() < 0.5 THEN ' ' || pg_temp.kw('where') || ' ' || pg_temp.random_rule(depth - 1) ELSE '' END;
END $$;

CREATE FUNCTION pg_temp.random_source() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE WHEN random() < 0.2 THEN pg_temp.pick('o', '"where"', 'x') || '.' ELSE '' END
		|| CASE WHEN random() < 0.2 THEN '"' || pg_temp.pick('no', 'distinct', 'order lines', 'select') || '"' ELSE pg_temp.pick('orders', 'tickets', 'lines', 'where', 'every') END
		|| CASE WHEN random() < 0.3 THEN ' ' || pg_temp.pick('', 'as ', 'AS ') || pg_temp.pick('o', 'x', '"where"', '"as"', '"within"', 'count', 'last') ELSE '' END;
END $$;

CREATE FUNCTION pg_temp.random_rows(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text;
BEGIN
	result := pg_temp.random_source() || CASE WHEN random() < 0.5 THEN ' ' || pg_temp.random_window(depth - 1) ELSE '' END
		|| pg_temp.random_where(depth);
	WHILE random() < 0.2 LOOP
		result := result || pg_temp.blank() || pg_temp.kw('followed') || ' ' || pg_temp.kw('by') || ' ' || pg_temp.pick('', '', 'no ', 'NO ')
			|| pg_temp.random_source() || CASE WHEN random() < 0.4 THEN ' ' || pg_temp.kw('within') || ' ' || pg_temp.random_duration() ELSE '' END
			|| pg_temp.random_where(depth);
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION pg_temp.random_measure(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF random() < 0.5 THEN
		RETURN pg_temp.random_name() || '.' || pg_temp.random_names()
			|| CASE WHEN random() < 0.5 THEN ' ' || pg_temp.random_window(depth - 1) ELSE '' END || pg_temp.random_where(depth);
	END IF;
	RETURN pg_temp.pick(pg_temp.random_value(depth - 1), 'orders.total', '"no".x') || ' ' || pg_temp.kw('from') || ' ' || pg_temp.random_rows(depth - 1);
END $$;

-- compared with a number it wants one from 0 to 1, so it stands apart
CREATE FUNCTION pg_temp.random_rank(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF random() < 0.5 THEN
		RETURN pg_temp.kw('share') || '(' || pg_temp.random_value(depth - 1) || ')';
	END IF;
	RETURN pg_temp.kw('percentile') || '(' || pg_temp.random_value(depth - 1)
		|| CASE WHEN random() < 0.5 THEN ' ' || pg_temp.kw('by') || ' ' || pg_temp.random_names() ELSE '' END || ')';
END $$;

CREATE FUNCTION pg_temp.random_function(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a text := pg_temp.random_value(depth - 1);
	b text := pg_temp.random_value(depth - 1);
BEGIN
	RETURN CASE floor(random() * 5)::int
		WHEN 0 THEN pg_temp.kw('coalesce') || '(' || a || ', ' || b || CASE WHEN random() < 0.3 THEN ',' || pg_temp.random_value(depth - 1) ELSE '' END || ')'
		WHEN 1 THEN pg_temp.kw('distance') || ' (' || pg_temp.pick(a, '(' || a || ' , 13.4)') || ', ' || pg_temp.pick(b, '(52.5,' || b || ')') || ')'
		WHEN 2 THEN pg_temp.kw('bucket') || '(' || pg_temp.random_text() || ')'
		WHEN 3 THEN '1 * ' || pg_temp.random_rank(depth)
		ELSE pg_temp.kw(pg_temp.pick('lower', 'length', 'abs', 'age', 'year', 'month', 'day', 'weekday', 'hour', 'days')) || '(' || a || ')'
	END;
END $$;

CREATE FUNCTION pg_temp.random_value(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kind int := floor(random() * CASE WHEN depth <= 0 THEN 9 ELSE 16 END)::int;
BEGIN
	RETURN CASE
		WHEN kind < 4 THEN pg_temp.random_names()
		WHEN kind = 4 THEN pg_temp.random_text()
		WHEN kind = 5 THEN pg_temp.random_number()
		WHEN kind = 6 THEN pg_temp.random_time()
		WHEN kind = 7 THEN pg_temp.random_duration()
		WHEN kind = 8 THEN pg_temp.kw(pg_temp.pick('true', 'false'))
		WHEN kind = 9 THEN '(' || pg_temp.random_value(depth - 1) || ')'
		WHEN kind = 10 THEN '- ' || pg_temp.random_value(depth - 1)
		WHEN kind < 13 THEN pg_temp.random_value(depth - 1) || pg_temp.pick(' + ', ' - ', '*', '/', ' * ', ' / ') || pg_temp.random_value(depth - 1)
		WHEN kind = 13 THEN pg_temp.random_function(depth)
		WHEN kind = 14 THEN pg_temp.kw('count') || '(' || pg_temp.random_rows(depth - 1) || ')'
		ELSE pg_temp.pick('count(distinct ', 'Sum(', 'avg(', 'min (', 'max(', 'first(', 'LAST(', 'mode(') || pg_temp.random_measure(depth) || ')'
	END;
END $$;

CREATE FUNCTION pg_temp.random_list(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text := '(' || pg_temp.random_value(depth);
BEGIN
	WHILE random() < 0.5 LOOP
		result := result || pg_temp.pick(',', ', ') || pg_temp.random_value(depth);
	END LOOP;
	RETURN result || ')';
END $$;

CREATE FUNCTION pg_temp.random_predicate(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a text := pg_temp.random_value(depth - 1);
	maybe_not text := CASE WHEN random() < 0.3 THEN pg_temp.kw('not') || ' ' ELSE '' END;
BEGIN
	RETURN CASE floor(random() * 17)::int
		WHEN 0 THEN a || ' ' || maybe_not || pg_temp.kw('between') || ' ' || pg_temp.random_value(depth - 1) || ' ' || pg_temp.kw('and') || ' ' || pg_temp.random_value(depth - 1)
		WHEN 1 THEN a || ' ' || maybe_not || pg_temp.kw('in') || ' ' || pg_temp.random_list(depth - 1)
		WHEN 2 THEN a || ' ' || maybe_not || pg_temp.kw(pg_temp.pick('like', 'ilike', 'matches')) || ' ' || pg_temp.random_text()
		WHEN 3 THEN a || ' ' || maybe_not || pg_temp.kw(pg_temp.pick('starts with', 'ends with', 'contains')) || ' ' || pg_temp.random_value(depth - 1)
		WHEN 4 THEN a || ' ' || pg_temp.kw('has') || ' ' || pg_temp.random_value(depth - 1)
		WHEN 5 THEN a || ' ' || pg_temp.kw('has') || ' ' || pg_temp.kw(pg_temp.pick('any', 'all', 'none')) || ' ' || pg_temp.random_list(depth - 1)
		WHEN 6 THEN a || ' ' || pg_temp.kw('is') || ' ' || maybe_not || pg_temp.kw(pg_temp.pick('null', 'empty'))
		WHEN 7 THEN pg_temp.pick('', 'anniversary of ') || pg_temp.random_names() || ' ' || maybe_not || pg_temp.kw('within') || ' '
			|| pg_temp.kw(pg_temp.pick('last', 'next')) || ' ' || pg_temp.random_duration()
		WHEN 8 THEN pg_temp.pick('', 'Anniversary Of ') || pg_temp.random_names() || ' ' || maybe_not || pg_temp.kw('during') || ' ' || pg_temp.random_period()
		WHEN 9 THEN pg_temp.kw('in segment') || ' ' || pg_temp.random_text() || CASE WHEN random() < 0.3 THEN ' for ' || pg_temp.random_duration() ELSE '' END
		WHEN 10 THEN pg_temp.kw(pg_temp.pick('joined', 'left')) || ' segment ' || pg_temp.random_text() || ' within last ' || pg_temp.random_duration()
		WHEN 11 THEN pg_temp.kw('tagged') || pg_temp.random_text()
		WHEN 12 THEN pg_temp.kw('exists') || '(' || pg_temp.random_rows(depth - 1) || ')'
		WHEN 13 THEN pg_temp.kw('every') || '(' || pg_temp.random_rows(depth - 1) || ' ' || pg_temp.kw('satisfies') || ' ' || pg_temp.random_rule(depth - 1) || ')'
		WHEN 14 THEN pg_temp.pick(pg_temp.random_names(), 'true', 'False')
		WHEN 15 THEN pg_temp.random_rank(depth) || pg_temp.pick(' > 0.9', ' <= 0.05', ' between 0 and 1')
		ELSE a || pg_temp.pick(' = ', ' != ', '<>', '<', ' <= ', ' > ', '>=') || pg_temp.random_value(depth - 1)
	END;
END $$;

CREATE FUNCTION pg_temp.random_rule(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE floor(random() * CASE WHEN depth <= 0 THEN 4 ELSE 9 END)::int
		WHEN 4 THEN '(' || pg_temp.random_rule(depth - 1) || ')'
		WHEN 5 THEN pg_temp.kw('not') || ' ' || pg_temp.random_predicate(depth - 1)
		WHEN 6 THEN pg_temp.kw('not') || '(' || pg_temp.random_rule(depth - 1) || ')'
		WHEN 7 THEN pg_temp.random_rule(depth - 1) || pg_temp.blank() || pg_temp.kw('and') || ' ' || pg_temp.random_rule(depth - 1)
		WHEN 8 THEN pg_temp.random_rule(depth - 1) || pg_temp.blank() || pg_temp.kw('or') || pg_temp.blank() || pg_temp.random_rule(depth - 1)
		ELSE pg_temp.random_predicate(depth)
	END;
END $$;
