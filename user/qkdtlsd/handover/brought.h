/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program may bring: looked at before anything is done with it, as nothing about it can be taken for granted. */
#ifndef QKDTLSD_BROUGHT_H
#define QKDTLSD_BROUGHT_H

#include <qkd/handover.h>

/*
 * Receives a request and its descriptor from the UNIX socket @fd. 0, and @brought is the caller's; -EAGAIN: there is none yet; -EPIPE:
 * the other end has gone; else the negative of struct qkdtls_handover_reply's errors, and nothing is left open.
 */
int brought_receive(int fd, struct qkdtls_handover_request *request, int *brought);

/* A TCP socket that the kernel's TLS can take? Likewise */
int brought_check(int fd);

/* close() must not wait for the peer, as it would if the program had set so and has gone meanwhile. */
void brought_do_not_linger(int fd);

/* For a socket that goes back, or whose program has gone: closes it without waiting. */
void brought_close(int fd);

/* What such an error is, as a sentence */
const char *brought_problem(int error);

#endif /* QKDTLSD_BROUGHT_H */
