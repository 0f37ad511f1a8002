/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running qkdtlsd counts, as it tells at its UNIX socket. */
#ifndef _QKDCTL_DAEMON_STATS_H
#define _QKDCTL_DAEMON_STATS_H

#include <json-c/json.h>

/* Where the packages' unit has it */
#define DAEMON_STATS_PATH "/run/qkdtlsd/stats"

/* The document is longer than any that 256 services make. */
#define DAEMON_STATS_MAX (1024 * 1024)

/* The numbers of a service, beside those of "ends" */
#define DAEMON_STATS_NUMBERS 5
extern const char *const daemon_stats_numbers[DAEMON_STATS_NUMBERS];

/*
 * An array with an object for each service, to be given back, in *@services. 0, or a negative errno: that of connecting;
 * -ETIMEDOUT; -EBADMSG: what came is not that
 */
int daemon_stats_read(const char *path, struct json_object **services);

#endif /* _QKDCTL_DAEMON_STATS_H */
