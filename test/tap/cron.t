#!/usr/bin/perl
# cron.t: upkeep by pg_cron, as doc/upkeep.md has it. Two jobs run every minute, at the same time: of a superuser, and
# of a role that owns one of the populations. The minutes are made to pass by setting the server's clock.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Test::More;

use Server;

my $dir = server_dir();
my $passed = 0;

chomp(my $share = `pg_config --sharedir`);
plan skip_all => 'no pg_cron (Debian: postgresql-NN-cron)' unless -f "$share/extension/pg_cron.control";

sub query
{
	return Scratch::outside($_[0]);
}

# Sets the clock forward by a minute, and waits until both jobs have run since.
sub pass_minute
{
	my $moment;

	truncate("$dir/clock", 60 * ++$passed) or die "clock: $!";
	$moment = query('SELECT clock_timestamp()');
	for (1 .. 300)
	{
		return if query("SELECT count(DISTINCT jobid) = 2 AND bool_and(end_time IS NOT NULL) FROM cron.job_run_details"
			. " WHERE start_time > '$moment' OR start_time IS NULL") eq 't';
		select(undef, undef, undef, 0.1);
	}
	die "jobs do not run:\n" . query('TABLE cron.job_run_details') . "\n" . Scratch::slurp("$dir/server.log");
}

# What is stored, what the feed tells, and what rules say, against each other.
sub wrong
{
	return query(<<'EOT');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT p.name, c.* FROM segments.population p, segments."check"(p.name) c LIMIT 10;
SELECT 'due at', at FROM segments.due WHERE at <= clock_timestamp() LIMIT 10;
SELECT 'not stored', * FROM (TABLE exact EXCEPT TABLE stored LIMIT 10) d;
SELECT 'stored', * FROM (TABLE stored EXCEPT TABLE exact LIMIT 10) d;
SELECT 'not told', * FROM (TABLE exact EXCEPT TABLE told LIMIT 10) d;
SELECT 'told', * FROM (TABLE told EXCEPT TABLE exact LIMIT 10) d;
COMMIT;
EOT
}

sub start_on_clock
{
	local $ENV{LD_PRELOAD} = join ' ', "$dir/clock.so", $ENV{LD_PRELOAD} // ();
	local $ENV{CLOCK_FILE} = "$dir/clock";
	start_server('server');
}

# Some come, some go, and some change: of the customers at once, of the guests when somebody looks after them.
sub pass_minutes
{
	my ($minutes) = @_;

	foreach (1 .. $minutes)
	{
		query("UPDATE $_ SET age = (age + 7) % 70 WHERE id % 5 = $passed % 5; DELETE FROM $_ WHERE id % 97 = $passed;"
			. "INSERT INTO $_ SELECT 10000 * ($passed + 1) + i, now() - interval '90 seconds', i FROM generate_series(1, 50) i")
			foreach qw(customer guest);
		isnt(query("SELECT count(*) FROM segments.due WHERE at = '-infinity'"), '0', 'some are in doubt');
		pass_minute();
		is(wrong(), '', "minute $passed: upkeep has been there, and all is stored and told as it is");
	}
}

open(my $clock, '>', "$dir/clock") or die "clock: $!";
close $clock;
system("cc -shared -fPIC -o $dir/clock.so $FindBin::RealBin/../cron/clock.c") == 0 or BAIL_OUT('test/cron/clock.c does not compile');
create_server('server', 54333, "shared_preload_libraries = 'pg_cron'", "cron.database_name = 'postgres'", "cron.host = '$dir'");
start_on_clock();

# Of the customers, and of the guests, some leave every minute.
query(<<'EOT');
CREATE EXTENSION pg_cron;
CREATE EXTENSION segments;
CREATE ROLE keeper LOGIN;
GRANT USAGE ON SCHEMA cron TO keeper;
CREATE TABLE customer (id int PRIMARY KEY, seen timestamptz, age int);
CREATE TABLE guest (LIKE customer INCLUDING ALL);
INSERT INTO customer SELECT i, now() - i % 10 * interval '1 minute' - interval '30 seconds', i % 70 FROM generate_series(1, 3000) i;
INSERT INTO guest TABLE customer;
ALTER TABLE guest OWNER TO keeper;
SELECT segments.create_population('customers', 'customer');
SELECT segments.create_segment('here', 'seen > 5 minutes ago', 'customers');
SELECT segments.create_segment('old', 'age >= 60', 'customers');
SELECT segments.create_segment('offer', 'age < 10', 'customers', valid_until => now() + interval '150 seconds');
SET ROLE keeper;
SELECT segments.create_population('guests', 'guest', maintenance => 'queued');
SELECT segments.create_segment('away', 'seen < 7 minutes ago', 'guests');
SELECT segments.create_segment('young', 'age < 10', 'guests');
RESET ROLE;
SELECT cron.schedule('segments', '* * * * *', 'CALL segments.maintain()');
SET ROLE keeper;
SELECT cron.schedule('segments', '* * * * *', 'CALL segments.maintain()');
RESET ROLE;

CREATE VIEW exact AS
	SELECT s.name AS segment, member FROM segments.segment s JOIN segments.population p ON p.id = s.population,
		segments.matching(s.rule, p.name) member
	WHERE s.kind = 'dynamic' AND (s.valid_until IS NULL OR s.valid_until > clock_timestamp());
-- Sets, and what has not been folded into them yet.
CREATE VIEW stored AS
	WITH one AS (SELECT id, segment, member, entered FROM segments.change WHERE members IS NULL
		UNION ALL SELECT c.id, c.segment, m.member, c.entered FROM segments.change c, segments.unnest(c.members) AS m (member) WHERE c.members IS NOT NULL),
		last AS (SELECT DISTINCT ON (segment, member) segment, member, entered FROM one ORDER BY segment, member, id DESC)
	SELECT s.name AS segment, n.member
	FROM segments.segment s, LATERAL (
		SELECT u.member FROM segments.membership m, segments.unnest(m.members) AS u (member) WHERE m.segment = s.id
			AND NOT EXISTS (SELECT FROM last l WHERE l.segment = s.id AND l.member = u.member)
		UNION ALL SELECT member FROM last l WHERE l.segment = s.id AND l.entered) n
	WHERE s.kind = 'dynamic';
CREATE TABLE first AS TABLE exact;
CREATE VIEW told AS
	SELECT segment, member FROM (
		SELECT DISTINCT ON (segment, member) segment, member, event
		FROM (
			SELECT segment, member, 'entered' AS event, 0 AS number, timestamptz '-infinity' AS at FROM first
			UNION ALL SELECT segment, key::bigint, event, number, at FROM segments.changes WHERE segment <> 'everyone') c
		ORDER BY segment, member, number DESC, at DESC) l
	WHERE event = 'entered';
EOT

# pg_cron has two ways to run a job: in a session like others, and in a process of the server.
pass_minutes(3);
stop_server('server', 'fast');
configure_server('server', 54333, 'cron.use_background_workers = on');
start_on_clock();
pass_minutes(2);

is(query("SELECT string_agg(DISTINCT username || ' ' || status || ' ' || return_message, ', ') FROM cron.job_run_details"),
	'keeper succeeded CALL, postgres succeeded CALL', 'no job has failed');
is(query("SELECT string_agg(DISTINCT segment || ' ' || event, ', ') FROM segments.changes WHERE reason = 'clock'"),
	'away entered, here left, offer left', 'the clock has moved whom it should');
is(join("\n", grep { /(WARNING|ERROR|FATAL|PANIC):/ && !/administrator command/ } split /\n/, Scratch::slurp("$dir/server.log")), '',
	'nor has the server anything to say');
done_testing();
