/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Authenticated encryption with one key: one direction of a connection. */
#ifndef QKDTLS_CRYPTO_AEAD_H
#define QKDTLS_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum qkdtls_aead {
	QKDTLS_AES_128_GCM,
	QKDTLS_AES_256_GCM,
	QKDTLS_CHACHA20_POLY1305,
};

#define QKDTLS_AEAD_TAG_LEN   16
#define QKDTLS_AEAD_NONCE_LEN 12
#define QKDTLS_AEAD_KEY_MAX   32

struct qkdtls_aead_key;

size_t qkdtls_aead_key_len(enum qkdtls_aead aead);
bool qkdtls_aead_available(enum qkdtls_aead aead);

/* @key has qkdtls_aead_key_len() bytes. 0, -EIO, -ENOMEM */
int qkdtls_aead_new(struct qkdtls_aead_key **aead_key, enum qkdtls_aead aead, const uint8_t *key);
void qkdtls_aead_free(struct qkdtls_aead_key *aead_key); /* wipes; NULL does nothing */

/* @out has room for @len + QKDTLS_AEAD_TAG_LEN bytes and may be @in. 0, -EIO */
int qkdtls_aead_seal(struct qkdtls_aead_key *aead_key, const uint8_t nonce[QKDTLS_AEAD_NONCE_LEN],
		     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out);

/*
 * @len counts the tag; @out has room for @len - QKDTLS_AEAD_TAG_LEN bytes and may be @in. 0;
 * -EBADMSG: not authentic (or shorter than a tag), @out is wiped; -EIO.
 */
int qkdtls_aead_open(struct qkdtls_aead_key *aead_key, const uint8_t nonce[QKDTLS_AEAD_NONCE_LEN],
		     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out);

#endif /* QKDTLS_CRYPTO_AEAD_H */
