/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All services of a configuration: what the master reads and binds, and workers serve. */
#ifndef QKDTLSD_DAEMON_H
#define QKDTLSD_DAEMON_H

#include "qkdtlsd/config.h"
#include "qkdtlsd/service.h"

/**
 * struct daemon
 * @config: the file's content
 * @services: one for each of its sections
 */
struct daemon {
	struct config *config;
	struct service *services;
};

/*
 * Reads @file with the certificates that it names; private keys are the signer's. 0, or a negative errno after a message in the
 * log; daemon_release() is due either way.
 */
int daemon_load(struct daemon *daemon, const char *file);

/* Binds every listener, as far as @old, which may be NULL, does not have it. 0, or a negative errno after a message in the log. */
int daemon_bind(struct daemon *daemon, const struct daemon *old);

/* Sockets that all services together may listen at */
#define LISTENERS_MAX 1024

/* All sockets that are bound, of which there are no more; how many */
size_t daemon_sockets(const struct daemon *daemon, int fds[LISTENERS_MAX]);

/* Connections of this worker that have not ended */
unsigned int daemon_open(const struct daemon *daemon);

/* The numbers of each service to the log */
void daemon_report(const struct daemon *daemon);

void daemon_release(struct daemon *daemon);

#endif /* QKDTLSD_DAEMON_H */
