-- writes_round.sql: one round of bulk statements, and a day that passes. Variables: round, customers, moment.
\set ON_ERROR_STOP on
SET search_path = bench, pg_catalog;
\set part 'Writing many rows'
SELECT current_setting('data_directory') || '/delivery' AS file, format('UPDATE bench.PREFIX_customers SET income = income + 500 WHERE id %% 10 = %s', :round % 10) AS updating \gset
SELECT format('COPY bench.PREFIX_orders FROM %L', :'file') AS copying \gset
SELECT bulk(format('COPY bench.delivery TO %L', :'file')) \g /dev/null
CALL take(:'part', 'UPDATE of a tenth of the customers', 'bare', :round, format('SELECT bench.bulk(%L)', replace(:'updating', 'PREFIX', 'bare')));
CALL take(:'part', 'UPDATE of a tenth of the customers', 'segments', :round, format('SELECT bench.bulk(%L)', replace(:'updating', 'PREFIX', 'kept')));
SELECT upkeep('kept 100') \g /dev/null
CALL take(:'part', 'COPY of a tenth of the orders', 'bare', :round, format('SELECT bench.bulk(%L)', replace(:'copying', 'PREFIX', 'bare')));
CALL take(:'part', 'COPY of a tenth of the orders', 'segments', :round, format('SELECT bench.bulk(%L)', replace(:'copying', 'PREFIX', 'kept')));
SELECT upkeep('kept 100') \g /dev/null
DELETE FROM kept_orders WHERE id IN (SELECT id FROM delivery);
DELETE FROM bare_orders WHERE id IN (SELECT id FROM delivery);
SELECT upkeep('kept 100') \g /dev/null
VACUUM kept_orders, bare_orders;

\set part 'A day passes'
SELECT :'moment'::timestamptz + interval '1 day' AS next \gset
SET segments.now = :'next';
CALL take(:'part', '100 segments', 'segments', :round, format('SELECT bench.upkeep(%L)', 'kept 100'));
CALL take(:'part', '100 segments', '40 windowed segments recomputed one by one', :round, format('SELECT bench.recompute(%L)', :'next'));
CALL take(:'part', '100 segments', 'segments.refresh()', :round, 'SELECT segments.refresh(''kept 100'')');
-- what was kept is what is found
DO $$
BEGIN
	IF EXISTS (SELECT FROM segments.change WHERE reason = 'h' OR reason = 'r') OR EXISTS (SELECT FROM segments.check('kept 100')) THEN
		RAISE 'What upkeep left differs from a full evaluation.';
	END IF;
END
$$;
