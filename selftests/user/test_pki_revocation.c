// SPDX-License-Identifier: GPL-2.0-or-later
/* Revocation lists and OCSP responses under keys of each kind: what P-256 alone shows elsewhere */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "authority.h"
#include "judge.h"
#include "rows.h"
#include "site.h"

#define NONE	QKDTLS_ALERT_NONE
#define REVOKED QKDTLS_ALERT_CERTIFICATE_REVOKED
#define UNKNOWN QKDTLS_ALERT_CERTIFICATE_UNKNOWN
#define BAD	QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE

struct world {
	struct authority root, inter, leaf, responder;
};

static EVP_PKEY *make_key(const char *type)
{
	EVP_PKEY *key;

	if (!strcmp(type, "P-384"))
		key = EVP_EC_gen(type);
	else if (!strcmp(type, "RSA"))
		key = EVP_RSA_gen(2048);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, type);
	assert_non_null(key);
	return key;
}

static struct authority make(struct authority_plan plan, const char *type)
{
	struct authority made;

	plan.key = make_key(type);
	made = authority_make(&plan);
	EVP_PKEY_free(plan.key);
	return made;
}

static void write_files(struct pki *pki, const struct world *w, bool pss)
{
	const X509 *chain[] = { w->leaf.cert, w->inter.cert };
	const X509 *anchor[] = { w->root.cert };
	const struct authority_list root = { .issuer = &w->root },
				    inter = { .issuer = &w->inter, .pss = pss };
	const struct authority_list revoked = { .issuer = &w->inter,
						.revoked = { &w->leaf },
						.pss = pss };
	const struct authority_list forged = { .issuer = &w->inter, .signer = &w->root };
	const struct {
		const char *file;
		const struct authority_list *list;
	} lists[] = {
		{ "good.crl", &inter },
		{ "revoked.crl", &revoked },
		{ "forged.crl", &forged },
	};
#define ABOUT .about = &w->leaf, .issuer = &w->inter, .pss = pss
	const struct {
		const char *file;
		struct authority_answer answer;
	} answers[] = {
		{ "good.ocsp", { ABOUT } },
		{ "revoked.ocsp", { ABOUT, .status = V_OCSP_CERTSTATUS_REVOKED } },
		{ "delegate.ocsp", { ABOUT, .signer = &w->responder, .signer_sent = true } },
		{ "forged.ocsp", { ABOUT, .signer = &w->root } },
	};

	authority_write_chain(pki, "chain.pem", chain, 2, false);
	authority_write_chain(pki, "root.pem", anchor, 1, false);
	authority_write_key(pki, "leaf.key", &w->leaf);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		authority_write_list(pki, lists[i].file, lists[i].list, false);
		authority_write_list(pki, lists[i].file, &root, true);
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		authority_write_answer(pki, answers[i].file, &answers[i].answer);
}

static void build_world(struct pki *pki, const char *type, bool pss)
{
	struct world w;

	w.root = make((struct authority_plan){ .subject = "Root", .ext = { AUTHORITY_CA } }, type);
	w.inter = make((struct authority_plan){ .subject = "Intermediate",
						.issuer = &w.root,
						.ext = { AUTHORITY_CA } },
		       type);
	w.leaf = make((struct authority_plan){ .subject = "Leaf",
					       .issuer = &w.inter,
					       .ext = { AUTHORITY_LEAF } },
		      type);
	w.responder =
		make((struct authority_plan){ .subject = "Responder",
					      .issuer = &w.inter,
					      .ext = { { NID_ext_key_usage, "OCSPSigning" } } },
		     type);
	write_files(pki, &w, pss);
	authority_free(&w.responder);
	authority_free(&w.leaf);
	authority_free(&w.inter);
	authority_free(&w.root);
}

static const struct kind {
	const char *what;
	int alert; /* none: its rows have theirs */
	const char *type; /* NULL: as it is called */
} kinds[] = {
	{ "RSA" },	 { "RSASSA-PSS", .type = "RSA" },
	{ "P-384" },	 { "ED25519" },
	{ "ML-DSA-44" }, { "ML-DSA-65" },
	{ "ML-DSA-87" },
};

static void judge_kind(void **state)
{
	static const struct {
		const char *crl, *staple;
		enum qkdtls_alert alert;
	} rows[] = {
		{ "good.crl", NULL, NONE },
		{ "revoked.crl", NULL, REVOKED },
		{ "forged.crl", NULL, UNKNOWN },
		{ NULL, "good.ocsp", NONE },
		{ NULL, "delegate.ocsp", NONE },
		{ NULL, "revoked.ocsp", REVOKED },
		{ NULL, "forged.ocsp", BAD },
		{ "good.crl", "good.ocsp", NONE },
		{ "revoked.crl", "good.ocsp", REVOKED },
	};
	const struct kind *kind = *state;
	const char *type = kind->type ? kind->type : kind->what;
	struct judge_case judged = { .chain = "chain.pem", .key = "leaf.key", .trust = "root.pem" };

	if (!pki_has_type(type))
		site_skip("this libcrypto lacks the algorithm");
	build_world(rows_pki(), type, kind->type);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s, %s\n", rows[i].crl ? rows[i].crl : "no list",
			      rows[i].staple ? rows[i].staple : "no response");
		judged.crl = rows[i].crl;
		judged.staple = rows[i].staple;
		judged.ocsp_required = rows[i].staple;
		judge_both(rows_pki(), &judged, rows[i].alert);
	}
}

int main(void)
{
	ROWS(judge_kind, kinds);
	return rows_run(NULL, 0);
}
