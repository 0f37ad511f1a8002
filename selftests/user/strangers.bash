# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests of the tool qkdtls over loopback against programs of others. Sourced, with the folder of the programs in
# $programs. What the other program prints is in foreign.out; the pipe foreign.in, open as descriptor 6, is its input.

# shellcheck source=selftests/user/qkdtls.bash
. "$(dirname "${BASH_SOURCE[0]}")/qkdtls.bash"

heard() { # FILE TEXT
	grep -q -- "$2" "$1"
}

# Its input stays open, as some end with it.
foreign_server_start() { # READY CMD [ARG]...
	local ready=$1
	shift
	mkfifo foreign.in
	exec 6<>foreign.in
	"$@" <foreign.in >foreign.out 2>&1 6>&- &
	foreign_pid=$!
	wait_for 10 "$ready"
}

foreign_server_stop() {
	kill -TERM "$foreign_pid"
	wait "$foreign_pid" || return 0
	exec 6>&-
}

# A client of ours whose input the test writes to descriptor 9
client_start() { # [OPTION]...
	mkfifo client.in
	exec 9<>client.in
	: >client.out
	client "$@" <client.in >client.out 6>&- 9>&- &
	client_pid=$!
}

client_end() {
	exec 9>&-
	status_is 0 wait "$client_pid"
}

# What we write arrives, what it writes arrives, and both ends close in order.
talk_to_foreign_server() { # [OPTION]...
	client_start "$@"
	echo "from qkdtls" >&9
	wait_for 10 heard foreign.out "from qkdtls"
	echo "from the stranger" >&6
	wait_for 10 heard client.out "from the stranger"
	client_end
}

# ... and where it sends back what it gets
talk_to_foreign_echo() { # [OPTION]...
	client_start "$@"
	echo "there and back" >&9
	wait_for 10 heard client.out "there and back"
	client_end
}

# A server of ours whose input the test writes to descriptor 8
server_start_open() { # [OPTION]...
	rm server.in
	mkfifo server.in
	exec 8<>server.in
	server_start "$@" --once
}

foreign_client_start() { # CMD [ARG]...
	mkfifo foreign.in
	exec 6<>foreign.in
	timeout 30 "$@" <foreign.in >foreign.out 2>&1 6>&- 8>&- &
	foreign_pid=$!
}

# The other program may end when we close, or when its input ends, so all has been heard before either.
hear_each_other() {
	echo "from the stranger" >&6
	wait_for 10 heard server.out "from the stranger"
	echo "from qkdtls" >&8
	wait_for 10 heard foreign.out "from qkdtls"
}

talk_with_foreign_client() { # CMD [ARG]...
	foreign_client_start "$@"
	hear_each_other
	exec 8>&- 6>&-
	status_is 0 wait "$foreign_pid"
	status_is 0 wait "$server_pid"
}

# Refused by our server with this alert, which it sees too
refused_foreign_client() { # ALERT CMD [ARG]...
	local alert=$1 status=0
	shift
	timeout 30 "$@" </dev/null >foreign.out 2>&1 || status=$?
	((status == 1))
	status_is 1 wait "$server_pid"
	say server.err "alert sent: $alert"
	says_not server.err '^suite:'
	[[ ! -s server.out ]]
}

# What a peer without QKD is given: a certificate and a hybrid exchange, or an external key alone.
# shellcheck disable=SC2034 # for the scripts that source this
plain=(--policy prefer)

# Both ends get certificates of KIND, their CA's too.
certificates_of() { # KIND
	case $1 in
	ML-DSA-*)
		openssl list -signature-algorithms 2>/dev/null | grep -q "$1" || skip "this OpenSSL has no $1"
		;;
	esac
	make_ca "ca-$1" "$1"
	make_leaf "zurich-$1" "ca-$1" zurich.example "$1"
	make_leaf "geneva-$1" "ca-$1" geneva.example "$1"
}
