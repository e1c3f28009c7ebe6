CREATE FUNCTION segments.track() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'track';
COMMENT ON FUNCTION segments.track() IS
	'trigger function: brings the segments of whom a statement touched up to date';
