#!/bin/bash
# cluster.sh: a throw-away PostgreSQL server with the extension in it.
#
#	test/cluster.sh COMMAND...	runs COMMAND beside it
#	. test/cluster.sh		for start_cluster alone
#
# PG_CONFIG names the PostgreSQL to use (the command finds one itself). Nothing
# is installed there: PostgreSQL finds its files relative to the server program,
# so a directory with copies of the programs and links to everything else is an
# installation of its own, and "make install" goes into that. It needs no root,
# works for every version, and goes away with the rest.
#
# The server listens on a socket in a directory of its own and on no network
# address. Root cannot run it, so then user postgres does (or nobody).
#
# For COMMAND: PATH, PG_CONFIG, PGHOST, PGPORT, PGUSER, PGDATABASE lead to the
# server; CLUSTER_DIR is the directory that will be removed; CLUSTER_RUNAS is
# the prefix, perhaps empty, that runs a command as the server's user.

start_cluster() {
	trap stop_cluster EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	CLUSTER_DIR=$(mktemp -d "${TMPDIR:-/tmp}/segments.XXXXXX") || return
	CLUSTER_DIR=$(cd "$CLUSTER_DIR" && pwd -P)
	chmod 755 "$CLUSTER_DIR"
	CLUSTER_RUNAS=
	if [ "$(id -u)" = 0 ]; then
		CLUSTER_RUNAS="runuser -u $(getent passwd postgres nobody |
			head -n 1 | cut -d: -f1) --"
	fi
	export CLUSTER_DIR CLUSTER_RUNAS

	private_installation || return
	unset MAKEFLAGS MFLAGS MAKELEVEL
	make --no-print-directory -C "$(dirname "${BASH_SOURCE[0]}")/.." install \
		PG_CONFIG="$PG_CONFIG" SANITIZE="${SANITIZE:-}" || return

	mkdir "$CLUSTER_DIR/server"
	if [ -n "$CLUSTER_RUNAS" ]; then
		chown "$(echo "$CLUSTER_RUNAS" | cut -d' ' -f3)" "$CLUSTER_DIR/server"
	fi
	chmod 700 "$CLUSTER_DIR/server"
	export LC_ALL=C.UTF-8
	export PGHOST=$CLUSTER_DIR/server PGPORT=54321 PGUSER=postgres PGDATABASE=postgres
	(
		cd "$CLUSTER_DIR" || exit
		$CLUSTER_RUNAS "$PG_BIN/initdb" -D server/data -U postgres -A trust \
			-E UTF8 --no-sync --no-instructions || exit
		$CLUSTER_RUNAS tee -a server/data/postgresql.conf >/dev/null <<-CONF || exit
			listen_addresses = ''
			unix_socket_directories = '$PGHOST'
			port = $PGPORT
			fsync = off
			full_page_writes = off
			synchronous_commit = off
			timezone = 'UTC'
			log_timezone = 'UTC'
		CONF
		[ -z "${SANITIZE:-}" ] || preload_sanitizer || exit
		$CLUSTER_RUNAS "$PG_BIN/pg_ctl" -D server/data -l server/log -w -s start \
			</dev/null || { cat server/log; exit 1; }
	)
}

# Debian's own server hangs in its libraries' start with the sanitizer in it.
preload_sanitizer() {
	export ASAN_OPTIONS=detect_leaks=0
	LD_PRELOAD=$(gcc -print-file-name=libasan.so)
	LD_PRELOAD=$LD_PRELOAD timeout 10 "$PG_BIN/postgres" --version || {
		echo "This server does not run with libasan. One that you built yourself will:" \
			"say PG_CONFIG=/path/to/its/bin/pg_config."
		return 1
	}
	export LD_PRELOAD
}

# Programs are copied, since a link would lead back to where it points. The
# rest is linked file by file, so that files can be added and replaced.
private_installation() {
	local original=$PG_CONFIG bindir dir
	bindir=$("$original" --bindir) || return
	PG_BIN=$CLUSTER_DIR$bindir
	mkdir -p "$(dirname "$PG_BIN")"
	cp -rpL "$bindir" "$PG_BIN" || return
	for dir in $("$original" --pkglibdir) $("$original" --sharedir); do
		mkdir -p "$CLUSTER_DIR$(dirname "$dir")"
		cp -rs "$dir" "$CLUSTER_DIR$(dirname "$dir")" || return
	done
	for dir in $("$original" --includedir) $("$original" --pkgincludedir) \
		$("$original" --includedir-server) $("$original" --libdir); do
		mkdir -p "$CLUSTER_DIR$(dirname "$dir")"
		[ -e "$CLUSTER_DIR$dir" ] || ln -s "$dir" "$CLUSTER_DIR$dir"
	done
	PG_CONFIG=$PG_BIN/pg_config
	PATH=$PG_BIN:$PATH
	export PG_BIN PG_CONFIG PATH
	# An installed extension is not ours to write to: not all that "make install"
	# runs replaces a link, some write to where it leads.
	for dir in "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
		case $dir in
		"$CLUSTER_DIR"/*)
			rm -rf "$dir"/segments.so "$dir"/bitcode/segments* "$dir"/extension/segments* ;;
		*)
			echo "$original cannot be moved: it keeps looking in $dir" >&2
			return 1 ;;
		esac
	done
}

stop_cluster() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	if [ -n "${CLUSTER_DIR:-}" ]; then
		if [ -f "$CLUSTER_DIR/server/data/postmaster.pid" ]; then
			(cd "$CLUSTER_DIR" &&
				$CLUSTER_RUNAS "$PG_BIN/pg_ctl" -D server/data -m immediate -s stop)
		fi
		rm -rf "$CLUSTER_DIR"
	fi
	exit $status
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	PG_CONFIG=$("$(dirname "$0")/setup.sh" server) || exit
	start_cluster >&2 || exit
	"$@"
fi
