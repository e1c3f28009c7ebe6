-- What queries for rules call beyond SQL's own functions.

CREATE FUNCTION segments.json_moment(value jsonb, time_zone text) RETURNS timestamptz
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	-- part: year, month, day, time, zone. Nothing is cast that could raise an error.
	SELECT CASE
		WHEN part IS NULL
			THEN NULL
		WHEN part[3]::integer > extract(day FROM
				make_date(part[1]::integer, part[2]::integer, 1) + interval '1 month' - interval '1 day')
			THEN NULL
		WHEN part[5] IS NOT NULL
			THEN (format('%s-%s-%s %s%s', part[1], part[2], part[3], left(part[4], 15), part[5]))::timestamptz
		ELSE format('%s-%s-%s %s', part[1], part[2], part[3], left(coalesce(part[4], '00:00'), 15))::timestamp
			AT TIME ZONE time_zone
	END
	FROM regexp_match(CASE WHEN jsonb_typeof(value) = 'string' THEN value #>> '{}' END,
		'^(?!0000)([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
		'(?:[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?)'
		'(Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)?)?$') AS part;
END;
COMMENT ON FUNCTION segments.json_moment(jsonb, text) IS
	'the moment that an ISO text in json stands for: a day at its local midnight, a time without a zone in local time; null if it is none';
