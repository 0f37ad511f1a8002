// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands for the cursor in buf.c by what its own proof says of it, where a parser takes so many steps that their bytes
 * would be too much: it stays within its bytes, moves forward or refuses, and what it reads is anything.
 */
#include "prove.h"

struct qkdtls_cursor qkdtls_cursor(const void *data, size_t len)
{
	const uint8_t *pos = data;

	return (struct qkdtls_cursor){ .pos = pos, .end = len ? pos + len : pos };
}

size_t qkdtls_cursor_left(const struct qkdtls_cursor *c)
{
	return c->pos == c->end ? 0 : (size_t)(c->end - c->pos);
}

bool qkdtls_cursor_empty(const struct qkdtls_cursor *c)
{
	return c->pos == c->end;
}

/* How many bytes are left, all of which must be there */
static size_t left(const struct qkdtls_cursor *c)
{
	const size_t len = qkdtls_cursor_left(c);

	check(!len || __CPROVER_r_ok(c->pos, len), "the cursor is sound");
	return len;
}

static bool moves(struct qkdtls_cursor *c, size_t len)
{
	if (left(c) < len)
		return false;
	if (len)
		c->pos += len;
	return true;
}

bool qkdtls_get_u8(struct qkdtls_cursor *c, uint8_t *value)
{
	if (!moves(c, 1))
		return false;
	*value = nondet_u8();
	return true;
}

bool qkdtls_get_u16(struct qkdtls_cursor *c, uint16_t *value)
{
	if (!moves(c, 2))
		return false;
	*value = nondet_u16();
	return true;
}

bool qkdtls_get_u32(struct qkdtls_cursor *c, uint32_t *value)
{
	if (!moves(c, 4))
		return false;
	*value = nondet_u32();
	return true;
}

bool qkdtls_get_bytes(struct qkdtls_cursor *c, size_t len, const uint8_t **bytes)
{
	const uint8_t *pos = c->pos;

	if (!moves(c, len))
		return false;
	*bytes = pos;
	return true;
}

static bool get_vec(struct qkdtls_cursor *c, unsigned int width, size_t min, size_t max,
		    struct qkdtls_cursor *vec)
{
	const size_t len = nondet_size(), all = left(c);

	if (all < width || len > all - width || len < min || len > max)
		return false;
	*vec = (struct qkdtls_cursor){ c->pos + width, c->pos + width + len };
	c->pos = vec->end;
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
