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
	u8 empty[QKD_HASH_LEN_MAX]; /* the hash of nothing, of which much is derived */
} hashes[] = {
	[QKD_KDF_SHA256] = {
		"hmac(sha256)", "sha256", 32,
		{ 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
		  0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
		  0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 },
	},
	[QKD_KDF_SHA384] = {
		"hmac(sha384)", "sha384", 48,
		{ 0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9, 0x32, 0x7e,
		  0xb1, 0xb1, 0xe3, 0x6a, 0x21, 0xfd, 0xb7, 0x11, 0x14, 0xbe, 0x07, 0x43,
		  0x4c, 0x0c, 0xc7, 0xbf, 0x63, 0xf6, 0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf,
		  0xe7, 0x6f, 0x65, 0xfb, 0xd5, 0x1a, 0xd2, 0xf1, 0x48, 0x98, 0xb9, 0x5b },
	},
};

/* @kdf: QKD_KDF_*, checked by the caller. Why the kernel has no such hash, or -ENOMEM */
int qkd_hkdf_init(struct qkd_hkdf *hkdf, unsigned int kdf)
{
	struct crypto_shash *hmac = crypto_alloc_shash(hashes[kdf].hmac, 0, 0);

	if (IS_ERR(hmac))
		return PTR_ERR(hmac);
	*hkdf = (struct qkd_hkdf){
		.hmac = hmac,
		.hash = hashes[kdf].hash,
		.len = hashes[kdf].len,
		.empty = hashes[kdf].empty,
	};
	return 0;
}

/* Freeing a transform wipes it. */
void qkd_hkdf_exit(struct qkd_hkdf *hkdf)
{
	crypto_free_shash(hkdf->hmac);
	*hkdf = (struct qkd_hkdf){};
}

/* From here on this is the key, of the hash's length. To set it costs as much as to use it. */
int qkd_hkdf_key(struct qkd_hkdf *hkdf, const u8 *key)
{
	return crypto_shash_setkey(hkdf->hmac, key, hkdf->len);
}

/* Nothing is left that could be made with the last key. */
void qkd_hkdf_forget(struct qkd_hkdf *hkdf)
{
	static const u8 zeros[QKD_HASH_LEN_MAX];

	/* Cannot fail: it is of a length that it has taken before. */
	qkd_hkdf_key(hkdf, zeros);
}

/* The same without key, which is not needed often enough to be kept */
int qkd_hkdf_hash(const struct qkd_hkdf *hkdf, const void *msg, size_t len, u8 *hash)
{
	struct crypto_shash *transform = crypto_alloc_shash(hkdf->hash, 0, 0);
	int err;

	if (IS_ERR(transform))
		return PTR_ERR(transform);
	err = crypto_shash_tfm_digest(transform, msg, len, hash);
	crypto_free_shash(transform);
	return err;
}

/* A MAC under a key that becomes the present one */
int qkd_hkdf_mac(struct qkd_hkdf *hkdf, const u8 *key, const u8 *msg, size_t len, u8 *mac)
{
	return qkd_hkdf_key(hkdf, key) ?: crypto_shash_tfm_digest(hkdf->hmac, msg, len, mac);
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

/* Of the present key. -EINVAL: more than HKDF can make. On an error @out is wiped. */
int qkd_hkdf_expand(struct qkd_hkdf *hkdf, const u8 *info, size_t info_len, u8 *out, size_t len)
{
	SHASH_DESC_ON_STACK(desc, hkdf->hmac);
	u8 block[QKD_HASH_LEN_MAX];
	size_t done, part;
	u8 number = 0;
	int err = 0;

	if (len > BLOCKS_MAX * hkdf->len)
		return -EINVAL;
	desc->tfm = hkdf->hmac;
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
int qkd_hkdf_expand_label(struct qkd_hkdf *hkdf, const char *label, const u8 *context,
			  size_t context_len, u8 *out, size_t len)
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
	return qkd_hkdf_expand(hkdf, info, p - info, out, len);
}
