-- Segments.

CREATE FUNCTION segments.create_segment(
	name text, rule segments.segment_rule, population text DEFAULT NULL,
	description text DEFAULT '', build boolean DEFAULT true)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'create_segment';
COMMENT ON FUNCTION segments.create_segment(text, segments.segment_rule, text, text, boolean) IS
	'create a segment and return the number of its members; build => false: members come with the next refresh';

CREATE FUNCTION segments.alter_segment(
	name text, rule segments.segment_rule DEFAULT NULL, new_name text DEFAULT NULL,
	description text DEFAULT NULL, active boolean DEFAULT NULL, population text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'alter_segment';
COMMENT ON FUNCTION segments.alter_segment(text, segments.segment_rule, text, text, boolean, text) IS
	'change what is given and return the number of members; active => false: they stay as they are';

CREATE FUNCTION segments.drop_segment(
	name text, population text DEFAULT NULL, cascade boolean DEFAULT false)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_segment';
COMMENT ON FUNCTION segments.drop_segment(text, text, boolean) IS
	'drop a segment; cascade: also those whose rules refer to it';

CREATE FUNCTION segments.rebuild(segment text, population text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rebuild';
COMMENT ON FUNCTION segments.rebuild(text, text) IS
	'evaluate a segment anew and return the number of its members';

CREATE FUNCTION segments.refresh(
	population text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'refresh';
COMMENT ON FUNCTION segments.refresh(text, timestamptz) IS
	'evaluate all active segments anew in one pass and return how many there are';

-- The reading queries of a pass ask it of every row.
CREATE FUNCTION segments.in_share(member bigint, share integer, shares integer)
	RETURNS boolean LANGUAGE c IMMUTABLE PARALLEL SAFE LEAKPROOF COST 1
	AS 'MODULE_PATHNAME', 'in_share';
COMMENT ON FUNCTION segments.in_share(bigint, integer, integer) IS
	'is the member in this share, numbered from 0, of a pass in parallel';
