#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdtls-gnutls.sh [DIRECTORY OF THE PROGRAMS]
#
# The tool qkdtls over loopback against GnuTLS' gnutls-cli and gnutls-serv, in a network namespace of its own: gnutls-serv
# can neither listen on one address nor choose a free port. GnuTLS has no hybrid group in Debian 13, so every connection
# that comes about has an external key. TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:-$here/../../build/user}" && pwd)

new_network() {
	local user=()
	((EUID == 0)) || user=(--user --map-root-user)
	unshare "${user[@]}" --net "$@"
}

if [[ ! ${QKD_OWN_NETWORK-} ]]; then
	. "$here/../e2e/tap.sh"
	type gnutls-serv gnutls-cli ip >/dev/null 2>&1 || tap_skip_all "gnutls-serv, gnutls-cli or ip is missing"
	new_network true 2>/dev/null || tap_skip_all "no network namespace of its own"
	QKD_OWN_NETWORK=1 new_network "$here/qkdtls-gnutls.sh" "$programs"
	exit
fi
ip link set lo up
# shellcheck source=selftests/user/strangers.bash
. "$here/strangers.bash"

port=4433

tls13=NORMAL:-VERS-ALL:+VERS-TLS1.3
psk_priority=$tls13:-KX-ALL:+ECDHE-PSK

serving() {
	(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

gnutls_server_start() { # PRIORITY [OPTION]...
	local priority=$1
	shift
	foreign_server_start serving gnutls-serv --port "$port" --echo --priority "$priority" "$@"
}

gnutls_server_with_psk_start() { # [GROUP]
	echo "Client_identity:$psk_hex" >foreign.psk
	gnutls_server_start "$psk_priority${1+:-GROUP-ALL:+GROUP-${1^^}}" --pskpasswd foreign.psk
}

# Sets gnutls_client to the command
gnutls_client_is() { # PRIORITY [OPTION]...
	local priority=$1
	shift
	gnutls_client=(gnutls-cli --port "$port" --priority "$priority" "$@" 127.0.0.1)
}

gnutls_client_with_psk_is() { # PRIORITY [OPTION]...
	gnutls_client_is "$@" --pskusername Client_identity --pskkey "$psk_hex"
}

classical() { # GROUPS
	groups=(--groups "$1" --allow-classical-groups)
	zurich=() geneva=()
	make_psk
}

# gnutls-cli leaves out its close_notify if ours comes first.
gnutls_client_ends() {
	exec 6>&-
	status_is 0 wait "$foreign_pid"
	exec 8>&-
	status_is 0 wait "$server_pid"
}

talk_with_gnutls_client() {
	foreign_client_start "${gnutls_client[@]}"
	hear_each_other
	gnutls_client_ends
}

gnutls_server_external_psk() { # GROUP
	begin
	classical "$1"
	gnutls_server_with_psk_start "$1"
	talk_to_foreign_echo "${psk[@]}"
	foreign_server_stop
	say client.err "authentication: PSK"
	say client.err "group: $1"
	say client.err "hello retry: no"
}

gnutls_client_external_psk() { # GROUP
	begin
	classical "$1"
	server_start_open "${psk[@]}"
	gnutls_client_with_psk_is "$psk_priority:-GROUP-ALL:+GROUP-${1^^}"
	talk_with_gnutls_client
	say server.err "authentication: PSK"
	say server.err "group: $1"
	say server.err "hello retry: no"
}

gnutls_server_suite() { # SUITE CIPHER
	begin
	classical x25519
	echo "Client_identity:$psk_hex" >foreign.psk
	gnutls_server_start "$psk_priority:-CIPHER-ALL:+$2" --pskpasswd foreign.psk
	talk_to_foreign_echo "${psk[@]}" --ciphers "$1"
	foreign_server_stop
	say client.err "suite: $1"
}

gnutls_client_suite() { # SUITE CIPHER
	begin
	classical x25519
	server_start_open "${psk[@]}" --ciphers "$1"
	gnutls_client_with_psk_is "$psk_priority:-CIPHER-ALL:+$2"
	talk_with_gnutls_client
	say server.err "suite: $1"
}

test_gnutls_server_asks_for_another_share() {
	begin
	classical x25519:secp384r1
	gnutls_server_with_psk_start secp384r1
	talk_to_foreign_echo "${psk[@]}"
	foreign_server_stop
	say client.err "hello retry: yes"
	say client.err "group: secp384r1"
}

test_gnutls_client_is_asked_for_another_share() {
	begin
	classical secp384r1
	server_start_open "${psk[@]}"
	gnutls_client_with_psk_is "$psk_priority:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP384R1" --single-key-share
	talk_with_gnutls_client
	say server.err "hello retry: yes"
	say server.err "group: secp384r1"
}

test_gnutls_client_changes_its_key() {
	begin
	classical x25519
	server_start_open "${psk[@]}" --records own
	gnutls_client_with_psk_is "$psk_priority" --inline-commands
	foreign_client_start "${gnutls_client[@]}"
	echo before >&6
	wait_for 10 heard server.out before
	echo "^rekey^" >&6
	wait_for 10 heard foreign.out "Rekey was completed"
	echo after >&6
	wait_for 10 heard server.out after
	echo back >&8
	wait_for 10 heard foreign.out back
	gnutls_client_ends
}

# More than one record
talk_at_length() { # DESCRIPTOR FILE
	local line
	line=$(openssl rand -hex 1500)
	echo "$line" >&"$1"
	wait_for 10 heard "$2" "$line"
}

test_gnutls_server_keeps_to_small_records() {
	begin
	classical x25519
	gnutls_server_with_psk_start
	client_start "${psk[@]}" --records own --record-size-limit 600
	talk_at_length 9 client.out
	client_end
	foreign_server_stop
	says_not client.err 'error:'
}

test_gnutls_client_is_sent_small_records() {
	begin
	classical x25519
	server_start_open "${psk[@]}" --records own --record-size-limit 700
	gnutls_client_with_psk_is "$psk_priority" --recordsize 512
	foreign_client_start "${gnutls_client[@]}"
	# It would send only what fits into one record of what it reads at once.
	echo short >&6
	wait_for 10 heard server.out short
	talk_at_length 8 foreign.out
	gnutls_client_ends
	says_not server.err 'error:'
}

test_gnutls_agrees_on_an_application_protocol() {
	begin
	classical x25519
	echo "Client_identity:$psk_hex" >foreign.psk
	gnutls_server_start "$psk_priority" --pskpasswd foreign.psk --alpn qkd/1
	talk_to_foreign_echo "${psk[@]}" --alpn qkd/0,qkd/1
	foreign_server_stop
	say client.err "application protocol: qkd/1"
}

# ---- refusals ----

test_gnutls_client_with_a_wrong_key_is_refused() {
	begin
	classical x25519
	server_start "${psk[@]}" --once
	gnutls_client_is "$psk_priority" --pskusername Client_identity --pskkey "$(cat wrong.hex)"
	refused_foreign_client decrypt_error "${gnutls_client[@]}"
	says foreign.out 'Decrypt error'
}

test_gnutls_server_refuses_a_wrong_key() {
	begin
	classical x25519
	gnutls_server_with_psk_start
	status_is 1 client "${psk[@]}" --psk-file wrong.hex </dev/null
	says client.err '^alert received: '
	foreign_server_stop
}

# GnuTLS knows nothing of certificates beside keys, so it answers with one of both.
test_gnutls_server_without_rfc_9973_is_refused_under_require() {
	begin
	classical x25519
	geneva=(--ca ca.pem --name zurich.example)
	echo "Client_identity:$psk_hex" >foreign.psk
	gnutls_server_start "$tls13:+ECDHE-PSK" --pskpasswd foreign.psk --x509certfile zurich.pem --x509keyfile zurich.key
	status_is 1 client "${psk[@]}" --policy require </dev/null
	say client.err "alert sent: handshake_failure"
	says_not client.err '^suite:'
	foreign_server_stop
}

test_gnutls_client_without_rfc_9973_is_refused_under_require() {
	begin
	classical x25519
	zurich=(--cert zurich.pem --key zurich.key)
	server_start "${psk[@]}" --policy require --once
	gnutls_client_with_psk_is "$tls13:+ECDHE-PSK" --no-ca-verification
	refused_foreign_client insufficient_security "${gnutls_client[@]}"
}

# Without a key no classical exchange, whatever is allowed beside one
test_gnutls_client_with_a_classical_exchange_only_is_refused() {
	begin
	classical x25519
	zurich=(--cert zurich.pem --key zurich.key)
	[[ ! $hybrid ]] || groups=(--groups X25519MLKEM768:x25519 --allow-classical-groups)
	server_start "${plain[@]}" --once
	gnutls_client_is "$tls13" --no-ca-verification
	refused_foreign_client insufficient_security "${gnutls_client[@]}"
}

mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {.*$/\1/p' "$here/qkdtls-gnutls.sh")
for group in x25519 secp256r1 secp384r1; do
	tests+=("gnutls_server_external_psk $group" "gnutls_client_external_psk $group")
done
for suite in "TLS_AES_128_GCM_SHA256 AES-128-GCM" "TLS_CHACHA20_POLY1305_SHA256 CHACHA20-POLY1305"; do
	tests+=("gnutls_server_suite $suite" "gnutls_client_suite $suite")
done
tap_run "${tests[@]}"
