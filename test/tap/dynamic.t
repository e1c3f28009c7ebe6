#!/usr/bin/perl
# dynamic.t: segments are exact at the end of every statement, and when the clock moves. Random
# statements on random tables, moves of the clock over months, upkeep in small batches, folds, and
# rules that are altered meanwhile, under random rules. After every few of them check() finds nothing,
# and what reads say of every segment is what a pass over the tables says at that moment.
#
# SEGMENTS_SEED       the seed; a failure prints it
# SEGMENTS_RULES      segments of each population
# SEGMENTS_STEPS      statements on each population
# SEGMENTS_POPULATION only this one
use strict;
use warnings;
use utf8;
use Cwd 'abs_path';
use Encode qw(decode encode);
use File::Basename;
use File::Temp;
use Test::More;
use lib dirname(abs_path(__FILE__)) . '/../perl';
use RandomRules 'random_rule';
use RandomStatements qw(constraints_script random_statement);
use RandomTables 'tables_script';
use Scratch;

binmode $_, ':encoding(UTF-8)' foreach Test::More->builder->output, Test::More->builder->failure_output;

my $seed = $ENV{SEGMENTS_SEED} // 20240229;
my $rules = $ENV{SEGMENTS_RULES} // 24;
my $steps = $ENV{SEGMENTS_STEPS} // 250;

# They begin some weeks before a 29 February, and where daylight saving begins or ends, which may
# be by half an hour.
my @populations = (
	{ name => 'berlin', key => 'integer', zone => 'Europe/Berlin', begin => '2024-02-10 22:30+00', wild => 1 },
	{ name => 'newyork', key => 'uuid', zone => 'America/New_York', begin => '2024-10-20 12:00+00', wild => 1 },
	{ name => 'lordhowe', key => 'text', zone => 'Australia/Lord_Howe', begin => '2024-03-28 01:00+00', wild => 1 },
	{ name => 'apia', key => 'bigint', zone => 'Pacific/Apia', begin => '2011-12-10 00:00+00', parallel => 1, grouped => 1 });

# The clock in every rule that the random ones may miss.
my @clocked = (
	'count(orders within last 30 days) >= 1', 'exists(orders) and not exists(orders within last 2 months)', 'sum(orders.total within last 90 days where gift) > 3',
	'anniversary of birth within next 7 days', 'seen < 30 days ago and not in segment \'buyers\'', 'age(birth) >= 30', 'exists(visits during this month)',
	'exists(lines within last 6 months where product.category is not null)', 'city.region.name is not null and created during last week');

my $prepare = <<'SQL';
CREATE EXTENSION segments;
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE public.expected (segment text, active bool, members segments.member_set);
CREATE TABLE public.frozen (population text, segment text, members segments.member_set);

CREATE FUNCTION public.present() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT current_setting('segments.now')::timestamptz $$;

-- Moves the clock on, by any time, or to where something may happen, or just before.
CREATE FUNCTION public.move_clock(population text, zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t timestamptz = public.present();
	next timestamptz;
BEGIN
	next = CASE floor(random() * 6)
		WHEN 0 THEN t + exp(random() * 29) * interval '1 microsecond'
		WHEN 1 THEN (date_trunc((ARRAY['hour', 'day', 'week', 'month'])[1 + floor(random() * 4)], t AT TIME ZONE zone)
			+ (ARRAY['1 hour', '1 day', '7 days', '1 month'])[1 + floor(random() * 4)]::interval) AT TIME ZONE zone
		WHEN 2 THEN (SELECT min(at) FROM segments.due WHERE at > t)
		WHEN 3 THEN (SELECT at FROM segments.due WHERE at > t AND isfinite(at) ORDER BY at LIMIT 1 OFFSET floor(random() * 20))
		WHEN 4 THEN (SELECT min(n.at) FROM segments.segment s JOIN segments.population p ON p.id = s.population,
			LATERAL segments.next_changes(s.rule, p.name, as_of => t) n WHERE p.name = $1 AND s.active)
		ELSE t + random() * interval '9 days' END;
	next = coalesce(next, t + interval '1 day') - floor(random() * 2) * interval '1 microsecond';
	IF next > t AND next < t + interval '2 months' THEN
		PERFORM set_config('segments.now', next::text, false);
	END IF;
END $$;

-- What rules say, by a pass; members of segments that are not active were kept aside.
CREATE FUNCTION public.expect(about text) RETURNS void LANGUAGE sql AS $$
	TRUNCATE public.expected;
	INSERT INTO public.expected
	SELECT s.name, s.active, CASE WHEN s.active THEN (SELECT coalesce(segments.member_set_agg(m), '{}') FROM segments.matching(s.rule, about, public.present()) m)
		ELSE (SELECT f.members FROM public.frozen f WHERE f.population = about AND f.segment = s.name) END
	FROM segments.segment s JOIN segments.population p ON p.id = s.population WHERE p.name = about;
$$;

CREATE FUNCTION public.difference(a segments.member_set, b segments.member_set) RETURNS text LANGUAGE sql AS $$
	SELECT format('lacks %s, has in excess %s', a OPERATOR(segments.-) b, b OPERATOR(segments.-) a)
$$;

-- By key, in each of the ways.
CREATE FUNCTION public.by_key(segment text, key text, type regtype, about text) RETURNS bool LANGUAGE sql AS $$
	SELECT CASE WHEN random() < 0.3 THEN segments.is_member(segment, key, about)
		WHEN type = 'uuid'::regtype THEN segments.is_member(segment, key::uuid, about)
		WHEN type = 'text'::regtype THEN segments.is_member(segment, key, about)
		ELSE segments.is_member(segment, key::bigint, about) END
$$;

CREATE FUNCTION public.compare(about text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	p segments.population = (SELECT p FROM segments.population p WHERE p.name = about);
	who record;
BEGIN
	RETURN QUERY SELECT 'check(): ' || c FROM segments.check(about) c;
	PERFORM public.expect(about);
	RETURN QUERY SELECT format('as_set(%s) ', e.segment) || public.difference(e.members, segments.as_set(e.segment, about)) FROM public.expected e
		WHERE e.members OPERATOR(segments.<>) segments.as_set(e.segment, about);
	RETURN QUERY SELECT format('members(%s) ', e.segment) || public.difference(e.members, s) FROM public.expected e,
		LATERAL (SELECT coalesce(segments.member_set_agg(m), '{}') FROM segments.members(e.segment, about) m) AS m (s)
		WHERE e.members OPERATOR(segments.<>) s;
	RETURN QUERY SELECT format('count_members(%s) is %s, overview says %s, should be %s', o.segment, segments.count_members(o.segment, about), o.members, segments.cardinality(e.members))
		FROM public.expected e JOIN segments.overview o ON o.population = about AND o.segment = e.segment
		WHERE segments.cardinality(e.members) IS DISTINCT FROM o.members OR segments.cardinality(e.members) IS DISTINCT FROM segments.count_members(o.segment, about);
	FOR who IN
		SELECT k.key, coalesce(CASE WHEN NOT p.dictionary THEN k.key::bigint END, (SELECT d.member FROM segments.dictionary d WHERE d.population = p.id AND d.key = k.key), -1) AS member
		FROM (SELECT people.key::text FROM people UNION SELECT d.key FROM segments.dictionary d WHERE d.population = p.id
			UNION SELECT m::text FROM segments.members('frozen', about) m WHERE NOT p.dictionary) AS k (key)
		ORDER BY random() LIMIT 4
	LOOP
		RETURN QUERY SELECT format('is_member(%s, %s) is wrong', e.segment, who.key) FROM public.expected e
			WHERE public.by_key(e.segment, who.key, p.key_type, about) IS DISTINCT FROM e.members OPERATOR(segments.@>) who.member;
		RETURN QUERY SELECT format('segments_of(%s): %s', who.key, name) FROM (
			(SELECT e.segment FROM public.expected e WHERE e.members OPERATOR(segments.@>) who.member AND e.segment <> 'everyone'
				EXCEPT ALL SELECT * FROM segments.segments_of(who.key, about))
			UNION ALL (SELECT * FROM segments.segments_of(who.key, about) EXCEPT ALL
				SELECT e.segment FROM public.expected e WHERE e.members OPERATOR(segments.@>) who.member)) AS d (name);
	END LOOP;
END $$;
SQL

sub pick { return $_[ rand @_ ] }
sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'" }

# Segments that rules may speak about, one of them frozen.
my @segments = ('adults', 'buyers', 'both', 'frozen');

# A rule; where they are to be in groups, most are about those of a city, who move now and then.
sub some_rule
{
	my $population = shift;
	my $rule = (random_rule(@segments))[0];

	return $population->{grouped} && rand() < 0.8 ? 'city_id = ' . int(1 + rand 6) . " and ($rule)" : $rule;
}

# Nobody's cities: they make city_id the column with most constants.
sub nowhere { my $population = shift; return map { "city_id = $_" } $population->{grouped} ? 20 .. 31 : () }

sub create { my ($name, $rule) = @_; return 'SELECT count(segments.create_segment(' . quoted($name) . ', ' . quoted($rule) . ", population => :'population'));\n" }

sub freeze
{
	my $name = shift;
	return "SELECT count(segments.alter_segment('$name', active => false, population => :'population'));\n" .
	  "INSERT INTO public.frozen SELECT :'population', s.name, segments.as_set(s.name, :'population') FROM segments.segment s JOIN segments.population p ON p.id = s.population" .
	  " WHERE p.name = :'population' AND s.name = '$name' AND NOT s.active AND NOT EXISTS (SELECT FROM public.frozen f WHERE f.population = p.name AND f.segment = s.name);\n";
}

sub thaw
{
	my $name = shift;
	return "DELETE FROM public.frozen WHERE population = :'population' AND segment = '$name';\n" .
	  "SELECT count(segments.alter_segment('$name', active => true, population => :'population'));\n";
}

sub definitions
{
	my $population = shift;
	my @rules = (@clocked, (map { some_rule($population) } 1 .. $rules), nowhere($population));

	return create('adults', 'age >= 18') . create('buyers', 'count(orders) > 2') . create('both', 'in segment \'adults\' and not in segment \'buyers\'') .
	  create('frozen', 'count(visits) between 1 and 2') . freeze('frozen') . join '', map { create("rule $_", $rules[ $_ - 1 ]) } 1 .. @rules;
}

sub altered
{
	my $population = shift;
	my $name = 'rule ' . int(1 + rand $rules);
	return pick(
		sub { "SELECT count(segments.alter_segment('$name', rule => " . quoted(some_rule($population)) . ", population => :'population'));\n" },
		sub { "SELECT count(segments.rebuild('$name', :'population'));\n" },
		sub { "SELECT count(segments.refresh(:'population'));\n" },
		sub { "SELECT count(segments.drop_segment('$name', :'population'));\n" . create($name, some_rule($population)) },
		sub { freeze($name) }, sub { thaw($name) },
		sub { "SELECT segments.alter_population(:'population', maintenance => '" . pick(qw(queued immediate immediate)) . "');\n" })->();
}

sub upkeep
{
	return pick("SELECT segments.maintain_step(max_members => " . pick(1, 3, 10, 50) . ");\n",
		"SELECT segments.maintain_step(max_members => 20, population => :'population');\n",
		"CALL segments.maintain(fold_all => " . pick('true', 'false') . ");\n");
}

# Several statements in a transaction, some of which are taken back.
sub transaction
{
	my @level = ('', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE');
	my $text = 'BEGIN' . pick(@level) . ";\n" . random_statement();

	$text .= "SAVEPOINT s;\n" . random_statement() . "SAVEPOINT t;\n" . random_statement() .
	  pick('ROLLBACK TO s', 'ROLLBACK TO t', 'RELEASE s') . ";\n" . random_statement() if rand() < 0.5;
	return $text . pick('COMMIT', 'COMMIT', 'ROLLBACK') . ";\n";
}

sub step
{
	my $population = shift;
	my $n = rand;

	return $n < 0.15 ? "SELECT public.move_clock(:'population', '$population->{zone}');\n" :
	  $n < 0.23 ? upkeep() : $n < 0.27 ? altered($population) : $n < 0.38 ? transaction() : random_statement();
}

# What may fail: rules that do not bind, rows that break a constraint or are refused, and what
# comes after in a transaction. A line of what psql says is one of many for which all is well.
my %may_fail = map { $_ => 1 } qw(23502 23503 23505 22001 22003 22008 25P02 3B001);

sub is_problem
{
	my ($line, $defines) = @_;
	return 1 if $line =~ /^PROBLEM /;
	return 0 if $line !~ /(?:ERROR|FATAL|PANIC|WARNING):  (\w{5}): / && $line !~ /(?:server closed|connection to server)/;
	return 1 if !defined $1 || $1 =~ /^(?:XX|57|58|53)/;
	return !$may_fail{$1} && !$defines;
}

# run(POPULATION): what went wrong, and how many statements were refused
sub run
{
	my $population = shift;
	my (@wrong, @code);
	my $refused = 0;
	my $script = "SET client_min_messages = warning;\n\\set VERBOSITY verbose\n\\set population $population->{name}\n" .
	  "SET segments.now = '$population->{begin}';\nSELECT setseed(" . ($seed % 1000) / 1000 . ");\n";
	$script .= "SET max_parallel_workers_per_gather = 1;\nSET min_parallel_table_scan_size = 0;\n" if $population->{parallel};
	$script .= "SET segments.group_rules = 1;\n" if $population->{grouped};

	$script .= tables_script(%$population, people => 60, as_of => 'public.present()', maintenance => 'immediate') . constraints_script();
	$script .= definitions($population) . "\\echo \@ 0\nSELECT 'PROBLEM ' || c FROM public.compare(:'population') c;\n";
	foreach my $i (1 .. $steps)
	{
		$code[$i] = step($population);
		$script .= "\\echo \@ $i\n$code[$i]";
		$script .= "SELECT 'PROBLEM ' || c FROM public.compare(:'population') c;\n" if $i % 3 == 0 || $i > $steps - 3;
	}
	$script .= "SELECT 'END ' || public.present() || ', ' || (SELECT count(*) FROM segments.change) || ' changes, ' ||" .
	  " (SELECT count(*) FROM segments.history) || ' folded, ' || (SELECT count(*) FROM segments.due) || ' due';\n";
	my $file = File::Temp->new(SUFFIX => '.sql');
	binmode $file, ':encoding(UTF-8)';
	print $file $script;
	close $file;
	my $at = 0;
	my $command = join ' ', map { quotemeta } grep { !/ON_ERROR_STOP/ && $_ ne '-v' } psql_command();
	my $end = '';
	foreach (split /\n/, decode('UTF-8', `$command -f @{[ $file->filename ]} 2>&1`))
	{
		$at = $1 if /^@ (\d+)/;
		$end = $1 if /^END (.*)/;
		my $defines = $at == 0 || $code[$at] =~ /segments\./;
		$refused++ if /ERROR:  /;
		push @wrong, join '', "step $at: $_\n", map { "  $code[$_]" } grep { $_ > $at - 3 && $_ > 0 } 1 .. $at if is_problem($_, $defines);
	}
	push @wrong, "no end: step $at" if $end eq '';
	return (\@wrong, $refused, $end);
}

create_database('segments_dynamic');
sql($prepare);
is(sql(<<'SQL'), '', 'a moment that is over is not taken for one to come, though the minute is the same');
SET client_min_messages = warning;
SET segments.now = '2024-06-15 12:00:00+00';
CREATE TABLE visitor (id int PRIMARY KEY, seen timestamptz);
INSERT INTO visitor VALUES (1, '2024-05-16 12:00:30.5+00');
SELECT segments.create_population('visitors', 'visitor') \g /dev/null
SELECT segments.create_segment('recent', 'seen within last 30 days'), segments.create_segment('away', 'seen < 60 days ago') \gset
UPDATE visitor SET seen = '2024-05-16 12:00:30.25+00';
SET segments.now = '2024-06-15 12:00:31+00';
SELECT segments.maintain_step() \g /dev/null
SELECT 'problem ' || c FROM segments.check() c;
SELECT segments.drop_population('visitors', cascade => true) \g /dev/null
SQL
note "seed $seed";
foreach my $i (0 .. $#populations)
{
	my $population = $populations[$i];
	my $name = $population->{name};

	next if defined $ENV{SEGMENTS_POPULATION} && $ENV{SEGMENTS_POPULATION} ne $name;
	srand($seed + $i);
	my ($wrong, $refused, $end) = run($population);
	diag "$name, seed $seed: $_" foreach splice @{ [@$wrong] }, 0, 5;
	ok(@$wrong == 0, "$name: exact after every statement and at every moment");
	ok($refused < $steps / 2, "$name: most statements go through");
	note "$name: $refused refused; ends at $end";
}
done_testing();
