// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/message.c tls/buf.c stand_engine.c stand_conn.c stand_record.c stand_step.c stand_memcpy.c
 * UNWIND: 17
 * FLAGS: --unwindset qkdtls_message_next.0:4
 * BOUND: a queue of up to 64 bytes of messages, and up to 2 more records of up to 8
 */
#include "prove.h"

#define QUEUE_MAX 64

int records_left = 2; /* for stand_record.c */

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_cursor queue = any_input(QUEUE_MAX);
	struct qkdtls_incoming msg;

	conn->messages.len = qkdtls_cursor_left(&queue);
	conn->messages.start = QUEUE_MAX - conn->messages.len;
	conn->messages.size = QUEUE_MAX;
	conn->messages.data = (uint8_t *)queue.pos - conn->messages.start;
	if (qkdtls_message_next(conn, &msg))
		return;
	check(msg.raw_len <= conn->messages.len && __CPROVER_r_ok(msg.raw, msg.raw_len),
	      "a message is there");
	check(sound(&msg.body) && qkdtls_cursor_left(&msg.body) + 4 == msg.raw_len,
	      "its body is what follows the header");
	REACHED(msg.type == QKDTLS_MSG_HELLO_RETRY, "a HelloRetryRequest");
	REACHED(msg.type == QKDTLS_MSG_SERVER_HELLO, "a ServerHello");
	REACHED(!records_left, "a message that came in more than one record");
}
