// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/handshake_io.h"

#define READ_CHUNK 4096

/* 1: moved something, 0: would block */
static int move_out(struct handshake_io *io)
{
	size_t len;
	const uint8_t *data = qkdtls_output(io->conn, &len);
	ssize_t n;

	if (io->error) {
		/*
		 * The way out is broken, but the peer's alert, which says why, may still wait to be
		 * read: let the engine believe that it wrote, and go on to the end of the input.
		 */
		qkdtls_output_sent(io->conn, len);
		return 1;
	}
	n = send(io->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0 && errno != EINTR)
		io->error = errno;
	if (n > 0)
		qkdtls_output_sent(io->conn, (size_t)n);
	return 1;
}

static int move_in(struct handshake_io *io)
{
	uint8_t buf[READ_CHUNK];
	size_t wanted = qkdtls_wanted(io->conn);
	ssize_t n = recv(io->fd, buf, wanted < sizeof(buf) ? wanted : sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		if (!io->error)
			return 0;
		n = 0; /* nothing can come through a broken transport: do not wait for it */
	} else if (n < 0 && errno == EINTR) {
		return 1;
	} else if (n < 0 && !io->error) {
		io->error = errno;
	}
	if (n > 0)
		(void)qkdtls_input(io->conn, buf, (size_t)n); /* the next step says if it failed */
	else
		qkdtls_input_eof(io->conn);
	return 1;
}

enum qkdtls_want handshake_io_step(struct handshake_io *io)
{
	for (;;) {
		enum qkdtls_want want = qkdtls_handshake(io->conn);

		switch (want) {
		case QKDTLS_WANT_WRITE:
			if (!move_out(io))
				return want;
			break;
		case QKDTLS_WANT_READ:
			if (!move_in(io))
				return want;
			break;
		case QKDTLS_FAILED:
			/* Unsent or not: it has failed anyhow. */
			if (!io->error)
				(void)qkdtls_ktls_alert(io->conn, io->fd);
			return want;
		case QKDTLS_DONE:
			/* Done only by believing in bytes that never went out */
			return io->error ? QKDTLS_FAILED : QKDTLS_DONE;
		default:
			return want;
		}
	}
}

void handshake_io_abort(struct handshake_io *io, enum qkdtls_alert alert, const char *reason)
{
	qkdtls_abort(io->conn, alert, reason);
	while (qkdtls_handshake(io->conn) == QKDTLS_WANT_WRITE) {
		if (!move_out(io))
			return;
	}
	(void)qkdtls_ktls_alert(io->conn, io->fd);
}

void handshake_io_describe(const struct handshake_io *io, char *text, size_t size)
{
	const struct qkdtls_error *error = qkdtls_error(io->conn);
	const char *reason = error->reason ? error->reason : "";

	if (error->received != QKDTLS_ALERT_NONE)
		snprintf(text, size, "%s (alert %s received)", reason,
			 qkdtls_alert_name(error->received));
	else if (io->error)
		snprintf(text, size, "%s", strerror(io->error));
	else if (error->sent != QKDTLS_ALERT_NONE)
		snprintf(text, size, "%s (alert %s sent)", reason, qkdtls_alert_name(error->sent));
	else
		snprintf(text, size, "%s", reason);
}
