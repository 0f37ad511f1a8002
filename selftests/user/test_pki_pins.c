// SPDX-License-Identifier: GPL-2.0-or-later
/* Bare public keys in the trust file: which chains they make good, and what a forged carrier is worth */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "authority.h"
#include "judge.h"
#include "rows.h"
#include "site.h"
#include "tls/crypto_pki.h"

#define HOUR 3600L

/* Root, intermediate, leaf; and an attacker who makes certificates of the same names, but lacks the keys */
struct world {
	struct authority root, inter, leaf, other;
	struct authority old_root, old_inter, old_leaf, lonely;
	struct authority evil, forged_inter, forged_end, forged_leaf, evil_leaf;
};

static struct world world;

static struct authority expired(const char *subject, const struct authority *issuer, EVP_PKEY *key,
				bool ca)
{
	struct authority_plan plan = {
		.subject = subject,
		.issuer = issuer,
		.key = key,
		.not_before = -9 * HOUR,
		.not_after = -HOUR,
		.ext = { AUTHORITY_LEAF },
	};
	const struct authority_plan authority = { .ext = { AUTHORITY_CA } };

	if (ca)
		memcpy(plan.ext, authority.ext, sizeof(plan.ext));
	return authority_make(&plan);
}

/* A certificate about somebody else's key: the attacker can make it, for he needs no private key but his own. */
static struct authority forge(const char *subject, EVP_PKEY *key, const char *constraints)
{
	const struct authority_plan plan = {
		.subject = subject,
		.issuer = &world.evil,
		.key = key,
		.ext = { { NID_basic_constraints, constraints },
			 { NID_subject_alt_name, "DNS:" PKI_SERVER_NAME ",DNS:" PKI_CLIENT_NAME } },
	};

	return authority_make(&plan);
}

static void write_chains(struct pki *pki)
{
	const struct {
		const char *file;
		const X509 *certs[3];
	} chains[] = {
		{ "whole.pem", { world.leaf.cert, world.inter.cert, world.root.cert } },
		{ "usual.pem", { world.leaf.cert, world.inter.cert } },
		{ "alone.pem", { world.leaf.cert } },
		{ "old-root.pem", { world.leaf.cert, world.inter.cert, world.old_root.cert } },
		{ "old-inter.pem", { world.leaf.cert, world.old_inter.cert } },
		{ "old-leaf.pem", { world.old_leaf.cert, world.inter.cert } },
		{ "lonely.pem", { world.lonely.cert } },
		{ "forged-inter.pem", { world.leaf.cert, world.forged_inter.cert } },
		{ "forged-end.pem", { world.leaf.cert, world.forged_end.cert } },
		{ "evil-leaf.pem", { world.evil_leaf.cert, world.forged_inter.cert } },
		{ "root-only.pem", { world.root.cert } },
	};
	size_t count;

	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		for (count = 0; count < 3 && chains[i].certs[count]; count++)
			;
		authority_write_chain(pki, chains[i].file, chains[i].certs, count, false);
	}
}

static void write_anchors(struct pki *pki)
{
	const X509 *root = world.root.cert;

	authority_write_pin(pki, "pin-leaf", &world.leaf, false);
	authority_write_pin(pki, "pin-inter", &world.inter, false);
	authority_write_pin(pki, "pin-root", &world.root, false);
	authority_write_pin(pki, "pin-other", &world.other, false);
	authority_write_pin(pki, "pin-lonely", &world.lonely, false);
	authority_write_chain(pki, "cert-and-other-pin", &root, 1, false);
	authority_write_pin(pki, "cert-and-other-pin", &world.other, true);
	authority_write_pin(pki, "leaf-pin-and-cert", &world.leaf, false);
	authority_write_chain(pki, "leaf-pin-and-cert", &root, 1, true);
	authority_write_pin(pki, "two-pins", &world.other, false);
	authority_write_pin(pki, "two-pins", &world.inter, true);
	authority_write_key(pki, "leaf.key", &world.leaf);
	authority_write_key(pki, "lonely.key", &world.lonely);
	authority_write_key(pki, "evil-leaf.key", &world.evil_leaf);
}

static void build_world(struct pki *pki)
{
	if (world.root.cert)
		return;
	world.root = authority_make_ca("Root", NULL);
	world.inter = authority_make_ca("Intermediate", &world.root);
	world.leaf = authority_make_leaf("Leaf", &world.inter);
	world.other = authority_make_ca("Other", NULL);
	world.lonely = authority_make_leaf("Lonely", NULL);
	world.old_root = expired("Root", &world.root, world.root.key, true);
	world.old_inter = expired("Intermediate", &world.root, world.inter.key, true);
	world.old_leaf = expired("Leaf", &world.inter, world.leaf.key, false);
	world.evil = authority_make_ca("Intermediate", NULL);
	world.forged_inter = forge("Intermediate", world.inter.key, "critical,CA:TRUE");
	world.forged_end = forge("Intermediate", world.inter.key, "critical,CA:FALSE");
	world.forged_leaf = forge("Leaf", world.leaf.key, "critical,CA:FALSE");
	world.evil_leaf = authority_make_leaf("Leaf", &world.evil);
	write_chains(pki);
	write_anchors(pki);
}

#define NONE QKDTLS_ALERT_NONE

static const struct pin_row {
	const char *what;
	enum qkdtls_alert alert;
	const char *chain;
	const char *trust;
	const char *key;
	const char *name;
} pin_rows[] = {
	{ "leaf pinned, whole chain", NONE, "whole.pem", "pin-leaf" },
	{ "leaf pinned, leaf alone", NONE, "alone.pem", "pin-leaf" },
	{ "leaf pinned, self-signed", NONE, "lonely.pem", "pin-lonely", "lonely.key" },
	{ "leaf pinned, outdated issuer above it", NONE, "old-inter.pem", "pin-leaf" },
	{ "leaf pinned, its certificate outdated", QKDTLS_ALERT_CERTIFICATE_EXPIRED, "old-leaf.pem",
	  "pin-leaf" },
	{ "leaf pinned, another name", QKDTLS_ALERT_BAD_CERTIFICATE, "usual.pem", "pin-leaf", NULL,
	  "bern.example" },
	{ "another leaf pinned", QKDTLS_ALERT_UNKNOWN_CA, "usual.pem", "pin-lonely" },
	{ "self-signed leaf, another pinned", QKDTLS_ALERT_UNKNOWN_CA, "lonely.pem", "pin-leaf",
	  "lonely.key" },
	{ "intermediate pinned", NONE, "usual.pem", "pin-inter" },
	{ "intermediate pinned, outdated root above it", NONE, "old-root.pem", "pin-inter" },
	{ "intermediate pinned, not sent", QKDTLS_ALERT_UNKNOWN_CA, "alone.pem", "pin-inter" },
	{ "intermediate pinned, its certificate outdated", QKDTLS_ALERT_CERTIFICATE_EXPIRED,
	  "old-inter.pem", "pin-inter" },
	{ "intermediate pinned, outdated leaf", QKDTLS_ALERT_CERTIFICATE_EXPIRED, "old-leaf.pem",
	  "pin-inter" },
	{ "intermediate pinned, another name", QKDTLS_ALERT_BAD_CERTIFICATE, "usual.pem",
	  "pin-inter", NULL, "bern.example" },
	{ "root pinned", NONE, "whole.pem", "pin-root" },
	{ "root pinned, not sent", QKDTLS_ALERT_UNKNOWN_CA, "usual.pem", "pin-root" },
	{ "nothing of the chain pinned", QKDTLS_ALERT_UNKNOWN_CA, "whole.pem", "pin-other" },
	{ "second of two pins", NONE, "usual.pem", "two-pins" },
	{ "certificate beside another pin", NONE, "usual.pem", "cert-and-other-pin" },
	{ "leaf's pin beside a certificate", NONE, "alone.pem", "leaf-pin-and-cert" },
	/* Whoever presents a forged carrier of the key gains nothing that the key's owner did not sign. */
	{ "intermediate pinned, forged carrier above the true leaf", NONE, "forged-inter.pem",
	  "pin-inter" },
	{ "intermediate pinned, forged carrier above a leaf of the forger",
	  QKDTLS_ALERT_BAD_CERTIFICATE, "evil-leaf.pem", "pin-inter", "evil-leaf.key" },
	{ "intermediate pinned, forged carrier that is no CA", QKDTLS_ALERT_UNKNOWN_CA,
	  "forged-end.pem", "pin-inter" },
};

static void judge_pins(void **state)
{
	const struct pin_row *row = *state;
	const struct judge_case judged = {
		.chain = row->chain,
		.key = row->key ? row->key : "leaf.key",
		.trust = row->trust,
		.peer_name = row->name,
	};

	build_world(rows_pki());
	judge_both(rows_pki(), &judged, row->alert);
}

static struct qkdtls_chain *chain_of(X509 *cert)
{
	struct qkdtls_chain *chain;
	uint8_t *der = NULL;
	const int len = i2d_X509(cert, &der);

	assert_true(len > 0);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(qkdtls_chain_add(chain, der, (size_t)len), 0);
	OPENSSL_free(der);
	return chain;
}

/* The forger's certificate about the pinned leaf key is taken, and then he cannot sign the handshake. */
static void a_forged_carrier_of_a_pinned_leaf_cannot_sign(void **state)
{
	const struct qkdtls_scheme *scheme = qkdtls_scheme_find(QKDTLS_SIG_ECDSA_P256_SHA256);
	static const uint8_t content[] = "handshake";
	struct qkdtls_chain_check check = { .name = PKI_SERVER_NAME, .server = true };
	char message[QKDTLS_PKI_MESSAGE_MAX];
	struct qkdtls_trust *trust;
	struct qkdtls_chain *chain;
	uint8_t signature[256];
	size_t len = sizeof(signature);
	const char *reason;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	build_world(*state);
	assert_int_equal(qkdtls_trust_load(&trust, pki_path(*state, "pin-leaf"), message), 0);
	check.trust = trust;
	chain = chain_of(world.forged_leaf.cert);
	assert_int_equal(qkdtls_chain_verify(chain, &check, &reason), 0);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, world.evil.key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, content, sizeof(content)), 1);
	assert_int_equal(qkdtls_chain_verify_signature(chain, scheme, content, sizeof(content),
						       signature, len),
			 QKDTLS_ALERT_DECRYPT_ERROR);
	EVP_MD_CTX_free(ctx);
	qkdtls_chain_free(chain);
	qkdtls_trust_free(trust);
}

#define PUBLIC_KEY(body) "-----BEGIN PUBLIC KEY-----\n" body "-----END PUBLIC KEY-----\n"

static void keys_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *said;
	} files[] = {
		{ "", -EINVAL, "no certificate and no public key" },
		{ "garbage\n", -EINVAL, "no certificate and no public key" },
		{ PUBLIC_KEY("MCowBQYDK2VwAyEA\n"), -EINVAL, "a public key in it cannot be read" },
		{ PUBLIC_KEY("!\n"), -EINVAL, "cannot be read" },
		/* Ed25519 with a key of 31 bytes */
		{ PUBLIC_KEY("MCkwBQYDK2VwAyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"),
		  -EINVAL, "a public key in it cannot be read" },
	};
	struct qkdtls_config *config = qkdtls_config_new();

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = pki_write(*state, "pins", files[i].text, 0644);
		const int err = qkdtls_config_set_trust(config, path);

		if (err != files[i].err || !strstr(qkdtls_config_message(config), files[i].said))
			fail_msg("file %zu: %d, \"%s\"", i, err, qkdtls_config_message(config));
	}
	qkdtls_config_unref(config);
}

/* SubjectPublicKeyInfo of a private arc's algorithm: well formed, and nobody has it */
static void a_key_of_an_unknown_algorithm_is_refused_as_such(void **state)
{
	static const uint8_t spki[] = { 0x30, 0x0d, 0x30, 0x07, 0x06, 0x05, 0x2b, 0xce,
					0x0f, 0x01, 0x05, 0x03, 0x02, 0x00, 0x2a };
	struct qkdtls_config *config = qkdtls_config_new();
	FILE *out = fopen(pki_write(*state, "unknown", "", 0644), "w");

	assert_true(PEM_write(out, PEM_STRING_PUBLIC, "", spki, sizeof(spki)) > 0);
	fclose(out);
	assert_int_equal(qkdtls_config_set_trust(config, pki_path(*state, "unknown")), -EOPNOTSUPP);
	assert_non_null(strstr(qkdtls_config_message(config), "this libcrypto lacks"));
	qkdtls_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forged_carrier_of_a_pinned_leaf_cannot_sign),
		cmocka_unit_test(keys_that_are_none_are_refused),
		cmocka_unit_test(a_key_of_an_unknown_algorithm_is_refused_as_such),
	};

	ROWS(judge_pins, pin_rows);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
