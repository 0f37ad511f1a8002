#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdkmed.sh DIR
#
# The daemon qkdkmed of DIR against tools/kme, each fault of it, with links whose kernel the test plays. What needs the
# kernel is in selftests/e2e.
set -euo pipefail

if [[ -z ${QKD_TEST_NETNS-} ]]; then
	QKD_TEST_NETNS=1 exec unshare --net "$0" "$@"
fi
ip link set lo up
here=$(cd "$(dirname "$0")" && pwd)
exec python3 -B "$here/../kmed/test.py" "$@"
