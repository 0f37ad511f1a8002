/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of crypto_pki.h share. Only the crypto_*.c files include this. */
#ifndef QKDTLS_CRYPTO_X509_H
#define QKDTLS_CRYPTO_X509_H

#include <stdbool.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include "tls/crypto_pki.h"

/* All certificates of a PEM file, maybe none. 0, -EINVAL or -ENOMEM with @message */
int qkdtls_x509_read(STACK_OF(X509) * *certs, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX]);

/* May this key sign CertificateVerify so: of the scheme's type, on its curve, and long enough? */
bool qkdtls_x509_key_fits(const EVP_PKEY *key, const struct qkdtls_scheme *scheme);

/* Is each certificate of this path but the last, the anchor, signed by a scheme of the list? */
bool qkdtls_x509_signed_by(const STACK_OF(X509) * path, const struct qkdtls_scheme_list *schemes);

/* What a signature of this scheme needs beside its digest; NULL: nothing */
const OSSL_PARAM *qkdtls_x509_signature_params(const struct qkdtls_scheme *scheme);

/* Is signing among what its keyUsage, if it has one, allows? */
bool qkdtls_x509_may_sign(X509 *cert);

/*
 * The anchors for this chain: the file's certificates, and those of @chain that carry one of its bare keys. If
 * the leaf is one, it is the only one: a path ends at the first anchor met from the leaf. The caller frees the
 * list, not what is in it. 0, -ENOMEM
 */
int qkdtls_trust_anchors(const struct qkdtls_trust *trust, const STACK_OF(X509) * chain,
			 STACK_OF(X509) * *anchors, bool *leaf_is_anchor);

/* ---- crypto_pin.c: bare keys ---- */

struct qkdtls_pins;

/* All public keys of a PEM file, maybe none. 0, -EINVAL, -EOPNOTSUPP or -ENOMEM with @message */
int qkdtls_pins_read(struct qkdtls_pins **pins, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX]);
void qkdtls_pins_free(struct qkdtls_pins *pins);
size_t qkdtls_pins_count(const struct qkdtls_pins *pins);
bool qkdtls_pins_have(const struct qkdtls_pins *pins, const X509 *cert);

/* Is a signature by it at least 112 bits strong? What checks a chain asks that itself. */
bool qkdtls_x509_is_strong(const X509_ALGOR *algorithm);

/* ---- crypto_crl.c ---- */

/* Makes @ctx ask for a list for every certificate but the anchor. 0, -EIO */
int qkdtls_crls_apply(const struct qkdtls_crls *crls, X509_STORE_CTX *ctx);

/* ---- crypto_chain.c, crypto_ocsp.c ---- */

/* Did @issuer itself sign @cert, and is it valid at @when (NULL: now)? */
bool qkdtls_x509_issued(X509 *issuer, X509 *cert, const time_t *when);

/**
 * struct qkdtls_status_check - what a stapled OCSP response must be about
 * @der, @len: the response; nothing: none came
 * @leaf, @issuer: both verified; without an issuer no response is good
 * @when: checked at this time; NULL: now
 */
struct qkdtls_status_check {
	const uint8_t *der;
	size_t len;
	const X509 *leaf;
	X509 *issuer;
	const time_t *when;
};

/* 0; alert certificate_revoked; alert bad_certificate_status_response; with the reason */
int qkdtls_status_verify(const struct qkdtls_status_check *check, const char **reason);

#endif /* QKDTLS_CRYPTO_X509_H */
