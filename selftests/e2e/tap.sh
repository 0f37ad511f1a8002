# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# TAP for shell tests. Each test is a function whose first failing command fails it; what it printed follows as a
# comment. Sourced; then
#
#	tap_run test_name...	prints the plan, runs the tests in order, exits 0 if none failed; "function argument..."
#				is a test too, a row of a table
#	tap_skip_all REASON	instead of tap_run
#	skip REASON		inside a test: not possible here
#	wait_for SECONDS CMD	polls until CMD succeeds; fails when time is up ($TEST_SLOWNESS times that)
#	refuse CMD...		succeeds if CMD fails, as an exit status and not by a signal

TAP_SKIP=77

tap_skip_all() {
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit 0
}

skip() {
	echo "SKIP $1"
	exit "$TAP_SKIP"
}

wait_for() {
	local deadline=$((SECONDS + $1 * ${TEST_SLOWNESS:-1}))
	shift
	until "$@"; do
		if ((SECONDS > deadline)); then
			echo "not in time: $*"
			return 1
		fi
		sleep 0.05
	done
}

refuse() {
	local status=0
	"$@" || status=$?
	if ((status == 0 || status >= 124)); then
		echo "exit status $status, a refusal was expected: $*"
		return 1
	fi
}

tap_run() {
	local test name status number=0 failed=0 output words
	output=$(mktemp)
	echo "TAP version 13"
	echo "1..$#"
	for test; do
		number=$((number + 1))
		read -ra words <<<"$test"
		name=${words[0]#test_}
		name="${name//_/ }${test#"${words[0]}"}"
		# In a condition "set -e" would be off inside the test.
		set +e
		(
			set -e
			"${words[@]}"
		) >"$output" 2>&1
		status=$?
		set -e
		if ((status == 0)); then
			echo "ok $number - $name"
		elif ((status == TAP_SKIP)); then
			echo "ok $number - $name # SKIP $(sed -n 's/^SKIP //p' "$output" | tail -n 1)"
		else
			failed=$((failed + 1))
			echo "not ok $number - $name"
			sed 's/^/# /' "$output"
		fi
	done
	rm -f "$output"
	((failed == 0))
}
