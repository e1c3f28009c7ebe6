#!/usr/bin/perl
# touch.t: what a statement does not note turns nothing. Many populations over the same random
# tables have a few random rules each, and only note whom a statement touched. Where one has noted
# nobody, its rules say of everybody what they said before, at every one of some moments, for who lags by a
# day and later. The clock goes forward and back between statements.
#
# SEGMENTS_SEED   the seed; a failure prints it
# SEGMENTS_STEPS  statements
use strict;
use warnings;
use utf8;
use Cwd 'abs_path';
use Encode qw(decode);
use File::Basename;
use File::Temp;
use Test::More;
use lib dirname(abs_path(__FILE__)) . '/../perl';
use RandomRules 'random_rule';
use RandomStatements 'random_row_statement';
use RandomTables qw(random_key tables_script);
use Scratch;

binmode $_, ':encoding(UTF-8)' foreach Test::More->builder->output, Test::More->builder->failure_output;

my $seed = $ENV{SEGMENTS_SEED} // 20240229;
my $steps = $ENV{SEGMENTS_STEPS} // 120;
my $populations = 24;
my $as_of = '2024-02-10 22:30+00';

my $prepare = <<'SQL';
CREATE EXTENSION segments;
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE public.said (population text, segment text, at timestamptz, members segments.member_set);

CREATE FUNCTION public.say() RETURNS SETOF public.said LANGUAGE sql VOLATILE AS $$
	SELECT p.name, s.name, t, (SELECT coalesce(segments.member_set_agg(m), '{}') FROM segments.matching(s.rule, p.name, t) m)
	FROM segments.segment s JOIN segments.population p ON p.id = s.population,
		unnest(ARRAY['-1 day', '0', '20 days', '1 year']::interval[]) AS i, LATERAL (SELECT current_setting('segments.now')::timestamptz + i) AS n (t)
$$;

-- What was noted, and what has turned since it was asked last.
CREATE FUNCTION public.compare() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMPORARY TABLE noted ON COMMIT DROP AS
		SELECT p.name FROM segments.population p WHERE EXISTS (SELECT FROM segments.due d WHERE d.population = p.id AND d.at = '-infinity');
	CREATE TEMPORARY TABLE says ON COMMIT DROP AS SELECT * FROM public.say();
	CREATE TEMPORARY TABLE turned ON COMMIT DROP AS
		SELECT population, segment, a.at, a.members AS before, b.members AS after FROM public.said a JOIN says b USING (population, segment, at)
		WHERE a.members OPERATOR(segments.<>) b.members;
	RETURN QUERY SELECT format('PROBLEM %s, %s at %s: %s became %s', t.population, s.rule, t.at, t.before, t.after) FROM turned t
		JOIN segments.population p ON p.name = t.population JOIN segments.segment s ON s.population = p.id AND s.name = t.segment
		WHERE t.population NOT IN (SELECT name FROM noted);
	RETURN QUERY SELECT format('COUNT %s %s', (SELECT count(*) FROM noted), (SELECT count(DISTINCT population) FROM turned));
	TRUNCATE public.said;
	INSERT INTO public.said SELECT * FROM says;
	DELETE FROM segments.due;
END $$;
SQL

sub pick { return $_[ rand @_ ] }
sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'" }

# What random rules may miss: NOT before what a row tells in part, members' columns in what is said of
# rows, and rows among rows of the same source.
my @rows = ('exists(orders where not (gift and total > age))', 'count(visits where not (secs > 5 and secs > small)) > 1',
	'exists(orders where not (gift or total > 5))', 'count(orders where not (total > 2 and gift) and not (status = \'paid\')) > 1',
	'sum(total * age from orders where gift) > 20', 'count(orders where total > age) > 0', 'exists(events where value = small or not (kind = \'a\'))',
	'max(secs - age from visits) > 3', 'count(visits within last 1 year where not (secs >= age)) = 1', 'exists(visits v where exists(visits w where w.secs > v.secs))',
	'exists(orders o where o.gift and exists(orders p where p.total > o.total and not p.gift))', 'exists(events e where e.value > 1 and not exists(events f where f.value > 3 and f.day > e.day))');

# Windows that leave rows behind, and others.
my @windows = ('exists(orders within last 1 month)', 'count(visits within last 30 days) > 1', 'sum(value from events within last 1 week) > 2', 'exists(orders within next 7 days)',
	'exists(visits since today)', 'exists(events since 2024-01-31 before 2024-03-01)', 'max(total from orders within last 40 days) > 3', 'exists(events during last month)',
	'exists(events since start of last month)', 'count(visits since 2 days ago) = 1', 'not exists(orders before 40 days ago)', 'count(events within last 1 day) > 0 and age > 3',
	'exists(orders o since 2 months ago where exists(orders p within last 3 weeks where p.total > o.total))', 'min(total from orders during this year) < 2 or exists(visits within next 1 day)');

# Conditions of which some are about the row alone, and some about rows and the clock.
sub rule
{
	my @parts = map { '(' . (random_rule())[0] . ')' } 1 .. pick(1, 1, 2, 3);
	return join pick(' and ', ' or ', ' and not '), @parts;
}

# The populations; rows of orders lead to no others where there are no lines.
sub definitions
{
	my $definition = shift;
	my $script = '';

	foreach my $i (1 .. $populations)
	{
		my $text = $definition =~ s/'touched'/'p$i'/gr;
		$text =~ s/^.*'lines'.*\n//mg if $i % 2;
		my @rules = $i % 3 ? ($rows[ $i / 2 % @rows ], rule(), rule()) : map { $windows[ rand @windows ] } 1 .. pick(1, 1, 2);
		$script .= $text . join '', map { "SELECT segments.create_segment('s$_', " . quoted($rules[$_]) . ", 'p$i');\n" } 0 .. $#rules;
	}
	return $script;
}

sub move_clock
{
	return "SELECT set_config('segments.now', (timestamptz '$as_of' + interval '" . pick('0', '1 hour', '1 day', '20 days', '49 days 02:00', '3 months', '-1 day', '-2 months') . "')::text, false) \\g /dev/null\n" .
	  "TRUNCATE public.said;\nINSERT INTO public.said SELECT * FROM public.say();\n";
}

create_database('segments_touch');
sql($prepare);
note "seed $seed";
srand($seed);
my ($tables, $definition) = tables_script(name => 'touched', key => 'integer', zone => 'Europe/Berlin', people => 25, as_of => "timestamptz '$as_of'",
	maintenance => 'queued', wild => 1) =~ /^(.*?)(^SELECT segments\.create_population.*)/ms;
my @statements = map { rand() < 0.2 ? 'UPDATE people SET ' . pick('age', 'small') . ' = ' . pick('NULL', 0 .. 5, 18) . ' WHERE key = ' . random_key() . ";\n" : random_row_statement() } 1 .. $steps;
my $script = "SET client_min_messages = warning;\n\\set VERBOSITY verbose\nSET segments.now = '$as_of';\n$tables\n\\o /dev/null\n" . definitions($definition) . "\\o\n" .
  "SELECT 'MADE ' || count(*) FROM segments.segment WHERE name <> 'everyone';\nSELECT 'FIRST ' || count(*) FROM public.compare();\n" .
  join '', map { (rand() < 0.2 ? move_clock() : '') . "\\echo \@ $_\n$statements[$_ - 1]SELECT public.compare();\n" } 1 .. $steps;
my $file = File::Temp->new(SUFFIX => '.sql');
binmode $file, ':encoding(UTF-8)';
print $file $script;
close $file;
my $command = join ' ', map { quotemeta } grep { !/ON_ERROR_STOP/ && $_ ne '-v' } psql_command();
my ($at, $made, $told, $noted, $turned, @wrong) = (0, 0, 0, 0, 0);
foreach (split /\n/, decode('UTF-8', `$command -f @{[ $file->filename ]} 2>&1`))
{
	$at = $1 if /^@ (\d+)/;
	$made = $1 if /^MADE (\d+)/;
	($told, $noted, $turned) = ($told + $populations, $noted + $1, $turned + $2) if /^COUNT (\d+) (\d+)/ && $at > 0;
	push @wrong, "step $at: $_\n  $statements[$at - 1]" if /^PROBLEM / || /server closed|ERROR:  (?:XX|57|58|53)/;
}
diag "seed $seed: $_" foreach splice @{ [@wrong] }, 0, 5;
ok(@wrong == 0, 'where nobody is noted, no rule has turned');
is($at, $steps, 'all statements are tried');
cmp_ok($made, '>', $populations, 'most rules are bound');
cmp_ok($turned, '>', $steps / 4, 'rules do turn');
cmp_ok($noted, '<', $told / 2, 'and most populations are left alone');
note "$made rules; of $told answers $noted noted somebody, $turned turned somebody";
done_testing();
