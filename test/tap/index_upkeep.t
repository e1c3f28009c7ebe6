# Both indexes find what a scan finds after rows have gone and vacuum has given their places to others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Scratch;
use Test::More;

create_database('segments_index_upkeep');
sql('CREATE EXTENSION segments');

# The seed of the random rules and documents, and the functions that make them.
my $random = "\\i $FindBin::RealBin/../random_rules.sql\nSET search_path = segments, public, pg_catalog;\n";

sql($random . <<'EOT');
SELECT setseed(0.625);
CREATE TABLE public.asked_rule AS
SELECT n, pg_temp.random_rule(n % 3, n % 10 <> 0)::segment_rule AS rule FROM generate_series(1, 200) n;
CREATE TABLE public.asked_document AS SELECT n, pg_temp.random_document() AS d FROM generate_series(1, 40) n;
EOT

# How look-ups and scans differ: the pairs that only one of them finds.
sub differences
{
	my ($asked, $condition, $table) = @_;
	my $pairs = "SELECT a.n AS asked, f.n FROM $asked a CROSS JOIN LATERAL (SELECT n FROM $table f WHERE $condition OFFSET 0) f";

	return sql(<<"EOT");
SET search_path = segments, public, pg_catalog;
SET client_min_messages = warning;
SET enable_seqscan = off;
CREATE TEMP TABLE looked_up AS $pairs;
SET enable_seqscan = on;
SET enable_bitmapscan = off;
CREATE TEMP TABLE scanned AS $pairs;
SELECT (SELECT count(*) > 1000 FROM scanned), (SELECT count(*) FROM ((TABLE looked_up EXCEPT ALL TABLE scanned) UNION ALL (TABLE scanned EXCEPT ALL TABLE looked_up)) d);
EOT
}

sub check_table
{
	my ($asked, $column, $opclass, $condition, $new, $fastupdate, $table, $partitioned) = @_;
	my ($what) = split ' ', $column;
	my $name = "$column, $table" . ($partitioned ? ' of partitions' : '') . ", fastupdate $fastupdate";
	my $add = "INSERT INTO public.kept SELECT n, $new FROM generate_series";

	sql($random . <<"EOT");
SELECT setseed(0.5);
CREATE $table public.kept (n int, $column) @{[$partitioned ? 'PARTITION BY HASH (n)' : '']};
@{[$partitioned ? join '', map {"CREATE TABLE public.kept_$_ PARTITION OF public.kept FOR VALUES WITH (MODULUS 3, REMAINDER $_);\n"} 0 .. 2 : '']}
CREATE INDEX kept_index ON public.kept USING gin ($what $opclass) WITH (fastupdate = $fastupdate);
$add(1, 2000) n;
EOT
	is(differences($asked, $condition, 'kept'), 't|0', "$name: filled");
	sql('DELETE FROM kept WHERE n % 3 = 0');
	sql('VACUUM kept');
	is(differences($asked, $condition, 'kept'), 't|0', "$name: after a vacuum");
	sql($random . "SELECT setseed(0.25); $add(3001, 3700) n;");
	is(differences($asked, $condition, 'kept'), 't|0', "$name: others in their places");
	sql($random . "SELECT setseed(0.75); UPDATE kept SET $what = $new WHERE n % 4 = 0; UPDATE kept SET n = n + 10000 WHERE n % 7 = 0;");
	is(differences($asked, $condition, 'kept'), 't|0', "$name: rows that were changed");
	sql('VACUUM kept');
	is(differences($asked, $condition, 'kept'), 't|0', "$name: and vacuumed");
	sql('DELETE FROM kept WHERE n % 5 = 0');
	sql('VACUUM FULL kept');
	sql('REINDEX INDEX kept_index');
	is(differences($asked, $condition, 'kept'), 't|0', "$name: written anew");
	sql('DROP TABLE kept');
}

for (['on', 'TABLE', 0], ['off', 'UNLOGGED TABLE', 0], ['on', 'TABLE', 1])
{
	check_table('asked_document', 'rule segment_rule', 'segment_rule_ops', 'f.rule @> a.d',
		'pg_temp.random_rule(n % 3, n % 10 <> 0)::segment_rule', @$_);
	check_table('asked_rule', 'd jsonb', 'segment_profile_ops', 'f.d <@ a.rule', 'pg_temp.random_document()', @$_);
}

done_testing();
