/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All links and the loop that they run in; signals and reloading. */
#ifndef QKDKMED_DAEMON_H
#define QKDKMED_DAEMON_H

#include <systemd/sd-event.h>

#include "qkdkmed/link.h"

/**
 * struct daemon
 * @file: the configuration's name
 * @config: its content; a reference
 * @event: the loop
 * @http: all requests
 * @links: one for each of its sections "[link NAME]"
 */
struct daemon {
	const char *file;
	struct config *config;
	sd_event *event;
	struct http *http;
	struct link *links;
};

/* 0, or a negative errno after a message in the log; daemon_release() is due either way. */
int daemon_load(struct daemon *daemon, const char *file);

/* Serves until SIGTERM or SIGINT. Likewise. */
int daemon_run(struct daemon *daemon);

void daemon_release(struct daemon *daemon);

#endif /* QKDKMED_DAEMON_H */
