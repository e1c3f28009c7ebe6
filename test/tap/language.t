# Every example of the language reference: it parses, what is printed reads back as an
# equal rule, and a segment can be made of it on the tables of the reference; or not,
# where the reference says that it is not evaluated yet.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Scratch;
use Test::More;

my $document = slurp("$FindBin::RealBin/../../doc/language.md");
my ($setup) = $document =~ /^## The tables of the examples\n+```sql\n(.*?)^```$/ms;
my @examples;

while ($document =~ /^```rule( not yet)?\n(.*?)^```$/msg)
{
	my $refused = defined $1;

	push @examples, map { { rule => $_, refused => $refused } } split /\n/, $2;
}
cmp_ok(scalar @examples, '>', 100, 'the reference has examples');

create_database('segments_tap_language');
sql("SET client_min_messages = warning; $setup");
sql(<<'EOT');
CREATE FUNCTION round_trip(rule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	printed text := rule::segments.segment_rule;
BEGIN
	IF printed::segments.segment_rule::text != printed THEN
		RETURN 'printed anew as ' || printed::segments.segment_rule::text;
	ELSIF NOT printed::segments.segment_rule OPERATOR(segments.=) rule::segments.segment_rule THEN
		RETURN 'not equal to ' || printed;
	END IF;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;

CREATE FUNCTION creation(name text, rule text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM segments.create_segment(name, rule::segments.segment_rule, population => 'customers');
	RETURN 'ok';
EXCEPTION
	WHEN feature_not_supported THEN
		RETURN 'refused';
	WHEN OTHERS THEN
		RETURN SQLERRM;
END $$;
EOT

my $n = 0;
my $script = "SET client_min_messages = warning;\n";
foreach (@examples)
{
	my $rule = "\$rule\$$_->{rule}\$rule\$";

	$n++;
	$script .= "SELECT translate(round_trip($rule), E'\\n', ' '), translate(creation('example $n', $rule), E'\\n', ' ');\n";
}
my @results = split /\n/, sql($script);

foreach (@examples)
{
	my ($printed, $created) = split /\|/, shift(@results), 2;

	is($printed, 'ok', "reads back: $_->{rule}");
	is($created, $_->{refused} ? 'refused' : 'ok', ($_->{refused} ? 'is refused: ' : 'makes a segment: ') . $_->{rule});
}

done_testing();
