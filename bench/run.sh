#!/bin/bash
# run.sh: measures segments against what one would do by hand, on a throw-away server
# with the extension in it, and writes bench/RESULTS.md. In the environment:
#
# CUSTOMERS	how many (100000); each has five orders
# ROUNDS	how often everything is measured (3)
# SIZES	how many times as many customers the building is measured for as well, as in SIZES='0.1 3'
#		(none); three times a million customers take 20 GB
# TRANSACTIONS	of one row each, with and without segments (5000)
# TMPDIR	where the server keeps its data; a million customers take 8 GB
set -u
cd "$(dirname "$0")/.." || exit 1
. test/cluster.sh

customers=${CUSTOMERS:-100000}
rounds=${ROUNDS:-3}
sizes=${SIZES:-}
log=$PWD/tmp_check/log
mkdir -p "$log"
rm -f "$log/growth.md"

run() { psql -Xq -v ON_ERROR_STOP=1 -v customers="$customers" "$@"; }

configure() {
	run <<-SQL && (cd "$CLUSTER_DIR" && $CLUSTER_RUNAS "$PG_BIN/pg_ctl" -D server/data -l server/log -w -s restart </dev/null)
		ALTER SYSTEM SET shared_buffers = '2GB';
		ALTER SYSTEM SET work_mem = '512MB';
		ALTER SYSTEM SET maintenance_work_mem = '512MB';
		ALTER SYSTEM SET max_wal_size = '8GB';
		ALTER SYSTEM SET wal_level = minimal;
		ALTER SYSTEM SET max_wal_senders = 0;
		ALTER SYSTEM SET autovacuum = off;
		ALTER SYSTEM SET jit = off;
		ALTER SYSTEM SET synchronous_commit = on;
		ALTER SYSTEM SET max_parallel_workers_per_gather = 0;
	SQL
}

fail() {
	tail -n 20 "$log/bench.log" >&2
	exit 1
}

unset MAKEFLAGS MFLAGS MAKELEVEL
PG_CONFIG=$(test/setup.sh server) || exit 1
export PG_CONFIG
{
	make -j"$(nproc 2>/dev/null || echo 1)" PG_CONFIG="$PG_CONFIG" && start_cluster && configure &&
		createdb bench
} >"$log/bench.log" 2>&1 || fail
export PGDATABASE=bench
echo "Making $customers customers ..." >&2
{
	run -c 'CREATE EXTENSION segments' && run -f bench/workload.sql && run -f bench/setup.sql && run -f bench/writes.sql
} >>"$log/bench.log" 2>&1 || fail
for round in $(seq "$rounds"); do
	echo "Round $round of $rounds ..." >&2
	{
		run -v round="$round" -f bench/round.sql && bench/writes.sh "$customers" "$round"
	} >>"$log/bench.log" 2>&1 || fail
	run -At -v rounds="$round" -v cores="$(nproc)" -f bench/summary.sql >"$log/results.md" 2>>"$log/bench.log" || fail
	cp "$log/results.md" bench/RESULTS.md
done
# How it grows: the same in databases of other sizes, one after the other.
for size in $sizes; do
	other=$(awk "BEGIN { print int($customers * $size) }")
	echo "Building for $other customers ..." >&2
	{
		createdb bench_size && PGDATABASE=bench_size run -v customers="$other" -c 'CREATE EXTENSION segments' \
			-f bench/workload.sql -f bench/setup.sql && PGDATABASE=bench_size run -v rounds="$rounds" -f bench/growth.sql
	} >>"$log/bench.log" 2>&1 || fail
	PGDATABASE=bench_size run -At -v customers="$other" -f bench/growth_line.sql >>"$log/growth.md" 2>>"$log/bench.log" || fail
	dropdb bench_size
done
if [ -n "$sizes" ]; then
	{
		run -At -v customers="$customers" -f bench/growth_line.sql
		cat "$log/growth.md"
	} | sort -t'|' -k2n | cat <(printf '\n## Growth\n\n| customers | 10 segments | 100 | 1,000 | CREATE TABLE AS of the 100 | of ours |\n|---|---|---|---|---|---|\n') - >>bench/RESULTS.md
fi
cat bench/RESULTS.md
echo "In $((SECONDS / 60)) minutes $((SECONDS % 60)) seconds; written to bench/RESULTS.md." >&2
