/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Non-blocking, close-on-exec TCP sockets with TCP_NODELAY. */
#ifndef _QKD_COMMON_TCP_H
#define _QKD_COMMON_TCP_H

#include <netdb.h>
#include <sys/socket.h>

/* A listening socket on one address of address_resolve(), or a negative errno */
int tcp_listen(const struct addrinfo *ai);

/* A connection that has come in, or a negative errno (-EAGAIN: none) */
int tcp_accept(int listener);

/*
 * A socket on its way to one address of address_resolve(), or a negative errno; when it becomes
 * writable, tcp_connect_result() says how it went: 0 or a negative errno.
 */
int tcp_connect(const struct addrinfo *ai);
int tcp_connect_result(int fd);

#endif /* _QKD_COMMON_TCP_H */
