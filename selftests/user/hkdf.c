// SPDX-License-Identifier: GPL-2.0-or-later
#include "hkdf.h"

#include <stdlib.h>

static struct qkdtls_hkdf *hkdf_open(enum qkdtls_hash hash)
{
	struct qkdtls_hkdf *hkdf;

	if (qkdtls_hkdf_new(&hkdf, hash))
		abort();
	return hkdf;
}

int hkdf_hmac(enum qkdtls_hash hash, const uint8_t *key, size_t key_len, const void *data,
	      size_t len, uint8_t *out)
{
	struct qkdtls_hkdf *hkdf = hkdf_open(hash);
	const int ret = qkdtls_hmac(hkdf, key, key_len, data, len, out);

	qkdtls_hkdf_free(hkdf);
	return ret;
}

int hkdf_extract(enum qkdtls_hash hash, const uint8_t *salt, size_t salt_len, const uint8_t *ikm,
		 size_t ikm_len, uint8_t *out)
{
	struct qkdtls_hkdf *hkdf = hkdf_open(hash);
	const int ret = qkdtls_hkdf_extract(hkdf, salt, salt_len, ikm, ikm_len, out);

	qkdtls_hkdf_free(hkdf);
	return ret;
}

int hkdf_expand(enum qkdtls_hash hash, const uint8_t *prk, size_t prk_len, const uint8_t *info,
		size_t info_len, uint8_t *out, size_t out_len)
{
	struct qkdtls_hkdf *hkdf = hkdf_open(hash);
	int ret = qkdtls_hkdf_set_prk(hkdf, prk, prk_len);

	if (!ret)
		ret = qkdtls_hkdf_expand(hkdf, info, info_len, out, out_len);
	qkdtls_hkdf_free(hkdf);
	return ret;
}

int hkdf_expand_label(enum qkdtls_hash hash, const uint8_t *secret, const char *label,
		      const uint8_t *context, size_t context_len, uint8_t *out, size_t out_len)
{
	struct qkdtls_hkdf *hkdf = hkdf_open(hash);
	int ret = qkdtls_hkdf_set_prk(hkdf, secret, qkdtls_hash_len(hash));

	if (!ret)
		ret = qkdtls_hkdf_expand_label(hkdf, label, context, context_len, out, out_len);
	qkdtls_hkdf_free(hkdf);
	return ret;
}
