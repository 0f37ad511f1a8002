// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/buf.c stand_engine.c stand_memcpy.c
 * UNWIND: 25
 * FLAGS: --malloc-may-fail --malloc-fail-null
 * BOUND: a queue of any limit, memory and filling up to 2^32 bytes, any call
 * VARIANTS: add room drop free rest
 */
#include <errno.h>
#include "prove.h"

#define MEMORY_MAX (UINT64_C(1) << 32)

static bool buf_sound(const struct qkdtls_buf *buf)
{
	return buf->start <= buf->size && buf->len <= buf->size - buf->start &&
	       buf->len <= buf->limit && (buf->len || !buf->start) && !buf->size == !buf->data;
}

static struct qkdtls_buf any_buf(void)
{
	struct qkdtls_buf buf;

	qkdtls_buf_init(&buf, nondet_size());
	buf.start = nondet_size();
	buf.len = nondet_size();
	buf.size = nondet_size();
	assume(buf.size <= MEMORY_MAX && buf.limit <= MEMORY_MAX);
	if (buf.size)
		buf.data = any_bytes(buf.size);
	assume(buf_sound(&buf));
	return buf;
}

static void op_add(struct qkdtls_buf *buf)
{
	const size_t len = nondet_size();
	const size_t before = buf->len;
	int ret;

	assume(len <= MEMORY_MAX);
	ret = qkdtls_buf_add(buf, any_bytes(len), len);
	check(buf->len == before + (ret ? 0 : len), "all is added, or nothing");
	REACHED(!ret && len, "bytes are added");
	REACHED(ret == -ENOMEM, "there is no memory");
}

static void op_room(struct qkdtls_buf *buf)
{
	const size_t len = nondet_size();
	uint8_t *room = qkdtls_buf_room(buf, len);

	if (!room)
		return;
	check(__CPROVER_w_ok(room, len), "room that was given is there");
	check(room == buf->data + buf->start + buf->len, "room is behind what was there");
	qkdtls_buf_added(buf, len);
	REACHED(buf->size > 512, "more than the least memory is taken");
}

static void op_drop(struct qkdtls_buf *buf)
{
	qkdtls_buf_drop(buf, nondet_size());
	REACHED(buf->start, "some are dropped and some stay");
}

static void op_free(struct qkdtls_buf *buf)
{
	qkdtls_buf_free(buf);
	REACHED(!buf->data, "the memory is gone");
}

static void op_rest(struct qkdtls_buf *buf)
{
	const size_t before = buf->len;

	qkdtls_buf_rest(buf);
	check(buf->len == before, "nothing that is kept is lost");
	REACHED(!before && !buf->data, "the memory of an empty one is gone");
}

#define GLUE2(a, b) a##b
#define GLUE(a, b)  GLUE2(a, b)

void harness(void)
{
	struct qkdtls_buf buf = any_buf();

	GLUE(op_, VARIANT)(&buf);
	check(buf_sound(&buf), "the queue stays sound");
	check(!buf.size || __CPROVER_rw_ok(buf.data, buf.size), "its memory is there");
}
