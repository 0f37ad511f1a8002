// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands for ext.c and ext_*.c, which have proofs of their own: a block is taken from the body, and the hello keeps parts
 * of it. Each has memory of its own, so that whoever leaves it is seen.
 */
#include "prove.h"

#define PART_MAX 16

static void any_hello(struct qkdtls_hello *hello, struct qkdtls_cursor block)
{
	hello->extensions = block;
	hello->seen = nondet_u32();
	hello->selected_identity = nondet_u16();
	hello->share_group = nondet_u16();
	hello->share = any_input(PART_MAX);
	hello->shares = any_input(PART_MAX);
	hello->groups = any_input(PART_MAX);
	hello->schemes = any_input(PART_MAX);
	hello->protocols = any_input(PART_MAX);
	hello->cookie = any_input(PART_MAX);
	hello->identities = any_input(PART_MAX);
	hello->binders = any_input(PART_MAX);
	hello->binders_len = nondet_size();
	hello->record_limit = nondet_u16();
	hello->tls13 = nondet_bool();
	hello->psk_dhe_ke = nondet_bool();
	assume(hello->binders_len <= qkdtls_cursor_left(&block));
}

int qkdtls_ext_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		    struct qkdtls_cursor *body)
{
	struct qkdtls_cursor block;

	check(sound(body), "extensions are read from a sound cursor");
	if (!qkdtls_get_vec16(body, 0, UINT16_MAX, &block) || nondet_bool())
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "any");
	if (place == QKDTLS_IN_CT)
		conn->hs->status = any_input(PART_MAX);
	else if (conn->hs)
		any_hello(&conn->hs->hello, block);
	return 0;
}

bool qkdtls_ext_seen(const struct qkdtls_hello *hello, enum qkdtls_ext_type type)
{
	return nondet_bool();
}
