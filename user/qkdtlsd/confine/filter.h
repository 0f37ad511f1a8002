/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which system calls are left to a process, by seccomp. Any other ends it at once, with SIGSYS. */
#ifndef QKDTLSD_FILTER_H
#define QKDTLSD_FILTER_H

#include <stdbool.h>

enum filter_process {
	FILTER_WORKER = 1,
	FILTER_SIGNER = 2,
};

/* Can this kernel do it? */
bool filter_supported(void);

/*
 * For ever, for this process, which has one thread and is not to fork any more. @confined: by Landlock, too, so that files may
 * be opened to read; otherwise EACCES answers that. 0 or a negative errno: nothing has changed.
 */
int filter_install(enum filter_process process, bool confined);

#endif /* QKDTLSD_FILTER_H */
