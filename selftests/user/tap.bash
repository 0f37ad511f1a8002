# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# TAP for shell tests: source it, run tests, end with tap_end. A test is one `check` or one `skip`.

tap_log=$(mktemp)
tap_count=0
tap_failed=0

# tap_result STATUS NAME
tap_result() {
	tap_count=$((tap_count + 1))
	if (($1 == 0)); then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
	fi
}

# What a test left running
tap_kill() {
	local pid
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || continue
	done
}

# check NAME CMD [ARG]...: CMD must succeed. A function is a CMD too; each of its commands must succeed.
check() {
	local name=$1 status=0
	shift
	# A function called in a condition would run without errexit, hence the subshell outside one.
	set +e
	(
		set -e
		trap tap_kill EXIT
		tap_setup
		"$@"
	) >"$tap_log" 2>&1
	status=$?
	set -e
	if ((status)); then
		sed 's/^/# /' "$tap_log"
		tap_diagnose 2>&1 | sed 's/^/# /'
	fi
	tap_result "$status" "$name"
}

# skip NAME REASON
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# Before each test; a test script may replace it.
tap_setup() {
	:
}

# What helps to understand a failure; a test script may replace it.
tap_diagnose() {
	:
}

tap_end() {
	rm -f "$tap_log"
	echo "1..$tap_count"
	((tap_failed == 0))
}

# wait_for CMD [ARG]...: until CMD succeeds, ten seconds at most
wait_for() {
	local end=$((SECONDS + 10))
	until "$@"; do
		if ((SECONDS >= end)); then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.05
	done
}

# status_is STATUS CMD [ARG]...
status_is() {
	local wanted=$1 status=0
	shift
	"$@" || status=$?
	if ((status != wanted)); then
		echo "exit status $status instead of $wanted: $*"
		return 1
	fi
}
