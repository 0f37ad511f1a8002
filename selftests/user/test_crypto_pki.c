// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <cmocka.h>
#include "pki.h"
#include "qkd/qkdtls.h"
#include "tls/crypto_pki.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static char message[QKDTLS_PKI_MESSAGE_MAX];

static const struct qkdtls_scheme *p256(void)
{
	return qkdtls_scheme_find(QKDTLS_SIG_ECDSA_P256_SHA256);
}

static int set_up(void **state)
{
	*state = pki_new();
	return 0;
}

static int tear_down(void **state)
{
	pki_free(*state);
	return 0;
}

/* A text file's content; the caller frees it */
static char *slurp(const char *path)
{
	char *text = calloc(1, 1 << 16);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
	fclose(f);
	return text;
}

static int load(struct pki *pki, const char *cert, const char *key, struct qkdtls_identity **id)
{
	*id = NULL;
	return qkdtls_identity_load(id, pki_path(pki, cert), pki_path(pki, key), message);
}

/* ---- Own certificate ---- */

static void identity_signs_what_its_certificate_verifies(void **state)
{
	static const uint8_t data[] = "signed content";
	struct qkdtls_identity *id;
	struct qkdtls_chain *chain;
	uint8_t signature[QKDTLS_SIGNATURE_MAX], spoilt[sizeof(data)];
	size_t len, der_len, i;
	const uint8_t *der;

	assert_int_equal(load(*state, "server.pem", "server.key", &id), 0);
	assert_string_equal(message, "");
	assert_int_not_equal(qkdtls_identity_count(id), 0);
	assert_true(qkdtls_identity_fits(id, p256()));
	assert_int_equal(qkdtls_identity_sign(id, p256(), data, sizeof(data), signature, 8, &len),
			 -EMSGSIZE);
	assert_int_equal(qkdtls_identity_sign(id, p256(), data, sizeof(data), signature,
					      sizeof(signature), &len),
			 0);
	der = qkdtls_identity_certificate(id, 0, &der_len);
	assert_null(qkdtls_identity_certificate(id, qkdtls_identity_count(id), &i));

	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(
		qkdtls_chain_verify_signature(chain, p256(), data, sizeof(data), signature, len),
		QKDTLS_ALERT_ILLEGAL_PARAMETER);
	assert_int_equal(qkdtls_chain_add(chain, der, der_len), 0);
	assert_int_equal(
		qkdtls_chain_verify_signature(chain, p256(), data, sizeof(data), signature, len),
		0);
	for (i = 0; i < len; i++) {
		signature[i] ^= 1;
		assert_int_equal(qkdtls_chain_verify_signature(chain, p256(), data, sizeof(data),
							       signature, len),
				 QKDTLS_ALERT_DECRYPT_ERROR);
		signature[i] ^= 1;
	}
	for (i = 0; i < len; i++)
		assert_int_equal(qkdtls_chain_verify_signature(chain, p256(), data, sizeof(data),
							       signature, i),
				 QKDTLS_ALERT_DECRYPT_ERROR);
	memcpy(spoilt, data, sizeof(data));
	spoilt[0] ^= 1;
	assert_int_equal(qkdtls_chain_verify_signature(chain, p256(), spoilt, sizeof(spoilt),
						       signature, len),
			 QKDTLS_ALERT_DECRYPT_ERROR);
	qkdtls_chain_free(chain);
	qkdtls_identity_free(id);
}

static void key_files_open_to_others_are_refused(void **state)
{
	static const struct {
		mode_t mode;
		int err;
	} rows[] = {
		{ 0600, 0 },	  { 0400, 0 },	    { 0700, 0 },      { 0640, -EPERM },
		{ 0604, -EPERM }, { 0620, -EPERM }, { 0601, -EPERM }, { 0666, -EPERM },
	};
	char *text = slurp(pki_path(*state, "server.key"));
	struct qkdtls_identity *id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(chmod(pki_write(*state, "mode.key", text, 0600), rows[i].mode), 0);
		assert_int_equal(load(*state, "server.pem", "mode.key", &id), rows[i].err);
		if (rows[i].err)
			assert_non_null(strstr(message, "mode.key: "));
		qkdtls_identity_free(id);
	}
	free(text);
}

static void bad_own_files_are_refused(void **state)
{
	static const struct {
		const char *cert, *key;
		int err;
		const char *said;
	} rows[] = {
		{ "none.pem", "server.key", -EINVAL, "none.pem: No such file" },
		{ "server.pem", "none.key", -EINVAL, "none.key: No such file" },
		{ "server.pem", "client.key", -EINVAL, "client.key: not the key of" },
		{ "server.pem", "empty", -EINVAL, "empty: no private key" },
		{ "empty", "server.key", -EINVAL, "empty: contains no certificate" },
		{ "server.pem", "garbage", -EINVAL, "garbage: no private key" },
		{ "garbage", "server.key", -EINVAL, "garbage: contains no certificate" },
		{ "broken", "server.key", -EINVAL, "broken: a certificate in it" },
		{ "server.pem", "server.pem", -EINVAL, "server.pem: " },
		{ "server.key", "server.key", -EINVAL, "server.key: contains no certificate" },
		{ "server.pem", "locked", -EINVAL, "locked: no private key in PEM without" },
		{ "server.pem", ".", -EINVAL, ": not a regular file" },
		{ "nosign.pem", "nosign.key", -EINVAL, "lacks digitalSignature" },
		{ "p521.pem", "p521.key", -EOPNOTSUPP, "no signature scheme" },
	};
	static const char locked[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAgAAAAAAAAAAAICCAAw\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
	struct qkdtls_identity *id;
	size_t i;

	chmod(pki_path(*state, "server.pem"), 0600);
	pki_write(*state, "empty", "", 0600);
	pki_write(*state, "garbage", "garbage\n", 0600);
	pki_write(*state, "locked", locked, 0600);
	pki_write(*state, "broken",
		  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 0600);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(load(*state, rows[i].cert, rows[i].key, &id), rows[i].err);
		assert_null(id);
		if (!strstr(message, rows[i].said))
			fail_msg("row %zu says \"%s\"", i, message);
	}
}

static void messages_hold_no_key_bytes(void **state)
{
	char *text = slurp(pki_path(*state, "client.key")), *body = strchr(text, '\n') + 1;
	struct qkdtls_identity *id;

	body[20] = '\0';
	assert_int_equal(load(*state, "server.pem", "client.key", &id), -EINVAL);
	assert_null(strstr(message, body));
	free(text);
}

static void bad_trust_files_are_refused(void **state)
{
	static const struct {
		const char *file, *said;
	} rows[] = {
		{ "none.pem", "none.pem: No such file" },
		{ "empty", "empty: contains no certificate" },
		{ "server.key", "server.key: contains no certificate" },
	};
	struct qkdtls_trust *trust = NULL;
	size_t i;

	pki_write(*state, "empty", "", 0600);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(qkdtls_trust_load(&trust, pki_path(*state, rows[i].file), message),
				 -EINVAL);
		assert_null(trust);
		assert_non_null(strstr(message, rows[i].said));
	}
}

/* ---- A peer's chain ---- */

static struct qkdtls_chain *chain_of(struct pki *pki, const char *file)
{
	struct qkdtls_identity *id;
	char cert[64], key[64];
	struct qkdtls_chain *chain;
	const uint8_t *der;
	size_t i, len;
	int err;

	snprintf(cert, sizeof(cert), "%s.pem", file);
	snprintf(key, sizeof(key), "%s.key", file);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	err = load(pki, cert, key, &id);
	assert_int_equal(err, 0);
	for (i = 0; i < qkdtls_identity_count(id); i++) {
		der = qkdtls_identity_certificate(id, i, &len);
		assert_int_equal(qkdtls_chain_add(chain, der, len), 0);
	}
	qkdtls_identity_free(id);
	return chain;
}

struct verify_row {
	const char *file;
	const char *trust;
	const char *name;
	bool server;
	long shift; /* seconds from now at which it is checked, 0 for now */
	int verdict;
};

#define YEAR (365L * 24 * 3600)

static const struct verify_row verify_rows[] = {
	{ "server", "ca.pem", PKI_SERVER_NAME, true, 0, 0 },
	{ "server", "ca.pem", "ZURICH.Example", true, 0, 0 },
	{ "server", "ca.pem", NULL, true, 0, 0 },
	{ "client", "ca.pem", PKI_CLIENT_NAME, false, 0, 0 },
	{ "client-only", "ca.pem", PKI_SERVER_NAME, false, 0, 0 },
	/* A listed leaf is an anchor too. */
	{ "server", "server.pem", PKI_SERVER_NAME, true, 0, 0 },
	{ "server", "ca.pem", PKI_CLIENT_NAME, true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "ca.pem", "", true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "ca.pem", ".example", true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "ca.pem", "example", true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "ca.pem", "*.example", true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "ca.pem", "a." PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "ca.pem", PKI_SERVER_NAME ".", true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "wild", "ca.pem", "zurich.qkd.example", true, 0, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ "server", "other-ca.pem", PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_UNKNOWN_CA },
	{ "server", "client.pem", PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_UNKNOWN_CA },
	{ "stranger", "ca.pem", PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_UNKNOWN_CA },
	{ "expired", "ca.pem", PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_CERTIFICATE_EXPIRED },
	{ "early", "ca.pem", PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_CERTIFICATE_EXPIRED },
	{ "server", "ca.pem", PKI_SERVER_NAME, true, 50 * YEAR, QKDTLS_ALERT_CERTIFICATE_EXPIRED },
	{ "server", "ca.pem", PKI_SERVER_NAME, true, -50 * YEAR, QKDTLS_ALERT_CERTIFICATE_EXPIRED },
	{ "client-only", "ca.pem", PKI_SERVER_NAME, true, 0, QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE },
};

static void chains_are_judged(void **state)
{
	static const struct pki_leaf wild = {
		.file = "wild", .name = "*.qkd.example", .not_before = -3600, .not_after = 3600
	};
	struct qkdtls_chain_check check;
	struct qkdtls_trust *trust;
	struct qkdtls_chain *chain;
	const char *reason;
	time_t when;
	size_t i;
	int err;

	pki_issue(*state, &wild);
	for (i = 0; i < ARRAY_SIZE(verify_rows); i++) {
		const struct verify_row *row = &verify_rows[i];

		assert_int_equal(qkdtls_trust_load(&trust, pki_path(*state, row->trust), message),
				 0);
		chain = chain_of(*state, row->file);
		when = time(NULL) + row->shift;
		check = (struct qkdtls_chain_check){
			.trust = trust,
			.name = row->name,
			.server = row->server,
			.when = row->shift ? &when : NULL,
		};
		err = qkdtls_chain_verify(chain, &check, &reason);
		if (err != row->verdict)
			fail_msg("row %zu (%s): %d, \"%s\"", i, row->file, err, reason);
		assert_int_equal(!*reason, !row->verdict);
		qkdtls_chain_free(chain);
		qkdtls_trust_free(trust);
	}
}

/* A leaf that may not sign cannot be loaded as ours, so it comes in as DER. */
static void key_usage_is_insisted_on(void **state)
{
	struct qkdtls_chain_check check = { .name = PKI_SERVER_NAME, .server = true };
	struct qkdtls_trust *trust, *leaf;
	struct qkdtls_chain *chain;
	const char *reason;
	uint8_t *der = NULL;
	FILE *file = fopen(pki_path(*state, "nosign.pem"), "r");
	X509 *cert;
	int len;

	assert_non_null(file);
	cert = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	len = i2d_X509(cert, &der);
	assert_true(len > 0);

	assert_int_equal(qkdtls_trust_load(&trust, pki_path(*state, "ca.pem"), message), 0);
	assert_int_equal(qkdtls_trust_load(&leaf, pki_path(*state, "nosign.pem"), message), 0);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(qkdtls_chain_add(chain, der, (size_t)len), 0);
	check.trust = trust;
	assert_int_equal(qkdtls_chain_verify(chain, &check, &reason),
			 QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE);
	check.trust = leaf;
	assert_int_equal(qkdtls_chain_verify(chain, &check, &reason),
			 QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE);
	qkdtls_chain_free(chain);
	qkdtls_trust_free(trust);
	qkdtls_trust_free(leaf);
	X509_free(cert);
	OPENSSL_free(der);
}

static void certificates_that_are_none_are_refused(void **state)
{
	struct qkdtls_chain_check check = { .server = true };
	struct qkdtls_chain *chain;
	struct qkdtls_identity *id;
	const uint8_t *der;
	uint8_t *copy;
	const char *reason;
	size_t len, i;

	assert_int_equal(load(*state, "server.pem", "server.key", &id), 0);
	der = qkdtls_identity_certificate(id, 0, &len);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(qkdtls_trust_load((struct qkdtls_trust **)&check.trust,
					   pki_path(*state, "ca.pem"), message),
			 0);
	assert_int_equal(qkdtls_chain_verify(chain, &check, &reason), QKDTLS_ALERT_BAD_CERTIFICATE);
	for (i = 0; i < len; i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, der, i);
		assert_int_equal(qkdtls_chain_add(chain, copy, i), QKDTLS_ALERT_BAD_CERTIFICATE);
		free(copy);
	}
	copy = calloc(1, len + 1);
	memcpy(copy, der, len);
	assert_int_equal(qkdtls_chain_add(chain, copy, len + 1), QKDTLS_ALERT_BAD_CERTIFICATE);
	free(copy);
	assert_int_equal(qkdtls_chain_count(chain), 0);
	assert_null(qkdtls_chain_leaf(chain, &i));

	for (i = 0; i < QKDTLS_CHAIN_MAX; i++)
		assert_int_equal(qkdtls_chain_add(chain, der, len), 0);
	assert_int_equal(qkdtls_chain_add(chain, der, len), QKDTLS_ALERT_BAD_CERTIFICATE);
	qkdtls_chain_free(chain);
	qkdtls_trust_free((struct qkdtls_trust *)check.trust);
	qkdtls_identity_free(id);
}

/* Each byte of a good leaf flipped: never verified, whatever libcrypto makes of it */
static void every_flipped_byte_of_a_leaf_is_refused(void **state)
{
	struct qkdtls_chain_check check = { .name = PKI_SERVER_NAME, .server = true };
	struct qkdtls_trust *trust;
	struct qkdtls_identity *id;
	struct qkdtls_chain *chain;
	const char *reason;
	uint8_t copy[4096];
	const uint8_t *der;
	size_t len, i;

	assert_int_equal(load(*state, "server.pem", "server.key", &id), 0);
	assert_int_equal(qkdtls_trust_load(&trust, pki_path(*state, "ca.pem"), message), 0);
	check.trust = trust;
	der = qkdtls_identity_certificate(id, 0, &len);
	assert_in_range(len, 1, sizeof(copy));
	for (i = 0; i < len; i++) {
		memcpy(copy, der, len);
		copy[i] ^= 0x01;
		assert_int_equal(qkdtls_chain_new(&chain), 0);
		if (!qkdtls_chain_add(chain, copy, len))
			assert_true(qkdtls_chain_verify(chain, &check, &reason) > 0);
		qkdtls_chain_free(chain);
	}
	qkdtls_trust_free(trust);
	qkdtls_identity_free(id);
}

static void the_leaf_is_shown(void **state)
{
	struct qkdtls_chain *chain = chain_of(*state, "server");
	char subject[256], cut[4];
	struct qkdtls_identity *id;
	const uint8_t *der, *leaf;
	size_t len, leaf_len;

	assert_int_equal(load(*state, "server.pem", "server.key", &id), 0);
	der = qkdtls_identity_certificate(id, 0, &len);
	leaf = qkdtls_chain_leaf(chain, &leaf_len);
	assert_int_equal(leaf_len, len);
	assert_memory_equal(leaf, der, len);
	assert_int_equal(qkdtls_chain_subject(chain, subject, sizeof(subject)), 0);
	assert_non_null(strstr(subject, "CN="));
	assert_int_equal(qkdtls_chain_subject(chain, cut, sizeof(cut)), 0);
	assert_int_equal(strlen(cut), 3);
	assert_memory_equal(cut, subject, 3);
	qkdtls_identity_free(id);
	qkdtls_chain_free(chain);

	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(qkdtls_chain_subject(chain, subject, sizeof(subject)), -ENOENT);
	qkdtls_chain_free(chain);
}

/* ---- Certificates that no sane CA makes ---- */

struct made {
	X509 *cert;
	EVP_PKEY *key;
};

/* A common name and no extension at all, signed by @issuer or, with NULL, by itself */
static struct made make(EVP_PKEY *key, const EVP_MD *digest, const struct made *issuer,
			const char *common_name)
{
	struct made made = { .cert = X509_new(), .key = key };
	X509_NAME *name = X509_get_subject_name(made.cert);

	assert_non_null(key);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
						    (const uint8_t *)common_name, -1, -1, 0),
			 1);
	assert_int_equal(X509_set_issuer_name(made.cert,
					      issuer ? X509_get_subject_name(issuer->cert) : name),
			 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made.cert), issuer ? 2 : 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made.cert), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made.cert), 3600));
	assert_int_equal(X509_set_pubkey(made.cert, key), 1);
	assert_int_not_equal(X509_sign(made.cert, issuer ? issuer->key : key, digest), 0);
	return made;
}

static void unmake(struct made made)
{
	X509_free(made.cert);
	EVP_PKEY_free(made.key);
}

static struct qkdtls_chain *chain_of_made(const struct made *made)
{
	struct qkdtls_chain *chain;
	uint8_t *der = NULL;
	int len = i2d_X509(made->cert, &der);

	assert_true(len > 0);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	assert_int_equal(qkdtls_chain_add(chain, der, (size_t)len), 0);
	OPENSSL_free(der);
	return chain;
}

static int judge_made(struct pki *pki, const struct made *made, const struct made *anchor,
		      const char *name)
{
	struct qkdtls_chain *chain = chain_of_made(made);
	struct qkdtls_chain_check check = { .name = name, .server = true };
	struct qkdtls_trust *trust;
	const char *reason;
	FILE *file = fopen(pki_write(pki, "anchor.pem", "", 0600), "w");
	int verdict;

	assert_int_equal(PEM_write_X509(file, anchor->cert), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(qkdtls_trust_load(&trust, pki_path(pki, "anchor.pem"), message), 0);
	check.trust = trust;
	verdict = qkdtls_chain_verify(chain, &check, &reason);
	qkdtls_chain_free(chain);
	qkdtls_trust_free(trust);
	return verdict;
}

static void a_common_name_is_no_name(void **state)
{
	struct made made = make(EVP_EC_gen("P-256"), EVP_sha256(), NULL, PKI_SERVER_NAME);

	assert_int_equal(judge_made(*state, &made, &made, NULL), 0);
	assert_int_equal(judge_made(*state, &made, &made, PKI_SERVER_NAME),
			 QKDTLS_ALERT_BAD_CERTIFICATE);
	unmake(made);
}

static void weak_keys_and_digests_are_refused(void **state)
{
	struct made ca = make(EVP_EC_gen("P-256"), EVP_sha256(), NULL, "CA");
	struct made good = make(EVP_EC_gen("P-256"), EVP_sha256(), &ca, PKI_SERVER_NAME);
	struct made sha1 = make(EVP_EC_gen("P-256"), EVP_sha1(), &ca, PKI_SERVER_NAME);
	struct made rsa = make(EVP_RSA_gen(1024), EVP_sha256(), &ca, PKI_SERVER_NAME);

	assert_int_equal(judge_made(*state, &good, &ca, NULL), 0);
	assert_int_equal(judge_made(*state, &sha1, &ca, NULL), QKDTLS_ALERT_BAD_CERTIFICATE);
	assert_int_equal(judge_made(*state, &rsa, &ca, NULL), QKDTLS_ALERT_BAD_CERTIFICATE);
	unmake(ca);
	unmake(good);
	unmake(sha1);
	unmake(rsa);
}

/* A signature that is right, but by a key that is not the scheme's */
static void a_scheme_wants_its_own_kind_of_key(void **state)
{
	EVP_PKEY *keys[] = { EVP_EC_gen("P-384"), EVP_RSA_gen(2048) };
	uint8_t signature[512];
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		struct made made = make(keys[i], EVP_sha256(), NULL, PKI_SERVER_NAME);
		struct qkdtls_chain *chain = chain_of_made(&made);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		len = sizeof(signature);
		assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, keys[i]), 1);
		assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"x", 1), 1);
		assert_int_equal(qkdtls_chain_verify_signature(chain, p256(), (const uint8_t *)"x",
							       1, signature, len),
				 QKDTLS_ALERT_ILLEGAL_PARAMETER);
		EVP_MD_CTX_free(ctx);
		qkdtls_chain_free(chain);
		unmake(made);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_signs_what_its_certificate_verifies),
		cmocka_unit_test(key_files_open_to_others_are_refused),
		cmocka_unit_test(bad_own_files_are_refused),
		cmocka_unit_test(messages_hold_no_key_bytes),
		cmocka_unit_test(bad_trust_files_are_refused),
		cmocka_unit_test(chains_are_judged),
		cmocka_unit_test(key_usage_is_insisted_on),
		cmocka_unit_test(certificates_that_are_none_are_refused),
		cmocka_unit_test(every_flipped_byte_of_a_leaf_is_refused),
		cmocka_unit_test(the_leaf_is_shown),
		cmocka_unit_test(a_common_name_is_no_name),
		cmocka_unit_test(weak_keys_and_digests_are_refused),
		cmocka_unit_test(a_scheme_wants_its_own_kind_of_key),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
