package RealData;

# Loads real data into a database of its own and compares every segment with a
# query written by hand.
#
# The data is in the directory that SEGMENTS_DATA names, by default ../shared/data
# beside the repository; where it is absent the test is skipped.
#
# A segment is [ name, rule, query ]: the query gives the keys of the members.  It
# may use the psql variables :now (the population's local time, a timestamp) and
# :today (a date).

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use Scratch;
use Test::More;

our @EXPORT = qw(open_data load_csv create_segments compare_segments);

my $folder;

# Skips the test where the data is absent, else creates the database and the tables
# of the data's schema.
sub open_data
{
	my ($name) = @_;
	my $data = $ENV{SEGMENTS_DATA}
	  // dirname(abs_path(__FILE__)) . '/../../../shared/data';

	$folder = "$data/$name";
	plan skip_all => "no file $folder/schema.sql (SEGMENTS_DATA names the directory)"
	  unless -e "$folder/schema.sql";

	create_database("segments_tap_$name");
	sql(slurp("$folder/schema.sql"));
	sql('CREATE EXTENSION segments');
}

sub load_csv
{
	my ($file, $table) = @_;

	open(my $gzip, '-|', 'gzip', '-dc', "$folder/$file.csv.gz") or die "gzip: $!";
	open(my $psql, '|-', psql_command(), '-c',
		"COPY $table FROM STDIN (FORMAT csv, HEADER true, ENCODING 'UTF8')")
	  or die "psql: $!";
	local $/ = \65536;
	while (my $block = <$gzip>)
	{
		print $psql $block;
	}
	close $gzip or die "$folder/$file.csv.gz cannot be read";
	close $psql or die "$file cannot be loaded";
}

# Creates the segments, none of them built.
sub create_segments
{
	my ($population, @segments) = @_;

	foreach (@segments)
	{
		my ($name, $rule) = @$_;

		ok( eval {
				sql("SET client_min_messages = warning; SELECT segments.create_segment('$name', \$rule\$$rule\$rule\$,"
					  . " population => '$population', build => false)");
				1;
			},
			"$population: '$name' is created");
	}
}

# Refreshes the population as of a moment, $now in the time zone $zone, and compares
# for every segment with its query: the members, their number, what the printed SQL
# returns and, for one segment in three, ad hoc evaluation.  Returns the sizes.
sub compare_segments
{
	my ($population, $zone, $now, @segments) = @_;
	my $today = substr($now, 0, 10);
	my $as_of = "as_of => timestamptz '$now $zone'";
	my (%size, %wrong, $n);

	# A time zone that is not the population's, so that the session's cannot matter.
	my $script = <<"EOT" . slurp(dirname(__FILE__) . '/compare.sql');
SET timezone = 'Asia/Tokyo';
SET work_mem = '64MB';
SELECT segments.refresh('$population', $as_of) \\g /dev/null
CREATE TEMP VIEW dictionary AS
SELECT d.member, d.key FROM segments.dictionary AS d JOIN segments.population AS p ON p.id = d.population WHERE p.name = '$population';
\\set now 'timestamp ''$now'''
\\set today 'date ''$today'''
EOT
	foreach (@segments)
	{
		my ($name, $rule, $query) = @$_;
		my $arguments = "(\$rule\$$rule\$rule\$, population => '$population', $as_of)";

		# Not by ask: its text would hide the psql variables.
		$script .= "INSERT INTO answer SELECT '$name', 'query', k FROM ($query) AS q (k);\n";
		$script .= "INSERT INTO asked VALUES ('$name', 'query');\n";
		$script .= "CALL pg_temp.ask('$name', 'members', \$q\$SELECT segments.member_keys('$name', population => '$population')\$q\$);\n";
		$script .= "CALL pg_temp.ask('$name', 'count_members', \$q\$SELECT segments.count_members('$name', population => '$population')\$q\$);\n";
		$script .= "CALL pg_temp.ask('$name', 'sql', \$q\$SELECT segments.sql$arguments\$q\$);\n";
		$script .= "CALL pg_temp.ask('$name', 'matching', \$q\$SELECT coalesce(key, m::text) FROM segments.matching$arguments AS m LEFT JOIN dictionary ON member = m\$q\$);\n"
		  if $n++ % 3 == 0;
	}
	foreach (split /\n/, sql("$script CREATE INDEX ON answer (name, method); SELECT * FROM size; SELECT * FROM wrong;"))
	{
		my ($view, $name, $what) = split /\|/, $_, 3;

		if ($view eq 'size') { $size{$name} = $what }
		else { push @{ $wrong{$name} }, $what }
	}
	foreach (@segments)
	{
		my ($name, $rule) = @$_;

		ok(!$wrong{$name}, "$population, $now: '$name' has the right $size{$name} members")
		  or diag(join "\n  ", $rule, @{ $wrong{$name} });
	}
	return %size;
}

1;
