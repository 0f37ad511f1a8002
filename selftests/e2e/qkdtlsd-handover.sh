#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sockets that programs hand over to the daemon, between two sites as selftests/e2e/lib.sh draws them: the examples of
# Documentation/examples in C and in Python, keys of a simulated link. Needs root, the modules and a kernel with TLS: runs in a
# virtual machine. What is refused before a handshake is in selftests/user/qkdtlsd-handover.sh, too.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"
trap e2e_cleanup EXIT

NEAR=$E2E_DIR/run/geneva.sock # of the client's daemon
FAR=$E2E_DIR/run/zurich.sock
PORT=4444
SERVER=$E2E_ZURICH_IP:$E2E_TLS_PORT
ECHO_PORT=8081

# config NAME MODE LINK SOCKET [LINE]...
config() {
	local name=$1 mode=$2 link=$3 path=$4
	shift 4
	e2e_config "$name" "$mode" none none "$link" "hand-over = $path" "hand-over-mode = 666" "alpn = tunnel" \
		"$(e2e_setting "handshake-timeout = 60" "$@")" "$(e2e_setting "allow-simulated = yes" "$@")" "$@"
	sed -i '/^listen = none$/d; /^connect = none$/d' "$E2E_DIR/$name.conf"
}

# With its workers, which have its listeners until they are gone, too
stop() {
	local pid worker
	if [[ ! -e $E2E_DIR/$1.pid ]]; then
		return
	fi
	pid=$(e2e_pid "$1")
	if [[ -e /proc/$pid ]]; then
		local -a workers
		mapfile -t workers < <(e2e_children "$1")
		e2e_stop "$pid" KILL
		for worker in ${workers[0]+"${workers[@]}"}; do
			wait_for 20 e2e_gone "$worker"
		done
	fi
}

stop_both() {
	stop client
	stop server
}

# Both ends anew, with these settings
fresh_both() {
	stop_both
	config client client "$E2E_ZURICH" "$NEAR" "$@"
	config server server "$E2E_GENEVA" "$FAR" "$@"
	e2e_daemon "$E2E_ZURICH" server
	e2e_daemon "$E2E_GENEVA" client
}

key_of() {
	sed -n 's/.* key=\([0-9a-f-]*\).*/\1/p' "$E2E_DIR/$1.log" | tail -n 1
}

tls_stat() {
	in_place "$1" sed -n "s/^$2[[:space:]]*//p" /proc/net/tls_stat
}

# Of either family
listens() { in_place "$E2E_ZURICH" cat /proc/net/tcp /proc/net/tcp6 | grep -q ":$(printf %04X "$PORT") 0*:0000 0A"; }

shows_none() { [[ -z $(in_place "$1" qkdctl session) ]]; }

# The example in C at both ends: small goes there, and medium comes back.
talk() {
	local far
	in_place "$E2E_ZURICH" handover-example -l "$FAR" "$PORT" <"$E2E_DIR/medium" >"$E2E_DIR/there" 2>"$E2E_DIR/far.err" &
	far=$!
	wait_for 20 listens
	in_place "$E2E_GENEVA" handover-example "$NEAR" "$E2E_ZURICH_IP" "$PORT" <"$E2E_DIR/small" >"$E2E_DIR/back" \
		2>"$E2E_DIR/near.err" || cat "$E2E_DIR/near.err"
	wait "$far" || cat "$E2E_DIR/far.err"
	cmp "$E2E_DIR/there" "$E2E_DIR/small"
	cmp "$E2E_DIR/back" "$E2E_DIR/medium"
	cat "$E2E_DIR/near.err" "$E2E_DIR/far.err"
}

test_both_ends_hand_their_socket_over() {
	local key outbound inbound
	fresh_both "sealed = no"
	outbound=$(e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent)
	inbound=$(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent)
	talk
	e2e_expect client "service=client peer=$E2E_ZURICH_IP:$PORT app=pid:[0-9]+,uid:0,gid:0 end=handed-over outcome=qkd .*records=kernel key="
	e2e_expect server "service=server peer=$E2E_GENEVA_IP:[0-9]+ app=pid:[0-9]+,uid:0,gid:0 end=handed-over outcome=qkd "
	key=$(key_of client)
	[[ -n $key && $key == "$(key_of server)" ]]
	# Each is told who the other is.
	grep "^peer=$E2E_SERVER_NAME subject=CN=$E2E_SERVER_NAME sae=$E2E_SERVER_NAME suite=TLS_AES_256_GCM_SHA384 group=X25519MLKEM768 sealed=no session=no alpn=tunnel key=${key//-/}$" "$E2E_DIR/near.err"
	grep "^peer=$E2E_CLIENT_NAME subject=CN=$E2E_CLIENT_NAME sae=$E2E_CLIENT_NAME .* alpn=tunnel key=${key//-/}$" "$E2E_DIR/far.err"
	# One key, once
	(($(e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent) == outbound + 1))
	(($(e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent) == inbound + 1))
	[[ $(e2e_counter client handed-over) == 1 && $(e2e_counter client qkd) == 1 && $(e2e_counter client open) == 0 ]]
	[[ $(e2e_counter server handed-over) == 1 ]]
	[[ $(tls_stat "$E2E_GENEVA" TlsDecryptError) == 0 && $(tls_stat "$E2E_ZURICH" TlsDecryptError) == 0 ]]
}

test_sealed_sockets_come_with_their_session() {
	fresh_both "sealed = yes"
	in_place "$E2E_GENEVA" qkdctl link set "$E2E_ZURICH" raw off
	in_place "$E2E_ZURICH" qkdctl link set "$E2E_GENEVA" raw off
	talk
	grep ' sealed=yes session=yes ' "$E2E_DIR/near.err"
	grep ' sealed=yes session=yes ' "$E2E_DIR/far.err"
	e2e_expect client 'end=handed-over outcome=qkd .*records=kernel sealed=yes key='
	[[ $(key_of client) == "$(key_of server)" ]]
	wait_for 20 shows_none "$E2E_GENEVA"
	in_place "$E2E_GENEVA" qkdctl link set "$E2E_ZURICH" raw on
	in_place "$E2E_ZURICH" qkdctl link set "$E2E_GENEVA" raw on
}

# A service of the other end is as good, and changes its keys all the time: who has the session follows.
with_tunnel_at_server() { # [LINE]...
	stop_both
	e2e_config server server "$SERVER" "127.0.0.1:$ECHO_PORT" "$E2E_GENEVA" "allow-simulated = yes" \
		"handshake-timeout = 60" "$@"
	e2e_daemon "$E2E_ZURICH" server
	config client client "$E2E_ZURICH" "$NEAR" "sealed = yes"
	e2e_daemon "$E2E_GENEVA" client
}

test_an_application_follows_keys_that_change() {
	with_tunnel_at_server "key-update-bytes = 16384"
	in_place "$E2E_GENEVA" handover-example "$NEAR" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" <"$E2E_DIR/small" >"$E2E_DIR/back" \
		2>"$E2E_DIR/near.err" || cat "$E2E_DIR/near.err"
	cmp "$E2E_DIR/back" "$E2E_DIR/small"
	e2e_expect server "end=closed outcome=qkd .* out=$SMALL in=$SMALL"
}

test_without_a_session_it_ends_in_order() {
	with_tunnel_at_server "key-update-bytes = 16384"
	config client client "$E2E_ZURICH" "$NEAR" "sealed = no"
	stop client
	e2e_daemon "$E2E_GENEVA" client
	refuse in_place "$E2E_GENEVA" handover-example "$NEAR" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" <"$E2E_DIR/small" \
		>"$E2E_DIR/back" 2>"$E2E_DIR/near.err"
	grep 'broken off: the peer changed its key, which cannot be followed here' "$E2E_DIR/near.err"
}

test_python_gets_a_keyed_socket_with_the_peers_identity() {
	local key
	with_tunnel_at_server
	in_place "$E2E_GENEVA" python3 "$PYTHON_EXAMPLE" "$NEAR" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" <"$E2E_DIR/small" \
		>"$E2E_DIR/back" 2>"$E2E_DIR/near.err" || cat "$E2E_DIR/near.err"
	cmp "$E2E_DIR/back" "$E2E_DIR/small"
	e2e_expect server "end=closed outcome=qkd .* out=$SMALL in=$SMALL"
	key=$(key_of server)
	grep "'peer': '$E2E_SERVER_NAME', 'subject': 'CN=$E2E_SERVER_NAME', 'sae': '$E2E_SERVER_NAME', 'alpn': '', 'key': '${key//-/}', 'sealed': True" "$E2E_DIR/near.err"
}

# fails PATTERN: the example at geneva says so.
fails() {
	refuse in_place "$E2E_GENEVA" handover-example "$NEAR" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" </dev/null >"$E2E_DIR/back" \
		2>"$E2E_DIR/near.err"
	cat "$E2E_DIR/near.err"
	grep -Eq "$1" "$E2E_DIR/near.err"
}

test_a_refusal_says_why_and_leaves_nothing_to_go_on_with() {
	with_tunnel_at_server
	config client client "$E2E_ZURICH" "$NEAR" "certificate = $E2E_DIR/stranger.pem" "private-key = $E2E_DIR/stranger.key" \
		"trust = $E2E_DIR/other-ca.pem"
	stop client
	e2e_daemon "$E2E_GENEVA" client
	fails 'not handed over: Permission denied: .*alert unknown_ca sent'
	e2e_expect client 'end=certificate outcome=refused .*alert-sent=unknown_ca'
	in_place "$E2E_GENEVA" python3 - "$NEAR" "$E2E_ZURICH_IP" "$E2E_TLS_PORT" <<-END
		import importlib.util, sys, socket
		spec = importlib.util.spec_from_file_location("handover", "$PYTHON_EXAMPLE")
		handover = importlib.util.module_from_spec(spec)
		spec.loader.exec_module(handover)
		tcp = socket.create_connection((sys.argv[2], int(sys.argv[3])))
		try:
		    handover.hand_over(sys.argv[1], tcp)
		    sys.exit("handed over")
		except PermissionError as error:
		    print(error)
		try:
		    tcp.sendall(b"in the clear")
		    sys.exit("sent in the clear")
		except BrokenPipeError as error:
		    print(error)
	END
	# The peer's alert comes along.
	with_tunnel_at_server
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	fails 'not handed over: Connection reset by peer: .*decrypt_error received'
	in_place "$E2E_GENEVA" qkdctl link purge "$E2E_ZURICH"
	[[ $(in_place "$E2E_GENEVA" qkdctl session | wc -l) == 0 ]]
}

test_silent_peers_and_programs_that_go() {
	local silent
	fresh_both "handshake-timeout = 2"
	exec_place "$E2E_ZURICH" busybox nc -l -p "$PORT" -e sleep 60 >"$E2E_DIR/nc.log" 2>&1 &
	e2e_started $!
	silent=$!
	wait_for 20 listens
	refuse in_place "$E2E_GENEVA" handover-example "$NEAR" "$E2E_ZURICH_IP" "$PORT" </dev/null >"$E2E_DIR/back" 2>"$E2E_DIR/near.err"
	grep 'not handed over: Connection timed out: the handshake took too long' "$E2E_DIR/near.err"
	e2e_expect client 'end=timeout outcome=refused .*reason="the handshake took too long"'
	e2e_stop "$silent" KILL
	# A program that dies in the midst of it ends it.
	fresh_both
	exec_place "$E2E_ZURICH" busybox nc -l -p "$PORT" -e sleep 60 >"$E2E_DIR/nc.log" 2>&1 &
	e2e_started $!
	silent=$!
	wait_for 20 listens
	exec_place "$E2E_GENEVA" handover-example "$NEAR" "$E2E_ZURICH_IP" "$PORT" </dev/null >"$E2E_DIR/back" 2>"$E2E_DIR/near.err" &
	e2e_started $!
	wait_for 20 is_open 1
	e2e_stop $! KILL
	e2e_expect client 'end=reset outcome=refused .*reason="the program has gone'
	is_open 0
	e2e_stop "$silent" KILL
}

is_open() { [[ $(e2e_counter client open) == "$1" ]]; }

test_a_socket_with_a_protocol_is_refused() {
	fresh_both
	in_place "$E2E_GENEVA" python3 - "$NEAR" <<-'END'
		import errno, os, socket, struct, sys
		listener = socket.create_server(("127.0.0.1", 0))
		near = socket.create_connection(listener.getsockname())
		far, _ = listener.accept()
		near.setsockopt(socket.IPPROTO_TCP, 31, b"tls") # TCP_ULP
		with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as daemon:
		    daemon.connect(sys.argv[1])
		    socket.send_fds(daemon, [struct.pack("=4I", 1, 0, 0, 0)], [near.fileno()])
		    error = struct.unpack_from("=2I", daemon.recv(2048))[1]
		print(errno.errorcode[error])
		sys.exit(error != errno.EEXIST)
	END
	e2e_expect client 'end=bad-request outcome=refused .*reason="the socket has an upper-layer protocol already"'
}

e2e_need qkdtlsd qkdctl handover-example python3 openssl busybox ip || exit 1
PYTHON_EXAMPLE=$here/handover.py
modprobe -a tls veth qkd qkd_sim
[[ -e /proc/net/tls_stat ]] || tap_skip_all "this kernel has no TLS"
e2e_device
e2e_pki
e2e_namespaces
e2e_seed
e2e_links
e2e_keys_ready
mkdir "$E2E_DIR/run"
SMALL=200000
head -c "$SMALL" /dev/urandom >"$E2E_DIR/small"
head -c 2097152 /dev/urandom >"$E2E_DIR/medium"
in_place "$E2E_ZURICH" ip link set lo up
exec_place "$E2E_ZURICH" busybox nc -ll -p "$ECHO_PORT" -e cat >"$E2E_DIR/echo.log" 2>&1 &
e2e_started $!
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}"
