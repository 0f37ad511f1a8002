// SPDX-License-Identifier: GPL-2.0-or-later
/* Every cipher suite with every group, every signature scheme at both ends, and what must not go together */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "site.h"
#include "tls/crypto_pki.h"
#include "tls/kex.h"
#include "tls/suite.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DAY	      86400L

static const uint16_t suites[] = {
	QKDTLS_AES_128_GCM_SHA256,
	QKDTLS_AES_256_GCM_SHA384,
	QKDTLS_CHACHA20_POLY1305_SHA256,
};

static const uint16_t groups[] = {
	QKDTLS_GROUP_X25519MLKEM768,	QKDTLS_GROUP_SECP384R1MLKEM1024,
	QKDTLS_GROUP_SECP256R1MLKEM768, QKDTLS_GROUP_X25519,
	QKDTLS_GROUP_SECP256R1,		QKDTLS_GROUP_SECP384R1,
};

/* One certificate for each scheme; RSA serves three. */
static const struct {
	uint16_t number;
	const char *file;
	const char *type;
} schemes[] = {
	{ QKDTLS_SIG_MLDSA44, "mldsa44", "ML-DSA-44" },
	{ QKDTLS_SIG_MLDSA65, "mldsa65", "ML-DSA-65" },
	{ QKDTLS_SIG_MLDSA87, "mldsa87", "ML-DSA-87" },
	{ QKDTLS_SIG_ECDSA_P256_SHA256, "p256", "P-256" },
	{ QKDTLS_SIG_ECDSA_P384_SHA384, "p384", "P-384" },
	{ QKDTLS_SIG_ED25519, "ed25519", "ED25519" },
	{ QKDTLS_SIG_RSA_PSS_RSAE_SHA256, "rsa", "RSA" },
	{ QKDTLS_SIG_RSA_PSS_RSAE_SHA384, "rsa", "RSA" },
	{ QKDTLS_SIG_RSA_PSS_RSAE_SHA512, "rsa", "RSA" },
};

static int setup(void **state)
{
	const int ret = site_setup(state);

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		const struct pki_leaf leaf = {
			.file = schemes[i].file,
			.name = PKI_SERVER_NAME,
			.type = schemes[i].type,
			.not_before = -DAY,
			.not_after = DAY,
		};

		if (pki_has_type(leaf.type) && (!i || strcmp(leaf.file, schemes[i - 1].file)))
			pki_issue(*state, &leaf);
	}
	return ret;
}

static void assert_done(struct loopback *lb)
{
	assert_true(loopback_run(lb));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_string_equal(qkdtls_error(lb->end[role])->reason, "");
		assert_int_equal(lb->want[role], QKDTLS_DONE);
	}
}

static void assert_same_exporter(struct loopback *lb)
{
	uint8_t a[32], b[32];

	assert_int_equal(qkdtls_export(lb->end[0], "test", NULL, 0, a, sizeof(a)), 0);
	assert_int_equal(qkdtls_export(lb->end[1], "test", NULL, 0, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
}

/* ---- Suites and groups ---- */

static void run_suite_and_group(struct pki *pki, uint16_t suite, uint16_t group)
{
	const struct site_options options = {
		.groups = qkdtls_group_name(group),
		.ciphers = qkdtls_suite_name(suite),
	};
	struct loopback lb;

	site_link(pki, &lb, &options, &options);
	assert_done(&lb);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_int_equal(qkdtls_info(lb.end[role])->suite, suite);
		assert_int_equal(qkdtls_info(lb.end[role])->group, group);
		assert_true(qkdtls_info(lb.end[role])->psk);
	}
	assert_same_exporter(&lb);
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "there", 5));
	assert_true(loopback_echo(&lb, QKDTLS_SERVER, "back again", 10));
	loopback_free(&lb);
}

static void every_suite_works_with_every_group(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!qkdtls_group_available(qkdtls_group_find(groups[i]))) {
			print_message("# this libcrypto lacks %s\n", qkdtls_group_name(groups[i]));
			continue;
		}
		for (size_t j = 0; j < ARRAY_SIZE(suites); j++)
			run_suite_and_group(*state, suites[j], groups[i]);
	}
}

static void run_retry(struct pki *pki, uint16_t wanted, uint16_t first)
{
	char names[64];
	const struct site_options server = { .groups = qkdtls_group_name(wanted) };
	const struct site_options client = { .groups = names };
	struct loopback lb;

	snprintf(names, sizeof(names), "%s:%s", qkdtls_group_name(first),
		 qkdtls_group_name(wanted));
	site_link(pki, &lb, &client, &server);
	assert_done(&lb);
	assert_true(qkdtls_info(lb.end[QKDTLS_CLIENT])->retried);
	assert_int_equal(qkdtls_info(lb.end[QKDTLS_CLIENT])->group, wanted);
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 1);
	assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 1);
	assert_same_exporter(&lb);
	loopback_free(&lb);
}

static void every_group_can_be_asked_for_by_retry(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		const uint16_t first = groups[i] == QKDTLS_GROUP_X25519 ? QKDTLS_GROUP_SECP256R1
									: QKDTLS_GROUP_X25519;

		if (qkdtls_group_available(qkdtls_group_find(groups[i])))
			run_retry(*state, groups[i], first);
	}
}

/* RFC 10024: sizes, and which part comes first */
static void hybrids_have_their_sizes_and_order(void **state)
{
	static const struct {
		uint16_t number;
		size_t client, server, secret, point_at;
	} rows[] = {
		{ QKDTLS_GROUP_SECP256R1MLKEM768, 1249, 1153, 64, 0 },
		{ QKDTLS_GROUP_SECP384R1MLKEM1024, 1665, 1665, 80, 0 },
		{ QKDTLS_GROUP_X25519MLKEM768, 1216, 1120, 64, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct qkdtls_group *group = qkdtls_group_find(rows[i].number);
		uint8_t share[QKDTLS_KEX_SHARE_MAX];
		struct qkdtls_kex *kex;

		assert_int_equal(group->client_share, rows[i].client);
		assert_int_equal(group->server_share, rows[i].server);
		assert_int_equal(group->secret, rows[i].secret);
		assert_true(group->hybrid);
		if (!qkdtls_group_available(group))
			continue;
		assert_int_equal(qkdtls_kex_new(&kex, group), 0);
		assert_int_equal(qkdtls_kex_share(kex, share), 0);
		if (!rows[i].point_at)
			assert_int_equal(share[0], 4);
		qkdtls_kex_free(kex);
	}
}

struct bad_share {
	const char *name;
	uint16_t group;
	size_t at; /* of the byte that is changed */
	uint8_t value;
	int cut; /* or bytes too few (positive) or too many */
};

/* Shares that are not a key of their group: the same for the client's and for the server's */
static const struct bad_share bad_shares[] = {
	{ "compressed point", QKDTLS_GROUP_SECP256R1, 0, 2, 0 },
	{ "hybrid point form", QKDTLS_GROUP_SECP256R1, 0, 6, 0 },
	{ "infinity", QKDTLS_GROUP_SECP256R1, 0, 0, 0 },
	{ "point off its curve", QKDTLS_GROUP_SECP256R1, 64, 0, 0 },
	{ "point too short", QKDTLS_GROUP_SECP256R1, 0, 4, 1 },
	{ "point too long", QKDTLS_GROUP_SECP256R1, 0, 4, -1 },
	{ "P-384 compressed point", QKDTLS_GROUP_SECP384R1, 0, 3, 0 },
	{ "P-384 point off its curve", QKDTLS_GROUP_SECP384R1, 96, 0, 0 },
	{ "P-384 point too short", QKDTLS_GROUP_SECP384R1, 0, 4, 1 },
	{ "P-256 hybrid, point off its curve", QKDTLS_GROUP_SECP256R1MLKEM768, 64, 0, 0 },
	{ "P-256 hybrid, compressed", QKDTLS_GROUP_SECP256R1MLKEM768, 0, 2, 0 },
	{ "P-256 hybrid, too short", QKDTLS_GROUP_SECP256R1MLKEM768, 0, 4, 1 },
	{ "P-384 hybrid, point off its curve", QKDTLS_GROUP_SECP384R1MLKEM1024, 96, 0, 0 },
	{ "P-384 hybrid, too long", QKDTLS_GROUP_SECP384R1MLKEM1024, 0, 4, -1 },
	{ "X25519 hybrid, too short", QKDTLS_GROUP_X25519MLKEM768, 0, 4, 1 },
};

static size_t spoil(uint8_t *share, size_t len, const struct bad_share *bad)
{
	if (bad->cut)
		return len - (size_t)bad->cut;
	/* A point has one other y at most, so that a changed last byte is never on the curve. */
	share[bad->at] = bad->at ? share[bad->at] ^ 1 : bad->value;
	return len;
}

static void run_bad_share(const struct bad_share *bad)
{
	const struct qkdtls_group *group = qkdtls_group_find(bad->group);
	uint8_t client[QKDTLS_KEX_SHARE_MAX + 1], server[QKDTLS_KEX_SHARE_MAX + 1];
	uint8_t secret[QKDTLS_KEX_SECRET_MAX], unused[QKDTLS_KEX_SHARE_MAX];
	struct qkdtls_kex *kex;
	size_t len;

	if (!qkdtls_group_available(group))
		return;
	assert_int_equal(qkdtls_kex_new(&kex, group), 0);
	assert_int_equal(qkdtls_kex_share(kex, client), 0);
	assert_int_equal(qkdtls_kex_respond(group, client, group->client_share, server, secret), 0);
	len = spoil(server, group->server_share, bad);
	if (qkdtls_kex_finish(kex, server, len, secret) != QKDTLS_ALERT_ILLEGAL_PARAMETER)
		fail_msg("client takes: %s", bad->name);
	len = spoil(client, group->client_share, bad);
	if (qkdtls_kex_respond(group, client, len, unused, secret) !=
	    QKDTLS_ALERT_ILLEGAL_PARAMETER)
		fail_msg("server takes: %s", bad->name);
	qkdtls_kex_free(kex);
}

static void shares_that_are_no_keys_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_shares); i++)
		run_bad_share(&bad_shares[i]);
}

/* FIPS 203 section 7.2: each coefficient is below 3329; all ones is none. */
static void encapsulation_keys_out_of_range_are_refused(void **state)
{
	static const struct {
		uint16_t number;
		size_t key_at;
	} rows[] = {
		{ QKDTLS_GROUP_X25519MLKEM768, 0 },
		{ QKDTLS_GROUP_SECP256R1MLKEM768, 65 },
		{ QKDTLS_GROUP_SECP384R1MLKEM1024, 97 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct qkdtls_group *group = qkdtls_group_find(rows[i].number);
		uint8_t client[QKDTLS_KEX_SHARE_MAX], server[QKDTLS_KEX_SHARE_MAX];
		uint8_t secret[QKDTLS_KEX_SECRET_MAX];
		struct qkdtls_kex *kex;

		if (!qkdtls_group_available(group))
			continue;
		assert_int_equal(qkdtls_kex_new(&kex, group), 0);
		assert_int_equal(qkdtls_kex_share(kex, client), 0);
		memset(client + rows[i].key_at, 0xff, 3);
		assert_int_equal(
			qkdtls_kex_respond(group, client, group->client_share, server, secret),
			QKDTLS_ALERT_ILLEGAL_PARAMETER);
		qkdtls_kex_free(kex);
	}
}

/* ---- Signatures ---- */

static bool scheme_here(size_t i)
{
	if (qkdtls_scheme_available(qkdtls_scheme_find(schemes[i].number)))
		return true;
	print_message("# this libcrypto lacks %s\n", qkdtls_signature_name(schemes[i].number));
	return false;
}

/* Both ends sign with @scheme and take no other. */
static void link_scheme(struct pki *pki, struct loopback *lb, const char *file, uint16_t scheme)
{
	const struct site_options options = {
		.verify_client = true,
		.certificate = file,
		.client_certificate = file,
	};
	struct qkdtls_config *end[2];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		end[role] = site_config(pki, role, &options);
		assert_int_equal(qkdtls_config_set_peer_name(end[role], PKI_SERVER_NAME), 0);
		assert_int_equal(
			qkdtls_config_set_signatures(end[role], qkdtls_signature_name(scheme)), 0);
	}
	loopback_init(lb, end[QKDTLS_CLIENT], end[QKDTLS_SERVER]);
	qkdtls_config_unref(end[QKDTLS_CLIENT]);
	qkdtls_config_unref(end[QKDTLS_SERVER]);
}

static void every_scheme_signs_at_both_ends(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		struct loopback lb;

		if (!scheme_here(i))
			continue;
		link_scheme(*state, &lb, schemes[i].file, schemes[i].number);
		assert_done(&lb);
		for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			assert_int_equal(qkdtls_info(lb.end[role])->signature, schemes[i].number);
		assert_same_exporter(&lb);
		loopback_free(&lb);
	}
}

/* Signing and checking by themselves: only the right key, scheme, bytes and length will do. */
static void check_signature(struct pki *pki, size_t i)
{
	const struct qkdtls_scheme *scheme = qkdtls_scheme_find(schemes[i].number);
	uint8_t data[130] = "signed content", signature[QKDTLS_SIGNATURE_MAX];
	char message[QKDTLS_PKI_MESSAGE_MAX], chain_file[64], key_file[64];
	struct qkdtls_identity *identity;
	struct qkdtls_chain *chain;
	const uint8_t *der;
	size_t len, der_len;

	snprintf(chain_file, sizeof(chain_file), "%s.pem", schemes[i].file);
	snprintf(key_file, sizeof(key_file), "%s.key", schemes[i].file);
	assert_int_equal(qkdtls_identity_load(&identity, pki_path(pki, chain_file),
					      pki_path(pki, key_file), message),
			 0);
	der = qkdtls_identity_certificate(identity, 0, &der_len);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(qkdtls_chain_add(chain, der, der_len), 0);
	assert_int_equal(qkdtls_identity_sign(identity, scheme, data, sizeof(data), signature,
					      sizeof(signature), &len),
			 0);
	assert_int_equal(
		qkdtls_chain_verify_signature(chain, scheme, data, sizeof(data), signature, len),
		0);
	for (size_t j = 0; j < ARRAY_SIZE(schemes); j++) {
		const struct qkdtls_scheme *other = qkdtls_scheme_find(schemes[j].number);
		const bool same_key = !strcmp(schemes[i].file, schemes[j].file);

		if (i != j)
			assert_int_equal(qkdtls_chain_verify_signature(
						 chain, other, data, sizeof(data), signature, len),
					 same_key ? QKDTLS_ALERT_DECRYPT_ERROR
						  : QKDTLS_ALERT_ILLEGAL_PARAMETER);
		assert_int_equal(qkdtls_identity_fits(identity, other), same_key);
	}
	assert_int_equal(qkdtls_chain_verify_signature(chain, scheme, data, sizeof(data), signature,
						       len - 1),
			 QKDTLS_ALERT_DECRYPT_ERROR);
	assert_int_equal(
		qkdtls_chain_verify_signature(chain, scheme, data, sizeof(data), signature, 0),
		QKDTLS_ALERT_DECRYPT_ERROR);
	signature[len / 2] ^= 1;
	assert_int_equal(
		qkdtls_chain_verify_signature(chain, scheme, data, sizeof(data), signature, len),
		QKDTLS_ALERT_DECRYPT_ERROR);
	signature[len / 2] ^= 1;
	data[0] ^= 1;
	assert_int_equal(
		qkdtls_chain_verify_signature(chain, scheme, data, sizeof(data), signature, len),
		QKDTLS_ALERT_DECRYPT_ERROR);
	assert_int_equal(qkdtls_identity_sign(identity, scheme, data, sizeof(data), signature,
					      len / 4, &len),
			 -EMSGSIZE);
	qkdtls_chain_free(chain);
	qkdtls_identity_free(identity);
}

static void signatures_are_checked_to_the_last_bit(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (scheme_here(i))
			check_signature(*state, i);
}

static void assert_server_refuses(struct pki *pki, const char *certificate, const char *signatures,
				  enum qkdtls_alert alert)
{
	const struct site_options options = { .certificate = certificate };
	struct qkdtls_config *client = site_config(pki, QKDTLS_CLIENT, &options);
	struct qkdtls_config *server = site_config(pki, QKDTLS_SERVER, &options);
	struct loopback lb;

	assert_int_equal(qkdtls_config_set_signatures(client, signatures), 0);
	loopback_init(&lb, client, server);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, alert);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
	loopback_free(&lb);
}

static void server_that_cannot_sign_as_asked_fails(void **state)
{
	assert_server_refuses(*state, "p256", "ecdsa_secp384r1_sha384",
			      QKDTLS_ALERT_HANDSHAKE_FAILURE);
	assert_server_refuses(*state, "p384", "ecdsa_secp256r1_sha256",
			      QKDTLS_ALERT_HANDSHAKE_FAILURE);
	assert_server_refuses(*state, "rsa", "ed25519:ecdsa_secp256r1_sha256",
			      QKDTLS_ALERT_HANDSHAKE_FAILURE);
}

static void short_rsa_keys_do_not_sign(void **state)
{
	const struct pki_leaf leaf = {
		.file = "rsa-1024",
		.name = PKI_SERVER_NAME,
		.type = "RSA-1024",
		.not_before = -DAY,
		.not_after = DAY,
	};
	struct qkdtls_config *config = qkdtls_config_new();

	pki_issue(*state, &leaf);
	assert_int_equal(qkdtls_config_set_certificate(config, pki_path(*state, "rsa-1024.pem"),
						       pki_path(*state, "rsa-1024.key")),
			 -EOPNOTSUPP);
	qkdtls_config_unref(config);
}

static void signature_names_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_int_equal(qkdtls_config_set_signatures(config, "ed25519:ecdsa_secp384r1_sha384"), 0);
	assert_int_equal(qkdtls_config_set_signatures(config, ""), -EINVAL);
	assert_int_equal(qkdtls_config_set_signatures(config, "rsa_pkcs1_sha256"), -EINVAL);
	assert_string_equal(qkdtls_config_message(config),
			    "signatures: \"rsa_pkcs1_sha256\" is unknown, empty or there twice");
	assert_int_equal(qkdtls_config_set_signatures(config, "ed25519:ed25519"), -EINVAL);
	if (!qkdtls_scheme_available(qkdtls_scheme_find(QKDTLS_SIG_MLDSA65))) {
		assert_int_equal(qkdtls_config_set_signatures(config, "mldsa65"), -EOPNOTSUPP);
		assert_string_equal(qkdtls_config_message(config),
				    "signatures: this libcrypto lacks mldsa65");
	}
	qkdtls_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_works_with_every_group),
		cmocka_unit_test(every_group_can_be_asked_for_by_retry),
		cmocka_unit_test(hybrids_have_their_sizes_and_order),
		cmocka_unit_test(shares_that_are_no_keys_are_refused),
		cmocka_unit_test(encapsulation_keys_out_of_range_are_refused),
		cmocka_unit_test(every_scheme_signs_at_both_ends),
		cmocka_unit_test(signatures_are_checked_to_the_last_bit),
		cmocka_unit_test(server_that_cannot_sign_as_asked_fails),
		cmocka_unit_test(short_rsa_keys_do_not_sign),
		cmocka_unit_test(signature_names_are_checked),
	};

	return cmocka_run_group_tests(tests, setup, site_teardown);
}
