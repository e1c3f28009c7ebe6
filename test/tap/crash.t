#!/usr/bin/perl
# crash.t: a server that is killed amid writers, upkeep, definitions and a consumer of the feed comes back with
# every answer exact, and a standby that followed it answers the same, and goes on when it is promoted.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Test::More;

use Server;
use Scratch;
use Traffic;

my $seconds = 4;
my $rounds = 3;
my $database = 'shop';
my $dir = server_dir();

# Waits until the standby has all that is written.
sub catch_up
{
	my $written = Scratch::outside('SELECT pg_current_wal_insert_lsn()');

	use_server('standby');
	for (1 .. 600)
	{
		if (Scratch::outside("SELECT pg_last_wal_replay_lsn() >= '$written'") eq 't')
		{
			use_server('primary');
			return;
		}
		select(undef, undef, undef, 0.1);
	}
	die "the standby does not follow:\n" . slurp("$dir/standby.log");
}

# What a consumer of the feed has that is not so, when it has taken everything.
sub astray
{
	sql('SELECT FROM present(); CALL segments.maintain(fold_all => true);');
	1 while sql('SELECT follow(10000)') > 0;
	return sql('SELECT FROM present(); SELECT astray();') =~ s/^\n//r;
}

create_server('primary', 54331, 'wal_keep_size = 1GB');
start_server('primary');
run_quietly("pg_basebackup -D $dir/standby -X stream -R --no-sync -c fast");
configure_server('standby', 54332, 'max_standby_streaming_delay = -1');
start_server('standby');

create_database($database);
sql('SET client_min_messages = warning;' . tables() . definitions());

# Somebody reads there all the while, in one session.
catch_up();
use_server('standby');
my $reader = start_traffic($dir, $database, $seconds * $rounds, 1, read => 1);
use_server('primary');

for my $round (1 .. $rounds)
{
	my @running = map { start_traffic($dir, $database, 60, $round, @$_) } ([write => 4], [upkeep => 2], [define => 1], [follow => 1]);

	select(undef, undef, undef, $seconds);
	kill_server('primary');
	waitpid $_->{pid}, 0 for @running;
	start_server('primary');
	is(join('', map { slurp("$dir/$_->{kind}.err") =~ s/^(?!.*ERROR).*\n//gmr } @running), '', "round $round: no errors before");
	is(wrong(), '', 'nothing is wrong after a crash');
}
is(scalar(() = slurp("$dir/primary.log") =~ /not properly shut down/g), $rounds, 'it was a crash each time');
cmp_ok(sql('SELECT count(*) FROM segments.history'), '>', 1000, 'in which much happened');
is(astray(), '', 'nothing is lost for the feed, or told twice');

waitpid $reader->{pid}, 0;
like(slurp("$dir/read.out"), qr/actually processed: [1-9]/, 'a standby can be read from meanwhile');
is(slurp("$dir/read.err") =~ s/^pgbench.*\n//r, '', 'and nothing is wrong there');

my $answers = "SELECT FROM present(); SELECT name, segments.count_members(name), (SELECT sum(m) FROM segments.members(name) m) FROM segments.segment ORDER BY name";
my $primary = sql($answers);
catch_up();
use_server('standby');
is(wrong(), '', 'nor is it when it has followed to the end');
is(sql($answers), $primary, 'it answers as the primary does');

use_server('primary');
kill_server('primary');
use_server('standby');
run_quietly("pg_ctl -D $dir/standby -w -s promote");
is(wrong(), '', 'nothing is wrong where it takes over');
start_traffic($dir, $database, 2, 9, write => 2);
wait;
is(slurp("$dir/write.err") =~ s/^pgbench.*\n//r, '', 'it goes on');
is(wrong(), '', 'with nothing wrong');
is(astray(), '', 'and the feed goes on');
done_testing();
