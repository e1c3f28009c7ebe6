#!/bin/bash
# rules.sh: rules looked up by document and documents by rule, against what one would use instead.
#
#	bench/rules.sh [N ...]		so many rules (1000 10000 100000); writes bench/RULES.md
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

run -f bench/rules.sql || exit 1
results=$CLUSTER_DIR/results.md
sizes=$CLUSTER_DIR/sizes.md
{
	echo "# Rules and documents: measured"
	echo
	echo "PostgreSQL $(run -c 'SHOW server_version'), $(nproc) cores, one of them used. Times are those of the processor, medians of five rounds;"
	echo "ratios hold, absolute times are those of a shared machine. Every way must find the same."
	echo
	echo "## Rules by document"
	echo
	echo "Random rules over 36 attributes. *hold*: how many do for a document. *index*: GIN; *told*: with frequencies; *sorted*: and the table in the order of its keys."
	echo
	echo "| rules | hold | index, us | told, us | sorted, us | in memory, us | scan, us | jsonpath, us | scan / told | jsonpath / told | jsonpath / in memory |"
	echo "|---|---|---|---|---|---|---|---|---|---|---|"
} >"$results"
for n in "$@"; do
	run -c "CALL bench.fill_rules($n)" -c "VACUUM ANALYZE bench.rules" -c "SELECT bench.measure_rules()" >"$CLUSTER_DIR/row.md" || exit 1
	grep -v ': ' "$CLUSTER_DIR/row.md" >>"$results"
	sed -n 's/^\([0-9]*\): /| \1 /p' "$CLUSTER_DIR/row.md" >>"$sizes"
done
{
	echo
	echo "| rules | build, ms | build told, ms | build in memory, ms | index, kB | index told, kB | in memory, kB | table, kB | insert, us |"
	echo "|---|---|---|---|---|---|---|---|---|"
	cat "$sizes"
	echo
	echo "## Documents by rule"
	echo
	run -c "CALL bench.fill_documents(${DOCUMENTS:-100000})" -c "VACUUM ANALYZE bench.documents" -c "SELECT bench.measure_documents()"
	echo
	echo "## A rule on every document, without an index"
	echo
	run -c "SELECT bench.measure_rows()"
} >>"$results"
cp "$results" bench/RULES.md
cat bench/RULES.md
