/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An established connection as a byte stream, whoever protects its records. Nothing here waits. */
#ifndef _QKDTLS_STREAM_H
#define _QKDTLS_STREAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <qkd/qkdtls.h>

#include "common/ktls_io.h"

/* A buffer of this size takes what any one record holds. */
#define STREAM_CHUNK KTLS_RECORD_MAX

struct stream {
	struct qkdtls_conn *conn;
	int fd;
	bool kernel;
	bool closed; /* close_notify is queued or sent */
};

/*
 * Bytes, or: -EAGAIN: none now, wait for POLLIN (unless stream_flush() has something to write); -ENODATA:
 * the peer's close_notify; -EKEYEXPIRED: the peer changed its key and this kernel cannot follow;
 * -ECONNRESET: ended or cut off by the peer, qkdtls_error() may know its alert; another: broken.
 * @len at least STREAM_CHUNK.
 */
ssize_t stream_read(struct stream *stream, void *buf, size_t len);

/* Bytes taken, or: -EAGAIN: wait for POLLOUT; another: broken */
ssize_t stream_write(struct stream *stream, const void *buf, size_t len);

/* What the engine itself has to send. 0: nothing is left; -EAGAIN: wait for POLLOUT; another: broken */
int stream_flush(struct stream *stream);

/* Sends close_notify: 0, or -EAGAIN: call again on POLLOUT, or broken. No stream_write() after the first call. */
int stream_close(struct stream *stream);

/* Ends it with a fatal alert, as far as the socket takes it now. */
void stream_abort(struct stream *stream, enum qkdtls_alert alert);

#endif /* _QKDTLS_STREAM_H */
