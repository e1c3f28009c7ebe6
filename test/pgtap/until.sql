-- Until when answers last: cases where a window moves back, and what a pass has to read.

BEGIN;
SELECT plan(16);

CREATE TABLE people (id int PRIMARY KEY, seen timestamptz, born date);
CREATE TABLE orders (who int, placed timestamptz);
SELECT segments.create_population('people', 'people', time_zone => 'UTC');
SELECT segments.add_source('people', 'orders', 'orders', key => 'who', at => 'placed');
INSERT INTO people VALUES
	(1, '2024-02-29 18:00+00', '2000-02-29'), (2, '2024-04-10 12:00+00', '2010-04-10'), (3, NULL, NULL), (4, 'infinity', '1980-01-01');
INSERT INTO orders VALUES (1, '2024-02-29 18:00+00'), (2, '2024-03-01 12:00+00'), (2, '2024-03-02 12:00+00'), (2, '2024-05-01 12:00+00'),
	(4, '2024-02-01 00:00+00');

CREATE FUNCTION changes(rule segments.segment_rule, as_of timestamptz) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(format('%s %s', member, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')), ', ' ORDER BY member)
		FROM segments.next_changes(rule, as_of => as_of));

-- on 29 March at 20:00 a month ago was 29 February, 20:00; from midnight on it is 29 February, 00:00
SELECT is(changes('seen within last 1 month', '2024-03-29 20:00+00'), '1 2024-03-30 00:00:00.000000, 2 2024-04-10 12:00:00.000001',
	'a window of a month comes back where months end');
SELECT is(changes('exists(orders within last 1 month where placed < 2024-03-01)', '2024-03-29 20:00+00'), '1 2024-03-30 00:00:00.000000',
	'so rows that it has left are read');
SELECT is(changes('exists(orders within last 1 month where placed < 2024-03-01)', '2024-03-31 20:00+00'), NULL,
	'but not where it has left them for good');

SELECT is(changes('seen within last 10 days and id > 0', '2024-03-15 00:00+00'), '2 2024-04-10 12:00:00.000001',
	'who is outside of a window is read for when it comes');
SELECT is(changes('seen < 10 days ago', '2024-03-15 00:00+00'), '2 2024-04-20 12:00:00.000001', 'and who is before a bound');
SELECT is(changes('seen within last 10 days and id > 2', '2024-03-15 00:00+00'), NULL, 'what fails for ever is not due');

SET segments.batch_rows = 0;
SELECT is(changes('count(orders within last 90 days) > 1', '2024-03-15 00:00+00'), '2 2024-05-30 12:00:00.000001',
	'a count that is above stays until the row leaves that brings it down');
SELECT is(changes('count(orders within last 90 days) > 2', '2024-03-15 00:00+00'), '2 2024-05-01 12:00:00.000001',
	'a count that is below stays until rows come');
SELECT is(changes('count(distinct placed from orders within last 90 days where placed < 2024-04-01) > 1', '2024-03-15 00:00+00'),
	'2 2024-05-30 12:00:00.000001', 'the first row that leaves can bring it about');
RESET segments.batch_rows;
SELECT is(changes('count(distinct placed from orders within last 90 days where placed < 2024-04-01) > 1', '2024-03-15 00:00+00'),
	'2 2024-05-30 12:00:00.000001', 'the first row that leaves, in batches');
SELECT is(changes('count(orders within last 90 days) > 2', '2024-03-15 00:00+00'), '2 2024-05-01 12:00:00.000001',
	'in batches too');

SELECT is(changes('age(born) >= 18', '2024-03-15 00:00+00'), '2 2028-04-09 00:00:00.000000', 'an age grows by a year at a time');
SELECT is(changes('today - born > 30 days', '2024-03-15 00:00+00'), NULL, 'what has passed for good does not come back');

-- The calendar, and what durations can be, have an end. Of whom is said that his answer changes, and is it another one then and not before?
SELECT segments.create_population('far east', 'people', time_zone => 'Australia/Lord_Howe');
CREATE FUNCTION changes_of(rule segments.segment_rule, population text, as_of timestamptz, OUT same bool, OUT other bool) LANGUAGE sql
	RETURN (SELECT (bool_and(before = now), bool_and(after <> now))
		FROM segments.next_changes(rule, population => population, as_of => as_of) c,
			LATERAL (SELECT EXISTS (SELECT FROM segments.matching(rule, population => population, as_of => as_of) m WHERE m = member)) a (now),
			LATERAL (SELECT EXISTS (SELECT FROM segments.matching(rule, population => population, as_of => at - interval '1 us') m WHERE m = member)) b (before),
			LATERAL (SELECT EXISTS (SELECT FROM segments.matching(rule, population => population, as_of => at) m WHERE m = member)) d (after));
CREATE TABLE ends AS
	SELECT population, rule, as_of, exact, c.same, c.other
	FROM (VALUES ('people', timestamptz '2024-03-15 00:00+00'), ('people', '294276-12-20 00:00+00'), ('far east', '294276-12-20 00:00+00')) p (population, as_of),
		(VALUES ('now - born', 'people 2024'), ('3 seconds from now - born', 'people 2024'), ('born - 3 seconds from now', 'people 2024'),
			('now + (3 seconds from now - born)', ''), ('(now - born) + (now - seen)', ''), ('-(now - born) * 3', ''), ('3 days ago', 'far east 294276'),
			('9 days ago + 5 days', 'far east 294276'), ('now + 30 hours', 'people 294276, far east 294276')) r (rule, exact),
		changes_of(format('(%s) is null', rule)::segments.segment_rule, population, as_of) c;
SELECT is((SELECT string_agg(format('%s: %s at %s', population, rule, as_of), ', ') FROM ends WHERE NOT same), NULL,
	'where the calendar ends, no answer changes before it is said to');
SELECT is((SELECT string_agg(format('%s: %s at %s', population, rule, as_of), ', ') FROM ends
	WHERE other IS NOT TRUE AND strpos(exact, population || ' ' || extract(year FROM as_of)) > 0), NULL,
	'and what moves as the clock does ends to the microsecond');
SELECT throws_ok($$SELECT segments.next_changes('true', population => 'people', as_of => 'infinity')$$, '22008', NULL, 'a moment is finite');

SELECT * FROM finish();
ROLLBACK;
