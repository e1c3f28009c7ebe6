#!/usr/bin/perl
# dump.t: pg_dump and restore, into a database of another name, give back definitions, members, what
# upkeep has still to do and the feed, with nothing rebuilt; and everything goes on from there.
use strict;
use warnings;
use File::Temp;
use Test::More;

my $dir = File::Temp->newdir;

# psql(DATABASE, SCRIPT): standard output; errors end the test
sub psql
{
	my ($database, $script) = @_;
	my $file = File::Temp->new(DIR => $dir);

	print $file "SET client_min_messages = warning;\nSET search_path = \"Odd shop\", public;\n$script";
	$file->flush;
	my $out = `psql -XAqt -v ON_ERROR_STOP=1 -d $database -f $file`;
	die "psql failed in $database\n" if $?;
	return $out;
}

sub run
{
	my ($command) = @_;

	return is(system($command), 0, $command =~ s/\Q$dir\E/DIR/gr);
}

my $fill = <<'END';
CREATE SCHEMA "Odd shop";
CREATE TABLE "Odd shop"."Cust'omer" (id int PRIMARY KEY, "na""me" text, country text COLLATE "C", city_id int);
INSERT INTO "Cust'omer" SELECT i, 'n' || i, CASE WHEN i % 3 = 0 THEN 'DE' ELSE 'FR' END, i % 4 FROM generate_series(1, 10000) i;
CREATE TABLE orders (id int PRIMARY KEY, customer int, at timestamptz, total numeric);
INSERT INTO orders SELECT i, i % 3000, '2024-01-01'::timestamptz + i * interval '1 minute', i % 100 FROM generate_series(1, 9000) i;
CREATE TABLE line (nr int PRIMARY KEY, order_id int, price numeric);
INSERT INTO line SELECT i, i % 9000, i % 10 FROM generate_series(1, 9000) i;
CREATE TABLE city (id int PRIMARY KEY, name text);
INSERT INTO city SELECT i, 'City ' || i FROM generate_series(0, 3) i;
CREATE TABLE device (id uuid PRIMARY KEY, kind text);
INSERT INTO device SELECT md5(i::text)::uuid, CASE WHEN i % 2 = 0 THEN 'phone' ELSE 'desk' END FROM generate_series(1, 500) i;
CREATE VIEW phone AS SELECT * FROM device WHERE kind = 'phone';
CREATE EXTENSION segments;
SELECT segments.create_population('custömers', '"Cust''omer"', time_zone => 'Europe/Berlin');
SELECT segments.add_source('custömers', 'orders', 'orders', key => 'customer', at => 'at');
SELECT segments.add_source('custömers', 'lines', 'line', key => 'order_id', parent => 'orders', filter => 'price > 2');
SELECT segments.add_lookup('custömers', 'city', 'city', key => 'city_id');
SELECT segments.add_attribute('custömers', 'loud', 'upper("na""me") COLLATE "C"');
SELECT segments.create_population('phones', 'phone', key => 'id');
SELECT segments.create_segment('it''s German', 'country = ''DE'' and loud starts with ''N1''', 'custömers', description => E'with\ttab');
SELECT segments.create_segment('buyers', 'count(orders since 2024-01-03) > 1 and city.name != ''City 2''', 'custömers');
SELECT segments.create_segment('both', 'in segment ''it''''s German'' and in segment ''buyers''', 'custömers');
SELECT segments.create_segment('later', 'exists(lines)', 'custömers', build => false);
SELECT segments.create_segment('frozen', 'id < 10', 'custömers');
SELECT segments.alter_segment('frozen', active => false);
SELECT segments.create_segment('all', 'kind = ''phone''', 'phones');
CREATE SCHEMA views;
SELECT segments.create_views('views', 'custömers');
-- Of every kind: changes, numbered and not, folded and not; doubt, dues of the clock, and a note to look again.
SELECT segments.create_consumer('mail', 'custömers'), segments.create_consumer('idle', 'custömers');
DELETE FROM orders WHERE customer < 1500;
SELECT segments.acknowledge('mail', max(number), 'custömers') FROM segments.poll('mail', 100, 'custömers');
CALL segments.maintain(population => 'custömers');
SELECT segments.create_segment('soon', 'count(orders within last 30000 days) > 2', 'custömers');
INSERT INTO orders SELECT 10000 + i, 1500 + i % 20, '2024-02-01'::timestamptz, 5 FROM generate_series(1, 100) i;
UPDATE city SET name = 'City 2' WHERE id = 3;
UPDATE orders SET at = at + interval '1 year' WHERE customer BETWEEN 1600 AND 1700;
SELECT segments.alter_population('custömers', maintenance => 'queued');
INSERT INTO orders SELECT 20000 + i, 2000 + i % 20, '2024-02-01'::timestamptz, 5 FROM generate_series(1, 100) i;
END

# Everything that is kept, in a form that does not depend on the database.
my $everything = <<'END';
SET search_path = pg_catalog;
TABLE segments.population ORDER BY id;
TABLE segments.source ORDER BY id;
TABLE segments.lookup ORDER BY id;
TABLE segments.attribute ORDER BY id;
TABLE segments.segment ORDER BY id;
TABLE segments.membership ORDER BY population, chunk, segment;
TABLE segments.dictionary ORDER BY population, member;
TABLE segments.chunk ORDER BY population, chunk;
TABLE segments.due ORDER BY population, chunk, at, members::text;
TABLE segments.change ORDER BY id;
TABLE segments.history ORDER BY id;
TABLE segments.consumer ORDER BY population, name;
TABLE segments.recheck ORDER BY id;
TABLE segments.building;
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'segments' ORDER BY 1;
SELECT count(*) FROM segments.check('custömers');
SELECT name, segments.count_members(name, 'custömers') FROM segments.segment WHERE population = 1 AND built ORDER BY name;
TABLE segments.overview;
SELECT segments.member_keys('all'), segments.segments_of(14, 'custömers');
SELECT count(*), min(id) FROM views.both;
\d+ views.*
SELECT segments.sql('count(lines) > 1 and loud != ''X''', 'custömers');
END

# And how it goes on.
my $afterwards = <<'END';
SELECT number, segment, member, key, entered, reason FROM segments.poll('mail', 200, 'custömers');
SELECT segments.acknowledge('mail', max(number), 'custömers') FROM segments.poll('mail', 200, 'custömers');
SELECT segments.alter_population('custömers', maintenance => 'immediate');
CALL segments.maintain(population => 'custömers');
SELECT count(*) FROM segments.check('custömers');
SELECT count(*) FROM segments.due WHERE at = '-infinity';
DELETE FROM orders WHERE customer BETWEEN 1700 AND 1800;
SELECT number, segment, member, key, entered, reason FROM segments.poll('mail', 10000, 'custömers');
SELECT count(*), max(number) FROM segments.poll('idle', 100000, 'custömers');
SELECT count(*) FROM segments.check('custömers');
SELECT segments.refresh('custömers', as_of => '2024-06-01'), segments.refresh('phones');
INSERT INTO device SELECT md5(i::text)::uuid, 'phone' FROM generate_series(1001, 1010) i;
SELECT segments.create_population('devices', 'device');
SELECT segments.add_source('custömers', 'again', 'orders', key => 'customer');
SELECT segments.create_segment('new', 'count(again) > 1', 'custömers');
SELECT segments.refresh('phones');
SELECT count(*), count(DISTINCT member) FROM segments.dictionary;
SELECT id, name, members FROM segments.segment ORDER BY id;
SELECT id, name FROM segments.source ORDER BY id;
END

$ENV{PGOPTIONS} = '-c timezone=UTC';
my $from = 'dump_from';
my @to = ('dump_to_plain', 'Dump to, in parallel', 'dump_twice');

system(qq{psql -Xqc 'DROP DATABASE IF EXISTS "$_"' postgres 2>&1}) for $from, @to;
system(qq{createdb -T template0 "$_"}) for $from, @to;

psql($from, $fill);
my $expected = psql($from, $everything);
like($expected, qr/it's German/, 'there is something to dump');
isnt(psql($from, "SELECT count(*) FROM segments.$_"), "0\n", "in $_, too")
	for qw(chunk due change history consumer recheck);
is(psql($from, "SELECT count(*) > 0 FROM segments.due WHERE at = '-infinity'"), "t\n", 'somebody is in doubt');

run("pg_dump -f $dir/plain.sql $from");
run("pg_dump -Fd -j2 -f $dir/directory $from");

# Object identifiers differ there.
system(qq{psql -Xqd $_ -c 'CREATE TABLE t (i serial PRIMARY KEY); DROP TABLE t'}) for $to[0];
run("psql -Xq -v ON_ERROR_STOP=1 -d $to[0] -f $dir/plain.sql > $dir/log");
run("pg_restore -j4 --exit-on-error -d '$to[1]' $dir/directory");
is(psql($to[0], $everything), $expected, 'plain: everything is as it was');
is(psql("'$to[1]'", $everything), $expected, 'in parallel: everything is as it was');

run("pg_dump -Fc -f $dir/again.dump $to[0]");
run("pg_restore --exit-on-error -d $to[2] $dir/again.dump");
is(psql($to[2], $everything), $expected, 'restored and dumped again: still');

my $goes_on = psql($from, $afterwards);
is(psql($to[0], $afterwards), $goes_on, 'plain: it goes on as where it came from');
is(psql("'$to[1]'", $afterwards), $goes_on, 'in parallel: it goes on');
is(psql($to[2], $afterwards), $goes_on, 'twice: it goes on');

is(psql($from, "SELECT count(*) FROM segments.check('custömers')"), "0\n", 'and that was right');

system(qq{psql -Xqc 'DROP DATABASE "$_"' postgres}) for $from, @to;
done_testing();
