#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sockets that programs hand over to the daemon, and those that systemd gives it, as far as that needs no TLS of the kernel:
# who may, what is refused, and that nothing of it stays. The handshakes are in selftests/e2e/qkdtlsd-handover.sh.
set -euo pipefail

# shellcheck source=selftests/user/qkdtlsd.bash
. "$(dirname "${BASH_SOURCE[0]}")/qkdtlsd.bash"

DOOR=$E2E_DIR/run/door.sock
WEB=127.0.0.1:$E2E_WEB_PORT
SERVER=127.0.0.1:$E2E_TLS_PORT
CLIENT=127.0.0.1:$E2E_APP_PORT

# door_config [LINE]...: a service that sockets are handed over to
door_config() {
	e2e_config door client none none missing "${GROUPS_LINES[@]}" \
		"$(e2e_setting "hand-over = $DOOR" "$@")" "$(e2e_setting "handshake-timeout = 1" "$@")" "$@"
	sed -i '/^listen = none$/d; /^connect = none$/d' "$E2E_DIR/door.conf"
}

open_files() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

has_open_files() { [[ $(open_files "$1") == "$2" ]]; }

# The kernel's TLS is not to be had here; else the program would wait for a handshake.
need_no_ktls() {
	if [[ -e /proc/net/tls_stat ]]; then
		skip "this kernel has TLS: see selftests/e2e"
	fi
}

# brings CASE PATTERN: what the daemon answers
brings() {
	local said
	said=$("$here/bring.py" "$1" "$DOOR")
	echo "$1: $said"
	grep -Eq "$2" <<<"$said"
}

check_refuses() {
	refuse qkdtlsd --check -c "$E2E_DIR/door.conf" >"$E2E_DIR/check.log" 2>&1
	cat "$E2E_DIR/check.log"
	grep -Eq "$1" "$E2E_DIR/check.log"
}

test_check_knows_what_belongs_together() {
	door_config
	qkdtlsd --check -c "$E2E_DIR/door.conf" | grep -q 'no mistakes found'
	door_config "connect = 127.0.0.1:1"
	check_refuses 'service "door": "hand-over" is for sockets that programs bring; remove it or "connect"'
	door_config "listen = 127.0.0.1:1"
	check_refuses 'remove it or "listen"'
	door_config "hand-over = run/door.sock"
	check_refuses '"hand-over = run/door.sock": give a path that begins with /'
	door_config "hand-over-mode = 999"
	check_refuses '"hand-over-mode = 999": give three octal digits, 660 for owner and group'
	door_config "hand-over = /$(printf '%0120d' 0)"
	check_refuses '"hand-over" is longer than 107 characters'
	e2e_config door client none none missing "hand-over-mode = 660"
	sed -i '/^listen = none$/d; /^connect = none$/d' "$E2E_DIR/door.conf"
	check_refuses 'service "door" has no "hand-over": give the path of the UNIX socket'
	e2e_config door client none none missing
	sed -i '/^listen = none$/d; /^connect = none$/d' "$E2E_DIR/door.conf"
	check_refuses 'service "door" has no "listen": give the address to accept connections at, or "hand-over"'
}

# With one worker, so that it is known whose descriptors are counted
start_door() {
	fresh door
	door_config "$@"
	with_workers 1 door
	e2e_daemon here door
}

test_only_who_the_mode_lets_in_may_come() {
	start_door "hand-over-owner = $E2E_USER"
	[[ $(stat -c '%a %U' "$DOOR") == "600 $E2E_USER" ]]
	e2e_expect door "service=door listening=$DOOR"
	refuse setpriv --reuid=1 --regid=1 --clear-groups "$here/bring.py" gone "$DOOR"
	setpriv --reuid="$E2E_USER" --regid="$(id -g "$E2E_USER")" --clear-groups "$here/bring.py" gone "$DOOR"
	e2e_expect door "service=door peer=unknown app=pid:[0-9]+,uid:$(id -u "$E2E_USER"),gid:$(id -g "$E2E_USER") end=reset outcome=refused .*reason=\"the program has gone"
	start_door "hand-over-group = daemon" "hand-over-mode = 0660"
	[[ $(stat -c '%a %U %G' "$DOOR") == "660 root daemon" ]]
	setpriv --reuid=12345 --regid="$(id -g daemon)" --clear-groups "$here/bring.py" gone "$DOOR"
	refuse setpriv --reuid=12345 --regid=12345 --clear-groups "$here/bring.py" gone "$DOOR"
}

test_owner_and_group_must_exist() {
	fresh door
	door_config "hand-over-owner = nobody-at-all"
	refuse timeout 20 qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/door.conf" >"$E2E_DIR/door.log" 2>&1
	e2e_logged door '"hand-over-owner = nobody-at-all": there is no such user'
	door_config "hand-over-group = nobody-at-all"
	refuse timeout 20 qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/door.conf" >"$E2E_DIR/door.log" 2>&1
	e2e_logged door '"hand-over-group = nobody-at-all": there is no such group'
}

test_the_file_is_the_daemons_own() {
	local pid
	start_door "hand-over-mode = 666"
	fresh door # and its file stays, as it was killed
	[[ -S $DOOR ]]
	start_door "hand-over-mode = 666"
	brings none '^EBADF '
	# Who listens there is not pushed aside,
	pid=$(e2e_pid door)
	refuse timeout 20 qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/door.conf" >"$E2E_DIR/second.log" 2>&1
	grep -q "cannot listen at \"$DOOR\": Address already in use" "$E2E_DIR/second.log"
	brings none '^EBADF '
	# and it goes in order.
	e2e_stop "$pid"
	[[ ! -e $DOOR ]]
	# What is no socket is not removed.
	touch "$DOOR"
	refuse timeout 20 qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/door.conf" >"$E2E_DIR/second.log" 2>&1
	[[ -f $DOOR ]]
	rm "$DOOR"
	door_config "hand-over = $E2E_DIR/none/door.sock"
	refuse timeout 20 qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/door.conf" >"$E2E_DIR/second.log" 2>&1
	grep -q 'No such file or directory (its directory must be there' "$E2E_DIR/second.log"
}

test_what_is_no_connected_tcp_socket_is_refused() {
	start_door "hand-over-mode = 666"
	brings none '^EBADF the program brought no socket, or several'
	brings two '^EBADF '
	brings five '^EBADF '
	brings file '^ENOTSOCK '
	brings pipe '^ENOTSOCK '
	brings udp '^EPROTOTYPE '
	brings unix '^EPROTOTYPE '
	brings itself '^EPROTOTYPE '
	brings listening '^EINVAL '
	brings unconnected '^ENOTCONN '
	brings closed-by-peer '^ENOTCONN '
	e2e_expect door 'end=bad-request outcome=refused reason="the socket is not connected"'
	unshare --net bash -c "ip link set lo up && '$here/bring.py' good '$DOOR'" | grep '^EXDEV '
}

test_what_is_no_request_is_refused() {
	brings short '^EBADMSG '
	brings long '^EBADMSG '
	brings huge '^EPROTONOSUPPORT '
	brings huge-version-1 '^EBADMSG '
	brings empty '^EBADMSG '
	brings version '^EPROTONOSUPPORT '
	brings flags '^EINVAL '
	brings reserved '^EINVAL '
	brings silence '^ETIMEDOUT no request in time'
	e2e_expect door 'end=timeout outcome=refused reason="no request in time"'
	[[ $(e2e_counter door bad-request) -ge 15 ]]
}

test_without_tls_in_the_kernel_nothing_begins() {
	need_no_ktls
	brings good '^ENOTSUP no TLS in this kernel \(modprobe tls\)'
	brings good-timeout '^ENOTSUP '
	e2e_expect door 'end=ktls outcome=refused reason="no TLS in this kernel'
}

test_no_descriptor_stays() {
	local worker before
	need_no_ktls
	start_door "hand-over-mode = 666"
	worker=$(e2e_children door qkdtlsd-worker)
	brings good '^ENOTSUP '
	before=$(open_files "$worker")
	brings descriptors '^EBADF$'
	brings never-reads '^sent'
	brings many-messages '^(ENOTSUP |reset)'
	brings gone '^gone'
	wait_for 20 has_open_files "$worker" "$before"
	[[ $(e2e_children door qkdtlsd-worker) == "$worker" ]]
	[[ $(e2e_counter door open) == 0 ]]
}

test_who_says_nothing_does_not_keep_others_out() {
	local said
	start_door "hand-over-mode = 666" "max-connections = 5"
	said=$("$here/bring.py" flood "$DOOR")
	echo "$said"
	[[ $(tr ' ' '\n' <<<"$said" | grep -c EBUSY) == 7 ]]
	e2e_expect door 'end=too-many-connections outcome=refused'
	# Who asks is told so, too.
	wait_for 20 brings crowded '^EBUSY as many programs as max-connections allows'
	# Their time over, or they themselves gone, it is as before.
	wait_for 20 brings none '^EBADF '
}

test_reload_keeps_the_socket_and_changes_who_may() {
	local inode waiting
	start_door "hand-over-mode = 666" "handshake-timeout = 3"
	inode=$(stat -c %i "$DOOR")
	"$here/bring.py" silence "$DOOR" >"$E2E_DIR/silence" &
	waiting=$!
	wait_for 20 has_more_files "$(e2e_children door qkdtlsd-worker)"
	door_config "hand-over-mode = 600"
	with_workers 1 door
	reload door
	[[ $(stat -c '%i %a' "$DOOR") == "$inode 600" ]]
	refuse setpriv --reuid=1 --regid=1 --clear-groups "$here/bring.py" none "$DOOR"
	brings none '^EBADF '
	# Who waits is served by who has accepted it.
	wait "$waiting"
	grep '^ETIMEDOUT ' "$E2E_DIR/silence"
	# One that is configured no more goes, and what was taken away comes again.
	door_config "hand-over = $E2E_DIR/run/other.sock"
	with_workers 1 door
	reload door
	[[ ! -e $DOOR && -S $E2E_DIR/run/other.sock ]]
	rm "$E2E_DIR/run/other.sock"
	reload door
	[[ -S $E2E_DIR/run/other.sock ]]
	e2e_stop "$(e2e_pid door)"
}

test_sigterm_answers_who_waits() {
	local waiting
	start_door "hand-over-mode = 666" "handshake-timeout = 60"
	printf 'drain-timeout = 0\n' >>"$E2E_DIR/door.conf"
	reload door
	"$here/bring.py" silence "$DOOR" >"$E2E_DIR/silence" &
	waiting=$!
	wait_for 20 has_more_files "$(e2e_children door qkdtlsd-worker)"
	e2e_stop "$(e2e_pid door)"
	wait "$waiting"
	grep '^ECANCELED the service was stopped' "$E2E_DIR/silence"
}

# The listener, the signer and one program
has_more_files() { (($(find "/proc/$1/fd" -lname 'socket:*' | wc -l) == 3)); }

# ---- Sockets of systemd ----

# activated NAME SOCKET...: starts it with these
activated() {
	local name=$1
	shift
	: >"$E2E_DIR/$name.log"
	exec "$here/bring.py" activate "$@" -- qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/$name.conf" \
		>"$E2E_DIR/$name.log" 2>&1 &
	echo $! >"$E2E_DIR/$name.pid"
	e2e_started $!
	wait_for 20 e2e_listening "$name"
}

activation_refused() { # PATTERN SOCKET...
	local pattern=$1
	shift
	refuse timeout 20 "$here/bring.py" activate "$@" -- qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/server.conf" \
		>"$E2E_DIR/refused.log" 2>&1
	cat "$E2E_DIR/refused.log"
	grep -Eq "$pattern" "$E2E_DIR/refused.log"
}

# Through both daemons; without ML-KEM a handshake that has no key is refused, as the server then says.
serves() {
	local before
	if ! ((${#GROUPS_LINES[@]})); then
		e2e_fetch here file | cmp - "$E2E_DIR/www/file"
		return
	fi
	before=$(grep -c 'peer=127.0.0.1:' "$E2E_DIR/server.log") || before=0
	refuse e2e_fetch here file
	wait_for 20 has_served $((before + 1))
}

has_served() { (($(grep -c 'peer=127.0.0.1:' "$E2E_DIR/server.log") >= $1)); }

test_sockets_of_systemd_are_used_and_outlast_reloads() {
	local inode
	# The name says so, whatever listen says; and the address, whatever the name is
	e2e_config server server "127.0.0.1:9999" "$WEB" missing "${GROUPS_LINES[@]}" "policy = prefer"
	e2e_config client client "$CLIENT" "$SERVER" missing "${GROUPS_LINES[@]}" "policy = prefer"
	activated server "tcp:$SERVER:server"
	activated client "tcp:$CLIENT:qkdtlsd.socket"
	e2e_expect server "service=server listening=$SERVER"
	serves
	refuse e2e_connects here 127.0.0.1 9999
	# Bound at once by somebody else it could not be again.
	inode=$(socket_inode "$E2E_TLS_PORT")
	reload server
	reload server
	reload client
	[[ $(socket_inode "$E2E_TLS_PORT") == "$inode" ]]
	serves
	e2e_stop "$(e2e_pid client)"
	e2e_stop "$(e2e_pid server)"
}

socket_inode() {
	awk -v port="$(printf ':%04X' "$1")" '$2 ~ port "$" && $4 == "0A" { print $10 }' /proc/net/tcp
}

test_a_unix_socket_of_systemd_keeps_its_mode_and_file() {
	fresh door
	door_config "hand-over-mode = 600"
	activated door "unix:$E2E_DIR/run/given.sock:door"
	[[ $(stat -c %a "$E2E_DIR/run/given.sock") == 666 ]]
	"$here/bring.py" none "$E2E_DIR/run/given.sock" | grep '^EBADF '
	reload door
	"$here/bring.py" none "$E2E_DIR/run/given.sock" | grep '^EBADF '
	e2e_stop "$(e2e_pid door)"
	[[ -S $E2E_DIR/run/given.sock ]]
	# By its path, too
	activated door "unix:$DOOR:qkdtlsd.socket"
	brings none '^EBADF '
	[[ $(stat -c %a "$DOOR") == 666 ]]
	e2e_stop "$(e2e_pid door)"
	[[ -S $DOOR ]]
}

test_sockets_that_do_not_fit_are_named_with_a_remedy() {
	e2e_config server server "$SERVER" "$WEB" missing "${GROUPS_LINES[@]}"
	activation_refused 'socket "server" of systemd is not a listening TCP one: have its unit say ListenStream= and Accept=no' \
		"udp:$SERVER:server"
	activation_refused 'socket "server" of systemd is not a listening TCP one' "unix:$E2E_DIR/run/given.sock:server"
	activation_refused 'socket "web" of systemd is no service.s: have its unit say FileDescriptorName= with a service.s name' \
		"tcp:$SERVER:server" "tcp:127.0.0.1:9998:web"
	door_config
	cp "$E2E_DIR/door.conf" "$E2E_DIR/server.conf"
	activation_refused 'socket "door" of systemd is not a listening UNIX sequential-packet one: have its unit say ListenSequentialPacket=' \
		"stream:$E2E_DIR/run/given.sock:door"
}

e2e_need qkdtlsd openssl curl python3 setpriv ip || tap_skip_all "a program is missing"
ip link set lo up
mkdir "$E2E_DIR/run"
e2e_pki
mkdir "$E2E_DIR/www"
head -c 100000 /dev/urandom >"$E2E_DIR/www/file"
python3 -m http.server -b 127.0.0.1 -d "$E2E_DIR/www" "$E2E_WEB_PORT" >"$E2E_DIR/web.log" 2>&1 &
e2e_started $!
wait_for 20 e2e_connects here 127.0.0.1 "$E2E_WEB_PORT"
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
tap_run "${tests[@]}"
