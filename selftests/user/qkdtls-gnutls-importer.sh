#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdtls-gnutls-importer.sh [DIRECTORY OF THE PROGRAMS]
#
# The tool qkdtls over loopback against GnuTLS' importer of keys (RFC 9258), which selftests/strangers/gnutls_peer.c
# gives a command line. GnuTLS imports for SHA-256 only. The context of the link is made here, by OpenSSL's hash. TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:-$here/../../build/user}" && pwd)
if [[ ! -x $programs/gnutls_peer ]]; then
	. "$here/../e2e/tap.sh"
	tap_skip_all "gnutls_peer was not built: no GnuTLS of 3.8.1 or newer to build it with"
fi
# shellcheck source=selftests/user/strangers.bash
. "$here/strangers.bash"

identity_hex=436c69656e745f6964656e74697479 # "Client_identity"
imported=(--policy psk-only --psk-mode imported --psk-file psk.hex --psk-identity Client_identity)
as_client=(--local-sae geneva --peer-sae zurich)
as_server=(--local-sae zurich --peer-sae geneva)
suite=(--ciphers TLS_AES_128_GCM_SHA256)

context_of() { # CLIENT SERVER
	# shellcheck disable=SC2059 # the lengths are escapes
	printf "qkd-tls link v1\\x$(printf %02x ${#1})$1\\x$(printf %02x ${#2})$2" | openssl dgst -sha256 -r | cut -c1-64
}

priority_of() { # [RULE]...
	local IFS=:
	echo "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK${1+:$*}"
}

p384_only=-GROUP-ALL:+GROUP-SECP384R1
aes_128=-CIPHER-ALL:+AES-128-GCM
aes_256=-CIPHER-ALL:+AES-256-GCM
chacha20=-CIPHER-ALL:+CHACHA20-POLY1305

# What both ends have unless a test says otherwise
begin_imported() {
	begin
	make_psk
	groups=(--groups x25519 --allow-classical-groups)
	zurich=() geneva=()
	key_file=psk.hex
	key_identity=$identity_hex
	context=$(context_of geneva zurich)
	key_hash=sha256
}

peer_listening() {
	port=$(sed -n 's/^listening: 127\.0\.0\.1://p' foreign.out 2>/dev/null)
	[[ $port ]]
}

peer_server_start() { # [RULE]...
	foreign_server_start peer_listening "$programs/gnutls_peer" server 0 "$(priority_of "$@")" \
		"$key_identity" "$context" "$key_hash" "$key_file"
}

# Sets peer_client to the command
peer_client_is() { # [RULE]...
	peer_client=("$programs/gnutls_peer" client "$port" "$(priority_of "$@")" "$key_identity" "$context" "$key_hash" "$key_file")
}

talk_to_peer_server() { # [OPTION]...
	talk_to_foreign_server "${as_client[@]}" "$@"
	exec 6>&-
	status_is 0 wait "$foreign_pid"
	say client.err "authentication: PSK"
}

talk_with_peer_client() {
	talk_with_foreign_client "${peer_client[@]}"
	say server.err "authentication: PSK"
}

peer_server_suite() { # SUITE RULE
	begin_imported
	peer_server_start "$2"
	talk_to_peer_server "${imported[@]}" --ciphers "$1"
	say client.err "suite: $1"
	say client.err "hello retry: no"
}

peer_client_suite() { # SUITE RULE
	begin_imported
	server_start_open "${imported[@]}" "${as_server[@]}" --ciphers "$1"
	peer_client_is "$2"
	talk_with_peer_client
	say server.err "suite: $1"
	say server.err "hello retry: no"
}

# The client imports its key once for each hash and offers both.
test_peer_server_takes_one_of_two_imported_keys() {
	begin_imported
	peer_server_start "$aes_128"
	talk_to_peer_server "${imported[@]}" --ciphers TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384
	say client.err "suite: TLS_AES_128_GCM_SHA256"
}

test_peer_client_is_given_the_suite_of_its_imported_key() {
	begin_imported
	server_start_open "${imported[@]}" "${as_server[@]}" --ciphers TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256
	peer_client_is
	talk_with_peer_client
	say server.err "suite: TLS_AES_128_GCM_SHA256"
}

test_peer_server_asks_for_another_share() {
	begin_imported
	groups=(--groups x25519:secp384r1 --allow-classical-groups)
	peer_server_start "$p384_only"
	talk_to_peer_server "${imported[@]}" "${suite[@]}"
	say client.err "hello retry: yes"
	say client.err "group: secp384r1"
}

test_peer_client_is_asked_for_another_share() {
	begin_imported
	groups=(--groups secp384r1 --allow-classical-groups)
	server_start_open "${imported[@]}" "${as_server[@]}" "${suite[@]}"
	peer_client_is -GROUP-ALL +GROUP-X25519 +GROUP-SECP384R1
	peer_client+=(one-share)
	talk_with_peer_client
	say server.err "hello retry: yes"
	say server.err "group: secp384r1"
}

# ---- keys as QKD delivers them: each with an ID of 16 bytes ----

qkd_key() {
	local id key
	make_keys 1
	read -r id key <client.keys
	key_identity=${id//-/}
	key_file=foreign.hex
	(
		umask 077
		echo "$key" >foreign.hex
	)
}

test_peer_server_and_a_qkd_key() {
	begin_imported
	qkd_key
	peer_server_start
	talk_to_peer_server --policy psk-only --keys client.keys "${suite[@]}"
	say client.err "key id: $(cut -d' ' -f1 client.keys)"
	lines_in client.keys.spent 1
}

test_peer_client_and_a_qkd_key() {
	begin_imported
	qkd_key
	server_start_open --policy psk-only --keys server.keys "${as_server[@]}" "${suite[@]}"
	peer_client_is
	talk_with_peer_client
	say server.err "key id: $(cut -d' ' -f1 server.keys)"
	lines_in server.keys.spent 1
}

# ---- refusals ----

refused_with_peer_server() { # ALERT [OPTION]...
	local alert=$1
	shift
	status_is 1 client "${as_client[@]}" "$@" </dev/null
	say client.err "alert $alert"
	says_not client.err '^suite:'
	exec 6>&-
	status_is 1 wait "$foreign_pid"
	says_not foreign.out '^session:'
}

refused_peer_client() { # ALERT TEXT [RULE]...
	local alert=$1 text=$2
	shift 2
	peer_client_is "$@"
	refused_foreign_client "$alert" "${peer_client[@]}"
	says foreign.out "^alert received: $text"
	says_not foreign.out '^session:'
}

test_peer_client_with_another_key_is_refused() {
	begin_imported
	key_file=wrong.hex
	server_start "${imported[@]}" "${as_server[@]}" "${suite[@]}" --once
	refused_peer_client decrypt_error 'Decrypt error'
}

# What is imported for another link or hash is an identity that is not known, which nobody shall tell from a wrong key.
test_peer_client_of_another_link_is_refused() {
	begin_imported
	context=$(context_of zurich geneva)
	server_start "${imported[@]}" "${as_server[@]}" "${suite[@]}" --once
	refused_peer_client decrypt_error 'Decrypt error'
}

test_peer_client_with_a_suite_of_another_hash_is_refused() {
	begin_imported
	server_start "${imported[@]}" "${as_server[@]}" --ciphers TLS_AES_256_GCM_SHA384 --once
	refused_peer_client decrypt_error 'Decrypt error' "$aes_256"
}

# Not imported, the key has the right bytes under an identity that is no ImportedIdentity.
test_peer_client_is_no_external_psk() {
	begin_imported
	server_start "${psk[@]}" --once
	refused_peer_client decrypt_error 'Decrypt error'
}

test_peer_server_with_another_key_refuses() {
	begin_imported
	key_file=wrong.hex
	peer_server_start
	refused_with_peer_server "received: illegal_parameter" "${imported[@]}" "${suite[@]}"
}

test_peer_server_of_another_link_refuses() {
	begin_imported
	context=$(context_of zurich geneva)
	peer_server_start
	refused_with_peer_server "received: illegal_parameter" "${imported[@]}" "${suite[@]}"
}

# GnuTLS imports a key for SHA-256 only: its server goes on without it, its client sends an extension with nothing in it.
test_peer_server_cannot_import_for_another_hash() {
	begin_imported
	key_hash=sha384
	peer_server_start "$aes_256"
	refused_with_peer_server "sent: handshake_failure" "${imported[@]}" --ciphers TLS_AES_256_GCM_SHA384
}

test_peer_client_cannot_import_for_another_hash() {
	begin_imported
	key_hash=sha384
	server_start "${imported[@]}" "${as_server[@]}" --ciphers TLS_AES_256_GCM_SHA384 --once
	refused_peer_client decode_error 'Decode error' "$aes_256"
}

mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {.*$/\1/p' "$here/qkdtls-gnutls-importer.sh")
for suite_and_rule in "TLS_AES_128_GCM_SHA256 $aes_128" "TLS_CHACHA20_POLY1305_SHA256 $chacha20"; do
	tests+=("peer_server_suite $suite_and_rule" "peer_client_suite $suite_and_rule")
done
tap_run "${tests[@]}"
