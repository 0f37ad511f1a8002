/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handshake transcript (RFC 9846 section 4.1). Whole messages with their 4-byte headers are
 * added.
 *
 * Until the suite is fixed by the ServerHello it keeps the messages, since binders are made with
 * each PSK's own hash; from qkdtls_transcript_start() on it is one running hash.
 *
 *	CH, SH:			add CH; add SH; start
 *	CH1, HRR, CH2, SH:	add CH1; retry; add HRR; add CH2; add SH; start
 *
 * and qkdtls_transcript_binder() before the hello that carries the binder is added: what it hashed is the beginning of
 * the next message, and need not be hashed again.
 *
 * Functions return 0, -EINVAL (out of order, nothing changed), -ENOBUFS (too long), -ENOMEM, -EIO.
 */
#ifndef QKDTLS_TRANSCRIPT_H
#define QKDTLS_TRANSCRIPT_H

#include <stdbool.h>
#include "tls/buf.h"
#include "tls/crypto_hash.h"

struct qkdtls_transcript {
	struct qkdtls_buf kept;
	struct qkdtls_digest *digest;
	enum qkdtls_hash hash; /* once retried or started */
	bool retried;
	struct {
		struct qkdtls_digest
			*digest; /* what the last binder of this hash covers, or NULL */
		size_t len;
	} ahead[QKDTLS_HASHES]; /* by hash */
};

void qkdtls_transcript_init(struct qkdtls_transcript *t);
void qkdtls_transcript_free(struct qkdtls_transcript *t);

int qkdtls_transcript_add(struct qkdtls_transcript *t, const void *message, size_t len);

/* HelloRetryRequest: what was added, the first ClientHello, is replaced by its message_hash. Once.
 */
int qkdtls_transcript_retry(struct qkdtls_transcript *t, enum qkdtls_hash hash);

/* @hash must be the one of retry, if there was one. */
int qkdtls_transcript_start(struct qkdtls_transcript *t, enum qkdtls_hash hash);

/* The hash of all so far; only once started */
int qkdtls_transcript_hash(const struct qkdtls_transcript *t, uint8_t *out);

/*
 * The hash that a binder covers, with the PSK's hash: all before this hello, then the hello from
 * its message header up to, and without, the binders list (whose length the header and the
 * extension count).
 */
int qkdtls_transcript_binder(struct qkdtls_transcript *t, enum qkdtls_hash psk_hash,
			     const void *truncated_hello, size_t len, uint8_t *out);

#endif /* QKDTLS_TRANSCRIPT_H */
