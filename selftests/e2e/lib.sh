# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Set-up for tests and demonstrations of the daemon. Sourced. The two sites:
#
#	 geneva                                            zurich
#	curl ---> client service ----- veth, TLS -----> server service ---> web server
#	127.0.0.1:8000           10.77.0.1   10.77.0.2:4433            127.0.0.1:8080
#	          QKD link "zurich"                QKD link "geneva"        (one simulator seed)
#
# A place is a network namespace, or "here" for the one the script runs in. Everything lives in $E2E_DIR and ends with
# e2e_cleanup. Programs come from $QKD_BUILD, by default the checkout's build/user, or from PATH.

E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/qkd-e2e.XXXXXX")
chmod 755 "$E2E_DIR"
E2E_PIDS=$E2E_DIR/pids
: >"$E2E_PIDS"
E2E_USER=${E2E_USER:-nobody}
E2E_RATE=${E2E_RATE:-1000000} # of the simulated link, bits per second
e2e_has_namespaces=
E2E_GENEVA=geneva
E2E_ZURICH=zurich
E2E_GENEVA_IP=10.77.0.1
E2E_ZURICH_IP=10.77.0.2
# shellcheck disable=SC2034 # for the scripts that source this
E2E_TLS_PORT=4433
E2E_APP_PORT=8000
E2E_WEB_PORT=8080
E2E_SERVER_NAME=zurich.example
E2E_CLIENT_NAME=geneva.example

e2e_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ -d ${QKD_BUILD:-$e2e_top/build/user} ]]; then
	PATH=${QKD_BUILD:-$e2e_top/build/user}:$PATH
fi

e2e_need() {
	local program
	for program; do
		if ! command -v "$program" >/dev/null; then
			echo "$program is missing" >&2
			return 1
		fi
	done
}

in_place() {
	local place=$1
	shift
	if [[ $place == here ]]; then
		"$@"
	else
		ip netns exec "$place" "$@"
	fi
}

# The same in place of this shell: for "&", so that $! is the program itself
exec_place() {
	local place=$1
	shift
	if [[ $place == here ]]; then
		exec "$@"
	else
		exec ip netns exec "$place" "$@"
	fi
}

# Processes that this script started, and only those

e2e_started() {
	echo "$1" >>"$E2E_PIDS"
}

e2e_gone() {
	! kill -0 "$1" 2>/dev/null
}

# e2e_stop PID [SIGNAL]: and waits until it is gone
e2e_stop() {
	if kill "-${2:-TERM}" "$1" 2>/dev/null; then
		wait_for 20 e2e_gone "$1"
	fi
}

e2e_cleanup() {
	local pid
	set +e # whatever has gone already, the rest goes too
	exec 3>&2 2>/dev/null # the shell would announce each of them
	while read -r pid; do
		e2e_stop "$pid" KILL
		wait "$pid"
	done <"$E2E_PIDS"
	if [[ $e2e_has_namespaces ]]; then
		e2e_namespaces_end
	fi
	exec 2>&3 3>&-
	rm -rf "$E2E_DIR"
}

# Certificates: ca.pem; server and client; stranger (signed by other-ca.pem)

e2e_certificate() {
	local file=$1 name=$2 ca=$3
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
		-keyout "$file.key" -out "$file.csr"
	printf 'subjectAltName=DNS:%s\nkeyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n' "$name" >"$file.ext"
	openssl x509 -req -in "$file.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial -days 2 -sha256 \
		-extfile "$file.ext" -out "$file.pem"
	chmod 600 "$file.key"
}

e2e_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -sha256 -subj "/CN=$1" \
		-addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1.key" -out "$1.pem"
	chmod 600 "$1.key"
}

e2e_pki() {
	(
		set -e
		cd "$E2E_DIR"
		e2e_ca ca
		e2e_ca other-ca
		e2e_certificate server "$E2E_SERVER_NAME" ca
		e2e_certificate client "$E2E_CLIENT_NAME" ca
		e2e_certificate stranger "$E2E_SERVER_NAME" other-ca
	) >"$E2E_DIR/pki.log" 2>&1
}

# Namespaces and links

e2e_namespaces() {
	e2e_has_namespaces=yes
	ip netns add "$E2E_GENEVA"
	ip netns add "$E2E_ZURICH"
	ip link add gz netns "$E2E_GENEVA" type veth peer name zg netns "$E2E_ZURICH"
	in_place "$E2E_GENEVA" ip address add "$E2E_GENEVA_IP/24" dev gz
	in_place "$E2E_ZURICH" ip address add "$E2E_ZURICH_IP/24" dev zg
	in_place "$E2E_GENEVA" ip link set lo up
	in_place "$E2E_ZURICH" ip link set lo up
	in_place "$E2E_GENEVA" ip link set gz up
	in_place "$E2E_ZURICH" ip link set zg up
}

e2e_namespaces_end() {
	e2e_has_namespaces=
	ip netns delete "$E2E_GENEVA"
	ip netns delete "$E2E_ZURICH"
}

e2e_seed() {
	(
		umask 077
		head -c 32 /dev/urandom >"$E2E_DIR/seed"
	)
}

# Both ends of one simulated link
e2e_links() {
	in_place "$E2E_GENEVA" qkdctl link add "$E2E_ZURICH" provider sim local "$E2E_CLIENT_NAME" \
		remote "$E2E_SERVER_NAME" role a seed-file "$E2E_DIR/seed" rate "$E2E_RATE"
	in_place "$E2E_ZURICH" qkdctl link add "$E2E_GENEVA" provider sim local "$E2E_SERVER_NAME" \
		remote "$E2E_CLIENT_NAME" role b seed-file "$E2E_DIR/seed" rate "$E2E_RATE"
}

e2e_links_end() {
	in_place "$E2E_GENEVA" qkdctl link delete "$E2E_ZURICH"
	in_place "$E2E_ZURICH" qkdctl link delete "$E2E_GENEVA"
}

# e2e_stat PLACE LINK COUNTER of qkdctl stats
e2e_stat() {
	local value
	value=$(in_place "$1" qkdctl -j stats "$2" | sed -n "s/.*\"$3\": *\([0-9]*\).*/\1/p")
	[[ -n $value ]]
	echo "$value"
}

# Keys for both ends have come.
e2e_keys_ready() {
	wait_for 60 e2e_has_keys "$E2E_GENEVA" "$E2E_ZURICH" outbound_fresh
	wait_for 60 e2e_has_keys "$E2E_ZURICH" "$E2E_GENEVA" inbound_fresh
}

e2e_has_keys() {
	(($(e2e_stat "$@") >= ${E2E_KEYS_WANTED:-64}))
}

# The device's group is the daemon's, as the udev rule of the packages does it.
e2e_device() {
	chgrp "$(id -g "$E2E_USER")" /dev/qkd
	chmod 660 /dev/qkd
}

# The daemon

# e2e_config NAME MODE LISTEN CONNECT LINK [LINE]... writes $E2E_DIR/NAME.conf
e2e_config() {
	local name=$1 mode=$2 listen=$3 connect=$4 link=$5 own=server peer=$E2E_CLIENT_NAME
	shift 5
	if [[ $mode == client ]]; then
		own=client peer=$E2E_SERVER_NAME
	fi
	{
		printf '[service %s]\nmode = %s\n' "$name" "$mode"
		e2e_setting "listen = $listen" "$@"
		e2e_setting "connect = $connect" "$@"
		e2e_setting "link = $link" "$@"
		e2e_setting "certificate = $E2E_DIR/$own.pem" "$@"
		e2e_setting "private-key = $E2E_DIR/$own.key" "$@"
		e2e_setting "trust = $E2E_DIR/ca.pem" "$@"
		e2e_setting "peer-name = $peer" "$@"
		printf '%s\n' "$@"
	} >"$E2E_DIR/$name.conf"
}

# Prints a default unless one of the following lines sets the same
e2e_setting() {
	local default=$1 line
	shift
	for line; do
		if [[ ${line%% =*} == "${default%% =*}" ]]; then
			return
		fi
	done
	printf '%s\n' "$default"
}

# e2e_daemon PLACE NAME: starts it with $E2E_DIR/NAME.conf; its log is NAME.log, its process ID in NAME.pid
e2e_daemon() {
	local place=$1 name=$2
	: >>"$E2E_DIR/$name.log"
	cat "$E2E_DIR/$name.log" >>"$E2E_DIR/logs" # of the last run
	: >"$E2E_DIR/$name.log"
	exec_place "$place" qkdtlsd --user "$E2E_USER" -c "$E2E_DIR/$name.conf" >"$E2E_DIR/$name.log" 2>&1 &
	echo $! >"$E2E_DIR/$name.pid"
	e2e_started $!
	if ! wait_for 20 e2e_listening "$name"; then
		cat "$E2E_DIR/$name.log"
		return 1
	fi
}

e2e_listening() {
	local name=$1 services
	services=$(grep -c '^\[service' "$E2E_DIR/$name.conf")
	[[ $(grep -c 'listening=' "$E2E_DIR/$name.log") -ge $services ]]
}

# No daemon so far had a process that its filter ended.
e2e_filters_held() {
	cat "$E2E_DIR/logs" "$E2E_DIR"/*.log >"$E2E_DIR/all"
	refuse grep 'killed by signal 31' "$E2E_DIR/all"
}

e2e_pid() {
	cat "$E2E_DIR/$1.pid"
}

# e2e_children NAME [KIND]: process IDs of the daemon's processes, all or of that name
e2e_children() {
	local pid
	local -a pids
	mapfile -t -d ' ' pids <"/proc/$(e2e_pid "$1")/task/$(e2e_pid "$1")/children"
	for pid in ${pids[0]+"${pids[@]}"}; do
		if [[ ! ${2-} || $(cat "/proc/$pid/comm") == "$2" ]]; then
			echo "$pid"
		fi
	done
}

# e2e_logged NAME PATTERN: a line of the log matches
e2e_logged() {
	grep -Eq "$2" "$E2E_DIR/$1.log"
}

# e2e_expect NAME PATTERN: such a line comes
e2e_expect() {
	if ! wait_for 20 e2e_logged "$1" "$2"; then
		echo "log of $1, where /$2/ was expected:"
		cat "$E2E_DIR/$1.log"
		return 1
	fi
}

# e2e_counter NAME COUNTER: its value now, 0 if it is not in the line
e2e_counter() {
	local name=$1 counter=$2 before line
	before=$(grep -c 'accepted=' "$E2E_DIR/$name.log") || before=0
	kill -USR1 "$(e2e_pid "$name")"
	wait_for 10 e2e_has_reports "$name" $((before + 1)) || return 1
	line=$(grep 'accepted=' "$E2E_DIR/$name.log" | tail -n 1)
	if [[ " $line " =~ \ $counter=([0-9]+)\  ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		echo 0
	fi
}

e2e_has_reports() {
	[[ $(grep -c 'accepted=' "$E2E_DIR/$1.log") -ge $2 ]]
}

# Peers that misbehave

# e2e_hostile NAME PLACE KIND...: one of hostile.py in the background; its process ID is in NAME.pid, its words in NAME.out
e2e_hostile() {
	local name=$1 place=$2
	shift 2
	exec_place "$place" python3 "$e2e_top/selftests/e2e/hostile.py" "$@" >"$E2E_DIR/$name.out" 2>&1 &
	echo $! >"$E2E_DIR/$name.pid"
	e2e_started $!
}

# e2e_said NAME WORD: the number behind the word
e2e_said() {
	sed -n "s/.*\\<$2 \\([0-9]*\\).*/\\1/p" "$E2E_DIR/$1.out"
}

# An unmodified web server for $E2E_DIR/www
e2e_web() {
	local place=$1
	mkdir -p "$E2E_DIR/www"
	printf 'server.document-root = "%s"\nserver.bind = "127.0.0.1"\nserver.port = %s\n' \
		"$E2E_DIR/www" "$E2E_WEB_PORT" >"$E2E_DIR/web.conf"
	exec_place "$place" lighttpd -D -f "$E2E_DIR/web.conf" >"$E2E_DIR/web.log" 2>&1 &
	e2e_started $!
	wait_for 20 e2e_connects "$place" 127.0.0.1 "$E2E_WEB_PORT"
}

e2e_connects() {
	in_place "$1" bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null
}

# e2e_fetch PLACE FILE [CURL-OPTION]...: through the client service
e2e_fetch() {
	local place=$1 file=$2
	shift 2
	in_place "$place" curl --silent --show-error --fail --max-time 120 "$@" "http://127.0.0.1:$E2E_APP_PORT/$file"
}

e2e_hash() {
	sha256sum | cut -d ' ' -f 1
}

# The file's bytes as one line of hexadecimal digits
e2e_hex() {
	od -An -v -tx1 "$1" | tr -d ' \n'
}

# e2e_identity KEY-ID: what a client in geneva offers for this key, as hexadecimal digits: the ImportedIdentity of the
# key's ID and the link's context, each behind its length, for TLS 1.3, without the hash (0001 or 0002) at its end
e2e_identity() {
	local context
	context=$({
		printf 'qkd-tls link v1'
		e2e_with_length "$E2E_CLIENT_NAME"
		e2e_with_length "$E2E_SERVER_NAME"
	} | e2e_hash)
	printf '0010%s0020%s0304' "${1//-/}" "$context"
}

e2e_with_length() {
	local length
	printf -v length '\\x%02x' "${#1}"
	printf '%b%s' "$length" "$1"
}
