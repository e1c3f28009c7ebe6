-- The type segment_rule.

CREATE TYPE segments.segment_rule;

CREATE FUNCTION segments.segment_rule_in(pg_catalog.cstring) RETURNS segments.segment_rule
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_in(pg_catalog.cstring) IS 'input of segment_rule';

CREATE FUNCTION segments.segment_rule_out(segments.segment_rule) RETURNS pg_catalog.cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_out(segments.segment_rule) IS 'output of segment_rule: the canonical text';

CREATE FUNCTION segments.segment_rule_recv(pg_catalog.internal) RETURNS segments.segment_rule
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_recv(pg_catalog.internal) IS 'binary input of segment_rule';

CREATE FUNCTION segments.segment_rule_send(segments.segment_rule) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_send(segments.segment_rule) IS 'binary output of segment_rule: a version and the canonical text';

CREATE TYPE segments.segment_rule (
	INPUT = segments.segment_rule_in,
	OUTPUT = segments.segment_rule_out,
	RECEIVE = segments.segment_rule_recv,
	SEND = segments.segment_rule_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = pg_catalog.int4,
	STORAGE = extended
);
COMMENT ON TYPE segments.segment_rule IS 'a condition on one member, such as: country = ''DE'' and count(orders within last 6 months) > 5';

CREATE CAST (pg_catalog.text AS segments.segment_rule) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.text AS segments.segment_rule) IS 'parses a rule';

CREATE CAST (segments.segment_rule AS pg_catalog.text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (segments.segment_rule AS pg_catalog.text) IS 'the canonical text of a rule';

-- Comparison.  Rules are equal if they say the same in the same words; their order is
-- that of their bytes and means nothing, but sorts, groups and indexes can use it.

CREATE FUNCTION segments.segment_rule_cmp(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.int4
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_cmp(segments.segment_rule, segments.segment_rule) IS 'less, equal or greater';

CREATE FUNCTION segments.segment_rule_eq(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_eq(segments.segment_rule, segments.segment_rule) IS 'implementation of = operator';

CREATE FUNCTION segments.segment_rule_ne(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_ne(segments.segment_rule, segments.segment_rule) IS 'implementation of <> operator';

CREATE FUNCTION segments.segment_rule_lt(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_lt(segments.segment_rule, segments.segment_rule) IS 'implementation of < operator';

CREATE FUNCTION segments.segment_rule_le(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_le(segments.segment_rule, segments.segment_rule) IS 'implementation of <= operator';

CREATE FUNCTION segments.segment_rule_gt(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_gt(segments.segment_rule, segments.segment_rule) IS 'implementation of > operator';

CREATE FUNCTION segments.segment_rule_ge(segments.segment_rule, segments.segment_rule) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_ge(segments.segment_rule, segments.segment_rule) IS 'implementation of >= operator';

CREATE FUNCTION segments.segment_rule_hash(segments.segment_rule) RETURNS pg_catalog.int4
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_hash(segments.segment_rule) IS 'hash';

CREATE FUNCTION segments.segment_rule_hash_extended(segments.segment_rule, pg_catalog.int8) RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_hash_extended(segments.segment_rule, pg_catalog.int8) IS 'hash with a seed';

CREATE OPERATOR segments.= (
	LEFTARG = segments.segment_rule, RIGHTARG = segments.segment_rule, FUNCTION = segments.segment_rule_eq,
	COMMUTATOR = OPERATOR(segments.=), NEGATOR = OPERATOR(segments.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR segments.= (segments.segment_rule, segments.segment_rule) IS 'the same rule in the same words';

CREATE OPERATOR segments.<> (
	LEFTARG = segments.segment_rule, RIGHTARG = segments.segment_rule, FUNCTION = segments.segment_rule_ne,
	COMMUTATOR = OPERATOR(segments.<>), NEGATOR = OPERATOR(segments.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR segments.<> (segments.segment_rule, segments.segment_rule) IS 'not the same rule';

CREATE OPERATOR segments.< (
	LEFTARG = segments.segment_rule, RIGHTARG = segments.segment_rule, FUNCTION = segments.segment_rule_lt,
	COMMUTATOR = OPERATOR(segments.>), NEGATOR = OPERATOR(segments.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR segments.< (segments.segment_rule, segments.segment_rule) IS 'sorts before';

CREATE OPERATOR segments.<= (
	LEFTARG = segments.segment_rule, RIGHTARG = segments.segment_rule, FUNCTION = segments.segment_rule_le,
	COMMUTATOR = OPERATOR(segments.>=), NEGATOR = OPERATOR(segments.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR segments.<= (segments.segment_rule, segments.segment_rule) IS 'sorts before, or equal';

CREATE OPERATOR segments.> (
	LEFTARG = segments.segment_rule, RIGHTARG = segments.segment_rule, FUNCTION = segments.segment_rule_gt,
	COMMUTATOR = OPERATOR(segments.<), NEGATOR = OPERATOR(segments.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR segments.> (segments.segment_rule, segments.segment_rule) IS 'sorts after';

CREATE OPERATOR segments.>= (
	LEFTARG = segments.segment_rule, RIGHTARG = segments.segment_rule, FUNCTION = segments.segment_rule_ge,
	COMMUTATOR = OPERATOR(segments.<=), NEGATOR = OPERATOR(segments.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR segments.>= (segments.segment_rule, segments.segment_rule) IS 'sorts after, or equal';

CREATE OPERATOR CLASS segments.segment_rule_btree_ops DEFAULT FOR TYPE segments.segment_rule USING btree AS
	OPERATOR 1 segments.<,
	OPERATOR 2 segments.<=,
	OPERATOR 3 segments.=,
	OPERATOR 4 segments.>=,
	OPERATOR 5 segments.>,
	FUNCTION 1 segments.segment_rule_cmp(segments.segment_rule, segments.segment_rule);
COMMENT ON OPERATOR CLASS segments.segment_rule_btree_ops USING btree IS 'order of rules, by their bytes';
COMMENT ON OPERATOR FAMILY segments.segment_rule_btree_ops USING btree IS 'order of rules, by their bytes';

CREATE OPERATOR CLASS segments.segment_rule_hash_ops DEFAULT FOR TYPE segments.segment_rule USING hash AS
	OPERATOR 1 segments.=,
	FUNCTION 1 segments.segment_rule_hash(segments.segment_rule),
	FUNCTION 2 segments.segment_rule_hash_extended(segments.segment_rule, pg_catalog.int8);
COMMENT ON OPERATOR CLASS segments.segment_rule_hash_ops USING hash IS 'equality of rules';
COMMENT ON OPERATOR FAMILY segments.segment_rule_hash_ops USING hash IS 'equality of rules';

-- The tree as json, for programs that show and build rules.

CREATE FUNCTION segments.segment_rule_to_jsonb(rule segments.segment_rule) RETURNS pg_catalog.jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_to_jsonb(segments.segment_rule) IS 'the tree of a rule';

CREATE FUNCTION segments.segment_rule_to_json(rule segments.segment_rule) RETURNS pg_catalog.json
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.segment_rule_to_json(segments.segment_rule) IS 'the tree of a rule';

CREATE FUNCTION segments.jsonb_to_segment_rule(tree pg_catalog.jsonb) RETURNS segments.segment_rule
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.jsonb_to_segment_rule(pg_catalog.jsonb) IS 'the rule of a tree';

CREATE FUNCTION segments.json_to_segment_rule(tree pg_catalog.json) RETURNS segments.segment_rule
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.json_to_segment_rule(pg_catalog.json) IS 'the rule of a tree';

CREATE CAST (segments.segment_rule AS pg_catalog.jsonb) WITH FUNCTION segments.segment_rule_to_jsonb(segments.segment_rule);
COMMENT ON CAST (segments.segment_rule AS pg_catalog.jsonb) IS 'the tree of a rule';

CREATE CAST (segments.segment_rule AS pg_catalog.json) WITH FUNCTION segments.segment_rule_to_json(segments.segment_rule);
COMMENT ON CAST (segments.segment_rule AS pg_catalog.json) IS 'the tree of a rule';

CREATE CAST (pg_catalog.jsonb AS segments.segment_rule) WITH FUNCTION segments.jsonb_to_segment_rule(pg_catalog.jsonb);
COMMENT ON CAST (pg_catalog.jsonb AS segments.segment_rule) IS 'the rule of a tree';

CREATE CAST (pg_catalog.json AS segments.segment_rule) WITH FUNCTION segments.json_to_segment_rule(pg_catalog.json);
COMMENT ON CAST (pg_catalog.json AS segments.segment_rule) IS 'the rule of a tree';
