#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/bench.sh DIR
#
# That the native halves of `make bench-kme` and `make bench-proxy` come to their ends, with a few of each. What they measure is
# not looked at.
set -euo pipefail

if [[ -z ${QKD_TEST_NETNS-} ]]; then
	QKD_TEST_NETNS=1 exec unshare --net "$0" "$@"
fi
ip link set lo up
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../tools/bench
programs=$(cd "$1" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/../e2e/tap.sh"
dir=$(mktemp -d "${TMPDIR:-/tmp}/qkd-bench.XXXXXX")
kme=
trap 'if [[ $kme ]]; then kill "$kme" && wait "$kme"; fi; rm -rf "$dir"' EXIT
PATH=$programs:$PATH
export BENCH_QUICK=1 QKDKMED_FEEDS=$dir/feeds QKD_BUILD=$programs
mkdir "$dir/feeds"

# figures FILE PATTERN COUNT: so many lines of these
figures() {
	if (($(grep -cE "^bench $2 -?[0-9.]+$" "$1") != $3)); then
		cat "$1"
		return 1
	fi
}

test_keys_by_their_ids() {
	cd "$dir"
	"$tools/kme.measure" "https://localhost:$(sed -n 's/^kme: .*://p' kme.log)" qkdkmed-played -p feeds >out 2>&1 || {
		cat out qkdkmed.log
		return 1
	}
	figures out 'kme\.native\.lookup\.(usec|kme\.usec|added\.usec|ratio)' 4
	figures out 'kme\.native\.lookup\.(usec|kme\.usec|added\.usec|ratio)\.p95' 4
	grep -q ' inbound=30 .* failures=0$' qkdkmed.log
}

test_handshakes() {
	local status=0
	bench-warm 1 >"$dir/warm" 2>&1 || status=$?
	if grep -q 'no ML-KEM' "$dir/warm"; then
		skip 'this libcrypto has no ML-KEM'
	fi
	figures "$dir/warm" 'kme\.handshake\.native\.[a-z_.]*ratio' 6
	return "$status"
}

test_proxies() {
	local others=0
	if ! openssl list -kem-algorithms 2>/dev/null | grep -q X25519MLKEM768; then
		skip 'this libcrypto has no ML-KEM'
	fi
	"$tools/proxy.measure" native 1 64 20 >"$dir/proxy" 2>&1 || {
		cat "$dir/proxy"
		return 1
	}
	for program in haproxy stunnel; do
		if command -v "$program" >/dev/null; then
			others=$((others + 1))
		fi
	done
	figures "$dir/proxy" 'proxy\.native\.idle\.(connections|bytes|kernel\.bytes|serving\.ratio)' 4
	figures "$dir/proxy" 'proxy\.native\.idle\.(haproxy|stunnel)\.bytes' "$others"
	figures "$dir/proxy" 'proxy\.native\.(connections|requests|bulk)\.vs_(direct|haproxy|stunnel)' "$((3 + 3 * others))"
	figures "$dir/proxy" 'proxy\.native\.(connections|requests|bulk)\.cpu\.vs_(haproxy|stunnel)' "$((3 * others))"
}

: >"$dir/kme.log"
"$tools/kme.serve" "$dir" >"$dir/kme.log" 2>&1 &
kme=$!
wait_for 20 grep -q '^kme: ' "$dir/kme.log" || {
	cat "$dir/kme.log"
	exit 1
}
tap_run test_keys_by_their_ids test_handshakes test_proxies
