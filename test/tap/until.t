#!/usr/bin/perl
# until.t: next_changes() says until when an answer lasts if only the clock moves. For random
# rules over random tables and moments of evaluation, nobody's answer changes before that:
# members are asked again at many moments from then on, above all at those where something
# may happen. What members one by one come to and what comes of batches are both checked, the
# second against the first. For plain rules the moment is one at which the answer does change.
#
# SEGMENTS_SEED       the seed; a failure prints it
# SEGMENTS_RULES      rules for each population
# SEGMENTS_POPULATION only this one
use strict;
use warnings;
use utf8;
use Cwd 'abs_path';
use Encode qw(decode encode);
use File::Basename;
use Test::More;
use lib dirname(abs_path(__FILE__)) . '/../perl';
use RandomRules 'random_rule';
use RandomTables 'tables_script';
use Scratch;

binmode $_, ':encoding(UTF-8)' foreach Test::More->builder->output, Test::More->builder->failure_output;

my $seed = $ENV{SEGMENTS_SEED} // 20240229;
my $rules = $ENV{SEGMENTS_RULES} // 60;

# The tables hang on as_of. Rules are evaluated there, in the days around, and at the moments given:
# before and after daylight saving changes, which may be at midnight, in the middle of
# an hour or by half an hour, and where months end.
my @populations = (
	{ name => 'berlin', zone => 'Europe/Berlin', as_of => '2024-03-31 01:15:00+00', wild => 1,
		moments => [ '2024-03-30 23:30+00', '2024-10-27 00:30+00', '2024-10-27 00:59:59.999999+00', '2024-02-29 12:00+00', '2024-01-31 23:00+00' ] },
	{ name => 'newyork', zone => 'America/New_York', as_of => '2024-11-03 05:30:00+00', wild => 1,
		moments => [ '2024-11-03 06:30+00', '2024-03-10 06:59+00', '2024-03-31 03:59:59+00', '2023-02-28 12:00+00' ] },
	{ name => 'lordhowe', zone => 'Australia/Lord_Howe', as_of => '2024-04-06 14:45:00+00',
		moments => [ '2024-04-06 15:10+00', '2024-10-05 15:20+00', '2024-10-05 15:30+00', '2023-12-31 12:59:59.999999+00' ] },
	{ name => 'saopaulo', zone => 'America/Sao_Paulo', as_of => '2018-11-04 02:30:00+00', wild => 1,
		moments => [ '2018-11-04 03:30+00', '2018-02-18 01:30+00', '2018-02-17 02:10+00' ] },
	{ name => 'stjohns', zone => 'America/St_Johns', as_of => '2009-11-01 02:00:30+00',
		moments => [ '2009-11-01 02:30:30+00', '2009-10-31 23:00+00', '2009-11-01 03:30+00' ] },
	{ name => 'utc', zone => 'UTC', as_of => '2024-02-29 00:00+00', moments => [ '2024-03-30 12:00+00', '2023-12-31 23:59:59.999999+00' ] });

# Rules whose answer changes at the very moment, for all.
my @exact = (
	'seen within last 2 months', 'seen within next 30 days', 'created within last 1 month 2 days', 'created within last 36 hours',
	'created during last quarter', 'created during today', 'birth during last year',
	'seen < 90 days ago', 'seen >= 1 year ago', 'created <= 3 months ago', 'birth < today', 'birth <= start of this month',
	'birth > end of last week', 'seen < start of next year', 'created between yesterday and tomorrow', 'seen = today',
	'now > 2024-06-01T12:00', 'seen + 30 days < now', 'now - seen > 30 days', 'now - seen between 5 hours and 90 days');

# Rules about rows, which can come while others go: most promises are kept to the moment.
my @rows = (
	'exists(orders within last 3 days)', 'exists(orders within last 1 month)', 'exists(orders within next 2 weeks)',
	'count(orders within last 36 hours) > 0', 'not exists(visits within last 1 month 2 days)', 'exists(events within last 3 months)',
	'exists(lines within last 5 weeks where qty > 1)', 'exists(orders during last month)', 'exists(orders during today)',
	'exists(orders during this year)', 'created during this hour', 'exists(visits since 6 days ago)', 'exists(visits before 2 months ago)',
	'max(placed from orders) < 30 days ago', 'min(day from events) >= start of this year');

# What goes in steps. Nobody is due at every step who is not near to one that counts.
my @steps = ('days(today - birth) >= 100', 'seen < today - 30 days', 'start of this month - birth > 3 days', 'age(birth) >= 18', 'age(birth) between 3 and 30',
	'created + 2 days between today - 1 year and today + 1 year', '(today - birth) / 2 > 60 days');

# Rules about rows again, where members are evaluated one by one: only those rows count that bring the answer about.
my @rows_alone = (
	'count(orders within last 30 days) > 1', 'count(orders within last 6 months) >= 3', 'count(orders within last 1 month where gift) <= 1',
	'exists(orders o within last 1 month where exists(o.lines where qty > 2))', 'every(orders within last 2 months satisfies total > 1)',
	'exists(orders o where exists(visits v where v.entered > o.placed) and o.placed >= 10 days ago)');

my $prepare = <<'SQL';
CREATE EXTENSION segments;
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE public.rule (id int PRIMARY KEY, rule text, as_of timestamptz);
CREATE TABLE public.result (id int, problem text, detail text);
CREATE TABLE public.moment (at timestamptz);
CREATE TABLE public.answer (member bigint, holds bool, alone timestamptz, batch timestamptz);

CREATE FUNCTION public.ask(rule segments.segment_rule, population text, as_of timestamptz, batch_rows int)
	RETURNS TABLE (member bigint, at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('segments.batch_rows', batch_rows::text, true);
	RETURN QUERY SELECT * FROM segments.next_changes(rule, population => population, as_of => as_of);
	PERFORM set_config('segments.batch_rows', '2048', true);
END $$;

-- Everybody's answer, and until when it lasts.
CREATE PROCEDURE public.answer_all(rule segments.segment_rule, population text, as_of timestamptz) LANGUAGE sql AS $$
	TRUNCATE public.answer;
	INSERT INTO public.answer
	SELECT everyone, holder IS NOT NULL, coalesce(alone.at, 'infinity'), coalesce(batch.at, 'infinity')
	FROM segments.matching('true', population => population, as_of => as_of) AS everyone
		LEFT JOIN segments.matching(rule, population => population, as_of => as_of) AS holder ON holder = everyone
		LEFT JOIN public.ask(rule, population, as_of, 0) AS alone ON alone.member = everyone
		LEFT JOIN public.ask(rule, population, as_of, CASE WHEN random() < 0.5 THEN 2048 ELSE 7 END) AS batch ON batch.member = everyone;
$$;

-- Moments at which something may happen, from as_of on.
CREATE PROCEDURE public.take_moments(zone text, as_of timestamptz, sample int) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE public.moment;
	INSERT INTO public.moment
	WITH one AS (SELECT interval '1 microsecond' AS us),
	told AS (SELECT DISTINCT at FROM public.answer, LATERAL (VALUES (alone), (batch)) AS u (at) WHERE isfinite(at)),
	data AS (SELECT at FROM (SELECT placed FROM orders UNION ALL SELECT due FROM orders UNION ALL SELECT "local" AT TIME ZONE zone FROM orders
		UNION ALL SELECT day FROM events UNION ALL SELECT entered AT TIME ZONE zone FROM visits
		UNION ALL SELECT seen FROM people UNION ALL SELECT created AT TIME ZONE zone FROM people UNION ALL SELECT birth FROM people) AS u (at)
		WHERE isfinite(at)),
	span AS (SELECT ((n || ' ' || unit)::interval) AS span FROM unnest(ARRAY[0, 0, 1, 1, 2, 3, 6, 7, 12, 30, 90]) AS n,
		unnest('{second,minute,hour,day,week,month,year}'::text[]) AS unit)
	SELECT at FROM (
		(SELECT at - us FROM told, one ORDER BY random() LIMIT sample / 3)
		UNION ALL (SELECT at FROM told ORDER BY random() LIMIT sample / 4)
		UNION ALL (SELECT ((at AT TIME ZONE zone + span) AT TIME ZONE zone) + (random() * 2 - 1)::int * us FROM data, one,
			LATERAL (SELECT span FROM span WHERE isfinite(at) ORDER BY random() LIMIT 3) AS s ORDER BY random() LIMIT sample)
		UNION ALL (SELECT (date_trunc('day', as_of AT TIME ZONE zone) + n * interval '1 day') AT TIME ZONE zone + (random() * 2 - 1)::int * us
			FROM generate_series(1, 400) AS n, one ORDER BY random() * n LIMIT sample / 3)
		UNION ALL (SELECT as_of + exp(random() * 30) * us FROM generate_series(1, sample), one)) AS u (at)
	WHERE at > as_of ORDER BY random() LIMIT sample;
END $$;

-- What is wrong with the rules, one line a problem.
CREATE PROCEDURE public.check_rules(population text, zone text, sample int) LANGUAGE plpgsql AS $$
DECLARE
	r record;
	rule segments.segment_rule;
	bad record;
	m timestamptz;
	state text;
	bound bool;
BEGIN
	FOR r IN SELECT * FROM public.rule ORDER BY id LOOP
	BEGIN
		bound = false;
		rule = r.rule;
		CALL public.answer_all(rule, population, r.as_of);
		bound = true;
		INSERT INTO public.result SELECT r.id, 'count', format('%s %s', count(*) FILTER (WHERE batch < 'infinity'), count(*) FILTER (WHERE alone < 'infinity'))
		FROM public.answer;
		INSERT INTO public.result SELECT r.id, 'not later than now', a::text FROM public.answer a WHERE least(alone, batch) <= r.as_of LIMIT 1;
		INSERT INTO public.result SELECT r.id, 'a batch promises more', a::text FROM public.answer a WHERE batch > alone LIMIT 1;
		CALL public.take_moments(zone, r.as_of, sample);
		FOR m IN SELECT at FROM public.moment LOOP
			SELECT a, m AS at INTO bad FROM public.answer a LEFT JOIN segments.matching(rule, population => population, as_of => m) AS holder ON holder = member
			WHERE m < greatest(alone, batch) AND holds <> (holder IS NOT NULL) LIMIT 1;
			IF FOUND THEN
				INSERT INTO public.result VALUES (r.id, 'changes before', format('at %s: %s', bad.at, bad.a));
				EXIT;
			END IF;
		END LOOP;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
		INSERT INTO public.result VALUES (r.id, CASE WHEN bound OR state = 'XX000' THEN 'error' ELSE 'refused' END, state || ' ' || sqlerrm);
	END;
	END LOOP;
END $$;

-- Of how many promises the answer does change at the moment, and of how many there are.
CREATE PROCEDURE public.check_exact(population text, sample int, batches bool) LANGUAGE plpgsql AS $$
DECLARE
	r record;
	m timestamptz;
	promises int;
	kept int;
	one int;
	met int;
BEGIN
	FOR r IN SELECT id, rule::segments.segment_rule, as_of FROM public.rule ORDER BY id LOOP
		CALL public.answer_all(r.rule, population, r.as_of);
		promises = 0;
		kept = 0;
		FOR m IN SELECT at FROM (SELECT DISTINCT CASE WHEN batches THEN batch ELSE alone END AS at FROM public.answer) AS t
			WHERE at < r.as_of + interval '20 years' ORDER BY random() LIMIT sample LOOP
			SELECT count(*), count(*) FILTER (WHERE holds <> (holder IS NOT NULL)) INTO one, met
			FROM public.answer a LEFT JOIN segments.matching(r.rule, population => population, as_of => m) AS holder ON holder = member
			WHERE m = CASE WHEN batches THEN batch ELSE alone END;
			promises = promises + one;
			kept = kept + met;
		END LOOP;
		INSERT INTO public.result VALUES (promises, r.rule::text, kept);
	END LOOP;
END $$;
SQL

# ask(SCRIPT): what it prints
sub ask { return decode('UTF-8', sql(encode('UTF-8', shift))) }

sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'" }

sub moment_of
{
	my $population = shift;
	my @moments = @{ $population->{moments} };

	return "timestamptz '$population->{as_of}'" if rand() < 0.4;
	return "timestamptz '$population->{as_of}' + " . int(rand(2e12) - 1e12) . " * interval '1 microsecond'" if rand() < 0.3;
	return "timestamptz '$moments[rand @moments]'";
}

sub rules_script
{
	my ($population, @rules) = @_;
	my $script = "TRUNCATE public.result, public.rule;\n";

	$script .= sprintf "INSERT INTO public.rule VALUES (%d, %s, %s);\n", $_, quoted($rules[ $_ - 1 ]), moment_of($population) foreach 1 .. @rules;
	return "SET client_min_messages = warning; SET search_path = $population->{name}, public; SET TimeZone = '$population->{zone}';\n" .
	  "SELECT setseed(" . ($seed % 1000) / 1000 . ");\n$script";
}

sub check_population
{
	my $population = shift;
	my @rules = map { (random_rule())[0] } 1 .. $rules;
	my (@wrong, @refused);
	my ($due_batch, $due_alone) = (0, 0);

	foreach (split /\n/, ask(rules_script($population, @rules) . "CALL public.check_rules('$population->{name}', '$population->{zone}', 30);\n" .
			"SELECT id, problem, replace(detail, E'\\n', ' ') FROM public.result;\n"))
	{
		my ($id, $problem, $detail) = split /\|/, $_, 3;
		next if !defined $detail || $id !~ /^\d+$/;
		if ($problem eq 'count')
		{
			my ($batch, $alone) = split / /, $detail;
			$due_batch += $batch;
			$due_alone += $alone;
		}
		elsif ($problem eq 'refused') { push @refused, "$rules[ $id - 1 ]\n  $detail" }
		else { push @wrong, "$rules[ $id - 1 ]\n  $problem\n  $detail" }
	}
	return (\@wrong, \@refused, $due_batch, $due_alone);
}

# How many promises rules make, how many are kept to the moment, and the rules with others.
sub kept
{
	my ($population, $batches, @rules) = @_;
	my ($all, $kept, @others) = (0, 0);

	foreach (split /\n/, ask(rules_script($population, @rules) . "CALL public.check_exact('$population->{name}', 12, $batches);\n" .
			"SELECT id, problem, detail FROM public.result;\n"))
	{
		my ($promises, $rule, $met) = split /\|/;
		next if !defined $met || $promises !~ /^\d+$/;
		$all += $promises;
		$kept += $met;
		push @others, "$rule: $met of $promises" if $met < $promises;
	}
	return ($all, $kept, @others);
}

# How many of them are due within a day and a bit, in batches and one by one.
sub soon
{
	my ($population, @rules) = @_;
	my $script = "SET search_path = $population->{name}, public;\n";

	foreach my $rule (@rules)
	{
		$script .= "SET segments.batch_rows = $_;\nSELECT count(*) FROM segments.next_changes(" . quoted($rule) . ", population => '$population->{name}', " .
		  "as_of => '$population->{as_of}') WHERE at < timestamptz '$population->{as_of}' + interval '25 hours';\n" foreach 0, 2048;
	}
	my $soon = 0;
	$soon += $_ foreach grep { /^\d+$/ } split /\n/, ask($script);
	return $soon;
}

create_database('segments_until');
sql($prepare);
note "seed $seed";
foreach my $i (0 .. $#populations)
{
	my $population = $populations[$i];
	my $name = $population->{name};

	next if defined $ENV{SEGMENTS_POPULATION} && $ENV{SEGMENTS_POPULATION} ne $name;
	srand($seed + $i);
	ask(tables_script(%$population, key => 'integer', people => 80, as_of => "timestamptz '$population->{as_of}'"));
	my ($wrong, $refused, $due_batch, $due_alone) = check_population($population);
	diag "$name, seed $seed: $_" foreach splice @{ [@$wrong] }, 0, 10;
	ok(@$wrong == 0, "$name: no answer changes before it is said to");
	ok(@$refused < $rules / 10, "$name: most rules bind");
	note "$name: $due_batch due in batches, $due_alone one by one, of " . 80 * $rules;

	my $soon = soon($population, @steps);
	ok($soon < 80 * @steps, "$name: less than half are due at the next step ($soon)");
	foreach my $batches ('true', 'false')
	{
		my $how = $batches eq 'true' ? 'in batches' : 'one by one';
		my ($all, $kept, @others) = kept($population, $batches, @exact);
		diag "$name: $_" foreach @others;
		ok($all > 100 && $kept == $all, "$name: plain answers change when they are said to, $how ($all)");
		($all, $kept, @others) = kept($population, $batches, @rows, $batches eq 'true' ? () : @rows_alone);
		ok($all > 100 && $kept > 0.75 * $all, "$name: answers about rows mostly do, $how ($kept of $all)") or diag join "\n", @others;
	}
}
done_testing();
