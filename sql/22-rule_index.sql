-- Rules in a GIN index: which rules hold for a document?

CREATE FUNCTION segments.tokens(document pg_catalog.jsonb) RETURNS pg_catalog.int8[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'document_tokens';
COMMENT ON FUNCTION segments.tokens(pg_catalog.jsonb) IS
'the keys that a rule which holds for the document may be filed under';

CREATE FUNCTION segments.look_ups(document pg_catalog.jsonb) RETURNS pg_catalog.bytea[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'document_look_ups';
COMMENT ON FUNCTION segments.look_ups(pg_catalog.jsonb) IS
'what an index of rules is asked for a document: each of its tokens, and with it all that the document has';

CREATE FUNCTION segments.keys(rule segments.segment_rule) RETURNS pg_catalog.int8[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'segment_rule_keys';
COMMENT ON FUNCTION segments.keys(segments.segment_rule) IS
'the keys that an index files the rule under: those of its most selective necessary condition';

CREATE FUNCTION segments.keys(rule segments.segment_rule, frequencies text) RETURNS pg_catalog.int8[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'segment_rule_keys';
COMMENT ON FUNCTION segments.keys(segments.segment_rule, text) IS
'the keys that an index with these frequencies files the rule under';

CREATE FUNCTION segments.frequencies_count(pg_catalog.internal, pg_catalog.jsonb) RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.frequencies_count(pg_catalog.internal, pg_catalog.jsonb) IS 'of the aggregate frequencies';

CREATE FUNCTION segments.frequencies_text(pg_catalog.internal) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.frequencies_text(pg_catalog.internal) IS 'of the aggregate frequencies';

CREATE AGGREGATE segments.frequencies(document pg_catalog.jsonb) (
	SFUNC = segments.frequencies_count, STYPE = pg_catalog.internal, SSPACE = 1000000,
	FINALFUNC = segments.frequencies_text
);
COMMENT ON AGGREGATE segments.frequencies(pg_catalog.jsonb) IS
'how often documents have a key, by a sample of them: USING gin (rule segment_rule_ops (frequencies = ...))';

CREATE FUNCTION segments.filed_under(rule segments.segment_rule, look_up pg_catalog.bytea) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'segment_rule_filed_under';
COMMENT ON FUNCTION segments.filed_under(segments.segment_rule, pg_catalog.bytea) IS
'implementation of the operator rule @# look-up';

CREATE OPERATOR segments.@# (
	LEFTARG = segments.segment_rule, RIGHTARG = pg_catalog.bytea, FUNCTION = segments.filed_under,
	RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel
);
COMMENT ON OPERATOR segments.@# (segments.segment_rule, pg_catalog.bytea) IS 'the rule is filed where the look-up looks';

CREATE FUNCTION segments.segment_rule_extract_value(segments.segment_rule, pg_catalog.internal) RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_rule_extract_value(segments.segment_rule, pg_catalog.internal) IS 'GIN: the keys of a rule';

CREATE FUNCTION segments.segment_rule_extract_query(pg_catalog.bytea, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog.internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_rule_extract_query(pg_catalog.bytea, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal) IS 'GIN: the entries of the key that is looked up';

CREATE FUNCTION segments.segment_rule_compare_partial(pg_catalog.int8, pg_catalog.int8, pg_catalog.int2, pg_catalog.internal) RETURNS pg_catalog.int4
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_rule_compare_partial(pg_catalog.int8, pg_catalog.int8, pg_catalog.int2, pg_catalog.internal) IS 'GIN: is the entry of the key, and does the document have what it asks for besides?';

CREATE FUNCTION segments.segment_rule_consistent(pg_catalog.internal, pg_catalog.int2, pg_catalog.bytea, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_rule_consistent(pg_catalog.internal, pg_catalog.int2, pg_catalog.bytea, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal) IS 'GIN: is the rule filed where the look-up looks?';

CREATE FUNCTION segments.segment_rule_triconsistent(pg_catalog.internal, pg_catalog.int2, pg_catalog.bytea, pg_catalog.int4, pg_catalog.internal) RETURNS pg_catalog."char"
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_rule_triconsistent(pg_catalog.internal, pg_catalog.int2, pg_catalog.bytea, pg_catalog.int4, pg_catalog.internal) IS 'GIN: is the rule filed where the look-up looks, as far as is known?';

CREATE FUNCTION segments.segment_rule_options(pg_catalog.internal) RETURNS pg_catalog.void
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.segment_rule_options(pg_catalog.internal) IS 'GIN: the parameter frequencies of segment_rule_ops';

CREATE OPERATOR CLASS segments.segment_rule_ops DEFAULT FOR TYPE segments.segment_rule USING gin AS
	OPERATOR 1 segments.@# (segments.segment_rule, pg_catalog.bytea),
	FUNCTION 1 pg_catalog.btint8cmp(pg_catalog.int8, pg_catalog.int8),
	FUNCTION 2 segments.segment_rule_extract_value(segments.segment_rule, pg_catalog.internal),
	FUNCTION 3 segments.segment_rule_extract_query(pg_catalog.bytea, pg_catalog.internal, pg_catalog.int2, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal, pg_catalog.internal),
	FUNCTION 4 segments.segment_rule_consistent(pg_catalog.internal, pg_catalog.int2, pg_catalog.bytea, pg_catalog.int4, pg_catalog.internal, pg_catalog.internal),
	FUNCTION 5 segments.segment_rule_compare_partial(pg_catalog.int8, pg_catalog.int8, pg_catalog.int2, pg_catalog.internal),
	FUNCTION 6 segments.segment_rule_triconsistent(pg_catalog.internal, pg_catalog.int2, pg_catalog.bytea, pg_catalog.int4, pg_catalog.internal),
	FUNCTION 7 segments.segment_rule_options(pg_catalog.internal),
	STORAGE pg_catalog.int8;
COMMENT ON OPERATOR CLASS segments.segment_rule_ops USING gin IS 'rules, to be found by a document: rule @> document';
COMMENT ON OPERATOR FAMILY segments.segment_rule_ops USING gin IS 'rules, to be found by a document: rule @> document';

CREATE FUNCTION segments.watch_index() RETURNS event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION segments.watch_index() IS 'refuses frequencies that are too long for the parameter of an index';

CREATE EVENT TRIGGER segments_index ON ddl_command_start
	WHEN TAG IN ('CREATE INDEX')
	EXECUTE FUNCTION segments.watch_index();
COMMENT ON EVENT TRIGGER segments_index IS 'frequencies that are too long for the parameter of an index are refused';
