#!/bin/bash
# check.sh: builds the extension and runs every test there is in a throw-away
# server. A runner that fails does not keep the next from running. Logs are in
# tmp_check/log. The last line is "N passed, N failed" (and "N skipped" if
# any), the exit status says whether all passed and there were any.
set -u
cd "$(dirname "$0")/.." || exit 1
. test/cluster.sh

log=$PWD/tmp_check/log
tally=$PWD/tmp_check/tally

# failed NAME REMARK: counts one failure and shows how NAME's log ends
failed() {
	echo "  FAILED  $1${2:+ $2}"
	grep -E '(error|warning):' "$log/$1.log" | head -n 40
	tail -n 40 "$log/$1.log" | cut -c 1-400
	echo "0 1 0" >>"$tally"
	return 1
}

# step NAME COMMAND...: a step with one outcome and its own log
step() {
	local name=$1
	shift
	"$@" >"$log/$name.log" 2>&1 || failed "$name"
}

# runner NAME KIND FILES COMMAND...: a test runner that has so many FILES to
# run, its output counted by tally.pl
runner() {
	local name=$1 kind=$2 files=$3 before status
	shift 3
	[ "$files" != 0 ] || return 0
	before=$(wc -l <"$tally")
	echo "$name"
	"$@" 2>&1 | tee "$log/$name.log" | perl test/tally.pl "$kind" "$files" "$tally"
	status=${PIPESTATUS[0]}
	if [ "$status" != 0 ] && ! tail -n "+$((before + 1))" "$tally" | grep -q ' [1-9][0-9]* '; then
		failed "$name" "ended with status $status"
	fi
	[ "$status" = 0 ]
}

count() { ls "$@" 2>/dev/null | wc -l; }

regress() {
	runner regress regress "$(count test/sql/*.sql)" \
		make --no-print-directory installcheck ISOLATION= ||
		show_diffs regress
}

isolation() {
	runner isolation regress "$(count test/specs/*.spec)" \
		make --no-print-directory installcheck REGRESS= ||
		show_diffs isolation
}

show_diffs() {
	[ -s regression.diffs ] || return
	cp regression.diffs "$log/$1.diffs"
	head -n 300 "$log/$1.diffs"
}

pgtap() {
	createdb pgtap &&
		psql -Xqd pgtap -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION segments'
	runner pgtap tap "$(count test/pgtap/*.sql)" \
		pg_prove -v --merge --nocolor -d pgtap test/pgtap/*.sql
}

# Root cannot start servers, which some of these tests do. They run as the
# server's user, in a copy of the directory that this user may read and write.
tap() {
	local dir=$PWD
	createdb tap
	if [ -n "$CLUSTER_RUNAS" ]; then
		dir=$CLUSTER_DIR/server/checkout
		mkdir "$dir"
		tar -c --exclude-vcs --exclude=tmp_check --exclude='*.o' --exclude='*.bc' . |
			tar -x -C "$dir" --no-same-owner
		chown -R --reference="$CLUSTER_DIR/server" "$dir"
	fi
	runner tap tap "$(count test/tap/*.t)" \
		env -C "$dir" PGDATABASE=tap TESTDIR="$dir" TESTDATADIR="$dir/tmp_check" \
		SEGMENTS_DATA="${SEGMENTS_DATA:-$PWD/../shared/data}" \
		TESTLOGDIR="$dir/tmp_check/log" \
		PG_REGRESS="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress" \
		PERL5LIB="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl:$dir/test/perl" \
		$CLUSTER_RUNAS prove -v --merge --nocolor test/tap/*.t
}

everything() {
	local jobs
	step layers test/layers.sh && echo "1 0 0" >>"$tally"
	jobs=$(nproc 2>/dev/null || echo 1)
	step build make -j"$jobs" PG_CONFIG="$PG_CONFIG" SANITIZE="${SANITIZE:-}" WERROR=1 || return
	start_cluster >"$log/cluster.log" 2>&1 || failed cluster || return
	regress
	isolation
	pgtap
	tap
	cp "$CLUSTER_DIR/server/log" "$log/server.log"
	crashes
}

# A server that crashed is a failure, whichever test noticed.
crashes() {
	local sign='runtime error:|AddressSanitizer|TRAP: |terminated by signal|PANIC: '
	grep -Eq "$sign" "$log/server.log" || return 0
	echo "  FAILED  the server crashed"
	grep -E -A 15 "$sign" "$log/server.log" | head -n 60
	echo "0 1 0" >>"$tally"
}

summary() {
	local passed failed skipped
	read -r passed failed skipped < <(awk '{ p += $1; f += $2; s += $3 }
		END { print p + 0, f + 0, s + 0 }' "$tally")
	echo "logs in ${log#"$PWD"/}, $SECONDS s"
	echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}

unset MAKEFLAGS MFLAGS MAKELEVEL
rm -rf tmp_check
mkdir -p "$log"
: >"$tally"
if PG_CONFIG=$(test/setup.sh check); then
	export PG_CONFIG
	echo "$("$PG_CONFIG" --version), $PG_CONFIG"
	everything
else
	echo "0 1 0" >>"$tally"
fi
summary
