/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process may still reach by a name: Landlock, by the system calls themselves, as far as the running kernel knows it.
 * All else that this kernel's Landlock can forbid is forbidden, for ever.
 */
#ifndef QKDTLSD_LANDLOCK_H
#define QKDTLSD_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

enum landlock_use {
	LANDLOCK_READ, /* open files to read */
	LANDLOCK_DEVICE, /* open files to read and write, with ioctl() */
};

/**
 * struct landlock_path - what may be opened
 * @path: a directory with all that is in it, now or later; one that is not there is left out
 * @use: how
 */
struct landlock_path {
	const char *path;
	enum landlock_use use;
};

/**
 * struct landlock_reach - all that is left
 * @paths: @path_count directories
 * @ports: @port_count TCP ports of others, in host byte order, that may be connected to
 */
struct landlock_reach {
	const struct landlock_path *paths;
	size_t path_count;
	const uint16_t *ports;
	size_t port_count;
};

/* The version of the kernel's interface; 0: it has none, or it is switched off */
int landlock_version(void);

/*
 * Confines this process, which has no_new_privs set, and its children. A descriptor of each path stays open. 0, also where there
 * is no Landlock; a negative errno: nothing has changed.
 */
int landlock_confine(const struct landlock_reach *reach);

#endif /* QKDTLSD_LANDLOCK_H */
