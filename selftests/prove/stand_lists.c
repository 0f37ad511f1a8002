// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for the lists of a configuration in suite.c: the first item of the number, or none. */
#include "prove.h"

#define FIND(list, wanted)                                       \
	do {                                                     \
		for (size_t i = 0; i < (list)->count; i++)       \
			if ((list)->item[i]->number == (wanted)) \
				return (list)->item[i];          \
		return NULL;                                     \
	} while (0)

const struct qkdtls_suite *qkdtls_suite_list_find(const struct qkdtls_suite_list *list,
						  uint16_t number)
{
	FIND(list, number);
}

const struct qkdtls_group *qkdtls_group_list_find(const struct qkdtls_group_list *list,
						  uint16_t number)
{
	FIND(list, number);
}

const struct qkdtls_scheme *qkdtls_scheme_list_find(const struct qkdtls_scheme_list *list,
						    uint16_t number)
{
	FIND(list, number);
}
