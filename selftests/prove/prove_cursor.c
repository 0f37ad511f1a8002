// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/buf.c stand_engine.c
 * UNWIND: 5
 * BOUND: input of any length up to 64 bytes, any sequence of two calls
 */
#include "prove.h"

#define INPUT_MAX 64

static bool get_any(struct qkdtls_cursor *c, const struct qkdtls_cursor *whole)
{
	struct qkdtls_cursor sub = qkdtls_cursor(NULL, 0);
	const uint8_t *bytes;
	const size_t len = nondet_size();
	uint8_t u8, *copy;
	uint16_t u16;
	uint32_t u32;
	bool ok;

	switch (nondet_u8()) {
	case 0:
		return qkdtls_get_u8(c, &u8);
	case 1:
		return qkdtls_get_u16(c, &u16);
	case 2:
		return qkdtls_get_u24(c, &u32) && (check(u32 < 1 << 24, "a u24 has 24 bits"), true);
	case 3:
		return qkdtls_get_u32(c, &u32);
	case 4:
		ok = qkdtls_get_bytes(c, len, &bytes);
		check(!ok || __CPROVER_r_ok(bytes, len), "bytes that were given are there");
		return ok;
	case 5:
		assume(len <= 64);
		copy = any_bytes(len);
		return qkdtls_get_copy(c, len, copy);
	case 6:
		ok = qkdtls_get_sub(c, len, &sub);
		break;
	case 7:
		ok = qkdtls_get_vec8(c, nondet_size(), nondet_size(), &sub);
		break;
	case 8:
		ok = qkdtls_get_vec16(c, nondet_size(), nondet_size(), &sub);
		break;
	default:
		ok = qkdtls_get_vec24(c, nondet_size(), nondet_size(), &sub);
	}
	check(sound(&sub), "a part is a sound cursor");
	check(!ok || qkdtls_cursor_empty(&sub) || (sub.pos >= whole->pos && sub.end <= c->pos),
	      "a part lies before what is left");
	return ok;
}

void harness(void)
{
	struct qkdtls_cursor c = any_input(INPUT_MAX);
	const struct qkdtls_cursor whole = c;

	for (int i = 0; i < 2; i++) {
		const struct qkdtls_cursor before = c;
		const bool ok = get_any(&c, &whole);

		check(ok || (c.pos == before.pos && c.end == before.end),
		      "a refusal moves nothing");
		check(c.end == whole.end && c.pos >= before.pos && sound(&c),
		      "what is left is sound");
		REACHED(ok && i == 1, "the second call succeeds");
	}
}
