/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKDCTL_SEED_H
#define _QKDCTL_SEED_H

/*
 * Opens a file with a simulated link's seed, for the kernel to read: this process never sees what is in
 * it. Returns a file descriptor, or -1 with what is wrong, and what to do, in @problem (PROBLEM_LEN of
 * args.h). Refused are files that others may have read or written.
 */
int seed_open(const char *path, char *problem);

#endif /* _QKDCTL_SEED_H */
