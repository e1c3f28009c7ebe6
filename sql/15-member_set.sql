-- The type member_set: a compressed set of bigint.

CREATE TYPE segments.member_set;

CREATE FUNCTION segments.member_set_in(pg_catalog.cstring) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_in(pg_catalog.cstring) IS 'input of member_set';

CREATE FUNCTION segments.member_set_out(segments.member_set) RETURNS pg_catalog.cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_out(segments.member_set) IS 'output of member_set: the canonical text';

CREATE FUNCTION segments.member_set_recv(pg_catalog.internal) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_recv(pg_catalog.internal) IS 'binary input of member_set';

CREATE FUNCTION segments.member_set_send(segments.member_set) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_send(segments.member_set) IS 'binary output of member_set';

CREATE TYPE segments.member_set (
	INPUT = segments.member_set_in,
	OUTPUT = segments.member_set_out,
	RECEIVE = segments.member_set_recv,
	SEND = segments.member_set_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = pg_catalog.float8,
	STORAGE = extended
);
COMMENT ON TYPE segments.member_set IS 'a set of bigint, such as {1,2,5-9,12}; compressed, so millions of members take little space';

-- Casts.

CREATE FUNCTION segments.member_set(pg_catalog.int8[]) RETURNS segments.member_set
	AS 'MODULE_PATHNAME', 'array_to_member_set' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set(pg_catalog.int8[]) IS 'the set of the elements of an array';

CREATE FUNCTION segments.member_set(pg_catalog.int4[]) RETURNS segments.member_set
	AS 'MODULE_PATHNAME', 'array_to_member_set' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set(pg_catalog.int4[]) IS 'the set of the elements of an array';

CREATE FUNCTION segments.member_set_to_array(segments.member_set) RETURNS pg_catalog.int8[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_to_array(segments.member_set) IS 'the members in ascending order';

CREATE CAST (pg_catalog.int8[] AS segments.member_set) WITH FUNCTION segments.member_set(pg_catalog.int8[]) AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.int8[] AS segments.member_set) IS 'order and repetition are lost, nulls are refused';

CREATE CAST (pg_catalog.int4[] AS segments.member_set) WITH FUNCTION segments.member_set(pg_catalog.int4[]) AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.int4[] AS segments.member_set) IS 'order and repetition are lost, nulls are refused';

CREATE CAST (segments.member_set AS pg_catalog.int8[]) WITH FUNCTION segments.member_set_to_array(segments.member_set) AS ASSIGNMENT;
COMMENT ON CAST (segments.member_set AS pg_catalog.int8[]) IS 'the members in ascending order';

-- Functions of one set.

CREATE FUNCTION segments.cardinality(segments.member_set) RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME', 'member_set_cardinality' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.cardinality(segments.member_set) IS 'the number of members; reads the head of the value alone';

CREATE FUNCTION segments.is_empty(segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME', 'member_set_is_empty' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.is_empty(segments.member_set) IS 'whether there is no member';

CREATE FUNCTION segments.min_member(segments.member_set) RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.min_member(segments.member_set) IS 'the lowest member, or NULL';

CREATE FUNCTION segments.max_member(segments.member_set) RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.max_member(segments.member_set) IS 'the highest member, or NULL';

CREATE FUNCTION segments.member_set_unnest_support(pg_catalog.internal) RETURNS pg_catalog.internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_unnest_support(pg_catalog.internal) IS 'planner support for unnest: the number of rows';

CREATE FUNCTION segments.unnest(segments.member_set) RETURNS SETOF pg_catalog.int8
	AS 'MODULE_PATHNAME', 'member_set_unnest' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	ROWS 1000 SUPPORT segments.member_set_unnest_support;
COMMENT ON FUNCTION segments.unnest(segments.member_set) IS 'the members in ascending order';

-- Algebra.

CREATE FUNCTION segments.member_set_union(segments.member_set, segments.member_set) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_union(segments.member_set, segments.member_set) IS 'implementation of | operator';

CREATE FUNCTION segments.member_set_intersection(segments.member_set, segments.member_set) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_intersection(segments.member_set, segments.member_set) IS 'implementation of & operator';

CREATE FUNCTION segments.member_set_difference(segments.member_set, segments.member_set) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_difference(segments.member_set, segments.member_set) IS 'implementation of - operator';

CREATE FUNCTION segments.member_set_symmetric_difference(segments.member_set, segments.member_set) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_symmetric_difference(segments.member_set, segments.member_set) IS 'implementation of # operator';

CREATE FUNCTION segments.intersection_cardinality(segments.member_set, segments.member_set) RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.intersection_cardinality(segments.member_set, segments.member_set) IS 'the number of members of both sets, without making a set of them';

CREATE OPERATOR segments.| (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_union,
	COMMUTATOR = OPERATOR(segments.|)
);
COMMENT ON OPERATOR segments.| (segments.member_set, segments.member_set) IS 'the members of either set';

CREATE OPERATOR segments.& (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_intersection,
	COMMUTATOR = OPERATOR(segments.&)
);
COMMENT ON OPERATOR segments.& (segments.member_set, segments.member_set) IS 'the members of both sets';

CREATE OPERATOR segments.- (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_difference
);
COMMENT ON OPERATOR segments.- (segments.member_set, segments.member_set) IS 'the members of the left set that the right one lacks';

CREATE OPERATOR segments.# (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_symmetric_difference,
	COMMUTATOR = OPERATOR(segments.#)
);
COMMENT ON OPERATOR segments.# (segments.member_set, segments.member_set) IS 'the members of exactly one of the sets';

-- What one set has of another, or of a key.

CREATE FUNCTION segments.member_set_contains(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_contains(segments.member_set, segments.member_set) IS 'implementation of @> operator';

CREATE FUNCTION segments.member_set_contained(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_contained(segments.member_set, segments.member_set) IS 'implementation of <@ operator';

CREATE FUNCTION segments.member_set_overlaps(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_overlaps(segments.member_set, segments.member_set) IS 'implementation of && operator';

CREATE FUNCTION segments.member_set_has(segments.member_set, pg_catalog.int8) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_has(segments.member_set, pg_catalog.int8) IS 'implementation of @> operator';

CREATE FUNCTION segments.member_set_has_commuted(pg_catalog.int8, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_has_commuted(pg_catalog.int8, segments.member_set) IS 'implementation of <@ operator';

CREATE OPERATOR segments.@> (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_contains,
	COMMUTATOR = OPERATOR(segments.<@),
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR segments.@> (segments.member_set, segments.member_set) IS 'the left set has all members of the right one';

CREATE OPERATOR segments.<@ (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_contained,
	COMMUTATOR = OPERATOR(segments.@>),
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR segments.<@ (segments.member_set, segments.member_set) IS 'the right set has all members of the left one';

CREATE OPERATOR segments.&& (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_overlaps,
	COMMUTATOR = OPERATOR(segments.&&),
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR segments.&& (segments.member_set, segments.member_set) IS 'the sets have a member in common';

CREATE OPERATOR segments.@> (
	LEFTARG = segments.member_set, RIGHTARG = pg_catalog.int8, FUNCTION = segments.member_set_has,
	COMMUTATOR = OPERATOR(segments.<@),
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR segments.@> (segments.member_set, pg_catalog.int8) IS 'the set has this member';

CREATE OPERATOR segments.<@ (
	LEFTARG = pg_catalog.int8, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_has_commuted,
	COMMUTATOR = OPERATOR(segments.@>),
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR segments.<@ (pg_catalog.int8, segments.member_set) IS 'the set has this member';

-- Comparison.  Sets are ordered as the sorted arrays of their members: the first member
-- that differs decides, and a set that ends comes first.

CREATE FUNCTION segments.member_set_lt(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_lt(segments.member_set, segments.member_set) IS 'implementation of < operator';

CREATE FUNCTION segments.member_set_le(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_le(segments.member_set, segments.member_set) IS 'implementation of <= operator';

CREATE FUNCTION segments.member_set_eq(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_eq(segments.member_set, segments.member_set) IS 'implementation of = operator';

CREATE FUNCTION segments.member_set_ne(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_ne(segments.member_set, segments.member_set) IS 'implementation of <> operator';

CREATE FUNCTION segments.member_set_ge(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_ge(segments.member_set, segments.member_set) IS 'implementation of >= operator';

CREATE FUNCTION segments.member_set_gt(segments.member_set, segments.member_set) RETURNS pg_catalog.bool
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_gt(segments.member_set, segments.member_set) IS 'implementation of > operator';

CREATE FUNCTION segments.member_set_cmp(segments.member_set, segments.member_set) RETURNS pg_catalog.int4
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_cmp(segments.member_set, segments.member_set) IS 'less, equal or greater';

CREATE FUNCTION segments.member_set_hash(segments.member_set) RETURNS pg_catalog.int4
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_hash(segments.member_set) IS 'hash';

CREATE FUNCTION segments.member_set_hash_extended(segments.member_set, pg_catalog.int8) RETURNS pg_catalog.int8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_hash_extended(segments.member_set, pg_catalog.int8) IS 'hash with a seed';

CREATE OPERATOR segments.< (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_lt,
	COMMUTATOR = OPERATOR(segments.>), NEGATOR = OPERATOR(segments.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR segments.< (segments.member_set, segments.member_set) IS 'sorts before';

CREATE OPERATOR segments.<= (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_le,
	COMMUTATOR = OPERATOR(segments.>=), NEGATOR = OPERATOR(segments.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR segments.<= (segments.member_set, segments.member_set) IS 'sorts before, or equal';

CREATE OPERATOR segments.= (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_eq,
	COMMUTATOR = OPERATOR(segments.=), NEGATOR = OPERATOR(segments.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR segments.= (segments.member_set, segments.member_set) IS 'the same members';

CREATE OPERATOR segments.<> (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_ne,
	COMMUTATOR = OPERATOR(segments.<>), NEGATOR = OPERATOR(segments.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR segments.<> (segments.member_set, segments.member_set) IS 'not the same members';

CREATE OPERATOR segments.>= (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_ge,
	COMMUTATOR = OPERATOR(segments.<=), NEGATOR = OPERATOR(segments.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR segments.>= (segments.member_set, segments.member_set) IS 'sorts after, or equal';

CREATE OPERATOR segments.> (
	LEFTARG = segments.member_set, RIGHTARG = segments.member_set, FUNCTION = segments.member_set_gt,
	COMMUTATOR = OPERATOR(segments.<), NEGATOR = OPERATOR(segments.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR segments.> (segments.member_set, segments.member_set) IS 'sorts after';

CREATE OPERATOR CLASS segments.member_set_btree_ops DEFAULT FOR TYPE segments.member_set USING btree AS
	OPERATOR 1 segments.<,
	OPERATOR 2 segments.<=,
	OPERATOR 3 segments.=,
	OPERATOR 4 segments.>=,
	OPERATOR 5 segments.>,
	FUNCTION 1 segments.member_set_cmp(segments.member_set, segments.member_set),
	FUNCTION 4 pg_catalog.btequalimage(pg_catalog.oid);
COMMENT ON OPERATOR CLASS segments.member_set_btree_ops USING btree IS 'member_set in the order of sorted arrays';
COMMENT ON OPERATOR FAMILY segments.member_set_btree_ops USING btree IS 'member_set in the order of sorted arrays';

CREATE OPERATOR CLASS segments.member_set_hash_ops DEFAULT FOR TYPE segments.member_set USING hash AS
	OPERATOR 1 segments.=,
	FUNCTION 1 segments.member_set_hash(segments.member_set),
	FUNCTION 2 segments.member_set_hash_extended(segments.member_set, pg_catalog.int8);
COMMENT ON OPERATOR CLASS segments.member_set_hash_ops USING hash IS 'equality of member_set';
COMMENT ON OPERATOR FAMILY segments.member_set_hash_ops USING hash IS 'equality of member_set';

-- Aggregates.  Nulls are passed over; without any other input the result is NULL.

CREATE FUNCTION segments.member_set_agg_add(pg_catalog.internal, pg_catalog.int8) RETURNS pg_catalog.internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_agg_add(pg_catalog.internal, pg_catalog.int8) IS 'transition of member_set_agg';

CREATE FUNCTION segments.union_agg_add(pg_catalog.internal, segments.member_set) RETURNS pg_catalog.internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION segments.union_agg_add(pg_catalog.internal, segments.member_set) IS 'transition of union_agg';

CREATE FUNCTION segments.member_set_agg_combine(pg_catalog.internal, pg_catalog.internal) RETURNS pg_catalog.internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_agg_combine(pg_catalog.internal, pg_catalog.internal) IS 'combines partial states of member_set_agg and union_agg';

CREATE FUNCTION segments.member_set_agg_serialize(pg_catalog.internal) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_agg_serialize(pg_catalog.internal) IS 'partial state of member_set_agg and union_agg to bytes';

CREATE FUNCTION segments.member_set_agg_deserialize(pg_catalog.bytea, pg_catalog.internal) RETURNS pg_catalog.internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_agg_deserialize(pg_catalog.bytea, pg_catalog.internal) IS 'partial state of member_set_agg and union_agg from bytes';

CREATE FUNCTION segments.member_set_agg_final(pg_catalog.internal) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_set_agg_final(pg_catalog.internal) IS 'result of member_set_agg and union_agg';

CREATE AGGREGATE segments.member_set_agg(pg_catalog.int8) (
	SFUNC = segments.member_set_agg_add,
	STYPE = pg_catalog.internal,
	FINALFUNC = segments.member_set_agg_final,
	COMBINEFUNC = segments.member_set_agg_combine,
	SERIALFUNC = segments.member_set_agg_serialize,
	DESERIALFUNC = segments.member_set_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.member_set_agg(pg_catalog.int8) IS 'the set of the keys';

CREATE AGGREGATE segments.union_agg(segments.member_set) (
	SFUNC = segments.union_agg_add,
	STYPE = pg_catalog.internal,
	FINALFUNC = segments.member_set_agg_final,
	COMBINEFUNC = segments.member_set_agg_combine,
	SERIALFUNC = segments.member_set_agg_serialize,
	DESERIALFUNC = segments.member_set_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.union_agg(segments.member_set) IS 'the union of the sets';

CREATE AGGREGATE segments.intersection_agg(segments.member_set) (
	SFUNC = segments.member_set_intersection,
	STYPE = segments.member_set,
	COMBINEFUNC = segments.member_set_intersection,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.intersection_agg(segments.member_set) IS 'the intersection of the sets';

-- The portable Roaring formats, which every Roaring library reads and writes.

CREATE FUNCTION segments.to_roaring(segments.member_set) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.to_roaring(segments.member_set) IS 'portable Roaring bitmap of 32-bit keys; refuses keys outside 0 to 4294967295';

CREATE FUNCTION segments.from_roaring(pg_catalog.bytea) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.from_roaring(pg_catalog.bytea) IS 'set of a portable Roaring bitmap of 32-bit keys';

CREATE FUNCTION segments.to_roaring64(segments.member_set) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.to_roaring64(segments.member_set) IS 'portable Roaring bitmap of 64-bit keys; negative keys in two-complement form, behind the others';

CREATE FUNCTION segments.from_roaring64(pg_catalog.bytea) RETURNS segments.member_set
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.from_roaring64(pg_catalog.bytea) IS 'set of a portable Roaring bitmap of 64-bit keys; keys of 2^63 and more are read as negative';
