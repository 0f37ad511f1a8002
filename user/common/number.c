// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>

#include "common/number.h"

int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t n = 0, digit;
	bool over = false;

	if (!*text)
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		digit = (uint64_t)(*c - '0');
		over |= n > (UINT64_MAX - digit) / 10;
		n = n * 10 + digit;
	}
	if (over || n < min || n > max)
		return -ERANGE;
	*value = n;
	return 0;
}

int number_parse(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t n;
	int ret = number_parse_u64(text, min, max, &n);

	if (!ret)
		*value = (uint32_t)n;
	return ret;
}
