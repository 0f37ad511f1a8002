// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "tls/crypto_random.h"

int qkdtls_random(void *out, size_t len)
{
	if (len > INT_MAX || RAND_bytes(out, (int)len) != 1)
		return -EIO;
	return 0;
}

bool qkdtls_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void qkdtls_wipe(void *data, size_t len)
{
	if (len)
		explicit_bzero(data, len); /* many times as fast as OPENSSL_cleanse() */
}
