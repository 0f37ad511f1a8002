#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The daemon without a kernel module and without the kernel's TLS: client and server service on the loopback device
# of a network namespace of their own. What needs keys and kTLS is in selftests/e2e/qkdtlsd.sh.
set -euo pipefail

# shellcheck source=selftests/user/qkdtlsd.bash
. "$(dirname "${BASH_SOURCE[0]}")/qkdtlsd.bash"

SERVER=127.0.0.1:$E2E_TLS_PORT
CLIENT=127.0.0.1:$E2E_APP_PORT
WEB=127.0.0.1:$E2E_WEB_PORT
ECHO_PORT=8081
SIZE=1048576

server_config() {
	e2e_config server server "$SERVER" "$WEB" missing "${GROUPS_LINES[@]}" "$@"
}

client_config() {
	e2e_config client client "$CLIENT" "$SERVER" missing "${GROUPS_LINES[@]}" "$@"
}

both() {
	e2e_daemon here server
	e2e_daemon here client
}

has_processes() { # NAME WORKERS
	[[ $(e2e_children "$1" qkdtlsd-worker | wc -l) == "$2" && $(e2e_children "$1" qkdtlsd-signer | wc -l) == 1 ]]
}

stop_both() {
	e2e_stop "$(e2e_pid client)"
	e2e_stop "$(e2e_pid server)"
}

check_refuses() {
	local pattern=$1
	refuse qkdtlsd --check -c "$E2E_DIR/server.conf" >"$E2E_DIR/check.log" 2>&1
	cat "$E2E_DIR/check.log"
	grep -Eq "$pattern" "$E2E_DIR/check.log"
}

test_check_accepts_a_good_file() {
	server_config
	qkdtlsd --check -c "$E2E_DIR/server.conf" | grep -q 'no mistakes found'
}

test_check_names_line_and_remedy() {
	server_config "colour = red"
	check_refuses 'server.conf:[0-9]+: unknown setting "colour" in service server; qkdtlsd.conf\(5\) lists'
	server_config "mode = client"
	check_refuses '"mode" is given twice in service server; remove one'
	server_config "handshake-timeout = 0"
	check_refuses '"handshake-timeout = 0": give a whole number from 1 to 600'
}

test_check_reads_certificates_and_keys() {
	server_config "certificate = $E2E_DIR/none.pem"
	check_refuses 'service "server": .*none.pem'
	server_config "private-key = $E2E_DIR/client.key"
	check_refuses 'service "server": '
	cp "$E2E_DIR/server.key" "$E2E_DIR/open.key"
	chmod 644 "$E2E_DIR/open.key"
	server_config "private-key = $E2E_DIR/open.key"
	check_refuses 'service "server": .*open.key'
	server_config "ciphers = TLS_NULL"
	check_refuses 'service "server": '
}

test_classical_groups_must_be_allowed() {
	e2e_config server server "$SERVER" "$WEB" missing "groups = x25519"
	check_refuses 'service "server": '
}

test_does_not_serve_as_root() {
	server_config
	refuse timeout 10 qkdtlsd -c "$E2E_DIR/server.conf" >"$E2E_DIR/root.log" 2>&1
	grep -q 'give --user NAME' "$E2E_DIR/root.log"
	refuse timeout 10 qkdtlsd --user nobody-at-all -c "$E2E_DIR/server.conf" >"$E2E_DIR/root.log" 2>&1
	grep -q 'there is no such user' "$E2E_DIR/root.log"
}

test_usage_errors_exit_2() {
	local status=0
	qkdtlsd --colour 2>/dev/null || status=$?
	((status == 2))
	status=0
	qkdtlsd extra 2>/dev/null || status=$?
	((status == 2))
	qkdtlsd --help | grep -q -- '--check'
	qkdtlsd --version | grep -q '^qkdtlsd [0-9]'
}

test_gives_privileges_up() {
	local pid
	server_config
	with_workers 2 server
	e2e_daemon here server
	wait_for 20 has_processes server 2
	for pid in $(e2e_children server); do
		grep -Eq "^Uid:\s+$(id -u "$E2E_USER")\s" "/proc/$pid/status"
		grep -Eq '^NoNewPrivs:\s+1' "/proc/$pid/status"
		grep -Eq '^CapEff:\s+0+$' "/proc/$pid/status"
	done
	for pid in "$(e2e_pid server)" $(e2e_children server); do
		[[ $(stat -c %u "/proc/$pid/environ") == 0 ]]
		grep -Eq '^Max core file size +0 +0 ' "/proc/$pid/limits"
	done
	# None has anything open that is not its own: a worker the listener, its way to the signer, and what its loop needs.
	for pid in $(e2e_children server qkdtlsd-worker); do
		(($(find "/proc/$pid/fd" -lname 'socket:*' | wc -l) == 2))
	done
}

# has_bytes PID FILE: is what FILE has, or its reverse, in what this process may have written?
has_bytes() {
	python3 - "$1" "$2" <<-'END'
		import sys
		wanted = open(sys.argv[2], "rb").read()
		with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
		    for line in maps:
		        place, mode = line.split()[:2]
		        start, end = (int(x, 16) for x in place.split("-"))
		        if "w" not in mode or "[v" in line or end - start > 1 << 32: # of a sanitizer
		            continue
		        memory.seek(start)
		        while start < end:
		            try:
		                part = memory.read(min(end - start, 1 << 24))
		            except OSError:
		                break
		            if wanted in part or wanted[::-1] in part:
		                sys.exit(0)
		            start += len(part)
		sys.exit(1)
	END
}

test_only_the_signer_has_the_private_key() {
	local pid
	# The private number, in the order of the file; libcrypto keeps it the other way round.
	openssl pkey -in "$E2E_DIR/server.key" -noout -text | sed -n '/^priv:/,/^pub:/{//!p}' | tr -d ' \n' |
		python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().replace(":", ""))[-32:])' \
			>"$E2E_DIR/number"
	[[ $(stat -c %s "$E2E_DIR/number") == 32 ]]
	has_bytes "$(e2e_children server qkdtlsd-signer)" "$E2E_DIR/number"
	for pid in "$(e2e_pid server)" $(e2e_children server qkdtlsd-worker); do
		refuse has_bytes "$pid" "$E2E_DIR/number"
	done
	e2e_stop "$(e2e_pid server)"
}

test_prefer_falls_back_without_a_link() {
	fresh server client
	server_config "policy = prefer"
	client_config "policy = prefer"
	both
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	e2e_expect client 'peer=127.0.0.1:4433 .*end=closed outcome=fallback suite=TLS_AES_256_GCM_SHA384 group='
	e2e_expect server 'end=closed outcome=fallback .* out=[0-9]{7}'
	e2e_expect client 'falls back to a handshake without QKD key: there is no /dev/qkd'
	[[ $(e2e_counter client fallback) == 1 ]]
	[[ $(e2e_counter server fallback) == 1 ]]
	[[ $(e2e_counter server qkd) == 0 ]]
}

test_own_records_are_warned_of_once() {
	[[ -e /proc/net/tls_stat ]] && skip "this kernel has TLS"
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	[[ $(grep -c 'no TLS in this kernel' "$E2E_DIR/server.log") == 1 ]]
}

test_many_connections_at_once() {
	local i pids=()
	for i in $(seq 20); do
		e2e_fetch here file -o "$E2E_DIR/out.$i" &
		pids+=($!)
	done
	for i in $(seq 20); do
		wait "${pids[i - 1]}"
		cmp "$E2E_DIR/out.$i" "$E2E_DIR/www/file"
	done
	rm "$E2E_DIR"/out.*
}

test_no_secret_and_no_plain_text_in_logs() {
	refuse grep -Eiq 'secret|BEGIN|private' "$E2E_DIR/server.log" "$E2E_DIR/client.log"
	stop_both
}

test_require_refuses_without_a_link() {
	fresh server client
	server_config
	client_config
	both
	refuse e2e_fetch here file
	e2e_expect client 'end=no-link outcome=refused .*reason="there is no /dev/qkd'
	[[ $(e2e_counter client no-link) == 1 ]]
	e2e_stop "$(e2e_pid client)"
	client_config "policy = prefer"
	e2e_daemon here client
	refuse e2e_fetch here file
	e2e_expect server 'end=protocol outcome=refused alert-sent=insufficient_security'
	e2e_expect client 'end=peer-alert outcome=refused .*alert-received=insufficient_security'
	stop_both
}

test_both_directions_and_half_close() {
	fresh server client
	server_config "policy = prefer" "connect = 127.0.0.1:$ECHO_PORT"
	client_config "policy = prefer"
	both
	# The end of the input reaches cat through the tunnel; only then its answer ends.
	busybox nc 127.0.0.1 "$E2E_APP_PORT" <"$E2E_DIR/www/file" >"$E2E_DIR/echoed"
	cmp "$E2E_DIR/echoed" "$E2E_DIR/www/file"
	e2e_expect client "end=closed .* out=$SIZE in=$SIZE"
	stop_both
}

test_other_ca_is_refused() {
	fresh server client
	server_config "policy = prefer" "certificate = $E2E_DIR/stranger.pem" \
		"private-key = $E2E_DIR/stranger.key"
	client_config "policy = prefer"
	both
	refuse e2e_fetch here file
	e2e_expect client 'end=certificate outcome=refused .*alert-sent=unknown_ca'
	e2e_expect server 'end=peer-alert outcome=refused .*alert-received=unknown_ca'
	stop_both
}

test_other_name_is_refused() {
	fresh server client
	server_config "policy = prefer"
	client_config "policy = prefer" "peer-name = basel.example"
	both
	refuse e2e_fetch here file
	e2e_expect client 'end=certificate outcome=refused'
	stop_both
}

test_client_without_certificate_is_refused() {
	fresh server client
	server_config "policy = prefer"
	client_config "policy = prefer"
	sed -i '/^certificate\|^private-key/d' "$E2E_DIR/client.conf"
	both
	refuse e2e_fetch here file
	e2e_expect server 'outcome=refused .*alert-sent=certificate_required'
	stop_both
}

test_silent_peer_is_timed_out() {
	fresh server client
	server_config "handshake-timeout = 1"
	e2e_daemon here server
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	timeout 20 cat <&3 >/dev/null
	exec 3>&-
	e2e_expect server 'end=timeout outcome=refused'
	[[ $(e2e_counter server timeout) == 1 ]]
}

test_garbage_is_refused() {
	printf 'GET / HTTP/1.0\r\n\r\n' | busybox nc 127.0.0.1 "$E2E_TLS_PORT" >"$E2E_DIR/alert"
	# An alert record, fatal
	[[ $(od -An -tx1 -N6 "$E2E_DIR/alert") == " 15 03 03 00 02 02" ]]
	e2e_expect server 'end=protocol outcome=refused .*alert-sent='
	[[ $(e2e_counter server open) == 0 ]]
	e2e_stop "$(e2e_pid server)"
}

# limit_of END SETTING...: of two silent peers of one address the second is refused at once, the first waits on, and when
# that has gone the next may come.
limit_of() {
	local end=$1
	shift
	fresh server client
	server_config "$@"
	with_workers 2 server
	e2e_daemon here server
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	wait_for 10 counts open 1
	exec 4<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	timeout 20 cat <&4 >/dev/null
	e2e_expect server "end=$end outcome=refused"
	[[ $(e2e_counter server "$end") == 1 ]]
	counts open 1
	exec 3>&- 4>&-
	e2e_expect server 'end=reset'
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	wait_for 10 counts accepted 3
	counts open 1
	exec 3>&-
	e2e_stop "$(e2e_pid server)"
}

counts() {
	[[ $(e2e_counter server "$1") == "$2" ]]
}

test_idle_connection_is_ended() {
	fresh server client
	server_config "policy = prefer" "idle-timeout = 1" "connect = 127.0.0.1:$ECHO_PORT"
	client_config "policy = prefer"
	both
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_APP_PORT"
	printf 'hello\n' >&3
	read -r -t 20 line <&3
	[[ $line == hello ]]
	# Nobody ends it but the limit.
	timeout 20 cat <&3 >/dev/null 2>&1 || (($? == 1))
	e2e_expect server 'end=idle outcome=fallback .*out=6 in=6 '
	exec 3>&-
	stop_both
}

# Bytes that move keep it alive, in the end for longer than the limit.
test_a_slow_connection_is_not_idle() {
	local i line
	fresh server client
	server_config "policy = prefer" "idle-timeout = 2" "connect = 127.0.0.1:$ECHO_PORT"
	client_config "policy = prefer"
	both
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_APP_PORT"
	for i in {1..12}; do
		echo "$i" >&3
		read -r -t 20 line <&3
		[[ $line == "$i" ]]
		sleep 0.3 # is the test's pace
	done
	[[ $(e2e_counter server idle) == 0 ]]
	exec 3>&-
	e2e_expect server 'end=(closed|reset) outcome=fallback'
	stop_both
}

# The counters, as JSON, as text and for Prometheus, while the daemon runs; the socket's file goes with it.
test_counters_can_be_asked_for() {
	local place=$E2E_DIR/run/stats
	rm -rf "$E2E_DIR/run"
	mkdir -m 711 "$E2E_DIR/run"
	fresh server client
	server_config "policy = prefer"
	printf '[daemon]\nstats = %s\n' "$place" >>"$E2E_DIR/server.conf"
	client_config "policy = prefer"
	both
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	e2e_expect server 'end=closed'
	[[ $(stat -c %a "$place") == 660 ]]
	qkdctl -j stats daemon "$place" | tee /dev/stderr |
		grep -q '"service": *"server".*"open": *0.*"accepted": *1.*"fallback": *1.*"closed": *1'
	qkdctl stats daemon "$place" | grep -qx '    closed 1'
	qkdctl --prometheus stats daemon "$place" >"$E2E_DIR/metrics"
	grep -qx 'qkdtlsd_connections_accepted_total{service="server"} 1' "$E2E_DIR/metrics"
	grep -qx 'qkdtlsd_connections_ended_total{service="server",reason="no-key"} 0' "$E2E_DIR/metrics"
	# Each metric is named once, before its samples.
	[[ ! $(grep '^# TYPE' "$E2E_DIR/metrics" | sort | uniq -d) ]]
	refuse grep -Ev '^(# (HELP|TYPE) .*|[a-z_]+\{[^{}]*\} [0-9]+)$' "$E2E_DIR/metrics"
	# Who does not read keeps nobody waiting.
	for _ in {1..20}; do
		qkdctl stats daemon "$place" >/dev/null
	done
	e2e_stop "$(e2e_pid server)"
	[[ ! -e $place ]]
	refuse qkdctl stats daemon "$place"
	# Where it cannot be, the daemon does not start.
	server_config "policy = prefer"
	printf '[daemon]\nstats = %s/none/stats\n' "$E2E_DIR" >>"$E2E_DIR/server.conf"
	refuse timeout 20 qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/server.conf" 2>"$E2E_DIR/server.log"
	e2e_logged server '"stats = .*/none/stats": No such file or directory'
	fresh server client
}

test_limit_of_bytes_holds() {
	fresh server client
	server_config "policy = prefer" "max-bytes = 100000"
	client_config "policy = prefer"
	both
	refuse e2e_fetch here file
	e2e_expect server 'end=max-bytes outcome=fallback'
	[[ $(e2e_counter server max-bytes) == 1 ]]
	# Not as an end of file
	e2e_expect client 'end=(truncated|reset) outcome=fallback'
	stop_both
}

test_application_that_does_not_answer() {
	fresh server client
	server_config "policy = prefer" "connect = 127.0.0.1:9"
	client_config "policy = prefer"
	both
	refuse e2e_fetch here file
	e2e_expect server 'end=connect-failed outcome=fallback'
	e2e_expect client 'end=(truncated|reset) outcome=fallback'
	stop_both
}

test_peer_that_cannot_be_reached() {
	fresh server client
	client_config "policy = prefer"
	e2e_daemon here client
	refuse e2e_fetch here file
	e2e_expect client 'end=connect-failed outcome=refused'
	e2e_stop "$(e2e_pid client)"
}

# A transfer that takes its time, in the background; its process ID in $slow
slow_fetch() {
	rm -f "$E2E_DIR/slow"
	e2e_fetch here file --limit-rate "${1:-512k}" -o "$E2E_DIR/slow" &
	slow=$!
	wait_for 20 test -s "$E2E_DIR/slow"
}

test_a_killed_peer_is_no_end_of_file() {
	fresh server client
	server_config "policy = prefer"
	client_config "policy = prefer"
	both
	slow_fetch 16k
	kill -KILL "$(e2e_pid server)"
	refuse wait "$slow"
	e2e_expect client 'end=(truncated|reset) outcome=fallback'
	fresh server client
}

test_sigterm_lets_transfers_finish() {
	local server client
	fresh server client
	both
	server=$(e2e_pid server) client=$(e2e_pid client)
	slow_fetch
	kill -TERM "$server" "$client"
	e2e_expect server 'stopping: no new connections'
	wait_for 10 refuse e2e_connects here 127.0.0.1 "$E2E_TLS_PORT"
	wait "$slow"
	cmp "$E2E_DIR/slow" "$E2E_DIR/www/file"
	wait "$server"
	wait "$client"
	e2e_logged server 'accepted=1 open=0 .*closed=1'
}

test_second_sigterm_ends_at_once() {
	local client
	both
	client=$(e2e_pid client)
	slow_fetch 16k
	kill -TERM "$client"
	e2e_expect client 'stopping: no new connections'
	kill -TERM "$client"
	wait "$client"
	refuse wait "$slow"
	e2e_logged client 'end=stopped'
	e2e_expect server 'end=(truncated|reset)'
	fresh server client
}

# Which worker of server has a connection of the application's
busy_worker() {
	local pid
	for pid in $(e2e_children server qkdtlsd-worker); do
		if (($(find "/proc/$pid/fd" -lname 'socket:*' | wc -l) > 2)); then
			echo "$pid"
		fi
	done
}

test_a_killed_worker_costs_its_connections_only() {
	local busy pid
	fresh server client
	server_config "policy = prefer"
	with_workers 3 server
	client_config "policy = prefer"
	both
	slow_fetch
	wait_for 20 has_processes server 3
	busy=$(busy_worker)
	for pid in $(e2e_children server qkdtlsd-worker); do
		if [[ $pid != "$busy" ]]; then
			kill -ABRT "$pid"
		fi
	done
	e2e_expect server 'worker [0-9]+ was killed by signal 6'
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	wait "$slow"
	cmp "$E2E_DIR/slow" "$E2E_DIR/www/file"
	wait_for 20 has_processes server 3
	slow_fetch 16k
	kill -KILL "$(busy_worker)"
	refuse wait "$slow"
	wait_for 20 has_processes server 3
	[[ $(e2e_counter server open) == 0 ]]
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
}

# What it had counted for an address is given back: whoever comes from there is not refused for it.
test_a_killed_worker_frees_its_limits() {
	fresh server client
	server_config "max-handshakes-per-source = 1"
	with_workers 1 server
	e2e_daemon here server
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	wait_for 10 counts open 1
	kill -KILL "$(e2e_children server qkdtlsd-worker)"
	e2e_expect server 'worker [0-9]+ was killed by signal 9'
	wait_for 20 has_processes server 1
	exec 3>&-
	exec 3<>"/dev/tcp/127.0.0.1/$E2E_TLS_PORT"
	wait_for 10 counts accepted 2
	counts open 1
	counts too-many-from-source 0
	exec 3>&-
	fresh server client
	server_config "policy = prefer"
	with_workers 3 server
	client_config "policy = prefer"
	both
}

# Which of them would get a connection would be chance.
test_two_services_at_one_address_are_refused() {
	local before
	cp "$E2E_DIR/server.conf" "$E2E_DIR/one.conf"
	sed -n '/^\[service/,/^$/{/^\[daemon/,$d;p}' "$E2E_DIR/one.conf" | sed 's/^\[service server\]/[service twin]/' \
		>>"$E2E_DIR/server.conf"
	grep -q '^\[service twin\]' "$E2E_DIR/server.conf"
	before=$(grep -c 'not reloaded: ' "$E2E_DIR/server.log") || before=0
	kill -HUP "$(e2e_pid server)"
	e2e_expect server 'service=twin cannot listen at .*: Address already in use'
	(($(grep -c 'not reloaded: ' "$E2E_DIR/server.log") == before + 1))
	mv "$E2E_DIR/one.conf" "$E2E_DIR/server.conf"
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
}

# Connections that are there go on; new ones have a signer again as soon as its keys are read.
test_a_killed_signer_is_replaced() {
	slow_fetch
	kill -KILL "$(e2e_children server qkdtlsd-signer)"
	e2e_expect server 'the signer was killed by signal 9'
	e2e_expect server 'reloaded: new connections by the new configuration'
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	wait "$slow"
	cmp "$E2E_DIR/slow" "$E2E_DIR/www/file"
	wait_for 20 has_processes server 3
}

shown_certificate() {
	openssl s_client -connect "$SERVER" -tls1_3 -CAfile "$E2E_DIR/ca.pem" -cert "$E2E_DIR/client.pem" \
		-key "$E2E_DIR/client.key" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
}

test_reload_changes_what_comes_and_not_what_is_there() {
	local before
	before=$(shown_certificate)
	slow_fetch
	server_config "policy = prefer" "certificate = $E2E_DIR/stranger.pem" "private-key = $E2E_DIR/stranger.key"
	with_workers 1 server
	reload server
	refuse e2e_fetch here file
	e2e_expect client 'end=certificate outcome=refused .*alert-sent=unknown_ca'
	[[ $(shown_certificate) != "$before" ]]
	# A mistake changes nothing.
	echo 'colour = red' >>"$E2E_DIR/server.conf"
	reload server
	e2e_logged server 'unknown setting "colour"'
	e2e_logged server 'not reloaded: the configuration before goes on'
	[[ $(shown_certificate) != "$before" ]]
	server_config "policy = prefer"
	with_workers 2 server
	reload server
	[[ $(shown_certificate) == "$before" ]]
	# It is the address that counts, not the name.
	sed -i 's/^\[service server\]/[service renamed]/' "$E2E_DIR/server.conf"
	reload server
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	e2e_expect server 'service=renamed .*end=closed'
	server_config "policy = prefer"
	with_workers 2 server
	reload server
	e2e_fetch here file | cmp - "$E2E_DIR/www/file"
	wait "$slow"
	cmp "$E2E_DIR/slow" "$E2E_DIR/www/file"
	# Who served what was there has ended with it.
	wait_for 20 has_processes server 2
}

# New connections all the time, of which none is refused for a reload
test_reload_loses_no_connection() {
	local i pids=()
	for i in $(seq 30); do
		e2e_fetch here file -o "$E2E_DIR/out.$i" &
		pids+=($!)
		if ((i % 5 == 0)); then
			reload server
		fi
	done
	for i in $(seq 30); do
		wait "${pids[i - 1]}"
		cmp "$E2E_DIR/out.$i" "$E2E_DIR/www/file"
	done
	rm "$E2E_DIR"/out.*
	wait_for 20 has_processes server 2
	stop_both
}

test_nothing_is_left_of_a_killed_daemon() {
	local pid pids
	server_config "policy = prefer"
	e2e_daemon here server
	wait_for 20 e2e_children server qkdtlsd-worker
	pids=$(e2e_children server)
	kill -KILL "$(e2e_pid server)"
	for pid in $pids; do
		wait_for 20 refuse test -e "/proc/$pid"
	done
	fresh server client
}

test_drain_timeout_ends_what_is_left() {
	local client
	{
		printf '[daemon]\ndrain-timeout = 1\n'
		cat "$E2E_DIR/client.conf"
	} >"$E2E_DIR/drain.conf"
	mv "$E2E_DIR/drain.conf" "$E2E_DIR/client.conf"
	both
	client=$(e2e_pid client)
	slow_fetch 16k
	kill -TERM "$client"
	wait "$client"
	refuse wait "$slow"
	e2e_logged client 'drain-timeout has passed'
	fresh server client
}

# Of all daemons above
test_no_filter_was_in_the_way() {
	e2e_filters_held
}

e2e_need qkdtlsd openssl curl lighttpd busybox ip || tap_skip_all "a program is missing"
ip link set lo up
e2e_pki
e2e_web here
head -c "$SIZE" /dev/urandom >"$E2E_DIR/www/file"
busybox nc -ll -p "$ECHO_PORT" -e cat >"$E2E_DIR/echo.log" 2>&1 &
e2e_started $!
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}" "limit_of too-many-connections max-connections=1" "limit_of too-many-handshakes max-handshakes=1" \
	"limit_of too-many-from-source max-connections-per-source=1" \
	"limit_of too-many-from-source max-handshakes-per-source=1"
