// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "tls/buf.h"
#include "tls/crypto_hash.h"
#include "tls/crypto_lib.h"
#include "tls/crypto_random.h"

#define LABEL_PREFIX	"tls13 "
#define LABEL_MAX	255
#define CONTEXT_MAX	255
#define HKDF_BLOCKS_MAX 255

#define BLOCK_MAX 128 /* of SHA-384 */
#define IPAD	  0x36
#define OPAD	  0x5c

struct qkdtls_digest {
	EVP_MD_CTX *ctx;
	EVP_MD_CTX *copy; /* for peeks */
};

struct bytes {
	const void *data;
	size_t len;
};

size_t qkdtls_hash_len(enum qkdtls_hash hash)
{
	return hash == QKDTLS_SHA384 ? 48 : 32;
}

int qkdtls_hash(enum qkdtls_hash hash, const void *data, size_t len, uint8_t *out)
{
	if (EVP_Digest(data, len, out, NULL, qkdtls_lib_md(hash), NULL) == 1)
		return 0;
	return qkdtls_lib_error(-EIO);
}

const uint8_t *qkdtls_hash_empty(enum qkdtls_hash hash)
{
	static const uint8_t hashes[][QKDTLS_HASH_MAX] = {
		[QKDTLS_SHA256] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
				    0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
				    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
				    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 },
		[QKDTLS_SHA384] = { 0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9,
				    0x32, 0x7e, 0xb1, 0xb1, 0xe3, 0x6a, 0x21, 0xfd, 0xb7, 0x11,
				    0x14, 0xbe, 0x07, 0x43, 0x4c, 0x0c, 0xc7, 0xbf, 0x63, 0xf6,
				    0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf, 0xe7, 0x6f, 0x65, 0xfb,
				    0xd5, 0x1a, 0xd2, 0xf1, 0x48, 0x98, 0xb9, 0x5b },
	};

	return hashes[hash];
}

int qkdtls_digest_new(struct qkdtls_digest **digest, enum qkdtls_hash hash)
{
	struct qkdtls_digest *d = malloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->ctx = EVP_MD_CTX_new();
	d->copy = EVP_MD_CTX_new();
	if (!d->ctx || !d->copy || EVP_DigestInit_ex2(d->ctx, qkdtls_lib_md(hash), NULL) != 1) {
		qkdtls_digest_free(d);
		return qkdtls_lib_error(-EIO);
	}
	*digest = d;
	return 0;
}

void qkdtls_digest_free(struct qkdtls_digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->ctx);
	EVP_MD_CTX_free(digest->copy);
	free(digest);
}

int qkdtls_digest_add(struct qkdtls_digest *digest, const void *data, size_t len)
{
	if (EVP_DigestUpdate(digest->ctx, data, len) == 1)
		return 0;
	return qkdtls_lib_error(-EIO);
}

int qkdtls_digest_peek(const struct qkdtls_digest *digest, uint8_t *out)
{
	if (EVP_MD_CTX_copy_ex(digest->copy, digest->ctx) == 1 &&
	    EVP_DigestFinal_ex(digest->copy, out, NULL) == 1)
		return 0;
	return qkdtls_lib_error(-EIO);
}

/* A key of the length of a block, as RFC 2104 wants it */
static bool hmac_block(EVP_MD_CTX *ctx, const EVP_MD *md, const uint8_t *key, size_t len,
		       uint8_t block[BLOCK_MAX])
{
	memset(block, 0, BLOCK_MAX);
	if (len > (size_t)EVP_MD_get_block_size(md))
		return EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
		       EVP_DigestUpdate(ctx, key, len) == 1 &&
		       EVP_DigestFinal_ex(ctx, block, NULL) == 1;
	if (len)
		memcpy(block, key, len);
	return true;
}

/* A hash of the block and of what follows it; the block is XORed with @pad first. */
static bool hmac_pass(EVP_MD_CTX *ctx, const EVP_MD *md, uint8_t block[BLOCK_MAX], uint8_t pad,
		      const struct bytes *pieces, size_t count, uint8_t *out)
{
	size_t size = (size_t)EVP_MD_get_block_size(md), i;
	bool ok;

	for (i = 0; i < BLOCK_MAX;
	     i++) /* a constant many, so that the compiler takes many at once */
		block[i] ^= pad;
	ok = EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, block, size) == 1;
	for (i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].len) == 1;
	return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/*
 * HMAC over @count pieces, one behind the other. Made of the digest itself: libcrypto's HMAC looks its digest
 * up by name at each new key, and that costs as much as a short HMAC. The context goes, and is wiped, with
 * its last use.
 */
static int hmac_pieces(enum qkdtls_hash hash, const uint8_t *key, size_t key_len,
		       const struct bytes *pieces, size_t count, uint8_t *out)
{
	const EVP_MD *md = qkdtls_lib_md(hash);
	uint8_t block[BLOCK_MAX], inner[QKDTLS_HASH_MAX];
	const struct bytes inner_piece = { inner, qkdtls_hash_len(hash) };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx && hmac_block(ctx, md, key, key_len, block) &&
	     hmac_pass(ctx, md, block, IPAD, pieces, count, inner) &&
	     hmac_pass(ctx, md, block, IPAD ^ OPAD, &inner_piece, 1, out);
	EVP_MD_CTX_free(ctx);
	qkdtls_wipe(block, sizeof(block));
	qkdtls_wipe(inner, sizeof(inner));
	if (ok)
		return 0;
	qkdtls_wipe(out, qkdtls_hash_len(hash));
	return qkdtls_lib_error(-EIO);
}

int qkdtls_hmac(enum qkdtls_hash hash, const uint8_t *key, size_t key_len, const void *data,
		size_t len, uint8_t *out)
{
	struct bytes piece = { data, len };

	return hmac_pieces(hash, key, key_len, &piece, 1, out);
}

int qkdtls_hkdf_extract(enum qkdtls_hash hash, const uint8_t *salt, size_t salt_len,
			const uint8_t *ikm, size_t ikm_len, uint8_t *out)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];

	if (!salt_len) {
		salt = zeros;
		salt_len = qkdtls_hash_len(hash);
	}
	return qkdtls_hmac(hash, salt, salt_len, ikm, ikm_len, out);
}

int qkdtls_hkdf_expand(enum qkdtls_hash hash, const uint8_t *prk, size_t prk_len,
		       const uint8_t *info, size_t info_len, uint8_t *out, size_t out_len)
{
	size_t hash_len = qkdtls_hash_len(hash), done, now;
	uint8_t block[QKDTLS_HASH_MAX];
	uint8_t counter = 0;
	int err = 0;

	if (!out_len || out_len > HKDF_BLOCKS_MAX * hash_len || prk_len < hash_len)
		return -EINVAL;
	for (done = 0; !err && done < out_len; done += now) {
		struct bytes pieces[] = {
			{ block, done ? hash_len : 0 },
			{ info, info_len },
			{ &counter, 1 },
		};

		counter++;
		err = hmac_pieces(hash, prk, prk_len, pieces, 3, block);
		now = out_len - done < hash_len ? out_len - done : hash_len;
		if (!err)
			memcpy(out + done, block, now);
	}
	qkdtls_wipe(block, sizeof(block));
	if (err)
		qkdtls_wipe(out, out_len);
	return err;
}

int qkdtls_hkdf_expand_label(enum qkdtls_hash hash, const uint8_t *secret, const char *label,
			     const uint8_t *context, size_t context_len, uint8_t *out,
			     size_t out_len)
{
	uint8_t info[2 + 1 + LABEL_MAX + 1 + CONTEXT_MAX];
	size_t label_len = strlen(label);
	struct qkdtls_writer w;
	struct qkdtls_mark mark;

	if (!label_len || label_len > LABEL_MAX - strlen(LABEL_PREFIX) ||
	    context_len > CONTEXT_MAX || out_len > HKDF_BLOCKS_MAX * qkdtls_hash_len(hash))
		return -EINVAL;
	qkdtls_writer_init(&w, info, sizeof(info));
	qkdtls_put_u16(&w, (uint16_t)out_len);
	mark = qkdtls_put_open(&w, 1);
	qkdtls_put_bytes(&w, LABEL_PREFIX, strlen(LABEL_PREFIX));
	qkdtls_put_bytes(&w, label, label_len);
	qkdtls_put_close(&w, mark);
	mark = qkdtls_put_open(&w, 1);
	qkdtls_put_bytes(&w, context, context_len);
	qkdtls_put_close(&w, mark);
	if (!qkdtls_writer_ok(&w))
		return -EINVAL;
	return qkdtls_hkdf_expand(hash, secret, qkdtls_hash_len(hash), info, w.len, out, out_len);
}
