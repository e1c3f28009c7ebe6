#!/usr/bin/perl
# rule_binary.t: segment_rule through COPY in binary, there and back, and whatever
# bytes somebody may send in its place.
use strict;
use warnings;
use File::Temp;
use Test::More;

my $database = 'rule_binary';
my $dir = File::Temp->newdir;
srand(4711);

# psql(SCRIPT): standard output and standard error together
sub psql
{
	my ($script) = @_;
	my $file = File::Temp->new(DIR => $dir);

	print $file "SET client_min_messages = error;\nSET search_path = segments, public;\n$script";
	$file->flush;
	return scalar `psql -XAqt -d $database -f $file 2>&1`;
}

# copy_file(NAME, VALUE...): a file as COPY ... (FORMAT binary) writes it, one column
sub copy_file
{
	my ($name, @values) = @_;

	open my $out, '>:raw', "$dir/$name" or die "$name: $!";
	print $out "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0), (map { pack('nNa*', 1, length, $_) } @values), pack('n', 0xffff);
	close $out or die "$name: $!";
}

my @rules = (
	q{country = 'DE' and age(birth_date) between 20 and 30},
	q{sum(orders.total within last 90 days where "die Größe" in (1, 2.5, 'x')) >= 1000},
	q{exists(a x followed by no b within 3 days where p or not (q and r))},
	q{seen > 2024-05-30T14:00Z and in segment 'vip' and bucket('s') < 10},
	q{anniversary of birth_date within next 30 days or percentile(a by b) > 0.9});

END { my $status = $?; `dropdb --if-exists $database 2>&1`; $? = $status; }
`dropdb --if-exists $database 2>&1; createdb $database`;
is(psql("CREATE EXTENSION segments;\nCREATE TABLE public.r (rule segments.segment_rule);\n"), '', 'set up');

# There and back
psql(join '', map { s/'/''/gr =~ s/(.*)/INSERT INTO r VALUES ('$1');\n/sr } @rules);
psql("\\copy r to '$dir/good' (format binary)\n");
is(psql("CREATE TABLE public.back (rule segments.segment_rule);\n\\copy back from '$dir/good' (format binary)\n" .
		"SELECT count(*) FROM r JOIN back USING (rule);\n"),
	scalar(@rules) . "\n", 'what COPY writes, COPY reads');
copy_file('same', map { "\x01$_" } @rules);
is(psql("TRUNCATE back;\n\\copy back from '$dir/same' (format binary)\nSELECT rule FROM back;\n"),
	join('', map { "$_\n" } @rules), 'a program that sends a version and a text is understood');

# Another encoding on the way
copy_file('latin1', "\x01name = 'Gr\xf6\xdfe'");
is(psql("TRUNCATE back;\nSET client_encoding = latin1;\n\\copy back from '$dir/latin1' (format binary)\n" .
		"SELECT rule::text = U&'name = ''Gr\\00F6\\00DFe''' FROM back;\n"),
	"t\n", 'the text is converted from the encoding of the client');

# What is refused
my %bad = (
	'' => 'no data left in message',
	"\x02a = 1" => 'unsupported version of segment_rule: 2',
	"\x00a = 1" => 'unsupported version of segment_rule: 0',
	"\x01a == 1" => 'syntax error in rule at or near "=="',
	"\x01" => 'syntax error in rule at end of input',
	"\x01a\0 = 1" => 'invalid byte sequence',
	"\x01a = '\xff'" => 'invalid byte sequence');
for my $bytes (sort keys %bad)
{
	copy_file('bad', $bytes);
	like(psql("\\copy back from '$dir/bad' (format binary)\n"), qr/ERROR: .*\Q$bad{$bytes}\E/, "refused: $bad{$bytes}");
}

# Mutated values: each is one statement of its own, and the server answers the last one
my ($script, $n) = ("TRUNCATE back;\n", 3000);
for my $i (1 .. $n)
{
	my $bytes = "\x01" . $rules[ rand @rules ];

	for (0 .. rand 3)
	{
		my $at = int rand length $bytes;
		my $kind = int rand 4;

		if ($kind == 0) { substr($bytes, $at, 1) = chr int rand 256 }
		elsif ($kind == 1) { $bytes = substr $bytes, 0, $at }
		elsif ($kind == 2) { substr($bytes, $at, int rand 5) = '' }
		else { substr($bytes, $at, 0) = substr $bytes, int(rand length $bytes), int rand 20 }
		last if $bytes eq '';
	}
	copy_file("m$i", $bytes);
	$script .= "\\copy back from '$dir/m$i' (format binary)\n";
}
my @lines = split /\n/, psql($script . "SELECT 'alive', count(*) > 100, bool_and(rule::text::segments.segment_rule::text = rule::text) FROM back;\n");
is(pop @lines, 'alive|t|t', 'the server outlives mutated values, and those that it takes are rules');
is_deeply([ grep { /ERROR:/ && !/ERROR:  (?:(?:syntax error|invalid value) in rule at|unsupported version of segment_rule|invalid byte sequence|no data left)/ } @lines ],
	[], 'the others are refused with an error of ours');

done_testing;
