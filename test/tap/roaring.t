#!/usr/bin/perl
# roaring.t: the Roaring formats against a Roaring library. What we export, the
# library must read with the same members; what the library writes, plain and
# with containers of runs, we must read. Where both choose the same containers
# the bytes are compared as well.
#
# The library is Debian's libroaring-dev, used by the programs in test/roaring.
use strict;
use warnings;
use File::Basename;
use File::Temp;
use Test::More;

my $sources = dirname(__FILE__) . '/../roaring';
my $dir = File::Temp->newdir;
my $database = 'roaring_' . $$;

plan skip_all => 'no Roaring library (Debian: libroaring-dev)'
  unless -f '/usr/include/roaring/roaring.h';
system("cc -o $dir/roaring32 $sources/roaring.c -lroaring") == 0
  or BAIL_OUT('test/roaring/roaring.c does not compile');
my $has_64 = system("c++ -o $dir/roaring64 $sources/roaring64.cc -lroaring >$dir/log 2>&1") == 0;

# sql(QUERY): what psql prints
sub sql
{
	my $query = shift;
	open(my $file, '>', "$dir/query.sql") or die $!;
	print $file "SET search_path = segments, public;\n$query;\n";
	close $file;
	my $output = `psql -XAtq -v ON_ERROR_STOP=1 -d $database -f $dir/query.sql 2>&1`;
	die "psql: $output" if $?;
	chomp $output;
	return $output;
}

sub slurp
{
	open(my $file, '<:raw', shift) or die $!;
	local $/;
	return <$file>;
}

sub spew
{
	my ($name, $content) = @_;
	open(my $file, '>:raw', $name) or die $!;
	print $file $content;
	close $file;
}

# compare(NAME, BITS, QUERY): a query that makes a set, in the format of BITS.
# For 64 bits the library prints negative members as unsigned numbers.
sub compare
{
	my ($name, $bits, $query) = @_;
	my $program = "$dir/roaring$bits";
	my $function = $bits == 32 ? 'roaring' : 'roaring64';
	my $unsigned = 'CASE WHEN m < 0 THEN m + 18446744073709551616 ELSE m END';

	sql("DROP TABLE IF EXISTS sample;
		CREATE TABLE sample AS SELECT ($query)::segments.member_set AS s");
	my $members = sql("SELECT $unsigned FROM sample, unnest(s) AS u, CAST(u AS numeric) AS m ORDER BY 1");
	$members .= "\n" if $members ne '';
	my $ours = pack('H*', sql("SELECT encode(to_$function(s), 'hex') FROM sample"));

	spew("$dir/ours", $ours);
	ok(`$program print $dir/ours` eq $members && $? == 0, "$name: the library reads it");

	spew("$dir/members", $members);
	for my $how ('write', 'optimize')
	{
		system("$program $how $dir/theirs <$dir/members") == 0 or die;
		my $theirs = slurp("$dir/theirs");
		my $hex = unpack('H*', $theirs);
		is(sql("SELECT from_$function('\\x$hex') = s FROM sample"), 't', "$name: we read it ($how)");
		ok($theirs eq $ours, "$name: and the bytes are the same") if $how eq 'optimize';
	}
}

my $created = system("createdb $database") == 0 or die;
END { system("dropdb $database") if $created }
sql('CREATE EXTENSION segments');

my %samples = (
	'empty' => q('{}'),
	'one' => q('{7}'),
	'edges' => q('{0,65535,65536,131071,4294967295}'),
	'runs in two containers' => q('{10-70000}'),
	'runs in five containers' => q('{10-70000,200000-300000,4294967000-4294967295}'),
	'array and runs' => q('{1,3,5,100000-100100,200001}'),
	'4096 members' => q(SELECT member_set_agg(i * 3) FROM generate_series(0::bigint, 4095) AS i),
	'4097 members' => q(SELECT member_set_agg(i * 3) FROM generate_series(0::bigint, 4096) AS i),
	'bits' => q(SELECT member_set_agg(i * 2) FROM generate_series(0::bigint, 200000) AS i),
	'a million' => q('{5000000-6000000}'),
	'everything mixed' => q(SELECT member_set_agg((i * i * 7919) % 3000017) | '{100000-120000,2900000-3100000}'
		FROM generate_series(1::bigint, 60000) AS i),
	'one container in many' => q(SELECT member_set_agg(i * 65536 + i % 7) FROM generate_series(0::bigint, 65535, 9) AS i),
	'as many runs as members' => q(SELECT member_set_agg(i * 4) | member_set_agg(i * 4 + 1) FROM generate_series(0::bigint, 3000) AS i),
);

compare($_, 32, $samples{$_}) for sort keys %samples;

SKIP:
{
	skip('no C++ compiler', 1) unless $has_64;
	my %more = (
		'negative' => q('{-5--1,3}'),
		'extremes' => q('{-9223372036854775808,-1,0,9223372036854775807}'),
		'several halves' => q('{1-10,4294967290-4294967300,12884901888,-4294967300--4294967290}'),
		'far apart' => q(SELECT member_set_agg(i * 10000000019 - 5000000000000) FROM generate_series(0::bigint, 1000) AS i),
	);
	compare("64 bits, $_", 64, $samples{$_}) for sort keys %samples;
	compare("64 bits, $_", 64, $more{$_}) for sort keys %more;
}
done_testing();
