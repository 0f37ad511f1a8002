// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/number.h"
#include "common/version.h"
#include "qkdtls/options.h"

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_MAX_S	  600
#define SECONDS_MAX	  31536000 /* a year */

/* A value out of a list of words, and what it sets the option to */
struct word {
	const char *word;
	int value;
};

static const struct word policies[] = {
	{ "require", QKDTLS_REQUIRE },
	{ "prefer", QKDTLS_PREFER },
	{ "psk-only", QKDTLS_PSK_ONLY },
	{ NULL, 0 },
};

static const struct word psk_modes[] = {
	{ "imported", PSK_MODE_IMPORTED },
	{ "external", PSK_MODE_EXTERNAL },
	{ NULL, 0 },
};

static const struct word psk_hashes[] = {
	{ "sha256", false },
	{ "sha384", true },
	{ NULL, 0 },
};

static const struct word records_words[] = {
	{ "auto", RECORDS_AUTO },
	{ "kernel", RECORDS_KERNEL },
	{ "own", RECORDS_OWN },
	{ NULL, 0 },
};

static int set_policy(struct options *options, int value)
{
	options->policy = (enum qkdtls_policy)value;
	return 0;
}

static int set_psk_mode(struct options *options, int value)
{
	options->psk_mode = (enum psk_mode)value;
	return 0;
}

static int set_psk_hash(struct options *options, int value)
{
	options->psk_sha384 = value;
	return 0;
}

static int set_records(struct options *options, int value)
{
	options->records = (enum records)value;
	return 0;
}

#define TEXT(member) .text = offsetof(struct options, member), .kind = OPTION_TEXT
#define NUMBER(member, low, high) \
	.text = offsetof(struct options, member), .kind = OPTION_NUMBER, .min = low, .max = high
#define FLAG(member) .text = offsetof(struct options, member), .kind = OPTION_FLAG

enum option_kind {
	OPTION_TEXT,
	OPTION_FLAG,
	OPTION_WORD,
	OPTION_NUMBER,
	OPTION_TIMEOUT,
};

enum option_side {
	SIDE_BOTH,
	SIDE_CLIENT,
	SIDE_SERVER,
};

static const struct option_row {
	const char *name;
	const char *value;
	const char *help;
	enum option_kind kind;
	enum option_side side;
	size_t text;
	uint64_t min, max;
	const struct word *words;
	int (*set)(struct options *options, int value);
} rows[] = {
	{ "link", "LINK", "keys from the kernel's link LINK (/dev/qkd)", TEXT(link) },
	{ "keys", "FILE", "keys from FILE, lines \"UUID HEX\"", TEXT(keys) },
	{ "psk-file", "FILE", "one key from FILE, in hexadecimal", TEXT(psk_file) },
	{ "psk-identity", "TEXT", "the identity of the key of --psk-file", TEXT(psk_identity) },
	{ "psk-mode", "MODE", "imported (RFC 9258) or external (as it is, for foreign peers)",
	  .kind = OPTION_WORD, .words = psk_modes, .set = set_psk_mode },
	{ "psk-hash", "HASH", "hash of an external key: sha256 (default) or sha384",
	  .kind = OPTION_WORD, .words = psk_hashes, .set = set_psk_hash },
	{ "local-sae", "ID", "SAE ID of this end (default: the link's)", TEXT(local_sae) },
	{ "peer-sae", "ID", "SAE ID of the other end (default: the link's)", TEXT(peer_sae) },
	{ "cert", "FILE", "own certificate chain, PEM", TEXT(cert) },
	{ "key", "FILE", "its private key, PEM, readable by the owner only", TEXT(key) },
	{ "ca", "FILE", "certificates or bare keys that the peer's chain must end in, PEM",
	  TEXT(ca) },
	{ "crl", "FILE", "revocation lists of the CAs in the peer's chain, PEM", TEXT(crl) },
	{ "ocsp-staple", "FILE", "OCSP response about the own certificate, DER",
	  TEXT(ocsp_staple) },
	{ "ocsp-required", NULL, "insist on an OCSP response beside the peer's certificate",
	  FLAG(ocsp_required) },
	{ "name", "NAME", "name the peer's certificate must carry (default: its SAE ID, else HOST)",
	  TEXT(name) },
	{ "verify-client", NULL, "ask for a client certificate and insist on it",
	  FLAG(verify_client), .side = SIDE_SERVER },
	{ "policy", "POLICY", "require (default), prefer or psk-only", .kind = OPTION_WORD,
	  .words = policies, .set = set_policy },
	{ "groups", "LIST", "key-exchange groups, best first, separated by colons", TEXT(groups) },
	{ "ciphers", "LIST", "cipher suites, best first, separated by colons", TEXT(ciphers) },
	{ "signatures", "LIST", "signature schemes, best first, separated by colons",
	  TEXT(signatures) },
	{ "chain-signatures", "LIST",
	  "how the peer's certificates must be signed (default: anyhow)", TEXT(chain_signatures) },
	{ "allow-classical-groups", NULL, "permit groups without post-quantum part in --groups",
	  FLAG(allow_classical) },
	{ "alpn", "LIST", "application protocols, best first, separated by commas", TEXT(alpn) },
	{ "record-size-limit", "N", "largest record this end takes, 64 to 16385 bytes",
	  NUMBER(record_size_limit, 64, 16385) },
	{ "key-update-records", "N", "new key after N records",
	  NUMBER(key_records, 1, QKDTLS_KEY_RECORDS_MAX) },
	{ "key-update-bytes", "N", "new key after N bytes, at least 16384",
	  NUMBER(key_bytes, QKDTLS_KEY_BYTES_MIN, UINT64_MAX) },
	{ "key-update-seconds", "N", "new key after N seconds",
	  NUMBER(key_seconds, 1, SECONDS_MAX) },
	{ "spare-key", NULL, "offer a second key beside the first", FLAG(spare_key),
	  .side = SIDE_CLIENT },
	{ "timeout", "SECONDS", "longest handshake; half of it may be spent waiting for a key",
	  .kind = OPTION_TIMEOUT },
	{ "records", "WHO", "who protects data: kernel (kTLS), own, or auto (default)",
	  .kind = OPTION_WORD, .words = records_words, .set = set_records },
	{ "echo", NULL, "send back what is received", FLAG(echo), .side = SIDE_SERVER },
	{ "once", NULL, "serve one connection, then exit with its result", FLAG(once),
	  .side = SIDE_SERVER },
	{ "keylog", "FILE", "DANGER: append the connection's secrets to FILE", TEXT(keylog) },
	{ "help", NULL, "show this (also -h)", .kind = OPTION_FLAG },
	{ "version", NULL, "show the version", .kind = OPTION_FLAG },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const side_words[] = {
	[SIDE_BOTH] = "",
	[SIDE_CLIENT] = "client: ",
	[SIDE_SERVER] = "server: ",
};

static void usage(FILE *to)
{
	fputs("usage: qkdtls client HOST:PORT [OPTION]...\n"
	      "       qkdtls server [HOST]:PORT [OPTION]...\n\n"
	      "TLS 1.3 with a QKD key beside certificate and hybrid key exchange: makes (client) or\n"
	      "accepts (server) connections and copies standard input and output over them.\n\n",
	      to);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(to, "  --%s%s%-*s %s%s\n", rows[i].name, rows[i].value ? " " : "",
			(int)(24 - strlen(rows[i].name) - (rows[i].value ? 1 : 0)),
			rows[i].value ? rows[i].value : "", side_words[rows[i].side], rows[i].help);
	fputs("\nExit status: 0 success, 1 failure, 2 wrong usage. See qkdtls(1).\n", to);
}

static int set_word(const struct option_row *row, const char *value, struct options *options)
{
	for (const struct word *w = row->words; w->word; w++) {
		if (!strcmp(w->word, value))
			return row->set(options, w->value);
	}
	log_error("--%s: unknown value \"%s\"; %s", row->name, value, row->help);
	return -EINVAL;
}

static int set_timeout(const char *value, struct options *options)
{
	if (!number_parse(value, 1, TIMEOUT_MAX_S, &options->timeout_s))
		return 0;
	log_error("--timeout: must be a number of seconds from 1 to %d", TIMEOUT_MAX_S);
	return -EINVAL;
}

static int set_number(const struct option_row *row, const char *value, struct options *options)
{
	uint64_t *number = (uint64_t *)((char *)options + row->text);

	if (!number_parse_u64(value, row->min, row->max, number))
		return 0;
	log_error("--%s: must be a whole number from %llu to %llu", row->name,
		  (unsigned long long)row->min, (unsigned long long)row->max);
	return -EINVAL;
}

static int option_apply(const struct option_row *row, const char *value, struct options *options)
{
	switch (row->kind) {
	case OPTION_TEXT:
		if (!*value) {
			log_error("--%s: must not be empty", row->name);
			return -EINVAL;
		}
		*(const char **)((char *)options + row->text) = value;
		return 0;
	case OPTION_FLAG:
		*(bool *)((char *)options + row->text) = true;
		return 0;
	case OPTION_WORD:
		return set_word(row, value, options);
	case OPTION_NUMBER:
		return set_number(row, value, options);
	default:
		return set_timeout(value, options);
	}
}

static int side_check(const struct option_row *row, enum qkdtls_role role)
{
	const bool server = row->side == SIDE_SERVER;

	if (row->side == SIDE_BOTH || server == (role == QKDTLS_SERVER))
		return 0;
	log_error("--%s is for %s", row->name, server ? "servers" : "clients");
	return -EINVAL;
}

/* How the parts of a key source must come together; what is wrong, or NULL */
static const char *source_problem(const struct options *o)
{
	if (!!o->link + !!o->keys + !!o->psk_file > 1)
		return "--link, --keys and --psk-file exclude one another";
	if (!o->link && !o->keys && !o->psk_file)
		return o->policy == QKDTLS_PREFER
			       ? NULL
			       : "no key: give --link, --keys or --psk-file, or "
				 "permit connections without one by --policy prefer";
	if (!!o->psk_file != !!o->psk_identity)
		return "--psk-file and --psk-identity belong together";
	if (o->psk_mode == PSK_MODE_EXTERNAL && !o->psk_file)
		return "QKD keys are always imported: --psk-mode external needs --psk-file";
	if (o->psk_sha384 && o->psk_mode != PSK_MODE_EXTERNAL)
		return "--psk-hash is for external keys; imported ones use SHA-256";
	if (o->psk_identity && strlen(o->psk_identity) > QKDTLS_PSK_ID_MAX)
		return "--psk-identity is longer than 256 bytes";
	if (o->spare_key && !o->link && !o->keys)
		return "--spare-key needs --link or --keys";
	if (!o->link && o->psk_mode == PSK_MODE_IMPORTED && (!o->local_sae || !o->peer_sae))
		return "imported keys need --local-sae and --peer-sae";
	return NULL;
}

/* A check of the peer that would never be made must not look as if it were. */
static const char *revocation_problem(const struct options *o)
{
	const bool checks = o->role == QKDTLS_CLIENT || o->verify_client;

	if (o->ocsp_staple && !o->cert)
		return "--ocsp-staple needs --cert and --key";
	if ((o->crl || o->ocsp_required) && o->policy == QKDTLS_PSK_ONLY)
		return "--crl and --ocsp-required: --policy psk-only has no certificates";
	if ((o->crl || o->ocsp_required) && !checks)
		return "--crl and --ocsp-required need --verify-client";
	return NULL;
}

static const char *certificate_problem(const struct options *o)
{
	if (!!o->cert != !!o->key)
		return "--cert and --key belong together";
	if (o->policy == QKDTLS_PSK_ONLY)
		return o->verify_client ? "--verify-client: --policy psk-only has no certificates"
					: NULL;
	if (o->role == QKDTLS_SERVER && !o->cert)
		return "a server needs --cert and --key";
	if (o->role == QKDTLS_CLIENT && !o->ca)
		return "a client needs --ca to check the server's certificate";
	if (o->verify_client && !o->ca)
		return "--verify-client needs --ca";
	if (o->verify_client && !o->name && !o->peer_sae && !o->link)
		return "--verify-client needs --name or --peer-sae";
	return NULL;
}

static enum options_result options_check(struct options *options)
{
	const char *problem;

	if (options->psk_mode == PSK_MODE_DEFAULT)
		options->psk_mode = options->psk_file ? PSK_MODE_EXTERNAL : PSK_MODE_IMPORTED;
	problem = source_problem(options);
	if (!problem)
		problem = certificate_problem(options);
	if (!problem)
		problem = revocation_problem(options);
	if (!problem && options->allow_classical && !options->groups)
		problem = "--allow-classical-groups needs --groups with the group meant";
	if (!problem && options->role == QKDTLS_CLIENT && !options->address.host[0])
		problem = "a client needs HOST:PORT";
	if (!problem)
		return OPTIONS_RUN;
	log_error("%s", problem);
	return OPTIONS_USAGE;
}

static int positional(int argc, char **argv, struct options *options)
{
	if (argc - optind != 2) {
		log_error("wants \"client HOST:PORT\" or \"server [HOST]:PORT\"");
		return -EINVAL;
	}
	if (!strcmp(argv[optind], "client")) {
		options->role = QKDTLS_CLIENT;
	} else if (!strcmp(argv[optind], "server")) {
		options->role = QKDTLS_SERVER;
	} else {
		log_error("unknown command \"%s\"; there are client and server", argv[optind]);
		return -EINVAL;
	}
	if (!address_parse(argv[optind + 1], &options->address))
		return 0;
	log_error("\"%s\" is no address: wants HOST:PORT, [IPV6]:PORT or, for a server, :PORT",
		  argv[optind + 1]);
	return -EINVAL;
}

static void long_options(struct option table[ROWS + 1])
{
	for (size_t i = 0; i < ROWS; i++) {
		table[i].name = rows[i].name;
		table[i].has_arg = rows[i].value ? required_argument : no_argument;
	}
}

enum options_result options_parse(int argc, char **argv, struct options *options)
{
	struct option table[ROWS + 1] = { 0 };
	bool seen[ROWS] = { 0 };
	int c, i;

	*options = (struct options){ .timeout_s = TIMEOUT_DEFAULT_S };
	long_options(table);
	while ((c = getopt_long(argc, argv, "h", table, &i)) != -1) {
		if (c == 'h' || (!c && !strcmp(rows[i].name, "help"))) {
			usage(stdout);
			return OPTIONS_ANSWERED;
		}
		if (!c && !strcmp(rows[i].name, "version")) {
			puts("qkdtls " QKD_VERSION);
			return OPTIONS_ANSWERED;
		}
		if (c || option_apply(&rows[i], optarg, options))
			goto wrong;
		seen[i] = true;
	}
	if (positional(argc, argv, options))
		goto wrong;
	for (size_t row = 0; row < ROWS; row++) {
		if (seen[row] && side_check(&rows[row], options->role))
			goto wrong;
	}
	if (options_check(options) == OPTIONS_RUN)
		return OPTIONS_RUN;
wrong:
	fputs("Try \"qkdtls --help\".\n", stderr);
	return OPTIONS_USAGE;
}
