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

/* ---- HMAC and HKDF ---- */

struct qkdtls_hkdf {
	enum qkdtls_hash hash;
	EVP_MAC_CTX *ctx;
	bool is_new; /* hash_len zeros are the key, and no data has come */
	bool has_prk;
};

int qkdtls_hkdf_new(struct qkdtls_hkdf **hkdf, enum qkdtls_hash hash)
{
	const EVP_MAC_CTX *hmac = qkdtls_lib_hmac(hash);
	struct qkdtls_hkdf *h;

	if (!hmac)
		return -EIO;
	h = malloc(sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->hash = hash;
	h->is_new = true;
	h->has_prk = false;
	h->ctx = EVP_MAC_CTX_dup(hmac);
	if (!h->ctx) {
		free(h);
		return qkdtls_lib_error(-EIO);
	}
	*hkdf = h;
	return 0;
}

void qkdtls_hkdf_free(struct qkdtls_hkdf *hkdf)
{
	if (!hkdf)
		return;
	EVP_MAC_CTX_free(hkdf->ctx);
	free(hkdf);
}

static int set_key(struct qkdtls_hkdf *hkdf, const uint8_t *key, size_t len)
{
	hkdf->is_new = false;
	hkdf->has_prk = false;
	return EVP_MAC_init(hkdf->ctx, key, len, NULL) == 1 ? 0 : qkdtls_lib_error(-EIO);
}

int qkdtls_hkdf_forget(struct qkdtls_hkdf *hkdf)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];

	return set_key(hkdf, zeros, qkdtls_hash_len(hkdf->hash));
}

/* HMAC over @count pieces, one behind the other, under a key that was just set */
static int hmac_pieces(struct qkdtls_hkdf *hkdf, const struct bytes *pieces, size_t count,
		       uint8_t *out)
{
	size_t len = qkdtls_hash_len(hkdf->hash), i;
	bool ok = true;

	for (i = 0; ok && i < count; i++)
		ok = EVP_MAC_update(hkdf->ctx, pieces[i].data, pieces[i].len) == 1;
	if (ok && EVP_MAC_final(hkdf->ctx, out, &len, len) == 1)
		return 0;
	return qkdtls_lib_error(-EIO);
}

/* The same over one piece; wipes @out when it fails. */
static int hmac_whole(struct qkdtls_hkdf *hkdf, const void *data, size_t len, uint8_t *out)
{
	struct bytes piece = { data, len };
	int err = hmac_pieces(hkdf, &piece, 1, out);

	if (err)
		qkdtls_wipe(out, qkdtls_hash_len(hkdf->hash));
	return err;
}

int qkdtls_hmac(struct qkdtls_hkdf *hkdf, const uint8_t *key, size_t key_len, const void *data,
		size_t len, uint8_t *out)
{
	int err = set_key(hkdf, key, key_len);

	if (!err)
		return hmac_whole(hkdf, data, len, out);
	qkdtls_wipe(out, qkdtls_hash_len(hkdf->hash));
	return err;
}

int qkdtls_hkdf_extract(struct qkdtls_hkdf *hkdf, const uint8_t *salt, size_t salt_len,
			const uint8_t *ikm, size_t ikm_len, uint8_t *out)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];

	if (salt_len)
		return qkdtls_hmac(hkdf, salt, salt_len, ikm, ikm_len, out);
	if (hkdf->is_new) {
		hkdf->is_new = false;
		return hmac_whole(hkdf, ikm, ikm_len, out);
	}
	return qkdtls_hmac(hkdf, zeros, qkdtls_hash_len(hkdf->hash), ikm, ikm_len, out);
}

int qkdtls_hkdf_set_prk(struct qkdtls_hkdf *hkdf, const uint8_t *prk, size_t len)
{
	int err;

	if (len < qkdtls_hash_len(hkdf->hash))
		return -EINVAL;
	err = set_key(hkdf, prk, len);
	hkdf->has_prk = !err;
	return err;
}

int qkdtls_hkdf_expand(struct qkdtls_hkdf *hkdf, const uint8_t *info, size_t info_len, uint8_t *out,
		       size_t out_len)
{
	size_t hash_len = qkdtls_hash_len(hkdf->hash), done, now;
	uint8_t block[QKDTLS_HASH_MAX];
	uint8_t counter = 0;
	int err = 0;

	if (!out_len || out_len > HKDF_BLOCKS_MAX * hash_len || !hkdf->has_prk)
		return -EINVAL;
	for (done = 0; !err && done < out_len; done += now) {
		struct bytes pieces[] = {
			{ block, done ? hash_len : 0 },
			{ info, info_len },
			{ &counter, 1 },
		};

		counter++;
		/* From the start again, under the same key */
		err = EVP_MAC_init(hkdf->ctx, NULL, 0, NULL) == 1
			      ? hmac_pieces(hkdf, pieces, 3, block)
			      : qkdtls_lib_error(-EIO);
		now = out_len - done < hash_len ? out_len - done : hash_len;
		if (!err)
			memcpy(out + done, block, now);
	}
	qkdtls_wipe(block, sizeof(block));
	if (err)
		qkdtls_wipe(out, out_len);
	return err;
}

int qkdtls_hkdf_expand_label(struct qkdtls_hkdf *hkdf, const char *label, const uint8_t *context,
			     size_t context_len, uint8_t *out, size_t out_len)
{
	uint8_t info[2 + 1 + LABEL_MAX + 1 + CONTEXT_MAX];
	size_t label_len = strlen(label);
	struct qkdtls_writer w;
	struct qkdtls_mark mark;

	if (!label_len || label_len > LABEL_MAX - strlen(LABEL_PREFIX) ||
	    context_len > CONTEXT_MAX || out_len > HKDF_BLOCKS_MAX * qkdtls_hash_len(hkdf->hash))
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
	return qkdtls_hkdf_expand(hkdf, info, w.len, out, out_len);
}
