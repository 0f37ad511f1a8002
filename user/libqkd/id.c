// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <qkd/libqkd.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A dash precedes these bytes. */
static bool starts_group(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int qkd_id_parse(const char *text, uint8_t id[QKD_KEY_ID_LEN])
{
	uint8_t parsed[QKD_KEY_ID_LEN];

	if (strnlen(text, QKD_ID_TEXT_LEN + 1) != QKD_ID_TEXT_LEN)
		return -EINVAL;
	for (size_t i = 0; i < QKD_KEY_ID_LEN; i++) {
		int high, low;

		if (starts_group(i) && *text++ != '-')
			return -EINVAL;
		high = hex_value(*text++);
		low = hex_value(*text++);
		if (high < 0 || low < 0)
			return -EINVAL;
		parsed[i] = high << 4 | low;
	}
	memcpy(id, parsed, sizeof(parsed));
	return 0;
}

void qkd_id_format(const uint8_t id[QKD_KEY_ID_LEN], char text[QKD_ID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < QKD_KEY_ID_LEN; i++) {
		if (starts_group(i))
			*text++ = '-';
		*text++ = digits[id[i] >> 4];
		*text++ = digits[id[i] & 0xf];
	}
	*text = '\0';
}
