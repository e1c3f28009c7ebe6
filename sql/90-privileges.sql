-- Who may do what. Functions check for themselves and run with the rights of
-- whoever calls them, so anybody may call them. Tables are read by anybody, but
-- show a role only what belongs to populations whose key it may read; nobody
-- but the extension's owner writes them.

GRANT SELECT ON segments.population, segments.source, segments.lookup,
	segments.attribute, segments.segment, segments.membership,
	segments.dictionary, segments.chunk, segments.due, segments.change,
	segments.history, segments.consumer, segments.building, segments.recheck, segments.dependency,
	segments.registered, segments.overview, segments.changes,
	segments.growth, segments.overlap TO PUBLIC;

ALTER TABLE segments.population ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.source ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.lookup ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.attribute ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.segment ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.dictionary ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.chunk ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.due ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.change ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.history ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.consumer ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.building ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.recheck ENABLE ROW LEVEL SECURITY;
ALTER TABLE segments.dependency ENABLE ROW LEVEL SECURITY;

CREATE POLICY readable ON segments.population FOR SELECT
	USING (id = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.source FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.lookup FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.attribute FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.segment FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.membership FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.dictionary FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.chunk FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.due FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.change FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.history FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.consumer FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.building FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.recheck FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));
CREATE POLICY readable ON segments.dependency FOR SELECT
	USING (population = ANY ((SELECT segments.readable_populations())::integer[]));

COMMENT ON POLICY readable ON segments.population IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.source IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.lookup IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.attribute IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.segment IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.membership IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.dictionary IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.chunk IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.due IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.change IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.history IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.consumer IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.building IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.recheck IS 'rows of populations whose key the role may read';
COMMENT ON POLICY readable ON segments.dependency IS 'rows of populations whose key the role may read';
