-- Populations and what hangs on them.

CREATE FUNCTION segments.create_population(
	name text, relation regclass, key name DEFAULT NULL, time_zone text DEFAULT 'UTC',
	maintenance text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'create_population';
COMMENT ON FUNCTION segments.create_population(text, regclass, name, text, text) IS
	'register a table whose rows are to be segmented; key: column that tells them apart, the primary key unless given; maintenance: immediate where triggers on the table see all that happens to it, else scheduled, unless given';

CREATE FUNCTION segments.alter_population(
	name text, new_name text DEFAULT NULL, time_zone text DEFAULT NULL, owner regrole DEFAULT NULL,
	maintenance text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'alter_population';
COMMENT ON FUNCTION segments.alter_population(text, text, text, regrole, text) IS
	'change what is given; where segments are kept current, a new time zone or owner counts at once, else from the next refresh';

CREATE FUNCTION segments.drop_population(name text, cascade boolean DEFAULT false)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_population';
COMMENT ON FUNCTION segments.drop_population(text, boolean) IS
	'forget a population; cascade: its segments, too';

CREATE FUNCTION segments.add_source(
	population text, name text, relation regclass, key name, at name DEFAULT NULL,
	parent text DEFAULT NULL, filter segments.segment_rule DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'add_source';
COMMENT ON FUNCTION segments.add_source(text, text, regclass, name, name, text, segments.segment_rule) IS
	'add a table with rows of members; key: column that refers to the member, or to a row of the parent; at: column with the row''s moment; filter: rows that do not fulfil it do not exist for rules, but rows that hang on them do';

CREATE FUNCTION segments.add_lookup(
	population text, name text, relation regclass, key name, of text DEFAULT NULL,
	"references" name DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'add_lookup';
COMMENT ON FUNCTION segments.add_lookup(text, text, regclass, name, text, name) IS
	'add a table that rows refer to by key; of: the source or lookup whose rows they are, the population unless given';

CREATE FUNCTION segments.add_attribute(population text, name text, expression text)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'add_attribute';
COMMENT ON FUNCTION segments.add_attribute(text, text, text) IS
	'add an attribute that is computed from a member''s row by an SQL expression';

CREATE FUNCTION segments.drop_source(population text, name text, cascade boolean DEFAULT false)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_source';
COMMENT ON FUNCTION segments.drop_source(text, text, boolean) IS
	'take a source away; cascade: also the segments, sources and lookups that need it';

CREATE FUNCTION segments.drop_lookup(
	population text, name text, cascade boolean DEFAULT false, of text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_lookup';
COMMENT ON FUNCTION segments.drop_lookup(text, text, boolean, text) IS
	'take a lookup away; cascade: also the segments, sources and lookups that need it; of: whose rows it is looked up for';

CREATE FUNCTION segments.drop_attribute(population text, name text, cascade boolean DEFAULT false)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_attribute';
COMMENT ON FUNCTION segments.drop_attribute(text, text, boolean) IS
	'take a computed attribute away; cascade: also the segments and sources that need it';
