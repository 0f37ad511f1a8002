/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals as events of a daemon's loop. */
#ifndef _QKD_COMMON_SIGNALS_H
#define _QKD_COMMON_SIGNALS_H

#include <stddef.h>
#include <systemd/sd-event.h>

struct signal_event {
	int number;
	sd_event_signal_handler_t handler;
};

/*
 * Blocks these signals and has the loop call their handlers with @arg, for as long as it lives: all of them are
 * blocked before the first one is heard. 0 or a negative errno.
 */
int signals_add(sd_event *event, const struct signal_event *signals, size_t count, void *arg);

#endif /* _QKD_COMMON_SIGNALS_H */
