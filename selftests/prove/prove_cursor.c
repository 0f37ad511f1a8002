// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stand_cursor.c takes for granted is proven here.
 *
 * SOURCES: tls/buf.c stand_engine.c
 * UNWIND: 5
 * FLAGS: --arrays-uf-always
 * BOUND: input of any length up to 64 KiB, any call, behind which any other may follow
 */
#include "prove.h"

#define INPUT_MAX 65540

static bool moved(const struct qkdtls_cursor *from, const struct qkdtls_cursor *to, size_t len)
{
	return to->pos == from->pos + len && to->end == from->end;
}

static bool get_uint(struct qkdtls_cursor *c)
{
	const struct qkdtls_cursor before = *c;
	const unsigned int width = nondet_u8();
	uint32_t u24 = UINT32_MAX, u32 = 1;
	uint16_t u16 = 1;
	uint8_t u8 = 1;
	bool ok;

	assume(1 <= width && width <= 4);
	ok = width == 1	  ? qkdtls_get_u8(c, &u8)
	     : width == 2 ? qkdtls_get_u16(c, &u16)
	     : width == 3 ? qkdtls_get_u24(c, &u24)
			  : qkdtls_get_u32(c, &u32);
	check(!ok || moved(&before, c, width), "a number takes its bytes");
	check(ok || (u8 == 1 && u16 == 1 && u24 == UINT32_MAX && u32 == 1),
	      "a refusal gives nothing");
	check(!ok || width != 3 || u24 < 1 << 24, "a u24 has 24 bits");
	return ok;
}

static bool get_bytes(struct qkdtls_cursor *c)
{
	const struct qkdtls_cursor before = *c;
	const size_t len = nondet_size();
	struct qkdtls_cursor sub = qkdtls_cursor(NULL, 0);
	const uint8_t *bytes = NULL;
	bool ok;

	switch (nondet_u8()) {
	case 0:
		ok = qkdtls_get_bytes(c, len, &bytes);
		break;
	case 1:
		assume(len <= 64);
		return qkdtls_get_copy(c, len, any_bytes(len));
	default:
		ok = qkdtls_get_sub(c, len, &sub);
		check(!ok || qkdtls_cursor_left(&sub) == len, "a part is as long as it was to be");
		bytes = sub.pos;
	}
	check(!ok || (moved(&before, c, len) && bytes == before.pos),
	      "bytes are those that lay ahead");
	check(ok || !bytes, "a refusal gives nothing");
	return ok;
}

static bool get_vec(struct qkdtls_cursor *c)
{
	const struct qkdtls_cursor before = *c;
	const unsigned int width = nondet_u8();
	const size_t min = nondet_size(), max = nondet_size();
	struct qkdtls_cursor vec = qkdtls_cursor(NULL, 0);
	size_t len;
	bool ok;

	assume(1 <= width && width <= 3);
	ok = width == 1	  ? qkdtls_get_vec8(c, min, max, &vec)
	     : width == 2 ? qkdtls_get_vec16(c, min, max, &vec)
			  : qkdtls_get_vec24(c, min, max, &vec);
	len = qkdtls_cursor_left(&vec);
	check(ok || !vec.pos, "a refusal gives nothing");
	check(!ok || (min <= len && len <= max), "a vector is as long as it may be");
	check(!ok || (moved(&before, c, width + len) && vec.pos == before.pos + width &&
		      vec.end == c->pos),
	      "a vector lies between its length and what is left");
	return ok;
}

static bool get_any(struct qkdtls_cursor *c)
{
	switch (nondet_u8()) {
	case 0:
		return get_uint(c);
	case 1:
		return get_bytes(c);
	default:
		return get_vec(c);
	}
}

void harness(void)
{
	struct qkdtls_cursor c = any_input(INPUT_MAX);
	const struct qkdtls_cursor whole = c;

	const bool ok = get_any(&c);

	check(ok || moved(&whole, &c, 0), "a refusal moves nothing");
	check(c.end == whole.end && c.pos >= whole.pos && sound(&c), "what is left is sound");
	REACHED(ok, "a call succeeds");
}
