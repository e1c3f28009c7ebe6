#!/usr/bin/perl
# grouped.t: the grouped form. Random rules over random tables: the query that segments.grouped_sql()
# writes has to come to the members that a pass comes to, whatever way it is executed: with
# parallel workers, sorted or hashed, each member's rows gathered in parts that go through text
# and are combined, members collected in parts.
#
# SEGMENTS_SEED       the seed; a failure prints it
# SEGMENTS_RULES      rules for each population
# SEGMENTS_POPULATION only this one
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use File::Temp;
use RandomRules 'random_rule';
use RandomTables 'tables_script';
use Test::More;

binmode $_, ':encoding(UTF-8)' foreach Test::More->builder->output, Test::More->builder->failure_output;

my $seed = $ENV{SEGMENTS_SEED} // 20240229;
my $rules = $ENV{SEGMENTS_RULES} // 120;
my $database = 'segments_grouped';

my @populations = (
	{ name => 'berlin', key => 'integer', zone => 'Europe/Berlin', as_of => "timestamptz '2024-03-31 01:15:00+00'" },
	{ name => 'newyork', key => 'uuid', zone => 'America/New_York', as_of => "timestamptz '2024-11-03 06:30:00+00'", form => 'keys' },
	{ name => 'kolkata', key => 'text', zone => 'Asia/Kolkata', as_of => "timestamptz '2023-02-28 18:29:59.999999+00'", form => 'keys' },
	{ name => 'auckland', key => 'bigint', zone => 'Pacific/Auckland', as_of => "timestamptz '2024-02-28 12:30:00+00'" },
	{ name => 'havana', key => 'integer', zone => 'America/Havana', as_of => "timestamptz '2024-11-03 04:30:00+00'" });

sub psql
{
	my $script = shift;
	my $file = File::Temp->new(SUFFIX => '.sql');
	binmode $file, ':encoding(UTF-8)';
	print $file $script;
	close $file;
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	open my $psql, '-|:encoding(UTF-8)', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-F', "\t", '-d', $database, '-f', $file->filename
	  or die "psql: $!";
	local $/;
	my $output = <$psql> // '';
	close $psql or die "psql failed for seed $seed\n";
	return $output;
}

my $prepare = <<'SQL';
CREATE EXTENSION segments;
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE public.expected (segment text, key text);
CREATE TABLE public.found (segment text, key text);

-- A segment for the rule, if it is one that this version evaluates and that can be asked elsewhere.
CREATE FUNCTION public.take_rule(name text, rule text, population text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM segments.create_segment(name, rule::segments.segment_rule, population => population, build => false);
	PERFORM segments.ruleset_of(population, ARRAY[name]);
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN sqlstate = '0A000' AND sqlerrm !~ 'cannot be evaluated yet' THEN 'elsewhere: ' || sqlerrm ELSE 'refused: ' || sqlerrm END;
END $$;

-- What a query comes to, next to what is expected.
CREATE PROCEDURE public.compare(population text, way text, query text, form text) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	TRUNCATE public.found;
	EXECUTE format(CASE form
		WHEN 'keys' THEN 'INSERT INTO public.found SELECT s, q.key::text FROM (%s) AS q, unnest(q.segments) AS s'
		ELSE 'INSERT INTO public.found SELECT q.segment, k::text FROM (%s) AS q, segments.unnest(q.members) AS k' END, query);
	FOR r IN SELECT segment, count(*) AS n, min(key) AS key FROM (
			(TABLE public.expected EXCEPT TABLE public.found) UNION ALL (TABLE public.found EXCEPT TABLE public.expected)) AS d
		GROUP BY segment ORDER BY segment LOOP
		RAISE WARNING 'WRONG % % % % %', way, r.segment, r.n, r.key, 
			(SELECT s.rule FROM segments.segment s JOIN segments.population p ON p.id = s.population WHERE s.name = r.segment AND p.name = compare.population);
	END LOOP;
	RAISE WARNING 'COMPARED % %', way, (SELECT count(*) FROM public.found);
END $$;
SQL

# The ways to execute a query: SQL that is run before, and what becomes of the query
sub split_rows
{
	my $query = shift;

	$query =~ s/LEFT JOIN \(\s+SELECT/LEFT JOIN (SELECT p.key, segments.combine(p.rows::text::segments.member_rows ORDER BY random()) AS rows FROM (SELECT/g;
	$query =~ s/GROUP BY (s\d+\.\S+)\) AS f/GROUP BY $1, hashtext(s1.ctid::text) % 3) AS p GROUP BY p.key) AS f/g;
	return $query;
}

sub split_members
{
	my $query = shift;

	return "SELECT u.segment, u.members FROM (SELECT segments.combine(q.memberships::text::segments.memberships) AS m FROM (" .
	  "$query GROUP BY hashtext(m.key::text) % 4) AS q) AS c, segments.unnest(c.m) AS u";
}

my $parallel = join ' ', map { "SET LOCAL $_;" } 'max_parallel_workers_per_gather = 3', 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0',
  'min_parallel_table_scan_size = 0', 'enable_mergejoin = off';
my @ways = (
	[ 'plain', '', sub { shift } ],
	[ 'parallel', $parallel, sub { shift } ],
	[ 'sorted', 'SET LOCAL enable_hashagg = off; SET LOCAL enable_hashjoin = off;', sub { shift } ],
	[ 'other settings', "SET LOCAL DateStyle = 'SQL, DMY'; SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL IntervalStyle = 'sql_standard'; SET LOCAL search_path = '';", sub { shift } ],
	[ 'rows in parts', '', \&split_rows ]);

$ENV{PGOPTIONS} = '-c client_min_messages=warning';
system('psql', '-XqAt', '-c', "DROP DATABASE IF EXISTS $database", '-c', "CREATE DATABASE $database") == 0 or die 'psql failed';
psql($prepare);
note "seed $seed";
foreach my $i (0 .. $#populations)
{
	my %population = (people => 150, wild => 1, form => 'segments', %{ $populations[$i] });
	my ($name, $form) = @population{ 'name', 'form' };
	my (%rule, %taken, @elsewhere);

	next if defined $ENV{SEGMENTS_POPULATION} && $ENV{SEGMENTS_POPULATION} ne $name;
	srand($seed + $i);
	psql(tables_script(%population));

	# a segment for each rule; those that cannot be asked elsewhere are left out
	my $script = "SET search_path = $name, public;\n";
	foreach my $n (1 .. $rules)
	{
		my ($rule) = random_rule();
		$rule = "in segment 'r" . (1 + int rand($n - 1)) . "' and not ($rule)" if $n > 20 && rand() < 0.1;
		$rule{"r$n"} = $rule;
		$script .= sprintf "SELECT 'r%d', public.take_rule('r%d', '%s', '%s');\n", $n, $n, $rule =~ s/'/''/gr, $name;
	}
	foreach (split /\n/, psql($script))
	{
		my ($segment, $result) = split /\t/;
		$taken{$segment} = 1 if $result eq 'taken';
		push @elsewhere, "$rule{$segment}\n  $result" if $result =~ /^elsewhere/;
	}
	my $names = 'ARRAY[' . join(', ', map { "'$_'" } sort keys %taken) . ']';
	note "$name: " . keys(%taken) . ' rules taken, ' . @elsewhere . ' cannot be asked elsewhere';
	cmp_ok(scalar keys %taken, '>', $rules * 0.7, "$name: most rules can be asked elsewhere") or diag join "\n", @elsewhere;

	my $queries = psql("SELECT replace(segments.grouped_sql('$name', $names, $population{as_of}, form => '$form'), E'\\n', ' ');\n" .
		($form eq 'keys' ? '' : "SELECT replace(segments.grouped_sql('$name', $names, $population{as_of}, form => 'memberships'), E'\\n', ' ');\n"));
	my ($query, $memberships) = split /\n/, $queries;
	my @scripts = map { [ $_->[0], $_->[1], $_->[2]->($query) ] } @ways;
	push @scripts, [ 'members in parts', '', split_members($memberships) ] if $form ne 'keys';
	push @scripts, [ 'both in parts', $parallel, split_members(split_rows($memberships)) ] if $form ne 'keys';

	$script = "SET search_path = $name, public;\nSELECT segments.refresh('$name', $population{as_of});\n" .
	  "TRUNCATE public.expected;\n" .
	  "INSERT INTO public.expected SELECT s, segments.member_keys(s, '$name') FROM unnest($names) AS s;\n" .
	  join '', map { "BEGIN;\n$_->[1]\nCALL public.compare('$name', '$_->[0]', \$grouped\$$_->[2]\$grouped\$, '$form');\nCOMMIT;\n" } @scripts;
	my $file = File::Temp->new(SUFFIX => '.sql');
	binmode $file, ':encoding(UTF-8)';
	print $file $script;
	close $file;
	my @lines = split /\n/, `PGCLIENTENCODING=UTF8 psql -XqAt -v ON_ERROR_STOP=1 -d $database -f @{[$file->filename]} 2>&1`;
	my $failed = join "\n", grep { /ERROR|FATAL|closed the connection/ } @lines;
	is($failed, '', "$name: all queries run");
	foreach my $way (map { $_->[0] } @scripts)
	{
		my @wrong = grep { /WARNING:  WRONG \Q$way\E r/ } @lines;
		my ($compared) = map { /COMPARED \Q$way\E (\d+)/ ? $1 : () } @lines;
		ok(@wrong == 0 && $compared, "$name, $way: the members are those of a pass");
		diag "seed $seed: $_" foreach splice @{ [@wrong] }, 0, 10;
	}
}
system('psql', '-XqAt', '-c', "DROP DATABASE $database") if Test::More->builder->is_passing;
done_testing();
