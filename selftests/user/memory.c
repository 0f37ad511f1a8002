// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

struct memory_account memory_engine, memory_libcrypto;
unsigned long memory_countdown;
unsigned long memory_counted;

static bool fails(void)
{
	memory_counted++;
	return memory_countdown && !--memory_countdown;
}

static void *book(struct memory_account *account, void *p)
{
	if (p)
		account->live += malloc_usable_size(p);
	if (account->live > account->peak)
		account->peak = account->live;
	return p;
}

static void unbook(struct memory_account *account, void *p)
{
	account->live -= malloc_usable_size(p);
}

void *oom_malloc(size_t size)
{
	return fails() ? NULL : book(&memory_engine, malloc(size));
}

void *oom_calloc(size_t count, size_t size)
{
	return fails() ? NULL : book(&memory_engine, calloc(count, size));
}

static void *resize(struct memory_account *account, void *old, size_t size)
{
	const size_t before = malloc_usable_size(old);
	void *p = realloc(old, size);

	if (!p)
		return NULL;
	account->live -= before;
	return book(account, p);
}

void *oom_realloc(void *old, size_t size)
{
	return fails() ? NULL : resize(&memory_engine, old, size);
}

void oom_free(void *p)
{
	unbook(&memory_engine, p);
	free(p);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	return fails() ? NULL : book(&memory_libcrypto, malloc(size));
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
	if (!size) {
		unbook(&memory_libcrypto, old);
		free(old);
		return NULL;
	}
	return fails() ? NULL : resize(&memory_libcrypto, old, size);
}

static void crypto_free(void *p, const char *file, int line)
{
	unbook(&memory_libcrypto, p);
	free(p);
}

bool memory_init(void)
{
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1)
		return true;
	fputs("libcrypto does not take memory functions\n", stderr);
	return false;
}
