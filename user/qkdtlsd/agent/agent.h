/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that serves the kernel's net/handshake upcall (upcall.h), in tlshd's place. It has CAP_NET_ADMIN, and of
 * what comes from the network sees no more than the certificate of a peer whose handshake is done: handshakes are the workers'
 * (job.h). It also keeps a descriptor of each socket that it
 * has given back with keys, since the kernel's users of TLS know no limits of keys: at a limit the connection is cut off, and
 * NFS makes itself another one, under another key.
 */
#ifndef QKDTLSD_AGENT_H
#define QKDTLSD_AGENT_H

#include <stddef.h>

#include "qkdtlsd/daemon.h"

/*
 * Serves the services of @daemon that are "from = kernel", until told to stop: by WORKER_RETIRE, after which it ends with the
 * last connection that it watches, or SIGTERM, after which it ends with the last handshake. @workers: the agent's ends of
 * their sockets. Says by @told that the kernel asks it from now on, by a byte of 0, or what is wrong. 0, or a negative
 * errno after a message in the log.
 */
int agent_run(struct daemon *daemon, const int *workers, size_t count, int told);

#endif /* QKDTLSD_AGENT_H */
