// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "common/number.h"

int number_parse(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		if (n <= UINT32_MAX)
			n = n * 10 + (uint64_t)(*c - '0');
	}
	if (n < min || n > max)
		return -ERANGE;
	*value = (uint32_t)n;
	return 0;
}
