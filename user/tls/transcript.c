// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include "tls/transcript.h"

/* Two client hellos of at most 16 KiB and two server hellos */
#define KEPT_MAX (64 * 1024)

#define MESSAGE_HASH 254

void qkdtls_transcript_init(struct qkdtls_transcript *t)
{
	*t = (struct qkdtls_transcript){ .digest = NULL };
	qkdtls_buf_init(&t->kept, KEPT_MAX);
}

static void forget_ahead(struct qkdtls_transcript *t)
{
	for (int hash = 0; hash < QKDTLS_HASHES; hash++) {
		qkdtls_digest_free(t->ahead[hash].digest);
		t->ahead[hash].digest = NULL;
	}
}

void qkdtls_transcript_free(struct qkdtls_transcript *t)
{
	forget_ahead(t);
	qkdtls_buf_free(&t->kept);
	qkdtls_digest_free(t->digest);
	qkdtls_transcript_init(t);
}

int qkdtls_transcript_add(struct qkdtls_transcript *t, const void *message, size_t len)
{
	if (t->digest)
		return qkdtls_digest_add(t->digest, message, len);
	return qkdtls_buf_add(&t->kept, message, len);
}

int qkdtls_transcript_retry(struct qkdtls_transcript *t, enum qkdtls_hash hash)
{
	uint8_t synthetic[4 + QKDTLS_HASH_MAX];
	struct qkdtls_writer w;
	uint8_t *room;
	int err;

	if (t->digest || t->retried || !t->kept.len)
		return -EINVAL;
	qkdtls_writer_init(&w, synthetic, sizeof(synthetic));
	qkdtls_put_u8(&w, MESSAGE_HASH);
	qkdtls_put_u24(&w, (uint32_t)qkdtls_hash_len(hash));
	room = qkdtls_put_room(&w, qkdtls_hash_len(hash));
	err = qkdtls_hash(hash, qkdtls_buf_data(&t->kept), t->kept.len, room);
	if (err)
		return err;
	forget_ahead(t);
	qkdtls_buf_free(&t->kept);
	t->hash = hash;
	t->retried = true;
	return qkdtls_buf_add(&t->kept, synthetic, w.len);
}

/* A digest of all that is kept; the binder's goes on, if it is of the same hash. */
static int digest_kept(struct qkdtls_transcript *t, enum qkdtls_hash hash,
		       struct qkdtls_digest **digest)
{
	size_t done = 0;
	int err;

	if (t->ahead[hash].digest && t->ahead[hash].len <= t->kept.len) {
		*digest = t->ahead[hash].digest;
		t->ahead[hash].digest = NULL;
		done = t->ahead[hash].len;
	} else {
		err = qkdtls_digest_new(digest, hash);
		if (err)
			return err;
	}
	err = qkdtls_digest_add(*digest, qkdtls_buf_data(&t->kept) + done, t->kept.len - done);
	if (err)
		qkdtls_digest_free(*digest);
	return err;
}

int qkdtls_transcript_start(struct qkdtls_transcript *t, enum qkdtls_hash hash)
{
	int err;

	if (t->digest || !t->kept.len || (t->retried && t->hash != hash))
		return -EINVAL;
	err = digest_kept(t, hash, &t->digest);
	if (err) {
		t->digest = NULL;
		return err;
	}
	forget_ahead(t);
	t->hash = hash;
	qkdtls_buf_free(&t->kept);
	return 0;
}

int qkdtls_transcript_hash(const struct qkdtls_transcript *t, uint8_t *out)
{
	return t->digest ? qkdtls_digest_peek(t->digest, out) : -EINVAL;
}

int qkdtls_transcript_binder(struct qkdtls_transcript *t, enum qkdtls_hash psk_hash,
			     const void *truncated_hello, size_t len, uint8_t *out)
{
	struct qkdtls_digest *digest;
	int err;

	if (t->digest)
		return -EINVAL;
	err = qkdtls_digest_new(&digest, psk_hash);
	if (err)
		return err;
	if (t->kept.len)
		err = qkdtls_digest_add(digest, qkdtls_buf_data(&t->kept), t->kept.len);
	if (!err)
		err = qkdtls_digest_add(digest, truncated_hello, len);
	if (!err)
		err = qkdtls_digest_peek(digest, out);
	if (err) {
		qkdtls_digest_free(digest);
		return err;
	}
	qkdtls_digest_free(t->ahead[psk_hash].digest);
	t->ahead[psk_hash].digest = digest;
	t->ahead[psk_hash].len = t->kept.len + len;
	return 0;
}
