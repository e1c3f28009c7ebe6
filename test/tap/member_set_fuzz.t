#!/usr/bin/perl
# member_set_fuzz.t: damaged bytes for all that reads a member set from bytes. The
# work is done by test/fuzz/member_set.c; the server has to be there afterwards.
#
# For longer runs:  SEGMENTS_FUZZ_COUNT=5000000 SEGMENTS_FUZZ_SEED=7 prove -v ...
use strict;
use warnings;
use File::Basename;
use File::Temp;
use Test::More;

my $count = $ENV{SEGMENTS_FUZZ_COUNT} || 120_000;
my $seed = $ENV{SEGMENTS_FUZZ_SEED} || 1;
my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
my $source = dirname(__FILE__) . '/../fuzz/member_set.c';
my $dir = File::Temp->newdir;
my $database = 'member_set_fuzz_' . $$;

chomp(my $include = `$pg_config --includedir`);
chomp(my $lib = `$pg_config --libdir`);
my ($header) = grep { -f "$_/libpq-fe.h" } $include, "$include/postgresql", '/usr/include/postgresql';
plan skip_all => 'no headers of libpq (Debian: libpq-dev)' unless $header;

system("cc -o $dir/fuzz $source -I$header -L$lib -Wl,-rpath,$lib -lpq") == 0
  or BAIL_OUT('test/fuzz/member_set.c does not compile');
my $created = system("createdb $database") == 0 or die;
END { system("dropdb $database") if $created }
system("psql -Xqd $database -c 'CREATE EXTENSION segments'") == 0 or die;

$ENV{PGDATABASE} = $database;
my $output = `$dir/fuzz $count $seed 2>&1`;
is($?, 0, 'every value is refused properly or taken as a set') or diag($output);
while ($output =~ /^(\w+): (\d+) accepted, (\d+) refused$/mg)
{
	cmp_ok($2, '>', $count / 1000, "$1 accepted some");
	cmp_ok($3, '>', $count / 10, "$1 refused many");
}
is(`psql -XAtqc "SELECT segments.member_set '{1-3}'"`, "{1-3}\n", 'the server goes on');
done_testing(8);
