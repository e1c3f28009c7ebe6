#!/bin/bash
# writes.sh: one round of statements on tables whose segments are kept current, against the same on
# tables without. Arguments: customers, round. run.sh calls it, beside its server.
#
# Counted are the processor time of the server process that runs the statements, which is what a
# statement costs, and how long a transaction takes, which tells how many there are in a second.
# The latter includes pgbench and the way there and back, and is disturbed by all that goes on beside it.
set -eu
customers=$1
round=$2
n=${TRANSACTIONS:-5000}
first=$((n / 5))
script=$(mktemp)
trap 'rm -f "$script"' EXIT
moment=$(psql -XAtc "SELECT timestamptz '2026-06-15 12:00+00' + $round * interval '1 day'")
export PGOPTIONS="-c segments.now=${moment// /T} -c client_min_messages=warning"
run() { psql -Xq -v ON_ERROR_STOP=1 -v round="$round" -v customers="$customers" "$@" >/dev/null; }

# statement, what, way: the statement as a transaction, n times, by one session
transactions() {
	cat >"$script" <<-SQL
		\\if :i = $first
		SELECT bench.mark('$2', '$3', $round, :i);
		\\endif
		\\set i :i + 1
		\\set id random(1, $customers)
		\\set amount random(1, 300)
		\\set income random(20000, 100000)
		$1;
		\\if :i = $n
		SELECT bench.mark('$2', '$3', $round, :i);
		\\endif
	SQL
	pgbench -n -M prepared -t "$n" -D i=0 --random-seed="$round" -f "$script" >/dev/null 2>&1
}

# statement about PREFIX_ tables, what
both() {
	transactions "${1//PREFIX/bare}" "$2" bare
	transactions "${1//PREFIX/kept}" "$2" segments
}

for population in 'kept 10' 'kept 100' 'kept 1,000' 'kept 1,000, ten concerned'; do
	run -c "SELECT segments.alter_population('$population', maintenance => 'immediate')" -c 'VACUUM'
	both 'UPDATE bench.PREFIX_customers SET income = :income WHERE id = :id' "UPDATE of a customer, ${population#kept } segments"
	run -c "SELECT bench.upkeep('$population')"
	both "INSERT INTO bench.PREFIX_orders VALUES (nextval('bench.new_order'), :id, timestamptz '$moment' - interval '1 hour', :amount, 'paid', 'books', 7)" \
		"INSERT of an order, ${population#kept } segments"
	run -c "SELECT bench.upkeep('$population')"
	if [ "$population" = 'kept 100' ]; then
		run -v moment="$moment" -f bench/writes_round.sql
	fi
	run -c "SELECT segments.alter_population('$population', maintenance => 'scheduled')"
done
run -c "WITH statement AS (
		SELECT what, way, max(n) - min(n) AS n, max(ms) - min(ms) AS ms, max(elapsed) - min(elapsed) AS elapsed
		FROM bench.mark WHERE round = $round GROUP BY 1, 2)
	INSERT INTO bench.result
	SELECT 'Writing one row', what, way, $round, ms / n, NULL FROM statement
	UNION ALL
	SELECT 'Writing one row, elapsed', what, way, $round, elapsed / n, NULL FROM statement"
