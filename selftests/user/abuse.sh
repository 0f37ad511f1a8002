#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Peers that mean harm: while they do what they can, honest ones are served, and afterwards the daemon is as it was: the same
# processes, nothing open, no descriptor and, within its bound, no memory more. Without kernel module and kernel TLS, on the
# loopback device of a network namespace of their own; what concerns keys is in selftests/e2e/qkdtlsd-abuse.sh.
set -euo pipefail

# shellcheck source=selftests/user/qkdtlsd.bash
. "$(dirname "${BASH_SOURCE[0]}")/qkdtlsd.bash"

SERVER=127.0.0.1:$E2E_TLS_PORT
CLIENT=127.0.0.1:$E2E_APP_PORT
WIRE_PORT=4434 CUT_PORT=8001
HANDSHAKES=64 # of the server's: any source has half

hostile() {
	"$here/../e2e/hostile.py" "$@"
}

state() {
	local pid
	local -a fds
	for pid in $(e2e_children server qkdtlsd-worker); do
		fds=("/proc/$pid/fd/"*)
		echo "$pid ${#fds[@]}"
	done
}

is_as_before() {
	[[ $(state) == "$before" && $(e2e_counter server open) == 0 ]]
}

# KiB of memory that the workers have for themselves
memory() {
	local pid sum=0
	for pid in $(e2e_children server qkdtlsd-worker); do
		sum=$((sum + $(sed -n 's/^Private_Dirty: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup")))
	done
	echo "$sum"
}

# begin: what serves_on judges by
begin() {
	fresh honest
	wait_for 20 is_idle
	before=$(state)
	e2e_hostile honest here honest 127.0.0.1 "$E2E_APP_PORT"
}

is_idle() {
	[[ $(e2e_counter server open) == 0 ]]
}

has_counted() { # COUNTER AT-LEAST
	(($(e2e_counter server "$1") >= $2))
}

# serves_on: from now on, as before, honest connections go through; then all is over and the daemon is as it was.
serves_on() {
	local qkd=$(($(e2e_counter server closed) + 5))
	wait_for 60 has_counted closed "$qkd"
	e2e_stop "$(e2e_pid honest)"
	cat "$E2E_DIR/honest.out"
	(($(e2e_said honest good) >= 5 && $(e2e_said honest bad) == 0))
}

over() {
	wait_for 30 is_as_before || {
		echo "before: $before; now: $(state); open: $(e2e_counter server open)"
		return 1
	}
}

# attack_of KIND END: connections of one source without end; the limit of sources is met.
attack_of() {
	local kind=$1 end=$2
	begin
	e2e_hostile "$kind" here "$kind" 127.0.0.1 "$E2E_TLS_PORT" 127.0.0.2 $((4 * HANDSHAKES))
	wait_for 60 has_counted "$end" $(($(e2e_counter server "$end") + HANDSHAKES))
	serves_on
	e2e_stop "$(e2e_pid "$kind")"
	(($(e2e_said "$kind" ended) > HANDSHAKES))
	over
}

test_a_flood_of_connections() {
	local resets
	begin
	resets=$(e2e_counter server reset)
	hostile flood 127.0.0.1 "$E2E_TLS_PORT" 127.0.0.3 2000
	wait_for 60 has_counted reset $((resets + 100))
	serves_on
	over
}

# A wire that breaks at each of many points of handshake, data and end, in both directions
test_resets_at_every_point() {
	begin
	hostile cut "$WIRE_PORT" 127.0.0.1 "$E2E_TLS_PORT" "$CUT_PORT" 100 >"$E2E_DIR/cut.out"
	cat "$E2E_DIR/cut.out"
	(($(e2e_said cut cut) > 30 && $(e2e_said cut whole) == 2))
	serves_on
	over
}

# Applications that send and never read: what is in between holds a bounded part of it, and tells them to wait.
test_back_pressure() {
	local sent
	begin
	e2e_hostile hoard here hoard 127.0.0.1 "$E2E_APP_PORT" 16
	serves_on
	e2e_stop "$(e2e_pid hoard)"
	sent=$(e2e_said hoard sent)
	echo "16 connections took $sent bytes"
	# What sockets hold by the kernel's rules, at six places, and the daemons' buffers
	((sent > 0 && sent < 16 * 64 * 1024 * 1024))
	over
}

# All handshakes that there may be, each stuck behind as much as a stranger may send: what qkdtlsd(8) says of each, and what two
# processes have of their own; again and again, so that little that stayed of each would be too much.
test_memory_is_bounded() {
	local storm now accepted
	if grep -q libasan "/proc/$(e2e_pid server)/maps"; then
		skip "the sanitizer keeps what is given back"
	fi
	accepted=$(e2e_counter server accepted)
	for storm in 1 2 3; do
		storm
		now=$(memory)
		echo "the workers' own memory in storm $storm: $now KiB; connections since: $(($(e2e_counter server accepted) - accepted))"
		((now <= HANDSHAKES * 64 + 2 * 6144))
		calm
	done
	(($(memory) <= 2 * 6144))
}

storm() {
	local i
	for i in 2 3 4 5; do
		e2e_hostile "storm$i" here stuck 127.0.0.1 "$E2E_TLS_PORT" "127.0.0.$i" "$HANDSHAKES"
	done
	wait_for 60 has_counted too-many-handshakes $(($(e2e_counter server too-many-handshakes) + HANDSHAKES))
	wait_for 60 has_counted timeout $(($(e2e_counter server timeout) + HANDSHAKES))
}

calm() {
	local i
	for i in 2 3 4 5; do
		e2e_stop "$(e2e_pid "storm$i")"
	done
	wait_for 30 is_idle
}

# A flood of refusals is in the counters, and in the log a bounded part of it.
test_the_log_is_bounded() {
	local lines counted
	lines=$(grep -c 'outcome=refused' "$E2E_DIR/server.log")
	counted=$(e2e_counter server accepted)
	((counted > 3 * lines))
	e2e_logged server 'not-logged=[0-9]+'
}

e2e_need qkdtlsd openssl python3 ip || tap_skip_all "a program is missing"
[[ $HYBRID ]] || tap_skip_all "without a key there is nothing for this OpenSSL to offer"
ip link set lo up
e2e_pki
e2e_hostile echo here echo "$E2E_WEB_PORT"
wait_for 20 e2e_connects here 127.0.0.1 "$E2E_WEB_PORT"
e2e_config server server "$SERVER" "127.0.0.1:$E2E_WEB_PORT" missing "policy = prefer" "handshake-timeout = 3" \
	"key-timeout = 0" "max-handshakes = $HANDSHAKES"
with_workers 2 server
e2e_config client client "$CLIENT" "$SERVER" missing "policy = prefer" "key-timeout = 0"
e2e_config cut client "127.0.0.1:$CUT_PORT" "127.0.0.1:$WIRE_PORT" missing "policy = prefer" "key-timeout = 0"
e2e_daemon here server
e2e_daemon here client
e2e_daemon here cut
# What a worker opens once for all its life, it has now.
hostile flood 127.0.0.1 "$E2E_TLS_PORT" 127.0.0.1 100
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "attack_of silent too-many-from-source" "attack_of drip too-many-from-source" "attack_of garbage protocol" "${tests[@]}"
