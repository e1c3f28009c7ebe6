-- The extension as a whole: what it leaves behind, what it says about itself,
-- and whose rights its functions run with.
BEGIN;
SELECT plan(7);

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid,
	pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS name
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
	AND d.deptype = 'e' AND e.extname = 'segments';

-- Array types, row types and internal dependencies have nothing to say.
SELECT is_empty($$
	SELECT name FROM member m
	WHERE pg_catalog.obj_description(objid, classid::regclass::name) IS NULL
		AND NOT (classid = 'pg_catalog.pg_type'::regclass AND EXISTS (
			SELECT FROM pg_catalog.pg_type t WHERE t.oid = m.objid
				AND (t.typtype = 'c' OR t.typelem <> 0)))
		AND NOT (classid = 'pg_catalog.pg_class'::regclass AND EXISTS (
			SELECT FROM pg_catalog.pg_class c WHERE c.oid = m.objid
				AND c.relkind IN ('i', 'S', 't')))
		AND classid NOT IN ('pg_catalog.pg_cast'::regclass,
			'pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass,
			'pg_catalog.pg_opfamily'::regclass)
	ORDER BY name
$$, 'every object has a comment');

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM member m
	JOIN pg_catalog.pg_proc p ON p.oid = m.objid
	WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND p.prosecdef
		AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
$$, 'a function with the owner''s rights pins its search_path');

SELECT is_empty($$
	SELECT c.oid::regclass FROM member m
	JOIN pg_catalog.pg_class c ON c.oid = m.objid,
		pg_catalog.aclexplode(c.relacl) a
	WHERE m.classid = 'pg_catalog.pg_class'::regclass AND a.grantee = 0
		AND a.privilege_type NOT IN ('SELECT', 'USAGE')
$$, 'nobody but the owner writes the tables directly');

SELECT is_empty($$
	SELECT name FROM member m
	JOIN pg_catalog.pg_class c ON c.oid = m.objid
	WHERE m.classid = 'pg_catalog.pg_class'::regclass
		AND c.relnamespace <> 'segments'::regnamespace
$$, 'every relation is in schema segments');

CREATE FUNCTION without_public() RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
	found text;
BEGIN
	EXECUTE 'DROP SCHEMA public CASCADE';
	SELECT string_agg(extname, ', ') INTO found FROM pg_catalog.pg_extension WHERE extname = 'segments';
	RAISE EXCEPTION USING MESSAGE = found;
EXCEPTION WHEN raise_exception THEN RETURN SQLERRM;
END $$;
SELECT is(without_public(), 'segments', 'it does not go with a schema that it has nothing in');

DROP EXTENSION segments;
SELECT hasnt_schema('segments', 'dropping the extension drops its schema');
CREATE EXTENSION segments;
SELECT has_schema('segments', 'and it can be created again');

SELECT * FROM finish();
ROLLBACK;
