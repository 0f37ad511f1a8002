/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serving never happens as root. */
#ifndef QKDTLSD_PRIVILEGES_H
#define QKDTLSD_PRIVILEGES_H

/* Is this start allowed? Root needs @user (or NULL), another user must not give one. */
int privileges_check(const char *user);

/*
 * After keys have been read and sockets bound: becomes @user, if this is root, with its groups, for ever, and has no
 * capability. All: 0, or a negative errno after a message in the log.
 */
int privileges_drop(const char *user);

/* The same, but for CAP_NET_ADMIN, which is kept. -EPERM: it is not there. */
int privileges_drop_but_net_admin(const char *user);

#endif /* QKDTLSD_PRIVILEGES_H */
