/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters of all services, for qkdctl stats and whoever else may connect to a UNIX socket: who does gets one JSON document,
 * as qkdtlsd(8) describes it, and the end of the stream. Nothing is read from him. The master's
 */
#ifndef QKDTLSD_STATS_H
#define QKDTLSD_STATS_H

#include <systemd/sd-event.h>

struct daemon;
struct stats;

/* The socket's file: owner and group of the daemon may connect. */
#define STATS_MODE 0660

/*
 * Listens at @path. @current tells whose counters are asked for, each time. 0 and *@stats, for stats_end(); or a negative errno
 * after a message in the log
 */
int stats_begin(struct stats **stats, const char *path, sd_event *event,
		const struct daemon *(*current)(void *arg), void *arg);

/* Where it listens */
const char *stats_path(const struct stats *stats);

/* Removes the socket's file, too. NULL does nothing. */
void stats_end(struct stats *stats);

#endif /* QKDTLSD_STATS_H */
