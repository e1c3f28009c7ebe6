#!/usr/bin/perl
# tally.pl regress|tap FILES TALLY
#
# Reads a test runner's output and prints one line for each test file, with
# what a failing one had to say. Appends "passed failed skipped" to TALLY.
#
# regress is pg_regress and pg_isolation_regress, whose lines differ before and
# after PostgreSQL 16; one test file is one test. tap is prove -v and
# pg_prove -v, where one assertion is one test. A file that dies, runs fewer
# tests than it planned or contradicts itself has at least one failure, and so
# has each of the FILES test files that never shows up.
use strict;
use warnings;

my ($kind, $files, $tally) = @ARGV;
my $seen = 0;
my %total = (passed => 0, failed => 0, skipped => 0);
$| = 1;

sub report
{
	my ($verdict, $name, $note) = @_;
	$seen++;
	printf "  %-6s  %s%s\n", $verdict, $name, $note ? "  ($note)" : '';
}

sub read_regress
{
	while (my $line = <STDIN>)
	{
		my ($ok, $name, $ms);
		if ($line =~ /^(ok|not ok) \d+\s+[-+] (\S+)\s+(\d+) ms/)
		{
			($ok, $name, $ms) = ($1 eq 'ok', $2, $3);
		}
		elsif ($line =~ /^(?:test| {4}) (\S+)\s+\.\.\. (ok|FAILED)\b.*?(\d+) ms/)
		{
			($ok, $name, $ms) = ($2 eq 'ok', $1, $3);
		}
		else
		{
			next;
		}
		$total{ $ok ? 'passed' : 'failed' }++;
		report($ok ? 'ok' : 'FAILED', $name, "$ms ms");
	}
}

my ($file, %count, $complaint);

sub end_file
{
	return unless defined $file;
	my $ran = $count{passed} + $count{failed} + $count{skipped};
	if ($count{failed})
	{
		report('FAILED', $file, "$count{failed} of $ran");
		print "          $_\n" for split /\n/, $complaint;
	}
	elsif ($count{passed} || !$count{skipped})
	{
		report('ok', $file, $count{passed});
	}
	else
	{
		report('skip', $file, $complaint);
	}
	$total{$_} += $count{$_} for keys %total;
	undef $file;
}

sub read_tap
{
	my $failing = 0;
	while (my $line = <STDIN>)
	{
		chomp $line;
		last if $line =~ /^Test Summary Report$/;
		if ($line =~ /^(\S+\.(?:sql|t|pl)) \.\.+/)
		{
			end_file();
			$file = $1;
			$complaint = '';
			$failing = 0;
			%count = map { $_ => 0 } keys %total;
		}
		next unless defined $file;
		if ($line =~ /^ok \d+/)
		{
			$count{ $line =~ /# skip/i ? 'skipped' : 'passed' }++;
			$failing = 0;
		}
		elsif ($line =~ /^not ok \d+/)
		{
			$failing = $line !~ /# TODO/i;
			$count{ $failing ? 'failed' : 'passed' }++;
			$complaint .= "$line\n" if $failing;
		}
		elsif ($line =~ /(?:^| )skipped: (.*)/)
		{
			$count{skipped}++;
			$complaint = $1;
		}
		elsif ($line =~ /^ *Failed (\d+)\/\d+ subtests/)
		{
			$count{failed} = $1 if $1 > $count{failed};
		}
		elsif ($line =~ /^(?:Dubious|No subtests run|Bail out)/)
		{
			$count{failed} ||= 1;
			$complaint .= "$line\n";
		}
		elsif ($failing && $line =~ /^#/ || $line =~ /^(?:psql:|Can't |syntax error|.* at \S+ line \d+\.$)/)
		{
			$complaint .= "$line\n";
		}
	}
	end_file();
}

$kind eq 'regress' ? read_regress() : read_tap();

if ($seen < $files)
{
	print "  FAILED  ", $files - $seen, " test files were not run\n";
	$total{failed} += $files - $seen;
}
open my $out, '>>', $tally or die "$tally: $!";
print $out "$total{passed} $total{failed} $total{skipped}\n";
close $out;
