# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests of the tool qkdtls over loopback: certificates, keys, the tool at both ends, and what its report says.
# Sourced, with the folder of the programs in $programs. Works in a folder of its own, which ends with the script.

# shellcheck disable=SC2034 # some are for the scripts that source this

# shellcheck source=selftests/e2e/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/tap.sh"

# shellcheck disable=SC2154 # programs is the script's
qkdtls=$programs/qkdtls
dir=$(mktemp -d "${TMPDIR:-/tmp}/qkdtls.XXXXXX")
cd "$dir"

trap 'rm -rf "$dir"' EXIT

# What an earlier test left must not decide this one, and what this one leaves running ends with it.
begin() {
	rm -f server.* client.* foreign.* ./*.keys ./*.keys.spent
	: >server.in
	trap end EXIT
}

end() {
	local status=$? pid file
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || continue
	done
	((status)) || return 0
	for file in server.err client.err foreign.out; do
		[[ ! -e $file ]] || sed "s/^/$file: /" "$file"
	done
	return "$status"
}

needs_hybrid() {
	[[ $hybrid ]] || skip "this OpenSSL has no ML-KEM"
}

# status_is STATUS CMD [ARG]...
status_is() {
	local wanted=$1 status=0
	shift
	"$@" || status=$?
	if ((status != wanted)); then
		echo "exit status $status instead of $wanted: $*"
		return 1
	fi
}

# ---- certificates ----

# KIND is a curve, an algorithm of OpenSSL's without parameters, or RSA
make_key() { # FILE KIND
	local how=(-algorithm "$2")
	case $2 in
	P-*) how=(-algorithm EC -pkeyopt "ec_paramgen_curve:$2") ;;
	RSA) how=(-algorithm RSA -pkeyopt rsa_keygen_bits:2048) ;;
	esac
	(
		umask 077
		openssl genpkey "${how[@]}" -out "$1" 2>/dev/null
	)
}

make_ca() { # NAME [KIND]
	make_key "$1.key" "${2:-P-256}"
	openssl req -x509 -key "$1.key" -out "$1.pem" \
		-subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
		2>/dev/null
	: >"$1.index"
}

make_leaf() { # FILE CA NAME [KIND [START END]]
	make_key "$1.key" "${4:-P-256}"
	openssl req -new -key "$1.key" -out "$1.csr" -subj "/CN=$3" 2>/dev/null
	cat >ca.conf <<-EOF
		[ca]
		default_ca = ca
		[ca]
		database = $2.index
		new_certs_dir = .
		rand_serial = yes
		default_md = sha256
		policy = policy
		unique_subject = no
		x509_extensions = leaf
		[policy]
		commonName = supplied
		[leaf]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,digitalSignature
		subjectAltName = DNS:$3
	EOF
	openssl ca -batch -notext -config ca.conf -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
		-startdate "${5:-20200101000000Z}" -enddate "${6:-20991231235959Z}" 2>/dev/null
}

revoke() { # FILE CA: by the configuration that make_leaf() left
	openssl ca -config ca.conf -cert "$2.pem" -keyfile "$2.key" -revoke "$1.pem" 2>/dev/null
}

make_crl() { # FILE CA
	openssl ca -config ca.conf -cert "$2.pem" -keyfile "$2.key" -md sha256 -gencrl -crldays 1 -out "$1" 2>/dev/null
}

make_staple() { # FILE LEAF CA
	openssl ocsp -index "$3.index" -rsigner "$3.pem" -rkey "$3.key" -CA "$3.pem" -issuer "$3.pem" -sha256 -cert "$2.pem" \
		-rmd sha256 -ndays 1 -respout "$1" >/dev/null 2>&1
}

make_certificates() {
	make_ca ca
	make_ca other-ca
	make_leaf zurich ca zurich.example
	make_leaf geneva ca geneva.example
	make_leaf expired ca zurich.example P-256 20200101000000Z 20210101000000Z
	make_leaf stranger other-ca zurich.example
}

# ---- keys ----

# Each end has its own copy; what was used before is forgotten.
make_keys() { # COUNT
	rm -f ./*.keys ./*.keys.spent
	(
		umask 077
		for ((i = 0; i < $1; i++)); do
			echo "$(cat /proc/sys/kernel/random/uuid) $(openssl rand -hex 32)"
		done >client.keys
		cp client.keys server.keys
	)
}

# ---- running the tool ----
#
# Descriptors 6 to 9 hold the tests' ends of pipes; a program that inherited one would keep it from ending.

zurich=(--cert zurich.pem --key zurich.key)
geneva=(--ca ca.pem --name zurich.example)
server_keys=(--keys server.keys --local-sae zurich --peer-sae geneva)
client_keys=(--keys client.keys --local-sae geneva --peer-sae zurich)
groups=()
server_pid=

listening() {
	port=$(sed -n 's/^listening: 127\.0\.0\.1://p' server.err 2>/dev/null)
	[[ $port ]]
}

# The server reads server.in, which is empty unless the test fills it.
server_start() { # [OPTION]...
	: >server.err
	"$qkdtls" server 127.0.0.1:0 "${zurich[@]}" "${groups[@]}" "$@" \
		<server.in >server.out 2>server.err 6>&- 7>&- 8>&- 9>&- &
	server_pid=$!
	wait_for 10 listening
}

server_stop() {
	kill -TERM "$server_pid"
	status_is 0 wait "$server_pid"
}

client() { # [OPTION]...
	timeout 30 "$qkdtls" client "127.0.0.1:$port" "${geneva[@]}" "${groups[@]}" "$@" 2>client.err 6>&- 7>&- 8>&- 9>&-
}

say() { # FILE LINE: the report must have the line
	grep -qxF -- "$2" "$1" || {
		echo "$1 does not say: $2"
		return 1
	}
}

says() { # FILE PATTERN
	grep -q -- "$2" "$1" || {
		echo "$1 does not match: $2"
		return 1
	}
}

says_not() { # FILE PATTERN
	if grep -n -- "$2" "$1"; then
		echo "$1 must not match: $2"
		return 1
	fi
}

lines_in() { # FILE COUNT
	local n
	n=$(wc -l <"$1")
	[[ $n == "$2" ]] || {
		echo "$1 has $n lines instead of $2"
		return 1
	}
}

# ---- a key for foreign peers ----

psk_hex=00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100
psk=(--psk-file psk.hex --psk-identity Client_identity --policy psk-only
	--ciphers TLS_AES_128_GCM_SHA256)

make_psk() {
	(
		umask 077
		echo "$psk_hex" >psk.hex
		echo "${psk_hex/00/ff}" >wrong.hex
	)
}

# ---- what this machine can ----

hybrid=1
group=X25519MLKEM768
if ! openssl list -kem-algorithms 2>/dev/null | grep -q X25519MLKEM768; then
	hybrid=
	group=x25519
	groups=(--groups x25519 --allow-classical-groups)
fi

make_certificates
