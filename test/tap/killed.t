#!/usr/bin/perl
# killed.t: those who build, keep up and refresh are stopped at random moments while others write and read: cancelled, by
# a timeout, terminated, and killed along with their server. Nothing is ever wrong for it, nothing half made is seen, and
# upkeep takes away what was left.
#
# SEGMENTS_SEED chooses what happens, SEGMENTS_ROUNDS how often.
use strict;
use warnings;

use FindBin;
use IPC::Open2;
use lib "$FindBin::RealBin/../perl";
use Test::More;
use Time::HiRes qw(sleep time);

use Server;
use Scratch;
use Traffic;

my $seed = $ENV{SEGMENTS_SEED} // 1;
my $rounds = $ENV{SEGMENTS_ROUNDS} // 3;
my $strikes = 12;
my $dir = server_dir();
my %commands = (
	build => "CALL segments.create_segment_concurrently('new', 'count(orders) >= 2 or city.size > 70')",
	maintain => 'CALL segments.maintain()',
	step => 'SELECT FROM segments.maintain_step(max_members => 100)',
	refresh => "SELECT FROM segments.refresh('customers')");
my %took = map { $_ => 0.05 } keys %commands;
my %signals = (cancelled => 'INT', terminated => 'TERM', killed => 'KILL');

# How many came to an end and how many did not, and what was left of builders.
my %ended = (done => 0, stopped => 0);
my %left;

srand($seed);

sub start_writers
{
	return map { start_traffic($dir, 'shop', 60, $seed, @$_) } ([write => 4], [upkeep => 1], [read => 1]);
}

# What they had to say but for the end of their server.
sub end_writers
{
	waitpid $_->{pid}, 0 foreach @_;
	return join '', map { slurp("$dir/$_->{kind}.err") =~ s/^(?!.*ERROR).*\n//gmr } @_;
}

# Sends a command to a session, which is stopped at a random moment of the time that it takes.
sub strike
{
	my ($name, $how) = @_;
	my $wait = rand(1.2) * $took{$name};
	my $psql = open2(my $out, my $in, 'sh', '-c', 'exec "$@" 2>>' . "$dir/struck", 'sh', psql_command());
	my $timeout = $how eq 'timed out' ? 1 + int 1000 * $wait : 0;

	print $in "SELECT pg_backend_pid();\n";
	$in->flush;
	chomp(my $backend = <$out>);
	print $in "DO 'BEGIN PERFORM present(); END'; SET statement_timeout = $timeout;\n$commands{$name};\nSELECT 'done';\n";
	$in->flush;
	my $began = time;
	if ($how ne 'timed out')
	{
		sleep $wait;
		kill $signals{$how} => $backend;
	}
	close $in;
	my $done = join('', <$out>) =~ /done/;
	waitpid $psql, 0;
	$took{$name} = 0.8 * $took{$name} + 0.2 * (time - $began) if $done;
	$ended{ $done ? 'done' : 'stopped' }++;
}

# Until it has begun so many times.
sub wait_for_server
{
	my ($times) = @_;

	for (1 .. 600)
	{
		return if (() = slurp("$dir/server.log") =~ /ready to accept connections/g) >= $times;
		sleep 0.1;
	}
	die "the server is not back:\n" . slurp("$dir/server.log");
}

# What is there of the segment that is built: 'none', 'rule' where its builder was stopped on the way, or all.
sub state_of_build
{
	return sql("SELECT coalesce((SELECT CASE WHEN built THEN 'all' ELSE 'half' END FROM segments.segment WHERE name = 'new'),"
		. " CASE WHEN EXISTS (SELECT FROM segments.building) THEN 'rule' ELSE 'none' END)");
}

create_server('server', 54334);
start_server('server');
create_database('shop');
sql('SET client_min_messages = warning;' . tables() . definitions());

foreach my $round (1 .. $rounds)
{
	my @writers = start_writers();
	my $wrong = '';

	foreach my $strike (1 .. $strikes)
	{
		my $name = ('build', 'build', 'maintain', 'step', 'refresh')[ rand 5 ];
		my $how = $strike == $strikes ? 'killed' : ('cancelled', 'terminated', 'timed out')[ rand 3 ];

		strike($name, $how);
		if ($how eq 'killed')
		{
			wait_for_server(1 + $round);
			is(end_writers(@writers), '', "round $round: no errors before the server was killed");
		}
		$left{ state_of_build() }++ if $name eq 'build';
		$wrong ||= wrong(1 + int rand 40);
		sql("SELECT segments.drop_segment(name) FROM segments.segment WHERE name = 'new'");
	}
	is($wrong, '', "round $round: nothing is wrong whenever somebody is stopped (seed $seed)");
	sql('SELECT FROM present(); CALL segments.maintain();');
	is(state_of_build(), 'none', 'nothing is left of it after upkeep');
	sql("SELECT FROM present(); $commands{build};");
	is(wrong(), '', 'and it is created as if nothing had been');
	sql("SELECT segments.drop_segment('new')");
}
note(join ', ', map { "$_ $ended{$_}" } sort keys %ended);
note('after builders: ', join ', ', map { "$_ $left{$_}" } sort keys %left);
ok(!$left{half}, 'no segment was half made');
cmp_ok($ended{stopped}, '>', 0, 'some were stopped');
done_testing();
