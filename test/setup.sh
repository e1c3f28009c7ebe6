#!/bin/bash
# setup.sh check|server|lint
#
# Sees to it that everything the task needs is on this machine (server: what it
# takes to build the extension and start a server with it, which the others need
# too), and prints the path of the pg_config to use. Everything else it has to say goes to stderr.
#
# PG_CONFIG in the environment chooses a PostgreSQL; otherwise it is the newest
# of the distribution's that has server headers, else the one on PATH. What is
# missing is installed with apt-get, as root or through sudo. Nothing is
# installed that is there already, and no server is started or touched.
set -u
task=${1:-check}
packages=()

say() { echo "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# A pg_config will do if headers and server both belong to it.
usable() {
	[ -x "$1" ] && [ -f "$("$1" --pgxs 2>/dev/null)" ] &&
		[ -f "$("$1" --includedir-server)/postgres.h" ] &&
		[ -x "$("$1" --bindir)/postgres" ]
}

find_pg_config() {
	local candidate
	while read -r candidate; do
		usable "$candidate" && { echo "$candidate"; return; }
	done < <(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -rV
		 command -v pg_config)
}

# The distribution's PostgreSQL: 15 on Debian 12.
distribution_version() {
	apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

# Debian's server package makes a cluster "main" and starts it on port 5432.
# Nobody asked for that here.
without_main_cluster() {
	local conf=/etc/postgresql-common/createcluster.d/segments-check.conf
	local status
	as_root mkdir -p "$(dirname "$conf")" &&
		echo "create_main_cluster = false" | as_root tee "$conf" >/dev/null
	"$@"
	status=$?
	as_root rm -f "$conf"
	return $status
}

install_packages() {
	local command="apt-get install -y --no-install-recommends ${packages[*]}"
	refresh_lists
	have apt-get ||
		die "Missing, under their Debian names: ${packages[*]}." \
			"Please install them and try again."
	if [ "$(id -u)" != 0 ] && ! { have sudo && as_root true; }; then
		die "Something is missing, and installing it takes root. Please run as root:" \
			$'\n\n    apt-get update &&' "$command"$'\n'
	fi
	say "Installing ${packages[*]} ..."
	without_main_cluster quietly as_root env DEBIAN_FRONTEND=noninteractive $command ||
		die "Installing failed: $command"
}

# quietly COMMAND...: is heard only if it fails
quietly() {
	local output status
	output=$("$@" </dev/null 2>&1)
	status=$?
	[ $status = 0 ] || say "$output"
	return $status
}

refresh_lists() {
	[ -z "${refreshed:-}" ] || return
	refreshed=1
	if have apt-get && { [ "$(id -u)" = 0 ] || have sudo; }; then
		quietly as_root apt-get update -q ||
			say "apt-get update failed; trying with the lists at hand."
	fi
}

has_extension() {
	[ -n "$pg_config" ] && [ -f "$("$pg_config" --sharedir)/extension/$1.control" ]
}

# extension_package NAME: the distribution's, for its own server; nothing for another
extension_package() {
	if [ -z "$pg_config" ]; then
		echo "postgresql-$version-$1"
	else
		"$pg_config" --bindir | sed -n "s,^/usr/lib/\(postgresql\)/\([0-9]*\)/bin$,\1-\2-$1,p"
	fi
}

# --- What is missing? ------------------------------------------------------

if [ -n "${PG_CONFIG:-}" ]; then
	pg_config=$(command -v "$PG_CONFIG")
	usable "$pg_config" ||
		die "PG_CONFIG=$PG_CONFIG does not lead to a PostgreSQL with server headers."
else
	pg_config=$(find_pg_config)
fi

{ have gcc || have cc; } && [ -f /usr/include/stdio.h ] || packages+=(gcc libc6-dev)

case $task in
check)
	have prove || packages+=(perl)
	have pg_prove || packages+=(libtap-parser-sourcehandler-pgtap-perl)
	perl -MIPC::Run -e 1 2>/dev/null || packages+=(libipc-run-perl)
	[ -f /usr/include/roaring/roaring.h ] || packages+=(libroaring-dev)
	;;
lint)
	have clang || packages+=(clang)
	have cppcheck || packages+=(cppcheck)
	;;
esac

if [ -z "$pg_config" ]; then
	refresh_lists
	version=$(distribution_version)
	: "${version:=15}"
	packages+=("postgresql-$version" "postgresql-server-dev-$version")
fi

if [ "$task" = check ] && ! has_extension pgtap; then
	name=$(extension_package pgtap)
	[ -n "$name" ] ||
		die "The PostgreSQL of $pg_config lacks pgTAP (https://pgtap.org)." \
			"Please install it there and try again."
	packages+=("$name")
fi

# One test does without pg_cron, so nobody is asked for a password.
if [ "$task" = check ] && ! has_extension pg_cron && have apt-get &&
	{ [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
	name=$(extension_package cron)
	if [ -n "$name" ]; then
		refresh_lists
		! apt-cache show "$name" >/dev/null 2>&1 || packages+=("$name")
	fi
fi

[ ${#packages[@]} -eq 0 ] || install_packages

[ -n "$pg_config" ] || pg_config=$(find_pg_config)
[ -n "$pg_config" ] || die "Still no PostgreSQL with server headers. Giving up."
echo "$pg_config"
