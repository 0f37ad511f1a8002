// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for message.c and steps.c behind the handshake: as many messages as the harness says, taken or not. */
#include "prove.h"

extern int messages_left;

int qkdtls_message_add(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	check(__CPROVER_r_ok(data, len), "what is added is there");
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}

int qkdtls_message_peek(struct qkdtls_conn *conn, struct qkdtls_incoming *msg)
{
	if (!messages_left || nondet_bool())
		return nondet_bool() ? QKDTLS_PENDING : QKDTLS_ERROR;
	messages_left--;
	*msg = any_message(8);
	return 0;
}

int qkdtls_step_message(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	check(__CPROVER_r_ok(msg->raw, msg->raw_len) && sound(&msg->body), "a message is there");
	if (nondet_bool())
		conn->kernel.peer_updated = true;
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}
