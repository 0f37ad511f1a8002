// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The socket of an established connection, whoever protects its records: the kernel, with the keys that are there, or
 * the engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/internal.h"
#include "tls/ktls.h"

/* Of the peer's records under one key, as of ours; when so many have come it is asked for another. */
#define PEER_RECORDS_MAX  QKDTLS_KEY_RECORDS_MAX
#define PEER_RECORDS_LATE (PEER_RECORDS_MAX / 4 * 3)

/* So much goes to the kernel before the limits of its key are looked at again. */
#define SEND_MAX (256 * 1024)

/* A record is read in two pieces, its header and the rest. */
#define READ_CHUNK QKDTLS_RECORD_BODY_MAX

static int check(const struct qkdtls_conn *conn)
{
	if (conn->failed)
		return conn->failure;
	return conn->state == QKDTLS_UP ? 0 : -EPERM;
}

static int last_errno(void)
{
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static ssize_t socket_send(int fd, const void *data, size_t len)
{
	ssize_t n;

	do {
		n = send(fd, data, len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? last_errno() : n;
}

static ssize_t socket_recv(int fd, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = recv(fd, buf, len, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? last_errno() : n;
}

/* ---- The engine's own records ---- */

static int own_flush(struct qkdtls_conn *conn, int fd)
{
	const uint8_t *data;
	size_t len;
	ssize_t n;

	while ((data = qkdtls_output(conn, &len)) && len) {
		n = socket_send(fd, data, len);
		if (n < 0)
			return (int)n;
		qkdtls_output_sent(conn, (size_t)n);
	}
	return 0;
}

/* More of the record in hand: 0 or a negative errno */
static int own_fill(struct qkdtls_conn *conn, int fd)
{
	uint8_t buf[READ_CHUNK];
	const ssize_t n = socket_recv(fd, buf, qkdtls_smaller(qkdtls_wanted(conn), sizeof(buf)));

	if (n > 0)
		return qkdtls_input(conn, buf, (size_t)n);
	if (!n)
		qkdtls_input_eof(conn);
	return (int)n;
}

static ssize_t own_recv(struct qkdtls_conn *conn, int fd, void *buf, size_t len)
{
	ssize_t n;
	int ret = 0;

	while (!(n = qkdtls_receive(conn, buf, len)) && !ret)
		ret = own_fill(conn, fd);
	/* The answer to a KeyUpdate, or the alert of a failure. Who cannot write any more may still read. */
	(void)own_flush(conn, fd);
	if (ret == -EAGAIN)
		qkdtls_conn_rest(conn);
	if (n == -ENODATA)
		return 0;
	return n ? n : ret;
}

static ssize_t own_send(struct qkdtls_conn *conn, int fd, const void *data, size_t len)
{
	int ret = own_flush(conn, fd);
	ssize_t n;

	if (ret)
		return ret;
	n = qkdtls_send(conn, data, len);
	ret = own_flush(conn, fd);
	if (n <= 0)
		return n ? n : -EAGAIN;
	return ret && ret != -EAGAIN ? ret : n;
}

static int own_close(struct qkdtls_conn *conn, int fd)
{
	const int ret = qkdtls_close(conn);

	return ret ? ret : own_flush(conn, fd);
}

/* ---- The kernel's records: how they end ---- */

/* The connection has failed: the peer is told, as far as the socket takes it now. */
static int kernel_failed(struct qkdtls_conn *conn, int fd)
{
	const enum qkdtls_alert alert = conn->error.sent;

	if (alert != QKDTLS_ALERT_NONE && !conn->closed) {
		(void)qkdtls_ktls_send_alert(fd, alert);
		if (alert == QKDTLS_ALERT_USER_CANCELED)
			(void)qkdtls_ktls_send_alert(fd, QKDTLS_ALERT_CLOSE_NOTIFY);
	}
	conn->closed = true;
	qkdtls_conn_wipe(conn);
	return conn->failure;
}

/* A key has come to its end, and no other can follow it here: closed in order. */
static int kernel_key_ended(struct qkdtls_conn *conn, int fd, int failure, const char *reason)
{
	if (!conn->closed)
		(void)qkdtls_ktls_send_alert(fd, QKDTLS_ALERT_CLOSE_NOTIFY);
	qkdtls_fail_errno(conn, QKDTLS_ALERT_NONE, failure, reason);
	return kernel_failed(conn, fd);
}

static const char cannot_follow[] = "the peer changed its key, which cannot be followed here";

/* What reading from the socket has come to, @error or its end */
static int kernel_read_failed(struct qkdtls_conn *conn, int fd, int error)
{
	switch (error) {
	case 0:
		qkdtls_fail_received(conn, QKDTLS_ALERT_NONE, "the stream was cut off");
		break;
	case -EBADMSG:
		qkdtls_fail(conn, QKDTLS_ALERT_BAD_RECORD_MAC,
			    "a record of the peer is forged or garbled");
		break;
	case -EMSGSIZE:
		qkdtls_fail(conn, QKDTLS_ALERT_RECORD_OVERFLOW, "too large a record");
		break;
	case -EINVAL:
		qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed record header");
		break;
	case -EKEYEXPIRED: /* a KeyUpdate in two records: the kernel knows it by its first byte */
		return kernel_key_ended(conn, fd, -EOPNOTSUPP, cannot_follow);
	default:
		return error;
	}
	return kernel_failed(conn, fd);
}

/* ---- The kernel's records: which key they are under ---- */

static int kernel_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	if (!qkdtls_ktls_next_key(conn, fd, sender))
		return 0;
	qkdtls_fail_errno(conn, QKDTLS_ALERT_NONE, -EIO, "cannot change a traffic key");
	return kernel_failed(conn, fd);
}

/* This end's KeyUpdate, if one is due. Behind close_notify nothing is sent, and no key needed. */
static int kernel_flush(struct qkdtls_conn *conn, int fd)
{
	struct qkdtls_kernel *kernel = &conn->kernel;
	uint8_t message[QKDTLS_KEY_UPDATE_LEN];
	int ret;

	if (conn->closed)
		return 0;
	/* No key gets old by lying idle. */
	kernel->update_due |= kernel->sent && qkdtls_key_age_over(conn, 0);
	if (!kernel->update_due)
		return 0;
	if (!kernel->rekeys)
		return kernel_key_ended(conn, fd, -EOVERFLOW,
					"this end's key is worn out, and cannot be changed here");
	qkdtls_key_update_write(conn, kernel->ask_peer, message);
	ret = qkdtls_ktls_send_record(fd, QKDTLS_CONTENT_HANDSHAKE, message, sizeof(message));
	if (ret)
		return ret;
	qkdtls_key_update_sent(conn, message);
	kernel->update_due = false;
	kernel->ask_peer = false;
	kernel->sent = 0;
	qkdtls_key_age_start(conn);
	return kernel_next_key(conn, fd, conn->role);
}

/* The kernel is asked for its count only when the bound is too high. */
static void count_exactly(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender,
			  uint64_t *records)
{
	const uint64_t count = qkdtls_ktls_records(conn, fd, sender);

	if (count < *records)
		*records = count;
}

static void kernel_sent(struct qkdtls_conn *conn, int fd, size_t bytes)
{
	const uint64_t limit = conn->config->key_limits.records;
	struct qkdtls_kernel *kernel = &conn->kernel;

	/* Records are filled up, but may begin and end inside one. */
	kernel->sent += 2 + bytes / kernel->payload_max;
	if (kernel->sent >= limit)
		count_exactly(conn, fd, conn->role, &kernel->sent);
	qkdtls_key_age_add(conn, bytes);
	kernel->update_due |= kernel->sent >= limit || qkdtls_key_age_over(conn, 0);
}

/* @bytes may have been a record each. */
static int kernel_received(struct qkdtls_conn *conn, int fd, size_t bytes)
{
	struct qkdtls_kernel *kernel = &conn->kernel;

	kernel->received += 1 + bytes;
	if (kernel->received >= PEER_RECORDS_LATE)
		count_exactly(conn, fd, qkdtls_peer_of(conn), &kernel->received);
	if (kernel->received >= PEER_RECORDS_MAX)
		return kernel_key_ended(conn, fd, -EOVERFLOW, "the peer's key is worn out");
	if (kernel->received >= PEER_RECORDS_LATE && kernel->rekeys && !conn->update_asked) {
		kernel->update_due = true;
		kernel->ask_peer = true;
	}
	return 0;
}

static int kernel_follow(struct qkdtls_conn *conn, int fd)
{
	if (!conn->kernel.rekeys)
		return kernel_key_ended(conn, fd, -EOPNOTSUPP, cannot_follow);
	conn->kernel.received = 0;
	return kernel_next_key(conn, fd, qkdtls_peer_of(conn));
}

/* ---- The kernel's records: data ---- */

/* 0, or a negative errno: the connection is over */
static int kernel_judge(struct qkdtls_conn *conn, int fd, uint8_t type, const uint8_t *data,
			size_t len)
{
	const int ret = kernel_received(conn, fd, type == QKDTLS_CONTENT_DATA ? len : 0);

	if (ret)
		return ret;
	switch (qkdtls_control(conn, type, data, len)) {
	case QKDTLS_CONTROL_KEY_UPDATE:
		return kernel_follow(conn, fd);
	case QKDTLS_CONTROL_FAILED:
		return kernel_failed(conn, fd);
	default:
		return 0;
	}
}

/* A record that is not data may be longer than the caller's buffer: it goes on in the spare one. */
static ssize_t kernel_record(struct qkdtls_conn *conn, int fd, uint8_t *buf, size_t len)
{
	uint8_t *spare = conn->kernel.spare;
	struct iovec buffers[] = {
		{ .iov_base = buf, .iov_len = len },
		{ .iov_base = spare, .iov_len = QKDTLS_SPARE_LEN },
	};
	const bool small = len < QKDTLS_SPARE_LEN;
	uint8_t control[2 * QKDTLS_SPARE_LEN];
	uint8_t type;
	ssize_t n = qkdtls_ktls_receive(fd, buffers, small ? 2 : 1, &type);
	size_t beyond;
	int ret;

	if (n < 0 || (!n && !type))
		return kernel_read_failed(conn, fd, (int)n);
	beyond = (size_t)n - qkdtls_smaller((size_t)n, len);
	if (beyond && type != QKDTLS_CONTENT_DATA) {
		memcpy(control, buf, len);
		memcpy(control + len, spare, beyond);
	}
	ret = kernel_judge(conn, fd, type, beyond ? control : buf, (size_t)n);
	if (ret || type != QKDTLS_CONTENT_DATA)
		return ret;
	conn->plain = qkdtls_cursor(spare, beyond);
	return n - (ssize_t)beyond;
}

static ssize_t kernel_recv(struct qkdtls_conn *conn, int fd, void *buf, size_t len)
{
	ssize_t n = (ssize_t)qkdtls_smaller(len, qkdtls_cursor_left(&conn->plain));

	if (n) {
		(void)qkdtls_get_copy(&conn->plain, (size_t)n, buf);
		return n;
	}
	while (!n && !conn->peer_closed)
		n = kernel_record(conn, fd, buf, len);
	/* The answer to a KeyUpdate. Who cannot write any more may still read. */
	(void)kernel_flush(conn, fd);
	return n;
}

static ssize_t kernel_send(struct qkdtls_conn *conn, int fd, const void *data, size_t len)
{
	const uint64_t limit = conn->config->key_limits.bytes;
	const int ret = kernel_flush(conn, fd);
	ssize_t n;

	if (ret)
		return ret;
	len = qkdtls_smaller(len, SEND_MAX);
	if (limit)
		len = qkdtls_smaller(len, limit - conn->key_age.bytes);
	n = socket_send(fd, data, len);
	if (n > 0)
		kernel_sent(conn, fd, (size_t)n);
	return n;
}

/*
 * The kernel may still hold records behind a full send buffer when it has accepted close_notify, and close() would drop
 * what does not fit then: done is when there is room again.
 */
static int kernel_close(struct qkdtls_conn *conn, int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	const bool waits = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	int ret;

	if (!conn->closed) {
		ret = qkdtls_ktls_send_alert(fd, QKDTLS_ALERT_CLOSE_NOTIFY);
		if (ret)
			return ret;
		conn->closed = true;
	}
	return poll(&room, 1, waits ? -1 : 0) == 1 ? 0 : -EAGAIN;
}

/* ---- Either ---- */

ssize_t qkdtls_sock_recv(struct qkdtls_conn *conn, int fd, void *buf, size_t len)
{
	const int ret = check(conn);

	if (ret)
		return ret;
	if (!len)
		return -EINVAL;
	return conn->keys_taken ? kernel_recv(conn, fd, buf, len) : own_recv(conn, fd, buf, len);
}

ssize_t qkdtls_sock_send(struct qkdtls_conn *conn, int fd, const void *data, size_t len)
{
	const int ret = check(conn);

	if (ret)
		return ret;
	if (conn->closed)
		return -EPIPE;
	if (!len)
		return 0;
	return conn->keys_taken ? kernel_send(conn, fd, data, len) : own_send(conn, fd, data, len);
}

int qkdtls_sock_flush(struct qkdtls_conn *conn, int fd)
{
	const int ret = check(conn);

	if (ret)
		return ret;
	return conn->keys_taken ? kernel_flush(conn, fd) : own_flush(conn, fd);
}

bool qkdtls_sock_pending(const struct qkdtls_conn *conn)
{
	return conn->keys_taken ? conn->kernel.update_due && !conn->closed && !conn->failed
				: conn->out.len > 0;
}

int qkdtls_sock_update(struct qkdtls_conn *conn, int fd, bool peer_too)
{
	int ret = check(conn);

	if (ret)
		return ret;
	if (conn->closed)
		return -EPIPE;
	if (!conn->keys_taken) {
		ret = qkdtls_key_update(conn, peer_too);
		return ret ? ret : own_flush(conn, fd);
	}
	if (!conn->kernel.rekeys)
		return -EOPNOTSUPP;
	conn->kernel.update_due = true;
	conn->kernel.ask_peer |= peer_too;
	return kernel_flush(conn, fd);
}

int qkdtls_sock_close(struct qkdtls_conn *conn, int fd)
{
	const int ret = check(conn);

	if (ret)
		return ret;
	return conn->keys_taken ? kernel_close(conn, fd) : own_close(conn, fd);
}

void qkdtls_sock_abort(struct qkdtls_conn *conn, int fd, enum qkdtls_alert alert,
		       const char *reason)
{
	if (conn->failed)
		return;
	qkdtls_abort(conn, alert, reason);
	if (conn->keys_taken)
		(void)kernel_failed(conn, fd);
	else
		(void)own_flush(conn, fd);
}

/* ---- Data that goes past this ---- */

void qkdtls_sock_sent(struct qkdtls_conn *conn, int fd, size_t bytes)
{
	if (!check(conn) && conn->keys_taken)
		kernel_sent(conn, fd, bytes);
}

int qkdtls_sock_received(struct qkdtls_conn *conn, int fd, size_t bytes)
{
	int ret = check(conn);

	if (ret)
		return ret;
	if (!conn->keys_taken)
		return -EPERM;
	return kernel_judge(conn, fd, QKDTLS_CONTENT_DATA, NULL, bytes);
}
