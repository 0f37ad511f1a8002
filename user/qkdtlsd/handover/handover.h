/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that bring their connected socket: the daemon's side of <qkd/handover.h>, in a worker. Who may is a matter of the UNIX
 * socket's owner, group and mode; who did is in the log.
 */
#ifndef QKDTLSD_HANDOVER_H
#define QKDTLSD_HANDOVER_H

struct handover;
struct service;

/* Takes a connection that waits at the UNIX socket @fd of @service: 0, or a negative errno (-EAGAIN: none). */
int handover_accept(struct service *service, int fd);

/* Ends one that has not brought its socket yet. */
void handover_stop(struct handover *handover);

/* For the service's list */
struct handover *handover_next(const struct handover *handover);

#endif /* QKDTLSD_HANDOVER_H */
