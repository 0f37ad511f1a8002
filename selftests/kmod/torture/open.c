// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of links in other namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "torture.h"

static int home; /* the network namespace that threads are in but to open a file */

int open_home(void)
{
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return home < 0 ? -errno : 0;
}

/* Opens the link of an end, in its namespace. A pair that ends meanwhile is none. */
static int open_in_namespace(struct board *board, int pair, int end, int flags)
{
	char path[64];
	int ns, fd = -ENODEV;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)board->controller,
		 atomic_load(&board->pairs[pair].ns[end]));
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -ENODEV;
	if (!setns(ns, CLONE_NEWNET))
		fd = qkd_open(LINK, flags);
	close(ns);
	if (setns(home, CLONE_NEWNET))
		abort();
	return fd;
}

/* The same, and which life of the pair it is; or a negative errno, if there is none */
int open_at(struct board *board, int pair, int end, int flags, int *life)
{
	int fd;

	*life = atomic_load(&board->pairs[pair].life);
	if (*life < 0)
		return -ENODEV;
	fd = open_in_namespace(board, pair, end, flags);
	/* Lives are never counted twice: if it is the same now, it was when the file was opened. */
	if (fd >= 0 && atomic_load(&board->pairs[pair].life) != *life) {
		close(fd);
		return -ENODEV;
	}
	return fd;
}
