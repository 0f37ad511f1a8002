// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/stream.c tls/buf.c stand_engine.c stand_conn.c stand_record.c stand_message.c stand_step.c stand_memcpy.c
 * UNWIND: 17
 * FLAGS: --unwindset next_data.0:5,handle_messages.0:5
 * BOUND: a connection that is up, with up to 8 bytes in hand and 3 more records of up to 8, up to 3 messages
 * VARIANTS: receive control
 */
#include "prove.h"

int records_left = 3; /* for stand_record.c */
int messages_left = 3; /* for stand_message.c */

void qkdtls_conn_wipe(struct qkdtls_conn *conn)
{
	conn->plain = qkdtls_cursor(NULL, 0);
}

static void receive(struct qkdtls_conn *conn)
{
	const size_t len = nondet_size();
	ssize_t got;

	assume(len <= 16);
	got = qkdtls_receive(conn, any_bytes(len), len);
	check(got <= (ssize_t)len, "no more comes than there is room for");
	check(sound(&conn->plain), "what is left is sound");
	REACHED(got > 0 && !records_left, "data comes after other records");
	REACHED(got > 0 && !qkdtls_cursor_empty(&conn->plain), "some is left");
}

/* One that the kernel hands up */
static void control(struct qkdtls_conn *conn)
{
	const struct qkdtls_cursor record = any_input(16);
	const enum qkdtls_control ret =
		qkdtls_control(conn, nondet_u8(), record.pos, qkdtls_cursor_left(&record));

	REACHED(ret == QKDTLS_CONTROL_KEY_UPDATE, "a KeyUpdate");
	REACHED(ret == QKDTLS_CONTROL_CLOSE, "an end");
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();

	conn->hs = NULL;
	conn->state = QKDTLS_UP;
	assume(conn->failure < 0); /* a negative errno, if it has failed */
	conn->plain = any_input(8);
	assume(conn->idle_records <= 32); /* or it has failed */
	VARIANT(conn);
}
