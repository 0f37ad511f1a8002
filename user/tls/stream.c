// SPDX-License-Identifier: GPL-2.0-or-later
/* After the handshake: the engine's own records, or what the kernel hands up of its */
#include <errno.h>
#include <string.h>

#include "tls/internal.h"

/* Output that may pile up before qkdtls_send() takes no more */
#define SEND_QUEUE_MAX 65536

/* Records in a row without application data that a peer may make this end work for */
#define IDLE_RECORDS_MAX 32

static int stream_failure(struct qkdtls_conn *conn)
{
	qkdtls_conn_wipe(conn);
	return conn->failure;
}

static int stream_check(struct qkdtls_conn *conn)
{
	if (conn->failed)
		return stream_failure(conn);
	return conn->state != QKDTLS_UP || conn->keys_taken ? -EPERM : 0;
}

ssize_t qkdtls_send(struct qkdtls_conn *conn, const void *data, size_t len)
{
	int ret = stream_check(conn);

	if (ret)
		return ret;
	if (conn->closed)
		return -EPIPE;
	if (!len || conn->out.len >= SEND_QUEUE_MAX)
		return 0;
	len = qkdtls_smaller(len, qkdtls_record_writer_max(&conn->writer, QKDTLS_CONTENT_DATA));
	if (qkdtls_key_age_over(conn, len) && qkdtls_key_update_send(conn, false))
		return stream_failure(conn);
	ret = qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_DATA, data, len, &conn->out);
	if (ret) {
		qkdtls_fail_code(conn, ret, "cannot protect a record");
		return stream_failure(conn);
	}
	qkdtls_key_age_add(conn, len);
	return (ssize_t)len;
}

int qkdtls_key_update(struct qkdtls_conn *conn, bool peer_too)
{
	int ret = stream_check(conn);

	if (ret)
		return ret;
	if (conn->closed)
		return -EPIPE;
	if (conn->out.len >= SEND_QUEUE_MAX)
		return -EAGAIN;
	return qkdtls_key_update_send(conn, peer_too) ? stream_failure(conn) : 0;
}

static int handle_messages(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	struct qkdtls_incoming msg;
	int ret = qkdtls_message_add(conn, data, len);

	while (!ret) {
		ret = qkdtls_message_peek(conn, &msg);
		if (!ret)
			ret = qkdtls_step_message(conn, &msg);
	}
	return ret == QKDTLS_PENDING ? 0 : ret;
}

/* @data may be NULL: then the caller has it already. */
static int handle_data(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	if (conn->messages.len)
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "application data inside a handshake message");
	if (len)
		conn->idle_records = 0;
	if (data)
		conn->plain = qkdtls_cursor(data, len);
	return 0;
}

static int handle_record(struct qkdtls_conn *conn, uint8_t type, const uint8_t *data, size_t len)
{
	if (++conn->idle_records > IDLE_RECORDS_MAX && !(type == QKDTLS_CONTENT_DATA && len))
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "too many records without data");
	switch (type) {
	case QKDTLS_CONTENT_DATA:
		return handle_data(conn, data, len);
	case QKDTLS_CONTENT_ALERT:
		return qkdtls_alert_recv(conn, data, len);
	case QKDTLS_CONTENT_HANDSHAKE:
		return handle_messages(conn, data, len);
	default:
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE, "unexpected record");
	}
}

/* 0: there is plain text, or the peer has closed; QKDTLS_PENDING: more input first */
static int next_data(struct qkdtls_conn *conn)
{
	struct qkdtls_record record;
	int ret = 0;

	while (!ret && qkdtls_cursor_empty(&conn->plain) && !conn->peer_closed) {
		ret = qkdtls_record_reader_next(&conn->reader, &record);
		if (ret == -EAGAIN)
			return QKDTLS_PENDING;
		if (ret)
			ret = qkdtls_fail_code(conn, ret, "bad record");
		else
			ret = handle_record(conn, record.type, record.data, record.len);
	}
	return ret;
}

ssize_t qkdtls_receive(struct qkdtls_conn *conn, void *buf, size_t len)
{
	int ret = stream_check(conn);

	if (ret)
		return ret;
	ret = next_data(conn);
	if (ret == QKDTLS_PENDING)
		return 0;
	if (ret)
		return stream_failure(conn);
	if (qkdtls_cursor_empty(&conn->plain))
		return -ENODATA;
	len = qkdtls_smaller(len, qkdtls_cursor_left(&conn->plain));
	(void)qkdtls_get_copy(&conn->plain, len, buf);
	return (ssize_t)len;
}

int qkdtls_close(struct qkdtls_conn *conn)
{
	int ret = stream_check(conn);

	if (ret)
		return ret;
	if (conn->closed)
		return 0;
	ret = qkdtls_alert_queue(conn, QKDTLS_ALERT_CLOSE_NOTIFY);
	if (!ret)
		conn->closed = true;
	return ret;
}

enum qkdtls_control qkdtls_control(struct qkdtls_conn *conn, uint8_t content_type, const void *data,
				   size_t len)
{
	if (conn->failed || conn->state != QKDTLS_UP)
		return QKDTLS_CONTROL_FAILED;
	conn->kernel.peer_updated = false;
	if (content_type == QKDTLS_CONTENT_DATA) {
		data = NULL;
	} else if (!len) {
		qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE, "empty record");
		return QKDTLS_CONTROL_FAILED;
	}
	if (handle_record(conn, content_type, data, len))
		return QKDTLS_CONTROL_FAILED;
	if (conn->kernel.peer_updated)
		return QKDTLS_CONTROL_KEY_UPDATE;
	return conn->peer_closed ? QKDTLS_CONTROL_CLOSE : QKDTLS_CONTROL_IGNORE;
}
