-- Documents in a GIN index: for which of them does a rule hold?

CREATE FUNCTION segments.segment_profile_extract_value(pg_catalog.jsonb, pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_profile_extract_value(pg_catalog.jsonb, pg_catalog.internal, pg_catalog.internal) IS 'GIN: the keys of a document';

CREATE FUNCTION segments.segment_profile_extract_query(segments.segment_rule, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog.internal
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_profile_extract_query(segments.segment_rule, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) IS 'GIN: the keys and ranges that a rule asks for';

CREATE FUNCTION segments.segment_profile_compare_partial(pg_catalog.bytea, pg_catalog.bytea, pg_catalog.int2, pg_catalog.internal) RETURNS pg_catalog.int4
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_profile_compare_partial(pg_catalog.bytea, pg_catalog.bytea, pg_catalog.int2, pg_catalog.internal) IS 'GIN: is a key still in the range?';

CREATE FUNCTION segments.segment_profile_consistent(pg_catalog.internal, pg_catalog.int2, segments.segment_rule, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_profile_consistent(pg_catalog.internal, pg_catalog.int2, segments.segment_rule, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) IS 'GIN: can the rule hold for a document with these keys?';

CREATE FUNCTION segments.segment_profile_triconsistent(pg_catalog.internal, pg_catalog.int2, segments.segment_rule, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog."char"
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_profile_triconsistent(pg_catalog.internal, pg_catalog.int2, segments.segment_rule, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) IS 'GIN: can the rule hold, as far as is known?';

CREATE OPERATOR CLASS segments.segment_profile_ops FOR TYPE pg_catalog.jsonb USING gin AS
	OPERATOR 1 segments.<@ (pg_catalog.jsonb, segments.segment_rule),
	FUNCTION 1 pg_catalog.byteacmp(pg_catalog.bytea, pg_catalog.bytea),
	FUNCTION 2 segments.segment_profile_extract_value(pg_catalog.jsonb, pg_catalog.internal, pg_catalog.internal),
	FUNCTION 3 segments.segment_profile_extract_query(segments.segment_rule, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal),
	FUNCTION 4 segments.segment_profile_consistent(pg_catalog.internal, pg_catalog.int2, segments.segment_rule, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal),
	FUNCTION 5 segments.segment_profile_compare_partial(pg_catalog.bytea, pg_catalog.bytea, pg_catalog.int2, pg_catalog.internal),
	FUNCTION 6 segments.segment_profile_triconsistent(pg_catalog.internal, pg_catalog.int2, segments.segment_rule, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal),
	STORAGE pg_catalog.bytea;
COMMENT ON OPERATOR CLASS segments.segment_profile_ops USING gin IS 'documents, to be found by a rule: document <@ rule';
COMMENT ON OPERATOR FAMILY segments.segment_profile_ops USING gin IS 'documents, to be found by a rule: document <@ rule';
