// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qkdkmed/veil.h"

#define MARK	    '@'
#define MARK_DIGITS 10
#define FILLER	    '.'

static const char secret_name[] = "key";

static size_t skip_space(const char *text, size_t len, size_t pos)
{
	while (pos < len &&
	       (text[pos] == ' ' || text[pos] == '\t' || text[pos] == '\n' || text[pos] == '\r'))
		pos++;
	return pos;
}

/* @pos is behind a string's opening quote. Where its closing quote stands, or @len */
static size_t string_end(const char *text, size_t len, size_t pos)
{
	while (pos < len && text[pos] != '"')
		pos += text[pos] == '\\' ? 2 : 1;
	return pos < len ? pos : len;
}

/* @pos is behind a string's closing quote. Behind the opening quote of its value, if it is a member's name, or 0 */
static size_t value_of(const char *text, size_t len, size_t pos)
{
	pos = skip_space(text, len, pos);
	if (pos == len || text[pos] != ':')
		return 0;
	pos = skip_space(text, len, pos + 1);
	return pos < len && text[pos] == '"' ? pos + 1 : 0;
}

static void put_mark(char *veiled, size_t begin, size_t end)
{
	char mark[1 + MARK_DIGITS + 1];

	memset(veiled + begin, FILLER, end - begin);
	if (end - begin < VEIL_MIN)
		return;
	snprintf(mark, sizeof(mark), "%c%0*u", MARK, MARK_DIGITS, (unsigned int)begin);
	memcpy(veiled + begin, mark, sizeof(mark) - 1);
}

void veil_make(const char *text, size_t len, char *veiled)
{
	const size_t name_len = sizeof(secret_name) - 1;
	size_t pos = 0, end, value;

	memcpy(veiled, text, len);
	while (pos < len) {
		if (text[pos++] != '"')
			continue;
		end = string_end(text, len, pos);
		value = end < len ? value_of(text, len, end + 1) : 0;
		if (value && end - pos == name_len && !memcmp(text + pos, secret_name, name_len)) {
			end = string_end(text, len, value);
			put_mark(veiled, value, end);
		}
		pos = end + 1;
	}
}

const char *veil_lift(const char *text, size_t len, const char *veiled, const char *value,
		      size_t value_len)
{
	unsigned long begin;

	if (value_len < VEIL_MIN || value[0] != MARK ||
	    strspn(value + 1, "0123456789") != MARK_DIGITS)
		return NULL;
	begin = strtoul(value + 1, NULL, 10);
	if (begin >= len || value_len > len - begin || memcmp(veiled + begin, value, value_len))
		return NULL;
	return text + begin;
}
