// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/ext_alpn.c tls/buf.c stand_engine.c stand_conn.c stand_ext.c stand_memcmp.c stand_memcpy.c
 * UNWIND: 17
 * FLAGS: --unwindset alpn_read.0:8,has_name.0:8,qkdtls_alpn_select.0:4
 * BOUND: a body of up to 16 bytes in any message, which may have 7 names, with up to 3 of this end's
 * VARIANTS: take choose
 */
#include "prove.h"

#define BODY_MAX 16
#define LIST_MAX (BODY_MAX - 2)
#define OWN_MAX	 6

/* The server chooses when the whole hello has been read. */
static void choose(struct qkdtls_conn *conn)
{
	conn->hs->hello.protocols = any_input(LIST_MAX);
	conn->info.alpn[1] = 'x';
	REACHED(!qkdtls_alpn_select(conn) && !conn->info.alpn[1], "a protocol is chosen");
}

static void take(struct qkdtls_conn *conn)
{
	struct qkdtls_cursor body = any_input(BODY_MAX);
	const bool answer = nondet_bool();

	if (qkdtls_ext_alpn.read(conn, answer ? QKDTLS_IN_EE : QKDTLS_IN_CH, &body))
		return;
	check(sound(&body), "what is left is sound");
	check(sound(&conn->hs->hello.protocols), "what is kept is sound");
	REACHED(answer, "an answer is taken");
	REACHED(!answer, "an offer is taken");
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();

	assume(conn->config->alpn.len <= OWN_MAX);
	VARIANT(conn);
}
