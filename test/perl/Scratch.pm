package Scratch;

# A database that a test creates and drops, on the server that PGHOST, PGPORT and the
# like name.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp;

our @EXPORT = qw(create_database psql_command slurp sql);

my $database;

# Creates the database, empty.
sub create_database
{
	my ($name) = @_;

	outside("DROP DATABASE IF EXISTS $name");
	outside("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");
	$database = $name;
}

END
{
	# The exit status of the test must not become that of psql.
	local $?;
	outside("DROP DATABASE $database") if defined $database;
}

# Runs a script in the database and returns what it prints.
sub sql
{
	return run($database, $_[0]);
}

sub outside
{
	return run($ENV{PGDATABASE} // 'postgres', "SET client_min_messages = warning;\n$_[0]");
}

sub psql_command
{
	return ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $_[0] // $database);
}

sub run
{
	my ($db, $script) = @_;
	my $file = File::Temp->new;

	print $file $script;
	close $file;
	open(my $psql, '-|', psql_command($db), '-f', $file->filename) or die "psql: $!";
	my $output = join '', <$psql>;
	close $psql or die "this script failed:\n" . substr($script, 0, 2000);
	chomp $output;
	return $output;
}

sub slurp
{
	my ($path) = @_;

	open(my $file, '<', $path) or die "$path: $!";
	local $/;
	return scalar <$file>;
}

1;
