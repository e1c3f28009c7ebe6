#!/bin/bash
# rules.sh: rules looked up by document and documents by rule, against what one would use instead.
#
#	bench/rules.sh [N ...]		so many rules (1000 10000 100000); prints Markdown
#
# Runs in a throw-away server. PG_CONFIG names the PostgreSQL to use, which should be
# built without assertions. DOCUMENTS is the number of documents in the second part
# (100000). jsquery is measured if Debian's package can be had; it is unpacked into
# the throw-away server only.
set -u
cd "$(dirname "$0")/.." || exit 1

unpack_jsquery() {
	local major dir=$CLUSTER_DIR/jsquery
	major=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
	mkdir "$dir" && cd "$dir" || return
	apt-get download "postgresql-$major-jsquery" >/dev/null 2>&1 || return
	dpkg -x ./*.deb . && cp usr/lib/postgresql/*/lib/jsquery.so "$("$PG_CONFIG" --pkglibdir)" &&
		cp usr/share/postgresql/*/extension/jsquery* "$("$PG_CONFIG" --sharedir)/extension"
}

if [ -z "${CLUSTER_DIR:-}" ]; then
	exec test/cluster.sh bench/rules.sh "$@"
fi
(unpack_jsquery) || echo "jsquery cannot be had and is left out" >&2
[ $# -gt 0 ] || set -- 1000 10000 100000
run() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

run -f bench/rules.sql
echo "| rules | hold | index, us | scan, us | jsonpath, us | scan / index | jsonpath / index | build, ms | index, kB | rules, kB | insert, us |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for n in "$@"; do
	run -c "CALL bench.fill_rules($n)" -c "VACUUM ANALYZE bench.rules" -c "SELECT bench.measure_rules()"
done
echo
run -c "CALL bench.fill_documents(${DOCUMENTS:-100000})" -c "VACUUM ANALYZE bench.documents" -c "SELECT bench.measure_documents()"
