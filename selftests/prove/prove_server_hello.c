// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/hello_server.c tls/buf.c stand_lists.c stand_engine.c stand_conn.c stand_ext.c stand_psk.c stand_crypto.c stand_hello.c stand_memcmp.c stand_memcpy.c
 * UNWIND: 17
 * BOUND: ServerHello of up to 80 bytes
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(80);

	conn->hs->offer_count = nondet_size();
	assume(conn->hs->offer_count <= QKDTLS_OFFERS_MAX);
	if (nondet_bool())
		conn->hs->suite = NULL;
	REACHED(!qkdtls_server_hello_recv(conn, &msg), "a ServerHello is taken");
}
