package Traffic;

# A shop in which much happens at once: its tables, its segments, and those who write to it, keep it
# up, define and read. For tests that ask whether every answer is exact meanwhile, and afterwards.
#
# The clock is simulated. A tick of the sequence of that name is some hours, and whoever writes or
# reads asks for the tick first. A reader who asks after he took his snapshot is behind nobody whose
# work he sees.

use strict;
use warnings;

use Exporter qw(import);

use Scratch ();

our @EXPORT = qw(definitions keyed_definitions keyed_tables start_traffic tables wrong);

# Customers 1 to HOT are those whom everybody wants.
use constant HOT => 40;

sub tables
{
	return <<'EOT';
CREATE TABLE city (id int PRIMARY KEY, size int);
CREATE TABLE product (id int PRIMARY KEY, category text);
CREATE TABLE customer (id int PRIMARY KEY, age int, city_id int, joined date);
CREATE TABLE orders (id bigserial PRIMARY KEY, product_id int, placed_at timestamptz, total int,
	customer_id int REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (product_id);
CREATE INDEX ON customer (city_id);
CREATE SEQUENCE tick;

-- What a consumer of the feed makes of it, of the segments that stay as they are: whoever enters was not there,
-- and whoever leaves was.
CREATE TABLE follower (segment text, member bigint, PRIMARY KEY (segment, member));
CREATE FUNCTION follow(max_rows int) RETURNS bigint LANGUAGE plpgsql AS
$$DECLARE
	c record;
	polled bigint := 0;
BEGIN
	FOR c IN SELECT number, segment, member, entered FROM segments.poll('follower', max_rows) LOOP
		polled := polled + 1;
		CONTINUE WHEN c.segment <> ALL ('{big city,recent,round,spenders,studious}');
		IF c.entered THEN
			INSERT INTO follower VALUES (c.segment, c.member);
		ELSE
			DELETE FROM follower f WHERE f.segment = c.segment AND f.member = c.member;
			IF NOT FOUND THEN
				RAISE '% leaves %, and was not there', c.member, c.segment;
			END IF;
		END IF;
	END LOOP;
	IF polled > 0 THEN
		PERFORM segments.acknowledge('follower', c.number);
	END IF;
	RETURN polled;
END$$;

INSERT INTO city SELECT i, i * 7 % 100 FROM generate_series(0, 29) i;
INSERT INTO product SELECT i, CASE WHEN i % 4 = 0 THEN 'study' ELSE 'kitchen' END FROM generate_series(0, 99) i;
-- three chunks of keys
INSERT INTO customer SELECT i, i % 60, i % 30, date '1990-01-01' + i % 9000 FROM generate_series(1, 40) i;
INSERT INTO customer SELECT i * 10, i % 60, i % 30, date '1990-01-01' + i FROM generate_series(10, 2000) i;
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT i % 100, timestamptz '2026-01-01 00:00+00' - i * interval '17 minutes', i % 90, c.id
	FROM generate_series(1, 3000) i JOIN customer c ON c.id = i % 40 + 1 AND i % 20 = 0 OR c.id = i * 10;

CREATE FUNCTION present() RETURNS timestamptz LANGUAGE sql AS
$$SELECT set_config('segments.now', (timestamptz '2026-01-01 00:00+00' + last_value * interval '2 hours')::text, false)::timestamptz FROM tick$$;

CREATE FUNCTION uuid_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
	RETURN md5(n::text)::uuid;

-- What reads say that a full evaluation in the same snapshot does not. Where keys are texts or uuids, somebody is asked about whose
-- key is made of the number.
CREATE FUNCTION wrong(customer bigint) RETURNS SETOF text LANGUAGE plpgsql AS
$$DECLARE
	now timestamptz := present();
	p record;
	s record;
	exact bigint[];
	stored bigint[];
	his text[];
	should_be text[];
BEGIN
	FOR p IN SELECT id, name, CASE key_type::text WHEN 'uuid' THEN uuid_of(customer)::text WHEN 'text' THEN 'k' || customer ELSE customer::text END AS key,
			customer AS member FROM segments.population ORDER BY name COLLATE "C"
	LOOP
		IF p.key <> customer::text THEN
			p.member := coalesce((SELECT member FROM segments.dictionary d WHERE d.population = p.id AND d.key = p.key), -1);
		END IF;
		should_be := '{}';
		his := ARRAY(SELECT d.name FROM segments.segments_of(p.key, p.name) n JOIN segments.segment d ON d.population = p.id AND d.name = n
			WHERE d.kind = 'dynamic' AND d.active ORDER BY d.name COLLATE "C");
		FOR s IN SELECT name, rule FROM segments.segment WHERE population = p.id AND kind = 'dynamic' AND active AND built ORDER BY name COLLATE "C"
		LOOP
			exact := ARRAY(SELECT segments.matching(s.rule, p.name, as_of => now) ORDER BY 1);
			stored := ARRAY(SELECT segments.members(s.name, p.name) ORDER BY 1);
			IF stored <> exact THEN
				RETURN NEXT format('%s: members %s, not %s, at %s', s.name,
					ARRAY(SELECT unnest(stored) EXCEPT SELECT unnest(exact) LIMIT 10),
					ARRAY(SELECT unnest(exact) EXCEPT SELECT unnest(stored) LIMIT 10), now);
			END IF;
			IF segments.count_members(s.name, p.name) <> cardinality(exact) THEN
				RETURN NEXT format('%s: count %s, not %s, at %s', s.name, segments.count_members(s.name, p.name), cardinality(exact), now);
			END IF;
			IF segments.is_member(s.name, p.key, p.name) <> (p.member = ANY (exact)) THEN
				RETURN NEXT format('%s: is_member of %s at %s', s.name, p.key, now);
			END IF;
			IF p.member = ANY (exact) THEN
				should_be := should_be || s.name;
			END IF;
		END LOOP;
		IF his <> should_be THEN
			RETURN NEXT format('segments of %s are %s, not %s, at %s', p.key, his, should_be, now);
		END IF;
	END LOOP;
END$$;
EOT
}

# More of them, for keyed_definitions(): people whose keys are uuids or texts, and nothing holds their rows to them.
sub keyed_tables
{
	return <<'EOT';
CREATE TABLE plan (id text PRIMARY KEY, price int);
CREATE TABLE visitor (id uuid PRIMARY KEY, n int, age int, plan_id text);
CREATE TABLE visit (id bigserial PRIMARY KEY, visitor_id uuid, placed_at timestamptz, seconds int);
CREATE TABLE account (name text PRIMARY KEY, status int);
CREATE TABLE entry (id bigserial PRIMARY KEY, account_name text, booked_at timestamptz, amount int);
-- emptied now and then
CREATE TABLE ticket (id bigserial PRIMARY KEY, account_name text, urgent bool);
CREATE INDEX ON visitor (n);
CREATE INDEX ON visit (visitor_id);
CREATE INDEX ON visitor (plan_id);
CREATE INDEX ON entry (account_name);
CREATE INDEX ON ticket (account_name);
INSERT INTO plan SELECT 'plan ' || i, i * 17 % 100 FROM generate_series(0, 9) i;
INSERT INTO visitor SELECT uuid_of(i), i, i % 60, 'plan ' || i % 10 FROM generate_series(1, 40) i;
INSERT INTO account SELECT 'k' || i, i % 10 FROM generate_series(1, 40) i;
INSERT INTO visit (visitor_id, placed_at, seconds)
	SELECT uuid_of(i % 50), timestamptz '2026-01-01 00:00+00' - i * interval '7 hours', i % 90 FROM generate_series(1, 150) i;
INSERT INTO entry (account_name, booked_at, amount)
	SELECT 'k' || i % 50, timestamptz '2026-01-01 00:00+00' - i * interval '7 hours', i % 90 FROM generate_series(1, 150) i;
EOT
}

sub keyed_definitions
{
	return <<'EOT';
SELECT segments.create_population('visitors', 'visitor', key => 'id');
SELECT segments.add_source('visitors', 'visits', 'visit', key => 'visitor_id', at => 'placed_at');
SELECT segments.add_lookup('visitors', 'plan', 'plan', key => 'plan_id');
SELECT segments.create_segment('busy', 'count(visits) >= 4', 'visitors');
SELECT segments.create_segment('idle', 'not exists(visits) or age < 10', 'visitors');
SELECT segments.create_segment('lately', 'sum(visits.seconds within last 10 days) > 60', 'visitors');
SELECT segments.create_segment('paying', 'plan.price > 50', 'visitors');
SELECT segments.create_population('accounts', 'account', key => 'name');
SELECT segments.add_source('accounts', 'entries', 'entry', key => 'account_name', at => 'booked_at');
SELECT segments.add_source('accounts', 'tickets', 'ticket', key => 'account_name');
SELECT segments.create_segment('late', 'exists(entries within next 3 days)', 'accounts');
SELECT segments.create_segment('rich', 'sum(entries.amount) > 150', 'accounts');
SELECT segments.create_segment('urgent', 'exists(tickets where urgent) and status > 2', 'accounts');
EOT
}

# One statement at a time, since each takes its own snapshot.
sub definitions
{
	return <<'EOT';
CREATE EXTENSION segments;
SELECT present();
SELECT segments.create_population('customers', 'customer');
SELECT segments.add_source('customers', 'orders', 'orders', key => 'customer_id', at => 'placed_at');
SELECT segments.add_lookup('customers', 'product', 'product', key => 'product_id', of => 'orders');
SELECT segments.add_lookup('customers', 'city', 'city', key => 'city_id');
SELECT segments.create_segment('big city', 'city.size > 50', population => 'customers');
SELECT segments.create_segment('recent', 'exists(orders within last 10 days)', population => 'customers');
SELECT segments.create_segment('regulars', 'count(orders) >= 3', population => 'customers');
SELECT segments.create_segment('round', 'anniversary of joined within next 30 days', population => 'customers');
SELECT segments.create_segment('spenders', 'sum(orders.total within last 30 days) > 100', population => 'customers');
SELECT segments.create_segment('studious', $$exists(orders where product.category = 'study')$$, population => 'customers');
SELECT segments.create_segment('young', 'age < 30', population => 'customers');
SELECT segments.create_segment('mixed', $$in segment 'young' and not in segment 'recent'$$, population => 'customers');
SELECT segments.create_consumer('follower', population => 'customers');
INSERT INTO follower SELECT name, segments.members(name) FROM segments.segment
	WHERE name IN ('big city', 'recent', 'round', 'spenders', 'studious');
-- Nothing, once it has followed to the end.
CREATE FUNCTION astray() RETURNS SETOF text LANGUAGE sql AS
$$WITH exact AS (SELECT name, segments.members(name) AS member FROM segments.segment
		WHERE name IN ('big city', 'recent', 'round', 'spenders', 'studious'))
	SELECT format('feed: %s is in %s', member, name) FROM (TABLE exact EXCEPT TABLE follower) AS e
	UNION ALL SELECT format('feed: %s is not in %s', member, segment) FROM (TABLE follower EXCEPT TABLE exact) AS f$$;
EOT
}

my %write = (
	order => [20, <<'EOT'],
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present() - :age * interval '1 hour', :total, id FROM customer WHERE id = :hot FOR KEY SHARE;
EOT
	other_order => [10, <<'EOT'],
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present() - :age * interval '1 hour', :total, id FROM customer WHERE id = :any * 10 FOR KEY SHARE;
EOT
	two_orders => [10, <<'EOT'],
BEGIN;
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present(), :total, id FROM customer WHERE id = :hot FOR KEY SHARE;
\sleep :pause ms
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present(), :total, id FROM customer WHERE id = :cool FOR KEY SHARE;
END;
EOT
	unmake_order => [25, <<'EOT'],
DELETE FROM orders WHERE id = (SELECT id FROM orders WHERE customer_id = :hot ORDER BY id LIMIT 1);
EOT
	change_order => [8, <<'EOT'],
UPDATE orders SET total = :total, product_id = :product, placed_at = present() - :age * interval '1 hour'
	WHERE customer_id = :hot AND id % 3 = 0;
EOT
	pass_on => [5, <<'EOT'],
UPDATE orders SET customer_id = c.id FROM (SELECT id FROM customer WHERE id = :cool FOR KEY SHARE) c
	WHERE customer_id = :hot AND orders.id % 5 = 0;
EOT
	customer => [15, <<'EOT'],
UPDATE customer SET age = :age / 8, city_id = :total % 30 WHERE id = :hot;
EOT
	come => [4, <<'EOT'],
INSERT INTO customer VALUES (50000 + :hot, :total, :product % 30, '2001-01-20')
	ON CONFLICT (id) DO UPDATE SET age = EXCLUDED.age;
EOT
	go => [4, <<'EOT'],
DELETE FROM customer WHERE id = 50000 + :hot;
EOT
	rename => [4, <<'EOT'],
UPDATE customer SET id = CASE WHEN id < 1000 THEN id + 70000 ELSE id - 70000 END WHERE id IN (:hot, 70000 + :hot);
EOT
	city => [2, <<'EOT'],
UPDATE city SET size = :total WHERE id = :hot % 30;
EOT
	product => [1, <<'EOT'],
UPDATE product SET category = CASE category WHEN 'study' THEN 'kitchen' ELSE 'study' END WHERE id = :product;
EOT
	bulk => [1, <<'EOT'],
BEGIN;
UPDATE customer SET age = (age + :hot) % 60 WHERE id % 7 = 0;
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present(), :total, id FROM customer WHERE id % 11 = :hot % 11 AND id % 3 = 0 FOR KEY SHARE;
\sleep :pause ms
END;
EOT
	savepoints => [8, <<'EOT'],
BEGIN;
SAVEPOINT a;
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present(), :total, id FROM customer WHERE id = :hot FOR KEY SHARE;
ROLLBACK TO a;
UPDATE customer SET age = :age / 8 WHERE id = :cool;
SAVEPOINT b;
DELETE FROM orders WHERE id = (SELECT id FROM orders WHERE customer_id = :hot ORDER BY id DESC LIMIT 1);
\sleep :pause ms
RELEASE b;
\if :even
COMMIT;
\else
ROLLBACK;
\endif
EOT
	repeatable => [8, <<'EOT'],
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM customer WHERE id = :hot;
\sleep :pause ms
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present(), :total, id FROM customer WHERE id = :hot FOR KEY SHARE;
UPDATE customer SET age = :age / 8 WHERE id = :cool;
END;
EOT
	serializable => [8, <<'EOT'],
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM orders WHERE customer_id = :hot;
\sleep :pause ms
INSERT INTO orders (product_id, placed_at, total, customer_id)
	SELECT :product, present(), :total, id FROM customer WHERE id = :hot FOR KEY SHARE;
UPDATE customer SET city_id = :total % 30 WHERE id = :cool;
END;
EOT
);

# What is written where keys are numbered: members and rows come in either order, and at once.
my %keyed = (
	visit => [20, <<'EOT'],
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(:hot), present() - :age * interval '1 hour', :total);
EOT
	visit_of_guest => [10, <<'EOT'],
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(50000 + :hot), present(), :total), (uuid_of(60000 + :cool), present(), :total);
EOT
	unmake_visit => [20, <<'EOT'],
DELETE FROM visit WHERE id = (SELECT id FROM visit WHERE visitor_id IN (uuid_of(:hot), uuid_of(50000 + :hot)) ORDER BY id LIMIT 1);
DELETE FROM entry WHERE id = (SELECT id FROM entry WHERE account_name IN ('k' || :hot, 'k' || 50000 + :hot) ORDER BY id LIMIT 1);
EOT
	pass_on => [5, <<'EOT'],
UPDATE visit SET visitor_id = uuid_of(:cool + 50000 * (:age % 2)) WHERE visitor_id = uuid_of(:hot) AND id % 5 = 0;
EOT
	guest => [8, <<'EOT'],
INSERT INTO visitor VALUES (uuid_of(50000 + :hot), 50000 + :hot, :total, 'plan ' || :product % 12)
	ON CONFLICT (id) DO UPDATE SET age = EXCLUDED.age, plan_id = EXCLUDED.plan_id;
EOT
	guest_goes => [6, <<'EOT'],
DELETE FROM visitor WHERE n = 50000 + :hot;
EOT
	guest_with_visit => [8, <<'EOT'],
BEGIN;
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(60000 + :hot), present(), :total);
\sleep :pause ms
INSERT INTO visitor VALUES (uuid_of(60000 + :hot), 60000 + :hot, :total, 'plan 3') ON CONFLICT (id) DO NOTHING;
\if :even
COMMIT;
\else
ROLLBACK;
\endif
DELETE FROM visitor WHERE n = 60000 + :cool;
EOT
	rename => [5, <<'EOT'],
UPDATE visitor SET n = 70000 + :hot - n + :hot, id = uuid_of(70000 + :hot - n + :hot) WHERE n IN (:hot, 70000 + :hot);
EOT
	plan => [2, <<'EOT'],
UPDATE plan SET price = :total WHERE id = 'plan ' || :hot % 10;
EOT
	plan_comes => [2, <<'EOT'],
INSERT INTO plan VALUES ('plan ' || 10 + :pause % 2, :total) ON CONFLICT (id) DO UPDATE SET price = EXCLUDED.price;
DELETE FROM plan WHERE id = 'plan ' || 10 + :hot % 2;
EOT
	visitor => [8, <<'EOT'],
UPDATE visitor SET age = :age / 8, plan_id = 'plan ' || :product % 12 WHERE n = :hot;
EOT
	entry => [15, <<'EOT'],
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot + 50000 * (:age % 2), present() + :age * interval '1 hour', :total);
EOT
	account => [8, <<'EOT'],
INSERT INTO account VALUES ('k' || :hot + 50000 * (:age % 2), :age % 10) ON CONFLICT (name) DO UPDATE SET status = EXCLUDED.status;
EOT
	account_goes => [5, <<'EOT'],
DELETE FROM account WHERE name = 'k' || 50000 + :hot;
EOT
	ticket => [8, <<'EOT'],
INSERT INTO ticket (account_name, urgent) VALUES ('k' || :hot + 50000 * (:age % 2), :age % 3 > 0);
EOT
	nested => [10, <<'EOT'],
BEGIN;
SAVEPOINT a;
INSERT INTO visitor VALUES (uuid_of(80000 + :hot), 80000 + :hot, :total, 'plan 3') ON CONFLICT (id) DO NOTHING;
SAVEPOINT b;
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(80000 + :hot), present(), :total), (uuid_of(90000 + :cool), present(), :total);
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot, present(), :total);
ROLLBACK TO b;
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(80000 + :hot), present(), 100);
RELEASE b;
\if :even
ROLLBACK TO a;
\endif
\sleep :pause ms
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(:hot), present(), :total), (uuid_of(90000 + :cool), present(), :total);
DO $$BEGIN
	INSERT INTO entry (account_name, booked_at, amount) SELECT 'k' || :hot + i, present(), 90 FROM generate_series(1, 20) i;
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot + 2, present(), 40);
END$$;
COMMIT;
DELETE FROM visitor WHERE n = 80000 + :cool;
EOT
	repeatable => [8, <<'EOT'],
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM visit WHERE visitor_id = uuid_of(:hot);
\sleep :pause ms
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(:hot), present(), :total), (uuid_of(50000 + :cool), present(), :total);
INSERT INTO visitor VALUES (uuid_of(50000 + :hot), 50000 + :hot, :total, 'plan 4') ON CONFLICT (id) DO UPDATE SET age = EXCLUDED.age;
END;
EOT
	serializable => [8, <<'EOT']);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM entry WHERE account_name = 'k' || :hot;
\sleep :pause ms
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot, present(), :total);
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(50000 + :cool), present(), :total);
UPDATE visitor SET age = :age / 8 WHERE n = :cool;
END;
EOT

# What cannot fail, whoever else writes: rows that come and wait for nothing. It is not tried again.
my %insert = (
	insert => [2, <<'EOT'],
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM visitor;
\sleep :pause ms
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(:hot), present(), :total), (uuid_of(50000 + :cool), present(), :total);
INSERT INTO entry (account_name, booked_at, amount) SELECT 'k' || :hot + i * 50000, present(), :total FROM generate_series(0, 1) i;
END;
EOT
	insert_prepared => [1, <<'EOT']);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM account;
SAVEPOINT a;
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot, present(), :total), ('k' || 50000 + :cool, present(), :total);
ROLLBACK TO a;
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(50000 + :hot), present(), :total);
PREPARE TRANSACTION 'inserted :client_id';
\sleep :pause ms
COMMIT PREPARED 'inserted :client_id';
EOT

# Transactions that are prepared, and then committed or rolled back.
my %prepare = (
	prepare => [6, <<'EOT'],
BEGIN;
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(50000 + :hot), present(), :total), (uuid_of(:cool), present(), :total);
INSERT INTO account VALUES ('k' || 50000 + :hot, :age % 10) ON CONFLICT (name) DO UPDATE SET status = EXCLUDED.status;
SAVEPOINT a;
UPDATE customer SET age = :age / 8, city_id = :total % 30 WHERE id = :hot;
\if :even
ROLLBACK TO a;
\endif
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || 50000 + :hot, present(), :total);
PREPARE TRANSACTION 'prepared :client_id';
\sleep :pause ms
\if :even
COMMIT PREPARED 'prepared :client_id';
\elif :pause > 2
ROLLBACK PREPARED 'prepared :client_id';
\else
COMMIT PREPARED 'prepared :client_id';
\endif
EOT
	prepare_city => [2, <<'EOT'],
BEGIN;
UPDATE city SET size = :total WHERE id = :hot % 30;
UPDATE plan SET price = :total WHERE id = 'plan ' || :hot % 10;
PREPARE TRANSACTION 'prepared :client_id';
\sleep :pause ms
COMMIT PREPARED 'prepared :client_id';
EOT
	prepare_upkeep => [2, <<'EOT'],
BEGIN;
SELECT segments.maintain_step(max_members => :hot);
PREPARE TRANSACTION 'prepared :client_id';
\sleep :pause ms
\if :even
COMMIT PREPARED 'prepared :client_id';
\else
ROLLBACK PREPARED 'prepared :client_id';
\endif
EOT
	prepare_definition => [1, <<'EOT'],
BEGIN;
SELECT segments.alter_segment('late', rule => 'exists(entries within next :pause days)');
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot, present() + :age * interval '1 hour', :total);
PREPARE TRANSACTION 'prepared :client_id';
\sleep :pause ms
\if :even
COMMIT PREPARED 'prepared :client_id';
\else
ROLLBACK PREPARED 'prepared :client_id';
\endif
EOT
	undone => [2, <<'EOT'],
BEGIN;
SAVEPOINT a;
SELECT segments.alter_segment('late', rule => 'count(entries) > :pause');
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :cool, present() + :age * interval '1 hour', :total);
ROLLBACK TO a;
INSERT INTO entry (account_name, booked_at, amount) VALUES ('k' || :hot, present() + :age * interval '1 hour', :total);
SAVEPOINT b;
SELECT segments.maintain_step(fold_all => :even);
ROLLBACK TO b;
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(:cool), present(), :total), (uuid_of(50000 + :cool), present(), :total);
END;
EOT
	prepare_serializable => [4, <<'EOT']);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM visit WHERE visitor_id = uuid_of(:hot);
INSERT INTO visit (visitor_id, placed_at, seconds) VALUES (uuid_of(:hot), present(), :total);
UPDATE visitor SET plan_id = 'plan ' || :product % 10 WHERE n = :cool;
PREPARE TRANSACTION 'prepared :client_id';
\sleep :pause ms
\if :even
COMMIT PREPARED 'prepared :client_id';
\else
ROLLBACK PREPARED 'prepared :client_id';
\endif
EOT

# Those who want a table for themselves, and hold nothing else meanwhile.
my %lock = (
	(map { ("lock_$_" => [2, "BEGIN;\nLOCK TABLE $_ IN ACCESS EXCLUSIVE MODE;\n\\sleep :pause ms\nEND;\n\\sleep :hot ms\n"]) }
		qw(account city customer entry orders plan product ticket visit visitor)),
	(map { ("reindex_$_" => [1, "BEGIN;\nLOCK TABLE $_ IN ACCESS EXCLUSIVE MODE;\nREINDEX TABLE $_;\nEND;\n\\sleep :hot ms\n"]) }
		qw(city customer orders visit visitor)),
	(map { ("vacuum_$_" => [1, "VACUUM FULL $_;\n\\sleep :hot ms\n"]) } qw(city customer orders plan ticket visit visitor)),
	(map { ("alter_$_" => [1, <<"EOT"]) } qw(city customer entry orders visit visitor)),
ALTER TABLE $_ ADD COLUMN more_:client_id int DEFAULT :hot;
\\sleep :hot ms
ALTER TABLE $_ DROP COLUMN more_:client_id;
\\sleep :age ms
EOT
	truncate => [8, "BEGIN;\nTRUNCATE ticket;\n\\sleep :pause ms\nINSERT INTO ticket (account_name, urgent) VALUES ('k' || :hot, true);\nEND;\n"],
	truncate_not => [3, "BEGIN;\nTRUNCATE ticket;\n\\sleep :pause ms\nROLLBACK;\n"]);

my %upkeep = (
	maintain => [3, "CALL segments.maintain(fold_all => true);\n"],
	step => [6, "SELECT segments.maintain_step(max_members => :hot);\n"],
	clock => [2, "SELECT nextval('tick');\n\\sleep :age ms\n"]);

my %define = (
	definitions => [1, <<'EOT']);
SELECT segments.drop_segment(name) FROM segments.segment WHERE name IN ('coming', 'going');
SELECT segments.create_segment('coming', 'age > :age / 8 or count(orders) > :pause', population => 'customers');
\sleep 100 ms
SELECT segments.alter_segment('coming', rule => 'age < :age / 8 and exists(orders within last :hot days)');
\sleep 100 ms
SELECT segments.alter_segment('young', rule => 'age < 25 + :pause');
SELECT segments.alter_segment('regulars', active => false);
\sleep 100 ms
SELECT segments.alter_segment('regulars', active => true);
SELECT segments.refresh('customers');
SELECT segments.alter_segment('coming', new_name => 'going');
\sleep 100 ms
SELECT segments.drop_segment('going');
EOT

my %build = (
	build => [1, <<'EOT']);
CALL segments.create_segment_concurrently('new', 'count(visits) > :pause and plan.price > :product', 'visitors');
\sleep :age ms
SELECT segments.drop_segment('new', 'visitors');
EOT

my %follow = (
	follow => [1, "SELECT follow(500);\n\\sleep :total ms\n"]);

# Raises what is wrong.
my %read = (
	read => [1, <<'EOT']);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 FROM customer LIMIT 1;
DO $$DECLARE w text; BEGIN
	SELECT string_agg(x, E'\n') INTO w FROM wrong(:hot) x;
	IF w <> '' THEN RAISE '%', w; END IF;
END$$;
END;
EOT

# Who has read nothing of a table before it is emptied sees that in every snapshot (MVCC does not hold for TRUNCATE).
my %inspect = (
	inspect => [1, $read{read}[1] =~ s/^SELECT 1 FROM customer/LOCK TABLE ticket IN ACCESS SHARE MODE;\n$&/mr]);

# Scripts by what they do and by name, and how often they are to run among the others.
my %scripts = (write => \%write, keyed => \%keyed, insert => \%insert, prepare => \%prepare, lock => \%lock, upkeep => \%upkeep, define => \%define,
	build => \%build, follow => \%follow, read => \%read, inspect => \%inspect);

# start_traffic(DIRECTORY, DATABASE, SECONDS, SEED, KIND, CLIENTS): pgbench in the background. Its scripts and what it
# says, KIND.out and KIND.err, go into the directory. Returns its process and the kind.
sub start_traffic
{
	my ($dir, $database, $seconds, $seed, $kind, $clients) = @_;
	my @scripts = write_scripts($dir, %{ $scripts{$kind} });
	my $pid = fork // die "fork: $!";

	return { kind => $kind, pid => $pid } if $pid;
	open(STDOUT, '>', "$dir/$kind.out") or die "$kind.out: $!";
	open(STDERR, '>', "$dir/$kind.err") or die "$kind.err: $!";
	exec('pgbench', '-n', '-c', $clients, '-j', 1, '-T', $seconds, '--max-tries=' . ($kind eq 'insert' ? 1 : 1000), "--random-seed=$seed",
		@scripts, $database) or die "pgbench: $!";
}

# What is wrong in the database, in one snapshot, and what readers who ask about some customers are told wrongly. The
# clock is read after the snapshot was taken.
sub wrong
{
	my $customers = join ', ', @_ ? @_ : (1, 14, 27, 40);

	return Scratch::sql(<<"EOT") =~ s/^\n//r;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT FROM present();
SELECT name, c.* FROM segments.population, segments."check"(name) c;
SELECT w FROM unnest(ARRAY[$customers]) c, wrong(c) w;
COMMIT;
EOT
}

# Writes the scripts into a directory; returns the arguments for pgbench that name them.
sub write_scripts
{
	my ($dir, %scripts) = @_;
	my @arguments;

	foreach my $name (sort keys %scripts)
	{
		my ($weight, $script) = @{ $scripts{$name} };

		open(my $file, '>', "$dir/$name.sql") or die "$dir/$name.sql: $!";
		print $file '\set hot random(1, ' . HOT . ")\n", '\set cool random(1, ' . HOT . ")\n", <<'EOT', $script;
\set any random(10, 2000)
\set product random(0, 99)
\set age random(0, 400)
\set total random(0, 99)
\set pause random(0, 5)
\set even :product % 2 = 0
SELECT present();
EOT
		close $file;
		push @arguments, '-f', "$dir/$name.sql\@$weight";
	}
	return @arguments;
}

1;
