-- Which segments does a document belong to?

CREATE FUNCTION segments.matching_segments(profile pg_catalog.jsonb, population text DEFAULT NULL)
	RETURNS SETOF text LANGUAGE c STABLE PARALLEL SAFE ROWS 10 COST 1000
	AS 'MODULE_PATHNAME', 'matching_segments';
COMMENT ON FUNCTION segments.matching_segments(pg_catalog.jsonb, text) IS
	'the active segments whose rules hold for a document, by name; whoever it describes may be in no table. Its keys are the names that rules use, its sources arrays of objects with their moments under "at"';
