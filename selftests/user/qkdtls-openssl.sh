#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdtls-openssl.sh [DIRECTORY OF THE PROGRAMS]
#
# The tool qkdtls over loopback against OpenSSL's s_client and s_server. No kernel module, no root. TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:-$here/../../build/user}" && pwd)
# shellcheck source=selftests/user/qkdtls.bash
. "$here/qkdtls.bash"

accepting() {
	port=$(sed -n 's/^ACCEPT 127\.0\.0\.1://p' foreign.out)
	[[ $port ]]
}

# Its input stays open, else s_server ends; what it hears goes to foreign.out.
foreign_server_start() { # [OPTION]...
	mkfifo foreign.in
	exec 6<>foreign.in
	openssl s_server -accept 127.0.0.1:0 -tls1_3 "$@" <foreign.in >foreign.out 2>&1 &
	foreign_pid=$!
	wait_for 10 accepting
}

foreign_server_stop() {
	kill -TERM "$foreign_pid"
	wait "$foreign_pid" || return 0
	exec 6>&-
}

heard() { # FILE TEXT
	grep -q -- "$2" "$1"
}

# What we write arrives, what it writes arrives, and both ends close in order.
talk_to_foreign_server() { # [OPTION]...
	mkfifo client.in
	exec 9<>client.in
	client "$@" <client.in >client.out 6>&- 9>&- &
	local pid=$!
	echo "from qkdtls" >&9
	wait_for 10 heard foreign.out "from qkdtls"
	echo "from openssl" >&6
	wait_for 10 heard client.out "from openssl"
	exec 9>&-
	status_is 0 wait "$pid"
}

test_openssl_server_external_psk() {
	begin
	needs_hybrid
	make_psk
	geneva=()
	foreign_server_start -nocert -psk "$psk_hex" -psk_identity Client_identity
	talk_to_foreign_server "${psk[@]}"
	foreign_server_stop
	say client.err "authentication: PSK"
	say client.err "group: X25519MLKEM768"
}

test_openssl_server_certificate() {
	begin
	needs_hybrid
	foreign_server_start -cert zurich.pem -key zurich.key
	talk_to_foreign_server --policy prefer
	foreign_server_stop
	say client.err "authentication: certificate"
	say client.err "group: X25519MLKEM768"
	say client.err "suite: TLS_AES_256_GCM_SHA384"
}

# Against a peer that knows nothing of QKD, with a key at hand: under prefer a plain handshake, never under require
test_openssl_server_that_knows_no_key() {
	begin
	needs_hybrid
	make_keys 2
	foreign_server_start -cert zurich.pem -key zurich.key
	talk_to_foreign_server --policy prefer "${client_keys[@]}"
	says client.err 'offered, not used'
	status_is 1 client "${client_keys[@]}" </dev/null
	says client.err '^alert sent: '
	foreign_server_stop
}

# s_client ends when we close, so the server's input stays open until both have been heard.
talk_with_foreign_client() { # SERVER OPTION... -- CLIENT OPTION...
	local server=() pid
	while [[ $1 != -- ]]; do
		server+=("$1")
		shift
	done
	shift
	rm server.in
	mkfifo server.in
	exec 8<>server.in
	server_start "${server[@]}" --once
	echo "from qkdtls" >&8
	# shellcheck disable=SC2094 # what it waits for is what the other writes
	(
		echo "from openssl"
		wait_for 10 heard foreign.out "from qkdtls"
		wait_for 10 heard server.out "from openssl"
	) 8>&- | timeout 30 openssl s_client -connect "127.0.0.1:$port" -tls1_3 "$@" >foreign.out 2>&1 8>&- &
	pid=$!
	wait_for 10 heard server.out "from openssl"
	wait_for 10 heard foreign.out "from qkdtls"
	exec 8>&-
	status_is 0 wait "$pid"
	status_is 0 wait "$server_pid"
}

test_openssl_client_external_psk() {
	begin
	needs_hybrid
	make_psk
	zurich=()
	talk_with_foreign_client "${psk[@]}" -- -psk "$psk_hex" -psk_identity Client_identity
	say server.err "authentication: PSK"
	say server.err "group: X25519MLKEM768"
}

test_openssl_client_certificate() {
	begin
	needs_hybrid
	talk_with_foreign_client --policy prefer -- \
		-CAfile ca.pem -verify_return_error -verify_hostname zurich.example
	say server.err "authentication: certificate"
	say server.err "group: X25519MLKEM768"
	says foreign.out 'Verify return code: 0'
}

# OpenSSL's client changes its key, and asks for ours to be changed, at a line "K".
key_update() { # WHO PROTECTS RECORDS
	local pid
	rm server.in
	mkfifo server.in foreign.in
	exec 8<>server.in 6<>foreign.in
	server_start --policy prefer --once --records "$1"
	timeout 30 openssl s_client -connect "127.0.0.1:$port" -tls1_3 \
		<foreign.in >foreign.out 2>&1 6>&- 8>&- &
	pid=$!
	echo before >&6
	wait_for 10 heard server.out before
	echo K >&6
	if grep -q 'records: kernel' server.err; then
		status_is 1 wait "$server_pid"
		says server.err KeyUpdate
		exec 6>&- 8>&-
		return
	fi
	wait_for 10 heard foreign.out KEYUPDATE
	echo after >&6
	wait_for 10 heard server.out after
	echo back >&8
	wait_for 10 heard foreign.out back
	exec 6>&- 8>&-
	status_is 0 wait "$pid"
	status_is 0 wait "$server_pid"
}

test_a_changed_key_is_followed_with_own_records() {
	begin
	needs_hybrid
	key_update own
}

test_a_changed_key_is_followed_or_the_connection_closed_in_order() {
	begin
	needs_hybrid
	key_update auto
}

test_openssl_client_is_refused_under_require() {
	begin
	make_keys 1
	server_start "${server_keys[@]}" --once
	status_is 1 openssl s_client -connect "127.0.0.1:$port" -tls1_3 </dev/null >foreign.out 2>&1
	status_is 1 wait "$server_pid"
	says server.err '^alert sent: '
}

mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {.*$/\1/p' "$here/qkdtls-openssl.sh")
tap_run "${tests[@]}"
