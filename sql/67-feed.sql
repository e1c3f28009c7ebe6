-- The feed: who entered and who left which segment, in the order in which it is handed out.

CREATE FUNCTION segments.create_consumer(name text, population text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'create_consumer';
COMMENT ON FUNCTION segments.create_consumer(text, text) IS
	'keep a position in the feed of a population, for members of the current role; it begins at the end';

CREATE FUNCTION segments.drop_consumer(name text, population text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'drop_consumer';
COMMENT ON FUNCTION segments.drop_consumer(text, text) IS
	'forget a consumer and its position';

CREATE FUNCTION segments.poll(
	consumer text, max_rows integer DEFAULT 1000, population text DEFAULT NULL)
	RETURNS TABLE (number bigint, segment text, member bigint, key text, entered boolean,
		at timestamptz, reason text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000
	AS 'MODULE_PATHNAME', 'poll_changes';
COMMENT ON FUNCTION segments.poll(text, integer, text) IS
	'the next changes of members in order of number; the same ones again until they are acknowledged';

CREATE FUNCTION segments.acknowledge(consumer text, number bigint, population text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'acknowledge';
COMMENT ON FUNCTION segments.acknowledge(text, bigint, text) IS
	'all changes up to this number have been dealt with, and are not handed out to the consumer any more';

CREATE VIEW segments.changes WITH (security_invoker = true) AS
SELECT p.name AS population, s.name AS segment, c.member,
	COALESCE(d.key, c.member::text) AS key,
	CASE WHEN c.entered THEN 'entered' ELSE 'left' END AS event, c.at,
	CASE c.reason WHEN 'd' THEN 'data' WHEN 'c' THEN 'clock' WHEN 'r' THEN 'rule' ELSE 'hand' END AS reason,
	c.number
FROM (
	SELECT population, segment, member, entered, at, reason, number FROM segments.history
	UNION ALL
	SELECT population, segment, member, entered, at, reason, number FROM segments.change WHERE members IS NULL
	UNION ALL
	SELECT h.population, h.segment, m.member, h.entered, h.at, h.reason, h.number + m.place - 1
	FROM segments.change h, segments.unnest(h.members) WITH ORDINALITY AS m (member, place) WHERE h.members IS NOT NULL) c
	JOIN segments.population p ON p.id = c.population
	JOIN segments.segment s ON s.id = c.segment
	LEFT JOIN segments.dictionary d ON d.population = c.population AND d.member = c.member AND p.dictionary;
COMMENT ON VIEW segments.changes IS 'who entered and left which segment, when and why';
COMMENT ON COLUMN segments.changes.key IS 'the member''s key as text';
COMMENT ON COLUMN segments.changes.at IS 'moment that the change was found for';
COMMENT ON COLUMN segments.changes.reason IS 'data: a row was written; clock: time went by; rule: it was altered; hand: somebody said so';
COMMENT ON COLUMN segments.changes.number IS 'place in the feed; null: nobody has asked for it yet';

CREATE VIEW segments.growth WITH (security_invoker = true) AS
SELECT c.population, c.segment, (c.at AT TIME ZONE p.time_zone)::date AS day,
	pg_catalog.count(*) FILTER (WHERE c.event = 'entered') AS entered,
	pg_catalog.count(*) FILTER (WHERE c.event = 'left') AS departed,
	pg_catalog.sum(CASE c.event WHEN 'entered' THEN 1 ELSE -1 END) AS net
FROM segments.changes c
	JOIN segments.population p ON p.name = c.population
GROUP BY c.population, c.segment, day;
COMMENT ON VIEW segments.growth IS 'how many entered and left each segment, day by day; days without changes are not shown';
COMMENT ON COLUMN segments.growth.day IS 'in the time zone of the population';
COMMENT ON COLUMN segments.growth.departed IS 'how many left';
COMMENT ON COLUMN segments.growth.net IS 'by how much the segment grew';
