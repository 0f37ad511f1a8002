# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the test bed's scripts share: where the cache is, messages, keys and locks. Sourced, not run.
#
# QKD_CACHE (default /var/cache/qkd) holds everything that is slow to make. Nothing in it is precious: each entry
# is keyed by what went into it, made under a temporary name and renamed when complete, and made again when absent.

# Else a failure inside $(...) would not end the script.
shopt -s inherit_errexit

QKD_CACHE=${QKD_CACHE:-/var/cache/qkd}
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for the scripts that source this
TOP=$(cd "$TESTBED/../.." && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# Virtual machines that run at a time: each waits half of it.
# shellcheck disable=SC2034 # for tools/vm/run
VM_SLOTS=2

# The words of a data file: comments and blank lines dropped.
words_of() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@"; }

# A short key over the contents of files and the text on standard input.
key_of() { cat "$@" - | sha256sum | cut -c1-12; }

need_root() { [[ $(id -u) == 0 ]] || die "needs root (namespaces, mounts, package installation)"; }

# hold NAME: take the cache lock NAME until the calling shell ends. Not twice in one shell: it would wait for itself.
hold() {
	local fd

	mkdir -p "$QKD_CACHE"
	exec {fd}>"$QKD_CACHE/.lock-$1"
	flock "$fd"
}

# hold_one_of NAME N: take one of N such locks until the calling shell ends.
hold_one_of() {
	local fd i=0

	while :; do
		exec {fd}>"$QKD_CACHE/.lock-$1-$i"
		# Not for ever: another one may be free earlier.
		if flock -w 1 "$fd"; then
			return
		fi
		exec {fd}>&-
		i=$(((i + 1) % $2))
	done
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

# series_field SERIES N: field N of the series file (2: Debian suite, 3: host or root).
series_field() {
	words_of "$TESTBED/series" | awk -v s="$1" -v n="$2" '$1 == s { print $n; found = 1 } END { exit !found }' ||
		die "no kernel series $1 in tools/testbed/series"
}

# place_of SERIES: where the modules of a series are built, host or root. Debug kernels are this machine's own.
place_of() {
	case $1 in
	debug | race) echo host ;;
	*) series_field "$1" 3 ;;
	esac
}

# base_of SERIES: what to put before a path of the place where the series is built: nothing, or the root.
base_of() {
	case $(place_of "$1") in
	host) ;;
	root) "$TESTBED/root" ;;
	esac
}

# release_of SERIES: the newest installed kernel release of the series that has headers, such as 6.12.107+deb13-amd64.
release_of() {
	local base release

	base=$(base_of "$1")
	release=$(find "$base/usr/src" -maxdepth 1 -name "linux-headers-$1.*-amd64" -printf '%f\n' |
		sed 's/^linux-headers-//' | grep -v -e '-cloud-' -e '-rt-' | sort -V | tail -n 1)
	[[ $release ]] || die "no kernel headers $1 in ${base:-this machine}"
	printf '%s\n' "$release"
}

# headers_of SERIES: the folder of its newest headers, in the place where the series is built.
headers_of() {
	local line headers

	case $1 in
	debug | race)
		line=$("$TESTBED/debug-kernel" "$1")
		read -r _ _ _ headers _ <<<"$line"
		printf '%s\n' "$headers"
		;;
	*) printf '/usr/src/linux-headers-%s\n' "$(release_of "$1")" ;;
	esac
}

# in_place_of SERIES CMD...: run CMD where the series is built.
in_place_of() {
	local how

	how=$(place_of "$1")
	shift
	case $how in
	host) "$@" ;;
	root) "$TESTBED/enter" "$@" ;;
	esac
}

# version_of SERIES PACKAGE: the installed version of a Debian package where the series is built.
# shellcheck disable=SC2016
version_of() { in_place_of "$1" dpkg-query -W -f '${Version}' "$2"; }

# fetch_debs SERIES DIR PACKAGE=VERSION...: download packages with the apt of the place where the series is built.
fetch_debs() {
	local series=$1 dir=$2 log=$QKD_CACHE/fetch.log
	shift 2
	local -a get=(env -C "$dir" apt-get -q -o APT::Sandbox::User=root)

	# The lists of a root are as old as the root; the mirror's directory of old packages may be gone since.
	# shellcheck disable=SC2016
	quietly "$log" in_place_of "$series" sh -c '"$@" || { "$1" "$2" "$3" apt-get -q update && "$@"; }' \
		sh "${get[@]}" download "$@" ||
		die "the mirror no longer has $*: remove the root ($(base_of "$series")) and start again"
}
