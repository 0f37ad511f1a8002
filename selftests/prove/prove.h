/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For harnesses that CBMC runs: input that may be anything, and stand-ins for what the parser under proof
 * calls. A harness is one prove_*.c; its head tells selftests/prove/run how (see there).
 */
#ifndef _QKD_SELFTESTS_PROVE_H
#define _QKD_SELFTESTS_PROVE_H

#include <stdlib.h>
#include <string.h>
#include "tls/internal.h"

/* CBMC gives what has no body any value. */
size_t nondet_size(void);
int nondet_int(void);
_Bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);

#define assume(condition)      __CPROVER_assume(condition)
#define check(condition, text) __CPROVER_assert(condition, text)

/*
 * This point must be reachable, or all that was proven says nothing: selftests/prove/run demands that this
 * assertion, and no other, fails.
 */
#define REACHED(condition, text) __CPROVER_assert(!(condition), "reached: " text)

/*
 * Heap memory of exactly @len bytes with any content: a byte too far is seen. Never NULL, which malloc() could be: the
 * solver would have to find out again and again that it is not.
 */
static inline uint8_t *any_bytes(size_t len)
{
	return __CPROVER_allocate(len, 0);
}

/*
 * 0 to @max bytes of anything, @max constant. They end where their memory ends, so that a byte too far is seen; the
 * memory's size is constant, which is what makes the solver quick.
 */
static inline struct qkdtls_cursor any_input(size_t max)
{
	const size_t len = nondet_size();

	assume(len <= max);
	return qkdtls_cursor(any_bytes(max) + (max - len), len);
}

/* Some of these bytes, or none */
static inline struct qkdtls_cursor any_part(struct qkdtls_cursor whole)
{
	const size_t left = qkdtls_cursor_left(&whole), from = nondet_size(), len = nondet_size();

	assume(from <= left && len <= left - from);
	return qkdtls_cursor(whole.pos + from, len);
}

/* stand_conn.c: a connection in a handshake, of any role, configuration and state, nothing received yet */
struct qkdtls_conn *any_conn(void);
/* A whole message of at most @max bytes with its header, as qkdtls_message_peek() gives it */
struct qkdtls_incoming any_message(size_t max);

/* Is it what cursor functions may be given? */
static inline bool sound(const struct qkdtls_cursor *c)
{
	return c->pos == c->end || (__CPROVER_same_object(c->pos, c->end) && c->pos <= c->end &&
				    __CPROVER_r_ok(c->pos, (size_t)(c->end - c->pos)));
}

#endif /* _QKD_SELFTESTS_PROVE_H */
