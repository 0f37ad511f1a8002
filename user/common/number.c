// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* strtod() takes more: spaces, signs, hexadecimal, infinities, and a locale's own decimal point. */
static bool is_real(const char *text)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits), part;

	if (!whole)
		return false;
	text += whole;
	if (*text == '.') {
		part = strspn(++text, digits);
		if (!part)
			return false;
		text += part;
	}
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		part = strspn(text, digits);
		if (!part)
			return false;
		text += part;
	}
	return !*text;
}

int number_parse_real(const char *text, double min, double max, double *value)
{
	double n;

	if (!is_real(text))
		return -EINVAL;
	n = strtod(text, NULL);
	if (!(n >= min && n <= max))
		return -ERANGE;
	*value = n;
	return 0;
}
