-- Upkeep.

CREATE PROCEDURE segments.maintain(as_of timestamptz DEFAULT NULL, population text DEFAULT NULL, fold_all boolean DEFAULT false)
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'maintain';
COMMENT ON PROCEDURE segments.maintain(timestamptz, text, boolean) IS
	'evaluate who is due and fold what has changed, batch by batch, with a commit after each; as_of: as if it were that moment; population: all that the role may manage, unless given; fold_all: also what is not worth it yet';

CREATE FUNCTION segments.maintain_step(
	as_of timestamptz DEFAULT NULL, max_members integer DEFAULT 1000, population text DEFAULT NULL,
	fold_all boolean DEFAULT false,
	OUT due bigint, OUT doubted bigint, OUT folded bigint)
	RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'maintain_step';
COMMENT ON FUNCTION segments.maintain_step(timestamptz, integer, text, boolean) IS
	'one batch of upkeep: how many members were due or in doubt and have been evaluated, and how many changes were folded';

CREATE FUNCTION segments."check"(
	population text DEFAULT NULL,
	OUT segment text, OUT member bigint, OUT problem text)
	RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
	AS 'MODULE_PATHNAME', 'check';
COMMENT ON FUNCTION segments."check"(text) IS
	'compare all that is stored with a full evaluation, and list what differs; nothing should';
