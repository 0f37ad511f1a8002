// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages after the handshake: tickets, of no use here, and KeyUpdate (RFC 9846 section 4.7) */
#include <errno.h>

#include "tls/internal.h"

#define UPDATE_NOT_REQUESTED 0
#define UPDATE_REQUESTED     1

/* A client that resumes nothing ignores what it says, if it is well formed. */
int qkdtls_ticket_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_cursor body = msg->body, nonce, ticket;
	uint32_t lifetime, age_add;
	int ret;

	if (!qkdtls_get_u32(&body, &lifetime) || !qkdtls_get_u32(&body, &age_add) ||
	    !qkdtls_get_vec8(&body, 0, UINT8_MAX, &nonce) ||
	    !qkdtls_get_vec16(&body, 1, UINT16_MAX, &ticket))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed NewSessionTicket");
	ret = qkdtls_ext_read(conn, QKDTLS_IN_NST, &body);
	if (!ret && !qkdtls_cursor_empty(&body))
		ret = qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				  "bytes behind the end of NewSessionTicket");
	return ret;
}

static int next_generation(struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	const int ret = qkdtls_schedule_update(conn->schedule, sender);

	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot update a traffic key");
	return qkdtls_keys_set(conn, QKDTLS_EPOCH_APPLICATION, sender);
}

/* Not requested of the peer: each side renews its own key when it has to. */
int qkdtls_key_update_send(struct qkdtls_conn *conn)
{
	static const uint8_t message[] = { QKDTLS_MSG_KEY_UPDATE, 0, 0, 1, UPDATE_NOT_REQUESTED };
	const int ret = qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_HANDSHAKE, message,
					    sizeof(message), &conn->out);

	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot send KeyUpdate");
	return next_generation(conn, conn->role);
}

int qkdtls_key_update_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_cursor body = msg->body;
	uint8_t request;
	int ret;

	if (!qkdtls_get_u8(&body, &request) || !qkdtls_cursor_empty(&body))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed KeyUpdate");
	if (request > UPDATE_REQUESTED)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER, "malformed KeyUpdate");
	conn->key_updated = true;
	if (conn->keys_taken)
		return 0; /* whoever has the keys has to act */
	ret = next_generation(conn, conn->role == QKDTLS_CLIENT ? QKDTLS_SERVER : QKDTLS_CLIENT);
	if (!ret && request == UPDATE_REQUESTED && !conn->closed)
		ret = qkdtls_key_update_send(conn);
	return ret;
}
