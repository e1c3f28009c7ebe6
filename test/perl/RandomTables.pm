# RandomTables.pm: a small population with everything around it, at random.
#
# people, with one column of every kind of type; orders with lines (rows of rows);
# events, whose moment is a day, and which have a filter; visits, whose moment is a
# local timestamp; lookups, one behind another; computed attributes. Names need
# quotes here and there, values are on and beside the edges: of days, months, daylight
# saving, windows as of the moment of evaluation.
package RandomTables;
use strict;
use warnings;
use utf8;
use Exporter 'import';
our @EXPORT_OK = qw(tables_script random_row random_key);

sub pick { return $_[ rand @_ ] }
sub chance { return rand() < shift }
sub quote { my $text = shift; $text =~ s/'/''/g; return "'$text'" }

my ($as_of, $zone, $wild);

# Expressions of SQL for a value of a type.

sub number { return pick('NULL', 0, 1, 2, 2, 3, 5, 7, 10, 18, 30, -1, -3, int rand 100) }
sub decimal { return pick('NULL', 0, 0.5, 1.25, 1.250, 2.75, -2.5, 10, 100, 0.1, 33.33, $wild ? ("'NaN'") : ()) }
sub float { return pick('NULL', 0, 0.5, 1.25, 2.75, -2.5, 10, 100, $wild ? ("'NaN'", "'Infinity'", "'-Infinity'") : ()) }
sub boolean { return pick('NULL', 'true', 'false') }

sub string
{
	return 'NULL' if chance(0.1);
	return quote(pick('', 'a', 'A', 'ab', 'b', 'abc', 'Abc', 'VIP', 'vip', 'DE', 'de', 'AT', 'x', "it's", 'äöü', 'ÄÖÜ',
			'straße', 'STRASSE', '日本', 'a%b', 'a_b', 'axb', 'back\\slash', 'new', 'open', 'paid', ' pad ', '5', '2024-02-29', "z\nz"));
}

# A moment as a wall clock; half of them hang on the moment of evaluation.
sub wall_clock
{
	my $now = "($as_of AT TIME ZONE '$zone')";
	return 'NULL' if chance(0.08);
	return pick("'infinity'", "'-infinity'") if $wild && chance(0.02);
	return pick(
		sub { "$now" },
		sub { "$now " . pick('-', '+') . " interval '" . pick(1, 2, 3, 6, 7, 12, 30, 90) . ' ' . pick(qw(second minute hour day week month year)) . "'" },
		sub { "$now " . pick('-', '+') . " interval '" . int(rand 2000) . ' hours ' . int(rand 3600) . " seconds'" },
		sub { "date_trunc('" . pick(qw(hour day week month quarter year)) . "', $now) " . pick('-', '+') . " interval '" . pick(0, 0, 1, 2) . ' ' . pick(qw(day week month year)) . "'" .
			  pick('', " - interval '1 microsecond'") },
		sub { pick(map { "timestamp '$_'" } '2024-03-31 02:30', '2024-10-27 02:30', '2024-03-10 02:30', '2024-11-03 01:30',
				'2024-02-29 00:00', '2024-02-29 23:59:59.999999', '2023-12-31 23:59:59', '2024-01-01 00:00', '2018-11-04 00:00', '2018-11-04 00:30', '2000-02-29 12:00', '1969-07-20 20:17') },
		sub { sprintf "timestamp '20%02d-%02d-%02d %02d:%02d'", 20 + rand 6, 1 + rand 12, 1 + rand 28, rand 24, rand 60 })->();
}

sub moment { my $local = wall_clock(); return $local =~ /^NULL|infinity/ ? $local : "(($local) AT TIME ZONE '$zone')" . pick('', '', " + interval '1 microsecond'", " - interval '1 microsecond'") }
sub day { my $local = wall_clock(); return $local =~ /^NULL|infinity/ ? $local : "($local)::date" }
sub birth { return $wild && chance(0.02) ? "date '0044-03-15 BC'" : chance(0.5) ? day() : pick("date '2000-02-29'", "date '1996-02-29'", "date '1990-12-31'", "date '1985-01-01'", sprintf "date '%d-%02d-%02d'", 1930 + rand 90, 1 + rand 12, 1 + rand 28) }
sub span { return pick('NULL', map { "interval '$_'" } '0', '1 day', '30 days', '1 month', '1 year', '-2 days', '36 hours', '1 month -1 day 02:00', '1 year 2 mons 3 days 04:05:06.5', '720 hours') }

sub list
{
	my ($type, $value) = @_;
	return 'NULL' if chance(0.15);
	return 'ARRAY[' . join(', ', map { $value->() } 1 .. rand 4) . "]::${type}[]";
}

# Days and moments in json, some of which are none.
sub iso
{
	return quote(pick('2024-02-29', '2023-02-29', '2024-13-01', '2024-04-31', '2024-05-30T16:00', '2024-05-30T16:00:00Z', '2024-05-30T16:00:00.1234567+02:00',
			'2024-05-30 16:00:59-0530', '2024-05-30T25:00', '2024-05-30T16:00:60', '0000-01-01', '2024-5-30', 'today', '2024-05-30T16:00+16:00')) if chance(0.5);
	return sprintf "to_char((%s)::timestamp, '%s')", wall_clock(), pick('YYYY-MM-DD', 'YYYY-MM-DD"T"HH24:MI', 'YYYY-MM-DD"T"HH24:MI:SS.US', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
}

sub json
{
	my $depth = shift;
	return pick(
		sub { 'to_jsonb(' . pick(0, 1, 2, 3, 5, 10, 0.5, '1.50', -1) . ')' },
		sub { 'to_jsonb(' . string() . '::text)' },
		sub { 'to_jsonb(' . iso() . '::text)' },
		sub { "'" . pick('true', 'false', 'null', '[]', '[null]', '{}', '""') . "'::jsonb" },
		sub { 'jsonb_build_array(' . join(', ', map { $depth > 0 ? json(0) : 1 } 1 .. rand 4) . ')' },
		sub { 'to_jsonb(' . string() . '::text)' })->();
}

sub object
{
	my $depth = shift;
	return 'NULL' if chance(0.05);
	my %keys = (a => sub { json(1) }, b => sub { json(1) }, n => sub { 'to_jsonb(' . pick(1, 2, 3, 5, 10.5) . ')' },
		t => sub { 'to_jsonb(' . iso() . '::text)' }, l => sub { json(1) }, o => sub { object($depth - 1) });
	delete $keys{o} if $depth <= 0;
	return 'jsonb_build_object(' . join(', ', map { chance(0.85) ? ("'$_'", $keys{$_}->()) : () } sort keys %keys) . ')';
}

my %key_of = (
	integer => sub { 97 * shift },
	bigint => sub { my $i = shift; return $i . '000000007' . ($i % 10) },
	uuid => sub { sprintf "'%08x-0000-4000-8000-000000000000'", $_[0] * 2654435761 % 4294967296 },
	text => sub { my $i = shift; return "'k$i" . ($i % 3 ? '' : 'é ') . "'" });

my ($key, $people);

sub key_of { return $key_of{$key}->(shift) }
sub someone { return key_of(1 + int rand $people) }
sub uid { my $i = 1 + int rand 5; return $i == 5 ? 'NULL' : "'0000000$i-0000-4000-8000-000000000000'" }

# The values of a row, in order of its columns, by the row's number.
my %row_of = (
	region => sub { (shift, string()) },
	city => sub { (shift, string(), number() =~ s/.*/1 + int rand 4/er, day()) },
	product => sub { (shift, string(), decimal()) },
	people => sub {
		(   key_of(shift), string() . '::varchar(8)', string(), string(), string(), string() . '::char(4)',
			number(), number(), pick(number(), number(), 3000000000, $wild ? 9223372036854775807 : 5), decimal(), decimal(), number(), float(), float(),
			boolean(), birth(), moment(), wall_clock(), span(),
			list('text', \&string), list('int', \&number), list('date', \&day), list('timestamptz', \&moment), object(1),
			"json_build_object('sub', " . object(1) . ')',
			uid(), pick('NULL', "'10.0.0.1'", "'10.0.0.0/8'", "'192.168.1.7'", "'::1'"), pick('NULL', "'sad'", "'ok'", "'happy'"), number() =~ s/.*/1 + int rand 6/er) },
	orders => sub {
		(   shift, chance(0.03) ? 'NULL' : someone(), moment(), day(), wall_clock(), decimal(), float(), string(), list('varchar', \&string),
			object(1), pick('NULL', 1 .. 6), boolean(), span(), uid()) },
	lines => sub { (1 + int rand $people * 3.1, pick('NULL', 1 .. 7), number(), decimal(), string()) },
	events => sub { (someone(), day(), pick("'hidden'", string()), number()) },
	visits => sub { (someone(), wall_clock(), string(), number()) });

# random_row(TABLE, NUMBER): of the tables that were made last
sub random_row { my $table = shift; return $row_of{$table}->(shift) }
sub random_key { return someone() }

sub insert
{
	my ($table, $count) = @_;
	return "INSERT INTO $table VALUES\n" . join(",\n", map { '(' . join(', ', random_row($table, $_)) . ')' } 1 .. $count) . ";\n";
}

# tables_script(name, key, zone, as_of, people, maintenance, wild): a schema and a population of that
# name; wild: infinities and NaN, which documents cannot hold
sub tables_script
{
	my %option = @_;
	my $name = $option{name};
	my $maintenance = $option{maintenance} // 'scheduled';

	($as_of, $zone, $wild, $key, $people) = @option{qw(as_of zone wild key people)};
	return <<SQL
CREATE SCHEMA $name;
SET search_path = $name, public;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE region (id int PRIMARY KEY, name text);
CREATE TABLE city (id smallint PRIMARY KEY, name text, region_id int, opened date);
CREATE TABLE product (id int PRIMARY KEY, category text, price numeric);
CREATE TABLE people (
	key $key PRIMARY KEY, country varchar(8), name text, nick text COLLATE "C", email public.citext, code char(4),
	age int, small smallint, big bigint, balance numeric(12, 2), exact numeric, "Größe" int, score float8, rate real,
	paid boolean, birth date, seen timestamptz, created timestamp, span interval,
	tags text[], nums int[], days date[], stamps timestamptz[], data jsonb, extra json,
	uid uuid, ip inet, mood mood, city_id int);
CREATE TABLE orders (
	id bigint PRIMARY KEY, who $key, placed timestamptz, due date, "local" timestamp, total numeric, weight float8,
	status varchar, labels varchar[], info jsonb, city_id int, gift boolean, took interval, token uuid);
CREATE TABLE lines (order_id bigint, product_id int, qty int, price numeric(10, 2), note text);
CREATE TABLE events (who $key, day date, kind text, value int);
CREATE TABLE visits (who $key, entered timestamp, page text, secs smallint);
SQL
	  . insert('region', 3)
	  . insert('city', 5)
	  . insert('product', 6)
	  . insert('people', $people)
	  . insert('orders', $people * 3)
	  . insert('lines', $people * 6)
	  . insert('events', $people * 2)
	  . insert('visits', $people * 2)
	  . <<SQL;
CREATE INDEX ON orders (who, placed);
CREATE INDEX ON lines (order_id);
CREATE INDEX ON events (who);
CREATE INDEX ON visits (who);
ANALYZE;
SELECT segments.create_population('$name', 'people', key => 'key', time_zone => '$zone', maintenance => '$maintenance');
SELECT segments.add_source('$name', 'orders', 'orders', key => 'who', at => 'placed');
SELECT segments.add_source('$name', 'lines', 'lines', key => 'order_id', parent => 'orders');
SELECT segments.add_source('$name', 'events', 'events', key => 'who', at => 'day', filter => 'kind != ''hidden''');
SELECT segments.add_source('$name', 'visits', 'visits', key => 'who', at => 'entered');
SELECT segments.add_lookup('$name', 'city', 'city', key => 'city_id');
SELECT segments.add_lookup('$name', 'region', 'region', key => 'region_id', of => 'city');
SELECT segments.add_lookup('$name', 'city', 'city', key => 'city_id', of => 'orders');
SELECT segments.add_lookup('$name', 'product', 'product', key => 'product_id', of => 'lines');
SELECT segments.add_attribute('$name', 'half', 'age / 2.0');
SELECT segments.add_attribute('$name', 'initial', 'left(name, 1)');
SELECT segments.add_attribute('$name', 'adult', 'age >= 18');
SQL
}

1;
