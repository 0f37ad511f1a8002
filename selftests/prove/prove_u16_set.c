// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/u16_set.c
 * UNWIND: 2
 * FLAGS: --arrays-uf-always
 * BOUND: a set of any content, all values
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_u16_set set;
	const uint16_t value = nondet_u16(), other = nondet_u16();
	const bool was = qkdtls_u16_set_has(&set, value);
	const bool other_was = qkdtls_u16_set_has(&set, other);

	check(qkdtls_u16_set_add(&set, value) == !was, "it says whether it was new");
	check(qkdtls_u16_set_has(&set, value), "what was added is there");
	check(value == other || qkdtls_u16_set_has(&set, other) == other_was,
	      "nothing else changes");
	REACHED(!was && other_was, "a value is added beside another");
	qkdtls_u16_set_init(&set);
	check(!qkdtls_u16_set_has(&set, value), "a new set is empty");
}
