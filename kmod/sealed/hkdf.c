// SPDX-License-Identifier: GPL-2.0-only
/* HMAC and HKDF (RFC 5869) by the kernel's cryptography, and HKDF-Expand-Label (RFC 9846 section 7.1). */
#include <linux/err.h>
#include <linux/string.h>

#include "../compat.h"
#include "sealed.h"

#define LABEL_PREFIX "tls13 "
#define LABEL_MAX    255 /* with its prefix */
#define CONTEXT_MAX  255
#define INFO_MAX     (2 + 1 + LABEL_MAX + 1 + CONTEXT_MAX)
#define BLOCKS_MAX   255

static const struct {
	const char *hmac;
	const char *hash;
	unsigned int len;
} hashes[] = {
	[QKD_KDF_SHA256] = { "hmac(sha256)", "sha256", 32 },
	[QKD_KDF_SHA384] = { "hmac(sha384)", "sha384", 48 },
};

/* @kdf: QKD_KDF_*, checked by the caller. Why the kernel has no such hash, or -ENOMEM */
int qkd_hkdf_init(struct qkd_hkdf *hkdf, unsigned int kdf)
{
	struct crypto_shash *hmac, *hash;

	hmac = crypto_alloc_shash(hashes[kdf].hmac, 0, 0);
	if (IS_ERR(hmac))
		return PTR_ERR(hmac);
	hash = crypto_alloc_shash(hashes[kdf].hash, 0, 0);
	if (IS_ERR(hash)) {
		crypto_free_shash(hmac);
		return PTR_ERR(hash);
	}
	*hkdf = (struct qkd_hkdf){ .hmac = hmac, .hash = hash, .len = hashes[kdf].len };
	return 0;
}

/* Freeing a transform wipes it. */
void qkd_hkdf_exit(struct qkd_hkdf *hkdf)
{
	crypto_free_shash(hkdf->hmac);
	crypto_free_shash(hkdf->hash);
	*hkdf = (struct qkd_hkdf){};
}

/* Nothing is left that could be made with the last key. */
void qkd_hkdf_forget(struct qkd_hkdf *hkdf)
{
	static const u8 zeros[QKD_HASH_LEN_MAX];

	/* Cannot fail: it is of a length that it has taken before. */
	crypto_shash_setkey(hkdf->hmac, zeros, hkdf->len);
}

int qkd_hkdf_hash(const struct qkd_hkdf *hkdf, const void *msg, size_t len, u8 *hash)
{
	return crypto_shash_tfm_digest(hkdf->hash, msg, len, hash);
}

/* A MAC under a key of the hash's length */
int qkd_hkdf_mac(struct qkd_hkdf *hkdf, const u8 *key, const u8 *msg, size_t len, u8 *mac)
{
	return crypto_shash_setkey(hkdf->hmac, key, hkdf->len)
		       ?: crypto_shash_tfm_digest(hkdf->hmac, msg, len, mac);
}

/* @salt: of the hash's length, or NULL for zeros */
int qkd_hkdf_extract(struct qkd_hkdf *hkdf, const u8 *salt, const u8 *ikm, size_t len, u8 *prk)
{
	static const u8 zeros[QKD_HASH_LEN_MAX];

	return qkd_hkdf_mac(hkdf, salt ?: zeros, ikm, len, prk);
}

static int expand_block(struct shash_desc *desc, const u8 *before, size_t before_len,
			const u8 *info, size_t info_len, u8 number, u8 *block)
{
	return crypto_shash_init(desc) ?: crypto_shash_update(desc, before, before_len) ?:
	       crypto_shash_update(desc, info, info_len) ?:
	       crypto_shash_finup(desc, &number, 1, block);
}

/* @prk: of the hash's length. -EINVAL: more than HKDF can make. On an error @out is wiped. */
int qkd_hkdf_expand(struct qkd_hkdf *hkdf, const u8 *prk, const u8 *info, size_t info_len, u8 *out,
		    size_t len)
{
	SHASH_DESC_ON_STACK(desc, hkdf->hmac);
	u8 block[QKD_HASH_LEN_MAX];
	size_t done, part;
	u8 number = 0;
	int err;

	if (len > BLOCKS_MAX * hkdf->len)
		return -EINVAL;
	desc->tfm = hkdf->hmac;
	err = crypto_shash_setkey(hkdf->hmac, prk, hkdf->len);
	for (done = 0; !err && done < len; done += part) {
		part = min_t(size_t, len - done, hkdf->len);
		err = expand_block(desc, block, number ? hkdf->len : 0, info, info_len, number + 1,
				   block);
		memcpy(out + done, block, part);
		number++;
	}
	if (err)
		memzero_explicit(out, len);
	memzero_explicit(block, sizeof(block));
	shash_desc_zero(desc);
	return err;
}

/* -EINVAL: @label, without its prefix, or @context is too long. */
int qkd_hkdf_expand_label(struct qkd_hkdf *hkdf, const u8 *secret, const char *label,
			  const u8 *context, size_t context_len, u8 *out, size_t len)
{
	const size_t label_len = strlen(LABEL_PREFIX) + strlen(label);
	u8 info[INFO_MAX];
	u8 *p = info;

	if (label_len > LABEL_MAX || context_len > CONTEXT_MAX || len > U16_MAX)
		return -EINVAL;
	put_unaligned_be16(len, p);
	p += 2;
	*p++ = label_len;
	memcpy(p, LABEL_PREFIX, strlen(LABEL_PREFIX));
	memcpy(p + strlen(LABEL_PREFIX), label, strlen(label));
	p += label_len;
	*p++ = context_len;
	memcpy(p, context, context_len);
	p += context_len;
	return qkd_hkdf_expand(hkdf, secret, info, p - info, out, len);
}
