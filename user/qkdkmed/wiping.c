// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "qkdkmed/wiping.h"

static void wiped_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* Never in place or by moving pages: the old block is wiped. */
static void *wiped_realloc(void *p, size_t size)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *new;

	if (!size) {
		wiped_free(p);
		return NULL;
	}
	new = malloc(size);
	if (!new)
		return NULL;
	if (p)
		memcpy(new, p, old < size ? old : size);
	wiped_free(p);
	return new;
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	return malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	return wiped_realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
	wiped_free(p);
}

CURLcode wiping_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	SSL_CTX_set_options(ssl_ctx, SSL_OP_CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

/* wiping_ssl_ctx() is given what the library behind libcurl has; it must be the one that is meant. */
static bool is_openssl(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	return info->ssl_version && !strncmp(info->ssl_version, "OpenSSL/", 8);
}

int wiping_init(void)
{
	/* OpenSSL refuses once it has allocated anything: then it would free some of it unwiped. */
	if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
		return -EBUSY;
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiped_free, wiped_realloc, strdup,
				 calloc))
		return -ENOMEM;
	return is_openssl() ? 0 : -EOPNOTSUPP;
}
