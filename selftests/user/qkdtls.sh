#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdtls.sh [DIRECTORY OF THE PROGRAMS]
#
# The tool qkdtls over loopback, against itself and against peers that misbehave. No kernel module, no root. TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:-$here/../../build/user}" && pwd)
# shellcheck source=selftests/user/qkdtls.bash
. "$here/qkdtls.bash"

# ---- what holds with a key ----

require_connects() { # SUITE
	make_keys 1
	server_start "${server_keys[@]}" --echo --once
	[[ $(echo hello | client "${client_keys[@]}" --ciphers "$1") == hello ]]
	status_is 0 wait "$server_pid"
	local file
	for file in server.err client.err; do
		say "$file" "suite: $1"
		say "$file" "group: $group"
		say "$file" "authentication: certificate and PSK"
		say "$file" "policy: require"
		say "$file" "key id: $(cut -d' ' -f1 client.keys)"
		say "$file" "hello retry: no"
		says "$file" '^records: \(own\|kernel (kTLS)\)$'
		says_not "$file" 'error:'
	done
	say client.err "signature: ecdsa_secp256r1_sha256"
	say client.err "peer: CN=zurich.example"
	lines_in client.keys.spent 1
	lines_in server.keys.spent 1
}

test_require_connects_aes_256() {
	begin
	require_connects TLS_AES_256_GCM_SHA384
}

test_require_connects_aes_128() {
	begin
	require_connects TLS_AES_128_GCM_SHA256
}

test_helloretryrequest_connects_with_one_key() {
	begin
	needs_hybrid
	make_keys 1
	server_start "${server_keys[@]}" --echo --once
	[[ $(echo hello | client "${client_keys[@]}" --groups x25519:X25519MLKEM768 \
		--allow-classical-groups) == hello ]]
	status_is 0 wait "$server_pid"
	say client.err "hello retry: yes"
	say client.err "group: X25519MLKEM768"
	say client.err "authentication: certificate and PSK"
	lines_in client.keys.spent 1
}

test_client_certificates_are_demanded_and_checked() {
	begin
	make_keys 3
	server_start "${server_keys[@]}" --echo --verify-client --ca ca.pem --name geneva.example
	[[ $(echo hello | client "${client_keys[@]}" --cert geneva.pem --key geneva.key) == hello ]]
	say server.err "peer: CN=geneva.example"
	echo hello | status_is 1 client "${client_keys[@]}"
	says client.err 'alert received: certificate_required'
	echo hello | status_is 1 client "${client_keys[@]}" --cert zurich.pem --key zurich.key
	says client.err '^alert received: '
	server_stop
}

test_a_bare_public_key_is_an_anchor() {
	begin
	make_keys 2
	openssl pkey -in zurich.key -pubout -out pin.pem
	openssl pkey -in geneva.key -pubout -out other-pin.pem
	server_start "${server_keys[@]}" --echo
	[[ $(echo hello | client "${client_keys[@]}" --ca pin.pem) == hello ]]
	echo hello | status_is 1 client "${client_keys[@]}" --ca other-pin.pem
	says client.err 'alert sent: unknown_ca'
	server_stop
}

test_a_revoked_certificate_is_refused() {
	begin
	make_keys 4
	make_ca own-ca
	make_leaf own own-ca zurich.example
	make_crl crl.pem own-ca
	make_staple staple.der own own-ca
	zurich=(--cert own.pem --key own.key)
	server_start "${server_keys[@]}" --echo --ocsp-staple staple.der
	[[ $(echo hello | client "${client_keys[@]}" --ca own-ca.pem --crl crl.pem --ocsp-required) == hello ]]
	revoke own own-ca
	make_crl crl.pem own-ca
	echo hello | status_is 1 client "${client_keys[@]}" --ca own-ca.pem --crl crl.pem
	says client.err 'alert sent: certificate_revoked'
	server_stop
	make_staple staple.der own own-ca
	server_start "${server_keys[@]}" --echo --ocsp-staple staple.der
	echo hello | status_is 1 client "${client_keys[@]}" --ca own-ca.pem --ocsp-required
	says client.err 'alert sent: certificate_revoked'
	server_stop
	server_start "${server_keys[@]}" --echo
	echo hello | status_is 1 client "${client_keys[@]}" --ca own-ca.pem --ocsp-required
	says client.err 'alert sent: bad_certificate_status_response'
	server_stop
}

test_psk_only_connects_without_certificates() {
	begin
	make_keys 1
	zurich=() geneva=()
	server_start "${server_keys[@]}" --policy psk-only --echo --once
	[[ $(echo hello | client "${client_keys[@]}" --policy psk-only) == hello ]]
	status_is 0 wait "$server_pid"
	say client.err "authentication: PSK"
	say client.err "policy: psk-only"
	say client.err "peer: not certified"
}

test_a_server_serves_one_after_another_each_with_a_key_of_its_own() {
	begin
	make_keys 3
	server_start "${server_keys[@]}" --echo
	for i in 1 2 3; do
		[[ $(echo "hello $i" | client "${client_keys[@]}") == "hello $i" ]]
	done
	server_stop
	lines_in server.keys.spent 3
	[[ $(sort -u server.keys.spent | wc -l) == 3 ]]
}

test_application_protocol_is_agreed_or_refused() {
	begin
	make_keys 3
	server_start "${server_keys[@]}" --echo --alpn qkd/2,qkd/1
	[[ $(echo hello | client "${client_keys[@]}" --alpn qkd/0,qkd/1,qkd/2) == hello ]]
	say client.err "application protocol: qkd/2"
	say server.err "application protocol: qkd/2"
	[[ $(echo hello | client "${client_keys[@]}") == hello ]]
	say client.err "application protocol: none"
	echo hello | status_is 1 client "${client_keys[@]}" --alpn qkd/3
	say client.err "alert received: no_application_protocol"
	server_stop
	# What is refused before a key is looked up spends none.
	lines_in server.keys.spent 2
}

test_spare_key_serves_where_the_first_is_missing() {
	begin
	make_keys 2
	sed -i 1d server.keys
	server_start "${server_keys[@]}" --echo --once
	[[ $(echo hello | client "${client_keys[@]}" --spare-key) == hello ]]
	status_is 0 wait "$server_pid"
	say client.err "key id: $(cut -d' ' -f1 server.keys)"
	lines_in client.keys.spent 2
	lines_in server.keys.spent 1
}

# ---- data ----

echo_of_a_mebibyte() { # WHO PROTECTS RECORDS
	make_keys 1
	openssl rand -out big 1048576
	server_start "${server_keys[@]}" --echo --once --records "$1"
	client "${client_keys[@]}" --records "$1" <big | sha256sum >sum
	status_is 0 wait "$server_pid"
	[[ $(cat sum) == $(sha256sum <big) ]]
}

test_1_mib_comes_back_as_it_went() {
	begin
	echo_of_a_mebibyte auto
}

test_1_mib_comes_back_as_it_went_own_records() {
	begin
	echo_of_a_mebibyte own
}

test_1_mib_in_small_records_under_many_keys() {
	begin
	make_keys 1
	openssl rand -out big 1048576
	server_start "${server_keys[@]}" --echo --once --records own --record-size-limit 1000 --key-update-records 5
	client "${client_keys[@]}" --records own --record-size-limit 64 --key-update-bytes 16384 --key-update-seconds 1 \
		<big | sha256sum >sum
	status_is 0 wait "$server_pid"
	[[ $(cat sum) == $(sha256sum <big) ]]
	says_not client.err 'error:'
	says_not server.err 'error:'
}

test_data_goes_both_ways_at_once() {
	begin
	make_keys 1
	openssl rand -out up 700001
	openssl rand -out server.in 900001
	server_start "${server_keys[@]}" --once
	client "${client_keys[@]}" <up >down
	status_is 0 wait "$server_pid"
	cmp up server.out
	cmp server.in down
}

# The client has said all it has, and still hears what the server says afterwards.
test_half_close() {
	begin
	make_keys 1
	rm server.in
	mkfifo server.in
	exec 8<>server.in
	server_start "${server_keys[@]}" --once
	echo question | client "${client_keys[@]}" >answer 8>&- &
	wait_for 10 grep -q question server.out
	echo answer >&8
	exec 8>&-
	status_is 0 wait $!
	status_is 0 wait "$server_pid"
	grep -qx answer answer
}

test_a_killed_peer_is_told_from_one_that_ended() {
	begin
	make_keys 1
	mkfifo client.in
	exec 9<>client.in
	server_start "${server_keys[@]}" --once
	"$qkdtls" client "127.0.0.1:$port" "${geneva[@]}" "${groups[@]}" "${client_keys[@]}" \
		<client.in >/dev/null 2>client.err 9>&- &
	local pid=$!
	wait_for 10 grep -q ^records: client.err
	kill -KILL "$pid"
	status_is 1 wait "$server_pid"
	exec 9>&-
	says server.err 'close_notify\|reset'
}

# ---- what is refused, and what it leaves ----

test_require_without_a_key_left_refuses() {
	begin
	make_keys 1
	cut -d' ' -f1 client.keys >client.keys.spent
	chmod 600 client.keys.spent
	server_start "${server_keys[@]}"
	status_is 1 client "${client_keys[@]}" </dev/null
	says client.err 'every key of the file has been used'
	server_stop
	[[ ! -s server.keys.spent ]]
}

test_a_key_is_used_once_in_later_runs_too() {
	begin
	make_keys 1
	server_start "${server_keys[@]}" --echo
	[[ $(echo hello | client "${client_keys[@]}") == hello ]]
	status_is 1 client "${client_keys[@]}" </dev/null
	says client.err 'every key of the file has been used'
	# A client that forgot meets a server that did not.
	rm client.keys.spent
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert received: decrypt_error"
	says server.err 'has been used already'
	server_stop
	# ... in its next run neither.
	server_start "${server_keys[@]}"
	rm client.keys.spent
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert received: decrypt_error"
	server_stop
	lines_in server.keys.spent 1
}

# One ID, different bytes: refused, and the server's key is not burnt by it.
test_a_wrong_key_is_refused_and_burns_nothing() {
	begin
	make_keys 1
	cp -p client.keys right.keys
	sed -i 's/ .*/ 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/' client.keys
	server_start "${server_keys[@]}" --echo
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert received: decrypt_error"
	say server.err "alert sent: decrypt_error"
	[[ ! -s server.keys.spent ]]
	cp -p right.keys client.keys
	rm client.keys.spent
	[[ $(echo hello | client "${client_keys[@]}") == hello ]]
	server_stop
}

# Under require it looks like a wrong key, so that identities cannot be probed.
test_an_unknown_key_looks_like_a_wrong_one() {
	begin
	make_keys 1
	cp -p server.keys before
	make_keys 1
	mv before server.keys
	server_start "${server_keys[@]}"
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert received: decrypt_error"
	says server.err 'no key of the ID'
	server_stop
}

test_a_key_of_another_link_is_refused() {
	begin
	make_keys 1
	server_start --keys server.keys --local-sae zurich --peer-sae lausanne
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert received: decrypt_error"
	server_stop
	[[ ! -s server.keys.spent ]]
}

# Both ends as client: the hello of one, sent back to it, names the other direction.
test_client_and_server_of_a_link_are_not_exchangeable() {
	begin
	make_keys 1
	server_start --keys server.keys --local-sae geneva --peer-sae zurich
	status_is 1 client "${client_keys[@]}" </dev/null
	server_stop
	[[ ! -s server.keys.spent ]]
}

test_prefer_falls_back_when_the_server_has_no_key() {
	begin
	needs_hybrid
	make_keys 1
	server_start --policy prefer --echo --once
	[[ $(echo hello | client "${client_keys[@]}" --policy prefer) == hello ]]
	status_is 0 wait "$server_pid"
	say client.err "authentication: certificate"
	say client.err "policy: prefer"
	say client.err "key id: $(cut -d' ' -f1 client.keys) (offered, not used)"
	says client.err 'NO QKD KEY'
	says server.err 'NO QKD KEY'
}

test_prefer_uses_a_key_that_both_have() {
	begin
	make_keys 1
	server_start "${server_keys[@]}" --policy prefer --echo --once
	[[ $(echo hello | client "${client_keys[@]}" --policy prefer) == hello ]]
	status_is 0 wait "$server_pid"
	say client.err "authentication: certificate and PSK"
	says_not client.err 'NO QKD KEY'
}

test_prefer_connects_without_any_key() {
	begin
	needs_hybrid
	server_start --policy prefer --echo --once
	[[ $(echo hello | client --policy prefer) == hello ]]
	status_is 0 wait "$server_pid"
	say client.err "authentication: certificate"
	say client.err "key id: none"
}

# Without a key the hybrid exchange is all there is, so no classical one, allowed as it may be, will do.
test_prefer_does_not_fall_back_to_a_classical_exchange() {
	begin
	make_keys 1
	server_start --policy prefer --groups x25519 --allow-classical-groups
	status_is 1 client "${client_keys[@]}" --policy prefer --groups x25519 --allow-classical-groups </dev/null
	say client.err "alert received: insufficient_security"
	server_stop
}

test_require_at_the_client_refuses_a_server_without_key() {
	begin
	needs_hybrid
	make_keys 1
	server_start --policy prefer
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert sent: handshake_failure"
	says_not client.err '^suite:'
	server_stop
}

test_require_at_the_server_refuses_a_client_without_key() {
	begin
	needs_hybrid
	make_keys 1
	server_start "${server_keys[@]}"
	status_is 1 client --policy prefer </dev/null
	say client.err "alert received: insufficient_security"
	server_stop
}

wrong_certificate() { # CERTIFICATE NAME ALERT
	make_keys 1
	zurich=(--cert "$1.pem" --key "$1.key")
	geneva=(--ca ca.pem --name "$2")
	server_start "${server_keys[@]}"
	status_is 1 client "${client_keys[@]}" </dev/null
	say client.err "alert sent: $3"
	wait_for 10 say server.err "alert received: $3"
	says_not client.err '^suite:'
	server_stop
}

test_wrong_name_is_refused() {
	begin
	wrong_certificate zurich basel.example bad_certificate
}

test_expired_certificate_is_refused() {
	begin
	wrong_certificate expired zurich.example certificate_expired
}

test_other_ca_is_refused() {
	begin
	wrong_certificate stranger zurich.example unknown_ca
}

# ---- peers that misbehave ----

test_a_silent_peer_is_timed_out_and_the_next_served() {
	begin
	make_keys 1
	server_start "${server_keys[@]}" --echo --timeout 1
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	wait_for 10 grep -q 'in time' server.err
	exec 7>&-
	[[ $(echo hello | client "${client_keys[@]}") == hello ]]
	server_stop
}

test_garbage_is_refused_and_the_next_served() {
	begin
	make_keys 1
	openssl rand -out garbage 20000
	server_start "${server_keys[@]}" --echo
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	cat garbage >&7 2>/dev/null || echo "(refused midway)"
	exec 7>&-
	wait_for 10 grep -q 'handshake failed' server.err
	: >server.err
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	printf '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00' >&7
	wait_for 10 grep -q '^alert sent: ' server.err
	exec 7>&-
	: >server.err
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	exec 7>&-
	wait_for 10 grep -q 'handshake failed' server.err
	[[ $(echo hello | client "${client_keys[@]}") == hello ]]
	server_stop
}

test_a_refused_connection_spends_no_key() {
	begin
	make_keys 1
	server_start "${server_keys[@]}"
	server_stop
	status_is 1 client "${client_keys[@]}" </dev/null
	says client.err 'Connection refused'
	[[ ! -s client.keys.spent ]]
}

# ---- secrets ----

test_secrets_are_logged_only_when_asked() {
	begin
	make_keys 2
	server_start "${server_keys[@]}" --echo
	[[ $(echo hello | client "${client_keys[@]}") == hello ]]
	says_not client.err 'keylog'
	[[ $(echo hello | client "${client_keys[@]}" --keylog secrets.log) == hello ]]
	server_stop
	says client.err 'SECRETS OF EVERY CONNECTION'
	says secrets.log '^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]\{64\} [0-9a-f]*$'
	[[ $(stat -c %a secrets.log) == 600 ]]
	touch open.log
	chmod 644 open.log
	status_is 1 client "${client_keys[@]}" --keylog open.log </dev/null
	[[ ! -s open.log ]]
}

test_secrets_show_nowhere() {
	begin
	make_keys 2
	server_start "${server_keys[@]}" --echo
	tr '\0' '\n' <"/proc/$server_pid/cmdline" >cmdline
	[[ $(echo hello | client "${client_keys[@]}" 2>&1) == hello ]]
	cat client.err server.err server.out cmdline client.keys.spent server.keys.spent >all
	echo hello | client "${client_keys[@]}" --ciphers TLS_AES_128_GCM_SHA256 >>all
	cat client.err >>all
	server_stop
	local secret
	while read -r _ secret; do
		says_not all "$secret"
		says_not all "${secret:0:16}"
	done <client.keys
}

test_files_with_secrets_are_closed_to_others() {
	begin
	make_keys 1
	chmod 640 client.keys
	port=1 status_is 1 client "${client_keys[@]}" </dev/null
	says client.err 'may be read by others'
	chmod 600 client.keys
	cp geneva.key open.key
	chmod 644 open.key
	port=1 status_is 1 client "${client_keys[@]}" --cert geneva.pem --key open.key </dev/null
	says client.err 'open.key'
}

test_no_core_files_no_reading_of_memory() {
	begin
	make_keys 1
	server_start "${server_keys[@]}"
	grep -q '^Max core file size *0 *0 ' "/proc/$server_pid/limits"
	# A process that may not be dumped belongs to root in /proc.
	[[ $(stat -c %u "/proc/$server_pid/mem") == 0 ]]
	server_stop
}

# ---- the command line ----

test_wrong_usage_exits_2() {
	begin
	status_is 2 "$qkdtls" 2>client.err
	says client.err 'qkdtls --help'
	status_is 2 "$qkdtls" client localhost --policy prefer --ca ca.pem 2>client.err
	says client.err 'HOST:PORT'
	status_is 2 "$qkdtls" client localhost:1 --bogus 2>client.err
	status_is 2 "$qkdtls" client localhost:1 --ca ca.pem 2>client.err
	says client.err 'no key'
	"$qkdtls" --help >help
	says help '^usage: qkdtls client'
	"$qkdtls" --version >help
	says help '^qkdtls [0-9]'
}

test_wrong_configuration_names_what_is_wrong() {
	begin
	make_keys 1
	port=1
	status_is 1 client "${client_keys[@]}" --ca missing.pem </dev/null
	says client.err 'missing.pem'
	status_is 1 client "${client_keys[@]}" --groups nonsense </dev/null
	says client.err 'nonsense'
	status_is 1 client "${client_keys[@]}" --ciphers nonsense </dev/null
	says client.err 'nonsense'
	status_is 1 client "${client_keys[@]}" --cert zurich.pem --key geneva.key </dev/null
	says client.err 'geneva.key\|zurich.pem'
	status_is 1 "$qkdtls" client 127.0.0.1:1 --groups x25519 "${client_keys[@]}" --ca ca.pem --name n 2>client.err
	says client.err 'x25519\|X25519'
	status_is 1 client --link nowhere </dev/null
	says client.err 'nowhere'
	[[ ! -s client.keys.spent ]]
}

test_a_signal_stops_the_server() {
	begin
	make_keys 1
	server_start "${server_keys[@]}"
	server_stop
	server_start "${server_keys[@]}"
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	kill -INT "$server_pid"
	status_is 0 wait "$server_pid"
	exec 7>&-
}

test_records_are_who_they_are_asked_to_be() {
	begin
	make_keys 2
	server_start "${server_keys[@]}" --echo
	if "$qkdtls" client "127.0.0.1:$port" "${geneva[@]}" "${groups[@]}" "${client_keys[@]}" --records kernel \
		</dev/null >/dev/null 2>client.err; then
		say client.err 'records: kernel (kTLS)'
	else
		says client.err 'this kernel has no TLS'
	fi
	[[ $(echo hello | client "${client_keys[@]}" --records own) == hello ]]
	say client.err 'records: own'
	server_stop
}

# ---- external keys ----

test_external_psk() {
	begin
	make_psk
	zurich=() geneva=()
	server_start "${psk[@]}" --echo
	[[ $(echo hello | client "${psk[@]}") == hello ]]
	say client.err "authentication: PSK"
	say client.err "key id: Client_identity"
	status_is 1 client "${psk[@]}" --psk-file wrong.hex </dev/null
	say client.err "alert received: decrypt_error"
	status_is 1 client "${psk[@]}" --psk-identity stranger </dev/null
	says client.err '^alert received: '
	server_stop
}

mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {.*$/\1/p' "$here/qkdtls.sh")
tap_run "${tests[@]}"
