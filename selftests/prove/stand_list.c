// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for the look into a list of numbers, which is in ext_hello.c and has a proof with supported_versions. */
#include "prove.h"

bool qkdtls_list_has(struct qkdtls_cursor list, uint16_t number)
{
	check(sound(&list), "a list is a sound cursor");
	return nondet_bool();
}
