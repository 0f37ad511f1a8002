#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The demonstration, inside the virtual machine: TAP, by tools/demo/report.sh. The two sites are drawn in
# selftests/e2e/lib.sh, which sets them up.
set -euo pipefail

here=/selftests/e2e
# shellcheck source=selftests/e2e/tap.sh
. "$here/tap.sh"
# shellcheck source=selftests/e2e/lib.sh
. "$here/lib.sh"
# shellcheck source=tools/demo/report.sh
. /demo/report.sh
trap e2e_cleanup EXIT

GENEVA_LINK=$E2E_ZURICH
ZURICH_LINK=$E2E_GENEVA
LOST="Zurich purges its link; geneva's keys are of no use now."

ask() {
	local PLACE=$1
	shift
	"$@"
}

lose_keys() { in_place "$E2E_ZURICH" qkdctl link purge "$ZURICH_LINK"; }

set_up() {
	tell "Setting up: certificates, two namespaces joined by a veth, a simulated QKD link (one seed at both ends)"
	modprobe -a tls qkd qkd_sim
	e2e_device
	e2e_pki
	e2e_namespaces
	e2e_seed
	e2e_links
	make_file
	e2e_web "$E2E_ZURICH"
	ask "$E2E_GENEVA" wait_for_keys "$GENEVA_LINK" outbound
	ask "$E2E_ZURICH" wait_for_keys "$ZURICH_LINK" inbound
}

printf 'TAP version 13\n'
set_up
show_all
show_end
