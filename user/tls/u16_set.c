// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "tls/internal.h"

void qkdtls_u16_set_init(struct qkdtls_u16_set *set)
{
	memset(set, 0, sizeof(*set));
}

bool qkdtls_u16_set_has(const struct qkdtls_u16_set *set, uint16_t value)
{
	return set->bits[value / 8] & (1 << value % 8);
}

bool qkdtls_u16_set_add(struct qkdtls_u16_set *set, uint16_t value)
{
	if (qkdtls_u16_set_has(set, value))
		return false;
	set->bits[value / 8] |= (uint8_t)(1 << value % 8);
	return true;
}
