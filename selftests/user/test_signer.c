// SPDX-License-Identifier: GPL-2.0-or-later
/* Handshakes whose private key somebody else has, at either end or both */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "site.h"

/* Who has the key, and how he answers */
struct signer {
	struct qkdtls_config *config;
	enum qkdtls_role role;
	unsigned int pending; /* so many times PENDING before anything else */
	int answer; /* instead of a signature, if not 0 */
	bool has_length;
	size_t length; /* instead of the true one */
	bool spoils;
	unsigned int asked;
	uint8_t data[QKDTLS_SIGNED_MAX];
	size_t data_len;
};

static int sign(void *arg, uint16_t scheme, const uint8_t *data, size_t data_len,
		uint8_t *signature, size_t *len)
{
	struct signer *signer = arg;
	int ret;

	assert_true(data_len <= sizeof(signer->data));
	assert_int_equal(*len, QKDTLS_SIGNATURE_MAX);
	if (signer->asked) {
		assert_int_equal(data_len, signer->data_len);
		assert_memory_equal(data, signer->data, data_len);
	}
	signer->asked++;
	memcpy(signer->data, data, data_len);
	signer->data_len = data_len;
	if (signer->pending) {
		signer->pending--;
		return QKDTLS_SIGN_PENDING;
	}
	if (signer->answer)
		return signer->answer;
	ret = qkdtls_config_sign(signer->config, signer->role, scheme, data, data_len, signature,
				 len);
	assert_int_equal(ret, 0);
	if (signer->has_length)
		*len = signer->length;
	if (signer->spoils)
		signature[*len / 2] ^= 1;
	return 0;
}

static const struct site_options mutual = { .verify_client = true };

/* Both ends' configurations lose their private keys to the signers. */
static void link_signed(struct pki *pki, struct loopback *lb, struct signer signers[2])
{
	static const char *const chains[] = { "client.pem", "server.pem" };
	struct qkdtls_config *configs[2];

	memset(lb, 0, sizeof(*lb));
	for (int role = 0; role < 2; role++) {
		signers[role].role = (enum qkdtls_role)role;
		signers[role].config = site_config(pki, signers[role].role, &mutual);
		configs[role] = site_config(pki, signers[role].role, &mutual);
		assert_int_equal(qkdtls_config_set_certificate_chain(configs[role],
								     pki_path(pki, chains[role])),
				 0);
	}
	loopback_init(lb, configs[QKDTLS_CLIENT], configs[QKDTLS_SERVER]);
	for (int role = 0; role < 2; role++) {
		qkdtls_config_unref(configs[role]);
		qkdtls_conn_set_signer(lb->end[role], sign, &signers[role]);
	}
}

static void free_signed(struct loopback *lb, struct signer signers[2])
{
	loopback_free(lb);
	for (int role = 0; role < 2; role++)
		qkdtls_config_unref(signers[role].config);
}

static void both_ends_sign_elsewhere(void **state)
{
	struct signer signers[2] = { 0 };
	struct loopback lb;

	link_signed(*state, &lb, signers);
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	assert_int_equal(signers[QKDTLS_CLIENT].asked, 1);
	assert_int_equal(signers[QKDTLS_SERVER].asked, 1);
	assert_true(qkdtls_info(lb.end[QKDTLS_CLIENT])->certificate);
	free_signed(&lb, signers);
}

/* Nobody waits within the engine: the caller is told what for, and the rest of the flight may go. */
static void a_signature_may_come_later(void **state)
{
	struct signer signers[2] = { { .pending = 1000 }, { .pending = 1000 } };
	struct loopback lb;

	link_signed(*state, &lb, signers);
	for (int role = QKDTLS_SERVER; role >= QKDTLS_CLIENT; role--) {
		assert_false(loopback_run(&lb));
		assert_int_equal(lb.want[role], QKDTLS_WANT_SIGNATURE);
		assert_int_equal(qkdtls_wanted(lb.end[role]), 0);
		assert_true(signers[role].asked > 0);
		signers[role].pending = 0;
	}
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	free_signed(&lb, signers);
}

static void a_signer_that_fails_ends_the_handshake(void **state)
{
	static const struct signer rows[] = {
		{ .answer = -EIO },
		{ .answer = -ETIMEDOUT },
		{ .answer = 17 },
		{ .has_length = true, .length = 0 },
		{ .has_length = true, .length = QKDTLS_SIGNATURE_MAX + 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int role = 0; role < 2; role++) {
			struct signer signers[2] = { 0 };
			struct loopback lb;

			signers[role] = rows[i];
			link_signed(*state, &lb, signers);
			assert_true(loopback_run(&lb));
			assert_int_equal(lb.want[role], QKDTLS_FAILED);
			assert_int_equal(qkdtls_error(lb.end[role])->sent,
					 QKDTLS_ALERT_INTERNAL_ERROR);
			assert_true(qkdtls_to_errno(lb.end[role]) < 0);
			free_signed(&lb, signers);
		}
	}
}

static void a_signature_that_is_wrong_is_refused(void **state)
{
	for (int role = 0; role < 2; role++) {
		struct signer signers[2] = { 0 };
		struct loopback lb;

		signers[role].spoils = true;
		link_signed(*state, &lb, signers);
		assert_true(loopback_run(&lb));
		assert_int_equal(qkdtls_error(lb.end[!role])->sent, QKDTLS_ALERT_DECRYPT_ERROR);
		free_signed(&lb, signers);
	}
}

static void a_chain_alone_signs_nothing(void **state)
{
	struct signer signers[2] = { 0 };
	struct loopback lb;

	link_signed(*state, &lb, signers);
	qkdtls_conn_set_signer(lb.end[QKDTLS_SERVER], NULL, NULL);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_INTERNAL_ERROR);
	free_signed(&lb, signers);
}

/* A program that was taken over can have no more signed than handshakes: no certificate, no other role's words. */
static void nothing_but_certificate_verify_is_signed(void **state)
{
	struct qkdtls_config *config = site_config(*state, QKDTLS_SERVER, &mutual);
	uint8_t data[QKDTLS_SIGNED_MAX + 1], signature[QKDTLS_SIGNATURE_MAX];
	const uint16_t scheme = QKDTLS_SIG_ECDSA_P256_SHA256;
	const size_t hash_at = 64 + sizeof("TLS 1.3, server CertificateVerify");
	const size_t lens[] = { 0, 32, hash_at, hash_at + 31, hash_at + 33, hash_at + 64 };
	size_t len = sizeof(signature);

	memset(data, 0x5a, sizeof(data));
	memset(data, ' ', 64);
	memcpy(data + 64, "TLS 1.3, server CertificateVerify", hash_at - 64);
	assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, scheme, data, hash_at + 32,
					    signature, &len),
			 0);
	assert_true(len > 60 && len < 80);
	len = sizeof(signature);
	assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, scheme, data, hash_at + 48,
					    signature, &len),
			 0);
	len = 8;
	assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, scheme, data, hash_at + 32,
					    signature, &len),
			 -EMSGSIZE);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		len = sizeof(signature);
		assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, scheme, data, lens[i],
						    signature, &len),
				 -EINVAL);
	}
	len = sizeof(signature);
	assert_int_equal(qkdtls_config_sign(config, QKDTLS_CLIENT, scheme, data, hash_at + 32,
					    signature, &len),
			 -EINVAL);
	/* Of another kind of key, and of none */
	assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, QKDTLS_SIG_ED25519, data,
					    hash_at + 32, signature, &len),
			 -EINVAL);
	assert_int_equal(
		qkdtls_config_sign(config, QKDTLS_SERVER, 0, data, hash_at + 32, signature, &len),
		-EINVAL);
	for (size_t i = 0; i < hash_at; i++) {
		data[i] ^= 1;
		len = sizeof(signature);
		assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, scheme, data,
						    hash_at + 32, signature, &len),
				 -EINVAL);
		data[i] ^= 1;
	}
	/* Who has the chain alone signs nothing. */
	assert_int_equal(
		qkdtls_config_set_certificate_chain(config, pki_path(*state, "server.pem")), 0);
	assert_int_equal(qkdtls_config_sign(config, QKDTLS_SERVER, scheme, data, hash_at + 32,
					    signature, &len),
			 -EINVAL);
	qkdtls_config_unref(config);
}

static void chains_are_checked_as_ever(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_int_equal(qkdtls_config_set_certificate_chain(config, "/nowhere"), -EINVAL);
	assert_int_equal(
		qkdtls_config_set_certificate_chain(config, pki_path(*state, "nosign.pem")),
		-EINVAL);
	assert_int_equal(qkdtls_config_set_certificate_chain(config, pki_path(*state, "p521.pem")),
			 -EOPNOTSUPP);
	assert_int_equal(
		qkdtls_config_set_certificate(config, pki_path(*state, "server.pem"), NULL),
		-EINVAL);
	assert_string_equal(qkdtls_config_message(config), "no private key is named");
	qkdtls_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_sign_elsewhere),
		cmocka_unit_test(a_signature_may_come_later),
		cmocka_unit_test(a_signer_that_fails_ends_the_handshake),
		cmocka_unit_test(a_signature_that_is_wrong_is_refused),
		cmocka_unit_test(a_chain_alone_signs_nothing),
		cmocka_unit_test(nothing_but_certificate_verify_is_signed),
		cmocka_unit_test(chains_are_checked_as_ever),
	};

	return cmocka_run_group_tests_name("signer", tests, site_setup, site_teardown);
}
