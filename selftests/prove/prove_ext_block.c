// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/ext.c tls/buf.c stand_engine.c stand_conn.c stand_u16_set.c stand_ext_ops.c
 * UNWIND: 17
 * FLAGS: --unwindset qkdtls_ext_read.0:7
 * BOUND: a block of up to 26 bytes in any message, which may have 6 extensions
 */
#include "prove.h"

extern int bodies_read; /* in stand_ext_ops.c */

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	struct qkdtls_cursor body = any_input(26);
	const unsigned int shift = nondet_u8();
	enum qkdtls_ext_place place;
	bool ticket;

	assume(shift <= 6);
	place = 1 << shift;
	ticket = place == QKDTLS_IN_NST;
	if (ticket && nondet_bool())
		conn->hs = NULL; /* NewSessionTicket comes behind the handshake. */
	if (qkdtls_ext_read(conn, place, &body))
		return;
	check(sound(&body), "what is left is sound");
	check(!conn->hs || sound(&conn->hs->hello.extensions), "the block that is kept is sound");
	check(!ticket || !bodies_read, "nothing is read of a ticket");
	REACHED(!conn->hs, "a block is taken without a handshake");
	REACHED(bodies_read == 6, "a block of six is taken");
}
