/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which service a handshake that the kernel wants belongs to. */
#ifndef QKDTLSD_CHOICE_H
#define QKDTLSD_CHOICE_H

#include "qkdtlsd/service.h"
#include "qkdtlsd/agent/upcall.h"

/**
 * struct choice
 * @service: the first in the configuration that fits; NULL: none
 * @error: then what the kernel is told, a negative errno
 * @reason: and what the log says
 */
struct choice {
	struct service *service;
	int error;
	const char *reason;
};

/*
 * A service fits that is from the kernel, has the role, has the peer's address in peer-address, and has a certificate if and only if
 * this end is to prove itself by one; and whose peer-name is the one that the kernel gives, if that is a name and not an
 * address. The socket must be a connected TCP socket.
 */
void choose(struct service *services, const struct upcall_request *request, struct choice *choice);

#endif /* QKDTLSD_CHOICE_H */
