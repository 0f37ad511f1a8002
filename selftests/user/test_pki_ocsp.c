// SPDX-License-Identifier: GPL-2.0-or-later
/* Stapled OCSP responses: who may answer, for whom, when; and the extension that carries them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "authority.h"
#include "judge.h"
#include "rows.h"
#include "site.h"
#include "tls/crypto_pki.h"

#define HOUR	 3600L
#define GOOD	 V_OCSP_CERTSTATUS_GOOD
#define STAPLED	 .about = &world.leaf, .issuer = &world.inter
#define DELEGATE .ext = { { NID_ext_key_usage, "OCSPSigning" } }

static struct world {
	struct authority root, inter, leaf, sibling, twin_ca, twin;
	struct authority delegate, old_delegate, no_use, any_use, by_root, by_leaf, mute, weak;
} world;

static struct authority make_delegate(const struct authority *issuer, int nid, const char *value)
{
	const struct authority_plan plan = {
		.subject = "Responder",
		.issuer = issuer,
		.ext = { { nid, value } },
	};

	return authority_make(&plan);
}

static void make_delegates(void)
{
	const struct authority_plan old = {
		.subject = "Responder",
		.issuer = &world.inter,
		.not_before = -9 * HOUR,
		.not_after = -HOUR,
		DELEGATE,
	};
	const struct authority_plan mute = {
		.subject = "Responder",
		.issuer = &world.inter,
		.ext = { { NID_ext_key_usage, "OCSPSigning" },
			 { NID_key_usage, "critical,keyAgreement" } },
	};
	struct authority_plan weak = { .subject = "Responder", .issuer = &world.inter, DELEGATE };

	world.delegate = make_delegate(&world.inter, NID_ext_key_usage, "OCSPSigning");
	world.no_use = make_delegate(&world.inter, NID_ext_key_usage, "serverAuth");
	world.any_use = make_delegate(&world.inter, NID_basic_constraints, "critical,CA:FALSE");
	world.by_root = make_delegate(&world.root, NID_ext_key_usage, "OCSPSigning");
	world.by_leaf = make_delegate(&world.leaf, NID_ext_key_usage, "OCSPSigning");
	world.old_delegate = authority_make(&old);
	world.mute = authority_make(&mute);
	weak.key = EVP_RSA_gen(1024);
	world.weak = authority_make(&weak);
	EVP_PKEY_free(weak.key);
}

static void write_answers(struct pki *pki)
{
	const struct {
		const char *file;
		struct authority_answer answer;
	} files[] = {
		{ "good", { STAPLED } },
		{ "sha256-id", { STAPLED, .id_digest = EVP_sha256() } },
		{ "revoked", { STAPLED, .status = V_OCSP_CERTSTATUS_REVOKED } },
		{ "unknown", { STAPLED, .status = V_OCSP_CERTSTATUS_UNKNOWN } },
		{ "outdated", { STAPLED, .from = -9 * HOUR, .until = -HOUR } },
		{ "early", { STAPLED, .from = HOUR, .until = 9 * HOUR } },
		{ "skewed", { STAPLED, .from = 60, .until = 9 * HOUR } },
		{ "endless", { STAPLED, .endless = true } },
		{ "sha1", { STAPLED, .digest = EVP_sha1() } },
		{ "by-delegate", { STAPLED, .signer = &world.delegate, .signer_sent = true } },
		{ "revoked-by-delegate",
		  { STAPLED, .signer = &world.delegate, .signer_sent = true,
		    .status = V_OCSP_CERTSTATUS_REVOKED } },
		{ "delegate-missing", { STAPLED, .signer = &world.delegate } },
		{ "delegate-old", { STAPLED, .signer = &world.old_delegate, .signer_sent = true } },
		{ "delegate-no-use", { STAPLED, .signer = &world.no_use, .signer_sent = true } },
		{ "delegate-any-use", { STAPLED, .signer = &world.any_use, .signer_sent = true } },
		{ "delegate-mute", { STAPLED, .signer = &world.mute, .signer_sent = true } },
		{ "delegate-weak", { STAPLED, .signer = &world.weak, .signer_sent = true } },
		{ "delegate-of-root", { STAPLED, .signer = &world.by_root, .signer_sent = true } },
		{ "delegate-of-leaf", { STAPLED, .signer = &world.by_leaf, .signer_sent = true } },
		{ "by-root", { STAPLED, .signer = &world.root, .signer_sent = true } },
		{ "by-leaf", { STAPLED, .signer = &world.leaf, .signer_sent = true } },
		{ "by-twin", { STAPLED, .signer = &world.twin_ca, .signer_sent = true } },
		{ "about-twin",
		  { .about = &world.twin, .issuer = &world.twin_ca, .signer = &world.inter } },
		{ "about-sibling", { .about = &world.sibling, .issuer = &world.inter } },
		{ "critical", { STAPLED, .critical = AUTHORITY_CRITICAL_RESPONSE } },
		{ "critical-status", { STAPLED, .critical = AUTHORITY_CRITICAL_STATUS } },
		{ "try-later", { .failure = OCSP_RESPONSE_STATUS_TRYLATER } },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		authority_write_answer(pki, files[i].file, &files[i].answer);
}

static void build_world(struct pki *pki)
{
	struct authority_plan twin = {
		.subject = "Leaf",
		.ext = { AUTHORITY_LEAF },
	};

	if (world.root.cert)
		return;
	world.root = authority_make_ca("Root", NULL);
	world.inter = authority_make_ca("Intermediate", &world.root);
	world.leaf = authority_make_leaf("Leaf", &world.inter);
	world.sibling = authority_make_leaf("Sibling", &world.inter);
	world.twin_ca = authority_make_ca("Intermediate", NULL);
	twin.issuer = &world.twin_ca;
	twin.serial = ASN1_INTEGER_get(X509_get0_serialNumber(world.leaf.cert));
	world.twin = authority_make(&twin);
	make_delegates();

	const X509 *chain[] = { world.leaf.cert, world.inter.cert, world.root.cert };

	authority_write_chain(pki, "chain.pem", chain, 2, false);
	authority_write_chain(pki, "alone.pem", chain, 1, false);
	authority_write_chain(pki, "inter.pem", &chain[1], 1, false);
	authority_write_chain(pki, "root.pem", &chain[2], 1, false);
	authority_write_pin(pki, "pin-inter", &world.inter, false);
	authority_write_pin(pki, "pin-leaf", &world.leaf, false);
	authority_write_key(pki, "leaf.key", &world.leaf);
	write_answers(pki);
}

#define NONE QKDTLS_ALERT_NONE
#define BAD  QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE

static const struct ocsp_row {
	const char *what;
	enum qkdtls_alert alert;
	const char *staple;
	const char *trust;
	const char *chain;
} ocsp_rows[] = {
	{ "good", NONE, "good" },
	{ "good, certificate ID by SHA-256", NONE, "sha256-id" },
	{ "good, a minute ahead of our clock", NONE, "skewed" },
	{ "good, by a delegate", NONE, "by-delegate" },
	{ "good, intermediate is the anchor", NONE, "good", "inter.pem", "alone.pem" },
	{ "good, intermediate pinned", NONE, "good", "pin-inter" },
	{ "revoked", QKDTLS_ALERT_CERTIFICATE_REVOKED, "revoked" },
	{ "revoked, by a delegate", QKDTLS_ALERT_CERTIFICATE_REVOKED, "revoked-by-delegate" },
	{ "none", BAD, NULL },
	{ "unknown", BAD, "unknown" },
	{ "outdated", BAD, "outdated" },
	{ "of the future", BAD, "early" },
	{ "without an end", BAD, "endless" },
	{ "signed with SHA-1", BAD, "sha1" },
	{ "unknown critical extension", BAD, "critical" },
	{ "unknown critical extension of the status", BAD, "critical-status" },
	{ "delegate's certificate is missing", BAD, "delegate-missing" },
	{ "delegate's certificate is outdated", BAD, "delegate-old" },
	{ "delegate for another use", BAD, "delegate-no-use" },
	{ "delegate without a stated use", BAD, "delegate-any-use" },
	{ "delegate that may not sign", BAD, "delegate-mute" },
	{ "delegate with a weak key", BAD, "delegate-weak" },
	{ "delegate of the CA above", BAD, "delegate-of-root" },
	{ "delegate of the leaf itself", BAD, "delegate-of-leaf" },
	{ "by the CA above", BAD, "by-root" },
	{ "by the leaf itself", BAD, "by-leaf" },
	{ "by another CA of the issuer's name", BAD, "by-twin" },
	{ "about another issuer's certificate of this number", BAD, "about-twin", "inter.pem",
	  "alone.pem" },
	{ "leaf pinned, so without an issuer", BAD, "good", "pin-leaf" },
};

static void judge_staples(void **state)
{
	const struct ocsp_row *row = *state;
	const struct judge_case judged = {
		.chain = row->chain ? row->chain : "chain.pem",
		.key = "leaf.key",
		.staple = row->staple,
		.trust = row->trust ? row->trust : "root.pem",
		.ocsp_required = true,
	};

	build_world(rows_pki());
	judge_both(rows_pki(), &judged, row->alert);
}

/* ---- What an honest end would not send ---- */

static size_t slurp(struct pki *pki, const char *file, uint8_t *out, size_t size)
{
	FILE *in = fopen(pki_path(pki, file), "r");
	size_t len;

	assert_non_null(in);
	len = fread(out, 1, size, in);
	fclose(in);
	assert_in_range(len, 1, size - 1);
	return len;
}

static int judge_bytes(struct pki *pki, const uint8_t *status, size_t len)
{
	struct qkdtls_chain_check check = {
		.name = PKI_SERVER_NAME,
		.server = true,
		.status_required = true,
		.status = status,
		.status_len = len,
	};
	X509 *const certs[] = { world.leaf.cert, world.inter.cert };
	char message[QKDTLS_PKI_MESSAGE_MAX];
	struct qkdtls_trust *trust;
	struct qkdtls_chain *chain;
	const char *reason;
	int ret;

	assert_int_equal(qkdtls_trust_load(&trust, pki_path(pki, "root.pem"), message), 0);
	assert_int_equal(qkdtls_chain_new(&chain), 0);
	for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++) {
		uint8_t *der = NULL;
		const int size = i2d_X509(certs[i], &der);

		assert_true(size > 0);
		assert_int_equal(qkdtls_chain_add(chain, der, (size_t)size), 0);
		OPENSSL_free(der);
	}
	check.trust = trust;
	ret = qkdtls_chain_verify(chain, &check, &reason);
	assert_int_equal(!*reason, !ret);
	qkdtls_chain_free(chain);
	qkdtls_trust_free(trust);
	return ret;
}

static void a_response_about_another_certificate_is_refused(void **state)
{
	uint8_t der[4096];
	size_t len;

	build_world(*state);
	len = slurp(*state, "about-sibling", der, sizeof(der));
	assert_int_equal(judge_bytes(*state, der, len), BAD);
	len = slurp(*state, "try-later", der, sizeof(der));
	assert_int_equal(judge_bytes(*state, der, len), BAD);
}

/* Every byte changed, every length cut off, a byte more: never good, whatever libcrypto makes of it */
static void a_spoilt_response_is_refused(void **state)
{
	uint8_t der[4096];
	size_t len;

	build_world(*state);
	len = slurp(*state, "by-delegate", der, sizeof(der));
	assert_int_equal(judge_bytes(*state, der, len), 0);
	der[len] = 0;
	assert_int_equal(judge_bytes(*state, der, len + 1), BAD);
	for (size_t i = 0; i < len; i += 3)
		assert_int_equal(judge_bytes(*state, der, i), BAD);
	for (size_t i = 0; i < len; i++) {
		der[i] ^= 0x01;
		assert_int_equal(judge_bytes(*state, der, len), BAD);
		der[i] ^= 0x01;
	}
}

static void bad_staple_files_are_refused(void **state)
{
	static const struct {
		const char *file, *said;
	} rows[] = {
		{ "none", "none: No such file" },
		{ "empty", "empty: not a successful OCSP response" },
		{ "chain.pem", "chain.pem: not a successful OCSP response" },
		{ "try-later", "try-later: not a successful OCSP response" },
		{ "about-sibling", "about-sibling: an OCSP response about another certificate" },
		{ "about-twin", "about-twin: an OCSP response about another certificate" },
		{ "huge", "huge: too large for an OCSP response" },
	};
	struct qkdtls_config *config = qkdtls_config_new();
	char *huge = malloc(QKDTLS_STAPLE_MAX + 2);

	build_world(*state);
	memset(huge, 'x', QKDTLS_STAPLE_MAX + 1);
	huge[QKDTLS_STAPLE_MAX + 1] = '\0';
	pki_write(*state, "huge", huge, 0644);
	free(huge);
	pki_write(*state, "empty", "", 0644);
	assert_int_equal(qkdtls_config_set_ocsp_staple(config, pki_path(*state, "good")), -EINVAL);
	assert_non_null(strstr(qkdtls_config_message(config), "no certificate is set"));
	assert_int_equal(qkdtls_config_set_certificate(config, pki_path(*state, "chain.pem"),
						       pki_path(*state, "leaf.key")),
			 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			qkdtls_config_set_ocsp_staple(config, pki_path(*state, rows[i].file)),
			-EINVAL);
		if (!strstr(qkdtls_config_message(config), rows[i].said))
			fail_msg("row %zu: \"%s\"", i, qkdtls_config_message(config));
	}
	assert_int_equal(qkdtls_config_set_ocsp_staple(config, pki_path(*state, "good")), 0);
	assert_string_equal(qkdtls_config_message(config), "");
	qkdtls_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_about_another_certificate_is_refused),
		cmocka_unit_test(a_spoilt_response_is_refused),
		cmocka_unit_test(bad_staple_files_are_refused),
	};

	ROWS(judge_staples, ocsp_rows);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
