#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Peers that go on sending, a byte at a time, and never get anywhere: whatever the deadline is, it is one of the whole
# handshake, and not of each byte. Both programs, both roles, on the loopback device of a network namespace of their own.
set -euo pipefail

# shellcheck source=selftests/user/qkdtlsd.bash
. "$(dirname "${BASH_SOURCE[0]}")/qkdtlsd.bash"

LIMIT_S=2
PACE_S=0.4
SERVER=127.0.0.1:$E2E_TLS_PORT

groups=()
if [[ ! $HYBRID ]]; then
	groups=(--groups x25519 --allow-classical-groups)
fi

# drip TYPE: the first bytes of a hello of 16 KiB, one by one, for twenty times as long as the limit
drip() {
	local byte
	trap '' PIPE
	for byte in 16 03 03 3f ff "$1" 00 3f fb 03 03 $(printf '00 %.0s' {1..90}); do
		printf '%b' "\\x$byte" 2>/dev/null || return 0
		echo >>"$E2E_DIR/dripped"
		sleep "$PACE_S"
	done
}

# in_time CMD: while bytes still drip, CMD becomes true; a slow machine may have added to the limit.
in_time() {
	wait_for $((LIMIT_S + 20)) "$@"
	# They did come: a peer that was silent would prove nothing.
	(($(wc -l <"$E2E_DIR/dripped") >= 4))
}

# The dripping client's connection is descriptor 3.
connect_and_drip() {
	: >"$E2E_DIR/dripped"
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	drip 01 >&3 &
	e2e_started $!
}

listens() {
	grep -q "$(printf ':%04X 0*:0000 0A' "$E2E_TLS_PORT")" /proc/net/tcp /proc/net/tcp6
}

# A server that drips
accept_and_drip() {
	: >"$E2E_DIR/dripped"
	drip 02 | busybox nc -l -p "$E2E_TLS_PORT" >/dev/null 2>&1 &
	e2e_started $!
	wait_for 10 listens
}

test_qkdtlsd_as_a_server() {
	e2e_config server server "$SERVER" "127.0.0.1:$E2E_WEB_PORT" missing "handshake-timeout = $LIMIT_S" \
		"${GROUPS_LINES[@]}"
	e2e_daemon here server
	connect_and_drip
	in_time e2e_logged server 'end=timeout outcome=refused .*reason="the handshake took too long"'
	[[ $(e2e_counter server open) == 0 ]]
	e2e_stop "$(e2e_pid server)"
}

test_qkdtlsd_as_a_client() {
	[[ $HYBRID ]] || skip "without a key there is nothing for this OpenSSL to offer"
	e2e_config client client "127.0.0.1:$E2E_APP_PORT" "$SERVER" missing "policy = prefer" \
		"handshake-timeout = $LIMIT_S"
	accept_and_drip
	e2e_daemon here client
	exec 4<>"/dev/tcp/127.0.0.1/$E2E_APP_PORT"
	in_time e2e_logged client 'end=timeout outcome=refused .*reason="the handshake took too long"'
	[[ $(e2e_counter client open) == 0 ]]
	e2e_stop "$(e2e_pid client)"
}

make_keys() {
	(
		umask 077
		echo "$(cat /proc/sys/kernel/random/uuid) $(openssl rand -hex 32)" >"$E2E_DIR/keys"
	)
	rm -f "$E2E_DIR/keys.spent"
}

tool() { # client|server [OPTION]...: in the background; its log is tool.log
	local role=$1
	shift
	qkdtls "$role" "$SERVER" --timeout "$LIMIT_S" --keys "$E2E_DIR/keys" "${groups[@]}" "$@" \
		</dev/null >/dev/null 2>"$E2E_DIR/tool.log" 3>&- &
	echo $! >"$E2E_DIR/tool.pid"
	e2e_started $!
}

tool_gave_up() {
	grep -q 'the peer did not finish the handshake in time' "$E2E_DIR/tool.log"
}

test_qkdtls_as_a_server() {
	make_keys
	tool server --cert "$E2E_DIR/server.pem" --key "$E2E_DIR/server.key" --local-sae zurich --peer-sae geneva
	wait_for 10 listens
	connect_and_drip
	in_time tool_gave_up
	# Whoever comes next is served; what was not used is not spent.
	wait_for 10 e2e_connects here 127.0.0.1 "$E2E_TLS_PORT"
	[[ ! -s $E2E_DIR/keys.spent ]]
	e2e_stop "$(cat "$E2E_DIR/tool.pid")"
}

test_qkdtls_as_a_client() {
	local status=0
	make_keys
	accept_and_drip
	tool client --ca "$E2E_DIR/ca.pem" --name "$E2E_SERVER_NAME" --local-sae geneva --peer-sae zurich
	in_time tool_gave_up
	wait "$(cat "$E2E_DIR/tool.pid")" || status=$?
	((status == 1))
}

e2e_need qkdtlsd qkdtls openssl busybox ip || tap_skip_all "a program is missing"
ip link set lo up
e2e_pki
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}"
