#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/unit.sh DIR
#
# Runs the unit tests built in DIR (make -C user O=DIR tests) and the shell tests of selftests/user with the programs of
# DIR, each a section of TAP for tools/tap.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$1" && pwd)
export CMOCKA_MESSAGE_OUTPUT=TAP QKD_BUILD=$dir

section() {
	local name=$1 rc=0

	shift
	echo "tap-begin $name"
	timeout -k 10 "${TEST_TIMEOUT:-600}" "$@" </dev/null 2>&1 || rc=$?
	# What a killed program left of a line must not swallow the end.
	printf '\ntap-end %s %d\n' "$name" "$rc"
}

for source in "$here"/user/test_*.c; do
	name=$(basename "$source" .c)
	section "$name" "$dir/$name"
	# The engine's own once more, with key schedules that are elsewhere.
	if grep -q '"loopback.h"\|"site.h"\|"stage.h"' "$source"; then
		section "$name-sealed" env QKDTLS_TEST_SEALED=1 "$dir/$name"
	fi
done
for script in "$here"/user/*.sh; do
	section "${script##*/}" "$script" "$dir"
done
