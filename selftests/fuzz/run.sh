#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/fuzz/run.sh DIR SECONDS [TARGET]...
#        selftests/fuzz/run.sh DIR check [TARGET]...
#
# Runs the fuzz targets built in DIR (make -C user O=DIR FUZZ=1 fuzzers), all by default: each for SECONDS, and a line
# for each, "TARGET: N runs, N edges, ok"; or, as `make check` does, its corpus and a fixed number of mutations of it, the
# same every time, as sections of TAP for tools/tap. What is new is in DIR/corpus/TARGET, an input that broke something in
# DIR/findings. Exit status 0 only if nothing was found.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if (($# < 2)) || [[ ! $2 =~ ^([1-9][0-9]*|check)$ ]]; then
	sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
dir=$(cd "$1" && pwd)
how=$2
shift 2
check_runs=300
if ! (($#)); then
	for source in "$here"/fuzz_*.c; do
		set -- "$@" "$(basename "$source" .c)"
	done
fi

export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1

# fuzz TARGET FOLDER ARG...: the corpus in the tree is read only; what is new goes to FOLDER.
fuzz() {
	local target=$1 new=$2

	shift 2
	mkdir -p "$new" "$dir/findings"
	timeout -k 10 "${FUZZ_TIMEOUT:-86400}" "$dir/$target" -max_len=4096 -len_control=0 -timeout=60 \
		-print_final_stats=1 -artifact_prefix="$dir/findings/$target-" "$@" "$new" \
		"$here/corpus/$target" >"$dir/$target.log" 2>&1 </dev/null
}

# What a finding's log says, as comments
tell() {
	grep -aE 'broken:|ERROR:|SUMMARY:|runtime error:|Test unit written|^ +#[0-9]+ ' "$dir/$1.log" | head -n 40 |
		sed 's/^/# /'
}

# said TARGET PATTERN: the number behind it in the last line that has it
said() { { grep -aoE "$2 *[0-9]+" "$dir/$1.log" || echo 0; } | tail -n 1 | grep -oE '[0-9]+$'; }

check() {
	local target=$1 rc=0 scratch

	scratch=$(mktemp -d "$dir/check.XXXXXX")
	printf 'tap-begin %s\n1..1\n' "$target"
	FUZZ_TIMEOUT=600 fuzz "$target" "$scratch" -seed=1 -runs="$check_runs" || rc=$?
	rm -r "$scratch"
	if ((rc == 0)) && (($(said "$target" 'number_of_executed_units:') >= check_runs)); then
		printf 'ok 1 - %s finds nothing in %d runs\n' "$target" "$check_runs"
	else
		printf 'not ok 1 - %s finds nothing in %d runs\n' "$target" "$check_runs"
		tell "$target"
		rc=1
	fi
	printf 'tap-end %s %d\n' "$target" "$rc"
	return "$rc"
}

search() {
	local target=$1 rc=0 result=ok

	fuzz "$target" "$dir/corpus/$target" -max_total_time="$how" || rc=$?
	((rc == 0)) || result="FOUND something, see $dir/$target.log"
	printf '%s: %d runs, %d edges, %s\n' "$target" "$(said "$target" 'number_of_executed_units:')" \
		"$(said "$target" 'cov:')" "$result"
	((rc == 0)) || tell "$target"
	return "$rc"
}

failed=0
for target; do
	if [[ $how == check ]]; then
		check "$target" || failed=1
	else
		search "$target" || failed=1
	fi
done
exit "$failed"
