-- The grouped form: all segments of a population by plain SQL, for tables that are elsewhere.
-- Everything but the two functions that make rulesets and queries needs nothing but its arguments.

CREATE TYPE segments.ruleset;

CREATE FUNCTION segments.ruleset_in(pg_catalog.cstring) RETURNS segments.ruleset
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.ruleset_in(pg_catalog.cstring) IS 'input of ruleset';

CREATE FUNCTION segments.ruleset_out(segments.ruleset) RETURNS pg_catalog.cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.ruleset_out(segments.ruleset) IS 'output of ruleset';

CREATE FUNCTION segments.ruleset_recv(pg_catalog.internal) RETURNS segments.ruleset
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.ruleset_recv(pg_catalog.internal) IS 'binary input of ruleset';

CREATE FUNCTION segments.ruleset_send(segments.ruleset) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.ruleset_send(segments.ruleset) IS 'binary output of ruleset';

CREATE TYPE segments.ruleset (
	INPUT = segments.ruleset_in,
	OUTPUT = segments.ruleset_out,
	RECEIVE = segments.ruleset_recv,
	SEND = segments.ruleset_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = pg_catalog.float8,
	STORAGE = extended
);
COMMENT ON TYPE segments.ruleset IS 'the rules of a population and what binding them takes, by names: a json text that means the same in every database';

CREATE TYPE segments.member_rows;

CREATE FUNCTION segments.member_rows_in(pg_catalog.cstring) RETURNS segments.member_rows
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_rows_in(pg_catalog.cstring) IS 'input of member_rows';

CREATE FUNCTION segments.member_rows_out(segments.member_rows) RETURNS pg_catalog.cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_rows_out(segments.member_rows) IS 'output of member_rows';

CREATE FUNCTION segments.member_rows_recv(pg_catalog.internal) RETURNS segments.member_rows
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_rows_recv(pg_catalog.internal) IS 'binary input of member_rows';

CREATE FUNCTION segments.member_rows_send(segments.member_rows) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.member_rows_send(segments.member_rows) IS 'binary output of member_rows';

CREATE TYPE segments.member_rows (
	INPUT = segments.member_rows_in,
	OUTPUT = segments.member_rows_out,
	RECEIVE = segments.member_rows_recv,
	SEND = segments.member_rows_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = pg_catalog.float8,
	STORAGE = extended
);
COMMENT ON TYPE segments.member_rows IS 'rows of one member in one source, as far as some rule of a ruleset can want them';

CREATE TYPE segments.memberships;

CREATE FUNCTION segments.memberships_in(pg_catalog.cstring) RETURNS segments.memberships
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.memberships_in(pg_catalog.cstring) IS 'input of memberships';

CREATE FUNCTION segments.memberships_out(segments.memberships) RETURNS pg_catalog.cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.memberships_out(segments.memberships) IS 'output of memberships';

CREATE FUNCTION segments.memberships_recv(pg_catalog.internal) RETURNS segments.memberships
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.memberships_recv(pg_catalog.internal) IS 'binary input of memberships';

CREATE FUNCTION segments.memberships_send(segments.memberships) RETURNS pg_catalog.bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION segments.memberships_send(segments.memberships) IS 'binary output of memberships';

CREATE TYPE segments.memberships (
	INPUT = segments.memberships_in,
	OUTPUT = segments.memberships_out,
	RECEIVE = segments.memberships_recv,
	SEND = segments.memberships_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = pg_catalog.float8,
	STORAGE = extended
);
COMMENT ON TYPE segments.memberships IS 'a member_set for each segment of a ruleset';

CREATE FUNCTION segments.ruleset_of(population text DEFAULT NULL, segments text[] DEFAULT NULL)
	RETURNS segments.ruleset LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'ruleset_of';
COMMENT ON FUNCTION segments.ruleset_of(text, text[]) IS
	'the rules of a population''s segments as one value; segments: their names, all that are active unless given';

CREATE FUNCTION segments.grouped_sql(
	population text DEFAULT NULL, segments text[] DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	relations jsonb DEFAULT NULL, form text DEFAULT 'segments')
	RETURNS text LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'grouped_sql';
COMMENT ON FUNCTION segments.grouped_sql(text, text[], timestamptz, jsonb, text) IS
	'the query for all segments of a population; as_of null: it says now(); relations: names of tables where it runs, {"schema.table": "name there"}; form: segments (name and member_set), memberships (one value), keys (a member''s key and the names of his segments)';

-- What a member's rows of a source tell.

CREATE FUNCTION segments.facts_add(
	segments.member_rows, ruleset segments.ruleset, as_of timestamptz, source text, VARIADIC "any")
	RETURNS segments.member_rows LANGUAGE c IMMUTABLE PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'facts_add';
COMMENT ON FUNCTION segments.facts_add(segments.member_rows, segments.ruleset, timestamptz, text, "any") IS
	'transition function of facts';

CREATE FUNCTION segments.facts_add(
	segments.member_rows, ruleset segments.ruleset, as_of timestamptz, source text)
	RETURNS segments.member_rows LANGUAGE c IMMUTABLE PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'facts_add';
COMMENT ON FUNCTION segments.facts_add(segments.member_rows, segments.ruleset, timestamptz, text) IS
	'the same where no columns are read';

CREATE FUNCTION segments.facts_combine(segments.member_rows, segments.member_rows)
	RETURNS segments.member_rows LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'facts_combine';
COMMENT ON FUNCTION segments.facts_combine(segments.member_rows, segments.member_rows) IS
	'transition function of combine, and combine function of facts';

CREATE FUNCTION segments.facts_final(segments.member_rows)
	RETURNS segments.member_rows LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'facts_final';
COMMENT ON FUNCTION segments.facts_final(segments.member_rows) IS 'final function of facts and of combine';

CREATE AGGREGATE segments.facts(ruleset segments.ruleset, as_of timestamptz, source text, VARIADIC "any") (
	SFUNC = segments.facts_add,
	STYPE = segments.member_rows,
	COMBINEFUNC = segments.facts_combine,
	FINALFUNC = segments.facts_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.facts(segments.ruleset, timestamptz, text, "any") IS
	'what the rows of one member in a source tell; its columns come in the order that grouped_sql() writes';

CREATE AGGREGATE segments.facts(ruleset segments.ruleset, as_of timestamptz, source text) (
	SFUNC = segments.facts_add,
	STYPE = segments.member_rows,
	COMBINEFUNC = segments.facts_combine,
	FINALFUNC = segments.facts_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.facts(segments.ruleset, timestamptz, text) IS
	'the same where no columns are read';

CREATE AGGREGATE segments.combine(segments.member_rows) (
	SFUNC = segments.facts_combine,
	STYPE = segments.member_rows,
	COMBINEFUNC = segments.facts_combine,
	FINALFUNC = segments.facts_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.combine(segments.member_rows) IS
	'the rows of a member from several places together';

-- Who is in which segment.

CREATE FUNCTION segments.collect_add(
	segments.memberships, ruleset segments.ruleset, as_of timestamptz, key bigint, VARIADIC "any")
	RETURNS segments.memberships LANGUAGE c IMMUTABLE PARALLEL SAFE COST 300
	AS 'MODULE_PATHNAME', 'collect_add';
COMMENT ON FUNCTION segments.collect_add(segments.memberships, segments.ruleset, timestamptz, bigint, "any") IS
	'transition function of collect';

CREATE FUNCTION segments.collect_add(
	segments.memberships, ruleset segments.ruleset, as_of timestamptz, key bigint)
	RETURNS segments.memberships LANGUAGE c IMMUTABLE PARALLEL SAFE COST 300
	AS 'MODULE_PATHNAME', 'collect_add';
COMMENT ON FUNCTION segments.collect_add(segments.memberships, segments.ruleset, timestamptz, bigint) IS
	'the same where no columns are read';

CREATE FUNCTION segments.collect_combine(segments.memberships, segments.memberships)
	RETURNS segments.memberships LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'collect_combine';
COMMENT ON FUNCTION segments.collect_combine(segments.memberships, segments.memberships) IS
	'transition function of combine, and combine function of collect';

CREATE FUNCTION segments.collect_final(segments.memberships)
	RETURNS segments.memberships LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'collect_final';
COMMENT ON FUNCTION segments.collect_final(segments.memberships) IS 'final function of collect and of combine';

CREATE AGGREGATE segments.collect(ruleset segments.ruleset, as_of timestamptz, key bigint, VARIADIC "any") (
	SFUNC = segments.collect_add,
	STYPE = segments.memberships,
	COMBINEFUNC = segments.collect_combine,
	FINALFUNC = segments.collect_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.collect(segments.ruleset, timestamptz, bigint, "any") IS
	'the members of all segments, from the key, the columns and the facts of each member in the order that grouped_sql() writes; null where there are no rows';

CREATE AGGREGATE segments.collect(ruleset segments.ruleset, as_of timestamptz, key bigint) (
	SFUNC = segments.collect_add,
	STYPE = segments.memberships,
	COMBINEFUNC = segments.collect_combine,
	FINALFUNC = segments.collect_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.collect(segments.ruleset, timestamptz, bigint) IS
	'the same where no columns are read';

CREATE AGGREGATE segments.combine(segments.memberships) (
	SFUNC = segments.collect_combine,
	STYPE = segments.memberships,
	COMBINEFUNC = segments.collect_combine,
	FINALFUNC = segments.collect_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE segments.combine(segments.memberships) IS
	'the members of all segments from several places together';

CREATE FUNCTION segments.evaluate(ruleset segments.ruleset, as_of timestamptz, VARIADIC "any")
	RETURNS text[] LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'evaluate';
COMMENT ON FUNCTION segments.evaluate(segments.ruleset, timestamptz, "any") IS
	'the segments that one member is in, from his columns and facts in the order that grouped_sql() writes';

CREATE FUNCTION segments.evaluate(ruleset segments.ruleset, as_of timestamptz)
	RETURNS text[] LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'evaluate';
COMMENT ON FUNCTION segments.evaluate(segments.ruleset, timestamptz) IS
	'the same where no columns are read';

CREATE FUNCTION segments.unnest(memberships segments.memberships, OUT segment text, OUT members segments.member_set)
	RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100
	AS 'MODULE_PATHNAME', 'memberships_unnest';
COMMENT ON FUNCTION segments.unnest(segments.memberships) IS 'the segments with their members';
