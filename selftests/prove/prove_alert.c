// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/alert.c tls/buf.c stand_engine.c stand_conn.c stand_record.c
 * UNWIND: 17
 * BOUND: alert records of up to 16 bytes, any state
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_cursor input = any_input(16);

	conn->messages.len = nondet_size();
	REACHED(!qkdtls_alert_recv(conn, input.pos, qkdtls_cursor_left(&input)),
		"an alert is taken");
}
