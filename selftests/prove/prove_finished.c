// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/finished.c tls/buf.c stand_engine.c stand_conn.c stand_crypto.c
 * UNWIND: 17
 * BOUND: Finished of up to 96 bytes
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(96);

	REACHED(!qkdtls_finished_recv(conn, &msg), "a Finished is taken");
}
