#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# qkdctl against the kernel: every command as text and as JSON, and every refusal. Root, in a network namespace
# of its own; the modules are loaded.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=selftests/e2e/tap.sh
. "$here/../e2e/tap.sh"

if [[ ${1:-} != inside ]]; then
	exec unshare -n "$BASH" "$0" inside
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
seed=$dir/seed
(
	umask 077
	head -c 32 /dev/urandom >"$seed"
)

# Adds link $1 with role $2; the rest goes behind.
add() {
	local name=$1 role=$2 local=site-a remote=site-b
	shift 2
	[[ $role == a ]] || { local=site-b remote=site-a; }
	qkdctl link add "$name" provider sim local $local remote $remote role "$role" seed-file "$seed" "$@"
}

# Each test starts without links.
clean() {
	local name
	for name in $(qkdctl link list | sed -n 's/^\([^ :]*\):.*/\1/p'); do
		qkdctl link delete "$name"
	done
}

# says STATUS TEXT CMD...: CMD ends with STATUS, nothing on standard output, and TEXT on standard error
says() {
	local want=$1 text=$2 status=0
	shift 2
	"$@" >"$dir/out" 2>"$dir/err" || status=$?
	cat "$dir/out" "$dir/err"
	[[ $status == "$want" ]] && [[ ! -s $dir/out ]] && grep -qF -- "$text" "$dir/err"
}

# Valid JSON, one document on one line: values are folded up until one is left.
is_json() {
	local one
	(($(wc -l <"$1") == 1)) || return 1
	one=$(sed -E \
		-e 's/"([^"\\]|\\["\\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/S/g' \
		-e 's/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/V/g' \
		-e ':again' \
		-e 's/\[([SV](,[SV])*)?\]/V/g' \
		-e 's/\{(S:[SV](,S:[SV])*)?\}/V/g' \
		-e 'tagain' "$1")
	[[ $one == [SV] ]]
}

# json CMD...: its output is valid and goes to $dir/json
json() {
	"$@" >"$dir/json" || return 1
	cat "$dir/json"
	is_json "$dir/json"
}

# The JSON output has these pieces.
has() {
	local piece
	for piece; do
		if ! grep -qF -- "$piece" "$dir/json"; then
			echo "no $piece"
			return 1
		fi
	done
}

# A positive number of keys wait outbound on link $1.
has_keys() {
	qkdctl stats "$1" | grep -Eq '^    outbound_fresh [1-9]'
}

id_of() {
	sed -n 's/^\([0-9a-f]\{8\}\(-[0-9a-f]\{4\}\)\{3\}-[0-9a-f]\{12\}\) length 32 .*/\1/p'
}

test_the_json_check_can_fail() {
	local bad
	for bad in '' '{' '{"a":1,}' '[1 2]' '{"a" 1}' '{a:1}' '"a' '{"a":01}' '[1],[2]' "$(printf '1\n2')"; do
		echo "$bad" >"$dir/bad"
		refuse is_json "$dir/bad"
	done
	echo '{"a":[1,-2.5e3,"x\"y",true,{}],"b":{"c":[]}}' >"$dir/good"
	is_json "$dir/good"
}

test_provider_list() {
	clean
	qkdctl provider list | grep -qx 'sim: links 0 simulated'
	json qkdctl -j provider list
	has '"name":"sim"' '"simulated":true' '"links":0'
	add alpha a
	qkdctl provider list | grep -qx 'sim: links 1 simulated'
}

test_link_add_and_show() {
	clean
	add alpha b rate 4096 capacity 100 ttl 600 low 5 qber-max 90000
	qkdctl link show alpha >"$dir/text"
	cat "$dir/text"
	grep -qx 'alpha: provider sim state up simulated' "$dir/text"
	grep -qx '    local site-b remote site-a role b' "$dir/text"
	grep -qx '    key-length 32 capacity 100 ttl 600 low 5 lease 60' "$dir/text"
	grep -qx '    qber-max 90000 qber 20000 rate 4096' "$dir/text"
	grep -q '^    sim rate 4096 qber 20000 outage off eavesdropper off jitter 0 fetch-delay 0 loss 0' "$dir/text"
	grep -qx '    degrade-after 3 quota-rate 0 quota-burst 0 reserve 0 raw on' "$dir/text"
	grep -Eqx '    outbound [0-9]+ inbound [0-9]+ reserved 0' "$dir/text"
	json qkdctl link show alpha --json
	has '"name":"alpha"' '"provider":"sim"' '"local":"site-b"' '"remote":"site-a"' '"role":"b"' '"state":"up"' \
		'"simulated":true' '"key_length":32' '"capacity":100' '"ttl":600' '"low":5' '"rate":4096' \
		'"qber_max":90000' '"qber":20000' '"sim":{"rate":4096,"qber":20000,"outage":false' \
		'"stats":{"outbound_fresh":'
}

test_link_add_as_json() {
	clean
	json add alpha a -j
	has '"link":"alpha"' '"result":"added"'
}

test_link_list() {
	clean
	json qkdctl -j link list
	grep -qx '\[\]' "$dir/json"
	[[ -z $(qkdctl link list) ]]
	add alpha a
	add beta b
	qkdctl link list >"$dir/text"
	grep -q '^alpha: ' "$dir/text"
	grep -q '^beta: ' "$dir/text"
	json qkdctl -j link list
	has '"name":"alpha"' '"name":"beta"'
}

test_link_delete() {
	clean
	add alpha a
	[[ -z $(qkdctl link delete alpha) ]]
	says 1 'qkdctl link list' qkdctl link delete alpha
	add alpha a
	json qkdctl -j link delete alpha
	has '"link":"alpha"' '"result":"deleted"'
}

test_link_purge() {
	clean
	add alpha a rate 256
	wait_for 20 has_keys alpha
	[[ -z $(qkdctl link purge alpha) ]]
	qkdctl stats alpha | grep -Eq '^    purged [1-9]'
	json qkdctl -j link purge alpha
	has '"link":"alpha"' '"result":"purged"'
	says 1 'no such link' qkdctl link purge beta
}

test_link_resync() {
	clean
	add alpha a rate 256
	wait_for 20 has_keys alpha
	[[ -z $(qkdctl link resync alpha block 1000) ]]
	wait_for 60 has_keys alpha
	qkdctl link show alpha | grep -Eq ' block 1[0-9]{3}$'
	json qkdctl -j link resync alpha block 2000
	has '"link":"alpha"' '"result":"resynced"'
	says 1 'never made twice' qkdctl link resync alpha block 1000
	says 1 'no such link' qkdctl link resync beta block 3000
	says 2 "'block' is missing" qkdctl link resync alpha
	says 2 "'block 1k'" qkdctl link resync alpha block 1k
	says 2 'nothing follows' qkdctl link resync alpha block
}

test_link_set_and_sim_set() {
	clean
	add alpha a rate 256
	[[ -z $(qkdctl link set alpha ttl 99 low 7) ]]
	[[ -z $(qkdctl link set alpha qber-max 70000) ]]
	qkdctl link show alpha | grep -qx '    key-length 32 capacity 1024 ttl 99 low 7 lease 60'
	qkdctl link show alpha | grep -qx '    qber-max 70000 qber 20000 rate 256'
	[[ -z $(qkdctl sim set alpha rate 300 qber 30000) ]]
	qkdctl link show alpha | grep -qx '    qber-max 70000 qber 30000 rate 300'
	[[ -z $(qkdctl sim set alpha qber 110001) ]]
	qkdctl link show alpha | grep -q 'state down'
	[[ -z $(qkdctl sim set alpha qber 10000 outage on eavesdropper on jitter 1 fetch-delay 2 loss 3 duplicate 4 \
		reorder 5 flip 6) ]]
	qkdctl link show alpha | grep -q ' outage on eavesdropper on jitter 1 fetch-delay 2 loss 3 duplicate 4 reorder 5 flip 6'
	json qkdctl -j link show alpha
	has '"outage":true,"eavesdropper":true,"jitter":1,"fetch_delay":2,"loss":3,"duplicate":4,"reorder":5,"flip":6'
	[[ -z $(qkdctl sim set alpha outage off) ]]
	qkdctl link show alpha | grep -qx '    qber-max 70000 qber 255000 rate 0'
	[[ -z $(qkdctl sim set alpha eavesdropper off) ]]
	qkdctl link show alpha | grep -q 'state up'
	[[ -z $(qkdctl link set alpha lease 5) ]]
	qkdctl link show alpha | grep -q ' low 7 lease 5$'
	says 2 'a number from 1 to 3600' qkdctl link set alpha lease 0
	[[ -z $(qkdctl link set alpha degrade-after 0) ]]
	qkdctl link show alpha | grep -qx '    degrade-after 0 quota-rate 0 quota-burst 0 reserve 0 raw on'
	[[ -z $(qkdctl link set alpha quota-rate 10 quota-burst 20 reserve 30 priority-gid 40) ]]
	qkdctl link show alpha |
		grep -qx '    degrade-after 0 quota-rate 10 quota-burst 20 reserve 30 priority-gid 40 raw on'
	json qkdctl -j link show alpha
	has '"quota_rate":10' '"quota_burst":20' '"reserve":30' '"priority_gid":40'
	says 1 'the reserve is above the capacity' qkdctl link set alpha reserve 1025
	json qkdctl -j link set alpha low 0
	has '"link":"alpha"' '"result":"set"'
	says 1 'no such link' qkdctl link set beta low 0
	says 1 'no such link' qkdctl sim set beta rate 300
	says 1 'low is above the capacity' qkdctl link set alpha low 1025
	says 2 'what is to change' qkdctl link set alpha
	says 2 "unknown word 'rate'" qkdctl link set alpha rate 300
	says 2 'a number from 256 to' qkdctl sim set alpha rate 255
	says 2 'a number from 0 to 500000' qkdctl sim set alpha qber 500001
	says 2 'on or off is wanted' qkdctl sim set alpha outage maybe
	says 2 'a number from 0 to 60000' qkdctl sim set alpha jitter 60001
	says 2 'a number from 0 to 1000000' qkdctl sim set alpha loss 1000001
	says 2 "unknown word 'now'" qkdctl sim set alpha unplug now
	says 2 'a number from 1 to 1000000' qkdctl link set alpha qber-max 0
	says 2 'the name of a link is wanted' qkdctl sim set
}

# The published example of decoy-state BB84 (qkdctl(8)) at $1 km, with $2 pulses a second; the rest goes behind.
physics() {
	local length=$1 pulses=$2
	shift 2
	qkdctl sim physics --length "$length" --attenuation 0.21 --detector-efficiency 0.045 --dark-count 1.7e-6 \
		--pulse-rate "$pulses" "$@"
}

test_sim_physics() {
	clean
	physics 50 2e6 >"$dir/text"
	cat "$dir/text"
	grep -qx 'qber 0.033413' "$dir/text"
	grep -qx 'rate 445.191' "$dir/text"
	json physics 0 2e6 --json --mean-photon-number=0.48 --misalignment 0.033 --error-correction 1.22 --sifting 0.5
	has '"mean_photon_number":0.48,' '"reach":142.014}'
	json qkdctl -j sim physics length 0 attenuation 0.21 detector-efficiency 0.045 dark-count 1.7e-6 pulse-rate 2e6
	has '"reach":142.209}'
	says 2 "'--length' is missing" qkdctl sim physics
	says 2 "'--sifting 2'" physics 50 2e6 --sifting 2
	says 2 'See' physics 50 2e6 --colour 5
	says 2 "unknown word 'length'" qkdctl link list --length 5
}

test_sim_physics_is_applied() {
	clean
	add alpha a
	physics 50 2e6 alpha | grep -qx 'rate 445.191'
	qkdctl link show alpha | grep -q '^    sim rate 445 qber 33413 outage off '
	json physics 20 2e6 alpha --json
	has '"link":"alpha"'
	qkdctl link show alpha | grep -q ' sim rate 1924 '
	physics 140 2e6 alpha 2>"$dir/err"
	grep -q "fewer than the simulator's least" "$dir/err"
	qkdctl link show alpha | grep -q ' sim rate 256 '
	physics 143 2e6 alpha 2>"$dir/err" | grep -qx 'bits-per-pulse 0'
	grep -q 'no secret key comes out: alpha has an outage' "$dir/err"
	qkdctl link show alpha | grep -q 'state down'
	qkdctl link show alpha | grep -q ' sim rate 256 qber [0-9]* outage on '
	physics 20 2e6 alpha | grep -q '^rate 1924'
	qkdctl link show alpha | grep -q 'state up'
	says 1 'no such link' physics 50 2e6 beta
}

link_is_gone() {
	says 1 'no such link' qkdctl link show alpha
}

test_unplug() {
	clean
	add alpha a
	[[ -z $(qkdctl sim set alpha unplug) ]]
	wait_for 20 link_is_gone
	wait_for 20 add alpha a
	has_keys alpha || wait_for 20 has_keys alpha
}

test_key_get_takes_the_next() {
	clean
	local first second
	add alpha a
	wait_for 20 has_keys alpha
	qkdctl key get alpha >"$dir/text"
	cat "$dir/text"
	grep -Eqx '[0-9a-f-]{36} length 32 outbound: taken, spent' "$dir/text"
	first=$(id_of <"$dir/text")
	second=$(qkdctl key get alpha | id_of)
	[[ $first && $second && $first != "$second" ]]
	qkdctl stats alpha | grep -qx '    outbound_spent 2'
	json qkdctl -j key get alpha
	has '"link":"alpha"' '"id":"' '"length":32' '"direction":"outbound"' '"state":"spent"'
	refuse grep -q '"key"' "$dir/json"
}

test_key_get_by_id_is_the_peer_s() {
	clean
	local id key
	add alpha a
	add beta b
	wait_for 20 has_keys alpha
	qkdctl key get alpha --show-secret >"$dir/secret"
	grep -Eqx '[0-9a-f-]{36} length 32 outbound: taken, spent key [0-9a-f]{64}' "$dir/secret"
	id=$(id_of <"$dir/secret")
	key=$(sed 's/.* key //' "$dir/secret")
	json qkdctl -j key get beta id "$id" --show-secret >"$dir/quiet"
	has "\"id\":\"$id\"" '"direction":"inbound"' '"state":"spent"'
	grep -qF "\"key\":\"$key\"" "$dir/json"
	rm -f "$dir/secret" "$dir/quiet" "$dir/json"
	says 1 'a key is used once' qkdctl key get beta id "$id"
	id=$(qkdctl key get alpha | id_of)
	qkdctl key get beta id "${id^^}" | grep -qx "$id length 32 inbound: reserved and committed, spent"
	qkdctl stats beta | grep -qx '    inbound_spent 2'
}

# Drains the link; the key that comes now and then may be taken too.
drained() {
	says 1 'no outbound key is left' qkdctl key get alpha
}

test_key_get_refusals() {
	clean
	add alpha a rate 256
	wait_for 20 has_keys alpha
	wait_for 60 drained
	says 1 'no such link' qkdctl key get beta
	says 1 'no inbound key has this ID' qkdctl key get alpha id 01234567-89ab-4def-8123-456789abcdef
	says 2 "'id 0123'" qkdctl key get alpha id 0123
	says 2 'nothing follows' qkdctl key get alpha id
	says 2 'name of a link' qkdctl key get
	says 2 "'please'" qkdctl key get alpha please
}

test_stats() {
	clean
	local name
	add alpha a
	add beta b
	qkdctl stats >"$dir/text"
	grep -qx 'alpha:' "$dir/text"
	grep -qx 'beta:' "$dir/text"
	qkdctl stats alpha >"$dir/text"
	refuse grep -q beta "$dir/text"
	for name in outbound_fresh inbound_fresh inbound_reserved waiters delivered dropped refused outbound_spent \
		inbound_spent released expired purged unknown replayed lapsed mismatched over_quota limited; do
		grep -Eqx "    $name [0-9]+" "$dir/text"
	done
	json qkdctl -j stats
	has '[{"link":"alpha","stats":{' '{"link":"beta","stats":{'
	json qkdctl -j stats beta
	has '{"link":"beta","stats":{'
	says 1 'no such link' qkdctl stats gamma
	says 2 "'beta'" qkdctl stats alpha beta
}

# Makes an event; true once the monitor has printed one.
monitor_speaks() {
	add mark a
	qkdctl link delete mark
	[[ -s $dir/events ]]
}

# Starts a monitor with options $@ and waits until it is heard.
start_monitor() {
	qkdctl monitor "$@" >"$dir/events" 2>"$dir/err" &
	monitor=$!
	trap 'kill -KILL "$monitor"' EXIT
	wait_for 20 monitor_speaks
}

stop_monitor() {
	local status=0
	kill -TERM "$monitor"
	wait "$monitor" || status=$?
	trap - EXIT
	cat "$dir/events" "$dir/err"
	[[ $status == 0 && ! -s $dir/err ]]
}

test_monitor() {
	clean
	start_monitor
	add alpha a
	wait_for 20 grep -q '^alpha: link-up outbound [0-9]' "$dir/events"
	qkdctl link delete alpha
	wait_for 20 grep -qx 'alpha: link-gone outbound 0' "$dir/events"
	stop_monitor
}

test_monitor_as_json() {
	clean
	local line
	start_monitor -j
	add alpha a low 1000
	wait_for 20 grep -q '"event":"link-up","type":1,"link":"alpha","outbound":' "$dir/events"
	stop_monitor
	while IFS= read -r line; do
		echo "$line" >"$dir/json"
		is_json "$dir/json"
	done <"$dir/events"
}

# A record of the key $1 with outcome $2 is in the audit file.
audited() {
	grep -q "id $1 direction [a-z]* outcome $2 " "$dir/audit"
}

test_monitor_audit() {
	local first second noted
	clean
	rm -f "$dir/audit"
	start_monitor --audit "$dir/audit"
	[[ $(stat -c %a "$dir/audit") == 600 ]]
	refuse qkdctl monitor --audit "$dir/audit" 2>"$dir/second"
	grep -q 'another qkdctl' "$dir/second"
	add alpha a
	wait_for 20 has_keys alpha
	first=$(qkdctl key get alpha | id_of)
	wait_for 20 audited "$first" 'taken uid 0 pid [0-9]* comm "qkdctl"'
	qkdctl link delete alpha
	wait_for 20 grep -q 'outcome wiped hash' "$dir/audit"
	stop_monitor
	qkdctl audit verify "$dir/audit" | tee "$dir/text"
	grep -Eqx "$dir/audit: lines [0-9]+ records [0-9]+ missing 0 hash [0-9a-f]{64}" "$dir/text"
	noted=$(sed 's/.* //' "$dir/text")

	# Another run goes on with the same chain, in JSON.
	start_monitor -j --audit "$dir/audit"
	add alpha a
	wait_for 20 has_keys alpha
	second=$(qkdctl key get alpha | id_of)
	wait_for 20 grep -q "\"id\":\"$second\",\"direction\":\"outbound\",\"outcome\":\"taken\"" "$dir/audit"
	stop_monitor
	json qkdctl -j audit verify "$dir/audit" hash "$noted"
	has '"intact":true' '"missing":0' '"records":'
	(($(grep -c 'recording begins' "$dir/audit") == 2))
	# Each line in JSON is that.
	grep '^{' "$dir/audit" | while IFS= read -r line; do
		echo "$line" >"$dir/json"
		is_json "$dir/json"
	done
}

test_audit_verify_says_where_it_breaks() {
	clean
	rm -f "$dir/audit"
	start_monitor --audit "$dir/audit"
	add alpha a
	wait_for 20 has_keys alpha
	qkdctl link purge alpha
	wait_for 20 grep -q 'outcome purged hash' "$dir/audit"
	stop_monitor
	qkdctl audit verify "$dir/audit"
	sed '5s/purged/spared/; 5s/wiped/spared/' "$dir/audit" >"$dir/changed"
	says 1 "$dir/changed: line 5: the chain breaks here" qkdctl audit verify "$dir/changed"
	sed 7d "$dir/audit" >"$dir/changed"
	says 1 "$dir/changed: line 7: the chain breaks here" qkdctl audit verify "$dir/changed"
	head -n 3 "$dir/audit" >"$dir/changed"
	qkdctl audit verify "$dir/changed"
	says 1 'no line has the hash' qkdctl audit verify "$dir/changed" hash \
		"$(tail -n 1 "$dir/audit" | sed 's/.* //')"
	echo torn >>"$dir/changed"
	says 1 'its last line' qkdctl monitor --audit "$dir/changed"
	says 1 'No such file' qkdctl audit verify "$dir/nothing"
	says 2 '64 hexadecimal digits' qkdctl audit verify "$dir/audit" hash 12
	says 2 'the name of a file' qkdctl audit verify
}

# What nobody listened to leaves a hole that is told.
test_audit_verify_tells_what_is_missing() {
	clean
	rm -f "$dir/audit"
	add alpha a
	wait_for 20 has_keys alpha
	start_monitor --audit "$dir/audit"
	qkdctl key get alpha
	wait_for 20 grep -q 'outcome taken' "$dir/audit"
	stop_monitor
	qkdctl key get alpha
	qkdctl key get alpha
	start_monitor --audit "$dir/audit"
	qkdctl key get alpha
	wait_for 20 grep -q 'link alpha .* seq 4 ' "$dir/audit"
	stop_monitor
	qkdctl audit verify "$dir/audit" | tee "$dir/text"
	grep -Eq 'link alpha serial [0-9]+: records 2 to 3 are missing' "$dir/text"
	grep -q 'missing 2 ' "$dir/text"
}

test_monitor_audit_needs_a_capability() {
	clean
	says 1 'CAP_NET_ADMIN' unshare -U qkdctl monitor --audit "$dir/audit-of-nobody"
	[[ ! -e $dir/audit-of-nobody ]]
}

# The programs that make connections are tested with it in selftests/e2e.
test_session_without_any() {
	clean
	[[ -z $(qkdctl session) ]]
	json qkdctl -j session
	has '[]'
	says 2 "'now'" qkdctl session now
}

test_link_add_refusals() {
	clean
	says 2 "'provider' is missing" qkdctl link add alpha
	says 2 "'role c'" add alpha c
	says 2 "'rate 255'" add alpha a rate 255
	says 2 "'capacity 0'" add alpha a capacity 0
	says 2 "'ttl 604801'" add alpha a ttl 604801
	says 2 "unknown word 'colour'" add alpha a colour blue
	says 2 'name for a link' add al/pha a
	says 2 'must differ' qkdctl link add alpha provider sim local x remote x role a seed-file "$seed"
	says 1 'qkdctl provider list' qkdctl link add alpha provider card local x remote y role a
	says 1 'the kernel says' add alpha a capacity 5 low 6
	add alpha a
	says 1 'exists' add alpha a
	[[ $(qkdctl link list | grep -c '^alpha: ') == 1 ]]
}

test_seeds_on_the_command_line_are_refused() {
	clean
	says 2 'process list' qkdctl link add alpha provider sim local x remote y role a seed deadbeef
	refuse grep -q deadbeef "$dir/err"
	says 1 'no such link' qkdctl link show alpha
}

# seed_refused TEXT FILE
seed_refused() {
	says 1 "$1" qkdctl link add alpha provider sim local x remote y role a seed-file "$2"
	says 1 'no such link' qkdctl link show alpha
}

test_seed_files_are_checked() {
	clean
	local file=$dir/other
	seed_refused 'does not exist' "$file"
	(umask 077 && : >"$file")
	seed_refused '32 to 64' "$file"
	head -c 31 /dev/zero >"$file"
	seed_refused '32 to 64' "$file"
	head -c 65 /dev/zero >"$file"
	seed_refused '32 to 64' "$file"
	head -c 32 /dev/zero >"$file"
	chmod 640 "$file"
	seed_refused 'chmod 600' "$file"
	chmod 604 "$file"
	seed_refused 'chmod 600' "$file"
	chmod 600 "$file"
	chown 65534 "$file"
	seed_refused 'belongs to user' "$file"
	ln -s "$seed" "$dir/link"
	seed_refused 'symbolic link' "$dir/link"
	seed_refused 'not a regular file' "$dir"
	rm -f "$file" "$dir/link"
}

test_commands_that_are_none() {
	says 2 'Usage: qkdctl' qkdctl
	says 2 "unknown command 'frob'" qkdctl frob
	says 2 "unknown command 'link frob'" qkdctl link frob
	says 2 "'link' what" qkdctl link
	says 2 'See' qkdctl --frob
	says 2 '--show-secret' qkdctl link list --show-secret
	says 2 "'now'" qkdctl link list now
	says 2 "'now'" qkdctl monitor now
	says 2 "'now'" qkdctl provider list now
	says 2 "'now'" qkdctl link delete alpha now
}

test_help_and_version() {
	local words
	qkdctl --version | grep -Eqx 'qkdctl [0-9.]+'
	qkdctl help | grep -q '^Usage: qkdctl'
	qkdctl --help | grep -q '^Usage: qkdctl'
	for words in 'provider list' 'link add' 'link list' 'link show' 'link set' 'link delete' 'link purge' 'sim set' 'sim physics' \
		'key get' session 'audit verify' stats monitor; do
		qkdctl help | grep -q " qkdctl $words"
		# shellcheck disable=SC2086
		qkdctl help $words | grep -q "^Usage: qkdctl $words"
		# shellcheck disable=SC2086
		qkdctl $words --help | grep -q "^Usage: qkdctl $words"
	done
	says 2 "unknown command 'frob'" qkdctl help frob
}

# As user nobody, who may look, but neither change anything nor have keys
as_nobody() {
	su -s /bin/sh nobody -c "$*"
}

test_others_may_only_look() {
	clean
	add alpha a
	as_nobody qkdctl link show alpha | grep -q '^alpha: '
	says 1 'CAP_NET_ADMIN' as_nobody qkdctl link delete alpha
	says 1 'CAP_NET_ADMIN' as_nobody qkdctl link purge alpha
	says 1 'CAP_NET_ADMIN' as_nobody qkdctl link set alpha ttl 1
	says 1 'CAP_NET_ADMIN' as_nobody qkdctl sim set alpha rate 1000
	qkdctl link show alpha | grep -q '^alpha: '
}

# Gives the device to group $1, with its usual rights, until the test ends: whoever tested before may have left it to any.
device_of_group() {
	local rights
	rights=$(stat -c '%a %g' /dev/qkd)
	# shellcheck disable=SC2064
	trap "chmod ${rights% *} /dev/qkd; chgrp ${rights#* } /dev/qkd" EXIT
	chgrp "$1" /dev/qkd
	chmod 660 /dev/qkd
}

test_keys_are_for_the_group_of_the_device() {
	clean
	add alpha a
	wait_for 20 has_keys alpha
	device_of_group root
	says 1 'no permission for /dev/qkd' as_nobody qkdctl key get alpha
	chgrp nogroup /dev/qkd
	as_nobody qkdctl key get alpha
	# Keys, and no more than that
	says 1 'CAP_NET_ADMIN' as_nobody qkdctl link purge alpha
}

test_output_that_cannot_be_written_is_a_failure() {
	clean
	local status
	add alpha a
	wait_for 20 has_keys alpha
	for words in 'link list' '-j link list' 'key get alpha' 'stats'; do
		status=0
		# shellcheck disable=SC2086
		qkdctl $words >/dev/full 2>"$dir/err" || status=$?
		cat "$dir/err"
		[[ $status == 1 ]]
		grep -q 'could not be written' "$dir/err"
	done
}

test_without_the_module_it_says_what_to_do() {
	loader=$(cat /proc/sys/kernel/modprobe)
	echo /nowhere >/proc/sys/kernel/modprobe	# the kernel would load it by itself
	rmmod qkd_sim qkd
	trap 'echo "$loader" >/proc/sys/kernel/modprobe; modprobe qkd_sim' EXIT
	says 1 'modprobe qkd' qkdctl link list
	says 1 'modprobe qkd' qkdctl provider list
	says 1 'modprobe qkd' qkdctl key get alpha
	says 1 'modprobe qkd' qkdctl monitor
	modprobe qkd
	says 1 'modprobe qkd_sim' add alpha a
}

modprobe qkd_sim
# shellcheck disable=SC2046
tap_run $(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p')
