/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocators that count and fail, of the engine and of libcrypto. The Makefile links the tests that use them with an
 * engine that allocates by them.
 */
#ifndef _QKD_SELFTESTS_MEMORY_H
#define _QKD_SELFTESTS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that are allocated, and that were at most since @peak was set */
struct memory_account {
	size_t live, peak;
};

extern struct memory_account memory_engine, memory_libcrypto;
extern unsigned long memory_countdown; /* allocations until one fails; 0: none does */
extern unsigned long memory_counted; /* allocations */

/* First of all, before libcrypto has allocated anything; false: it has */
bool memory_init(void);

/* By these the engine allocates. */
void *oom_malloc(size_t size);
void *oom_calloc(size_t count, size_t size);
void *oom_realloc(void *old, size_t size);
void oom_free(void *p);

#endif /* _QKD_SELFTESTS_MEMORY_H */
