// SPDX-License-Identifier: GPL-2.0-or-later
/* How the certificates of a chain are signed: asked for by signature_algorithms_cert, and held to it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "site.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DAY	      86400L

#define ROOT "ecdsa_secp256r1_sha256" /* by which the root signs the intermediate CAs */

/**
 * struct signed_chain - a leaf below an intermediate CA
 * @ca_type, @digest, @pss, @pss_salt: how the leaf is signed
 * @names: the list that takes it beside ROOT; NULL: none does
 */
struct signed_chain {
	const char *name;
	const char *ca_type;
	const char *digest;
	bool pss;
	int pss_salt;
	const char *names;
};

static const struct signed_chain chains[] = {
	{ "P-256 with SHA-256", "P-256", "SHA256", .names = "ecdsa_secp256r1_sha256" },
	{ "P-384 with SHA-384", "P-384", "SHA384", .names = "ecdsa_secp384r1_sha384" },
	{ "P-256 with SHA-384, no scheme of TLS", "P-256", "SHA384" },
	{ "P-384 with SHA-256, no scheme of TLS", "P-384", "SHA256" },
	{ "Ed25519", "ED25519", .names = "ed25519" },
	{ "ML-DSA-44", "ML-DSA-44", .names = "mldsa44" },
	{ "ML-DSA-65", "ML-DSA-65", .names = "mldsa65" },
	{ "ML-DSA-87", "ML-DSA-87", .names = "mldsa87" },
	{ "PKCS#1 with SHA-256", "RSA", "SHA256", .names = "rsa_pkcs1_sha256" },
	{ "PKCS#1 with SHA-384", "RSA", "SHA384", .names = "rsa_pkcs1_sha384" },
	{ "PKCS#1 with SHA-512", "RSA", "SHA512", .names = "rsa_pkcs1_sha512" },
	{ "PSS with SHA-256", "RSA", "SHA256", true, .names = "rsa_pss_rsae_sha256" },
	{ "PSS with SHA-384", "RSA", "SHA384", true, .names = "rsa_pss_rsae_sha384" },
	{ "PSS with SHA-512", "RSA", "SHA512", true, .names = "rsa_pss_rsae_sha512" },
	{ "PSS with a salt of another length, no scheme of TLS", "RSA", "SHA256", true, 20 },
};

static const char *const all_names[] = {
	"mldsa44",
	"mldsa65",
	"mldsa87",
	"ecdsa_secp256r1_sha256",
	"ecdsa_secp384r1_sha384",
	"ed25519",
	"rsa_pss_rsae_sha256",
	"rsa_pss_rsae_sha384",
	"rsa_pss_rsae_sha512",
	"rsa_pkcs1_sha256",
	"rsa_pkcs1_sha384",
	"rsa_pkcs1_sha512",
};

static void issue(struct pki *pki, const struct signed_chain *chain, const char *type)
{
	const struct pki_leaf leaf = {
		.file = "below",
		.name = PKI_SERVER_NAME,
		.type = type,
		.issuer_type = chain->ca_type,
		.digest = chain->digest,
		.pss = chain->pss,
		.pss_salt = chain->pss_salt,
		.not_before = -DAY,
		.not_after = DAY,
	};

	pki_issue(pki, &leaf);
}

/* Both ends show the leaf to each other; @asker holds the other's chain to @names (NULL: to nothing). */
static void shake(struct pki *pki, struct loopback *lb, enum qkdtls_role asker, const char *names)
{
	const struct site_options options = {
		.verify_client = true,
		.certificate = "below",
		.client_certificate = "below",
	};
	struct qkdtls_config *end[2];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		end[role] = site_config(pki, role, &options);
		assert_int_equal(qkdtls_config_set_peer_name(end[role], PKI_SERVER_NAME), 0);
	}
	if (names)
		assert_int_equal(qkdtls_config_set_chain_signatures(end[asker], names), 0);
	loopback_init(lb, end[QKDTLS_CLIENT], end[QKDTLS_SERVER]);
	qkdtls_config_unref(end[QKDTLS_CLIENT]);
	qkdtls_config_unref(end[QKDTLS_SERVER]);
	assert_true(loopback_run(lb));
}

static void assert_taken(struct pki *pki, enum qkdtls_role asker, const char *names)
{
	struct loopback lb;

	shake(pki, &lb, asker, names);
	assert_string_equal(qkdtls_error(lb.end[asker])->reason, "");
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	loopback_free(&lb);
}

static void assert_refused(struct pki *pki, enum qkdtls_role asker, const char *names)
{
	struct loopback lb;

	shake(pki, &lb, asker, names);
	assert_int_equal(lb.want[asker], QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[asker])->sent, QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE);
	assert_string_equal(qkdtls_error(lb.end[asker])->reason,
			    "a certificate is signed in a way that is not allowed");
	assert_int_equal(qkdtls_to_errno(lb.end[asker]), -EACCES);
	loopback_free(&lb);
}

static bool has_name(const char *name)
{
	struct qkdtls_config *config = qkdtls_config_new();
	const int ret = qkdtls_config_set_chain_signatures(config, name);

	qkdtls_config_unref(config);
	return !ret;
}

/* Every name that this libcrypto has, but @left_out and those of the root */
static void other_names(const char *left_out, char names[512])
{
	strcpy(names, "ecdsa_secp256r1_sha256");
	for (size_t i = 0; i < ARRAY_SIZE(all_names); i++) {
		if (!has_name(all_names[i]) || !strcmp(all_names[i], ROOT) ||
		    (left_out && !strcmp(all_names[i], left_out)))
			continue;
		strcat(names, ":");
		strcat(names, all_names[i]);
	}
}

static void run_chain(struct pki *pki, const struct signed_chain *chain)
{
	char names[512];

	print_message("# %s\n", chain->name);
	issue(pki, chain, "P-256");
	for (int asker = QKDTLS_CLIENT; asker <= QKDTLS_SERVER; asker++) {
		assert_taken(pki, asker, NULL);
		if (chain->names && strcmp(chain->names, ROOT)) {
			strcpy(names, ROOT ":");
			strcat(names, chain->names);
			assert_taken(pki, asker, names);
		}
		other_names(chain->names, names);
		if (chain->names && !strcmp(chain->names, ROOT))
			assert_taken(pki, asker, names);
		else
			assert_refused(pki, asker, names);
	}
}

static void chains_are_held_to_the_list(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		if (pki_has_type(chains[i].ca_type))
			run_chain(*state, &chains[i]);
		else
			print_message("# this libcrypto lacks %s\n", chains[i].ca_type);
	}
}

/* The intermediate's own signature, by the root, counts like the leaf's. */
static void every_certificate_below_the_anchor_counts(void **state)
{
	const struct signed_chain chain = { "", "ED25519" };

	issue(*state, &chain, "P-256");
	assert_refused(*state, QKDTLS_CLIENT, "ed25519");
	assert_refused(*state, QKDTLS_SERVER, "ed25519");
	assert_taken(*state, QKDTLS_CLIENT, "ed25519:" ROOT);
}

/* SHA-1 is refused whatever is listed or not. */
static void sha1_is_refused_without_a_list_too(void **state)
{
	const struct signed_chain chain = { "", "RSA", "SHA1" };
	struct loopback lb;

	issue(*state, &chain, "P-256");
	shake(*state, &lb, QKDTLS_CLIENT, NULL);
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent, QKDTLS_ALERT_BAD_CERTIFICATE);
	loopback_free(&lb);
}

/* The largest CertificateVerify, and a chain whose every part is post-quantum but the root */
static void largest_signatures_pass(void **state)
{
	const struct signed_chain chain = { "", "ML-DSA-87" };

	if (!pki_has_type("ML-DSA-87"))
		site_skip("this libcrypto lacks ML-DSA");
	issue(*state, &chain, "ML-DSA-87");
	assert_taken(*state, QKDTLS_CLIENT, "mldsa87:" ROOT);
	assert_taken(*state, QKDTLS_SERVER, "mldsa87:" ROOT);
}

static bool hello_contains(struct pki *pki, const char *names, const uint8_t *bytes, size_t len)
{
	struct loopback lb;
	bool found;

	shake(pki, &lb, QKDTLS_CLIENT, names);
	found = memmem(lb.wire[QKDTLS_CLIENT].data, lb.wire[QKDTLS_CLIENT].len, bytes, len);
	loopback_free(&lb);
	return found;
}

static void extension_is_sent_if_it_was_set(void **state)
{
	static const uint8_t sent[] = { 0, 50, 0, 8, 0, 6, 4, 1, 8, 7, 4, 3 };
	const struct signed_chain chain = { "", "ED25519" };

	issue(*state, &chain, "P-256");
	assert_true(hello_contains(*state, "rsa_pkcs1_sha256:ed25519:ecdsa_secp256r1_sha256", sent,
				   sizeof(sent)));
	assert_false(hello_contains(*state, NULL, sent, sizeof(sent)));
}

/* RFC 9846 section 4.5.2: who has no other chain sends the one it has. */
static void server_sends_a_chain_that_is_not_listed(void **state)
{
	const struct signed_chain chain = { "", "ED25519" };
	struct loopback lb;

	issue(*state, &chain, "P-256");
	shake(*state, &lb, QKDTLS_CLIENT, "rsa_pkcs1_sha256");
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->received,
			 QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_NONE);
	loopback_free(&lb);
}

static void names_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_int_equal(qkdtls_config_set_chain_signatures(config, "rsa_pkcs1_sha256:ed25519"), 0);
	assert_string_equal(qkdtls_config_message(config), "");
	assert_int_equal(qkdtls_config_set_chain_signatures(config, "rsa_pkcs1_sha1"), -EINVAL);
	assert_string_equal(
		qkdtls_config_message(config),
		"chain-signatures: \"rsa_pkcs1_sha1\" is unknown, empty or there twice");
	assert_int_equal(qkdtls_config_set_chain_signatures(config, ""), -EINVAL);
	assert_int_equal(qkdtls_config_set_chain_signatures(config, "ed25519:ed25519"), -EINVAL);
	if (!pki_has_type("ML-DSA-65"))
		assert_int_equal(qkdtls_config_set_chain_signatures(config, "mldsa65"),
				 -EOPNOTSUPP);
	assert_int_equal(qkdtls_config_set_signatures(config, "rsa_pkcs1_sha256"), -EINVAL);
	assert_string_equal(qkdtls_signature_name(QKDTLS_SIG_RSA_PKCS1_SHA512), "rsa_pkcs1_sha512");
	qkdtls_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_are_held_to_the_list),
		cmocka_unit_test(every_certificate_below_the_anchor_counts),
		cmocka_unit_test(sha1_is_refused_without_a_list_too),
		cmocka_unit_test(largest_signatures_pass),
		cmocka_unit_test(extension_is_sent_if_it_was_set),
		cmocka_unit_test(server_sends_a_chain_that_is_not_listed),
		cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
