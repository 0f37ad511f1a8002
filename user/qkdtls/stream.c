// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/socket.h>

#include "qkdtls/stream.h"

static ssize_t send_some(int fd, const void *data, size_t len)
{
	ssize_t n;

	do {
		n = send(fd, data, len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return n;
}

int stream_flush(struct stream *stream)
{
	const uint8_t *data;
	size_t len;

	if (stream->kernel)
		return 0;
	while ((data = qkdtls_output(stream->conn, &len)) && len) {
		ssize_t n = send_some(stream->fd, data, len);

		if (n < 0)
			return (int)n;
		qkdtls_output_sent(stream->conn, (size_t)n);
	}
	return 0;
}

/* One step towards more plain text: 0 or a negative errno, -EAGAIN if the socket has nothing */
static int own_fill(struct stream *stream)
{
	uint8_t buf[4096];
	size_t wanted = qkdtls_wanted(stream->conn);
	ssize_t n;

	if (!wanted)
		return -EAGAIN;
	n = recv(stream->fd, buf, wanted < sizeof(buf) ? wanted : sizeof(buf), 0);
	if (n > 0)
		return qkdtls_input(stream->conn, buf, (size_t)n);
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	qkdtls_input_eof(stream->conn);
	return n < 0 ? -errno : 0;
}

static ssize_t own_read(struct stream *stream, void *buf, size_t len)
{
	for (;;) {
		ssize_t n = qkdtls_receive(stream->conn, buf, len);
		int ret;

		if (n < 0)
			(void)stream_flush(stream); /* the alert of a failure, if it has one */
		if (n)
			return n;
		ret = own_fill(stream);
		if (ret)
			return ret;
	}
}

/* What a record comes to: bytes of data, 0 for none, or a negative errno */
static ssize_t kernel_record(struct stream *stream, uint8_t type, const void *data, size_t len)
{
	const struct qkdtls_error *error;

	switch (qkdtls_control(stream->conn, type, data, len)) {
	case QKDTLS_CONTROL_IGNORE:
		return type == KTLS_RECORD_DATA ? (ssize_t)len : 0;
	case QKDTLS_CONTROL_CLOSE:
		return -ENODATA;
	case QKDTLS_CONTROL_KEY_UPDATE:
		return -EKEYEXPIRED;
	default:
		error = qkdtls_error(stream->conn);
		if (error->received != QKDTLS_ALERT_NONE)
			return -ECONNRESET;
		stream_abort(stream, error->sent);
		return -EPROTO;
	}
}

static ssize_t kernel_read(struct stream *stream, void *buf, size_t len)
{
	for (;;) {
		uint8_t type;
		ssize_t n = ktls_receive(stream->fd, buf, len, &type);

		if (n == -EBADMSG)
			stream_abort(stream, QKDTLS_ALERT_BAD_RECORD_MAC);
		if (n < 0)
			return n;
		if (!n && !type) {
			qkdtls_input_eof(stream->conn);
			return -ECONNRESET;
		}
		n = kernel_record(stream, type, buf, (size_t)n);
		if (n)
			return n;
	}
}

ssize_t stream_read(struct stream *stream, void *buf, size_t len)
{
	return stream->kernel ? kernel_read(stream, buf, len) : own_read(stream, buf, len);
}

ssize_t stream_write(struct stream *stream, const void *buf, size_t len)
{
	ssize_t n;
	int ret;

	if (stream->kernel)
		return send_some(stream->fd, buf, len);
	ret = stream_flush(stream);
	if (ret)
		return ret;
	n = qkdtls_send(stream->conn, buf, len);
	ret = stream_flush(stream);
	if (n <= 0)
		return n ? n : -EAGAIN;
	return ret && ret != -EAGAIN ? ret : n;
}

int stream_close(struct stream *stream)
{
	int ret = 0;

	if (!stream->closed)
		ret = stream->kernel ? ktls_send_alert(stream->fd, QKDTLS_ALERT_CLOSE_NOTIFY)
				     : qkdtls_close(stream->conn);
	if (ret)
		return ret;
	stream->closed = true;
	return stream_flush(stream);
}

void stream_abort(struct stream *stream, enum qkdtls_alert alert)
{
	/* Best effort: the connection is lost anyway. */
	if (stream->kernel) {
		if (alert != QKDTLS_ALERT_NONE)
			(void)ktls_send_alert(stream->fd, alert);
		return;
	}
	qkdtls_abort(stream->conn, alert, "given up");
	(void)stream_flush(stream);
}
