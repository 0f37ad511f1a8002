// SPDX-License-Identifier: GPL-2.0-or-later
/* Chains of every shape: what leads to an anchor, what does not, and what each certificate on the way may be */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "authority.h"
#include "judge.h"
#include "rows.h"
#include "site.h"
#include "tls/crypto_pki.h"

#define HOUR	   3600L
#define LADDER_LEN (QKDTLS_CHAIN_MAX + 1)

#define CA_EXT(constraints, usage)               \
	{ NID_basic_constraints, constraints },  \
	{                                        \
		NID_key_usage, "critical," usage \
	}
#define NAMES                                                                        \
	{                                                                            \
		NID_subject_alt_name, "DNS:" PKI_SERVER_NAME ",DNS:" PKI_CLIENT_NAME \
	}
#define ONLY_NAMES .ext = { NAMES }

static struct world {
	struct authority root, inter, leaf, other, cross, deep, deep_leaf;
	struct authority ladder[LADDER_LEN], top, over;
	struct authority huge, gigantic;
} world;

/* DIR/FILE.pem with these, DIR/FILE.key with the first's key */
static void write_site(struct pki *pki, const char *file, const struct authority *const *members,
		       size_t count)
{
	const X509 *certs[LADDER_LEN + 1];
	char name[64];

	for (size_t i = 0; i < count; i++)
		certs[i] = members[i]->cert;
	snprintf(name, sizeof(name), "%s.pem", file);
	authority_write_chain(pki, name, certs, count, false);
	snprintf(name, sizeof(name), "%s.key", file);
	authority_write_key(pki, name, members[0]);
}

#define SITE(pki, file, ...)                                                    \
	write_site(pki, file, (const struct authority *const[]){ __VA_ARGS__ }, \
		   sizeof((const struct authority *const[]){ __VA_ARGS__ }) / sizeof(void *))

/* A leaf under an intermediate of this kind */
static void make_under(struct pki *pki, const char *file, const struct authority_plan *kind)
{
	struct authority_plan plan = *kind;
	struct authority ca, leaf;

	plan.subject = "Special intermediate";
	plan.issuer = &world.root;
	ca = authority_make(&plan);
	leaf = authority_make_leaf("Leaf", &ca);
	SITE(pki, file, &leaf, &ca);
	authority_free(&leaf);
	authority_free(&ca);
}

static void make_intermediates(struct pki *pki)
{
	const struct authority_plan no_ca = {
		.ext = { CA_EXT("critical,CA:FALSE", "keyCertSign") },
	};
	const struct authority_plan no_constraints = { .ext = { { 0 } } };
	const struct authority_plan no_cert_sign = {
		.ext = { CA_EXT("critical,CA:TRUE", "cRLSign,digitalSignature") },
	};
	const struct authority_plan old = {
		.not_before = -9 * HOUR,
		.not_after = -HOUR,
		.ext = { AUTHORITY_CA },
	};
	const struct authority_plan early = {
		.not_before = HOUR,
		.not_after = 9 * HOUR,
		.ext = { AUTHORITY_CA },
	};
	const struct authority_plan permitted = {
		.ext = { AUTHORITY_CA, { NID_name_constraints, "critical,permitted;DNS:example" } },
	};
	const struct authority_plan not_permitted = {
		.ext = { AUTHORITY_CA, { NID_name_constraints, "critical,permitted;DNS:test" } },
	};
	const struct authority_plan excluded = {
		.ext = { AUTHORITY_CA, { NID_name_constraints, "critical,excluded;DNS:example" } },
	};
	const struct authority_plan critical = {
		.ext = { AUTHORITY_CA, { NID_netscape_comment, "critical,x" } },
	};
	const struct authority_plan other_use = {
		.ext = { AUTHORITY_CA, { NID_ext_key_usage, "codeSigning" } },
	};

	make_under(pki, "no-ca", &no_ca);
	make_under(pki, "no-constraints", &no_constraints);
	make_under(pki, "no-cert-sign", &no_cert_sign);
	make_under(pki, "old-inter", &old);
	make_under(pki, "early-inter", &early);
	make_under(pki, "permitted", &permitted);
	make_under(pki, "not-permitted", &not_permitted);
	make_under(pki, "excluded", &excluded);
	make_under(pki, "critical-inter", &critical);
	make_under(pki, "other-use-inter", &other_use);
}

static void make_leaf(struct pki *pki, const char *file, const struct authority_plan *kind)
{
	struct authority_plan plan = *kind;
	struct authority leaf;

	plan.subject = "Special leaf";
	plan.issuer = &world.inter;
	leaf = authority_make(&plan);
	SITE(pki, file, &leaf, &world.inter);
	authority_free(&leaf);
}

static void make_leaves(struct pki *pki)
{
	const struct authority_plan plain = { ONLY_NAMES };
	const struct authority_plan server_only = {
		.ext = { NAMES, { NID_ext_key_usage, "serverAuth" } },
	};
	const struct authority_plan client_only = {
		.ext = { NAMES, { NID_ext_key_usage, "clientAuth" } },
	};
	const struct authority_plan code = {
		.ext = { NAMES, { NID_ext_key_usage, "codeSigning" } },
	};
	const struct authority_plan any = {
		.ext = { NAMES, { NID_ext_key_usage, "anyExtendedKeyUsage" } },
	};
	const struct authority_plan critical = {
		.ext = { NAMES, { NID_netscape_comment, "critical,x" } },
	};
	const struct authority_plan no_name = { .ext = { { NID_ext_key_usage,
							   "serverAuth,clientAuth" } } };

	make_leaf(pki, "plain", &plain);
	make_leaf(pki, "server-only", &server_only);
	make_leaf(pki, "client-only-leaf", &client_only);
	make_leaf(pki, "code", &code);
	make_leaf(pki, "any", &any);
	make_leaf(pki, "critical", &critical);
	make_leaf(pki, "no-name", &no_name);
}

/* CAs, each signed by the one before; the last's leaf */
static void make_ladder(struct pki *pki)
{
	const struct authority *members[LADDER_LEN + 1];
	char name[32];

	for (size_t i = 0; i < LADDER_LEN; i++) {
		snprintf(name, sizeof(name), "Rung %zu", i);
		world.ladder[i] = authority_make_ca(name, i ? &world.ladder[i - 1] : &world.root);
	}
	world.top = authority_make_leaf("Top", &world.ladder[QKDTLS_CHAIN_MAX - 2]);
	members[0] = &world.top;
	for (size_t i = 0; i < QKDTLS_CHAIN_MAX - 1; i++)
		members[1 + i] = &world.ladder[QKDTLS_CHAIN_MAX - 2 - i];
	write_site(pki, "ten", members, QKDTLS_CHAIN_MAX);
	/* The same, lowest CA last but one */
	members[1] = &world.ladder[0];
	members[QKDTLS_CHAIN_MAX - 1] = &world.ladder[QKDTLS_CHAIN_MAX - 2];
	write_site(pki, "ten-shuffled", members, QKDTLS_CHAIN_MAX);
}

static void make_path_length(struct pki *pki)
{
	const struct authority_plan none = {
		.subject = "No CAs below",
		.issuer = &world.root,
		.ext = { CA_EXT("critical,CA:TRUE,pathlen:0", "keyCertSign,cRLSign") },
	};
	struct authority leaf;

	world.deep = authority_make(&none);
	leaf = authority_make_leaf("Leaf", &world.deep);
	SITE(pki, "pathlen-kept", &leaf, &world.deep);
	authority_free(&leaf);
	world.over = authority_make_ca("One CA too many", &world.deep);
	leaf = authority_make_leaf("Leaf", &world.over);
	SITE(pki, "pathlen-broken", &leaf, &world.over, &world.deep);
	authority_free(&leaf);
}

/* Names enough to fill @size bytes, the right ones last */
static struct authority make_large(size_t size)
{
	static const char last[] = "DNS:" PKI_SERVER_NAME ",DNS:" PKI_CLIENT_NAME;
	struct authority_plan plan = { .subject = "Large", .issuer = &world.inter };
	char *names = malloc(3 * size + sizeof(last));
	struct authority made;
	size_t len = 0;

	assert_non_null(names);
	/* "DNS:n000000.example.org," is 19 + 2 bytes in DER. */
	for (size_t i = 0; i < size / 21; i++)
		len += (size_t)sprintf(names + len, "DNS:n%06zu.example.org,", i);
	memcpy(names + len, last, sizeof(last));
	plan.ext[0].nid = NID_subject_alt_name;
	plan.ext[0].value = names;
	made = authority_make(&plan);
	free(names);
	return made;
}

static void build_world(struct pki *pki)
{
	const struct authority_plan cross = {
		.subject = "Intermediate",
		.ext = { AUTHORITY_CA },
	};
	struct authority_plan plan = cross;

	if (world.root.cert)
		return;
	world.root = authority_make_ca("Root", NULL);
	world.other = authority_make_ca("Other root", NULL);
	world.inter = authority_make_ca("Intermediate", &world.root);
	world.leaf = authority_make_leaf("Leaf", &world.inter);
	plan.issuer = &world.other;
	plan.key = world.inter.key;
	world.cross = authority_make(&plan);
	world.deep_leaf = authority_make_leaf("Own", NULL);
	SITE(pki, "root", &world.root);
	SITE(pki, "inter", &world.inter);
	SITE(pki, "usual", &world.leaf, &world.inter);
	SITE(pki, "with-root", &world.leaf, &world.inter, &world.root);
	SITE(pki, "alone", &world.leaf);
	SITE(pki, "superfluous", &world.leaf, &world.other, &world.inter);
	SITE(pki, "doubled", &world.leaf, &world.inter, &world.inter, &world.leaf);
	SITE(pki, "crossed", &world.leaf, &world.cross, &world.inter);
	SITE(pki, "crossed-late", &world.leaf, &world.inter, &world.cross);
	SITE(pki, "crossed-only", &world.leaf, &world.cross);
	SITE(pki, "other-root", &world.leaf, &world.cross, &world.other);
	SITE(pki, "self-signed", &world.deep_leaf);
	SITE(pki, "other", &world.other);
	make_intermediates(pki);
	make_leaves(pki);
	make_ladder(pki);
	make_path_length(pki);
	world.huge = make_large(58000);
	SITE(pki, "huge", &world.huge, &world.inter);
	world.gigantic = make_large(70000);
	SITE(pki, "gigantic", &world.gigantic, &world.inter);
}

#define NONE	    QKDTLS_ALERT_NONE
#define CA	    QKDTLS_ALERT_UNKNOWN_CA
#define EXPIRED	    QKDTLS_ALERT_CERTIFICATE_EXPIRED
#define UNSUPPORTED QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE
#define BAD	    QKDTLS_ALERT_BAD_CERTIFICATE

static const struct chain_row {
	const char *what;
	enum qkdtls_alert alert;
	const char *site;
	const char *trust;
} chain_rows[] = {
	{ "intermediate", NONE, "usual" },
	{ "intermediate and root", NONE, "with-root" },
	{ "intermediate missing", CA, "alone" },
	{ "intermediate missing, but listed", NONE, "alone", "usual.pem" },
	{ "another CA between", NONE, "superfluous" },
	{ "certificates doubled", NONE, "doubled" },
	/* libcrypto takes the first issuer that it meets, and does not come back. */
	{ "cross-certificate behind the other", NONE, "crossed-late" },
	{ "cross-certificate in front of the other", CA, "crossed" },
	{ "cross-certificate in front of the other, which is listed", NONE, "crossed",
	  "inter.pem" },
	{ "cross-certificate only", CA, "crossed-only" },
	{ "cross-certificate, other root trusted", NONE, "crossed-only", "other.pem" },
	{ "both, other root trusted", NONE, "crossed", "other.pem" },
	{ "foreign root sent along", CA, "other-root" },
	{ "self-signed leaf", CA, "self-signed" },
	{ "self-signed leaf, listed", NONE, "self-signed", "self-signed.pem" },
	{ "ten certificates", NONE, "ten" },
	{ "ten certificates out of order", NONE, "ten-shuffled" },
	{ "path length kept", NONE, "pathlen-kept" },
	{ "path length broken", CA, "pathlen-broken" },
	{ "intermediate that is no CA", CA, "no-ca" },
	{ "intermediate without basicConstraints", CA, "no-constraints" },
	{ "intermediate that may not sign certificates", CA, "no-cert-sign" },
	{ "intermediate outdated", EXPIRED, "old-inter" },
	{ "intermediate of the future", EXPIRED, "early-inter" },
	{ "name constraints kept", NONE, "permitted" },
	{ "name constraints: not permitted", BAD, "not-permitted" },
	{ "name constraints: excluded", BAD, "excluded" },
	{ "unknown critical extension of the intermediate", UNSUPPORTED, "critical-inter" },
	{ "intermediate for another use", UNSUPPORTED, "other-use-inter" },
	{ "leaf without usages", NONE, "plain" },
	{ "leaf for another use", UNSUPPORTED, "code" },
	{ "leaf for any use, which is not server or client", UNSUPPORTED, "any" },
	{ "unknown critical extension of the leaf", UNSUPPORTED, "critical" },
	{ "leaf without a name", BAD, "no-name" },
	{ "leaf of 60 kB", NONE, "huge" },
};

static struct judge_case make_case(const char *site, const char *trust, char names[2][64])
{
	snprintf(names[0], 64, "%s.pem", site);
	snprintf(names[1], 64, "%s.key", site);
	return (struct judge_case){
		.chain = names[0],
		.key = names[1],
		.trust = trust ? trust : "root.pem",
	};
}

static void judge_chains(void **state)
{
	const struct chain_row *row = *state;
	struct judge_case judged;
	char names[2][64];

	build_world(rows_pki());
	judged = make_case(row->site, row->trust, names);
	judge_both(rows_pki(), &judged, row->alert);
}

/* extendedKeyUsage is for a role. */
static void a_leaf_serves_in_its_role_only(void **state)
{
	static const char *const sites[] = {
		[QKDTLS_CLIENT] = "client-only-leaf",
		[QKDTLS_SERVER] = "server-only",
	};
	char names[2][64];

	build_world(*state);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct judge_case judged = make_case(sites[role], NULL, names);

		assert_int_equal(judge(*state, role, &judged, NULL), NONE);
		assert_int_equal(judge(*state, !role, &judged, NULL), UNSUPPORTED);
	}
}

static struct qkdtls_chain *chain_of(X509 *cert, size_t times, int last)
{
	struct qkdtls_chain *chain;
	uint8_t *der = NULL;
	const int len = i2d_X509(cert, &der);

	assert_true(len > 0);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	for (size_t i = 1; i <= times; i++)
		assert_int_equal(qkdtls_chain_add(chain, der, (size_t)len), i < times ? 0 : last);
	OPENSSL_free(der);
	return chain;
}

static void the_eleventh_certificate_is_refused(void **state)
{
	build_world(*state);
	qkdtls_chain_free(chain_of(world.leaf.cert, QKDTLS_CHAIN_MAX, 0));
	qkdtls_chain_free(chain_of(world.leaf.cert, QKDTLS_CHAIN_MAX + 1, BAD));
}

/* A message may have 64 KiB: the end that has more fails before it sends it, and the other one gets an alert. */
static void a_certificate_that_is_too_large_is_not_sent(void **state)
{
	const struct site_options options = { .verify_client = true };
	struct qkdtls_config *client, *server;
	struct loopback lb;

	build_world(*state);
	client = site_config(*state, QKDTLS_CLIENT, &options);
	server = site_config(*state, QKDTLS_SERVER, &options);
	assert_int_equal(qkdtls_config_set_certificate(server, pki_path(*state, "gigantic.pem"),
						       pki_path(*state, "gigantic.key")),
			 0);
	loopback_init(&lb, client, server);
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_INTERNAL_ERROR);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->received,
			 QKDTLS_ALERT_INTERNAL_ERROR);
	loopback_free(&lb);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaf_serves_in_its_role_only),
		cmocka_unit_test(the_eleventh_certificate_is_refused),
		cmocka_unit_test(a_certificate_that_is_too_large_is_not_sent),
	};

	ROWS(judge_chains, chain_rows);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
