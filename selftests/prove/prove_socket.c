// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/socket.c tls/buf.c stand_engine.c stand_conn.c stand_ktls.c stand_stream.c stand_memcpy.c
 * UNWIND: 17
 * FLAGS: --unwindset kernel_recv.0:5
 * BOUND: a connection whose keys the kernel has, buffers of 1 to 200 bytes, up to 3 records that fill them and the spare one
 * VARIANTS: receive received
 */
#include "prove.h"

int records_left = 3; /* for stand_ktls.c */

static void receive(struct qkdtls_conn *conn)
{
	const size_t len = nondet_size();
	ssize_t got;

	assume(len >= 1 && len <= 200);
	got = qkdtls_sock_recv(conn, 3, any_bytes(len), len);
	check(got <= (ssize_t)len, "no more comes than there is room for");
	check(sound(&conn->plain), "what is left is sound");
	REACHED(got > 0 && !records_left, "data comes after other records");
	REACHED(got > 0 && !qkdtls_cursor_empty(&conn->plain), "some is left");
	REACHED(!got, "the end");
}

/* What splice() has moved */
static void received(struct qkdtls_conn *conn)
{
	const size_t len = nondet_size();
	int ret;

	assume(len <= 1 << 20);
	ret = qkdtls_sock_received(conn, 3, len);
	REACHED(!ret && conn->kernel.update_due, "the peer is late");
	REACHED(ret, "too late");
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();

	conn->hs = NULL;
	conn->state = QKDTLS_UP;
	conn->keys_taken = true;
	conn->plain = any_part(qkdtls_cursor(conn->kernel.spare, QKDTLS_SPARE_LEN));
	assume(conn->failure < 0); /* a negative errno, if it has failed */
	assume(conn->kernel.received <= QKDTLS_KEY_RECORDS_MAX); /* or it has failed */
	VARIANT(conn);
}
