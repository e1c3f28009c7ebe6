#!/usr/bin/perl
# two_phase.t: members that a prepared transaction has touched, until it ends: nobody else evaluates them or waits for them,
# not even when the server was killed meanwhile, and what they are is exact before and after.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Test::More;

use Server;
use Scratch;

create_server('prepared', 54335, 'max_prepared_transactions = 5', 'autovacuum = off');
start_server('prepared');
create_database('shop');
sql(q{CREATE EXTENSION segments; CREATE TABLE customer (id int PRIMARY KEY, country text);
	INSERT INTO customer SELECT i, 'FR' FROM generate_series(1, 100) AS i;
	CREATE TABLE orders (customer_id int, total int);
	SELECT segments.create_population('c', 'customer');
	SELECT segments.add_source('c', 'orders', 'orders', 'customer_id');
	SELECT segments.create_segment('buyers', 'sum(orders.total) >= 100');
	SELECT segments.create_segment('germans', 'country = ''DE''');
	SELECT segments.create_consumer('mail');});

# What is stored, and what is read; nothing of it may take long.
sub state
{
	return sql(q{SET statement_timeout = '20s';
		SELECT segments.as_set('buyers'), segments.as_set('germans'), (SELECT count(*) FROM segments.check());});
}

sub touch_others
{
	sql(q{SET statement_timeout = '20s'; INSERT INTO orders VALUES (1, 60), (2, 60), (3, 60);});
}

sub upkeep
{
	sql(q{SET statement_timeout = '20s'; CALL segments.maintain();});
}

sub prepare
{
	my ($name, $statements) = @_;

	sql("BEGIN; $statements; PREPARE TRANSACTION '$name';");
}

prepare('order', 'INSERT INTO orders VALUES (1, 60), (2, 160)');
is(state(), '{}|{}|0', 'what is prepared is not there yet');
touch_others();
is(state(), '{}|{}|0', 'others touch the same members, and find what is committed');
upkeep();
is(state(), '{}|{}|0', 'so does upkeep');
is(sql(q{SELECT count(*) FROM pg_prepared_xacts}), 1, 'all the while it is there');
sql(q{COMMIT PREPARED 'order'});
is(state(), '{1,2}|{}|0', 'what is committed at last counts, together with what came meanwhile');
upkeep();
is(state(), '{1,2}|{}|0', 'and upkeep finds the same');

prepare('move', q{UPDATE customer SET country = 'DE' WHERE id IN (3, 4); INSERT INTO orders VALUES (3, 60)});
kill_server('prepared');
start_server('prepared');
is(state(), '{1,2}|{}|0', 'a server that was killed knows nothing of it');
touch_others();
upkeep();
is(state(), '{1-3}|{}|0', 'members whom it touched are evaluated without it');
sql(q{COMMIT PREPARED 'move'});
is(state(), '{1-3}|{3,4}|0', 'and with it, when it is committed');
upkeep();
is(state(), '{1-3}|{3,4}|0', 'which upkeep finds, too');

prepare('back', 'DELETE FROM customer WHERE id < 50');
sql(q{INSERT INTO orders VALUES (60, 100)});
sql(q{ROLLBACK PREPARED 'back'});
is(state(), '{1-3,60}|{3,4}|0', 'what is rolled back leaves nothing');

# Polls, upkeep and definitions can be prepared as well, and keep nobody waiting.
prepare('poll', q{SELECT FROM segments.poll('mail')});
is(sql(q{SET statement_timeout = '20s'; SELECT count(*) FROM segments.poll('mail')}), 0, 'who polls finds what has numbers already');
sql(q{COMMIT PREPARED 'poll'});
is(sql(q{SELECT string_agg(segment || ' ' || key, ', ' ORDER BY number) FROM segments.poll('mail') WHERE entered}),
	'buyers 2, buyers 1, germans 3, germans 4, buyers 3, buyers 60', 'then each change is there once, in order');
prepare('upkeep', q{SELECT segments.maintain_step(fold_all => true)});
touch_others();
upkeep();
sql(q{COMMIT PREPARED 'upkeep'});
prepare('rule', q{SELECT segments.alter_segment('buyers', rule => 'sum(orders.total) >= 300')});
upkeep();
is(state(), '{1-3,60}|{3,4}|0', 'a rule that is prepared does not count yet');
sql(q{COMMIT PREPARED 'rule'});
is(state(), '{2}|{3,4}|0', 'then it does');
stop_server('prepared', 'fast');
start_server('prepared');
is(state(), '{2}|{3,4}|0', 'and stays');
done_testing();
