# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests of the daemon on the loopback device of a network namespace of their own, without kernel module and kernel TLS.
# Sourced first of all, with the script's arguments: runs it anew in such a namespace. $here is its folder; everything it
# starts ends with it. Where this libcrypto is too old for ML-KEM $HYBRID is empty, and a configuration needs "${GROUPS_LINES[@]}".

if [[ -z ${QKD_TEST_NETNS-} ]]; then
	QKD_TEST_NETNS=1 exec unshare --net "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/../e2e/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/../e2e/lib.sh"
trap e2e_cleanup EXIT

HYBRID=1
GROUPS_LINES=()
if ! openssl list -kem-algorithms 2>/dev/null | grep -q X25519MLKEM768; then
	# shellcheck disable=SC2034 # for the scripts that source this
	HYBRID=
	# shellcheck disable=SC2034
	GROUPS_LINES=("groups = x25519" "allow-classical-groups = yes")
fi

# with_workers COUNT NAME: its configuration has it.
with_workers() {
	printf '[daemon]\nworkers = %s\n' "$1" >>"$E2E_DIR/$2.conf"
}

# fresh NAME...: tests may leave a daemon behind when they fail; the next must not meet it.
fresh() {
	local name
	for name; do
		if [[ -e $E2E_DIR/$name.pid ]]; then
			e2e_stop "$(e2e_pid "$name")" KILL
		fi
	done
}

reload() {
	local before
	before=$(grep -c 'reloaded: ' "$E2E_DIR/$1.log") || before=0
	kill -HUP "$(e2e_pid "$1")"
	wait_for 20 has_reloaded "$1" $((before + 1))
}

has_reloaded() { (($(grep -c 'reloaded: ' "$E2E_DIR/$1.log") >= $2)); }
