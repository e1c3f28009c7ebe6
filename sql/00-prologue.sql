\echo Use "CREATE EXTENSION segments" to load this file. \quit

CREATE SCHEMA segments;
GRANT USAGE ON SCHEMA segments TO PUBLIC;
COMMENT ON SCHEMA segments IS 'customer segments: populations, rules, members';
