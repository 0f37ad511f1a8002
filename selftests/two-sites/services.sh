# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What selftests/two-sites/check.sh does at a site, in its virtual machine, where tools/two-sites/agent sources it beside
# tools/two-sites/site.sh: services, transfers, accounts. Each source has a service of each of these, with ports of its own:
#
#	require		the keys are the source's, or there is no connection
#	prefer		the same, or there is one without key
#	patient		require, with a minute's time for the key
#	echo		require; behind it is not the web server but what sends back what it gets

ECHO_PORT=8081

# ---- Services ----

# offset SOURCE POLICY
offset() {
	local i=0 source policy
	for source in sim pci kme; do
		for policy in require prefer patient echo; do
			if [[ "$source $policy" == "$1 $2" ]]; then
				printf '%d' "$i"
			fi
			i=$((i + 1))
		done
	done
}

app_port() { printf '%d' $((E2E_APP_PORT + $(offset "$@"))); }

# service SOURCE POLICY: its section of the configuration
service() {
	local listen connect mode=server name=$1-$2
	local lines=("policy = require" "allow-simulated = yes" "handshake-timeout = 100" "key-timeout = 2")
	connect=127.0.0.1:$E2E_WEB_PORT
	case $2 in
	prefer) lines[0]="policy = prefer" ;;
	patient) lines[3]="key-timeout = 60" ;;
	echo) connect=127.0.0.1:$ECHO_PORT ;;
	esac
	listen=$E2E_ZURICH_IP:$((E2E_TLS_PORT + $(offset "$1" "$2")))
	if [[ $SITE == "$E2E_GENEVA" ]]; then
		mode=client connect=$listen listen=127.0.0.1:$(app_port "$1" "$2")
	fi
	e2e_config "$name" "$mode" "$listen" "$connect" "$(link_of "$1")" "${lines[@]}"
	cat "$E2E_DIR/$name.conf"
}

# start_services SOURCE...: of one daemon
start_services() {
	local source policy
	for source; do
		for policy in require prefer patient echo; do
			service "$source" "$policy"
		done
	done >"$E2E_DIR/services.conf"
	e2e_daemon here services
}

# What they still had to say is in the log.
stop_services() { e2e_stop "$(e2e_pid services)"; }

start_servers() {
	mkdir -p "$E2E_DIR/www"
	head -c 8388608 /dev/urandom >"$E2E_DIR/www/bulk"
	head -c 65536 /dev/urandom >"$E2E_DIR/www/small"
	e2e_web here
	busybox nc -ll -p "$ECHO_PORT" -e cat >"$E2E_DIR/echo.log" 2>&1 &
	e2e_started $!
}

# connections SERVICE PATTERN: how many of it have ended in a line like that
connections() { grep -cE "service=$1 .*$2" "$E2E_DIR/services.log" || :; }

# expect_connection SERVICE PATTERN COUNT: and so many have
expect_connections() {
	wait_for 120 connections_are "$@" || {
		cat "$E2E_DIR/services.log"
		return 1
	}
}

connections_are() { (($(connections "$1" "$2") == $3)); }

# get SOURCE POLICY NAME [CURL-OPTION]...: a small file
get() { E2E_APP_PORT=$(app_port "$1" "$2") e2e_fetch here small -o "$E2E_DIR/$3" "${@:4}"; }

# ---- Transfers that wait in their midst until they are told to go on ----

# begin_transfer NAME CMD...: CMD's output, but not all of it yet
begin_transfer() {
	local name=$E2E_DIR/$1
	shift
	rm -f "$name".{gate,begun,got,status}
	mkfifo "$name.gate"
	{
		"$@" 2>"$name.err" | {
			dd bs=65536 count=1 of="$name.got" 2>/dev/null
			touch "$name.begun"
			read -r _ <"$name.gate"
			cat >>"$name.got"
		}
		echo "${PIPESTATUS[0]}" >"$name.status"
	} >/dev/null 2>&1 &
	e2e_started $!
	wait_for 60 test -e "$name.begun"
}

begin_download() { begin_transfer "$1" download "$1"; }

download() { E2E_APP_PORT=$(app_port "$1" require) e2e_fetch here bulk --max-time 300; }

begin_echo() { begin_transfer "$1" echoes "$1"; }

echoes() { busybox nc 127.0.0.1 "$(app_port "$1" echo)" < <(yes echo); }

# begin_get NAME SOURCE POLICY: what get does, in the background
begin_get() {
	local status=0
	rm -f "$E2E_DIR/$1.status"
	{
		get "$2" "$3" "$1" 2>"$E2E_DIR/$1.err" || status=$?
		echo "$status" >"$E2E_DIR/$1.status"
	} >/dev/null 2>&1 &
	e2e_started $!
}

go_on() { echo >"$E2E_DIR/$1.gate"; }

is_over() { [[ -s $E2E_DIR/$1.status ]]; }

# has_ended NAME STATUS: it does, so
has_ended() {
	wait_for 120 is_over "$1"
	if [[ $(cat "$E2E_DIR/$1.status") != "$2" ]]; then
		echo "$1 ended with $(cat "$E2E_DIR/$1.status"), not with $2:"
		cat "$E2E_DIR/$1.err"
		return 1
	fi
}

# Segments sent again, by all connections
# shellcheck disable=SC2016 # awk's
resent() { awk '$1 == "Tcp:" && $2 ~ /^[0-9]/ { print $13 }' /proc/net/snmp; }

has_resent() { (($(resent) > $1)); }

# ---- Accounts ----

# Look-ups by the ID of a key that was not there (yet)
has_asked() { (($(keys_of_link "$1" unknown) > $2)); }

# balances SOURCE: what the store took is what it has, has given away or has wiped.
balances() {
	local name sum=0
	for name in outbound_fresh inbound_fresh inbound_reserved outbound_spent inbound_spent expired purged; do
		sum=$((sum + $(keys_of_link "$1" "$name")))
	done
	(($(keys_of_link "$1" delivered) == sum))
}

# Whole, and each record is there
audit_is_whole() { qkdctl audit verify "$E2E_DIR/audit" | grep -q ' missing 0 '; }

# keys_that OUTCOME: their links' sources and IDs, as often as the audit says so
keys_that() {
	sed -nE "s/.* link [a-z]+-([a-z]+) serial .* id ([0-9a-f-]+) direction [a-z]+ outcome $1 .*/\1 \2/p" "$E2E_DIR/audit"
}

# Keys that the daemon says it took: sources and IDs
keys_of_log() {
	sed -nE 's/.* service=([a-z]+)-[a-z]+ .* (unused-)?key=([0-9a-f-]+).*/\1 \3/p' "$E2E_DIR/services.log"
}

# Those of connections that had a key
keys_of_connections() {
	sed -nE 's/.* service=([a-z]+)-[a-z]+ .* outcome=qkd .* key=([0-9a-f-]+).*/\1 \2/p' "$E2E_DIR/services.log"
}
