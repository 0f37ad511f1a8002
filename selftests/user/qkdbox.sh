#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdbox.sh [DIR [TEST]...]
#
# The devices of tools/qkdbox, each fault of them, with virtual machines that the test plays. DIR is not looked at.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
exec python3 -B "$here/../qkdbox/test.py" "${@:2}"
