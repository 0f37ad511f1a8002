#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: tools/check.sh [NAME]...
#
# Static checks, each a line of TAP; all of them by default. What a failed check found follows it as comments.
#
#	format      clang-format decides (not uAPI headers)
#	headers     uAPI and public headers compile alone, as C and as C++
#	layers      who may include what
#	size        no C file of 800 lines or more
#	spdx        every file names its licence in line 1 (scripts: line 2), the right one for its place
#	shell       shellcheck is content with all shell scripts
#	checkpatch  kernel sources, by the kernel's own script
#	modules     modules build against every series without a warning
#	sparse      modules, and user space, without a warning
#	clang       user space and its tests build with clang without a warning
#	symbols     libraries and modules define only qkd_*, qkdtls_* and devm_qkd_*
#	man         manual pages format without a warning
#	spec        the netlink specification has what the uAPI headers have, and nothing else
#	provider-api the rendering of the provider API's comments is that of today's (tools/provider-api makes it)
#	proofs      every file of the engine that takes wire bytes apart is in a proof
#	units       systemd finds the units hardened, and who they run as is made
#	conformance Documentation/conformance.md names code and tests that are there, with their alerts
#	untracked   builds leave nothing outside build/
set -euo pipefail

cd "$(dirname "$0")/.."
top=$PWD
bed=tools/testbed

# files PATTERN...: tracked files, or in an exported tree all files, that match.
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
			[[ ! -e $file ]] || printf '%s\n' "$file"
		done
	else
		local pattern
		for pattern; do
			find . -path ./build -prune -o -type f -path "./$pattern" -printf '%P\n'
		done
	fi
}

# none_in COMPLAINT PATTERN FILE...: fail if a line of a file matches the extended regular expression.
none_in() {
	local complaint=$1 pattern=$2
	shift 2

	if (($#)) && grep -nHE -- "$pattern" "$@"; then
		echo "$complaint"
		return 1
	fi
}

# files_but EXPRESSION PATTERN...: files whose name does not match the extended regular expression.
files_but() {
	local but=$1
	shift
	files "$@" | grep -vE -- "$but" || [[ $? == 1 ]]
}

check_format() { files '*.c' '*.h' | grep -v '^include/uapi/' | xargs clang-format --dry-run -Werror; }

check_headers() {
	local header language flags

	flags=$(pkg-config --cflags libnl-3.0 libnl-genl-3.0 libcrypto)
	for header in $(files 'include/uapi/*.h' 'include/qkd/*.h'); do
		for language in c c++; do
			# shellcheck disable=SC2086
			printf '#include "%s"\n#include "%s"\n' "$top/$header" "$top/$header" |
				gcc -x $language -fsyntax-only -Wall -Wextra -Werror -pedantic \
					-Iinclude -Iinclude/uapi $flags -
		done
	done
}

# What is copied out of Documentation/ is built by either compiler, without a warning.
check_examples() {
	local file compiler

	for file in $(files 'Documentation/examples/*.c' Documentation/tls-example.c); do
		for compiler in gcc clang; do
			"$bed/enter" "$compiler" -O2 -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude \
				-Iinclude/uapi -c -o /dev/null "$file"
		done
	done
}

check_layers() {
	local bad=0 file

	mapfile -t uapi < <(files 'include/uapi/*.h')
	mapfile -t provider < <(files 'include/linux/*.h')
	mapfile -t core < <(files 'kmod/*.c' 'kmod/*.h')
	mapfile -t providers < <(files 'kmod/sim/*.c' 'kmod/sim/*.h')
	mapfile -t libqkd < <(files 'user/libqkd/*.c' 'user/libqkd/*.h' include/qkd/libqkd.h)
	mapfile -t engine < <(files 'user/tls/*.c' 'user/tls/*.h' include/qkd/qkdtls.h)
	mapfile -t common < <(files 'user/common/*.c' 'user/common/*.h')
	mapfile -t qkdctl < <(files 'user/qkdctl/*.c' 'user/qkdctl/*.h')
	mapfile -t engine_but_keys < <(files_but psk_qkd.c 'user/tls/*.c' 'user/tls/*.h')
	mapfile -t but_crypto < <(files_but '^user/tls/crypto_|^user/bench/(libssl|beside)\.c|^user/qkdctl/chain\.c|^user/qkdkmed/(wiping|config_files)\.c' 'user/*.c' 'user/*.h' 'include/qkd/*.h')
	mapfile -t but_ktls < <(files_but '^user/tls/ktls(_record)?\.c' 'user/*.c' 'user/*.h')
	mapfile -t qkdkmed < <(files 'user/qkdkmed/*.c' 'user/qkdkmed/*.h')
	mapfile -t but_curl < <(files_but '^user/qkdkmed/(http\.c|wiping\.)|^user/bench/kme/client\.c' 'user/*.c' 'user/*.h')
	mapfile -t but_netlink < <(files_but '^user/libqkd/|^user/qkdtlsd/agent/upcall\.c' 'user/*.c' 'user/*.h')
	mapfile -t but_seccomp < <(files_but '^user/qkdtlsd/confine/filter\.c' 'user/*.c' 'user/*.h')
	mapfile -t but_compat < <(files_but '^kmod/compat.h' 'kmod/*.c' 'kmod/*.h')

	none_in 'a uAPI header stands on uAPI headers only' '#include (<linux/(module|kernel|slab)|"|<qkd/)' \
		"${uapi[@]}" || bad=1
	none_in 'the provider API knows no users and no private header' '#include ("|<qkd/|<linux/qkd_netlink)' \
		"${provider[@]}" || bad=1
	none_in 'the module knows nothing of user space' '#include [<"](qkd/|user/|tls/|openssl/)' "${core[@]}" || bad=1
	none_in "a provider uses the public API only" '#include "(\.\./|qkd\.h|compat\.h)' "${providers[@]}" || bad=1
	none_in 'libqkd stands on the uAPI alone' '#include [<"](qkd/qkdtls|tls/|openssl/|common/|qkdctl/|qkdtls)' \
		"${libqkd[@]}" || bad=1
	none_in 'the engine has no users' '#include "(common|libqkd|qkdctl|qkdtls|qkdtlsd|qkdkmed)/' "${engine[@]}" || bad=1
	none_in 'only user/tls/psk_qkd.c sees libqkd.h in the engine' '#include [<"]qkd/libqkd.h' \
		"${engine_but_keys[@]}" || bad=1
	none_in 'what the programs share knows none of them' '#include "(tls|libqkd|qkdctl|qkdtls|qkdtlsd|qkdkmed)/' \
		"${common[@]}" || bad=1
	none_in 'qkdctl has nothing to do with TLS' '#include [<"](qkd/qkdtls|tls/|qkdtls|qkdtlsd/)' \
		"${qkdctl[@]}" || bad=1
	none_in 'qkdkmed has nothing to do with TLS of connections' '#include [<"](qkd/qkdtls|tls/|qkdtls|qkdtlsd|qkdctl/)' \
		"${qkdkmed[@]}" || bad=1
	none_in 'libcurl is used in http.c and wiping.c of user/qkdkmed only (and in a benchmark)' '#include <curl/' "${but_curl[@]}" || bad=1
	none_in 'libcrypto is used in user/tls/crypto_*.c, user/qkdctl/chain.c and user/qkdkmed/{wiping,config_files}.c only (but for OPENSSL_cleanse)' \
		'#include <openssl/([abd-z]|c[^r]|crypto[^.])' "${but_crypto[@]}" || bad=1
	none_in "the kernel's TLS is used in the two ktls files only" '#include <linux/tls.h>|SOL_TLS' \
		"${but_ktls[@]}" || bad=1
	none_in 'libnl is used in libqkd and user/qkdtlsd/agent/upcall.c only' '#include <netlink/' "${but_netlink[@]}" || bad=1
	none_in 'libseccomp is used in user/qkdtlsd/confine/filter.c only' '#include <seccomp.h>' "${but_seccomp[@]}" || bad=1
	none_in 'kernel versions are asked in kmod/compat.h only' 'LINUX_VERSION_CODE|<linux/version.h>' \
		"${but_compat[@]}" || bad=1
	return "$bad"
}

check_size() {
	local file lines bad=0

	while read -r file; do
		lines=$(wc -l <"$file")
		if ((lines >= 800)); then
			echo "$file: $lines lines"
			bad=1
		fi
	done < <(files '*.c' '*.h')
	return "$bad"
}

# The licence that belongs to a place.
licence_of() {
	case $1 in
	include/uapi/*) echo "GPL-2.0 WITH Linux-syscall-note" ;;
	kmod/* | selftests/kmod/modules/* | include/linux/* | Kbuild) echo "GPL-2.0-only" ;;
	Documentation/netlink/specs/*) echo "GPL-2.0-only" ;;
	*) echo "GPL-2.0-or-later" ;;
	esac
}

check_spdx() {
	local file line bad=0

	while read -r file; do
		line=1
		[[ $(head -c 2 "$file") != '#!' ]] || line=2
		if ! sed -n "${line}p" "$file" | grep -qF "SPDX-License-Identifier: $(licence_of "$file")"; then
			echo "$file:$line: not $(licence_of "$file")"
			bad=1
		fi
	done < <(files_but '\.(md|json|pem|bin|txt|hex)$|^COPYING|^LICENSES/|(^|/)README$|^selftests/fuzz/corpus/' '*')
	return "$bad"
}

check_shell() {
	local file
	local -a scripts=()

	while read -r file; do
		if head -n 3 "$file" | grep -qE '^#!.*/(ba)?sh|shellcheck shell='; then
			scripts+=("$file")
		fi
	done < <(files_but '\.(c|h|md|json)$|^selftests/fuzz/corpus/' '*')
	shellcheck -x "${scripts[@]}"
}

check_checkpatch() {
	local source

	source=$("$bed/ksource")
	# CONSTANT_COMPARISON takes LINUX_VERSION_CODE < KERNEL_VERSION() for a constant on the wrong side.
	files 'kmod/*.c' 'kmod/*.h' 'include/linux/*.h' 'include/uapi/*.h' |
		xargs perl "$source/scripts/checkpatch.pl" --no-tree --no-summary --terse --show-types -q \
			--max-line-length=100 --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON -f
}

check_modules() {
	local series

	while read -r series _; do
		"$bed/modules" "$series"
	done < <(sed -e '/^#/d' "$bed/series")
}

check_sparse() {
	local flags

	"$bed/modules" -s 6.12
	grep -q '^  CHECK ' build/kmod-6.12-sparse/build.log
	flags=$(pkg-config --cflags libcrypto libnl-3.0 libnl-genl-3.0 json-c inih libsystemd libseccomp libcurl)
	# Sparse says of glibc's and OpenSSL's headers what does not concern us.
	# shellcheck disable=SC2086
	files 'user/*.c' | xargs -n 1 sparse -std=gnu11 -D_GNU_SOURCE -Wno-declaration-after-statement -Wno-vla \
		-Wsparse-error -gcc-base-dir "$(gcc -print-file-name=)" \
		-Iinclude -Iinclude/uapi -Iuser $flags
}

check_clang() { "$bed/enter" make -j2 -C user CC=clang O="$top/build/clang" tests; }

# defined_by ARCHIVE: the symbols that it offers to others.
defined_by() { nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u; }

check_symbols() {
	local bad=0

	make -C user O="$top/build/unit-host" "$top/build/unit-host/libqkd.a" "$top/build/unit-host/libqkdtls.a"
	if defined_by build/unit-host/libqkd.a | grep -v '^qkd_'; then
		echo 'libqkd.a defines symbols other than qkd_*'
		bad=1
	fi
	if defined_by build/unit-host/libqkdtls.a | grep -v '^qkdtls_'; then
		echo 'libqkdtls.a defines symbols other than qkdtls_*'
		bad=1
	fi
	"$bed/modules" 6.12 >/dev/null
	if awk '$2 !~ /^(devm_)?qkd_/' build/kmod-6.12/src/Module.symvers | grep .; then
		echo 'a module exports symbols other than qkd_* and devm_qkd_*'
		bad=1
	fi
	[[ -s build/kmod-6.12/src/Module.symvers ]] || bad=1
	return "$bad"
}

check_man() {
	local page said bad=0

	for page in $(files 'Documentation/man/*.[1-9]'); do
		# groff's exit status does not tell of warnings.
		said=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
		if [[ $said ]]; then
			echo "$said"
			bad=1
		fi
	done
	return "$bad"
}

check_spec() { tools/spec; }

check_provider-api() {
	mkdir -p build
	tools/provider-api build/provider-api.rst
	diff -u Documentation/provider-api/reference.rst build/provider-api.rst || {
		echo 'run tools/provider-api'
		return 1
	}
}

check_proofs() {
	local file bad=0 proven

	proven=$(files 'selftests/prove/prove_*.c' | xargs sed -n 's|^ \* SOURCES:||p' | tr -s ' ' '\n')
	while read -r file; do
		if ! grep -qxF "${file#user/}" <<<"$proven"; then
			echo "$file reads wire bytes, but no harness in selftests/prove names it"
			bad=1
		fi
	done < <(files 'user/tls/*.c' |
		xargs grep -lE 'qkdtls_(get_|identity_next|list_has|share_find)')
	return "$bad"
}

check_conformance() { tools/conformance; }

# What systemd says of the units' exposure (10 is all), and that the users they name are made
check_units() {
	local unit dir bad=0

	while read -r unit; do
		"$bed/enter" systemd-analyze security --offline=true --no-pager --threshold=20 "$unit" || bad=1
	done < <(files 'packaging/*.service')
	dir=$top/build/agent-unit
	rm -rf "$dir"
	mkdir -p "$dir/qkdtlsd.service.d"
	cp packaging/qkdtlsd.service "$dir"
	cp packaging/handshake-agent.conf "$dir/qkdtlsd.service.d"
	"$bed/enter" systemd-analyze security --offline=true --no-pager --threshold=20 "$dir/qkdtlsd.service" || bad=1
	dir=$top/build/sysusers
	rm -rf "$dir"
	mkdir -p "$dir/etc"
	"$bed/enter" systemd-sysusers --root="$dir" "$top/packaging/qkd.sysusers.conf" || bad=1
	"$bed/enter" systemd-tmpfiles --root="$dir" --create "$top/packaging/qkd.tmpfiles.conf" || bad=1
	[[ $(stat -c %a "$dir/etc/qkd") == 755 ]] || bad=1
	while read -r unit; do
		if ! grep -q "^$unit:" "$dir/etc/passwd" || ! grep -q "^qkd:.*[:,]$unit\b" "$dir/etc/group"; then
			echo "$unit is a unit's user, and not one of the group qkd in packaging/qkd.sysusers.conf"
			bad=1
		fi
	done < <(files 'packaging/*.service' | xargs sed -n 's/^User=//p')
	return "$bad"
}

check_untracked() {
	if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		echo 'not a git checkout'
		return 77
	fi
	# Ignored files too: only build/ is for what a build makes.
	if git ls-files --others | grep -v '^build/'; then
		echo 'files that are not tracked'
		return 1
	fi
}

all=(format headers examples layers size spdx shell checkpatch modules sparse clang symbols man spec provider-api proofs units conformance untracked)
case ${1-} in
-h | --help)
	sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"
	exit 0
	;;
esac
(($#)) || set -- "${all[@]}"
for name; do
	if [[ " ${all[*]} " != *" $name "* ]]; then
		echo "no such check: $name; see --help" >&2
		exit 2
	fi
done

"$bed/host"
mkdir -p build
output=$(mktemp)
trap 'rm -f "$output"' EXIT
number=0 failed=0
printf '1..%d\n' "$#"
for name; do
	number=$((number + 1))
	# In a condition "set -e" would be off inside the check.
	set +e
	(
		set -e
		"check_$name"
	) >"$output" 2>&1 </dev/null
	status=$?
	set -e
	case $status in
	0) printf 'ok %d - %s\n' "$number" "$name" ;;
	77) printf 'ok %d - %s # SKIP %s\n' "$number" "$name" "$(tail -n 1 "$output")" ;;
	*)
		failed=$((failed + 1))
		printf 'not ok %d - %s\n' "$number" "$name"
		tail -n 60 "$output" | sed 's/^/# /'
		;;
	esac
done
((failed == 0))
