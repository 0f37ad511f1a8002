/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS 1.3 records (RFC 9846 section 5): one reader and one writer per connection, each plain until
 * it is given a key.
 */
#ifndef QKDTLS_RECORD_H
#define QKDTLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qkd/qkdtls.h"
#include "tls/buf.h"
#include "tls/crypto_aead.h"

enum qkdtls_content {
	QKDTLS_CONTENT_CCS = 20,
	QKDTLS_CONTENT_ALERT = 21,
	QKDTLS_CONTENT_HANDSHAKE = 22,
	QKDTLS_CONTENT_DATA = 23,
};

#define QKDTLS_RECORD_HEADER	5
#define QKDTLS_RECORD_PLAIN_MAX 16384
#define QKDTLS_RECORD_INNER_MAX (QKDTLS_RECORD_PLAIN_MAX + 1) /* with type and padding */
#define QKDTLS_RECORD_BODY_MAX	(QKDTLS_RECORD_PLAIN_MAX + 256)
#define QKDTLS_RECORD_LIMIT_MIN 64 /* that an end may ask for (RFC 8449 section 4) */

/* Gives a key of the suite that was agreed on, which the caller wipes; 0, -EIO, -ENOMEM */
typedef int (*qkdtls_key_source)(void *arg, struct qkdtls_traffic_key *key);

/* One direction's key and place in the sequence. All zero: plain text */
struct qkdtls_protection {
	const struct qkdtls_suite *suite; /* protected, whether the key is here yet or not */
	qkdtls_key_source source; /* of a key that is not */
	void *source_arg;
	struct qkdtls_aead_key *key;
	uint8_t iv[QKDTLS_AEAD_NONCE_LEN];
	uint64_t seq; /* of the next record */
	uint64_t limit; /* records under this key */
};

/* ---- Reader ---- */

/**
 * struct qkdtls_record_reader - takes bytes, exactly as many as it wants, and gives records
 * @protection: the peer's key, set by qkdtls_record_reader_key()
 * @allow_ccs: set by the handshake between the first ClientHello and the peer's Finished: a
 *	well-formed change_cipher_spec is dropped, otherwise it is unexpected_message
 * @allow_plain_alert: set by a server that has sent its ServerHello, until the first protected
 *	record: a client that cannot use that ServerHello has no keys for its alert
 * @inner_max: content, type and padding of a protected record, by qkdtls_record_reader_limit()
 * @inner_seen: the largest so far
 * @body: header and body of the record in hand
 */
struct qkdtls_record_reader {
	struct qkdtls_protection protection;
	bool allow_ccs;
	bool allow_plain_alert;
	size_t inner_max;
	size_t inner_seen;
	struct qkdtls_buf body;
	size_t given; /* bytes of the record that the caller is looking at */
};

struct qkdtls_record {
	uint8_t type;
	const uint8_t *data;
	size_t len;
};

void qkdtls_record_reader_init(struct qkdtls_record_reader *reader);
void qkdtls_record_reader_free(struct qkdtls_record_reader *reader); /* wipes */

/*
 * The key of the next record. -EBUSY: bytes of a record are in hand already; -EIO, -ENOMEM. The
 * caller wipes @key.
 */
int qkdtls_record_reader_key(struct qkdtls_record_reader *reader,
			     const struct qkdtls_traffic_key *key);

/* The same, but @source is asked for the key when the first record under it is whole. -EBUSY */
int qkdtls_record_reader_key_from(struct qkdtls_record_reader *reader,
				  const struct qkdtls_suite *suite, qkdtls_key_source source,
				  void *arg);

/*
 * A protected record with more than @limit bytes of content, type and padding is record_overflow. false: one has
 * been taken already.
 */
bool qkdtls_record_reader_limit(struct qkdtls_record_reader *reader, size_t limit);

/* Bytes of this record still missing: the header first, then the body; never 0 before it is whole
 */
size_t qkdtls_record_reader_wanted(const struct qkdtls_record_reader *reader);

/* @len at most wanted, else -EMSGSIZE and nothing is taken; -ENOMEM */
int qkdtls_record_reader_input(struct qkdtls_record_reader *reader, const void *data, size_t len);

/* Is a part of a record in hand (the stream must not end here)? */
bool qkdtls_record_reader_busy(const struct qkdtls_record_reader *reader);

/*
 * 0: a record, opened, without padding, valid until the next call with @reader but wanted and busy;
 * -EAGAIN: more input first (a dropped change_cipher_spec also answers so); an alert (positive):
 * the peer is at fault; -EIO, -ENOMEM; -EOVERFLOW: the sequence number would wrap. Call after each
 * input: bad headers are refused before their body is wanted.
 */
int qkdtls_record_reader_next(struct qkdtls_record_reader *reader, struct qkdtls_record *record);

/* ---- Writer ---- */

struct qkdtls_record_writer {
	struct qkdtls_protection protection;
	size_t inner_max; /* as in the reader: what the peer takes */
	uint16_t version; /* legacy_record_version of plain records; 0x0303 unless the caller sets
			     0x0301 */
};

void qkdtls_record_writer_init(struct qkdtls_record_writer *writer);
void qkdtls_record_writer_free(struct qkdtls_record_writer *writer); /* wipes */

/* 0, -EIO, -ENOMEM (the old key stays). The caller wipes @key. */
int qkdtls_record_writer_key(struct qkdtls_record_writer *writer,
			     const struct qkdtls_traffic_key *key);

/* The same, but @source is asked for the key when the first record under it is written. */
void qkdtls_record_writer_key_from(struct qkdtls_record_writer *writer,
				   const struct qkdtls_suite *suite, qkdtls_key_source source,
				   void *arg);

/* Protected records hold at most @limit bytes of content, type and padding. */
void qkdtls_record_writer_limit(struct qkdtls_record_writer *writer, size_t limit);

/* Content that fits into one record of this type */
size_t qkdtls_record_writer_max(const struct qkdtls_record_writer *writer, uint8_t type);

/* Records that this key may still protect (UINT64_MAX: plain) */
uint64_t qkdtls_record_writer_left(const struct qkdtls_record_writer *writer);

/*
 * Appends @data as records of at most qkdtls_record_writer_max() bytes to @out, all or nothing.
 * change_cipher_spec is always plain. No data gives one empty record for application data and
 * -EINVAL for anything else. -EKEYEXPIRED: more records than the key has left; -ENOBUFS, -ENOMEM,
 * -EIO.
 */
int qkdtls_record_write(struct qkdtls_record_writer *writer, uint8_t type, const void *data,
			size_t len, struct qkdtls_buf *out);

/* The same for one record, which @padding counts to; -EMSGSIZE */
int qkdtls_record_write_padded(struct qkdtls_record_writer *writer, uint8_t type, const void *data,
			       size_t len, size_t padding, struct qkdtls_buf *out);

#endif /* QKDTLS_RECORD_H */
