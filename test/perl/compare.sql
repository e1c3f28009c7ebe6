-- Collects the answers of several methods and tells where they differ from the
-- query written by hand.
SET client_min_messages = warning;
CREATE TEMP TABLE asked (name text, method text, error text);
CREATE TEMP TABLE answer (name text, method text, member text);

CREATE PROCEDURE pg_temp.ask(name text, method text, query text) LANGUAGE plpgsql AS $$
DECLARE
	error text;
BEGIN
	BEGIN
		IF method = 'sql' THEN
			EXECUTE query INTO query;
		END IF;
		EXECUTE pg_catalog.format('INSERT INTO answer SELECT %L, %L, q.k FROM (%s) AS q (k)', name, method, query);
	EXCEPTION WHEN OTHERS THEN
		error := translate(SQLERRM, E'\n', ' ');
	END;
	INSERT INTO asked VALUES (name, method, error);
END $$;

-- The members that one method has more often than another.
CREATE FUNCTION pg_temp.surplus(name text, method text, other text) RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || coalesce(': ' || string_agg(member, ' ') FILTER (WHERE n <= 5), '')
	FROM (
		SELECT member, row_number() OVER () AS n
		FROM (
			SELECT member FROM answer a WHERE a.name = $1 AND a.method = $2
			EXCEPT ALL
			SELECT member FROM answer a WHERE a.name = $1 AND a.method = $3
		) AS s
	) AS s
$$;

CREATE TEMP VIEW size AS
SELECT 'size' AS what, name, count(member)
FROM asked LEFT JOIN answer USING (name, method)
WHERE method = 'query'
GROUP BY name;

CREATE TEMP VIEW wrong AS
SELECT 'wrong' AS what, name, method || ': ' || error AS message
FROM asked
WHERE error IS NOT NULL
UNION ALL
SELECT 'wrong', name, method || ' lacks ' || lacks || ', has in excess ' || excess
FROM asked, pg_temp.surplus(name, 'query', method) AS lacks, pg_temp.surplus(name, method, 'query') AS excess
WHERE error IS NULL AND method NOT IN ('query', 'count_members') AND (lacks != '0' OR excess != '0')
UNION ALL
SELECT 'wrong', name, 'count_members says ' || member
FROM answer a
WHERE method = 'count_members'
	AND member::bigint != (SELECT count(*) FROM answer q WHERE q.name = a.name AND q.method = 'query');
