#!/usr/bin/perl
# stress.t: writers of all kinds, the clock, upkeep and definitions at once. Readers find every answer exact in
# their snapshots all the while, and nothing is wrong when it is over.
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

my %upkeep = (
	maintain => [3, "CALL segments.maintain();\n"],
	step => [6, "SELECT segments.maintain_step(max_members => :hot);\n"],
	clock => [2, "SELECT nextval('tick');\n\\sleep :age ms\n"]);

my %define = (
	definitions => [1, <<'EOT']);
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

# Raises what is wrong.
my %read = (
	read => [1, <<'EOT']);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 FROM customer LIMIT 1;
DO $$DECLARE w text; BEGIN
	SELECT string_agg(x, E'\n') INTO w FROM wrong((SELECT 1 + backend_xmin::text::bigint % 40 FROM pg_stat_activity WHERE pid = pg_backend_pid())) x;
	IF w <> '' THEN RAISE '%', w; END IF;
END$$;
END;
EOT

create_database($database);
sql('SET client_min_messages = warning;' . tables() . definitions());

# begin(NAME, CLIENTS, ARGUMENTS...): pgbench in the background
sub begin
{
	my ($name, $clients, @arguments) = @_;
	my $pid = fork // die "fork: $!";

	return { name => $name, pid => $pid } if $pid;
	open(STDOUT, '>', "$dir/$name.out") or die "$name.out: $!";
	open(STDERR, '>', "$dir/$name.err") or die "$name.err: $!";
	exec('pgbench', '-n', '-c', $clients, '-j', 1, '-T', $seconds, '--max-tries=1000', "--random-seed=$seed",
		@arguments, $database) or die "pgbench: $!";
}

my @running;
foreach ([write => 6, traffic($dir)], [upkeep => 2, write_scripts($dir, %upkeep)],
	[define => 1, write_scripts($dir, %define)], [read => 2, write_scripts($dir, %read)])
{
	push @running, begin(@$_);
}
foreach (@running)
{
	waitpid $_->{pid}, 0;
	my $status = $?;
	my ($done) = slurp("$dir/$_->{name}.out") =~ /transactions actually processed: (\d+)/;
	my $errors = slurp("$dir/$_->{name}.err");

	$errors =~ s/^pgbench.*\n//;
	ok($status == 0 && ($done // 0) > 0, "$_->{name}: no errors")
		or diag("seed $seed, status $status\n" . substr($errors, 0, 4000));
	note("$_->{name}: ", $done // 'no', ' transactions');
}

my $checked = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT present() IS NULL; SELECT * FROM segments."check"();'
	. 'SELECT w FROM generate_series(1, 40, 13) c, wrong(c) w; COMMIT;';
is(sql($checked), 'f', "nothing is wrong (seed $seed)");
sql('SELECT present(); CALL segments.maintain();');
is(sql($checked), 'f', 'nor after upkeep');
is(sql('SELECT count(*) FROM segments.due WHERE at = \'-infinity\''), '0', 'nobody is in doubt any more');
is(sql('SELECT count(*) FROM segments.change'), '0', 'everything is folded');
done_testing();
