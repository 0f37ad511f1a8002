#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two sites, as selftests/e2e/lib.sh draws them, whose keys come from KMEs: tools/kme at each site, a process of its own,
# qkdkmed as the provider of the kernel's links, and qkdtls over the wire. Needs root, the modules, a kernel with TLS and
# python3: runs in a virtual machine. What needs no kernel is in selftests/user/qkdkmed.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
E2E_KEYS_WANTED=20
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"
trap e2e_cleanup EXIT
cd "$E2E_DIR"

TIMEOUT=60 # the virtual machine is slow
KME_PORT=8443

# start PLACE NAME CMD...: in the background, its log in NAME.log, its process ID in NAME.pid
start() {
	local place=$1 name=$2
	shift 2
	: >"$name.log"
	exec_place "$place" "$@" >"$name.log" 2>&1 &
	echo $! >"$name.pid"
	e2e_started $!
}

kmes_config() {
	local node place sae
	head -c 32 /dev/urandom >network.seed
	printf '[network]\nseed-file = network.seed\n[pair %s %s]\n' "$E2E_CLIENT_NAME" "$E2E_SERVER_NAME" >network.conf
	while read -r node sae; do
		printf '[node %s]\nlisten = 127.0.0.1:%d\ncertificate = kme-%s.pem\nprivate-key = kme-%s.key\n' \
			"$node" "$KME_PORT" "$node" "$node" >>network.conf
		printf 'trust = ca.pem\nsaes = %s\n' "$sae" >>network.conf
	done <<<"$E2E_GENEVA $E2E_CLIENT_NAME"$'\n'"$E2E_ZURICH $E2E_SERVER_NAME"
	for place in "$E2E_GENEVA" "$E2E_ZURICH"; do
		sae=$E2E_CLIENT_NAME
		[[ $place == "$E2E_GENEVA" ]] || sae=$E2E_SERVER_NAME
		printf '[kme local]\nurl = https://localhost:%d\ncertificate = %s.pem\nprivate-key = %s.key\ntrust = ca.pem\n' \
			"$KME_PORT" "$sae" "$sae" >"feed-$place.conf"
		printf 'connect-timeout = 10000\nrequest-timeout = 20000\n' >>"feed-$place.conf"
		printf '[link %s]\nkme = local\nhigh = 40\nretry-max = 1\nstatus-interval = 2\n' "$(other "$place")" >>"feed-$place.conf"
	done
}

other() {
	if [[ $1 == "$E2E_GENEVA" ]]; then
		echo "$E2E_ZURICH"
	else
		echo "$E2E_GENEVA"
	fi
}

kme_run() { # PLACE
	start "$1" "kme-$1" kme run network.conf "$1"
	wait_for 60 grep -q "^$1: " "kme-$1.log"
}

feeder() { # PLACE
	start "$1" "feed-$1" qkdkmed -c "feed-$1.conf"
	wait_for 60 grep -q 'feeding it with keys' "feed-$1.log"
}

is_up() { # PLACE
	in_place "$1" qkdctl link show "$(other "$1")" | grep -q 'state up'
}

is_down() {
	in_place "$1" qkdctl link show "$(other "$1")" | grep -q 'state down'
}

link_add() { # PLACE
	local own=$E2E_CLIENT_NAME peer=$E2E_SERVER_NAME
	if [[ $1 == "$E2E_ZURICH" ]]; then
		own=$E2E_SERVER_NAME peer=$E2E_CLIENT_NAME
	fi
	in_place "$1" qkdctl link add "$(other "$1")" provider feed local "$own" remote "$peer" low 10
}

filled() { # PLACE
	(($(e2e_stat "$1" "$(other "$1")" outbound_fresh) >= ${2:-$E2E_KEYS_WANTED}))
}

server_ready() {
	grep -q '^listening: ' server.err
}

server() {
	: >server.err
	exec_place "$E2E_ZURICH" qkdtls server "$E2E_ZURICH_IP:$E2E_TLS_PORT" --link "$E2E_GENEVA" \
		--cert server.pem --key server.key --timeout "$TIMEOUT" --echo --once </dev/null >server.out 2>server.err &
	server_pid=$!
	e2e_started "$server_pid"
	wait_for 60 server_ready
}

client() {
	in_place "$E2E_GENEVA" timeout 120 qkdtls client "$E2E_ZURICH_IP:$E2E_TLS_PORT" --ca ca.pem \
		--link "$E2E_ZURICH" --timeout "$TIMEOUT" 2>client.err
}

connects() {
	server
	[[ $(echo hello | client) == hello ]] || {
		cat client.err server.err
		return 1
	}
	wait "$server_pid"
	grep -qx 'authentication: certificate and PSK' client.err
	grep -qx 'authentication: certificate and PSK' server.err
}

test_links_are_filled_from_both_kmes() {
	local place
	for place in "$E2E_GENEVA" "$E2E_ZURICH"; do
		wait_for 60 is_up "$place"
		wait_for 60 filled "$place" 40
	done
}

test_a_connection_has_a_key_that_was_fetched_by_its_id() {
	local fetched
	fetched=$(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent)
	connects
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent) == fetched + 1))
}

# Keys are taken while it is refilled: how full it will be is not said, only that it is well above the mark.
test_the_link_is_refilled_below_its_mark() {
	local i
	for ((i = 0; i < 33; i++)); do
		in_place "$E2E_GENEVA" qkdctl key get "$E2E_ZURICH" >/dev/null
	done
	wait_for 60 filled "$E2E_GENEVA" 20
}

test_no_kme_no_connection_then_there_is_one_again() {
	e2e_stop "$(cat "kme-$E2E_ZURICH.pid")" KILL
	wait_for 60 is_down "$E2E_ZURICH"
	server
	echo hello | refuse client >client.out
	[[ ! -s client.out ]]
	e2e_stop "$server_pid"
	kme_run "$E2E_ZURICH"
	wait_for 60 is_up "$E2E_ZURICH"
	connects
}

test_a_killed_daemon_takes_the_link_down_and_a_new_one_goes_on() {
	e2e_stop "$(cat "feed-$E2E_ZURICH.pid")" KILL
	wait_for 20 is_down "$E2E_ZURICH"
	feeder "$E2E_ZURICH"
	wait_for 60 is_up "$E2E_ZURICH"
	connects
}

test_a_link_that_goes_and_comes_is_fed_again() {
	in_place "$E2E_GENEVA" qkdctl link delete "$E2E_ZURICH"
	wait_for 20 grep -q 'it has gone' "feed-$E2E_GENEVA.log"
	link_add "$E2E_GENEVA"
	wait_for 60 filled "$E2E_GENEVA" 40
	connects
}

test_reload_leaves_the_link_up() {
	local gone
	gone=$(grep -c 'feeding it' "feed-$E2E_GENEVA.log")
	sed -i 's/^high = .*/high = 60/' "feed-$E2E_GENEVA.conf"
	kill -HUP "$(cat "feed-$E2E_GENEVA.pid")"
	wait_for 60 filled "$E2E_GENEVA" 55
	is_up "$E2E_GENEVA"
	[[ $(grep -c 'feeding it' "feed-$E2E_GENEVA.log") == "$gone" ]]
}

test_every_key_is_accounted_for() {
	local place
	for place in "$E2E_GENEVA" "$E2E_ZURICH"; do
		kill -USR1 "$(cat "feed-$place.pid")"
		wait_for 20 grep -q ' dropped=0 ' "feed-$place.log"
	done
}

e2e_need qkdtls qkdctl qkdkmed kme python3 openssl ip || exit 1
modprobe -a tls veth qkd
[[ -e /proc/net/tls_stat ]] || tap_skip_all "this kernel has no TLS"
kme pki . "kme-$E2E_GENEVA" "kme-$E2E_ZURICH" "$E2E_CLIENT_NAME" "$E2E_SERVER_NAME"
cp "$E2E_SERVER_NAME.pem" server.pem
cp "$E2E_SERVER_NAME.key" server.key
kmes_config
e2e_namespaces
link_add "$E2E_GENEVA"
link_add "$E2E_ZURICH"
for place in "$E2E_GENEVA" "$E2E_ZURICH"; do
	kme_run "$place"
	feeder "$place"
done
tap_run test_links_are_filled_from_both_kmes \
	test_a_connection_has_a_key_that_was_fetched_by_its_id \
	test_the_link_is_refilled_below_its_mark \
	test_no_kme_no_connection_then_there_is_one_again \
	test_a_killed_daemon_takes_the_link_down_and_a_new_one_goes_on \
	test_a_link_that_goes_and_comes_is_fed_again \
	test_reload_leaves_the_link_up \
	test_every_key_is_accounted_for
