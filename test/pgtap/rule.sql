-- The type segment_rule on random input: text and value are inverse, whatever the
-- text; nothing that is no rule gets through, and nothing brings the server down.
\set QUIET on
SET client_min_messages = warning;
SET search_path = segments, public;
BEGIN;
SELECT plan(12);
\ir ../include/random_rule.sql
SELECT setseed(0.4711) \gset

CREATE TEMP TABLE written (id int GENERATED ALWAYS AS IDENTITY, rule text);
INSERT INTO written (rule) SELECT pg_temp.random_rule(i % 6) FROM generate_series(1, 5000) i;
CREATE TEMP TABLE parsed AS SELECT id, rule::segment_rule AS rule FROM written;

SELECT is_empty($$
	SELECT w.rule, p.rule FROM written w JOIN parsed p USING (id)
	WHERE p.rule::text::segment_rule <> p.rule OR p.rule::text::segment_rule::text <> p.rule::text
$$, 'a value''s text gives the same value and the same text');
SELECT is_empty($$
	SELECT rule FROM parsed WHERE ('not (' || rule || ')')::segment_rule::text <> ('not(((' || rule || ')))')::segment_rule::text
		OR ('not not (' || rule || ')')::segment_rule <> rule OR ('not (not (' || rule || '))')::segment_rule <> rule
$$, 'NOT over NOT vanishes');
SELECT is_empty($$
	SELECT a.rule, b.rule FROM parsed a, parsed b WHERE b.id = a.id + 1
		AND (a.rule = b.rule) <> (a.rule::text = b.rule::text)
$$, 'values are equal if their texts are');
SELECT cmp_ok((SELECT count(DISTINCT rule) FROM parsed), '>', 4000::bigint, 'the random rules are many');
SELECT is_empty($$
	SELECT word FROM unnest('{and,or,not,exists,every,satisfies,followed by no,followed by,where,within last,within next,during,since,before,
		between,in,like,ilike,matches,starts with,ends with,contains,has,has any,has all,has none,is null,is not null,is empty,in segment,
		joined segment,left segment,tagged,anniversary of,count(,count(distinct,sum(,avg(,min(,max(,first(,last(,mode(,lower(,coalesce(,
		distance(,bucket(,percentile(,share(,start of last,end of next,ago,from now,yesterday,true,-,+,*,/,<=,!=,by,for}'::text[]) word
	WHERE NOT EXISTS (SELECT FROM parsed WHERE strpos(rule::text, btrim(word, E' \n\t')) > 0)
$$, 'every construct is among them');
SELECT is_empty($$
	SELECT rule FROM parsed WHERE segment_rule_send(rule) <> '\x01'::bytea || convert_to(rule::text, 'UTF8')
$$, 'the binary form is a version and the text');

SELECT is_empty($$
	SELECT rule, rule::jsonb FROM parsed WHERE rule::jsonb::segment_rule <> rule OR rule::json::segment_rule <> rule
		OR rule::json::jsonb <> rule::jsonb
$$, 'a value''s json tree gives the same value');

-- Mutated and truncated texts: refused with an error of ours, or a rule like any other.
CREATE FUNCTION pg_temp.mutate(rule text, other text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	a int := 1 + floor(random() * length(rule))::int;
	n int := floor(random() * 4)::int;
BEGIN
	RETURN CASE floor(random() * 7)::int
		WHEN 0 THEN left(rule, a)
		WHEN 1 THEN substr(rule, a)
		WHEN 2 THEN left(rule, a) || substr(rule, a + 1 + n)
		WHEN 3 THEN left(rule, a) || substr(other, 1 + floor(random() * length(other))::int, 1 + n * 5) || substr(rule, a + 1)
		WHEN 4 THEN left(rule, a) || pg_temp.pick('(', ')', ',', '.', '''', '"', '-', ' ', '=', '<', '!', '0', '9', E'\n', '--', 'é', '“', ':', 'T', 'not ', ' and ',
			' null ', ' 2024-01-01 ', ' 30 days ', ' from ', ' where ', ' within ', ' last ', ' * ', '-1', 'e5') || substr(rule, a + 1 + n)
		WHEN 5 THEN left(rule, a) || substr(other, length(other) / 2)
		ELSE overlay(rule PLACING chr(1 + floor(random() * 126)::int) FROM a)
	END;
END $$;

CREATE FUNCTION pg_temp.fuzz(n int) RETURNS TABLE (what text, times bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	rules text[] := ARRAY(SELECT rule FROM written WHERE length(rule) BETWEEN 1 AND 400 ORDER BY id);
	accepted bigint := 0;
	refused bigint := 0;
	mutant text;
	value segment_rule;
BEGIN
	FOR i IN 1 .. n LOOP
		mutant := pg_temp.mutate(rules[1 + i % cardinality(rules)], rules[1 + floor(random() * cardinality(rules))::int]);
		IF i % 3 = 0 THEN
			mutant := pg_temp.mutate(mutant || ' ', mutant || ' ');
		END IF;
		BEGIN
			value := mutant::segment_rule;
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE NOT IN ('42601', '54000', '22007', '22008', '22025') OR SQLERRM !~ '^(syntax error|invalid value) in rule at|^rule is|^number is|^name has' THEN
				what := SQLSTATE || ' ' || SQLERRM || ': ' || mutant;
				times := 1;
				RETURN NEXT;
			END IF;
			refused := refused + 1;
			CONTINUE;
		END;
		accepted := accepted + 1;
		IF value::text::segment_rule <> value OR value::text::segment_rule::text <> value::text THEN
			what := 'no fixpoint: ' || mutant;
			times := 1;
			RETURN NEXT;
		END IF;
	END LOOP;
	RETURN QUERY VALUES ('accepted', accepted), ('refused', refused);
END $$;

CREATE TEMP TABLE fuzzed AS SELECT * FROM pg_temp.fuzz(100000);
SELECT is_empty('SELECT what FROM fuzzed WHERE times = 1', 'mutated texts are rules or refused with an error of ours');
SELECT diag('texts ' || what || ' ' || times) FROM fuzzed;
SELECT cmp_ok((SELECT min(times) FROM fuzzed), '>', 10000::bigint, 'and there are many of both');

-- Mutated trees: any text for any other, and as text.
CREATE FUNCTION pg_temp.fuzz_trees(n int) RETURNS TABLE (what text, times bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	trees text[] := ARRAY(SELECT rule::json::text FROM parsed WHERE length(rule::json::text) < 2000 ORDER BY id);
	words text[] := '{op,args,name,time,duration,period,function,aggregate,exists,every,satisfies,of,rows,source,
		window,within,where,no,alias,for,and,not,=,between,in,within last,during,since,before,anniversary of,
		place,percentile,lower,count,sum,count distinct,in segment,tagged,like,has any,negate,now,30 days}';
	accepted bigint := 0;
	refused bigint := 0;
	mutant text;
	tree jsonb;
	value segment_rule;
BEGIN
	words := array_cat(ARRAY(SELECT '"' || word || '"' FROM unnest(words) word), '{true,3,-0.5,"null","[]","{}"}');
	FOR i IN 1 .. n LOOP
		mutant := trees[1 + i % cardinality(trees)];
		IF i % 4 = 0 THEN
			mutant := pg_temp.mutate(mutant, trees[1 + floor(random() * cardinality(trees))::int]);
		ELSE
			mutant := replace(mutant, pg_temp.pick(VARIADIC words), pg_temp.pick(VARIADIC words));
			mutant := regexp_replace(mutant, '"[^"]*"', pg_temp.pick(VARIADIC words), 1, 1 + floor(random() * 20)::int);
		END IF;
		BEGIN
			tree := mutant::jsonb;
		EXCEPTION WHEN OTHERS THEN
			CONTINUE;
		END;
		BEGIN
			value := tree::segment_rule;
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE NOT IN ('42601', '54000', '22007', '22008', '22025', '22023') OR SQLERRM !~ '^(syntax error|invalid value) in rule at|^invalid json tree of a rule|^number is' THEN
				what := SQLSTATE || ' ' || SQLERRM || ': ' || mutant;
				times := 1;
				RETURN NEXT;
			END IF;
			refused := refused + 1;
			CONTINUE;
		END;
		accepted := accepted + 1;
		IF value::text::segment_rule <> value OR value::jsonb::segment_rule <> value THEN
			what := 'no fixpoint: ' || mutant;
			times := 1;
			RETURN NEXT;
		END IF;
	END LOOP;
	RETURN QUERY VALUES ('accepted', accepted), ('refused', refused);
END $$;

CREATE TEMP TABLE fuzzed_trees AS SELECT * FROM pg_temp.fuzz_trees(50000);
SELECT is_empty('SELECT what FROM fuzzed_trees WHERE times = 1', 'mutated trees are rules or refused with an error of ours');
SELECT diag('trees ' || what || ' ' || times) FROM fuzzed_trees;
SELECT cmp_ok((SELECT min(times) FROM fuzzed_trees), '>', 1000::bigint, 'and there are many of both');

-- Bytes that are no words at all
SELECT lives_ok($$
	DO $do$
	BEGIN
		FOR i IN 1 .. 20000 LOOP
			BEGIN
				PERFORM array_to_string(ARRAY(SELECT chr(1 + floor(random() * CASE WHEN i % 2 = 0 THEN 126 ELSE 1000 END)::int)
					FROM generate_series(1, i % 40)), '')::segment_rule;
			EXCEPTION WHEN syntax_error OR program_limit_exceeded OR datetime_field_overflow OR invalid_datetime_format THEN
				NULL;
			END;
		END LOOP;
	END $do$
$$, 'random characters are refused with an error of ours');

SELECT * FROM finish();
ROLLBACK;
