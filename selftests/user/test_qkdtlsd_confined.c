// SPDX-License-Identifier: GPL-2.0-or-later
/* That the engine, with all that libcrypto does for it, can do its work in a process that is confined as the daemon's are */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "authority.h"
#include "loopback.h"
#include "qkdtlsd/confine/sandbox.h"
#include "site.h"

/* More than are sorted without asking how much memory there is */
#define MANY 200

#define PREFIX "TLS 1.3, server CertificateVerify"

#define NOT_CONFINED 100

static int enter_nothing(void)
{
	return 0;
}

/* @work in a process that has entered: its exit status, or a signal as a negative number */
static int confined(int (*enter)(void), int (*work)(void *arg), void *arg)
{
	const pid_t pid = fork();
	int status;

	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || enter())
			_exit(NOT_CONFINED);
		_exit(work(arg));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int enter_worker(void)
{
	return sandbox_enter_worker(NULL, 0);
}

/* ---- A worker ---- */

struct ends {
	struct qkdtls_config *client;
	struct qkdtls_config *server;
};

static int shake_hands(void *arg)
{
	static const uint8_t data[40000];
	const struct ends *ends = arg;
	struct loopback lb;

	loopback_init(&lb, ends->client, ends->server);
	if (!loopback_run(&lb) || lb.want[0] != QKDTLS_DONE || lb.want[1] != QKDTLS_DONE)
		return 1;
	return loopback_echo(&lb, QKDTLS_CLIENT, data, sizeof(data)) ? 0 : 2;
}

static void use_group(struct ends *ends, const char *group)
{
	struct qkdtls_config *both[] = { ends->client, ends->server };

	for (int i = 0; i < 2; i++)
		assert_int_equal(qkdtls_config_set_groups(both[i], group, true), 0);
}

static struct ends ends_of_site(struct pki *pki)
{
	const struct site_options options = { .policy = QKDTLS_REQUIRE, .verify_client = true };

	return (struct ends){
		.client = site_config(pki, QKDTLS_CLIENT, &options),
		.server = site_config(pki, QKDTLS_SERVER, &options),
	};
}

static void ends_free(struct ends *ends)
{
	qkdtls_config_unref(ends->client);
	qkdtls_config_unref(ends->server);
}

static void a_worker_shakes_hands(void **state)
{
	static const char *const groups[] = { "x25519", "secp256r1", "secp384r1", SITE_HYBRID,
					      "SecP384r1MLKEM1024" };
	static const char *const ciphers[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
					       "TLS_CHACHA20_POLY1305_SHA256" };

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		struct ends ends = ends_of_site(*state);
		const char *cipher = ciphers[i % 3];

		if (site_has_group(groups[i])) {
			use_group(&ends, groups[i]);
			assert_int_equal(qkdtls_config_set_ciphers(ends.client, cipher), 0);
			assert_int_equal(qkdtls_config_set_ciphers(ends.server, cipher), 0);
			assert_int_equal(confined(enter_worker, shake_hands, &ends), 0);
		}
		ends_free(&ends);
	}
}

/* In a process of its own, so that the one that is tried has not yet sorted anything */
static int write_many(void *arg)
{
	struct pki *pki = arg;
	struct authority root = authority_make_ca("Root", NULL);
	struct authority leaf = authority_make_leaf("Leaf", &root);
	const struct authority_list list = { .issuer = &root, .more = MANY };
	const X509 *cert = root.cert;

	authority_write_chain(pki, "many.pem", &cert, 1, false);
	for (int i = 0; i < MANY; i++) {
		char name[sizeof("CA -4294967295")];
		struct authority other;

		snprintf(name, sizeof(name), "CA %d", i);
		other = authority_make_ca(name, NULL);
		cert = other.cert;
		authority_write_chain(pki, "many.pem", &cert, 1, true);
		authority_free(&other);
	}
	cert = leaf.cert;
	authority_write_chain(pki, "one.pem", &cert, 1, false);
	authority_write_key(pki, "one.key", &leaf);
	authority_write_list(pki, "many.crl", &list, false);
	return 0;
}

static void a_worker_looks_through_many_certificates(void **state)
{
	struct pki *pki = *state;
	struct ends ends;

	assert_int_equal(confined(enter_nothing, write_many, pki), 0);
	ends = ends_of_site(pki);
	assert_int_equal(qkdtls_config_set_certificate(ends.server, pki_path(pki, "one.pem"),
						       pki_path(pki, "one.key")),
			 0);
	assert_int_equal(qkdtls_config_set_trust(ends.client, pki_path(pki, "many.pem")), 0);
	assert_int_equal(qkdtls_config_set_crl(ends.client, pki_path(pki, "many.crl")), 0);
	assert_int_equal(confined(enter_worker, shake_hands, &ends), 0);
	ends_free(&ends);
}

/* ---- The signer ---- */

struct work {
	struct qkdtls_config *keys;
	uint16_t scheme;
};

static int sign(void *arg)
{
	const struct work *work = arg;
	uint8_t data[64 + sizeof(PREFIX) + 48] = { 0 }, signature[QKDTLS_SIGNATURE_MAX];
	size_t len = sizeof(signature);

	memset(data, ' ', 64);
	memcpy(data + 64, PREFIX, sizeof(PREFIX));
	return qkdtls_config_sign(work->keys, QKDTLS_SERVER, work->scheme, data, sizeof(data),
				  signature, &len)
		       ? 1
		       : 0;
}

static void the_signer_signs(void **state)
{
	static const struct {
		const char *type;
		uint16_t scheme;
	} rows[] = {
		{ "P-256", QKDTLS_SIG_ECDSA_P256_SHA256 },
		{ "P-384", QKDTLS_SIG_ECDSA_P384_SHA384 },
		{ "RSA", QKDTLS_SIG_RSA_PSS_RSAE_SHA256 },
		{ "ED25519", QKDTLS_SIG_ED25519 },
		{ "ML-DSA-65", QKDTLS_SIG_MLDSA65 },
	};
	struct pki *pki = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct pki_leaf leaf = {
			.file = "signer",
			.name = PKI_SERVER_NAME,
			.not_after = 3600,
			.type = rows[i].type,
		};
		struct work work = { qkdtls_config_new(), rows[i].scheme };

		assert_non_null(work.keys);
		if (pki_has_type(rows[i].type)) {
			pki_issue(pki, &leaf);
			assert_int_equal(qkdtls_config_set_certificate(work.keys,
								       pki_path(pki, "signer.pem"),
								       pki_path(pki, "signer.key")),
					 0);
			assert_int_equal(confined(sandbox_enter_signer, sign, &work), 0);
		}
		qkdtls_config_unref(work.keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_shakes_hands),
		cmocka_unit_test(a_worker_looks_through_many_certificates),
		cmocka_unit_test(the_signer_signs),
	};

	return cmocka_run_group_tests_name("qkdtlsd_confined", tests, site_setup, site_teardown);
}
