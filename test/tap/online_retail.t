# Segments of a gift shop's customers and of its products against plain SQL.
#
# The tables that a shop would have are derived from its invoice lines: customers,
# invoices, products.  The population's time zone is that of the shop; the windows
# reach over the change to and from summer time.  Products are a population whose
# key is a text.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use RealData;
use Scratch;
use Test::More;

my $zone = 'Europe/London';

open_data('online_retail');
load_csv('online_retail', 'retail.line');

# Lines without a customer and invoices without one stay: they belong to nobody.
sql(<<'EOT');
CREATE TABLE retail.invoice AS
SELECT invoice_no, min(customer_id) AS customer_id, min(invoice_date) AS issued_at, min(country) AS country,
	sum(quantity * unit_price) AS total
FROM retail.line
GROUP BY invoice_no;
ALTER TABLE retail.invoice ADD PRIMARY KEY (invoice_no);

CREATE TABLE retail.product AS
SELECT stock_code, max(description) AS description, avg(unit_price::float8) AS mean_price
FROM retail.line
GROUP BY stock_code;
ALTER TABLE retail.product ADD PRIMARY KEY (stock_code);

CREATE TABLE retail.customer AS
SELECT customer_id, min(country) AS country, array_agg(DISTINCT country) AS countries,
	array_agg(DISTINCT stock_code) FILTER (WHERE stock_code !~ '^[0-9]') AS extras,
	min(invoice_date)::date AS first_seen_on,
	max(invoice_date) AT TIME ZONE 'Europe/London' AS last_seen_at,
	min(invoice_date::date) FILTER (WHERE invoice_no LIKE 'C%') AS cancelled_on,
	avg(quantity * unit_price::float8) AS mean_line,
	jsonb_build_object('lines', count(*), 'home', jsonb_build_object('country', min(country)),
		'seen', max(invoice_date)::date, 'cards', jsonb_agg(DISTINCT stock_code) FILTER (WHERE description LIKE '%CARD%')) AS profile
FROM retail.line
WHERE customer_id IS NOT NULL
GROUP BY customer_id;
ALTER TABLE retail.customer ADD PRIMARY KEY (customer_id);

CREATE INDEX ON retail.line (customer_id);
CREATE INDEX ON retail.line (invoice_no);
CREATE INDEX ON retail.line (stock_code) INCLUDE (invoice_date, quantity, unit_price, customer_id);
CREATE INDEX ON retail.invoice (customer_id);

-- For the queries: what was bought and what was given back.
CREATE VIEW bought AS
SELECT * FROM retail.line WHERE quantity > 0 AND customer_id IS NOT NULL;
CREATE VIEW cancelled AS
SELECT * FROM retail.line WHERE left(invoice_no, 1) = 'C' AND customer_id IS NOT NULL;
CREATE VIEW invoice AS
SELECT * FROM retail.invoice WHERE customer_id IS NOT NULL;
-- A line of an invoice, with the invoice's moment.
CREATE TABLE line AS
SELECT l.line_no, l.stock_code, l.quantity, l.unit_price, i.customer_id, i.issued_at, p.description, p.mean_price
FROM retail.line AS l JOIN retail.invoice AS i USING (invoice_no) JOIN retail.product AS p USING (stock_code)
WHERE i.customer_id IS NOT NULL;

VACUUM ANALYZE;
EOT

sql(<<"EOT");
SELECT segments.create_population('customer', 'retail.customer', time_zone => '$zone', maintenance => 'scheduled');
SELECT segments.add_source('customer', 'purchases', 'retail.line', key => 'customer_id', at => 'invoice_date',
	filter => 'quantity > 0');
SELECT segments.add_source('customer', 'cancellations', 'retail.line', key => 'customer_id', at => 'invoice_date',
	filter => \$\$invoice_no starts with 'C'\$\$);
SELECT segments.add_source('customer', 'invoices', 'retail.invoice', key => 'customer_id', at => 'issued_at');
SELECT segments.add_source('customer', 'lines', 'retail.line', key => 'invoice_no', parent => 'invoices');
SELECT segments.add_lookup('customer', 'product', 'retail.product', key => 'stock_code', of => 'lines');

SELECT segments.create_population('product', 'retail.product', time_zone => '$zone', maintenance => 'scheduled');
SELECT segments.add_source('product', 'sales', 'retail.line', key => 'stock_code', at => 'invoice_date');
SELECT segments.add_lookup('product', 'buyer', 'retail.customer', key => 'customer_id', of => 'sales');
EOT

my @customers = (
	# columns: text, lists, dates, moments, floating point, json
	[ 'Germans', q{country = 'Germany'},
		q{SELECT customer_id FROM retail.customer WHERE country = 'Germany'} ],
	[ 'near', q{country in ('France', 'Belgium', 'Netherlands') or lower(country) like '%land'},
		q{SELECT customer_id FROM retail.customer WHERE country = ANY ('{France,Belgium,Netherlands}') OR country ~ 'land$'} ],
	[ 'in two countries', q{countries has 'Cyprus' or countries has all ('Australia', 'Switzerland')},
		q{SELECT customer_id FROM retail.customer WHERE 'Cyprus' = ANY (countries) OR countries @> '{Australia,Switzerland}'} ],
	[ 'no postage', q{not extras has any ('POST', 'DOT', 'C2') and extras is not empty},
		q{SELECT customer_id FROM retail.customer WHERE NOT extras && '{POST,DOT,C2}'} ],
	[ 'no extras', q{extras is empty and country != 'United Kingdom'},
		q{SELECT customer_id FROM retail.customer WHERE extras IS NULL AND country <> 'United Kingdom'} ],
	[ 'lower case extras', q{extras has 'm' or lower(extras) has 'post' and extras has none ('M', 'D')},
		q{SELECT customer_id FROM retail.customer WHERE 'm' = ANY (extras) OR 'POST' = ANY (extras) AND NOT 'M' = ANY (extras) AND NOT 'D' = ANY (extras)} ],
	[ 'early cancellers', q{cancelled_on < 2011-03-01 and cancelled_on != 2010-12-02},
		q{SELECT customer_id FROM retail.customer WHERE cancelled_on < '2011-03-01' AND cancelled_on <> '2010-12-02'} ],
	[ 'no early cancellers', q{not cancelled_on < 2011-03-01},
		q{SELECT customer_id FROM retail.customer WHERE cancelled_on >= '2011-03-01' OR cancelled_on IS NULL} ],
	[ 'cancelled otherwise', q{cancelled_on != 2010-12-02 and cancelled_on not between 2010-12-01 and 2011-10-31 and country in ('EIRE', 'United Kingdom') and not month(cancelled_on) = 12},
		q{SELECT customer_id FROM retail.customer WHERE (cancelled_on IS NULL OR cancelled_on BETWEEN '2011-11-01' AND '2011-11-30')
		  AND country IN ('EIRE', 'United Kingdom')} ],
	[ 'days between', q{days(last_seen_at - first_seen_on) between 100 and 150.5},
		q{SELECT customer_id FROM retail.customer
		  WHERE extract(epoch FROM last_seen_at - (first_seen_on::timestamp AT TIME ZONE 'Europe/London')) / 86400 BETWEEN 100 AND 150.5} ],
	[ 'seen lately', q{last_seen_at within last 30 days},
		q{SELECT customer_id FROM retail.customer WHERE (last_seen_at AT TIME ZONE 'Europe/London') >= :now - interval '30 days' AND (last_seen_at AT TIME ZONE 'Europe/London') < :now} ],
	[ 'seen on a day', q{last_seen_at = 2011-10-31 or last_seen_at = yesterday or last_seen_at > 2011-12-08},
		q{SELECT customer_id FROM retail.customer
		  WHERE (last_seen_at AT TIME ZONE 'Europe/London')::date IN ('2011-10-31', :today - 1) OR (last_seen_at AT TIME ZONE 'Europe/London') >= '2011-12-09'} ],
	[ 'seen last week', q{last_seen_at during last week or first_seen_on during this month},
		q{SELECT customer_id FROM retail.customer
		  WHERE date_trunc('week', last_seen_at AT TIME ZONE 'Europe/London') = date_trunc('week', :now) - interval '1 week'
		     OR date_trunc('month', first_seen_on) = date_trunc('month', :now)} ],
	[ 'first anniversary', q{anniversary of first_seen_on within next 30 days or anniversary of cancelled_on during next week},
		q{SELECT customer_id FROM retail.customer
		  WHERE EXISTS (SELECT FROM generate_series(0, 29) AS n WHERE to_char(first_seen_on, 'MMDD') = to_char(:today + n, 'MMDD'))
		     OR EXISTS (SELECT FROM generate_series(7, 13) AS n WHERE to_char(cancelled_on, 'MMDD') = to_char(date_trunc('week', :now) + n * interval '1 day', 'MMDD'))} ],
	[ 'mean line', q{mean_line * 2 > 100 or -mean_line > 0 or abs(mean_line - 17.5) < 0.1},
		q{SELECT customer_id FROM retail.customer WHERE mean_line > 50 OR mean_line < 0 OR mean_line > 17.4 AND mean_line < 17.6} ],
	[ 'profile', q{profile.lines >= 400 or profile.home.country = 'Malta' or profile.cards has '22029' and profile.seen >= 2011-11-01},
		q{SELECT customer_id FROM retail.customer
		  WHERE (profile ->> 'lines')::int >= 400 OR profile -> 'home' ->> 'country' = 'Malta' OR profile -> 'cards' ? '22029' AND (profile ->> 'seen')::date >= '2011-11-01'} ],
	[ 'no cards', q{profile.cards is empty and profile.home.country not in ('United Kingdom') and profile.nothing is null},
		q{SELECT customer_id FROM retail.customer WHERE jsonb_typeof(profile -> 'cards') IS DISTINCT FROM 'array' AND country <> 'United Kingdom'} ],

	# rows and windows
	[ 'bought lately', q{exists(purchases within last 30 days)},
		q{SELECT DISTINCT customer_id FROM bought WHERE invoice_date >= :now - interval '30 days' AND invoice_date < :now} ],
	# The clocks have been changed in between: the two differ by one hour.
	[ 'hours, not days', q{exists(purchases within last 30 days where quantity = 12) != exists(purchases within last 720 hours where quantity = 12)},
		q{SELECT customer_id FROM bought WHERE quantity = 12 GROUP BY 1
		  HAVING bool_or(invoice_date >= :now - interval '30 days' AND invoice_date < :now)
		     <> bool_or(invoice_date AT TIME ZONE 'Europe/London' >= :now AT TIME ZONE 'Europe/London' - interval '720 hours'
		                AND invoice_date AT TIME ZONE 'Europe/London' < :now AT TIME ZONE 'Europe/London')} ],
	[ 'regulars', q{count(invoices during last month) >= 3 or count(invoices within last 1 quarter where total > 0) > 6},
		q{SELECT customer_id FROM invoice GROUP BY 1
		  HAVING count(*) FILTER (WHERE date_trunc('month', issued_at) = date_trunc('month', :now) - interval '1 month') >= 3
		      OR count(*) FILTER (WHERE issued_at >= :now - interval '3 months' AND issued_at < :now AND total > 0) > 6} ],
	[ 'good customers', q{sum(quantity * unit_price from purchases) > 5000},
		q{SELECT customer_id FROM bought GROUP BY 1 HAVING sum(quantity * unit_price) > 5000} ],
	[ 'middling of late', q{sum(quantity * unit_price from purchases within last 90 days) between 500 and 1000},
		q{SELECT customer_id FROM bought WHERE invoice_date >= :now - interval '90 days' AND invoice_date < :now
		  GROUP BY 1 HAVING sum(quantity * unit_price) BETWEEN 500 AND 1000} ],
	[ 'cancel much', q{count(cancellations) > 5 and -sum(quantity * unit_price from cancellations) / sum(quantity * unit_price from purchases) > 0.05},
		q{SELECT customer_id FROM (SELECT customer_id, count(*) AS n, -sum(quantity * unit_price) AS back FROM cancelled GROUP BY 1) AS c
		  JOIN (SELECT customer_id, sum(quantity * unit_price) AS bought FROM bought GROUP BY 1) AS b USING (customer_id)
		  WHERE n > 5 AND back > 0.05 * bought} ],
	[ 'only cancelled', q{not exists(purchases) and exists(cancellations)},
		q{SELECT customer_id FROM cancelled EXCEPT SELECT customer_id FROM bought} ],
	[ 'lapsed', q{max(invoices.issued_at) < 6 months ago},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING max(issued_at) < :now - interval '6 months'} ],
	[ 'first time', q{count(invoices) = 1 and exists(invoices within last 60 days)},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING count(*) = 1 AND min(issued_at) >= :now - interval '60 days' AND min(issued_at) < :now} ],
	[ 'to come', q{exists(invoices within next 7 days) and not exists(invoices within last 7 days)},
		q{SELECT customer_id FROM invoice WHERE issued_at >= :now AND issued_at < :now + interval '7 days'
		  EXCEPT SELECT customer_id FROM invoice WHERE issued_at >= :now - interval '7 days' AND issued_at < :now} ],
	[ 'May', q{exists(invoices during 2011-05) and count(invoices during may) = count(invoices during 2011)},
		q{SELECT customer_id FROM invoice WHERE extract(year FROM issued_at) = 2011 GROUP BY 1 HAVING bool_and(extract(month FROM issued_at) = 5)} ],
	[ 'year and quarter', q{not exists(invoices during 2010) and exists(invoices during last quarter) and not exists(invoices during 3 months ago)},
		q{SELECT customer_id FROM invoice GROUP BY 1
		  HAVING min(issued_at) >= '2011-01-01' AND bool_or(date_trunc('quarter', issued_at) = date_trunc('quarter', :now) - interval '3 months')
		    AND NOT bool_or(date_trunc('month', issued_at) = date_trunc('month', :now) - interval '3 months')} ],
	[ 'fortnight', q{count(invoices since start of last week) > count(invoices before start of last week where total > 100)},
		q{SELECT customer_id FROM invoice GROUP BY 1
		  HAVING count(*) FILTER (WHERE issued_at >= date_trunc('week', :now) - interval '1 week')
		       > count(*) FILTER (WHERE issued_at < date_trunc('week', :now) - interval '1 week' AND total > 100)} ],
	[ 'whole days', q{sum(total from invoices between 2011-05-03 and 2011-05-05) > 300 or exists(invoices between 2011-01-20T10:00 and 2011-01-20T12:00)},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING sum(total) FILTER (WHERE issued_at >= '2011-05-03' AND issued_at < '2011-05-06') > 300
		  OR bool_or(issued_at BETWEEN '2011-01-20 10:00' AND '2011-01-20 12:00')} ],
	[ 'until the clocks change', q{exists(invoices since 2011-03-27 before 2011-03-29) or exists(invoices since 2011-03-28T07:00Z before 2011-03-28T08:00+01:00)},
		q{SELECT DISTINCT customer_id FROM invoice WHERE issued_at >= '2011-03-27' AND issued_at < '2011-03-29'} ],

	# quantifiers, aggregates, functions in WHERE
	[ 'Sundays only', q{every(invoices satisfies weekday(issued_at) = 7)},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING bool_and(extract(isodow FROM issued_at) = 7)} ],
	[ 'early birds', q{count(invoices where hour(issued_at) < 9) * 4 > count(invoices)},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING count(*) FILTER (WHERE issued_at::time < '09:00') * 4 > count(*)} ],
	[ 'invoice size', q{avg(invoices.total where total > 0) > 500 and min(invoices.total) > 0 and max(total from invoices within last 1 year) < 2000},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING avg(total) FILTER (WHERE total > 0) > 500 AND min(total) > 0
		  AND max(total) FILTER (WHERE issued_at >= :now - interval '1 year' AND issued_at < :now) < 2000} ],
	[ 'single prices', q{min(purchases.unit_price) >= 1.25 and avg(quantity from purchases) < 10},
		q{SELECT customer_id FROM bought GROUP BY 1 HAVING min(unit_price) >= 1.25 AND avg(quantity) < 10} ],
	[ 'elsewhere', q{exists(invoices i where i.country != customer.country)},
		q{SELECT DISTINCT customer_id FROM invoice AS i JOIN retail.customer AS c USING (customer_id) WHERE i.country <> c.country} ],

	# sources of sources, which have their parent's moment, and their lookups
	[ 'hearts', q{count(lines within last 2 weeks where stock_code = '85123A') > 0 or exists(lines where stock_code = '85123a' and quantity >= 6)},
		q{SELECT DISTINCT customer_id FROM line WHERE stock_code = '85123A' AND issued_at >= :now - interval '2 weeks' AND issued_at < :now OR stock_code = '85123a' AND quantity >= 6} ],
	[ 'any case', q{sum(lines.quantity where lower(stock_code) = '85099b') > 100},
		q{SELECT customer_id FROM line WHERE stock_code IN ('85099b', '85099B') GROUP BY 1 HAVING sum(quantity) > 100} ],
	[ 'wide range', q{count(distinct stock_code from lines) > 150 or count(distinct product.description from lines during last month) > 60},
		q{SELECT customer_id FROM line GROUP BY 1 HAVING count(DISTINCT stock_code) > 150
		  OR count(DISTINCT description) FILTER (WHERE date_trunc('month', issued_at) = date_trunc('month', :now) - interval '1 month') > 60} ],
	[ 'Christmas', q{count(lines since 2011-09-01 where product.description contains 'CHRISTMAS') >= 10},
		q{SELECT customer_id FROM line WHERE issued_at >= '2011-09-01' AND strpos(description, 'CHRISTMAS') > 0 GROUP BY 1 HAVING count(*) >= 10} ],
	[ 'cheap', q{every(lines satisfies product.mean_price < 5 and quantity > 0)},
		q{SELECT customer_id FROM line GROUP BY 1 HAVING bool_and(mean_price < 5 AND quantity > 0)} ],
	[ 'dearer than usual', q{count(lines where unit_price > product.mean_price * 1.5) > 10},
		q{SELECT customer_id FROM line WHERE unit_price::float8 > mean_price * 1.5 GROUP BY 1 HAVING count(*) > 10} ],

	# segments of segments
	[ 'good and lapsed', q{in segment 'lapsed' and (in segment 'good customers' or in segment 'Germans')},
		q{SELECT customer_id FROM invoice GROUP BY 1 HAVING max(issued_at) < :now - interval '6 months'
		  INTERSECT (SELECT customer_id FROM bought GROUP BY 1 HAVING sum(quantity * unit_price) > 5000
		  UNION SELECT customer_id FROM retail.customer WHERE country = 'Germany')} ],
	[ 'unremarkable', q{not in segment 'good and lapsed' and not in segment 'early birds' and not in segment 'cheap' and country = 'France'},
		q{SELECT customer_id FROM retail.customer WHERE country = 'France'
		  EXCEPT (SELECT customer_id FROM invoice GROUP BY 1 HAVING max(issued_at) < :now - interval '6 months'
		  INTERSECT (SELECT customer_id FROM bought GROUP BY 1 HAVING sum(quantity * unit_price) > 5000
		  UNION SELECT customer_id FROM retail.customer WHERE country = 'Germany'))
		  EXCEPT SELECT customer_id FROM invoice GROUP BY 1 HAVING count(*) FILTER (WHERE issued_at::time < '09:00') * 4 > count(*)
		  EXCEPT SELECT customer_id FROM line GROUP BY 1 HAVING bool_and(mean_price < 5 AND quantity > 0)} ],
);

my @products = (
	[ 'red', q{description contains 'RED ' and not stock_code matches '[A-Za-z]$'},
		q{SELECT stock_code FROM retail.product WHERE description LIKE '%RED %' AND stock_code !~ '[A-Za-z]$'} ],
	[ 'two cases', q{stock_code in ('85123A', '85099b', '20725')},
		q{SELECT stock_code FROM retail.product WHERE stock_code = '85123A' OR stock_code = '85099b' OR stock_code = '20725'} ],
	[ 'nameless', q{description is null or not description >= 'A'},
		q{SELECT stock_code FROM retail.product WHERE coalesce(description, '') < 'A'} ],
	[ 'sells abroad', q{count(distinct buyer.country from sales) >= 20},
		q{SELECT stock_code FROM retail.line JOIN retail.customer USING (customer_id) GROUP BY 1 HAVING count(DISTINCT customer.country) >= 20} ],
	[ 'anonymous', q{every(sales satisfies customer_id is null) and exists(sales within last 4 weeks)},
		q{SELECT stock_code FROM retail.line GROUP BY 1 HAVING count(customer_id) = 0 AND bool_or(invoice_date >= :now - interval '4 weeks' AND invoice_date < :now)} ],
	[ 'up', q{sum(sales.quantity during last month) > 2 * sum(sales.quantity during 2 months ago) and sum(sales.quantity during 2 months ago) > 100},
		q{SELECT stock_code FROM retail.line GROUP BY 1
		  HAVING sum(quantity) FILTER (WHERE date_trunc('month', invoice_date) = date_trunc('month', :now) - interval '1 month')
		       > 2 * sum(quantity) FILTER (WHERE date_trunc('month', invoice_date) = date_trunc('month', :now) - interval '2 months')
		     AND sum(quantity) FILTER (WHERE date_trunc('month', invoice_date) = date_trunc('month', :now) - interval '2 months') > 100} ],
	[ 'not up', q{not in segment 'up' and avg(unit_price from sales) > 20},
		q{SELECT stock_code FROM retail.line GROUP BY 1
		  HAVING avg(unit_price) > 20 AND NOT coalesce(
		  sum(quantity) FILTER (WHERE date_trunc('month', invoice_date) = date_trunc('month', :now) - interval '1 month')
		       > 2 * sum(quantity) FILTER (WHERE date_trunc('month', invoice_date) = date_trunc('month', :now) - interval '2 months')
		     AND sum(quantity) FILTER (WHERE date_trunc('month', invoice_date) = date_trunc('month', :now) - interval '2 months') > 100, false)} ],
);

create_segments('customer', @customers);
create_segments('product', @products);

# Two weeks after the end of summer time and, for some, days after its beginning.
my @some = grep { $_->[1] =~ /within last 30 days|720|first_seen_on/ } @customers;
my %size = compare_segments('customer', $zone, '2011-11-15 12:00:00', @customers);
my %early = compare_segments('customer', $zone, '2011-03-31 12:10:00', @some);
my %products = compare_segments('product', $zone, '2011-11-15 12:00:00', @products);

is_deeply([ grep { !$size{$_} || $size{$_} >= 4372 } sort keys %size ],
	[], 'no segment of customers is empty or everyone');
is_deeply([ grep { !$early{$_} || $early{$_} >= 4372 } sort keys %early ],
	[], 'nor in spring');
is_deeply([ grep { !$products{$_} || $products{$_} >= 4070 } sort keys %products ],
	[], 'no segment of products is empty or everything');

done_testing();
