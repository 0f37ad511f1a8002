#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdtls-openssl.sh [DIRECTORY OF THE PROGRAMS]
#
# The tool qkdtls over loopback against OpenSSL's s_client and s_server. No kernel module, no root. TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:-$here/../../build/user}" && pwd)
# shellcheck source=selftests/user/strangers.bash
. "$here/strangers.bash"

accepting() {
	port=$(sed -n 's/^ACCEPT 127\.0\.0\.1://p' foreign.out)
	[[ $port ]]
}

openssl_server_start() { # [OPTION]...
	foreign_server_start accepting openssl s_server -accept 127.0.0.1:0 -tls1_3 "$@"
}

# Sets openssl_client to the command
openssl_client_is() { # [OPTION]...
	openssl_client=(openssl s_client -connect "127.0.0.1:$port" -tls1_3 "$@")
}

its_psk=(-psk "$psk_hex" -psk_identity Client_identity)
its_certificate=(-cert zurich.pem -key zurich.key)
its_trust=(-CAfile ca.pem -verify_return_error -verify_hostname zurich.example)

# ---- application protocols ----

test_openssl_server_chooses_a_protocol() {
	begin
	make_psk
	geneva=()
	openssl_server_start -nocert "${its_psk[@]}" -groups x25519 -alpn qkd/1
	talk_to_foreign_server "${psk[@]}" --groups x25519 --allow-classical-groups --alpn qkd/0,qkd/1
	foreign_server_stop
	say client.err "application protocol: qkd/1"
}

test_openssl_client_is_given_a_protocol() {
	begin
	make_psk
	zurich=()
	server_start_open "${psk[@]}" --groups x25519 --allow-classical-groups --alpn qkd/2,qkd/1
	openssl_client_is "${its_psk[@]}" -groups x25519 -alpn qkd/1,qkd/2
	talk_with_foreign_client "${openssl_client[@]}"
	say server.err "application protocol: qkd/2"
	says foreign.out 'ALPN protocol: qkd/2'
}

# ---- groups, each with an external key; the hybrid ones with a certificate too ----

openssl_server_external_psk() { # GROUP
	begin
	[[ $1 != *MLKEM* ]] || needs_hybrid
	make_psk
	geneva=()
	openssl_server_start -nocert "${its_psk[@]}" -groups "$1"
	talk_to_foreign_server "${psk[@]}" --groups "$1" --allow-classical-groups
	foreign_server_stop
	say client.err "authentication: PSK"
	say client.err "group: $1"
	say client.err "hello retry: no"
}

openssl_client_external_psk() { # GROUP
	begin
	[[ $1 != *MLKEM* ]] || needs_hybrid
	make_psk
	zurich=()
	server_start_open "${psk[@]}" --groups "$1" --allow-classical-groups
	openssl_client_is "${its_psk[@]}" -groups "$1"
	talk_with_foreign_client "${openssl_client[@]}"
	say server.err "authentication: PSK"
	say server.err "group: $1"
	say server.err "hello retry: no"
}

openssl_server_certificate() { # GROUP
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}" -groups "$1"
	talk_to_foreign_server "${plain[@]}" --groups "$1"
	foreign_server_stop
	say client.err "authentication: certificate"
	say client.err "group: $1"
}

openssl_client_certificate() { # GROUP
	begin
	needs_hybrid
	server_start_open "${plain[@]}" --groups "$1"
	openssl_client_is "${its_trust[@]}" -groups "$1"
	talk_with_foreign_client "${openssl_client[@]}"
	say server.err "authentication: certificate"
	say server.err "group: $1"
	says foreign.out 'Verify return code: 0'
}

# ---- cipher suites, certificates of every kind at both ends, options that change the wire ----

openssl_server_suite() { # SUITE
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}" -ciphersuites "$1"
	talk_to_foreign_server "${plain[@]}"
	foreign_server_stop
	say client.err "suite: $1"
}

openssl_client_suite() { # SUITE
	begin
	needs_hybrid
	server_start_open "${plain[@]}"
	openssl_client_is -ciphersuites "$1"
	talk_with_foreign_client "${openssl_client[@]}"
	say server.err "suite: $1"
}

openssl_server_certificates_both_ways() { # KIND SIGNATURE
	begin
	needs_hybrid
	certificates_of "$1"
	geneva=(--ca "ca-$1.pem" --name zurich.example --cert "geneva-$1.pem" --key "geneva-$1.key")
	openssl_server_start -cert "zurich-$1.pem" -key "zurich-$1.key" -Verify 1 -CAfile "ca-$1.pem" -verify_return_error
	talk_to_foreign_server "${plain[@]}"
	foreign_server_stop
	says client.err "^signature: $2"
	says foreign.out '^subject=CN=geneva.example'
}

openssl_client_certificates_both_ways() { # KIND SIGNATURE
	begin
	needs_hybrid
	certificates_of "$1"
	zurich=(--cert "zurich-$1.pem" --key "zurich-$1.key")
	server_start_open "${plain[@]}" --verify-client --ca "ca-$1.pem" --name geneva.example
	openssl_client_is -cert "geneva-$1.pem" -key "geneva-$1.key" -CAfile "ca-$1.pem" -verify_return_error
	talk_with_foreign_client "${openssl_client[@]}"
	says server.err "^signature: $2"
	say server.err "peer: CN=geneva.example"
	says foreign.out 'Verify return code: 0'
}

openssl_server_with() { # OPTION...
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}" "$@"
	talk_to_foreign_server "${plain[@]}"
	foreign_server_stop
}

openssl_client_with() { # OPTION...
	begin
	needs_hybrid
	server_start_open "${plain[@]}"
	openssl_client_is "${its_trust[@]}" "$@"
	talk_with_foreign_client "${openssl_client[@]}"
}

# ---- HelloRetryRequest ----

test_openssl_server_asks_for_another_share() {
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}" -groups SecP384r1MLKEM1024
	talk_to_foreign_server "${plain[@]}" --groups X25519MLKEM768:SecP384r1MLKEM1024
	foreign_server_stop
	say client.err "hello retry: yes"
	say client.err "group: SecP384r1MLKEM1024"
}

test_openssl_server_asks_for_another_share_beside_a_key() {
	begin
	make_psk
	geneva=()
	openssl_server_start -nocert "${its_psk[@]}" -groups secp256r1
	talk_to_foreign_server "${psk[@]}" --groups x25519:secp256r1 --allow-classical-groups
	foreign_server_stop
	say client.err "hello retry: yes"
	say client.err "authentication: PSK"
}

test_openssl_client_is_asked_for_another_share() {
	begin
	needs_hybrid
	server_start_open "${plain[@]}" --groups SecP256r1MLKEM768
	openssl_client_is "${its_trust[@]}" -groups X25519MLKEM768:SecP256r1MLKEM768
	talk_with_foreign_client "${openssl_client[@]}"
	say server.err "hello retry: yes"
	say server.err "group: SecP256r1MLKEM768"
}

test_openssl_client_is_asked_for_another_share_beside_a_key() {
	begin
	make_psk
	zurich=()
	server_start_open "${psk[@]}" --groups secp384r1 --allow-classical-groups
	openssl_client_is "${its_psk[@]}" -groups X25519:secp384r1
	talk_with_foreign_client "${openssl_client[@]}"
	say server.err "hello retry: yes"
	say server.err "authentication: PSK"
}

# ---- KeyUpdate ----

# A client changes its key at a line "k", and asks for ours to be changed too at a line "K".
openssl_client_changes_its_key() { # LINE
	begin
	needs_hybrid
	server_start_open "${plain[@]}" --records own
	openssl_client_is
	foreign_client_start "${openssl_client[@]}"
	echo before >&6
	wait_for 10 heard server.out before
	echo "$1" >&6
	wait_for 10 heard foreign.out KEYUPDATE
	echo after >&6
	wait_for 10 heard server.out after
	echo back >&8
	wait_for 10 heard foreign.out back
	exec 6>&- 8>&-
	status_is 0 wait "$foreign_pid"
	status_is 0 wait "$server_pid"
}

# s_server drops what it reads together with the command.
says_after() {
	echo after >&6
	heard client.out after
}

openssl_server_changes_its_key() { # LINE
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}"
	client_start "${plain[@]}" --records own
	echo before >&9
	wait_for 10 heard foreign.out before
	echo "$1" >&6
	wait_for 10 says_after
	echo back >&9
	wait_for 10 heard foreign.out back
	client_end
	foreign_server_stop
}

test_a_key_changed_under_kernel_records_is_followed_or_closes_in_order() {
	begin
	needs_hybrid
	server_start_open "${plain[@]}"
	openssl_client_is
	foreign_client_start "${openssl_client[@]}"
	echo before >&6
	wait_for 10 heard server.out before
	echo K >&6
	if grep -q 'records: kernel' server.err; then
		status_is 1 wait "$server_pid"
		says server.err KeyUpdate
	else
		echo after >&6
		wait_for 10 heard server.out after
		exec 8>&-
		status_is 0 wait "$server_pid"
	fi
	exec 6>&- 8>&-
}

# ---- OCSP ----

test_openssl_server_staples() {
	begin
	needs_hybrid
	make_staple foreign.staple zurich ca
	openssl_server_start "${its_certificate[@]}" -status_file foreign.staple
	talk_to_foreign_server "${plain[@]}" --ocsp-required
	foreign_server_stop
}

test_openssl_server_without_a_staple_is_refused() {
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}"
	status_is 1 client "${plain[@]}" --ocsp-required </dev/null
	say client.err "alert sent: bad_certificate_status_response"
	foreign_server_stop
}

test_openssl_client_is_given_a_staple() {
	begin
	needs_hybrid
	make_staple foreign.staple zurich ca
	server_start_open "${plain[@]}" --ocsp-staple foreign.staple
	openssl_client_is "${its_trust[@]}" -status
	talk_with_foreign_client "${openssl_client[@]}"
	says foreign.out 'OCSP Response Status: successful'
	says foreign.out 'Cert Status: good'
}

# ---- refusals ----

# Against a peer that knows nothing of QKD, with a key at hand: under prefer a plain handshake, never under require
test_openssl_server_that_knows_no_key() {
	begin
	needs_hybrid
	make_keys 2
	openssl_server_start "${its_certificate[@]}"
	talk_to_foreign_server "${plain[@]}" "${client_keys[@]}" --policy prefer
	says client.err 'offered, not used'
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert sent: handshake_failure"
	foreign_server_stop
}

test_openssl_client_without_a_key_is_refused_under_require() {
	begin
	make_keys 1
	server_start "${server_keys[@]}" "${both_groups[@]}" --once
	openssl_client_is
	refused_foreign_client insufficient_security "${openssl_client[@]}"
	says foreign.out 'alert number 71'
}

# Without a key no classical exchange, whatever is allowed beside one
test_openssl_client_with_a_classical_exchange_only_is_refused() {
	begin
	server_start "${plain[@]}" "${both_groups[@]}" --once
	openssl_client_is -groups X25519
	refused_foreign_client insufficient_security "${openssl_client[@]}"
	says foreign.out 'alert number 71'
}

test_openssl_server_with_a_classical_exchange_only_is_refused() {
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}" -groups X25519
	status_is 1 client "${plain[@]}" "${both_groups[@]}" </dev/null
	say client.err "alert received: handshake_failure"
	says_not client.err '^suite:'
	foreign_server_stop
}

test_openssl_client_with_a_wrong_key_is_refused() {
	begin
	make_psk
	zurich=()
	server_start "${psk[@]}" "${both_groups[@]}" --once
	openssl_client_is -psk "$(cat wrong.hex)" -psk_identity Client_identity
	refused_foreign_client decrypt_error "${openssl_client[@]}"
	says foreign.out 'alert number 51'
}

# An unknown identity looks like a wrong key.
test_openssl_client_with_an_unknown_identity_is_refused() {
	begin
	make_psk
	zurich=()
	server_start "${psk[@]}" "${both_groups[@]}" --once
	openssl_client_is -psk "$psk_hex" -psk_identity stranger
	refused_foreign_client decrypt_error "${openssl_client[@]}"
	says foreign.out 'alert number 51'
}

test_openssl_server_refuses_a_wrong_key() {
	begin
	make_psk
	geneva=()
	openssl_server_start -nocert "${its_psk[@]}"
	status_is 1 client "${psk[@]}" --psk-file wrong.hex </dev/null
	says client.err '^alert received: '
	foreign_server_stop
}

test_openssl_client_without_tls_1_3_is_refused() {
	begin
	make_keys 1
	server_start "${server_keys[@]}" --once
	refused_foreign_client protocol_version openssl s_client -connect "127.0.0.1:$port" -tls1_2
	says foreign.out 'alert number 70'
}

test_openssl_server_without_tls_1_3_is_refused() {
	begin
	make_keys 1
	foreign_server_start accepting openssl s_server -accept 127.0.0.1:0 -tls1_2 "${its_certificate[@]}"
	status_is 1 client "${client_keys[@]}" </dev/null
	says client.err '^alert .*: protocol_version'
	foreign_server_stop
}

test_openssl_client_without_a_certificate_is_refused() {
	begin
	needs_hybrid
	server_start "${plain[@]}" --verify-client --ca ca.pem --name geneva.example --once
	openssl_client_is
	status_is 1 wait_refused "${openssl_client[@]}"
	say server.err "alert sent: certificate_required"
}

test_openssl_server_insists_on_a_certificate() {
	begin
	needs_hybrid
	openssl_server_start "${its_certificate[@]}" -Verify 1 -CAfile ca.pem
	status_is 1 client "${plain[@]}" </dev/null
	say client.err "alert received: certificate_required"
	foreign_server_stop
}

openssl_server_is_not_believed() { # CERTIFICATE ALERT
	begin
	needs_hybrid
	openssl_server_start -cert "$1.pem" -key "$1.key"
	status_is 1 client "${plain[@]}" </dev/null
	say client.err "alert sent: $2"
	says_not client.err '^suite:'
	foreign_server_stop
}

openssl_client_does_not_believe() { # CERTIFICATE ALERT
	begin
	needs_hybrid
	zurich=(--cert "$1.pem" --key "$1.key")
	server_start "${plain[@]}" --once
	openssl_client_is "${its_trust[@]}"
	status_is 1 wait_refused "${openssl_client[@]}"
	say server.err "alert received: $2"
}

# OpenSSL's client may be told, or have refused, only after it is done: only our end's word counts.
wait_refused() { # CMD [ARG]...
	timeout 30 "$@" </dev/null >foreign.out 2>&1 || echo "exit status $?"
	wait "$server_pid"
}

both_groups=(--groups x25519 --allow-classical-groups)
[[ ! $hybrid ]] || both_groups=(--groups X25519MLKEM768:x25519 --allow-classical-groups)

mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {.*$/\1/p' "$here/qkdtls-openssl.sh")
for group in X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024; do
	tests+=("openssl_server_certificate $group" "openssl_client_certificate $group")
done
for group in X25519MLKEM768 x25519 secp256r1 secp384r1; do
	tests+=("openssl_server_external_psk $group" "openssl_client_external_psk $group")
done
for suite in TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256; do
	tests+=("openssl_server_suite $suite" "openssl_client_suite $suite")
done
for kind in "P-256 ecdsa_secp256r1_sha256" "P-384 ecdsa_secp384r1_sha384" "ED25519 ed25519" "RSA rsa_pss_rsae_" \
	"ML-DSA-44 mldsa44" "ML-DSA-65 mldsa65" "ML-DSA-87 mldsa87"; do
	tests+=("openssl_server_certificates_both_ways $kind" "openssl_client_certificates_both_ways $kind")
done
for option in "-record_padding 500 -max_send_frag 512" -no_middlebox; do
	tests+=("openssl_server_with $option" "openssl_client_with $option")
done
for line in k K; do
	tests+=("openssl_server_changes_its_key $line" "openssl_client_changes_its_key $line")
done
for refusal in "stranger unknown_ca" "expired certificate_expired" "geneva bad_certificate"; do
	tests+=("openssl_server_is_not_believed $refusal" "openssl_client_does_not_believe $refusal")
done
tap_run "${tests[@]}"
