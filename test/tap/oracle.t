#!/usr/bin/perl
# oracle.t: random rules over random tables. A pass over the tables, the query that
# segments.sql() writes, a document with everything about a member, and the member's row
# where that is enough, have to agree on who fulfils a rule, and so have the indexes of
# documents and of rules. One pass for all rules has to
# come to the same members. Some populations are evaluated by parallel workers and
# their rules group by group, or in small batches, or with JIT. not (rule) has to be the exact complement, and what is
# printed the same rule again.
#
# SEGMENTS_SEED       the seed; a failure prints it
# SEGMENTS_RULES      rules for each population
# SEGMENTS_POPULATION only this one
use strict;
use warnings;
use utf8;
use Cwd 'abs_path';
use File::Basename;
use File::Temp;
use Test::More;
use lib dirname(abs_path(__FILE__)) . '/../perl';
use RandomRules 'random_rule';
use RandomTables 'tables_script';

binmode $_, ':encoding(UTF-8)' foreach Test::More->builder->output, Test::More->builder->failure_output;

my $seed = $ENV{SEGMENTS_SEED} // 20240229;
my $rules = $ENV{SEGMENTS_RULES} // 150;
my $database = 'segments_oracle';

# Moments of evaluation: in the hour that daylight saving repeats or skips, which may
# be at midnight, on the last days of months, and now, when documents are evaluated.
my @parallel = ('max_parallel_workers_per_gather = 2', 'min_parallel_table_scan_size = 0', 'segments.group_rules = 1');
my @populations = (
	{ name => 'berlin', key => 'integer', zone => 'Europe/Berlin', as_of => "timestamptz '2024-03-31 01:15:00+00'", wild => 1, people => 500 },
	{ name => 'newyork', key => 'uuid', zone => 'America/New_York', as_of => "timestamptz '2024-11-03 06:30:00+00'", wild => 1, set => ['segments.batch_rows = 1'] },
	{ name => 'kolkata', key => 'text', zone => 'Asia/Kolkata', as_of => "timestamptz '2023-02-28 18:29:59.999999+00'", wild => 1, set => \@parallel },
	{ name => 'auckland', key => 'bigint', zone => 'Pacific/Auckland', as_of => "timestamptz '2024-02-28 12:30:00+00'", wild => 1, set => \@parallel },
	{ name => 'saopaulo', key => 'bigint', zone => 'America/Sao_Paulo', as_of => "timestamptz '2018-11-04 03:30:00+00'", wild => 1, set => ['segments.batch_rows = 7'] },
	{ name => 'havana', key => 'integer', zone => 'America/Havana', as_of => "timestamptz '2024-11-03 04:30:00+00'", wild => 1, set => ['jit = on', 'jit_above_cost = 0'] },
	{ name => 'utc', key => 'bigint', zone => 'UTC', as_of => 'now()', documents => 1 },
	{ name => 'sydney', key => 'integer', zone => 'Australia/Sydney', as_of => 'now()', documents => 1 });

# psql(SCRIPT): what it prints
sub psql
{
	my $script = shift;
	my $file = File::Temp->new(SUFFIX => '.sql');
	binmode $file, ':encoding(UTF-8)';
	print $file $script;
	close $file;
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	chmod 0644, $file;
	open my $psql, '-|:encoding(UTF-8)', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-F', "\t", '-d', $database, '-f', $file->filename
	  or die "psql: $!";
	local $/;
	my $output = <$psql> // '';
	close $psql or die "psql failed for seed $seed\n";
	return $output;
}

# Segments for rules to speak about. The members of the last are frozen.
my @segments = ('adults', 'buyers', 'both', 'frozen');
my $segments = <<'SQL';
SELECT segments.create_segment('adults', 'age >= 18', population => :'population');
SELECT segments.create_segment('buyers', 'count(orders) > 2', population => :'population', build => false);
SELECT segments.create_segment('both', 'in segment ''adults'' and not in segment ''buyers''', population => :'population');
SELECT segments.create_segment('frozen', 'count(visits) between 1 and 2', population => :'population');
SELECT segments.alter_segment('frozen', active => false, population => :'population');
SQL

my $prepare = <<'SQL';
CREATE EXTENSION segments;
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE public.rule (id int PRIMARY KEY, rule text, documents bool, rows bool, parsed segments.segment_rule);
CREATE INDEX ON public.rule USING gin (parsed);
CREATE TABLE public.document (key text, document jsonb);
CREATE INDEX ON public.document USING gin (document segments.segment_profile_ops);
CREATE TABLE public.fulfils (id int, keys text[]);
CREATE TABLE public.result (id int, problem text, members int, detail text);

-- Keys of all who fulfil a rule, by the pass.
CREATE FUNCTION public.by_pass(rule segments.segment_rule, population text, as_of timestamptz) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
	p segments.population = (SELECT p FROM segments.population p WHERE p.name = population);
BEGIN
	IF p.dictionary THEN
		RETURN ARRAY(SELECT d.key
			FROM segments.matching(rule, population => population, as_of => as_of) AS m (id)
				JOIN segments.dictionary d ON d.population = p.id AND d.member = m.id
			ORDER BY d.key COLLATE "C");
	END IF;
	RETURN ARRAY(SELECT m.id::text
		FROM segments.matching(rule, population => population, as_of => as_of) AS m (id)
		ORDER BY m.id::text COLLATE "C");
END $$;

-- The same by the query, under no search_path at all.
CREATE FUNCTION public.by_query(query text) RETURNS text[]
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
	keys text[];
BEGIN
	EXECUTE format('SELECT ARRAY(SELECT key::text FROM (%s) AS q (key) ORDER BY key::text COLLATE "C")', query) INTO keys;
	RETURN keys;
END $$;

CREATE FUNCTION public.difference(a text[], b text[]) RETURNS text
LANGUAGE sql AS $$
	SELECT format('only first: %s, only second: %s',
		ARRAY((SELECT unnest(a) EXCEPT SELECT unnest(b)) LIMIT 5), ARRAY((SELECT unnest(b) EXCEPT SELECT unnest(a)) LIMIT 5))
$$;

-- What is wrong with the rules, one line a problem.
CREATE PROCEDURE public.compare(population text, as_of timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	r record;
	rule segments.segment_rule;
	query text;
	pass text[];
	others text[];
	everyone text[];
	state text;
BEGIN
	everyone = public.by_pass('true', population, as_of);
	FOR r IN SELECT * FROM public.rule ORDER BY id LOOP
	BEGIN
		rule = r.rule;
		query = NULL;
		query = segments.sql(rule, population => population, as_of => as_of);
		pass = public.by_pass(rule, population, as_of);
		INSERT INTO public.result VALUES (r.id, 'members', cardinality(pass));
		INSERT INTO public.fulfils VALUES (r.id, pass);
		BEGIN
			others = public.by_query(query);
			IF pass <> others THEN
				INSERT INTO public.result VALUES (r.id, 'pass and query: ' || public.difference(pass, others), 0, query);
			END IF;
		EXCEPTION WHEN data_exception THEN
			-- what is missing for the evaluator may be an error for a query
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
			INSERT INTO public.result VALUES (r.id, 'overflow', 0, state || ' ' || sqlerrm);
			IF state NOT IN ('22003', '22008', '22015') THEN
				INSERT INTO public.result VALUES (r.id, 'query fails: ' || sqlerrm, 0, query);
			END IF;
		END;
		others = public.by_pass(format('not (%s)', r.rule)::segments.segment_rule, population, as_of);
		IF ARRAY(SELECT key FROM unnest(pass || others) AS key ORDER BY key COLLATE "C") <> everyone THEN
			INSERT INTO public.result VALUES (r.id, 'complement: ' || public.difference(pass || others, everyone), 0, query);
		END IF;
		IF r.documents THEN
			others = ARRAY(SELECT d.key FROM public.document d WHERE rule OPERATOR(segments.@>) d.document ORDER BY d.key COLLATE "C");
			IF pass <> others THEN
				INSERT INTO public.result VALUES (r.id, 'pass and documents: ' || public.difference(pass, others), 0, query);
			END IF;
		END IF;
		IF r.rows THEN
			others = ARRAY(SELECT p.key::text FROM people p WHERE segments.matches(rule, p) ORDER BY p.key::text COLLATE "C");
			IF pass <> others THEN
				INSERT INTO public.result VALUES (r.id, 'pass and rows: ' || public.difference(pass, others), 0, query);
			END IF;
		END IF;
		IF rule OPERATOR(segments.<>) rule::text::segments.segment_rule THEN
			INSERT INTO public.result VALUES (r.id, 'printed: ' || rule::text);
		END IF;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
		INSERT INTO public.result VALUES (r.id, CASE WHEN query IS NULL AND state <> 'XX000' THEN 'refused' ELSE 'error' END, 0, state || ' ' || sqlerrm);
	END;
	END LOOP;
END $$;

-- Rules found by a document through their index, and documents by a rule through theirs.
CREATE PROCEDURE public.compare_indexes() LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
	r record;
	found text[];
BEGIN
	UPDATE public.rule SET parsed = rule.rule::segments.segment_rule
	FROM public.fulfils f WHERE f.id = rule.id AND documents;
	FOR r IN SELECT * FROM public.fulfils f JOIN public.rule USING (id) WHERE documents LOOP
		found = ARRAY(SELECT d.key FROM public.document d WHERE d.document OPERATOR(segments.<@) r.parsed ORDER BY d.key COLLATE "C");
		IF found <> r.keys THEN
			INSERT INTO public.result VALUES (r.id, 'index of documents: ' || public.difference(r.keys, found));
		END IF;
	END LOOP;
	FOR r IN SELECT * FROM public.document LOOP
		INSERT INTO public.result
		SELECT id, 'index of rules: ' || CASE WHEN a.id IS NULL THEN 'wrong' ELSE 'missing' END
		FROM (SELECT f.id FROM public.fulfils f JOIN public.rule USING (id) WHERE documents AND r.key = ANY (keys)) AS a
			FULL JOIN (SELECT id FROM public.rule WHERE parsed OPERATOR(segments.@>) r.document) AS b USING (id)
		WHERE a.id IS NULL OR b.id IS NULL;
	END LOOP;
END $$;

-- All rules as segments, in one pass that shares what they have in common.
CREATE PROCEDURE public.compare_together(population text, as_of timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	r record;
	together text[];
BEGIN
	PERFORM segments.create_segment(format('rule %s', f.id), rule.rule::segments.segment_rule, population => population, build => false)
		FROM public.fulfils f JOIN public.rule USING (id);
	PERFORM segments.refresh(population, as_of => as_of);
	FOR r IN SELECT * FROM public.fulfils LOOP
		together = ARRAY(SELECT key FROM segments.member_keys(format('rule %s', r.id), population => population) AS key ORDER BY key COLLATE "C");
		IF together <> r.keys THEN
			INSERT INTO public.result VALUES (r.id, 'alone and together: ' || public.difference(r.keys, together));
		END IF;
	END LOOP;
END $$;
SQL

# Everything about a member in one document, written as a client would.
my $documents = <<'SQL';
TRUNCATE public.document;
INSERT INTO public.document
WITH city AS (
	SELECT c.id, jsonb_build_object('id', c.id, 'name', c.name, 'opened', c.opened,
		'region', jsonb_build_object('id', r.id, 'name', r.name)) AS document
	FROM city c LEFT JOIN region r ON r.id = c.region_id
), no_city AS (
	SELECT jsonb '{"id": null, "name": null, "opened": null, "region": {"id": null, "name": null}}' AS document
), line AS (
	SELECT l.order_id, o.who, to_jsonb(l) || jsonb_build_object('at', o.placed,
		'product', jsonb_build_object('category', p.category, 'price', p.price)) AS document
	FROM lines l JOIN orders o ON o.id = l.order_id LEFT JOIN product p ON p.id = l.product_id
), "order" AS (
	SELECT o.who, to_jsonb(o) || jsonb_build_object('at', o.placed, 'city', coalesce(c.document, no_city.document),
		'lines', (SELECT coalesce(jsonb_agg(l.document), '[]') FROM line l WHERE l.order_id = o.id)) AS document
	FROM orders o CROSS JOIN no_city LEFT JOIN city c ON c.id = o.city_id
)
SELECT p.key::text, to_jsonb(p) || jsonb_build_object('code', p.code::text,
	'half', p.age / 2.0, 'initial', left(p.name, 1), 'adult', p.age >= 18,
	'city', coalesce(c.document, no_city.document),
	'orders', (SELECT coalesce(jsonb_agg(o.document), '[]') FROM "order" o WHERE o.who = p.key),
	'lines', (SELECT coalesce(jsonb_agg(l.document), '[]') FROM line l WHERE l.who = p.key),
	'events', (SELECT coalesce(jsonb_agg(to_jsonb(e) || jsonb_build_object('at', e.day)), '[]')
		FROM events e WHERE e.who = p.key AND e.kind IS DISTINCT FROM 'hidden'),
	'visits', (SELECT coalesce(jsonb_agg(to_jsonb(v) || jsonb_build_object('at', v.entered)), '[]') FROM visits v WHERE v.who = p.key))
FROM people p CROSS JOIN no_city LEFT JOIN city c ON c.id = p.city_id;
-- what is missing is null in one half of the documents, and not there in the other
UPDATE public.document SET document = (SELECT jsonb_object_agg(key, value) FROM jsonb_each(document) WHERE value <> 'null')
WHERE hashtext(key) % 2 = 0;
SQL

# compare_population(POPULATION): what went wrong, what was refused, how many tell members apart
sub compare_population
{
	my $population = shift;
	my (%rule, @wrong, @refused, %members);
	my $overflows = 0;
	my @rules = map { [ random_rule(@segments) ] } 1 .. $rules;
	my $script = "TRUNCATE public.result, public.rule, public.fulfils;\n";

	foreach my $i (1 .. @rules)
	{
		my ($rule, $document, $row) = @{ $rules[ $i - 1 ] };
		$rule{$i} = $rule;
		$script .= sprintf "INSERT INTO public.rule VALUES (%d, '%s', %s, %s);\n", $i, $rule =~ s/'/''/gr,
		  map { $_ && $population->{documents} ? 'true' : 'false' } $document, $row;
	}
	$script .= "SET search_path = $population->{name}, public;\n";
	$script .= "SET TimeZone = 'UTC';\n$documents" if $population->{documents};
	$script .= "SET TimeZone = '$population->{zone}';\n";
	$script .= "SET $_;\n" foreach @{ $population->{set} // [] };
	# one transaction: now() is the same for all
	$script .= "BEGIN;\n";
	$script .= "CALL public.compare('$population->{name}', $population->{as_of});\n";
	$script .= "CALL public.compare_together('$population->{name}', $population->{as_of});\n";
	$script .= "CALL public.compare_indexes();\n" if $population->{documents};
	$script .= "COMMIT;\n";
	$script .= "SELECT id, problem, members, replace(detail, E'\\n', ' ') FROM public.result;\n";
	foreach (split /\n/, psql($script))
	{
		my ($id, $problem, $members, $detail) = split /\t/;
		if ($problem eq 'members') { $members{$id} = $members }
		elsif ($problem eq 'overflow') { $overflows++ }
		elsif ($problem eq 'refused') { push @refused, "$rule{$id}\n  $detail" }
		else { push @wrong, "$rule{$id}\n  $problem\n  " . ($detail // '') }
	}
	return (\@wrong, \@refused, \%members, $overflows);
}

sub run
{
	system('psql', '-XqAt', map { ('-c', $_) } @_) == 0 or die 'psql failed';
}

$ENV{PGOPTIONS} = '-c client_min_messages=warning';
run("DROP DATABASE IF EXISTS $database", "CREATE DATABASE $database");
psql($prepare);
note "seed $seed";
foreach my $i (0 .. $#populations)
{
	my $population = { people => 100, %{ $populations[$i] } };
	my $people = $population->{people};

	next if defined $ENV{SEGMENTS_POPULATION} && $ENV{SEGMENTS_POPULATION} ne $population->{name};
	srand($seed + $i);
	psql(tables_script(%$population) . "\\set population $population->{name}\n$segments");
	my ($wrong, $refused, $members, $overflows) = compare_population($population);
	my $apart = grep { $_ > 0 && $_ < $people } values %$members;

	diag "$population->{name}, seed $seed: $_" foreach splice @{ [@$wrong] }, 0, 10;
	ok(@$wrong == 0, "$population->{name}: all ways to the members agree");
	diag "$population->{name}, seed $seed, refused: $_" foreach @$refused > $rules / 20 ? splice @$refused, 0, 10 : ();
	ok(@$refused < $rules / 20, "$population->{name}: most rules bind");
	ok($apart > $rules / 4, "$population->{name}: many rules tell members apart");
	note "$population->{name}: $apart of $rules rules tell members apart, " . scalar(@$refused) . " refused, $overflows overflows";
}
run("DROP DATABASE $database") if Test::More->builder->is_passing;
done_testing();
