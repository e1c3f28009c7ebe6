# Segments of the Sakila DVD rental shop against plain SQL.
#
# The population's time zone is that of Los Angeles: rental_date, a timestamp, is
# read in it, and payment_date is made a timestamptz, so that its local day differs
# from the one in the file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use RealData;
use Scratch;
use Test::More;

my $zone = 'America/Los_Angeles';

open_data('sakila');
load_csv($_, "sakila.$_")
  foreach qw(country city address store customer category film film_category inventory rental payment);

sql(<<'EOT');
ALTER TABLE sakila.payment ALTER payment_date TYPE timestamptz USING payment_date AT TIME ZONE 'UTC';
CREATE INDEX ON sakila.rental (customer_id);
CREATE INDEX ON sakila.payment (customer_id);
CREATE INDEX ON sakila.payment (rental_id);
CREATE UNIQUE INDEX ON sakila.film_category (film_id);

-- For the queries: a rental with all that lies behind it, a payment with its local
-- time, a customer with the computed attributes.
CREATE VIEW rental AS
SELECT r.*, i.film_id, i.store_id, f.title, f.rental_rate, f.length, f.replacement_cost, f.rating, k.name AS category
FROM sakila.rental AS r
JOIN sakila.inventory AS i USING (inventory_id)
JOIN sakila.film AS f USING (film_id)
JOIN sakila.film_category AS fc USING (film_id)
JOIN sakila.category AS k USING (category_id);

CREATE VIEW payment AS
SELECT p.*, payment_date AT TIME ZONE 'America/Los_Angeles' AS paid
FROM sakila.payment AS p;

CREATE VIEW customer AS
SELECT c.*, first_name || ' ' || last_name AS full_name, nullif(active, 0) AS standing,
	create_date - 5 * customer_id AS member_since, a.address, a.postal_code, ci.city, co.country
FROM sakila.customer AS c
JOIN sakila.address AS a USING (address_id)
JOIN sakila.city AS ci USING (city_id)
JOIN sakila.country AS co USING (country_id);

VACUUM ANALYZE;
EOT

sql(<<"EOT");
SELECT segments.create_population('customer', 'sakila.customer', time_zone => '$zone', maintenance => 'scheduled');

SELECT segments.add_attribute('customer', 'full_name', \$\$first_name || ' ' || last_name\$\$);
SELECT segments.add_attribute('customer', 'standing', 'nullif(active, 0)');
SELECT segments.add_attribute('customer', 'member_since', 'create_date - 5 * customer_id');

SELECT segments.add_lookup('customer', 'address', 'sakila.address', key => 'address_id');
SELECT segments.add_lookup('customer', 'city', 'sakila.city', key => 'city_id', of => 'address');
SELECT segments.add_lookup('customer', 'country', 'sakila.country', key => 'country_id', of => 'city');
SELECT segments.add_lookup('customer', 'store', 'sakila.store', key => 'store_id');
SELECT segments.add_lookup('customer', 'place', 'sakila.address', key => 'address_id', of => 'store');

SELECT segments.add_source('customer', 'rentals', 'sakila.rental', key => 'customer_id', at => 'rental_date');
SELECT segments.add_lookup('customer', 'inventory', 'sakila.inventory', key => 'inventory_id', of => 'rentals');
SELECT segments.add_lookup('customer', 'film', 'sakila.film', key => 'film_id', of => 'inventory');
SELECT segments.add_lookup('customer', 'shelf', 'sakila.film_category', key => 'film_id', of => 'film', "references" => 'film_id');
SELECT segments.add_lookup('customer', 'category', 'sakila.category', key => 'category_id', of => 'shelf');

SELECT segments.add_source('customer', 'payments', 'sakila.payment', key => 'customer_id', at => 'payment_date');
SELECT segments.add_source('customer', 'fees', 'sakila.payment', key => 'rental_id', parent => 'rentals', filter => 'amount > 0');
SELECT segments.add_source('customer', 'open', 'sakila.rental', key => 'customer_id', at => 'rental_date', filter => 'return_date is null');
EOT

my @segments = (
	# the member's own columns and computed attributes
	[ 'inactive', q{activebool and active = 0},
		q{SELECT customer_id FROM customer WHERE activebool AND active = 0} ],
	[ 'second store', q{store_id = 2 and not active = 0},
		q{SELECT customer_id FROM customer WHERE store_id = 2 AND active <> 0} ],
	[ 'names from M to S', q{last_name between 'M' and 'S' and last_name >= 'MC'},
		q{SELECT customer_id FROM customer WHERE last_name BETWEEN 'M' AND 'S' AND last_name >= 'MC'} ],
	[ 'common names', q{first_name in ('MARY', 'JOHN', 'LINDA', 'TERRY', 'WILLIE') or last_name not between 'B' and 'W'},
		q{SELECT customer_id FROM customer WHERE first_name IN ('MARY', 'JOHN', 'LINDA', 'TERRY', 'WILLIE') OR last_name < 'B' OR last_name > 'W'} ],
	[ 'like', q{first_name like 'A%' and last_name not like '%S' or email ilike '%ann%@sakila_ustomer.org'},
		q{SELECT customer_id FROM customer WHERE first_name LIKE 'A%' AND last_name NOT LIKE '%S' OR email ILIKE '%ann%@sakila_ustomer.org'} ],
	[ 'regular expression', q{last_name matches '^(MC|O)[A-Z]+[NY]$' and first_name not matches 'IE?$'},
		q{SELECT customer_id FROM customer WHERE last_name ~ '^(MC|O)[A-Z]+[NY]$' AND first_name !~ 'IE?$'} ],
	[ 'prefix and suffix', q{first_name starts with 'MAR' or last_name ends with 'SON' and not first_name starts with 'J'},
		q{SELECT customer_id FROM customer WHERE left(first_name, 3) = 'MAR' OR right(last_name, 3) = 'SON' AND left(first_name, 1) <> 'J'} ],
	[ 'infix', q{lower(first_name) contains 'ann' or full_name contains 'Y W'},
		q{SELECT customer_id FROM customer WHERE strpos(lower(first_name), 'ann') > 0 OR strpos(first_name || ' ' || last_name, 'Y W') > 0} ],
	[ 'long names', q{length(last_name) > 8 or length(full_name) - length(last_name) = 4},
		q{SELECT customer_id FROM customer WHERE length(last_name) > 8 OR length(first_name) = 3} ],
	[ 'no standing', q{standing is null and store_id = 1},
		q{SELECT customer_id FROM customer WHERE active = 0 AND store_id = 1} ],
	[ 'standing, if any', q{coalesce(standing, store_id) = 2 or not standing = 1},
		q{SELECT customer_id FROM customer WHERE active = 0} ],
	[ 'arithmetic', q{(customer_id - 300) * 2 / 10 > -4 and abs(customer_id - 300) + 1.5 < 20},
		q{SELECT customer_id FROM customer WHERE (customer_id - 300) * 2 / 10.0 > -4 AND abs(customer_id - 300) + 1.5 < 20} ],

	# dates of the member
	[ 'date parts', q{year(member_since) = 2003 and month(member_since) in (6, 7, 8) or day(member_since) = 1},
		q{SELECT customer_id FROM customer WHERE member_since BETWEEN '2003-06-01' AND '2003-08-31' OR extract(day FROM member_since) = 1} ],
	[ 'five years with us', q{age(member_since) >= 5},
		q{SELECT customer_id FROM customer WHERE member_since + interval '5 years' <= :today} ],
	[ 'jubilee within 30 days', q{anniversary of member_since within next 30 days},
		q{SELECT customer_id FROM customer, generate_series(0, 29) AS n
		  WHERE to_char(member_since, 'MMDD') = to_char(:today + n, 'MMDD')} ],
	[ 'jubilee lately', q{anniversary of member_since within last 2 weeks},
		q{SELECT customer_id FROM customer, generate_series(1, 14) AS n
		  WHERE to_char(member_since, 'MMDD') = to_char(:today - n, 'MMDD')} ],
	[ 'jubilee this month', q{anniversary of member_since during this month and store_id = 1},
		q{SELECT customer_id FROM customer WHERE extract(month FROM member_since) = extract(month FROM :today) AND store_id = 1} ],
	[ 'member since 2004', q{member_since during 2004 or member_since = 2003-12-31},
		q{SELECT customer_id FROM customer WHERE member_since BETWEEN '2003-12-31' AND '2004-12-31'} ],
	[ 'new members', q{member_since within last 1 year},
		q{SELECT customer_id FROM customer WHERE member_since >= :now - interval '1 year' AND member_since < :now} ],
	[ 'before this year', q{member_since < start of this year and member_since >= 2003-02-15},
		q{SELECT customer_id FROM customer WHERE member_since < date_trunc('year', :now) AND member_since >= date '2003-02-15'} ],

	# lookups
	[ 'Asia', q{address.city.country.country in ('India', 'China')},
		q{SELECT customer_id FROM customer WHERE country IN ('India', 'China')} ],
	[ 'S cities', q{address.city.city starts with 'S' and address.city.country.country != 'India' or address.postal_code < '10'},
		q{SELECT customer_id FROM customer WHERE city LIKE 'S%' AND country <> 'India' OR postal_code < '10'} ],
	[ 'by the store', q{store.place.city_id = 300 and store.manager_staff_id = 1 and not store.place.postal_code > '0'},
		q{SELECT customer_id FROM customer WHERE store_id = 1} ],

	# rolling windows
	[ 'last week', q{exists(rentals within last 7 days)},
		q{SELECT DISTINCT customer_id FROM rental WHERE rental_date >= :now - interval '7 days' AND rental_date < :now} ],
	[ 'regulars', q{count(rentals within last 30 days) > 15},
		q{SELECT customer_id FROM rental WHERE rental_date >= :now - interval '30 days' AND rental_date < :now
		  GROUP BY 1 HAVING count(*) > 15} ],
	[ 'within months', q{count(rentals within last 6 months where staff_id = 2) between 4 and 8},
		q{SELECT customer_id FROM customer LEFT JOIN rental AS r USING (customer_id) GROUP BY 1
		  HAVING count(*) FILTER (WHERE rental_date >= :now - interval '6 months' AND rental_date < :now AND staff_id = 2) BETWEEN 4 AND 8} ],
	[ 'about to rent', q{exists(rentals within next 36 hours) or exists(payments within next 1 day 6 hours)},
		q{SELECT customer_id FROM rental WHERE rental_date >= :now AND rental_date < :now + interval '36 hours'
		  UNION SELECT customer_id FROM payment WHERE paid >= :now AND paid < :now + interval '1 day 6 hours'} ],

	# calendar periods
	[ 'last month', q{count(rentals during last month) between 5 and 6},
		q{SELECT customer_id FROM rental WHERE rental_date >= date_trunc('month', :now) - interval '1 month' AND rental_date < date_trunc('month', :now)
		  GROUP BY 1 HAVING count(*) IN (5, 6)} ],
	[ 'not in May', q{count(rentals during 2005-05) = 0},
		q{SELECT customer_id FROM customer EXCEPT SELECT customer_id FROM rental WHERE to_char(rental_date, 'YYYY-MM') = '2005-05'} ],
	[ 'May as paid', q{count(payments during 2005-05) >= 3},
		q{SELECT customer_id FROM payment WHERE paid >= '2005-05-01' AND paid < '2005-06-01' GROUP BY 1 HAVING count(*) >= 3} ],
	[ 'last quarter at night', q{exists(rentals during last quarter where hour(rental_date) < 4)},
		q{SELECT DISTINCT customer_id FROM rental WHERE date_trunc('quarter', rental_date) = date_trunc('quarter', :now) - interval '3 months' AND rental_date::time < '04:00'} ],
	[ 'June of any year', q{count(rentals during june) >= 6},
		q{SELECT customer_id FROM rental WHERE extract(month FROM rental_date) = 6 GROUP BY 1 HAVING count(*) >= 6} ],
	[ 'two months ago', q{not exists(rentals during 2 months ago) and not exists(payments during 3 quarters ago)},
		q{SELECT customer_id FROM customer
		  EXCEPT SELECT customer_id FROM rental WHERE date_trunc('month', rental_date) = date_trunc('month', :now) - interval '2 months'
		  EXCEPT SELECT customer_id FROM payment WHERE date_trunc('quarter', paid) = date_trunc('quarter', :now) - interval '9 months'} ],
	[ 'weeks', q{count(rentals during this week) > 6 and not exists(payments during 3 weeks ago where amount < 2) and not exists(rentals during last week)},
		q{SELECT customer_id FROM rental WHERE date_trunc('week', rental_date) = date_trunc('week', :now) GROUP BY 1 HAVING count(*) > 6
		  EXCEPT SELECT customer_id FROM payment WHERE date_trunc('week', paid) = date_trunc('week', :now) - interval '3 weeks' AND amount < 2
		  EXCEPT SELECT customer_id FROM rental WHERE date_trunc('week', rental_date) = date_trunc('week', :now) - interval '1 week'} ],
	[ 'a day', q{exists(rentals during 2005-07-27) or exists(payments during yesterday)},
		q{SELECT customer_id FROM rental WHERE rental_date::date = '2005-07-27' UNION SELECT customer_id FROM payment WHERE paid::date = :today - 1} ],

	# other windows
	[ 'since and before', q{count(rentals since 2005-07-29 before 2005-08-02) > 4},
		q{SELECT customer_id FROM rental WHERE rental_date >= '2005-07-29' AND rental_date < '2005-08-02' GROUP BY 1 HAVING count(*) > 4} ],
	[ 'up to mid June', q{count(rentals before 2005-06-16) >= 5 and exists(payments since 10 days ago where amount > 7)},
		q{SELECT customer_id FROM rental WHERE rental_date < '2005-06-16' GROUP BY 1 HAVING count(*) >= 5
		  INTERSECT SELECT customer_id FROM payment WHERE paid >= :now - interval '10 days' AND amount > 7} ],
	[ 'two whole days', q{exists(rentals between 2005-06-18 and 2005-06-19)},
		q{SELECT DISTINCT customer_id FROM rental WHERE rental_date::date IN ('2005-06-18', '2005-06-19')} ],

	# comparisons of moments, clock words
	[ 'first days', q{min(rentals.rental_date) = 2005-05-25},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING min(rental_date)::date = '2005-05-25'} ],
	[ 'first payment', q{min(payments.payment_date) <= 2005-05-24 or min(payments.payment_date) > 2005-06-15},
		q{SELECT customer_id FROM payment GROUP BY 1 HAVING min(paid) < '2005-05-25' OR min(paid) >= '2005-06-16'} ],
	[ 'instants', q{min(payments.payment_date) < 2005-05-25T12:00Z and min(rentals.rental_date) >= 2005-05-25T06:30},
		q{SELECT customer_id FROM sakila.payment GROUP BY 1 HAVING min(payment_date) < '2005-05-25 12:00:00+00'
		  INTERSECT SELECT customer_id FROM rental GROUP BY 1 HAVING min(rental_date) >= '2005-05-25 06:30'} ],
	[ 'lapsed', q{max(rentals.rental_date) < 100 days ago},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING max(rental_date) < :now - interval '100 days'} ],
	[ 'back soon', q{exists(rentals where rental_date < now and return_date > tomorrow and return_date <= 5 days from now)},
		q{SELECT DISTINCT customer_id FROM rental WHERE rental_date < :now AND return_date >= :today + 2 AND return_date <= :now + interval '5 days'} ],
	[ 'returned yesterday', q{exists(rentals where return_date between yesterday and today)},
		q{SELECT DISTINCT customer_id FROM rental WHERE return_date::date BETWEEN :today - 1 AND :today} ],
	[ 'edges', q{count(rentals where return_date > end of last month and return_date <= end of this month) > 9 or exists(rentals where rental_date >= start of last hour and rental_date < start of this hour)},
		q{SELECT customer_id FROM rental WHERE date_trunc('month', return_date) = date_trunc('month', :now) GROUP BY 1 HAVING count(*) > 9
		  UNION SELECT customer_id FROM rental WHERE date_trunc('hour', rental_date) = date_trunc('hour', :now) - interval '1 hour'} ],

	# aggregates and quantifiers
	[ 'all returned', q{every(rentals satisfies return_date is not null)},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING bool_and(return_date IS NOT NULL)} ],
	[ 'slow to return', q{exists(rentals where days(return_date - rental_date) > 9.2)},
		q{SELECT DISTINCT customer_id FROM rental WHERE extract(epoch FROM return_date - rental_date) / 86400 > 9.2} ],
	[ 'slow on average', q{avg(days(return_date - rental_date) from rentals) > 5.5},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING avg(extract(epoch FROM return_date - rental_date) / 86400) > 5.5} ],
	[ 'good customers', q{sum(payments.amount) > 130},
		q{SELECT customer_id FROM payment GROUP BY 1 HAVING sum(amount) > 130} ],
	[ 'spent lately', q{sum(payments.amount within last 30 days) between 40 and 50},
		q{SELECT customer_id FROM payment WHERE paid >= :now - interval '30 days' AND paid < :now GROUP BY 1 HAVING sum(amount) BETWEEN 40 AND 50} ],
	[ 'spent nothing', q{sum(payments.amount within last 36 hours) = 0 and not avg(payments.amount within last 36 hours) > 0 and avg(payments.amount within last 36 hours) is null},
		q{SELECT customer_id FROM customer EXCEPT SELECT customer_id FROM payment WHERE paid >= :now - interval '36 hours' AND paid < :now} ],
	[ 'dear films', q{avg(payments.amount) >= 4.6 or min(payments.amount) > 0.99},
		q{SELECT customer_id FROM payment GROUP BY 1 HAVING avg(amount) >= 4.6 OR min(amount) > 0.99} ],
	[ 'dearest', q{max(amount from payments where staff_id = 1) = 11.99},
		q{SELECT DISTINCT customer_id FROM payment WHERE staff_id = 1 AND amount = 11.99} ],
	[ 'expression', q{sum(amount * 2 - 1 from payments where amount >= 5) > 150},
		q{SELECT customer_id FROM payment WHERE amount >= 5 GROUP BY 1 HAVING sum(amount * 2 - 1) > 150} ],
	[ 'share of dear films', q{sum(amount from payments where amount >= 4) / sum(payments.amount) > 0.75},
		q{SELECT customer_id FROM payment GROUP BY 1 HAVING sum(amount) FILTER (WHERE amount >= 4) / sum(amount) > 0.75} ],
	[ 'division by zero', q{not 10 / (count(rentals during 2005-06) - 4) > 2},
		q{SELECT customer_id FROM (SELECT customer_id, count(*) FILTER (WHERE to_char(rental_date, 'YYYY-MM') = '2005-06') - 4 AS n FROM rental GROUP BY 1) AS s
		  WHERE (10.0 / nullif(n, 0) > 2) IS NOT TRUE} ],
	[ 'one of the staff', q{abs(count(rentals where staff_id = 1) - count(rentals where staff_id = 2)) > 8},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING abs(sum(CASE staff_id WHEN 1 THEN 1 ELSE -1 END)) > 8} ],
	[ 'horror', q{count(rentals where inventory.film.shelf.category.name = 'Horror') >= 4},
		q{SELECT customer_id FROM rental WHERE category = 'Horror' GROUP BY 1 HAVING count(*) >= 4} ],
	[ 'every genre', q{count(distinct inventory.film.shelf.category.name from rentals) >= 15},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING count(DISTINCT category) >= 15} ],
	[ 'films of one store', q{count(distinct inventory.film_id from rentals within last 2 months where inventory.store_id = 1) > 10},
		q{SELECT customer_id FROM rental WHERE store_id = 1 AND rental_date >= :now - interval '2 months' AND rental_date < :now
		  GROUP BY 1 HAVING count(DISTINCT film_id) > 10} ],
	[ 'long films', q{avg(inventory.film.length from rentals) > 120 or max(inventory.film.length from rentals where inventory.film.rating = 'G') <= 150},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING avg(length) > 120 OR max(length) FILTER (WHERE rating = 'G') <= 150} ],
	[ 'film by title', q{exists(rentals where inventory.film.title like '%DINOSAUR' or inventory.film.replacement_cost - inventory.film.rental_rate * 2 > 27.5)},
		q{SELECT DISTINCT customer_id FROM rental WHERE title LIKE '%DINOSAUR' OR replacement_cost - rental_rate * 2 > 27.5} ],
	[ 'weekend', q{count(rentals where weekday(rental_date) >= 6) * 2 > count(rentals)},
		q{SELECT customer_id FROM rental GROUP BY 1 HAVING count(*) FILTER (WHERE extract(isodow FROM rental_date) >= 6) * 2 > count(*)} ],
	[ 'early payers', q{count(payments where hour(payment_date) between 5 and 6) >= 5},
		q{SELECT customer_id FROM payment WHERE extract(hour FROM paid) IN (5, 6) GROUP BY 1 HAVING count(*) >= 5} ],
	[ 'film not back', q{exists(open within last 12 months) and count(open) < 3},
		q{SELECT customer_id FROM rental WHERE return_date IS NULL GROUP BY 1
		  HAVING count(*) < 3 AND bool_or(rental_date >= :now - interval '1 year' AND rental_date < :now)} ],

	# a source of a source has its parent's moment: the rental's, not the payment's
	[ 'fees of July', q{sum(fees.amount during 2005-07) > 60},
		q{SELECT r.customer_id FROM rental AS r JOIN payment AS p USING (rental_id) WHERE to_char(rental_date, 'YYYY-MM') = '2005-07' AND amount > 0
		  GROUP BY 1 HAVING sum(amount) > 60} ],
	[ 'fees of last month', q{count(fees during last month where amount < 1) > 6 or not exists(fees since 2005-06-01 before 2005-07-07)},
		q{SELECT customer_id FROM customer AS c
		  WHERE (SELECT count(*) FROM rental AS r JOIN payment AS p USING (rental_id)
		         WHERE r.customer_id = c.customer_id AND date_trunc('month', rental_date) = date_trunc('month', :now) - interval '1 month' AND amount > 0 AND amount < 1) > 6
		    OR NOT EXISTS (SELECT FROM rental AS r JOIN payment AS p USING (rental_id)
		         WHERE r.customer_id = c.customer_id AND rental_date >= '2005-06-01' AND rental_date < '2005-07-07' AND amount > 0)} ],

	# segments of segments
	[ 'good and Asian', q{in segment 'good customers' and in segment 'Asia'},
		q{SELECT customer_id FROM payment JOIN customer USING (customer_id) WHERE country IN ('India', 'China') GROUP BY 1 HAVING sum(amount) > 130} ],
	[ 'neither', q{not (in segment 'good and Asian' or in segment 'long names') and not in segment 'regulars' and store_id = 2},
		q{SELECT customer_id FROM customer WHERE store_id = 2 AND NOT (length(last_name) > 8 OR length(first_name) = 3)
		  EXCEPT SELECT customer_id FROM payment JOIN customer USING (customer_id) WHERE country IN ('India', 'China') GROUP BY 1 HAVING sum(amount) > 130
		  EXCEPT SELECT customer_id FROM rental WHERE rental_date >= :now - interval '30 days' AND rental_date < :now GROUP BY 1 HAVING count(*) > 15} ],
);

create_segments('customer', @segments);

my %size = (
	# In summer: the shop is busy.  In UTC it is August already.
	summer => { compare_segments('customer', $zone, '2005-07-31 20:30:00', @segments) },
	# In winter, the day of the last rentals, and in standard time.
	winter => { compare_segments('customer', $zone, '2006-02-14 22:15:00', @segments) });

is_deeply(
	[ grep { my $name = $_; !grep { $_->{$name} && $_->{$name} < 599 } values %size } map { $_->[0] } @segments ],
	[], 'every segment has members and is not everyone at one of the moments');

is(sql("SELECT count(*) FROM segments.matching('exists(rentals since 2005-08-01)', population => 'customer', as_of => '2005-08-01 12:00 $zone', hide_later => true)"),
	sql("SELECT count(DISTINCT customer_id) FROM rental WHERE rental_date >= '2005-08-01' AND rental_date < '2005-08-01 12:00'"),
	'what happens later can be hidden');

done_testing();
