-- Segments.

CREATE FUNCTION segments.create_segment(
	name text, rule segments.segment_rule, population text DEFAULT NULL,
	description text DEFAULT '', build boolean DEFAULT true,
	valid_until timestamptz DEFAULT NULL, notify boolean DEFAULT false)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'create_segment';
COMMENT ON FUNCTION segments.create_segment(text, segments.segment_rule, text, text, boolean, timestamptz, boolean) IS
	'create a segment and return the number of its members; build => false: members come with the next refresh; valid_until: nobody is a member from then on; notify: transactions that change its members notify channel segments';

CREATE PROCEDURE segments.create_segment_concurrently(
	name text, rule segments.segment_rule, population text DEFAULT NULL,
	description text DEFAULT '', valid_until timestamptz DEFAULT NULL, notify boolean DEFAULT false)
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'create_segment_concurrently';
COMMENT ON PROCEDURE segments.create_segment_concurrently(text, segments.segment_rule, text, text, timestamptz, boolean) IS
	'create a segment without keeping anybody from writing; like create_segment() otherwise';

CREATE FUNCTION segments.alter_segment(
	name text, rule segments.segment_rule DEFAULT NULL, new_name text DEFAULT NULL,
	description text DEFAULT NULL, active boolean DEFAULT NULL, population text DEFAULT NULL,
	valid_until timestamptz DEFAULT NULL, notify boolean DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'alter_segment';
COMMENT ON FUNCTION segments.alter_segment(text, segments.segment_rule, text, text, boolean, text, timestamptz, boolean) IS
	'change what is given and return the number of members; active => false: they stay as they are; valid_until => ''infinity'': it does not end any more';

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
	population text DEFAULT NULL, as_of timestamptz DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'refresh';
COMMENT ON FUNCTION segments.refresh(text, timestamptz) IS
	'evaluate all active segments anew in one pass and return how many there are; as_of: as if it were that moment';

-- The reading queries of a pass ask it of every row.
CREATE FUNCTION segments.in_share(member bigint, share integer, shares integer)
	RETURNS boolean LANGUAGE c IMMUTABLE PARALLEL SAFE LEAKPROOF COST 1
	AS 'MODULE_PATHNAME', 'in_share';
COMMENT ON FUNCTION segments.in_share(bigint, integer, integer) IS
	'is the member in this share, numbered from 0, of a pass in parallel';
