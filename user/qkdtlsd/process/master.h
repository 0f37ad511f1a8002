/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that was started: reads, binds, forks, starts again, reloads. It serves nobody and has no private key. */
#ifndef QKDTLSD_MASTER_H
#define QKDTLSD_MASTER_H

/*
 * Runs by the configuration @file until SIGTERM or SIGINT; started as root, its processes become @user. 0, or a negative errno
 * after a message in the log.
 */
int master_run(const char *file, const char *user);

#endif /* QKDTLSD_MASTER_H */
