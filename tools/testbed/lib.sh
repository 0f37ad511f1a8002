# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the test bed's scripts share: where the cache is, messages, keys and locks. Sourced, not run.
#
# QKD_CACHE (default /var/cache/qkd) holds everything that is slow to make. Nothing in it is precious: each entry
# is keyed by what went into it, made under a temporary name and renamed when complete, and made again when absent.

QKD_CACHE=${QKD_CACHE:-/var/cache/qkd}
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for the scripts that source this
TOP=$(cd "$TESTBED/../.." && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# The words of a data file: comments and blank lines dropped.
words_of() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@"; }

# A short key over the contents of files and the text on standard input.
key_of() { cat "$@" - | sha256sum | cut -c1-12; }

need_root() { [[ $(id -u) == 0 ]] || die "needs root (namespaces, mounts, package installation)"; }

# hold NAME: take the cache lock NAME until the calling shell ends.
hold() {
	local fd

	mkdir -p "$QKD_CACHE"
	exec {fd}>"$QKD_CACHE/.lock-$1"
	flock "$fd"
}

# quietly LOG CMD...: run CMD with its output in LOG; show the end of the log when it fails.
quietly() {
	local log=$1 rc=0

	shift
	"$@" </dev/null >>"$log" 2>&1 || rc=$?
	if ((rc)); then
		tail -n 40 "$log" >&2
		say "failed ($rc): $*; whole log: $log"
	fi
	return "$rc"
}

# usage_if_asked "$@": print the calling script's head comment when the first argument is -h or --help.
usage_if_asked() {
	case ${1-} in
	-h | --help)
		sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"
		exit 0
		;;
	esac
}
