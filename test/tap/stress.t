#!/usr/bin/perl
# stress.t: writers of all kinds, at every isolation level, in transactions that are prepared and in savepoints, some who want a
# table for themselves, the clock, upkeep, definitions and a consumer of the feed at once. Readers find every answer exact in
# their snapshots all the while, nobody fails for what segments does, and nothing is wrong when it is over.
#
# SEGMENTS_SEED chooses what happens, SEGMENTS_SECONDS for how long.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Test::More;

use Server;
use Scratch;
use Traffic;

my $seed = $ENV{SEGMENTS_SEED} // 1;
my $seconds = $ENV{SEGMENTS_SECONDS} // 20;
my $database = 'segments_stress';
my $dir = server_dir();

# What the server says, in its log, that has nothing to do with the rows of others: whoever waits for those in a circle, or cannot
# be serialized, is tried again by pgbench.
sub unexpected
{
	return grep { /^\S+ \S+ \S+ \[\d+\] \S* WARNING|deadlock detected.*waits for \w+ on (?!transaction|tuple)/s }
		split /^(?=\S.* (?:ERROR|WARNING|FATAL|PANIC|LOG):  )/m, slurp("$dir/stress.log");
}

create_server('stress', 54335, 'max_prepared_transactions = 10', 'deadlock_timeout = 100ms', "log_line_prefix = '%m [%p] %a '");
start_server('stress');
create_database($database);
sql('SET client_min_messages = warning;' . tables() . keyed_tables() . definitions() . keyed_definitions());

my @running = map { start_traffic($dir, $database, $seconds, $seed, @$_) }
	([write => 5], [keyed => 4], [insert => 2], [prepare => 2], [lock => 2], [upkeep => 2], [define => 1], [build => 1], [follow => 1], [inspect => 2]);
foreach (@running)
{
	waitpid $_->{pid}, 0;
	my $status = $?;
	my $name = $_->{kind};
	my ($done) = slurp("$dir/$name.out") =~ /transactions actually processed: (\d+)/;
	my ($failed) = slurp("$dir/$name.out") =~ /number of failed transactions: (\d+)/;
	my $errors = slurp("$dir/$name.err");

	$errors =~ s/^pgbench.*\n//;
	ok($status == 0 && ($done // 0) > 0 && ($failed // 0) == 0, "$name: no errors")
		or diag("seed $seed, status $status\n" . substr($errors, 0, 4000));
	note("$name: ", $done // 'no', ' transactions');
}

is(join("\n", unexpected()), '', 'nobody waits in a circle, and nothing is complained of');
is(sql('SELECT count(*) FROM pg_prepared_xacts'), '0', 'nothing is left prepared');
is(wrong(), '', "nothing is wrong (seed $seed)");
sql('SELECT present(); CALL segments.maintain(fold_all => true);');
is(wrong(), '', 'nor after upkeep');
is(sql('SELECT count(*) FROM segments.due WHERE at = \'-infinity\''), '0', 'nobody is in doubt any more');
is(sql('SELECT count(*) FROM segments.change'), '0', 'everything is folded');
1 while sql('SELECT follow(10000)') > 0;
is(sql("SELECT count(*) FROM present(); SELECT astray();"), '1', 'the feed has told all, once');
done_testing();
