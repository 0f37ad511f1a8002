/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's fault injection: one call's chances to fail, one by one. */
#ifndef _FAULTS_H
#define _FAULTS_H

#include <stdio.h>

#include "qkd_test.h"

#define FAULTS	"/sys/kernel/debug/"
#define NTH_MAX 2000 /* no call has so many chances */

static inline int set(const char *kind, const char *what, const char *value)
{
	char path[128];
	ssize_t done;
	int fd;

	snprintf(path, sizeof(path), FAULTS "%s/%s", kind, what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	done = write(fd, value, strlen(value));
	close(fd);
	return done == (ssize_t)strlen(value) ? 0 : -EIO;
}

/* Of all contexts and sizes, silently */
static inline int prepare_faults(void)
{
	return set("failslab", "ignore-gfp-wait", "N") ?:
	       set("failslab", "verbose", "0") ?:
	       set("fail_page_alloc", "ignore-gfp-wait", "N") ?:
	       set("fail_page_alloc", "ignore-gfp-highmem", "N") ?:
	       set("fail_page_alloc", "min-order", "0") ?:
	       set("fail_page_alloc", "verbose", "0") ?:
	       set("fail_usercopy", "verbose", "0");
}

/*
 * The file that arms a fault and tells what is left of the count; opened before, since opening it has chances of its
 * own. So has reading it: with one chance left it is the reading that fails.
 */
static int nth_file;

static inline int set_nth(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(nth_file, text, (size_t)len, 0) == len ? 0 : -errno;
}

/* Whether the fault that was armed has been injected */
static inline bool was_injected(void)
{
	char text[16] = "";

	return pread(nth_file, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;
}

/* What is left must not befall what follows. Taking it back may itself be what fails, and uses it up then. */
static inline void disarm(void)
{
	while (set_nth(0))
		;
}

#endif /* _FAULTS_H */
