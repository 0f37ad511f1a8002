// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for hashes, transcript, schedule, AEAD and key exchange: they use what they are given, and may fail. */
#include <errno.h>
#include "prove.h"

static int done_or_not(void)
{
	const int ret = nondet_int();

	assume(ret <= 0);
	return ret;
}

static int filled(uint8_t *out, size_t len)
{
	check(__CPROVER_w_ok(out, len), "there is room for a result");
	__CPROVER_havoc_slice(out, len);
	return done_or_not();
}

size_t qkdtls_hash_len(enum qkdtls_hash hash)
{
	return hash == QKDTLS_SHA384 ? 48 : 32;
}

int qkdtls_transcript_hash(const struct qkdtls_transcript *t, uint8_t *out)
{
	return filled(out, QKDTLS_HASH_MAX);
}

int qkdtls_transcript_retry(struct qkdtls_transcript *t, enum qkdtls_hash hash)
{
	return done_or_not();
}

int qkdtls_transcript_add(struct qkdtls_transcript *t, const void *message, size_t len)
{
	check(__CPROVER_r_ok(message, len), "what is hashed is there");
	return done_or_not();
}

int qkdtls_transcript_binder(struct qkdtls_transcript *t, enum qkdtls_hash psk_hash,
			     const void *truncated_hello, size_t len, uint8_t *out)
{
	check(__CPROVER_r_ok(truncated_hello, len), "what is hashed is there");
	return filled(out, qkdtls_hash_len(psk_hash));
}

enum qkdtls_hash qkdtls_schedule_hash(const struct qkdtls_schedule *schedule)
{
	return nondet_bool() ? QKDTLS_SHA256 : QKDTLS_SHA384;
}

int qkdtls_schedule_check_finished(const struct qkdtls_schedule *schedule, enum qkdtls_role sender,
				   const uint8_t *transcript_hash, const uint8_t *mac, size_t len)
{
	check(__CPROVER_r_ok(transcript_hash, QKDTLS_HASH_MAX), "a hash is there");
	check(__CPROVER_r_ok(mac, len), "a MAC is there");
	return done_or_not();
}

int qkdtls_schedule_update(struct qkdtls_schedule *schedule, enum qkdtls_role sender)
{
	return done_or_not();
}

size_t qkdtls_aead_key_len(enum qkdtls_aead aead)
{
	return nondet_size();
}

int qkdtls_aead_new(struct qkdtls_aead_key **aead_key, enum qkdtls_aead aead, const uint8_t *key)
{
	if (nondet_bool())
		return -ENOMEM;
	*aead_key = (struct qkdtls_aead_key *)any_bytes(1);
	return 0;
}

int qkdtls_aead_open(struct qkdtls_aead_key *aead_key, const uint8_t nonce[QKDTLS_AEAD_NONCE_LEN],
		     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
		     uint8_t *out)
{
	check(aead_key, "there is a key");
	check(__CPROVER_r_ok(nonce, QKDTLS_AEAD_NONCE_LEN), "a nonce is there");
	check(__CPROVER_r_ok(aad, aad_len) && __CPROVER_r_ok(in, len), "a record is there");
	if (len < QKDTLS_AEAD_TAG_LEN)
		return -EBADMSG;
	return filled(out, len - QKDTLS_AEAD_TAG_LEN) ? -EBADMSG : 0;
}

int qkdtls_kex_finish(const struct qkdtls_kex *kex, const uint8_t *server_share, size_t len,
		      uint8_t *secret)
{
	check(__CPROVER_r_ok(server_share, len), "a share is there");
	return nondet_int();
}

int qkdtls_kex_respond(const struct qkdtls_group *group, const uint8_t *client_share, size_t len,
		       uint8_t *server_share, uint8_t *secret)
{
	check(__CPROVER_r_ok(client_share, len), "a share is there");
	return nondet_int();
}
