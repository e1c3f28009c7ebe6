-- A rule on a document and on a row.

CREATE FUNCTION segments.matches(rule segments.segment_rule, document pg_catalog.jsonb) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'segment_rule_matches_document';
COMMENT ON FUNCTION segments.matches(segments.segment_rule, pg_catalog.jsonb) IS
'does the rule hold for the document? sources are arrays of objects in it, with their moments under "at"; as of the transaction''s now(), in the session''s time zone';

CREATE FUNCTION segments.matches(rule segments.segment_rule, "row" pg_catalog.record) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'segment_rule_matches_row';
COMMENT ON FUNCTION segments.matches(segments.segment_rule, pg_catalog.record) IS
'does the rule hold for the row? names are its columns; sources are json or jsonb columns that hold arrays of objects';

CREATE FUNCTION segments.document_matches(document pg_catalog.jsonb, rule segments.segment_rule) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'document_matches_segment_rule';
COMMENT ON FUNCTION segments.document_matches(pg_catalog.jsonb, segments.segment_rule) IS
'implementation of the operator document <@ rule';

CREATE OPERATOR segments.@> (
	LEFTARG = segments.segment_rule, RIGHTARG = pg_catalog.jsonb, FUNCTION = segments.matches,
	COMMUTATOR = OPERATOR(segments.<@), RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel
);
COMMENT ON OPERATOR segments.@> (segments.segment_rule, pg_catalog.jsonb) IS 'the rule holds for the document';

CREATE OPERATOR segments.<@ (
	LEFTARG = pg_catalog.jsonb, RIGHTARG = segments.segment_rule, FUNCTION = segments.document_matches,
	COMMUTATOR = OPERATOR(segments.@>), RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel
);
COMMENT ON OPERATOR segments.<@ (pg_catalog.jsonb, segments.segment_rule) IS 'the document fulfils the rule';
