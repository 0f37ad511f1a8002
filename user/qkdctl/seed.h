/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKDCTL_SEED_H
#define _QKDCTL_SEED_H

/*
 * Copies a file with a simulated link's seed into a sealed memfd, the only kind of file that the kernel
 * reads a seed from. Returns its descriptor, or -1 with what is wrong, and what to do, in @problem
 * (PROBLEM_LEN of args.h). Refused are files that others may have read or written. The seed passes
 * through this process: process_harden() first.
 */
int seed_open(const char *path, char *problem);

#endif /* _QKDCTL_SEED_H */
