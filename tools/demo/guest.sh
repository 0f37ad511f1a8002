#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The demonstration, inside the virtual machine: TAP, whose comments are the report that `make demo` shows.
# The two sites are drawn in selftests/e2e/lib.sh, which sets them up.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/../../selftests/e2e/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/../../selftests/e2e/lib.sh"
trap e2e_cleanup EXIT

FILE=linux-kernel.bin
FILE_MIN=$((16 * 1024 * 1024))
REQUEST="GET /$FILE"

tell() { printf '# %s\n' "$*"; }
row() { printf '#   %-22s %s\n' "$1" "$2"; }

number=0
# check NAME CMD...: one line of TAP, which is also the verdict the reader sees
check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		printf 'ok %d - %s\n' "$number" "$name"
	else
		printf 'not ok %d - %s\n' "$number" "$name"
		broken=yes
	fi
}

# field NAME KEY: the value of KEY= in the last connection line of a daemon's log
field() {
	grep 'outcome=' "$E2E_DIR/$1.log" | tail -n 1 | grep -o " $2=[^ ]*" | cut -d = -f 2- | tr -d '"'
}

stat_of() { in_place "$1" cat /proc/net/tls_stat | awk -v s="$2" '$1 == s { print $2 }'; }

level() { in_place "$1" qkdctl -j stats "$2" | grep -o "\"$3\":[0-9]*" | cut -d : -f 2; }

# The key store's side of an end: outbound or inbound, ready and spent
keys_of() {
	printf '%s ready, %s spent' "$(level "$1" "$2" "$3_fresh")" "$(level "$1" "$2" "$3_spent")"
}

make_file() {
	mkdir -p "$E2E_DIR/www"
	while [[ $(stat -c %s "$E2E_DIR/www/$FILE" 2>/dev/null || echo 0) -lt $FILE_MIN ]]; do
		cat /boot/vmlinuz >>"$E2E_DIR/www/$FILE"
	done
}

daemons() {
	policy=$1
	e2e_config server server "$E2E_ZURICH_IP:$E2E_TLS_PORT" "127.0.0.1:$E2E_WEB_PORT" "$E2E_GENEVA" \
		"policy = $policy" "allow-simulated = yes" "verify-client = yes"
	e2e_config client client "127.0.0.1:$E2E_APP_PORT" "$E2E_ZURICH_IP:$E2E_TLS_PORT" "$E2E_ZURICH" \
		"policy = $policy" "allow-simulated = yes"
	e2e_daemon "$E2E_ZURICH" server
	e2e_daemon "$E2E_GENEVA" client
}

stop_daemons() {
	e2e_stop "$(e2e_pid client)"
	e2e_stop "$(e2e_pid server)"
}

has_keys() {
	(($(level "$E2E_GENEVA" "$E2E_ZURICH" outbound_fresh) > 0)) &&
		(($(level "$E2E_ZURICH" "$E2E_GENEVA" inbound_fresh) > 0))
}

start_capture() {
	exec_place "$E2E_ZURICH" tcpdump -Z root -i zg -s 0 -U -w "$E2E_DIR/veth.pcap" >"$E2E_DIR/tcpdump.log" 2>&1 &
	capture=$!
	e2e_started "$capture"
	wait_for 20 grep -q 'listening on' "$E2E_DIR/tcpdump.log" || {
		cat "$E2E_DIR/tcpdump.log"
		return 1
	}
}

# has_bytes FILE HEX: the bytes stand in the file. -a and the C locale make grep search bytes.
has_bytes() {
	local pattern='' i
	for ((i = 0; i < ${#2}; i += 2)); do
		pattern+="\\x${2:i:2}"
	done
	LC_ALL=C grep -aqP "$pattern" "$1"
}

lacks_text() { ! LC_ALL=C grep -aqF "$2" "$1"; }

set_up() {
	tell "Setting up: certificates, two namespaces joined by a veth, a simulated QKD link (one seed at both ends)"
	modprobe tls
	insmod "/lib/modules/$(uname -r)/extra/qkd.ko"
	insmod "/lib/modules/$(uname -r)/extra/qkd_sim.ko"
	e2e_device
	e2e_pki
	e2e_namespaces
	e2e_seed
	e2e_links
	make_file
	e2e_web "$E2E_ZURICH"
	wait_for 20 has_keys
}

# ---- One connection that carries a QKD key ----

show_transfer() {
	local before after key identity hash_here hash_there
	daemons require
	start_capture
	row "keys before" "geneva outbound: $(keys_of "$E2E_GENEVA" "$E2E_ZURICH" outbound)"
	row "" "zurich inbound:  $(keys_of "$E2E_ZURICH" "$E2E_GENEVA" inbound)"
	before=$(stat_of "$E2E_GENEVA" TlsTxSw)/$(stat_of "$E2E_GENEVA" TlsRxSw)

	hash_there=$(e2e_hash <"$E2E_DIR/www/$FILE")
	hash_here=$(e2e_fetch "$E2E_GENEVA" "$FILE" -o "$E2E_DIR/fetched" && e2e_hash <"$E2E_DIR/fetched")
	e2e_expect client 'end=closed outcome=qkd'
	e2e_expect server 'end=closed outcome=qkd'
	after=$(stat_of "$E2E_GENEVA" TlsTxSw)/$(stat_of "$E2E_GENEVA" TlsRxSw)
	e2e_stop "$capture"
	key=$(field client key)
	identity=$(tr -d - <<<"$key")

	row "file" "$(stat -c %s "$E2E_DIR/fetched") bytes, SHA-256 $hash_here"
	row "suite" "$(field client suite)"
	row "key exchange" "$(field client group)"
	row "authentication" "certificate, both ends ($(field client authentication))"
	row "QKD key" "$key"
	row "policy" "$policy"
	row "records" "$(field client records) (kTLS)"
	row "keys after" "geneva outbound: $(keys_of "$E2E_GENEVA" "$E2E_ZURICH" outbound)"
	row "" "zurich inbound:  $(keys_of "$E2E_ZURICH" "$E2E_GENEVA" inbound)"
	row "/proc/net/tls_stat" "TlsTxSw/TlsRxSw of geneva: before $before, after $after"

	check "the file arrived whole" [ "$hash_here" = "$hash_there" ]
	check "both ends used the same QKD key" [ "$key" = "$(field server key)" ]
	check "that key is spent" refuse in_place "$E2E_ZURICH" qkdctl key get "$E2E_GENEVA" id "$key" 2>/dev/null
	check "the kernel protects the records" [ "$after" = 1/1 ]
	check "the capture shows the key's ID in an ImportedIdentity" \
		has_bytes "$E2E_DIR/veth.pcap" "0010${identity}0020"
	check "the request is in the clear nowhere on the wire" lacks_text "$E2E_DIR/veth.pcap" "$REQUEST"
}

# ---- Failure done right ----

show_refusal() {
	local status=0
	tell "Zurich purges its link; geneva's keys are of no use now. Under policy require:"
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	e2e_fetch "$E2E_GENEVA" "$FILE" -o "$E2E_DIR/refused" 2>"$E2E_DIR/curl.log" || status=$?
	e2e_expect server 'outcome=refused'
	e2e_expect client 'outcome=refused'
	row "curl" "exit status $status: $(head -n 1 "$E2E_DIR/curl.log")"
	row "geneva's log" "$(grep outcome=refused "$E2E_DIR/client.log" | tail -n 1)"
	row "zurich's log" "$(grep outcome=refused "$E2E_DIR/server.log" | tail -n 1)"
	check "no connection without a key" [ "$status" -ne 0 ]
	check "zurich said so with an alert" [ "$(field server alert-sent)" = decrypt_error ]
	check "geneva saw that alert" [ "$(field client alert-received)" = decrypt_error ]
	stop_daemons
}

show_fallback() {
	tell "The same with policy prefer at both ends:"
	daemons prefer
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	e2e_fetch "$E2E_GENEVA" "$FILE" -o "$E2E_DIR/fallback"
	e2e_expect client 'end=closed outcome=fallback'
	row "geneva's log" "$(grep outcome=fallback "$E2E_DIR/client.log" | tail -n 1)"
	check "the file arrived over the hybrid certificate handshake" \
		cmp "$E2E_DIR/fallback" "$E2E_DIR/www/$FILE"
	check "its key exchange is hybrid" [ "$(field client group)" = X25519MLKEM768 ]
	check "the fallback was counted at geneva" [ "$(e2e_counter client fallback)" = 1 ]
	check "the fallback was counted at zurich" [ "$(e2e_counter server fallback)" = 1 ]
	stop_daemons
}

broken=
printf 'TAP version 13\n'
set_up
show_transfer
show_refusal
show_fallback
printf '1..%d\n' "$number"
[[ -z $broken ]]
