// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/hello_client.c tls/buf.c stand_engine.c stand_conn.c stand_ext.c stand_hello.c stand_u16_set.c
 * SOURCES: stand_memcpy.c
 * UNWIND: 17
 * BOUND: ClientHello of up to 80 bytes, with 8 groups and 3 key shares
 * VARIANTS: first second
 */
#include "prove.h"

#define MESSAGE_MAX 80

int qkdtls_hello_compare(struct qkdtls_conn *conn, const struct qkdtls_hello *first,
			 const struct qkdtls_hello *second)
{
	check(first == &conn->hs->first && second == &conn->hs->hello, "these are the two hellos");
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}

/* Its queue has memory that will end where the message does. */
static int first(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_buf *raw = &conn->hs->hello_raw;

	raw->data = any_bytes(MESSAGE_MAX);
	raw->size = MESSAGE_MAX;
	raw->start = MESSAGE_MAX - msg->raw_len;
	return qkdtls_client_hello_recv(conn, msg);
}

static int second(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	return qkdtls_second_hello_recv(conn, msg);
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(MESSAGE_MAX);
	const struct qkdtls_buf *raw = &conn->hs->hello_raw;

	if (VARIANT(conn, &msg))
		return;
	check(raw->len == msg.raw_len && __CPROVER_r_ok(qkdtls_buf_data(raw), raw->len),
	      "the message is kept");
	check(conn->hs->session_id_len <= QKDTLS_SESSION_ID_LEN, "its session ID has room");
	REACHED(!qkdtls_cursor_empty(&conn->hs->hello.shares), "a ClientHello is taken");
}
