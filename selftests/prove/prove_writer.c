// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/buf.c stand_engine.c
 * UNWIND: 5
 * BOUND: room of any size up to 2^32 bytes, any part of it filled, any call within an open vector
 */
#include "prove.h"

#define ROOM_MAX (UINT64_C(1) << 32)

static void put_any(struct qkdtls_writer *w)
{
	const size_t len = nondet_size();
	uint8_t *room;

	switch (nondet_u8()) {
	case 0:
		qkdtls_put_u8(w, nondet_u8());
		break;
	case 1:
		qkdtls_put_u16(w, nondet_u16());
		break;
	case 2:
		qkdtls_put_u24(w, nondet_u32());
		break;
	case 3:
		qkdtls_put_u32(w, nondet_u32());
		break;
	case 4:
		assume(len <= 64);
		qkdtls_put_bytes(w, any_bytes(len), len);
		break;
	default:
		room = qkdtls_put_room(w, len);
		check(!room || __CPROVER_w_ok(room, len), "room that was given is there");
	}
}

void harness(void)
{
	const size_t size = nondet_size();
	struct qkdtls_mark outer;
	struct qkdtls_writer w;
	unsigned int width = nondet_u8();

	assume(size <= ROOM_MAX && 1 <= width && width <= 3);
	qkdtls_writer_init(&w, any_bytes(size), size);
	w.len = nondet_size();
	assume(w.len <= size);
	outer = qkdtls_put_open(&w, width);
	put_any(&w);
	qkdtls_put_close(&w, outer);
	check(w.len <= w.size && w.size == size, "nothing is written beyond the room");
	REACHED(qkdtls_writer_ok(&w), "all fits");
}
