# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For benchmarks: a measurement inside a virtual machine. To be sourced, behind tools/testbed/lib.sh.

# measured_in_guest DIR SERIES ARGUMENT...: runs tools/vm/run, its results in DIR, and shows what its TAP has as comments; or
# dies.
measured_in_guest() {
	local dir=$1 series=$2 status=0

	"$TOP/tools/vm/run" -q -k "$series" -o "$dir" "${@:3}" >"$dir/run.log" || status=$?
	sed -n 's/^# //p' "$dir/test.log"
	if ((status)); then
		cat "$dir/run.log" >&2
		die "no measurement; see $dir"
	fi
}
