#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Peers that are after keys: they hold an honest client's first flight back, repeat it and break off at every point, while
# strangers crowd the server. No key is spent twice, none is lost, and honest connections get theirs. Two sites, as
# selftests/e2e/lib.sh draws them; what concerns no keys is in selftests/user/abuse.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"
trap e2e_cleanup EXIT

ECHO_PORT=8081 WIRE_PORT=4434 WIRED_PORT=8001
COPIES=12
CROWD_IP=10.77.0.9
HANDSHAKES=32

hostile() { # PLACE ARGUMENT...
	in_place "$1" python3 "$here/hostile.py" "${@:2}"
}

outbound() {
	e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" "outbound_$1"
}

inbound() {
	e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" "inbound_$1"
}

is_idle() {
	[[ $(e2e_counter server open) == 0 && $(e2e_counter client open) == 0 ]]
}

# balances PLACE LINK: what the store took is what it has, has given away or has wiped.
balances() {
	local name sum=0 delivered
	delivered=$(e2e_stat "$1" "$2" delivered)
	for name in outbound_fresh inbound_fresh inbound_reserved outbound_spent inbound_spent expired purged; do
		sum=$((sum + $(e2e_stat "$1" "$2" "$name")))
	done
	((sum == delivered))
}

# No connection, no key held by one that is over, and no key that nobody knows of
all_is_in_order() {
	wait_for 60 is_idle
	[[ $(inbound reserved) == 0 ]]
	wait_for 20 balances "$E2E_GENEVA" "$E2E_ZURICH"
	wait_for 20 balances "$E2E_ZURICH" "$E2E_GENEVA"
	# No key stands twice among those that the server's connections had.
	[[ ! $(sed -n 's/.*outcome=qkd .* key=\([0-9a-f-]*\).*/\1/p' "$E2E_DIR/server.log" | sort | uniq -d) ]]
}

honest_is_served() {
	local spent
	spent=$(inbound spent)
	e2e_hostile honest "$E2E_GENEVA" honest 127.0.0.1 "$E2E_APP_PORT"
	wait_for 120 has_spent $((spent + 3))
	e2e_stop "$(e2e_pid honest)"
	cat "$E2E_DIR/honest.out"
	(($(e2e_said honest good) >= 2 && $(e2e_said honest bad) == 0))
}

has_spent() {
	(($(inbound spent) >= $1))
}

# An honest hello that never arrived comes many times at once, and once more: the server answers one, and spends one key.
test_a_hello_is_good_for_one_handshake() {
	local spent offered
	spent=$(inbound spent) offered=$(outbound spent)
	hostile "$E2E_GENEVA" hold "$WIRE_PORT" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" "$WIRED_PORT" "$COPIES" \
		>"$E2E_DIR/hold.out"
	cat "$E2E_DIR/hold.out"
	[[ $(cat "$E2E_DIR/hold.out") == "answered 1 refused $((COPIES - 1)) late-answered 0" ]]
	(($(inbound spent) == spent + 1 && $(outbound spent) == offered + 1))
	# Who repeats a hello cannot go on with it.
	refuse e2e_logged server 'outcome=qkd'
	honest_is_served
	all_is_in_order
}

# A wire that breaks at each of many points, in both directions
test_no_key_is_lost_when_connections_break() {
	hostile "$E2E_GENEVA" cut "$WIRE_PORT" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" "$WIRED_PORT" 400 >"$E2E_DIR/cut.out"
	cat "$E2E_DIR/cut.out"
	(($(e2e_said cut cut) > 6 && $(e2e_said cut whole) == 2))
	honest_is_served
	all_is_in_order
}

# Strangers in a crowd, from one address, which gets no more than its half of the handshakes
test_a_crowd_keeps_nobody_from_his_keys() {
	in_place "$E2E_GENEVA" ip address add "$CROWD_IP/24" dev gz
	e2e_hostile crowd "$E2E_GENEVA" stuck "$E2E_ZURICH_IP" "$E2E_TLS_PORT" "$CROWD_IP" $((2 * HANDSHAKES))
	wait_for 60 has_refused "$HANDSHAKES"
	honest_is_served
	e2e_stop "$(e2e_pid crowd)"
	all_is_in_order
}

has_refused() {
	(($(e2e_counter server too-many-from-source) >= $1))
}

e2e_need qkdtlsd qkdctl python3 ip openssl || tap_skip_all "a program is missing"
modprobe -a tls veth qkd qkd_sim
[[ -e /proc/net/tls_stat ]] || tap_skip_all "this kernel has no TLS"
e2e_namespaces
e2e_device
e2e_pki
e2e_seed
e2e_links
e2e_keys_ready
e2e_hostile echo "$E2E_ZURICH" echo "$ECHO_PORT"
wait_for 30 e2e_connects "$E2E_ZURICH" 127.0.0.1 "$ECHO_PORT"
e2e_config server server "$E2E_ZURICH_IP:$E2E_TLS_PORT" "127.0.0.1:$ECHO_PORT" "$E2E_GENEVA" "allow-simulated = yes" \
	"handshake-timeout = 20" "max-handshakes = $HANDSHAKES"
e2e_config client client "127.0.0.1:$E2E_APP_PORT" "$E2E_ZURICH_IP:$E2E_TLS_PORT" "$E2E_ZURICH" "allow-simulated = yes" \
	"handshake-timeout = 60"
e2e_config wired client "127.0.0.1:$WIRED_PORT" "127.0.0.1:$WIRE_PORT" "$E2E_ZURICH" "allow-simulated = yes" \
	"handshake-timeout = 60"
e2e_daemon "$E2E_ZURICH" server
e2e_daemon "$E2E_GENEVA" client
e2e_daemon "$E2E_GENEVA" wired
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}"
