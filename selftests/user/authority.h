/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CAs of any shape for tests: what they sign, revoke and answer. Aborts if libcrypto will not. */
#ifndef _QKD_SELFTESTS_AUTHORITY_H
#define _QKD_SELFTESTS_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "pki.h"

struct authority {
	X509 *cert;
	EVP_PKEY *key;
};

#define AUTHORITY_EXT_MAX 8

/**
 * struct authority_plan - a certificate to make
 * @subject: common name
 * @issuer: who signs; NULL: itself
 * @key: a key to certify (a reference is taken); NULL: a new one on P-256
 * @ext: extensions, in the form of libcrypto's configuration files
 * @not_before, @not_after: seconds from now; both 0: from an hour ago until in a day
 * @serial: 0: the next
 */
struct authority_plan {
	const char *subject;
	const struct authority *issuer;
	EVP_PKEY *key;
	struct {
		int nid;
		const char *value;
	} ext[AUTHORITY_EXT_MAX];
	long not_before;
	long not_after;
	long serial;
};

/* For @ext: what a CA has, and what an end entity of PKI_SERVER_NAME has */
#define AUTHORITY_CA                                                           \
	{ NID_basic_constraints, "critical,CA:TRUE" },                         \
	{                                                                      \
		NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature" \
	}
#define AUTHORITY_LEAF                                                               \
	{ NID_basic_constraints, "critical,CA:FALSE" },                              \
		{ NID_key_usage, "critical,digitalSignature" },                      \
	{                                                                            \
		NID_subject_alt_name, "DNS:" PKI_SERVER_NAME ",DNS:" PKI_CLIENT_NAME \
	}

struct authority authority_make(const struct authority_plan *plan);
struct authority authority_make_ca(const char *subject, const struct authority *issuer);
struct authority authority_make_leaf(const char *subject, const struct authority *issuer);
void authority_free(struct authority *authority);

/* DIR/FILE: certificates; the first's key, as a private or as a bare public one; with @append behind what is there */
void authority_write_chain(struct pki *pki, const char *file, const X509 *const *certs,
			   size_t count, bool append);
void authority_write_key(struct pki *pki, const char *file, const struct authority *owner);
void authority_write_pin(struct pki *pki, const char *file, const struct authority *owner,
			 bool append);

/**
 * struct authority_list - a CRL
 * @issuer: whose name it carries
 * @signer: whose key signs it; NULL: the issuer's
 * @revoked: serial numbers' owners, up to the first NULL
 * @more: so many serial numbers of nobody
 * @from, @until: seconds from now; both 0: from an hour ago until in a day
 * @endless: no nextUpdate
 * @digest: of the signature; NULL: SHA-256, or the one that the key brings along
 * @pss: signed by RSASSA-PSS
 * @ext: one extension more
 */
struct authority_list {
	const struct authority *issuer;
	const struct authority *signer;
	const struct authority *revoked[4];
	unsigned int more;
	long from;
	long until;
	bool endless;
	const EVP_MD *digest;
	bool pss;
	struct {
		int nid;
		const char *value;
	} ext;
};

void authority_write_list(struct pki *pki, const char *file, const struct authority_list *list,
			  bool append);

/**
 * struct authority_answer - an OCSP response
 * @about, @issuer: the certificate it is about
 * @signer: who signs it; NULL: the issuer
 * @signer_sent: the signer's certificate is in the response
 * @status: V_OCSP_CERTSTATUS_...
 * @from, @until: as above; @endless: no nextUpdate
 * @digest: of the signature; NULL: SHA-256, or the one that the key brings along
 * @pss: signed by RSASSA-PSS
 * @id_digest: of the certificate ID; NULL: SHA-1
 * @critical: an extension that nobody knows and that may not be ignored, of the response or of what it says
 * @failure: a response of this status and nothing else
 */
struct authority_answer {
	const struct authority *about;
	const struct authority *issuer;
	const struct authority *signer;
	bool signer_sent;
	int status;
	long from;
	long until;
	bool endless;
	const EVP_MD *digest;
	bool pss;
	const EVP_MD *id_digest;
	enum {
		AUTHORITY_NOT_CRITICAL,
		AUTHORITY_CRITICAL_RESPONSE,
		AUTHORITY_CRITICAL_STATUS,
	} critical;
	int failure;
};

void authority_write_answer(struct pki *pki, const char *file,
			    const struct authority_answer *answer);

#endif /* _QKD_SELFTESTS_AUTHORITY_H */
