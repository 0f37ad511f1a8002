# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For benchmarks inside a virtual machine: tests whose output is shown, and links full of keys. To be sourced.

number=0

# result TEXT COMMAND...: a test that COMMAND succeeds; what it says is shown.
result() {
	number=$((number + 1))
	if "${@:2}" 2>&1 | sed -u 's/^/# /'; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
	fi
}

# filled LINK COUNTER KEYS
filled() { qkdctl -j stats "$1" | grep -q "\"$2\": *$3\>"; }

WARM_KEYS=8192

# Both ends of a simulated link, full of $WARM_KEYS keys, and nothing that comes
warm_links() {
	head -c 32 /dev/urandom >seed
	chmod 600 seed
	qkdctl link add warm-a provider sim local geneva remote zurich role a seed-file seed capacity "$WARM_KEYS" rate 10000000
	qkdctl link add warm-b provider sim local zurich remote geneva role b seed-file seed capacity "$WARM_KEYS" rate 10000000
	until filled warm-a outbound_fresh "$WARM_KEYS" && filled warm-b inbound_fresh "$WARM_KEYS"; do
		sleep 0.1
	done
	qkdctl sim set warm-a rate 256
	qkdctl sim set warm-b rate 256
}
