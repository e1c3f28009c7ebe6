#!/usr/bin/perl
# notify.t: a transaction that changes the members of a segment with notify tells so, once for each segment, in whatever way
# they changed, and when it commits; others tell nothing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Test::More;

use Scratch;

create_database('segments_notify');
sql(q{CREATE EXTENSION segments;
	CREATE TABLE customer (id int PRIMARY KEY, country text, seen timestamptz);
	INSERT INTO customer SELECT i, 'FR', '2026-01-01' FROM generate_series(1, 2000) AS i;
	SET segments.now = '2026-01-05';
	SELECT segments.create_population('c', 'customer');
	SELECT segments.create_segment('germans', 'country = ''DE''', notify => true);
	SELECT segments.create_segment('seen', 'seen within last 10 days', notify => true);
	SELECT segments.create_segment('quiet', 'country = ''DE''');});

# What a session that listens hears of a script.
sub heard
{
	my ($script) = @_;

	return join ' ', sort(sql("SET segments.now = '2026-01-05'; LISTEN segments; $script") =~ /"segments" with payload "(.*?)"/g);
}

is(heard(q{UPDATE customer SET country = 'DE' WHERE id = 1;}), 'c/germans', 'somebody enters');
is(heard(q{UPDATE customer SET country = 'FR' WHERE id = 1;}), 'c/germans', 'and leaves');
is(heard(q{UPDATE customer SET id = -id WHERE id = 1;}), 'c/seen', 'another segment');
is(heard(q{UPDATE customer SET seen = '2026-01-02';}), '', 'nobody does either');
is(heard(q{BEGIN; UPDATE customer SET country = 'DE' WHERE id = 2; UPDATE customer SET country = 'DE' WHERE id = 3;
	UPDATE customer SET seen = NULL WHERE id = 4; COMMIT;}), 'c/germans c/seen', 'a transaction tells of each segment once');
is(heard(q{UPDATE customer SET country = 'DE';}), 'c/germans', 'of many members, too');
is(heard(q{BEGIN; UPDATE customer SET country = 'FR'; ROLLBACK;}), '', 'of nothing that is rolled back');
is(heard(q{BEGIN; SAVEPOINT s; UPDATE customer SET country = 'FR'; ROLLBACK TO s; UPDATE customer SET seen = NULL WHERE id = 5; COMMIT;}),
	'c/seen', 'nor in part');
is(heard(q{SET segments.now = '2026-01-20'; CALL segments.maintain();}), 'c/seen', 'the clock');
is(heard(q{SELECT segments.alter_population('c', maintenance => 'queued'); UPDATE customer SET country = 'FR' WHERE id < 10;}), '',
	'whoever is only noted is not told of');
is(heard(q{SET segments.now = '2026-01-20'; CALL segments.maintain();}), 'c/germans', 'until upkeep');
is(heard(q{SELECT segments.alter_segment('germans', rule => 'country = ''FR''');}), 'c/germans', 'another rule');
is(heard(q{ALTER TABLE customer DISABLE TRIGGER USER; UPDATE customer SET country = 'AT' WHERE id < 5;
	ALTER TABLE customer ENABLE TRIGGER USER;}), '', 'what nobody notices');
is(heard(q{SELECT segments.refresh();}), 'c/germans', 'a refresh');
is(heard(q{SELECT segments.create_segment('new', 'true', notify => true);}), '', 'a first build tells nothing');
is(heard(q{SELECT segments.alter_segment('germans', notify => false); SELECT segments.alter_population('c', maintenance => 'immediate');
	UPDATE customer SET country = 'FR';}), '', 'nor what was told not to');
done_testing();
