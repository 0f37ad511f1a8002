/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcrypto's algorithms, fetched once per process: a fetch by name at every use costs more than a hash.
 * Only the crypto_*.c files include this.
 */
#ifndef QKDTLS_CRYPTO_LIB_H
#define QKDTLS_CRYPTO_LIB_H

#include <stdbool.h>
#include <openssl/evp.h>
#include "tls/crypto_aead.h"
#include "tls/crypto_hash.h"

/* NULL: this libcrypto does not have it. Owned by the process. */
EVP_MD *qkdtls_lib_md(enum qkdtls_hash hash);
/* HMAC under a key of hash_len zeros, ready for data, to be copied: to set one up anew costs as much as to use it. */
const EVP_MAC_CTX *qkdtls_lib_hmac(enum qkdtls_hash hash);
EVP_CIPHER *qkdtls_lib_cipher(enum qkdtls_aead aead);

/* Does it have keys of this type ("X25519", "ML-KEM-768", "EC")? */
bool qkdtls_lib_has_key_type(const char *name);

/* Empties libcrypto's error queue, which belongs to the caller's thread, and gives @err back. */
int qkdtls_lib_error(int err);

#endif /* QKDTLS_CRYPTO_LIB_H */
