#!/bin/bash
# demo.sh: builds the extension and shows what it does, on a shop in a
# throw-away server. CUSTOMERS in the environment sets the shop's size.
set -u
cd "$(dirname "$0")/.." || exit 1
. test/cluster.sh

log=$PWD/tmp_check/log
mkdir -p "$log"

# quietly NAME DOING COMMAND...: is heard only if it fails
quietly() {
	local name=$1
	echo "$2 ..."
	shift 2
	"$@" >"$log/$name.log" 2>&1 && return
	tail -n 40 "$log/$name.log"
	exit 1
}

unset MAKEFLAGS MFLAGS MAKELEVEL
PG_CONFIG=$(test/setup.sh server) || exit 1
export PG_CONFIG
quietly build "Building the extension" \
	make -j"$(nproc 2>/dev/null || echo 1)" PG_CONFIG="$PG_CONFIG"
quietly cluster "Starting a server" start_cluster
createdb shop
export PGDATABASE=shop
quietly shop "Filling a shop" \
	psql -Xq -v ON_ERROR_STOP=1 -v customers="${CUSTOMERS:-50000}" -f test/shop.sql
psql -Xq <test/demo.sql &&
	echo "From nothing to here in $SECONDS seconds. The server is gone again."
