// SPDX-License-Identifier: GPL-2.0-or-later
#include <pthread.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include "tls/crypto_lib.h"

static const char *const md_names[] = {
	[QKDTLS_SHA256] = "SHA2-256",
	[QKDTLS_SHA384] = "SHA2-384",
};

static const char *const cipher_names[] = {
	[QKDTLS_AES_128_GCM] = "AES-128-GCM",
	[QKDTLS_AES_256_GCM] = "AES-256-GCM",
	[QKDTLS_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *mds[ARRAY_SIZE(md_names)];
static EVP_CIPHER *ciphers[ARRAY_SIZE(cipher_names)];
static EVP_MAC_CTX *hmacs[ARRAY_SIZE(md_names)];

static EVP_MAC_CTX *make_hmac(EVP_MAC *hmac, enum qkdtls_hash hash)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)md_names[hash], 0),
		OSSL_PARAM_END,
	};
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

	if (ctx && EVP_MAC_init(ctx, zeros, qkdtls_hash_len(hash), params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void fetch_all(void)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(md_names); i++) {
		mds[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
		hmacs[i] = make_hmac(hmac, i);
	}
	EVP_MAC_free(hmac);
	for (i = 0; i < ARRAY_SIZE(cipher_names); i++)
		ciphers[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
	ERR_clear_error();
}

EVP_MD *qkdtls_lib_md(enum qkdtls_hash hash)
{
	pthread_once(&once, fetch_all);
	return mds[hash];
}

const EVP_MAC_CTX *qkdtls_lib_hmac(enum qkdtls_hash hash)
{
	pthread_once(&once, fetch_all);
	return hmacs[hash];
}

EVP_CIPHER *qkdtls_lib_cipher(enum qkdtls_aead aead)
{
	pthread_once(&once, fetch_all);
	return ciphers[aead];
}

bool qkdtls_lib_has_key_type(const char *name)
{
	EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(NULL, name, NULL);

	EVP_KEYMGMT_free(keymgmt);
	ERR_clear_error();
	return keymgmt;
}

int qkdtls_lib_error(int err)
{
	ERR_clear_error();
	return err;
}
