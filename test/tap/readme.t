#!/usr/bin/perl
# readme.t: what README.md and doc/*.md show is run, and has to come out as shown.
#
# For whoever writes there:
#
#   ```sql         is run, with psql -q, unless the line above it is
#                  <!-- not run -->  (a reason may follow inside the comment)
#   ```sh          is run, with bash -e, only if the line above it is <!-- run -->
#   ```text        right below such a block (nothing but blank lines between) is
#                  the output that it must have, standard error included. A line
#                  "..." stands for any lines, "..." in a line for anything there.
#                  NOTICE and WARNING count only where the shown output has one.
#                  Trailing blanks, and how many blank lines follow one another,
#                  do not count.
#
# A block without output shown must run without an error. A block may fail only
# if the output shown has a line that begins with "ERROR:".
#
# The blocks of a file run in order, in one session, in a database of the file's
# own that is empty at the start: CREATE EXTENSION is for the file to say. A file
# with the line  <!-- after README.md -->  starts where that file ended instead.
use strict;
use warnings;
use File::Basename;
use File::Temp;
use Test::More;

# parse(TEXT): the runnable blocks, as hashes of kind, line, code, output
sub parse
{
	my @lines = split /\n/, shift;
	my (@blocks, $runnable);
	my $mark = '';

	for (my $i = 0; $i < @lines; $i++)
	{
		if ($lines[$i] =~ /^(\s*)(```+|~~~+)\s*(\w*)/)
		{
			my ($indent, $fence, $kind, $first) = ($1, $2, lc $3, $i + 1);
			my @code;
			push @code, $lines[$i] =~ s/^$indent//r
			  while ++$i < @lines && $lines[$i] !~ /^\s*\Q$fence\E\s*$/;
			my $code = join "\n", @code, '';

			if ($kind eq 'sql' && $mark ne 'not run' || $kind eq 'sh' && $mark eq 'run')
			{
				$runnable = { kind => $kind, line => $first, code => $code };
				push @blocks, $runnable;
			}
			else
			{
				$runnable->{output} = $code if $kind eq 'text' && $runnable;
				undef $runnable;
			}
			$mark = '';
		}
		elsif ($lines[$i] =~ /\S/)
		{
			$mark = $lines[$i] =~ /^\s*<!--\s*(not run|run)\b.*-->\s*$/ ? $1 : '';
			undef $runnable;
		}
		else
		{
			$mark = '';
		}
	}
	return @blocks;
}

# script(DIR, BLOCKS): one psql script that tells where each block's output ends
sub script
{
	my ($dir, @blocks) = @_;
	my $script = "\\set VERBOSITY default\n\\pset pager off\n";

	foreach my $i (0 .. $#blocks)
	{
		my $block = $blocks[$i];
		my $stop = may_fail($block) ? 'off' : 'on';
		$script .= "\\set ON_ERROR_STOP $stop\n";
		if ($block->{kind} eq 'sql')
		{
			$script .= $block->{code};
		}
		else
		{
			my $file = "$dir/$i.sh";
			open my $out, '>', $file or die "$file: $!";
			print $out $block->{code};
			close $out;
			$script .= "\\! bash -e $file 2>&1 || echo 'exit status of the block:' \$?\n";
		}
		$script .= "\\echo \@\@end of block $i\n";
	}
	return $script;
}

sub may_fail
{
	return (shift->{output} // '') =~ /^ERROR:/m;
}

# run(DATABASE, BLOCKS): adds what each block really said, as "got"; a block that
# was not reached, or stopped in its middle, has "died"
sub run
{
	my ($database, @blocks) = @_;
	my $dir = File::Temp->newdir;
	my $script = "$dir/script.sql";

	open my $out, '>', $script or die "$script: $!";
	print $out script($dir, @blocks);
	close $out;
	my $output = `psql -Xq -d $database <$script 2>&1`;
	foreach my $i (0 .. $#blocks)
	{
		if ($output =~ s/\A(.*?)^\@\@end of block $i\n//ms)
		{
			$blocks[$i]{got} = $1;
			$blocks[$i]{died} = $1 =~ /^exit status of the block:/m && !may_fail($blocks[$i]);
		}
		else
		{
			$blocks[$i]{got} = $output;
			$blocks[$i]{died} = 1;
			$output = "(not reached)\n";
		}
	}
}

# What does not count when outputs are compared.
sub normalized
{
	my ($text, $with_notices) = @_;
	$text =~ s/^(?:NOTICE|WARNING):.*\n(?:(?:DETAIL|HINT|CONTEXT):.*\n)*//mg
	  unless $with_notices;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n\n+/\n/g;
	$text =~ s/\A\n+//;
	$text =~ s/\n*\z/\n/;
	return $text;
}

sub as_shown
{
	my $block = shift;
	return 1 unless defined $block->{output};
	my $shown = normalized($block->{output}, 1);
	my $got = normalized($block->{got}, $shown =~ /^(?:NOTICE|WARNING):/m);
	my $pattern = quotemeta $shown;
	$pattern =~ s/^\\\.\\\.\\\.\\\n/(?:.*\\n)*?/mg;
	$pattern =~ s/\\\.\\\.\\\./.*/g;
	return $got =~ /\A$pattern\z/;
}

sub verdict
{
	my ($file, $block) = @_;
	my $name = "$file line $block->{line}";

	if ($block->{died})
	{
		fail("$name runs");
		diag($block->{code} . $block->{got});
	}
	elsif (!as_shown($block))
	{
		fail("$name gives what it shows");
		diag("shown:\n$block->{output}really:\n$block->{got}");
	}
	else
	{
		pass($name);
	}
}

sub read_file
{
	my $file = shift;
	open my $in, '<', $file or die "$file: $!";
	local $/;
	return scalar <$in>;
}

sub create_database
{
	my ($name, $template) = @_;
	system(qw(psql -Xqd postgres -c), qq(CREATE DATABASE "$name" TEMPLATE "$template")) == 0
	  or die "cannot create database $name";
}

# --- This test itself --------------------------------------------------------

my $sample = <<'SAMPLE';
```sql
CREATE TABLE t AS SELECT 1 AS a;
```
Prose, then an output that belongs to nothing.
```text
nonsense
```
```sql
DO $$ BEGIN RAISE NOTICE 'hear me'; END $$;
SELECT a, now() FROM t;
```

```text
 a |...
---+...
 1 | ...
(1 row)
```
<!-- not run: no such table -->
```sql
SELECT * FROM nowhere;
```
```sql
SELECT * FROM nowhere;
SELECT 'after';
```
```text
ERROR:  relation "nowhere" does not exist
...
 after
(1 row)
```
  <!-- run -->
  ```sh
  psql -XAtc 'SELECT a + 1 FROM t'
  ```
  ```text
  2
  ```
```sh
false
```
```sql
SELECT a FROM t;
```
```text
 a
---
 2
(1 row)
```
<!-- run -->
```sh
false
```
```sql
SELECT a FROM t;
SELECT b FROM t;
```
```sql
SELECT a FROM t;
```
SAMPLE

create_database('readme_self', 'template1');
$ENV{PGDATABASE} = 'readme_self';
my @blocks = parse($sample);
run('readme_self', @blocks);
is_deeply([ map { $_->{line} } @blocks ], [ 1, 8, 23, 34, 43, 53, 56, 60 ],
	'the blocks that are run');
is_deeply(
	[ map { $_->{died} ? 'died' : as_shown($_) ? 'ok' : 'differs' } @blocks ],
	[ 'ok', 'ok', 'ok', 'ok', 'differs', 'died', 'died', 'died' ],
	'what is right passes, what is wrong fails');

# --- The documents -----------------------------------------------------------

my %database;
my %waiting = map { $_ => read_file($_) } grep { -f } 'README.md', glob 'doc/*.md';

while (%waiting)
{
	my $ran = 0;
	foreach my $file (sort keys %waiting)
	{
		my ($before) = $waiting{$file} =~ /^<!--\s*after\s+(\S+)\s*-->\s*$/m;
		next if defined $before && !exists $database{$before};
		$database{$file} = 'doc_' . lc(basename($file, '.md'));
		create_database($database{$file},
			defined $before ? $database{$before} : 'template1');
		$ENV{PGDATABASE} = $database{$file};
		@blocks = parse(delete $waiting{$file});
		run($database{$file}, @blocks);
		verdict($file, $_) foreach @blocks;
		ok(@blocks > 0, "README.md has something to run") if $file eq 'README.md';
		$ran = 1;
	}
	next if $ran;
	fail("$_ comes after a file that there is not") foreach sort keys %waiting;
	last;
}

done_testing();
