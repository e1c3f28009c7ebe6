-- What keeps members current. Like the tables before: written by functions and triggers
-- alone, and registered for pg_dump.
--
-- Who is a member now: the sets in segments.membership, overridden by the member's last row in
-- segments.change, overridden by an evaluation on the spot for those whose time in
-- segments.due has come. Upkeep moves what it finds in one direction: due, change, membership.

CREATE SEQUENCE segments.chunk_version;
COMMENT ON SEQUENCE segments.chunk_version IS 'versions of chunks; none is given twice';

CREATE TABLE segments.chunk (
	population integer NOT NULL,
	chunk bigint NOT NULL,
	version bigint NOT NULL,
	settled timestamptz NOT NULL,
	PRIMARY KEY (population, chunk)
);
COMMENT ON TABLE segments.chunk IS 'a chunk of keys: which version its sets are, so that they can be kept in memory';
COMMENT ON COLUMN segments.chunk.version IS 'changes with every change of its rows in segments.membership, and when rows of segments.due are deleted before their time';
COMMENT ON COLUMN segments.chunk.settled IS 'moment that members were last evaluated for by the clock; no evaluation goes back behind it';

CREATE TABLE segments.due (
	population integer NOT NULL,
	chunk bigint NOT NULL,
	at timestamptz NOT NULL,
	members segments.member_set NOT NULL
);
CREATE INDEX due_chunk_at ON segments.due (population, chunk, at);
CREATE INDEX due_at ON segments.due (population, at, chunk);
COMMENT ON TABLE segments.due IS 'who has to be evaluated again, and when; a member may be in any number of rows, and in one too many';
COMMENT ON COLUMN segments.due.at IS 'first moment at which an answer may differ from what is stored, or one before it; -infinity: data have changed that were not evaluated';

CREATE TABLE segments.change (
	id bigint GENERATED ALWAYS AS IDENTITY,
	population integer NOT NULL,
	member bigint NOT NULL,
	segment integer NOT NULL,
	entered boolean NOT NULL,
	at timestamptz NOT NULL,
	reason "char" NOT NULL CHECK (reason IN ('d', 'c', 'r', 'h')),
	number bigint,
	members segments.member_set
);
-- ids are unique, so there is nothing to deduplicate, though btrees without UNIQUE try
CREATE INDEX change_member ON segments.change (population, member, id) WITH (deduplicate_items = off);
CREATE INDEX change_segment ON segments.change (segment, member, id) WITH (deduplicate_items = off);
COMMENT ON TABLE segments.change IS 'who entered and left which segment since the sets in segments.membership were written';
COMMENT ON COLUMN segments.change.id IS 'rises with every change of a member';
COMMENT ON COLUMN segments.change.member IS 'who; of several, the first key of the chunk that they are in';
COMMENT ON COLUMN segments.change.at IS 'moment that the change was found for';
COMMENT ON COLUMN segments.change.reason IS 'd: data, c: clock, r: rule, h: by hand';
COMMENT ON COLUMN segments.change.number IS 'place in the feed of the population, of several members that of the first; null: not given yet';
COMMENT ON COLUMN segments.change.members IS 'the members of one chunk who entered or left together; null: member alone';

CREATE SEQUENCE segments.change_number;
COMMENT ON SEQUENCE segments.change_number IS 'places in the feeds';

CREATE TABLE segments.history (
	id bigint NOT NULL,
	population integer NOT NULL,
	member bigint NOT NULL,
	segment integer NOT NULL,
	entered boolean NOT NULL,
	at timestamptz NOT NULL,
	reason "char" NOT NULL CHECK (reason IN ('d', 'c', 'r', 'h')),
	number bigint NOT NULL
);
CREATE INDEX history_member ON segments.history (population, member, id);
CREATE INDEX history_segment ON segments.history (segment, at);
CREATE INDEX history_number ON segments.history (population, number);
COMMENT ON TABLE segments.history IS 'changes that the sets in segments.membership contain; rows may be deleted when nobody wants them any more';

CREATE TABLE segments.consumer (
	population integer NOT NULL,
	name text COLLATE "C" NOT NULL,
	owner regrole NOT NULL,
	"position" bigint NOT NULL,
	PRIMARY KEY (population, name)
);
COMMENT ON TABLE segments.consumer IS 'who reads the feed of a population, and how far';
COMMENT ON COLUMN segments.consumer.owner IS 'role that may poll and acknowledge';
COMMENT ON COLUMN segments.consumer."position" IS 'number of the last change that was acknowledged';

CREATE TABLE segments.recheck (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	population integer NOT NULL,
	source integer,
	lookup integer,
	keys text[],
	horizon xid8
);
CREATE INDEX recheck_population ON segments.recheck (population);
COMMENT ON TABLE segments.recheck IS 'rows that lead to members changed; who was led to by rows that were not committed then has to be looked for again';
COMMENT ON COLUMN segments.recheck.source IS 'whose rows they are; or a lookup''s; neither: the population''s own';
COMMENT ON COLUMN segments.recheck.keys IS 'what leads from them to members, as in a use of the table; null: everybody';
COMMENT ON COLUMN segments.recheck.horizon IS 'once all transactions before it have ended, whoever is led to is committed; null: not known yet';

-- Not for pg_dump: nobody goes on building what a dump has seen.
CREATE TABLE segments.building (
	population integer PRIMARY KEY,
	rule segments.segment_rule NOT NULL
);
COMMENT ON TABLE segments.building IS 'rules of segments that are being created while others write: as long as there is one, statements only note whom they touch';

SELECT pg_catalog.pg_extension_config_dump('segments.chunk', '');
SELECT pg_catalog.pg_extension_config_dump('segments.chunk_version', '');
SELECT pg_catalog.pg_extension_config_dump('segments.due', '');
SELECT pg_catalog.pg_extension_config_dump('segments.recheck', '');
SELECT pg_catalog.pg_extension_config_dump('segments.recheck_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.change', '');
SELECT pg_catalog.pg_extension_config_dump('segments.change_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segments.change_number', '');
SELECT pg_catalog.pg_extension_config_dump('segments.history', '');
SELECT pg_catalog.pg_extension_config_dump('segments.consumer', '');
