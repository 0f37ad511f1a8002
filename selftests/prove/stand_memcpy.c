// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for memcpy() where all content is any content already: whether it may copy is all there is to see. */
#include "prove.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	check(__CPROVER_w_ok(to, len) && __CPROVER_r_ok(from, len), "what is copied is there");
	check(!len || !__CPROVER_same_object(to, from) ||
		      (const char *)to + len <= (const char *)from ||
		      (const char *)from + len <= (const char *)to,
	      "what is copied does not overlap");
	return to;
}
