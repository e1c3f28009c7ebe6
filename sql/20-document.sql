-- A rule on a document and on a row.

CREATE FUNCTION segments.matches_support(pg_catalog.internal) RETURNS pg_catalog.internal
LANGUAGE C STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.matches_support(pg_catalog.internal) IS
'tells the planner how indexes help with rule @> document, and how many rows fulfil it';

CREATE FUNCTION segments.matches_selectivity(pg_catalog.internal, pg_catalog.oid, pg_catalog.internal, pg_catalog.int4) RETURNS pg_catalog.float8
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.matches_selectivity(pg_catalog.internal, pg_catalog.oid, pg_catalog.internal, pg_catalog.int4) IS
'how many rules hold for a document, or documents fulfil a rule, by what ANALYZE has sampled';

CREATE FUNCTION segments.matches_join_selectivity(pg_catalog.internal, pg_catalog.oid, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal) RETURNS pg_catalog.float8
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.matches_join_selectivity(pg_catalog.internal, pg_catalog.oid, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal) IS
'how many pairs of rules and documents match';

CREATE FUNCTION segments.matches(rule segments.segment_rule, document pg_catalog.jsonb) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10 SUPPORT segments.matches_support
AS 'MODULE_PATHNAME', 'segment_rule_matches_document';
COMMENT ON FUNCTION segments.matches(segments.segment_rule, pg_catalog.jsonb) IS
'does the rule hold for the document? sources are arrays of objects in it, with their moments under "at"; as of the transaction''s now(), in the session''s time zone';

CREATE FUNCTION segments.matches(rule segments.segment_rule, "row" pg_catalog.record) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'segment_rule_matches_row';
COMMENT ON FUNCTION segments.matches(segments.segment_rule, pg_catalog.record) IS
'does the rule hold for the row? names are its columns; sources are json or jsonb columns that hold arrays of objects';

CREATE FUNCTION segments.document_matches(document pg_catalog.jsonb, rule segments.segment_rule) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10 SUPPORT segments.matches_support
AS 'MODULE_PATHNAME', 'document_matches_segment_rule';
COMMENT ON FUNCTION segments.document_matches(pg_catalog.jsonb, segments.segment_rule) IS
'implementation of the operator document <@ rule';

CREATE OPERATOR segments.@> (
	LEFTARG = segments.segment_rule, RIGHTARG = pg_catalog.jsonb, FUNCTION = segments.matches,
	COMMUTATOR = OPERATOR(segments.<@), RESTRICT = segments.matches_selectivity, JOIN = segments.matches_join_selectivity
);
COMMENT ON OPERATOR segments.@> (segments.segment_rule, pg_catalog.jsonb) IS 'the rule holds for the document';

CREATE OPERATOR segments.<@ (
	LEFTARG = pg_catalog.jsonb, RIGHTARG = segments.segment_rule, FUNCTION = segments.document_matches,
	COMMUTATOR = OPERATOR(segments.@>), RESTRICT = segments.matches_selectivity, JOIN = segments.matches_join_selectivity
);
COMMENT ON OPERATOR segments.<@ (pg_catalog.jsonb, segments.segment_rule) IS 'the document fulfils the rule';
