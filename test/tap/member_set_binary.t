#!/usr/bin/perl
# member_set_binary.t: the binary form of member_set. Values made by hand: those
# that are sound come back, and what is wrong with the others is said. Then
# damaged input, for the text and the Roaring formats as well: test/fuzz/member_set.c
# does that, and the server has to be there afterwards.
#
# For longer runs:  SEGMENTS_FUZZ_COUNT=5000000 SEGMENTS_FUZZ_SEED=7 prove -v ...
use strict;
use warnings;
use File::Basename;
use File::Temp;
use Test::More;

my $count = $ENV{SEGMENTS_FUZZ_COUNT} || 160_000;
my $seed = $ENV{SEGMENTS_FUZZ_SEED} || 1;
my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
my $source = dirname(__FILE__) . '/../fuzz/member_set.c';
my $dir = File::Temp->newdir;
my $database = 'member_set_binary_' . $$;

my $created = system("createdb $database") == 0 or die;
END { system("dropdb $database") if $created }
$ENV{PGDATABASE} = $database;
system("psql -Xq -c 'CREATE EXTENSION segments' -c 'CREATE TABLE t (s segments.member_set)'") == 0
  or die;

# chunk(NUMBER, CARDINALITY): the head of a chunk
sub chunk
{
	my ($number, $cardinality) = @_;
	return pack('q>', $number * 8192 + $cardinality - 1);
}

# body(KIND, POSITION), KIND being 0 for an array, 1 for runs, 2 for bits
sub body
{
	my ($kind, $position) = @_;
	return pack('N', $kind << 30 | $position);
}

# set(CHUNKS, REST...): the binary form of a set
sub set
{
	my ($nchunks, @rest) = @_;
	return pack('C N', 1, $nchunks) . join('', @rest);
}

sub units { return pack('n*', @_) }

# copy(BYTES): the set that COPY makes of a value in binary, or its error
sub copy
{
	my $bytes = shift;
	open(my $file, '>:raw', "$dir/value") or die $!;
	print $file "PGCOPY\n\377\r\n\0", pack('N N n N', 0, 0, 1, length($bytes)), $bytes,
	  pack('n', 0xffff);
	close $file;
	my $output = `psql -XAtq -v VERBOSITY=verbose -c "TRUNCATE t" \\
		-c "\\copy t FROM '$dir/value' (FORMAT binary)" -c "SELECT s FROM t" 2>&1`;
	return $output =~ s/\n$//r unless $output =~ /ERROR:\s*(\w+)/;
	my $state = $1;
	return $output =~ /DETAIL:\s*(.*)/ ? "$state $1" : $state;
}

my @every_second = map { 2 * $_ } 0 .. 4095;
my $bits = pack('C', 0x55) x 1024;

is(copy(set(0)), '{}', 'the empty set');
is(copy(set(1, chunk(0, 2), body(0, 0), units(1, 5))), '{1,5}', 'an array');
is(copy(set(1, chunk(-1, 3), body(1, 0), units(8189, 2))), '{-3--1}', 'a run');
is(copy(set(1, chunk(0, 4096), body(2, 0), $bits)), '{' . join(',', @every_second) . '}', 'bits');
is(copy(set(2, chunk(0, 1), chunk(1, 3), body(0, 0), body(1, 1), units(7, 0, 2))),
	'{7,8192-8194}', 'two chunks');

my @wrong = (
	['version', pack('C N', 2, 0), 'The version is not known.'],
	['more chunks than bytes', set(1000000000), 'The directory is incomplete.'],
	['half a directory', set(1, chunk(0, 1)), 'The directory is incomplete.'],
	['no chunks but bytes', set(0, units(1)), 'There are bytes behind the last chunk.'],
	['an odd length', set(1, chunk(0, 1), body(0, 0), 'x'), 'There are bytes behind the last chunk.'],
	['a chunk without members', set(1, chunk(0, 1), body(0, 0)),
		'A chunk is not where the previous one ends.'],
	['a first chunk that is not first', set(1, chunk(0, 1), body(0, 1), units(5, 5)),
		'A chunk is not where the previous one ends.'],
	['chunks that overlap', set(2, chunk(0, 1), chunk(1, 1), body(0, 0), body(0, 0), units(5, 5)),
		'A chunk is not where the previous one ends.'],
	['a chunk beyond the end', set(2, chunk(0, 1), chunk(1, 1), body(0, 0), body(0, 9), units(5, 5)),
		'A chunk is not where the previous one ends.'],
	['chunks in descending order',
		set(2, chunk(1, 1), chunk(0, 1), body(0, 0), body(0, 1), units(5, 5)),
		'The chunks are not in ascending order.'],
	['a chunk twice', set(2, chunk(1, 1), chunk(1, 1), body(0, 0), body(0, 1), units(5, 6)),
		'The chunks are not in ascending order.'],
	['an unknown kind', set(1, chunk(0, 1), body(3, 0), units(5)), 'A chunk is of an unknown kind.'],
	['a wrong cardinality', set(1, chunk(0, 3), body(0, 0), units(1, 5)),
		'The cardinality of a chunk is wrong.'],
	['members in descending order', set(1, chunk(0, 2), body(0, 0), units(5, 1)),
		'The members of a chunk are not in ascending order.'],
	['a member twice', set(1, chunk(0, 2), body(0, 0), units(5, 5)),
		'The members of a chunk are not in ascending order.'],
	['a member outside', set(1, chunk(0, 2), body(0, 0), units(5, 8192)),
		'A member lies outside its chunk.'],
	['half a run', set(1, chunk(0, 4), body(1, 0), units(1, 2, 7)), 'A run is incomplete.'],
	['runs that touch', set(1, chunk(0, 9), body(1, 0), units(1, 3, 5, 4)),
		'The runs of a chunk are not apart and in ascending order.'],
	['a run that leaves its chunk', set(1, chunk(0, 9), body(1, 0), units(8190, 8)),
		'A member lies outside its chunk.'],
	['runs of a wrong cardinality', set(1, chunk(0, 9), body(1, 0), units(1, 3)),
		'The cardinality of a chunk is wrong.'],
	['an array that should be runs', set(1, chunk(0, 3), body(0, 0), units(1, 2, 3)),
		'A chunk is not of the kind that takes least space.'],
	['runs that should be an array', set(1, chunk(0, 1), body(1, 0), units(1, 0)),
		'A chunk is not of the kind that takes least space.'],
	['an array that should be bits', set(1, chunk(0, 4096), body(0, 0), units(@every_second)),
		'A chunk is not of the kind that takes least space.'],
	['bits that should be an array', set(1, chunk(0, 1), body(2, 0), pack('Q>', 1) . "\0" x 1016),
		'A chunk is not of the kind that takes least space.'],
	['bits of a wrong cardinality', set(1, chunk(0, 4095), body(2, 0), $bits),
		'The cardinality of a chunk is wrong.'],
	['bits cut off', set(1, chunk(0, 4096), body(2, 0), substr($bits, 8)),
		'A chunk of bits has the wrong length.']);
is(copy($_->[1]), "22P03 $_->[2]", $_->[0]) for @wrong;

# Damaged input.

chomp(my $include = `$pg_config --includedir`);
chomp(my $lib = `$pg_config --libdir`);
my ($header) = grep { -f "$_/libpq-fe.h" } $include, "$include/postgresql", '/usr/include/postgresql';

SKIP:
{
	skip('no headers of libpq (Debian: libpq-dev)', 10) unless $header;
	system("cc -o $dir/fuzz $source -I$header -L$lib -Wl,-rpath,$lib -lpq") == 0
	  or BAIL_OUT('test/fuzz/member_set.c does not compile');

	my $output = `$dir/fuzz $count $seed 2>&1`;
	is($?, 0, 'every value is refused properly or taken as a set') or diag($output);
	while ($output =~ /^(\w+): (\d+) accepted, (\d+) refused$/mg)
	{
		cmp_ok($2, '>', $count / 1000, "$1 accepted some");
		cmp_ok($3, '>', $count / 20, "$1 refused many");
	}
	is(`psql -XAtqc "SELECT segments.member_set '{1-3}'"`, "{1-3}\n", 'the server goes on');
}
done_testing(5 + @wrong + 10);
