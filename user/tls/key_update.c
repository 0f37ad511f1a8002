// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KeyUpdate (RFC 9846 section 4.7.3): this end's when a limit of its key is reached or the caller wants it,
 * the peer's when it comes. Section 4.7.3 also bounds the number of updates by 2^48 - 1: at a million a second
 * nine years, which no connection lives.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "tls/internal.h"

#define UPDATE_NOT_REQUESTED 0
#define UPDATE_REQUESTED     1

static int next_generation(struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	const int ret = qkdtls_schedule_update(conn->schedule, sender);

	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot update a traffic key");
	return qkdtls_keys_set_application(conn, sender);
}

/* ---- How long a key of ours lives ---- */

static time_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

void qkdtls_key_age_start(struct qkdtls_conn *conn)
{
	conn->key_age.bytes = 0;
	if (conn->config->key_limits.seconds)
		conn->key_age.since = now_seconds();
}

void qkdtls_key_age_add(struct qkdtls_conn *conn, size_t bytes)
{
	conn->key_age.bytes += bytes;
}

bool qkdtls_key_age_over(const struct qkdtls_conn *conn, size_t bytes)
{
	const struct qkdtls_key_limits *limits = &conn->config->key_limits;

	if (conn->writer.protection.seq >= limits->records)
		return true;
	/* The kernel's TLS is told of its limit when it may have gone beyond it. */
	if (limits->bytes &&
	    (conn->key_age.bytes >= limits->bytes || bytes > limits->bytes - conn->key_age.bytes))
		return true;
	return limits->seconds && now_seconds() - conn->key_age.since >= (time_t)limits->seconds;
}

/* ---- Sending ---- */

/* One request at a time: the peer's next KeyUpdate answers it (RFC 9846 section 4.7.3). */
void qkdtls_key_update_write(const struct qkdtls_conn *conn, bool peer_too,
			     uint8_t message[QKDTLS_KEY_UPDATE_LEN])
{
	const bool asks = peer_too && !conn->update_asked && !conn->peer_closed;

	memset(message, 0, QKDTLS_KEY_UPDATE_LEN);
	message[0] = QKDTLS_MSG_KEY_UPDATE;
	message[3] = 1;
	message[4] = asks ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED;
}

void qkdtls_key_update_sent(struct qkdtls_conn *conn, const uint8_t message[QKDTLS_KEY_UPDATE_LEN])
{
	conn->update_asked |= message[4] == UPDATE_REQUESTED;
}

int qkdtls_key_update_send(struct qkdtls_conn *conn, bool peer_too)
{
	uint8_t message[QKDTLS_KEY_UPDATE_LEN];
	int ret;

	qkdtls_key_update_write(conn, peer_too, message);
	/* Alone in its record: the kernel's TLS looks at the first message of a record only. */
	ret = qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_HANDSHAKE, message, sizeof(message),
				  &conn->out);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot send KeyUpdate");
	qkdtls_key_update_sent(conn, message);
	conn->update_unsent = conn->out.len;
	return next_generation(conn, conn->role);
}

/* ---- Receiving ---- */

/* Of several requests that come before an answer has left, one answer serves all. */
static bool owes_answer(const struct qkdtls_conn *conn, uint8_t request)
{
	return request == UPDATE_REQUESTED && !conn->closed && !conn->update_unsent;
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
	/* Who was asked for it is not idle: there may be nothing else to say. */
	if (conn->update_asked)
		conn->idle_records = 0;
	conn->update_asked = false;
	if (conn->keys_taken) {
		conn->kernel.peer_updated = true;
		conn->kernel.update_due |= request == UPDATE_REQUESTED;
		return 0;
	}
	ret = next_generation(conn, qkdtls_peer_of(conn));
	if (!ret && owes_answer(conn, request))
		ret = qkdtls_key_update_send(conn, false);
	return ret;
}
