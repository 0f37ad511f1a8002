/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moves a handshake's bytes between an engine's connection and a socket, and never waits for it, whether that is non-blocking or not. */
#ifndef _QKD_COMMON_HANDSHAKE_IO_H
#define _QKD_COMMON_HANDSHAKE_IO_H

#include <stddef.h>
#include <qkd/qkdtls.h>

/* A server whose key has not come yet asks its PSK source again after this time. */
#define HANDSHAKE_PSK_RETRY_MS 20

/**
 * struct handshake_io - one handshake on its socket; both belong to the caller
 * @conn: the connection
 * @fd: a connected socket
 * @error: errno of the transport's first failure, 0 if there was none
 */
struct handshake_io {
	struct qkdtls_conn *conn;
	int fd;
	int error;
};

/*
 * Goes on until the socket would block. QKDTLS_WANT_READ, QKDTLS_WANT_WRITE: wait until @fd is
 * readable, writable, and call again; QKDTLS_WANT_PSK: wait for the PSK source, as <qkd/qkdtls.h>
 * says; QKDTLS_DONE: the next byte in the socket belongs to the application's records;
 * QKDTLS_FAILED: over, whatever alert was due has been written as far as the socket took it.
 */
enum qkdtls_want handshake_io_step(struct handshake_io *io);

/* The caller gives up: sends @alert, as far as the socket takes it now. The handshake has failed.
 */
void handshake_io_abort(struct handshake_io *io, enum qkdtls_alert alert, const char *reason);

/* After QKDTLS_FAILED: "reason (alert decrypt_error received)", for a log line */
void handshake_io_describe(const struct handshake_io *io, char *text, size_t size);

#endif /* _QKD_COMMON_HANDSHAKE_IO_H */
