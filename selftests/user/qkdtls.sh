#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/user/qkdtls.sh [DIRECTORY OF THE PROGRAMS]
#
# The tool qkdtls over loopback: against itself, against peers that misbehave, and against OpenSSL's own tools.
# No kernel module, no root. TAP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
programs=$(cd "${1:-$top/build/user}" && pwd)
qkdtls=$programs/qkdtls
# shellcheck source=selftests/e2e/tap.sh
. "$here/../e2e/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/qkdtls.XXXXXX")
cd "$dir"

trap 'rm -rf "$dir"' EXIT

# What an earlier test left must not decide this one, and what this one leaves running ends with it.
begin() {
	rm -f server.* client.* foreign.* ./*.keys ./*.keys.spent
	: >server.in
	trap end EXIT
}

end() {
	local status=$? pid file
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || continue
	done
	((status)) || return 0
	for file in server.err client.err foreign.out; do
		[[ ! -e $file ]] || sed "s/^/$file: /" "$file"
	done
	return "$status"
}

needs_hybrid() {
	[[ $hybrid ]] || skip "this OpenSSL has no ML-KEM"
}

# status_is STATUS CMD [ARG]...
status_is() {
	local wanted=$1 status=0
	shift
	"$@" || status=$?
	if ((status != wanted)); then
		echo "exit status $status instead of $wanted: $*"
		return 1
	fi
}

# ---- certificates ----

make_ca() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" \
		-subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
		2>/dev/null
	: >"$1.index"
}

make_leaf() { # FILE CA NAME [START END]
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" \
		-subj "/CN=$3" 2>/dev/null
	cat >ca.conf <<-EOF
		[ca]
		default_ca = ca
		[ca]
		database = $2.index
		new_certs_dir = .
		rand_serial = yes
		default_md = sha256
		policy = policy
		unique_subject = no
		x509_extensions = leaf
		[policy]
		commonName = supplied
		[leaf]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,digitalSignature
		subjectAltName = DNS:$3
	EOF
	openssl ca -batch -notext -config ca.conf -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
		-startdate "${4:-20200101000000Z}" -enddate "${5:-20991231235959Z}" 2>/dev/null
	chmod 600 "$1.key"
}

make_certificates() {
	make_ca ca
	make_ca other-ca
	make_leaf zurich ca zurich.example
	make_leaf geneva ca geneva.example
	make_leaf expired ca zurich.example 20200101000000Z 20210101000000Z
	make_leaf stranger other-ca zurich.example
}

# ---- keys ----

# Each end has its own copy; what was used before is forgotten.
make_keys() { # COUNT
	rm -f ./*.keys ./*.keys.spent
	(
		umask 077
		for ((i = 0; i < $1; i++)); do
			echo "$(cat /proc/sys/kernel/random/uuid) $(openssl rand -hex 32)"
		done >client.keys
		cp client.keys server.keys
	)
}

# ---- running the tool ----
#
# Descriptors 6 to 9 hold the tests' ends of pipes; a program that inherited one would keep it from ending.

zurich=(--cert zurich.pem --key zurich.key)
geneva=(--ca ca.pem --name zurich.example)
server_keys=(--keys server.keys --local-sae zurich --peer-sae geneva)
client_keys=(--keys client.keys --local-sae geneva --peer-sae zurich)
groups=()
server_pid=

listening() {
	port=$(sed -n 's/^listening: 127\.0\.0\.1://p' server.err 2>/dev/null)
	[[ $port ]]
}

# The server reads server.in, which is empty unless the test fills it.
server_start() { # [OPTION]...
	: >server.err
	"$qkdtls" server 127.0.0.1:0 "${zurich[@]}" "${groups[@]}" "$@" \
		<server.in >server.out 2>server.err 6>&- 7>&- 8>&- 9>&- &
	server_pid=$!
	wait_for 10 listening
}

server_stop() {
	kill -TERM "$server_pid"
	status_is 0 wait "$server_pid"
}

client() { # [OPTION]...
	timeout 30 "$qkdtls" client "127.0.0.1:$port" "${geneva[@]}" "${groups[@]}" "$@" 2>client.err 6>&- 7>&- 8>&- 9>&-
}

say() { # FILE LINE: the report must have the line
	grep -qxF -- "$2" "$1" || {
		echo "$1 does not say: $2"
		return 1
	}
}

says() { # FILE PATTERN
	grep -q -- "$2" "$1" || {
		echo "$1 does not match: $2"
		return 1
	}
}

says_not() { # FILE PATTERN
	if grep -n -- "$2" "$1"; then
		echo "$1 must not match: $2"
		return 1
	fi
}

lines_in() { # FILE COUNT
	local n
	n=$(wc -l <"$1")
	[[ $n == "$2" ]] || {
		echo "$1 has $n lines instead of $2"
		return 1
	}
}

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

# ---- external keys and foreign peers ----

psk_hex=00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100
psk=(--psk-file psk.hex --psk-identity Client_identity --policy psk-only
	--ciphers TLS_AES_128_GCM_SHA256)

make_psk() {
	(
		umask 077
		echo "$psk_hex" >psk.hex
		echo "${psk_hex/00/ff}" >wrong.hex
	)
}

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

free_port() {
	local p
	for ((p = 20000 + RANDOM % 20000; ; p++)); do
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
			port=$p
			return
		fi
	done
}

accepting() {
	grep -q ^ACCEPT foreign.out
}

# Its input stays open, else s_server ends; what it hears goes to foreign.out.
foreign_server_start() { # [OPTION]...
	free_port
	mkfifo foreign.in
	exec 6<>foreign.in
	openssl s_server -accept "127.0.0.1:$port" -tls1_3 "$@" <foreign.in >foreign.out 2>&1 &
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

# ---- what this machine can ----

hybrid=1
group=X25519MLKEM768
if ! openssl list -kem-algorithms 2>/dev/null | grep -q X25519MLKEM768; then
	hybrid=
	group=x25519
	groups=(--groups x25519 --allow-classical-groups)
fi

make_certificates
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {.*$/\1/p' "$here/qkdtls.sh")
tap_run "${tests[@]}"
