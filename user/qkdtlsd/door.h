/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UNIX socket of a service that sockets are handed over to: its file, who may connect to it. The master's */
#ifndef QKDTLSD_DOOR_H
#define QKDTLSD_DOOR_H

#include <netdb.h>
#include <sys/un.h>

#include "qkdtlsd/config.h"
#include "qkdtlsd/daemon.h"

/**
 * struct door_address - its address as those of getaddrinfo()
 * @ai: points to @sa
 * @sa: the path
 */
struct door_address {
	struct addrinfo ai;
	struct sockaddr_un sa;
};

void door_address(const struct service_config *config, struct door_address *address);

/*
 * A listening socket, made with nobody's permission, which door_set_access() changes. A socket file that nobody listens at any
 * more is replaced. Or a negative errno: -EADDRINUSE, somebody does, or the file is another one
 */
int door_listen(const struct service_config *config);

/* The file may have been taken away, and with it the way to the socket. */
bool door_is_there(const struct service_config *config);

/* Owner, group and mode, as far as @config gives them: 0, or a negative errno after a message in the log */
int door_set_access(const struct service_config *config);

/* @new does not come to serve: removes the files that it has made, and @old, which may be NULL, has not. */
void doors_withdraw(const struct daemon *new, const struct daemon *old);

/* Removes the files of @old that @new, which may be NULL, has not. Those that systemd has bound stay. */
void doors_remove(const struct daemon *old, const struct daemon *new);

#endif /* QKDTLSD_DOOR_H */
