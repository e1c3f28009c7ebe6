-- The tables. The functions write them, everybody may read what concerns the
-- populations that he may read, pg_dump takes them along.
--
-- Tables, roles and types are kept as regclass, regrole and regtype, which
-- pg_dump writes by name and pg_upgrade keeps. There are no foreign keys
-- between them, since a parallel restore would have to load them in order.
-- src/registry.c reads them by column number: columns are only ever appended.

CREATE TABLE segments.population (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE,
	relation regclass NOT NULL,
	key name NOT NULL,
	key_type regtype NOT NULL,
	dictionary boolean NOT NULL,
	owner regrole NOT NULL,
	time_zone text NOT NULL,
	view_schema name,
	maintenance text NOT NULL DEFAULT 'scheduled'
		CHECK (maintenance IN ('immediate', 'queued', 'scheduled')),
	definition bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE segments.population IS 'tables whose rows are segmented';
COMMENT ON COLUMN segments.population.relation IS 'table or view with one row for each member';
COMMENT ON COLUMN segments.population.key IS 'column that tells members apart';
COMMENT ON COLUMN segments.population.key_type IS 'its type, domains looked through';
COMMENT ON COLUMN segments.population.dictionary IS 'members are numbers given by segments.dictionary; else they are the keys themselves';
COMMENT ON COLUMN segments.population.owner IS 'role that reads the data when rules are evaluated';
COMMENT ON COLUMN segments.population.time_zone IS 'where days and months begin';
COMMENT ON COLUMN segments.population.view_schema IS 'schema with one view for each segment; null: there are none';
COMMENT ON COLUMN segments.population.definition IS 'never given twice; another one whenever a definition changes';
COMMENT ON COLUMN segments.population.maintenance IS 'immediate: every statement leaves its segments exact; queued: statements only note whom they touch; scheduled: refresh() alone';

CREATE TABLE segments.source (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	population integer NOT NULL,
	name text COLLATE "C" NOT NULL,
	relation regclass NOT NULL,
	key name NOT NULL,
	at name,
	parent integer,
	parent_key name NOT NULL,
	filter segments.segment_rule,
	UNIQUE (population, name)
);
COMMENT ON TABLE segments.source IS 'tables with any number of rows for a member';
COMMENT ON COLUMN segments.source.key IS 'column that refers to the member, or to a row of the parent';
COMMENT ON COLUMN segments.source.at IS 'column with the moment of a row; null: the parent''s moment counts';
COMMENT ON COLUMN segments.source.parent IS 'source whose rows the rows of this one belong to; null: the population itself';
COMMENT ON COLUMN segments.source.parent_key IS 'column that key refers to';
COMMENT ON COLUMN segments.source.filter IS 'rows that do not fulfil it do not exist for rules; rows of sources that hang on this one do';

CREATE TABLE segments.lookup (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	population integer NOT NULL,
	name text COLLATE "C" NOT NULL,
	relation regclass NOT NULL,
	key name NOT NULL,
	"references" name NOT NULL,
	of_source integer,
	of_lookup integer,
	UNIQUE NULLS NOT DISTINCT (population, name, of_source, of_lookup)
);
COMMENT ON TABLE segments.lookup IS 'tables with at most one row for a row that refers to them';
COMMENT ON COLUMN segments.lookup.key IS 'column of the row that it is looked up for';
COMMENT ON COLUMN segments.lookup."references" IS 'unique column of relation that key refers to';
COMMENT ON COLUMN segments.lookup.of_source IS 'source whose rows it is looked up for';
COMMENT ON COLUMN segments.lookup.of_lookup IS 'lookup whose rows it is looked up for; both null: for members';

CREATE TABLE segments.attribute (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	population integer NOT NULL,
	name text COLLATE "C" NOT NULL,
	expression text NOT NULL,
	type regtype NOT NULL,
	typmod integer NOT NULL,
	"collation" text,
	UNIQUE (population, name)
);
COMMENT ON TABLE segments.attribute IS 'attributes that are computed from a member''s row';
COMMENT ON COLUMN segments.attribute.expression IS 'SQL expression, in which the row is called m';
COMMENT ON COLUMN segments.attribute."collation" IS 'qualified name; text because pg_upgrade refuses regcollation';

CREATE TABLE segments.segment (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	population integer NOT NULL,
	name text COLLATE "C" NOT NULL,
	rule segments.segment_rule NOT NULL,
	kind text NOT NULL DEFAULT 'dynamic' CHECK (kind IN ('dynamic', 'everyone')),
	description text NOT NULL DEFAULT '',
	active boolean NOT NULL DEFAULT true,
	built boolean NOT NULL DEFAULT false,
	built_at timestamptz,
	members bigint NOT NULL DEFAULT 0,
	valid_until timestamptz,
	notify boolean NOT NULL DEFAULT false,
	problem text,
	UNIQUE (population, name)
) WITH (fillfactor = 50); -- room for what a build writes, which no index has to know
CREATE INDEX segment_rule_idx ON segments.segment
	USING gin (rule segments.segment_rule_ops) WITH (fastupdate = off);
COMMENT ON INDEX segments.segment_rule_idx IS 'which segments does a document match: rule @> document';
COMMENT ON TABLE segments.segment IS 'segments: a name, a population and a rule';
COMMENT ON COLUMN segments.segment.kind IS 'dynamic: by its rule; everyone: the whole population, made and dropped with it';
COMMENT ON COLUMN segments.segment.active IS 'false: its members stay as they are';
COMMENT ON COLUMN segments.segment.built IS 'false: its members have never been determined';
COMMENT ON COLUMN segments.segment.built_at IS 'moment that the stored members are exact for';
COMMENT ON COLUMN segments.segment.members IS 'number of members in segments.membership; what segments.change holds comes on top';
COMMENT ON COLUMN segments.segment.valid_until IS 'from this moment on nobody is a member; null: it does not end';
COMMENT ON COLUMN segments.segment.notify IS 'a transaction that changes its members notifies channel segments';
COMMENT ON COLUMN segments.segment.problem IS 'why it was deactivated, where its rule could not be evaluated any more';

CREATE TABLE segments.membership (
	population integer NOT NULL,
	chunk bigint NOT NULL,
	segment integer NOT NULL,
	members segments.member_set NOT NULL,
	PRIMARY KEY (population, chunk, segment)
);
CREATE INDEX membership_segment_chunk ON segments.membership (segment, chunk);
COMMENT ON TABLE segments.membership IS 'the members of a segment in one chunk of keys; chunk by chunk, so that one member''s segments lie together';
COMMENT ON COLUMN segments.membership.chunk IS 'number of the chunk: the members divided by its size';

-- One table for all populations, and keys as text: nothing has to be created
-- when a population is, and pg_dump takes it along like the others.
CREATE TABLE segments.dictionary (
	population integer NOT NULL,
	member bigint GENERATED ALWAYS AS IDENTITY,
	key text COLLATE "C" NOT NULL,
	PRIMARY KEY (population, member),
	UNIQUE (population, key)
);
COMMENT ON TABLE segments.dictionary IS 'which number stands for which key, where keys are not dense integers';
COMMENT ON COLUMN segments.dictionary.member IS 'of all populations from one sequence, so that nobody waits for a number';

SELECT pg_catalog.pg_extension_config_dump('segments.population', '');
SELECT pg_catalog.pg_extension_config_dump('segments.population_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.source', '');
SELECT pg_catalog.pg_extension_config_dump('segments.source_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.lookup', '');
SELECT pg_catalog.pg_extension_config_dump('segments.lookup_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.attribute', '');
SELECT pg_catalog.pg_extension_config_dump('segments.attribute_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.segment', '');
SELECT pg_catalog.pg_extension_config_dump('segments.segment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.membership', '');
SELECT pg_catalog.pg_extension_config_dump('segments.dictionary', '');
SELECT pg_catalog.pg_extension_config_dump('segments.dictionary_member_seq', '');

CREATE FUNCTION segments.readable_populations() RETURNS integer[]
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'readable_populations';
COMMENT ON FUNCTION segments.readable_populations() IS
	'ids of the populations whose key the current role may read';
