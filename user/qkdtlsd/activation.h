/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets that were there before the daemon: bound by systemd, or whoever does as sd_listen_fds(3) says. The master keeps them for
 * as long as it lives, so that they outlast reloads.
 */
#ifndef QKDTLSD_ACTIVATION_H
#define QKDTLSD_ACTIVATION_H

#include <netdb.h>
#include <stdbool.h>

#include "qkdtlsd/config.h"

/* Takes them over, and the environment has nothing of them any more. 0, or a negative errno after a message in the log */
int activation_take(void);

/* Before services are bound: none is used. */
void activation_begin(void);

/*
 * The descriptor, which stays here, of the @n-th socket that has @service's name, and is now used; -ENOENT: there are no more;
 * -EPROTOTYPE, after a message in the log: it is not what the service needs.
 */
int activation_named(const struct service_config *service, unsigned int n);

/* Likewise of one that is bound to this address */
int activation_at(const struct addrinfo *ai);

/* After services are bound: 0, or -ENOENT after a message in the log about one that no service uses */
int activation_check(void);

/* Does the service have its UNIX socket from there? */
bool activation_has(const struct service_config *service);

#endif /* QKDTLSD_ACTIVATION_H */
