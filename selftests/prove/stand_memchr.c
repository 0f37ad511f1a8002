// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for memchr(): it reads all, and finds the byte somewhere or not at all. */
#include "prove.h"

void *memchr(const void *bytes, int wanted, size_t len)
{
	const size_t at = nondet_size();

	check(__CPROVER_r_ok(bytes, len), "what is searched is there");
	return at < len ? (uint8_t *)bytes + at : NULL;
}
