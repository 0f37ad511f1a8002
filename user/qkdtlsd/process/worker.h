/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that serves connections, and has no private key. */
#ifndef QKDTLSD_WORKER_H
#define QKDTLSD_WORKER_H

#include "qkdtlsd/daemon.h"

/* No new connections; ends with the last of those that are open, however long that takes */
#define WORKER_RETIRE SIGHUP

/*
 * Serves until it is told to stop: by SIGTERM, which gives what is open drain-timeout, a second one, which does not, or
 * WORKER_RETIRE. @signing: the socket to the signer; @jobs: the one from the agent, or -1; @number: which worker it is. 0, or a negative errno after a message in
 * the log.
 */
int worker_run(struct daemon *daemon, int signing, int jobs, unsigned int number);

#endif /* QKDTLSD_WORKER_H */
