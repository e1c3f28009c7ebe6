#!/usr/bin/perl
# concurrently.t: segments are created while writers, upkeep, the clock and readers go on. Each is exact as soon as the
# call returns, and stays so; and nobody ever waits for the builder.
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
my $seconds = $ENV{SEGMENTS_SECONDS} // 12;
my $dir = File::Temp->newdir;

srand($seed);

# Runs a command that builds, in a session of its own; returns what is wrong right after.
sub build
{
	sql("DO 'BEGIN PERFORM present(); END'; SET application_name = 'builder'; $_[0];");
	return wrong(1 + int rand 40);
}

# Looks all the time for those who wait for the builder, and for locks of it that writers could wait for.
sub start_watching
{
	open(my $file, '>', "$dir/watch.sql") or die "watch.sql: $!";
	print $file <<'EOT';
SELECT 'waits: ' || w.query FROM pg_stat_activity w, pg_stat_activity b
	WHERE b.application_name = 'builder' AND b.pid = ANY (pg_blocking_pids(w.pid))
UNION ALL SELECT 'looked' FROM pg_stat_activity WHERE application_name = 'builder'
UNION ALL SELECT l.mode || ' on ' || l.relation::regclass FROM pg_locks l JOIN pg_stat_activity b USING (pid)
	WHERE b.application_name = 'builder' AND l.mode <> 'AccessShareLock'
		AND l.relation IN ('customer'::regclass, 'orders'::regclass, 'city'::regclass, 'product'::regclass)
\watch 0.005
EOT
	close $file;
	my $pid = fork // die "fork: $!";

	return $pid if $pid;
	open(STDOUT, '>', "$dir/watch.out") or die "watch.out: $!";
	exec(psql_command(), '-f', "$dir/watch.sql") or die "psql: $!";
}

# How often it looked while there was a builder, and what it saw.
sub stop_watching
{
	my ($pid) = @_;

	kill TERM => $pid;
	waitpid $pid, 0;
	my %seen;
	$seen{$_}++ foreach grep { length } split /\n/, slurp("$dir/watch.out");
	my $looked = delete $seen{looked} // 0;
	return ($looked, join "\n", sort keys %seen);
}

sub random_rule
{
	my $days = 1 + int rand 60;
	my $number = 1 + int rand 6;
	my @rules = (
		"age < $days", "city.size > $days", "count(orders) >= $number", "exists(orders within last $days days)",
		"count(orders where product.category = 'study') >= $number", "sum(orders.total within last $days days) > $days",
		"in segment 'young' and not exists(orders within last $days days)", "anniversary of joined within next $days days");

	return $rules[ rand @rules ];
}

create_database('segments_concurrently');
sql('SET client_min_messages = warning;' . tables() . definitions());

my @running = map { start_traffic($dir, 'segments_concurrently', $seconds, $seed, @$_) }
	([write => 5], [upkeep => 2], [follow => 1], [read => 1]);
my $end = time + $seconds - 1;
my $watcher = start_watching();
my $built = 0;
my $wrong = '';
while (time < $end && $wrong eq '')
{
	my $rule = random_rule();

	$built++;
	$wrong = build("CALL segments.create_segment_concurrently('new $built', \$\$$rule\$\$)");
	$wrong = "$rule: $wrong" if $wrong ne '';
	sql("SELECT segments.drop_segment('new ' || $built - 4)") if $built > 4;
}
is($wrong, '', "each is exact at once (seed $seed)");
my ($looked, $seen) = stop_watching($watcher);
is($seen, '', 'nobody waits for the builder');
cmp_ok($looked, '>', $built, 'and somebody has looked');
note("$built built, looked $looked times");

# The other way to create one, to be sure that those who look see something.
$watcher = start_watching();
build("SELECT FROM segments.create_segment('locking $_', 'count(orders) > 3')") foreach 1 .. 3;
like((stop_watching($watcher))[1], qr/^ShareLock on customer$/m, 'who locks writers out is seen');

foreach (@running)
{
	waitpid $_->{pid}, 0;
	my $status = $?;

	is(slurp("$dir/$_->{kind}.err") =~ s/^pgbench.*\n//r, '', "$_->{kind}: no errors");
	is($status, 0, 'to the end');
}
is(wrong(), '', 'nothing is wrong when it is over');
sql('SELECT FROM present(); CALL segments.maintain();');
is(wrong(), '', 'nor after upkeep');
is(sql('SELECT count(*) FROM segments.building'), '0', 'and nothing is left over');
done_testing();
