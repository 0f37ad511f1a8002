// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/ticket.c tls/buf.c stand_engine.c stand_conn.c stand_ext.c
 * UNWIND: 17
 * BOUND: NewSessionTicket of up to 64 bytes, with and without a handshake
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(64);

	if (nondet_bool())
		conn->hs = NULL;
	REACHED(!qkdtls_ticket_recv(conn, &msg), "a NewSessionTicket is taken");
}
