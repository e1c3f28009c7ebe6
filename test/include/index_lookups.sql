-- Look-ups against scans, for tests of both operator classes. Before it is included, these say what is asked about what:
-- asked, the table of the side that is given, with its alias; searched, the alias of the table that is searched; condition.

-- Every pair, by look-ups or by scans, summed up.
CREATE FUNCTION pg_temp.pairs(relation text, by_index boolean, "where" text DEFAULT :'condition', asked text DEFAULT :'asked', searched text DEFAULT :'searched')
	RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_bitmapscan', by_index::text, true);
	EXECUTE format('SELECT count(*) + sum(hashtext(r.n::text || ''/'' || d.n)) FROM %s CROSS JOIN LATERAL (SELECT n FROM %s %s WHERE %s OFFSET 0) %3$s',
		asked, relation, searched, "where") INTO result;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true);
	RETURN result;
END $$;

-- The scan nodes of a query, one text.
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		IF line ~ '(Scan|Bitmap)' THEN
			result := result || '/' || regexp_replace(trim(line, ' ->'), ' +', ' ', 'g');
		END IF;
	END LOOP;
	RETURN result;
END $$;
