/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKD_COMMON_PROCESS_H
#define _QKD_COMMON_PROCESS_H

#include <stdint.h>

/*
 * For a process that will hold secrets, to be called first: no core files, no reading of its memory
 * by other processes of the user (PR_SET_DUMPABLE 0), pages kept out of swap as far as limits
 * allow, SIGPIPE ignored. 0 or a negative errno; memory that cannot be locked is no failure.
 */
int process_harden(void);

/* Raises the limit of open files to @need, as far as the hard limit lets it. How many there may be now */
uint64_t process_allow_files(uint64_t need);

#endif /* _QKD_COMMON_PROCESS_H */
