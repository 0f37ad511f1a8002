// SPDX-License-Identifier: GPL-2.0-or-later
#include <pthread.h>
#include <openssl/err.h>
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
static EVP_MAC *hmac;

static void fetch_all(void)
{
	size_t i;

	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	for (i = 0; i < ARRAY_SIZE(md_names); i++)
		mds[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
	for (i = 0; i < ARRAY_SIZE(cipher_names); i++)
		ciphers[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
	ERR_clear_error();
}

EVP_MD *qkdtls_lib_md(enum qkdtls_hash hash)
{
	pthread_once(&once, fetch_all);
	return mds[hash];
}

EVP_MAC *qkdtls_lib_hmac(void)
{
	pthread_once(&once, fetch_all);
	return hmac;
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
