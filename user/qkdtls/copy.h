/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves data both ways over an established connection until both ways have ended: standard input and output, or the
 * peer's own data back.
 */
#ifndef _QKDTLS_COPY_H
#define _QKDTLS_COPY_H

#include <stdbool.h>
#include <qkd/qkdtls.h>

/**
 * struct copy_result - how it ended
 * @error: 0, or a negative errno; -EINTR: told to stop
 * @where: what failed: "connection", "standard input", "standard output"
 */
struct copy_result {
	int error;
	const char *where;
};

/* @fd does not block. Readable @stop_fd ends it early, with close_notify as far as the socket takes it. */
struct copy_result copy_run(struct qkdtls_conn *conn, int fd, bool echo, int stop_fd);

#endif /* _QKDTLS_COPY_H */
