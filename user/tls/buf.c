// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tls/buf.h"
#include "tls/crypto_random.h"

#define BUF_SIZE_MIN 512

/* ---- Cursor ---- */

struct qkdtls_cursor qkdtls_cursor(const void *data, size_t len)
{
	const uint8_t *pos = data;

	/* NULL + 0 is not an address that C lets one compute. */
	return (struct qkdtls_cursor){ .pos = pos, .end = len ? pos + len : pos };
}

size_t qkdtls_cursor_left(const struct qkdtls_cursor *c)
{
	/* Nor NULL - NULL, of a cursor that was never set. */
	return c->pos == c->end ? 0 : (size_t)(c->end - c->pos);
}

bool qkdtls_cursor_empty(const struct qkdtls_cursor *c)
{
	return c->pos == c->end;
}

static bool get_uint(struct qkdtls_cursor *c, unsigned int width, uint32_t *value)
{
	uint32_t v = 0;
	unsigned int i;

	if (qkdtls_cursor_left(c) < width)
		return false;
	for (i = 0; i < width; i++)
		v = v << 8 | c->pos[i];
	c->pos += width;
	*value = v;
	return true;
}

bool qkdtls_get_u8(struct qkdtls_cursor *c, uint8_t *value)
{
	uint32_t v;

	if (!get_uint(c, 1, &v))
		return false;
	*value = (uint8_t)v;
	return true;
}

bool qkdtls_get_u16(struct qkdtls_cursor *c, uint16_t *value)
{
	uint32_t v;

	if (!get_uint(c, 2, &v))
		return false;
	*value = (uint16_t)v;
	return true;
}

bool qkdtls_get_u24(struct qkdtls_cursor *c, uint32_t *value)
{
	return get_uint(c, 3, value);
}

bool qkdtls_get_u32(struct qkdtls_cursor *c, uint32_t *value)
{
	return get_uint(c, 4, value);
}

bool qkdtls_get_bytes(struct qkdtls_cursor *c, size_t len, const uint8_t **bytes)
{
	if (qkdtls_cursor_left(c) < len)
		return false;
	*bytes = c->pos;
	if (len)
		c->pos += len;
	return true;
}

bool qkdtls_get_copy(struct qkdtls_cursor *c, size_t len, void *out)
{
	const uint8_t *bytes;

	if (!qkdtls_get_bytes(c, len, &bytes))
		return false;
	if (len)
		memcpy(out, bytes, len);
	return true;
}

bool qkdtls_get_sub(struct qkdtls_cursor *c, size_t len, struct qkdtls_cursor *sub)
{
	const uint8_t *bytes;

	if (!qkdtls_get_bytes(c, len, &bytes))
		return false;
	*sub = qkdtls_cursor(bytes, len);
	return true;
}

static bool get_vec(struct qkdtls_cursor *c, unsigned int width, size_t min, size_t max,
		    struct qkdtls_cursor *vec)
{
	struct qkdtls_cursor ahead = *c;
	uint32_t len;

	if (!get_uint(&ahead, width, &len) || len < min || len > max)
		return false;
	if (!qkdtls_get_sub(&ahead, len, vec))
		return false;
	*c = ahead;
	return true;
}

bool qkdtls_get_vec8(struct qkdtls_cursor *c, size_t min, size_t max, struct qkdtls_cursor *vec)
{
	return get_vec(c, 1, min, max, vec);
}

bool qkdtls_get_vec16(struct qkdtls_cursor *c, size_t min, size_t max, struct qkdtls_cursor *vec)
{
	return get_vec(c, 2, min, max, vec);
}

bool qkdtls_get_vec24(struct qkdtls_cursor *c, size_t min, size_t max, struct qkdtls_cursor *vec)
{
	return get_vec(c, 3, min, max, vec);
}

/* ---- Writer ---- */

void qkdtls_writer_init(struct qkdtls_writer *w, void *data, size_t size)
{
	*w = (struct qkdtls_writer){ .data = data, .size = size };
}

bool qkdtls_writer_ok(const struct qkdtls_writer *w)
{
	return !w->failed;
}

uint8_t *qkdtls_put_room(struct qkdtls_writer *w, size_t len)
{
	uint8_t *room;

	if (w->failed || w->size - w->len < len) {
		w->failed = true;
		return NULL;
	}
	room = w->data + w->len;
	w->len += len;
	return room;
}

static void store_uint(uint8_t *to, unsigned int width, uint32_t value)
{
	for (; width; width--) {
		to[width - 1] = (uint8_t)value;
		value >>= 8;
	}
}

static void put_uint(struct qkdtls_writer *w, unsigned int width, uint32_t value)
{
	uint8_t *room = qkdtls_put_room(w, width);

	if (room)
		store_uint(room, width, value);
}

void qkdtls_put_u8(struct qkdtls_writer *w, uint8_t value)
{
	put_uint(w, 1, value);
}

void qkdtls_put_u16(struct qkdtls_writer *w, uint16_t value)
{
	put_uint(w, 2, value);
}

void qkdtls_put_u24(struct qkdtls_writer *w, uint32_t value)
{
	if (value > 0xffffff)
		w->failed = true;
	put_uint(w, 3, value);
}

void qkdtls_put_u32(struct qkdtls_writer *w, uint32_t value)
{
	put_uint(w, 4, value);
}

void qkdtls_put_bytes(struct qkdtls_writer *w, const void *data, size_t len)
{
	uint8_t *room = qkdtls_put_room(w, len);

	if (room && len)
		memcpy(room, data, len);
}

struct qkdtls_mark qkdtls_put_open(struct qkdtls_writer *w, unsigned int width)
{
	struct qkdtls_mark mark = { .at = w->len, .width = width };

	put_uint(w, width, 0);
	return mark;
}

void qkdtls_put_close(struct qkdtls_writer *w, struct qkdtls_mark mark)
{
	size_t len;

	if (w->failed)
		return;
	len = w->len - mark.at - mark.width;
	if (len >> (8 * mark.width)) {
		w->failed = true;
		return;
	}
	store_uint(w->data + mark.at, mark.width, (uint32_t)len);
}

/* ---- Buffer ---- */

void qkdtls_buf_init(struct qkdtls_buf *buf, size_t limit)
{
	*buf = (struct qkdtls_buf){ .limit = limit };
}

void qkdtls_buf_free(struct qkdtls_buf *buf)
{
	qkdtls_wipe(buf->data, buf->size);
	free(buf->data);
	qkdtls_buf_init(buf, buf->limit);
}

const uint8_t *qkdtls_buf_data(const struct qkdtls_buf *buf)
{
	return buf->len ? buf->data + buf->start : NULL;
}

int qkdtls_buf_add(struct qkdtls_buf *buf, const void *data, size_t len)
{
	uint8_t *room;

	if (!len)
		return 0;
	if (len > buf->limit - buf->len)
		return -ENOBUFS;
	room = qkdtls_buf_room(buf, len);
	if (!room)
		return -ENOMEM;
	memcpy(room, data, len);
	qkdtls_buf_added(buf, len);
	return 0;
}

/* The bytes move to the front of a memory of @size bytes; the old one is wiped. */
static int buf_move(struct qkdtls_buf *buf, size_t size)
{
	uint8_t *data = malloc(size);

	if (!data)
		return -ENOMEM;
	if (buf->len)
		memcpy(data, buf->data + buf->start, buf->len);
	qkdtls_wipe(buf->data, buf->size);
	free(buf->data);
	buf->data = data;
	buf->start = 0;
	buf->size = size;
	return 0;
}

static size_t buf_size_for(const struct qkdtls_buf *buf, size_t need)
{
	size_t size = BUF_SIZE_MIN;

	while (size < need && size <= buf->limit / 2)
		size *= 2;
	return size < need ? need : size;
}

uint8_t *qkdtls_buf_room(struct qkdtls_buf *buf, size_t len)
{
	size_t need;

	if (len > buf->limit - buf->len)
		return NULL;
	need = buf->len + len;
	if (buf->size - buf->start < need) {
		if (buf->size >= need && buf->start >= buf->len) {
			/* Enough was taken from the front that a move costs less than it freed. */
			memcpy(buf->data, buf->data + buf->start, buf->len);
			qkdtls_wipe(buf->data + buf->start, buf->len);
			buf->start = 0;
		} else if (buf_move(buf, buf_size_for(buf, need))) {
			return NULL;
		}
	}
	/* An empty room in a buffer that never had any is still not NULL. */
	if (!buf->data && buf_move(buf, BUF_SIZE_MIN))
		return NULL;
	return buf->data + buf->start + buf->len;
}

void qkdtls_buf_added(struct qkdtls_buf *buf, size_t len)
{
	buf->len += len;
}

void qkdtls_buf_drop(struct qkdtls_buf *buf, size_t len)
{
	if (len > buf->len)
		len = buf->len;
	if (!len)
		return;
	qkdtls_wipe(buf->data + buf->start, len);
	buf->start += len;
	buf->len -= len;
	if (!buf->len)
		buf->start = 0;
}

void qkdtls_buf_rest(struct qkdtls_buf *buf)
{
	if (!buf->len)
		qkdtls_buf_free(buf);
}
