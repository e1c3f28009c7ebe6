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

our @EXPORT = qw(definitions start_traffic tables wrong);

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

-- What reads say that a full evaluation in the same snapshot does not.
CREATE FUNCTION wrong(customer bigint) RETURNS SETOF text LANGUAGE plpgsql AS
$$DECLARE
	now timestamptz := present();
	s record;
	exact bigint[];
	stored bigint[];
	his text[] := ARRAY(SELECT d.name FROM segments.segments_of(customer) n JOIN segments.segment d ON d.name = n
		WHERE d.kind = 'dynamic' AND d.active ORDER BY d.name COLLATE "C");
	should_be text[] := '{}';
BEGIN
	FOR s IN SELECT name, rule FROM segments.segment WHERE kind = 'dynamic' AND active AND built ORDER BY name COLLATE "C"
	LOOP
		exact := ARRAY(SELECT segments.matching(s.rule, as_of => now) ORDER BY 1);
		stored := ARRAY(SELECT segments.members(s.name) ORDER BY 1);
		IF stored <> exact THEN
			RETURN NEXT format('%s: members %s, not %s, at %s', s.name,
				ARRAY(SELECT unnest(stored) EXCEPT SELECT unnest(exact) LIMIT 10),
				ARRAY(SELECT unnest(exact) EXCEPT SELECT unnest(stored) LIMIT 10), now);
		END IF;
		IF segments.count_members(s.name) <> cardinality(exact) THEN
			RETURN NEXT format('%s: count %s, not %s, at %s', s.name, segments.count_members(s.name), cardinality(exact), now);
		END IF;
		IF segments.is_member(s.name, customer) <> (customer = ANY (exact)) THEN
			RETURN NEXT format('%s: is_member of %s at %s', s.name, customer, now);
		END IF;
		IF customer = ANY (exact) THEN
			should_be := should_be || s.name;
		END IF;
	END LOOP;
	IF his <> should_be THEN
		RETURN NEXT format('segments of %s are %s, not %s, at %s', customer, his, should_be, now);
	END IF;
END$$;
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
SELECT segments.create_segment('big city', 'city.size > 50');
SELECT segments.create_segment('recent', 'exists(orders within last 10 days)');
SELECT segments.create_segment('regulars', 'count(orders) >= 3');
SELECT segments.create_segment('round', 'anniversary of joined within next 30 days');
SELECT segments.create_segment('spenders', 'sum(orders.total within last 30 days) > 100');
SELECT segments.create_segment('studious', $$exists(orders where product.category = 'study')$$);
SELECT segments.create_segment('young', 'age < 30');
SELECT segments.create_segment('mixed', $$in segment 'young' and not in segment 'recent'$$);
SELECT segments.create_consumer('follower');
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

my %upkeep = (
	maintain => [3, "CALL segments.maintain(fold_all => true);\n"],
	step => [6, "SELECT segments.maintain_step(max_members => :hot);\n"],
	clock => [2, "SELECT nextval('tick');\n\\sleep :age ms\n"]);

my %define = (
	definitions => [1, <<'EOT']);
SELECT segments.drop_segment(name) FROM segments.segment WHERE name IN ('coming', 'going');
SELECT segments.create_segment('coming', 'age > :age / 8 or count(orders) > :pause');
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

# Scripts by what they do and by name, and how often they are to run among the others.
my %scripts = (write => \%write, upkeep => \%upkeep, define => \%define, follow => \%follow, read => \%read);

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
	exec('pgbench', '-n', '-c', $clients, '-j', 1, '-T', $seconds, '--max-tries=1000', "--random-seed=$seed",
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
SELECT * FROM segments."check"();
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
