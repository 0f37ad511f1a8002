// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/known.c tls/buf.c stand_engine.c stand_pki.c stand_memcmp.c stand_memcpy.c
 * UNWIND: 5
 * FLAGS: --malloc-may-fail --malloc-fail-null
 * BOUND: a list of certificates of up to 64 KiB; any number of chains of any length is known
 * VARIANTS: find add
 */
#include "prove.h"

int pthread_mutex_lock(pthread_mutex_t *lock)
{
	return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *lock)
{
	return 0;
}

static bool find(struct qkdtls_known *known, struct qkdtls_cursor list)
{
	return qkdtls_known_find(known, nondet_bool(), list, nondet_int());
}

static bool add(struct qkdtls_known *known, struct qkdtls_cursor list)
{
	const unsigned int oldest = known->oldest;

	qkdtls_known_add(known, nondet_bool(), list, nondet_int(),
			 (struct qkdtls_chain *)any_bytes(1));
	return known->oldest != oldest;
}

void harness(void)
{
	struct qkdtls_known known;
	const struct qkdtls_cursor list = any_input(65536);

	for (size_t i = 0; i < QKDTLS_KNOWN_MAX; i++) {
		assume(known.chain[i].len <= QKDTLS_KNOWN_LIST_MAX);
		known.chain[i].list = malloc(known.chain[i].len);
		known.chain[i].chain =
			known.chain[i].list ? (struct qkdtls_chain *)any_bytes(1) : NULL;
	}
	assume(known.oldest < QKDTLS_KNOWN_MAX);
	REACHED(VARIANT(&known, list), "a chain is found, or takes a place");
	check(known.oldest < QKDTLS_KNOWN_MAX, "the next place is one");
}
