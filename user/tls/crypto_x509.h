/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of crypto_pki.h share. Only the crypto_*.c files include this. */
#ifndef QKDTLS_CRYPTO_X509_H
#define QKDTLS_CRYPTO_X509_H

#include <stdbool.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "tls/crypto_pki.h"

/* All certificates of a PEM file, at least one. 0, -EINVAL or -ENOMEM with @message */
int qkdtls_x509_read(STACK_OF(X509) * *certs, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX]);

/* Is this a key of the scheme's type, on its curve, and long enough? */
bool qkdtls_x509_key_fits(const EVP_PKEY *key, const struct qkdtls_scheme *scheme);

/* What a signature of this scheme needs beside its digest; NULL: nothing */
const OSSL_PARAM *qkdtls_x509_signature_params(const struct qkdtls_scheme *scheme);

/* Is signing among what its keyUsage, if it has one, allows? */
bool qkdtls_x509_may_sign(X509 *cert);

X509_STORE *qkdtls_trust_store(const struct qkdtls_trust *trust);

#endif /* QKDTLS_CRYPTO_X509_H */
