/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All services and the loop that they run in; signals and draining. */
#ifndef QKDTLSD_DAEMON_H
#define QKDTLSD_DAEMON_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "qkdtlsd/config.h"
#include "qkdtlsd/service.h"

/**
 * struct daemon
 * @config: the file's content
 * @services: one for each of its sections
 * @event: the loop
 * @drain: timer of the drain
 * @draining: no new connections; ends with the last one
 */
struct daemon {
	struct config *config;
	struct service *services;
	sd_event *event;
	sd_event_source *drain;
	bool draining;
};

/*
 * Reads @file with the certificates and keys that it names. 0, or a negative errno after a message in the
 * log; daemon_release() is due either way.
 */
int daemon_load(struct daemon *daemon, const char *file);

/* Blocks the signals it handles, binds every listener. 0, or a negative errno after a message in the log. */
int daemon_listen(struct daemon *daemon);

/* Serves until SIGTERM or SIGINT. 0 or a negative errno. */
int daemon_run(struct daemon *daemon);

void daemon_release(struct daemon *daemon);

#endif /* QKDTLSD_DAEMON_H */
