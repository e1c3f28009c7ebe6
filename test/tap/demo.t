#!/usr/bin/perl
# demo.t: the demo runs through on a small shop, and its segments have the members
# that plain SQL, written by hand, finds.
use strict;
use warnings;
use Test::More;

my $database = 'demo';
my @customers = (-v => 'customers=2000');

sub psql
{
	my @command = ('psql', '-XAtq', -d => $database, @_);
	open my $out, '-|', "@{[ map { quotemeta } @command ]} 2>&1" or die $!;
	my $text = do { local $/; <$out> };
	return (close($out), $text // '');
}

system('createdb', $database) == 0 or BAIL_OUT("no database $database");
my ($ok, $output) = psql(-v => 'ON_ERROR_STOP=1', @customers, -f => 'test/shop.sql');
ok($ok, 'the shop is built') or BAIL_OUT($output);

($ok, $output) = psql(-f => 'test/demo.sql');
ok($ok, 'the demo runs to its end') or diag($output);
is(scalar(() = $output =~ /^(?:psql:\S+ )?ERROR:/mg), 2,
	'and meets the two errors that it wants to show') or diag($output);

# The moment is fixed for both sides: an order may cross the edge of a window
# between one query and the next.
my $now = "'today'::timestamptz";

my %by_hand = (
	'express regulars' => "(SELECT count(*) FROM orders o
		WHERE o.customer_id = c.id AND service = 'express'
			AND placed_at >= $now - interval '6 months' AND placed_at < $now) > 5",
	'young and hurried' => "extract(year FROM age(${now}::date, birth_date)) BETWEEN 20 AND 30
		AND EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND service = 'express')",
	'northern gold' => "city_id IN (SELECT id FROM city WHERE region = 'North')
		AND (SELECT sum(total) FROM orders o WHERE o.customer_id = c.id
			AND placed_at >= $now - interval '1 year' AND placed_at < $now) >= 1000",
	'VIP truckers' => "'VIP' = ANY (tags) AND EXISTS (SELECT FROM orders o
		JOIN product p ON p.id = o.product_id WHERE o.customer_id = c.id
			AND p.department = 'Accessories' AND p.name = 'TRUCK')",
	'lapsed' => "(SELECT count(*) FROM orders o WHERE o.customer_id = c.id) >= 3
		AND NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id
			AND placed_at >= $now - interval '6 months' AND placed_at < $now)",
	'first-time buyers' => "(SELECT count(*) FROM orders o WHERE o.customer_id = c.id) = 1
		AND EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id
			AND placed_at >= $now - interval '30 days' AND placed_at < $now)",
	'just looking' => "NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id)
		AND signed_up_at >= $now - interval '60 days'",
	'birthday soon' => "EXISTS (SELECT FROM generate_series(0, 29) AS d
		WHERE to_char($now + d * interval '1 day', 'MMDD') = CASE
			WHEN to_char(birth_date, 'MMDD') = '0229'
				AND extract(day FROM date_trunc('year', $now + d * interval '1 day')
					+ interval '2 months' - interval '1 day') = 28
			THEN '0301' ELSE to_char(birth_date, 'MMDD') END)",
	'new to support' => "EXISTS (SELECT FROM ticket t WHERE t.customer_id = c.id
			AND opened_at >= $now - interval '14 days' AND opened_at < $now)
		AND NOT EXISTS (SELECT FROM ticket t WHERE t.customer_id = c.id
			AND opened_at < $now - interval '14 days')",
	'kept waiting' => "EXISTS (SELECT FROM ticket t WHERE t.customer_id = c.id
		AND status <> 'solved' AND opened_at < $now - interval '3 days')",
	'all-rounders' => "(SELECT count(DISTINCT department) FROM orders o
		JOIN product p ON p.id = o.product_id WHERE o.customer_id = c.id
			AND placed_at >= $now - interval '1 year' AND placed_at < $now) = 5",
	'good last quarter' => "(SELECT sum(total) FROM orders o WHERE o.customer_id = c.id
			AND placed_at >= date_trunc('quarter', $now) - interval '3 months'
			AND placed_at < date_trunc('quarter', $now)) >= 500",
	'always content' => "(SELECT count(*) FROM ticket t WHERE t.customer_id = c.id) >= 2
		AND NOT EXISTS (SELECT FROM ticket t WHERE t.customer_id = c.id
			AND (rating < 4 OR rating IS NULL))",
	'business basket' => "'business' = ANY (tags)
		AND (SELECT avg(total) FROM orders o WHERE o.customer_id = c.id) > 200",
	'may be mailed' => "newsletter AND email IS NOT NULL AND NOT 'do not mail' = ANY (tags)");

$by_hand{'win back'} = "$by_hand{lapsed} AND $by_hand{'may be mailed'}
	AND NOT $by_hand{'kept waiting'}";

my $exercised = 0;
# from here on as of the morning
psql(-c => "SELECT segments.alter_population('customers', maintenance => 'scheduled'), segments.refresh('customers', as_of => $now)");
foreach my $segment (sort keys %by_hand)
{
	($ok, $output) = psql(-c => "SET search_path = shop; WITH
		by_rule AS (SELECT m::bigint AS id FROM segments.members('$segment') AS m),
		by_hand AS (SELECT c.id::bigint FROM customer c WHERE $by_hand{$segment})
		SELECT count(*) > 0, (SELECT count(*) FROM by_rule),
			(SELECT count(*) FROM (TABLE by_rule EXCEPT TABLE by_hand) AS t),
			(SELECT count(*) FROM (TABLE by_hand EXCEPT TABLE by_rule) AS t) FROM by_hand");
	like($output, qr/^[tf]\|\d+\|0\|0$/, "$segment: members, too many, missing");
	$exercised++ if $output =~ /^t/;
}
cmp_ok($exercised, '>=', 14, 'nearly every segment has a member in a small shop');

($ok, $output) = psql(-c => 'SELECT count(*) FROM segments.overview');
cmp_ok($output, '>=', scalar keys %by_hand, 'all of them are in the overview');

done_testing();
