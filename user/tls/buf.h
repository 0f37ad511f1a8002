/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wire bytes: a cursor to read them, a writer to make them, a queue to keep them. Nothing else in
 * the engine computes an address inside a message.
 */
#ifndef QKDTLS_BUF_H
#define QKDTLS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Cursor: reads bytes it does not own. No allocation, no state but the two pointers. ---- */

struct qkdtls_cursor {
	const uint8_t *pos;
	const uint8_t *end;
};

struct qkdtls_cursor qkdtls_cursor(const void *data, size_t len);
size_t qkdtls_cursor_left(const struct qkdtls_cursor *c);
bool qkdtls_cursor_empty(const struct qkdtls_cursor *c);

/* Each returns false and moves nothing (and leaves the result alone) if the bytes are not there. */
bool qkdtls_get_u8(struct qkdtls_cursor *c, uint8_t *value);
bool qkdtls_get_u16(struct qkdtls_cursor *c, uint16_t *value);
bool qkdtls_get_u24(struct qkdtls_cursor *c, uint32_t *value);
bool qkdtls_get_u32(struct qkdtls_cursor *c, uint32_t *value);
bool qkdtls_get_bytes(struct qkdtls_cursor *c, size_t len, const uint8_t **bytes);
bool qkdtls_get_copy(struct qkdtls_cursor *c, size_t len, void *out);
bool qkdtls_get_sub(struct qkdtls_cursor *c, size_t len, struct qkdtls_cursor *sub);

/*
 * A vector behind a length of 1, 2 or 3 bytes; false also if its length is outside @min..@max. @vec is
 * another cursor than @c, which goes on behind the vector.
 */
bool qkdtls_get_vec8(struct qkdtls_cursor *c, size_t min, size_t max, struct qkdtls_cursor *vec);
bool qkdtls_get_vec16(struct qkdtls_cursor *c, size_t min, size_t max, struct qkdtls_cursor *vec);
bool qkdtls_get_vec24(struct qkdtls_cursor *c, size_t min, size_t max, struct qkdtls_cursor *vec);

/* ---- Writer: fills bytes it does not own. The first that does not fit fails it for good. ---- */

struct qkdtls_writer {
	uint8_t *data;
	size_t len;
	size_t size;
	bool failed;
};

/* Where an open vector's length stands */
struct qkdtls_mark {
	size_t at;
	unsigned int width;
};

void qkdtls_writer_init(struct qkdtls_writer *w, void *data, size_t size);
bool qkdtls_writer_ok(const struct qkdtls_writer *w);

/* A value that does not fit its width (u24) fails the writer too. */
void qkdtls_put_u8(struct qkdtls_writer *w, uint8_t value);
void qkdtls_put_u16(struct qkdtls_writer *w, uint16_t value);
void qkdtls_put_u24(struct qkdtls_writer *w, uint32_t value);
void qkdtls_put_u32(struct qkdtls_writer *w, uint32_t value);
void qkdtls_put_bytes(struct qkdtls_writer *w, const void *data, size_t len);

/* Room for @len bytes that the caller fills at once; NULL (and failed) if there is none */
uint8_t *qkdtls_put_room(struct qkdtls_writer *w, size_t len);

/* A vector behind a length of @width (1, 2 or 3) bytes, which close fills in. Closed in reverse
 * order. */
struct qkdtls_mark qkdtls_put_open(struct qkdtls_writer *w, unsigned int width);
void qkdtls_put_close(struct qkdtls_writer *w, struct qkdtls_mark mark);

/* ---- Buffer: a byte queue on the heap with a hard limit. Bytes that leave it are wiped. ---- */

struct qkdtls_buf {
	uint8_t *data;
	size_t start;
	size_t len;
	size_t size;
	size_t limit;
};

void qkdtls_buf_init(struct qkdtls_buf *buf, size_t limit);
void qkdtls_buf_free(struct qkdtls_buf *buf); /* empty again, with its limit */
const uint8_t *qkdtls_buf_data(const struct qkdtls_buf *buf); /* NULL if empty */

/* 0, -ENOBUFS (would pass the limit), -ENOMEM; nothing changed then */
int qkdtls_buf_add(struct qkdtls_buf *buf, const void *data, size_t len);

/*
 * Room for @len more bytes behind the last (NULL: limit or memory), then how many were put there.
 * Data pointers taken before are stale afterwards.
 */
uint8_t *qkdtls_buf_room(struct qkdtls_buf *buf, size_t len);
void qkdtls_buf_added(struct qkdtls_buf *buf, size_t len);

/* It will not be used for a while: if it is empty, its memory is freed. */
void qkdtls_buf_rest(struct qkdtls_buf *buf);

void qkdtls_buf_drop(struct qkdtls_buf *buf,
		     size_t len); /* from the front; at most what is there */

#endif /* QKDTLS_BUF_H */
