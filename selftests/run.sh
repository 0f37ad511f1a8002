#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/run.sh [PART]...
#
# Runs the tests, setting up all they need. Parts, all of them by default and in this order:
#
#	static      tools/check.sh: format, layers, builds by two compilers, sparse, ...; and the test bed's own tests
#	unit        user-space tests in the Debian 13 root (OpenSSL 3.5), with ASan and UBSan
#	fuzz        every fuzz target, a fixed number of runs (in the same root)
#	unit-host   the same tests with this machine's OpenSSL 3.0, without sanitizers
#	ct          that time does not tell secrets: selftests/ct under valgrind, in the Debian 13 root
#	prove       CBMC proofs of message parsers, selftests/prove, in the Debian 13 root
#	kmod-6.12   kernel self-tests in a virtual machine with Debian's kernel of that series
#	e2e-6.12    the same for two sites, and the unit tests that need the kernel's TLS
#	kmod-6.1, kmod-7.3, e2e-7.3
#	debug       keys, providers, faults, torture and fuzzers in a kernel that looks for misuse of memory and locks
#	            (tools/testbed/debug-kernel, whose build, if it is not in the cache, begins with the first part)
#	two-sites-6.12  two sites on two virtual machines, keys from the simulator, the PCIe device and KMEs
#
# and, only when asked for:
#
#	kmod-debug  all kernel self-tests with that kernel (make check-debug)
#	e2e-debug, two-sites-debug  two sites with it
#	torture-SERIES  selftests/kmod/torture for $TORTURE_TIME seconds (default 60; make torture)
#
# Parts that need a virtual machine run beside those that do not, two of them when all others are over, and those that
# need two of them last; each is shown when it has ended. A part in which nothing passes has failed. Logs are in
# build/check. Ends in "N passed, N failed, N skipped"; the exit status is 0 only if nothing failed and something passed.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
case ${1-} in
-h | --help)
	sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"
	exit 0
	;;
esac
cd "$top"
logs=$top/build/check
bed=$top/tools/testbed

# Unit tests that depend on the kernel: they skip where it has no TLS, as many a development machine has not, or leave out
# what its Landlock cannot do.
kernel_tests=("$top/build/guest/test_ktls" "$top/build/guest/test_ktls_record" "$top/build/guest/test_qkdtlsd_sandbox"
	"$top/build/guest/test_qkdtlsd_pump_ktls")

# tap_program NAME CMD...: run CMD as a section of TAP.
tap_program() {
	local name=$1 rc=0

	shift
	echo "tap-begin $name"
	"$@" </dev/null 2>&1 || rc=$?
	# What a killed program left of a line must not swallow the end.
	printf '\ntap-end %s %d\n' "$name" "$rc"
}

# judge LOG CMD...: run CMD, whose output is sections of TAP, into LOG, then say what came of it.
judge() {
	local log=$1

	shift
	# A runner that gave up half-way leaves whole sections, but not all.
	"$@" >"$log" || printf '\ntap-begin runner\ntap-end runner %d\n' "$?" >>"$log"
	tools/tap "$log"
}

static_tests() {
	tap_program check tools/check.sh
	tap_program tools-selftest tools/selftest
	tap_program vm-selftest tools/vm/selftest
}

part_static() { judge "$logs/static.tap" static_tests; }

part_unit() {
	"$bed/enter" make -j2 -C user O="$top/build/unit" SAN=1 tests >"$logs/unit.build.log" 2>&1 || {
		tail -n 40 "$logs/unit.build.log"
		return 1
	}
	judge "$logs/unit.tap" "$bed/enter" ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 \
		UBSAN_OPTIONS=print_stacktrace=1 selftests/unit.sh "$top/build/unit"
}

part_fuzz() {
	"$bed/enter" make -j2 -C user O="$top/build/fuzz" FUZZ=1 fuzzers >"$logs/fuzz.build.log" 2>&1 || {
		tail -n 40 "$logs/fuzz.build.log"
		return 1
	}
	judge "$logs/fuzz.tap" "$bed/enter" selftests/fuzz/run.sh "$top/build/fuzz" check
}

part_unit_host() {
	make -j2 -C user O="$top/build/unit-host" tests >"$logs/unit-host.build.log" 2>&1 || {
		tail -n 40 "$logs/unit-host.build.log"
		return 1
	}
	judge "$logs/unit-host.tap" selftests/unit.sh "$top/build/unit-host"
}

part_ct() {
	"$bed/enter" make -j2 -C user O="$top/build/ct" "$top/build/ct/ct" >"$logs/ct.build.log" 2>&1 || {
		tail -n 40 "$logs/ct.build.log"
		return 1
	}
	judge "$logs/ct.tap" tap_program ct "$bed/enter" selftests/ct/run "$top/build/ct/ct"
}

part_prove() { judge "$logs/prove.tap" tap_program prove "$bed/enter" selftests/prove/run -o "$top/build/prove"; }

# The programs of the guest, built for its user space; by one part at a time.
build_for_guest() (
	log=$logs/guest.build.log

	exec {lock}>"$logs/guest.lock"
	flock "$lock"
	source=$("$bed/ksource")
	{
		"$bed/enter" make -j2 -C user O="$top/build/guest" all "$top/build/guest/handover-example" \
			"${kernel_tests[@]}" &&
			"$bed/enter" make -j2 -C selftests O="$top/build/guest/kmod" USER_O="$top/build/guest" \
				KSELFTEST="$source/tools/testing/selftests"
	} >"$log" 2>&1 || {
		tail -n 40 "$log"
		exit 1
	}
)

# The Debian 13 root's Python for tools/kme in the guest, compiled so that the guest need not: that takes it minutes.
python_for_guest() (
	set -e
	root=$("$bed/root")
	version=$(readlink "$root/usr/bin/python3")
	to=$top/build/guest/python/$(basename "$root")

	exec {lock}>"$logs/guest.lock"
	flock "$lock"
	if [[ ! -d $to ]]; then
		rm -rf "$top/build/guest/python"
		mkdir -p "$to.new/usr/lib/$version" "$to.new/usr/bin"
		cp "$root/usr/bin/$version" "$to.new/usr/bin/python3"
		(cd "$root/usr/lib/$version" && find . -type f ! -path '*/__pycache__/*' ! -path './test/*' |
			cpio -pdm --quiet "$to.new/usr/lib/$version")
		"$bed/enter" python3 -m compileall -q --invalidation-mode unchecked-hash "$to.new/usr/lib"
		mv "$to.new" "$to"
	fi
	printf '%s\n' "$to"
)

# in_guest SERIES NAME FILE...: run these tests of selftests/ or build/guest/kmod in a virtual machine.
in_guest() {
	local series=$1 name=$2 file program place python
	local -a adds=() machine=(-t 2400 -m 640 -s 3) # all of it is searched for keys by one of the tests
	shift 2

	if [[ $series == debug ]]; then
		machine=(-t 3600 -m 2048 -s 8)
	fi
	build_for_guest || return 1
	: >"$logs/$name.list"
	for file; do
		place=/selftests/${file#"$top"/selftests/}
		place=${place/#*\/build\/guest\/kmod\///selftests/kmod/}
		place=${place/#*\/build\/guest\///selftests/user/}
		printf '%s\n' "$place" >>"$logs/$name.list"
		adds+=(--add "$file:$place")
	done
	for file in selftests/e2e/lib.sh selftests/e2e/tap.sh; do
		adds+=(--add "$file:/$file")
	done
	for program in qkdctl qkdtls qkdtlsd qkdkmed; do
		adds+=(--add "build/guest/$program")
	done
	if [[ $name == e2e-* ]]; then
		python=$(python_for_guest)
		adds+=(--add selftests/e2e/hostile.py:/selftests/e2e/hostile.py)
		adds+=(--add build/guest/handover-example --add Documentation/examples/handover.py:/selftests/e2e/handover.py)
		adds+=(--add tools/kme --add "$python/usr/bin/python3:/usr/bin/python3" --add "$python/usr/lib:/usr/lib")
	fi
	if [[ ${BOX-} ]]; then
		machine+=(--box "$BOX")
	fi
	tools/vm/run -q -k "$series" "${machine[@]}" -o "$logs/$name" "${adds[@]}" --add "$logs/$name.list:/tests.list"
}

# with_box NAME CMD...: run CMD, whose machine gets a QKD device of tools/qkdbox ($BOX); the box ends with CMD.
with_box() (
	name=$1
	shift
	# The path of a socket may not be long.
	dir=$(mktemp -d /tmp/qkdbox.XXXXXX)
	printf '[channel]\ncontrol = %s/control\n[site geneva]\nsocket = %s/geneva\n' "$dir" "$dir" >"$dir/conf"
	tools/qkdbox/qkdbox run "$dir/conf" >"$logs/$name.box.log" 2>&1 &
	box=$!
	trap 'kill "$box" && wait "$box"; rm -rf "$dir"' EXIT
	until [[ -S $dir/control ]]; do
		kill -0 "$box" 2>/dev/null || {
			cat "$logs/$name.box.log"
			exit 1
		}
		sleep 0.1
	done
	BOX=$dir/geneva,$dir/control "$@"
)

# kmod_programs SOURCE...: the built programs of these sources
kmod_programs() {
	local source

	for source; do
		source=${source#selftests/kmod/}
		printf '%s\n' "$top/build/guest/kmod/${source%.c}"
	done
}

part_kmod() {
	local -a programs

	mapfile -t programs < <(kmod_programs selftests/kmod/test_*.c)
	# What only finds much where the kernel looks for misuse, and sees what the fuzzers reach
	if [[ $1 == debug ]]; then
		mapfile -t -O "${#programs[@]}" programs \
			< <(kmod_programs selftests/kmod/debug/test_*.c torture fuzz_ioctl fuzz_netlink)
	fi
	with_box "kmod-$1" in_guest "$1" "kmod-$1" "${programs[@]}" "$top"/selftests/kmod/test_*.sh
}

# What finds most in little time: the life of keys, providers, faults, torture, fuzzers.
part_debug() {
	local -a programs

	mapfile -t programs \
		< <(kmod_programs test_key test_usermem test_provider test_feed test_feed_life debug/test_faults \
			debug/test_device_faults debug/test_feed_faults debug/test_sealed_faults torture fuzz_ioctl fuzz_netlink \
			test_pci test_pci_rules test_pci_unplug test_sealed_refusals test_key_updates)
	with_box debug in_guest debug debug "${programs[@]}"
}

part_torture() {
	local series=$1 seconds=${TORTURE_TIME:-60} script=$logs/torture.sh

	build_for_guest || return 1
	printf '#!/bin/sh\nexec /torture -t %d\n' "$seconds" >"$script"
	tools/vm/run -k "$series" -m 2048 -t $((2 * seconds + 600)) -o "$logs/torture-$series" \
		--add build/guest/kmod/torture:/torture --script "$script"
}

part_e2e() { in_guest "$1" "e2e-$1" "${kernel_tests[@]}" "$top"/selftests/e2e/qkd*.sh; }

part_two_sites() {
	judge "$logs/two-sites-$1.tap" tap_program "two-sites-$1" \
		selftests/two-sites/check.sh -k "$1" -o "$logs/two-sites-$1"
}

run_part() {
	case $1 in
	static) part_static ;;
	unit) part_unit ;;
	fuzz) part_fuzz ;;
	unit-host) part_unit_host ;;
	ct) part_ct ;;
	prove) part_prove ;;
	e2e-*) part_e2e "${1#e2e-}" ;;
	debug) part_debug ;;
	two-sites-*) part_two_sites "${1#two-sites-}" ;;
	kmod-*) part_kmod "${1#kmod-}" ;;
	torture-*) part_torture "${1#torture-}" ;;
	*)
		echo "no such part: $1; see --help"
		return 1
		;;
	esac
}

passed=0 failed=0 skipped=0
# count LINE: add a part's last line; a part without one, or in which nothing passed, is a failure.
count() {
	local last=$1

	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
		if ((BASH_REMATCH[1] > 0)) || ((BASH_REMATCH[2] > 0)); then
			return
		fi
	fi
	echo "not ok: the part ran no test to its end"
	failed=$((failed + 1))
}

# Runs, of these parts, those that the other worker has not begun; a line "PART SECONDS" for each on standard output.
work_on() {
	local part begin

	for part; do
		mkdir "$claims/$part" 2>/dev/null || continue
		begin=$SECONDS
		run_part "$part" >"$logs/$part.out" 2>&1 || :
		printf '%s %d\n' "$part" "$((SECONDS - begin))"
	done
}

"$bed/host"
mkdir -p "$logs"
parts=("$@")
((${#parts[@]})) || parts=(static unit fuzz unit-host ct prove kmod-6.12 e2e-6.12 kmod-6.1 kmod-7.3
	e2e-7.3 debug two-sites-6.12)
# The debug kernel takes long: idle processor time of the parts before goes into it. Who needs it waits for it.
if [[ " ${parts[*]} " == *debug* ]]; then
	"$bed/debug-kernel" >"$logs/debug-kernel.log" 2>&1 &
fi
# A machine in QEMU waits half of its time: what needs none runs beside it, and behind that the last ones that do.
native=() machines=() machines_last_first=() pairs=()
for part in "${parts[@]}"; do
	case $part in
	kmod-* | e2e-* | debug | torture-*)
		machines+=("$part")
		machines_last_first=("$part" ${machines_last_first[0]+"${machines_last_first[@]}"})
		;;
	two-sites-*) pairs+=("$part") ;;
	*) native+=("$part") ;;
	esac
done
claims=$logs/claims
rm -rf "$claims"
mkdir "$claims"
declare -A ended=()
while read -r part seconds; do
	printf '== %s\n' "$part"
	cat "$logs/$part.out"
	count "$(tail -n 1 "$logs/$part.out")"
	printf -- '-- %s: %d s\n' "$part" "$seconds"
	ended[$part]=1
done < <(
	work_on ${native[0]+"${native[@]}"} ${machines_last_first[0]+"${machines_last_first[@]}"} &
	work_on ${machines[0]+"${machines[@]}"} &
	wait
	work_on ${pairs[0]+"${pairs[@]}"}
)
for part in "${parts[@]}"; do
	if [[ ! ${ended[$part]-} ]]; then
		printf '== %s\n' "$part"
		count ''
	fi
done
# Once more, since whoever reads the end of a long log must find them.
for part in "${!ended[@]}"; do
	sed -n "/^ *# .*: \|^  #   \|^not ok /s/^/$part: /p" "$logs/$part.out"
done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0 && passed > 0))
