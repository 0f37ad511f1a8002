// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/ext_psk.c tls/buf.c stand_engine.c stand_conn.c
 * UNWIND: 17
 * FLAGS: --unwindset identities_count.0:14,binders_count.0:4
 * BOUND: a pre_shared_key of up to 128 bytes in any message, which may offer 3 PSKs
 */
#include "prove.h"

#define BODY_MAX 128

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	struct qkdtls_cursor body = any_input(BODY_MAX);
	struct qkdtls_hello *hello = &conn->hs->hello;
	const uint8_t *const end = body.end;
	const bool offer = nondet_bool();

	if (qkdtls_ext_pre_shared_key.read(conn, offer ? QKDTLS_IN_CH : QKDTLS_IN_SH, &body))
		return;
	check(sound(&body), "what is left is sound");
	check(sound(&hello->identities) && sound(&hello->binders), "what is kept is sound");
	check(!offer || hello->binders_len == (size_t)(end - hello->binders.pos) + 2,
	      "binders with their length are the end of the body");
	REACHED(!offer, "a choice is taken");
	REACHED(qkdtls_cursor_left(&hello->binders) > 2 * (1 + 32), "an offer of three is taken");
}
