-- What watches the tables that populations are made of: triggers on them, which the
-- functions that define things put there, and event triggers, which keep away changes that
-- would leave rules without the columns that they read.

CREATE FUNCTION segments.track() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'track';
COMMENT ON FUNCTION segments.track() IS
	'keeps segments current after a statement; its triggers are put on tables by segments.create_population() and the like';

CREATE VIEW segments.registered WITH (security_invoker = true) AS
SELECT p.relation, p.id AS population, p.name AS population_name, 'population' AS kind, p.name, p.maintenance
FROM segments.population p
UNION ALL
SELECT s.relation, p.id, p.name, 'source', s.name, p.maintenance
FROM segments.source s JOIN segments.population p ON p.id = s.population
UNION ALL
SELECT l.relation, p.id, p.name, 'lookup', l.name, p.maintenance
FROM segments.lookup l JOIN segments.population p ON p.id = l.population;
COMMENT ON VIEW segments.registered IS 'which relations are part of which population, and as what';
COMMENT ON COLUMN segments.registered.kind IS 'population, source or lookup';

CREATE TABLE segments.dependency (
	population integer NOT NULL,
	segment integer,
	source integer,
	lookup integer,
	attribute integer,
	relation regclass NOT NULL,
	"column" name NOT NULL,
	type regtype NOT NULL
);
CREATE INDEX dependency_segment ON segments.dependency (population, segment);
CREATE INDEX dependency_relation ON segments.dependency (relation);
COMMENT ON TABLE segments.dependency IS 'columns that something needs as they are: a segment''s rule, a source, a lookup, an attribute, or (none of them) a population''s key';
COMMENT ON COLUMN segments.dependency.type IS 'its type when the definition was made, which it has to keep';

SELECT pg_catalog.pg_extension_config_dump('segments.dependency', '');

CREATE FUNCTION segments.watch_ddl() RETURNS event_trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'watch_ddl';
COMMENT ON FUNCTION segments.watch_ddl() IS
	'refuses changes of columns that segments need, and follows partitions and row security that come and go';

CREATE FUNCTION segments.watch_drop() RETURNS event_trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'watch_drop';
COMMENT ON FUNCTION segments.watch_drop() IS
	'refuses to drop what segments need, and follows partitions and policies that go';

CREATE EVENT TRIGGER segments_ddl ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
		'ALTER TYPE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA', 'CREATE POLICY', 'ALTER POLICY')
	EXECUTE FUNCTION segments.watch_ddl();
COMMENT ON EVENT TRIGGER segments_ddl IS
	'columns that segments need stay as they are; partitions and row security of their tables are followed';

CREATE EVENT TRIGGER segments_drop ON sql_drop
	EXECUTE FUNCTION segments.watch_drop();
COMMENT ON EVENT TRIGGER segments_drop IS
	'what segments need is not dropped';
