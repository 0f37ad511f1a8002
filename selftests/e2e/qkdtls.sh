#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tool qkdtls at two sites, as selftests/e2e/lib.sh draws them, without the daemon: keys of a simulated link from
# /dev/qkd, records by the kernel's TLS. Needs root, the modules and a kernel with TLS: runs in a virtual machine.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
E2E_RATE=20000
E2E_KEYS_WANTED=16
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"
trap e2e_cleanup EXIT
cd "$E2E_DIR"

TIMEOUT=60 # the virtual machine is slow

server_ready() {
	grep -q '^listening: ' server.err
}

# server [OPTION]...: in zurich
server() {
	: >server.err
	exec_place "$E2E_ZURICH" qkdtls server "$E2E_ZURICH_IP:$E2E_TLS_PORT" --link "$E2E_GENEVA" \
		--cert server.pem --key server.key --timeout "$TIMEOUT" --echo "$@" \
		</dev/null >server.out 2>server.err &
	server_pid=$!
	e2e_started "$server_pid"
	wait_for 20 server_ready
}

server_stop() {
	kill -TERM "$server_pid"
	wait "$server_pid"
}

# client [OPTION]...: in geneva
client() {
	in_place "$E2E_GENEVA" timeout 120 qkdtls client "$E2E_ZURICH_IP:$E2E_TLS_PORT" --ca ca.pem \
		--link "$E2E_ZURICH" --timeout "$TIMEOUT" "$@" 2>client.err
}

says() {
	if ! grep -q -- "$2" "$1"; then
		echo "$1, where /$2/ was expected:"
		cat "$1"
		return 1
	fi
}

tls_stat() {
	in_place "$1" sed -n "s/^$2[[:space:]]*//p" /proc/net/tls_stat
}

# Both ends anew, with a new seed: one stream of keys must never begin twice.
new_links() {
	e2e_links_end
	e2e_seed
	e2e_links
	e2e_keys_ready
}

key_of() {
	sed -n 's/^key id: //p' "$1" | tail -n 1
}

test_keys_of_the_link_and_records_of_the_kernel() {
	local tx spent
	tx=$(tls_stat "$E2E_GENEVA" TlsTxSw)
	spent=$(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent)
	server --once
	[[ $(echo hello | client) == hello ]]
	wait "$server_pid"
	local file
	for file in server.err client.err; do
		says "$file" '^records: kernel (kTLS)$'
		says "$file" '^authentication: certificate and PSK$'
		says "$file" '^policy: require$'
		says "$file" 'is simulated'
	done
	says client.err "^peer: CN=$E2E_SERVER_NAME$"
	[[ -n $(key_of client.err) && $(key_of client.err) == "$(key_of server.err)" ]]
	(($(tls_stat "$E2E_GENEVA" TlsTxSw) == tx + 1))
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent) == spent + 1))
}

# Place $1 shows one connection, with key $2 of link $3, direction $4.
shows_session() {
	in_place "$1" qkdctl session >sessions
	[[ $(wc -l <sessions) == 1 ]] &&
		grep -Eq "^$2: link $3 $4 suite TLS_[A-Z0-9_]* age [0-9.]+ local [0-9.]+ port [0-9]+ remote " sessions
}

shows_none() {
	[[ -z $(in_place "$1" qkdctl session) ]]
}

test_both_ends_show_the_connection_while_it_lasts() {
	local pid talk
	rm -f talk.fifo
	mkfifo talk.fifo
	server --once
	client <talk.fifo >back &
	pid=$!
	exec {talk}>talk.fifo
	echo hello >&"$talk"
	wait_for 20 grep -qx hello back
	shows_session "$E2E_GENEVA" "$(key_of client.err)" "$E2E_ZURICH" outbound
	says sessions "remote $E2E_ZURICH_IP port $E2E_TLS_PORT"
	shows_session "$E2E_ZURICH" "$(key_of client.err)" "$E2E_GENEVA" inbound
	says sessions "local $E2E_ZURICH_IP port $E2E_TLS_PORT"
	exec {talk}>&-
	wait "$pid"
	wait "$server_pid"
	shows_none "$E2E_GENEVA"
	shows_none "$E2E_ZURICH"
}

test_each_connection_has_its_own_key() {
	local i
	server
	for i in 1 2 3 4; do
		[[ $(echo "$i" | client) == "$i" ]]
	done
	server_stop
	[[ $(grep '^key id: ' server.err | sort -u | wc -l) == 4 ]]
}

test_a_mebibyte_through_the_kernel() {
	head -c 1048576 /dev/urandom >big
	server --once
	client --records kernel <big >back
	wait "$server_pid"
	cmp big back
}

# The client's own reader refuses what is larger; kernels before 6.19 cannot be told.
test_a_peer_that_wants_small_records() {
	local who='kernel (kTLS)'
	if [[ $(printf '6.19\n%s\n' "$(uname -r)" | sort -V | head -n 1) != 6.19 ]]; then
		who='own'
	fi
	head -c 100000 /dev/urandom >big
	server --once
	client --records own --record-size-limit 200 <big >back
	wait "$server_pid"
	cmp big back
	says server.err "^records: $who"
}

test_other_bytes_under_one_id_are_refused_and_put_back() {
	# A key file that says of the server's next key what is not true
	local spent
	spent=$(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent)
	server
	(
		umask 077
		in_place "$E2E_GENEVA" qkdctl key get "$E2E_ZURICH" >id
		echo "$(grep -Eo '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' id | head -n 1)" \
			"$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" >forged
	)
	refuse in_place "$E2E_GENEVA" qkdtls client "$E2E_ZURICH_IP:$E2E_TLS_PORT" --ca ca.pem --keys forged \
		--local-sae "$E2E_CLIENT_NAME" --peer-sae "$E2E_SERVER_NAME" </dev/null 2>client.err
	says client.err '^alert received: decrypt_error$'
	says server.err '^alert sent: decrypt_error$'
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_reserved) == 0))
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent) == spent))
	[[ $(echo hello | client) == hello ]]
	server_stop
}

test_purged_keys_are_refused() {
	server
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	refuse client </dev/null
	says client.err '^alert received: decrypt_error$'
	says server.err 'has been used already'
	server_stop
	new_links
}

test_a_client_waits_for_the_next_key() {
	server
	in_place "$E2E_GENEVA" qkdctl link purge "$E2E_ZURICH"
	[[ $(echo hello | client) == hello ]]
	server_stop
}

test_a_link_that_goes_and_comes_back() {
	server
	e2e_links_end
	refuse client </dev/null
	says client.err 'there is no such link'
	refuse in_place "$E2E_GENEVA" qkdtls client "$E2E_ZURICH_IP:$E2E_TLS_PORT" --ca ca.pem --policy prefer \
		--link "$E2E_ZURICH" --local-sae "$E2E_CLIENT_NAME" --peer-sae "$E2E_SERVER_NAME" \
		</dev/null 2>client.err
	says client.err '^alert received: insufficient_security$'
	e2e_seed
	e2e_links
	e2e_keys_ready
	[[ $(echo hello | client) == hello ]]
	server_stop
}

test_prefer_goes_on_without_the_link() {
	server --policy prefer --once
	[[ $(echo hello | client --policy prefer --link nowhere --name "$E2E_SERVER_NAME") == hello ]]
	wait "$server_pid"
	says client.err 'link nowhere: there is no such link'
	says client.err '^authentication: certificate$'
	says client.err 'NO QKD KEY'
	says server.err 'NO QKD KEY'
}

# What the peer sends is read by the kernel: one that can have another key follows, an older one ends in order.
test_a_changed_key_is_followed_or_ends_in_order() {
	mkfifo keyboard
	exec 5<>keyboard
	server --policy prefer --once
	in_place "$E2E_GENEVA" openssl s_client -connect "$E2E_ZURICH_IP:$E2E_TLS_PORT" -tls1_3 -CAfile ca.pem \
		<keyboard >openssl.log 2>&1 &
	e2e_started $!
	wait_for 60 grep -q 'Verify return code: 0' openssl.log
	echo K >&5
	if grep -q TlsRxRekeyOk /proc/net/tls_stat; then
		echo 'and on' >&5
		wait_for 60 grep -q '^and on' openssl.log
		echo Q >&5
		wait "$server_pid"
		(($(tls_stat "$E2E_ZURICH" TlsRxRekeyOk) == 1 && $(tls_stat "$E2E_ZURICH" TlsTxRekeyOk) == 1))
	else
		refuse wait "$server_pid"
		says server.err 'KeyUpdate'
	fi
	exec 5>&-
}

e2e_need qkdtls qkdctl openssl ip || exit 1
modprobe -a tls veth qkd qkd_sim
[[ -e /proc/net/tls_stat ]] || tap_skip_all "this kernel has no TLS"
e2e_pki
e2e_namespaces
e2e_seed
e2e_links
e2e_keys_ready
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$here/qkdtls.sh")
tap_run "${tests[@]}"
