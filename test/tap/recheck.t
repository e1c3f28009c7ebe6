#!/usr/bin/perl
# recheck.t: a note of members who could not be found is done with as soon as all who could be meant have
# ended, and not before.
use strict;
use warnings;
use Test::More;
use Scratch;

create_database('segments_recheck');
sql(<<'END');
CREATE EXTENSION segments;
CREATE TABLE city (id int PRIMARY KEY, size int);
CREATE TABLE customer (id int PRIMARY KEY, city_id int);
CREATE TABLE old (a int);
INSERT INTO city VALUES (1, 10), (2, 20);
INSERT INTO customer SELECT i, 1 + i % 2 FROM generate_series(1, 100) AS i;
SELECT segments.create_population('c', 'customer');
SELECT segments.add_lookup('c', 'city', 'city', 'city_id');
SELECT segments.create_segment('big', 'city.size > 50');
END

# Upkeep until nothing is noted any more, or for so many seconds; whether that came.
sub settled
{
	my ($seconds) = @_;

	for (1 .. $seconds * 10)
	{
		sql('CALL segments.maintain()');
		return 1 if sql('SELECT count(*) FROM segments.recheck') == 0;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

# Somebody who began before, and has written.
my $name = "$$-old";
open(my $old, '|-', psql_command()) or die "psql: $!";
$old->autoflush;
print $old "SET application_name = '$name';\nBEGIN;\nINSERT INTO old VALUES (1);\n";
for (1 .. 100)
{
	last if sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = '$name' AND state = 'idle in transaction'");
	select(undef, undef, undef, 0.1);
}

sql('UPDATE city SET size = 90 WHERE id = 2');
is(sql("SELECT segments.count_members('big')"), 50, 'who is committed is found at once');
is(sql('SELECT count(*) FROM segments.recheck'), 1, 'there is a note');
ok(!settled(1), 'it stays while somebody goes on who began before');
is(sql('SELECT count(*) FROM segments.check()'), 0, 'what is stored is right');
print $old "COMMIT;\n";
close $old;
ok(settled(30), 'and goes when he has ended');
is(sql("SELECT segments.count_members('big')"), 50, 'nobody is lost');
is(sql('SELECT count(*) FROM segments.check()'), 0, 'and what is stored is right');

done_testing();
