// SPDX-License-Identifier: GPL-2.0-or-later
#include "authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define HOUR 3600L
#define DAY  (24 * HOUR)

static long last_serial = 1000;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "authority: %s failed\n", what);
	abort();
}

static FILE *open_file(struct pki *pki, const char *file, bool append)
{
	FILE *out = fopen(pki_path(pki, file), append ? "a" : "w");

	must(out, file);
	return out;
}

static void close_file(FILE *out)
{
	must(fclose(out) == 0, "close");
}

/* Algorithms like Ed25519 and ML-DSA have their own digest. */
static const EVP_MD *digest_for(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA") ? EVP_sha256() : NULL;
}

/* To be freed by the caller */
static EVP_MD_CTX *signature(EVP_PKEY *key, const EVP_MD *digest, bool pss)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;

	must(ctx && EVP_DigestSignInit(ctx, &how, digest ? digest : digest_for(key), NULL, key),
	     "EVP_DigestSignInit");
	must(!pss || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		      EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1),
	     "RSASSA-PSS");
	return ctx;
}

/* ---- Certificates ---- */

static void add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(cert, ext, -1), value);
	X509_EXTENSION_free(ext);
}

static void set_times(X509 *cert, long from, long until)
{
	must(X509_gmtime_adj(X509_getm_notBefore(cert), from || until ? from : -HOUR) &&
		     X509_gmtime_adj(X509_getm_notAfter(cert), from || until ? until : DAY),
	     "validity");
}

struct authority authority_make(const struct authority_plan *plan)
{
	struct authority made = { .cert = X509_new(), .key = plan->key };
	const struct authority *issuer = plan->issuer ? plan->issuer : &made;
	X509_NAME *name;

	if (made.key)
		EVP_PKEY_up_ref(made.key);
	else
		made.key = EVP_EC_gen("P-256");
	must(made.cert && made.key && X509_set_version(made.cert, X509_VERSION_3), "X509_new");
	must(ASN1_INTEGER_set(X509_get_serialNumber(made.cert),
			      plan->serial ? plan->serial : ++last_serial),
	     "serial");
	set_times(made.cert, plan->not_before, plan->not_after);
	name = X509_get_subject_name(made.cert);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)plan->subject,
					-1, -1, 0) &&
		     X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert)) &&
		     X509_set_pubkey(made.cert, made.key),
	     "names");
	for (size_t i = 0; i < AUTHORITY_EXT_MAX && plan->ext[i].value; i++)
		add_ext(made.cert, issuer->cert, plan->ext[i].nid, plan->ext[i].value);
	must(X509_sign(made.cert, issuer->key, digest_for(issuer->key)), "sign certificate");
	return made;
}

struct authority authority_make_ca(const char *subject, const struct authority *issuer)
{
	const struct authority_plan plan = {
		.subject = subject,
		.issuer = issuer,
		.ext = { AUTHORITY_CA },
	};

	return authority_make(&plan);
}

struct authority authority_make_leaf(const char *subject, const struct authority *issuer)
{
	const struct authority_plan plan = {
		.subject = subject,
		.issuer = issuer,
		.ext = { AUTHORITY_LEAF },
	};

	return authority_make(&plan);
}

void authority_free(struct authority *authority)
{
	X509_free(authority->cert);
	EVP_PKEY_free(authority->key);
}

/* ---- Files ---- */

void authority_write_chain(struct pki *pki, const char *file, const X509 *const *certs,
			   size_t count, bool append)
{
	FILE *out = open_file(pki, file, append);

	for (size_t i = 0; i < count; i++)
		must(PEM_write_X509(out, certs[i]), "write certificate");
	close_file(out);
}

void authority_write_key(struct pki *pki, const char *file, const struct authority *owner)
{
	FILE *out = fopen(pki_write(pki, file, "", 0600), "w");

	must(out && PEM_write_PKCS8PrivateKey(out, owner->key, NULL, NULL, 0, NULL, NULL),
	     "write key");
	close_file(out);
}

void authority_write_pin(struct pki *pki, const char *file, const struct authority *owner,
			 bool append)
{
	FILE *out = open_file(pki, file, append);

	must(PEM_write_PUBKEY(out, owner->key), "write public key");
	close_file(out);
}

/* ---- Revocation lists ---- */

static void revoke(X509_CRL *crl, const ASN1_INTEGER *serial)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = X509_gmtime_adj(NULL, -2 * HOUR);

	must(entry && when && X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)serial) &&
		     X509_REVOKED_set_revocationDate(entry, when) &&
		     X509_CRL_add0_revoked(crl, entry),
	     "revoke");
	ASN1_TIME_free(when);
}

static void revoke_nobody(X509_CRL *crl, unsigned int count)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	for (unsigned int i = 0; i < count; i++) {
		must(serial && ASN1_INTEGER_set_uint64(serial, UINT64_MAX - i), "serial number");
		revoke(crl, serial);
	}
	ASN1_INTEGER_free(serial);
}

static X509_CRL *make_list(const struct authority_list *list)
{
	const bool timed = list->from || list->until;
	const struct authority *signer = list->signer ? list->signer : list->issuer;
	ASN1_TIME *from = X509_gmtime_adj(NULL, timed ? list->from : -HOUR);
	ASN1_TIME *until = X509_gmtime_adj(NULL, timed ? list->until : DAY);
	X509_CRL *crl = X509_CRL_new();
	X509_EXTENSION *ext;
	EVP_MD_CTX *how;

	must(crl && from && until && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		     X509_CRL_set_issuer_name(crl, X509_get_subject_name(list->issuer->cert)) &&
		     X509_CRL_set1_lastUpdate(crl, from) &&
		     (list->endless || X509_CRL_set1_nextUpdate(crl, until)),
	     "make CRL");
	for (size_t i = 0; list->revoked[i]; i++)
		revoke(crl, X509_get0_serialNumber(list->revoked[i]->cert));
	revoke_nobody(crl, list->more);
	if (list->ext.value) {
		X509V3_CTX ctx;

		X509V3_set_ctx(&ctx, list->issuer->cert, NULL, NULL, crl, 0);
		ext = X509V3_EXT_conf_nid(NULL, &ctx, list->ext.nid, list->ext.value);
		must(ext && X509_CRL_add_ext(crl, ext, -1), list->ext.value);
		X509_EXTENSION_free(ext);
	}
	how = signature(signer->key, list->digest, list->pss);
	must(X509_CRL_sort(crl) && X509_CRL_sign_ctx(crl, how), "sign CRL");
	EVP_MD_CTX_free(how);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return crl;
}

void authority_write_list(struct pki *pki, const char *file, const struct authority_list *list,
			  bool append)
{
	FILE *out = open_file(pki, file, append);
	X509_CRL *crl = make_list(list);

	must(PEM_write_X509_CRL(out, crl), "write CRL");
	X509_CRL_free(crl);
	close_file(out);
}

/* ---- OCSP ---- */

static void add_critical(const struct authority_answer *answer, OCSP_BASICRESP *basic)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, "critical,x");
	OCSP_SINGLERESP *status = OCSP_resp_get0(basic, 0);

	must(ext && (answer->critical == AUTHORITY_CRITICAL_STATUS
			     ? OCSP_SINGLERESP_add_ext(status, ext, -1)
			     : OCSP_BASICRESP_add_ext(basic, ext, -1)),
	     "critical extension");
	X509_EXTENSION_free(ext);
}

static OCSP_BASICRESP *make_basic(const struct authority_answer *answer)
{
	const bool timed = answer->from || answer->until;
	const struct authority *signer = answer->signer ? answer->signer : answer->issuer;
	ASN1_TIME *from = X509_gmtime_adj(NULL, timed ? answer->from : -HOUR);
	ASN1_TIME *until = X509_gmtime_adj(NULL, timed ? answer->until : DAY);
	ASN1_TIME *revoked = X509_gmtime_adj(NULL, -2 * HOUR);
	EVP_MD_CTX *how = signature(signer->key, answer->digest, answer->pss);
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id =
		OCSP_cert_to_id(answer->id_digest, answer->about->cert, answer->issuer->cert);

	must(basic && id && from && until && revoked &&
		     OCSP_basic_add1_status(basic, id, answer->status, OCSP_REVOKED_STATUS_NOSTATUS,
					    answer->status == V_OCSP_CERTSTATUS_REVOKED ? revoked
											: NULL,
					    from, answer->endless ? NULL : until),
	     "make OCSP status");
	if (answer->critical)
		add_critical(answer, basic);
	must(OCSP_basic_sign_ctx(basic, signer->cert, how, NULL,
				 answer->signer_sent ? 0 : OCSP_NOCERTS),
	     "sign OCSP response");
	EVP_MD_CTX_free(how);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	return basic;
}

void authority_write_answer(struct pki *pki, const char *file,
			    const struct authority_answer *answer)
{
	OCSP_BASICRESP *basic = answer->failure ? NULL : make_basic(answer);
	OCSP_RESPONSE *response = OCSP_response_create(answer->failure, basic);
	FILE *out = open_file(pki, file, false);
	uint8_t *der = NULL;
	int len = i2d_OCSP_RESPONSE(response, &der);

	must(len > 0 && fwrite(der, 1, (size_t)len, out) == (size_t)len, "write OCSP response");
	close_file(out);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
}
