#!/usr/bin/perl
# stress.t: writers of all kinds, the clock, upkeep, definitions and a consumer of the feed at once. Readers find
# every answer exact in their snapshots all the while, and nothing is wrong when it is over.
#
# SEGMENTS_SEED chooses what happens, SEGMENTS_SECONDS for how long.
use strict;
use warnings;

use File::Temp;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use Scratch;
use Test::More;
use Traffic;

my $seed = $ENV{SEGMENTS_SEED} // 1;
my $seconds = $ENV{SEGMENTS_SECONDS} // 20;
my $database = 'segments_stress';
my $dir = File::Temp->newdir;

create_database($database);
sql('SET client_min_messages = warning;' . tables() . definitions());

my @running = map { start_traffic($dir, $database, $seconds, $seed, @$_) }
	([write => 6], [upkeep => 2], [define => 1], [follow => 1], [read => 2]);
foreach (@running)
{
	waitpid $_->{pid}, 0;
	my $status = $?;
	my $name = $_->{kind};
	my ($done) = slurp("$dir/$name.out") =~ /transactions actually processed: (\d+)/;
	my $errors = slurp("$dir/$name.err");

	$errors =~ s/^pgbench.*\n//;
	ok($status == 0 && ($done // 0) > 0, "$name: no errors")
		or diag("seed $seed, status $status\n" . substr($errors, 0, 4000));
	note("$name: ", $done // 'no', ' transactions');
}

is(wrong(), '', "nothing is wrong (seed $seed)");
sql('SELECT present(); CALL segments.maintain(fold_all => true);');
is(wrong(), '', 'nor after upkeep');
is(sql('SELECT count(*) FROM segments.due WHERE at = \'-infinity\''), '0', 'nobody is in doubt any more');
is(sql('SELECT count(*) FROM segments.change'), '0', 'everything is folded');
1 while sql('SELECT follow(10000)') > 0;
is(sql("SELECT count(*) FROM present(); SELECT astray();"), '1', 'the feed has told all, once');
done_testing();
