# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What is done at a site, in its virtual machine. Sourced by tools/two-sites/agent, beside selftests/e2e/lib.sh: the place is
# "here". /site has the site's name, certificates, the seed of the simulated link, and the ports of its KMEs.
#
# A source is where keys come from: sim, pci or kme. Its link is named after the other site and it: zurich-pci.

# shellcheck disable=SC2034 # for tools/demo/report.sh
PLACE=here
SITE=$(cat /site/name)
CAPACITY=64 # keys of each direction
# shellcheck disable=SC2034 # for lib.sh
E2E_KEYS_WANTED=$((CAPACITY / 2))
MAC=52:54:00:77:00 # of the wire's two ends; the last byte is the address's
KME_MAC=52:54:00:77:01:00
if [[ $SITE == "$E2E_GENEVA" ]]; then
	PEER=$E2E_ZURICH ROLE=a WIRE=gz ADDRESS=$E2E_GENEVA_IP
	OWN_SAE=$E2E_CLIENT_NAME PEER_SAE=$E2E_SERVER_NAME
else
	PEER=$E2E_GENEVA ROLE=b WIRE=zg ADDRESS=$E2E_ZURICH_IP
	OWN_SAE=$E2E_SERVER_NAME PEER_SAE=$E2E_CLIENT_NAME
fi

site_begin() {
	modprobe -a tls virtio_pci virtio_net qkd
	e2e_device
	cp -r /site/. "$E2E_DIR"
	chmod 600 "$E2E_DIR"/*.key "$E2E_DIR"/seed
	wire_begin
	audit_begin
}

# Nothing of ours is left: an open link or a session would keep a module.
site_end() {
	local module
	for module in qkd_pci qkd_sim qkd; do
		if [[ -d /sys/module/$module ]]; then
			rmmod "$module"
		fi
	done
}

nic_of() { grep -l "^$1$" /sys/class/net/*/address | cut -d / -f 5; }

wire_begin() {
	local nic peer
	nic=$(nic_of "$MAC:0${ADDRESS##*.}")
	ip link set "$nic" name "$WIRE"
	ip address add "$ADDRESS/24" dev "$WIRE"
	ip link set "$WIRE" up
	# As if a router were between: it goes on being there when the other end is cut off.
	for peer in 1 2; do
		ip neighbour replace "10.77.0.$peer" lladdr "$MAC:0$peer" dev "$WIRE"
	done
}

# What becomes of each key
audit_begin() {
	qkdctl monitor --audit "$E2E_DIR/audit" >"$E2E_DIR/monitor.log" 2>&1 4>&- &
	echo $! >"$E2E_DIR/monitor.pid"
	e2e_started $!
	wait_for 20 grep -q 'recording begins' "$E2E_DIR/audit"
}

# ---- Sources ----

link_of() { printf '%s-%s' "$PEER" "$1"; }

# add_link SOURCE [NUMBER]: the NUMBERth time for the simulator, which gives the same keys for the same seed
add_link() {
	local link
	link=$(link_of "$1")
	"add_link_$1" "$link" "${2:-1}"
	wait_for 60 link_is "$1" up
}

qkdctl_add() { qkdctl link add "$1" local "$OWN_SAE" remote "$PEER_SAE" capacity "$CAPACITY" "${@:2}"; }

add_link_sim() {
	modprobe qkd_sim
	{ cat "$E2E_DIR/seed" && echo "$2"; } | openssl dgst -sha256 -binary >"$E2E_DIR/seed.$2"
	chmod 600 "$E2E_DIR/seed.$2"
	qkdctl_add "$1" provider sim role "$ROLE" seed-file "$E2E_DIR/seed.$2" rate "$E2E_RATE"
}

qkd_device() { grep -l 0x1110 /sys/bus/pci/devices/*/device | cut -d / -f 6; }

add_link_pci() {
	modprobe qkd_pci
	qkdctl_add "$1" provider "pci-$(qkd_device)" role "$ROLE"
}

# The KMEs, of which the second is there for when the first is not, are on other machines of the site.
add_link_kme() {
	local nic name
	nic=$(nic_of "$KME_MAC")
	ip address add 10.0.2.15/24 dev "$nic"
	ip link set "$nic" up
	echo "10.0.2.2 kme-$SITE" >>/etc/hosts
	qkdctl_add "$1" provider feed low $((CAPACITY / 2))
	for name in "$SITE" "$SITE-spare"; do
		printf '[kme %s]\nurl = https://kme-%s:%s\n' "$name" "$SITE" "$(cat "/site/$name.port")"
		printf 'certificate = %s/own.pem\nprivate-key = %s/own.key\ntrust = %s/ca.pem\n' \
			"$E2E_DIR" "$E2E_DIR" "$E2E_DIR"
	done >"$E2E_DIR/qkdkmed.conf"
	printf '[link %s]\nkme = %s %s-spare\nhigh = %d\nretry-max = 1\nstatus-interval = 2\n' \
		"$1" "$SITE" "$SITE" "$CAPACITY" >>"$E2E_DIR/qkdkmed.conf"
	qkdkmed -c "$E2E_DIR/qkdkmed.conf" >"$E2E_DIR/qkdkmed.log" 2>&1 &
	echo $! >"$E2E_DIR/qkdkmed.pid"
	e2e_started $!
}

link_is() { qkdctl link show "$(link_of "$1")" | grep -q "state $2"; }

# keys_of_link SOURCE COUNTER of qkdctl stats
keys_of_link() { e2e_stat here "$(link_of "$1")" "$2"; }

# Full of keys; of a KME's only outbound ones, since it gives others on demand, and not below the mark
has_keys() {
	if [[ $1 == kme ]]; then
		(($(keys_of_link kme outbound_fresh) >= CAPACITY / 2))
	else
		(($(keys_of_link "$1" outbound_fresh) == CAPACITY && $(keys_of_link "$1" inbound_fresh) == CAPACITY))
	fi
}

lose_sim() {
	qkdctl sim set "$(link_of sim)" outage on
	qkdctl link purge "$(link_of sim)"
}

restore_sim() { qkdctl sim set "$(link_of sim)" outage off; }

# It has been pulled already.
lose_pci() { echo 1 >"/sys/bus/pci/devices/$(qkd_device)/remove"; }

restore_pci() {
	echo 1 >/sys/bus/pci/rescan
	add_link pci
}

sim_block() { qkdctl -j link show "$(link_of sim)" | sed -n 's/.*"block": *\([0-9]*\).*/\1/p'; }

resync() { qkdctl link resync "$(link_of "$1")" block "$2"; }
