-- A view for each segment.

CREATE FUNCTION segments.create_views(schema name, population text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'create_views';
COMMENT ON FUNCTION segments.create_views(name, text) IS
	'create a view for each segment, with the columns of the population, and keep it in step with the segment';

CREATE FUNCTION segments.drop_views(population text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_views';
COMMENT ON FUNCTION segments.drop_views(text) IS
	'drop the views of a population''s segments';
