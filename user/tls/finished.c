// SPDX-License-Identifier: GPL-2.0-or-later
/* Finished, of both sides */
#include "tls/internal.h"

int qkdtls_finished_send(struct qkdtls_conn *conn)
{
	struct qkdtls_mark message;
	uint8_t hash[QKDTLS_HASH_MAX];
	struct qkdtls_writer w;
	uint8_t *mac;
	int ret = conn->role == QKDTLS_CLIENT ? qkdtls_message_ccs(conn) : 0;

	if (ret)
		return ret;
	message = qkdtls_message_begin(conn, &w, QKDTLS_MSG_FINISHED);
	mac = qkdtls_put_room(&w, qkdtls_hash_len(conn->suite->hash));
	ret = qkdtls_message_end(conn, &w, message);
	if (ret)
		return ret;
	ret = qkdtls_transcript_hash(&conn->hs->transcript, hash);
	if (!ret)
		ret = qkdtls_schedule_finished(conn->schedule, conn->role, hash, mac);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot compute Finished");
	return qkdtls_message_send(conn, &w);
}

int qkdtls_finished_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	const size_t len = qkdtls_cursor_left(&msg->body);
	uint8_t hash[QKDTLS_HASH_MAX];
	int ret;

	if (len != qkdtls_hash_len(conn->suite->hash))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed Finished");
	ret = qkdtls_transcript_hash(&conn->hs->transcript, hash);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot hash the handshake");
	if (qkdtls_schedule_check_finished(conn->schedule, qkdtls_peer_of(conn), hash,
					   msg->body.pos, len))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECRYPT_ERROR, "wrong Finished");
	return 0;
}
