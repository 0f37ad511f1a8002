#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: selftests/two-sites/check.sh [-k SERIES] [-o DIR] [SOURCE]...
#
# Two sites on two virtual machines (tools/two-sites/sites.sh), whose links have their keys from these sources (sim, pci
# and kme: all of them by default), each with services of its own; what goes wrong in the midst of transfers, and what
# becomes of them, of new connections, and of the keys. TAP. Logs: DIR (build/two-sites).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/testbed/lib.sh
. "$here/../../tools/testbed/lib.sh"
usage_if_asked "$@"
# shellcheck source=selftests/e2e/tap.sh
. "$here/../e2e/tap.sh"
# shellcheck source=tools/two-sites/sites.sh
. "$TOP/tools/two-sites/sites.sh"

series=6.12 dir=$TOP/build/two-sites
while getopts k:o: option; do
	case $option in
	k) series=$OPTARG ;;
	o) dir=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
(($#)) || set -- sim pci kme

# one_more SERVICE PATTERN CMD...: after CMD both daemons have had one more connection like that.
one_more() {
	local service=$1 pattern=$2 here there
	shift 2
	here=$(at geneva connections "$service" "$pattern")
	there=$(at zurich connections "$service" "$pattern")
	"$@"
	at geneva expect_connections "$service" "$pattern" $((here + 1))
	at zurich expect_connections "$service" "$pattern" $((there + 1))
}

connects() { # SOURCE
	one_more "$1-require" 'end=closed outcome=qkd .* group=X25519MLKEM768 .* records=kernel' at geneva get "$1" require got
	arrived got small
}

# The file that came to geneva is that of zurich.
arrived() { [[ $(at geneva hash_of "$1") == $(at zurich hash_of "www/$2") ]]; }

test_a_connection_has_a_key() { connects "$1"; }

# The connection that is there goes on, under require there are no new ones, under prefer they do without.
test_the_source_goes_in_the_midst_of_a_transfer() {
	at geneva begin_download "$1"
	lose "$1"
	one_more "$1-require" 'outcome=refused' refuse at geneva get "$1" require refused
	one_more "$1-prefer" 'end=closed outcome=fallback .* records=kernel' at geneva get "$1" prefer got
	arrived got small
	one_more "$1-require" 'end=closed outcome=qkd' go_on_to_the_end "$1"
	restore "$1"
	connects "$1"
}

go_on_to_the_end() {
	at geneva go_on "$1"
	at geneva has_ended "$1" 0
	arrived "$1.got" bulk
}

test_the_other_kme_steps_in() {
	kme stop zurich
	connects kme
	kme start zurich
}

test_a_connection_waits_for_the_kmes() {
	local before
	lose kme
	before=$(at zurich keys_of_link kme unknown)
	at geneva begin_get waited kme patient
	at zurich wait_for 60 has_asked kme $((before + 3))
	one_more kme-patient 'end=closed outcome=qkd' kmes_come_back
	arrived waited small
}

kmes_come_back() {
	restore kme
	at geneva has_ended waited 0
}

# All that is under way stops, and goes on when the cable is whole again; so does a connection that is new.
test_the_wire_is_cut_in_the_midst_of_transfers() {
	local source before
	for source in "${SOURCES[@]}"; do
		at geneva begin_download "$source"
	done
	before=$(at geneva resent)
	wire off
	for source in "${SOURCES[@]}"; do
		at geneva go_on "$source"
	done
	at geneva begin_get waited "${SOURCES[0]}" require
	at geneva wait_for 60 has_resent "$before"
	for source in "${SOURCES[@]}" waited; do
		at geneva refuse is_over "$source"
	done
	wire on
	for source in "${SOURCES[@]}" waited; do
		at geneva has_ended "$source" 0
	done
	for source in "${SOURCES[@]}"; do
		arrived "$source.got" bulk
	done
	arrived waited small
}

# Its connections end, and not as if all had been said. Sources that go on without it give it keys again.
test_a_site_is_killed_in_the_midst_of_transfers() {
	local source ended
	for source in "${SOURCES[@]}"; do
		at geneva begin_echo "$source"
	done
	keep_accounts first
	site_kill zurich
	for source in "${SOURCES[@]}"; do
		at geneva go_on "$source"
	done
	ended=$(at geneva connections "${SOURCES[0]}-require" end=)
	refuse at geneva get "${SOURCES[0]}" require got --max-time 5
	site_again zurich
	services zurich
	# The daemon went on trying for who has gone meanwhile.
	at geneva expect_connections "${SOURCES[0]}-require" end= $((ended + 1))
	for source in "${SOURCES[@]}"; do
		at geneva expect_connections "$source-echo" 'end=reset outcome=qkd' 1
		rejoin "$source"
		connects "$source"
	done
}

# Geneva's link again beside zurich's, which is new
rejoin() {
	if [[ $1 == sim ]]; then
		at geneva qkdctl link delete zurich-sim
		at geneva add_link sim 2
	fi
	in_step "$1"
}

# What zurich knows of its keys goes with it.
keep_accounts() {
	at zurich audit_is_whole
	at zurich keys_that committed >"$SITES_DIR/committed.$1"
	at zurich keys_of_connections >"$SITES_DIR/connections.$1"
}

test_the_stores_balance() {
	at geneva wait_for 30 balances "$1"
	at zurich wait_for 30 balances "$1"
}

none() { (($(wc -l) == 0)); }

# only_in FILE OTHER: lines of it that the other has not
only_in() { comm -23 "$SITES_DIR/$1" "$SITES_DIR/$2"; }

# By what the kernels noted of each key, and what the daemons said
test_every_key_is_accounted_for() {
	local source
	at geneva stop_services
	at zurich stop_services
	keep_accounts second
	at geneva audit_is_whole
	at geneva keys_that taken | sort >"$SITES_DIR/taken"
	at geneva keys_of_log | sort >"$SITES_DIR/told"
	at geneva keys_of_connections | sort >"$SITES_DIR/used"
	sort "$SITES_DIR"/committed.* >"$SITES_DIR/committed"
	wc -l "$SITES_DIR"/{taken,told,used,committed}
	for source in "${SOURCES[@]}"; do
		grep -q "^$source " "$SITES_DIR/committed"
	done
	# No key twice, at neither end, in neither life
	uniq -d "$SITES_DIR/taken" | none
	uniq -d "$SITES_DIR/committed" | none
	# Each that geneva gave was for a connection that its daemon told of.
	only_in taken told | none
	only_in told taken | none
	# Zurich had none but those; and what carried data had one at both ends.
	only_in committed taken | none
	only_in used committed | none
}

test_both_sites_end_well() { sites_end; }

services() { # SITE
	if [[ $1 == zurich ]]; then
		at zurich start_servers
	fi
	at "$1" start_services "${SOURCES[@]}"
}

trap sites_cleanup EXIT
SITE_SCRIPTS+=("$here/services.sh")
sites_begin "$dir" "$series" "$@" >&2
services zurich
services geneva
tests=()
for source in "${SOURCES[@]}"; do
	in_step "$source"
	tests+=("test_a_connection_has_a_key $source" "test_the_source_goes_in_the_midst_of_a_transfer $source")
done
if uses kme; then
	tests+=(test_the_other_kme_steps_in test_a_connection_waits_for_the_kmes)
fi
tests+=(test_the_wire_is_cut_in_the_midst_of_transfers test_a_site_is_killed_in_the_midst_of_transfers)
for source in "${SOURCES[@]}"; do
	tests+=("test_the_stores_balance $source")
done
tests+=(test_every_key_is_accounted_for test_both_sites_end_well)
tap_run "${tests[@]}"
