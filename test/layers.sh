#!/bin/bash
# layers.sh: every file in src/ has its place in test/layers.txt and includes
# only what lies below it, and every place has its files.
cd "$(dirname "$0")/.." || exit 1

awk '
	function layer_of(file,    name)
	{
		name = file
		sub(/^.*\//, "", name)
		sub(/\.[ch]$/, "", name)
		while (!(name in rank))
			if (!sub(/_[^_]*$/, "", name))
				return ""
		return name
	}
	FILENAME ~ /layers.txt$/ {
		if ($1 != "" && $1 !~ /^#/)
			rank[$1] = ++n
		next
	}
	FNR == 1 {
		own = layer_of(FILENAME)
		used[own] = 1
		if (own == "") {
			print FILENAME ": has no place in test/layers.txt"
			bad = 1
		}
	}
	own != "" && /^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, part, "\"")
		if (system("test -f src/" part[2]) != 0)
			next
		other = layer_of(part[2])
		if (other != "" && rank[other] > rank[own]) {
			printf "%s:%d: \"%s\" is above %s in test/layers.txt\n",
				FILENAME, FNR, part[2], own
			bad = 1
		}
	}
	END {
		for (name in rank)
			if (!(name in used)) {
				print "test/layers.txt: no file is of layer " name
				bad = 1
			}
		exit bad
	}
' test/layers.txt src/*.[ch]
