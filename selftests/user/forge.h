/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad messages out of good ones: hellos and whole flights are taken apart, changed as a table says, put
 * together again and given to a connection.
 */
#ifndef _QKD_SELFTESTS_FORGE_H
#define _QKD_SELFTESTS_FORGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qkd/qkdtls.h>
#include "tls/crypto_hash.h"
#include "tls/suite.h"

#define FORGE_MESSAGE_MAX 20000
#define FORGE_EXT_MAX	  120

struct forged_message {
	uint8_t type;
	uint8_t body[FORGE_MESSAGE_MAX];
	size_t len;
};

enum forge_op {
	FORGE_NOTHING,
	/* Extensions of a hello (type, bytes) */
	FORGE_DROP, /* take it out */
	FORGE_FIRST, /* put it in as the first */
	FORGE_LAST, /* as the last */
	FORGE_SET, /* other content */
	FORGE_GROW, /* more content behind it */
	FORGE_CUT, /* without its last @at bytes */
	FORGE_TWICE, /* a second copy, in front */
	FORGE_NO_EXTENSIONS, /* the block is not there */
	/* The rest of a hello */
	FORGE_HEAD, /* bytes at @at of what precedes the extensions */
	FORGE_TAIL, /* bytes at the end of what precedes the extensions, replacing @at bytes */
	FORGE_BEHIND, /* bytes behind the extensions */
	FORGE_SHORT, /* without its last @at bytes */
	FORGE_NO_SESSION_ID, /* legacy_session_id is empty */
};

struct forge {
	enum forge_op op;
	uint16_t type;
	size_t at;
	const uint8_t *bytes;
	size_t len;
};

#define FORGE_BYTES(...) \
	.bytes = (const uint8_t[]){ __VA_ARGS__ }, .len = sizeof((const uint8_t[]){ __VA_ARGS__ })

#define DROP(t)                             \
	{                                   \
		.op = FORGE_DROP, .type = t \
	}
#define FIRST(t, ...)                                                  \
	{                                                              \
		.op = FORGE_FIRST, .type = t, FORGE_BYTES(__VA_ARGS__) \
	}
#define FIRST_EMPTY(t)                       \
	{                                    \
		.op = FORGE_FIRST, .type = t \
	}
#define LAST_EMPTY(t)                       \
	{                                   \
		.op = FORGE_LAST, .type = t \
	}
#define SET(t, ...)                                                  \
	{                                                            \
		.op = FORGE_SET, .type = t, FORGE_BYTES(__VA_ARGS__) \
	}
#define GROW(t, ...)                                                  \
	{                                                             \
		.op = FORGE_GROW, .type = t, FORGE_BYTES(__VA_ARGS__) \
	}
#define CUT(t, n)                                   \
	{                                           \
		.op = FORGE_CUT, .type = t, .at = n \
	}
#define TWICE(t)                             \
	{                                    \
		.op = FORGE_TWICE, .type = t \
	}
#define NO_EXTENSIONS                     \
	{                                 \
		.op = FORGE_NO_EXTENSIONS \
	}
#define HEAD(n, ...)                                                \
	{                                                           \
		.op = FORGE_HEAD, .at = n, FORGE_BYTES(__VA_ARGS__) \
	}
#define TAIL(n, ...)                                                \
	{                                                           \
		.op = FORGE_TAIL, .at = n, FORGE_BYTES(__VA_ARGS__) \
	}
#define BEHIND(...)                                          \
	{                                                    \
		.op = FORGE_BEHIND, FORGE_BYTES(__VA_ARGS__) \
	}
#define SHORT(n)                           \
	{                                  \
		.op = FORGE_SHORT, .at = n \
	}

#define NO_SESSION_ID                     \
	{                                 \
		.op = FORGE_NO_SESSION_ID \
	}

/* Changes a ClientHello or ServerHello; aborts if the table asks for what is not there. */
void forge_hello(struct forged_message *hello, const struct forge *changes, size_t count);

/*
 * Makes the binders of @client's offer right again, as @server will check them: whatever it then refuses it
 * refuses for something else. Identities must be as the client wrote them.
 */
void forge_bind(struct forged_message *hello, const struct qkdtls_conn *client,
		const struct qkdtls_conn *server);

/* The first message of the plain record at @record; bytes of the record */
size_t forge_read_plain(const uint8_t *record, size_t len, struct forged_message *message);

/* Feeds @message as one plain record, without asking what comes of it. */
void forge_feed_record(struct qkdtls_conn *conn, const struct forged_message *message);

/* The same, and output is thrown away. What comes of it: QKDTLS_FAILED, WANT_READ ... */
enum qkdtls_want forge_feed_plain(struct qkdtls_conn *conn, const struct forged_message *message);

/* As many of the bytes as it wants; how many */
size_t forge_feed(struct qkdtls_conn *conn, const uint8_t *data, size_t len);

/* ---- Flights ---- */

#define FORGE_FLIGHT_MAX 8

struct forged_flight {
	struct forged_message message[FORGE_FLIGHT_MAX];
	size_t count;
};

/* The first key of a traffic secret */
void forge_traffic_key(const struct qkdtls_suite *suite, const uint8_t *secret,
		       struct qkdtls_traffic_key *key);

/* Opens the protected records at @data with a traffic secret. */
void forge_open_flight(const struct qkdtls_suite *suite, const uint8_t *secret, const uint8_t *data,
		       size_t len, struct forged_flight *flight);
/* Seals and feeds all messages, each in its record, or all in one. */
enum qkdtls_want forge_feed_flight(struct qkdtls_conn *conn, const struct qkdtls_suite *suite,
				   const uint8_t *secret, const struct forged_flight *flight,
				   bool one_record);

/* One record with this inner plaintext (content, type, padding), as the first under @secret; its length */
size_t forge_seal(const struct qkdtls_suite *suite, const uint8_t *secret, const uint8_t *inner,
		  size_t len, uint8_t *record);

/* The same in records of @size bytes each, without regard to where messages end */
enum qkdtls_want forge_feed_fragments(struct qkdtls_conn *conn, const struct qkdtls_suite *suite,
				      const uint8_t *secret, const struct forged_flight *flight,
				      size_t size);

#endif /* _QKD_SELFTESTS_FORGE_H */
