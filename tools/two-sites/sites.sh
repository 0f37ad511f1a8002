# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Two sites, each a virtual machine with modules, daemons and a source of keys of its own. Sourced, beside
# tools/testbed/lib.sh and selftests/e2e/tap.sh:
#
#	 geneva                                                zurich
#	curl ---> qkdtlsd ------ Ethernet (the wire), TLS -----> qkdtlsd ---> web server
#	          qkd.ko                                         qkd.ko
#	            |  source pci: tools/qkdbox, the device in the PCIe slot |
#	            |  source kme: qkdkmed, and tools/kme outside            |
#	            '  source sim: one seed                                  '
#
#	sites_begin DIR SERIES SOURCE...    both, with links of these sources; logs in DIR
#	at SITE CMD [ARGUMENT]...           a function of tools/two-sites/site.sh, or any command, in the machine
#	wire on|off                         the cable between them
#	lose SOURCE, restore SOURCE         zurich's, for good, until it is restored
#	site_kill SITE, site_again SITE     its power
#	sites_end                           both end in order; fails if one does not, or its kernel saw a defect
#	sites_cleanup                       whatever happened; for a trap
#
# What these change is kept in files, so that they may be called in subshells.

TWO_SITES=$TOP/tools/two-sites
SITES=(geneva zurich)
SITE_SCRIPTS=("$TWO_SITES/site.sh") # what the agent sources: functions for "at"; more may be added before the beginning
SITE_LIMIT=1800 # seconds that a machine may run

sites_begin() {
	SITES_DIR=$1 SITES_SERIES=$2
	SOURCES=("${@:3}")
	SITES_HELPERS=()
	SITE_MACHINE=(-m 512)
	if [[ $SITES_SERIES == debug ]]; then
		SITE_MACHINE=(-m 2048 -s 5)
		export TEST_SLOWNESS=5
	fi
	# The path of a socket may not be long.
	SITES_SOCKETS=$(mktemp -d /tmp/qkd-sites.XXXXXX)
	rm -rf "$SITES_DIR"
	mkdir -p "$SITES_DIR"
	sites_build
	sites_files
	if uses pci; then
		box_begin
	fi
	if uses kme; then
		kmes_begin
	fi
	# Two who hold one machine each would wait for each other's.
	hold two-machines
	hold_one_of vm "$VM_SLOTS"
	hold_one_of vm "$VM_SLOTS"
	site_boot geneva
	site_boot zurich
	site_ready geneva
	site_ready zurich
	site_links geneva 1
	site_links zurich 1
}

uses() { [[ " ${SOURCES[*]} " == *" $1 "* ]]; }

sites_build() {
	quietly "$SITES_DIR/build.log" "$TESTBED/enter" make -j2 -C "$TOP/user" O="$TOP/build/guest" all
	"$TESTBED/modules" "$SITES_SERIES" >/dev/null
	read -r _ SITES_VMLINUZ _ < <("$TESTBED/kernels" "$SITES_SERIES")
}

# What each machine finds in /site
sites_files() {
	local site own name pki=$SITES_DIR/pki

	mkdir "$pki"
	"$TOP/tools/kme" pki "$pki" geneva.example zurich.example kme-geneva kme-zurich
	(umask 077 && head -c 32 /dev/urandom >"$pki/seed")
	for site in "${SITES[@]}"; do
		mkdir "$SITES_DIR/$site.files"
		printf '%s\n' "$site" >"$SITES_DIR/$site.files/name"
		cp "$pki/ca.pem" "$pki/seed" "$SITES_DIR/$site.files"
		own=client
		if [[ $site == zurich ]]; then
			own=server
		fi
		for name in own "$own"; do
			cp "$pki/$site.example.pem" "$SITES_DIR/$site.files/$name.pem"
			cp "$pki/$site.example.key" "$SITES_DIR/$site.files/$name.key"
		done
	done
}

# helper NAME CMD...: a process of the sources, until the end; its log is NAME.log
helper() {
	"${@:2}" >"$SITES_DIR/$1.log" 2>&1 &
	SITES_HELPERS+=($!)
}

box_begin() {
	local site

	printf '[channel]\ncontrol = %s/box\nrate = 200000\n' "$SITES_SOCKETS" >"$SITES_DIR/box.conf"
	for site in "${SITES[@]}"; do
		printf '[site %s]\nsocket = %s/%s.box\n' "$site" "$SITES_SOCKETS" "$site" >>"$SITES_DIR/box.conf"
	done
	helper box "$TOP/tools/qkdbox/qkdbox" run "$SITES_DIR/box.conf"
	wait_for 20 test -S "$SITES_SOCKETS/box"
}

box() { "$TOP/tools/qkdbox/qkdbox" ctl "$SITES_SOCKETS/box" "$@" >/dev/null; }

kmes_begin() {
	local site node

	{
		printf '[network]\ncontrol = %s/kme\n[pair geneva.example zurich.example]\n' "$SITES_SOCKETS"
		for node in geneva geneva-spare zurich zurich-spare; do
			site=${node%-spare}
			printf '[node %s]\nlisten = 127.0.0.1:0\nsaes = %s.example\n' "$node" "$site"
			printf 'certificate = kme-%s.pem\nprivate-key = kme-%s.key\ntrust = ca.pem\n' "$site" "$site"
		done
	} >"$SITES_DIR/pki/kme.conf"
	helper kme env -C "$SITES_DIR/pki" "$TOP/tools/kme" run kme.conf
	for node in geneva geneva-spare zurich zurich-spare; do
		wait_for 20 grep -q "^$node: " "$SITES_DIR/kme.log"
		sed -n "s/^$node: .*://p" "$SITES_DIR/kme.log" >"$SITES_DIR/${node%-spare}.files/$node.port"
	done
}

kme() { "$TOP/tools/kme" ctl "$SITES_SOCKETS/kme" "$@" >/dev/null; }

other() { [[ $1 == geneva ]] && echo zurich || echo geneva; }

# Switches it on.
site_boot() {
	local site=$1 wire='' last=1 life=$SITES_DIR/$1
	local -a qemu=() options=()
	local script argument status

	if [[ $site == zurich ]]; then
		last=2
	fi
	wire=dgram,id=wire,local.type=unix,local.path=$SITES_SOCKETS/$site.wire
	wire+=,remote.type=unix,remote.path=$SITES_SOCKETS/$(other "$site").wire
	# shellcheck disable=SC2054 # QEMU's commas
	# With a hub before it the wire can be cut where no machine sees it.
	qemu=(-netdev "$wire" -netdev hubport,id=to-wire,hubid=0,netdev=wire -netdev hubport,id=to-site,hubid=0
		-device "virtio-net-pci,netdev=to-site,mac=52:54:00:77:00:0$last"
		-chardev "socket,id=agent,path=$SITES_SOCKETS/$site.agent,server=on,wait=off" -serial chardev:agent
		-qmp "unix:$SITES_SOCKETS/$site.qmp,server=on,wait=off")
	if uses kme; then
		# shellcheck disable=SC2054
		qemu+=(-netdev user,id=kme -device virtio-net-pci,netdev=kme,mac=52:54:00:77:01:00)
	fi
	if uses pci; then
		options+=(--box "$SITES_SOCKETS/$site.box")
	fi
	for argument in "${qemu[@]}"; do
		options+=(--qemu "$argument")
	done
	for script in "${SITE_SCRIPTS[@]}"; do
		options+=(--add "$script:/two-sites/${script##*/}")
	done
	rm -rf "$life" "$life.ended"
	mkdir "$life"
	{
		status=0
		"$TOP/tools/vm/run" -q -k "$SITES_SERIES" "${SITE_MACHINE[@]}" -t "$SITE_LIMIT" --slot-held -o "$life" \
			--script "$TWO_SITES/agent" --add "$SITES_DIR/$site.files:/site" \
			--add "$TOP/selftests/e2e:/selftests/e2e" --add "$SITES_VMLINUZ:/boot/vmlinuz" \
			--add "$TOP/build/guest/qkdctl" --add "$TOP/build/guest/qkdtlsd" --add "$TOP/build/guest/qkdkmed" \
			"${options[@]}" >"$life.run.log" 2>&1 || status=$?
		echo "$status" >"$life.ended"
	} &
}

site_has_ended() { [[ -e $SITES_DIR/$1.ended ]]; }

# Its agent listens, or it has ended.
site_ready() {
	until grep -q '^# ready' "$SITES_DIR/$1/test.log" 2>/dev/null; do
		if site_has_ended "$1"; then
			cat "$SITES_DIR/$1.run.log"
			return 1
		fi
		sleep 0.1
	done
}

# site_links SITE NUMBER: the simulator gives other keys each time
site_links() {
	local source

	for source in "${SOURCES[@]}"; do
		at "$1" add_link "$source" "$2"
	done
}

at() { "$TWO_SITES/at" "$SITES_SOCKETS/$1.agent" "$(printf '%q ' "${@:2}")"; }

qmp() { "$TWO_SITES/at" --qmp "$SITES_SOCKETS/$1.qmp" "${@:2}"; }

wire() { qmp geneva set_link name=wire up="$1"; }

# The power goes, at once. Its kernel saw no defect until then.
site_kill() {
	qmp "$1" quit
	wait_for 20 site_has_ended "$1"
	refuse grep 'kernel log:' "$SITES_DIR/$1.run.log"
}

# The power is back.
site_again() {
	site_boot "$1"
	site_ready "$1"
	site_links "$1" 2
}

# ---- What becomes of a source ----

lose() {
	case $1 in
	sim) at zurich lose_sim ;;
	pci) box yank zurich && at zurich lose_pci ;;
	kme) kme stop zurich && kme stop zurich-spare ;;
	esac
}

restore() {
	case $1 in
	sim) at zurich restore_sim ;;
	pci) box plug zurich && at zurich restore_pci ;;
	kme) kme start zurich && kme start zurich-spare ;;
	esac
	at zurich wait_for 60 link_is "$1" up
	in_step "$1"
}

# Both ends go on at the same block, which neither has had: what one has and the other lacks goes. KMEs need no such thing.
in_step() {
	local block

	if [[ $1 != kme ]]; then
		block=$(($("block_of_$1" geneva) + $("block_of_$1" zurich) + 200))
		at geneva resync "$1" "$block"
		at zurich resync "$1" "$block"
	fi
	at geneva wait_for 60 has_keys "$1"
	at zurich wait_for 60 has_keys "$1"
}

# A block that is not below where the source is at this site

block_of_sim() { at "$1" sim_block; }

block_of_pci() {
	"$TOP/tools/qkdbox/qkdbox" ctl "$SITES_SOCKETS/box" stats "$1" | sed -n 's/.*"next": \[\([0-9]*\),.*/\1/p'
}

# ---- The end ----

sites_end() {
	local site failed=0

	for site in "${SITES[@]}"; do
		at "$site" end
		wait_for 120 site_has_ended "$site"
		if [[ $(cat "$SITES_DIR/$site.ended") != 0 ]]; then
			grep '^not ok' "$SITES_DIR/$site.run.log" || cat "$SITES_DIR/$site.run.log"
			failed=1
		fi
	done
	return "$failed"
}

sites_cleanup() {
	local site pid

	set +e # whatever has gone already, the rest goes too
	for site in "${SITES[@]}"; do
		if [[ -S $SITES_SOCKETS/$site.qmp ]] && ! site_has_ended "$site"; then
			qmp "$site" quit
			wait_for 20 site_has_ended "$site"
		fi
	done
	for pid in "${SITES_HELPERS[@]}"; do
		kill "$pid"
		wait "$pid" 2>/dev/null
	done
	rm -rf "$SITES_SOCKETS"
}
