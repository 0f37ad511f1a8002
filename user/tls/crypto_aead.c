// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "tls/crypto_aead.h"
#include "tls/crypto_lib.h"
#include "tls/crypto_random.h"

/*
 * The key goes into a context with the first record, and stays there; each record brings only its nonce. Many a
 * connection's last two keys go to the kernel's TLS before that, so that a context would have been made for nothing.
 */
struct qkdtls_aead_key {
	EVP_CIPHER_CTX *ctx;
	EVP_CIPHER *cipher;
	uint8_t key[QKDTLS_AEAD_KEY_MAX]; /* until there is a context */
};

size_t qkdtls_aead_key_len(enum qkdtls_aead aead)
{
	return aead == QKDTLS_AES_128_GCM ? 16 : 32;
}

bool qkdtls_aead_available(enum qkdtls_aead aead)
{
	return qkdtls_lib_cipher(aead);
}

int qkdtls_aead_new(struct qkdtls_aead_key **aead_key, enum qkdtls_aead aead, const uint8_t *key)
{
	EVP_CIPHER *cipher = qkdtls_lib_cipher(aead);
	struct qkdtls_aead_key *k;

	if (!cipher)
		return -EIO;
	k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->ctx = NULL;
	k->cipher = cipher;
	memcpy(k->key, key, qkdtls_aead_key_len(aead));
	*aead_key = k;
	return 0;
}

void qkdtls_aead_free(struct qkdtls_aead_key *aead_key)
{
	if (!aead_key)
		return;
	EVP_CIPHER_CTX_free(aead_key->ctx);
	qkdtls_wipe(aead_key, sizeof(*aead_key));
	free(aead_key);
}

/* The context, made now if this is the first record; NULL: libcrypto failed, and may not the next time */
static EVP_CIPHER_CTX *prepare(struct qkdtls_aead_key *k)
{
	EVP_CIPHER_CTX *ctx;

	if (k->ctx)
		return k->ctx;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_CipherInit_ex2(ctx, k->cipher, k->key, NULL, 1, NULL) != 1 ||
	    EVP_CIPHER_CTX_get_iv_length(ctx) != QKDTLS_AEAD_NONCE_LEN) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	qkdtls_wipe(k->key, sizeof(k->key));
	k->ctx = ctx;
	return ctx;
}

/* One record through the cipher, but for its tag; false: libcrypto failed */
static bool aead_run(EVP_CIPHER_CTX *ctx, int encrypt, const uint8_t *nonce, const uint8_t *aad,
		     size_t aad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	int n;

	if (len > INT_MAX || aad_len > INT_MAX)
		return false;
	return ctx && EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, encrypt, NULL) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
	       (!len || (EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && n == (int)len));
}

int qkdtls_aead_seal(struct qkdtls_aead_key *aead_key, const uint8_t nonce[QKDTLS_AEAD_NONCE_LEN],
		     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = prepare(aead_key);
	int n;

	if (aead_run(ctx, 1, nonce, aad, aad_len, in, len, out) &&
	    EVP_CipherFinal_ex(ctx, out + len, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, QKDTLS_AEAD_TAG_LEN, out + len) == 1)
		return 0;
	qkdtls_wipe(out, len);
	return qkdtls_lib_error(-EIO);
}

int qkdtls_aead_open(struct qkdtls_aead_key *aead_key, const uint8_t nonce[QKDTLS_AEAD_NONCE_LEN],
		     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = prepare(aead_key);
	uint8_t tag[QKDTLS_AEAD_TAG_LEN];
	int n;

	if (len < sizeof(tag))
		return -EBADMSG;
	len -= sizeof(tag);
	memcpy(tag, in + len, sizeof(tag));
	if (!aead_run(ctx, 0, nonce, aad, aad_len, in, len, out) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1) {
		qkdtls_wipe(out, len);
		return qkdtls_lib_error(-EIO);
	}
	if (EVP_CipherFinal_ex(ctx, tag, &n) == 1)
		return 0;
	qkdtls_wipe(out, len);
	return qkdtls_lib_error(-EBADMSG);
}
