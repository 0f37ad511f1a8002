/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection from its first byte to its last, either role */
#ifndef _QKDTLS_SESSION_H
#define _QKDTLS_SESSION_H

#include "qkdtls/endpoint.h"

enum session_result {
	SESSION_ENDED,
	SESSION_FAILED, /* standard error says why */
	SESSION_STOPPED, /* a signal came */
};

/* Does the handshake on the connected socket @fd, reports, copies. Does not close @fd. */
enum session_result session_run(struct endpoint *endpoint, int fd, int stop_fd);

#endif /* _QKDTLS_SESSION_H */
