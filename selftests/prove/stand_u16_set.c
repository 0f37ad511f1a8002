// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for u16_set.c, which has a proof of its own: any answer, as from a set of any content. */
#include "prove.h"

void qkdtls_u16_set_init(struct qkdtls_u16_set *set)
{
	check(__CPROVER_w_ok(set, sizeof(*set)), "there is a set");
}

bool qkdtls_u16_set_has(const struct qkdtls_u16_set *set, uint16_t value)
{
	check(__CPROVER_r_ok(set, sizeof(*set)), "there is a set");
	return nondet_bool();
}

bool qkdtls_u16_set_add(struct qkdtls_u16_set *set, uint16_t value)
{
	check(__CPROVER_w_ok(set, sizeof(*set)), "there is a set");
	return nondet_bool();
}
