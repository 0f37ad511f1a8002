#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The daemon at two sites, as selftests/e2e/lib.sh draws them: keys of a simulated link from /dev/qkd, records by the
# kernel's TLS, unmodified curl and web server. Needs root, the modules and a kernel with TLS: runs in a virtual machine.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"
trap e2e_cleanup EXIT

SERVER=$E2E_ZURICH_IP:$E2E_TLS_PORT
CLIENT=127.0.0.1:$E2E_APP_PORT
WEB=127.0.0.1:$E2E_WEB_PORT
ECHO_PORT=8081
MARKER=no-plain-text-on-the-fibre
PARALLEL=50

server_config() {
	e2e_config server server "$SERVER" "$WEB" "$E2E_GENEVA" "handshake-timeout = 60" \
		"$(e2e_setting "allow-simulated = yes" "$@")" "$@"
}

client_config() {
	e2e_config client client "$CLIENT" "$SERVER" "$E2E_ZURICH" "handshake-timeout = 60" \
		"$(e2e_setting "allow-simulated = yes" "$@")" "$@"
}

# Both ends anew: fresh_both SERVER-LINES -- CLIENT-LINES
fresh_both() {
	local server_lines=()
	stop_both
	while (($#)) && [[ $1 != -- ]]; do
		server_lines+=("$1")
		shift
	done
	if (($#)); then
		shift
	fi
	server_config "${server_lines[@]}"
	client_config "$@"
	e2e_daemon "$E2E_ZURICH" server
	e2e_daemon "$E2E_GENEVA" client
}

stop_both() {
	local name
	for name in client server; do
		if [[ -e $E2E_DIR/$name.pid ]]; then
			e2e_stop "$(e2e_pid "$name")" KILL
		fi
	done
}

# With a new seed: one stream of keys must never begin twice.
new_links() {
	e2e_seed
	e2e_links
	e2e_keys_ready
}

tls_stat() {
	in_place "$1" sed -n "s/^$2[[:space:]]*//p" /proc/net/tls_stat
}

key_of() {
	sed -n 's/.* key=\([0-9a-f-]*\).*/\1/p' "$E2E_DIR/$1.log" | tail -n 1
}

test_keys_the_kernel_refuses_close_the_connection() {
	# Without AES-GCM in the kernel TLS_TX fails after the ULP is on the socket, which would send plain text.
	[[ -e /proc/sys/kernel/modprobe ]] || skip "this kernel loads no modules"
	local module modprobe
	for module in aesni_intel gcm; do
		if grep -q "^$module " /proc/modules; then
			modprobe -r "$module"
		fi
	done
	if grep -E '^name +: .*gcm\(' /proc/crypto; then
		skip "AES-GCM cannot be taken out of this kernel"
	fi
	modprobe=$(cat /proc/sys/kernel/modprobe)
	echo /nonexistent >/proc/sys/kernel/modprobe
	fresh_both
	capture_start
	refuse e2e_fetch "$E2E_GENEVA" marker
	echo "$modprobe" >/proc/sys/kernel/modprobe
	capture_stop
	e2e_expect client 'end=ktls outcome=qkd'
	e2e_expect server '(end=ktls|end=reset|end=truncated) outcome='
	refuse grep -aq "$MARKER" "$E2E_DIR/wire"
	refuse grep -aq 'GET /marker' "$E2E_DIR/wire"
}

capture_start() {
	: >"$E2E_DIR/tcpdump.log" # of the last capture
	exec_place "$E2E_ZURICH" tcpdump -Z root --immediate-mode -i zg -U -w "$E2E_DIR/wire" tcp >"$E2E_DIR/tcpdump.log" 2>&1 &
	capture=$!
	e2e_started "$capture"
	if ! wait_for 30 grep -q 'listening on' "$E2E_DIR/tcpdump.log"; then
		cat "$E2E_DIR/tcpdump.log"
		return 1
	fi
}

capture_stop() {
	e2e_stop "$capture" INT
}

test_a_file_arrives_under_a_key() {
	local before after
	fresh_both
	before=$(tls_stat "$E2E_GENEVA" TlsTxSw)
	e2e_fetch "$E2E_GENEVA" bulk | e2e_hash >"$E2E_DIR/fetched"
	e2e_hash <"$E2E_DIR/www/bulk" | cmp - "$E2E_DIR/fetched"
	e2e_expect client "end=closed outcome=qkd suite=TLS_AES_256_GCM_SHA384 group=X25519MLKEM768 .*records=kernel"
	e2e_expect server 'end=closed outcome=qkd suite=TLS_AES_256_GCM_SHA384 group=X25519MLKEM768 .*records=kernel'
	after=$(tls_stat "$E2E_GENEVA" TlsTxSw)
	((after == before + 1))
	[[ $(tls_stat "$E2E_ZURICH" TlsRxSw) -ge 1 ]]
	[[ $(tls_stat "$E2E_ZURICH" TlsDecryptError) == 0 ]]
	[[ $(tls_stat "$E2E_GENEVA" TlsDecryptError) == 0 ]]
}

test_the_key_is_the_same_and_spent_at_both_ends() {
	local key outbound inbound
	outbound=$(e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent)
	inbound=$(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent)
	fresh_both
	e2e_fetch "$E2E_GENEVA" marker -o /dev/null
	e2e_expect client 'end=closed outcome=qkd'
	e2e_expect server 'end=closed outcome=qkd'
	key=$(key_of client)
	[[ -n $key && $key == "$(key_of server)" ]]
	(($(e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent) == outbound + 1))
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent) == inbound + 1))
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_reserved) == 0))
	refuse in_place "$E2E_ZURICH" qkdctl key get "$E2E_GENEVA" id "$key"
}

test_the_wire_carries_the_identity_and_no_plain_text() {
	local identity
	fresh_both
	capture_start
	e2e_fetch "$E2E_GENEVA" marker | grep -c "$MARKER"
	e2e_expect client 'end=closed outcome=qkd'
	capture_stop
	refuse grep -aq "$MARKER" "$E2E_DIR/wire"
	refuse grep -aq 'GET /marker' "$E2E_DIR/wire"
	# One identity for each of the two hashes
	identity=$(e2e_identity "$(key_of client)")
	e2e_hex "$E2E_DIR/wire" | grep -c "${identity}0001"
	e2e_hex "$E2E_DIR/wire" | grep -c "${identity}0002"
}

test_both_directions_and_half_close() {
	fresh_both "connect = 127.0.0.1:$ECHO_PORT"
	in_place "$E2E_GENEVA" busybox nc 127.0.0.1 "$E2E_APP_PORT" <"$E2E_DIR/www/bulk" >"$E2E_DIR/echoed"
	cmp "$E2E_DIR/echoed" "$E2E_DIR/www/bulk"
	rm "$E2E_DIR/echoed"
	e2e_expect client "end=closed outcome=qkd .* out=$BULK in=$BULK"
	e2e_expect server "end=closed outcome=qkd .* out=$BULK in=$BULK"
}

test_a_slow_reader_gets_everything() {
	fresh_both "ciphers = TLS_AES_128_GCM_SHA256"
	e2e_fetch "$E2E_GENEVA" medium --limit-rate 512k -o "$E2E_DIR/slow"
	cmp "$E2E_DIR/slow" "$E2E_DIR/www/medium"
	e2e_expect client 'end=closed outcome=qkd suite=TLS_AES_128_GCM_SHA256'
}

# One connection is shown in place $1, of link $2, direction $3.
shows_session() {
	[[ $(in_place "$1" qkdctl session | grep -c "link $2 $3 suite TLS_") == 1 ]]
}

shows_none() { [[ -z $(in_place "$1" qkdctl session) ]]; }

# The transfer waits for its reader, who waits for the gate, however slow the machine is.
test_both_daemons_show_the_connection_while_it_lasts() {
	local key gate=$E2E_DIR/gate
	fresh_both
	mkfifo "$gate"
	{ e2e_fetch "$E2E_GENEVA" bulk | { read -r _ <"$gate" && cat >/dev/null; }; } &
	wait_for 20 shows_session "$E2E_GENEVA" "$E2E_ZURICH" outbound
	wait_for 20 shows_session "$E2E_ZURICH" "$E2E_GENEVA" inbound
	key=$(in_place "$E2E_GENEVA" qkdctl session | cut -d : -f 1)
	[[ $(in_place "$E2E_ZURICH" qkdctl session | cut -d : -f 1) == "$key" ]]
	echo >"$gate"
	wait $!
	e2e_expect client 'end=closed outcome=qkd'
	[[ $(key_of client) == "$key" ]]
	wait_for 20 shows_none "$E2E_GENEVA"
	wait_for 20 shows_none "$E2E_ZURICH"
}

test_many_connections_at_once() {
	local i pids=() spent
	fresh_both
	spent=$(e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent)
	for i in $(seq "$PARALLEL"); do
		e2e_fetch "$E2E_GENEVA" marker -o "$E2E_DIR/out.$i" &
		pids+=($!)
	done
	for i in $(seq "$PARALLEL"); do
		wait "${pids[i - 1]}"
		cmp "$E2E_DIR/out.$i" "$E2E_DIR/www/marker"
	done
	(($(e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent) == spent + PARALLEL))
	[[ $(e2e_counter client qkd) == "$PARALLEL" ]]
	[[ $(e2e_counter server qkd) == "$PARALLEL" ]]
	[[ $(sed -n 's/.* key=//p' "$E2E_DIR/client.log" | cut -d ' ' -f 1 | sort -u | wc -l) == "$PARALLEL" ]]
}

test_simulated_links_must_be_allowed() {
	fresh_both -- "allow-simulated = no"
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect client 'end=no-link outcome=refused .*reason="the link is simulated'
}

test_purged_keys_refuse_under_require() {
	fresh_both
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect server 'end=no-key outcome=refused .*alert-sent=decrypt_error reason="the peer named a key'
	e2e_expect client 'end=peer-alert outcome=refused .*alert-received=decrypt_error'
	[[ $(e2e_counter server no-key) == 1 ]]
	# Both purged: what comes from now on is the same at both ends again.
	in_place "$E2E_GENEVA" qkdctl link purge "$E2E_ZURICH"
	wait_for 60 e2e_fetch "$E2E_GENEVA" marker -o /dev/null
	[[ $(e2e_counter client fallback) == 0 ]]
}

test_a_deleted_link_refuses_and_comes_back() {
	fresh_both
	e2e_links_end
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect client 'end=no-link outcome=refused .*reason="the link does not exist'
	new_links
	e2e_fetch "$E2E_GENEVA" marker -o /dev/null
	e2e_expect client 'end=closed outcome=qkd'
}

# The device then is another, which workers that were confined before can open all the same.
test_a_module_that_went_and_came_back_is_used() {
	fresh_both
	e2e_links_end
	modprobe -r qkd_sim qkd
	[[ ! -e /dev/qkd ]]
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect client 'end=no-link outcome=refused .*reason="there is no /dev/qkd'
	modprobe -a qkd qkd_sim
	wait_for 20 test -e /dev/qkd
	e2e_device
	new_links
	e2e_fetch "$E2E_GENEVA" marker -o /dev/null
	e2e_expect client 'end=closed outcome=qkd'
}

test_prefer_falls_back_and_counts() {
	fresh_both "policy = prefer" -- "policy = prefer"
	e2e_links_end
	e2e_fetch "$E2E_GENEVA" marker | grep -c "$MARKER"
	e2e_expect client 'end=closed outcome=fallback .*group=X25519MLKEM768 .*records=kernel'
	e2e_expect server 'end=closed outcome=fallback'
	[[ $(e2e_counter client fallback) == 1 ]]
	[[ $(e2e_counter server fallback) == 1 ]]
	[[ $(e2e_counter server qkd) == 0 ]]
	new_links
	e2e_fetch "$E2E_GENEVA" marker -o /dev/null
	[[ $(e2e_counter client qkd) == 1 ]]
	[[ $(e2e_counter server qkd) == 1 ]]
}

test_a_killed_daemon_leaves_no_reservation() {
	local i pids=()
	fresh_both
	for i in $(seq 10); do
		e2e_fetch "$E2E_GENEVA" marker -o /dev/null 2>"$E2E_DIR/curl.$i" &
		pids+=($!)
	done
	e2e_stop "$(e2e_pid server)" KILL
	for i in "${pids[@]}"; do
		wait "$i" || echo "curl exited with $?"
	done
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_reserved) == 0))
	fresh_both
	e2e_fetch "$E2E_GENEVA" marker -o /dev/null
}

test_a_killed_peer_is_no_end_of_file() {
	local fetch
	fresh_both
	rm -f "$E2E_DIR/slow"
	e2e_fetch "$E2E_GENEVA" bulk --limit-rate 1M -o "$E2E_DIR/slow" &
	fetch=$!
	wait_for 20 test -s "$E2E_DIR/slow"
	kill -KILL "$(e2e_pid server)"
	refuse wait "$fetch"
	e2e_expect client 'end=(truncated|reset) outcome=qkd'
}

# From Linux 6.14 on keys of the kernel's TLS may change.
can_rekey() { in_place "$E2E_GENEVA" grep -q TlsRxRekeyOk /proc/net/tls_stat; }

# update_openssl N: its Nth update. What it reads together with the command it would take for a part of it.
update_openssl() {
	echo K >&5
	wait_for 20 has_updated "$1"
}

has_updated() { (($(grep -c KEYUPDATE "$E2E_DIR/openssl.log") >= $1)); }

test_key_update_of_a_foreign_peer() {
	local word updates=1
	# openssl offers no QKD key, so the server prefers here; "K" makes it send a KeyUpdate and ask for one.
	fresh_both "policy = prefer" "connect = 127.0.0.1:$ECHO_PORT"
	mkfifo "$E2E_DIR/keyboard"
	in_place "$E2E_GENEVA" openssl s_client -connect "$SERVER" -tls1_3 -groups X25519MLKEM768 \
		-CAfile "$E2E_DIR/ca.pem" -verify_return_error -verify_hostname "$E2E_SERVER_NAME" \
		-cert "$E2E_DIR/client.pem" -key "$E2E_DIR/client.key" <"$E2E_DIR/keyboard" >"$E2E_DIR/openssl.log" 2>&1 &
	e2e_started $!
	exec 5>"$E2E_DIR/keyboard"
	wait_for 30 grep -q 'Verify return code: 0' "$E2E_DIR/openssl.log"
	update_openssl 1
	if can_rekey; then
		for word in one two three; do
			echo "$word" >&5
			wait_for 20 grep -q "^$word" "$E2E_DIR/openssl.log"
			update_openssl $((++updates))
		done
		echo Q >&5
		e2e_expect server 'end=closed outcome=fallback'
	else
		e2e_expect server 'end=key-update outcome=fallback .*reason="the peer changed its key'
		[[ $(e2e_counter server key-update) == 1 ]]
	fi
	exec 5>&-
}

# Both ends change their keys hundreds of times while data flows both ways.
updates_go_on() { # SEALED
	fresh_both "connect = 127.0.0.1:$ECHO_PORT" "sealed = $1" "key-update-bytes = 65536" \
		-- "sealed = $1" "key-update-records = 10"
	in_place "$E2E_GENEVA" busybox nc 127.0.0.1 "$E2E_APP_PORT" <"$E2E_DIR/www/bulk" >"$E2E_DIR/echoed"
	cmp "$E2E_DIR/echoed" "$E2E_DIR/www/bulk"
	rm "$E2E_DIR/echoed"
	e2e_expect client "end=closed outcome=qkd .* out=$BULK in=$BULK"
	e2e_expect server "end=closed outcome=qkd .* out=$BULK in=$BULK"
	[[ $(tls_stat "$E2E_GENEVA" TlsDecryptError) == 0 ]]
	[[ $(tls_stat "$E2E_ZURICH" TlsDecryptError) == 0 ]]
}

# Where they cannot change, a connection ends in order before its key has done more than it may, and says so.
worn_key_ends_it() {
	fresh_both "connect = 127.0.0.1:$ECHO_PORT" "sealed = no" -- "sealed = no" "key-update-bytes = 65536"
	if in_place "$E2E_GENEVA" busybox nc 127.0.0.1 "$E2E_APP_PORT" <"$E2E_DIR/www/bulk" >"$E2E_DIR/echoed"; then
		echo 'nc ended well'
	fi
	(($(stat -c %s "$E2E_DIR/echoed") < BULK))
	e2e_expect client 'end=record-limit outcome=qkd .*reason="a key is worn out'
	[[ $(e2e_counter client record-limit) == 1 ]]
	[[ $(tls_stat "$E2E_ZURICH" TlsDecryptError) == 0 ]]
}

test_keys_change_under_traffic_or_end_it() {
	local before
	if ! can_rekey; then
		worn_key_ends_it
		return
	fi
	before=$(tls_stat "$E2E_GENEVA" TlsTxRekeyOk)
	updates_go_on no
	echo "TlsTxRekeyOk: $before, $(tls_stat "$E2E_GENEVA" TlsTxRekeyOk)"
	(($(tls_stat "$E2E_GENEVA" TlsTxRekeyOk) > before + 50))
	(($(tls_stat "$E2E_GENEVA" TlsRxRekeyOk) > 100))
}

test_sealed_keys_change_under_traffic() {
	local generation
	updates_go_on yes
	# And with a transfer that waits for its reader the kernel tells how often.
	rm -f "$E2E_DIR/gate"
	mkfifo "$E2E_DIR/gate"
	fresh_both "sealed = yes" "key-update-bytes = 16384" -- "sealed = yes"
	{ e2e_fetch "$E2E_GENEVA" bulk | { read -r _ <"$E2E_DIR/gate" && cat >/dev/null; }; } &
	wait_for 20 shows_session "$E2E_GENEVA" "$E2E_ZURICH" outbound
	wait_for 20 generation_above 3
	echo >"$E2E_DIR/gate"
	wait $!
	e2e_expect client 'end=closed outcome=qkd .*sealed=yes'
}

generation_above() {
	local generation
	generation=$(in_place "$E2E_GENEVA" qkdctl session | sed 's/.*rx-generation //')
	((generation > $1))
}

set_raw() { # on|off
	in_place "$E2E_GENEVA" qkdctl link set "$E2E_ZURICH" raw "$1"
	in_place "$E2E_ZURICH" qkdctl link set "$E2E_GENEVA" raw "$1"
}

# The daemons have nothing to do with keys that only the kernel sees, and it is all the same to the traffic.
test_sealed_connections_of_links_that_show_no_key() {
	fresh_both "sealed = yes" -- "sealed = yes"
	set_raw off
	refuse in_place "$E2E_GENEVA" qkdctl key get "$E2E_ZURICH"
	e2e_fetch "$E2E_GENEVA" bulk | e2e_hash >"$E2E_DIR/fetched"
	e2e_hash <"$E2E_DIR/www/bulk" | cmp - "$E2E_DIR/fetched"
	e2e_expect client 'end=closed outcome=qkd .*records=kernel sealed=yes'
	e2e_expect server 'end=closed outcome=qkd .*records=kernel sealed=yes'
	[[ $(key_of client) == "$(key_of server)" ]]
	# Who is not sealed gets no key, and says what would help.
	fresh_both "sealed = yes" -- "sealed = no"
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect client 'end=no-key outcome=refused .*reason="the link shows no program its keys'
	set_raw on
	e2e_fetch "$E2E_GENEVA" marker | grep -c "$MARKER"
	e2e_expect server 'end=closed outcome=qkd .*records=kernel sealed=yes'
	refuse e2e_logged client 'sealed=yes'
}

# By default connections are sealed, as in all tests that do not say.
test_unsealed_both_directions_and_half_close() {
	fresh_both "connect = 127.0.0.1:$ECHO_PORT" "sealed = no" -- "sealed = no" "ciphers = TLS_CHACHA20_POLY1305_SHA256"
	in_place "$E2E_GENEVA" busybox nc 127.0.0.1 "$E2E_APP_PORT" <"$E2E_DIR/www/bulk" >"$E2E_DIR/echoed"
	cmp "$E2E_DIR/echoed" "$E2E_DIR/www/bulk"
	rm "$E2E_DIR/echoed"
	e2e_expect client "end=closed outcome=qkd suite=TLS_CHACHA20.* records=kernel out=$BULK in=$BULK"
	e2e_expect server "end=closed outcome=qkd suite=TLS_CHACHA20.* records=kernel out=$BULK in=$BULK"
}

# The kernel shows it with what it was told; no program may read its keys back.
test_a_sealed_connection_is_shown_while_it_lasts() {
	local gate=$E2E_DIR/gate
	rm -f "$gate"
	mkfifo "$gate"
	fresh_both "sealed = yes" -- "sealed = yes"
	{ e2e_fetch "$E2E_GENEVA" bulk | { read -r _ <"$gate" && cat >/dev/null; }; } &
	wait_for 20 shows_session "$E2E_GENEVA" "$E2E_ZURICH" outbound
	in_place "$E2E_GENEVA" qkdctl session |
		grep " sealed group X25519MLKEM768 peer \"$E2E_SERVER_NAME\" tx-generation 0 rx-generation 0$"
	in_place "$E2E_ZURICH" qkdctl -j session | grep "\"sealed\":true,\"group\":\"X25519MLKEM768\",\"peer\":\"$E2E_CLIENT_NAME\""
	echo >"$gate"
	wait $!
	wait_for 20 shows_none "$E2E_GENEVA"
	wait_for 20 shows_none "$E2E_ZURICH"
}

# Behind its own Finished a sealed server has no key for its alert: the kernel has.
test_a_sealed_server_says_why_it_refuses() {
	fresh_both "sealed = yes" -- "certificate = $E2E_DIR/stranger.pem" "private-key = $E2E_DIR/stranger.key"
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect server 'end=certificate outcome=refused .*alert-sent=unknown_ca'
	e2e_expect client 'end=peer-alert outcome=qkd .*alert-received=unknown_ca'
}

test_sealed_purged_keys_refuse_and_fall_back() {
	fresh_both "sealed = yes" -- "sealed = yes"
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	refuse e2e_fetch "$E2E_GENEVA" marker
	e2e_expect server 'end=no-key outcome=refused .*alert-sent=decrypt_error reason="the peer named a key'
	fresh_both "sealed = yes" "policy = prefer" -- "sealed = yes" "policy = prefer"
	e2e_fetch "$E2E_GENEVA" marker | grep -c "$MARKER"
	e2e_expect client 'end=closed outcome=fallback .*records=kernel out='
	in_place "$E2E_GENEVA" qkdctl link purge "$E2E_ZURICH"
	fresh_both "sealed = yes" -- "sealed = yes"
	wait_for 60 e2e_fetch "$E2E_GENEVA" marker -o /dev/null
	[[ $(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_reserved) == 0 ]]
}

test_sigterm_lets_transfers_finish() {
	local fetch server
	fresh_both
	server=$(e2e_pid server)
	rm -f "$E2E_DIR/slow"
	e2e_fetch "$E2E_GENEVA" medium --limit-rate 1M -o "$E2E_DIR/slow" &
	fetch=$!
	wait_for 20 test -s "$E2E_DIR/slow"
	kill -TERM "$server"
	wait "$fetch"
	cmp "$E2E_DIR/slow" "$E2E_DIR/www/medium"
	wait "$server"
	e2e_logged server 'closed=1'
}

# Of all daemons above
test_no_filter_was_in_the_way() {
	e2e_filters_held
}

e2e_need qkdtlsd qkdctl openssl curl lighttpd busybox tcpdump ip || exit 1
modprobe -a tls veth qkd qkd_sim
[[ -e /proc/net/tls_stat ]] || tap_skip_all "this kernel has no TLS"
e2e_device
e2e_pki
e2e_namespaces
new_links
e2e_web "$E2E_ZURICH"
head -c 65536 < <(yes "$MARKER") >"$E2E_DIR/www/marker"
head -c 16777216 /dev/urandom >"$E2E_DIR/www/bulk"
head -c 2097152 /dev/urandom >"$E2E_DIR/www/medium"
BULK=16777216
exec_place "$E2E_ZURICH" busybox nc -ll -p "$ECHO_PORT" -e cat >"$E2E_DIR/echo.log" 2>&1 &
e2e_started $!
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}"
