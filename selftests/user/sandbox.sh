#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How the processes of qkdtlsd are confined, seen from outside. What they can do then is in test_qkdtlsd_sandbox.c; all
# other tests of the daemon are tests of this, too.
set -euo pipefail

# shellcheck source=selftests/user/qkdtlsd.bash
. "$(dirname "${BASH_SOURCE[0]}")/qkdtlsd.bash"

start() {
	e2e_config server server "[::]:$E2E_TLS_PORT" "127.0.0.1:$E2E_WEB_PORT" missing "${GROUPS_LINES[@]}"
	with_workers 2 server
	e2e_daemon here server
	wait_for 20 has_processes
}

stop() {
	e2e_stop "$(e2e_pid server)"
}

# Two workers and a signer that have been set up
has_processes() {
	local pid confined=0
	for pid in $(e2e_children server qkdtlsd-worker) $(e2e_children server qkdtlsd-signer); do
		if grep -Eq '^Seccomp:\s+2$' "/proc/$pid/status"; then
			confined=$((confined + 1))
		fi
	done
	((confined == 3))
}

test_each_process_is_confined() {
	local pid
	start
	for pid in $(e2e_children server qkdtlsd-worker) $(e2e_children server qkdtlsd-signer); do
		grep -Eq '^Seccomp:\s+2$' "/proc/$pid/status"
		grep -Eq '^Seccomp_filters:\s+1$' "/proc/$pid/status"
		grep -Eq '^NoNewPrivs:\s+1$' "/proc/$pid/status"
		grep -Eq '^Threads:\s+1$' "/proc/$pid/status"
		# Not dumpable, also after the change of the user: what is the process's is not the user's.
		grep -Eq "^Uid:\s+$(id -u "$E2E_USER")\s" "/proc/$pid/status"
		[[ $(stat -c %u "/proc/$pid/mem") == 0 ]]
	done
	stop
}

test_the_log_says_what_is_in_force() {
	start
	grep -E 'confined by seccomp( and Landlock \(ABI [0-9]+\)$| only: without Landlock )' "$E2E_DIR/server.log"
	stop
}

# Set up as root, whom no limit keeps from locking what there is then
test_memory_is_locked() {
	local pid
	start
	if grep -q libasan "/proc/$(e2e_pid server)/maps"; then
		stop
		skip "AddressSanitizer locks no memory"
	fi
	for pid in "$(e2e_pid server)" $(e2e_children server qkdtlsd-worker) $(e2e_children server qkdtlsd-signer); do
		(($(sed -n 's/^VmLck:\s*\([0-9]*\) kB$/\1/p' "/proc/$pid/status") > 0))
	done
	stop
}

test_memory_that_cannot_be_locked_is_warned_of() {
	e2e_config server server "[::]:$E2E_TLS_PORT" "127.0.0.1:$E2E_WEB_PORT" missing "${GROUPS_LINES[@]}"
	: >"$E2E_DIR/server.log"
	setpriv --reuid "$E2E_USER" --clear-groups --inh-caps=-all --bounding-set=-all \
		prlimit --memlock=65536 "$(command -v qkdtlsd)" -c "$E2E_DIR/unreadable.conf" >"$E2E_DIR/server.log" 2>&1 &
	e2e_started $!
	e2e_expect server 'LimitMEMLOCK=infinity'
}

# getnameinfo() would ask for the name of the interface by a socket that no worker can have.
test_a_link_local_peer_is_served() {
	ip address add fe80::77/64 dev lo
	start
	python3 - "$E2E_TLS_PORT" <<-'END'
		import socket, sys
		peer = socket.create_connection(("fe80::77%lo", int(sys.argv[1])), 20)
		peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
		while peer.recv(100):
		    pass
	END
	e2e_expect server 'peer=\[fe80::77%[a-z0-9]+\]:[0-9]+ .*end=protocol'
	stop
}

test_no_filter_was_in_the_way() {
	e2e_filters_held
}

test_the_end_by_a_filter_is_explained() {
	start
	kill -SYS "$(e2e_children server qkdtlsd-worker | head -n 1)"
	e2e_expect server 'worker [0-9]+ was killed by signal 31 \(Bad system call\)'
	e2e_expect server 'worker [0-9]+ has asked the kernel for what its seccomp filter does not allow: .*journalctl -k'
	wait_for 20 has_processes
	kill -SYS "$(e2e_children server qkdtlsd-signer)"
	e2e_expect server 'the signer has asked the kernel for what its seccomp filter does not allow'
	e2e_expect server 'reloaded: new connections by the new configuration'
	stop
}

e2e_need qkdtlsd openssl python3 ip setpriv prlimit || tap_skip_all "a program is missing"
ip link set lo up
e2e_pki
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}"
