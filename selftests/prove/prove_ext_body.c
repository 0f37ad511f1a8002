// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/ext_hello.c tls/ext_share.c tls/ext_psk.c tls/buf.c stand_engine.c stand_conn.c stand_u16_set.c stand_psk.c stand_crypto.c
 * UNWIND: 50
 * BOUND: a body of up to 48 bytes in any message
 * VARIANTS: cookie cert_with_psk early_data
 */
#include "prove.h"

#define GLUE2(a, b) a##b
#define GLUE(a, b)  GLUE2(a, b)
#define OPS	    GLUE(qkdtls_ext_, VARIANT)

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	struct qkdtls_cursor body = any_input(48);
	struct qkdtls_hello *hello = &conn->hs->hello;
	const unsigned int shift = nondet_u8();

	assume(shift <= 5);
	if (OPS.read(conn, 1 << shift, &body))
		return;
	check(sound(&body), "what is left is sound");
	check(sound(&hello->share) && sound(&hello->shares) && sound(&hello->groups) &&
		      sound(&hello->schemes) && sound(&hello->cookie) &&
		      sound(&hello->identities) && sound(&hello->binders),
	      "what is kept is sound");
	check(qkdtls_cursor_left(&hello->groups) % 2 == 0 &&
		      qkdtls_cursor_left(&hello->schemes) % 2 == 0,
	      "lists of numbers have whole numbers");
	check(hello->binders_len <= 48, "binders are in the body");
	REACHED(qkdtls_cursor_empty(&body), "a body is taken");
}
