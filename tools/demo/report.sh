# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The report of the demonstrations: TAP, whose comments are what the reader sees. Sourced, beside selftests/e2e/lib.sh where
# the sites are. Who sources it defines
#
#	ask SITE FUNCTION [ARGUMENT]...    to run one of the functions "at a site" there, with its place in $PLACE
#	lose_keys                          the keys that geneva has are of no use at zurich from now on
#
# and sets $GENEVA_LINK and $ZURICH_LINK, the names of the link at geneva and at zurich, and $LOST, what lose_keys does, in
# words.

FILE=linux-kernel.bin
FILE_MIN=$((16 * 1024 * 1024))
REQUEST="GET /$FILE"

# ---- At a site ----

make_file() {
	mkdir -p "$E2E_DIR/www"
	while [[ $(stat -c %s "$E2E_DIR/www/$FILE" 2>/dev/null || echo 0) -lt $FILE_MIN ]]; do
		cat /boot/vmlinuz >>"$E2E_DIR/www/$FILE"
	done
}

# start_daemon MODE LINK POLICY
start_daemon() {
	local listen=127.0.0.1:$E2E_APP_PORT connect=$E2E_ZURICH_IP:$E2E_TLS_PORT
	if [[ $1 == server ]]; then
		listen=$connect connect=127.0.0.1:$E2E_WEB_PORT
	fi
	e2e_config "$1" "$1" "$listen" "$connect" "$2" "policy = $3" "allow-simulated = yes"
	e2e_daemon "$PLACE" "$1"
}

stop_daemon() { e2e_stop "$(e2e_pid "$1")"; }

# field NAME KEY: the value of KEY= in the last connection line of a daemon's log
field() { last_line "$1" 'outcome=' | grep -o " $2=[^ ]*" | cut -d = -f 2- | tr -d '"'; }

last_line() { grep "$2" "$E2E_DIR/$1.log" | tail -n 1; }

tls_stat() { in_place "$PLACE" sed -n "s/^$1[[:space:]]*//p" /proc/net/tls_stat; }

level() { e2e_stat "$PLACE" "$@"; }

# The key store's side of an end: keys_of LINK outbound|inbound
keys_of() { printf '%s ready, %s spent' "$(level "$1" "$2_fresh")" "$(level "$1" "$2_spent")"; }

wait_for_keys() { wait_for 60 e2e_has_keys "$PLACE" "$1" "$2_fresh"; }

# fetch NAME: the file, to NAME; the transfer's exit status
fetch() {
	local status=0
	e2e_fetch "$PLACE" "$FILE" -o "$E2E_DIR/$1" 2>"$E2E_DIR/curl.log" || status=$?
	printf '%d' "$status"
}

hash_of() { e2e_hash <"$E2E_DIR/$1"; }

size_of() { stat -c %s "$E2E_DIR/$1"; }

complaint() { head -n 1 "$E2E_DIR/curl.log"; }

key_is_spent() { refuse in_place "$PLACE" qkdctl key get "$1" id "$2" 2>/dev/null; }

start_capture() {
	exec_place "$PLACE" tcpdump -Z root -i zg -s 0 -U -w "$E2E_DIR/wire.pcap" >"$E2E_DIR/tcpdump.log" 2>&1 &
	echo $! >"$E2E_DIR/capture.pid"
	e2e_started $!
	wait_for 20 grep -q 'listening on' "$E2E_DIR/tcpdump.log" || {
		cat "$E2E_DIR/tcpdump.log"
		return 1
	}
}

stop_capture() { e2e_stop "$(e2e_pid capture)"; }

# has_bytes FILE HEX: the bytes stand in the file. -a and the C locale make grep search bytes.
has_bytes() {
	local pattern='' i
	for ((i = 0; i < ${#2}; i += 2)); do
		pattern+="\\x${2:i:2}"
	done
	LC_ALL=C grep -aqP "$pattern" "$E2E_DIR/$1"
}

lacks_text() { ! LC_ALL=C grep -aqF "$2" "$E2E_DIR/$1"; }

# ---- The report ----

tell() { printf '# %s\n' "$*"; }
row() { printf '#   %-22s %s\n' "$1" "$2"; }

number=0
broken=
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

start_daemons() {
	ask "$E2E_ZURICH" start_daemon server "$ZURICH_LINK" "$1"
	ask "$E2E_GENEVA" start_daemon client "$GENEVA_LINK" "$1"
}

stop_daemons() {
	ask "$E2E_GENEVA" stop_daemon client
	ask "$E2E_ZURICH" stop_daemon server
}

show_levels() {
	row "$1" "geneva outbound: $(ask "$E2E_GENEVA" keys_of "$GENEVA_LINK" outbound)"
	row "" "zurich inbound:  $(ask "$E2E_ZURICH" keys_of "$ZURICH_LINK" inbound)"
}

kernel_tls() { printf '%s/%s' "$(ask "$E2E_GENEVA" tls_stat TlsTxSw)" "$(ask "$E2E_GENEVA" tls_stat TlsRxSw)"; }

# One connection that carries a QKD key
show_transfer() {
	local before after key hash status
	start_daemons require
	ask "$E2E_ZURICH" start_capture
	show_levels "keys before"
	before=$(kernel_tls)

	status=$(ask "$E2E_GENEVA" fetch fetched)
	ask "$E2E_GENEVA" e2e_expect client 'end=closed outcome=qkd'
	ask "$E2E_ZURICH" e2e_expect server 'end=closed outcome=qkd'
	hash=$(ask "$E2E_GENEVA" hash_of fetched)
	after=$(kernel_tls)
	ask "$E2E_ZURICH" stop_capture
	key=$(ask "$E2E_GENEVA" field client key)

	row "file" "$(ask "$E2E_GENEVA" size_of fetched) bytes, SHA-256 $hash"
	row "suite" "$(ask "$E2E_GENEVA" field client suite)"
	row "key exchange" "$(ask "$E2E_GENEVA" field client group)"
	row "authentication" "certificate, both ends ($(ask "$E2E_GENEVA" field client authentication))"
	row "QKD key" "$key"
	row "policy" "require"
	row "records" "$(ask "$E2E_GENEVA" field client records) (kTLS)"
	show_levels "keys after"
	row "/proc/net/tls_stat" "TlsTxSw/TlsRxSw of geneva: before $before, after $after"

	check "the file arrived whole" [ "$status $hash" = "0 $(ask "$E2E_ZURICH" hash_of "www/$FILE")" ]
	check "both ends used the same QKD key" [ "$key" = "$(ask "$E2E_ZURICH" field server key)" ]
	check "that key is spent" ask "$E2E_ZURICH" key_is_spent "$ZURICH_LINK" "$key"
	check "the kernel protects the records" [ "$before $after" = "0/0 1/1" ]
	check "the capture shows the key's ID in an ImportedIdentity" \
		ask "$E2E_ZURICH" has_bytes wire.pcap "0010${key//-/}0020"
	check "the request is in the clear nowhere on the wire" ask "$E2E_ZURICH" lacks_text wire.pcap "$REQUEST"
}

# Failure done right

show_refusal() {
	local status alert
	tell "$LOST Under policy require:"
	lose_keys
	status=$(ask "$E2E_GENEVA" fetch refused)
	ask "$E2E_ZURICH" e2e_expect server 'outcome=refused'
	ask "$E2E_GENEVA" e2e_expect client 'outcome=refused'
	alert=$(ask "$E2E_ZURICH" field server alert-sent)
	row "curl" "exit status $status: $(ask "$E2E_GENEVA" complaint)"
	row "geneva's log" "$(ask "$E2E_GENEVA" last_line client outcome=refused)"
	row "zurich's log" "$(ask "$E2E_ZURICH" last_line server outcome=refused)"
	check "no connection without a key" [ "$status" -ne 0 ]
	check "zurich said so with an alert" [ "$alert" = decrypt_error ]
	check "geneva saw that alert" [ "$(ask "$E2E_GENEVA" field client alert-received)" = decrypt_error ]
	stop_daemons
}

show_fallback() {
	local hash
	tell "The same with policy prefer at both ends:"
	start_daemons prefer
	ask "$E2E_GENEVA" fetch fallback >/dev/null
	ask "$E2E_GENEVA" e2e_expect client 'end=closed outcome=fallback'
	hash=$(ask "$E2E_ZURICH" hash_of "www/$FILE")
	row "geneva's log" "$(ask "$E2E_GENEVA" last_line client outcome=fallback)"
	check "the file arrived over the hybrid certificate handshake" \
		[ "$(ask "$E2E_GENEVA" hash_of fallback)" = "$hash" ]
	check "its key exchange is hybrid" [ "$(ask "$E2E_GENEVA" field client group)" = X25519MLKEM768 ]
	check "the fallback was counted at geneva" [ "$(ask "$E2E_GENEVA" e2e_counter client fallback)" = 1 ]
	check "the fallback was counted at zurich" [ "$(ask "$E2E_ZURICH" e2e_counter server fallback)" = 1 ]
	stop_daemons
}

show_all() {
	show_transfer
	show_refusal
	show_fallback
}

# The plan, and whether all held
show_end() {
	printf '1..%d\n' "$number"
	[[ -z $broken ]]
}

# What the reader sees of such a report
shown() { sed -u -n -e 's/^# //p' -e 's/^\(not ok\|ok\) [0-9]* - /  \1: /p'; }
