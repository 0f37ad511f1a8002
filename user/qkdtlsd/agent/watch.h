/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections that the kernel uses under keys of ours. Whoever uses them there knows neither limits of keys nor KeyUpdates: so a
 * connection whose key has reached a limit of its service is cut off here. Looked at once a second, which is often enough:
 * the limit for records leaves more room below what a key may protect than a second can fill.
 */
#ifndef QKDTLSD_WATCH_H
#define QKDTLSD_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "qkdtlsd/service.h"

struct watched;

/**
 * struct watch
 * @event: the loop
 * @timer: when to look, while there is something to look at
 * @list: all of them
 * @on_empty: called with @arg when the last one has gone
 */
struct watch {
	sd_event *event;
	sd_event_source *timer;
	struct watched *list;
	void (*on_empty)(void *arg);
	void *arg;
};

int watch_begin(struct watch *watch, sd_event *event, void (*on_empty)(void *arg), void *arg);
void watch_end(struct watch *watch); /* The connections go on. */

/* Takes @fd, of a connection that begins now with @suite. 0, or a negative errno: it is not watched, and @fd the caller's. */
int watch_add(struct watch *watch, const struct service *service, int fd, uint16_t suite);

bool watch_is_empty(const struct watch *watch);
unsigned int watch_count(const struct watch *watch, const struct service *service);

#endif /* QKDTLSD_WATCH_H */
