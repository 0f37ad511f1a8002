// SPDX-License-Identifier: GPL-2.0-or-later
/* Handshake messages between records and handlers: put together on the way in, gathered on the way out. */
#include <errno.h>
#include <string.h>

#include "tls/internal.h"

#define HEADER_LEN 4

/* ---- In ---- */

/* The first bytes decide: what cannot be handled is refused before it is waited for. */
static int message_check_header(struct qkdtls_conn *conn, size_t *len)
{
	struct qkdtls_cursor c =
		qkdtls_cursor(qkdtls_buf_data(&conn->messages), conn->messages.len);
	uint32_t body;
	uint8_t type;

	if (!qkdtls_get_u8(&c, &type))
		return QKDTLS_PENDING;
	if (!qkdtls_step_expects(conn, type))
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "handshake message out of order");
	if (!qkdtls_get_u24(&c, &body))
		return QKDTLS_PENDING;
	if (body > (type == QKDTLS_MSG_CLIENT_HELLO ? QKDTLS_CLIENT_HELLO_MAX : QKDTLS_MESSAGE_MAX))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "handshake message too long");
	if (qkdtls_cursor_left(&c) < body)
		return QKDTLS_PENDING;
	*len = HEADER_LEN + body;
	return 0;
}

static enum qkdtls_message message_type(const uint8_t *raw, struct qkdtls_cursor body)
{
	const uint8_t *random;
	uint16_t version;

	if (raw[0] == QKDTLS_MSG_SERVER_HELLO && qkdtls_get_u16(&body, &version) &&
	    qkdtls_get_bytes(&body, QKDTLS_RANDOM_LEN, &random) && qkdtls_hello_is_retry(random))
		return QKDTLS_MSG_HELLO_RETRY;
	return (enum qkdtls_message)raw[0];
}

int qkdtls_message_peek(struct qkdtls_conn *conn, struct qkdtls_incoming *msg)
{
	size_t len = 0;
	int ret = message_check_header(conn, &len);

	if (ret)
		return ret;
	msg->raw = qkdtls_buf_data(&conn->messages);
	msg->raw_len = len;
	msg->body = qkdtls_cursor(msg->raw + HEADER_LEN, len - HEADER_LEN);
	msg->type = message_type(msg->raw, msg->body);
	/* Keys change behind it, or it is our turn: what follows in its record belongs to neither. */
	if (qkdtls_step_ends_flight(conn, msg->type) && conn->messages.len > len)
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "handshake message does not end its record");
	return 0;
}

int qkdtls_message_add(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	int ret = qkdtls_buf_add(&conn->messages, data, len);

	if (ret)
		return qkdtls_fail_code(conn, ret, "no room for a handshake message");
	return 0;
}

static int message_read_record(struct qkdtls_conn *conn)
{
	struct qkdtls_record record;
	int ret = qkdtls_record_reader_next(&conn->reader, &record);

	if (ret == -EAGAIN)
		return QKDTLS_PENDING;
	if (ret)
		return qkdtls_fail_code(conn, ret, "bad record");
	switch (record.type) {
	case QKDTLS_CONTENT_HANDSHAKE:
		return qkdtls_message_add(conn, record.data, record.len);
	case QKDTLS_CONTENT_ALERT:
		return qkdtls_alert_recv(conn, record.data, record.len);
	default:
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "application data during the handshake");
	}
}

int qkdtls_message_next(struct qkdtls_conn *conn, struct qkdtls_incoming *msg)
{
	int ret;

	while ((ret = qkdtls_message_peek(conn, msg)) == QKDTLS_PENDING) {
		ret = message_read_record(conn);
		if (ret)
			return ret;
	}
	return ret;
}

void qkdtls_message_done(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	qkdtls_buf_drop(&conn->messages, msg->raw_len);
}

/* ---- Out ---- */

struct qkdtls_mark qkdtls_message_begin(struct qkdtls_conn *conn, struct qkdtls_writer *w,
					enum qkdtls_message type)
{
	qkdtls_writer_init(w, conn->hs->scratch, QKDTLS_MESSAGE_MAX);
	qkdtls_put_u8(w, (uint8_t)type);
	return qkdtls_put_open(w, 3);
}

int qkdtls_message_end(struct qkdtls_conn *conn, struct qkdtls_writer *w, struct qkdtls_mark mark)
{
	qkdtls_put_close(w, mark);
	if (!qkdtls_writer_ok(w))
		return qkdtls_fail_code(conn, -EMSGSIZE, "handshake message does not fit");
	return 0;
}

int qkdtls_message_send(struct qkdtls_conn *conn, const struct qkdtls_writer *w)
{
	int ret = qkdtls_transcript_add(&conn->hs->transcript, w->data, w->len);

	if (!ret)
		ret = qkdtls_buf_add(&conn->flight, w->data, w->len);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot queue a handshake message");
	return 0;
}

int qkdtls_message_flush(struct qkdtls_conn *conn)
{
	int ret;

	if (!conn->flight.len)
		return 0;
	ret = qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_HANDSHAKE,
				  qkdtls_buf_data(&conn->flight), conn->flight.len, &conn->out);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot protect a handshake record");
	qkdtls_buf_drop(&conn->flight, conn->flight.len);
	return 0;
}

int qkdtls_message_ccs(struct qkdtls_conn *conn)
{
	static const uint8_t ccs = 1;
	int ret;

	if (!conn->hs->session_id_len || conn->hs->ccs_sent)
		return 0;
	conn->hs->ccs_sent = true;
	ret = qkdtls_message_flush(conn);
	if (ret)
		return ret;
	ret = qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_CCS, &ccs, sizeof(ccs), &conn->out);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot queue change_cipher_spec");
	return 0;
}
