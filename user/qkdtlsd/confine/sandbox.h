/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is left to a process that reads what strangers send, and to the one that has the private keys, should either be taken
 * over: few system calls (filter.h), few names (landlock.h).
 */
#ifndef QKDTLSD_SANDBOX_H
#define QKDTLSD_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

/* The master's, at the start: says in the log what this machine has of it. 0, or a negative errno after a message in the log */
int sandbox_check(void);

/*
 * This process has been set up, has one thread and no_new_privs, and serves from now on. A worker may connect to the TCP @ports,
 * @count of them. Both: 0, or a negative errno after a message in the log.
 */
int sandbox_enter_worker(const uint16_t *ports, size_t count);
int sandbox_enter_signer(void);

/* To the log, when @who has been killed by SIGSYS: what that means */
void sandbox_explain(const char *who);

#endif /* QKDTLSD_SANDBOX_H */
