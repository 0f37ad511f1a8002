/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates for tests, made at run time in a directory of their own that pki_free() removes. */
#ifndef _QKD_SELFTESTS_PKI_H
#define _QKD_SELFTESTS_PKI_H

#include <stdbool.h>
#include <time.h>

#define PKI_SERVER_NAME "zurich.example"
#define PKI_CLIENT_NAME "geneva.example"

struct pki;

/**
 * struct pki_leaf - one certificate to make
 * @file: NAME.pem is the chain and NAME.key the key
 * @name: dNSName
 * @other_ca: signed by the CA that nobody trusts
 * @not_after: seconds from now
 * @not_before: seconds from now
 * @no_sign: key usage without digitalSignature
 * @client_only: extended key usage clientAuth instead of both
 * @ca_type: signed by a CA of its own with a key of this type, FILE-ca.pem; NULL: by ca.pem
 * @issuer_type: signed by an intermediate CA with a key of this type, which stands in NAME.pem too
 * @digest: by which it is signed; NULL: SHA256, or none if the CA's key has its own
 * @pss: signed by RSASSA-PSS instead of PKCS#1 v1.5
 * @pss_salt: its salt; 0: as long as the digest
 * @type: of its key: a curve, "RSA", "RSA-1024", "ED25519", "ML-DSA-65"; NULL: P-256
 */
struct pki_leaf {
	const char *file;
	const char *name;
	bool other_ca;
	long not_before;
	long not_after;
	bool no_sign;
	bool client_only;
	const char *ca_type;
	const char *type;
	const char *issuer_type;
	const char *digest;
	bool pss;
	int pss_salt;
};

/*
 * Makes ca.pem, other-ca.pem, server.{pem,key}, client.{pem,key}, and as refused servers: expired, early,
 * stranger (other CA), nosign (key usage), client-only (extended key usage), p521 (a curve without scheme).
 */
struct pki *pki_new(void);
void pki_free(struct pki *pki);

void pki_issue(struct pki *pki, const struct pki_leaf *leaf);

/* Does this libcrypto have keys of this type? */
bool pki_has_type(const char *type);

/* DIR/FILE; the string lives until the eighth next call */
const char *pki_path(struct pki *pki, const char *file);

/* Writes @text to DIR/FILE with @mode. */
const char *pki_write(struct pki *pki, const char *file, const char *text, int mode);

#endif /* _QKD_SELFTESTS_PKI_H */
