/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMAC and HKDF for tests that compute the key schedule by themselves: by hash, each call on its own */
#ifndef _QKD_SELFTESTS_HKDF_H
#define _QKD_SELFTESTS_HKDF_H

#include "tls/crypto_hash.h"

int hkdf_hmac(enum qkdtls_hash hash, const uint8_t *key, size_t key_len, const void *data,
	      size_t len, uint8_t *out);
int hkdf_extract(enum qkdtls_hash hash, const uint8_t *salt, size_t salt_len, const uint8_t *ikm,
		 size_t ikm_len, uint8_t *out);
int hkdf_expand(enum qkdtls_hash hash, const uint8_t *prk, size_t prk_len, const uint8_t *info,
		size_t info_len, uint8_t *out, size_t out_len);
int hkdf_expand_label(enum qkdtls_hash hash, const uint8_t *secret, const char *label,
		      const uint8_t *context, size_t context_len, uint8_t *out, size_t out_len);

#endif /* _QKD_SELFTESTS_HKDF_H */
