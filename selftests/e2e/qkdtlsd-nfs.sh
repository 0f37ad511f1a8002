#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# NFS between the two sites of selftests/e2e/lib.sh, by the kernel's own server and client with xprtsec=mtls: the daemons
# do their handshakes, as agents of the kernel, with keys of a simulated link.
#
#	geneva: mount 10.77.0.2:/ ----- veth, TLS by the kernel ----- zurich: /export, xprtsec=mtls
#	qkdtlsd, handshake-agent = yes                                qkdtlsd, handshake-agent = yes
#
# The server and its exports are set up by the kernel's files, so that nothing of NFS's user space is needed. Needs root, the
# modules, and a kernel with net/handshake, TLS and NFS: runs in a virtual machine.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"

EXPORT=$E2E_DIR/export
MOUNT=$E2E_DIR/mount
NFSD=$E2E_DIR/nfsd
NFS_PORT=2049
TEXT='written over NFS, under a key of the link'

# in_net PLACE CMD...: in the place's network only, so that mounts stay
in_net() {
	local place=$1
	shift
	nsenter --net="/run/netns/$place" "$@"
}

# ---- NFS, as rpc.nfsd, exportfs and mount.nfs set it up ----

# What rpc.mountd would answer to the kernel: who the client is, what he may have, and where that is
server_export() {
	local never=2147483647 fsid_and_no_subtree_check=0x2400 nobody=65534 mtls=4
	write_to /proc/net/rpc/auth.unix.ip/channel "nfsd $E2E_GENEVA_IP $never clients" &&
		write_to /proc/net/rpc/nfsd.export/channel \
			"clients $EXPORT $never $fsid_and_no_subtree_check $nobody $nobody 0 xprtsec 1 $mtls" &&
		write_to /proc/net/rpc/nfsd.fh/channel "clients 1 \\x00000000 $never $EXPORT"
}

# write_to FILE TEXT: in the server's network
write_to() {
	# shellcheck disable=SC2016 # for the shell there
	in_net "$E2E_ZURICH" bash -c 'printf "%s\n" "$2" >"$1"' bash "$@"
}

# A server that has just begun lets clients from before come back first; these times are the shortest. NFSv3 would need rpcbind.
server_start() {
	mkdir -p "$EXPORT" "$MOUNT" "$NFSD" &&
		mount -t tmpfs export "$EXPORT" &&
		in_net "$E2E_ZURICH" mount -t nfsd nfsd "$NFSD" &&
		write_to "$NFSD/versions" -3 &&
		write_to "$NFSD/nfsv4leasetime" 10 &&
		write_to "$NFSD/nfsv4gracetime" 10 &&
		write_to "$NFSD/portlist" "tcp $NFS_PORT" &&
		write_to "$NFSD/threads" 2 &&
		server_export
}

server_stop() {
	write_to "$NFSD/threads" 0
	umount "$NFSD" "$EXPORT"
}

# nfs_mount [OPTION]...: hangs no longer than a minute
nfs_mount() {
	local options="vers=4.2,proto=tcp,port=$NFS_PORT,addr=$E2E_ZURICH_IP,clientaddr=$E2E_GENEVA_IP" option
	for option in "${@:-xprtsec=mtls}"; do
		options+=,$option
	done
	in_net "$E2E_GENEVA" timeout "$((60 * TEST_SLOWNESS))" \
		busybox mount -i -t nfs4 -o "$options" "${NFS_HOST:-$E2E_ZURICH_IP}:/" "$MOUNT" || case $? in
	255) return 1 ;; # it is a usual failure
	*) return ;;
	esac
}

# What cannot be had fails soon.
mount_soft() { nfs_mount xprtsec=mtls soft timeo=30 retrans=0; }

unmount() { timeout "$((60 * TEST_SLOWNESS))" umount "$MOUNT"; }

# ---- The daemons ----

# agent_config NAME MODE LINK [LINE]...
agent_config() {
	local name=$1 mode=$2 link=$3 own=server peer=$E2E_CLIENT_NAME address=$E2E_GENEVA_IP
	shift 3
	if [[ $mode == client ]]; then
		own=client peer=$E2E_SERVER_NAME address=$E2E_ZURICH_IP
	fi
	{
		printf '[daemon]\nhandshake-agent = yes\n[service %s]\nmode = %s\nfrom = kernel\nlink = %s\n' \
			"$name" "$mode" "$link"
		e2e_setting "peer-address = $address" "$@"
		e2e_setting "certificate = $E2E_DIR/$own.pem" "$@"
		e2e_setting "private-key = $E2E_DIR/$own.key" "$@"
		e2e_setting "trust = $E2E_DIR/ca.pem" "$@"
		e2e_setting "peer-name = $peer" "$@"
		e2e_setting "alpn = sunrpc" "$@"
		e2e_setting "allow-simulated = yes" "$@"
		printf '%s\n' "$@"
	} >"$E2E_DIR/$name.conf"
}

stop_both() {
	local name
	for name in client server; do
		if [[ -e $E2E_DIR/$name.pid ]]; then
			e2e_stop "$(e2e_pid "$name")" KILL
		fi
	done
}

# Both ends anew: fresh_both SERVER-LINES -- CLIENT-LINES
fresh_both() {
	local server_lines=()
	stop_both
	while (($#)) && [[ $1 != -- ]]; do
		server_lines+=("$1")
		shift
	done
	if (($#)); then
		shift
	fi
	agent_config server server "$E2E_GENEVA" "${server_lines[@]}"
	agent_config client client "$E2E_ZURICH" "$@"
	start_both
}

start_both() {
	e2e_daemon "$E2E_ZURICH" server
	e2e_daemon "$E2E_GENEVA" client
}

# keys_of NAME: IDs of the keys of connections that the kernel was given, in their order
keys_of() {
	sed -n 's/.* end=handed-over outcome=qkd .* key=\([0-9a-f-]*\).*/\1/p' "$E2E_DIR/$1.log"
}

has_keys() { (($(keys_of "$1" | wc -l) >= $2)); }

spent() {
	e2e_stat "$E2E_GENEVA" "$E2E_ZURICH" outbound_spent
	e2e_stat "$E2E_ZURICH" "$E2E_GENEVA" inbound_spent
}

# Descriptors of kernel's sockets that the agent has; its own are UNIX and netlink sockets, which all daemons have as many of.
files_of() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
has_files() { (($(files_of "$1") == $2)); }

# ---- Tests ----

test_nobody_to_ask_is_no_mount() {
	stop_both
	refuse mount_soft
}

test_the_export_asks_for_tls() {
	refuse nfs_mount soft timeo=30 retrans=0
}

test_a_stranger_is_refused() {
	fresh_both "certificate = $E2E_DIR/stranger.pem" "private-key = $E2E_DIR/stranger.key"
	refuse mount_soft
	e2e_expect client 'end=certificate outcome=refused'
	e2e_expect server 'end=peer-alert outcome=refused'
	[[ -z $(keys_of client) ]]
}

test_a_client_that_is_a_stranger_is_refused() {
	fresh_both -- "certificate = $E2E_DIR/stranger.pem" "private-key = $E2E_DIR/stranger.key"
	refuse mount_soft
	e2e_expect server 'end=certificate outcome=refused'
	[[ -z $(keys_of server) ]]
}

test_a_peer_that_no_service_is_for() {
	fresh_both -- "peer-address = 192.0.2.0/24, 2001:db8::/32"
	refuse mount_soft
	e2e_expect client "kernel: peer=$E2E_ZURICH_IP:$NFS_PORT name=$E2E_ZURICH_IP refused: no service"
}

test_a_name_that_no_service_is_for() {
	fresh_both
	NFS_HOST=other.example refuse mount_soft
	e2e_expect client "kernel: peer=$E2E_ZURICH_IP:$NFS_PORT name=other.example refused: no service"
}

# xprtsec=tls: this end is not to say who it is, but this service would.
test_a_proof_that_was_not_asked_for_is_not_given() {
	fresh_both
	refuse nfs_mount xprtsec=tls soft timeo=30 retrans=0
	e2e_expect client 'kernel: .* refused: no service'
}

test_a_peer_that_speaks_another_protocol() {
	fresh_both "alpn = other"
	refuse mount_soft
	e2e_expect server 'end=protocol outcome=refused .*alert-sent=no_application_protocol'
}

test_a_peer_that_speaks_no_protocol() {
	stop_both
	agent_config server server "$E2E_GENEVA"
	agent_config client client "$E2E_ZURICH"
	sed -i '/^alpn/d' "$E2E_DIR/server.conf"
	start_both
	refuse mount_soft
	e2e_expect client 'end=protocol outcome=refused .*alert-sent=no_application_protocol'
	[[ -z $(keys_of client) ]]
}

test_without_a_key_there_is_no_mount() {
	fresh_both
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	refuse mount_soft
	e2e_expect server 'end=no-key outcome=refused .*alert-sent=decrypt_error'
	[[ -z $(keys_of client) && -z $(keys_of server) ]]
	# Both purged: what comes from now on is the same at both ends again.
	in_place "$E2E_GENEVA" qkdctl link purge "$E2E_ZURICH"
	e2e_keys_ready
}

test_a_file_is_written_and_read_under_a_key() {
	local before after tx
	fresh_both
	before=$(spent)
	tx=$(in_place "$E2E_GENEVA" sed -n 's/^TlsTxSw[[:space:]]*//p' /proc/net/tls_stat)
	nfs_mount
	echo "$TEXT" >"$MOUNT/file"
	[[ $(cat "$EXPORT/file") == "$TEXT" ]]
	head -c 1000000 /dev/urandom >"$EXPORT/big"
	cmp "$MOUNT/big" "$EXPORT/big"
	e2e_expect client "service=client peer=$E2E_ZURICH_IP:$NFS_PORT app=kernel end=handed-over outcome=qkd .*sealed=yes"
	e2e_expect server "service=server peer=.*$E2E_GENEVA_IP.* app=kernel end=handed-over outcome=qkd .*sealed=yes"
	[[ $(keys_of client) == "$(keys_of server)" && -n $(keys_of client) ]]
	after=$(spent)
	[[ $after == "$(for n in $before; do echo $((n + 1)); done)" ]]
	(($(in_place "$E2E_GENEVA" sed -n 's/^TlsTxSw[[:space:]]*//p' /proc/net/tls_stat) == tx + 1))
	[[ $(in_place "$E2E_GENEVA" qkdctl session | grep -c "link $E2E_ZURICH outbound suite TLS_") == 1 ]]
	[[ $(in_place "$E2E_ZURICH" qkdctl session | grep -c "link $E2E_GENEVA inbound suite TLS_") == 1 ]]
	unmount
}

test_mounted_by_name() {
	fresh_both
	NFS_HOST=$E2E_SERVER_NAME nfs_mount
	[[ $(cat "$MOUNT/file") == "$TEXT" ]]
	unmount
}

test_no_descriptor_stays_behind() {
	local files agent
	fresh_both
	agent=$(e2e_children client qkdtlsd-agent)
	files=$(files_of "$agent")
	nfs_mount
	[[ $(cat "$MOUNT/file") == "$TEXT" ]]
	(($(files_of "$agent") == files + 1))
	unmount
	wait_for 20 has_files "$agent" "$files"
}

test_a_key_that_is_old_is_followed_by_another() {
	fresh_both -- "key-update-seconds = 2"
	nfs_mount
	[[ $(cat "$MOUNT/file") == "$TEXT" ]]
	e2e_expect client 'the key has reached its limit \(key-update-seconds\)'
	# The client asks its server for a file that it does not know yet.
	echo again >"$EXPORT/again"
	[[ $(cat "$MOUNT/again") == again ]]
	wait_for 20 has_keys client 2
	wait_for 20 has_keys server 2
	[[ $(keys_of client | sort -u | wc -l) == $(keys_of client | wc -l) ]]
	unmount
}

# Mounted "hard", as it is by default, NFS waits for keys as it waits for a server that is down.
test_what_is_mounted_waits_for_keys() {
	local reader
	fresh_both -- "key-update-seconds = 2"
	nfs_mount
	in_place "$E2E_ZURICH" qkdctl link purge "$E2E_GENEVA"
	e2e_expect client 'the key has reached its limit'
	echo late >"$EXPORT/late"
	cat "$MOUNT/late" >"$E2E_DIR/late" &
	reader=$!
	e2e_started "$reader"
	e2e_expect server 'end=no-key outcome=refused'
	in_place "$E2E_GENEVA" qkdctl link purge "$E2E_ZURICH"
	wait "$reader"
	[[ $(cat "$E2E_DIR/late") == late ]]
	unmount
}

test_an_agent_that_was_killed_is_back() {
	local agent
	fresh_both
	agent=$(e2e_children client qkdtlsd-agent)
	kill -KILL "$agent"
	e2e_expect client 'the agent was killed by signal 9'
	wait_for 20 another_agent "$agent"
	wait_for 20 mount_soft
	[[ $(cat "$MOUNT/file") == "$TEXT" ]]
	unmount
}

another_agent() { [[ -n $(e2e_children client qkdtlsd-agent) && $(e2e_children client qkdtlsd-agent) != "$1" ]]; }

test_a_reload_leaves_connections_alone() {
	fresh_both
	nfs_mount
	kill -HUP "$(e2e_pid client)"
	e2e_expect client 'reloaded: '
	[[ $(cat "$MOUNT/file") == "$TEXT" ]]
	[[ $(keys_of client | wc -l) == 1 ]]
	unmount
	nfs_mount
	[[ $(cat "$MOUNT/file") == "$TEXT" ]]
	unmount
}

test_the_daemon_stops_while_nfs_is_mounted() {
	fresh_both
	nfs_mount
	e2e_stop "$(e2e_pid client)"
	e2e_gone "$(e2e_pid client)"
	echo after >"$MOUNT/after"
	[[ $(cat "$EXPORT/after") == after ]]
	unmount
}

cleanup() {
	set +e
	umount -l "$MOUNT"
	server_stop
	e2e_cleanup
}

e2e_need qkdtlsd qkdctl openssl ip nsenter || exit 1
grep -q ' handshake_req_submit$' /proc/kallsyms || tap_skip_all "this kernel has no net/handshake"
modprobe -a tls nfsd nfsv4 2>/dev/null || tap_skip_all "this kernel has no TLS or no NFS"
modprobe -a veth qkd qkd_sim
e2e_pki
e2e_device
trap 'cleanup >/dev/null 2>&1' EXIT
e2e_namespaces
e2e_seed
e2e_links
printf '%s %s\n%s other.example\n' "$E2E_ZURICH_IP" "$E2E_SERVER_NAME" "$E2E_ZURICH_IP" >>/etc/hosts
server_start >"$E2E_DIR/nfsd.log" 2>&1 || {
	cat "$E2E_DIR/nfsd.log"
	exit 1
}
e2e_keys_ready
mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$here/qkdtlsd-nfs.sh")
tap_run "${tests[@]}"
