-- rules.sql: random rules and documents of 36 attributes, and how long look-ups take. For rules.sh.
SELECT setseed(0.42) \gset
CREATE EXTENSION IF NOT EXISTS segments;
CREATE SCHEMA bench;
ALTER DATABASE postgres SET search_path = bench, segments, public, pg_catalog;
ALTER DATABASE postgres SET max_parallel_workers_per_gather = 0;
ALTER DATABASE postgres SET jit = off;
ALTER DATABASE postgres SET maintenance_work_mem = '256MB';
SET search_path = bench, segments, public, pg_catalog;

-- Popular attributes first. s: text, n: number, b: boolean, l: list; the tenth in every third may be absent.
CREATE TABLE attribute AS
SELECT row_number() OVER (ORDER BY md5(name)) AS nr, *, hashtext(name) % 3 = 0 AS optional FROM (
	SELECT 's' || i AS name, 's' AS kind, (ARRAY[3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1200, 2000])[i] AS card FROM generate_series(1, 15) i
	UNION ALL SELECT 'n' || i, 'n', i FROM generate_series(1, 13) i
	UNION ALL SELECT 'b' || i, 'b', 2 FROM generate_series(1, 5) i
	UNION ALL SELECT 'l' || i, 'l', (ARRAY[100, 300, 5000])[i] FROM generate_series(1, 3) i) a;

-- Few values are common and many are rare; a word does not tell which it is. Rules speak of rare ones rather
-- more often than documents have them.
CREATE FUNCTION word(card int, temper float DEFAULT 1) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT substr(md5(floor(card ^ (random() ^ temper))::text), 1, 5) $$;

CREATE FUNCTION number(shape int) RETURNS numeric LANGUAGE sql VOLATILE AS $$
	SELECT CASE shape % 4
		WHEN 0 THEN round((random() + random() + random()) * 30)
		WHEN 1 THEN round(exp(2 * (random() + random() + random()))::numeric, 2)
		WHEN 2 THEN floor(-ln(1 - random()) * 5 * shape)
		ELSE floor(random() * 1000 * shape) END $$;

CREATE FUNCTION words(card int) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_agg(DISTINCT word) FROM (SELECT word(card) FROM generate_series(1, 1 + floor(random() * 8)::int)) w $$;

CREATE FUNCTION document() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_object_agg(name, CASE kind
		WHEN 's' THEN to_jsonb(word(card)) WHEN 'n' THEN to_jsonb(number(card)) WHEN 'b' THEN to_jsonb(random() < 0.4)
		ELSE words(card) END)
	FROM attribute WHERE NOT optional OR random() < 0.9 $$;

-- A leaf, as a rule and as a jsonpath.
CREATE FUNCTION leaf(negated boolean) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a attribute;
	x text;
	y text;
	wanted int := 1 + floor(36 * random() ^ 1.5);
	result text[];
BEGIN
	SELECT * INTO a FROM attribute WHERE nr = wanted;
	IF negated AND a.optional THEN
		RETURN leaf(true);
	END IF;
	x := CASE WHEN a.kind = 'n' THEN number(a.card)::text ELSE word(a.card, 0.5) END;
	y := CASE WHEN a.kind = 'n' THEN number(a.card)::text ELSE word(a.card, 0.5) END;
	result := CASE
		WHEN a.kind = 's' AND random() < 0.7 THEN ARRAY[format('%s = %L', a.name, x), format('$.%s == "%s"', a.name, x)]
		WHEN a.kind = 's' THEN ARRAY[format('%s in (%L, %L)', a.name, x, y), format('($.%s == "%s" || $.%s == "%s")', a.name, x, a.name, y)]
		WHEN a.kind = 'n' AND random() < 0.4 THEN ARRAY[format('%s >= %s', a.name, x), format('$.%s >= %s', a.name, x)]
		WHEN a.kind = 'n' AND random() < 0.5 THEN ARRAY[format('%s <= %s', a.name, x), format('$.%s <= %s', a.name, x)]
		WHEN a.kind = 'n' THEN ARRAY[format('%s between %s and %s', a.name, least(x::numeric, y::numeric), greatest(x::numeric, y::numeric)),
			format('($.%s >= %s && $.%s <= %s)', a.name, least(x::numeric, y::numeric), a.name, greatest(x::numeric, y::numeric))]
		WHEN a.kind = 'b' THEN ARRAY[a.name, format('$.%s == true', a.name)]
		ELSE ARRAY[format('%s has %L', a.name, x), format('$.%s[*] == "%s"', a.name, x)] END;
	IF negated THEN
		result := ARRAY['not (' || result[1] || ')', '!(' || result[2] || ')'];
	END IF;
	RETURN result;
END $$;

CREATE FUNCTION conjunction() RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	rule text[] := '{}';
	path text[] := '{}';
	part text[];
	which float;
BEGIN
	FOR i IN 1 .. 4 + floor(random() * 4)::int LOOP
		which := random();
		IF which < 0.13 THEN
			SELECT ARRAY['(' || string_agg(l[1], ' or ') || ')', '(' || string_agg(l[2], ' || ') || ')'] INTO part
			FROM (SELECT leaf(false) AS l FROM generate_series(1, 2 + floor(random() * 2)::int)) t;
		ELSE
			part := leaf(which < 0.24);
		END IF;
		rule := rule || part[1];
		path := path || part[2];
	END LOOP;
	RETURN ARRAY[array_to_string(rule, ' and '), array_to_string(path, ' && ')];
END $$;

CREATE FUNCTION random_rule() RETURNS text[] LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.04 THEN ARRAY['(' || a[1] || ') or (' || b[1] || ')', '(' || a[2] || ') || (' || b[2] || ')'] ELSE a END
	FROM (SELECT conjunction() AS a, conjunction() AS b) t $$;

CREATE TABLE events AS SELECT n, document() AS d FROM generate_series(1, 200) n;
-- Other ones, of which it is counted how often documents have a key.
CREATE TABLE sample AS SELECT document() AS d FROM generate_series(1, 1000) n;
-- A population whose members have these attributes: matching_segments() asks its segments.
SELECT 'CREATE TABLE member (id int PRIMARY KEY, ' || string_agg(name || ' ' ||
	CASE kind WHEN 's' THEN 'text' WHEN 'n' THEN 'numeric' WHEN 'b' THEN 'boolean' ELSE 'text[]' END, ', ') || ')' FROM attribute \gexec
SELECT FROM create_population('members', 'member');
DROP INDEX segments.segment_rule_idx;
CREATE TABLE texts (n int, rule text, path text);
CREATE TABLE rules (n int, rule segment_rule);
CREATE TABLE sorted (n int, rule segment_rule);
CREATE TABLE paths (n int, path jsonpath);
CREATE TABLE documents (n int, d jsonb);
CREATE TABLE timing (what text, us float);

CREATE PROCEDURE fill_rules(wanted int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.17);
	INSERT INTO texts SELECT n, t[1], t[2] FROM (SELECT n, random_rule() AS t FROM generate_series((SELECT count(*) + 1 FROM texts), wanted) n) r;
	DROP INDEX IF EXISTS rules_rule, sorted_rule;
	TRUNCATE rules, paths, sorted;
	INSERT INTO rules SELECT n, rule::segment_rule FROM texts WHERE n <= wanted;
	INSERT INTO paths SELECT n, path::jsonpath FROM texts WHERE n <= wanted;
END $$;

-- CPU time of this process, in microseconds: other processes do not count.
CREATE FUNCTION cpu() RETURNS float LANGUAGE sql VOLATILE AS $$
	SELECT split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::float / 1000 $$;

-- Microseconds for a query about an event: the median of five rounds, each the mean of many; what it returns is added up.
CREATE FUNCTION measure(query text, how_many int, OUT us numeric, OUT sum bigint) LANGUAGE plpgsql AS $$
DECLARE
	asked jsonb[] := (SELECT array_agg(d ORDER BY n) FROM events WHERE n <= how_many);
	event jsonb;
	start float;
	rounds float[] := '{}';
	times int;
BEGIN
	-- planned once, as a prepared statement is
	EXECUTE format('CREATE OR REPLACE FUNCTION pg_temp.ask(event jsonb) RETURNS bigint LANGUAGE plpgsql AS %L', format('BEGIN RETURN (%s); END', query));
	PERFORM pg_temp.ask(asked[1]);
	FOR round IN 1 .. 5 LOOP
		start := cpu();
		times := 0;
		-- the processor's time is told in steps of some milliseconds
		WHILE times = 0 OR cpu() - start < 100000 LOOP
			sum := 0;
			times := times + 1;
			FOREACH event IN ARRAY asked LOOP
				sum := sum + pg_temp.ask(event);
			END LOOP;
		END LOOP;
		rounds := rounds || (cpu() - start) / how_many / times;
	END LOOP;
	us := round((SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY r) FROM unnest(rounds) r)::numeric, 1);
END $$;

-- The rules as segments, which matching_segments() keeps in memory.
CREATE FUNCTION measure_memory(OUT build float, OUT us numeric, OUT sum bigint, OUT kb bigint) LANGUAGE plpgsql AS $$
DECLARE
	m record;
	start float;
BEGIN
	DELETE FROM segment WHERE kind = 'dynamic';
	INSERT INTO segment (population, name, rule) SELECT p.id, 'rule ' || n, rule FROM population p, rules;
	start := cpu();
	PERFORM matching_segments('{}', 'members');
	build := cpu() - start;
	m := measure('SELECT count(*) FROM matching_segments(event, ''members'')', 200);
	us := m.us;
	sum := m.sum;
	kb := (SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts WHERE name = 'segments classifier');
END $$;

CREATE FUNCTION create_index(relation text, parameter text, OUT us float, OUT kb bigint) LANGUAGE plpgsql AS $$
DECLARE
	start float := cpu();
BEGIN
	EXECUTE format('CREATE INDEX %1$s_rule ON %1$s USING gin (rule segment_rule_ops %2$s) WITH (fastupdate = off)', relation, parameter);
	us := cpu() - start;
	kb := pg_relation_size(relation || '_rule') / 1024;
END $$;

-- Every way there is, each of which must find the same: a row of each of two tables.
CREATE FUNCTION measure_rules() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int := (SELECT count(*) FROM rules);
	few int := greatest(5, least(200, 400000 / n));
	frequencies text := format('(frequencies = %L)', (SELECT frequencies(d) FROM sample));
	start float;
	insertion float;
	plain record;
	index record;
	scan record;
	path record;
	untold record;
	told record;
	clustered record;
	memory record;
BEGIN
	INSERT INTO sorted SELECT r.n, r.rule FROM rules r, (SELECT frequencies(d) AS f FROM sample) s ORDER BY keys(r.rule, s.f);
	SET LOCAL plan_cache_mode = force_generic_plan;
	SET LOCAL enable_bitmapscan = off;
	scan := measure('SELECT count(*) FROM rules WHERE rule @> event', few);
	path := measure('SELECT count(*) FROM paths WHERE event @@ path', few);
	SET LOCAL enable_bitmapscan = on;
	SET LOCAL enable_seqscan = off;
	plain := create_index('rules', '');
	untold := measure('SELECT count(*) FROM rules WHERE rule @> event', few);
	IF untold.sum <> scan.sum OR untold.sum <> path.sum THEN
		RAISE EXCEPTION 'index %, scan %, jsonpath %', untold.sum, scan.sum, path.sum;
	END IF;
	untold := measure('SELECT count(*) FROM rules WHERE rule @> event', 200);
	DROP INDEX rules_rule;
	index := create_index('rules', frequencies);
	told := measure('SELECT count(*) FROM rules WHERE rule @> event', 200);
	PERFORM create_index('sorted', frequencies);
	clustered := measure('SELECT count(*) FROM sorted WHERE rule @> event', 200);
	memory := measure_memory();
	IF told.sum <> untold.sum OR clustered.sum <> untold.sum OR memory.sum <> untold.sum THEN
		RAISE EXCEPTION 'index %, with frequencies %, sorted %, in memory %', untold.sum, told.sum, clustered.sum, memory.sum;
	END IF;
	start := cpu();
	INSERT INTO rules SELECT r.n, r.rule FROM rules r LIMIT 1000;
	insertion := (cpu() - start) / least(n, 1000);
	RETURN format(E'| %s |\n%s: | %s |',
		array_to_string(ARRAY[n, round(told.sum / 200.0, 1), untold.us, told.us, clustered.us, memory.us, scan.us, path.us,
			round(scan.us / told.us, 1), round(path.us / told.us, 1), round(path.us / memory.us, 1)], ' | '), n,
		array_to_string(ARRAY[round(plain.us / 1000), round(index.us / 1000), round(memory.build / 1000), plain.kb, index.kb,
			memory.kb, pg_relation_size('rules') / 1024, round(insertion::numeric, 1)], ' | '));
END $$;

CREATE PROCEDURE fill_documents(wanted int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.34);
	INSERT INTO documents SELECT n, document() FROM generate_series(1, wanted) n;
END $$;

-- The same questions to documents, in each way that there is.
CREATE TABLE question (nr int, rule text, path text, jsquery text);
INSERT INTO question VALUES
	(1, 's10 = ''c0c7c'' and l2 has ''eccbc'' and s4 = ''c81e7''', '$.s10 == "c0c7c" && $.l2[*] == "eccbc" && $.s4 == "c81e7"', 's10 = "c0c7c" and l2.# = "eccbc" and s4 = "c81e7"'),
	(2, 's5 = ''a87ff'' and s3 = ''c81e7''', '$.s5 == "a87ff" && $.s3 == "c81e7"', 's5 = "a87ff" and s3 = "c81e7"'),
	(3, 's2 = ''c4ca4'' and b1', '$.s2 == "c4ca4" && $.b1 == true', 's2 = "c4ca4" and b1 = true'),
	(4, 'n3 between 100 and 102', '$.n3 >= 100 && $.n3 <= 102', 'n3 >= 100 and n3 <= 102'),
	(5, 's12 = ''8f14e'' or n7 between 10 and 14 and s4 = ''eccbc''', '$.s12 == "8f14e" || ($.n7 >= 10 && $.n7 <= 14) && $.s4 == "eccbc"', 's12 = "8f14e" or (n7 >= 10 and n7 <= 14 and s4 = "eccbc")');

CREATE FUNCTION measure_query(query text, OUT ms float, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	start float;
	times int := 0;
BEGIN
	EXECUTE query INTO rows;
	start := cpu();
	WHILE times < 5 OR cpu() - start < 100000 LOOP
		EXECUTE query INTO rows;
		times := times + 1;
	END LOOP;
	ms := (cpu() - start) / 1000 / times;
END $$;

CREATE FUNCTION measure_way(name text, index text, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	q question;
	m record;
	start float := cpu();
	build float := 0;
	result text := '';
	size bigint := 0;
BEGIN
	IF index IS NOT NULL THEN
		EXECUTE format('CREATE INDEX documents_d ON documents USING gin (%s) WITH (fastupdate = off)', index);
		build := cpu() - start;
		size := pg_relation_size('documents_d');
		SET LOCAL enable_seqscan = off;
	ELSE
		SET LOCAL enable_seqscan = on;
	END IF;
	FOR q IN SELECT * FROM question ORDER BY nr LOOP
		m := measure_query(format('SELECT count(*) FROM documents WHERE ' || condition, q.rule, q.path, q.jsquery));
		result := result || format(' %s (%s) |', round(m.ms::numeric, 2), m.rows);
	END LOOP;
	DROP INDEX IF EXISTS documents_d;
	RETURN format(E'\n| %s | %s | %s |%s', name, round(build / 1000), size / 1024, result);
END $$;

CREATE FUNCTION measure_documents() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SELECT '| ' || count(*) || ' documents, ms (found) | build, ms | kB | ' || (SELECT string_agg(replace(rule, '|', ''), ' | ' ORDER BY nr) FROM question) || E' |\n|---|---|---|---|---|---|---|---|'
	INTO result FROM documents;
	result := result || measure_way('scan, rule', NULL, 'd <@ %1$L::segment_rule');
	result := result || measure_way('scan, jsonpath', NULL, 'd @@ %2$L::jsonpath');
	result := result || measure_way('segment_profile_ops', 'd segment_profile_ops', 'd <@ %1$L::segment_rule');
	result := result || measure_way('jsonb_path_ops', 'd jsonb_path_ops', 'd @@ %2$L::jsonpath');
	IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'jsquery') THEN
		CREATE EXTENSION IF NOT EXISTS jsquery SCHEMA public;
		result := result || measure_way('scan, jsquery', NULL, 'd @@ %3$L::jsquery');
		result := result || measure_way('jsquery, jsonb_path_value_ops', 'd jsonb_path_value_ops', 'd @@ %3$L::jsquery');
		result := result || measure_way('jsquery, jsonb_value_path_ops', 'd jsonb_value_path_ops', 'd @@ %3$L::jsquery');
	END IF;
	RETURN result;
END $$;

-- One condition of mixed kinds on every document, without an index: nanoseconds a document, less those of reading it.
CREATE FUNCTION measure_rows() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	way record;
	bare float;
	rule float;
	ns float;
	m record;
	result text := E'| way | found | ns a document | of rule @> document |\n|---|---|---|---|';
BEGIN
	bare := (measure_query('SELECT count(*) FROM documents WHERE d IS NOT NULL')).ms;
	FOR way IN SELECT * FROM (VALUES
		('rule @> document', 's7 = ''c4ca4'' or s12 in (''8f14e'', ''c9f0f'') or n4 between 100 and 120 or (b3 and n7 > 20) or l2 has ''eccbc''', 'd <@ %L::segment_rule'),
		('->> with casts', 'd ->> ''s7'' = ''c4ca4'' OR d ->> ''s12'' IN (''8f14e'', ''c9f0f'') OR (d ->> ''n4'')::numeric BETWEEN 100 AND 120 OR (d ->> ''b3'')::boolean AND (d ->> ''n7'')::numeric > 20 OR d -> ''l2'' ? ''eccbc''', '%s'),
		('jsonpath', '$.s7 == "c4ca4" || $.s12 == "8f14e" || $.s12 == "c9f0f" || ($.n4 >= 100 && $.n4 <= 120) || ($.b3 == true && $.n7 > 20) || $.l2[*] == "eccbc"', 'd @@ %L::jsonpath'),
		('jsquery', 's7 = "c4ca4" or s12 in ("8f14e", "c9f0f") or (n4 >= 100 and n4 <= 120) or (b3 = true and n7 > 20) or l2.# = "eccbc"', 'd @@ %L::jsquery')) w(name, rule, condition)
	LOOP
		CONTINUE WHEN way.name = 'jsquery' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'jsquery');
		m := measure_query('SELECT count(*) FROM documents WHERE ' || format(way.condition, way.rule));
		ns := (m.ms - bare) * 1000000 / (SELECT count(*) FROM documents);
		rule := coalesce(rule, ns);
		result := result || format(E'\n| %s | %s | %s | %s |', way.name, m.rows, round(ns), round((ns / rule)::numeric, 2));
	END LOOP;
	RETURN result;
END $$;
