/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests, HMAC and HKDF. Functions return 0, -EINVAL (a length that the algorithm does not have),
 * -EIO (libcrypto failed) or -ENOMEM; outputs are wiped on failure.
 */
#ifndef QKDTLS_CRYPTO_HASH_H
#define QKDTLS_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

enum qkdtls_hash {
	QKDTLS_SHA256,
	QKDTLS_SHA384,
	QKDTLS_HASHES,
};

#define QKDTLS_HASH_MAX 48

size_t qkdtls_hash_len(enum qkdtls_hash hash);
int qkdtls_hash(enum qkdtls_hash hash, const void *data, size_t len, uint8_t *out);
const uint8_t *qkdtls_hash_empty(enum qkdtls_hash hash); /* the hash of no bytes */

/* A digest that goes on: peek gives the hash of all that was added so far. */
struct qkdtls_digest;

int qkdtls_digest_new(struct qkdtls_digest **digest, enum qkdtls_hash hash);
void qkdtls_digest_free(struct qkdtls_digest *digest); /* NULL does nothing */
int qkdtls_digest_add(struct qkdtls_digest *digest, const void *data, size_t len);
int qkdtls_digest_peek(const struct qkdtls_digest *digest, uint8_t *out);

/*
 * HMAC and HKDF of one hash. libcrypto's HMAC is kept from call to call, because setting it up costs more than a
 * short HMAC; what it keeps of a key is gone with the next key, with forget or with free.
 */
struct qkdtls_hkdf;

int qkdtls_hkdf_new(struct qkdtls_hkdf **hkdf, enum qkdtls_hash hash);
void qkdtls_hkdf_free(struct qkdtls_hkdf *hkdf); /* wipes; NULL does nothing */
int qkdtls_hkdf_forget(struct qkdtls_hkdf *hkdf); /* the last key */

/* Both bring a key of their own: after them there is no PRK. */
int qkdtls_hmac(struct qkdtls_hkdf *hkdf, const uint8_t *key, size_t key_len, const void *data,
		size_t len, uint8_t *out);
/* RFC 5869. A NULL @salt is hash_len zeros. */
int qkdtls_hkdf_extract(struct qkdtls_hkdf *hkdf, const uint8_t *salt, size_t salt_len,
			const uint8_t *ikm, size_t ikm_len, uint8_t *out);

/* The PRK of the expansions that follow: half of a short HMAC is its key. At least hash_len bytes */
int qkdtls_hkdf_set_prk(struct qkdtls_hkdf *hkdf, const uint8_t *prk, size_t len);

/* Those below return -EINVAL without a PRK, too. RFC 5869; @out_len is at most 255 * hash_len. */
int qkdtls_hkdf_expand(struct qkdtls_hkdf *hkdf, const uint8_t *info, size_t info_len, uint8_t *out,
		       size_t out_len);
/* RFC 9846 section 7.1: @label comes without its prefix "tls13 ", @context has at most 255 bytes. */
int qkdtls_hkdf_expand_label(struct qkdtls_hkdf *hkdf, const char *label, const uint8_t *context,
			     size_t context_len, uint8_t *out, size_t out_len);

#endif /* QKDTLS_CRYPTO_HASH_H */
