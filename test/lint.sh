#!/bin/bash
# lint.sh: reads the sources with gcc, clang and cppcheck, and with an eye on
# the layout. Nothing is built or changed.
set -u
cd "$(dirname "$0")/.." || exit 1
PG_CONFIG=$(test/setup.sh lint) || exit 1
export PG_CONFIG
unset MAKEFLAGS MFLAGS MAKELEVEL
bad=0

check() {
	local name=$1
	shift
	if "$@"; then echo "ok      $name"; else echo "FAILED  $name"; bad=1; fi
}

# compiler CC: every file, with optimization, since that is what finds
# uninitialized variables.
compiler() {
	local file flags status=0
	flags=$(make --no-print-directory -s print-flags) || return
	for file in src/*.c; do
		$1 $flags $2 -Werror -c -o /dev/null "$file" || status=1
	done
	return $status
}

static_analysis() {
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
		--enable=warning,performance,portability \
		--suppressions-list=test/cppcheck.txt \
		--include=test/cppcheck.h -I src src
}

# What pgindent would not leave: indentation by spaces, trailing blanks, a
# brace at the end of a control line, // comments.
layout() {
	! grep -nE '^ {4,}|[ 	]+$|^[ 	]*(if|for|while|switch|do|else).*\{$|^[ 	]*//' src/*.[ch]
}

# 800 lines a file, 80 a function.
size() {
	awk '
		FNR == 1 { start = 0 }
		FNR == 801 { print FILENAME ": more than 800 lines"; bad = 1 }
		/^\{/ { start = FNR }
		/^\}/ && start {
			if (FNR - start - 1 > 80) {
				printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start - 1
				bad = 1
			}
			start = 0
		}
		END { exit bad }
	' src/*.c
}

check "gcc" compiler gcc ""
# PostgreSQL built with gcc hands clang options and attributes of gcc's own.
check "clang" compiler clang "-Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes"
check "cppcheck" static_analysis
check "layout" layout
check "size" size
check "layers" test/layers.sh
exit $bad
