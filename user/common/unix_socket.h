/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UNIX sockets with a file: listening at one, and connecting to it. */
#ifndef _QKD_COMMON_UNIX_SOCKET_H
#define _QKD_COMMON_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1) /* characters */

/* 0, or -ENAMETOOLONG, -ENOENT for an empty @path */
int unix_address(const char *path, struct sockaddr_un *sa, socklen_t *len);

/*
 * A listening socket of this @type, non-blocking and closed by exec(), whose file nobody may connect to before its mode is changed.
 * A socket file that nobody listens at any more is replaced. Or a negative errno: -EADDRINUSE, somebody does, or the file is
 * another one
 */
int unix_listen(const char *path, int type);

/* A connected socket of this @type, or a negative errno; waits for the other end's queue */
int unix_connect(const char *path, int type);

/* Whether the file is there and a socket's */
bool unix_is_there(const char *path);

#endif /* _QKD_COMMON_UNIX_SOCKET_H */
