// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/hex.h"
#include "qkdkmed/base64.h"

#define ESCAPE_LEN 6 /* \uXXXX */

/* All ones if @low <= @c <= @high, otherwise 0 */
static unsigned int within(unsigned int c, unsigned int low, unsigned int high)
{
	return (((c - low) | (high - c)) >> 31) - 1;
}

/* The value of a digit, 0..63; 64 and more: none */
static unsigned int digit(unsigned int c)
{
	unsigned int value = 64;

	value ^= within(c, 'A', 'Z') & (value ^ (c - 'A'));
	value ^= within(c, 'a', 'z') & (value ^ (c - 'a' + 26));
	value ^= within(c, '0', '9') & (value ^ (c - '0' + 52));
	value ^= within(c, '+', '+') & (value ^ 62);
	value ^= within(c, '/', '/') & (value ^ 63);
	return value;
}

/* The next character, its escape undone, or -1: one that base64 cannot need */
static int next_char(const char **text, size_t *len)
{
	uint8_t code[2];

	if (**text != '\\') {
		(*len)--;
		return (unsigned char)*(*text)++;
	}
	if (*len >= 2 && (*text)[1] == '/') {
		*text += 2;
		*len -= 2;
		return '/';
	}
	if (*len < ESCAPE_LEN || (*text)[1] != 'u' ||
	    hex_decode(*text + 2, 2 * sizeof(code), code, sizeof(code)) < 0 || code[0])
		return -1;
	*text += ESCAPE_LEN;
	*len -= ESCAPE_LEN;
	return code[1];
}

/**
 * struct decoder
 * @bits: collected, the newest lowest
 * @count: how many of them are not written yet
 * @digits: read, modulo 4
 * @padding: '=' read
 * @written: bytes
 */
struct decoder {
	unsigned int bits;
	unsigned int count;
	unsigned int digits;
	unsigned int padding;
	size_t written;
};

static int feed(struct decoder *decoder, int c, uint8_t *out, size_t max)
{
	unsigned int value;

	if (c == '=') {
		decoder->padding++;
		return 0;
	}
	value = c < 0 ? 64 : digit((unsigned int)c);
	if (value >= 64 || decoder->padding)
		return -EINVAL;
	decoder->digits = (decoder->digits + 1) % 4;
	decoder->bits = (decoder->bits << 6 | value) & 0xfff;
	decoder->count += 6;
	if (decoder->count < 8)
		return 0;
	if (decoder->written == max)
		return -EMSGSIZE;
	decoder->count -= 8;
	out[decoder->written++] = (uint8_t)(decoder->bits >> decoder->count);
	return 0;
}

/* Whole groups of four, and nothing hidden in the bits that no byte has */
static bool complete(const struct decoder *decoder)
{
	if (decoder->bits & ((1U << decoder->count) - 1))
		return false;
	return decoder->digits ? decoder->digits != 1 && decoder->padding == 4 - decoder->digits
			       : !decoder->padding;
}

int base64_decode(const char *text, size_t len, uint8_t *out, size_t max)
{
	struct decoder decoder = { 0 };
	int ret = 0;

	while (len && !ret)
		ret = feed(&decoder, next_char(&text, &len), out, max);
	if (!ret && !complete(&decoder))
		ret = -EINVAL;
	if (!ret)
		ret = (int)decoder.written;
	else
		explicit_bzero(out, max);
	explicit_bzero(&decoder, sizeof(decoder));
	return ret;
}
